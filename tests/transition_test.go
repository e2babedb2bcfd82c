package tests

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestIllegalTransitionsNameStateAndWhatIsAllowed(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		id := office.Order(nil).Text("id")
		for _, event := range []string{"complete", "approve", "publish", "reopen", "close", "unassign"} {
			a := office.Want(409, "POST", "/work-orders/"+id+"/"+event, nil)
			require.Equal(t, "created", a.Text("state"), event)
			require.Contains(t, a.List("allowed"), "assign")
			require.Contains(t, a.Text("detail"), "created")
		}
		office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": "~all~"})
		office.Want(409, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": "~all~"})
		office.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		office.Want(409, "POST", "/work-orders/"+id+"/complete", nil)
		office.WantField(422, "reason", "POST", "/work-orders/"+id+"/reject", nil)
		rejected := office.Want(200, "POST", "/work-orders/"+id+"/reject", rig.JSON{"reason": "blurred"})
		require.Equal(t, []string{"assigned", "rework", "updated"}, []string{rejected.Text("state"), rejected.Text("priority"), rejected.Text("field_status")})
		office.Want(200, "POST", "/work-orders/"+id+"/unassign", nil)
		office.Want(200, "POST", "/work-orders/"+id+"/cancel", rig.JSON{"reason": "client withdrew"})
		office.Want(200, "POST", "/work-orders/"+id+"/close", nil)
		office.Want(409, "PATCH", "/work-orders/"+id, rig.JSON{"reference": "x"})
		require.Equal(t, "cancelled", office.Want(200, "POST", "/work-orders/"+id+"/reopen", nil).Text("state"))
		require.Equal(t, "created", office.Want(200, "POST", "/work-orders/"+id+"/reopen", nil).Text("state"))
		history := office.Want(200, "GET", "/work-orders/"+id+"/events", nil)
		for i, e := range history.List("items") {
			require.EqualValues(t, i+1, e.(map[string]any)["sequence"])
			require.Equal(t, office.Username, e.(map[string]any)["actor"])
		}
		require.Equal(t, "client withdrew", history.Text("items", 5, "reason"))
	})
}

func TestADeletedOrderIsGoneUntilItIsRestored(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"client_code": "C"})
		id := order.Text("id")
		crew.Upload(id, rig.JPEG(100, 80, 1))
		crew.AwaitState(id, "in_progress")
		office.Want(204, "DELETE", "/work-orders/"+id, nil)
		for _, u := range []*rig.User{office, crew} {
			u.Want(404, "GET", "/work-orders/"+id, nil)
			require.NotContains(t, string(u.Want(200, "GET", "/work-orders", nil).Body), id)
		}
		office.Want(204, "DELETE", "/work-orders/"+id, nil)
		late := crew.Upload(id, rig.JPEG(100, 80, 2)) // a phone two days offline
		taken := office.Order(rig.JSON{"client_code": "C", "work_order_number": order.Text("work_order_number")})
		office.WantField(409, "work_order_number", "POST", "/work-orders/"+id+"/restore", nil)
		office.Want(200, "PATCH", "/work-orders/"+taken.Text("id"), rig.JSON{"work_order_number": "another"})
		require.Equal(t, "in_progress", office.Want(200, "POST", "/work-orders/"+id+"/restore", nil).Text("state"))
		require.Contains(t, string(office.Want(200, "GET", "/work-orders/"+id+"/photos", nil).Body), late.Text("uuid"))
		require.Equal(t, "completed", crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil).Text("state"))
	})
}

