// Package worker runs the workflows and activities of Fieldproof, and sweeps up what a crash left between a row and its
// workflow.
package worker

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fieldproof/activities/backups"
	"fieldproof/activities/clients"
	"fieldproof/activities/imports"
	"fieldproof/activities/integrations"
	"fieldproof/activities/media"
	"fieldproof/activities/records"
	"fieldproof/activities/reports"
	"fieldproof/activities/webhooks"
	"fieldproof/workflows"
	"fieldproof/workflows/names"
)

// Activities are everything that a worker does.
type Activities struct {
	Records  *records.Records
	Media    *media.Media
	Reports  *reports.Reports
	Backups  *backups.Backups
	Clients  *clients.Clients
	Webhooks *webhooks.Webhooks

	Imports      *imports.Imports
	Integrations *integrations.Integrations
}

// Start starts a worker for each of the queues and returns a function that stops them, letting activities finish.
func Start(c client.Client, a Activities, queues []string, log *slog.Logger) (stop func(), err error) {
	var started []worker.Worker
	stop = func() {
		for _, w := range started {
			w.Stop()
		}
	}
	for _, queue := range queues {
		if !slices.Contains(names.Queues, queue) {
			stop()
			return nil, fmt.Errorf("there is no queue %q; the queues are %v", queue, names.Queues)
		}
		w := worker.New(c, queue, options(queue))
		register(w, queue, a)
		if err := w.Start(); err != nil {
			stop()
			return nil, fmt.Errorf("start the worker of %s: %w", queue, err)
		}
		started = append(started, w)
	}
	return stop, nil
}

// options size a worker. Heavy work is bounded by memory budgets of its own; these numbers only bound its number.
func options(queue string) worker.Options {
	o := worker.Options{
		WorkerStopTimeout:                       10 * time.Second,
		MaxConcurrentWorkflowTaskExecutionSize:  100,
		MaxConcurrentActivityExecutionSize:      100,
		MaxConcurrentEagerActivityExecutionSize: 100,
		MaxConcurrentWorkflowTaskPollers:        8,
		MaxConcurrentActivityTaskPollers:        4,
		Interceptors:                            []interceptor.WorkerInterceptor{&endedRuns{}},
	}
	switch queue {
	case names.MediaQueue:
		// Decoding takes whole cores: half of them are left to those who wait for an answer.
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker, o.MaxConcurrentActivityTaskPollers = max(1, runtime.GOMAXPROCS(0)/2), true, 2
	case names.ReportQueue:
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker = 4, true
	case names.DeliveryQueue:
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker = 50, true
	case names.ImportQueue:
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker = 4, true
	}
	return o
}

func register(w worker.Registry, queue string, a Activities) {
	as := func(name string, fn any) {
		w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	switch queue {
	case names.MainQueue:
		RegisterWorkflows(w)
		as(names.ApplyAction, a.Records.ApplyAction)
		as(names.CatchUp, a.Records.CatchUp)
		as(names.PlanPublication, a.Backups.PlanPublication)
		as(names.EndPublication, a.Backups.EndPublication)
		as(names.PlanIntegration, a.Integrations.PlanIntegration)
		as(names.AskFetch, a.Integrations.AskFetch)
	case names.MediaQueue:
		as(names.MakeRenditions, a.Media.MakeRenditions)
	case names.ReportQueue:
		as(names.RenderReport, a.Reports.RenderReport)
	case names.DeliveryQueue:
		as(names.Deliver, a.Backups.Deliver)
		as(names.SendWebhooks, a.Webhooks.SendWebhooks)
		as(names.SendToClient, a.Clients.SendToClient)
		as(names.Fetch, a.Integrations.Fetch)
	case names.ImportQueue:
		as(names.RunImport, a.Imports.RunImport)
		as(names.Fetch, a.Integrations.Fetch) // of workflows that an older worker decided
	}
}

// RegisterWorkflows registers every workflow under the name that others know.
func RegisterWorkflows(w interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}) {
	w.RegisterWorkflowWithOptions(workflows.WorkOrder, workflow.RegisterOptions{Name: names.WorkOrder})
	w.RegisterWorkflowWithOptions(workflows.Publication, workflow.RegisterOptions{Name: names.Publication})
	w.RegisterWorkflowWithOptions(workflows.WebhookEndpoint, workflow.RegisterOptions{Name: names.WebhookEndpoint})
	w.RegisterWorkflowWithOptions(workflows.ClientLink, workflow.RegisterOptions{Name: names.ClientLink})
	w.RegisterWorkflowWithOptions(workflows.Integration, workflow.RegisterOptions{Name: names.Integration})
	w.RegisterWorkflowWithOptions(workflows.ScheduledFetch, workflow.RegisterOptions{Name: names.ScheduledFetch})
	w.RegisterWorkflowWithOptions(workflows.Import, workflow.RegisterOptions{Name: names.Import})
}
