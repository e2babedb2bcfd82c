package tests

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// sender is a remote system that knows a push URL and nothing else.
type sender struct {
	t   *testing.T
	url string
}

// integrate makes an integration and its sender.
func integrate(t *testing.T, office *rig.User, fields rig.JSON) (*sender, rig.Answer) {
	t.Helper()
	body := rig.JSON{"client_code": "ACME", "kind": "push"}
	for k, v := range fields {
		body[k] = v
	}
	made := office.Want(201, "POST", "/integrations", body)
	require.NotEmpty(t, made.Text("push_url"))
	return &sender{t, made.Text("push_url")}, made
}

// post sends orders as the incumbent's senders do: JSON in a form field.
func (s *sender) post(orders ...rig.JSON) rig.Answer {
	s.t.Helper()
	text, err := json.Marshal(rig.JSON{"workOrders": orders})
	require.NoError(s.t, err)
	return s.form(string(text))
}

func (s *sender) form(text string) rig.Answer {
	s.t.Helper()
	return rig.SendForm(s.t, s.url, url.Values{"other": {"a&b=c"}, "workOrders": {text}})
}

// one pushes one order and returns its result.
func (s *sender) one(order rig.JSON) rig.JSON {
	s.t.Helper()
	a := s.post(order)
	require.Equal(s.t, 200, a.Status, string(a.Body))
	require.Len(s.t, a.List("results"), 1, string(a.Body))
	return rig.JSON(a.List("results")[0].(map[string]any))
}

// smallest is the smallest order of the incumbent's own example.
func smallest(number string, more rig.JSON) rig.JSON {
	o := rig.JSON{"workOrderNumber": number, "address1": "110 East Main Street", "city": "Round Rock", "state": "TX", "zip": "78664", "services": []rig.JSON{{"serviceName": "Task"}}}
	for k, v := range more {
		o[k] = v
	}
	return o
}

func fieldsOf(result rig.JSON, list string) []string {
	var fields []string
	all, _ := result[list].([]any)
	for _, e := range all {
		fields = append(fields, e.(map[string]any)["field"].(string))
	}
	return fields
}

