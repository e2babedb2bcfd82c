package models

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Field is one field of an order, as everything that knows fields reads it: the JSON API, pushes and the external
// integration API, spreadsheets, work types, the rights of sources, audiences and the documentation.
type Field struct {
	Name    string // in the JSON API; a dot before a member of an object
	Kind    FieldKind
	Of      string       // of a [TimeOfDay]: the [Day] that it belongs to, with which the wire writes it
	Needed  bool         // a blank of a source never takes it away
	Wire    string       // in pushes and the external-integration API
	Sent    Sending      // whether it goes out there
	Column  string       // the heading of its column in exports
	Headers []string     // what else heads it in spreadsheets, in letters and digits; its own names do anyway
	Owner   Owner        // who may write it once the order exists
	Rule    WorkTypeRule // what a work type does with it
	Seen    Audience     // the farthest audience that may see it

	number     int
	print      string // its name in [Incoming.Fingerprint]; rows keep it
	at         []int  // in [WorkOrderFields]; nil for what stands beside them
	atWorkType []int  // in [WorkTypeFields]; nil for what no work type sets
	time       *Field
}

// Nowhere is the name of a field where it has none.
const Nowhere = "-"

// FieldKind is what a field holds, and so how it is read, written and checked.
type FieldKind string

// The kinds of field.
const (
	Code       FieldKind = "code"        // by which the order is known; a number means its digits
	Text       FieldKind = "text"        //
	RichText   FieldKind = "rich text"   // sanitised HTML
	Choice     FieldKind = "choice"      // one of a few words
	ZipCode    FieldKind = "zip code"    // as a number it has lost its zeros
	Day        FieldKind = "day"         //
	TimeOfDay  FieldKind = "time of day" // of a [Day]
	Coordinate FieldKind = "coordinate"  // only both together are a position
	Object     FieldKind = "object"      // members come over those that are there, null takes one away
	Texts      FieldKind = "texts"       // free texts by names, as their sender wrote them
	OneText    FieldKind = "one text"    // one of the [Texts] that has a column of its own
	Beside     FieldKind = "beside"      // not a member of [WorkOrderFields]: each has rules of its own in intake
)

// Sending is whether a field goes out to peers.
type Sending string

// The ways to send.
const (
	NotSent    Sending = "no"
	SentAlways Sending = "always"
	SentIfAny  Sending = "if any"
)

// Owner is who may write a field of an order that exists.
type Owner string

// The owners.
const (
	OfNobody      Owner = "nobody"      // it stays as the order was made
	OfAnyone      Owner = "anyone"      // users and sources: the newest stands
	OfIntegration Owner = "integration" // the order's integration; read only for users
	Shared        Owner = "shared"      // users, and sources as far as auto-admin lets them
	OfPhone       Owner = "phone"       // what the crew does moves it
)

// WorkTypeRule is what a work type does with a field of an order that is being made.
type WorkTypeRule string

// The rules.
const (
	Left     WorkTypeRule = "left"     // nothing
	Filled   WorkTypeRule = "filled"   // set where the order says nothing
	Replaced WorkTypeRule = "replaced" // set whatever the order says
	Merged   WorkTypeRule = "merged"   // each member replaces the order's of that name
	Added    WorkTypeRule = "added"    // those of names that the order lacks
)

