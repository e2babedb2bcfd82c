package tests

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// flaky is a receiver of web-hooks that behaves badly for as long as it is told to.
type flaky struct {
	*httptest.Server
	mu    sync.Mutex
	taken map[string][]string // webhook-id → bodies, whether the sender heard so or not
	trick func(n int, w http.ResponseWriter) bool
	n     int
}

func newFlaky(t *testing.T, trick func(n int, w http.ResponseWriter) bool) *flaky {
	f := &flaky{taken: map[string][]string{}, trick: trick}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		f.mu.Lock()
		id := r.Header.Get("webhook-id")
		f.taken[id] = append(f.taken[id], string(body))
		f.n++
		n := f.n
		f.mu.Unlock()
		if !f.trick(n, w) {
			w.WriteHeader(http.StatusOK)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// messages counts what came, and how often in all; every repeat must be the same.
func (f *flaky) messages(t *testing.T) (different, all int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, bodies := range f.taken {
		different++
		all += len(bodies)
		for _, b := range bodies {
			require.Equal(t, bodies[0], b, "a repeat of %s", id)
		}
	}
	return different, all
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

func TestWebhooksSurviveBadReceivers(t *testing.T) {
	for name, trick := range map[string]func(n int, w http.ResponseWriter) bool{
		"cuts the connection behind the body": func(n int, _ http.ResponseWriter) bool {
			if n <= 3 {
				panic(http.ErrAbortHandler)
			}
			return false
		},
		"answers 500, then 200": func(n int, w http.ResponseWriter) bool {
			if n <= 3 {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return n <= 3
		},
		"answers nothing but half of a head": func(n int, w http.ResponseWriter) bool {
			if n > 2 {
				return false
			}
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 20")
				_ = c.Close()
			}
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, in *rig.Installation) {
				office := rig.SignUp(t, in.URL)
				f := newFlaky(t, trick)
				d := hookAt(office, "flaky", f.URL, rig.JSON{"events": []string{"item.published"}})
				order, items := released(t, office, 4)
				office.Await("every item", func() bool { return delivered(office, order, 1) })
				different, all := f.messages(t)
				require.Equal(t, len(items), different, "each item under one id")
				require.Greater(t, all, different, "some of them twice, as they had to")
				log := office.Want(200, "GET", "/destinations/"+d.Text("id")+"/messages", nil)
				require.Len(t, log.List("items"), len(items))
				tries := 0
				for n := range log.List("items") {
					require.Equal(t, "delivered", log.Text("items", n, "state"))
					tries += len(log.List("items", n, "attempt_log"))
				}
				require.Equal(t, all, tries, "the log has every try")

				// Sent again, it answers 200 to each a second time: the ids tell.
				office.Want(202, "POST", "/destinations/"+d.Text("id")+"/replay", rig.JSON{"message_id": log.Text("items", 0, "id")})
				office.Await("the replay of one", func() bool { _, n := f.messages(t); return n == all+1 })
				again := office.Want(202, "POST", "/destinations/"+d.Text("id")+"/replay", rig.JSON{"since": "2020-01-01T00:00:00Z", "only_failed": true})
				require.EqualValues(t, 0, again.Get("messages"), "nothing has failed")
				require.Empty(t, office.Want(200, "GET", "/destinations/"+d.Text("id")+"/messages?state=failed", nil).List("items"))
				different, _ = f.messages(t)
				require.Equal(t, len(items), different)
			})
		})
	}
}

func TestASlowReceiverHoldsUpNobodyElse(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		release := make(chan struct{})
		slow := newFlaky(t, func(int, http.ResponseWriter) bool { <-release; return false })
		quick := rig.NewReceiver()
		defer quick.Close()
		hookAt(office, "slow", slow.URL, rig.JSON{"events": []string{"item.published"}})
		hookAt(office, "quick", quick.URL, rig.JSON{"events": []string{"item.published"}})
		order, items := released(t, office, 3)
		office.Await("the quick one", func() bool { return len(quick.Events()) == len(items) })
		require.False(t, delivered(office, order, 2), "what hangs is not shown as delivered")
		close(release)
		office.Await("the slow one", func() bool { return delivered(office, order, 2) })
		different, all := slow.messages(t)
		require.Equal(t, len(items), different)
		require.Equal(t, len(items), all, "slow is not failed")
	})
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
	each(t, func(t *testing.T, in *rig.Installation) {
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
