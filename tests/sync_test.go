package tests

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

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

// idsIn are the ids of an answer's orders.
func idsIn(a rig.Answer) []string {
	ids := []string{}
	for i := range a.List("orders") {
		ids = append(ids, a.Text("orders", i, "id"))
	}
	return ids
}

func TestAPhoneIsToldWhatChangedHoweverLongAgo(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, other := office.Colleague("crew"), office.Colleague("crew")
		template := office.Want(201, "POST", "/surveys", survey("lawn"+strings.ReplaceAll(uuid.NewString(), "-", ""))).Text("reference")
		mine := office.Order(rig.JSON{"assignee": crew.Username, "description": "office only", "work_order_info": "Lock box 4711",
			"tasks": []rig.JSON{{"name": "Lawn", "required_photos": rig.JSON{"before": 1}}, {"name": "Form", "survey_id": template}}})
		all := office.Order(rig.JSON{"assignee": "~all~"}).Text("id")
		office.Order(rig.JSON{"assignee": other.Username})
		id, task, form := mine.Text("id"), mine.Text("tasks", 0, "id"), mine.Text("tasks", 1, "id")

		first := synced(crew, "")
		require.Equal(t, true, first.Get("everything"))
		require.ElementsMatch(t, []string{id, all}, idsIn(first))
		at := slices.Index(idsIn(first), id)
		require.Equal(t, []any{"Lock box 4711", nil, map[string]any{}, nil}, []any{first.Get("orders", at, "work_order_info"), first.Get("orders", at, "description"), first.Get("orders", at, "taken"), first.Get("orders", at, "rework")})
		require.Equal(t, []any{form, first.Text("surveys", 0, "id")}, []any{first.Get("orders", at, "surveys", 0, "task_id"), first.Get("orders", at, "surveys", 0, "survey")})
		require.Equal(t, "Inspection", first.Text("surveys", 0, "template", "meta", "name"))
		require.Contains(t, first.List("me", "privileges"), "add_tasks")
		measured, err := time.Parse(time.RFC3339Nano, first.Text("now"))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), measured, time.Minute)

		same := synced(crew, first.Text("cursor"))
		require.Equal(t, []any{false, first.Text("cursor"), 0, 0, 0, 0}, []any{same.Get("everything"), same.Get("cursor"), len(same.List("orders")), len(same.List("gone")), len(same.List("surveys")), len(same.List("photos"))})

		photo := crew.Upload(id, rig.JPEG(60, 40, 1), "task_id", task, "evidence_type", "before", "notes", "gate")
		crew.AwaitState(id, "in_progress")
		office.Want(200, "PATCH", "/work-orders/"+all, rig.JSON{"instructions": "<p>Ring twice.</p>"})
		second := synced(crew, first.Text("cursor"))
		require.ElementsMatch(t, []string{id, all}, idsIn(second))
		require.Empty(t, second.List("surveys"), "the phone has it")
		at = slices.Index(idsIn(second), id)
		require.Equal(t, map[string]any{task: map[string]any{"before": 1.0}}, second.Get("orders", at, "taken"))
		require.Equal(t, []any{photo.Text("id"), photo.Text("uuid"), id, task, photo.Text("sha256"), "pending", "gate", false}, []any{second.Get("photos", 0, "id"), second.Get("photos", 0, "uuid"), second.Get("photos", 0, "work_order_id"),
			second.Get("photos", 0, "task_id"), second.Get("photos", 0, "sha256"), second.Get("photos", 0, "review"), second.Get("photos", 0, "notes"), second.Get("photos", 0, "deleted")})

		// Sent back with a reason; its survey comes back with its answers.
		crew.Want(201, "POST", "/work-orders/"+id+"/survey-responses", rig.JSON{"uuid": uuid.NewString(), "task_id": form, "answers": []rig.JSON{answer("isVacant", "Yes"), answer("rooms", 3), answer("front", "", photo.Text("uuid"))}})
		crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		third := synced(crew, second.Text("cursor"))
		require.Equal(t, []any{"completed", form}, []any{third.Get("orders", 0, "state"), third.Get("orders", 0, "answered", 0)})
		office.Want(200, "POST", "/work-orders/"+id+"/reject", rig.JSON{"reason": "The gate is blurred.", "item_ids": []string{photo.Text("id")}})
		office.Want(200, "PATCH", "/users/"+office.ID, rig.JSON{"name": "Dana Reyes"})
		back := synced(crew, third.Text("cursor"))
		require.Equal(t, []any{"rework", "The gate is blurred.", office.Username, "Dana Reyes", photo.Text("id")}, []any{back.Get("orders", 0, "priority"), back.Get("orders", 0, "rework", "reason"), back.Get("orders", 0, "rework", "by"), back.Get("orders", 0, "rework", "by_name"), back.Get("orders", 0, "rework", "item_ids", 0)})
		require.Equal(t, []any{"rejected", "The gate is blurred."}, []any{back.Get("photos", 0, "review"), back.Get("photos", 0, "reason")})
		require.Equal(t, "isVacant", back.Text("orders", 0, "surveys", 0, "answers", 0, "id"))

		// What is taken away is gone, and says nothing more; an old cursor says all that happened since.
		office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": other.Username})
		office.Want(200, "POST", "/work-orders/"+all+"/cancel", rig.JSON{"reason": "sold"})
		last := synced(crew, back.Text("cursor"))
		require.ElementsMatch(t, []any{id, all}, last.List("gone"))
		require.Empty(t, last.List("orders"))
		require.NotContains(t, string(last.Body), "4711")
		fromFirst := synced(crew, first.Text("cursor"))
		require.Equal(t, []any{false, 2, "rejected"}, []any{fromFirst.Get("everything"), len(fromFirst.List("gone")), fromFirst.Get("photos", 0, "review")})
		require.Equal(t, true, synced(other, back.Text("cursor")).Get("everything"), "another person's cursor is nobody's")
		require.Equal(t, true, synced(crew, "!").Get("everything"))
	})
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
		require.Equal(t, []string{order.Text("id")}, idsIn(after))
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
