package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"fieldproof/intake"
	"fieldproof/models"
)

// Order is a work order as the API answers it; its ETag is its version.
type Order struct{ models.WorkOrderView }

func (o Order) etag() string { return fmt.Sprintf(`"%d"`, o.Version) }

// NewWorkOrder is a work order to be made (contract: create).
type NewWorkOrder struct {
	models.WorkOrderFields
	Tasks    []models.TaskFields `json:"tasks"`
	Assignee string              `json:"assignee,omitempty"`
	WorkType string              `json:"work_type,omitempty"`
}

// PatchedTask is a task in a merge patch of its order: by id; without one it is added.
type PatchedTask struct {
	ID string `json:"id,omitempty"`
	models.TaskFields
	Remove bool `json:"remove,omitempty"`
}

// WorkOrderPatch is what may be changed of a work order.
type WorkOrderPatch struct {
	models.WorkOrderFields
	Tasks []PatchedTask `json:"tasks"`
}

func (s *Server) orderRoutes() []route {
	return []route{
		get("/work-orders", anyMember, "The work orders that you may see, newest first", s.listOrders,
			"state", "assignee", "client_code", "priority", "due_from", "due_to", "property_id", "q"),
		define(http.MethodPost, "/work-orders", with(models.CreateOrders), http.StatusCreated, "Make a work order", s.createOrder),
		get("/work-orders/:id", anyMember, "A work order", func(c *call) (Order, error) {
			o, err := c.order()
			if err != nil {
				return Order{}, err
			}
			return c.show(o)
		}),
		patch[WorkOrderPatch]("/work-orders/:id", anyMember, "Change a work order's fields and tasks", s.patchOrder),
		remove("/work-orders/:id", with(models.DeleteOrders), "Delete a work order: cancels and hides it, and frees its number", s.deleteOrder),
		define(http.MethodPost, "/work-orders/:id/view", anyMember, http.StatusOK, "Tell that you have looked at it; the assignee's first look counts", s.viewOrder),
		define(http.MethodPost, "/work-orders/:id/duplicate", with(models.CreateOrders), http.StatusCreated, "Make a new order with the same fields and tasks", s.duplicateOrder),
		get("/work-orders/:id/events", anyMember, "The history of a work order, oldest first", s.listEvents),
	}
}

// order reads the order of the address when the member may see it: office users see every order of the account, others
// those assigned to them now. Else [models.NotFound], whatever the reason.
func (c *call) order() (*models.WorkOrder, error) {
	o, err := models.One[models.WorkOrder](c.server.Store.Read(c.ctx()).Where("id = ? AND NOT hidden", c.Param("id")), "work order")
	if err != nil {
		return nil, err
	}
	if !c.member.Sees(o) {
		return nil, models.Errorf(models.NotFound, "There is no such work order.")
	}
	return o, nil
}

// show makes the view that the member may see.
func (c *call) show(o *models.WorkOrder) (Order, error) {
	views, err := models.ViewOrders(c.server.Store.Read(c.ctx()), o)
	if err != nil {
		return Order{}, err
	}
	return Order{views[0].For(c.member.Audience())}, nil
}

// reread shows the order as it stands now.
func (c *call) reread(id string) (Order, error) {
	o, err := models.One[models.WorkOrder](c.server.Store.Read(c.ctx()).Where("id = ?", id), "work order")
	if err != nil {
		return Order{}, err
	}
	return c.show(o)
}

func (s *Server) listOrders(c *call) (list[models.WorkOrderView], error) {
	page := list[models.WorkOrderView]{Items: []models.WorkOrderView{}}
	if err := c.knownQuery(); err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	filter, none, err := c.filter()
	if err != nil || none {
		return page, err
	}
	filter.Limit, filter.Before = limit+1, at.Before
	db := s.Store.Read(c.ctx())
	orders, err := models.ListOrders(db, filter, c.member)
	if err != nil {
		return page, err
	}
	if len(orders) > limit {
		orders = orders[:limit]
		at.Before = orders[limit-1].Seq
		page.NextCursor = at.text()
	}
	views, err := models.ViewOrders(db, orders...)
	for _, v := range views {
		page.Items = append(page.Items, v.For(c.member.Audience()))
	}
	return page, err
}

