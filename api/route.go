package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/gin-gonic/gin"

	"fieldproof/models"
)

// access says who may call a route.
type access struct {
	public    bool             // without a session
	privilege models.Privilege // "" lets every member in
}

var (
	anybody   = access{public: true}
	anyMember = access{}
)

func with(p models.Privilege) access { return access{privilege: p} }

// route is one row of the API's table. Everything about it, its place in the documentation too, comes from here.
type route struct {
	method  string
	path    string // below /api/v1, with :name for a part
	access  access
	summary string
	status  int // of success, unless the handler says another

	in, out reflect.Type // JSON bodies; nil when there is none
	raw     bool         // the handler reads the body by itself
	media   string       // content type of an answer that is not JSON
	query   []string     // query parameters
	handle  func(*call) (any, error)

	// What follows is the rarer part, set by the methods below.
	id      string    // the operation's name, when path and method don't give a good one
	form    *form     // the parts of a multipart body
	bodies  []string  // content types of a body that is neither JSON nor a form
	holds   [2]string // what a json.RawMessage holds, in and out: see [shapes.raw]
	repeats bool      // answers 200 when what comes is there already
	ranges  bool      // answers with bytes that have an ETag: 206, 304 and 416
	tag     bool      // answers with an ETag: 304
	ifMatch bool      // If-Match is read
	ends    bool      // what the body names may be over: 410
	tells   []string  // headers of the answer
	asks    []string  // headers of the request, see [askedHeaders]
	bare    bool      // the body may be lacking
	drawn   bool      // the answer is drawn from a file, which may be no picture: 415, or too large a one: 422
}

// named names the operation.
func (r route) named(id string) route { r.id = id; return r }

// matched reads If-Match: see [call.ifMatch].
func (r route) matched() route { r.ifMatch = true; return r }

// repeatable tells that the same again is answered 200.
func (r route) repeatable() route { r.repeats = true; return r }

// over tells that what the body names may be over.
func (r route) over() route { r.ends = true; return r }

// ranged tells that the answer is served by [http.ServeContent] with an ETag.
func (r route) ranged() route { r.ranges = true; return r }

// tagged tells that the answer has an ETag: 304 when it is still the same.
func (r route) tagged() route { r.tag = true; return r }

// draws tells that the answer is a picture made of a file that somebody sent.
func (r route) draws() route { r.drawn = true; return r }

// heads names headers of the answer.
func (r route) heads(names ...string) route { r.tells = append(r.tells, names...); return r }

// asked names headers of the request.
func (r route) asked(names ...string) route { r.asks = append(r.asks, names...); return r }

// fills takes a multipart form.
func (r route) fills(f form) route { r.form = &f; return r }

// takes reads a body of these content types.
func (r route) takes(media ...string) route { r.bodies = media; return r }

// gives answers with JSON of a type, though the handler writes or reads by itself.
func (r route) gives(out reflect.Type) route { r.out, r.media = out, ""; return r }

// reads says what a body of type json.RawMessage, or a patch, holds.
func (r route) reads(holds string) route { r.holds[0] = holds; return r }

// writes says what an answer of type json.RawMessage holds.
func (r route) writes(holds string) route { r.holds[1] = holds; return r }

// nothing is a body that is not there.
type nothing struct{}

// define makes a route whose body is decoded strictly into In.
func define[In, Out any](method, path string, a access, status int, summary string, fn func(*call, In) (Out, error)) route {
	r := route{method: method, path: path, access: a, summary: summary, status: status, in: bodyType[In](), out: bodyType[Out]()}
	r.handle = func(c *call) (any, error) {
		var in In
		if patch, ok := any(&in).(*mergePatch); ok {
			*patch = c.body
		} else if r.in != nil {
			if err := decode(c.body, &in); err != nil {
				return nil, err
			}
		}
		return fn(c, in)
	}
	return r
}

func bodyType[T any]() reflect.Type {
	if t := reflect.TypeFor[T](); t != reflect.TypeFor[nothing]() {
		return t
	}
	return nil
}

func get[Out any](path string, a access, summary string, fn func(*call) (Out, error), query ...string) route {
	r := define(http.MethodGet, path, a, http.StatusOK, summary, func(c *call, _ nothing) (Out, error) { return fn(c) })
	r.query = query
	return r
}

func remove(path string, a access, summary string, fn func(*call) error) route {
	return define(http.MethodDelete, path, a, http.StatusNoContent, summary, func(c *call, _ nothing) (nothing, error) { return nothing{}, fn(c) })
}

// mergePatch is a body of RFC 7396.
type mergePatch json.RawMessage

// patch makes a route that merges its body into what Fields describes.
func patch[Fields, Out any](path string, a access, summary string, fn func(*call, mergePatch) (Out, error)) route {
	r := define(http.MethodPatch, path, a, http.StatusOK, summary, fn)
	r.in = reflect.TypeFor[Fields]()
	return r
}

// stream makes a route whose handler reads the request or writes the answer by itself.
func stream(method, path string, a access, summary, media string, fn func(*call) (any, error), query ...string) route {
	return route{method: method, path: path, access: a, summary: summary, status: http.StatusOK, raw: true, media: media, query: query, handle: fn}
}

