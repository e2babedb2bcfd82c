package peers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
	"fieldproof/wording"
)

// named is what a Fieldproof is answered.
func (v *hosting) named(address string, file io.Reader, members map[string]any) (answer map[string]any) {
	v.T.Helper()
	said := map[string]any{"fieldproof": "share1", "account": "the-vendor"}
	for name, value := range members {
		said[name] = value
	}
	require.NoError(v.T, json.Unmarshal([]byte(v.ask(address, file, said)), &answer))
	return answer
}

// shared is a host whose vendor's account is linked, and has an order.
func newShared(t *testing.T) (*hosting, *models.WorkOrder) {
	v := newHosting(t)
	o := given(v.House, "ACME", "77", v.vendor)
	o.Lifecycle.State = models.Assigned
	v.Write(func(tx *models.Tx) error { return tx.SaveOrder(o) })
	require.Equal(t, true, v.named("validate", nil, map[string]any{"accountName": "Lone Star Lawns", "keys": "[]"})["validated"])
	v.ask("getWorkOrders", nil, nil)
	return v, o
}

func (v *hosting) item(uuid string) *models.Item {
	v.T.Helper()
	i, err := models.One[models.Item](models.OfUUID(v.Store.Read(v.Ctx), uuid), "item")
	require.NoError(v.T, err)
	return i
}

func (v *hosting) alerts() (all []models.Alert) {
	v.T.Helper()
	require.NoError(v.T, v.Store.Read(v.Ctx).Find(&all).Error)
	return all
}

