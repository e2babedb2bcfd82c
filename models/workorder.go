package models

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// The priorities of a work order.
const (
	PriorityNormal = "normal"
	PriorityRush   = "rush"
	PriorityRework = "rework"
)

// The field statuses: where the order stands on the phone.
const (
	FieldNew       = "new"
	FieldViewed    = "viewed"
	FieldUpdated   = "updated"
	FieldInProcess = "in_process"
	FieldCompleted = "completed"
)

// MostKeyPhotos is how many photos a cover has: before and after.
const MostKeyPhotos = 2

// AssignToAll is the assignee that stands for every user of the account.
const AssignToAll = "~all~"

// Source holds the original client's own numbers, which pass through.
type Source struct {
	WorkOrderID     string `gorm:"column:source_id" json:"work_order_id"`
	WorkOrderNumber string `gorm:"column:source_number" json:"work_order_number"`
	Provider        string `gorm:"column:source_provider" json:"provider"`
}

// WorkOrderFields are what people and remote systems may write of an order, on creation and by edits.
type WorkOrderFields struct {
	WorkOrderNumber    string            `gorm:"column:number" json:"work_order_number" required:"true" example:"FP-1001"`
	ClientCode         string            `json:"client_code"`
	Priority           string            `json:"priority" words:"priority"`
	Address            Address           `gorm:"embedded" json:"address"`
	Latitude           *float64          `json:"latitude"`
	Longitude          *float64          `json:"longitude"`
	DueDate            *Date             `json:"due_date"`
	DueTime            *string           `json:"due_time" example:"13:00"` // "13:00" in the account's zone
	StartDate          *Date             `json:"start_date"`
	Source             Source            `gorm:"embedded" json:"source"`
	Instructions       string            `json:"instructions" example:"<p>Front and back lawn.</p>"` // sanitised HTML
	WorkOrderInfo      string            `json:"work_order_info"`
	Description        *string           `json:"description,omitempty"` // office only
	Reference          *string           `json:"reference,omitempty"`   // office only
	ClientStatus       string            `json:"client_status"`
	ClientDueDate      *Date             `json:"client_due_date"`
	ClientDueTime      *string           `json:"client_due_time" example:"13:00"` // as due_time
	ClientInstructions string            `json:"client_instructions"`             // sanitised HTML
	PublishTo          *string           `json:"publish_to" words:"publish_to"`   // none, storage, client, both; null: inherited
	QAPolicy           *QAPolicy         `gorm:"column:qa_policy" json:"qa_policy"`
	Options            map[string]any    `gorm:"serializer:json" json:"options"`
	Attributes         map[string]string `gorm:"serializer:json" json:"attributes"`
}

// WorkOrder is one job at one property. Its [Lifecycle] is the workflow's, copied here for lists and search; all else
// lives here.
type WorkOrder struct {
	Seq              int64  `gorm:"primaryKey;autoIncrement"` // the order of arrival, by which lists page
	ID               string `gorm:"uniqueIndex"`
	AccountID        string
	Lifecycle        Lifecycle `gorm:"embedded"`
	WorkOrderFields  `gorm:"embedded"`
	Version          int64 // the ETag: counts the changes of the row
	EventCount       int64 // the sequence of the newest event
	PublicationCount int64
	FieldStatus      string
	PropertyID       string
	WorkType         string // the name of the one that filled it
	IntegrationID    *string
	Invoiced         bool     // a mark of its own: it changes no state
	KeyPhotos        []string `gorm:"serializer:json"` // item ids of what the office chose for the cover, at most [MostKeyPhotos]
	ImportedStatus   string   // of an order that was imported as history
	AssignedName     string   // who did it, as the file wrote it, where it is no user
	AssigneeID       *string
	AssignedToAll    bool
	HasNewItems      bool
	PathSalt         string   // of the order's path over Share links, see [WorkOrder.Mark]
	PathMarks        []string `gorm:"serializer:json"` // of the accounts that it went through before it came here
	StatusBelow      string   // the client status that those below are told, where the order's own is not the newest word
	AwaitsPeer       string   // the user of the peer that completed it: what they still send is awaited, not late
	PublishDueAt     *Time    // until when an order that publishes by itself waits for what is awaited
	CreatedBy        string
	SearchText       string
	NumberKey        string // the number in natural order, see [NaturalKey]
	DueKey           string // when it is due, as it sorts
	CompletedAt      Time   // the zero time is never, so that lists sort by it
	PublishedAt      Time   // so too
	CreatedAt        Time
	UpdatedAt        Time
}

