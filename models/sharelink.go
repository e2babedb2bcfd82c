package models

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// LinkDirection is on which side of a Share link the account stands.
type LinkDirection string

// The directions.
const (
	LinkIn  LinkDirection = "in"  // work comes: the account is the recipient
	LinkOut LinkDirection = "out" // work goes: the account is the delegator
)

// Words lists the directions.
func (LinkDirection) Words() []string { return []string{string(LinkIn), string(LinkOut)} }

// LinkState is where a Share link stands.
type LinkState string

// The states of a Share link.
const (
	LinkInvited LinkState = "invited" // nobody has taken the invitation yet
	LinkWaiting LinkState = "waiting" // the two have not agreed yet: the delegator is to let the other in, or was not reached yet
	LinkOK      LinkState = "ok"
	LinkBehind  LinkState = "behind"  // something waits for longer than it should
	LinkDown    LinkState = "down"    // the other side does not answer
	LinkRefused LinkState = "refused" // it answers, and lets us in no more
	LinkPaused  LinkState = "paused"
	LinkEnded   LinkState = "ended"
)

// LinkStates lists the states.
var LinkStates = []LinkState{LinkInvited, LinkWaiting, LinkOK, LinkBehind, LinkDown, LinkRefused, LinkPaused, LinkEnded}

// Words lists the states.
func (LinkState) Words() []string { return wordsOf(LinkStates) }

const (
	// linkLate is after how long something that waits makes a link late.
	linkLate = 2 * time.Minute
	// LinkSilence is after how long without a word of the other side both ends have an alert.
	LinkSilence = 3 * 24 * time.Hour
	// LinkPull is how often a recipient asks by itself.
	LinkPull = 5 * time.Minute
	// LinkWord is how often a delegator rings although nothing changed.
	LinkWord = time.Hour
)

// ShareKey is a public key of another account, as it introduced it.
type ShareKey struct {
	ID     string `json:"key"`        // see [KeyID]
	Public string `json:"public_key"` // Ed25519, 32 bytes in Base64
	// Entry is the account's key entry, by which the key before it vouches for this one; empty for the first.
	Header    string `json:"header,omitempty"`
	Signature string `json:"signature,omitempty"`
	Manifest  string `json:"manifest,omitempty"`
}

// SharePeer is how the other account of a link introduced itself.
type SharePeer struct {
	Account string     `json:"account"` // a random name for this link alone
	Name    string     `json:"name"`
	Keys    []ShareKey `json:"keys"` // oldest first
	Host    string     `json:"host,omitempty"`
	PushURL string     `json:"-"` // a secret
}

// ShareLink is one end of a link between two accounts (domain 9), on one installation or on two. At the delegator it stands
// for a login with the role subcontractor, at the recipient for an integration of kind share. There it stands in publications
// as a destination of the same id.
type ShareLink struct {
	ID              string `gorm:"primaryKey"`
	AccountID       string
	Direction       LinkDirection
	Name            string
	UserID          *string // out: the login
	IntegrationID   *string // in
	OwnName         string  // what this account is called to the other, for this link alone
	Fieldproof      bool    // the other side named itself a Fieldproof
	PeerAccount     string
	PeerName        string
	PeerHost        string
	PeerKeys        []ShareKey  `gorm:"serializer:json"` // pinned
	Offered         ShareOffers `gorm:"serializer:json"` // what waits for somebody's word
	Condition       LinkState   // invited, waiting, ok, down or refused: what does not follow from anything else
	StateSince      Time
	PausedAt        *Time
	LastContactAt   *Time
	FetchedAt       *Time // out: up to where the recipient has fetched what changed
	LastError       string
	Failures        int64
	ProbeAt         *Time  // the other side rests until then
	Probed          string // the message that was tried last in vain
	Cursor          string // in: up to where changes have come, as the delegator said it
	DueAt           *Time  // in: when to ask again; out: when to ring; nil: at its time
	Asked           string // in: "all" when everything is to be asked for
	SilenceToldAt   *Time
	PeerSince       *Time        // since when the other account is another one than before; nil: it never was
	CompareAt       *Time        // in: when both ends are compared again; nil: nothing came yet; out: since when the recipient is asked to
	ComparedAt      *Time        // when they were last
	Mended          *ShareMended `gorm:"serializer:json"` // what was mended last
	InvitationKey   string       // SHA-256 of the invitation's secret, hex; "" once it is over
	InvitationUntil *Time
	Redeemer        string // the random name of who took the invitation
	Secrets         string // sealed: [ShareSecrets]
	CreatedBy       string
	CreatedAt       Time
	UpdatedAt       Time
	EndedAt         *Time
	EndedVersion    *int64 // out, ended by us: which credentials of the login are barred from then on
}

