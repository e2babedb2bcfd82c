package models

import (
	"context"
	"crypto/rand"
	"time"

	"gorm.io/gorm/clause"
)

// IdempotencyKey is what a POST with an Idempotency-Key led to. While Status is 0 it is claimed by a request that has
// not answered yet.
type IdempotencyKey struct {
	ID string `gorm:"primaryKey"` // derived from user, route and key; without a user, from the body too
	// Seed is random, the same for every try of one request: what the request makes gets its ids from it. Never from the
	// key, which others may know or choose.
	Seed         string
	RequestHash  string
	Status       int64
	Outcome      string // sealed
	ClaimedUntil Time
	CreatedAt    Time
}

// idempotencyFor is how long an outcome is kept.
const idempotencyFor = 24 * time.Hour

// ClaimKey claims an idempotency key for a request; have is the row of the claim. claimed is false when the key is
// answered or another request is at it; have is then what there is.
func (s *Store) ClaimKey(ctx context.Context, id, requestHash string, hold time.Duration) (claimed bool, have *IdempotencyKey, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		now := Now()
		fresh := &IdempotencyKey{ID: id, Seed: rand.Text(), RequestHash: requestHash, ClaimedUntil: At(now.Add(hold)), CreatedAt: now}
		r := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(fresh)
		if r.Error != nil || r.RowsAffected == 1 {
			claimed, have = r.RowsAffected == 1, fresh
			return r.Error
		}
		if have, err = One[IdempotencyKey](tx.Locked().Where("id = ?", id), "key"); err != nil {
			return err
		}
		expired := have.CreatedAt.Add(idempotencyFor).Before(now.Time)
		abandoned := have.Status == 0 && have.ClaimedUntil.Before(now.Time) && have.RequestHash == requestHash
		if !expired && !abandoned {
			return nil
		}
		if !expired && have.Seed != "" {
			fresh.Seed, fresh.CreatedAt = have.Seed, have.CreatedAt // the try before may have made something
		}
		claimed, have = true, fresh
		return tx.Select("*").Updates(fresh).Error
	})
	return claimed, have, err
}

// AnswerKey keeps the outcome of a claimed key.
func (s *Store) AnswerKey(ctx context.Context, id string, status int, outcome string) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.Model(&IdempotencyKey{}).Where("id = ?", id).Updates(map[string]any{"status": status, "outcome": outcome}).Error
	})
}

// FreeKey lets the next request with the same body go on at once where a try ended without an outcome.
func (s *Store) FreeKey(ctx context.Context, id string) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.Model(&IdempotencyKey{}).Where("id = ? AND status = 0", id).Update("claimed_until", At(time.Now().Add(-time.Second))).Error
	})
}

// ForgetKey forgets a claimed key whose try made nothing.
func (s *Store) ForgetKey(ctx context.Context, id string) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.Where("id = ? AND status = 0", id).Delete(&IdempotencyKey{}).Error
	})
}
