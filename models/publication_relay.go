package models

import (
	"slices"

	"gorm.io/gorm"
)

// Under auto_relay an order has one open publication while work goes on: it takes each item as it comes, without a
// transition. It closes, and what takes reports gets one, when the order is completed or cancelled. That of a deleted order
// stays open: what was under way arrives, nothing more goes out, and a restored order goes on in it.

// openRelay is the order's open publication, nil when it has none.
func (tx *Tx) openRelay(o *WorkOrder) (*Publication, error) {
	p, err := One[Publication](tx.Where("work_order_id = ? AND relay", o.ID), "publication")
	if KindOf(err) == NotFound {
		return nil, nil
	}
	return p, err
}

// relayEvent is the id of the event with which a relay began; its messages name it.
func relayEvent(p *Publication) *string {
	id := "relay/" + p.ID
	return &id
}

// relay has items that came in go out by the order's open publication, which the first of them opens. Mails wait for
// the end: one an item would be a nuisance. The caller saves the order.
func (tx *Tx) relay(o *WorkOrder, items []*Item, terms Terms) error {
	items = slices.DeleteFunc(slices.Clone(items), func(i *Item) bool { return i.Gone() })
	if len(items) == 0 {
		return nil
	}
	destinations, err := tx.publishTargets(o, terms.PublishTo, nil)
	if err != nil {
		return err
	}
	destinations = slices.DeleteFunc(destinations, func(d Destination) bool { return d.Kind.row().atEnd })
	p, err := tx.openRelay(o)
	if err != nil {
		return err
	}
	var e *HistoryEvent
	if p == nil {
		o.PublicationCount++
		p = &Publication{ID: NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, Number: o.PublicationCount, Relay: true, CreatedAt: Now()}
		p.EndedAt = &p.CreatedAt
		if err := tx.Create(p).Error; err != nil {
			return err
		}
		e = &HistoryEvent{Type: TypeRelayed, Actor: SystemActor, MessageID: relayEvent(p), Reason: "items go out as they come", Details: EventDetails{PublicationID: p.ID}}
		if err := tx.Record(o, e); err != nil {
			return err
		}
	} else if e, err = One[HistoryEvent](tx.Where("work_order_id = ? AND message_id = ?", o.ID, relayEvent(p)), "event"); err != nil {
		return err
	}
	items, err = tx.lacking(items, "publication_items", "JOIN publications ON publications.id = publication_items.publication_id", "publications.id = ?", p.ID)
	if err != nil || len(items) == 0 {
		return err
	}
	head, err := tx.release(o, p, SystemActor, items)
	if err != nil {
		return err
	}
	releases := make([]release, len(destinations))
	for i, d := range destinations {
		releases[i] = release{d, items}
	}
	deliveries, works, err := tx.extend(p, releases)
	if err != nil {
		return err
	}
	p.Items += int64(len(items))
	if works {
		p.EndedAt = nil
		if err := tx.Ring(PublicationBell, p.ID); err != nil {
			return err
		}
	}
	if err := tx.Select("items", "ended_at").Updates(p).Error; err != nil {
		return err
	}
	if o.HasNewItems, err = tx.stillNew(o); err != nil {
		return err
	}
	told := &WebhookPublication{ID: p.ID, Number: p.Number, CreatedAt: p.CreatedAt, Items: p.Items, Proof: head}
	if err := tx.queueItems(o, e, told, releases, deliveries); err != nil {
		return err
	}
	return tx.queueForClients(o, e, releases, deliveries)
}

// relayRest relays what came in just before the order was completed: a phone completes right after its last photo.
func (tx *Tx) relayRest(o *WorkOrder, terms Terms) error {
	var items []*Item
	if err := tx.Where("work_order_id = ? AND NOT noticed", o.ID).Order("received_at, id").Find(&items).Error; err != nil || len(items) == 0 {
		return err
	}
	for some := range slices.Chunk(items, noticeAtOnce) {
		ids := make([]string, len(some))
		for i, item := range some {
			ids[i] = item.ID
		}
		if err := tx.Model(&Item{}).Where("id IN ?", ids).Update("noticed", true).Error; err != nil {
			return err
		}
	}
	return tx.relay(o, items, terms)
}

