package models

import (
	"fmt"

	"gorm.io/gorm/clause"
)

// ActionParameters are the particulars of an action. They stay in the database; workflows carry only the action's id.
type ActionParameters struct {
	Assignee       string   `json:"assignee,omitempty"` // a username, or ~all~
	Reason         string   `json:"reason,omitempty"`
	ItemIDs        []string `json:"item_ids,omitempty"`
	DestinationIDs []string `json:"destination_ids,omitempty"`
	IfMatch        *int64   `json:"if_match,omitempty"`
	Actor          string   `json:"actor,omitempty"`     // who acts when it is no user: an integration
	FromPeer       bool     `json:"from_peer,omitempty"` // a peer's completion counts whatever is missing
}

// The outcomes of an action.
const (
	ActionApplied = "applied"
	ActionRefused = "refused"
)

// Action is a wish of somebody to move an order. An office user's waits for an answer; one in the order's inbox (from
// a policy or a remote system) is read by the workflow in the order of its number.
type Action struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string
	WorkOrderID string
	Number      int64
	Event       Event
	Parameters  ActionParameters `gorm:"serializer:json"`
	ActorID     string
	Inbox       bool
	Outcome     string // "" while it waits
	Refusal     string
	CreatedAt   Time
}

// SaveAction keeps an action; the same id again is the same action.
func (tx *Tx) SaveAction(a *Action) error {
	a.CreatedAt = Now()
	a.Number = a.CreatedAt.UnixMicro()
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(a).Error; err != nil {
		return fmt.Errorf("models: keep an action: %w", err)
	}
	return nil
}
