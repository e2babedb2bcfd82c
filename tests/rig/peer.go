package rig

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
)

// Peer is an outside system of orders that hosts validate and getWorkOrders of the external-integration API, as naive as
// those in the field: it finds the payload by cutting the raw body from its first { to its first }.
type Peer struct {
	*httptest.Server
	mu       sync.Mutex
	password string
	answers  map[string]func(w http.ResponseWriter, payload JSON)
	calls    []PeerCall
}

// PeerCall is what a peer was asked.
type PeerCall struct {
	Service string
	Raw     string // the payload as it stood in the body
	Payload JSON
	Parts   []string // the names of the parts, in their order
	Size    int      // of the whole body
	Body    []byte
}

var partName = regexp.MustCompile(`form-data; name="([^"]*)"`)

// NewPeer starts a peer that takes one password.
func NewPeer(password string) *Peer {
	p := &Peer{password: password, answers: map[string]func(http.ResponseWriter, JSON){}}
	p.Server = httptest.NewServer(http.HandlerFunc(p.serve))
	p.On("validate", func(w http.ResponseWriter, payload JSON) {
		sum := sha1.Sum([]byte(p.password))
		if payload["password"] != hex.EncodeToString(sum[:]) {
			Say(w, `{"error":"invalid username or password","validated":""}`)
			return
		}
		Say(w, `{"error":"","validated":true}`)
	})
	return p
}

// Say answers JSON as such peers do: as HTML.
func Say(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	_, _ = io.WriteString(w, text)
}

// On decides how a service answers from now on.
func (p *Peer) On(service string, answer func(w http.ResponseWriter, payload JSON)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[service] = answer
}

// Orders has getWorkOrders answer a text.
func (p *Peer) Orders(text string) {
	p.On("getWorkOrders", func(w http.ResponseWriter, _ JSON) { Say(w, text) })
}

// Calls are those of one service so far.
func (p *Peer) Calls(service string) []PeerCall {
	p.mu.Lock()
	defer p.mu.Unlock()
	var some []PeerCall
	for _, c := range p.calls {
		if c.Service == service {
			some = append(some, c)
		}
	}
	return some
}

func (p *Peer) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c := PeerCall{Size: len(body), Body: body, Service: strings.TrimSuffix(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], ".php")}
	for _, m := range partName.FindAllSubmatch(body, -1) {
		c.Parts = append(c.Parts, string(m[1]))
	}
	from := bytes.IndexByte(body, '{')
	to := bytes.IndexByte(body, '}')
	if from >= 0 && to > from {
		c.Raw = string(body[from : to+1])
		_ = json.Unmarshal([]byte(c.Raw), &c.Payload)
	}
	p.mu.Lock()
	p.calls = append(p.calls, c)
	answer := p.answers[c.Service]
	p.mu.Unlock()
	if answer == nil {
		http.NotFound(w, r)
		return
	}
	answer(w, c.Payload)
}
