package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fieldproof/workflows/protocol"
)

// beats is after how long without a sign of life a worker is given up: somebody waits for an import.
const beats = 10 * time.Second

// Import brings the rows of a file in. Its progress stands in rows, so a run that a crash ended is simply done again.
func Import(ctx workflow.Context, in protocol.ImportInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           protocol.ImportQueue,
		StartToCloseTimeout: 6 * time.Hour,
		HeartbeatTimeout:    beats,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute},
	})
	var result protocol.ImportResult
	if err := workflow.ExecuteActivity(ctx, protocol.RunImport, in).Get(ctx, &result); err != nil {
		return err
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("Import %s: %s after %d rows.", in.ImportID, result.State, result.Processed))
	return nil
}

// Integration is the one hand of an integration: it keeps its schedule, fetches when somebody asked, tries again what
// failed, and ends when nothing is left to do.
func Integration(ctx workflow.Context, in protocol.IntegrationInput) error {
	bells := workflow.GetSignalChannel(ctx, protocol.Bell)
	for {
		drainAll(bells)
		var plan protocol.IntegrationPlan
		if err := workflow.ExecuteActivity(onMain(ctx, 30*time.Second, 0), protocol.PlanIntegration, in).Get(ctx, &plan); err != nil {
			return err
		}
		if plan.Fetch {
			workflow.SetCurrentDetails(ctx, plan.Name+": fetches.")
			// What fails is told in the integration's row; an error here is a database that does not answer.
			if err := workflow.ExecuteActivity(fetching(ctx, plan.Name), protocol.Fetch, in).Get(ctx, nil); err != nil {
				return err
			}
			if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
				drainAll(bells) // the next run plans first, so no bell is missed
				return workflow.NewContinueAsNewError(ctx, protocol.Integration, in)
			}
			continue
		}
		if plan.WaitSeconds > 0 {
			rest := time.Duration(plan.WaitSeconds) * time.Second
			workflow.SetCurrentDetails(ctx, fmt.Sprintf("%s: looks again at %s.", plan.Name, workflow.Now(ctx).Add(rest).UTC().Format(time.RFC3339)))
			if _, err := workflow.AwaitWithTimeout(ctx, rest, func() bool { return bells.Len() > 0 }); err != nil {
				return err
			}
			continue
		}
		if bells.Len() == 0 {
			workflow.SetCurrentDetails(ctx, plan.Name+": nothing to do.")
			return nil
		}
	}
}

// fetching goes with the deliveries, which also wait for systems of others: of the few that bring rows in at a time none
// is kept by a peer that does not answer.
func fetching(ctx workflow.Context, summary string) workflow.Context {
	o := workflow.GetActivityOptions(onQueue(ctx, protocol.DeliveryQueue, time.Hour, summary))
	o.HeartbeatTimeout = beats
	return workflow.WithActivityOptions(ctx, o)
}

// ScheduledFetch is what the schedule of an integration starts: it asks for a fetch, which the integration's own workflow
// then makes, one at a time.
func ScheduledFetch(ctx workflow.Context, in protocol.IntegrationInput) error {
	return workflow.ExecuteActivity(onMain(ctx, 30*time.Second, 10*time.Minute), protocol.AskFetch, in).Get(ctx, nil)
}
