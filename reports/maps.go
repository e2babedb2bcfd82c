package reports

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fieldproof/models"
	"fieldproof/reports/pdf"
	"fieldproof/wording"
)

// sketch is what a map is drawn on: a page of a report, or a picture for a page in a browser. Lengths are in points, from the
// upper left corner.
type sketch interface {
	Line(x1, y1, x2, y2, width float64, c pdf.Colour, dash ...float64)
	Rect(x, y, w, h float64, c pdf.Colour)
	Frame(x, y, w, h, width float64, c pdf.Colour, dash ...float64)
	Shape(c pdf.Colour, points ...pdf.Point)
	Circle(x, y, r float64, s pdf.Style)
	Pill(x, y, w, h float64, s pdf.Style)
	Clip(x, y, w, h float64, do func())
	// label draws a text whose letters stand at y; side is 0 for one that begins at x, 1 for one that ends there, 0.5 for one around it.
	label(s style, x, y, side float64, text string)
}

// drawing is a map while it is drawn.
type drawing struct {
	*document
	sketch
}

// printed is a page of a report as a sketch.
type printed struct {
	*pdf.Page
	c *canvas
}

func (p printed) label(s style, x, y, side float64, text string) { p.c.label(s, x, y, side, text) }

func (c *canvas) drawing() *drawing { return &drawing{c.document, printed{c.page, c}} }

// pin draws a photo's number with its mark around the middle of a place.
func (c *drawing) pin(m mark, x, y, size float64, label string) {
	s := style{size: size, strong: true, colour: m.ink()}
	high := size * pinHeight
	wide := max(high, c.width(s, label)+size*pinAround)
	c.Pill(x-wide/2, y-high/2, wide, high, m.pen())
	c.label(s, x-c.width(s, label)/2, y+baseline(s), 0, label+" ")
}

// pin draws a photo's number on a page.
func (c *canvas) pin(m mark, x, y, size float64, label string) { c.drawing().pin(m, x, y, size, label) }

const (
	mapHeight     = 176.0
	overviewWidth = 162.0
	panelGap      = 8.0
)

// chart is the maps of where the photos of a visit were taken: the overview with the whole radius of certification beside a
// close-up, or one map of all where the photos lie far from each other.
type chart struct {
	overview, closeUp *models.PinMap // overview is nil where there is one map
	spread            float64        // metres from the property to the farthest photo that lies on it
}

// chart lays out maps as wide as both together, the close-up of so much height; nil when a map would say nothing.
func (d *document) chart(v *visitShown, wide, high float64) *chart {
	near := v.Proof.Map(wide, high)
	if near == nil {
		return nil
	}
	c := &chart{closeUp: near}
	if near.Property == nil {
		return c
	}
	for _, p := range near.Pins {
		if p.Item.Kind == models.Photo && p.Far == 0 {
			c.spread = max(c.spread, math.Hypot(p.X-near.Property.X, p.Y-near.Property.Y)/near.BarLength*near.BarMetres)
		}
	}
	if c.spread > d.Account.CertificationRadius/3 {
		c.closeUp = v.Proof.MapOfRadius(wide, high)
		return c
	}
	c.overview, c.closeUp = v.Proof.MapOfRadius(overviewWidth, high), v.Proof.Map(wide-overviewWidth-panelGap, high)
	return c
}

// located tells whether a photo of a proof carries a position.
func located(p *models.Proof) bool {
	return slices.ContainsFunc(p.Photos(), func(i *models.Item) bool { return i.Position.Latitude != nil })
}

// onePlace says where all photos were taken that have a position, where a map would say nothing.
func (d *document) onePlace(v *visitShown) string {
	if !located(v.Proof) {
		return d.says.Say("pdf_no_positions")
	}
	at := v.Proof.Photos()[slices.IndexFunc(v.Proof.Photos(), func(i *models.Item) bool { return i.Position.Latitude != nil })]
	said := d.says.Position(*at.Position.Latitude, *at.Position.Longitude)
	if at.Position.Accuracy != nil {
		said += " (±" + d.says.Distance(*at.Position.Accuracy) + ")"
	}
	without := d.unlocated(v)
	there := d.says.Say("link_photos", "n", len(v.Proof.Photos())-len(without))
	return strings.Join(append([]string{d.says.Say("pdf_one_place", "photos", there, "where", said)}, d.withoutPosition(without)...), " ")
}

// besides is what a map does not show: what lies beyond it, and what has no position.
func (d *document) besides(v *visitShown, m *models.PinMap) []string {
	return append(d.farAway(m), d.withoutPosition(d.unlocated(v))...)
}

// unlocated are the numbers of the photos that carry no position.
func (d *document) unlocated(v *visitShown) (without []int) {
	for _, i := range v.Proof.Photos() {
		if i.Position.Latitude == nil {
			without = append(without, d.numbers[i.ID])
		}
	}
	return without
}

