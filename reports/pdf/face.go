// Package pdf writes PDF documents that can be read aloud: text, JPEG photos, lines and shapes, each in the tree of what it is
// (PDF/UA-1). It writes as it goes and holds no picture once it is written: a document takes no more memory than its text.
package pdf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/font/opentype/tables"
)

// Face is a TrueType font, good for any number of documents at once.
type Face struct {
	name       string
	unitsPerEm float64
	glyphs     map[rune]uint16
	low        [0x250]uint16 // the same, of the letters that most texts are of
	advances   []uint16
	tables     map[string][]byte
	long       bool // how loca is written
	font       *font.Font
}

// Parse reads a font, TrueType or OpenType.
func Parse(file []byte) (*Face, error) {
	loader, err := opentype.NewLoader(bytes.NewReader(file))
	if err != nil {
		return nil, err
	}
	return parse(loader)
}

func parse(loader *opentype.Loader) (*Face, error) {
	parsed, err := font.NewFont(loader)
	if err != nil {
		return nil, err
	}
	f := &Face{font: parsed, name: nameOf(loader, postScript), unitsPerEm: float64(parsed.Upem()), glyphs: map[rune]uint16{}, tables: map[string][]byte{}}
	least := map[string]int{"head": 54, "hhea": 36, "maxp": 6, "hmtx": 4, "loca": 0, "glyf": 0, "cvt ": 0, "fpgm": 0, "prep": 0}
	if !loader.HasTable(opentype.MustNewTag("CFF ")) && !loader.HasTable(opentype.MustNewTag("CFF2")) {
		least["loca"], least["glyf"] = 4, 1
	}
	for name, least := range least {
		table, err := loader.RawTable(opentype.MustNewTag(name))
		if err == nil {
			f.tables[name] = table
		}
		if len(table) < least {
			return nil, fmt.Errorf("pdf: the font %s has no table %s", f.name, name)
		}
	}
	f.long = f.tables["head"][51] == 1
	metrics := int(binary.BigEndian.Uint16(f.tables["hhea"][34:]))
	if metrics == 0 || len(f.tables["hmtx"]) < 4*metrics {
		return nil, errShort
	}
	f.advances = make([]uint16, binary.BigEndian.Uint16(f.tables["maxp"][4:]))
	for g := range f.advances {
		f.advances[g] = binary.BigEndian.Uint16(f.tables["hmtx"][4*min(g, metrics-1):])
	}
	for all := parsed.Cmap.Iter(); all.Next(); {
		r, g := all.Char()
		if r < ' ' || g == 0 || int(g) >= len(f.advances) {
			continue
		}
		f.glyphs[r] = uint16(g)
		if int(r) < len(f.low) {
			f.low[r] = uint16(g)
		}
	}
	return f, nil
}

// What a font is called.
const (
	family     = 1
	postScript = 6
)

func nameOf(loader *opentype.Loader, what tables.NameID) string {
	raw, err := loader.RawTable(opentype.MustNewTag("name"))
	if err != nil {
		return ""
	}
	names, _, err := tables.ParseName(raw)
	if err != nil {
		return ""
	}
	return names.Name(what)
}

var errShort = errors.New("pdf: the font ends too early")

func (f *Face) glyph(r rune) uint16 {
	if int(r) < len(f.low) && r >= 0 {
		return f.low[r]
	}
	return f.glyphs[r]
}

// Has tells whether the face has a letter.
func (f *Face) Has(r rune) bool { return f.glyph(r) != 0 }

// Advance is a letter's width, in sizes of the face. What it has not is a box.
func (f *Face) Advance(r rune) float64 { return float64(f.advances[f.glyph(r)]) / f.unitsPerEm }

// Descent is how far letters reach below the line, and Ascent how far above, in sizes of the face.
func (f *Face) Descent() float64 { return -f.signed("hhea", 6) }

// Ascent is how far letters reach above the line.
func (f *Face) Ascent() float64 { return f.signed("hhea", 4) }

