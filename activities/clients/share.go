package clients

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"fieldproof/activities/attempts"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/wire"
)

// Tell tells one message to the other side of a Share link, once. What has become pointless is not told, and the note says
// why.
func (c *Clients) Tell(ctx context.Context, p *peers.Peer, l *models.ShareLink, m *models.ClientMessage) (said, note string, err error) {
	if !l.Fieldproof {
		return c.tellOther(ctx, p, m)
	}
	db := c.Store.Read(ctx)
	o, err := models.One[models.WorkOrder](db.Where("id = ?", m.WorkOrderID), "work order")
	if err != nil {
		return "", "", database(err)
	}
	memory, err := models.MemoryOf(db, o)
	if err != nil {
		return "", "", database(err)
	}
	if memory == nil {
		return "", "The order has no source any more.", nil
	}
	t := &telling{Clients: c, peer: p, order: o, memory: memory, message: m}
	if m.Kind == models.ClientStatus {
		return t.status(ctx)
	}
	return t.item(ctx)
}

// tellOther tells a message to a system that speaks only the wire format: it has no words for check-ins and withdrawals.
func (c *Clients) tellOther(ctx context.Context, p *peers.Peer, m *models.ClientMessage) (said, note string, err error) {
	if m.Kind != models.ClientItem {
		return c.tell(ctx, p, m, models.ShareDestination)
	}
	item, err := models.One[models.Item](c.Store.Read(ctx).Where("id = ?", m.ItemID), "item")
	switch {
	case err != nil:
		return "", "", database(err)
	case item.Kind == models.CheckIn:
		return "", "Check-ins are told to a Fieldproof only.", nil
	case item.Gone():
		return "", "The item was withdrawn; that can be told to a Fieldproof only.", nil
	}
	return c.tell(ctx, p, m, models.ShareDestination)
}

// telling is one message to a Fieldproof.
type telling struct {
	*Clients
	peer    *peers.Peer
	order   *models.WorkOrder
	memory  *models.ReceivedOrder
	message *models.ClientMessage
}

// status tells how far the order is. Who has seen a higher number than ours, because our database was restored, is told
// again above that.
func (t *telling) status(ctx context.Context) (said, note string, err error) {
	var status models.ClientStatusData
	if err := json.Unmarshal([]byte(t.message.Data), &status); err != nil {
		return "", "", attempts.Final(err)
	}
	if t.memory.Ended != "" {
		return "", "The order was taken back there: nothing more is told of it.", nil
	}
	number := t.message.Number
	for {
		var more map[string]json.RawMessage
		said, more, err = t.peer.Tell(ctx, "status", nil, wire.StatusMember(t.order, t.memory.Number, status,
			&wire.StatusShare{OrderID: t.memory.PeerOrderID, Number: number, Reason: status.Reason}))
		if code := codeOf(err); code == string(models.NotFound) || code == string(models.Forbidden) {
			return said, "The order was taken back there: " + err.Error(), nil
		}
		if err != nil {
			return said, "", explain(err)
		}
		seen, _ := strconv.ParseInt(wire.Text(more, "number"), 10, 64)
		if seen <= number || number != t.message.Number {
			return said, "", nil
		}
		err = t.Store.Write(ctx, func(tx *models.Tx) error {
			number, err = tx.NextStatusNumber(t.memory, seen)
			return err
		})
		if err != nil {
			return said, "", attempts.Ours(err)
		}
	}
}

func codeOf(err error) string {
	var refused *peers.Refused
	if errors.As(err, &refused) {
		return refused.Code
	}
	return ""
}

// item tells an item as it stands now: its bytes whole, or only what is new of one whose bytes were told before.
func (t *telling) item(ctx context.Context) (said, note string, err error) {
	db, m := t.Store.Read(ctx), t.message
	item, err := models.One[models.Item](db.Where("id = ?", m.ItemID), "item")
	if err != nil {
		return "", "", database(err)
	}
	withdrawn := item.Withdrawn() || item.WorkOrderID != t.order.ID
	var before int64
	err = db.Model(&models.ClientMessage{}).Where("destination_id = ? AND item_id = ? AND id <> ? AND state = ? AND attempts > 0", m.DestinationID, m.ItemID, m.ID, models.DeliveryDelivered).Count(&before).Error
	if err != nil {
		return "", "", database(err)
	}
	if withdrawn && before == 0 && m.Attempts == 0 {
		return "", "The item was withdrawn before it was told.", nil
	}
	out, err := t.out(ctx, item, withdrawn)
	if err != nil {
		return "", "", database(err)
	}
	var file *peers.Upload
	if item.BlobKey != "" {
		file = t.original(item)
		file.Name = out.FileName
	}
	members := wire.ItemMembers(out)
	if file != nil && (before > 0 || withdrawn) {
		said, _, err = t.peer.Tell(ctx, "uploadPictures", nil, members...)
		var refused *peers.Refused
		if !errors.As(err, &refused) || refused.Code == models.CodeOtherBytes || refused.Status >= http.StatusTooManyRequests {
			return said, "", told(err)
		}
		if withdrawn {
			return said, "The item never reached them, and was withdrawn.", nil
		}
	}
	said, _, err = t.peer.Tell(ctx, "uploadPictures", file, members...)
	return said, "", told(err)
}

// told explains what came of an item. Other bytes under its uuid no other try mends.
func told(err error) error {
	if codeOf(err) == models.CodeOtherBytes {
		return attempts.Final(err)
	}
	return explain(err)
}

// out is the item as it is told, with its statement: the first time that it leaves its account that is made.
func (t *telling) out(ctx context.Context, item *models.Item, withdrawn bool) (wire.ItemOut, error) {
	db := t.Store.Read(ctx)
	proof, err := models.ProofOfItem(db, t.order, item)
	if err != nil {
		return wire.ItemOut{}, err
	}
	out := wire.ItemOut{Proof: proof, Item: item, Number: t.memory.Number, FileName: item.UUID + item.Extension(),
		Share: &wire.ItemShare{OrderID: t.memory.PeerOrderID, Revision: t.message.Revision, Withdrawn: withdrawn}}
	if id := t.message.DeliveryID; id != nil {
		d, err := models.One[models.Delivery](db.Where("id = ?", *id), "delivery")
		if err != nil {
			return out, err
		}
		out.PublicationID = d.PublicationID
	}
	err = db.Model(&models.Item{}).Where("work_order_id = ? AND kind = ? AND deleted_at IS NULL AND review <> ?", t.order.ID, models.Photo, models.ReviewRejected).
		Count(&out.Share.Pictures).Error
	if err != nil {
		return out, err
	}
	have, err := models.One[models.Statement](db.Where("item_id = ?", item.ID), "statement")
	if models.KindOf(err) == models.NotFound || (err == nil && have.Verified != nil && !*have.Verified) {
		err = t.Store.Write(ctx, func(tx *models.Tx) error {
			have, err = tx.StatementFor(item)
			return err
		})
	}
	out.Share.Statement = have
	return out, err
}
