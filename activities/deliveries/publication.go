// Package deliveries brings publications to the account's own places: a folder of the server, a cloud drive, an
// S3-compatible store, an SFTP or WebDAV server; and by mail.
package deliveries

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldproof/activities/attempts"
	"fieldproof/archives"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/remotes"
	"fieldproof/storage"
	"fieldproof/workflows/protocol"
)

// Deliveries delivers publications.
type Deliveries struct {
	Store    *models.Store
	Blobs    *storage.Store
	Archives *archives.Archives
	Sealer   *models.Sealer
	Folders  *guard.Folders
	Remotes  *remotes.Remotes
	Mail     *Post
	Log      *slog.Logger
}

// PlanPublication lists the deliveries of a publication that are not over.
func (b *Deliveries) PlanPublication(ctx context.Context, in protocol.PublicationInput) (protocol.PublicationPlan, error) {
	db := b.Store.Read(models.AcrossAccounts(ctx))
	var plan protocol.PublicationPlan
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
		p := protocol.DeliveryPlan{DeliveryID: d.ID, Destination: destination.Name, NeedsReport: d.TakesReport && !publication.Relay}
		if d.NextAttemptAt != nil {
			p.WaitSeconds = max(0, int64(time.Until(d.NextAttemptAt.Time).Seconds()))
		}
		plan.Deliveries = append(plan.Deliveries, p)
	}
	return plan, nil
}

// EndPublication notes that every delivery is over, unless some are open again, which it counts.
func (b *Deliveries) EndPublication(ctx context.Context, in protocol.PublicationInput) (protocol.PublicationEnd, error) {
	var end protocol.PublicationEnd
	err := b.Store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error {
		if err := tx.Model(&models.Delivery{}).Joins(joinKinds, models.QueuedKinds).Where(openCondition, in.PublicationID, openStates).Count(&end.Open).Error; err != nil || end.Open > 0 {
			return err
		}
		return tx.Model(&models.Publication{}).Where("id = ? AND ended_at IS NULL", in.PublicationID).Update("ended_at", models.Now()).Error
	})
	return end, err
}

// Deliver tries one delivery once. What fails is told in the delivery's row; only a database or a storage of ours that does
// not answer is an error of the activity.
func (b *Deliveries) Deliver(ctx context.Context, deliveryID string) (protocol.DeliverResult, error) {
	d, err := models.One[models.Delivery](b.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", deliveryID), "delivery")
	if err != nil {
		return protocol.DeliverResult{}, err
	}
	if d.State == models.DeliveryDelivered {
		return protocol.DeliverResult{State: d.State}, nil
	}
	ctx = models.InAccount(ctx, d.AccountID)
	destination, err := models.One[models.Destination](b.Store.Read(ctx).Where("id = ?", d.DestinationID), "destination")
	if err != nil {
		return protocol.DeliverResult{}, err
	}
	stop := attempts.Beat(ctx)
	relayed := false
	outcome, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		relayed, o.Err = b.deliver(ctx, d, destination)
		return o
	})
	stop()
	if err != nil {
		return protocol.DeliverResult{}, err
	}
	use := attempts.Use[models.Delivery, *models.Delivery]{Policy: destination.Kind.Policy(), Alert: func(d *models.Delivery, _ attempts.Verdict) *models.Alert {
		return &models.Alert{AccountID: d.AccountID, Kind: models.AlertFailedDelivery, Subject: d.ID, WorkOrderID: &d.WorkOrderID,
			Says: "publication_failed", Args: []any{"where", destination.Name}}
	}}
	err = b.Store.Write(ctx, func(tx *models.Tx) error {
		amend := func(d *models.Delivery) error {
			if outcome.Err != nil {
				return nil
			}
			return moreCame(tx, d, relayed)
		}
		if err := use.KeepAmended(tx, amend, attempts.Try[models.Delivery, *models.Delivery]{Row: d, Outcome: outcome}); err != nil {
			return err
		}
		_, err := models.Edit(tx, "destination", func(at *models.Destination) error {
			if outcome.Err == nil {
				at.Works()
			} else {
				at.Fails(use.Policy, d.LastError)
			}
			return nil
		}, "id = ?", d.DestinationID)
		if err != nil {
			return err
		}
		return tx.Announce(d.AccountID, "delivery."+d.State, d.ID, d.WorkOrderID)
	})
	result := protocol.DeliverResult{State: d.State}
	if d.State == models.DeliveryRetrying {
		result.RetrySeconds = attempts.Until(d.NextAttemptAt)
	}
	return result, err
}

