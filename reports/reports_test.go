package reports_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/reports"
	"fieldproof/storage"
)

func picture(t testing.TB, w, h int) []byte {
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = uint8(i * 7)
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

// content is an order of so many photos, two tasks, before and after, along a street.
func content(t testing.TB, photos int) (*reports.Content, *reports.Reports) {
	ctx := context.Background()
	blobs, err := storage.Open(ctx, "file://"+t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, blobs.Close()) })
	account := &models.Account{Name: "Grüne Wiese GmbH", Zone: "America/Chicago", CertificationRadius: 250, ReportLayout: 6}
	yes, no := true, false
	lat, lon := 30.5084, -97.6790
	order := &models.WorkOrder{ID: "order"}
	order.WorkOrderNumber, order.Address = "W-77", models.Address{Address1: "12 Oak Street", City: "Round Rock", State: "TX", Zip: "78664"}
	order.Latitude, order.Longitude, order.Lifecycle.State = &lat, &lon, models.Published
	proof := &models.Proof{Account: account, Order: order, Property: &models.Property{Latitude: &lat, Longitude: &lon}, Users: map[string]string{"u": "crew-7"}, Names: map[string]string{"u": "crew-7"}}
	proof.View.Tasks = []models.Task{{ID: "a", TaskFields: models.TaskFields{Name: "Lawn cut"}}, {ID: "b", TaskFields: models.TaskFields{Name: "Đường Ngọc Ánh · Αθήνα · Україна"}}}
	wide, tall := picture(t, 64, 48), picture(t, 48, 64)
	for i := range photos {
		at := models.At(time.Date(2026, 5, 4, 12, i%60, 0, 0, time.UTC))
		item := &models.Item{ID: fmt.Sprintf("id-%d", i), UUID: fmt.Sprintf("uuid-%d", i), WorkOrderID: order.ID, Kind: models.Photo, TaskID: &proof.View.Tasks[i*2/photos].ID,
			EvidenceType: []string{"before", "after"}[i%2], ReceivedAt: at, TakenAt: &at, UploadedBy: "u", Review: models.ReviewApproved, BlobKey: fmt.Sprintf("p%d", i), Renditions: models.RenditionsMade,
			Certification: models.Certification{Item: &yes, Time: &yes, Location: []*bool{&yes, &no, nil}[i%3]}}
		there, across := lat+float64(i%40)*0.00004, lon-float64(i%7)*0.0001
		item.Position = models.Position{Latitude: &there, Longitude: &across}
		item.Notes = "Chú thích: cỏ đã cắt, сделано, έγινε"
		for _, r := range []models.Rendition{models.Display, models.Thumbnail} {
			require.NoError(t, blobs.Put(ctx, item.RenditionKey(r), "image/jpeg", bytes.NewReader([][]byte{wide, tall}[i%2])))
		}
		proof.Items = append(proof.Items, item)
	}
	checkIn := &models.Item{ID: "in", UUID: "in", Kind: models.CheckIn, ReceivedAt: models.At(time.Date(2026, 5, 4, 11, 0, 0, 0, time.UTC)), UploadedBy: "u"}
	proof.Items = append(proof.Items, checkIn)
	survey := models.FilledSurvey{Item: &models.Item{ID: "s", UploadedBy: "u", ReceivedAt: models.Now()}, Name: "Yard", Answers: []models.FilledAnswer{
		{Section: "Outside", Question: "Is the gate locked?", Answers: []string{"Ναι"}, Photos: proof.Items[:min(3, photos)]},
	}}
	c := &reports.Content{Account: account, Visits: []reports.Visit{{Proof: proof, Surveys: []models.FilledSurvey{survey}}}, Layout: 6, Part: 1, At: models.Now(),
		Head:   &models.ProofHead{Account: "acc", Sequence: 12, Head: strings.Repeat("ab", 32), KeyID: "key", SignedAt: models.Now()},
		Verify: func(i *models.Item) string { return "https://fieldproof.example.com/verify/" + i.UUID + "?code=c0de" }}
	return c, reports.New(nil, blobs, media.New(nil, blobs, nil, 64<<20), "", 256<<20)
}

