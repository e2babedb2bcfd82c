package pdf

import (
	"encoding/binary"
	"math"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
)

// dot is a point of an outline, in units of its face: on the line, or one that a bow leans to.
type dot struct {
	x, y float64
	on   bool
}

// converted is the outline of a glyph of a face whose bows are cubic (CFF), in TrueType's quadratic ones: the document has one
// kind of face, and the bows come within half a unit of what they were.
func (f *Face) converted(g uint16) []byte {
	drawn, is := (&font.Face{Font: f.font}).GlyphData(font.GID(g)).(font.GlyphOutline)
	if !is || len(drawn.Segments) == 0 {
		return nil
	}
	var rounds [][]dot
	var at dot
	add := func(x, y float64, on bool) { rounds[len(rounds)-1] = append(rounds[len(rounds)-1], dot{x, y, on}) }
	for _, s := range drawn.Segments {
		p := make([]dot, 3)
		for n, a := range s.Args {
			p[n] = dot{float64(a.X), float64(a.Y), true}
		}
		end := p[0]
		if s.Op == opentype.SegmentOpMoveTo || len(rounds) == 0 {
			rounds = append(rounds, nil)
		}
		switch s.Op {
		case opentype.SegmentOpQuadTo:
			add(p[0].x, p[0].y, false)
			end = p[1]
		case opentype.SegmentOpCubeTo:
			bows(at, p[0], p[1], p[2], add)
			end = p[2]
		}
		add(end.x, end.y, true)
		at = end
	}
	return simple(rounds)
}

// bows adds the points of the quadratic bows that come near a cubic one, but for its end.
func bows(from, c1, c2, to dot, add func(x, y float64, on bool)) {
	const near = 0.5
	off := math.Hypot(to.x-3*c2.x+3*c1.x-from.x, to.y-3*c2.y+3*c1.y-from.y) * math.Sqrt(3) / 36
	parts := max(1, math.Ceil(math.Cbrt(off/near)))
	along := func(t float64) (x, y, dx, dy float64) {
		u := 1 - t
		a, b, c, d := u*u*u, 3*u*u*t, 3*u*t*t, t*t*t
		x, y = a*from.x+b*c1.x+c*c2.x+d*to.x, a*from.y+b*c1.y+c*c2.y+d*to.y
		e, f, g := 3*u*u, 6*u*t, 3*t*t
		return x, y, e*(c1.x-from.x) + f*(c2.x-c1.x) + g*(to.x-c2.x), e*(c1.y-from.y) + f*(c2.y-c1.y) + g*(to.y-c2.y)
	}
	for n := 0.0; n < parts; n++ {
		x0, y0, dx0, dy0 := along(n / parts)
		x1, y1, dx1, dy1 := along((n + 1) / parts)
		if n > 0 {
			add(x0, y0, true)
		}
		add((x0+x1)/2+(dx0-dx1)/4/parts, (y0+y1)/2+(dy0-dy1)/4/parts, false)
	}
}

// simple writes an outline that is no composite.
func simple(rounds [][]dot) []byte {
	var ends, flags, across, up []byte
	box := [4]int16{math.MaxInt16, math.MaxInt16, math.MinInt16, math.MinInt16}
	points, lastX, lastY, written := 0, int16(0), int16(0), 0
	for _, round := range rounds {
		if n := len(round); n > 1 && round[n-1] == round[0] {
			round = round[:n-1] // it closes by itself
		}
		if len(round) < 2 {
			continue
		}
		written++
		points += len(round)
		ends = binary.BigEndian.AppendUint16(ends, uint16(points-1))
		for _, p := range round {
			x, y := int16(math.Round(p.x)), int16(math.Round(p.y))
			box = [4]int16{min(box[0], x), min(box[1], y), max(box[2], x), max(box[3], y)}
			flag := byte(0)
			if p.on {
				flag = 1
			}
			flags = append(flags, flag)
			across = binary.BigEndian.AppendUint16(across, uint16(x-lastX))
			up = binary.BigEndian.AppendUint16(up, uint16(y-lastY))
			lastX, lastY = x, y
		}
	}
	if written == 0 {
		return nil
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(written))
	for _, n := range box {
		out = binary.BigEndian.AppendUint16(out, uint16(n))
	}
	out = append(out, ends...)
	out = append(out, 0, 0) // no instructions
	return append(append(append(out, flags...), across...), up...)
}

// profile is the table maxp of a face that was converted.
func profile(maxp []byte) []byte {
	const most, zones = 0x7fff, 1
	out := binary.BigEndian.AppendUint32(nil, 0x00010000)
	out = append(out, maxp[4:6]...)
	for _, n := range []uint16{most, most, most, most, zones, 0, 0, 0, 0, 0, 0, 0, 0} {
		out = binary.BigEndian.AppendUint16(out, n)
	}
	return out
}
