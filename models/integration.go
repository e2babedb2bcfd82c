package models

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
)

// IntegrationKind is what an integration is.
type IntegrationKind string

// The kinds of integration.
const (
	PushIntegration     IntegrationKind = "push"           // orders come to its push key
	ExternalIntegration IntegrationKind = "external"       // and are fetched from a system that speaks the external-integration API
	ShareIntegration    IntegrationKind = "share"          // so too, from an account of Fieldproof
	WatchedFolder       IntegrationKind = "watched_folder" // files are fetched from a folder
)

// IntegrationKinds lists the kinds.
var IntegrationKinds = []IntegrationKind{PushIntegration, ExternalIntegration, ShareIntegration, WatchedFolder}

// The statuses of an integration: what its refresh is doing.
const (
	IntegrationIdle    = "idle"
	IntegrationPending = "pending"
	IntegrationRunning = "running"
	IntegrationError   = "error"
)

// The refreshes that can be asked for.
const (
	AskedChanges = "changes" // what changed since the last one
	AskedAll     = "all"
)

// IntegrationSettings are the settings of every kind; each kind reads its own.
type IntegrationSettings struct {
	// Of an external system, and of Share on another installation.
	URL       string `json:"url,omitempty"`       // what the names of the services follow
	Extension string `json:"extension,omitempty"` // such as .php
	Username  string `json:"username,omitempty"`
	Password  string `json:"password,omitempty"` // write only
	Token     string `json:"token,omitempty"`    // write only
	// Of what is fetched: how often, in minutes; 0 is never by itself.
	EveryMinutes int `json:"every_minutes,omitempty"`
	// Of a watched folder.
	Backend       string            `json:"backend,omitempty"` // local, sftp, s3, webdav, drive, dropbox
	Path          string            `json:"path,omitempty"`
	Options       map[string]string `json:"options,omitempty"`        // of the backend; secret ones are write only
	SettleSeconds int               `json:"settle_seconds,omitempty"` // how long a file must not have changed
	Mapping       map[string]string `json:"mapping,omitempty"`        // column → field, as in imports
}

// IntegrationSecrets are kept sealed.
type IntegrationSecrets struct {
	PushKey  string            `json:"push_key,omitempty"` // handed over by validate
	Password string            `json:"password,omitempty"`
	Token    string            `json:"token,omitempty"`
	Options  map[string]string `json:"options,omitempty"`
}

// Integration is a link to an outside system of orders, with a client code and push keys of its own.
type Integration struct {
	ID              string `gorm:"primaryKey"`
	AccountID       string
	ClientCode      string
	ClientKey       string
	Name            string
	Kind            IntegrationKind
	Enabled         bool
	AutoAdmin       bool
	DefaultWorkType string
	DefaultAssignee string
	PublishTo       *string
	QAPolicy        *QAPolicy           `gorm:"column:qa_policy"`
	Settings        IntegrationSettings `gorm:"serializer:json"`
	Secrets         string              // sealed: [IntegrationSecrets]
	Status          string
	LastRefreshAt   *Time
	LastError       string
	Failures        int64
	Asked           string // a refresh that somebody asked for and that has not begun
	Fetching        string // the one that has begun and not ended
	RetryAt         *Time  // when a failed refresh is tried again by itself
	ReceivedUntil   *Time  // changes up to here have come in
	CreatedAt       Time
	UpdatedAt       Time
	DeletedAt       *Time
}

// Fetches tells whether the integration fetches by itself.
func (i *Integration) Fetches() bool { return i.Kind != PushIntegration }

// Peer tells whether the integration calls a system that speaks the external-integration API.
func (i *Integration) Peer() bool { return i.Kind == ExternalIntegration || i.Kind == ShareIntegration }

