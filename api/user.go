package api

import (
	"encoding/json"
	"net/http"
	"time"

	"fieldproof/mails"
	"fieldproof/models"
)

// UserView is a user as the API shows it (contract: user).
type UserView struct {
	ID         string             `json:"id"`
	Username   string             `json:"username"`
	Name       string             `json:"name"`
	Email      string             `json:"email"`
	Role       string             `json:"role" as:"role"`
	Active     bool               `json:"active"`
	CreatedAt  models.Time        `json:"created_at"`
	UpdatedAt  models.Time        `json:"updated_at"`
	Privileges []models.Privilege `json:"privileges,omitempty"`
}

func viewUser(u models.User) UserView {
	return UserView{ID: u.ID, Username: u.Username, Name: u.Name, Email: u.Email, Role: u.Role, Active: u.Active, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt}
}

// UserFields are what may be written of a user.
type UserFields struct {
	Username string  `json:"username" required:"true" example:"ada"`
	Password *string `json:"password,omitempty"`
	Name     string  `json:"name"`
	Email    string  `json:"email"`
	Role     string  `json:"role" required:"true" as:"role"`
	Active   *bool   `json:"active"`
}

// Invitation is a link that sets a password, once.
type Invitation struct {
	URL       string      `json:"url"`
	ExpiresAt models.Time `json:"expires_at"`
	// Mailed tells whether it was sent to the user's address.
	Mailed bool `json:"mailed"`
}

func (s *Server) userRoutes() []route {
	manage := with(models.ManageUsers)
	return []route{
		get("/users", manage, "The users of the account, newest first", s.listUsers),
		define(http.MethodPost, "/users", manage, http.StatusCreated, "Make a user", s.createUser),
		get("/users/:id", manage, "A user", func(c *call) (UserView, error) {
			u, err := c.user()
			if err != nil {
				return UserView{}, err
			}
			return viewUser(*u), nil
		}),
		patch[UserFields]("/users/:id", manage, "Change a user; switching off ends every session and token at once", s.patchUser),
		remove("/users/:id", manage, "Delete a user; their items and history stay", s.deleteUser),
		define(http.MethodPost, "/users/:id/invite", manage, http.StatusCreated, "A link by which the user sets a password", s.invite),
	}
}

func (c *call) user() (*models.User, error) {
	return models.One[models.User](c.server.Store.Read(c.ctx()).Where("id = ? AND deleted_at IS NULL", c.Param("id")), "user")
}

func (s *Server) listUsers(c *call) (list[UserView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[UserView]{}, err
	}
	q := s.Store.Read(c.ctx()).Where("deleted_at IS NULL").Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var users []models.User
	err = q.Find(&users).Error
	return pageByID(users, limit, at, func(u models.User) string { return u.ID }, viewUser), err
}

func (s *Server) createUser(c *call, in UserFields) (UserView, error) {
	if in.Active == nil {
		in.Active = ptr(true)
	}
	user := &models.User{ID: c.newID("user"), AccountID: c.member.AccountID, Username: in.Username, Name: in.Name, Email: in.Email, Role: in.Role, Active: *in.Active, CredentialVersion: 1}
	user, err := s.Intake.CreateUser(c.ctx(), c.member, user, in.Password)
	if err != nil {
		return UserView{}, err
	}
	return viewUser(*user), nil
}

func ptr[T any](v T) *T { return &v }

func (s *Server) patchUser(c *call, patch mergePatch) (UserView, error) {
	var given struct {
		Password *string `json:"password"`
	}
	if json.Unmarshal(patch, &given) != nil {
		given.Password = nil // the merge says what is wrong with it
	}
	user, err := s.Intake.EditUser(c.ctx(), c.member, c.Param("id"), given.Password, func(u *models.User) error {
		fields := UserFields{Username: u.Username, Name: u.Name, Email: u.Email, Role: u.Role, Active: &u.Active}
		if err := merge(&fields, patch); err != nil {
			return err
		}
		u.Username, u.Name, u.Email, u.Role = fields.Username, fields.Name, fields.Email, fields.Role
		u.Active = fields.Active != nil && *fields.Active
		return nil
	})
	if err != nil {
		return UserView{}, err
	}
	return viewUser(*user), nil
}

func (s *Server) deleteUser(c *call) error {
	return s.Intake.DeleteUser(c.ctx(), c.member, c.Param("id"))
}

func (s *Server) invite(c *call, _ nothing) (Invitation, error) {
	made, err := s.Intake.Invite(c.ctx(), c.member, c.Param("id"))
	if err != nil {
		return Invitation{}, err
	}
	app := ""
	if made.Field {
		app = "/field"
	}
	shown := Invitation{URL: s.PublicURL + app + "/invitation#" + made.Secret, ExpiresAt: made.Expires}
	var to []string
	if made.User.Email != "" {
		to = []string{made.User.Email}
	}
	shown.Mailed = s.mailed(c, to, func(by string, account *models.Account, logo []byte) *mails.Message {
		if made.User.PasswordHash != "" {
			return mails.Reset{Account: account, By: by, User: made.User, Link: shown.URL, Asked: time.Now(), Expires: made.Expires}.Mail()
		}
		return mails.Invited{Account: account, Logo: logo, By: by, User: made.User, Link: shown.URL, Expires: made.Expires, Field: made.Field}.Mail()
	})
	return shown, nil
}
