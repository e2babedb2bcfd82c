package tests

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"fieldproof/models"
	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

// upload sends a photo under a uuid, also again, and returns what came of it.
func upload(t *testing.T, u *rig.User, order, id string, photo []byte) rig.Answer {
	t.Helper()
	began := time.Now()
	a := u.Do("POST", "/work-orders/"+order+"/photos", rig.PhotoForm(photo, id))
	require.Less(t, time.Since(began), answerTime)
	return a
}

// arrivesOnce sends a photo again until it is taken, and sees that it lies there once, bit for bit.
func arrivesOnce(t *testing.T, u *rig.User, order, id string, photo []byte) {
	t.Helper()
	var a rig.Answer
	u.Await("the photo", func() bool {
		a = u.Do("POST", "/work-orders/"+order+"/photos", rig.PhotoForm(photo, id))
		return a.Status < 300
	})
	require.Equal(t, photo, u.Want(200, "GET", "/photos/"+a.Text("id")+"/original", nil).Body)
	all := string(u.Want(200, "GET", "/work-orders/"+order+"/photos", nil).Body)
	require.Equal(t, 1, strings.Count(all, `"`+id+`"`), "%s", all)
}

func TestAStorageThatIsAwayLosesNothing(t *testing.T) {
	longer(t)
	t.Parallel()
	objects := rig.NewObjects(t)
	in, err := rig.ProductionWith(product(t), filepath.Join(t.TempDir(), "installation"), postgres(t), objects.Environment()...)
	require.NoError(t, err)
	defer in.Stop()
	office, crew, order := crewWithOrderAt(t, in)
	kept := rig.JPEG(60, 40, 100)
	first := crew.Upload(order, kept).Text("id")
	troubles := []struct {
		name    string
		status  int
		trouble func(w http.ResponseWriter, r *http.Request) bool
	}{
		{"hangs", 503, func(_ http.ResponseWriter, r *http.Request) bool {
			select {
			case <-r.Context().Done():
			case <-time.After(20 * time.Second):
			}
			return true
		}},
		{"breaks off", 503, func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }},
		{"is overloaded", 503, func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true }},
		{"lets nobody in", 503, func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(403); return true }},
		{"is full", 507, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut {
				return false
			}
			w.WriteHeader(507)
			return true
		}},
	}
	for n, trouble := range troubles {
		id, photo := uuid.NewString(), rig.JPEG(60, 40, uint64(n))
		objects.Before(trouble.trouble)
		a := upload(t, crew, order, id, photo)
		require.Equal(t, trouble.status, a.Status, "a storage that %s: %s", trouble.name, a.Body)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		if trouble.status == 507 {
			require.Contains(t, a.Text("detail"), "no room")
			require.Equal(t, kept, crew.Want(200, "GET", "/photos/"+first+"/original", nil).Body)
		} else {
			unanswered(t, crew, "GET", "/photos/"+first+"/original", nil)
			require.Equal(t, 503, (&rig.User{T: t, URL: in.URL}).Do("GET", in.URL+"/readyz", nil).Status, "no uploads are taken")
		}
		// What needs no bytes goes on.
		office.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
		office.Want(200, "POST", "/work-orders/"+order+"/reject", rig.JSON{"reason": "Again."})
		objects.Before(nil)
		arrivesOnce(t, crew, order, id, photo)
	}
	require.Len(t, office.Want(200, "GET", "/work-orders/"+order+"/photos", nil).List("items"), 1+len(troubles))
	require.NotContains(t, in.Output(), "level=ERROR", "a part that is away is no fault")
}

func TestAFolderThatIsAwayLosesNothing(t *testing.T) {
	t.Parallel()
	in, err := rig.Dev(product(t), filepath.Join(t.TempDir(), "installation"))
	require.NoError(t, err)
	defer in.Stop()
	office, crew, order := crewWithOrderAt(t, in)
	kept := rig.JPEG(60, 40, 1)
	first := crew.Upload(order, kept).Text("id")
	// Its disk went: where the folder was is none.
	require.NoError(t, os.Rename(in.Blobs, in.Blobs+".away"))
	require.NoError(t, os.WriteFile(in.Blobs, nil, 0o600))
	id, photo := uuid.NewString(), rig.JPEG(60, 40, 2)
	a := upload(t, crew, order, id, photo)
	require.Equal(t, 503, a.Status, "%s", a.Body)
	require.NotContains(t, string(a.Body), in.Dir)
	unanswered(t, crew, "GET", "/photos/"+first+"/original", nil)
	office.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
	require.NoError(t, os.Remove(in.Blobs))
	require.NoError(t, os.Rename(in.Blobs+".away", in.Blobs))
	arrivesOnce(t, crew, order, id, photo)
	require.Equal(t, kept, crew.Want(200, "GET", "/photos/"+first+"/original", nil).Body)
	require.NotContains(t, in.Output(), "level=ERROR", "a part that is away is no fault")
}

