package models

import (
	"context"
	"time"

	"gorm.io/gorm"
)

// FeedDevice is the type of feed entries that tell of a phone.
const FeedDevice = "device.changed"

// Device is one browser's store on one phone, known by an id that the app made, as one person's it is: what they last told of
// it. Whoever else signs in on the phone has a Device of their own by the same id, and so has who claims an id that is another's.
type Device struct {
	AccountID    string       `gorm:"primaryKey"`
	ID           string       `gorm:"primaryKey"`
	UserID       string       `gorm:"primaryKey"`
	Report       DeviceReport `gorm:"serializer:json"`
	WaitingSince *Time        // the oldest of what waits on it
	AlertedAt    *Time        // when the office was told that it waits for long
	SeenAt       Time
	WrittenOffAt *Time
	WrittenOffBy string
	CreatedAt    Time
}

// DeviceReport is what a phone says of itself.
type DeviceReport struct {
	Name      string        `json:"name" example:"Pixel 8"`
	App       string        `json:"app"` // the version
	Platform  string        `json:"platform"`
	Installed bool          `json:"installed"` // and no tab of a browser
	Persisted bool          `json:"persisted"` // the browser promised to keep what it stores
	Paused    bool          `json:"paused"`    // nobody sends until somebody taps
	Quota     *int64        `json:"quota"`     // bytes, as the browser estimates
	Used      *int64        `json:"used"`
	OffsetMS  *int64        `json:"offset_ms"` // by how much our clock was ahead of its own
	Waiting   DeviceWaiting `json:"waiting"`
}

// DeviceWaiting is what of its person's is only on a phone.
type DeviceWaiting struct {
	Photos  int64 `json:"photos"`
	Actions int64 `json:"actions"`
	Bytes   int64 `json:"bytes"`
	Since   *Time `json:"since"` // the oldest
}

// mostCounted is the largest number of which JSON keeps each one: the office reads it in an alert, and in the portal.
const mostCounted = 1<<53 - 1

// Check notes what is wrong with a report.
func (r *DeviceReport) Check(p *Problems) {
	for name, text := range map[string]string{"name": r.Name, "app": r.App, "platform": r.Platform} {
		if !OneLine(text, 300) {
			p.Add(name, "At most 300 characters, in one line.")
		}
	}
	for name, n := range map[string]int64{"waiting.photos": r.Waiting.Photos, "waiting.actions": r.Waiting.Actions, "waiting.bytes": r.Waiting.Bytes} {
		if n < 0 || n > mostCounted {
			p.Add(name, "A number from 0 to %d.", int64(mostCounted))
		}
	}
}

// DeviceView is a phone as the office sees it.
type DeviceView struct {
	ID       string `json:"id"`
	User     string `json:"user"`      // whose it is: the id alone does not tell phones apart that people share
	UserName string `json:"user_name"` // what they are called
	DeviceReport
	Announced        int64   `json:"announced"`     // photos that are awaited from it
	Refused          int64   `json:"refused"`       // those of them whose bytes came and were refused
	AwaitedSince     *Time   `json:"awaited_since"` // when the oldest of them was announced
	SeenAt           Time    `json:"seen_at"`
	WrittenOffAt     *Time   `json:"written_off_at"`
	WrittenOffBy     *string `json:"written_off_by"`
	WrittenOffByName *string `json:"written_off_by_name"`
	CreatedAt        Time    `json:"created_at"`
}

// ViewDevices makes the views of phones.
func ViewDevices(db *gorm.DB, rows ...*Device) ([]DeviceView, error) {
	var ids, users []string
	for _, d := range rows {
		ids, users = append(ids, d.ID), append(users, d.UserID, d.WrittenOffBy)
	}
	people, err := PeopleOf(db, users)
	if err != nil {
		return nil, err
	}
	var counted []struct {
		Device, UserID string
		N, Refused     int64
		Since          *Time
	}
	if err := db.Model(&Announcement{}).Select("device, user_id, COUNT(*) AS n, COUNT(refused_at) AS refused, MIN(announced_at) AS since").
		Where("device IN ? AND state = ?", ids, AnnouncementOpen).Group("device, user_id").Scan(&counted).Error; err != nil {
		return nil, err
	}
	views, at := make([]DeviceView, len(rows)), map[[2]string]int{}
	for i, d := range rows {
		at[[2]string{d.ID, d.UserID}] = i
		views[i] = DeviceView{ID: d.ID, User: people[d.UserID].Username, UserName: people[d.UserID].Name, DeviceReport: d.Report, SeenAt: d.SeenAt, WrittenOffAt: d.WrittenOffAt, WrittenOffBy: orNil(people[d.WrittenOffBy].Username), WrittenOffByName: orNil(people[d.WrittenOffBy].Name), CreatedAt: d.CreatedAt}
	}
	for _, c := range counted {
		if i, asked := at[[2]string{c.Device, c.UserID}]; asked {
			views[i].Announced, views[i].Refused, views[i].AwaitedSince = c.N, c.Refused, c.Since
		}
	}
	return views, nil
}

