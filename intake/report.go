package intake

import (
	"context"
	"strconv"

	"fieldproof/models"
)

// Report takes what a member's own system says of how far an order is: viewed, begun, completed. What the order's state
// has overtaken, and any other status, changes nothing. Whoever calls pokes the bells when it has reported all. Errors:
// [models.NotFound] when the member does not see the order, [models.Unauthorized] when they were revoked.
func (in *Intake) Report(ctx context.Context, by *models.Member, orderID, fieldStatus string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		o, err := orderSeen(tx, orderID, by)
		if err != nil {
			return err
		}
		state := o.Lifecycle.State
		switch {
		case fieldStatus == models.FieldViewed:
			return tx.FirstLook(o, by)
		case fieldStatus == models.FieldInProcess && state == models.Assigned:
			return reported(tx, o, by, models.Start)
		case fieldStatus == models.FieldCompleted && (state == models.Assigned || state == models.InProgress):
			return reported(tx, o, by, models.Complete)
		}
		return nil
	})
}

// reported puts what was reported into the order's inbox, once a state: its workflow moves the order.
func reported(tx *models.Tx, o *models.WorkOrder, by *models.Member, event models.Event) error {
	id := models.DerivedID("reported by a peer", o.ID, string(event), strconv.FormatInt(o.Lifecycle.Version, 10))
	if err := handOf(by).wish(tx, o, id, event, models.ActionParameters{FromPeer: true}); err != nil {
		return err
	}
	return tx.Ring(models.OrderBell, o.ID)
}
