package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

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

const longestRotation = 86_400

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
			return c.showIntegration(i, "")
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

func (c *call) showIntegration(i *models.Integration, pushURL string) (models.IntegrationView, error) {
	secrets, err := c.server.Integrations.SecretsOf(i)
	return i.View(secrets, pushURL), err
}

func (c *call) sealIntegration(i *models.Integration, secrets models.IntegrationSecrets) (err error) {
	i.Secrets, err = c.server.Sealer.Seal("integration/"+i.ID, secrets)
	return err
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
		view, failed := c.showIntegration(i, "")
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

// checkIntegration refuses a work type or an assignee that the account lacks, and a local folder of another account.
func (c *call) checkIntegration(tx *models.Tx, i *models.Integration) error {
	if i.DefaultWorkType != "" {
		if _, err := models.WorkTypeNamed(tx.DB, i.DefaultWorkType); err != nil {
			if models.KindOf(err) == models.Invalid {
				return models.InvalidField("default_work_type", "The account has no work type %q.", i.DefaultWorkType).Coded(models.CodeNoSuch)
			}
			return err
		}
	}
	if i.DefaultAssignee != "" && i.DefaultAssignee != models.AssignToAll {
		if _, err := tx.UserByName(i.DefaultAssignee); err != nil {
			if models.KindOf(err) == models.NotFound {
				return models.InvalidField("default_assignee", "The account has no active user %q.", i.DefaultAssignee).Coded(models.CodeNoSuch)
			}
			return err
		}
	}
	for _, folder := range i.LocalFolders() {
		if err := tx.ClaimFolder(i.AccountID, folder, "settings.path"); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) createIntegration(c *call, in IntegrationFields) (models.IntegrationView, error) {
	i := &models.Integration{ID: c.newID("integration"), AccountID: c.member.AccountID, Status: models.IntegrationIdle}
	var secrets models.IntegrationSecrets
	if err := c.setIntegration(i, in, &secrets); err != nil {
		return models.IntegrationView{}, err
	}
	err := c.write(func(tx *models.Tx) error {
		if have, err := models.One[models.Integration](tx.Where("id = ?", i.ID), "integration"); err == nil {
			i = have // the same request again
			secrets, err = s.Integrations.SecretsOf(i)
			return err
		}
		if err := c.checkIntegration(tx, i); err != nil {
			return err
		}
		if err := tx.SaveIntegration(i); err != nil {
			return err
		}
		var err error
		if secrets.PushKey, err = tx.NewPushKey(i, nil); err != nil {
			return err
		}
		if err := c.sealIntegration(i, secrets); err != nil {
			return err
		}
		return tx.Select("secrets").Updates(i).Error
	})
	if err != nil {
		return models.IntegrationView{}, err
	}
	s.Intake.Bells.Poke()
	c.Header("Location", "/api/v1/integrations/"+i.ID)
	return c.showIntegration(i, s.Integrations.PushURL(secrets.PushKey))
}

func (s *Server) patchIntegration(c *call, patch mergePatch) (models.IntegrationView, error) {
	var i *models.Integration
	err := c.write(func(tx *models.Tx) (err error) {
		i, err = models.Edit(tx, "integration", func(i *models.Integration) error {
			if err := c.mergeIntegration(i, patch); err != nil {
				return err
			}
			return c.checkIntegration(tx, i)
		}, "id = ? AND deleted_at IS NULL", c.Param("id"))
		if err != nil {
			return err
		}
		return tx.Ring(models.IntegrationBell, i.ID)
	})
	if err != nil {
		return models.IntegrationView{}, err
	}
	s.Intake.Bells.Poke()
	return c.showIntegration(i, "")
}

func (c *call) mergeIntegration(i *models.Integration, patch mergePatch) error {
	secrets, err := c.server.Integrations.SecretsOf(i)
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
	i.UpdatedAt = models.Now()
	return c.sealIntegration(i, secrets)
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
	defer s.Intake.Bells.Poke()
	return s.Store.Write(c.ctx(), func(tx *models.Tx) error {
		// The integration first, then its keys: as whoever makes a new key takes them.
		err := tx.Model(&models.Integration{}).Where("id = ?", i.ID).Updates(map[string]any{"deleted_at": models.Now(), "enabled": false, "secrets": "", "asked": "", "fetching": "", "retry_at": nil}).Error
		if err != nil {
			return err
		}
		if err := tx.Where("integration_id = ?", i.ID).Delete(&models.PushKey{}).Error; err != nil {
			return err
		}
		return tx.Ring(models.IntegrationBell, i.ID)
	})
}

func (s *Server) rotateKey(c *call, in Rotation) (models.IntegrationView, error) {
	if in.KeepOldFor < 0 || in.KeepOldFor > longestRotation {
		return models.IntegrationView{}, models.InvalidField("keep_old_for", "Give seconds from 0 to %d.", longestRotation)
	}
	var ends *models.Time
	if in.KeepOldFor > 0 {
		ends = ptr(models.At(time.Now().Add(time.Duration(in.KeepOldFor) * time.Second)))
	}
	var secrets models.IntegrationSecrets
	var i *models.Integration
	err := c.write(func(tx *models.Tx) (err error) {
		i, err = models.Edit(tx, "integration", func(i *models.Integration) error {
			if secrets, err = s.Integrations.SecretsOf(i); err != nil {
				return err
			}
			if secrets.PushKey, err = tx.NewPushKey(i, ends); err != nil {
				return err
			}
			i.UpdatedAt = models.Now()
			return c.sealIntegration(i, secrets)
		}, "id = ? AND deleted_at IS NULL", c.Param("id"))
		return err
	})
	if err != nil {
		return models.IntegrationView{}, err
	}
	return c.showIntegration(i, s.Integrations.PushURL(secrets.PushKey))
}

func (s *Server) refreshIntegration(c *call, in Refresh) (models.IntegrationView, error) {
	i, err := c.integration()
	if err != nil {
		return models.IntegrationView{}, err
	}
	switch {
	case !i.Fetches():
		return models.IntegrationView{}, models.Errorf(models.Conflict, "This integration fetches nothing: orders come to its push key.")
	case !i.Enabled:
		return models.IntegrationView{}, models.Errorf(models.Conflict, "The integration is switched off: switch it on first.").Coded(models.CodeSwitchedOff)
	}
	if err := s.askRefresh(c.ctx(), i, in.Full); err != nil {
		return models.IntegrationView{}, err
	}
	if i, err = c.integration(); err != nil {
		return models.IntegrationView{}, err
	}
	c.Header("Location", "/api/v1/integrations/"+i.ID)
	return c.showIntegration(i, "")
}

func (s *Server) askRefresh(ctx context.Context, i *models.Integration, full bool) error {
	what := models.AskedChanges
	if full {
		what = models.AskedAll
	}
	err := s.Store.Write(models.InAccount(ctx, i.AccountID), func(tx *models.Tx) error { return tx.AskRefresh(i.ID, what) })
	s.Intake.Bells.Poke()
	return err
}

func (s *Server) testIntegration(c *call, _ nothing) (TestResult, error) {
	i, err := c.integration()
	if err != nil {
		return TestResult{}, err
	}
	if err := s.Integrations.Test(c.ctx(), i); err != nil {
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
	q := s.Store.Read(c.ctx()).Where("integration_id = ?", i.ID).Order("id DESC").Limit(limit + 1)
	if at.Before > 0 {
		q = q.Where("id < ?", at.Before)
	}
	var rows []models.LogEntry
	err = q.Find(&rows).Error
	for n := range rows {
		if n == limit {
			at.Before = rows[limit-1].ID
			page.NextCursor = at.text()
			break
		}
		page.Items = append(page.Items, rows[n].View())
	}
	return page, err
}
