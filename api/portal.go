package api

import (
	"bytes"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"fieldproof/models"
)

// appPolicy is what a page of ours may load and do (contract: HTTP): nothing of another host, no style in an element, and
// HTML from text only through the sanitiser's policy.
const appPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:; font-src 'self'; connect-src 'self'; " +
	"worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; " +
	"trusted-types svelte-trusted-html fieldproof"

// unbuilt is shown where the binary was built without the browser apps.
const unbuilt = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Fieldproof</title><h1>The %s is not in this build</h1>
<p>Build it with <code>make</code>. The API is described at <a href="/api/docs">/api/docs</a>.</p></html>
`

// app serves a browser app as it was built: its page for every address below its own, and beside it hashed files.
type app struct {
	below string // the address below which it lies, ending in /
	files fs.FS
	page  []byte
}

// fieldApp is the address of the field app; the portal has all others.
const fieldApp = "/field/"

// appIn reads an app from a folder of what was built.
func appIn(built fs.FS, folder, below, name string) *app {
	if built == nil {
		return nil
	}
	a := &app{below: below, page: fmt.Appendf(nil, unbuilt, name)}
	if files, err := fs.Sub(built, folder); err == nil {
		a.files = files
		if page, err := fs.ReadFile(files, "index.html"); err == nil {
			a.page = page
		}
	}
	return a
}

// serve answers with a built file or, to who asks for HTML, with the page. It tells whether there was anything to answer with.
func (a *app) serve(g *gin.Context) bool {
	if a == nil || (g.Request.Method != http.MethodGet && g.Request.Method != http.MethodHead) {
		return false
	}
	name := strings.TrimPrefix(path.Clean(g.Request.URL.Path), strings.TrimSuffix(a.below, "/"))
	name = strings.TrimPrefix(name, "/")
	if content, err := fs.ReadFile(a.files, name); err == nil && name != "index.html" && !strings.HasPrefix(path.Base(name), ".") {
		kept := "no-cache"
		if strings.HasPrefix(name, "assets/") { // its name bears its hash
			kept = "public, max-age=31536000, immutable"
		}
		g.Header("Cache-Control", kept)
		g.Header("Content-Type", typeOf(name))
		if path.Ext(name) == ".js" { // a worker has the policy of its own file
			g.Header("Content-Security-Policy", appPolicy)
		}
		http.ServeContent(g.Writer, g.Request, name, time.Time{}, bytes.NewReader(content))
		return true
	}
	// A service worker asks for the page by its name, and is refused as a whole when it is not there.
	if strings.HasPrefix(name, "assets/") || (name != "index.html" && !wantsPage(g.Request)) {
		return false
	}
	g.Header("Cache-Control", "no-cache")
	g.Header("Content-Security-Policy", appPolicy)
	g.Header("Permissions-Policy", "camera=(self), geolocation=(self), microphone=()")
	g.Data(http.StatusOK, "text/html; charset=utf-8", a.page)
	return true
}

// typeOf is the content type of a built file; the machine's own table need not know fonts and manifests.
func typeOf(name string) string {
	switch ext := path.Ext(name); ext {
	case ".woff2":
		return "font/woff2"
	case ".webmanifest":
		return "application/manifest+json"
	default:
		return mime.TypeByExtension(ext)
	}
}

// wantsPage tells a person's browser from a program: it asks for HTML by name.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// elsewhere answers whatever no route claims: a browser app's page or files, or that there is nothing.
func (s *Server) elsewhere(g *gin.Context) {
	p := g.Request.URL.Path
	for _, claimed := range []string{"/api/", "/push/", "/integration/", "/s/", "/verify/", "/V/", "/metrics"} {
		if strings.HasPrefix(p, claimed) {
			s.nothing(g)
			return
		}
	}
	if p+"/" == fieldApp && s.field != nil {
		g.Redirect(http.StatusMovedPermanently, fieldApp)
		return
	}
	a := s.portal
	if strings.HasPrefix(p, fieldApp) {
		a = s.field
	}
	if !a.serve(g) {
		s.nothing(g)
	}
}

func (s *Server) nothing(g *gin.Context) {
	s.refuse(models.NotFound, "There is nothing at this address; the routes are listed in /api/docs.")(g)
}
