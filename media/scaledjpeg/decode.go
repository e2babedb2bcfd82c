// Package scaledjpeg decodes JPEGs straight at a half, a quarter or an eighth of their size: coefficients that a smaller
// picture can't show are skipped rather than transformed, so it takes a fraction of the time and memory of decoding in
// full and scaling down. It knows the kind that cameras write, baseline with one interleaved scan (ITU-T T.81), and
// leaves all others to image/jpeg.
package scaledjpeg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
)

// ErrOther says that a JPEG is of a kind that is left to image/jpeg: progressive, arithmetic, 12 bits, not YCbCr, …
var ErrOther = errors.New("scaledjpeg: a kind for another decoder")

var errDamaged = errors.New("scaledjpeg: the image is damaged")

// component is one of the planes of a picture.
type component struct {
	id     uint8
	h, v   int // blocks of an MCU across and down
	quant  *[64]int32
	dc, ac *table
	last   int32 // the DC value before

	pix    []uint8
	stride int
}

type decoder struct {
	data   []byte
	pos    int
	quants [4][64]int32
	hasQ   [4]bool
	dc, ac [4]table

	width, height int
	components    []component
	restart       int
	adobe         int // transform of an Adobe segment; -1 without one
	side          int // pixels that stay of the 8 of a block

	// The stream: bits holds the next n bits, left-aligned; padding counts those made up at the end of the data.
	bits    uint64
	n       int
	padding int
}

// Decode decodes a JPEG at 1/shrink of its size, rounded up; shrink is 2, 4 or 8. The picture is an [image.YCbCr] with
// the file's subsampling, or an [image.Gray]. The caller has bounded the number of pixels.
func Decode(data []byte, shrink int) (image.Image, error) {
	if shrink != 2 && shrink != 4 && shrink != 8 {
		return nil, fmt.Errorf("scaledjpeg: can't shrink by %d", shrink)
	}
	d := &decoder{data: data, side: 8 / shrink, adobe: -1}
	if len(data) < 2 || data[0] != 0xFF || data[1] != 0xD8 {
		return nil, ErrOther
	}
	d.pos = 2
	for {
		marker, segment, err := d.segment()
		if err != nil {
			return nil, err
		}
		switch {
		case marker == 0xC0 || marker == 0xC1:
			err = d.frame(segment)
		case marker == 0xC4:
			err = d.huffman(segment)
		case marker == 0xDB:
			err = d.quantization(segment)
		case marker == 0xDD && len(segment) >= 2:
			d.restart = int(binary.BigEndian.Uint16(segment))
		case marker == 0xEE && len(segment) >= 12 && string(segment[:5]) == "Adobe":
			d.adobe = int(segment[11])
		case marker == 0xDA:
			if err := d.scan(segment); err != nil {
				return nil, err
			}
			return d.picture(), nil
		case marker >= 0xC2 && marker <= 0xCF, marker == 0xD9:
			err = ErrOther
		}
		if err != nil {
			return nil, err
		}
	}
}

// segment reads the next marker segment.
func (d *decoder) segment() (marker uint8, body []byte, err error) {
	for d.pos+4 <= len(d.data) {
		if d.data[d.pos] != 0xFF {
			return 0, nil, errDamaged
		}
		marker = d.data[d.pos+1]
		if marker == 0xFF {
			d.pos++
			continue
		}
		length := int(binary.BigEndian.Uint16(d.data[d.pos+2:]))
		end := d.pos + 2 + length
		if length < 2 || end > len(d.data) {
			return 0, nil, errDamaged
		}
		body = d.data[d.pos+4 : end]
		d.pos = end
		return marker, body, nil
	}
	return 0, nil, errDamaged
}

func (d *decoder) quantization(s []byte) error {
	for len(s) > 0 {
		wide, id := s[0]>>4, s[0]&15
		size := 64 << wide
		if wide > 1 || id > 3 || len(s) < 1+size {
			return errDamaged
		}
		for i := range 64 {
			if wide == 0 {
				d.quants[id][i] = int32(s[1+i])
			} else {
				d.quants[id][i] = int32(binary.BigEndian.Uint16(s[1+2*i:]))
			}
		}
		d.hasQ[id] = true
		s = s[1+size:]
	}
	return nil
}

