package intake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"fieldproof/models"
)

// The content types of photos that are taken.
const (
	jpegType = "image/jpeg"
	pngType  = "image/png"
	heicType = "image/heic"
)

// inspector watches a photo's bytes as they stream by and finds out, without ever holding or decoding them, what kind
// it is, how many pixels it has and whether it is whole. It knows just enough of three containers: JPEG's markers
// (ITU-T T.81, annex B), PNG's chunks (W3C PNG, section 5) and the boxes of ISO base media files (ISO/IEC 14496-12).
type inspector struct {
	maxPixels int64

	contentType   string
	width, height int64
	whole         bool

	buf  []byte // what is not consumed yet; small
	skip int64  // bytes to pass over before buf goes on
	scan bool   // JPEG: inside entropy-coded data
	meta []byte // HEIC: the meta box
	want int64  // HEIC: what is still missing of the meta box
	data bool   // HEIC: there are bytes of a picture
	left int64  // PNG: what is still to come of a chunk, -1 between chunks
	sum  uint32 // PNG: the chunk's checksum so far
	last bool   // PNG: it is the last chunk
	over bool

	exif   []byte // the block of EXIF, whole once the file is
	keep   bool   // PNG: the chunk is EXIF's
	seen   int64  // bytes of the file before those that are being written
	exifAt int64  // HEIC: where in the file its EXIF lies
	exifIs int64  // HEIC: how long it is
}

var (
	errNoImage   = models.Errorf(models.Unsupported, "The file is no JPEG, PNG or HEIC photo.")
	errTruncated = models.InvalidField("file", "The image is cut short or damaged: send the whole file again.").Coded(models.CodeDamaged)
)

// maxHeader bounds what is kept of a file: the largest single structure that must be read at once.
const maxHeader = 1 << 20

func (in *inspector) Write(p []byte) (int, error) {
	n := len(p)
	defer in.passed(p)
	for len(p) > 0 || (len(in.buf) > 0 && in.skip == 0) {
		if in.over {
			return n, nil
		}
		if in.skip > 0 {
			k := min(in.skip, int64(len(p)))
			in.skip -= k
			p = p[k:]
			if len(p) == 0 {
				return n, nil
			}
			continue
		}
		data := p
		if len(in.buf) > 0 {
			data = append(in.buf, p...)
		}
		used, more, err := in.step(data)
		if err != nil {
			return 0, err
		}
		rest := data[min(used, int64(len(data))):]
		in.skip = max(0, used-int64(len(data)))
		if more {
			if len(rest) > maxHeader {
				return 0, errTruncated
			}
			in.buf = bytes.Clone(rest)
			return n, nil
		}
		in.buf, p = nil, rest
	}
	return n, nil
}

// passed keeps those bytes of a HEIC's EXIF that came by.
func (in *inspector) passed(p []byte) {
	from, to := max(in.exifAt, in.seen), min(in.exifAt+in.exifIs, in.seen+int64(len(p)))
	if in.exifAt > 0 && from < to && from == in.exifAt+int64(len(in.exif)) {
		in.exif = append(in.exif, p[from-in.seen:to-in.seen]...)
	}
	in.seen += int64(len(p))
}

// says is what the file says of itself.
func (in *inspector) says() fileSays {
	block := in.exif
	if in.contentType == heicType {
		if len(block) < 4 { // where in it the block begins
			return fileSays{}
		}
		block = block[min(uint64(len(block)), 4+uint64(binary.BigEndian.Uint32(block))):]
	}
	return readEXIF(block)
}

// step consumes from data: used bytes, which may be more than there are. more says that the rest must grow first.
func (in *inspector) step(data []byte) (used int64, more bool, err error) {
	switch in.contentType {
	case "":
		if len(data) < 12 {
			return 0, true, nil
		}
		return in.sniff(data)
	case jpegType:
		return in.stepJPEG(data)
	case pngType:
		return in.stepPNG(data)
	default:
		return in.stepHEIC(data)
	}
}

func (in *inspector) sniff(data []byte) (int64, bool, error) {
	switch {
	case data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF:
		in.contentType = jpegType
		return 2, false, nil
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		in.contentType, in.left = pngType, -1
		return 8, false, nil
	case string(data[4:8]) == "ftyp":
		// The major brand may name the container alone; then the compatible ones tell what is in it.
		length := int64(binary.BigEndian.Uint32(data))
		if length < 16 || length > 1024 {
			return 0, false, errNoImage
		}
		if int64(len(data)) < length {
			return 0, true, nil
		}
		for at := int64(8); at+4 <= length; at += 4 {
			if at == 12 {
				continue // the minor version
			}
			switch string(data[at : at+4]) {
			case "heic", "heix", "heim", "heis", "hevc", "hevx":
				in.contentType = heicType
				return 0, false, nil
			}
		}
	}
	return 0, false, errNoImage
}

