package reports

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rsc.io/qr/coding"

	"fieldproof/models"
	"fieldproof/wording"
)

// ratio is a photo's width to its height, as it is drawn.
func ratio(i *models.Item) float64 {
	w, h := float64(i.Width), float64(i.Height)
	if w <= 0 || h <= 0 {
		return 4.0 / 3
	}
	if i.Turned != (i.Rotation == 90 || i.Rotation == 270) {
		w, h = h, w
	}
	return min(max(w/h, 0.3), 4)
}

func upright(i *models.Item) bool { return ratio(i) < 0.95 }

// Where a photo's words stand.
type manner int

const (
	below  manner = iota // under it, with the code at their end
	railed               // under it, the code beside the photo at its foot
	beside               // at its side, for an upright photo in a wide cell
)

// cell is a photo in its place, or one that is missing.
type cell struct {
	item    *models.Item // nil: asked for and not there
	kind    string       // of what is missing
	lacks   int
	set     bool // under the heading of its set
	head    string
	x, w    float64 // of the cell
	pw, ph  float64 // of the picture
	manner  manner
	lines   []line
	caption style
	code    float64 // its side, 0 without one
	pin     float64
}

// row is cells side by side. It never breaks.
type row struct {
	cells []*cell
	head  string // the name of its shot
}

const pinRoom = 5.0

// task lays out the photos of a task: sets as rows, then what stands alone.
func (d *document) task(f *flow, t *taskShown) {
	rows := d.rowsOf(t)
	if len(rows) == 0 {
		return
	}
	name := d.says.Task(t.Task)
	if t.survey >= 0 {
		name = d.says.Say("pdf_photos_of_survey", "name", name)
	}
	count := d.says.Say("link_photos", "n", len(t.Photos))
	depth := 1
	if d.Property != nil {
		depth = 2
	}
	heading := d.taskHeading(name, count, section2, depth)
	heading.place = &place{key: t.key, title: name, depth: depth}
	more := func() []block {
		return []block{d.taskHeading(d.says.Say("pdf_continued", "name", name), count, section2.at(11).led(14), 0)}
	}
	for n, r := range rows {
		blocks := []block{}
		if n == 0 {
			blocks = append(blocks, heading)
		}
		if r.head != "" {
			h := d.paragraph("H3", margin, d.paper.inner(), 0, span{r.head, shotName})
			h.height += 3
			if f.contentsDepth() {
				h.place = &place{key: fmt.Sprintf("%s-%d", t.key, n), title: r.head, depth: depth + 1}
			}
			blocks = append(blocks, h)
		}
		blocks = append(blocks, d.rowBlock(r))
		f.add(blocks...)
		f.more = more
	}
	f.more = nil
}

// contentsDepth tells whether shots stand in bookmarks: not where they would be thousands.
func (d *document) contentsDepth() bool { return len(d.numbers) <= 300 }

// taskHeading is a name above the account's colour, with a count at its end.
func (d *document) taskHeading(name, count string, s style, depth int) block {
	wide := d.width(small, count) + 12
	lines := d.wrap(d.paper.inner()-wide, span{name, s})
	height := leadingOf(lines)
	kind := "H1"
	switch {
	case depth == 0:
		kind = "P"
	case depth > 1:
		kind = "H2"
	}
	return block{height: height + 12.5, above: 15, draw: func(c *canvas, y float64) {
		c.tell(kind, margin, y, lines)
		if count != "" {
			c.page.Mark(c.element("P"), func() {
				c.write(small.in(second), c.paper.width-margin, y+height-small.leading-1, 1, count)
			})
		}
		c.page.Artifact(func() { c.page.Rect(margin, y+height+4, c.paper.inner(), 1.5, c.brand) })
	}}
}

// columns is in how many columns a layout sets what stands alone, or sets of so many.
func (d *document) columns(photos int) int {
	switch d.layout {
	case 1, 2:
		return 1
	case 4:
		return 2
	case 12:
		return 4
	}
	if photos > 2 {
		return 3
	}
	return 2
}

