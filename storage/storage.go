// Package storage keeps bytes: photos, their renditions and reports, in a local folder or an S3-compatible store.
package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // for s3:// URLs
	"gocloud.dev/gcerrors"
)

// ErrNotFound says that there are no bytes under a key.
var ErrNotFound = errors.New("storage: no such bytes")

// Store is a place for bytes under keys. A key has the form a/b/c of lower-case letters, digits, - . and _.
type Store struct {
	bucket *blob.Bucket
	// root is the local folder, "" elsewhere.
	root string
	// synced remembers folders whose own entries are known to be durable.
	synced sync.Map
	// folders are synced once for all writers who wait for it.
	folders rounds
}

// Open opens file:///path, s3://bucket?… or another URL that gocloud.dev/blob knows.
func Open(ctx context.Context, location string) (*Store, error) {
	u, err := url.Parse(location)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if u.Scheme == "file" {
		root := filepath.Clean(u.Path)
		// Temporary files lie beside the final ones, or the rename that makes a write whole would cross file systems.
		bucket, err := fileblob.OpenBucket(root, &fileblob.Options{CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
		if err != nil {
			return nil, fmt.Errorf("storage: open the folder %s: %w", root, err)
		}
		if err := syncPath(filepath.Dir(root)); err != nil {
			return nil, err
		}
		return &Store{bucket: bucket, root: root}, nil
	}
	bucket, err := blob.OpenBucket(ctx, location)
	if err != nil {
		return nil, fmt.Errorf("storage: open %s://%s: %w", u.Scheme, u.Host, err)
	}
	return &Store{bucket: bucket}, nil
}

// Close lets go of the store.
func (s *Store) Close() error { return s.bucket.Close() }

// Ping tells whether the store answers.
func (s *Store) Ping(ctx context.Context) error {
	ok, err := s.bucket.IsAccessible(ctx)
	if err == nil && !ok {
		err = errors.New("storage: not accessible")
	}
	return err
}

// stallsFor is how long the storage may take over what it was given: whoever sends it waits for an answer.
const stallsFor = 7 * time.Second

// errStalled says that the storage took nothing for too long.
var errStalled = fmt.Errorf("storage: it took nothing for %s", stallsFor)

// pacedReader counts the time between two reads, in which the storage is at work.
type pacedReader struct {
	r       io.Reader
	stalled *time.Timer
}

func (p *pacedReader) Read(b []byte) (int, error) {
	p.stalled.Stop()
	defer p.stalled.Reset(stallsFor)
	return p.r.Read(b)
}

// Put streams r into key and returns once the bytes are durable. When r fails nothing is left under key, and r's own
// error is in what is returned. r may be as slow as it likes; a storage that stalls fails.
func (s *Store) Put(ctx context.Context, key, contentType string, r io.Reader) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallsFor, func() { cancel(errStalled) })
	defer stalled.Stop()
	err := s.put(ctx, func() { cancel(nil) }, key, contentType, &pacedReader{r, stalled})
	if err != nil && errors.Is(context.Cause(ctx), errStalled) {
		return fmt.Errorf("%w: %w", errStalled, err)
	}
	return err
}

func (s *Store) put(ctx context.Context, cancel func(), key, contentType string, r io.Reader) error {
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType, BufferSize: 5 << 20, MaxConcurrency: 1})
	if err != nil {
		return fmt.Errorf("storage: write %s: %w", key, err)
	}
	if err := copyWhole(w, r); err != nil {
		cancel() // a cancelled writer leaves nothing
		_ = w.Close()
		return fmt.Errorf("storage: write %s: %w", key, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("storage: write %s: %w", key, err)
	}
	if s.root == "" {
		return nil
	}
	return s.sync(key)
}

// pieces are lent to those who copy: made anew for each photo they would be most of what is thrown away.
var pieces = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// copyWhole copies in pieces of one size, however small those are in which r comes: each write has its price.
func copyWhole(w io.Writer, r io.Reader) error {
	lent := pieces.Get().(*[]byte)
	defer pieces.Put(lent)
	piece := *lent
	for {
		n, err := 0, error(nil)
		for n < len(piece) && err == nil {
			var k int
			k, err = r.Read(piece[n:])
			n += k
		}
		if _, err := w.Write(piece[:n]); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil { // io.ErrUnexpectedEOF too: a sender hung up in the middle
			return err
		}
	}
}

// sync makes a local file durable: its bytes, its entry in the folder, and the folders' own entries when new.
func (s *Store) sync(key string) error {
	path := filepath.Join(s.root, filepath.FromSlash(key))
	if err := syncPath(path); err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := s.folders.do(dir, func() error { return syncPath(dir) }); err != nil {
		return err
	}
	for strings.HasPrefix(dir, s.root) && dir != s.root {
		if _, known := s.synced.Load(dir); known {
			break
		}
		parent := filepath.Dir(dir)
		if err := syncPath(parent); err != nil {
			return err
		}
		s.synced.Store(dir, true) // only now: another writer may rely on it
		dir = parent
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("storage: sync: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("storage: sync: %w", err)
	}
	return nil
}

// Reader is an open value with its size in bytes; it can seek.
type Reader interface {
	io.ReadSeekCloser
	Size() int64
}

// Get opens the bytes under key; [ErrNotFound] when there are none.
func (s *Store) Get(ctx context.Context, key string) (Reader, error) {
	r, err := s.bucket.NewReader(ctx, key, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, key)
	}
	if err != nil {
		return nil, fmt.Errorf("storage: read %s: %w", key, err)
	}
	return r, nil
}

// Has tells whether there are bytes under key.
func (s *Store) Has(ctx context.Context, key string) (bool, error) { return s.bucket.Exists(ctx, key) }

// Delete removes the bytes under key; there being none is no error.
func (s *Store) Delete(ctx context.Context, key string) error {
	err := s.bucket.Delete(ctx, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return err
}

// Keys calls each for every key below prefix until each fails.
func (s *Store) Keys(ctx context.Context, prefix string, each func(key string) error) error {
	list := s.bucket.List(&blob.ListOptions{Prefix: prefix})
	for {
		o, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("storage: list %s: %w", prefix, err)
		}
		if err := each(o.Key); err != nil {
			return err
		}
	}
}

// IsFull tells whether err says that there is no room left.
func IsFull(err error) bool {
	var answer interface{ HTTPStatusCode() int } // of an S3-compatible store
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || (errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusInsufficientStorage)
}

// IsAway tells whether an error says that the storage can't be reached or does not answer now: the same is worth trying
// again. Errors of a local folder count, but for bytes that are not there.
func IsAway(err error) bool {
	var path *os.PathError
	var network net.Error
	if errors.Is(err, ErrNotFound) {
		return false
	}
	if errors.Is(err, errStalled) || errors.As(err, &path) || errors.As(err, &network) {
		return true
	}
	var answer interface{ HTTPStatusCode() int } // of an S3-compatible store: overloaded, or it lets us in no more
	if errors.As(err, &answer) && (answer.HTTPStatusCode() >= 500 || answer.HTTPStatusCode() == http.StatusTooManyRequests || answer.HTTPStatusCode() == http.StatusForbidden) {
		return true
	}
	switch gcerrors.Code(err) {
	case gcerrors.Internal, gcerrors.ResourceExhausted, gcerrors.DeadlineExceeded, gcerrors.PermissionDenied:
		return true
	}
	return false
}
