package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"fieldproof/models"
	"fieldproof/wire"
)

// Pushed is what became of a push.
type Pushed struct {
	Results []models.Received
	// Import goes on with a batch that is too large for one answer; nil otherwise.
	Import *models.Import
}

const (
	// PushInMemory is how many bytes of a push are read at once.
	PushInMemory = 2 << 20
	pushAtOnce   = 200 // orders that are answered one by one
	// ReceiveAtOnce is how many orders one transaction takes.
	ReceiveAtOnce = 50
)

var errTooMany = errors.New("intake: more orders than are answered one by one")

// TakePush takes the JSON of a push: a few orders at once with their results, a large batch as an import whose rows are
// durable before it is answered. [wire.ErrNotOrders] for what is no list of orders, to its end; [models.Forbidden] by a key that
// only rings.
func (in *Intake) TakePush(ctx context.Context, account *models.Account, i *models.Integration, r io.Reader) (*Pushed, error) {
	if err := in.onlyRings(models.InAccount(ctx, account.ID), i); err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	if _, err := io.CopyN(&buffer, r, PushInMemory+1); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	ctx = models.InAccount(ctx, account.ID)
	if buffer.Len() <= PushInMemory {
		orders, err := DecodeOrders(bytes.NewReader(buffer.Bytes()), account.Location(), pushAtOnce)
		if err == nil {
			results, err := in.takeAtOnce(ctx, account, i, models.LogPush, orders)
			return &Pushed{Results: results}, err
		}
		if !errors.Is(err, errTooMany) {
			return nil, in.logUnreadable(ctx, i, models.LogPush, err)
		}
	}
	checked := wire.NewChecked(io.MultiReader(&buffer, r)) // what is no list of orders is refused while its sender listens
	defer checked.Close()
	started, err := in.StartImport(ctx, NewImport{Account: account, Integration: i, Format: models.FormatPush, FileName: "push.json"}, checked)
	return &Pushed{Import: started}, in.logUnreadable(ctx, i, models.LogPush, err)
}

// onlyRings refuses what is pushed to the key of a link to another Fieldproof: that only rings by it, and is asked for its orders
// with what proves who we are. Whoever pushes has the key from elsewhere: an admin is told, and the other side is asked.
func (in *Intake) onlyRings(ctx context.Context, i *models.Integration) error {
	if i.Kind != models.ShareIntegration {
		return nil
	}
	l, err := models.LinkOfIntegration(in.Store.Read(ctx), i.ID)
	if err != nil || l == nil || !l.Fieldproof {
		return err
	}
	err = in.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.Raise(&models.Alert{AccountID: i.AccountID, Kind: models.AlertPeerTrouble, Subject: i.ID + "/pushed", Says: "pushed_by_others", Args: []any{"who", l.Called()}})
	})
	if err == nil {
		err = in.AskRefresh(ctx, i, false)
	}
	if err != nil {
		return err
	}
	return models.Errorf(models.Forbidden, "This key only asks for a fetch: the orders of this link are fetched, and nobody pushes them.")
}

// DecodeOrders reads a list of orders; more than most of them is an error.
func DecodeOrders(r io.Reader, zone *time.Location, most int) ([]models.Incoming, error) {
	var orders []models.Incoming
	_, err := wire.EachOrder(r, false, func(raw json.RawMessage) error {
		if len(orders) == most {
			return errTooMany
		}
		orders = append(orders, wire.DecodeOrder(raw, int64(len(orders)+1), zone))
		return nil
	})
	return orders, err
}

func (in *Intake) logUnreadable(ctx context.Context, i *models.Integration, kind string, cause error) error {
	var no *wire.ErrNotOrders
	if !errors.As(cause, &no) {
		return cause
	}
	err := in.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.Log(&models.LogEntry{AccountID: i.AccountID, IntegrationID: i.ID, Kind: kind, Outcome: "failed", Summary: no.Reason}, nil)
	})
	return errors.Join(cause, err)
}

// takeAtOnce takes a few orders, some a transaction, and writes the log with the last.
func (in *Intake) takeAtOnce(ctx context.Context, account *models.Account, i *models.Integration, kind string, orders []models.Incoming) ([]models.Received, error) {
	tally := &Tally{Account: account, Integration: i, Kind: kind}
	for {
		some := orders[:min(len(orders), ReceiveAtOnce)]
		orders = orders[len(some):]
		err := in.ReceiveInto(ctx, tally, Source{Account: account, Integration: i}, some, len(orders) == 0)
		if err != nil || len(orders) == 0 {
			return tally.Results, err
		}
	}
}

// Tally adds up what became of orders that come in some at a time, and tells it in the integration's log.
type Tally struct {
	Account     *models.Account
	Integration *models.Integration
	Kind        string
	Results     []models.Received
	KeepFew     bool // only results that say something are kept
	Counts      models.Import
	unknown     map[string]map[string]json.RawMessage
}

// ReceiveInto takes some orders and adds up their results; with the last of them the log entry is written too.
func (in *Intake) ReceiveInto(ctx context.Context, t *Tally, src Source, orders []models.Incoming, last bool) error {
	_, err := in.Receive(ctx, src, orders, func(tx *models.Tx, taken Taken) error {
		sum := t.with(taken)
		tx.AfterCommit(func() { *t = *sum })
		if !last || !taken.Last {
			return nil
		}
		return sum.tell(tx)
	})
	return err
}

// maxKept is how many results that say something a tally keeps when it keeps few.
const maxKept = 500

