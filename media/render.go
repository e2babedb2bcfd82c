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

	"fieldproof/media/scaledjpeg"
	"fieldproof/models"
)

// quality of the renditions: clear enough for a report, a tenth of the original's size.
const quality = 82

// Drawn is what is made of a photo: both renditions, as upright JPEGs without metadata, turned clockwise by the degrees that
// the office said; and what holds however it was turned.
type Drawn struct {
	Display, Thumbnail *bytes.Buffer

	Placeholder string // see [placeholderOf]
	Width       int    // of the display rendition before it was rotated
	Height      int
}

// forPlaceholder is the side of the picture from which a placeholder is made.
const forPlaceholder = 64

// turnsOf are the rotations that a photo may have, clockwise, as the turns that make them.
var turnsOf = map[int64]turn{0: 1, 90: 6, 180: 3, 270: 8}

// Renditions decodes a photo once and draws it.
func Renditions(photo io.ReadSeeker, contentType string, rotation int64) (d *Drawn, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = &decodeError{fmt.Errorf("%v", panicked)} // decoders meet bytes from anywhere
		}
	}()
	turn, colours := orientation(photo, contentType), toSRGB(photo, contentType)
	img, err := decode(photo, contentType)
	if err != nil {
		return nil, err
	}
	large := pictureOf(img).fit(models.Display.LongestSide).convert(colours)
	small := large.fit(models.Thumbnail.LongestSide)
	tiny := small.fit(forPlaceholder).upright(turn)
	d = &Drawn{Display: &bytes.Buffer{}, Thumbnail: &bytes.Buffer{}, Placeholder: placeholderOf(tiny), Width: large.luma.w, Height: large.luma.h}
	if turn >= 5 {
		d.Width, d.Height = d.Height, d.Width
	}
	if err := jpeg.Encode(d.Display, large.upright(turn, turnsOf[rotation]), &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	if err := jpeg.Encode(d.Thumbnail, small.upright(turn, turnsOf[rotation]), &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return d, nil
}

// decode decodes a photo, a large JPEG no larger than its display rendition needs it.
func decode(photo io.ReadSeeker, contentType string) (image.Image, error) {
	if contentType == "image/jpeg" {
		if img, err := decodeScaled(photo); img != nil || err != nil {
			return img, err
		}
	}
	if _, err := photo.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var img image.Image
	var err error
	source := &watchedReader{r: bufio.NewReaderSize(photo, 256<<10)}
	switch contentType {
	case "image/jpeg":
		img, err = jpeg.Decode(source)
	case "image/png":
		img, err = png.Decode(source)
	case "image/heic":
		img, err = heic.Decode(asHEIC(source))
	default:
		err = fmt.Errorf("unknown type %q", contentType)
	}
	if source.err != nil {
		return nil, source.err
	}
	if err != nil {
		return nil, &decodeError{err}
	}
	return img, nil
}

// asHEIC names the brand that the decoder knows. Some phones write the container's alone, mif1, and heic among the
// compatible ones, which is what they were accepted by.
func asHEIC(r *watchedReader) io.Reader {
	head := make([]byte, 12)
	n, err := io.ReadFull(r, head)
	if err == nil && string(head[4:8]) == "ftyp" {
		copy(head[8:], "heic")
	}
	return io.MultiReader(bytes.NewReader(head[:n]), r)
}

// decodeScaled gives nil when the photo is small, or of a kind that only the decoder of full size knows.
func decodeScaled(photo io.ReadSeeker) (image.Image, error) {
	if _, err := photo.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	size, err := jpeg.DecodeConfig(bufio.NewReader(photo))
	if err != nil {
		return nil, nil // the other decoder says what is wrong
	}
	shrink := 1
	for shrink < 8 && max(size.Width, size.Height) >= 2*shrink*models.Display.LongestSide {
		shrink *= 2
	}
	if shrink == 1 {
		return nil, nil
	}
	if _, err := photo.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(photo)
	if err != nil {
		return nil, err
	}
	img, err := scaledjpeg.Decode(data, shrink)
	if err != nil {
		return nil, nil
	}
	return img, nil
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