// IntegrationView is an integration as the API shows it (contract: integration). PushURL is there in the answers to
// creation and rotation only.
type IntegrationView struct {
	ID              string                  `json:"id"`
	ClientCode      string                  `json:"client_code"`
	Name            string                  `json:"name"`
	Kind            IntegrationKind         `json:"kind"`
	Enabled         bool                    `json:"enabled"`
	AutoAdmin       bool                    `json:"auto_admin"`
	DefaultWorkType *string                 `json:"default_work_type"`
	DefaultAssignee *string                 `json:"default_assignee"`
	PublishTo       *string                 `json:"publish_to" words:"publish_to"`
	QAPolicy        *QAPolicy               `json:"qa_policy"`
	Settings        IntegrationSettingsView `json:"settings"`
	Status          string                  `json:"status" words:"integration_status"`
	LastRefreshAt   *Time                   `json:"last_refresh_at"`
	LastError       string                  `json:"last_error"`
	NextTryAt       *Time                   `json:"next_try_at"`
	CreatedAt       Time                    `json:"created_at"`
	UpdatedAt       Time                    `json:"updated_at"`
	PushURL         string                  `json:"push_url,omitempty"`
}

// IntegrationSettingsView are the settings without secrets.
type IntegrationSettingsView struct {
	URL           string            `json:"url,omitempty"`
	Extension     string            `json:"extension,omitempty"`
	Username      string            `json:"username,omitempty"`
	HasPassword   bool              `json:"has_password,omitempty"`
	HasToken      bool              `json:"has_token,omitempty"`
	EveryMinutes  int               `json:"every_minutes,omitempty"`
	Backend       string            `json:"backend,omitempty"`
	Path          string            `json:"path,omitempty"`
	Options       map[string]string `json:"options,omitempty"`
	SecretOptions []string          `json:"secret_options,omitempty"` // which are set
	SettleSeconds int               `json:"settle_seconds,omitempty"`
	Mapping       map[string]string `json:"mapping,omitempty"`
}

// View makes the integration's view.
func (i *Integration) View(secrets IntegrationSecrets, pushURL string) IntegrationView {
	s := i.Settings
	v := IntegrationView{ID: i.ID, ClientCode: i.ClientCode, Name: i.Name, Kind: i.Kind, Enabled: i.Enabled, AutoAdmin: i.AutoAdmin,
		DefaultWorkType: orNil(i.DefaultWorkType), DefaultAssignee: orNil(i.DefaultAssignee), PublishTo: i.PublishTo, QAPolicy: i.QAPolicy,
		Settings: IntegrationSettingsView{URL: s.URL, Extension: s.Extension, Username: s.Username, HasPassword: secrets.Password != "", HasToken: secrets.Token != "",
			EveryMinutes: s.EveryMinutes, Backend: s.Backend, Path: s.Path, Options: s.Options, SettleSeconds: s.SettleSeconds, Mapping: s.Mapping},
		Status: i.Status, LastRefreshAt: i.LastRefreshAt, LastError: i.LastError, NextTryAt: i.RetryAt, CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt, PushURL: pushURL}
	for name := range secrets.Options {
		v.Settings.SecretOptions = append(v.Settings.SecretOptions, name)
	}
	slices.Sort(v.Settings.SecretOptions)
	return v
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Check returns an [Invalid] error that names each wrong field. What a backend's options may be is checked where they
// are used.
func (i *Integration) Check() error {
	var p Problems
	i.ClientCode, i.Name = strings.TrimSpace(i.ClientCode), strings.TrimSpace(i.Name)
	i.ClientKey = strings.ToLower(i.ClientCode)
	if i.ClientCode == "" || utf8.RuneCountInString(i.ClientCode) > 60 || strings.Contains(i.ClientCode, "::") {
		p.Add("client_code", "Give the integration a short code of 1 to 60 characters without ::, such as ACME; it stands before the numbers of its orders.")
	}
	if !OneLine(i.Name, 200) {
		p.Add("name", "At most 200 characters, in one line.")
	}
	if !slices.Contains(IntegrationKinds, i.Kind) {
		p.Add("kind", "Choose one of %s.", strings.Join(wordsOf(IntegrationKinds), ", "))
	}
	checkPublishing(&p, i.PublishTo, i.QAPolicy)
	s := &i.Settings
	if s.EveryMinutes < 0 || s.EveryMinutes > 31*24*60 {
		p.Add("settings.every_minutes", "Give minutes between 1 and 44640, or 0 to fetch only when asked.")
	}
	if s.SettleSeconds < 0 || s.SettleSeconds > 3600 {
		p.Add("settings.settle_seconds", "Give seconds between 1 and 3600.")
	}
	if i.Kind == ExternalIntegration || (i.Kind == ShareIntegration && s.URL != "") {
		u, err := url.Parse(s.URL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || len(s.URL) > 2000 {
			p.Add("settings.url", "Give the address that the services follow, such as https://example.com/pruvan, without a user name in it.")
		}
	}
	if len(s.Extension) > 20 || strings.ContainsAny(s.Extension, "/?#\r\n ") {
		p.Add("settings.extension", "Give an extension such as .php, or leave it out.")
	}
	if i.Kind == ShareIntegration && s.Username == "" {
		p.Add("settings.username", "Give the login that the delegator made for you.")
	}
	if i.Kind == WatchedFolder && s.Backend == "" {
		p.Add("settings.backend", "Choose where the folder lies: local, sftp, s3, webdav, drive or dropbox.")
	}
	return p.Err()
}

// SaveIntegration writes a new or changed integration. A client code that is taken is a [Conflict].
func (tx *Tx) SaveIntegration(i *Integration) error {
	i.UpdatedAt = Now()
	var err error
	if i.CreatedAt.IsZero() {
		i.CreatedAt = i.UpdatedAt
		err = tx.Create(i).Error
	} else {
		err = tx.Select("*").Omit("status", "last_refresh_at", "last_error", "failures", "asked", "fetching", "retry_at", "received_until").Updates(i).Error
	}
	if IsUnique(err) {
		return &Error{Kind: Conflict, Message: "The account already has an integration with this client code.", Fields: []FieldError{{Field: "client_code", Message: "Choose another code.", Code: CodeTaken}}}
	}
	if err != nil {
		return err
	}
	return tx.Ring(IntegrationBell, i.ID)
}

// PushURL is the address that a push key makes; public is the installation's own.
func PushURL(public, key string) string { return public + "/push/" + key }

// PushKey is a secret by which a remote system reaches an integration. Only its hash is kept here; a rotated one may live
// on for a while.
type PushKey struct {
	KeyHash       string `gorm:"primaryKey"`
	AccountID     string
	IntegrationID string
	CreatedAt     Time
	EndsAt        *Time
}

// FreshPushKey is a push key that nobody keeps yet.
func FreshPushKey() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:])
	return "pk_" + base64.RawURLEncoding.EncodeToString(raw[:])
}