// ShareOffers are what the other side brought and nobody has agreed to yet.
type ShareOffers struct {
	Peer *SharePeer `json:"peer,omitempty"` // another account that wants in by the same login, or by an invitation
	Keys []ShareKey `json:"keys,omitempty"` // keys of the linked account that no key known here introduced
	// Turned are the names of accounts that were refused, or that another was let in for: they ask no more.
	Turned []string `json:"turned,omitempty"`
}

// ShareSecrets are kept sealed: of an invited link the token that the recipient gets, and where who is not let in yet wants to
// be told of changes.
type ShareSecrets struct {
	Token   string `json:"token,omitempty"`
	PushURL string `json:"push_url,omitempty"`
}

// ShareMended counts what differed when both ends of a link were compared, and was mended.
type ShareMended struct {
	At          Time  `json:"at"`
	Orders      int64 `json:"orders"`      // fetched again by the recipient
	Statuses    int64 `json:"statuses"`    // told again
	ItemsSent   int64 `json:"items_sent"`  // sent again
	ItemsBack   int64 `json:"items_back"`  // fetched back by the recipient, which had lost them
	OtherBytes  int64 `json:"other_bytes"` // left as they are: both ends have other bytes under one uuid
	OrdersGone  int64 `json:"orders_gone"` // left as they are: the delegator does not know them
	Unfetchable int64 `json:"unfetchable"` // left for the next time: they could not be fetched, or taken in
}

// Some tells whether anything was mended.
func (m *ShareMended) Some() bool { return m.Orders+m.Statuses+m.ItemsSent+m.ItemsBack > 0 }

// Says tells whether anything is to be said of it.
func (m *ShareMended) Says() bool { return m.Some() || m.OtherBytes+m.OrdersGone+m.Unfetchable > 0 }

// String says it in words.
func (m *ShareMended) String() string {
	var all []string
	for _, part := range []struct {
		n    int64
		says string
	}{{m.Orders, "%d orders fetched again"}, {m.Statuses, "%d statuses told again"}, {m.ItemsSent, "%d items sent again"}, {m.ItemsBack, "%d items fetched back"},
		{m.OtherBytes, "%d items have other bytes there and stay as they are"}, {m.OrdersGone, "%d orders are not known there any more"},
		{m.Unfetchable, "%d could not be fetched now and are looked at again the next time"}} {
		if part.n > 0 {
			all = append(all, fmt.Sprintf(part.says, part.n))
		}
	}
	if len(all) == 0 {
		return "nothing differed"
	}
	return strings.Join(all, ", ")
}

// ShareLinkView is a link as the API shows it (contract: share link).
type ShareLinkView struct {
	ID            string        `json:"id"`
	Direction     LinkDirection `json:"direction"`
	Name          string        `json:"name"`
	Peer          SharePeerView `json:"peer"`
	State         LinkState     `json:"state"`
	StateSince    Time          `json:"state_since"`
	LastContactAt *Time         `json:"last_contact_at"`
	Waiting       ShareWaiting  `json:"waiting"`
	LastError     string        `json:"last_error"`
	Username      *string       `json:"username"`
	IntegrationID *string       `json:"integration_id"`
	Asks          *ShareAsks    `json:"asks"` // what an admin is to decide, null for nothing
	ExpiresAt     *Time         `json:"expires_at"`
	CreatedAt     Time          `json:"created_at"`
	ComparedAt    *Time         `json:"compared_at"`              // when both ends were compared last
	Mended        *ShareMended  `json:"mended"`                   // what was mended last, null for nothing yet
	InvitationURL string        `json:"invitation_url,omitempty"` // in the answer to its creation only
}

