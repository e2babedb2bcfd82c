package tests

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// axe is the accessibility checker, as npm brings it.
var axe = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(rig.Root(), "tests", "browser")
	if err := rig.NodeModules(dir); err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(dir, "node_modules", "axe-core", "axe.min.js"))
	return string(b), err
})

// atScreens are the tests that have a browser open, with how many of their parts do.
var atScreens = struct {
	sync.Mutex
	parts map[string]int
	rooms chan struct{}
}{parts: map[string]int{}, rooms: make(chan struct{}, 2)}

// atScreen waits until a test may open a browser, and keeps its place until it ends. A browser keeps a processor busy, where all
// the others wait most of the time: more of them than processors, and each moment that one of them should catch is missed.
func atScreen(t *testing.T) {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	atScreens.Lock()
	atScreens.parts[name]++
	first := atScreens.parts[name] == 1
	atScreens.Unlock()
	if first {
		atScreens.rooms <- struct{}{}
	}
	t.Cleanup(func() {
		atScreens.Lock()
		defer atScreens.Unlock()
		if atScreens.parts[name]--; atScreens.parts[name] == 0 {
			<-atScreens.rooms
		}
	})
}

// browse opens Chromium, as a phone or as a desk has it.
func browse(t *testing.T, phone bool) context.Context {
	t.Helper()
	atScreen(t)
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "install the Debian package chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900))
	all, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stopAll)
	ctx, stop := chromedp.NewContext(all, chromedp.WithErrorf(func(string, ...any) {})) // it tells of events that it does not know
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(ctx, 6*time.Minute)
	t.Cleanup(cancel)
	// A page that asks before it is left waits for an answer that it has not had yet: whoever goes on says yes.
	chromedp.ListenTarget(ctx, func(event any) {
		if _, asks := event.(*page.EventJavascriptDialogOpening); asks {
			go func() { _ = chromedp.Run(ctx, page.HandleJavaScriptDialog(true)) }()
		}
	})
	if phone {
		require.NoError(t, chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(390, 844, 2, true), emulation.SetTouchEmulationEnabled(true)))
	}
	return ctx
}

// What fades in or out has another contrast on its way: it is judged, and shown, where it ends.
const settled = `Promise.all(document.getAnimations().filter(a => isFinite(a.effect.getComputedTiming().endTime)).map(a => a.finished.catch(() => 0))).then(() => 0)`

// accessible asserts that axe finds nothing against WCAG 2.2 AA on the page as it stands.
func accessible(t *testing.T, ctx context.Context, what string) {
	t.Helper()
	script, err := axe()
	require.NoError(t, err)
	var violations string
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(script+"; 0", nil), chromedp.Evaluate(settled, nil, awaitPromise), chromedp.Evaluate(
		`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r => JSON.stringify(r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html).join(" | "))))`,
		&violations, awaitPromise)))
	require.Equal(t, "[]", violations, what)
}

// until waits for something to be true on the page.
func until(t *testing.T, ctx context.Context, what, expression string) {
	t.Helper()
	var err error
	for end := time.Now().Add(rig.Patience); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		holds := false
		if err = chromedp.Run(ctx, chromedp.Evaluate("Boolean("+expression+")", &holds)); holds {
			return
		}
	}
	// What else a page that stands still can tell: whether it is drawn at all, and where the keys go.
	const stands = `Promise.race([new Promise(drawn => requestAnimationFrame(() => drawn("is drawn"))), new Promise(over => setTimeout(() => over("is not drawn"), 2000))])
		.then(drawn => location.href + " " + drawn + ", is " + document.visibilityState + ", the keys go to " + document.activeElement?.outerHTML.slice(0, 200) + " in " + document.activeElement?.closest("[role=dialog]")?.outerHTML.slice(0, 300) + "; it says: " + document.body.innerText)`
	var text string
	_ = chromedp.Run(ctx, chromedp.Evaluate(stands, &text, awaitPromise))
	require.FailNow(t, what, "%v; the page %s", err, text)
}

// screenshot keeps what the page looks like, in tests/screens or where SCREENSHOTS says.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := cmp.Or(os.Getenv("SCREENSHOTS"), "screens")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	var picture []byte
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(settled, nil, awaitPromise), chromedp.FullScreenshot(&picture, 100)))
	require.NoError(t, os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o600))
}

