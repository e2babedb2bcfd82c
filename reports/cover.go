package reports

import (
	"cmp"
	"fmt"
	"strings"

	"fieldproof/models"
	"fieldproof/reports/pdf"
)

// cover lays out the first page: who, what, where, the key pair, what was asked and done, and what can be vouched for.
func (d *document) cover(f *flow) {
	f.put(d.mast())
	inner := d.paper.inner()
	address := models.Address{}
	kick := []span{}
	dim := plain.in(second).led(13)
	if d.Property != nil {
		address = d.Property.Address
		kick = append(kick, span{d.says.Say("pdf_property_report"), dim})
	} else {
		o := d.Visits[0].Proof.Order
		address = o.Address
		kick = append(kick, span{d.says.Say("link_order", "number", o.DisplayNumber()), dim})
		if o.Source.Provider != "" {
			kick = append(kick, span{" " + d.says.Say("pdf_for", "client", o.Source.Provider), dim})
		}
	}
	if d.Parts() > 1 {
		first, last := d.span()
		kick = append(kick, span{". " + d.says.Say("pdf_part_of", "n", d.Part, "all", d.Parts()) + " " + d.says.Say("pdf_photos_from", "first", first, "last", last), dim.in(ink)})
	}
	f.put(d.paragraph("P", margin, inner, 15, kick...))
	name := cmp.Or(address.Address1, address.Line())
	big := title
	if len(name) > 90 {
		big = title.at(17).led(21)
	}
	f.put(d.paragraph("H1", margin, inner, 1, span{name, big}))
	rest := address
	rest.Address1 = ""
	if line := rest.Line(); line != "" && line != name {
		f.put(d.paragraph("P", margin, inner, 0, span{line, subtitle}))
	}
	if d.Property != nil {
		d.propertyCover(f)
		return
	}
	v := &d.visits[0]
	f.put(d.paragraph("P", margin, min(478, inner), 9, span{d.lead(v), lead}))
	if d.Part > 1 {
		return
	}
	if b := d.hero(v); b != nil {
		f.add(*b)
	}
	d.twoColumns(f, v)
	d.checkMe(f, v)
}

// checkMe is the code at the cover's foot, of the photo that stands for the order: by it whoever holds the paper begins to check it.
func (d *document) checkMe(f *flow, v *visitShown) {
	pair := v.Proof.KeyPair()
	if d.Verify == nil || len(pair) == 0 || len(f.sheets) > 1 {
		return
	}
	i := pair[len(pair)-1]
	side := max(30, d.codeSide(i))
	if f.left() < side+14 {
		return
	}
	text := d.says.Say("pdf_check_me_text", "photo", d.numbers[i.ID], "page", d.known["check"]+1)
	lines := d.wrap(d.paper.inner()-side-10, span{d.says.Say("pdf_check_me") + " ", small.bold()}, span{text, small})
	f.put(block{height: side, above: f.left() - side, draw: func(c *canvas, y float64) {
		c.code(i, margin, y, side)
		c.tell("P", margin+side+10, y+(side-leadingOf(lines))/2, lines)
	}})
}

func (d *document) lead(v *visitShown) string {
	return d.says.Documented(v.record, len(v.tasks), len(v.Surveys), len(v.Proof.Photos()))
}

// mast is the account: logo, name, address and phone, above its colour.
func (d *document) mast() block {
	logo := d.logo()
	wide := d.paper.inner() * 0.48
	lines := d.wrap(wide, span{d.Account.Name, running.bold().in(ink)})
	if logo == nil {
		lines = d.wrap(wide, span{d.Account.Name, section1})
	}
	var about []line
	for _, s := range strings.Split(d.Account.Address, "\n") {
		about = append(about, d.wrap(wide, span{strings.TrimSpace(s), running})...)
	}
	about = append(about, d.wrap(wide, span{d.Account.Phone, running})...)
	height := leadingOf(about)
	if logo != nil {
		height = max(logo.height, height+leadingOf(lines))
	} else {
		height = max(leadingOf(lines), height)
	}
	return block{height: height + 10.25, draw: func(c *canvas, y float64) {
		right := c.paper.width - margin
		ends := func(y float64, lines []line) float64 {
			for _, l := range lines {
				y = c.lines(right-l.width, y, []line{l})
			}
			return y
		}
		if logo != nil {
			e := c.element("Figure").Says(d.Account.Name).Box(c.page, margin, y, logo.width, logo.height)
			c.page.Mark(e, func() {
				c.page.Image(c.out.RGB(logo.across, logo.down, logo.pixels), margin, y, logo.width, logo.height)
			})
		}
		c.page.Mark(c.element("P"), func() {
			if logo == nil {
				c.lines(margin, y, lines)
				ends(y, about)
				return
			}
			ends(ends(y, lines), about)
		})
		c.page.Artifact(func() { c.page.Rect(margin, y+height+7.75, c.paper.inner(), 2.5, c.brand) })
	}}
}