// disk mounts a small disk at a folder.
func disk(t *testing.T, dir string, megabytes int) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes)); err != nil {
		t.Skipf("a full disk needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// fill leaves no room on the disk of a folder; the function that it returns makes room again.
func fill(t *testing.T, dir string) (empty func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	require.NoError(t, err)
	for piece := 1 << 20; piece > 0; piece /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, piece))
		}
	}
	require.NoError(t, f.Close())
	return func() { require.NoError(t, os.Remove(name)) }
}

func TestAFullStorageTakesNothingAndLosesNothing(t *testing.T) {
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		dir := filepath.Join(t.TempDir(), "installation")
		disk(t, filepath.Join(dir, "blobs"), 8)
		in, err := start(dir)
		require.NoError(t, err)
		defer in.Stop()
		office, crew, order := crewWithOrderAt(t, in)
		before := crew.Upload(order, rig.JPEG(60, 40, 1)).Text("id")
		empty := fill(t, in.Blobs)
		id, photo := uuid.NewString(), rig.JPEG(1600, 1200, 2)
		a := upload(t, crew, order, id, photo)
		require.Equal(t, 507, a.Status, "%s", a.Body)
		require.Contains(t, a.Text("detail"), "no room left; nothing was taken")
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		crew.Want(200, "GET", "/photos/"+before+"/original", nil)
		office.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
		empty()
		arrivesOnce(t, crew, order, id, photo)
		require.NotContains(t, in.Output(), "level=ERROR", "a full disk is no fault of ours")
	})
}

func TestAFullDiskLosesNothing(t *testing.T) {
	longer(t)
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "installation")
	disk(t, dir, 160) // of everything: database, Temporal, photos
	in, err := rig.DevDurable(product(t), dir)
	require.NoError(t, err)
	defer in.Stop()
	losesNothing(t, in, dir, true, func() {})
}

func TestAFullDiskOfPostgreSQLLosesNothing(t *testing.T) {
	longer(t)
	t.Parallel()
	dir, err := os.MkdirTemp("", "fieldproof-pg-") // where whoever PostgreSQL runs as may go
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	disk(t, dir, 256) // of the database alone
	pg := must(t, func() (*rig.Postgres, error) { return rig.StartPostgresIn(dir) })
	_, in := on(t, pg)
	losesNothing(t, in, dir, false, func() { require.NoError(t, pg.Start(), "it ended when its log had no room") })
}

// losesNothing fills a disk of an installation in the middle of work: what does not fit is refused in time, and nothing that
// was taken is lost, nor done twice. whole says that everything lies on that disk; again starts what ended of its being full.
func losesNothing(t *testing.T, in *rig.Installation, dir string, whole bool, again func()) {
	t.Helper()
	office, crew, order := crewWithOrderAt(t, in)
	orders := []string{order}
	for range 4 {
		orders = append(orders, office.Order(rig.JSON{"assignee": "~all~"}).Text("id"))
	}
	kept := rig.JPEG(400, 300, 1)
	first := crew.Upload(order, kept).Text("id")
	empty := fill(t, dir)
	id, photo := uuid.NewString(), rig.JPEG(1600, 1200, 2)
	if whole {
		require.Equal(t, 507, upload(t, crew, order, id, photo).Status)
	}
	// What logs and databases have in reserve is soon used up.
	refused := 0
	for n := 0; n < 400 && refused < 3; n++ {
		began := time.Now()
		a := office.Do("PATCH", "/work-orders/"+order, rig.JSON{"description": strings.Repeat(string(rune('a'+n%26)), 60_000)})
		require.Contains(t, []int{200, 503, 507}, a.Status, "%s", a.Body)
		require.Less(t, time.Since(began), answerTime)
		if a.Status != 200 {
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			refused++
		}
	}
	require.Equal(t, 3, refused, "the disk is full")
	keys := make([]string, len(orders))
	var asked sync.WaitGroup
	for n := range orders {
		keys[n] = uuid.NewString()
		asked.Go(func() {
			began := time.Now()
			a := office.Do("POST", "/work-orders/"+orders[n]+"/complete", nil, "Idempotency-Key", keys[n])
			if !slices.Contains([]int{200, 503, 507}, a.Status) || time.Since(began) > answerTime {
				t.Errorf("%s: %d %s", time.Since(began), a.Status, a.Body)
			}
		})
	}
	asked.Wait()
	if whole {
		office.Want(200, "GET", "/work-orders/"+order, nil)
	}
	require.Contains(t, []int{201, 503, 507}, upload(t, crew, order, id, photo).Status)
	empty()
	again()
	for n := range orders {
		happenedOnce(t, office, orders[n], "complete", "completed", keys[n])
	}
	arrivesOnce(t, crew, order, id, photo)
	in.KillAll()
	require.NoError(t, in.Restart())
	require.Equal(t, kept, crew.Want(200, "GET", "/photos/"+first+"/original", nil).Body)
	for n := range orders {
		happenedOnce(t, office, orders[n], "approve", "approved", uuid.NewString())
		require.Equal(t, "approved", office.Want(200, "GET", "/work-orders/"+orders[n], nil).Text("state"))
	}
	require.NotContains(t, in.Output(), "level=ERROR", "a full disk is no fault of ours")
}

