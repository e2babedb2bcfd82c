package tests

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// signedIn opens the portal in Chromium and signs in on the screen as people do. At the end of the test nothing may have been
// complained of: no error of a script, no refusal by the content security policy.
func signedIn(t *testing.T, in *rig.Installation, u *rig.User, phone bool) context.Context {
	t.Helper()
	ctx := browse(t, phone)
	uncomplaining(t, ctx)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/"), chromedp.WaitVisible(`input[autocomplete=username]`),
		chromedp.SendKeys(`input[autocomplete=username]`, u.Username), chromedp.SendKeys(`input[autocomplete=current-password]`, rig.Password+kb.Enter),
		chromedp.WaitVisible(`nav.Rail`)))
	return ctx
}

// noNetwork is how Chromium says that a test took the network away.
var noNetwork = regexp.MustCompile(`^Failed to load resource: net::ERR_(CONNECTION_|INTERNET_DISCONNECTED|NETWORK_CHANGED|EMPTY_RESPONSE|INCOMPLETE_CHUNKED|SOCKET_)`)

// uncomplaining fails the test at its end for whatever the browser complained of.
func uncomplaining(t *testing.T, ctx context.Context) {
	var mu sync.Mutex
	var complaints []string
	chromedp.ListenTarget(ctx, func(e any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := e.(type) {
		case *runtime.EventExceptionThrown:
			complaints = append(complaints, e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			// An answer that says no, or none at all, is told on the screen; Chromium counts it as an error all the same.
			said, no := strings.CutPrefix(e.Entry.Text, "Failed to load resource: the server responded with a status of ")
			told := no && (strings.HasPrefix(said, "4") || strings.HasPrefix(said, "503")) || noNetwork.MatchString(e.Entry.Text)
			if e.Entry.Level == log.LevelError && !told {
				complaints = append(complaints, e.Entry.Text+" "+e.Entry.URL)
			}
		}
	})
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, complaints)
	})
}

// dark has the page in the dark theme, as the system wishes it.
func dark(is bool) chromedp.Action {
	value := "light"
	if is {
		value = "dark"
	}
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}})
}

// shots keeps a screen as it looks light and dark.
func shots(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	for _, is := range []bool{false, true} {
		require.NoError(t, chromedp.Run(ctx, dark(is)))
		screenshot(t, ctx, name+map[bool]string{false: "-light", true: "-dark"}[is])
	}
	require.NoError(t, chromedp.Run(ctx, dark(false)))
}

func TestThePortalLetsPeopleIn(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	ctx := browse(t, false)
	uncomplaining(t, ctx)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders?state=created"), chromedp.WaitVisible(`input[autocomplete=username]`)))
	accessible(t, ctx, "the sign-in")
	shots(t, ctx, "entry")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`input[autocomplete=username]`, office.Username), chromedp.SendKeys(`input[autocomplete=current-password]`, "wrong"+kb.Enter),
		chromedp.WaitVisible(`[role=alert]`)))
	accessible(t, ctx, "after a wrong password")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`input[autocomplete=current-password]`, rig.Password+kb.Enter),
		chromedp.WaitVisible(`nav.Rail`)))
	until(t, ctx, "they are where they wanted to go", `location.pathname + location.search === "/orders?state=created"`)

	// Keys: the palette, the keys themselves.
	require.NoError(t, chromedp.Run(ctx, press("?"), chromedp.WaitVisible(`.KeyList`)))
	accessible(t, ctx, "the keys")
	shots(t, ctx, "keys")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.KeyList`), press("g"), press("s")))
	until(t, ctx, "G S goes to the settings", `location.pathname.startsWith("/settings")`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Rail .ask-box`), chromedp.WaitVisible(`.Palette input`), chromedp.SendKeys(`.Palette input`, "Home")))
	until(t, ctx, "the palette finds a place", `document.querySelector(".Palette [aria-selected=true]")?.innerText.startsWith("Home")`)
	accessible(t, ctx, "the palette")
	shots(t, ctx, "palette")
	require.NoError(t, chromedp.Run(ctx, press(kb.Enter)))
	until(t, ctx, "and goes there", `location.pathname === "/"`)
}