func TestTheSameKeyGivesTheSameOutcome(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		body := rig.NewOrder(nil)
		first := office.Want(201, "POST", "/work-orders", body, "Idempotency-Key", "k1")
		again := office.Want(201, "POST", "/work-orders", body, "Idempotency-Key", "k1")
		require.Equal(t, string(first.Body), string(again.Body))
		require.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
		body["reference"] = "other"
		office.WantField(422, "Idempotency-Key", "POST", "/work-orders", body, "Idempotency-Key", "k1")
		id := first.Text("id")
		refused := office.Want(409, "POST", "/work-orders/"+id+"/approve", nil, "Idempotency-Key", "k2")
		office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": "~all~"}, "Idempotency-Key", "k3")
		office.Want(200, "POST", "/work-orders/"+id+"/complete", nil, "Idempotency-Key", "k4")
		require.Equal(t, string(refused.Body), string(office.Want(409, "POST", "/work-orders/"+id+"/approve", nil, "Idempotency-Key", "k2").Body), "a refusal is an outcome too")
		office.Want(200, "POST", "/work-orders/"+id+"/complete", nil, "Idempotency-Key", "k4")
		office.Want(409, "POST", "/work-orders/"+id+"/complete", nil)
		hook := rig.JSON{"name": "h", "kind": "webhook", "settings": rig.JSON{"url": "https://example.com/"}}
		secret := office.Want(201, "POST", "/destinations", hook, "Idempotency-Key", "k5").Text("settings", "secret")
		require.Equal(t, secret, office.Want(201, "POST", "/destinations", hook, "Idempotency-Key", "k5").Text("settings", "secret"))
		require.Len(t, office.Want(200, "GET", "/destinations", nil).List("items"), 1)

		var wg sync.WaitGroup
		answers := make([]rig.Answer, 8)
		for i := range answers {
			wg.Go(func() {
				answers[i] = office.Do("POST", "/work-orders/"+id+"/approve", nil, "Idempotency-Key", "together")
			})
		}
		wg.Wait()
		for _, a := range answers {
			require.Equal(t, 200, a.Status, string(a.Body))
			require.Equal(t, string(answers[0].Body), string(a.Body))
		}
	})
}

func TestNobodyOverwritesWhatTheyHaveNotSeen(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		a := office.Order(nil)
		id, tag := a.Text("id"), office.Want(200, "GET", "/work-orders/"+a.Text("id"), nil).Header.Get("ETag")
		require.NotEmpty(t, tag)
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"reference": "first"}, "If-Match", tag)
		office.Want(412, "PATCH", "/work-orders/"+id, rig.JSON{"reference": "second"}, "If-Match", tag)
		office.Want(412, "POST", "/work-orders/"+id+"/cancel", nil, "If-Match", tag)
		got := office.Want(200, "GET", "/work-orders/"+id, nil)
		require.Equal(t, []string{"first", "created"}, []string{got.Text("reference"), got.Text("state")})
		office.Want(200, "POST", "/work-orders/"+id+"/cancel", nil, "If-Match", got.Header.Get("ETag"))
	})
}

func TestEditsMergeTasksById(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"tasks": []rig.JSON{{"name": "A", "required_photos": rig.JSON{"before": 1}}, {"name": "B"}}, "due_date": "2026-05-04"})
		path := "/work-orders/" + order.Text("id")
		a := office.Want(200, "PATCH", path, rig.JSON{"due_date": nil, "address": rig.JSON{"zip": "78665"},
			"tasks": []rig.JSON{{"id": order.Text("tasks", 1, "id"), "instructions": "<b>now</b><script>x</script>"}, {"name": "C"}}})
		require.Equal(t, "A B C", fmt.Sprint(a.Text("tasks", 0, "name"), " ", a.Text("tasks", 1, "name"), " ", a.Text("tasks", 2, "name")))
		require.Equal(t, "<b>now</b>", a.Text("tasks", 1, "instructions"))
		require.Nil(t, a.Get("due_date"))
		require.Equal(t, []string{"78665", "12 Oak Street"}, []string{a.Text("address", "zip"), a.Text("address", "address1")})
		require.EqualValues(t, 1, a.Get("tasks", 0, "required_photos", "before"))
		office.WantField(422, "state", "PATCH", path, rig.JSON{"state": "closed"})
		office.WantField(422, "assignee", "PATCH", path, rig.JSON{"assignee": crew.Username})
		office.WantField(422, "tasks[3].name", "PATCH", path, rig.JSON{"tasks": []rig.JSON{{"name": "a"}}})
		require.Len(t, crew.Want(200, "PATCH", path, rig.JSON{"tasks": []rig.JSON{{"name": "D"}}}).List("tasks"), 4, "the crew may add tasks")
		crew.Want(403, "PATCH", path, rig.JSON{"reference": "x"})
		office.Want(200, "PATCH", path, rig.JSON{"tasks": []rig.JSON{{"id": order.Text("tasks", 0, "id"), "remove": true}}})
		require.Len(t, office.Want(200, "GET", path, nil).List("tasks"), 3)
		d := office.Want(201, "POST", path+"/duplicate", nil)
		require.Equal(t, order.Text("work_order_number")+"__1", d.Text("work_order_number"))
		require.Len(t, d.List("tasks"), 3)
		require.Nil(t, d.Get("assignee"))
		require.Equal(t, order.Text("work_order_number")+"__2", office.Want(201, "POST", path+"/duplicate", nil).Text("work_order_number"))
	})
}

