package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// corners are what an upright picture shows, from the upper left corner clockwise.
var corners = [4]color.RGBA{{200, 30, 30, 255}, {30, 200, 30, 255}, {30, 30, 200, 255}, {220, 220, 40, 255}}

// upright is a picture of four coloured quarters.
func upright(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			i := 0
			switch {
			case x >= w/2 && y < h/2:
				i = 1
			case x >= w/2:
				i = 2
			case y >= h/2:
				i = 3
			}
			img.SetRGBA(x, y, corners[i])
		}
	}
	return img
}

// stored is how a camera stores a picture that it marks with an orientation (CIPA DC-008, table of tag 274): it says
// what the row and the column that come first are in the picture.
func stored(img *image.RGBA, orientation int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	sw, sh := w, h
	if orientation >= 5 {
		sw, sh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for row := range sh {
		for column := range sw {
			x, y := column, row
			switch orientation {
			case 2: // top, right
				x = w - 1 - column
			case 3: // bottom, right
				x, y = w-1-column, h-1-row
			case 4: // bottom, left
				y = h - 1 - row
			case 5: // left, top
				x, y = row, column
			case 6: // right, top
				x, y = w-1-row, column
			case 7: // right, bottom
				x, y = w-1-row, h-1-column
			case 8: // left, bottom
				x, y = row, h-1-column
			}
			out.SetRGBA(column, row, img.RGBAAt(x, y))
		}
	}
	return out
}

// exif is a JPEG with an orientation in its Exif segment.
func exif(t *testing.T, img image.Image, orientation int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	tiff := []byte("MM\x00\x2A\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01")
	tiff = binary.BigEndian.AppendUint16(tiff, uint16(orientation))
	tiff = append(tiff, 0, 0, 0, 0, 0, 0)
	segment := append([]byte("Exif\x00\x00"), tiff...)
	out := []byte{0xFF, 0xD8, 0xFF, 0xE1}
	out = binary.BigEndian.AppendUint16(out, uint16(len(segment)+2))
	out = append(out, segment...)
	return append(out, b.Bytes()[2:]...)
}

func checkCorners(t *testing.T, name string, encoded []byte, w, h int) {
	t.Helper()
	img, err := jpeg.Decode(bytes.NewReader(encoded))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if img.Bounds() != image.Rect(0, 0, w, h) {
		t.Errorf("%s is %v, not %d × %d", name, img.Bounds(), w, h)
		return
	}
	for i, at := range []image.Point{{w / 4, h / 4}, {3 * w / 4, h / 4}, {3 * w / 4, 3 * h / 4}, {w / 4, 3 * h / 4}} {
		r, g, b, _ := img.At(at.X, at.Y).RGBA()
		for j, v := range [3][2]int{{int(r >> 8), int(corners[i].R)}, {int(g >> 8), int(corners[i].G)}, {int(b >> 8), int(corners[i].B)}} {
			if v[0]-v[1] > 8 || v[1]-v[0] > 8 {
				t.Errorf("%s: corner %d has %d of colour %d instead of %d", name, i, v[0], j, v[1])
			}
		}
	}
}

func TestRenditionsStandUpright(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	for _, size := range [][2]int{{3000, 2000}, {640, 400}} { // decoded smaller, and in full
		dw, dh := min(size[0], 1280), size[1]*min(size[0], 1280)/size[0]
		for orientation := 1; orientation <= 8; orientation++ {
			name := fmt.Sprintf("orientation %d of %v", orientation, size)
			photo := exif(t, stored(upright(size[0], size[1]), orientation), orientation)
			drawn, err := Renditions(bytes.NewReader(photo), "image/jpeg", 0)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			display, thumbnail := drawn.Display, drawn.Thumbnail
			checkCorners(t, name+", display", display.Bytes(), dw, dh)
			checkCorners(t, name+", thumbnail", thumbnail.Bytes(), 320, (size[1]*320+size[0]/2)/size[0])
		}
	}
}

func TestRenditionsOfOtherKinds(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	var small bytes.Buffer
	if err := png.Encode(&small, upright(1600, 1000)); err != nil {
		t.Fatal(err)
	}
	drawn, err := Renditions(bytes.NewReader(small.Bytes()), "image/png", 0)
	if err != nil {
		t.Fatal(err)
	}
	display, thumbnail := drawn.Display, drawn.Thumbnail
	checkCorners(t, "a PNG's display", display.Bytes(), 1280, 800)
	checkCorners(t, "a PNG's thumbnail", thumbnail.Bytes(), 320, 200)

	var clear bytes.Buffer
	if err := png.Encode(&clear, image.NewNRGBA(image.Rect(0, 0, 40, 30))); err != nil {
		t.Fatal(err)
	}
	if drawn, err = Renditions(bytes.NewReader(clear.Bytes()), "image/png", 0); err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(drawn.Display)
	if err != nil {
		t.Fatal(err)
	}
	if r, g, b, _ := img.At(20, 15).RGBA(); r>>8 < 250 || g>>8 < 250 || b>>8 < 250 {
		t.Errorf("what is transparent is not white: %v", img.At(20, 15))
	}

	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gen2brain/heic").Output()
	if err != nil {
		t.Fatal(err)
	}
	photos, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(module)), "testdata", "*.heic"))
	if err != nil || len(photos) == 0 {
		t.Fatalf("no HEIC photo: %v", err)
	}
	for _, file := range photos {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := Renditions(bytes.NewReader(data), "image/heic", 0)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
			continue
		}
		display := drawn.Display
		if c, err := jpeg.DecodeConfig(display); err != nil || max(c.Width, c.Height) > 1280 {
			t.Errorf("%s becomes %d × %d, %v", filepath.Base(file), c.Width, c.Height, err)
		}
	}
}

