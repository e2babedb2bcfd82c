package models

import (
	"context"
	"strconv"
	"time"
)

// closeAtOnce is how many orders of one account one transaction asks to close.
const closeAtOnce = 500

// CloseRetained puts a close into the inbox of each published or cancelled order whose account's retention time has
// passed by now since its last change, unless new items on it wait for a look. It returns how many it asked; their
// workflows close them.
func (s *Store) CloseRetained(ctx context.Context, now time.Time) (int, error) {
	var accounts []Account
	if err := s.Read(AcrossAccounts(ctx)).Select("id", "retention_days").Where("retention_days > 0").Find(&accounts).Error; err != nil {
		return 0, err
	}
	asked := 0
	for _, a := range accounts {
		before := At(now.AddDate(0, 0, -a.RetentionDays))
		err := s.Write(InAccount(ctx, a.ID), func(tx *Tx) error {
			var orders []*WorkOrder
			err := tx.Where("state IN ? AND NOT hidden AND NOT has_new_items AND updated_at < ?", []State{Published, Cancelled}, before).
				Order("seq").Limit(closeAtOnce).Find(&orders).Error
			if err != nil {
				return err
			}
			for _, o := range orders {
				id := DerivedID("close by itself", o.ID, strconv.FormatInt(o.Lifecycle.Version, 10))
				if err := tx.SaveAction(&Action{ID: id, AccountID: a.ID, WorkOrderID: o.ID, Event: Close, Inbox: true}); err != nil {
					return err
				}
				if err := tx.Ring(OrderBell, o.ID); err != nil {
					return err
				}
			}
			asked += len(orders)
			return nil
		})
		if err != nil {
			return asked, err
		}
	}
	return asked, nil
}

// ForgetOld deletes what has served its time: idempotency keys after a day, feed entries after two, expired tokens, the
// logs of integrations and bulks after ninety.
func (s *Store) ForgetOld(ctx context.Context) error {
	ctx = AcrossAccounts(ctx)
	day := func(n int) Time { return At(time.Now().Add(-time.Duration(n) * 24 * time.Hour)) }
	return s.Write(ctx, func(tx *Tx) error {
		for _, old := range []struct {
			row   any
			where string
			at    Time
		}{
			{&IdempotencyKey{}, "created_at < ?", day(1)},
			{&FeedEntry{}, "at < ?", day(2)},
			{&Token{}, "expires_at < ?", day(1)},
			{&EndedToken{}, "ended_at < ?", day(365)},
			{&RateLimit{}, "ends_at < ?", Now()},
			{&SignedInFrom{}, "at < ?", day(signedInFromDays)},
			{&Action{}, "NOT inbox AND created_at < ?", day(7)},
			{&LogEntry{}, "at < ?", day(90)},
			{&SyncPoint{}, "used_at < ?", day(400)},
			{&BulkRow{}, "bulk_id IN (SELECT id FROM bulks WHERE ended_at < ?)", day(90)},
			{&Bulk{}, "ended_at < ?", day(90)},
		} {
			if err := tx.Where(old.where, old.at).Delete(old.row).Error; err != nil {
				return err
			}
		}
		return nil
	})
}
