package rig

import (
	"os"
	"path/filepath"
	"strings"
)

// Backup is all that an installation had at some time, its Temporal too.
type Backup struct {
	of            *Installation
	dir, database string
}

// Restored is what a restore does with Temporal.
type Restored string

// The ways.
const (
	WithTemporal    Restored = "with Temporal"          // as it was then
	WithoutTemporal Restored = "without Temporal"       // it goes on as it is now
	TemporalLost    Restored = "with an empty Temporal" // it begins anew
)

// BackUp stops an installation, keeps in dir all that it has, and starts it again.
func (i *Installation) BackUp(dir string) (*Backup, error) {
	b := &Backup{of: i, dir: dir}
	i.Stop()
	if err := os.CopyFS(dir, os.DirFS(i.Dir)); err != nil {
		return nil, err
	}
	if i.cluster != nil {
		var err error
		if b.database, err = i.cluster.Copy(i.DatabaseURL); err != nil {
			return nil, err
		}
	}
	return b, i.Restart()
}

// Restore stops the installation, puts back what it had then, and starts it again.
func (b *Backup) Restore(as Restored) error {
	i := b.of
	i.Stop()
	temporals := func(name string) bool { return strings.HasPrefix(name, "temporal.db") }
	present, err := os.ReadDir(i.Dir)
	if err != nil {
		return err
	}
	for _, e := range present {
		if temporals(e.Name()) && as == WithoutTemporal {
			continue
		}
		if err := os.RemoveAll(filepath.Join(i.Dir, e.Name())); err != nil {
			return err
		}
	}
	if as != WithTemporal {
		kept, err := filepath.Glob(filepath.Join(b.dir, "temporal.db*"))
		if err != nil {
			return err
		}
		for _, file := range kept {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	if err := os.CopyFS(i.Dir, os.DirFS(b.dir)); err != nil {
		return err
	}
	if i.cluster != nil {
		if err := i.cluster.PutBack(i.DatabaseURL, b.database); err != nil {
			return err
		}
	}
	return i.Restart()
}
