package reports

import (
	"bytes"
	"cmp"
	"fmt"
	"image/png"
	"io"
	"maps"
	"slices"
	"strings"

	"rsc.io/qr/coding"

	"fieldproof/models"
	"fieldproof/reports/pdf"
	"fieldproof/wording"
)

// contentsFrom is from how many pages on a report has contents behind its cover.
const contentsFrom = 12

// section is a place that bookmarks, contents and page numbers lead to, once it is known where it lies.
type section struct {
	place
	page int // from 0
	y    float64
}

// spot is where a photo is shown.
type spot struct {
	page int
	y    float64
}

// visitShown is a visit as it is laid out.
type visitShown struct {
	*Visit
	n       int // from 0
	record  models.ServiceRecord
	several bool // days
	tasks   []taskShown
}

// taskShown are the photos of a task: sets of one shot, then what stands alone.
type taskShown struct {
	models.TaskPhotos
	key    string
	sets   []models.ShotSet
	single []*models.Item
	asked  map[string]int // photos by evidence type that were asked for and are not there
	survey int            // the survey to which they belong, -1 for none
}

// document is one report while it is laid out and drawn.
type document struct {
	*Content
	says   *wording.Reader
	paper  paper
	brand  pdf.Colour
	faces  [2]typeface
	layout int
	photo  func(*models.Item, models.Rendition) ([]byte, error) // a photo's bytes, nil when it can't be shown; called side by side

	going func() error // why it is not gone on with: who asked for it is gone; nil while it is

	visits  []visitShown
	numbers map[string]int             // item id → the photo's number in the report
	said    map[string]wording.Caption // by item id
	proofs  map[string]*visitShown     // by item id

	places   []section
	at       map[string]int // key of a place → its page
	shownOn  map[string]spot
	contents []section // as the last layout had them; nil while there are too few pages
	known    map[string]int
	knownOn  map[string]spot
	pages    int

	images  map[string]*pdf.Image
	plans   map[coding.Version]*coding.Plan
	letters []set
	text    strings.Builder
	shaper  pdf.Shaper
}

// newDocument numbers the photos of a report and says what is known of each.
func newDocument(c *Content) (*document, error) {
	d := &document{Content: c, says: wording.For(c.Account), paper: paperOf(c.Account), brand: colourOf(c.Account), layout: c.Layout, going: func() error { return nil },
		numbers: map[string]int{}, said: map[string]wording.Caption{}, proofs: map[string]*visitShown{}, plans: map[coding.Version]*coding.Plan{}, images: map[string]*pdf.Image{}}
	var err error
	if d.faces, err = faces(); err != nil {
		return nil, err
	}
	d.visits = make([]visitShown, len(c.Visits))
	for n := range c.Visits {
		v := &d.visits[n]
		v.Visit, v.n, v.record = &c.Visits[n], n, c.Visits[n].Proof.ServiceRecord()
		v.several = d.says.SeveralDays(v.record)
		for m, t := range v.Proof.ByTask() {
			shown := taskShown{TaskPhotos: t, key: fmt.Sprintf("task-%d-%d", n, m), survey: -1}
			shown.sets, shown.single = t.Sets()
			for s, survey := range v.Surveys {
				if survey.Task != "" && survey.Task == t.Task {
					shown.survey = s
				}
			}
			shown.asked = missing(v.Proof, t)
			for _, set := range shown.sets {
				for _, i := range set.Photos {
					d.number(v, i)
				}
			}
			for _, i := range shown.single {
				d.number(v, i)
			}
			v.tasks = append(v.tasks, shown)
		}
	}
	return d, nil
}

func (d *document) number(v *visitShown, i *models.Item) {
	d.numbers[i.ID] = len(d.numbers) + 1
	d.said[i.ID] = d.says.Caption(v.Proof, i, v.several)
	d.proofs[i.ID] = v
}

// missing is what a task asks for, by evidence type, and has not.
func missing(p *models.Proof, t models.TaskPhotos) map[string]int {
	lacks := map[string]int{}
	for _, task := range p.View.Tasks {
		if task.Name == t.Task {
			maps.Copy(lacks, task.RequiredPhotos)
		}
	}
	for _, i := range t.Photos {
		lacks[strings.ToLower(i.EvidenceType)]--
	}
	maps.DeleteFunc(lacks, func(_ string, n int) bool { return n <= 0 })
	return lacks
}

// inPart tells whether a photo belongs to the part that is drawn.
func (d *document) inPart(i *models.Item) bool {
	first, last := d.span()
	return d.numbers[i.ID] >= first && d.numbers[i.ID] <= last
}

// span is the photos of the part, from 1.
func (c *Content) span() (first, last int) {
	n := c.photos()
	if c.Parts() == 1 {
		return 1, n
	}
	return (c.Part-1)*photosAPart + 1, min(c.Part*photosAPart, n)
}

