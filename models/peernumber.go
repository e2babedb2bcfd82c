package models

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// PeerNumber is the number by which a login of the wire knows an order (domain 9): fixed when the login is first told of
// the order, whatever number or client code that gets, and unique for the login whatever the case.
type PeerNumber struct {
	UserID      string `gorm:"primaryKey"`
	WorkOrderID string `gorm:"primaryKey"`
	AccountID   string
	Number      string
	NumberKey   string
	// What the login said last, see domain 9: statuses are numbered by their sender, and none goes backwards.
	StatusNumber int64
	FieldStatus  string
	Refused      string // why the login's account does not take the order
	// Rejection is what the login's account is told of the last one.
	Rejection *ShareRejection `gorm:"serializer:json"`
}

// ShareRejection is a rejection as it goes down a Share link: it acts once on each id.
type ShareRejection struct {
	ID     string   `json:"id"`
	Reason string   `json:"reason"`
	UUIDs  []string `json:"uuids"`
}

// RejectionsFor are the rejections that the account of a login is told of, by order.
func RejectionsFor(db *gorm.DB, userID string, orderIDs []string) (map[string]*ShareRejection, error) {
	var rows []*PeerNumber
	err := db.Where("user_id = ? AND work_order_id IN ? AND rejection IS NOT NULL", userID, orderIDs).Find(&rows).Error
	all := map[string]*ShareRejection{}
	for _, r := range rows {
		all[r.WorkOrderID] = r.Rejection
	}
	return all, err
}

// longestNumber is how long the number of an order may be, in characters.
const longestNumber = 200

// Numbered is the nth form of a number: from the second on with __2, __3 … behind it, and never longer than a number may be.
func Numbered(number string, n int) string {
	behind := ""
	if n > 1 {
		behind = fmt.Sprintf("__%d", n)
	}
	if runes := []rune(number); len(runes)+len(behind) > longestNumber {
		number = string(runes[:longestNumber-len(behind)])
	}
	return number + behind
}

// NumberKey is a number as numbers are compared.
func NumberKey(number string) string { return strings.ToLower(Composed(number)) }

// FixNumber keeps the number by which a login is told of an order for the first time; false when the login knows another
// order by it, or this one by another number.
func (tx *Tx) FixNumber(userID string, o *WorkOrder, number string) (bool, error) {
	done := tx.Clauses(clause.OnConflict{DoNothing: true}).
		Create(&PeerNumber{UserID: userID, WorkOrderID: o.ID, AccountID: o.AccountID, Number: number, NumberKey: NumberKey(number)})
	return done.RowsAffected > 0, done.Error
}

// NumberAtSource is the number by which the integration that an order came by knows it, whatever the office calls it since.
func NumberAtSource(db *gorm.DB, o *WorkOrder) (string, error) {
	memory, err := MemoryOf(db, o)
	if err != nil || memory == nil {
		return o.WorkOrderNumber, err
	}
	return memory.Number, nil
}

// MemoryOf is what is remembered of how an order came by its integration; nil for one that came by none.
func MemoryOf(db *gorm.DB, o *WorkOrder) (*ReceivedOrder, error) {
	if o.IntegrationID == nil {
		return nil, nil
	}
	var rows []*ReceivedOrder
	err := db.Where("work_order_id = ? AND integration_id = ?", o.ID, *o.IntegrationID).Order("at, number").Limit(1).Find(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// NextStatusNumber counts the statuses that are told of an order to where it came from, above those that were seen there.
func (tx *Tx) NextStatusNumber(r *ReceivedOrder, seen int64) (int64, error) {
	have, err := One[ReceivedOrder](tx.Locked().Where("integration_id = ? AND number = ?", r.IntegrationID, r.Number), "received order")
	if err != nil {
		return 0, err
	}
	next := max(have.StatusNumber, seen) + 1
	return next, tx.Model(&ReceivedOrder{}).Where("integration_id = ? AND number = ?", r.IntegrationID, r.Number).Update("status_number", next).Error
}

// StatusSaid keeps what a login said last of an order; number is by its own count, 0 where it does not count. It returns the
// highest number that was said, and whether this one came behind it.
func (tx *Tx) StatusSaid(userID, orderID string, number int64, word string) (seen int64, late bool, err error) {
	row, err := One[PeerNumber](tx.Locked().Where("user_id = ? AND work_order_id = ?", userID, orderID), "number")
	if KindOf(err) == NotFound {
		return number, false, nil // who was never told of the order counts for themselves
	}
	if err != nil || (number > 0 && number < row.StatusNumber) {
		return row.StatusNumber, err == nil, err
	}
	changed := map[string]any{"status_number": max(number, row.StatusNumber)}
	if word != "" {
		changed["field_status"] = word
	}
	return max(number, row.StatusNumber), false, tx.Model(&PeerNumber{}).Where("user_id = ? AND work_order_id = ?", userID, orderID).Updates(changed).Error
}
