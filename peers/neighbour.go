package peers

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldproof/models"
	"fieldproof/wire"
)

// Words are by which a Fieldproof names itself to another (contract: between two Fieldproofs).
const Words = "share1"

// speaks tells whether what a peer calls itself holds the words that we know.
func speaks(said string) bool { return slices.Contains(strings.Fields(said), Words) }

// As has a peer told in every call that it is called by a Fieldproof, and by which name of the account: one for each link.
func (p *Peer) As(account string) *Peer {
	named := *p
	named.account = account
	return &named
}

// introduced is what a Fieldproof says of itself in the answer to validate.
type introduced struct {
	Fieldproof  string `json:"fieldproof"`
	Account     string `json:"account"`
	AccountName string `json:"accountName"`
	Keys        string `json:"keys"` // JSON: key entries
}

// Introduce validates, and tells the peer who we are. From a Fieldproof comes who it is; nil from any other.
func (p *Peer) Introduce(ctx context.Context, me models.SharePeer) (*models.SharePeer, error) {
	keys, err := json.Marshal(me.Keys)
	if err != nil {
		return nil, err
	}
	var said introduced
	err = p.validate(ctx, &said, wire.Member{Name: "pushkey", Value: me.PushURL}, wire.Member{Name: "accountName", Value: me.Name}, wire.Member{Name: "keys", Value: string(keys)})
	if err != nil || !speaks(said.Fieldproof) {
		return nil, err
	}
	them := &models.SharePeer{Account: said.Account, Name: said.AccountName}
	them.Keys, err = models.ReadShareKeys([]byte(said.Keys))
	return them, err
}

// longestName is how long the name of another account may be.
const longestName = 200

// introduction is how a caller introduces itself by validate.
func (c *Call) introduction() (models.SharePeer, error) {
	var them models.SharePeer
	if push := wire.Text(c.payload, "pushkey"); len(push) <= 2000 {
		them.PushURL = push
	}
	if !c.named {
		return them, nil
	}
	them.Account, them.Name = wire.Text(c.payload, "account"), strings.TrimSpace(wire.Text(c.payload, "accountName"))
	switch {
	case them.Account == "" || len(them.Account) > longestName:
		return them, models.InvalidField("account", "Say by which name of this link you are called, in at most %d characters.", longestName)
	case len([]rune(them.Name)) > longestName:
		return them, models.InvalidField("accountName", "The name of an account has at most %d characters.", longestName)
	}
	var err error
	them.Keys, err = models.ReadShareKeys([]byte(wire.Text(c.payload, "keys")))
	return them, err
}

// meet takes who validated with a login as the other side of its link; false when that is another account, which waits until
// the delegator lets it in.
func meet(l *models.ShareLink, them models.SharePeer, named bool) bool {
	if named && l.PeerAccount != "" && l.PeerAccount != them.Account {
		l.Offered.Peer = &them
		return false
	}
	if them.PushURL != "" {
		if u, err := url.Parse(them.PushURL); err == nil {
			l.PeerHost = u.Host
		}
	}
	if named {
		l.Fieldproof, l.PeerAccount, l.PeerName = true, them.Account, them.Name
		l.FollowKeys(them.Keys)
	}
	l.Works()
	return true
}

// introduce puts into the answer to validate who we are.
func introduce(tx *models.Tx, l *models.ShareLink, account *models.Account, answer Answer) error {
	keys, err := tx.ShareKeysOf(account.ID)
	if err != nil {
		return err
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	answer["fieldproof"], answer["account"], answer["accountName"], answer["keys"] = Words, l.OwnName, account.Name, string(text)
	return nil
}

// recognise finds the link of who calls. Another account than the one that is linked by the login gets nothing but validate,
// by which it asks to be let in.
func (h *Host) recognise(ctx context.Context, c *Call) (err error) {
	ctx = models.InAccount(ctx, c.by.AccountID)
	c.named = speaks(wire.Text(c.payload, "fieldproof"))
	if c.link, err = models.LinkOfUser(h.Store.Read(ctx), c.by.ID); err != nil || c.link == nil {
		return err
	}
	if called := wire.Text(c.payload, "account"); c.named && called != "" && c.link.PeerAccount != "" && called != c.link.PeerAccount && c.service.name != "validate" {
		return models.Errorf(models.Forbidden, "Another account is linked by this login. An admin of %s must let yours in first.", c.account.Name)
	}
	if c.link.LastContactAt != nil && time.Since(c.link.LastContactAt.Time) < time.Minute && c.link.Condition == models.LinkOK {
		return nil
	}
	return h.Store.Write(ctx, func(tx *models.Tx) error {
		_, err := tx.EditLink(c.link.ID, func(l *models.ShareLink) error {
			l.Answers()
			return nil
		})
		return err
	})
}

// sinceCursor is from when changes are told to a Fieldproof, by the cursor that it was given or by the time that it names,
// and the cursor for the next time: our clock, in milliseconds.
func sinceCursor(c *Call, since *models.Time) (*models.Time, string, error) {
	next := strconv.FormatInt(time.Now().UnixMilli(), 10)
	text := wire.Text(c.payload, "cursor")
	if text == "" {
		return since, next, nil
	}
	at, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, "", models.Errorf(models.Malformed, "This request is not properly formatted: the cursor %q is none of ours. Ask for all without it.", text)
	}
	before := models.At(time.UnixMilli(at).Add(-overlap))
	return &before, next, nil
}
