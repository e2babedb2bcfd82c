package sheets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"fieldproof/models"
	"fieldproof/wire"
)

// Fields are what a column can be mapped to, besides attribute1 to attribute30 and attributes.{name}: as in the work
// order's shape, the address without prefix.
var Fields = []string{"work_order_number", "client_code", "due_date", "due_time", "start_date", "client_due_date", "address1", "address2", "city", "state", "zip", "country",
	"latitude", "longitude", "work_order_info", "instructions", "status", "field_status", "priority", "client_status", "client_instructions", "tasks", "assignee", "reference", "description",
	"source_work_order_id", "source_work_order_number", "source_provider", "options", "attributes", "work_type", "publish_to", "qa_policy"}

// Ignore is what a column is mapped to that is to be left out without a word.
const Ignore = "ignore"

// synonyms maps headers, in letters and digits only, to fields. The incumbent's headers come first.
var synonyms = map[string]string{
	"projectnumber": "work_order_number", "duedate": "due_date", "startdate": "start_date", "clientduedate": "client_due_date", "address1": "address1", "address2": "address2",
	"city": "city", "state": "state", "zip": "zip", "info": "work_order_info", "status": "status", "fieldstatus": "field_status", "clientstatus": "client_status", "tasks": "tasks",
	"assignedto": "assignee", "clientcode": "client_code", "reference": "reference", "description": "description", "srcprojectprovider": "source_provider",
	"srcprojectid": "source_work_order_id", "srcprojectnumber": "source_work_order_number", "options": "options", "coordinator": "attributes.coordinator",

	"workordernumber": "work_order_number", "workorder": "work_order_number", "workorderno": "work_order_number", "wo": "work_order_number", "wonumber": "work_order_number", "ordernumber": "work_order_number",
	"order": "work_order_number", "orderno": "work_order_number", "number": "work_order_number", "project": "work_order_number", "projectno": "work_order_number", "jobnumber": "work_order_number", "job": "work_order_number", "ppw": "work_order_number",
	"due": "due_date", "datedue": "due_date", "duetime": "due_time", "start": "start_date", "clientdue": "client_due_date",
	"address": "address1", "street": "address1", "streetaddress": "address1", "propertyaddress": "address1", "addressline1": "address1", "addressline2": "address2", "unit": "address2",
	"town": "city", "province": "state", "region": "state", "st": "state", "zipcode": "zip", "postalcode": "zip", "postcode": "zip", "country": "country",
	"latitude": "latitude", "lat": "latitude", "gpslatitude": "latitude", "longitude": "longitude", "lon": "longitude", "lng": "longitude", "gpslongitude": "longitude",
	"workorderinfo": "work_order_info", "projectinfo": "work_order_info", "lockbox": "work_order_info", "lockcode": "work_order_info", "instructions": "instructions", "projectinstructions": "instructions",
	"priority": "priority", "clientinstructions": "client_instructions", "task": "tasks", "service": "tasks", "services": "tasks", "assignee": "assignee", "assigned": "assignee", "crew": "assignee", "vendor": "assignee",
	"client": "client_code", "integrationcode": "client_code", "notes": "description", "attributes": "attributes", "worktype": "work_type", "publishto": "publish_to", "qapolicy": "qa_policy",
	"sourcewoid": "source_work_order_id", "sourcewonumber": "source_work_order_number", "sourcewoprovider": "source_provider", "sourceprovider": "source_provider",
	"sourceworkorderid": "source_work_order_id", "sourceworkordernumber": "source_work_order_number", "assignedtousername": "assignee",
}

func plain(header string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, header)
}

// Key is the same for files with the same headers, whatever their order: mappings are remembered under it.
func Key(columns []string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = plain(c)
	}
	slices.Sort(names)
	return models.DerivedID(names...)
}

// Guess maps columns to fields by their names. What nobody can guess is not in it.
func Guess(columns []string) map[string]string {
	mapping := map[string]string{}
	taken := map[string]bool{}
	for _, c := range columns {
		field := synonyms[plain(c)]
		name := plain(c)
		switch {
		case c == "":
			continue
		case field != "":
		case isAttribute(name):
			field = name
		case strings.HasPrefix(name, "task") || strings.HasPrefix(name, "service"):
			field = numberedTask(name)
		case slices.Contains(Fields, strings.ToLower(c)):
			field = strings.ToLower(c)
		}
		if field == "" || (taken[field] && field != "tasks") {
			continue
		}
		taken[field] = true
		mapping[c] = field
	}
	return mapping
}