// DisplayNumber is how people see the number: {client code}::{number} when the order came from a client.
func (o *WorkOrder) DisplayNumber() string {
	if o.ClientCode == "" {
		return o.WorkOrderNumber
	}
	return o.ClientCode + "::" + o.WorkOrderNumber
}

// HasAssignee tells whether somebody, or everybody, is assigned.
func (o *WorkOrder) HasAssignee() bool { return o.AssigneeID != nil || o.AssignedToAll }

// IsAssignedTo tells whether userID is assigned now.
func (o *WorkOrder) IsAssignedTo(userID string) bool {
	return o.AssignedToAll || (o.AssigneeID != nil && *o.AssigneeID == userID)
}

var richText = bluemonday.UGCPolicy()

// Normalise trims what people's typing leaves, sanitises rich text and fills what has a default.
func (f *WorkOrderFields) Normalise() {
	f.WorkOrderNumber, f.ClientCode = Composed(f.WorkOrderNumber), Composed(f.ClientCode)
	if f.Priority == "" {
		f.Priority = PriorityNormal
	}
	for _, field := range Fields {
		if field.Kept() {
			field.normalise(field.of(f))
		}
	}
	if f.Options == nil {
		f.Options = map[string]any{}
	}
	if f.Attributes == nil {
		f.Attributes = map[string]string{}
	}
	if f.ClientDueDate == nil {
		f.ClientDueDate = f.DueDate
	}
}

// Check notes each wrong field.
func (f *WorkOrderFields) Check(p *Problems) {
	switch {
	case f.WorkOrderNumber == "":
		p.Add("work_order_number", "Give the order a number, such as FP-1001.").Code = CodeRequired
	case utf8.RuneCountInString(f.WorkOrderNumber) > longestNumber:
		p.Add("work_order_number", "At most 200 characters.")
	}
	if utf8.RuneCountInString(f.ClientCode) > longestCode {
		p.Add("client_code", "At most %d characters.", longestCode)
	}
	checkPriority(p, f.Priority)
	f.Address.check(p, "address.")
	checkPosition(p, f.Latitude, f.Longitude)
	for _, field := range Fields {
		if field.Kept() {
			field.check(p, field.of(f))
		}
	}
	checkPublishing(p, f.PublishTo, f.QAPolicy)
	checkObject(p, "options", f.Options)
	if len(f.Attributes) > mostMembers {
		p.Add("attributes", "At most %d attributes.", mostMembers)
	}
	for key, value := range f.Attributes {
		if utf8.RuneCountInString(key) > 100 || utf8.RuneCountInString(value) > 20_000 {
			p.Add("attributes."+key, "An attribute has a name of at most 100 characters and a value of at most 20000.")
		}
	}
}

func checkTimeOfDay(p *Problems, name, at string) {
	if _, err := time.Parse("15:04", at); err != nil {
		p.Add(name, "%q is not a time of day such as 13:00.", at)
	}
}

func checkPriority(p *Problems, priority string) {
	if !slices.Contains(Priorities, priority) {
		p.Add("priority", "Choose normal, rush or rework.")
	}
}

func checkPublishing(p *Problems, publishTo *string, policy *QAPolicy) {
	if publishTo != nil && !slices.Contains(PublishTargets, *publishTo) {
		p.Add("publish_to", "Choose none, storage, client or both, or null to inherit.")
	}
	if policy != nil && !policy.Valid() {
		p.Add("qa_policy", "Choose office_review, auto_publish or auto_relay, or null to inherit.")
	}
}

