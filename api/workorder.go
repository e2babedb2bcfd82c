package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

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

// TaskPatch is a task in a merge patch of its order: by id; without one it is added.
type TaskPatch struct {
	ID string `json:"id,omitempty"`
	models.TaskFields
	Remove bool `json:"remove,omitempty"`
}

// WorkOrderPatch is what may be changed of a work order.
type WorkOrderPatch struct {
	models.WorkOrderFields
	Invoiced bool `json:"invoiced"` // a mark of its own: of closed orders too
	// KeyPhotos are the photos on the cover of report, link page and mails, by id: at most two. Without them, or while one of
	// them can't be shown, the first pair stands there. For who reviews.
	KeyPhotos []string    `json:"key_photos"`
	Tasks     []TaskPatch `json:"tasks" merged:"true"`
}

func (s *Server) orderRoutes() []route {
	return []route{
		get("/work-orders", anyMember, "The work orders that you may see, newest first unless said", s.listOrders,
			append([]string{"limit", "cursor", "place", "sort"}, models.OrderFilterNames...)...).named("listWorkOrders"),
		get("/work-orders/counts", anyMember, "How many work orders there are, by the same filters", s.countOrders, append([]string{"by"}, models.OrderFilterNames...)...).named("countWorkOrders"),
		stream(http.MethodGet, "/work-orders/counts.csv", anyMember, "How many work orders there are, by the same filters, as CSV", "text/csv", s.exportCounts,
			append([]string{"by"}, models.OrderFilterNames...)...).named("countWorkOrdersAsCSV"),
		define(http.MethodPost, "/work-orders", with(models.CreateOrders), http.StatusCreated, "Make a work order", s.createOrder),
		get("/work-orders/:id", anyMember, "A work order", func(c *call) (Order, error) {
			o, err := c.order()
			if err != nil {
				return Order{}, err
			}
			return c.show(o)
		}),
		patch[WorkOrderPatch]("/work-orders/:id", anyMember, "Change a work order's fields and tasks", s.patchOrder).matched(),
		remove("/work-orders/:id", with(models.DeleteOrders), "Delete a work order: cancels and hides it, and frees its number", s.deleteOrder),
		define(http.MethodPost, "/work-orders/:id/view", anyMember, http.StatusOK, "Tell that you have looked at it; the assignee's first look counts", s.viewOrder),
		define(http.MethodPost, "/work-orders/:id/duplicate", with(models.CreateOrders), http.StatusCreated, "Make a new order with the same fields and tasks", s.duplicateOrder),
		get("/work-orders/:id/events", anyMember, "The history of a work order, oldest first", s.listEvents),
		get("/work-orders/:id/changes", with(models.ViewOfficeFields), "What its fields were and became, newest first", s.listChanges),
	}
}

// order reads the order of the address when the member may see it: office users see every order of the account, others
// those assigned to them now. Else [models.NotFound], whatever the reason.
func (c *call) order() (*models.WorkOrder, error) { return c.orderOf(c.Param("id")) }

