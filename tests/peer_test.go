package tests

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"fieldproof/tests/rig"
)

// external makes an integration with a peer.
func external(office *rig.User, peer *rig.Peer, password string) string {
	return office.Want(201, "POST", "/integrations", rig.JSON{"client_code": "PEER", "kind": "external",
		"settings": rig.JSON{"url": peer.URL + "/api", "extension": "php", "username": "vendor {braces}", "password": password}}).Text("id")
}

// refreshed asks for a fetch and waits for its end.
func refreshed(office *rig.User, id string, body any) rig.Answer {
	office.Want(202, "POST", "/integrations/"+id+"/refresh", body)
	var i rig.Answer
	office.Await("the refresh", func() bool {
		i = office.Want(200, "GET", "/integrations/"+id, nil)
		return i.Text("status") != "pending" && i.Text("status") != "running"
	})
	return i
}

func TestAPeerIsValidatedAndItsOrdersAreFetched(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("open sesame")
		defer peer.Close()
		office := rig.SignUp(t, in.URL)
		id := external(office, peer, "wrong")
		require.NotContains(t, string(office.Want(200, "GET", "/integrations/"+id, nil).Body), "wrong")
		require.Equal(t, map[string]any{"ok": false, "error": "The peer said: invalid username or password"}, map[string]any(office.Want(200, "POST", "/integrations/"+id+"/test", nil).JSON))
		office.Want(200, "PATCH", "/integrations/"+id, rig.JSON{"settings": rig.JSON{"password": "open sesame"}})
		require.Equal(t, true, office.Want(200, "POST", "/integrations/"+id+"/test", nil).Get("ok"))
		calls := peer.Calls("validate")
		last := calls[len(calls)-1]
		require.Equal(t, []string{"payload"}, last.Parts, "multipart, the payload its first part")
		require.Equal(t, "vendor {braces}", last.Payload["username"], "a peer that cuts at the first brace reads it whole")
		require.NotContains(t, last.Raw[1:len(last.Raw)-1], "{")
		require.Equal(t, "", last.Payload["token"], "a text, never null")
		require.NoError(t, json.Unmarshal([]byte(last.Raw), &struct{}{}))
		pushed := last.Payload["pushkey"].(string)
		require.True(t, strings.HasPrefix(pushed, in.URL+"/push/"))

		peer.Orders(`{"workOrders":[{"workOrderNumber":"1","address1":"a","city":"b","state":"TX","zip":"1","services":[{"serviceName":"S"}],"dueDate":"","status":null,"extra":1},null,{"workOrderNumber":"2"}],"error":""}`)
		i := refreshed(office, id, nil)
		require.Equal(t, []any{"idle", ""}, []any{i.Get("status"), i.Get("last_error")})
		log := office.Want(200, "GET", "/integrations/"+id+"/log", nil)
		require.Equal(t, []any{"refresh", "partly", 1.0, 1.0}, []any{log.Get("items", 0, "kind"), log.Get("items", 0, "outcome"), log.Get("items", 0, "created"), log.Get("items", 0, "rejected")})
		require.Contains(t, string(log.Body), `"extra":1`, "what nobody knows is kept in the log")
		require.Len(t, office.Want(200, "GET", "/work-orders?client_code=PEER", nil).List("items"), 1)

		first := peer.Calls("getWorkOrders")[0].Payload
		require.Contains(t, first, "timestamp")
		require.Nil(t, first["timestamp"], "the first one is full")
		rig.Send(t, rig.Client, http.MethodGet, pushed, "", nil) // as the peer does when something changed
		office.Await("the refresh by push key", func() bool { return len(peer.Calls("getWorkOrders")) == 2 })
		since, _ := peer.Calls("getWorkOrders")[1].Payload["timestamp"].(float64)
		require.InDelta(t, time.Now().Unix()-300, since, 60, "what changed since the last one, with an overlap")
		refreshed(office, id, rig.JSON{"full": true})
		calls = peer.Calls("getWorkOrders")
		require.Nil(t, calls[len(calls)-1].Payload["timestamp"])
		require.Len(t, office.Want(200, "GET", "/work-orders?client_code=PEER", nil).List("items"), 1, "always the full set changes nothing")
	})
}

