package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func open(t *testing.T) (*Store, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "blobs")
	s, err := Open(t.Context(), "file://"+root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, root
}

// files are all files below a folder.
func files(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestPutAndGet(t *testing.T) {
	s, root := open(t)
	ctx := t.Context()
	want := bytes.Repeat([]byte("proof"), 100_000)
	if err := s.Put(ctx, "a/b/photo.jpg", "image/jpeg", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	r, err := s.Get(ctx, "a/b/photo.jpg")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) || r.Size() != int64(len(want)) {
		t.Errorf("read %d bytes of %d, %v", len(got), len(want), err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if found := files(t, root); len(found) != 1 {
		t.Errorf("the folder holds %v", found)
	}
	if err := s.Delete(ctx, "a/b/photo.jpg"); err != nil {
		t.Error(err)
	}
	if err := s.Delete(ctx, "a/b/photo.jpg"); err != nil {
		t.Errorf("deleting what is gone: %v", err)
	}
	if _, err := s.Get(ctx, "a/b/photo.jpg"); !errors.Is(err, ErrNotFound) {
		t.Errorf("reading what is gone: %v", err)
	}
}

func TestPutLeavesNothingWhenTheSourceFails(t *testing.T) {
	s, root := open(t)
	for _, broken := range []error{errors.New("the phone hung up"), io.ErrUnexpectedEOF} {
		err := s.Put(t.Context(), "a/photo.jpg", "image/jpeg", io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20)), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("the source's own error is lost: %v", err)
		}
		if found := files(t, root); len(found) != 0 {
			t.Errorf("left behind: %v", found)
		}
	}
}

// The rename that makes a write whole must stay on one file system: temporary files lie beside the final ones.
func TestTemporaryFilesLieBesideTheFinalOnes(t *testing.T) {
	s, root := open(t)
	elsewhere := t.TempDir()
	t.Setenv("TMPDIR", elsewhere)
	seen := false
	look := readerFunc(func(p []byte) (int, error) {
		found := files(t, root)
		if seen = len(found) == 1; !seen {
			return 0, io.ErrUnexpectedEOF
		}
		return copy(p, "y"), io.EOF
	})
	if err := s.Put(t.Context(), "a/photo.jpg", "image/jpeg", io.MultiReader(strings.NewReader(strings.Repeat("x", 6<<20)), look)); err != nil {
		t.Error(err)
	}
	if !seen {
		t.Error("while it is written the file is not in the store's folder")
	}
	if found := files(t, elsewhere); len(found) != 0 {
		t.Errorf("temporary files in the system's folder: %v", found)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestKeysStayBelowTheRoot(t *testing.T) {
	s, root := open(t)
	for _, key := range []string{"../outside", "a/../../outside", "/outside"} {
		if err := s.Put(t.Context(), key, "text/plain", strings.NewReader("x")); err != nil {
			continue
		}
		for _, file := range files(t, filepath.Dir(root)) {
			if !strings.HasPrefix(file, root+string(filepath.Separator)) {
				t.Errorf("key %q wrote %s", key, file)
			}
		}
	}
}

func TestKeysListsWhatIsThere(t *testing.T) {
	s, _ := open(t)
	for _, key := range []string{"p/1", "p/2", "q/1"} {
		if err := s.Put(t.Context(), key, "text/plain", strings.NewReader(key)); err != nil {
			t.Fatal(err)
		}
	}
	var keys []string
	if err := s.Keys(t.Context(), "p/", func(key string) error { keys = append(keys, key); return nil }); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(keys); !slices.Equal(keys, []string{"p/1", "p/2"}) {
		t.Errorf("keys are %v", keys)
	}
	stop := errors.New("enough")
	if err := s.Keys(context.Background(), "p/", func(string) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's error is lost: %v", err)
	}
}

// A write is durable when its file and each new folder's entry were synced; what was synced is written down only then.
func TestSyncKnowsOnlyWhatIsDurable(t *testing.T) {
	s, root := open(t)
	if err := s.sync("no/such/file"); err == nil {
		t.Fatal("syncing nothing succeeds")
	}
	if _, known := s.synced.Load(filepath.Join(root, "no", "such")); known {
		t.Error("a folder is taken for durable that never was")
	}
	if err := s.Put(t.Context(), "a/b/c", "text/plain", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"a/b", "a"} {
		if _, known := s.synced.Load(filepath.Join(root, dir)); !known {
			t.Errorf("the entry of %s was not synced", dir)
		}
	}
}