// NewPushKey makes a push key for an integration; the ones before end at ends, or at once when it is nil.
func (tx *Tx) NewPushKey(i *Integration, ends *Time) (string, error) {
	key := FreshPushKey()
	return key, tx.KeepPushKey(i, key, ends)
}

// KeepPushKey keeps a push key for an integration; the ones before end as with [Tx.NewPushKey].
func (tx *Tx) KeepPushKey(i *Integration, key string, ends *Time) error {
	old := tx.Where("integration_id = ?", i.ID)
	if ends == nil {
		if err := old.Delete(&PushKey{}).Error; err != nil {
			return err
		}
	} else if err := old.Model(&PushKey{}).Where("ends_at IS NULL").Update("ends_at", *ends).Error; err != nil {
		return err
	}
	return tx.Create(&PushKey{KeyHash: hashToken(key), AccountID: i.AccountID, IntegrationID: i.ID, CreatedAt: Now()}).Error
}

// IntegrationByPushKey finds what a push key stands for. [NotFound] when the key is unknown, has ended, or its
// integration is deleted.
func (s *Store) IntegrationByPushKey(ctx context.Context, key string) (*Integration, error) {
	db := s.Read(AcrossAccounts(ctx))
	k, err := One[PushKey](db.Where("key_hash = ?", hashToken(key)), "push key")
	if err != nil {
		return nil, err
	}
	if k.EndsAt != nil && k.EndsAt.Before(time.Now()) {
		return nil, Errorf(NotFound, "The push key has ended.")
	}
	return One[Integration](db.Where("id = ? AND deleted_at IS NULL", k.IntegrationID), "integration")
}

