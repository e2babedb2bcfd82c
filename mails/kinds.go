package mails

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fieldproof/models"
	"fieldproof/wording"
)

// Ready tells a client that results are there.
type Ready struct {
	Proof   *models.Proof // as the client may see it
	Surveys int
	Logo    []byte
	Pair    []Picture
	Subject string // the account's own, "" for ours
	Message string // what the account says to all, "" for nothing
	Link    string // to the results, "" for none
	Report  int64  // the size of the report that is attached, 0: none is
	TooBig  bool   // it would have been, and is too large
	Entry   string // of the chain of proof
}

// Mail writes it.
func (r Ready) Mail() *Message {
	p, a := r.Proof, r.Proof.Account
	m := &Message{R: wording.For(a), Account: a, Logo: r.Logo, Pair: r.Pair, Link: r.Link}
	record := p.ServiceRecord()
	number, photos := Line(p.Order.DisplayNumber()), record.Total.Photos
	m.Title = cmp.Or(Line(p.Order.Address.Line()), m.R.Say("link_order", "number", number))
	place := cmp.Or(Line(p.Order.Address.Address1), m.Title)
	short := shortened(number, subjectLetters/3)
	on := p.Order.CreatedAt.Time
	if record.Last != nil {
		on = record.Last.Time
	}
	m.Subject = cmp.Or(Line(r.Subject), subject(
		m.R.Say("mail_ready_subject", "place", place, "day", m.R.Year(on))+" ("+number+")",
		m.R.Say("mail_ready_subject", "place", place, "day", m.R.Year(on)),
		shortened(place, subjectLetters-len(" ()")-utf8.RuneCountInString(short))+" ("+short+")"))
	m.Preview = m.R.Say("link_photos", "n", photos) + "."
	if r.Message != "" {
		m.Lead = append(m.Lead, Block{Tone: Quoted, Text: words(r.Message)})
	}
	record.People = names(record.People)
	m.Lead = append(m.Lead, Block{Text: m.R.Documented(record, len(record.Tasks), r.Surveys, photos)})
	if all := record.Total; all.Certified > 0 || all.NotCertified > 0 {
		said := Block{Tone: Good, Strong: m.R.Say("link_certified", "some", all.Certified, "all", photos), Text: m.R.Say("mail_certified_in")}
		if n := photos - all.Certified; n > 0 {
			why := "mail_why_report"
			if r.Link != "" {
				why = "mail_why_page"
			}
			said.Text += " " + m.R.Say(why, "n", n)
		}
		m.Preview = said.Strong + " " + m.R.Say("mail_certified_in")
		m.Body = append(m.Body, said)
	} else if photos > 0 {
		m.Body = append(m.Body, Block{Tone: Idle, Text: m.R.Say("link_unjudged") + "."})
	}
	if r.Link != "" {
		m.Button = m.R.Say("mail_ready_button")
	}
	m.Facts = append(m.Facts, Fact{m.R.Say("mail_order"), number})
	switch {
	case r.TooBig:
		m.Facts = append(m.Facts, Fact{m.R.Say("link_report"), m.R.Say("mail_report_too_large")})
	case r.Report > 0:
		m.Facts = append(m.Facts, Fact{m.R.Say("link_report"), m.R.Say("mail_report_attached", "size", m.R.Size(r.Report))})
	}
	if r.Link != "" {
		m.Facts = append(m.Facts, Fact{m.R.Say("mail_originals"), m.R.Say("mail_on_page", "photos", m.R.Say("link_photos", "n", photos))})
	}
	if r.Entry != "" {
		m.Facts = append(m.Facts, proofOf(m.R, r.Entry))
		m.Foot = append(m.Foot, m.R.Say("mail_keep_proof"))
	}
	m.Foot = append(m.Foot, m.R.Say("mail_ready_foot", "account", name(a.Name)))
	return m
}

// proofOf is an entry of the chain of proof, 41:9f3c…, in groups that people can compare. It stays whole: a check asks for all of it.
func proofOf(r *wording.Reader, entry string) Fact {
	number, head, _ := strings.Cut(entry, ":")
	return Fact{r.Say("mail_proof"), number + ": " + wording.Grouped(head, 8)}
}