// moreCame finds out whether an open publication took more items during the try, or was closed and now has a report:
// then the delivery begins again.
func moreCame(tx *models.Tx, d *models.Delivery, relayed bool) error {
	if !relayed {
		return nil
	}
	if _, err := models.One[models.Delivery](tx.Locked().Where("id = ?", d.ID), "delivery"); err != nil {
		return err
	}
	var lacking int64
	err := tx.Model(&models.DeliveryItem{}).Joins("JOIN items ON items.id = delivery_items.item_id AND items.deleted_at IS NULL AND items.review <> ?", models.ReviewRejected).
		Where("delivery_items.delivery_id = ? AND delivery_items.delivered_at IS NULL", d.ID).Count(&lacking).Error
	if err != nil {
		return err
	}
	publication, err := models.One[models.Publication](tx.Where("id = ?", d.PublicationID), "publication")
	if err != nil {
		return err
	}
	if lacking > 0 || (!publication.Relay && d.TakesReport) {
		now := models.Now()
		d.State, d.DeliveredAt, d.NextAttemptAt = models.DeliveryPending, nil, &now
	}
	return nil
}

// database and stored mark what our own database and storage fail at; a file that is missing stays the delivery's trouble.
func database(err error) error {
	if err != nil && (models.IsAway(err) || models.IsFull(err)) {
		return attempts.Ours(err)
	}
	return err
}

func stored(err error) error {
	if err != nil && storage.IsAway(err) {
		return attempts.Ours(err)
	}
	return err
}

// bytes opens what is stored under a key.
func (b *Deliveries) bytes(ctx context.Context, key string) (io.ReadCloser, error) {
	reader, err := b.Blobs.Get(ctx, key)
	if err != nil {
		return nil, stored(err)
	}
	return reader, nil
}

// deliver tries a delivery. relayed tells that its publication was open when the try began.
func (b *Deliveries) deliver(ctx context.Context, d *models.Delivery, destination *models.Destination) (relayed bool, err error) {
	switch {
	case destination.DeletedAt != nil:
		return false, attempts.Final(errors.New("the destination was deleted"))
	case !destination.Enabled:
		return false, attempts.Final(errors.New("the destination is switched off"))
	case destination.Queued():
		return false, attempts.Final(fmt.Errorf("a destination of kind %s is not delivered here", destination.Kind))
	}
	db := b.Store.Read(ctx)
	publication, err := models.One[models.Publication](db.Where("id = ?", d.PublicationID), "publication")
	if err != nil {
		return false, database(err)
	}
	relayed = publication.Relay
	proof, err := models.ProofOf(db, d.WorkOrderID, publication, models.ForClient)
	if err != nil {
		return relayed, database(err)
	}
	var secrets models.DestinationSecrets
	if err := b.Sealer.Open("destination/"+destination.ID, destination.Secrets, &secrets); err != nil {
		return relayed, attempts.Final(err)
	}
	if destination.Kind == models.MailDestination {
		return relayed, b.Mail.send(ctx, b, d, destination, publication, proof)
	}
	var rows []models.DeliveryItem
	if err := db.Where("delivery_id = ? AND delivered_at IS NULL", d.ID).Find(&rows).Error; err != nil {
		return relayed, database(err)
	}
	wanted := map[string]bool{}
	for _, r := range rows {
		wanted[r.ItemID] = true
	}
	t := &transfer{Deliveries: b, delivery: d, proof: proof, publication: publication, settings: destination.Settings, arrived: map[string]string{}}
	for _, f := range destination.Settings.Paths() {
		place, err := b.open(ctx, destination, secrets, f.Path)
		if err != nil {
			return relayed, err
		}
		err = t.bring(ctx, place, f.Template, wanted)
		if err := errors.Join(err, place.close()); err != nil {
			if !attempts.IsOurs(err) {
				err = place.explain(err)
			}
			return relayed, errors.Join(err, t.note(ctx))
		}
	}
	return relayed, t.note(ctx)
}

