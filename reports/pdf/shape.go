package pdf

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/harfbuzz"
	"github.com/go-text/typesetting/language"
)

// Cluster is letters that are drawn together: one alone, one with its accents, or a ligature.
type Cluster struct {
	At     int     // where its letters begin in the text
	Text   string  // its letters
	Width  float64 // in sizes of the face, as all that follows
	glyphs []glyph
}

// glyph is a shape of a face, and where it is drawn from where its cluster begins.
type glyph struct {
	number uint16
	x, y   float64
}

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
		c, p := &clusters[len(clusters)-1], b.Pos[n]
		c.glyphs = append(c.glyphs, glyph{uint16(info.Glyph), c.Width + float64(p.XOffset)/f.unitsPerEm, float64(p.YOffset) / f.unitsPerEm})
		c.Width += float64(p.XAdvance) / f.unitsPerEm
	}
	if leftward {
		slices.Reverse(clusters)
	}
	for n := range clusters {
		c, end := &clusters[n], to
		if n+1 < len(clusters) {
			end = clusters[n+1].At
		}
		if leftward {
			slices.Reverse(c.glyphs)
		}
		c.Text = string(text[c.At:end])
	}
	return clusters
}

// Shaped draws clusters on a line from x on; y is the line itself. Leftward the first is the rightmost: they are drawn in the
// sequence in which they are read.
func (p *Page) Shaped(f *Face, size, x, y float64, c Colour, clusters []Cluster, leftward bool) {
	u := p.begin(f, size, x, y, c)
	at, pen, rise := 0.0, 0.0, 0.0
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
		letters := []rune(one.Text)
		for n, g := range one.glyphs { // each stands for a letter, in turn, the last for all that are left
			take := min(1, len(letters))
			if n == len(one.glyphs)-1 {
				take = len(letters)
			}
			says := cmp.Or(string(letters[:take]), wordJoiner)
			letters = letters[take:]
			if g.y != rise {
				rise = g.y
				p.content = append(p.content, "] TJ "...)
				p.op("Ts", rise*size)
				p.content = append(p.content, '[')
			}
			if back := math.Round((pen - at - g.x) * 1000); back != 0 {
				p.content = appendNumber(p.content, back)
				pen -= back / 1000
			}
			p.content = fmt.Appendf(p.content, "<%04X>", u.shape(g.number, says))
			pen += float64(f.thousandths(g.number)) / 1000
		}
		if !leftward {
			at += one.Width
		}
	}
	p.content = append(p.content, "] TJ "...)
	if rise != 0 {
		p.op("Ts", 0)
	}
	p.content = append(p.content, "ET\n"...)
}

// wordJoiner says nothing: a glyph beyond the letters of its cluster stands for it.
const wordJoiner = "\u2060"
