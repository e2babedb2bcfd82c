package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/remotes"
)

// IntegrationFields are what may be written of an integration (contract: integration).
type IntegrationFields struct {
	ClientCode      string                 `json:"client_code" required:"true" example:"ACME"`
	Name            string                 `json:"name"`
	Kind            models.IntegrationKind `json:"kind" required:"true"`
	Enabled         *bool                  `json:"enabled"`
	AutoAdmin       *bool                  `json:"auto_admin"`
	DefaultWorkType *string                `json:"default_work_type"`
	DefaultAssignee *string                `json:"default_assignee"`
	PublishTo       *string                `json:"publish_to" words:"publish_to"`
	QAPolicy        *models.QAPolicy       `json:"qa_policy"`
	Settings        json.RawMessage        `json:"settings" as:"integration"`
}

// Rotation asks for a new push key.
type Rotation struct {
	// KeepOldFor is how long the old key lives on, in seconds, at most a day.
	KeepOldFor int `json:"keep_old_for,omitempty"`
}

// Refresh asks an integration to fetch: what changed, or everything.
type Refresh struct {
	Full bool `json:"full,omitempty"`
}

func (s *Server) integrationRoutes() []route {
	manage := with(models.ManageIntegrations)
	return []route{
		get("/integrations", manage, "The integrations of the account, newest first", s.listIntegrations),
		define(http.MethodPost, "/integrations", manage, http.StatusCreated, "Make an integration; its push key is shown once", s.createIntegration),
		get("/integrations/:id", manage, "An integration", func(c *call) (models.IntegrationView, error) {
			i, err := c.integration()
			if err != nil {
				return models.IntegrationView{}, err
			}
			return c.showIntegration(i)
		}),
		patch[IntegrationFields]("/integrations/:id", manage, "Change an integration", s.patchIntegration),
		remove("/integrations/:id", manage, "Delete an integration: its push key ends, its orders stay", s.deleteIntegration),
		define(http.MethodPost, "/integrations/:id/rotate-key", manage, http.StatusOK, "Give an integration a new push key, shown once; the old one ends, or lives on for up to a day", s.rotateKey),
		define(http.MethodPost, "/integrations/:id/refresh", manage, http.StatusAccepted, "Fetch orders now: what changed, or with full everything", s.refreshIntegration),
		define(http.MethodPost, "/integrations/:id/test", manage, http.StatusOK, "Try an integration now: a peer validates, a folder is listed", s.testIntegration),
		get("/integrations/:id/log", manage, "What came in by an integration, newest first", s.integrationLog),
	}
}

func (c *call) integration() (*models.Integration, error) {
	return models.One[models.Integration](c.server.Store.Read(c.ctx()).Where("id = ? AND deleted_at IS NULL", c.Param("id")), "integration")
}

func (c *call) showIntegration(i *models.Integration) (models.IntegrationView, error) {
	secrets, err := c.server.Intake.IntegrationSecrets(i)
	return i.View(secrets, ""), err
}

// showKey shows an integration with its push key.
func (c *call) showKey(i *models.Integration) (models.IntegrationView, error) {
	secrets, err := c.server.Intake.IntegrationSecrets(i)
	return i.View(secrets, models.PushURL(c.server.PublicURL, secrets.PushKey)), err
}

func (s *Server) listIntegrations(c *call) (list[models.IntegrationView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.IntegrationView]{}, err
	}
	q := s.Store.Read(c.ctx()).Where("deleted_at IS NULL").Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []*models.Integration
	if err := q.Find(&rows).Error; err != nil {
		return list[models.IntegrationView]{}, err
	}
	return pageByID(rows, limit, at, func(i *models.Integration) string { return i.ID }, func(i *models.Integration) models.IntegrationView {
		view, failed := c.showIntegration(i)
		if failed != nil {
			err = failed
		}
		return view
	}), err
}

