package reports_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/reports"
)

// word is a word on a page, as another program finds it, in points.
type word struct {
	XMin float64 `xml:"xMin,attr"`
	YMin float64 `xml:"yMin,attr"`
	XMax float64 `xml:"xMax,attr"`
	YMax float64 `xml:"yMax,attr"`
	Text string  `xml:",chardata"`
}

// shown is a page as a reader sees it.
type shown struct {
	width, height float64
	words         []word // as they were drawn
}

// photos counts the photos of a page by what its captions say, of layouts whose captions are sentences.
func (p shown) photos() (n int) {
	for at := range p.words[:max(0, len(p.words)-1)] {
		if p.words[at].Text == "Taken" && p.words[at+1].Text == "by" {
			n++
		}
	}
	return n
}

// captioned are the numbers of photos as their captions are read aloud, a number each time that one is.
func captioned(t testing.TB, pdf []byte) (numbers []int) {
	file := filepath.Join(t.TempDir(), "report.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	out, err := exec.Command("pdfinfo", "-struct-text", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, found := range captionRead.FindAllSubmatch(out, -1) {
		if dayRead.Match(found[2]) { // a place shown visit by visit begins with its day
			continue
		}
		n, err := strconv.Atoi(string(found[1]))
		require.NoError(t, err)
		numbers = append(numbers, n)
	}
	return numbers
}

var (
	captionRead = regexp.MustCompile(`Caption[^\n]*\n\s*"(\d+)([^\n]*)`)
	dayRead     = regexp.MustCompile(`^ [A-Za-z]+ \d{4}\.`)
)

// laidOut has another program say where each word of a PDF lies.
func laidOut(t testing.TB, pdf []byte) (pages []shown) {
	file := filepath.Join(t.TempDir(), "report.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	out, err := exec.Command("pdftotext", "-bbox", file, "-").CombinedOutput()
	require.NoError(t, err, "install the Debian package poppler-utils: %s", out)
	var read struct {
		Pages []struct {
			Width  float64 `xml:"width,attr"`
			Height float64 `xml:"height,attr"`
			Words  []word  `xml:"word"`
		} `xml:"body>doc>page"`
	}
	require.NoError(t, xml.Unmarshal(out, &read))
	for _, p := range read.Pages {
		pages = append(pages, shown{width: p.Width, height: p.Height, words: p.Words})
	}
	return pages
}

// rendered is the pages of a PDF as pictures at a resolution.
func rendered(t testing.TB, pdf []byte, dpi int) (pages []*image.Gray) {
	dir := t.TempDir()
	file := filepath.Join(dir, "report.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	out, err := exec.Command("pdftoppm", "-r", strconv.Itoa(dpi), "-gray", "-png", file, filepath.Join(dir, "page")).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out), "a program that draws it finds nothing amiss")
	files, err := filepath.Glob(filepath.Join(dir, "page*.png"))
	require.NoError(t, err)
	slices.Sort(files)
	for _, name := range files {
		f, err := os.Open(name)
		require.NoError(t, err)
		img, err := png.Decode(f)
		require.NoError(t, f.Close())
		require.NoError(t, err)
		gray := image.NewGray(img.Bounds())
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				gray.SetGray(x, y, color.GrayModel.Convert(img.At(x, y)).(color.Gray))
			}
		}
		pages = append(pages, gray)
	}
	return pages
}

