package archives

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"fieldproof/models"
	"fieldproof/storage"
)

// File is a planned archive. It holds names, sizes and checksums, never the bytes of an item: those are read from the
// store where and when they are asked for. It is an [io.ReadSeeker], one reader at a time.
type File struct {
	ETag     string
	Modified time.Time
	Manifest Manifest

	ctx      context.Context
	blobs    *storage.Store
	zip      *zip.Writer
	segments []segment
	size     int64
	skipping bool // what the ZIP writer writes now stands for the bytes of an item

	at     int64
	open   storage.Reader
	opened int // the segment that open reads, -1 for none
}

// segment is a piece of the archive: bytes that the plan made, or those of an item in the store.
type segment struct {
	begin, size int64
	literal     []byte
	key         string
}

func newFile(ctx context.Context, blobs *storage.Store) *File {
	f := &File{ctx: ctx, blobs: blobs, opened: -1}
	f.zip = zip.NewWriter(layout{f})
	return f
}

// layout takes what the ZIP writer writes: its own structures are kept, and the place of an item's bytes is only counted.
type layout struct{ f *File }

func (l layout) Write(b []byte) (int, error) {
	f := l.f
	n := int64(len(b))
	if !f.skipping {
		if last := len(f.segments) - 1; last >= 0 && f.segments[last].key == "" {
			f.segments[last].literal = append(f.segments[last].literal, b...)
			f.segments[last].size += n
		} else {
			f.segments = append(f.segments, segment{begin: f.size, size: n, literal: append([]byte(nil), b...)})
		}
	}
	f.size += n
	return len(b), nil
}

var blank [1 << 20]byte

// stored plans an item as it is: photos don't shrink. Size and checksum are known, so nothing has to follow the bytes.
func (f *File) stored(name string, at models.Time, key string, size int64, crc uint32) error {
	entry, err := f.begin(name, at, size, crc)
	if err != nil {
		return err
	}
	if size == 0 {
		return nil
	}
	f.segments = append(f.segments, segment{begin: f.size, size: size, key: key})
	f.skipping = true
	for left := size; left > 0; {
		n, err := entry.Write(blank[:min(left, int64(len(blank)))])
		if err != nil {
			return err
		}
		left -= int64(n)
	}
	err = f.zip.Flush()
	f.skipping = false
	return err
}

func (f *File) literal(name string, at models.Time, content []byte) error {
	entry, err := f.begin(name, at, int64(len(content)), crcOf(content))
	if err != nil {
		return err
	}
	if _, err := entry.Write(content); err != nil {
		return err
	}
	return f.zip.Flush()
}

// utf8Name says that a name is UTF-8 (APPNOTE 4.4.4, bit 11).
const utf8Name = 0x800

func (f *File) begin(name string, at models.Time, size int64, crc uint32) (io.Writer, error) {
	header := &zip.FileHeader{Name: name, Method: zip.Store, Flags: utf8Name, CRC32: crc, CompressedSize64: uint64(size), UncompressedSize64: uint64(size)}
	header.SetModTime(at.Time) //nolint:staticcheck // CreateRaw takes the MS-DOS fields as they are
	entry, err := f.zip.CreateRaw(header)
	if err != nil {
		return nil, err
	}
	return entry, f.zip.Flush()
}

func (f *File) end() error { return f.zip.Close() }

// Size is the archive's size in bytes.
func (f *File) Size() int64 { return f.size }

// Seek moves to a place of the archive; nothing is read for it.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.at
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, errors.New("archives: seek before the beginning")
	}
	f.at = offset
	return offset, nil
}

// Read reads on from the place.
func (f *File) Read(b []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	i := sort.Search(len(f.segments), func(i int) bool { return f.segments[i].begin+f.segments[i].size > f.at })
	s := f.segments[i]
	inside := f.at - s.begin
	b = b[:min(int64(len(b)), s.size-inside)]
	if s.key == "" {
		n := copy(b, s.literal[inside:])
		f.at += int64(n)
		return n, nil
	}
	reader, err := f.reader(i, inside)
	if err != nil {
		return 0, err
	}
	n, err := reader.Read(b)
	f.at += int64(n)
	if errors.Is(err, io.EOF) {
		err = nil
		if n == 0 {
			err = fmt.Errorf("archives: %s ends after %d of %d bytes", s.key, inside, s.size)
		}
	}
	return n, err
}

func (f *File) reader(i int, inside int64) (storage.Reader, error) {
	if err := f.ctx.Err(); err != nil {
		return nil, err
	}
	if f.opened != i {
		if err := f.Close(); err != nil {
			return nil, err
		}
		reader, err := f.blobs.Get(f.ctx, f.segments[i].key)
		if err != nil {
			return nil, err
		}
		if reader.Size() != f.segments[i].size {
			return nil, errors.Join(fmt.Errorf("archives: %s has %d bytes where %d were taken", f.segments[i].key, reader.Size(), f.segments[i].size), reader.Close())
		}
		f.open, f.opened = reader, i
		if inside == 0 {
			return reader, nil
		}
	} else if at, err := f.open.Seek(0, io.SeekCurrent); err == nil && at == inside {
		return f.open, nil
	}
	_, err := f.open.Seek(inside, io.SeekStart)
	return f.open, err
}

// Close lets go of what is open; the file can be read again.
func (f *File) Close() error {
	f.opened = -1
	if f.open == nil {
		return nil
	}
	err := f.open.Close()
	f.open = nil
	return err
}

// WriteTo writes what is left, an item at a time.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	piece := make([]byte, 256<<10)
	var written int64
	for {
		n, err := f.Read(piece)
		if n > 0 {
			m, failed := w.Write(piece[:n])
			written += int64(m)
			if failed != nil {
				return written, failed
			}
		}
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, err
		}
	}
}
