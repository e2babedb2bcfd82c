// Package share keeps Share links going (domain 9): at the recipient it fetches what is new and brings back what was done,
// at the delegator it tells the recipient that there is something to fetch.
package share

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"fieldproof/activities/attempts"
	"fieldproof/activities/clients"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/workflows/protocol"
)

// Share keeps links going.
type Share struct {
	Store   *models.Store
	Intake  *intake.Intake
	Links   *peers.Links
	Clients *clients.Clients

	introduced sync.Map // link → the key of ours that its other side was told last
}

const (
	turnTime = 40 * time.Minute
	// looks is how often a turn that is busy looks whether there is something else to do.
	looks = 500 * time.Millisecond
)

// Turn does what is due of a link, and tells when to look again.
func (s *Share) Turn(ctx context.Context, in protocol.ShareInput) (protocol.ShareResult, error) {
	defer attempts.Beat(ctx)()
	l, err := models.One[models.ShareLink](s.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", in.LinkID), "share link")
	if models.KindOf(err) == models.NotFound {
		return protocol.ShareResult{Over: true}, nil
	}
	if err != nil {
		return protocol.ShareResult{}, err
	}
	ctx = models.InAccount(ctx, l.AccountID)
	t := &turn{Share: s, id: l.ID}
	for until := time.Now().Add(turnTime); time.Now().Before(until); {
		if t.link, err = models.One[models.ShareLink](s.Store.Read(ctx).Where("id = ?", l.ID), "share link"); err != nil {
			return protocol.ShareResult{}, err
		}
		if t.link.EndedAt != nil {
			return t.farewell(ctx)
		}
		if t.link.PausedAt != nil && t.link.Direction == models.LinkOut && t.link.DueAt != nil {
			if _, err := t.ring(ctx); err != nil { // the recipient asks, and hears that the link is held
				return protocol.ShareResult{}, err
			}
		}
		if !t.link.Live() || t.rests() || left(ctx) {
			break
		}
		worked, err := t.step(ctx)
		if err != nil {
			return protocol.ShareResult{}, err
		}
		if !worked {
			break
		}
	}
	return t.result(ctx)
}

// turn is one turn of a link.
type turn struct {
	*Share
	id   string
	link *models.ShareLink // as it was read last
	next *models.Time      // when something of it is due
}

func (t *turn) rests() bool { return t.link.ProbeAt != nil && t.link.ProbeAt.After(time.Now()) }

// leaving is closed when the worker stops: another goes on from the rows.
func leaving(ctx context.Context) <-chan struct{} {
	if !activity.IsActivity(ctx) {
		return nil
	}
	return activity.GetWorkerStopChannel(ctx)
}

func left(ctx context.Context) bool {
	select {
	case <-leaving(ctx):
		return true
	default:
		return false
	}
}

// step does one thing that is due; false when nothing is.
func (t *turn) step(ctx context.Context) (bool, error) {
	l := t.link
	if l.Direction == models.LinkOut {
		return t.ring(ctx)
	}
	switch {
	case l.Condition == models.LinkWaiting || l.Condition == models.LinkRefused: // who does not let us in is told nothing
		if asks(l) || l.ProbeAt != nil {
			return true, t.fetch(ctx)
		}
		return false, nil
	case l.ProbeAt != nil && l.Probed == "": // it was not to be fetched from: what waits may be another matter
		if worked, err := t.send(ctx); worked || err != nil {
			return worked, err
		}
		return true, t.fetch(ctx)
	case asks(l):
		return true, t.fetch(ctx)
	case l.ProbeAt == nil && t.compareDue():
		return true, t.reconcile(ctx)
	}
	worked, err := t.send(ctx)
	if !worked && err == nil && l.ProbeAt != nil {
		return true, t.fetch(ctx) // nothing waits that could ask how it is
	}
	return worked, err
}

// asks tells whether a recipient is to fetch.
func asks(l *models.ShareLink) bool {
	return l.Asked != "" || l.DueAt == nil || !l.DueAt.After(time.Now())
}

// dueAt is when the link asks, or rings, next.
func (t *turn) dueAt() time.Time {
	if t.link.DueAt != nil {
		return t.link.DueAt.Time
	}
	if t.link.Direction == models.LinkOut {
		return t.link.StateSince.Add(models.LinkWord)
	}
	return time.Time{} // never asked yet
}

// result is where the link stands, and when to look again.
func (t *turn) result(ctx context.Context) (protocol.ShareResult, error) {
	l, err := models.One[models.ShareLink](t.Store.Read(ctx).Where("id = ?", t.id), "share link")
	if err != nil {
		return protocol.ShareResult{}, err
	}
	if err := t.tellSilence(ctx, l); err != nil {
		return protocol.ShareResult{}, err
	}
	views, err := models.ViewShareLinks(t.Store.Read(ctx), []*models.ShareLink{l})
	if err != nil {
		return protocol.ShareResult{}, err
	}
	v := views[0]
	r := protocol.ShareResult{Name: v.Name, State: string(v.State), Items: v.Waiting.Items, Statuses: v.Waiting.Statuses}
	if !l.Live() {
		r.Over = true
		return r, nil
	}
	t.link = l
	next := t.dueAt()
	if t.next != nil && t.next.Before(next) {
		next = t.next.Time
	}
	if t.rests() {
		next = l.ProbeAt.Time
	}
	at := models.At(next)
	r.NextSeconds = min(attempts.Until(&at), int64(models.LinkWord/time.Second))
	return r, nil
}

// tellSilence raises an alert when nothing was heard of the other side for days.
func (t *turn) tellSilence(ctx context.Context, l *models.ShareLink) error {
	since := l.CreatedAt
	if l.LastContactAt != nil {
		since = *l.LastContactAt
	}
	if !l.Live() || l.SilenceToldAt != nil || time.Since(since.Time) < models.LinkSilence {
		return nil
	}
	return t.Store.Write(ctx, func(tx *models.Tx) error {
		if _, err := tx.EditLink(l.ID, func(l *models.ShareLink) error {
			now := models.Now()
			l.SilenceToldAt = &now
			return nil
		}); err != nil {
			return err
		}
		return tx.Raise(l.SilenceAlert())
	})
}

// fetch introduces us where that is needed, and takes in what is new.
func (t *turn) fetch(ctx context.Context) error {
	l := t.link
	p, i, err := t.Links.Peer(ctx, l)
	if err != nil {
		return err
	}
	account, err := t.Store.AccountByID(ctx, l.AccountID)
	if err != nil {
		return err
	}
	asked := l.Asked
	lockedOut := false
	introduce := func() error {
		err := t.introduce(ctx)
		lockedOut = peers.RefusedUs(err)
		return err
	}
	outcome, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		known := l.Condition == models.LinkOK && asked != models.AskedAll
		if !known {
			if o.Err = introduce(); o.Err != nil {
				return o
			}
		}
		fetch := peers.Fetch{Intake: t.Intake, Account: account, Integration: i}
		if asked != models.AskedAll || (l.Fieldproof && l.Cursor != "") { // with a Fieldproof all is compared instead
			fetch.Since = peers.Since{At: i.ReceivedUntil, Cursor: l.Cursor}
		}
		var fetched peers.Fetched
		fetched, o.Err = fetch.From(ctx, p)
		if o.Err = ours(o.Err); o.Err == nil {
			o.Err = t.fetched(ctx, l, i, fetched, night(account))
		}
		var refused *peers.Refused
		if errors.As(o.Err, &refused) && known { // us, or what was asked?
			if err := introduce(); attempts.IsOurs(err) || lockedOut {
				o.Err = err
			}
		}
		if o.Err == nil {
			o.Err = t.tellRefusals(ctx, p, i)
		}
		return o
	})
	t.Intake.Bells.Poke()
	if err != nil || outcome.Err == nil {
		return err
	}
	return t.failed(ctx, l, i, outcome.Err, lockedOut)
}

