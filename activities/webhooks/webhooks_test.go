package webhooks_test

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/activities/webhooks"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
)

// TestAnEndpointThatTakesNothingForDaysIsSwitchedOff turns the clock by the rows: five days pass in no time.
func TestAnEndpointThatTakesNothingForDaysIsSwitchedOff(t *testing.T) {
	h := house.New(t)
	hook := rig.NewReceiver()
	defer hook.Close()
	hook.Answer(func(int) int { return http.StatusBadGateway })
	networks, err := guard.ParseNetworks("127.0.0.0/8")
	require.NoError(t, err)
	w := webhooks.New(h.Store, h.Blobs, h.Store.Sealer, guard.NewNetwork(networks, "https://example.com"), slog.New(slog.DiscardHandler))
	d := &models.Destination{Kind: models.WebhookDestination, Settings: models.DestinationSettings{URL: hook.URL}}
	h.Destination(d, models.DestinationSecrets{Signing: models.NewSigningSecret(make([]byte, 32))})
	h.Photo(h.Order, 1)
	h.Publish(h.Order)
	reread := func() *models.Destination {
		d, err := models.One[models.Destination](h.Store.Read(h.Ctx).Where("id = ?", d.ID), "destination")
		require.NoError(t, err)
		return d
	}
	later := func(values map[string]any) {
		h.Write(func(tx *models.Tx) error {
			if err := tx.Model(&models.WebhookMessage{}).Where("state = ?", models.DeliveryRetrying).Update("next_attempt_at", models.Now()).Error; err != nil {
				return err
			}
			return tx.Model(&models.Destination{}).Where("id = ?", d.ID).Updates(values).Error
		})
	}
	pass := func() {
		_, err := w.SendWebhooks(h.Ctx, d.ID)
		require.NoError(t, err)
	}
	pass()
	failing := reread()
	require.True(t, failing.Enabled)
	require.NotNil(t, failing.FailingSince)
	require.NotNil(t, failing.ProbeAt, "it rests")
	later(map[string]any{"probe_at": nil, "failing_since": models.At(time.Now().Add(-4 * 24 * time.Hour))})
	pass()
	require.True(t, reread().Enabled, "four days are borne")
	later(map[string]any{"probe_at": nil, "failing_since": models.At(time.Now().Add(-5*24*time.Hour - time.Minute))})
	pass()
	off := reread()
	require.False(t, off.Enabled)
	require.Contains(t, off.LastError, "502")
	var alerts []models.Alert
	require.NoError(t, h.Store.Read(h.Ctx).Where("kind = ?", models.AlertWebhookFailing).Find(&alerts).Error)
	require.NotEmpty(t, alerts)
	var kept int64
	require.NoError(t, h.Store.Read(h.Ctx).Model(&models.WebhookMessage{}).Where("state <> ?", models.DeliveryDelivered).Count(&kept).Error)
	require.Positive(t, kept, "what was not taken is kept, to be replayed")
}

// TestWhatIsSwitchedOffDuringATryStaysOff lets somebody change the web-hook while a message is under way.
func TestWhatIsSwitchedOffDuringATryStaysOff(t *testing.T) {
	h := house.New(t)
	hook := rig.NewReceiver()
	defer hook.Close()
	networks, err := guard.ParseNetworks("127.0.0.0/8")
	require.NoError(t, err)
	w := webhooks.New(h.Store, h.Blobs, h.Store.Sealer, guard.NewNetwork(networks, "https://example.com"), slog.New(slog.DiscardHandler))
	d := &models.Destination{Kind: models.WebhookDestination, Settings: models.DestinationSettings{URL: hook.URL}}
	h.Destination(d, models.DestinationSecrets{Signing: models.NewSigningSecret(make([]byte, 32))})
	hook.Answer(func(int) int {
		h.Write(func(tx *models.Tx) error {
			return tx.Model(&models.Destination{}).Where("id = ?", d.ID).Update("enabled", false).Error
		})
		return http.StatusBadGateway
	})
	h.Photo(h.Order, 1)
	h.Publish(h.Order)
	_, err = w.SendWebhooks(h.Ctx, d.ID)
	require.NoError(t, err)
	d, err = models.One[models.Destination](h.Store.Read(h.Ctx).Where("id = ?", d.ID), "destination")
	require.NoError(t, err)
	require.False(t, d.Enabled)
}
