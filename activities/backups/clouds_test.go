package backups_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"fieldproof/activities/backups"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/remotes"
	"fieldproof/storage"
	"fieldproof/tests/clouds"
)

var sky *clouds.Clouds

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "clouds-")
	if err == nil {
		sky, err = clouds.Start(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fs.GetConfig(context.Background()).CaCert = []string{sky.CertFile}
	code := m.Run()
	sky.Close()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// house is an account with an order and its photos, published to one destination.
type house struct {
	t        *testing.T
	ctx      context.Context
	store    *models.Store
	blobs    *storage.Store
	backups  *backups.Backups
	clouds   *remotes.Clouds
	account  *models.Account
	order    *models.WorkOrder
	place    *models.Destination
	delivery string
	photos   map[string][]byte // file name → content
}

var apps = map[string]remotes.App{"drive": {ID: "app-id", Secret: "app-secret"}, "dropbox": {ID: "app-id", Secret: "app-secret"}}

func newHouse(t *testing.T) *house {
	h := &house{t: t, ctx: context.Background(), photos: map[string][]byte{}}
	dir := t.TempDir()
	var err error
	h.store, err = models.Open(h.ctx, "sqlite://"+filepath.Join(dir, "a.db"))
	require.NoError(t, err)
	_, err = h.store.Migrate(h.ctx)
	require.NoError(t, err)
	h.store.Sealer, err = models.NewSealer(base64.StdEncoding.EncodeToString(make([]byte, 32)))
	require.NoError(t, err)
	h.blobs, err = storage.Open(h.ctx, "file://"+filepath.Join(dir, "blobs"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.blobs.Close(); _ = h.store.Close() })
	folders, err := guard.NewFolders(filepath.Join(dir, "folders"))
	require.NoError(t, err)
	places := remotes.New(folders, &guard.Proxy{URL: sky.Proxy})
	places.Apps = apps
	h.clouds = &remotes.Clouds{Apps: apps, HTTP: sky.Client(), Back: "https://fieldproof.example.com/oauth/connected"}
	h.backups = &backups.Backups{Store: h.store, Blobs: h.blobs, Sealer: h.store.Sealer, Folders: folders, Remotes: places, Log: slog.New(slog.DiscardHandler)}

	h.write(func(tx *models.Tx) error {
		h.account, err = tx.NewAccount(models.NewID(), "Acme")
		return err
	})
	h.ctx = models.InAccount(h.ctx, h.account.ID)
	h.write(func(tx *models.Tx) error {
		address := models.Address{Address1: "12 Oak Street", City: "Austin", State: "TX", Zip: "78701"}
		property, err := tx.PropertyAt(h.account.ID, address, nil, nil)
		if err != nil {
			return err
		}
		h.order = &models.WorkOrder{ID: models.NewID(), AccountID: h.account.ID, PropertyID: property.ID, CreatedAt: models.Now(), UpdatedAt: models.Now(), Lifecycle: models.Lifecycle{State: models.Approved}}
		h.order.WorkOrderNumber, h.order.Address = "W-1", address
		h.order.Normalise()
		lawn := models.TaskFields{Name: "Lawn"}
		lawn.Normalise()
		return tx.CreateOrder(h.order, []models.TaskFields{lawn}, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Approved, Actor: "t"})
	})
	return h
}

func (h *house) write(fn func(tx *models.Tx) error) {
	h.t.Helper()
	ctx := h.ctx
	if h.account == nil {
		ctx = models.AcrossAccounts(ctx)
	}
	require.NoError(h.t, h.store.Write(ctx, fn))
}

// photo adds a photo to the order.
func (h *house) photo(n int) {
	content := fmt.Appendf(nil, "the bytes of photo %d, as they were taken", n)
	sum := sha256.Sum256(content)
	at := models.At(time.Date(2026, 3, 4, 5, 6, n%60, 0, time.UTC))
	item := &models.Item{ID: models.NewID(), AccountID: h.account.ID, WorkOrderID: h.order.ID, Kind: models.Photo, UUID: fmt.Sprintf("uuid-%06d", n), Revision: 1, ReceivedAt: at, TakenAt: &at,
		Review: models.ReviewApproved, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), CRC32: int64(crc32.ChecksumIEEE(content)), ContentType: "image/jpeg", BlobKey: fmt.Sprintf("originals/%d", n), Noticed: true}
	require.NoError(h.t, h.blobs.Put(h.ctx, item.BlobKey, "image/jpeg", strings.NewReader(string(content))))
	h.write(func(tx *models.Tx) error { return tx.Create(item).Error })
	h.photos[at.UTC().Format("20060102-150405")+"_"+item.UUID+".jpg"] = content
}

func (h *house) destination(kind models.DestinationKind, options map[string]string) {
	h.place = &models.Destination{ID: models.NewID(), AccountID: h.account.ID, Name: string(kind), Kind: kind, Enabled: true, CreatedAt: models.Now(), UpdatedAt: models.Now(),
		Settings: models.DestinationSettings{Path: "Fieldproof/results", Template: "Project", NoReport: true}}
	sealed, err := h.store.Sealer.Seal("destination/"+h.place.ID, models.DestinationSecrets{Options: options})
	require.NoError(h.t, err)
	h.place.Secrets = sealed
	h.write(func(tx *models.Tx) error { return tx.Create(h.place).Error })
}

