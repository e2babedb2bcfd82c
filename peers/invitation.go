package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"fieldproof/guard"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/wire"
)

// InvitationPath is where the page of an invitation stands, below the installation's address.
const InvitationPath = "/share-invitation"

// InvitationURL is the address by which an invitation is given: the secret stands in the fragment, which no browser sends.
func InvitationURL(public, secret string) string { return public + InvitationPath + "#" + secret }

// wrongInvitations is how many secrets of invitations one network may guess at in a window.
const wrongInvitations = 50

// invited finds the link to which a caller brings the secret of an invitation, and nothing else that proves who they are.
func (h *Host) invited(ctx context.Context, c *Call, address string) error {
	if !c.named {
		return models.Errorf(models.NotFound, "This service is one between two Fieldproofs: name yourself as one.")
	}
	limit := models.Limit{Key: "share-invitation/" + models.Network(address), Most: wrongInvitations, Window: models.PasswordWindow}
	wait, err := h.Store.Try(ctx, limit)
	if err != nil {
		return err
	}
	if wait > 0 {
		return models.TooManyTries(wait)
	}
	if c.link, err = h.Store.LinkByInvitation(ctx, wire.Text(c.payload, "invitation")); err != nil {
		return err
	}
	if err := h.Store.Forgive(ctx, limit); err != nil {
		return err
	}
	c.account, err = h.Store.AccountByID(ctx, c.link.AccountID)
	return err
}

// invitation shows who invites, or, to who names itself, gives what the link needs: the token of a login that is made for it.
// Before an admin lets them in nothing is good for anything but to validate.
func (h *Host) invitation(ctx context.Context, c *Call) (Answer, error) {
	answer := Answer{"error": "", "fieldproof": Words, "accountName": c.account.Name}
	if wire.Text(c.payload, "account") == "" {
		if err := c.link.Invites(""); err != nil {
			return nil, err
		}
		answer["expiresAt"] = c.link.InvitationUntil
		return answer, nil
	}
	them, err := c.introduction()
	if err != nil {
		return nil, err
	}
	return answer, h.Store.Write(ctx, func(tx *models.Tx) error {
		if err := c.isAnother(tx, them); err != nil {
			return err
		}
		l, err := tx.EditLink(c.link.ID, func(l *models.ShareLink) error {
			if err := l.Invites(them.Account); err != nil {
				return err
			}
			if l.Redeemer == "" {
				if err := h.makeLogin(tx, l, them.Account); err != nil {
					return err
				}
			}
			var secrets models.ShareSecrets
			if err := h.Sealer.Open("share link/"+l.ID, l.Secrets, &secrets); err != nil {
				return err
			}
			answer["token"] = secrets.Token
			if !l.Locked() {
				return nil // they were let in meanwhile, and validate as ever
			}
			return h.offer(l, them)
		})
		if err != nil {
			return err
		}
		names, err := models.Usernames(tx.DB, []string{*l.UserID})
		if err != nil {
			return err
		}
		answer["username"] = names[*l.UserID]
		return introduce(tx, l, c.account, answer)
	})
}

// makeLogin makes the login that an invitation stands for. It has no password: nobody signs in by it.
func (h *Host) makeLogin(tx *models.Tx, l *models.ShareLink, redeemer string) error {
	user := &models.User{ID: models.NewID(), AccountID: l.AccountID, Username: "share-" + strings.ToLower(l.ID[len(l.ID)-12:]), Name: l.Name, Role: models.Subcontractor, Active: true}
	if err := tx.NewUser(user); err != nil {
		return err
	}
	_, token, err := tx.NewToken(user, models.LinkToken, "Share link", nil)
	if err != nil {
		return err
	}
	l.UserID, l.Redeemer = &user.ID, redeemer
	l.Settle(models.LinkWaiting)
	l.Secrets, err = h.Sealer.Seal("share link/"+l.ID, models.ShareSecrets{Token: token})
	return err
}

// ShareInvitation is who invites.
type ShareInvitation struct {
	Account   string      `json:"account"`
	Host      string      `json:"host"`
	ExpiresAt models.Time `json:"expires_at"`
}

// setUpTime is how long somebody waits for the installation that invites.
const setUpTime = 20 * time.Second

// inviting is the installation that invites, as we call it.
type inviting struct {
	peer   *Peer
	url    string // "" for this installation
	secret string
}

func (s *Links) inviting(address string) (*inviting, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || len(address) > 2000 || !strings.HasSuffix(u.Path, InvitationPath) {
		return nil, models.InvalidField("invitation_url", "Give the whole address of the invitation, such as https://fieldproof.example.com%s#si_…", InvitationPath)
	}
	if u.Fragment == "" {
		return nil, models.InvalidField("invitation_url", "The address is cut: what stands behind # is the invitation's secret.")
	}
	base := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimSuffix(u.Path, InvitationPath)}).String()
	from := &inviting{url: base, secret: u.Fragment}
	if base == s.PublicURL {
		from.url = ""
	}
	from.peer = Of(&models.Integration{Kind: models.ShareIntegration, Settings: models.IntegrationSettings{URL: base}}, models.IntegrationSecrets{}, s.PublicURL, s.client)
	return from, nil
}