func TestHabitsOfPeersAreUnderstood(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("x")
		defer peer.Close()
		office := rig.SignUp(t, in.URL)
		id := external(office, peer, "x")
		order := func(n int) string {
			return fmt.Sprintf(`{"workOrderNumber":%d,"address1":"a","city":"b","state":"Texas","zip":1234,"services":[{"serviceName":"S","survey":null,"options":null}],"dueDate":"1969-12-31","workorderId":9}`, n)
		}
		for n, good := range []string{`1`, `null`, `{"workOrders":null}`, `{"workOrders":[],"error":""}`, `{"workOrders":1}`, "\xEF\xBB\xBF" + `{"error":null,"workOrders":[` + order(5) + `]}`, `[` + order(5) + `,null]`, `{"workOrders":null,"error":"success"}`} {
			peer.Orders(good)
			i := refreshed(office, id, nil)
			require.Equal(t, []any{"idle", ""}, []any{i.Get("status"), i.Get("last_error")}, "%d: %s", n, good)
		}
		o := office.Want(200, "GET", "/work-orders?client_code=PEER", nil)
		require.Equal(t, []any{"5", "01234", "Texas"}, []any{o.Get("items", 0, "work_order_number"), o.Get("items", 0, "address", "zip"), o.Get("items", 0, "address", "state")})
		for bad, why := range map[string]string{
			`{"error":"invalid username or password"}`: "invalid username or password", `<html>It works!</html>`: "It works!", `{"workOrders":[{"a":`: "ends in the middle", ``: "nothing",
			`{"workOrders":{"a":1}}`: "want a list",
		} {
			peer.Orders(bad)
			i := refreshed(office, id, nil)
			require.Equal(t, "error", i.Text("status"), bad)
			require.Contains(t, i.Text("last_error"), why)
		}
		peer.On("getWorkOrders", func(w http.ResponseWriter, _ rig.JSON) {
			w.WriteHeader(500)
			rig.Say(w, "Fatal error: Allowed memory size exhausted")
		})
		require.Contains(t, refreshed(office, id, nil).Text("last_error"), "Allowed memory size exhausted")
		alerts := string(office.Want(200, "GET", "/alerts", nil).Body)
		require.Contains(t, alerts, "peer_in_trouble")
		peer.Orders(`{"workOrders":[]}`)
		require.Equal(t, "idle", refreshed(office, id, nil).Text("status"))
		peer.Close()
		i := refreshed(office, id, nil)
		require.Equal(t, "error", i.Text("status"))
		require.Contains(t, i.Text("last_error"), "does not answer")
		require.NotNil(t, i.Get("next_try_at"), "a peer that is down is tried again by itself")
	})
}

func TestAScheduleFetchesByItself(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("x")
		defer peer.Close()
		office := rig.SignUp(t, in.URL)
		id := external(office, peer, "x")
		c := temporalOf(t, in)
		schedule := c.ScheduleClient().GetHandle(t.Context(), "fetch/"+id)
		office.Want(200, "PATCH", "/integrations/"+id, rig.JSON{"settings": rig.JSON{"every_minutes": 30}})
		office.Await("the schedule", func() bool {
			d, err := schedule.Describe(t.Context())
			return err == nil && d.Schedule.Spec.Intervals[0].Every == 30*time.Minute && d.Schedule.Spec.Jitter > 0
		})
		office.Want(200, "PATCH", "/integrations/"+id, rig.JSON{"settings": rig.JSON{"every_minutes": 60}})
		office.Await("its change", func() bool {
			d, err := schedule.Describe(t.Context())
			return err == nil && d.Schedule.Spec.Intervals[0].Every == time.Hour
		})
		peer.Orders(`{"workOrders":null}`)
		require.NoError(t, schedule.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
		office.Await("the fetch", func() bool { return len(peer.Calls("getWorkOrders")) == 1 })
		if *record {
			recordHistory(t, in, "integration/"+id, "integration-"+in.Name)
			scheduled, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "WorkflowType = 'ScheduledFetch'"})
			require.NoError(t, err)
			for _, e := range scheduled.GetExecutions() {
				if run := e.GetExecution().GetWorkflowId(); strings.HasPrefix(run, "scheduled-fetch/"+id) {
					recordHistory(t, in, run, "scheduled-fetch-"+in.Name)
				}
			}
		}
		office.Want(200, "PATCH", "/integrations/"+id, rig.JSON{"enabled": false})
		office.Await("its end", func() bool {
			_, err := schedule.Describe(t.Context())
			return err != nil
		})
	})
}

