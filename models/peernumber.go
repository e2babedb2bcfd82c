package models

import (
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
	if o.IntegrationID == nil {
		return o.WorkOrderNumber, nil
	}
	var numbers []string
	err := db.Model(&ReceivedOrder{}).Where("work_order_id = ? AND integration_id = ?", o.ID, *o.IntegrationID).Order("at, number").Limit(1).Pluck("number", &numbers).Error
	if err != nil || len(numbers) == 0 {
		return o.WorkOrderNumber, err
	}
	return numbers[0], nil
}
