package models

import (
	"encoding/json"
	"slices"

	"gorm.io/gorm"
)

// What a bulk does beside transitions.
const (
	BulkUpdate   = "update"   // changes fields
	BulkInvoiced = "invoiced" // sets the mark, or takes it away
)

// The states of a bulk.
const (
	BulkPending   = "pending"
	BulkRunning   = "running"
	BulkDone      = "done"
	BulkCancelled = "cancelled"
)

// The results of a bulk's rows.
const (
	RowWaiting   = "waiting"
	RowDone      = "done"
	RowUnchanged = "unchanged" // it was so already
	RowRefused   = "refused"
	RowCancelled = "cancelled"
)

// Bulk is one action on many orders. Which they are was fixed when it was asked for; each is asked anew whether it may be done.
type Bulk struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string
	Action      string              // a transition, [BulkUpdate] or [BulkInvoiced]
	Parameters  BulkParameters      `gorm:"serializer:json"`
	Filter      map[string][]string `gorm:"serializer:json"` // by which the orders were found; empty where they were named
	Repeats     string              // the bulk whose refused orders these are
	State       string
	CancelAsked bool
	Total       int64
	Done        int64
	Unchanged   int64
	Refused     int64
	Cancelled   int64
	CreatedBy   string
	CreatedAt   Time
	UpdatedAt   Time
	EndedAt     *Time
}

// BulkParameters are the particulars of a bulk: those of its action.
type BulkParameters struct {
	Assignee       string          `json:"assignee,omitempty"`
	Reason         string          `json:"reason,omitempty"`
	DestinationIDs []string        `json:"destination_ids,omitempty"`
	WithoutAwaited bool            `json:"without_awaited,omitempty"`
	Invoiced       *bool           `json:"invoiced,omitempty"`
	Patch          json.RawMessage `json:"patch,omitempty"` // of an update (RFC 7396)
}

// Over tells whether the bulk has ended.
func (b *Bulk) Over() bool { return b.EndedAt != nil }

// Waiting counts the rows that nothing became of yet.
func (b *Bulk) Waiting() int64 { return b.Total - b.Done - b.Unchanged - b.Refused - b.Cancelled }

// BulkView is a bulk as the API shows it.
type BulkView struct {
	ID         string              `json:"id"`
	Action     string              `json:"action" words:"bulk_action"`
	Parameters json.RawMessage     `json:"parameters" as:"object"`
	Filter     map[string][]string `json:"filter"`
	Repeats    string              `json:"repeats,omitempty"`
	State      string              `json:"state" words:"bulk_state"`
	Rows       int64               `json:"rows"`
	Waiting    int64               `json:"waiting"`
	Done       int64               `json:"done"`
	Unchanged  int64               `json:"unchanged"`
	Refused    int64               `json:"refused"`
	Cancelled  int64               `json:"cancelled"`
	By         string              `json:"by"`      // who asked for it
	ByName     string              `json:"by_name"` // what they are called
	CreatedAt  Time                `json:"created_at"`
	EndedAt    *Time               `json:"ended_at"`
}

// ViewBulks makes the views of bulks.
func ViewBulks(db *gorm.DB, bulks ...*Bulk) ([]BulkView, error) {
	users, err := PeopleOfRows(db, bulks, func(b **Bulk) string { return (*b).CreatedBy })
	if err != nil {
		return nil, err
	}
	views := make([]BulkView, len(bulks))
	for i, b := range bulks {
		views[i] = BulkView{ID: b.ID, Action: b.Action, Parameters: b.Parameters.Patch, Filter: b.Filter, Repeats: b.Repeats, State: b.State, Rows: b.Total, Waiting: b.Waiting(),
			Done: b.Done, Unchanged: b.Unchanged, Refused: b.Refused, Cancelled: b.Cancelled, By: users[b.CreatedBy].Username, ByName: users[b.CreatedBy].Name, CreatedAt: b.CreatedAt, EndedAt: b.EndedAt}
		if len(b.Parameters.Patch) == 0 {
			if views[i].Parameters, err = json.Marshal(b.Parameters); err != nil {
				return nil, err
			}
		}
	}
	return views, nil
}

// BulkRow is one order of a bulk, and what became of it.
type BulkRow struct {
	BulkID      string `gorm:"primaryKey"`
	Position    int64  `gorm:"primaryKey;autoIncrement:false"` // from 1
	AccountID   string
	WorkOrderID string
	Number      string // the order's, when the bulk was asked for
	Result      string
	Code        string // why it was refused, see [Error.Word]
	Message     string
	Errors      []FieldError `gorm:"serializer:json"`
	Tries       int64        // that had no answer
}

// BulkRowView is a row as the API shows it.
type BulkRowView struct {
	Position        int64        `json:"position"`
	WorkOrderID     string       `json:"work_order_id"`
	WorkOrderNumber string       `json:"work_order_number"`
	Result          string       `json:"result" words:"bulk_result"`
	Code            string       `json:"code"` // "" unless it was refused
	Message         string       `json:"message"`
	Errors          []FieldError `json:"errors"`
}

// View makes the row's view.
func (r *BulkRow) View() BulkRowView {
	v := BulkRowView{Position: r.Position, WorkOrderID: r.WorkOrderID, WorkOrderNumber: r.Number, Result: r.Result, Code: r.Code, Message: r.Message, Errors: r.Errors}
	if v.Errors == nil {
		v.Errors = []FieldError{}
	}
	return v
}

// Refuse says that the row's order was refused, and why.
func (r *BulkRow) Refuse(e *Error) {
	r.Result, r.Code, r.Message, r.Errors = RowRefused, e.Word(), e.Message, e.CodedFields()
}