// caller is an outside system that calls the four services which we host, written from section 8 alone.
type caller struct {
	t    *testing.T
	base string
	who  rig.JSON
}

func digest(password string) string {
	sum := sha1.Sum([]byte(password))
	return hex.EncodeToString(sum[:])
}

// call posts a payload, url-encoded, and decodes the answer.
func (c *caller) call(service string, more rig.JSON) rig.Answer {
	c.t.Helper()
	return rig.SendForm(c.t, c.base+"/"+service, url.Values{"payload": {c.payload(more)}})
}

func (c *caller) payload(more rig.JSON) string {
	payload := rig.JSON{}
	for _, some := range []rig.JSON{c.who, more} {
		for k, v := range some {
			payload[k] = v
		}
	}
	text, err := json.Marshal(payload)
	require.NoError(c.t, err)
	return string(text)
}

// upload posts an item; fileFirst puts the file before the payload.
func (c *caller) upload(more rig.JSON, file []byte, fileFirst bool) rig.Answer {
	c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part := func() {
		p, _ := w.CreateFormFile("file", "x")
		_, _ = p.Write(file)
	}
	if fileFirst {
		part()
	}
	_ = w.WriteField("payload", c.payload(more))
	if !fileFirst && file != nil {
		part()
	}
	_ = w.Close()
	return rig.Send(c.t, rig.Client, http.MethodPost, c.base+"/uploadPictures.php", w.FormDataContentType(), &b)
}

