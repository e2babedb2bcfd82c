package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"fieldproof/models"
)

// OrderEdit is a change of an order's fields and tasks by a member.
type OrderEdit struct {
	ID      string
	By      *models.Member
	Version *int64                         // for which it was made; nil for whichever stands
	Fields  Change[models.WorkOrderFields] // nil leaves them
	Tasks   []TaskEdit
	// Invoiced sets the mark, which changes no state and is set in every one; nil leaves it.
	Invoiced *bool
	// KeyPhotos replaces what the office chose for the cover; nil leaves it.
	KeyPhotos *[]string
	// Also is called in the transaction of a change, once it is written; nil for nothing.
	Also func(*models.Tx) error
}

// TaskEdit is a change of a task of an order.
type TaskEdit struct {
	ID     string // "" adds one
	Remove bool
	Change Change[models.TaskFields] // begins from an empty one where it adds
}

// may tells who may do it: those who may only add tasks do no more than that, and the cover is whoever's who reviews.
func (e *OrderEdit) may() error {
	if e.KeyPhotos != nil {
		if err := e.By.Need(models.ReviewOrders); err != nil {
			return err
		}
	}
	beside := e.Fields == nil && e.Invoiced == nil
	onlyCover := beside && len(e.Tasks) == 0 && e.KeyPhotos != nil
	onlyAdds := beside && !slices.ContainsFunc(e.Tasks, func(t TaskEdit) bool { return t.ID != "" })
	if onlyCover || (onlyAdds && e.By.May(models.AddTasks)) {
		return nil
	}
	return e.By.Need(models.EditOrders)
}

