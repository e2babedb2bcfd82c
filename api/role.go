package api

import (
	"net/http"

	"fieldproof/models"
)

// roleFields are what may be written of a role.
type roleFields struct {
	Name       string             `json:"name" required:"true"`
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
	return role, s.Intake.CreateRole(c.ctx(), c.member, role)
}

func (s *Server) patchRole(c *call, patch mergePatch) (*models.Role, error) {
	role, err := c.role()
	if err != nil {
		return nil, err
	}
	return s.Intake.EditRole(c.ctx(), c.member, role.Name, func(role *models.Role) error {
		fields := roleFields{role.Name, role.Privileges}
		if err := merge(&fields, patch); err != nil {
			return err
		}
		role.Name, role.Privileges = fields.Name, fields.Privileges
		return nil
	})
}

func (s *Server) deleteRole(c *call) error {
	role, err := c.role()
	if err != nil {
		return err
	}
	return s.Intake.DeleteRole(c.ctx(), c.member, role)
}