func TestWeHostTheExternalIntegrationAPI(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(200, "PATCH", "/account", rig.JSON{"zone": "America/Chicago"})
		vendor, rival := office.Colleague("subcontractor"), office.Colleague("subcontractor")
		c := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": strings.ToUpper(vendor.Username), "password": digest("correct horse"), "token": ""}}
		require.Equal(t, map[string]any{"error": "", "validated": true}, map[string]any(c.call("validate", rig.JSON{"pushkey": "https://example.com/push"}).JSON))

		for name, who := range map[string]rig.JSON{
			"token as typed": {"username": vendor.Username, "token": "correct horse"},
			"password clear": {"username": vendor.Username, "password": "correct horse"},
			"api token":      {"token": vendor.Want(201, "POST", "/tokens", rig.JSON{"name": "peer"}).Text("token")},
		} {
			require.Equal(t, true, (&caller{t, c.base, who}).call("validate.php", nil).Get("validated"), name)
		}
		crew := office.Colleague("crew")
		for name, who := range map[string]rig.JSON{
			"wrong": {"username": vendor.Username, "password": digest("wrong")}, "nobody": {"username": "nobody-" + uuid.NewString()[:8], "password": digest("x")},
			"no subcontractor": {"username": crew.Username, "password": digest("correct horse"), "token": "correct horse"}, "nothing": {},
		} {
			a := (&caller{t, c.base, who}).call("validate", nil)
			require.Equal(t, 200, a.Status)
			require.NotEqual(t, true, a.Get("validated"), name)
			require.NotEmpty(t, a.Text("error"), name)
			require.Equal(t, map[string]any{"error": "invalid username, password, or token"}, map[string]any((&caller{t, c.base, who}).call("getWorkOrders", nil).JSON), name)
		}

		office.Want(201, "POST", "/surveys", survey("hpirFull"))
		order := office.Order(rig.JSON{"work_order_number": "V-1", "client_code": "ACME", "assignee": vendor.Username, "description": "office only", "reference": "R", "work_order_info": "code 4711", "due_date": "2030-06-01", "due_time": "13:00",
			"attributes": rig.JSON{"attribute7": " x ", "inner": "kept here"}, "source": rig.JSON{"work_order_id": "77", "work_order_number": "N", "provider": "TOP"},
			"tasks": []rig.JSON{{"name": "COP: Trash", "required_photos": rig.JSON{"before": 5}, "instructions": "Take it away."}, {"name": "PCR", "survey_id": "hpirFull"}}})
		id := order.Text("id")
		office.Order(rig.JSON{"work_order_number": "R-1", "assignee": rival.Username})
		office.Order(rig.JSON{"work_order_number": "nobodys"})
		everybodys := office.Order(rig.JSON{"work_order_number": "E-1", "assignee": "~all~"}).Text("id")
		full := c.call("getWorkOrders", rig.JSON{"timestamp": nil})
		require.Equal(t, "", full.Text("error"))
		require.Len(t, full.List("workOrders"), 2, "exactly those assigned to them: %s", full.Body)
		w := rig.Answer{JSON: full.Get("workOrders", 1).(map[string]any)}
		require.Equal(t, []any{"V-1", "Assigned", "2030-06-01 1300 -0500", " x ", "77", "N", "TOP", "code 4711", "COP: Trash", "hpirFull-v1"},
			[]any{w.Get("workOrderNumber"), w.Get("status"), w.Get("dueDate"), w.Get("attribute7"), w.Get("source_wo_id"), w.Get("source_wo_number"), w.Get("source_wo_provider"), w.Get("workOrderInfo"), w.Get("services", 0, "serviceName"), w.Get("services", 1, "survey")})
		require.Equal(t, "isVacant", w.Text("services", 1, "surveyDynamic", "questions", 0, "id"))
		for _, hidden := range []string{"office only", "description", "reference", "kept here"} {
			require.NotContains(t, string(full.Body), hidden)
		}
		require.Len(t, c.call("getWorkOrders", rig.JSON{"timestamp": time.Now().Unix()}).List("workOrders"), 2, "what changed just before is not lost at the boundary")
		require.Empty(t, c.call("getWorkOrders", rig.JSON{"timestamp": time.Now().Add(time.Hour).Unix()}).List("workOrders"))

		report := func(status string) {
			require.Equal(t, map[string]any{"status": true, "error": nil}, map[string]any(c.call("status", rig.JSON{"workOrders": []rig.JSON{{"workOrderNumber": "V-1", "fieldStatus": status, "status": "x"}}}).JSON))
		}
		report("Viewed")
		require.Equal(t, "viewed", office.Want(200, "GET", "/work-orders/"+id, nil).Text("field_status"))
		report("In Process")
		office.AwaitState(id, "in_progress")
		report("complete")
		office.AwaitState(id, "completed")
		events := string(office.Want(200, "GET", "/work-orders/"+id+"/events", nil).Body)
		require.Contains(t, events, "needs 5 before photos", "a peer's completion is taken, and history lists what is missing")
		report("complete")

		photo, photoID := rig.JPEG(80, 60, 4), uuid.NewString()
		item := rig.JSON{"uuId": photoID, "key2": "V-1", "key4": "COP_ Trash", "fileType": "picture", "evidenceType": "Before", "timestamp": fmt.Sprint(time.Now().Unix()), "gpsLatitude": "30.5", "gpsLongitude": -97.6, "gpsAccuracy": nil, "notes": "n", "deviceId": 5}
		for _, first := range []bool{false, true} { // and again: one item
			require.Equal(t, map[string]any{"status": true, "error": nil}, map[string]any(c.upload(item, photo, first).JSON))
		}
		photos := office.Want(200, "GET", "/work-orders/"+id+"/photos", nil)
		require.Len(t, photos.List("items"), 1)
		require.Equal(t, []any{photoID, sha(photo), "before", "integration", order.Text("tasks", 0, "id"), vendor.Username, 30.5},
			[]any{photos.Get("items", 0, "uuid"), photos.Get("items", 0, "sha256"), photos.Get("items", 0, "evidence_type"), photos.Get("items", 0, "source"), photos.Get("items", 0, "task_id"), photos.Get("items", 0, "uploaded_by"), photos.Get("items", 0, "latitude")})
		answers, _ := json.Marshal(rig.JSON{"meta": rig.JSON{"surveyTemplateId": "hpirFull-v1"}, "answers": []rig.JSON{answer("isVacant", "Yes", photoID)}})
		require.Equal(t, true, c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "V-1", "key4": "PCR", "fileType": "survey", "survey": string(answers), "template": "xyz::hpirFull-v1"}, nil, false).Get("status"))
		responses := office.Want(200, "GET", "/work-orders/"+id+"/survey-responses", nil)
		require.Equal(t, []any{"hpirFull-v1", order.Text("tasks", 1, "id"), "isVacant"}, []any{responses.Get("items", 0, "survey_id"), responses.Get("items", 0, "task_id"), responses.Get("items", 0, "answers", 0, "id")})
		require.Equal(t, true, c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "ACME::V-1", "fileType": "csr", "fileName": "csr.pdf"}, []byte("%PDF-1.4 a record"), false).Get("status"))
		require.EqualValues(t, 3, office.Want(200, "GET", "/work-orders/"+id, nil).Get("item_counts", "total"))
		for why, a := range map[string]rig.Answer{
			"no image": c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "V-1"}, []byte("no image at all"), false), "no file": c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "V-1"}, nil, false),
			"no order": c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "nothing"}, photo, false), "a rival's": c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "R-1"}, photo, true),
			"no uuid": c.upload(rig.JSON{"key2": "V-1"}, photo, false), "other bytes": c.upload(item, rig.JPEG(80, 60, 5), false),
		} {
			require.Equal(t, []any{200, false}, []any{a.Status, a.Get("status")}, why)
			require.NotEmpty(t, a.Text("error"), why)
		}
		refused := c.call("status", rig.JSON{"workOrders": []rig.JSON{{"workOrderNumber": "R-1", "fieldStatus": "complete"}}})
		require.Equal(t, []any{false, "R-1"}, []any{refused.Get("status"), refused.Get("error", "workOrderNumber")})

		office.Want(200, "POST", "/work-orders/"+everybodys+"/assign", rig.JSON{"assignee": rival.Username})
		changed := c.call("getWorkOrders", rig.JSON{"timestamp": time.Now().Unix()})
		taken := rig.JSON{}
		for _, o := range changed.List("workOrders") {
			if m := o.(map[string]any); m["workOrderNumber"] == "E-1" {
				taken = m
			}
		}
		require.Equal(t, rig.JSON{"workOrderNumber": "E-1", "clientStatus": "Cancelled"}, taken, "of an order that was taken only that")
		require.NotContains(t, string(c.call("getWorkOrders", rig.JSON{"timestamp": nil}).Body), "E-1", "and in incremental answers only")
		require.Equal(t, true, c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "E-1"}, photo, false).Get("status"), "late items are taken from whoever was assigned")

		office.Want(200, "PATCH", "/users/"+vendor.ID, rig.JSON{"active": false})
		require.Equal(t, rig.JSON{"error": "The login " + vendor.Username + " is switched off. Ask whoever made it to switch it on again."}, c.call("getWorkOrders", nil).JSON, "revoking acts at once, whatever is remembered; whose credentials are right hears why")
		require.NotEqual(t, true, c.call("validate", nil).Get("validated"))
		bad := rig.Send(t, rig.Client, http.MethodPost, c.base+"/validate", "application/json", strings.NewReader("nonsense"))
		require.Contains(t, bad.Text("error"), "not properly formatted")
	})
}

