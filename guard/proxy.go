package guard

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Proxy is an HTTP proxy on loopback, CONNECT included, for libraries whose own dialer can't be guarded: what goes
// through it reaches only what its network allows. Only who knows its address with the password in it may use it.
type Proxy struct {
	// URL is what the library is given.
	URL      string
	network  *Network
	secret   string
	server   *http.Server
	forward  *http.Transport
	refusals sync.Map // host:port → struct{}: those that were refused
}

// StartProxy starts a proxy; it ends with the process, or by Close.
func StartProxy(n *Network) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: n.control}
	p := &Proxy{network: n, secret: rand.Text(), forward: &http.Transport{DialContext: dialer.DialContext, IdleConnTimeout: time.Minute, DisableCompression: true}}
	p.URL = (&url.URL{Scheme: "http", Host: l.Addr().String(), User: url.UserPassword("fieldproof", p.secret)}).String()
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = p.server.Serve(l) }()
	return p, nil
}

// Close ends the proxy and what goes through it.
func (p *Proxy) Close() error { return p.server.Close() }

// Refused tells whether an address was refused since the last time somebody asked: whoever used the proxy only sees that
// a request failed.
func (p *Proxy) Refused(hostPort string) bool {
	_, refused := p.refusals.LoadAndDelete(hostPort)
	return refused
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte("fieldproof:"+p.secret))
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Proxy-Authorization")), []byte(want)) != 1 {
		w.Header().Set("Proxy-Authenticate", "Basic")
		http.Error(w, "this proxy is not for everybody", http.StatusProxyAuthRequired)
		return
	}
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	if !r.URL.IsAbs() || r.URL.Scheme != "http" {
		http.Error(w, "this is a proxy", http.StatusBadRequest)
		return
	}
	out := r.Clone(r.Context())
	out.RequestURI = ""
	for name := range out.Header {
		if strings.HasPrefix(name, "Proxy-") {
			out.Header.Del(name)
		}
	}
	response, err := p.forward.RoundTrip(out)
	if err != nil {
		p.refuse(w, hostPort(r.URL), err)
		return
	}
	defer response.Body.Close()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}

func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80")
	}
	return u.Host
}

func (p *Proxy) refuse(w http.ResponseWriter, address string, err error) {
	status := http.StatusBadGateway
	if errors.Is(err, ErrAddress) {
		status = http.StatusForbidden
		p.refusals.Store(address, struct{}{})
	}
	http.Error(w, err.Error(), status)
}

func (p *Proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
	defer cancel()
	there, err := p.forward.DialContext(ctx, "tcp", r.Host)
	if err != nil {
		p.refuse(w, r.Host, err)
		return
	}
	defer there.Close()
	here, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer here.Close()
	if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{}, 2)
	go func() { _, _ = io.Copy(there, buffered); done <- struct{}{} }()
	go func() { _, _ = io.Copy(here, there); done <- struct{}{} }()
	<-done
}
