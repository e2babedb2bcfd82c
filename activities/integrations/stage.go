package integrations

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"fieldproof/intake"
	"fieldproof/models"
)

// staged is a file from elsewhere on our disk, so that it is read from there once.
type staged struct{ path string }

// stage copies a file and returns its hash.
func stage(r io.Reader) (*staged, string, error) {
	file, err := os.CreateTemp("", "fieldproof-watched-")
	if err != nil {
		return nil, "", err
	}
	s, digest := &staged{file.Name()}, sha256.New()
	n, err := io.Copy(io.MultiWriter(file, digest), io.LimitReader(r, intake.MaxImport+1))
	if err = errors.Join(err, file.Close()); err == nil && n > intake.MaxImport {
		err = models.Errorf(models.TooLarge, "The file is larger than %d MB.", intake.MaxImport>>20)
	}
	if err != nil {
		s.remove()
		return nil, "", err
	}
	return s, hex.EncodeToString(digest.Sum(nil)), nil
}

func (s *staged) open() (*os.File, error) { return os.Open(s.path) }

func (s *staged) remove() { _ = os.Remove(s.path) }