// Fields are the fields of an order, in the order of an export's columns: the incumbent's in its own order, so that its
// users' files and ours are interchangeable, then ours. A new field is a row here, a member of [WorkOrderFields] (and of
// [WorkTypeFields] when work types set it) and a migration.
var Fields = index([]Field{
	{Name: "work_order_number", Kind: Code, Wire: "workOrderNumber", Sent: SentAlways, Column: "Project Number",
		Owner: OfNobody, Rule: Left, Seen: ForClient,
		Headers: []string{"workorder", "workorderno", "wo", "wonumber", "ordernumber", "order", "orderno", "number", "project", "projectno", "jobnumber", "job", "ppw"}},
	{Name: "due_date", Kind: Day, Wire: "dueDate", Sent: SentAlways, Column: "Due Date",
		Owner: Shared, Rule: Filled, Seen: ForClient, Headers: []string{"due", "datedue"}},
	{Name: "start_date", Kind: Day, Wire: "startDate", Sent: SentIfAny, Column: "Start Date",
		Owner: OfAnyone, Rule: Left, Seen: ForClient, Headers: []string{"start"}},
	{Name: "client_due_date", Kind: Day, Wire: "clientDueDate", Sent: SentIfAny, Column: "Client Due Date",
		Owner: OfIntegration, Rule: Left, Seen: ForClient, Headers: []string{"clientdue"}},
	{Name: "address.address1", Kind: Text, Needed: true, Wire: "address1", Sent: SentAlways, Column: "Address 1",
		Owner: OfAnyone, Rule: Filled, Seen: ForClient,
		Headers: []string{"address", "street", "streetaddress", "propertyaddress", "addressline1"}},
	{Name: "address.address2", Kind: Text, Wire: "address2", Sent: SentAlways, Column: "Address 2",
		Owner: OfAnyone, Rule: Filled, Seen: ForClient, Headers: []string{"addressline2", "unit"}},
	{Name: "address.city", Kind: Text, Needed: true, Wire: "city", Sent: SentAlways, Column: "City",
		Owner: OfAnyone, Rule: Filled, Seen: ForClient, Headers: []string{"town"}},
	{Name: "address.state", Kind: Text, Needed: true, Wire: "state", Sent: SentAlways, Column: "State",
		Owner: OfAnyone, Rule: Filled, Seen: ForClient, Headers: []string{"province", "region", "st"}},
	{Name: "address.zip", Kind: ZipCode, Needed: true, Wire: "zip", Sent: SentAlways, Column: "ZIP",
		Owner: OfAnyone, Rule: Filled, Seen: ForClient, Headers: []string{"zipcode", "postalcode", "postcode"}},
	{Name: "work_order_info", Kind: Text, Wire: "workOrderInfo", Sent: SentAlways, Column: "Info",
		Owner: Shared, Rule: Filled, Seen: ForField, Headers: []string{"projectinfo", "lockbox", "lockcode"}},
	{Name: "status", Kind: Beside, Wire: "status", Sent: SentAlways, Column: "Status",
		Owner: Shared, Rule: Left, Seen: ForClient},
	{Name: "field_status", Kind: Beside, Wire: "fieldStatus", Sent: NotSent, Column: "Field Status",
		Owner: OfPhone, Rule: Left, Seen: ForClient},
	{Name: "client_status", Kind: Text, Wire: "clientStatus", Sent: SentAlways, Column: "Client Status",
		Owner: OfIntegration, Rule: Left, Seen: ForClient},
	{Name: "tasks", Kind: Beside, Wire: "services", Sent: SentAlways, Column: "Tasks",
		Owner: Shared, Rule: Added, Seen: ForClient, Headers: []string{"task", "service"}},
	{Name: "assignee", Kind: Beside, Wire: "assignedTo", Sent: NotSent, Column: "Assigned To",
		Owner: Shared, Rule: Filled, Seen: ForField, Headers: []string{"assigned", "crew", "vendor", "assignedtousername"}},
	{Name: "attributes.coordinator", Kind: OneText, Wire: Nowhere, Sent: NotSent, Column: "Coordinator",
		Owner: OfAnyone, Rule: Left, Seen: ForClient},
	{Name: "client_code", Kind: Code, Wire: Nowhere, Sent: NotSent, Column: "Client Code",
		Owner: OfNobody, Rule: Left, Seen: ForClient, Headers: []string{"client", "integrationcode"}},
	{Name: "reference", Kind: Text, Wire: "reference", Sent: NotSent, Column: "Reference",
		Owner: Shared, Rule: Replaced, Seen: ForOffice},
	{Name: "description", Kind: Text, Wire: "description", Sent: NotSent, Column: "Description",
		Owner: Shared, Rule: Replaced, Seen: ForOffice, Headers: []string{"notes"}},
	{Name: "source.provider", Kind: Text, Wire: "source_wo_provider", Sent: SentAlways, Column: "Src. Project Provider",
		Owner: OfAnyone, Rule: Left, Seen: ForClient},
	{Name: "source.work_order_id", Kind: Text, Wire: "source_wo_id", Sent: SentAlways, Column: "Src. Project ID",
		Owner: OfAnyone, Rule: Left, Seen: ForClient},
	{Name: "source.work_order_number", Kind: Text, Wire: "source_wo_number", Sent: SentAlways, Column: "Src. Project Number",
		Owner: OfAnyone, Rule: Left, Seen: ForClient},
	{Name: "options", Kind: Object, Wire: "options", Sent: SentIfAny, Column: "Options",
		Owner: Shared, Rule: Merged, Seen: ForField},
	{Name: "due_time", Kind: TimeOfDay, Of: "due_date", Wire: Nowhere, Sent: NotSent, Column: "Due Time",
		Owner: Shared, Rule: Left, Seen: ForClient},
	{Name: "address.country", Kind: Text, Wire: "country", Sent: SentAlways, Column: "Country",
		Owner: OfAnyone, Rule: Filled, Seen: ForClient},
	{Name: "latitude", Kind: Coordinate, Wire: "gpsLatitude", Sent: SentIfAny, Column: "Latitude",
		Owner: OfAnyone, Rule: Left, Seen: ForClient, Headers: []string{"lat"}},
	{Name: "longitude", Kind: Coordinate, Wire: "gpsLongitude", Sent: SentIfAny, Column: "Longitude",
		Owner: OfAnyone, Rule: Left, Seen: ForClient, Headers: []string{"lon", "lng"}},
	{Name: "priority", Kind: Choice, Wire: Nowhere, Sent: NotSent, Column: "Priority",
		Owner: Shared, Rule: Filled, Seen: ForClient},
	{Name: "instructions", Kind: RichText, Wire: "instructions", Sent: SentAlways, Column: "Instructions",
		Owner: Shared, Rule: Filled, Seen: ForField, Headers: []string{"projectinstructions"}},
	{Name: "client_instructions", Kind: RichText, Wire: "clientInstructions", Sent: SentAlways, Column: "Client Instructions",
		Owner: OfIntegration, Rule: Filled, Seen: ForClient},
	{Name: "publish_to", Kind: Choice, Wire: "publish_to", Sent: NotSent, Column: "Publish To",
		Owner: OfAnyone, Rule: Filled, Seen: ForField},
	{Name: "qa_policy", Kind: Choice, Wire: "qa_policy", Sent: NotSent, Column: "QA Policy",
		Owner: OfAnyone, Rule: Filled, Seen: ForField},
	{Name: "attributes", Kind: Texts, Wire: "attribute1", Sent: SentIfAny, Column: "Attributes",
		Owner: OfAnyone, Rule: Left, Seen: ForClient},
	{Name: "client_due_time", Kind: TimeOfDay, Of: "client_due_date", Wire: Nowhere, Sent: NotSent, Column: Nowhere,
		Owner: OfIntegration, Rule: Left, Seen: ForClient},
	{Name: "work_type", Kind: Beside, Wire: "workType", Sent: NotSent, Column: Nowhere,
		Owner: OfNobody, Rule: Left, Seen: ForClient},
})

