package models

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
)

// OrderFilter selects orders for a list, an export, a count or a bulk.
type OrderFilter struct {
	States        []State
	AssigneeID    *string
	Unassigned    bool
	ToAll         bool // assigned to everybody
	ClientCode    *string
	Priority      string
	DueFrom       *Date
	DueTo         *Date
	CompletedFrom *Time
	CompletedTo   *Time // completed before it
	PublishedFrom *Time
	PublishedTo   *Time // published before it
	Invoiced      *bool
	Awaited       *bool    // whether items of it are awaited
	WorkedOn      bool     // by the viewer, whoever has it now
	IDs           []string // nil is any
	PropertyID    string
	Query         string // words that begin words of number, client code, address or source number

	nothing bool // it can't select anything
}

// OrderFilterNames are the parameters that [ReadOrderFilter] knows.
var OrderFilterNames = []string{"state", "assignee", "client_code", "priority", "due_from", "due_to", "completed_from", "completed_to", "published_from", "published_to",
	"invoiced", "awaited", "worked_on", "property_id", "ids", "q"}

// MostIDs is how many orders may be asked for by their ids at once.
const MostIDs = 200

// ReadOrderFilter reads a filter as lists take it from an address. What can't be read is [Malformed], by its name; of other
// names nothing is read.
func ReadOrderFilter(db *gorm.DB, viewer *Member, values url.Values) (OrderFilter, error) {
	f := OrderFilter{Priority: values.Get("priority"), PropertyID: values.Get("property_id"), Query: values.Get("q")}
	var p Problems
	for _, text := range ListOf(values["state"]) {
		if !slices.Contains(States, State(text)) {
			p.Add("state", "%q is no state; choose from %v.", text, States)
		}
		f.States = append(f.States, State(text))
	}
	if values.Has("client_code") {
		code := values.Get("client_code")
		f.ClientCode = &code
	}
	if f.Priority != "" && !slices.Contains(Priorities, f.Priority) {
		p.Add("priority", "Choose normal, rush or rework.")
	}
	zone := accountZone(db, viewer)
	for name, to := range map[string]**Date{"due_from": &f.DueFrom, "due_to": &f.DueTo} {
		if text := values.Get(name); text != "" {
			d, ok, err := readDay(text, zone)
			if err != nil {
				return f, err
			}
			if !ok {
				p.Add(name, "%q is neither a date such as 2026-05-04 nor a day such as today, today-1 or today+6.", text)
			}
			*to = &d
		}
	}
	for name, to := range map[string]**bool{"invoiced": &f.Invoiced, "awaited": &f.Awaited} {
		if text := values.Get(name); text != "" {
			yes := text == "true"
			if !yes && text != "false" {
				p.Add(name, "Choose true or false.")
			}
			*to = &yes
		}
	}
	if by := values.Get("worked_on"); by != "" {
		if by != "me" {
			p.Add("worked_on", "Give me: the orders on which you have worked.")
		}
		f.WorkedOn = true
	}
	if values.Has("ids") {
		f.IDs = ListOf(values["ids"])
		f.nothing = len(f.IDs) == 0
		if len(f.IDs) > MostIDs {
			p.Add("ids", "At most %d ids.", MostIDs)
		}
	}
	if err := f.readTimes(zone, values, &p); err != nil {
		return f, err
	}
	if len(p) > 0 {
		return f, &Error{Kind: Malformed, Message: "A filter can't be taken.", Fields: p}
	}
	if !values.Has("assignee") {
		return f, nil
	}
	return f, f.readAssignee(db, values.Get("assignee"))
}

func (f *OrderFilter) readAssignee(db *gorm.DB, name string) error {
	switch name {
	case "":
		f.Unassigned = true
	case AssignToAll:
		f.ToAll = true
	default:
		user, err := One[User](db.Where("username_key = ?", UsernameKey(name)), "user")
		if KindOf(err) == NotFound {
			f.nothing = true
			return nil
		}
		if err != nil {
			return err
		}
		f.AssigneeID = &user.ID
	}
	return nil
}

// accountZone reads the zone of the viewer's account when it is first asked for.
func accountZone(db *gorm.DB, viewer *Member) func() (*time.Location, error) {
	return sync.OnceValues(func() (*time.Location, error) {
		account, err := One[Account](db.Where("id = ?", viewer.AccountID), "account")
		if err != nil {
			return nil, err
		}
		return account.Location(), nil
	})
}

// fromToday is a day as views keep it, so that they stay true. An address that does not encode the plus makes it a space.
var fromToday = regexp.MustCompile(`^today(?:([-+ ])(\d{1,5}))?$`)

