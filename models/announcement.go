package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// The states of an announcement.
const (
	AnnouncementOpen      = "announced" // its bytes are awaited
	AnnouncementArrived   = "arrived"
	AnnouncementWithdrawn = "withdrawn" // the photo was deleted on the phone
	AnnouncementLost      = "lost"      // the phone was written off, or too much time passed
)

// AnnouncementRefused is what a row of an announcement may be answered beside [AnnouncementOpen] and [AnnouncementArrived].
const AnnouncementRefused = "refused"

// FeedAnnouncement is the type of feed entries that tell of announcements of an order, which they name.
const FeedAnnouncement = "announcement.changed"

// Announcement is a phone's word that a photo is on it, before its bytes are here. It is no item. Hash, time, source and person
// are those of the first word; the rest may follow until the bytes come.
type Announcement struct {
	ID           string `gorm:"primaryKey"`
	AccountID    string
	WorkOrderID  string
	UserID       string
	Device       string // the id of the phone, "" where it has none
	UUID         string `gorm:"column:uuid"`
	UUIDKey      string `gorm:"column:uuid_key"`
	TaskID       *string
	EvidenceType string
	Notes        string
	Shot         string
	SHA256       string `gorm:"column:sha256"` // lower-case hex
	Size         int64
	TakenAt      *Time    // by the phone's clock
	OffsetMS     *int64   `gorm:"column:offset_ms"` // see [Item.OffsetMS]
	Position     Position `gorm:"embedded"`
	Source       ItemSource
	AnnouncedAt  Time
	State        string
	Awaited      bool // the completion of its order counts on it
	EndedAt      *Time
	ItemID       *string // what it arrived as
	RefusedCode  string  // why the bytes that came last were refused
	RefusedWhy   string
	RefusedAt    *Time
	AlertedAt    *Time // when the office was told that it waits for long
}

// BeforeCreate gives a new announcement the key of its uuid.
func (a *Announcement) BeforeCreate(*gorm.DB) error {
	a.UUIDKey = UUIDKey(a.UUID)
	return nil
}

const (
	// MostAnnounced is how many photos one call announces.
	MostAnnounced = 500
	// MostOpenAnnouncements is how many a user may have open.
	MostOpenAnnouncements = 5000
	// announcedFor is how long bytes are awaited before they count as lost.
	announcedFor = 30 * 24 * time.Hour
	// waitsAtMost is how long something waits on a phone before the office is told.
	waitsAtMost = 24 * time.Hour
	// publishesAfter is how long an order that publishes by itself waits for what is awaited.
	publishesAfter = 12 * time.Hour
	// gathersFor is how long what comes after that is gathered.
	gathersFor = 10 * time.Minute
)

// Announced says what became of one row of an announcement.
type Announced struct {
	UUID        string  `json:"uuid"`
	Result      string  `json:"result" words:"announced_result"`
	AnnouncedAt *Time   `json:"announced_at"` // the first time
	ID          *string `json:"id"`           // the photo's, when it has arrived
	Code        string  `json:"code"`         // why it is refused
	Message     string  `json:"message"`
}

// AnnouncementView is an announcement as the outside sees it.
type AnnouncementView struct {
	UUID         string  `json:"uuid"`
	WorkOrderID  string  `json:"work_order_id"`
	TaskID       *string `json:"task_id"`
	EvidenceType string  `json:"evidence_type"`
	SHA256       string  `json:"sha256"`
	Size         int64   `json:"size"`
	TakenAt      *Time   `json:"taken_at"`
	Position
	Source      ItemSource `json:"source"`
	Notes       string     `json:"notes"`
	Shot        string     `json:"shot"`
	Device      string     `json:"device"`
	User        string     `json:"user"`      // on whose phone it is
	UserName    string     `json:"user_name"` // what they are called
	AnnouncedAt Time       `json:"announced_at"`
	State       string     `json:"state" words:"announcement_state"`
	EndedAt     *Time      `json:"ended_at"`
	PhotoID     *string    `json:"photo_id"` // what it arrived as
	Refusal     *Refused   `json:"refusal"`  // of the bytes that came last, null for none
}

// Refused says why bytes that came were not taken.
type Refused struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	At      Time   `json:"at"`
}

// Refusal is why the bytes that came last were refused; nil when they were not.
func (a *Announcement) Refusal() *Refused {
	if a.RefusedAt == nil {
		return nil
	}
	return &Refused{Code: a.RefusedCode, Message: a.RefusedWhy, At: *a.RefusedAt}
}