var fieldsByName = func() map[string]*Field {
	byName := map[string]*Field{}
	for _, f := range Fields {
		byName[f.Name] = f
	}
	return byName
}()

// FieldNamed is the field of a name in the JSON API; nil for none.
func FieldNamed(name string) *Field { return fieldsByName[name] }

// index finds the members that the rows speak of.
func index(rows []Field) []*Field {
	orders, workTypes := leavesOf(reflect.TypeFor[WorkOrderFields](), "", nil), leavesOf(reflect.TypeFor[WorkTypeFields](), "", nil)
	if len(rows) > 64 {
		panic("models: Incoming.said has no room for more than 64 fields")
	}
	fields := make([]*Field, len(rows))
	for i := range rows {
		f := &rows[i]
		f.number, f.at, f.atWorkType = i, orders[f.Name], workTypes[f.Name]
		fields[i] = f
		if f.at != nil {
			f.print = reflect.TypeFor[WorkOrderFields]().FieldByIndex(f.at).Name
			if strings.HasPrefix(f.Name, "source.") {
				f.print = "Source" + strings.TrimPrefix(f.print, "WorkOrder")
			}
		}
	}
	for _, f := range fields {
		for _, day := range fields {
			if day.Name == f.Of {
				day.time = f
			}
		}
	}
	return fields
}

// leavesOf are the members of a struct and of the structs in it, by their names in JSON.
func leavesOf(t reflect.Type, prefix string, at []int) map[string][]int {
	leaves := map[string][]int{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		path := append(slices.Clone(at), i)
		if t.Field(i).Type.Kind() == reflect.Struct {
			for inner, at := range leavesOf(t.Field(i).Type, prefix+name+".", path) {
				leaves[inner] = at
			}
			continue
		}
		leaves[prefix+name] = path
	}
	return leaves
}

// SheetName is the field as mappings of spreadsheets call it: an address without prefix.
func (f *Field) SheetName() string {
	if rest, ok := strings.CutPrefix(f.Name, "source."); ok {
		return "source_" + rest
	}
	return strings.TrimPrefix(f.Name, "address.")
}

// WireName is the member of the wire that holds the field, "" where none does.
func (f *Field) WireName() string {
	switch {
	case f.Of != "":
		return fieldsByName[f.Of].WireName()
	case f.Wire == Nowhere:
		return ""
	}
	return f.Wire
}

// PlainHeader is a heading as headings are compared: letters and digits only.
func PlainHeader(header string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, header)
}