func (f *Face) signed(table string, at int) float64 {
	return float64(int16(binary.BigEndian.Uint16(f.tables[table][at:]))) / f.unitsPerEm
}

// outline is the description of a glyph, empty for one that shows nothing.
func (f *Face) outline(g uint16) []byte {
	if f.tables["glyf"] == nil {
		return f.converted(g)
	}
	loca, glyf := f.tables["loca"], f.tables["glyf"]
	at := func(n int) int {
		if f.long {
			if 4*n+4 > len(loca) {
				return 0
			}
			return int(binary.BigEndian.Uint32(loca[4*n:]))
		}
		if 2*n+2 > len(loca) {
			return 0
		}
		return 2 * int(binary.BigEndian.Uint16(loca[2*n:]))
	}
	from, to := at(int(g)), at(int(g)+1)
	if from < 0 || to > len(glyf) || from >= to {
		return nil
	}
	return glyf[from:to]
}

// Flags of a composite glyph's parts.
const (
	wordArguments = 1 << 0
	byPlace       = 1 << 1
	oneScale      = 1 << 3
	moreParts     = 1 << 5
	twoScales     = 1 << 6
	fourScales    = 1 << 7
)

// cut is a font of these drawings alone, in this sequence, and of the glyphs that they are composed of.
func (f *Face) cut(drawings []drawing) []byte {
	drawings = slices.Clone(drawings)
	place := map[uint16]int{}
	for n, d := range drawings {
		if g, alone := d.alone(); alone {
			if _, there := place[g]; !there {
				place[g] = n
			}
		}
	}
	placed := func(g uint16) int {
		at, there := place[g]
		if !there {
			at = len(drawings)
			place[g] = at
			drawings = append(drawings, f.alone(g))
		}
		return at
	}
	var glyf, loca, hmtx []byte
	most := uint16(0)
	for n := 0; n < len(drawings); n++ { // it grows
		d := drawings[n]
		loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
		var outline []byte
		hmtx = binary.BigEndian.AppendUint16(hmtx, uint16(d.width))
		if g, alone := d.alone(); alone {
			outline = slices.Clone(f.outline(g))
			replaced(outline, placed)
			hmtx = binary.BigEndian.AppendUint16(hmtx, f.bearing(g, outline))
		} else {
			most = max(most, uint16(len(d.glyphs)))
			outline = f.composed(d, placed)
			hmtx = binary.BigEndian.AppendUint16(hmtx, leftmost(outline))
		}
		glyf = append(glyf, outline...)
		for len(glyf)%4 != 0 {
			glyf = append(glyf, 0)
		}
	}
	loca = binary.BigEndian.AppendUint32(loca, uint32(len(glyf)))
	head, hhea, maxp := slices.Clone(f.tables["head"]), slices.Clone(f.tables["hhea"]), slices.Clone(f.tables["maxp"])
	binary.BigEndian.PutUint32(head[8:], 0)
	binary.BigEndian.PutUint16(head[50:], 1)
	binary.BigEndian.PutUint16(hhea[34:], uint16(len(drawings)))
	binary.BigEndian.PutUint16(maxp[4:], uint16(len(drawings)))
	if f.tables["glyf"] == nil {
		maxp = profile(maxp)
	}
	if most > 0 && len(maxp) >= 32 { // parts of a composite, and how deep: one composed here may hold others
		binary.BigEndian.PutUint16(maxp[28:], max(binary.BigEndian.Uint16(maxp[28:]), most))
		binary.BigEndian.PutUint16(maxp[30:], binary.BigEndian.Uint16(maxp[30:])+1)
	}
	tables := map[string][]byte{"head": head, "hhea": hhea, "maxp": maxp, "hmtx": hmtx, "loca": loca, "glyf": glyf}
	for _, hints := range []string{"cvt ", "fpgm", "prep"} {
		if there := f.tables[hints]; len(there) > 0 {
			tables[hints] = there
		}
	}
	return assembled(tables)
}

// alone is a drawing's glyph where it draws one as the face has it.
func (d drawing) alone() (uint16, bool) {
	g := d.glyphs[0]
	return g.number, len(d.glyphs) == 1 && g.x == 0 && g.y == 0
}

