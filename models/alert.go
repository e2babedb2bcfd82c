package models

import "gorm.io/gorm/clause"

// The kinds of alert so far.
const (
	AlertLateItems      = "late_items"
	AlertFailedDelivery = "failed_delivery"
	AlertWebhookFailing = "webhook_failing"
	AlertFailedImport   = "failed_import"
	AlertPeerTrouble    = "peer_in_trouble"
	AlertStatusIgnored  = "status_not_applied"
	AlertAwaited        = "photos_awaited" // an order lacks photos that were announced
	AlertWaiting        = "photos_waiting" // a phone has not sent what it has for long
)

// Alert tells the office of something that needs a person, with its remedy. Whoever writes one says what and of what; wording has
// the sentences, and puts them into what is read. Detail is what others said of it, word for word, when they did.
type Alert struct {
	ID          string  `gorm:"primaryKey" json:"id"`
	AccountID   string  `json:"-"`
	Kind        string  `json:"kind" words:"alert_kind"`
	Title       string  `json:"title"`
	Detail      string  `json:"detail"`
	Remedy      string  `json:"remedy"`
	WorkOrderID *string `json:"work_order_id"`
	Says        string  `json:"-"`                        // which sentences, as wording has them: alert_{says}_title, _detail and _remedy
	Args        []any   `gorm:"serializer:json" json:"-"` // names and values of what stands in their braces, in turn: texts, whole numbers, [Word]
	Subject     string  `json:"subject"`                  // what it is about; one open alert a kind and subject
	CreatedAt   Time    `json:"created_at"`
	DismissedAt *Time   `json:"dismissed_at"`
	DismissedBy string  `json:"-"`
	MailedAt    *Time   `json:"mailed_at"`
	MailDueAt   *Time   `json:"-"`
}

// Word is a value that has a word in each language: the key of one.
type Word struct {
	Key string `json:"word"`
}

// EndAlerts dismisses the alerts of a kind about something that is no more.
func (tx *Tx) EndAlerts(kind, subject string) error {
	return tx.Model(&Alert{}).Where("kind = ? AND subject = ? AND dismissed_at IS NULL", kind, subject).Update("dismissed_at", Now()).Error
}

// Raise writes an alert unless the same stands open.
func (tx *Tx) Raise(a *Alert) error {
	a.ID, a.CreatedAt = NewID(), Now()
	a.MailDueAt = &a.CreatedAt
	return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(a).Error
}