// SharePeerView is the other side of a link.
type SharePeerView struct {
	Name       string `json:"name"`
	Host       string `json:"host"`
	Fieldproof bool   `json:"fieldproof"`
}

// ShareWaiting is what waits to be told to the other side.
type ShareWaiting struct {
	Items    int64 `json:"items"`
	Statuses int64 `json:"statuses"`
	Since    *Time `json:"since"`
}

// ShareAsks is what the other side brought that an admin is to agree to: who wants in, or a new key that the old one did
// not introduce.
type ShareAsks struct {
	Admit *string  `json:"admit"` // its name
	Host  string   `json:"host"`  // and where it is
	Keys  []string `json:"keys"`
}

// Settle notes a condition; since when changes only with it.
func (l *ShareLink) Settle(c LinkState) {
	if l.Condition != c {
		l.Condition, l.StateSince = c, Now()
	}
}

// Works notes that the other side answered, and did what was asked.
func (l *ShareLink) Works() {
	now := Now()
	l.LastContactAt, l.SilenceToldAt = &now, nil
	l.Failures, l.ProbeAt, l.Probed, l.LastError = 0, nil, "", ""
	l.Settle(LinkOK)
}

// Answers notes that the other side answered, whatever it said.
func (l *ShareLink) Answers() {
	now := Now()
	l.LastContactAt, l.SilenceToldAt = &now, nil
	l.Failures, l.ProbeAt, l.Probed = 0, nil, ""
	if l.Condition == LinkDown {
		l.LastError = ""
		l.Settle(LinkOK)
	}
}

// Fails notes that the other side does not answer: it rests as a whole behind one probe, longer each time.
func (l *ShareLink) Fails(why, probed string) {
	l.Rests()
	l.Probed, l.LastError = probed, why
	l.Settle(LinkDown)
}

// RefusedUs notes that the other side lets us in no more, in its own words; it is asked again as one that is down is.
func (l *ShareLink) RefusedUs(why string) {
	now := Now()
	l.Rests()
	l.LastContactAt, l.LastError = &now, why
	l.Settle(LinkRefused)
}

// Waits notes that the other side has not let us in yet, in its own words. It rings when it does, and is asked now and then.
func (l *ShareLink) Waits(why string) {
	now, again := Now(), At(time.Now().Add(LinkPull))
	l.LastContactAt, l.SilenceToldAt = &now, nil
	l.Failures, l.ProbeAt, l.DueAt, l.Probed, l.LastError = 0, &again, &again, "", why
	l.Settle(LinkWaiting)
}

// Rests has nothing asked of the other side for a while, longer each time.
func (l *ShareLink) Rests() {
	l.Failures++
	probe := At(time.Now().Add(restOf(ClientPolicy.Probes, l.Failures)))
	l.ProbeAt = &probe
}

// Before tells whether something came while another account was linked: that is no word of the one that is now.
func (l *ShareLink) Before(at Time) bool {
	return l.PeerSince != nil && at.Before(l.PeerSince.Time)
}

// Live tells whether anything flows.
func (l *ShareLink) Live() bool {
	return l.EndedAt == nil && l.PausedAt == nil && l.Condition != LinkInvited
}

// state is where the link stands, and since when.
func (l *ShareLink) state(w ShareWaiting) (LinkState, Time) {
	switch {
	case l.EndedAt != nil:
		return LinkEnded, *l.EndedAt
	case l.Condition == LinkInvited && l.InvitationUntil != nil && l.InvitationUntil.Before(time.Now()):
		return LinkEnded, *l.InvitationUntil
	case l.PausedAt != nil:
		return LinkPaused, *l.PausedAt
	case l.Condition == LinkOK && w.Since != nil && time.Since(w.Since.Time) > linkLate:
		return LinkBehind, At(w.Since.Add(linkLate))
	}
	return l.Condition, l.StateSince
}

