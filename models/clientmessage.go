package models

import (
	"encoding/json"
	"slices"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// The kinds of client message.
const (
	ClientItem   = "item"   // one item, by uploadPictures
	ClientStatus = "status" // where the order stands, by status
)

// ClientMessage is an item or a status on its way to a client's system. Those of one order and destination go in the
// sequence of their numbers; one that failed for good holds back nothing.
type ClientMessage struct {
	Seq           int64  `gorm:"primaryKey;autoIncrement"`
	ID            string `gorm:"uniqueIndex"`
	AccountID     string
	DestinationID string
	WorkOrderID   string
	DeliveryID    *string
	Kind          string
	ItemID        string
	Revision      int64
	EventID       int64
	Data          string // of a status: [ClientStatusData]
	Number        int64  // of a status along a Share link: they are numbered for each order
	Tries
	CreatedAt Time
}

// ClientStatusData is what a status tells, in the words of the wire.
type ClientStatusData struct {
	Status       WireStatus `json:"status"`
	FieldStatus  string     `json:"fieldStatus"`
	ClientStatus string     `json:"clientStatus"`
	Reason       string     `json:"reason,omitempty"` // between two Fieldproofs
}

// ClientSubject names the queue of one order at one client.
func ClientSubject(destinationID, orderID string) string { return destinationID + "/" + orderID }

// tellClients queues what an event tells to those who gave the order: to clients that work began, or that the order is
// cancelled; that it is complete goes behind the items of a publication, see [Tx.queueForClients]. To the other side of a
// Share link goes also that it was viewed and completed, whatever the policies say.
func (tx *Tx) tellClients(o *WorkOrder, e *HistoryEvent) error {
	kinds := []DestinationKind{ShareDestination}
	switch {
	case e.ToState != e.FromState && (e.ToState == InProgress || e.ToState == Cancelled):
		kinds = []DestinationKind{ClientDestination, ShareDestination}
	case e.ToState != e.FromState && e.ToState == Completed && e.Type == TypeCompleted:
	case e.Type == TypeViewed:
	default:
		return nil
	}
	var all []Destination
	if err := tx.Where("kind IN ? AND enabled AND deleted_at IS NULL", kinds).Order("id").Find(&all).Error; err != nil || len(all) == 0 {
		return err
	}
	account, err := One[Account](tx.Where("id = ?", o.AccountID), "account")
	if err != nil {
		return err
	}
	terms, err := TermsOf(tx.DB, o, account)
	if err != nil {
		return err
	}
	for _, d := range all {
		if !d.Covers(o) || (d.Kind != ShareDestination && !d.Admits(terms.PublishTo)) {
			continue
		}
		if err := tx.queueStatus(d, o, e, nil); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) queueStatus(d Destination, o *WorkOrder, e *HistoryEvent, deliveryID *string) error {
	data := ClientStatusData{Status: o.WireStatus(), FieldStatus: "In Process", ClientStatus: o.ClientStatus, Reason: e.Reason}
	switch {
	case e.ToState == Cancelled:
		data.FieldStatus = "Canceled"
	case e.Type == TypeViewed:
		data.FieldStatus = "Viewed"
	case d.Kind == ShareDestination && e.ToState == Completed:
		data.FieldStatus = "complete"
	case deliveryID != nil && (o.Lifecycle.State == Published || o.Lifecycle.State == Completed || o.Lifecycle.State == Approved):
		data.FieldStatus = "complete"
	}
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	number := int64(0)
	if d.Kind == ShareDestination {
		memory, err := MemoryOf(tx.DB, o)
		if err != nil || memory == nil || memory.Ended != "" {
			return err // who took the order back is told nothing more of it
		}
		if number, err = tx.NextStatusNumber(memory, 0); err != nil {
			return err
		}
	}
	return tx.queueClient(ClientMessage{Number: number, ID: DerivedID("client status", d.ID, strconv.FormatInt(e.ID, 10)), DestinationID: d.ID, WorkOrderID: o.ID, AccountID: o.AccountID,
		DeliveryID: deliveryID, Kind: ClientStatus, EventID: e.ID, Data: string(text)}, d.Kind.Policy())
}

func (tx *Tx) queueClient(m ClientMessage, policy Policy) error {
	m.Tries, m.CreatedAt = policy.Begin(), Now()
	if err := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(&m).Error; err != nil {
		return err
	}
	return tx.ringFor(m.DestinationID, m.WorkOrderID)
}

// ringFor wakes who sends an order's messages to a destination.
func (tx *Tx) ringFor(destinationID, orderID string) error {
	d, err := One[Destination](tx.Where("id = ?", destinationID), "destination")
	if err != nil {
		return err
	}
	queue := d.Kind.row().queue
	return tx.Ring(queue.bell, queue.subject(destinationID, orderID))
}

// queueForClients queues the items of a publication for each client, and behind them where the order stands.
func (tx *Tx) queueForClients(o *WorkOrder, e *HistoryEvent, releases []release, deliveries map[string]string) error {
	for _, r := range releases {
		d := r.destination
		if d.Kind != ClientDestination && d.Kind != ShareDestination {
			continue
		}
		deliveryID := deliveries[d.ID]
		for _, item := range r.items {
			if item.Kind == CheckIn && d.Kind == ClientDestination {
				continue // the services have no word for it
			}
			if item.ShareLinkID == d.ID {
				continue // it came by this link
			}
			err := tx.queueItem(&d, o.ID, item, e.ID, &deliveryID)
			if err != nil {
				return err
			}
		}
		if d.Kind == ShareDestination {
			continue // how far it is was told when it happened
		}
		if err := tx.queueStatus(d, o, e, &deliveryID); err != nil {
			return err
		}
	}
	return nil
}

// Completes tells whether the message is the word that the order is complete.
func (m *ClientMessage) Completes() bool {
	var data ClientStatusData
	return m.Kind == ClientStatus && json.Unmarshal([]byte(m.Data), &data) == nil && data.FieldStatus == "complete"
}

// Supersede notes of a status that a newer one goes instead.
func (m *ClientMessage) Supersede(tx *Tx) error {
	return tx.Model(&ClientMessage{}).Where("id = ?", m.ID).
		Updates(map[string]any{"state": DeliveryDelivered, "last_error": "A newer status went instead.", "next_attempt_at": nil, "delivered_at": Now()}).Error
}

// Overtaken notes of an item that a newer revision goes instead.
func (m *ClientMessage) Overtaken(tx *Tx) error {
	return tx.Model(&ClientMessage{}).Where("id = ?", m.ID).
		Updates(map[string]any{"state": DeliveryDelivered, "attempts": 0, "last_error": "A newer revision went instead.", "next_attempt_at": nil, "delivered_at": Now()}).Error
}

// worse tells whether a message's state says more of its delivery than another's: one that is under way more than one that failed.
func worse(state, than string) bool {
	rank := []string{DeliveryDelivered, DeliveryFailed, DeliveryPending, DeliveryRetrying}
	return slices.Index(rank, state) > slices.Index(rank, than)
}

// fromMessages shows of a delivery what its messages say of it.
func (v *DeliveryView) fromMessages(db *gorm.DB, table any) error {
	var messages []Tries
	err := db.Model(table).Select("state", "attempts", "last_error", "next_attempt_at", "delivered_at").Where("delivery_id = ?", v.ID).Find(&messages).Error
	if err != nil {
		return err
	}
	v.State, v.Attempts, v.LastError, v.NextAttemptAt, v.DeliveredAt = DeliveryDelivered, 0, "", nil, nil
	for _, m := range messages {
		if worse(m.State, v.State) {
			v.State = m.State
		}
		v.Attempts = max(v.Attempts, m.Attempts)
		if m.State != DeliveryDelivered && m.LastError != "" {
			v.LastError = m.LastError
		}
		if m.NextAttemptAt != nil && m.State != DeliveryDelivered && (v.NextAttemptAt == nil || m.NextAttemptAt.Before(v.NextAttemptAt.Time)) {
			v.NextAttemptAt = m.NextAttemptAt
		}
		if m.DeliveredAt != nil && (v.DeliveredAt == nil || m.DeliveredAt.After(v.DeliveredAt.Time)) {
			v.DeliveredAt = m.DeliveredAt
		}
	}
	if v.State != DeliveryDelivered {
		v.DeliveredAt = nil
	}
	return nil
}

// fromLink shows of a delivery along a Share link that the other side rests, and why.
func (v *DeliveryView) fromLink(db *gorm.DB) error {
	if v.State != DeliveryPending && v.State != DeliveryRetrying {
		return nil
	}
	l, err := One[ShareLink](db.Where("id = ?", v.Destination.ID), "share link")
	if KindOf(err) == NotFound || (err == nil && l.ProbeAt == nil) {
		return nil
	}
	if err == nil {
		v.State, v.LastError, v.NextAttemptAt = DeliveryRetrying, l.LastError, l.ProbeAt
	}
	return err
}
