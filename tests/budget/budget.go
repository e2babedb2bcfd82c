// Package budget holds tests to what reading something may take. The race detector allocates and waits for itself, so under
// it nothing is judged: `make test` runs what has a budget once more without it.
package budget

import (
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a processor may work on anything that has a budget: what is linear in its input takes a moment or
// some, what is not minutes. Waiting for a busy machine does not count.
const Patience = 30 * time.Second

// Spent is what something took of the process: the bytes that were allocated in all, many of them one after another, and
// the time of processors.
type Spent struct {
	Bytes uint64
	Took  time.Duration
}

// Of runs read and tells what it took.
func Of(read func()) Spent {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := processors()
	read()
	took := processors() - began
	runtime.ReadMemStats(&after)
	return Spent{after.TotalAlloc - before.TotalAlloc, took}
}

func processors() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// Within fails t when more than some bytes were allocated, or a processor worked for more than [Patience].
func (s Spent) Within(t testing.TB, bytes uint64) {
	t.Helper()
	switch {
	case raced:
	case s.Bytes > bytes:
		t.Fatalf("%d bytes were allocated, at most %d may be", s.Bytes, bytes)
	case s.Took > Patience:
		t.Fatalf("it took %v of a processor, at most %v may be", s.Took, Patience)
	}
}

// Alone skips under the race detector a test that shows nothing there, and takes minutes.
func Alone(t testing.TB) {
	t.Helper()
	if raced {
		t.Skip("what it takes is judged without the race detector")
	}
}
