// Package house makes an account with an order and photos in a database and a blob store of its own, for tests of what
// works on rows without the product around it.
package house

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/storage"
)

// House is an account with one order.
type House struct {
	T       testing.TB
	Dir     string
	Ctx     context.Context
	Store   *models.Store
	Blobs   *storage.Store
	Account *models.Account
	Order   *models.WorkOrder
	Photos  map[string][]byte // file name → content
}

// template is a database of the newest schema, migrated once a process: every house begins with a copy.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "fieldproof-house-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "a.db")
	store, err := models.Open(context.Background(), "sqlite://"+path)
	if err != nil {
		return nil, err
	}
	_, err = store.Migrate(context.Background())
	if err := errors.Join(err, store.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// New makes a house in a folder of its own.
func New(t testing.TB) *House {
	h := Open(t, t.TempDir())
	h.Account = &models.Account{ID: models.NewID()}
	h.Ctx = models.InAccount(h.Ctx, h.Account.ID)
	h.Write(func(tx *models.Tx) (err error) {
		h.Account, err = tx.NewAccount(h.Account.ID, "Acme")
		return err
	})
	h.Order = h.NewOrder("W-1")
	return h
}

// Open opens the database and the blobs of a folder.
func Open(t testing.TB, dir string) *House {
	h := &House{T: t, Dir: dir, Ctx: context.Background(), Photos: map[string][]byte{}}
	path := filepath.Join(dir, "a.db")
	if _, err := os.Stat(path); err != nil {
		migrated, err := template()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, migrated, 0o600))
	}
	var err error
	h.Store, err = models.Open(h.Ctx, "sqlite://"+path)
	require.NoError(t, err)
	h.Store.Sealer, err = models.NewSealer(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	require.NoError(t, err)
	h.Blobs, err = storage.Open(h.Ctx, "file://"+filepath.Join(dir, "blobs"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Blobs.Close(); _ = h.Store.Close() })
	return h
}

// Write runs a transaction.
func (h *House) Write(fn func(tx *models.Tx) error) {
	h.T.Helper()
	require.NoError(h.T, h.Store.Write(h.Ctx, fn))
}

// NewOrder makes an order that the office has approved.
func (h *House) NewOrder(number string) *models.WorkOrder {
	address := models.Address{Address1: "12 Oak Street", City: "Austin", State: "TX", Zip: "78701"}
	o := &models.WorkOrder{ID: models.NewID(), AccountID: h.Account.ID, CreatedAt: models.Now(), UpdatedAt: models.Now(), Lifecycle: models.Lifecycle{State: models.Approved}}
	h.Write(func(tx *models.Tx) error {
		property, err := tx.PropertyAt(h.Account.ID, address, nil, nil)
		if err != nil {
			return err
		}
		o.PropertyID, o.WorkOrderNumber, o.Address = property.ID, number, address
		o.Normalise()
		lawn := models.TaskFields{Name: "Lawn"}
		lawn.Normalise()
		return tx.CreateOrder(o, []models.TaskFields{lawn}, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Approved, Actor: "office"})
	})
	return o
}

// Photo adds an approved photo to an order. n makes it another one.
func (h *House) Photo(o *models.WorkOrder, n int) *models.Item {
	content := fmt.Appendf(nil, "the bytes of photo %d, as they were taken", n)
	item := h.PhotoOf(o, n, content)
	h.Photos[item.TakenAt.UTC().Format("20060102-150405")+"_"+item.UUID+".jpg"] = content
	return item
}

// PhotoOf is Photo with bytes of one's own.
func (h *House) PhotoOf(o *models.WorkOrder, n int, content []byte) *models.Item {
	sum := sha256.Sum256(content)
	at := models.At(time.Date(2026, 3, 4, 5, 6, n%60, 0, time.UTC))
	item := &models.Item{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: o.ID, Kind: models.Photo, UUID: fmt.Sprintf("uuid-%06d", n), Revision: 1, ReceivedAt: at, TakenAt: &at,
		Review: models.ReviewApproved, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), CRC32: int64(crc32.ChecksumIEEE(content)), ContentType: "image/jpeg",
		BlobKey: fmt.Sprintf("originals/%d", n), Noticed: true}
	require.NoError(h.T, h.Blobs.Put(h.Ctx, item.BlobKey, "image/jpeg", strings.NewReader(string(content))))
	h.Write(func(tx *models.Tx) error { return tx.Create(item).Error })
	return item
}

// Destination makes a destination with sealed options.
func (h *House) Destination(d *models.Destination, secrets models.DestinationSecrets) {
	d.ID, d.AccountID, d.Name, d.Enabled, d.CreatedAt, d.UpdatedAt = models.NewID(), h.Account.ID, string(d.Kind), true, models.Now(), models.Now()
	sealed, err := h.Store.Sealer.Seal("destination/"+d.ID, secrets)
	require.NoError(h.T, err)
	d.Secrets = sealed
	h.Write(func(tx *models.Tx) error { return tx.Create(d).Error })
}

// Publish releases what is new of an order.
func (h *House) Publish(o *models.WorkOrder) *models.Publication { return h.PublishTo(o) }

// PublishTo is Publish to some destinations.
func (h *House) PublishTo(o *models.WorkOrder, destinations ...string) *models.Publication {
	var p *models.Publication
	h.Write(func(tx *models.Tx) error {
		var err error
		p, err = tx.PublishItems(o, &models.HistoryEvent{Type: models.TypePublished, FromState: models.Approved, ToState: models.Published, Actor: "office"}, models.Terms{QAPolicy: models.OfficeReview}, nil, destinations)
		if err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	return p
}