// numberedTask maps Task 1, Service 2 and their like, in plain form, to tasks; "" for what is none.
func numberedTask(name string) string {
	for _, word := range []string{"task", "tasks", "service"} {
		if _, err := strconv.Atoi(strings.TrimPrefix(name, word)); err == nil && name != word {
			return "tasks"
		}
	}
	return ""
}

func isAttribute(name string) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(name, "attribute"))
	return err == nil && strings.HasPrefix(name, "attribute") && n >= 1 && n <= wire.LastAttribute
}

// ForColumns is a mapping made for other files with these headers, however they write them.
func ForColumns(mapping map[string]string, columns []string) map[string]string {
	byPlain := map[string]string{}
	for column, field := range mapping {
		byPlain[plain(column)] = field
	}
	fitting := map[string]string{}
	for _, c := range columns {
		if field := byPlain[plain(c)]; field != "" {
			fitting[c] = field
		}
	}
	return fitting
}

// canonical is a field as it is called here: dots and the names of shapes that differ are accepted.
func canonical(field string) string {
	field = strings.TrimSpace(field)
	switch field {
	case "assigned_to":
		return "assignee"
	case "source.work_order_id", "source_wo_id":
		return "source_work_order_id"
	case "source.work_order_number", "source_wo_number":
		return "source_work_order_number"
	case "source.provider", "source_wo_provider":
		return "source_provider"
	case "number", "workOrderNumber":
		return "work_order_number"
	case "gps_latitude":
		return "latitude"
	case "gps_longitude":
		return "longitude"
	}
	return strings.TrimPrefix(field, "address.")
}

// Plan turns rows into incoming orders.
type Plan struct {
	columns    []string
	setters    []func(in *models.Incoming, cell string)
	zone       *time.Location
	epoch04    bool
	raw        bool // numbers come as Excel keeps them, not as they were typed
	clientCode string
	moments    map[string]moment
	services   map[string]services
	// Unused are the columns that are mapped to nothing.
	Unused []string
}

type moment struct {
	m   *wire.Moment
	err error
}

type services struct {
	tasks    []models.IncomingTask
	problems models.Problems
}

// NewPlan checks a mapping of a file's columns. Errors are [models.Invalid] and name mapping.{column}.
func NewPlan(f *File, mapping map[string]string, zone *time.Location, clientCode string) (*Plan, error) {
	p := &Plan{columns: f.Columns, zone: zone, epoch04: f.epoch04, raw: f.Format == models.FormatXLSX, clientCode: clientCode, moments: map[string]moment{}, services: map[string]services{}}
	var problems models.Problems
	byField := map[string]string{}
	seen := map[string]bool{}
	for _, c := range f.Columns {
		field := canonical(mapping[c])
		switch {
		case seen[c] && c != "":
			problems.Add("mapping."+c, "Two columns are headed %q: give each a name of its own.", c)
			continue
		case field == Ignore:
			p.setters = append(p.setters, nil)
		case field == "":
			if c != "" {
				p.Unused = append(p.Unused, c)
			}
			p.setters = append(p.setters, nil)
		default:
			set := p.setter(field)
			if set == nil {
				problems.Add("mapping."+c, "%q is no field; choose one of %s, attribute1 to attribute%d, attributes.{name}, or %s.", mapping[c], strings.Join(Fields, ", "), wire.LastAttribute, Ignore)
			}
			if other := byField[field]; other != "" && field != "tasks" {
				problems.Add("mapping."+c, "%s comes from the column %q already.", field, other)
			}
			byField[field] = c
			p.setters = append(p.setters, set)
		}
		seen[c] = true
	}
	for c := range mapping {
		if !seen[c] {
			problems.Add("mapping."+c, "The file has no column %q.", c)
		}
	}
	if byField["work_order_number"] == "" {
		problems.Add("mapping", "No column is mapped to work_order_number: name the one that holds the orders' numbers.")
	}
	return p, problems.Err()
}

// Order reads one row.
func (p *Plan) Order(row Row) models.Incoming {
	in := models.Incoming{Line: row.Line, ClientCode: p.clientCode}
	if row.Problem != "" {
		in.Problems.Add("row", "%s", row.Problem)
		return in
	}
	for i, cell := range row.Cells {
		if i >= len(p.setters) {
			if strings.TrimSpace(cell) != "" {
				in.Warnings.Add("row", "Column %d has no header: its cell is left out.", i+1)
				break
			}
			continue
		}
		if p.setters[i] == nil || cell == "" {
			continue
		}
		if len(cell) > maxCell {
			in.Problems.Add(p.columns[i], "The cell is larger than %d KB.", maxCell>>10)
			continue
		}
		p.setters[i](&in, plainText(cell))
	}
	p.splitNumber(&in)
	return in
}

