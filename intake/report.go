package intake

import (
	"context"
	"fmt"
	"strconv"

	"fieldproof/models"
)

// PeerReport is what a member's own system says of how far an order is.
type PeerReport struct {
	FieldStatus string // viewed, begun, completed; what is neither is not said
	Cancelled   bool   // in their own account
	Reason      string
	Number      int64 // counts what they say of the order; 0: it is not counted
}

// Report takes what a member's own system says of an order. What the order's state has overtaken, and any other status,
// changes nothing; nor does what was said before something that is known already, which is noted. Their own cancellation is
// shown, and moves nothing. It returns the number of what was said last. Whoever calls pokes the bells when it has reported
// all. Errors: [models.NotFound] when the member does not see the order, [models.Unauthorized] when they were revoked.
func (in *Intake) Report(ctx context.Context, by *models.Member, orderID string, said PeerReport) (seen int64, err error) {
	return seen, in.write(ctx, by, func(tx *models.Tx) error {
		o, err := orderSeen(tx, orderID, by)
		if err != nil {
			return err
		}
		late := false
		if seen, late, err = tx.StatusSaid(by.ID, o.ID, said.Number, said.word()); err != nil {
			return err
		}
		if late {
			return noted(tx, o, by, said, seen)
		}
		state := o.Lifecycle.State
		switch {
		case said.Cancelled:
			return cancelledThere(tx, o, by, said)
		case said.FieldStatus == models.FieldViewed:
			return tx.FirstLook(o, by)
		case said.FieldStatus == models.FieldInProcess && state == models.Assigned:
			return reported(tx, o, by, models.Start)
		case said.FieldStatus == models.FieldCompleted && (state == models.Assigned || state == models.InProgress):
			return reported(tx, o, by, models.Complete)
		}
		return nil
	})
}

func (r *PeerReport) word() string {
	if r.Cancelled {
		return string(models.Cancelled)
	}
	return r.FieldStatus
}

// reported puts what was reported into the order's inbox, once a state: its workflow moves the order.
func reported(tx *models.Tx, o *models.WorkOrder, by *models.Member, event models.Event) error {
	id := models.DerivedID("reported by a peer", o.ID, string(event), strconv.FormatInt(o.Lifecycle.Version, 10))
	if err := handOf(by).wish(tx, o, id, event, models.ActionParameters{FromPeer: true}); err != nil {
		return err
	}
	return tx.Ring(models.OrderBell, o.ID)
}

// once writes into an order's history what a peer said, unless it stands there.
func once(tx *models.Tx, o *models.WorkOrder, by *models.Member, id, reason string) error {
	if known, err := tx.Happened(o.ID, id); err != nil || known {
		return err
	}
	e := handOf(by).event(models.TypeUpdated)
	e.MessageID, e.Reason = &id, reason
	if err := tx.Record(o, e); err != nil {
		return err
	}
	return tx.SaveOrder(o)
}

// noted notes a status that arrived behind a newer one.
func noted(tx *models.Tx, o *models.WorkOrder, by *models.Member, said PeerReport, seen int64) error {
	id := models.DerivedID("late status", o.ID, by.ID, strconv.FormatInt(said.Number, 10), said.word())
	return once(tx, o, by, id, fmt.Sprintf("The status %q (number %d) arrived behind number %d, and changed nothing.", said.word(), said.Number, seen))
}

// cancelledThere shows that the recipient has cancelled an order in their own account.
func cancelledThere(tx *models.Tx, o *models.WorkOrder, by *models.Member, said PeerReport) error {
	reason := said.Reason
	if words := []rune(reason); len(words) > mostReason {
		reason = string(words[:mostReason])
	}
	id := models.DerivedID("cancelled by a peer", o.ID, by.ID, strconv.FormatInt(said.Number, 10), reason)
	if known, err := tx.Happened(o.ID, id); err != nil || known {
		return err
	}
	text := "cancelled in their own account"
	if reason != "" {
		text += ": " + reason
	}
	if err := once(tx, o, by, id, text); err != nil {
		return err
	}
	return tx.Raise(&models.Alert{AccountID: o.AccountID, Kind: models.AlertStatusIgnored, WorkOrderID: &o.ID, Subject: o.ID + "/cancelled by " + by.ID,
		Says: "cancelled_below", Args: []any{"who", by.Called(), "order", o.DisplayNumber()}, Detail: reason})
}

// mostReason is what is kept of a peer's reason, in characters.
const mostReason = 2000

// RefusedBelow takes from a member's own system that it does not take an order, and why; "" is that it takes it after all. Errors: as of [Intake.Report].
func (in *Intake) RefusedBelow(ctx context.Context, by *models.Member, orderID, why string) error {
	if text := []rune(why); len(text) > mostReason {
		why = string(text[:mostReason])
	}
	return in.write(ctx, by, func(tx *models.Tx) error {
		o, err := orderSeen(tx, orderID, by)
		if err != nil {
			return err
		}
		if why == "" {
			return tx.TakenBelow(o, by)
		}
		return tx.RefusedBelow(o, by, why)
	})
}
