package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path"
	"strings"

	"gorm.io/gorm"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/remotes"
	"fieldproof/wire"
)

// DestinationFields are what may be written of a destination (contract: destination).
type DestinationFields struct {
	Name     string                  `json:"name" required:"true" example:"Results"`
	Kind     models.DestinationKind  `json:"kind" required:"true"`
	Enabled  *bool                   `json:"enabled"`
	Scope    models.DestinationScope `json:"scope"`
	Settings json.RawMessage         `json:"settings" as:"destination"`
}

// TestResult says what a test found.
type TestResult struct {
	OK     bool   `json:"ok"`
	Status int    `json:"status,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Replay asks for messages to be sent again.
type Replay struct {
	Since      *models.Time `json:"since,omitempty"`
	OnlyFailed bool         `json:"only_failed,omitempty"` // those that have not arrived
	MessageID  string       `json:"message_id,omitempty"`  // this one alone
}

// Replayed says how many messages are sent again.
type Replayed struct {
	Messages int64 `json:"messages"`
}

func (s *Server) destinationRoutes() []route {
	manage := with(models.ManageDestinations)
	return []route{
		get("/destinations", manage, "Where publications go, newest first", s.listDestinations),
		define(http.MethodPost, "/destinations", manage, http.StatusCreated, "Make a destination; a web-hook's secret is shown once", s.createDestination),
		get("/destinations/:id", manage, "A destination", func(c *call) (models.DestinationView, error) {
			d, err := c.destination()
			if err != nil {
				return models.DestinationView{}, err
			}
			return c.showDestination(d, "")
		}),
		patch[DestinationFields]("/destinations/:id", manage, "Change a destination", s.patchDestination),
		remove("/destinations/:id", manage, "Delete a destination", s.deleteDestination),
		define(http.MethodPost, "/destinations/:id/test", manage, http.StatusOK, "Try a destination now", s.testDestination),
		define(http.MethodPost, "/destinations/:id/replay", manage, http.StatusAccepted, "Send a web-hook's messages again, under the same ids", s.replayDestination),
		get("/destinations/:id/messages", manage, "What was sent to a web-hook, newest first, with the last answer", s.listMessages, "state"),
		get("/destinations/:id/preview", manage, "The folders and names that a place's items would get, on a real order", s.previewFolders, "work_order_id"),
		define(http.MethodPost, "/destinations/:id/connect", manage, http.StatusOK, "Begin to connect a cloud drive: the address at which to sign in", s.connectDestination),
		remove("/destinations/:id/connection", manage, "Disconnect a cloud drive, and give its permission back", s.disconnectDestination),
		define(http.MethodPost, "/destinations/:id/rotate-secret", manage, http.StatusOK, "Give a web-hook a new secret; the old one signs along for a day", s.rotateSecret),
	}
}

func (c *call) destination() (*models.Destination, error) {
	return models.One[models.Destination](c.server.Store.Read(c.ctx()).Where("id = ? AND deleted_at IS NULL", c.Param("id")), "destination")
}

func (c *call) secrets(d *models.Destination) (models.DestinationSecrets, error) {
	return c.server.Intake.DestinationSecrets(d)
}

func (c *call) seal(d *models.Destination, secrets models.DestinationSecrets) error {
	return c.server.Intake.SealDestination(d, secrets)
}

func (c *call) showDestination(d *models.Destination, secret string) (models.DestinationView, error) {
	secrets, err := c.secrets(d)
	return d.View(secrets, secret), err
}

func (s *Server) listDestinations(c *call) (list[models.DestinationView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.DestinationView]{}, err
	}
	q := s.Store.Read(c.ctx()).Where("deleted_at IS NULL").Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []*models.Destination
	if err := q.Find(&rows).Error; err != nil {
		return list[models.DestinationView]{}, err
	}
	return pageByID(rows, limit, at, func(d *models.Destination) string { return d.ID }, func(d *models.Destination) models.DestinationView {
		view, failed := c.showDestination(d, "")
		if failed != nil {
			err = failed
		}
		return view
	}), err
}

// setFields puts written fields into d and checks them. The authorization of a web-hook is taken out to be sealed.
func (c *call) setFields(d *models.Destination, in DestinationFields, secrets *models.DestinationSecrets) error {
	var settings models.DestinationSettings
	if len(in.Settings) > 0 {
		if err := decode(in.Settings, &settings); err != nil {
			return intake.Within("settings", err)
		}
	}
	d.Name, d.Kind, d.Settings = strings.TrimSpace(in.Name), in.Kind, settings
	d.Enabled = in.Enabled == nil || *in.Enabled
	d.IntegrationID, d.WorkOrderID = in.Scope.IntegrationID, in.Scope.WorkOrderID
	if err := d.Check(); err != nil {
		return err
	}
	if settings.Authorization != "" {
		secrets.Authorization = settings.Authorization
	}
	if settings.Password != "" {
		secrets.Password = settings.Password
	}
	if settings.Token != "" {
		secrets.Token = settings.Token
	}
	d.Settings.Authorization, d.Settings.Password, d.Settings.Token = "", "", ""
	if d.Kind == models.WebhookDestination && settings.Template != "" {
		if err := wire.CheckTemplate(c.ctx(), settings.Template); models.KindOf(err) == models.Unavailable {
			return err
		} else if err != nil {
			return models.InvalidField("settings.template", "%v", err)
		}
	}
	if !d.Place() {
		return nil
	}
	if d.PathNeeded() {
		d.Settings.Path = strings.Trim(d.Settings.Path, "/")
	}
	return sealOptions(d, secrets)
}

// sealOptions takes the secret options out of the settings of a place, and checks them all.
func sealOptions(d *models.Destination, secrets *models.DestinationSecrets) error {
	if d.Kind == models.FolderDestination {
		return nil
	}
	kind := string(d.Kind)
	plain := map[string]string{}
	for name, value := range d.Settings.Options {
		if !remotes.IsSecret(kind, name) {
			plain[name] = value
			continue
		}
		if secrets.Options == nil {
			secrets.Options = map[string]string{}
		}
		if secrets.Options[name] = value; value == "" {
			delete(secrets.Options, name)
		}
	}
	all := maps.Clone(plain)
	maps.Copy(all, secrets.Options)
	for i, f := range d.Settings.Paths() {
		prefix := "settings."
		if i > 0 {
			prefix = fmt.Sprintf("settings.more_paths[%d].", i-1)
		}
		if err := (remotes.Spec{Backend: kind, Path: f.Path, Options: all}).Check(prefix); err != nil {
			return err
		}
	}
	d.Settings.Options = plain
	return nil
}

func (s *Server) createDestination(c *call, in DestinationFields) (models.DestinationView, error) {
	d := &models.Destination{ID: c.newID("destination"), AccountID: c.member.AccountID, CreatedAt: models.Now(), UpdatedAt: models.Now()}
	var secrets models.DestinationSecrets
	if err := c.setFields(d, in, &secrets); err != nil {
		return models.DestinationView{}, err
	}
	d, err := s.Intake.CreateDestination(c.ctx(), c.member, d, secrets)
	if err != nil {
		return models.DestinationView{}, err
	}
	if secrets, err = c.secrets(d); err != nil {
		return models.DestinationView{}, err
	}
	c.Header("Location", "/api/v1/destinations/"+d.ID)
	return c.showDestination(d, secrets.Signing)
}

func (s *Server) patchDestination(c *call, patch mergePatch) (models.DestinationView, error) {
	d, err := s.Intake.EditDestination(c.ctx(), c.member, c.Param("id"), func(d *models.Destination) error { return c.mergeDestination(d, patch) })
	if err != nil {
		return models.DestinationView{}, err
	}
	return c.showDestination(d, "")
}

func (c *call) mergeDestination(d *models.Destination, patch mergePatch) error {
	secrets, err := c.secrets(d)
	if err != nil {
		return err
	}
	settings, err := json.Marshal(d.Settings)
	if err != nil {
		return err
	}
	fields := DestinationFields{Name: d.Name, Kind: d.Kind, Enabled: &d.Enabled, Settings: settings, Scope: models.DestinationScope{IntegrationID: d.IntegrationID, WorkOrderID: d.WorkOrderID}}
	if err := merge(&fields, patch); err != nil {
		return err
	}
	if fields.Kind != d.Kind {
		return models.InvalidField("kind", "A destination keeps its kind: make a new one.").Coded(models.CodeFixed)
	}
	for name, secret := range map[string]*string{"authorization": &secrets.Authorization, "password": &secrets.Password, "token": &secrets.Token} {
		if forgets(patch, name) {
			*secret = ""
		}
	}
	if err := c.setFields(d, fields, &secrets); err != nil {
		return err
	}
	return c.seal(d, secrets)
}

func (s *Server) deleteDestination(c *call) error {
	return s.Intake.DeleteDestination(c.ctx(), c.member, c.Param("id"))
}

func (s *Server) testDestination(c *call, _ nothing) (TestResult, error) {
	d, err := c.destination()
	if err != nil {
		return TestResult{}, err
	}
	result := TestResult{OK: true}
	switch d.Kind {
	case models.WebhookDestination:
		result.Status, err = s.Tests.Webhook(c.ctx(), d)
	case models.ClientDestination:
		err = s.Tests.Client(c.ctx(), d)
	default:
		err = s.Tests.Place(c.ctx(), d)
	}
	if err != nil {
		result.OK, result.Error = false, models.ErrorText(err)
	}
	return result, nil
}

func (c *call) webhook() (*models.Destination, error) {
	d, err := c.destination()
	if err == nil && d.Kind != models.WebhookDestination {
		return nil, models.Errorf(models.Conflict, "%s is a %s: only web-hooks have messages and secrets.", d.Name, d.Kind)
	}
	return d, err
}

func (s *Server) replayDestination(c *call, in Replay) (Replayed, error) {
	d, err := c.webhook()
	if err != nil {
		return Replayed{}, err
	}
	n, err := s.Intake.SendAgain(c.ctx(), c.member, d, intake.Again(in))
	return Replayed{n}, err
}

// MessageView is a message in the log of a web-hook.
type MessageView struct {
	ID            string           `json:"id"` // its webhook-id
	Type          string           `json:"type" words:"webhook_type"`
	WorkOrderID   string           `json:"work_order_id"`
	ItemID        string           `json:"item_id"`
	At            models.Time      `json:"at"`
	State         string           `json:"state" words:"delivery_state"`
	Attempts      int64            `json:"attempts"`
	LastError     string           `json:"last_error"`
	NextAttemptAt *models.Time     `json:"next_attempt_at"`
	DeliveredAt   *models.Time     `json:"delivered_at"`
	Data          json.RawMessage  `json:"data" as:"object"` // as it was frozen; a file in line and a template's body are made when it is sent
	AttemptLog    []models.Attempt `json:"attempt_log"`
}

// shownAttempts is how many tries of a message its log shows, the latest.
const shownAttempts = 20

func (s *Server) listMessages(c *call) (list[MessageView], error) {
	page := list[MessageView]{Items: []MessageView{}}
	d, err := c.webhook()
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	db := s.Store.Read(c.ctx())
	q := db.Where("destination_id = ?", d.ID)
	if state := c.Query("state"); state != "" {
		q = q.Where("state = ?", state)
	}
	rows, next, err := newest(q, "seq", limit, at, func(m *models.WebhookMessage) int64 { return m.Seq })
	if err != nil {
		return page, err
	}
	page.NextCursor = next
	for _, m := range rows {
		v := MessageView{ID: m.ID, Type: m.Type, WorkOrderID: m.WorkOrderID, ItemID: m.ItemID, At: m.At, State: m.State, Attempts: m.Attempts, LastError: m.LastError,
			NextAttemptAt: m.NextAttemptAt, DeliveredAt: m.DeliveredAt, Data: json.RawMessage(m.Data), AttemptLog: []models.Attempt{}}
		if err := db.Where("message_id = ?", m.ID).Order("id DESC").Limit(shownAttempts).Find(&v.AttemptLog).Error; err != nil {
			return page, err
		}
		page.Items = append(page.Items, v)
	}
	return page, nil
}

// FolderPreview is where the items of a real order would lie.
type FolderPreview struct {
	WorkOrderID string   `json:"work_order_id"`
	Files       []string `json:"files"` // the first 20 in each path
}

// previewed is how many items a preview shows.
const previewed = 20

func (s *Server) previewFolders(c *call) (FolderPreview, error) {
	v := FolderPreview{Files: []string{}}
	d, err := c.destination()
	if err != nil {
		return v, err
	}
	if !d.Place() {
		return v, models.Errorf(models.Conflict, "%s is a %s, which has no folders.", d.Name, d.Kind)
	}
	db := s.Store.Read(c.ctx())
	q := db.Where("NOT hidden").Order("seq DESC")
	if id := c.Query("work_order_id"); id != "" {
		q = q.Where("id = ?", id)
	} else {
		q = q.Where("id IN (?)", db.Session(&gorm.Session{NewDB: true, Context: c.ctx()}).Model(&models.Item{}).Select("work_order_id").Where("kind = ? AND deleted_at IS NULL", models.Photo))
	}
	o, err := models.One[models.WorkOrder](q.Limit(1), "work order with photos")
	if err != nil {
		return v, err
	}
	proof, err := models.ProofOf(db, o.ID, nil, models.ForClient)
	if err != nil {
		return v, err
	}
	v.WorkOrderID = o.ID
	for _, f := range d.Settings.Paths() {
		for n, item := range proof.Items {
			if n < previewed && item.BlobKey != "" {
				v.Files = append(v.Files, path.Join(f.Path, proof.FolderOf(f.Template, item), proof.FileName(item)))
			}
		}
	}
	return v, nil
}

func (s *Server) rotateSecret(c *call, _ nothing) (models.DestinationView, error) {
	d, err := c.webhook()
	if err != nil {
		return models.DestinationView{}, err
	}
	if d, err = s.Intake.RotateSecret(c.ctx(), c.member, d.ID); err != nil {
		return models.DestinationView{}, err
	}
	secrets, err := c.secrets(d)
	if err != nil {
		return models.DestinationView{}, err
	}
	return c.showDestination(d, secrets.Signing)
}
