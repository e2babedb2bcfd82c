package api

import (
	"slices"

	"fieldproof/models"
)

func (s *Server) auditRoutes() []route {
	return []route{
		get("/audit", with(models.ManageAccount), "Who changed what the account is set up with, and who signed in, newest first", s.listAudit, "kind", "who"),
	}
}

// listAudit tells who changed what of the account's settings.
func (s *Server) listAudit(c *call) (list[models.AuditEntryView], error) {
	page := list[models.AuditEntryView]{Items: []models.AuditEntryView{}}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	q := s.Store.Read(c.ctx())
	if kind := models.AuditKind(c.Query("kind")); kind != "" {
		if !slices.Contains(models.AuditKinds, kind) {
			return page, badParameter("kind", "Give one of those that /api/docs lists.")
		}
		q = q.Where("kind = ?", kind)
	}
	if who := c.Query("who"); who != "" {
		q = q.Where("actor = ?", who)
	}
	rows, next, err := newest(q, "id", limit, at, func(r *models.AuditEntry) int64 { return r.ID })
	if err != nil {
		return page, err
	}
	users, err := models.PeopleOfRows(s.Store.Read(c.ctx()), rows, func(r *models.AuditEntry) string { return r.ActorID })
	for i := range rows {
		page.Items = append(page.Items, rows[i].View(users))
	}
	page.NextCursor = next
	return page, err
}
