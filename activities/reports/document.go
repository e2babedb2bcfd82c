package reports

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansbold"
	"github.com/signintech/gopdf"

	"fieldproof/models"
)

// Measures of a page in points (1/72 inch): US Letter, as the field prints it.
const (
	pageWidth  = 612.0
	pageHeight = 792.0
	margin     = 42.0
	inner      = pageWidth - 2*margin
	bottom     = pageHeight - margin - 14

	columns    = 2
	gap        = 14.0
	cellWidth  = (inner - gap*(columns-1)) / columns
	photoRoom  = 172.0
	captionTop = photoRoom + 5
	cellHeight = captionTop + 42
)

const (
	regular = "regular"
	bold    = "bold"
)

// document is one report while it is drawn. The first error ends the drawing.
type document struct {
	proof     *models.Proof
	zone      *time.Location
	rendition models.Rendition
	most      int64 // photos that are shown; the others are named
	photo     func(*models.Item) ([]byte, error)

	pdf   *gopdf.GoPdf
	y     float64
	shown int64
	err   error
}

func (d *document) write(w io.Writer) error {
	d.pdf = &gopdf.GoPdf{}
	d.pdf.Start(gopdf.Config{PageSize: gopdf.Rect{W: pageWidth, H: pageHeight}})
	d.pdf.SetNoCompression() // photos are compressed already, and the text is a hundredth of the file
	option := gopdf.TtfOption{OnGlyphNotFoundSubstitute: func(rune) rune { return '\uFFFD' }}
	d.check(d.pdf.AddTTFFontDataWithOption(regular, dejavusans.TTF, option))
	d.check(d.pdf.AddTTFFontDataWithOption(bold, dejavusansbold.TTF, option))
	order := d.proof.Order
	d.pdf.SetInfo(gopdf.PdfInfo{Title: clean("Report " + order.DisplayNumber()), Author: clean(d.proof.Account.Name), Creator: "Fieldproof", CreationDate: time.Now().UTC()})
	d.pdf.AddFooter(d.footer)
	d.pdf.AddPage()
	d.y = margin
	d.cover()
	d.evidence()
	if d.err != nil {
		return fmt.Errorf("reports: %w", d.err)
	}
	_, err := d.pdf.WriteTo(w)
	return err
}

func (d *document) check(err error) {
	if d.err == nil {
		d.err = err
	}
}

// clean drops what can't be drawn: control and format characters.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

// text draws one line at x, d.y, cut to width.
func (d *document) text(font string, size, x, y, width float64, s string) {
	if d.err != nil {
		return
	}
	d.check(d.pdf.SetFont(font, "", size))
	s = clean(s)
	for width > 0 && s != "" {
		w, err := d.pdf.MeasureTextWidth(s)
		d.check(err)
		if err != nil || w <= width {
			break
		}
		runes := []rune(strings.TrimSuffix(s, "…"))
		keep := min(len(runes)-1, int(float64(len(runes))*width/w))
		if keep <= 0 {
			return
		}
		s = string(runes[:keep]) + "…"
	}
	if s == "" {
		return
	}
	d.pdf.SetXY(x, y)
	d.check(d.pdf.Cell(nil, s))
}

func (d *document) gray(level uint8) { d.pdf.SetTextColor(level, level, level) }

func (d *document) footer() {
	d.gray(110)
	d.text(regular, 8, margin, pageHeight-margin, inner-60, fmt.Sprintf("%s  ·  %s", d.proof.Order.DisplayNumber(), d.proof.Order.Address.Line()))
	d.text(regular, 8, pageWidth-margin-50, pageHeight-margin, 50, fmt.Sprintf("Page %d", d.pdf.GetNumberOfPages()))
	d.gray(0)
}

// room begins a new page when less than height is left.
func (d *document) room(height float64) {
	if d.y+height > bottom {
		d.pdf.AddPage()
		d.y = margin
	}
}

func (d *document) heading(size float64, s string) {
	d.room(size*2 + 20)
	d.y += size * 0.6
	d.text(bold, size, margin, d.y, inner, s)
	d.y += size * 1.6
}

func (d *document) when(t *models.Time) string {
	if t == nil {
		return "unknown"
	}
	return t.In(d.zone).Format("Jan 2, 2006 3:04 PM MST")
}

