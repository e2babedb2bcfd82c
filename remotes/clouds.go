package remotes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"fieldproof/models"
)

// App is this installation's registration at a cloud service: the id and secret that its console gives.
type App struct{ ID, Secret string }

// ParseApp reads an App from id:secret; "" is no registration.
func ParseApp(text string) (App, error) {
	if text == "" {
		return App{}, nil
	}
	id, secret, found := strings.Cut(text, ":")
	if !found || id == "" || secret == "" {
		return App{}, errors.New("write client id and secret with a colon between")
	}
	return App{id, secret}, nil
}

// cloud is what a service's OAuth 2 needs (developers.google.com/identity/protocols/oauth2/web-server;
// www.dropbox.com/developers/documentation/http/documentation, Authorization).
type cloud struct {
	authorize, token, revoke string
	scopes                   []string
	more                     []oauth2.AuthCodeOption
	bearerRevokes            bool // the token to be revoked is the bearer of the call, else a field of its form
}

var clouds = map[string]cloud{
	// drive.file: only what Fieldproof itself made.
	"drive": {"https://accounts.google.com/o/oauth2/v2/auth", "https://oauth2.googleapis.com/token", "https://oauth2.googleapis.com/revoke",
		[]string{"https://www.googleapis.com/auth/drive.file"}, []oauth2.AuthCodeOption{oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("prompt", "consent")}, false},
	"dropbox": {"https://www.dropbox.com/oauth2/authorize", "https://api.dropboxapi.com/oauth2/token", "https://api.dropboxapi.com/2/auth/token/revoke",
		[]string{"files.metadata.write", "files.content.write", "files.content.read", "account_info.read"}, []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("token_access_type", "offline")}, true},
}

// Clouds connects accounts to cloud drives: OAuth 2, authorization code with PKCE.
type Clouds struct {
	// Apps are the registrations by backend; a destination may bring its own.
	Apps map[string]App
	// HTTP is a client behind the guard.
	HTTP *http.Client
	// Back is where a service sends people back to.
	Back string
}

// Connectable tells whether a backend is connected by signing in at its service.
func Connectable(backend string) bool { _, there := clouds[backend]; return there }

func (c *Clouds) config(backend string, options map[string]string) (*oauth2.Config, cloud, error) {
	service, there := clouds[backend]
	if !there {
		return nil, service, models.Errorf(models.Conflict, "A destination of kind %s needs no connection.", backend)
	}
	app := c.Apps[backend]
	if options["client_id"] != "" {
		app = App{options["client_id"], options["client_secret"]}
	}
	if app.ID == "" {
		return nil, service, models.Errorf(models.Conflict, "This installation is not registered at %s: ask its operator to set FIELDPROOF_%s_APP, or give client_id and client_secret of a registration of your own.",
			backend, strings.ToUpper(backend))
	}
	return &oauth2.Config{ClientID: app.ID, ClientSecret: app.Secret, RedirectURL: c.Back, Scopes: service.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: service.authorize, TokenURL: service.token, AuthStyle: oauth2.AuthStyleInParams}}, service, nil
}

// Begin makes the address at which somebody signs in, and the verifier that [Clouds.Finish] wants. [models.Conflict]
// when the installation has no registration at the service.
func (c *Clouds) Begin(backend string, options map[string]string, state string) (address, verifier string, err error) {
	config, service, err := c.config(backend, options)
	if err != nil {
		return "", "", err
	}
	verifier = oauth2.GenerateVerifier()
	return config.AuthCodeURL(state, append(service.more, oauth2.S256ChallengeOption(verifier))...), verifier, nil
}

// Finish exchanges the code with which somebody came back. The token is the text that [Remotes.Open] takes as option.
func (c *Clouds) Finish(ctx context.Context, backend string, options map[string]string, code, verifier string) (token string, err error) {
	config, _, err := c.config(backend, options)
	if err != nil {
		return "", err
	}
	got, err := config.Exchange(context.WithValue(ctx, oauth2.HTTPClient, c.HTTP), code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", err
	}
	if got.RefreshToken == "" {
		return "", fmt.Errorf("%s gave no lasting permission: take Fieldproof out of the account's connected apps there, and connect again", backend)
	}
	text, err := json.Marshal(got)
	return string(text), err
}

// Revoke gives a permission back to its service. One that has ended already is no error.
func (c *Clouds) Revoke(ctx context.Context, backend string, options map[string]string, token string) error {
	config, service, err := c.config(backend, options)
	if err != nil {
		return err
	}
	held := &oauth2.Token{}
	if err := json.Unmarshal([]byte(token), held); err != nil {
		return fmt.Errorf("the kept token can't be read: %w", err)
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.HTTP)
	var body io.Reader
	if service.bearerRevokes {
		fresh, err := config.TokenSource(ctx, held).Token()
		if err != nil {
			return ended(err)
		}
		held = fresh
	} else {
		body = strings.NewReader(url.Values{"token": {held.RefreshToken}}.Encode())
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, service.revoke, body)
	if err != nil {
		return err
	}
	if service.bearerRevokes {
		request.Header.Set("Authorization", "Bearer "+held.AccessToken)
	} else {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized: // the latter two: it has ended already
		return nil
	}
	return fmt.Errorf("%s answers %s", backend, answer.Status)
}

func ended(err error) error {
	var told *oauth2.RetrieveError
	if errors.As(err, &told) && told.ErrorCode == "invalid_grant" {
		return nil
	}
	return err
}
