package reports

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/signintech/gopdf"
	"rsc.io/qr/coding"

	"fieldproof/models"
)

// grid is how photos lie on a page.
type grid struct {
	columns, rows int
	caption       float64 // height below a photo
	size          float64 // of the caption's letters
	code          float64 // side of the QR code
	notes         int     // lines of notes
}

var grids = map[int]grid{
	2:  {1, 2, 60, 9, 54, 2},
	4:  {2, 2, 54, 8, 46, 2},
	6:  {2, 3, 44, 8, 40, 1},
	12: {3, 4, 38, 6.5, 34, 1},
}

const (
	gap      = 14.0
	lineGap  = 8.0  // between two rows of photos
	headroom = 64.0 // for the headings of a task and its first type, which never cost a row
)

func (g grid) width() float64 { return (inner - gap*float64(g.columns-1)) / float64(g.columns) }
func (g grid) height() float64 {
	return (bottom-margin-headroom)/float64(g.rows) - lineGap
}
func (g grid) photo() float64 { return g.height() - g.caption - 5 }

func (d *document) grid() grid {
	if g, there := grids[d.Layout]; there {
		return g
	}
	return grids[6]
}

// plate is the photos of one task and evidence type, as far as they belong to the part that is drawn.
type plate struct {
	task, kind string
	photos     []*models.Item
	all        int // photos of the type over all parts
}

// span is the photos of the part, from 1.
func (c *Content) span() (first, last int) {
	n := c.photos()
	if c.Parts() == 1 {
		return 1, n
	}
	return (c.Part-1)*photosAPart + 1, min(c.Part*photosAPart, n)
}

// plates numbers the photos of the report, and sorts those of its part by visit, task and type.
func (d *document) plates() [][]plate {
	d.numbers = map[string]int{}
	first, last := d.span()
	n := 0
	visits := make([][]plate, len(d.Visits))
	for v, visit := range d.Visits {
		for _, task := range visit.Proof.ByTask() {
			for _, t := range task.ByType() {
				p := plate{task: task.Task, kind: typeName(t.Type), all: len(t.Photos)}
				for _, photo := range t.Photos {
					n++
					d.numbers[photo.ID] = n
					if n >= first && n <= last {
						p.photos = append(p.photos, photo)
					}
				}
				if len(p.photos) > 0 {
					visits[v] = append(visits[v], p)
				}
			}
		}
	}
	return visits
}

// drawn lists the photos that are shown, in the sequence of their drawing.
func (d *document) drawn(visits [][]plate) []*models.Item {
	var items []*models.Item
	for _, plates := range visits {
		for _, p := range plates {
			items = append(items, p.photos...)
		}
	}
	return items[:min(int64(len(items)), d.most)]
}

func typeName(evidence string) string {
	if evidence == "" {
		return "Other"
	}
	first, size := utf8.DecodeRuneInString(evidence)
	return string(unicode.ToUpper(first)) + evidence[size:]
}

// evidence draws the photos; they begin on a page of their own.
func (d *document) evidence(plates []plate) {
	if len(plates) == 0 {
		return
	}
	d.newPage()
	g := d.grid()
	task := ""
	for i, p := range plates {
		if i == 0 || p.task != task {
			task = p.task
			d.begin(1, 15, 24.2+g.height(), task)
		}
		d.begin(2, 11, g.height(), fmt.Sprintf("%s (%d)", p.kind, p.all))
		for at, photo := range p.photos {
			if d.err != nil {
				return
			}
			column := at % g.columns
			if column == 0 {
				d.room(g.height())
			}
			d.cell(g, margin+float64(column)*(g.width()+gap), photo)
			if column == g.columns-1 || at == len(p.photos)-1 {
				d.y += g.height() + lineGap
			}
		}
	}
}

func (d *document) cell(g grid, x float64, p *models.Item) {
	d.shown++
	d.pdf.SetXY(x, d.y)
	d.pdf.SetAnchor("photo-" + p.ID)
	if d.measuring {
		return // a cell's size depends on nothing in it
	}
	var picture []byte
	if d.shown <= d.most {
		var err error
		if picture, err = d.ahead.next(); err != nil {
			d.check(fmt.Errorf("photo %s: %w", p.UUID, err))
			return
		}
	}
	if !d.picture(g, p.ID, picture, x) {
		d.pdf.SetLineWidth(0.6)
		d.pdf.SetStrokeColor(200, 200, 200)
		d.pdf.RectFromUpperLeftWithStyle(x, d.y, g.width(), g.photo(), "D")
		d.gray(110)
		d.text(regular, g.size, x+8, d.y+g.photo()/2, g.width()-16, "Not shown here: see the original, "+p.UUID)
		d.gray(0)
	}
	y := d.y + g.photo() + 5
	width := g.width()
	if d.Verify != nil {
		width -= g.code + 6
		d.code(p, x+g.width()-g.code, y, g.code)
	}
	proof := d.proofOf(p)
	at, label := p.TakenAt, ""
	if at == nil {
		at, label = &p.ReceivedAt, "received "
	}
	leading := g.size * 1.35
	line := 0
	write := func(font, s string) {
		d.text(font, g.size, x, y+float64(line)*leading, width, s)
		line++
	}
	write(bold, fmt.Sprintf("%d  ·  %s%s", d.numbers[p.ID], label, d.when(at)))
	d.gray(80)
	write(regular, strings.Join([]string{proof.Names[p.UploadedBy], d.placeOf(p)}, "  ·  "))
	c := p.Certification
	write(regular, fmt.Sprintf("Certified: item %s  time %s  location %s%s", mark(c.Item), mark(c.Time), mark(c.Location), claimed(p)))
	notes := d.wrap(regular, g.size, width, p.Notes)
	for i, s := range notes {
		if i == g.notes {
			break
		}
		if i == g.notes-1 && len(notes) > g.notes {
			s += "…"
		}
		write(regular, s)
	}
	d.gray(0)
}

