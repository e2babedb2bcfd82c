package models

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// SystemActor is the name under which history shows what nobody did by hand.
const SystemActor = "fieldproof"

// Apply performs an action on an order that is locked: it asks the transition table and what only the database knows,
// then writes row, event, web-hook messages and, for a publish, the publication. Refusals are [*Error] values; the
// transaction must then be rolled back. The same action again is a success that changes nothing.
func (tx *Tx) Apply(o *WorkOrder, a *Action) error {
	done, err := tx.Happened(o.ID, a.ID)
	if err != nil || done {
		return err
	}
	if want := a.Parameters.IfMatch; want != nil && *want != o.Version {
		return Errorf(Stale, "The work order has changed since you read it: it is at version %d. Read it again and repeat.", o.Version)
	}
	if err := tx.overtaken(a); err != nil {
		return err
	}
	// What lies there was here before: an item acknowledged a moment ago is not late, and has begun the work.
	for more := true; more; {
		if more, err = tx.NoticeItems(o); err != nil {
			return err
		}
	}
	account, err := One[Account](tx.Where("id = ?", o.AccountID), "account")
	if err != nil {
		return err
	}
	event := &HistoryEvent{Actor: SystemActor, ActorID: a.ActorID, Reason: a.Parameters.Reason, MessageID: &a.ID, Type: a.Event.Type(), FromState: o.Lifecycle.State}
	terms, err := TermsOf(tx.DB, o, account)
	if err != nil {
		return err
	}
	if a.Parameters.Actor != "" {
		event.Actor = a.Parameters.Actor
	}
	facts := Facts{Assigned: o.HasAssignee(), Automatic: terms.QAPolicy.Automatic()}
	if a.ActorID != "" {
		by, err := memberByID(tx.DB, a.ActorID)
		if err != nil {
			return err
		}
		event.Actor, facts.Office = by.Username, by.Office()
	}
	next, err := o.Lifecycle.After(a.Event, facts)
	if err != nil {
		return err
	}
	o.Lifecycle, event.ToState = next, next.State
	if event.At = Now(); a.Event != Reopen && a.Event != Restore { // which lead back to what was
		o.date(event.At)
	}
	o.sayBelow(a.Event)
	if err := tx.effect(o, a, event, terms); err != nil {
		return err
	}
	if a.Event == Publish {
		if _, err := tx.PublishItems(o, event, terms, a.Parameters.ItemIDs, a.Parameters.DestinationIDs); err != nil {
			return err
		}
	} else if err := tx.Record(o, event); err != nil {
		return err
	}
	if err := tx.SaveOrder(o); err != nil {
		return err
	}
	return tx.Model(a).Where("id = ?", a.ID).Update("outcome", ActionApplied).Error
}

// Happened tells whether an action has already become an event of the order's history.
func (tx *Tx) Happened(orderID, actionID string) (bool, error) {
	var n int64
	err := tx.Model(&HistoryEvent{}).Where("work_order_id = ? AND message_id = ?", orderID, actionID).Count(&n).Error
	return n > 0, err
}

