package reports

import (
	"cmp"
	"fmt"

	"fieldproof/models"
	"fieldproof/reports/pdf"
)

func surveyKey(v *visitShown, n int) string { return fmt.Sprintf("survey-%d-%d", v.n, n) }

// survey lays out a filled survey as people read a form: questions at the left, answers at the right, by its sections.
func (d *document) survey(f *flow, v *visitShown, n int) {
	s := v.Surveys[n]
	name := d.says.Say("pdf_survey", "name", s.Name)
	if s.Task != "" && s.Task != s.Name {
		name += " (" + s.Task + ")"
	}
	answered := 0
	for _, a := range s.Answers {
		if len(a.Answers)+len(a.Photos) > 0 {
			answered++
		}
	}
	count := d.says.Say("pdf_questions", "n", len(s.Answers), "answered", answered)
	depth := 1
	if d.Property != nil {
		depth = 2
	}
	heading := d.taskHeading(name, count, section2, depth)
	heading.place = &place{key: surveyKey(v, n), title: name, depth: depth}
	more := func() []block {
		return []block{d.taskHeading(d.says.Say("pdf_continued", "name", name), "", section2.at(11).led(14), 0)}
	}
	defer func() { f.more = nil }()
	when := d.says.Clock(momentOf(s.Item))
	if v.several || d.Property != nil {
		when = d.says.Moment(momentOf(s.Item))
	}
	by := d.says.Say("pdf_answered_by", "who", cmp.Or(v.Proof.Names[s.Item.UploadedBy], d.says.Say("doc_nobody")), "when", when)
	spans := []span{{by, small.in(second)}}
	if s.Item.Position.Latitude != nil {
		spans = []span{{by + ", " + d.says.Where(v.Proof, s.Item) + ". ", small.in(second)}, {d.says.Checked(s.Item, v.Proof.Property, d.Account.CertificationRadius), markOf(s.Item.Certification.Location).text(small)}}
	} else {
		spans[0].text += "."
	}
	begins := []block{heading, d.paragraph("P", margin, d.paper.inner(), 0, spans...)}
	if len(s.Answers) == 0 {
		f.add(append(begins, d.paragraph("P", margin, d.paper.inner(), 6, span{d.says.Say("pdf_answers_elsewhere"), plain}))...)
		return
	}
	for at := 0; at < len(s.Answers); {
		end := at
		for end < len(s.Answers) && s.Answers[end].Section == s.Answers[at].Section {
			end++
		}
		if section := s.Answers[at].Section; section != "" {
			h := d.paragraph("H2", margin, d.paper.inner(), 9, span{section, plain.at(10).bold()})
			h.height += 3.75
			draw := h.draw
			height := h.height
			h.draw = func(c *canvas, y float64) {
				draw(c, y)
				c.page.Artifact(func() { c.page.Line(margin, y+height-0.4, c.paper.width-margin, y+height-0.4, 0.75, rule) })
			}
			begins = append(begins, h)
		} else if at == 0 {
			begins[len(begins)-1].height += 6
		}
		var table *pdf.Element
		rows := []block{}
		for _, a := range s.Answers[at:end] {
			rows = append(rows, d.answer(&table, a))
		}
		with := min(2, len(rows))
		f.add(append(begins, rows[:with]...)...)
		f.more = more
		for _, r := range rows[with:] {
			f.add(r)
		}
		begins, at = nil, end
	}
	f.y += 4
}

const thumbHeight = 36.0

// answer is a row of a form.
func (d *document) answer(table **pdf.Element, a models.FilledAnswer) block {
	half := d.paper.inner()/2 - 6
	question := d.wrap(half, span{a.Question, cellText.in(second)})
	var answer []line
	for _, s := range a.Answers {
		st := cellText.bold()
		if d.width(st, s) > 2*half { // a text that is read, not a word that is found
			st = cellText
		}
		answer = append(answer, d.note(half, span{s, st})...)
	}
	if len(answer) == 0 && len(a.Photos) == 0 {
		answer = d.wrap(half, span{d.says.Say("link_no_answer"), cellText.in(second)})
	}
	// Photos stand beside each other below the answer, each with its number, small, and leading to where it is shown.
	type thumb struct {
		x, y, w, h, pin float64
		item            *models.Item
	}
	var thumbs []thumb
	var photos []*models.Item
	x, y, tall := 0.0, leadingOf(answer), 0.0
	for _, i := range a.Photos {
		if d.numbers[i.ID] == 0 {
			continue
		}
		pin, w, h := d.pinWidth(d.numbers[i.ID], 7.8), 60.0, 13.0
		if d.inPart(i) && i.Viewable() {
			w, h = thumbHeight*ratio(i), thumbHeight
			photos = append(photos, i)
		}
		if x > 0 && x+pin+3+w > half {
			x, y = 0, y+tall+4
			tall = 0
		}
		tall = max(tall, h)
		thumbs = append(thumbs, thumb{x, y + 3, w, h, pin, i})
		x += pin + 3 + w + 8
	}
	height := max(leadingOf(question), y)
	if len(thumbs) > 0 {
		height = max(leadingOf(question), thumbs[len(thumbs)-1].y+tall)
	}
	return block{height: height + 6, photos: photos, draw: func(c *canvas, y float64) {
		if *table == nil {
			*table = c.element("Table")
		}
		row := c.out.Element(*table, "TR")
		c.page.Mark(c.out.Element(row, "TH").Heads("Row"), func() { c.lines(margin, y+2.75, question) })
		cell := c.out.Element(row, "TD")
		right := margin + d.paper.inner()/2
		c.page.Mark(cell, func() { c.lines(right, y+2.75, answer) })
		for _, t := range thumbs {
			said := c.said[t.item.ID]
			label := c.says.Say("pdf_photo_n", "n", c.numbers[t.item.ID])
			link := c.out.Element(cell, "Link")
			ty := y + 2.75 + t.y
			c.page.Mark(link, func() {
				c.pin(mark(said.Verdict), right+t.x+t.pin/2, ty+t.h/2, 7.8, fmt.Sprint(c.numbers[t.item.ID]))
				if img := c.images[t.item.ID]; img != nil {
					c.page.Image(img, right+t.x+t.pin+3, ty, t.h*float64(img.Width)/float64(img.Height), t.h)
				} else {
					c.label(cellText, right+t.x+t.pin+3, ty+t.h/2+3, 0, label)
				}
			})
			to := c.shownOn[t.item.ID]
			c.page.Jump(link, right+t.x, ty, t.pin+3+t.w, t.h, to.page, max(0, to.y-20), label)
		}
		c.page.Artifact(func() { c.page.Line(margin, y+height+5.75, c.paper.width-margin, y+height+5.75, 0.5, hair) })
	}}
}
