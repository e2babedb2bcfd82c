package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/wire"
)

// Links speaks to the other sides of Share links.
type Links struct {
	Store     *models.Store
	Sealer    *models.Sealer
	PublicURL string // what push keys, and our own services, begin with

	client *http.Client
}

// NewLinks makes a Links whose calls reach only what network allows.
func NewLinks(store *models.Store, sealer *models.Sealer, network *guard.Network, publicURL string) *Links {
	return &Links{Store: store, Sealer: sealer, PublicURL: publicURL, client: network.Client(0)} // every call has its own time
}

// Edit changes a link's row.
func (s *Links) Edit(ctx context.Context, id string, apply func(*models.ShareLink)) error {
	return s.Store.Write(ctx, func(tx *models.Tx) error {
		_, err := tx.EditLink(id, func(l *models.ShareLink) error {
			apply(l)
			return nil
		})
		return err
	})
}

// Peer is the delegator of a link by which work comes, with the integration that holds the credentials.
func (s *Links) Peer(ctx context.Context, l *models.ShareLink) (*Peer, *models.Integration, error) {
	p, i, _, err := s.open(ctx, l)
	return p, i, err
}

func (s *Links) open(ctx context.Context, l *models.ShareLink) (*Peer, *models.Integration, models.IntegrationSecrets, error) {
	var secrets models.IntegrationSecrets
	i, err := models.One[models.Integration](s.Store.Read(ctx).Where("id = ?", *l.IntegrationID), "integration")
	if err != nil {
		return nil, nil, secrets, err
	}
	if err := s.Sealer.Open("integration/"+i.ID, i.Secrets, &secrets); err != nil {
		return nil, nil, secrets, err
	}
	return Of(i, secrets, s.PublicURL, s.client).As(l.OwnName), i, secrets, nil
}

// Introduce validates with the delegator of a link: it tells our push key and who we are, and learns who they are.
func (s *Links) Introduce(ctx context.Context, l *models.ShareLink) error {
	p, _, secrets, err := s.open(ctx, l)
	if err != nil {
		return &ErrKeeping{err}
	}
	me, err := s.me(ctx, l.AccountID, l.OwnName, secrets.PushKey)
	if err != nil {
		return &ErrKeeping{err}
	}
	them, waits, err := p.Introduce(ctx, me)
	if err != nil {
		return err
	}
	if them != nil && models.Oneself(me.Keys, them.Keys) {
		return &Refused{Status: http.StatusOK, Message: "This is the own account: a link leads to another account.", State: models.LinkRefused}
	}
	if err := s.Edit(ctx, l.ID, func(l *models.ShareLink) {
		l.PeerHost, l.Fieldproof = p.Host(), them != nil
		if them != nil {
			l.PeerAccount, l.PeerName = them.Account, them.Name
			l.FollowKeys(them.Keys)
		}
	}); err != nil {
		return &ErrKeeping{err}
	}
	if waits {
		return &Refused{Status: http.StatusOK, Message: "An admin of " + them.Name + " has not let this account in yet.", State: models.LinkWaiting}
	}
	return nil
}

// RefusedUs tells whether an answer to who we are says that we are let in no more.
func RefusedUs(err error) bool {
	var refused *Refused
	return errors.As(err, &refused) && refused.Status != http.StatusTooManyRequests && refused.Status < http.StatusInternalServerError
}

// Noted notes on a link by which work comes what came of a call of the other side: nil is that it did what was asked.
func Noted(tx *models.Tx, id string, err error) error {
	var refused *Refused
	state, text := models.LinkState(""), ""
	if err != nil {
		text = models.ErrorText(err)
	}
	answered := RefusedUs(err)
	if errors.As(err, &refused) {
		state = refused.State
	}
	if state == models.LinkEnded {
		return tx.EndLink(id, models.LinkEnd{Why: text})
	}
	_, failed := tx.EditLink(id, func(l *models.ShareLink) error {
		switch {
		case err == nil:
			l.Works()
		case state == models.LinkWaiting:
			l.Waits(text)
		case answered:
			l.RefusedUs(text)
			l.DueAt = l.ProbeAt // the next try is to ask
		default:
			l.Fails(text, "")
		}
		return nil
	})
	return failed
}

