package api

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fieldproof/models"
)

const (
	cookieName = "fieldproof_session"
	// wrongInvitations is how many tokens of invitations one network may guess at in a window.
	wrongInvitations = 50
)

// Session is a sign-in.
type Session struct {
	Token     string       `json:"token,omitempty"`
	ExpiresAt *models.Time `json:"expires_at"`
	User      UserView     `json:"user"`
	Own       models.Own   `json:"own"`
	Account   AccountRef   `json:"account"`
	// LastEventID is the newest event of the account: a stream from there tells all that what is read after this may lack.
	LastEventID int64 `json:"last_event_id"`
}

// AccountRef names an account.
type AccountRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Credentials sign in.
type Credentials struct {
	Username string `json:"username" required:"true" example:"ada"`
	Password string `json:"password" required:"true" example:"correct horse"`
	SignedInBy
}

// SignedInBy says what signs in. A phone has the token alone, and the id that its app made.
type SignedInBy struct {
	Cookie *bool  `json:"cookie,omitempty"` // false: no cookie is set
	Device string `json:"device,omitempty"`
}

func (by *SignedInBy) check() error {
	if by.Device == "" {
		return nil
	}
	var p models.Problems
	models.CheckDevice(&p, "device", by.Device)
	return p.Err()
}

func (s *Server) sessionRoutes() []route {
	return []route{
		define(http.MethodPost, "/sessions", anybody, http.StatusCreated, "Sign in: gives a token and sets a cookie", s.signIn).named("signIn"),
		get("/sessions/current", anyMember, "Who is signed in", s.currentSession).named("getCurrentSession"),
		patch[models.Own]("/sessions/current", anyMember, "Change what you set for yourself: keys of the portal, the language of mails to you", s.patchOwn).named("changeOwn"),
		remove("/sessions/current", anyMember, "Sign out", s.signOut).named("signOut"),
		define(http.MethodPost, "/invitations/accept", anybody, http.StatusCreated, "Set the password of an invitation, and sign in", s.acceptInvitation),
	}
}

// authorise finds out who asks: by bearer token, or by cookie, which a foreign page can't use for writes.
func (c *call) authorise() error {
	if c.route.access.public {
		return nil
	}
	secret, err := c.secret()
	if err != nil {
		return err
	}
	member, token, err := c.server.Store.MemberByToken(c.Request.Context(), secret, tokenKinds...)
	if err != nil {
		return err
	}
	c.member, c.token = member, token
	return nil
}

// tokenKinds are the kinds of token that sign a request in.
var tokenKinds = []models.TokenKind{models.SessionToken, models.APIToken}

// secret is the token of the request.
func (c *call) secret() (string, error) {
	if secret, bearer := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer "); bearer {
		return strings.TrimSpace(secret), nil
	}
	cookie, err := c.Cookie(cookieName)
	if err != nil || cookie == "" {
		return "", models.Errorf(models.Unauthorized, "Sign in at POST /api/v1/sessions, and send the token as Authorization: Bearer ….")
	}
	if err := c.server.origins.Check(c.Request); err != nil {
		return "", models.Errorf(models.Forbidden, "The request comes from another site than ours.")
	}
	return strings.TrimSpace(cookie), nil
}

// again authorises a request once more, in the transaction that does what it asks.
func (c *call) again(tx *models.Tx) (*models.Member, error) {
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	return tx.MemberByToken(secret, tokenKinds...)
}