// bearing is how far right of its place a glyph begins.
func (f *Face) bearing(g uint16, outline []byte) uint16 {
	if f.tables["glyf"] == nil {
		return leftmost(outline)
	}
	bearings := f.tables["hmtx"]
	metrics := int(binary.BigEndian.Uint16(f.tables["hhea"][34:]))
	at := 4*int(g) + 2
	if int(g) >= metrics {
		at = 4*metrics + 2*(int(g)-metrics)
	}
	if at+2 > len(bearings) {
		return 0
	}
	return binary.BigEndian.Uint16(bearings[at:])
}

func leftmost(outline []byte) uint16 {
	if len(outline) < 4 {
		return 0
	}
	return binary.BigEndian.Uint16(outline[2:])
}

// replaced gives the parts of a composite outline their numbers in another font.
func replaced(outline []byte, placed func(uint16) int) {
	if len(outline) <= 10 || int16(binary.BigEndian.Uint16(outline)) >= 0 {
		return
	}
	for at := 10; at+4 <= len(outline); {
		flags := binary.BigEndian.Uint16(outline[at:])
		binary.BigEndian.PutUint16(outline[at+2:], uint16(placed(binary.BigEndian.Uint16(outline[at+2:]))))
		at += 6
		if flags&wordArguments != 0 {
			at += 2
		}
		switch {
		case flags&oneScale != 0:
			at += 2
		case flags&twoScales != 0:
			at += 4
		case flags&fourScales != 0:
			at += 8
		}
		if flags&moreParts == 0 {
			return
		}
	}
}

// composed is the outline of several glyphs as one, so that their letters are those of one code.
func (f *Face) composed(d drawing, placed func(uint16) int) []byte {
	outline := binary.BigEndian.AppendUint16(nil, 0xffff) // composite
	box := [4]int16{math.MaxInt16, math.MaxInt16, math.MinInt16, math.MinInt16}
	var parts []byte
	last := 0
	for _, g := range d.glyphs {
		of := f.outline(g.number)
		if len(of) < 10 {
			continue
		}
		side := func(n int) int16 { return int16(binary.BigEndian.Uint16(of[2+2*n:])) }
		box = [4]int16{min(box[0], side(0)+g.x), min(box[1], side(1)+g.y), max(box[2], side(2)+g.x), max(box[3], side(3)+g.y)}
		last = len(parts)
		for _, n := range []uint16{wordArguments | byPlace | moreParts, uint16(placed(g.number)), uint16(g.x), uint16(g.y)} {
			parts = binary.BigEndian.AppendUint16(parts, n)
		}
	}
	if len(parts) == 0 {
		return nil
	}
	binary.BigEndian.PutUint16(parts[last:], wordArguments|byPlace)
	for _, n := range box {
		outline = binary.BigEndian.AppendUint16(outline, uint16(n))
	}
	return append(outline, parts...)
}

func assembled(tables map[string][]byte) []byte {
	names := []string{}
	for name := range tables {
		names = append(names, name)
	}
	slices.Sort(names)
	power, log := 1, 0
	for power*2 <= len(names) {
		power, log = power*2, log+1
	}
	out := []byte{0, 1, 0, 0}
	for _, n := range []int{len(names), power * 16, log, len(names)*16 - power*16} {
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	}
	offset := 12 + 16*len(names)
	for _, name := range names {
		table := tables[name]
		out = append(out, name...)
		out = binary.BigEndian.AppendUint32(out, checksum(table))
		out = binary.BigEndian.AppendUint32(out, uint32(offset))
		out = binary.BigEndian.AppendUint32(out, uint32(len(table)))
		offset += (len(table) + 3) &^ 3
	}
	for _, name := range names {
		out = append(out, tables[name]...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	return out
}

func checksum(table []byte) (sum uint32) {
	for at := 0; at < len(table); at += 4 {
		var word [4]byte
		copy(word[:], table[at:])
		sum += binary.BigEndian.Uint32(word[:])
	}
	return sum
}
