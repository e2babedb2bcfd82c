package models

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Take puts what an incoming order says into the fields of these owners, and returns the names of those that changed.
func (f *WorkOrderFields) Take(in *Incoming, owners ...Owner) []string {
	var changed []string
	for _, field := range Fields {
		if field.Kept() && in.says(field) && slices.Contains(owners, field.Owner) && field.take(f, in) {
			changed = append(changed, field.Name)
		}
	}
	slices.Sort(changed)
	return changed
}

// take puts what an incoming order says of the field into an order's, and returns whether it changed.
func (f *Field) take(o *WorkOrderFields, in *Incoming) bool {
	have, said := f.of(o), f.of(&in.Fields)
	value := reflect.New(said.Type()).Elem()
	value.Set(said)
	switch f.Kind {
	case Object:
		merged, changed := mergeOptions(have.Interface().(map[string]any), said.Interface().(map[string]any))
		if changed {
			have.Set(reflect.ValueOf(merged))
		}
		return changed
	case Texts:
		merged, before := map[string]string{}, have.Interface().(map[string]string)
		maps.Copy(merged, before)
		maps.Copy(merged, said.Interface().(map[string]string))
		value.Set(reflect.ValueOf(merged))
		if maps.Equal(before, merged) {
			return false
		}
	case RichText:
		value.SetString(richText.Sanitize(said.String()))
	case ZipCode:
		value.SetString(in.restoredZip(o.Address))
	case Coordinate:
		if !in.Says("latitude") || !in.Says("longitude") {
			return false
		}
	}
	if blank := strings.TrimSpace(textIn(value)) == ""; blank && ((f.Needed && textIn(have) != "") || (f.Kind == Choice && have.Kind() == reflect.String)) {
		return false // a blank never takes away what every order needs
	}
	if reflect.DeepEqual(have.Interface(), value.Interface()) {
		return false
	}
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		own := reflect.New(value.Type().Elem())
		own.Elem().Set(value.Elem())
		value = own
	}
	have.Set(value)
	return true
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

// The names of what a status says of an order, beside those of [Fields].
const (
	theirsState    = "state"
	theirsInvoiced = "invoiced"
	theirsPriority = "priority"
)

// theirStatus is what the status of the source says of the order's own members: how urgent it is, that it is cancelled, or
// invoiced. How far it is says nothing of them.
func (in *Incoming) theirStatus(theirs map[string]any) {
	if in.Status == nil {
		return
	}
	status, known := ParseWireStatus(*in.Status)
	if !known {
		return
	}
	if theirs[theirsState] = ""; status == WireCanceled {
		theirs[theirsState] = string(Cancelled)
	}
	switch status {
	case WireRush:
		theirs[theirsPriority] = PriorityRush
	case WireRework:
		theirs[theirsPriority] = PriorityRework
	case WireAssigned, WireUnassigned:
		theirs[theirsPriority] = ""
	case WireInvoiced:
		theirs[theirsInvoiced] = true
	}
}

// Theirs are the values of shared fields, the tasks, and what the status says, as the source says them; "" for nothing.
func (in *Incoming) Theirs() map[string]any {
	theirs := map[string]any{}
	in.theirStatus(theirs)
	for _, f := range Fields {
		if !f.Kept() || f.Owner != Shared || !in.says(f) {
			continue
		}
		said := f.of(&in.Fields)
		if theirs[f.Name] = said.Interface(); f.Kind == RichText {
			theirs[f.Name] = richText.Sanitize(said.String())
		} else if textIn(said) == "" {
			theirs[f.Name] = ""
		}
	}
	if len(in.Tasks) > 0 {
		tasks := make([]TaskFields, len(in.Tasks))
		for i := range in.Tasks {
			tasks[i] = in.Tasks[i].Fields()
			tasks[i].Survey = nil
			tasks[i].Normalise()
			for option, value := range in.Tasks[i].Options {
				if value == nil {
					tasks[i].Options[option] = nil
				}
			}
			for _, evidence := range in.Tasks[i].Unrequired {
				tasks[i].RequiredPhotos[evidence] = 0
			}
		}
		theirs["tasks"] = tasks
	}
	return theirs
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

// restoredZip gives a zip code that came as a number its leading zeros back, in a state of the United States. One that the
// order already has in this form stays.
func (in *Incoming) restoredZip(have Address) string {
	said := in.Fields.Address
	if !in.ZipIsNumber || said.Zip == have.Zip {
		return said.Zip
	}
	newest := func(now, before string) string {
		if strings.TrimSpace(now) != "" {
			return now
		}
		return before
	}
	if !isUS(newest(said.Country, have.Country)) || usState(newest(said.State, have.State)) == "" {
		return said.Zip
	}
	if n := len(said.Zip); n == 3 || n == 4 {
		return strings.Repeat("0", 5-n) + said.Zip
	}
	return said.Zip
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
	for _, evidence := range in.Unrequired {
		if _, there := t.RequiredPhotos[evidence]; there {
			delete(t.RequiredPhotos, evidence)
			c.changed = append(c.changed, "required_photos")
		}
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
	for _, f := range Fields {
		switch {
		case !f.Kept() || !in.says(f):
		case f.Kind == Object:
			for k, o := range f.of(&in.Fields).Interface().(map[string]any) {
				said["option:"+k] = o
			}
		case f.Kind == Texts:
			for k, a := range in.Fields.Attributes {
				said["attribute:"+k] = a
			}
		case textIn(f.of(&in.Fields)) == "":
			said[f.print] = ""
		default:
			said[f.print] = f.Value(&in.Fields)
		}
	}
	for name, text := range map[string]*string{"Assignee": in.Assignee, "Status": in.Status, "FieldStatus": in.FieldStatus, "WorkType": in.WorkType} {
		if text != nil {
			said[name] = *text
		}
	}
	for k, u := range in.Unknown {
		said["unknown:"+k] = u
	}
	for _, t := range in.Tasks {
		said["task:"+strings.ToLower(CleanTaskName(t.Name))] = t
	}
	prints := make(map[string]string, len(said))
	for k, value := range said {
		prints[k] = Print(value)
	}
	return prints
}

// Print is the short hash of what was said, see [Incoming.Fingerprint].
func Print(value any) string {
	text, _ := json.Marshal(value)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:6])
}

// PrintName is the name of the field in fingerprints.
func (f *Field) PrintName() string { return f.print }

// Knows tells whether everything that prints say was said before.
func (r *ReceivedOrder) Knows(prints map[string]string) bool {
	for k, v := range prints {
		if r.Fields[k] != v {
			return false
		}
	}
	return true
}
