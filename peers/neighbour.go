package peers

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
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
	LinkState   string `json:"linkState"`
}

// Introduce validates, and tells the peer who we are. From a Fieldproof comes who it is; nil from any other. waits says that
// nobody there has let us in yet.
func (p *Peer) Introduce(ctx context.Context, me models.SharePeer) (them *models.SharePeer, waits bool, err error) {
	keys, err := json.Marshal(me.Keys)
	if err != nil {
		return nil, false, err
	}
	var said introduced
	err = p.validate(ctx, &said, wire.Member{Name: "pushkey", Value: me.PushURL}, wire.Member{Name: "accountName", Value: me.Name}, wire.Member{Name: "keys", Value: string(keys)})
	if err != nil || !speaks(said.Fieldproof) {
		return nil, false, err
	}
	them, err = said.peer()
	return them, stateSaid(said.LinkState) == models.LinkWaiting, err
}

// peer is who a Fieldproof says that it is.
func (said introduced) peer() (*models.SharePeer, error) {
	keys, err := models.ReadShareKeys([]byte(said.Keys))
	if err != nil || said.Account == "" || len(said.Account) > longestName || len([]rune(said.AccountName)) > longestName {
		return nil, &Refused{Status: http.StatusOK, Message: "What the peer says of itself can't be taken: its keys are no key entries, or its name is too long."}
	}
	return &models.SharePeer{Account: said.Account, Name: said.AccountName, Keys: keys}, nil
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

// meet takes who validated with a login as the other side of its link. What it waits for, where an admin must let it in first,
// is a [models.Barred] error beside what is kept.
func (h *Host) meet(l *models.ShareLink, them models.SharePeer, c *Call) (waits, err error) {
	switch {
	case l.Locked() && !c.named:
		return nil, models.Barred(models.LinkWaiting, "An admin of %s has not let you in yet.", c.account.Name)
	case l.Locked() && l.Redeemer == them.Account:
		return models.Barred(models.LinkWaiting, "An admin of %s has not let you in yet.", c.account.Name), h.offer(l, them)
	case l.Locked() || (c.named && l.PeerAccount != "" && l.PeerAccount != them.Account):
		if err := c.other(l, them.Account); models.BarOf(err) == models.LinkRefused {
			return nil, err
		}
		if l.Locked() {
			return nil, c.other(l, them.Account)
		}
		return c.other(l, them.Account), h.offer(l, them)
	}
	if them.PushURL != "" {
		l.PeerHost = hostIn(them.PushURL)
	}
	if c.named {
		l.Fieldproof, l.PeerAccount, l.PeerName = true, them.Account, them.Name
		l.FollowKeys(them.Keys)
	}
	if l.Redeemer != "" && (l.InvitationUntil == nil || l.InvitationUntil.Before(time.Now())) {
		l.Secrets, l.InvitationKey, l.InvitationUntil = "", "", nil // nobody can ask for the token again
	}
	l.Works()
	return nil, nil
}

// other is what is told to another account than the one that is linked.
func (c *Call) other(l *models.ShareLink, account string) error {
	if l.TurnedAway(account) {
		return models.Barred(models.LinkRefused, "An admin of %s has not let your account in by this login, or has let in another. Ask them for a login or an invitation of your own.", c.account.Name)
	}
	return models.Barred(models.LinkWaiting, "Another account is linked by this login. An admin of %s must let yours in first.", c.account.Name)
}

// offer notes who wants in. Where it wants to be told of changes is a secret.
func (h *Host) offer(l *models.ShareLink, them models.SharePeer) error {
	var secrets models.ShareSecrets
	if err := h.Sealer.Open("share link/"+l.ID, l.Secrets, &secrets); err != nil {
		return err
	}
	secrets.PushURL, them.Host, them.PushURL = them.PushURL, hostIn(them.PushURL), ""
	sealed, err := h.Sealer.Seal("share link/"+l.ID, secrets)
	if err != nil {
		return err
	}
	l.Secrets, l.Offered.Peer = sealed, &them
	if l.Locked() {
		l.Fieldproof, l.PeerName, l.PeerHost = true, them.Name, them.Host
		l.Waits("")
	}
	return nil
}

func hostIn(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// isAnother refuses an account that would be linked to itself.
func (c *Call) isAnother(tx *models.Tx, them models.SharePeer) error {
	if len(them.Keys) == 0 {
		return nil
	}
	own, err := tx.ShareKeysOf(c.account.ID)
	if err != nil {
		return err
	}
	if models.Oneself(own, them.Keys) {
		return models.Barred(models.LinkRefused, "This is the account %s itself: a link leads to another account.", c.account.Name)
	}
	return nil
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

// ends tells whether a call says that the other side has ended the link.
func (c *Call) ends() bool {
	return c.named && c.service.name == "validate" && stateSaid(wire.Text(c.payload, "linkState")) == models.LinkEnded
}

// farewell ends the link of who says that it ended it, and forgets where to reach it.
func (h *Host) farewell(ctx context.Context, c *Call) (Answer, error) {
	answer := Answer{"error": "", "validated": true, "fieldproof": Words, "linkState": models.LinkEnded}
	if c.link == nil {
		return answer, nil
	}
	return answer, h.write(ctx, c, func(tx *models.Tx) error {
		if err := tx.EndLink(c.link.ID, models.LinkEnd{Why: "They ended the link. What came by it stays on both sides."}); err != nil {
			return err
		}
		if c.link.Redeemer != "" { // its login has nothing but this token
			if _, err := tx.EndTokens("user_id = ?", c.by.ID); err != nil {
				return err
			}
		}
		return tx.Where("user_id = ?", c.by.ID).Delete(&models.PeerPushKey{}).Error
	})
}

// recognise finds the link of who calls. One that is held or over, whom nobody has let in yet, and another account than the
// one that is linked by the login get nothing but validate, by which the last two ask to be let in.
func (h *Host) recognise(ctx context.Context, c *Call) (err error) {
	ctx = models.InAccount(ctx, c.by.AccountID)
	if c.link, err = models.LastLinkOfUser(h.Store.Read(ctx), c.by.ID); err != nil || c.link == nil {
		return err
	}
	l, called, validates := c.link, wire.Text(c.payload, "account"), c.service.name == "validate"
	switch {
	case l.EndedAt != nil && (l.EndedVersion == nil || *l.EndedVersion != c.by.CredentialVersion || c.ends()):
		c.link = nil // by the login there may be another one
		return nil
	case l.EndedAt != nil && l.Locked():
		return models.Barred(models.LinkEnded, "An admin of %s did not let you in: this link is over. Ask them for a new invitation.", c.account.Name)
	case l.EndedAt != nil:
		return models.Barred(models.LinkEnded, "%s has ended this link, and both sides keep what they have. Ask them for a new password or an invitation to be linked again.", c.account.Name)
	case c.ends() && called == cmp.Or(l.PeerAccount, l.Redeemer):
		return nil
	case l.PausedAt != nil:
		return models.Barred(models.LinkPaused, "%s has paused this link. What waits is kept, and goes on by itself when they resume it.", c.account.Name)
	case l.Locked() && (!validates || !c.named):
		return models.Barred(models.LinkWaiting, "An admin of %s has not let you in yet.", c.account.Name)
	case c.named && (called != "" || c.ends()) && l.PeerAccount != "" && called != l.PeerAccount && (!validates || c.ends()):
		return c.other(l, called)
	case l.Locked():
		return nil
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
	before := models.At(time.UnixMilli(min(max(at, 0), time.Now().UnixMilli())).Add(-overlap)) // whoever made it up asks for all, or for what changes from now on
	return &before, next, nil
}