// publish releases what is new, and returns the delivery to the destination.
func (h *house) publish() string {
	var p *models.Publication
	h.write(func(tx *models.Tx) error {
		var err error
		p, err = tx.PublishItems(h.order, &models.HistoryEvent{Type: models.TypePublished, FromState: models.Approved, ToState: models.Published, Actor: "t"}, models.Terms{QAPolicy: models.OfficeReview}, nil, nil)
		if err != nil {
			return err
		}
		return tx.SaveOrder(h.order)
	})
	d, err := models.One[models.Delivery](h.store.Read(h.ctx).Where("publication_id = ?", p.ID), "delivery")
	require.NoError(h.t, err)
	h.delivery = d.ID
	return d.ID
}

// deliver tries the delivery once and returns its row.
func (h *house) deliver() *models.Delivery {
	_, err := h.backups.Deliver(h.ctx, h.delivery)
	require.NoError(h.t, err)
	d, err := models.One[models.Delivery](h.store.Read(h.ctx).Where("id = ?", h.delivery), "delivery")
	require.NoError(h.t, err)
	return d
}

// connect signs in as somebody does in a browser.
func (h *house) connect(kind string) string {
	address, verifier, err := h.clouds.Begin(kind, nil, "the-state")
	require.NoError(h.t, err)
	answer, err := sky.Client().Get(address)
	require.NoError(h.t, err)
	require.NoError(h.t, answer.Body.Close())
	require.Equal(h.t, http.StatusFound, answer.StatusCode)
	back, err := url.Parse(answer.Header.Get("Location"))
	require.NoError(h.t, err)
	require.Equal(h.t, "the-state", back.Query().Get("state"))
	_, err = h.clouds.Finish(h.ctx, kind, nil, back.Query().Get("code"), "another verifier, which is not the one of the challenge")
	require.Error(h.t, err, "PKCE: who has the code alone gets nothing")
	answer, err = sky.Client().Get(address)
	require.NoError(h.t, err)
	require.NoError(h.t, answer.Body.Close())
	back, err = url.Parse(answer.Header.Get("Location"))
	require.NoError(h.t, err)
	token, err := h.clouds.Finish(h.ctx, kind, nil, back.Query().Get("code"), verifier)
	require.NoError(h.t, err)
	return token
}

func (h *house) secrets() models.DestinationSecrets {
	d, err := models.One[models.Destination](h.store.Read(h.ctx).Where("id = ?", h.place.ID), "destination")
	require.NoError(h.t, err)
	var secrets models.DestinationSecrets
	require.NoError(h.t, h.store.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets))
	return secrets
}

var services = map[models.DestinationKind]struct {
	service func() *clouds.Service
	slow    clouds.Trouble
	full    clouds.Trouble
}{
	models.DriveDestination: {func() *clouds.Service { return sky.Google }, clouds.Trouble{Status: 403, Body: clouds.RateLimited}, clouds.Trouble{Status: 403, Body: clouds.DriveFull}},
	models.DropboxDestination: {func() *clouds.Service { return sky.Dropbox }, clouds.Trouble{Status: 429, Body: clouds.TooManyRequests, Header: map[string]string{"Retry-After": "1"}},
		clouds.Trouble{Status: 409, Body: clouds.DropboxFull}},
}