func (d *decoder) huffman(s []byte) error {
	for len(s) > 0 {
		if len(s) < 17 {
			return errDamaged
		}
		class, id := s[0]>>4, s[0]&15
		total := 0
		for _, n := range s[1:17] {
			total += int(n)
		}
		if class > 1 || id > 3 || total > 256 || len(s) < 17+total {
			return errDamaged
		}
		t := &d.dc[id]
		if class == 1 {
			t = &d.ac[id]
		}
		if err := t.define(s[1:17], s[17:17+total], class == 0); err != nil {
			return err
		}
		s = s[17+total:]
	}
	return nil
}

func (d *decoder) frame(s []byte) error {
	if len(s) < 6 || d.components != nil {
		return errDamaged
	}
	n := int(s[5])
	d.height, d.width = int(binary.BigEndian.Uint16(s[1:])), int(binary.BigEndian.Uint16(s[3:]))
	if s[0] != 8 || (n != 1 && n != 3) || d.height == 0 {
		return ErrOther
	}
	if len(s) < 6+3*n || d.width == 0 {
		return errDamaged
	}
	d.components = make([]component, n)
	for i := range d.components {
		c, at := &d.components[i], s[6+3*i:]
		c.id, c.h, c.v = at[0], int(at[1]>>4), int(at[1]&15)
		if at[2] > 3 {
			return errDamaged
		}
		c.quant = &d.quants[at[2]]
		if n == 1 {
			c.h, c.v = 1, 1 // a scan of one component is not interleaved: its MCU is a block
		} else if i > 0 && (c.h != 1 || c.v != 1) {
			return ErrOther
		}
	}
	if n == 3 {
		if ids := [3]uint8{d.components[0].id, d.components[1].id, d.components[2].id}; ids == [3]uint8{'R', 'G', 'B'} {
			return ErrOther
		}
		if _, ok := d.ratio(); !ok {
			return ErrOther
		}
	}
	return nil
}

func (d *decoder) ratio() (image.YCbCrSubsampleRatio, bool) {
	switch y := d.components[0]; [2]int{y.h, y.v} {
	case [2]int{1, 1}:
		return image.YCbCrSubsampleRatio444, true
	case [2]int{2, 1}:
		return image.YCbCrSubsampleRatio422, true
	case [2]int{2, 2}:
		return image.YCbCrSubsampleRatio420, true
	case [2]int{1, 2}:
		return image.YCbCrSubsampleRatio440, true
	}
	return 0, false
}

func (d *decoder) scan(s []byte) error {
	n := len(d.components)
	if n == 0 || len(s) < 1 {
		return errDamaged
	}
	if int(s[0]) != n || d.adobe == 0 && n == 3 {
		return ErrOther
	}
	if len(s) < 4+2*n {
		return errDamaged
	}
	for i := range d.components {
		c, tables := &d.components[i], s[2+2*i]
		if s[1+2*i] != c.id || tables>>4 > 3 || tables&15 > 3 {
			return errDamaged
		}
		c.dc, c.ac = &d.dc[tables>>4], &d.ac[tables&15]
		if !c.dc.set || !c.ac.set || *c.quant == [64]int32{} {
			return errDamaged
		}
	}
	across := (d.width + 8*d.components[0].h - 1) / (8 * d.components[0].h)
	down := (d.height + 8*d.components[0].v - 1) / (8 * d.components[0].v)
	for i := range d.components {
		c := &d.components[i]
		c.stride = across * c.h * d.side
		c.pix = make([]uint8, c.stride*down*c.v*d.side)
	}
	var block [64]int32
	left := d.restart
	for my := range down {
		for mx := range across {
			if d.restart > 0 {
				if left == 0 {
					if err := d.resume(); err != nil {
						return err
					}
					left = d.restart
				}
				left--
			}
			for i := range d.components {
				c := &d.components[i]
				for b := range c.h * c.v {
					flat, err := d.block(c, &block)
					if err != nil {
						return err
					}
					x, y := (mx*c.h+b%c.h)*d.side, (my*c.v+b/c.h)*d.side
					transform(c.pix[y*c.stride+x:], c.stride, &block, d.side, flat)
				}
			}
		}
		if d.n < d.padding { // bits were used that the data does not have
			return errDamaged
		}
	}
	return nil
}

