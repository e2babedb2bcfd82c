package storage

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhoeverAsksGetsARunThatBeganAfterwards holds the one thing on which durability rests, and that runs are shared.
func TestWhoeverAsksGetsARunThatBeganAfterwards(t *testing.T) {
	var r rounds
	var written, synced, runs, atOnce atomic.Int64
	hold := make(chan struct{})
	step := func() {
		if atOnce.Add(1) > 1 {
			t.Error("two runs of one key at once")
		}
		runs.Add(1)
		seen := written.Load()
		<-hold
		synced.Store(seen)
		atOnce.Add(-1)
	}
	var asked, all sync.WaitGroup
	for range 200 {
		asked.Add(1)
		all.Go(func() {
			mine := written.Add(1)
			asked.Done()
			if err := r.do("folder", func() error { step(); return nil }); err != nil {
				t.Error(err)
			}
			if synced.Load() < mine {
				t.Error("an answer before the run that holds what was written")
			}
		})
	}
	asked.Wait()
	close(hold)
	all.Wait()
	require.Less(t, runs.Load(), int64(200))
	require.Empty(t, r.keys, "nothing is kept of what is over")
}

func TestAFailedRunFailsForAllWhoSharedItAndForNobodyElse(t *testing.T) {
	var r rounds
	broken := errors.New("broken")
	require.ErrorIs(t, r.do("folder", func() error { return broken }), broken)
	require.NoError(t, r.do("folder", func() error { return nil }))
}
