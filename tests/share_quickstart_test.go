package tests

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"

	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

// two are two installations with separate data: one of each shape, or a second of the shape that is asked for alone.
func two(t *testing.T) (a, b *rig.Installation) {
	t.Helper()
	names := shapeNames()
	a = shape(t, names[0])
	if len(names) > 1 {
		return a, shape(t, names[1])
	}
	b = must(t, func() (*rig.Installation, error) { return another(t, names[0], "second") })
	t.Cleanup(b.Stop)
	return a, b
}

// another is an installation of a shape for one test alone.
func another(t *testing.T, shape, name string) (*rig.Installation, error) {
	dir := filepath.Join(t.TempDir(), name)
	if shape == "sqlite" {
		return rig.Dev(product(t), dir)
	}
	return rig.Production(product(t), dir, postgres(t))
}

// events are the types in an order's history.
func events(u *rig.User, order string) (types []string) {
	for _, e := range u.Want(200, "GET", "/work-orders/"+order+"/events", nil).List("items") {
		types = append(types, e.(map[string]any)["type"].(string))
	}
	return types
}

// photosOf maps the uuids of an order's photos to their hashes; none is there twice.
func photosOf(u *rig.User, order string) map[string]string {
	u.T.Helper()
	all := map[string]string{}
	for path := "/work-orders/" + order + "/photos?limit=200"; ; {
		page := u.Want(200, "GET", path, nil)
		for _, p := range page.List("items") {
			photo := p.(map[string]any)
			id := strings.ToLower(photo["uuid"].(string))
			require.NotContains(u.T, all, id, "a photo is there once")
			all[id] = photo["sha256"].(string)
		}
		next := page.Text("next_cursor")
		if next == "" {
			return all
		}
		path = "/work-orders/" + order + "/photos?limit=200&cursor=" + next
	}
}

// exercise is the quick start's third one: work is assigned in one account and done in the other.
func exercise(t *testing.T, office, vendor *rig.User, where string) *linked {
	// 1. The delegator makes a user with the role subcontractor; 2. the recipient an integration with that name and password.
	l := link(t, office, vendor, "ACME", where)
	shown := vendor.Want(200, "GET", "/integrations/"+l.integration, nil)
	require.Equal(t, "both", shown.Text("publish_to"), "a share integration sends results by itself")
	vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"qa_policy": "auto_relay"})

	// 3. An order is assigned to that user, and appears in the other account. Nobody pressed Import.
	number := "Q-" + uuid.NewString()[:8]
	here := office.Order(rig.JSON{"work_order_number": number, "instructions": "<p>Mow the lawn.</p>", "tasks": []rig.JSON{{"name": "Lawn: front"}}}).Text("id")
	office.Want(200, "POST", "/work-orders/"+here+"/assign", rig.JSON{"assignee": l.login})
	order := at(vendor, number)
	there := order.Text("id")
	require.Equal(t, []any{"ACME", "created", "<p>Mow the lawn.</p>", "Lawn: front"}, []any{order.Get("client_code"), order.Get("state"), order.Get("instructions"), order.Get("tasks", 0, "name")})

	// 4. What changes here changes there.
	office.Want(200, "PATCH", "/work-orders/"+here, rig.JSON{"instructions": "<p>Mow it short.</p>"})
	vendor.Await("the change", func() bool {
		return vendor.Want(200, "GET", "/work-orders/"+there, nil).Text("instructions") == "<p>Mow it short.</p>"
	})

	// 5. A crew of the other account opens the order and takes a photo; both are seen here.
	crew := vendor.Colleague("crew")
	vendor.Want(200, "POST", "/work-orders/"+there+"/assign", rig.JSON{"assignee": crew.Username})
	crew.Want(200, "POST", "/work-orders/"+there+"/view", nil)
	office.Await("that it was viewed", func() bool {
		return office.Want(200, "GET", "/work-orders/"+here, nil).Text("field_status") == "viewed"
	})
	photo := rig.JPEG(320, 240, 7)
	taken := crew.Upload(there, photo, "task_id", order.Text("tasks", 0, "id"), "evidence_type", "before", "taken_at", now(), "source", "mobile_camera", "latitude", "30.5", "longitude", "-97.6", "notes", "The gate was open.")
	office.AwaitState(here, "in_progress")
	var photos rig.Answer
	office.Await("the photo", func() bool {
		photos = office.Want(200, "GET", "/work-orders/"+here+"/photos", nil)
		return len(photos.List("items")) == 1
	})
	require.Equal(t, []any{taken.Get("uuid"), sha(photo), "before", 30.5, -97.6}, []any{photos.Get("items", 0, "uuid"), photos.Get("items", 0, "sha256"), photos.Get("items", 0, "evidence_type"), photos.Get("items", 0, "latitude"), photos.Get("items", 0, "longitude")})
	require.Equal(t, photo, office.Want(200, "GET", "/photos/"+photos.Text("items", 0, "id")+"/original", nil).Body, "bit for bit")
	require.Equal(t, "in_progress", office.Want(200, "GET", "/work-orders/"+here, nil).Text("state"))

	// 6. It is completed there, and seen completed here.
	crew.Want(200, "POST", "/work-orders/"+there+"/complete", nil)
	office.AwaitState(here, "completed")
	require.Equal(t, []string{"created", "assigned", "updated", "viewed", "in_progress", "completed"}, without(events(office, here), "changed"))
	for _, u := range []*rig.User{office, vendor} {
		u.Await("rest", func() bool {
			for _, item := range u.Want(200, "GET", "/share-links", nil).List("items") {
				link := rig.Answer{JSON: item.(map[string]any)}
				if link.Text("state") != "ok" || link.Get("waiting", "items") != 0.0 || link.Get("waiting", "statuses") != 0.0 {
					return false
				}
			}
			return true
		})
	}
	require.Len(t, photosOf(office, here), 1)
	return l
}