// fixedAtOnce is how many rows one statement writes.
const fixedAtOnce = 500

// FixNamed fixes the rows of a bulk: the orders of these ids that by sees, in this sequence. It returns how many those are; the
// others get a row that is refused.
func (tx *Tx) FixNamed(b *Bulk, by *Member, ids []string) (found int64, err error) {
	for n := 0; n < len(ids); n += fixedAtOnce {
		some := ids[n:min(n+fixedAtOnce, len(ids))]
		var orders []*WorkOrder
		if err := by.OrdersSeen(tx.Model(&WorkOrder{}).Select("id", "number")).Where("work_orders.id IN ?", some).Find(&orders).Error; err != nil {
			return 0, err
		}
		numbers := map[string]string{}
		for _, o := range orders {
			numbers[o.ID] = o.WorkOrderNumber
		}
		rows := make([]*BulkRow, len(some))
		for i, id := range some {
			rows[i] = b.row(n+i, id, numbers[id])
			if _, there := numbers[id]; !there {
				rows[i].Refuse(Errorf(NotFound, "There is no such work order."))
				b.Refused++
			}
		}
		found += int64(len(orders))
		if err := tx.Create(&rows).Error; err != nil {
			return 0, err
		}
	}
	b.Total = int64(len(ids))
	return found, nil
}

func (b *Bulk) row(n int, orderID, number string) *BulkRow {
	return &BulkRow{BulkID: b.ID, Position: int64(n + 1), AccountID: b.AccountID, WorkOrderID: orderID, Number: number, Result: RowWaiting}
}

// FixFound fixes the rows of a bulk: the orders that pass a filter and that by sees, newest first.
func (tx *Tx) FixFound(b *Bulk, by *Member, f OrderFilter) error {
	if f.nothing {
		return nil
	}
	found := f.matching(tx.DB, by).Select("work_orders.seq, work_orders.id, work_orders.number")
	done := tx.Exec("INSERT INTO bulk_rows (bulk_id, position, account_id, work_order_id, number, result, code, message, tries) "+
		"SELECT ?, ROW_NUMBER() OVER (ORDER BY found.seq DESC), ?, found.id, found.number, ?, '', '', 0 FROM (?) AS found", b.ID, b.AccountID, RowWaiting, found)
	b.Total = done.RowsAffected
	return done.Error
}

// FixRefused fixes the rows of a bulk: those orders that another one refused.
func (tx *Tx) FixRefused(b *Bulk, other string) error {
	done := tx.Exec("INSERT INTO bulk_rows (bulk_id, position, account_id, work_order_id, number, result, code, message, tries) "+
		"SELECT ?, ROW_NUMBER() OVER (ORDER BY r.position), r.account_id, r.work_order_id, r.number, ?, '', '', 0 FROM bulk_rows AS r WHERE r.bulk_id = ? AND r.account_id = ? AND r.result = ?",
		b.ID, RowWaiting, other, b.AccountID, RowRefused)
	b.Total = done.RowsAffected
	return done.Error
}

// KeepRows writes what became of rows of a bulk, and counts it. A row that is known already stays as it is, and is not among
// those that it returns as kept.
func (tx *Tx) KeepRows(bulkID string, rows ...*BulkRow) (kept int64, err error) {
	counted := map[string]any{"updated_at": Now()}
	results := map[string]int64{}
	for _, r := range rows {
		done := tx.Select("result", "code", "message", "errors", "tries").Where("result = ?", RowWaiting).Updates(r)
		if done.Error != nil {
			return 0, done.Error
		}
		if r.Result != RowWaiting {
			results[r.Result] += done.RowsAffected
			kept += done.RowsAffected
		}
	}
	for _, result := range []string{RowDone, RowUnchanged, RowRefused} {
		if n := results[result]; n > 0 {
			counted[result] = gorm.Expr(result+" + ?", n)
		}
	}
	return kept, tx.Model(&Bulk{}).Where("id = ?", bulkID).Updates(counted).Error
}

// EndBulk ends a bulk; rows that wait are cancelled. One that has ended stays as it is.
func (tx *Tx) EndBulk(b *Bulk, state string) error {
	now, err := One[Bulk](tx.Locked().Where("id = ?", b.ID), "bulk")
	if err != nil {
		return err
	}
	if now.Over() {
		*b = *now
		return nil
	}
	left := tx.Model(&BulkRow{}).Where("bulk_id = ? AND result = ?", b.ID, RowWaiting).Update("result", RowCancelled)
	if left.Error != nil {
		return left.Error
	}
	at := Now()
	now.State, now.Cancelled, now.UpdatedAt, now.EndedAt = state, now.Cancelled+left.RowsAffected, at, &at
	if err := tx.Select("state", "cancelled", "updated_at", "ended_at").Updates(now).Error; err != nil {
		return err
	}
	*b = *now
	return tx.AnnounceBulk(b)
}

// AnnounceBulk tells those who watch live that a bulk went on.
func (tx *Tx) AnnounceBulk(b *Bulk) error {
	return tx.Announce(b.AccountID, "bulk.changed", b.ID, "")
}

// BulkActions lists what a bulk may do: the transitions that people ask for, and two things more.
var BulkActions = append(wordsOf([]Event{Assign, Unassign, Complete, Approve, Unapprove, Reject, Publish, Cancel, Reopen, Close}), BulkUpdate, BulkInvoiced)

// IsBulkAction tells whether a bulk may do it.
func IsBulkAction(action string) bool { return slices.Contains(BulkActions, action) }
