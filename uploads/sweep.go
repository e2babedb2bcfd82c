package uploads

import (
	"context"
	"fmt"
	"slices"
	"time"

	"fieldproof/models"
)

const (
	// waitsFor is how long a whole upload is left to whoever sent it.
	waitsFor = time.Minute
	// triesFor is how long one that is refused is tried again by itself; after that its phone has to ask.
	triesFor = 24 * time.Hour
	// atOnce is how many rows one turn of the sweeper takes.
	atOnce = 200
)

// FinishWhole makes the items of uploads that are whole and that a crash left so: the photo arrives, whatever became of its
// phone. One that fails waits longer each time, behind the others. It returns how many it has finished.
func (u *Uploads) FinishWhole(ctx context.Context, now time.Time) (done int, err error) {
	var whole []*models.Upload
	q := u.Store.Read(models.AcrossAccounts(ctx)).Where("ended_at IS NULL AND received = length AND moved_at < ? AND moved_at > ?", models.At(now.Add(-waitsFor)), models.At(now.Add(-triesFor)))
	if err := models.DueForSweep(q, "moved_at", now).Limit(atOnce).Find(&whole).Error; err != nil {
		return 0, err
	}
	for _, up := range whole {
		mine := false
		err := u.Store.Write(models.InAccount(ctx, up.AccountID), func(tx *models.Tx) (err error) {
			mine, err = models.Sweep[models.Upload](tx, up.ID, &up.Swept, now)
			return err
		})
		if err == nil && !mine {
			continue
		}
		var by *models.Member
		if err == nil {
			by, err = u.Store.MemberByID(ctx, up.UserID)
		}
		if err == nil && by.Active {
			err = u.Finish(ctx, up, by)
		}
		switch {
		case err != nil && models.KindOf(err) == "":
			return done, fmt.Errorf("uploads: finish %s: %w", up.ID, err) // ours: the next turn begins with those behind it
		case up.EndedAt != nil:
			done++
		}
	}
	return done, nil
}

// Forget drops uploads whose time is over by now: those that were abandoned, and those whose photo is here since long.
func (u *Uploads) Forget(ctx context.Context, now time.Time) error {
	ctx = models.AcrossAccounts(ctx)
	for _, old := range []struct {
		where string
		age   time.Duration
	}{
		{"ended_at IS NULL AND moved_at < ?", models.UploadKept},
		{"ended_at IS NOT NULL AND ended_at < ?", models.UploadRemembered},
	} {
		for {
			var some []*models.Upload
			if err := u.Store.Read(ctx).Where(old.where, models.At(now.Add(-old.age))).Limit(atOnce).Find(&some).Error; err != nil {
				return err
			}
			for _, up := range some {
				if err := u.Drop(ctx, up); err != nil {
					return err
				}
			}
			if len(some) < atOnce {
				break
			}
		}
	}
	return nil
}

// OrphanedPieces deletes bytes that no piece names and that came in the three days before.
func (u *Uploads) OrphanedPieces(ctx context.Context, before time.Time) error {
	ctx = models.AcrossAccounts(ctx)
	for age := time.Duration(0); age < 72*time.Hour; age += time.Hour {
		var keys []string
		if err := u.Blobs.Keys(ctx, Prefix(before.Add(-age-time.Hour)), func(key string) error { keys = append(keys, key); return nil }); err != nil {
			return err
		}
		for some := range slices.Chunk(keys, 500) {
			var named []string
			if err := u.Store.Read(ctx).Model(&models.UploadPiece{}).Where("blob_key IN ?", some).Pluck("blob_key", &named).Error; err != nil {
				return err
			}
			for _, key := range some {
				if slices.Contains(named, key) {
					continue
				}
				if err := u.Blobs.Delete(ctx, key); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
