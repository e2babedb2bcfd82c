package share

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"gorm.io/gorm"

	"fieldproof/activities/attempts"
	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/peers"
)

const (
	// atOnce is how many orders of one link are told of side by side.
	atOnce = 8
	// inTurn is how many lanes of a kind wait for their turn at a time.
	inTurn = 128
	// vouches is for how long a good validate says that what is refused is the message's own trouble.
	vouches = 5 * time.Second
	// hastened are the most tries of a message that goes at once when the other side is back: what failed more often waits for
	// its own clock.
	hastened = 6
)

// lane is what goes one after the other: the items, or the statuses, of an order.
type lane struct{ order, kind string }

// sending is what goes back by a link: orders take turns, several at once, one message under way a lane.
type sending struct {
	*turn
	peer *peers.Peer

	mu      sync.Mutex
	changed sync.Cond
	turns   []lane        // in their turn
	taken   map[lane]bool // in turn or under way
	under   int
	failing *models.ClientMessage // the other side did not answer to it, and nothing went through since
	stopped bool                  // no other message begins
	known   time.Time             // when the other side said last that our credentials are good
	err     error

	asking sync.Mutex
	asked  map[string]bool // messages of which the other side was asked whether it lacks them
	holds  map[string]bool // those that it has
}

// send tells the delegator what waits. It stops to let something else be done, or when the delegator does not answer. False
// when there was nothing to tell.
func (t *turn) send(ctx context.Context) (bool, error) {
	p, _, err := t.Links.Peer(ctx, t.link)
	if err != nil {
		return false, err
	}
	s := &sending{turn: t, peer: p, taken: map[lane]bool{}, asked: map[string]bool{}, holds: map[string]bool{}}
	s.changed.L = &s.mu
	if t.link.ProbeAt != nil {
		return s.probe(ctx)
	}
	if err := s.fill(ctx); err != nil {
		return false, err
	}
	if len(s.turns) == 0 {
		return false, s.nextDue(ctx)
	}
	defer context.AfterFunc(ctx, func() { s.halt(nil) })()
	watching, stop := context.WithCancel(ctx)
	var workers, watcher sync.WaitGroup
	for range atOnce {
		workers.Go(func() { s.work(ctx) })
	}
	watcher.Go(func() { s.watch(watching) })
	workers.Wait()
	stop()
	watcher.Wait()
	if s.err != nil || ctx.Err() != nil {
		return false, errors.Join(s.err, ctx.Err())
	}
	if s.failing != nil && !s.stopped {
		return true, s.alone(ctx, s.failing)
	}
	return true, s.nextDue(ctx)
}

// halt has no other message begun.
func (s *sending) halt(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.err == nil {
		s.err = err
	}
	s.changed.Broadcast()
}

// watch lets the turn do something else as soon as there is: somebody asked, the link was paused or ended, or the worker stops.
func (s *sending) watch(ctx context.Context) {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-leaving(ctx):
			s.halt(nil)
			return
		case <-tick.C:
		}
		l, err := models.One[models.ShareLink](s.Store.Read(ctx).Where("id = ?", s.id), "share link")
		if ctx.Err() != nil {
			return
		}
		if err != nil || !l.Live() || asks(l) {
			s.halt(err)
			return
		}
		if err := s.fill(ctx); err != nil && ctx.Err() == nil {
			s.halt(err)
			return
		}
	}
}

// waiting are the messages that wait for the link.
func (s *sending) waiting(ctx context.Context) *gorm.DB {
	return s.Store.Read(ctx).Model(&models.ClientMessage{}).Where("destination_id = ? AND state IN ('pending', 'retrying')", s.id)
}

// fill has lanes that have something due take their turn behind those that wait. Statuses and items have places of their own,
// so that neither holds back the other.
func (s *sending) fill(ctx context.Context) error {
	for _, kind := range []string{models.ClientStatus, models.ClientItem} {
		var heads []struct{ WorkOrderID string }
		err := s.waiting(ctx).Select("work_order_id, MIN(seq) AS first").Where("kind = ? AND (next_attempt_at IS NULL OR next_attempt_at <= ?)", kind, models.Now()).
			Group("work_order_id").Order("first").Limit(inTurn).Scan(&heads).Error
		if err != nil {
			return err
		}
		s.mu.Lock()
		for _, h := range heads {
			if l := (lane{h.WorkOrderID, kind}); !s.taken[l] {
				s.taken[l] = true
				s.turns = append(s.turns, l)
			}
		}
		s.changed.Broadcast()
		s.mu.Unlock()
	}
	return nil
}