// effect is what an event does to the order besides moving it.
func (tx *Tx) effect(o *WorkOrder, a *Action, e *HistoryEvent, terms Terms) error {
	switch a.Event {
	case Assign:
		return tx.assign(o, a.Parameters.Assignee, e)
	case Unassign:
		o.AssigneeID, o.AssignedToAll = nil, false
		if err := tx.endRefusals(o); err != nil {
			return err
		}
		return tx.endAssignments(o)
	case Complete:
		missing, err := tx.missingProof(o, a.ActorID)
		if err != nil {
			return err
		}
		if a.Parameters.FromPeer {
			for _, m := range missing {
				e.Details.Missing = append(e.Details.Missing, m.Message)
			}
		} else if len(missing) > 0 {
			return &Error{Kind: Conflict, Code: CodeIncomplete, Message: "The work order can't be completed: something is missing.", Fields: missing,
				State: e.FromState, Allowed: Lifecycle{State: e.FromState}.Allowed(Facts{Assigned: o.HasAssignee()})}
		}
		o.FieldStatus, o.HasNewItems, o.PublishDueAt = FieldCompleted, false, nil
		e.Details.DoneAt = a.Parameters.DoneAt
		if e.Details.Awaited, err = tx.expect(o); err != nil {
			return err
		}
		empty := false
		if a.Parameters.FromPeer {
			o.AwaitsPeer = a.ActorID
			var items int64
			if err := tx.Model(&Item{}).Where("work_order_id = ? AND deleted_at IS NULL AND withdrawn_at IS NULL AND review <> ?", o.ID, ReviewRejected).Count(&items).Error; err != nil {
				return err
			}
			empty = items == 0
		}
		if terms.QAPolicy == AutoRelay {
			if err := tx.relayRest(o, terms); err != nil {
				return err
			}
		}
		if err := tx.closeRelay(o); err != nil {
			return err
		}
		if terms.QAPolicy == AutoPublish && e.Details.Awaited > 0 { // with them, or after a while without
			due := At(e.At.Add(publishesAfter))
			o.PublishDueAt = &due
			return nil
		}
		if terms.QAPolicy.Automatic() && !empty { // its first item publishes it
			return tx.PublishByItself(o, a.ID)
		}
	case Start:
		o.FieldStatus = FieldInProcess
	case Reopen:
		o.ImportedStatus = "" // it is work again: what comes of it now counts
	case Cancel, Delete:
		if err := tx.expectNothing(o); err != nil {
			return err
		}
		if a.Event == Cancel {
			return tx.closeRelay(o)
		}
		return tx.endRefusals(o)
	case Close:
		return tx.expectNothing(o)
	case Publish:
		o.AwaitsPeer, o.PublishDueAt = "", nil // what is announced is published when it comes
	case Reject:
		if err := tx.expectNothing(o); err != nil {
			return err
		}
		if strings.TrimSpace(a.Parameters.Reason) == "" {
			return InvalidField("reason", "Say what is to be done again: the crew reads it.").Coded(CodeRequired)
		}
		if o.Priority != PriorityRework {
			c := ChangesOf(o, a.ActorID, e.Actor)
			if err := errors.Join(c.Add("priority", o.Priority, PriorityRework), tx.KeepChanges(c)); err != nil {
				return err
			}
		}
		o.Priority, o.FieldStatus = PriorityRework, FieldUpdated
		e.Details.ItemIDs = a.Parameters.ItemIDs
		if err := tx.RejectItems(o, a.ActorID, a.Parameters); err != nil {
			return err
		}
		return tx.RejectBelow(o, a.ID, a.Parameters.Reason, a.Parameters.ItemIDs)
	case Approve:
		if !a.Parameters.WithoutAwaited {
			if err := tx.refuseAwaited(o); err != nil {
				return err
			}
		}
		if err := tx.expectNothing(o); err != nil {
			return err
		}
		o.HasNewItems = false
		return tx.Model(&Item{}).Where("work_order_id = ? AND deleted_at IS NULL AND review = ?", o.ID, ReviewPending).
			Updates(map[string]any{"review": ReviewApproved, "approved_with": a.ID, "reviewed_by": a.ActorID, "reviewed_at": Now()}).Error
	case Unapprove:
		return tx.unapproveItems(o)
	}
	return nil
}

// unapproveItems takes back what the approval that the order has now said of its items. What the office approved singly, or
// with an earlier approval, stays.
func (tx *Tx) unapproveItems(o *WorkOrder) error {
	var approvals []*HistoryEvent
	err := tx.Where("work_order_id = ? AND to_state = ? AND from_state <> to_state AND type IN ?", o.ID, Approved, []EventType{TypeApproved, TypeUpdated}).
		Order("sequence DESC").Limit(1).Find(&approvals).Error
	if err != nil || len(approvals) == 0 || approvals[0].Type != TypeApproved || approvals[0].MessageID == nil {
		return err // no action of anybody, as after a restore: it approved no items
	}
	return tx.Model(&Item{}).Where("work_order_id = ? AND review = ? AND approved_with = ?", o.ID, ReviewApproved, *approvals[0].MessageID).
		Updates(map[string]any{"review": ReviewPending, "approved_with": "", "reviewed_by": "", "reviewed_at": nil}).Error
}