// ViewShareLinks makes the views of links.
func ViewShareLinks(db *gorm.DB, links []*ShareLink) ([]ShareLinkView, error) {
	var users, ids []string
	for _, l := range links {
		if l.UserID != nil {
			users = append(users, *l.UserID)
		}
		ids = append(ids, l.ID)
	}
	names, err := Usernames(db, users)
	if err != nil {
		return nil, err
	}
	waiting, err := waitingAt(db, ids)
	if err != nil {
		return nil, err
	}
	views := make([]ShareLinkView, len(links))
	for i, l := range links {
		v := ShareLinkView{ID: l.ID, Direction: l.Direction, Name: l.Name, Peer: SharePeerView{l.PeerName, l.PeerHost, l.Fieldproof}, LastContactAt: l.LastContactAt,
			LastError: l.LastError, IntegrationID: l.IntegrationID, CreatedAt: l.CreatedAt,
			ComparedAt: l.ComparedAt, Mended: l.Mended}
		if l.Condition == LinkInvited && l.EndedAt == nil {
			v.ExpiresAt = l.InvitationUntil
		}
		v.Waiting = waiting[l.ID]
		v.State, v.StateSince = l.state(v.Waiting)
		if l.UserID != nil {
			name := names[*l.UserID]
			v.Username = &name
		}
		if l.Offered.Peer != nil || len(l.Offered.Keys) > 0 {
			v.Asks = &ShareAsks{Keys: []string{}}
			if p := l.Offered.Peer; p != nil {
				v.Asks.Admit, v.Asks.Host = &p.Name, p.Host
			}
			for _, k := range l.Offered.Keys {
				v.Asks.Keys = append(v.Asks.Keys, k.ID)
			}
		}
		views[i] = v
	}
	return views, nil
}

// waitingAt counts what waits for destinations.
func waitingAt(db *gorm.DB, destinations []string) (map[string]ShareWaiting, error) {
	all := map[string]ShareWaiting{}
	if len(destinations) == 0 {
		return all, nil
	}
	var rows []struct {
		DestinationID string
		Kind          string
		Count         int64
		Since         Time
	}
	err := db.Model(&ClientMessage{}).Select("destination_id, kind, COUNT(*) AS count, MIN(created_at) AS since").
		Where("destination_id IN ? AND state IN ('pending', 'retrying')", destinations).Group("destination_id, kind").Scan(&rows).Error
	for _, r := range rows {
		w := all[r.DestinationID]
		if r.Kind == ClientItem {
			w.Items = r.Count
		} else {
			w.Statuses = r.Count
		}
		if w.Since == nil || r.Since.Before(w.Since.Time) {
			since := r.Since
			w.Since = &since
		}
		all[r.DestinationID] = w
	}
	return all, err
}

// LinkOfUser is the link that a login of the account has; nil for none.
func LinkOfUser(db *gorm.DB, userID string) (*ShareLink, error) {
	return oneLink(db.Where("user_id = ? AND ended_at IS NULL", userID))
}

// LastLinkOfUser is the link that a login has, or had last; nil for none.
func LastLinkOfUser(db *gorm.DB, userID string) (*ShareLink, error) {
	var links []*ShareLink
	err := db.Where("user_id = ?", userID).Order("CASE WHEN ended_at IS NULL THEN 0 ELSE 1 END, ended_at DESC").Limit(1).Find(&links).Error
	if err != nil || len(links) == 0 {
		return nil, err
	}
	return links[0], nil
}

// LinkOfIntegration is the link that an integration stands for; nil for none.
func LinkOfIntegration(db *gorm.DB, integrationID string) (*ShareLink, error) {
	return oneLink(db.Where("integration_id = ?", integrationID))
}

// LockLinkOf is [LinkOfIntegration] under its lock. Who changes an integration begins with it: what comes in by a link notes it
// on the link and then on the integration, and whoever took them the other way round would wait for it, and it for them.
func (tx *Tx) LockLinkOf(integrationID string) (*ShareLink, error) {
	return LinkOfIntegration(tx.Locked(), integrationID)
}

func oneLink(q *gorm.DB) (*ShareLink, error) {
	l, err := One[ShareLink](q, "share link")
	if KindOf(err) == NotFound {
		return nil, nil
	}
	return l, err
}

