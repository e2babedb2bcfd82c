package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"fieldproof/models"
)

// NewBulk is an action that is asked for of many orders: those named, or those that a filter finds.
type NewBulk struct {
	ID         string // the same id again is the same bulk
	By         *models.Member
	Action     string
	Parameters models.BulkParameters
	IDs        []string
	Filter     *models.OrderFilter
	Asked      map[string][]string // the filter as it was written
	// Expected is how many orders whoever asks was shown.
	Expected *int64
}

// mostOrdersNamed is how many orders a bulk names; a filter finds as many as there are.
const mostOrdersNamed = 10_000

// needs is the privilege that a bulk needs, of who asks and at each order again.
func needs(action string) models.Privilege {
	switch action {
	case models.BulkUpdate, models.BulkInvoiced:
		return models.EditOrders
	}
	return models.Event(action).Needs()
}

// check refuses what no order could take.
func (n *NewBulk) check() error {
	var p models.Problems
	if !models.IsBulkAction(n.Action) {
		p.Add("action", "Choose one of %s.", strings.Join(models.BulkActions, ", "))
	}
	switch {
	case n.Filter == nil && len(n.IDs) == 0:
		p.Add("ids", "Say which work orders: by ids, or by a filter.").Code = models.CodeRequired
	case n.Filter != nil && len(n.IDs) > 0:
		p.Add("ids", "Say which work orders by ids or by a filter, not by both.")
	case len(n.IDs) > mostOrdersNamed:
		p.Add("ids", "At most %d work orders are named at once: use a filter for more.", mostOrdersNamed)
	case n.Filter != nil && n.Expected == nil:
		p.Add("expected", "Say how many work orders you were shown: should another number match, nothing is done.").Code = models.CodeRequired
	}
	switch given := n.Parameters; n.Action {
	case string(models.Assign):
		if given.Assignee == "" {
			p.Add("parameters.assignee", "Give a username, or %s for everybody.", models.AssignToAll).Code = models.CodeRequired
		}
	case string(models.Reject):
		if strings.TrimSpace(given.Reason) == "" {
			p.Add("parameters.reason", "Say what is to be done again: the crew reads it.").Code = models.CodeRequired
		}
	case models.BulkUpdate:
		checkBulkPatch(&p, given.Patch)
	}
	if utf8.RuneCountInString(n.Parameters.Reason) > 10_000 {
		p.Add("parameters.reason", "At most 10000 characters.")
	}
	if len(n.Parameters.DestinationIDs) > 1000 {
		p.Add("parameters.destination_ids", "At most 1000 destinations at once.")
	}
	return p.Err()
}

// ofOne are the members of an order that no two share.
var ofOne = []string{"work_order_number", "client_code", "tasks"}

func checkBulkPatch(p *models.Problems, patch json.RawMessage) {
	var members map[string]json.RawMessage
	if json.Unmarshal(patch, &members) != nil || len(members) == 0 {
		p.Add("parameters", "Give the fields that are to change, such as {\"due_date\": \"2026-05-04\"}.").Code = models.CodeRequired
	}
	for _, name := range ofOne {
		if _, there := members[name]; there {
			p.Add("parameters."+name, "This is changed order by order.").Code = models.CodeFixed
			return
		}
	}
	var blank models.WorkOrderFields
	if err := patched(patch)(&blank); err != nil {
		p.Add("parameters", "This fits no work order: %v.", err).Code = models.CodeWrongType
		return
	}
	blank.Normalise()
	var problems models.Problems
	blank.Check(&problems)
	for _, problem := range problems {
		if says(members, problem.Field) { // the rest is what a blank order lacks
			p.Add("parameters."+problem.Field, "%s", problem.Message).Code = problem.Code
		}
	}
}

// says tells whether a patch sets a field, or something in it.
func says(members map[string]json.RawMessage, field string) bool {
	name, inner, within := strings.Cut(field, ".")
	value, there := members[name]
	var object map[string]json.RawMessage
	if !there || !within || json.Unmarshal(value, &object) != nil {
		return there
	}
	_, there = object[inner]
	return there
}

