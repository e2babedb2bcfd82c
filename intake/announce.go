package intake

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"fieldproof/models"
)

// NewAnnouncement is a photo that a phone tells of before its bytes are here.
type NewAnnouncement struct {
	UUID         string
	OrderID      string
	TaskID       string
	EvidenceType string
	Notes        string
	Shot         string
	SHA256       string // lower-case hex
	Size         int64
	TakenAt      *models.Time
	OffsetMS     *int64
	Position     models.Position
	Source       models.ItemSource
	Problems     models.Problems // of reading it
}

func (n *NewAnnouncement) check(most int64) *models.Problems {
	p := &n.Problems
	n.EvidenceType = strings.ToLower(strings.TrimSpace(n.EvidenceType))
	models.CheckUUID(p, n.UUID)
	n.Position.Check(p)
	checkLabels(p, n.EvidenceType, n.Notes)
	if n.OrderID == "" {
		p.Add("work_order_id", "Say to which work order it belongs.").Code = models.CodeRequired
	}
	if n.SHA256 == "" {
		p.Add("sha256", "Give the hash of its bytes.").Code = models.CodeRequired
	}
	if n.Size < 1 || n.Size > most {
		p.Add("size", "A photo has between 1 byte and %d MB.", most>>20)
	}
	if !slices.Contains(models.UploadSources, n.Source) {
		p.Add("source", "Choose mobile_camera, mobile_gallery or web_upload.")
	}
	if !models.OneLine(n.Shot, 300) {
		p.Add("shot", "At most 300 characters, in one line.")
	}
	return p
}

// announcing is one call under way.
type announcing struct {
	tx     *models.Tx
	by     *models.Member
	device string
	orders map[string]*models.WorkOrder // to which by may add, locked
	tasks  map[string]string            // their tasks → the order
	items  map[string]*models.Item      // by the keys of the uuids at hand
	known  map[string]bool              // ids of those of them of which by may be told
	have   map[string]*models.Announcement
	open   int64 // of by
	made   []*models.Announcement
	told   map[string]bool // orders of which something changed
}

// Announce takes notice of photos that are on a member's phone, each by itself: what is said of each is answered in the order
// of the rows. Orders are locked alone, so that none of it comes beside its bytes, or beside a completion that is to count on it.
func (in *Intake) Announce(ctx context.Context, by *models.Member, device string, rows []NewAnnouncement) ([]models.Announced, error) {
	results := make([]models.Announced, len(rows))
	var orderIDs, keys []string
	for i := range rows {
		n := &rows[i]
		results[i] = models.Announced{UUID: n.UUID, Result: models.AnnouncementRefused}
		if p := *n.check(in.Limits.MaxBytes); len(p) > 0 {
			results[i].Code, results[i].Message = p[0].Code, p[0].Field+": "+p[0].Message
			continue
		}
		results[i].Result = ""
		orderIDs, keys = append(orderIDs, n.OrderID), append(keys, models.UUIDKey(n.UUID))
	}
	if len(keys) == 0 {
		return results, nil
	}
	slices.Sort(orderIDs)
	err := in.write(ctx, by, func(tx *models.Tx) error {
		a := &announcing{tx: tx, by: by, device: device, told: map[string]bool{}}
		if err := a.read(slices.Compact(orderIDs), keys); err != nil {
			return err
		}
		for i := range rows {
			if results[i].Result != "" {
				continue
			}
			if err := a.one(&rows[i], &results[i]); err != nil {
				return err
			}
		}
		return a.write()
	})
	return results, err
}

