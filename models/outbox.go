package models

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
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
	IntegrationBell BellKind = "integration"
	ImportBell      BellKind = "import"
	ClientBell      BellKind = "client"
	ShareBell       BellKind = "share" // a Share link
	BulkBell        BellKind = "bulk"
)

// Bell is an entry of the outbox: a workflow is to be woken, and started when it does not run. It carries no content;
// what happened stands in rows. One bell a workflow is enough (the items of an order share a few), so ringing again only
// counts its generation, which begins anywhere: a replica that delivered an earlier bell of the same name must not take this
// one for it.
type Bell struct {
	Bell       string `gorm:"primaryKey"`
	Kind       BellKind
	Subject    string // the id of the order, publication or destination
	Generation int64
	Bulk       bool // rung by an import: it waits behind those for which somebody waits
	DueAt      Time
	Attempts   int64
	LastError  string
}

// TableName names the table.
func (Bell) TableName() string { return "outbox" }

// Ring puts a bell into the outbox, in the transaction of what it tells of.
func (tx *Tx) Ring(kind BellKind, subject string) error { return tx.ring(kind, subject, false) }

// RingInBulk is [Tx.Ring] for one of thousands: it waits behind the bells for which somebody waits.
func (tx *Tx) RingInBulk(kind BellKind, subject string) error { return tx.ring(kind, subject, true) }

// ItemBells is how many bells of one order may be rung by items at once.
const ItemBells = 8

// RingForItem is [Tx.Ring] of an order for one of the items that come side by side: each has one of a few bells, or it would
// wait for the commit of the one before.
func (tx *Tx) RingForItem(orderID string) error {
	return tx.ringAs(string(OrderBell)+"/"+orderID+"/"+strconv.Itoa(rand.IntN(ItemBells)), OrderBell, orderID, false)
}

// ForItem tells whether the bell is one of [Tx.RingForItem].
func (b Bell) ForItem() bool {
	return b.Kind == OrderBell && b.Bell != string(OrderBell)+"/"+b.Subject
}

func (tx *Tx) ring(kind BellKind, subject string, bulk bool) error {
	return tx.ringAs(string(kind)+"/"+subject, kind, subject, bulk)
}

func (tx *Tx) ringAs(name string, kind BellKind, subject string, bulk bool) error {
	b := Bell{Bell: name, Kind: kind, Subject: subject, Generation: rand.Int64N(math.MaxInt64 / 2), Bulk: bulk, DueAt: Now()}
	changed := map[string]any{"generation": gorm.Expr("outbox.generation + 1")}
	if !bulk {
		changed["bulk"] = false
	}
	return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "bell"}}, DoUpdates: clause.Assignments(changed)}).Create(&b).Error
}

// DueBells lists bells that are due, oldest first, at most limit: those of a bulk, or those for which somebody waits.
func (s *Store) DueBells(ctx context.Context, bulk bool, limit int) ([]Bell, error) {
	var bells []Bell
	return bells, s.Read(ctx).Where("bulk = ? AND due_at <= ?", bulk, Now()).Order("due_at").Limit(limit).Find(&bells).Error
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

// PostponeBell notes that a bell could not be delivered; it is tried again after wait, or at once when it was rung meanwhile.
func (s *Store) PostponeBell(ctx context.Context, b Bell, wait time.Duration, cause error) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.Model(&Bell{}).Where("bell = ? AND generation = ?", b.Bell, b.Generation).Updates(map[string]any{
			"due_at": At(time.Now().Add(wait)), "attempts": gorm.Expr("attempts + 1"), "last_error": cause.Error()}).Error
	})
}
