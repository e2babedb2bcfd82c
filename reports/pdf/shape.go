package pdf

import (
	"fmt"
	"math"
	"slices"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/harfbuzz"
	"github.com/go-text/typesetting/language"
)

// Cluster is letters that are drawn together: one alone, one with its accents, or a ligature.
type Cluster struct {
	At    int     // where its letters begin in the text
	Text  string  // its letters
	Width float64 // in sizes of the face
	drawn drawing
}

// drawing is what a cluster draws: glyphs of a face and how wide they are together, in units of the face.
type drawing struct {
	glyphs []glyph
	width  int
}

// glyph is a shape of a face, and where it is drawn from where its cluster begins.
type glyph struct {
	number uint16
	x, y   int16
}

// alone is a glyph as the face has it.
func (f *Face) alone(g uint16) drawing { return drawing{[]glyph{{number: g}}, int(f.advances[g])} }

// thousandths is a width as a document says it.
func (f *Face) thousandths(width int) int { return int(float64(width)/f.unitsPerEm*1000 + 0.5) }

// Shaper makes of letters the shapes that a script joins them to. It is of one document; a face is of all.
type Shaper struct {
	buffer *harfbuzz.Buffer
	fonts  map[*Face]*harfbuzz.Font
}

// Shape shapes the letters [from,to) of a text, which read in one direction, with what stands around them in mind. What the face has
// not is a box. The clusters come in the text's sequence, whatever the direction.
func (s *Shaper) Shape(f *Face, text []rune, from, to int, leftward bool) (clusters []Cluster) {
	for from < to {
		end, script := from, language.Common
		for end < to {
			if of := language.LookupScript(text[end]); of.Strong() {
				if script.Strong() && of != script {
					break
				}
				script = of
			}
			end++
		}
		clusters = append(clusters, s.script(f, text, from, end, script, leftward)...)
		from = end
	}
	return clusters
}

func (s *Shaper) script(f *Face, text []rune, from, to int, script language.Script, leftward bool) []Cluster {
	if s.buffer == nil {
		s.buffer, s.fonts = harfbuzz.NewBuffer(), map[*Face]*harfbuzz.Font{}
	}
	if s.fonts[f] == nil {
		s.fonts[f] = harfbuzz.NewFont(font.NewFace(f.font))
	}
	b := s.buffer
	b.Clear()
	b.Flags = harfbuzz.RemoveDefaultIgnorables
	b.Props = harfbuzz.SegmentProperties{Language: "und", Script: script, Direction: harfbuzz.LeftToRight}
	if leftward {
		b.Props.Direction = harfbuzz.RightToLeft
	}
	b.AddRunes(text, from, to-from)
	b.Shape(s.fonts[f], nil)
	var clusters []Cluster
	for n, info := range b.Info {
		if len(clusters) == 0 || clusters[len(clusters)-1].At != info.Cluster {
			clusters = append(clusters, Cluster{At: info.Cluster})
		}
		d, p := &clusters[len(clusters)-1].drawn, b.Pos[n]
		d.glyphs = append(d.glyphs, glyph{uint16(info.Glyph), int16(d.width + int(p.XOffset)), int16(p.YOffset)})
		d.width += int(p.XAdvance)
	}
	if leftward {
		slices.Reverse(clusters)
	}
	for n := range clusters {
		c, end := &clusters[n], to
		if n+1 < len(clusters) {
			end = clusters[n+1].At
		}
		c.Text, c.Width = string(text[c.At:end]), float64(c.drawn.width)/f.unitsPerEm
	}
	return clusters
}

// Shaped draws clusters on a line from x on; y is the line itself. Leftward the first is the rightmost: they are drawn in the
// sequence in which they are read.
func (p *Page) Shaped(f *Face, size, x, y float64, c Colour, clusters []Cluster, leftward bool) {
	u := p.begin(f, size, x, y, c)
	at, pen := 0.0, 0.0
	if leftward {
		for _, one := range clusters {
			at += one.Width
		}
	}
	p.content = append(p.content, '[')
	for _, one := range clusters {
		if leftward {
			at -= one.Width
		}
		if back := math.Round((pen - at) * 1000); back != 0 {
			p.content = appendNumber(p.content, back)
			pen -= back / 1000
		}
		p.content = fmt.Appendf(p.content, "<%04X>", u.draw(one.drawn, one.Text))
		pen += float64(f.thousandths(one.drawn.width)) / 1000
		if !leftward {
			at += one.Width
		}
	}
	p.content = append(p.content, "] TJ ET\n"...)
}
