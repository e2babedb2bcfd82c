package api

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"fieldproof/models"
)

// The pages that we render ourselves: for people without an account, on any phone, readable without scripts.
//
//go:embed pages
var pageFiles embed.FS

var pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"when": func(t any, zone ...*time.Location) string {
		at, ok := momentOf(t)
		if !ok {
			return "unknown"
		}
		where := time.UTC
		if len(zone) > 0 && zone[0] != nil {
			where = zone[0]
		}
		return at.In(where).Format("Jan 2, 2006, 3:04 PM MST")
	},
	"iso": func(t any) string {
		at, _ := momentOf(t)
		return at.UTC().Format(time.RFC3339)
	},
	"certified": func(b *bool) string {
		switch {
		case b == nil:
			return "nothing to judge by"
		case *b:
			return "certified"
		}
		return "not certified"
	},
	"mark": func(b *bool) string {
		switch {
		case b == nil:
			return "–"
		case *b:
			return "✓"
		}
		return "✗"
	},
	"title": func(s string) string {
		if s == "" {
			return "Other"
		}
		first, size := utf8.DecodeRuneInString(s)
		return string(unicode.ToUpper(first)) + s[size:]
	},
	"version": func() string { return assetVersion },
}).ParseFS(pageFiles, "pages/*.html"))

func momentOf(t any) (time.Time, bool) {
	switch t := t.(type) {
	case models.Time:
		return t.Time, true
	case *models.Time:
		if t != nil {
			return t.Time, true
		}
	case time.Time:
		return t, true
	}
	return time.Time{}, false
}

// assetVersion changes with our scripts and styles, so that they can be kept for ever.
var assetVersion = func() string {
	h := fnvOf(pageFiles)
	return fmt.Sprintf("%x", h)
}()

func fnvOf(files fs.FS) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		for _, c := range b {
			h = (h ^ uint64(c)) * prime
		}
		return err
	})
	return h
}

// pagePolicy lets a page load only what is ours.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Server) assetRoutes(g *gin.Engine) {
	g.GET("/robots.txt", func(g *gin.Context) {
		g.String(http.StatusOK, "User-agent: *\nDisallow: /s/\nDisallow: /verify/\nDisallow: /V/\n")
	})
	g.GET("/pages/:name", func(g *gin.Context) {
		name := g.Param("name")
		content, err := pageFiles.ReadFile("pages/" + path.Base(name))
		types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
		if err != nil || types[path.Ext(name)] == "" {
			s.refuse(models.NotFound, "There is nothing at this address.")(g)
			return
		}
		g.Header("Cache-Control", "public, max-age=31536000, immutable")
		g.Data(http.StatusOK, types[path.Ext(name)], content)
	})
}

// page serves a page that needs no session. Its errors are pages too, unless JSON is asked for.
func (s *Server) page(g *gin.Context, fn func(*call) error) {
	c := &call{Context: g, server: s, status: http.StatusOK}
	c.Header("X-Robots-Tag", "noindex, nofollow, noarchive")
	c.Header("Referrer-Policy", "no-referrer")
	c.Header("Content-Security-Policy", pagePolicy)
	err := fn(c)
	if err == nil {
		return
	}
	if c.written {
		s.Log.Warn("an answer broke off", "route", c.FullPath(), "error", err)
		panic(http.ErrAbortHandler)
	}
	if strings.Contains(c.GetHeader("Accept"), "application/json") || models.KindOf(err) == "" {
		c.fail(err)
		return
	}
	status := statusOf[models.KindOf(err)]
	if failed := c.html(status, "problem.html", map[string]any{"Title": titleOf[models.KindOf(err)], "Detail": err.Error()}); failed != nil {
		c.fail(failed)
	}
}

// html renders a page whole before anything is sent.
func (c *call) html(status int, name string, data any) error {
	var b bytes.Buffer
	if err := pageTemplates.ExecuteTemplate(&b, name, data); err != nil {
		return err
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}
