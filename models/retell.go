package models

import "strconv"

// Gone tells whether an item is shown to nobody outside: deleted or rejected here, or withdrawn by who brought it.
func (i *Item) Gone() bool {
	return i.DeletedAt != nil || i.WithdrawnAt != nil || i.Review == ReviewRejected
}

// Withdrawn tells whether an item that was told along a Share link is withdrawn there: deleted or rejected by our own office, or
// withdrawn by who brought it. What was rejected by who got it stays theirs.
func (i *Item) Withdrawn() bool {
	return i.DeletedAt != nil || i.WithdrawnAt != nil || (i.Review == ReviewRejected && i.ReviewedBy != "")
}

// linkAbove is the Share link by which an order came, as a destination, when its other side is a Fieldproof: only that can
// be told again of an item. Nil for none.
func (tx *Tx) linkAbove(o *WorkOrder) (*Destination, error) {
	if o.IntegrationID == nil {
		return nil, nil
	}
	d, err := One[Destination](tx.Where("kind = ? AND integration_id = ? AND enabled AND deleted_at IS NULL", ShareDestination, *o.IntegrationID), "destination")
	if KindOf(err) == NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l, err := One[ShareLink](tx.Where("id = ?", d.ID), "share link")
	if KindOf(err) == NotFound || (err == nil && (!l.Fieldproof || l.EndedAt != nil)) {
		return nil, nil
	}
	return d, err
}

// Retell queues items of a locked order that were told along its Share link and changed since: with other words, withdrawn,
// or brought back. Words that the office has not seen under office review wait for it.
func (tx *Tx) Retell(o *WorkOrder, items ...*Item) error {
	d, err := tx.linkAbove(o)
	if err != nil || d == nil {
		return err
	}
	automatic, err := tx.automatic(o)
	if err != nil {
		return err
	}
	for _, i := range items {
		var told []ClientMessage
		err := tx.Where("destination_id = ? AND work_order_id = ? AND item_id = ?", d.ID, o.ID, i.ID).Order("seq DESC").Limit(1).Find(&told).Error
		if err != nil {
			return err
		}
		if len(told) == 0 || i.ShareLinkID == d.ID || (!i.Withdrawn() && !automatic && i.Review != ReviewApproved) {
			continue
		}
		m := told[0]
		at := o.ID
		if i.WorkOrderID != o.ID {
			to, err := One[WorkOrder](tx.Where("id = ?", i.WorkOrderID), "work order")
			if err != nil {
				return err
			}
			if d.Covers(to) {
				at = to.ID
			}
		}
		if err := tx.queueItem(d, at, i, m.EventID, m.DeliveryID); err != nil {
			return err
		}
	}
	return nil
}

// ReleaseLate queues items of an order that is over for its Share link: no publication will take them.
func (tx *Tx) ReleaseLate(o *WorkOrder, items ...*Item) error {
	if s := o.Lifecycle.State; o.Lifecycle.Hidden || (s != Closed && s != Cancelled) {
		return nil
	}
	d, err := tx.linkAbove(o)
	if err != nil || d == nil {
		return err
	}
	for _, i := range items {
		if i.Gone() || i.ShareLinkID == d.ID {
			continue
		}
		if err := tx.queueItem(d, o.ID, i, 0, nil); err != nil {
			return err
		}
	}
	return nil
}

func (tx *Tx) automatic(o *WorkOrder) (bool, error) {
	account, err := One[Account](tx.Where("id = ?", o.AccountID), "account")
	if err != nil {
		return false, err
	}
	terms, err := TermsOf(tx.DB, o, account)
	return terms.QAPolicy.Automatic(), err
}

// queueItem queues one item for a destination in its present revision, once.
func (tx *Tx) queueItem(d *Destination, orderID string, i *Item, eventID int64, deliveryID *string) error {
	return tx.queueClient(ClientMessage{ID: DerivedID("client item", d.ID, i.ID, strconv.FormatInt(i.Revision, 10)), DestinationID: d.ID, WorkOrderID: orderID,
		AccountID: i.AccountID, DeliveryID: deliveryID, Kind: ClientItem, ItemID: i.ID, Revision: i.Revision, EventID: eventID}, d.Kind.Policy())
}

// Told tells whether an item ever was queued for a Share link of an order.
func (tx *Tx) Told(o *WorkOrder, i *Item) (bool, error) {
	d, err := tx.linkAbove(o)
	if err != nil || d == nil {
		return false, err
	}
	var n int64
	err = tx.Model(&ClientMessage{}).Where("destination_id = ? AND work_order_id = ? AND item_id = ?", d.ID, o.ID, i.ID).Count(&n).Error
	return n > 0, err
}

// TakeIn puts items that were brought for a task which the order lacked into one that it has now.
func (tx *Tx) TakeIn(orderID string, tasks ...Task) error {
	if len(tasks) == 0 {
		return nil
	}
	var waiting []*Item
	if err := tx.Where("work_order_id = ? AND task_id IS NULL AND brought IS NOT NULL", orderID).Find(&waiting).Error; err != nil {
		return err
	}
	for _, i := range waiting {
		t := TaskNamed(tasks, i.Brought)
		if t == nil {
			continue
		}
		i.TaskID, i.Revision = &t.ID, i.Revision+1
		if err := tx.Select("task_id", "revision").Updates(i).Error; err != nil {
			return err
		}
	}
	return nil
}