// laidOut lays everything onto pages until nothing moves any more: pages are named on pages.
func (d *document) laidOut() []*sheet {
	d.known, d.knownOn, d.contents, d.pages = map[string]int{}, map[string]spot{}, nil, 0
	var sheets []*sheet
	for range 6 {
		d.places, d.at, d.shownOn = nil, map[string]int{}, map[string]spot{}
		sheets = d.compose()
		if len(sheets) == d.pages && maps.Equal(d.at, d.known) && maps.Equal(d.shownOn, d.knownOn) && (len(d.contents) > 0) == (len(sheets) >= contentsFrom) {
			break
		}
		d.pages, d.known, d.knownOn = len(sheets), d.at, d.shownOn
		d.contents = nil
		if len(sheets) >= contentsFrom {
			d.contents = d.places
		}
	}
	return sheets
}

// fitted chooses the layout: a report with fewer photos than its page holds shows them larger where that takes no more pages.
func (d *document) fitted() []*sheet {
	asked := d.layout
	sheets := d.laidOut()
	if d.photos() >= asked {
		return sheets
	}
	for _, larger := range []int{1, 2, 4, 6} {
		if larger >= asked || larger < d.photos() && larger == 1 {
			continue
		}
		d.layout = larger
		if s := d.laidOut(); len(s) <= len(sheets) {
			return s
		}
	}
	d.layout = asked
	return d.laidOut()
}

func (d *document) compose() []*sheet {
	f := &flow{document: d}
	f.page(true)
	d.cover(f)
	d.tableOfContents(f)
	if d.Property != nil {
		d.placeByPlace(f)
	}
	for n := range d.visits {
		d.visit(f, &d.visits[n])
	}
	d.closing(f)
	return f.sheets
}

// visit lays out all that one order has. In the parts behind the first only its photos.
func (d *document) visit(f *flow, v *visitShown) {
	any := slices.ContainsFunc(v.Proof.Photos(), d.inPart)
	if d.Part > 1 && !any {
		return
	}
	if d.Property != nil {
		d.visitHead(f, v)
	} else if d.Part == 1 {
		d.record(f, v)
	} else {
		f.page(false)
	}
	for n := range v.tasks {
		if v.tasks[n].survey < 0 {
			d.task(f, &v.tasks[n])
		}
	}
	for n := range v.Surveys {
		if d.Part == 1 {
			d.survey(f, v, n)
		}
		for m := range v.tasks {
			if v.tasks[m].survey == n {
				d.task(f, &v.tasks[m])
			}
		}
	}
}

// write draws the report.
func (d *document) write(w io.Writer) error {
	sheets := d.fitted()
	if err := d.going(); err != nil {
		return err
	}
	d.pages = len(sheets)
	info := pdf.Info{Title: clean(d.Title()), Author: clean(d.Account.Name), Creator: "Fieldproof", Language: d.says.Language(), Created: d.At.UTC()}
	if d.Head != nil {
		info.Subject = d.says.Say("pdf_proof") + " " + d.Head.Text()
	}
	out := pdf.New(w, len(sheets), info)
	var photos []*models.Item
	seen := map[string]bool{}
	for _, s := range sheets {
		for _, b := range s.placed {
			for _, p := range b.photos {
				if !seen[p.ID] {
					seen[p.ID] = true
					photos = append(photos, p)
				}
			}
		}
	}
	rendition := models.Display
	if d.layout == 12 {
		rendition = models.Thumbnail
	}
	reading := readAhead(photos, func(i *models.Item) ([]byte, error) { return d.photo(i, rendition) })
	defer reading.end()
	for _, s := range d.places {
		if s.depth > 0 {
			out.Bookmark(pdf.Bookmark{Title: clean(s.title), Depth: s.depth, Page: s.page, Y: max(0, s.y-8)})
		}
	}
	for n, s := range sheets {
		c := &canvas{document: d, out: out, page: out.Page(d.paper.width, d.paper.height)}
		c.page.Artifact(func() { c.frame(n, s.cover) })
		for _, b := range s.placed {
			for _, p := range b.photos {
				if _, there := d.images[p.ID]; there {
					continue
				}
				picture, err := reading.next()
				if err != nil {
					return fmt.Errorf("reports: photo %s: %w", p.UUID, err)
				}
				d.images[p.ID] = nil
				if picture != nil {
					d.images[p.ID] = out.JPEG(picture)
				}
			}
			b.draw(c, b.y)
		}
		c.page.Close()
		if out.Err() != nil {
			return out.Err()
		}
	}
	return out.Close()
}

