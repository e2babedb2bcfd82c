package reports

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"

	"fieldproof/reports/pdf"
)

// Picture is a map as a page in a browser shows it: the content of an SVG element of so many points, and what the map says to
// whoever can't see it.
type Picture struct {
	Width, Height float64
	Alt           string
	Drawn         template.HTML
}

// Maps are the maps of an order's report for a page in a browser.
type Maps struct {
	Overview *Picture // nil where one map shows all
	CloseUp  *Picture // nil where a map would say nothing
	Narrow   *Picture // the close-up for a phone; nil with CloseUp
	Words    string   // how to read them and what is on none; where a map would say nothing, where the photos were taken
}

const (
	screenWide, phoneWide, phoneHigh = 528.0, 226.0, 212.0
)

// Maps draws where the photos of the first visit were taken.
func (c *Content) Maps() (*Maps, error) {
	d, err := newDocument(c)
	if err != nil {
		return nil, err
	}
	v := &d.visits[0]
	wide := d.chart(v, screenWide, mapHeight)
	if wide == nil || !located(v.Proof) {
		return &Maps{Words: d.onePlace(v)}, nil
	}
	narrow := *wide
	if narrow.closeUp = v.Proof.Map(phoneWide, phoneHigh); wide.overview == nil && wide.closeUp.Property != nil {
		narrow.closeUp = v.Proof.MapOfRadius(phoneWide, phoneHigh)
	}
	numbers := "pdf_numbers"
	maps := &Maps{}
	if m := wide.overview; m != nil {
		numbers = "pdf_numbers_frame"
		maps.Overview = d.pictured(m.Width, m.Height, d.overviewAlt(m), func(on *drawing) { on.overview(m, wide.closeUp, 0, 0) })
	}
	near := func(c *chart) *Picture {
		m := c.closeUp
		return d.pictured(m.Width, m.Height, d.closeUpAlt(c), func(on *drawing) { on.closeUp(m, 0, 0, c.overview == nil) })
	}
	maps.CloseUp, maps.Narrow = near(wide), near(&narrow)
	maps.Words = strings.Join(append(append([]string{d.says.Say(numbers)}, d.besides(v, wide.closeUp)...), d.says.Say("pdf_map_note")), " ")
	return maps, nil
}

func (d *document) pictured(width, height float64, alt string, draw func(*drawing)) *Picture {
	s := &screen{}
	draw(&drawing{d, s})
	return &Picture{width, height, alt, template.HTML(s.String())} //nolint:gosec // all text in it is escaped by label
}

// screen is a picture of a page in a browser as a sketch. It uses attributes alone: the policy of our pages forbids styles in line.
type screen struct{ strings.Builder }

// n writes a length to a hundredth of a point.
func n(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

func hex(c pdf.Colour) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

func dashes(lengths []float64) string {
	if len(lengths) == 0 {
		return ""
	}
	said := make([]string, len(lengths))
	for i, l := range lengths {
		said[i] = n(l)
	}
	return ` stroke-dasharray="` + strings.Join(said, " ") + `"`
}

func edged(c pdf.Colour, width float64, dash []float64) string {
	return ` stroke="` + hex(c) + `" stroke-width="` + n(width) + `"` + dashes(dash)
}

func (s *screen) Line(x1, y1, x2, y2, width float64, c pdf.Colour, dash ...float64) {
	fmt.Fprintf(s, `<path d="M%s %sL%s %s"%s/>`, n(x1), n(y1), n(x2), n(y2), edged(c, width, dash))
}

func (s *screen) Rect(x, y, w, h float64, c pdf.Colour) {
	fmt.Fprintf(s, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s"/>`, n(x), n(y), n(w), n(h), hex(c))
}

func (s *screen) Frame(x, y, w, h, width float64, c pdf.Colour, dash ...float64) {
	fmt.Fprintf(s, `<rect x="%s" y="%s" width="%s" height="%s" fill="none"%s/>`, n(x), n(y), n(w), n(h), edged(c, width, dash))
}

func (s *screen) Shape(c pdf.Colour, points ...pdf.Point) {
	s.WriteString(`<path d="`)
	for i, p := range points {
		fmt.Fprintf(s, "%c%s %s", "ML"[min(i, 1)], n(p.X), n(p.Y))
	}
	fmt.Fprintf(s, `z" fill="%s"/>`, hex(c))
}

func (s *screen) Circle(x, y, r float64, of pdf.Style) { s.Pill(x-r, y-r, 2*r, 2*r, of) }

func (s *screen) Pill(x, y, w, h float64, of pdf.Style) {
	fill, edge := "none", ""
	if of.Fill != nil {
		fill = hex(*of.Fill)
	}
	if of.Edge != nil {
		edge = edged(*of.Edge, of.Width, of.Dash)
	}
	fmt.Fprintf(s, `<rect x="%s" y="%s" width="%s" height="%s" rx="%s" fill="%s"%s/>`, n(x), n(y), n(w), n(h), n(min(w, h)/2), fill, edge)
}

// Clip draws in an element of its own, which shows nothing beyond its edges.
func (s *screen) Clip(x, y, w, h float64, do func()) {
	fmt.Fprintf(s, `<svg x="%s" y="%s" width="%s" height="%s" viewBox="%s %s %s %s">`, n(x), n(y), n(w), n(h), n(x), n(y), n(w), n(h))
	do()
	s.WriteString(`</svg>`)
}

func (s *screen) label(of style, x, y, side float64, text string) {
	anchor := map[float64]string{0: "start", 0.5: "middle", 1: "end"}[side]
	weight := ""
	if of.strong {
		weight = ` font-weight="640"`
	}
	fmt.Fprintf(s, `<text x="%s" y="%s" text-anchor="%s" font-size="%s"%s fill="%s">%s</text>`, n(x), n(y), anchor, n(of.size), weight, hex(of.colour), template.HTMLEscapeString(strings.TrimSpace(text)))
}
