package api

import (
	"net/http"

	"fieldproof/models"
)

// roleFields are what may be written of a role.
type roleFields struct {
	Name       string             `json:"name"`
	Privileges []models.Privilege `json:"privileges"`
}

func (s *Server) roleRoutes() []route {
	edit := with(models.EditRoles)
	return []route{
		get("/roles", with(models.ManageUsers), "The roles of the account with their privileges", s.listRoles),
		define(http.MethodPost, "/roles", edit, http.StatusCreated, "Make a role", s.createRole),
		get("/roles/:id", with(models.ManageUsers), "A role, by its name", func(c *call) (*models.Role, error) { return c.role() }),
		patch[roleFields]("/roles/:id", edit, "Change a role's privileges", s.patchRole),
		remove("/roles/:id", edit, "Delete a role that nobody has", s.deleteRole),
	}
}

func (c *call) role() (*models.Role, error) {
	return models.One[models.Role](c.server.Store.Read(c.ctx()).Where("name = ?", c.Param("id")), "role")
}

func (s *Server) listRoles(c *call) (list[models.Role], error) {
	roles := []models.Role{}
	err := s.Store.Read(c.ctx()).Order("created_at, name").Find(&roles).Error
	return list[models.Role]{Items: roles}, err
}

func (s *Server) createRole(c *call, in roleFields) (*models.Role, error) {
	role := &models.Role{AccountID: c.member.AccountID, Name: in.Name, Privileges: in.Privileges, CreatedAt: models.Now(), UpdatedAt: models.Now()}
	if role.Privileges == nil {
		role.Privileges = []models.Privilege{}
	}
	if err := role.Check(); err != nil {
		return nil, err
	}
	err := c.administer(func(tx *models.Tx) error { return tx.Create(role).Error })
	if models.IsUnique(err) {
		return nil, &models.Error{Kind: models.Conflict, Message: "The account already has a role of this name.", Fields: []models.FieldError{{Field: "name", Message: "Choose another name."}}}
	}
	return role, err
}

func (s *Server) patchRole(c *call, patch mergePatch) (*models.Role, error) {
	role, err := c.role()
	if err != nil {
		return nil, err
	}
	err = c.administer(func(tx *models.Tx) (err error) {
		role, err = models.Edit(tx, "role", func(role *models.Role) error {
			fields := roleFields{role.Name, role.Privileges}
			if err := merge(&fields, patch); err != nil {
				return err
			}
			if fields.Name != role.Name {
				return models.InvalidField("name", "A role keeps its name: make a new one.")
			}
			role.Privileges, role.UpdatedAt = fields.Privileges, models.Now()
			if role.Privileges == nil {
				role.Privileges = []models.Privilege{}
			}
			return role.Check()
		}, "name = ?", role.Name)
		if err != nil {
			return err
		}
		return keepAnAdmin(tx)
	})
	return role, err
}

func (s *Server) deleteRole(c *call) error {
	role, err := c.role()
	if err != nil {
		return err
	}
	if role.BuiltIn {
		return models.Errorf(models.Conflict, "The role %s is built in and stays; its privileges can be changed.", role.Name)
	}
	return c.administer(func(tx *models.Tx) error {
		var n int64
		if err := tx.Model(&models.User{}).Where("role = ? AND deleted_at IS NULL", role.Name).Count(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return models.Errorf(models.Conflict, "%d users have the role %s: give them another first.", n, role.Name)
		}
		return tx.Where("name = ?", role.Name).Delete(&models.Role{}).Error
	})
}
