package api

import (
	"time"

	"fieldproof/models"
)

// Sync is all that changed for a phone, in one answer.
type Sync struct {
	models.SyncChanges
	Me        UserView       `json:"me"` // and what you may
	Settings  SyncSettings   `json:"settings"`
	WorkTypes []SyncWorkType `json:"work_types"` // by which you may make orders
}

// SyncSettings are what a phone keeps to of its account.
type SyncSettings struct {
	Name      string          `json:"name"`
	Zone      string          `json:"zone"`
	Language  string          `json:"language" words:"language"`
	Region    string          `json:"region"`
	Units     string          `json:"units" words:"units"`
	PhotoSize int64           `json:"photo_size"` // of the longest side in pixels, 0: as it was taken
	QAPolicy  models.QAPolicy `json:"qa_policy"`
}

// SyncWorkType names a work type.
type SyncWorkType struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Server) syncRoutes() []route {
	return []route{
		get("/sync", anyMember, "All that changed for you since a cursor, of whatever age: the orders that are yours, their surveys, and what is here of your photos. One that is not known, or none, gives everything", s.sync, "cursor").named("sync"),
	}
}

func (s *Server) sync(c *call) (*Sync, error) {
	if err := c.knownQuery(); err != nil {
		return nil, err
	}
	db := s.Store.Read(c.ctx())
	since, err := models.SyncPointOf(db, c.member, c.Query("cursor"))
	if err != nil {
		return nil, err
	}
	changes, next, err := models.SyncSince(db, c.member, since)
	if err != nil {
		return nil, err
	}
	answer := &Sync{Me: viewUser(c.member.User), WorkTypes: []SyncWorkType{}}
	answer.Me.Privileges = c.member.Privileges
	account, err := s.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, err
	}
	answer.Settings = SyncSettings{account.Name, account.Zone, account.Language, account.Region, account.Units, account.PhotoSize, account.QAPolicy}
	if c.member.May(models.CreateOrders) {
		err := db.Model(&models.WorkType{}).Select("id", "name").Order("name, id").Limit(maxLimit).Scan(&answer.WorkTypes).Error
		if err != nil {
			return nil, err
		}
	}
	if next != since || time.Since(since.UsedAt.Time) > 24*time.Hour {
		if err := s.Intake.KeepSyncPoint(c.ctx(), next, since, c.token.ID); err != nil {
			return nil, err
		}
	}
	changes.Cursor = next.ID
	answer.SyncChanges = *changes
	return answer, nil
}
