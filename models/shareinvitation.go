package models

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// invitationLasts is how long an invitation to a Share link stands.
const invitationLasts = 7 * 24 * time.Hour

// MakeInvitation keeps a link that nobody has taken yet, and returns the secret by which it is taken, which nothing can show
// again.
func (tx *Tx) MakeInvitation(accountID, name, createdBy string) (*ShareLink, string, error) {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, "", err
	}
	secret := "si_" + base64.RawURLEncoding.EncodeToString(raw[:])
	l := newLink(accountID, LinkOut, strings.TrimSpace(name), createdBy)
	until := At(time.Now().Add(invitationLasts))
	l.Condition, l.InvitationKey, l.InvitationUntil = LinkInvited, hashToken(secret), &until
	return l, secret, tx.Create(l).Error
}

// LinkByInvitation finds the link that a secret invites to; [Gone] when there is none, or it was ended.
func (s *Store) LinkByInvitation(ctx context.Context, secret string) (*ShareLink, error) {
	l, err := oneLink(s.Read(AcrossAccounts(ctx)).Where("invitation_key = ?", hashToken(secret)))
	if err == nil && l == nil {
		return nil, gone("This invitation was ended, or is none of ours.")
	}
	return l, err
}

func gone(what string) error {
	return Errorf(Gone, "%s Ask the firm that invited you for a new one.", what).Coded(barred + string(LinkEnded))
}

// Invites refuses who may not take the invitation (any more): it is taken once, and again only by who took it.
func (l *ShareLink) Invites(account string) error {
	switch {
	case l.EndedAt != nil || l.InvitationUntil == nil:
		return gone("This invitation was ended.")
	case l.Redeemer != "" && l.Redeemer != account:
		return gone("This invitation was used.")
	case l.InvitationUntil.Before(time.Now()):
		return gone("This invitation has expired: it stood for seven days.")
	}
	return nil
}

// Locked tells whether somebody took the invitation whom nobody has let in yet.
func (l *ShareLink) Locked() bool { return l.Redeemer != "" && l.PeerAccount == "" }

// TurnedAway tells whether an account was refused by this link, or lost its place to another.
func (l *ShareLink) TurnedAway(account string) bool {
	return slices.Contains(l.Offered.Turned, account)
}

// turnAway has an account ask no more. Of very many only the last are remembered.
func (l *ShareLink) turnAway(account string) {
	if account != "" && !l.TurnedAway(account) {
		l.Offered.Turned = append(l.Offered.Turned[max(0, len(l.Offered.Turned)-99):], account)
	}
}

// Admit lets in who waits: the first, or another in the place of the one that is linked.
func (l *ShareLink) Admit() error {
	them := l.Offered.Peer
	if them == nil {
		return Errorf(Conflict, "Nobody waits to be let in by this link.")
	}
	l.turnAway(l.PeerAccount)
	l.Offered.Turned = slices.DeleteFunc(l.Offered.Turned, func(a string) bool { return a == them.Account })
	l.Fieldproof, l.PeerAccount, l.PeerName, l.PeerHost, l.PeerKeys = true, them.Account, them.Name, them.Host, them.Keys
	if l.PeerKeys == nil {
		l.PeerKeys = []ShareKey{}
	}
	l.Offered.Peer, l.Offered.Keys = nil, nil
	now := Now()
	l.DueAt, l.ProbeAt, l.Failures, l.LastError = &now, nil, 0, ""
	l.Settle(LinkWaiting)
	return nil
}

// Refuse turns away who waits in the place of the one that is linked.
func (l *ShareLink) Refuse() error {
	if l.Offered.Peer == nil {
		return Errorf(Conflict, "Nobody waits to be let in by this link.")
	}
	l.turnAway(l.Offered.Peer.Account)
	l.Offered.Peer = nil
	return nil
}

// TrustKeys pins the keys of the other side that no key known here introduced.
func (l *ShareLink) TrustKeys() error {
	if len(l.Offered.Keys) == 0 {
		return Errorf(Conflict, "The other side offers no key that is not trusted already.")
	}
	l.PeerKeys = append(l.PeerKeys, l.Offered.Keys...)
	l.Offered.Keys = nil
	return nil
}

// Oneself tells whether keys are those of the account itself: who introduces itself by them is no other account.
func Oneself(own, theirs []ShareKey) bool {
	return slices.ContainsFunc(theirs, func(k ShareKey) bool {
		return slices.ContainsFunc(own, func(o ShareKey) bool { return o.ID == k.ID })
	})
}