const longestText = 100_000

func checkText(p *Problems, name, text string) {
	if utf8.RuneCountInString(text) > longestText {
		p.Add(name, "At most %d characters.", longestText)
	}
}

// longestCode is how many characters a client code has at most.
const longestCode = 60

// mostMembers is how many options, attributes and the like people may set on one thing.
const mostMembers = 1000

func checkObject[V any](p *Problems, name string, object map[string]V) {
	if len(object) > mostMembers {
		p.Add(name, "At most %d members.", mostMembers)
		return
	}
	if text, err := json.Marshal(object); err != nil || utf8.RuneCount(text) > longestText {
		p.Add(name, "At most %d characters of JSON.", longestText)
	}
}

// The kinds of task.
const (
	PhotoTask  = "photo"
	SurveyTask = "survey"
)

// TaskFields are what people write of a task.
type TaskFields struct {
	Name           string         `json:"name" required:"true" example:"Inspection"`
	Kind           string         `json:"kind" words:"task_kind"`
	Instructions   string         `json:"instructions"`
	RequiredPhotos map[string]int `gorm:"serializer:json" json:"required_photos" example:"{\"before\": 1}"` // evidence type → how many
	Options        map[string]any `gorm:"serializer:json" json:"options"`
	// SurveyID names the template of a survey task: {template id}-v{revision}, or a template id for its newest revision.
	SurveyID string `json:"survey_id"`
	// Survey is a whole template in line, or a returned response to be done again. Write only.
	Survey          json.RawMessage `gorm:"-" json:"survey,omitempty" as:"object"`
	SurveyNamed     string          `json:"-"` // the survey as its sender named it
	SourceService   string          `json:"source_service"`
	SourceServiceID string          `json:"source_service_id"`
}

// Task is a unit of work on an order.
type Task struct {
	ID            string `gorm:"primaryKey" json:"id"`
	AccountID     string `json:"-"`
	WorkOrderID   string `json:"-"`
	Position      int64  `json:"-"`
	CleanName     string `json:"-"`
	TaskFields    `gorm:"embedded"`
	SurveyHash    string `json:"-"` // of the template that the task keeps
	SurveyAnswers string `json:"-"` // answers to begin from, as JSON
}

// Composed is a name as it is kept and compared: trimmed, and composed (NFC), since some systems send é as two characters.
func Composed(name string) string { return norm.NFC.String(strings.TrimSpace(name)) }

// CleanTaskName is the form by which task names are compared and of which folders are made: anything but letters,
// digits, space, - and _ becomes _ (the incumbent's rule).
func CleanTaskName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == ' ' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, Composed(name))
}

// Normalise fills what has a default.
func (f *TaskFields) Normalise() {
	f.Name = Composed(f.Name)
	if f.Kind == "" {
		f.Kind = PhotoTask
		if f.SurveyID != "" || len(f.Survey) > 0 {
			f.Kind = SurveyTask
		}
	}
	f.Instructions = richText.Sanitize(f.Instructions)
	required := map[string]int{}
	for evidence, n := range f.RequiredPhotos {
		required[strings.ToLower(strings.TrimSpace(evidence))] = n
	}
	f.RequiredPhotos = required
	if f.Options == nil {
		f.Options = map[string]any{}
	}
}

// mostEvidence is how many evidence types a task may ask for.
const mostEvidence = 100

// Check notes what is wrong with the task; prefix stands before the names of its fields.
func (f *TaskFields) Check(p *Problems, prefix string) {
	if f.Name == "" || utf8.RuneCountInString(f.Name) > 200 {
		p.Add(prefix+"name", "Give the task a name of 1 to 200 characters.")
	}
	if f.Kind != PhotoTask && f.Kind != SurveyTask {
		p.Add(prefix+"kind", "Choose photo or survey.")
	}
	if len(f.RequiredPhotos) > mostEvidence {
		p.Add(prefix+"required_photos", "At most %d evidence types.", mostEvidence)
	}
	checkObject(p, prefix+"options", f.Options)
	for evidence, n := range f.RequiredPhotos {
		if evidence == "" || n < 0 || n > 1000 {
			p.Add(prefix+"required_photos", "Give each evidence type a count from 0 to 1000.")
		}
	}
	if utf8.RuneCountInString(f.Instructions) > 100_000 {
		p.Add(prefix+"instructions", "At most 100000 characters.")
	}
}

