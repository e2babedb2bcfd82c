// Package workflows tells what happens, in order, for months: to a work order, to a publication, at a web-hook
// endpoint. No input or output happens here; activities do that.
package workflows

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fieldproof/models"
	"fieldproof/workflows/protocol"
)

// workOrder is one run of an order's workflow: it owns the order's state.
type workOrder struct {
	id        string
	card      protocol.OrderCard
	loaded    bool
	turn      workflow.Mutex // one action or look at a time: handlers interleave at every await
	bells     workflow.ReceiveChannel
	rendering bool
	again     bool // an activity failed: the rows may know more
	shown     shown
	trouble   string
}

// shown is what the operator was last shown, so that nothing is written twice.
type shown struct {
	state            models.State
	number, assignee string
	due              models.Time
}

func shownOf(c protocol.OrderCard) shown {
	s := shown{state: c.Lifecycle.State, number: c.Number, assignee: c.Assignee}
	if c.Due != nil {
		s.due = *c.Due
	}
	return s
}

// WorkOrder is one order's workflow: office actions arrive as updates, everything else by bells. It ends when the order
// is closed or deleted; reopening starts a new run, which continues from the row.
func WorkOrder(ctx workflow.Context, in protocol.WorkOrderInput) error {
	o := &workOrder{id: in.OrderID, turn: workflow.NewMutex(ctx), bells: workflow.GetSignalChannel(ctx, protocol.Bell)}
	if in.Carried != nil {
		o.card = *in.Carried
	}
	err := workflow.SetUpdateHandlerWithOptions(ctx, protocol.Act, o.act, workflow.UpdateHandlerOptions{
		Validator: o.validate, Description: "An action of somebody who waits for the answer: assign, complete, approve, publish …"})
	if err != nil {
		return err
	}
	return o.run(ctx, in.Seen)
}

func (o *workOrder) run(ctx workflow.Context, seen *protocol.OrderCard) error {
	for ; ; seen = nil {
		if seen != nil {
			o.shown = shownOf(*seen) // the start brought its attributes
			o.learn(ctx, *seen)
		} else if err := o.look(ctx); err != nil {
			return err
		}
		o.renderPhotos(ctx)
		if o.card.Lifecycle.Over() || workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			if done, err := o.leave(ctx); done {
				return err
			}
			continue
		}
		err := workflow.Await(ctx, func() bool {
			return o.bells.Len() > 0 || o.again || o.card.Lifecycle.Over() || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		})
		if err != nil {
			return err
		}
		o.drain()
	}
}

// leave ends the run, or continues it as new, once every handler is finished and no bell is left. It reports false
// when something came in meanwhile that is to be looked at first.
func (o *workOrder) leave(ctx workflow.Context) (bool, error) {
	over := o.card.Lifecycle.Over()
	err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) && (!over || !o.rendering) })
	if err != nil {
		return true, err
	}
	if o.drain() || o.again || o.card.Lifecycle.Over() != over {
		return false, nil
	}
	if over {
		return true, nil
	}
	card := o.card
	return true, workflow.NewContinueAsNewError(ctx, protocol.WorkOrder, protocol.WorkOrderInput{OrderID: o.id, Carried: &card})
}

// drain takes the bells that rang: one look answers them all.
func (o *workOrder) drain() bool {
	rang := o.again
	o.again = false
	for o.bells.ReceiveAsync(nil) {
		rang = true
	}
	return rang
}

// lookAgainAfter is the rest after a look that failed for long.
const lookAgainAfter = time.Minute

// look catches up with the order's rows. Only an order without a row ends the run with an error.
func (o *workOrder) look(ctx workflow.Context) error {
	for {
		again, err := o.lookOnce(ctx)
		if !again {
			return err
		}
		if err != nil {
			o.trouble = err.Error()
			o.show(ctx)
			if err := workflow.Sleep(ctx, lookAgainAfter); err != nil {
				return err
			}
		}
	}
}

func (o *workOrder) lookOnce(ctx workflow.Context) (again bool, err error) {
	if err := o.turn.Lock(ctx); err != nil {
		return false, err
	}
	defer o.turn.Unlock()
	in := protocol.CatchUpInput{OrderID: o.id}
	if o.card.Lifecycle.Version > 0 {
		known := o.card.Lifecycle
		in.Lifecycle = &known
	}
	var card protocol.OrderCard
	if err := workflow.ExecuteActivity(onMain(ctx, 15*time.Second, 2*time.Minute), protocol.CatchUp, in).Get(ctx, &card); err != nil {
		var told *temporal.ApplicationError
		if temporal.IsCanceledError(err) || (errors.As(err, &told) && told.Type() == string(models.NotFound)) {
			return false, err
		}
		return true, err
	}
	o.learn(ctx, card)
	return card.More, nil
}

