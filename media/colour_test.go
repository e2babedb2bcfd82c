package media

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func wide(t testing.TB) []byte {
	content, err := os.ReadFile("../tests/cases/display-p3.jpg")
	require.NoError(t, err)
	return content
}

// profiled is a PNG with a profile of colours.
func profiled(t *testing.T, img image.Image, profile []byte) []byte {
	var plain, packed bytes.Buffer
	require.NoError(t, png.Encode(&plain, img))
	z := zlib.NewWriter(&packed)
	_, err := z.Write(profile)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	body := append([]byte("iCCPwide\x00\x00"), packed.Bytes()...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = binary.BigEndian.AppendUint32(append(chunk, body...), crc32.ChecksumIEEE(body))
	const header = 8 + 25
	return bytes.Join([][]byte{plain.Bytes()[:header], chunk, plain.Bytes()[header:]}, nil)
}

// TestPhotosOfWideColoursShowAsTheyWere renders a patch of Display P3, as phones take photos, and one without a profile.
func TestPhotosOfWideColoursShowAsTheyWere(t *testing.T) {
	photo := wide(t)
	stored, err := jpeg.Decode(bytes.NewReader(photo))
	require.NoError(t, err)
	centre := func(img image.Image) color.RGBA {
		return color.RGBAModel.Convert(img.At((img.Bounds().Min.X+img.Bounds().Max.X)/2, (img.Bounds().Min.Y+img.Bounds().Max.Y)/2)).(color.RGBA)
	}
	shown := func(photo []byte, contentType string) color.RGBA {
		drawn, err := Renditions(bytes.NewReader(photo), contentType, 0)
		require.NoError(t, err)
		img, err := jpeg.Decode(drawn.Display)
		require.NoError(t, err)
		return centre(img)
	}
	want := func(what color.RGBA, r, g, b int) {
		t.Helper()
		for i, pair := range [][2]int{{int(what.R), r}, {int(what.G), g}, {int(what.B), b}} {
			require.InDelta(t, pair[1], pair[0], 4, "channel %d of %v", i, what)
		}
	}
	want(shown(photo, "image/jpeg"), 193, 83, 51)
	profile := jpegProfile(bufio.NewReader(bytes.NewReader(photo)))
	want(shown(profiled(t, stored, profile), "image/png"), 193, 83, 51)

	raw := centre(stored)
	var plain bytes.Buffer
	require.NoError(t, jpeg.Encode(&plain, stored, &jpeg.Options{Quality: 95}))
	want(shown(plain.Bytes(), "image/jpeg"), int(raw.R), int(raw.G), int(raw.B))
	// A profile that is none costs its colours alone.
	want(shown(profiled(t, stored, profile[:len(profile)/2]), "image/png"), int(raw.R), int(raw.G), int(raw.B))
}

func TestColoursBetweenTheStepsOfACube(t *testing.T) {
	same := cubeOf(func(r, g, b float64) (float64, float64, float64) { return r, g, b })
	turned := cubeOf(func(r, g, b float64) (float64, float64, float64) { return 1 - b, r, g * g })
	for v := range 256 {
		r, g, b := uint8(v), uint8(v*7), uint8(v*31)
		x, y, z := same.at(r, g, b)
		for i, pair := range [][2]uint8{{r, x}, {g, y}, {b, z}} {
			require.InDelta(t, pair[0], pair[1], 1, "channel %d of %d", i, v)
		}
		x, y, z = turned.at(r, g, b)
		for i, pair := range [][2]uint8{{255 - b, x}, {r, y}, {uint8(int(g) * int(g) / 255), z}} {
			require.InDelta(t, pair[0], pair[1], 2, "channel %d of %d", i, v)
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	photo := wide(b)
	img := image.NewRGBA(image.Rect(0, 0, 1280, 960))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * 7919 >> 3)
	}
	p := pictureOf(img).fit(1280)
	to := toSRGB(bytes.NewReader(photo), "image/jpeg")
	for b.Loop() {
		p.convert(to)
	}
}
