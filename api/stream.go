package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"fieldproof/models"
)

// StreamEvent tells that something changed (contract: stream event).
type StreamEvent struct {
	Type        string `json:"type"`
	ID          string `json:"id"`
	WorkOrderID string `json:"work_order_id"`
}

func (s *Server) streamRoutes() []route {
	return []route{stream(http.MethodGet, "/stream", anyMember, "Live events (server-sent); Last-Event-ID resumes", "text/event-stream", s.live, "last_event_id").named("watch")}
}

const (
	// overlap is how far back the feed is read again: rows may commit out of the order of their ids.
	overlap    = 100
	beatsEvery = 15 * time.Second
	// rechecks is how often a stream asks whether its session still stands.
	rechecks = 5 * time.Second
	// streamsEach is how many streams a user has open at one server: each asks the database at every event of the account.
	streamsEach = 50
)

// live writes events until the client goes, the session ends or the server stops.
func (s *Server) live(c *call) (any, error) {
	done, ok := s.bounds.streams.admit(c.member.ID)
	if !ok {
		c.Header("Retry-After", strconv.Itoa(int(beatsEvery.Seconds()))) // whose client is gone is found out at a beat
		return nil, models.Errorf(models.TooMany, "You have %d event streams open, as many as one user may: close some, or come back later.", streamsEach)
	}
	defer done()
	last, reset, err := s.resumeFrom(c)
	if err != nil {
		return nil, err
	}
	w, err := s.watcherFrom(c, last)
	if err != nil {
		return nil, err
	}
	woken, stop := s.Store.WatchFeed(c.member.AccountID)
	defer stop()
	c.written = true
	c.Header("Content-Type", "text/event-stream")
	c.Header("X-Accel-Buffering", "no")
	control := http.NewResponseController(c.Writer)
	fmt.Fprintf(c.Writer, "retry: 2000\n\n")
	if reset {
		if err := tellStream(c.Writer, last, StreamEvent{Type: models.FeedReset}); err != nil {
			return nil, nil
		}
	}
	beat, recheck := time.NewTicker(beatsEvery), time.NewTicker(rechecks)
	defer beat.Stop()
	defer recheck.Stop()
	for {
		if err := w.forward(c.ctx()); err != nil {
			return nil, nil // the client resumes with Last-Event-ID
		}
		if err := control.Flush(); err != nil {
			return nil, nil
		}
		select {
		case <-c.Request.Context().Done():
			return nil, nil
		case <-s.closing.Done():
			return nil, nil
		case <-woken:
		case <-beat.C:
			fmt.Fprint(c.Writer, ": still here\n\n")
		case <-recheck.C:
			if err := c.authorise(); err != nil {
				return nil, nil
			}
		}
	}
}

// tellStream writes one event.
func tellStream(w io.Writer, id int64, e StreamEvent) error {
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "id: %d\ndata: %s\n\n", id, data)
	return err
}

// resumeFrom is after which entry a stream begins. reset: what was asked for is no longer kept, so it begins with the newest.
func (s *Server) resumeFrom(c *call) (last int64, reset bool, err error) {
	text := c.GetHeader("Last-Event-ID")
	if text == "" {
		text = c.Query("last_event_id")
	}
	if text != "" {
		if last, err = strconv.ParseInt(text, 10, 64); err != nil || last < 0 {
			return 0, false, badParameter("Last-Event-ID", "Give the id of the last event that you got.")
		}
		kept, err := s.Store.FeedKept(c.ctx(), last)
		if err != nil || kept {
			return last, false, err
		}
	}
	last, err = s.Store.NewestFeedID(c.ctx())
	return last, text != "", err
}

// watcher remembers what a stream has shown.
type watcher struct {
	c      *call
	floor  int64 // nothing at or below it is shown
	newest int64
	seen   map[int64]bool
	sees   map[string]bool // orders of the entries at hand that the member sees
}

// slowest is how long a transaction may be on its way between its entry and its commit.
const slowest = 10 * time.Second

// watcherFrom begins a stream behind an entry. Whoever says by the parameter from where they read what they show is told, on
// PostgreSQL, of young entries before it too: rows commit out of the order of their ids, so these may not have been there yet.
func (s *Server) watcherFrom(c *call, last int64) (*watcher, error) {
	w := &watcher{c: c, floor: last, newest: last, seen: map[int64]bool{}}
	if s.Store.Dialect() != models.Postgres || c.GetHeader("Last-Event-ID") != "" || c.Query("last_event_id") == "" {
		return w, nil
	}
	w.floor = max(0, last-overlap)
	entries, err := s.Store.FeedSince(c.ctx(), w.floor, overlap)
	for _, e := range entries {
		if e.ID <= last && time.Since(e.At.Time) > slowest {
			w.seen[e.ID] = true
		}
	}
	return w, err
}

func (w *watcher) forward(ctx context.Context) error {
	for {
		entries, err := w.c.server.Store.FeedSince(ctx, max(w.floor, w.newest-overlap), 500)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(entries, func(e models.FeedEntry) bool { return !w.seen[e.ID] }) {
			// Asked after the entries were read: what happened after a revocation's answer is never shown.
			if err := w.c.authorise(); err != nil {
				return err
			}
			if err := w.look(ctx, entries); err != nil {
				return err
			}
		}
		fresh := 0
		for _, e := range entries {
			if w.seen[e.ID] {
				continue
			}
			fresh++
			w.seen[e.ID] = true
			w.newest = max(w.newest, e.ID)
			if !w.visible(e) {
				continue
			}
			if err := tellStream(w.c.Writer, e.ID, StreamEvent{Type: e.Type, ID: e.Subject, WorkOrderID: e.WorkOrderID}); err != nil {
				return err
			}
		}
		for id := range w.seen {
			if id < w.newest-2*overlap {
				delete(w.seen, id)
			}
		}
		if fresh == 0 || len(entries) < 500 {
			return nil
		}
	}
}

// look finds out, in one query, which orders of the entries the member sees.
func (w *watcher) look(ctx context.Context, entries []models.FeedEntry) error {
	if w.c.member.Office() {
		return nil
	}
	w.sees = map[string]bool{}
	var ids []string
	for _, e := range entries {
		if e.WorkOrderID != "" && !w.seen[e.ID] {
			ids = append(ids, e.WorkOrderID)
		}
	}
	var orders []*models.WorkOrder
	if err := w.c.server.Store.Read(ctx).Where("id IN ?", ids).Find(&orders).Error; err != nil {
		return err
	}
	for _, o := range orders {
		w.sees[o.ID] = w.c.member.Sees(o)
	}
	return nil
}

// visible tells whether the member may know of an entry: the field hears of the orders assigned to it only.
func (w *watcher) visible(e models.FeedEntry) bool {
	return w.c.member.Office() || w.sees[e.WorkOrderID]
}
