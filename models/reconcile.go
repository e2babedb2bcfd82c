package models

import (
	"slices"
	"strconv"

	"gorm.io/gorm/clause"
)

// waiting are the states of what is on its way already.
var waiting = []string{DeliveryPending, DeliveryRetrying}

// TellItemsAgain has items of an order told again over a link, each in the newest revision that was released to it: those
// with these uuids, as uuids are compared. What waits already waits on. It returns how many it has told again.
func (tx *Tx) TellItemsAgain(linkID, orderID string, uuids []string) (int64, error) {
	if len(uuids) == 0 {
		return 0, nil
	}
	var messages []ClientMessage
	err := tx.Where("client_messages.destination_id = ? AND client_messages.work_order_id = ? AND client_messages.kind = ?", linkID, orderID, ClientItem).
		Joins("JOIN items ON items.id = client_messages.item_id AND items.uuid_key IN ?", uuids).Order("client_messages.revision").Find(&messages).Error
	if err != nil {
		return 0, err
	}
	newest := map[string]string{}
	for _, m := range messages {
		newest[m.ItemID] = m.ID
	}
	ids := make([]string, 0, len(newest))
	for _, id := range newest {
		ids = append(ids, id)
	}
	return tx.tellAgain(ids)
}

// TellStatusAgain has the newest status of an order told again over a link.
func (tx *Tx) TellStatusAgain(linkID, orderID string) (int64, error) {
	var ids []string
	err := tx.Model(&ClientMessage{}).Where("destination_id = ? AND work_order_id = ? AND kind = ?", linkID, orderID, ClientStatus).Order("seq DESC").Limit(1).Pluck("id", &ids).Error
	if err != nil {
		return 0, err
	}
	return tx.tellAgain(ids)
}

func (tx *Tx) tellAgain(ids []string) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	again := SharePolicy.Again()
	again["delivered_at"], again["attempts"], again["last_error"] = nil, 0, ""
	done := tx.Model(&ClientMessage{}).Where("id IN ? AND state NOT IN ?", ids, waiting).Updates(again)
	return done.RowsAffected, done.Error
}

// HeldThere keeps that the other side of a link has an item in a revision already, so that it is not told again.
func (tx *Tx) HeldThere(linkID string, item *Item) error {
	now := Now()
	m := &ClientMessage{ID: DerivedID("client item", linkID, item.ID, strconv.FormatInt(item.Revision, 10)), DestinationID: linkID, WorkOrderID: item.WorkOrderID, AccountID: item.AccountID,
		Kind: ClientItem, ItemID: item.ID, Revision: item.Revision, Tries: Tries{State: DeliveryDelivered, DeliveredAt: &now, GiveUpAt: now}, CreatedAt: now}
	return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoNothing: true}).Create(m).Error
}

// Recognise takes into an item that comes back what the account itself has signed of it, and keeps that as it was; false when
// the account did not: the statement is another's, of another item, or its signature is wrong. The caller saves the item.
func (tx *Tx) Recognise(i *Item, s Statement, at *Property, radius float64) (bool, error) {
	stated, err := s.Read()
	if err != nil || stated.About(i.UUID, i.Kind, i.ContentHash()) != nil {
		return false, nil
	}
	keys, err := shareKeys(tx.DB, i.AccountID)
	if err != nil || !slices.ContainsFunc(keys, func(k ShareKey) bool { return k.ID == stated.Key }) {
		return false, err
	}
	yes := true
	i.Believe(stated, &yes, at, radius)
	i.Source, i.ReceivedAt, i.Origin.FirstReceivedAt, i.Claims = stated.Source, stated.ReceivedAt, nil, Claims{}
	s.ItemID, s.AccountID, s.Source, s.SaidBy, s.Verified, s.CreatedAt = i.ID, i.AccountID, stated.Source, "", &yes, Now()
	return true, tx.Create(&s).Error
}