// ViewAnnouncements makes the views of announcements.
func ViewAnnouncements(db *gorm.DB, rows ...*Announcement) ([]AnnouncementView, error) {
	users, err := announcersOf(db, rows)
	views := make([]AnnouncementView, len(rows))
	for i, a := range rows {
		views[i] = AnnouncementView{UUID: a.UUID, WorkOrderID: a.WorkOrderID, TaskID: a.TaskID, EvidenceType: a.EvidenceType, SHA256: a.SHA256, Size: a.Size, TakenAt: a.TakenAt,
			Position: a.Position, Source: a.Source, Notes: a.Notes, Shot: a.Shot, Device: a.Device, User: users[a.UserID].Username, UserName: users[a.UserID].Name, AnnouncedAt: a.AnnouncedAt, State: a.State,
			EndedAt: a.EndedAt, PhotoID: a.ItemID, Refusal: a.Refusal()}
	}
	return views, err
}

func announcersOf(db *gorm.DB, rows []*Announcement) (People, error) {
	return PeopleOfRows(db, rows, func(a **Announcement) string { return (*a).UserID })
}

// AnnouncementOf finds the announcement of a uuid, whatever became of it; nil when there is none.
func AnnouncementOf(db *gorm.DB, uuid string) (*Announcement, error) {
	a, err := One[Announcement](db.Where("uuid_key = ?", UUIDKey(uuid)), "announcement")
	if KindOf(err) == NotFound {
		return nil, nil
	}
	return a, err
}

// Arrive ends an announcement by the photo that it told of.
func (tx *Tx) Arrive(a *Announcement, item *Item) error {
	now := Now()
	a.State, a.ItemID, a.EndedAt = AnnouncementArrived, &item.ID, &now
	a.RefusedCode, a.RefusedWhy, a.RefusedAt = "", "", nil
	err := tx.Select("state", "item_id", "ended_at", "refused_code", "refused_why", "refused_at").Updates(a).Error
	if err != nil {
		return err
	}
	return tx.Announce(a.AccountID, FeedAnnouncement, a.WorkOrderID, a.WorkOrderID)
}

// openOf selects the open announcements of an order.
func openOf(db *gorm.DB, orderID string) *gorm.DB {
	return db.Model(&Announcement{}).Where("work_order_id = ? AND state = ?", orderID, AnnouncementOpen)
}

func (tx *Tx) countOpen(o *WorkOrder) (n int64, err error) {
	return n, openOf(tx.DB, o.ID).Count(&n).Error
}

// countAwaited counts the open announcements of orders.
func countAwaited(db *gorm.DB, orderIDs []string) (map[string]int64, error) {
	var rows []struct {
		WorkOrderID string
		N           int64
	}
	err := db.Model(&Announcement{}).Select("work_order_id, COUNT(*) AS n").Where("work_order_id IN ? AND state = ?", orderIDs, AnnouncementOpen).Group("work_order_id").Scan(&rows).Error
	counts := map[string]int64{}
	for _, r := range rows {
		counts[r.WorkOrderID] = r.N
	}
	return counts, err
}

// expect has an order count on what was announced of it by now: that will not be late. It returns how many they are.
func (tx *Tx) expect(o *WorkOrder) (int64, error) {
	done := openOf(tx.DB, o.ID).Update("awaited", true)
	return done.RowsAffected, done.Error
}

// expectNothing has an order count on nothing any more: what comes is late.
func (tx *Tx) expectNothing(o *WorkOrder) error {
	o.AwaitsPeer, o.PublishDueAt = "", nil
	return tx.Model(&Announcement{}).Where("work_order_id = ? AND awaited", o.ID).Update("awaited", false).Error
}

// mostListed is how many awaited photos a refusal lists one by one.
const mostListed = 50

