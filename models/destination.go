package models

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// DestinationKind is what a destination is.
type DestinationKind string

// The kinds of destination so far.
const (
	WebhookDestination DestinationKind = "webhook"
	FolderDestination  DestinationKind = "folder"
)

// DestinationKinds lists the kinds that can be made.
var DestinationKinds = []DestinationKind{WebhookDestination, FolderDestination}

// DestinationScope narrows a destination to one integration or one order; empty: the whole account.
type DestinationScope struct {
	IntegrationID *string `json:"integration_id,omitempty"`
	WorkOrderID   *string `json:"work_order_id,omitempty"`
}

// DestinationSettings are the settings of every kind; each kind reads its own.
type DestinationSettings struct {
	// Of a web-hook.
	URL           string   `json:"url,omitempty"`
	Events        []string `json:"events,omitempty"` // empty: all
	IncludeFile   bool     `json:"include_file,omitempty"`
	Authorization string   `json:"authorization,omitempty"` // write only: the header's value, "Basic …" or "Bearer …"
	// Of a folder.
	Path         string `json:"path,omitempty"`     // below a root that the operator named
	Template     string `json:"template,omitempty"` // folder levels, see [FolderLevels]
	SaveMetadata bool   `json:"save_metadata,omitempty"`
	NoReport     bool   `json:"no_report,omitempty"` // leaves the PDF out
	Archive      bool   `json:"archive,omitempty"`   // adds the ZIP
}

// Destination is where publications go.
type Destination struct {
	ID            string `gorm:"primaryKey"`
	AccountID     string
	Name          string
	Kind          DestinationKind
	Enabled       bool
	IntegrationID *string
	WorkOrderID   *string
	Settings      DestinationSettings `gorm:"serializer:json"`
	Secrets       string              // sealed: [DestinationSecrets]
	FailingSince  *Time
	Failures      int64
	ProbeAt       *Time // a failing web-hook endpoint rests until then
	LastError     string
	CreatedAt     Time
	UpdatedAt     Time
	DeletedAt     *Time
}

// DestinationSecrets are kept sealed.
type DestinationSecrets struct {
	Signing       string `json:"signing,omitempty"`     // whsec_…
	OldSigning    string `json:"old_signing,omitempty"` // signs along until OldUntil
	OldUntil      *Time  `json:"old_until,omitempty"`
	Authorization string `json:"authorization,omitempty"`
}

// DestinationView is a destination as the API shows it, without secrets.
type DestinationView struct {
	ID           string           `json:"id"`
	Name         string           `json:"name"`
	Kind         DestinationKind  `json:"kind"`
	Enabled      bool             `json:"enabled"`
	Scope        DestinationScope `json:"scope"`
	Settings     any              `json:"settings"`
	FailingSince *Time            `json:"failing_since"`
	LastError    string           `json:"last_error"`
	CreatedAt    Time             `json:"created_at"`
	UpdatedAt    Time             `json:"updated_at"`
}

// WebhookSettingsView are the settings of a web-hook as the API shows them. Secret is there in the answer to creation
// and rotation only.
type WebhookSettingsView struct {
	URL              string   `json:"url"`
	Events           []string `json:"events"`
	IncludeFile      bool     `json:"include_file"`
	HasAuthorization bool     `json:"has_authorization"`
	Secret           string   `json:"secret,omitempty"`
}

// FolderSettingsView are the settings of a folder as the API shows them.
type FolderSettingsView struct {
	Path         string `json:"path"`
	Template     string `json:"template"`
	SaveMetadata bool   `json:"save_metadata"`
	NoReport     bool   `json:"no_report"`
	Archive      bool   `json:"archive"`
}

