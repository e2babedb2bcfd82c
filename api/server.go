// Package api is the HTTP edge: it decodes, authorises, calls and encodes. The rules of the domain are elsewhere.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"

	"fieldproof/archives"
	"fieldproof/intake"
	"fieldproof/mails"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/remotes"
	"fieldproof/reports"
	"fieldproof/storage"
	"fieldproof/uploads"
)

// Server answers HTTP.
type Server struct {
	Store    *models.Store
	Blobs    *storage.Store
	Sealer   *models.Sealer
	Temporal client.Client
	Intake   *intake.Intake
	Actions  *intake.Actions
	Media    *media.Media
	Reports  *reports.Reports
	Clouds   *remotes.Clouds
	Archives *archives.Archives
	Uploads  *uploads.Uploads
	Tests    Tests
	Links    *peers.Links
	Mails    *mails.Server
	Log      *slog.Logger
	// Apps are the browser apps as they were built, below built/; nil serves none.
	Apps fs.FS

	// PublicURL is what links begin with, such as https://fieldproof.example.com.
	PublicURL string
	// SignUp tells whether anyone may make an account.
	SignUp bool
	// TrustedProxies are those whose word on a client's address counts.
	TrustedProxies []netip.Prefix
	// Metrics counts requests; nil when nobody asks.
	Metrics prometheus.Registerer

	routes  []route
	origins *http.CrossOriginProtection
	openAPI []byte
	closing context.Context // ends the streams when the server stops
	pushing *throttle
	bounds  *bounds
	host    *peers.Host
	portal  *app
	field   *app
}

// Tests try what an account has set up, as the work itself will: a message to a web-hook, which answers a status, a client's
// credentials, a file in a place or a mail, the other side of an integration.
type Tests struct {
	Webhook       func(context.Context, *models.Destination) (status int, err error)
	Client, Place func(context.Context, *models.Destination) error
	Integration   func(context.Context, *models.Integration) error
}

// Handler assembles the routes. It ends its live streams when ctx ends.
func (s *Server) Handler(ctx context.Context) (http.Handler, error) {
	s.closing = ctx
	s.routes = s.table()
	s.origins = http.NewCrossOriginProtection()
	if s.PublicURL != "" {
		if err := s.origins.AddTrustedOrigin(originOf(s.PublicURL)); err != nil {
			return nil, fmt.Errorf("the public URL %q: %w", s.PublicURL, err)
		}
	}
	document, err := s.document()
	if err != nil {
		return nil, err
	}
	s.openAPI = document

	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.RedirectTrailingSlash, g.HandleMethodNotAllowed = false, true
	proxies := make([]string, len(s.TrustedProxies))
	for i, p := range s.TrustedProxies {
		proxies[i] = p.String()
	}
	if err := g.SetTrustedProxies(proxies); err != nil {
		return nil, err
	}
	s.bounds = newBounds()
	g.Use(s.recovered, s.counted(), headers, s.bounded, s.plainAddress)
	s.portal, s.field = appIn(s.Apps, "built/portal", "/", "portal"), appIn(s.Apps, "built/field", fieldApp, "field app")
	g.NoRoute(s.elsewhere)
	g.NoMethod(func(g *gin.Context) {
		(&call{Context: g, server: s}).problem(http.StatusMethodNotAllowed, "This address does not take "+g.Request.Method+"; the routes are listed in /api/docs.")
	})
	for i := range s.routes {
		r := &s.routes[i]
		g.Handle(r.method, "/api/v1"+r.path, s.serve(r))
	}
	s.pushing, s.host = newThrottle(), peers.NewHost(s.Store, s.Intake, s.Sealer)
	for _, o := range s.outers() {
		if o.handle != nil {
			g.Handle(o.method, o.path, o.handle)
		}
	}
	s.assetRoutes(g)
	s.connectRoutes(g)
	g.GET("/api/openapi.json", func(g *gin.Context) { g.Data(http.StatusOK, "application/json", s.openAPI) })
	g.GET("/api/docs", s.docs)
	return compressed(g)
}

func (s *Server) refuse(kind models.Kind, message string) gin.HandlerFunc {
	return func(g *gin.Context) { (&call{Context: g, server: s}).fail(models.Errorf(kind, "%s", message)) }
}

