package worker_test

import (
	"context"
	"log/slog"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/mails"
	"fieldproof/models"
	"fieldproof/tests/postbox"
	"fieldproof/worker"
)

func TestAlertsAreMailedOnce(t *testing.T) {
	ctx := context.Background()
	store, err := models.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "a.db"))
	require.NoError(t, err)
	defer store.Close()
	_, err = store.Migrate(ctx)
	require.NoError(t, err)
	box := postbox.New(t)
	m := &worker.Mailer{Store: store, Log: slog.Default(), PublicURL: "https://fieldproof.example.com", Server: &mails.Server{URL: &url.URL{Scheme: "smtp", Host: box.Addr().String()}, PublicURL: "https://fieldproof.example.com"}}
	raise := func(account, subject string) {
		require.NoError(t, store.Write(models.InAccount(ctx, account), func(tx *models.Tx) error {
			return tx.Raise(&models.Alert{AccountID: account, Kind: models.AlertFailedImport, Subject: subject, Title: "Orders of ACME\nwere rejected", Detail: "3 of 4", Remedy: "Mend them."})
		}))
	}
	for id, address := range map[string]string{"told": "office@example.com", "silent": ""} {
		require.NoError(t, store.Write(ctx, func(tx *models.Tx) error {
			a, err := tx.NewAccount(id, "Account "+id)
			if err != nil {
				return err
			}
			return tx.Model(a).Where("id = ?", id).Update("alert_email", address).Error
		}))
		raise(id, "one")
	}
	box.Down(true)
	require.Error(t, m.MailAlerts(ctx))
	require.Empty(t, box.Mails())
	box.Down(false)
	require.NoError(t, store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error { // as if the lease had run out
		return tx.Model(&models.Alert{}).Where("mail_due_at IS NOT NULL").Update("mail_due_at", models.Now()).Error
	}))
	raise("told", "two")
	for range 3 {
		require.NoError(t, m.MailAlerts(ctx))
	}
	mails := box.Mails()
	require.Len(t, mails, 1, "one mail for all that is new, once")
	for _, said := range []string{"To: <office@example.com>", "Subject: 2 alerts: Orders of ACME were rejected", "From: \"Fieldproof\"", "3 of 4", "What to do. Mend them."} {
		require.Contains(t, mails[0], said)
	}
}
