package models

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"
)

// MemoryBudget is what everything of the process that decodes, unpacks or parses may take together, in bytes: pictures,
// spreadsheets, pushes, payloads, templates. Each has a limit of its own beside it.
const MemoryBudget = 512 << 20

// uncounted is how little needs no room: most requests never wait behind a picture.
const uncounted = 1 << 20

var memory = semaphore.NewWeighted(MemoryBudget)

// quietFor is how long nothing was decoded when the system gets back what decoding took: without work the runtime would keep
// it until its next collection, some minutes off.
const quietFor = 15 * time.Second

var afterQuiet = func() *time.Timer {
	t := time.AfterFunc(quietFor, debug.FreeOSMemory)
	t.Stop()
	return t
}()

// TakeMemory waits for room to decode, and returns what gives it back. Who has room takes no more before it is given back,
// or two wait for each other. [Unavailable] when the time of ctx ends before there is room.
func TakeMemory(ctx context.Context, bytes int64) (release func(), err error) {
	if bytes < uncounted {
		return func() {}, nil
	}
	bytes = min(bytes, MemoryBudget)
	if err := memory.Acquire(ctx, bytes); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return nil, &Error{Kind: Unavailable, Message: "The server has its hands full: nothing was taken, send it again in some seconds.", Cause: err}
		}
		return nil, err
	}
	return func() {
		memory.Release(bytes)
		afterQuiet.Reset(quietFor)
	}, nil
}