// claimed names what is claimed of an item and not certified; nothing when there is nothing.
func claimed(p *models.Item) string {
	var names []string
	for _, one := range []struct {
		name            string
		said, certified *bool
	}{{"item", p.Claims.Item, p.Certification.Item}, {"time", p.Claims.Time, p.Certification.Time}, {"location", p.Claims.Location, p.Certification.Location}} {
		if one.said != nil && *one.said && (one.certified == nil || !*one.certified) {
			names = append(names, one.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "  claimed: " + strings.Join(names, ", ")
}

func (d *document) proofOf(p *models.Item) *models.Proof {
	for _, v := range d.Visits {
		if v.Proof.Order.ID == p.WorkOrderID {
			return v.Proof
		}
	}
	return d.Visits[0].Proof
}

func (d *document) placeOf(p *models.Item) string {
	if p.Position.Latitude == nil {
		return d.says.Say("doc_no_place")
	}
	place := d.says.Position(*p.Position.Latitude, *p.Position.Longitude)
	if p.Position.Accuracy != nil {
		place += fmt.Sprintf(" (±%.0f m)", *p.Position.Accuracy)
	}
	return place
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

// drawing hands an image's bytes to the document under an id of its own, which spares a hash of every byte.
type drawing struct {
	*bytes.Reader
	id string
}

func (d *drawing) ID() string { return d.id }

// picture draws a JPEG into its cell, as large as it fits; false when there is none.
func (d *document) picture(g grid, id string, photo []byte, x float64) bool {
	if photo == nil || d.err != nil {
		return false
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(photo))
	if err != nil {
		return false
	}
	width, height := float64(c.Width), float64(c.Height)
	scale := min(g.width()/width, g.photo()/height)
	w, h := width*scale, height*scale
	d.check(d.pdf.ImageByHolder(&drawing{bytes.NewReader(photo), id}, x+(g.width()-w)/2, d.y+(g.photo()-h)/2, &gopdf.Rect{W: w, H: h}))
	return true
}

// code draws the QR code of a photo's verification page, which is a link too.
func (d *document) code(p *models.Item, x, y, side float64) {
	if d.err != nil {
		return
	}
	url := d.Verify(p)
	text := url
	if d.Short != nil {
		text = d.Short(p)
	}
	symbol, err := d.symbol(text)
	if err != nil {
		d.check(fmt.Errorf("the QR code of %s: %w", p.UUID, err))
		return
	}
	d.check(d.pdf.ImageByHolder(&drawing{bytes.NewReader(symbol), "code-" + p.ID}, x, y, &gopdf.Rect{W: side, H: side}))
	d.pdf.AddExternalLink(url, x, y, side, side)
}

// symbol encodes a text as QR code, a PNG of one pixel a module. The plan of a size is made once a report: a report has
// hundreds of codes, which all are of one size.
func (d *document) symbol(text string) ([]byte, error) {
	var encoding coding.Encoding = coding.String(text)
	if capitals := coding.Alpha(text); capitals.Check() == nil {
		encoding = capitals
	}
	version := coding.Version(coding.MinVersion)
	for encoding.Bits(version) > version.DataBytes(coding.M)*8 {
		if version++; version > coding.MaxVersion {
			return nil, fmt.Errorf("%d characters are too many", len(text))
		}
	}
	plan := d.plans[version]
	if plan == nil {
		var err error
		if plan, err = coding.NewPlan(version, coding.M, 0); err != nil {
			return nil, err
		}
		d.plans[version] = plan
	}
	code, err := plan.Encode(encoding)
	if err != nil {
		return nil, err
	}
	dots := image.NewPaletted(image.Rect(0, 0, code.Size, code.Size), color.Palette{color.White, color.Black})
	for row := range code.Size {
		for column := range code.Size {
			if code.Black(column, row) {
				dots.Pix[row*dots.Stride+column] = 1
			}
		}
	}
	var b bytes.Buffer
	err = uncompressed.Encode(&b, dots)
	return b.Bytes(), err
}

// uncompressed keeps the buffers of its last image: a new one costs more than the image.
var uncompressed = png.Encoder{CompressionLevel: png.NoCompression, BufferPool: &buffers{}}

type buffers struct{ sync.Pool }

func (b *buffers) Get() *png.EncoderBuffer {
	kept, _ := b.Pool.Get().(*png.EncoderBuffer)
	return kept
}

func (b *buffers) Put(used *png.EncoderBuffer) { b.Pool.Put(used) }
