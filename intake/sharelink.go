package intake

import (
	"context"
	"errors"

	"fieldproof/models"
)

// livingLink is a link that is not over.
const livingLink = "id = ? AND ended_at IS NULL"

// EditShareLink changes a link of the account that is not over, and has it looked at.
func (in *Intake) EditShareLink(ctx context.Context, by *models.Member, id string, change Change[models.ShareLink]) (*models.ShareLink, error) {
	return in.editShareLink(ctx, by, id, func(*models.Tx) {}, change)
}

func (in *Intake) editShareLink(ctx context.Context, by *models.Member, id string, begins func(*models.Tx), change Change[models.ShareLink]) (l *models.ShareLink, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		begins(tx)
		if _, err := models.One[models.ShareLink](tx.Where(livingLink, id), "share link"); err != nil {
			return err
		}
		var before models.AuditFacts
		if l, err = tx.EditLink(id, whileLiving(func(l *models.ShareLink) error {
			before = l.Audited()
			return change(l)
		})); err != nil {
			return err
		}
		if err := changed(tx, by, before, l.Audited()); err != nil {
			return err
		}
		return tx.Ring(models.ShareBell, l.ID)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return l, err
}

// whileLiving refuses a change of a link that ended while its lock was waited for.
func whileLiving(change Change[models.ShareLink]) Change[models.ShareLink] {
	return func(l *models.ShareLink) error {
		if l.EndedAt != nil {
			return models.Errorf(models.NotFound, "There is no such share link.")
		}
		return change(l)
	}
}

// PauseLink holds a link: what is to be told waits.
func (in *Intake) PauseLink(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.EditShareLink(ctx, by, id, func(l *models.ShareLink) error {
		if l.Condition == models.LinkInvited {
			return models.Errorf(models.Conflict, "Nobody has taken the invitation yet: end the link instead.")
		}
		if l.PausedAt == nil {
			now := models.Now()
			l.PausedAt = &now
			if l.Direction == models.LinkOut {
				l.DueAt = &now // the other side is to hear of it
			}
		}
		return nil
	})
}

// ResumeLink lets a link go on, at once: also one whose other side rests, and each message that does.
func (in *Intake) ResumeLink(ctx context.Context, by *models.Member, id string) (l *models.ShareLink, err error) {
	now := models.Now()
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if _, err := models.One[models.ShareLink](tx.Where(livingLink, id), "share link"); err != nil {
			return err
		}
		var before models.AuditFacts
		if l, err = tx.EditLink(id, whileLiving(func(l *models.ShareLink) error {
			before = l.Audited()
			l.PausedAt, l.ProbeAt, l.DueAt = nil, nil, &now
			return nil
		})); err != nil {
			return err
		}
		if err := changed(tx, by, before, l.Audited()); err != nil {
			return err
		}
		if err := tx.Model(&models.ClientMessage{}).Where("destination_id = ? AND state = 'retrying'", id).Update("next_attempt_at", now).Error; err != nil {
			return err
		}
		return tx.Ring(models.ShareBell, id)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return l, err
}

// ResyncLink has both sides compared, and what differs mended.
func (in *Intake) ResyncLink(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.EditShareLink(ctx, by, id, func(l *models.ShareLink) error {
		if !l.Live() {
			return models.Errorf(models.Conflict, "The link is paused, or nobody has taken its invitation yet: nothing flows by it.")
		}
		now := models.Now()
		l.DueAt, l.ProbeAt = &now, nil
		if l.Direction == models.LinkOut {
			l.CompareAt = &now // the recipient compares: it is told in the answer to what it asks next
		} else {
			l.Asked = models.AskedAll
		}
		return nil
	})
}