// DevicesThatKeep narrows a query on phones to those on which something has waited since before a moment, by what they told or announced.
func DevicesThatKeep(q *gorm.DB, before Time) *gorm.DB {
	announced := q.Session(&gorm.Session{NewDB: true, Context: q.Statement.Context}).Model(&Announcement{}).Select("1").
		Where("announcements.device = devices.id AND announcements.user_id = devices.user_id AND announcements.state = ? AND announcements.announced_at < ?", AnnouncementOpen, before)
	return q.Where("written_off_at IS NULL AND (waiting_since < ? OR EXISTS (?))", before, announced)
}

// mostDevices is how many phones one person may tell of.
const mostDevices = 100

// KeepDevice keeps what a member's phone says of itself.
func (tx *Tx) KeepDevice(m *Member, id string, r DeviceReport) (*Device, error) {
	now := Now()
	d, err := One[Device](tx.Locked().Where("id = ? AND user_id = ?", id, m.ID), "device")
	if KindOf(err) == NotFound {
		var n int64
		if err := tx.Model(&Device{}).Where("user_id = ?", m.ID).Count(&n).Error; err != nil {
			return nil, err
		}
		if n >= mostDevices {
			return nil, Errorf(Conflict, "You have told of %d phones already, the most that one person has.", mostDevices)
		}
		d, err = &Device{AccountID: m.AccountID, ID: id, UserID: m.ID, CreatedAt: now}, nil
	}
	if err != nil {
		return nil, err
	}
	since := r.Waiting.Since
	switch {
	case r.Waiting.Photos+r.Waiting.Actions == 0:
		since, r.Waiting.Since, d.AlertedAt = nil, nil, nil
	case since == nil && d.WaitingSince != nil:
		since = d.WaitingSince
	case since == nil:
		since = &now
	}
	if since != nil && d.WaitingSince != nil && since.After(d.WaitingSince.Time) {
		d.AlertedAt = nil // what was told of is here
	}
	d.Report, d.WaitingSince, d.SeenAt, d.WrittenOffAt, d.WrittenOffBy = r, since, now, nil, ""
	if err := tx.Save(d).Error; err != nil {
		return nil, err
	}
	return d, tx.Announce(d.AccountID, FeedDevice, d.ID, "")
}

// DeviceForUpdate locks the phone with an id of whoever has the username. Without one the id has to be one person's alone: an
// [Invalid] error on user says that it is not.
func (tx *Tx) DeviceForUpdate(id, username string) (*Device, error) {
	q := tx.Locked().Where("id = ?", id)
	if username != "" {
		q = q.Where("user_id IN (?)", tx.Model(&User{}).Select("id").Where("username_key = ?", UsernameKey(username)))
	}
	var found []*Device
	if err := q.Limit(2).Find(&found).Error; err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, Errorf(NotFound, "There is no such device.")
	case 1:
		return found[0], nil
	}
	return nil, InvalidField("user", "Several people use this phone: say by the username whose is meant.").Coded(CodeRequired)
}

// TellUnsent tells the office once of phones that say that something has waited on them for a day.
func (s *Store) TellUnsent(ctx context.Context, now time.Time) error {
	var waiting []Device
	before := At(now.Add(-waitsAtMost))
	err := s.Read(AcrossAccounts(ctx)).Where("waiting_since < ? AND waiting_since IS NOT NULL AND alerted_at IS NULL AND written_off_at IS NULL", before).Limit(1000).Find(&waiting).Error
	if err != nil {
		return err
	}
	for _, w := range waiting {
		err := s.Write(InAccount(ctx, w.AccountID), func(tx *Tx) error {
			told := tx.Model(&Device{}).Where("id = ? AND user_id = ? AND waiting_since < ? AND alerted_at IS NULL", w.ID, w.UserID, before).Update("alerted_at", At(now))
			if told.Error != nil || told.RowsAffected == 0 {
				return told.Error
			}
			var open int64 // by what it announced the office knows already
			if err := tx.Model(&Alert{}).Where("kind = ? AND subject = ? AND dismissed_at IS NULL", AlertWaiting, w.UserID).Count(&open).Error; err != nil || open > 0 {
				return err
			}
			users, err := PeopleOf(tx.DB, []string{w.UserID})
			if err != nil {
				return err
			}
			return tx.Raise(&Alert{AccountID: w.AccountID, Kind: AlertWaiting, Subject: "device/" + w.ID + "/" + users[w.UserID].Username,
				Says: "phone_waits", Args: []any{"who", users[w.UserID].Name, "photos", w.Report.Waiting.Photos, "actions", w.Report.Waiting.Actions}})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
