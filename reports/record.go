package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"fieldproof/models"
	"fieldproof/reports/pdf"
	"fieldproof/wording"
)

// record lays out the certified service record: when, by whom, where, how much is certified, and why the rest is not.
func (d *document) record(f *flow, v *visitShown) {
	if f.sheets[len(f.sheets)-1].cover || f.y > top+f.paper.full()/3 {
		f.page(false)
	}
	heading := d.heading("record", 1, d.says.Say("link_csr"))
	if v.record.First == nil {
		f.add(heading, d.paragraph("P", margin, d.paper.inner(), 4, span{d.says.Say("link_nothing"), plain}))
		return
	}
	d.recorded(f, v, heading)
}

// recorded lays out what a record says, below what begins it; something was documented.
func (d *document) recorded(f *flow, v *visitShown, begins ...block) {
	r := v.record
	inner := d.paper.inner()
	window := d.says.Window(r.First.Time, r.Last.Time) + ". " + d.says.Say("pdf_all_times", "zone", d.says.Zone(r.Last.Time))
	facts := []fact{{d.says.Say("link_window"), says(window)}}
	if len(r.People) > 0 {
		facts = append(facts, fact{d.says.Say("link_performed"), says(strings.Join(r.People, ", "))})
	}
	checked := false
	for _, i := range v.Proof.Items {
		if i.Kind == models.CheckIn {
			facts = append(facts, fact{d.says.Say("link_checkin"), d.checkIn(v, i)})
			checked = true
		}
	}
	if !checked {
		facts = append(facts, fact{d.says.Say("link_checkin"), says(d.says.Say("pdf_none"))})
	}
	list := d.facts(inner, facts...)
	list[0].above = 4
	f.add(append(begins, list...)...)
	if len(v.tasks) == 0 {
		return
	}
	d.when(f, v)
	d.where(f, v)
	d.howMuch(f, v)
	d.why(f, v)
}

// heading is a heading that bookmarks and contents name: 1 is a section's.
func (d *document) heading(key string, depth int, title string) block {
	s, kind := section1, "H1"
	if depth > 1 {
		s, kind = section3, "H2"
	}
	b := d.paragraph(kind, margin, d.paper.inner(), 12, span{title, s})
	b.place = &place{key: key, title: title, depth: depth}
	return b
}

// subheading is one that nothing names.
func (d *document) subheading(title string) block {
	b := d.paragraph("H2", margin, d.paper.inner(), 12, span{title, section3})
	b.height += 4
	return b
}

func (d *document) checkIn(v *visitShown, i *models.Item) []span {
	when := momentOf(i)
	said := d.says.Clock(when)
	if v.several {
		said = d.says.Day(when) + ", " + said
	}
	said = d.says.Say("pdf_checkin", "when", said, "who", cmp.Or(v.Proof.Names[i.UploadedBy], d.says.Say("doc_nobody")), "where", d.says.Where(v.Proof, i))
	if i.Position.Accuracy != nil {
		said += " (±" + d.says.Distance(*i.Position.Accuracy) + ")"
	}
	return append(says(said+". "), span{d.says.Checked(i, v.Proof.Property, d.Account.CertificationRadius), markOf(i.Certification.Location).text(cellText)})
}

func momentOf(i *models.Item) time.Time {
	if i.TakenAt != nil {
		return i.TakenAt.Time
	}
	return i.ReceivedAt.Time
}

// mark is how a verdict is drawn: filled, as a ring, or dashed.
type mark wording.Verdict

func markOf(b *bool) mark {
	switch {
	case b == nil:
		return mark(wording.Unjudged)
	case *b:
		return mark(wording.Certified)
	}
	return mark(wording.NotCertified)
}

// text is the style of the words of a verdict.
func (m mark) text(s style) style {
	switch wording.Verdict(m) {
	case wording.Certified:
		return s.in(good)
	case wording.NotCertified:
		return s.in(warn).bold()
	}
	return s.in(second)
}

func (m mark) pen() pdf.Style {
	switch wording.Verdict(m) {
	case wording.Certified:
		return pdf.Style{Fill: &good}
	case wording.NotCertified:
		return pdf.Style{Fill: &white, Edge: &warn, Width: 1.4}
	}
	return pdf.Style{Fill: &white, Edge: &idle, Width: 1.1, Dash: []float64{1.8, 1.2}}
}

