package reports

import (
	"cmp"
	"fmt"
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

// where is the map: no map service is asked, so nobody learns where the property lies.
func (d *document) where(f *flow, v *visitShown) {
	inner := d.paper.inner()
	heading := d.subheading(d.says.Say("pdf_where"))
	maps := d.chart(v, inner, mapHeight)
	if maps == nil || !located(v.Proof) {
		f.add(heading, d.paragraph("P", margin, inner, 0, span{d.onePlace(v), plain}))
		return
	}
	panels := block{height: mapHeight, draw: func(c *canvas, y float64) {
		x := margin
		if m := maps.overview; m != nil {
			c.page.Mark(c.element("Figure").Says(c.overviewAlt(m)).Box(c.page, x, y, m.Width, m.Height), func() { c.drawing().overview(m, maps.closeUp, x, y) })
			x += m.Width + panelGap
		}
		m := maps.closeUp
		c.page.Mark(c.element("Figure").Says(c.closeUpAlt(maps)).Box(c.page, x, y, m.Width, m.Height), func() { c.drawing().closeUp(m, x, y, maps.overview == nil) })
	}}
	words := append(d.besides(v, maps.closeUp), d.says.Say("pdf_map_note"))
	note := d.paragraph("P", margin, inner, 1, span{strings.Join(words, " "), small.in(second)})
	f.add(heading, panels, d.legend(v, maps.closeUp, maps.overview != nil), note)
}

// legend says what the marks of map and strip are.
func (d *document) legend(v *visitShown, m *models.PinMap, two bool) block {
	type sign struct {
		draw func(c *canvas, x, y float64)
		says string
	}
	var signs []sign
	if m.Property != nil {
		signs = append(signs, sign{func(c *canvas, x, y float64) { c.drawing().house(x+4, y, 4) }, d.says.Say("link_property")})
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