// extend adds items to the deliveries of an open publication, which begin again; new destinations get one. works tells
// whether the publication's workflow has something to do.
func (tx *Tx) extend(p *Publication, releases []release) (byDestination map[string]string, works bool, err error) {
	var have []Delivery
	if err := tx.Where("publication_id = ?", p.ID).Find(&have).Error; err != nil {
		return nil, false, err
	}
	byDestination = map[string]string{}
	for _, r := range releases {
		works = works || !r.destination.Queued()
		at := slices.IndexFunc(have, func(d Delivery) bool { return d.DestinationID == r.destination.ID })
		if at < 0 {
			made, err := tx.createDeliveries(p, []release{r})
			if err != nil {
				return nil, false, err
			}
			byDestination[r.destination.ID] = made[r.destination.ID]
			continue
		}
		byDestination[r.destination.ID] = have[at].ID
		if err := tx.addToDelivery(have[at].ID, r, p.AccountID); err != nil {
			return nil, false, err
		}
		if err := tx.beginAgain(tx.Where("id = ?", have[at].ID)); err != nil {
			return nil, false, err
		}
	}
	return byDestination, works, nil
}

// beginAgain has deliveries to places tried from now on. An open publication has no mails.
func (tx *Tx) beginAgain(which *gorm.DB) error {
	return which.Model(&Delivery{}).Updates(PlacePolicy.Again()).Error
}

// closeRelay closes the order's open publication, if it has one: what takes reports gets one now.
func (tx *Tx) closeRelay(o *WorkOrder) error {
	p, err := tx.openRelay(o)
	if err != nil || p == nil {
		return err
	}
	p.Relay, p.KeyPhotos = false, o.KeyPhotos
	var reporting []string
	if err := tx.Model(&Delivery{}).Where("publication_id = ? AND takes_report", p.ID).Pluck("id", &reporting).Error; err != nil {
		return err
	}
	if len(reporting) > 0 {
		if err := tx.beginAgain(tx.Where("id IN ?", reporting)); err != nil {
			return err
		}
		p.EndedAt = nil
		if err := tx.Ring(PublicationBell, p.ID); err != nil {
			return err
		}
	}
	return tx.Select("relay", "key_photos", "ended_at").Updates(p).Error
}

// relayed is the order's newest publication when it was a relay, else nil.
func (tx *Tx) relayed(o *WorkOrder) (*Publication, error) {
	p, err := One[Publication](tx.Where("work_order_id = ? AND number = ?", o.ID, o.PublicationCount), "publication")
	if err != nil {
		return nil, err
	}
	var begun int64
	err = tx.Model(&HistoryEvent{}).Where("work_order_id = ? AND message_id = ?", o.ID, relayEvent(p)).Count(&begun).Error
	if err != nil || begun == 0 {
		return nil, err
	}
	return p, nil
}

// concludeRelay records that an order is published whose items have all gone out as they came.
func (tx *Tx) concludeRelay(o *WorkOrder, e *HistoryEvent, p *Publication, destinations []Destination) error {
	if p == nil {
		return nil
	}
	if e.FromState == Published {
		return Errorf(Conflict, "There is nothing new to publish: every item of this order went out as it came.")
	}
	e.Details.PublicationID = p.ID
	entry, err := One[ChainEntry](tx.Where("publication_id = ?", p.ID).Order("sequence DESC"), "proof")
	if err != nil {
		return err
	}
	told := &WebhookPublication{ID: p.ID, Number: p.Number, CreatedAt: p.CreatedAt, Items: p.Items, Proof: entry.proofHead()}
	if err := tx.Record(o, e, func(d *WebhookData) { d.Publication = told }); err != nil {
		return err
	}
	return tx.tellCompleted(o, e, destinations, nil)
}

// tellCompleted tells that an order is complete to clients that got its items before it was, and none with this event.
func (tx *Tx) tellCompleted(o *WorkOrder, e *HistoryEvent, destinations []Destination, deliveries map[string]string) error {
	if e.FromState != Completed {
		return nil
	}
	for _, d := range destinations {
		if d.Kind != ClientDestination || deliveries[d.ID] != "" {
			continue
		}
		var last []Delivery
		if err := tx.Where("work_order_id = ? AND destination_id = ?", o.ID, d.ID).Order("created_at DESC").Limit(1).Find(&last).Error; err != nil {
			return err
		}
		if len(last) == 0 {
			continue
		}
		if err := tx.queueStatus(d, o, e, &last[0].ID); err != nil {
			return err
		}
	}
	return nil
}