func TestAPushMakesAndUpdatesOrders(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(200, "PATCH", "/account", rig.JSON{"zone": "America/Chicago"})
		crew := office.Colleague("crew")
		s, _ := integrate(t, office, rig.JSON{"default_assignee": crew.Username, "publish_to": "client", "qa_policy": "auto_publish"})
		a := s.post(smallest("Simple", nil), smallest("Bad", rig.JSON{"zip": nil, "services": nil}), smallest("1002", rig.JSON{"assignedTo": "nobody-here", "country": "US", "zip": 1234,
			"dueDate": "2030-01-02 1200 +5", "startDate": "12/7/2029 12:00:00 AM", "clientDueDate": 1893456000, "gpsLatitude": "30.5", "gpsLongitude": -97.6, "attribute7": "  as it is  ", "attribute8": 7, "attribute31": "x",
			"instructions": "<p>Cut it.<script>alert(1)</script></p>", "AppID": 5, "vendorId": nil, "source_wo_id": 77, "source_wo_provider": "TOP",
			"services": []rig.JSON{{"serviceName": "COP: Trash", "options": rig.JSON{"required_photos": rig.JSON{"before": 1}}}, {"serviceName": "COP_ Trash"}}}))
		require.Equal(t, true, a.Get("response"))
		require.Equal(t, "success", a.Text("error"))
		require.Equal(t, []any{"created", "rejected", "created"}, []any{a.Get("results", 0, "result"), a.Get("results", 1, "result"), a.Get("results", 2, "result")}, string(a.Body))
		require.ElementsMatch(t, []string{"zip", "services"}, fieldsOf(a.List("results")[1].(map[string]any), "errors"))
		require.ElementsMatch(t, []string{"services[1].serviceName", "assignedTo", "AppID"}, fieldsOf(a.List("results")[2].(map[string]any), "warnings"))

		o := office.Want(200, "GET", "/work-orders/"+a.Text("results", 2, "id"), nil)
		require.Equal(t, "ACME", o.Text("client_code"))
		require.Equal(t, "01234", o.Text("address", "zip"), "a number keeps no leading zero")
		require.Equal(t, []any{"2030-01-02", "01:00", "2029-12-07", "2029-12-31"}, []any{o.Get("due_date"), o.Get("due_time"), o.Get("start_date"), o.Get("client_due_date")})
		require.Equal(t, map[string]any{"attribute7": "  as it is  ", "attribute8": "7"}, o.Get("attributes"))
		require.Equal(t, "<p>Cut it.</p>", o.Text("instructions"))
		require.Equal(t, "77", o.Text("source", "work_order_id"))
		require.Nil(t, o.Get("assignee"), "an unknown assignee leaves it with nobody, the default does not step in")
		require.Equal(t, []any{30.5, -97.6, nil, nil}, []any{o.Get("latitude"), o.Get("longitude"), o.Get("publish_to"), o.Get("qa_policy")})
		require.Len(t, o.List("tasks"), 1)
		office.AwaitState(a.Text("results", 0, "id"), "assigned")
		simple := office.Want(200, "GET", "/work-orders/"+a.Text("results", 0, "id"), nil)
		require.Equal(t, crew.Username, simple.Text("assignee"))
		require.NotNil(t, simple.Get("due_date"), "today")
		require.Equal(t, "published", completeAndWait(office, simple.Text("id")), "the integration's policy counts unless the order says otherwise")

		again := s.one(smallest("1002", rig.JSON{"assignedTo": "nobody-here", "country": "US", "zip": 1234, "services": []rig.JSON{{"serviceName": "COP: Trash"}}}))
		require.Equal(t, "unchanged", again["result"])
		require.Equal(t, o.Text("id"), again["id"])
		version := office.Want(200, "GET", "/work-orders/"+o.Text("id"), nil).Get("version")
		require.Equal(t, o.Get("version"), version, "a repeat writes nothing")
		require.Equal(t, "updated", s.one(rig.JSON{"workOrderNumber": 1002, "clientStatus": "In field", "assignedTo": strings.ToUpper(crew.Username), "services": []rig.JSON{{"serviceName": "New task"}}})["result"], "only what changes is sent")
		o = office.AwaitState(o.Text("id"), "assigned")
		require.Equal(t, []any{"In field", 2}, []any{o.Get("client_status"), len(o.List("tasks"))})
		require.Equal(t, "COP: Trash", o.Text("tasks", 0, "name"), "the name stays as it was written")
		unknown := s.one(rig.JSON{"workOrderNumber": "never seen", "status": "invoiced"})
		require.Equal(t, "rejected", unknown["result"])
		require.ElementsMatch(t, []string{"address1", "city", "state", "zip", "services"}, fieldsOf(unknown, "errors"))
		require.Equal(t, false, s.post(rig.JSON{"workOrderNumber": "never seen", "status": "invoiced"}).Get("response"), "nothing was accepted")
	})
}

// completeAndWait completes an order and returns the state in which it ends up by itself.
func completeAndWait(office *rig.User, id string) string {
	office.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
	state := ""
	office.Await("an order that publishes by itself", func() bool {
		state = office.Want(200, "GET", "/work-orders/"+id, nil).Text("state")
		return state == "published"
	})
	return state
}

