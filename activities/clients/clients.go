// Package clients brings what is published to the systems of clients, by the external-integration API as its caller:
// items and statuses, one after the other.
package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"fieldproof/activities/attempts"
	"fieldproof/guard"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/storage"
	"fieldproof/wire"
	"fieldproof/workflows/protocol"
)

// Clients sends to clients.
type Clients struct {
	Store     *models.Store
	Blobs     *storage.Store
	Media     *media.Media
	Sealer    *models.Sealer
	Log       *slog.Logger
	PublicURL string

	client *http.Client
}

// New makes a Clients whose calls reach only what network allows.
func New(store *models.Store, blobs *storage.Store, m *media.Media, sealer *models.Sealer, network *guard.Network, publicURL string, log *slog.Logger) *Clients {
	return &Clients{Store: store, Blobs: blobs, Media: m, Sealer: sealer, PublicURL: publicURL, Log: log, client: network.Client(0)} // every call has its own time, by what it carries
}

const (
	passTime = 40 * time.Minute
	// tooLarge is what a naive peer still takes: a larger file that it refuses goes as its largest rendition below that.
	tooLarge = 4 << 20
)

// SendToClient sends what is due of one order to one client, statuses and items in a lane each, until nothing is, or the
// client's system rests.
func (c *Clients) SendToClient(ctx context.Context, subject string) (protocol.WebhookResult, error) {
	defer attempts.Beat(ctx)()
	var pass protocol.WebhookResult
	destinationID, orderID, _ := strings.Cut(subject, "/")
	d, err := models.One[models.Destination](c.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", destinationID), "destination")
	if models.KindOf(err) == models.NotFound || (err == nil && d.Kind == models.ShareDestination) { // a link tells its own
		return pass, nil
	}
	if err != nil {
		return pass, err
	}
	ctx = models.InAccount(ctx, d.AccountID)
	for until := time.Now().Add(passTime); time.Now().Before(until); {
		l := lanes{destination: destinationID, order: orderID}
		if err := c.Store.Write(ctx, func(tx *models.Tx) error { return l.read(tx) }); err != nil {
			return pass, err
		}
		if l.next == nil {
			pass.NextSeconds = attempts.Until(l.due)
			if l.trouble != "" {
				pass.LastError = "the client's system refuses something or does not answer; the order's messages say why"
			}
			return pass, nil
		}
		last := l.next
		answered, err := c.try(ctx, d.ID, last)
		if err != nil {
			return pass, err
		}
		if !answered && !l.probing {
			// The failure was this entry's own if another goes through.
			other := lanes{destination: destinationID, order: orderID, but: l.next.ID}
			if err := c.Store.Write(ctx, func(tx *models.Tx) error { return other.read(tx) }); err != nil {
				return pass, err
			}
			if other.next != nil {
				last = other.next
				if answered, err = c.try(ctx, d.ID, last); err != nil {
					return pass, err
				}
				if other.next.State == models.DeliveryDelivered {
					pass.Sent++
				}
			}
		}
		if err := c.Store.Write(ctx, func(tx *models.Tx) error { return judge(tx, d.ID, last, answered) }); err != nil {
			return pass, err
		}
		if l.next.State == models.DeliveryDelivered {
			pass.Sent++
		}
	}
	pass.NextSeconds = 1
	return pass, nil
}

// try sends one message once and writes down what became of it. It reports whether the peer answered: what it refuses is
// the message's own trouble, silence may be everybody's.
func (c *Clients) try(ctx context.Context, destinationID string, m *models.ClientMessage) (answered bool, err error) {
	d, err := models.One[models.Destination](c.Store.Read(ctx).Where("id = ?", destinationID), "destination")
	if err != nil {
		return false, err
	}
	o, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		o.Request = m.Kind + " " + m.ItemID
		o.Answer, o.Note, o.Err = c.send(ctx, d, m)
		var refused *peers.Refused
		if errors.As(o.Err, &refused) {
			o.Status = refused.Status
			o.Refused = refused.Status != http.StatusTooManyRequests && refused.Status < http.StatusInternalServerError
		}
		return o
	})
	if err != nil {
		return false, err
	}
	use := attempts.Use[models.ClientMessage, *models.ClientMessage]{Policy: d.Kind.Policy(), Alert: func(m *models.ClientMessage, v attempts.Verdict) *models.Alert {
		alert := &models.Alert{AccountID: d.AccountID, Kind: models.AlertFailedDelivery, Subject: m.ID, WorkOrderID: &m.WorkOrderID,
			Says: "client_given_up", Args: []any{"where", d.Name}}
		if v == attempts.Warned {
			alert.Says = "client_warned"
		}
		return alert
	}}
	return o.Err == nil || o.Refused || attempts.IsFinal(o.Err), c.Store.Write(ctx, func(tx *models.Tx) error {
		if err := use.Keep(tx, attempts.Try[models.ClientMessage, *models.ClientMessage]{Row: m, Outcome: o}); err != nil {
			return err
		}
		if m.DeliveryID != nil {
			return tx.Announce(d.AccountID, "delivery."+m.State, *m.DeliveryID, m.WorkOrderID)
		}
		return nil
	})
}

// peer is the client's system: the destination's own address, or that of its integration.
func (c *Clients) peer(ctx context.Context, d *models.Destination) (*peers.Peer, error) {
	var secrets models.DestinationSecrets
	if err := c.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets); err != nil {
		return nil, err
	}
	if d.Settings.URL != "" {
		return peers.At(d.Settings.URL, d.Settings.Extension, d.Settings.Username, secrets.Password, secrets.Token, c.client), nil
	}
	i, err := models.One[models.Integration](c.Store.Read(ctx).Where("id = ? AND deleted_at IS NULL", d.IntegrationID), "integration")
	if models.KindOf(err) == models.NotFound {
		return nil, attempts.Final(errors.New("the destination has no address, and its integration is gone"))
	}
	if err != nil {
		return nil, database(err)
	}
	var own models.IntegrationSecrets
	if err := c.Sealer.Open("integration/"+i.ID, i.Secrets, &own); err != nil {
		return nil, err
	}
	return peers.Of(i, own, c.PublicURL, c.client), nil
}

