package tests

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// holdStream keeps back each event stream that a page opens, as a slow line does: it arrives in held, to be let go.
func holdStream(t *testing.T, ctx context.Context, held chan func()) {
	t.Helper()
	chromedp.ListenTarget(ctx, func(e any) {
		if e, is := e.(*fetch.EventRequestPaused); is {
			held <- func() { require.NoError(t, chromedp.Run(ctx, fetch.ContinueRequest(e.RequestID))) }
		}
	})
	require.NoError(t, chromedp.Run(ctx, fetch.Enable().WithPatterns([]*fetch.RequestPattern{{URLPattern: "*/api/v1/stream*"}})))
}

func opened(t *testing.T, held chan func()) (letGo func()) {
	t.Helper()
	select {
	case letGo := <-held:
		return letGo
	case <-time.After(rig.Patience):
		require.FailNow(t, "no page opened a stream")
		return nil
	}
}

// TestAScreenMissesNothingWhileItsStreamOpens changes what each live screen shows between its first rows and the opening of the
// stream.
func TestAScreenMissesNothingWhileItsStreamOpens(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	hook := rig.NewReceiver()
	defer hook.Close()
	office, crew, reviewed, photos := toReview(t, in)
	hookAt(office, "archive", hook.URL, nil)
	listed := office.Order(rig.JSON{"client_code": "LIVE"}).Text("id")
	published := completed(office, "PUBLISH", 1)[0]
	office.Want(200, "POST", "/work-orders/"+published+"/approve", nil)
	ctx := signedIn(t, in, office, false)
	held := make(chan func(), 10)
	holdStream(t, ctx, held)
	for _, s := range []struct {
		name, path, ready string
		change            func()
		told              string
	}{
		{"a row of the list", "/orders?client_code=LIVE", `document.querySelectorAll(".Canvas .c-number").length === 1`,
			func() {
				office.Want(200, "POST", "/work-orders/"+listed+"/assign", rig.JSON{"assignee": crew.Username})
			}, `document.querySelector(".Canvas .c-state").innerText.includes("Assigned")`},
		{"a new order of the list", "/orders?client_code=LIVE", `document.querySelectorAll(".Canvas .c-number").length === 1`,
			func() { office.Order(rig.JSON{"client_code": "LIVE"}) }, `document.querySelector(".NewRows")?.innerText.includes("1 new order")`},
		{"an order", "/orders/" + listed, `document.querySelector(".Order-head .Mark")?.innerText.includes("Assigned")`,
			func() { office.Want(200, "POST", "/work-orders/"+listed+"/unassign", rig.JSON{}) },
			`document.querySelector(".Order-head .Mark").innerText.includes("Created")`},
		{"the photos of an order", "/orders/" + reviewed + "/review", `document.querySelectorAll(".Tile[id]").length === 6`,
			func() {
				office.Want(200, "PATCH", "/photos/"+photos[0], rig.JSON{"review": "approved"})
			}, `document.querySelector(".verdict.ok")`},
		{"the orders that wait", "/review", `document.querySelector("[role=grid] [aria-rowindex='2'] .code")`,
			func() { completed(office, "WAITS", 1) }, `document.querySelector(".NewRows")`},
		{"what was published", "/orders/" + published + "/publish", `document.querySelector(".Publish")`,
			func() { office.Want(200, "POST", "/work-orders/"+published+"/publish", nil) },
			`[...document.querySelectorAll(".DeliveryList li")].some(l => l.innerText.includes("archive"))`},
		{"home", "/", `[...document.querySelectorAll(".Needs li")].length > 0`,
			func() { office.Order(rig.JSON{"due_date": "2020-01-02"}) },
			`[...document.querySelectorAll(".Needs li.bad")].some(l => l.innerText.match(/^1\s+is overdue/))`},
	} {
		require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+s.path)))
		letGo := opened(t, held)
		until(t, ctx, s.name+" is shown", s.ready)
		s.change()
		letGo()
		until(t, ctx, s.name+" tells what happened before its stream was open", s.told)
	}
}

func TestTheWindowsOfABrowserShareOneStream(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	office.Order(nil)
	first := signedIn(t, in, office, false) // it holds the stream
	held := make(chan func(), 10)
	var others []context.Context
	for range 2 {
		window, stop := chromedp.NewContext(first)
		t.Cleanup(stop)
		uncomplaining(t, window)
		holdStream(t, window, held)
		require.NoError(t, chromedp.Run(window, chromedp.Navigate(in.URL+"/orders"), chromedp.WaitVisible(`.Canvas .c-number`)))
		others = append(others, window)
	}
	waiting := func(n string) {
		t.Helper()
		for i, window := range others {
			until(t, window, fmt.Sprintf("window %d tells of %s", i+2, n), `document.querySelector(".NewRows")?.innerText.includes("`+n+`")`)
		}
	}
	office.Order(nil)
	waiting("1 new order")
	require.Empty(t, held, "the stream of the first window is enough for all")

	// The window that holds it goes; nothing is lost until another has its own open.
	require.NoError(t, chromedp.Run(first, chromedp.Navigate("about:blank")))
	letGo := opened(t, held)
	office.Order(nil)
	letGo()
	waiting("2 new orders")
	require.Empty(t, held, "one of the others holds it now, for both")
}