// StartBulk fixes which orders an action is for, and begins it. Errors: [models.Invalid], [models.Forbidden], and
// [models.Conflict] when another number of orders matches than who asks was shown: then nothing is done.
func (in *Intake) StartBulk(ctx context.Context, n NewBulk) (*models.Bulk, error) {
	ids := slices.Compact(slices.Sorted(slices.Values(n.IDs)))
	if len(ids) == len(n.IDs) {
		ids = n.IDs // in the sequence in which they came
	}
	n.IDs = ids
	if err := n.check(); err != nil {
		return nil, err
	}
	b := &models.Bulk{ID: n.ID, Action: n.Action, Parameters: n.Parameters, Filter: n.Asked}
	return in.startBulk(ctx, n.By, b, func(tx *models.Tx) error {
		if name := n.Parameters.Assignee; name != "" && name != models.AssignToAll {
			if _, err := tx.UserByName(name); models.KindOf(err) == models.NotFound {
				return models.InvalidField("parameters.assignee", "The account has no active user %q; give a username, or %s for everybody.", name, models.AssignToAll).Coded(models.CodeNoSuch)
			} else if err != nil {
				return err
			}
		}
		if n.Filter == nil {
			found, err := tx.FixNamed(b, n.By, n.IDs)
			return cmp.Or(err, matches(found, n.Expected))
		}
		err := tx.FixFound(b, n.By, *n.Filter)
		return cmp.Or(err, matches(b.Total, n.Expected))
	})
}

func matches(found int64, expected *int64) error {
	if expected == nil || *expected == found {
		return nil
	}
	return &models.Error{Kind: models.Conflict, Code: models.CodeOtherCount, Message: fmt.Sprintf("%d work orders match now, not %d: look at the list again. Nothing was done.", found, *expected),
		Fields: []models.FieldError{{Field: "expected", Message: fmt.Sprintf("%d work orders match now.", found)}}}
}

// RepeatBulk does an action again, by another member or the same, for the orders that refused it.
func (in *Intake) RepeatBulk(ctx context.Context, by *models.Member, id, of string) (*models.Bulk, error) {
	b := &models.Bulk{ID: id, Repeats: of}
	before, err := models.One[models.Bulk](in.Store.Read(models.InAccount(ctx, by.AccountID)).Where("id = ?", of), "bulk")
	if err != nil {
		return nil, err
	}
	b.Action, b.Parameters, b.Filter = before.Action, before.Parameters, map[string][]string{}
	return in.startBulk(ctx, by, b, func(tx *models.Tx) error {
		before, err := models.One[models.Bulk](tx.Locked().Where("id = ?", of), "bulk")
		switch {
		case err != nil:
			return err
		case !before.Over():
			return models.Errorf(models.Conflict, "The bulk is still %s: wait for its end, or cancel it.", before.State)
		case before.Refused == 0:
			return models.Errorf(models.Conflict, "No work order refused it: there is nothing to repeat.")
		}
		return tx.FixRefused(b, of)
	})
}

// startBulk writes a bulk, fixes its rows and rings for its workflow.
func (in *Intake) startBulk(ctx context.Context, by *models.Member, b *models.Bulk, fix func(*models.Tx) error) (*models.Bulk, error) {
	if err := by.Need(needs(b.Action)); err != nil {
		return nil, err
	}
	b.AccountID, b.State, b.CreatedBy, b.CreatedAt, b.UpdatedAt = by.AccountID, models.BulkPending, by.ID, models.Now(), models.Now()
	if b.Filter == nil {
		b.Filter = map[string][]string{}
	}
	err := in.write(ctx, by, func(tx *models.Tx) error {
		if have, err := models.One[models.Bulk](tx.Where("id = ?", b.ID), "bulk"); models.KindOf(err) != models.NotFound {
			if err == nil {
				*b = *have // the same request again
			}
			return err
		}
		if err := tx.Create(b).Error; err != nil {
			return err
		}
		if err := fix(tx); err != nil {
			return err
		}
		if err := tx.Select("total", "refused").Updates(b).Error; err != nil {
			return err
		}
		if err := tx.AnnounceBulk(b); err != nil {
			return err
		}
		return tx.Ring(models.BulkBell, b.ID)
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return b, nil
}

// CancelBulk ends a bulk before its next order. One that has not begun never does; [models.Conflict] when it has ended.
func (in *Intake) CancelBulk(ctx context.Context, by *models.Member, id string) (b *models.Bulk, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if b, err = models.One[models.Bulk](tx.Locked().Where("id = ?", id), "bulk"); err != nil {
			return err
		}
		if err := by.Need(needs(b.Action)); err != nil {
			return err
		}
		switch {
		case b.State == models.BulkCancelled:
			return nil
		case b.Over():
			return models.Errorf(models.Conflict, "The bulk has ended: it is %s.", b.State)
		case b.State == models.BulkPending:
			return tx.EndBulk(b, models.BulkCancelled)
		}
		b.CancelAsked, b.UpdatedAt = true, models.Now()
		if err := tx.Select("cancel_asked", "updated_at").Updates(b).Error; err != nil {
			return err
		}
		return tx.Ring(models.BulkBell, b.ID) // it may rest
	})
	if err == nil {
		in.Bells.Poke()
	}
	return b, err
}

