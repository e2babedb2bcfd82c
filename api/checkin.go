package api

import (
	"net/http"
	"slices"

	"fieldproof/intake"
	"fieldproof/models"
)

// NewCheckIn tells that somebody is at the property.
type NewCheckIn struct {
	UUID      string       `json:"uuid" required:"true" example:"0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11"`
	At        *models.Time `json:"at"`
	Latitude  *float64     `json:"latitude"`
	Longitude *float64     `json:"longitude"`
	Accuracy  *float64     `json:"accuracy"`
	Device    string       `json:"device,omitempty"`

	Source models.ItemSource `json:"source,omitempty" words:"upload_source"` // mobile_camera when it is left out
}

// sourceOf is where an item without a file says that it comes from: from a phone, when it says nothing.
func sourceOf(said models.ItemSource) (models.ItemSource, error) {
	if said == "" {
		return models.MobileCamera, nil
	}
	if !slices.Contains(models.UploadSources, said) {
		return "", models.InvalidField("source", "Choose mobile_camera, mobile_gallery or web_upload.")
	}
	return said, nil
}

func (s *Server) checkInRoutes() []route {
	return []route{
		get("/work-orders/:id/check-ins", anyMember, "The check-ins at a work order's property, newest first", s.listCheckIns),
		define(http.MethodPost, "/work-orders/:id/check-ins", with(models.UploadItems), http.StatusCreated, "Check in at the property", s.checkIn).repeatable().named("checkIn"),
	}
}

func (s *Server) listCheckIns(c *call) (list[models.CheckInView], error) {
	return listItems(c, models.CheckIn, (*models.Item).CheckInView)
}

func (s *Server) checkIn(c *call, in NewCheckIn) (models.CheckInView, error) {
	o, err := s.Intake.MayUpload(c.ctx(), c.Param("id"), c.member)
	if err != nil {
		return models.CheckInView{}, err
	}
	source, err := sourceOf(in.Source)
	if err != nil {
		return models.CheckInView{}, err
	}
	at := in.At
	if at == nil {
		at = ptr(models.Now())
	}
	item, made, err := s.Intake.AcceptItem(c.ctx(), intake.NewItem{OrderID: o.ID, Kind: models.CheckIn, UUID: in.UUID, TakenAt: at, Source: source, Device: in.Device, By: c.member,
		Position: models.Position{Latitude: in.Latitude, Longitude: in.Longitude, Accuracy: in.Accuracy}}, nil)
	if err != nil {
		return models.CheckInView{}, err
	}
	if !made {
		c.status = http.StatusOK
	}
	return item.CheckInView(c.member.Alone()), nil
}