// without leaves out some words.
func without(words []string, some ...string) (left []string) {
	for _, w := range words {
		if !strings.Contains(" "+strings.Join(some, " ")+" ", " "+w+" ") {
			left = append(left, w)
		}
	}
	return left
}

func TestTheThirdExerciseInOneInstallation(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		l := exercise(t, rig.SignUp(t, in.URL), rig.SignUp(t, in.URL), "")
		c := temporalOf(t, in)
		for end, says := range map[string]string{l.in: "**Acme**: ok. 0 items and 0 statuses wait.", l.out: "**Lone Star Lawns**: ok."} {
			l.office.Await("what the operator sees", func() bool {
				metadata, err := c.QueryWorkflow(t.Context(), protocol.ShareID(end), "", "__temporal_workflow_metadata")
				require.NoError(t, err)
				var details sdkpb.WorkflowMetadata
				require.NoError(t, metadata.Get(&details))
				return strings.HasPrefix(details.GetCurrentDetails(), says)
			})
		}
		if *record {
			recordHistory(t, in, protocol.ShareID(l.in), "share-in-"+in.Name)
			recordHistory(t, in, protocol.ShareID(l.out), "share-out-"+in.Name)
		}
	})
}

func TestTheThirdExerciseBetweenTwoInstallations(t *testing.T) {
	t.Parallel()
	a, b := two(t)
	for _, way := range []struct {
		name           string
		office, vendor *rig.Installation
	}{{"there", a, b}, {"and back", b, a}} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			exercise(t, rig.SignUp(t, way.office.URL), rig.SignUp(t, way.vendor.URL), way.office.URL)
		})
	}
}

var toldFieldStatus = regexp.MustCompile(`"fieldStatus":"([^"]*)"`)

func TestTheThirdExerciseWithADelegatorOfTheWireAlone(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("open sesame")
		defer peer.Close()
		var mu sync.Mutex
		var heard []string // in the order in which it came
		hear := func(what string) {
			mu.Lock()
			defer mu.Unlock()
			if len(heard) == 0 || heard[len(heard)-1] != what {
				heard = append(heard, what)
			}
		}
		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) {
			calls := peer.Calls("status")
			for _, m := range toldFieldStatus.FindAllStringSubmatch(string(calls[len(calls)-1].Body), -1) {
				hear(m[1])
			}
			rig.Say(w, `{"status":true,"error":null}`)
		})
		peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) {
			hear(fmt.Sprint(payload["key2"], " ", payload["key4"], " ", payload["evidenceType"]))
			rig.Say(w, `{"status":true,"error":""}`)
		})
		number := uuid.NewString()[:8]
		peer.Orders(`{"workOrders":[],"error":""}`)
		vendor := rig.SignUp(t, in.URL)
		integration := vendor.Want(201, "POST", "/integrations", rig.JSON{"client_code": "WIRE", "name": "Wire & Sons", "kind": "share", "qa_policy": "auto_relay",
			"settings": rig.JSON{"url": peer.URL, "username": "lone-star", "password": "open sesame"}}).Text("id")
		ours := "/share-links/" + vendor.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		vendor.Await("the link", func() bool { return vendor.Want(200, "GET", ours, nil).Text("state") == "ok" })
		shown := vendor.Want(200, "GET", ours, nil)
		require.Equal(t, []any{false, integration}, []any{shown.Get("peer", "fieldproof"), shown.Get("integration_id")})

		// It assigns, and calls the push key that it was given.
		peer.Orders(`{"workOrders":[{"workOrderNumber":"` + number + `","address1":"1 Elm Street","city":"Austin","state":"TX","zip":"78701","services":[{"serviceName":"Lawn"}]}],"error":""}`)
		push := peer.Calls("validate")[0].Payload["pushkey"].(string)
		require.Equal(t, true, rig.Send(t, rig.Client, http.MethodGet, push, "", nil).Get("response"))
		order := at(vendor, number)
		require.Equal(t, "WIRE", order.Text("client_code"))

		crew := vendor.Colleague("crew")
		path := "/work-orders/" + order.Text("id")
		vendor.Want(200, "POST", path+"/assign", rig.JSON{"assignee": crew.Username})
		photo := rig.JPEG(320, 240, 8)
		crew.Upload(order.Text("id"), photo, "task_id", order.Text("tasks", 0, "id"), "evidence_type", "after", "taken_at", now(), "source", "mobile_camera")
		vendor.Await("the photo", func() bool { return len(peer.Calls("uploadPictures")) > 0 })
		require.True(t, bytes.Contains(peer.Calls("uploadPictures")[0].Body, photo), "the original, whole")
		for _, name := range []string{"fieldproof", "account", "statement", "orderId"} {
			_, names := peer.Calls("uploadPictures")[0].Payload[name]
			require.Equal(t, name == "fieldproof" || name == "account", names, "%s: what is for a Fieldproof goes to one", name)
		}
		crew.Want(200, "POST", path+"/complete", nil)
		vendor.Await("that it is complete", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(heard) > 0 && heard[len(heard)-1] == "complete"
		})
		mu.Lock()
		defer mu.Unlock()
		require.ElementsMatch(t, []string{"In Process", number + " Lawn after", "complete"}, heard)
	})
}