func TestAPushComesInEveryFormThatSendersUse(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		s, made := integrate(t, office, nil)
		text := func(n string) string {
			b, _ := json.Marshal(rig.JSON{"workOrders": []rig.JSON{smallest(n, rig.JSON{"workOrderInfo": "100% a+b & {c}"})}})
			return string(b)
		}
		bare := strings.TrimSuffix(strings.TrimPrefix(text("bare"), `{"workOrders":`), "}")
		multipart := &rig.Form{Parts: []rig.Part{{Name: "first", Value: "x"}, {Name: "workOrders", Value: text("multipart")}}}
		anonymous := &rig.User{T: t}
		for name, a := range map[string]rig.Answer{
			"form":        s.form(text("form")),
			"multipart":   anonymous.Do("POST", s.url, multipart),
			"json":        anonymous.Do("POST", s.url, []byte(text("json"))),
			"bare":        anonymous.Do("POST", s.url, []byte(bare)),
			"mislabelled": anonymous.Do("POST", s.url, []byte(text("mislabelled")), "Content-Type", "application/x-www-form-urlencoded"),
			"marked":      anonymous.Do("POST", s.url, []byte("\xEF\xBB\xBF"+text("marked"))),
		} {
			require.Equal(t, "created", a.Text("results", 0, "result"), "%s: %s", name, a.Body)
			require.Equal(t, "100% a+b & {c}", office.Want(200, "GET", "/work-orders/"+a.Text("results", 0, "id"), nil).Text("work_order_info"), name)
		}
		require.Equal(t, map[string]any{"response": true, "error": "success"}, map[string]any(anonymous.Do("GET", s.url, nil).JSON), "the refresh of the bookmark")
		for _, a := range []rig.Answer{anonymous.Do("GET", s.url+"x", nil), anonymous.Do("POST", in.URL+"/push/nothing", []byte(text("x")))} {
			require.Equal(t, 200, a.Status)
			require.Equal(t, map[string]any{"response": false, "error": "invalid clientCode"}, map[string]any(a.JSON))
		}
		require.Equal(t, true, s.form(`{"workOrders":[]}`).Get("response"), "none was sent")
		for _, bad := range []string{`{"workOrders":`, `not json`, `{"other":1}`, `{"workOrders":{"a":1}}`, `5`, ``} {
			a := s.form(bad)
			require.Equal(t, 200, a.Status)
			require.Equal(t, false, a.Get("response"), bad)
			require.NotEmpty(t, a.Text("error"))
		}
		require.Equal(t, "rejected", s.form(`[null, 5, "x"]`).Text("results", 1, "result"))

		id := "/integrations/" + made.Text("id")
		require.Empty(t, office.Want(200, "GET", id, nil).Text("push_url"), "shown once")
		rotated := office.Want(200, "POST", id+"/rotate-key", rig.JSON{"keep_old_for": 60}).Text("push_url")
		require.NotEqual(t, s.url, rotated)
		require.Equal(t, true, anonymous.Do("GET", s.url, nil).Get("response"), "the old one lives on as asked")
		final := office.Want(200, "POST", id+"/rotate-key", nil).Text("push_url")
		for _, old := range []string{s.url, rotated} {
			require.Equal(t, false, anonymous.Do("GET", old, nil).Get("response"))
		}
		office.WantField(422, "keep_old_for", "POST", id+"/rotate-key", rig.JSON{"keep_old_for": 90_000})
		office.Want(200, "PATCH", id, rig.JSON{"enabled": false})
		require.Equal(t, false, anonymous.Do("GET", final, nil).Get("response"))
		office.Want(200, "PATCH", id, rig.JSON{"enabled": true})
		require.Equal(t, true, anonymous.Do("GET", final, nil).Get("response"))
		office.Want(204, "DELETE", id, nil)
		require.Equal(t, "invalid clientCode", anonymous.Do("GET", final, nil).Text("error"))
		for field, body := range map[string]rig.JSON{
			"client_code": {"client_code": "a::b", "kind": "push"}, "kind": {"client_code": "x", "kind": "fax"}, "default_work_type": {"client_code": "x", "kind": "push", "default_work_type": "none"},
			"default_assignee": {"client_code": "x", "kind": "push", "default_assignee": "none"}, "settings.url": {"client_code": "x", "kind": "external", "settings": rig.JSON{"url": "ftp://x"}},
			"settings.options.ssh": {"client_code": "x", "kind": "watched_folder", "settings": rig.JSON{"backend": "sftp", "options": rig.JSON{"host": "h", "user": "u", "ssh": "sh -c id"}}},
			"settings.path":        {"client_code": "x", "kind": "watched_folder", "settings": rig.JSON{"backend": "local", "path": "../../etc"}},
		} {
			office.WantField(422, field, "POST", "/integrations", body)
		}
	})
}

