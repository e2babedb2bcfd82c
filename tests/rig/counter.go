package rig

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Counter stands before an installation and counts what another asks of it.
type Counter struct {
	*httptest.Server
	mu       sync.Mutex
	bytes    int64
	services []string
}

// NewCounter stands before the host of a URL.
func NewCounter(t testing.TB, at string) *Counter {
	to, err := url.Parse(at)
	if err != nil {
		t.Fatalf("%v", err)
	}
	c := &Counter{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &http.Transport{} // what two installations say to each other is held to no document of ours
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.services = append(c.services, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		c.mu.Unlock()
		r.Body = io.NopCloser(io.TeeReader(r.Body, c))
		proxy.ServeHTTP(&counted{w, c}, r)
	}))
	return c
}

// Write counts bytes.
func (c *Counter) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes += int64(len(b))
	return len(b), nil
}

// Reset counts anew.
func (c *Counter) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services, c.bytes = nil, 0
}

// Services are those that were asked for since the reset, in their order.
func (c *Counter) Services() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.services)
}

// Requests is how many there were since the reset.
func (c *Counter) Requests() int { return len(c.Services()) }

// Bytes is how long the bodies of the requests and the answers were since the reset.
func (c *Counter) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// Asked is how often one service was asked for since the reset.
func (c *Counter) Asked(service string) (n int) {
	for _, s := range c.Services() {
		if s == service {
			n++
		}
	}
	return n
}

type counted struct {
	http.ResponseWriter
	c *Counter
}

func (w *counted) Write(b []byte) (int, error) {
	_, _ = w.c.Write(b)
	return w.ResponseWriter.Write(b)
}
