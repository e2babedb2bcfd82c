package tests

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// atWork opens the field app as a phone has it, signs in on the screen, and goes past what it explains, to the list.
func atWork(t *testing.T, in *rig.Installation, u *rig.User) context.Context {
	t.Helper()
	ctx := browse(t, true)
	uncomplaining(t, ctx)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/field/"), chromedp.WaitVisible(`input[autocomplete=username]`)))
	fieldEnter(t, ctx, u.Username, rig.Password)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.needs`)))
	click(t, ctx, `.Button.primary`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.stepsl`)))
	click(t, ctx, `.Button.wide`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.Tabs`)))
	return ctx
}

// fieldEnter fills in the sign-in of the field app.
func fieldEnter(t *testing.T, ctx context.Context, username, password string) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.SetValue(`input[autocomplete=username]`, ""), chromedp.SendKeys(`input[autocomplete=username]`, username),
		chromedp.SendKeys(`input[autocomplete=current-password]`, password+kb.Enter)))
}

// offline takes the page's network away, or gives it back.
func offline(is bool) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		return network.EmulateNetworkConditions(is, 0, -1, -1).Do(ctx)
	})
}

// installedWorker waits until the service worker has the app and answers for it.
func installedWorker(t *testing.T, ctx context.Context) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`navigator.serviceWorker.ready.then(() => 0)`, nil, awaitPromise)))
	until(t, ctx, "the service worker answers for the app", `navigator.serviceWorker.controller`)
}

// TestTheFieldAppsWorkerFindsAllItsFiles asks the server for each file that the service worker names: one that is not there,
// and it never installs, silently.
func TestTheFieldAppsWorkerFindsAllItsFiles(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	get := func(path string) (int, string, http.Header) {
		r, err := http.Get(in.URL + "/field/" + path) //nolint:noctx // it ends with the installation
		require.NoError(t, err)
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, string(b), r.Header
	}
	status, worker, header := get("sw.js")
	require.Equal(t, 200, status)
	require.Equal(t, "no-cache", header.Get("Cache-Control"))
	named := regexp.MustCompile(`"?url"?:\s*"([^"]+)"`).FindAllStringSubmatch(worker, -1)
	require.Greater(t, len(named), 5)
	for _, n := range named {
		status, content, _ := get(n[1])
		require.Equal(t, 200, status, n[1])
		require.NotEmpty(t, content, n[1])
	}
}

func TestFieldLetsPeopleInAndOpensWithoutANetwork(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	ctx := browse(t, true)
	uncomplaining(t, ctx)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/field/orders/none"), chromedp.WaitVisible(`input[autocomplete=username]`)))
	accessible(t, ctx, "the sign-in")
	shots(t, ctx, "field-entry")
	fieldEnter(t, ctx, crew.Username, "wrong")
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`[role=alert]`)))
	accessible(t, ctx, "after a wrong password")
	fieldEnter(t, ctx, crew.Username, rig.Password)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.needs`)))
	accessible(t, ctx, "what the app needs")
	shots(t, ctx, "field-welcome")
	until(t, ctx, "no cookie is set", `!document.cookie.includes("fieldproof_session")`)
	cookies := []*network.Cookie{}
	require.NoError(t, chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) (err error) {
		cookies, err = network.GetCookies().Do(ctx)
		return err
	})))
	for _, c := range cookies {
		require.NotEqual(t, "fieldproof_session", c.Name, "a token of its own, no cookie")
	}
	click(t, ctx, `.Button.primary`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.stepsl`)))
	accessible(t, ctx, "how it is installed")
	shots(t, ctx, "field-install")
	click(t, ctx, `.Button.wide`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.Tabs`)))
	installedWorker(t, ctx)

	// Without a network it opens all the same, at any address.
	require.NoError(t, chromedp.Run(ctx, offline(true), chromedp.Navigate(in.URL+"/field/menu"), chromedp.WaitVisible(`.Switch`)))
	says(t, ctx, ".Banner", "No network")
	says(t, ctx, "main", crew.Username)
	accessible(t, ctx, "the menu")
	shots(t, ctx, "field-menu")
	click(t, ctx, `.Switch`)
	until(t, ctx, "it is for bright sun", `document.documentElement.dataset.contrast === "more"`)
	accessible(t, ctx, "the menu in bright sun")
	click(t, ctx, `input[name=theme][value=dark]`)
	until(t, ctx, "it is dark", `document.documentElement.dataset.theme === "dark"`)
	accessible(t, ctx, "the menu in the dark")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/field/"), chromedp.WaitVisible(`.Tabs`)))
	until(t, ctx, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	require.NoError(t, chromedp.Run(ctx, offline(false), chromedp.Navigate(in.URL+"/field/menu"), chromedp.WaitVisible(`.Switch`)))
	click(t, ctx, `.Button.danger`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`input[autocomplete=username]`)))
}

// TestFieldATabThatForgetsSaysSo opens the app in a browser that tells its tabs from installed apps, as iOS does.
func TestFieldATabThatForgetsSaysSo(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	id := office.Want(201, "POST", "/users", rig.JSON{"username": "dana-" + uuid.NewString()[:12], "role": "crew"}).Text("id")
	link := office.Want(201, "POST", "/users/"+id+"/invite", nil).Text("url")
	_, secret, _ := strings.Cut(link, "#")
	ctx := browse(t, true)
	uncomplaining(t, ctx)
	tab := func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(`Object.defineProperty(navigator, "standalone", {value: false})`).Do(ctx)
		return err
	}
	require.NoError(t, chromedp.Run(ctx, chromedp.ActionFunc(tab), chromedp.Navigate(in.URL+"/field/"), chromedp.WaitVisible(`.stepsl`)))
	says(t, ctx, "main", "forgets photos after a week")
	accessible(t, ctx, "the tab")

	// The invitation is used up by setting the password, not by opening it; then it goes on in the installed app.
	for range 2 {
		require.NoError(t, chromedp.Run(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(in.URL+"/field/invitation#"+secret), chromedp.WaitVisible(`input[autocomplete=new-password]`)))
	}
	accessible(t, ctx, "the invitation")
	shots(t, ctx, "field-invitation")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`input[autocomplete=new-password]`, "long enough"+kb.Enter), chromedp.WaitVisible(`.stepsl`)))
	says(t, ctx, "main", "There you sign in anew, as dana")
	shots(t, ctx, "field-tab")
	click(t, ctx, `.Button.wide`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.Tabs`)))
	until(t, ctx, "and it stays waved away", `!document.querySelector(".Banner.warn")`)
}
