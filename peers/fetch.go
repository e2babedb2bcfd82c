package peers

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/wire"
)

// fetchedAgain is how far before the last fetch changes are asked for again: rows commit late.
const fetchedAgain = 5 * time.Minute

// longestCursor is how long the cursor of a peer may be: without one it is asked by time.
const longestCursor = 1000

// Fetch is orders on their way from a peer into an account.
type Fetch struct {
	Intake      *intake.Intake
	Account     *models.Account
	Integration *models.Integration
	Since       Since
	Bulk        bool // they wait behind those for which somebody waits
}

// Fetched is up to where changes have come in: by the peer's clock, by ours only if it tells no time; nil when its clock was
// set back: what changed meanwhile is then found by asking for all. A Fieldproof says it by a cursor.
type Fetched struct {
	Until      *models.Time
	Cursor     string
	Fieldproof bool  // the peer named itself one
	Compare    bool  // it wants both ends compared
	Changed    int64 // orders that were made or updated
	Rejected   int64 // orders that could not be taken
}

// ErrKeeping is what our own database failed at while something of a peer was taken in.
type ErrKeeping struct{ Cause error }

func (e *ErrKeeping) Error() string {
	return "what the peer brought could not be kept: " + e.Cause.Error()
}
func (e *ErrKeeping) Unwrap() error { return e.Cause }

// From fetches orders from a peer and takes them in.
func (f Fetch) From(ctx context.Context, p *Peer) (Fetched, error) {
	began := models.Now()
	since := f.Since
	if since.At != nil {
		at := models.At(since.At.Add(-fetchedAgain))
		since.At = &at
	}
	path, until, err := p.GetWorkOrders(ctx, since)
	if err != nil {
		return Fetched{}, err
	}
	defer func() { _ = os.Remove(path) }()
	switch {
	case until == nil:
		until = &began
	case since.At != nil && until.Before(since.At.Time):
		until = nil
	}
	tally := &intake.Tally{Account: f.Account, Integration: f.Integration, Kind: models.LogRefresh, KeepFew: true}
	src := intake.Source{Account: f.Account, Integration: f.Integration, Bulk: f.Bulk}
	var batch []models.Incoming
	line := int64(0)
	flush := func(last bool) error {
		err := f.Intake.ReceiveInto(ctx, tally, src, batch, last)
		batch = nil
		if err != nil {
			return &ErrKeeping{err}
		}
		return nil
	}
	rest, err := eachOrder(path, func(raw json.RawMessage) error {
		line++
		in := wire.DecodeOrder(raw, line, f.Account.Location())
		if batch = append(batch, in); len(batch) < intake.ReceiveAtOnce {
			return nil
		}
		return flush(false)
	})
	if err != nil {
		return Fetched{}, err
	}
	err = flush(true)
	cursor := wire.Text(rest, "cursor")
	if len(cursor) > longestCursor {
		cursor = ""
	}
	return Fetched{Until: until, Cursor: cursor, Fieldproof: speaks(wire.Text(rest, "fieldproof")), Compare: wire.Text(rest, "compare") == "true",
		Changed: tally.Counts.Created + tally.Counts.Updated, Rejected: tally.Counts.Rejected}, err
}