func TestRenditionsOfDamagedPhotosFailForGood(t *testing.T) {
	whole := exif(t, upright(3000, 2000), 1)
	for name, photo := range map[string][]byte{"cut": whole[:len(whole)/2], "text": []byte("not a photo at all"), "empty": nil} {
		for _, kind := range []string{"image/jpeg", "image/png", "image/heic"} {
			var final *decodeError
			if _, err := Renditions(bytes.NewReader(photo), kind, 0); !errors.As(err, &final) {
				t.Errorf("%s as %s: %v", name, kind, err)
			}
		}
	}
}

func TestAPhotoIsTurnedAsTheOfficeSays(t *testing.T) {
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, upright(1600, 1000), &jpeg.Options{Quality: 92}); err != nil {
		t.Fatal(err)
	}
	first := ""
	for rotation, size := range map[int64][2]int{0: {1280, 800}, 90: {800, 1280}, 180: {1280, 800}, 270: {800, 1280}} {
		drawn, err := Renditions(bytes.NewReader(photo.Bytes()), "image/jpeg", rotation)
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(drawn.Display)
		if err != nil {
			t.Fatal(err)
		}
		if got := img.Bounds().Size(); got.X != size[0] || got.Y != size[1] {
			t.Errorf("turned by %d: %v", rotation, got)
		}
		// Clockwise, the upper left corner goes to the upper right one, and so on.
		for i, at := range [4][2]int{{1, 1}, {3, 1}, {3, 3}, {1, 3}} {
			want := corners[(i-int(rotation)/90+4)%4]
			r, g, b, _ := img.At(size[0]*at[0]/4, size[1]*at[1]/4).RGBA()
			if near := func(have uint32, want uint8) bool { return max(have>>8, uint32(want))-min(have>>8, uint32(want)) < 12 }; !near(r, want.R) || !near(g, want.G) || !near(b, want.B) {
				t.Errorf("turned by %d: corner %d is %d %d %d, want %v", rotation, i, r>>8, g>>8, b>>8, want)
			}
		}
		if first == "" {
			first = drawn.Placeholder
		}
		if drawn.Placeholder != first || drawn.Width != 1280 || drawn.Height != 800 {
			t.Errorf("turned by %d: the placeholder and the box are of the photo before it", rotation)
		}
	}
}

func TestAPlaceholderIsAThumbHash(t *testing.T) {
	for name, c := range map[string]struct {
		w, h int
		want string // as evanw's own thumbhash 0.1.1 for JavaScript makes it
	}{
		"landscape": {64, 40, "IHgSNIZwd3d2eHiHh3ePiFj4eAAAAAAAAA=="},
		"portrait":  {40, 64, "m1gKJAqAN4iIiIeIeIh/eWf3eAAAAAAAAA=="},
		"square":    {64, 64, "I1gSNwpwd3d1eHiHh3eHd3h394iIdo8HAA=="},
	} {
		img := image.NewYCbCr(image.Rect(0, 0, c.w, c.h), image.YCbCrSubsampleRatio444)
		for y := range c.h {
			for x := range c.w {
				i := img.YOffset(x, y)
				img.Y[i], img.Cb[i], img.Cr[i] = uint8(40+2*x+y), uint8(100+x), uint8(170-2*y/3)
			}
		}
		if got := placeholderOf(img); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