// TaskNamed is the one of some tasks that items are brought for under a name; nil for none.
func TaskNamed(tasks []Task, w *ItemWords) *Task {
	if w == nil || w.Task == "" {
		return nil
	}
	for n := range tasks {
		if strings.EqualFold(tasks[n].CleanName, CleanTaskName(w.Task)) {
			return &tasks[n]
		}
	}
	return nil
}

// CheckTasks notes each wrong task: names are unique in an order by their cleaned form.
func CheckTasks(p *Problems, tasks []TaskFields) {
	if len(tasks) == 0 {
		p.Add("tasks", "An order has at least one task, such as {\"name\": \"Inspection\"}.").Code = CodeRequired
	}
	checkTaskList(p, tasks)
}

// MostTasks is how many tasks an order, or a work type, may have.
const MostTasks = 500

func checkTaskList(p *Problems, tasks []TaskFields) {
	if len(tasks) > MostTasks {
		p.Add("tasks", "An order has at most %d tasks.", MostTasks)
		return
	}
	seen := map[string]bool{}
	for i := range tasks {
		prefix := fmt.Sprintf("tasks[%d].", i)
		tasks[i].Check(p, prefix)
		name := strings.ToLower(CleanTaskName(tasks[i].Name))
		if seen[name] {
			p.Add(prefix+"name", "The order has two tasks named %q.", tasks[i].Name).Code = CodeTaken
		}
		seen[name] = true
	}
}

// Assignment says that a user, or everybody when UserID is nil, was assigned to an order for a time.
type Assignment struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string
	WorkOrderID string
	UserID      *string
	AssignedAt  Time
	EndedAt     *Time
	ViewedAt    *Time
}

// CreateOrder writes a new order with its property, its tasks and the first event of its history. A number taken under
// the same client code is a [Conflict].
func (tx *Tx) CreateOrder(o *WorkOrder, tasks []TaskFields, e *HistoryEvent) error {
	o.EventCount = 1
	if err := tx.insertOrder(o, tasks); err != nil {
		return err
	}
	// The row is written as it stands after its first event.
	o.Version, o.EventCount = 1, 0
	err := tx.Record(o, e)
	o.Version = 2
	return err
}

func (tx *Tx) insertOrder(o *WorkOrder, tasks []TaskFields) error {
	rows := make([]Task, len(tasks))
	for i, t := range tasks {
		rows[i] = Task{ID: NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, Position: int64(i), CleanName: CleanTaskName(t.Name), TaskFields: t}
		if err := tx.SetSurvey(&rows[i], fmt.Sprintf("tasks[%d].", i)); err != nil {
			return err
		}
	}
	property, err := tx.PropertyAt(o.AccountID, o.Address, o.Latitude, o.Longitude)
	if err != nil {
		return err
	}
	o.PropertyID = property.ID
	if o.Latitude == nil {
		o.Latitude, o.Longitude = property.Latitude, property.Longitude
	}
	if o.Lifecycle.State == "" {
		o.Lifecycle = Lifecycle{State: Created, Version: 1}
	}
	if o.FieldStatus == "" {
		o.FieldStatus = FieldNew
	}
	o.Version = 2
	o.CreatedAt, o.UpdatedAt = Now(), Now()
	o.refreshSearchText()
	if err := tx.Create(o).Error; err != nil {
		if IsUnique(err) {
			return TakenNumber(o)
		}
		return fmt.Errorf("models: insert an order: %w", err)
	}
	return tx.Create(&rows).Error
}

