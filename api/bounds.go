package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"fieldproof/intake"
	"fieldproof/models"
)

// What a request may cost before anybody knows who asks. Crews share an address, and peers upload side by side: so many
// bodies may be open to strangers, while one that is signed in goes on as long as it moves.
const (
	strangersTime   = time.Minute // for the body, until somebody is signed in
	strangersBodies = 64          // of one network at once
	// Files that come before the credentials lie on the disk, of one network and of all together; so do texts in memory.
	asideEach, asideAll = 256 << 20, 2 << 30
	textEach, textAll   = 32 << 20, 128 << 20
	// decodes is how many times its length a text takes while it is decoded, or shown.
	decodes = 8
	// movesAtLeast is what must arrive of a body in half of stallsFor: a byte now and then holds a connection for ever.
	movesAtLeast = 1 << 10
	// waitsForRoom is how long a request waits for memory: its answer comes in time all the same.
	waitsForRoom = 6 * time.Second
)

// largest is the most of a body that a route reads. Routes that are in no row take JSON.
func largest(path string) int64 {
	switch {
	case strings.HasSuffix(path, "/photos"), strings.HasPrefix(path, "/api/v1/uploads/"):
		return intake.DefaultLimits.MaxBytes + 1<<20
	case path == "/api/v1/rescues":
		return intake.MaxRescue + 1<<20
	case strings.HasPrefix(path, "/integration/v2/"):
		return intake.DefaultLimits.MaxBytes + maxPayload + 1<<20
	case strings.HasPrefix(path, "/push/"):
		return 3 * intake.MaxImport // url-encoded
	case strings.HasSuffix(path, "/imports"), strings.HasSuffix(path, "/imports/preview"):
		return intake.MaxImport + 1<<20
	case strings.HasPrefix(path, "/api/v1/account/logo"):
		return mostLogo + 1<<10
	}
	return maxBody + 1<<10
}

// bounds hold every request to what its route may cost, before anything of it is parsed or kept.
type bounds struct {
	bodies  *places // of strangers, by network
	streams *places // by user
	aside   *share
	texts   *share
}

func newBounds() *bounds {
	return &bounds{bodies: newPlaces(strangersBodies), streams: newPlaces(streamsEach), aside: newShare(asideEach, asideAll), texts: newShare(textEach, textAll)}
}

// places are how many of something each may have open at once.
type places struct {
	mu   sync.Mutex
	each int
	open map[string]int
}

func newPlaces(each int) *places {
	return &places{each: each, open: map[string]int{}}
}

// admit takes a place; the function that it returns gives it back.
func (p *places) admit(who string) (done func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[who] >= p.each {
		return nil, false
	}
	p.open[who]++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.open[who]--; p.open[who] <= 0 {
			delete(p.open, who)
		}
	}), true
}

const knownKey = "fieldproof who asks is known"

// known tells the bounds that it is known who asks.
func known(g *gin.Context) {
	if done, there := g.Get(knownKey); there {
		done.(func())()
	}
}

// bounded bounds the body of a request.
func (s *Server) bounded(g *gin.Context) {
	if g.Request.Body == nil || g.Request.Body == http.NoBody {
		g.Next()
		return
	}
	done, ok := s.bounds.bodies.admit(models.Network(g.ClientIP()))
	if !ok {
		g.Header("Retry-After", "5")
		g.Header("Connection", "close")
		s.refuse(models.TooMany, "Too many requests of this address are open: wait for their ends.")(g)
		g.Abort()
		return
	}
	defer done()
	control := http.NewResponseController(g.Writer)
	_ = control.SetReadDeadline(time.Now().Add(strangersTime)) // a writer without deadlines is a test's
	// What is left of a body is not waited for; the next request of the connection gets a time of its own.
	defer func() { _ = control.SetReadDeadline(time.Now().Add(time.Second)) }()
	g.Set(knownKey, func() {
		done()
		_ = control.SetReadDeadline(time.Now().Add(stallsFor))
	})
	g.Request.Body = http.MaxBytesReader(g.Writer, g.Request.Body, largest(g.Request.URL.Path))
	g.Next()
}

// tooLarge tells a body that is larger than its route takes from one that broke off.
func tooLarge(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return models.Errorf(models.TooLarge, "The request is larger than %d KB, the most that is taken here.", large.Limit>>10)
	}
	return nil
}

// share is room that strangers have: a network so much, and all of them so much.
type share struct {
	mu         sync.Mutex
	each, most int64
	held       map[string]int64
	all        int64
}

func newShare(each, most int64) *share {
	return &share{each: each, most: most, held: map[string]int64{}}
}

func (s *share) take(network string, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[network]+n > s.each || s.all+n > s.most {
		return false
	}
	s.held[network] += n
	s.all += n
	return true
}

func (s *share) give(network string, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all -= n
	if s.held[network] -= n; s.held[network] <= 0 {
		delete(s.held, network)
	}
}

var errNoRoomAside = models.Errorf(models.Unavailable, "Too much came from this address before its credentials: send the payload first, or again later.")

// sharedReader reads what a stranger sends, and holds its room until it is closed.
type sharedReader struct {
	r       io.Reader
	share   *share
	network string
	took    int64
}

func (s *sharedReader) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if n > 0 && !s.share.take(s.network, int64(n)) {
		return 0, errNoRoomAside
	}
	s.took += int64(n)
	return n, err
}

func (s *sharedReader) close() {
	s.share.give(s.network, s.took)
	s.took = 0
}

// readCloser reads from one and closes another.
type readCloser struct {
	io.Reader
	io.Closer
}

// decoding waits for the memory that decoding a text takes, or showing it.
func (s *Server) decoding(ctx context.Context, length int64) (release func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, waitsForRoom)
	defer cancel()
	return models.TakeMemory(ctx, decodes*length)
}
