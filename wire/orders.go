// Package wire reads and writes orders and items as the outside world does (docs/integrating.md): the push format and the
// external-integration API, version 2. It reads leniently, because the senders in the field are what they are, and writes
// what the most naive of them understands.
package wire

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"fieldproof/models"
)

// MaxOrder is the largest order that is read, in bytes of JSON.
const MaxOrder = 4 << 20

// perMember is what a member of an object takes at least, in bytes, however short it is.
const perMember = 64

// ErrNotOrders says that a text holds no list of orders.
type ErrNotOrders struct{ Reason string }

func (e *ErrNotOrders) Error() string { return e.Reason }

func notOrders(format string, args ...any) error { return &ErrNotOrders{fmt.Sprintf(format, args...)} }

// meter bounds what one order may make the decoder read.
type meter struct {
	r    io.Reader
	left int
}

func (m *meter) Read(b []byte) (int, error) {
	if m.left <= 0 {
		return 0, notOrders("an order is larger than %d MB, the most that is read", MaxOrder>>20)
	}
	n, err := m.r.Read(b[:min(len(b), 32<<10)])
	m.left -= n
	return n, err
}

// EachOrder reads {"workOrders":[…]} or the bare list from r, one order at a time, whatever its length. Elements that are
// no object are handed over as they are. It returns nil for a list that is null, empty, or something else than a list
// where a peer means nothing by it (lax); else an [ErrNotOrders] for what is no list of orders.
func EachOrder(r io.Reader, lax bool, each func(raw json.RawMessage) error) (rest map[string]json.RawMessage, err error) {
	m := &meter{r: skipMark(r), left: MaxOrder}
	d := json.NewDecoder(m)
	d.UseNumber()
	rest = map[string]json.RawMessage{}
	t, err := d.Token()
	if errors.Is(err, io.EOF) {
		return rest, notOrders("there is nothing to read; want {\"workOrders\": […]}")
	}
	if err != nil {
		return rest, unreadable(err)
	}
	switch t {
	case json.Delim('['):
		return rest, eachElement(d, m, each)
	case json.Delim('{'):
	default:
		if lax {
			rest["answer"], _ = json.Marshal(t)
			return rest, nil
		}
		return rest, notOrders("want {\"workOrders\": […]}, not %v", t)
	}
	found := false
	beside := MaxOrder // bytes of the other members
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return rest, unreadable(err)
		}
		m.left = MaxOrder
		name, _ := key.(string)
		if name != "workOrders" || found {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return rest, unreadable(err)
			}
			if beside -= len(name) + len(raw) + perMember; beside < 0 {
				return rest, notOrders("what stands beside workOrders is larger than %d MB, the most that is read", MaxOrder>>20)
			}
			rest[name] = raw
			continue
		}
		found = true
		t, err := d.Token()
		if err != nil {
			return rest, unreadable(err)
		}
		switch {
		case t == json.Delim('['):
			if err := eachElement(d, m, each); err != nil {
				return rest, err
			}
		case t == nil, lax && t != json.Delim('{'):
		case t == json.Delim('{'):
			return rest, notOrders("workOrders is an object; want a list of orders")
		default:
			return rest, notOrders("workOrders is %v; want a list of orders", t)
		}
	}
	if _, err := d.Token(); err != nil {
		return rest, unreadable(err)
	}
	if !found && !lax {
		if _, single := rest["workOrderNumber"]; single {
			raw, err := json.Marshal(rest)
			if err != nil {
				return rest, err
			}
			return nil, each(raw)
		}
		return rest, notOrders("there is no workOrders in the object; want {\"workOrders\": […]}")
	}
	return rest, nil
}

func eachElement(d *json.Decoder, m *meter, each func(json.RawMessage) error) error {
	for d.More() {
		m.left = MaxOrder
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return unreadable(err)
		}
		if err := each(raw); err != nil {
			return err
		}
	}
	m.left = MaxOrder
	if _, err := d.Token(); err != nil {
		return unreadable(err)
	}
	return nil
}

// maxNoOrders is how many elements of a list that can be no orders are passed over before the list is none.
const maxNoOrders = 1000