func (in *inspector) stepJPEG(data []byte) (int64, bool, error) {
	if in.scan {
		for at := 0; ; {
			i := bytes.IndexByte(data[at:], 0xFF)
			if i < 0 {
				return int64(len(data)), false, nil
			}
			at += i
			if at+1 >= len(data) {
				return int64(at), true, nil
			}
			if c := data[at+1]; c == 0x00 || (c >= 0xD0 && c <= 0xD7) {
				at += 2
				continue
			} else if c == 0xFF {
				at++
				continue
			}
			in.scan = false
			return int64(at), false, nil
		}
	}
	if len(data) < 4 {
		if len(data) >= 2 && data[0] == 0xFF && data[1] == 0xD9 {
			in.whole, in.over = true, true
			return 2, false, nil
		}
		return 0, true, nil
	}
	if data[0] != 0xFF {
		return 0, false, errTruncated
	}
	marker := data[1]
	switch {
	case marker == 0xFF: // fill byte
		return 1, false, nil
	case marker == 0xD9:
		// What follows the end of the image (a motion photo's film, a maker's trailer) is kept, not judged.
		in.whole, in.over = true, true
		return 2, false, nil
	case marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8):
		return 2, false, nil
	}
	length := int64(binary.BigEndian.Uint16(data[2:]))
	if length < 2 {
		return 0, false, errTruncated
	}
	if isSOF := marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC; isSOF {
		if len(data) < 9 {
			return 0, true, nil
		}
		if err := in.size(int64(binary.BigEndian.Uint16(data[7:])), int64(binary.BigEndian.Uint16(data[5:]))); err != nil {
			return 0, false, err
		}
	}
	if head := []byte("Exif\x00\x00"); marker == 0xE1 && in.exif == nil {
		if len(data) < 4+len(head) && length >= 2+int64(len(head)) {
			return 0, true, nil
		}
		if bytes.HasPrefix(data[4:], head) {
			if int64(len(data)) < 2+length {
				return 0, true, nil
			}
			in.exif = bytes.Clone(data[4+len(head) : max(2+length, int64(4+len(head)))])
		}
	}
	in.scan = marker == 0xDA
	return 2 + length, false, nil
}

// stepPNG goes through the chunks and checks their sums: a PNG says itself whether it is damaged.
func (in *inspector) stepPNG(data []byte) (int64, bool, error) {
	if in.left > 0 {
		k := min(in.left, int64(len(data)))
		in.sum = crc32.Update(in.sum, crc32.IEEETable, data[:k])
		if in.keep {
			in.exif = append(in.exif, data[:k]...)
		}
		in.left -= k
		return k, k == 0, nil
	}
	if in.left == 0 {
		if len(data) < 4 {
			return 0, true, nil
		}
		if binary.BigEndian.Uint32(data) != in.sum {
			return 0, false, errTruncated
		}
		in.left = -1
		in.whole, in.over = in.last, in.last
		return 4, false, nil
	}
	if len(data) < 8 {
		return 0, true, nil
	}
	length := int64(binary.BigEndian.Uint32(data))
	if length > 1<<31-1 {
		return 0, false, errTruncated
	}
	switch string(data[4:8]) {
	case "IHDR":
		if len(data) < 16 {
			return 0, true, nil
		}
		if err := in.size(int64(binary.BigEndian.Uint32(data[8:])), int64(binary.BigEndian.Uint32(data[12:]))); err != nil {
			return 0, false, err
		}
	case "IEND":
		in.last = true
	}
	in.keep = string(data[4:8]) == "eXIf" && in.exif == nil && length <= maxEXIF
	in.left, in.sum = length, crc32.ChecksumIEEE(data[4:8])
	return 8, false, nil
}

func (in *inspector) stepHEIC(data []byte) (int64, bool, error) {
	if in.want > 0 {
		k := min(in.want, int64(len(data)))
		in.meta = append(in.meta, data[:k]...)
		if in.want -= k; in.want == 0 {
			return k, false, in.sizeFromMeta()
		}
		return k, false, nil
	}
	if len(data) < 16 {
		return 0, true, nil
	}
	length, header := int64(binary.BigEndian.Uint32(data)), int64(8)
	if length == 1 {
		length, header = int64(binary.BigEndian.Uint64(data[8:])), 16
	}
	if string(data[4:8]) == "mdat" || string(data[4:8]) == "idat" {
		in.data = length == 0 || length > header
	}
	if length == 0 { // to the end of the file
		in.whole, in.over = in.width > 0, true
		return header, false, nil
	}
	if length < header {
		return 0, false, errTruncated
	}
	if string(data[4:8]) == "meta" {
		if length > maxHeader {
			return 0, false, errTruncated
		}
		in.want = length - header
		return header, false, nil
	}
	return length, false, nil
}

// sizeFromMeta takes the largest spatial extents property: the others belong to tiles and thumbnails.
func (in *inspector) sizeFromMeta() error {
	var w, h int64
	for rest := in.meta; ; {
		i := bytes.Index(rest, []byte("ispe"))
		if i < 0 || len(rest) < i+16 {
			break
		}
		rest = rest[i+4:]
		if a, b := int64(binary.BigEndian.Uint32(rest[4:])), int64(binary.BigEndian.Uint32(rest[8:])); a*b > w*h && a < 1<<20 && b < 1<<20 {
			w, h = a, b
		}
	}
	in.data = in.data || bytes.Contains(in.meta, []byte("idat"))
	in.exifAt, in.exifIs = exifOfHEIC(in.meta)
	in.meta = nil
	return in.size(w, h)
}

func (in *inspector) size(width, height int64) error {
	if width <= 0 || height <= 0 {
		return errTruncated
	}
	if width > 1<<20 || height > 1<<20 || width*height > in.maxPixels {
		return models.InvalidField("file", "The image has %d × %d pixels; at most %d million are taken.", width, height, in.maxPixels/1_000_000)
	}
	in.width, in.height = width, height
	return nil
}

// finish is asked after the last byte.
func (in *inspector) finish(size int64) error {
	if in.contentType == "" {
		if size == 0 {
			return models.InvalidField("file", "The file is empty.")
		}
		if len(in.buf) >= 8 && string(in.buf[4:8]) == "ftyp" {
			return errTruncated
		}
		return errNoImage
	}
	if in.contentType == heicType && in.width > 0 && in.skip == 0 && len(in.buf) == 0 && in.want == 0 {
		in.whole = true
	}
	if !in.whole || in.width == 0 || (in.contentType == heicType && !in.data) {
		return errTruncated
	}
	return nil
}

var errTooLarge = errors.New("intake: larger than allowed")
