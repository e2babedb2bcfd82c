package pdf

import (
	"bytes"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// install writes fonts into a folder, as a machine has them.
func install(t *testing.T, fonts map[string][]byte) *Installed {
	folder := t.TempDir()
	for name, file := range fonts {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), file, 0o600))
	}
	return &Installed{Folders: []string{filepath.Join(folder, "not-there"), folder}}
}

func TestAFaceIsFoundForALetterOnTheMachine(t *testing.T) {
	cubic, err := os.ReadFile("testdata/cubic.otf")
	require.NoError(t, err)
	here := install(t, map[string][]byte{
		"a/AllSans-Regular.ttf":       unpacked(t, "dejavu-regular"),
		"b/NotoSansArabic-Bold.ttf":   unpacked(t, "noto-arabic-strong"),
		"b/NotoSansArabic.ttf":        unpacked(t, "noto-arabic-regular"),
		"b/NotoSansArabic-Broken.ttf": []byte("\x00\x01\x00\x00\x00\x09"),
		"c/Cubic.otf":                 cubic,
		"c/readme.txt":                []byte("fonts"),
	})
	require.Equal(t, "NotoSansArabic-Regular", here.Face('ب', false).name, "in the one of its script")
	require.Equal(t, "NotoSansArabic-SemiBold", here.Face('ب', true).name)
	require.Equal(t, "DejaVuSans", here.Face('Ω', true).name, "there is no strong one")
	require.Same(t, here.Face('ب', false), here.Face('ت', false), "read once")
	require.Nil(t, here.Face('北', false))
	require.Nil(t, (&Installed{}).Face('北', false))
}

// TestCubicBowsStayWhereTheyAre, but for half a unit, when they become quadratic ones.
func TestCubicBowsStayWhereTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.Float64Range(-1000, 1000)
		var p [4]dot
		for n := range p {
			p[n] = dot{place.Draw(t, "x"), place.Draw(t, "y"), true}
		}
		points := []dot{p[0]}
		bows(p[0], p[1], p[2], p[3], func(x, y float64, on bool) { points = append(points, dot{x, y, on}) })
		points = append(points, p[3])
		parts := len(points) / 2
		for n := range parts {
			from, to, end := points[2*n], points[2*n+1], points[2*n+2]
			require.True(t, from.on && !to.on && end.on)
			for _, s := range []float64{0.2, 0.5, 0.8} {
				u, v := 1-s, (float64(n)+s)/float64(parts)
				w := 1 - v
				x := u*u*from.x + 2*u*s*to.x + s*s*end.x
				y := u*u*from.y + 2*u*s*to.y + s*s*end.y
				require.InDelta(t, w*w*w*p[0].x+3*w*w*v*p[1].x+3*w*v*v*p[2].x+v*v*v*p[3].x, x, 0.51)
				require.InDelta(t, w*w*w*p[0].y+3*w*w*v*p[1].y+3*w*v*v*p[2].y+v*v*v*p[3].y, y, 0.51)
			}
		}
	})
}

// TestAFaceOfCubicOutlinesIsDrawn, and read, by another program.
func TestAFaceOfCubicOutlinesIsDrawn(t *testing.T) {
	file, err := os.ReadFile("testdata/cubic.otf")
	require.NoError(t, err)
	f, err := Parse(file)
	require.NoError(t, err)
	var b bytes.Buffer
	d := New(&b, 1, Info{Language: "en"})
	page := d.Page(200, 60)
	page.Text(f, 40, 10, 45, Colour{}, "01Q中")
	page.Close()
	require.NoError(t, d.Close())
	path := filepath.Join(t.TempDir(), "cubic.pdf")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	read, err := exec.Command("pdftotext", path, "-").CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "01Q中", strings.TrimSpace(string(read)), "and nothing is amiss")
	drawn, err := exec.Command("pdftoppm", "-r", "72", "-png", path).Output()
	require.NoError(t, err)
	img, err := png.Decode(bytes.NewReader(drawn))
	require.NoError(t, err)
	x := 10.0
	for _, r := range "01Q中" {
		wide, ink := f.Advance(r)*40, 0.0
		for px := int(x); px < int(x+wide); px++ {
			for py := range 60 {
				ink += 1 - float64(color.GrayModel.Convert(img.At(px, py)).(color.Gray).Y)/255
			}
		}
		require.Greater(t, ink, 0.05*wide*40, "%c", r)
		require.Less(t, ink, 0.8*wide*40, "%c", r)
		x += wide
	}
}