func TestTheThirdExerciseWithARecipientOfTheWireAlone(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		login := office.Colleague("subcontractor")
		var rung atomic.Int64
		bell := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && r.URL.Query().Get("apiKey") == "secret" {
				rung.Add(1)
			}
			rig.Say(w, `{"response":true,"error":"success"}`)
		}))
		defer bell.Close()
		vendor := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": login.Username, "password": digest("correct horse"), "token": ""}}
		require.Equal(t, map[string]any{"error": "", "validated": true}, map[string]any(vendor.call("validate", rig.JSON{"pushkey": bell.URL + "/api/?apiKey=secret"}).JSON), "no word more than the wire's")
		out := office.Want(200, "GET", "/share-links", nil)
		require.Equal(t, []any{"out", "ok", login.Username, false}, []any{out.Get("items", 0, "direction"), out.Get("items", 0, "state"), out.Get("items", 0, "username"), out.Get("items", 0, "peer", "fieldproof")})

		number := uuid.NewString()[:8]
		order := office.Order(rig.JSON{"work_order_number": number, "tasks": []rig.JSON{{"name": "Lawn"}}}).Text("id")
		before := rung.Load()
		office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": login.Username})
		office.Await("the bell", func() bool { return rung.Load() > before })
		require.Equal(t, []string{number}, vendor.orders(nil))

		said := func(status string) {
			t.Helper()
			require.Equal(t, map[string]any{"status": true, "error": nil}, map[string]any(vendor.call("status", rig.JSON{"workOrders": []rig.JSON{{"workOrderNumber": number, "status": "Assigned", "fieldStatus": status, "clientStatus": ""}}}).JSON))
		}
		said("In Process")
		office.AwaitState(order, "in_progress")
		photo, id := rig.JPEG(320, 240, 9), uuid.NewString()
		item := rig.JSON{"uuId": id, "uuid": id, "key2": number, "key4": "Lawn", "fileType": "picture", "fileName": id + ".jpg", "evidenceType": "after", "timestamp": fmt.Sprint(time.Now().Unix())}
		require.Equal(t, map[string]any{"status": true, "error": nil}, map[string]any(vendor.upload(item, photo, false).JSON))
		said("complete")
		office.AwaitState(order, "completed")
		require.Equal(t, map[string]string{id: sha(photo)}, photosOf(office, order))

		// Rework reaches them as the wire has it, and taking the order away too.
		office.Want(200, "POST", "/work-orders/"+order+"/reject", rig.JSON{"reason": "Too dark."})
		full := vendor.call("getWorkOrders", rig.JSON{"timestamp": nil})
		require.Equal(t, "REWORK", strings.ToUpper(full.Text("workOrders", 0, "status")), "%s", full.Body)
		office.Want(200, "POST", "/work-orders/"+order+"/unassign", nil)
		taken := vendor.call("getWorkOrders", rig.JSON{"timestamp": time.Now().Unix()})
		require.Equal(t, map[string]any{"workOrderNumber": number, "clientStatus": "Cancelled"}, taken.Get("workOrders", 0))
		refused := vendor.call("status", rig.JSON{"workOrders": []rig.JSON{{"workOrderNumber": number, "fieldStatus": "complete"}}})
		require.Equal(t, false, refused.Get("status"), "a status of an order that was taken away is refused for good")
	})
}
