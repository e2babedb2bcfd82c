package models

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Incoming is what a source says of one order: the parts that it gives, nothing where it says nothing.
type Incoming struct {
	Line        int64 // where it stands: the row of a file, the place in a list
	Number      string
	ClientCode  string
	Fields      WorkOrderFields // what it says of them: see [Incoming.Says]
	ZipIsNumber bool            // the zip code came as a number, which keeps no leading zero
	Assignee    *string
	Status      *string
	FieldStatus *string
	WorkType    *string
	Tasks       []IncomingTask // nil: nothing said
	Unknown     map[string]json.RawMessage
	Problems    Problems // what could not be read: the order is rejected
	Warnings    Problems // what could not be used: the order is taken without it

	// Share is what a Fieldproof at the other side of a Share link says beside; nil for all others.
	Share *IncomingShare

	said uint64 // a bit a row of [Fields]
}

// Says tells whether the source says something of a field that the order keeps, be it that it is nothing.
func (in *Incoming) Says(name string) bool { return in.says(FieldNamed(name)) }

func (in *Incoming) says(f *Field) bool {
	if f.Kind == Object || f.Kind == Texts {
		return f.of(&in.Fields).Len() > 0
	}
	return in.said&(1<<f.number) != 0
}

// SayNothing notes that the source says of a field, and of its time of day, that there is nothing.
func (in *Incoming) SayNothing(f *Field) {
	in.say(f, reflect.Zero(f.of(&in.Fields).Type()))
	if f.time != nil {
		in.SayNothing(f.time)
	}
}

// Unsay takes back that the source says something of a field.
func (in *Incoming) Unsay(name string) {
	f := FieldNamed(name)
	f.of(&in.Fields).SetZero()
	in.said &^= 1 << f.number
}

func (in *Incoming) say(f *Field, value reflect.Value) {
	f.of(&in.Fields).Set(value)
	in.said |= 1 << f.number
}

// Say notes what the source says of a field that is a text of any kind. An empty choice or time of day is none.
func (in *Incoming) Say(f *Field, text string) {
	switch f.Name {
	case "work_order_number":
		in.Number = text
	case "client_code":
		in.ClientCode = text
	case "assignee":
		in.Assignee = &text
	case "status":
		in.Status = &text
	case "field_status":
		in.FieldStatus = &text
	case "work_type":
		in.WorkType = &text
	default:
		kept := f.of(&in.Fields)
		value := reflect.New(kept.Type()).Elem()
		switch {
		case kept.Kind() == reflect.String:
			value.SetString(text)
		case text != "" || f.Kind == Text:
			value.Set(reflect.New(kept.Type().Elem()))
			value.Elem().SetString(text)
		}
		in.say(f, value)
	}
}

// SayDay notes a day and, where the field has one and nothing was said of it yet, the time of day; "" is none.
func (in *Incoming) SayDay(f *Field, day Date, at string) {
	in.say(f, reflect.ValueOf(&day))
	if f.time != nil && !in.says(f.time) {
		in.Say(f.time, at)
	}
}

// SayNumber notes a number.
func (in *Incoming) SayNumber(f *Field, n float64) { in.say(f, reflect.ValueOf(&n)) }

// SayObject notes the members of an object.
func (in *Incoming) SayObject(f *Field, members map[string]any) { in.say(f, reflect.ValueOf(members)) }

// SayAttribute notes one of the free texts.
func (in *Incoming) SayAttribute(name, value string) {
	if in.Fields.Attributes == nil {
		in.Fields.Attributes = map[string]string{}
	}
	in.Fields.Attributes[name] = value
}

// IncomingShare is what a Fieldproof says of an order to another (contract: between two Fieldproofs).
type IncomingShare struct {
	OrderID   string // the delegator's
	Version   int64
	PathSalt  string
	PathMarks []string // of the accounts that the order went through, see [MarkOf]; "" and none where nothing is said
	Rejection *ShareRejection
}

// Refusal is why an account does not take an order that went this way; "" when it does.
func (s *IncomingShare) Refusal(accountID string) string {
	switch {
	case len(s.PathMarks) > MostHops:
		return fmt.Sprintf("It went through %d accounts before, and over more than %d Share links an order does not go.", len(s.PathMarks), MostHops)
	case slices.Contains(s.PathMarks, MarkOf(s.PathSalt, accountID)):
		return "It was here before: it came back by a circle of Share links."
	}
	return ""
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
	Unrequired      []string `json:",omitempty"` // evidence types of which none is required any more
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
	// Of a Share link: what the delegator calls the order for itself, the version that came last, how it ended there ("",
	// Cancelled or Deleted), the rejection that was acted upon, and how many statuses were told.
	PeerOrderID  string
	PeerVersion  int64
	Ended        string
	Rejection    string
	StatusNumber int64
	Brought      map[string]string `gorm:"serializer:json"` // the texts that are blanked when the order ends there
	Differs      map[string]any    `gorm:"serializer:json"` // with auto-admin off: what came last of each field, see [ShareDiffers]
	Refused      string            // why the order is not taken; it has no order here then, unless it was taken before
	RefusalTold  string            // what of that the delegator was told
}
