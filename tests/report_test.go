package tests

import (
	"bytes"
	"cmp"
	"errors"
	"image/png"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/multi/qrcode"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// pdfText has another program read a PDF.
func pdfText(t *testing.T, pdf []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	out, err := exec.Command("pdftotext", "-layout", file, "-").CombinedOutput()
	require.NoError(t, err, "install the Debian package poppler-utils: %s", out)
	return string(out)
}

// codesIn photographs the pages of a PDF until so many QR codes are read, from farther away and from nearer, and gives them
// from the top of each page down.
func codesIn(t *testing.T, pdf []byte, wanted int) (texts []string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	for _, dpi := range []string{"300", "200", "400"} {
		if texts = codesAt(t, file, dpi); len(texts) == wanted {
			break
		}
	}
	return texts
}

func codesAt(t *testing.T, file, dpi string) (texts []string) {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("pdftoppm", "-r", dpi, "-png", file, filepath.Join(dir, "page")).CombinedOutput()
	require.NoError(t, err, "install the Debian package poppler-utils: %s", out)
	pages, err := filepath.Glob(filepath.Join(dir, "page*.png"))
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		picture, err := png.Decode(bytes.NewReader(text))
		require.NoError(t, err)
		dots, err := gozxing.NewBinaryBitmapFromImage(picture)
		require.NoError(t, err)
		codes, err := qrcode.NewQRCodeMultiReader().DecodeMultiple(dots, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
		var none gozxing.NotFoundException
		if errors.As(err, &none) {
			continue
		}
		require.NoError(t, err)
		top := func(code *gozxing.Result) float64 { return code.GetResultPoints()[0].GetY() }
		slices.SortFunc(codes, func(a, b *gozxing.Result) int { return cmp.Compare(top(a), top(b)) })
		for _, code := range codes {
			texts = append(texts, code.GetText())
		}
	}
	return texts
}

// TestTheCodeOnPaperOpensItsPhoto reads the reports of every audience as a phone does.
func TestTheCodeOnPaperOpensItsPhoto(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(200, "PATCH", "/account", rig.JSON{"report_layout": 2})
		o := office.Order(rig.JSON{"assignee": "~all~"})
		order := o.Text("id")
		byCaption := map[string]rig.Answer{}
		for n, caption := range []string{"Firstly", "Secondly", "Thirdly"} {
			byCaption[caption] = office.Upload(order, rig.JPEG(200, 150, uint64(n+1)), "task_id", o.Text("tasks", 0, "id"), "evidence_type", "after", "taken_at", now(), "notes", caption)
		}
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
		}
		nobody := &rig.User{T: t, URL: in.URL}
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		for name, report := range map[string][]byte{
			"office":   office.Want(200, "GET", "/work-orders/"+order+"/report.pdf", nil).Body,
			"link":     nobody.Want(200, "GET", link+"/report.pdf", nil).Body,
			"property": office.Want(200, "GET", "/properties/"+o.Text("property_id")+"/report.pdf", nil).Body,
		} {
			captions := regexp.MustCompile(`Firstly|Secondly|Thirdly`).FindAllString(pdfText(t, report), -1)
			cover := 1 // of the photo that stands for the order
			if name == "property" {
				cover = 0
			}
			codes := codesIn(t, report, cover+len(captions))
			require.Len(t, captions, len(byCaption), name)
			require.Len(t, codes, cover+len(captions), "%s: %v", name, codes)
			require.Subset(t, codes[cover:], codes[:cover], name)
			codes = codes[cover:]
			for n, code := range codes {
				at, err := url.Parse(code) // it is written in capitals, which take less room
				require.NoError(t, err)
				shown := string(nobody.Want(200, "GET", at.String(), nil).Body)
				for caption, item := range byCaption {
					require.Equal(t, caption == captions[n], strings.Contains(shown, item.Text("sha256")), "%s: the code beside %s shows %s", name, captions[n], caption)
				}
			}
		}
	})
}