func (d *document) withoutPosition(numbers []int) []string {
	if len(numbers) == 0 {
		return nil
	}
	return []string{d.says.Say("pdf_without_position", "which", ranges(numbers), "n", len(numbers))}
}

// overviewAlt is what the overview says to whoever can't see it, and closeUpAlt what the close-up does.
func (d *document) overviewAlt(m *models.PinMap) string {
	return strings.Join(append([]string{d.says.Say("pdf_overview_alt", "radius", d.says.Distance(d.Account.CertificationRadius))}, d.farAway(m)...), " ")
}

func (d *document) closeUpAlt(c *chart) string {
	if c.closeUp.Property == nil {
		return d.says.Say("link_map")
	}
	return d.says.Say("pdf_map_alt", "far", d.says.Distance(c.spread))
}

// farAway says which photos were taken beyond the map, and how far away.
func (d *document) farAway(m *models.PinMap) (said []string) {
	const mostSingly = 4
	pins := slices.DeleteFunc(slices.Clone(m.Pins), func(p models.Pin) bool { return p.Far == 0 || p.Item.Kind != models.Photo })
	slices.SortFunc(pins, func(a, b models.Pin) int { return d.numbers[a.Item.ID] - d.numbers[b.Item.ID] })
	if len(pins) <= mostSingly {
		for _, p := range pins {
			said = append(said, d.says.Say("link_far", "n", d.numbers[p.Item.ID], "far", d.says.Distance(p.Far)))
		}
		return said
	}
	var which []int
	least, most := math.Inf(1), 0.0
	for _, p := range pins {
		which = append(which, d.numbers[p.Item.ID])
		least, most = min(least, p.Far), max(most, p.Far)
	}
	return []string{d.says.Say("pdf_far_many", "which", ranges(which), "least", d.says.Distance(least), "most", d.says.Distance(most))}
}

// ranges writes numbers that follow each other as one: 1–3, 5.
func ranges(numbers []int) string {
	numbers = slices.Clone(numbers)
	slices.Sort(numbers)
	var parts []string
	for at := 0; at < len(numbers); {
		end := at
		for end+1 < len(numbers) && numbers[end+1] <= numbers[end]+1 {
			end++
		}
		switch {
		case end == at:
			parts = append(parts, fmt.Sprint(numbers[at]))
		case numbers[end] == numbers[at]+1:
			parts = append(parts, fmt.Sprint(numbers[at]), fmt.Sprint(numbers[end]))
		default:
			parts = append(parts, fmt.Sprintf("%d–%d", numbers[at], numbers[end]))
		}
		at = end + 1
	}
	return strings.Join(parts, ", ")
}

// house draws the mark of the property around a place.
func (c *drawing) house(x, y, r float64) {
	shape := func(r float64, colour pdf.Colour) {
		c.Shape(colour, pdf.Point{X: x - r, Y: y + r*0.8}, pdf.Point{X: x - r, Y: y - r*0.15}, pdf.Point{X: x, Y: y - r}, pdf.Point{X: x + r, Y: y - r*0.15}, pdf.Point{X: x + r, Y: y + r*0.8})
	}
	shape(r+1.2, white)
	shape(r, ink)
}

var mapText = style{size: 7.5, colour: ink}

// overview draws the radius of certification with the property, and where the close-up lies.
func (c *drawing) overview(m, near *models.PinMap, x0, y0 float64) {
	c.Rect(x0, y0, m.Width, m.Height, ground)
	x, y := x0+m.Property.X, y0+m.Property.Y
	c.Circle(x, y, m.Radius, pdf.Style{Fill: &white, Edge: &ink, Width: 0.9, Dash: []float64{4, 2.4}})
	scale := m.BarLength / m.BarMetres / (near.BarLength / near.BarMetres)
	w, h := near.Width*scale, near.Height*scale
	if w < m.Width-8 && h < m.Height-8 {
		c.Frame(x-w/2, y-h/2, w, h, 0.6, second)
	}
	c.house(x, y, 4.4)
	c.label(mapText, x, min(y+m.Radius+10, y0+m.Height-4), 0.5, c.says.Say("pdf_limit", "radius", c.says.Distance(c.Account.CertificationRadius)))
	c.scaleAndNorth(m, x0, y0)
	c.far(m, x0, y0)
	c.Frame(x0+0.35, y0+0.35, m.Width-0.7, m.Height-0.7, 0.7, rule)
}

