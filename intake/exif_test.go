package intake

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/budget"
)

// block builds EXIF: three directories, each of entries of a tag, a type, a count and a value of any length.
func block(order binary.AppendByteOrder, first, inner, place [][4]any) []byte {
	out := []byte("II*\x00")
	if order == binary.BigEndian {
		out = []byte("MM\x00*")
	}
	out = order.AppendUint32(out, 8)
	size := func(d [][4]any) uint32 { return uint32(2 + 12*len(d) + 4) }
	innerAt := 8 + size(first)
	placeAt := innerAt + size(inner)
	heap, heapAt := []byte{}, placeAt+size(place)
	for _, directory := range [][][4]any{first, inner, place} {
		out = order.AppendUint16(out, uint16(len(directory)))
		for _, e := range directory {
			out = order.AppendUint16(order.AppendUint16(out, uint16(e[0].(int))), uint16(e[1].(int)))
			out = order.AppendUint32(out, uint32(e[2].(int)))
			switch v := e[3].(type) {
			case string:
				if len(v) <= 4 {
					out = append(out, (v + "\x00\x00\x00\x00")[:4]...)
					continue
				}
				out = order.AppendUint32(out, heapAt+uint32(len(heap)))
				heap = append(heap, v...)
			case []uint32:
				out = order.AppendUint32(out, heapAt+uint32(len(heap)))
				for _, n := range v {
					heap = order.AppendUint32(heap, n)
				}
			case nil:
				out = order.AppendUint32(out, map[int]uint32{tagEXIF: innerAt, tagGPS: placeAt}[e[0].(int)])
			}
		}
		out = order.AppendUint32(out, 0)
	}
	return append(out, heap...)
}

// said is a block of a photo taken in Sydney.
func said(order binary.AppendByteOrder) []byte {
	return block(order,
		[][4]any{{tagDateTime, typeASCII, 20, "2026:01:01 00:00:00\x00"}, {tagEXIF, typeLong, 1, nil}, {tagGPS, typeLong, 1, nil}},
		[][4]any{{tagOriginal, typeASCII, 20, "2026:11:20 10:11:12\x00"}, {tagOffsetOriginal, typeASCII, 7, "+11:00\x00"}},
		[][4]any{{tagLatitudeRef, typeASCII, 2, "S\x00"}, {tagLatitude, typeRational, 3, []uint32{33, 1, 51, 1, 3600, 100}},
			{tagLongitudeRef, typeASCII, 2, "E\x00"}, {tagLongitude, typeRational, 3, []uint32{151, 1, 12, 1, 0, 1}}, {tagPositioningError, typeRational, 1, []uint32{25, 2}}})
}

func inJPEG(photo, exif []byte) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, 0xE1}, uint16(2+6+len(exif)))
	return bytes.Join([][]byte{photo[:2], segment, []byte("Exif\x00\x00"), exif, photo[2:]}, nil)
}

func inPNG(photo, exif []byte) []byte {
	chunk := append([]byte("eXIf"), exif...)
	whole := append(binary.BigEndian.AppendUint32(nil, uint32(len(exif))), chunk...)
	whole = binary.BigEndian.AppendUint32(whole, crc32.ChecksumIEEE(chunk))
	return bytes.Join([][]byte{photo[:33], whole, photo[33:]}, nil)
}

// inHEIC is a HEIC of no picture: a box that names an item of EXIF, and its bytes.
func inHEIC(exif []byte) []byte {
	box := func(name string, parts ...[]byte) []byte {
		content := bytes.Join(parts, nil)
		return append(append(binary.BigEndian.AppendUint32(nil, uint32(8+len(content))), name...), content...)
	}
	payload := append([]byte("\x00\x00\x00\x06Exif\x00\x00"), exif...)
	brand := box("ftyp", []byte("heic\x00\x00\x00\x00mif1heic"))
	make := func(at uint32) []byte {
		location := append([]byte("\x00\x00\x00\x00\x44\x00\x00\x01\x00\x07\x00\x00\x00\x01"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, at), uint32(len(payload)))...)
		return box("meta", []byte("\x00\x00\x00\x00"), box("iinf", []byte("\x00\x00\x00\x00\x00\x01"), box("infe", []byte("\x02\x00\x00\x00\x00\x07\x00\x00Exif\x00"))),
			box("iprp", box("ispe", []byte("\x00\x00\x00\x00\x00\x00\x00\x5A\x00\x00\x00\x3C"))), box("iloc", location))
	}
	at := uint32(len(brand) + len(make(0)) + 8)
	return bytes.Join([][]byte{brand, make(at), box("mdat", payload)}, nil)
}

