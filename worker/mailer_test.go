package worker_test

import (
	"bufio"
	"context"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/mails"
	"fieldproof/models"
	"fieldproof/worker"
)

// postbox is an SMTP server (RFC 5321) that keeps the mails which it gets.
type postbox struct {
	net.Listener
	mu    sync.Mutex
	mails []string
	down  bool
}

func newPostbox(t *testing.T) *postbox {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &postbox{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.talk(c)
		}
	}()
	return p
}

func (p *postbox) talk(c net.Conn) {
	defer c.Close()
	say := func(s string) { _, _ = c.Write([]byte(s + "\r\n")) }
	say("220 postbox")
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		switch word, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); word {
		case "EHLO", "HELO":
			say("250 postbox")
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for lines.Scan() && lines.Text() != "." {
				mail.WriteString(lines.Text() + "\n")
			}
			p.mu.Lock()
			if p.down {
				say("451 try again later")
			} else {
				p.mails = append(p.mails, mail.String())
				say("250 taken")
			}
			p.mu.Unlock()
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (p *postbox) got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.mails...)
}

func TestAlertsAreMailedOnce(t *testing.T) {
	ctx := context.Background()
	store, err := models.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "a.db"))
	require.NoError(t, err)
	defer store.Close()
	_, err = store.Migrate(ctx)
	require.NoError(t, err)
	box := newPostbox(t)
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
	box.down = true
	require.Error(t, m.MailAlerts(ctx))
	require.Empty(t, box.got())
	box.mu.Lock()
	box.down = false
	box.mu.Unlock()
	require.NoError(t, store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error { // as if the lease had run out
		return tx.Model(&models.Alert{}).Where("mail_due_at IS NOT NULL").Update("mail_due_at", models.Now()).Error
	}))
	raise("told", "two")
	for range 3 {
		require.NoError(t, m.MailAlerts(ctx))
	}
	mails := box.got()
	require.Len(t, mails, 1, "one mail for all that is new, once")
	for _, said := range []string{"To: <office@example.com>", "Subject: Fieldproof: 2 alerts: Orders of ACME were rejected", "3 of 4", "What to do: Mend them."} {
		require.Contains(t, mails[0], said)
	}
}
