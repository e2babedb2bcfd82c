package peers

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"

	"fieldproof/models"
	"fieldproof/wire"
)

// badLogin is what callers are told whose credentials are not good: systems in the field look for these words.
const badLogin = "invalid username, password, or token"

// How long verified credentials are remembered, and of how many callers.
const (
	rememberFor    = time.Minute
	mostRemembered = 20_000
)

// memory remembers verified credentials for a minute, by their HMAC, with the credential version that they were good for:
// hashing a password for every picture would be the bottleneck. User and version are read on every call.
type memory struct {
	key  [32]byte
	seen *expirable.LRU[string, remembered]
}

type remembered struct {
	userID  string
	version int64
}

func newMemory() *memory {
	m := &memory{seen: expirable.NewLRU[string, remembered](mostRemembered, nil, rememberFor)}
	_, _ = rand.Read(m.key[:])
	return m
}

func (m *memory) name(c wire.Credentials) string {
	h := hmac.New(sha256.New, m.key[:])
	for _, s := range []string{models.UsernameKey(c.Username), c.Password, c.Token} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return string(h.Sum(nil))
}

// Admit begins a call by whom the credentials in its payload are good for; address is where it comes from. An
// [models.Unauthorized] error when they are not good, [models.TooMany] when too many were tried.
func (h *Host) Admit(ctx context.Context, service *Service, payload map[string]json.RawMessage, address string) (*Call, error) {
	if service.between && !speaks(wire.Text(payload, "fieldproof")) {
		return nil, noService()
	}
	c := &Call{service: service, payload: payload, named: speaks(wire.Text(payload, "fieldproof"))}
	if service.open {
		return c, h.invited(ctx, c, address)
	}
	return c, c.heard(h.known(ctx, c, address))
}

// known finds out who calls, by the credentials of the payload.
func (h *Host) known(ctx context.Context, c *Call, address string) error {
	credentials := wire.CredentialsOf(c.payload)
	user, err := h.remembered(ctx, credentials)
	if err == nil && user == nil {
		user, err = h.judged(ctx, credentials, address)
	}
	if c.service.between && models.KindOf(err) == models.Unauthorized {
		return noService()
	}
	if err != nil {
		return err
	}
	if c.by, err = h.Store.MemberByID(ctx, user.ID); err != nil {
		return err
	}
	if c.account, err = h.Store.AccountByID(ctx, user.AccountID); err != nil {
		return err
	}
	return h.recognise(ctx, c)
}

// heard is a refusal as the caller may hear it: where a link stands is a word between two Fieldproofs.
func (c *Call) heard(err error) error {
	var e *models.Error
	if c.named || !errors.As(err, &e) || models.BarOf(e) == "" {
		return err
	}
	plain := *e
	plain.Code = ""
	return &plain
}

// remembered is the user of credentials that need no judging: a token of ours, which nobody guesses, or what was judged
// a moment ago. Nil for all others.
func (h *Host) remembered(ctx context.Context, c wire.Credentials) (*models.User, error) {
	user, err := h.Store.PeerByToken(ctx, c.Username, c.Token)
	if err != nil || user != nil {
		return user, err
	}
	last, there := h.memory.seen.Get(h.memory.name(c))
	if !there {
		return nil, nil
	}
	m, err := h.Store.MemberByID(ctx, last.userID)
	if models.KindOf(err) == models.NotFound {
		return nil, nil
	}
	if err == nil && m.Active && m.Role == models.Subcontractor && m.CredentialVersion == last.version {
		return &m.User, nil
	}
	return nil, err
}

// judged counts a try of credentials, and judges them.
func (h *Host) judged(ctx context.Context, c wire.Credentials, address string) (*models.User, error) {
	limits, err := h.Store.PasswordLimits(ctx, "peer", c.Username, address)
	if err != nil {
		return nil, err
	}
	wait, err := h.Store.Try(ctx, limits...)
	if err != nil {
		return nil, err
	}
	if wait > 0 {
		return nil, models.TooManyTries(wait)
	}
	user, err := h.Store.PeerByPassword(ctx, c.Username, c.Password, c.Token)
	if models.BarOf(err) != "" {
		return nil, errors.Join(h.Store.Forgive(ctx, limits...), err) // the credentials are right
	}
	if err != nil {
		return nil, err
	}
	h.memory.seen.Add(h.memory.name(c), remembered{user.ID, user.CredentialVersion})
	if err := h.Store.Forgive(ctx, limits...); err != nil {
		return nil, err
	}
	return user, h.Store.Write(models.InAccount(ctx, user.AccountID), func(tx *models.Tx) error { return tx.RememberNetwork(user, address) })
}
