package api

import (
	"net/http"
	"unicode/utf8"

	"fieldproof/models"
)

// Assignment asks for an order to be assigned.
type Assignment struct {
	Assignee string `json:"assignee" required:"true" example:"~all~"`
}

// Completion says that the work is done, and when it was if the phone was offline then.
type Completion struct {
	Reason string       `json:"reason,omitempty"`
	DoneAt *models.Time `json:"done_at,omitempty"`
}

// Approval takes what is there. Photos that are still on phones are waited for unless it says otherwise.
type Approval struct {
	Reason         string `json:"reason,omitempty"`
	WithoutAwaited bool   `json:"without_awaited,omitempty"`
}

// Reason says why an order moves.
type Reason struct {
	Reason string `json:"reason,omitempty"`
}

// Rejection sends an order back for rework, as a whole or for single items.
type Rejection struct {
	Reason  string   `json:"reason" required:"true" example:"The back gate is missing."`
	ItemIDs []string `json:"item_ids,omitempty"`
}

// Publishing releases items to destinations; without ids everything to everyone.
type Publishing struct {
	DestinationIDs []string `json:"destination_ids,omitempty"`
	ItemIDs        []string `json:"item_ids,omitempty"`
	Reason         string   `json:"reason,omitempty"`
}

func (s *Server) transitionRoutes() []route {
	because := func(event models.Event, summary string) route {
		return define(http.MethodPost, "/work-orders/:id/"+string(event), with(event.Needs()), http.StatusOK, summary, func(c *call, in Reason) (Order, error) {
			return c.transition(event, models.ActionParameters{Reason: in.Reason})
		}).matched()
	}
	return []route{
		define(http.MethodPost, "/work-orders/:id/assign", with(models.Assign.Needs()), http.StatusOK, "Assign to a user, or to ~all~", func(c *call, in Assignment) (Order, error) {
			if in.Assignee == "" {
				return Order{}, models.InvalidField("assignee", "Give a username, or %s for everybody.", models.AssignToAll).Coded(models.CodeRequired)
			}
			return c.transition(models.Assign, models.ActionParameters{Assignee: in.Assignee})
		}).matched(),
		because(models.Unassign, "Take it from its assignee"),
		define(http.MethodPost, "/work-orders/:id/complete", with(models.Complete.Needs()), http.StatusOK, "Complete it; refused with a list of what is missing. Photos that you have announced count", func(c *call, in Completion) (Order, error) {
			return c.transition(models.Complete, models.ActionParameters{Reason: in.Reason, DoneAt: in.DoneAt})
		}).matched(),
		define(http.MethodPost, "/work-orders/:id/approve", with(models.Approve.Needs()), http.StatusOK, "Approve it with every item that is there; refused while photos are awaited", func(c *call, in Approval) (Order, error) {
			return c.transition(models.Approve, models.ActionParameters{Reason: in.Reason, WithoutAwaited: in.WithoutAwaited})
		}).matched(),
		because(models.Unapprove, "Take the approval back, while nothing of it was published"),
		define(http.MethodPost, "/work-orders/:id/reject", with(models.Reject.Needs()), http.StatusOK, "Send it back for rework", func(c *call, in Rejection) (Order, error) {
			return c.transition(models.Reject, models.ActionParameters{Reason: in.Reason, ItemIDs: in.ItemIDs})
		}).matched(),
		define(http.MethodPost, "/work-orders/:id/publish", with(models.Publish.Needs()), http.StatusOK, "Release its items to destinations", func(c *call, in Publishing) (Order, error) {
			return c.transition(models.Publish, models.ActionParameters{Reason: in.Reason, ItemIDs: in.ItemIDs, DestinationIDs: in.DestinationIDs})
		}).matched(),
		because(models.Cancel, "Cancel it"),
		because(models.Reopen, "Reopen it: back to the state before it was cancelled or closed"),
		because(models.Close, "Close it, for the archive"),
		define(http.MethodPost, "/work-orders/:id/restore", with(models.Restore.Needs()), http.StatusOK, "Bring a deleted order back, while its number is free", s.restoreOrder),
	}
}

// transition moves the order of the address, and answers with it as it stands then.
func (c *call) transition(event models.Event, p models.ActionParameters) (Order, error) {
	o, err := c.order()
	if err != nil {
		return Order{}, err
	}
	if p.IfMatch, err = c.ifMatch(); err != nil {
		return Order{}, err
	}
	if err := c.act(o, event, p); err != nil {
		return Order{}, err
	}
	return c.reread(o.ID)
}

func (c *call) act(o *models.WorkOrder, event models.Event, p models.ActionParameters) error {
	if utf8.RuneCountInString(p.Reason) > 10_000 {
		return models.InvalidField("reason", "At most 10000 characters.")
	}
	if len(p.ItemIDs) > 10_000 || len(p.DestinationIDs) > 1000 {
		return models.InvalidField("item_ids", "At most 10000 items and 1000 destinations at once.")
	}
	a := &models.Action{ID: c.actionID(), AccountID: o.AccountID, WorkOrderID: o.ID, Event: event, Parameters: p, ActorID: c.member.ID}
	return c.server.Actions.Act(c.ctx(), o, a)
}

func (s *Server) restoreOrder(c *call, _ nothing) (Order, error) {
	o, err := models.One[models.WorkOrder](s.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "work order")
	if err != nil {
		return Order{}, err
	}
	if err := c.act(o, models.Restore, models.ActionParameters{}); err != nil {
		return Order{}, err
	}
	return c.reread(o.ID)
}
