package reports

import (
	"compress/gzip"
	"embed"
	"errors"
	"io"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/go-text/typesetting/segmenter"
	"golang.org/x/text/unicode/norm"

	"fieldproof/models"
	"fieldproof/reports/pdf"
)

// Measures in points (1/72 inch).
const (
	margin  = 42.0 // left and right
	top     = 58.0 // where text begins
	runner  = 28.0 // where the line above the text stands
	footed  = 26.0 // from below
	under   = 54.0 // that the text leaves below
	between = 12.0 // columns
)

// paper is the size of a page.
type paper struct{ width, height float64 }

var (
	letter = paper{612, 792}
	a4     = paper{595.28, 841.89}
)

// paperOf is what a region prints on.
func paperOf(a *models.Account) paper {
	if slices.Contains([]string{"US", "CA", "MX", ""}, a.Region) {
		return letter
	}
	return a4
}

func (p paper) inner() float64  { return p.width - 2*margin }
func (p paper) bottom() float64 { return p.height - under }
func (p paper) full() float64   { return p.bottom() - top }

// column is the width of one of so many columns.
func (p paper) column(of int) float64 { return (p.inner() - between*float64(of-1)) / float64(of) }

// Colours. Ink is text; what is certified or not has a shape and a word beside its colour.
var (
	ink      = pdf.Colour{R: 0x13, G: 0x1c, B: 0x26}
	second   = pdf.Colour{R: 0x43, G: 0x4f, B: 0x5c}
	good     = pdf.Colour{R: 0x12, G: 0x61, B: 0x3a}
	goodMark = pdf.Colour{R: 0x1b, G: 0x7f, B: 0x4a}
	warn     = pdf.Colour{R: 0x74, G: 0x50, B: 0x00}
	idle     = pdf.Colour{R: 0x66, G: 0x72, B: 0x7e}
	rule     = pdf.Colour{R: 0xb4, G: 0xbd, B: 0xc6}
	hair     = pdf.Colour{R: 0xd4, G: 0xda, B: 0xe0}
	faint    = pdf.Colour{R: 0xe4, G: 0xe9, B: 0xee}
	ground   = pdf.Colour{R: 0xf1, G: 0xf4, B: 0xf6}
	white    = pdf.Colour{R: 0xff, G: 0xff, B: 0xff}
	ours     = pdf.Colour{R: 0x17, G: 0x50, B: 0x8f}
)

// colourOf is the account's colour: of rules, never of text.
func colourOf(a *models.Account) pdf.Colour {
	n, err := strconv.ParseUint(strings.TrimPrefix(a.Colour, "#"), 16, 32)
	if err != nil || len(a.Colour) != 7 {
		return ours
	}
	return pdf.Colour{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n)}
}

//go:embed fonts/*.ttf.gz
var fonts embed.FS

// typeface is a face, and those that stand in for letters which it has not.
type typeface struct {
	faces  []*pdf.Face
	strong bool
}

// machine has the fonts that are installed, for letters that none of ours has.
var machine = pdf.Installed{Folders: pdf.Folders()}

// of is the face that has a letter; what none has is the first one's box.
func (t typeface) of(r rune) *pdf.Face {
	for _, f := range t.faces {
		if f.Has(r) {
			return f
		}
	}
	if !unicode.In(r, unicode.Cf, unicode.Variation_Selector) {
		if f := machine.Face(r, t.strong); f != nil {
			return f
		}
	}
	return t.faces[0]
}

// faces are parsed once a process: regular and strong ones.
var faces = sync.OnceValues(func() (faces [2]typeface, err error) {
	for n, weight := range []string{"regular", "strong"} {
		faces[n].strong = weight == "strong"
		for _, name := range []string{"atkinson-next", "noto-arabic", "noto-devanagari", "dejavu"} {
			face, failed := embedded("fonts/" + name + "-" + weight + ".ttf.gz")
			faces[n].faces, err = append(faces[n].faces, face), errors.Join(err, failed)
		}
	}
	return faces, err
})

func embedded(name string) (*pdf.Face, error) {
	packed, err := fonts.Open(name)
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	file, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	ttf, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	return pdf.Parse(ttf)
}

// style is how a text is set.
type style struct {
	size, leading float64
	strong        bool
	colour        pdf.Colour
}

func (s style) bold() style               { s.strong = true; return s }
func (s style) in(c pdf.Colour) style     { s.colour = c; return s }
func (s style) at(size float64) style     { s.size = size; return s }
func (s style) led(leading float64) style { s.leading = leading; return s }