func names(some []string) []string {
	all := make([]string, len(some))
	for i, s := range some {
		all[i] = name(s)
	}
	return all
}

// Shared gives somebody a secure link.
type Shared struct {
	Account  *models.Account
	Logo     []byte
	By       string // a full name
	Order    *models.WorkOrder
	Link     string
	Password bool
	Fields   models.LinkFields
	Message  string
}

// Mail writes it. It shows nothing of the property: whoever has the mail may lack the password.
func (s Shared) Mail() *Message {
	m := &Message{R: wording.For(s.Account.ToClient(s.Order.ClientCode)), Account: s.Account, Logo: s.Logo, Link: s.Link}
	number, by, house := Line(s.Order.DisplayNumber()), name(s.By), name(s.Account.Name)
	m.Title = m.R.Say("mail_shared_title", "number", number)
	m.Subject = subject(m.R.Say("mail_shared_subject", "who", Line(s.By), "number", number), m.Title)
	m.Lead = []Block{{Text: m.R.Say("mail_shared_lead", "who", by, "account", house, "place", cmp.Or(name(s.Order.Address.Line()), number))}}
	m.Preview = m.Lead[0].Text
	if text := words(s.Message); text != "" {
		m.Body = append(m.Body, Block{Tone: Quoted, Text: "“" + text + "”"})
	}
	m.Button = m.R.Say("mail_shared_button")
	m.Facts = append(m.Facts, Fact{m.R.Say("mail_order"), number})
	if s.Fields.ExpiresAt != nil {
		m.Facts = append(m.Facts, Fact{m.R.Say("mail_open_until"), m.R.Moment(s.Fields.ExpiresAt.Time)})
	}
	if s.Password {
		m.Facts = append(m.Facts, Fact{m.R.Say("link_password"), m.R.Say("mail_password_apart", "who", by)})
	}
	can := []string{m.R.Say("mail_can_see")}
	if s.Fields.AllowComments {
		can = append(can, m.R.Say("mail_can_comment"))
	}
	if s.Fields.AllowDownloads {
		can = append(can, m.R.Say("mail_can_download"))
	}
	m.Facts = append(m.Facts, Fact{m.R.Say("mail_you_can"), m.R.Together(can)})
	care := "mail_forward_with_care"
	if s.Password {
		care = "mail_forward_with_password"
	}
	m.Foot = []string{m.R.Say(care), m.R.Say("mail_views_noted", "account", house)}
	return m
}

// Invited gives a user a login.
type Invited struct {
	Account *models.Account
	Logo    []byte
	By      string // a full name
	User    *models.User
	Link    string
	Expires models.Time
	Field   bool // they work in the field app
}

// Mail writes it.
func (i Invited) Mail() *Message {
	m := &Message{R: wording.For(i.Account.In(i.User.Language)), Account: i.Account, Logo: i.Logo, Link: i.Link}
	by, house := name(i.By), name(i.Account.Name)
	m.Subject = subject(m.R.Say("mail_invited_subject", "who", Line(i.By), "account", Line(i.Account.Name)), m.R.Say("mail_invited_subject_short", "account", Line(i.Account.Name)))
	m.Title = m.R.Say("mail_invited_title", "who", name(i.User.Called()))
	said, after := "mail_invited_office", ""
	if i.Field {
		said, after = "mail_invited_field", m.R.Say("mail_invited_phone")
	}
	m.Lead = []Block{{Text: m.R.Say(said, "who", by, "account", house)}}
	m.Preview = m.R.Say("mail_invited_preview", "day", m.R.Year(i.Expires.Time))
	m.Button = m.R.Say("mail_invited_button")
	m.Facts = []Fact{{m.R.Say("mail_username"), name(i.User.Username)}, {m.R.Say("mail_open_until"), m.R.Moment(i.Expires.Time)}}
	if after != "" {
		m.After = []Block{{Text: after}}
	}
	m.Foot = []string{m.R.Say("mail_not_expected")}
	return m
}

// Reset gives a user the way to a new password.
type Reset struct {
	Account *models.Account // theirs
	By      string          // the full name of who asked for it in the office, "" where somebody did who says to be the user
	User    *models.User
	Link    string
	Asked   time.Time
	Expires models.Time
}

