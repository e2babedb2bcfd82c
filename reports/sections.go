package reports

import (
	"bytes"
	"fmt"
	"image/png"
	"math"
	"strings"

	"github.com/signintech/gopdf"

	"fieldproof/models"
)

const (
	logoWidth  = 150.0
	logoHeight = 46.0
)

func (d *document) cover() {
	beside := inner
	if d.logo() {
		beside -= logoWidth + 12
	}
	d.gray(110)
	d.text(regular, 11, margin, d.y, beside, d.Account.Name)
	d.gray(0)
	d.y += 24
	d.text(bold, 22, margin, d.y, beside, d.Title())
	d.y += 32
	if d.Property == nil {
		d.text(regular, 13, margin, d.y, inner, d.Visits[0].Proof.Order.Address.Line())
	} else {
		d.text(regular, 13, margin, d.y, inner, d.Property.Address.Line())
	}
	d.y += 26
	d.rule()
	if parts := d.Parts(); parts > 1 {
		first, last := d.span()
		d.row("Part", fmt.Sprintf("%d of %d: photos %d to %d", d.Part, parts, first, last))
	}
	if d.Property == nil {
		d.general(d.Visits[0].Proof)
		return
	}
	d.row("Visits", fmt.Sprint(len(d.Visits)))
	d.row("Photos", fmt.Sprint(d.photos()))
	if d.Property.Latitude != nil {
		d.row("Position", d.says.Position(*d.Property.Latitude, *d.Property.Longitude))
	}
	d.row("Notes", d.Property.Notes)
	d.row("Generated at", d.when(&d.At))
	if len(d.Visits) == 0 {
		d.paragraph(10, "There was no visit to this property yet.")
		return
	}
	d.heading(13, "Visits, newest first")
	d.table([]float64{150, 110, 90, 60, 118}, []string{"Work order", "First item", "State", "Photos", "Performed by"}, func(add func(...string)) {
		for _, v := range d.Visits {
			r := v.Proof.ServiceRecord()
			first := "nothing yet"
			if r.First != nil {
				first = d.says.Year(r.First.Time)
			}
			add(v.Proof.Order.DisplayNumber(), first, state(v.Proof.Order), fmt.Sprint(r.Total.Photos), d.says.Together(r.People))
		}
	})
}

// logo draws the account's logo in the upper right corner.
func (d *document) logo() bool {
	if len(d.Logo) == 0 {
		return false
	}
	c, err := png.DecodeConfig(bytes.NewReader(d.Logo))
	if err != nil {
		d.check(fmt.Errorf("the logo: %w", err))
		return false
	}
	scale := min(logoWidth/float64(c.Width), logoHeight/float64(c.Height))
	w, h := float64(c.Width)*scale, float64(c.Height)*scale
	d.check(d.pdf.ImageByHolder(&drawing{bytes.NewReader(d.Logo), "logo"}, pageWidth-margin-w, margin, &gopdf.Rect{W: w, H: h}))
	return true
}

func state(o *models.WorkOrder) string {
	return strings.ReplaceAll(string(o.Lifecycle.State), "_", " ")
}

// general is the general information of one order, with its totals.
func (d *document) general(p *models.Proof) {
	o := p.Order
	d.begin(1, 13, 60, "General information")
	if p.Audience != models.ForClient {
		d.row("State", state(o)) // the client is told what was done, not where it stands here
	}
	if o.DueDate != nil {
		d.row("Due", d.says.Due(string(*o.DueDate), text(o.DueTime)))
	}
	d.row("Client's number", o.Source.WorkOrderNumber)
	d.row("Reference", text(o.Reference))
	d.row("Client status", o.ClientStatus)
	d.row("Description", text(o.Description))
	if o.Latitude != nil {
		d.row("Position", d.says.Position(*o.Latitude, *o.Longitude))
	}
	if d.Property == nil {
		d.row("Generated at", d.when(&d.At))
	}
	d.heading(13, "Totals")
	kinds := map[models.ItemKind]int{}
	for _, i := range p.Items {
		kinds[i.Kind]++
	}
	d.row("Photos", fmt.Sprint(kinds[models.Photo]))
	all := models.TaskPhotos{Photos: p.Photos()}
	for _, t := range all.ByType() {
		d.row("   "+typeName(t.Type), fmt.Sprint(len(t.Photos)))
	}
	d.row("Check-ins", fmt.Sprint(kinds[models.CheckIn]))
	d.row("Survey responses", fmt.Sprint(kinds[models.SurveyResponse]))
	if kinds[models.File] > 0 {
		d.row("Other files", fmt.Sprint(kinds[models.File]))
	}
}

// visit draws all that one order has. In the parts behind the first only its photos.
func (d *document) visit(v *Visit, plates []plate) {
	p := v.Proof
	if d.Property != nil {
		if d.Part > 1 && len(plates) == 0 {
			return
		}
		d.newPage()
		d.begin(1, 17, 100, "Work order "+p.Order.DisplayNumber())
		if d.Part == 1 {
			d.general(p)
		}
	}
	if d.Part == 1 {
		d.record(p)
		d.surveys(v)
	}
	d.evidence(plates)
}