// View makes the destination's view; secret is shown in it when not empty.
func (d *Destination) View(hasAuthorization bool, secret string) DestinationView {
	v := DestinationView{ID: d.ID, Name: d.Name, Kind: d.Kind, Enabled: d.Enabled,
		Scope:        DestinationScope{IntegrationID: d.IntegrationID, WorkOrderID: d.WorkOrderID},
		FailingSince: d.FailingSince, LastError: d.LastError, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
	switch s := d.Settings; d.Kind {
	case WebhookDestination:
		events := s.Events
		if events == nil {
			events = []string{}
		}
		v.Settings = WebhookSettingsView{URL: s.URL, Events: events, IncludeFile: s.IncludeFile, HasAuthorization: hasAuthorization, Secret: secret}
	case FolderDestination:
		v.Settings = FolderSettingsView{Path: s.Path, Template: s.Template, SaveMetadata: s.SaveMetadata, NoReport: s.NoReport, Archive: s.Archive}
	}
	return v
}

// TakesReport tells whether the destination wants the PDF.
func (d *Destination) TakesReport() bool { return d.Kind == FolderDestination && !d.Settings.NoReport }

// Storage tells whether the destination is a place of the account's own, as publish_to means it.
func (d *Destination) Storage() bool { return d.Kind == FolderDestination }

// Covers tells whether the destination's scope takes in the order.
func (d *Destination) Covers(o *WorkOrder) bool {
	return (d.IntegrationID == nil || (o.IntegrationID != nil && *d.IntegrationID == *o.IntegrationID)) && (d.WorkOrderID == nil || *d.WorkOrderID == o.ID)
}

// Admits tells whether publish_to ("" is inherited, which admits all) lets a publication go to the destination.
func (d *Destination) Admits(publishTo *string) bool {
	if d.Kind == WebhookDestination || publishTo == nil {
		return true
	}
	return *publishTo == "both" || (*publishTo == "storage" && d.Storage()) || (*publishTo == "client" && !d.Storage())
}

// Check returns an [Invalid] error that names each wrong field. Whether an address may be reached and a folder lies
// under a root is asked when it is used, because the operator may change both.
func (d *Destination) Check() error {
	var p Problems
	if strings.TrimSpace(d.Name) == "" || len(d.Name) > 200 {
		p.Add("name", "Give the destination a name of 1 to 200 characters.")
	}
	if !slices.Contains(DestinationKinds, d.Kind) {
		p.Add("kind", "Choose one of %v.", DestinationKinds)
	}
	s := d.Settings
	switch d.Kind {
	case WebhookDestination:
		u, err := url.Parse(s.URL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || len(s.URL) > 2000 {
			p.Add("settings.url", "Give an address that begins with https:// and bears no user name, such as https://example.com/hook.")
		}
		for i, e := range s.Events {
			if !slices.Contains(WebhookTypes, e) {
				p.Add(fmt.Sprintf("settings.events[%d]", i), "%q is no event; choose from %s.", e, strings.Join(WebhookTypes, ", "))
			}
		}
		if a := s.Authorization; a != "" && (!strings.HasPrefix(a, "Basic ") && !strings.HasPrefix(a, "Bearer ") || strings.ContainsAny(a, "\r\n") || len(a) > 4000) {
			p.Add("settings.authorization", "Give the header's whole value: Basic … or Bearer ….")
		}
		if s.Path != "" || s.Template != "" || s.SaveMetadata {
			p.Add("settings", "A web-hook has url, events, include_file and authorization only.")
		}
	case FolderDestination:
		if clean := path.Clean("/" + s.Path); s.Path == "" || clean != "/"+strings.Trim(s.Path, "/") || strings.ContainsAny(s.Path, "\\\x00") {
			p.Add("settings.path", "Give a folder below one of the operator's roots, such as results/acme, without .. in it.")
		}
		if s.URL != "" || len(s.Events) > 0 || s.Authorization != "" || s.IncludeFile {
			p.Add("settings", "A folder has path, template, save_metadata, no_report and archive only.")
		}
		if err := CheckFolderTemplate(s.Template); err != nil {
			p.Add("settings.template", "%v", err)
		}
	}
	return p.Err()
}

// NewSigningSecret returns a fresh secret of the Standard Webhooks form: whsec_ and 32 bytes in Base64.
func NewSigningSecret(random []byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(random)
}
