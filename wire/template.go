package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mailgun/raymond/v2"

	"fieldproof/models"
)

// PruvanTemplate is the ready template that gives the incumbent's body: workorder and, of an item, item with file.
const PruvanTemplate = "pruvan"

// Limits of a template.
const (
	maxTemplate = 64 << 10
	maxNesting  = 4
)

// blockTag is the beginning of a tag that opens, ends or includes, with and without the ~ that trims blanks.
var blockTag = regexp.MustCompile(`\{\{+~?\s*([#^/>])`)

// What filling a template may cost.
const (
	// maxBlank is of spaces and line breaks in a row: the library looks at the rest of them at each one in a comment.
	maxBlank  = 1000
	maxRounds = 20_000  // of all its {{#each}} together
	maxFilled = 8 << 20 // bytes beside the file in line
	// fillingTakes is the memory of one that comes near to both.
	fillingTakes = 4 * maxFilled
	// waitsForRoom is how long a check waits for it.
	waitsForRoom = 2 * time.Second
)

// CheckTemplate says what is wrong with a template: it must be Handlebars and give valid JSON on a sample.
func CheckTemplate(ctx context.Context, template string) error {
	if template == PruvanTemplate {
		return nil
	}
	if len(template) > maxTemplate {
		return fmt.Errorf("a template has at most %d characters", maxTemplate)
	}
	blank := 0
	for _, r := range template {
		if !unicode.IsSpace(r) {
			blank = 0
		} else if blank++; blank > maxBlank {
			return fmt.Errorf("a template has at most %d spaces and line breaks in a row", maxBlank)
		}
	}
	depth := 0
	for _, tag := range blockTag.FindAllStringSubmatch(template, -1) {
		switch tag[1] {
		case "#", "^":
			depth++
		case "/":
			depth--
		case ">":
			return errors.New("a template can't include others ({{>…}})")
		}
		if depth > maxNesting {
			return fmt.Errorf("blocks are nested at most %d deep", maxNesting)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, waitsForRoom)
	defer cancel()
	release, err := models.TakeMemory(ctx, fillingTakes)
	if err != nil {
		return err
	}
	defer release()
	for _, sample := range samples() {
		if _, err := render(template, sample); err != nil {
			return err
		}
	}
	return nil
}

// FillTemplate is the body that a template gives for a message, and for the file in line, in Base64, if the endpoint asks
// for it.
func FillTemplate(ctx context.Context, template string, account *models.Account, m *models.WebhookMessage, file string) ([]byte, error) {
	var data models.WebhookData
	if err := json.Unmarshal([]byte(m.Data), &data); err != nil {
		return nil, err
	}
	c, err := contentOf(account, data, m.Type, m.ID, m.At)
	if err != nil {
		return nil, err
	}
	c.File = file
	release, err := models.TakeMemory(ctx, 3*int64(len(file))+fillingTakes)
	if err != nil {
		return nil, err
	}
	defer release()
	return render(template, c)
}

// content is what templates see, in the wire names.
type content struct {
	WorkOrder any
	Item      map[string]string // nil: the message is of no item
	File      string            // Base64, "" when it is not asked for
	Type      string
	ID        string
	Timestamp string
}

func samples() []content {
	account := &models.Account{Name: `Sample "account"`, Zone: "UTC"}
	due := models.Date("2026-01-31")
	text := "line one\nwith \"quotes\", a backslash \\ and a <tag> & more"
	view := models.WorkOrderView{ID: "sample", WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: "SAMPLE-1", ClientCode: "ACME", Instructions: text, DueDate: &due,
		Address: models.Address{Address1: `1 "Main" Street`, City: "Round Rock", State: "TX", Zip: "78664"}, Attributes: map[string]string{"attribute7": text}},
		Tasks: []models.Task{{ID: "task", TaskFields: models.TaskFields{Name: "Inspection"}}, {ID: "other", TaskFields: models.TaskFields{Name: "Lawn cut"}}}}
	at := models.Now()
	task := "task"
	item := &models.PhotoView{ID: "item", UUID: "00000000-0000-4000-8000-000000000000", TaskID: &task, EvidenceType: "before", TakenAt: &at, ReceivedAt: at, Notes: text, UploadedBy: "crew"}
	with, err := contentOf(account, models.WebhookData{WorkOrder: view, Item: item}, "item.published", "msg_sample", at)
	if err != nil {
		panic(err) // the sample is ours
	}
	with.File = "/9j/4AAQ"
	without, err := contentOf(account, models.WebhookData{WorkOrder: view}, "work_order.updated", "msg_sample", at)
	if err != nil {
		panic(err)
	}
	return []content{with, without}
}