// record draws the certified service record.
func (d *document) record(p *models.Proof) {
	r := p.ServiceRecord()
	if r.First == nil {
		return
	}
	d.begin(1, 13, 120, "Certified service record")
	d.row("First item", d.when(r.First))
	d.row("Last item", d.when(r.Last))
	d.row("Performed by", d.says.Together(r.People))
	for _, i := range p.Items {
		if i.Kind != models.CheckIn {
			continue
		}
		at := i.ReceivedAt
		if i.TakenAt != nil {
			at = *i.TakenAt
		}
		d.row("Check-in", strings.TrimSuffix(d.when(&at)+"  ·  "+p.Names[i.UploadedBy]+"  ·  "+d.placeOf(i), "  ·  "))
	}
	if r.Total.Photos > 0 {
		d.y += 4
		d.table([]float64{200, 50, 92, 94, 92}, []string{"Certified photos of task", "Photos", "Time", "Location", "Both"}, func(add func(...string)) {
			line := func(s models.TaskShare) {
				share := func(j models.Judged) string { return d.says.Share(j.Certified, j.Of) }
				add(s.Task, fmt.Sprint(s.Photos), share(s.Time), share(s.Location), share(s.Both))
			}
			for _, s := range r.Tasks {
				line(s)
			}
			if len(r.Tasks) > 1 {
				r.Total.Task = "All tasks"
				line(r.Total)
			}
		})
	}
	if m := p.Map(inner, mapHeight); m != nil {
		d.room(mapHeight + 34)
		d.plan(m)
	}
}

// table draws rows under a head, which comes again on each page.
func (d *document) table(widths []float64, head []string, rows func(add func(...string))) {
	line := func(font string, cells []string) {
		x := margin
		for i, cell := range cells {
			d.text(font, 9, x, d.y, widths[i]-6, cell)
			x += widths[i]
		}
		d.y += 15
	}
	top := func() {
		d.gray(110)
		line(regular, head)
		d.gray(0)
		d.y -= 2
		d.rule()
		d.y -= 3
	}
	d.room(50)
	top()
	rows(func(cells ...string) {
		if d.y+15 > bottom {
			d.newPage()
			top()
		}
		line(regular, cells)
	})
	d.y += 8
}

const mapHeight = 196.0

// plan draws the map of pins: no map service is asked, so nobody learns where the property lies.
func (d *document) plan(m *models.PinMap) {
	x0, y0 := margin, d.y
	d.pdf.SetLineWidth(0.6)
	d.pdf.SetStrokeColor(200, 200, 200)
	d.pdf.SetFillColor(247, 247, 245)
	d.pdf.RectFromUpperLeftWithStyle(x0, y0, m.Width, m.Height, "FD")
	for x := m.BarLength; x < m.Width; x += m.BarLength {
		d.pdf.SetStrokeColor(232, 232, 230)
		d.pdf.Line(x0+x, y0, x0+x, y0+m.Height)
	}
	for y := m.BarLength; y < m.Height; y += m.BarLength {
		d.pdf.Line(x0, y0+y, x0+m.Width, y0+y)
	}
	if m.Property != nil {
		d.ring(m, x0, y0)
	}
	for _, pin := range m.Pins {
		switch at := pin.Item.Certification.Location; {
		case at == nil:
			d.dot(x0+pin.X, y0+pin.Y, 3.2, 120, 120, 120)
		case *at:
			d.dot(x0+pin.X, y0+pin.Y, 3.2, 22, 120, 60)
		default:
			d.pdf.SetStrokeColor(176, 32, 32)
			d.pdf.SetLineWidth(1.4)
			d.pdf.Line(x0+pin.X-3, y0+pin.Y-3, x0+pin.X+3, y0+pin.Y+3)
			d.pdf.Line(x0+pin.X-3, y0+pin.Y+3, x0+pin.X+3, y0+pin.Y-3)
		}
	}
	if p := m.Property; p != nil {
		d.pdf.SetFillColor(20, 20, 20)
		d.pdf.RectFromUpperLeftWithStyle(x0+p.X-4, y0+p.Y-4, 8, 8, "F")
		d.text(bold, 8, x0+p.X+7, y0+p.Y-4, 0, "Property")
	}
	d.pdf.SetStrokeColor(20, 20, 20)
	d.pdf.SetLineWidth(1.2)
	d.pdf.Line(x0+10, y0+m.Height-10, x0+10+m.BarLength, y0+m.Height-10)
	d.text(regular, 8, x0+10, y0+m.Height-22, 0, metres(m.BarMetres))
	d.text(bold, 9, x0+m.Width-20, y0+8, 0, "N ↑")
	d.y += m.Height + 6
	d.gray(80)
	legend := "●  location certified     ×  not certified     ● (gray)  nothing to judge by     ■  the property"
	if m.Radius > 0 {
		legend += "     ○  certification radius"
	}
	d.text(regular, 7.5, x0, d.y, inner, legend)
	d.gray(0)
	d.y += 18
}

