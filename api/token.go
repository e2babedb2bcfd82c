package api

import (
	"net/http"

	"fieldproof/intake"
	"fieldproof/models"
)

// NewToken asks for a token for scripts.
type NewToken struct {
	Name      string       `json:"name" required:"true" example:"mirror"`
	ExpiresAt *models.Time `json:"expires_at"`
}

// TokenView is a token; its secret is there in the answer to its creation only.
type TokenView struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Token     string       `json:"token,omitempty"`
	CreatedAt models.Time  `json:"created_at"`
	ExpiresAt *models.Time `json:"expires_at"`
}

func viewToken(t models.Token) TokenView {
	return TokenView{ID: t.ID, Name: t.Name, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt}
}

// tokenFields are what may be changed of a token.
type tokenFields struct {
	Name      string       `json:"name" required:"true"`
	ExpiresAt *models.Time `json:"expires_at"`
}

func (s *Server) tokenRoutes() []route {
	return []route{
		get("/tokens", anyMember, "Your tokens for scripts, newest first", s.listTokens),
		define(http.MethodPost, "/tokens", anyMember, http.StatusCreated, "Make a token; its secret is shown once", s.createToken),
		get("/tokens/:id", anyMember, "A token", func(c *call) (TokenView, error) {
			t, err := c.ownToken()
			if err != nil {
				return TokenView{}, err
			}
			return viewToken(*t), nil
		}),
		patch[tokenFields]("/tokens/:id", anyMember, "Rename a token, or change its end", s.patchToken),
		remove("/tokens/:id", anyMember, "End a token at once", s.deleteToken),
	}
}

func (c *call) ownToken() (*models.Token, error) {
	return models.One[models.Token](c.server.Store.Read(c.ctx()).Where(intake.TokenOf, c.Param("id"), c.member.ID, models.APIToken), "token")
}

func (s *Server) listTokens(c *call) (list[TokenView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[TokenView]{}, err
	}
	q := s.Store.Read(c.ctx()).Where("user_id = ? AND kind = ?", c.member.ID, models.APIToken).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var tokens []models.Token
	err = q.Find(&tokens).Error
	return pageByID(tokens, limit, at, func(t models.Token) string { return t.ID }, viewToken), err
}

func (s *Server) createToken(c *call, in NewToken) (TokenView, error) {
	t, secret, err := s.Intake.CreateToken(c.ctx(), c.member, in.Name, in.ExpiresAt)
	if err != nil {
		return TokenView{}, err
	}
	view := viewToken(*t)
	view.Token = secret
	return view, nil
}

func (s *Server) patchToken(c *call, patch mergePatch) (TokenView, error) {
	t, err := s.Intake.EditToken(c.ctx(), c.member, c.Param("id"), func(t *models.Token) error {
		fields := tokenFields{t.Name, t.ExpiresAt}
		if err := merge(&fields, patch); err != nil {
			return err
		}
		t.Name, t.ExpiresAt = fields.Name, fields.ExpiresAt
		return nil
	})
	if err != nil {
		return TokenView{}, err
	}
	return viewToken(*t), nil
}

func (s *Server) deleteToken(c *call) error {
	return s.Intake.DeleteToken(c.ctx(), c.member, c.Param("id"))
}
