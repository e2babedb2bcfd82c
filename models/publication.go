package models

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"
)

// Publication is one act of releasing items of an order to destinations.
type Publication struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string
	WorkOrderID string
	Number      int64 // counts the publications of one order from 1
	Items       int64
	Relay       bool // the order's open publication, which takes each item as it comes
	CreatedBy   string
	CreatedAt   Time
	ReportKey   string // where the rendered PDF lies; "" while it is not needed or not made
	EndedAt     *Time
	KeyPhotos   []string `gorm:"serializer:json"` // as the office had chosen them then, see [WorkOrder]
}

// ReportPart is where a part of the publication's report lies, counted from 1; long reports have several.
func (p *Publication) ReportPart(n int) string {
	if n == 1 {
		return "reports/" + p.ID + ".pdf"
	}
	return fmt.Sprintf("reports/%s_%d.pdf", p.ID, n)
}

// PublicationItem is an item as one publication released it.
type PublicationItem struct {
	PublicationID string `gorm:"primaryKey"`
	ItemID        string `gorm:"primaryKey"`
	AccountID     string
	Revision      int64
	Sequence      int64  // of the entry of the account's chain that proves it
	Leaf          string // what the entry commits to, "" where the entry has a list: see [Leaf]
	LeafIndex     int64
	// The words that it was published with.
	TaskID       *string
	TaskName     string
	EvidenceType string
	Notes        string
	Shot         string
}

// Delivery is a publication on its way to one destination. That of a web-hook is computed from its messages.
type Delivery struct {
	ID            string `gorm:"primaryKey"`
	AccountID     string
	PublicationID string
	WorkOrderID   string
	DestinationID string
	TakesReport   bool
	Tries
	CreatedAt Time
}

// DeliveryItem is an item that a delivery brings to its destination.
type DeliveryItem struct {
	DeliveryID    string `gorm:"primaryKey"`
	ItemID        string `gorm:"primaryKey"`
	AccountID     string
	DestinationID string
	Revision      int64
	DeliveredAt   *Time // when it was there: another try begins behind it
	Path          string
}

// Attempt is one try of a delivery or of a web-hook message.
type Attempt struct {
	ID           int64   `gorm:"primaryKey;autoIncrement" json:"-"`
	AccountID    string  `json:"-"`
	DeliveryID   *string `json:"-"`
	MessageID    *string `json:"webhook_id,omitempty"`
	At           Time    `json:"at"`
	Milliseconds int64   `json:"milliseconds"`
	Status       int64   `json:"status,omitempty"` // the HTTP status, 0 when there was no answer
	Error        string  `json:"error"`
	Answer       string  `json:"answer,omitempty"`  // the beginning of what the other side said
	Request      string  `json:"request,omitempty"` // the head of what was sent, without secrets
}

// DestinationRef names a destination.
type DestinationRef struct {
	ID   string          `json:"id"`
	Name string          `json:"name"`
	Kind DestinationKind `json:"kind"`
}

// DeliveryView is a delivery as the outside sees it.
type DeliveryView struct {
	ID            string         `json:"id"`
	PublicationID string         `json:"publication_id"`
	WorkOrderID   string         `json:"work_order_id"`
	Destination   DestinationRef `json:"destination"`
	State         string         `json:"state" words:"delivery_state"`
	Attempts      int64          `json:"attempts"`
	LastError     string         `json:"last_error"`
	NextAttemptAt *Time          `json:"next_attempt_at"`
	DeliveredAt   *Time          `json:"delivered_at"`
	CreatedAt     Time           `json:"created_at"`
}

// PublicationView is a publication with its deliveries.
type PublicationView struct {
	ID            string         `json:"id"`
	Number        int64          `json:"number"`
	CreatedAt     Time           `json:"created_at"`
	CreatedBy     string         `json:"created_by"`
	CreatedByName string         `json:"created_by_name"` // what they are called
	Items         int64          `json:"items"`
	Open          bool           `json:"open"` // under auto-relay: it still takes items
	Deliveries    []DeliveryView `json:"deliveries"`
}

// release is what one destination gets of a publication.
type release struct {
	destination Destination
	items       []*Item
}