// TakenNumber is the error for a number that another order bears.
func TakenNumber(o *WorkOrder) error {
	return &Error{Kind: Conflict, Code: CodeNumberTaken, Message: fmt.Sprintf("The number %s is taken.", o.DisplayNumber()),
		Fields: []FieldError{{Field: "work_order_number", Message: "Another order has this number under the same client code: choose another, or edit that order.", Code: CodeNumberTaken}}}
}

// OrderForUpdate reads an order and locks it for the transaction.
func (tx *Tx) OrderForUpdate(id string) (*WorkOrder, error) {
	return One[WorkOrder](tx.Locked().Where("id = ?", id), "work order")
}

// OrderForItem reads an order under a lock for an item that changes nothing of the order's row: others do the same side by
// side, and an action waits for all of them.
func (tx *Tx) OrderForItem(id string) (*WorkOrder, error) {
	q := tx.DB
	if tx.store.dialect == Postgres {
		q = tx.Clauses(clause.Locking{Strength: "SHARE"})
	}
	return One[WorkOrder](q.Where("id = ?", id), "work order")
}

// SaveOrder writes an order back and counts its version. Its number must still be free when it is not hidden.
func (tx *Tx) SaveOrder(o *WorkOrder) error {
	o.Version++
	o.UpdatedAt = Now()
	o.refreshSearchText()
	save := tx.Select("*").Omit("seq", "id", "account_id", "created_at")
	if tx.store.dialect == SQLite {
		changed, err := tx.changedColumns(o)
		if err != nil {
			return err
		}
		save = tx.Select(changed)
	}
	err := save.Updates(o).Error
	if IsUnique(err) {
		return TakenNumber(o)
	}
	return err
}

// changedColumns are the columns in which an order differs from its row. SQLite rewrites every index in which a column stands
// that is written, whatever its value.
func (tx *Tx) changedColumns(o *WorkOrder) ([]string, error) {
	before, err := One[WorkOrder](tx.Where("id = ?", o.ID), "work order")
	if err != nil {
		return nil, err
	}
	statement := &gorm.Statement{DB: tx.DB}
	if err := statement.Parse(o); err != nil {
		return nil, err
	}
	was, is := reflect.ValueOf(before).Elem(), reflect.ValueOf(o).Elem()
	var columns []string
	for _, f := range statement.Schema.Fields {
		if slices.Contains([]string{"", "seq", "id", "account_id", "created_at"}, f.DBName) {
			continue
		}
		a, b := f.ReflectValueOf(tx.Statement.Context, was).Interface(), f.ReflectValueOf(tx.Statement.Context, is).Interface()
		if at, ok := a.(Time); ok && at.Equal(b.(Time).Time) {
			continue
		}
		if !reflect.DeepEqual(a, b) {
			columns = append(columns, f.DBName)
		}
	}
	return columns, nil
}

// TasksOf reads the tasks of orders, each order's in their order.
func TasksOf(db *gorm.DB, orderIDs ...string) (map[string][]Task, error) {
	var tasks []Task
	if err := db.Where("work_order_id IN ?", orderIDs).Order("work_order_id, position, id").Find(&tasks).Error; err != nil {
		return nil, err
	}
	byOrder := map[string][]Task{}
	for _, t := range tasks {
		byOrder[t.WorkOrderID] = append(byOrder[t.WorkOrderID], t)
	}
	return byOrder, nil
}

// EverAssigned tells whether userID is or ever was assigned to an order.
func EverAssigned(db *gorm.DB, orderID, userID string) (bool, error) {
	var n int64
	err := db.Model(&Assignment{}).Where("work_order_id = ? AND (user_id = ? OR user_id IS NULL)", orderID, userID).Count(&n).Error
	return n > 0, err
}

// ItemCounts says how much proof an order has.
type ItemCounts struct {
	Total           int64 `json:"total"`
	Photos          int64 `json:"photos"`
	CheckIns        int64 `json:"check_ins"`
	SurveyResponses int64 `json:"survey_responses"`
}

