package tests

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// published takes an order with one photo to published and returns its deliveries by the name of their destination.
func published(office *rig.User, photo []byte) (order string, deliveries func() map[string]rig.Answer) {
	order = office.Order(rig.JSON{"assignee": "~all~"}).Text("id")
	office.Upload(order, photo)
	for _, event := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+order+"/"+event, nil)
	}
	return order, func() map[string]rig.Answer {
		found := map[string]rig.Answer{}
		a := office.Want(200, "GET", "/work-orders/"+order+"/publications", nil)
		for n := range a.List("items", 0, "deliveries") {
			d := rig.Answer{JSON: a.Get("items", 0, "deliveries", n).(map[string]any)}
			found[d.Text("destination", "name")] = d
		}
		return found
	}
}

func hookAt(office *rig.User, name, url string, more rig.JSON) rig.Answer {
	settings := rig.JSON{"url": url}
	for k, v := range more {
		settings[k] = v
	}
	return office.Want(201, "POST", "/destinations", rig.JSON{"name": name, "kind": "webhook", "settings": settings})
}

func TestADestinationThatIsDownBlocksNoOther(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		down, up := rig.NewReceiver(), rig.NewReceiver()
		defer down.Close()
		defer up.Close()
		down.Answer(func(int) int { return http.StatusInternalServerError })
		hookAt(office, "down", down.URL, nil)
		hookAt(office, "up", up.URL, rig.JSON{"events": []string{"work_order.published"}})
		base := "blocked-" + uuid.NewString()[:8]
		require.NoError(t, os.MkdirAll(in.Folders, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(in.Folders, base), nil, 0o644), "a file where the folder should be")
		folder := office.Want(201, "POST", "/destinations", rig.JSON{"name": "folder", "kind": "folder", "settings": rig.JSON{"path": base}})
		require.Equal(t, false, office.Want(200, "POST", "/destinations/"+folder.Text("id")+"/test", nil).Get("ok"))
		_, deliveries := published(office, rig.JPEG(200, 150, 1))
		office.Await("the one that is up", func() bool { return deliveries()["up"].Text("state") == "delivered" })
		require.Len(t, up.Events(), 1, "it asked for one type of event only")
		office.Await("attempts and errors of the others", func() bool {
			d := deliveries()
			return d["down"].Text("state") == "retrying" && d["down"].Text("last_error") == "the endpoint answered 500 Internal Server Error" &&
				d["folder"].Text("state") == "retrying" && d["folder"].Text("last_error") != "" && d["folder"].Get("next_attempt_at") != nil
		})
		require.NoError(t, os.Remove(filepath.Join(in.Folders, base)))
		office.Want(202, "POST", "/deliveries/"+deliveries()["folder"].Text("id")+"/retry", nil)
		down.Answer(func(int) int { return http.StatusNoContent })
		office.Want(202, "POST", "/deliveries/"+deliveries()["down"].Text("id")+"/retry", nil)
		office.Await("both after a retry by hand", func() bool {
			d := deliveries()
			return d["down"].Text("state") == "delivered" && d["folder"].Text("state") == "delivered"
		})
		detail := office.Want(200, "GET", "/deliveries/"+deliveries()["folder"].Text("id"), nil)
		require.GreaterOrEqual(t, len(detail.List("attempt_log")), 2)
		require.NotEmpty(t, detail.Text("attempt_log", 0, "error"))
		office.Want(409, "POST", "/deliveries/"+detail.Text("id")+"/retry", nil)
		ids := map[string]string{}
		for _, e := range down.Events() {
			if before, again := ids[e.ID]; again {
				require.Equal(t, before, string(e.Body), "a repeat is the same message")
			}
			ids[e.ID] = string(e.Body)
		}
	})
}