// wider is the one of two refreshes that takes in the other.
func wider(a, b string) string {
	if a == AskedAll || b == "" {
		return a
	}
	return b
}

// BeginRefresh notes that what was asked of an integration has begun, and returns what that is: also what a run that was
// killed had begun. What is asked from now on is another refresh.
func (tx *Tx) BeginRefresh(integrationID string) (string, error) {
	i, err := One[Integration](tx.Locked().Where("id = ?", integrationID), "integration")
	if err != nil {
		return "", err
	}
	what := wider(i.Asked, i.Fetching)
	return what, tx.Model(&Integration{}).Where("id = ?", i.ID).Updates(map[string]any{"asked": "", "fetching": what, "status": IntegrationRunning}).Error
}

// AskAgain has what an integration was fetching asked once more, beside what was asked meanwhile.
func (i *Integration) AskAgain() string { return wider(i.Asked, i.Fetching) }

// AskRefresh has an integration refreshed; one for all is not lowered to one for changes.
func (tx *Tx) AskRefresh(integrationID, what string) error {
	if l, err := LinkOfIntegration(tx.DB, integrationID); err != nil || (l != nil && l.EndedAt == nil) {
		return errors.Join(err, tx.askLink(l, what))
	}
	changed := map[string]any{"asked": what, "retry_at": nil, "status": IntegrationPending}
	q := tx.Model(&Integration{}).Where("id = ? AND deleted_at IS NULL", integrationID)
	if what == AskedChanges {
		changed["asked"] = gorm.Expr("CASE WHEN asked = ? THEN asked ELSE ? END", AskedAll, AskedChanges)
	}
	changed["status"] = gorm.Expr("CASE WHEN status = ? THEN status ELSE ? END", IntegrationRunning, IntegrationPending)
	if err := q.Updates(changed).Error; err != nil {
		return err
	}
	return tx.Ring(IntegrationBell, integrationID)
}

// The kinds of entry in an integration's log.
const (
	LogPush     = "push"
	LogRefresh  = "refresh"
	LogValidate = "validate"
	LogFile     = "file"
)

// LogEntry is one thing that came in by an integration, with its outcome.
type LogEntry struct {
	ID            int64 `gorm:"primaryKey;autoIncrement"`
	AccountID     string
	IntegrationID string
	At            Time
	Kind          string
	Outcome       string // ok, partly, failed
	Summary       string
	Created       int64
	Updated       int64
	Unchanged     int64
	Rejected      int64
	ImportID      string
	Details       string // JSON: what was said of each order, and what nobody knew
}

// TableName names the table.
func (LogEntry) TableName() string { return "integration_log" }

// LogEntryView is a log entry as the API shows it.
type LogEntryView struct {
	ID        string          `json:"id"`
	At        Time            `json:"at"`
	Kind      string          `json:"kind" words:"log_kind"`
	Outcome   string          `json:"outcome" words:"log_outcome"`
	Summary   string          `json:"summary"`
	Created   int64           `json:"created"`
	Updated   int64           `json:"updated"`
	Unchanged int64           `json:"unchanged"`
	Rejected  int64           `json:"rejected"`
	ImportID  *string         `json:"import_id"`
	Details   json.RawMessage `json:"details"`
}

// View makes the entry's view.
func (e *LogEntry) View() LogEntryView {
	details := json.RawMessage(e.Details)
	if len(details) == 0 {
		details = json.RawMessage("null")
	}
	return LogEntryView{ID: fmt.Sprint(e.ID), At: e.At, Kind: e.Kind, Outcome: e.Outcome, Summary: e.Summary, Created: e.Created, Updated: e.Updated,
		Unchanged: e.Unchanged, Rejected: e.Rejected, ImportID: orNil(e.ImportID), Details: details}
}

// maxLogDetails bounds what one entry keeps; what is more stands in the outcome of an import.
const maxLogDetails = 64 << 10

