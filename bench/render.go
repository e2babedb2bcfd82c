package main

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"fieldproof/media"
)

// renderFile makes both renditions of a photo, as a process of its own.
func renderFile(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	drawn, err := media.Renditions(f, "image/jpeg", 0)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "display.jpg"), drawn.Display.Bytes(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "thumbnail.jpg"), drawn.Thumbnail.Bytes(), 0o644)
}

// scene is a picture with soft and hard edges and some noise, as a camera sees a house.
func scene(width, height int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 4))
	shift := float64(r.IntN(1000))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			sky := 120 + 80*math.Sin((float64(x)+shift)/310)*math.Cos((float64(y)-shift)/170)
			wall := 0.0
			if (x/180)%3 == 0 && (y/140)%2 == 0 {
				wall = 60
			}
			noise := float64(r.IntN(9))
			at := img.PixOffset(x, y)
			img.Pix[at], img.Pix[at+1], img.Pix[at+2], img.Pix[at+3] = clip(sky+wall+noise), clip(sky*0.8+noise), clip(200-sky/2+wall/2+noise), 255
		}
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, img, &jpeg.Options{Quality: 90})
	return b.Bytes()
}

func clip(v float64) uint8 { return uint8(max(0, min(255, v))) }

// cpu runs a command and returns its user and system time together.
func cpu(name string, args ...string) (time.Duration, error) {
	c := exec.Command(name, args...)
	if out, err := c.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime(), nil
}

// renditions compares both renditions of a 12-megapixel photo with vipsthumbnail making the same two.
func renditions(dir string) error {
	if _, err := exec.LookPath("vipsthumbnail"); err != nil {
		return fmt.Errorf("install the Debian package libvips-tools: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	photo := filepath.Join(dir, "photo.jpg")
	if err := os.WriteFile(photo, scene(4032, 3024, 3), 0o644); err != nil {
		return err
	}
	const runs = 7
	var ours, theirs time.Duration
	for range runs {
		t, err := cpu(self, "render", photo, dir)
		if err != nil {
			return err
		}
		ours += t
		for name, size := range map[string]string{"vips-display.jpg": "1280x1280", "vips-thumbnail.jpg": "320x320"} {
			t, err := cpu("vipsthumbnail", photo, "--size", size, "-o", filepath.Join(dir, name))
			if err != nil {
				return err
			}
			theirs += t
		}
	}
	fmt.Printf("renditions of 12 megapixels: ours %.0f ms, vipsthumbnail twice %.0f ms of CPU (means of %d)\n", ms(ours)/runs, ms(theirs)/runs, runs)
	verdict("CPU of both renditions against vipsthumbnail", ours.Seconds()/theirs.Seconds(), false, 1)
	for _, name := range []string{"display", "thumbnail"} {
		s, err := similarity(filepath.Join(dir, name+".jpg"), filepath.Join(dir, "vips-"+name+".jpg"))
		if err != nil {
			return err
		}
		verdict("SSIM of the "+name+" to vipsthumbnail's", s, true, 0.97)
	}
	return nil
}

// similarity is the mean SSIM of luma over blocks of 8 × 8 pixels (Wang et al., 2004).
func similarity(a, b string) (float64, error) {
	x, err := luma(a)
	if err != nil {
		return 0, err
	}
	y, err := luma(b)
	if err != nil {
		return 0, err
	}
	if x.Rect != y.Rect {
		return 0, fmt.Errorf("%v is not the size of %v", x.Rect, y.Rect)
	}
	const c1, c2 = 6.5025, 58.5225
	total, blocks := 0.0, 0
	for by := 0; by+8 <= x.Rect.Dy(); by += 4 {
		for bx := 0; bx+8 <= x.Rect.Dx(); bx += 4 {
			var sx, sy, sxx, syy, sxy float64
			for dy := range 8 {
				for dx := range 8 {
					p, q := float64(x.GrayAt(bx+dx, by+dy).Y), float64(y.GrayAt(bx+dx, by+dy).Y)
					sx, sy, sxx, syy, sxy = sx+p, sy+q, sxx+p*p, syy+q*q, sxy+p*q
				}
			}
			mx, my := sx/64, sy/64
			vx, vy, cov := sxx/64-mx*mx, syy/64-my*my, sxy/64-mx*my
			total += (2*mx*my + c1) * (2*cov + c2) / ((mx*mx + my*my + c1) * (vx + vy + c2))
			blocks++
		}
	}
	return total / float64(blocks), nil
}

func luma(file string) (*image.Gray, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, err := jpeg.Decode(f)
	if err != nil {
		return nil, err
	}
	gray := image.NewGray(image.Rect(0, 0, img.Bounds().Dx(), img.Bounds().Dy()))
	for y := range gray.Rect.Dy() {
		for x := range gray.Rect.Dx() {
			gray.Set(x, y, img.At(x, y))
		}
	}
	return gray, nil
}
