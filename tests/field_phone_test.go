package tests

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/inspector"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// phone is the field app in Chromium: the size of a phone, a finger, a camera that shows a test picture, a network of its own.
type phone struct {
	t    *testing.T
	ctx  context.Context
	line *rig.Line // between the app and the server
	at   string    // where the app is, without /field
	dir  string    // what the browser keeps
	stop func()

	flags   []chromedp.ExecAllocatorOption
	scripts []string // what each page runs before its own
}

// Of a phone's permissions.
const (
	asCamera   = "camera"
	asPosition = "geolocation"
)

// property is where the usual order's house stands, for phones that are there.
var property = [2]float64{30.5084, -97.6790}

// newPhone opens a browser that keeps what it is told, with camera and position allowed and known. `as` changes it before.
func newPhone(t *testing.T, in *rig.Installation, as ...func(p *phone)) *phone {
	t.Helper()
	p := &phone{t: t, dir: profile(t)}
	p.over(in.URL)
	for _, change := range as {
		change(p)
	}
	p.open()
	t.Cleanup(func() { p.stop() })
	return p
}

// atWork is a crew's phone: they are in, their order is listed, and the app opens without a network.
func atWork(t *testing.T, order rig.JSON, as ...func(p *phone)) (p *phone, office, crew *rig.User, made rig.Answer) {
	t.Helper()
	in := shape(t, "sqlite")
	office, crew, made = crewWithOrder(t, in, order)
	p = newPhone(t, in, as...)
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()
	return p, office, crew, made
}

// profile is a folder for what a browser keeps. Its processes end one after the other: what they still write is removed too.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fieldproof-phone-")
	require.NoError(t, err)
	t.Cleanup(func() {
		(&rig.User{T: t}).Await("the browser to write no more", func() bool { return os.RemoveAll(dir) == nil })
	})
	return dir
}

// running has each page run a script before its own.
func running(script string) func(*phone) {
	return func(p *phone) { p.scripts = append(p.scripts, script) }
}

// over has a line of its own between the app and an address.
func (p *phone) over(url string) {
	p.line = rig.NewLine(p.t, url)
	p.at = p.line.URL
}

// open starts the browser, with what it kept when it was open before.
func (p *phone) open() {
	p.t.Helper()
	atScreen(p.t)
	path, err := exec.LookPath("chromium")
	require.NoError(p.t, err, "install the Debian package chromium")
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(390, 844),
		chromedp.UserDataDir(p.dir), chromedp.Flag("use-fake-device-for-media-stream", true))
	all, stopAll := chromedp.NewExecAllocator(context.Background(), append(options, p.flags...)...)
	within, cancel := context.WithTimeout(all, 6*time.Minute)
	first, _ := chromedp.NewContext(within, chromedp.WithErrorf(func(string, ...any) {})) // it tells of events that it does not know
	p.tab(first)
	p.stop = func() {
		cancel()
		stopAll()
		chromedp.FromContext(first).Allocator.Wait()
	}
	if strings.Contains(p.at, "127.0.0.1") { // elsewhere without HTTPS nothing can be allowed
		p.allow(asCamera, true)
		p.allow(asPosition, true)
	}
}

// tab makes a tab the one that is looked at.
func (p *phone) tab(ctx context.Context) {
	p.t.Helper()
	p.ctx = ctx
	p.run(emulation.SetDeviceMetricsOverride(390, 844, 2, true), emulation.SetTouchEmulationEnabled(true).WithMaxTouchPoints(1),
		emulation.SetGeolocationOverride().WithLatitude(property[0]).WithLongitude(property[1]).WithAccuracy(6))
	for _, script := range p.scripts {
		p.run(chromedp.ActionFunc(func(ctx context.Context) error {
			_, err := page.AddScriptToEvaluateOnNewDocument(script).Do(ctx)
			return err
		}))
	}
	uncomplaining(p.t, ctx)
}

// turnsTo has another of the tabs in front.
func (p *phone) turnsTo(tab context.Context) {
	p.t.Helper()
	p.ctx = tab
	p.run(page.BringToFront())
}

// allow gives the app a permission, or takes it.
func (p *phone) allow(name string, is bool) {
	p.t.Helper()
	setting := browser.PermissionSettingDenied
	if is {
		setting = browser.PermissionSettingGranted
	}
	p.run(chromedp.ActionFunc(func(ctx context.Context) error {
		return browser.SetPermission(&browser.PermissionDescriptor{Name: name}, setting).WithOrigin(p.at).Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
	}))
}

