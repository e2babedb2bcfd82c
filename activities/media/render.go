package media

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"github.com/gen2brain/heic"
	"golang.org/x/image/draw"

	"fieldproof/models"
)

// quality of the renditions: clear enough for a report, a tenth of the original's size.
const quality = 82

// Renditions decodes a photo once and makes both renditions of it, as upright JPEGs without metadata.
func Renditions(photo io.ReadSeeker, contentType string) (display, thumbnail *bytes.Buffer, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = &decodeError{fmt.Errorf("%v", panicked)} // decoders meet bytes from anywhere
		}
	}()
	turn := orientation(photo, contentType)
	if _, err := photo.Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	var full image.Image
	source := &watchedReader{r: bufio.NewReaderSize(photo, 256<<10)}
	switch contentType {
	case "image/jpeg":
		full, err = jpeg.Decode(source)
	case "image/png":
		full, err = png.Decode(source)
	case "image/heic":
		full, err = heic.Decode(source)
	default:
		err = fmt.Errorf("unknown type %q", contentType)
	}
	if source.err != nil {
		return nil, nil, source.err
	}
	if err != nil {
		return nil, nil, &decodeError{err}
	}
	large := fit(full, models.Display.LongestSide)
	small := fit(large, models.Thumbnail.LongestSide)
	display, thumbnail = &bytes.Buffer{}, &bytes.Buffer{}
	if err := jpeg.Encode(display, turn.apply(large), &jpeg.Options{Quality: quality}); err != nil {
		return nil, nil, err
	}
	if err := jpeg.Encode(thumbnail, turn.apply(small), &jpeg.Options{Quality: quality}); err != nil {
		return nil, nil, err
	}
	return display, thumbnail, nil
}

// watchedReader keeps the error of the source apart from those of a decoder, which hides it: only the latter are final.
type watchedReader struct {
	r   io.Reader
	err error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

// fit scales an image down so that its longest side is at most side pixels. Averaging whole blocks first leaves the
// sharp kernel little to do, and no aliasing.
func fit(src image.Image, side int) *image.RGBA {
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	if longest := max(w, h); longest > side {
		if ycc, ok := src.(*image.YCbCr); ok && longest >= 2*side {
			src = halve(ycc, longest/side)
			b = src.Bounds()
		}
		w, h = max(1, (w*side+longest/2)/longest), max(1, (h*side+longest/2)/longest)
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	if b.Dx() == w && b.Dy() == h {
		draw.Draw(dst, dst.Bounds(), image.White, image.Point{}, draw.Src)
		draw.Draw(dst, dst.Bounds(), src, b.Min, draw.Over)
		return dst
	}
	if opaque, ok := src.(interface{ Opaque() bool }); ok && opaque.Opaque() {
		draw.CatmullRom.Scale(dst, dst.Bounds(), src, b, draw.Src, nil)
		return dst
	}
	draw.Draw(dst, dst.Bounds(), image.White, image.Point{}, draw.Src)
	draw.CatmullRom.Scale(dst, dst.Bounds(), src, b, draw.Over, nil)
	return dst
}

// halve averages blocks of the image so that it shrinks by 2, 4 or 8 and stays at least as large as factor asks.
func halve(src *image.YCbCr, factor int) *image.YCbCr {
	n := 2
	for n*2 <= factor && n < 8 {
		n *= 2
	}
	b := src.Bounds()
	sx, sy := subsampling(src.SubsampleRatio)
	if sx > n || sy > n {
		return src
	}
	// Luma shrinks by n; chroma, already smaller by its subsampling, by what is left, so that the result is 4:4:4.
	w, h := b.Dx()/n, b.Dy()/n
	dst := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio444)
	average(dst.Y, dst.YStride, src.Y[src.YOffset(b.Min.X, b.Min.Y):], src.YStride, w, h, n, n)
	at := src.COffset(b.Min.X, b.Min.Y)
	cw, ch := max(1, n/sx), max(1, n/sy)
	average(dst.Cb, dst.CStride, src.Cb[at:], src.CStride, w, h, cw, ch)
	average(dst.Cr, dst.CStride, src.Cr[at:], src.CStride, w, h, cw, ch)
	return dst
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

// average fills w × h pixels of dst with the means of blocks of nx × ny pixels of src.
func average(dst []byte, dstStride int, src []byte, srcStride, w, h, nx, ny int) {
	if nx == 1 && ny == 1 {
		for y := range h {
			copy(dst[y*dstStride:y*dstStride+w], src[y*srcStride:])
		}
		return
	}
	sums := make([]uint32, w)
	area := uint32(nx * ny)
	for y := range h {
		clear(sums)
		for dy := range ny {
			row := src[(y*ny+dy)*srcStride:]
			row = row[:min(len(row), w*nx)]
			switch nx {
			case 1:
				for x, v := range row {
					sums[x] += uint32(v)
				}
			case 2:
				for x := range len(row) / 2 {
					sums[x] += uint32(row[2*x]) + uint32(row[2*x+1])
				}
			default:
				for x := range len(row) / nx {
					for _, v := range row[x*nx : x*nx+nx] {
						sums[x] += uint32(v)
					}
				}
			}
		}
		out := dst[y*dstStride : y*dstStride+w]
		for x := range out {
			out[x] = byte((sums[x] + area/2) / area)
		}
	}
}
