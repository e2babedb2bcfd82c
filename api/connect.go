package api

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"fieldproof/models"
	"fieldproof/remotes"
)

// ConnectedPath is where cloud services send people back to: it must be registered there, behind the public URL.
const ConnectedPath = "/oauth/connected"

// connectCookie binds a sign-in to the browser that began it: else somebody could be talked into connecting their own
// drive to a stranger's destination.
const connectCookie = "fieldproof_connect"

// ConnectTo is where to sign in at a cloud drive. The answer sets a cookie: open the address in the same browser.
type ConnectTo struct {
	URL string `json:"url"`
}

func (s *Server) connectDestination(c *call, _ nothing) (ConnectTo, error) {
	d, err := c.destination()
	if err != nil {
		return ConnectTo{}, err
	}
	secrets, err := c.secrets(d)
	if err != nil {
		return ConnectTo{}, err
	}
	state := models.NewConnectionState()
	address, verifier, err := s.Clouds.Begin(string(d.Kind), d.AllOptions(secrets), state)
	if err != nil {
		return ConnectTo{}, err
	}
	if err := s.Intake.BeginConnection(c.ctx(), c.member, d, state, verifier); err != nil {
		return ConnectTo{}, err
	}
	http.SetCookie(c.Writer, &http.Cookie{Name: connectCookie, Value: state, Path: ConnectedPath, MaxAge: 900, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.PublicURL, "https:")})
	return ConnectTo{address}, nil
}

func (s *Server) connectRoutes(g *gin.Engine) {
	g.GET(ConnectedPath, func(g *gin.Context) { s.page(g, s.connected) })
}

// connectedView is what the page says to who comes back.
type connectedView struct {
	house
	Destination string
	Problem     string // the key of its sentence, "" for none
}

// connected takes who comes back from a cloud service.
func (s *Server) connected(c *call) error {
	state := c.Query("state")
	cookie, _ := c.Cookie(connectCookie)
	if state == "" || subtle.ConstantTimeCompare([]byte(cookie), []byte(state)) != 1 {
		return refused(models.Forbidden, "problem_connect")
	}
	http.SetCookie(c.Writer, &http.Cookie{Name: connectCookie, Path: ConnectedPath, MaxAge: -1, HttpOnly: true})
	d, verifier, err := s.Intake.TakeConnection(c.Request.Context(), state)
	if err != nil {
		return err
	}
	if refusal := c.Query("error"); refusal != "" {
		return c.html(http.StatusForbidden, "connected.html", connectedView{c.plain(), d.Name, "connected_refused"})
	}
	ctx := models.InAccount(c.Request.Context(), d.AccountID)
	secrets, err := c.secrets(d)
	if err != nil {
		return err
	}
	token, err := s.Clouds.Finish(ctx, string(d.Kind), d.AllOptions(secrets), c.Query("code"), verifier)
	if err != nil {
		s.Log.Warn("a cloud drive could not be connected", "destination", d.ID, "error", err)
		return c.html(http.StatusBadGateway, "connected.html", connectedView{c.plain(), d.Name, "connected_failed"})
	}
	if err := s.Intake.Connect(ctx, d, token); err != nil {
		return err
	}
	return c.html(http.StatusOK, "connected.html", connectedView{house: c.plain(), Destination: d.Name})
}

func (s *Server) disconnectDestination(c *call) error {
	d, err := c.destination()
	if err != nil {
		return err
	}
	if !remotes.Connectable(string(d.Kind)) {
		return models.Errorf(models.Conflict, "This destination is not connected.")
	}
	options, err := s.Intake.Disconnect(c.ctx(), c.member, d.ID)
	if err != nil {
		return err
	}
	// The token is gone here whatever the service says; a service that does not answer keeps its permission for now.
	if err := s.Clouds.Revoke(c.ctx(), string(d.Kind), options, options["token"]); err != nil {
		s.Log.Warn("a cloud drive's permission could not be given back", "destination", d.ID, "error", err)
	}
	return nil
}
