package api

import (
	"fieldproof/models"
	"fieldproof/wording"
)

func (s *Server) alertRoutes() []route {
	return []route{
		get("/alerts", with(models.ViewAlerts), "What needs a person, newest first", s.listAlerts, "dismissed").asked("Accept-Language"),
		get("/alerts/:id", with(models.ViewAlerts), "An alert", s.getAlert).asked("Accept-Language"),
		remove("/alerts/:id", with(models.DismissAlerts), "Dismiss an alert", s.dismissAlert),
	}
}

func (s *Server) getAlert(c *call) (models.Alert, error) {
	a, err := c.alert()
	if err != nil {
		return models.Alert{}, err
	}
	return c.reader().Alert(*a), nil
}

// reader is who reads an answer of sentences, in the language that they ask for.
func (c *call) reader() *wording.Reader { return wording.Asking(c.GetHeader("Accept-Language")) }

func (c *call) alert() (*models.Alert, error) {
	return models.One[models.Alert](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "alert")
}

func (s *Server) listAlerts(c *call) (list[models.Alert], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.Alert]{}, err
	}
	q := s.Store.Read(c.ctx()).Order("id DESC").Limit(limit + 1)
	if c.Query("dismissed") != "true" {
		q = q.Where("dismissed_at IS NULL")
	}
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []models.Alert
	err = q.Find(&rows).Error
	return pageByID(rows, limit, at, func(a models.Alert) string { return a.ID }, c.reader().Alert), err
}

func (s *Server) dismissAlert(c *call) error {
	a, err := c.alert()
	if err != nil || a.DismissedAt != nil {
		return err
	}
	return s.Intake.DismissAlert(c.ctx(), c.member, a.ID)
}
