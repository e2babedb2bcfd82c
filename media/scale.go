package media

import (
	"image"
	"image/color"
	"image/draw"
	"math"
)

// plane is one channel of a picture, 8 bits a sample.
type plane struct {
	pix    []uint8
	stride int
	w, h   int
}

func newPlane(w, h int) plane { return plane{make([]uint8, w*h), w, w, h} }

// picture is what renditions are made from: luma, and two planes of colour of any size, stretched over the same area.
type picture struct {
	luma, blue, red plane
}

// pictureOf takes a decoded image apart. What is transparent becomes white.
func pictureOf(img image.Image) picture {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	switch src := img.(type) {
	case *image.YCbCr:
		sx, sy := subsampling(src.SubsampleRatio)
		y, c := src.YOffset(b.Min.X, b.Min.Y), src.COffset(b.Min.X, b.Min.Y)
		cw, ch := (w+sx-1)/sx, (h+sy-1)/sy
		return picture{plane{src.Y[y:], src.YStride, w, h}, plane{src.Cb[c:], src.CStride, cw, ch}, plane{src.Cr[c:], src.CStride, cw, ch}}
	case *image.Gray:
		none := plane{[]uint8{128}, 1, 1, 1}
		return picture{plane{src.Pix[src.PixOffset(b.Min.X, b.Min.Y):], src.Stride, w, h}, none, none}
	}
	p := picture{newPlane(w, h), newPlane(w, h), newPlane(w, h)}
	const rows = 16
	strip := image.NewRGBA(image.Rect(0, 0, w, rows))
	for top := 0; top < h; top += rows {
		draw.Draw(strip, strip.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(strip, strip.Rect, img, image.Pt(b.Min.X, b.Min.Y+top), draw.Over)
		for i := range min(rows, h-top) * w {
			px := strip.Pix[4*i : 4*i+3 : 4*i+3]
			at := top*w + i
			p.luma.pix[at], p.blue.pix[at], p.red.pix[at] = color.RGBToYCbCr(px[0], px[1], px[2])
		}
	}
	return p
}

func subsampling(r image.YCbCrSubsampleRatio) (x, y int) {
	switch r {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}

// fit scales a picture so that its longest side is at most side pixels, and its colour to half of that.
func (p picture) fit(side int) picture {
	w, h := p.luma.w, p.luma.h
	if longest := max(w, h); longest > side {
		w, h = max(1, (w*side+longest/2)/longest), max(1, (h*side+longest/2)/longest)
	}
	cw, ch := (w+1)/2, (h+1)/2
	return picture{p.luma.scale(w, h), p.blue.scale(cw, ch), p.red.scale(cw, ch)}
}

// upright turns a picture that fit has made, by one turn after the other.
func (p picture) upright(turns ...turn) *image.YCbCr {
	y, cb, cr := p.luma, p.blue, p.red
	for _, t := range turns {
		y, cb, cr = t.apply(y), t.apply(cb), t.apply(cr)
	}
	return &image.YCbCr{Y: y.pix, Cb: cb.pix, Cr: cr.pix, YStride: y.stride, CStride: cb.stride,
		SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, y.w, y.h)}
}

// scale resamples a plane with a bicubic kernel (Catmull and Rom), widened when it shrinks so that nothing is skipped.
func (p plane) scale(w, h int) plane {
	if w == p.w && h == p.h {
		return p
	}
	return p.across(kernels(p.w, w)).down(kernels(p.h, h))
}

// weightBits is the precision of a kernel's weights, which add up to 1<<weightBits.
const weightBits = 14

// kernel says of which samples, from first on, one sample of the result is made.
type kernel struct {
	first   int
	weights []int32
}

func kernels(from, to int) []kernel {
	ratio := float64(from) / float64(to)
	widen := max(1, ratio)
	out := make([]kernel, to)
	for i := range out {
		centre := (float64(i)+0.5)*ratio - 0.5
		first, last := max(0, int(math.Ceil(centre-2*widen))), min(from-1, int(math.Floor(centre+2*widen)))
		exact := make([]float64, last-first+1)
		sum := 0.0
		for j := range exact {
			exact[j] = catmullRom(math.Abs(float64(first+j)-centre) / widen)
			sum += exact[j]
		}
		weights, left, middle := make([]int32, len(exact)), int32(1<<weightBits), 0
		for j, v := range exact {
			weights[j] = int32(math.Round(v / sum * (1 << weightBits)))
			left -= weights[j]
			if weights[j] > weights[middle] {
				middle = j
			}
		}
		weights[middle] += left
		out[i] = kernel{first, weights}
	}
	return out
}

func catmullRom(x float64) float64 {
	switch {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}

func (p plane) across(ks []kernel) plane {
	if len(ks) == p.w {
		return p
	}
	dst := newPlane(len(ks), p.h)
	for y := range p.h {
		row, out := p.pix[y*p.stride:][:p.w], dst.pix[y*dst.stride:][:dst.w]
		for x := range out {
			k := &ks[x]
			samples := row[k.first:]
			samples = samples[:len(k.weights)]
			sum := int32(1 << (weightBits - 1))
			for j, w := range k.weights {
				sum += w * int32(samples[j])
			}
			out[x] = clamp(sum >> weightBits)
		}
	}
	return dst
}

func (p plane) down(ks []kernel) plane {
	if len(ks) == p.h {
		return p
	}
	dst := newPlane(p.w, len(ks))
	sums := make([]int32, p.w)
	for y := range ks {
		for x := range sums {
			sums[x] = 1 << (weightBits - 1)
		}
		for j, w := range ks[y].weights {
			row := p.pix[(ks[y].first+j)*p.stride:][:p.w]
			for x, v := range row {
				sums[x] += w * int32(v)
			}
		}
		out := dst.pix[y*dst.stride:][:dst.w]
		for x, v := range sums {
			out[x] = clamp(v >> weightBits)
		}
	}
	return dst
}

func clamp(v int32) uint8 {
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return uint8(v)
}