func contentOf(account *models.Account, data models.WebhookData, messageType, id string, at models.Time) (content, error) {
	zone := account.Location()
	view := data.WorkOrder
	o := &models.WorkOrder{ID: view.ID, AccountID: account.ID, WorkOrderFields: view.WorkOrderFields}
	o.Lifecycle.State, o.FieldStatus = view.State, view.FieldStatus
	order, err := OrderOf(o, o.WorkOrderNumber, view.Tasks, zone, func(*models.Task) (json.RawMessage, error) { return json.RawMessage(`{}`), nil })
	if err != nil {
		return content{}, err
	}
	text, err := json.Marshal(order)
	if err != nil {
		return content{}, err
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		return content{}, err
	}
	members["clientCode"], members["fieldStatus"], members["id"] = view.ClientCode, view.FieldStatus, view.ID
	members["assignedTo"] = ""
	if view.Assignee != nil {
		members["assignedTo"] = *view.Assignee
	}
	for n := 7; n <= 30; n++ { // a template may name any of them
		if name := fmt.Sprintf("attribute%d", n); members[name] == nil {
			members[name] = ""
		}
	}
	c := content{WorkOrder: members, Type: messageType, ID: id, Timestamp: at.UTC().Format(time.RFC3339)}
	if v := data.Item; v != nil {
		item := &models.Item{ID: v.ID, Kind: models.Photo, UUID: v.UUID, TaskID: v.TaskID, EvidenceType: v.EvidenceType, TakenAt: v.TakenAt, ReceivedAt: v.ReceivedAt, Position: v.Position,
			Source: v.Source, Certification: v.Certification, UploadedBy: v.UploadedBy, Notes: v.Notes, Device: v.Device, SHA256: v.SHA256, Size: v.Size, ContentType: v.ContentType}
		item.Origin.FirstReceivedAt = v.FirstReceived
		if v.ParentUUID != nil {
			item.Origin.ParentUUID = *v.ParentUUID
		}
		proof := &models.Proof{Account: account, Order: o, View: view, Items: []*models.Item{item}, Users: map[string]string{v.UploadedBy: v.UploadedBy}}
		publication := ""
		if data.Publication != nil {
			publication = data.Publication.ID
		}
		c.Item = map[string]string{}
		for _, m := range ItemMembers(ItemOut{Proof: proof, Item: item, Number: proof.Order.WorkOrderNumber, PublicationID: publication, FileName: v.UUID + item.Extension()}) {
			c.Item[m.Name], _ = m.Value.(string)
		}
	}
	return c, nil
}

// pruvan is the incumbent's body.
func (c content) pruvan() ([]byte, error) {
	body := map[string]any{"workorder": c.WorkOrder}
	if c.Item != nil {
		item := map[string]string{}
		for name, value := range c.Item {
			item[name] = value
		}
		if c.File != "" {
			item["file"] = c.File
		}
		body["item"] = item
	}
	return json.Marshal(body)
}

// render fills a template. Values are escaped for JSON and for nothing else, whichever braces they stand in.
func render(template string, c content) (body []byte, err error) {
	if template == PruvanTemplate {
		return c.pruvan()
	}
	// The library stumbles over some that it should refuse, such as a path into a text that a block walks through.
	defer func() {
		if stumbled := recover(); stumbled != nil {
			body, err = nil, fmt.Errorf("the template can't be filled: %v", stumbled)
		}
	}()
	parsed, err := raymond.Parse(template)
	if err != nil {
		return nil, fmt.Errorf("the template is no Handlebars: %w", err)
	}
	parsed.RegisterHelper("json", func(value any) raymond.SafeString {
		text, err := json.Marshal(plain(value))
		if err != nil {
			return "null"
		}
		return raymond.SafeString(text)
	})
	// The library's own each has no end when lists are walked inside of lists: this one counts.
	rounds, filled := 0, 0
	parsed.RegisterHelper("each", func(over any, options *raymond.Options) raymond.SafeString {
		var text strings.Builder
		list := reflect.ValueOf(over)
		one := func(i, n int, key, value any) {
			if rounds++; rounds > maxRounds || filled > maxFilled {
				panic(fmt.Errorf("it walks through more than %d elements", maxRounds))
			}
			data := options.NewDataFrame()
			data.Set("index", i)
			data.Set("key", key)
			data.Set("first", i == 0)
			data.Set("last", i == n-1)
			part := options.FnCtxData(value, data)
			filled += len(part)
			text.WriteString(part)
		}
		switch list.Kind() {
		case reflect.Slice, reflect.Array:
			for i := range list.Len() {
				one(i, list.Len(), i, list.Index(i).Interface())
			}
		case reflect.Map:
			keys := list.MapKeys()
			slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
			for i, key := range keys {
				one(i, len(keys), key.Interface(), list.MapIndex(key).Interface())
			}
		}
		if text.Len() == 0 {
			return raymond.SafeString(options.Inverse())
		}
		return raymond.SafeString(text.String())
	})
	context := map[string]any{"workorder": escaped(c.WorkOrder), "file": raymond.SafeString(c.File), "type": escaped(c.Type), "id": escaped(c.ID), "timestamp": escaped(c.Timestamp)}
	if c.Item != nil {
		item := map[string]any{}
		for name, value := range c.Item {
			item[name] = escaped(value)
		}
		item["file"] = raymond.SafeString(c.File)
		context["item"] = item
	}
	text, err := parsed.Exec(context)
	if err != nil {
		return nil, fmt.Errorf("the template can't be filled: %w", err)
	}
	if !json.Valid([]byte(text)) {
		var into any
		return nil, fmt.Errorf("the template gives no valid JSON for a message of type %s: %w", c.Type, json.Unmarshal([]byte(text), &into))
	}
	return []byte(text), nil
}

// escaped makes of every text one that can stand between the quotes of JSON.
func escaped(v any) any {
	switch v := v.(type) {
	case string:
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(v)
		return raymond.SafeString(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(b.String()), `"`), `"`))
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, value := range v {
			m[name] = escaped(value)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, value := range v {
			l[i] = escaped(value)
		}
		return l
	}
	return v
}

// plain undoes [escaped], for the json helper.
func plain(v any) any {
	switch v := v.(type) {
	case raymond.SafeString:
		var s string
		_ = json.Unmarshal([]byte(`"`+string(v)+`"`), &s)
		return s
	case map[string]any:
		m := make(map[string]any, len(v))
		for name, value := range v {
			m[name] = plain(value)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, value := range v {
			l[i] = plain(value)
		}
		return l
	}
	return v
}
