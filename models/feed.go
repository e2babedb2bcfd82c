package models

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// FeedEntry tells that something changed, for those who watch live.
type FeedEntry struct {
	ID          int64 `gorm:"primaryKey;autoIncrement"`
	AccountID   string
	Type        string
	Subject     string
	WorkOrderID string
	At          Time
}

// TableName names the table.
func (FeedEntry) TableName() string { return "feed" }

// The types of feed entries that name an item.
const (
	FeedItemReceived = "item.received"
	FeedItemChanged  = "item.changed"
)

// FeedReset is told to who asks for entries that are no longer kept: what is on their screen is to be read anew.
const FeedReset = "reset"

// feedChannel is the PostgreSQL notification channel; a notification carries nothing but the account's id.
const feedChannel = "fieldproof_feed"

// Announce writes a feed entry and wakes those who watch the account, on every replica, once it is durable.
func (tx *Tx) Announce(accountID, kind, subject, orderID string) error {
	return tx.announce(accountID, &FeedEntry{AccountID: accountID, Type: kind, Subject: subject, WorkOrderID: orderID, At: Now()})
}

// AnnounceItems tells of changes of some items of an account.
func (tx *Tx) AnnounceItems(kind string, items ...*Item) error {
	if len(items) == 0 {
		return nil
	}
	entries := make([]*FeedEntry, len(items))
	for n, i := range items {
		entries[n] = &FeedEntry{AccountID: i.AccountID, Type: kind, Subject: i.ID, WorkOrderID: i.WorkOrderID, At: Now()}
	}
	return tx.announce(items[0].AccountID, &entries)
}

func (tx *Tx) announce(accountID string, entries any) error {
	if err := tx.Create(entries).Error; err != nil {
		return err
	}
	tx.AfterCommit(func() { tx.store.feed.tell(accountID) })
	return nil
}

// feedHub wakes the watchers of an account. On PostgreSQL one listening connection a process feeds it.
type feedHub struct {
	mu       sync.Mutex
	watchers map[string]map[chan struct{}]struct{}
	store    *Store
	listen   sync.Once
	speak    sync.Once
	untold   map[string]struct{} // accounts whose news the other replicas have not heard of
	news     chan struct{}
	ctx      context.Context
	cancel   context.CancelFunc
}

func newFeedHub(s *Store) *feedHub {
	h := &feedHub{watchers: map[string]map[chan struct{}]struct{}{}, store: s, untold: map[string]struct{}{}, news: make(chan struct{}, 1)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

func (h *feedHub) stop() { h.cancel() }

func (h *feedHub) wake(accountID string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.watchers[accountID] {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// tell wakes the watchers of an account here, and on PostgreSQL those of the other replicas. It comes after the commit:
// a transaction that notifies holds a lock of the whole database until its commit is on disk, so that no two commit at once.
// What a crash leaves untold here, watchers find when they next read by themselves.
func (h *feedHub) tell(accountID string) {
	h.wake(accountID)
	if h.store.dialect != Postgres {
		return
	}
	h.mu.Lock()
	h.untold[accountID] = struct{}{}
	h.mu.Unlock()
	h.speak.Do(func() { go h.tellReplicas() })
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// tellReplicas notifies once for all that was told while it was notifying.
func (h *feedHub) tellReplicas() {
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.news:
		}
		h.mu.Lock()
		accounts := slices.Collect(maps.Keys(h.untold))
		clear(h.untold)
		h.mu.Unlock()
		ctx, cancel := context.WithTimeout(AcrossAccounts(h.ctx), 10*time.Second)
		err := h.store.write.WithContext(ctx).Exec("SELECT pg_notify(?, account) FROM unnest(string_to_array(?, ' ')) AS account", feedChannel, strings.Join(accounts, " ")).Error
		cancel()
		rest := toldEvery
		if err != nil {
			rest = time.Second
			h.mu.Lock()
			for _, id := range accounts {
				h.untold[id] = struct{}{}
			}
			h.mu.Unlock()
			select {
			case h.news <- struct{}{}:
			default:
			}
		}
		select {
		case <-h.ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}

// toldEvery is how long it is at least from one notification to the next: each is a commit of its own.
const toldEvery = 30 * time.Millisecond

func (h *feedHub) wakeAll() {
	h.mu.Lock()
	accounts := make([]string, 0, len(h.watchers))
	for id := range h.watchers {
		accounts = append(accounts, id)
	}
	h.mu.Unlock()
	for _, id := range accounts {
		h.wake(id)
	}
}

// WatchFeed returns a channel that is woken after changes in an account, and a function that ends the watch. A wake-up
// may be spurious, and after trouble late: whoever watches reads the feed now and then by itself.
func (s *Store) WatchFeed(accountID string) (<-chan struct{}, func()) {
	h := s.feed
	if s.dialect == Postgres {
		h.listen.Do(func() { go h.listenPostgres() })
	}
	ch := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers[accountID] == nil {
		h.watchers[accountID] = map[chan struct{}]struct{}{}
	}
	h.watchers[accountID][ch] = struct{}{}
	return ch, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.watchers[accountID], ch)
		if len(h.watchers[accountID]) == 0 {
			delete(h.watchers, accountID)
		}
	}
}

func (h *feedHub) listenPostgres() {
	for h.ctx.Err() == nil {
		h.listenOnce()
		h.wakeAll() // what was told meanwhile was missed
		select {
		case <-h.ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (h *feedHub) listenOnce() {
	conn, err := pgx.Connect(h.ctx, h.store.url)
	if err != nil {
		return
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(h.ctx, "LISTEN "+feedChannel); err != nil {
		return
	}
	h.wakeAll()
	for {
		n, err := conn.WaitForNotification(h.ctx)
		if err != nil {
			return
		}
		h.wake(n.Payload)
	}
}

// FeedSince reads an account's entries after an id, oldest first. Rows may commit out of order: a reader goes on from
// somewhat before the newest it saw and drops repeats.
func (s *Store) FeedSince(ctx context.Context, after int64, limit int) ([]FeedEntry, error) {
	var entries []FeedEntry
	err := s.Read(ctx).Where("id > ?", after).Order("id").Limit(limit).Find(&entries).Error
	return entries, err
}

// FeedKept tells whether everything after an id is still kept. An id that was never given, as after a restore, is not known.
func (s *Store) FeedKept(ctx context.Context, after int64) (bool, error) {
	var kept struct{ First, Last *int64 }
	err := s.Read(AcrossAccounts(ctx)).Model(&FeedEntry{}).Select("MIN(id) AS first, MAX(id) AS last").Scan(&kept).Error
	if err != nil || kept.First == nil {
		return after == 0, err
	}
	return after >= *kept.First-1 && after <= *kept.Last, nil
}

// NewestFeedID returns the id of the account's newest entry, 0 when there is none.
func (s *Store) NewestFeedID(ctx context.Context) (int64, error) {
	var id *int64
	err := s.Read(ctx).Model(&FeedEntry{}).Select("MAX(id)").Scan(&id).Error
	if err != nil || id == nil {
		return 0, err
	}
	return *id, nil
}
