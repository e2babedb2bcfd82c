package models_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"fieldproof/models"
)

var write = flag.Bool("write", false, "write what docs/ has from the code")

func TestLifecycleDocument(t *testing.T) {
	const file = "../docs/lifecycle.md"
	if *write {
		require.NoError(t, os.WriteFile(file, []byte(models.LifecycleDocument()), 0o644))
	}
	have, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, models.LifecycleDocument(), string(have), "run `make docs`")
}

var events = []models.Event{models.Assign, models.Unassign, models.Start, models.Complete, models.Reject, models.Approve, models.Unapprove, models.Publish,
	models.Cancel, models.Reopen, models.Close, models.Delete, models.Restore}

// TestRandomEventsNeverReachAnIllegalState walks random sequences and compares each step with the table.
func TestRandomEventsNeverReachAnIllegalState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := models.Lifecycle{State: models.Created, Version: 1}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			event := rapid.SampledFrom(events).Draw(t, "event")
			facts := models.Facts{Assigned: rapid.Bool().Draw(t, "assigned"), Office: rapid.Bool().Draw(t, "office"), Automatic: rapid.Bool().Draw(t, "automatic")}
			next, err := l.After(event, facts)
			if slices.Contains(l.Allowed(facts), event) != (err == nil) {
				t.Fatalf("%s from %+v: Allowed and After disagree: %v", event, l, err)
			}
			if err == nil && !l.MayBeLegal(event) {
				t.Fatalf("%s from %+v: the validator would refuse what is legal", event, l)
			}
			if err != nil {
				if next != l || models.KindOf(err) != models.Conflict {
					t.Fatalf("a refusal changed %+v to %+v: %v", l, next, err)
				}
				continue
			}
			if next.Version != l.Version+1 || !slices.Contains(models.States, next.State) {
				t.Fatalf("%s from %+v led to %+v", event, l, next)
			}
			if next.Hidden && next.State != models.Cancelled && next.State != models.Closed {
				t.Fatalf("a deleted order in state %s", next.State)
			}
			legal := slices.ContainsFunc(models.Transitions, func(tr models.Transition) bool {
				return tr.Event == event && slices.Contains(tr.From, l.State) && tr.Hidden == l.Hidden
			})
			if !legal {
				t.Fatalf("%s from %s is in no row of the table", event, l.State)
			}
			l = next
		}
	})
}

// TestEveryLegalStateIsReachable explores everything that the table allows.
func TestEveryLegalStateIsReachable(t *testing.T) {
	type place struct {
		state  models.State
		hidden bool
	}
	used := map[[2]string]bool{}
	seen := map[models.Lifecycle]bool{}
	reached := map[place]bool{}
	queue := []models.Lifecycle{{State: models.Created}}
	for len(queue) > 0 {
		l := queue[0]
		queue = queue[1:]
		l.Version = 0
		if seen[l] {
			continue
		}
		seen[l] = true
		reached[place{l.State, l.Hidden}] = true
		for _, event := range events {
			for bits := range 8 {
				next, err := l.After(event, models.Facts{Assigned: bits&1 > 0, Office: bits&2 > 0, Automatic: bits&4 > 0})
				if err == nil {
					used[[2]string{string(event), string(l.State)}] = true
					queue = append(queue, next)
				}
			}
		}
	}
	for _, s := range models.States {
		require.True(t, reached[place{s, false}], "%s is reached", s)
	}
	for _, tr := range models.Transitions {
		for _, from := range tr.From {
			require.True(t, used[[2]string{string(tr.Event), string(from)}], "%s from %s is used", tr.Event, from)
		}
	}
}

func TestReopenedAndRestoredOrdersGoOnWhereTheyWere(t *testing.T) {
	l := models.Lifecycle{State: models.Created, Version: 1}
	step := func(event models.Event, want models.State) {
		t.Helper()
		next, err := l.After(event, models.Facts{Assigned: true})
		require.NoError(t, err)
		require.Equal(t, want, next.State)
		l = next
	}
	step(models.Assign, models.Assigned)
	step(models.Complete, models.Completed)
	step(models.Delete, models.Cancelled)
	require.True(t, l.Over())
	step(models.Restore, models.Completed)
	step(models.Cancel, models.Cancelled)
	step(models.Close, models.Closed)
	step(models.Delete, models.Closed)
	step(models.Restore, models.Closed)
	step(models.Reopen, models.Cancelled)
	step(models.Reopen, models.Completed)
}
