package models

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"path"
	"slices"
	"strings"
)

// DestinationKind is what a destination is.
type DestinationKind string

// The kinds of destination. Those between folder and webdav are places of the account's own.
const (
	WebhookDestination DestinationKind = "webhook"
	FolderDestination  DestinationKind = "folder"
	DriveDestination   DestinationKind = "drive"
	DropboxDestination DestinationKind = "dropbox"
	S3Destination      DestinationKind = "s3"
	SFTPDestination    DestinationKind = "sftp"
	WebDAVDestination  DestinationKind = "webdav"
	ClientDestination  DestinationKind = "client" // the client's system, by the external-integration API
	MailDestination    DestinationKind = "mail"
)

// DestinationKinds lists the kinds that can be made.
var DestinationKinds = []DestinationKind{WebhookDestination, FolderDestination, DriveDestination, DropboxDestination, S3Destination, SFTPDestination,
	WebDAVDestination, ClientDestination, MailDestination}

// DestinationScope narrows a destination to one integration or one order; empty: the whole account.
type DestinationScope struct {
	IntegrationID *string `json:"integration_id,omitempty"`
	WorkOrderID   *string `json:"work_order_id,omitempty"`
}

// DestinationSettings are the settings of every kind; each kind reads its own.
type DestinationSettings struct {
	// Of a web-hook.
	URL           string   `json:"url,omitempty"`    // of a client too: the base of its services
	Events        []string `json:"events,omitempty"` // empty: all
	IncludeFile   bool     `json:"include_file,omitempty"`
	Authorization string   `json:"authorization,omitempty"` // write only: the header's value, "Basic …" or "Bearer …"
	// Template is of a web-hook a Handlebars template of the body, or pruvan; of a place its folder levels, see [FolderLevels].
	Template string `json:"template,omitempty"`
	// Of a place.
	Path         string            `json:"path,omitempty"` // of a folder: below a root that the operator named
	MorePaths    []FolderPath      `json:"more_paths,omitempty"`
	SaveMetadata bool              `json:"save_metadata,omitempty"`
	NoReport     bool              `json:"no_report,omitempty"` // leaves the PDF out
	Archive      bool              `json:"archive,omitempty"`   // adds the ZIP
	Options      map[string]string `json:"options,omitempty"`   // how the place is reached; the secret ones are write only
	// Of a client.
	Extension string `json:"extension,omitempty"`
	Username  string `json:"username,omitempty"`
	Password  string `json:"password,omitempty"` // write only
	Token     string `json:"token,omitempty"`    // write only
	// Of a mail.
	To      []string `json:"to,omitempty"`
	Subject string   `json:"subject,omitempty"`
	Message string   `json:"message,omitempty"`
	Attach  string   `json:"attach,omitempty"` // report, link, both; "" is report
}

// FolderPath is a further folder of a place, with its own levels.
type FolderPath struct {
	Path     string `json:"path"`
	Template string `json:"template"`
}

// maxPaths is how many folders one place has.
const maxPaths = 3

// Paths lists the folders of a place.
func (s *DestinationSettings) Paths() []FolderPath {
	return append([]FolderPath{{strings.Trim(s.Path, "/"), s.Template}}, s.MorePaths...)
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
	ProbeAt       *Time  // a failing web-hook endpoint, or a client's system, rests until then
	Probed        string // the message by which a client's system was last probed
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
	// Of a place: the secret options, such as a password or the token of a drive.
	Options map[string]string `json:"options,omitempty"`
	// Of a client.
	Password string `json:"password,omitempty"`
	Token    string `json:"token,omitempty"`
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
	Template         string   `json:"template"`
	Secret           string   `json:"secret,omitempty"`
}

// PlaceSettingsView are the settings of a place as the API shows them. Secrets names the secret options that are set.
type PlaceSettingsView struct {
	Path         string            `json:"path"`
	Template     string            `json:"template"`
	MorePaths    []FolderPath      `json:"more_paths"`
	SaveMetadata bool              `json:"save_metadata"`
	NoReport     bool              `json:"no_report"`
	Archive      bool              `json:"archive"`
	Options      map[string]string `json:"options,omitempty"`
	Secrets      []string          `json:"secrets,omitempty"`
	Connected    *bool             `json:"connected,omitempty"` // of a drive: whether somebody signed in
}