// nextDue notes when the first of what rests is due.
func (s *sending) nextDue(ctx context.Context) error {
	var due []models.Time
	err := s.waiting(ctx).Where("next_attempt_at IS NOT NULL").Order("next_attempt_at").Limit(1).Pluck("next_attempt_at", &due).Error
	if s.next = nil; err == nil && len(due) > 0 {
		s.next = &due[0]
	}
	return err
}

// work tells one message after the other, until nothing waits. While it is not known whose fault a silence was, one goes alone.
func (s *sending) work(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for !s.stopped && (len(s.turns) == 0 || s.failing != nil) && s.under > 0 {
			s.changed.Wait()
		}
		if s.stopped || len(s.turns) == 0 {
			return
		}
		l := s.turns[0]
		s.turns = s.turns[1:]
		s.under++
		s.mu.Unlock()
		more, err := s.one(ctx, l)
		s.mu.Lock()
		s.under--
		if more {
			s.turns = append(s.turns, l)
		} else {
			delete(s.taken, l)
		}
		if err != nil {
			s.stopped, s.err = true, errors.Join(s.err, err)
		}
		s.changed.Broadcast()
	}
}

// one tells the first of a lane that is due; more says that the lane may have another.
func (s *sending) one(ctx context.Context, l lane) (more bool, err error) {
	m, err := s.head(ctx, l, false)
	if err != nil || m == nil {
		return false, err
	}
	heard, err := s.try(ctx, m)
	switch {
	case err != nil:
		return false, err
	case heard == answered:
		return true, s.answered(ctx)
	case heard == silent && !s.another(m):
		return false, s.Links.Edit(ctx, s.id, func(link *models.ShareLink) { link.Fails(m.LastError, m.ID) })
	}
	return true, nil
}

// another tells whether another message goes although one had no answer: if it goes through, the failure was that one's own.
// Else nothing goes until the other side has rested.
func (s *sending) another(m *models.ClientMessage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing == nil || s.failing.ID == m.ID {
		s.failing = m
		return true
	}
	s.stopped = true
	return false
}

// alone judges a message that had no answer where there is no other to try: the other side is asked whether it knows us. If
// it says so the failure was the message's own.
func (s *sending) alone(ctx context.Context, m *models.ClientMessage) error {
	err := s.introduce(ctx)
	switch {
	case attempts.IsOurs(err) || ctx.Err() != nil:
		return errors.Join(err, ctx.Err())
	case peers.RefusedUs(err):
		return s.lockedOut(ctx, err)
	case err != nil:
		return s.Links.Edit(ctx, s.id, func(link *models.ShareLink) { link.Fails(m.LastError, m.ID) })
	}
	return s.back(ctx)
}

// probe has one message ask whether the other side, which rested, is back: its own rest or not, and never the same twice
// running while there are others. False when none waits.
func (s *sending) probe(ctx context.Context) (bool, error) {
	var some []models.ClientMessage
	if err := s.waiting(ctx).Order("attempts, seq").Limit(inTurn).Find(&some).Error; err != nil {
		return false, err
	}
	var m, last *models.ClientMessage
	for _, w := range some {
		head, err := s.head(ctx, lane{w.WorkOrderID, w.Kind}, true)
		if err != nil {
			return false, err
		}
		if head == nil {
			continue
		}
		if m = head; m.ID != s.link.Probed {
			break
		}
		m, last = nil, head
	}
	if m == nil {
		m = last
	}
	if m == nil {
		return false, nil
	}
	heard, err := s.try(ctx, m)
	switch {
	case err != nil:
		return false, err
	case heard == answered:
		return true, s.back(ctx)
	case heard == unasked:
		return true, nil
	case m == last:
		return true, s.alone(ctx, m)
	}
	return true, s.Links.Edit(ctx, s.id, func(link *models.ShareLink) { link.Fails(m.LastError, m.ID) })
}

