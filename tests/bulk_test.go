package tests

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

// overBulk waits for the end of a bulk.
func overBulk(u *rig.User, id string) rig.Answer {
	u.T.Helper()
	var b rig.Answer
	u.Await("the end of a bulk", func() bool {
		b = u.Want(200, "GET", "/bulk/"+id, nil)
		return b.Get("ended_at") != nil
	})
	return b
}

// become are the counts of a bulk: done, unchanged, refused, cancelled.
func become(b rig.Answer) []any {
	return []any{b.Get("done"), b.Get("unchanged"), b.Get("refused"), b.Get("cancelled")}
}

// completed makes orders of a client that wait for review.
func completed(office *rig.User, client string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = office.Order(rig.JSON{"client_code": client, "assignee": "~all~"}).Text("id")
		office.Want(200, "POST", "/work-orders/"+ids[i]+"/complete", nil)
	}
	return ids
}

func TestOneActionOnManyOrders(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		client := "BULK"
		ids := completed(office, client, 12)
		fresh := office.Order(rig.JSON{"client_code": client}).Text("id")
		events, ok := listen(t, office, "")
		require.True(t, ok)
		filter := rig.JSON{"client_code": client, "state": []string{"completed", "created"}}
		other := office.Want(409, "POST", "/bulk", rig.JSON{"action": "approve", "filter": filter, "expected": 12})
		require.Equal(t, "other_count", other.Text("code"))
		require.Equal(t, "completed", office.Want(200, "GET", "/work-orders/"+ids[0], nil).Text("state"), "nothing was done")

		begun := office.Want(202, "POST", "/bulk", rig.JSON{"action": "approve", "parameters": rig.JSON{"reason": "seen"}, "filter": filter, "expected": 13}, "Idempotency-Key", "once")
		require.Equal(t, "/api/v1/bulk/"+begun.Text("id"), begun.Header.Get("Location"))
		again := office.Want(202, "POST", "/bulk", rig.JSON{"action": "approve", "parameters": rig.JSON{"reason": "seen"}, "filter": filter, "expected": 13}, "Idempotency-Key", "once")
		require.Equal(t, begun.Text("id"), again.Text("id"))
		done := overBulk(office, begun.Text("id"))
		require.Equal(t, []any{12.0, 0.0, 1.0, 0.0}, become(done), "%s", done.Body)
		require.Equal(t, "done", done.Text("state"))
		require.Equal(t, office.Username, done.Text("by"))
		for e := range events {
			if e.kind == "bulk.changed" {
				break
			}
		}
		refused := office.Want(200, "GET", "/bulk/"+begun.Text("id")+"/rows?result=refused", nil)
		require.Len(t, refused.List("items"), 1)
		require.Equal(t, []string{fresh, "refused", "illegal"}, []string{refused.Text("items", 0, "work_order_id"), refused.Text("items", 0, "result"), refused.Text("items", 0, "code")})
		for _, id := range ids {
			history := office.Want(200, "GET", "/work-orders/"+id+"/events", nil)
			last := len(history.List("items")) - 1
			require.Equal(t, []string{"approved", "seen", office.Username}, []string{history.Text("items", last, "type"), history.Text("items", last, "reason"), history.Text("items", last, "actor")})
		}
		page := office.Want(200, "GET", "/bulk/"+begun.Text("id")+"/rows?limit=5", nil)
		require.Len(t, page.List("items"), 5)
		require.Len(t, office.Want(200, "GET", "/bulk/"+begun.Text("id")+"/rows?limit=200&cursor="+page.Text("next_cursor"), nil).List("items"), 8)

		// What was refused is mended, and done again.
		office.Want(200, "POST", "/work-orders/"+fresh+"/assign", rig.JSON{"assignee": "~all~"})
		office.Want(200, "POST", "/work-orders/"+fresh+"/complete", nil)
		repeated := office.Want(202, "POST", "/bulk/"+begun.Text("id")+"/repeat", nil)
		require.Equal(t, begun.Text("id"), repeated.Text("repeats"))
		require.Equal(t, []any{1.0, 0.0, 0.0, 0.0}, become(overBulk(office, repeated.Text("id"))))
		same := office.Want(202, "POST", "/bulk", rig.JSON{"action": "approve", "ids": append(ids, fresh)})
		require.Equal(t, []any{0.0, 13.0, 0.0, 0.0}, become(overBulk(office, same.Text("id"))), "they are approved already")

		for action, parameters := range map[string]rig.JSON{"publish": {}, "update": {"due_date": "2031-02-03", "address": rig.JSON{"address2": "Rear"}}, "invoiced": {}} {
			b := overBulk(office, office.Want(202, "POST", "/bulk", rig.JSON{"action": action, "parameters": parameters, "ids": ids}).Text("id"))
			require.Equal(t, []any{12.0, 0.0, 0.0, 0.0}, become(b), "%s: %s", action, b.Body)
		}
		order := office.Want(200, "GET", "/work-orders/"+ids[7], nil)
		require.Equal(t, []any{"published", "2031-02-03", "Rear", true}, []any{order.Get("state"), order.Get("due_date"), order.Get("address", "address2"), order.Get("invoiced")})
		require.NotEmpty(t, order.Text("address", "address1"))
		changes := office.Want(200, "GET", "/work-orders/"+ids[7]+"/changes", nil)
		found := map[string][]any{}
		for _, c := range changes.List("items") {
			change := c.(map[string]any)
			found[change["field"].(string)] = []any{change["old"], change["new"], change["who"]}
		}
		require.Equal(t, []any{false, true, office.Username}, found["invoiced"])
		require.Equal(t, []any{"", "Rear", office.Username}, found["address.address2"])
		require.Len(t, office.Want(200, "GET", "/bulk", nil).List("items"), 6)
		require.Equal(t, 409, office.Do("POST", "/bulk/"+begun.Text("id")+"/cancel", nil).Status, "it has ended")
		if *record {
			recordHistory(t, in, protocol.BulkID(begun.Text("id")), "bulk-"+in.Name)
		}
		for _, wrong := range []rig.JSON{
			{"action": "approve", "filter": rig.JSON{"colour": "red"}, "expected": 1}, {"action": "approve", "filter": rig.JSON{"state": "red"}, "expected": 1},
			{"action": "approve", "filter": rig.JSON{"limit": "1"}, "expected": 1}, {"action": "approve", "filter": rig.JSON{}}, {"action": "restore", "ids": ids}, {"action": "approve"},
			{"action": "update", "parameters": rig.JSON{"address": rig.JSON{"zip": 5}}, "ids": ids}, {"action": "update", "parameters": rig.JSON{"priority": "none"}, "ids": ids},
			{"action": "update", "parameters": rig.JSON{"state": "closed"}, "ids": ids}, {"action": "update", "parameters": rig.JSON{"due_date": "soon"}, "ids": ids},
			{"action": "assign", "parameters": rig.JSON{"colour": "red"}, "ids": ids}, {"action": "approve", "filter": rig.JSON{"q": rig.JSON{}}, "expected": 1},
		} {
			office.Want(422, "POST", "/bulk", wrong)
		}
	})
}