// keepsTheRules reads from a report what every report must be.
func keepsTheRules(t *testing.T, pdf []byte, photos int, headings []string) []shown {
	t.Helper()
	pages := laidOut(t, pdf)
	pictures := rendered(t, pdf, 24)
	require.Len(t, pictures, len(pages))
	for n, p := range pages {
		for at, w := range p.words {
			require.Greater(t, w.XMin, 20.0, "page %d: %q lies on the page", n+1, w.Text)
			require.Less(t, w.XMax, p.width-20, "page %d: %q lies on the page", n+1, w.Text)
			require.Less(t, w.YMax, p.height-20, "page %d: %q lies on the page", n+1, w.Text)
			require.NotContains(t, w.Text, "…", "page %d: nothing is cut", n+1)
			for _, o := range p.words[at+1:] {
				across, down := min(w.XMax, o.XMax)-max(w.XMin, o.XMin), min(w.YMax, o.YMax)-max(w.YMin, o.YMin)
				// Boxes reach a little above and below the letters.
				if across > 1 && down > 0.45*min(w.YMax-w.YMin, o.YMax-o.YMin) {
					t.Fatalf("page %d: %q %v and %q %v overlap", n+1, w.Text, w, o.Text, o)
				}
			}
		}
		for _, h := range headings {
			if at := headingAt(p, h); at > 0 {
				under := slices.ContainsFunc(p.words, func(w word) bool { return strings.HasSuffix(w.Text, "ertified.") && w.YMin > at })
				require.True(t, under, "page %d: the heading %q stands with its first photo", n+1, h)
			}
		}
		if n > 0 && n < len(pages)-1 {
			full := filled(pictures[n])
			next := firstBlock(pictures[n+1])
			require.True(t, full > 1.0/3 || full+next > 0.97, "page %d is filled to %.2f, and the next block has %.2f", n+1, full, next)
		}
	}
	every := captioned(t, pdf)
	slices.Sort(every)
	require.Len(t, every, photos, "each photo has one caption: %v", every)
	for n, number := range every {
		require.Equal(t, n+1, number, "each photo has one caption: %v", every)
	}
	return pages
}

// headingAt is where a task's heading of full size stands on a page, 0 if it does not.
func headingAt(p shown, heading string) float64 {
	first := strings.Fields(heading)[0]
	for _, w := range p.words {
		if w.Text == first && w.YMax-w.YMin > 15 && w.YMin > 50 {
			return w.YMin
		}
	}
	return 0
}

// filled is how much of a page is used, between what stands on every page.
func filled(page *image.Gray) float64 {
	h := page.Bounds().Dy()
	from, to := h*58/792, h*738/792
	for y := to - 1; y > from; y-- {
		if !blank(page, y) {
			return float64(y-from) / float64(to-from)
		}
	}
	return 0
}

func blank(page *image.Gray, y int) bool {
	for x := range page.Bounds().Dx() {
		if page.GrayAt(x, y).Y < 235 {
			return false
		}
	}
	return true
}

// firstBlock is at least how high what a page begins with is: to where the first photo or row ends.
func firstBlock(page *image.Gray) float64 {
	h := page.Bounds().Dy()
	from, to := h*58/792, h*738/792
	gap, seen := 0, 0
	for y := from; y < to; y++ {
		if blank(page, y) {
			if gap++; gap > h*14/792 && seen > h*60/792 {
				return float64(y-from) / float64(to-from)
			}
			continue
		}
		gap, seen = 0, seen+1
	}
	return 1
}

func manyTaken(n int) []taken {
	all := sampleTaken()
	shots := slices.Clone(all[:min(n, len(all))])
	for k := 0; len(shots) < n; k++ {
		s := all[k%len(all)]
		s.shot = fmt.Sprintf("%s %d", s.shot, k/len(all)+2)
		shots = append(shots, s)
	}
	return shots
}

var drawn = map[string][]byte{}

func drawnScene(t testing.TB) func(string, int, int) []byte {
	return func(name string, w, h int) []byte {
		key := fmt.Sprint(name, w, h)
		if drawn[key] == nil {
			drawn[key] = scene(t, name, w/4, h/4)
		}
		return drawn[key]
	}
}

var headingsOfSample = []string{"Grass cut, front and back", "Change lock, front door", "Remove debris, garage"}

func TestEveryReportKeepsTheRules(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	for _, layout := range models.ReportLayouts {
		for _, n := range []int{1, 2, 3, 5, 7, 24, 60} {
			if n == 60 && layout < 6 {
				continue // 24 fill as many pages
			}
			t.Run(fmt.Sprintf("%d photos, %d a page", n, layout), func(t *testing.T) {
				account := sampleAccount
				account.ReportLayout = layout
				if n%2 == 1 {
					account.Region = "DE"
				}
				c, r := sample(t, account, manyTaken(n), drawnScene(t))
				_, raw := read(t, r, c)
				pages := keepsTheRules(t, raw, n, headingsOfSample)
				want := 792.0
				if n%2 == 1 {
					want = 841.89
				}
				require.InDelta(t, want, pages[0].height, 0.1)
			})
		}
	}
}

