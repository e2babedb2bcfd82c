package intake

import (
	"strings"

	"fieldproof/models"
)

// finished tells whether the row comes in as history.
func (t *taking) finished() bool {
	status, known := t.status()
	return t.src.File && known && status.Finished()
}

// asHistory makes an order that was finished elsewhere: closed, and reopening leads to where it was.
func (t *taking) asHistory(o *models.WorkOrder, status models.WireStatus, assignee string) error {
	switch {
	case assignee == models.AssignToAll:
		o.AssignedToAll = true
	case assignee != "":
		u, err := t.user(assignee)
		if err != nil {
			return err
		}
		o.AssigneeID = &u.ID
	case t.in.Assignee != nil:
		o.AssignedName = strings.TrimSpace(*t.in.Assignee)
	}
	o.ImportedStatus = string(status)
	o.Lifecycle = models.Lifecycle{State: models.Closed, Version: 1, BeforeClosed: status.Before()}
	if status == models.WireCanceled {
		o.Lifecycle.BeforeCancelled = models.Created
	}
	if t.in.FieldStatus != nil {
		if s, ok := models.ParseFieldStatus(*t.in.FieldStatus); ok {
			o.FieldStatus = s
		}
	}
	return nil
}

// statusAtCreation reads the status of an order that is new: what it may mean depends on where it comes from.
func (t *taking) statusAtCreation(fields *models.WorkOrderFields) models.WireStatus {
	status, known := t.status()
	if !known {
		return ""
	}
	switch status {
	case models.WireRush:
		fields.Priority = models.PriorityRush
	case models.WireRework:
		fields.Priority = models.PriorityRework
	case models.WireCanceled, models.WireInvoiced:
	case models.WireUnassigned, models.WireAssigned:
		if !t.src.File {
			t.ineffective(status)
		}
	default:
		if !t.src.File {
			t.ineffective(status)
		}
	}
	return status
}

func (t *taking) ineffective(status models.WireStatus) {
	if t.in.Share != nil {
		return // how far the order is, and no wish
	}
	t.warn("status", "The status %s changes nothing here: only RUSH, REWORK and CANCELED do.", status)
}

// status reads what the order says of its status; false when it says nothing that is known.
func (t *taking) status() (models.WireStatus, bool) {
	if t.in.Status == nil || strings.TrimSpace(*t.in.Status) == "" {
		return "", false
	}
	status, known := models.ParseWireStatus(*t.in.Status)
	if !known {
		t.warn("status", "%q is no status that is known here: it changes nothing.", *t.in.Status)
	}
	return status, known
}

// act is an action that a status asks for.
type act struct {
	event      models.Event
	parameters models.ActionParameters
}

// takeStatus finds out what a status does: it acts only when it differs from the one that the source sent last, so that a
// pull which says REWORK every night reopens nothing.
func (t *taking) takeStatus(o *models.WorkOrder, memory *models.ReceivedOrder, shared bool) ([]act, error) {
	status, known := t.status()
	state := o.Lifecycle.State
	var acts []act
	if t.revived(memory) {
		var err error
		if acts, state, err = t.revive(o, shared); err != nil {
			return nil, err
		}
	}
	if r := t.rejection(memory, status); r != nil {
		rejects, err := t.reject(o, r, state, shared)
		return append(acts, rejects...), err
	}
	if !known || (status == models.WireRework && t.in.Share != nil && t.in.Share.Rejection != nil) {
		return acts, nil // a rejection acts by its id, once
	}
	more, err := t.act(o, memory, status, state, shared)
	return append(acts, more...), err
}

// lastStatus is what the source said last of an order's status.
func lastStatus(memory *models.ReceivedOrder) string {
	if memory == nil {
		return ""
	}
	return memory.Status
}

// act is what a status does to an order in a state.
func (t *taking) act(o *models.WorkOrder, memory *models.ReceivedOrder, status models.WireStatus, state models.State, shared bool) ([]act, error) {
	last, said := models.ParseWireStatus(lastStatus(memory))
	if said && last == status {
		return nil, nil
	}
	if t.src.Integration == nil && status == o.WireStatus() {
		return nil, nil
	}
	switch status {
	case models.WireInvoiced:
		if !o.Invoiced && shared {
			o.Invoiced = true
		}
		if t.src.Integration != nil {
			t.warn("status", "Invoiced is kept as a mark and changes no state.")
		}
		return nil, nil
	case models.WireRush, models.WireRework, models.WireCanceled:
	default:
		if t.in.Share != nil && shared && last == models.WireRush && o.Priority == models.PriorityRush {
			o.Priority = models.PriorityNormal
		}
		t.ineffective(status)
		return nil, nil
	}
	if state == models.Closed || state == models.Cancelled {
		if status != models.WireCanceled {
			t.warn("status", "The order is %s: its fields are updated, its state is not.", state)
		}
		return nil, nil
	}
	if !shared {
		t.warn("status", "Auto-admin is off: the status %s is not applied.", status)
		if t.src.DryRun {
			return nil, nil
		}
		return nil, t.tx.Raise(&models.Alert{AccountID: o.AccountID, Kind: models.AlertStatusIgnored, WorkOrderID: &o.ID, Subject: o.ID + "/" + string(status),
			Says: "status_off", Args: []any{"who", t.src.Actor(), "order", o.DisplayNumber(), "status", string(status)}})
	}
	if status == models.WireCanceled {
		return []act{{models.Cancel, models.ActionParameters{Reason: "Cancelled by " + t.src.Actor()}}}, nil
	}
	if status == models.WireRush {
		o.Priority = models.PriorityRush
		return nil, nil
	}
	if state == models.Completed || state == models.Approved || state == models.Published {
		return []act{{models.Reject, models.ActionParameters{Reason: "Sent back for rework by " + t.src.Actor()}}}, nil
	}
	o.Priority = models.PriorityRework
	return nil, nil
}