// answered notes that the other side answers, now and then.
func (s *sending) answered(ctx context.Context) error {
	s.mu.Lock()
	known := s.link.Condition == models.LinkOK && s.link.LastContactAt != nil && time.Since(s.link.LastContactAt.Time) < noted && s.failing == nil
	s.failing = nil
	if !known {
		now := models.Now()
		s.link.LastContactAt = &now
	}
	s.mu.Unlock()
	if known {
		return nil
	}
	return s.Links.Edit(ctx, s.id, func(link *models.ShareLink) { link.Answers() })
}

// back notes that the other side answers again: what had no answer goes at once, oldest first.
func (s *sending) back(ctx context.Context) error {
	return s.Store.Write(ctx, func(tx *models.Tx) error {
		if _, err := tx.EditLink(s.id, func(link *models.ShareLink) error {
			link.Answers()
			return nil
		}); err != nil {
			return err
		}
		return hasten(tx, s.link)
	})
}

// hasten has what rests along a link that was down go now.
func hasten(tx *models.Tx, l *models.ShareLink) error {
	if l.Condition != models.LinkDown {
		return nil
	}
	now := models.Now()
	return tx.Model(&models.ClientMessage{}).Where("destination_id = ? AND state = 'retrying' AND next_attempt_at > ? AND attempts < ?", l.ID, now, hastened).
		Update("next_attempt_at", now).Error
}

// noted is for how long it is enough that somebody noted that the other side answers.
const noted = time.Minute

