package models

import (
	"encoding/base64"
	"maps"
	"strings"
)

// DestinationKind is what a destination is.
type DestinationKind string

// The kinds of destination; what each is stands in the table of kinds.
const (
	WebhookDestination DestinationKind = "webhook"
	FolderDestination  DestinationKind = "folder"
	DriveDestination   DestinationKind = "drive"
	DropboxDestination DestinationKind = "dropbox"
	S3Destination      DestinationKind = "s3"
	SFTPDestination    DestinationKind = "sftp"
	WebDAVDestination  DestinationKind = "webdav"
	ClientDestination  DestinationKind = "client" // the client's system, by the external-integration API
	ShareDestination   DestinationKind = "share"  // a Share link, which stands among them by itself
	MailDestination    DestinationKind = "mail"
)

// DestinationScope narrows a destination to one integration or one order; empty: the whole account.
type DestinationScope struct {
	IntegrationID *string `json:"integration_id,omitempty"`
	WorkOrderID   *string `json:"work_order_id,omitempty"`
}

// DestinationSettings are the settings of every kind; of which, the tag says: see [DestinationKind.Has].
type DestinationSettings struct {
	// Of a web-hook.
	URL           string   `json:"url,omitempty" of:"webhook client" required:"webhook" example:"https://example.com/hook"` // of a client too: the base of its services
	Events        []string `json:"events,omitempty" of:"webhook" words:"webhook_type"`                                      // empty: all
	IncludeFile   bool     `json:"include_file,omitempty" of:"webhook"`
	Authorization string   `json:"authorization,omitempty" of:"webhook"` // write only: the header's value, "Basic …" or "Bearer …"
	// Template is of a web-hook a Handlebars template of the body, or pruvan; of a place its folder levels, see [FolderLevels].
	Template string `json:"template,omitempty" of:"webhook place"`
	// Of a place.
	Path         string            `json:"path,omitempty" of:"place" required:"folder s3" example:"results/acme"` // of a folder: below a root that the operator named
	MorePaths    []FolderPath      `json:"more_paths,omitempty" of:"place"`
	SaveMetadata bool              `json:"save_metadata,omitempty" of:"place"`
	NoReport     bool              `json:"no_report,omitempty" of:"place"` // leaves the PDF out
	Archive      bool              `json:"archive,omitempty" of:"place"`   // adds the ZIP
	Options      map[string]string `json:"options,omitempty" of:"remote"`  // how the place is reached; the secret ones are write only
	// Of a client.
	Extension string `json:"extension,omitempty" of:"client"`
	Username  string `json:"username,omitempty" of:"client"`
	Password  string `json:"password,omitempty" of:"client"` // write only
	Token     string `json:"token,omitempty" of:"client"`    // write only
	// Of a mail.
	To      []string `json:"to,omitempty" of:"mail" required:"mail"`
	Subject string   `json:"subject,omitempty" of:"mail"`
	Message string   `json:"message,omitempty" of:"mail"`
	Attach  string   `json:"attach,omitempty" of:"mail" words:"mail_attachment" blank:"true"` // report, link, both; "" is report
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
	Events           []string `json:"events" words:"webhook_type"`
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
	Options      map[string]string `json:"options,omitempty" of:"remote"`
	Secrets      []string          `json:"secrets,omitempty" of:"remote"`
	Connected    *bool             `json:"connected,omitempty" of:"cloud"` // of a drive: whether somebody signed in
}

// ClientSettingsView are the settings of a client as the API shows them.
type ClientSettingsView struct {
	URL         string `json:"url"`
	Extension   string `json:"extension"`
	Username    string `json:"username"`
	HasPassword bool   `json:"has_password"`
	HasToken    bool   `json:"has_token"`
}

// ShareSettingsView are the settings of a Share link as a destination: those of the link.
type ShareSettingsView struct {
	LinkID string `json:"link_id"`
}

// MailSettingsView are the settings of a mail as the API shows them.
type MailSettingsView struct {
	To      []string `json:"to"`
	Subject string   `json:"subject"`
	Message string   `json:"message"`
	Attach  string   `json:"attach" words:"mail_attachment" blank:"true"`
}

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

// NewSigningSecret returns a fresh secret of the Standard Webhooks form: whsec_ and 32 bytes in Base64.
func NewSigningSecret(random []byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(random)
}

// AllOptions are the options of a place, secret ones among them.
func (d *Destination) AllOptions(secrets DestinationSecrets) map[string]string {
	all := map[string]string{}
	maps.Copy(all, d.Settings.Options)
	maps.Copy(all, secrets.Options)
	return all
}
