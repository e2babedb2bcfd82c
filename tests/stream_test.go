package tests

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

type liveEvent struct{ lastID, kind, order, id string }

func openStream(t *testing.T, ctx context.Context, u *rig.User, lastID string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", u.URL+"/api/v1/stream", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+u.Token)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	return response
}

// listen opens the stream; ok tells whether it was let in.
func listen(t *testing.T, u *rig.User, lastID string) (events chan liveEvent, ok bool) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	response := openStream(t, ctx, u, lastID) //nolint:bodyclose // closed by the reader below
	if response.StatusCode != 200 {
		_ = response.Body.Close()
		return nil, false
	}
	events = make(chan liveEvent, 100)
	go func() {
		defer close(events)
		defer response.Body.Close()
		var e liveEvent
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if id, is := strings.CutPrefix(lines.Text(), "id: "); is {
				e.lastID = id
			}
			if data, is := strings.CutPrefix(lines.Text(), "data: "); is {
				var v map[string]string
				_ = json.Unmarshal([]byte(data), &v)
				e.kind, e.order, e.id = v["type"], v["work_order_id"], v["id"]
				events <- e
			}
		}
	}()
	return events, true
}

func streams(t *testing.T, u *rig.User) bool {
	_, ok := listen(t, u, "")
	return ok
}

func next(t *testing.T, events chan liveEvent) liveEvent {
	t.Helper()
	select {
	case e, open := <-events:
		require.True(t, open, "the stream ended")
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("no event came")
		return liveEvent{}
	}
}

func TestTheStreamTellsWhatHappensAndResumes(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, mine := crewWithOrder(t, in, nil)
		all, _ := listen(t, office, "")
		field, _ := listen(t, crew, "")
		other := office.Order(nil)
		office.Want(200, "PATCH", "/work-orders/"+mine.Text("id"), rig.JSON{"work_order_info": "x"})
		created := next(t, all)
		require.Equal(t, []string{"work_order.created", other.Text("id")}, []string{created.kind, created.order})
		require.Equal(t, mine.Text("id"), next(t, all).order)
		require.Equal(t, mine.Text("id"), next(t, field).order, "the crew hears of its own orders only")
		resumed, _ := listen(t, office, created.lastID)
		require.Equal(t, mine.Text("id"), next(t, resumed).order, "nothing is missed, nothing told twice")
		office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"active": false})
		crew.Want(401, "GET", "/work-orders", nil)
		for open := true; open; { // the stream of whom was switched off ends
			select {
			case _, open = <-field:
			case <-time.After(20 * time.Second):
				t.Fatal("the stream stayed open")
			}
		}
	})
}

func TestAUserHasSoManyStreamsAndAClosedOneFreesItsPlace(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, mine := crewWithOrder(t, in, nil)
	ctx, closeOne := context.WithCancel(context.Background())
	first := openStream(t, ctx, crew, "")
	require.Equal(t, 200, first.StatusCode)
	for range 49 {
		require.True(t, streams(t, crew))
	}
	require.False(t, streams(t, crew), "the fifty-first")
	refused := crew.Do("GET", "/stream", nil)
	require.Equal(t, []any{429, "too_many", "15"}, []any{refused.Status, refused.Text("code"), refused.Header.Get("Retry-After")})
	all, ok := listen(t, office, "")
	require.True(t, ok, "others are not held up")
	office.Want(200, "PATCH", "/work-orders/"+mine.Text("id"), rig.JSON{"work_order_info": "x"})
	require.Equal(t, mine.Text("id"), next(t, all).order)
	closeOne()
	_ = first.Body.Close()
	require.Eventually(t, func() bool { return streams(t, crew) }, rig.Patience, 50*time.Millisecond, "the place of a closed stream stays taken")
	require.False(t, streams(t, crew), "one place was freed, and no more")
}