// filter reads the filters of a list of orders. none: they can't select anything.
func (c *call) filter() (f models.OrderFilter, none bool, err error) {
	var problems models.Problems
	for _, text := range splitList(c.QueryArray("state")) {
		if !slices.Contains(models.States, models.State(text)) {
			problems.Add("state", "%q is no state; choose from %v.", text, models.States)
		}
		f.States = append(f.States, models.State(text))
	}
	if code, ok := c.GetQuery("client_code"); ok {
		f.ClientCode = &code
	}
	if f.Priority = c.Query("priority"); f.Priority != "" && !slices.Contains([]string{models.PriorityNormal, models.PriorityRush, models.PriorityRework}, f.Priority) {
		problems.Add("priority", "Choose normal, rush or rework.")
	}
	f.Query, f.PropertyID = c.Query("q"), c.Query("property_id")
	for name, to := range map[string]**models.Date{"due_from": &f.DueFrom, "due_to": &f.DueTo} {
		if text := c.Query(name); text != "" {
			d, err := models.ParseDate(text)
			if err != nil {
				problems.Add(name, "%v", err)
			}
			*to = &d
		}
	}
	if len(problems) > 0 {
		return f, false, &models.Error{Kind: models.Malformed, Message: "A filter can't be taken.", Fields: problems}
	}
	switch name, asked := c.GetQuery("assignee"); {
	case !asked:
	case name == "":
		f.Unassigned = true
	case name == models.AssignToAll:
		f.ToAll = true
	default:
		user, err := models.One[models.User](c.server.Store.Read(c.ctx()).Where("username_key = ?", models.UsernameKey(name)), "user")
		if models.KindOf(err) == models.NotFound {
			return f, true, nil
		}
		if err != nil {
			return f, false, err
		}
		f.AssigneeID = &user.ID
	}
	return f, false, nil
}