// PublishItems writes a publication of o: its items, its deliveries and the messages of its web-hooks, and records the
// event. itemIDs and destinationIDs narrow it when not empty. A [Conflict] when nothing is new for any destination, but
// never for the first publication.
func (tx *Tx) PublishItems(o *WorkOrder, e *HistoryEvent, terms Terms, itemIDs, destinationIDs []string) (*Publication, error) {
	items, err := tx.publishable(o, terms.QAPolicy, itemIDs)
	if err != nil {
		return nil, err
	}
	destinations, err := tx.publishTargets(o, terms.PublishTo, destinationIDs)
	if err != nil {
		return nil, err
	}
	first := o.PublicationCount == 0
	var releases []release
	released := map[string]*Item{}
	for _, d := range destinations {
		lacking, err := tx.lackedBy(d.ID, items)
		if err != nil {
			return nil, err
		}
		had := len(lacking) < len(items)
		if len(lacking) == 0 && (had || !first) {
			continue
		}
		releases = append(releases, release{d, lacking})
		for _, item := range lacking {
			released[item.ID] = item
		}
	}
	if len(destinations) == 0 {
		fresh, err := tx.lacking(items, "publication_items", "JOIN publications ON publications.id = publication_items.publication_id", "publications.work_order_id = ?", o.ID)
		if err != nil {
			return nil, err
		}
		for _, item := range fresh {
			released[item.ID] = item
		}
	}
	if !first && len(releases) == 0 && len(released) == 0 {
		if e.FromState == Approved {
			// Everybody has everything: the order is published, and nothing goes out twice.
			if o.HasNewItems, err = tx.stillNew(o); err != nil {
				return nil, err
			}
			return nil, tx.Record(o, e)
		}
		if relayed, err := tx.relayed(o); err != nil || relayed != nil {
			return relayed, errors.Join(err, tx.concludeRelay(o, e, relayed, destinations))
		}
		return nil, Errorf(Conflict, "There is nothing new to publish: every destination asked for has every item of this order that the office has approved.").Coded(CodeNothingNew)
	}

	o.PublicationCount++
	p := &Publication{ID: NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, Number: o.PublicationCount, Items: int64(len(released)), CreatedBy: e.ActorID, CreatedAt: Now(), KeyPhotos: o.KeyPhotos}
	needsWorkflow := slices.ContainsFunc(releases, func(r release) bool { return !r.destination.Queued() })
	if !needsWorkflow {
		p.EndedAt = &p.CreatedAt
	}
	if err := tx.Create(p).Error; err != nil {
		return nil, err
	}
	head, err := tx.release(o, p, e.Actor, slices.DeleteFunc(slices.Clone(items), func(i *Item) bool { return released[i.ID] == nil }))
	if err != nil {
		return nil, err
	}
	if o.HasNewItems, err = tx.stillNew(o); err != nil {
		return nil, err
	}
	e.Details.PublicationID = p.ID
	deliveries, err := tx.createDeliveries(p, releases)
	if err != nil {
		return nil, err
	}
	told := &WebhookPublication{ID: p.ID, Number: p.Number, CreatedAt: p.CreatedAt, Items: p.Items, Proof: head}
	err = tx.Record(o, e, func(d *WebhookData) { d.Publication, d.deliveries = told, deliveries })
	if err != nil {
		return nil, err
	}
	if err := tx.queueItems(o, e, told, releases, deliveries); err != nil {
		return nil, err
	}
	if err := tx.queueForClients(o, e, releases, deliveries); err != nil {
		return nil, err
	}
	if err := tx.tellCompleted(o, e, destinations, deliveries); err != nil {
		return nil, err
	}
	// Whoever publishes wants an endpoint that rests to be tried now.
	for _, r := range releases {
		if err := tx.Model(&Destination{}).Where("id = ? AND probe_at IS NOT NULL", r.destination.ID).Update("probe_at", Now()).Error; err != nil {
			return nil, err
		}
	}
	if needsWorkflow {
		return p, tx.Ring(PublicationBell, p.ID)
	}
	return p, nil
}

