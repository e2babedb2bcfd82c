package deliveries_test

import (
	"context"
	"encoding/json"
	"fmt"
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

	"fieldproof/activities/deliveries"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/remotes"
	"fieldproof/tests/clouds"
	"fieldproof/tests/house"
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

// drive is an account whose order is published to one cloud drive.
type drive struct {
	*house.House
	deliveries *deliveries.Deliveries
	clouds     *remotes.Clouds
	place      *models.Destination
	delivery   string
}

var apps = map[string]remotes.App{"drive": {ID: "app-id", Secret: "app-secret"}, "dropbox": {ID: "app-id", Secret: "app-secret"}}

func newDrive(t *testing.T) *drive {
	h := &drive{House: house.New(t)}
	folders, err := guard.NewFolders(filepath.Join(h.Dir, "folders"))
	require.NoError(t, err)
	places := remotes.New(folders, &guard.Proxy{URL: sky.Proxy})
	places.Apps = apps
	h.clouds = &remotes.Clouds{Apps: apps, HTTP: sky.Client(), Back: "https://fieldproof.example.com/oauth/connected"}
	h.deliveries = &deliveries.Deliveries{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Folders: folders, Remotes: places, Log: slog.New(slog.DiscardHandler)}
	return h
}

func (h *drive) photo(n int) { h.Photo(h.Order, n) }

func (h *drive) destination(kind models.DestinationKind, options map[string]string) {
	h.place = &models.Destination{Kind: kind, Settings: models.DestinationSettings{Path: "Fieldproof/results", Template: "Project", NoReport: true}}
	h.Destination(h.place, models.DestinationSecrets{Options: options})
}

// publish releases what is new.
func (h *drive) publish() {
	p := h.Publish(h.Order)
	d, err := models.One[models.Delivery](h.Store.Read(h.Ctx).Where("publication_id = ?", p.ID), "delivery")
	require.NoError(h.T, err)
	h.delivery = d.ID
}

// deliver tries the delivery once and returns its row.
func (h *drive) deliver() *models.Delivery {
	_, err := h.deliveries.Deliver(h.Ctx, h.delivery)
	require.NoError(h.T, err)
	d, err := models.One[models.Delivery](h.Store.Read(h.Ctx).Where("id = ?", h.delivery), "delivery")
	require.NoError(h.T, err)
	return d
}

// connect signs in as somebody does in a browser.
func (h *drive) connect(kind string) string {
	address, verifier, err := h.clouds.Begin(kind, nil, "the-state")
	require.NoError(h.T, err)
	answer, err := sky.Client().Get(address)
	require.NoError(h.T, err)
	require.NoError(h.T, answer.Body.Close())
	require.Equal(h.T, http.StatusFound, answer.StatusCode)
	back, err := url.Parse(answer.Header.Get("Location"))
	require.NoError(h.T, err)
	require.Equal(h.T, "the-state", back.Query().Get("state"))
	_, err = h.clouds.Finish(h.Ctx, kind, nil, back.Query().Get("code"), "another verifier, which is not the one of the challenge")
	require.Error(h.T, err, "PKCE: who has the code alone gets nothing")
	answer, err = sky.Client().Get(address)
	require.NoError(h.T, err)
	require.NoError(h.T, answer.Body.Close())
	back, err = url.Parse(answer.Header.Get("Location"))
	require.NoError(h.T, err)
	token, err := h.clouds.Finish(h.Ctx, kind, nil, back.Query().Get("code"), verifier)
	require.NoError(h.T, err)
	return token
}

func (h *drive) secrets() models.DestinationSecrets {
	d, err := models.One[models.Destination](h.Store.Read(h.Ctx).Where("id = ?", h.place.ID), "destination")
	require.NoError(h.T, err)
	var secrets models.DestinationSecrets
	require.NoError(h.T, h.Store.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets))
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
			h := newDrive(t)
			h.destination(kind, map[string]string{"token": h.connect(string(kind))})
			require.NoError(t, h.deliveries.Test(h.Ctx, h.place), "the probe is written, read and deleted")
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
			require.Equal(t, len(h.Photos), service.Count())
			for name, content := range h.Photos {
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
			require.NoError(t, h.Store.Read(h.Ctx).Find(&alerts).Error)
			require.NotEmpty(t, alerts)
			h.reseal(map[string]string{"token": h.connect(string(kind))})
			var open []models.Delivery
			require.NoError(t, h.Store.Read(h.Ctx).Where("state = ?", models.DeliveryFailed).Find(&open).Error)
			for i := range open {
				h.Write(func(tx *models.Tx) error { return tx.RetryDelivery(&open[i]) })
				h.delivery = open[i].ID
				require.Equal(t, models.DeliveryDelivered, h.deliver().State)
			}
			require.Equal(t, len(h.Photos), service.Count(), "each photo once, after everything")

			// Disconnecting gives the permission back.
			require.NoError(t, h.clouds.Revoke(h.Ctx, string(kind), nil, h.secrets().Options["token"]))
			require.NoError(t, h.clouds.Revoke(h.Ctx, string(kind), nil, h.secrets().Options["token"]), "one that has ended already")
			require.ErrorContains(t, h.deliveries.Test(h.Ctx, h.again()), "connect the destination again")
		})
	}
}

// expire makes the kept token one whose time is over.
func (h *drive) expire() {
	secrets := h.secrets()
	token := &oauth2.Token{}
	require.NoError(h.T, json.Unmarshal([]byte(secrets.Options["token"]), token))
	token.Expiry = time.Now().Add(-time.Hour)
	text, err := json.Marshal(token)
	require.NoError(h.T, err)
	h.reseal(map[string]string{"token": string(text)})
}

func (h *drive) reseal(options map[string]string) {
	sealed, err := h.Store.Sealer.Seal("destination/"+h.place.ID, models.DestinationSecrets{Options: options})
	require.NoError(h.T, err)
	h.Write(func(tx *models.Tx) error {
		return tx.Model(&models.Destination{}).Where("id = ?", h.place.ID).Update("secrets", sealed).Error
	})
}

func (h *drive) again() *models.Destination {
	h.expire()
	d, err := models.One[models.Destination](h.Store.Read(h.Ctx).Where("id = ?", h.place.ID), "destination")
	require.NoError(h.T, err)
	return d
}

func TestATokenNeverServesAnotherAccount(t *testing.T) {
	sky.Google.Troubled(nil)
	first := newDrive(t)
	first.destination(models.DriveDestination, map[string]string{"token": first.connect("drive")})
	first.expire()
	first.photo(1)
	first.publish()
	require.Equal(t, models.DeliveryDelivered, first.deliver().State)
	uploads := sky.Google.Uploads
	second := newDrive(t)
	second.destination(models.DriveDestination, nil) // never connected
	second.photo(2)
	second.publish()
	require.NotEqual(t, models.DeliveryDelivered, second.deliver().State)
	require.Equal(t, uploads, sky.Google.Uploads)
}
