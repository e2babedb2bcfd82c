package tests

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

func TestAutoRelaySendsItemsAsTheyCome(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		office.Want(200, "PATCH", "/account", rig.JSON{"qa_policy": "auto_relay"})
		hook := rig.NewReceiver()
		defer hook.Close()
		hookAt(office, "all", hook.URL, nil)
		peer := rig.NewPeer("open sesame")
		defer peer.Close()
		yes := func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) }
		peer.On("uploadPictures", yes)
		peer.On("status", yes)
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "client", "kind": "client", "settings": rig.JSON{"url": peer.URL + "/api", "extension": "php", "username": "me", "password": "open sesame"}})
		folder := uuid.NewString()
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "folder", "kind": "folder", "settings": rig.JSON{"path": folder, "template": "Project"}})
		// One that never works waits for its next try for days: it holds back nothing.
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "down", "kind": "webdav", "settings": rig.JSON{"path": "x", "options": rig.JSON{"url": "http://127.0.0.1:1/", "vendor": "other"}}})

		order := office.Order(rig.JSON{"assignee": crew.Username})
		id, task := order.Text("id"), order.Text("tasks", 0, "id")
		there := func() map[string]string { return files(t, filepath.Join(in.Folders, folder)) }
		relayed := func() int {
			n := 0
			for _, e := range hook.Events() {
				if e.JSON.Text("type") == "item.published" {
					n++
				}
			}
			return n
		}
		require.DirExists(t, in.Folders)
		photos := [][]byte{rig.JPEG(90, 60, 1), rig.JPEG(90, 60, 2), rig.JPEG(90, 60, 3)}
		for n, photo := range photos[:2] {
			crew.Upload(id, photo, "task_id", task, "evidence_type", "after", "source", "mobile_camera")
			office.Await("the photo everywhere, before the order is complete", func() bool {
				return exists(filepath.Join(in.Folders, folder)) && len(there()) == n+1 && relayed() == n+1 && len(peer.Calls("uploadPictures")) == n+1
			})
		}
		require.Equal(t, "in_progress", office.Want(200, "GET", "/work-orders/"+id, nil).Text("state"))
		require.Equal(t, false, office.Want(200, "GET", "/work-orders/"+id, nil).Get("has_new_items"))
		for name := range there() {
			require.False(t, strings.HasSuffix(name, ".pdf"), "the report comes at the end")
		}
		for _, c := range peer.Calls("status") {
			require.NotContains(t, c.Raw, `complete`)
		}
		crew.Upload(id, photos[2], "task_id", task, "evidence_type", "after", "source", "mobile_camera")
		crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		office.AwaitState(id, "published")
		var publications rig.Answer
		office.Await("the report", func() bool {
			publications = office.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
			return len(there()) == 4
		})
		office.Await("the client hears that it is complete", func() bool {
			calls := peer.Calls("status")
			return len(calls) > 0 && strings.Contains(calls[len(calls)-1].Raw, "complete")
		})
		require.Len(t, publications.List("items"), 1, "one publication took everything")
		require.EqualValues(t, 3, publications.Get("items", 0, "items"))
		require.Equal(t, 3, relayed(), "each item once")
		require.Len(t, peer.Calls("uploadPictures"), 3)
		hasAll(t, there(), photos...)
		types := []string{}
		for _, e := range office.Want(200, "GET", "/work-orders/"+id+"/events", nil).List("items") {
			types = append(types, e.(map[string]any)["type"].(string))
		}
		require.Equal(t, []string{"created", "assigned", "in_progress", "relayed", "completed", "published"}, types)
		_, good := check(t, office.Want(200, "GET", "/work-orders/"+id+"/archive.zip", nil).Body)
		require.True(t, good)
		nobody := &rig.User{T: t, URL: in.URL}
		for _, p := range office.Want(200, "GET", "/work-orders/"+id+"/photos", nil).List("items") {
			nobody.Want(200, "GET", in.URL+"/verify/"+p.(map[string]any)["uuid"].(string), nil)
		}
		require.Len(t, office.Want(200, "GET", "/published", nil).List("items"), 3)

		if *record {
			recordHistory(t, in, protocol.PublicationID(publications.Text("items", 0, "id")), "relay-"+in.Name)
		}

		// A late item goes out in a publication of its own.
		crew.Upload(id, rig.JPEG(90, 60, 4), "task_id", task, "evidence_type", "after", "source", "mobile_camera")
		office.Await("the late one", func() bool { return relayed() == 4 })
		require.Len(t, office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).List("items"), 2)
	})
}