// TestABatchThatIsNoneIsRefusedAtOnce sends what no import could make anything of, in every form of a push.
func TestABatchThatIsNoneIsRefusedAtOnce(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		s, made := integrate(t, office, nil)
		anonymous := &rig.User{T: t}
		plain := &http.Client{Transport: &http.Transport{}} // what is no JSON is not held to the document
		order, err := json.Marshal(smallest("1", nil))
		require.NoError(t, err)
		large := strings.Repeat(string(order)+",", (3<<20)/len(order))
		refused := 0
		for name, bad := range map[string]struct{ text, reason string }{
			"lists without end":  {strings.Repeat("[", 5<<20), "depth"},
			"objects in objects": {`{"workOrders":[` + strings.Repeat(`{"a":`, 1<<20), "depth"},
			"deep elements":      {`[` + strings.Repeat(strings.Repeat("[", 100)+strings.Repeat("]", 100)+",", 15_000) + `0]`, "64 deep"},
			"no objects":         {`[` + strings.Repeat("1,", 2<<20) + `1]`, "is no order"},
			"a broken end":       {`[` + large, "ends in the middle"},
			"another end":        {`{"workOrders":[` + large + `{}}`, "not JSON"},
			"no list":            {`{"other":"` + strings.Repeat("x", 3<<20) + `"}`, "no workOrders"},
		} {
			for form, a := range map[string]rig.Answer{
				"form":      s.form(bad.text),
				"multipart": anonymous.Do("POST", s.url, &rig.Form{Parts: []rig.Part{{Name: "workOrders", Value: bad.text}}}),
				"json":      rig.Send(t, plain, "POST", s.url, "application/json", strings.NewReader(bad.text)),
			} {
				refused++
				require.Equal(t, 200, a.Status, "%s as %s: %s", name, form, a.Body)
				require.Equal(t, false, a.Get("response"), "%s as %s", name, form)
				require.Contains(t, a.Text("error"), bad.reason, "%s as %s", name, form)
				require.Empty(t, a.Text("import"))
			}
		}
		require.Empty(t, office.Want(200, "GET", "/imports", nil).List("items"))
		log := string(office.Want(200, "GET", "/integrations/"+made.Text("id")+"/log?limit=100", nil).Body)
		require.Equal(t, refused, strings.Count(log, `"failed"`), "each stands in the log")
		require.NotEmpty(t, s.form(`[`+large+string(order)+`]`).Text("import"), "a large batch of orders is taken")
	})
}

// TestAnOrderThatTheDatabaseRefusesStopsNoOther has PostgreSQL refuse one value: then each order goes for itself, and all are
// told and counted once.
func TestAnOrderThatTheDatabaseRefusesStopsNoOther(t *testing.T) {
	t.Parallel()
	if !slices.Contains(shapeNames(), "postgres") {
		t.Skip("SQLite keeps every value")
	}
	in, err := rig.Production(product(t), filepath.Join(t.TempDir(), "installation"), postgres(t))
	require.NoError(t, err)
	defer in.Stop()
	office := rig.SignUp(t, in.URL)
	s, made := integrate(t, office, nil)
	db, err := sql.Open("pgx", in.DatabaseURL)
	require.NoError(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22003'; END $$; " +
		"CREATE TRIGGER refusing BEFORE INSERT ON work_orders FOR EACH ROW WHEN (NEW.city = 'Refused') EXECUTE FUNCTION refuse()")
	require.NoError(t, err)

	a := s.post(smallest("1", rig.JSON{"colour": "red"}), smallest("2", rig.JSON{"city": "Refused"}), smallest("3", rig.JSON{"colour": "blue"}))
	require.Equal(t, []any{"created", "rejected", "created"}, []any{a.Get("results", 0, "result"), a.Get("results", 1, "result"), a.Get("results", 2, "result")}, string(a.Body))
	log := office.Want(200, "GET", "/integrations/"+made.Text("id")+"/log", nil)
	require.Len(t, log.List("items"), 1, string(log.Body))
	require.Equal(t, []any{2.0, 1.0}, []any{log.Get("items", 0, "created"), log.Get("items", 0, "rejected")}, string(log.Body))

	lines := bytes.Split(bytes.TrimSpace(orderRows(120)), []byte("\n"))
	require.Len(t, lines, 121)
	cells := bytes.Split(lines[70], []byte(","))
	at := slices.IndexFunc(bytes.Split(lines[0], []byte(",")), func(header []byte) bool { return bytes.EqualFold(header, []byte("city")) })
	require.Positive(t, at)
	cells[at] = []byte("Refused")
	lines[70] = bytes.Join(cells, []byte(","))
	i := imported(office, "refused.csv", append(bytes.Join(append(lines, lines[3]), []byte("\n")), '\n'))
	require.Equal(t, []any{"done", 121.0, 119.0, 0.0, 0.0, 2.0}, counts(i), "one that is refused, and one that stood in row 4 already")
	results := string(office.Want(200, "GET", "/imports/"+i.Text("id")+"/results.csv", nil).Body)
	require.Equal(t, 1+121, strings.Count(results, "\n"), results)
	require.Contains(t, results, "stands in row 4 already")
}