func (p *phone) run(actions ...chromedp.Action) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Run(p.ctx, actions...))
}

// visit opens an address of the app.
func (p *phone) visit(path string) {
	p.t.Helper()
	p.goes(fmt.Sprintf("location.assign(%q)", p.at+"/field"+path))
}

// reload opens the page anew.
func (p *phone) reload() {
	p.t.Helper()
	p.goes("location.reload()")
}

// goes leads to another page, which may come from the service worker: that it is here is asked of the page itself.
func (p *phone) goes(script string) {
	p.t.Helper()
	_ = chromedp.Run(p.ctx, chromedp.Evaluate("window.isOver = true; "+script, nil)) // the page may be gone before it answers
	p.until("the page", `!window.isOver && document.readyState === "complete" && location.protocol !== "about:"`)
}

// enter signs in on the screen, and leaves alone what the app says of itself before the first order.
func (p *phone) enter(u *rig.User) {
	p.t.Helper()
	p.visit("/")
	p.signIn(u)
	p.tap(`.Welcome button.primary`, "Go on")
	p.tap(`.Welcome button`, "Not now")
	p.until("the orders", `document.querySelector(".Tabs")`)
}

func (p *phone) signIn(u *rig.User) {
	p.t.Helper()
	p.fill(`input[autocomplete=username]`, u.Username)
	p.fill(`input[autocomplete=current-password]`, rig.Password)
	p.tap(`.Welcome form button.primary`)
}

// kept waits until the service worker has the app, so that it opens without a network.
func (p *phone) kept() {
	p.t.Helper()
	p.until("the app is on the phone", `navigator.serviceWorker.controller`)
}

func (p *phone) until(what, expression string) {
	p.t.Helper()
	until(p.t, p.ctx, what, expression)
}

// settles is until for what a promise says.
func (p *phone) settles(what, promise string) {
	p.t.Helper()
	var err error
	for end := time.Now().Add(rig.Patience); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
		holds := false
		if err = chromedp.Run(p.ctx, chromedp.Evaluate("("+promise+").then(Boolean)", &holds, awaitPromise)); holds {
			return
		}
	}
	require.FailNow(p.t, what, "%v", err)
}

func (p *phone) says(selector, words string) {
	p.t.Helper()
	says(p.t, p.ctx, selector, words)
}

func (p *phone) fill(selector, text string) {
	p.t.Helper()
	over(p.t, p.ctx, selector, text)
}

// seen judges a screen, and keeps how it looks light and dark.
func (p *phone) seen(name string) {
	p.t.Helper()
	accessible(p.t, p.ctx, name)
	p.until(name+" is not wider than the phone", `document.documentElement.scrollWidth <= innerWidth`)
	shots(p.t, p.ctx, "field-"+name)
}

// tap puts a finger on what a selector finds, the first that says all of the words, as soon as nothing lies over it.
func (p *phone) tap(selector string, words ...string) {
	p.t.Helper()
	said, err := json.Marshal([]any{selector, words})
	require.NoError(p.t, err)
	// A finger that a busy machine lifts too late has pressed long, which is no click; and what the page brings meanwhile may have
	// moved what it was meant for. Whoever sees that nothing came of it, or something else, goes back and taps once more.
	for range 3 {
		x, y := p.spot(string(said))
		var here string
		p.run(chromedp.Location(&here))
		p.touch(x, y)
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(25 * time.Millisecond) {
			var came any
			if err := chromedp.Run(p.ctx, chromedp.Evaluate(`window.tapped ?? "gone"`, &came)); err != nil || came == "it" || came == "gone" {
				return // it was taken, or led to another page
			}
			if came == "another" {
				p.run(chromedp.Evaluate(fmt.Sprintf("location.href === %q || history.back()", here), nil))
				break
			}
		}
	}
	require.FailNow(p.t, fmt.Sprintf("%s %q could not be tapped", selector, words))
}

