package api

import (
	"cmp"
	"net/http"

	"fieldproof/models"
)

// PropertyFields are what may be written of a property.
type PropertyFields struct {
	Address   models.Address `json:"address" required:"true"`
	Latitude  *float64       `json:"latitude"`
	Longitude *float64       `json:"longitude"`
	Notes     string         `json:"notes"`
}

func (s *Server) propertyRoutes() []route {
	view, edit := with(models.ViewProperties), with(models.EditProperties)
	return []route{
		get("/properties", view, "The properties of the account, newest first", s.listProperties, "q"),
		define(http.MethodPost, "/properties", edit, http.StatusCreated, "Make a property", s.createProperty),
		get("/properties/:id", view, "A property", func(c *call) (*models.Property, error) { return c.property() }),
		patch[PropertyFields]("/properties/:id", edit, "Change a property", s.patchProperty),
		remove("/properties/:id", edit, "Delete a property without work orders", s.deleteProperty),
		get("/properties/:id/visits", view, "The work orders at a property with what each proved, newest first", s.listVisits),
		stream(http.MethodGet, "/properties/:id/report.pdf", view, "Every visit to a property as PDF, newest first", "application/pdf", s.propertyReport, "layout", "part").heads(PartsHeader),
		stream(http.MethodGet, "/properties/:id/archive.zip", view, "Every original of every visit to a property, with a manifest", "application/zip", s.propertyArchive).ranged(),
	}
}

func (c *call) property() (*models.Property, error) {
	return models.One[models.Property](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "property")
}

func (s *Server) listProperties(c *call) (list[models.Property], error) {
	if err := c.knownQuery(); err != nil {
		return list[models.Property]{}, err
	}
	limit, at, err := c.page()
	if err != nil {
		return list[models.Property]{}, err
	}
	q := models.SearchProperties(s.Store.Read(c.ctx()).Order("id DESC").Limit(limit+1), c.Query("q"))
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []models.Property
	err = q.Find(&rows).Error
	return pageByID(rows, limit, at, func(p models.Property) string { return p.ID }, func(p models.Property) models.Property { return p }), err
}

func (s *Server) createProperty(c *call, in PropertyFields) (*models.Property, error) {
	p := &models.Property{ID: c.newID("property"), AccountID: c.member.AccountID, Address: in.Address, Latitude: in.Latitude, Longitude: in.Longitude,
		Notes: in.Notes, CreatedAt: models.Now(), UpdatedAt: models.Now()}
	return p, s.Intake.CreateProperty(c.ctx(), c.member, p)
}

func (s *Server) patchProperty(c *call, patch mergePatch) (*models.Property, error) {
	p, err := c.property()
	if err != nil {
		return nil, err
	}
	return s.Intake.EditProperty(c.ctx(), c.member, p.ID, func(p *models.Property) error {
		fields := PropertyFields{p.Address, p.Latitude, p.Longitude, p.Notes}
		if err := merge(&fields, patch); err != nil {
			return err
		}
		p.Address, p.Latitude, p.Longitude, p.Notes = fields.Address, fields.Latitude, fields.Longitude, fields.Notes
		return nil
	})
}

func (s *Server) deleteProperty(c *call) error {
	p, err := c.property()
	if err != nil {
		return err
	}
	return s.Intake.DeleteProperty(c.ctx(), c.member, p.ID)
}

// Visit is one work order at a property, with what it proved (domain: property report).
type Visit struct {
	WorkOrder        models.WorkOrderView `json:"work_order"`
	FirstItemAt      *models.Time         `json:"first_item_at"`
	LastItemAt       *models.Time         `json:"last_item_at"`
	PerformedBy      []string             `json:"performed_by"`       // usernames
	PerformedByNames []string             `json:"performed_by_names"` // what they are called
	Photos           int                  `json:"photos"`
	Certified        CertifiedCount       `json:"certified"`
	CheckIns         int                  `json:"check_ins"`
	Surveys          int                  `json:"survey_responses"`
}

// CertifiedCount counts certified photos.
type CertifiedCount struct {
	Time     int `json:"time"`
	Location int `json:"location"`
	Both     int `json:"both"`
}

// mostVisits is how many visits, the newest, a property's report and archive hold.
const mostVisits = 1000

// visits reads the proof of the orders at the address's property, newest first.
func (c *call) visits(limit int, before int64) (*models.Property, []*models.Proof, error) {
	p, err := c.property()
	if err != nil {
		return nil, nil, err
	}
	db := c.server.Store.Read(c.ctx())
	ask := models.OrderQuery{OrderFilter: models.OrderFilter{PropertyID: p.ID}, Sort: models.OrderSort{Down: true}, Limit: limit}
	if before > 0 {
		ask.From = &models.OrderPosition{Seq: before}
	}
	page, err := models.ListOrders(db, ask, c.member)
	if err != nil {
		return nil, nil, err
	}
	proofs := make([]*models.Proof, len(page.Orders))
	for i, o := range page.Orders {
		if proofs[i], err = models.ProofOf(db, o.ID, nil, c.member.Audience()); err != nil {
			return nil, nil, err
		}
	}
	return p, proofs, nil
}

func (s *Server) listVisits(c *call) (list[Visit], error) {
	page := list[Visit]{Items: []Visit{}}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	_, proofs, err := c.visits(limit+1, at.Before)
	if err != nil {
		return page, err
	}
	if len(proofs) > limit {
		proofs = proofs[:limit]
		at.Before = proofs[limit-1].Order.Seq
		page.NextCursor = at.text()
	}
	for _, p := range proofs {
		r := p.ServiceRecord()
		v := Visit{WorkOrder: p.View, FirstItemAt: r.First, LastItemAt: r.Last, PerformedBy: r.Performers, PerformedByNames: r.People, Photos: r.Total.Photos,
			Certified: CertifiedCount{r.Total.Time.Certified, r.Total.Location.Certified, r.Total.Both.Certified}}
		for _, i := range p.Items {
			switch i.Kind {
			case models.CheckIn:
				v.CheckIns++
			case models.SurveyResponse:
				v.Surveys++
			}
		}
		page.Items = append(page.Items, v)
	}
	return page, nil
}

func (s *Server) propertyReport(c *call) (any, error) {
	p, proofs, err := c.visits(mostVisits, 0)
	if err != nil {
		return nil, err
	}
	account, err := s.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, err
	}
	content, err := s.Reports.OfProperty(c.ctx(), account, p, proofs)
	if err != nil {
		return nil, err
	}
	return nil, c.sendReport(c.ctx(), content, propertyName(p))
}

func propertyName(p *models.Property) string {
	return models.SafeName(cmp.Or(p.Address.Address1, "property"))
}

func (s *Server) propertyArchive(c *call) (any, error) {
	p, proofs, err := c.visits(mostVisits, 0)
	if err != nil {
		return nil, err
	}
	file, err := s.Archives.OfProperty(c.ctx(), c.member.AccountID, p, proofs)
	if err != nil {
		return nil, err
	}
	return nil, c.sendArchive(file, propertyName(p))
}