// invitationSaid is what an installation answers to the secret of an invitation.
type invitationSaid struct {
	introduced
	Error     any          `json:"error"`
	Token     string       `json:"token"`
	Username  string       `json:"username"`
	ExpiresAt *models.Time `json:"expiresAt"`
}

func (from *inviting) ask(ctx context.Context, members ...wire.Member) (*invitationSaid, error) {
	ctx, cancel := context.WithTimeout(ctx, setUpTime)
	defer cancel()
	var a invitationSaid
	status, body, err := from.peer.ask(ctx, "invitation", &a, append([]wire.Member{{Name: "fieldproof", Value: Words}, {Name: "invitation", Value: from.secret}}, members...)...)
	var refused *Refused
	switch {
	case errors.Is(err, guard.ErrAddress):
		return nil, models.InvalidField("invitation_url", "%s can't be asked: %s.", from.peer.Host(), guard.ErrAddress)
	case errors.As(err, &refused):
		return nil, models.InvalidField("invitation_url", "%s is no Fieldproof that invites: %s", from.peer.Host(), models.ErrorText(refused))
	case err != nil:
		return nil, models.Errorf(models.Unavailable, "%s. Send the same again: whoever took the invitation may take it again.", models.ErrorText(err))
	}
	if text, _ := a.Error.(string); text != "" {
		kinds := map[models.LinkState]models.Kind{models.LinkEnded: models.Gone, models.LinkRefused: models.Conflict}
		if kind := kinds[stateSaid(a.LinkState)]; kind != "" {
			return nil, models.Errorf(kind, "%s said: %s", from.peer.Host(), models.Redact(text))
		}
		return nil, models.Errorf(models.Unavailable, "%s can't answer now: %s", from.peer.Host(), models.Redact(text))
	}
	if !speaks(a.Fieldproof) || len([]rune(a.AccountName)) > longestName {
		return nil, models.InvalidField("invitation_url", "%s is no Fieldproof that invites: it answered %s: %s", from.peer.Host(), status, models.Redact(said(body)))
	}
	return &a, nil
}

// Preview asks who invites. It takes nothing.
func (s *Links) Preview(ctx context.Context, address string) (*ShareInvitation, error) {
	from, err := s.inviting(address)
	if err != nil {
		return nil, err
	}
	said, err := from.ask(ctx)
	if err != nil {
		return nil, err
	}
	if said.ExpiresAt == nil {
		return nil, models.InvalidField("invitation_url", "%s does not say until when the invitation stands.", from.peer.Host())
	}
	return &ShareInvitation{said.AccountName, from.peer.Host(), *said.ExpiresAt}, nil
}

// Accept takes an invitation for an account, with an integration of kind share that is to hold it. Nothing is taken that could
// not be kept here; and the same again, when an answer was lost, is the same link.
func (s *Links) Accept(ctx context.Context, in *intake.Intake, by *models.Member, i *models.Integration, address string) (*models.ShareLink, error) {
	from, err := s.inviting(address)
	if err != nil {
		return nil, err
	}
	name, err := s.Sealer.Name("invitation", by.AccountID, from.peer.base, from.secret)
	if err != nil {
		return nil, err
	}
	if have, err := in.LinkCalled(ctx, by, name); err != nil || have != nil {
		return have, err
	}
	i.Settings = models.IntegrationSettings{URL: from.url, Username: "invited"}
	if err := in.TryShare(ctx, by, i); err != nil {
		return nil, err
	}
	key := models.FreshPushKey()
	me, err := s.me(ctx, by.AccountID, name, key)
	if err != nil {
		return nil, err
	}
	keys, err := json.Marshal(me.Keys)
	if err != nil {
		return nil, err
	}
	said, err := from.ask(ctx, wire.Member{Name: "account", Value: name}, wire.Member{Name: "accountName", Value: me.Name}, wire.Member{Name: "keys", Value: string(keys)}, wire.Member{Name: "pushkey", Value: me.PushURL})
	if err != nil {
		return nil, err
	}
	them, err := said.peer()
	if err == nil && (said.Token == "" || len(said.Token) > 1000 || said.Username == "" || len(said.Username) > longestName) {
		err = fmt.Errorf("%s gave no token, or no login", from.peer.Host())
	}
	if err != nil {
		return nil, models.InvalidField("invitation_url", "%s", err)
	}
	them.Host = from.peer.Host()
	if i.Name == "" {
		i.Name = strings.ToValidUTF8(them.Name[:min(len(them.Name), longestName)], "")
	}
	i.Settings.Username = said.Username
	return in.KeepShare(ctx, by, i, models.IntegrationSecrets{Token: said.Token, PushKey: key}, name, them)
}

// me is how an account introduces itself, by one of its names.
func (s *Links) me(ctx context.Context, accountID, name, pushKey string) (models.SharePeer, error) {
	me := models.SharePeer{Account: name, PushURL: models.PushURL(s.PublicURL, pushKey)}
	err := s.Store.Write(models.InAccount(ctx, accountID), func(tx *models.Tx) error {
		account, err := models.One[models.Account](tx.Where("id = ?", accountID), "account")
		if err != nil {
			return err
		}
		me.Name = account.Name
		me.Keys, err = tx.ShareKeysOf(accountID)
		return err
	})
	return me, err
}
