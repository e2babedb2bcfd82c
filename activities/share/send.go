package share

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"fieldproof/activities/attempts"
	"fieldproof/models"
	"fieldproof/peers"
)

const (
	// atOnce is how many orders of one link are told of side by side.
	atOnce = 6
	// inTurn is how many lanes wait for their turn at a time.
	inTurn = 256
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
	failing string // the message that the other side did not answer to, and nothing went through since
	probing bool   // the other side rested: one message asks how it is
	stopped bool
	sent    int
	err     error
}

// send tells the delegator what waits. It stops to let something else be done, or when the delegator does not answer. False
// when there was nothing to tell.
func (t *turn) send(ctx context.Context) (bool, error) {
	p, _, err := t.Links.Peer(ctx, t.link)
	if err != nil {
		return false, err
	}
	s := &sending{turn: t, peer: p, taken: map[lane]bool{}, probing: t.link.ProbeAt != nil}
	s.changed.L = &s.mu
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
	return s.sent > 0, s.nextDue(ctx)
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

// watch lets the turn do something else as soon as there is: somebody asked, or the link was paused or ended.
func (s *sending) watch(ctx context.Context) {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		l, err := models.One[models.ShareLink](s.Store.Read(ctx).Where("id = ?", s.id), "share link")
		if ctx.Err() != nil {
			return
		}
		if err != nil || !l.Live() || l.Asked != "" || (l.DueAt != nil && !l.DueAt.After(time.Now())) {
			s.halt(err)
			return
		}
		if err := s.fill(ctx); err != nil && ctx.Err() == nil {
			s.halt(err)
			return
		}
	}
}

// fill has lanes that have something due take their turn behind those that wait.
func (s *sending) fill(ctx context.Context) error {
	var heads []struct {
		WorkOrderID string
		Kind        string
	}
	err := s.Store.Read(ctx).Model(&models.ClientMessage{}).Select("work_order_id, kind, MIN(seq) AS first").
		Where("destination_id = ? AND state IN ('pending', 'retrying') AND (next_attempt_at IS NULL OR next_attempt_at <= ?)", s.id, models.Now()).
		Group("work_order_id, kind").Order("first").Limit(inTurn).Scan(&heads).Error
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range heads {
		if l := (lane{h.WorkOrderID, h.Kind}); !s.taken[l] {
			s.taken[l] = true
			s.turns = append(s.turns, l)
		}
	}
	s.changed.Broadcast()
	return nil
}

// nextDue notes when the first of what rests is due.
func (s *sending) nextDue(ctx context.Context) error {
	var due []models.Time
	err := s.Store.Read(ctx).Model(&models.ClientMessage{}).Where("destination_id = ? AND state IN ('pending', 'retrying') AND next_attempt_at IS NOT NULL", s.id).
		Order("next_attempt_at").Limit(1).Pluck("next_attempt_at", &due).Error
	if err == nil && len(due) > 0 {
		s.next = &due[0]
	}
	return err
}

// work tells one message after the other, until nothing waits.
func (s *sending) work(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		// A link whose other side rested is asked by one message alone.
		for !s.stopped && (len(s.turns) == 0 || (s.probing && s.under > 0)) && s.under > 0 {
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
	var m *models.ClientMessage
	if err := s.Store.Write(ctx, func(tx *models.Tx) error {
		m, err = head(tx, s.id, l)
		return err
	}); err != nil || m == nil {
		return false, err
	}
	answered, err := s.try(ctx, m)
	if err != nil {
		return false, err
	}
	if answered {
		return true, s.answered(ctx)
	}
	if s.another(m) {
		return false, nil
	}
	return false, s.Links.Edit(ctx, s.id, func(link *models.ShareLink) { link.Fails(m.LastError, m.ID) })
}

// answered notes that the other side answers, now and then.
func (s *sending) answered(ctx context.Context) error {
	s.mu.Lock()
	s.sent++
	known := s.link.Condition == models.LinkOK && s.link.LastContactAt != nil && time.Since(s.link.LastContactAt.Time) < noted && !s.probing && s.failing == ""
	s.failing, s.probing = "", false
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

// noted is for how long it is enough that somebody noted that the other side answers.
const noted = time.Minute

// another tells whether another message goes although one had no answer: if it goes through, the failure was that one's own.
// Else nothing goes until the other side has rested.
func (s *sending) another(m *models.ClientMessage) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped || s.failing == m.ID {
		return true
	}
	if s.failing == "" && !s.probing && (len(s.turns) > 0 || s.under > 1) {
		s.failing = m.ID
		return true
	}
	s.stopped = true
	return false
}

// head is what goes next in a lane; nil for nothing. Of the statuses that wait only the newest goes, and the word that the
// order is complete waits for one try of each item that was released before it.
func head(tx *models.Tx, linkID string, l lane) (*models.ClientMessage, error) {
	var waiting []*models.ClientMessage
	q := tx.Where("destination_id = ? AND work_order_id = ? AND kind = ? AND state IN ('pending', 'retrying')", linkID, l.order, l.kind)
	if l.kind == models.ClientItem {
		err := q.Where("next_attempt_at IS NULL OR next_attempt_at <= ?", models.Now()).Order("seq").Limit(1).Find(&waiting).Error
		if err != nil || len(waiting) == 0 {
			return nil, err
		}
		return waiting[0], nil
	}
	if err := q.Order("seq").Find(&waiting).Error; err != nil || len(waiting) == 0 {
		return nil, err
	}
	newest := waiting[len(waiting)-1]
	for _, m := range waiting[:len(waiting)-1] {
		if err := m.Supersede(tx); err != nil {
			return nil, err
		}
	}
	if newest.NextAttemptAt != nil && newest.NextAttemptAt.After(time.Now()) {
		return nil, nil
	}
	var untried int64
	err := tx.Model(&models.ClientMessage{}).Where("destination_id = ? AND work_order_id = ? AND kind = ? AND seq < ? AND attempts = 0 AND state = 'pending'",
		linkID, l.order, models.ClientItem, newest.Seq).Count(&untried).Error
	if err != nil || (untried > 0 && newest.Completes()) {
		return nil, err
	}
	return newest, nil
}

// try tells one message once, and writes down what became of it. It reports whether the other side answered: what it refuses
// is the message's own trouble, silence may be everybody's.
func (s *sending) try(ctx context.Context, m *models.ClientMessage) (answered bool, err error) {
	o, err := attempts.Do(ctx, func(ctx context.Context) (o attempts.Outcome) {
		o.Request = m.Kind + " " + m.ItemID
		o.Answer, o.Note, o.Err = s.Clients.Tell(ctx, s.peer, m)
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
	use := attempts.Use[models.ClientMessage, *models.ClientMessage]{Policy: models.SharePolicy, Alert: func(m *models.ClientMessage, v attempts.Verdict) *models.Alert {
		return &models.Alert{AccountID: m.AccountID, Kind: models.AlertFailedDelivery, Subject: m.ID, WorkOrderID: &m.WorkOrderID, Title: "Something did not reach " + s.link.Name,
			Remedy: "It is tried again by itself, and everything else goes on. Ask them what their words mean if it stays so."}
	}}
	return o.Err == nil || o.Refused || attempts.IsFinal(o.Err), s.Store.Write(ctx, func(tx *models.Tx) error {
		if err := use.Keep(tx, attempts.Try[models.ClientMessage, *models.ClientMessage]{Row: m, Outcome: o}); err != nil {
			return err
		}
		if m.DeliveryID != nil {
			return tx.Announce(m.AccountID, "delivery."+m.State, *m.DeliveryID, m.WorkOrderID)
		}
		return nil
	})
}
