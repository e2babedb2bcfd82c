package models

import (
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// destinationKind is a row of the table of kinds: everything in which a kind of destination differs from the others.
type destinationKind struct {
	kind   DestinationKind
	groups []string // what the tag of a setting may name instead of the kind: see [DestinationKind.Has]
	policy Policy
	// queue is how deliveries are kept that are messages, sent by a workflow of their own; nil: the publication's delivers.
	queue  *messageQueue
	report func(*DestinationSettings) bool // whether it takes the PDF
	// atEnd: of an open publication it gets nothing before it closes.
	atEnd bool
	// pathNeeded: a blank path means no folder here.
	pathNeeded bool
	// unasked: it gets publications whatever publish_to says.
	unasked func(*Destination) bool
	// given: nobody makes it by hand.
	given bool
	check func(*destinationKind, *Destination, *Problems)
	view  func(*destinationKind, *Destination, DestinationSecrets, string) any
}

// messageQueue is how the messages of a kind are kept and sent.
type messageQueue struct {
	table   func() any // a pointer to an empty row
	bell    BellKind
	subject func(destinationID, orderID string) string // of the bell
	arrived string                                     // why nothing can be tried again when everything has arrived
}

var (
	aPlace = []string{"place"}
	remote = []string{"place", "remote"}          // reached by options
	cloud  = []string{"place", "remote", "cloud"} // somebody signs in there
)

var destinationKinds = []destinationKind{
	{kind: WebhookDestination, policy: WebhookPolicy, report: never, unasked: always, check: checkWebhook, view: viewWebhook,
		queue: &messageQueue{func() any { return &WebhookMessage{} }, WebhookBell, func(d, _ string) string { return d }, "replay the destination to send it again"}},
	{kind: FolderDestination, policy: PlacePolicy, groups: aPlace, report: unlessLeftOut, pathNeeded: true, check: checkPlace, view: viewPlace},
	{kind: DriveDestination, policy: PlacePolicy, groups: cloud, report: unlessLeftOut, check: checkPlace, view: viewPlace},
	{kind: DropboxDestination, policy: PlacePolicy, groups: cloud, report: unlessLeftOut, check: checkPlace, view: viewPlace},
	{kind: S3Destination, policy: PlacePolicy, groups: remote, report: unlessLeftOut, pathNeeded: true, check: checkPlace, view: viewPlace},
	{kind: SFTPDestination, policy: PlacePolicy, groups: remote, report: unlessLeftOut, check: checkPlace, view: viewPlace},
	{kind: WebDAVDestination, policy: PlacePolicy, groups: remote, report: unlessLeftOut, check: checkPlace, view: viewPlace},
	{kind: ClientDestination, policy: ClientPolicy, report: never, check: checkClient, view: viewClient,
		queue: &messageQueue{func() any { return &ClientMessage{} }, ClientBell, ClientSubject, "publish again to send what is new"}},
	{kind: ShareDestination, policy: SharePolicy, report: never, given: true, check: func(*destinationKind, *Destination, *Problems) {}, view: viewShare,
		queue: &messageQueue{func() any { return &ClientMessage{} }, ShareBell, func(d, _ string) string { return d }, "publish again to send what is new"}},
	{kind: MailDestination, policy: MailPolicy, report: unlessLinkAlone, atEnd: true, unasked: ofOneOrder, check: checkMail, view: viewMail},
}

// DestinationKinds lists the kinds, and MadeKinds those that are made by hand.
var (
	DestinationKinds = kindsThat(func(*destinationKind) bool { return true })
	MadeKinds        = kindsThat(func(k *destinationKind) bool { return !k.given })
)

// QueuedKinds lists the kinds whose deliveries are messages, sent by a workflow of their own.
var QueuedKinds = kindsThat(func(k *destinationKind) bool { return k.queue != nil })

func kindsThat(is func(*destinationKind) bool) []DestinationKind {
	var kinds []DestinationKind
	for i := range destinationKinds {
		if is(&destinationKinds[i]) {
			kinds = append(kinds, destinationKinds[i].kind)
		}
	}
	return kinds
}

// row is the kind's row; one that can nothing for a word that is no kind.
func (k DestinationKind) row() *destinationKind {
	if at := slices.IndexFunc(destinationKinds, func(r destinationKind) bool { return r.kind == k }); at >= 0 {
		return &destinationKinds[at]
	}
	return &destinationKind{kind: k, policy: PlacePolicy, report: never}
}

// Policy is by which a destination of the kind is tried.
func (k DestinationKind) Policy() Policy { return k.row().policy }

// Has tells whether a kind has what the tag "of" of a setting names: kinds themselves, place (what keeps files), remote (a
// place that is reached by options) and cloud (one that somebody signs in at).
func (k DestinationKind) Has(of string) bool {
	if of == "" {
		return true
	}
	groups := k.row().groups
	return slices.ContainsFunc(strings.Fields(of), func(name string) bool { return name == string(k) || slices.Contains(groups, name) })
}

// Place tells whether the destination keeps files: it is a place of the account's own, which publish_to calls storage.
func (d *Destination) Place() bool { return d.Kind.Has("place") }

// PathNeeded tells whether the path of a place names a folder always.
func (d *Destination) PathNeeded() bool { return d.Kind.row().pathNeeded }

// Queued tells whether the destination's deliveries are messages, sent by a workflow of its own.
func (d *Destination) Queued() bool { return d.Kind.row().queue != nil }

// TakesReport tells whether the destination wants the PDF.
func (d *Destination) TakesReport() bool { return d.Kind.row().report(&d.Settings) }

// Admits tells whether publish_to ("" is inherited, which admits all) lets a publication go to the destination.
func (d *Destination) Admits(publishTo *string) bool {
	if unasked := d.Kind.row().unasked; publishTo == nil || (unasked != nil && unasked(d)) {
		return true
	}
	return *publishTo == "both" || (*publishTo == "storage" && d.Place()) || (*publishTo == "client" && !d.Place())
}

// Given tells whether the destination exists by itself: nobody made it, and nobody changes it but by what it belongs to.
func (d *Destination) Given() bool { return d.Kind.row().given }

func viewShare(_ *destinationKind, d *Destination, _ DestinationSecrets, _ string) any {
	return ShareSettingsView{LinkID: d.ID}
}

func never(*DestinationSettings) bool             { return false }
func unlessLeftOut(s *DestinationSettings) bool   { return !s.NoReport }
func unlessLinkAlone(s *DestinationSettings) bool { return s.Attach != MailLink }
func always(*Destination) bool                    { return true }
func ofOneOrder(d *Destination) bool              { return d.WorkOrderID != nil }

// View makes the destination's view; secret is shown in it when not empty.
func (d *Destination) View(secrets DestinationSecrets, secret string) DestinationView {
	v := DestinationView{ID: d.ID, Name: d.Name, Kind: d.Kind, Enabled: d.Enabled,
		Scope:        DestinationScope{IntegrationID: d.IntegrationID, WorkOrderID: d.WorkOrderID},
		FailingSince: d.FailingSince, LastError: d.LastError, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt}
	if k := d.Kind.row(); k.view != nil {
		v.Settings = k.view(k, d, secrets, secret)
	}
	return v
}

func viewWebhook(_ *destinationKind, d *Destination, secrets DestinationSecrets, secret string) any {
	s := d.Settings
	v := WebhookSettingsView{URL: s.URL, Events: s.Events, IncludeFile: s.IncludeFile, HasAuthorization: secrets.Authorization != "", Template: s.Template, Secret: secret}
	if v.Events == nil {
		v.Events = []string{}
	}
	return v
}

func viewPlace(k *destinationKind, d *Destination, secrets DestinationSecrets, _ string) any {
	s := d.Settings
	v := PlaceSettingsView{Path: s.Path, Template: s.Template, MorePaths: s.MorePaths, SaveMetadata: s.SaveMetadata, NoReport: s.NoReport, Archive: s.Archive,
		Options: s.Options, Secrets: slices.Sorted(maps.Keys(secrets.Options))}
	if v.MorePaths == nil {
		v.MorePaths = []FolderPath{}
	}
	if slices.Contains(k.groups, "cloud") {
		connected := secrets.Options["token"] != "" || secrets.Options["service_account_credentials"] != ""
		v.Connected = &connected
	}
	return v
}

func viewClient(_ *destinationKind, d *Destination, secrets DestinationSecrets, _ string) any {
	s := d.Settings
	return ClientSettingsView{URL: s.URL, Extension: s.Extension, Username: s.Username, HasPassword: secrets.Password != "", HasToken: secrets.Token != ""}
}

func viewMail(_ *destinationKind, d *Destination, _ DestinationSecrets, _ string) any {
	s := d.Settings
	return MailSettingsView{To: s.To, Subject: s.Subject, Message: s.Message, Attach: s.Attach}
}

// Check returns an [Invalid] error that names each wrong field. Whether an address may be reached and a folder lies
// under a root is asked when it is used, because the operator may change both.
func (d *Destination) Check() error {
	var p Problems
	if strings.TrimSpace(d.Name) == "" || !OneLine(d.Name, 200) {
		p.Add("name", "Give the destination a name of 1 to 200 characters.")
	}
	if !slices.Contains(MadeKinds, d.Kind) {
		p.Add("kind", "Choose one of %s.", strings.Join(wordsOf(MadeKinds), ", "))
	}
	d.onlyOwn(&p)
	if k := d.Kind.row(); k.check != nil {
		k.check(k, d, &p)
	}
	return p.Err()
}

// onlyOwn notes settings that another kind has.
func (d *Destination) onlyOwn(p *Problems) {
	settings := reflect.ValueOf(d.Settings)
	for i := range settings.NumField() {
		f, value := settings.Type().Field(i), settings.Field(i)
		set := !value.IsZero()
		if k := value.Kind(); k == reflect.Slice || k == reflect.Map {
			set = value.Len() > 0
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); set && !d.Kind.Has(f.Tag.Get("of")) {
			p.Add("settings."+name, "A destination of kind %s has no such setting.", d.Kind).Code = CodeUnknown
		}
	}
}

func checkWebhook(_ *destinationKind, d *Destination, p *Problems) {
	s := d.Settings
	checkWebURL(p, s.URL)
	for i, e := range s.Events {
		if !slices.Contains(WebhookTypes, e) {
			p.Add(fmt.Sprintf("settings.events[%d]", i), "%q is no event; choose from %s.", e, strings.Join(WebhookTypes, ", "))
		}
	}
	if a := s.Authorization; a != "" && (!strings.HasPrefix(a, "Basic ") && !strings.HasPrefix(a, "Bearer ") || strings.ContainsAny(a, "\r\n") || len(a) > 4000) {
		p.Add("settings.authorization", "Give the header's whole value: Basic … or Bearer ….")
	}
}

func checkPlace(k *destinationKind, d *Destination, p *Problems) {
	s := d.Settings
	if len(s.MorePaths) >= maxPaths {
		p.Add("settings.more_paths", "A destination has at most %d paths.", maxPaths)
	}
	for i, f := range s.Paths() {
		field := "settings."
		if i > 0 {
			field = fmt.Sprintf("settings.more_paths[%d].", i-1)
		}
		if clean := path.Clean("/" + f.Path); (f.Path == "" && k.pathNeeded) || clean != "/"+strings.Trim(f.Path, "/") || strings.ContainsAny(f.Path, "\\\x00") {
			p.Add(field+"path", "Give a folder, such as results/acme, without .. in it; of a folder on the server below one of the operator's roots, of S3 with the bucket first.")
		}
		if err := CheckFolderTemplate(f.Template); err != nil {
			p.Add(field+"template", "%v", err)
		}
	}
}

func checkClient(_ *destinationKind, d *Destination, p *Problems) {
	s := d.Settings
	if s.URL != "" || d.IntegrationID == nil {
		checkWebURL(p, s.URL)
	}
	if len(s.Extension) > 20 || strings.ContainsAny(s.Extension, "/?#") {
		p.Add("settings.extension", "An extension is like .php.")
	}
}

func checkMail(_ *destinationKind, d *Destination, p *Problems) {
	s := d.Settings
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
	if utf8.RuneCountInString(s.Subject) > 300 || strings.ContainsAny(s.Subject, "\r\n") || utf8.RuneCountInString(s.Message) > 20_000 {
		p.Add("settings.subject", "A subject is one line of at most 300 characters, a message has at most 20000.")
	}
}

func checkWebURL(p *Problems, text string) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || len(text) > 2000 {
		p.Add("settings.url", "Give an address that begins with https:// and bears no user name, such as https://example.com/hook.")
	}
}