func TestAutoAdminAndStatusesDecideWhatAPushMayDo(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		s, made := integrate(t, office, nil)
		first := s.one(smallest("A", rig.JSON{"description": "theirs", "status": "RUSH", "clientStatus": "new", "assignedTo": office.Username}))
		id := first["id"].(string)
		path := "/work-orders/" + id
		o := office.AwaitState(id, "assigned")
		require.Equal(t, "rush", o.Text("priority"))
		office.WantField(422, "client_status", "PATCH", path, rig.JSON{"client_status": "ours"})
		office.Want(200, "PATCH", path, rig.JSON{"description": "ours", "priority": "normal"})
		require.Equal(t, "updated", s.one(rig.JSON{"workOrderNumber": "A", "description": "theirs", "status": "rush"})["result"], "auto-admin overwrites what users changed")
		o = office.Want(200, "GET", path, nil)
		require.Equal(t, []any{"theirs", "normal"}, []any{o.Get("description"), o.Get("priority")}, "a status acts only when it is another than the last")
		for _, live := range []string{"assigned", "Complete", "submitted"} {
			r := s.one(rig.JSON{"workOrderNumber": "A", "status": live})
			require.Equal(t, []any{"unchanged", []string{"status"}}, []any{r["result"], fieldsOf(r, "warnings")}, live)
		}
		require.Equal(t, "assigned", office.Want(200, "GET", path, nil).Text("state"))
		office.Want(200, "POST", path+"/complete", nil)
		require.Equal(t, "updated", s.one(rig.JSON{"workOrderNumber": "A", "status": "Rework", "instructions": "Do it again."})["result"])
		o = office.AwaitState(id, "assigned")
		require.Equal(t, []any{"rework", "updated"}, []any{o.Get("priority"), o.Get("field_status")})
		office.Want(200, "POST", path+"/complete", nil)
		require.Equal(t, "unchanged", s.one(rig.JSON{"workOrderNumber": "A", "status": "REWORK"})["result"], "every night the same: nothing is reopened")
		require.Equal(t, "completed", office.Want(200, "GET", path, nil).Text("state"))
		s.one(rig.JSON{"workOrderNumber": "A", "status": "canceled"})
		office.AwaitState(id, "cancelled")
		r := s.one(rig.JSON{"workOrderNumber": "A", "status": "RUSH", "clientStatus": "after"})
		require.Equal(t, []any{"updated", []string{"status"}}, []any{r["result"], fieldsOf(r, "warnings")}, "fields change, the state does not, and the answer says so")
		require.Equal(t, []any{"cancelled", "after"}, []any{office.Want(200, "GET", path, nil).Get("state"), office.Want(200, "GET", path, nil).Get("client_status")})
		reasons := string(office.Want(200, "GET", path+"/events", nil).Body)
		require.Contains(t, reasons, "Sent back for rework by ACME")
		require.Contains(t, reasons, `"actor":"ACME"`)

		office.Want(200, "PATCH", "/integrations/"+made.Text("id"), rig.JSON{"auto_admin": false})
		id = s.one(smallest("B", rig.JSON{"description": "first", "status": "rework"}))["id"].(string)
		require.Equal(t, "rework", office.Want(200, "GET", "/work-orders/"+id, nil).Text("priority"), "a new order takes everything")
		r = s.one(rig.JSON{"workOrderNumber": "B", "description": "second", "dueDate": "2031-01-01", "status": "canceled", "clientStatus": "told", "clientDueDate": "2031-02-01", "services": []rig.JSON{{"serviceName": "More"}}, "address2": "Unit 5"})
		require.ElementsMatch(t, []string{"status", "services"}, fieldsOf(r, "warnings"))
		o = office.Want(200, "GET", "/work-orders/"+id, nil)
		require.Equal(t, []any{"first", "told", "2031-02-01", "Unit 5", 1}, []any{o.Get("description"), o.Get("client_status"), o.Get("client_due_date"), o.Get("address", "address2"), len(o.List("tasks"))})
		require.NotEqual(t, "2031-01-01", o.Text("due_date"))
		alerts := office.Want(200, "GET", "/alerts", nil)
		require.Equal(t, "status_not_applied", alerts.Text("items", 0, "kind"))
		office.Want(204, "DELETE", "/alerts/"+alerts.Text("items", 0, "id"), nil)

		office.Want(204, "DELETE", "/work-orders/"+id, nil)
		office.Await("the deletion", func() bool { return office.Do("GET", "/work-orders/"+id, nil).Status == 404 })
		r = s.one(smallest("B", rig.JSON{"description": "second", "status": "canceled", "clientStatus": "told"}))
		require.Equal(t, []any{"unchanged", []string{"workOrderNumber"}}, []any{r["result"], fieldsOf(r, "warnings")}, "what was deleted does not come back every night")
		require.Equal(t, "created", s.one(smallest("B", rig.JSON{"description": "third"}))["result"], "but what is new does")
	})
}