// readDay reads a date, or a day by how far it is from today. ok tells whether it is one.
func readDay(text string, zone func() (*time.Location, error)) (day Date, ok bool, err error) {
	parts := fromToday.FindStringSubmatch(text)
	if parts == nil {
		day, err := ParseDate(text)
		return day, err == nil, nil
	}
	in, err := zone()
	if err != nil {
		return "", false, err
	}
	n, _ := strconv.Atoi(parts[2]) // none is no day away
	if parts[1] == "-" {
		n = -n
	}
	return Date(time.Now().In(in).Format(time.DateOnly)).AddDays(n), true, nil
}

// readTimes reads instants, and days in the account's zone, of which the last counts as a whole.
func (f *OrderFilter) readTimes(zone func() (*time.Location, error), values url.Values, p *Problems) error {
	bounds := map[string]**Time{"completed_from": &f.CompletedFrom, "completed_to": &f.CompletedTo, "published_from": &f.PublishedFrom, "published_to": &f.PublishedTo}
	for name, to := range bounds {
		text := values.Get(name)
		if text == "" {
			continue
		}
		last := strings.HasSuffix(name, "_to")
		if at, err := ParseTime(text); err == nil {
			bound := at
			if last {
				bound = At(at.Add(time.Microsecond))
			}
			*to = &bound
			continue
		}
		day, ok, err := readDay(text, zone)
		if err != nil {
			return err
		}
		if !ok {
			p.Add(name, "%q is neither a day such as 2026-05-04 or today-6 nor an RFC 3339 time.", text)
			continue
		}
		in, err := zone()
		if err != nil {
			return err
		}
		if last {
			day = day.AddDays(1)
		}
		at, _ := time.ParseInLocation(time.DateOnly, string(day), in) // a date that was read is one
		bound := At(at)
		*to = &bound
	}
	return nil
}

// ListOf are the members of a list, with commas between them or given several times.
func ListOf(values []string) []string {
	var parts []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

// apply is the filter without its words, and without whose work it asks for.
func (f *OrderFilter) apply(q *gorm.DB) *gorm.DB {
	q = q.Where("NOT work_orders.hidden")
	if len(f.States) == 1 {
		q = q.Where("work_orders.state = ?", f.States[0])
	} else if len(f.States) > 1 {
		q = q.Where("work_orders.state IN ?", f.States)
	}
	if f.AssigneeID != nil {
		q = q.Where("work_orders.assignee_id = ?", *f.AssigneeID)
	}
	if f.Unassigned {
		q = q.Where("work_orders.assignee_id IS NULL AND NOT work_orders.assigned_to_all")
	}
	if f.ToAll {
		q = q.Where("work_orders.assigned_to_all")
	}
	if f.ClientCode != nil {
		q = q.Where("work_orders.client_code = ?", *f.ClientCode)
	}
	if f.Priority != "" {
		q = q.Where("work_orders.priority = ?", f.Priority)
	}
	if f.DueFrom != nil {
		q = q.Where("work_orders.due_key >= ?", *f.DueFrom)
	}
	switch {
	case f.DueTo != nil:
		q = q.Where("work_orders.due_key < ?", f.DueTo.AddDays(1))
	case f.DueFrom != nil:
		q = q.Where("work_orders.due_key < ?", neverDue)
	}
	q = between(q, "work_orders.completed_at", f.CompletedFrom, f.CompletedTo)
	q = between(q, "work_orders.published_at", f.PublishedFrom, f.PublishedTo)
	q = marked(q, "work_orders.invoiced", f.Invoiced)
	if f.Awaited != nil {
		open := q.Session(&gorm.Session{NewDB: true, Context: q.Statement.Context}).Model(&Announcement{}).Select("work_order_id").Where("state = ?", AnnouncementOpen)
		condition := "(work_orders.awaits_peer <> '' OR work_orders.id IN (?))"
		if !*f.Awaited {
			condition = "NOT " + condition
		}
		q = q.Where(condition, open)
	}
	if f.PropertyID != "" {
		q = q.Where("work_orders.property_id = ?", f.PropertyID)
	}
	if f.IDs != nil {
		q = q.Where("work_orders.id IN ?", f.IDs)
	}
	return q
}

// between narrows to what happened at all, and between two instants of which either may be missing.
func between(q *gorm.DB, column string, from, to *Time) *gorm.DB {
	if from == nil && to == nil {
		return q
	}
	if from == nil {
		q = q.Where(column+" > ?", Time{})
	} else {
		q = q.Where(column+" >= ?", *from)
	}
	if to != nil {
		q = q.Where(column+" < ?", *to)
	}
	return q
}

func marked(q *gorm.DB, condition string, want *bool) *gorm.DB {
	switch {
	case want == nil:
		return q
	case *want:
		return q.Where(condition)
	}
	return q.Where("NOT (" + condition + ")")
}