// orders are the numbers of what getWorkOrders answers.
func (c *caller) orders(since any) []string {
	c.t.Helper()
	var numbers []string
	for _, o := range c.call("getWorkOrders", rig.JSON{"timestamp": since}).List("workOrders") {
		numbers = append(numbers, o.(map[string]any)["workOrderNumber"].(string))
	}
	return numbers
}

func TestAPeerKnowsAnOrderByTheNumberThatItWasFirstTold(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		vendor := office.Colleague("subcontractor")
		c := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": vendor.Username, "password": digest("correct horse")}}
		first := office.Order(rig.JSON{"work_order_number": "77", "client_code": "ACME", "assignee": vendor.Username}).Text("id")
		require.Equal(t, []string{"77"}, c.orders(nil))
		second := office.Order(rig.JSON{"work_order_number": "77", "client_code": "BETA", "assignee": vendor.Username}).Text("id")
		require.ElementsMatch(t, []string{"77", "BETA::77"}, c.orders(nil), "another client's 77 makes no second order of the first")
		office.Want(200, "PATCH", "/work-orders/"+first, rig.JSON{"work_order_number": "1000"})
		require.ElementsMatch(t, []string{"77", "BETA::77"}, c.orders(nil), "nor does a new number")
		for number, id := range map[string]string{"77": first, "BETA::77": second} {
			item := rig.JSON{"uuid": uuid.NewString(), "key2": number, "fileType": "picture"}
			require.Equal(t, true, c.upload(item, rig.JPEG(8, 8, 1), false).Get("status"))
			require.EqualValues(t, 1, office.Want(200, "GET", "/work-orders/"+id, nil).Get("item_counts", "total"), number)
			require.Equal(t, true, c.call("status", rig.JSON{"workOrders": []rig.JSON{{"workOrderNumber": number, "fieldStatus": "Viewed"}}}).Get("status"))
		}
		office.Want(200, "POST", "/work-orders/"+first+"/unassign", rig.JSON{})
		require.Contains(t, c.orders(time.Now().Unix()), "77", "that it was taken is told by the same number")
	})
}