func TestAnItemIsRevisedByTheLinkThatItCameBy(t *testing.T) {
	v, o := newShared(t)
	bytesOf := rig.JPEG(80, 60, 1)
	photo := func(revision string, more map[string]any) map[string]any {
		m := map[string]any{"uuid": "0b8e4c8e-6d1f-4f0e-9a55-000000000001", "orderId": o.ID, "key2": "another number", "key4": "Lawn", "fileType": "picture", "evidenceType": "before", "revision": revision}
		for name, value := range more {
			m[name] = value
		}
		return m
	}
	require.Equal(t, map[string]any{"status": true, "error": nil, "fieldproof": "share1", "revision": "2"}, v.named("uploadPictures", bytes.NewReader(bytesOf), photo("2", nil)))
	i := v.item("0b8e4c8e-6d1f-4f0e-9a55-000000000001")
	require.Equal(t, []any{models.FromShare, o.ID, int64(2), int64(1)}, []any{i.Source, i.WorkOrderID, i.PeerRevision, i.Revision})

	for _, late := range []string{"1", "2"} {
		require.Equal(t, "2", v.named("uploadPictures", bytes.NewReader(bytesOf), photo(late, map[string]any{"evidenceType": "after", "withdrawn": "true"}))["revision"])
	}
	require.Equal(t, []any{"before", int64(1)}, []any{v.item(i.UUID).EvidenceType, v.item(i.UUID).Revision}, "a lower or the same revision changes nothing")

	// What is said anew needs no bytes, where its hash says which.
	require.Equal(t, "5", v.named("uploadPictures", nil, photo("5", map[string]any{"evidenceType": "after", "withdrawn": "true", "sha256": i.SHA256, "gpsLatitude": "12.5", "gpsLongitude": "7", "timestamp": "1700000000"}))["revision"])
	now := v.item(i.UUID)
	require.Equal(t, []any{"after", true, int64(5), int64(2), i.TakenAt, i.Position}, []any{now.EvidenceType, now.WithdrawnAt != nil, now.PeerRevision, now.Revision, now.TakenAt, now.Position})
	require.Equal(t, "bytes_needed", v.named("uploadPictures", nil, map[string]any{"uuid": "0b8e4c8e-6d1f-4f0e-9a55-000000000009", "orderId": o.ID, "fileType": "picture", "sha256": strings.Repeat("0", 64)})["code"])

	// Another's words change nothing of it.
	require.Equal(t, `{"error":null,"status":true}`, v.ask("uploadPictures", bytes.NewReader(bytesOf), map[string]any{"uuid": i.UUID, "key2": "77", "fileType": "picture", "evidenceType": "during", "revision": "9"}))
	require.Equal(t, "after", v.item(i.UUID).EvidenceType)

	// Other bytes are refused, with both hashes, and shown.
	refused := v.named("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 2)), photo("6", nil))
	require.Equal(t, []any{false, "other_bytes"}, []any{refused["status"], refused["code"]})
	require.Contains(t, refused["error"], i.SHA256)
	alerts := v.alerts()
	require.Len(t, alerts, 1)
	require.Equal(t, refused["error"], alerts[0].Detail)
	require.Contains(t, wording.In("en", "US", time.UTC).Alert(alerts[0]).Title, "Lone Star Lawns")

	// What is lacked is what is not here, not so new, or of other bytes.
	asked := fmt.Sprintf(`[{"uuid":%q,"sha256":%q,"revision":"5"},{"uuid":"none-of-ours","sha256":"","revision":"1"}]`, strings.ToUpper(i.UUID), i.SHA256)
	require.Equal(t, `["none-of-ours"]`, v.named("lacks", nil, map[string]any{"items": asked})["lacks"])
	require.Equal(t, fmt.Sprintf(`[%q]`, i.UUID), v.named("lacks", nil, map[string]any{"items": []map[string]any{{"uuid": i.UUID, "sha256": i.SHA256, "revision": 6}}})["lacks"])
	require.Equal(t, fmt.Sprintf(`[%q]`, i.UUID), v.named("lacks", nil, map[string]any{"items": []map[string]any{{"uuid": i.UUID, "sha256": strings.Repeat("0", 64), "revision": 1}}})["lacks"])
	many := make([]map[string]any, 1001)
	require.Contains(t, v.named("lacks", nil, map[string]any{"items": many})["error"], "At most 1000")
}

func TestAPeerHearsNothingOfAnItemThatItDidNotBring(t *testing.T) {
	v, o := newShared(t)
	photo := map[string]any{"uuid": "0b8e4c8e-6d1f-4f0e-9a55-000000000001", "orderId": o.ID, "fileType": "picture", "revision": "1"}
	require.Equal(t, true, v.named("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 1)), photo)["status"])
	i, crew := v.item("0b8e4c8e-6d1f-4f0e-9a55-000000000001"), login(v.House, "crew")
	i.ShareLinkID, i.UploadedBy, i.Source, i.WorkOrderID = "", crew.ID, models.MobileCamera, given(v.House, "ACME", "78", crew).ID
	v.Write(func(tx *models.Tx) error { return tx.Save(i).Error })
	refused := v.named("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 2)), photo)
	require.Equal(t, []any{false, "other_bytes"}, []any{refused["status"], refused["code"]})
	require.NotContains(t, fmt.Sprint(refused), i.SHA256)
	require.Len(t, v.alerts(), 1)
	require.Equal(t, true, v.named("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 1)), photo)["status"], "the very bytes are here: nothing is sent twice")
}

func TestAStatusNeverGoesBackwards(t *testing.T) {
	v, o := newShared(t)
	tell := func(number, fieldStatus, reason string) map[string]any {
		return v.named("status", nil, map[string]any{"workOrders": []map[string]any{{"workOrderNumber": "none of theirs", "orderId": o.ID, "number": number, "fieldStatus": fieldStatus, "reason": reason}}})
	}
	require.Equal(t, map[string]any{"status": true, "error": nil, "fieldproof": "share1", "number": "3"}, tell("3", "In Process", ""))
	require.Len(t, v.wishes(), 1)
	require.Equal(t, "3", tell("2", "complete", "")["number"], "the sender learns which was seen")
	require.Len(t, v.wishes(), 1, "what comes late changes nothing")
	tell("2", "complete", "")
	var noted []models.HistoryEvent
	require.NoError(t, v.Store.Read(v.Ctx).Where("work_order_id = ? AND reason LIKE ?", o.ID, "The status %").Find(&noted).Error)
	require.Len(t, noted, 1, "and is noted once")

	require.Equal(t, "4", tell("4", "Canceled", "the gate is locked")["number"])
	require.Len(t, v.wishes(), 1)
	alerts := v.alerts()
	require.Len(t, alerts, 1)
	require.Contains(t, alerts[0].Detail, "the gate is locked")
	require.Equal(t, "5", tell("5", "complete", "")["number"])
	require.Len(t, v.wishes(), 2)
	n, err := models.One[models.PeerNumber](v.Store.Read(v.Ctx).Where("work_order_id = ?", o.ID), "number")
	require.NoError(t, err)
	require.Equal(t, []any{int64(5), models.FieldCompleted}, []any{n.StatusNumber, n.FieldStatus})

	// To somebody else it says what section 8 says.
	require.Equal(t, `{"error":null,"status":true}`, v.ask("status", nil, map[string]any{"workOrders": []map[string]any{{"workOrderNumber": "77", "number": "1", "fieldStatus": "complete"}}}))
	v.Write(func(tx *models.Tx) error {
		o.AssigneeID = nil
		return tx.SaveOrder(o)
	})
	require.Equal(t, "not_found", tell("6", "complete", "")["code"])
}

func TestASurveyKeepsItsHash(t *testing.T) {
	v, o := newShared(t)
	kept := `[{"id":"q1", "answer":"Yes","hint":"as the phone wrote it"}]`
	survey := map[string]any{"uuid": "0b8e4c8e-6d1f-4f0e-9a55-00000000000a", "orderId": o.ID, "fileType": "survey", "revision": "1", "sha256": models.HashText(kept), "answers": kept,
		"survey": `{"meta":{"surveyTemplateId":"pcr"},"answers":[{"id":"q1","answer":"Yes","answerOptions":[],"hint":"as the phone wrote it"}]}`}
	require.Equal(t, true, v.named("uploadPictures", nil, survey)["status"])
	i := v.item("0b8e4c8e-6d1f-4f0e-9a55-00000000000a")
	require.Equal(t, []any{models.SurveyResponse, kept, models.HashText(kept), "pcr"}, []any{i.Kind, i.Answers, i.SHA256, i.SurveyID})
	require.Equal(t, "1", v.named("uploadPictures", nil, survey)["revision"], "the same again is the same")

	// Without them, or with others than the hash is of, the answers count as the wire has them.
	survey["uuid"], survey["answers"] = "0b8e4c8e-6d1f-4f0e-9a55-00000000000b", "[]"
	require.Equal(t, true, v.named("uploadPictures", nil, survey)["status"])
	require.Contains(t, v.item("0b8e4c8e-6d1f-4f0e-9a55-00000000000b").Answers, `"q1"`)
	check := map[string]any{"uuid": "0b8e4c8e-6d1f-4f0e-9a55-00000000000c", "orderId": o.ID, "fileType": "check_in", "revision": "1", "gpsLatitude": "30.1", "gpsLongitude": "-97.2", "timestamp": "1700000000"}
	require.Equal(t, true, v.named("uploadPictures", nil, check)["status"])
	require.Equal(t, []any{models.CheckIn, 30.1}, []any{v.item(check["uuid"].(string)).Kind, *v.item(check["uuid"].(string)).Position.Latitude})
}