func (a *announcing) read(orderIDs, keys []string) error {
	var ids []string
	if err := a.by.OrdersAddable(a.tx.Model(&models.WorkOrder{}).Where("work_orders.id IN ?", orderIDs)).Pluck("work_orders.id", &ids).Error; err != nil {
		return err
	}
	slices.Sort(ids)
	a.orders, a.tasks = map[string]*models.WorkOrder{}, map[string]string{}
	for _, id := range ids {
		o, err := a.tx.OrderForUpdate(id)
		if err != nil {
			return err
		}
		a.orders[id] = o
	}
	tasks, err := models.TasksOf(a.tx.DB, ids...)
	if err != nil {
		return err
	}
	for id, of := range tasks {
		for _, t := range of {
			a.tasks[t.ID] = id
		}
	}
	var items []*models.Item
	if err := a.tx.Where("uuid_key IN ?", keys).Find(&items).Error; err != nil {
		return err
	}
	a.items = map[string]*models.Item{}
	for _, i := range items {
		a.items[i.UUIDKey] = i
	}
	if a.known, err = a.by.Knows(a.tx.DB, items...); err != nil {
		return err
	}
	var have []*models.Announcement
	if err := a.tx.Locked().Where("uuid_key IN ?", keys).Order("id").Find(&have).Error; err != nil {
		return err
	}
	a.have = map[string]*models.Announcement{}
	for _, h := range have {
		a.have[h.UUIDKey] = h
	}
	return a.tx.Model(&models.Announcement{}).Where("user_id = ? AND state = ?", a.by.ID, models.AnnouncementOpen).Count(&a.open).Error
}

// one takes one row; the error is that of the transaction alone.
func (a *announcing) one(n *NewAnnouncement, r *models.Announced) error {
	key := models.UUIDKey(n.UUID)
	refuse := func(code, message string) error {
		r.Result, r.Code, r.Message = models.AnnouncementRefused, code, message
		return nil
	}
	item, have := a.items[key], a.have[key]
	if item != nil {
		if item.Kind != models.Photo || item.SHA256 != n.SHA256 || !a.known[item.ID] {
			return refuse(models.CodeOtherBytes, uuidTaken)
		}
		r.Result, r.ID, r.AnnouncedAt = models.AnnouncementArrived, &item.ID, item.AnnouncedAt
		if have == nil || have.State == models.AnnouncementArrived {
			return nil
		}
		return a.tx.Arrive(have, item)
	}
	if have != nil && have.UserID != a.by.ID {
		return refuse(models.CodeAnnounced, "Somebody else announced a photo under this uuid.")
	}
	if have != nil && have.SHA256 != n.SHA256 {
		return refuse(models.CodeOtherBytes, "The uuid was announced with another hash: withdraw that, and announce this one under a uuid of its own.")
	}
	if a.orders[n.OrderID] == nil {
		return refuse(models.CodeNoSuch, "work_order_id: There is no such work order.")
	}
	if n.TaskID != "" && a.tasks[n.TaskID] != n.OrderID {
		return refuse(models.CodeNoSuch, "task_id: The order has no such task: move the photo to another.")
	}
	isOpen := have != nil && have.State == models.AnnouncementOpen
	if !isOpen && a.open >= models.MostOpenAnnouncements {
		return refuse(models.CodeTooManyOpen, "So many photos of yours are awaited already: send some first.")
	}
	if !isOpen {
		a.open++
	}
	if have == nil {
		have = &models.Announcement{ID: models.NewID(), AccountID: a.by.AccountID, WorkOrderID: n.OrderID, UserID: a.by.ID, UUID: n.UUID, SHA256: n.SHA256, Size: n.Size, TakenAt: n.TakenAt,
			OffsetMS: n.OffsetMS, Source: n.Source, AnnouncedAt: models.Now()}
		n.say(have, a.device)
		a.have[key], a.made = have, append(a.made, have)
		a.told[n.OrderID] = true
	} else if before := *have; n.say(have, a.device) || !isOpen {
		if !slices.Contains(a.made, have) {
			if err := a.tx.Select("work_order_id", "device", "task_id", "evidence_type", "notes", "shot", "latitude", "longitude", "accuracy", "state", "ended_at", "awaited").Updates(have).Error; err != nil {
				return err
			}
		}
		a.told[before.WorkOrderID], a.told[n.OrderID] = true, true
	}
	r.Result, r.AnnouncedAt = models.AnnouncementOpen, &have.AnnouncedAt
	return nil
}

