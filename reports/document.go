package reports

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansbold"
	"github.com/signintech/gopdf"
	"golang.org/x/text/unicode/norm"
	"rsc.io/qr/coding"

	"fieldproof/models"
	"fieldproof/wording"
)

// Measures of a page in points (1/72 inch): US Letter, as the field prints it.
const (
	pageWidth  = 612.0
	pageHeight = 792.0
	margin     = 42.0
	inner      = pageWidth - 2*margin
	bottom     = pageHeight - margin - 14
)

const (
	regular = "regular"
	bold    = "bold"
)

// fonts are parsed once a process: it takes as long as drawing a hundred photos.
var fonts = sync.OnceValues(func() (*gopdf.FontContainer, error) {
	c := &gopdf.FontContainer{}
	option := gopdf.TtfOption{OnGlyphNotFoundSubstitute: func(rune) rune { return '\uFFFD' }}
	return c, errors.Join(c.AddTTFFontDataWithOption(regular, dejavusans.TTF, option), c.AddTTFFontDataWithOption(bold, dejavusansbold.TTF, option))
})

// Reports longer than contentsAbove pages begin with a table of contents, of so many lines a page.
const (
	contentsAbove = 20
	contentsALine = 16.0
	contentsAPage = 38
	measuredAbove = 40 // photos: shorter reports are drawn at once, longer ones first without pictures, to count their pages
)

// section is an entry of bookmarks and contents.
type section struct {
	title string
	depth int // from 1
	page  int
	place string // the anchor
}

// document is one report while it is drawn. The first error ends the drawing.
type document struct {
	*Content
	says      *wording.Reader
	rendition models.Rendition
	most      int64                              // photos that are shown; the others are named
	photo     func(*models.Item) ([]byte, error) // a photo's bytes, nil when it can't be shown; called side by side

	measuring bool // pages are counted; no picture is read
	contents  []section
	pages     int // of the whole document, 0 while it is unknown

	pdf      *gopdf.GoPdf
	ahead    *ahead
	y        float64
	shown    int64
	sections []section
	numbers  map[string]int // item id → the photo's number in the report
	plans    map[coding.Version]*coding.Plan
	err      error
}

func (d *document) write(w io.Writer) error {
	d.measuring = d.photos() > measuredAbove
	d.draw()
	if d.err == nil && (d.measuring || d.pdf.GetNumberOfPages() > contentsAbove) {
		if d.pdf.GetNumberOfPages() > contentsAbove {
			d.contents, d.measuring = d.sections, true
			d.draw() // with the contents between, which moves what follows
			d.contents = d.sections
		}
		d.pages, d.measuring = d.pdf.GetNumberOfPages(), false
		d.draw()
	}
	if d.err != nil {
		return fmt.Errorf("reports: %w", d.err)
	}
	_, err := d.pdf.WriteTo(w)
	return err
}

// draw draws everything, once.
func (d *document) draw() {
	d.pdf, d.sections, d.shown, d.plans = &gopdf.GoPdf{}, nil, 0, map[coding.Version]*coding.Plan{}
	d.pdf.Start(gopdf.Config{PageSize: gopdf.Rect{W: pageWidth, H: pageHeight}})
	d.pdf.SetNoCompression() // photos are compressed already, and the text is a hundredth of the file
	parsed, err := fonts()
	d.check(err)
	for _, font := range []string{regular, bold} {
		d.check(d.pdf.AddTTFFontFromFontContainer(font, parsed))
	}
	info := gopdf.PdfInfo{Title: clean(d.Title()), Author: clean(d.Account.Name), Creator: "Fieldproof", Producer: "Fieldproof", CreationDate: d.At.UTC()}
	if d.Head != nil {
		info.Subject = "Proof " + d.Head.Text()
	}
	d.pdf.SetInfo(info)
	d.pdf.AddFooter(d.footer)
	d.pdf.AddPage()
	d.y = margin
	plates := d.plates()
	if !d.measuring {
		d.ahead = readAhead(d.drawn(plates), d.photo)
		defer d.ahead.end()
	}
	d.cover()
	d.tableOfContents()
	for i := range d.Visits {
		d.visit(&d.Visits[i], plates[i])
	}
	d.proof()
}

func (d *document) check(err error) {
	if d.err == nil {
		d.err = err
	}
}

// clean drops what can't be drawn, control and format characters, and joins accents with their letters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFC.String(s))
}

// width measures a text, which has been cleaned.
func (d *document) width(font string, size float64, s string) float64 {
	if d.err != nil || s == "" {
		return 0
	}
	d.check(d.pdf.SetFont(font, "", size))
	w, err := d.pdf.MeasureTextWidth(s)
	d.check(err)
	return w
}

