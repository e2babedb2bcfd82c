package reports

import (
	"math"
	"slices"

	"fieldproof/models"
	"fieldproof/reports/pdf"
)

// block is what lies on a page as a whole.
type block struct {
	height float64
	above  float64 // room above it, which the first of a page needs not
	draw   func(c *canvas, y float64)
	photos []*models.Item // whose pictures it draws, in their sequence
	shows  []*models.Item // that have their own place here, with all that is said of them
	place  *place         // that leads here
}

// place is a section to which bookmarks, contents and page numbers lead.
type place struct {
	key   string
	title string
	depth int // from 1; 0 stands in no bookmark
}

// sheet is a page before it is drawn.
type sheet struct {
	placed []placed
	cover  bool // without the line above
}

type placed struct {
	block
	y float64
}

// flow lays blocks onto pages, as many as fit each. What belongs together is given together.
type flow struct {
	*document
	sheets []*sheet
	y      float64
	more   func() []block // what begins a page within a section
}

func (f *flow) page(cover bool) {
	f.sheets = append(f.sheets, &sheet{cover: cover})
	f.y = top
	if cover {
		f.y = 38
	}
}

// fresh tells whether nothing lies on the page yet.
func (f *flow) fresh() bool { return len(f.sheets[len(f.sheets)-1].placed) == 0 }

func (f *flow) left() float64 { return f.paper.bottom() - f.y }

func heightOf(blocks []block, first bool) (h float64) {
	for n, b := range blocks {
		h += b.height
		if n > 0 || !first {
			h += b.above
		}
	}
	return h
}

func (f *flow) put(b block) {
	s := f.sheets[len(f.sheets)-1]
	if !f.fresh() {
		f.y += b.above
	}
	s.placed = append(s.placed, placed{b, f.y})
	f.y += b.height
	page := len(f.sheets) - 1
	if b.place != nil {
		f.places = append(f.places, section{place: *b.place, page: page, y: s.placed[len(s.placed)-1].y})
		f.at[b.place.key] = page
	}
	for _, p := range b.shows {
		if _, there := f.shownOn[p.ID]; !there {
			f.shownOn[p.ID] = spot{page, s.placed[len(s.placed)-1].y}
		}
	}
}

// add lays blocks that stay on one page, unless they are higher than one.
func (f *flow) add(blocks ...block) {
	if len(blocks) == 0 {
		return
	}
	if heightOf(blocks, f.fresh()) > f.left() {
		if !f.fresh() {
			f.page(false)
			if f.more != nil {
				for _, b := range f.more() {
					f.put(b)
				}
			}
		}
	}
	for _, b := range blocks {
		if b.height+b.above > f.left() && !f.fresh() && heightOf(blocks, true) > f.paper.full() {
			f.page(false)
		}
		f.put(b)
	}
}

// canvas is a page while it is drawn, with where its elements go.
type canvas struct {
	*document
	page *pdf.Page
	out  *pdf.Writer
}

// lines draws lines of text from y down.
func (c *canvas) lines(x, y float64, lines []line) float64 {
	for _, l := range lines {
		leading := 0.0
		for _, p := range l.pieces {
			leading = max(leading, p.leading)
		}
		for _, p := range l.pieces {
			c.piece(p, x, y+baseline(p.style))
		}
		y += leading
	}
	return y
}

// baseline is where letters stand below the upper edge of their line.
func baseline(s style) float64 { return s.leading/2 + s.size*0.334 }

func leadingOf(lines []line) (h float64) {
	for _, l := range lines {
		leading := 0.0
		for _, p := range l.pieces {
			leading = max(leading, p.leading)
		}
		h += leading
	}
	return h
}

// write draws a text on one line: side is 0 for one that begins at x, 1 for one that ends there, 0.5 for one around it.
func (c *canvas) write(s style, x, y, side float64, text string) {
	for _, l := range c.wrap(1e6, span{text, s}) {
		for _, p := range l.pieces {
			c.piece(p, x-l.width*side, y+baseline(s))
		}
	}
}

// piece draws a part of a line that begins at x and stands on y.
func (c *canvas) piece(p piece, x, y float64) {
	if p.shaped != nil {
		c.page.Shaped(p.face, p.size, x+p.x, y, p.colour, p.shaped, p.level%2 == 1)
		return
	}
	c.page.Text(p.face, p.size, x+p.x, y, p.colour, p.text)
}

// label draws a text on one line whose letters stand at y, as drawings have them.
func (c *canvas) label(s style, x, y, side float64, text string) {
	c.write(s, x, y-baseline(s), side, text)
}

func (c *canvas) element(kind string) *pdf.Element { return c.out.Element(c.out.Document(), kind) }

// tell draws lines as an element of their own.
func (c *canvas) tell(kind string, x, y float64, lines []line) {
	c.page.Mark(c.element(kind), func() { c.lines(x, y, lines) })
}

