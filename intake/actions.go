package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"fieldproof/models"
	"fieldproof/workflows/protocol"
)

// Actions brings actions to the workflows of their orders.
type Actions struct {
	Store    *models.Store
	Temporal client.Client
	// Patience is how long an answer is waited for.
	Patience time.Duration
}

// noAnswer is what whoever waits is told when Temporal does not answer in time, or not at all.
const noAnswer = "The work order did not answer in time. Nothing is lost: repeat the request with the same Idempotency-Key, and you get its outcome."

// Act performs an action, and returns nil once the workflow has applied it and the row shows it. The same action id
// again finds the same outcome. Errors: the [*models.Error] of a refusal, or [models.Unavailable] when no answer came
// in time.
func (a *Actions) Act(ctx context.Context, order *models.WorkOrder, action *models.Action) error {
	if done, err := a.happened(ctx, action); err != nil || done {
		return err
	}
	var asked *models.Action
	err := a.Store.Write(ctx, func(tx *models.Tx) (err error) {
		if err := tx.SaveAction(action); err != nil {
			return err
		}
		if asked, err = models.One[models.Action](tx.Where("id = ?", action.ID), "action"); err != nil || asked.Number == action.Number {
			return err
		}
		return tx.TryAgain(asked) // kept by a request that had no answer: this one wants it now
	})
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, a.Patience)
	defer cancel()
	for {
		err = a.send(waiting, order, asked)
		if err == nil {
			return nil
		}
		// The workflow may have acted all the same: a run that ended meanwhile forgets what it was asked.
		looking, done := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
		happened, looked := a.happened(looking, asked)
		done()
		if looked == nil && happened {
			return nil
		}
		var refused *models.Error
		if waiting.Err() == nil && (models.KindOf(err) == models.Overtaken || failedTry(err)) {
			if again := a.Store.Write(waiting, func(tx *models.Tx) error { return tx.TryAgain(asked) }); again == nil {
				continue
			}
		}
		if errors.As(err, &refused) {
			return a.told(ctx, asked, refused)
		}
		return &models.Error{Kind: models.Unavailable, Message: noAnswer, Cause: err}
	}
}

// told is a refusal with its words, which stand in the action's row and never in Temporal.
func (a *Actions) told(ctx context.Context, action *models.Action, refused *models.Error) error {
	if refused.Message != "" {
		return refused
	}
	row, err := models.One[models.Action](a.Store.Read(ctx).Where("id = ?", action.ID), "action")
	if err != nil {
		return err
	}
	var why protocol.Refusal
	if err := json.Unmarshal([]byte(row.Refusal), &why); err != nil {
		return fmt.Errorf("intake: read why an action was refused: %w", err)
	}
	return why.Err()
}

// lookTime is how long the last look at the history may take, when no answer came.
const lookTime = time.Second

// failedTry tells whether the workflow tried and failed: an outage that lasted as long as its patience. That is no
// outcome, though its history keeps it under the name of the update.
func failedTry(err error) bool {
	var activity *temporal.ActivityError
	var application *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	var cancelled *temporal.CanceledError
	return errors.As(err, &activity) || errors.As(err, &application) || errors.As(err, &timeout) || errors.As(err, &cancelled)
}

func (a *Actions) happened(ctx context.Context, action *models.Action) (bool, error) {
	var found []int64
	err := a.Store.Read(ctx).Model(&models.HistoryEvent{}).Where("work_order_id = ? AND message_id = ?", action.WorkOrderID, action.ID).Limit(1).Pluck("id", &found).Error
	return len(found) > 0, err
}

// tries is how often an update that met a run just ending is sent anew.
const tries = 3

func (a *Actions) send(ctx context.Context, order *models.WorkOrder, action *models.Action) error {
	var err error
	for range tries {
		if err = a.update(ctx, order, action); !lostToAnEndingRun(err) {
			return err
		}
		if order, err = models.One[models.WorkOrder](a.Store.Read(ctx).Where("id = ?", order.ID), "work order"); err != nil {
			return err
		}
		if !order.Lifecycle.MayBeLegal(action.Event) {
			_, illegal := order.Lifecycle.After(action.Event, models.Facts{Assigned: order.HasAssignee()})
			return illegal
		}
		if err = a.updateWithStart(ctx, order, action); !lostToAnEndingRun(err) {
			return err
		}
	}
	return fmt.Errorf("intake: the order's runs kept ending: %w", err)
}

func (a *Actions) update(ctx context.Context, order *models.WorkOrder, action *models.Action) error {
	handle, err := a.Temporal.UpdateWorkflow(ctx, updateOptions(order, action))
	return outcome(ctx, handle, err)
}

// updateWithStart starts the order's workflow when no run is open: never started, reopened, restored and lost runs are
// one case.
func (a *Actions) updateWithStart(ctx context.Context, order *models.WorkOrder, action *models.Action) error {
	card, err := Card(ctx, a.Store, order)
	if err != nil {
		return err
	}
	options := OrderOptions(card, order.ID)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	start := a.Temporal.NewWithStartWorkflowOperation(options, protocol.WorkOrder, protocol.WorkOrderInput{OrderID: order.ID})
	handle, err := a.Temporal.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{StartWorkflowOperation: start, UpdateOptions: updateOptions(order, action)})
	return outcome(ctx, handle, err)
}

func updateOptions(order *models.WorkOrder, action *models.Action) client.UpdateWorkflowOptions {
	return client.UpdateWorkflowOptions{
		WorkflowID:   protocol.WorkOrderID(order.ID),
		UpdateID:     updateID(action),
		UpdateName:   protocol.Act,
		WaitForStage: client.WorkflowUpdateStageCompleted,
		Args:         []any{protocol.ActInput{ActionID: action.ID, Event: action.Event, Version: order.Lifecycle.Version}},
	}
}

// updateID names a try of an action: an update that ended failed keeps its name for ever.
func updateID(a *models.Action) string {
	if a.Tries == 0 {
		return a.ID
	}
	return fmt.Sprintf("%s/%d", a.ID, a.Tries)
}

func outcome(ctx context.Context, handle client.WorkflowUpdateHandle, err error) error {
	var told protocol.Outcome
	if err == nil {
		err = handle.Get(ctx, &told)
	}
	var refused *temporal.ApplicationError
	if errors.As(err, &refused) && refused.Type() == protocol.RefusedType {
		var why protocol.Refusal
		if refused.Details(&why) == nil {
			return why.Err()
		}
	}
	if err != nil {
		return err
	}
	if told.Refusal != nil {
		return told.Refusal.Err()
	}
	return nil
}

// lostToAnEndingRun tells whether an update met no run, or one that was just completing.
func lostToAnEndingRun(err error) bool {
	var failed *temporal.ApplicationError
	if errors.As(err, &failed) && failed.Type() == "AcceptedUpdateCompletedWorkflow" {
		return true
	}
	var closing *serviceerror.WorkflowNotReady
	return NotRunning(err) || errors.As(err, &closing)
}

// AssignAtCreation starts the order's workflow with the assignment that waits in its inbox. Whether it answers in time
// or not, the assignment is durable and happens.
func (a *Actions) AssignAtCreation(ctx context.Context, order *models.WorkOrder, actionID string) error {
	ctx, cancel := context.WithTimeout(ctx, a.Patience)
	defer cancel()
	return a.updateWithStart(ctx, order, &models.Action{ID: actionID, WorkOrderID: order.ID, Event: models.Assign})
}
