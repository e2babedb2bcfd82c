package models

import (
	"cmp"
	"fmt"
	"strings"
)

// admits names who waits to be let in; "" for nobody.
func (o *ShareOffers) admits() string {
	if o.Peer == nil {
		return ""
	}
	return o.Peer.Account
}

// keys names the keys that nobody has trusted yet; "" for none.
func (o *ShareOffers) keys() string {
	var ids []string
	for _, k := range o.Keys {
		ids = append(ids, k.ID)
	}
	return strings.Join(ids, " ")
}

// tellAsks has people know what waits for their word at a link, as long as it does; waited is what did before.
func (tx *Tx) tellAsks(l *ShareLink, waited ShareOffers) error {
	for _, ask := range []struct {
		about, was, is string
		alert          func(*Alert)
	}{{"admit", waited.admits(), l.Offered.admits(), l.tellAdmit}, {"keys", waited.keys(), l.Offered.keys(), l.tellKeys}} {
		if ask.was == ask.is {
			continue
		}
		a := &Alert{AccountID: l.AccountID, Kind: AlertPeerTrouble, Subject: l.ID + "/" + ask.about}
		if ask.was != "" {
			if err := tx.EndAlerts(a.Kind, a.Subject); err != nil {
				return err
			}
		}
		if ask.is == "" {
			continue
		}
		ask.alert(a)
		if err := tx.Raise(a); err != nil {
			return err
		}
	}
	return nil
}

func (l *ShareLink) tellAdmit(a *Alert) {
	them := l.Offered.Peer
	name := cmp.Or(them.Name, "An account")
	a.Detail = fmt.Sprintf("%s is an account on %s.", name, cmp.Or(them.Host, "a host that it does not name"))
	if l.Locked() {
		a.Title = fmt.Sprintf("%s took the invitation %s and waits to be let in", name, l.Name)
		a.Remedy = "Let them in at the Share link, or refuse them if they are not whom you invited: nothing flows before."
		return
	}
	a.Title = fmt.Sprintf("%s wants in by the login of the Share link %s", name, l.Name)
	a.Remedy = "Let them in at the Share link if they are to take the other's place, or refuse them: nothing flows to them before."
}

func (l *ShareLink) tellKeys(a *Alert) {
	a.Title = fmt.Sprintf("%s signs with a key that none known here introduced", l.Called())
	a.Detail = "What it says of its items counts as a claim until the key is trusted: " + l.Offered.keys()
	a.Remedy = "Ask them whether the key is theirs, by another way than this link; then trust it at the Share link."
}