func metres(n float64) string {
	if n >= 1000 {
		return fmt.Sprintf("%g km", n/1000)
	}
	return fmt.Sprintf("%g m", n)
}

func circle(x, y, r float64, corners int) []gopdf.Point {
	points := make([]gopdf.Point, corners)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(corners))
		points[i] = gopdf.Point{X: x + r*cos, Y: y + r*sin}
	}
	return points
}

func (d *document) dot(x, y, r float64, red, green, blue uint8) {
	d.pdf.SetLineWidth(0.4)
	d.pdf.SetStrokeColor(255, 255, 255)
	d.pdf.SetFillColor(red, green, blue)
	d.pdf.Polygon(circle(x, y, r, 16), "FD")
}

// ring draws the radius of certification, as far as it lies on the map.
func (d *document) ring(m *models.PinMap, x0, y0 float64) {
	d.pdf.SetStrokeColor(150, 170, 190)
	d.pdf.SetLineWidth(0.8)
	points := circle(m.Property.X, m.Property.Y, m.Radius, 180)
	on := func(p gopdf.Point) bool { return p.X >= 0 && p.Y >= 0 && p.X <= m.Width && p.Y <= m.Height }
	for i, a := range points {
		b := points[(i+1)%len(points)]
		if on(a) && on(b) {
			d.pdf.Line(x0+a.X, y0+a.Y, x0+b.X, y0+b.Y)
		}
	}
}

const (
	questionWidth = 220.0
	answerLeft    = margin + questionWidth + 12
	answerWidth   = inner - questionWidth - 12
)

func (d *document) surveys(v *Visit) {
	for _, s := range v.Surveys {
		title := "Survey: " + s.Name
		if s.Task != "" && s.Task != s.Name {
			title += " (" + s.Task + ")"
		}
		d.begin(1, 13, 60, title)
		at := s.Item.ReceivedAt
		if s.Item.TakenAt != nil {
			at = *s.Item.TakenAt
		}
		d.gray(110)
		d.text(regular, 9, margin, d.y, inner, "Answered "+d.when(&at)+"  ·  "+v.Proof.Names[s.Item.UploadedBy])
		d.gray(0)
		d.y += 18
		part := ""
		for _, a := range s.Answers {
			if a.Section != part {
				part = a.Section
				if part != "" {
					d.heading(10.5, part)
				}
			}
			d.answer(a)
		}
		if len(s.Answers) == 0 {
			d.paragraph(9, "The answers can't be shown here: they are in the archive as they came.")
		}
	}
}

func (d *document) answer(a models.FilledAnswer) {
	question := d.wrap(regular, 9, questionWidth, a.Question)
	var answer []string
	for _, text := range a.Answers {
		answer = append(answer, d.wrap(bold, 9, answerWidth, text)...)
	}
	if len(answer) == 0 && len(a.Photos) == 0 {
		answer = []string{"–"}
	}
	for i := range max(len(question), len(answer)) {
		d.room(14)
		if i < len(question) {
			d.gray(80)
			d.text(regular, 9, margin, d.y, questionWidth, question[i])
			d.gray(0)
		}
		if i < len(answer) {
			d.text(bold, 9, answerLeft, d.y, answerWidth, answer[i])
		}
		d.y += 13
	}
	d.named(a.Photos)
	d.y += 3
}

// named lists photos by their numbers, each a link to where it is shown.
func (d *document) named(photos []*models.Item) {
	x := answerLeft
	for i, p := range photos {
		label := fmt.Sprintf("Photo %d", d.numbers[p.ID])
		wide := d.width(regular, 9, label)
		if i > 0 && x+wide > answerLeft+answerWidth {
			x, d.y = answerLeft, d.y+13
		}
		d.room(14)
		d.pdf.SetTextColor(20, 70, 160)
		d.text(regular, 9, x, d.y, 0, label)
		d.pdf.AddInternalLink("photo-"+p.ID, x, d.y-1, wide, 12)
		x += wide + 10
	}
	d.gray(0)
	if len(photos) > 0 {
		d.y += 13
	}
}

// proof ends the report with the head of the chain, which whoever holds the report can check later.
func (d *document) proof() {
	if d.Head == nil {
		return
	}
	d.begin(1, 13, 110, "Proof")
	d.gray(110)
	d.text(regular, 10, margin, d.y, 140, "Head of the chain")
	d.gray(0)
	d.text(regular, 8.5, margin+150, d.y, inner-150, d.Head.Text())
	d.y += 17
	d.row("Signed at", d.when(&d.Head.SignedAt))
	d.row("Key", d.Head.KeyID)
	d.row("Account", d.Head.Account)
	d.y += 4
	d.paragraph(9, "Everything published up to this report is signed and chained: this head can't stay the same if anything before it is changed, removed or put in. "+
		"Keep the report, and hold the head against an archive received later: fieldproof verify ARCHIVE.zip --head "+fmt.Sprintf("%d:%.12s…", d.Head.Sequence, d.Head.Head)+" with all digits. "+
		"The code beside each photo opens its original.")
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
