package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// noopQueue is where the yardstick runs.
const noopQueue = "noop"

func noopActivity(context.Context, string) (string, error) { return "ok", nil }

func brief(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
}

// noop is the frozen yardstick: what Temporal alone costs for the shape of an order, start, five updates each with one
// activity, three signals, three activities. It is never changed.
func noop(ctx workflow.Context) error {
	ctx = brief(ctx)
	updates := 0
	err := workflow.SetUpdateHandler(ctx, "update", func(ctx workflow.Context, in string) (out string, err error) {
		err = workflow.ExecuteActivity(brief(ctx), noopActivity, in).Get(ctx, &out)
		updates++
		return out, err
	})
	if err != nil {
		return err
	}
	bells := workflow.GetSignalChannel(ctx, "bell")
	for range 3 {
		bells.Receive(ctx, nil)
		if err := workflow.ExecuteActivity(ctx, noopActivity, "bell").Get(ctx, nil); err != nil {
			return err
		}
	}
	return workflow.Await(ctx, func() bool { return updates >= 5 && workflow.AllHandlersFinished(ctx) })
}

// endless answers updates until it is terminated: the yardstick of one update alone.
func endless(ctx workflow.Context) error {
	err := workflow.SetUpdateHandler(ctx, "update", func(ctx workflow.Context, in string) (out string, err error) {
		err = workflow.ExecuteActivity(brief(ctx), noopActivity, in).Get(ctx, &out)
		return out, err
	})
	if err != nil {
		return err
	}
	return workflow.Await(ctx, func() bool { return false })
}

// startNoops starts a worker of the yardstick on the server at address.
func startNoops(address string) (client.Client, func(), error) {
	c, err := client.Dial(client.Options{HostPort: address, Logger: quiet{}})
	if err != nil {
		return nil, nil, err
	}
	w := worker.New(c, noopQueue, worker.Options{MaxConcurrentWorkflowTaskPollers: 8, MaxConcurrentActivityTaskPollers: 4})
	w.RegisterWorkflow(noop)
	w.RegisterWorkflow(endless)
	w.RegisterActivity(noopActivity)
	if err := w.Start(); err != nil {
		return nil, nil, err
	}
	return c, func() { w.Stop(); c.Close() }, nil
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// runNoops runs n yardstick workflows, some at once.
func runNoops(c client.Client, n, atOnce int) (time.Duration, error) {
	return atOnceDo(n, atOnce, func(int) error {
		ctx := context.Background()
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: uuid.NewString(), TaskQueue: noopQueue}, noop)
		if err != nil {
			return err
		}
		for i := range 5 {
			if err := updateNoop(c, run.GetID()); err != nil {
				return err
			}
			if i < 3 {
				if err := c.SignalWorkflow(ctx, run.GetID(), "", "bell", nil); err != nil {
					return err
				}
			}
		}
		return run.Get(ctx, nil)
	})
}

func updateNoop(c client.Client, id string) error {
	ctx := context.Background()
	handle, err := c.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{WorkflowID: id, UpdateName: "update", WaitForStage: client.WorkflowUpdateStageCompleted, Args: []any{"x"}})
	if err != nil {
		return err
	}
	return handle.Get(ctx, nil)
}

// atOnceDo does something n times, some at once, and returns how long all of it took.
func atOnceDo(n, atOnce int, do func(i int) error) (time.Duration, error) {
	began := time.Now()
	work := make(chan int)
	errs := make(chan error, atOnce)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := range work {
				if err := do(i); err != nil {
					errs <- fmt.Errorf("number %d: %w", i, err)
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case work <- i:
		case err := <-errs:
			close(work)
			return 0, err
		}
	}
	close(work)
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
		return time.Since(began), nil
	}
}
