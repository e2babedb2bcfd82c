package tests

import (
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of a second program at the database
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// answerTime is what an answer may take, with what a busy machine adds.
const answerTime = 12 * time.Second

// outage is for how long parts are away; make soak takes them away for a minute.
var outage = 12 * time.Second

// lasts waits until an outage has lasted.
func lasts(began time.Time) { time.Sleep(time.Until(began.Add(outage))) }

// unanswered asks something while a part is away: the answer is a 503 that says when to come back, and comes in time.
func unanswered(t *testing.T, u *rig.User, method, path string, body any, headers ...string) {
	t.Helper()
	began := time.Now()
	a := u.Do(method, path, body, headers...)
	require.Equal(t, 503, a.Status, "%s %s: %s", method, path, a.Body)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
	require.Less(t, time.Since(began), answerTime, "%s %s", method, path)
}

// happenedOnce asks with the same key until there is an answer, and sees that it happened once.
func happenedOnce(t *testing.T, u *rig.User, order, action, event, key string) {
	t.Helper()
	var a rig.Answer
	u.AwaitFor(2*time.Minute, action, func() bool {
		a = u.Do("POST", "/work-orders/"+order+"/"+action, nil, "Idempotency-Key", key)
		return a.Status != 503
	})
	require.Equal(t, 200, a.Status, "%s", a.Body)
	events := string(u.Want(200, "GET", "/work-orders/"+order+"/events", nil).Body)
	require.Equal(t, 1, strings.Count(events, `"type":"`+event+`"`), "%s", events)
}

func TestAMachineThatSleepsPoisonsNoAction(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		office := rig.SignUp(t, in.URL)
		orders, keys := make([]string, 16), make([]string, 16)
		for n := range orders {
			orders[n], keys[n] = office.Order(rig.JSON{"assignee": "~all~"}).Text("id"), uuid.NewString()
		}
		var asked sync.WaitGroup
		for n := range orders {
			asked.Go(func() {
				_, _ = office.Try("POST", "/work-orders/"+orders[n]+"/complete", nil, "Idempotency-Key", keys[n])
			})
		}
		time.Sleep(20 * time.Millisecond) // some are under way, whichever
		in.Freeze()
		time.Sleep(max(outage, 45*time.Second)) // longer than an activity is tried
		in.Thaw()
		asked.Wait()
		for n := range orders {
			happenedOnce(t, office, orders[n], "complete", "completed", keys[n])
		}
	})
}

func TestATemporalThatIsAwayTakesNoUploadAndNoOutcomeAway(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		office, crew, order := crewWithOrderAt(t, in)
		key := uuid.NewString()
		thaw, began := in.FreezeTemporal(), time.Now()
		unanswered(t, office, "POST", "/work-orders/"+order+"/complete", nil, "Idempotency-Key", key)
		crew.Upload(order, rig.JPEG(60, 40, 1))
		ready := (&rig.User{T: t, URL: in.URL}).Want(200, "GET", in.URL+"/readyz", nil)
		require.Equal(t, "does not answer", ready.Text("temporal"))
		office.Want(200, "GET", "/work-orders", nil)
		lasts(began)
		unanswered(t, office, "POST", "/work-orders/"+order+"/complete", nil, "Idempotency-Key", key)
		thaw()
		happenedOnce(t, office, order, "complete", "completed", key)
	})
}

func crewWithOrderAt(t *testing.T, in *rig.Installation) (office, crew *rig.User, order string) {
	office, crew, made := crewWithOrder(t, in, nil)
	return office, crew, made.Text("id")
}