func (c *call) orderOf(id string) (*models.WorkOrder, error) {
	o, err := models.One[models.WorkOrder](c.server.Store.Read(c.ctx()).Where("id = ? AND NOT hidden", id), "work order")
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

// WorkOrderList is a page of work orders, from which the list goes on both ways.
type WorkOrderList struct {
	Items      []models.WorkOrderView `json:"items"`
	NextCursor *string                `json:"next_cursor"`
	PrevCursor *string                `json:"prev_cursor"`
}

func (s *Server) listOrders(c *call) (WorkOrderList, error) {
	page := WorkOrderList{Items: []models.WorkOrderView{}}
	ask, at, err := c.orderQuery()
	if err != nil {
		return page, err
	}
	db := s.Store.Read(c.ctx())
	found, err := models.ListOrders(db, ask, c.member)
	if err != nil {
		return page, err
	}
	if ask.IDs == nil {
		page.NextCursor, page.PrevCursor = at.around(ask, found)
	}
	views, err := models.ViewOrdersFor(db, c.member, found.Orders...)
	page.Items = append(page.Items, views...)
	return page, err
}

// around are the cursors by which a list goes on behind a page, and before it.
func (at cursor) around(ask models.OrderQuery, page *models.OrderPage) (next, prev *string) {
	end := func(p models.OrderPosition, back bool) *string {
		at := cursor{List: at.List, After: p.Word, Before: p.Seq, Back: back}
		if !p.At.IsZero() {
			at.At = &p.At
		}
		return at.text()
	}
	empty := page.First.Seq == 0
	switch {
	case empty && (ask.Back || (ask.From == nil && ask.Place == 0)): // nothing there at all, or nothing before
	case empty:
		prev = cursor{List: at.List, Back: true}.text() // from the end
	case ask.Back:
		next = end(page.Last, false)
		if page.More {
			prev = end(page.First, true)
		}
	default:
		if page.More {
			next = end(page.Last, false)
		}
		if ask.From != nil || ask.Place > 0 {
			prev = end(page.First, true)
		}
	}
	return next, prev
}

// orderQuery reads what a list of orders is asked for.
func (c *call) orderQuery() (ask models.OrderQuery, at cursor, err error) {
	if err := c.knownQuery(); err != nil {
		return ask, at, err
	}
	if ask.Limit, at, err = c.page(); err != nil {
		return ask, at, err
	}
	if ask.OrderFilter, err = c.filter(); err != nil {
		return ask, at, err
	}
	if ask.IDs != nil && c.Query("limit") == "" {
		ask.Limit = maxLimit
	}
	if ask.Sort, err = models.ReadOrderSort(c.Query("sort")); err != nil {
		return ask, at, err
	}
	if ask.Place, err = c.number("place", 0); err != nil {
		return ask, at, err
	}
	if ask.Place > math.MaxInt32 {
		return ask, at, badParameter("place", "No list is that long.")
	}
	if ask.Back = at.Back; at.Before > 0 {
		ask.From = &models.OrderPosition{Seq: at.Before, Word: at.After}
		if at.At != nil {
			ask.From.At = *at.At
		}
	}
	if c.Query("cursor") != "" && c.Query("place") != "" {
		return ask, at, badParameter("place", "Give a place or a cursor, not both.")
	}
	return ask, at, nil
}

// filter reads the filters of a list of orders.
func (c *call) filter() (models.OrderFilter, error) {
	return models.ReadOrderFilter(c.server.Store.Read(c.ctx()), c.member, c.Request.URL.Query())
}

func (s *Server) countOrders(c *call) (*models.OrderCounts, error) {
	if err := c.knownQuery(); err != nil {
		return nil, err
	}
	filter, err := c.filter()
	if err != nil {
		return nil, err
	}
	return models.CountOrders(s.Store.Read(c.ctx()), filter, c.Query("by"), c.member)
}

func (s *Server) createOrder(c *call, in NewWorkOrder) (Order, error) {
	// Who makes an order may keep it for themselves, as a phone does.
	if in.Assignee != "" && models.UsernameKey(in.Assignee) != models.UsernameKey(c.member.Username) {
		if err := c.may(models.AssignOrders); err != nil {
			return Order{}, err
		}
	}
	o, actionID, err := s.Intake.CreateOrder(c.ctx(), intake.NewOrder{ID: c.newID("work order"), Fields: in.WorkOrderFields, Tasks: in.Tasks, Assignee: in.Assignee, WorkType: in.WorkType, By: c.member})
	if err != nil {
		return Order{}, err
	}
	if actionID != "" {
		if err := s.Actions.AssignAtCreation(c.ctx(), o, actionID); err != nil {
			// The order and its assignment are durable: they go on by themselves.
			s.Log.Warn("a new order's assignment has not been answered yet", "order", o.ID, "error", err)
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
	if o, err = s.Intake.Look(c.ctx(), o, c.member); err != nil {
		return Order{}, err
	}
	return c.show(o)
}

func (s *Server) duplicateOrder(c *call, _ nothing) (Order, error) {
	o, err := c.order()
	if err != nil {
		return Order{}, err
	}
	made, err := s.Intake.DuplicateOrder(c.ctx(), c.newID("work order"), o, c.member)
	if err != nil {
		return Order{}, err
	}
	c.Header("Location", "/api/v1/work-orders/"+made.ID)
	return c.reread(made.ID)
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
	if err != nil {
		return page, err
	}
	users, err := models.PeopleOfRows(s.Store.Read(c.ctx()), events, func(e *models.HistoryEvent) string { return e.ActorID })
	for i, e := range events {
		if i == limit {
			at.Before = events[limit-1].Sequence
			page.NextCursor = at.text()
			break
		}
		view := e.View()
		view.ActorName = users.Called(e.ActorID, e.Actor)
		page.Items = append(page.Items, view)
	}
	return page, err
}

// listChanges shows the office what stood in the fields of an order before.
func (s *Server) listChanges(c *call) (list[models.FieldChangeView], error) {
	page := list[models.FieldChangeView]{Items: []models.FieldChangeView{}}
	o, err := c.order()
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	rows, next, err := newest(s.Store.Read(c.ctx()).Where("work_order_id = ?", o.ID), "id", limit, at, func(r *models.FieldChange) int64 { return r.ID })
	if err != nil {
		return page, err
	}
	users, err := models.PeopleOfRows(s.Store.Read(c.ctx()), rows, func(r *models.FieldChange) string { return r.ActorID })
	for i := range rows {
		page.Items = append(page.Items, rows[i].View(users))
	}
	page.NextCursor = next
	return page, err
}

// ifMatch reads the version that the request was made for; nil without one.
func (c *call) ifMatch() (*int64, error) {
	if !c.route.ifMatch {
		return nil, fmt.Errorf("the route %s %s reads If-Match and is not marked so", c.route.method, c.route.path)
	}
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

// patchOrder reads a patch of fields and tasks: tasks are merged by id.
func (s *Server) patchOrder(c *call, patch mergePatch) (Order, error) {
	o, err := c.order()
	if err != nil {
		return Order{}, err
	}
	edit := intake.OrderEdit{ID: o.ID, By: c.member}
	if edit.Version, err = c.ifMatch(); err != nil {
		return Order{}, err
	}
	rest, tasks, err := splitPatch(patch)
	if err != nil {
		return Order{}, err
	}
	if raw, there := rest["invoiced"]; there {
		edit.Invoiced = new(bool) // null takes the mark away
		if json.Unmarshal(raw, edit.Invoiced) != nil {
			return Order{}, models.InvalidField("invoiced", "Want true or false.").Coded(models.CodeWrongType)
		}
		delete(rest, "invoiced")
	}
	if raw, there := rest["key_photos"]; there {
		edit.KeyPhotos = new([]string) // null takes the choice away
		if json.Unmarshal(raw, edit.KeyPhotos) != nil {
			return Order{}, models.InvalidField("key_photos", "Want a list of ids of photos.").Coded(models.CodeWrongType)
		}
		delete(rest, "key_photos")
	}
	if len(rest) > 0 {
		text, err := json.Marshal(rest)
		if err != nil {
			return Order{}, err
		}
		var blank models.WorkOrderFields // what fits no order is refused before the write begins
		if err := merge(&blank, text); err != nil {
			return Order{}, err
		}
		edit.Fields = func(f *models.WorkOrderFields) error { return merge(f, text) }
	}
	for i, raw := range tasks {
		t, err := patchTask(raw)
		if err != nil {
			return Order{}, intake.Within(fmt.Sprintf("tasks[%d]", i), err)
		}
		edit.Tasks = append(edit.Tasks, t)
	}
	if o, err = s.Intake.EditOrder(c.ctx(), edit); err != nil {
		return Order{}, err
	}
	return c.reread(o.ID)
}

func patchTask(raw json.RawMessage) (intake.TaskEdit, error) {
	var given TaskPatch
	if err := decode(raw, &given); err != nil {
		return intake.TaskEdit{}, err
	}
	return intake.TaskEdit{ID: given.ID, Remove: given.Remove, Change: func(f *models.TaskFields) error {
		merged := TaskPatch{TaskFields: *f}
		err := merge(&merged, mergePatch(raw))
		*f = merged.TaskFields
		return err
	}}, nil
}

// mostTaskEdits is enough to replace all the tasks of the largest order.
const mostTaskEdits = 1000

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
			problems.Add(name, "This is not edited: use the routes %s.", route).Code = models.CodeFixed
		}
	}
	if err := problems.Err(); err != nil {
		return nil, nil, err
	}
	if raw, there := rest["tasks"]; there {
		if err := json.Unmarshal(raw, &tasks); err != nil {
			return nil, nil, models.InvalidField("tasks", "Want a list of tasks.")
		}
		if len(tasks) > mostTaskEdits {
			return nil, nil, models.InvalidField("tasks", "A request edits at most %d tasks: send it as several.", mostTaskEdits)
		}
		delete(rest, "tasks")
	}
	return rest, tasks, nil
}
