package tests

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// badly is two accounts with a line between them, and orders that the one gave the other.
type badly struct {
	*linked
	crew *rig.User
	line *rig.Line
}

// overLine links two accounts over a line to the delegator. Items go back as they are taken.
func overLine(t *testing.T, in *rig.Installation) *badly {
	t.Helper()
	office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
	b := &badly{line: rig.NewLine(t, in.URL)}
	b.linked = link(t, office, vendor, "ACME", b.line.URL)
	b.crew = vendor.Colleague("crew")
	vendor.Want(200, "PATCH", "/integrations/"+b.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": b.crew.Username})
	return b
}

// order is one at both ends, by their ids.
func (b *badly) order() (here, there string) {
	b.office.T.Helper()
	number := "F-" + uuid.NewString()[:8]
	here = b.office.Order(rig.JSON{"work_order_number": number, "assignee": b.login}).Text("id")
	there = at(b.vendor, number).Text("id")
	b.vendor.AwaitState(there, "assigned")
	return here, there
}

// arrive waits until an order is complete and has all photos, each once and bit for bit, and nothing went backwards.
func arrive(u *rig.User, order string, photos map[string]string) {
	u.T.Helper()
	u.AwaitFor(2*time.Minute, "the completion of "+order, func() bool {
		a, err := u.Try("GET", "/work-orders/"+order, nil)
		return err == nil && slices.Contains([]string{"completed", "published"}, a.Text("state"))
	})
	u.AwaitFor(2*time.Minute, fmt.Sprintf("%d photos of %s", len(photos), order), func() bool { return len(photosOf(u, order)) >= len(photos) })
	require.Equal(u.T, photos, photosOf(u, order))
	onlyForwards(u, order)
}

// onlyForwards sees that nothing of an order's history went back, and that somebody did each thing.
func onlyForwards(u *rig.User, order string) {
	u.T.Helper()
	rank := map[string]int{"created": 0, "assigned": 1, "in_progress": 2, "completed": 3, "published": 4}
	highest := 0
	for _, e := range u.Want(200, "GET", "/work-orders/"+order+"/events", nil).List("items") {
		event := e.(map[string]any)
		require.NotEmpty(u.T, event["actor"], "%v", event)
		to, moved := event["to"].(string)
		if !moved {
			continue
		}
		require.GreaterOrEqual(u.T, rank[to], highest, "%v", event)
		highest = rank[to]
	}
	require.Equal(u.T, "completed", u.Want(200, "GET", "/work-orders/"+order, nil).Text("field_status"))
}

func TestAnUploadThatIsCutInTheMiddleArrivesOnce(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		b := overLine(t, in)
		here, there := b.order()
		photo := rig.JPEG(1600, 1200, 1)
		b.line.On(func() rig.Fault {
			if b.line.Broken() >= 2 {
				return rig.Sound()
			}
			return rig.Fault{Up: int64(len(photo)) / 2, Down: -1}
		})
		taken := b.crew.Upload(there, photo)
		b.crew.Want(200, "POST", "/work-orders/"+there+"/complete", nil)
		arrive(b.office, here, map[string]string{taken.Text("uuid"): sha(photo)})
		require.Equal(t, 2, b.line.Broken())
	})
}

func TestAnswersThatAreLostAfterThePeerCommittedChangeNothing(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		b := overLine(t, in)
		here, there := b.order()
		b.line.On(func() rig.Fault {
			if b.line.Broken() >= 3 {
				return rig.Sound()
			}
			return rig.Fault{Up: -1, Down: 0}
		})
		b.crew.Want(200, "POST", "/work-orders/"+there+"/view", nil)
		photo := rig.JPEG(320, 240, 2)
		taken := b.crew.Upload(there, photo)
		b.crew.Want(200, "POST", "/work-orders/"+there+"/complete", nil)
		arrive(b.office, here, map[string]string{taken.Text("uuid"): sha(photo)})
		require.GreaterOrEqual(t, b.line.Broken(), 3)
		all := " " + strings.Join(events(b.office, here), " ") + " "
		for _, once := range []string{"in_progress", "completed"} {
			require.Equal(t, 1, strings.Count(all, " "+once+" "), all)
		}
	})
}

func TestABadNetworkCostsTimeAlone(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		b := overLine(t, in)
		const orders, photosEach = 6, 5
		var here, there [orders]string
		for n := range orders {
			here[n], there[n] = b.order()
		}
		var connections atomic.Int64
		bad := func() rig.Fault {
			f := rig.Fault{Up: -1, Down: -1, Delay: rand.N(time.Second)}
			// Three of ten, the first among them: how many there are depends on how long they live.
			switch connections.Add(1) % 10 {
			case 1, 4:
				f.Up = rand.Int64N(2_000)
			case 7:
				f.Down = rand.Int64N(300)
			}
			return f
		}
		b.line.On(bad)
		stop := make(chan struct{})
		var chopping sync.WaitGroup
		chopping.Go(func() { // so that connections are met by their fault, however long they live
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Second):
					b.line.Cut()
				}
			}
		})
		taken := make([]map[string]string, orders)
		for n := range orders {
			taken[n] = map[string]string{}
			for i := range photosEach {
				photo := rig.JPEG(320, 240, uint64(100+10*n+i))
				taken[n][b.crew.Upload(there[n], photo).Text("uuid")] = sha(photo)
			}
			b.crew.Want(200, "POST", "/work-orders/"+there[n]+"/complete", nil)
		}
		time.Sleep(20 * time.Second) // of bad weather
		close(stop)
		chopping.Wait()
		b.line.On(rig.Sound)
		b.vendor.Want(200, "POST", "/share-links/"+b.in+"/resume", nil)
		for n := range orders {
			arrive(b.office, here[n], taken[n])
		}
		t.Logf("%d connections were broken", b.line.Broken())
		require.Positive(t, b.line.Broken())
	})
}

