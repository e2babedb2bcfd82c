package api

import (
	"net/http"

	"fieldproof/models"
)

// PropertyFields are what may be written of a property.
type PropertyFields struct {
	Address   models.Address `json:"address"`
	Latitude  *float64       `json:"latitude"`
	Longitude *float64       `json:"longitude"`
	Notes     string         `json:"notes"`
}

func (s *Server) propertyRoutes() []route {
	view, edit := with(models.ViewProperties), with(models.EditProperties)
	return []route{
		get("/properties", view, "The properties of the account, newest first", s.listProperties),
		define(http.MethodPost, "/properties", edit, http.StatusCreated, "Make a property", s.createProperty),
		get("/properties/:id", view, "A property", func(c *call) (*models.Property, error) { return c.property() }),
		patch[PropertyFields]("/properties/:id", edit, "Change a property", s.patchProperty),
		remove("/properties/:id", edit, "Delete a property without work orders", s.deleteProperty),
	}
}

func (c *call) property() (*models.Property, error) {
	return models.One[models.Property](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "property")
}

func (s *Server) listProperties(c *call) (list[models.Property], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.Property]{}, err
	}
	q := s.Store.Read(c.ctx()).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []models.Property
	err = q.Find(&rows).Error
	return pageByID(rows, limit, at, func(p models.Property) string { return p.ID }, func(p models.Property) models.Property { return p }), err
}

var errSameAddress = &models.Error{Kind: models.Conflict, Message: "The account already has a property at this address.",
	Fields: []models.FieldError{{Field: "address", Message: "Use that property, or give another address."}}}

func (s *Server) createProperty(c *call, in PropertyFields) (*models.Property, error) {
	p := &models.Property{ID: c.newID("property"), AccountID: c.member.AccountID, Address: in.Address, AddressKey: in.Address.Key(), Latitude: in.Latitude, Longitude: in.Longitude,
		Notes: in.Notes, CreatedAt: models.Now(), UpdatedAt: models.Now()}
	if err := p.Check(); err != nil {
		return nil, err
	}
	err := s.Store.Write(c.ctx(), func(tx *models.Tx) error { return tx.Create(p).Error })
	if models.IsUnique(err) {
		return nil, errSameAddress
	}
	return p, err
}

func (s *Server) patchProperty(c *call, patch mergePatch) (*models.Property, error) {
	p, err := c.property()
	if err != nil {
		return nil, err
	}
	fields := PropertyFields{p.Address, p.Latitude, p.Longitude, p.Notes}
	if err := merge(&fields, patch); err != nil {
		return nil, err
	}
	p.Address, p.Latitude, p.Longitude, p.Notes = fields.Address, fields.Latitude, fields.Longitude, fields.Notes
	p.AddressKey, p.UpdatedAt = p.Address.Key(), models.Now()
	if err := p.Check(); err != nil {
		return nil, err
	}
	err = s.Store.Write(c.ctx(), func(tx *models.Tx) error { return tx.Select("*").Updates(p).Error })
	if models.IsUnique(err) {
		return nil, errSameAddress
	}
	return p, err
}

func (s *Server) deleteProperty(c *call) error {
	p, err := c.property()
	if err != nil {
		return err
	}
	return s.Store.Write(c.ctx(), func(tx *models.Tx) error {
		var n int64
		if err := tx.Model(&models.WorkOrder{}).Where("property_id = ?", p.ID).Count(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return models.Errorf(models.Conflict, "%d work orders are at this property, so it stays.", n)
		}
		return tx.Where("id = ?", p.ID).Delete(&models.Property{}).Error
	})
}
