package pdf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Colour is red, green and blue.
type Colour struct{ R, G, B uint8 }

// Page is a page while it is drawn. Places are in points from its upper left corner.
type Page struct {
	d             *Writer
	object        int
	width, height float64
	content       []byte
	images        []int
	fonts         []*used
	annotations   []int
	parent        int   // its number among structural parents
	marked        []int // the elements of its content, by their numbers

	font   *used
	size   float64
	fill   Colour
	stroke Colour
	line   float64
	dashed string
}

// Page begins the next page.
func (d *Writer) Page(width, height float64) *Page {
	p := &Page{d: d, width: width, height: height, parent: len(d.parents), line: 1}
	d.parents, d.height = append(d.parents, nil), height
	if d.drawn < len(d.pages) {
		p.object = d.pages[d.drawn]
	} else {
		d.fail(fmt.Errorf("pdf: there are more than %d pages", len(d.pages)))
		p.object = d.object()
	}
	d.drawn++
	return p
}

// Close writes the page.
func (p *Page) Close() {
	d := p.d
	content := d.object()
	d.compressed(content, "", p.content)
	var r strings.Builder
	r.WriteString("<< /Font << ")
	for n, u := range p.fonts {
		fmt.Fprintf(&r, "/F%d %d 0 R ", n, u.object)
	}
	r.WriteString(">> /XObject << ")
	for n, i := range p.images {
		fmt.Fprintf(&r, "/I%d %d 0 R ", n, i)
	}
	r.WriteString(">> >>")
	annotations := ""
	if len(p.annotations) > 0 {
		var a strings.Builder
		for _, n := range p.annotations {
			fmt.Fprintf(&a, "%d 0 R ", n)
		}
		annotations = " /Annots [ " + a.String() + "] /Tabs /S"
	}
	d.write(p.object, fmt.Sprintf("<< /Type /Page\n/Parent %d 0 R /MediaBox [ 0 0 %s %s ] /Resources %s /Contents %d 0 R /StructParents %d%s >>", d.tree, number(p.width), number(p.height), r.String(), content, p.parent, annotations))
	d.parents[p.parent] = p.marked
}

func (p *Page) op(operator string, numbers ...float64) {
	for _, n := range numbers {
		p.content = append(appendNumber(p.content, n), ' ')
	}
	p.content = append(append(p.content, operator...), '\n')
}

func (p *Page) colour(operator string, c Colour) {
	for _, n := range []uint8{c.R, c.G, c.B} {
		p.content = append(strconv.AppendFloat(p.content, math.Round(float64(n)/255*1000)/1000, 'f', -1, 64), ' ')
	}
	p.content = append(append(p.content, operator...), '\n')
}

func (p *Page) filled(c Colour) {
	if p.fill != c {
		p.fill = c
		p.colour("rg", c)
	}
}

func (p *Page) stroked(c Colour, width float64, dash ...float64) {
	if p.stroke != c {
		p.stroke = c
		p.colour("RG", c)
	}
	if p.line != width {
		p.line = width
		p.op("w", width)
	}
	dashed := fmt.Sprint(dash)
	if p.dashed == "" {
		p.dashed = "[]"
	}
	if dashed != p.dashed {
		p.dashed = dashed
		p.content = append(p.content, '[')
		for _, n := range dash {
			p.content = append(appendNumber(p.content, n), ' ')
		}
		p.content = append(p.content, "] 0 d\n"...)
	}
}

// begin begins a line of text.
func (p *Page) begin(f *Face, size, x, y float64, c Colour) *used {
	u := p.d.use(f)
	p.filled(c)
	p.content = append(p.content, "BT "...)
	if p.font != u || p.size != size {
		p.font, p.size = u, size
		at := -1
		for n, known := range p.fonts {
			if known == u {
				at = n
			}
		}
		if at < 0 {
			at = len(p.fonts)
			p.fonts = append(p.fonts, u)
		}
		p.content = append(strconv.AppendInt(append(p.content, "/F"...), int64(at), 10), ' ')
		p.op("Tf", size)
	}
	p.op("Td", x, p.height-y)
	return u
}

