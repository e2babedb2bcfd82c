package models

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// PhotoFilter says which photos of an account are looked for; what is zero says nothing.
type PhotoFilter struct {
	UUID     string
	Name     string // of the file, as who sent it called it or as we call it where it goes
	From, To *Time  // when it was taken: from, and before
	UserID   string // who sent it
	Device   string // by which it was sent, or on which it is
	Stands   []string

	After string // the last id of the page before
	Limit int
}

// FindPhotos lists photos of an account that a member sees, newest first, deleted ones too where they see those.
func FindPhotos(db *gorm.DB, f PhotoFilter, m *Member) ([]*Item, error) {
	if len(f.Stands) > 0 && !slices.Contains(f.Stands, PhotoHere) {
		return nil, nil
	}
	q := f.narrow(m.ItemsSeen(db.Where("items.kind = ?", Photo)), "items", "uploaded_by")
	if f.Device != "" {
		q = m.DevicesKnown(q)
	}
	if f.Name != "" {
		q = q.Where("(items.file_name <> '' AND lower(items.file_name) = lower(?)) OR items.uuid_key IN ?", f.Name, f.named())
	}
	var photos []*Item
	return photos, q.Find(&photos).Error
}

// narrow is a query of items or of announcements, as far as both are looked for by the same; by is the column of who sent one.
func (f *PhotoFilter) narrow(q *gorm.DB, table, by string) *gorm.DB {
	q = q.Order(table + ".id DESC").Limit(f.Limit)
	if f.UUID != "" {
		q = q.Where(table+".uuid_key = ?", UUIDKey(strings.TrimSpace(f.UUID)))
	}
	if f.From != nil {
		q = q.Where(table+".taken_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where(table+".taken_at < ?", *f.To)
	}
	if f.UserID != "" {
		q = q.Where(table+"."+by+" = ?", f.UserID)
	}
	if f.Device != "" {
		q = q.Where(table+".device = ?", f.Device)
	}
	if f.After != "" {
		q = q.Where(table+".id < ?", f.After)
	}
	return q
}

// named are the keys of uuids that the name of a file may be, or hold behind the time, in the names that we give.
func (f *PhotoFilter) named() []string {
	stem := strings.TrimSuffix(f.Name, path.Ext(f.Name))
	_, behind, _ := strings.Cut(stem, "_")
	return []string{UUIDKey(stem), UUIDKey(behind)}
}

// PhotoHere says that a photo that is looked for is here.
const PhotoHere = "here"

// FoundPhoto is a photo that was looked for, wherever it is: here, or still on a phone.
type FoundPhoto struct {
	PhotoView
	ReceivedAt *Time    `json:"received_at"` // null while it is not here
	Stands     string   `json:"stands" words:"photo_stands"`
	Refusal    *Refused `json:"refusal"` // why its bytes were refused, null for a photo that is here, or that never came
}

// FindAnnounced lists announcements of photos that did not arrive, as [FindPhotos] does photos.
func FindAnnounced(db *gorm.DB, f PhotoFilter, m *Member) ([]*Announcement, error) {
	q := f.narrow(m.AnnouncementsSeen(db.Where("announcements.state <> ?", AnnouncementArrived)), "announcements", "user_id")
	if f.Name != "" {
		q = q.Where("announcements.uuid_key IN ?", f.named())
	}
	if len(f.Stands) > 0 {
		// Refused are open ones whose bytes came and were not taken.
		q = q.Where("CASE WHEN announcements.state = ? AND announcements.refused_at IS NOT NULL THEN ? ELSE announcements.state END IN ?", AnnouncementOpen, AnnouncementRefused, f.Stands)
	}
	var rows []*Announcement
	return rows, q.Find(&rows).Error
}

// ViewFound makes the views, for a member, of photos that are here and of those that are not, the newest first.
func ViewFound(db *gorm.DB, photos []*Item, announced []*Announcement, m *Member) ([]FoundPhoto, error) {
	if err := ShowStatements(db, photos...); err != nil {
		return nil, err
	}
	users, err := UsersOf(db, photos...)
	if err != nil {
		return nil, err
	}
	phones, err := announcersOf(db, announced)
	if err != nil {
		return nil, err
	}
	found := make([]FoundPhoto, 0, len(photos)+len(announced))
	for _, i := range photos {
		found = append(found, FoundPhoto{PhotoView: i.ViewFor(m, users), ReceivedAt: &i.ReceivedAt, Stands: PhotoHere})
	}
	for _, a := range announced {
		f := FoundPhoto{Stands: a.State, Refusal: a.Refusal(), PhotoView: PhotoView{ID: a.ID, WorkOrderID: a.WorkOrderID, UUID: a.UUID, SHA256: a.SHA256, Size: a.Size, TaskID: a.TaskID,
			EvidenceType: a.EvidenceType, TakenAt: a.TakenAt, Position: a.Position, Source: a.Source, Review: ReviewPending, UploadedBy: phones[a.UserID].Username, UploadedByName: phones[a.UserID].Name, AnnouncedAt: &a.AnnouncedAt,
			Shot: a.Shot, OffsetMS: a.OffsetMS, Notes: a.Notes, Device: a.Device}}
		if f.Refusal != nil && f.Stands == AnnouncementOpen {
			f.Stands = AnnouncementRefused
		}
		found = append(found, f)
	}
	slices.SortStableFunc(found, func(a, b FoundPhoto) int { return strings.Compare(b.ID, a.ID) })
	return found, nil
}

// What may happen to a photo.
const (
	LifeTaken     = "taken"
	LifeReceived  = "received"
	LifeChanged   = "changed" // other words, another task, turned
	LifeMoved     = "moved"   // to the order that is named
	LifeJudged    = "judged"
	LifeDeleted   = "deleted"
	LifeRestored  = "restored"
	LifeWithdrawn = "withdrawn"
	LifePublished = "published"
	LifeWaiting   = "waiting" // for a destination, since then
	LifeDelivered = "delivered"
	LifeFailed    = "failed"
	LifeOpened    = "opened" // what shows it: a secure link
)

// LifeWords lists what may happen to a photo.
var LifeWords = []string{LifeTaken, LifeReceived, LifeChanged, LifeMoved, LifeJudged, LifeDeleted, LifeRestored, LifeWithdrawn, LifePublished, LifeWaiting, LifeDelivered, LifeFailed, LifeOpened}

// LifeEntry is one thing that happened to a photo.
type LifeEntry struct {
	At            Time   `json:"at"`
	What          string `json:"what" words:"life"`
	By            string `json:"by"`      // a username; "" for nobody of the account
	ByName        string `json:"by_name"` // what they are called
	byID          string
	WorkOrderID   string          `json:"work_order_id"`
	Review        *Review         `json:"review"`
	Reason        string          `json:"reason"`
	PublicationID *string         `json:"publication_id"`
	DeliveryID    *string         `json:"delivery_id"`
	Destination   *DestinationRef `json:"destination"`
	Attempts      int64           `json:"attempts"`
	LastError     string          `json:"last_error"`
	NextAttemptAt *Time           `json:"next_attempt_at"`
	LinkID        *string         `json:"link_id"`
}

// PhotoTwin is a photo with the same bytes on another order.
type PhotoTwin struct {
	ID              string `json:"id"`
	WorkOrderID     string `json:"work_order_id"`
	WorkOrderNumber string `json:"work_order_number"`
}

// PhotoLife is all that happened to a photo, oldest first, as far as a member may know.
type PhotoLife struct {
	Photo     PhotoView   `json:"photo"`
	Items     []LifeEntry `json:"items"`
	Elsewhere []PhotoTwin `json:"elsewhere"`
}

// mostLooks is how many looks at secure links a life tells of: the newest.
const mostLooks = 200

// life gathers.
type life struct {
	db      *gorm.DB
	m       *Member
	photo   *Item
	orders  []string // on which it lies and lay, as far as the member sees them
	entries []LifeEntry
	places  map[string]DestinationRef
}

// LifeOf tells the life of a photo that a member sees. Who sees no publications hears of none.
func LifeOf(db *gorm.DB, photo *Item, m *Member) (*PhotoLife, error) {
	l := &life{db: db, m: m, photo: photo, places: map[string]DestinationRef{}}
	users, err := UsersOf(db, photo)
	if err != nil {
		return nil, err
	}
	if err := ShowStatements(db, photo); err != nil {
		return nil, err
	}
	received := LifeEntry{At: photo.ReceivedAt, What: LifeReceived, byID: photo.UploadedBy}
	l.entries = append(l.entries, received)
	if photo.TakenAt != nil {
		taken := LifeEntry{At: *photo.TakenAt, What: LifeTaken, By: photo.Origin.Author}
		if taken.By == "" {
			taken.byID = photo.UploadedBy
		}
		l.entries = append([]LifeEntry{taken}, l.entries...)
	}
	gather := []func() error{l.history}
	if m.May(ViewPublications) {
		gather = append(gather, l.published, l.delivered, l.sent, l.opened)
	}
	for _, f := range gather {
		if err := f(); err != nil {
			return nil, err
		}
	}
	if err := l.name(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(l.entries, func(a, b LifeEntry) int { return a.At.Compare(b.At.Time) })
	for n := len(l.entries) - 1; n >= 0; n-- { // why is said of the last word alone
		if e := &l.entries[n]; e.What == LifeJudged {
			if e.Reason == "" && *e.Review == photo.Review {
				e.Reason = photo.ReviewReason
			}
			break
		}
	}
	told := &PhotoLife{Photo: photo.ViewFor(m, users), Items: l.entries}
	told.Elsewhere, err = twins(db, photo, m)
	return told, err
}

// name says of each entry who did it.
func (l *life) name() error {
	users, err := PeopleOfRows(l.db, l.entries, func(e *LifeEntry) string { return e.byID })
	for n := range l.entries {
		e := &l.entries[n]
		e.By = cmp.Or(e.By, users[e.byID].Username)
		e.ByName = users.Called(e.byID, e.By)
	}
	return err
}

// history tells what the histories of its orders say, from the order on which it lies back to the first.
func (l *life) history() error {
	for at := l.photo.WorkOrderID; at != "" && !slices.Contains(l.orders, at) && len(l.orders) < 20; {
		o, err := One[WorkOrder](l.db.Where("id = ?", at), "work order")
		if err != nil || !l.m.Sees(o) {
			if KindOf(err) == NotFound {
				return nil
			}
			return err
		}
		l.orders = append(l.orders, at)
		var events []*HistoryEvent
		err = l.db.Where("work_order_id = ? AND (CAST(details AS TEXT) LIKE ? OR (message_id = ? AND message_id <> ''))", at, `%"`+l.photo.ID+`"%`, l.photo.ApprovedWith).
			Order("sequence").Find(&events).Error
		if err != nil {
			return err
		}
		at = ""
		for _, e := range events {
			if e.Details.FromOrder != "" {
				at = e.Details.FromOrder
			}
			l.event(e)
		}
	}
	return nil
}

func (l *life) event(e *HistoryEvent) {
	entry := LifeEntry{At: e.At, By: e.Actor, byID: e.ActorID, WorkOrderID: e.WorkOrderID, Reason: e.Reason, What: LifeChanged}
	kind := string(l.photo.Kind)
	review, judged := e.Details.Reviews[l.photo.ID]
	switch {
	case e.Type == TypeApproved:
		review, judged = ReviewApproved, true
	case e.Type == TypeRejected:
		review, judged = ReviewRejected, true
	case e.Details.FromOrder != "":
		entry.What = LifeMoved
	case e.Reason == "moved away":
		return // the other order tells it
	case e.Reason == kind+" deleted":
		entry.What, entry.Reason = LifeDeleted, ""
	case e.Reason == kind+" restored":
		entry.What, entry.Reason = LifeRestored, ""
	case strings.HasPrefix(e.Reason, kind+" withdrawn"):
		entry.What = LifeWithdrawn
	}
	if judged {
		entry.What, entry.Review = LifeJudged, &review
	}
	l.entries = append(l.entries, entry)
}

func (l *life) published() error {
	var rows []Publication
	err := l.db.Joins("JOIN publication_items ON publication_items.publication_id = publications.id").
		Where("publications.work_order_id IN ? AND publication_items.item_id = ?", l.orders, l.photo.ID).Find(&rows).Error
	for _, p := range rows {
		l.entries = append(l.entries, LifeEntry{At: p.CreatedAt, What: LifePublished, byID: p.CreatedBy, WorkOrderID: p.WorkOrderID, PublicationID: &p.ID})
	}
	return err
}

// place names a destination, also one that is no more.
func (l *life) place(id string) (*DestinationRef, error) {
	ref, known := l.places[id]
	if !known {
		d, err := One[Destination](l.db.Where("id = ?", id), "destination")
		if err != nil && KindOf(err) != NotFound {
			return nil, err
		}
		if err == nil {
			ref = DestinationRef{ID: d.ID, Name: d.Name, Kind: d.Kind}
		}
		l.places[id] = ref
	}
	if ref.ID == "" {
		return nil, nil
	}
	return &ref, nil
}

// stands adds where a try stands.
func (l *life) stands(t *Tries, arrived *Time, since Time, orderID, destinationID string, deliveryID *string) error {
	ref, err := l.place(destinationID)
	if err != nil {
		return err
	}
	e := LifeEntry{At: since, What: LifeWaiting, WorkOrderID: orderID, DeliveryID: deliveryID, Destination: ref, Attempts: t.Attempts}
	switch {
	case arrived != nil:
		e.At, e.What = *arrived, LifeDelivered
	case t.State == DeliveryFailed:
		e.What, e.LastError = LifeFailed, t.LastError
	default:
		e.LastError, e.NextAttemptAt = t.LastError, t.NextAttemptAt
	}
	l.entries = append(l.entries, e)
	return nil
}

// delivered tells of places and mails, whose deliveries bring many items.
func (l *life) delivered() error {
	var rows []struct {
		Delivery
		Arrived *Time
	}
	err := l.db.Model(&Delivery{}).Select("deliveries.*, delivery_items.delivered_at AS arrived").Joins("JOIN delivery_items ON delivery_items.delivery_id = deliveries.id").
		Where("deliveries.work_order_id IN ? AND delivery_items.item_id = ?", l.orders, l.photo.ID).Find(&rows).Error
	if err != nil {
		return err
	}
	for _, d := range rows {
		ref, err := l.place(d.DestinationID)
		if err != nil {
			return err
		}
		if ref != nil && (ref.Kind == WebhookDestination || ref.Kind == ClientDestination || ref.Kind == ShareDestination) {
			continue // told by their messages
		}
		arrived := d.Arrived
		if arrived == nil {
			arrived = d.DeliveredAt
		}
		if err := l.stands(&d.Tries, arrived, d.CreatedAt, d.WorkOrderID, d.DestinationID, &d.ID); err != nil {
			return err
		}
	}
	return nil
}

// sent tells of what goes item by item: to clients, along Share links, to web-hooks.
func (l *life) sent() error {
	var toClients []ClientMessage
	if err := l.db.Where("work_order_id IN ? AND item_id = ?", l.orders, l.photo.ID).Find(&toClients).Error; err != nil {
		return err
	}
	for _, m := range toClients {
		if err := l.stands(&m.Tries, m.DeliveredAt, m.CreatedAt, m.WorkOrderID, m.DestinationID, m.DeliveryID); err != nil {
			return err
		}
	}
	var toHooks []WebhookMessage
	if err := l.db.Where("work_order_id IN ? AND item_id = ?", l.orders, l.photo.ID).Find(&toHooks).Error; err != nil {
		return err
	}
	for _, m := range toHooks {
		if err := l.stands(&m.Tries, m.DeliveredAt, m.At, m.WorkOrderID, m.DestinationID, m.DeliveryID); err != nil {
			return err
		}
	}
	return nil
}

// opened tells who looked at secure links that show it, since it was published.
func (l *life) opened() error {
	since := slices.IndexFunc(l.entries, func(e LifeEntry) bool { return e.What == LifePublished })
	if since < 0 {
		return nil
	}
	var links []*Link
	if err := l.db.Where("work_order_id = ?", l.photo.WorkOrderID).Find(&links).Error; err != nil {
		return err
	}
	var ids []string
	for _, link := range links {
		if link.Shows(l.photo) {
			ids = append(ids, link.ID)
		}
	}
	var looks []LinkViewRow
	err := l.db.Where("link_id IN ? AND what NOT IN ? AND at >= ?", ids, []string{"wrong_password", "comment"}, l.entries[since].At).Order("id DESC").Limit(mostLooks).Find(&looks).Error
	for _, look := range looks {
		l.entries = append(l.entries, LifeEntry{At: look.At, What: LifeOpened, WorkOrderID: l.photo.WorkOrderID, LinkID: &look.LinkID, Reason: look.What})
	}
	return err
}

// twins are photos with the same bytes on other orders that the member sees.
func twins(db *gorm.DB, photo *Item, m *Member) ([]PhotoTwin, error) {
	found := []PhotoTwin{}
	q := db.Model(&Item{}).Select("items.id, items.work_order_id, work_orders.number AS work_order_number").Joins("JOIN work_orders ON work_orders.id = items.work_order_id").
		Where("items.kind = ? AND items.sha256 = ? AND items.work_order_id <> ? AND items.deleted_at IS NULL", Photo, photo.SHA256, photo.WorkOrderID)
	return found, m.OrdersSeen(q).Order("items.id DESC").Limit(100).Scan(&found).Error
}