func (s *Server) signIn(c *call, in Credentials) (*Session, error) {
	ctx := c.Request.Context()
	name, address := models.UsernameKey(in.Username), c.ClientIP()
	if in.Username == "" || in.Password == "" {
		return nil, models.InvalidField("username", "Give username and password.")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	limits, err := s.Store.PasswordLimits(ctx, "login", name, address)
	if err != nil {
		return nil, err
	}
	if err := c.limited(ctx, limits...); err != nil {
		return nil, err
	}
	user, err := s.Store.UserByPassword(ctx, in.Username, in.Password)
	if err != nil {
		return nil, err
	}
	if err := s.Store.Forgive(ctx, limits...); err != nil {
		return nil, err
	}
	return c.newSession(user, in.SignedInBy)
}

// limited counts a try, and refuses it when a limit is spent, saying when to come back.
func (c *call) limited(ctx context.Context, limits ...models.Limit) error {
	wait, err := c.server.Store.Try(ctx, limits...)
	if err != nil || wait <= 0 {
		return err
	}
	c.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	return models.TooManyTries(wait)
}

// newSession makes a token for user, and sets it as cookie too unless it is not to.
func (c *call) newSession(user *models.User, by SignedInBy) (*Session, error) {
	ctx := models.InAccount(c.Request.Context(), user.AccountID)
	secret, expires, err := c.server.Intake.NewSession(ctx, user, c.ClientIP(), by.Device)
	if err != nil {
		return nil, err
	}
	if by.Cookie == nil || *by.Cookie {
		c.setCookie(secret, int(time.Until(expires.Time).Round(time.Second)/time.Second))
	}
	session, err := c.session(ctx, user, &expires)
	if err == nil {
		session.Token = secret
	}
	return session, err
}

func (c *call) setCookie(value string, age int) {
	http.SetCookie(c.Writer, &http.Cookie{Name: cookieName, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(c.server.PublicURL, "https://")})
}

func (c *call) session(ctx context.Context, user *models.User, expires *models.Time) (*Session, error) {
	account, err := c.server.Store.AccountByID(ctx, user.AccountID)
	if err != nil {
		return nil, err
	}
	member, err := c.server.Store.MemberByID(ctx, user.ID)
	if err != nil {
		return nil, err
	}
	newest, err := c.server.Store.NewestFeedID(ctx)
	if err != nil {
		return nil, err
	}
	view := viewUser(*user)
	view.Privileges = member.Privileges
	own := user.Own
	own.Keys = orEmpty(own.Keys)
	return &Session{ExpiresAt: expires, User: view, Own: own, Account: AccountRef{account.ID, account.Name}, LastEventID: newest}, nil
}

func (s *Server) currentSession(c *call) (*Session, error) {
	return c.session(c.ctx(), &c.member.User, c.token.ExpiresAt)
}

func (s *Server) patchOwn(c *call, patch mergePatch) (*Session, error) {
	user, err := s.Intake.EditOwn(c.ctx(), c.member, func(own *models.Own) error {
		own.Keys = orEmpty(own.Keys)
		return merge(own, patch)
	})
	if err != nil {
		return nil, err
	}
	return c.session(c.ctx(), user, c.token.ExpiresAt)
}

func (s *Server) signOut(c *call) error {
	if c.GetHeader("Authorization") == "" { // a phone's session has none, and that of the portal beside it stays
		c.setCookie("", -1)
	}
	return s.Intake.SignOut(c.ctx(), c.member, c.token)
}

// NewPassword sets the password of an invitation.
type NewPassword struct {
	Token    string `json:"token" required:"true"`
	Password string `json:"password" required:"true"`
	SignedInBy
}

func (s *Server) acceptInvitation(c *call, in NewPassword) (*Session, error) {
	ctx := c.Request.Context()
	if err := in.check(); err != nil {
		return nil, err
	}
	limit := models.Limit{Key: "invite/" + models.Network(c.ClientIP()), Most: wrongInvitations, Window: models.PasswordWindow}
	if err := c.limited(ctx, limit); err != nil {
		return nil, err
	}
	// An invited user may have no password yet, but must be active.
	member, token, err := s.Store.MemberByToken(ctx, in.Token, models.InviteToken)
	if models.KindOf(err) == models.Unauthorized {
		return nil, models.Errorf(models.Gone, "The invitation was used or has ended: ask the office for a new one.")
	}
	if err != nil {
		return nil, err
	}
	if err := s.Store.Forgive(ctx, limit); err != nil {
		return nil, err
	}
	user, err := s.Intake.AcceptInvitation(ctx, member, token, in.Password)
	if err != nil {
		return nil, err
	}
	return c.newSession(user, in.SignedInBy)
}

func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Scheme + "://" + u.Host
}

func detached(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
