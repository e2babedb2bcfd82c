package api

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/hashicorp/golang-lru/v2/expirable"
	"golang.org/x/time/rate"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/wire"
)

// PushAnswer is the answer to a push (domain 7.1): response and error as the incumbent's senders expect them, results and
// import are ours.
type PushAnswer struct {
	Response bool              `json:"response"`
	Error    string            `json:"error"`
	Results  []models.Received `json:"results,omitempty"`
	Import   string            `json:"import,omitempty"` // where to see what becomes of a large batch
}

const (
	success      = "success"
	unknownKey   = "invalid clientCode" // the incumbent's words for a bad key
	pushStalls   = 60 * time.Second
	resultsAPage = 1000
)

// What one push key, and one address with bad keys, may ask for: bursts, and then so many a second. The counts are those
// of one server process.
const (
	keyBurst, keyRate          = 2000, 50
	strangerBurst, strangeRate = 60, 1
)

// throttle limits how often somebody may come. What it remembers is bounded: who was not seen for longest begins anew.
type throttle struct {
	seen *expirable.LRU[string, *rate.Limiter]
	mu   sync.Mutex
}

// maxThrottled is how many a throttle remembers, and throttledFor for how long: until each of its bursts is full again.
const (
	maxThrottled = 20_000
	throttledFor = 5 * time.Minute
)

func newThrottle() *throttle {
	return &throttle{seen: expirable.NewLRU[string, *rate.Limiter](maxThrottled, nil, throttledFor)}
}

// wait takes one for key and returns how long it must wait, 0 when it may go on.
func (t *throttle) wait(key string, perSecond rate.Limit, burst int) time.Duration {
	t.mu.Lock()
	l, there := t.seen.Get(key)
	if !there {
		l = rate.NewLimiter(perSecond, burst)
		t.seen.Add(key, l)
	}
	t.mu.Unlock()
	r := l.Reserve()
	if d := r.Delay(); d > 0 {
		r.Cancel()
		return d
	}
	return 0
}

func (s *Server) pushRoutes() []outer {
	says := func(statuses ...int) (all []answer) {
		for _, status := range append(statuses, http.StatusTooManyRequests, http.StatusServiceUnavailable) {
			all = append(all, answer{status: status, content: []content{jsonOf[PushAnswer]()}})
		}
		return all
	}
	orders := &huma.Schema{Type: huma.TypeObject, Required: []string{"workOrders"}, AdditionalProperties: true, Properties: map[string]*huma.Schema{"workOrders": {Type: huma.TypeString, Description: "The orders as JSON."}}}
	return []outer{
		{method: http.MethodGet, path: "/push/:key", id: "pushRefresh", summary: "Ask the integration of a push key to fetch", answers: says(http.StatusOK), handle: s.withPushKey(s.pushRefresh)},
		{method: http.MethodPost, path: "/push/:key", id: "pushOrders", summary: "Bring orders, to the secret address of an integration", handle: s.withPushKey(s.push),
			takes:   []content{{media: "application/json", schema: &huma.Schema{}}, {media: "application/x-www-form-urlencoded", schema: orders}, {media: "multipart/form-data", schema: orders}},
			answers: says(http.StatusOK, http.StatusBadRequest, http.StatusRequestEntityTooLarge)},
		{method: http.MethodGet, path: "/push/:key/imports/:id", id: "getPushImport", summary: "What became of a large push", query: []string{"after"}, handle: s.withPushKey(s.pushImport),
			answers: append(says(), answer{status: http.StatusOK, content: []content{{media: "application/json", of: reflect.TypeFor[PushImport](), or: reflect.TypeFor[PushAnswer]()}}},
				answer{status: http.StatusNotFound, content: []content{{media: "application/problem+json", of: reflect.TypeFor[Problem]()}}})},
	}
}

// PushImport is how far a large push is, with a page of its orders.
type PushImport struct {
	models.ImportView
	Results []PushedRow `json:"results"`
	Next    *int64      `json:"next_after"` // of the next page: ?after=
}

// PushedRow is what became of one order of a large push.
type PushedRow struct {
	Number   string              `json:"workOrderNumber"`
	Result   string              `json:"result" words:"result"`
	ID       string              `json:"id,omitempty"`
	Messages []models.FieldError `json:"messages"`
}