// rowsOf lays a task's photos into rows, as far as they belong to the part that is drawn.
func (d *document) rowsOf(t *taskShown) (rows []*row) {
	left := maps.Clone(t.asked)
	var single []*models.Item
	for _, i := range t.single {
		if d.inPart(i) {
			single = append(single, i)
		}
	}
	threes := 0
	for _, s := range t.sets {
		threes = max(threes, len(s.Photos))
	}
	for _, s := range t.sets {
		cells := []*cell{}
		kinds := map[string]bool{}
		for _, i := range s.Photos {
			kinds[strings.ToLower(i.EvidenceType)] = true
			if d.inPart(i) {
				cells = append(cells, &cell{item: i, set: true})
			}
		}
		if len(cells) == 0 {
			continue
		}
		for _, kind := range []string{"before", "during", "after"} {
			if left[kind] > 0 && !kinds[kind] && d.Part == 1 {
				left[kind]--
				cells = append(cells, &cell{kind: kind, lacks: 1})
			}
		}
		of := d.columns(len(cells))
		head := cmp.Or(s.Shot, d.says.Say("link_linked"))
		for part := range slices.Chunk(cells, of) {
			if d.layout == 12 { // a single photo may fill a free column
				for n := len(part); n < of && len(single) > 0 && len(part) >= 2; n++ {
					part = append(slices.Clip(part), &cell{item: single[0], head: d.says.Say("pdf_single_one")})
					single = single[1:]
				}
			}
			rows = append(rows, &row{part, head})
			head = ""
		}
	}
	var cells []*cell
	for _, i := range single {
		cells = append(cells, &cell{item: i})
	}
	for _, kind := range slices.Sorted(maps.Keys(left)) {
		if left[kind] > 0 && d.Part == 1 {
			cells = append(cells, &cell{kind: kind, lacks: left[kind]})
		}
	}
	head := ""
	if len(rows) > 0 && len(cells) > 0 {
		head = d.says.Say("pdf_single", "n", len(cells))
	}
	first := len(rows)
	switch {
	case (d.layout == 4 || d.layout == 6) && len(cells) > 2 && mixed(cells):
		rows = append(rows, d.justified(cells)...)
	default:
		of := d.columns(0)
		if d.layout == 6 && threes > 2 && len(t.sets) > 0 {
			of = 3
		}
		for part := range slices.Chunk(cells, of) {
			rows = append(rows, &row{cells: part})
		}
		for _, r := range rows[first:] {
			d.place(r, of)
		}
	}
	if len(rows) > first {
		rows[first].head = head
	}
	for _, r := range rows[:first] {
		d.place(r, max(d.columns(len(r.cells)), d.columnsOfSets(t)))
	}
	return rows
}

// columnsOfSets is the columns of a task's sets in the layout of six, where those of three are smaller.
func (d *document) columnsOfSets(t *taskShown) int {
	if d.layout != 6 {
		return 1
	}
	for _, s := range t.sets {
		if len(s.Photos) > 2 {
			return 3
		}
	}
	return 2
}

// mixed tells whether photos are of several shapes.
func mixed(cells []*cell) bool {
	some := [2]bool{}
	for _, c := range cells {
		if c.item == nil {
			return false
		}
		some[map[bool]int{true: 1}[upright(c.item)]] = true
	}
	return some[0] && some[1]
}