// row draws a labelled value, over as many lines as it takes.
func (d *document) row(label, value string) {
	if strings.TrimSpace(value) == "" || d.err != nil {
		return
	}
	d.check(d.pdf.SetFont(regular, "", 10))
	lines, err := d.pdf.SplitTextWithWordWrap(clean(value), inner-150)
	d.check(err)
	for i, line := range lines {
		d.room(16)
		if i == 0 {
			d.gray(110)
			d.text(regular, 10, margin, d.y, 140, label)
			d.gray(0)
		}
		d.text(regular, 10, margin+150, d.y, inner-150, line)
		d.y += 15
	}
	d.y += 2
}

func (d *document) rule() {
	d.pdf.SetLineWidth(0.6)
	d.pdf.SetStrokeColor(200, 200, 200)
	d.pdf.Line(margin, d.y, pageWidth-margin, d.y)
	d.y += 8
}

func (d *document) cover() {
	o, photos := d.proof.Order, d.proof.Photos()
	d.gray(110)
	d.text(regular, 11, margin, d.y, inner, d.proof.Account.Name)
	d.gray(0)
	d.y += 24
	d.text(bold, 22, margin, d.y, inner, "Work order "+o.DisplayNumber())
	d.y += 32
	d.text(regular, 13, margin, d.y, inner, o.Address.Line())
	d.y += 26
	d.rule()

	d.heading(13, "General information")
	d.row("State", string(o.Lifecycle.State))
	if o.DueDate != nil {
		due := string(*o.DueDate)
		if o.DueTime != nil {
			due += " " + *o.DueTime
		}
		d.row("Due", due)
	}
	d.row("Client's number", o.Source.WorkOrderNumber)
	d.row("Client status", o.ClientStatus)
	if o.Latitude != nil {
		d.row("Position", fmt.Sprintf("%.5f, %.5f", *o.Latitude, *o.Longitude))
	}
	d.row("Performed by", strings.Join(d.performers(), ", "))
	first, last := d.window()
	d.row("First item", d.when(first))
	d.row("Last item", d.when(last))
	d.row("Generated at", d.when(ptr(models.Now())))

	d.heading(13, "Totals")
	d.row("Photos", fmt.Sprint(len(photos)))
	byType := map[string]int{}
	for _, p := range photos {
		byType[evidenceName(p)]++
	}
	for _, name := range slices.Sorted(maps.Keys(byType)) {
		d.row("   "+name, fmt.Sprint(byType[name]))
	}
	others := map[models.ItemKind]int{}
	for _, i := range d.proof.Items {
		others[i.Kind]++
	}
	d.row("Check-ins", fmt.Sprint(others[models.CheckIn]))
	d.row("Survey responses", fmt.Sprint(others[models.SurveyResponse]))

	if len(photos) > 0 {
		d.heading(13, "Certified photos")
		for _, g := range d.tasks() {
			d.row(g.name, certifiedShare(g.photos))
		}
	}
}

func ptr[T any](v T) *T { return &v }

