// Package clouds holds servers that behave as Google Drive and Dropbox do by their public API descriptions
// (developers.google.com/drive/api/reference/rest/v3, developers.google.com/identity/protocols/oauth2,
// www.dropbox.com/developers/documentation/http/documentation), real error answers included.
package clouds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Clouds are both services on one TLS server, behind a proxy that leads their names there.
type Clouds struct {
	// Proxy is an HTTP proxy through which the services are reached by their real names, and nothing else is.
	Proxy string
	// CertFile is the authority that vouches for them.
	CertFile string
	Google   *Service
	Dropbox  *Service

	front, server *httptest.Server
}

// Service is one of them.
type Service struct {
	mu sync.Mutex
	// Client is the registration that the service knows.
	ClientID, ClientSecret string
	codes                  map[string]grant
	refresh                map[string]bool // valid refresh tokens
	access                 map[string]bool // valid access tokens
	minted                 int
	// trouble answers a request in place of the service.
	trouble func(r *http.Request) *Trouble
	Files   map[string]*File // by id (Google) or lower-case path (Dropbox)
	Uploads int
}

type grant struct{ challenge, redirect string }

// File is a file or folder.
type File struct {
	ID, Name, Parent, Type string
	Content                []byte
	Folder, Trashed        bool
}

// Trouble is an answer that is not what was asked for.
type Trouble struct {
	Status int
	Body   string
	Header map[string]string
	Cut    bool // the connection ends behind the request's body, without an answer
}

// Start starts both.
func Start(dir string) (*Clouds, error) {
	c := &Clouds{Google: newService(), Dropbox: newService()}
	c.Google.Files["root-id"] = &File{ID: "root-id", Name: "My Drive", Folder: true}
	hosts := map[string]http.HandlerFunc{
		"accounts.google.com": c.Google.authorize("/o/oauth2/v2/auth"), "oauth2.googleapis.com": c.Google.google, "www.googleapis.com": c.Google.drive,
		"www.dropbox.com": c.Dropbox.authorize("/oauth2/authorize"), "api.dropboxapi.com": c.Dropbox.dropbox, "content.dropboxapi.com": c.Dropbox.dropboxContent,
	}
	var names []string
	for name := range hosts {
		names = append(names, name)
	}
	certificate, authority, err := certify(names)
	if err != nil {
		return nil, err
	}
	c.CertFile = filepath.Join(dir, "clouds.pem")
	if err := os.WriteFile(c.CertFile, authority, 0o600); err != nil {
		return nil, err
	}
	c.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hosts[r.Host](w, r) }))
	c.server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	c.server.StartTLS()
	c.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := net.SplitHostPort(r.Host)
		if r.Method != http.MethodConnect || hosts[name] == nil {
			http.Error(w, "there is nothing else here: "+r.Host, http.StatusBadGateway)
			return
		}
		there, err := net.Dial("tcp", c.server.Listener.Addr().String())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		here, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _, _ = io.Copy(there, buffered); _ = there.Close() }()
		go func() { _, _ = io.Copy(here, there); _ = here.Close() }()
	}))
	c.Proxy = c.front.URL
	return c, nil
}

// Close ends both.
func (c *Clouds) Close() {
	c.front.CloseClientConnections()
	c.server.CloseClientConnections()
	c.front.Close()
	c.server.Close()
}

// Client is an HTTP client that reaches them, and follows no redirect.
func (c *Clouds) Client() *http.Client {
	pool := x509.NewCertPool()
	authority, _ := os.ReadFile(c.CertFile)
	pool.AppendCertsFromPEM(authority)
	proxy, _ := url.Parse(c.Proxy)
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func certify(names []string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "clouds"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: names, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

func newService() *Service {
	return &Service{ClientID: "app-id", ClientSecret: "app-secret", codes: map[string]grant{}, refresh: map[string]bool{}, access: map[string]bool{}, Files: map[string]*File{}}
}

// Troubled has requests answered by trouble, which gives nil for those that go well.
func (s *Service) Troubled(trouble func(r *http.Request) *Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = trouble
}

// Revoke takes every permission back, as somebody does in the settings of their account.
func (s *Service) Revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.refresh)
	clear(s.access)
}

// RevokeNow is Revoke for a trouble, which holds the service already.
func (s *Service) RevokeNow() {
	clear(s.refresh)
	clear(s.access)
}

// Expire ends the access tokens, as time does; refresh tokens live on.
func (s *Service) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.access)
}

// Named lists the live files of a name.
func (s *Service) Named(name string) []*File {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*File
	for _, f := range s.Files {
		if f.Name == name && !f.Trashed && !f.Folder {
			found = append(found, f)
		}
	}
	return found
}

// Count counts the live files.
func (s *Service) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, f := range s.Files {
		if !f.Trashed && !f.Folder {
			n++
		}
	}
	return n
}

func say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if text, ok := body.(string); ok {
		_, _ = io.WriteString(w, text)
		return
	}
	_ = json.NewEncoder(w).Encode(body)
}

// troubled answers with trouble when there is some.
func (s *Service) troubled(w http.ResponseWriter, r *http.Request) bool {
	if s.trouble == nil {
		return false
	}
	t := s.trouble(r)
	if t == nil {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if t.Cut {
		panic(http.ErrAbortHandler)
	}
	for name, value := range t.Header {
		w.Header().Set(name, value)
	}
	say(w, t.Status, t.Body)
	return true
}

// authorize is the page at which somebody consents: here everybody does.
func (s *Service) authorize(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		q := r.URL.Query()
		offline := q.Get("access_type") == "offline" || q.Get("token_access_type") == "offline"
		if r.URL.Path != path || q.Get("client_id") != s.ClientID || q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("scope") == "" || !offline {
			http.Error(w, "invalid_request", http.StatusBadRequest)
			return
		}
		s.minted++
		code := fmt.Sprintf("code-%d", s.minted)
		s.codes[code] = grant{q.Get("code_challenge"), q.Get("redirect_uri")}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	}
}

// token is the token endpoint (RFC 6749, RFC 7636).
func (s *Service) token(w http.ResponseWriter, r *http.Request, seconds int) {
	refuse := func(code, description string) {
		say(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": description})
	}
	if r.PostFormValue("client_id") != s.ClientID || r.PostFormValue("client_secret") != s.ClientSecret {
		say(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": "The OAuth client was not found."})
		return
	}
	s.minted++
	answer := map[string]any{"access_token": fmt.Sprintf("access-%d", s.minted), "token_type": "Bearer", "expires_in": seconds}
	switch r.PostFormValue("grant_type") {
	case "authorization_code":
		g, there := s.codes[r.PostFormValue("code")]
		delete(s.codes, r.PostFormValue("code"))
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !there || g.redirect != r.PostFormValue("redirect_uri") || base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
			refuse("invalid_grant", "Bad Request")
			return
		}
		refresh := fmt.Sprintf("refresh-%d", s.minted)
		s.refresh[refresh] = true
		answer["refresh_token"] = refresh
	case "refresh_token":
		if !s.refresh[r.PostFormValue("refresh_token")] {
			refuse("invalid_grant", "Token has been expired or revoked.")
			return
		}
	default:
		refuse("unsupported_grant_type", "Invalid grant_type")
		return
	}
	s.access[answer["access_token"].(string)] = true
	say(w, http.StatusOK, answer)
}

func (s *Service) bearer(r *http.Request) bool {
	return s.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
}
