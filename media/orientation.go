package media

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
)

// turn is EXIF's orientation, 1 to 8: how the stored picture must be turned to stand upright.
type turn uint16

// orientation reads the turn of a JPEG or PNG; 1 when it says none. HEIC is decoded upright already.
func orientation(r io.ReadSeeker, contentType string) turn {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 1
	}
	in := bufio.NewReader(io.LimitReader(r, 4<<20))
	switch contentType {
	case "image/jpeg":
		return jpegOrientation(in)
	case "image/png":
		return pngOrientation(in)
	}
	return 1
}

func jpegOrientation(in *bufio.Reader) turn {
	if _, err := in.Discard(2); err != nil {
		return 1
	}
	for {
		var head [4]byte
		if _, err := io.ReadFull(in, head[:]); err != nil || head[0] != 0xFF || head[1] == 0xDA {
			return 1
		}
		length := int(binary.BigEndian.Uint16(head[2:])) - 2
		if length < 0 {
			return 1
		}
		if head[1] != 0xE1 {
			if _, err := in.Discard(length); err != nil {
				return 1
			}
			continue
		}
		segment := make([]byte, length)
		if _, err := io.ReadFull(in, segment); err != nil {
			return 1
		}
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
			return tiffOrientation(tiff)
		}
	}
}

func pngOrientation(in *bufio.Reader) turn {
	if _, err := in.Discard(8); err != nil {
		return 1
	}
	for {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return 1
		}
		length := int(binary.BigEndian.Uint32(head[:]))
		if string(head[4:]) == "eXIf" && length < 1<<16 {
			tiff := make([]byte, length)
			if _, err := io.ReadFull(in, tiff); err != nil {
				return 1
			}
			return tiffOrientation(tiff)
		}
		if _, err := in.Discard(length + 4); err != nil {
			return 1
		}
	}
}

// orientationTag is EXIF's tag 0x0112 in the first directory (CIPA DC-008).
const orientationTag = 0x0112

func tiffOrientation(tiff []byte) turn {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(tiff, []byte("MM")):
		order = binary.BigEndian
	case !bytes.HasPrefix(tiff, []byte("II")):
		return 1
	}
	if len(tiff) < 8 {
		return 1
	}
	at := uint64(order.Uint32(tiff[4:]))
	if at+2 > uint64(len(tiff)) {
		return 1
	}
	entries := uint64(order.Uint16(tiff[at:]))
	for i := range entries {
		entry := at + 2 + i*12
		if entry+12 > uint64(len(tiff)) {
			return 1
		}
		if order.Uint16(tiff[entry:]) == orientationTag {
			if v := order.Uint16(tiff[entry+8:]); v >= 1 && v <= 8 {
				return turn(v)
			}
		}
	}
	return 1
}

// apply turns a plane upright.
func (t turn) apply(src plane) plane {
	if t <= 1 || t > 8 {
		return src
	}
	w, h := src.w, src.h
	if t >= 5 {
		w, h = h, w
	}
	dst := newPlane(w, h)
	for y := range h {
		for x := range w {
			var sx, sy int
			switch t {
			case 2:
				sx, sy = w-1-x, y
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sx, sy = x, h-1-y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, w-1-x
			case 7:
				sx, sy = h-1-y, w-1-x
			case 8:
				sx, sy = h-1-y, x
			}
			dst.pix[y*dst.stride+x] = src.pix[sy*src.stride+sx]
		}
	}
	return dst
}