// EndLink ends a link at once: no data of an order moves by it any more, and both sides keep what they have. The other side
// is told.
func (in *Intake) EndLink(ctx context.Context, by *models.Member, id string) error {
	err := in.write(ctx, by, func(tx *models.Tx) error {
		l, err := models.One[models.ShareLink](tx.Locked().Where("id = ?", id), "share link")
		if err != nil || l.EndedAt != nil {
			return err
		}
		if err := taken(tx, by, l.Audited()); err != nil {
			return err
		}
		return endLink(tx, l, "The link was ended here.")
	})
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// endLink ends a link on our side. A delegator's bars the login until it has a new password: else the next call would link it
// anew.
func endLink(tx *models.Tx, l *models.ShareLink, why string) error {
	end := models.LinkEnd{Why: why, Tells: true}
	if l.UserID != nil {
		user, err := models.One[models.User](tx.Where("id = ?", *l.UserID), "user")
		if err != nil {
			return err
		}
		end.Bars = &user.CredentialVersion
	}
	return tx.EndLink(l.ID, end)
}

// InviteLink keeps a link that nobody has taken yet. Its secret is given here alone. Whoever takes it gets a login: so it is
// made by somebody who may make one.
func (in *Intake) InviteLink(ctx context.Context, by *models.Member, name string) (l *models.ShareLink, secret string, err error) {
	var p models.Problems
	models.CheckLinkName(&p, name)
	if err := p.Err(); err != nil {
		return nil, "", err
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if err := mayGrant(tx, by, models.Subcontractor); err != nil {
			return err
		}
		if l, secret, err = tx.MakeInvitation(by.AccountID, name, by.ID); err != nil {
			return err
		}
		return made(tx, by, l.Audited())
	})
	return l, secret, err
}

// LinkCalled finds the living link of the member's account that has a name of its own; nil for none.
func (in *Intake) LinkCalled(ctx context.Context, by *models.Member, name string) (*models.ShareLink, error) {
	l, err := models.One[models.ShareLink](in.Store.Read(models.InAccount(ctx, by.AccountID)).Where("own_name = ? AND ended_at IS NULL", name), "share link")
	if models.KindOf(err) == models.NotFound {
		return nil, nil
	}
	return l, err
}

// errTried takes back what was only tried.
var errTried = errors.New("only tried")

// TryShare refuses an integration of kind share that could not be kept: an invitation is not spent on it.
func (in *Intake) TryShare(ctx context.Context, by *models.Member, i *models.Integration) error {
	if err := i.Check(); err != nil {
		return err
	}
	tried := *i
	err := in.write(ctx, by, func(tx *models.Tx) error {
		if _, err := in.keepIntegration(tx, by, &tried, models.IntegrationSecrets{PushKey: models.FreshPushKey()}); err != nil {
			return err
		}
		return errTried
	})
	if errors.Is(err, errTried) {
		return nil
	}
	return err
}