// source is something to be put at a place.
type source struct {
	name string
	size int64  // -1: not known before
	sha  string // SHA-256 in hex, "" when it is not known before
	open func() (io.ReadCloser, error)
}

// place is where files are kept: the server's own folder, or one reached by rclone.
type place interface {
	// put brings a file to its name, unless it is there already as it should be, and checks what arrived as far as the
	// place can tell. Nobody who mirrors the place sees half of a file where the place can hide it.
	put(ctx context.Context, s source) error
	// probe writes, reads and deletes a small file.
	probe(ctx context.Context) error
	// explain makes of an error one that says what to do, and tells what no retry mends.
	explain(err error) error
	close() error
}

func (b *Deliveries) open(ctx context.Context, d *models.Destination, secrets models.DestinationSecrets, at string) (place, error) {
	if d.Kind == models.FolderDestination {
		root, err := b.Folders.Root()
		if err != nil {
			return nil, attempts.Final(err)
		}
		return &folder{root: root, base: at}, nil
	}
	options := map[string]string{}
	for name, value := range d.Settings.Options {
		options[name] = value
	}
	for name, value := range secrets.Options {
		options[name] = value
	}
	last := options["token"]
	return openRemote(ctx, b.Remotes, remotes.Spec{Backend: string(d.Kind), Path: at, Options: options, Refreshed: func(token string) {
		if err := b.keepToken(context.WithoutCancel(ctx), d.ID, last, token); err != nil {
			b.Log.Warn("a refreshed token could not be kept", "destination", d.ID, "error", err)
		}
		last = token
	}})
}

// keepToken keeps the token that a cloud drive gave for an ended one, unless the destination was connected anew.
func (b *Deliveries) keepToken(ctx context.Context, destinationID, before, token string) error {
	return b.Store.Write(ctx, func(tx *models.Tx) error {
		d, err := models.One[models.Destination](tx.Locked().Where("id = ?", destinationID), "destination")
		if err != nil {
			return err
		}
		var secrets models.DestinationSecrets
		name := "destination/" + d.ID
		if err := b.Sealer.Open(name, d.Secrets, &secrets); err != nil {
			return err
		}
		if secrets.Options["token"] != before {
			return nil
		}
		secrets.Options["token"] = token
		if d.Secrets, err = b.Sealer.Seal(name, secrets); err != nil {
			return err
		}
		return tx.Select("secrets").Updates(d).Error
	})
}

// transfers is how many files go to one place at once.
const transfers = 8

// notedAtOnce is after how many files, or how long, it is noted that they arrived: what a kill costs.
const (
	notedAtOnce = 50
	notedEvery  = 2 * time.Second
)

// transfer is one try of a delivery.
type transfer struct {
	*Deliveries
	delivery    *models.Delivery
	proof       *models.Proof
	publication *models.Publication
	settings    models.DestinationSettings

	mu      sync.Mutex
	arrived map[string]string // item id → path, of those that have not been noted
	noted   time.Time
}