// resume passes the restart marker that the stream has come to.
func (d *decoder) resume() error {
	if d.n < d.padding {
		return errDamaged
	}
	d.bits, d.n, d.padding = 0, 0, 0
	for d.pos+1 < len(d.data) && d.data[d.pos] == 0xFF && d.data[d.pos+1] == 0xFF {
		d.pos++
	}
	if d.pos+1 >= len(d.data) || d.data[d.pos] != 0xFF || d.data[d.pos+1]&^7 != 0xD0 {
		return errDamaged
	}
	d.pos += 2
	for i := range d.components {
		d.components[i].last = 0
	}
	return nil
}

// fill refills the stream to more than 56 bits, byte by byte, made up of zeros where the data ends at a marker.
func (d *decoder) fill(bits uint64, n int) (uint64, int) {
	for n <= 56 {
		b := uint64(0)
		switch {
		case d.pos >= len(d.data):
			d.padding += 8
		case d.data[d.pos] != 0xFF:
			b = uint64(d.data[d.pos])
			d.pos++
		case d.pos+1 < len(d.data) && d.data[d.pos+1] == 0:
			b = 0xFF
			d.pos += 2
		default:
			d.padding += 8
		}
		bits |= b << (56 - n)
		n += 8
	}
	return bits, n
}

// zigzag is where the coefficients of a block lie, in the order of the stream, and again what runs past its end.
var zigzag = [64]uint8{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// block reads and scales the coefficients of a block; flat when only the first one is set.
func (d *decoder) block(c *component, block *[64]int32) (flat bool, err error) {
	bits, n, data, pos := d.bits, d.n, d.data, d.pos
	if n < 32 {
		d.pos = pos
		bits, n = d.fill(bits, n)
		pos = d.pos
	}
	e := c.dc.fast[bits>>(64-lookBits)]
	if e == 0 {
		e = c.dc.slow(uint32(bits >> 48))
	}
	if e == 0 {
		return false, errDamaged
	}
	length := int(e & 63)
	bits, n = bits<<length, n-length
	diff := int32(e >> valueShift)
	if e&inline == 0 {
		diff = 0
		if size := int(e >> sizeShift & 15); size > 0 {
			diff = extend(uint32(bits>>(64-size)), size)
			bits, n = bits<<size, n-size
		}
	}
	c.last += diff
	*block = [64]int32{}
	block[0] = c.last * c.quant[0]
	flat = true
	ac, quant := c.ac, c.quant
	for k := 1; k < 64; {
		if n < 32 {
			// Eight bytes at once, when no 0xFF among them has a meaning of its own.
			if pos+8 <= len(data) {
				next := binary.BigEndian.Uint64(data[pos:])
				if (^next-0x0101010101010101)&next&0x8080808080808080 == 0 {
					bits |= next >> n
					taken := (63 - n) >> 3
					pos += taken
					n += taken << 3
					goto filled
				}
			}
			d.pos = pos
			bits, n = d.fill(bits, n)
			pos = d.pos
		}
	filled:
		e := ac.fast[bits>>(64-lookBits)]
		if e == 0 {
			if e = ac.slow(uint32(bits >> 48)); e == 0 {
				return false, errDamaged
			}
		}
		length := int(e & 63)
		bits, n = bits<<length, n-length
		k += int(e >> runShift & 63)
		if e&inline != 0 {
			if k > 63 {
				return false, errDamaged
			}
			block[zigzag[k]] = int32(e>>valueShift) * quant[k]
			flat = false
			k++
			continue
		}
		size := int(e >> sizeShift & 15)
		if size == 0 {
			continue
		}
		if k > 63 {
			return false, errDamaged
		}
		block[zigzag[k]] = extend(uint32(bits>>(64-size)), size) * quant[k]
		bits, n = bits<<size, n-size
		flat = false
		k++
	}
	d.bits, d.n, d.pos = bits, n, pos
	return flat, nil
}

// picture is what was decoded, cut to its size.
func (d *decoder) picture() image.Image {
	shrink := 8 / d.side
	bounds := image.Rect(0, 0, (d.width+shrink-1)/shrink, (d.height+shrink-1)/shrink)
	y := &d.components[0]
	if len(d.components) == 1 {
		return &image.Gray{Pix: y.pix, Stride: y.stride, Rect: bounds}
	}
	cb, cr := &d.components[1], &d.components[2]
	ratio, _ := d.ratio()
	return &image.YCbCr{Y: y.pix, Cb: cb.pix, Cr: cr.pix, YStride: y.stride, CStride: cb.stride, SubsampleRatio: ratio, Rect: bounds}
}