func TestOneAnswerOf500CostsItsMessageAMoment(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		to, err := url.Parse(in.URL)
		require.NoError(t, err)
		var uploads atomic.Int64
		through := httputil.NewSingleHostReverseProxy(to)
		through.Transport = &http.Transport{}
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/uploadPictures") && uploads.Add(1) == 1 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			through.ServeHTTP(w, r)
		}))
		defer front.Close()
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		b := &badly{linked: link(t, office, vendor, "ACME", front.URL), crew: vendor.Colleague("crew")}
		vendor.Want(200, "PATCH", "/integrations/"+b.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": b.crew.Username})
		here, there := b.order()
		photo := rig.JPEG(320, 240, 3)
		taken := b.crew.Upload(there, photo)
		b.crew.Want(200, "POST", "/work-orders/"+there+"/complete", nil)
		arrive(office, here, map[string]string{taken.Text("uuid"): sha(photo)})
		require.GreaterOrEqual(t, uploads.Load(), int64(2))
		require.Equal(t, "ok", vendor.Want(200, "GET", "/share-links/"+b.in, nil).Text("state"))
	})
}

func TestADelegatorThatWasDownHearsTheNewestStatusAndEveryItem(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		b := overLine(t, in)
		here, there := b.order()
		b.line.Away(true)
		b.crew.Want(200, "POST", "/work-orders/"+there+"/view", nil)
		taken, inOrder := map[string]string{}, []string(nil)
		for n := range 3 {
			photo := rig.JPEG(320, 240, uint64(200+n))
			id := b.crew.Upload(there, photo).Text("uuid")
			taken[id], inOrder = sha(photo), append(inOrder, id)
			b.vendor.Await("its place in the queue", func() bool {
				return b.vendor.Want(200, "GET", "/share-links/"+b.in, nil).Get("waiting", "items") == float64(n+1)
			})
		}
		b.crew.Want(200, "POST", "/work-orders/"+there+"/complete", nil)
		var shown rig.Answer
		b.vendor.Await("what waits", func() bool {
			shown = b.vendor.Want(200, "GET", "/share-links/"+b.in, nil)
			return shown.Text("state") == "down"
		})
		require.NotEmpty(t, shown.Text("last_error"))
		require.NotEmpty(t, shown.Text("waiting", "since"))
		require.Equal(t, "assigned", b.office.Want(200, "GET", "/work-orders/"+here, nil).Text("state"))
		b.line.Away(false)
		arrive(b.office, here, taken)
		require.NotContains(t, events(b.office, here), "viewed", "of statuses only the newest")
		var came []string
		photos := b.office.Want(200, "GET", "/work-orders/"+here+"/photos", nil).List("items")
		slices.SortFunc(photos, func(a, b any) int {
			return strings.Compare(a.(map[string]any)["id"].(string), b.(map[string]any)["id"].(string))
		})
		for _, p := range photos {
			came = append(came, p.(map[string]any)["uuid"].(string))
		}
		require.Len(t, came, len(inOrder))
		// The first is the probe, which is never the entry that was tried in vain before.
		rest := slices.DeleteFunc(inOrder, func(id string) bool { return id == came[0] })
		require.Equal(t, rest, came[1:], "of items all, oldest first")
		b.vendor.Await("the link", func() bool { return b.vendor.Want(200, "GET", "/share-links/"+b.in, nil).Text("state") == "ok" })
	})
}

// TestALinkAndItsIntegrationAreTakenInOneOrder holds a link's row, as what comes in by it does before it notes the same on the
// integration: whoever changes the integration meanwhile waits for the link, and holds nothing that is waited for.
func TestALinkAndItsIntegrationAreTakenInOneOrder(t *testing.T) {
	t.Parallel()
	in := shape(t, "postgres")
	for what, change := range map[string]func(l *linked) rig.Answer{
		"changed": func(l *linked) rig.Answer {
			return l.vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"name": "Another name"})
		},
		"given a key": func(l *linked) rig.Answer {
			return l.vendor.Want(200, "POST", "/integrations/"+l.integration+"/rotate-key", rig.JSON{})
		},
		"deleted": func(l *linked) rig.Answer { return l.vendor.Want(204, "DELETE", "/integrations/"+l.integration, nil) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := link(t, rig.SignUp(t, in.URL), rig.SignUp(t, in.URL), "ACME", "")
			l.vendor.Want(200, "POST", "/share-links/"+l.in+"/pause", nil) // or others wait for it too
			db, err := sql.Open("pgx", in.DatabaseURL)
			require.NoError(t, err)
			defer db.Close()
			tx, err := db.Begin()
			require.NoError(t, err)
			defer tx.Rollback()
			var holder int
			require.NoError(t, tx.QueryRow("SELECT pg_backend_pid() FROM share_links WHERE id = $1 FOR UPDATE", l.in).Scan(&holder))
			done := make(chan struct{})
			go func() {
				defer close(done)
				change(l)
			}()
			l.vendor.Await("the change to wait for the link", func() bool {
				var waits int
				require.NoError(t, db.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))", holder).Scan(&waits))
				return waits > 0
			})
			_, err = tx.Exec("SELECT 1 FROM integrations WHERE id = $1 FOR UPDATE NOWAIT", l.integration)
			require.NoError(t, err)
			require.NoError(t, tx.Rollback())
			<-done
		})
	}
}
