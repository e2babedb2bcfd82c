package media

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image/color"
	"io"

	"github.com/kovidgoyal/imaging/prism/meta/icc"
)

// maxProfile bounds a profile of colours; cameras write some KB.
const maxProfile = 1 << 20

// toSRGB tells how a photo's colours become those that screens and reports take them for; nil when they are those, or
// when the file does not say. Phones take photos in Display P3, which shows too dull without it.
func toSRGB(photo io.ReadSeeker, contentType string) (colours *cube) {
	defer func() {
		if recover() != nil {
			colours = nil // a profile from anywhere costs a photo its colours, not its picture
		}
	}()
	if _, err := photo.Seek(0, io.SeekStart); err != nil {
		return nil
	}
	var text []byte
	switch in := bufio.NewReader(io.LimitReader(photo, 4<<20)); contentType {
	case "image/jpeg":
		text = jpegProfile(in)
	case "image/png":
		text = pngProfile(in)
	case "image/heic":
		text = heicProfile(in)
	}
	if len(text) == 0 {
		return nil
	}
	profile, err := icc.DecodeProfile(bytes.NewReader(text))
	if err != nil || profile.Header.DataColorSpace != icc.ColorSpaceRGB || !profile.IsMatrixShaper() || profile.IsSRGB() {
		return nil
	}
	convert, err := profile.CreateTransformerToSRGB(icc.RelativeColorimetricRenderingIntent, false, 3, true, false, true)
	if err != nil {
		return nil
	}
	return cubeOf(func(r, g, b float64) (float64, float64, float64) { return convert.Transform(r, g, b) })
}

// steps is how many colours a channel of a cube has: between them, colours lie as good as on a line.
const steps = 33

// cube is a conversion of colours, of which those between are interpolated: asking a profile for each pixel takes longer
// than decoding the photo.
type cube [steps * steps * steps][3]int32

func cubeOf(convert func(r, g, b float64) (float64, float64, float64)) *cube {
	c := &cube{}
	for i := range c {
		r, g, b := convert(float64(i/(steps*steps))/(steps-1), float64(i/steps%steps)/(steps-1), float64(i%steps)/(steps-1))
		c[i] = [3]int32{fixed(r), fixed(g), fixed(b)}
	}
	return c
}

// fixed is a channel from 0 to 1 as 256ths of what it is from 0 to 255.
func fixed(v float64) int32 { return int32(max(0, min(255, v*255))*256 + 0.5) }

// at is the colour that one becomes.
func (c *cube) at(r, g, b uint8) (uint8, uint8, uint8) {
	// A channel's place between two steps, in 256ths of a step.
	place := func(v uint8) (step int, part int32) {
		at := int32(v) * (steps - 1) * 256 / 255
		return min(int(at>>8), steps-2), at - min(at>>8, steps-2)<<8
	}
	rs, rp := place(r)
	gs, gp := place(g)
	bs, bp := place(b)
	at := (rs*steps+gs)*steps + bs
	var out [3]uint8
	for i := range out {
		mix := func(at int) int32 { return c[at][i] + (c[at+1][i]-c[at][i])*bp>>8 }
		near, far := mix(at), mix(at+steps*steps)
		near += (mix(at+steps) - near) * gp >> 8
		far += (mix(at+steps*steps+steps) - far) * gp >> 8
		out[i] = clamp((near + (far-near)*rp>>8 + 128) >> 8)
	}
	return out[0], out[1], out[2]
}

// jpegProfile puts together the parts of a profile (ICC.1, annex B.4), which come in their order.
func jpegProfile(in *bufio.Reader) []byte {
	if _, err := in.Discard(2); err != nil {
		return nil
	}
	var profile []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil || head[0] != 0xFF || head[1] == 0xDA {
			return profile
		}
		length := int(binary.BigEndian.Uint16(head[2:])) - 2
		if length < 0 {
			return profile
		}
		if head[1] != 0xE2 {
			if _, err := in.Discard(length); err != nil {
				return profile
			}
			continue
		}
		segment := make([]byte, length)
		if _, err := io.ReadFull(in, segment); err != nil {
			return profile
		}
		if part, ok := bytes.CutPrefix(segment, []byte("ICC_PROFILE\x00")); ok && len(part) > 2 && len(profile) < maxProfile {
			profile = append(profile, part[2:]...)
		}
	}
}

// pngProfile unpacks the chunk iCCP (W3C PNG, section 11.3.2.3), which stands before the picture.
func pngProfile(in *bufio.Reader) []byte {
	if _, err := in.Discard(8); err != nil {
		return nil
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err != nil || string(head[4:]) == "IDAT" {
			return nil
		}
		length := int(binary.BigEndian.Uint32(head[:]))
		if string(head[4:]) != "iCCP" || length > maxProfile {
			if _, err := in.Discard(length + 4); err != nil {
				return nil
			}
			continue
		}
		chunk := make([]byte, length)
		if _, err := io.ReadFull(in, chunk); err != nil {
			return nil
		}
		_, packed, named := bytes.Cut(chunk, []byte{0})
		if !named || len(packed) < 2 {
			return nil
		}
		unpacked, err := zlib.NewReader(bytes.NewReader(packed[1:]))
		if err != nil {
			return nil
		}
		profile, err := io.ReadAll(io.LimitReader(unpacked, maxProfile))
		if err != nil {
			return nil
		}
		return profile
	}
}

// heicProfile finds the first colour information box (ISO/IEC 14496-12, 12.1.5) that holds a profile: the picture's own,
// since what has another colour than it is no tile of it.
func heicProfile(in *bufio.Reader) []byte {
	head, err := io.ReadAll(io.LimitReader(in, maxProfile))
	if err != nil {
		return nil
	}
	for _, kind := range []string{"colrprof", "colrrICC"} {
		at := bytes.Index(head, []byte(kind))
		if at < 4 {
			continue
		}
		if length := int(binary.BigEndian.Uint32(head[at-4:])); length > 12 && at-4+length <= len(head) {
			return head[at+8 : at-4+length]
		}
	}
	return nil
}

// convert gives a picture that fit has made its colours as sRGB has them.
func (p picture) convert(to *cube) picture {
	if to == nil {
		return p
	}
	w, h := p.luma.w, p.luma.h
	out := picture{newPlane(w, h), newPlane(p.blue.w, p.blue.h), newPlane(p.red.w, p.red.h)}
	type sums struct{ blue, red, n int }
	row := make([]sums, p.blue.w)
	flush := func(y int) {
		for x, s := range row {
			if s.n > 0 {
				out.blue.pix[y*out.blue.stride+x] = uint8((s.blue + s.n/2) / s.n)
				out.red.pix[y*out.red.stride+x] = uint8((s.red + s.n/2) / s.n)
			}
			row[x] = sums{}
		}
	}
	for y := range h {
		cy := y / 2
		for x := range w {
			cx := x / 2
			r, g, b := color.YCbCrToRGB(p.luma.pix[y*p.luma.stride+x], p.blue.pix[cy*p.blue.stride+cx], p.red.pix[cy*p.red.stride+cx])
			luma, blue, red := color.RGBToYCbCr(to.at(r, g, b))
			out.luma.pix[y*out.luma.stride+x] = luma
			row[cx].blue += int(blue)
			row[cx].red += int(red)
			row[cx].n++
		}
		if y%2 == 1 || y == h-1 {
			flush(cy)
		}
	}
	return out
}
