package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// BellKind tells which workflow a bell wakes.
type BellKind string

// The kinds of bell.
const (
	OrderBell       BellKind = "work-order"
	PublicationBell BellKind = "publication"
	WebhookBell     BellKind = "webhook"
)

// Bell is an entry of the outbox: a workflow is to be woken, and started when it does not run. It carries no content;
// what happened stands in rows. One bell a workflow is enough, so ringing again only counts its generation.
type Bell struct {
	Bell       string `gorm:"primaryKey"`
	Kind       BellKind
	Subject    string // the id of the order, publication or destination
	Generation int64
	DueAt      Time
	Attempts   int64
	LastError  string
}

// TableName names the table.
func (Bell) TableName() string { return "outbox" }

// Ring puts a bell into the outbox, in the transaction of what it tells of.
func (tx *Tx) Ring(kind BellKind, subject string) error {
	b := Bell{Bell: string(kind) + "/" + subject, Kind: kind, Subject: subject, Generation: 1, DueAt: Now()}
	return tx.Clauses(clause.OnConflict{
		Columns:   []clause.Column{{Name: "bell"}},
		DoUpdates: clause.Assignments(map[string]any{"generation": gorm.Expr("outbox.generation + 1")}),
	}).Create(&b).Error
}

// DueBells lists the bells that have waited for at least wait, oldest first.
func (s *Store) DueBells(ctx context.Context, wait time.Duration, limit int) ([]Bell, error) {
	var bells []Bell
	err := s.Read(ctx).Where("due_at <= ?", At(time.Now().Add(-wait))).Order("due_at").Limit(limit).Find(&bells).Error
	return bells, err
}

// Rung takes bells that have been delivered out of the outbox, unless they were rung again meanwhile.
func (s *Store) Rung(ctx context.Context, bells []Bell) error {
	return s.Write(ctx, func(tx *Tx) error {
		for _, b := range bells {
			if err := tx.Where("bell = ? AND generation = ?", b.Bell, b.Generation).Delete(&Bell{}).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// PostponeBell notes that a bell could not be delivered; it is tried again after wait.
func (s *Store) PostponeBell(ctx context.Context, b Bell, wait time.Duration, cause error) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.Model(&Bell{}).Where("bell = ?", b.Bell).Updates(map[string]any{
			"due_at": At(time.Now().Add(wait)), "attempts": gorm.Expr("attempts + 1"), "last_error": cause.Error()}).Error
	})
}
