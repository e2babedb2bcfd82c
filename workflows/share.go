package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fieldproof/workflows/protocol"
)

// shareBeat is after how long without a sign of life a turn of a link is taken for lost: its worker was killed.
const shareBeat = 20 * time.Second

// Share is the one hand of a Share link: at the recipient it fetches what is new and brings back what was done, at the
// delegator it tells the recipient to fetch. What is to be done stands in rows. It ends with the link, or while that is held.
func Share(ctx workflow.Context, in protocol.ShareInput) error {
	bells := workflow.GetSignalChannel(ctx, protocol.Bell)
	atWork := workflow.WithHeartbeatTimeout(onQueue(ctx, protocol.ShareQueue, time.Hour, "Share"), shareBeat)
	for {
		drainAll(bells)
		var turn protocol.ShareResult
		if err := workflow.ExecuteActivity(atWork, protocol.ShareTurn, in).Get(ctx, &turn); err != nil {
			return err
		}
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s**: %s. %d items and %d statuses wait. Looks again at %s.", turn.Name, turn.State, turn.Items, turn.Statuses,
			workflow.Now(ctx).Add(time.Duration(turn.NextSeconds)*time.Second).UTC().Format(time.RFC3339)))
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			drainAll(bells) // the next run looks at its rows first, so no bell is missed
			return workflow.NewContinueAsNewError(ctx, protocol.Share, in)
		}
		if turn.Over {
			if bells.Len() == 0 {
				return nil
			}
			continue
		}
		if _, err := workflow.AwaitWithTimeout(ctx, time.Duration(turn.NextSeconds)*time.Second, func() bool { return bells.Len() > 0 }); err != nil {
			return err
		}
	}
}