// splitNumber takes the client code out of a number of the form code::number, as the incumbent exports them.
func (p *Plan) splitNumber(in *models.Incoming) {
	in.Number, in.ClientCode = strings.TrimSpace(in.Number), strings.TrimSpace(in.ClientCode)
	if code, number, found := strings.Cut(in.Number, "::"); found && number != "" && (in.ClientCode == "" || strings.EqualFold(in.ClientCode, code)) {
		if in.ClientCode == "" {
			in.ClientCode = code
		}
		in.Number = number
	}
}

func plainText(cell string) string {
	if !utf8.ValidString(cell) {
		cell = strings.ToValidUTF8(cell, "\uFFFD")
	}
	return strings.ReplaceAll(cell, "\x00", "")
}

// setter puts a cell that is not empty into the field; nil for what is no field.
func (p *Plan) setter(field string) func(*models.Incoming, string) {
	text := func(to func(in *models.Incoming) **string) func(*models.Incoming, string) {
		return func(in *models.Incoming, cell string) { *to(in) = &cell }
	}
	switch field {
	case "work_order_number":
		return func(in *models.Incoming, cell string) { in.Number = p.whole(cell) }
	case "client_code":
		return func(in *models.Incoming, cell string) { in.ClientCode = p.whole(cell) }
	case "due_date":
		return func(in *models.Incoming, cell string) {
			if m := p.moment(in, field, cell); m != nil {
				in.DueDate = &m.Date
				if in.DueTime == nil {
					in.DueTime = &m.Time
				}
			}
		}
	case "due_time":
		return func(in *models.Incoming, cell string) { in.DueTime = p.timeOfDay(in, cell) }
	case "start_date":
		return p.date(field, func(in *models.Incoming) **models.Date { return &in.StartDate })
	case "client_due_date":
		return func(in *models.Incoming, cell string) {
			if m := p.moment(in, field, cell); m != nil {
				in.ClientDueDate, in.ClientDueTime = &m.Date, &m.Time
			}
		}
	case "address1":
		return text(func(in *models.Incoming) **string { return &in.Address1 })
	case "address2":
		return text(func(in *models.Incoming) **string { return &in.Address2 })
	case "city":
		return text(func(in *models.Incoming) **string { return &in.City })
	case "state":
		return text(func(in *models.Incoming) **string { return &in.State })
	case "zip":
		return func(in *models.Incoming, cell string) {
			zip := p.whole(cell)
			_, err := strconv.Atoi(zip)
			in.Zip, in.ZipIsNumber = &zip, err == nil
		}
	case "country":
		return text(func(in *models.Incoming) **string { return &in.Country })
	case "latitude":
		return p.number(field, func(in *models.Incoming) **float64 { return &in.Latitude })
	case "longitude":
		return p.number(field, func(in *models.Incoming) **float64 { return &in.Longitude })
	case "work_order_info":
		return text(func(in *models.Incoming) **string { return &in.WorkOrderInfo })
	case "instructions":
		return text(func(in *models.Incoming) **string { return &in.Instructions })
	case "status":
		return text(func(in *models.Incoming) **string { return &in.Status })
	case "field_status":
		return text(func(in *models.Incoming) **string { return &in.FieldStatus })
	case "priority":
		return func(in *models.Incoming, cell string) {
			priority := strings.ToLower(strings.TrimSpace(cell))
			in.Priority = &priority
		}
	case "client_status":
		return text(func(in *models.Incoming) **string { return &in.ClientStatus })
	case "client_instructions":
		return text(func(in *models.Incoming) **string { return &in.ClientInstructions })
	case "tasks":
		return p.tasks
	case "assignee":
		return text(func(in *models.Incoming) **string { return &in.Assignee })
	case "reference":
		return text(func(in *models.Incoming) **string { return &in.Reference })
	case "description":
		return text(func(in *models.Incoming) **string { return &in.Description })
	case "source_work_order_id":
		return text(func(in *models.Incoming) **string { return &in.SourceID })
	case "source_work_order_number":
		return text(func(in *models.Incoming) **string { return &in.SourceNumber })
	case "source_provider":
		return text(func(in *models.Incoming) **string { return &in.SourceProvider })
	case "work_type":
		return text(func(in *models.Incoming) **string { return &in.WorkType })
	case "publish_to":
		return text(func(in *models.Incoming) **string { return &in.PublishTo })
	case "qa_policy":
		return text(func(in *models.Incoming) **string { return &in.QAPolicy })
	case "options":
		return func(in *models.Incoming, cell string) {
			d := json.NewDecoder(strings.NewReader(cell))
			d.UseNumber()
			if err := d.Decode(&in.Options); err != nil && strings.TrimSpace(cell) != "" && strings.TrimSpace(cell) != "[]" {
				in.Problems.Add(field, "Want JSON such as {\"check_in_required\": true}: %v.", err)
			}
		}
	case "attributes":
		return func(in *models.Incoming, cell string) {
			var attributes map[string]string
			if err := json.Unmarshal([]byte(cell), &attributes); err != nil {
				in.Problems.Add(field, "Want JSON such as {\"attribute7\": \"x\"}: %v.", err)
			}
			for k, v := range attributes {
				setAttribute(in, k, v)
			}
		}
	}
	name, named := strings.CutPrefix(field, "attributes.")
	if isAttribute(field) || (named && name != "" && len(name) <= 100) {
		if !named {
			name = field
		}
		return func(in *models.Incoming, cell string) { setAttribute(in, name, cell) }
	}
	return nil
}