// refuseAwaited refuses an approval while photos are awaited.
func (tx *Tx) refuseAwaited(o *WorkOrder) error {
	n, err := tx.countOpen(o)
	if err != nil || n == 0 {
		return err
	}
	var rows []*Announcement
	if err := openOf(tx.DB, o.ID).Order("announced_at, id").Limit(mostListed).Find(&rows).Error; err != nil {
		return err
	}
	users, err := announcersOf(tx.DB, rows)
	if err != nil {
		return err
	}
	tasks, err := tx.taskNames(o)
	if err != nil {
		return err
	}
	var p Problems
	for i, a := range rows {
		what := "photo"
		if a.EvidenceType != "" {
			what = a.EvidenceType + " photo"
		}
		if a.TaskID != nil && tasks[*a.TaskID] != "" {
			what += " of the task " + tasks[*a.TaskID]
		}
		p.Add(fmt.Sprintf("awaited[%d]", i), "A %s is still on the phone of %s: uuid %s.", what, users[a.UserID].Name, a.UUID).Code = CodeAwaited
	}
	return &Error{Kind: Conflict, Code: CodeAwaited, Fields: p, State: o.Lifecycle.State,
		Message: fmt.Sprintf("%d photos of this work order are still on phones. Wait for them, or approve without them: what comes then waits for a look.", n)}
}

// gathers tells whether an order that publishes by itself waits with what came for the rest that is awaited.
func (tx *Tx) gathers(o *WorkOrder, items []*Item) (bool, error) {
	if o.PublishDueAt == nil {
		for _, i := range items {
			if !i.Awaited {
				return false, nil
			}
		}
	}
	open, err := tx.countOpen(o)
	if err != nil {
		return false, err
	}
	switch {
	case open == 0 && o.PublishDueAt == nil:
		return false, nil
	case open == 0:
		o.PublishDueAt = nil
	case o.PublishDueAt != nil:
		return true, nil
	default:
		due := At(Now().Add(gathersFor))
		o.PublishDueAt = &due
	}
	return open > 0, tx.SaveOrder(o)
}

// Settle goes on with a locked order of which some announcements ended without a photo: one that waited for nothing else
// publishes itself.
func (tx *Tx) Settle(o *WorkOrder) error {
	if err := tx.Announce(o.AccountID, FeedAnnouncement, o.ID, o.ID); err != nil {
		return err
	}
	if o.PublishDueAt == nil {
		return nil
	}
	if open, err := tx.countOpen(o); err != nil || open > 0 {
		return err
	}
	return tx.publishDue(o)
}

func (tx *Tx) publishDue(o *WorkOrder) error {
	cause := fmt.Sprintf("%s/%d", o.PublishDueAt.UTC().Format(timeLayout), o.Lifecycle.Version)
	o.PublishDueAt = nil
	if err := tx.SaveOrder(o); err != nil {
		return err
	}
	return tx.PublishByItself(o, cause)
}

// PublishDue has orders published that have waited long enough for what is awaited, and tells the office when some of it is
// still missing. One without anything is told of only. It returns how many orders it looked at.
func (s *Store) PublishDue(ctx context.Context, now time.Time) (int, error) {
	var due []WorkOrder
	err := s.Read(AcrossAccounts(ctx)).Select("id", "account_id").Where("publish_due_at IS NOT NULL AND publish_due_at <= ?", At(now)).Order("publish_due_at").Limit(1000).Find(&due).Error
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		err := s.Write(InAccount(ctx, d.AccountID), func(tx *Tx) error {
			o, err := tx.OrderForUpdate(d.ID)
			if err != nil || o.PublishDueAt == nil || o.PublishDueAt.After(now) {
				return err
			}
			open, err := tx.countOpen(o)
			if err != nil {
				return err
			}
			if open > 0 && o.Lifecycle.State == Completed {
				if err := tx.Raise(&Alert{AccountID: o.AccountID, Kind: AlertAwaited, WorkOrderID: &o.ID, Subject: o.ID,
					Says: "photos_awaited", Args: []any{"n", open, "order", o.DisplayNumber()}}); err != nil {
					return err
				}
			}
			var items int64
			if err := tx.Model(&Item{}).Where("work_order_id = ? AND deleted_at IS NULL AND withdrawn_at IS NULL AND review <> ?", o.ID, ReviewRejected).Count(&items).Error; err != nil {
				return err
			}
			if items == 0 {
				o.PublishDueAt = nil
				return tx.SaveOrder(o)
			}
			return tx.publishDue(o)
		})
		if err != nil {
			return len(due), err
		}
	}
	return len(due), nil
}

