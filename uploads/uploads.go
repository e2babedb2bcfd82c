// Package uploads takes photos in pieces (tus 1.0): what came stays when the line breaks, and the phone goes on from there. A
// piece becomes a blob, and a row that moves its upload's offset only from where it stands: so there is no lock, between
// replicas neither, and whoever comes second reads the offset anew. Once all are here they go through intake as any photo does.
package uploads

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/storage"
)

// What an account may keep here that is no photo yet. A phone sends a few at a time: who reaches this begins and never ends.
const (
	mostOpen  = 2_000         // uploads of one person
	mostBytes = 20 << 30      // of one account, of what came
	mostOwn   = mostBytes / 4 // of one person, of what they began: nobody alone stops the others
)

// Uploads keeps what came of photos, and makes items of those that are whole.
type Uploads struct {
	Store  *models.Store
	Blobs  *storage.Store
	Intake *intake.Intake

	underWay sync.Map // id of an upload → *keeper of a body that comes to this process

	mu     sync.Mutex
	coming map[string][]*Body // by the id of their upload, in the order in which they came
}

// Body is one that comes to this process, from the moment when its request was heard until what came of it is kept.
type Body struct {
	uploads *Uploads
	id      string
	ended   chan struct{}
}

// Comes notes that a body for an upload begins to come.
func (u *Uploads) Comes(id string) *Body {
	b := &Body{uploads: u, id: id, ended: make(chan struct{})}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.coming == nil {
		u.coming = map[string][]*Body{}
	}
	u.coming[id] = append(u.coming[id], b)
	return b
}

// End says that nothing more comes of it.
func (b *Body) End() {
	close(b.ended)
	b.uploads.mu.Lock()
	defer b.uploads.mu.Unlock()
	if left := slices.DeleteFunc(b.uploads.coming[b.id], func(o *Body) bool { return o == b }); len(left) > 0 {
		b.uploads.coming[b.id] = left
	} else {
		delete(b.uploads.coming, b.id)
	}
}

// before are the bodies that came before one; all where it is nil.
func (u *Uploads) before(id string, body *Body) (all []*Body) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, b := range u.coming[id] {
		if b == body {
			break
		}
		all = append(all, b)
	}
	return all
}

// errElsewhere says that an upload does not stand where a piece begins.
func errElsewhere() error {
	return models.Errorf(models.Conflict, "The upload stands at another byte: go on from Upload-Offset.").Coded(models.CodeElsewhere)
}

// Stands returns an upload of the member's own as it stands once what came to this process, before a body or until now, is kept:
// who asks because a line broke would else be told of less than came, and send it again.
func (u *Uploads) Stands(ctx context.Context, id string, by *models.Member, before *Body) (*models.Upload, error) {
	up, err := u.Find(ctx, id, by)
	if err == nil && u.settles(ctx, id, before) {
		return u.Find(ctx, id, by)
	}
	return up, err
}

// settlesWithin is how long the end of a body is waited for whose line may be dead or alive.
const settlesWithin = 500 * time.Millisecond

// settles waits for the end of bodies that come to this process, and tells whether there was one.
func (u *Uploads) settles(ctx context.Context, id string, before *Body) (waited bool) {
	enough, spent := time.After(settlesWithin), false
	for _, b := range u.before(id, before) {
		waited = true
		select {
		case <-b.ended:
			continue
		case <-ctx.Done():
		case <-enough:
			spent = true
		}
		break
	}
	k, there := u.underWay.Load(id)
	if !there {
		return waited
	}
	if spent {
		_ = k.(*keeper).keep()
		return true
	}
	select {
	case <-k.(*keeper).ended:
	case <-ctx.Done():
	case <-enough:
		_ = k.(*keeper).keep() // whoever sends it is told of what fails
	}
	return true
}

// Find returns an upload of the member's own; [models.NotFound] when there is none.
func (u *Uploads) Find(ctx context.Context, id string, by *models.Member) (*models.Upload, error) {
	return models.One[models.Upload](u.Store.Read(models.InAccount(ctx, by.AccountID)).Where("id = ? AND user_id = ?", id, by.ID), "upload")
}

