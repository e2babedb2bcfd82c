package imports

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// Alive gives signs of life of an activity until stop is called, while it waits for others: a worker that was killed is
// noticed soon, a slow store is not taken for one.
func Alive(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			activity.RecordHeartbeat(ctx)
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() { close(done) }
}