// The styles.
var (
	title    = style{25, 29, true, ink}
	subtitle = style{13, 18, false, ink}
	lead     = style{11.5, 16.5, false, ink}
	section1 = style{15, 19, true, ink}
	section2 = style{14, 18, true, ink}
	section3 = style{12.5, 16, true, ink}
	plain    = style{9.5, 13.5, false, ink}
	cellText = style{9, 12.5, false, ink}
	small    = style{8.5, 11.5, false, ink}
	captions = style{8.5, 11.25, false, ink}
	tiny     = style{7.5, 9.75, false, ink}
	running  = style{8, 11, false, second}
	footing  = style{7.5, 10, false, second}
	shotName = style{9.5, 13, true, ink}
)

// span is a text in one style.
type span struct {
	text string
	style
}

// piece is a part of a line that one face sets in one style.
type piece struct {
	face     *pdf.Face
	text     string
	shaped   []pdf.Cluster // instead of text, where letters join or read to the left
	level    uint8
	x, width float64
	style
}

// line is one line of text.
type line struct {
	pieces   []piece // as they are read
	width    float64
	leftward bool // the text reads to the left
}

// simple tells whether a letter is drawn as it is, to the right of the one before it: Latin, Greek, Cyrillic and signs.
func simple(r rune) bool {
	const accents, greek, armenian, moreLatin, ideographs = 0x300, 0x370, 0x530, 0x1e00, 0x2e80
	if r < accents {
		return true
	}
	return (r >= greek && r < armenian || r >= moreLatin && r < ideographs) && !unicode.In(r, unicode.M, unicode.Cf)
}

// clean drops what can't be drawn, control characters and formats but those that join, part or turn letters, and joins accents
// with their letters.
func clean(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r >= zeroWidthNonJoiner && r <= rightToLeftMark:
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, norm.NFC.String(s))
}

const zeroWidthNonJoiner, rightToLeftMark = '\u200c', '\u200f'

// set is a letter as it is set.
type set struct {
	r      rune
	face   *pdf.Face
	wide   float64 // of a shaped cluster its first letter has the width
	style  int
	begins bool // a line may begin with it
	level  uint8
	shaped bool
	joined *pdf.Cluster // which it is the first letter of
}

// with tells whether letters stand in one piece.
func (s *set) with(o *set) bool {
	return s.face == o.face && s.style == o.style && s.level == o.level && s.shaped == o.shaped
}

// unseen tells whether a letter shows nothing, at either end of a line.
func (s *set) unseen() bool {
	return s.r == ' ' || s.wide == 0 && s.r >= zeroWidthNonJoiner && s.r <= rightToLeftMark
}

// wrap breaks texts into lines of a width: where a line may end, and within a word that is wider than a line.
func (d *document) wrap(width float64, spans ...span) []line {
	letters, joins := d.letters[:0], false
	for n, s := range spans {
		t := d.face(s.style)
		for _, r := range clean(s.text) {
			f := t.of(r)
			letters = append(letters, set{r: r, face: f, wide: f.Advance(r) * s.size, style: n, begins: len(letters) > 0 && letters[len(letters)-1].r == ' '})
			joins = joins || !simple(r)
		}
	}
	d.letters = letters
	leftward := false
	if joins {
		leftward = d.shape(letters, spans)
	}
	var lines []line
	emit := func(from, to int, apart bool) {
		for from < to && letters[from].unseen() && len(lines) > 0 {
			from++
		}
		for to > from && letters[to-1].unseen() {
			to--
		}
		l := line{leftward: leftward}
		for at := from; at < to; {
			first := &letters[at]
			p := piece{face: first.face, level: first.level, style: spans[first.style].style}
			d.text.Reset()
			for ; at < to && letters[at].with(first); at++ {
				if letters[at].joined != nil {
					p.shaped = append(p.shaped, *letters[at].joined)
				} else if !first.shaped {
					d.text.WriteRune(letters[at].r)
				}
				p.width += letters[at].wide
			}
			p.text = d.text.String()
			l.pieces = append(l.pieces, p)
		}
		l.arrange()
		if apart && len(l.pieces) > 0 {
			l.apart()
		}
		lines = append(lines, l)
	}
	start, broken, wide := 0, -1, 0.0
	for i := 0; i < len(letters); i++ {
		l := letters[i]
		if l.begins {
			broken = i
		}
		wide += l.wide
		if wide <= width+0.01 || i == start || l.unseen() || l.wide == 0 {
			continue
		}
		if broken > start {
			emit(start, broken, letters[broken-1].r == ' ')
			start = broken
		} else {
			emit(start, i, false)
			start = i
		}
		i, wide, broken = start-1, 0, -1
	}
	if start < len(letters) {
		emit(start, len(letters), true)
	}
	return lines
}