// bring puts the wanted items, and with them report and archive, to a place.
func (t *transfer) bring(ctx context.Context, p place, template string, wanted map[string]bool) error {
	last := len(t.settings.MorePaths) == 0
	group, together := errgroup.WithContext(ctx)
	group.SetLimit(transfers)
	for _, item := range t.proof.Items {
		if !wanted[item.ID] {
			continue
		}
		group.Go(func() error {
			at := path.Join(t.proof.FolderOf(template, item), t.proof.FileName(item))
			if err := t.item(together, p, item, at); err != nil {
				return err
			}
			if !last {
				return nil // an item has arrived when it is in every folder
			}
			return t.arrive(together, item.ID, at)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if t.publication.Relay {
		return nil // report and archive come when it closes
	}
	name := path.Join(t.proof.FolderOf(template, nil), fmt.Sprintf("%s_%d", models.SafeName(t.proof.Order.DisplayNumber()), t.publication.Number))
	if t.settings.Archive {
		file, err := t.Archives.Of(ctx, t.proof, template)
		if err != nil {
			return err
		}
		if err := p.put(ctx, source{name: name + ".zip", size: file.Size(), open: func() (io.ReadCloser, error) {
			_, err := file.Seek(0, io.SeekStart)
			return file, err
		}}); err != nil {
			return err
		}
	}
	if t.settings.NoReport {
		return nil
	}
	return t.report(ctx, p, name)
}

func (t *transfer) item(ctx context.Context, p place, item *models.Item, at string) error {
	if item.BlobKey != "" {
		if err := p.put(ctx, source{name: at, size: item.Size, sha: item.SHA256, open: func() (io.ReadCloser, error) { return t.bytes(ctx, item.BlobKey) }}); err != nil {
			return fmt.Errorf("%s: %w", path.Base(at), err)
		}
	}
	if !t.settings.SaveMetadata && item.Kind != models.SurveyResponse {
		return nil
	}
	text, err := json.MarshalIndent(archives.Describe(t.proof, item, path.Base(at)), "", "  ")
	if err != nil {
		return err
	}
	return p.put(ctx, literal(strings.TrimSuffix(at, item.Extension())+item.Extension()+".json", text))
}

func literal(name string, content []byte) source {
	return source{name: name, size: int64(len(content)), open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }}
}

// report brings the PDF, in as many parts as it was made.
func (t *transfer) report(ctx context.Context, p place, name string) error {
	for n := 1; ; n++ {
		key := t.publication.ReportPart(n)
		there, err := t.Blobs.Has(ctx, key)
		if err != nil {
			return stored(err)
		}
		if !there {
			if n == 1 {
				return errors.New("the report is not made yet")
			}
			return nil
		}
		at := name + ".pdf"
		if n > 1 {
			at = fmt.Sprintf("%s_part%d.pdf", name, n)
		}
		if err := p.put(ctx, source{name: at, size: -1, open: func() (io.ReadCloser, error) { return t.bytes(ctx, key) }}); err != nil {
			return err
		}
	}
}

func (t *transfer) arrive(ctx context.Context, itemID, at string) error {
	t.mu.Lock()
	t.arrived[itemID] = at
	due := len(t.arrived) >= notedAtOnce || time.Since(t.noted) > notedEvery
	t.mu.Unlock()
	if due {
		return t.note(ctx)
	}
	return nil
}

// note writes down what has arrived, so that another try goes on behind it.
func (t *transfer) note(ctx context.Context) error {
	t.mu.Lock()
	arrived := t.arrived
	t.arrived, t.noted = map[string]string{}, time.Now()
	t.mu.Unlock()
	if len(arrived) == 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	return database(t.Store.Write(ctx, func(tx *models.Tx) error {
		now := models.Now()
		for id, at := range arrived {
			if err := tx.Model(&models.DeliveryItem{}).Where("delivery_id = ? AND item_id = ?", t.delivery.ID, id).Updates(map[string]any{"delivered_at": now, "path": at}).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

// Test writes, reads and deletes a small file in each folder of a place, as a delivery would; of a mail it sends one.
func (b *Deliveries) Test(ctx context.Context, d *models.Destination) error {
	var secrets models.DestinationSecrets
	if err := b.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets); err != nil {
		return err
	}
	if d.Kind == models.MailDestination {
		return b.Mail.test(ctx, b, d)
	}
	for _, f := range d.Settings.Paths() {
		place, err := b.open(ctx, d, secrets, f.Path)
		if err != nil {
			return err
		}
		if err := errors.Join(place.probe(ctx), place.close()); err != nil {
			return place.explain(err)
		}
	}
	return nil
}

func probeSource() (source, []byte) {
	content := []byte("A test by Fieldproof, " + models.NewID() + ".\n")
	return literal(".fieldproof-test-"+models.NewID(), content), content
}
