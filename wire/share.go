package wire

import (
	"encoding/json"
	"strconv"

	"fieldproof/models"
)

// ShareMembers are what one Fieldproof says of an order to another beside what every peer is told (contract: between two
// Fieldproofs): flat texts.
func ShareMembers(o *models.WorkOrder) []Member {
	return []Member{{Name: "orderId", Value: o.ID}, {Name: "orderVersion", Value: strconv.FormatInt(o.Version, 10)}}
}

// shareNames are the members that [decodeShare] reads.
var shareNames = []string{"orderId", "orderVersion"}

// decodeShare reads what another Fieldproof says of an order; nil when it says nothing of the kind.
func decodeShare(fields map[string]json.RawMessage) *models.IncomingShare {
	s := &models.IncomingShare{OrderID: Text(fields, "orderId")}
	if s.OrderID == "" || len(s.OrderID) > 100 {
		return nil
	}
	s.Version, _ = strconv.ParseInt(Text(fields, "orderVersion"), 10, 64)
	return s
}