func (c *call) problem(status int, detail string) {
	body, _ := json.Marshal(Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: strings.ReplaceAll(strings.ToLower(http.StatusText(status)), " ", "_")})
	c.Data(status, "application/problem+json", body)
	c.Abort()
}

// headers are right for every answer of ours.
func headers(g *gin.Context) {
	g.Header("X-Content-Type-Options", "nosniff")
	g.Header("Referrer-Policy", "same-origin")
	g.Header("X-Frame-Options", "DENY")
	g.Header("Cache-Control", "no-store")
	g.Next()
}

// plainAddress refuses an address that is no text: nothing of ours has such a name, and no database takes it.
func (s *Server) plainAddress(g *gin.Context) {
	if !models.PlainText(g.Request.URL.Path) {
		s.refuse(models.NotFound, "There is nothing at this address.")(g)
		return
	}
	for name, values := range g.Request.URL.Query() {
		for _, v := range values {
			if !models.PlainText(v, name) {
				(&call{Context: g, server: s}).fail(badParameter(name, "Give plain UTF-8 text."))
				return
			}
		}
	}
}

func (s *Server) recovered(g *gin.Context) {
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			s.Log.Error("a request panicked", "route", g.FullPath(), "panic", v, "stack", string(debug.Stack()))
			if !g.Writer.Written() {
				(&call{Context: g, server: s}).fail(fmt.Errorf("panic: %v", v))
			}
		}
	}()
	g.Next()
}

// counted counts requests by route: never by path, which may hold secrets.
func (s *Server) counted() gin.HandlerFunc {
	if s.Metrics == nil {
		return func(*gin.Context) {}
	}
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "fieldproof_http_request_seconds", Help: "Time from request to answer.",
		Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 10}}, []string{"method", "route", "status"})
	s.Metrics.MustRegister(seconds)
	return func(g *gin.Context) {
		began := time.Now()
		g.Next()
		seconds.WithLabelValues(g.Request.Method, g.FullPath(), fmt.Sprint(g.Writer.Status())).Observe(time.Since(began).Seconds())
	}
}

// ready tells whether uploads can be taken: the database and the storage answer. Temporal is told of, not required, or
// a proxy would turn photos away that the rows could keep until it is back.
func (s *Server) ready(g *gin.Context) {
	ctx, cancel := context.WithTimeout(g.Request.Context(), 3*time.Second)
	defer cancel()
	temporal := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := s.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		temporal <- err
	}()
	state, status := gin.H{"database": "ok", "storage": "ok", "temporal": "ok"}, http.StatusOK
	for part, err := range map[string]error{"database": s.Store.Ping(ctx), "storage": s.Blobs.Ping(ctx)} {
		if err != nil {
			s.Log.Debug("not ready", "part", part, "error", err)
			state[part], status = "does not answer", http.StatusServiceUnavailable
		}
	}
	if err := <-temporal; err != nil {
		s.Log.Debug("Temporal is away", "error", err)
		state["temporal"] = "does not answer"
	}
	g.JSON(status, state)
}

// table lists every route of the API. The matrix test walks it.
func (s *Server) table() []route {
	var all []route
	for _, some := range [][]route{
		s.sessionRoutes(), s.accountRoutes(), s.orderRoutes(), s.transitionRoutes(), s.photoRoutes(), s.uploadRoutes(), s.rescueRoutes(), s.checkInRoutes(), s.announcementRoutes(), s.syncRoutes(), s.deviceRoutes(), s.resultRoutes(), s.publishedRoutes(), s.linkRoutes(), s.proofRoutes(), s.auditRoutes(),
		s.destinationRoutes(), s.propertyRoutes(), s.workTypeRoutes(), s.surveyRoutes(), s.surveyResponseRoutes(), s.integrationRoutes(), s.shareLinkRoutes(), s.importRoutes(), s.bulkRoutes(), s.exportRoutes(), s.viewRoutes(), s.roleRoutes(), s.userRoutes(), s.tokenRoutes(), s.alertRoutes(), s.streamRoutes(),
	} {
		all = append(all, some...)
	}
	return all
}
