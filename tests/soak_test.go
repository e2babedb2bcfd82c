//go:build soak

package tests

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// What a Fieldproof may take of memory under attack beside its work, and a minute after it.
const (
	mostMemory = 768 << 20
	idleMemory = 512 << 20
	idlesFor   = 10 * time.Second
)

// processorTime is what a process has had of the processors. The kernel counts it in hundredths of a second.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// unfinished counts the imports that are not at their end.
func unfinished(office *rig.User) (n int) {
	for cursor := ""; ; {
		page := office.Want(200, "GET", "/imports?limit=200"+cursor, nil)
		for i := range page.List("items") {
			switch page.Text("items", i, "state") {
			case models.ImportPending, models.ImportRunning:
				n++
			}
		}
		next := page.Text("next_cursor")
		if next == "" {
			return n
		}
		cursor = "&cursor=" + next
	}
}

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
		for name, attack := range attacksOn(t, in, office, order) {
			all.Go(func() {
				answers := map[int]int{}
				for time.Now().Before(until) {
					answers[attack()]++
				}
				t.Logf("%s: times by status %v", name, answers)
				for status := range answers {
					assert.True(t, status < 500 || status == http.StatusServiceUnavailable, "%s: %d", name, status)
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
		worked := map[int]time.Duration{}
		for pid := range in.Processes() {
			t.Logf("idle: %d MB", resident(t, pid)>>20)
			require.Less(t, resident(t, pid), int64(idleMemory))
		}
		// The rows of what was taken are worked off; only what was sent against the house must be over.
		t.Logf("%d imports still run", unfinished(office))
		office.AwaitFor(5*time.Minute, "every import that was taken", func() bool { return unfinished(office) == 0 })
		for pid := range in.Processes() {
			worked[pid] = processorTime(t, pid)
		}
		time.Sleep(idlesFor)
		for pid, before := range worked {
			spent := processorTime(t, pid) - before
			t.Logf("idle: %v of a processor in %v", spent, idlesFor)
			require.Less(t, spent, idlesFor/4, "nothing that was sent is still worked on")
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