// LoseAnnounced ends what was announced too long ago as lost, and tells the office.
func (s *Store) LoseAnnounced(ctx context.Context, now time.Time) error {
	var old []Announcement
	err := s.Read(AcrossAccounts(ctx)).Distinct("account_id", "work_order_id").Where("state = ? AND announced_at < ?", AnnouncementOpen, At(now.Add(-announcedFor))).Limit(1000).Find(&old).Error
	if err != nil {
		return err
	}
	for _, a := range old {
		err := s.Write(InAccount(ctx, a.AccountID), func(tx *Tx) error {
			o, err := tx.OrderForUpdate(a.WorkOrderID)
			if err != nil {
				return err
			}
			n, err := tx.Lose(o, "they were announced 30 days ago and never came", "", "announced_at < ?", At(now.Add(-announcedFor)))
			if err != nil || n == 0 {
				return err
			}
			return tx.Raise(&Alert{AccountID: o.AccountID, Kind: AlertAwaited, WorkOrderID: &o.ID, Subject: "lost/" + o.ID,
				Says: "photos_lost", Args: []any{"n", n, "order", o.DisplayNumber()}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Lose ends open announcements of a locked order as lost, those that where selects, and says so in its history. by is the user
// who wrote their phone off, "" for nobody.
func (tx *Tx) Lose(o *WorkOrder, why, by, where string, args ...any) (int64, error) {
	done := openOf(tx.DB, o.ID).Where(where, args...).Updates(map[string]any{"state": AnnouncementLost, "awaited": false, "ended_at": Now()})
	if done.Error != nil || done.RowsAffected == 0 {
		return 0, done.Error
	}
	e := &HistoryEvent{Type: TypeUpdated, Actor: SystemActor, ActorID: by, Reason: fmt.Sprintf("%d photos are lost: %s", done.RowsAffected, why), Details: EventDetails{Fields: []string{"awaited"}, Lost: done.RowsAffected}}
	if by != "" {
		names, err := Usernames(tx.DB, []string{by})
		if err != nil {
			return 0, err
		}
		e.Actor = names[by]
	}
	if err := tx.Record(o, e); err != nil {
		return 0, err
	}
	if err := tx.SaveOrder(o); err != nil {
		return 0, err
	}
	return done.RowsAffected, tx.Settle(o)
}

// TellWaiting tells the office once of what has waited on a phone for a day.
func (s *Store) TellWaiting(ctx context.Context, now time.Time) error {
	before := At(now.Add(-waitsAtMost))
	var waiting []struct {
		AccountID, UserID string
		N                 int64
	}
	err := s.Read(AcrossAccounts(ctx)).Model(&Announcement{}).Select("account_id, user_id, COUNT(*) AS n").
		Where("state = ? AND announced_at < ? AND alerted_at IS NULL", AnnouncementOpen, before).Group("account_id, user_id").Limit(1000).Scan(&waiting).Error
	if err != nil {
		return err
	}
	for _, w := range waiting {
		err := s.Write(InAccount(ctx, w.AccountID), func(tx *Tx) error {
			told := tx.Model(&Announcement{}).Where("user_id = ? AND state = ? AND announced_at < ? AND alerted_at IS NULL", w.UserID, AnnouncementOpen, before).Update("alerted_at", At(now))
			if told.Error != nil || told.RowsAffected == 0 {
				return told.Error
			}
			users, err := PeopleOf(tx.DB, []string{w.UserID})
			if err != nil {
				return err
			}
			return tx.Raise(&Alert{AccountID: w.AccountID, Kind: AlertWaiting, Subject: w.UserID,
				Says: "photos_wait", Args: []any{"n", told.RowsAffected, "who", users[w.UserID].Name}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SeesAnnouncement tells whether the member may see an announcement of an order: the office each, others their own.
func (m *Member) SeesAnnouncement(o *WorkOrder, a *Announcement) bool {
	return o.ID == a.WorkOrderID && o.AccountID == m.AccountID && !o.Lifecycle.Hidden && (m.Office() || a.UserID == m.ID)
}

// AnnouncementsSeen is the twin of [Member.SeesAnnouncement], for queries on announcements.
func (m *Member) AnnouncementsSeen(q *gorm.DB) *gorm.DB {
	orders := q.Session(&gorm.Session{NewDB: true, Context: q.Statement.Context}).Model(&WorkOrder{}).Select("work_orders.id").Where("work_orders.account_id = ? AND NOT work_orders.hidden", m.AccountID)
	q = q.Where("announcements.work_order_id IN (?)", orders)
	if m.Office() {
		return q
	}
	return q.Where("announcements.user_id = ?", m.ID)
}