// withPushKey finds the integration of a key. The key is the only credential, and stands in no log.
func (s *Server) withPushKey(fn func(g *gin.Context, i *models.Integration)) gin.HandlerFunc {
	return func(g *gin.Context) {
		key := g.Param("key")
		i, err := s.Store.IntegrationByPushKey(g.Request.Context(), key)
		switch {
		case models.KindOf(err) == models.NotFound:
			if s.slowDown(g, "stranger/"+models.Network(g.ClientIP()), strangeRate, strangerBurst) {
				return
			}
			s.answerPush(g, http.StatusOK, PushAnswer{Error: unknownKey})
		case err != nil:
			s.fault(g.Request.Context(), "a push failed", "error", err)
			s.answerPush(g, http.StatusServiceUnavailable, PushAnswer{Error: "The server can't answer now: send it again, nothing is lost."})
		case s.slowDown(g, "key/"+i.ID, keyRate, keyBurst):
		case !i.Enabled:
			s.answerPush(g, http.StatusOK, PushAnswer{Error: "The integration is switched off."})
		default:
			known(g)
			fn(g, i)
		}
	}
}

func (s *Server) slowDown(g *gin.Context, key string, perSecond rate.Limit, burst int) bool {
	wait := s.pushing.wait(key, perSecond, burst)
	if wait == 0 {
		return false
	}
	g.Header("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	s.answerPush(g, http.StatusTooManyRequests, PushAnswer{Error: "Too many requests: slow down."})
	return true
}

func (s *Server) answerPush(g *gin.Context, status int, a PushAnswer) {
	if status == http.StatusServiceUnavailable {
		g.Header("Retry-After", strconv.Itoa(retryAfter))
	}
	g.JSON(status, a)
}

// pushRefresh asks for a fetch; people bookmark it.
func (s *Server) pushRefresh(g *gin.Context, i *models.Integration) {
	if i.Fetches() {
		if err := s.Intake.AskRefresh(g.Request.Context(), i, false); err != nil {
			s.fault(g.Request.Context(), "a refresh by push key failed", "error", err)
			s.answerPush(g, http.StatusServiceUnavailable, PushAnswer{Error: "The server can't answer now: try again."})
			return
		}
	}
	s.answerPush(g, http.StatusOK, PushAnswer{Response: true, Error: success})
}

func (s *Server) push(g *gin.Context, i *models.Integration) {
	control := http.NewResponseController(g.Writer)
	body := &patientReader{r: http.MaxBytesReader(g.Writer, g.Request.Body, 3*intake.MaxImport), control: control}
	orders, err := pushedJSON(g.Request.Header.Get("Content-Type"), bufio.NewReaderSize(body, 64<<10))
	if err == nil {
		var account *models.Account
		if account, err = s.Store.AccountByID(g.Request.Context(), i.AccountID); err == nil {
			var pushed *intake.Pushed
			var release func()
			if release, err = s.decoding(g.Request.Context(), pushedAtOnce(g.Request)); err == nil {
				defer release()
				pushed, err = s.Intake.TakePush(g.Request.Context(), account, i, orders)
			}
			if err == nil {
				s.answerPushed(g, pushed)
				return
			}
		}
	}
	var no *wire.ErrNotOrders
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &no):
		s.answerPush(g, http.StatusOK, PushAnswer{Error: no.Reason})
	case errors.As(err, &large), models.KindOf(err) == models.TooLarge:
		s.answerPush(g, http.StatusRequestEntityTooLarge, PushAnswer{Error: "The push is too large: send it in parts of at most 256 MB."})
	case g.Request.Context().Err() != nil, errors.Is(err, io.ErrUnexpectedEOF):
		s.answerPush(g, http.StatusBadRequest, PushAnswer{Error: "The request broke off: send it again, a repeat changes nothing."})
	case models.KindOf(err) == models.Unavailable:
		s.answerPush(g, http.StatusServiceUnavailable, PushAnswer{Error: err.Error()})
	case models.KindOf(err) == models.Forbidden:
		s.answerPush(g, http.StatusOK, PushAnswer{Error: err.Error()})
	default:
		s.fault(g.Request.Context(), "a push failed", "integration", i.ID, "error", err)
		s.answerPush(g, http.StatusServiceUnavailable, PushAnswer{Error: "The server can't answer now: send it again, a repeat changes nothing."})
	}
}

// pushedAtOnce is how much of a push is held to be decoded; the rest of a longer one goes through the store.
func pushedAtOnce(r *http.Request) int64 {
	if r.ContentLength < 0 || r.ContentLength > intake.PushInMemory {
		return intake.PushInMemory
	}
	return r.ContentLength
}

