package api

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"fieldproof/models"
	"fieldproof/peers"
)

// ShareLinkFields are what may be written of a Share link.
type ShareLinkFields struct {
	Name string `json:"name" required:"true" example:"Lone Star Lawns"`
}

// InvitationTaken is an invitation that is given to an account.
type InvitationTaken struct {
	InvitationURL   string  `json:"invitation_url" required:"true" example:"https://fieldproof.example.com/share-invitation#si_…"`
	ClientCode      string  `json:"client_code" required:"true" example:"ACME"`
	Name            string  `json:"name"`
	DefaultWorkType *string `json:"default_work_type"`
	DefaultAssignee *string `json:"default_assignee"`
}

// InvitationShown asks who invites.
type InvitationShown struct {
	InvitationURL string `json:"invitation_url" required:"true" example:"https://fieldproof.example.com/share-invitation#si_…"`
}

func (s *Server) shareLinkRoutes() []route {
	manage := with(models.ManageIntegrations)
	return []route{
		get("/share-links", manage, "The Share links of the account, newest first", s.listShareLinks),
		define(http.MethodPost, "/share-links", manage, http.StatusCreated, "Invite another firm's account to a Share link; the address of the invitation is shown once", s.inviteShareLink),
		define(http.MethodPost, "/share-links/preview", manage, http.StatusOK, "Who invites to a Share link; it takes nothing", func(c *call, in InvitationShown) (*peers.ShareInvitation, error) {
			return s.Links.Preview(c.ctx(), in.InvitationURL)
		}).named("previewShareInvitation").over(),
		define(http.MethodPost, "/share-links/accept", manage, http.StatusCreated, "Take an invitation to a Share link; nothing flows until the other side lets this account in", s.acceptShareLink).named("acceptShareInvitation").over(),
		get("/share-links/:id", manage, "A Share link", func(c *call) (models.ShareLinkView, error) {
			l, err := c.shareLink()
			return c.showShareLink(l, err)
		}),
		patch[ShareLinkFields]("/share-links/:id", manage, "Rename a Share link", s.patchShareLink),
		remove("/share-links/:id", manage, "End a Share link: nothing moves by it any more, both sides keep what they have", func(c *call) error {
			return s.Intake.EndLink(c.ctx(), c.member, c.Param("id"))
		}),
		define(http.MethodPost, "/share-links/:id/admit", manage, http.StatusOK, "Let in who took the invitation, or another account in the place of the one that is linked", func(c *call, _ nothing) (models.ShareLinkView, error) {
			return c.showShareLink(s.Intake.AdmitLink(c.ctx(), c.member, c.Param("id")))
		}),
		define(http.MethodPost, "/share-links/:id/refuse", manage, http.StatusOK, "Turn away who wants in; a link whose invitation they took ends", func(c *call, _ nothing) (models.ShareLinkView, error) {
			return c.showShareLink(s.Intake.RefuseLink(c.ctx(), c.member, c.Param("id")))
		}),
		define(http.MethodPost, "/share-links/:id/trust-key", manage, http.StatusOK, "Trust the keys of the other side that no key known here introduced", func(c *call, _ nothing) (models.ShareLinkView, error) {
			return c.showShareLink(s.Intake.TrustLinkKeys(c.ctx(), c.member, c.Param("id")))
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

func (s *Server) inviteShareLink(c *call, in ShareLinkFields) (models.ShareLinkView, error) {
	l, secret, err := s.Intake.InviteLink(c.ctx(), c.member, in.Name)
	v, err := c.showShareLink(l, err)
	if err != nil {
		return v, err
	}
	c.Header("Location", "/api/v1/share-links/"+l.ID)
	v.InvitationURL = peers.InvitationURL(s.PublicURL, secret)
	return v, nil
}

func (s *Server) acceptShareLink(c *call, in InvitationTaken) (models.ShareLinkView, error) {
	i := &models.Integration{ID: c.newID("integration"), AccountID: c.member.AccountID, Status: models.IntegrationIdle, ClientCode: in.ClientCode, Name: in.Name, Kind: models.ShareIntegration,
		Enabled: true, AutoAdmin: true, DefaultWorkType: textOr(in.DefaultWorkType), DefaultAssignee: textOr(in.DefaultAssignee)}
	l, err := s.Links.Accept(c.ctx(), s.Intake, c.member, i, in.InvitationURL)
	v, err := c.showShareLink(l, err)
	if err != nil {
		return v, err
	}
	c.Header("Location", "/api/v1/share-links/"+l.ID)
	return v, nil
}

// shareInvitationRoutes is the page of an invitation. Its secret stands in the fragment, which never comes here: the page is
// the same for all of one language.
func (s *Server) shareInvitationRoutes() []outer {
	return []outer{{method: http.MethodGet, path: peers.InvitationPath, id: "getShareInvitationPage", summary: "What an invitation to a Share link is, and how to take it",
		answers: []answer{{status: http.StatusOK, content: []content{{media: "text/html"}}}}, handle: func(g *gin.Context) {
			s.page(g, func(c *call) error { return c.html(http.StatusOK, "invitation.html", c.plain()) })
		}}}
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