// call is one request on its way through a handler.
type call struct {
	*gin.Context
	server *Server
	route  *route
	member *models.Member
	token  *models.Token
	body   []byte
	status int
	// repeatable is derived from who asks, the route and the Idempotency-Key; "" without one. An action keeps it with its
	// event, so that a repeat weeks later finds it.
	repeatable string
	// seed is that of the key's claim: ids made from it are the same on every try of this very request.
	seed    string
	seeded  bool // an id was made from it
	written bool
}

// ctx is the request's context, scoped to the member's account.
func (c *call) ctx() context.Context {
	ctx := c.Request.Context()
	if c.member == nil {
		return ctx
	}
	return models.InAccount(ctx, c.member.AccountID)
}

// newID returns an id for something that this request makes: the same on a repeat under the same key.
func (c *call) newID(what string) string {
	if c.seed == "" {
		return models.NewID()
	}
	c.seeded = true
	return models.DerivedID(c.seed, what)
}

// actionID is the message id of the action that this request asks for.
func (c *call) actionID() string {
	if c.repeatable == "" {
		return models.NewID()
	}
	return models.DerivedID(c.repeatable, "action")
}

// may returns a [models.Forbidden] error when the member lacks a privilege.
func (c *call) may(p models.Privilege) error { return c.member.Need(p) }

// pathOf is the route's path as OpenAPI writes it.
func (r *route) pathOf() string { return "/api/v1" + braced(r.path) }

// serve makes the Gin handler of a route: authorise, read, call, encode.
func (s *Server) serve(r *route) gin.HandlerFunc {
	return func(g *gin.Context) {
		c := &call{Context: g, server: s, route: r, status: r.status}
		began := time.Now()
		done := c.within(asksAtMost)
		err := c.authorise()
		done()
		if err != nil {
			c.fail(err)
			return
		}
		asking := time.Since(began)
		if !r.access.public {
			known(g)
		}
		if !r.raw && r.method != http.MethodGet {
			if r.access.public {
				text := &sharedReader{r: g.Request.Body, share: s.bounds.texts, network: models.Network(g.ClientIP())}
				defer text.close()
				g.Request.Body = &readCloser{text, g.Request.Body}
			}
			body, err := readBody(g.Request)
			if err != nil {
				c.fail(err)
				return
			}
			release, err := s.decoding(g.Request.Context(), int64(len(body)))
			if err != nil {
				c.fail(err)
				return
			}
			defer release()
			c.body = body
		}
		if !r.raw {
			defer c.within(answersWithin - asking)()
			if key := g.GetHeader("Idempotency-Key"); key != "" && r.method == http.MethodPost {
				c.once(key)
				return
			}
		}
		c.run()
	}
}

const (
	// answersWithin is how long an answer may take from the last byte of its request. After it the answer is a 503.
	answersWithin = 9500 * time.Millisecond
	// asksAtMost is how long the question who asks may take of that.
	asksAtMost = 4 * time.Second
)

// within bounds what the request does from now on; the function that it returns ends the bound.
func (c *call) within(time time.Duration) func() {
	before := c.Request
	ctx, cancel := context.WithTimeout(before.Context(), time)
	c.Request = before.WithContext(ctx)
	return func() {
		cancel()
		c.Request = before
	}
}

// run checks the privilege, calls the handler and answers.
func (c *call) run() {
	if p := c.route.access.privilege; p != "" {
		if err := c.may(p); err != nil {
			c.fail(err)
			return
		}
	}
	if c.route.raw && c.route.method == http.MethodGet && !c.route.access.public {
		// What streams may take as long as it likes, once it has begun.
		ctx, cancel := context.WithCancel(c.Request.Context())
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		late := time.AfterFunc(answersWithin, cancel)
		defer late.Stop()
		c.Writer = &watchedWriter{ResponseWriter: c.Writer, c: c, asked: time.Now(), begun: late.Stop, still: c.authorise}
	}
	out, err := c.route.handle(c)
	switch {
	case c.written:
		if err != nil {
			c.server.Log.Warn("an answer broke off", "route", c.FullPath(), "error", err)
			panic(http.ErrAbortHandler) // so that the other side sees that it is not whole
		}
	case err != nil:
		c.fail(err)
	case c.status == http.StatusNoContent:
		c.Status(http.StatusNoContent)
	default:
		if v, ok := out.(versioned); ok {
			c.Header("ETag", v.etag())
		}
		c.JSON(c.status, out)
	}
}

// asksAgain is how often a download under way asks whether whoever gets it still may.
const asksAgain = time.Second

// watchedWriter breaks an answer off when whoever asked for it may have it no more.
type watchedWriter struct {
	gin.ResponseWriter
	c     *call
	asked time.Time
	begun func() bool  // told of each write; nil for nobody
	still func() error // says why they may not
}

func (w *watchedWriter) Write(b []byte) (int, error) {
	if w.begun != nil {
		w.begun()
	}
	if !w.c.written { // a refusal: nothing is under way
		return w.ResponseWriter.Write(b)
	}
	if now := time.Now(); now.Sub(w.asked) > asksAgain {
		if err := w.still(); err != nil {
			panic(http.ErrAbortHandler) // so that the other side sees that it is not whole
		}
		w.asked = now
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets a response controller reach the connection.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// versioned is an answer with an ETag.
type versioned interface{ etag() string }
