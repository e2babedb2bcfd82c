package wire

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"fieldproof/models"
)

// Order is a work order as it goes out (domain 3.1, in the incumbent's names).
type Order struct {
	WorkOrderNumber    string            `json:"workOrderNumber"`
	Address1           string            `json:"address1"`
	Address2           string            `json:"address2"`
	City               string            `json:"city"`
	State              string            `json:"state"`
	Zip                string            `json:"zip"`
	Country            string            `json:"country"`
	WorkOrderInfo      string            `json:"workOrderInfo"`
	Instructions       string            `json:"instructions"`
	Status             models.WireStatus `json:"status"`
	DueDate            string            `json:"dueDate"`
	StartDate          string            `json:"startDate,omitempty"`
	ClientStatus       string            `json:"clientStatus"`
	ClientDueDate      string            `json:"clientDueDate,omitempty"`
	ClientInstructions string            `json:"clientInstructions"`
	Options            map[string]any    `json:"options,omitempty"`
	GPSLatitude        *float64          `json:"gpsLatitude,omitempty"`
	GPSLongitude       *float64          `json:"gpsLongitude,omitempty"`
	SourceID           string            `json:"source_wo_id"`
	SourceNumber       string            `json:"source_wo_number"`
	SourceProvider     string            `json:"source_wo_provider"`
	Services           []Service         `json:"services"`
	Attributes         map[string]string `json:"-"`
}

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

// MarshalJSON writes the order with its attributes beside its own members.
func (o Order) MarshalJSON() ([]byte, error) {
	type plain Order
	text, err := json.Marshal(plain(o))
	if err != nil || len(o.Attributes) == 0 {
		return text, err
	}
	more, err := json.Marshal(o.Attributes)
	if err != nil {
		return nil, err
	}
	return slices.Concat(text[:len(text)-1], []byte(","), more[1:]), nil
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
func OrderOf(o *models.WorkOrder, number string, tasks []models.Task, zone *time.Location, template func(t *models.Task) (json.RawMessage, error)) (Order, error) {
	w := Order{WorkOrderNumber: number, Address1: o.Address.Address1, Address2: o.Address.Address2, City: o.Address.City, State: o.Address.State, Zip: o.Address.Zip,
		Country: o.Address.Country, WorkOrderInfo: o.WorkOrderInfo, Instructions: o.Instructions, Status: o.WireStatus(), DueDate: writeMoment(o.DueDate, o.DueTime, zone),
		ClientStatus: o.ClientStatus, ClientInstructions: o.ClientInstructions, GPSLatitude: o.Latitude, GPSLongitude: o.Longitude, Options: o.Options, ClientDueDate: writeMoment(o.ClientDueDate, o.ClientDueTime, zone),
		SourceID: o.Source.WorkOrderID, SourceNumber: o.Source.WorkOrderNumber, SourceProvider: o.Source.Provider, Services: Services(tasks), Attributes: map[string]string{}}
	if o.StartDate != nil {
		w.StartDate = string(*o.StartDate)
	}
	for name, value := range o.Attributes {
		if isAttribute(name) {
			w.Attributes[name] = value
		}
	}
	for i := range tasks {
		if tasks[i].SurveyHash == "" {
			continue
		}
		raw, err := template(&tasks[i])
		if err != nil {
			return w, err
		}
		if tasks[i].SurveyAnswers != "" {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(raw, &members); err != nil {
				return w, err
			}
			members["answers"] = json.RawMessage(tasks[i].SurveyAnswers)
			if raw, err = json.Marshal(members); err != nil {
				return w, err
			}
		}
		w.Services[i].SurveyDynamic = raw
	}
	return w, nil
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

// Member is one member of a payload: a text, a number or null, so that the object stays flat.
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
