package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// RateLimit counts what one source did in a window of time. It is a row, so that every replica counts together.
type RateLimit struct {
	ID     string `gorm:"primaryKey"`
	Count  int64
	EndsAt Time
}

// Spent returns how long key must wait because it has done most or more in its window; 0 when it may go on.
func (s *Store) Spent(ctx context.Context, key string, most int64) (time.Duration, error) {
	var rows []RateLimit
	err := s.Read(ctx).Where("id = ? AND ends_at > ?", key, Now()).Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 || rows[0].Count < most {
		return 0, err
	}
	return time.Until(rows[0].EndsAt.Time), nil
}

// Spend counts one for each of keys, in a window that begins with its first.
func (s *Store) Spend(ctx context.Context, window time.Duration, keys ...string) error {
	return s.Write(ctx, func(tx *Tx) error {
		now := Now()
		ends := At(now.Add(window))
		for _, key := range keys {
			err := tx.Clauses(clause.OnConflict{
				Columns: []clause.Column{{Name: "id"}},
				DoUpdates: clause.Assignments(map[string]any{
					"count":   gorm.Expr("CASE WHEN rate_limits.ends_at > ? THEN rate_limits.count + 1 ELSE 1 END", now),
					"ends_at": gorm.Expr("CASE WHEN rate_limits.ends_at > ? THEN rate_limits.ends_at ELSE ? END", now, ends),
				}),
			}).Create(&RateLimit{ID: key, Count: 1, EndsAt: ends}).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}
