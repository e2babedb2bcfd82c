package scaledjpeg

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// The files in testdata are one scene of 203 × 149 pixels, encoded with each subsampling, with restart markers, in
// gray, and progressively.
func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecodeIsThePictureScaledDown(t *testing.T) {
	for _, name := range []string{"444.jpg", "422.jpg", "440.jpg", "420.jpg", "restarts.jpg", "gray.jpg"} {
		data := read(t, name)
		full, err := jpeg.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatal(name, err)
		}
		for _, shrink := range []int{2, 4, 8} {
			got, err := Decode(data, shrink)
			if err != nil {
				t.Errorf("%s at 1/%d: %v", name, shrink, err)
				continue
			}
			b := full.Bounds()
			if want := image.Rect(0, 0, (b.Dx()+shrink-1)/shrink, (b.Dy()+shrink-1)/shrink); got.Bounds() != want {
				t.Errorf("%s at 1/%d is %v, not %v", name, shrink, got.Bounds(), want)
			}
			if d := difference(full, got, shrink); d > 3 {
				t.Errorf("%s at 1/%d differs from the means of its pixels by %.1f of 255", name, shrink, d)
			}
		}
	}
}

// difference is the root of the mean square of what separates the samples of small from the means of full's blocks,
// plane by plane.
func difference(full, small image.Image, shrink int) float64 {
	type plane struct {
		pix          []uint8
		stride, w, h int
	}
	planes := func(img image.Image) []plane {
		switch m := img.(type) {
		case *image.YCbCr:
			c := m.Bounds().Size()
			switch m.SubsampleRatio {
			case image.YCbCrSubsampleRatio420:
				c = c.Div(2)
			case image.YCbCrSubsampleRatio422:
				c.X /= 2
			case image.YCbCrSubsampleRatio440:
				c.Y /= 2
			}
			return []plane{{m.Y, m.YStride, m.Rect.Dx(), m.Rect.Dy()}, {m.Cb, m.CStride, c.X, c.Y}, {m.Cr, m.CStride, c.X, c.Y}}
		case *image.Gray:
			return []plane{{m.Pix, m.Stride, m.Rect.Dx(), m.Rect.Dy()}}
		}
		return nil
	}
	large, sum, n := planes(full), 0.0, 0
	for i, p := range planes(small) {
		for y := range large[i].h / shrink {
			for x := range large[i].w / shrink {
				mean := 0.0
				for dy := range shrink {
					for dx := range shrink {
						mean += float64(large[i].pix[(y*shrink+dy)*large[i].stride+x*shrink+dx]) / float64(shrink*shrink)
					}
				}
				d := float64(p.pix[y*p.stride+x]) - mean
				sum += d * d
				n++
			}
		}
	}
	return math.Sqrt(sum / float64(n))
}

func TestDecodeLeavesOtherKinds(t *testing.T) {
	if _, err := Decode(read(t, "progressive.jpg"), 2); !errors.Is(err, ErrOther) {
		t.Errorf("a progressive JPEG: %v", err)
	}
	if _, err := Decode([]byte("\x89PNG\r\n\x1a\n"), 2); !errors.Is(err, ErrOther) {
		t.Errorf("a PNG: %v", err)
	}
}

func TestDecodeRefusesWhatIsCutShort(t *testing.T) {
	for _, name := range []string{"420.jpg", "restarts.jpg", "gray.jpg"} {
		data := read(t, name)
		for _, keep := range []int{0, 1, 3, 20, 400, len(data) / 2, len(data) - 200} {
			if _, err := Decode(data[:keep], 2); err == nil {
				t.Errorf("%s, cut to %d of %d bytes, decodes", name, keep, len(data))
			}
		}
	}
}

func TestDecodeSurvivesDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"420.jpg", "restarts.jpg", "gray.jpg"} {
		data := read(t, name)
		for range 2000 {
			damaged := bytes.Clone(data)
			for range 1 + r.IntN(4) {
				damaged[r.IntN(len(damaged))] = byte(r.IntN(256))
			}
			if c, err := jpeg.DecodeConfig(bytes.NewReader(damaged)); err == nil && c.Width*c.Height > 1<<20 {
				continue // the caller bounds the size
			}
			_, _ = Decode(damaged, 1<<(1+r.IntN(3))) // must return
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"444.jpg", "420.jpg", "restarts.jpg", "gray.jpg"} {
		f.Add(read(f, name))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if c, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil && c.Width*c.Height <= 1<<20 {
			_, _ = Decode(data, 2)
		}
	})
}