func TestFiveHundredPhotosKeepTheRules(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	c, r := sample(t, sampleAccount, manyTaken(500), drawnScene(t))
	_, raw := read(t, r, c)
	keepsTheRules(t, raw, 500, headingsOfSample)
}

// TestHardReportsKeepTheRules: names of 300 letters, no tasks, no positions, nothing certified and nothing to judge by.
func TestHardReportsKeepTheRules(t *testing.T) {
	long := strings.TrimSpace(strings.Repeat("A name that does not end ", 12))
	for name, change := range map[string]func(*reports.Content){
		"long names": func(c *reports.Content) {
			p := c.Visits[0].Proof
			p.Order.Address.Address1, p.Order.WorkOrderNumber, c.Account.Name = long, strings.Repeat("W", 300), long
			p.Names = map[string]string{"dana": long, "luis": strings.Repeat("x", 300)}
			for k := range p.View.Tasks {
				p.View.Tasks[k].Name = fmt.Sprint(k, " ", long)
			}
			for _, i := range p.Items {
				if i.Shot != "" {
					i.Shot += " " + long
					i.Notes = long
				}
			}
			c.Visits[0].Surveys[0].Name = long
		},
		"no tasks": func(c *reports.Content) {
			c.Visits[0].Proof.View.Tasks = nil
			c.Visits[0].Surveys = nil
		},
		"no positions": func(c *reports.Content) {
			for _, i := range c.Visits[0].Proof.Items {
				i.Position, i.Certification.Location = models.Position{}, nil
			}
			c.Visits[0].Proof.Property = nil
		},
		"nothing certified": func(c *reports.Content) {
			no := false
			for _, i := range c.Visits[0].Proof.Items {
				i.Certification = models.Certification{Item: &no, Time: &no, Location: &no}
			}
		},
		"nothing to judge by": func(c *reports.Content) {
			for _, i := range c.Visits[0].Proof.Items {
				i.Certification = models.Certification{}
			}
		},
		"nothing at all": func(c *reports.Content) {
			c.Visits[0].Proof.Items, c.Visits[0].Surveys = nil, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, r := sample(t, sampleAccount, sampleTaken(), drawnScene(t))
			change(c)
			_, raw := read(t, r, c)
			keepsTheRules(t, raw, len(c.Visits[0].Proof.Photos()), nil)
		})
	}
}

// visited is the report of a property: visits of so many photos, a week apart, the newest first.
func visited(t testing.TB, account models.Account, visits, photos int) (*reports.Content, *reports.Reports) {
	return visitedWith(t, account, visits, func(int) []taken { return manyTaken(photos) })
}

func visitedWith(t testing.TB, account models.Account, visits int, shots func(n int) []taken) (*reports.Content, *reports.Reports) {
	c, r := sample(t, account, shots(0), drawnScene(t))
	for n := 1; n < visits; n++ {
		other, _ := sample(t, account, shots(n), drawnScene(t))
		v := other.Visits[0]
		back := func(at *models.Time) { *at = models.At(at.AddDate(0, 0, -7*n)) }
		v.Proof.Order.ID, v.Proof.Order.WorkOrderNumber = fmt.Sprint("order-", n), fmt.Sprint(204118-n)
		for _, i := range v.Proof.Items {
			i.ID += fmt.Sprint("-", n)
			back(i.TakenAt)
			if i.ReceivedAt != *i.TakenAt {
				back(&i.ReceivedAt)
			}
			i.WorkOrderID = "order" // the pictures are those of the first visit
		}
		c.Visits = append(c.Visits, v)
	}
	c.Property = &models.Property{Address: c.Visits[0].Proof.Order.Address}
	return c, r
}

