package api

import (
	"net/http"
	"strings"

	"fieldproof/models"
)

// WriteOff says whose phone is given up.
type WriteOff struct {
	User string `json:"user,omitempty"` // a username; needed where several people use the phone
}

func (s *Server) deviceRoutes() []route {
	return []route{
		get("/devices", with(models.ManageUsers), "The phones of the account, of each person who uses one, as they last told of themselves, those seen last first", s.listDevices, "waiting_to"),
		define(http.MethodPut, "/devices/:id", with(models.UploadItems), http.StatusOK, "Tell of your phone, by the id that its app made: what waits on it, and how it is", func(c *call, in models.DeviceReport) (models.DeviceView, error) {
			d, err := s.Intake.TellDevice(c.ctx(), c.member, c.Param("id"), in)
			if err != nil {
				return models.DeviceView{}, err
			}
			return c.showDevice(d)
		}).named("tellDevice"),
		define(http.MethodPost, "/devices/:id/write-off", with(models.ManageUsers), http.StatusOK, "Give a person's phone up: their sessions on it end, and what they announced from it is lost, as each order says", func(c *call, in WriteOff) (models.DeviceView, error) {
			d, err := s.Intake.WriteOff(c.ctx(), c.member, c.Param("id"), in.User)
			if err != nil {
				return models.DeviceView{}, err
			}
			return c.showDevice(d)
		}).named("writeOffDevice"),
	}
}

func (c *call) showDevice(d *models.Device) (models.DeviceView, error) {
	views, err := models.ViewDevices(c.server.Store.Read(c.ctx()), d)
	if err != nil {
		return models.DeviceView{}, err
	}
	return views[0], nil
}

func (s *Server) listDevices(c *call) (list[models.DeviceView], error) {
	page := list[models.DeviceView]{Items: []models.DeviceView{}}
	if err := c.knownQuery(); err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	before, err := c.moment("waiting_to", 1)
	if err != nil {
		return page, err
	}
	db := s.Store.Read(c.ctx())
	q := db.Order("seen_at DESC, id, user_id").Limit(limit + 1)
	if before != nil {
		q = models.DevicesThatKeep(q, *before)
	}
	if at.At != nil {
		id, user, _ := strings.Cut(at.After, "/")
		q = q.Where("seen_at < ? OR (seen_at = ? AND (id > ? OR (id = ? AND user_id > ?)))", *at.At, *at.At, id, id, user)
	}
	var rows []*models.Device
	if err := q.Find(&rows).Error; err != nil {
		return page, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		at.At, at.After = &last.SeenAt, last.ID+"/"+last.UserID
		page.NextCursor = at.text()
	}
	page.Items, err = models.ViewDevices(db, rows...)
	return page, err
}
