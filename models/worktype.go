package models

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
)

// WorkTypeFields are what people write of a work type.
type WorkTypeFields struct {
	Name string `json:"name" required:"true" example:"Lawn cut"`
	// Default makes it the one that fills every order made by hand without another.
	Default bool `gorm:"column:is_default" json:"default"`

	// What is set here replaces what the order says; an option replaces the order's of the same name.
	Reference   *string        `json:"reference,omitempty"`
	Description *string        `json:"description,omitempty"`
	Options     map[string]any `gorm:"serializer:json" json:"options"`

	// What follows fills the order only where it says nothing.
	Address            Address   `gorm:"embedded" json:"address"`
	Instructions       string    `json:"instructions"` // sanitised HTML
	WorkOrderInfo      string    `json:"work_order_info"`
	ClientInstructions string    `json:"client_instructions"` // sanitised HTML
	Assignee           string    `json:"assignee"`            // a username or ~all~
	Priority           string    `json:"priority" words:"priority" blank:"true"`
	DueInDays          *int      `json:"due_in_days"` // from the day on which the order is made
	PublishTo          *string   `json:"publish_to" words:"publish_to"`
	QAPolicy           *QAPolicy `gorm:"column:qa_policy" json:"qa_policy"`

	Tasks   []TaskFields    `gorm:"serializer:json" json:"tasks"` // added where the order has none of that name
	Matches []WorkTypeMatch `gorm:"serializer:json" json:"matches"`
}

// WorkTypeMatch tells which new orders a work type fills by itself: those that agree in everything that is set.
type WorkTypeMatch struct {
	ClientCode string `json:"client_code"`
	State      string `json:"state"` // the region
	Reference  string `json:"reference"`
}

// The weights of what agrees; the work type with the highest sum fills the order. Client and region weigh as the
// incumbent's invoice items do, a reference more than both.
const (
	referenceWeight = 4
	clientWeight    = 2
	stateWeight     = 1
)

// WorkType is a template for orders of one kind.
type WorkType struct {
	ID             string `gorm:"primaryKey" json:"id"`
	AccountID      string `json:"-"`
	NameKey        string `json:"-"`
	WorkTypeFields `gorm:"embedded"`
	CreatedAt      Time `json:"created_at"`
	UpdatedAt      Time `json:"updated_at"`
}

// For is the work type as an audience may see it.
func (w WorkType) For(a Audience) WorkType {
	for _, f := range Fields {
		if f.atWorkType != nil && !f.SeenBy(a) {
			f.ofWorkType(&w.WorkTypeFields).SetZero()
		}
	}
	return w
}

