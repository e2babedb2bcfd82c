//go:build soak

package tests

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// What a Fieldproof may take of memory under attack beside its work, and a minute after it.
const (
	mostMemory = 768 << 20
	idleMemory = 512 << 20
)

// TestSoak sends everything that once stopped the house, again and again, beside a crew that works.
func TestSoak(t *testing.T) {
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		office, crew, order := crewWithOrderAt(t, in)
		until := time.Now().Add(150 * time.Second)
		var all sync.WaitGroup
		var peak, uploads atomic.Int64
		for _, attack := range attacksOn(t, in, office, order) {
			all.Go(func() {
				for time.Now().Before(until) {
					attack()
				}
			})
		}
		picture := hugePNG(10_000)
		all.Go(func() {
			for time.Now().Before(until) {
				office.Do("GET", "/photos/"+office.Upload(order, picture).Text("id")+"/display", nil)
			}
		})
		for range 16 {
			all.Go(func() {
				for time.Now().Before(until) {
					drip(in.URL, until)
				}
			})
		}
		for n := range 2 {
			all.Go(func() {
				for i := 0; time.Now().Before(until); i++ {
					crew.Upload(order, rig.JPEG(1600, 1200, uint64(n*100_000+i)))
					uploads.Add(1)
				}
			})
		}
		all.Go(func() {
			for time.Now().Before(until) {
				for pid := range in.Processes() {
					peak.Store(max(peak.Load(), resident(t, pid)))
				}
				time.Sleep(200 * time.Millisecond)
			}
		})
		all.Wait()
		t.Logf("%d photos taken meanwhile; at most %d MB", uploads.Load(), peak.Load()>>20)
		require.Less(t, peak.Load(), int64(mostMemory))
		require.Greater(t, uploads.Load(), int64(20), "the crew's work goes on")
		time.Sleep(time.Minute)
		for pid := range in.Processes() {
			t.Logf("idle: %d MB", resident(t, pid)>>20)
			require.Less(t, resident(t, pid), int64(idleMemory))
		}
	})
}

// drip sends a stranger's body byte by byte, until the server ends it.
func drip(url string, until time.Time) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /integration/v2/validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{")
	for err == nil && time.Now().Before(until) {
		time.Sleep(5 * time.Second)
		_, err = conn.Write([]byte(" "))
	}
}
