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
	chainOrders = 10
	chainPhotos = 10
	chainKills  = 4
)

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
		office, vendor, sub := rig.SignUp(t, ends[0].URL), rig.SignUp(t, ends[1].URL), rig.SignUp(t, ends[0].URL)
		first := link(t, office, vendor, "TOP", ends[0].URL)
		second := link(t, vendor, sub, "MID", ends[1].URL)
		crew := sub.Colleague("crew")
		vendor.Want(200, "PATCH", "/integrations/"+first.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": second.login})
		sub.Want(200, "PATCH", "/integrations/"+second.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": crew.Username})

		var mu sync.Mutex
		photos := map[string]map[string]string{} // by the order's number
		working := make(chan struct{})
		go func() {
			defer close(working)
			var all sync.WaitGroup
			atWork := make(chan struct{}, 4)
			for n := range chainOrders {
				all.Go(func() {
					atWork <- struct{}{}
					defer func() { <-atWork }()
					number := fmt.Sprintf("C-%d-%s", n, uuid.NewString()[:8])
					(&persistent{office, t}).post("/work-orders", rig.NewOrder(rig.JSON{"work_order_number": number, "assignee": first.login}))
					there := whereIs(crew, number)
					hand, taken := &persistent{crew, t}, map[string]string{}
					for i := range chainPhotos {
						photo := rig.JPEG(160, 120, uint64(1000+100*n+i))
						form := rig.PhotoForm(photo, uuid.NewString())
						taken[hand.until("photo", func() (rig.Answer, error) { return crew.Try("POST", "/work-orders/"+there+"/photos", form) }).Text("uuid")] = sha(photo)
					}
					hand.post("/work-orders/"+there+"/complete", rig.JSON{})
					mu.Lock()
					defer mu.Unlock()
					photos[number] = taken
				})
			}
			all.Wait()
		}()
		for range chainKills {
			time.Sleep(time.Duration(1500+rand.IntN(3000)) * time.Millisecond)
			end := ends[rand.IntN(2)]
			end.KillAll()
			require.NoError(t, end.Restart())
		}
		<-working
		require.Len(t, photos, chainOrders)
		for number, taken := range photos {
			for _, u := range []*rig.User{sub, vendor, office} {
				arrive(u, whereIs(u, number), taken)
			}
		}
	})
}

// whereIs waits for an order by its number, while processes come and go.
func whereIs(u *rig.User, number string) (id string) {
	u.T.Helper()
	for until := time.Now().Add(3 * time.Minute); id == ""; time.Sleep(100 * time.Millisecond) {
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