// Mail writes it.
func (r Reset) Mail() *Message {
	m := &Message{R: wording.For(r.Account.In(r.User.Language)), Link: r.Link}
	m.Title = m.R.Say("mail_reset_title")
	m.Subject, m.Button = m.Title, m.Title
	asked := m.R.Say("mail_reset_lead", "username", name(r.User.Username), "account", name(r.Account.Name))
	if r.By != "" {
		asked = m.R.Say("mail_reset_by", "who", name(r.By), "username", name(r.User.Username), "account", name(r.Account.Name))
	}
	m.Lead = []Block{{Text: asked}}
	m.Preview = m.R.Say("mail_reset_preview")
	m.Facts = []Fact{{m.R.Say("mail_reset_works"), m.R.Say("mail_reset_once", "when", m.R.Moment(r.Expires.Time))}, {m.R.Say("mail_reset_asked"), m.R.Moment(r.Asked)}}
	m.After = []Block{{Strong: m.R.Say("mail_reset_not_you"), Text: m.R.Say("mail_reset_nothing")}}
	m.Foot = []string{m.R.Say("mail_reset_photos"), m.R.Say("mail_reset_nobody")}
	return m
}

// Alerts tell the office of trouble, all that is new in one mail.
type Alerts struct {
	Account *models.Account
	Alerts  []models.Alert
	Orders  map[string]*models.WorkOrder // of alerts that are about one
	Portal  string                       // its address
	Entry   string                       // the newest of the chain of proof, "" for none
}

// Mail writes it.
func (a Alerts) Mail() *Message {
	m := &Message{R: wording.For(a.Account), Link: a.Portal, Button: wording.For(a.Account).Say("mail_alert_open")}
	alerts := make([]models.Alert, len(a.Alerts))
	for i, alert := range a.Alerts {
		alerts[i] = m.R.Alert(alert)
	}
	first := Line(alerts[0].Title)
	m.Title, m.Preview = first, Line(alerts[0].Detail)
	several := len(alerts) > 1
	if several {
		m.Title = m.R.Say("mail_alerts", "n", len(alerts))
		m.Preview = first
		m.Subject = subject(m.Title + ": " + first)
	} else {
		m.Subject = subject(first)
	}
	for _, alert := range alerts {
		happened := Block{Tone: Warn, Strong: m.R.Say("mail_alert_happened"), Text: Line(alert.Detail)}
		if several {
			happened.Strong = sentence(alert.Title)
		}
		if happened.Text == "" {
			happened.Text = sentence(alert.Title)
		}
		m.Body = append(m.Body, happened)
		if alert.Remedy != "" {
			m.Body = append(m.Body, Block{Strong: m.R.Say("mail_alert_do"), Text: Line(alert.Remedy)})
		}
	}
	if id := alerts[0].WorkOrderID; !several && id != nil && a.Orders[*id] != nil {
		o := a.Orders[*id]
		m.Link, m.Button = a.Portal+"/orders/"+o.ID, m.R.Say("mail_alert_open_order")
		m.Facts = append(m.Facts, Fact{m.R.Say("mail_order"), Line(strings.Join([]string{o.DisplayNumber(), o.Address.Line()}, ", "))})
	}
	// What is about no order says nothing of what was published.
	if a.Entry != "" && slices.ContainsFunc(alerts, func(of models.Alert) bool { return of.WorkOrderID != nil }) {
		m.Facts = append(m.Facts, proofOf(m.R, a.Entry))
		m.Foot = append(m.Foot, m.R.Say("mail_keep_proof_all"))
	}
	m.Foot = append(m.Foot, m.R.Say("mail_alert_foot", "to", Line(a.Account.AlertEmail), "account", name(a.Account.Name)))
	return m
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	if s = Line(s); s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

// Tried is a mail that only shows that one arrives.
func Tried(a *models.Account, destination string) *Message {
	m := &Message{R: wording.For(a), Account: a}
	m.Title = m.R.Say("mail_test_title")
	m.Subject = m.Title
	m.Lead = []Block{{Text: m.R.Say("mail_test_text", "name", name(destination))}}
	return m
}