func (tx *Tx) assign(o *WorkOrder, assignee string, e *HistoryEvent) error {
	row := &Assignment{ID: NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, AssignedAt: Now()}
	if assignee == AssignToAll {
		if o.AssignedToAll {
			return &Error{Kind: Conflict, Code: CodeAlready, Message: "The work order is already assigned to everybody.", State: o.Lifecycle.State}
		}
		if err := tx.tooFar(o, nil); err != nil {
			return err
		}
		o.AssigneeID, o.AssignedToAll, e.Details.Assignee = nil, true, AssignToAll
	} else {
		user, err := tx.UserByName(assignee)
		if KindOf(err) == NotFound {
			return InvalidField("assignee", "The account has no active user %q; give a username, or %s for everybody.", assignee, AssignToAll).Coded(CodeNoSuch)
		}
		if err != nil {
			return err
		}
		if o.AssigneeID != nil && *o.AssigneeID == user.ID {
			return &Error{Kind: Conflict, Code: CodeAlready, Message: fmt.Sprintf("The work order is already assigned to %s.", user.Username), State: o.Lifecycle.State}
		}
		if err := tx.tooFar(o, user); err != nil {
			return err
		}
		o.AssigneeID, o.AssignedToAll, e.Details.Assignee = &user.ID, false, user.Username
		row.UserID = &user.ID
	}
	if o.Lifecycle.State == Assigned {
		o.FieldStatus = FieldNew
	}
	if err := tx.endAssignments(o); err != nil {
		return err
	}
	if err := tx.endRefusals(o); err != nil {
		return err
	}
	return tx.Create(row).Error
}

func (tx *Tx) endAssignments(o *WorkOrder) error {
	return tx.Model(&Assignment{}).Where("work_order_id = ? AND ended_at IS NULL", o.ID).Update("ended_at", Now()).Error
}

// RejectItems marks the items that a rejection names, by a user or, "", by a peer. Those that a peer names may have gone meanwhile. What the office itself
// rejects, and had told along a Share link, is told as withdrawn there; what was rejected there is known.
func (tx *Tx) RejectItems(o *WorkOrder, userID string, p ActionParameters) error {
	for i, id := range p.ItemIDs {
		done := tx.Model(&Item{}).Where("id = ? AND work_order_id = ? AND deleted_at IS NULL", id, o.ID).
			Updates(map[string]any{"review": ReviewRejected, "review_reason": p.Reason, "reviewed_by": userID, "reviewed_at": Now()})
		if done.Error != nil {
			return done.Error
		}
		if done.RowsAffected == 0 && !p.FromPeer {
			return InvalidField(fmt.Sprintf("item_ids[%d]", i), "The order has no item %s.", id).Coded(CodeNoSuch)
		}
		if userID == "" {
			continue
		}
		item, err := One[Item](tx.Where("id = ?", id), "item")
		if err != nil {
			return err
		}
		if told, err := tx.Told(o, item); err != nil || !told {
			if err != nil {
				return err
			}
			continue
		}
		item.Revision++
		if err := tx.Select("revision").Updates(item).Error; err != nil {
			return err
		}
		if err := tx.Retell(o, item); err != nil {
			return err
		}
	}
	return nil
}

// PublishByItself puts a publish into the order's inbox, as the policies auto_publish and auto_relay do. cause makes
// it repeatable.
func (tx *Tx) PublishByItself(o *WorkOrder, cause string) error {
	a := &Action{ID: DerivedID("publish by itself", o.ID, cause), AccountID: o.AccountID, WorkOrderID: o.ID, Event: Publish, Inbox: true}
	if err := tx.SaveAction(a); err != nil {
		return err
	}
	return tx.Ring(OrderBell, o.ID)
}

// noticeAtOnce is how many items one transaction takes notice of.
const noticeAtOnce = 500