// justified sets photos of several shapes in rows of one height each that fill the width; the last is no taller than the one
// before it.
func (d *document) justified(cells []*cell) (rows []*row) {
	target := map[int]float64{4: 230, 6: 185}[d.layout]
	most := target * 1.35
	inner := d.paper.inner()
	before := most
	for at := 0; at < len(cells); {
		sum, end := 0.0, at
		height := 0.0
		for end < len(cells) {
			sum += ratio(cells[end].item)
			end++
			if height = (inner - between*float64(end-at-1)) / sum; height <= target {
				break
			}
		}
		height = min(height, before, most)
		x := margin
		r := &row{cells: cells[at:end]}
		for _, c := range r.cells {
			c.x, c.ph, c.pw = x, height, ratio(c.item)*height
			c.w = c.pw
			x += c.w + between
			d.caption(c)
		}
		rows = append(rows, r)
		before, at = height, end
	}
	return rows
}

// boxOf is how large the pictures of a layout's column are at most.
func (d *document) boxOf(of int) (w, h float64) {
	wide := d.paper.column(of)
	switch {
	case d.layout == 1:
		return wide, min(wide*3/4, d.paper.full()-120)
	case d.layout == 2:
		h = (d.paper.full() - 30.5 - 2*16 - 2*(5+2*captions.leading+11)) / 2
		return h * 4 / 3, h
	case d.layout == 6 && of == 2:
		return wide - 60, (wide - 60) * 3 / 4
	}
	return wide, wide * 3 / 4
}

// place gives the cells of a row their places in so many columns.
func (d *document) place(r *row, of int) {
	wide := d.paper.column(of)
	bw, bh := d.boxOf(of)
	all, widest := true, 0.0
	for _, c := range r.cells {
		if c.item == nil {
			continue
		}
		all = all && upright(c.item)
		widest = max(widest, bw/max(ratio(c.item), 0.95))
	}
	h := bh
	if widest > 0 && !all {
		h = min(bh, widest)
	}
	for n, c := range r.cells {
		c.x, c.w = margin+float64(n)*(wide+between), wide
		c.pw, c.ph = bw, h
		if c.item != nil && upright(c.item) && wide > 200 && (all || !c.set) {
			c.manner = beside
			c.ph = bh
			if of == 2 && all {
				c.ph = min(bh*1.1, bh+20)
			}
			c.pw = c.ph * ratio(c.item)
		} else if wide-bw >= 33 {
			c.manner = railed
		}
		d.caption(c)
	}
}

// caption writes what is said of a photo, and how high its words are.
func (d *document) caption(c *cell) {
	if c.item == nil || d.going() != nil {
		return
	}
	said := d.said[c.item.ID]
	c.caption = captions
	pin := 8.5
	if d.layout == 12 {
		c.caption, pin = tiny, 7.5
	}
	c.pin = d.pinWidth(d.numbers[c.item.ID], pin)
	if d.Verify != nil {
		c.code = d.codeSide(c.item)
	}
	verdict := mark(said.Verdict).text(c.caption)
	var spans []span
	if d.layout == 12 {
		bold := said.Kind
		if !c.set && c.item.Shot != "" {
			bold = c.item.Shot
		}
		spans = append(spans, span{bold, c.caption.bold()}, span{", " + said.When + ". ", c.caption})
		if said.Verdict == wording.NotCertified && d.known["record"] > 0 {
			spans = append(spans, span{d.says.Say("pdf_not_certified_page", "page", d.known["record"]+1), verdict})
		} else {
			spans = append(spans, span{said.Certified, verdict})
		}
	} else {
		bold := said.Alone
		if c.set {
			bold = said.Kind + "."
		}
		spans = append(spans, span{bold + " ", c.caption.bold()}, span{said.Taken + " ", c.caption}, span{said.Certified, verdict})
	}
	width := c.w - c.pin - pinRoom
	switch c.manner {
	case below:
		if c.code > 0 {
			width -= c.code + 10
		}
	case beside:
		width = c.w - c.pw - 10 - c.pin - pinRoom
	}
	c.lines = d.wrap(width, spans...)
	if notes := strings.TrimSpace(c.item.Notes); notes != "" {
		said := d.note(width, span{d.says.Say("pdf_quoted", "text", notes), c.caption})
		if d.layout == 12 && len(said) > 1 {
			said = d.note(width, span{d.says.Say("pdf_quoted", "text", d.shortened(c.caption, width-8, notes)), c.caption})[:1]
		}
		c.lines = append(c.lines, said...)
	}
}

