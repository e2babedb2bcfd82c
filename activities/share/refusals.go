package share

import (
	"context"
	"errors"

	"fieldproof/activities/attempts"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/wire"
)

// tellRefusals tells the delegator which of its orders are not taken, and why, each once, and which are after all. What does not
// reach it is told with the next fetch.
func (t *turn) tellRefusals(ctx context.Context, p *peers.Peer, i *models.Integration) error {
	var rows []*models.ReceivedOrder
	err := t.Store.Read(ctx).Where("integration_id = ? AND refused <> refusal_told AND peer_order_id <> ''", i.ID).Order("at, number").Find(&rows).Error
	if err != nil {
		return attempts.Ours(err)
	}
	for _, m := range rows {
		_, _, err := p.Tell(ctx, "status", nil, wire.RefusalMember(m))
		var refused *peers.Refused
		if err != nil && !errors.As(err, &refused) { // who refuses that as well has heard it
			return err
		}
		err = t.Store.Write(ctx, func(tx *models.Tx) error {
			return tx.Model(&models.ReceivedOrder{}).Where("integration_id = ? AND number = ? AND refused = ?", m.IntegrationID, m.Number, m.Refused).Update("refusal_told", m.Refused).Error
		})
		if err != nil {
			return attempts.Ours(err)
		}
	}
	return nil
}
