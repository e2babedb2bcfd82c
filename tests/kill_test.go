package tests

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

const (
	killedOrders = 50
	kills        = 4
	photosEach   = 2
)

// TestKilledAtAnyMomentNothingIsLost kills the process without a warning while orders run, and starts it again on the
// same data.
func TestKilledAtAnyMomentNothingIsLost(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		killed(t, in)
	})
}

func killed(t *testing.T, in *rig.Installation) {
	hook := rig.NewReceiver()
	defer hook.Close()
	office := rig.SignUp(t, in.URL)
	hookAt(office, "hook", hook.URL, nil)
	var mu sync.Mutex
	acknowledged := map[string]string{} // photo id → hash of what was sent
	orders := make([]string, killedOrders)
	done := make(chan struct{})
	go func() {
		defer close(done)
		someAtOnce(len(orders), 8, func(i int) {
			o := &persistent{office, t}
			orders[i] = o.post("/work-orders", rig.NewOrder(rig.JSON{"assignee": "~all~"})).Text("id")
			path := "/work-orders/" + orders[i]
			for n := range photosEach {
				photo := rig.JPEG(320, 240, uint64(i*10+n))
				id := o.upload(path+"/photos", photo).Text("id")
				mu.Lock()
				acknowledged[id] = sha(photo)
				mu.Unlock()
			}
			for _, event := range []string{"complete", "approve", "publish"} {
				o.post(path+"/"+event, rig.JSON{})
			}
		})
	}()
	for range kills {
		select {
		case <-done:
		case <-time.After(time.Duration(500+rand.IntN(1500)) * time.Millisecond):
		}
		in.KillAll()
		require.NoError(t, in.Restart())
	}
	<-done

	for _, id := range orders {
		require.Equal(t, "published", office.Want(200, "GET", "/work-orders/"+id, nil).Text("state"))
	}
	require.Len(t, acknowledged, killedOrders*photosEach)
	for id, want := range acknowledged {
		require.Equal(t, want, sha(office.Want(200, "GET", "/photos/"+id+"/original", nil).Body), "an acknowledged photo, bit for bit")
	}
	for _, id := range orders {
		events := office.Want(200, "GET", "/work-orders/"+id+"/events", nil).List("items")
		want := map[float64]bool{}
		for n, e := range events {
			sequence := e.(map[string]any)["sequence"].(float64)
			require.EqualValues(t, n+1, sequence)
			want[sequence] = true
		}
		office.Await(fmt.Sprintf("%d events at the web-hook", len(events)), func() bool { return len(arrived(hook, id)) == len(want) })
		for sequence, ids := range arrived(hook, id) {
			require.True(t, want[sequence])
			require.Len(t, ids, 1, "one webhook-id an event")
		}
	}
	bodies := map[string]string{}
	for _, e := range hook.Events() {
		if first, again := bodies[e.ID]; again {
			require.Equal(t, first, string(e.Body), "every repeat with an equal body")
		}
		bodies[e.ID] = string(e.Body)
	}
}

// someAtOnce does something n times, a few at once, and returns when all is done.
func someAtOnce(n, atOnce int, do func(i int)) {
	var all sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i := range n {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			do(i)
		})
	}
	all.Wait()
}

// arrived maps the events of an order's history that came in to the webhook-ids under which they came.
func arrived(hook *rig.Receiver, order string) map[float64]map[string]bool {
	found := map[float64]map[string]bool{}
	for _, e := range hook.OfOrder(order, "") {
		if e.JSON.Text("type") == "item.published" {
			continue
		}
		sequence, _ := e.JSON.Get("data", "event", "sequence").(float64)
		if found[sequence] == nil {
			found[sequence] = map[string]bool{}
		}
		found[sequence][e.ID] = true
	}
	return found
}

// persistent is a client that repeats under the same key until it gets an outcome, as phones and scripts do.
type persistent struct {
	*rig.User
	t *testing.T
}

func (p *persistent) post(path string, body any) rig.Answer {
	key := uuid.NewString()
	return p.until(path, func() (rig.Answer, error) { return p.Try("POST", path, body, "Idempotency-Key", key) })
}

func (p *persistent) upload(path string, photo []byte, fields ...string) rig.Answer {
	form := rig.PhotoForm(photo, uuid.NewString(), fields...)
	return p.until(path, func() (rig.Answer, error) { return p.Try("POST", path, form) })
}

func (p *persistent) until(what string, try func() (rig.Answer, error)) rig.Answer {
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		a, err := try()
		if err == nil && a.Status < 300 {
			return a
		}
		if err == nil && a.Status < 500 {
			p.t.Errorf("%s: %d %s", what, a.Status, a.Body)
			return a
		}
		if time.Now().After(deadline) {
			p.t.Errorf("%s: no outcome: %v %d %s", what, err, a.Status, a.Body)
			return a
		}
	}
}
