package wire

import (
	"encoding/json"
	"errors"
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
	Origin       models.Origin

	// Of a Fieldproof alone.
	OrderID   string // as we call the order for ourselves
	Revision  int64
	Withdrawn bool
	Kept      string           // a survey's answers as the sender keeps and hashes them
	Statement models.Statement // its text, signature and public key; without a text none came
}

// DecodeItem reads the payload of uploadPictures.
func DecodeItem(m map[string]json.RawMessage, zone *time.Location) Item {
	var i Item
	for _, t := range told {
		if t.read == nil {
			continue
		}
		for _, name := range append([]string{t.name}, t.also...) {
			if text := Text(m, name); text != "" && t.read(&i, text, zone) {
				break
			}
		}
	}
	if Text(m, "uploaderVersion") == uploader && Text(m, "csrTimeStampSource") == "" {
		i.TakenAt = nil // the moment that stands there for naive peers is when it was received
	}
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
			i.Answers = response.Answers
			if i.SurveyID == "" {
				i.SurveyID = response.Meta.ID
			}
		}
	}
	if i.FileType == "" {
		i.FileType = "picture"
		if len(i.Answers) > 0 {
			i.FileType = "survey"
		}
	}
	return i
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
	Cancelled   bool   // in their own account
	SourceID    string
	Share       StatusShare // of a Fieldproof alone
}

// DecodeStatus reads the orders of a status call.
func DecodeStatus(m map[string]json.RawMessage) ([]StatusUpdate, error) {
	raws, err := objects(m["workOrders"])
	if err != nil {
		return nil, err
	}
	updates := make([]StatusUpdate, len(raws))
	for n, o := range raws {
		u := StatusUpdate{Number: strings.TrimSpace(Text(o, "workOrderNumber")), SourceID: Text(o, "source_wo_id")}
		if text := Text(o, "fieldStatus"); text != "" {
			u.FieldStatus, _ = models.ParseFieldStatus(text)
		}
		for _, name := range []string{"fieldStatus", "status"} {
			status, known := models.ParseWireStatus(Text(o, name))
			u.Cancelled = u.Cancelled || (known && status == models.WireCanceled)
		}
		u.Share = StatusShare{OrderID: strings.TrimSpace(Text(o, "orderId")), Reason: Text(o, "reason"), Refused: Text(o, "refused")}
		_, u.Share.Judged = o["refused"]
		u.Share.Number, _ = strconv.ParseInt(strings.TrimSpace(Text(o, "number")), 10, 64)
		updates[n] = u
	}
	return updates, nil
}

// objects reads a list of objects, a single one too, whether it stands there or as a text that holds it.
func objects(raw json.RawMessage) (all []map[string]json.RawMessage, err error) {
	if len(raw) > 0 && raw[0] == '"' {
		text, is := textOf(raw)
		if !is {
			return nil, errNotObjects
		}
		raw = json.RawMessage(strings.TrimSpace(text))
	}
	if len(raw) > 0 && raw[0] == '{' {
		raw = append(append([]byte("["), raw...), ']')
	}
	if len(raw) > 0 && string(raw) != "null" {
		err = json.Unmarshal(raw, &all)
	}
	return all, err
}

var errNotObjects = errors.New("it is no list of objects")

// Held is an item as one side asks the other whether it has it.
type Held struct {
	UUID     string `json:"uuid"`
	SHA256   string `json:"sha256"`
	Revision string `json:"revision"`
}

// HeldMember writes what is asked for by lacks: a flat text.
func HeldMember(items []Held) (Member, error) {
	text, err := json.Marshal(items)
	return Member{Name: "items", Value: string(text)}, err
}

// HeldItem is a [Held] as it is read.
type HeldItem struct {
	UUID, SHA256 string
	Revision     int64
}

// DecodeHeld reads what is asked for by lacks.
func DecodeHeld(m map[string]json.RawMessage) ([]HeldItem, error) {
	raws, err := objects(m["items"])
	if err != nil {
		return nil, err
	}
	items := make([]HeldItem, len(raws))
	for n, raw := range raws {
		items[n] = HeldItem{UUID: strings.TrimSpace(Text(raw, "uuid")), SHA256: strings.ToLower(strings.TrimSpace(Text(raw, "sha256")))}
		items[n].Revision, _ = strconv.ParseInt(strings.TrimSpace(Text(raw, "revision")), 10, 64)
	}
	return items, nil
}

// Inner reads the JSON that a text holds into v. What no database can keep is none.
func Inner(text string, v any) error {
	if strings.Contains(text, `\u0000`) {
		return errors.New("it holds the character NUL")
	}
	return json.Unmarshal([]byte(text), v)
}

// Texts reads a list of texts, whether it stands there or as a text that holds it.
func Texts(raw json.RawMessage) ([]string, error) {
	if len(raw) > 0 && raw[0] == '"' {
		text, _ := textOf(raw)
		raw = json.RawMessage(text)
	}
	var all []string
	return all, json.Unmarshal(raw, &all)
}