// lockedOut notes why the other side, asked who we are, lets us in no more.
func (t *turn) lockedOut(ctx context.Context, why error) error {
	return t.Store.Write(ctx, func(tx *models.Tx) error { return peers.Noted(tx, t.id, why) })
}

// ours marks what our own database failed at.
func ours(err error) error {
	var keeping *peers.ErrKeeping
	if errors.As(err, &keeping) {
		return attempts.Ours(keeping.Cause)
	}
	return err
}

// served notes that what was asked of a link is done, and when it is due next; unless somebody asked anew meanwhile. What was
// asked stands in its row until then: a worker may be killed at any moment.
func served(l, asked *models.ShareLink, again time.Duration) {
	if l.DueAt == asked.DueAt || (l.DueAt != nil && asked.DueAt != nil && l.DueAt.Equal(asked.DueAt.Time)) {
		l.DueAt, l.Asked = new(models.At(time.Now().Add(again))), ""
	}
}

// fetched notes up to where changes have come in. Where one of the two ends asked for it both are compared now, where a link is
// new in the night that comes.
func (t *turn) fetched(ctx context.Context, l *models.ShareLink, i *models.Integration, f peers.Fetched, next models.Time) error {
	return attempts.Ours(t.Store.Write(ctx, func(tx *models.Tx) error {
		if _, err := tx.EditLink(l.ID, func(now *models.ShareLink) error {
			now.Works()
			now.Cursor = f.Cursor
			switch {
			case (l.Asked == models.AskedAll || f.Compare) && now.Fieldproof:
				now.CompareAt = new(models.Now())
			case now.CompareAt == nil:
				now.CompareAt = &next
			}
			served(now, l, models.LinkPull)
			return nil
		}); err != nil {
			return err
		}
		if err := hasten(tx, l); err != nil {
			return err
		}
		return tx.Model(&models.Integration{}).Where("id = ?", i.ID).Updates(map[string]any{"status": models.IntegrationIdle, "last_refresh_at": models.Now(),
			"last_error": "", "failures": 0, "received_until": f.Until, "asked": "", "fetching": ""}).Error
	}))
}

