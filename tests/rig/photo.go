package rig

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
)

// Picture makes an image whose top-left quarter is red, so that its turn can be seen, over noise that seed decides.
func Picture(width, height int, seed uint64) *image.RGBA {
	r := rand.New(rand.NewPCG(seed, 1))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	base := color.RGBA{uint8(r.IntN(120)), uint8(100 + r.IntN(150)), uint8(100 + r.IntN(150)), 255}
	for y := range height {
		for x := range width {
			c := base
			switch {
			case x < width/2 && y < height/2:
				c = color.RGBA{255, 0, 0, 255}
			case (x/16+y/16)%2 == 0:
				c.G ^= 0x18
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

// JPEG makes a photo.
func JPEG(width, height int, seed uint64) []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, Picture(width, height, seed), &jpeg.Options{Quality: 85})
	return b.Bytes()
}

// PNG makes a photo as PNG.
func PNG(width, height int, seed uint64) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, Picture(width, height, seed))
	return b.Bytes()
}

// Turned puts an EXIF orientation into a JPEG.
func Turned(photo []byte, orientation byte) []byte {
	exif := []byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00")
	exif[len(exif)-7] = orientation
	segment := append([]byte{0xFF, 0xE1, 0, byte(len(exif) + 2)}, exif...)
	return append(append(append([]byte{}, photo[:2]...), segment...), photo[2:]...)
}