func TestADatabaseThatAnotherProgramHoldsIsNeverAFaultOfOurs(t *testing.T) {
	longer(t)
	t.Parallel()
	in, err := rig.Dev(product(t), filepath.Join(t.TempDir(), "installation"))
	require.NoError(t, err)
	defer in.Stop()
	office, crew, order := crewWithOrderAt(t, in)
	db, err := sql.Open("sqlite", strings.TrimPrefix(in.DatabaseURL, "sqlite://"))
	require.NoError(t, err)
	defer db.Close()
	other, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = other.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)
	key, id, photo := uuid.NewString(), uuid.NewString(), rig.JPEG(60, 40, 1)
	var asked sync.WaitGroup
	asked.Go(func() {
		unanswered(t, office, "POST", "/work-orders/"+order+"/complete", nil, "Idempotency-Key", key)
	})
	asked.Go(func() { unanswered(t, office, "PATCH", "/work-orders/"+order, rig.JSON{"reference": "x"}) })
	asked.Go(func() {
		if a := upload(t, crew, order, id, photo); a.Status != 503 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	})
	asked.Wait()
	office.Want(200, "GET", "/work-orders/"+order, nil)
	_, err = other.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	arrivesOnce(t, crew, order, id, photo)
	happenedOnce(t, office, order, "complete", "completed", key)
	require.NotContains(t, in.Output(), "level=ERROR", "a part that is away is no fault")
}

// TestAPartThatIsKilledOrFrozenTakesNothingWithIt takes one part away in the middle of work, the others stay.
func TestAPartThatIsFrozenTakesNothingWithIt(t *testing.T) {
	longer(t)
	t.Parallel()
	_, in := onOwnCluster(t)
	frozen := func(part rig.Role) func() func() error {
		return func() func() error {
			thaw := in.FreezePart(part)
			return func() error { thaw(); return nil }
		}
	}
	takesNothingWithIt(t, in, []failure{{"a frozen worker", frozen(rig.Worker), false}, {"a frozen server", frozen(rig.Server), true}})
}

func TestAKilledWorkerOrTemporalTakesNothingWithIt(t *testing.T) {
	longer(t)
	t.Parallel()
	_, in := onOwnCluster(t)
	takesNothingWithIt(t, in, []failure{{"a killed worker", byKilling(in, rig.Worker), false}, {"a killed Temporal", byKilling(in, rig.Temporal), false}})
}

func TestAKilledServerOrDatabaseTakesNothingWithIt(t *testing.T) {
	longer(t)
	t.Parallel()
	pg, in := onOwnCluster(t)
	takesNothingWithIt(t, in, []failure{{"a killed server", byKilling(in, rig.Server), true},
		{"a killed database", func() func() error { pg.Kill(); return pg.Start }, false}})
}

func byKilling(in *rig.Installation, part rig.Role) func() func() error {
	return func() func() error { return in.KillPart(part) }
}

// failure takes a part away.
type failure struct {
	name   string
	begin  func() (end func() error)
	silent bool // nobody is there to answer
}