func (c *drawing) scaleAndNorth(m *models.PinMap, x0, y0 float64) {
	foot := y0 + m.Height - 8
	c.Line(x0+8, foot-3, x0+8, foot, 1, ink)
	c.Line(x0+8, foot, x0+8+m.BarLength, foot, 1, ink)
	c.Line(x0+8+m.BarLength, foot-3, x0+8+m.BarLength, foot, 1, ink)
	c.label(mapText, x0+8+m.BarLength/2, foot-4.5, 0.5, c.says.Distance(m.BarMetres))
	x, y := x0+m.Width-11, foot-19
	c.Shape(ink, pdf.Point{X: x, Y: y}, pdf.Point{X: x + 3.2, Y: y + 9}, pdf.Point{X: x, Y: y + 7}, pdf.Point{X: x - 3.2, Y: y + 9})
	c.label(mapText.bold(), x, y+18, 0.5, c.says.Say("pdf_north"))
}

// far draws what lies beyond a map at its edge: an arrow in its direction, its number and how far.
func (c *drawing) far(m *models.PinMap, x0, y0 float64) {
	pins := slices.DeleteFunc(slices.Clone(m.Pins), func(p models.Pin) bool { return p.Far == 0 || p.Item.Kind != models.Photo })
	taken := []box{}
	for _, g := range c.joined(pins) {
		away := c.says.Distance(g.least)
		if c.says.Distance(g.most) != away {
			away = c.says.Say("pdf_to", "first", away, "last", c.says.Distance(g.most))
		}
		wide, said := c.groupWidth(g), c.width(mapText.bold(), away)
		dx, dy := g.x-m.Width/2, g.y-m.Height/2
		length := math.Hypot(dx, dy)
		ux, uy := dx/length, dy/length
		tip := pdf.Point{X: x0 + g.x + ux*6, Y: y0 + g.y + uy*6}
		base := pdf.Point{X: tip.X - ux*9, Y: tip.Y - uy*9}
		c.Shape(warn, tip, pdf.Point{X: base.X - uy*4.2, Y: base.Y + ux*4.2}, pdf.Point{X: base.X + uy*4.2, Y: base.Y - ux*4.2})
		// The number stands beside the arrow, towards the middle, where it is free.
		whole := wide + 3 + said
		out := min(whole/2/max(math.Abs(ux), 1e-6), 7/max(math.Abs(uy), 1e-6)) + 3
		const steps = 6
		for n := range steps {
			back := out + float64(n)*15
			cx := min(max(base.X-ux*back, x0+4+whole/2), x0+m.Width-4-whole/2)
			cy := min(max(base.Y-uy*back, y0+10), y0+m.Height-10)
			b := box{cx - whole/2, cy - 7, whole, 14}
			if n < steps-1 && slices.ContainsFunc(taken, b.meets) {
				continue
			}
			taken = append(taken, b)
			c.group(g, b.x+wide/2, cy)
			c.label(mapText.bold(), b.x+wide+3, cy+2.6, 0, away)
			break
		}
	}
}

type box struct{ x, y, w, h float64 }

func (b box) meets(o box) bool {
	return b.x < o.x+o.w && o.x < b.x+b.w && b.y < o.y+o.h && o.y < b.y+b.h
}

// group is photos so near to each other on a map that one pin stands for them.
type group struct {
	x, y        float64
	mark        mark
	numbers     []int
	least, most float64 // metres away, of those beyond the map
	worst       float64 // accuracy in metres
}

const pinSize = 8.0

// joined joins pins that lie nearer than a pin's width and have one mark.
func (c *drawing) joined(pins []models.Pin) (groups []*group) {
	for _, p := range pins {
		m := mark(wording.VerdictOf(p.Item.Certification))
		n := c.numbers[p.Item.ID]
		accuracy := 0.0
		if p.Item.Position.Accuracy != nil {
			accuracy = *p.Item.Position.Accuracy
		}
		at := slices.IndexFunc(groups, func(g *group) bool { return g.mark == m && math.Hypot(g.x-p.X, g.y-p.Y) < pinSize*pinHeight })
		if at < 0 {
			groups = append(groups, &group{x: p.X, y: p.Y, mark: m, numbers: []int{n}, least: p.Far, most: p.Far, worst: accuracy})
			continue
		}
		g := groups[at]
		g.numbers = append(g.numbers, n)
		g.least, g.most, g.worst = min(g.least, p.Far), max(g.most, p.Far), max(g.worst, accuracy)
	}
	return groups
}

func (c *drawing) groupLabel(g *group) string {
	s := ranges(g.numbers)
	if strings.Count(s, ",") > 2 {
		return c.says.Say("link_photos", "n", len(g.numbers))
	}
	return s
}

func (c *drawing) groupWidth(g *group) float64 {
	return max(pinSize*pinHeight, c.width(style{size: pinSize, strong: true}, c.groupLabel(g))+pinSize*pinAround)
}

