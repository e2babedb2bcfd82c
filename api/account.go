package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"time"

	"fieldproof/intake"
	"fieldproof/media"
	"fieldproof/models"
)

// SignUp makes an account.
type SignUp struct {
	Name     string `json:"name" required:"true" example:"Acme Field Services"`
	Username string `json:"username" required:"true" example:"ada"`
	Password string `json:"password" required:"true" example:"correct horse"`
	Email    string `json:"email,omitempty"`
}

// SignedUp is a new account with its first user.
type SignedUp struct {
	Account AccountRef `json:"account"`
	User    UserView   `json:"user"`
	Token   string     `json:"token"`
}

// AccountFields are what an admin may change of an account.
type AccountFields struct {
	Name                string            `json:"name" required:"true"`
	Zone                string            `json:"zone" required:"true" example:"America/Chicago"`
	QAPolicy            models.QAPolicy   `json:"qa_policy" required:"true"`
	CertificationRadius float64           `json:"certification_radius"`
	RetentionDays       int               `json:"retention_days"`
	AlertEmail          string            `json:"alert_email"`
	ReportLayout        int               `json:"report_layout"`
	Branding            map[string]string `json:"branding"`
	Defaults            map[string]string `json:"defaults"`
	ReviewReasons       []string          `json:"review_reasons"` // at most 30
	PhotoSize           int64             `json:"photo_size"`
	Colour              string            `json:"colour" example:"#1a4f7a"`
	Address             string            `json:"address"`
	Phone               string            `json:"phone"`
	Email               string            `json:"email" example:"office@example.com"` // of the office, for its clients
	Language            string            `json:"language" required:"true" words:"language"`
	ClientLanguages     map[string]string `json:"client_languages" words:"language" example:"{\"ACME\": \"es\"}"` // by client code, whatever its capitals; at most 500
	Region              string            `json:"region" required:"true" example:"US"`
	Units               string            `json:"units" required:"true" words:"units"` // of the distances that are read; those that are set are in metres
}

const (
	signUpsWindow = time.Hour
	mostSignUps   = 300 // an address may be a whole provider's
)

func (s *Server) accountRoutes() []route {
	return []route{
		define(http.MethodPost, "/accounts", anybody, http.StatusCreated, "Sign up: a new account with its first user, an admin", s.signUp).named("signUp"),
		get("/account", anyMember, "The account", s.account),
		patch[AccountFields]("/account", with(models.ManageAccount), "Change the account", s.patchAccount),
		stream(http.MethodGet, "/account/logo", anyMember, "The account's logo", "image/png", s.readLogo).ranged(),
		stream(http.MethodPut, "/account/logo", with(models.ManageAccount), "Set the logo of reports and links: the body is a PNG or JPEG", "", s.putLogo).takes("image/png", "image/jpeg").gives(reflect.TypeFor[models.Account]()),
		remove("/account/logo", with(models.ManageAccount), "Take the logo away", func(c *call) error { return s.setLogo(c, "") }),
	}
}

func (s *Server) account(c *call) (*models.Account, error) {
	account, err := s.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, err
	}
	return account.For(c.member.Audience()), nil
}

// mostLogo is the largest logo, in bytes.
const mostLogo = 4 << 20

func (s *Server) readLogo(c *call) (any, error) {
	account, err := s.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, err
	}
	return nil, c.sendLogo(account)
}

func (c *call) sendLogo(account *models.Account) error {
	if account.LogoKey == "" {
		return models.Errorf(models.NotFound, "The account has no logo.")
	}
	reader, err := c.server.Blobs.Get(c.Request.Context(), account.LogoKey)
	if err != nil {
		return err
	}
	defer reader.Close()
	c.Header("Content-Type", "image/png")
	c.Header("Cache-Control", "private, max-age=300")
	c.written = true
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, reader)
	return nil
}

func (s *Server) putLogo(c *call) (any, error) {
	raw, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, mostLogo))
	if err != nil {
		return nil, models.Errorf(models.TooLarge, "A logo has at most %d MB.", mostLogo>>20)
	}
	logo, err := media.Logo(raw)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(logo)
	key := "logos/" + c.member.AccountID + "/" + hex.EncodeToString(sum[:]) + ".png"
	if err := s.Blobs.Put(c.ctx(), key, "image/png", bytes.NewReader(logo)); err != nil {
		return nil, err
	}
	if err := s.setLogo(c, key); err != nil {
		return nil, err
	}
	return s.Store.AccountByID(c.ctx(), c.member.AccountID)
}

func (s *Server) setLogo(c *call, key string) error { return s.Intake.SetLogo(c.ctx(), c.member, key) }

func (s *Server) signUp(c *call, in SignUp) (*SignedUp, error) {
	if !s.SignUp {
		return nil, models.Errorf(models.Forbidden, "Sign-up is closed on this installation: ask its operator for an account.")
	}
	ctx := c.Request.Context()
	if err := c.limited(ctx, models.Limit{Key: "signup/" + models.Network(c.ClientIP()), Most: mostSignUps, Window: signUpsWindow}); err != nil {
		return nil, err
	}
	account, user, err := s.Intake.CreateAccount(ctx, c.newID("account"), intake.NewAccount(in))
	if err != nil {
		return nil, err
	}
	session, err := c.newSession(user, SignedInBy{})
	if err != nil {
		return nil, err
	}
	return &SignedUp{Account: AccountRef{account.ID, account.Name}, User: session.User, Token: session.Token}, nil
}

func (s *Server) patchAccount(c *call, patch mergePatch) (*models.Account, error) {
	return s.Intake.EditAccount(c.ctx(), c.member, func(account *models.Account) error {
		fields := AccountFields{account.Name, account.Zone, account.QAPolicy, account.CertificationRadius, account.RetentionDays, account.AlertEmail, account.ReportLayout, account.Branding, account.Defaults,
			account.ReviewReasons, account.PhotoSize, account.Colour, account.Address, account.Phone, account.Email, account.Language, account.ClientLanguages, account.Region, account.Units}
		if err := merge(&fields, patch); err != nil {
			return err
		}
		account.Name, account.Zone, account.QAPolicy = fields.Name, fields.Zone, fields.QAPolicy
		account.CertificationRadius, account.RetentionDays, account.Branding, account.Defaults = fields.CertificationRadius, fields.RetentionDays, orEmpty(fields.Branding), orEmpty(fields.Defaults)
		account.AlertEmail, account.ReportLayout = fields.AlertEmail, fields.ReportLayout
		account.ReviewReasons, account.PhotoSize, account.Colour, account.Address, account.Phone = fields.ReviewReasons, fields.PhotoSize, fields.Colour, fields.Address, fields.Phone
		account.Email, account.Language, account.ClientLanguages, account.Region, account.Units = fields.Email, fields.Language, orEmpty(fields.ClientLanguages), fields.Region, fields.Units
		return nil
	})
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// merge applies a merge patch (RFC 7396) to fields, strictly: the result must still be fields and nothing else.
func merge[T any](fields *T, patch mergePatch) error {
	if _, err := members(patch); err != nil {
		return err
	}
	if len(patch) == 0 {
		return nil
	}
	have, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	merged, err := models.MergeJSON(have, patch)
	if err != nil {
		return err
	}
	var result T
	if err := decode(merged, &result); err != nil {
		return err
	}
	*fields = result
	return nil
}