func (s *Server) answerPushed(g *gin.Context, p *intake.Pushed) {
	a := PushAnswer{Response: true, Error: success, Results: p.Results}
	if p.Import != nil {
		a.Import = models.PushURL(s.PublicURL, g.Param("key")) + "/imports/" + p.Import.ID
		s.answerPush(g, http.StatusOK, a)
		return
	}
	rejected := 0
	reason := ""
	for _, r := range p.Results {
		if r.Result == models.ResultRejected {
			if rejected++; reason == "" && len(r.Errors) > 0 {
				reason = r.Number + ": " + r.Errors[0].Field + ": " + r.Errors[0].Message
			}
		}
	}
	if rejected > 0 && rejected == len(p.Results) {
		a.Response, a.Error = false, reason
	}
	s.answerPush(g, http.StatusOK, a)
}

// pushedJSON finds the orders in a body: the form field workOrders, url-encoded or multipart, or the body itself. Live
// senders get the content type wrong, so a body that begins as JSON is JSON.
func pushedJSON(contentType string, body *bufio.Reader) (io.Reader, error) {
	first := firstByte(body)
	if first == '{' || first == '[' {
		return body, nil
	}
	kind, params, _ := mime.ParseMediaType(contentType)
	switch {
	case kind == "multipart/form-data":
		return multipartValue(body, params["boundary"], "workOrders")
	case first == 0:
		return bytes.NewReader(nil), nil
	case strings.Contains(kind, "json"):
		return body, nil
	}
	return formValue(body, "workOrders")
}

// firstByte looks past white space and a byte order mark; 0 at the end.
func firstByte(body *bufio.Reader) byte {
	head, _ := body.Peek(512)
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
	if len(head) == 0 {
		return 0
	}
	return head[0]
}

func noField(name string) error {
	return &wire.ErrNotOrders{Reason: "There is no form field " + name + " in the request."}
}

// multipartValue streams the value of one field of a multipart form.
func multipartValue(body io.Reader, boundary, name string) (io.Reader, error) {
	parts := multipart.NewReader(body, boundary)
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, noField(name)
		}
		if err != nil {
			return nil, &wire.ErrNotOrders{Reason: "The form can't be read: it broke off, or is no multipart/form-data."}
		}
		if part.FormName() == name {
			return part, nil
		}
	}
	return nil, noField(name)
}

// formValue streams the value of one field of a url-encoded form.
func formValue(body *bufio.Reader, name string) (io.Reader, error) {
	for {
		key, err := body.ReadSlice('=') // no longer than the buffer
		if len(key) > 1000 || errors.Is(err, io.EOF) || errors.Is(err, bufio.ErrBufferFull) {
			return nil, noField(name)
		}
		if err != nil {
			return nil, err
		}
		value := &formReader{r: body}
		if strings.TrimSpace(strings.TrimSuffix(string(key), "=")) == name {
			return value, nil
		}
		if _, err := io.Copy(io.Discard, value); err != nil {
			return nil, err
		}
	}
}

// formReader decodes a url-encoded value up to the next &.
type formReader struct {
	r    *bufio.Reader
	done bool
}

func (f *formReader) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) && !f.done {
		c, err := f.r.ReadByte()
		if errors.Is(err, io.EOF) {
			f.done = true
			break
		}
		if err != nil {
			return n, err
		}
		switch c {
		case '&':
			f.done = true
			continue
		case '+':
			c = ' '
		case '%':
			if hex, err := f.r.Peek(2); err == nil {
				if v, err := strconv.ParseUint(string(hex), 16, 8); err == nil {
					c = byte(v)
					_, _ = f.r.Discard(2)
				}
			}
		}
		b[n] = c
		n++
		if f.r.Buffered() == 0 && n > 0 {
			break // what is there is handed over before more is waited for
		}
	}
	if n == 0 && f.done {
		return 0, io.EOF
	}
	return n, nil
}

// pushImport shows what became of a large batch.
func (s *Server) pushImport(g *gin.Context, i *models.Integration) {
	db := s.Store.Read(models.InAccount(g.Request.Context(), i.AccountID))
	found, err := models.One[models.Import](db.Where("id = ? AND integration_id = ?", g.Param("id"), i.ID), "import")
	c := &call{Context: g, server: s}
	if err != nil {
		c.fail(err)
		return
	}
	after, _ := strconv.ParseInt(g.Query("after"), 10, 64)
	var rows []models.ImportRow
	if err := db.Where("import_id = ? AND line > ?", found.ID, after).Order("line").Limit(resultsAPage).Find(&rows).Error; err != nil {
		c.fail(err)
		return
	}
	answer := PushImport{ImportView: found.View(), Results: []PushedRow{}}
	for _, r := range rows {
		answer.Results = append(answer.Results, PushedRow{r.Number, r.Result, r.WorkOrderID, r.Messages})
	}
	if len(rows) == resultsAPage {
		answer.Next = &rows[len(rows)-1].Line
	}
	g.JSON(http.StatusOK, answer)
}