// KeepShare keeps an integration of kind share by which an invitation was taken: name is what this account is called to the
// other side.
func (in *Intake) KeepShare(ctx context.Context, by *models.Member, i *models.Integration, secrets models.IntegrationSecrets, name string, them *models.SharePeer) (l *models.ShareLink, err error) {
	if err := i.Check(); err != nil {
		return nil, err
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if l, err = in.keepIntegration(tx, by, i, secrets); err != nil {
			return err
		}
		l, err = tx.EditLink(l.ID, func(l *models.ShareLink) error {
			l.OwnName, l.Fieldproof, l.PeerAccount, l.PeerName, l.PeerHost = name, true, them.Account, them.Name, them.Host
			l.FollowKeys(them.Keys)
			l.Waits("An admin of " + them.Name + " has not let this account in yet.")
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return l, nil
}

// AdmitLink lets in who waits at a link of the delegator: who took its invitation, or another account in the place of the one
// that is linked.
func (in *Intake) AdmitLink(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.judgeLink(ctx, by, id, func(tx *models.Tx, l *models.ShareLink) error {
		secrets, err := in.shareSecrets(l)
		if err != nil {
			return err
		}
		if err := l.Admit(); err != nil {
			return err
		}
		if err := tx.Where("user_id = ?", *l.UserID).Delete(&models.PeerPushKey{}).Error; err != nil { // the one that was linked is told nothing more
			return err
		}
		return in.keepPush(tx, l, secrets)
	})
}

// RefuseLink turns away who waits at a link of the delegator. A link whose invitation they took ends with it.
func (in *Intake) RefuseLink(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.judgeLink(ctx, by, id, func(tx *models.Tx, l *models.ShareLink) error {
		secrets, err := in.shareSecrets(l)
		if err != nil {
			return err
		}
		if !l.Locked() {
			if err := l.Refuse(); err != nil {
				return err
			}
			secrets.PushURL = ""
			return in.keepPush(tx, l, secrets)
		}
		name := l.PeerName
		if err := in.keepPush(tx, l, secrets); err != nil { // by it they hear that it is over
			return err
		}
		if err := endLink(tx, l, name+" was not let in."); err != nil {
			return err
		}
		ended, err := models.One[models.ShareLink](tx.Where("id = ?", l.ID), "share link")
		if err == nil {
			*l = *ended
		}
		return err
	})
}

// TrustLinkKeys pins the keys of the other side that no key known here introduced.
func (in *Intake) TrustLinkKeys(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.EditShareLink(ctx, by, id, (*models.ShareLink).TrustKeys)
}

// judgeLink changes a living link as [Intake.EditShareLink] does, and what belongs to it.
func (in *Intake) judgeLink(ctx context.Context, by *models.Member, id string, judge func(*models.Tx, *models.ShareLink) error) (*models.ShareLink, error) {
	var tx *models.Tx
	return in.editShareLink(ctx, by, id, func(t *models.Tx) { tx = t }, func(l *models.ShareLink) error { return judge(tx, l) })
}

func (in *Intake) shareSecrets(l *models.ShareLink) (s models.ShareSecrets, err error) {
	return s, in.Store.Sealer.Open("share link/"+l.ID, l.Secrets, &s)
}

// keepPush keeps where who was judged wants to be told of changes, and leaves it among the secrets no longer.
func (in *Intake) keepPush(tx *models.Tx, l *models.ShareLink, secrets models.ShareSecrets) (err error) {
	if secrets.PushURL != "" {
		if err := tx.KeepPeerPushKey(l.AccountID, *l.UserID, secrets.PushURL); err != nil {
			return err
		}
	}
	secrets.PushURL = ""
	l.Secrets, err = in.Store.Sealer.Seal("share link/"+l.ID, secrets)
	return err
}

// followLogin brings a link up to a change of the login that it stands for, and has the other side ask at once: it hears why
// it is let in no more.
func followLogin(tx *models.Tx, before, u *models.User) error {
	if before.Active == u.Active && before.Role == u.Role && before.CredentialVersion == u.CredentialVersion && before.DeletedAt == u.DeletedAt {
		return nil
	}
	l, err := models.LinkOfUser(tx.DB, u.ID)
	if err != nil || l == nil {
		return err
	}
	if u.DeletedAt != nil {
		return tx.EndLink(l.ID, models.LinkEnd{Why: "The login was deleted here.", Tells: true, Bars: &u.CredentialVersion})
	}
	if _, err := tx.EditLink(l.ID, func(l *models.ShareLink) error {
		now := models.Now()
		l.DueAt, l.ProbeAt = &now, nil
		switch {
		case l.Locked():
		case !u.Active:
			l.LastError = "The login " + u.Username + " is switched off here."
			l.Settle(models.LinkRefused)
		case u.Role != models.Subcontractor:
			l.LastError = "The login " + u.Username + " has the role " + u.Role + " here: only a subcontractor is let in."
			l.Settle(models.LinkRefused)
		default:
			l.LastError = "The credentials of the login " + u.Username + " were changed here: the other side has not called with the new ones yet."
			l.Settle(models.LinkWaiting)
		}
		return nil
	}); err != nil {
		return err
	}
	return tx.Ring(models.ShareBell, l.ID)
}

// followIntegration brings a link up to the integration that it stands for: one that is switched off is paused, one that is
// switched on again goes on, and new credentials are tried at once.
func followIntegration(tx *models.Tx, l *models.ShareLink, i *models.Integration, was bool) error {
	if l == nil {
		return nil
	}
	if l.EndedAt != nil {
		if i.Enabled {
			return models.Errorf(models.Conflict, "The Share link of this integration is over: accept a new invitation, or make a new integration.")
		}
		return nil
	}
	now := models.Now()
	if _, err := tx.EditLink(l.ID, func(l *models.ShareLink) error {
		l.Name, l.ProbeAt, l.DueAt = i.Name, nil, &now
		switch {
		case was && !i.Enabled && l.PausedAt == nil:
			l.PausedAt = &now
		case !was && i.Enabled:
			l.PausedAt = nil
		}
		return nil
	}); err != nil {
		return err
	}
	if err := tx.Model(&models.Destination{}).Where("id = ?", l.ID).Updates(map[string]any{"name": i.Name, "updated_at": now}).Error; err != nil {
		return err
	}
	return tx.Ring(models.ShareBell, l.ID)
}
