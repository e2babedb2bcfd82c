package intake

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

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
	f := fresh{fields: n.Fields, tasks: n.Tasks, assignee: n.Assignee, filledBy: n.WorkType, today: today(account)}
	if !n.Filled {
		w, err := in.workType(models.InAccount(ctx, n.By.AccountID), &n)
		if err != nil {
			return nil, "", err
		}
		f.fill(w)
	}
	f.dueToday()
	var problems models.Problems
	f.check(&problems)
	if f.left > 0 {
		problems.Add("tasks", "An order has at most %d tasks: there is no room for %d of the work type %s. Leave some out, or choose another work type.", models.MostTasks, f.left, f.filledBy)
	}
	if err := problems.Err(); err != nil {
		return nil, "", err
	}

	err = in.write(ctx, n.By, func(tx *models.Tx) error {
		if f.assignee != "" && f.assignee != models.AssignToAll {
			if _, err := tx.UserByName(f.assignee); err != nil {
				return models.InvalidField("assignee", "The account has no active user %q.", f.assignee)
			}
		}
		if f.assignee != "" {
			actionID = models.DerivedID("assign at creation", n.ID)
		}
		if order, err = models.One[models.WorkOrder](tx.Where("id = ?", n.ID), "work order"); models.KindOf(err) != models.NotFound {
			return err // the same request again
		}
		order = &models.WorkOrder{ID: n.ID, AccountID: n.By.AccountID, WorkOrderFields: f.fields, WorkType: f.filledBy, CreatedBy: n.By.ID}
		by := handOf(n.By)
		e := by.event(models.TypeCreated)
		e.ToState = models.Created
		if err := tx.CreateOrder(order, f.tasks, e); err != nil {
			return err
		}
		if actionID != "" {
			if err := by.wish(tx, order, actionID, models.Assign, models.ActionParameters{Assignee: f.assignee}); err != nil {
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

// workType is what fills an order that a member makes; nil for none.
func (in *Intake) workType(ctx context.Context, n *NewOrder) (*models.WorkType, error) {
	db := in.Store.Read(ctx)
	if n.WorkType != "" {
		return models.WorkTypeNamed(db, n.WorkType)
	}
	all, err := models.MatchingWorkTypes(db)
	if err != nil {
		return nil, err
	}
	return models.BestWorkType(all, &n.Fields, true), nil
}

// fresh is an order that is about to be made, by whichever edge.
type fresh struct {
	fields   models.WorkOrderFields
	tasks    []models.TaskFields
	assignee string
	filledBy string      // the name of its work type
	left     int         // how many tasks of that there was no room for
	today    models.Date // at the account
}

// fill lets a work type say what the order does not say; nil says nothing.
func (f *fresh) fill(w *models.WorkType) {
	if f.filledBy = ""; w == nil {
		return
	}
	f.filledBy = w.Name
	f.tasks, f.left, f.assignee = w.Fill(&f.fields, f.tasks, f.assignee, f.today)
}

// dueToday makes an order due today when nothing says when.
func (f *fresh) dueToday() {
	if f.fields.DueDate == nil {
		f.fields.DueDate = &f.today
	}
}

// check brings the order into its form and notes what is wrong with it.
func (f *fresh) check(p *models.Problems) {
	f.fields.Normalise()
	f.fields.Check(p)
	for i := range f.tasks {
		f.tasks[i].Normalise()
	}
	models.CheckTasks(p, f.tasks)
}

func today(a *models.Account) models.Date {
	return models.Date(models.Now().In(a.Location()).Format(time.DateOnly))
}

// duplicateTries is how often another free number is looked for.
const duplicateTries = 20

// DuplicateOrder makes a new order under id, with the fields and tasks of one that by sees, under the next free number of
// the form {number}__{n}. What its client said of the first is not said of the second. Errors: as of
// [Intake.CreateOrder], and [models.Unavailable] when others took every number meanwhile.
func (in *Intake) DuplicateOrder(ctx context.Context, id string, o *models.WorkOrder, by *models.Member) (*models.WorkOrder, error) {
	db := in.Store.Read(models.InAccount(ctx, by.AccountID))
	tasks, err := models.TasksOf(db, o.ID)
	if err != nil {
		return nil, err
	}
	n := NewOrder{ID: id, Fields: o.WorkOrderFields, WorkType: o.WorkType, Filled: true, By: by}
	n.Fields.Priority, n.Fields.ClientStatus = models.PriorityNormal, ""
	for _, t := range tasks[o.ID] {
		if t.SurveyHash != "" { // the duplicate keeps the form as it is, also when the account's own has changed
			if t.TaskFields.Survey, err = models.TemplateOf(db, t.SurveyHash); err != nil {
				return nil, err
			}
		}
		n.Tasks = append(n.Tasks, t.TaskFields)
	}
	for range duplicateTries {
		if n.Fields.WorkOrderNumber, err = nextDuplicate(db, o); err != nil {
			return nil, err
		}
		made, _, err := in.CreateOrder(ctx, n)
		if models.KindOf(err) != models.Conflict { // another duplicate took the number meanwhile
			return made, err
		}
	}
	return nil, models.Errorf(models.Unavailable, "Other duplicates of this order are just being made: try again.")
}

// nextDuplicate is the first free number of the form {number}__{n}.
func nextDuplicate(db *gorm.DB, o *models.WorkOrder) (string, error) {
	var taken []string
	err := db.Model(&models.WorkOrder{}).Where("client_code = ? AND number LIKE ? ESCAPE '\\' AND NOT hidden", o.ClientCode, escapeLike(o.WorkOrderNumber)+"\\_\\_%").Pluck("number", &taken).Error
	highest := 0
	for _, number := range taken {
		if n, err := strconv.Atoi(strings.TrimPrefix(number, o.WorkOrderNumber+"__")); err == nil {
			highest = max(highest, n)
		}
	}
	return fmt.Sprintf("%s__%d", o.WorkOrderNumber, highest+1), err
}

func escapeLike(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
