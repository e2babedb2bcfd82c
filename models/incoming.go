package models

import (
	"encoding/json"
	"slices"
	"strings"
)

// Incoming is what a source says of one order: the parts that it gives, nil where it says nothing.
type Incoming struct {
	Line               int64 // where it stands: the row of a file, the place in a list
	Number             string
	ClientCode         string
	Address1           *string
	Address2           *string
	City               *string
	State              *string
	Zip                *string
	ZipIsNumber        bool // it came as a number, which keeps no leading zero
	Country            *string
	WorkOrderInfo      *string
	Instructions       *string
	Description        *string
	Reference          *string
	Assignee           *string
	Status             *string
	FieldStatus        *string
	Priority           *string
	ClientStatus       *string
	ClientInstructions *string
	DueDate            *Date
	DueTime            *string // "" is none
	StartDate          *Date
	ClientDueDate      *Date
	ClientDueTime      *string // "" is none
	Options            map[string]any
	Attributes         map[string]string
	Latitude           *float64
	Longitude          *float64
	SourceID           *string
	SourceNumber       *string
	SourceProvider     *string
	WorkType           *string
	PublishTo          *string
	QAPolicy           *string
	Tasks              []IncomingTask // nil: nothing said
	Unknown            map[string]json.RawMessage
	Problems           Problems // what could not be read: the order is rejected
	Warnings           Problems // what could not be used: the order is taken without it
}

// IncomingTask is what a source says of one task.
type IncomingTask struct {
	Name            string
	Instructions    *string
	Options         map[string]any
	Survey          *string         // the id of a template; "" is none
	SurveyDynamic   json.RawMessage // a whole template, or a returned response
	SourceService   *string
	SourceServiceID *string
	RequiredPhotos  map[string]int
}

// WireStatus is the status of an order as the outside knows it (domain 3.4).
type WireStatus string

// The statuses of the wire and of spreadsheets.
const (
	WireUnassigned WireStatus = "Unassigned"
	WireAssigned   WireStatus = "Assigned"
	WireRush       WireStatus = "Rush"
	WireRework     WireStatus = "Rework"
	WireComplete   WireStatus = "Complete"
	WireSubmitted  WireStatus = "Submitted"
	WireInvoiced   WireStatus = "Invoiced"
	WireClosed     WireStatus = "Closed"
	WireCanceled   WireStatus = "Canceled"
)

var wireStatuses = map[string]WireStatus{
	"unassigned": WireUnassigned, "assigned": WireAssigned, "rush": WireRush, "rework": WireRework, "complete": WireComplete, "completed": WireComplete,
	"submitted": WireSubmitted, "invoiced": WireInvoiced, "closed": WireClosed, "canceled": WireCanceled, "cancelled": WireCanceled,
}

// ParseWireStatus reads a status in any case and spelling; false when it is none.
func ParseWireStatus(s string) (WireStatus, bool) {
	status, ok := wireStatuses[strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(s))]
	return status, ok
}

// Finished tells whether an order of this status that is imported is history: kept as closed, without a workflow.
func (s WireStatus) Finished() bool {
	return slices.Contains([]WireStatus{WireComplete, WireSubmitted, WireInvoiced, WireClosed, WireCanceled}, s)
}

// Before is where reopening an order leads that was imported as history.
func (s WireStatus) Before() State {
	switch s {
	case WireComplete:
		return Completed
	case WireCanceled:
		return Cancelled
	}
	return Published
}

// WireStatus is how the outside knows the order's state and priority.
func (o *WorkOrder) WireStatus() WireStatus {
	switch o.Lifecycle.State {
	case Completed:
		return o.orInvoiced(WireComplete)
	case Approved, Published:
		return o.orInvoiced(WireSubmitted)
	case Cancelled:
		return WireCanceled
	case Closed:
		if o.ImportedStatus != "" {
			return WireStatus(o.ImportedStatus)
		}
		return o.orInvoiced(WireClosed)
	}
	switch o.Priority {
	case PriorityRush:
		return WireRush
	case PriorityRework:
		return WireRework
	}
	if o.Invoiced {
		return WireInvoiced
	}
	if o.Lifecycle.State == Created {
		return WireUnassigned
	}
	return WireAssigned
}

func (o *WorkOrder) orInvoiced(s WireStatus) WireStatus {
	if o.Invoiced {
		return WireInvoiced
	}
	return s
}

var fieldStatusWords = map[string]string{
	"": FieldNew, "new": FieldNew, "viewed": FieldViewed, "updated": FieldUpdated, "inprocess": FieldInProcess, "inprogress": FieldInProcess, "complete": FieldCompleted, "completed": FieldCompleted,
}

// ParseFieldStatus reads a field status as the outside writes it; false when it is none.
func ParseFieldStatus(s string) (string, bool) {
	status, ok := fieldStatusWords[strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(s))]
	return status, ok
}

// WireFieldStatus is how the outside writes a field status; an order that was never opened on a phone has none.
func WireFieldStatus(s string) string {
	return map[string]string{FieldViewed: "Viewed", FieldUpdated: "Updated", FieldInProcess: "In Process", FieldCompleted: "Complete"}[s]
}

// ReceivedOrder is what a source said last of an order.
type ReceivedOrder struct {
	IntegrationID string `gorm:"primaryKey"`
	Number        string `gorm:"primaryKey"`
	AccountID     string
	WorkOrderID   string
	Status        string
	Assignee      string
	Fields        map[string]string `gorm:"serializer:json"` // field → short hash of what was said
	At            Time
}
