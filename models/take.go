package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// Rights say which fields an incoming order may write.
type Rights struct {
	Owned  bool // client status, client due date, client instructions
	Shared bool // description, reference, info, options, instructions, status, due date, tasks
}

// Take puts what an incoming order says into the fields, as far as rights allow, and returns the names of those that
// changed.
func (f *WorkOrderFields) Take(in *Incoming, rights Rights) []string {
	t := taker{}
	a := &f.Address
	for _, s := range []struct {
		name     string
		to       *string
		from     *string
		required bool
	}{{"address.address1", &a.Address1, in.Address1, true}, {"address.address2", &a.Address2, in.Address2, false}, {"address.city", &a.City, in.City, true},
		{"address.state", &a.State, in.State, true}, {"address.zip", &a.Zip, in.restoredZip(*a), true}, {"address.country", &a.Country, in.Country, false},
		{"source.work_order_id", &f.Source.WorkOrderID, in.SourceID, false}, {"source.work_order_number", &f.Source.WorkOrderNumber, in.SourceNumber, false},
		{"source.provider", &f.Source.Provider, in.SourceProvider, false}} {
		if s.required && s.from != nil && strings.TrimSpace(*s.from) == "" && *s.to != "" {
			continue // a blank never takes away what every order needs
		}
		t.text(s.name, s.to, s.from)
	}
	if in.StartDate != nil {
		take(&t, "start_date", &f.StartDate, in.StartDate)
	}
	if in.Latitude != nil && in.Longitude != nil {
		take(&t, "latitude", &f.Latitude, in.Latitude)
		take(&t, "longitude", &f.Longitude, in.Longitude)
	}
	for name, value := range in.Attributes {
		if have, there := f.Attributes[name]; !there || have != value {
			attributes := map[string]string{}
			for k, v := range f.Attributes {
				attributes[k] = v
			}
			attributes[name] = value
			f.Attributes = attributes
			t.changed = append(t.changed, "attributes")
		}
	}
	if in.PublishTo != nil {
		take(&t, "publish_to", &f.PublishTo, orNil(*in.PublishTo))
	}
	if in.QAPolicy != nil {
		var p *QAPolicy
		if *in.QAPolicy != "" {
			policy := QAPolicy(*in.QAPolicy)
			p = &policy
		}
		take(&t, "qa_policy", &f.QAPolicy, p)
	}
	if rights.Owned {
		t.text("client_status", &f.ClientStatus, in.ClientStatus)
		t.html("client_instructions", &f.ClientInstructions, in.ClientInstructions)
		if in.ClientDueDate != nil {
			take(&t, "client_due_date", &f.ClientDueDate, in.ClientDueDate)
			if in.ClientDueTime == nil {
				take(&t, "client_due_time", &f.ClientDueTime, nil)
			}
		}
		if in.ClientDueTime != nil {
			take(&t, "client_due_time", &f.ClientDueTime, orNil(*in.ClientDueTime))
		}
	}
	if rights.Shared {
		f.takeShared(&t, in)
	}
	slices.Sort(t.changed)
	return slices.Compact(t.changed)
}

func (f *WorkOrderFields) takeShared(t *taker, in *Incoming) {
	t.text("work_order_info", &f.WorkOrderInfo, in.WorkOrderInfo)
	t.html("instructions", &f.Instructions, in.Instructions)
	for _, s := range []struct {
		name     string
		to, from **string
	}{{"description", &f.Description, &in.Description}, {"reference", &f.Reference, &in.Reference}} {
		if *s.from != nil && (*s.to == nil || **s.to != **s.from) {
			value := **s.from
			*s.to = &value
			t.changed = append(t.changed, s.name)
		}
	}
	if in.Priority != nil && *in.Priority != "" {
		t.text("priority", &f.Priority, in.Priority)
	}
	if in.DueDate != nil {
		take(t, "due_date", &f.DueDate, in.DueDate)
		if in.DueTime == nil {
			take(t, "due_time", &f.DueTime, nil)
		}
	}
	if in.DueTime != nil {
		take(t, "due_time", &f.DueTime, orNil(*in.DueTime))
	}
	if merged, changed := mergeOptions(f.Options, in.Options); changed {
		f.Options = merged
		t.changed = append(t.changed, "options")
	}
}

// mergeOptions puts options over those that are there; null takes one away.
func mergeOptions(have, in map[string]any) (map[string]any, bool) {
	merged, changed := map[string]any{}, false
	for k, v := range have {
		merged[k] = v
	}
	for k, v := range in {
		old, there := merged[k]
		switch {
		case v == nil && there:
			delete(merged, k)
			changed = true
		case v != nil && (!there || !sameJSON(old, v)):
			merged[k] = v
			changed = true
		}
	}
	return merged, changed
}