func TestABulkThatIsKilledGoesOnAndDoesNothingTwice(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		office := rig.SignUp(t, in.URL)
		ids := completed(office, "KILLED", 120)
		approve := office.Want(202, "POST", "/bulk", rig.JSON{"action": "approve", "ids": ids}).Text("id")
		edit := office.Want(202, "POST", "/bulk", rig.JSON{"action": "update", "parameters": rig.JSON{"reference": "in bulk"}, "ids": ids}).Text("id")
		for range 2 {
			office.Await("the middle", func() bool {
				a := office.Want(200, "GET", "/bulk/"+approve, nil)
				return a.Get("waiting") != float64(len(ids))
			})
			in.KillAll()
			require.NoError(t, in.Restart())
		}
		for _, id := range []string{approve, edit} {
			require.Equal(t, []any{120.0, 0.0, 0.0, 0.0}, become(overBulk(office, id)))
		}
		for _, id := range ids {
			types := map[string]int{}
			for _, e := range office.Want(200, "GET", "/work-orders/"+id+"/events", nil).List("items") {
				types[e.(map[string]any)["type"].(string)]++
			}
			require.Equal(t, []int{1, 1}, []int{types["approved"], types["updated"]}, id)
		}
	})
}

func TestWhoIsSwitchedOffInTheMiddleOfABulkDoesNoMore(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		admin := rig.SignUp(t, in.URL)
		office := admin.Colleague("staff")
		ids := completed(admin, "OFF", 40)
		id := office.Want(202, "POST", "/bulk", rig.JSON{"action": "approve", "ids": ids}).Text("id")
		admin.Want(200, "PATCH", "/users/"+office.ID, rig.JSON{"active": false})
		switched := time.Now().Add(2 * time.Second) // what was under way then may end
		b := overBulk(admin, id)
		done, _ := b.Get("done").(float64)
		refused, _ := b.Get("refused").(float64)
		require.EqualValues(t, 40, done+refused, "%s", b.Body)
		approved := 0
		for _, order := range ids {
			o := admin.Want(200, "GET", "/work-orders/"+order, nil)
			if o.Text("state") == "approved" {
				approved++
				events := admin.Want(200, "GET", "/work-orders/"+order+"/events", nil)
				at, err := time.Parse(time.RFC3339Nano, events.Text("items", len(events.List("items"))-1, "at"))
				require.NoError(t, err)
				require.True(t, at.Before(switched))
			}
		}
		require.EqualValues(t, done, approved, "the rows say what is so")
		for _, r := range admin.Want(200, "GET", "/bulk/"+id+"/rows?limit=200&result=refused", nil).List("items") {
			require.Equal(t, "switched_off", r.(map[string]any)["code"])
		}
		if refused > 0 {
			again := admin.Want(202, "POST", "/bulk/"+id+"/repeat", nil).Text("id")
			require.Equal(t, []any{refused, 0.0, 0.0, 0.0}, become(overBulk(admin, again)), "another may do the rest")
		}
	})
}