// say writes what may be said anew of an announcement, and tells whether any of it is new.
func (n *NewAnnouncement) say(a *models.Announcement, device string) bool {
	before := *a
	a.State, a.EndedAt, a.Device = models.AnnouncementOpen, nil, device
	if a.WorkOrderID != n.OrderID {
		a.Awaited = false // the other order does not count on it
	}
	a.WorkOrderID, a.EvidenceType, a.Notes, a.Shot, a.Position, a.TaskID = n.OrderID, n.EvidenceType, n.Notes, n.Shot, n.Position, nil
	if n.TaskID != "" {
		a.TaskID = &n.TaskID
	}
	return before.WorkOrderID != a.WorkOrderID || before.EvidenceType != a.EvidenceType || before.Notes != a.Notes || before.Shot != a.Shot || before.Device != a.Device ||
		!same(before.TaskID, a.TaskID) || !sameNumber(before.Position.Latitude, a.Position.Latitude) || !sameNumber(before.Position.Longitude, a.Position.Longitude) ||
		!sameNumber(before.Position.Accuracy, a.Position.Accuracy)
}

func sameNumber(a, b *float64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func (a *announcing) write() error {
	if len(a.made) > 0 {
		if err := a.tx.CreateInBatches(a.made, 100).Error; err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(a.told)) {
		if err := a.tx.Announce(a.by.AccountID, models.FeedAnnouncement, id, id); err != nil {
			return err
		}
	}
	return nil
}

// Withdraw ends a member's announcement of a photo that was deleted on the phone; a second time is none. [models.NotFound] when
// they announced none under the uuid, [models.Conflict] when its photo is here.
func (in *Intake) Withdraw(ctx context.Context, by *models.Member, uuid string) error {
	err := in.write(ctx, by, func(tx *models.Tx) error {
		a, err := models.AnnouncementOf(tx.DB, uuid)
		if err != nil {
			return err
		}
		if a == nil || a.UserID != by.ID {
			return models.Errorf(models.NotFound, "There is no such announcement.")
		}
		o, err := tx.OrderForUpdate(a.WorkOrderID)
		if err != nil {
			return err
		}
		if a, err = models.One[models.Announcement](tx.Locked().Where("id = ?", a.ID), "announcement"); err != nil {
			return err
		}
		switch a.State {
		case models.AnnouncementArrived:
			return models.Errorf(models.Conflict, "The photo has arrived: delete it there.").Coded(models.CodeAlready)
		case models.AnnouncementWithdrawn:
			return nil
		}
		now := models.Now()
		a.State, a.EndedAt, a.Awaited = models.AnnouncementWithdrawn, &now, false
		if err := tx.Select("state", "ended_at", "awaited").Updates(a).Error; err != nil {
			return err
		}
		return tx.Settle(o)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// RefuseAnnounced notes why the bytes of a photo that a member had announced were not taken, for whoever looks for it. What an
// outage or a busy server refused is no reason.
func (in *Intake) RefuseAnnounced(ctx context.Context, by *models.Member, uuid string, cause error) error {
	var known *models.Error
	if uuid == "" || !errors.As(cause, &known) || !slices.Contains([]models.Kind{models.Invalid, models.Unsupported, models.TooLarge, models.Conflict}, known.Kind) {
		return nil
	}
	why := known.Message
	if len(known.Fields) > 0 {
		why = known.Fields[0].Message
	}
	return in.Store.Write(models.InAccount(ctx, by.AccountID), func(tx *models.Tx) error {
		a, err := models.AnnouncementOf(tx.DB, uuid)
		if err != nil || a == nil || a.UserID != by.ID || a.State != models.AnnouncementOpen {
			return err
		}
		noted := tx.Model(&models.Announcement{}).Where("id = ? AND state = ?", a.ID, models.AnnouncementOpen).
			Updates(map[string]any{"refused_code": known.Word(), "refused_why": why, "refused_at": models.Now()})
		if noted.Error != nil || noted.RowsAffected == 0 {
			return noted.Error
		}
		return tx.Announce(a.AccountID, models.FeedAnnouncement, a.WorkOrderID, a.WorkOrderID)
	})
}

// announced finds what a phone had said of a photo that comes now, nil for nothing, and lets the photo keep what was fixed
// then. Its bytes must be those that were announced, and come from whom announced them.
func (n *NewItem) announced(tx *models.Tx, b *Bytes) (*models.Announcement, error) {
	if n.Kind != models.Photo || n.Brought != nil || b == nil {
		return nil, nil
	}
	a, err := models.AnnouncementOf(tx.Locked(), n.UUID)
	if err != nil || a == nil {
		return nil, err
	}
	if n.Rescued && a.SHA256 == b.SHA256 {
		owner, err := models.One[models.User](tx.Where("id = ?", a.UserID), "user")
		if err != nil {
			return nil, err
		}
		if owner.Username == n.Origin.Author { // as if their phone had sent it
			n.By, n.Rescued, n.Origin = &models.Member{User: *owner}, false, models.Origin{}
		}
	}
	if err := n.fits(a, b.SHA256); err != nil || a.UserID != n.By.ID {
		return nil, err
	}
	n.TakenAt, n.Source = a.TakenAt, a.Source
	if n.TaskID == "" && a.TaskID != nil && a.WorkOrderID == n.OrderID {
		n.TaskID = *a.TaskID
	}
	if n.EvidenceType == "" {
		n.EvidenceType = a.EvidenceType
	}
	if n.Notes == "" {
		n.Notes = a.Notes
	}
	if n.Shot == "" {
		n.Shot = a.Shot
	}
	if n.Device == "" {
		n.Device = a.Device
	}
	if n.OffsetMS == nil {
		n.OffsetMS = a.OffsetMS
	}
	if n.Position.Latitude == nil {
		n.Position = a.Position
	}
	return a, nil
}

// fits refuses a photo with a hash whose uuid somebody else announced, or its own person with another hash.
func (n *NewItem) fits(a *models.Announcement, sum string) error {
	switch {
	case a.UserID != n.By.ID && a.State == models.AnnouncementOpen:
		return &models.Error{Kind: models.Conflict, Code: models.CodeAnnounced, Message: "Somebody else announced a photo under this uuid.",
			Fields: []models.FieldError{{Field: "uuid", Message: "It is to be sent by whoever took it, under their own name."}}}
	case a.UserID == n.By.ID && a.SHA256 != sum:
		return models.InvalidField("sha256", "These are other bytes than those that were announced (%.8s, not %.8s): send the photo as it was announced, or withdraw it and announce this one under a uuid of its own.", sum, a.SHA256).
			Coded(models.CodeOtherBytes)
	}
	return nil
}

// hasArrived ends an announcement of a photo that is here already.
func hasArrived(tx *models.Tx, item *models.Item) error {
	a, err := models.AnnouncementOf(tx.DB, item.UUID)
	if err != nil || a == nil || a.State == models.AnnouncementArrived || a.SHA256 != item.SHA256 || item.Kind != models.Photo {
		return err
	}
	return tx.Arrive(a, item)
}

// KeepSyncPoint keeps where a session's phone is now, see [models.Tx.KeepSyncPoint].
func (in *Intake) KeepSyncPoint(ctx context.Context, p, since *models.SyncPoint, tokenID string) error {
	return in.Store.Write(ctx, func(tx *models.Tx) error { return tx.KeepSyncPoint(p, since, tokenID) })
}