func TestCloudDrivesGetEachItemOnce(t *testing.T) {
	for kind, s := range services {
		t.Run(string(kind), func(t *testing.T) {
			service := s.service()
			service.Troubled(nil)
			clear(service.Files)
			service.Files["root-id"] = &clouds.File{ID: "root-id", Name: "My Drive", Folder: true}
			h := newHouse(t)
			h.destination(kind, map[string]string{"token": h.connect(string(kind))})
			require.NoError(t, h.backups.Test(h.ctx, h.place), "the probe is written, read and deleted")
			require.Zero(t, service.Count())
			for n := range 5 {
				h.photo(n)
			}
			h.publish()
			// Too fast at first: the client slows down, and loses nothing.
			var refused atomic.Int32
			service.Troubled(func(*http.Request) *clouds.Trouble {
				if refused.Add(1) <= 3 {
					return &s.slow
				}
				return nil
			})
			hurried := h.deliver()
			if hurried.State == models.DeliveryRetrying { // slowed down for longer than one try has patience
				require.Contains(t, strings.ToLower(hurried.LastError), "rate limit")
				hurried = h.deliver()
			}
			require.Equal(t, models.DeliveryDelivered, hurried.State, hurried.LastError)
			require.Greater(t, refused.Load(), int32(3))
			service.Troubled(nil)
			require.Equal(t, len(h.photos), service.Count())
			for name, content := range h.photos {
				found := service.Named(name)
				require.Len(t, found, 1, name)
				require.Equal(t, string(content), string(found[0].Content))
			}

			// The access token ends: it is refreshed, and the new one kept.
			before := h.secrets().Options["token"]
			service.Expire()
			h.expire()
			h.photo(7)
			h.publish()
			require.Equal(t, models.DeliveryDelivered, h.deliver().State)
			require.Equal(t, 6, service.Count(), "only what is new went out")
			require.NotEqual(t, before, h.secrets().Options["token"])

			// An answer is lost behind the body: the file is there once after the retry.
			var cut atomic.Bool
			service.Troubled(func(r *http.Request) *clouds.Trouble {
				if strings.Contains(r.URL.Path, "upload") && cut.CompareAndSwap(false, true) {
					return &clouds.Trouble{Cut: true}
				}
				return nil
			})
			h.photo(8)
			h.publish()
			for range 3 {
				if h.deliver().State == models.DeliveryDelivered {
					break
				}
			}
			require.True(t, cut.Load())
			require.Equal(t, 7, service.Count())
			service.Troubled(nil)

			// No room: told, tried again, whole once there is.
			service.Troubled(func(r *http.Request) *clouds.Trouble {
				if strings.Contains(r.URL.Path, "upload") {
					return &s.full
				}
				return nil
			})
			h.photo(9)
			h.publish()
			full := h.deliver()
			require.Equal(t, models.DeliveryRetrying, full.State)
			require.Contains(t, full.LastError, "the destination is full")
			service.Troubled(nil)
			require.Equal(t, models.DeliveryDelivered, h.deliver().State)
			require.Equal(t, 8, service.Count())

			// The permission is taken back in the middle: told so, and never tried again until somebody connects.
			for n := 10; n < 14; n++ {
				h.photo(n)
			}
			h.publish()
			var uploads atomic.Int32
			service.Troubled(func(r *http.Request) *clouds.Trouble {
				if strings.Contains(r.URL.Path, "upload") && uploads.Add(1) == 3 {
					service.RevokeNow()
				}
				return nil
			})
			require.Equal(t, models.DeliveryRetrying, h.deliver().State, "an access token that is not taken may have ended only")
			service.Troubled(nil)
			revoked := h.deliver()
			require.Equal(t, models.DeliveryFailed, revoked.State)
			require.Contains(t, revoked.LastError, "connect the destination again")
			h.photo(20)
			h.publish()
			failed := h.deliver()
			require.Equal(t, models.DeliveryFailed, failed.State)
			require.Contains(t, failed.LastError, "connect the destination again")
			var alerts []models.Alert
			require.NoError(t, h.store.Read(h.ctx).Find(&alerts).Error)
			require.NotEmpty(t, alerts)
			h.reseal(map[string]string{"token": h.connect(string(kind))})
			var open []models.Delivery
			require.NoError(t, h.store.Read(h.ctx).Where("state = ?", models.DeliveryFailed).Find(&open).Error)
			for i := range open {
				h.write(func(tx *models.Tx) error { return tx.RetryDelivery(&open[i]) })
				h.delivery = open[i].ID
				require.Equal(t, models.DeliveryDelivered, h.deliver().State)
			}
			require.Equal(t, len(h.photos), service.Count(), "each photo once, after everything")

			// Disconnecting gives the permission back.
			require.NoError(t, h.clouds.Revoke(h.ctx, string(kind), nil, h.secrets().Options["token"]))
			require.NoError(t, h.clouds.Revoke(h.ctx, string(kind), nil, h.secrets().Options["token"]), "one that has ended already")
			require.ErrorContains(t, h.backups.Test(h.ctx, h.again()), "connect the destination again")
		})
	}
}

// expire makes the kept token one whose time is over.
func (h *house) expire() {
	secrets := h.secrets()
	token := &oauth2.Token{}
	require.NoError(h.t, json.Unmarshal([]byte(secrets.Options["token"]), token))
	token.Expiry = time.Now().Add(-time.Hour)
	text, err := json.Marshal(token)
	require.NoError(h.t, err)
	h.reseal(map[string]string{"token": string(text)})
}

func (h *house) reseal(options map[string]string) {
	sealed, err := h.store.Sealer.Seal("destination/"+h.place.ID, models.DestinationSecrets{Options: options})
	require.NoError(h.t, err)
	h.write(func(tx *models.Tx) error {
		return tx.Model(&models.Destination{}).Where("id = ?", h.place.ID).Update("secrets", sealed).Error
	})
}

func (h *house) again() *models.Destination {
	h.expire()
	d, err := models.One[models.Destination](h.store.Read(h.ctx).Where("id = ?", h.place.ID), "destination")
	require.NoError(h.t, err)
	return d
}

func TestATokenNeverServesAnotherAccount(t *testing.T) {
	sky.Google.Troubled(nil)
	first := newHouse(t)
	first.destination(models.DriveDestination, map[string]string{"token": first.connect("drive")})
	first.expire()
	first.photo(1)
	first.publish()
	require.Equal(t, models.DeliveryDelivered, first.deliver().State)
	uploads := sky.Google.Uploads
	second := newHouse(t)
	second.destination(models.DriveDestination, nil) // never connected
	second.photo(2)
	second.publish()
	require.NotEqual(t, models.DeliveryDelivered, second.deliver().State)
	require.Equal(t, uploads, sky.Google.Uploads)
}
