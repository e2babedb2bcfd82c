package share_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// fieldproof has the delegator name itself a Fieldproof, that knows the order by an id of its own.
func (r *recipient) fieldproof() {
	r.T.Helper()
	r.peer.On("validate", func(w http.ResponseWriter, _ rig.JSON) {
		rig.Say(w, `{"error":"","validated":true,"fieldproof":"share1","account":"the-delegator","accountName":"Acme","keys":"[]"}`)
	})
	l := r.shown()
	r.Write(func(tx *models.Tx) error {
		r.Order.IntegrationID = l.IntegrationID
		if err := tx.SaveOrder(r.Order); err != nil {
			return err
		}
		return tx.Create(&models.ReceivedOrder{IntegrationID: *l.IntegrationID, Number: "W-1", AccountID: r.Account.ID, WorkOrderID: r.Order.ID, PeerOrderID: "theirs", Fields: map[string]string{}, At: models.Now()}).Error
	})
	r.turn()
	require.True(r.T, r.shown().Fieldproof)
}

func TestBytesGoAgainOnlyWhereTheyAreLacked(t *testing.T) {
	r := newRecipient(t, loopback)
	r.fieldproof()
	lost := map[string]bool{}
	r.peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) {
		if uuid := payload["uuid"].(string); !lost[uuid] {
			lost[uuid] = true
			panic(http.ErrAbortHandler) // it committed, and the answer was lost
		}
		rig.Say(w, `{"status":true,"error":null}`)
	})
	has, lacks := r.item(r.Order, 1), r.item(r.Order, 2)
	r.peer.On("lacks", func(w http.ResponseWriter, _ rig.JSON) {
		rig.Say(w, fmt.Sprintf(`{"status":true,"error":null,"fieldproof":"share1","lacks":"[\"%s\"]"}`, lacks))
	})
	for range 3 {
		r.turn()
		r.rested(true)
	}
	require.Equal(t, "delivered delivered", r.states())
	sent := map[string]int{}
	for _, c := range r.peer.Calls("uploadPictures") {
		require.Equal(t, []any{"theirs", "1", "false"}, []any{c.Payload["orderId"], c.Payload["revision"], c.Payload["withdrawn"]})
		sent[c.Payload["uuid"].(string)]++
	}
	require.Equal(t, map[string]int{has: 1, lacks: 2}, sent)
}

// TestARestoredSenderIsStillHeard has the delegator know a higher number than we count.
func TestARestoredSenderIsStillHeard(t *testing.T) {
	r := newRecipient(t, loopback)
	r.fieldproof()
	r.peer.On("status", func(w http.ResponseWriter, _ rig.JSON) {
		rig.Say(w, fmt.Sprintf(`{"status":true,"error":null,"fieldproof":"share1","number":"%d"}`, 8+len(r.peer.Calls("status"))))
	})
	r.queue(models.ClientMessage{WorkOrderID: r.Order.ID, Kind: models.ClientStatus, Number: 2, Data: `{"status":"Assigned","fieldStatus":"complete","clientStatus":""}`})
	r.turn()
	calls := r.peer.Calls("status")
	require.Len(t, calls, 2)
	require.Contains(t, calls[0].Raw, `"number":"2"`)
	require.Contains(t, calls[1].Raw, `"number":"10"`, "above what was seen there")
	require.Equal(t, "delivered", r.states())

	// What is refused for good stays in no queue.
	r.peer.On("status", func(w http.ResponseWriter, _ rig.JSON) {
		rig.Say(w, `{"status":false,"error":{"workOrderNumber":"W-1","error":"not assigned to you any more"},"fieldproof":"share1","code":"not_found"}`)
	})
	r.queue(models.ClientMessage{WorkOrderID: r.Order.ID, Kind: models.ClientStatus, Number: 11, Data: `{"status":"Assigned","fieldStatus":"Viewed","clientStatus":""}`})
	r.turn()
	require.Equal(t, "delivered delivered", r.states())
}

// TestAnOriginalGoesWholeOrNotAtAll has the delegator fail at a large photo.
func TestAnOriginalGoesWholeOrNotAtAll(t *testing.T) {
	r := newRecipient(t, loopback)
	r.fieldproof()
	photo := r.PhotoOf(r.Order, 1, rig.JPEG(3000, 2500, 1))
	r.queue(models.ClientMessage{WorkOrderID: r.Order.ID, Kind: models.ClientItem, ItemID: photo.ID, Revision: 1})
	r.peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
	r.peer.On("lacks", func(w http.ResponseWriter, _ rig.JSON) { w.WriteHeader(http.StatusNotFound) })
	r.turn()
	for _, c := range r.peer.Calls("uploadPictures") {
		require.Greater(t, int64(c.Size), photo.Size, "no smaller copy")
	}
	require.Equal(t, "retrying", r.states())
}