func TestADeliveryIsRetriedAfterItsPublicationEnded(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		path := "escape-" + uuid.NewString()[:8]
		require.NoError(t, os.MkdirAll(in.Folders, 0o755))
		require.NoError(t, os.Symlink("/etc", filepath.Join(in.Folders, path)))
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "folder", "kind": "folder", "settings": rig.JSON{"path": path}})
		_, deliveries := published(office, rig.JPEG(80, 60, 1))
		office.Await("a way out of the root to be refused for good", func() bool { return deliveries()["folder"].Text("state") == "failed" })
		require.Contains(t, deliveries()["folder"].Text("last_error"), "out of the root")
		require.Equal(t, "failed_delivery", office.Want(200, "GET", "/alerts", nil).Text("items", 0, "kind"))
		require.NoError(t, os.Remove(filepath.Join(in.Folders, path)))
		office.Want(202, "POST", "/deliveries/"+deliveries()["folder"].Text("id")+"/retry", nil)
		office.Await("the delivery", func() bool { return deliveries()["folder"].Text("state") == "delivered" })
		for _, bad := range []string{"../x", "/../x", "a/../../b", ""} {
			office.WantField(422, "settings.path", "POST", "/destinations", rig.JSON{"name": "f", "kind": "folder", "settings": rig.JSON{"path": bad}})
		}
		office.WantField(422, "settings.template", "POST", "/destinations", rig.JSON{"name": "f", "kind": "folder", "settings": rig.JSON{"path": "a", "template": "Planet"}})
		rig.SignUp(t, in.URL).WantField(409, "settings.path", "POST", "/destinations", rig.JSON{"name": "f", "kind": "folder", "settings": rig.JSON{"path": path + "/below"}})
	})
}

func TestRequestsOfOursReachOnlyWhatTheOperatorAllowed(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for _, url := range []string{"http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[fd00::1]/", "http://0.0.0.0:1/"} {
			d := hookAt(office, url, url, nil)
			a := office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil)
			require.Equal(t, false, a.Get("ok"))
			require.Contains(t, a.Text("error"), "FIELDPROOF_ALLOWED_NETWORKS", url)
		}
		for _, url := range []string{"ftp://example.com", "http://user:pass@example.com", "file:///etc/passwd", "example.com"} {
			office.WantField(422, "settings.url", "POST", "/destinations", rig.JSON{"name": "x", "kind": "webhook", "settings": rig.JSON{"url": url}})
		}
		away := rig.NewReceiver()
		defer away.Close()
		redirect := rig.NewReceiver()
		defer redirect.Close()
		redirect.Config.Handler = http.RedirectHandler(away.URL, http.StatusTemporaryRedirect)
		d := hookAt(office, "redirect", redirect.URL, nil)
		require.Equal(t, false, office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil).Get("ok"))
		require.Empty(t, away.Events(), "a redirect is not followed")
	})
}

