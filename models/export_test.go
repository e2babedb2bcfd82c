package models

import "context"

// MigrateDown takes the schema back to a version, for tests of what an upgrade makes of older rows.
func (s *Store) MigrateDown(ctx context.Context, version int64) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, version)
	return err
}
