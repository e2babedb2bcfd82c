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

	"github.com/xuri/excelize/v2"

	"fieldproof/models"
	"fieldproof/wire"
)

// Fields are what a column can be mapped to, besides attribute1 to attribute30 and attributes.{name}: as in the work
// order's shape, the address without prefix.
var Fields = func() (names []string) {
	for _, f := range models.Fields {
		if f.Kind != models.OneText {
			names = append(names, f.SheetName())
		}
	}
	return names
}()

// byHeader and byName find a field by a heading, in plain form, and by what mappings call it.
var byHeader, byName = func() (headers, names map[string]*models.Field) {
	headers, names = map[string]*models.Field{}, map[string]*models.Field{}
	for _, f := range models.Fields {
		for _, h := range f.EveryHeader() {
			headers[h] = f
		}
		names[f.SheetName()] = f
	}
	return headers, names
}()

// Ignore is what a column is mapped to that is to be left out without a word.
const Ignore = "ignore"

// Key is the same for files with the same headers, whatever their order: mappings are remembered under it.
func Key(columns []string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = models.PlainHeader(c)
	}
	slices.Sort(names)
	return models.DerivedID(names...)
}

// Guess maps columns to fields by their names. What nobody can guess is not in it.
func Guess(columns []string) map[string]string {
	mapping := map[string]string{}
	taken := map[string]bool{}
	for _, c := range columns {
		field := ""
		name := models.PlainHeader(c)
		known := byHeader[name]
		switch {
		case c == "":
			continue
		case known != nil:
			field = known.SheetName()
		case isAttribute(name):
			field = name
		case strings.HasPrefix(name, "task") || strings.HasPrefix(name, "service"):
			field = numberedTask(name)
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
		byPlain[models.PlainHeader(column)] = field
	}
	fitting := map[string]string{}
	for _, c := range columns {
		if field := byPlain[models.PlainHeader(c)]; field != "" {
			fitting[c] = field
		}
	}
	return fitting
}

// canonical is a field as it is called here; its names elsewhere are accepted.
func canonical(field string) string {
	field = strings.TrimSpace(field)
	if f := byHeader[models.PlainHeader(field)]; f != nil && byName[field] == nil {
		return f.SheetName()
	}
	return field
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
		p.setters[i](&in, cell)
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

// setter puts a cell that is not empty into the field; nil for what is no field.
func (p *Plan) setter(field string) func(*models.Incoming, string) {
	if f := byName[field]; f != nil {
		return p.setterOf(f)
	}
	name, named := strings.CutPrefix(field, "attributes.")
	if isAttribute(field) || (named && name != "" && len(name) <= 100) {
		if !named {
			name = field
		}
		return func(in *models.Incoming, cell string) { in.SayAttribute(name, cell) }
	}
	return nil
}

func (p *Plan) setterOf(f *models.Field) func(*models.Incoming, string) {
	switch f.Kind {
	case models.Code:
		return func(in *models.Incoming, cell string) { in.Say(f, p.whole(cell)) }
	case models.ZipCode:
		return func(in *models.Incoming, cell string) {
			zip := p.whole(cell)
			_, err := strconv.Atoi(zip)
			in.Say(f, zip)
			in.ZipIsNumber = err == nil
		}
	case models.Day:
		return func(in *models.Incoming, cell string) {
			if m := p.moment(in, f.SheetName(), cell); m != nil {
				in.SayDay(f, m.Date, m.Time)
			}
		}
	case models.TimeOfDay:
		return func(in *models.Incoming, cell string) {
			if at := p.timeOfDay(in, f.SheetName(), cell); at != nil {
				in.Say(f, *at)
			}
		}
	case models.Choice:
		return func(in *models.Incoming, cell string) {
			if choice := strings.ToLower(strings.TrimSpace(cell)); choice != "" {
				in.Say(f, choice)
			}
		}
	case models.Coordinate:
		return p.number(f)
	case models.Object:
		return func(in *models.Incoming, cell string) {
			text := strings.TrimSpace(cell)
			if text == "" || text == "[]" {
				return
			}
			members, err := wire.Object(json.RawMessage(text))
			if err != nil {
				in.Problems.Add(f.SheetName(), "Want JSON such as {\"check_in_required\": true}: %v.", err)
			}
			in.SayObject(f, members)
		}
	case models.Texts:
		return func(in *models.Incoming, cell string) {
			var attributes map[string]string
			if err := wire.Inner(cell, &attributes); err != nil {
				in.Problems.Add(f.SheetName(), "Want JSON such as {\"attribute7\": \"x\"}: %v.", err)
			}
			for k, v := range attributes {
				in.SayAttribute(k, v)
			}
		}
	case models.OneText:
		return func(in *models.Incoming, cell string) { in.SayAttribute(attributeOf(f), cell) }
	}
	if f.Name == "tasks" {
		return p.tasks
	}
	return func(in *models.Incoming, cell string) { in.Say(f, cell) }
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

func (p *Plan) number(field *models.Field) func(*models.Incoming, string) {
	return func(in *models.Incoming, cell string) {
		f, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
		if err != nil || f != f {
			in.Problems.Add(field.SheetName(), "%q is no number.", cell)
			return
		}
		in.SayNumber(field, f)
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
func (p *Plan) timeOfDay(in *models.Incoming, field, cell string) *string {
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
	in.Problems.Add(field, "%q is no time of day such as 13:00.", cell)
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