func TestAClientKnowsAnOrderByTheNumberThatItGave(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("x")
		defer peer.Close()
		office := rig.SignUp(t, in.URL)
		id := external(office, peer, "x")
		order := func(number, street string) string {
			return `{"workOrderNumber":"` + number + `","address1":"` + street + `","city":"b","state":"TX","zip":"1","services":[{"serviceName":"S"}],"dueDate":"2030-01-01"}`
		}
		peer.Orders(`{"workOrders":[` + order("77", "a") + `]}`)
		refreshed(office, id, nil)
		o := office.Want(200, "GET", "/work-orders?client_code=PEER", nil).Text("items", 0, "id")
		office.Want(200, "PATCH", "/work-orders/"+o, rig.JSON{"work_order_number": "78"})
		peer.Orders(`{"workOrders":[` + order("77", "a new street") + `,` + order("78", "elsewhere") + `]}`)
		refreshed(office, id, nil)
		log := office.Want(200, "GET", "/integrations/"+id+"/log", nil)
		require.Equal(t, []any{1.0, 1.0}, []any{log.Get("items", 0, "updated"), log.Get("items", 0, "rejected")}, "its next word of 77 makes no second order, and its own 78 goes over no other: %s", log.Body)
		renumbered := office.Want(200, "GET", "/work-orders/"+o, nil)
		require.Equal(t, []any{"78", "a new street"}, []any{renumbered.Get("work_order_number"), renumbered.Get("address", "address1")})
		office.Want(200, "PATCH", "/work-orders/"+o, rig.JSON{"client_code": "OTHER"})
		refreshed(office, id, nil)
		require.Equal(t, []any{"78", "elsewhere"}, []any{office.Want(200, "GET", "/work-orders?client_code=PEER", nil).Get("items", 0, "work_order_number"),
			office.Want(200, "GET", "/work-orders?client_code=PEER", nil).Get("items", 0, "address", "address1")}, "once the number is free it comes in")
		require.Equal(t, "a new street", office.Want(200, "GET", "/work-orders/"+o, nil).Text("address", "address1"))

		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "their system", "kind": "client", "scope": rig.JSON{"integration_id": id}, "settings": rig.JSON{}})
		office.Want(200, "PATCH", "/work-orders/"+o, rig.JSON{"publish_to": "client"})
		office.Upload(o, rig.JPEG(8, 8, 1))
		office.Want(200, "POST", "/work-orders/"+o+"/assign", rig.JSON{"assignee": office.Username})
		office.AwaitState(o, "in_progress")
		office.Want(200, "POST", "/work-orders/"+o+"/complete", rig.JSON{})
		office.Want(200, "POST", "/work-orders/"+o+"/approve", rig.JSON{})
		office.Want(200, "POST", "/work-orders/"+o+"/publish", rig.JSON{})
		office.Await("the photo at the client", func() bool { return len(peer.Calls("uploadPictures")) == 1 })
		require.Equal(t, "77", peer.Calls("uploadPictures")[0].Payload["key2"], "results go out under the number that the client gave")
	})
}