// noOrder tells why an element can be no order, "" when it can.
func noOrder(raw json.RawMessage, line int64) string {
	if err := models.CheckJSON(raw); err != nil {
		return fmt.Sprintf("Element %d can't be read: %v", line, err)
	}
	if raw[0] != '{' {
		return fmt.Sprintf("Element %d is no order: want an object with workOrderNumber.", line)
	}
	return ""
}

// checkOrders reads a list of orders to its end. An [ErrNotOrders] for what is none, or holds nothing that can be an order.
func checkOrders(r io.Reader) error {
	var can, line int64
	var first error
	_, err := EachOrder(r, false, func(raw json.RawMessage) error {
		line++
		if why := noOrder(raw, line); why == "" {
			can++
		} else if first == nil {
			first = &ErrNotOrders{why}
		}
		if line-can > maxNoOrders {
			return first
		}
		return nil
	})
	if err == nil && can == 0 {
		err = first
	}
	return err
}

// Checked passes on what it reads of a list of orders, and looks at it meanwhile: of a text that is no such list the end
// is never read, an [ErrNotOrders] comes in its place or before.
type Checked struct {
	r       io.Reader
	shown   *io.PipeWriter
	verdict chan error
	end     error
}

// NewChecked checks the list that r holds. It must be closed.
func NewChecked(r io.Reader) *Checked {
	seen, shown := io.Pipe()
	c := &Checked{r: r, shown: shown, verdict: make(chan error, 1)}
	go func() {
		err := checkOrders(seen)
		c.verdict <- err
		if err == nil {
			_, _ = io.Copy(io.Discard, seen) // what stands behind the list
		}
		seen.CloseWithError(err)
	}()
	return c
}

func (c *Checked) Read(b []byte) (int, error) {
	if c.end != nil {
		return 0, c.end
	}
	n, err := c.r.Read(b)
	if n > 0 {
		if _, no := c.shown.Write(b[:n]); no != nil {
			c.end = no
			return 0, no
		}
	}
	if errors.Is(err, io.EOF) {
		_ = c.shown.Close()
		if no := <-c.verdict; no != nil {
			err = no
		}
		c.end = err
	}
	return n, err
}

// Close ends the check.
func (c *Checked) Close() error { return c.shown.CloseWithError(io.ErrClosedPipe) }

// skipMark leaves out a byte order mark, and what stands before the first brace of a page that a naive peer wrapped.
func skipMark(r io.Reader) io.Reader {
	b := bufio.NewReaderSize(r, 64<<10)
	if mark, err := b.Peek(3); err == nil && bytes.Equal(mark, []byte("\xEF\xBB\xBF")) {
		_, _ = b.Discard(3)
	}
	return b
}

func unreadable(err error) error {
	var known *ErrNotOrders
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return notOrders("the JSON ends in the middle")
	case errors.As(err, &syntax):
		return notOrders("this is not JSON: %v", syntax)
	}
	return err
}

// reading is one order while it is read.
type reading struct {
	in     *models.Incoming
	fields map[string]json.RawMessage
	known  map[string]bool
	zone   *time.Location
}

// DecodeOrder reads one order. What can't be read is among its problems, what nobody knows among its unknown members:
// never an error, so that one order stops no other.
func DecodeOrder(raw json.RawMessage, line int64, zone *time.Location) models.Incoming {
	in := models.Incoming{Line: line}
	r := &reading{in: &in, known: map[string]bool{}, zone: zone}
	if err := models.CheckJSON(raw); err != nil {
		in.Problems.Add("workOrders", "Element %d can't be read: %v", line, err)
		return in
	}
	if err := json.Unmarshal(raw, &r.fields); err != nil {
		in.Problems.Add("workOrders", "Element %d is no order: want an object with workOrderNumber.", line)
		return in
	}
	position := map[*models.Field]float64{}
	for _, f := range models.Fields {
		if f.Wire == models.Nowhere {
			continue
		}
		switch f.Kind {
		case models.Day:
			if m := r.moment(f.Wire); m != nil {
				in.SayDay(f, m.Date, m.Time)
			}
		case models.Coordinate:
			if n := r.number(f.Wire); n != nil {
				position[f] = *n
			}
		case models.Object:
			if options := r.options(f.Wire); options != nil {
				in.SayObject(f, options)
			}
		case models.Texts:
			r.attributes()
		default:
			r.said(f)
		}
	}
	if len(position) == 1 {
		in.Warnings.Add("latitude", "gpsLatitude and gpsLongitude come together: the position is left out.")
	} else {
		for f, n := range position {
			in.SayNumber(f, n)
		}
	}
	if in.Share = decodeShare(&in, r.fields); in.Share != nil {
		for _, name := range shareNames {
			r.known[name] = true
		}
	}
	r.unknown()
	return in
}