// Log writes an entry, its details as JSON.
func (tx *Tx) Log(e *LogEntry, details any) error {
	if details != nil {
		text, err := json.Marshal(details)
		if err != nil {
			return err
		}
		if len(text) > maxLogDetails {
			text, _ = json.Marshal(map[string]string{"left_out": fmt.Sprintf("The details have %d KB and are not kept here.", len(text)>>10)})
		}
		e.Details = string(text)
	}
	e.At = Now()
	return tx.Create(e).Error
}

// PeerPushKey is where a peer that validated itself as a user of ours wants to be told of changes.
type PeerPushKey struct {
	UserID    string `gorm:"primaryKey"`
	AccountID string
	Sealed    string // the URL
	UpdatedAt Time
}

// KeepPeerPushKey keeps where the peer of a login wants to be told of changes.
func (tx *Tx) KeepPeerPushKey(accountID, userID, address string) error {
	sealed, err := tx.store.Sealer.Seal("peer push key/"+userID, address)
	if err != nil {
		return err
	}
	return tx.Save(&PeerPushKey{UserID: userID, AccountID: accountID, Sealed: sealed, UpdatedAt: Now()}).Error
}

// Terms are what an order inherits unless it says otherwise: from its integration, then from the account.
type Terms struct {
	QAPolicy  QAPolicy
	PublishTo *string
}

// TermsOf resolves the terms of an order.
func TermsOf(db *gorm.DB, o *WorkOrder, account *Account) (Terms, error) {
	t := Terms{QAPolicy: account.QAPolicy, PublishTo: o.PublishTo}
	if o.IntegrationID != nil && (o.QAPolicy == nil || o.PublishTo == nil) {
		i, err := One[Integration](db.Where("id = ?", *o.IntegrationID), "integration")
		if err != nil && KindOf(err) != NotFound {
			return t, err
		}
		if i != nil {
			if i.QAPolicy != nil {
				t.QAPolicy = *i.QAPolicy
			}
			if t.PublishTo == nil {
				t.PublishTo = i.PublishTo
			}
		}
	}
	if o.QAPolicy != nil {
		t.QAPolicy = *o.QAPolicy
	}
	return t, nil
}

// Where an order has its policy from.
const (
	PolicyOfOrder       = "order"
	PolicyOfIntegration = "integration"
	PolicyOfAccount     = "account"
)

// OrderPolicy is the policy that counts for an order, and what says so.
type OrderPolicy struct {
	QA   QAPolicy `json:"qa"`
	From string   `json:"from" words:"policy_from"`
}

// policiesOf are the policies that count for orders, see [TermsOf].
func policiesOf(db *gorm.DB, orders []*WorkOrder) (map[string]*OrderPolicy, error) {
	var accountIDs, integrationIDs []string
	for _, o := range orders {
		if o.QAPolicy != nil {
			continue
		}
		if !slices.Contains(accountIDs, o.AccountID) {
			accountIDs = append(accountIDs, o.AccountID)
		}
		if o.IntegrationID != nil && !slices.Contains(integrationIDs, *o.IntegrationID) {
			integrationIDs = append(integrationIDs, *o.IntegrationID)
		}
	}
	ofAccount, ofIntegration := map[string]QAPolicy{}, map[string]*QAPolicy{}
	if len(accountIDs) > 0 {
		var rows []Account
		if err := db.Select("id", "qa_policy").Where("id IN ?", accountIDs).Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, a := range rows {
			ofAccount[a.ID] = a.QAPolicy
		}
	}
	if len(integrationIDs) > 0 {
		var rows []Integration
		if err := db.Select("id", "qa_policy").Where("id IN ?", integrationIDs).Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, i := range rows {
			ofIntegration[i.ID] = i.QAPolicy
		}
	}
	policies := map[string]*OrderPolicy{}
	for _, o := range orders {
		p := &OrderPolicy{ofAccount[o.AccountID], PolicyOfAccount}
		if o.IntegrationID != nil && ofIntegration[*o.IntegrationID] != nil {
			p = &OrderPolicy{*ofIntegration[*o.IntegrationID], PolicyOfIntegration}
		}
		if o.QAPolicy != nil {
			p = &OrderPolicy{*o.QAPolicy, PolicyOfOrder}
		}
		policies[o.ID] = p
	}
	return policies, nil
}
