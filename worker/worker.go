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

	"fieldproof/activities/bulks"
	"fieldproof/activities/clients"
	"fieldproof/activities/deliveries"
	"fieldproof/activities/imports"
	"fieldproof/activities/integrations"
	"fieldproof/activities/records"
	"fieldproof/activities/share"
	"fieldproof/activities/webhooks"
	"fieldproof/media"
	"fieldproof/reports"
	"fieldproof/workflows"
	"fieldproof/workflows/protocol"
)

// Activities are everything that a worker does.
type Activities struct {
	Records    *records.Records
	Media      *media.Media
	Reports    *reports.Reports
	Deliveries *deliveries.Deliveries
	Clients    *clients.Clients
	Share      *share.Share
	Webhooks   *webhooks.Webhooks

	Imports      *imports.Imports
	Bulks        *bulks.Bulks
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
		if !slices.Contains(protocol.Queues, queue) {
			stop()
			return nil, fmt.Errorf("there is no queue %q; the queues are %v", queue, protocol.Queues)
		}
		w := worker.New(c, queue, options(queue, log))
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
func options(queue string, log *slog.Logger) worker.Options {
	o := worker.Options{
		WorkerStopTimeout:                       10 * time.Second,
		MaxConcurrentWorkflowTaskExecutionSize:  100,
		MaxConcurrentActivityExecutionSize:      100,
		MaxConcurrentEagerActivityExecutionSize: 100,
		MaxConcurrentWorkflowTaskPollers:        8,
		MaxConcurrentActivityTaskPollers:        4,
		Interceptors:                            []interceptor.WorkerInterceptor{&reasons{log: log}, &endedRuns{}},
	}
	switch queue {
	case protocol.MediaQueue:
		// Decoding takes whole cores: half of them are left to those who wait for an answer.
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker, o.MaxConcurrentActivityTaskPollers = max(1, runtime.GOMAXPROCS(0)/2), true, 2
	case protocol.ReportQueue:
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker = 4, true
	case protocol.DeliveryQueue:
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker = 50, true
	case protocol.ShareQueue:
		// A link that is busy keeps its place for a while; nobody's should wait for that of another.
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker, o.MaxConcurrentActivityTaskPollers = 200, true, 2
		o.MaxHeartbeatThrottleInterval = 5 * time.Second // a turn that was lost is noticed soon, one that is slow is not taken for lost
	case protocol.ImportQueue:
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker = 4, true
	case protocol.BulkQueue:
		o.MaxConcurrentActivityExecutionSize, o.DisableWorkflowWorker, o.MaxConcurrentActivityTaskPollers = 50, true, 2
	}
	return o
}

func register(w worker.Registry, queue string, a Activities) {
	as := func(name string, fn any) {
		w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	switch queue {
	case protocol.MainQueue:
		RegisterWorkflows(w)
		as(protocol.ApplyAction, a.Records.ApplyAction)
		as(protocol.CatchUp, a.Records.CatchUp)
		as(protocol.PlanPublication, a.Deliveries.PlanPublication)
		as(protocol.EndPublication, a.Deliveries.EndPublication)
		as(protocol.PlanIntegration, a.Integrations.PlanIntegration)
		as(protocol.AskFetch, a.Integrations.AskFetch)
	case protocol.MediaQueue:
		as(protocol.MakeRenditions, a.Media.MakeRenditions)
	case protocol.ReportQueue:
		as(protocol.RenderReport, a.Reports.RenderReport)
	case protocol.DeliveryQueue:
		as(protocol.Deliver, a.Deliveries.Deliver)
		as(protocol.SendWebhooks, a.Webhooks.SendWebhooks)
		as(protocol.SendToClient, a.Clients.SendToClient)
		as(protocol.Fetch, a.Integrations.Fetch)
	case protocol.ShareQueue:
		as(protocol.ShareTurn, a.Share.Turn)
	case protocol.BulkQueue:
		as(protocol.RunBulk, a.Bulks.RunBulk)
	case protocol.ImportQueue:
		as(protocol.RunImport, a.Imports.RunImport)
		as(protocol.Fetch, a.Integrations.Fetch) // of workflows that an older worker decided
	}
}

// RegisterWorkflows registers every workflow under the name that others know.
func RegisterWorkflows(w interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}) {
	w.RegisterWorkflowWithOptions(workflows.WorkOrder, workflow.RegisterOptions{Name: protocol.WorkOrder})
	w.RegisterWorkflowWithOptions(workflows.Publication, workflow.RegisterOptions{Name: protocol.Publication})
	w.RegisterWorkflowWithOptions(workflows.WebhookEndpoint, workflow.RegisterOptions{Name: protocol.WebhookEndpoint})
	w.RegisterWorkflowWithOptions(workflows.ClientLink, workflow.RegisterOptions{Name: protocol.ClientLink})
	w.RegisterWorkflowWithOptions(workflows.Share, workflow.RegisterOptions{Name: protocol.Share})
	w.RegisterWorkflowWithOptions(workflows.Integration, workflow.RegisterOptions{Name: protocol.Integration})
	w.RegisterWorkflowWithOptions(workflows.ScheduledFetch, workflow.RegisterOptions{Name: protocol.ScheduledFetch})
	w.RegisterWorkflowWithOptions(workflows.Bulk, workflow.RegisterOptions{Name: protocol.Bulk})
	w.RegisterWorkflowWithOptions(workflows.Import, workflow.RegisterOptions{Name: protocol.Import})
}
