package tests

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

const chainPhotos = 10

// chainOrders is how many orders flow down the chain; make bench has more.
func chainOrders() int {
	if n, err := strconv.Atoi(os.Getenv("FIELDPROOF_TEST_CHAIN")); err == nil {
		return n
	}
	return 10
}

// TestAChainSurvivesTheDeathOfItsProcesses kills one installation or the other while orders with photos flow from a delegator
// over a vendor, whose account is on the other one, to the vendor's vendor.
func TestAChainSurvivesTheDeathOfItsProcesses(t *testing.T) {
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		var ends [2]*rig.Installation
		for n := range ends {
			ends[n] = must(t, func() (*rig.Installation, error) { return start(filepath.Join(t.TempDir(), fmt.Sprint("end", n))) })
			defer func() { ends[n].Stop() }()
		}
		c := chainOf(t, ends[0], ends[1], ends[0])
		var mu sync.Mutex
		photos := map[string]map[string]string{} // by the order's number
		working := make(chan struct{})
		go func() {
			defer close(working)
			someAtOnce(chainOrders(), 4, func(n int) {
				number := fmt.Sprintf("C-%d-%s", n, uuid.NewString()[:8])
				(&persistent{c.top(), t}).post("/work-orders", rig.NewOrder(rig.JSON{"work_order_number": number, "assignee": c.links[0].login}))
				there := whereIs(c.crew, number)
				hand, taken := &persistent{c.crew, t}, map[string]string{}
				for i := range chainPhotos {
					photo := rig.JPEG(160, 120, uint64(1000+100*n+i))
					taken[hand.upload("/work-orders/"+there+"/photos", photo, "source", "mobile_camera", "taken_at", now()).Text("uuid")] = sha(photo)
				}
				hand.post("/work-orders/"+there+"/complete", rig.JSON{})
				mu.Lock()
				defer mu.Unlock()
				photos[number] = taken
			})
		}()
		for range max(4, chainOrders()/5) {
			time.Sleep(time.Duration(1500+rand.IntN(3000)) * time.Millisecond)
			end := ends[rand.IntN(2)]
			end.KillAll()
			require.NoError(t, end.Restart())
		}
		<-working
		require.Len(t, photos, chainOrders())
		for number, taken := range photos {
			c.whole(number, taken)
		}
	})
}

// chain is accounts that hand orders on from one to the next at once, and items back, and the last one's crew.
type chain struct {
	accounts []*rig.User
	links    []*linked // each to the account that follows
	crew     *rig.User
}

// chainOf links accounts, one on each of some installations.
func chainOf(t *testing.T, on ...*rig.Installation) *chain {
	t.Helper()
	c := &chain{}
	for _, in := range on {
		c.accounts = append(c.accounts, rig.SignUp(t, in.URL))
	}
	for n := range len(on) - 1 {
		c.links = append(c.links, link(t, c.accounts[n], c.accounts[n+1], fmt.Sprint("HOP", n), on[n].URL))
	}
	c.crew = c.accounts[len(on)-1].Colleague("crew")
	for n, l := range c.links {
		next := c.crew.Username
		if n+1 < len(c.links) {
			next = c.links[n+1].login
		}
		l.vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": next})
	}
	return c
}

func (c *chain) top() *rig.User { return c.accounts[0] }

// by is who does the work as an account sees it: the login of the next, or the crew.
func (c *chain) by(n int) string {
	if n < len(c.links) {
		return c.links[n].login
	}
	return c.crew.Username
}

// whole sees that an order is complete in each account, that the photos are there once with the same bytes and are worth the
// same, that no status went backwards, and that each history names who did what.
func (c *chain) whole(number string, photos map[string]string) {
	first := len(c.accounts) - 1
	var worth map[string][2]any
	for n := first; n >= 0; n-- {
		u := c.accounts[n]
		id := whereIs(u, number)
		arrive(u, id, photos)
		if n == first {
			worth = worthOf(u, id)
			require.Equal(u.T, [2]any{true, true}, slices.Collect(maps.Values(worth))[0])
		}
		u.Await("what the photos are worth", func() bool { return maps.Equal(worth, worthOf(u, id)) })
		for _, e := range u.Want(200, "GET", "/work-orders/"+id+"/events?limit=200", nil).List("items") {
			event := e.(map[string]any)
			switch event["type"] {
			case "in_progress", "completed":
				require.Equal(u.T, c.by(n), event["actor"], "account %d: %v", n, event)
			case "created":
				if n > 0 {
					require.NotEqual(u.T, u.Username, event["actor"], "account %d: %v", n, event)
				}
			}
		}
	}
}

// worthOf tells, by uuid, whether item and time of an order's photos are certified: by the account itself, by a statement of
// its neighbour, or, of one that was handed on, as its neighbour claims.
func worthOf(u *rig.User, order string) map[string][2]any {
	all := map[string][2]any{}
	for _, p := range u.Want(200, "GET", "/work-orders/"+order+"/photos?limit=200", nil).List("items") {
		photo := rig.Answer{JSON: p.(map[string]any)}
		says := "certification"
		if photo.Get("statement") != nil && photo.Get("statement", "verified") == nil {
			says = "claims"
		}
		all[photo.Text("uuid")] = [2]any{photo.Get(says, "item"), photo.Get(says, "time")}
	}
	return all
}

// whereIs waits for an order by its number, while processes come and go: what a dead one was not rung of comes with its next fetch, within 5 minutes.
func whereIs(u *rig.User, number string) (id string) {
	u.T.Helper()
	for until := time.Now().Add(8 * time.Minute); id == ""; time.Sleep(100 * time.Millisecond) {
		if a, err := u.Try("GET", "/work-orders?q="+number, nil); err == nil {
			id = a.Text("items", 0, "id")
		}
		if time.Now().After(until) {
			u.T.Errorf("the order %s has not come", number)
			return ""
		}
	}
	return id
}
