package models

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"testing/fstest"
	"text/template"
	"time"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// MigrationStatus is one version of the schema.
type MigrationStatus struct {
	Version int64
	Name    string
	Applied bool
	At      time.Time
}

// columnTypes are what a migration writes for each dialect.
var columnTypes = map[Dialect]map[string]string{
	SQLite:   {"Sequence": "INTEGER PRIMARY KEY AUTOINCREMENT", "Time": "TEXT", "JSON": "TEXT", "Bool": "BOOLEAN", "Float": "REAL", "Dialect": "sqlite"},
	Postgres: {"Sequence": "BIGSERIAL PRIMARY KEY", "Time": "TIMESTAMPTZ", "JSON": "JSONB", "Bool": "BOOLEAN", "Float": "DOUBLE PRECISION", "Dialect": "postgres"},
}

func (s *Store) provider() (*goose.Provider, error) {
	rendered := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := migrations.ReadFile(name)
		if err != nil {
			return nil, err
		}
		t, err := template.New(name).Option("missingkey=error").Parse(string(text))
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, columnTypes[s.dialect]); err != nil {
			return nil, err
		}
		rendered[name] = &fstest.MapFile{Data: out.Bytes()}
	}
	files, err := fs.Sub(rendered, "migrations")
	if err != nil {
		return nil, err
	}
	pool, err := s.write.DB()
	if err != nil {
		return nil, err
	}
	dialect := goose.DialectSQLite3
	if s.dialect == Postgres {
		dialect = goose.DialectPostgres
	}
	return goose.NewProvider(dialect, pool, files)
}

// Migrate brings the schema up to the newest version and returns how many steps that took.
func (s *Store) Migrate(ctx context.Context) (int, error) {
	p, err := s.provider()
	if err != nil {
		return 0, fmt.Errorf("models: read the migrations: %w", err)
	}
	results, err := p.Up(ctx)
	if err != nil {
		return 0, fmt.Errorf("models: migrate: %w", err)
	}
	return len(results), errors.Join(s.claimUsedFolders(ctx), s.linkIntegrations(ctx), s.keyNumbers(ctx))
}

// Migrations lists every version with whether it is applied.
func (s *Store) Migrations(ctx context.Context) ([]MigrationStatus, error) {
	p, err := s.provider()
	if err != nil {
		return nil, err
	}
	all, err := p.Status(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]MigrationStatus, len(all))
	for i, m := range all {
		list[i] = MigrationStatus{Version: m.Source.Version, Name: m.Source.Path, Applied: m.State == goose.StateApplied, At: m.AppliedAt}
	}
	return list, nil
}

// CheckSchema returns an error that says what to do when the schema is not the newest.
func (s *Store) CheckSchema(ctx context.Context) error {
	list, err := s.Migrations(ctx)
	if err != nil {
		return err
	}
	for _, m := range list {
		if !m.Applied {
			return fmt.Errorf("the database lacks version %d of the schema: run `fieldproof migrate`", m.Version)
		}
	}
	return nil
}
