package api

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"math"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"

	"fieldproof/models"
	"fieldproof/web"
	"fieldproof/wording"
)

// The pages that we render ourselves: for people without an account, on any phone, readable without scripts.
//
//go:embed pages
var pageFiles embed.FS

var pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"version": func() string { return assetVersion },
	"pair":    func(a, b any) []any { return []any{a, b} },
	// judged is how what can be vouched for is drawn, and tone in which colour.
	"judged":          func(b *bool) string { return byJudgement(b, "yes", "no", "null") },
	"tone":            func(b *bool) string { return byJudgement(b, "good", "warn", "idle") },
	"certifiedWithin": func() time.Duration { return models.CertifiedWithin },
	// rest is what of an address does not stand in the title.
	"rest": func(a models.Address) string {
		if a.Address1 == "" {
			return ""
		}
		a.Address1 = ""
		return a.Line()
	},
	"grouped": func(hash string) string { return wording.Grouped(hash, 8) },
	"asked":   func(t models.Task) int { return t.AskedPhotos() },
}).ParseFS(pageFiles, "pages/*.html"))

func byJudgement(b *bool, yes, no, none string) string {
	switch {
	case b == nil:
		return none
	case *b:
		return yes
	}
	return no
}

// assetVersion changes with our scripts and styles, so that they can be kept for ever.
var assetVersion = func() string {
	return fmt.Sprintf("%x", fnvOf(pageFiles))
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
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// brandName is that of a style sheet with a colour: it tells of no account.
var brandName = regexp.MustCompile(`^brand-([0-9a-f]{6})\.css$`)

func (s *Server) assetRoutes(g *gin.Engine) {
	g.GET("/robots.txt", func(g *gin.Context) {
		g.String(http.StatusOK, "User-agent: *\nDisallow: /s/\nDisallow: /verify/\nDisallow: /V/\n")
	})
	g.GET("/pages/:name", func(g *gin.Context) {
		name := g.Param("name")
		content, err := pageFiles.ReadFile("pages/" + path.Base(name))
		if name == "tokens.css" {
			content, err = web.Tokens, nil
		}
		if brand := brandName.FindStringSubmatch(name); brand != nil {
			content, err = brandSheet("#"+brand[1]), nil
		}
		types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
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
	if c.wantsJSON() || models.KindOf(err) == "" {
		c.fail(err)
		return
	}
	if failed := c.showProblem(c.plain(), err); failed != nil {
		c.fail(failed)
	}
}

func (c *call) wantsJSON() bool { return strings.Contains(c.GetHeader("Accept"), "application/json") }

// problemPage says what went wrong.
type problemPage struct {
	house
	Title, Detail string
}

// showProblem answers with a page of a refusal. What has no words of its own in the reader's language is told in general.
func (c *call) showProblem(h house, err error) error {
	var refusal *models.Error
	if !errors.As(err, &refusal) {
		return err
	}
	p := problemPage{house: h, Title: h.R.Say("problem_" + string(refusal.Kind)), Detail: refusal.Message}
	var told *spoken
	switch {
	case errors.As(err, &told):
		p.Detail = h.R.Say(told.key)
	case refusal.Wait > 0:
		p.Detail = h.R.Say("problem_wait", "n", int(math.Ceil(refusal.Wait.Seconds())))
	case h.R.Language() != english.Language():
		p.Detail = h.R.Say("problem_text")
	}
	status := statusOf[refusal.Kind]
	if status == http.StatusServiceUnavailable {
		c.Header("Retry-After", strconv.Itoa(retryAfter))
	}
	return c.html(status, "problem.html", p)
}

// spoken is a refusal that people without an account read: pages say it in their language, the API in English.
type spoken struct {
	key     string
	refusal *models.Error
}

func refused(kind models.Kind, key string) error {
	return &spoken{key, models.Errorf(kind, "%s", english.Say(key))}
}

func (w *spoken) Error() string { return w.refusal.Error() }

func (w *spoken) Unwrap() error { return w.refusal }

// html renders a page whole before anything is sent.
func (c *call) html(status int, name string, data any) error {
	page, err := packed(name, data)
	if err != nil {
		return err
	}
	return c.sendPage(status, page)
}

// packers are kept from page to page: each takes a megabyte.
var packers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// packed is a page, gzipped: however long its texts are, one who reads it slowly holds little of our memory.
func packed(name string, data any) (*bytes.Buffer, error) {
	var page bytes.Buffer
	packer := packers.Get().(*gzip.Writer)
	defer packers.Put(packer)
	packer.Reset(&page)
	if err := pageTemplates.ExecuteTemplate(packer, name, data); err != nil {
		return nil, err
	}
	return &page, packer.Close()
}

func (c *call) sendPage(status int, page *bytes.Buffer) error {
	const media = "text/html; charset=utf-8"
	if takesGzip(c.GetHeader("Accept-Encoding")) {
		c.Header("Content-Encoding", "gzip")
		c.Data(status, media, page.Bytes())
		return nil
	}
	plain, err := gzip.NewReader(page)
	if err != nil {
		return err
	}
	c.Header("Content-Type", media)
	c.Status(status)
	c.written = true
	_, err = io.Copy(c.Writer, plain)
	return err
}
