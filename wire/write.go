package wire

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fieldproof/models"
)

// Order is a work order as it goes out (domain 3.1, in the incumbent's names).
type Order []Member

// Service is a task as it goes out.
type Service struct {
	ServiceName     string          `json:"serviceName"`
	Instructions    string          `json:"instructions"`
	Survey          string          `json:"survey"`
	SurveyDynamic   json.RawMessage `json:"surveyDynamic,omitempty"`
	Options         map[string]any  `json:"options"`
	SourceService   string          `json:"source_service,omitempty"`
	SourceServiceID string          `json:"source_service_id,omitempty"`
	RequiredPhotos  map[string]int  `json:"requiredPhotos,omitempty"` // ours
}

// MarshalJSON writes the members in their order.
func (o Order) MarshalJSON() ([]byte, error) {
	text := []byte{'{'}
	for i, m := range o {
		name, err := json.Marshal(m.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, name...), ':'), value...)
	}
	return append(text, '}'), nil
}

// Services writes tasks.
func Services(tasks []models.Task) []Service {
	services := make([]Service, len(tasks))
	for i, t := range tasks {
		services[i] = Service{ServiceName: t.Name, Instructions: t.Instructions, Survey: cmp.Or(t.SurveyID, t.SurveyNamed), SourceService: t.SourceService, SourceServiceID: t.SourceServiceID}
		if len(t.Options) > 0 {
			services[i].Options = t.Options
		}
		if len(t.RequiredPhotos) > 0 {
			services[i].RequiredPhotos = t.RequiredPhotos
		}
	}
	return services
}

// OrderOf writes an order for the field: without what only the office may see. number is what the peer knows it by;
// template gives the survey of a task in line.
func OrderOf(o *models.WorkOrder, number string, tasks []models.Task, zone *time.Location,
	template func(t *models.Task) (json.RawMessage, error)) (Order, error) {
	services, err := servicesOf(tasks, template)
	if err != nil {
		return nil, err
	}
	var w Order
	for _, f := range models.Fields {
		var value any
		switch {
		case f.Sent == models.NotSent:
			continue
		case f.Name == "work_order_number":
			value = number
		case f.Name == "status":
			value = o.WireStatus()
		case f.Name == "tasks":
			value = services
		case f.Kind == models.Texts:
			for _, name := range slices.Sorted(maps.Keys(o.Attributes)) {
				if isAttribute(name) {
					w = append(w, Member{name, o.Attributes[name]})
				}
			}
			continue
		case f.Sent == models.SentIfAny && f.Text(&o.WorkOrderFields) == "":
			continue
		case f.Kind == models.Day:
			day, at := f.Moment(&o.WorkOrderFields)
			value = writeMoment(day, at, zone)
		case f.Kind == models.Coordinate, f.Kind == models.Object:
			value = f.Value(&o.WorkOrderFields)
		default:
			value = f.Text(&o.WorkOrderFields)
		}
		w = append(w, Member{f.Wire, value})
	}
	return w, nil
}

// servicesOf writes tasks with their surveys in line.
func servicesOf(tasks []models.Task, template func(t *models.Task) (json.RawMessage, error)) ([]Service, error) {
	services := Services(tasks)
	for i := range tasks {
		if tasks[i].SurveyHash == "" {
			continue
		}
		raw, err := template(&tasks[i])
		if err != nil {
			return nil, err
		}
		if tasks[i].SurveyAnswers != "" {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(raw, &members); err != nil {
				return nil, err
			}
			members["answers"] = json.RawMessage(tasks[i].SurveyAnswers)
			if raw, err = json.Marshal(members); err != nil {
				return nil, err
			}
		}
		services[i].SurveyDynamic = raw
	}
	return services, nil
}

// Payload writes the JSON that goes to a peer in the form field payload: a flat object in the given order, whose inner
// braces, in texts too, are \u007b and \u007d, because naive peers cut the raw body at the first brace that closes.
func Payload(members ...Member) (string, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.Name)
		if err != nil {
			return "", err
		}
		value, err := json.Marshal(m.Value)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s:%s", escapeBraces(string(name)), escapeBraces(string(value)))
	}
	b.WriteByte('}')
	return b.String(), nil
}

// Member is one member of an object; in a payload a text, a number or null, so that it stays flat.
type Member struct {
	Name  string
	Value any
}

// escapeBraces writes the braces inside of JSON texts as escapes; those that are structure stay.
func escapeBraces(text string) string {
	var b strings.Builder
	inside, escape := false, false
	for _, r := range text {
		switch {
		case inside && !escape && r == '{':
			b.WriteString(`\u007b`)
			continue
		case inside && !escape && r == '}':
			b.WriteString(`\u007d`)
			continue
		case inside && escape:
			escape = false
		case inside && r == '\\':
			escape = true
		case r == '"':
			inside = !inside
		}
		b.WriteRune(r)
	}
	return b.String()
}
