package models

import (
	"context"
	"fmt"
	"maps"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// QAPolicy decides who publishes a completed order.
type QAPolicy string

// The policies.
const (
	OfficeReview QAPolicy = "office_review" // the office approves and publishes
	AutoPublish  QAPolicy = "auto_publish"  // a completed order publishes by itself
	AutoRelay    QAPolicy = "auto_relay"    // so too, and items go on as they come
)

// Valid tells whether p is one of the policies.
func (p QAPolicy) Valid() bool { return p == OfficeReview || p == AutoPublish || p == AutoRelay }

// Automatic tells whether a completed order publishes by itself.
func (p QAPolicy) Automatic() bool { return p == AutoPublish || p == AutoRelay }

// Account is a company's tenancy. Everything belongs to exactly one account.
type Account struct {
	ID       string   `gorm:"primaryKey" json:"id"`
	Name     string   `json:"name"`
	Zone     string   `json:"zone"` // an IANA time zone, such as America/Chicago
	QAPolicy QAPolicy `gorm:"column:qa_policy" json:"qa_policy"`
	// CertificationRadius is how far from the property, in metres, a photo still proves its place.
	CertificationRadius float64 `json:"certification_radius"`
	// RetentionDays is after how many days without a change a published or cancelled order is closed. 0 is never.
	RetentionDays int `json:"retention_days"`
	// AlertEmail is where alerts are mailed to; "" is nowhere.
	AlertEmail string `json:"alert_email"`
	// ReportLayout is how many photos a page of a report holds unless said, one of [ReportLayouts].
	ReportLayout int               `json:"report_layout"`
	LogoKey      string            `json:"-"` // where the logo of reports and links lies, an opaque PNG; "" without one
	Branding     map[string]string `gorm:"serializer:json" json:"branding"`
	// ReviewReasons are why photos are sent back, in the account's own words: a key each.
	ReviewReasons []string `gorm:"serializer:json" json:"review_reasons"`
	// PhotoSize is the longest side, in pixels, of the photos that its phones take; 0 is what the camera gives.
	PhotoSize int64             `json:"photo_size"`
	Colour    string            `json:"colour"` // of its documents and pages, such as #1a4f7a; "" is ours
	Address   string            `json:"address"`
	Phone     string            `json:"phone"`
	Email     string            `json:"email"`                     // of the office, where clients' answers to its mails go; "" is nowhere
	Language  string            `json:"language" words:"language"` // of its documents
	Region    string            `json:"region"`                    // a country's two letters (ISO 3166), by which its documents write dates and numbers
	Units     string            `json:"units" words:"units"`       // of the distances that its people and clients read
	Defaults  map[string]string `gorm:"serializer:json" json:"defaults"`
	// ClientLanguages are the languages of its documents for some of its clients, by the client code of their orders.
	ClientLanguages map[string]string `gorm:"serializer:json" json:"client_languages" words:"language"`
	CreatedAt       Time              `json:"created_at"`
	UpdatedAt       Time              `json:"updated_at"`
}

// Location returns the account's time zone, UTC when it has none.
func (a *Account) Location() *time.Location {
	if zone, err := time.LoadLocation(a.Zone); err == nil {
		return zone
	}
	return time.UTC
}

// Check returns an [Invalid] error that names each wrong field.
func (a *Account) Check() error {
	var p Problems
	if a.Name == "" || !OneLine(a.Name, 200) {
		p.Add("name", "Give the account a name of 1 to 200 characters, in one line.")
	}
	if _, err := time.LoadLocation(a.Zone); err != nil || a.Zone == "" || a.Zone == "Local" {
		p.Add("zone", "%q is no time zone; write one such as America/Chicago.", a.Zone)
	}
	if !a.QAPolicy.Valid() {
		p.Add("qa_policy", "Choose office_review, auto_publish or auto_relay.")
	}
	if a.CertificationRadius < 10 || a.CertificationRadius > 100_000 {
		p.Add("certification_radius", "Give metres between 10 and 100000.")
	}
	if a.RetentionDays < 0 || a.RetentionDays > 36_500 {
		p.Add("retention_days", "Give days between 1 and 36500, or 0 to close no order by itself.")
	}
	if a.AlertEmail != "" {
		if _, err := mail.ParseAddress(a.AlertEmail); err != nil {
			p.Add("alert_email", "%q is no e-mail address.", a.AlertEmail)
		}
	}
	if !slices.Contains(ReportLayouts, a.ReportLayout) {
		p.Add("report_layout", "Choose 2, 4, 6 or 12 photos a page.")
	}
	a.checkWords(&p)
	a.checkClientLanguages(&p)
	if !slices.Contains(Units, a.Units) {
		p.Add("units", "Choose %s.", strings.Join(Units, " or "))
	}
	checkObject(&p, "branding", a.Branding)
	checkObject(&p, "defaults", a.Defaults)
	return p.Err()
}

// mostReasons is how many reasons of its own an account may have.
const mostReasons = 30

var (
	colourPattern = regexp.MustCompile(`^#[0-9a-f]{6}$`)
	regionPattern = regexp.MustCompile(`^[A-Z]{2}$`)
)

func (a *Account) checkWords(p *Problems) {
	if a.ReviewReasons == nil {
		a.ReviewReasons = []string{}
	}
	if len(a.ReviewReasons) > mostReasons {
		p.Add("review_reasons", "At most %d reasons.", mostReasons)
	}
	for i, reason := range a.ReviewReasons {
		if n := utf8.RuneCountInString(reason); strings.TrimSpace(reason) == "" || n > 200 {
			p.Add(fmt.Sprintf("review_reasons[%d]", i), "A reason has 1 to 200 characters: the crew reads it.")
		} else if slices.Contains(a.ReviewReasons[:i], reason) {
			p.Add(fmt.Sprintf("review_reasons[%d]", i), "The reason is there twice.").Code = CodeTaken
		}
	}
	if a.PhotoSize != 0 && (a.PhotoSize < 640 || a.PhotoSize > 20_000) {
		p.Add("photo_size", "Give the longest side in pixels, from 640 to 20000, or 0 for what the camera gives.")
	}
	if a.Colour = strings.ToLower(a.Colour); a.Colour != "" && !colourPattern.MatchString(a.Colour) {
		p.Add("colour", "%q is no colour; write one such as #1a4f7a.", a.Colour)
	}
	if utf8.RuneCountInString(a.Address) > 500 {
		p.Add("address", "At most 500 characters.")
	}
	if parsed, err := mail.ParseAddress(a.Email); a.Email != "" && (err != nil || parsed.Address != a.Email) {
		p.Add("email", "%q is no e-mail address.", a.Email)
	}
	if !OneLine(a.Phone, 50) {
		p.Add("phone", "At most 50 characters, in one line.")
	}
	if !slices.Contains(Languages, a.Language) {
		p.Add("language", "Choose %s.", strings.Join(Languages, " or "))
	}
	if !regionPattern.MatchString(a.Region) {
		p.Add("region", "Give a country's two letters, such as US.")
	}
}

// In is the account as it speaks to somebody whose language may be another; nil is its own.
func (a *Account) In(language *string) *Account {
	if language == nil || *language == a.Language {
		return a
	}
	spoken := *a
	spoken.Language = *language
	return &spoken
}

// ToClient is the account as its documents speak to the client of orders with these codes: in the language that the client has,
// in its own where that is none, or where they are of several clients. Codes are compared as those of work types are.
func (a *Account) ToClient(codes ...string) *Account {
	for client, language := range a.ClientLanguages {
		if len(codes) > 0 && !slices.ContainsFunc(codes, func(code string) bool { return !sameClient(code, client) }) {
			return a.In(&language)
		}
	}
	return a
}

func sameClient(code, other string) bool { return strings.EqualFold(Composed(code), Composed(other)) }

// mostClients is how many clients may have a language of their own.
const mostClients = 500

func (a *Account) checkClientLanguages(p *Problems) {
	if a.ClientLanguages == nil {
		a.ClientLanguages = map[string]string{}
	}
	if len(a.ClientLanguages) > mostClients {
		p.Add("client_languages", "At most %d clients.", mostClients)
		return
	}
	codes := slices.Sorted(maps.Keys(a.ClientLanguages))
	for i, code := range codes {
		field := "client_languages." + code
		switch {
		case Composed(code) == "" || !OneLine(code, longestCode):
			p.Add("client_languages", "A client code has 1 to %d characters, in one line.", longestCode)
		case slices.ContainsFunc(codes[:i], func(other string) bool { return sameClient(code, other) }):
			p.Add(field, "The client is there twice.").Code = CodeTaken
		case !slices.Contains(Languages, a.ClientLanguages[code]):
			p.Add(field, "Choose %s.", strings.Join(Languages, " or "))
		}
	}
}

// Languages are those in which documents, mails and screens are written.
var Languages = []string{"en", "es"}

// Units are those in which distances are read: metres and kilometres, or feet and miles. All that is set is in metres.
var Units = []string{Metric, Imperial}

// The units, and how many metres those of [Imperial] have.
const (
	Metric   = "metric"
	Imperial = "imperial"

	Foot = 0.3048
	Mile = 5280 * Foot
)

// ReportLayouts are how many photos a page of a report may hold.
var ReportLayouts = []int{2, 4, 6, 12}

// NewAccount inserts an account with its built-in roles.
func (tx *Tx) NewAccount(id, name string) (*Account, error) {
	now := Now()
	a := &Account{ID: id, Name: name, Zone: "UTC", QAPolicy: OfficeReview, CertificationRadius: 250, ReportLayout: 6, ReviewReasons: []string{}, PhotoSize: 2048, Language: "en", Region: "US", Units: Metric,
		Branding: map[string]string{}, Defaults: map[string]string{}, CreatedAt: now, UpdatedAt: now}
	if err := a.Check(); err != nil {
		return nil, err
	}
	if err := tx.Create(a).Error; err != nil {
		return nil, err
	}
	roles := make([]Role, 0, len(BuiltInRoles))
	for _, name := range BuiltInRoles {
		roles = append(roles, Role{AccountID: id, Name: name, Privileges: defaultPrivileges[name], BuiltIn: true, CreatedAt: now, UpdatedAt: now})
	}
	return a, tx.WithContext(InAccount(tx.Statement.Context, id)).Create(&roles).Error
}

// AccountByID reads one account; [NotFound] when there is none.
func (s *Store) AccountByID(ctx context.Context, id string) (*Account, error) {
	return One[Account](s.Read(ctx).Where("id = ?", id), "account")
}
