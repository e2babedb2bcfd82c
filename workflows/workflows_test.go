package workflows_test

import (
	"errors"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"

	"fieldproof/models"
	"fieldproof/worker"
	"fieldproof/workflows"
	"fieldproof/workflows/protocol"
)

// TestRecordedHistoriesReplay replays what real servers recorded on today's code. `go test ./tests -run Published
// -args -record` records anew; histories of released versions stay.
func TestRecordedHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 26)
	for _, file := range files {
		replayer := sdkworker.NewWorkflowReplayer()
		worker.RegisterWorkflows(replayer)
		require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(nil, file), file)
	}
}

// rows stands for the database of one order: it applies the table as the real activity does.
type rows struct {
	sync.Mutex
	lifecycle models.Lifecycle
	assigned  bool
	events    map[string]models.Event // action id → event
	applied   map[string]bool
	rendered  int
	waiting   int // photos without renditions
	looks     int
	failures  int // of the next applies
}

func (r *rows) card() protocol.OrderCard {
	return protocol.OrderCard{AccountID: "a", Number: "T-1", Address: "12 Oak Street", Lifecycle: r.lifecycle, Unrendered: r.waiting > 0}
}

func (r *rows) apply(in protocol.ApplyInput) (protocol.ApplyResult, error) {
	r.Lock()
	defer r.Unlock()
	if r.failures > 0 {
		r.failures--
		return protocol.ApplyResult{}, errors.New("the database does not answer")
	}
	if !r.applied[in.ActionID] {
		next, err := r.lifecycle.After(r.events[in.ActionID], models.Facts{Assigned: r.assigned})
		var refused *models.Error
		if errors.As(err, &refused) {
			return protocol.ApplyResult{Card: r.card(), Outcome: protocol.Outcome{Refusal: protocol.Refuse(refused)}}, nil
		}
		r.lifecycle, r.applied[in.ActionID] = next, true
	}
	return protocol.ApplyResult{Card: r.card(), Outcome: protocol.Outcome{Applied: true}}, nil
}

func (r *rows) fail(times int) {
	r.Lock()
	defer r.Unlock()
	r.failures = times
}

func (r *rows) version() int64 {
	r.Lock()
	defer r.Unlock()
	return r.lifecycle.Version
}

func orderEnvironment(t *testing.T, r *rows) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	e := suite.NewTestWorkflowEnvironment()
	e.RegisterWorkflow(workflows.WorkOrder)
	as := func(name string, fn any) { e.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name}) }
	as(protocol.CatchUp, func(protocol.CatchUpInput) (protocol.OrderCard, error) {
		r.Lock()
		defer r.Unlock()
		r.looks++
		return r.card(), nil
	})
	as(protocol.ApplyAction, r.apply)
	as(protocol.MakeRenditions, func(string) error {
		r.Lock()
		defer r.Unlock()
		r.rendered, r.waiting = r.rendered+r.waiting, 0
		return nil
	})
	e.SetTestTimeout(20 * time.Second)
	t.Cleanup(func() { e.AssertExpectations(t) })
	return e
}

// answers collects what an update was told.
type answers struct {
	rejected error
	outcome  protocol.Outcome
	err      error
	done     bool
}

func act(e *testsuite.TestWorkflowEnvironment, r *rows, id string, event models.Event, version int64) *answers {
	a := &answers{}
	r.Lock()
	r.events[id] = event
	r.Unlock()
	e.UpdateWorkflow(protocol.Act, id, &testsuite.TestUpdateCallback{
		OnReject: func(err error) { a.rejected, a.done = err, true },
		OnAccept: func() {},
		OnComplete: func(v any, err error) {
			a.err, a.done = err, true
			if o, ok := v.(protocol.Outcome); ok {
				a.outcome = o
			}
		},
	}, protocol.ActInput{ActionID: id, Event: event, Version: version})
	return a
}

