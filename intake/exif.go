package intake

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"fieldproof/models"
)

// fileSays is what a photo's EXIF (CIPA DC-008) says of when and where it was taken. Whoever has the file can write there
// what they like: it fills in what the sender left open, as the file's claim, and is never judged.
type fileSays struct {
	taken, offset string // as written; offset is "" where the file names none
	position      models.Position
}

// What is read of EXIF: three directories, so many entries of each, values no longer than a date or a place. Libraries
// follow every pointer, which a file of some KB can make last for minutes.
const (
	maxEXIF    = 64 << 10
	maxEntries = 512
	maxValue   = 64
)

// The tags that are read, of the first directory, of EXIF's and of GPS's.
const (
	tagDateTime, tagEXIF, tagGPS                               = 0x0132, 0x8769, 0x8825
	tagOriginal, tagOffset, tagOffsetOriginal                  = 0x9003, 0x9010, 0x9011
	tagLatitudeRef, tagLatitude, tagLongitudeRef, tagLongitude = 1, 2, 3, 4
	tagPositioningError                                        = 0x1F
	typeASCII, typeShort, typeLong, typeRational, entrySize    = 2, 3, 4, 5, 12
)

// tiff is the block that holds EXIF.
type tiff struct {
	data  []byte
	order binary.ByteOrder
}

// value is that of one tag.
type value struct {
	kind  uint16
	count uint32
	bytes []byte
	order binary.ByteOrder
}

// readEXIF reads the block of a photo, nil when it has none.
func readEXIF(data []byte) (says fileSays) {
	t := tiff{data: data}
	switch {
	case len(data) < 8 || len(data) > maxEXIF:
		return says
	case bytes.HasPrefix(data, []byte("MM\x00*")):
		t.order = binary.BigEndian
	case bytes.HasPrefix(data, []byte("II*\x00")):
		t.order = binary.LittleEndian
	default:
		return says
	}
	first := t.directory(t.order.Uint32(data[4:]), tagDateTime, tagEXIF, tagGPS)
	inner, place := map[uint16]value{}, map[uint16]value{}
	if at, there := first[tagEXIF].number(); there {
		inner = t.directory(at, tagOriginal, tagOffset, tagOffsetOriginal)
	}
	if at, there := first[tagGPS].number(); there {
		place = t.directory(at, tagLatitudeRef, tagLatitude, tagLongitudeRef, tagLongitude, tagPositioningError)
	}
	if says.taken, says.offset = inner[tagOriginal].text(), inner[tagOffsetOriginal].text(); says.taken == "" {
		says.taken, says.offset = first[tagDateTime].text(), inner[tagOffset].text()
	}
	says.position = positionOf(place)
	return says
}

// directory reads those tags of a directory that are asked for.
func (t tiff) directory(at uint32, tags ...uint16) map[uint16]value {
	found, size := map[uint16]value{}, uint64(len(t.data))
	from := uint64(at)
	if from+2 > size {
		return found
	}
	for n := range min(uint64(t.order.Uint16(t.data[from:])), maxEntries) {
		entry := from + 2 + n*entrySize
		if entry+entrySize > size {
			break
		}
		tag := t.order.Uint16(t.data[entry:])
		for _, wanted := range tags {
			if tag == wanted {
				if v, whole := t.value(entry); whole {
					found[tag] = v
				}
			}
		}
	}
	return found
}

func (t tiff) value(entry uint64) (value, bool) {
	v := value{kind: t.order.Uint16(t.data[entry+2:]), count: t.order.Uint32(t.data[entry+4:]), order: t.order}
	width := map[uint16]uint64{typeASCII: 1, typeShort: 2, typeLong: 4, typeRational: 8}[v.kind]
	length, at := width*uint64(v.count), entry+8
	if width == 0 || length > maxValue {
		return v, false
	}
	if length > 4 {
		at = uint64(t.order.Uint32(t.data[at:]))
	}
	if at+length > uint64(len(t.data)) {
		return v, false
	}
	v.bytes = t.data[at : at+length]
	return v, true
}

func (v value) number() (uint32, bool) {
	if v.kind != typeLong || v.count != 1 {
		return 0, false
	}
	return v.order.Uint32(v.bytes), true
}

func (v value) text() string {
	if v.kind != typeASCII {
		return ""
	}
	text, _, _ := strings.Cut(string(v.bytes), "\x00")
	return strings.TrimSpace(text)
}

// rational is the nth of a tag; false where it is no number.
func (v value) rational(n int) (float64, bool) {
	if v.kind != typeRational || n >= int(v.count) {
		return 0, false
	}
	over, under := v.order.Uint32(v.bytes[8*n:]), v.order.Uint32(v.bytes[8*n+4:])
	if under == 0 {
		return 0, false
	}
	return float64(over) / float64(under), true
}

