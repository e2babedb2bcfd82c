package media

import (
	"encoding/base64"
	"image"
	"math"
)

// placeholderSize is the length of every placeholder: what a shorter one leaves over is nought, and no decoder reads it.
const placeholderSize = 25

// placeholderOf draws a picture in 25 bytes, base64: a ThumbHash (evanw.github.io/thumbhash), which browsers decode in no
// time, and which no library for Go is served for. It is a cosine transform of brightness and two differences of colour.
func placeholderOf(img *image.YCbCr) string {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if w == 0 || h == 0 {
		return ""
	}
	n := w * h
	light, yellow, red := make([]float64, n), make([]float64, n), make([]float64, n)
	for y := range h {
		for x := range w {
			r16, g16, b16, _ := img.YCbCrAt(x, y).RGBA()
			r, g, b := float64(r16>>8)*(1.0/255), float64(g16>>8)*(1.0/255), float64(b16>>8)*(1.0/255)
			i := y*w + x
			light[i], yellow[i], red[i] = (r+g+b)/3, (r+g)/2-b, r-g
		}
	}
	longest := float64(max(w, h))
	nx, ny := max(1, int(math.Round(7*float64(w)/longest))), max(1, int(math.Round(7*float64(h)/longest)))
	l, p, q := channelOf(light, w, h, max(3, nx), max(3, ny)), channelOf(yellow, w, h, 3, 3), channelOf(red, w, h, 3, 3)

	landscape, short := 0, nx
	if w > h {
		landscape, short = 1, ny
	}
	round := func(v float64) int { return int(math.Round(v)) }
	head := round(63*l.mean) | round(31.5+31.5*p.mean)<<6 | round(31.5+31.5*q.mean)<<12 | round(31*l.scale)<<18
	more := short | round(63*p.scale)<<3 | round(63*q.scale)<<9 | landscape<<15
	hash := make([]byte, placeholderSize)
	copy(hash, []byte{byte(head), byte(head >> 8), byte(head >> 16), byte(more), byte(more >> 8)})
	at := 0
	for _, c := range []channel{l, p, q} {
		for _, v := range c.waves {
			hash[5+at/2] |= byte(round(15*v)) << (4 * (at % 2))
			at++
		}
	}
	return base64.StdEncoding.EncodeToString(hash)
}

// channel is the cosine transform of one channel: its mean, and its waves from 0 to 1 about the half, as parts of scale.
type channel struct {
	mean, scale float64
	waves       []float64
}

func channelOf(samples []float64, w, h, nx, ny int) channel {
	var c channel
	across, down := cosines(nx, w), cosines(ny, h)
	for cy := range ny {
		for cx := 0; cx*ny < nx*(ny-cy); cx++ {
			f := 0.0
			for y := range h {
				for x, v := range samples[y*w : y*w+w] {
					f += v * across[cx*w+x] * down[cy*h+y]
				}
			}
			f /= float64(w * h)
			if cx == 0 && cy == 0 {
				c.mean = f
				continue
			}
			c.waves = append(c.waves, f)
			c.scale = max(c.scale, math.Abs(f))
		}
	}
	for i, f := range c.waves {
		c.waves[i] = 0.5
		if c.scale > 0 {
			c.waves[i] += 0.5 / c.scale * f
		}
	}
	return c
}

func cosines(waves, samples int) []float64 {
	table := make([]float64, waves*samples)
	for c := range waves {
		for i := range samples {
			table[c*samples+i] = math.Cos(math.Pi / float64(samples) * float64(c) * (float64(i) + 0.5))
		}
	}
	return table
}
