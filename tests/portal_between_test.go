package tests

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// between stands between a browser and an installation: it keeps what is said, and answers itself where it is told to.
type between struct {
	URL string

	mu     sync.Mutex
	heard  bytes.Buffer
	asked  []string
	going  int
	answer func(w http.ResponseWriter, r *http.Request) bool
}

func newBetween(t *testing.T, in *rig.Installation) *between {
	t.Helper()
	to, err := url.Parse(in.URL)
	require.NoError(t, err)
	b := &between{}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host
			p.Out.Header.Del("Accept-Encoding")
		},
		Transport: transport, FlushInterval: -1, ErrorLog: log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			if kind := r.Header.Get("Content-Type"); strings.Contains(kind, "json") || strings.Contains(kind, "event-stream") {
				r.Body = listened{r.Body, b}
			}
			return nil
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := strings.HasSuffix(r.URL.Path, "/stream")
		b.mu.Lock()
		b.asked = append(b.asked, r.Method+" "+r.URL.String())
		answer := b.answer
		if !stream {
			b.going++
			defer func() { b.mu.Lock(); b.going--; b.mu.Unlock() }()
		}
		b.mu.Unlock()
		if answer == nil || !answer(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	b.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	return b
}

// listened is an answer that is kept as it goes by.
type listened struct {
	io.ReadCloser
	b *between
}

func (l listened) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.b.mu.Lock()
	l.b.heard.Write(p[:n])
	l.b.mu.Unlock()
	return n, err
}

// told is all that answers said and addresses asked for, since it was asked last.
func (b *between) told() (answers string, addresses []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answers, addresses = b.heard.String(), b.asked
	b.heard.Reset()
	b.asked = nil
	return answers, addresses
}

// still tells whether nothing is asked for just now.
func (b *between) still() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.going == 0
}

// answers has requests answered by a function that says whether it did; nil for none.
func (b *between) answers(answer func(w http.ResponseWriter, r *http.Request) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// enters signs somebody in on the screen of a browser that may complain.
func enters(t *testing.T, ctx context.Context, at string, u *rig.User) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(at), chromedp.WaitVisible(`input[autocomplete=username]`),
		chromedp.SendKeys(`input[autocomplete=username]`, u.Username), chromedp.SendKeys(`input[autocomplete=current-password]`, rig.Password+kb.Enter),
		chromedp.WaitVisible(`nav.Rail`)))
}

// visit goes to a screen and waits until it has all that it asks for.
func (b *between) visit(t *testing.T, ctx context.Context, path string) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(b.URL+path), chromedp.WaitReady(`main h1`)))
	quiet := 0
	until(t, ctx, path+" is here", `document.readyState === "complete" && !document.querySelector("[aria-busy=true], .set-wait")`)
	(&rig.User{T: t}).Await(path+" to have all", func() bool {
		if b.still() {
			quiet++
		} else {
			quiet = 0
		}
		return quiet > 8
	})
}
