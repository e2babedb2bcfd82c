package reports

import (
	_ "embed"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/go-fonts/dejavu/dejavusansbold"
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

//go:embed fonts/atkinson-next-regular.ttf
var regularTTF []byte

//go:embed fonts/atkinson-next-strong.ttf
var strongTTF []byte

// typeface is a face and the one that stands in for letters which it has not.
type typeface [2]*pdf.Face

func (t *typeface) of(r rune) *pdf.Face {
	if t[0].Has(r) || !t[1].Has(r) {
		return t[0]
	}
	return t[1]
}

// faces are parsed once a process.
var faces = sync.OnceValues(func() (faces [2]typeface, err error) {
	for n, files := range [][2][]byte{{regularTTF, dejavusans.TTF}, {strongTTF, dejavusansbold.TTF}} {
		for m, file := range files {
			face, failed := pdf.Parse(file)
			faces[n][m], err = face, errors.Join(err, failed)
		}
	}
	return faces, err
})

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
	face *pdf.Face
	text string
	x    float64
	style
}

// line is one line of text.
type line struct {
	pieces []piece
	width  float64
}

// clean drops what can't be drawn, control and format characters, and joins accents with their letters.
func clean(s string) string {
	plain := true
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, norm.NFC.String(s))
}

// set is a letter as it is set.
type set struct {
	r     rune
	face  *pdf.Face
	wide  float64
	style int
}

// wrap breaks texts into lines of a width: at blanks, and within a word that is wider than a line.
func (d *document) wrap(width float64, spans ...span) []line {
	letters := d.letters[:0]
	for n, s := range spans {
		t := &d.faces[0]
		if s.strong {
			t = &d.faces[1]
		}
		for _, r := range clean(s.text) {
			f := t.of(r)
			letters = append(letters, set{r, f, f.Advance(r) * s.size, n})
		}
	}
	d.letters = letters
	var lines []line
	emit := func(from, to int, apart bool) {
		for from < to && letters[from].r == ' ' && len(lines) > 0 {
			from++
		}
		for to > from && letters[to-1].r == ' ' {
			to--
		}
		var l line
		for at := from; at < to; {
			end := at
			x := l.width
			d.text.Reset()
			for end < to && letters[end].face == letters[at].face && letters[end].style == letters[at].style {
				d.text.WriteRune(letters[end].r)
				l.width += letters[end].wide
				end++
			}
			l.pieces = append(l.pieces, piece{letters[at].face, d.text.String(), x, spans[letters[at].style].style})
			at = end
		}
		if apart && len(l.pieces) > 0 {
			l.pieces[len(l.pieces)-1].text += " " // so that what reads it aloud keeps the words apart
		}
		lines = append(lines, l)
	}
	start, broken, wide := 0, -1, 0.0
	for i := 0; i < len(letters); i++ {
		l := letters[i]
		if l.r == ' ' {
			broken = i
		}
		wide += l.wide
		if wide <= width+0.01 || i == start || l.r == ' ' {
			continue
		}
		if broken > start {
			emit(start, broken, true)
			start = broken + 1
		} else {
			emit(start, i, false)
			start = i
		}
		wide, broken = 0, -1
		for _, before := range letters[start : i+1] {
			wide += before.wide
		}
	}
	if start < len(letters) {
		emit(start, len(letters), true)
	}
	return lines
}

// width is how wide a text is on one line.
func (d *document) width(s style, text string) float64 {
	t := &d.faces[0]
	if s.strong {
		t = &d.faces[1]
	}
	wide := 0.0
	for _, r := range clean(text) {
		wide += t.of(r).Advance(r) * s.size
	}
	return wide
}

// shortened is a text that fits a width, cut at a word where it must be: for the lines that stand on every page alone.
func (d *document) shortened(s style, width float64, text string) string {
	for d.width(s, text) > width {
		at := strings.LastIndexByte(text, ' ')
		if at < 0 {
			runes := []rune(text)
			if len(runes) < 2 {
				return ""
			}
			text = string(runes[:len(runes)-1])
			continue
		}
		text = strings.TrimRight(text[:at], " ,·")
	}
	return text
}