// height of a cell, with its words.
func (c *cell) height() float64 {
	words := leadingOf(c.lines)
	if c.item == nil {
		return c.ph
	}
	switch c.manner {
	case below:
		return c.ph + 5 + max(words, c.code)
	case railed:
		return c.ph + 5 + words
	}
	if c.code > 0 {
		words += 6 + c.code
	}
	return max(c.ph, words)
}

func (d *document) rowBlock(r *row) block {
	height := 0.0
	var photos []*models.Item
	var heads []*cell
	for _, c := range r.cells {
		height = max(height, c.height())
		if c.item != nil {
			photos = append(photos, c.item)
		}
		if c.head != "" {
			heads = append(heads, c)
		}
	}
	return block{height: height + 11, photos: photos, shows: photos, draw: func(c *canvas, y float64) {
		for n, one := range heads {
			if n == 0 || one.head != heads[n-1].head {
				c.tell("P", one.x, y-16, c.wrap(one.w, span{one.head, shotName}))
			}
		}
		for _, one := range r.cells {
			c.cell(one, y)
		}
	}}
}

// cell draws a photo with its words.
func (c *canvas) cell(one *cell, y float64) {
	if one.item == nil {
		kind := strings.ToLower(c.says.Evidence(one.kind))
		c.empty(one.x, y, one.pw, one.ph, c.says.Say("pdf_missing", "n", one.lacks, "kind", kind), c.says.Say("pdf_missing_why", "n", one.lacks))
		return
	}
	i := one.item
	c.picture(i, one.x, y, one.pw, one.ph, false)
	x, at := one.x, y+one.ph+5
	if one.manner == beside {
		x, at = one.x+one.pw+10, y
	}
	said := c.said[i.ID]
	c.page.Mark(c.element("Caption"), func() {
		c.pin(mark(said.Verdict), x+one.pin/2, at+one.caption.leading/2+0.3, one.caption.size*0.92, fmt.Sprint(c.numbers[i.ID]))
		c.lines(x+one.pin+pinRoom, at, one.lines)
	})
	if one.code == 0 {
		return
	}
	switch one.manner {
	case below:
		c.code(i, one.x+one.w-one.code, at+1, one.code)
	case railed:
		c.code(i, one.x+one.pw+8, y+one.ph-one.code, one.code)
	default:
		c.code(i, x+one.pin+pinRoom, max(y+one.ph-one.code, at+leadingOf(one.lines)+6), one.code)
	}
}

// picture draws a photo into a rectangle, whole; to the left where it is told so, else in the middle of what it leaves free.
func (c *canvas) picture(i *models.Item, x, y, w, h float64, left bool) {
	img := c.images[i.ID]
	if img == nil {
		c.empty(x, y, w, h, c.says.Say("link_not_shown"), c.undrawn(i))
		return
	}
	scale := min(w/float64(img.Width), h/float64(img.Height))
	pw, ph := float64(img.Width)*scale, float64(img.Height)*scale
	px, py := x+(w-pw)/2, y+(h-ph)/2
	if left {
		px = x
	}
	e := c.element("Figure").Says(c.said[i.ID].Alt(c.says.Task(c.proofs[i.ID].Proof.TaskName(i)))).Box(c.page, px, py, pw, ph)
	if !left && (w-pw > 0.6 || h-ph > 0.6) {
		c.page.Artifact(func() { c.page.Rect(x, y, w, h, ground) })
	}
	c.page.Mark(e, func() { c.page.Image(img, px, py, pw, ph) })
}