// degrees are those of degrees, minutes and seconds, negative by a reference of south or west.
func degrees(place value, reference, negative string) (float64, bool) {
	sum := 0.0
	for n, part := range []float64{1, 60, 3600} {
		v, there := place.rational(n)
		if !there {
			return 0, false
		}
		sum += v / part
	}
	if strings.EqualFold(reference, negative) {
		sum = -sum
	}
	return sum, true
}

// positionOf is empty where the file names no place on earth, or the one that devices write which know none.
func positionOf(place map[uint16]value) models.Position {
	latitude, there := degrees(place[tagLatitude], place[tagLatitudeRef].text(), "S")
	longitude, also := degrees(place[tagLongitude], place[tagLongitudeRef].text(), "W")
	if !there || !also || math.Abs(latitude) > 90 || math.Abs(longitude) > 180 || (latitude == 0 && longitude == 0) {
		return models.Position{}
	}
	at := models.Position{Latitude: &latitude, Longitude: &longitude}
	if accuracy, there := place[tagPositioningError].rational(0); there && accuracy > 0 && accuracy <= 1e6 {
		at.Accuracy = &accuracy
	}
	return at
}

// takenAt is when the photo was taken by what the file says, in the zone given where it names none. Nil for no time.
func (f fileSays) takenAt(zone *time.Location) *models.Time {
	at, err := time.ParseInLocation("2006:01:02 15:04:05", f.taken, zone)
	if f.offset != "" {
		if with, wrong := time.Parse("2006:01:02 15:04:05-07:00", f.taken+f.offset); wrong == nil {
			at, err = with, nil
		}
	}
	if err != nil || !models.Keepable(at) {
		return nil
	}
	taken := models.At(at)
	return &taken
}

// claim fills in what the sender left open.
func (f fileSays) claim(item *models.Item, zone *time.Location) {
	yes := true
	if taken := f.takenAt(zone); item.TakenAt == nil && taken != nil {
		item.TakenAt, item.Claims.Time = taken, &yes
	}
	if item.Position.Latitude == nil && f.position.Latitude != nil {
		item.Position, item.Claims.Location = f.position, &yes
	}
}

// exifOfHEIC finds where in the file the EXIF of a HEIC lies, by its meta box (ISO/IEC 14496-12, 8.11): the item of the type
// Exif, and its one extent. Zero when there is none.
func exifOfHEIC(meta []byte) (at, length int64) {
	id, there := exifItem(meta)
	if !there {
		return 0, 0
	}
	i := bytes.Index(meta, []byte("iloc"))
	if i < 0 {
		return 0, 0
	}
	c := &cursor{data: meta[i+4:]}
	version := c.take(1)
	c.take(3)
	sizes := c.take(2)
	offsetSize, lengthSize, baseSize, indexSize := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	wide := 2
	if version == 2 {
		wide = 4
	}
	for range c.take(wide) {
		item, method := c.take(wide), uint64(0)
		if version > 0 {
			method = c.take(2)
		}
		c.take(2)
		base := c.take(baseSize)
		extents := c.take(2)
		for range extents {
			if version > 0 {
				c.take(indexSize)
			}
			offset, size := c.take(offsetSize), c.take(lengthSize)
			if c.short {
				return 0, 0
			}
			if item == id {
				if method != 0 || extents != 1 || size > maxEXIF || base > math.MaxInt32 || offset > math.MaxInt32 {
					return 0, 0
				}
				return int64(base + offset), int64(size)
			}
		}
		if c.short {
			return 0, 0
		}
	}
	return 0, 0
}

// exifItem is the number of the item of the type Exif.
func exifItem(meta []byte) (uint64, bool) {
	for rest := meta; ; {
		i := bytes.Index(rest, []byte("infe"))
		if i < 0 {
			return 0, false
		}
		rest = rest[i+4:]
		c := &cursor{data: rest}
		version := c.take(1)
		c.take(3)
		wide := 2
		if version == 3 {
			wide = 4
		}
		id := c.take(wide)
		c.take(2)
		if version >= 2 && c.take(4) == 0x45786966 && !c.short { // Exif
			return id, true
		}
	}
}

// cursor takes numbers one after another; short says that they ended.
type cursor struct {
	data  []byte
	short bool
}

func (c *cursor) take(n int) (v uint64) {
	if n > len(c.data) || n > 8 {
		c.short, c.data = true, nil
		return 0
	}
	for _, b := range c.data[:n] {
		v = v<<8 | uint64(b)
	}
	c.data = c.data[n:]
	return v
}