func TestChangesAreAskedForByThePeersClock(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		for skew, why := range map[time.Duration]string{-8 * time.Minute: "a peer whose clock is behind ours", 8 * time.Minute: "a peer whose clock is ahead", 0: "a peer that tells no time"} {
			peer := rig.NewPeer("x")
			defer peer.Close()
			office := rig.SignUp(t, in.URL)
			id := external(office, peer, "x")
			now := func() time.Time { return time.Now().Add(skew) } // by the peer's clock
			changed := now()
			clock, street := now, "first"
			peer.On("getWorkOrders", func(w http.ResponseWriter, payload rig.JSON) {
				w.Header()["Date"] = nil
				if skew != 0 {
					w.Header().Set("Date", clock().UTC().Format(http.TimeFormat))
				}
				if since, asked := payload["timestamp"].(float64); asked && changed.Unix() < int64(since) {
					rig.Say(w, `{"workOrders":[],"error":""}`)
					return
				}
				rig.Say(w, `{"workOrders":[{"workOrderNumber":"1","address1":"`+street+`","city":"b","state":"TX","zip":"1","services":[{"serviceName":"S"}]}],"error":""}`)
			})
			at := func() string {
				require.Equal(t, "idle", refreshed(office, id, nil).Text("status"), why)
				return office.Want(200, "GET", "/work-orders?client_code=PEER", nil).Text("items", 0, "address", "address1")
			}
			require.Equal(t, "first", at())
			changed, street = now(), "second"
			require.Equal(t, "second", at(), why+" loses no change")
			calls := peer.Calls("getWorkOrders")
			since, _ := calls[1].Payload["timestamp"].(float64)
			require.InDelta(t, now().Unix()-300, since, 60, why)

			clock = func() time.Time { return now().Add(-time.Hour) } // its clock is set back
			at()
			at()
			calls = peer.Calls("getWorkOrders")
			if skew != 0 {
				require.Nil(t, calls[3].Payload["timestamp"], "whatever changed while clocks were set is found by asking for all")
			}
		}
	})
}

func TestAUUIDIsOneWhateverItsCaseHyphensOrBraces(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		vendor := office.Colleague("subcontractor")
		c := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": vendor.Username, "password": digest("correct horse")}}
		id := office.Order(rig.JSON{"work_order_number": "1", "assignee": vendor.Username}).Text("id")
		photo, first := rig.JPEG(80, 60, 4), "{"+strings.ToUpper(uuid.NewString())+"}"
		bare := strings.Trim(first, "{}")
		for _, same := range []string{first, bare, strings.ToLower(bare), strings.ReplaceAll(bare, "-", "")} {
			require.Equal(t, true, c.upload(rig.JSON{"uuid": same, "key2": "1", "fileType": "picture"}, photo, false).Get("status"), same)
			require.Equal(t, 200, office.Do("POST", "/work-orders/"+id+"/photos", rig.PhotoForm(photo, same)).Status, same)
			other := c.upload(rig.JSON{"uuid": same, "key2": "1", "fileType": "picture"}, rig.JPEG(80, 60, 5), false)
			require.Equal(t, false, other.Get("status"), "other bytes under the same uuid: %s", same)
		}
		photos := office.Want(200, "GET", "/work-orders/"+id+"/photos", nil)
		require.Len(t, photos.List("items"), 1)
		require.Equal(t, first, photos.Text("items", 0, "uuid"), "shown as it first came")
		office.Want(200, "POST", "/work-orders/"+id+"/complete", rig.JSON{})
		office.Want(200, "POST", "/work-orders/"+id+"/approve", rig.JSON{})
		office.Want(200, "POST", "/work-orders/"+id+"/publish", rig.JSON{})
		for _, same := range []string{url.PathEscape(first), strings.ToLower(bare)} {
			require.Equal(t, sha(photo), office.Want(200, "GET", in.URL+"/verify/"+same, nil, "Accept", "application/json").Text("items", 0, "sha256"))
		}
	})
}

