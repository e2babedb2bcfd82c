package wire_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/wire"
)

// TestEveryFieldThatIsSentIsReadAgain sends an order that has everything, and reads it as the other side does.
func TestEveryFieldThatIsSentIsReadAgain(t *testing.T) {
	o := &models.WorkOrder{WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: "N-1"}, Lifecycle: models.Lifecycle{State: models.Assigned}}
	o.Take(house.Everything(), models.OfAnyone, models.OfIntegration, models.Shared)
	w, err := wire.OrderOf(o, "N-1", []models.Task{{TaskFields: models.TaskFields{Name: "Lawn cut"}}}, chicago, nil)
	require.NoError(t, err)
	raw, err := json.Marshal(w)
	require.NoError(t, err)
	in := wire.DecodeOrder(raw, 1, chicago)
	require.Empty(t, in.Problems)
	require.Empty(t, in.Warnings)
	require.Equal(t, []any{"N-1", "Lawn cut", "Rush"}, []any{in.Number, in.Tasks[0].Name, *in.Status})
	var read models.WorkOrderFields
	read.Take(&in, models.OfAnyone, models.OfIntegration, models.Shared)
	delete(o.Attributes, "coordinator") // no name of the wire
	for _, f := range models.Fields {
		if !f.Kept() || f.Kind == models.Code {
			continue
		}
		if f.Sent == models.NotSent && f.Of == "" {
			require.Empty(t, f.Text(&read), "%s goes to nobody", f.Name)
			continue
		}
		require.NotEmpty(t, f.Text(&read), f.Name)
		require.Equal(t, f.Value(&o.WorkOrderFields), f.Value(&read), f.Name)
	}
}

// TestWhatASourceSaidIsKnownAgain holds the hashes of what was said to those that are in rows since they were first kept:
// others would let a deleted order come back.
func TestWhatASourceSaidIsKnownAgain(t *testing.T) {
	raw, err := os.ReadFile("testdata/everything.json")
	require.NoError(t, err)
	in := wire.DecodeOrder(raw, 1, chicago)
	require.Empty(t, in.Problems)
	require.Equal(t, map[string]string{"Address1": "56699f2e25a1", "Address2": "12ae32cb1ec0", "Assignee": "332fe9abaf06", "City": "82932ddce217",
		"ClientDueDate": "8897e1f17f6b",
		"ClientDueTime": "12ae32cb1ec0", "ClientInstructions": "1ffcf8b5b837", "ClientStatus": "80270e39ab5a", "Country": "79b7bc1087d5",
		"Description": "3fa5834dc920", "DueDate": "a1945f064796",
		"DueTime": "bb23031c8c29", "Instructions": "5d8393f859ca", "Latitude": "7b713affffac", "Longitude": "e46160e7a198", "PublishTo": "12ae32cb1ec0",
		"QAPolicy":  "2234a6509d7a",
		"Reference": "12ae32cb1ec0", "SourceID": "af37a2e6dfb5", "SourceNumber": "d7f085bfd48d", "SourceProvider": "e25572d3e5a4",
		"StartDate": "a6cd2eeba67e", "State": "1f441a132a66",
		"Status": "889c7ed530bd", "WorkOrderInfo": "b1a8594903ac", "WorkType": "6f3d67fb06a7", "Zip": "cd0ddb4ba08c", "attribute:attribute7": "3f3757520474",
		"attribute:attribute8": "707e7bfbb2e9", "option:a": "6b86b273ff34", "option:b": "8819380a395f", "task:lawn cut": "947163b44567",
		"unknown:price": "ef2d127de37b"}, in.Fingerprint())
}