// text makes a block of a text over a width.
func (d *document) paragraph(kind string, x, width, above float64, spans ...span) block {
	lines := d.wrap(width, spans...)
	return block{height: leadingOf(lines), above: above, draw: func(c *canvas, y float64) { c.tell(kind, x, y, lines) }}
}

// fact is a labelled value.
type fact struct {
	name  string
	value []span
}

func says(s string) []span { return []span{{s, cellText}} }

// facts makes a list of labelled values, from the margin on and as wide as width; each is a block.
func (d *document) facts(width float64, facts ...fact) (blocks []block) {
	label := cellText.in(second)
	wide := 0.0
	for _, f := range facts {
		wide = max(wide, d.width(label, f.name))
	}
	wide = min(wide, width*0.4) + 12
	for n, f := range facts {
		names, values := d.wrap(wide-12, span{f.name, label}), d.wrap(width-wide, f.value...)
		b := block{height: max(leadingOf(names), leadingOf(values)), draw: func(c *canvas, y float64) {
			p := c.element("P")
			c.page.Mark(p, func() { c.lines(margin, y, names); c.lines(margin+wide, y, values) })
		}}
		if n > 0 {
			b.above = 2.5
		}
		blocks = append(blocks, b)
	}
	return blocks
}

// column is a column of a table.
type column struct {
	width float64
	right bool
	head  string
}

// roomFor widens the columns of numbers to what they hold in this language, at the cost of the widest column of words: a number
// stays with what it counts, and no head breaks within its word.
func (d *document) roomFor(columns []column, heads [][]span, rows [][][]span) {
	words := 0
	for n, col := range columns {
		if !col.right && col.width > columns[words].width {
			words = n
		}
	}
	for n := range columns {
		if !columns[n].right {
			continue
		}
		wants := columns[n].width
		for _, texts := range append(slices.Clip(rows), heads) {
			for _, l := range d.wrap(d.paper.inner(), texts[n]...) {
				wants = max(wants, math.Ceil(l.width)+6)
			}
		}
		more := max(0, min(wants-columns[n].width, columns[words].width-leastWords))
		columns[n].width += more
		columns[words].width -= more
	}
}

// leastWords is how wide a column of words stays.
const leastWords = 72

// table makes the head and the rows of a table, each a block. A row of strong cells is given as such.
func (d *document) table(columns []column, rows [][][]span) (head block, blocks []block) {
	var heads [][]span
	for _, col := range columns {
		heads = append(heads, []span{{col.head, running}})
	}
	d.roomFor(columns, heads, rows)
	var table *pdf.Element
	owner := func(c *canvas) *pdf.Element {
		if table == nil {
			table = c.element("Table")
		}
		return table
	}
	cells := func(texts [][]span) (cells [][]line, height float64) {
		for n, t := range texts {
			lines := d.wrap(columns[n].width-6, t...)
			cells, height = append(cells, lines), max(height, leadingOf(lines))
		}
		return cells, height
	}
	draw := func(c *canvas, y float64, texts [][]line, kinds func(n int) string, down bool) {
		row := c.out.Element(owner(c), "TR")
		at := margin
		for n, lines := range texts {
			e := c.out.Element(row, kinds(n))
			if kinds(n) == "TH" {
				e.Heads(map[bool]string{true: "Column", false: "Row"}[down])
			}
			c.page.Mark(e, func() {
				y := y
				for _, l := range lines {
					from := at
					if columns[n].right {
						from = at + columns[n].width - 6 - l.width
						if n == len(columns)-1 {
							from += 6
						}
					}
					y = c.lines(from, y, []line{l})
				}
			})
			at += columns[n].width
		}
	}
	wide := 0.0
	for _, col := range columns {
		wide += col.width
	}
	tops, height := cells(heads)
	head = block{height: height + 3.75, draw: func(c *canvas, y float64) {
		draw(c, y, tops, func(int) string { return "TH" }, true)
		c.page.Artifact(func() { c.page.Line(margin, y+height+3.4, margin+wide, y+height+3.4, 0.75, rule) })
	}}
	for _, r := range rows {
		texts, height := cells(r)
		blocks = append(blocks, block{height: height + 6, draw: func(c *canvas, y float64) {
			draw(c, y+2.75, texts, func(n int) string {
				if n == 0 {
					return "TH"
				}
				return "TD"
			}, false)
			c.page.Artifact(func() { c.page.Line(margin, y+height+5.75, margin+wide, y+height+5.75, 0.5, hair) })
		}})
	}
	return head, blocks
}

// rows lays the rows of a table below what begins it: its head stays with them, and comes again on each page.
func (f *flow) rows(begins []block, head block, rows []block) {
	with := min(len(rows), 2)
	f.add(append(append(begins, head), rows[:with]...)...) // on a page that this begins its head stands once
	before := f.more
	f.more = func() []block {
		var again []block
		if before != nil {
			again = before()
		}
		return append(again, head)
	}
	for _, r := range rows[with:] {
		f.add(r)
	}
	f.more = before
}
