package attempts_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"fieldproof/activities/attempts"
	"fieldproof/activities/clients"
	"fieldproof/activities/deliveries"
	"fieldproof/activities/webhooks"
	"fieldproof/archives"
	"fieldproof/guard"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
)

var policies = map[string]models.Policy{"backups": models.PlacePolicy, "mails": models.MailPolicy, "web-hooks": models.WebhookPolicy, "clients": models.ClientPolicy, "fetches": models.FetchPolicy}

func TestEveryUseRestsLongerAndEnds(t *testing.T) {
	for use, p := range policies {
		for _, table := range [][]time.Duration{p.Rests, p.Probes} {
			require.True(t, slices.IsSorted(table), use)
		}
		for _, refused := range []bool{false, true} {
			o := attempts.Outcome{Err: errors.New("no"), Refused: refused}
			tries := p.Begin()
			require.Equal(t, models.DeliveryPending, tries.State)
			warned := false
			for n := 0; ; n++ {
				if n == 100 {
					require.Positive(t, p.Lasts, "%s would be tried for ever", use)
					require.False(t, refused && p.Refusals > 0, use)
					past := models.At(time.Now().Add(-time.Second))
					tries.GiveUpAt = past
				}
				verdict := attempts.Judge(p, &tries, o)
				require.EqualValues(t, n+1, tries.Attempts)
				require.Equal(t, "no", tries.LastError)
				if verdict == attempts.GivenUp {
					require.Equal(t, models.DeliveryFailed, tries.State)
					require.Nil(t, tries.NextAttemptAt)
					break
				}
				require.Less(t, n, 100, use)
				warned = warned || verdict == attempts.Warned
				require.Equal(t, verdict == attempts.Warned, p.WarnsAfter > 0 && tries.Attempts == p.WarnsAfter)
				rest, least := time.Until(tries.NextAttemptAt.Time), p.Rests[min(n, len(p.Rests)-1)]
				require.InDelta(t, float64(least)*1.1, float64(rest), float64(least)*0.1+float64(time.Second), "%s after try %d", use, n+1)
			}
			require.Equal(t, p.WarnsAfter > 0, warned, use)
		}
		tries := p.Begin()
		require.Equal(t, attempts.GivenUp, attempts.Judge(p, &tries, attempts.Outcome{Err: attempts.Final(errors.New("no"))}), "%s: what no try mends", use)
		tries = p.Begin()
		attempts.Judge(p, &tries, attempts.Outcome{Err: errors.New("no"), Rest: 9 * time.Hour})
		require.Greater(t, time.Until(tries.NextAttemptAt.Time), 8*time.Hour, "%s: as long as the other side asks", use)
		attempts.Judge(p, &tries, attempts.Outcome{Note: "smaller"})
		require.Equal(t, models.DeliveryDelivered, tries.State)
		require.Equal(t, "smaller", tries.LastError)
		require.NotNil(t, tries.DeliveredAt)
		require.Nil(t, tries.NextAttemptAt)
	}
}

func TestRestsOfWhatFailedTogetherDiffer(t *testing.T) {
	for use, p := range policies {
		seen := map[time.Duration]bool{}
		for range 20 {
			seen[p.Rest(3)] = true
		}
		require.Greater(t, len(seen), 10, use)
	}
}

// outside is an order with a photo and a destination, and what sends to it.
type outside struct {
	*house.House
	place *models.Destination
	try   func(ctx context.Context) error
}

// uses makes each use that brings a photo's bytes somewhere.
func uses(t *testing.T, url string) map[string]*outside {
	networks, err := guard.ParseNetworks("127.0.0.0/8")
	require.NoError(t, err)
	network, log := guard.NewNetwork(networks, "https://example.com"), slog.New(slog.DiscardHandler)
	made := map[string]*outside{}
	for name, d := range map[string]*models.Destination{
		"backups":   {Kind: models.FolderDestination, Settings: models.DestinationSettings{Path: "a", NoReport: true}},
		"web-hooks": {Kind: models.WebhookDestination, Settings: models.DestinationSettings{URL: url, IncludeFile: true, Events: []string{models.ItemPublished}}},
		"clients":   {Kind: models.ClientDestination, Settings: models.DestinationSettings{URL: url, Username: "me"}},
	} {
		o := &outside{House: house.New(t), place: d}
		o.Destination(d, models.DestinationSecrets{Signing: models.NewSigningSecret(make([]byte, 32)), Password: "p"})
		o.Photo(o.Order, 1)
		o.Publish(o.Order)
		folders, err := guard.NewFolders(t.TempDir())
		require.NoError(t, err)
		w := webhooks.New(o.Store, o.Blobs, o.Store.Sealer, network, log)
		c := clients.New(o.Store, o.Blobs, media.New(o.Store, o.Blobs, log, 256<<20), o.Store.Sealer, network, "https://example.com", log)
		b := &deliveries.Deliveries{Store: o.Store, Blobs: o.Blobs, Archives: &archives.Archives{Store: o.Store, Blobs: o.Blobs}, Sealer: o.Store.Sealer, Folders: folders, Log: log}
		o.try = map[string]func(context.Context) error{
			"backups": func(ctx context.Context) error {
				row, err := models.One[models.Delivery](o.Store.Read(o.Ctx).Where("destination_id = ?", d.ID), "delivery")
				if err == nil {
					_, err = b.Deliver(ctx, row.ID)
				}
				return err
			},
			"web-hooks": func(ctx context.Context) error { _, err := w.SendWebhooks(ctx, d.ID); return err },
			"clients": func(ctx context.Context) error {
				_, err := c.SendToClient(ctx, models.ClientSubject(d.ID, o.Order.ID))
				return err
			},
		}[name]
		made[name] = o
	}
	return made
}