// shape gives letters their levels and joins those that join; whether the text reads to the left.
func (d *document) shape(letters []set, spans []span) (leftward bool) {
	text := make([]rune, len(letters))
	for n := range letters {
		text[n] = letters[n].r
	}
	base := direction(text)
	for n, level := range levels(text, base) {
		letters[n].level = level
		if n > 0 && (text[n] == ' ' || unicode.In(text[n], unicode.M, unicode.Cf)) {
			d.keep(&letters[n-1], &letters[n], d.face(spans[letters[n].style].style))
		}
	}
	var lines segmenter.Segmenter
	lines.Init(text)
	for l := lines.LineIterator(); l.Next(); {
		letters[l.Line().Offset].begins = l.Line().Offset > 0
	}
	for from := 0; from < len(letters); {
		to, joins := from, letters[from].level%2 == 1
		for to < len(letters) && letters[to].with(&letters[from]) {
			joins = joins || !simple(text[to])
			to++
		}
		if !joins {
			for ; from < to; from++ {
				l := &letters[from]
				l.wide = l.face.Advance(l.r) * spans[l.style].size
			}
			continue
		}
		clusters := d.shaper.Shape(letters[from].face, text, from, to, letters[from].level%2 == 1)
		for ; from < to; from++ {
			l := &letters[from]
			l.shaped, l.wide = true, 0
			if len(clusters) > 0 && clusters[0].At == from {
				l.joined, l.wide = &clusters[0], clusters[0].Width*spans[l.style].size
				clusters = clusters[1:]
			} else if !l.unseen() {
				l.begins = false
			}
		}
	}
	return base == 1
}

// keep sets a blank or an accent in the face of the letter before it, or both in one that has them.
func (d *document) keep(before, after *set, t typeface) {
	if before.style != after.style {
		return
	}
	for _, f := range append([]*pdf.Face{before.face}, t.faces...) {
		if f.Has(before.r) && (f.Has(after.r) || unicode.Is(unicode.Cf, after.r)) {
			before.face, after.face = f, f
			return
		}
	}
}

// arrange places the pieces of a line from left to right.
func (l *line) arrange() {
	levels := make([]uint8, len(l.pieces))
	for n, p := range l.pieces {
		levels[n] = p.level
	}
	for _, n := range visual(levels) {
		l.pieces[n].x = l.width
		l.width += l.pieces[n].width
	}
}

// apart ends a line with a blank, so that what reads it aloud keeps the words apart.
func (l *line) apart() {
	last := &l.pieces[len(l.pieces)-1]
	if last.shaped == nil {
		last.text += " "
		return
	}
	blank := piece{face: last.face, text: " ", x: last.x + last.width, style: last.style}
	if last.level%2 == 1 {
		blank.x = last.x - last.face.Advance(' ')*last.size
	}
	l.pieces = append(l.pieces, blank)
}

func (d *document) face(s style) typeface {
	if s.strong {
		return d.faces[1]
	}
	return d.faces[0]
}

// width is how wide a text is on one line.
func (d *document) width(s style, text string) float64 {
	t, wide := d.face(s), 0.0
	for _, r := range clean(text) {
		if !simple(r) {
			return d.wrap(math.Inf(1), span{text, s})[0].width
		}
		wide += t.of(r).Advance(r) * s.size
	}
	return wide
}

// note breaks what somebody wrote into lines, which stand at the side where its writing begins.
func (d *document) note(width float64, spans ...span) []line {
	lines := d.wrap(width, spans...)
	for _, l := range lines {
		for n := range l.pieces {
			if l.leftward {
				l.pieces[n].x += width - l.width
			}
		}
	}
	return lines
}

// shortened is a text that fits a width, cut at a word where it must be: for the lines that stand on every page alone.
func (d *document) shortened(s style, width float64, text string) string {
	letters := []rune(text)
	// No line holds more, and to measure a text costs what it is long.
	const most = 600
	cut := len(letters) > most
	letters = letters[:min(len(letters), most)]
	fits := func(n int) bool { return d.width(s, string(letters[:n])) <= width }
	if fits(len(letters)) && !cut {
		return text
	}
	n := sort.Search(len(letters), func(n int) bool { return !fits(n + 1) })
	text = string(letters[:n])
	if at := strings.LastIndexByte(text, ' '); at >= 0 && n < len(letters) && letters[n] != ' ' {
		text = text[:at]
	}
	return strings.TrimRight(text, " ,·")
}
