package api

import (
	"net/http"

	"fieldproof/models"
)

func (s *Server) workTypeRoutes() []route {
	view, edit := with(models.CreateOrders), with(models.ManageAccount)
	return []route{
		get("/work-types", view, "The work types of the account", s.listWorkTypes),
		define(http.MethodPost, "/work-types", edit, http.StatusCreated, "Make a work type", func(c *call, in models.WorkTypeFields) (models.WorkType, error) {
			w := &models.WorkType{ID: c.newID("work type"), AccountID: c.member.AccountID, WorkTypeFields: in}
			err := s.Intake.CreateWorkType(c.ctx(), c.member, w)
			return *w, err
		}),
		get("/work-types/:id", view, "A work type", func(c *call) (models.WorkType, error) {
			w, err := c.workType()
			if err != nil {
				return models.WorkType{}, err
			}
			return w.For(c.member.Audience()), nil
		}),
		patch[models.WorkTypeFields]("/work-types/:id", edit, "Change a work type; orders that it filled stay as they are", s.patchWorkType),
		remove("/work-types/:id", edit, "Delete a work type; orders that it filled stay as they are", s.deleteWorkType),
		define(http.MethodPost, "/work-types/:id/duplicate", edit, http.StatusCreated, "Make a new work type with the same fields and tasks", s.duplicateWorkType),
	}
}

func (c *call) workType() (*models.WorkType, error) {
	return models.One[models.WorkType](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "work type")
}

func (s *Server) listWorkTypes(c *call) (list[models.WorkType], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.WorkType]{}, err
	}
	q := s.Store.Read(c.ctx()).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []models.WorkType
	err = q.Find(&rows).Error
	return pageByID(rows, limit, at, func(w models.WorkType) string { return w.ID }, func(w models.WorkType) models.WorkType { return w.For(c.member.Audience()) }), err
}

func (s *Server) patchWorkType(c *call, patch mergePatch) (models.WorkType, error) {
	w, err := s.Intake.EditWorkType(c.ctx(), c.member, c.Param("id"), func(fields *models.WorkTypeFields) error { return merge(fields, patch) })
	if err != nil {
		return models.WorkType{}, err
	}
	return *w, nil
}

func (s *Server) deleteWorkType(c *call) error {
	w, err := c.workType()
	if err != nil {
		return err
	}
	return s.Intake.DeleteWorkType(c.ctx(), c.member, w.ID)
}

func (s *Server) duplicateWorkType(c *call, _ nothing) (models.WorkType, error) {
	w, err := c.workType()
	if err != nil {
		return models.WorkType{}, err
	}
	copied, err := s.Intake.DuplicateWorkType(c.ctx(), c.member, c.newID("work type"), w)
	if err != nil {
		return models.WorkType{}, err
	}
	return *copied, nil
}