// EditOrder changes fields and tasks in one transaction, with one event that names what changed. Errors:
// [models.NotFound], [models.Stale] when the order is at another version, [models.Conflict] when it is closed or its new
// number is taken, [models.Forbidden], [models.Invalid].
func (in *Intake) EditOrder(ctx context.Context, e OrderEdit) (order *models.WorkOrder, err error) {
	err = in.write(ctx, e.By, func(tx *models.Tx) error {
		if order, err = orderSeen(tx, e.ID, e.By); err != nil {
			return err
		}
		if err := e.may(); err != nil {
			return err
		}
		if e.Version != nil && *e.Version != order.Version {
			return models.Errorf(models.Stale, "The work order has changed since you read it: it is at version %d. Read it again and repeat.", order.Version)
		}
		if order.Lifecycle.State == models.Closed && (e.Fields != nil || len(e.Tasks) > 0 || e.KeyPhotos != nil || e.Invoiced == nil) {
			return &models.Error{Kind: models.Conflict, Code: models.CodeClosed, Message: "A closed work order is not edited: reopen it first.", State: order.Lifecycle.State, Allowed: order.Lifecycle.Allowed(models.Facts{})}
		}
		made := edited{before: *order, by: handOf(e.By)}
		if made.changed, err = changeFields(order, e.Fields); err != nil {
			return err
		}
		if err := made.changeTasks(tx, order, e.Tasks); err != nil {
			return err
		}
		made.by.news = made.by.news && len(made.changed) > 0 // what is set below is none to whoever is assigned
		if e.Invoiced != nil && *e.Invoiced != order.Invoiced {
			order.Invoiced = *e.Invoiced
			made.changed = append(made.changed, "invoiced")
		}
		if e.KeyPhotos != nil && !slices.Equal(*e.KeyPhotos, order.KeyPhotos) {
			if err := checkKeyPhotos(tx, order, *e.KeyPhotos); err != nil {
				return err
			}
			order.KeyPhotos = *e.KeyPhotos
			made.changed = append(made.changed, "key_photos")
		}
		if len(made.changed) == 0 {
			return nil
		}
		if err := made.save(tx, order); err != nil || e.Also == nil {
			return err
		}
		return e.Also(tx)
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return order, nil
}

// checkKeyPhotos refuses what is no choice for the cover of an order. What becomes of a chosen photo later is no fault: see
// [models.Proof.KeyPair].
func checkKeyPhotos(tx *models.Tx, o *models.WorkOrder, ids []string) error {
	if len(ids) > models.MostKeyPhotos {
		return models.InvalidField("key_photos", "At most %d photos stand on the cover.", models.MostKeyPhotos)
	}
	for n, id := range ids {
		name := fmt.Sprintf("key_photos[%d]", n)
		if slices.Contains(ids[:n], id) {
			return models.InvalidField(name, "The photo is there already.").Coded(models.CodeTaken)
		}
		_, err := models.One[models.Item](tx.Where("id = ? AND work_order_id = ? AND kind = ? AND deleted_at IS NULL", id, o.ID, models.Photo), "photo")
		if models.KindOf(err) == models.NotFound {
			return models.InvalidField(name, "The order has no photo %s.", id).Coded(models.CodeNoSuch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// orderSeen locks an order that the member may see; [models.NotFound] whatever the reason why not.
func orderSeen(tx *models.Tx, id string, by *models.Member) (*models.WorkOrder, error) {
	o, err := tx.OrderForUpdate(id)
	if err == nil && !by.Sees(o) {
		return nil, models.Errorf(models.NotFound, "There is no such work order.")
	}
	return o, err
}

// changeFields applies a change to an order's fields, checks them, and returns the names of those that differ.
func changeFields(o *models.WorkOrder, change Change[models.WorkOrderFields]) ([]string, error) {
	if change == nil {
		return nil, nil
	}
	before, err := json.Marshal(o.WorkOrderFields)
	if err != nil {
		return nil, err
	}
	fields := o.WorkOrderFields
	if err := change(&fields); err != nil {
		return nil, err
	}
	fields.Normalise()
	var problems models.Problems
	fields.Check(&problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	after, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	changed := differing(before, after)
	if o.IntegrationID != nil {
		for _, f := range models.Fields {
			if f.Owner == models.OfIntegration && f.Differs(&o.WorkOrderFields, &fields) {
				problems.Add(f.Name, "This belongs to the integration that the order came by: it changes with the client's own system.").Code = models.CodeFixed
			}
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	o.WorkOrderFields = fields
	return changed, nil
}

// differing lists the members in which two JSON objects differ.
func differing(a, b []byte) []string {
	var before, after map[string]json.RawMessage
	if json.Unmarshal(a, &before) != nil || json.Unmarshal(b, &after) != nil {
		return nil
	}
	var names []string
	for name, v := range after {
		if string(before[name]) != string(v) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, there := after[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// edited is what was made of an order that exists, by whichever edge.
type edited struct {
	before       models.WorkOrder // as it was
	changed      []string         // the names of fields, as history tells them
	tasks, taken []models.Task    // to be written, and to be taken away
	by           hand
	reason       string // why, where more is to be said than who did it
}

// save writes a locked order as it was edited: a new address finds its property, history names what changed, and whoever
// is assigned sees that something did. What it was before is kept for the office.
func (e *edited) save(tx *models.Tx, o *models.WorkOrder) error {
	if err := e.keepChanges(tx, o); err != nil {
		return err
	}
	if o.Address != e.before.Address {
		property, err := tx.PropertyAt(o.AccountID, o.Address, o.Latitude, o.Longitude)
		if err != nil {
			return err
		}
		o.PropertyID = property.ID
	}
	for i := range e.taken {
		if err := tx.Where("id = ?", e.taken[i].ID).Delete(&models.Task{}).Error; err != nil {
			return err
		}
	}
	for i := range e.tasks {
		e.tasks[i].CleanName = models.CleanTaskName(e.tasks[i].Name)
		if err := tx.Save(&e.tasks[i]).Error; err != nil {
			return err
		}
	}
	if err := tx.TakeIn(o.ID, e.tasks...); err != nil {
		return err
	}
	if slices.Contains(e.changed, "client_status") {
		o.StatusBelow = "" // what came last is what those below are told
	}
	if len(e.changed) > 0 {
		if e.by.news && o.HasAssignee() && (o.FieldStatus == models.FieldViewed || o.FieldStatus == models.FieldNew) {
			o.FieldStatus = models.FieldUpdated
		}
		event := e.by.event(models.TypeUpdated)
		event.Details.Fields, event.Reason = e.changed, e.reason
		if err := tx.Record(o, event); err != nil {
			return err
		}
	}
	return tx.SaveOrder(o)
}

func (e *edited) keepChanges(tx *models.Tx, o *models.WorkOrder) error {
	c := models.ChangesOf(o, e.by.id, e.by.name)
	if err := c.AddFields(&e.before.WorkOrderFields); err != nil {
		return err
	}
	if e.before.Invoiced != o.Invoiced {
		if err := c.Add("invoiced", e.before.Invoiced, o.Invoiced); err != nil {
			return err
		}
	}
	if err := c.AddTasks(tx.DB, e.tasks, e.taken); err != nil {
		return err
	}
	return tx.KeepChanges(c)
}

// changeTasks applies changes to the tasks of a locked order, and checks them all.
func (e *edited) changeTasks(tx *models.Tx, o *models.WorkOrder, changes []TaskEdit) error {
	if len(changes) == 0 {
		return nil
	}
	all, err := models.TasksOf(tx.DB, o.ID)
	if err != nil {
		return err
	}
	tasks := all[o.ID]
	for i, c := range changes {
		prefix := fmt.Sprintf("tasks[%d]", i)
		if c.ID == "" {
			t := models.Task{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID}
			if n := len(tasks); n > 0 {
				t.Position = tasks[n-1].Position + 1
			}
			if err := c.Change(&t.TaskFields); err != nil {
				return Within(prefix, err)
			}
			t.Normalise()
			if err := tx.SetSurvey(&t, prefix+"."); err != nil {
				return err
			}
			tasks = append(tasks, t)
			e.tasks = append(e.tasks, t)
			continue
		}
		at := slices.IndexFunc(tasks, func(t models.Task) bool { return t.ID == c.ID })
		if at < 0 {
			return models.InvalidField(prefix+".id", "The order has no task %s; leave the id out to add one.", c.ID).Coded(models.CodeNoSuch)
		}
		if c.Remove {
			if err := taskIsEmpty(tx, tasks[at], prefix); err != nil {
				return err
			}
			e.taken = append(e.taken, tasks[at])
			tasks = slices.Delete(tasks, at, at+1)
			continue
		}
		t := &tasks[at]
		survey := t.SurveyID
		if err := c.Change(&t.TaskFields); err != nil {
			return Within(prefix, err)
		}
		t.Normalise()
		if t.SurveyID != survey || len(t.Survey) > 0 {
			if err := tx.SetSurvey(t, prefix+"."); err != nil {
				return err
			}
		}
		e.tasks = append(e.tasks, *t)
	}
	fields := make([]models.TaskFields, len(tasks))
	for i := range tasks {
		fields[i] = tasks[i].TaskFields
	}
	var problems models.Problems
	models.CheckTasks(&problems, fields)
	e.changed = append(e.changed, "tasks")
	return problems.Err()
}

// Within puts the name of what a refused field stands in before its own.
func Within(prefix string, err error) error {
	var known *models.Error
	if errors.As(err, &known) {
		copied := *known
		copied.Fields = slices.Clone(known.Fields)
		for i := range copied.Fields {
			copied.Fields[i].Field = prefix + "." + copied.Fields[i].Field
		}
		return &copied
	}
	return err
}

func taskIsEmpty(tx *models.Tx, t models.Task, prefix string) error {
	var n int64
	if err := tx.Model(&models.Item{}).Where("task_id = ?", t.ID).Count(&n).Error; err != nil {
		return err
	}
	if n > 0 {
		return &models.Error{Kind: models.Conflict, Message: fmt.Sprintf("The task %q has %d items and stays.", t.Name, n),
			Fields: []models.FieldError{{Field: prefix, Message: "Move its items to another task first."}}}
	}
	return nil
}

// Look notes that a member looked at an order, and returns it as it stands then. Only the first look of whom it is
// assigned to counts.
func (in *Intake) Look(ctx context.Context, o *models.WorkOrder, by *models.Member) (*models.WorkOrder, error) {
	if !o.IsAssignedTo(by.ID) || by.Office() {
		return o, nil
	}
	err := in.write(ctx, by, func(tx *models.Tx) (err error) {
		if o, err = orderSeen(tx, o.ID, by); err != nil {
			return err
		}
		return tx.FirstLook(o, by)
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return o, nil
}
