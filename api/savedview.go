package api

import (
	"net/http"

	"fieldproof/models"
)

func (s *Server) viewRoutes() []route {
	return []route{
		get("/views", anyMember, "The views of the list of work orders that you keep, and in the office those that others share, newest first", s.listViews),
		define(http.MethodPost, "/views", anyMember, http.StatusCreated, "Keep a view of the list of work orders", func(c *call, in models.ViewFields) (models.SavedView, error) {
			v := &models.SavedView{ID: c.newID("view"), ViewFields: in}
			if err := s.Intake.CreateView(c.ctx(), c.member, v); err != nil {
				return models.SavedView{}, err
			}
			c.Header("Location", "/api/v1/views/"+v.ID)
			return c.showView(v)
		}),
		get("/views/:id", anyMember, "A view of the list of work orders", func(c *call) (models.SavedView, error) {
			v, err := models.One[models.SavedView](c.member.ViewsSeen(s.Store.Read(c.ctx())).Where("id = ?", c.Param("id")), "view")
			if err != nil {
				return models.SavedView{}, err
			}
			return c.showView(v)
		}),
		patch[models.ViewFields]("/views/:id", anyMember, "Change a view: your own; those that others share, by who manages the account", func(c *call, patch mergePatch) (models.SavedView, error) {
			v, err := s.Intake.EditView(c.ctx(), c.member, c.Param("id"), func(f *models.ViewFields) error { return merge(f, patch) })
			if err != nil {
				return models.SavedView{}, err
			}
			return c.showView(v)
		}),
		remove("/views/:id", anyMember, "Forget a view", func(c *call) error { return s.Intake.DeleteView(c.ctx(), c.member, c.Param("id")) }),
	}
}

func (c *call) showView(v *models.SavedView) (models.SavedView, error) {
	names, err := models.Usernames(c.server.Store.Read(c.ctx()), []string{v.UserID})
	v.Owner = names[v.UserID]
	return *v, err
}

func (s *Server) listViews(c *call) (list[models.SavedView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.SavedView]{}, err
	}
	db := s.Store.Read(c.ctx())
	q := c.member.ViewsSeen(db).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var views []models.SavedView
	if err := q.Find(&views).Error; err != nil {
		return list[models.SavedView]{}, err
	}
	owners := make([]string, len(views))
	for i, v := range views {
		owners[i] = v.UserID
	}
	names, err := models.Usernames(db, owners)
	for i, v := range views {
		views[i].Owner = names[v.UserID]
	}
	return pageByID(views, limit, at, func(v models.SavedView) string { return v.ID }, func(v models.SavedView) models.SavedView { return v }), err
}
