package models

import (
	"encoding/json"
	"fmt"
	"slices"
)

// HistoryEvent is one entry of an order's history.
type HistoryEvent struct {
	ID          int64 `gorm:"primaryKey;autoIncrement"`
	AccountID   string
	WorkOrderID string
	Sequence    int64 // counts the events of one order from 1
	Type        EventType
	FromState   State
	ToState     State
	ActorID     string
	Actor       string // the username then
	At          Time
	Reason      string
	MessageID   *string      // the action that caused it: the same message never acts twice
	Details     EventDetails `gorm:"serializer:json"`
}

// TableName names the table.
func (HistoryEvent) TableName() string { return "events" }

// EventDetails says more about some types of event.
type EventDetails struct {
	Fields  []string `json:"fields,omitempty"`   // what an update changed
	ItemIDs []string `json:"item_ids,omitempty"` // what a rejection is about
	// Reviews says what the office thinks of items since, by their ids.
	Reviews       map[string]Review `json:"reviews,omitempty"`
	Assignee      string            `json:"assignee,omitempty"`       // who was assigned
	FromOrder     string            `json:"from_order,omitempty"`     // from which order an item came
	PublicationID string            `json:"publication_id,omitempty"` // what was published
	Missing       []string          `json:"missing,omitempty"`        // evidence that a peer's completion lacked
	DoneAt        *Time             `json:"done_at,omitempty"`        // when it was done, as the phone that was offline says
	Awaited       int64             `json:"awaited,omitempty"`        // how many photos were announced and not here
	Lost          int64             `json:"lost,omitempty"`           // how many of them will not come
}

// EventView is an event as the outside sees it.
type EventView struct {
	Sequence  int64        `json:"sequence"`
	Type      EventType    `json:"type"`
	From      *State       `json:"from"`
	To        *State       `json:"to"`
	Actor     string       `json:"actor"`
	ActorName string       `json:"actor_name,omitempty"` // what they are called; in lists only
	At        Time         `json:"at"`
	Reason    string       `json:"reason"`
	Details   EventDetails `json:"details"`
}

// View makes the event's view. From and to are null where the event moves nothing.
func (e *HistoryEvent) View() EventView {
	v := EventView{Sequence: e.Sequence, Type: e.Type, Actor: e.Actor, At: e.At, Reason: e.Reason, Details: e.Details}
	if e.FromState != "" {
		v.From = &e.FromState
	}
	if e.ToState != "" {
		v.To = &e.ToState
	}
	return v
}

// WebhookType is the type under which the event arrives at web-hooks. Every event of the history arrives; those
// without a type of their own as work_order.updated.
func (e *HistoryEvent) WebhookType() string {
	if e.Type == TypeDeleted && e.ToState == Cancelled && e.FromState != Cancelled {
		return "work_order.cancelled"
	}
	if t := "work_order." + string(e.Type); slices.Contains(WebhookTypes, t) {
		return t
	}
	return "work_order.updated"
}

// Record writes what happened to an order: history first, then the web-hook messages of every endpoint that listens
// and the live feed. It sets the event's sequence and must be followed by [Tx.SaveOrder], which it leaves to the
// caller because one save may serve several events. The data of web-hooks is frozen as the order stands now.
func (tx *Tx) Record(o *WorkOrder, e *HistoryEvent, more ...func(*WebhookData)) error {
	o.EventCount++
	e.AccountID, e.WorkOrderID, e.Sequence = o.AccountID, o.ID, o.EventCount
	if e.At.IsZero() {
		e.At = Now()
	}
	if err := tx.Create(e).Error; err != nil {
		return fmt.Errorf("models: record an event: %w", err)
	}
	if err := tx.Announce(o.AccountID, "work_order."+string(e.Type), o.ID, o.ID); err != nil {
		return err
	}
	if err := tx.tellClients(o, e); err != nil {
		return err
	}
	if err := tx.TellBelow(o, e.ActorID); err != nil {
		return err
	}
	endpoints, err := tx.webhooksFor(o, e.WebhookType())
	if err != nil || len(endpoints) == 0 {
		return err
	}
	ahead := *o
	ahead.Version++ // as the row will stand once the caller has saved it
	views, err := ViewOrders(tx.DB, &ahead)
	if err != nil {
		return err
	}
	head, err := headOf(tx.DB, o.AccountID)
	if err != nil {
		return err
	}
	data := WebhookData{WorkOrder: views[0], Event: e.View(), Proof: head}
	for _, f := range more {
		f(&data)
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	for _, d := range endpoints {
		if err := tx.queueWebhook(d, e, "", e.WebhookType(), string(text), data.deliveryTo(d.ID)); err != nil {
			return err
		}
	}
	return nil
}
