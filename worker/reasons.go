package worker

import (
	"context"
	"errors"
	"log/slog"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"fieldproof/models"
	"fieldproof/storage"
)

// reasons keeps what errors say out of Temporal: addresses, typed texts and a peer's words may be secrets, and stand in
// rows and logs. Histories get one of a closed list, by which an operator knows where to look.
type reasons struct {
	interceptor.WorkerInterceptorBase
	log *slog.Logger
}

func (r *reasons) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &reason{interceptor.ActivityInboundInterceptorBase{Next: next}, r.log}
}

type reason struct {
	interceptor.ActivityInboundInterceptorBase
	log *slog.Logger
}

// The reasons.
const (
	reasonDatabase = "the database does not answer"
	reasonStorage  = "the storage does not answer"
	reasonNoRoom   = "there is no room left"
	reasonRefused  = "refused; the row and the worker's log say why"
	reasonInternal = "failed; the worker's log says why"
)

func (e *reason) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := e.Next.ExecuteActivity(ctx, in)
	if err == nil {
		return out, nil
	}
	kind, final := "", false
	var told *temporal.ApplicationError
	if errors.As(err, &told) {
		if told.Type() == "Cancelled" {
			return out, err // in words of ours
		}
		kind, final = told.Type(), told.NonRetryable()
	} else {
		kind = string(models.KindOf(err))
	}
	why := reasonInternal
	switch {
	case models.IsFull(err) || storage.IsFull(err):
		why = reasonNoRoom
	case models.IsAway(err):
		why = reasonDatabase
	case kind == "" && storage.IsAway(err):
		why = reasonStorage
	case kind != "":
		why = reasonRefused
	}
	info := activity.GetInfo(ctx)
	e.log.Warn("an activity failed", "activity", info.ActivityType.Name, "workflow", info.WorkflowExecution.ID, "attempt", info.Attempt, "reason", why, "error", models.ErrorText(err))
	options := temporal.ApplicationErrorOptions{NonRetryable: final}
	if why == reasonDatabase || why == reasonStorage || why == reasonNoRoom {
		options.Category = temporal.ApplicationErrorCategoryBenign // a part that is away is told above, and is no fault
	}
	return out, temporal.NewApplicationErrorWithOptions(why, kind, options)
}
