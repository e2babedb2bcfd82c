package reports

import (
	"fmt"

	"fieldproof/models"
	"fieldproof/wording"
)

// closing lays out how the report is checked: three steps for everybody, then the words and the figures.
func (d *document) closing(f *flow) {
	inner := d.paper.inner()
	heading := d.taskHeading(d.says.Say("pdf_check"), "", section2, 1)
	heading.place = &place{key: "check", title: d.says.Say("pdf_check"), depth: 1}
	blocks := []block{heading}
	st := plain.at(10).led(14.5)
	for n, key := range []string{"photo", "copy", "everything"} {
		lines := d.wrap(inner-22, span{d.says.Say("pdf_check_"+key) + " ", st.bold()}, span{d.says.Say("pdf_check_"+key+"_text", "account", d.Account.Name), st})
		b := block{height: leadingOf(lines), draw: func(c *canvas, y float64) {
			c.page.Mark(c.element("P"), func() {
				c.write(plain.at(12).led(14.5).bold(), margin, y, 0, fmt.Sprint(n+1))
				c.lines(margin+22, y, lines)
			})
		}}
		if n > 0 {
			b.above = 9
		}
		blocks = append(blocks, b)
	}
	f.add(blocks...)
	radius := d.says.Distance(d.Account.CertificationRadius)
	words := []block{d.subheading(d.says.Say("pdf_words"))}
	words[0].above = 18
	words = append(words, d.facts(inner,
		fact{d.says.Say("pdf_word_camera"), says(d.says.Say("pdf_word_camera_text"))},
		fact{d.says.Say("pdf_word_time"), says(d.says.Say("pdf_word_time_text", "hours", d.says.Lasting(models.CertifiedWithin)))},
		fact{d.says.Say("pdf_word_location"), says(d.says.Say("pdf_word_location_text", "radius", radius))},
		fact{d.says.Say("pdf_word_not"), says(d.says.Say("pdf_word_not_text"))},
		fact{d.says.Say("pdf_word_unjudged"), says(d.says.Say("pdf_word_unjudged_text"))},
	)...)
	f.add(words...)
	if d.Head == nil {
		return
	}
	figures := []block{d.subheading(d.says.Say("pdf_figures")), d.paragraph("P", margin, inner, 0, span{d.says.Say("pdf_figures_text", "account", d.Account.Name), small})}
	figures[0].above = 18
	list := d.facts(inner,
		fact{d.says.Say("pdf_entry"), says(fmt.Sprint(d.Head.Sequence))},
		fact{d.says.Say("pdf_head"), says(wording.Grouped(d.Head.Head, 8))},
		fact{d.says.Say("pdf_signed"), says(d.says.Moment(d.Head.SignedAt.Time))},
		fact{d.says.Say("pdf_key"), says(wording.Grouped(d.Head.KeyID, 8))},
		fact{d.says.Say("pdf_account"), says(d.Head.Account)},
	)
	list[0].above = 5
	f.add(append(figures, list...)...)
}