func TestWhatAPeerSaysOfAnItemIsItsClaim(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		client := rig.NewPeer("x")
		defer client.Close()
		client.On("validate", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"error":"","validated":true}`) })
		for _, service := range []string{"uploadPictures", "status"} {
			client.On(service, func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		}
		office := rig.SignUp(t, in.URL)
		vendor := office.Colleague("subcontractor")
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "their system", "kind": "client", "settings": rig.JSON{"url": client.URL, "username": "u", "password": "x"}})
		id := office.Order(rig.JSON{"work_order_number": "1", "assignee": vendor.Username, "latitude": 30.0, "longitude": -97.0, "publish_to": "client", "tasks": []rig.JSON{{"name": "S"}}}).Text("id")
		c := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": vendor.Username, "password": digest("correct horse")}}
		first := time.Now().Add(-48 * time.Hour).UTC().Truncate(time.Second)
		far, near, parent := uuid.NewString(), uuid.NewString(), uuid.NewString()
		for n, item := range []rig.JSON{
			{"uuid": far, "gpsLatitude": "31.5", "gpsLongitude": "-97.0", "timestamp": fmt.Sprint(first.Unix()), "authenticated": "1", "csrCertifiedTime": "true", "csrCertifiedLocation": "0",
				"parentUuid": parent, "createdBySubUser": "joe of theirs", "firstReceivedAt": first.Format(time.RFC3339)},
			{"uuid": near, "gpsLatitude": "30.0001", "gpsLongitude": "-97.0", "timestamp": fmt.Sprint(time.Now().Unix())},
		} {
			item["key2"], item["key4"], item["fileType"] = "1", "S", "picture"
			a := c.upload(item, rig.JPEG(80, 60, uint64(n)), false)
			require.Equal(t, true, a.Get("status"), "%s", a.Body)
		}
		photos := map[string]rig.Answer{}
		for _, p := range office.Want(200, "GET", "/work-orders/"+id+"/photos", nil).List("items") {
			a := rig.Answer{JSON: p.(map[string]any)}
			photos[a.Text("uuid")] = a
		}
		p := photos[far]
		require.Equal(t, map[string]any{"item": nil, "time": nil, "location": nil}, p.Get("certification"), "nobody here can judge it, so nothing is false")
		require.Equal(t, map[string]any{"item": true, "time": true, "location": false}, p.Get("claims"))
		require.Equal(t, []any{vendor.Username, "joe of theirs", parent}, []any{p.Get("uploaded_by"), p.Get("claimed_by"), p.Get("parent_uuid")})
		told, err := time.Parse(time.RFC3339Nano, p.Text("first_received_at"))
		require.NoError(t, err)
		require.True(t, first.Equal(told), "%s, want %s", told, first)
		p = photos[near]
		require.Equal(t, map[string]any{"item": nil, "time": true, "location": true}, p.Get("certification"), "by our own clock, property and radius")
		require.Equal(t, []any{nil, nil, nil, nil}, []any{p.Get("claims"), p.Get("claimed_by"), p.Get("parent_uuid"), p.Get("first_received_at")})

		office.AwaitState(id, "in_progress")
		for _, action := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+id+"/"+action, rig.JSON{})
		}
		office.Await("both photos at the client", func() bool { return len(client.Calls("uploadPictures")) == 2 })
		for _, call := range client.Calls("uploadPictures") {
			if call.Payload["uuid"] == far {
				require.Equal(t, []any{parent, vendor.Username, first.Format(time.RFC3339Nano), "", "", ""}, []any{call.Payload["parentUuid"], call.Payload["createdBySubUser"], call.Payload["firstReceivedAt"],
					call.Payload["authenticated"], call.Payload["csrCertifiedTime"], call.Payload["csrCertifiedLocation"]}, "who took it is named to the neighbour alone, and what we can't judge is no word of ours")
			}
		}
	})
}

func TestPeersThatDoNotAnswerHoldNobodyUp(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		hold := make(chan struct{})
		release := sync.OnceFunc(func() { close(hold) })
		peers := rig.SignUp(t, in.URL)
		for n := range 6 {
			peer := rig.NewPeer("p")
			t.Cleanup(func() { release(); peer.Close() })
			peer.On("getWorkOrders", func(w http.ResponseWriter, _ rig.JSON) { <-hold; rig.Say(w, `{"workOrders":[],"error":""}`) })
			id := peers.Want(201, "POST", "/integrations", rig.JSON{"client_code": fmt.Sprint("PEER", n), "kind": "external",
				"settings": rig.JSON{"url": peer.URL + "/api", "username": "vendor", "password": "p"}}).Text("id")
			peers.Want(202, "POST", "/integrations/"+id+"/refresh", nil)
			peers.Await("the peer to be asked beside the others", func() bool { return len(peer.Calls("getWorkOrders")) > 0 })
		}
		office := rig.SignUp(t, in.URL)
		place := rig.LocalPlace(t, in, "watched-"+uuid.NewString()[:8])
		place.Put("orders.csv", orderRows(2))
		office.Want(202, "POST", "/integrations/"+watch(office, "W", place)+"/refresh", nil)
		office.Await("the orders of somebody else", func() bool {
			return len(office.Want(200, "GET", "/work-orders?client_code=W", nil).List("items")) == 2
		})
	})
}