func sameJSON(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return string(x) == string(y)
}

// taker collects what changed.
type taker struct{ changed []string }

func (t *taker) text(name string, to *string, from *string) {
	if from != nil && *to != *from {
		*to = *from
		t.changed = append(t.changed, name)
	}
}

func (t *taker) html(name string, to *string, from *string) {
	if from != nil {
		clean := richText.Sanitize(*from)
		t.text(name, to, &clean)
	}
}

func take[T any](t *taker, name string, to **T, from *T) {
	if reflect.DeepEqual(*to, from) {
		return
	}
	if from != nil {
		value := *from
		from = &value
	}
	*to = from
	t.changed = append(t.changed, name)
}

// restoredZip gives a zip code that came as a number its leading zeros back, in a state of the United States. One that the
// order already has in this form stays.
func (in *Incoming) restoredZip(have Address) *string {
	if in.Zip == nil || !in.ZipIsNumber || *in.Zip == have.Zip {
		return in.Zip
	}
	said := func(now *string, before string) string {
		if now != nil && strings.TrimSpace(*now) != "" {
			return *now
		}
		return before
	}
	if !isUS(said(in.Country, have.Country)) || usState(said(in.State, have.State)) == "" {
		return in.Zip
	}
	if n := len(*in.Zip); n == 3 || n == 4 {
		zip := strings.Repeat("0", 5-n) + *in.Zip
		return &zip
	}
	return in.Zip
}

// Take puts what an incoming task says into a task and returns whether it changed. A survey that changes is frozen anew
// by [Tx.SetSurvey].
func (t *Task) Take(in *IncomingTask) (changed, survey bool) {
	c := taker{}
	c.text("name", &t.Name, &in.Name)
	c.html("instructions", &t.Instructions, in.Instructions)
	c.text("source_service", &t.SourceService, in.SourceService)
	c.text("source_service_id", &t.SourceServiceID, in.SourceServiceID)
	if merged, changed := mergeOptions(t.Options, in.Options); changed {
		t.Options = merged
		c.changed = append(c.changed, "options")
	}
	for evidence, n := range in.RequiredPhotos {
		if t.RequiredPhotos[evidence] != n {
			if t.RequiredPhotos == nil {
				t.RequiredPhotos = map[string]int{}
			}
			t.RequiredPhotos[evidence] = n
			c.changed = append(c.changed, "required_photos")
		}
	}
	if in.Survey != nil && *in.Survey != "" && !strings.EqualFold(*in.Survey, t.SurveyID) {
		if m := revisionSuffix.FindStringSubmatch(t.SurveyID); m == nil || !strings.EqualFold(m[1], *in.Survey) {
			t.SurveyID, survey = *in.Survey, true
		}
	}
	if len(in.SurveyDynamic) > 0 {
		t.Survey, survey = in.SurveyDynamic, true
	}
	if survey {
		t.Kind = SurveyTask
	}
	return len(c.changed) > 0 || survey, survey
}

// Fields are the task's fields as a new order takes them.
func (in *IncomingTask) Fields() TaskFields {
	t := Task{}
	t.Take(in)
	return t.TaskFields
}

// Fingerprint tells what an incoming order says, field by field, in short hashes: two of the same content have the same.
func (in *Incoming) Fingerprint() map[string]string {
	said := map[string]any{}
	v := reflect.ValueOf(*in)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch name {
		case "Line", "Number", "ClientCode", "Tasks", "Problems", "Warnings", "ZipIsNumber", "Unknown", "Options", "Attributes":
			continue
		}
		if f := v.Field(i); !f.IsNil() {
			said[name] = f.Interface()
		}
	}
	for k, o := range in.Options {
		said["option:"+k] = o
	}
	for k, a := range in.Attributes {
		said["attribute:"+k] = a
	}
	for k, u := range in.Unknown {
		said["unknown:"+k] = u
	}
	for _, t := range in.Tasks {
		said["task:"+strings.ToLower(CleanTaskName(t.Name))] = t
	}
	prints := make(map[string]string, len(said))
	for k, value := range said {
		text, _ := json.Marshal(value)
		sum := sha256.Sum256(text)
		prints[k] = hex.EncodeToString(sum[:6])
	}
	return prints
}

// Knows tells whether everything that prints say was said before.
func (r *ReceivedOrder) Knows(prints map[string]string) bool {
	for k, v := range prints {
		if r.Fields[k] != v {
			return false
		}
	}
	return true
}
