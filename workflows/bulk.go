package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fieldproof/workflows/protocol"
)

// Bulk does one action to many orders, turn by turn. Which orders, and how far it is, stands in rows, so a run can begin at any
// time.
func Bulk(ctx workflow.Context, in protocol.BulkInput) error {
	bells := workflow.GetSignalChannel(ctx, protocol.Bell)
	atWork := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           protocol.BulkQueue,
		StartToCloseTimeout: 10 * time.Minute,
		HeartbeatTimeout:    beats,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 15 * time.Second},
	})
	for {
		drainAll(bells)
		var turn protocol.BulkResult
		if err := workflow.ExecuteActivity(atWork, protocol.RunBulk, in).Get(ctx, &turn); err != nil {
			return err
		}
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("Bulk **%s** of %d work orders: %s. %d wait.", turn.Action, turn.Rows, turn.State, turn.Waiting))
		if turn.Over {
			drainAll(bells)
			return nil
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			drainAll(bells) // the next run looks at its rows first, so no bell is missed
			return workflow.NewContinueAsNewError(ctx, protocol.Bulk, in)
		}
		if turn.PauseSeconds == 0 {
			continue
		}
		if _, err := workflow.AwaitWithTimeout(ctx, time.Duration(turn.PauseSeconds)*time.Second, func() bool { return bells.Len() > 0 }); err != nil {
			return err
		}
	}
}