// undrawn says why a photo is not shown, and what became of it.
func (d *document) undrawn(i *models.Item) string {
	why := d.says.Say("pdf_no_picture_yet")
	if i.Renditions == models.RenditionsFailed {
		kind := strings.ToUpper(strings.TrimPrefix(i.ContentType, "image/"))
		why = d.says.Say("pdf_cant_draw", "kind", cmp.Or(kind, "?"), "size", d.says.Number(float64(i.Size)/1e6, 1)+"\u00a0MB")
	}
	if d.Verify != nil {
		return why + " " + d.says.Say("pdf_kept_code")
	}
	return why + " " + d.says.Say("pdf_kept")
}

// empty draws a dashed cell that says what is not there, and why.
func (c *canvas) empty(x, y, w, h float64, what, why string) {
	lines := append(c.wrap(w-24, span{what, small.led(12).bold()}), c.wrap(w-24, span{why, small.led(12).in(second)})...)
	c.page.Artifact(func() { c.page.Frame(x+0.4, y+0.4, w-0.8, h-0.8, 0.75, idle, 3, 2) })
	c.page.Mark(c.element("P"), func() {
		at := y + max(2, (h-leadingOf(lines))/2)
		for _, l := range lines {
			at = c.lines(x+(w-l.width)/2, at, []line{l})
		}
	})
}

// A module of a code is never smaller than this, in points (0.3 mm), so that every phone reads it.
const module = 0.8504

// codeSide is how large the code of a photo is.
func (d *document) codeSide(i *models.Item) float64 {
	encoding := encoded(d.address(i))
	version, err := versionOf(encoding)
	if err != nil {
		return 25
	}
	return max(25, float64(17+4*int(version))*module)
}

// address is what a photo's code says.
func (d *document) address(i *models.Item) string {
	if d.Short != nil {
		return d.Short(i)
	}
	return d.Verify(i)
}

// code draws the QR code of a photo's verification page, which is a link too.
func (c *canvas) code(i *models.Item, x, y, side float64) {
	dots, across, err := c.symbol(c.address(i))
	if err != nil {
		return // an address too long for any code: the link below is there still
	}
	says := c.says.Say("pdf_code_alt", "n", c.numbers[i.ID])
	link := c.out.Element(c.element("P"), "Link")
	figure := c.out.Element(link, "Figure").Says(says).Box(c.page, x, y, side, side)
	c.page.Mark(figure, func() { c.page.Image(c.out.Dots(across, across, dots), x, y, side, side) })
	c.page.Open(link, x, y, side, side, c.Verify(i), says)
}

func encoded(text string) coding.Encoding {
	if capitals := coding.Alpha(text); capitals.Check() == nil {
		return capitals
	}
	return coding.String(text)
}

func versionOf(encoding coding.Encoding) (coding.Version, error) {
	version := coding.Version(coding.MinVersion)
	for encoding.Bits(version) > version.DataBytes(coding.M)*8 {
		if version++; version > coding.MaxVersion {
			return 0, fmt.Errorf("reports: %d bits are too many for a code", encoding.Bits(version-1))
		}
	}
	return version, nil
}

// symbol encodes a text as QR code, a bit a module. The plan of a size is made once a report: a report has hundreds of codes,
// which all are of one size.
func (d *document) symbol(text string) (rows []byte, across int, err error) {
	encoding := encoded(text)
	version, err := versionOf(encoding)
	if err != nil {
		return nil, 0, err
	}
	plan := d.plans[version]
	if plan == nil {
		if plan, err = coding.NewPlan(version, coding.M, 0); err != nil {
			return nil, 0, err
		}
		d.plans[version] = plan
	}
	code, err := plan.Encode(encoding)
	if err != nil {
		return nil, 0, err
	}
	stride := (code.Size + 7) / 8
	rows = make([]byte, stride*code.Size)
	for y := range code.Size {
		for x := range code.Size {
			if !code.Black(x, y) {
				rows[y*stride+x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	return rows, code.Size, nil
}