// release proves items in the account's chain, as released by a publication.
func (tx *Tx) release(o *WorkOrder, p *Publication, by string, items []*Item) (*ProofHead, error) {
	taskNames, err := tx.taskNames(o)
	if err != nil {
		return nil, err
	}
	head, leaves, err := tx.prove(o, p, by, items, taskNames)
	if err != nil || len(items) == 0 {
		return head, err
	}
	rows := make([]PublicationItem, len(items))
	for i, item := range items {
		rows[i] = PublicationItem{PublicationID: p.ID, ItemID: item.ID, AccountID: o.AccountID, Revision: item.Revision, Sequence: head.Sequence,
			Leaf: leaves[i], LeafIndex: int64(i), TaskID: item.TaskID, EvidenceType: item.EvidenceType, Notes: item.Notes, Shot: item.Shot}
		if item.TaskID != nil {
			rows[i].TaskName = taskNames[*item.TaskID]
		}
	}
	return head, tx.CreateInBatches(rows, 500).Error
}

// taskNames are the names of the order's tasks by their ids.
func (tx *Tx) taskNames(o *WorkOrder) (map[string]string, error) {
	var tasks []Task
	if err := tx.Where("work_order_id = ?", o.ID).Find(&tasks).Error; err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, t := range tasks {
		names[t.ID] = t.Name
	}
	return names, nil
}

func (tx *Tx) createDeliveries(p *Publication, releases []release) (map[string]string, error) {
	byDestination := map[string]string{}
	for _, r := range releases {
		d := &Delivery{ID: NewID(), AccountID: p.AccountID, PublicationID: p.ID, WorkOrderID: p.WorkOrderID, DestinationID: r.destination.ID,
			TakesReport: r.destination.TakesReport(), Tries: r.destination.Kind.Policy().Begin(), CreatedAt: Now()}
		if err := tx.Create(d).Error; err != nil {
			return nil, err
		}
		byDestination[r.destination.ID] = d.ID
		if err := tx.addToDelivery(d.ID, r, p.AccountID); err != nil {
			return nil, err
		}
	}
	return byDestination, nil
}

func (tx *Tx) addToDelivery(id string, r release, accountID string) error {
	if len(r.items) == 0 {
		return nil
	}
	rows := make([]DeliveryItem, len(r.items))
	for i, item := range r.items {
		rows[i] = DeliveryItem{DeliveryID: id, ItemID: item.ID, AccountID: accountID, DestinationID: r.destination.ID, Revision: item.Revision}
	}
	return tx.CreateInBatches(rows, 500).Error
}

// queueItems queues one message an item and web-hook that listens to them.
func (tx *Tx) queueItems(o *WorkOrder, e *HistoryEvent, told *WebhookPublication, releases []release, deliveries map[string]string) error {
	var order *WorkOrderView
	var users People
	for _, r := range releases {
		d := r.destination
		if d.Kind != WebhookDestination || len(r.items) == 0 || (len(d.Settings.Events) > 0 && !slices.Contains(d.Settings.Events, ItemPublished)) {
			continue
		}
		if order == nil {
			ahead := *o
			ahead.Version++
			views, err := ViewOrders(tx.DB, &ahead)
			if err != nil {
				return err
			}
			order = &views[0]
			if users, err = UsersOf(tx.DB, r.items...); err != nil {
				return err
			}
		}
		deliveryID := deliveries[d.ID]
		for _, item := range r.items {
			if item.Kind != Photo {
				continue
			}
			if err := ShowStatements(tx.DB, item); err != nil {
				return err
			}
			view := item.View(users)
			data, err := json.Marshal(WebhookData{WorkOrder: *order, Event: e.View(), Item: &view, Publication: told, Proof: told.Proof})
			if err != nil {
				return err
			}
			if err := tx.queueWebhook(d, e, item.ID, ItemPublished, string(data), &deliveryID); err != nil {
				return err
			}
		}
	}
	return nil
}

