package deliveries_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/activities/deliveries"
	"fieldproof/mails"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/postbox"
)

// letters is an account whose order is mailed to somebody.
func letters(t *testing.T, attach string) (*drive, *postbox.Postbox) {
	box := postbox.New(t)
	h := &drive{House: house.New(t)}
	server := &mails.Server{URL: &url.URL{Scheme: "smtp", Host: box.Addr().String(), RawQuery: "from=results@example.com"}, PublicURL: "https://fieldproof.example.com"}
	h.deliveries = &deliveries.Deliveries{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Mail: &deliveries.Post{Server: server, PublicURL: "https://fieldproof.example.com"}, Log: slog.New(slog.DiscardHandler)}
	h.place = &models.Destination{Kind: models.MailDestination, Settings: models.DestinationSettings{To: []string{"Client <client@example.com>"}, Message: "Dear client,\nhere it is.", Attach: attach}}
	h.Destination(h.place, models.DestinationSecrets{})
	return h, box
}

func (h *drive) report(content string) {
	p, err := models.One[models.Publication](h.Store.Read(h.Ctx).Order("number DESC"), "publication")
	require.NoError(h.T, err)
	require.NoError(h.T, h.Blobs.Put(h.Ctx, p.ReportPart(1), "application/pdf", strings.NewReader(content)))
}

func TestAReportIsMailedAsADelivery(t *testing.T) {
	h, box := letters(t, models.MailBoth)
	require.NoError(t, h.deliveries.Test(h.Ctx, h.place))
	require.Len(t, box.Mails(), 1)
	h.photo(1)
	h.publish()
	require.Equal(t, models.DeliveryRetrying, h.deliver().State, "the report is not made yet")
	h.report("%PDF-1.7 the report")
	box.Down(true)
	down := h.deliver()
	require.Equal(t, models.DeliveryRetrying, down.State)
	require.Contains(t, down.LastError, "451")
	box.Down(false)
	box.LoseNextAnswer()
	require.Equal(t, models.DeliveryRetrying, h.deliver().State, "whether it was taken nobody knows")
	require.Equal(t, models.DeliveryDelivered, h.deliver().State)
	got := box.Mails()[1:]
	require.Len(t, got, 2)
	ids, links := map[string]bool{}, map[string]bool{}
	for _, raw := range got {
		m, err := mail.ReadMessage(strings.NewReader(raw))
		require.NoError(t, err)
		ids[m.Header.Get("Message-ID")] = true
		require.Equal(t, `"Client" <client@example.com>`, m.Header.Get("To"))
		require.Equal(t, `"Acme" <results@example.com>`, m.Header.Get("From"))
		require.Contains(t, m.Header.Get("Subject"), "W-1")
		text, files := parts(t, m)
		require.Contains(t, text, "Dear client,")
		require.Equal(t, map[string]string{"W-1.pdf": "%PDF-1.7 the report"}, files)
		head := regexp.MustCompile(`Proof: (\d+:[0-9a-f]{64})`).FindStringSubmatch(text)
		require.NotNil(t, head, text)
		link := regexp.MustCompile(`https://fieldproof.example.com/s/(\S+)`).FindStringSubmatch(text)
		require.NotNil(t, link, text)
		links[link[1]] = true
		found, err := h.Store.LinkByToken(h.Ctx, link[1])
		require.NoError(t, err)
		require.Equal(t, h.Order.ID, found.WorkOrderID)
	}
	require.Len(t, ids, 1, "a mail that comes twice bears one id")
	require.Len(t, links, 1, "and one link")
	var attempts []models.Attempt
	require.NoError(t, h.Store.Read(h.Ctx).Where("delivery_id = ?", h.delivery).Find(&attempts).Error)
	require.Len(t, attempts, 4, "the same log as every delivery")

	// An address that is refused is told at once, and not tried again.
	box.Refuse("client@example.com")
	h.photo(2)
	h.publish()
	h.report("%PDF-1.7 again")
	refused := h.deliver()
	require.Equal(t, models.DeliveryFailed, refused.State)
	require.Contains(t, refused.LastError, "refuses the address")
}

func TestALinkAloneIsMailedWithoutAReport(t *testing.T) {
	h, box := letters(t, models.MailLink)
	h.photo(1)
	h.publish()
	require.Equal(t, models.DeliveryDelivered, h.deliver().State, "no report is waited for")
	m, err := mail.ReadMessage(strings.NewReader(box.Mails()[0]))
	require.NoError(t, err)
	text, files := parts(t, m)
	require.Contains(t, text, "https://fieldproof.example.com/s/")
	require.Empty(t, files)

	none := &deliveries.Deliveries{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Mail: &deliveries.Post{Server: &mails.Server{}}, Log: slog.New(slog.DiscardHandler)}
	require.ErrorContains(t, none.Test(h.Ctx, h.place), "FIELDPROOF_SMTP_URL")
}

// parts takes a mail apart: its text, and its files by name.
func parts(t *testing.T, m *mail.Message) (text string, files map[string]string) {
	t.Helper()
	files = map[string]string{}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	read := func(r io.Reader, encoding string) string {
		raw, err := io.ReadAll(r)
		require.NoError(t, err)
		return decoded(t, raw, encoding)
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return read(m.Body, m.Header.Get("Content-Transfer-Encoding")), files
	}
	all := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := all.NextRawPart()
		if err == io.EOF {
			return text, files
		}
		require.NoError(t, err)
		content := read(p, p.Header.Get("Content-Transfer-Encoding"))
		if p.FileName() != "" {
			files[p.FileName()] = content
		} else {
			text += content
		}
	}
}

func decoded(t *testing.T, raw []byte, encoding string) string {
	t.Helper()
	switch strings.ToLower(encoding) {
	case "base64":
		plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(raw)), ""))
		require.NoError(t, err)
		return string(plain)
	case "quoted-printable":
		plain, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw)))
		require.NoError(t, err)
		return string(plain)
	}
	return string(raw)
}