// Test asks the client's system whether it takes the credentials.
func (c *Clients) Test(ctx context.Context, d *models.Destination) error {
	p, err := c.peer(ctx, d)
	if err != nil {
		return err
	}
	return p.Validate(ctx, "")
}

func (c *Clients) send(ctx context.Context, d *models.Destination, m *models.ClientMessage) (said, note string, err error) {
	switch {
	case d.DeletedAt != nil:
		return "", "", attempts.Final(errors.New("the destination was deleted"))
	case !d.Enabled:
		return "", "", attempts.Final(errors.New("the destination is switched off"))
	}
	p, err := c.peer(ctx, d)
	if err != nil {
		return "", "", err
	}
	return c.tell(ctx, p, m, d.Kind)
}

func (c *Clients) tell(ctx context.Context, p *peers.Peer, m *models.ClientMessage, kind models.DestinationKind) (said, note string, err error) {
	db := c.Store.Read(ctx)
	if m.Kind == models.ClientStatus {
		o, err := models.One[models.WorkOrder](db.Where("id = ?", m.WorkOrderID), "work order")
		if err != nil {
			return "", "", database(err)
		}
		var status models.ClientStatusData
		if err := json.Unmarshal([]byte(m.Data), &status); err != nil {
			return "", "", attempts.Final(err)
		}
		number, err := models.NumberAtSource(db, o)
		if err != nil {
			return "", "", database(err)
		}
		said, _, err = p.Tell(ctx, "status", nil, wire.StatusMember(o, number, status, nil))
		return said, "", explain(err)
	}
	proof, err := models.ProofWith(db, m.WorkOrderID, m.ItemID)
	if err != nil {
		return "", "", database(err)
	}
	if len(proof.Items) == 0 {
		return "", "", attempts.Final(errors.New("the item was deleted or rejected before it could be sent"))
	}
	return c.item(ctx, p, proof, proof.Items[0], m, kind)
}

// database marks what our own database fails at.
func database(err error) error {
	if models.IsAway(err) || models.IsFull(err) {
		return attempts.Ours(err)
	}
	return err
}

func explain(err error) error {
	var source *peers.ErrSource
	if errors.As(err, &source) && storage.IsAway(source.Cause) {
		return attempts.Ours(err)
	}
	if errors.Is(err, guard.ErrAddress) {
		return attempts.Final(err)
	}
	return err
}

func (c *Clients) item(ctx context.Context, p *peers.Peer, proof *models.Proof, item *models.Item, m *models.ClientMessage, kind models.DestinationKind) (said, note string, err error) {
	publication := ""
	if m.DeliveryID != nil {
		d, err := models.One[models.Delivery](c.Store.Read(ctx).Where("id = ?", *m.DeliveryID), "delivery")
		if err != nil {
			return "", "", database(err)
		}
		publication = d.PublicationID
	}
	number, err := models.NumberAtSource(c.Store.Read(ctx), proof.Order)
	if err != nil {
		return "", "", err
	}
	out := wire.ItemOut{Proof: proof, Item: item, Number: number, PublicationID: publication, FileName: item.UUID + item.Extension()}
	var file *peers.Upload
	if item.BlobKey != "" {
		file = c.original(item)
		file.Name = out.FileName
	}
	said, _, err = p.Tell(ctx, "uploadPictures", file, wire.ItemMembers(out)...)
	var refused *peers.Refused
	// Along a Share link an error is no reason for less than the original: only who says that it is too large gets a copy.
	broke := kind != models.ShareDestination
	if errors.As(err, &refused) && (refused.Status == http.StatusRequestEntityTooLarge || (broke && refused.Status == http.StatusInternalServerError)) && item.Kind == models.Photo && item.Size > tooLarge {
		smaller, failed := c.rendition(ctx, item)
		if failed != nil {
			return said, "", errors.Join(err, failed)
		}
		smaller.Name = out.FileName
		note = fmt.Sprintf("[The peer refused the original of %d bytes, SHA-256 %s: this is a smaller copy.]", item.Size, item.SHA256)
		out.Note = note
		said, _, err = p.Tell(ctx, "uploadPictures", smaller, wire.ItemMembers(out)...)
	}
	return said, note, explain(err)
}

// original is an item's file as it was taken; its bytes are read while they are sent.
func (c *Clients) original(item *models.Item) *peers.Upload {
	upload := &peers.Upload{ContentType: item.ContentType, Size: item.Size}
	upload.Open = func(ctx context.Context) (io.ReadCloser, error) {
		reader, err := c.Blobs.Get(ctx, item.BlobKey)
		if err == nil && reader.Size() != upload.Size {
			err = errors.Join(attempts.Final(fmt.Errorf("%d bytes are kept of a file of %d", reader.Size(), upload.Size)), reader.Close())
		}
		if err != nil {
			return nil, err
		}
		return reader, nil
	}
	return upload
}

func (c *Clients) rendition(ctx context.Context, item *models.Item) (*peers.Upload, error) {
	reader, err := c.Media.Open(ctx, item, models.Display)
	if err != nil {
		return nil, err
	}
	upload := &peers.Upload{ContentType: "image/jpeg", Size: reader.Size()}
	upload.Open = func(ctx context.Context) (io.ReadCloser, error) { return c.Media.Open(ctx, item, models.Display) }
	return upload, reader.Close()
}