func TestPoliciesPublishByThemselves(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"qa_policy": "auto_publish"})
		id := order.Text("id")
		crew.Upload(id, rig.JPEG(100, 80, 1))
		crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		office.AwaitState(id, "published")
		crew.Upload(id, rig.JPEG(100, 80, 2))
		office.Await("a second publication of the late item", func() bool {
			return len(office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).List("items")) == 2
		})
	})
}

func TestUnderOfficeReviewNothingGoesOutUnseen(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id := order.Text("id")
		good, bad := crew.Upload(id, rig.JPEG(100, 80, 1)), crew.Upload(id, rig.JPEG(100, 80, 2))
		crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		office.Want(200, "PATCH", "/photos/"+bad.Text("id"), rig.JSON{"review": "rejected", "reason": "blurred"})
		office.Want(200, "POST", "/work-orders/"+id+"/approve", nil)
		late := crew.Upload(id, rig.JPEG(100, 80, 3))
		office.Await("the late item's alert", func() bool {
			return office.Want(200, "GET", "/alerts", nil).Text("items", 0, "kind") == "late_items"
		})
		after := office.Want(200, "GET", "/work-orders/"+id, nil)
		require.Equal(t, []any{"approved", true}, []any{after.Text("state"), after.Get("has_new_items")})
		office.Want(200, "POST", "/work-orders/"+id+"/publish", nil)
		items := func() any {
			return office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).Get("items", 0, "items")
		}
		require.EqualValues(t, 1, items(), "only "+good.Text("uuid"))
		office.Want(409, "POST", "/work-orders/"+id+"/publish", nil)
		office.Want(200, "PATCH", "/photos/"+late.Text("id"), rig.JSON{"review": "approved"})
		office.Want(200, "POST", "/work-orders/"+id+"/publish", nil)
		require.EqualValues(t, 1, items())
		office.WantField(422, "destination_ids[0]", "POST", "/work-orders/"+id+"/publish", rig.JSON{"destination_ids": []string{uuid.NewString()}})
	})
}

func TestACheckInMayBeRequired(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"options": rig.JSON{"check_in_required": true}, "latitude": 30.0, "longitude": -97.0})
		path := "/work-orders/" + order.Text("id")
		crew.WantField(409, "check_ins", "POST", path+"/complete", nil)
		id := uuid.NewString()
		a := crew.Want(201, "POST", path+"/check-ins", rig.JSON{"uuid": id, "at": now(), "latitude": 30.0001, "longitude": -97.0, "accuracy": 5})
		require.Equal(t, true, a.Get("certification", "location"))
		crew.Want(200, "POST", path+"/check-ins", rig.JSON{"uuid": id, "at": now(), "latitude": 30.0001, "longitude": -97.0, "accuracy": 5})
		crew.AwaitState(order.Text("id"), "in_progress")
		require.Len(t, office.Want(200, "GET", path+"/check-ins", nil).List("items"), 1)
		crew.Want(200, "POST", path+"/complete", nil)

		// One that was recorded at a desk is not said to come from the app.
		require.Equal(t, true, a.Get("certification", "item"))
		desk := office.Want(201, "POST", path+"/check-ins", rig.JSON{"uuid": uuid.NewString(), "at": now(), "source": "web_upload"})
		require.Equal(t, false, desk.Get("certification", "item"))
		office.WantField(422, "source", "POST", path+"/check-ins", rig.JSON{"uuid": uuid.NewString(), "source": "peer"})
	})
}