// MakeLinkIn keeps the recipient's end of a link for an integration of kind share, with the destination as which it stands
// in publications. The same again is the same link.
func (tx *Tx) MakeLinkIn(i *Integration, createdBy string) (*ShareLink, error) {
	have, err := LinkOfIntegration(tx.DB, i.ID)
	if err != nil || have != nil {
		return have, err
	}
	l := newLink(i.AccountID, LinkIn, i.Name, createdBy)
	l.IntegrationID, l.Condition = &i.ID, LinkWaiting
	d := &Destination{ID: l.ID, AccountID: i.AccountID, Name: i.Name, Kind: ShareDestination, Enabled: true, IntegrationID: &i.ID, CreatedAt: l.CreatedAt, UpdatedAt: l.CreatedAt}
	if err := tx.Create(d).Error; err != nil {
		return nil, err
	}
	if err := tx.Create(l).Error; err != nil {
		return nil, err
	}
	return l, tx.Ring(ShareBell, l.ID)
}

// MakeLinkOut keeps the delegator's end of a link for a login. The same again is the same link.
func (tx *Tx) MakeLinkOut(u *User) (*ShareLink, error) {
	have, err := LinkOfUser(tx.DB, u.ID)
	if err != nil || have != nil {
		return have, err
	}
	name := u.Name
	if name == "" {
		name = u.Username
	}
	l := newLink(u.AccountID, LinkOut, name, "")
	l.UserID, l.Condition = &u.ID, LinkWaiting
	if err := tx.Create(l).Error; err != nil {
		return nil, err
	}
	return l, tx.Ring(ShareBell, l.ID)
}

func newLink(accountID string, direction LinkDirection, name, createdBy string) *ShareLink {
	now := Now()
	return &ShareLink{ID: NewID(), AccountID: accountID, Direction: direction, Name: name, OwnName: rand.Text(), PeerKeys: []ShareKey{}, StateSince: now, CreatedBy: createdBy, CreatedAt: now, UpdatedAt: now}
}

// EditLink changes a link as it stands under its lock, and tells who looks.
func (tx *Tx) EditLink(id string, apply func(*ShareLink) error) (*ShareLink, error) {
	known := 0
	var waited ShareOffers
	l, err := Edit(tx, "share link", func(l *ShareLink) error {
		peer := l.PeerAccount
		known, waited = len(l.PeerKeys), l.Offered
		if err := apply(l); err != nil {
			return err
		}
		l.UpdatedAt = Now()
		if peer != "" && l.PeerAccount != peer { // what came from the one before is not this one's
			since := l.UpdatedAt
			l.PeerSince = &since
		}
		return nil
	}, "id = ?", id)
	if err != nil {
		return nil, err
	}
	if len(l.PeerKeys) > known {
		if err := tx.judgeAgain(l); err != nil {
			return nil, err
		}
	}
	if err := tx.tellAsks(l, waited); err != nil {
		return nil, err
	}
	return l, tx.Announce(l.AccountID, "share_link.changed", l.ID, "")
}

// LinkEnd is how a link ends.
type LinkEnd struct {
	Why   string
	Tells bool   // the other side is told, before what proves who we are is forgotten
	Bars  *int64 // the version of the login's credentials that are let in no more
}

// EndLink ends a link with what it stands for: nothing flows by it any more, and both keep what they have.
func (tx *Tx) EndLink(id string, end LinkEnd) error {
	over := false
	l, err := tx.EditLink(id, func(l *ShareLink) error {
		if over = l.EndedAt != nil; over {
			return nil
		}
		now := Now()
		l.EndedAt, l.EndedVersion, l.LastError, l.InvitationKey, l.InvitationUntil, l.Secrets, l.Offered = &now, end.Bars, end.Why, "", nil, "", ShareOffers{}
		l.DueAt, l.ProbeAt, l.Failures, l.Probed = nil, nil, 0, ""
		if end.Tells && (l.UserID != nil || l.IntegrationID != nil) {
			l.DueAt = &now
		}
		return nil
	})
	if err != nil || over {
		return err
	}
	if l.Direction == LinkIn {
		now := Now()
		if err := tx.Model(&Destination{}).Where("id = ?", l.ID).Updates(map[string]any{"enabled": false, "deleted_at": now, "updated_at": now}).Error; err != nil {
			return err
		}
		if err := tx.Model(&Integration{}).Where("id = ?", *l.IntegrationID).Updates(map[string]any{"enabled": false, "updated_at": now}).Error; err != nil {
			return err
		}
	}
	return tx.Ring(ShareBell, l.ID)
}

// TellBelow has the recipients of an order told that it changed: those to whom it is assigned, and those to whom it was, but
// not the one by whom it did.
func (tx *Tx) TellBelow(o *WorkOrder, by string) error {
	var links []*ShareLink
	told := tx.Session(&gorm.Session{NewDB: true, Context: tx.Statement.Context}).Model(&PeerNumber{}).Select("user_id").Where("work_order_id = ?", o.ID)
	q := tx.Where("direction = ? AND ended_at IS NULL AND paused_at IS NULL AND condition <> ? AND user_id <> ?", LinkOut, LinkInvited, by)
	switch {
	case o.AssignedToAll:
	case o.AssigneeID != nil:
		q = q.Where("user_id = ? OR user_id IN (?)", *o.AssigneeID, told)
	default:
		q = q.Where("user_id IN (?)", told)
	}
	if err := q.Find(&links).Error; err != nil {
		return err
	}
	for _, l := range links {
		now := Now()
		if err := tx.Model(&ShareLink{}).Where("id = ? AND (due_at IS NULL OR due_at > ?)", l.ID, now).Update("due_at", now).Error; err != nil {
			return err
		}
		if err := tx.Ring(ShareBell, l.ID); err != nil {
			return err
		}
	}
	return nil
}

// askLink has the recipient's end of a link fetch now: what changed, or everything.
func (tx *Tx) askLink(l *ShareLink, what string) error {
	if l == nil {
		return nil
	}
	changed := map[string]any{"due_at": Now(), "probe_at": nil}
	if what == AskedAll {
		changed["asked"] = AskedAll
	}
	if err := tx.Model(&ShareLink{}).Where("id = ?", l.ID).Updates(changed).Error; err != nil {
		return err
	}
	err := tx.Model(&Integration{}).Where("id = ?", *l.IntegrationID).
		Update("status", gorm.Expr("CASE WHEN status = ? THEN status ELSE ? END", IntegrationRunning, IntegrationPending)).Error
	if err != nil {
		return err
	}
	return tx.Ring(ShareBell, l.ID)
}

// linkIntegrations gives integrations of kind share from before there were links theirs.
func (s *Store) linkIntegrations(ctx context.Context) error {
	ctx = AcrossAccounts(ctx)
	linked := s.Read(ctx).Model(&ShareLink{}).Select("integration_id").Where("integration_id IS NOT NULL")
	var alone []*Integration
	if err := s.Read(ctx).Where("kind = ? AND deleted_at IS NULL AND id NOT IN (?)", ShareIntegration, linked).Find(&alone).Error; err != nil {
		return err
	}
	for _, i := range alone {
		err := s.Write(InAccount(ctx, i.AccountID), func(tx *Tx) error {
			if _, err := tx.MakeLinkIn(i, ""); err != nil {
				return err
			}
			return tx.Ring(IntegrationBell, i.ID) // its schedule ends: a link asks by itself
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// CheckLinkName notes a name that is none.
func CheckLinkName(p *Problems, name string) {
	if line := strings.TrimSpace(name); line == "" || !OneLine(line, 200) {
		p.Add("name", "Give the link a name of at most 200 characters: the other firm's.")
	}
}

// SilenceAlert is what both ends see when nothing was heard of the other for [LinkSilence].
func (l *ShareLink) SilenceAlert() *Alert {
	return &Alert{AccountID: l.AccountID, Kind: AlertPeerTrouble, Subject: l.ID, Says: "link_silent", Args: []any{"who", l.Name}, Detail: l.LastError}
}

// KnowsKey tells whether a key of the other side is pinned.
func (l *ShareLink) KnowsKey(id string) bool {
	return slices.ContainsFunc(l.PeerKeys, func(k ShareKey) bool { return k.ID == id })
}