func textOr(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

// setIntegration puts written fields into i and checks them. What is secret of its settings is taken out to be sealed.
func (c *call) setIntegration(i *models.Integration, in IntegrationFields, secrets *models.IntegrationSecrets) error {
	var settings models.IntegrationSettings
	if len(in.Settings) > 0 && string(in.Settings) != "null" {
		if err := decode(in.Settings, &settings); err != nil {
			return intake.Within("settings", err)
		}
	}
	i.ClientCode, i.Name, i.Kind = in.ClientCode, in.Name, in.Kind
	i.Enabled, i.AutoAdmin = in.Enabled == nil || *in.Enabled, in.AutoAdmin == nil || *in.AutoAdmin
	i.DefaultWorkType, i.DefaultAssignee = textOr(in.DefaultWorkType), textOr(in.DefaultAssignee)
	i.PublishTo, i.QAPolicy = in.PublishTo, in.QAPolicy
	if settings.Password != "" {
		secrets.Password = settings.Password
	}
	if settings.Token != "" {
		secrets.Token = settings.Token
	}
	settings.Password, settings.Token = "", ""
	options := map[string]string{}
	for name, value := range settings.Options {
		if !remotes.IsSecret(settings.Backend, name) {
			options[name] = value
			continue
		}
		if secrets.Options == nil {
			secrets.Options = map[string]string{}
		}
		secrets.Options[name] = value
		if value == "" {
			delete(secrets.Options, name)
		}
	}
	settings.Options = nil
	if len(options) > 0 {
		settings.Options = options
	}
	i.Settings = settings
	if err := i.Check(); err != nil {
		return err
	}
	if i.Kind != models.WatchedFolder {
		if settings.Backend != "" || settings.Path != "" || len(options) > 0 {
			return models.InvalidField("settings.backend", "Only a watched folder has backend, path and options.")
		}
		return nil
	}
	all := map[string]string{}
	for _, some := range []map[string]string{options, secrets.Options} {
		for name, value := range some {
			all[name] = value
		}
	}
	return remotes.Spec{Backend: settings.Backend, Path: settings.Path, Options: all}.Check("settings.")
}

func (s *Server) createIntegration(c *call, in IntegrationFields) (models.IntegrationView, error) {
	i := &models.Integration{ID: c.newID("integration"), AccountID: c.member.AccountID, Status: models.IntegrationIdle}
	var secrets models.IntegrationSecrets
	if err := c.setIntegration(i, in, &secrets); err != nil {
		return models.IntegrationView{}, err
	}
	i, err := s.Intake.CreateIntegration(c.ctx(), c.member, i, secrets)
	if err != nil {
		return models.IntegrationView{}, err
	}
	c.Header("Location", "/api/v1/integrations/"+i.ID)
	return c.showKey(i)
}

func (s *Server) patchIntegration(c *call, patch mergePatch) (models.IntegrationView, error) {
	i, err := s.Intake.EditIntegration(c.ctx(), c.member, c.Param("id"), func(i *models.Integration) error { return c.mergeIntegration(i, patch) })
	if err != nil {
		return models.IntegrationView{}, err
	}
	return c.showIntegration(i)
}

func (c *call) mergeIntegration(i *models.Integration, patch mergePatch) error {
	secrets, err := c.server.Intake.IntegrationSecrets(i)
	if err != nil {
		return err
	}
	settings, err := json.Marshal(i.Settings)
	if err != nil {
		return err
	}
	fields := IntegrationFields{ClientCode: i.ClientCode, Name: i.Name, Kind: i.Kind, Enabled: &i.Enabled, AutoAdmin: &i.AutoAdmin, DefaultWorkType: &i.DefaultWorkType,
		DefaultAssignee: &i.DefaultAssignee, PublishTo: i.PublishTo, QAPolicy: i.QAPolicy, Settings: settings}
	if err := merge(&fields, patch); err != nil {
		return err
	}
	if fields.Kind != i.Kind {
		return models.InvalidField("kind", "An integration keeps its kind: make a new one.").Coded(models.CodeFixed)
	}
	if !strings.EqualFold(strings.TrimSpace(fields.ClientCode), i.ClientCode) {
		return models.InvalidField("client_code", "An integration keeps its client code, which stands before the numbers of its orders: make a new one.").Coded(models.CodeFixed)
	}
	fields.ClientCode = i.ClientCode
	for name, secret := range map[string]*string{"password": &secrets.Password, "token": &secrets.Token} {
		if forgets(patch, name) {
			*secret = ""
		}
	}
	if err := c.setIntegration(i, fields, &secrets); err != nil {
		return err
	}
	return c.server.Intake.SealIntegration(i, secrets)
}

// forgets tells whether a patch sets a setting to null or "".
func forgets(patch mergePatch, name string) bool {
	var p struct {
		Settings map[string]json.RawMessage `json:"settings"`
	}
	if json.Unmarshal(patch, &p) != nil {
		return false
	}
	raw, given := p.Settings[name]
	return given && (string(raw) == "null" || string(raw) == `""`)
}

func (s *Server) deleteIntegration(c *call) error {
	i, err := c.integration()
	if err != nil {
		return err
	}
	return s.Intake.DeleteIntegration(c.ctx(), c.member, i.ID)
}

func (s *Server) rotateKey(c *call, in Rotation) (models.IntegrationView, error) {
	i, err := s.Intake.RotatePushKey(c.ctx(), c.member, c.Param("id"), in.KeepOldFor)
	if err != nil {
		return models.IntegrationView{}, err
	}
	return c.showKey(i)
}

func (s *Server) refreshIntegration(c *call, in Refresh) (models.IntegrationView, error) {
	i, err := c.integration()
	if err != nil {
		return models.IntegrationView{}, err
	}
	if err := s.Intake.Refresh(c.ctx(), i, in.Full); err != nil {
		return models.IntegrationView{}, err
	}
	if i, err = c.integration(); err != nil {
		return models.IntegrationView{}, err
	}
	c.Header("Location", "/api/v1/integrations/"+i.ID)
	return c.showIntegration(i)
}

func (s *Server) testIntegration(c *call, _ nothing) (TestResult, error) {
	i, err := c.integration()
	if err != nil {
		return TestResult{}, err
	}
	if err := s.Tests.Integration(c.ctx(), i); err != nil {
		return TestResult{Error: models.ErrorText(err)}, nil //nolint:nilerr // the failure is the answer
	}
	return TestResult{OK: true}, nil
}

func (s *Server) integrationLog(c *call) (list[models.LogEntryView], error) {
	page := list[models.LogEntryView]{Items: []models.LogEntryView{}}
	i, err := c.integration()
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	rows, next, err := newest(s.Store.Read(c.ctx()).Where("integration_id = ?", i.ID), "id", limit, at, func(e *models.LogEntry) int64 { return e.ID })
	page.NextCursor = next
	for n := range rows {
		page.Items = append(page.Items, rows[n].View())
	}
	return page, err
}