// read renders a report and has another program read it.
func read(t *testing.T, r *reports.Reports, c *reports.Content) (pages []string, raw []byte) {
	var b bytes.Buffer
	require.NoError(t, r.Write(context.Background(), &b, c))
	return readPages(t, b.Bytes()), b.Bytes()
}

func readPages(t *testing.T, pdf []byte) []string {
	file := filepath.Join(t.TempDir(), "report.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	out, err := exec.Command("pdftotext", "-layout", file, "-").Output()
	require.NoError(t, err, "install the Debian package poppler-utils")
	return strings.Split(strings.TrimSuffix(string(out), "\f"), "\f")
}

func TestLayoutsHoldWhatTheySay(t *testing.T) {
	for _, layout := range models.ReportLayouts {
		t.Run(strconv.Itoa(layout), func(t *testing.T) {
			c, r := content(t, layout*4)
			c.Layout = layout
			c.Visits[0].Proof.View.Tasks = c.Visits[0].Proof.View.Tasks[:1]
			for _, i := range c.Visits[0].Proof.Items {
				i.TaskID, i.EvidenceType, i.Notes = &c.Visits[0].Proof.View.Tasks[0].ID, "before", ""
			}
			_, raw := read(t, r, c)
			var full []int
			for _, p := range laidOut(t, raw) {
				if n := p.photos(); n > 0 {
					full = append(full, n)
				}
			}
			most := 0
			for _, n := range full {
				most = max(most, n)
			}
			if layout < 12 { // small photos leave room for more, and their captions are short
				require.Equal(t, layout, most, "%v", full)
			}
			require.Len(t, captioned(t, raw), layout*4)
			require.Equal(t, 1+layout*4, bytes.Count(raw, []byte("/URI (https://fieldproof.example.com/verify/")), "one stands on the cover")
		})
	}
}

func TestAReportSaysWhatThereIs(t *testing.T) {
	c, r := content(t, 8)
	pages, raw := read(t, r, c)
	text := strings.Join(pages, "\n")
	for _, want := range []string{"Work order W-77", "Grüne Wiese GmbH", "12 Oak Street", "Round Rock, TX 78664", "Certified service record", "Check-in", "Lawn cut", "Đường Ngọc Ánh · Αθήνα · Україна",
		"Chú thích: cỏ đã cắt, сделано, έγινε", "Survey: Yard", "Outside", "Is the gate locked?", "Ναι", "Proof 12 · abab abab abab abab", "crew-7", "Before", "After", "property", "How to check this report"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "\uFFFD")
	require.NotContains(t, text, "Contents")
	require.Contains(t, text, strings.TrimSpace(strings.Repeat("abababab ", 8)), "the whole head")
	require.Contains(t, string(raw), "/Outlines")
	info := run(t, raw, "pdfinfo")
	require.Contains(t, info, "Work order W-77")
	require.Contains(t, info, "Proof 12:abab")
	require.Contains(t, info, "Author:          Grüne Wiese GmbH")

	decomposed := "e\u0302\u0301" // Vietnamese, as phones of one maker send it
	c.Visits[0].Proof.Items[0].Notes = "Nh" + decomposed + "t"
	pages, _ = read(t, r, c)
	require.Contains(t, strings.Join(pages, ""), "Nhết")
}

func run(t *testing.T, pdf []byte, name string, args ...string) string {
	file := filepath.Join(t.TempDir(), "report.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	out, err := exec.Command(name, append(args, file)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "Syntax")
	return string(out)
}

func TestReportsAreDrawnSideBySide(t *testing.T) {
	c, r := content(t, 60)
	var drawing sync.WaitGroup
	for range 4 {
		drawing.Go(func() {
			if err := r.Write(context.Background(), io.Discard, c); err != nil {
				t.Error(err)
			}
		})
	}
	drawing.Wait()
}

func TestALongReportHasContents(t *testing.T) {
	c, r := content(t, 150)
	pages, raw := read(t, r, c)
	require.Greater(t, len(pages), 12)
	at := -1
	for i, p := range pages {
		if strings.Contains(p, "Contents") {
			at = i
			break
		}
	}
	require.Equal(t, 1, at, "the contents follow the cover")
	for _, section := range []string{"Lawn cut", "Certified service record", "Survey: Yard", "How to check this report"} {
		line := regexp.MustCompile(regexp.QuoteMeta(section) + ` +(\d+)`).FindStringSubmatch(pages[at])
		require.NotNil(t, line, pages[at])
		page, err := strconv.Atoi(line[1])
		require.NoError(t, err)
		require.Regexp(t, `(?m)^ *`+regexp.QuoteMeta(section)+`( |$)`, pages[page-1], "as a heading")
		require.Contains(t, pages[page-1], fmt.Sprintf("Page %d of %d", page, len(pages)))
	}
	require.Greater(t, bytes.Count(raw, []byte("/Subtype /Link")), 150)
	run(t, raw, "pdfinfo")
}

func TestMoreThanAThousandPhotosComeInParts(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	c, r := content(t, 1101)
	require.Equal(t, 3, c.Parts())
	seen := 0
	for part := 1; part <= 3; part++ {
		require.NoError(t, c.Choose(12, part))
		pages, raw := read(t, r, c)
		seen += len(captioned(t, raw))
		require.Contains(t, pages[0], fmt.Sprintf("part %d of 3", part))
		require.Equal(t, part == 1, strings.Contains(strings.Join(pages, ""), "Is the gate locked?"))
	}
	require.Equal(t, 1101, seen)
	require.ErrorContains(t, c.Choose(0, 4), "parts 1 to 3")
	require.ErrorContains(t, c.Choose(5, 0), "2, 4, 6 or 12")
	few, _ := content(t, 1000)
	require.Equal(t, 1, few.Parts())
}

func TestAPropertyReportShowsEveryVisit(t *testing.T) {
	c, r := content(t, 4)
	again, _ := content(t, 2)
	again.Visits[0].Proof.Order.ID, again.Visits[0].Proof.Order.WorkOrderNumber = "other", "W-12"
	for _, i := range again.Visits[0].Proof.Items {
		i.ID += "-other"
		i.WorkOrderID = "other"
	}
	c.Visits = append(c.Visits, again.Visits...)
	c.Property = &models.Property{Address: c.Visits[0].Proof.Order.Address, Notes: "dog in the yard"}
	c.Visits[1].Proof.Items = c.Visits[1].Proof.Items[2:] // only the check-in: this one was not photographed
	pages, _ := read(t, r, c)
	require.Contains(t, pages[0], "Property report")
	require.Contains(t, pages[0], "dog in the yard")
	require.Contains(t, pages[0], "W-12")
	require.Contains(t, strings.Join(pages, ""), "Work order W-12 ·")
	c.Visits = nil
	pages, _ = read(t, r, c)
	require.Contains(t, pages[0], "There was no visit")
}

func TestALogoIsFlatAndSmall(t *testing.T) {
	large := image.NewNRGBA(image.Rect(0, 0, 2000, 500))
	large.Set(3, 3, color.NRGBA{200, 0, 0, 90})
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, large, nil))
	logo, err := media.Logo(b.Bytes())
	require.NoError(t, err)
	size, format, err := image.DecodeConfig(bytes.NewReader(logo))
	require.NoError(t, err)
	require.Equal(t, "png", format)
	require.Equal(t, 900, size.Width)
	_, err = media.Logo([]byte("<svg/>"))
	require.Equal(t, models.Unsupported, models.KindOf(err))
	c, r := content(t, 1)
	c.Logo = logo
	_, raw := read(t, r, c)
	require.Contains(t, run(t, raw, "pdfimages", "-list"), "900")
}