// said reads a text of any kind, and what stands beside the fields.
func (r *reading) said(f *models.Field) {
	if f.Name == "tasks" {
		r.services(f.Wire)
		return
	}
	s := r.text(f.Wire)
	switch {
	case s == nil, f.Name == "field_status": // the phone's own
	case f.Kind == models.Code:
		r.in.Say(f, strings.TrimSpace(*s))
	default:
		r.in.Say(f, *s)
	}
	if f.Kind == models.ZipCode {
		r.in.ZipIsNumber = isNumber(r.fields[f.Wire])
	}
}

func isNumber(raw json.RawMessage) bool {
	return len(raw) > 0 && (raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'))
}

// clean drops what no database keeps.
func clean(s string) string {
	if strings.ContainsRune(s, 0) {
		s = strings.ReplaceAll(s, "\x00", "")
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}

// text reads a member as text: numbers and booleans too; nil when it is not there or null.
func (r *reading) text(name string) *string {
	raw, there := r.fields[name]
	r.known[name] = true
	if !there || string(raw) == "null" {
		return nil
	}
	s, ok := textOf(raw)
	if !ok {
		r.in.Warnings.Add(name, "Want a text, not %s: it is left out.", kindOf(raw))
		return nil
	}
	return &s
}

func textOf(raw json.RawMessage) (string, bool) {
	switch raw[0] {
	case '"':
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return "", false
		}
		return clean(s), true
	case '{', '[':
		return "", false
	}
	text := string(raw)
	if isNumber(raw) && strings.ContainsAny(text, "eE") { // 1.0E3 is 1000
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return strconv.FormatFloat(f, 'f', -1, 64), true
		}
	}
	if whole, zeros, found := strings.Cut(text, "."); found && isNumber(raw) && strings.Trim(zeros, "0") == "" {
		return whole, true // 1002.0 is 1002
	}
	return text, true
}

func kindOf(raw json.RawMessage) string {
	if raw[0] == '{' {
		return "an object"
	}
	return "a list"
}

func (r *reading) moment(name string) *Moment {
	s := r.text(name)
	if s == nil {
		return nil
	}
	m, err := ParseMoment(*s, r.zone)
	if err != nil {
		r.in.Problems.Add(name, "%v.", err)
	}
	return m
}

func (r *reading) number(name string) *float64 {
	s := r.text(name)
	if s == nil || strings.TrimSpace(*s) == "" {
		return nil
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(*s), 64)
	if err != nil || f != f {
		r.in.Warnings.Add(name, "%q is no number: it is left out.", *s)
		return nil
	}
	return &f
}

// options reads an object, or JSON text of one.
func (r *reading) options(name string) map[string]any {
	raw, there := r.fields[name]
	r.known[name] = true
	if !there || string(raw) == "null" || string(raw) == `""` || string(raw) == "[]" {
		return nil
	}
	options, err := Object(raw)
	if err != nil {
		r.in.Warnings.Add(name, "Want an object: it is left out.")
	}
	return options
}

// Object reads an object, or JSON text of one. What no database can keep is none.
func Object(raw json.RawMessage) (map[string]any, error) {
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		raw = json.RawMessage(s)
	}
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	if bytes.Contains(raw, []byte(`\u0000`)) {
		return nil, errors.New("it holds the character NUL")
	}
	return m, nil
}