// EveryHeader are the headings that mean the field, in plain form.
func (f *Field) EveryHeader() []string {
	all := slices.Clone(f.Headers)
	for _, name := range []string{f.Column, f.Name, f.SheetName(), f.Wire} {
		if name != Nowhere && (f.Kind != Texts || name != f.Wire) {
			all = append(all, PlainHeader(name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SeenBy tells whether an audience may see the field.
func (f *Field) SeenBy(a Audience) bool {
	return slices.Index(audiences, a) <= slices.Index(audiences, f.Seen)
}

// audiences, the nearest first.
var audiences = []Audience{ForOffice, ForField, ForClient}

// Kept tells whether the field is a member of [WorkOrderFields].
func (f *Field) Kept() bool { return f.at != nil }

func (f *Field) of(o *WorkOrderFields) reflect.Value {
	return reflect.ValueOf(o).Elem().FieldByIndex(f.at)
}

func (f *Field) ofWorkType(w *WorkTypeFields) reflect.Value {
	return reflect.ValueOf(w).Elem().FieldByIndex(f.atWorkType)
}

// Value is what the fields of an order hold.
func (f *Field) Value(o *WorkOrderFields) any { return f.of(o).Interface() }

// Differs tells whether two orders differ in the field.
func (f *Field) Differs(a, b *WorkOrderFields) bool {
	return !reflect.DeepEqual(f.Value(a), f.Value(b))
}

// Text is what the fields of an order hold, as text; "" for nothing.
func (f *Field) Text(o *WorkOrderFields) string { return textIn(f.of(o)) }

func textIn(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	}
	if v.Len() == 0 {
		return ""
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return ""
	}
	return string(text)
}

// Moment is what the fields of an order hold of a [Day], with its time of day.
func (f *Field) Moment(o *WorkOrderFields) (day *Date, at *string) {
	day, _ = f.Value(o).(*Date)
	if f.time != nil {
		at, _ = f.time.Value(o).(*string)
	}
	return day, at
}

// normalise sanitises rich text, and gives office texts, which others do not see at all, a value.
func (f *Field) normalise(v reflect.Value) {
	switch {
	case f.Kind == RichText:
		v.SetString(richText.Sanitize(v.String()))
	case f.Kind == Text && v.Kind() == reflect.Pointer && v.IsNil():
		v.Set(reflect.New(v.Type().Elem()))
	}
}

func (f *Field) check(p *Problems, v reflect.Value) {
	text := ""
	switch f.Kind {
	case Text, RichText, Day, TimeOfDay:
		text = textIn(v)
	}
	if text == "" && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return
	}
	switch f.Kind {
	case Text, RichText:
		if !strings.HasPrefix(f.Name, "address.") { // an address is checked as a whole
			checkText(p, f.Name, text)
		}
	case Day:
		if _, err := ParseDate(text); err != nil {
			p.Add(f.Name, "%v", err)
		}
	case TimeOfDay:
		checkTimeOfDay(p, f.Name, text)
	}
}

// fill does with a field of an order what its work type says.
func (f *Field) fill(o *WorkOrderFields, w *WorkTypeFields) {
	if f.at == nil || f.atWorkType == nil {
		return
	}
	have, want := f.of(o), f.ofWorkType(w)
	switch f.Rule {
	case Filled:
		if strings.TrimSpace(textIn(have)) == "" {
			have.Set(want)
		}
	case Replaced:
		if !want.IsZero() {
			have.Set(want)
		}
	case Merged:
		merged := map[string]any{}
		for _, from := range []reflect.Value{have, want} {
			for name, value := range from.Seq2() {
				merged[name.String()] = value.Interface()
			}
		}
		have.Set(reflect.ValueOf(merged))
	}
}

// FieldsDocument is the table of fields for docs/integrating.md, in Markdown.
func FieldsDocument() string {
	var b strings.Builder
	b.WriteString("| JSON | push, external API | column in exports | also read from | written by | work type | seen by |\n|---|---|---|---|---|---|---|\n")
	code := func(name string) string { return "`" + name + "`" }
	for _, f := range Fields {
		wire, column := "", ""
		switch {
		case f.Kind == Texts:
			wire = "`attribute1` to `attribute30`"
		case f.WireName() != "":
			wire = code(f.WireName())
		}
		if wire != "" && f.Sent == NotSent && f.Of == "" {
			wire += " (only read)"
		}
		if f.Column != Nowhere {
			column = f.Column
		}
		name := code(f.Name)
		if f.Needed || f.Name == "work_order_number" || f.Name == "tasks" {
			name += " *"
		}
		rule := string(f.Rule)
		if f.Rule == Left {
			rule = ""
		}
		seen := map[Audience]string{ForOffice: "office", ForField: "office, crew", ForClient: "all"}[f.Seen]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", name, wire, column, strings.Join(f.Headers, ", "), f.Owner, rule, seen)
	}
	return b.String()
}