func TestEveryPropertyReportKeepsTheRules(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	for _, of := range [][2]int{{1, 1}, {1, 24}, {2, 2}, {2, 7}, {7, 2}, {2, 24}, {7, 7}, {2, 60}, {60, 1}, {60, 2}} {
		t.Run(fmt.Sprintf("%d visits, %d photos each", of[0], of[1]), func(t *testing.T) {
			account := sampleAccount
			if of[1]%2 == 1 {
				account.Region = "DE"
			}
			c, r := visited(t, account, of[0], of[1])
			_, raw := read(t, r, c)
			keepsTheRules(t, raw, of[0]*of[1], nil)
		})
	}
}

// TestHardPropertyReportsKeepTheRules: names of 300 letters in Spanish, and visits that can't be compared.
func TestHardPropertyReportsKeepTheRules(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	long := strings.TrimSpace(strings.Repeat("A name that does not end ", 12))
	for name, change := range map[string]func(*models.Proof){
		"long names": func(p *models.Proof) {
			p.Names = map[string]string{"dana": long, "luis": strings.Repeat("x", 300)}
			for k := range p.View.Tasks {
				p.View.Tasks[k].Name = fmt.Sprint(k, " ", long)
			}
			for _, i := range p.Items {
				if i.Shot != "" {
					i.Shot += " " + long
				}
			}
		},
		"nothing to compare": func(p *models.Proof) {
			for _, i := range p.Items {
				i.Shot = ""
			}
		},
		"no tasks": func(p *models.Proof) { p.View.Tasks = nil },
	} {
		t.Run(name, func(t *testing.T) {
			account := sampleAccount
			account.Language, account.Region = "es", "ES"
			c, r := visited(t, account, 3, 11)
			for n := range c.Visits {
				change(c.Visits[n].Proof)
				if name == "nothing to compare" {
					c.Visits[n].Surveys = nil
				}
			}
			_, raw := read(t, r, c)
			keepsTheRules(t, raw, 33, nil)
		})
	}
}

// TestAPropertyReportSaysWhatChanged: from visit to visit, with the record and the map of each, and the places side by side.
func TestAPropertyReportSaysWhatChanged(t *testing.T) {
	shots := func(n int) []taken {
		all := sampleTaken()
		if n == 1 { // the week before: one place was not photographed, and another that is not now
			for k := range all {
				if all[k].shot == "House number" {
					all[k].shot = ""
				}
				if all[k].shot == "Water heater" {
					all[k].shot = "Fuse box"
				}
			}
		}
		for k := range all { // the same name in two tasks is two places
			if all[k].shot == "Left wall" {
				all[k].shot = "Back yard"
			}
		}
		return all
	}
	c, r := visitedWith(t, sampleAccount, 2, shots)
	c.Visits[1].Surveys[0].Answers[0].Answers = []string{"Yes"}
	_, raw := read(t, r, c)
	tree := strings.Join(strings.Fields(strings.ReplaceAll(run(t, raw, "pdfinfo", "-struct-text"), "\"", "")), " ")
	at := 0
	for _, want := range []string{"Visits, newest first", "The same place, visit by visit", "Since the visit of", "Is the property occupied? Now “No”, then “Yes”.", "6 answers are the same as then.",
		"2 places were not photographed then: House number and Water heater.", "One place was photographed then and not now: Fuse box.", "Certified service record", "When", "Where", "How much is certified", "Certified service record", "Where"} {
		next := strings.Index(tree[at:], want)
		require.GreaterOrEqual(t, next, 0, "%q is read in its turn", want)
		at += next
	}
	require.Equal(t, 1, strings.Count(tree, "Since the visit of"), "the first visit has none before it")
	require.NotContains(t, tree, "Date Work order What was done By Photos Certified Page Visits, newest first", "a table's head stands once above it")
	for _, want := range []string{"Back yard (Grass cut, front and back), visit by visit", "Back yard (Remove debris, garage), visit by visit"} {
		require.Contains(t, tree, want)
	}
}