// takesNothingWithIt takes parts away in the middle of work, one after the other: what is asked meanwhile is answered in
// time, and everything happens once in the end.
func takesNothingWithIt(t *testing.T, in *rig.Installation, failures []failure) {
	t.Helper()
	office := rig.SignUp(t, in.URL)
	for _, f := range failures {
		orders, keys, photos, ids := make([]string, 5), make([]string, 5), make([][]byte, 5), make([]string, 5)
		for n := range orders {
			orders[n], keys[n], ids[n] = office.Order(rig.JSON{"assignee": "~all~"}).Text("id"), uuid.NewString(), uuid.NewString()
			photos[n] = rig.JPEG(60, 40, uint64(n))
		}
		var asked sync.WaitGroup
		check := func(began time.Time, a rig.Answer, err error) {
			switch {
			case f.silent: // whatever it said before
			case err != nil:
				t.Errorf("%s: %v", f.name, err)
			case a.Status >= 300 && a.Status != 503, a.Status == 503 && a.Header.Get("Retry-After") == "", time.Since(began) > answerTime:
				t.Errorf("%s: %d after %s: %s", f.name, a.Status, time.Since(began), a.Body)
			}
		}
		for n := range orders {
			asked.Go(func() {
				began := time.Now()
				a, err := office.Try("POST", "/work-orders/"+orders[n]+"/photos", rig.PhotoForm(photos[n], ids[n]))
				check(began, a, err)
				began = time.Now()
				a, err = office.Try("POST", "/work-orders/"+orders[n]+"/complete", nil, "Idempotency-Key", keys[n])
				check(began, a, err)
			})
		}
		time.Sleep(15 * time.Millisecond) // some are under way, whichever
		began := time.Now()
		end := f.begin()
		if f.silent {
			lasts(began)
			require.NoError(t, end(), f.name)
			asked.Wait()
		} else {
			asked.Wait()
			lasts(began)
			again := time.Now()
			a, err := office.Try("POST", "/work-orders/"+orders[0]+"/photos", rig.PhotoForm(photos[0], ids[0]))
			check(again, a, err)
			require.NoError(t, end(), f.name)
		}
		for n := range orders {
			arrivesOnce(t, office, orders[n], ids[n], photos[n])
			happenedOnce(t, office, orders[n], "complete", "completed", keys[n])
		}
	}
	require.NotContains(t, in.Output(), "level=ERROR", "a part that is away is no fault")
}

// TestWhatWasGivenUpIsNotDoneLater brings an action to its workflow as a network might, long after whoever asked for it had
// their 503 and the order went another way.
func TestWhatWasGivenUpIsNotDoneLater(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		office := rig.SignUp(t, in.URL)
		deleted, cancelled := office.Order(nil).Text("id"), office.Order(nil).Text("id")
		key := uuid.NewString()
		goOn := in.LoseTemporal()
		unanswered(t, office, "DELETE", "/work-orders/"+deleted, nil)
		unanswered(t, office, "POST", "/work-orders/"+cancelled+"/cancel", nil, "Idempotency-Key", key)
		require.NoError(t, goOn())
		office.AwaitFor(rig.Patience, "an answer", func() bool { return office.Do("DELETE", "/work-orders/"+deleted, nil).Status == 204 })
		office.Want(200, "POST", "/work-orders/"+deleted+"/restore", nil)
		office.Want(200, "POST", "/work-orders/"+cancelled+"/assign", rig.JSON{"assignee": "~all~"})

		c, ctx := temporalOf(t, in), context.Background()
		late := func(order string, event models.Event) {
			a, err := models.One[models.Action](storeOf(t, in).Read(models.AcrossAccounts(ctx)).
				Where("work_order_id = ? AND event = ? AND outcome = ''", order, event), "action")
			require.NoError(t, err)
			handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: protocol.WorkOrderID(order), UpdateID: a.ID, UpdateName: protocol.Act,
				WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{protocol.ActInput{ActionID: a.ID, Event: event}}})
			require.NoError(t, err)
			var outcome protocol.Outcome
			require.NoError(t, handle.Get(ctx, &outcome))
			require.NotNil(t, outcome.Refusal)
			require.Equal(t, models.Overtaken, outcome.Refusal.Kind)
		}
		late(deleted, models.Delete)
		late(cancelled, models.Cancel)
		require.Equal(t, "created", office.Want(200, "GET", "/work-orders/"+deleted, nil).Text("state"))
		require.Equal(t, "assigned", office.Want(200, "GET", "/work-orders/"+cancelled, nil).Text("state"))
		happenedOnce(t, office, cancelled, "cancel", "cancelled", key) // asked again it is wanted now
	})
}