// hero is the key pair side by side, or one photo; nil without any.
func (d *document) hero(v *visitShown) *block {
	pair := v.Proof.KeyPair()
	if len(pair) == 0 {
		return nil
	}
	wide := d.paper.column(2)
	high := wide * 3 / 4
	tallest := 0.0
	for _, i := range pair {
		tallest = max(tallest, wide/ratio(i))
	}
	high = min(high, tallest)
	var notes [][]line
	most := 0.0
	for _, i := range pair {
		said := d.said[i.ID]
		text := said.When + " (" + d.says.Say("pdf_photo_n", "n", d.numbers[i.ID]) + ")"
		if i.Shot != "" {
			text = i.Shot + ", " + text
		}
		lines := d.wrap(wide, span{said.Kind + ". ", small.bold()}, span{text, small})
		notes, most = append(notes, lines), max(most, leadingOf(lines))
	}
	return &block{height: high + 4 + most, above: 12, photos: pair, draw: func(c *canvas, y float64) {
		for n, i := range pair {
			x := margin + float64(n)*(wide+between)
			c.picture(i, x, y, wide, high, len(pair) == 1)
			c.tell("P", x, y+high+4, notes[n])
		}
	}}
}

// twoColumns is what was asked and done beside what can be vouched for.
func (d *document) twoColumns(f *flow, v *visitShown) {
	half := d.paper.column(2)
	var left []block
	if rows := d.askedAndDone(v); len(rows) > 0 {
		width := half - 54 - 54 - 28
		head, lines := d.table([]column{{width, false, d.says.Say("pdf_task")}, {54, true, d.says.Say("pdf_asked")}, {54, true, d.says.Say("pdf_done")}, {28, true, d.says.Say("pdf_page")}}, rows)
		heading := d.paragraph("H2", margin, half, 0, span{d.says.Say("pdf_asked_done"), section3})
		heading.height += 3
		left = append(append(left, heading, head), lines...)
	}
	o := v.Proof.Order
	var facts []fact
	if v.Proof.Audience != models.ForClient { // the client is told what was done, not where it stands here
		facts = append(facts, fact{d.says.Say("pdf_state"), says(d.says.Say("pdf_state_" + string(o.Lifecycle.State)))})
	}
	if o.DueDate != nil {
		facts = append(facts, fact{d.says.Say("link_due"), says(d.says.Due(string(*o.DueDate), text(o.DueTime)))})
	}
	if !o.CompletedAt.IsZero() {
		facts = append(facts, fact{d.says.Say("pdf_completed"), says(d.says.Moment(o.CompletedAt.Time))})
	}
	if !o.PublishedAt.IsZero() {
		facts = append(facts, fact{d.says.Say("pdf_published"), says(d.says.Moment(o.PublishedAt.Time))})
	}
	if o.Source.WorkOrderNumber != "" {
		facts = append(facts, fact{d.says.Say("pdf_your_number"), says(o.Source.WorkOrderNumber)})
	}
	if v.Proof.Audience != models.ForClient {
		facts = append(facts, fact{d.says.Say("pdf_reference"), says(text(o.Reference))}, fact{d.says.Say("pdf_description"), says(text(o.Description))})
	}
	facts = append(facts, fact{d.says.Say("pdf_made"), says(d.says.Moment(d.At.Time))})
	var kept []fact
	for _, one := range facts {
		if len(one.value) > 0 && strings.TrimSpace(one.value[0].text) != "" {
			kept = append(kept, one)
		}
	}
	list := d.facts(half, kept...)
	if len(list) > 0 && len(left) > 0 {
		list[0].above = 12
	}
	left = append(left, list...)
	var right []block
	if len(v.Proof.Photos()) > 0 {
		right = append(right, d.panel(v, margin+half+between, half))
	}
	// Both columns are one block where they fit; else the longer goes on below.
	left0, right0 := heightOf(left, true), heightOf(right, true)
	if both := max(left0, right0); both+14 <= f.left() {
		f.put(block{height: both, above: 14, draw: func(c *canvas, y float64) {
			for _, blocks := range [][]block{left, right} {
				y := y
				for n, b := range blocks {
					if n > 0 {
						y += b.above
					}
					b.draw(c, y)
					y += b.height
				}
			}
		}})
		return
	}
	for n := range right {
		right[n] = d.panel(v, margin, d.paper.inner())
		right[n].above = 14
	}
	f.add(right...)
	if len(left) > 2 {
		left[0].above = 14
		wide := d.paper.inner() - 70 - 70 - 40
		if rows := d.askedAndDone(v); len(rows) > 0 {
			head, lines := d.table([]column{{wide, false, d.says.Say("pdf_task")}, {70, true, d.says.Say("pdf_asked")}, {70, true, d.says.Say("pdf_done")}, {40, true, d.says.Say("pdf_page")}}, rows)
			f.rows([]block{left[0]}, head, lines)
		}
	}
	list = d.facts(d.paper.inner(), kept...)
	if len(list) > 0 {
		list[0].above = 12
		f.add(list...)
	}
}

