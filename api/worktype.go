package api

import (
	"fmt"
	"net/http"

	"fieldproof/models"
)

func (s *Server) workTypeRoutes() []route {
	view, edit := with(models.CreateOrders), with(models.ManageAccount)
	return []route{
		get("/work-types", view, "The work types of the account", s.listWorkTypes),
		define(http.MethodPost, "/work-types", edit, http.StatusCreated, "Make a work type", func(c *call, in models.WorkTypeFields) (models.WorkType, error) {
			return c.saveWorkType(&models.WorkType{ID: c.newID("work type"), AccountID: c.member.AccountID, WorkTypeFields: in})
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

func (c *call) saveWorkType(w *models.WorkType) (models.WorkType, error) {
	err := c.server.Store.Write(c.ctx(), func(tx *models.Tx) error { return tx.SaveWorkType(w) })
	return *w, err
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
	var w *models.WorkType
	err := s.Store.Write(c.ctx(), func(tx *models.Tx) (err error) {
		if w, err = models.One[models.WorkType](tx.Locked().Where("id = ?", c.Param("id")), "work type"); err != nil {
			return err
		}
		if err := merge(&w.WorkTypeFields, patch); err != nil {
			return err
		}
		return tx.SaveWorkType(w)
	})
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
	return s.Store.Write(c.ctx(), func(tx *models.Tx) error { return tx.Where("id = ?", w.ID).Delete(&models.WorkType{}).Error })
}

func (s *Server) duplicateWorkType(c *call, _ nothing) (models.WorkType, error) {
	w, err := c.workType()
	if err != nil {
		return models.WorkType{}, err
	}
	copied := &models.WorkType{ID: c.newID("work type"), AccountID: w.AccountID, WorkTypeFields: w.WorkTypeFields}
	copied.Default = false
	for n := 1; ; n++ {
		copied.Name = fmt.Sprintf("%s__%d", w.Name, n)
		saved, err := c.saveWorkType(copied)
		if models.KindOf(err) != models.Conflict || n == 1000 {
			return saved, err
		}
		copied.CreatedAt = models.Time{}
	}
}