func (m mark) ink() pdf.Colour {
	if wording.Verdict(m) == wording.Certified {
		return white
	}
	return ink
}

// A pin is so much higher than its letters, and reaches so far around them, in sizes of the letters.
const (
	pinHeight = 1.68
	pinAround = 0.42
)

// pin draws a photo's number with its mark around the middle of a place.
func (c *canvas) pin(m mark, x, y, size float64, label string) {
	s := style{size: size, strong: true, colour: m.ink()}
	high := size * pinHeight
	wide := max(high, c.width(s, label)+size*pinAround)
	c.page.Pill(x-wide/2, y-high/2, wide, high, m.pen())
	c.write(s, x-c.width(s, label)/2, y, 0, label+" ")
}

// pinWidth is how wide a photo's number is in a caption.
func (d *document) pinWidth(n int, size float64) float64 {
	return max(size*pinHeight, d.width(style{size: size, strong: true}, fmt.Sprint(n))+size*pinAround)
}

// when is the time strip: a line a task, a dot a photo, a stroke a check-in; a strip a day.
func (d *document) when(f *flow, v *visitShown) {
	days := map[string][]*models.Item{}
	var names []string
	for _, i := range v.Proof.Items {
		if i.Kind != models.Photo && i.Kind != models.CheckIn {
			continue
		}
		day := d.says.Year(momentOf(i))
		if days[day] == nil {
			names = append(names, day)
		}
		days[day] = append(days[day], i)
	}
	slices.SortFunc(names, func(a, b string) int { return earliest(days[a]).Compare(earliest(days[b])) })
	const mostDays = 5
	if len(names) > mostDays { // the first and the last say from when to when
		names = []string{names[0], names[len(names)-1]}
	}
	heading := d.subheading(d.says.Say("pdf_when"))
	for n, name := range names {
		blocks := []block{}
		if n == 0 {
			blocks = append(blocks, heading)
		}
		if len(names) > 1 {
			blocks = append(blocks, d.paragraph("P", margin, d.paper.inner(), 4, span{name, small.bold()}))
		}
		f.add(append(blocks, d.strip(v, days[name]))...)
	}
}

func earliest(items []*models.Item) time.Time {
	return momentOf(slices.MinFunc(items, func(a, b *models.Item) int { return momentOf(a).Compare(momentOf(b)) }))
}

// mostLines is how many tasks the strip and the record's first page show.
const mostLines = 12