func fresh(state models.State) *rows {
	return &rows{lifecycle: models.Lifecycle{State: state, Version: 5}, assigned: true, events: map[string]models.Event{}, applied: map[string]bool{}}
}

func TestAWorkOrderLivesUntilItIsClosed(t *testing.T) {
	r := fresh(models.Created)
	e := orderEnvironment(t, r)
	var all []*answers
	for i, event := range []models.Event{models.Assign, models.Complete, models.Approve, models.Publish, models.Close} {
		e.RegisterDelayedCallback(func() { all = append(all, act(e, r, string(event), event, r.version())) }, time.Duration(i+1)*time.Hour)
	}
	e.ExecuteWorkflow(workflows.WorkOrder, protocol.WorkOrderInput{OrderID: "o"})
	require.True(t, e.IsWorkflowCompleted())
	require.NoError(t, e.GetWorkflowError())
	require.Len(t, all, 5)
	for _, a := range all {
		require.NoError(t, a.rejected)
		require.NoError(t, a.err)
		require.True(t, a.outcome.Applied)
	}
	require.Equal(t, models.Closed, r.lifecycle.State)
}

func TestTheValidatorRefusesWhatNoFactCouldMakeLegal(t *testing.T) {
	r := fresh(models.Created)
	e := orderEnvironment(t, r)
	var early, known, newer, after *answers
	e.RegisterDelayedCallback(func() { early = act(e, r, "early", models.Approve, 5) }, 0)
	e.RegisterDelayedCallback(func() { known = act(e, r, "known", models.Approve, 5) }, time.Minute)
	e.RegisterDelayedCallback(func() { newer = act(e, r, "newer", models.Approve, 9) }, 2*time.Minute)
	e.RegisterDelayedCallback(func() { after = act(e, r, "delete", models.Delete, 5) }, 3*time.Minute)
	e.ExecuteWorkflow(workflows.WorkOrder, protocol.WorkOrderInput{OrderID: "o"})
	require.NoError(t, e.GetWorkflowError())
	var refused *temporal.ApplicationError
	require.ErrorAs(t, known.rejected, &refused)
	require.Equal(t, protocol.RefusedType, refused.Type())
	for _, a := range []*answers{early, newer} { // who knows less than the sender lets the handler find out
		require.NoError(t, a.rejected)
		require.NotNil(t, a.outcome.Refusal)
		require.Equal(t, models.Created, a.outcome.Refusal.State)
	}
	require.True(t, after.outcome.Applied)
}

func TestHandlersWaitForOneAnother(t *testing.T) {
	r := fresh(models.Assigned)
	e := orderEnvironment(t, r)
	var first, second, last *answers
	e.RegisterDelayedCallback(func() {
		first = act(e, r, "one", models.Complete, 5)
		second = act(e, r, "two", models.Complete, 5)
	}, time.Hour)
	e.RegisterDelayedCallback(func() { last = act(e, r, "delete", models.Delete, 6) }, 2*time.Hour)
	e.ExecuteWorkflow(workflows.WorkOrder, protocol.WorkOrderInput{OrderID: "o"})
	require.NoError(t, e.GetWorkflowError())
	require.True(t, first.outcome.Applied)
	require.NotNil(t, second.outcome.Refusal, "the state is checked again inside the handler")
	require.True(t, last.outcome.Applied)
}

func TestADatabaseThatIsDownFailsTheUpdateAndFreesTheOrder(t *testing.T) {
	r := fresh(models.Assigned)
	e := orderEnvironment(t, r)
	var failed, later, last *answers
	e.RegisterDelayedCallback(func() { r.fail(1000); failed = act(e, r, "one", models.Complete, 5) }, time.Hour)
	e.RegisterDelayedCallback(func() { r.fail(0); later = act(e, r, "one", models.Complete, 5) }, 2*time.Hour)
	e.RegisterDelayedCallback(func() { last = act(e, r, "delete", models.Delete, 6) }, 3*time.Hour)
	e.ExecuteWorkflow(workflows.WorkOrder, protocol.WorkOrderInput{OrderID: "o"})
	require.NoError(t, e.GetWorkflowError())
	require.Error(t, failed.err)
	require.NotNil(t, later)
	require.True(t, last.outcome.Applied)
}

