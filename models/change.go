package models

import (
	"encoding/json"

	"gorm.io/gorm"
)

// FieldChange is a field of an order as it was and as it became, for the office alone: old door codes and office words stand in
// it, so nothing of it is in histories, web-hooks or the feed.
type FieldChange struct {
	ID          int64 `gorm:"primaryKey;autoIncrement"`
	AccountID   string
	WorkOrderID string
	Field       string // as the table of fields names it; beside those invoiced and tasks
	Was         string // JSON
	Became      string // JSON
	ActorID     string
	Actor       string // the name then
	At          Time
}

// FieldChangeView is a change as the API shows it. Of a task that was added the old value is null, of one that was taken away
// the new.
type FieldChangeView struct {
	Field   string          `json:"field" example:"due_date"`
	Old     json.RawMessage `json:"old"`
	New     json.RawMessage `json:"new"`
	Who     string          `json:"who"`      // a username, or an integration
	WhoName string          `json:"who_name"` // what they are called
	When    Time            `json:"when"`
}

// View makes the change's view; users are at least whoever made it.
func (c *FieldChange) View(users People) FieldChangeView {
	return FieldChangeView{Field: c.Field, Old: json.RawMessage(c.Was), New: json.RawMessage(c.Became), Who: c.Actor, WhoName: users.Called(c.ActorID, c.Actor), When: c.At}
}

// Changes collects what is about to be changed of one order.
type Changes struct {
	order          *WorkOrder
	actorID, actor string
	rows           []*FieldChange
}

// ChangesOf begins to collect changes of an order by somebody; actorID is "" for who is no user.
func ChangesOf(o *WorkOrder, actorID, actor string) *Changes {
	return &Changes{order: o, actorID: actorID, actor: actor}
}

// Add notes that something was one value and became another.
func (c *Changes) Add(field string, was, became any) error {
	row := &FieldChange{AccountID: c.order.AccountID, WorkOrderID: c.order.ID, Field: field, ActorID: c.actorID, Actor: c.actor, At: Now()}
	for to, value := range map[*string]any{&row.Was: was, &row.Became: became} {
		text, err := json.Marshal(value)
		if err != nil {
			return err
		}
		*to = string(text)
	}
	c.rows = append(c.rows, row)
	return nil
}

// AddFields notes each field in which the order differs from what it was.
func (c *Changes) AddFields(was *WorkOrderFields) error {
	for _, f := range Fields {
		if f.Kept() && f.Differs(was, &c.order.WorkOrderFields) {
			if err := c.Add(f.Name, f.Value(was), f.Value(&c.order.WorkOrderFields)); err != nil {
				return err
			}
		}
	}
	return nil
}

// AddTasks notes the tasks that differ from what they were: those that are to be written, and those that are taken away.
func (c *Changes) AddTasks(db *gorm.DB, written, taken []Task) error {
	if len(written)+len(taken) == 0 {
		return nil
	}
	all, err := TasksOf(db, c.order.ID)
	if err != nil {
		return err
	}
	before := map[string]Task{}
	for _, t := range all[c.order.ID] {
		before[t.ID] = t
	}
	for _, t := range written {
		t.Survey = nil // the template is kept by its hash
		if was, there := before[t.ID]; !there {
			err = c.Add("tasks", nil, t)
		} else if !sameJSON(was, t) {
			err = c.Add("tasks", was, t)
		}
		if err != nil {
			return err
		}
	}
	for _, t := range taken {
		if err := c.Add("tasks", before[t.ID], nil); err != nil {
			return err
		}
	}
	return nil
}

// KeepChanges writes what was collected, in the transaction of the change.
func (tx *Tx) KeepChanges(c *Changes) error {
	if len(c.rows) == 0 {
		return nil
	}
	return tx.Create(&c.rows).Error
}
