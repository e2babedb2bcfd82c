package worker

import (
	"context"
	"errors"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
)

// endedRuns tells an activity that was cancelled, because its run ended under it or this worker stops, apart from one
// that failed: it stays out of the log of errors, and Temporal tries again if anybody still waits for it.
type endedRuns struct {
	interceptor.WorkerInterceptorBase
}

func (*endedRuns) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &endedRun{interceptor.ActivityInboundInterceptorBase{Next: next}}
}

type endedRun struct {
	interceptor.ActivityInboundInterceptorBase
}

func (e *endedRun) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	out, err := e.Next.ExecuteActivity(ctx, in)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		err = temporal.NewApplicationErrorWithOptions("cancelled: its run ended, or its worker stops", "Cancelled",
			temporal.ApplicationErrorOptions{Category: temporal.ApplicationErrorCategoryBenign})
	}
	return out, err
}
