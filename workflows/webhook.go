package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fieldproof/workflows/protocol"
)

// endpointLingers is how long an endpoint's workflow stays after its last message, so that a busy one is not started
// for each.
const endpointLingers = time.Minute

// WebhookEndpoint is the one sender of an endpoint: it sends what is due, then rests until the next message is due or
// a bell rings, and ends when nothing is left.
func WebhookEndpoint(ctx workflow.Context, in protocol.WebhookInput) error {
	return drain(ctx, "web-hooks", protocol.SendWebhooks, in.DestinationID, workflow.NewContinueAsNewError(ctx, protocol.WebhookEndpoint, in))
}

// ClientLink brings one order's items and statuses to one client's system, in their sequence.
func ClientLink(ctx workflow.Context, in protocol.ClientInput) error {
	return drain(ctx, "to the client", protocol.SendToClient, in.Subject, workflow.NewContinueAsNewError(ctx, protocol.ClientLink, in))
}

func drain(ctx workflow.Context, summary, activity, subject string, again error) error {
	bells := workflow.GetSignalChannel(ctx, protocol.Bell)
	for {
		drainAll(bells)
		var pass protocol.WebhookResult
		if err := workflow.ExecuteActivity(onQueue(ctx, protocol.DeliveryQueue, time.Hour, summary), activity, subject).Get(ctx, &pass); err != nil {
			return err
		}
		if bells.Len() > 0 && !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			continue
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			// The next run looks at its rows first, so no bell is missed.
			drainAll(bells)
			return again
		}
		rest := endpointLingers
		if pass.NextSeconds > 0 {
			rest = time.Duration(pass.NextSeconds) * time.Second
			workflow.SetCurrentDetails(ctx, "Rests until "+workflow.Now(ctx).Add(rest).UTC().Format(time.RFC3339)+". Last error: "+pass.LastError)
		} else {
			workflow.SetCurrentDetails(ctx, "Everything is sent.")
		}
		rang, err := workflow.AwaitWithTimeout(ctx, rest, func() bool { return bells.Len() > 0 })
		if err != nil {
			return err
		}
		if !rang && pass.NextSeconds == 0 && bells.Len() == 0 {
			return nil
		}
	}
}
