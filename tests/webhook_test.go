package tests

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestWebhooksRotateReplayAndEnd(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		hook := rig.NewReceiver()
		defer hook.Close()
		d := hookAt(office, "hook", hook.URL, rig.JSON{"include_file": true})
		path := "/destinations/" + d.Text("id")
		old := d.Text("settings", "secret")
		require.Empty(t, office.Want(200, "GET", path, nil).Text("settings", "secret"), "shown once")
		fresh := office.Want(200, "POST", path+"/rotate-secret", nil).Text("settings", "secret")
		require.NotEqual(t, old, fresh)
		photo := rig.JPEG(120, 90, 1)
		order, deliveries := published(office, photo)
		office.Await("the delivery", func() bool { return deliveries()["hook"].Text("state") == "delivered" })
		item := hook.OfOrder(order, "item.published")[0]
		sent, err := base64.StdEncoding.DecodeString(item.JSON.Text("data", "item", "file"))
		require.NoError(t, err)
		require.Equal(t, photo, sent)
		for _, secret := range []string{old, fresh} { // the old one signs along for a day
			verifier, err := standardwebhooks.NewWebhook(secret)
			require.NoError(t, err)
			require.NoError(t, verifier.Verify(item.Body, http.Header{"Webhook-Id": {item.ID}, "Webhook-Timestamp": {item.Timestamp}, "Webhook-Signature": {item.Signature}}))
		}
		before := len(hook.Events())
		require.EqualValues(t, before, office.Want(202, "POST", path+"/replay", nil).Get("messages"))
		office.Await("the replay", func() bool { return len(hook.Events()) == 2*before })
		bodies := map[string]string{}
		for _, e := range hook.Events() {
			if first, again := bodies[e.ID]; again {
				require.Equal(t, first, string(e.Body))
			}
			bodies[e.ID] = string(e.Body)
		}
		require.Len(t, bodies, before, "replays keep their ids")
		require.Equal(t, true, office.Want(200, "POST", path+"/test", nil).Get("ok"))
		hook.Answer(func(int) int { return http.StatusGone })
		office.Order(nil)
		office.Await("410 to switch it off", func() bool { return office.Want(200, "GET", path, nil).Get("enabled") == false })
		require.Equal(t, "webhook_failing", office.Want(200, "GET", "/alerts", nil).Text("items", 0, "kind"))
		office.Want(409, "POST", path+"/replay", nil)
	})
}

func TestTemplatesOfWebhooksGiveTheIncumbentsBody(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		ready, own := rig.NewReceiver(), rig.NewReceiver()
		defer ready.Close()
		defer own.Close()
		hookAt(office, "ready", ready.URL, rig.JSON{"template": "pruvan", "include_file": true, "events": []string{"item.published"}})
		hookAt(office, "own", own.URL, rig.JSON{"events": []string{"item.published"},
			"template": `{"order":"{{workorder.workOrderNumber}}","where":"{{{workorder.address1}}}","uuid":"{{item.uuid}}","notes":"{{item.notes}}","tasks":[{{#each workorder.services}}{{#unless @first}},{{/unless}}"{{serviceName}}"{{/each}}]}`})
		for _, bad := range []string{`{"a":{{workorder.workOrderNumber}}`, `{"a":"{{#if}"}`, `{{> other}}`, `plain`} {
			office.WantField(422, "settings.template", "POST", "/destinations", rig.JSON{"name": "x", "kind": "webhook", "settings": rig.JSON{"url": own.URL, "template": bad}})
		}
		o := office.Order(rig.JSON{"address": rig.JSON{"address1": `12 "Oak" & <Elm>`, "city": "c", "state": "TX", "zip": "1"}})
		photo := rig.JPEG(90, 60, 1)
		item := office.Upload(o.Text("id"), photo, "notes", "two\nlines \"quoted\"")
		office.Want(200, "POST", "/work-orders/"+o.Text("id")+"/assign", rig.JSON{"assignee": office.Username})
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+o.Text("id")+"/"+step, nil)
		}
		office.Await("both", func() bool { return len(ready.Events()) == 1 && len(own.Events()) == 1 })
		var body rig.Answer
		require.NoError(t, json.Unmarshal(ready.Events()[0].Body, &body.JSON))
		require.Equal(t, o.Text("work_order_number"), body.Text("workorder", "workOrderNumber"))
		require.Equal(t, item.Text("uuid"), body.Text("item", "uuid"))
		require.NotEmpty(t, body.Text("item", "file"))
		require.NoError(t, json.Unmarshal(own.Events()[0].Body, &body.JSON))
		require.Equal(t, `12 "Oak" & <Elm>`, body.Text("where"))
		require.Equal(t, "two\nlines \"quoted\"", body.Text("notes"))
		require.Equal(t, []any{"Inspection"}, body.List("tasks"))
	})
}

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
				office.Await("the replay of one, noted as delivered", func() bool {
					one := office.Want(200, "GET", "/destinations/"+d.Text("id")+"/messages", nil)
					_, n := f.messages(t)
					return n == all+1 && one.Text("items", 0, "state") == "delivered"
				})
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
