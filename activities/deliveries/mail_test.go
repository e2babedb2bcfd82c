package deliveries_test

import (
	"image"
	"image/jpeg"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/activities/deliveries"
	"fieldproof/mails"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/postbox"
)

// letters is an account whose order is mailed to somebody.
func letters(t *testing.T, attach string) (*drive, *postbox.Postbox) {
	box := postbox.New(t)
	h := &drive{House: house.New(t)}
	server := &mails.Server{URL: &url.URL{Scheme: "smtp", Host: box.Addr().String(), RawQuery: "from=results@example.com"}, PublicURL: "https://fieldproof.example.com"}
	h.deliveries = &deliveries.Deliveries{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Mail: &deliveries.Post{Server: server, Media: media.New(h.Store, h.Blobs, slog.New(slog.DiscardHandler), 1<<30), PublicURL: "https://fieldproof.example.com"}, Log: slog.New(slog.DiscardHandler)}
	h.place = &models.Destination{Kind: models.MailDestination, Settings: models.DestinationSettings{To: []string{"Client <client@example.com>"}, Message: "Dear client,\nhere it is.", Attach: attach}}
	h.Destination(h.place, models.DestinationSecrets{})
	h.Write(func(tx *models.Tx) error {
		return tx.Model(&models.Account{}).Where("id = ?", h.Account.ID).Update("email", "office@example.com").Error
	})
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
		m := postbox.Read(t, raw)
		ids[m.Get("Message-ID")] = true
		require.Equal(t, `"Client" <client@example.com>`, m.Get("To"))
		require.Equal(t, `"Acme" <results@example.com>`, m.Get("From"))
		require.Contains(t, m.Subject, "W-1")
		require.Equal(t, "<office@example.com>", m.Get("Reply-To"))
		text := m.Text
		require.Contains(t, text, "Dear client,")
		require.Contains(t, m.HTML, "Dear client,<br>here it is.")
		require.Equal(t, map[string]string{"W-1.pdf": "%PDF-1.7 the report"}, m.Files)
		require.Regexp(t, `Proof:\s+2:(\s+[0-9a-f]{8}){8}\s`, text)
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
	m := postbox.Read(t, box.Mails()[0])
	require.Contains(t, m.Text, "https://fieldproof.example.com/s/")
	require.Contains(t, m.HTML, "https://fieldproof.example.com/s/")
	require.Empty(t, m.Files)

	none := &deliveries.Deliveries{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Mail: &deliveries.Post{Server: &mails.Server{}}, Log: slog.New(slog.DiscardHandler)}
	require.ErrorContains(t, none.Test(h.Ctx, h.place), "FIELDPROOF_SMTP_URL")
}

// TestAMailShowsTheWorkAndAttachesNoLargeReport: pictures are part of the mail, in the right size; a report above nine megabytes
// is not, and the mail carries the link instead.
func TestAMailShowsTheWorkAndAttachesNoLargeReport(t *testing.T) {
	h, box := letters(t, models.MailReport)
	for n, name := range []string{"front-before.jpg", "front-after.jpg"} {
		photo, err := os.ReadFile("../../docs/sample/" + name)
		require.NoError(t, err)
		item := h.PhotoOf(h.Order, n, photo)
		h.Write(func(tx *models.Tx) error {
			return tx.Model(item).Updates(map[string]any{"evidence_type": []string{"before", "after"}[n], "shot": "Front of house", "width": 640, "height": 480}).Error
		})
	}
	h.publish()
	h.report(strings.Repeat("x", 9<<20+1))
	require.Equal(t, models.DeliveryDelivered, h.deliver().State)
	m := postbox.Read(t, box.Mails()[0])
	require.Empty(t, m.Files)
	require.Regexp(t, `Report:\s+too large for a mail: the page has it`, m.Text)
	require.Contains(t, m.Text, "https://fieldproof.example.com/s/")
	require.Len(t, m.Shown, 2)
	for id, content := range m.Shown {
		require.Contains(t, m.HTML, `"cid:`+id+`"`)
		picture, err := jpeg.Decode(strings.NewReader(content))
		require.NoError(t, err)
		require.Equal(t, image.Pt(528, 396), picture.Bounds().Size())
		require.Less(t, len(content), 60_000)
	}
	require.Contains(t, m.HTML, `alt="Front of house, before"`)

	h.photo(2)
	h.publish()
	h.report(strings.Repeat("x", 9<<20))
	require.Equal(t, models.DeliveryDelivered, h.deliver().State)
	m = postbox.Read(t, box.Mails()[1])
	require.Len(t, m.Files["W-1.pdf"], 9<<20)
	require.NotContains(t, m.Text, "https://fieldproof.example.com/s/")
}