func TestPushesOfWorkTypesAndSurveys(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(201, "POST", "/work-types", rig.JSON{"name": "Grass", "reference": "GC", "instructions": "ours", "tasks": []rig.JSON{{"name": "Photo of the yard"}, {"name": "Task", "instructions": "never taken"}}})
		office.Want(201, "POST", "/work-types", rig.JSON{"name": "Named", "reference": "N"})
		office.Want(201, "POST", "/surveys", survey("hpirFull"))
		s, _ := integrate(t, office, rig.JSON{"default_work_type": "grass"})
		o := office.Want(200, "GET", "/work-orders/"+s.one(smallest("1", rig.JSON{"reference": "theirs"}))["id"].(string), nil)
		require.Equal(t, []any{"Grass", "GC", "ours", 2, ""}, []any{o.Get("work_type"), o.Get("reference"), o.Get("instructions"), len(o.List("tasks")), o.Get("tasks", 0, "instructions")})
		noTasks := smallest("2", rig.JSON{"workType": "named", "services": nil})
		require.Equal(t, "rejected", s.one(noTasks)["result"], "the named work type has no tasks")
		noTasks["workType"] = nil
		require.Equal(t, "created", s.one(noTasks)["result"], "the default one has")

		dynamic := survey("sent")
		text, _ := json.Marshal(survey("asText"))
		r := s.one(smallest("3", rig.JSON{"services": []rig.JSON{{"serviceName": "known", "survey": "hpirFull-v1"}, {"serviceName": "older", "survey": "hpirFull-v9"}, {"serviceName": "unknown", "survey": "PI10-v2"},
			{"serviceName": "dynamic", "surveyDynamic": dynamic}, {"serviceName": "text", "surveyDynamic": string(text)},
			{"serviceName": "again", "surveyDynamic": rig.JSON{"meta": rig.JSON{"surveyTemplateId": "their-own"}, "answers": []rig.JSON{{"id": "q1", "question": "Q?", "answerType": "yesNo", "answer": "Yes", "pictures": []string{"p-1"}}}}}}}))
		require.Equal(t, "created", r["result"], "%v", r)
		require.Equal(t, []string{"services[1].survey", "services[2].survey"}, fieldsOf(r, "warnings"))
		id := r["id"].(string)
		surveys := office.Want(200, "GET", "/work-orders/"+id+"/surveys", nil)
		require.Len(t, surveys.List("items"), 5)
		require.Equal(t, "sent", surveys.Text("items", 2, "survey_id"))
		require.Equal(t, "q1", surveys.Text("items", 4, "template", "questions", 0, "id"), "a returned response is asked again")
		require.Equal(t, "Yes", surveys.Text("items", 4, "answers", 0, "answer"))
		require.Equal(t, "unchanged", s.one(rig.JSON{"workOrderNumber": "3", "services": []rig.JSON{{"serviceName": "dynamic", "surveyDynamic": dynamic}, {"serviceName": "known", "survey": "hpirFull-v1"}}})["result"])
		bad := survey("circle")
		bad["questions"] = []rig.JSON{{"id": "a", "answerType": "yesNo", "triggers": []rig.JSON{{"answer": "Yes", "enable": []string{"b"}}}}, {"id": "b", "answerType": "yesNo", "triggers": []rig.JSON{{"answer": "Yes", "enable": []string{"a"}}}}}
		refused := s.one(smallest("4", rig.JSON{"services": []rig.JSON{{"serviceName": "x", "surveyDynamic": bad}}}))
		require.Equal(t, "rejected", refused["result"])
		require.Equal(t, []string{"services[0].surveyDynamic.questions[0].triggers"}, fieldsOf(refused, "errors"))
		require.NotContains(t, string(office.Want(200, "GET", "/work-orders?q=4", nil).Body), `"work_order_number":"4"`, "nothing of it stays")
		alerts := office.Want(200, "GET", "/alerts", nil)
		require.Equal(t, "failed_import", alerts.Text("items", 0, "kind"))
	})
}

func TestManyPushesAtOnceMakeOneOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		s, made := integrate(t, office, nil)
		var mu sync.Mutex
		results := map[string]int{}
		ids := map[string]bool{}
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				text, _ := json.Marshal(rig.JSON{"workOrders": []rig.JSON{smallest("same", nil), smallest("too", nil)}})
				a, err := (&rig.User{T: t}).Try("POST", s.url, text)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				for n := range a.List("results") {
					results[a.Text("results", n, "result")]++
					ids[a.Text("results", n, "id")] = true
				}
			})
		}
		wg.Wait()
		require.Equal(t, map[string]int{"created": 2, "unchanged": 22}, results)
		require.Len(t, ids, 2)
		log := office.Want(200, "GET", "/integrations/"+made.Text("id")+"/log", nil)
		require.Len(t, log.List("items"), 12)
		require.Equal(t, "push", log.Text("items", 0, "kind"))
	})
}

func TestALargeBatchIsAnImportWithAPlaceToSeeIt(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		s, _ := integrate(t, office, nil)
		orders := make([]rig.JSON, 1000)
		for i := range orders {
			orders[i] = smallest(fmt.Sprintf("L-%04d", i), nil)
		}
		orders[7]["city"] = nil
		began := time.Now()
		a := s.post(orders...)
		require.Equal(t, true, a.Get("response"), string(a.Body))
		require.Empty(t, a.List("results"))
		require.Less(t, time.Since(began), 30*time.Second)
		require.True(t, strings.HasPrefix(a.Text("import"), s.url+"/imports/"), a.Text("import"))
		anonymous := &rig.User{T: t}
		var seen rig.Answer
		office.Await("the batch", func() bool {
			seen = anonymous.Want(200, "GET", a.Text("import"), nil)
			return seen.Text("state") == "done"
		})
		require.Equal(t, []any{1000.0, 999.0, 1.0}, []any{seen.Get("processed"), seen.Get("created"), seen.Get("rejected")})
		require.Equal(t, "rejected", seen.Text("results", 7, "result"))
		require.Equal(t, "city", seen.Text("results", 7, "messages", 0, "field"))
		other, _ := integrate(t, rig.SignUp(t, in.URL), nil)
		anonymous.Want(404, "GET", other.url+strings.TrimPrefix(a.Text("import"), s.url), nil)
		again := s.post(orders...)
		office.Await("the batch again", func() bool { return anonymous.Want(200, "GET", again.Text("import"), nil).Text("state") == "done" })
		require.EqualValues(t, 999, anonymous.Want(200, "GET", again.Text("import"), nil).Get("unchanged"))
		id := seen.Text("results", 999, "id")
		crew := office.Colleague("crew")
		require.Equal(t, "assigned", office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": crew.Username}).Text("state"), "whoever waits goes before the rest of the batch")
	})
}

func TestAFloodOfPushesIsSlowedDown(t *testing.T) {
	t.Parallel()
	// From an address of its own, so that others are not slowed down with it.
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 77)}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	url, status := shape(t, "sqlite").URL+"/push/"+uuid.NewString(), 0
	for range 100 {
		a := rig.Send(t, client, http.MethodGet, url, "", nil)
		if status = a.Status; status == 429 {
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			break
		}
	}
	require.Equal(t, 429, status, "whoever tries keys")
}