// press presses keys as a keyboard does: a character that a page refuses when its key goes down is not typed. By chromedp's own
// KeyEvent it is, wherever the focus is by then: Enter took an option of a list, and pressed the button that had the focus after it.
func press(keys ...string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for _, r := range strings.Join(keys, "") {
			for _, k := range kb.Encode(r) {
				if k.Type == input.KeyDown {
					k.Type = input.KeyRawDown
				}
				if err := k.Do(ctx); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func TestASecureLinkInABrowser(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	office.Want(200, "PUT", "/account/logo", rig.PNG(300, 90, 5), "Content-Type", "image/png")
	template := survey("yard")
	office.Want(201, "POST", "/surveys", template)
	o := office.Order(rig.JSON{"latitude": 30.5084, "longitude": -97.6790})
	order, task := o.Text("id"), o.Text("tasks", 0, "id")
	for n := range uint64(4) {
		office.Upload(order, rig.JPEG(800, 600, n+1), "task_id", task, "evidence_type", []string{"before", "after"}[n%2], "taken_at", now(), "source", "mobile_camera",
			"latitude", fmt.Sprint(30.5084+float64(n)*0.0002), "longitude", "-97.6790", "accuracy", "8", "notes", "Gate <b>closed</b>", "shot", []string{"Front of house", "Front of house", "Side", "Yard"}[n])
	}
	office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": office.Username})
	office.AwaitState(order, "in_progress")
	for _, step := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
	}
	link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true, "allow_comments": true, "password": "open sesame"}).Text("url")

	ctx := browse(t, true)
	var mu sync.Mutex
	var complaints []string
	chromedp.ListenTarget(ctx, func(e any) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, complaint(e)...)
	})
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(link), chromedp.WaitVisible("#password")))
	accessible(t, ctx, "the page that asks for the password")
	screenshot(t, ctx, "link-password")
	require.NoError(t, chromedp.Run(ctx, chromedp.Focus("#password"), press("wrong", kb.Enter), chromedp.WaitVisible("[role=alert]")))
	accessible(t, ctx, "after a wrong password")
	require.NoError(t, chromedp.Run(ctx, chromedp.Focus("#password"), press("open sesame", kb.Enter), chromedp.WaitVisible("a[data-photo]")))
	accessible(t, ctx, "the page on a phone")
	screenshot(t, ctx, "link-phone")
	until(t, ctx, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	until(t, ctx, "what compares is named by its shot, and wide enough for a finger", `(a => a.textContent === "Compare before and after: Front of house" && a.getBoundingClientRect().height >= 44)(document.querySelector("a[data-compare]"))`)
	until(t, ctx, "a finger is told of no keys", `document.querySelector(".under .js").checkVisibility() && !document.querySelector(".under .keys").checkVisibility()`)
	until(t, ctx, "the overview is as wide as the page", `document.querySelector(".maps svg").clientWidth > 300`)

	// By keyboard into the viewer, through it, and back to where one was.
	require.NoError(t, chromedp.Run(ctx, chromedp.Focus("a[data-photo]"), press(kb.Enter), chromedp.WaitVisible("dialog[open]")))
	until(t, ctx, "the photo shows", `document.querySelector("dialog img").complete && document.querySelector("dialog img").naturalWidth > 0`)
	accessible(t, ctx, "the viewer")
	screenshot(t, ctx, "link-viewer")
	until(t, ctx, "where one is in it is said", `document.querySelector("dialog [data-count]").closest("[aria-live=polite]")`)
	until(t, ctx, "which photo it is", `document.querySelector("dialog [data-count]").textContent === "1 of 4"`)
	require.NoError(t, chromedp.Run(ctx, press(kb.ArrowRight)))
	until(t, ctx, "the next", `document.querySelector("dialog [data-count]").textContent === "2 of 4"`)
	until(t, ctx, "what compares it with before takes one line of a phone", `(b => b.ariaLabel === "Compare with before" && b.checkVisibility() && b.offsetHeight <= 48)(document.querySelector("dialog [data-both]"))`)
	require.NoError(t, chromedp.Run(ctx, press(kb.ArrowLeft), press(kb.ArrowLeft)))
	until(t, ctx, "round the beginning", `document.querySelector("dialog [data-count]").textContent === "4 of 4"`)
	require.NoError(t, chromedp.Run(ctx, swipe(300, 60)))
	until(t, ctx, "by a finger, round the end", `document.querySelector("dialog [data-count]").textContent === "1 of 4"`)
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape)))
	until(t, ctx, "closed, and back at the photo", `!document.querySelector("dialog[open]") && document.activeElement.matches("a[data-photo]")`)

	// What is published meanwhile arrives by itself, but not under somebody who writes.
	publishMore := func(seed uint64) {
		photo := office.Upload(order, rig.JPEG(800, 600, seed), "task_id", task, "evidence_type", "after", "taken_at", now())
		office.Want(200, "PATCH", "/photos/"+photo.Text("id"), rig.JSON{"review": "approved"})
		office.Want(200, "POST", "/work-orders/"+order+"/publish", nil)
	}
	publishMore(8)
	until(t, ctx, "it is said that there is more", `document.getElementById("live").textContent === "1 new photo has arrived." && document.querySelectorAll("a[data-photo]").length === 4`)
	accessible(t, ctx, "after the arrival")
	require.NoError(t, chromedp.Run(ctx, chromedp.SetValue("#text", "Not lost"), chromedp.Click(".Toast button")))
	until(t, ctx, "the new photo, and what was being written", `document.querySelectorAll("a[data-photo]").length === 5 && document.querySelector("a.new") && document.getElementById("text").value === "Not lost" && !document.querySelector(".Toast")`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.getElementById("text").value = ""; 0`, nil)))
	require.NoError(t, chromedp.Run(ctx, chromedp.SetValue("#author", "Client"), chromedp.Focus("#text"), press("Well done <script>alert(1)</script>"), press(kb.Tab, kb.Enter)))
	until(t, ctx, "the comment", `document.querySelector(".comments") && document.querySelector(".comments").textContent.includes("Well done <script>")`)
	mu.Lock()
	require.Empty(t, complaints, "the console is silent")
	mu.Unlock()

	desk := browse(t, false)
	plain := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{}).Text("url")
	require.NoError(t, chromedp.Run(desk, chromedp.Navigate(plain), chromedp.WaitVisible("a[data-photo]")))
	accessible(t, desk, "the page at a desk")
	screenshot(t, desk, "link-desk")
	until(t, desk, "the handle between before and after", `document.querySelector(".Pair.on input")`)
	require.NoError(t, chromedp.Run(desk, chromedp.Focus(".Pair input"), press(kb.ArrowRight, kb.ArrowRight)))
	until(t, desk, "moves by keys", `document.querySelector(".Pair").style.getPropertyValue("--at") === "52%" && document.querySelector(".Pair input").ariaValueText === "52% before, 48% after"`)
	require.NoError(t, chromedp.Run(desk, chromedp.Click("a[data-compare]"), chromedp.WaitVisible("dialog[open]")))
	until(t, desk, "before beside after", `document.querySelectorAll("dialog [data-frame] img").length === 2`)
	accessible(t, desk, "before beside after")
	screenshot(t, desk, "link-compare")
	require.NoError(t, chromedp.Run(desk, press(kb.Escape), emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}})))
	accessible(t, desk, "the page in the dark")
	screenshot(t, desk, "link-dark")
	require.NoError(t, chromedp.Run(desk, emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(plain)))
	var html string
	require.NoError(t, chromedp.Run(desk, chromedp.OuterHTML("main", &html)))
	require.Contains(t, html, "Certified service record", "readable without scripts")
}

func TestTheVerificationPageInABrowser(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	office.Want(200, "PATCH", "/account", rig.JSON{"colour": "#0f5866"})
	o := office.Order(rig.JSON{"latitude": 30.5084, "longitude": -97.6790, "assignee": office.Username})
	original := rig.JPEG(200, 150, 1)
	item := office.Upload(o.Text("id"), original, "task_id", o.Text("tasks", 0, "id"), "evidence_type", "after", "shot", "Front of house", "taken_at", now(), "source", "mobile_camera",
		"latitude", "30.5086", "longitude", "-97.6790", "accuracy", "8")
	office.AwaitState(o.Text("id"), "in_progress")
	for _, step := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+o.Text("id")+"/"+step, nil)
	}
	link := office.Want(201, "POST", "/work-orders/"+o.Text("id")+"/links", rig.JSON{"allow_downloads": true}).Text("url")
	good, bad := filepath.Join(t.TempDir(), "copy.jpg"), filepath.Join(t.TempDir(), "changed.jpg")
	require.NoError(t, os.WriteFile(good, original, 0o600))
	require.NoError(t, os.WriteFile(bad, append(original, 0), 0o600))
	ctx := browse(t, true)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/verify/"+item.Text("uuid")), chromedp.WaitVisible("#copy")))
	accessible(t, ctx, "the verification page")
	until(t, ctx, "the account's name has the line to itself", `(s => s.maxWidth === "none" && parseFloat(s.lineHeight) > parseFloat(s.fontSize))(getComputedStyle(document.querySelector(".brand")))`)
	until(t, ctx, "what chooses a copy speaks the page's language, not the browser's", `(b => b.innerText.trim() === "Choose a file" && b.offsetHeight >= 44 && document.getElementById("copy").offsetWidth === 1)(document.querySelector(".Drop .Button"))`)
	for there := false; !there; {
		require.NoError(t, chromedp.Run(ctx, press(kb.Tab), chromedp.Evaluate(`document.activeElement.id === "copy"`, &there)))
	}
	until(t, ctx, "and shows that the keys go to it", `getComputedStyle(document.querySelector(".Drop .Button")).outlineStyle === "solid"`)
	screenshot(t, ctx, "verify")
	until(t, ctx, "without the code nobody learns how far it was taken, of what and for which order", `document.body.textContent.includes("Taken at the property.") && !/from the property|Front of house|`+o.Text("work_order_number")+`/.test(document.documentElement.outerHTML)`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(link), chromedp.Click("#check a.Button"), chromedp.WaitVisible("#copy")))
	until(t, ctx, "with it that is told", `["Taken 22\u00a0m from the property (±8\u00a0m); the limit is 250\u00a0m.", "Front of house, after. Work order `+o.Text("work_order_number")+`."].every(said => document.body.textContent.includes(said))`)
	until(t, ctx, "the picture has a name", `document.querySelector("[data-original]").alt.startsWith("The original: Front of house, after")`)
	until(t, ctx, "it is in the colour of the account", `getComputedStyle(document.querySelector(".top")).borderTopColor === "rgb(15, 88, 102)"`)
	until(t, ctx, "the figures come last", `document.getElementById("copy").compareDocumentPosition(document.querySelector("details")) & Node.DOCUMENT_POSITION_FOLLOWING`)
	accessible(t, ctx, "the verification page with the code")
	screenshot(t, ctx, "verify-code")
	told := func(what, tone, title, head string) {
		until(t, ctx, what, fmt.Sprintf(`document.title === %[2]q && document.querySelector("h1").textContent === %[2]q && document.querySelector(".Drop.%[1]s #outcome.out .Icon").checkVisibility() &&
			document.getElementById("outcome").textContent.startsWith(%[3]q) && document.getElementById("outcome").getBoundingClientRect().bottom <= innerHeight`, tone, title, head))
	}
	for _, way := range []string{"", `Object.defineProperty(Crypto.prototype, "subtle", {get: () => undefined})`} {
		if way != "" { // an address without TLS gives no crypto.subtle
			require.NoError(t, chromedp.Run(ctx, chromedp.Reload(), chromedp.WaitVisible("#copy"), chromedp.Evaluate(way+"; 0", nil)))
		}
		require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles("#copy", []string{good})))
		told("it matches", "good", "Your copy is the original", "Your copy matches. copy.jpg")
		accessible(t, ctx, "with a copy that matches")
		screenshot(t, ctx, "verify-same")
		require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles("#copy", []string{bad})))
		told("it does not", "bad", "Your copy is not the original", "Your copy does not match. changed.jpg")
	}
	until(t, ctx, "both can be seen", `document.querySelectorAll("#both img").length === 2`)
	accessible(t, ctx, "with an outcome")
	screenshot(t, ctx, "verify-differs")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/verify/unknown-uuid"), chromedp.WaitVisible("h1")))
	accessible(t, ctx, "an unknown item")
}

func TestThePageOfAnInvitationInABrowser(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	ctx := browse(t, true)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/share-invitation#si_secret"), chromedp.WaitVisible("h1")))
	accessible(t, ctx, "the page of an invitation")
	screenshot(t, ctx, "share-invitation")
}

// swipe moves a finger across the middle of the phone.
func swipe(from, to float64) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for _, step := range []struct {
			kind input.TouchType
			at   []*input.TouchPoint
		}{{input.TouchStart, []*input.TouchPoint{{X: from, Y: 400}}}, {input.TouchMove, []*input.TouchPoint{{X: to, Y: 400}}}, {input.TouchEnd, []*input.TouchPoint{}}} {
			if err := input.DispatchTouchEvent(step.kind, step.at).Do(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// complaint is what a page says on its console when something is wrong.
func complaint(e any) []string {
	switch e := e.(type) {
	case *runtime.EventExceptionThrown:
		return []string{e.ExceptionDetails.Error()}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError && !strings.Contains(e.Entry.Text, "403") { // the wrong password
			return []string{e.Entry.Text + " " + e.Entry.URL}
		}
	}
	return nil
}

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