// TestAnOrderLooksAtItsRowsAfterAFailure has every try of an action fail while the row goes ahead of its workflow.
func TestAnOrderLooksAtItsRowsAfterAFailure(t *testing.T) {
	longer(t)
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		office, _, made := crewWithOrder(t, in, nil)
		order := made.Text("id")
		trigger := "failing_" + strings.ReplaceAll(order, "-", "")
		driver, address, begin, end := "sqlite", strings.TrimPrefix(in.DatabaseURL, "sqlite://"),
			"CREATE TRIGGER "+trigger+" BEFORE INSERT ON events WHEN NEW.work_order_id = '"+order+"' BEGIN SELECT RAISE(ABORT, 'no'); END", "DROP TRIGGER "+trigger
		if in.Name == "postgres" {
			driver, address = "pgx", in.DatabaseURL
			begin = "CREATE FUNCTION " + trigger + "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53000'; END $$; " +
				"CREATE TRIGGER " + trigger + " BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.work_order_id = '" + order + "') EXECUTE FUNCTION " + trigger + "()"
			end = "DROP TRIGGER " + trigger + " ON events; DROP FUNCTION " + trigger + "()"
		}
		db, err := sql.Open(driver, address)
		require.NoError(t, err)
		defer db.Close()
		do := func(statement string) {
			t.Helper()
			office.Await("the database", func() bool { _, err = db.Exec(statement); return err == nil })
		}
		do(begin)
		unanswered(t, office, "POST", "/work-orders/"+order+"/complete", nil)
		do("UPDATE work_orders SET state = 'in_progress', state_version = state_version + 1 WHERE id = '" + order + "'")
		c, ctx := temporalOf(t, in), context.Background()
		state := temporal.NewSearchAttributeKeyKeyword(protocol.AttributeState)
		office.Await("the workflow to look", func() bool {
			d, err := c.DescribeWorkflow(ctx, protocol.WorkOrderID(order), "")
			require.NoError(t, err)
			now, _ := d.TypedSearchAttributes.GetKeyword(state)
			return now == "in_progress"
		})
		do(end)
		office.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
		failed := false
		for _, e := range historyOf(t, c, protocol.WorkOrderID(order)).GetEvents() {
			failed = failed || e.GetWorkflowExecutionUpdateCompletedEventAttributes().GetOutcome().GetFailure() != nil
		}
		require.True(t, failed, "the update failed, and the run went on")
		if *record {
			recordHistory(t, in, protocol.WorkOrderID(order), "work-order-failure-"+in.Name)
		}
	})
}

func TestWhatAPeerSendsAfterItsCompletionIsAwaited(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		vendor, crew := office.Colleague("subcontractor"), office.Colleague("crew")
		order := office.Order(rig.JSON{"work_order_number": "V-1", "assignee": crew.Username}).Text("id")
		office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": vendor.Username})
		c := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": vendor.Username, "password": digest("correct horse"), "token": ""}}
		seed := uint64(0)
		sends := func() {
			seed++
			require.Equal(t, true, c.upload(rig.JSON{"uuid": uuid.NewString(), "key2": "V-1"}, rig.JPEG(60, 40, seed), false).Get("status"))
		}
		late := func() int { return bytes.Count(office.Want(200, "GET", "/alerts", nil).Body, []byte(`"late_items"`)) }
		isNew := func() any { return office.Want(200, "GET", "/work-orders/"+order, nil).Get("has_new_items") }
		noticed := func() {
			office.Await("the workflow to look", func() bool {
				var waiting int64
				require.NoError(t, storeOf(t, in).Read(models.AcrossAccounts(context.Background())).Model(&models.Item{}).Where("work_order_id = ? AND NOT noticed", order).Count(&waiting).Error)
				return waiting == 0
			})
		}
		require.Equal(t, true, c.call("status", rig.JSON{"workOrders": []rig.JSON{{"workOrderNumber": "V-1", "fieldStatus": "complete"}}}).Get("status"))
		office.AwaitState(order, "completed")
		sends()
		sends()
		noticed()
		require.Equal(t, []any{false, 0}, []any{isNew(), late()}, "awaited, not late")
		crew.Upload(order, rig.JPEG(60, 40, 50))
		office.Await("the alert of somebody else's", func() bool { return late() == 1 })
		require.Equal(t, true, isNew())
		office.Want(200, "POST", "/work-orders/"+order+"/approve", nil)
		require.Equal(t, false, isNew())
		sends()
		noticed()
		require.Equal(t, true, isNew(), "from the approval on it is late")
	})
}

func TestALateItemOnAClosedOrderIsTold(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrderAt(t, in)
		office.Want(200, "POST", "/work-orders/"+order+"/cancel", nil)
		office.Want(200, "POST", "/work-orders/"+order+"/close", nil)
		crew.Upload(order, rig.JPEG(60, 40, 1))
		require.Contains(t, string(office.Want(200, "GET", "/alerts", nil).Body), `"late_items"`)
		after := office.Want(200, "GET", "/work-orders/"+order, nil)
		require.Equal(t, []any{"closed", true}, []any{after.Text("state"), after.Get("has_new_items")})
	})
}