// Begin returns the upload of a photo: a new one, or that which was begun before, with what is said of the photo now. One whose
// item is here already has ended. What [intake.Intake.AcceptItem] would refuse is refused before a byte comes.
func (u *Uploads) Begin(ctx context.Context, n intake.NewItem, length int64, metadata string) (*models.Upload, error) {
	ctx = models.InAccount(ctx, n.By.AccountID)
	if length > u.Intake.Limits.MaxBytes {
		return nil, models.Errorf(models.TooLarge, "The photo is larger than %d MB, the most that is taken.", u.Intake.Limits.MaxBytes>>20)
	}
	item, err := u.Intake.Expect(ctx, n)
	if err != nil {
		return nil, err
	}
	said, err := json.Marshal(n)
	if err != nil {
		return nil, err
	}
	now := models.Now()
	fresh := models.Upload{ID: models.NewID(), AccountID: n.By.AccountID, UserID: n.By.ID, WorkOrderID: n.OrderID, UUID: n.UUID, UUIDKey: models.UUIDKey(n.UUID), SHA256: n.SHA256,
		Length: length, Metadata: metadata, Said: string(said), CreatedAt: now, MovedAt: now}
	for {
		up := fresh
		err = u.Store.Write(ctx, func(tx *models.Tx) error { return begin(tx, &up) })
		if models.IsUnique(err) {
			continue // the same was begun at the same moment: it is there now
		}
		if err != nil {
			return nil, err
		}
		switch {
		case item != nil && up.EndedAt == nil:
			err = u.end(ctx, &up, item.ID)
		case up.ID != fresh.ID:
			return u.Stands(ctx, up.ID, n.By, nil)
		}
		return &up, err
	}
}

func begin(tx *models.Tx, up *models.Upload) error {
	have, err := models.One[models.Upload](tx.Where("user_id = ? AND uuid_key = ? AND sha256 = ? AND length = ?", up.UserID, up.UUIDKey, up.SHA256, up.Length), "upload")
	switch {
	case models.KindOf(err) == models.NotFound:
		if err := within(tx, up); err != nil {
			return err
		}
		return tx.Create(up).Error
	case err != nil:
		return err
	case have.EndedAt == nil:
		have.WorkOrderID, have.UUID, have.Metadata, have.Said, have.MovedAt = up.WorkOrderID, up.UUID, up.Metadata, up.Said, up.MovedAt
		have.Swept = models.Swept{}
		if err := tx.Select("work_order_id", "uuid", "metadata", "said", "moved_at", "attempts", "next_attempt_at").Updates(have).Error; err != nil {
			return err
		}
	}
	*up = *have
	return nil
}

// within refuses what is more than a person, or an account, may keep here.
func within(tx *models.Tx, up *models.Upload) error {
	var open, own, came int64
	if err := tx.Model(&models.Upload{}).Where("user_id = ? AND ended_at IS NULL", up.UserID).Select("COUNT(*), COALESCE(SUM(length), 0)").Row().Scan(&open, &own); err != nil {
		return err
	}
	if open >= mostOpen || own+up.Length > mostOwn {
		return models.Errorf(models.TooMany, "You have begun %d uploads of %d MB that have not ended, and one person has at most %d of %d MB: end some, or wait until they are forgotten, %d days after their last piece.",
			open, own>>20, mostOpen, int64(mostOwn)>>20, models.UploadKept/(24*time.Hour))
	}
	if err := tx.Model(&models.Upload{}).Where("ended_at IS NULL").Select("COALESCE(SUM(received), 0)").Row().Scan(&came); err != nil {
		return err
	}
	if came >= mostBytes {
		return models.Errorf(models.TooMany, "The people of this account have sent %d MB of photos that are not whole, and together may have %d: end some, or wait until they are forgotten, %d days after their last piece.",
			came>>20, int64(mostBytes)>>20, models.UploadKept/(24*time.Hour))
	}
	return nil
}

// Finish makes the item of an upload that is whole, once, however often and by however many it is asked. Bytes that are refused
// end the upload: it is gone. Whatever else is refused leaves it as it is, to be begun again with other words.
func (u *Uploads) Finish(ctx context.Context, up *models.Upload, by *models.Member) error {
	err := u.Look(ctx, up, by)
	var refused *refusedBytes
	if errors.As(err, &refused) {
		err = errors.Join(refused.why, u.Drop(ctx, up))
	}
	return err
}

// refusedBytes says that what came is not taken, whatever is said of it.
type refusedBytes struct{ why error }

func (r *refusedBytes) Error() string { return r.why.Error() }

// Look is [Uploads.Finish] without an end for what is refused, so that whoever asks next still hears why.
func (u *Uploads) Look(ctx context.Context, up *models.Upload, by *models.Member) error {
	if up.EndedAt != nil {
		return nil
	}
	ctx = models.InAccount(ctx, by.AccountID)
	var n intake.NewItem
	if err := json.Unmarshal([]byte(up.Said), &n); err != nil {
		return fmt.Errorf("uploads: what is said of upload %s: %w", up.ID, err)
	}
	n.By = by
	item, err := u.Intake.Expect(ctx, n)
	if err == nil && item == nil {
		item, err = u.take(ctx, up, n)
	}
	switch {
	case (models.KindOf(err) == models.Conflict && !isElsewhere(err)) || is(err, models.CodeOtherBytes): // the uuid is another photo's
		return &refusedBytes{err}
	case err != nil:
		return err
	}
	return u.end(ctx, up, item.ID)
}

func isElsewhere(err error) bool { return is(err, models.CodeElsewhere) }

// is tells whether an error bears a code.
func is(err error, code string) bool {
	var known *models.Error
	return errors.As(err, &known) && known.Code == code
}