// with is the tally with what was taken added. The tally itself stays, for a transaction that is tried again.
func (t *Tally) with(taken Taken) *Tally {
	sum := *t
	sum.Results, sum.unknown = slices.Clip(sum.Results), maps.Clone(sum.unknown)
	sum.Counts.Count(taken.Results)
	for i, r := range taken.Results {
		if !sum.KeepFew || (len(r.Errors)+len(r.Warnings) > 0 && len(sum.Results) < maxKept) {
			sum.Results = append(sum.Results, r)
		}
		if o := &taken.Orders[i]; len(o.Unknown) > 0 && len(sum.unknown) < maxKept {
			if sum.unknown == nil {
				sum.unknown = map[string]map[string]json.RawMessage{}
			}
			sum.unknown[o.Number] = o.Unknown
		}
	}
	return &sum
}

// tell writes the log entry, and an alert when orders were rejected.
func (t *Tally) tell(tx *models.Tx) error {
	c := t.Counts
	e := &models.LogEntry{AccountID: t.Account.ID, IntegrationID: t.Integration.ID, Kind: t.Kind, Outcome: "ok", Created: c.Created, Updated: c.Updated, Unchanged: c.Unchanged, Rejected: c.Rejected,
		Summary: fmt.Sprintf("%d orders: %d created, %d updated, %d unchanged, %d rejected", c.Processed, c.Created, c.Updated, c.Unchanged, c.Rejected)}
	switch {
	case c.Rejected > 0 && c.Rejected == c.Processed:
		e.Outcome = "failed"
	case c.Rejected > 0:
		e.Outcome = "partly"
	}
	var said []models.Received
	for _, r := range t.Results {
		if len(r.Errors)+len(r.Warnings) > 0 {
			said = append(said, r)
		}
	}
	var details any
	if len(said) > 0 || len(t.unknown) > 0 {
		details = map[string]any{"results": said, "unknown": t.unknown}
	}
	if err := tx.Log(e, details); err != nil || c.Rejected == 0 {
		return err
	}
	return tx.Raise(&models.Alert{AccountID: t.Account.ID, Kind: models.AlertFailedImport, Subject: t.Integration.ID,
		Says: "orders_rejected", Args: []any{"client", t.Integration.ClientCode, "rejected", c.Rejected, "orders", c.Processed, "named", t.rejected()}})
}

// mostNamed is how many of the orders that were rejected an alert names.
const mostNamed = 5

// rejected names the first orders that were rejected, a line each, and why.
func (t *Tally) rejected() string {
	text, named := "", 0
	for _, r := range t.Results {
		if len(r.Errors) == 0 || r.Number == "" || named == mostNamed {
			continue
		}
		named++
		text += "\n" + r.Number + ": " + r.Errors[0].Message
	}
	return text
}

// NewImport is an import to be started.
type NewImport struct {
	ID          string
	Account     *models.Account
	Integration *models.Integration
	By          *models.Member
	Format      string
	FileName    string
	Mapping     map[string]string
	ClientCode  string
	DryRun      bool
	Remember    string // the key of the headers under which the mapping is kept; "" is nowhere
}

// MaxImport is the largest file that is imported, in bytes.
const MaxImport = 256 << 20

// StartImport keeps a file and has it imported. The same id again is the same import.
func (in *Intake) StartImport(ctx context.Context, n NewImport, r io.Reader) (*models.Import, error) {
	if n.ID == "" {
		n.ID = models.NewID()
	}
	i := &models.Import{ID: n.ID, AccountID: n.Account.ID, Format: n.Format, FileName: fileName(n.FileName), Mapping: n.Mapping, ClientCode: n.ClientCode, DryRun: n.DryRun,
		State: models.ImportPending, CreatedAt: models.Now(), UpdatedAt: models.Now()}
	if i.Mapping == nil {
		i.Mapping = map[string]string{}
	}
	if n.Integration != nil {
		i.IntegrationID = &n.Integration.ID
	}
	if n.By != nil {
		i.CreatedBy = n.By.ID
	}
	i.BlobKey = importKey(i.CreatedAt.Time, n.ID)
	sum, size, err := in.keep(ctx, i.BlobKey, r, MaxImport)
	if err != nil {
		return nil, err
	}
	i.SHA256, i.Size = sum, size
	err = in.Store.Write(models.InAccount(ctx, n.Account.ID), func(tx *models.Tx) error {
		if have, err := models.One[models.Import](tx.Where("id = ?", i.ID), "import"); models.KindOf(err) != models.NotFound {
			i = have
			return err
		}
		if err := tx.Create(i).Error; err != nil {
			return err
		}
		if n.Remember != "" {
			if err := tx.RememberMapping(&models.ImportMapping{AccountID: n.Account.ID, Headers: n.Remember, Mapping: i.Mapping}); err != nil {
				return err
			}
		}
		return tx.Ring(models.ImportBell, i.ID)
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return i, nil
}

// CancelImport stops an import at its next rows. One that has not begun never does; [models.Conflict] when it has ended.
func (in *Intake) CancelImport(ctx context.Context, by *models.Member, id string) (i *models.Import, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if i, err = models.One[models.Import](tx.Locked().Where("id = ?", id), "import"); err != nil {
			return err
		}
		if i.State == models.ImportCancelled {
			return nil
		}
		if i.Over() {
			return models.Errorf(models.Conflict, "The import has ended: it is %s.", i.State)
		}
		i.CancelAsked, i.UpdatedAt = true, models.Now()
		if i.State == models.ImportPending {
			i.State, i.EndedAt = models.ImportCancelled, &i.UpdatedAt
		}
		return tx.Select("cancel_asked", "state", "ended_at", "updated_at").Updates(i).Error
	})
	return i, err
}