func TestBellsAreAnsweredByLookingAndPhotosAreRendered(t *testing.T) {
	r := fresh(models.Assigned)
	e := orderEnvironment(t, r)
	for i := range 5 {
		e.RegisterDelayedCallback(func() {
			r.Lock()
			r.waiting++
			r.Unlock()
			e.SignalWorkflow(protocol.Bell, nil)
			e.SignalWorkflow(protocol.Bell, nil)
		}, time.Duration(i+1)*time.Minute)
	}
	var last *answers
	e.RegisterDelayedCallback(func() { last = act(e, r, "delete", models.Delete, 5) }, time.Hour)
	e.ExecuteWorkflow(workflows.WorkOrder, protocol.WorkOrderInput{OrderID: "o"})
	require.NoError(t, e.GetWorkflowError())
	require.Equal(t, 5, r.rendered)
	require.LessOrEqual(t, r.looks, 12, "a look a bell at most, and one at the start")
	require.True(t, last.outcome.Applied)
}

func TestARunThatWasToldItsRowsLooksOnlyWhenABellRings(t *testing.T) {
	r := fresh(models.Created)
	e := orderEnvironment(t, r)
	seen := r.card()
	var assigned, last *answers
	looks := func() int { r.Lock(); defer r.Unlock(); return r.looks }
	var untold, told int
	e.RegisterDelayedCallback(func() { assigned = act(e, r, "assign", models.Assign, 5) }, time.Minute)
	e.RegisterDelayedCallback(func() { untold = looks(); e.SignalWorkflow(protocol.Bell, nil) }, time.Hour)
	e.RegisterDelayedCallback(func() { told = looks(); last = act(e, r, "delete", models.Delete, 6) }, 2*time.Hour)
	e.ExecuteWorkflow(workflows.WorkOrder, protocol.WorkOrderInput{OrderID: "o", Seen: &seen})
	require.NoError(t, e.GetWorkflowError())
	require.True(t, assigned.outcome.Applied)
	require.Zero(t, untold)
	require.Equal(t, 1, told)
	require.True(t, last.outcome.Applied)
}

func TestAnOrderWithoutARowEndsWithAnError(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	e := suite.NewTestWorkflowEnvironment()
	e.RegisterActivityWithOptions(func(protocol.CatchUpInput) (protocol.OrderCard, error) {
		return protocol.OrderCard{}, temporal.NewNonRetryableApplicationError("gone", string(models.NotFound), nil)
	}, activity.RegisterOptions{Name: protocol.CatchUp})
	e.ExecuteWorkflow(workflows.WorkOrder, protocol.WorkOrderInput{OrderID: "o"})
	require.Error(t, e.GetWorkflowError())
}

