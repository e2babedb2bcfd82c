package intake

import (
	"context"
	"time"

	"fieldproof/models"
)

// NewOrder is an order to be made.
type NewOrder struct {
	// ID makes the creation repeatable: the same id again is the same order.
	ID       string
	Fields   models.WorkOrderFields
	Tasks    []models.TaskFields
	Assignee string // a username or ~all~; "" for nobody
	// WorkType fills the order: a name or an id. Without one it is the one that matches best, or the account's default.
	WorkType string
	// Filled says that the order is complete as it is, as a duplicate: WorkType is only its name.
	Filled bool
	By     *models.Member
}

// CreateOrder makes an order durable and rings for its workflow. An assignment waits in the order's inbox under the
// returned action id; "" when there is none. Errors: [models.Invalid] names each wrong field, [models.Conflict] a
// number that is taken.
func (in *Intake) CreateOrder(ctx context.Context, n NewOrder) (order *models.WorkOrder, actionID string, err error) {
	account, err := in.Store.AccountByID(ctx, n.By.AccountID)
	if err != nil {
		return nil, "", err
	}
	today := models.Date(models.Now().In(account.Location()).Format(time.DateOnly))
	filledBy, err := in.fill(models.InAccount(ctx, n.By.AccountID), &n, today)
	if err != nil {
		return nil, "", err
	}
	if n.Fields.DueDate == nil {
		n.Fields.DueDate = &today
	}
	n.Fields.Normalise()
	for i := range n.Tasks {
		n.Tasks[i].Normalise()
	}
	var problems models.Problems
	n.Fields.Check(&problems)
	models.CheckTasks(&problems, n.Tasks)
	if err := problems.Err(); err != nil {
		return nil, "", err
	}

	err = in.Store.Write(models.InAccount(ctx, n.By.AccountID), func(tx *models.Tx) error {
		if n.Assignee != "" && n.Assignee != models.AssignToAll {
			if _, err := tx.UserByName(n.Assignee); err != nil {
				return models.InvalidField("assignee", "The account has no active user %q.", n.Assignee)
			}
		}
		order = &models.WorkOrder{ID: n.ID, AccountID: n.By.AccountID, WorkOrderFields: n.Fields, WorkType: filledBy, CreatedBy: n.By.ID}
		if n.Assignee != "" {
			actionID = models.DerivedID("assign at creation", n.ID)
		}
		if again, err := models.One[models.WorkOrder](tx.Where("id = ?", n.ID), "work order"); models.KindOf(err) != models.NotFound {
			order = again
			return err
		}
		e := &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, ActorID: n.By.ID, Actor: n.By.Username}
		if err := tx.CreateOrder(order, n.Tasks, e); err != nil {
			return err
		}
		if actionID != "" {
			a := &models.Action{ID: actionID, AccountID: order.AccountID, WorkOrderID: order.ID, Event: models.Assign, ActorID: n.By.ID, Inbox: true,
				Parameters: models.ActionParameters{Assignee: n.Assignee}}
			if err := tx.SaveAction(a); err != nil {
				return err
			}
		}
		return tx.Ring(models.OrderBell, order.ID)
	})
	if err != nil {
		return nil, "", err
	}
	in.Bells.Poke()
	return order, actionID, nil
}

// fill applies the order's work type and returns its name, "" when there is none.
func (in *Intake) fill(ctx context.Context, n *NewOrder, today models.Date) (string, error) {
	if n.Filled {
		return n.WorkType, nil
	}
	db := in.Store.Read(ctx)
	var w *models.WorkType
	var err error
	if n.WorkType != "" {
		w, err = models.WorkTypeNamed(db, n.WorkType)
	} else {
		var all []*models.WorkType
		if all, err = models.MatchingWorkTypes(db); err == nil {
			w = models.BestWorkType(all, &n.Fields, true)
		}
	}
	if err != nil || w == nil {
		return "", err
	}
	n.Tasks, n.Assignee = w.Fill(&n.Fields, n.Tasks, n.Assignee, today)
	return w.Name, nil
}
