package reports

import (
	"bytes"
	"image/jpeg"
)

func jpegSize(b []byte) (width, height float64, err error) {
	c, err := jpeg.DecodeConfig(bytes.NewReader(b))
	return float64(c.Width), float64(c.Height), err
}