// take brings the bytes of an upload into intake.
func (u *Uploads) take(ctx context.Context, up *models.Upload, n intake.NewItem) (item *models.Item, err error) {
	defer func() {
		why := err
		var refused *refusedBytes
		if errors.As(err, &refused) {
			why = refused.why
		}
		if err != nil && !isElsewhere(err) { // whoever looks for the photo sees why it is not here
			_ = u.Intake.RefuseAnnounced(context.WithoutCancel(ctx), n.By, n.UUID, why)
		}
	}()
	var pieces []models.UploadPiece
	if err := u.Store.Read(ctx).Where("upload_id = ?", up.ID).Order("start").Find(&pieces).Error; err != nil {
		return nil, err
	}
	whole := &wholeReader{ctx: ctx, blobs: u.Blobs, pieces: pieces, length: up.Length}
	defer whole.close()
	stored, err := u.Intake.StoreBytes(ctx, whole)
	switch {
	case errors.Is(err, storage.ErrNotFound) || (err == nil && stored.Size != up.Length):
		// Somebody else made the item meanwhile, or a restored database tells of pieces that are no more.
		u.Intake.Discard(ctx, stored)
		return nil, errors.Join(errElsewhere(), u.back(ctx, up, whole.at))
	case models.KindOf(err) != "" && models.KindOf(err) != models.NoRoom:
		return nil, &refusedBytes{err}
	case err != nil:
		return nil, err
	case stored.SHA256 != up.SHA256:
		u.Intake.Discard(ctx, stored)
		return nil, &refusedBytes{models.InvalidField("sha256", "The bytes that arrived have the hash %s: the file was damaged on its way, send it again.", stored.SHA256).Coded(models.CodeDamaged)}
	}
	item, _, err = u.Intake.AcceptItem(ctx, n, stored)
	return item, err
}

// end notes the item of an upload, and lets go of its pieces. One that has ended already stays as it is.
func (u *Uploads) end(ctx context.Context, up *models.Upload, itemID string) error {
	now := models.Now()
	keys, err := u.letGo(ctx, up.ID, func(tx *models.Tx) error {
		return tx.Model(&models.Upload{}).Where("id = ? AND ended_at IS NULL", up.ID).Updates(map[string]any{"item_id": itemID, "ended_at": now, "received": gorm.Expr("length")}).Error
	})
	if err != nil {
		return err
	}
	up.ItemID, up.EndedAt, up.Received = itemID, &now, up.Length
	u.delete(ctx, keys)
	return nil
}

// Drop ends an upload without an item: it is gone. What its photo became stays.
func (u *Uploads) Drop(ctx context.Context, up *models.Upload) error {
	ctx, cancel := context.WithTimeout(models.InAccount(context.WithoutCancel(ctx), up.AccountID), keepsWithin)
	defer cancel()
	keys, err := u.letGo(ctx, up.ID, func(tx *models.Tx) error { return tx.Where("id = ?", up.ID).Delete(&models.Upload{}).Error })
	u.delete(ctx, keys)
	return err
}

// letGo deletes the rows of an upload's pieces together with what then does to it, and returns the keys of their bytes.
func (u *Uploads) letGo(ctx context.Context, id string, then func(*models.Tx) error) (keys []string, err error) {
	err = u.Store.Write(ctx, func(tx *models.Tx) error {
		// Its row is held, or a piece that comes at this moment would stay without an upload.
		if _, err := models.One[models.Upload](tx.Locked().Where("id = ?", id), "upload"); err != nil {
			if models.KindOf(err) == models.NotFound {
				return nil
			}
			return err
		}
		if err := tx.Model(&models.UploadPiece{}).Where("upload_id = ?", id).Pluck("blob_key", &keys).Error; err != nil {
			return err
		}
		if err := tx.Where("upload_id = ?", id).Delete(&models.UploadPiece{}).Error; err != nil {
			return err
		}
		return then(tx)
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// back sets an upload back to a piece whose bytes are no more.
func (u *Uploads) back(ctx context.Context, up *models.Upload, to int64) error {
	return u.Store.Write(ctx, func(tx *models.Tx) error {
		moved := tx.Model(&models.Upload{}).Where("id = ? AND received = ? AND ended_at IS NULL", up.ID, up.Received).Updates(map[string]any{"received": to, "moved_at": models.Now()})
		if moved.Error != nil || moved.RowsAffected == 0 {
			return moved.Error
		}
		up.Received = to
		return tx.Where("upload_id = ? AND start >= ?", up.ID, to).Delete(&models.UploadPiece{}).Error
	})
}

// delete lets go of bytes that no row names any more; what it does not reach the sweeper finds.
func (u *Uploads) delete(ctx context.Context, keys []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for _, key := range keys {
		if err := u.Blobs.Delete(ctx, key); err != nil {
			return
		}
	}
}