// ClientSettingsView are the settings of a client as the API shows them.
type ClientSettingsView struct {
	URL         string `json:"url"`
	Extension   string `json:"extension"`
	Username    string `json:"username"`
	HasPassword bool   `json:"has_password"`
	HasToken    bool   `json:"has_token"`
}

// MailSettingsView are the settings of a mail as the API shows them.
type MailSettingsView struct {
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Message string   `json:"message"`
	Attach  string   `json:"attach"`
}

// View makes the destination's view; secret is shown in it when not empty.
func (d *Destination) View(secrets DestinationSecrets, secret string) DestinationView {
	v := DestinationView{ID: d.ID, Name: d.Name, Kind: d.Kind, Enabled: d.Enabled,
		Scope:        DestinationScope{IntegrationID: d.IntegrationID, WorkOrderID: d.WorkOrderID},
		FailingSince: d.FailingSince, LastError: d.LastError, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
	switch s := d.Settings; {
	case d.Kind == WebhookDestination:
		events := s.Events
		if events == nil {
			events = []string{}
		}
		v.Settings = WebhookSettingsView{URL: s.URL, Events: events, IncludeFile: s.IncludeFile, HasAuthorization: secrets.Authorization != "", Template: s.Template, Secret: secret}
	case d.Kind == ClientDestination:
		v.Settings = ClientSettingsView{URL: s.URL, Extension: s.Extension, Username: s.Username, HasPassword: secrets.Password != "", HasToken: secrets.Token != ""}
	case d.Kind == MailDestination:
		v.Settings = MailSettingsView{To: s.To, Subject: s.Subject, Message: s.Message, Attach: s.Attach}
	case d.Place():
		place := PlaceSettingsView{Path: s.Path, Template: s.Template, MorePaths: s.MorePaths, SaveMetadata: s.SaveMetadata, NoReport: s.NoReport, Archive: s.Archive,
			Options: s.Options, Secrets: slices.Sorted(maps.Keys(secrets.Options))}
		if place.MorePaths == nil {
			place.MorePaths = []FolderPath{}
		}
		if d.Kind == DriveDestination || d.Kind == DropboxDestination {
			connected := secrets.Options["token"] != "" || secrets.Options["service_account_credentials"] != ""
			place.Connected = &connected
		}
		v.Settings = place
	}
	return v
}

// Place tells whether the destination keeps files.
func (d *Destination) Place() bool {
	return slices.Contains([]DestinationKind{FolderDestination, DriveDestination, DropboxDestination, S3Destination, SFTPDestination, WebDAVDestination}, d.Kind)
}

// Queued tells whether the destination's deliveries are messages, sent by a workflow of its own.
func (d *Destination) Queued() bool {
	return d.Kind == WebhookDestination || d.Kind == ClientDestination
}

// TakesReport tells whether the destination wants the PDF.
func (d *Destination) TakesReport() bool {
	return d.Place() && !d.Settings.NoReport || d.Kind == MailDestination && d.Settings.Attach != MailLink
}

// Storage tells whether the destination is a place of the account's own, as publish_to means it.
func (d *Destination) Storage() bool { return d.Place() }

// What a mail brings.
const (
	MailReport = "report"
	MailLink   = "link"
	MailBoth   = "both"
)

// Covers tells whether the destination's scope takes in the order.
func (d *Destination) Covers(o *WorkOrder) bool {
	return (d.IntegrationID == nil || (o.IntegrationID != nil && *d.IntegrationID == *o.IntegrationID)) && (d.WorkOrderID == nil || *d.WorkOrderID == o.ID)
}

// Admits tells whether publish_to ("" is inherited, which admits all) lets a publication go to the destination.
func (d *Destination) Admits(publishTo *string) bool {
	if d.Kind == WebhookDestination || d.Kind == MailDestination && d.WorkOrderID != nil || publishTo == nil {
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
	d.onlyOwn(&p)
	switch {
	case d.Kind == WebhookDestination:
		checkWebURL(&p, s.URL)
		for i, e := range s.Events {
			if !slices.Contains(WebhookTypes, e) {
				p.Add(fmt.Sprintf("settings.events[%d]", i), "%q is no event; choose from %s.", e, strings.Join(WebhookTypes, ", "))
			}
		}
		if a := s.Authorization; a != "" && (!strings.HasPrefix(a, "Basic ") && !strings.HasPrefix(a, "Bearer ") || strings.ContainsAny(a, "\r\n") || len(a) > 4000) {
			p.Add("settings.authorization", "Give the header's whole value: Basic … or Bearer ….")
		}
	case d.Kind == ClientDestination:
		if s.URL != "" || d.IntegrationID == nil {
			checkWebURL(&p, s.URL)
		}
		if len(s.Extension) > 20 || strings.ContainsAny(s.Extension, "/?#") {
			p.Add("settings.extension", "An extension is like .php.")
		}
	case d.Kind == MailDestination:
		if len(s.To) == 0 || len(s.To) > 20 {
			p.Add("settings.to", "Give 1 to 20 addresses.")
		}
		for i, to := range s.To {
			if a, err := mail.ParseAddress(to); err != nil || strings.ContainsAny(to, "\r\n") || a.Address == "" {
				p.Add(fmt.Sprintf("settings.to[%d]", i), "%q is no e-mail address.", to)
			}
		}
		if !slices.Contains([]string{"", MailReport, MailLink, MailBoth}, s.Attach) {
			p.Add("settings.attach", "Choose report, link or both.")
		}
		if len(s.Subject) > 300 || strings.ContainsAny(s.Subject, "\r\n") || len(s.Message) > 20_000 {
			p.Add("settings.subject", "A subject is one line of at most 300 characters, a message has at most 20000.")
		}
	case d.Place():
		if len(s.MorePaths) >= maxPaths {
			p.Add("settings.more_paths", "A destination has at most %d paths.", maxPaths)
		}
		for i, f := range s.Paths() {
			field := "settings."
			if i > 0 {
				field = fmt.Sprintf("settings.more_paths[%d].", i-1)
			}
			needed := d.Kind == FolderDestination || d.Kind == S3Destination
			if clean := path.Clean("/" + f.Path); (f.Path == "" && needed) || clean != "/"+strings.Trim(f.Path, "/") || strings.ContainsAny(f.Path, "\\\x00") {
				p.Add(field+"path", "Give a folder, such as results/acme, without .. in it; of a folder on the server below one of the operator's roots, of S3 with the bucket first.")
			}
			if err := CheckFolderTemplate(f.Template); err != nil {
				p.Add(field+"template", "%v", err)
			}
		}
	}
	return p.Err()
}

func checkWebURL(p *Problems, text string) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || len(text) > 2000 {
		p.Add("settings.url", "Give an address that begins with https:// and bears no user name, such as https://example.com/hook.")
	}
}

// onlyOwn notes settings that another kind has.
func (d *Destination) onlyOwn(p *Problems) {
	s := d.Settings
	hook, client, letter := d.Kind == WebhookDestination, d.Kind == ClientDestination, d.Kind == MailDestination
	for _, set := range []struct {
		name       string
		set, there bool
	}{
		{"url", s.URL != "", hook || client}, {"events", len(s.Events) > 0, hook}, {"include_file", s.IncludeFile, hook}, {"authorization", s.Authorization != "", hook},
		{"template", s.Template != "", hook || d.Place()}, {"path", s.Path != "", d.Place()}, {"more_paths", len(s.MorePaths) > 0, d.Place()},
		{"save_metadata", s.SaveMetadata, d.Place()}, {"no_report", s.NoReport, d.Place()}, {"archive", s.Archive, d.Place()}, {"options", len(s.Options) > 0, d.Place() && d.Kind != FolderDestination},
		{"extension", s.Extension != "", client}, {"username", s.Username != "", client}, {"password", s.Password != "", client}, {"token", s.Token != "", client},
		{"to", len(s.To) > 0, letter}, {"subject", s.Subject != "", letter}, {"message", s.Message != "", letter}, {"attach", s.Attach != "", letter},
	} {
		if set.set && !set.there {
			p.Add("settings."+set.name, "A destination of kind %s has no such setting.", d.Kind)
		}
	}
}

// NewSigningSecret returns a fresh secret of the Standard Webhooks form: whsec_ and 32 bytes in Base64.
func NewSigningSecret(random []byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(random)
}