// attributes keeps attribute1 to attribute30 as they came: the sender gets them back byte for byte.
func (r *reading) attributes() {
	for name, raw := range r.fields {
		if !isAttribute(name) {
			continue
		}
		r.known[name] = true
		if string(raw) == "null" {
			continue
		}
		value, ok := textOf(raw)
		if !ok {
			value = clean(string(raw)) // an object: kept as its JSON
		}
		r.in.SayAttribute(name, value)
	}
}

// LastAttribute is the highest number of an attribute; those from 7 on are the sender's own.
const LastAttribute = 30

func isAttribute(name string) bool {
	digits, ok := strings.CutPrefix(name, "attribute")
	n, err := strconv.Atoi(digits)
	return ok && err == nil && n >= 1 && n <= LastAttribute
}

func (r *reading) services(name string) {
	raw, there := r.fields[name]
	r.known[name] = true
	if !there || string(raw) == "null" {
		return
	}
	tasks, problems := DecodeServices(raw)
	r.in.Tasks = tasks
	r.in.Problems = append(r.in.Problems, problems...)
}

// maxServices is how many an order may have: decoding one takes a hundred times its length.
const maxServices = 1000

// DecodeServices reads a list of services, one service, or JSON text of either. Problems name tasks[i].
func DecodeServices(raw json.RawMessage) (tasks []models.IncomingTask, problems models.Problems) {
	if err := models.CheckJSON(raw); err != nil {
		problems.Add("services", "They can't be read: %v", err)
		return nil, problems
	}
	if raw[0] == '"' {
		var s string
		if json.Unmarshal(raw, &s) != nil || strings.TrimSpace(s) == "" {
			return nil, nil
		}
		raw = json.RawMessage(strings.TrimSpace(s))
		if err := models.CheckJSON(raw); err != nil { // what stood in the text was not looked at
			problems.Add("services", "They can't be read: %v", err)
			return nil, problems
		}
	}
	if models.Objects(raw) > 10*maxServices {
		problems.Add("services", "An order has at most %d services: send it as several.", maxServices)
		return nil, problems
	}
	if len(raw) > 0 && raw[0] == '{' {
		raw = slices.Concat([]byte("["), raw, []byte("]"))
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		problems.Add("tasks", "Want a list of services such as [{\"serviceName\": \"Lawn cut\"}].")
		return nil, problems
	}
	if len(list) > maxServices {
		problems.Add("services", "An order has at most %d services: send it as several.", maxServices)
		return nil, problems
	}
	for i, fields := range list {
		r := &reading{in: &models.Incoming{}, fields: fields, known: map[string]bool{}}
		t := models.IncomingTask{}
		if name := r.text("serviceName"); name != nil {
			t.Name = strings.TrimSpace(*name)
		}
		if t.Name == "" {
			problems.Add(fmt.Sprintf("tasks[%d].name", i), "Every service has a serviceName.")
			continue
		}
		t.Instructions, t.Survey, t.SourceService, t.SourceServiceID = r.text("instructions"), r.text("survey"), r.text("source_service"), r.text("source_service_id")
		t.Options = r.options("options")
		dynamic, err := InlineSurvey(fields["surveyDynamic"])
		if err != nil {
			problems.Add(fmt.Sprintf("tasks[%d].survey", i), "%v", err)
		}
		t.SurveyDynamic = dynamic
		var required map[string]int
		if raw, there := fields["requiredPhotos"]; there && json.Unmarshal(raw, &required) == nil {
			t.RequiredPhotos = required
		}
		tasks = append(tasks, t)
	}
	if tasks == nil && len(problems) == 0 {
		tasks = []models.IncomingTask{}
	}
	return tasks, problems
}

// unknown keeps members that nobody knows for the log, and says so.
func (r *reading) unknown() {
	var names []string
	for name, raw := range r.fields {
		if !r.known[name] && string(raw) != "null" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	r.in.Unknown = map[string]json.RawMessage{}
	for _, name := range names {
		r.in.Unknown[clean(name)] = r.fields[name]
	}
	r.in.Warnings.Add(clean(names[0]), "Nobody here knows %s: kept in the log of the integration.", clean(strings.Join(names, ", ")))
}
