// Package reports makes the PDF report of a work order.
package reports

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"go.temporal.io/sdk/activity"
	"golang.org/x/sync/semaphore"

	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/storage"
)

// Reports renders reports.
type Reports struct {
	Store *models.Store
	Blobs *storage.Store
	Media *media.Media
	// PublicURL is what the addresses in QR codes begin with.
	PublicURL string

	// room is the memory, in bytes, that the photos of reports being rendered may take together.
	room   *semaphore.Weighted
	budget int64
}

// New makes a Reports whose renders take at most budget bytes for photos at once, whatever their number.
func New(store *models.Store, blobs *storage.Store, m *media.Media, publicURL string, budget int64) *Reports {
	return &Reports{Store: store, Blobs: blobs, Media: m, PublicURL: publicURL, room: semaphore.NewWeighted(budget), budget: budget}
}

// photoCost is what a photo takes while it is drawn. A document holds no more of them than are read ahead of their drawing.
const photoCost = 700 << 10

// wordCost is what a byte of a note takes while a document is laid out, all of which is held until it is written.
const wordCost = 48

// Write renders a report to w, as it is drawn. Reports wait until there is room for the photos that each reads ahead.
func (r *Reports) Write(ctx context.Context, w io.Writer, c *Content) error {
	cost := min(int64(min(c.photos(), readers+2))*photoCost+int64(c.words())*wordCost, r.budget)
	if err := r.room.Acquire(ctx, cost); err != nil {
		return err
	}
	defer r.room.Release(cost)
	d, err := newDocument(c)
	if err != nil {
		return err
	}
	d.going = func() error {
		if activity.IsActivity(ctx) {
			activity.RecordHeartbeat(ctx)
		}
		return ctx.Err()
	}
	d.photo = func(item *models.Item, rendition models.Rendition) ([]byte, error) {
		if err := d.going(); err != nil {
			return nil, err
		}
		reader, err := r.Media.Open(ctx, item, rendition)
		if models.KindOf(err) == models.Unsupported {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		defer reader.Close()
		if reader.Size() > 8<<20 {
			return nil, fmt.Errorf("reports: the rendition has %d bytes", reader.Size())
		}
		photo := make([]byte, reader.Size())
		_, err = io.ReadFull(reader, photo)
		return photo, err
	}
	return d.write(w)
}

// RenderReport makes the report of a publication, once: a second call finds it. Its failures show at the deliveries
// that wait for it.
func (r *Reports) RenderReport(ctx context.Context, publicationID string) error {
	across := models.AcrossAccounts(ctx)
	publication, err := models.One[models.Publication](r.Store.Read(across).Where("id = ?", publicationID), "publication")
	if err != nil {
		return err
	}
	if publication.Relay {
		return nil // it is made when the publication closes
	}
	scoped := models.InAccount(ctx, publication.AccountID)
	if publication.ReportKey != "" {
		there, err := r.Blobs.Has(ctx, publication.ReportKey)
		if err != nil || there {
			return err
		}
	}
	if err := r.render(scoped, publication); err != nil {
		noted := r.Store.Write(scoped, func(tx *models.Tx) error {
			return tx.Model(&models.Delivery{}).Where("publication_id = ? AND takes_report AND state IN ?", publicationID, []string{models.DeliveryPending, models.DeliveryRetrying}).
				Updates(map[string]any{"state": models.DeliveryRetrying, "last_error": "the report can't be made: " + models.ErrorText(err)}).Error
		})
		if noted != nil {
			return fmt.Errorf("%w; and its failure can't be noted: %w", err, noted)
		}
		return err
	}
	return nil
}

func (r *Reports) render(ctx context.Context, publication *models.Publication) error {
	proof, err := models.ProofOf(r.Store.Read(ctx), publication.WorkOrderID, publication, models.ForClient)
	if err != nil {
		return err
	}
	content, err := r.Of(ctx, proof, publication)
	if err != nil {
		return err
	}
	for content.Part = 1; content.Part <= content.Parts(); content.Part++ {
		var pdf bytes.Buffer
		if err := r.Write(ctx, &pdf, content); err != nil {
			return err
		}
		if err := r.Blobs.Put(ctx, publication.ReportPart(content.Part), "application/pdf", &pdf); err != nil {
			return err
		}
	}
	return r.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.Model(&models.Publication{}).Where("id = ?", publication.ID).Update("report_key", publication.ReportPart(1)).Error
	})
}