func TestADatabaseThatIsAwayIsNeverAFaultOfOurs(t *testing.T) {
	longer(t)
	t.Parallel()
	pg, in := onOwnCluster(t)
	office, crew, order := crewWithOrderAt(t, in)
	key := uuid.NewString()

	t.Run("a locked row", func(t *testing.T) {
		db, err := sql.Open("pgx", in.DatabaseURL)
		require.NoError(t, err)
		defer db.Close()
		tx, err := db.Begin()
		require.NoError(t, err)
		_, err = tx.Exec("SELECT 1 FROM work_orders WHERE id = $1 FOR UPDATE", order)
		require.NoError(t, err)
		began := time.Now()
		unanswered(t, office, "POST", "/work-orders/"+order+"/complete", nil, "Idempotency-Key", key)
		lasts(began)
		unanswered(t, office, "PATCH", "/work-orders/"+order, rig.JSON{"reference": "x"})
		require.NoError(t, tx.Rollback())
		happenedOnce(t, office, order, "complete", "completed", key)
	})
	t.Run("a frozen database", func(t *testing.T) {
		key := uuid.NewString()
		pg.Freeze()
		unanswered(t, office, "GET", "/work-orders", nil)
		unanswered(t, office, "POST", "/work-orders/"+order+"/approve", nil, "Idempotency-Key", key)
		began := time.Now()
		a := crew.Do("POST", "/work-orders/"+order+"/photos", rig.PhotoForm(rig.JPEG(60, 40, 1), uuid.NewString()))
		require.Equal(t, 503, a.Status, "%s", a.Body)
		require.Less(t, time.Since(began), answerTime)
		lasts(began)
		unanswered(t, office, "POST", "/work-orders/"+order+"/approve", nil, "Idempotency-Key", key)
		pg.Thaw()
		happenedOnce(t, office, order, "approve", "approved", key)
	})
	require.NotContains(t, in.Output(), "level=ERROR", "a part that is away is no fault")
}

func TestPhotosOfAMomentAgoAreNotLate(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		phones := []*rig.User{office.Colleague("crew"), office.Colleague("crew"), office.Colleague("crew")}
		var working sync.WaitGroup
		orders := make([]string, 12)
		for n := range orders {
			orders[n] = office.Order(rig.JSON{"assignee": "~all~"}).Text("id")
			phone := phones[n%len(phones)]
			working.Go(func() {
				for i := range 3 {
					phone.Upload(orders[n], rig.JPEG(60, 40, uint64(3*n+i)))
				}
				phone.Want(200, "POST", "/work-orders/"+orders[n]+"/complete", nil)
			})
		}
		working.Wait()
		for _, id := range orders {
			var types []string
			for _, e := range office.Want(200, "GET", "/work-orders/"+id+"/events", nil).List("items") {
				types = append(types, e.(map[string]any)["type"].(string))
			}
			require.Equal(t, []string{"created", "assigned", "in_progress", "completed"}, types)
			require.Equal(t, false, office.Want(200, "GET", "/work-orders/"+id, nil).Get("has_new_items"))
		}
		require.NotContains(t, string(office.Want(200, "GET", "/alerts", nil).Body), "Late items")
	})
}

func TestNoOrderIsStuckBetweenApprovedAndClosed(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrderAt(t, in)
		hook := rig.NewReceiver()
		defer hook.Close()
		hookAt(office, "hook", hook.URL, nil)
		crew.Upload(order, rig.JPEG(60, 40, 1))
		do := func(action string, body any, status int) {
			t.Helper()
			office.Want(status, "POST", "/work-orders/"+order+"/"+action, body)
		}
		for _, action := range []string{"complete", "approve", "unapprove", "approve", "publish"} {
			do(action, nil, 200)
		}
		do("publish", nil, 409)
		do("unapprove", nil, 409)
		do("reject", rig.JSON{"reason": "Look again."}, 200)
		for _, action := range []string{"complete", "approve", "publish", "close"} {
			do(action, nil, 200)
		}
		items := 0
		office.Await("the web-hooks", func() bool {
			items = len(hook.OfOrder(order, "item.published"))
			return len(hook.OfOrder(order, "work_order.closed")) == 1
		})
		require.Equal(t, 1, items, "nothing went out twice")
	})
}

func TestADeletionAskedTwiceIsOne(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order := office.Order(nil).Text("id")
		answers := atOnce(4, func() int { return office.Do("DELETE", "/work-orders/"+order, nil).Status })
		require.Equal(t, map[int]int{204: 4}, answers)
		office.Want(204, "DELETE", "/work-orders/"+order, nil)
		office.Want(200, "POST", "/work-orders/"+order+"/restore", nil)
		events := string(office.Want(200, "GET", "/work-orders/"+order+"/events", nil).Body)
		require.Equal(t, 1, strings.Count(events, `"type":"deleted"`))
	})
}
