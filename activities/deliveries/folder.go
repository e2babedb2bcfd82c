package deliveries

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"fieldproof/activities/attempts"
	"fieldproof/models"
	"fieldproof/storage"
)

// folder is a folder of the server. Its root lets no path and no link lead out of it.
type folder struct {
	root *os.Root
	base string
}

func (f *folder) close() error { return f.root.Close() }

func (f *folder) put(_ context.Context, s source) error {
	at := path.Join(f.base, s.name)
	if s.sha != "" && f.has(at, s.sha) {
		return nil
	}
	reader, err := s.open()
	if err != nil {
		return err
	}
	defer reader.Close()
	return f.write(at, reader, s.sha)
}

func (f *folder) has(at, sha string) bool {
	file, err := f.root.Open(at)
	if err != nil {
		return false
	}
	defer file.Close()
	digest := sha256.New()
	_, err = io.Copy(digest, file)
	return err == nil && hex.EncodeToString(digest.Sum(nil)) == sha
}

// write makes a file whole and durable before it has its name, so that whoever mirrors the folder never sees half of
// one.
func (f *folder) write(at string, r io.Reader, sha string) error {
	dir := path.Dir(at)
	if err := f.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	temporary := path.Join(dir, ".part-"+models.NewID())
	file, err := f.root.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	digest := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, digest), r)
	if err == nil && sha != "" && hex.EncodeToString(digest.Sum(nil)) != sha {
		err = errors.New("the stored bytes are not those that were taken")
	}
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = f.root.Rename(temporary, at)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(f.root.Remove(temporary)))
	}
	folder, err := f.root.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (f *folder) probe(ctx context.Context) error {
	s, content := probeSource()
	if err := f.put(ctx, s); err != nil {
		return err
	}
	at := path.Join(f.base, s.name)
	back, err := f.root.ReadFile(at)
	if err == nil && !bytes.Equal(back, content) {
		err = errors.New("what was written can't be read back")
	}
	return errors.Join(err, f.root.Remove(at))
}

// explain keeps the path below the root, which the user knows, and tells a way out of the root as final.
func (f *folder) explain(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && p.Err.Error() == "path escapes from parent" {
		return attempts.Final(errors.New("the folder leads out of the root that the operator allowed"))
	}
	if storage.IsFull(err) {
		return fmt.Errorf("the disk of the folder is full: %w", err)
	}
	return err
}