func (d *document) strip(v *visitShown, items []*models.Item) block {
	type track struct {
		name  string
		items []*models.Item
	}
	var tracks []track
	here := map[string]bool{}
	for _, i := range items {
		here[i.ID] = true
	}
	for n := range v.tasks {
		t := track{name: d.says.Task(v.tasks[n].Task)}
		for _, i := range v.tasks[n].Photos {
			if here[i.ID] {
				t.items = append(t.items, i)
			}
		}
		if len(t.items) > 0 {
			tracks = append(tracks, t)
		}
	}
	if len(tracks) > mostLines { // one line says when, if not of what
		all := track{name: d.says.Say("link_tasks", "n", len(tracks))}
		for _, t := range tracks {
			all.items = append(all.items, t.items...)
		}
		tracks = []track{all}
	}
	first, last := momentOf(items[0]), momentOf(items[0])
	for _, i := range items {
		at := momentOf(i)
		if at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	zone := d.Account.Location()
	steps := []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour}
	step := steps[len(steps)-1]
	begin := func(step time.Duration) time.Time {
		local := first.In(zone)
		midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
		return midnight.Add(local.Sub(midnight) / step * step)
	}
	for _, s := range steps {
		if last.Sub(begin(s)) <= 7*s {
			step = s
			break
		}
	}
	from := begin(step)
	until := from.Add(step)
	for !until.After(last) {
		until = until.Add(step)
	}
	names := 0.0
	for _, t := range tracks {
		names = max(names, d.width(small, t.name))
	}
	names = min(names, 110) + 16
	row := func(name string) float64 { return max(14.5, leadingOf(d.wrap(names-16, span{name, small}))+3) }
	height := 24.0
	for _, t := range tracks {
		height += row(t.name)
	}
	alt := d.says.Say("pdf_strip_alt", "photos", d.says.Say("link_photos", "n", len(items)), "first", d.says.Clock(first), "last", d.says.Clock(last))
	return block{height: height, draw: func(c *canvas, y float64) {
		left := margin + names
		wide := c.paper.inner() - names - 14
		at := func(t time.Time) float64 { return left + wide*t.Sub(from).Seconds()/until.Sub(from).Seconds() }
		c.page.Mark(c.element("Figure").Says(alt).Box(c.page, margin, y, c.paper.inner(), height), func() {
			foot := y + height - 12
			small7 := style{size: 7.5, colour: second}
			for t := from; !t.After(until); t = t.Add(step) {
				c.page.Line(at(t), y+12, at(t), foot, 0.6, rule)
				if half := t.Add(step / 2); half.Before(until) {
					c.page.Line(at(half), y+12, at(half), foot, 0.6, faint)
				}
				side := 0.5
				if t.Equal(until) {
					side = 0.8
				}
				c.label(small7, at(t), y+height-2, side, c.says.Clock(t))
			}
			taken := -1000.0
			for _, i := range items {
				if i.Kind != models.CheckIn {
					continue
				}
				x := at(momentOf(i))
				c.page.Line(x, y+3, x, foot, 1, ink)
				said := c.says.Say("link_checkin") + ", " + c.says.Clock(momentOf(i))
				if x > taken {
					c.label(small7.in(ink), x+4, y+8, 0, said)
					taken = x + c.width(small7, said) + 12
				}
			}
			middle := y + 12
			for _, t := range tracks {
				h := row(t.name)
				lines := c.wrap(names-16, span{t.name, small})
				c.lines(margin, middle+(h-leadingOf(lines))/2, lines)
				for _, i := range t.items {
					m := mark(wording.VerdictOf(i.Certification))
					pen := m.pen()
					if pen.Edge == nil {
						pen.Edge, pen.Width = &white, 0.6
					}
					c.page.Circle(at(momentOf(i)), middle+h/2, 3, pen)
				}
				middle += h
			}
		})
	}}
}

const mapHeight = 176.0