func TestDeliveriesGoTheirOwnWays(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	e := suite.NewTestWorkflowEnvironment()
	as := func(name string, fn any) { e.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name}) }
	var mu sync.Mutex // deliveries run side by side
	tries, reports, ended := map[string]int{}, 0, 0
	seen := func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(tries)
	}
	as(protocol.PlanPublication, func(protocol.PublicationInput) (protocol.PublicationPlan, error) {
		tries := seen()
		plan := protocol.PublicationPlan{Number: "T-1, publication 1"}
		for _, d := range []protocol.DeliveryPlan{{DeliveryID: "plain", Destination: "a"}, {DeliveryID: "down", Destination: "b"}, {DeliveryID: "report", Destination: "c", NeedsReport: true}} {
			if d.DeliveryID != "down" && tries[d.DeliveryID] > 0 || d.DeliveryID == "down" && tries["down"] >= 4 {
				continue
			}
			plan.Deliveries = append(plan.Deliveries, d)
		}
		return plan, nil
	})
	as(protocol.RenderReport, func(string) error {
		mu.Lock()
		defer mu.Unlock()
		if reports++; reports < 3 {
			return errors.New("no room")
		}
		return nil
	})
	as(protocol.Deliver, func(id string) (protocol.DeliverResult, error) {
		mu.Lock()
		defer mu.Unlock()
		if id == "report" {
			assert.Equal(t, 3, reports, "the report comes first")
		}
		if tries[id]++; id == "down" && tries[id] < 4 {
			return protocol.DeliverResult{State: models.DeliveryRetrying, RetrySeconds: 3600}, nil
		}
		return protocol.DeliverResult{State: models.DeliveryDelivered}, nil
	})
	as(protocol.EndPublication, func(protocol.PublicationInput) (protocol.PublicationEnd, error) {
		ended++
		return protocol.PublicationEnd{}, nil
	})
	e.RegisterDelayedCallback(func() {
		require.Equal(t, map[string]int{"plain": 1, "down": 1, "report": 1}, seen(), "the one that is down held back no other")
		e.SignalWorkflow(protocol.Bell, nil) // a retry by hand
	}, 10*time.Minute)
	e.RegisterDelayedCallback(func() { require.Equal(t, 2, seen()["down"]) }, 11*time.Minute)
	e.ExecuteWorkflow(workflows.Publication, protocol.PublicationInput{PublicationID: "p"})
	require.NoError(t, e.GetWorkflowError())
	require.Equal(t, 4, seen()["down"])
	require.Equal(t, 1, ended)
}

func TestAnEndpointRestsAndEnds(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	e := suite.NewTestWorkflowEnvironment()
	passes := 0
	e.RegisterActivityWithOptions(func(string) (protocol.WebhookResult, error) { return protocol.WebhookResult{}, nil }, activity.RegisterOptions{Name: protocol.SendWebhooks})
	e.OnActivity(protocol.SendWebhooks, mock.Anything).Return(func(string) (protocol.WebhookResult, error) {
		if passes++; passes == 1 {
			return protocol.WebhookResult{NextSeconds: 7200, LastError: "down"}, nil
		}
		return protocol.WebhookResult{Sent: 1}, nil
	})
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(protocol.Bell, nil) }, time.Hour)
	start := e.Now()
	e.ExecuteWorkflow(workflows.WebhookEndpoint, protocol.WebhookInput{DestinationID: "d"})
	require.NoError(t, e.GetWorkflowError())
	require.Equal(t, 2, passes, "a bell cuts the rest short")
	require.Less(t, e.Now().Sub(start), 2*time.Hour)
}

func TestABulkGoesOnTurnByTurn(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	e := suite.NewTestWorkflowEnvironment()
	e.RegisterActivityWithOptions(func(protocol.BulkInput) (protocol.BulkResult, error) { return protocol.BulkResult{}, nil }, activity.RegisterOptions{Name: protocol.RunBulk})
	turns := 0
	e.OnActivity(protocol.RunBulk, mock.Anything).Return(func(protocol.BulkInput) (protocol.BulkResult, error) {
		turns++
		switch turns {
		case 1:
			return protocol.BulkResult{Rows: 9, Waiting: 4}, nil
		case 2:
			return protocol.BulkResult{Rows: 9, Waiting: 4, PauseSeconds: 3600}, nil
		}
		return protocol.BulkResult{Rows: 9, State: models.BulkCancelled, Over: true}, nil
	})
	e.RegisterDelayedCallback(func() {
		require.Equal(t, 2, turns, "it rests")
		e.SignalWorkflow(protocol.Bell, nil) // somebody cancels it
	}, time.Minute)
	start := e.Now()
	e.ExecuteWorkflow(workflows.Bulk, protocol.BulkInput{BulkID: "b"})
	require.NoError(t, e.GetWorkflowError())
	require.Equal(t, 3, turns)
	require.Less(t, e.Now().Sub(start), time.Hour, "a bell cuts the rest short")
}