func TestAReportCarriesLogoCodesAndHead(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.WantField(422, "report_layout", "PATCH", "/account", rig.JSON{"report_layout": 5})
		office.Want(200, "PATCH", "/account", rig.JSON{"report_layout": 2})
		put := office.Want(200, "PUT", "/account/logo", rig.PNG(300, 90, 5), "Content-Type", "image/png")
		require.NotContains(t, string(put.Body), "logos/")
		require.Equal(t, "image/png", office.Want(200, "GET", "/account/logo", nil).Header.Get("Content-Type"))
		office.Want(415, "PUT", "/account/logo", []byte("<svg/>"), "Content-Type", "image/png")

		order, items := released(t, office, 3)
		report := office.Want(200, "GET", "/work-orders/"+order+"/report.pdf", nil)
		require.Equal(t, "1", report.Header.Get("Fieldproof-Report-Parts"))
		pages := func(report rig.Answer) int { return bytes.Count(report.Body, []byte("/Type /Page\n")) }
		require.Greater(t, pages(report), 2, "the cover, the record, and three photos two a page")
		head := office.Want(200, "GET", "/proof", nil)
		require.Contains(t, strings.ReplaceAll(pdfText(t, report.Body), " ", ""), head.Text("head", "head"))
		code := regexp.MustCompile(`/URI \((http[^)]*/verify/` + items[0].Text("uuid") + `\?code=[^)]*)\)`).FindSubmatch(report.Body)
		require.NotNil(t, code)
		nobody := &rig.User{T: t, URL: in.URL}
		require.Contains(t, string(nobody.Want(200, "GET", string(code[1]), nil).Body), "/original?code=")
		one := office.Want(200, "GET", "/work-orders/"+order+"/report.pdf?layout=12", nil)
		require.LessOrEqual(t, pages(one), pages(report))
		office.Want(400, "GET", "/work-orders/"+order+"/report.pdf?layout=3", nil)
		office.Want(400, "GET", "/work-orders/"+order+"/report.pdf?part=2", nil)

		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		require.Contains(t, string(nobody.Want(200, "GET", link, nil).Body), "/logo")
		require.Equal(t, http.StatusOK, nobody.Do("GET", link+"/logo", nil).Status)
		office.Want(204, "DELETE", "/account/logo", nil)
		require.Equal(t, 404, nobody.Do("GET", link+"/logo", nil).Status)
		require.Less(t, len(office.Want(200, "GET", "/work-orders/"+order+"/report.pdf", nil).Body), len(report.Body))
	})
}

func TestAPropertyShowsEveryVisit(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		address := rig.JSON{"address1": uuid.NewString() + " Elm", "city": "Austin", "state": "TX", "zip": "78701"}
		first := office.Order(rig.JSON{"address": address})
		photo := rig.JPEG(120, 90, 1)
		office.Upload(first.Text("id"), photo, "evidence_type", "before", "taken_at", now(), "source", "mobile_camera")
		second := office.Order(rig.JSON{"address": address})
		office.Upload(second.Text("id"), rig.JPEG(120, 90, 2), "evidence_type", "after")
		other := office.Order(nil)
		id := ""
		for i := range office.Want(200, "GET", "/properties", nil).List("items") {
			if p := office.Want(200, "GET", "/properties", nil); p.Text("items", i, "address", "address1") == address["address1"] {
				id = p.Text("items", i, "id")
			}
		}
		visits := office.Want(200, "GET", "/properties/"+id+"/visits?limit=1", nil)
		require.Equal(t, second.Text("id"), visits.Text("items", 0, "work_order", "id"))
		rest := office.Want(200, "GET", "/properties/"+id+"/visits?cursor="+visits.Text("next_cursor"), nil)
		require.Len(t, rest.List("items"), 1)
		require.Equal(t, first.Text("id"), rest.Text("items", 0, "work_order", "id"))
		require.EqualValues(t, 1, rest.Get("items", 0, "photos"))
		require.EqualValues(t, 1, rest.Get("items", 0, "certified", "time"))
		require.Equal(t, []any{office.Username}, rest.List("items", 0, "performed_by"))

		text := pdfText(t, office.Want(200, "GET", "/properties/"+id+"/report.pdf", nil).Body)
		for _, number := range []string{first.Text("work_order_number"), second.Text("work_order_number")} {
			require.Contains(t, text, "Work order "+number)
		}
		require.NotContains(t, text, other.Text("work_order_number"))
		archive := office.Want(200, "GET", "/properties/"+id+"/archive.zip", nil).Body
		_, good := check(t, archive)
		require.True(t, good)
		require.Contains(t, string(archive), string(photo))

		empty := office.Want(201, "POST", "/properties", rig.JSON{"address": rig.JSON{"address1": uuid.NewString(), "city": "c", "state": "TX", "zip": "1"}}).Text("id")
		require.Empty(t, office.Want(200, "GET", "/properties/"+empty+"/visits", nil).List("items"))
		require.True(t, strings.Contains(pdfText(t, office.Want(200, "GET", "/properties/"+empty+"/report.pdf", nil).Body), "There was no visit"))
		office.Want(200, "GET", "/properties/"+empty+"/archive.zip", nil)
	})
}
