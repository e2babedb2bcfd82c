package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"fieldproof/models"
)

// ItemOut is an item as it goes to a client's system by uploadPictures.
type ItemOut struct {
	Proof         *models.Proof
	Item          *models.Item
	Number        string // by which the client knows the order
	PublicationID string
	FileName      string // unique over everything, and kept under retries
	Note          string // said of the file, such as that it is a rendition
}

// ItemMembers writes the payload of uploadPictures (domain 8): a flat object of texts, every key there and never null,
// because the peers in the field trip over what is missing.
func ItemMembers(out ItemOut) []Member {
	p, i, o := out.Proof, out.Item, out.Proof.Order
	text := func(name, value string) Member { return Member{Name: name, Value: value} }
	taken := i.ReceivedAt
	if i.TakenAt != nil {
		taken = *i.TakenAt
	}
	local := taken.In(p.Account.Location())
	stamp := strconv.FormatInt(taken.Unix(), 10)
	number := func(f *float64) string {
		if f == nil {
			return ""
		}
		return strconv.FormatFloat(*f, 'f', -1, 64)
	}
	fileType := map[models.ItemKind]string{models.Photo: "picture", models.SurveyResponse: "survey", models.File: "file"}[i.Kind]
	extension := strings.TrimPrefix(i.Extension(), ".")
	if i.Kind == models.SurveyResponse {
		extension = "json"
	}
	difference := ""
	if i.Position.Latitude != nil && o.Latitude != nil {
		difference = fmt.Sprintf("%.0f", models.Distance(*i.Position.Latitude, *i.Position.Longitude, *o.Latitude, *o.Longitude))
	}
	notes := i.Notes
	if out.Note != "" {
		notes = strings.TrimSpace(notes + " " + out.Note)
	}
	user := p.Users[i.UploadedBy]
	members := []Member{
		text("clientCode", o.ClientCode), text("pictureId", i.UUID), text("uuId", i.UUID), text("uuid", i.UUID), text("parentUuid", ""), text("batchId", out.PublicationID),
		text("key1", o.ClientCode), text("key2", out.Number), text("key3", i.EvidenceType), text("key4", p.TaskName(i)), text("key5", ""),
		text("attribute1", o.Address.Address1), text("attribute2", o.Address.Address2), text("attribute3", o.Address.City), text("attribute4", o.Address.State),
		text("attribute5", o.Address.Zip), text("attribute6", o.Address.Country),
	}
	for n := 7; n <= 30; n++ {
		name := fmt.Sprintf("attribute%d", n)
		members = append(members, text(name, o.Attributes[name]))
	}
	members = append(members,
		text("fileName", out.FileName), text("fileExt", extension), text("fileType", fileType), text("evidenceType", i.EvidenceType), text("notes", notes),
		text("timestamp", stamp), text("creationDate", local.Format(time.DateTime)), text("createdBy", p.Account.Name), text("createdBySubUser", user), text("lastUpdatedBy", user),
		text("deviceId", i.Device), text("phoneNumber", ""), text("uploaderVersion", "fieldproof"), text("workDay", local.Format(time.DateOnly)),
		text("gpsLatitude", number(i.Position.Latitude)), text("gpsLongitude", number(i.Position.Longitude)), text("gpsAccuracy", number(i.Position.Accuracy)),
		text("gpsTimestamp", stamp), text("locationDifference", difference),
		text("csrLocationSource", sourceOf(i.Position.Latitude != nil, "gps")), text("csrTimeStampSource", sourceOf(i.TakenAt != nil, "device")),
		text("csrPictureCount", strconv.Itoa(len(p.Photos()))),
		text("source_wo_id", o.Source.WorkOrderID), text("source_wo_number", o.Source.WorkOrderNumber), text("source_wo_provider", o.Source.Provider),
	)
	for _, t := range told {
		members = append(members, text(t.name, t.write(out)))
	}
	survey, template := "", ""
	if i.Kind == models.SurveyResponse {
		survey, template = surveyText(i), templateOf(p, i)
	}
	return append(members, text("survey", survey), text("surveyId", i.SurveyID), text("template", template), text("status", string(o.WireStatus())), text("parameters", ""))
}

func sourceOf(there bool, name string) string {
	if there {
		return name
	}
	return ""
}

// surveyText writes a response: each answer begins with its id, then the answer, then its options, compact. The uuids of
// its photos stand with the answer, the photos travel by themselves.
func surveyText(i *models.Item) string {
	answers, err := models.ParseAnswers(json.RawMessage(i.Answers))
	if err != nil {
		return i.Answers // as it came
	}
	type answer struct {
		ID            string          `json:"id"`
		Answer        json.RawMessage `json:"answer"`
		AnswerOptions json.RawMessage `json:"answerOptions"`
		Hint          string          `json:"hint"`
		Pictures      []string        `json:"pictures,omitempty"`
	}
	out := struct {
		Meta    map[string]string `json:"meta"`
		Answers []answer          `json:"answers"`
	}{map[string]string{"surveyTemplateId": i.SurveyID}, []answer{}}
	for _, a := range answers {
		options := a.AnswerOptions
		if len(options) == 0 {
			options = json.RawMessage(`[]`)
		}
		value := a.Answer
		if len(value) == 0 {
			value = json.RawMessage(`""`)
		}
		out.Answers = append(out.Answers, answer{a.ID, value, options, a.Hint, a.Pictures})
	}
	text, err := json.Marshal(out)
	if err != nil {
		return i.Answers
	}
	return string(text)
}

// StatusMember writes the one order of a status call, under the number by which the client knows it. Its braces are the only ones that are not escaped: peers read it as
// the array it is.
func StatusMember(o *models.WorkOrder, number string, s models.ClientStatusData) Member {
	text, _ := json.Marshal([]map[string]string{{"workOrderNumber": number, "status": string(s.Status), "fieldStatus": s.FieldStatus, "clientStatus": s.ClientStatus,
		"source_wo_id": o.Source.WorkOrderID, "source_wo_number": o.Source.WorkOrderNumber, "source_wo_provider": o.Source.Provider}})
	return Member{Name: "workOrders", Value: json.RawMessage(text)}
}

// templateOf names the survey of a response as {owner}::{survey} (domain: 8): the survey as the order's sender named it, or
// by our own id where it named none.
func templateOf(p *models.Proof, i *models.Item) string {
	name := i.SurveyID
	for _, t := range p.View.Tasks {
		if t.SurveyNamed != "" && ((i.TaskID != nil && t.ID == *i.TaskID) || (i.TaskID == nil && t.SurveyID == i.SurveyID)) {
			name = t.SurveyNamed
			break
		}
	}
	if _, named, owned := strings.Cut(name, "::"); owned {
		name = named
	}
	return strings.ReplaceAll(p.Account.Name, "::", " ") + "::" + name
}
