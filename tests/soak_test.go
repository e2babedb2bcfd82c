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

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// What a Fieldproof may take of memory under attack beside its work, and what it keeps when both are over.
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

// unrendered counts the photos whose renditions are not made yet.
func unrendered(t *testing.T, store *models.Store) (n int64) {
	t.Helper()
	require.NoError(t, store.Read(models.AcrossAccounts(t.Context())).Model(&models.Item{}).
		Where("kind = ? AND renditions = ?", models.Photo, models.RenditionsDue).Count(&n).Error)
	return n
}

// busy tells how long the busiest process worked in the time that it takes to look, and the memory of the largest.
func busy(t *testing.T, in *rig.Installation) (worked time.Duration, memory int64) {
	t.Helper()
	before := map[int]time.Duration{}
	for pid := range in.Processes() {
		before[pid] = processorTime(t, pid)
	}
	time.Sleep(idlesFor)
	for pid, then := range before {
		worked, memory = max(worked, processorTime(t, pid)-then), max(memory, resident(t, pid))
	}
	return worked, memory
}

// taken sends a photo as a phone does that is told to come back later, and returns its id; "" when the time is up.
func taken(t *testing.T, u *rig.User, order string, photo []byte, until time.Time) string {
	id := uuid.NewString()
	for time.Now().Before(until) {
		a := u.Do("POST", "/work-orders/"+order+"/photos", rig.PhotoForm(photo, id))
		if a.Status < 300 {
			return a.Text("id")
		}
		if !assert.Equal(t, http.StatusServiceUnavailable, a.Status, "%s", a.Body) {
			break
		}
	}
	return ""
}

// TestSoak sends everything that once stopped the house, again and again, beside a crew that works.
func TestSoak(t *testing.T) {
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		store := storeOf(t, in)
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
				if id := taken(t, office, order, picture, until); id != "" {
					office.Do("GET", "/photos/"+id+"/display", nil)
				}
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
					if taken(t, crew, order, rig.JPEG(1600, 1200, uint64(n*100_000+i)), until) != "" {
						uploads.Add(1)
					}
				}
			})
		}
		over := make(chan struct{})
		var watching sync.WaitGroup
		watching.Go(func() {
			for {
				for pid := range in.Processes() {
					peak.Store(max(peak.Load(), resident(t, pid)))
				}
				select {
				case <-over:
					return
				case <-time.After(200 * time.Millisecond):
				}
			}
		})
		defer func() { close(over); watching.Wait() }() // before the processes end
		all.Wait()
		t.Logf("%d photos taken meanwhile; at most %d MB", uploads.Load(), peak.Load()>>20)
		require.Greater(t, uploads.Load(), int64(10), "the crew's work goes on")
		// What was taken is worked off, however busy the machine: only what was sent against the house must be over.
		t.Logf("left: %d imports, %d photos without renditions", unfinished(office), unrendered(t, store))
		office.AwaitFor(8*time.Minute, "the work that was taken", func() bool { return unfinished(office) == 0 && unrendered(t, store) == 0 })
		for rests := time.Now().Add(time.Minute); ; {
			worked, memory := busy(t, in)
			t.Logf("after it: %v of a processor in %v, %d MB", worked, idlesFor, memory>>20)
			if worked < idlesFor/4 && memory < idleMemory {
				break
			}
			require.True(t, time.Now().Before(rests), "something that was sent is still worked on a minute later, or held")
		}
		require.Less(t, peak.Load(), int64(mostMemory))
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
