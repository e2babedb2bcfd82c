package wire

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"time"

	"fieldproof/models"
)

// Credentials are how a peer says who it is: a name with the SHA-1 of a password in hex, or a token as typed.
type Credentials struct {
	Username string
	Password string
	Token    string
}

// Members reads a payload: a JSON object, whatever its values are.
func Members(payload []byte) (map[string]json.RawMessage, error) {
	var m map[string]json.RawMessage
	err := json.Unmarshal(payload, &m)
	if err == nil && m == nil {
		m = map[string]json.RawMessage{}
	}
	return m, err
}

// Text is a member as text: "" when it is not there, null or no text.
func Text(m map[string]json.RawMessage, name string) string {
	raw, there := m[name]
	if !there || string(raw) == "null" {
		return ""
	}
	s, _ := textOf(raw)
	return s
}

// CredentialsOf reads who a payload says it is from.
func CredentialsOf(m map[string]json.RawMessage) Credentials {
	return Credentials{strings.TrimSpace(Text(m, "username")), Text(m, "password"), strings.TrimSpace(Text(m, "token"))}
}

// Item is an item as uploadPictures brings it (domain 8).
type Item struct {
	UUID         string
	Number       string // of the work order, key2
	Task         string // key4
	FileType     string // picture, survey, csr, …
	FileName     string
	EvidenceType string
	Notes        string
	TakenAt      *models.Time
	Position     models.Position
	Device       string
	Survey       json.RawMessage // an object, whether it came as one or as text
	SurveyID     string
	Answers      json.RawMessage
	SHA256       string        // of the file, as the sender computed it; "" when it does not say
	Claims       models.Claims // what the sender certifies
}

// DecodeItem reads the payload of uploadPictures.
func DecodeItem(m map[string]json.RawMessage, zone *time.Location) Item {
	i := Item{Number: strings.TrimSpace(Text(m, "key2")), Task: strings.TrimSpace(Text(m, "key4")), FileType: strings.ToLower(strings.TrimSpace(Text(m, "fileType"))),
		FileName: Text(m, "fileName"), EvidenceType: strings.ToLower(strings.TrimSpace(Text(m, "evidenceType"))), Notes: Text(m, "notes"), Device: Text(m, "deviceId")}
	for _, name := range []string{"uuid", "uuId", "UUID", "pictureId"} {
		if i.UUID = strings.TrimSpace(Text(m, name)); i.UUID != "" {
			break
		}
	}
	for _, name := range []string{"timestamp", "gpsTimestamp", "creationDate"} {
		if i.TakenAt = ParseInstant(Text(m, name), zone); i.TakenAt != nil {
			break
		}
	}
	for _, t := range told {
		t.read(&i, strings.TrimSpace(Text(m, t.name)))
	}
	i.Position = models.Position{Latitude: floatOf(m, "gpsLatitude"), Longitude: floatOf(m, "gpsLongitude"), Accuracy: floatOf(m, "gpsAccuracy")}
	if i.Position.Latitude == nil || i.Position.Longitude == nil {
		i.Position = models.Position{}
	}
	if i.Survey, _ = InlineSurvey(m["survey"]); len(i.Survey) > 0 {
		var response struct {
			Meta struct {
				ID string `json:"surveyTemplateId"`
			} `json:"meta"`
			Answers json.RawMessage `json:"answers"`
		}
		if json.Unmarshal(i.Survey, &response) == nil {
			i.Answers, i.SurveyID = response.Answers, response.Meta.ID
		}
	}
	if template := Text(m, "template"); template != "" { // {owner}::{surveyTemplateId}
		if _, id, found := strings.Cut(template, "::"); found {
			template = id
		}
		i.SurveyID = template
	}
	if i.FileType == "" {
		i.FileType = "picture"
		if len(i.Answers) > 0 {
			i.FileType = "survey"
		}
	}
	return i
}

func floatOf(m map[string]json.RawMessage, name string) *float64 {
	f, err := strconv.ParseFloat(strings.TrimSpace(Text(m, name)), 64)
	if err != nil || f != f {
		return nil
	}
	return &f
}

// ContentType guesses the type of a file that is no photo from its name.
func (i *Item) ContentType() string {
	switch strings.ToLower(path.Ext(i.FileName)) {
	case ".pdf":
		return "application/pdf"
	case ".json":
		return "application/json"
	case ".html", ".htm":
		return "text/html"
	case ".mp4":
		return "video/mp4"
	}
	return "application/octet-stream"
}

// StatusUpdate is what a peer reports of an order by status.
type StatusUpdate struct {
	Number      string
	FieldStatus string // ours, "" when it says nothing that is known
	SourceID    string
}

// DecodeStatus reads the orders of a status call.
func DecodeStatus(m map[string]json.RawMessage) ([]StatusUpdate, error) {
	var raws []map[string]json.RawMessage
	raw := m["workOrders"]
	if len(raw) > 0 && raw[0] == '{' {
		raw = append(append([]byte("["), raw...), ']')
	}
	if len(raw) > 0 && string(raw) != "null" {
		if err := json.Unmarshal(raw, &raws); err != nil {
			return nil, err
		}
	}
	updates := make([]StatusUpdate, len(raws))
	for n, o := range raws {
		u := StatusUpdate{Number: strings.TrimSpace(Text(o, "workOrderNumber")), SourceID: Text(o, "source_wo_id")}
		if text := Text(o, "fieldStatus"); text != "" {
			u.FieldStatus, _ = models.ParseFieldStatus(text)
		}
		updates[n] = u
	}
	return updates, nil
}
