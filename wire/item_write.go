package wire

import (
	"encoding/json"
	"strconv"
	"strings"

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
	Share         *ItemShare
}

// ItemShare is what one Fieldproof says of an item to another beside what every peer is told (contract: between two
// Fieldproofs).
type ItemShare struct {
	OrderID   string // as the other side calls the order for itself
	Revision  int64
	Withdrawn bool
	Pictures  int64 // of the order
	Statement *models.Statement
}

// ItemMembers writes the payload of uploadPictures (domain 8): a flat object of texts, every key there and never null,
// because the peers in the field trip over what is missing.
func ItemMembers(out ItemOut) []Member {
	members := make([]Member, 0, len(told))
	for _, t := range told {
		if !t.share || out.Share != nil {
			members = append(members, Member{Name: t.name, Value: t.write(out)})
		}
	}
	return members
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

// StatusShare is what one Fieldproof says of a status to another beside what every peer is told.
type StatusShare struct {
	OrderID string
	Number  int64
	Reason  string
	Refused string // why the order is not taken
	Judged  bool   // it is said whether the order is taken: without a reason it is, after all
}

// StatusMember writes the one order of a status call, under the number by which the client knows it. Its braces are the only
// ones that are not escaped: peers read it as the array it is. share is nil for all but a Fieldproof.
func StatusMember(o *models.WorkOrder, number string, s models.ClientStatusData, share *StatusShare) Member {
	entry := map[string]string{"workOrderNumber": number, "status": string(s.Status), "fieldStatus": s.FieldStatus, "clientStatus": s.ClientStatus,
		"source_wo_id": o.Source.WorkOrderID, "source_wo_number": o.Source.WorkOrderNumber, "source_wo_provider": o.Source.Provider}
	if share != nil {
		entry["orderId"], entry["number"], entry["reason"] = share.OrderID, strconv.FormatInt(share.Number, 10), share.Reason
		if share.Judged {
			entry["refused"] = share.Refused
		}
	}
	text, _ := json.Marshal([]map[string]string{entry})
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
