package models

import (
	"slices"

	"gorm.io/gorm/clause"
)

// WebhookTypes lists the types of web-hook messages.
var WebhookTypes = []string{
	"work_order.created", "work_order.updated", "work_order.assigned", "work_order.in_progress", "work_order.completed",
	"work_order.approved", "work_order.rejected", "work_order.published", "work_order.cancelled", "work_order.closed", "item.published",
}

// ItemPublished is the type of the message of one published item.
const ItemPublished = "item.published"

// WebhookData is the data member of a message's body.
type WebhookData struct {
	WorkOrder   WorkOrderView       `json:"work_order"`
	Event       EventView           `json:"event"`
	Item        *PhotoView          `json:"item,omitempty"`
	Publication *WebhookPublication `json:"publication,omitempty"`
	// Proof is the head of the account's chain: whoever keeps it can check everything up to it.
	Proof *ProofHead `json:"proof,omitempty"`

	deliveries map[string]string // destination id → delivery id, for the messages of a publication
}

// WebhookPublication is the part of a publication that its messages tell.
type WebhookPublication struct {
	ID        string `json:"id"`
	Number    int64  `json:"number"`
	CreatedAt Time   `json:"created_at"`
	Items     int64  `json:"items"`
	// Proof is the head of the account's chain right after this publication.
	Proof *ProofHead `json:"proof"`
}

func (d *WebhookData) deliveryTo(destinationID string) *string {
	if id, ok := d.deliveries[destinationID]; ok {
		return &id
	}
	return nil
}

// The states of a message and of a delivery.
const (
	DeliveryPending   = "pending"
	DeliveryRetrying  = "retrying"
	DeliveryDelivered = "delivered"
	DeliveryFailed    = "failed"
)

// WebhookMessage is one event for one endpoint. Its id is the webhook-id of every try, and its data never changes.
type WebhookMessage struct {
	Seq           int64  `gorm:"primaryKey;autoIncrement"`
	ID            string `gorm:"uniqueIndex"`
	AccountID     string
	DestinationID string
	WorkOrderID   string
	DeliveryID    *string // the publication's delivery that it counts for
	EventID       int64
	ItemID        string
	Type          string
	At            Time
	Data          string
	Tries
}

// webhooksFor lists the enabled endpoints that listen to a type of message on an order.
func (tx *Tx) webhooksFor(o *WorkOrder, messageType string) ([]Destination, error) {
	var all []Destination
	err := tx.Where("kind = ? AND enabled AND deleted_at IS NULL", WebhookDestination).Order("id").Find(&all).Error
	return slices.DeleteFunc(all, func(d Destination) bool {
		return !d.Covers(o) || (len(d.Settings.Events) > 0 && !slices.Contains(d.Settings.Events, messageType))
	}), err
}

func (tx *Tx) queueWebhook(d Destination, e *HistoryEvent, itemID, messageType, data string, deliveryID *string) error {
	m := &WebhookMessage{ID: "msg_" + NewID(), AccountID: d.AccountID, DestinationID: d.ID, WorkOrderID: e.WorkOrderID, DeliveryID: deliveryID,
		EventID: e.ID, ItemID: itemID, Type: messageType, At: e.At, Data: data, Tries: WebhookPolicy.Begin()}
	if err := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "destination_id"}, {Name: "event_id"}, {Name: "item_id"}}, DoNothing: true}).Create(m).Error; err != nil {
		return err
	}
	return tx.Ring(WebhookBell, d.ID)
}
