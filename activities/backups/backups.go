// Package backups brings publications to the account's own storage.
package backups

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"time"

	"go.temporal.io/sdk/activity"

	"fieldproof/activities/archives"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/workflows/names"
)

// Backups delivers publications.
type Backups struct {
	Store   *models.Store
	Blobs   *storage.Store
	Folders *guard.Folders
	Log     *slog.Logger
}

// PlanPublication lists the deliveries of a publication that are not over.
func (b *Backups) PlanPublication(ctx context.Context, in names.PublicationInput) (names.PublicationPlan, error) {
	db := b.Store.Read(models.AcrossAccounts(ctx))
	var plan names.PublicationPlan
	publication, err := models.One[models.Publication](db.Where("id = ?", in.PublicationID), "publication")
	if err != nil {
		return plan, err
	}
	order, err := models.One[models.WorkOrder](db.Where("id = ?", publication.WorkOrderID), "work order")
	if err != nil {
		return plan, err
	}
	plan.Number = fmt.Sprintf("%s, publication %d", order.DisplayNumber(), publication.Number)
	var open []models.Delivery
	if err := openDeliveries(b.Store, ctx, publication.ID).Order("deliveries.id").Find(&open).Error; err != nil {
		return plan, err
	}
	for _, d := range open {
		destination, err := models.One[models.Destination](db.Where("id = ?", d.DestinationID), "destination")
		if err != nil {
			return plan, err
		}
		p := names.DeliveryPlan{DeliveryID: d.ID, Destination: destination.Name, NeedsReport: d.TakesReport}
		if d.NextAttemptAt != nil {
			p.WaitSeconds = max(0, int64(time.Until(d.NextAttemptAt.Time).Seconds()))
		}
		plan.Deliveries = append(plan.Deliveries, p)
	}
	return plan, nil
}

// EndPublication notes that every delivery is over, unless one was asked for again meanwhile.
func (b *Backups) EndPublication(ctx context.Context, in names.PublicationInput) error {
	return b.Store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error {
		var open int64
		if err := tx.Model(&models.Delivery{}).Joins(joinKinds, models.WebhookDestination).Where(openCondition, in.PublicationID, openStates).Count(&open).Error; err != nil || open > 0 {
			return err
		}
		return tx.Model(&models.Publication{}).Where("id = ? AND ended_at IS NULL", in.PublicationID).Update("ended_at", models.Now()).Error
	})
}

// retries are the rests after each failed try.
var retries = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour}