func TestOldValuesAreForTheOfficeAlone(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		hook := rig.NewReceiver()
		defer hook.Close()
		office, crew, order := crewWithOrder(t, in, rig.JSON{"work_order_info": "Lockbox Larkspur"})
		hookAt(office, "hook", hook.URL, nil)
		path := "/work-orders/" + order.Text("id")
		office.Want(200, "PATCH", path, rig.JSON{"work_order_info": "Lockbox Foxglove", "description": "Second"})
		changes := office.Want(200, "GET", path+"/changes", nil)
		require.Contains(t, string(changes.Body), "Larkspur")
		require.Len(t, changes.List("items"), 2)
		crew.Want(403, "GET", path+"/changes", nil)
		require.NotContains(t, string(crew.Want(200, "GET", path, nil).Body)+string(crew.Want(200, "GET", path+"/events", nil).Body), "Larkspur")
		office.Await("the web-hook", func() bool { return len(hook.OfOrder(order.Text("id"), "work_order.updated")) > 0 })
		for _, e := range hook.OfOrder(order.Text("id"), "work_order.updated") {
			require.NotContains(t, string(e.Body), "Larkspur")
		}
	})
}

func TestTheRowsOfAnImportComeWithTheirCells(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		file := table([]string{"Number", "Address", "City", "State", "Zip", "Task", "Due Date"},
			[]string{"R-1", "1 Oak", "Austin", "TX", "78701", "Photos", "2031-01-01"}, []string{"R-2", "", "Austin", "TX", "78701", "Photos", "2031-01-01"}, []string{"R-3", "3 Oak", "Austin", "TX", "78701", "Photos", "soon"})
		i := imported(office, "rows.csv", file)
		require.Equal(t, []any{"done", 3.0, 1.0, 0.0, 0.0, 2.0}, counts(i))
		require.Equal(t, []any{"Number", "Address", "City", "State", "Zip", "Task", "Due Date"}, i.List("columns"))
		rejected := office.Want(200, "GET", "/imports/"+i.Text("id")+"/rows?result=rejected", nil)
		require.Len(t, rejected.List("items"), 2)
		require.Equal(t, []any{"R-2", "", "Austin", "TX", "78701", "Photos", "2031-01-01"}, rejected.List("items", 0, "cells"))
		require.EqualValues(t, 3, rejected.Get("items", 0, "row"))
		require.NotEmpty(t, rejected.Text("items", 0, "errors", 0, "code"))
		require.NotEmpty(t, rejected.Text("items", 1, "errors", 0, "message"))
		require.Len(t, office.Want(200, "GET", "/imports/"+i.Text("id")+"/rows", nil).List("items"), 3)
		office.Want(400, "GET", "/imports/"+i.Text("id")+"/rows?result=red", nil)
	})
}

func TestLargeAnswersComeGzippedToWhoAsks(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for range 5 {
			office.Order(nil)
		}
		own := &http.Client{Transport: &http.Transport{}} // the others hold what they get to the document, unpacked
		type answer struct {
			head http.Header
			body []byte
		}
		get := func(path, encodings string) answer {
			r, err := http.NewRequest("GET", in.URL+"/api/v1"+path, nil)
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+office.Token)
			r.Header.Set("Accept-Encoding", encodings)
			response, err := own.Do(r)
			require.NoError(t, err)
			defer response.Body.Close()
			require.Equal(t, 200, response.StatusCode)
			require.Contains(t, strings.Join(response.Header.Values("Vary"), ","), "Accept-Encoding")
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			return answer{response.Header, body}
		}
		plain := get("/work-orders", "identity")
		for _, encodings := range []string{"gzip", "br, GZIP;q=0.5", "deflate,gzip"} {
			packed := get("/work-orders", encodings)
			require.Equal(t, "gzip", packed.head.Get("Content-Encoding"), encodings)
			r, err := gzip.NewReader(bytes.NewReader(packed.body))
			require.NoError(t, err)
			text, err := io.ReadAll(r)
			require.NoError(t, err)
			require.JSONEq(t, string(plain.body), string(text))
		}
		for _, encodings := range []string{"gzip;q=0", "br", "*;q=0, gzip;q=0.0"} {
			require.Empty(t, get("/work-orders", encodings).head.Get("Content-Encoding"), encodings)
		}
		require.Empty(t, get("/sessions/current", "gzip").head.Get("Content-Encoding"), "a small one is not worth it")
		photo := office.Upload(office.Order(nil).Text("id"), rig.JPEG(800, 600, 1))
		original := get("/photos/"+photo.Text("id")+"/original", "gzip")
		require.Empty(t, original.head.Get("Content-Encoding"), "a photo is packed as it is")
		require.Equal(t, fmt.Sprint(photo.Get("size")), original.head.Get("Content-Length"))
	})
}
