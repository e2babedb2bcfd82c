package models

import (
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
	a.Says = "link_invited"
	if !l.Locked() {
		a.Says = "link_again"
	}
	a.Args = []any{"who", orWord(l.Offered.Peer.Name, "alert_an_account"), "host", orWord(l.Offered.Peer.Host, "alert_a_host"), "link", l.Name}
}

// orWord is a text, or a word for there being none.
func orWord(text, key string) any {
	if text == "" {
		return Word{key}
	}
	return text
}

func (l *ShareLink) tellKeys(a *Alert) {
	a.Says, a.Args = "link_key", []any{"who", l.Called(), "key", l.Offered.keys()}
}
