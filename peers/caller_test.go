package peers_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/peers"
	"fieldproof/tests/budget"
)

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func file(size int64) *peers.Upload {
	return &peers.Upload{Name: "photo.jpg", ContentType: "image/jpeg", Size: size,
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(zeros{}, size)), nil }}
}

// TestFilesUnderWayTakeLittle has fifty deliveries under way at once: each costs a buffer, and says its length first.
func TestFilesUnderWayTakeLittle(t *testing.T) {
	const deliveries, size = 50, 8 << 20
	var chunked atomic.Int64
	var all sync.WaitGroup
	all.Add(deliveries)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			chunked.Add(1)
		}
		all.Done()
		all.Wait() // all of them are under way
		n, _ := io.Copy(io.Discard, r.Body)
		if n != r.ContentLength {
			chunked.Add(1)
		}
		_, _ = io.WriteString(w, `{"status":true,"error":null}`)
	}))
	defer server.Close()
	peer := peers.At(server.URL, "", "vendor", "secret", "", server.Client())
	failed := make(chan error, deliveries)
	spent := budget.Of(func() {
		var done sync.WaitGroup
		for range deliveries {
			done.Go(func() {
				_, _, err := peer.Tell(t.Context(), "uploadPictures", file(size))
				failed <- err
			})
		}
		done.Wait()
	})
	for range deliveries {
		require.NoError(t, <-failed)
	}
	require.Zero(t, chunked.Load(), "every form goes with its length")
	spent.Within(t, deliveries*512<<10)
}

func TestAFileThatBreaksOffIsNoFaultOfThePeer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer server.Close()
	broken := file(1 << 20)
	broken.Open = func(context.Context) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(io.LimitReader(zeros{}, 1000), failing{})), nil
	}
	_, _, err := peers.At(server.URL, "", "vendor", "secret", "", server.Client()).Tell(t.Context(), "uploadPictures", broken)
	var source *peers.ErrSource
	require.ErrorAs(t, err, &source)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }
