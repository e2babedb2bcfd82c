package models

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
)

// AuditKind is what kind of thing an account is set up with.
type AuditKind string

// The kinds that the audit log tells of.
const (
	AuditAccount     AuditKind = "account"
	AuditUser        AuditKind = "user"
	AuditRole        AuditKind = "role"
	AuditToken       AuditKind = "token"
	AuditSession     AuditKind = "session"
	AuditWorkType    AuditKind = "work_type"
	AuditSurvey      AuditKind = "survey"
	AuditIntegration AuditKind = "integration"
	AuditDestination AuditKind = "destination"
	AuditShareLink   AuditKind = "share_link"
	AuditProofKey    AuditKind = "proof_key"
)

// AuditKinds are all of them.
var AuditKinds = []AuditKind{AuditAccount, AuditUser, AuditRole, AuditToken, AuditSession, AuditWorkType, AuditSurvey, AuditIntegration, AuditDestination,
	AuditShareLink, AuditProofKey}

// What was done, as the audit log says it.
const (
	AuditCreated = "created"
	AuditChanged = "changed"
	AuditDeleted = "deleted"
	AuditInvited = "invited"
)

// AuditEntry is a change of what an account is set up with, or somebody who signed in. It is written where the change is, or
// not at all.
type AuditEntry struct {
	ID        int64 `gorm:"primaryKey;autoIncrement"`
	AccountID string
	Kind      AuditKind
	SubjectID string
	Subject   string // its name then
	What      string
	Changes   []AuditedField `gorm:"serializer:json"`
	ActorID   string
	Actor     string // the name then
	At        Time
}

// AuditedField is a setting as it was and as it became: null where it was not, or is not any more. Of a secret both are null: that
// it is another one is all that is known here.
type AuditedField struct {
	Field string          `json:"field" example:"role"`
	Old   json.RawMessage `json:"old"`
	New   json.RawMessage `json:"new"`
}

// AuditEntryView is an entry as the API shows it.
type AuditEntryView struct {
	When    Time           `json:"when"`
	Who     string         `json:"who" doc:"A username; \"\" is the server itself."`
	WhoName string         `json:"who_name"` // what they are called
	What    string         `json:"what" words:"audit_what"`
	Kind    AuditKind      `json:"kind"`
	ID      string         `json:"id" doc:"Of what was changed."`
	Name    string         `json:"name" doc:"Of what was changed, as it was called then."`
	Changes []AuditedField `json:"changes"`
}

// View makes the entry's view; users are at least whoever did it.
func (e *AuditEntry) View(users People) AuditEntryView {
	return AuditEntryView{When: e.At, Who: e.Actor, WhoName: users.Called(e.ActorID, e.Actor), What: e.What, Kind: e.Kind, ID: e.SubjectID, Name: e.Subject, Changes: e.Changes}
}

// AuditFacts are what the audit log may say of something at one moment.
type AuditFacts struct {
	kind     AuditKind
	id, name string
	said     map[string]json.RawMessage
	secrets  map[string]string // compared, never written
	err      error
}

// noSettings are members of views that nobody sets.
var noSettings = []string{"id", "user_id", "kind", "built_in", "created_at", "updated_at", "status", "last_refresh_at", "last_error", "next_try_at", "failing_since"}

// auditFactsOf takes what a view shows: what no view shows never comes into the log.
func auditFactsOf(kind AuditKind, id, name string, view any, secrets map[string]string) AuditFacts {
	f := AuditFacts{kind: kind, id: id, name: name, secrets: secrets}
	text, err := json.Marshal(view)
	if err != nil {
		f.err = err
		return f
	}
	f.err = json.Unmarshal(text, &f.said)
	maps.DeleteFunc(f.said, func(field string, _ json.RawMessage) bool { return slices.Contains(noSettings, field) })
	return f
}

// Audited is what the audit log may say of a user.
func (u *User) Audited() AuditFacts {
	return auditFactsOf(AuditUser, u.ID, u.Username, u, map[string]string{"password": u.PasswordHash})
}

// Audited is what the audit log may say of a role.
func (r *Role) Audited() AuditFacts { return auditFactsOf(AuditRole, r.Name, r.Name, r, nil) }

// Audited is what the audit log may say of a token.
func (t *Token) Audited() AuditFacts { return auditFactsOf(AuditToken, t.ID, t.Name, t, nil) }

// Audited is what the audit log may say of an account.
func (a *Account) Audited() AuditFacts {
	return auditFactsOf(AuditAccount, a.ID, a.Name, a, map[string]string{"logo": a.LogoKey})
}

// Audited is what the audit log may say of a work type.
func (w *WorkType) Audited() AuditFacts { return auditFactsOf(AuditWorkType, w.ID, w.Name, w, nil) }

// Audited is what the audit log may say of a survey: of its template that it is another one, which its revisions keep.
func (s *Survey) Audited() AuditFacts {
	return auditFactsOf(AuditSurvey, s.ID, s.Name, map[string]any{"name": s.Name, "template_id": s.TemplateID, "revision": s.Revision}, nil)
}

// Audited is what the audit log may say of an integration with its opened secrets.
func (i *Integration) Audited(secrets IntegrationSecrets) AuditFacts {
	return auditFactsOf(AuditIntegration, i.ID, cmp.Or(i.Name, i.ClientCode), i.View(secrets, ""), map[string]string{"push_key": secrets.PushKey, "password": secrets.Password, "token": secrets.Token})
}

// Audited is what the audit log may say of a destination with its opened secrets.
func (d *Destination) Audited(secrets DestinationSecrets) AuditFacts {
	held, err := json.Marshal(secrets)
	f := auditFactsOf(AuditDestination, d.ID, d.Name, d.View(secrets, ""), map[string]string{"secrets": string(held)})
	if f.err == nil {
		f.err = err
	}
	return f
}

// Audited is what the audit log may say of a Share link: whom it links, and whether it is held or over.
func (l *ShareLink) Audited() AuditFacts {
	return auditFactsOf(AuditShareLink, l.ID, cmp.Or(l.Name, l.PeerName), map[string]any{"name": l.Name, "direction": l.Direction, "peer": l.PeerName, "peer_account": l.PeerAccount,
		"paused": l.PausedAt != nil, "ended": l.EndedAt != nil, "peer_keys": len(l.PeerKeys)}, nil)
}

// Audit notes that somebody made something (before is nil), changed it, or took it away (after is nil). What changed nothing
// is not noted.
func (tx *Tx) Audit(by *User, before, after *AuditFacts) error {
	e := &AuditEntry{What: AuditChanged, Changes: []AuditedField{}}
	about := after
	switch {
	case before == nil:
		e.What, before = AuditCreated, &AuditFacts{}
	case after == nil:
		e.What, about, after = AuditDeleted, before, &AuditFacts{}
	}
	for _, f := range []*AuditFacts{before, after} {
		if f.err != nil {
			return f.err
		}
	}
	e.Kind, e.SubjectID, e.Subject = about.kind, about.id, about.name
	fields := slices.Collect(maps.Keys(before.said))
	for field := range after.said {
		if _, known := before.said[field]; !known {
			fields = append(fields, field)
		}
	}
	slices.Sort(fields)
	for _, field := range fields {
		if was, is := before.said[field], after.said[field]; !bytes.Equal(was, is) {
			e.Changes = append(e.Changes, AuditedField{Field: field, Old: orNull(was), New: orNull(is)})
		}
	}
	if e.What == AuditChanged {
		for _, field := range slices.Sorted(maps.Keys(after.secrets)) {
			if before.secrets[field] != after.secrets[field] {
				e.Changes = append(e.Changes, AuditedField{Field: field, Old: orNull(nil), New: orNull(nil)})
			}
		}
		if len(e.Changes) == 0 {
			return nil
		}
	}
	return tx.Noted(by, e)
}

// Noted keeps an entry of the audit log by somebody, now.
func (tx *Tx) Noted(by *User, e *AuditEntry) error {
	if e.Changes == nil {
		e.Changes = []AuditedField{}
	}
	e.AccountID, e.ActorID, e.Actor, e.At = by.AccountID, by.ID, by.Username, Now()
	return tx.Create(e).Error
}

func orNull(v json.RawMessage) json.RawMessage {
	if len(v) == 0 {
		return json.RawMessage("null")
	}
	return v
}
