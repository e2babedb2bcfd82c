package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fieldproof/models"
	"fieldproof/workflows/protocol"
)

// publication is one run of a publication's workflow.
type publication struct {
	id       string
	in       protocol.PublicationInput
	plan     protocol.PublicationPlan
	replans  bool // since replansOnBells
	reported bool // the report is there
	rang     int  // counts the bells: a delivery that waits looks up when it changes
	open     int
	planning bool
	rendered bool                             // the report was asked for
	working  map[string]bool                  // deliveries with a coroutine
	again    map[string]protocol.DeliveryPlan // those that are to begin again once their coroutine is through
	states   map[string]string
}

// replansOnBells marks runs that plan again when a bell rings: an open publication takes more items while others of its
// deliveries still wait for their next try.
const replansOnBells = "plan again on bells"

// Publication brings one publication to its destinations, each independently of the others. What is to be done stands
// in rows, so a run can begin at any time: also long after the last one ended, when somebody asks for another try.
func Publication(ctx workflow.Context, in protocol.PublicationInput) error {
	p := &publication{id: in.PublicationID, in: in, states: map[string]string{}}
	bells := workflow.GetSignalChannel(ctx, protocol.Bell)
	p.replans = workflow.GetVersion(ctx, replansOnBells, workflow.DefaultVersion, 1) > workflow.DefaultVersion
	for {
		if err := workflow.ExecuteActivity(onMain(ctx, 15*time.Second, 0), protocol.PlanPublication, in).Get(ctx, &p.plan); err != nil {
			return err
		}
		p.deliverAll(ctx, bells)
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() && p.open > 0 {
			return workflow.NewContinueAsNewError(ctx, protocol.Publication, in)
		}
		if drainAll(bells) {
			continue
		}
		var end protocol.PublicationEnd
		ended := workflow.ExecuteActivity(onMain(ctx, 15*time.Second, 0), protocol.EndPublication, in)
		if p.replans {
			if err := ended.Get(ctx, &end); err != nil {
				return err
			}
		} else if err := ended.Get(ctx, nil); err != nil {
			return err
		}
		if !drainAll(bells) && end.Open == 0 { // somebody may have asked for another try meanwhile
			return nil
		}
	}
}

func drainAll(bells workflow.ReceiveChannel) bool {
	rang := false
	for bells.ReceiveAsync(nil) {
		rang = true
	}
	return rang
}

// deliverAll runs every delivery side by side and returns when all are over, or when the history has grown long.
func (p *publication) deliverAll(ctx workflow.Context, bells workflow.ReceiveChannel) {
	ctx, stop := workflow.WithCancel(ctx)
	defer stop()
	if len(p.plan.Deliveries) == 0 {
		return
	}
	p.open, p.reported, p.rendered, p.working, p.again = 0, false, false, map[string]bool{}, map[string]protocol.DeliveryPlan{}
	p.begin(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for ctx.Err() == nil {
			if err := workflow.Await(ctx, func() bool { return bells.Len() > 0 }); err != nil {
				return
			}
			drainAll(bells)
			p.rang++
			if p.replans {
				p.replan(ctx)
			}
		}
	})
	_ = workflow.Await(ctx, func() bool {
		return (p.open == 0 && !p.planning) || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
	})
}

// replan looks at the rows again.
func (p *publication) replan(ctx workflow.Context) {
	p.planning = true
	defer func() { p.planning = false }()
	var plan protocol.PublicationPlan
	if err := workflow.ExecuteActivity(onMain(ctx, 15*time.Second, 0), protocol.PlanPublication, p.in).Get(ctx, &plan); err != nil {
		return // the run is over
	}
	p.plan = plan
	p.begin(ctx)
}

// begin starts what the plan has and nothing works on.
func (p *publication) begin(ctx workflow.Context) {
	needsReport := false
	for _, d := range p.plan.Deliveries {
		needsReport = needsReport || d.NeedsReport
		if !p.working[d.DeliveryID] {
			p.states[d.Destination] = "waits"
		}
	}
	p.show(ctx)
	if needsReport && !p.rendered {
		p.rendered = true
		workflow.Go(ctx, func(ctx workflow.Context) {
			p.reported = workflow.ExecuteActivity(onQueue(ctx, protocol.ReportQueue, 15*time.Minute, p.plan.Number), protocol.RenderReport, p.id).Get(ctx, nil) == nil
		})
	}
	for _, d := range p.plan.Deliveries {
		if p.working[d.DeliveryID] {
			p.again[d.DeliveryID] = d
			continue
		}
		p.working[d.DeliveryID] = true
		p.open++
		workflow.Go(ctx, func(ctx workflow.Context) { p.work(ctx, d) })
	}
}

// work delivers, once more for each bell that rang meanwhile and found the delivery open.
func (p *publication) work(ctx workflow.Context, d protocol.DeliveryPlan) {
	for {
		over := p.deliver(ctx, d)
		if ctx.Err() != nil {
			return
		}
		next, there := p.again[d.DeliveryID]
		delete(p.again, d.DeliveryID)
		if !there || over {
			break
		}
		d = next
	}
	p.working[d.DeliveryID] = false
	p.open--
}

// deliver tries one delivery until it is done or given up, with growing rests that a bell cuts short. It is not over
// when its publication took more meanwhile.
func (p *publication) deliver(ctx workflow.Context, d protocol.DeliveryPlan) (over bool) {
	if d.NeedsReport {
		if workflow.Await(ctx, func() bool { return p.reported }) != nil {
			return true
		}
	}
	wait := time.Duration(d.WaitSeconds) * time.Second
	for {
		if wait > 0 {
			heard := p.rang
			if _, err := workflow.AwaitWithTimeout(ctx, wait, func() bool { return p.rang > heard }); err != nil {
				return true
			}
		}
		var result protocol.DeliverResult
		err := workflow.ExecuteActivity(onQueue(ctx, protocol.DeliveryQueue, 2*time.Hour, d.Destination), protocol.Deliver, d.DeliveryID).Get(ctx, &result)
		if ctx.Err() != nil {
			return true
		}
		if err != nil {
			workflow.GetLogger(ctx).Error("a delivery could not be tried", "destination", d.Destination, "error", err)
			result = protocol.DeliverResult{State: models.DeliveryRetrying, RetrySeconds: 60}
		}
		p.states[d.Destination] = result.State
		p.show(ctx)
		if result.RetrySeconds == 0 {
			return result.State != models.DeliveryPending
		}
		wait = time.Duration(result.RetrySeconds) * time.Second
	}
}

// onQueue are the options of long activities: they heartbeat, and are tried for as long as it takes.
func onQueue(ctx workflow.Context, queue string, once time.Duration, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           queue,
		StartToCloseTimeout: once,
		HeartbeatTimeout:    time.Minute,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
		Summary:             summary,
	})
}

func (p *publication) show(ctx workflow.Context) {
	text := "**" + p.plan.Number + "**\n"
	for _, d := range p.plan.Deliveries {
		text += fmt.Sprintf("\n- %s: %s", d.Destination, p.states[d.Destination])
	}
	workflow.SetCurrentDetails(ctx, text)
}