func workTypeKey(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// Check fills what has a default and returns an [Invalid] error that names each wrong field.
func (f *WorkTypeFields) Check() error {
	var p Problems
	f.Name = strings.TrimSpace(f.Name)
	if f.Name == "" || !OneLine(f.Name, 200) {
		p.Add("name", "Give the work type a name of 1 to 200 characters.")
	}
	for _, field := range Fields {
		if field.atWorkType == nil {
			continue
		}
		v := field.ofWorkType(f)
		if field.Kind == RichText {
			field.normalise(v)
		}
		field.check(&p, v)
	}
	if f.Options == nil {
		f.Options = map[string]any{}
	}
	if f.Tasks == nil {
		f.Tasks = []TaskFields{}
	}
	if f.Matches == nil {
		f.Matches = []WorkTypeMatch{}
	}
	for i := range f.Tasks {
		f.Tasks[i].Normalise()
	}
	checkTaskList(&p, f.Tasks)
	if f.Priority != "" {
		checkPriority(&p, f.Priority)
	}
	checkPublishing(&p, f.PublishTo, f.QAPolicy)
	if f.DueInDays != nil && (*f.DueInDays < 0 || *f.DueInDays > 3650) {
		p.Add("due_in_days", "Give days between 0 and 3650, or null.")
	}
	for i, m := range f.Matches {
		if m == (WorkTypeMatch{}) {
			p.Add(fmt.Sprintf("matches[%d]", i), "Give a client_code, a state or a reference to match; for every order, make the work type the default.")
		}
	}
	if len(f.Matches) > 1000 {
		p.Add("matches", "At most 1000.")
	}
	checkObject(&p, "options", f.Options)
	return p.Err()
}

// score is how well the best of the matches fits an order; 0 when none does.
func (f *WorkTypeFields) score(o *WorkOrderFields) int {
	best := 0
	for _, m := range f.Matches {
		sum := 0
		for _, c := range []struct {
			want, have string
			weight     int
		}{{m.ClientCode, o.ClientCode, clientWeight}, {m.State, o.Address.State, stateWeight}, {m.Reference, valueOf(o.Reference), referenceWeight}} {
			if c.want == "" {
				continue
			}
			if !strings.EqualFold(strings.TrimSpace(c.want), strings.TrimSpace(c.have)) {
				sum = 0
				break
			}
			sum += c.weight
		}
		best = max(best, sum)
	}
	return best
}

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// Fill applies the work type to an order that is being made: reference, description and options are replaced by what
// it sets, tasks that are missing are added, everything else is filled where it is blank. today counts for due_in_days. left
// is how many tasks were not added because an order has no more.
func (w *WorkType) Fill(o *WorkOrderFields, tasks []TaskFields, assignee string, today Date) (filled []TaskFields, left int, who string) {
	for _, f := range Fields {
		f.fill(o, &w.WorkTypeFields)
	}
	if strings.TrimSpace(assignee) == "" {
		assignee = w.Assignee
	}
	if o.DueDate == nil && w.DueInDays != nil {
		due := today.AddDays(*w.DueInDays)
		o.DueDate = &due
	}
	named := map[string]bool{}
	for _, t := range tasks {
		named[strings.ToLower(CleanTaskName(t.Name))] = true
	}
	filled = append(filled, tasks...)
	for _, t := range w.Tasks {
		switch {
		case named[strings.ToLower(CleanTaskName(t.Name))]:
		case len(filled) >= MostTasks:
			left++
		default:
			filled = append(filled, t)
		}
	}
	return filled, left, assignee
}

// WorkTypeNamed finds a work type by its name, whatever the case, or its id. [Invalid] names the field work_type.
func WorkTypeNamed(db *gorm.DB, nameOrID string) (*WorkType, error) {
	w, err := One[WorkType](db.Where("name_key = ? OR id = ?", workTypeKey(nameOrID), nameOrID), "work type")
	if KindOf(err) == NotFound {
		return nil, InvalidField("work_type", "The account has no work type %q.", nameOrID).Coded(CodeNoSuch)
	}
	return w, err
}

// MatchingWorkTypes lists the work types that may fill an order for which none was named, the oldest first.
func MatchingWorkTypes(db *gorm.DB) ([]*WorkType, error) {
	var all []*WorkType
	err := db.Where("is_default OR matches <> ?", "[]").Order("created_at, id").Find(&all).Error
	return all, err
}

// BestWorkType is the work type among all that matches an order best, the oldest of equals, else the account's default,
// which an import leaves out; nil when there is neither.
func BestWorkType(all []*WorkType, o *WorkOrderFields, withDefault bool) *WorkType {
	var best *WorkType
	highest := 0
	for _, w := range all {
		if s := w.score(o); s > highest || (s == highest && s == 0 && w.Default && withDefault) {
			best, highest = w, s
		}
	}
	return best
}

// SaveWorkType writes a new or changed work type. A name that is taken is a [Conflict]; a new default takes the place
// of the one before.
func (tx *Tx) SaveWorkType(w *WorkType) error {
	if err := w.Check(); err != nil {
		return err
	}
	w.NameKey, w.UpdatedAt = workTypeKey(w.Name), Now()
	if w.Default {
		if err := tx.Model(&WorkType{}).Where("is_default AND id <> ?", w.ID).Updates(map[string]any{"is_default": false, "updated_at": Now()}).Error; err != nil {
			return err
		}
	}
	var err error
	if w.CreatedAt.IsZero() {
		w.CreatedAt = w.UpdatedAt
		err = tx.Create(w).Error
	} else {
		err = tx.Select("*").Updates(w).Error
	}
	if IsUnique(err) {
		return &Error{Kind: Conflict, Message: "The account already has a work type of this name.", Fields: []FieldError{{Field: "name", Message: "Choose another name, or change that work type.", Code: CodeTaken}}}
	}
	return err
}