// text draws one line at x, y, cut to width.
func (d *document) text(font string, size, x, y, width float64, s string) {
	s = clean(s)
	for width > 0 && s != "" {
		w := d.width(font, size, s)
		if d.err != nil || w <= width {
			break
		}
		runes := []rune(strings.TrimSuffix(s, "…"))
		keep := min(len(runes)-1, int(float64(len(runes))*width/w))
		if keep <= 0 {
			return
		}
		s = string(runes[:keep]) + "…"
	}
	if s == "" || d.err != nil {
		return
	}
	if width <= 0 {
		d.check(d.pdf.SetFont(font, "", size))
	}
	d.pdf.SetXY(x, y)
	d.check(d.pdf.Cell(nil, s))
}

// wrap cuts a text into lines of a width.
func (d *document) wrap(font string, size, width float64, s string) []string {
	s = clean(s)
	if d.err != nil || strings.TrimSpace(s) == "" {
		return nil
	}
	if d.width(font, size, s) <= width {
		return []string{s}
	}
	lines, err := d.pdf.SplitTextWithWordWrap(s, width)
	d.check(err)
	return lines
}

func (d *document) gray(level uint8) { d.pdf.SetTextColor(level, level, level) }

func (d *document) footer() {
	d.gray(110)
	left := d.Number()
	if d.Property == nil {
		left += "  ·  " + d.Visits[0].Proof.Order.Address.Line()
	}
	d.text(regular, 8, margin, pageHeight-margin, inner-190, left)
	page := fmt.Sprintf("Page %d", d.pdf.GetNumberOfPages())
	if d.pages > 0 {
		page += fmt.Sprintf(" of %d", d.pages)
	}
	if d.Head != nil {
		page = fmt.Sprintf("Proof %d:%.16s…  ·  %s", d.Head.Sequence, d.Head.Head, page)
	}
	d.text(regular, 8, pageWidth-margin-d.width(regular, 8, page), pageHeight-margin, 0, page)
	d.gray(0)
}

// newPage begins a page, unless the one there is is empty still.
func (d *document) newPage() {
	if d.y == margin {
		return
	}
	d.pdf.AddPage()
	d.y = margin
}

// room begins a new page when less than height is left.
func (d *document) room(height float64) {
	if d.y+height > bottom {
		d.newPage()
	}
}

func (d *document) heading(size float64, s string) {
	d.room(size*2 + 20)
	d.y += size * 0.6
	d.text(bold, size, margin, d.y, inner, s)
	d.y += size * 1.6
}

// begin is a heading that bookmarks and contents name. needs is the room that must follow on the same page.
func (d *document) begin(depth int, size, needs float64, title string) {
	d.room(size*2.2 + needs)
	s := section{title: clean(title), depth: depth, page: d.pdf.GetNumberOfPages(), place: fmt.Sprintf("section-%d", len(d.sections))}
	d.sections = append(d.sections, s)
	d.pdf.SetXY(margin, d.y)
	d.pdf.SetAnchor(s.place)
	d.pdf.AddOutlineWithPosition(strings.Repeat("   ", depth-1) + s.title)
	d.heading(size, title)
}

func (d *document) tableOfContents() {
	for i, s := range d.contents {
		if i%contentsAPage == 0 {
			d.newPage()
			d.heading(15, "Contents")
		}
		x := margin + float64(s.depth-1)*16
		page := fmt.Sprint(s.page)
		wide := d.width(regular, 10, page)
		font := regular
		if s.depth == 1 {
			font = bold
		}
		d.text(font, 10, x, d.y, inner-40-(x-margin), s.title)
		d.text(regular, 10, pageWidth-margin-wide, d.y, 0, page)
		d.pdf.AddInternalLink(s.place, margin, d.y-2, inner, contentsALine)
		d.y += contentsALine
	}
	if len(d.contents) > 0 {
		d.newPage()
	}
}

func (d *document) when(t *models.Time) string {
	if t == nil {
		return d.says.Say("doc_unknown")
	}
	return d.says.Moment(t.Time)
}

// row draws a labelled value, over as many lines as it takes.
func (d *document) row(label, value string) {
	for i, line := range d.wrap(regular, 10, inner-150, value) {
		d.room(16)
		if i == 0 {
			d.gray(110)
			d.text(regular, 10, margin, d.y, 140, label)
			d.gray(0)
		}
		d.text(regular, 10, margin+150, d.y, inner-150, line)
		d.y += 15
	}
	if strings.TrimSpace(value) != "" {
		d.y += 2
	}
}

// paragraph draws a text over the width of the page.
func (d *document) paragraph(size float64, s string) {
	for _, line := range d.wrap(regular, size, inner, s) {
		d.room(size * 1.5)
		d.text(regular, size, margin, d.y, inner, line)
		d.y += size * 1.5
	}
	d.y += size * 0.5
}

func (d *document) rule() {
	d.pdf.SetLineWidth(0.6)
	d.pdf.SetStrokeColor(200, 200, 200)
	d.pdf.Line(margin, d.y, pageWidth-margin, d.y)
	d.y += 8
}
