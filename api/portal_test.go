package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"fieldproof/api"
	"fieldproof/tests/house"
)

// TestWhatNoRouteClaimsIsTheAppsPage asks as a browser and as a program does.
func TestWhatNoRouteClaimsIsTheAppsPage(t *testing.T) {
	h := house.New(t)
	apps := fstest.MapFS{
		"built/portal/index.html":          {Data: []byte("<!doctype html><title>Fieldproof</title>")},
		"built/portal/assets/a-12ab.js":    {Data: []byte("1")},
		"built/portal/icon.svg":            {Data: []byte("<svg/>")},
		"built/secret":                     {Data: []byte("no")},
		"built/field/index.html":           {Data: []byte("<!doctype html><title>Fieldproof in the field</title>")},
		"built/field/sw.js":                {Data: []byte("2")},
		"built/field/manifest.webmanifest": {Data: []byte("{}")},
		"built/field/assets/b-56ef.js":     {Data: []byte("3")},
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
		{"/field/", "text/html", 200, "text/html; charset=utf-8", "no-cache"},
		{"/field/orders/123?q=x", "text/html", 200, "text/html; charset=utf-8", "no-cache"},
		{"/field/orders/123", "application/json", 404, "application/problem+json", "no-store"},
		{"/field/index.html", "*/*", 200, "text/html; charset=utf-8", "no-cache"}, // as its worker asks
		{"/field/sw.js", "*/*", 200, "text/javascript; charset=utf-8", "no-cache"},
		{"/field/manifest.webmanifest", "*/*", 200, "application/manifest+json", "no-cache"},
		{"/field/assets/b-56ef.js", "*/*", 200, "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"},
		{"/field/assets/a-12ab.js", "*/*", 404, "application/problem+json", "no-store"}, // the portal's
		{"/field/../secret", "text/html", 200, "text/html; charset=utf-8", "no-cache"},
		{"/fieldwork", "text/html", 200, "text/html; charset=utf-8", "no-cache"}, // an address of the portal's
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
			require.Equal(t, strings.HasPrefix(c.path, "/field/"), strings.Contains(w.Body.String(), "in the field"), c.path)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/javascript") { // a worker has the policy of its own file
			require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'", c.path)
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://fieldproof.example/field", nil))
	require.Equal(t, []any{301, "/field/"}, []any{w.Code, w.Header().Get("Location")})
}
