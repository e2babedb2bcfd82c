package api

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"fieldproof/intake"
	"fieldproof/models"
)

// What a request may cost before anybody knows who asks. Crews share an address, and peers upload side by side: so many
// bodies may be open to strangers, while one that is signed in goes on as long as it moves.
const (
	strangersTime   = time.Minute // for the body, until somebody is signed in
	strangersBodies = 64          // of one network at once
	asideRoom       = 512 << 20   // bytes of files that came before the credentials, of all together
	// movesAtLeast is what must arrive of a body in half of stallsFor: a byte now and then holds a connection for ever.
	movesAtLeast = 1 << 10
)

// largest is the most of a body that a route reads. Routes that are in no row take JSON.
func largest(path string) int64 {
	switch {
	case strings.HasSuffix(path, "/photos"):
		return intake.DefaultLimits.MaxBytes + 1<<20
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
	mu    sync.Mutex
	open  map[string]int // bodies of strangers by network
	aside *semaphore.Weighted
}

func newBounds() *bounds {
	return &bounds{open: map[string]int{}, aside: semaphore.NewWeighted(asideRoom)}
}

// admit opens a stranger's body; the function that it returns closes it.
func (b *bounds) admit(network string) (done func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open[network] >= strangersBodies {
		return nil, false
	}
	b.open[network]++
	return sync.OnceFunc(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.open[network]--; b.open[network] <= 0 {
			delete(b.open, network)
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
	done, ok := s.bounds.admit(models.Network(g.ClientIP()))
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

// asideReader gives back the room that a file took which came before the credentials.
type asideReader struct {
	io.Reader
	room *semaphore.Weighted
	took int64
}

func (a *asideReader) Read(b []byte) (int, error) {
	if !a.room.TryAcquire(int64(len(b))) {
		return 0, models.Errorf(models.Unavailable, "Too many files came before their credentials: send the payload first, or again later.")
	}
	a.took += int64(len(b))
	n, err := a.Reader.Read(b)
	a.room.Release(int64(len(b) - n))
	a.took -= int64(len(b) - n)
	return n, err
}

func (a *asideReader) close() { a.room.Release(a.took) }