func (c *ItemCounts) add(kind ItemKind, n int64) {
	c.Total += n
	switch kind {
	case Photo:
		c.Photos += n
	case CheckIn:
		c.CheckIns += n
	case SurveyResponse:
		c.SurveyResponses += n
	}
}

// WorkOrderView is an order as the outside sees it: the API, web-hooks and archives.
type WorkOrderView struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	State   State  `json:"state"`
	WorkOrderFields
	FieldStatus   string         `json:"field_status" words:"field_status"`
	ClientName    string         `json:"client_name"` // what the client with the client code is called, as the integration with that code says; "" where none does
	Assignee      *string        `json:"assignee"`
	AssigneeName  string         `json:"assignee_name"` // what the assignee is called; "" for nobody and everybody
	AssignedToAll bool           `json:"assigned_to_all"`
	PropertyID    string         `json:"property_id"`
	WorkType      string         `json:"work_type"` // the name of the one that filled it, or ""
	IntegrationID *string        `json:"integration_id"`
	AssignedName  string         `json:"assigned_name"` // who did it, of history whose file named no user
	Invoiced      bool           `json:"invoiced"`
	KeyPhotos     []string       `json:"key_photos,omitempty"` // office only: what it chose for the cover
	Tasks         []Task         `json:"tasks"`
	ItemCounts    ItemCounts     `json:"item_counts"`
	HasNewItems   bool           `json:"has_new_items"`
	Progress      *OrderProgress `json:"progress,omitempty"` // in lists only
	Awaited       int64          `json:"awaited"`            // photos that are announced and not here
	Policy        *OrderPolicy   `json:"policy"`             // what counts in the end
	Share         *ShareView     `json:"share,omitempty"`    // office only
	CompletedAt   *Time          `json:"completed_at"`       // since when it is completed; null while it is work
	PublishedAt   *Time          `json:"published_at"`       // and published
	CreatedAt     Time           `json:"created_at"`
	UpdatedAt     Time           `json:"updated_at"`
}

// ViewOrders makes the views of orders in a handful of queries, however many they are.
func ViewOrders(db *gorm.DB, orders ...*WorkOrder) ([]WorkOrderView, error) {
	if len(orders) == 0 {
		return []WorkOrderView{}, nil
	}
	ids := make([]string, len(orders))
	var assignees []string
	for i, o := range orders {
		ids[i] = o.ID
		if o.AssigneeID != nil {
			assignees = append(assignees, *o.AssigneeID)
		}
	}
	tasks, err := TasksOf(db, ids...)
	if err != nil {
		return nil, err
	}
	users, err := PeopleOf(db, assignees)
	if err != nil {
		return nil, err
	}
	clients, err := ClientsOf(db, orders...)
	if err != nil {
		return nil, err
	}
	counts, err := countItems(db, ids)
	if err != nil {
		return nil, err
	}
	awaited, err := countAwaited(db, ids)
	if err != nil {
		return nil, err
	}
	policies, err := policiesOf(db, orders)
	if err != nil {
		return nil, err
	}
	share, err := shareOf(db, orders, tasks)
	if err != nil {
		return nil, err
	}
	views := make([]WorkOrderView, len(orders))
	for i, o := range orders {
		v := WorkOrderView{ID: o.ID, Version: o.Version, State: o.Lifecycle.State, WorkOrderFields: o.WorkOrderFields, FieldStatus: o.FieldStatus, ClientName: clients.Called(o.AccountID, o.ClientCode),
			AssignedToAll: o.AssignedToAll, PropertyID: o.PropertyID, WorkType: o.WorkType, IntegrationID: o.IntegrationID, AssignedName: o.AssignedName, Invoiced: o.Invoiced, KeyPhotos: o.KeyPhotos, Tasks: tasks[o.ID], ItemCounts: counts[o.ID],
			HasNewItems: o.HasNewItems, Awaited: awaited[o.ID], Policy: policies[o.ID], Share: share[o.ID], CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt}
		if v.Tasks == nil {
			v.Tasks = []Task{}
		}
		if !o.CompletedAt.IsZero() {
			v.CompletedAt = &o.CompletedAt
		}
		if !o.PublishedAt.IsZero() {
			v.PublishedAt = &o.PublishedAt
		}
		if o.AssigneeID != nil {
			user := users[*o.AssigneeID]
			v.Assignee, v.AssigneeName = &user.Username, user.Name
		}
		if o.AssignedToAll {
			name := AssignToAll
			v.Assignee, v.AssigneeName = &name, ""
		}
		views[i] = v
	}
	return views, nil
}