// RingTime bounds a call of a push key.
const RingTime = 30 * time.Second

// Ring calls the push key of the recipient of a link, so that it fetches; false for who gave none and asks by itself. Errors
// name the host alone: the rest of the address is a secret.
func (s *Links) Ring(ctx context.Context, l *models.ShareLink) (bool, error) {
	key, err := models.One[models.PeerPushKey](s.Store.Read(ctx).Where("user_id = ?", *l.UserID), "push key")
	if models.KindOf(err) == models.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var address string
	if err := s.Sealer.Open("peer push key/"+key.UserID, key.Sealed, &address); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, RingTime)
	defer cancel()
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false, errors.New("the other side gave a push key that is no address")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, errors.New("the other side gave a push key that is no address")
	}
	request.Header.Set("User-Agent", "Fieldproof")
	response, err := s.client.Do(request)
	switch {
	case errors.Is(err, guard.ErrAddress):
		return false, guard.ErrAddress
	case err != nil:
		return false, fmt.Errorf("%s does not answer", u.Host)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
	if response.StatusCode/100 != 2 {
		return false, fmt.Errorf("%s answered %s", u.Host, response.Status)
	}
	return true, nil
}

// Test asks the other side of a link now, and notes what it says. Its errors are those of our own database.
func (s *Links) Test(ctx context.Context, l *models.ShareLink) error {
	ctx = models.InAccount(ctx, l.AccountID)
	if !l.Live() {
		return models.Errorf(models.Conflict, "The link is paused, over, or nobody has taken its invitation yet: there is nobody to ask.")
	}
	var err error
	answers := true
	if l.Direction == models.LinkIn {
		err = s.Introduce(ctx, l)
	} else {
		answers, err = s.Ring(ctx, l)
	}
	var keeping *ErrKeeping
	if errors.As(err, &keeping) {
		return err
	}
	return s.Store.Write(ctx, func(tx *models.Tx) error {
		if l.Direction == models.LinkIn {
			if err := Noted(tx, l.ID, err); err != nil || l.Condition == models.LinkOK {
				return err
			}
			return tx.Ring(models.ShareBell, l.ID)
		}
		_, failed := tx.EditLink(l.ID, func(l *models.ShareLink) error {
			switch {
			case err != nil:
				l.Fails(models.ErrorText(err), "")
			case answers: // else it asks by itself, and can't be asked
				l.Answers()
			}
			return nil
		})
		return failed
	})
}

// Farewell tells the other side of a link that is over, by what proves who we are: the recipient its delegator, the delegator
// by a bell that the recipient is to ask.
func (s *Links) Farewell(ctx context.Context, l *models.ShareLink) error {
	if l.Direction == models.LinkOut {
		_, err := s.Ring(ctx, l)
		return err
	}
	p, _, secrets, err := s.open(ctx, l)
	if err != nil {
		return &ErrKeeping{err}
	}
	if secrets.Password == "" && secrets.Token == "" {
		return nil
	}
	var refused *Refused
	if err := p.validate(ctx, nil, wire.Member{Name: "linkState", Value: models.LinkEnded}); !errors.As(err, &refused) {
		return err
	}
	return nil // whoever does not let us in any more needs no word
}

// Forget ends what proves to the other side of a link that is over who we are.
func (s *Links) Forget(ctx context.Context, l *models.ShareLink) error {
	return s.Store.Write(ctx, func(tx *models.Tx) error {
		if _, err := tx.EditLink(l.ID, func(l *models.ShareLink) error {
			l.DueAt, l.ProbeAt = nil, nil
			return nil
		}); err != nil {
			return err
		}
		if l.Direction == models.LinkOut {
			return tx.Where("user_id = ?", *l.UserID).Delete(&models.PeerPushKey{}).Error
		}
		return tx.Model(&models.Integration{}).Where("id = ?", *l.IntegrationID).Update("secrets", "").Error
	})
}