// Text draws letters on a line that begins at x; y is the line itself.
func (p *Page) Text(f *Face, size, x, y float64, c Colour, s string) {
	if s == "" {
		return
	}
	u := p.begin(f, size, x, y, c)
	p.content = append(p.content, '(')
	for _, r := range s {
		code := u.code(f, r)
		for _, b := range [2]byte{byte(code >> 8), byte(code)} {
			switch b {
			case '(', ')', '\\':
				p.content = append(p.content, '\\', b)
			case '\r':
				p.content = append(p.content, '\\', 'r')
			default:
				p.content = append(p.content, b)
			}
		}
	}
	p.content = append(p.content, ") Tj ET\n"...)
}

// Line draws a straight line.
func (p *Page) Line(x1, y1, x2, y2, width float64, c Colour, dash ...float64) {
	p.stroked(c, width, dash...)
	p.op("m", x1, p.height-y1)
	p.op("l", x2, p.height-y2)
	p.op("S")
}

// Rect fills a rectangle.
func (p *Page) Rect(x, y, w, h float64, c Colour) {
	p.filled(c)
	p.op("re", x, p.height-y-h, w, h)
	p.op("f")
}

// Frame draws the edge of a rectangle.
func (p *Page) Frame(x, y, w, h, width float64, c Colour, dash ...float64) {
	p.stroked(c, width, dash...)
	p.op("re", x, p.height-y-h, w, h)
	p.op("S")
}

// Point is a place on a page.
type Point struct{ X, Y float64 }

// Shape fills what lies between points.
func (p *Page) Shape(c Colour, points ...Point) {
	p.filled(c)
	for n, at := range points {
		operator := "l"
		if n == 0 {
			operator = "m"
		}
		p.op(operator, at.X, p.height-at.Y)
	}
	p.op("f")
}

// Style is how a round thing is drawn: what is left out is not drawn.
type Style struct {
	Fill, Edge *Colour
	Width      float64 // of the edge
	Dash       []float64
}

func (p *Page) paint(s Style) (operator string) {
	switch {
	case s.Fill != nil && s.Edge != nil:
		operator = "B"
	case s.Fill != nil:
		operator = "f"
	default:
		operator = "S"
	}
	if s.Fill != nil {
		p.filled(*s.Fill)
	}
	if s.Edge != nil {
		p.stroked(*s.Edge, s.Width, s.Dash...)
	}
	return operator
}

// bow is how far the handles of a quarter of a circle lie, in radii.
const bow = 0.5523

// Circle draws a circle around a place.
func (p *Page) Circle(x, y, r float64, s Style) { p.Pill(x-r, y-r, 2*r, 2*r, s) }

// Pill draws a rectangle whose ends are round.
func (p *Page) Pill(x, y, w, h float64, s Style) {
	operator := p.paint(s)
	y = p.height - y - h
	r := min(w, h) / 2
	b := r * (1 - bow)
	p.op("m", x+r, y)
	p.op("l", x+w-r, y)
	p.op("c", x+w-b, y, x+w, y+b, x+w, y+r)
	p.op("l", x+w, y+h-r)
	p.op("c", x+w, y+h-b, x+w-b, y+h, x+w-r, y+h)
	p.op("l", x+r, y+h)
	p.op("c", x+b, y+h, x, y+h-b, x, y+h-r)
	p.op("l", x, y+r)
	p.op("c", x, y+b, x+b, y, x+r, y)
	p.op(operator)
}

// Clip draws what do draws within a rectangle alone.
func (p *Page) Clip(x, y, w, h float64, do func()) {
	font, size, fill, stroke, line, dashed := p.font, p.size, p.fill, p.stroke, p.line, p.dashed
	p.op("q")
	p.op("re", x, p.height-y-h, w, h)
	p.op("W n")
	do()
	p.op("Q")
	p.font, p.size, p.fill, p.stroke, p.line, p.dashed = font, size, fill, stroke, line, dashed
}

// Image draws a picture into a rectangle.
func (p *Page) Image(i *Image, x, y, w, h float64) {
	at := len(p.images)
	for n, known := range p.images {
		if known == i.object {
			at = n
		}
	}
	if at == len(p.images) {
		p.images = append(p.images, i.object)
	}
	p.content = append(p.content, "q "...)
	p.op("cm", w, 0, 0, h, x, p.height-y-h)
	p.content = append(p.content, "/I"+strconv.Itoa(at)+" Do Q\n"...)
}