// ViewOrdersFor makes the views of listed orders as a member may see them. Of one on which they once worked, and which they do
// not see any more, that is its number, where it stands and how many of its items are theirs.
func ViewOrdersFor(db *gorm.DB, viewer *Member, orders ...*WorkOrder) ([]WorkOrderView, error) {
	var seen []*WorkOrder
	var past []*WorkOrder
	var pastIDs []string
	for _, o := range orders {
		if viewer.Sees(o) {
			seen = append(seen, o)
		} else {
			past, pastIDs = append(past, o), append(pastIDs, o.ID)
		}
	}
	whole, err := ViewOrders(db, seen...)
	if err != nil {
		return nil, err
	}
	progress, err := progressOf(db, viewer, seen, func(i int) []Task { return whole[i].Tasks })
	if err != nil {
		return nil, err
	}
	for i := range progress {
		whole[i].Progress = &progress[i]
	}
	clients, err := ClientsOf(db, past...)
	if err != nil {
		return nil, err
	}
	own := map[string]ItemCounts{}
	if len(past) > 0 {
		if own, err = countItems(db.Where("uploaded_by = ?", viewer.ID), pastIDs); err != nil {
			return nil, err
		}
	}
	views := make([]WorkOrderView, len(orders))
	for i, o := range orders {
		if viewer.Sees(o) {
			views[i], whole = whole[0].For(viewer.Audience()), whole[1:]
			continue
		}
		views[i] = WorkOrderView{ID: o.ID, Version: o.Version, State: o.Lifecycle.State, FieldStatus: o.FieldStatus, ClientName: clients.Called(o.AccountID, o.ClientCode), Tasks: []Task{}, ItemCounts: own[o.ID], CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
			WorkOrderFields: WorkOrderFields{WorkOrderNumber: o.WorkOrderNumber, ClientCode: o.ClientCode, Priority: o.Priority, Options: map[string]any{}, Attributes: map[string]string{}}}
	}
	return views, nil
}

func countItems(db *gorm.DB, orderIDs []string) (map[string]ItemCounts, error) {
	var rows []struct {
		WorkOrderID string
		Kind        string
		N           int64
	}
	err := db.Model(&Item{}).Select("work_order_id, kind, COUNT(*) AS n").Where("work_order_id IN ? AND deleted_at IS NULL", orderIDs).
		Group("work_order_id, kind").Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	counts := map[string]ItemCounts{}
	for _, r := range rows {
		c := counts[r.WorkOrderID]
		c.add(ItemKind(r.Kind), r.N)
		counts[r.WorkOrderID] = c
	}
	return counts, nil
}

// FirstLook notes the assignee's first look at a locked order; later ones change nothing.
func (tx *Tx) FirstLook(o *WorkOrder, by *Member) error {
	looked := tx.Model(&Assignment{}).Where("work_order_id = ? AND ended_at IS NULL AND viewed_at IS NULL AND (user_id = ? OR user_id IS NULL)", o.ID, by.ID).
		Update("viewed_at", Now())
	if looked.Error != nil || looked.RowsAffected == 0 {
		return looked.Error
	}
	if o.FieldStatus == FieldNew || o.FieldStatus == FieldUpdated {
		o.FieldStatus = FieldViewed
	}
	if err := tx.Record(o, &HistoryEvent{Type: TypeViewed, ActorID: by.ID, Actor: by.Username}); err != nil {
		return err
	}
	return tx.SaveOrder(o)
}
