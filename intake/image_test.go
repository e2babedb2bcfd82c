package intake

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fieldproof/models"
)

// samples are whole photos of each kind, 90 × 60 pixels but for the HEIC.
func samples(t *testing.T) map[string][]byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 90, 60))
	for i := range img.Pix {
		img.Pix[i] = uint8(i * i / 7)
	}
	var j, p bytes.Buffer
	if err := jpeg.Encode(&j, img, nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&p, img); err != nil {
		t.Fatal(err)
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gen2brain/heic").Output()
	if err != nil {
		t.Fatal(err)
	}
	photos, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(module)), "testdata", "*.heic"))
	if err != nil || len(photos) == 0 {
		t.Fatalf("no HEIC photo: %v", err)
	}
	h, err := os.ReadFile(photos[0])
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{jpegType: j.Bytes(), pngType: p.Bytes(), heicType: h}
}

// look shows an inspector data, step bytes at a time.
func look(data []byte, step int, maxPixels int64) (*inspector, error) {
	in := &inspector{maxPixels: maxPixels}
	for at := 0; at < len(data); at += step {
		if _, err := in.Write(data[at:min(len(data), at+step)]); err != nil {
			return in, err
		}
	}
	return in, in.finish(int64(len(data)))
}

func TestInspectorKnowsPhotosHoweverTheyArrive(t *testing.T) {
	for kind, data := range samples(t) {
		for _, step := range []int{1, 7, 4096, len(data)} {
			in, err := look(data, step, 50_000_000)
			if err != nil || in.contentType != kind {
				t.Errorf("%s, %d bytes at a time: %q, %v", kind, step, in.contentType, err)
				continue
			}
			if kind != heicType && (in.width != 90 || in.height != 60) {
				t.Errorf("%s, %d bytes at a time: %d × %d", kind, step, in.width, in.height)
			}
			if in.width <= 0 || in.height <= 0 {
				t.Errorf("%s has no size", kind)
			}
		}
	}
}

func TestInspectorKeepsWhatFollowsTheImage(t *testing.T) {
	for kind, data := range samples(t) {
		if kind == heicType {
			continue // its boxes fill the file
		}
		if _, err := look(append(bytes.Clone(data), bytes.Repeat([]byte("film"), 1000)...), 100, 50_000_000); err != nil {
			t.Errorf("%s with a trailer: %v", kind, err)
		}
	}
}

func TestInspectorRefusesWhatIsCutShort(t *testing.T) {
	for kind, data := range samples(t) {
		for _, keep := range []int{20, len(data) / 4, len(data) / 2, len(data) - 1} {
			if _, err := look(data[:keep], 512, 50_000_000); models.KindOf(err) != models.Invalid {
				t.Errorf("%s cut to %d of %d bytes: %v", kind, keep, len(data), err)
			}
		}
	}
}

func TestInspectorRefusesWhatIsNoPhoto(t *testing.T) {
	for name, data := range map[string][]byte{
		"text": []byte("These are the words of a letter."), "GIF": []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00"),
		"film": []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), "short": []byte("\xFF\xD8\xFF"),
	} {
		if _, err := look(data, 5, 50_000_000); models.KindOf(err) != models.Unsupported {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := look(nil, 1, 50_000_000); models.KindOf(err) != models.Invalid {
		t.Errorf("nothing: %v", err)
	}
}

// A bomb is small as a file and huge as a picture: its header is enough to refuse it.
func TestInspectorRefusesBombsByTheirHeader(t *testing.T) {
	chunk := []byte("IHDR\x00\x00\xC3\x50\x00\x00\xC3\x50\x08\x02\x00\x00\x00") // 50,000 × 50,000
	bomb := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	bomb = append(bomb, chunk...)
	bomb = binary.BigEndian.AppendUint32(bomb, crc32.ChecksumIEEE(chunk))
	if _, err := look(bomb, 64, 50_000_000); models.KindOf(err) != models.Invalid || !strings.Contains(err.Error(), "50000") {
		t.Errorf("a bomb: %v", err)
	}
	for kind, data := range samples(t) {
		if _, err := look(data, 64, 90*60-1); models.KindOf(err) != models.Invalid {
			t.Errorf("%s with a pixel too many: %v", kind, err)
		}
	}
}

func FuzzInspector(f *testing.F) {
	f.Add([]byte("\xFF\xD8\xFF\xE0\x00\x10JFIF\x00"), 3)
	f.Add([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0DIHDR"), 1)
	f.Add([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic\x00\x00\x00\x10meta"), 8)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		if step < 1 || step > 1<<16 {
			return
		}
		in, err := look(data, step, 50_000_000)
		if err == nil && (in.width <= 0 || in.height <= 0 || in.width*in.height > 50_000_000) {
			t.Errorf("accepted with %d × %d", in.width, in.height)
		}
		if cap(in.buf) > 2*maxHeader {
			t.Errorf("%d bytes are held", cap(in.buf))
		}
	})
}
