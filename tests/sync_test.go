package tests

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// synced is what a phone is told since a cursor.
func synced(u *rig.User, cursor string) rig.Answer {
	u.T.Helper()
	return u.Want(200, "GET", "/sync?cursor="+cursor, nil)
}

// idsIn are the ids of a list of an answer.
func idsIn(a rig.Answer, list string) []string {
	ids := []string{}
	for i := range a.List(list) {
		ids = append(ids, a.Text(list, i, "id"))
	}
	return ids
}

// TestARestoredServerGivesAPhoneEverything loses what was told since the backup, the cursor with it.
func TestARestoredServerGivesAPhoneEverything(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		kept := synced(crew, "").Text("cursor")
		crew.Upload(order.Text("id"), rig.JPEG(60, 40, 1))
		lost := synced(crew, kept).Text("cursor")
		require.NotEqual(t, kept, lost)
		require.NoError(t, storeOf(t, in).Write(models.AcrossAccounts(context.Background()), func(tx *models.Tx) error {
			return tx.Where("id = ?", lost).Delete(&models.SyncPoint{}).Error
		}))
		after := synced(crew, lost)
		require.Equal(t, true, after.Get("everything"))
		require.Equal(t, []string{order.Text("id")}, idsIn(after, "orders"))
		require.Len(t, after.List("photos"), 1)
	})
}

// TestADayOfFortyOrdersIsASmallAnswer changes ten of forty orders with surveys.
func TestADayOfFortyOrdersIsASmallAnswer(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		var templates []string
		for n := range 4 {
			questions := []rig.JSON{}
			for q := range 40 {
				questions = append(questions, rig.JSON{"id": fmt.Sprintf("q%d", q), "question": fmt.Sprintf("Question %d of form %d: what do you see there, and since when?", q, n), "answerType": "text", "hint": uuid.NewString()})
			}
			made := office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": fmt.Sprintf("form%d", n), "name": "Form"}, "questions": questions})
			templates = append(templates, made.Text("reference"))
		}
		var orders []string
		for n := range 40 {
			orders = append(orders, office.Order(rig.JSON{"assignee": crew.Username, "instructions": "<p>" + strings.Repeat(fmt.Sprintf("Edge %d, mow, and rake the bed by the fence. ", n), 10) + uuid.NewString() + "</p>",
				"work_order_info": uuid.NewString(), "tasks": []rig.JSON{{"name": "Front", "required_photos": rig.JSON{"before": 2, "after": 2}}, {"name": "Back", "required_photos": rig.JSON{"before": 2}},
					{"name": "Form", "survey_id": templates[n%4]}}}).Text("id"))
		}
		first := synced(crew, "")
		require.Len(t, first.List("orders"), 40)
		require.Len(t, first.List("surveys"), 4)
		for n, id := range orders[:10] {
			office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"instructions": "<p>" + strings.Repeat("Now the hedge too. ", 20) + uuid.NewString() + "</p>"})
			for p := range 6 {
				crew.Upload(id, rig.JPEG(40, 30, uint64(100*n+p)))
			}
		}
		var changed rig.Answer
		office.Await("the orders to be in progress", func() bool {
			changed = synced(crew, first.Text("cursor"))
			return strings.Count(string(changed.Body), `"state":"in_progress"`) == 10
		})
		require.Len(t, changed.List("orders"), 10)
		require.Len(t, changed.List("photos"), 60)
		for what, body := range map[string][]byte{"ten changed": changed.Body, "the whole day": first.Body} {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, err := w.Write(body)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			t.Logf("%s: %d bytes, %d gzipped", what, len(body), packed.Len())
			require.True(t, what != "ten changed" || packed.Len() <= 60_000)
		}
	})
}

// TestAPackedBodyIsTaken announces as phones do.
func TestAPackedBodyIsTaken(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		post := func(encoding string, body []byte) int {
			request, err := http.NewRequest("POST", in.URL+"/api/v1/announcements", bytes.NewReader(body))
			require.NoError(t, err)
			request.Header.Set("Authorization", "Bearer "+crew.Token)
			request.Header.Set("Content-Type", "application/json")
			request.Header.Set("Content-Encoding", encoding)
			response, err := (&http.Client{Transport: &http.Transport{}}).Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			return response.StatusCode
		}
		pack := func(text []byte) []byte {
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, err := w.Write(text)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			return packed.Bytes()
		}
		body, err := json.Marshal(announcement("", announced(order.Text("id"), uuid.NewString(), []byte("x"))))
		require.NoError(t, err)
		require.Equal(t, 200, post("gzip", pack(body)))
		require.Equal(t, 1.0, awaitedOf(office, order.Text("id")))
		require.Equal(t, 400, post("gzip", body))
		require.Equal(t, 400, post("gzip", pack(body)[:30]))
		require.Equal(t, 415, post("br", body))
		require.Equal(t, 413, post("gzip", pack(bytes.Repeat([]byte(" "), 50<<20))), "a small body that unpacks to a large one")
	})
}
