package media

import (
	"bytes"
	"image"
	"image/color"
	"image/png"

	"golang.org/x/image/draw"

	"fieldproof/models"
)

// A logo is kept no larger than logoSide, which prints well at the size that reports give it.
const (
	logoSide   = 900
	logoPixels = 20_000_000
)

// Logo makes of a PNG or JPEG an opaque PNG on white. [models.Unsupported] when it is neither, [models.Invalid] when it
// has too many pixels.
func Logo(raw []byte) ([]byte, error) {
	c, format, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || (format != "png" && format != "jpeg") {
		return nil, models.Errorf(models.Unsupported, "A logo is a PNG or JPEG image.")
	}
	if c.Width*c.Height > logoPixels || c.Width == 0 || c.Height == 0 {
		return nil, models.InvalidField("body", "A logo has at most %d million pixels: make it smaller.", logoPixels/1_000_000)
	}
	logo, _, err := image.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, models.InvalidField("body", "The image is broken: %v.", err)
	}
	scale := min(1, float64(logoSide)/float64(max(c.Width, c.Height)))
	on := image.NewNRGBA(image.Rect(0, 0, max(1, int(float64(c.Width)*scale)), max(1, int(float64(c.Height)*scale))))
	draw.Draw(on, on.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.CatmullRom.Scale(on, on.Bounds(), logo, logo.Bounds(), draw.Over, nil)
	var b bytes.Buffer
	if err := png.Encode(&b, on); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