// where is the map: no map service is asked, so nobody learns where the property lies.
func (d *document) where(f *flow, v *visitShown) {
	inner := d.paper.inner()
	heading := d.subheading(d.says.Say("pdf_where"))
	if !slices.ContainsFunc(v.Proof.Photos(), func(i *models.Item) bool { return i.Position.Latitude != nil }) {
		f.add(heading, d.paragraph("P", margin, inner, 0, span{d.says.Say("pdf_no_positions"), plain}))
		return
	}
	near := v.Proof.Map(inner, mapHeight)
	if near == nil {
		at := v.Proof.Photos()[slices.IndexFunc(v.Proof.Photos(), func(i *models.Item) bool { return i.Position.Latitude != nil })]
		said := d.says.Position(*at.Position.Latitude, *at.Position.Longitude)
		if at.Position.Accuracy != nil {
			said += " (±" + d.says.Distance(*at.Position.Accuracy) + ")"
		}
		f.add(heading, d.paragraph("P", margin, inner, 0, span{d.says.Say("pdf_one_place", "photos", d.says.Say("link_photos", "n", len(v.Proof.Photos())), "where", said), plain}))
		return
	}
	spread, far := 0.0, []string{}
	reach := 0.0
	for _, p := range near.Pins {
		if p.Item.Kind != models.Photo {
			continue
		}
		switch {
		case p.Far > 0:
			far = append(far, "")
		case near.Property != nil:
			spread = max(spread, math.Hypot(p.X-near.Property.X, p.Y-near.Property.Y)/near.BarLength*near.BarMetres)
		}
		reach = max(reach, p.Far)
	}
	var panels []block
	const narrow = 162.0
	two := near.Property != nil && spread <= d.Account.CertificationRadius/3
	switch {
	case two:
		whole := v.Proof.MapOfRadius(narrow, mapHeight)
		near = v.Proof.Map(inner-narrow-8, mapHeight)
		panels = append(panels, block{height: mapHeight, draw: func(c *canvas, y float64) {
			c.overview(whole, near, margin, y)
			c.closeUp(near, margin+narrow+8, y, false, spread)
		}})
	default:
		if near.Property != nil {
			near = v.Proof.MapOfRadius(inner, mapHeight)
		}
		panels = append(panels, block{height: mapHeight, draw: func(c *canvas, y float64) { c.closeUp(near, margin, y, true, spread) }})
	}
	var words []string
	if len(far) > 0 {
		words = append(words, d.farAway(near)...)
	}
	var without []int
	for _, i := range v.Proof.Photos() {
		if i.Position.Latitude == nil {
			without = append(without, d.numbers[i.ID])
		}
	}
	if len(without) > 0 {
		words = append(words, d.says.Say("pdf_without_position", "which", ranges(without), "n", len(without)))
	}
	words = append(words, d.says.Say("pdf_map_note"))
	legend := d.legend(v, near, two)
	note := d.paragraph("P", margin, inner, 1, span{strings.Join(words, " "), small.in(second)})
	f.add(append(append([]block{heading}, panels...), legend, note)...)
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

// legend says what the marks of map and strip are.
func (d *document) legend(v *visitShown, m *models.PinMap, two bool) block {
	type sign struct {
		draw func(c *canvas, x, y float64)
		says string
	}
	var signs []sign
	if m.Property != nil {
		signs = append(signs, sign{func(c *canvas, x, y float64) { c.house(x+4, y, 4) }, d.says.Say("link_property")})
	}
	there := map[mark]bool{}
	for _, i := range v.Proof.Photos() {
		there[mark(wording.VerdictOf(i.Certification))] = true
	}
	for _, one := range []struct {
		m   mark
		key string
	}{{mark(wording.Certified), "link_yes"}, {mark(wording.NotCertified), "link_no"}, {mark(wording.Unjudged), "link_null"}} {
		if there[one.m] {
			signs = append(signs, sign{func(c *canvas, x, y float64) { c.page.Circle(x+4, y, 4, one.m.pen()) }, d.says.Say(one.key)})
		}
	}
	numbers := d.says.Say("pdf_numbers")
	if two {
		numbers = d.says.Say("pdf_numbers_frame")
	}
	s := running.led(13)
	height := 13.0
	x := 0.0
	for _, one := range signs {
		x += d.width(s, one.says) + 24
	}
	if x+d.width(s, numbers) > d.paper.inner() {
		height += 13
	}
	return block{height: height, above: 4, draw: func(c *canvas, y float64) {
		c.page.Mark(c.element("P"), func() {
			x := margin
			for _, one := range signs {
				one.draw(c, x, y+6.5)
				c.write(s, x+12, y, 0, one.says)
				x += c.width(s, one.says) + 24
			}
			if height > 13 {
				x, y = margin, y+13
			}
			c.write(s, x, y, 0, numbers)
		})
	}}
}

// house draws the mark of the property around a place.
func (c *canvas) house(x, y, r float64) {
	shape := func(r float64, colour pdf.Colour) {
		c.page.Shape(colour, pdf.Point{X: x - r, Y: y + r*0.8}, pdf.Point{X: x - r, Y: y - r*0.15}, pdf.Point{X: x, Y: y - r}, pdf.Point{X: x + r, Y: y - r*0.15}, pdf.Point{X: x + r, Y: y + r*0.8})
	}
	shape(r+1.2, white)
	shape(r, ink)
}

var mapText = style{size: 7.5, colour: ink}

// overview draws the radius of certification with the property, and where the close-up lies.
func (c *canvas) overview(m, near *models.PinMap, x0, y0 float64) {
	alt := c.says.Say("pdf_overview_alt", "radius", c.says.Distance(c.Account.CertificationRadius))
	if far := c.farAway(m); len(far) > 0 {
		alt += " " + strings.Join(far, " ")
	}
	c.page.Mark(c.element("Figure").Says(alt).Box(c.page, x0, y0, m.Width, m.Height), func() {
		c.page.Rect(x0, y0, m.Width, m.Height, ground)
		x, y := x0+m.Property.X, y0+m.Property.Y
		c.page.Circle(x, y, m.Radius, pdf.Style{Fill: &white, Edge: &ink, Width: 0.9, Dash: []float64{4, 2.4}})
		scale := m.BarLength / m.BarMetres / (near.BarLength / near.BarMetres)
		w, h := near.Width*scale, near.Height*scale
		if w < m.Width-8 && h < m.Height-8 {
			c.page.Frame(x-w/2, y-h/2, w, h, 0.6, second)
		}
		c.house(x, y, 4.4)
		c.label(mapText, x, min(y+m.Radius+10, y0+m.Height-4), 0.5, c.says.Say("pdf_limit", "radius", c.says.Distance(c.Account.CertificationRadius)))
		c.scaleAndNorth(m, x0, y0)
		c.far(m, x0, y0)
		c.page.Frame(x0+0.35, y0+0.35, m.Width-0.7, m.Height-0.7, 0.7, rule)
	})
}

func (c *canvas) scaleAndNorth(m *models.PinMap, x0, y0 float64) {
	foot := y0 + m.Height - 8
	c.page.Line(x0+8, foot-3, x0+8, foot, 1, ink)
	c.page.Line(x0+8, foot, x0+8+m.BarLength, foot, 1, ink)
	c.page.Line(x0+8+m.BarLength, foot-3, x0+8+m.BarLength, foot, 1, ink)
	c.label(mapText, x0+8+m.BarLength/2, foot-4.5, 0.5, c.says.Distance(m.BarMetres))
	x, y := x0+m.Width-11, foot-19
	c.page.Shape(ink, pdf.Point{X: x, Y: y}, pdf.Point{X: x + 3.2, Y: y + 9}, pdf.Point{X: x, Y: y + 7}, pdf.Point{X: x - 3.2, Y: y + 9})
	c.label(mapText.bold(), x, y+18, 0.5, c.says.Say("pdf_north"))
}

// far draws what lies beyond a map at its edge: an arrow in its direction, its number and how far.
func (c *canvas) far(m *models.PinMap, x0, y0 float64) {
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
		c.page.Shape(warn, tip, pdf.Point{X: base.X - uy*4.2, Y: base.Y + ux*4.2}, pdf.Point{X: base.X + uy*4.2, Y: base.Y - ux*4.2})
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
func (c *canvas) joined(pins []models.Pin) (groups []*group) {
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

func (c *canvas) groupLabel(g *group) string {
	s := ranges(g.numbers)
	if strings.Count(s, ",") > 2 {
		return c.says.Say("link_photos", "n", len(g.numbers))
	}
	return s
}

func (c *canvas) groupWidth(g *group) float64 {
	return max(pinSize*pinHeight, c.width(style{size: pinSize, strong: true}, c.groupLabel(g))+pinSize*pinAround)
}

func (c *canvas) group(g *group, x, y float64) { c.pin(g.mark, x, y, pinSize, c.groupLabel(g)) }

// closeUp draws where the photos were taken, numbered as they are. Alone: it is the only map, and shows the radius too.
func (c *canvas) closeUp(m *models.PinMap, x0, y0 float64, alone bool, spread float64) {
	alt := c.says.Say("link_map")
	if m.Property != nil {
		alt = c.says.Say("pdf_map_alt", "far", c.says.Distance(spread))
	}
	c.page.Mark(c.element("Figure").Says(alt).Box(c.page, x0, y0, m.Width, m.Height), func() {
		scale := m.BarLength / m.BarMetres
		type ring struct {
			x, y float64
			says string
		}
		var rings []ring
		c.page.Clip(x0, y0, m.Width, m.Height, func() {
			if m.Property == nil {
				return
			}
			x, y := x0+m.Property.X, y0+m.Property.Y
			c.page.Line(x, y0, x, y0+m.Height, 0.6, faint)
			c.page.Line(x0, y, x0+m.Width, y, 0.6, faint)
			step := c.Account.RoundLength(m.Width / 2 / scale / 3) // so that three or four are seen
			for r := step; r*scale < math.Hypot(m.Width, m.Height)/2; r += step {
				c.page.Circle(x, y, r*scale, pdf.Style{Edge: &rule, Width: 0.6})
				rings = append(rings, ring{x + r*scale*0.966, y - r*scale*0.259, c.says.Distance(r)})
			}
			if alone {
				c.page.Circle(x, y, m.Radius, pdf.Style{Edge: &ink, Width: 0.9, Dash: []float64{4, 2.4}})
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
				c.page.Line(x, y, px, py, 0.6, second)
				dot := ink
				c.page.Circle(x, y, 1.4, pdf.Style{Fill: &dot})
			}
			const coarse = 30
			if g.worst > coarse && g.worst*scale < m.Width/2 {
				c.page.Clip(x0, y0, m.Width, m.Height, func() { c.page.Circle(x, y, g.worst*scale, pdf.Style{Edge: &idle, Width: 0.5}) })
			}
			places = append(places, at{g, px, py})
		}
		for _, r := range rings { // where no pin is in the way
			w := c.width(style{size: 6.5}, r.says)
			b := box{r.x - w/2 - 1.5, r.y - 5, w + 3, 9}
			if b.x+b.w < x0+m.Width-4 && b.y > y0+4 && !slices.ContainsFunc(taken, b.meets) {
				c.page.Rect(b.x, b.y+1, b.w, 7, white)
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
		c.page.Frame(x0+0.35, y0+0.35, m.Width-0.7, m.Height-0.7, 0.7, rule)
	})
}

// free is where a pin of a size finds room near a place.
func (c *canvas) free(taken []box, within box, x, y, w, h float64) (px, py float64) {
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

// howMuch is the table of what is certified, by task.
func (d *document) howMuch(f *flow, v *visitShown) {
	const wide = 84.0
	columns := []column{{d.paper.inner() - 4*wide, false, d.says.Say("link_photos_of")}}
	for _, key := range []string{"link_camera", "link_time", "link_location", "pdf_all_three"} {
		columns = append(columns, column{wide, true, d.says.Say(key)})
	}
	row := func(s models.TaskShare, name string, strong bool) [][]span {
		cells := [][]span{{{name, cellText.bold()}}}
		for _, j := range []models.Judged{s.Camera, s.Time, s.Location, {Certified: s.Certified, Of: s.Certified + s.NotCertified}} {
			st := cellText
			if strong || j.Certified < j.Of {
				st = st.bold()
			}
			cells = append(cells, []span{{d.says.Share(j.Certified, j.Of), st}})
		}
		return cells
	}
	var rows [][][]span
	for _, s := range v.record.Tasks {
		rows = append(rows, row(s, d.says.Task(s.Task), false))
	}
	if len(rows) > 1 {
		rows = append(rows, row(v.record.Total, d.says.Say("pdf_all"), true))
	}
	head, blocks := d.table(columns, rows)
	f.rows([]block{d.subheading(d.says.Say("pdf_how_much"))}, head, blocks)
}

// why names each photo that is not certified, and says why.
func (d *document) why(f *flow, v *visitShown) {
	first := true
	for n := range v.tasks {
		var items []*models.Item
		for _, s := range v.tasks[n].sets {
			items = append(items, s.Photos...)
		}
		for _, i := range append(items, v.tasks[n].single...) {
			said := d.said[i.ID]
			if said.Verdict != wording.NotCertified {
				continue
			}
			var blocks []block
			if first {
				blocks = append(blocks, d.subheading(d.says.Say("link_reasons")))
				first = false
			}
			indent := max(21.2, d.pinWidth(d.numbers[i.ID], 7.8)+6)
			lines := d.wrap(d.paper.inner()-indent, span{cmp.Or(i.Shot, d.says.Task(v.tasks[n].Task)) + ". ", cellText.led(13).bold()}, span{said.Certified, cellText.led(13)})
			blocks = append(blocks, block{height: max(leadingOf(lines), 13), above: 4, draw: func(c *canvas, y float64) {
				c.page.Mark(c.element("P"), func() {
					c.pin(mark(said.Verdict), margin+(indent-6)/2, y+6.5, 7.8, fmt.Sprint(c.numbers[i.ID]))
					c.lines(margin+indent, y, lines)
				})
			}})
			f.add(blocks...)
		}
	}
}

func stylePin(c pdf.Colour) pdf.Style {
	return pdf.Style{Fill: &c, Edge: &white, Width: 1}
}