func TestEveryKindOfPlaceGetsWhatIsPublished(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		places := map[string]*rig.Place{"s3": rig.S3Place(t), "sftp": rig.SFTPPlace(t), "webdav": rig.WebDAVPlace(t)}
		for kind, p := range places {
			d := office.Want(201, "POST", "/destinations", rig.JSON{"name": kind, "kind": kind,
				"settings": rig.JSON{"path": p.Settings["path"], "options": p.Settings["options"], "template": "Project", "save_metadata": true}})
			require.NotContains(t, string(d.Body), "secret\"", "secrets are write only")
			tested := office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil)
			require.Equal(t, true, tested.Get("ok"), "%s: %s", kind, tested.Body)
		}
		order, items := released(t, office, 2)
		office.Await("every place", func() bool {
			all := office.Want(200, "GET", "/work-orders/"+order+"/publications", nil).List("items", 0, "deliveries")
			for _, d := range all {
				if m := d.(map[string]any); m["state"] != "delivered" {
					return false
				}
			}
			return len(all) == len(places)
		})
		number := office.Want(200, "GET", "/work-orders/"+order, nil).Text("work_order_number")
		for kind, p := range places {
			names := p.Names(number)
			require.Len(t, names, 5, "%s: two photos with their metadata, and the report: %v", kind, names)
			for _, i := range items {
				for _, name := range names {
					if strings.Contains(name, i.Text("uuid")) && strings.HasSuffix(name, ".jpg") {
						require.Equal(t, i.Text("sha256"), sha(p.Read(number+"/"+name)), kind)
					}
				}
			}
		}
		office.WantField(422, "settings.options.ssh", "POST", "/destinations", rig.JSON{"name": "x", "kind": "sftp", "settings": rig.JSON{"path": "x", "options": rig.JSON{"host": "h", "user": "u", "ssh": "sh -c id"}}})
		// A server that has another key than it should gets nothing, its own is believed.
		for _, other := range []bool{false, true} {
			p, key := rig.SFTPPlace(t), ""
			if key = p.HostKey; other {
				key = rig.SFTPPlace(t).HostKey
			}
			options := rig.JSON{"host_key": key}
			for name, value := range p.Settings["options"].(rig.JSON) {
				options[name] = value
			}
			d := office.Want(201, "POST", "/destinations", rig.JSON{"name": "keyed", "kind": "sftp", "settings": rig.JSON{"path": "keyed", "options": options}})
			tested := office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil)
			require.Equal(t, !other, tested.Get("ok"), "%s", tested.Body)
		}
		office.WantField(422, "settings.options.host_key", "POST", "/destinations", rig.JSON{"name": "x", "kind": "sftp", "settings": rig.JSON{"path": "x", "options": rig.JSON{"host": "h", "user": "u", "host_key": "rubbish"}}})

		// Folders are shown on a real order before anything goes there.
		d := office.Want(200, "GET", "/destinations?limit=200", nil)
		for n := range d.List("items") {
			if d.Text("items", n, "name") == "webdav" {
				preview := office.Want(200, "GET", "/destinations/"+d.Text("items", n, "id")+"/preview?work_order_id="+order, nil)
				require.Len(t, preview.List("files"), 2)
				require.Contains(t, preview.Text("files", 0), "/"+number+"/")
			}
		}
		office.Want(409, "POST", "/destinations/"+d.Text("items", 0, "id")+"/connect", nil)
		drive := office.Want(201, "POST", "/destinations", rig.JSON{"name": "drive", "kind": "drive", "settings": rig.JSON{"path": "results"}})
		require.Equal(t, false, drive.Get("settings", "connected"))
		unregistered := office.Want(409, "POST", "/destinations/"+drive.Text("id")+"/connect", nil)
		require.Contains(t, unregistered.Text("detail"), "FIELDPROOF_DRIVE_APP")
		office.Want(200, "PATCH", "/destinations/"+drive.Text("id"), rig.JSON{"settings": rig.JSON{"options": rig.JSON{"client_id": "own-id", "client_secret": "own-secret"}}})
		begun := office.Want(200, "POST", "/destinations/"+drive.Text("id")+"/connect", nil)
		require.Contains(t, begun.Text("url"), "code_challenge_method=S256")
		require.Contains(t, begun.Text("url"), "client_id=own-id")
		require.Contains(t, begun.Header.Get("Set-Cookie"), "HttpOnly")
		private := office.Want(201, "POST", "/destinations", rig.JSON{"name": "x", "kind": "webdav", "settings": rig.JSON{"path": "x" + uuid.NewString(), "options": rig.JSON{"url": "http://10.0.0.1/"}}})
		require.Contains(t, office.Want(200, "POST", "/destinations/"+private.Text("id")+"/test", nil).Text("error"), "FIELDPROOF_ALLOWED_NETWORKS")
	})
}

func delivered(office *rig.User, order string, n int) bool {
	p := office.Want(200, "GET", "/work-orders/"+order+"/publications", nil)
	states := 0
	for i := range p.List("items") {
		for k := range p.List("items", i, "deliveries") {
			if p.Text("items", i, "deliveries", k, "state") == "delivered" {
				states++
			}
		}
	}
	return states == n
}

func TestAFullPlaceIsToldAndFilledLater(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		dav := rig.NewDAV(t)
		dav.Before(rig.Full)
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "dav", "kind": "webdav", "settings": dav.Settings("results")})
		order, items := released(t, office, 3)
		var d rig.Answer
		office.Await("it is told", func() bool {
			p := office.Want(200, "GET", "/work-orders/"+order+"/publications", nil)
			d = office.Want(200, "GET", "/deliveries/"+p.Text("items", 0, "deliveries", 0, "id"), nil)
			return d.Text("state") == "retrying"
		})
		require.Contains(t, d.Text("last_error"), "the destination is full")
		// Room for one, then none again, then for all.
		var room atomic.Int32
		room.Store(1)
		dav.Before(func(w http.ResponseWriter, r *http.Request) bool {
			return r.Method == http.MethodPut && room.Add(-1) < 0 && rig.Full(w, r)
		})
		office.Want(202, "POST", "/deliveries/"+d.Text("id")+"/retry", nil)
		office.Await("one of them", func() bool { files, _ := dav.Puts(); return files == 1 })
		dav.Before(nil)
		office.Await("the rest, by itself", func() bool { return delivered(office, order, 1) })
		files, sent := dav.Puts()
		require.Equal(t, len(items), files)
		require.Equal(t, len(items), sent, "each once: what was there was not sent again")
	})
}

func TestTwoPublicationsAtOnceSendEachItemOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		dav := rig.NewDAV(t)
		hook := rig.NewReceiver()
		defer hook.Close()
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "dav", "kind": "webdav", "settings": dav.Settings("results")})
		hookAt(office, "hook", hook.URL, rig.JSON{"events": []string{"item.published"}})
		order, items := released(t, office, 3)
		var ids []string
		for n := range uint64(4) {
			photo := office.Upload(order, rig.JPEG(90, 70, 50+n), "evidence_type", "after")
			office.Want(200, "PATCH", "/photos/"+photo.Text("id"), rig.JSON{"review": "approved"})
			ids = append(ids, photo.Text("id"))
		}
		// Two of the office press the button at once, for overlapping sets.
		var pressing sync.WaitGroup
		statuses := make([]int, 6)
		for n := range statuses {
			pressing.Go(func() {
				body := rig.JSON{"item_ids": ids[:3]}
				if n%2 == 1 {
					body = rig.JSON{"item_ids": ids[1:]}
				}
				statuses[n] = office.Do("POST", "/work-orders/"+order+"/publish", body).Status
			})
		}
		pressing.Wait()
		won := 0
		for _, s := range statuses {
			require.Contains(t, []int{200, 409}, s)
			if s == 200 {
				won++
			}
		}
		require.Equal(t, 2, won, "one for each set: %v", statuses)
		office.Await("everything", func() bool { return delivered(office, order, 6) })
		files, sent := dav.Puts()
		require.Equal(t, len(items)+len(ids), files)
		require.Equal(t, files, sent)
		require.Len(t, hook.Events(), len(items)+len(ids))
		_, good := check(t, office.Want(200, "GET", "/work-orders/"+order+"/archive.zip", nil).Body)
		require.True(t, good)
	})
}

func TestABackupGoesOnWhereItsWorkerDied(t *testing.T) {
	longer(t)
	if testing.Short() {
		t.Skip("a thousand photos")
	}
	t.Parallel()
	in, err := rig.Dev(product(t), t.TempDir())
	require.NoError(t, err)
	defer in.Stop()
	office := rig.SignUp(t, in.URL)
	dav := rig.NewDAV(t)
	office.Want(201, "POST", "/destinations", rig.JSON{"name": "dav", "kind": "webdav", "settings": dav.Settings("results")})
	o := office.Order(rig.JSON{"assignee": office.Username})
	order := o.Text("id")
	const photos = 1000
	var uploading sync.WaitGroup
	room := make(chan struct{}, 8)
	for n := range uint64(photos) {
		room <- struct{}{}
		uploading.Go(func() {
			defer func() { <-room }()
			office.Do("POST", "/work-orders/"+order+"/photos", rig.PhotoForm(rig.JPEG(24, 18, n+1), uuid.NewString(), "task_id", o.Text("tasks", 0, "id"), "evidence_type", "after"))
		})
	}
	uploading.Wait()
	office.AwaitState(order, "in_progress")
	// The place hangs when a third is there: then everything of ours dies at once.
	reached, hang := make(chan struct{}), make(chan struct{})
	var arrived atomic.Int32
	dav.Before(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		n := arrived.Add(1)
		if n == photos/3 {
			close(reached)
		}
		if n >= photos/3 {
			<-hang
			return true
		}
		return false
	})
	for _, step := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
	}
	<-reached
	in.KillAll()
	close(hang)
	dav.Before(nil)
	before, _ := dav.Puts()
	require.Less(t, before, photos/2)
	require.NoError(t, in.Restart())
	office.AwaitFor(3*rig.Patience, "the rest", func() bool { return delivered(office, order, 1) })
	files, sent := dav.Puts()
	require.Equal(t, photos, files)
	require.LessOrEqual(t, sent, photos+8, "what was there was not sent again, but for what was under way")
	whole := dav.Files(t)
	require.Len(t, whole, photos)
	seen := map[string]bool{}
	for name, content := range whole {
		_, id, _ := strings.Cut(filepath.Base(name), "_")
		require.False(t, seen[id], "%s lies there twice", name)
		seen[id] = true
		require.True(t, strings.HasPrefix(content, "\xff\xd8") && strings.HasSuffix(content, "\xff\xd9"), "%s is whole", name)
		require.Equal(t, "results", filepath.Dir(filepath.Dir(name)))
	}
}
