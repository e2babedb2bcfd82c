package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"fieldproof/models"
	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

func storeOf(t *testing.T, in *rig.Installation) *models.Store {
	t.Helper()
	store, err := models.Open(context.Background(), in.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func TestALostRunIsStartedAgain(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id, ctx := order.Text("id"), context.Background()
		c := temporalOf(t, in)
		require.NoError(t, c.TerminateWorkflow(ctx, protocol.WorkOrderID(id), "", "lost"))
		crew.Upload(id, rig.JPEG(60, 40, 1))
		office.AwaitState(id, "in_progress")
		require.NoError(t, c.TerminateWorkflow(ctx, protocol.WorkOrderID(id), "", "lost"))
		office.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		require.NoError(t, c.TerminateWorkflow(ctx, protocol.WorkOrderID(id), "", "lost"))
		require.Equal(t, "completed", office.Want(409, "POST", "/work-orders/"+id+"/complete", nil).Text("state"))
		office.Want(200, "POST", "/work-orders/"+id+"/approve", nil)
	})
}

func TestAnUpdateThatMeetsARunJustEndingIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		id := office.Order(nil).Text("id")
		office.Want(200, "POST", "/work-orders/"+id+"/cancel", nil)
		for range 5 {
			answers := make(chan rig.Answer, 2)
			go func() { answers <- office.Do("POST", "/work-orders/"+id+"/close", nil) }()
			go func() { answers <- office.Do("POST", "/work-orders/"+id+"/close", nil) }()
			statuses := map[int]int{}
			for range 2 {
				statuses[(<-answers).Status]++
			}
			require.Equal(t, map[int]int{200: 1, 409: 1}, statuses)
			office.Want(200, "POST", "/work-orders/"+id+"/reopen", nil)
		}
	})
}

func TestARowThatDisagreesWithItsWorkflowWedgesNothing(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, _, order := crewWithOrder(t, in, nil)
		id, store := order.Text("id"), storeOf(t, in)
		set := func(state models.State, version int64) {
			require.NoError(t, store.Write(models.AcrossAccounts(context.Background()), func(tx *models.Tx) error {
				return tx.Model(&models.WorkOrder{}).Where("id = ?", id).Updates(map[string]any{"state": state, "state_version": version}).Error
			}))
		}
		office.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		set(models.Assigned, 1) // the row was restored from a backup: the workflow knows more
		require.Equal(t, "completed", office.Want(409, "POST", "/work-orders/"+id+"/unassign", nil).Text("state"))
		require.Equal(t, "completed", office.Want(200, "GET", "/work-orders/"+id, nil).Text("state"), "a refused move brings the two together first")
		set(models.Assigned, 1)
		office.Want(200, "POST", "/work-orders/"+id+"/approve", nil)
		set(models.Published, 50) // the workflow was: the row is ahead
		require.Equal(t, "published", office.Want(409, "POST", "/work-orders/"+id+"/approve", nil).Text("state"))
		office.Want(200, "POST", "/work-orders/"+id+"/close", nil)
		history := string(office.Want(200, "GET", "/work-orders/"+id+"/events", nil).Body)
		require.Contains(t, history, "restore from a backup")
	})
}

func TestContinueAsNewLosesNothingOfThousandsInFlight(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office, _, order := crewWithOrder(t, in, nil)
		id, ctx := order.Text("id"), context.Background()
		c := temporalOf(t, in)
		first, err := c.DescribeWorkflowExecution(ctx, protocol.WorkOrderID(id), "")
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 700 {
					if err := c.SignalWorkflow(ctx, protocol.WorkOrderID(id), "", protocol.Bell, nil); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		defer wg.Wait()
		const rounds = 60
		patient := &persistent{office, t}
		for range rounds {
			patient.post("/work-orders/"+id+"/complete", rig.JSON{})
			patient.post("/work-orders/"+id+"/reject", rig.JSON{"reason": "again"})
		}
		wg.Wait()
		office.Await("a new run", func() bool {
			now, err := c.DescribeWorkflowExecution(ctx, protocol.WorkOrderID(id), "")
			require.NoError(t, err)
			info := now.GetWorkflowExecutionInfo()
			return info.GetExecution().GetRunId() != first.GetWorkflowExecutionInfo().GetExecution().GetRunId() && info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
		})
		var n int
		for cursor := ""; ; {
			page := office.Want(200, "GET", "/work-orders/"+id+"/events?limit=200"+cursor, nil)
			for i := range page.List("items") {
				n++
				require.EqualValues(t, n, page.Get("items", i, "sequence"))
			}
			if page.Text("next_cursor") == "" {
				break
			}
			cursor = "&cursor=" + page.Text("next_cursor")
		}
		require.Equal(t, 2+2*rounds, n, "every answered action is in the history once")
		require.Equal(t, "completed", office.Want(200, "POST", "/work-orders/"+id+"/complete", nil).Text("state"))
	})
}