func (d *document) performers() []string {
	seen := map[string]bool{}
	for _, i := range d.proof.Items {
		seen[d.proof.Users[i.UploadedBy]] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

func (d *document) window() (first, last *models.Time) {
	for _, i := range d.proof.Items {
		at := i.ReceivedAt
		if i.TakenAt != nil {
			at = *i.TakenAt
		}
		if first == nil || at.Before(first.Time) {
			first = &at
		}
		if last == nil || at.After(last.Time) {
			last = &at
		}
	}
	return first, last
}

func certifiedShare(photos []*models.Item) string {
	var byTime, byPlace, both int
	for _, p := range photos {
		t := p.Certification.Time != nil && *p.Certification.Time
		l := p.Certification.Location != nil && *p.Certification.Location
		if t {
			byTime++
		}
		if l {
			byPlace++
		}
		if t && l {
			both++
		}
	}
	share := func(n int) string { return fmt.Sprintf("%d %%", n*100/len(photos)) }
	return fmt.Sprintf("time %s, location %s, both %s of %d", share(byTime), share(byPlace), share(both), len(photos))
}

// group is the photos of one task.
type group struct {
	name   string
	photos []*models.Item
}

func (d *document) tasks() []group {
	var groups []group
	add := func(name string, belongs func(*models.Item) bool) {
		g := group{name: name}
		for _, p := range d.proof.Photos() {
			if belongs(p) {
				g.photos = append(g.photos, p)
			}
		}
		if len(g.photos) > 0 {
			groups = append(groups, g)
		}
	}
	for _, t := range d.proof.View.Tasks {
		add(t.Name, func(p *models.Item) bool { return p.TaskID != nil && *p.TaskID == t.ID })
	}
	add("Without a task", func(p *models.Item) bool { return d.proof.TaskName(p) == "" })
	return groups
}

func evidenceName(p *models.Item) string {
	if p.EvidenceType == "" {
		return "Other"
	}
	first, size := utf8.DecodeRuneInString(p.EvidenceType)
	return string(unicode.ToUpper(first)) + p.EvidenceType[size:]
}

// evidenceOrder puts the usual types in the order of the work.
func evidenceOrder(name string) string {
	if i := slices.Index([]string{"Before", "During", "After"}, name); i >= 0 {
		return fmt.Sprint(i)
	}
	return "9" + name
}

func (d *document) evidence() {
	for i, g := range d.tasks() {
		if i == 0 {
			d.y = bottom // the photos begin on a page of their own
		}
		d.room(cellHeight + 70)
		d.heading(15, g.name)
		byType := map[string][]*models.Item{}
		for _, p := range g.photos {
			byType[evidenceName(p)] = append(byType[evidenceName(p)], p)
		}
		types := slices.SortedFunc(maps.Keys(byType), func(a, b string) int { return strings.Compare(evidenceOrder(a), evidenceOrder(b)) })
		for _, name := range types {
			d.room(cellHeight + 30)
			d.heading(11, fmt.Sprintf("%s (%d)", name, len(byType[name])))
			d.grid(byType[name])
		}
	}
}

func (d *document) grid(photos []*models.Item) {
	for i, p := range photos {
		if d.err != nil {
			return
		}
		column := i % columns
		if column == 0 {
			d.room(cellHeight)
		}
		d.cell(margin+float64(column)*(cellWidth+gap), p)
		if column == columns-1 || i == len(photos)-1 {
			d.y += cellHeight + 8
		}
	}
}

func (d *document) cell(x float64, p *models.Item) {
	d.shown++
	var jpeg []byte
	if d.shown <= d.most {
		var err error
		if jpeg, err = d.photo(p); err != nil {
			d.check(fmt.Errorf("photo %s: %w", p.UUID, err))
			return
		}
	}
	if !d.picture(p.ID, jpeg, x) {
		d.pdf.SetStrokeColor(200, 200, 200)
		d.pdf.RectFromUpperLeftWithStyle(x, d.y, cellWidth, photoRoom, "D")
		d.gray(110)
		d.text(regular, 9, x+8, d.y+photoRoom/2, cellWidth-16, "Not shown here: see the original, "+p.UUID)
		d.gray(0)
	}
	at := p.TakenAt
	label := ""
	if at == nil {
		at, label = &p.ReceivedAt, "received "
	}
	y := d.y + captionTop
	d.text(bold, 8, x, y, cellWidth, label+d.when(at)+"  ·  "+d.proof.Users[p.UploadedBy])
	place := "No position"
	if p.Position.Latitude != nil {
		place = fmt.Sprintf("%.5f, %.5f", *p.Position.Latitude, *p.Position.Longitude)
		if p.Position.Accuracy != nil {
			place += fmt.Sprintf(" (±%.0f m)", *p.Position.Accuracy)
		}
	}
	d.gray(80)
	d.text(regular, 8, x, y+11, cellWidth, place)
	c := p.Certification
	d.text(regular, 8, x, y+22, cellWidth, fmt.Sprintf("Certified: item %s  time %s  location %s", mark(c.Item), mark(c.Time), mark(c.Location)))
	if p.Notes != "" {
		d.text(regular, 8, x, y+33, cellWidth, p.Notes)
	}
	d.gray(0)
}

func mark(b *bool) string {
	switch {
	case b == nil:
		return "–"
	case *b:
		return "✓"
	}
	return "✗"
}

// drawing hands a photo's bytes to the document under the photo's own id, which spares a hash of every byte.
type drawing struct {
	*bytes.Reader
	id string
}

func (d *drawing) ID() string { return d.id }

// picture draws a JPEG into its cell, as large as it fits; false when there is none.
func (d *document) picture(id string, jpeg []byte, x float64) bool {
	if jpeg == nil || d.err != nil {
		return false
	}
	width, height, err := jpegSize(jpeg)
	if err != nil {
		return false
	}
	scale := min(cellWidth/width, photoRoom/height)
	w, h := width*scale, height*scale
	d.check(d.pdf.ImageByHolder(&drawing{bytes.NewReader(jpeg), id}, x+(cellWidth-w)/2, d.y+(photoRoom-h)/2, &gopdf.Rect{W: w, H: h}))
	return true
}
