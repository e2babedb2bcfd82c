// Package intake is what may be done to accounts, orders and items: every rule once, for every edge. Whoever asks (the
// JSON API, resumable uploads, the wire API, Share, imports) the steps are the same: bytes, row and bell, then the
// acknowledgement, then the workflow.
package intake

import (
	"context"

	"fieldproof/models"
	"fieldproof/storage"
)

// Limits bound what one upload may cost.
type Limits struct {
	MaxBytes  int64 // of one photo
	MaxPixels int64 // of one photo
}

// DefaultLimits take every phone's camera.
var DefaultLimits = Limits{MaxBytes: 100 << 20, MaxPixels: 120_000_000}

// Intake accepts items and creates orders.
type Intake struct {
	Store  *models.Store
	Blobs  *storage.Store
	Bells  *Bells
	Limits Limits
}

// A Change makes of a row, as it stands under its lock, what a request asks. What it refuses is told as it is.
type Change[T any] func(*T) error

// write is a transaction of a member. What they asked for before they were revoked is not done after it: an
// [models.Unauthorized] error.
func (in *Intake) write(ctx context.Context, by *models.Member, fn func(*models.Tx) error) error {
	return in.Store.Write(models.InAccount(ctx, by.AccountID), func(tx *models.Tx) error {
		if err := tx.Stands(by); err != nil {
			return err
		}
		return fn(tx)
	})
}

// hand is who changes an order: a member, or a system outside.
type hand struct {
	id, name string // id is "" for who is no user
	// news says that whoever is assigned learns of it: what the field changes itself is none.
	news bool
}

func handOf(m *models.Member) hand { return hand{m.ID, m.Username, m.Office()} }

// event begins an event of an order's history.
func (h hand) event(kind models.EventType) *models.HistoryEvent {
	return &models.HistoryEvent{Type: kind, ActorID: h.id, Actor: h.name}
}

// wish puts an action into the inbox of an order. Whoever calls rings for it.
func (h hand) wish(tx *models.Tx, o *models.WorkOrder, actionID string, event models.Event, p models.ActionParameters) error {
	return tx.SaveAction(&models.Action{ID: actionID, AccountID: o.AccountID, WorkOrderID: o.ID, Event: event, ActorID: h.id, Inbox: true, Parameters: p})
}