// head is what goes next in a lane, resting or not if anyway is set; nil for nothing. Of the statuses that wait only the
// newest goes, and the word that the order is complete waits for one try of each item that was released before it.
func (s *sending) head(ctx context.Context, l lane, anyway bool) (*models.ClientMessage, error) {
	var waiting []*models.ClientMessage
	lane := s.waiting(ctx).Where("work_order_id = ?", l.order)
	if l.kind == models.ClientItem {
		if lane = lane.Where("kind = ?", l.kind).Order("seq").Limit(1); anyway {
			lane = lane.Where("id <> ?", s.link.Probed)
		} else {
			lane = lane.Where("next_attempt_at IS NULL OR next_attempt_at <= ?", models.Now())
		}
		err := lane.Find(&waiting).Error
		if err == nil && anyway && len(waiting) == 0 {
			err = s.waiting(ctx).Where("work_order_id = ? AND id = ?", l.order, s.link.Probed).Find(&waiting).Error
		}
		if err != nil || len(waiting) == 0 {
			return nil, err
		}
		return s.newest(ctx, waiting[0])
	}
	if err := lane.Where("kind = ?", l.kind).Order("seq").Find(&waiting).Error; err != nil || len(waiting) == 0 {
		return nil, err
	}
	newest := waiting[len(waiting)-1]
	if older := waiting[:len(waiting)-1]; len(older) > 0 {
		err := s.Store.Write(ctx, func(tx *models.Tx) error {
			for _, m := range older {
				if err := m.Supersede(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if !anyway && newest.NextAttemptAt != nil && newest.NextAttemptAt.After(time.Now()) {
		return nil, nil
	}
	if !newest.Completes() {
		return newest, nil
	}
	var untried int64
	err := s.waiting(ctx).Where("work_order_id = ? AND kind = ? AND seq < ? AND attempts = 0 AND state = 'pending'", l.order, models.ClientItem, newest.Seq).Count(&untried).Error
	if err != nil || untried > 0 {
		return nil, err
	}
	return newest, nil
}

// newest is what is told of an item, instead of an older revision that waits before it.
func (s *sending) newest(ctx context.Context, m *models.ClientMessage) (*models.ClientMessage, error) {
	item, err := models.One[models.Item](s.Store.Read(ctx).Where("id = ?", m.ItemID), "item")
	if err != nil || item.Revision <= m.Revision {
		return m, err
	}
	var behind []*models.ClientMessage
	err = s.waiting(ctx).Where("work_order_id = ? AND kind = ? AND item_id = ? AND seq > ?", m.WorkOrderID, m.Kind, m.ItemID, m.Seq).Order("seq DESC").Limit(1).Find(&behind).Error
	if err != nil || len(behind) == 0 {
		return m, err
	}
	next := behind[0]
	return next, s.Store.Write(ctx, func(tx *models.Tx) error {
		if err := m.Overtaken(tx); err != nil {
			return err
		}
		next.Attempts = max(next.Attempts, m.Attempts)
		return tx.Model(&models.ClientMessage{}).Where("id = ?", next.ID).Update("attempts", next.Attempts).Error
	})
}

// heard is what a try heard of the other side.
type heard int

const (
	unasked  heard = iota // nothing was said: the message can't be told
	silent                // it may be down
	answered              // whatever it said
)

// introduce asks the other side whether it knows us.
func (t *turn) introduce(ctx context.Context) error { return ours(t.Links.Introduce(ctx, t.link)) }

// welcome tells whether the other side, which refused something, still lets us in. If not, that is noted, and what it refused
// was not the message's own trouble.
func (s *sending) welcome(ctx context.Context) (bool, error) {
	s.mu.Lock()
	known := time.Since(s.known) < vouches
	s.mu.Unlock()
	if known {
		return true, nil
	}
	err := s.introduce(ctx)
	switch {
	case attempts.IsOurs(err) || ctx.Err() != nil:
		return false, errors.Join(err, ctx.Err())
	case peers.RefusedUs(err):
		s.halt(nil)
		return false, s.lockedOut(ctx, err)
	case err == nil:
		s.mu.Lock()
		s.known = time.Now()
		s.mu.Unlock()
	}
	return true, nil
}

// try tells one message once, and writes down what became of it. What the other side refuses is the message's own trouble,
// as long as it lets us in; silence may be everybody's.
func (s *sending) try(ctx context.Context, m *models.ClientMessage) (heard, error) {
	if err := s.introduceKey(ctx, m); err != nil {
		return unasked, err
	}
	if there, err := s.there(ctx, m); err != nil || there {
		return answered, err
	}
	o, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		o.Request = m.Kind + " " + m.ItemID
		o.Answer, o.Note, o.Err = s.Clients.Tell(ctx, s.peer, s.link, m)
		var refused *peers.Refused
		if errors.As(o.Err, &refused) {
			o.Status = refused.Status
			o.Refused = refused.Status != http.StatusTooManyRequests && refused.Status < http.StatusInternalServerError
		}
		if errors.Is(o.Err, guard.ErrAddress) {
			o.Err = guard.ErrAddress // the link's trouble, which passes with its address: no message is given up for it
		}
		return o
	})
	if err != nil {
		return unasked, err
	}
	if o.Refused {
		if in, err := s.welcome(ctx); err != nil || !in {
			return unasked, err
		}
	}
	use := attempts.Use[models.ClientMessage, *models.ClientMessage]{Policy: policyOf(m), Alert: s.alert}
	err = s.Store.Write(ctx, func(tx *models.Tx) error {
		if err := use.Keep(tx, attempts.Try[models.ClientMessage, *models.ClientMessage]{Row: m, Outcome: o}); err != nil {
			return err
		}
		if m.DeliveryID != nil {
			return tx.Announce(m.AccountID, "delivery."+m.State, *m.DeliveryID, m.WorkOrderID)
		}
		return nil
	})
	switch {
	case err != nil:
		return unasked, err
	case o.Err == nil || o.Refused:
		return answered, nil
	case attempts.IsFinal(o.Err):
		return unasked, nil
	}
	return silent, nil
}

// policyOf says how often a message is tried: a status that is refused waits no thirty days, for a newer one follows.
func policyOf(m *models.ClientMessage) models.Policy {
	p := models.SharePolicy
	if m.Kind == models.ClientStatus {
		p.Refusals = models.ClientPolicy.Refusals
	}
	return p
}

// alert is what people are told of a message that does not arrive.
func (s *sending) alert(m *models.ClientMessage, v attempts.Verdict) *models.Alert {
	alert := &models.Alert{AccountID: m.AccountID, Kind: models.AlertFailedDelivery, Subject: m.ID, WorkOrderID: &m.WorkOrderID, Says: "share_warned", Args: []any{"who", s.link.Name}}
	if v == attempts.GivenUp {
		alert.Says = "share_given_up"
	}
	return alert
}