func (o *outside) shows() models.DeliveryView {
	row, err := models.One[models.Delivery](o.Store.Read(o.Ctx).Where("destination_id = ?", o.place.ID), "delivery")
	require.NoError(o.T, err)
	views, err := models.ViewDeliveries(o.Store.Read(o.Ctx), []models.Delivery{*row})
	require.NoError(o.T, err)
	return views[0]
}

func TestAnOutageOfOurStorageIsNobodysTry(t *testing.T) {
	peer := rig.NewPeer("p")
	defer peer.Close()
	peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true}`) })
	peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true}`) })
	hook := rig.NewReceiver()
	defer hook.Close()
	for name, o := range uses(t, "") {
		o.Write(func(tx *models.Tx) error {
			o.place.Settings.URL = map[string]string{"web-hooks": hook.URL, "clients": peer.URL + "/api"}[name]
			return tx.Select("settings").Updates(o.place).Error
		})
		blobs := filepath.Join(o.Dir, "blobs")
		require.NoError(t, os.Rename(blobs, blobs+"-away"))
		require.NoError(t, os.WriteFile(blobs, nil, 0o600))
		err := o.try(o.Ctx)
		require.Error(t, err, "%s: the activity fails, and is tried again by itself", name)
		require.True(t, attempts.IsOurs(err), "%s: %v", name, err)
		v := o.shows()
		require.Zero(t, v.Attempts, name)
		require.Equal(t, models.DeliveryPending, v.State, name)
		require.Empty(t, v.LastError, name)
		d, err := models.One[models.Destination](o.Store.Read(o.Ctx).Where("id = ?", o.place.ID), "destination")
		require.NoError(t, err)
		require.Nil(t, d.FailingSince, "%s: the other side can nothing for it", name)

		require.NoError(t, os.Remove(blobs))
		require.NoError(t, os.Rename(blobs+"-away", blobs))
		require.NoError(t, o.try(o.Ctx), name)
		v = o.shows()
		require.Equal(t, models.DeliveryDelivered, v.State, "%s: %s", name, v.LastError)
		require.EqualValues(t, 1, v.Attempts, name)
	}
}

// TestWhatWaitsForTheOtherSideGivesSignsOfLife has the other side answer only after the activity gave one.
func TestWhatWaitsForTheOtherSideGivesSignsOfLife(t *testing.T) {
	for _, name := range []string{"web-hooks", "clients"} {
		var beats atomic.Int64
		lived := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Second):
				http.Error(w, "no sign of life", http.StatusBadGateway)
			case <-lived:
				rig.Say(w, `{"status":true}`)
			}
		}))
		t.Cleanup(server.Close)
		o := uses(t, server.URL)[name]
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestActivityEnvironment()
		env.SetWorkerOptions(worker.Options{BackgroundActivityContext: o.Ctx})
		env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) {
			if beats.Add(1) == 1 {
				close(lived)
			}
		})
		env.SetTestTimeout(time.Minute)
		act := func(ctx context.Context) error { return o.try(models.InAccount(ctx, o.Account.ID)) }
		env.RegisterActivityWithOptions(act, activity.RegisterOptions{Name: "try"})
		_, err := env.ExecuteActivity("try")
		require.NoError(t, err, name)
		require.Equal(t, models.DeliveryDelivered, o.shows().State, name)
	}
}

func TestWhoAsksForAnotherTryGetsTheWholeTimeAgain(t *testing.T) {
	for name, o := range uses(t, "http://127.0.0.1:9") {
		if name == "backups" {
			continue // its folder always answers
		}
		long := models.At(time.Now().Add(-time.Hour))
		o.Write(func(tx *models.Tx) error {
			for _, table := range []any{&models.WebhookMessage{}, &models.ClientMessage{}} {
				if err := tx.Model(table).Where("destination_id = ?", o.place.ID).Update("give_up_at", long).Error; err != nil {
					return err
				}
			}
			return nil
		})
		for range 4 { // silence is tried with two, then probed
			require.NoError(t, o.try(o.Ctx))
			o.Write(func(tx *models.Tx) error {
				return tx.Model(&models.Destination{}).Where("id = ?", o.place.ID).Update("probe_at", models.Now()).Error
			})
		}
		require.Equal(t, models.DeliveryFailed, o.shows().State, name)
		row, err := models.One[models.Delivery](o.Store.Read(o.Ctx).Where("destination_id = ?", o.place.ID), "delivery")
		require.NoError(t, err)
		o.Write(func(tx *models.Tx) error { return tx.RetryDelivery(row) })
		require.NoError(t, o.try(o.Ctx))
		require.Equal(t, models.DeliveryRetrying, o.shows().State, "%s: for days again", name)
	}
}
