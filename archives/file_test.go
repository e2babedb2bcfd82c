package archives

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/storage"
)

// zeros is so many zero bytes.
type zeros struct{ left int64 }

func (z *zeros) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), z.left)
	clear(b[:n])
	z.left -= n
	return int(n), nil
}

// readAt lets a seeker be read anywhere.
type readAt struct{ io.ReadSeeker }

func (r readAt) ReadAt(b []byte, at int64) (int, error) {
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(r.ReadSeeker, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}

// TestArchivesBeyondTheOldLimitsOfZip holds more than 4 GB and more than 65,535 files.
func TestArchivesBeyondTheOldLimitsOfZip(t *testing.T) {
	ctx := context.Background()
	blobs, err := storage.Open(ctx, "file://"+filepath.ToSlash(t.TempDir()))
	require.NoError(t, err)
	defer blobs.Close()
	const size = 600 << 20
	require.NoError(t, blobs.Put(ctx, "video", "video/mp4", &zeros{size}))
	sum := crc32.NewIEEE()
	_, err = io.Copy(sum, &zeros{size})
	require.NoError(t, err)
	f := newFile(ctx, blobs)
	at := models.At(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	for n := range 8 {
		require.NoError(t, f.stored(fmt.Sprintf("Größe/видео-%d.mp4", n), at, "video", size, sum.Sum32()))
	}
	const files = 66_000
	for n := range files {
		require.NoError(t, f.literal(fmt.Sprintf("f/%d.txt", n), at, fmt.Appendf(nil, "%d", n)))
	}
	require.NoError(t, f.end())
	defer f.Close()
	require.Greater(t, f.Size(), int64(8*size))
	r, err := zip.NewReader(readAt{f}, f.Size())
	require.NoError(t, err)
	require.Len(t, r.File, files+8)
	content := func(i int) string {
		e, err := r.File[i].Open()
		require.NoError(t, err)
		defer e.Close()
		b, err := io.ReadAll(e)
		require.NoError(t, err, "with its checksum")
		return string(b)
	}
	require.Equal(t, "65999", content(files+7), "behind 4 GB")
	require.Equal(t, "Größe/видео-7.mp4", r.File[7].Name)
	offset, err := r.File[7].DataOffset()
	require.NoError(t, err)
	require.Greater(t, offset, int64(1)<<32-size, "its place needs 64 bits when the next is counted")
	last, err := r.File[7].Open()
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, last)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
}
