package models

import (
	"cmp"

	"gorm.io/gorm/clause"
)

// The states of an import.
const (
	ImportPending   = "pending"
	ImportRunning   = "running"
	ImportDone      = "done"
	ImportFailed    = "failed"
	ImportCancelled = "cancelled"
)

// The formats of what is imported.
const (
	FormatCSV  = "csv"
	FormatXLSX = "xlsx"
	FormatPush = "push" // the JSON of a push that is too large for one answer
)

// The results of an order that came in.
const (
	ResultCreated   = "created"
	ResultUpdated   = "updated"
	ResultUnchanged = "unchanged"
	ResultRejected  = "rejected"
)

// Import is a file of orders on its way in. Its progress is written in the transactions that write the orders, so it goes
// on after a crash where it was.
type Import struct {
	ID            string `gorm:"primaryKey"`
	AccountID     string
	IntegrationID *string // nil: a person's
	Format        string
	FileName      string
	BlobKey       string
	SHA256        string `gorm:"column:sha256"`
	Size          int64
	Mapping       map[string]string `gorm:"serializer:json"` // column header → field; empty: guessed
	Headers       []string          `gorm:"serializer:json"` // of the file's columns, once they are read
	ClientCode    string
	DryRun        bool
	State         string
	CancelAsked   bool
	Total         int64 // rows; 0 while nobody knows
	Processed     int64
	Created       int64
	Updated       int64
	Unchanged     int64
	Rejected      int64
	Error         string
	CreatedBy     string
	CreatedAt     Time
	UpdatedAt     Time
	EndedAt       *Time
}

// Count adds results to the import's counters.
func (i *Import) Count(results []Received) {
	for _, r := range results {
		switch r.Result {
		case ResultCreated:
			i.Created++
		case ResultUpdated:
			i.Updated++
		case ResultUnchanged:
			i.Unchanged++
		default:
			i.Rejected++
		}
	}
	i.Processed += int64(len(results))
}

// ImportView is an import as the API shows it (contract: import).
type ImportView struct {
	ID         string            `json:"id"`
	State      string            `json:"state" words:"import_state"`
	FileName   string            `json:"file_name"`
	Columns    []string          `json:"columns"` // the headers of the file, once they are read
	Mapping    map[string]string `json:"mapping"` // column header → field
	ClientCode string            `json:"client_code"`
	DryRun     bool              `json:"dry_run"`
	Rows       int64             `json:"rows"`
	Processed  int64             `json:"processed"`
	Created    int64             `json:"created"`
	Updated    int64             `json:"updated"`
	Unchanged  int64             `json:"unchanged"`
	Rejected   int64             `json:"rejected"`
	Error      string            `json:"error"`
	CreatedAt  Time              `json:"created_at"`
	EndedAt    *Time             `json:"ended_at"`
}

// View makes the import's view.
func (i *Import) View() ImportView {
	columns := i.Headers
	if columns == nil {
		columns = []string{}
	}
	mapping := i.Mapping
	if mapping == nil {
		mapping = map[string]string{}
	}
	return ImportView{Columns: columns, Mapping: mapping, ClientCode: i.ClientCode, ID: i.ID, State: i.State, FileName: i.FileName, DryRun: i.DryRun,
		Rows: max(i.Total, i.Processed), Processed: i.Processed, Created: i.Created, Updated: i.Updated, Unchanged: i.Unchanged, Rejected: i.Rejected, Error: i.Error, CreatedAt: i.CreatedAt, EndedAt: i.EndedAt}
}

// Over tells whether the import has ended.
func (i *Import) Over() bool { return i.EndedAt != nil }

// ImportRow is what became of one row.
type ImportRow struct {
	ImportID    string `gorm:"primaryKey"`
	Line        int64  `gorm:"primaryKey"` // as a spreadsheet counts: the headers are row 1
	AccountID   string
	Number      string
	Result      string
	WorkOrderID string
	Messages    []FieldError `gorm:"serializer:json"`
	Cells       []string     `gorm:"serializer:json"` // of a spreadsheet's row, as they stood there
}

// ImportRowView is a row as the API shows it: what is in it, under the columns of its import, and what is wrong with that.
type ImportRowView struct {
	Row             int64        `json:"row"` // as a spreadsheet counts: the headers are row 1
	WorkOrderNumber string       `json:"work_order_number"`
	WorkOrderID     string       `json:"work_order_id"`
	Result          string       `json:"result" words:"result"`
	Cells           []string     `json:"cells"`
	Errors          []FieldError `json:"errors"` // why it was rejected, or what was left out of it
}

// View makes the row's view.
func (r *ImportRow) View() ImportRowView {
	v := ImportRowView{Row: r.Line, WorkOrderNumber: r.Number, WorkOrderID: r.WorkOrderID, Result: r.Result, Cells: r.Cells, Errors: r.Messages}
	if v.Cells == nil {
		v.Cells = []string{}
	}
	if v.Errors == nil {
		v.Errors = []FieldError{}
	}
	for i, e := range v.Errors {
		v.Errors[i].Code = cmp.Or(e.Code, string(Invalid))
	}
	return v
}

// ImportMapping is the mapping that an account used last for files with the same headers.
type ImportMapping struct {
	AccountID string            `gorm:"primaryKey"`
	Headers   string            `gorm:"primaryKey"`
	Mapping   map[string]string `gorm:"serializer:json"`
	UpdatedAt Time
}

// RememberMapping keeps a mapping for files with the same headers.
func (tx *Tx) RememberMapping(m *ImportMapping) error {
	m.UpdatedAt = Now()
	return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(m).Error
}

// WatchedFile is a file that a watched folder was seen to hold.
type WatchedFile struct {
	IntegrationID string `gorm:"primaryKey"`
	Path          string `gorm:"primaryKey"`
	AccountID     string
	Size          int64
	Modified      Time
	SeenAt        Time   // since when it looks as it does
	SHA256        string `gorm:"column:sha256"`
	ImportID      string
}

// Received is what became of one incoming order.
type Received struct {
	Line     int64        `json:"-"`
	Number   string       `json:"workOrderNumber"`
	Result   string       `json:"result" words:"result"`
	ID       string       `json:"id,omitempty"`
	Errors   []FieldError `json:"errors"`
	Warnings []FieldError `json:"warnings"`
}

// Messages are errors and warnings together.
func (r *Received) Messages() []FieldError {
	return append(append([]FieldError{}, r.Errors...), r.Warnings...)
}