// spot is where something is that holds still. The page notes from then on where the next click came.
func (p *phone) spot(said string) (x, y float64) {
	p.t.Helper()
	look := fmt.Sprintf(`((selector, words) => {
		const says = e => (words ?? []).every(w => (e.innerText + " " + (e.getAttribute("aria-label") ?? "")).includes(w));
		const e = [...document.querySelectorAll(selector)].find(e => e.getClientRects().length && says(e));
		if (!e || e.disabled || e.getAttribute("aria-disabled") === "true") return "";
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getBoundingClientRect(), x = r.x + r.width / 2, y = r.y + r.height / 2;
		const top = document.elementFromPoint(x, y);
		if (!top || !e.contains(top)) return "";
		if (window.tapped === undefined)
			addEventListener("click", event => { window.tapped ||= window.wanted(event.target) ? "it" : "another"; }, true);
		window.wanted = on => e.contains(on) || Boolean(on.closest?.(selector) && says(on.closest(selector)));
		window.tapped = "";
		return x + " " + y;
	})(...%s)`, said)
	at, before := "", "" // what moves still is missed: two looks must agree
	for end := time.Now().Add(rig.Patience); at == "" || at != before; time.Sleep(25 * time.Millisecond) {
		before = at
		err := chromedp.Run(p.ctx, chromedp.Evaluate(look, &at))
		if time.Now().After(end) {
			p.until(fmt.Sprintf("%s can be tapped: %v", said, err), "false")
		}
	}
	left, top, _ := strings.Cut(at, " ")
	return number(p.t, left), number(p.t, top)
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(text, 64)
	require.NoError(t, err)
	return n
}

// touch puts a finger down and lifts it.
func (p *phone) touch(x, y float64) {
	p.t.Helper()
	p.run(input.DispatchTouchEvent(input.TouchStart, []*input.TouchPoint{{X: x, Y: y}}), input.DispatchTouchEvent(input.TouchEnd, []*input.TouchPoint{}))
}

// rows are those of a store of the phone's database.
func (p *phone) rows(store string) []rig.JSON {
	p.t.Helper()
	var text string
	script := fmt.Sprintf(`new Promise((ok, no) => {
		const asked = indexedDB.open("fieldproof");
		asked.onerror = () => no(asked.error);
		asked.onsuccess = () => {
			const all = asked.result.transaction(%[1]q).objectStore(%[1]q).getAll();
			all.onerror = () => no(all.error);
			all.onsuccess = () => { asked.result.close(); ok(JSON.stringify(all.result)); };
		};
	})`, store)
	// A page that is just left for another one gives no answer.
	(&rig.User{T: p.t}).Await("the phone's database", func() bool { return chromedp.Run(p.ctx, chromedp.Evaluate(script, &text, awaitPromise)) == nil })
	var rows []rig.JSON
	require.NoError(p.t, json.Unmarshal([]byte(text), &rows))
	return rows
}

// items are the photos that were taken here, in the order in which they were.
func (p *phone) items() []rig.JSON {
	p.t.Helper()
	items := p.rows("items")
	slices.SortFunc(items, func(a, b rig.JSON) int {
		return cmp.Compare(a["created_at"].(float64), b["created_at"].(float64))
	})
	return items
}

// awaitItems waits until so many photos are in a state.
func (p *phone) awaitItems(n int, state string) []rig.JSON {
	p.t.Helper()
	var in []rig.JSON
	for end := time.Now().Add(rig.Patience); ; time.Sleep(50 * time.Millisecond) {
		in = nil
		all := p.items()
		for _, i := range all {
			if i["state"] == state {
				in = append(in, i)
			}
		}
		if len(in) == n {
			return in
		}
		if time.Now().After(end) {
			require.FailNow(p.t, "waited in vain", "for %d items that are %s: %v", n, state, all)
		}
	}
}

// download taps a link that saves a file, and reads the file.
func (p *phone) download(selector string) []byte {
	p.t.Helper()
	dir := p.t.TempDir()
	p.run(chromedp.ActionFunc(func(ctx context.Context) error {
		return browser.SetDownloadBehavior(browser.SetDownloadBehaviorBehaviorAllow).WithDownloadPath(dir).Do(cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser))
	}))
	p.tap(selector)
	for end := time.Now().Add(rig.Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(p.t, err)
		if len(files) == 1 && !strings.HasSuffix(files[0], ".crdownload") {
			return must(p.t, func() ([]byte, error) { return os.ReadFile(files[0]) })
		}
	}
	require.FailNow(p.t, "nothing was saved")
	return nil
}

// crash ends the tab as a system does that wants its memory, and opens another.
func (p *phone) crash() {
	p.t.Helper()
	gone := p.ctx
	next, _ := chromedp.NewContext(p.ctx)
	crashed := make(chan struct{})
	chromedp.ListenTarget(gone, func(e any) {
		if _, is := e.(*inspector.EventTargetCrashed); is {
			close(crashed)
		}
	})
	go func() { _ = chromedp.Run(gone, inspector.Enable(), page.Crash()) }() // it is never answered
	select {
	case <-crashed:
	case <-time.After(rig.Patience):
		require.FailNow(p.t, "the tab does not crash")
	}
	p.tab(next)
}