// devArgs starts `fieldproof dev` by hand.
func devArgs(dir string, ports [3]int) []string {
	temporal, _ := rig.TemporalBinary()
	at := func(p int) string { return fmt.Sprintf("127.0.0.1:%d", p) }
	return []string{"dev", "--data-dir", dir, "--addr", at(ports[0]), "--temporal-addr", at(ports[1]), "--temporal-ui-addr", at(ports[2]), "--temporal-binary", temporal}
}

func temporalDevs(dir string) []int {
	var pids []int
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range found {
		text, _ := os.ReadFile(f)
		if strings.Contains(string(text), "temporal-dev") && strings.Contains(string(text), dir+"/temporal.db") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestDevStartsStopsAndOutlivesItsTemporal(t *testing.T) {
	longer(t)
	t.Parallel()
	dir := t.TempDir()
	ports := [3]int{rig.FreePort(), rig.FreePort(), rig.FreePort()}
	url := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	in := &rig.Installation{URL: url, Name: "dev"}
	start := func() *rig.Process {
		p, err := rig.Start(nil, product(t), devArgs(dir, ports)...)
		require.NoError(t, err)
		require.NoError(t, in.AwaitReady(30*time.Second), p.Output())
		return p
	}
	p := start()
	waiting := &rig.User{T: t, URL: url}
	waiting.Await("the greeting", func() bool { return strings.Count(p.Output(), "\n") >= 6 })
	require.Equal(t, 6, strings.Count(p.Output(), "\n"), "six lines a person can use:\n%s", p.Output())
	for _, word := range []string{url, url + "/field/", "demo-office", fmt.Sprint(ports[2]), dir, "Ctrl-C"} {
		require.Contains(t, p.Output(), word)
	}
	password := demoPassword(t, dir)
	office := rig.SignIn(t, url, "demo-office", password)
	sample := office.Want(200, "GET", "/work-orders", nil).Text("items", 0, "id")
	office.Want(200, "POST", "/work-orders/"+sample+"/assign", rig.JSON{"assignee": "demo-crew"})

	second, err := exec.Command(product(t), devArgs(dir, ports)...).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(second), "another `fieldproof dev` works on")
	elsewhere, err := exec.Command(product(t), devArgs(t.TempDir(), ports)...).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(elsewhere), "is in use")

	before := temporalDevs(dir)
	require.Len(t, before, 1)
	require.NoError(t, syscall.Kill(before[0], syscall.SIGKILL))
	office.Await("a new temporal-dev", func() bool {
		now := temporalDevs(dir)
		return len(now) == 1 && now[0] != before[0]
	})
	office.Await("an answer", func() bool {
		return office.Do("POST", "/work-orders/"+sample+"/complete", nil, "Idempotency-Key", uuid.NewString()).Status == 409 // photos are missing
	})
	p.Kill()
	office.Await("temporal-dev to go with it", func() bool { return len(temporalDevs(dir)) == 0 })

	p = start()
	require.Equal(t, "assigned", office.Want(200, "GET", "/work-orders/"+sample, nil).Text("state"), "sessions and orders are kept")
	require.Equal(t, password, demoPassword(t, dir))
	account := office.Want(200, "GET", "/account", nil).Text("id")
	require.NoError(t, p.Stop(), p.Output())
	require.Empty(t, temporalDevs(dir))

	// A demo of another installation is another account: two that share orders would be one that sends to itself.
	dir = t.TempDir()
	p = start()
	other := rig.SignIn(t, url, "demo-office", demoPassword(t, dir))
	require.NotEqual(t, account, other.Want(200, "GET", "/account", nil).Text("id"))
	require.NoError(t, p.Stop(), p.Output())
}

func demoPassword(t *testing.T, dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, "demo.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, rest, _ := strings.Cut(string(text), `"demo-office"`)
	_, rest, _ = strings.Cut(rest, `"password": "`)
	password, _, _ := strings.Cut(rest, `"`)
	return password
}