// askedAndDone are the rows of what was asked of each task and what is there.
func (d *document) askedAndDone(v *visitShown) (rows [][][]span) {
	shown := map[string]bool{}
	row := func(name, asked, done, key string) {
		page := ""
		if at, there := d.known[key]; there {
			page = fmt.Sprint(at + 1)
		}
		rows = append(rows, [][]span{{{name, cellText.bold()}}, says(asked), says(done), says(page)})
	}
	asked := func(name string) string {
		for n := range v.Proof.View.Tasks {
			if t := &v.Proof.View.Tasks[n]; t.Name == name && t.AskedPhotos() > 0 {
				return d.says.Say("link_photos", "n", t.AskedPhotos())
			}
		}
		return "–"
	}
	for n := range v.tasks {
		t := &v.tasks[n]
		shown[t.Task] = true
		row(d.says.Task(t.Task), asked(t.Task), d.says.Say("link_photos", "n", len(t.Photos)), t.key)
	}
	for _, t := range v.Proof.View.Tasks {
		if n := t.AskedPhotos(); n > 0 && !shown[t.Name] {
			row(t.Name, d.says.Say("link_photos", "n", n), d.says.Say("link_photos", "n", 0), "")
		}
	}
	for n, s := range v.Surveys {
		answered := 0
		for _, a := range s.Answers {
			if len(a.Answers)+len(a.Photos) > 0 {
				answered++
			}
		}
		row(d.says.Say("pdf_survey_row", "name", s.Name), d.says.Say("pdf_answers", "n", len(s.Answers)), d.says.Say("pdf_answers", "n", answered), surveyKey(v, n))
	}
	return rows
}

// panel is what can be vouched for of all photos of a visit.
func (d *document) panel(v *visitShown, x, width float64) block {
	all := v.record.Total
	head, judged := d.says.Judgement(all)
	inside := width - 23
	blocks := []block{d.paragraph("H2", x+13, inside, 0, span{head, section3})}
	blocks[0].height += 3
	edge := idle
	if judged {
		edge = goodMark
		if all.Location.Of == 0 && all.Certified == 0 {
			edge = idle
		}
		blocks = append(blocks, d.paragraph("P", x+13, inside, 0, span{d.says.Say("link_means", "hours", d.says.Lasting(models.CertifiedWithin), "radius", d.says.Distance(d.Account.CertificationRadius)), small}))
		for n, one := range []struct {
			key    string
			judged models.Judged
		}{{"link_camera", all.Camera}, {"link_time", all.Time}, {"link_location", all.Location}} {
			name, share := d.says.Say(one.key), d.says.Share(one.judged.Certified, one.judged.Of)
			b := block{height: 12, above: 3, draw: func(c *canvas, y float64) {
				p := c.element("P")
				c.page.Mark(p, func() {
					c.write(small, x+13, y, 0, name)
					c.write(small, x+13+inside, y, 1, share)
				})
				if one.judged.Of == 0 {
					return
				}
				from, wide := x+13+54, inside-54-56
				c.page.Artifact(func() {
					c.page.Rect(from, y+3.5, wide, 5, pdf.Colour{R: 0xdf, G: 0xe4, B: 0xe9})
					c.page.Rect(from, y+3.5, wide*float64(one.judged.Certified)/float64(one.judged.Of), 5, goodMark)
				})
			}}
			if n == 0 {
				b.above = 5
			}
			blocks = append(blocks, b)
		}
	}
	var words []string
	if all.NotCertified > 0 {
		page := d.known["record"] + 1
		words = append(words, d.says.Say("pdf_why_page", "n", all.NotCertified, "page", page))
	}
	if n := all.Photos - all.Location.Of; n > 0 && judged {
		words = append(words, d.says.Say("pdf_unjudged_location", "n", n))
	}
	words = append(words, d.says.Say("doc_not_false"))
	blocks = append(blocks, d.paragraph("P", x+13, inside, 6, span{strings.Join(words, " "), small}))
	height := heightOf(blocks, true) + 17
	return block{height: height, above: 14, draw: func(c *canvas, y float64) {
		c.page.Artifact(func() {
			c.page.Frame(x+0.4, y+0.4, width-0.8, height-0.8, 0.75, rule)
			c.page.Rect(x, y, 3, height, edge)
		})
		at := y + 8
		for n, b := range blocks {
			if n > 0 {
				at += b.above
			}
			b.draw(c, at)
			at += b.height
		}
	}}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
