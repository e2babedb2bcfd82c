package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"fieldproof/api"
	"fieldproof/tests/house"
)

// TestWhatNoRouteClaimsIsThePortalsPage asks as a browser and as a program does.
func TestWhatNoRouteClaimsIsThePortalsPage(t *testing.T) {
	h := house.New(t)
	apps := fstest.MapFS{
		"built/portal/index.html":       {Data: []byte("<!doctype html><title>Fieldproof</title>")},
		"built/portal/assets/a-12ab.js": {Data: []byte("1")},
		"built/portal/icon.svg":         {Data: []byte("<svg/>")},
		"built/secret":                  {Data: []byte("no")},
	}
	handler, err := (&api.Server{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Log: slog.New(slog.DiscardHandler), Apps: apps}).Handler(context.Background())
	require.NoError(t, err)
	for _, c := range []struct {
		path, accept string
		status       int
		kind, kept   string
	}{
		{"/", "text/html,*/*", 200, "text/html; charset=utf-8", "no-cache"},
		{"/orders/123?q=x", "text/html", 200, "text/html; charset=utf-8", "no-cache"},
		{"/orders/123", "application/json", 404, "application/problem+json", "no-store"},
		{"/assets/a-12ab.js", "*/*", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/assets/gone-34cd.js", "text/html", 404, "application/problem+json", "no-store"},
		{"/icon.svg", "*/*", 200, "image/svg+xml", "no-cache"},
		{"/../secret", "text/html", 200, "text/html; charset=utf-8", "no-cache"},
		{"/api/v1/nothing", "text/html", 404, "application/problem+json", "no-store"},
		{"/push/nothing/more", "text/html", 404, "application/problem+json", "no-store"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://fieldproof.example"+c.path, nil)
		r.Header.Set("Accept", c.accept)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Equal(t, []any{c.status, c.kind, c.kept}, []any{w.Code, w.Header().Get("Content-Type"), w.Header().Get("Cache-Control")}, "%s as %s", c.path, c.accept)
		if c.kind == "text/html; charset=utf-8" {
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'", c.path)
			require.Contains(t, w.Body.String(), "<title>Fieldproof", c.path)
		}
	}
}
