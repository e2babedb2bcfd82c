package api

import (
	"net/http"

	"fieldproof/models"
)

// ShareLinkFields are what may be written of a Share link.
type ShareLinkFields struct {
	Name string `json:"name" required:"true" example:"Lone Star Lawns"`
}

func (s *Server) shareLinkRoutes() []route {
	manage := with(models.ManageIntegrations)
	return []route{
		get("/share-links", manage, "The Share links of the account, newest first", s.listShareLinks),
		get("/share-links/:id", manage, "A Share link", func(c *call) (models.ShareLinkView, error) {
			l, err := c.shareLink()
			return c.showShareLink(l, err)
		}),
		patch[ShareLinkFields]("/share-links/:id", manage, "Rename a Share link", s.patchShareLink),
		remove("/share-links/:id", manage, "End a Share link: nothing moves by it any more, both sides keep what they have", func(c *call) error {
			return s.Intake.EndLink(c.ctx(), c.member, c.Param("id"))
		}),
		define(http.MethodPost, "/share-links/:id/pause", manage, http.StatusOK, "Hold a Share link: what is to be told waits", func(c *call, _ nothing) (models.ShareLinkView, error) {
			return c.showShareLink(s.Intake.PauseLink(c.ctx(), c.member, c.Param("id")))
		}),
		define(http.MethodPost, "/share-links/:id/resume", manage, http.StatusOK, "Let a Share link go on, at once", func(c *call, _ nothing) (models.ShareLinkView, error) {
			return c.showShareLink(s.Intake.ResumeLink(c.ctx(), c.member, c.Param("id")))
		}),
		define(http.MethodPost, "/share-links/:id/resync", manage, http.StatusOK, "Compare both sides of a Share link, and mend what differs", func(c *call, _ nothing) (models.ShareLinkView, error) {
			return c.showShareLink(s.Intake.ResyncLink(c.ctx(), c.member, c.Param("id")))
		}),
		define(http.MethodPost, "/share-links/:id/test", manage, http.StatusOK, "Try a Share link now", s.testShareLink),
	}
}

func (c *call) shareLink() (*models.ShareLink, error) {
	return models.One[models.ShareLink](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "share link")
}

func (c *call) showShareLink(l *models.ShareLink, err error) (models.ShareLinkView, error) {
	if err != nil {
		return models.ShareLinkView{}, err
	}
	views, err := models.ViewShareLinks(c.server.Store.Read(c.ctx()), []*models.ShareLink{l})
	if err != nil {
		return models.ShareLinkView{}, err
	}
	return views[0], nil
}

func (s *Server) listShareLinks(c *call) (list[models.ShareLinkView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.ShareLinkView]{}, err
	}
	q := s.Store.Read(c.ctx()).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []*models.ShareLink
	if err := q.Find(&rows).Error; err != nil {
		return list[models.ShareLinkView]{}, err
	}
	views, err := models.ViewShareLinks(s.Store.Read(c.ctx()), rows)
	if err != nil {
		return list[models.ShareLinkView]{}, err
	}
	shown := map[string]models.ShareLinkView{}
	for _, v := range views {
		shown[v.ID] = v
	}
	return pageByID(rows, limit, at, func(l *models.ShareLink) string { return l.ID }, func(l *models.ShareLink) models.ShareLinkView { return shown[l.ID] }), nil
}

func (s *Server) patchShareLink(c *call, patch mergePatch) (models.ShareLinkView, error) {
	return c.showShareLink(s.Intake.EditShareLink(c.ctx(), c.member, c.Param("id"), func(l *models.ShareLink) error {
		fields := ShareLinkFields{Name: l.Name}
		if err := merge(&fields, patch); err != nil {
			return err
		}
		var p models.Problems
		models.CheckLinkName(&p, fields.Name)
		l.Name = fields.Name
		return p.Err()
	}))
}

// testShareLink asks the other side now; what it says stands in the link.
func (s *Server) testShareLink(c *call, _ nothing) (models.ShareLinkView, error) {
	l, err := c.shareLink()
	if err != nil {
		return models.ShareLinkView{}, err
	}
	if err := s.Links.Test(c.ctx(), l); err != nil {
		return models.ShareLinkView{}, err
	}
	return c.showShareLink(c.shareLink())
}