func TestADeletedOrderSendsNoReport(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		office.Want(200, "PATCH", "/account", rig.JSON{"qa_policy": "auto_relay"})
		dav := rig.NewDAV(t)
		var arrived atomic.Bool
		hold := make(chan struct{})
		release := sync.OnceFunc(func() { close(hold) })
		t.Cleanup(release)
		dav.Before(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut {
				arrived.Store(true)
				<-hold
			}
			return false
		})
		settings := dav.Settings("results")
		settings["no_report"] = false
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "dav", "kind": "webdav", "settings": settings})
		order := office.Order(rig.JSON{"assignee": crew.Username})
		id := order.Text("id")
		crew.Upload(id, rig.JPEG(90, 60, 1), "task_id", order.Text("tasks", 0, "id"), "evidence_type", "after")
		office.Await("the item under way", arrived.Load)
		publication := office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).Text("items", 0, "id")
		office.Want(204, "DELETE", "/work-orders/"+id, nil)
		release()
		ended, cancel := context.WithTimeout(t.Context(), rig.Patience)
		defer cancel()
		err := temporalOf(t, in).GetWorkflow(ended, protocol.PublicationID(publication), "").Get(ended, nil)
		require.NoError(t, err, "nothing is left to try")
		for name := range dav.Files(t) {
			require.NotContains(t, name, ".pdf")
		}
		require.Len(t, dav.Files(t), 1, "what was under way arrives whole")

		// Restored, it goes on where it was.
		office.Want(200, "POST", "/work-orders/"+id+"/restore", nil)
		crew.Upload(id, rig.JPEG(90, 60, 2), "task_id", order.Text("tasks", 0, "id"), "evidence_type", "after")
		crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		office.AwaitState(id, "published")
		office.Await("both photos and the report", func() bool { return len(dav.Files(t)) == 3 })
		require.Len(t, office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).List("items"), 1)
	})
}

func TestAutoPublishHonoursWhereAnOrderGoes(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		office.Want(200, "PATCH", "/account", rig.JSON{"qa_policy": "auto_publish"})
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "folder", "kind": "folder", "settings": rig.JSON{"path": uuid.NewString()}})
		peer := rig.NewPeer("open sesame")
		defer peer.Close()
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "client", "kind": "client", "settings": rig.JSON{"url": peer.URL + "/api", "extension": "php", "username": "me", "password": "open sesame"}})
		for publishTo, want := range map[string][]string{"none": nil, "storage": {"folder"}, "client": {"client"}, "both": {"client", "folder"}} {
			order := office.Order(rig.JSON{"assignee": crew.Username, "publish_to": publishTo})
			id := order.Text("id")
			crew.Upload(id, rig.JPEG(90, 60, 1), "task_id", order.Text("tasks", 0, "id"), "evidence_type", "after")
			crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
			office.AwaitState(id, "published")
			var names []string
			for _, d := range office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).List("items", 0, "deliveries") {
				names = append(names, d.(map[string]any)["destination"].(map[string]any)["name"].(string))
			}
			slices.Sort(names)
			require.Equal(t, want, names, publishTo)
		}

		// An order's own policy wins over its account's.
		reviewed := office.Order(rig.JSON{"assignee": crew.Username, "qa_policy": "office_review"})
		crew.Upload(reviewed.Text("id"), rig.JPEG(90, 60, 2), "task_id", reviewed.Text("tasks", 0, "id"), "evidence_type", "after")
		crew.Want(200, "POST", "/work-orders/"+reviewed.Text("id")+"/complete", nil)
		require.Equal(t, "approved", office.Want(200, "POST", "/work-orders/"+reviewed.Text("id")+"/approve", nil).Text("state"))
	})
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