// TestAReportIsReadAloudInItsOrder reads the report as a screen reader does: by its tags.
func TestAReportIsReadAloudInItsOrder(t *testing.T) {
	for _, language := range models.Languages {
		account := sampleAccount
		account.Language = language
		c, r := sample(t, account, sampleTaken(), drawnScene(t))
		_, raw := read(t, r, c)
		info := run(t, raw, "pdfinfo")
		require.Contains(t, info, "Tagged:          yes")
		require.Contains(t, string(raw), "/Lang <FEFF"+fmt.Sprintf("%04X%04X", language[0], language[1])+">")
		require.Contains(t, string(raw), "/DisplayDocTitle true")
		require.Contains(t, string(raw), "<pdfuaid:part>1</pdfuaid:part>")
		tree := run(t, raw, "pdfinfo", "-struct-text")
		at := 0
		wanted := []string{"1187 Larkspur Ln", "Round Rock, TX 78664", "Grass cut, front and back", "Front of house"}
		if language == "en" {
			wanted = []string{"1187 Larkspur Ln", "Asked and done", "21 of 24 photos are certified", "Certified service record", "When", "Where", "How much is certified", "Not certified, and why",
				"Front of house", "Back yard", "Front door lock", "Whole garage", "Survey: Occupancy check", "Is the property occupied?", "How to check this report", "d85b1ada"}
		}
		for _, want := range wanted {
			next := strings.Index(tree[at:], want)
			require.GreaterOrEqual(t, next, 0, "%s: %q is read in its turn", language, want)
			at += next
		}
		if language == "en" {
			require.Contains(t, tree, "Dana Okafor and Luis Prado documented 4 tasks", "words at the ends of lines stay apart")
			require.Contains(t, tree, `"1 Before. Taken by Dana Okafor at 10:05 AM, 17 m from the property. Certified. "`)
		}
		figures := bytes.Count(raw, []byte("/S /Figure "))
		require.Greater(t, figures, 2*24)
		require.Equal(t, figures, len(regexp.MustCompile(`/S /Figure /P \d+ 0 R /Alt <FEFF[0-9A-F]+>`).FindAll(raw, -1)), "each figure has words for those who do not see it")
	}
}

// TestATableKeepsNumbersWithTheirWords: the columns of numbers are as wide as each language needs them, on the narrower paper too.
func TestATableKeepsNumbersWithTheirWords(t *testing.T) {
	for language, cells := range map[string][]string{"en": {"Page", "8 photos", "7 answers"}, "es": {"Página", "8 fotos", "7 respuestas"}} {
		account := sampleAccount
		account.Language, account.Region = language, "ES"
		c, r := sample(t, account, sampleTaken(), drawnScene(t))
		_, raw := read(t, r, c)
		cover := laidOut(t, raw)[0].words
		for _, cell := range cells {
			first, rest, _ := strings.Cut(cell, " ")
			require.True(t, slices.ContainsFunc(cover, func(w word) bool {
				return w.Text == first && (rest == "" || slices.ContainsFunc(cover, func(o word) bool {
					return o.Text == rest && math.Abs(o.YMin-w.YMin) < 1 && o.XMin > w.XMax && o.XMin < w.XMax+6
				}))
			}), "%s: %q stands on one line of the cover", language, cell)
		}
	}
}

// TestMissingAndUndrawnPhotosSayWhy: what was asked for and is not there, and what no picture can be made of.
func TestMissingAndUndrawnPhotosSayWhy(t *testing.T) {
	shots := slices.DeleteFunc(sampleTaken(), func(s taken) bool { return s.shot == "Left wall" && s.kind == "after" })
	c, r := sample(t, sampleAccount, shots, drawnScene(t))
	c.Visits[0].Proof.View.Tasks[2].RequiredPhotos = map[string]int{"before": 2, "after": 3}
	pages, _ := read(t, r, c)
	text := strings.Join(strings.Fields(strings.Join(pages, " ")), " ")
	for _, want := range []string{"This picture can’t be shown here.", "(HEIC, 4.1 MB)", "the code opens it", "No photo after.", "It was asked for and is not there."} {
		require.Contains(t, text, want)
	}
}

var update = flag.Bool("update", false, "write the stored pictures anew")

