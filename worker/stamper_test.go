package worker_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/archives"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/tsa"
	"fieldproof/wording"
	"fieldproof/worker"
)

func archive(t *testing.T, h *house.House, o *models.WorkOrder) []byte {
	t.Helper()
	proof, err := models.ProofOf(h.Store.Read(h.Ctx), o.ID, nil, models.ForOffice)
	require.NoError(t, err)
	file, err := (&archives.Archives{Store: h.Store, Blobs: h.Blobs}).Of(h.Ctx, proof, "")
	require.NoError(t, err)
	defer file.Close()
	b, err := io.ReadAll(file)
	require.NoError(t, err)
	return b
}

func verify(t *testing.T, archive []byte, held archives.Held) *archives.Report {
	t.Helper()
	r, err := archives.Verify(bytes.NewReader(archive), int64(len(archive)), held)
	require.NoError(t, err)
	return r
}

func head(t *testing.T, h *house.House) *models.ProofHead {
	t.Helper()
	signer, err := h.Store.Signer(h.Ctx, h.Account.ID)
	require.NoError(t, err)
	return &signer.Head
}

func pool(a *tsa.Authority) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.Certificate())
	return p
}

func TestHeadsAreStampedAndStampsAreChecked(t *testing.T) {
	authority, err := tsa.Start()
	require.NoError(t, err)
	defer authority.Close()
	h := house.New(t)
	s := &worker.Stamper{Store: h.Store, URL: authority.URL, Client: http.DefaultClient, Log: slog.New(slog.DiscardHandler)}
	h.Photo(h.Order, 1)
	h.Publish(h.Order)

	authority.Down(true)
	require.Error(t, s.StampDue(context.Background()))
	require.NoError(t, s.StampDue(context.Background()), "it rests after a failure")
	require.Equal(t, 1, authority.Asked())
	authority.Down(false)
	h.Write(func(tx *models.Tx) error {
		return tx.Model(&models.Chain{}).Where("account_id = ?", h.Account.ID).Update("stamp_due_at", models.Now()).Error
	})
	require.NoError(t, s.StampDue(context.Background()))
	require.Equal(t, 2, authority.Asked())
	require.NoError(t, s.StampDue(context.Background()))
	require.Equal(t, 2, authority.Asked(), "one stamp a head")

	entry, err := models.One[models.ChainEntry](h.Store.Read(h.Ctx).Where("account_id = ?", h.Account.ID).Order("sequence DESC"), "entry")
	require.NoError(t, err)
	require.NotEmpty(t, entry.Stamp)
	token, err := base64.StdEncoding.DecodeString(entry.Stamp)
	require.NoError(t, err)
	good := archive(t, h, h.Order)
	report := verify(t, good, archives.Held{Authorities: pool(authority), Stamps: [][]byte{token}})
	require.Empty(t, report.Problems)
	require.Contains(t, report.Checked, "1 time stamps over the chain")

	// Another authority's stamp is not believed, not even when it sends the trusted one's certificate along.
	forger, err := tsa.Start()
	require.NoError(t, err)
	defer forger.Close()
	forger.Along = []*x509.Certificate{authority.Certificate()}
	hash, err := hex.DecodeString(entry.Head)
	require.NoError(t, err)
	forged := forger.Stamp(hash, nil, time.Now())
	report = verify(t, good, archives.Held{Authorities: pool(authority), Stamps: [][]byte{forged}})
	require.Len(t, report.Problems, 1)
	require.Contains(t, report.Problems[0], "not by a time-stamp authority that is trusted")

	// A stamp that was made before the entry says it was, or was changed, is told.
	report = verify(t, good, archives.Held{Stamps: [][]byte{authority.Stamp(hash, nil, time.Now().Add(-time.Hour))}})
	require.Contains(t, report.Problems[0], "before the entry")
	broken := bytes.Clone(token)
	broken[len(broken)-5] ^= 1
	report = verify(t, good, archives.Held{Stamps: [][]byte{broken}})
	require.Len(t, report.Problems, 1)
}

// TestARewrittenChainIsCaught plays the one who holds key and log: the account itself, which wants a record to have
// been there earlier than it was.
func TestARewrittenChainIsCaught(t *testing.T) {
	authority, err := tsa.Start()
	require.NoError(t, err)
	defer authority.Close()
	h := house.New(t)
	s := &worker.Stamper{Store: h.Store, URL: authority.URL, Client: http.DefaultClient, Log: slog.New(slog.DiscardHandler)}
	h.Photo(h.Order, 1)
	h.Publish(h.Order)
	// The database as it was then is kept aside.
	before := t.TempDir()
	for _, name := range []string{"a.db", "a.db-wal"} { // nobody writes
		content, err := os.ReadFile(filepath.Join(h.Dir, name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(before, name), content, 0o600))
	}
	require.NoError(t, os.Symlink(filepath.Join(h.Dir, "blobs"), filepath.Join(before, "blobs")))

	second := h.NewOrder("W-2")
	h.Photo(second, 2)
	h.Publish(second)
	require.NoError(t, s.StampDue(context.Background()))
	held := head(t, h) // as a report or a mail brought it to somebody
	entry, err := models.One[models.ChainEntry](h.Store.Read(h.Ctx).Where("account_id = ? AND stamp <> ''", h.Account.ID), "entry")
	require.NoError(t, err)
	token, err := base64.StdEncoding.DecodeString(entry.Stamp)
	require.NoError(t, err)

	// The same key goes back to the old database, puts a record in between, and writes the rest again.
	forged := house.Open(t, before)
	forged.Ctx, forged.Account = h.Ctx, h.Account
	backdated := forged.NewOrder("W-0")
	forged.Photo(backdated, 3)
	forged.Publish(backdated)
	again := forged.NewOrder("W-2")
	forged.Photo(again, 2)
	forged.Publish(again)
	lie := archive(t, forged, backdated)
	require.Empty(t, verify(t, lie, archives.Held{}).Problems, "alone it looks right: the key is the account's")
	for what, outside := range map[string]archives.Held{"head": {Heads: []string{held.Text()}}, "stamp": {Stamps: [][]byte{token}, Authorities: pool(authority)}} {
		chain := chainOf(t, forged)
		outside.Chains = []io.Reader{bytes.NewReader(chain)}
		report := verify(t, lie, outside)
		require.NotEmpty(t, report.Problems, what)
	}
	// What is true stands against both.
	truth := archive(t, h, second)
	printed := fmt.Sprintf("%d: %s", held.Sequence, wording.Grouped(held.Head, 8))
	require.Empty(t, verify(t, truth, archives.Held{Heads: []string{held.Text(), printed}, Stamps: [][]byte{token}, Authorities: pool(authority)}).Problems)
}

// chainOf is the chain as the account shows it.
func chainOf(t *testing.T, h *house.House) []byte {
	t.Helper()
	var entries []models.ChainEntry
	require.NoError(t, h.Store.Read(h.Ctx).Where("account_id = ?", h.Account.ID).Order("sequence").Find(&entries).Error)
	var b bytes.Buffer
	for i := range entries {
		line, err := json.Marshal(archives.LineOf(&entries[i], false))
		require.NoError(t, err)
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}