// Deliver tries one delivery once. What fails is told in the delivery's row; only a database that does not answer is
// an error of the activity.
func (b *Backups) Deliver(ctx context.Context, deliveryID string) (names.DeliverResult, error) {
	d, err := models.One[models.Delivery](b.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", deliveryID), "delivery")
	if err != nil {
		return names.DeliverResult{}, err
	}
	if d.State == models.DeliveryDelivered {
		return names.DeliverResult{State: d.State}, nil
	}
	ctx = models.InAccount(ctx, d.AccountID)
	began := models.Now()
	failure := b.deliver(ctx, d)
	if ctx.Err() != nil {
		return names.DeliverResult{}, ctx.Err()
	}
	attempt := &models.Attempt{AccountID: d.AccountID, DeliveryID: &d.ID, At: began, Milliseconds: time.Since(began.Time).Milliseconds()}
	d.Attempts++
	d.NextAttemptAt = nil
	var final *finalError
	var rest time.Duration
	switch now := models.Now(); {
	case failure == nil:
		d.State, d.LastError, d.DeliveredAt = models.DeliveryDelivered, "", &now
	case errors.As(failure, &final) || now.After(d.GiveUpAt.Time):
		d.State, d.LastError = models.DeliveryFailed, failure.Error()
	default:
		rest = retries[min(int(d.Attempts)-1, len(retries)-1)]
		next := models.At(now.Add(rest))
		d.State, d.LastError, d.NextAttemptAt = models.DeliveryRetrying, failure.Error(), &next
	}
	attempt.Error = d.LastError
	err = b.Store.Write(ctx, func(tx *models.Tx) error {
		if err := tx.Create(attempt).Error; err != nil {
			return err
		}
		if err := tx.Select("state", "attempts", "last_error", "next_attempt_at", "delivered_at").Updates(d).Error; err != nil {
			return err
		}
		if d.State == models.DeliveryFailed {
			if err := alertFailed(tx, d); err != nil {
				return err
			}
		}
		return tx.Announce(d.AccountID, "delivery."+d.State, d.ID, d.WorkOrderID)
	})
	return names.DeliverResult{State: d.State, RetrySeconds: int64(rest / time.Second)}, err
}

func alertFailed(tx *models.Tx, d *models.Delivery) error {
	destination, err := models.One[models.Destination](tx.Where("id = ?", d.DestinationID), "destination")
	if err != nil {
		return err
	}
	return tx.Raise(&models.Alert{AccountID: d.AccountID, Kind: models.AlertFailedDelivery, Subject: d.ID, WorkOrderID: &d.WorkOrderID,
		Title: "A publication did not reach " + destination.Name, Detail: d.LastError,
		Remedy: "Mend what the error names, then retry the delivery."})
}

// finalError is a failure that no retry mends: somebody must change something first.
type finalError struct{ cause error }

func (e *finalError) Error() string { return e.cause.Error() }

func (b *Backups) deliver(ctx context.Context, d *models.Delivery) error {
	db := b.Store.Read(ctx)
	destination, err := models.One[models.Destination](db.Where("id = ?", d.DestinationID), "destination")
	if err != nil {
		return err
	}
	switch {
	case destination.DeletedAt != nil:
		return &finalError{errors.New("the destination was deleted")}
	case !destination.Enabled:
		return &finalError{errors.New("the destination is switched off")}
	case destination.Kind != models.FolderDestination:
		return &finalError{fmt.Errorf("a destination of kind %s is not delivered here", destination.Kind)}
	}
	publication, err := models.One[models.Publication](db.Where("id = ?", d.PublicationID), "publication")
	if err != nil {
		return err
	}
	proof, err := models.ProofOf(db, d.WorkOrderID, publication)
	if err != nil {
		return err
	}
	var ids []string
	if err := db.Model(&models.DeliveryItem{}).Where("delivery_id = ?", d.ID).Pluck("item_id", &ids).Error; err != nil {
		return err
	}
	root, err := b.Folders.Root()
	if err != nil {
		return &finalError{err}
	}
	defer root.Close()
	f := &folder{root: root, base: destination.Settings.Path, blobs: b.Blobs}
	return f.take(ctx, proof, publication, ids, destination.Settings)
}

// folder is one folder destination while it is written.
type folder struct {
	root  *os.Root
	base  string
	blobs *storage.Store
}

func (f *folder) take(ctx context.Context, proof *models.Proof, publication *models.Publication, ids []string, s models.DestinationSettings) error {
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	for _, item := range proof.Items {
		if !wanted[item.ID] {
			continue
		}
		heartbeat(ctx)
		at := path.Join(f.base, proof.FolderOf(s.Template, item), proof.FileName(item))
		if item.BlobKey != "" {
			if err := f.copy(ctx, at, item.BlobKey, item.SHA256); err != nil {
				return err
			}
		}
		if s.SaveMetadata {
			text, err := json.MarshalIndent(archives.Describe(proof, item, path.Base(at)), "", "  ")
			if err != nil {
				return err
			}
			if err := f.write(at+".json", bytes.NewReader(text)); err != nil {
				return err
			}
		}
	}
	name := path.Join(f.base, proof.FolderOf(s.Template, nil), fmt.Sprintf("%s_%d", models.SafeName(proof.Order.DisplayNumber()), publication.Number))
	if s.Archive {
		reader, writer := io.Pipe()
		go func() { writer.CloseWithError(archives.Write(ctx, writer, f.blobs, proof, s.Template)) }()
		err := f.write(name+".zip", reader)
		reader.CloseWithError(err)
		if err != nil {
			return err
		}
	}
	if s.NoReport {
		return nil
	}
	return f.copy(ctx, name+".pdf", publication.ReportKey, "")
}

func heartbeat(ctx context.Context) {
	if activity.IsActivity(ctx) {
		activity.RecordHeartbeat(ctx)
	}
}

// copy brings stored bytes to a file, unless it already has them.
func (f *folder) copy(ctx context.Context, at, key, sha string) error {
	if sha != "" && f.has(at, sha) {
		return nil
	}
	reader, err := f.blobs.Get(ctx, key)
	if err != nil {
		return err
	}
	defer reader.Close()
	return f.write(at, reader)
}

func (f *folder) has(at, sha string) bool {
	file, err := f.root.Open(at)
	if err != nil {
		return false
	}
	defer file.Close()
	digest := sha256.New()
	_, err = io.Copy(digest, file)
	return err == nil && hex.EncodeToString(digest.Sum(nil)) == sha
}

// write makes a file whole and durable before it has its name, so that whoever mirrors the folder never sees half of
// one.
func (f *folder) write(at string, r io.Reader) error {
	dir := path.Dir(at)
	if err := f.root.MkdirAll(dir, 0o755); err != nil {
		return plain(err)
	}
	temporary := path.Join(dir, ".part-"+models.NewID())
	file, err := f.root.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return plain(err)
	}
	_, err = io.Copy(file, r)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = f.root.Rename(temporary, at)
	}
	if err != nil {
		return errors.Join(plain(err), ignoreMissing(f.root.Remove(temporary)))
	}
	folder, err := f.root.Open(dir)
	if err != nil {
		return plain(err)
	}
	defer folder.Close()
	return folder.Sync()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// plain keeps the path below the root, which the user knows, and tells a way out of the root as final.
func plain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && p.Err.Error() == "path escapes from parent" {
		return &finalError{errors.New("the folder leads out of the root that the operator allowed")}
	}
	return err
}

// TestFolder writes and removes a small file, as a delivery would.
func (b *Backups) TestFolder(d *models.Destination) error {
	root, err := b.Folders.Root()
	if err != nil {
		return err
	}
	defer root.Close()
	f := &folder{root: root, base: d.Settings.Path, blobs: b.Blobs}
	at := path.Join(f.base, ".fieldproof-test-"+models.NewID())
	if err := f.write(at, bytes.NewReader([]byte("A test by Fieldproof.\n"))); err != nil {
		return err
	}
	return root.Remove(at)
}