func (c *drawing) group(g *group, x, y float64) { c.pin(g.mark, x, y, pinSize, c.groupLabel(g)) }

// closeUp draws where the photos were taken, numbered as they are. Alone: it is the only map, and shows the radius too.
func (c *drawing) closeUp(m *models.PinMap, x0, y0 float64, alone bool) {
	scale := m.BarLength / m.BarMetres
	type ring struct {
		x, y float64
		says string
	}
	var rings []ring
	c.Clip(x0, y0, m.Width, m.Height, func() {
		if m.Property == nil {
			return
		}
		x, y := x0+m.Property.X, y0+m.Property.Y
		c.Line(x, y0, x, y0+m.Height, 0.6, faint)
		c.Line(x0, y, x0+m.Width, y, 0.6, faint)
		step := c.Account.RoundLength(m.Width / 2 / scale / 3) // so that three or four are seen
		for r := step; r*scale < math.Hypot(m.Width, m.Height)/2; r += step {
			c.Circle(x, y, r*scale, pdf.Style{Edge: &rule, Width: 0.6})
			rings = append(rings, ring{x + r*scale*0.966, y - r*scale*0.259, c.says.Distance(r)})
		}
		if alone {
			c.Circle(x, y, m.Radius, pdf.Style{Edge: &ink, Width: 0.9, Dash: []float64{4, 2.4}})
		}
	})
	pins := slices.DeleteFunc(slices.Clone(m.Pins), func(p models.Pin) bool { return p.Item.Kind != models.Photo || p.Far > 0 })
	taken := []box{{x0, y0 + m.Height - 22, m.BarLength + 16, 22}, {x0 + m.Width - 20, y0 + m.Height - 30, 20, 30}}
	if m.Property != nil {
		taken = append(taken, box{x0 + m.Property.X - 7, y0 + m.Property.Y - 7, 14, 14})
	}
	type at struct {
		*group
		x, y float64
	}
	var places []at
	for _, g := range c.joined(pins) {
		wide := c.groupWidth(g)
		x, y := x0+g.x, y0+g.y
		px, py := c.free(taken, box{x0 + 2, y0 + 2, m.Width - 4, m.Height - 4}, x, y, wide, pinSize*pinHeight)
		taken = append(taken, box{px - wide/2 - 1, py - pinSize*pinHeight/2 - 1, wide + 2, pinSize*pinHeight + 2})
		if math.Hypot(px-x, py-y) > 3 {
			c.Line(x, y, px, py, 0.6, second)
			dot := ink
			c.Circle(x, y, 1.4, pdf.Style{Fill: &dot})
		}
		const coarse = 30
		if g.worst > coarse && g.worst*scale < m.Width/2 {
			c.Clip(x0, y0, m.Width, m.Height, func() { c.Circle(x, y, g.worst*scale, pdf.Style{Edge: &idle, Width: 0.5}) })
		}
		places = append(places, at{g, px, py})
	}
	for _, r := range rings { // where no pin is in the way
		w := c.width(style{size: 6.5}, r.says)
		b := box{r.x - w/2 - 1.5, r.y - 5, w + 3, 9}
		if b.x+b.w < x0+m.Width-4 && b.y > y0+4 && !slices.ContainsFunc(taken, b.meets) {
			c.Rect(b.x, b.y+1, b.w, 7, white)
			c.label(style{size: 6.5, colour: second}, r.x, r.y+2, 0.5, r.says)
		}
	}
	for _, p := range places {
		c.group(p.group, p.x, p.y)
	}
	if m.Property != nil {
		c.house(x0+m.Property.X, y0+m.Property.Y, 6)
	}
	c.scaleAndNorth(m, x0, y0)
	if alone {
		c.far(m, x0, y0)
	}
	c.Frame(x0+0.35, y0+0.35, m.Width-0.7, m.Height-0.7, 0.7, rule)
}

// free is where a pin of a size finds room near a place.
func (c *drawing) free(taken []box, within box, x, y, w, h float64) (px, py float64) {
	fits := func(x, y float64) bool {
		b := box{x - w/2, y - h/2, w, h}
		return b.x >= within.x && b.y >= within.y && b.x+w <= within.x+within.w && b.y+h <= within.y+within.h && !slices.ContainsFunc(taken, b.meets)
	}
	if fits(x, y) {
		return x, y
	}
	const turns = 16
	for r := 14.0; r < 150; r += 7 {
		for n := range turns {
			a := 2 * math.Pi * float64(n) / turns
			if px, py = x+r*math.Cos(a)*1.4, y+r*math.Sin(a); fits(px, py) {
				return px, py
			}
		}
	}
	return min(max(x, within.x+w/2), within.x+within.w-w/2), min(max(y, within.y+h/2), within.y+within.h-h/2)
}