// failed notes why the delegator could not be asked: it lets us in no more, says what we can't use, or does not answer.
func (t *turn) failed(ctx context.Context, l *models.ShareLink, i *models.Integration, cause error, lockedOut bool) error {
	text := models.ErrorText(cause)
	return t.Store.Write(ctx, func(tx *models.Tx) error {
		if lockedOut {
			if err := peers.Noted(tx, l.ID, cause); err != nil {
				return err
			}
		} else if _, err := tx.EditLink(l.ID, func(l *models.ShareLink) error {
			l.Fails(text, "")
			l.DueAt = l.ProbeAt
			return nil
		}); err != nil {
			return err
		}
		return tx.Model(&models.Integration{}).Where("id = ?", i.ID).Updates(map[string]any{"status": models.IntegrationError, "last_refresh_at": models.Now(),
			"last_error": text, "asked": "", "fetching": ""}).Error
	})
}

// ring tells the recipient to fetch, once for many changes; and once an hour that all is well.
func (t *turn) ring(ctx context.Context) (bool, error) {
	l := t.link
	if t.dueAt().After(time.Now()) {
		return false, nil
	}
	// What changes from here on rings anew; and so does this, should the worker be killed before it is done.
	lease := models.At(time.Now().Add(2 * peers.RingTime))
	if err := t.Links.Edit(ctx, l.ID, func(now *models.ShareLink) { now.DueAt = &lease }); err != nil {
		return false, err
	}
	l.DueAt = &lease
	rang := false
	outcome, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		rang, o.Err = t.Links.Ring(ctx, l)
		return o
	})
	if err != nil {
		return false, err
	}
	return true, t.Links.Edit(ctx, l.ID, func(now *models.ShareLink) {
		if outcome.Err != nil {
			now.Fails(models.ErrorText(outcome.Err), "")
			now.DueAt = now.ProbeAt
			return
		}
		served(now, l, models.LinkWord)
		if rang {
			now.Answers()
		}
	})
}
