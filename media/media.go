// Package media makes the smaller, upright copies of photos that screens and reports show.
package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"fieldproof/models"
	"fieldproof/storage"
)

// Media makes renditions. Its zero limits are not usable: see [New].
type Media struct {
	Store *models.Store
	Blobs *storage.Store
	Log   *slog.Logger

	// budget is the memory, in bytes, that decoding one photo may take; all share that of the process.
	budget int64
}

// New makes a Media whose decoding of a photo takes at most budget bytes, whatever its size.
func New(store *models.Store, blobs *storage.Store, log *slog.Logger, budget int64) *Media {
	return &Media{Store: store, Blobs: blobs, Log: log, budget: budget}
}

// cost estimates the memory of decoding a photo and its copies.
func (m *Media) cost(item *models.Item) int64 {
	return item.Width*item.Height*perPixel(item.ContentType) + item.Size + (32 << 20)
}

// perPixel is what decoding takes a pixel, in bytes: a progressive JPEG is decoded in full; a PNG has up to 16 bits a channel,
// and a copy.
func perPixel(contentType string) int64 {
	switch contentType {
	case "image/jpeg":
		return 3
	case "image/png":
		return 16
	}
	return 8
}

// MakeRenditions makes the renditions of every photo of an order that lacks them. A photo that can't be decoded is
// marked and shown without: no retry could help it.
func (m *Media) MakeRenditions(ctx context.Context, orderID string) error {
	db := m.Store.Read(models.AcrossAccounts(ctx))
	for {
		var due []*models.Item
		err := db.Where("work_order_id = ? AND kind = ? AND renditions = ?", orderID, models.Photo, models.RenditionsDue).Order("received_at").Limit(50).Find(&due).Error
		if err != nil || len(due) == 0 {
			return err
		}
		for _, item := range due {
			activity.RecordHeartbeat(ctx)
			if err := m.Render(ctx, item); err != nil {
				return err
			}
		}
	}
}

// Render makes both renditions of a photo, durable before the row says so.
func (m *Media) Render(ctx context.Context, item *models.Item) error {
	state, reason := models.RenditionsMade, ""
	var undecodable *decodeError
	drawn, err := m.make(ctx, item)
	if errors.As(err, &undecodable) {
		state, reason = models.RenditionsFailed, err.Error()
		m.Log.Warn("a photo can't be decoded", "item", item.ID, "error", err)
	} else if err != nil {
		return err
	}
	item.Renditions, item.RenditionError = state, reason
	values := map[string]any{"renditions": state, "rendition_error": reason}
	if drawn != nil {
		values["placeholder"], values["turned"] = drawn.Placeholder, (drawn.Width < drawn.Height) != (item.Width < item.Height) && drawn.Width != drawn.Height
	}
	return m.Store.Write(models.InAccount(ctx, item.AccountID), func(tx *models.Tx) error {
		if err := tx.Model(&models.Item{}).Where("id = ?", item.ID).Updates(values).Error; err != nil {
			return err
		}
		return tx.Announce(item.AccountID, models.FeedItemChanged, item.ID, item.WorkOrderID)
	})
}

// decodeError says that bytes are no image that we can decode.
type decodeError struct{ cause error }

func (e *decodeError) Error() string { return fmt.Sprintf("the photo can't be decoded: %v", e.cause) }
func (e *decodeError) Unwrap() error { return e.cause }

func (m *Media) make(ctx context.Context, item *models.Item) (*Drawn, error) {
	cost := m.cost(item)
	if cost > m.budget {
		return nil, &decodeError{fmt.Errorf("it has %d million pixels, more than can be made smaller here", item.Width*item.Height/1_000_000)}
	}
	release, err := models.TakeMemory(ctx, cost)
	if err != nil {
		return nil, err
	}
	defer release()
	original, err := m.Blobs.Get(ctx, item.BlobKey)
	if err != nil {
		return nil, err
	}
	defer original.Close()
	drawn, err := Renditions(original, item.ContentType, item.Rotation)
	if err != nil {
		return nil, err
	}
	for _, r := range []struct {
		rendition models.Rendition
		bytes     io.Reader
	}{{models.Display, drawn.Display}, {models.Thumbnail, drawn.Thumbnail}} {
		if err := m.Blobs.Put(ctx, item.RenditionKey(r.rendition), "image/jpeg", r.bytes); err != nil {
			return nil, err
		}
	}
	return drawn, nil
}

// making keeps two requests from rendering one photo at once in this process.
var making sync.Map

// Open opens a rendition, made now when no worker came to it yet. [models.Unsupported] when the photo can't be decoded.
func (m *Media) Open(ctx context.Context, item *models.Item, r models.Rendition) (storage.Reader, error) {
	if item.Renditions == models.RenditionsFailed {
		return nil, models.Errorf(models.Unsupported, "This photo can't be shown smaller: download the original.")
	}
	if reader, err := m.Blobs.Get(ctx, item.RenditionKey(r)); !errors.Is(err, storage.ErrNotFound) {
		return reader, err
	}
	mu, _ := making.LoadOrStore(item.ID, &sync.Mutex{})
	mu.(*sync.Mutex).Lock()
	defer func() { mu.(*sync.Mutex).Unlock(); making.Delete(item.ID) }()
	if reader, err := m.Blobs.Get(ctx, item.RenditionKey(r)); !errors.Is(err, storage.ErrNotFound) {
		return reader, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if err := m.Render(ctx, item); err != nil {
		return nil, err
	}
	if item.Renditions == models.RenditionsFailed {
		return nil, models.Errorf(models.Unsupported, "This photo can't be shown smaller: download the original.")
	}
	return m.Blobs.Get(context.WithoutCancel(ctx), item.RenditionKey(r))
}

// smallSide is the longest side of a picture that goes with a mail: twice as sharp as it is shown.
const smallSide = 528

// Small is a photo as a mail shows it, a JPEG. [models.Unsupported] when the photo can't be decoded.
func (m *Media) Small(ctx context.Context, item *models.Item) ([]byte, error) {
	reader, err := m.Open(ctx, item, models.Display)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	img, err := jpeg.Decode(reader)
	if err != nil {
		return nil, err
	}
	var small bytes.Buffer
	err = jpeg.Encode(&small, pictureOf(img).fit(smallSide).upright(1), &jpeg.Options{Quality: quality})
	return small.Bytes(), err
}

// LogoOf is an account's logo; nil for none, also for one that is replaced this moment.
func (m *Media) LogoOf(ctx context.Context, account *models.Account) ([]byte, error) {
	if account.LogoKey == "" {
		return nil, nil
	}
	reader, err := m.Blobs.Get(ctx, account.LogoKey)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, nil // replaced this moment; what it was to stand on is worth more
	}
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	return io.ReadAll(io.LimitReader(reader, 4<<20))
}