// publishable lists the items that a publication may release: neither deleted nor rejected and, under office review,
// seen by the office, with the last approval of the order or singly since.
func (tx *Tx) publishable(o *WorkOrder, policy QAPolicy, itemIDs []string) ([]*Item, error) {
	var items []*Item
	q := tx.Where("work_order_id = ? AND deleted_at IS NULL AND withdrawn_at IS NULL", o.ID).Order("received_at, id")
	if policy.Automatic() {
		q = q.Where("review <> ?", ReviewRejected)
	} else {
		q = q.Where("review = ?", ReviewApproved)
	}
	if len(itemIDs) > 0 {
		q = q.Where("id IN ?", itemIDs)
	}
	if err := q.Find(&items).Error; err != nil {
		return nil, err
	}
	for i, id := range itemIDs {
		if !slices.ContainsFunc(items, func(item *Item) bool { return item.ID == id }) {
			return nil, InvalidField(fmt.Sprintf("item_ids[%d]", i), "The order has no item %s that can be published.", id).Coded(CodeNoSuch)
		}
	}
	return items, nil
}

func (tx *Tx) publishTargets(o *WorkOrder, publishTo *string, destinationIDs []string) ([]Destination, error) {
	var all []Destination
	if err := tx.Where("enabled AND deleted_at IS NULL").Order("id").Find(&all).Error; err != nil {
		return nil, err
	}
	if len(destinationIDs) == 0 {
		return slices.DeleteFunc(all, func(d Destination) bool { return !d.Covers(o) || !d.Admits(publishTo) }), nil
	}
	var chosen []Destination
	for i, id := range destinationIDs {
		at := slices.IndexFunc(all, func(d Destination) bool { return d.ID == id && d.Covers(o) })
		if at < 0 {
			return nil, InvalidField(fmt.Sprintf("destination_ids[%d]", i), "There is no enabled destination %s for this order.", id).Coded(CodeNoSuch)
		}
		if !slices.ContainsFunc(chosen, func(d Destination) bool { return d.ID == id }) {
			chosen = append(chosen, all[at])
		}
	}
	return chosen, nil
}

// lackedBy returns the items that a destination has not had in their present revision, nor is getting.
func (tx *Tx) lackedBy(destinationID string, items []*Item) ([]*Item, error) {
	return tx.lacking(items, "delivery_items", "JOIN deliveries ON deliveries.id = delivery_items.delivery_id AND deliveries.state <> '"+DeliveryFailed+"'", "delivery_items.destination_id = ?", destinationID)
}

