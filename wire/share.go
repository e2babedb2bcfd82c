package wire

import (
	"encoding/json"
	"regexp"
	"strconv"

	"fieldproof/models"
)

// sharePath is the member path: the marks of the accounts that an order went through, see [models.MarkOf].
type sharePath struct {
	Salt  string   `json:"salt"`
	Marks []string `json:"marks"`
}

// ShareMembers are what one Fieldproof says of an order to another beside what every peer is told (contract: between two
// Fieldproofs): flat texts. rejection is the last one that the other side is to know of; nil for none.
func ShareMembers(o *models.WorkOrder, rejection *models.ShareRejection) ([]Member, error) {
	path, err := json.Marshal(sharePath{o.PathSalt, o.MarksBelow()})
	if err != nil {
		return nil, err
	}
	members := append(ShareTaken(o), Member{"path", string(path)})
	if rejection == nil {
		return members, nil
	}
	text, err := json.Marshal(rejection)
	return append(members, Member{"rejection", string(text)}), err
}

// ShareTaken are what is said of an order that was taken from the other side.
func ShareTaken(o *models.WorkOrder) []Member {
	return []Member{{"orderId", o.ID}, {"orderVersion", strconv.FormatInt(o.Version, 10)}}
}

// shareNames are the members that [decodeShare] reads.
var shareNames = []string{"orderId", "orderVersion", "path", "rejection"}

const (
	longestPeerID = 100
	longestSalt   = 200
	// longestPath bounds the text of a path: far more than any that is taken has.
	longestPath = 64 << 10
	// mostRejected is how many items a rejection names at most, and longestReason how long its reason is.
	mostRejected  = 10_000
	longestReason = 20_000
)

var markPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// decodeShare reads what another Fieldproof says of an order; nil when it says nothing of the kind. Each member is JSON in a
// text, or the JSON itself.
func decodeShare(in *models.Incoming, fields map[string]json.RawMessage) *models.IncomingShare {
	s := &models.IncomingShare{OrderID: Text(fields, "orderId")}
	if s.OrderID == "" || len(s.OrderID) > longestPeerID {
		return nil
	}
	s.Version, _ = strconv.ParseInt(Text(fields, "orderVersion"), 10, 64)
	if raw := within(fields, "path"); raw != nil {
		var path sharePath
		if len(raw) > longestPath || json.Unmarshal(raw, &path) != nil || path.Salt == "" || len(path.Salt) > longestSalt || !marks(path.Marks) {
			in.Problems.Add("path", "Want {salt, marks}, each mark 32 digits of hex in lower case.")
		} else {
			s.PathSalt, s.PathMarks = clean(path.Salt), path.Marks
		}
	}
	if raw := within(fields, "rejection"); raw != nil {
		var rejection models.ShareRejection
		if json.Unmarshal(raw, &rejection) != nil || rejection.ID == "" || len(rejection.ID) > longestPeerID {
			in.Warnings.Add("rejection", "Want {id, reason, uuids}: it is left out.")
			return s
		}
		rejection.ID = clean(rejection.ID)
		reason := []rune(clean(rejection.Reason))
		rejection.Reason = string(reason[:min(len(reason), longestReason)])
		rejection.UUIDs = rejection.UUIDs[:min(len(rejection.UUIDs), mostRejected)]
		for n, uuid := range rejection.UUIDs {
			rejection.UUIDs[n] = clean(uuid)
		}
		s.Rejection = &rejection
	}
	return s
}

func marks(all []string) bool {
	for _, m := range all {
		if !markPattern.MatchString(m) {
			return false
		}
	}
	return true
}

// within is the JSON that a member holds, in a text or as it is; nil when nothing is there.
func within(fields map[string]json.RawMessage, name string) json.RawMessage {
	raw := fields[name]
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return nil
	}
	if raw[0] != '"' {
		return raw
	}
	var text string
	if json.Unmarshal(raw, &text) != nil || text == "" || models.CheckJSON([]byte(text)) != nil {
		return json.RawMessage("false") // nothing that is read
	}
	return json.RawMessage(text)
}

// RefusalMember tells by status that an order is not taken, and why; or that it is after all.
func RefusalMember(m *models.ReceivedOrder) Member {
	text, _ := json.Marshal([]map[string]string{{"workOrderNumber": m.Number, "orderId": m.PeerOrderID, "status": "", "fieldStatus": "", "clientStatus": "", "source_wo_id": "",
		"refused": m.Refused}})
	return Member{Name: "workOrders", Value: json.RawMessage(text)}
}