// TestPagesLookAsTheyDid compares pages with stored pictures at a low resolution, at which fonts make no difference.
func TestPagesLookAsTheyDid(t *testing.T) {
	for name, make := range map[string]func(a *models.Account) []taken{
		"order":  func(*models.Account) []taken { return sampleTaken() },
		"three":  func(*models.Account) []taken { return sampleTaken()[8:11] },
		"two":    func(a *models.Account) []taken { a.ReportLayout = 2; return sampleTaken()[:4] },
		"four":   func(a *models.Account) []taken { a.ReportLayout = 4; return sampleTaken() },
		"twelve": func(a *models.Account) []taken { a.ReportLayout = 12; return sampleTaken() },
		"visits": func(*models.Account) []taken { return sampleTaken()[:11] },
		"es-a4":  func(a *models.Account) []taken { a.Language, a.Region = "es", "ES"; return sampleTaken() },
	} {
		t.Run(name, func(t *testing.T) {
			account := sampleAccount
			shots := make(&account)
			c, r := sample(t, account, shots, drawnScene(t))
			if name == "visits" {
				c, r = visited(t, account, 2, len(shots))
				c.Visits[1].Surveys[0].Answers[0].Answers = []string{"Yes"}
			}
			_, raw := read(t, r, c)
			pages := rendered(t, raw, 18)
			// All pages beside each other in one picture.
			width, height := 0, 0
			for _, p := range pages {
				width, height = width+p.Bounds().Dx()+2, max(height, p.Bounds().Dy())
			}
			all := image.NewGray(image.Rect(0, 0, width, height))
			x := 0
			for _, p := range pages {
				for py := range p.Bounds().Dy() {
					for px := range p.Bounds().Dx() {
						all.SetGray(x+px, py, p.GrayAt(px, py))
					}
				}
				x += p.Bounds().Dx() + 2
			}
			path := filepath.Join("testdata", "pages", name+".png")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				f, err := os.Create(path)
				require.NoError(t, err)
				require.NoError(t, png.Encode(f, all))
				require.NoError(t, f.Close())
				return
			}
			f, err := os.Open(path)
			require.NoError(t, err, "run: go test ./reports -run TestPagesLookAsTheyDid -update, and look at what it wrote")
			defer f.Close()
			stored, err := png.Decode(f)
			require.NoError(t, err)
			require.Equal(t, stored.Bounds(), all.Bounds(), "as many pages, of the same size")
			worst := 0.0
			const tile = 9 // half an inch
			for ty := 0; ty < height; ty += tile {
				for tx := 0; tx < width; tx += tile {
					sum, n := 0.0, 0.0
					for y := ty; y < min(ty+tile, height); y++ {
						for x := tx; x < min(tx+tile, width); x++ {
							was := color.GrayModel.Convert(stored.At(x, y)).(color.Gray).Y
							sum, n = sum+float64(all.GrayAt(x, y).Y)-float64(was), n+1
						}
					}
					worst = max(worst, math.Abs(sum/n))
				}
			}
			require.Less(t, worst, 24.0, "a part of a page looks otherwise: if it should, run with -update and look")
		})
	}
}

// TestALongNoteIsNoLongWork has the longest notes that are taken, in scripts with and without blanks, in the layout that shortens
// them: ten times the words are about ten times the work, which dropping letter after letter makes a hundred. A reader who leaves
// ends it.
func TestALongNoteIsNoLongWork(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	for _, letter := range []string{"W", "漢", "ا", "a\u0301", "क", "ab "} {
		work := func(letters int) float64 {
			shots := sampleTaken()[:2]
			for n := range shots {
				shots[n].notes = strings.Repeat(letter, letters/utf8.RuneCountInString(letter))
			}
			content, r := sample(t, sampleAccount, shots, func(name string, w, h int) []byte { return scene(t, name, w, h) })
			content.Layout = 12
			before, after := runtime.MemStats{}, runtime.MemStats{}
			runtime.ReadMemStats(&before)
			require.NoError(t, r.Write(t.Context(), io.Discard, content))
			runtime.ReadMemStats(&after)

			ctx, leave := context.WithCancel(t.Context())
			leave()
			require.ErrorIs(t, r.Write(ctx, io.Discard, content), context.Canceled)
			return float64(after.TotalAlloc - before.TotalAlloc)
		}
		require.Less(t, work(20_000), 25*work(2000), "%q", letter)
	}
}