// onMain are the options of the small activities that work on rows. They share the workflow's task queue, so that they
// can start at once on the worker that asked for them.
func onMain(ctx workflow.Context, once, inAll time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    once,
		ScheduleToCloseTimeout: inAll,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second},
	})
}

func (o *workOrder) learn(ctx workflow.Context, card protocol.OrderCard) {
	if o.loaded && card.Lifecycle.Version < o.card.Lifecycle.Version {
		card.Lifecycle = o.card.Lifecycle
	}
	o.card, o.loaded, o.trouble = card, true, ""
	o.show(ctx)
}

// validate refuses what no fact could make legal, before it enters history. A run that knows less than the sender
// can't judge, and one that knows more has to tell the row first: the handler does both.
func (o *workOrder) validate(in protocol.ActInput) error {
	known := o.card.Lifecycle
	if !o.loaded || in.Version != known.Version || known.MayBeLegal(in.Event) {
		return nil
	}
	_, err := known.After(in.Event, models.Facts{Assigned: o.card.Assignee != ""})
	var refused *models.Error
	errors.As(err, &refused)
	return temporal.NewNonRetryableApplicationError(refused.Message, protocol.RefusedType, nil, protocol.Refuse(refused))
}

// act performs one action. What only the database knows is asked there, in the transaction that writes the outcome, so
// the state moves here only once it has moved there.
func (o *workOrder) act(ctx workflow.Context, in protocol.ActInput) (protocol.Outcome, error) {
	if err := workflow.Await(ctx, func() bool { return o.loaded }); err != nil {
		return protocol.Outcome{}, err
	}
	if err := o.turn.Lock(ctx); err != nil {
		return protocol.Outcome{}, err
	}
	defer o.turn.Unlock()
	var result protocol.ApplyResult
	err := workflow.ExecuteActivity(onMain(ctx, 5*time.Second, 30*time.Second), protocol.ApplyAction,
		protocol.ApplyInput{AccountID: o.card.AccountID, OrderID: o.id, ActionID: in.ActionID, Lifecycle: o.card.Lifecycle}).Get(ctx, &result)
	if err != nil {
		// The transaction may have committed before its answer was lost.
		if workflow.GetVersion(ctx, "look after a failure", workflow.DefaultVersion, 1) == 1 {
			o.again = true
		}
		return protocol.Outcome{}, err
	}
	result.Card.Unrendered = o.card.Unrendered // an action brings no photos
	o.learn(ctx, result.Card)
	return result.Outcome, nil
}

// renderPhotos has the renditions of new photos made, beside everything else.
func (o *workOrder) renderPhotos(ctx workflow.Context) {
	if o.rendering || !o.card.Unrendered {
		return
	}
	o.rendering = true
	workflow.Go(ctx, func(ctx workflow.Context) {
		defer func() { o.rendering = false }()
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
			TaskQueue:           protocol.MediaQueue,
			StartToCloseTimeout: 30 * time.Minute,
			HeartbeatTimeout:    time.Minute,
			RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
			Summary:             o.card.Number,
		})
		for o.card.Unrendered && ctx.Err() == nil {
			o.card.Unrendered = false // a look meanwhile may find more
			if err := workflow.ExecuteActivity(ctx, protocol.MakeRenditions, o.id).Get(ctx, nil); err != nil {
				workflow.GetLogger(ctx).Error("renditions were not made", "error", err)
			}
		}
	})
}

// show tells the operator in Temporal's UI which order this is, where it stands and what it waits for.
func (o *workOrder) show(ctx workflow.Context) {
	c := o.card
	trouble := ""
	if o.trouble != "" {
		trouble = "\n\n**In trouble:** its rows can't be read: " + o.trouble
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("**%s**, %s\n\nState: **%s**. %s%s", c.Number, c.Address, c.Lifecycle.State, waitsFor(c), trouble))
	if !o.loaded {
		return
	}
	now := shownOf(c)
	if now == o.shown {
		return
	}
	o.shown = now
	updates := c.SearchAttributes()
	if c.Assignee == "" {
		updates = append(updates, temporal.NewSearchAttributeKeyKeyword(protocol.AttributeAssignee).ValueUnset())
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("search attributes were not set", "error", err)
	}
}

func waitsFor(c protocol.OrderCard) string {
	switch c.Lifecycle.State {
	case models.Created:
		return "Waits for the office to assign it."
	case models.Assigned:
		return "Waits for " + c.Assignee + " to begin: the first photo, survey response or check-in starts it."
	case models.InProgress:
		return "Waits for " + c.Assignee + " or the office to complete it."
	case models.Completed:
		return "Waits for the office to approve it or send it back."
	case models.Approved:
		return "Waits for the office to publish it."
	case models.Published:
		return "Waits to be closed; its deliveries are in the publication's own workflow."
	case models.Cancelled:
		return "Waits to be closed or reopened."
	case models.Closed:
		return "Is over; reopening starts a new run."
	}
	return "Reads its row."
}