func setAttribute(in *models.Incoming, name, value string) {
	if in.Attributes == nil {
		in.Attributes = map[string]string{}
	}
	in.Attributes[name] = value
}

// whole writes a number as Excel keeps it, 1002.0 or 7.8664E4, as people mean it. In a CSV it stands as they wrote it.
func (p *Plan) whole(cell string) string {
	if p.raw && strings.ContainsAny(cell, ".eE") {
		if f, err := strconv.ParseFloat(cell, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1e15 {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
	}
	return cell
}

func (p *Plan) number(field string, to func(*models.Incoming) **float64) func(*models.Incoming, string) {
	return func(in *models.Incoming, cell string) {
		f, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
		if err != nil || f != f {
			in.Problems.Add(field, "%q is no number.", cell)
			return
		}
		*to(in) = &f
	}
}

func (p *Plan) date(field string, to func(*models.Incoming) **models.Date) func(*models.Incoming, string) {
	return func(in *models.Incoming, cell string) {
		if m := p.moment(in, field, cell); m != nil {
			*to(in) = &m.Date
		}
	}
}

// lastSerial is the number of 31 December 9999 in Excel.
const lastSerial = 2_958_466

// moment reads a date as people or Excel write it; the same text is read once.
func (p *Plan) moment(in *models.Incoming, field, cell string) *wire.Moment {
	read, known := p.moments[cell]
	if !known {
		if serial, err := strconv.ParseFloat(strings.TrimSpace(cell), 64); err == nil && serial >= 1 && serial < lastSerial {
			var t time.Time
			if t, read.err = excelize.ExcelDateToTime(serial, p.epoch04); read.err == nil {
				t = t.Round(time.Second).Truncate(time.Minute) // fractions of a day are never exact; a minute has begun or not
				read.m = &wire.Moment{Date: models.Date(t.Format(time.DateOnly))}
				if t.Hour() != 0 || t.Minute() != 0 {
					read.m.Time = t.Format("15:04")
				}
			}
		} else {
			read.m, read.err = wire.ParseMoment(cell, p.zone)
		}
		if len(p.moments) < 20_000 {
			p.moments[cell] = read
		}
	}
	if read.err != nil {
		in.Problems.Add(field, "%v.", read.err)
	}
	return read.m
}

// timeOfDay reads 13:00, 1:00 PM or a fraction of a day.
func (p *Plan) timeOfDay(in *models.Incoming, cell string) *string {
	text := strings.TrimSpace(cell)
	if f, err := strconv.ParseFloat(text, 64); err == nil && f >= 0 && f < 1 {
		minutes := int(math.Round(f * 24 * 60))
		at := fmt.Sprintf("%02d:%02d", minutes/60%24, minutes%60)
		return &at
	}
	for _, layout := range []string{"15:04", "15:04:05", "3:04 PM", "3:04PM"} {
		if t, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			at := t.Format("15:04")
			return &at
		}
	}
	in.Problems.Add("due_time", "%q is no time of day such as 13:00.", cell)
	return nil
}

// tasks reads a JSON list of services, or plain names, one a line. Several columns add up.
func (p *Plan) tasks(in *models.Incoming, cell string) {
	read, known := p.services[cell]
	if !known {
		trimmed := bytes.TrimSpace([]byte(cell))
		switch {
		case len(trimmed) == 0:
			return
		case trimmed[0] == '[' || trimmed[0] == '{':
			read.tasks, read.problems = wire.DecodeServices(trimmed)
		default:
			for _, name := range strings.Split(string(trimmed), "\n") {
				if name = strings.TrimSpace(name); name != "" {
					read.tasks = append(read.tasks, models.IncomingTask{Name: name})
				}
			}
		}
		if len(p.services) < 5_000 {
			p.services[cell] = read
		}
	}
	in.Problems = append(in.Problems, read.problems...)
	in.Tasks = append(slices.Clone(in.Tasks), read.tasks...)
}