func splitList(values []string) []string {
	var parts []string
	for _, v := range values {
		for _, p := range strings.Split(v, ",") {
			if p = strings.TrimSpace(p); p != "" {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

func (s *Server) createOrder(c *call, in NewWorkOrder) (Order, error) {
	if in.Assignee != "" {
		if err := c.may(models.AssignOrders); err != nil {
			return Order{}, err
		}
	}
	return c.makeOrder(intake.NewOrder{ID: c.newID("work order"), Fields: in.WorkOrderFields, Tasks: in.Tasks, Assignee: in.Assignee, WorkType: in.WorkType, By: c.member})
}

func (c *call) makeOrder(n intake.NewOrder) (Order, error) {
	o, actionID, err := c.server.Intake.CreateOrder(c.ctx(), n)
	if err != nil {
		return Order{}, err
	}
	if actionID != "" {
		if err := c.server.Actions.AssignAtCreation(c.ctx(), o, actionID); err != nil {
			// The order and its assignment are durable: they go on by themselves.
			c.server.Log.Warn("a new order's assignment has not been answered yet", "order", o.ID, "error", err)
		}
	}
	c.Header("Location", "/api/v1/work-orders/"+o.ID)
	return c.reread(o.ID)
}

func (s *Server) deleteOrder(c *call) error {
	o, err := models.One[models.WorkOrder](s.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "work order")
	if err != nil {
		return err
	}
	if o.Lifecycle.Hidden {
		return nil // asked again
	}
	if !c.member.Sees(o) {
		return models.Errorf(models.NotFound, "There is no such work order.")
	}
	refused := c.act(o, models.Delete, models.ActionParameters{})
	if models.KindOf(refused) != models.Conflict {
		return refused
	}
	// Another try of the same was first?
	if o, err = models.One[models.WorkOrder](s.Store.Read(c.ctx()).Where("id = ?", o.ID), "work order"); err != nil || o.Lifecycle.Hidden {
		return err
	}
	return refused
}

func (s *Server) viewOrder(c *call, _ nothing) (Order, error) {
	o, err := c.order()
	if err != nil {
		return Order{}, err
	}
	if !o.IsAssignedTo(c.member.ID) || c.member.Office() {
		return c.show(o)
	}
	err = s.Store.Write(c.ctx(), func(tx *models.Tx) error {
		o, err = tx.OrderForUpdate(o.ID)
		if err != nil {
			return err
		}
		return tx.FirstLook(o, c.member)
	})
	if err != nil {
		return Order{}, err
	}
	s.Intake.Bells.Poke()
	return c.show(o)
}

func (s *Server) duplicateOrder(c *call, _ nothing) (Order, error) {
	o, err := c.order()
	if err != nil {
		return Order{}, err
	}
	tasks, err := models.TasksOf(s.Store.Read(c.ctx()), o.ID)
	if err != nil {
		return Order{}, err
	}
	n := intake.NewOrder{ID: c.newID("work order"), Fields: o.WorkOrderFields, WorkType: o.WorkType, Filled: true, By: c.member}
	n.Fields.Priority, n.Fields.ClientStatus = models.PriorityNormal, ""
	for _, t := range tasks[o.ID] {
		if t.SurveyHash != "" { // the duplicate keeps the form as it is, also when the account's own has changed
			if t.TaskFields.Survey, err = models.TemplateOf(s.Store.Read(c.ctx()), t.SurveyHash); err != nil {
				return Order{}, err
			}
		}
		n.Tasks = append(n.Tasks, t.TaskFields)
	}
	for range 20 {
		if n.Fields.WorkOrderNumber, err = s.nextDuplicate(c, o); err != nil {
			return Order{}, err
		}
		made, err := c.makeOrder(n)
		if models.KindOf(err) != models.Conflict { // another duplicate took the number meanwhile
			return made, err
		}
	}
	return Order{}, models.Errorf(models.Unavailable, "Other duplicates of this order are just being made: try again.")
}

// nextDuplicate finds the first free number of the form {number}__{n}.
func (s *Server) nextDuplicate(c *call, o *models.WorkOrder) (string, error) {
	var taken []string
	err := s.Store.Read(c.ctx()).Model(&models.WorkOrder{}).Where("client_code = ? AND number LIKE ? ESCAPE '\\' AND NOT hidden", o.ClientCode, escapeLike(o.WorkOrderNumber)+"\\_\\_%").Pluck("number", &taken).Error
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

func (s *Server) listEvents(c *call) (list[models.EventView], error) {
	page := list[models.EventView]{Items: []models.EventView{}}
	o, err := c.order()
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	var events []models.HistoryEvent
	err = s.Store.Read(c.ctx()).Where("work_order_id = ? AND sequence > ?", o.ID, at.Before).Order("sequence").Limit(limit + 1).Find(&events).Error
	for i, e := range events {
		if i == limit {
			at.Before = events[limit-1].Sequence
			page.NextCursor = at.text()
			break
		}
		page.Items = append(page.Items, e.View())
	}
	return page, err
}

// ifMatch reads the version that the request was made for; nil without one.
func (c *call) ifMatch() (*int64, error) {
	text := strings.TrimSpace(c.GetHeader("If-Match"))
	if text == "" || text == "*" {
		return nil, nil
	}
	version, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(text, "W/"), `"`), 10, 64)
	if err != nil {
		return nil, models.Errorf(models.Stale, "If-Match %s fits no version of the work order: give the ETag that it came with.", text)
	}
	return &version, nil
}

// patchOrder edits fields and tasks in one transaction, with one event that names what changed.
func (s *Server) patchOrder(c *call, patch mergePatch) (Order, error) {
	o, err := c.order()
	if err != nil {
		return Order{}, err
	}
	want, err := c.ifMatch()
	if err != nil {
		return Order{}, err
	}
	rest, tasks, err := splitPatch(patch)
	if err != nil {
		return Order{}, err
	}
	if err := c.mayPatch(rest, tasks); err != nil {
		return Order{}, err
	}
	err = s.Store.Write(c.ctx(), func(tx *models.Tx) error {
		if o, err = tx.OrderForUpdate(o.ID); err != nil {
			return err
		}
		if want != nil && *want != o.Version {
			return models.Errorf(models.Stale, "The work order has changed since you read it: it is at version %d. Read it again and repeat.", o.Version)
		}
		if o.Lifecycle.State == models.Closed {
			return &models.Error{Kind: models.Conflict, Message: "A closed work order is not edited: reopen it first.", State: o.Lifecycle.State, Allowed: o.Lifecycle.Allowed(models.Facts{})}
		}
		changed, err := c.mergeOrder(tx, o, rest, tasks)
		if err != nil || len(changed) == 0 {
			return err
		}
		if o.HasAssignee() && (o.FieldStatus == models.FieldViewed || o.FieldStatus == models.FieldNew) && c.member.Office() {
			o.FieldStatus = models.FieldUpdated
		}
		e := &models.HistoryEvent{Type: models.TypeUpdated, ActorID: c.member.ID, Actor: c.member.Username, Details: models.EventDetails{Fields: changed}}
		if err := tx.Record(o, e); err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	if err != nil {
		return Order{}, err
	}
	s.Intake.Bells.Poke()
	return c.reread(o.ID)
}

// splitPatch takes the tasks out of a patch: they are merged by id, not replaced.
func splitPatch(patch mergePatch) (rest map[string]json.RawMessage, tasks []json.RawMessage, err error) {
	names, err := members(patch)
	if err != nil {
		return nil, nil, err
	}
	rest = map[string]json.RawMessage{}
	if len(names) > 0 {
		if err := json.Unmarshal(patch, &rest); err != nil {
			return nil, nil, err
		}
	}
	var problems models.Problems
	for name, route := range map[string]string{"state": "complete, approve and the like", "assignee": "assign and unassign"} {
		if _, there := rest[name]; there {
			problems.Add(name, "This is not edited: use the routes %s.", route)
		}
	}
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	if raw, there := rest["tasks"]; there {
		if err := json.Unmarshal(raw, &tasks); err != nil {
			return nil, nil, models.InvalidField("tasks", "Want a list of tasks.")
		}
		delete(rest, "tasks")
	}
	return rest, tasks, nil
}

// mayPatch lets those who may only add tasks do no more than that.
func (c *call) mayPatch(rest map[string]json.RawMessage, tasks []json.RawMessage) error {
	if c.member.May(models.EditOrders) {
		return nil
	}
	if err := c.may(models.AddTasks); err != nil {
		return c.may(models.EditOrders)
	}
	if len(rest) > 0 {
		return c.may(models.EditOrders)
	}
	for _, raw := range tasks {
		var t struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &t) == nil && t.ID != "" {
			return c.may(models.EditOrders)
		}
	}
	return nil
}

func (c *call) mergeOrder(tx *models.Tx, o *models.WorkOrder, rest map[string]json.RawMessage, tasks []json.RawMessage) (changed []string, err error) {
	before, err := json.Marshal(o.WorkOrderFields)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return nil, err
	}
	fields := o.WorkOrderFields
	if err := merge(&fields, text); err != nil {
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
	changed = differing(before, after)
	if err := ownedByIntegration(o, &fields); err != nil {
		return nil, err
	}
	moved := fields.Address != o.Address
	o.WorkOrderFields = fields
	if moved {
		property, err := tx.PropertyAt(o.AccountID, o.Address, o.Latitude, o.Longitude)
		if err != nil {
			return nil, err
		}
		o.PropertyID = property.ID
	}
	taskChanges, err := mergeTasks(tx, o, tasks)
	if taskChanges {
		changed = append(changed, "tasks")
	}
	return changed, err
}

// ownedByIntegration refuses what only the integration of an order writes.
func ownedByIntegration(o *models.WorkOrder, fields *models.WorkOrderFields) error {
	if o.IntegrationID == nil {
		return nil
	}
	var problems models.Problems
	for _, f := range models.Fields {
		if f.Owner == models.OfIntegration && f.Differs(&o.WorkOrderFields, fields) {
			problems.Add(f.Name, "This belongs to the integration that the order came by: it changes with the client's own system.")
		}
	}
	return problems.Err()
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

func mergeTasks(tx *models.Tx, o *models.WorkOrder, patches []json.RawMessage) (bool, error) {
	if len(patches) == 0 {
		return false, nil
	}
	all, err := models.TasksOf(tx.DB, o.ID)
	if err != nil {
		return false, err
	}
	tasks := all[o.ID]
	var save, removed []models.Task
	for i, raw := range patches {
		prefix := fmt.Sprintf("tasks[%d]", i)
		var p PatchedTask
		if err := decode(raw, &p); err != nil {
			return false, prefixed(prefix, err)
		}
		if p.ID == "" {
			p.TaskFields.Normalise()
			t := models.Task{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, TaskFields: p.TaskFields}
			if err := tx.SetSurvey(&t, prefix+"."); err != nil {
				return false, err
			}
			if n := len(tasks); n > 0 {
				t.Position = tasks[n-1].Position + 1
			}
			tasks = append(tasks, t)
			save = append(save, t)
			continue
		}
		at := slices.IndexFunc(tasks, func(t models.Task) bool { return t.ID == p.ID })
		if at < 0 {
			return false, models.InvalidField(prefix+".id", "The order has no task %s; leave the id out to add one.", p.ID)
		}
		if p.Remove {
			if err := taskIsEmpty(tx, tasks[at], prefix); err != nil {
				return false, err
			}
			removed = append(removed, tasks[at])
			tasks = slices.Delete(tasks, at, at+1)
			continue
		}
		merged := PatchedTask{ID: p.ID, TaskFields: tasks[at].TaskFields}
		if err := merge(&merged, mergePatch(raw)); err != nil {
			return false, prefixed(prefix, err)
		}
		merged.TaskFields.Normalise()
		otherSurvey := merged.SurveyID != tasks[at].SurveyID || len(merged.Survey) > 0
		tasks[at].TaskFields = merged.TaskFields
		if otherSurvey {
			if err := tx.SetSurvey(&tasks[at], prefix+"."); err != nil {
				return false, err
			}
		}
		save = append(save, tasks[at])
	}
	fields := make([]models.TaskFields, len(tasks))
	for i := range tasks {
		fields[i] = tasks[i].TaskFields
	}
	var problems models.Problems
	models.CheckTasks(&problems, fields)
	if err := problems.Err(); err != nil {
		return false, err
	}
	for _, t := range removed {
		if err := tx.Where("id = ?", t.ID).Delete(&models.Task{}).Error; err != nil {
			return false, err
		}
	}
	for _, t := range save {
		t.CleanName = models.CleanTaskName(t.Name)
		if err := tx.Save(&t).Error; err != nil {
			return false, err
		}
	}
	return true, nil
}

func prefixed(prefix string, err error) error {
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

// names maps the uploaders of items to their usernames.
func names(db *gorm.DB, items []*models.Item) (map[string]string, error) {
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.UploadedBy
	}
	return models.Usernames(db, ids)
}