// frame is what stands on every page.
func (c *canvas) frame(n int, cover bool) {
	left, right := margin, c.paper.width-margin
	if !cover {
		account := c.shortened(running, c.paper.inner()*0.3, c.Account.Name)
		room := c.paper.inner() - c.width(running, account) - 16
		name, about := c.runner()
		name = c.shortened(running.bold(), room, name)
		c.write(running.bold().in(ink), left, runner, 0, name)
		if about != "" {
			if x := c.width(running.bold(), name); x+c.width(running, " · "+about) <= room {
				c.write(running, left+x, runner, 0, " · "+about)
			}
		}
		c.write(running, right, runner, 1, account)
		c.page.Line(left, runner+16.25, right, runner+16.25, 0.5, rule)
	}
	y := c.paper.height - footed - footing.leading
	if c.Head != nil {
		c.write(footing, left, y, 0, c.says.Say("pdf_proof")+" "+fmt.Sprint(c.Head.Sequence)+" · "+wording.Grouped(c.Head.Head[:min(len(c.Head.Head), 16)], 4))
	}
	c.write(footing, right, y, 1, c.says.Say("pdf_page_of", "n", n+1, "all", c.pages))
}

// runner is what the report is about: the address, and the order where it is of one.
func (d *document) runner() (address, order string) {
	if d.Property != nil {
		a := d.Property.Address
		return street(a), d.says.Say("pdf_property_report")
	}
	o := d.Visits[0].Proof.Order
	return street(o.Address), o.DisplayNumber()
}

// street is an address in short.
func street(a models.Address) string {
	return cmp.Or(strings.Join(slices.DeleteFunc([]string{a.Address1, a.City}, func(s string) bool { return s == "" }), ", "), a.Line())
}

// tableOfContents lays out where each section lies.
func (d *document) tableOfContents(f *flow) {
	if len(d.contents) == 0 {
		return
	}
	f.page(false)
	about := d.says.Say("pdf_contents_of", "photos", d.says.Say("link_photos", "n", d.photos()), "n", d.pages)
	if d.Parts() > 1 {
		about += " " + d.says.Say("pdf_part_of", "n", d.Part, "all", d.Parts())
	}
	f.add(block{height: 21, place: &place{key: "contents", title: d.says.Say("pdf_contents"), depth: 1}, draw: func(c *canvas, y float64) {
		c.tell("H1", margin, y, c.wrap(c.paper.inner(), span{c.says.Say("pdf_contents"), section1}))
	}}, d.paragraph("P", margin, d.paper.inner(), 0, span{about, small.in(second)}))
	for _, s := range d.contents {
		if s.depth == 0 || s.key == "contents" {
			continue
		}
		f.add(d.contentsLine(s))
	}
}

func (d *document) contentsLine(s section) block {
	st, x := plain.led(15.5), margin
	above := 0.0
	if s.depth == 1 {
		st, above = st.bold(), 4
	} else {
		st, x = st.in(second), margin+16*float64(s.depth-1)
	}
	page := fmt.Sprint(s.page + 1)
	wide := d.width(st, page)
	lines := d.wrap(d.paper.inner()-(x-margin)-wide-30, span{s.title, st})
	return block{height: leadingOf(lines), above: above, draw: func(c *canvas, y float64) {
		right := c.paper.width - margin
		link := c.out.Element(c.element("P"), "Link")
		c.page.Mark(link, func() {
			c.lines(x, y, lines)
			c.write(st, right, y+leadingOf(lines)-st.leading, 1, page)
		})
		foot := y + leadingOf(lines) - 4.5
		c.page.Artifact(func() {
			if from := x + lines[len(lines)-1].width + 5; from < right-wide-8 {
				c.page.Line(from, foot, right-wide-5, foot, 0.75, idle, 0.75, 1.5)
			}
		})
		c.page.Jump(link, x, y, right-x, leadingOf(lines), s.page, max(0, s.y-8), s.title)
	}}
}

// logo draws the account's logo, as large as it fits; how high it is.
func (d *document) logo() (picture *logoShown) {
	if len(d.Logo) == 0 {
		return nil
	}
	img, err := png.Decode(bytes.NewReader(d.Logo))
	if err != nil {
		return nil // ours is a PNG; what is none is left out
	}
	b := img.Bounds()
	scale := min(150/float64(b.Dx()), 46/float64(b.Dy()))
	pixels := make([]byte, 0, 3*b.Dx()*b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl, _ := img.At(x, y).RGBA()
			pixels = append(pixels, uint8(r>>8), uint8(g>>8), uint8(bl>>8))
		}
	}
	return &logoShown{b.Dx(), b.Dy(), pixels, float64(b.Dx()) * scale, float64(b.Dy()) * scale}
}

type logoShown struct {
	across, down  int
	pixels        []byte
	width, height float64
}