func TestAFileSaysWhenAndWhereItWasTaken(t *testing.T) {
	whole := samples(t)
	for name, photo := range map[string][]byte{
		"JPEG": inJPEG(whole[jpegType], said(binary.BigEndian)), "JPEG of Intel": inJPEG(whole[jpegType], said(binary.LittleEndian)),
		"PNG": inPNG(whole[pngType], said(binary.BigEndian)), "HEIC": inHEIC(said(binary.BigEndian)),
	} {
		for _, step := range []int{1, 100, len(photo)} {
			in, err := look(photo, step, 50_000_000)
			require.NoError(t, err, name)
			item := &models.Item{}
			in.says().claim(item, time.UTC)
			require.NotNil(t, item.TakenAt, "%s, %d bytes at a time", name, step)
			require.Equal(t, "2026-11-19T23:11:12Z", item.TakenAt.UTC().Format(time.RFC3339), name)
			require.InDelta(t, -33.86, *item.Position.Latitude, 1e-9)
			require.InDelta(t, 151.2, *item.Position.Longitude, 1e-9)
			require.InDelta(t, 12.5, *item.Position.Accuracy, 1e-9)
			require.True(t, *item.Claims.Time && *item.Claims.Location)
			require.Nil(t, item.Claims.Item)
		}
	}
}

func TestWhatAFileSaysWrongIsNotSaid(t *testing.T) {
	for name, b := range map[string][]byte{
		"no date":      block(binary.BigEndian, [][4]any{{tagDateTime, typeASCII, 20, "0000:00:00 00:00:00\x00"}}, nil, nil),
		"blanks":       block(binary.BigEndian, [][4]any{{tagDateTime, typeASCII, 20, "    :  :     :  :  \x00"}}, nil, nil),
		"no place":     block(binary.BigEndian, [][4]any{{tagGPS, typeLong, 1, nil}}, nil, [][4]any{{tagLatitude, typeRational, 3, []uint32{0, 0, 0, 0, 0, 0}}, {tagLongitude, typeRational, 3, []uint32{1, 1, 0, 1, 0, 1}}}),
		"beyond earth": block(binary.BigEndian, [][4]any{{tagGPS, typeLong, 1, nil}}, nil, [][4]any{{tagLatitude, typeRational, 3, []uint32{95, 1, 0, 1, 0, 1}}, {tagLongitude, typeRational, 3, []uint32{1, 1, 0, 1, 0, 1}}}),
		"null island":  block(binary.BigEndian, [][4]any{{tagGPS, typeLong, 1, nil}}, nil, [][4]any{{tagLatitude, typeRational, 3, []uint32{0, 1, 0, 1, 0, 1}}, {tagLongitude, typeRational, 3, []uint32{0, 1, 0, 1, 0, 1}}}),
	} {
		item := &models.Item{}
		readEXIF(b).claim(item, time.UTC)
		require.Equal(t, &models.Item{}, item, name)
	}
}

// FuzzEXIF holds what is read of a block, and of a HEIC's meta box, to little memory and time, whatever points where.
func FuzzEXIF(f *testing.F) {
	loop := block(binary.BigEndian, [][4]any{{tagEXIF, typeLong, 1, nil}, {tagGPS, typeLong, 1, nil}}, nil, nil)
	binary.BigEndian.PutUint32(loop[18:], 8) // back to itself
	many := append([]byte("MM\x00*\x00\x00\x00\x08\xFF\xFF"), bytes.Repeat([]byte("\x87\x69\x00\x04\x00\x00\x00\x01\x00\x00\x00\x08"), 5000)...)
	long := block(binary.BigEndian, [][4]any{{tagDateTime, typeASCII, 1<<31 - 1, "2026:11:20 10:11:12\x00"}}, nil, nil)
	for _, seed := range [][]byte{said(binary.BigEndian), said(binary.LittleEndian), loop, many, long, inHEIC(said(binary.BigEndian)),
		append([]byte("infe\x02\x00\x00\x00\x00\x07\x00\x00Exif\x00iloc\x02\x00\x00\x00\x00\x00\xFF\xFF\xFF\xFF"), make([]byte, 60_000)...)} {
		f.Add(seed)
	}
	if photo, err := os.ReadFile(filepath.Join("..", "tests", "cases", "exif-time-and-place.jpg")); err == nil {
		f.Add(photo[30:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxHeader {
			return
		}
		item := &models.Item{}
		var at, length int64
		budget.Of(func() {
			readEXIF(data).claim(item, time.UTC)
			at, length = exifOfHEIC(data)
		}).Within(t, 1<<20)
		if at < 0 || length < 0 || length > maxEXIF {
			t.Fatalf("EXIF at %d, %d long", at, length)
		}
		var problems models.Problems
		if item.Position.Check(&problems); problems.Err() != nil {
			t.Fatalf("no position: %v", problems.Err())
		}
	})
}