// lacking returns the items whose present revision is not among the rows of table that the condition selects.
func (tx *Tx) lacking(items []*Item, table, join, where string, arg any) ([]*Item, error) {
	if len(items) == 0 {
		return nil, nil
	}
	var have []struct {
		ItemID   string
		Revision int64
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	for chunk := range slices.Chunk(ids, 500) {
		var some []struct {
			ItemID   string
			Revision int64
		}
		err := tx.Table(table).Select(table+".item_id, MAX("+table+".revision) AS revision").Joins(join).Where(where, arg).
			Where(table+".item_id IN ?", chunk).Group(table + ".item_id").Scan(&some).Error
		if err != nil {
			return nil, err
		}
		have = append(have, some...)
	}
	newest := map[string]int64{}
	for _, h := range have {
		newest[h.ItemID] = h.Revision
	}
	var lacking []*Item
	for _, item := range items {
		if revision, ok := newest[item.ID]; !ok || revision < item.Revision {
			lacking = append(lacking, item)
		}
	}
	return lacking, nil
}

// stillNew tells whether an item of the order is in no publication in its present revision.
func (tx *Tx) stillNew(o *WorkOrder) (bool, error) {
	var items []*Item
	if err := tx.Where("work_order_id = ? AND deleted_at IS NULL AND withdrawn_at IS NULL AND review <> ?", o.ID, ReviewRejected).Find(&items).Error; err != nil {
		return false, err
	}
	fresh, err := tx.lacking(items, "publication_items", "JOIN publications ON publications.id = publication_items.publication_id", "publications.work_order_id = ?", o.ID)
	return len(fresh) > 0, err
}

// ViewDeliveries makes the views of deliveries. What a web-hook's shows is computed from its messages.
func ViewDeliveries(db *gorm.DB, deliveries []Delivery) ([]DeliveryView, error) {
	views := make([]DeliveryView, 0, len(deliveries))
	for _, d := range deliveries {
		destination, err := One[Destination](db.Where("id = ?", d.DestinationID), "destination")
		if err != nil {
			return nil, err
		}
		v := DeliveryView{ID: d.ID, PublicationID: d.PublicationID, WorkOrderID: d.WorkOrderID,
			Destination: DestinationRef{destination.ID, destination.Name, destination.Kind},
			State:       d.State, Attempts: d.Attempts, LastError: d.LastError, NextAttemptAt: d.NextAttemptAt, DeliveredAt: d.DeliveredAt, CreatedAt: d.CreatedAt}
		if queue := destination.Kind.row().queue; queue != nil {
			if err := v.fromMessages(db, queue.table()); err != nil {
				return nil, err
			}
			if destination.Kind == ShareDestination {
				if err := v.fromLink(db); err != nil {
					return nil, err
				}
			}
			if destination.ProbeAt != nil && destination.FailingSince != nil && (v.State == DeliveryPending || v.State == DeliveryRetrying) {
				v.State, v.LastError, v.NextAttemptAt = DeliveryRetrying, destination.LastError, destination.ProbeAt
			}
		}
		views = append(views, v)
	}
	return views, nil
}

// ViewPublication makes the view of a publication with its deliveries.
func ViewPublication(db *gorm.DB, p Publication) (PublicationView, error) {
	var deliveries []Delivery
	if err := db.Where("publication_id = ?", p.ID).Order("id").Find(&deliveries).Error; err != nil {
		return PublicationView{}, err
	}
	views, err := ViewDeliveries(db, deliveries)
	if err != nil {
		return PublicationView{}, err
	}
	users, err := PeopleOf(db, []string{p.CreatedBy})
	by := users[p.CreatedBy].Username
	if p.CreatedBy == "" {
		by = SystemActor
	}
	return PublicationView{ID: p.ID, Number: p.Number, CreatedAt: p.CreatedAt, CreatedBy: by, CreatedByName: users.Called(p.CreatedBy, by), Items: p.Items, Open: p.Relay, Deliveries: views}, err
}

// RetryDelivery has a delivery tried again now, for another three days, also when it was given up or its publication
// has ended. One that is delivered is a [Conflict].
func (tx *Tx) RetryDelivery(d *Delivery) error {
	destination, err := One[Destination](tx.Where("id = ?", d.DestinationID), "destination")
	if err != nil {
		return err
	}
	if destination.DeletedAt != nil || !destination.Enabled {
		return Errorf(Conflict, "The destination %s is switched off or deleted: switch it on first.", destination.Name)
	}
	again := destination.Kind.Policy().Again()
	if queue := destination.Kind.row().queue; queue != nil {
		messages := tx.Model(queue.table()).Where("delivery_id = ? AND state <> ?", d.ID, DeliveryDelivered).Updates(again)
		if messages.Error != nil {
			return messages.Error
		}
		if messages.RowsAffected == 0 {
			return Errorf(Conflict, "Everything of this delivery has arrived; %s.", queue.arrived)
		}
		if err := tx.Model(&Destination{}).Where("id = ? AND probe_at IS NOT NULL", destination.ID).Update("probe_at", Now()).Error; err != nil {
			return err
		}
		if err := tx.Model(&ShareLink{}).Where("id = ? AND probe_at IS NOT NULL", destination.ID).Update("probe_at", Now()).Error; err != nil {
			return err
		}
		return tx.Ring(queue.bell, queue.subject(destination.ID, d.WorkOrderID))
	}
	if d.State == DeliveryDelivered {
		return Errorf(Conflict, "The delivery has arrived; publish again to send what is new.")
	}
	if err := tx.Model(&Delivery{}).Where("id = ?", d.ID).Updates(again).Error; err != nil {
		return err
	}
	now := Now()
	d.State, d.NextAttemptAt = DeliveryPending, &now
	if err := tx.Model(&Publication{}).Where("id = ?", d.PublicationID).Update("ended_at", nil).Error; err != nil {
		return err
	}
	return tx.Ring(PublicationBell, d.PublicationID)
}
