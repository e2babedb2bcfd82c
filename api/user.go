package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"fieldproof/models"
)

// UserView is a user as the API shows it (contract: user).
type UserView struct {
	ID         string             `json:"id"`
	Username   string             `json:"username"`
	Name       string             `json:"name"`
	Email      string             `json:"email"`
	Role       string             `json:"role"`
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
	Username string  `json:"username"`
	Password *string `json:"password,omitempty"`
	Name     string  `json:"name"`
	Email    string  `json:"email"`
	Role     string  `json:"role"`
	Active   *bool   `json:"active"`
}

// Invitation is a link that sets a password, once.
type Invitation struct {
	URL       string      `json:"url"`
	ExpiresAt models.Time `json:"expires_at"`
	// Mailed tells whether it was sent to the user's address.
	Mailed bool `json:"mailed"`
}

const invitationLasts = 7 * 24 * time.Hour

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

// mayGrant refuses a role that may more than the member: nobody lifts themselves, or another, above.
func (c *call) mayGrant(tx *models.Tx, roles ...string) error {
	for _, name := range roles {
		role, err := models.One[models.Role](tx.Where("name = ?", name), "role")
		if models.KindOf(err) == models.NotFound {
			return models.InvalidField("role", "The account has no role %q.", name)
		}
		if err != nil {
			return err
		}
		for _, p := range role.Privileges {
			if !c.member.May(p) {
				return models.Errorf(models.Forbidden, "The role %s may more than you: only somebody with %s can give or change it.", name, p)
			}
		}
	}
	return nil
}

func (s *Server) createUser(c *call, in UserFields) (UserView, error) {
	if in.Active == nil {
		in.Active = ptr(true)
	}
	user := &models.User{ID: c.newID("user"), AccountID: c.member.AccountID, Username: in.Username, Name: in.Name, Email: in.Email, Role: in.Role, Active: *in.Active, CredentialVersion: 1}
	if err := user.Check(); err != nil {
		return UserView{}, err
	}
	if in.Password != nil {
		password, err := models.HashPassword(c.ctx(), *in.Password)
		if err != nil {
			return UserView{}, err
		}
		user.SetPassword(password)
	}
	err := c.administer(func(tx *models.Tx) error {
		if have, err := models.One[models.User](tx.Where("id = ?", user.ID), "user"); err == nil {
			user = have // the same request again
			return nil
		}
		if err := c.mayGrant(tx, in.Role); err != nil {
			return err
		}
		return tx.NewUser(user)
	})
	return viewUser(*user), err
}

func ptr[T any](v T) *T { return &v }

func (s *Server) patchUser(c *call, patch mergePatch) (UserView, error) {
	var given struct {
		Password *string `json:"password"`
	}
	var password *models.Password
	if json.Unmarshal(patch, &given) == nil && given.Password != nil {
		var err error
		if password, err = models.HashPassword(c.ctx(), *given.Password); err != nil {
			return UserView{}, err
		}
	}
	var user *models.User
	err := c.administer(func(tx *models.Tx) error {
		var err error
		user, err = tx.EditUser(c.Param("id"), func(u *models.User) error {
			before := u.Role
			fields := UserFields{Username: u.Username, Name: u.Name, Email: u.Email, Role: u.Role, Active: &u.Active}
			if err := merge(&fields, patch); err != nil {
				return err
			}
			u.Username, u.Name, u.Email, u.Role = fields.Username, fields.Name, fields.Email, fields.Role
			u.Active = fields.Active != nil && *fields.Active
			if password != nil {
				u.SetPassword(password)
			}
			return c.mayGrant(tx, before, u.Role)
		})
		if err != nil {
			return err
		}
		return keepAnAdmin(tx)
	})
	if err != nil {
		return UserView{}, err
	}
	return viewUser(*user), nil
}

// keepAnAdmin refuses to leave the account without anybody who could manage it.
func keepAnAdmin(tx *models.Tx) error {
	var roles []models.Role
	if err := tx.Find(&roles).Error; err != nil {
		return err
	}
	var managing []string
	for _, r := range roles {
		if slices.Contains(r.Privileges, models.EditRoles) {
			managing = append(managing, r.Name)
		}
	}
	var n int64
	if err := tx.Model(&models.User{}).Where("role IN ? AND active AND deleted_at IS NULL", managing).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return models.Errorf(models.Conflict, "This is the last admin of the account: make another one first.")
	}
	return nil
}

func (s *Server) deleteUser(c *call) error {
	return c.administer(func(tx *models.Tx) error {
		user, err := tx.EditUser(c.Param("id"), func(u *models.User) error {
			now := models.Now()
			u.DeletedAt, u.Active = &now, false
			return c.mayGrant(tx, u.Role)
		})
		if err != nil {
			return err
		}
		if err := tx.Where("user_id = ?", user.ID).Delete(&models.Token{}).Error; err != nil {
			return err
		}
		return keepAnAdmin(tx)
	})
}

func (s *Server) invite(c *call, _ nothing) (Invitation, error) {
	expires := models.At(time.Now().Add(invitationLasts))
	var secret string
	err := c.administer(func(tx *models.Tx) error {
		user, err := models.One[models.User](tx.Locked().Where("id = ? AND deleted_at IS NULL", c.Param("id")), "user")
		if err != nil {
			return err
		}
		if !user.Active {
			return models.Errorf(models.Conflict, "%s is switched off: switch them on first.", user.Username)
		}
		if err := c.mayGrant(tx, user.Role); err != nil {
			return err
		}
		if err := tx.Where("user_id = ? AND kind = ?", user.ID, models.InviteToken).Delete(&models.Token{}).Error; err != nil {
			return err
		}
		_, secret, err = tx.NewToken(user, models.InviteToken, "invitation", &expires)
		return err
	})
	return Invitation{URL: s.PublicURL + "/invitation#" + secret, ExpiresAt: expires}, err
}
