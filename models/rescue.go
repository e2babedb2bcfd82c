package models

import "cmp"

// The results of an item of a rescue file.
const (
	RescueWaiting = "waiting"
	RescueTaken   = "taken"
	RescueKnown   = "known" // it was here already
	RescueRefused = "refused"
)

// RescueResults lists what becomes of an item of a rescue file.
var RescueResults = []string{RescueWaiting, RescueTaken, RescueKnown, RescueRefused}

// RescueStates lists whether something of a rescue file still waits.
var RescueStates = []string{"working", "done"}

// Rescue is a file with what a phone could not send. Its items are taken one by one, and it goes on after a crash where it was.
type Rescue struct {
	ID        string `gorm:"primaryKey"`
	AccountID string
	BroughtBy string // user id
	ClaimedBy string // user id of whose phone wrote it, as the file says
	Device    string
	FileName  string
	BlobKey   string
	SHA256    string `gorm:"column:sha256"`
	Size      int64
	MadeAt    *Time          // by the phone's clock
	Actions   []RescueAction `gorm:"serializer:json"`
	CreatedAt Time
	EndedAt   *Time
	Swept
}

// RescueAction is something that a person did on a phone which could not tell it: the office does it, or not.
type RescueAction struct {
	Kind        string         `json:"kind"`
	WorkOrderID string         `json:"work_order_id"`
	DoneAt      *Time          `json:"done_at"` // by the phone's clock
	Body        map[string]any `json:"body"`
}

// RescueItem is one item of a rescue file.
type RescueItem struct {
	RescueID    string `gorm:"primaryKey"`
	Position    int64  `gorm:"primaryKey"`
	AccountID   string
	UUID        string `gorm:"column:uuid"`
	WorkOrderID string
	Path        string // in the file
	Said        string // what the file says of it: JSON
	Result      string
	ItemID      string
	Code        string
	Message     string
}

// Refuse notes why the item is not taken.
func (i *RescueItem) Refuse(e *Error) {
	i.Result, i.Code, i.Message = RescueRefused, e.Word(), e.Message
	if len(e.Fields) > 0 {
		i.Message = e.Fields[0].Message
	}
}

// RescueView is a rescue file as the API shows it.
type RescueView struct {
	ID            string           `json:"id"`
	State         string           `json:"state" words:"rescue_state"`
	FileName      string           `json:"file_name"`
	Device        string           `json:"device"`
	BroughtBy     string           `json:"brought_by"`      // a username
	BroughtByName string           `json:"brought_by_name"` // what they are called
	ClaimedBy     *string          `json:"claimed_by"`      // the username of whose phone wrote it, as it says
	ClaimedByName *string          `json:"claimed_by_name"` // what they are called
	MadeAt        *Time            `json:"made_at"`
	Items         []RescueItemView `json:"items"`
	Actions       []RescueAction   `json:"actions"` // done on the phone, and not told: nobody does them by themselves
	CreatedAt     Time             `json:"created_at"`
	EndedAt       *Time            `json:"ended_at"`
}

// RescueItemView is what became of an item.
type RescueItemView struct {
	UUID        string  `json:"uuid"`
	WorkOrderID string  `json:"work_order_id"`
	Result      string  `json:"result" words:"rescue_result"`
	ItemID      *string `json:"item_id"`
	Code        string  `json:"code"`    // why it was refused; "" when it was not
	Message     string  `json:"message"` // the same in words
}

// View makes the view; users are at least who brought it and who made it.
func (r *Rescue) View(items []RescueItem, users People) RescueView {
	v := RescueView{ID: r.ID, State: RescueStates[0], FileName: r.FileName, Device: r.Device, BroughtBy: users[r.BroughtBy].Username, BroughtByName: users[r.BroughtBy].Name, ClaimedBy: orNil(users[r.ClaimedBy].Username), ClaimedByName: orNil(users[r.ClaimedBy].Name), MadeAt: r.MadeAt,
		Items: make([]RescueItemView, len(items)), Actions: r.Actions, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt}
	if r.EndedAt != nil {
		v.State = RescueStates[1]
	}
	if v.Actions == nil {
		v.Actions = []RescueAction{}
	}
	for i, item := range items {
		v.Items[i] = RescueItemView{UUID: item.UUID, WorkOrderID: item.WorkOrderID, Result: cmp.Or(item.Result, RescueWaiting), ItemID: orNil(item.ItemID), Code: item.Code, Message: item.Message}
	}
	return v
}

// SeesRescue tells whether the member may see a rescue file: who brought it, and the office.
func (m *Member) SeesRescue(r *Rescue) bool {
	return r.AccountID == m.AccountID && (r.BroughtBy == m.ID || m.Office())
}
