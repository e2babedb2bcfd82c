package models

import (
	"fmt"
	"time"

	"gorm.io/gorm/clause"
)

// ActionParameters are the particulars of an action. They stay in the database; workflows carry only the action's id.
type ActionParameters struct {
	Assignee       string   `json:"assignee,omitempty"` // a username, or ~all~
	Reason         string   `json:"reason,omitempty"`
	ItemIDs        []string `json:"item_ids,omitempty"`
	DestinationIDs []string `json:"destination_ids,omitempty"`
	IfMatch        *int64   `json:"if_match,omitempty"`
	Actor          string   `json:"actor,omitempty"`           // who acts when it is no user: an integration
	DoneAt         *Time    `json:"done_at,omitempty"`         // when it was done, as the phone that was offline says
	WithoutAwaited bool     `json:"without_awaited,omitempty"` // an approval does not wait for what is on phones
	FromPeer       bool     `json:"from_peer,omitempty"`       // a peer's completion counts whatever is missing, and the items of its rejection as far as they are here
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
	Tries       int64 // how often it was sent to the workflow anew
	CreatedAt   Time
}

// SaveAction keeps an action; the same id again is the same action.
func (tx *Tx) SaveAction(a *Action) error {
	a.CreatedAt = Now()
	var err error
	if a.Number, err = tx.nextAction(a.WorkOrderID); err != nil {
		return err
	}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(a).Error; err != nil {
		return fmt.Errorf("models: keep an action: %w", err)
	}
	return nil
}

// nextAction numbers an action behind all that the order has, whatever the clocks of the replicas say.
func (tx *Tx) nextAction(orderID string) (int64, error) {
	var newest *int64
	err := tx.Model(&Action{}).Where("work_order_id = ?", orderID).Select("MAX(number)").Scan(&newest).Error
	number := time.Now().UnixMicro()
	if newest != nil {
		number = max(number, *newest+1)
	}
	return number, err
}

// TryAgain prepares an action to be sent anew, as what whoever waits for it wants now: behind everything that was asked
// since. A try that an outage ended stays in the workflow's history as failed; the next has a name of its own.
func (tx *Tx) TryAgain(a *Action) error {
	number, err := tx.nextAction(a.WorkOrderID)
	if err != nil {
		return err
	}
	updated, err := Edit(tx, "action", func(row *Action) error {
		row.Number, row.Tries = number, row.Tries+1
		return nil
	}, "id = ?", a.ID)
	if err == nil {
		*a = *updated
	}
	return err
}

// overtaken refuses an action when one that was asked later was applied: whoever asked for it has stopped waiting, or asks
// again. What lies in the inbox is read in sequence and overtakes nothing.
func (tx *Tx) overtaken(a *Action) error {
	if a.Inbox {
		return nil
	}
	var newer int64
	err := tx.Model(&Action{}).Where("work_order_id = ? AND outcome = ? AND number > ?", a.WorkOrderID, ActionApplied, a.Number).Count(&newer).Error
	if err != nil || newer == 0 {
		return err
	}
	return Errorf(Overtaken, "Something newer was done to the work order meanwhile. Look at it, and ask again.")
}