// Bulks do to one order after another what was asked for of many.
type Bulks struct {
	*Intake
	Actions *Actions
}

// Do does it to the order of a row, and says in the row what became of it. kept tells that this is durable already. The rights
// of who asked are read anew. An error is no outcome: the row is to be tried again, and what happened already does not happen
// again.
func (b *Bulks) Do(ctx context.Context, bulk *models.Bulk, row *models.BulkRow) (kept bool, err error) {
	ctx = models.InAccount(ctx, bulk.AccountID)
	row.Result = models.RowDone
	kept, err = b.do(ctx, bulk, row)
	var refused *models.Error
	switch {
	case err == nil:
		return kept, nil
	case !errors.As(err, &refused) || refused.Kind == models.Unavailable || refused.Kind == models.NoRoom || refused.Kind == models.Overtaken:
		row.Result = models.RowWaiting
		return false, err
	case wasSo(models.Event(bulk.Action), refused):
		row.Result = models.RowUnchanged
		return false, nil
	}
	row.Refuse(refused)
	return false, nil
}

// wasSo tells a refusal because it was done already.
func wasSo(event models.Event, refused *models.Error) bool {
	if refused.Kind != models.Conflict {
		return false
	}
	switch refused.Code {
	case models.CodeAlready, models.CodeNothingNew:
		return true
	case models.CodeIllegal: // an order that is sent back is not so already because it was never done
		return event != models.Reject && event.LeadsTo(refused.State)
	}
	return false
}

func (b *Bulks) do(ctx context.Context, bulk *models.Bulk, row *models.BulkRow) (kept bool, err error) {
	by, err := b.Store.MemberByID(ctx, bulk.CreatedBy)
	if models.KindOf(err) == models.NotFound || (err == nil && !by.Active) {
		return false, models.Errorf(models.Unauthorized, "Whoever asked for this is no longer a user of the account.").Coded(models.CodeSwitchedOff)
	}
	if err != nil {
		return false, err
	}
	if err := by.Need(needs(bulk.Action)); err != nil {
		return false, err
	}
	keep := func(tx *models.Tx) error {
		n, err := tx.KeepRows(bulk.ID, row)
		if err == nil && n == 0 {
			return errKnown
		}
		kept = err == nil
		return err
	}
	switch bulk.Action {
	case models.BulkUpdate:
		_, err = b.EditOrder(ctx, OrderEdit{ID: row.WorkOrderID, By: by, Fields: patched(bulk.Parameters.Patch), Also: keep})
	case models.BulkInvoiced:
		invoiced := bulk.Parameters.Invoiced == nil || *bulk.Parameters.Invoiced
		_, err = b.EditOrder(ctx, OrderEdit{ID: row.WorkOrderID, By: by, Invoiced: &invoiced, Also: keep})
	default:
		return false, b.act(ctx, by, bulk, row)
	}
	if errors.Is(err, errKnown) {
		return true, nil
	}
	if err == nil && !kept {
		row.Result = models.RowUnchanged
	}
	return kept, err
}

// errKnown takes an edit back that another run has made.
var errKnown = errors.New("intake: the row of a bulk is done already")

// act moves the row's order, under an id made of bulk and order: what happened does not happen again.
func (b *Bulks) act(ctx context.Context, by *models.Member, bulk *models.Bulk, row *models.BulkRow) error {
	o, err := models.One[models.WorkOrder](b.Store.Read(ctx).Where("id = ?", row.WorkOrderID), "work order")
	if err != nil {
		return err
	}
	if !by.Sees(o) {
		return models.Errorf(models.NotFound, "There is no such work order.")
	}
	p := bulk.Parameters
	return b.Actions.Act(ctx, o, &models.Action{ID: models.DerivedID("bulk", bulk.ID, o.ID), AccountID: o.AccountID, WorkOrderID: o.ID, Event: models.Event(bulk.Action), ActorID: by.ID,
		Parameters: models.ActionParameters{Assignee: p.Assignee, Reason: p.Reason, DestinationIDs: p.DestinationIDs, WithoutAwaited: p.WithoutAwaited}})
}

// patched is the change that a merge patch makes.
func patched(patch json.RawMessage) Change[models.WorkOrderFields] {
	return func(f *models.WorkOrderFields) error {
		have, err := json.Marshal(f)
		if err != nil {
			return err
		}
		merged, err := models.MergeJSON(have, patch)
		if err != nil {
			return err
		}
		var fields models.WorkOrderFields
		if err := json.Unmarshal(merged, &fields); err != nil {
			return err
		}
		*f = fields
		return nil
	}
}