// NoticeItems takes notice of what came in for a locked order: its first item starts it, later ones change no state
// but raise an alert from completed on, and under an automatic policy they publish by themselves. It reports whether
// more is left.
func (tx *Tx) NoticeItems(o *WorkOrder) (more bool, err error) {
	var items []*Item
	err = tx.Where("work_order_id = ? AND NOT noticed", o.ID).Order("received_at, id").Limit(noticeAtOnce).Find(&items).Error
	if err != nil || len(items) == 0 {
		return false, err
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	if err := tx.Model(&Item{}).Where("id IN ?", ids).Update("noticed", true).Error; err != nil {
		return false, err
	}
	for _, item := range items {
		next, err := o.Lifecycle.After(Start, Facts{Assigned: o.HasAssignee(), Office: item.ByOffice})
		if err != nil {
			continue
		}
		names, err := Usernames(tx.DB, []string{item.UploadedBy})
		if err != nil {
			return false, err
		}
		message := "start/" + item.ID
		e := &HistoryEvent{Type: Start.Type(), FromState: o.Lifecycle.State, ToState: next.State, ActorID: item.UploadedBy, Actor: names[item.UploadedBy], MessageID: &message}
		o.Lifecycle, o.FieldStatus = next, FieldInProcess
		if err := tx.Record(o, e); err != nil {
			return false, err
		}
		if err := tx.SaveOrder(o); err != nil {
			return false, err
		}
		break
	}
	account, err := One[Account](tx.Where("id = ?", o.AccountID), "account")
	if err != nil {
		return false, err
	}
	terms, err := TermsOf(tx.DB, o, account)
	if err != nil {
		return false, err
	}
	if slices.Contains([]State{Created, Assigned, InProgress}, o.Lifecycle.State) {
		if terms.QAPolicy != AutoRelay {
			return len(items) == noticeAtOnce, nil
		}
		if err := tx.relay(o, items, terms); err != nil {
			return false, err
		}
		return len(items) == noticeAtOnce, tx.SaveOrder(o)
	}
	if o.awaits(items) && !terms.QAPolicy.Automatic() {
		return len(items) == noticeAtOnce, nil
	}
	if s := o.Lifecycle.State; (s == Completed || s == Published) && terms.QAPolicy.Automatic() {
		if terms.QAPolicy == AutoPublish {
			if waits, err := tx.gathers(o, items); err != nil || waits {
				return len(items) == noticeAtOnce, err
			}
		}
		return len(items) == noticeAtOnce, tx.PublishByItself(o, items[len(items)-1].ID)
	}
	if terms.QAPolicy.Automatic() {
		if err := tx.ReleaseLate(o, items...); err != nil {
			return false, err
		}
	}
	if !o.HasNewItems { // it was awaited when it came
		o.HasNewItems = true
		if err := tx.SaveOrder(o); err != nil {
			return false, err
		}
	}
	return len(items) == noticeAtOnce, tx.Raise(&Alert{AccountID: o.AccountID, Kind: AlertLateItems, WorkOrderID: &o.ID, Subject: o.ID,
		Says: "late_items", Args: []any{"order", o.DisplayNumber(), "state", Word{"state_" + string(o.Lifecycle.State)}}})
}

// awaits tells whether the order waited for all of these items: its completion counted on them, or it waits for the peer that
// brought them.
func (o *WorkOrder) awaits(items []*Item) bool {
	return o.Lifecycle.State == Completed && !slices.ContainsFunc(items, func(i *Item) bool { return !i.Awaited && (o.AwaitsPeer == "" || i.UploadedBy != o.AwaitsPeer) })
}

// Reconcile brings row and workflow together after a restore from backups: the copy that knows more changes is the
// truth. It reports whether the row had to be set, which history then tells.
func (tx *Tx) Reconcile(o *WorkOrder, known Lifecycle) (bool, error) {
	if known.Version <= o.Lifecycle.Version {
		return false, nil
	}
	e := &HistoryEvent{Type: TypeUpdated, FromState: o.Lifecycle.State, ToState: known.State, Actor: SystemActor,
		Reason: "The database stood behind the workflow, as after a restore from a backup, and was set to its state."}
	o.Lifecycle = known
	o.date(Now())
	if err := tx.Record(o, e); err != nil {
		return false, err
	}
	return true, tx.SaveOrder(o)
}
