package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// webkit is the field app in WebKitGTK's small browser, with what it keeps. A session of its WebDriver would keep nothing: so
// the page itself asks for what it is to do, as modules of its own address, and tells what came of it.
type webkit struct {
	t       *testing.T
	between *between
	dir     string
	stop    func()

	asked   chan string // scripts for the page
	told    chan string // what came of them
	mu      sync.Mutex
	away    bool
	current string
}

// remote has a page ask for one script after the other.
const remote = `(async () => { for (let n = Date.now();; n++) await import("/field/remote/next.js?" + n).catch(() => new Promise(r => setTimeout(r, 100))); })();`

func newWebkit(t *testing.T, in *rig.Installation) *webkit {
	t.Helper()
	w := &webkit{t: t, between: newBetween(t, in), dir: profile(t), asked: make(chan string), told: make(chan string)}
	server := &rig.User{T: t, URL: in.URL}
	w.between.answers(func(out http.ResponseWriter, r *http.Request) bool {
		switch path := r.URL.Path; {
		case path == "/field/remote/start.js", path == "/field/remote/next.js":
			script := remote
			if path == "/field/remote/next.js" {
				select {
				case script = <-w.asked:
				case <-r.Context().Done():
					return true
				case <-time.After(5 * time.Second):
					script = ""
				}
			}
			out.Header().Set("Content-Type", "text/javascript")
			out.Header().Set("Cache-Control", "no-store")
			_, _ = io.WriteString(out, script)
		case path == "/field/remote/photo.jpg":
			_, _ = out.Write(rig.JPEG(640, 480, uint64(time.Now().UnixNano())))
		case path == "/field/remote/result":
			said, _ := io.ReadAll(r.Body)
			w.told <- string(said)
		default:
			w.mu.Lock()
			away := w.away
			w.mu.Unlock()
			if away {
				panic(http.ErrAbortHandler)
			}
			if path != "/field/" && path != "/field/index.html" && !strings.HasPrefix(r.Header.Get("Accept"), "text/html") {
				return false
			}
			is := server.Do("GET", in.URL+"/field/index.html", nil)
			for _, name := range []string{"Content-Type", "Content-Security-Policy", "Cache-Control"} {
				out.Header().Set(name, is.Header.Get(name))
			}
			_, _ = out.Write(bytes.Replace(is.Body, []byte("</head>"), []byte(`<script type="module" src="/field/remote/start.js"></script></head>`), 1))
		}
		return true
	})
	w.open()
	t.Cleanup(func() { w.stop() })
	return w
}

// open starts the browser on a screen of its own, with what it kept when it was open before.
func (w *webkit) open() {
	w.t.Helper()
	found, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")
	require.NoError(w.t, err)
	require.NotEmpty(w.t, found, "install the Debian package webkit2gtk-driver")
	xvfb, err := exec.LookPath("Xvfb")
	require.NoError(w.t, err, "install the Debian package xvfb")
	ctx, cancel := context.WithCancel(context.Background())
	shown, tells, err := os.Pipe()
	require.NoError(w.t, err)
	screen := exec.CommandContext(ctx, xvfb, "-displayfd", "3", "-screen", "0", "800x900x24", "-nolisten", "tcp")
	screen.ExtraFiles = []*os.File{tells}
	require.NoError(w.t, screen.Start())
	_ = tells.Close()
	display := make([]byte, 16)
	n, err := shown.Read(display)
	require.NoError(w.t, err)
	var said bytes.Buffer
	app := exec.CommandContext(ctx, found[0], w.between.URL+"/field/")
	app.Stdout, app.Stderr = &said, &said
	app.Env = append(os.Environ(), "DISPLAY=:"+strings.TrimSpace(string(display[:n])), "HOME="+w.dir, "XDG_DATA_HOME="+w.dir+"/data", "XDG_CACHE_HOME="+w.dir+"/cache",
		"XDG_CONFIG_HOME="+w.dir+"/config", "XDG_RUNTIME_DIR="+w.dir, "LIBGL_ALWAYS_SOFTWARE=1", "WEBKIT_DISABLE_COMPOSITING_MODE=1", "GDK_BACKEND=x11", "NO_AT_BRIDGE=1")
	require.NoError(w.t, app.Start())
	w.stop = func() {
		cancel()
		_ = app.Wait()
		_ = screen.Wait()
		if w.t.Failed() {
			_, asked := w.between.told()
			w.t.Log("MiniBrowser said: ", said.String(), "and asked for", asked)
		}
	}
}

// does runs a script on the page and answers what it returns, as often as the page is replaced under it.
func (w *webkit) does(script string) string {
	w.t.Helper()
	module := fmt.Sprintf(`let said; try { said = await (async () => { %s })(); } catch (e) { said = "failed: " + e; }
await fetch("/field/remote/result", {method: "POST", body: JSON.stringify(said ?? null)});`, script)
	end := time.After(rig.Patience)
	for {
		select {
		case w.asked <- module:
		case <-end:
			require.FailNow(w.t, "the page asks for nothing to do", script)
		}
		select {
		case said := <-w.told:
			return said
		case <-time.After(20 * time.Second): // it was replaced meanwhile
		case <-end:
			require.FailNow(w.t, "the page tells nothing", script)
		}
	}
}

func (w *webkit) until(what, expression string) {
	w.t.Helper()
	said := ""
	for end := time.Now().Add(rig.Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if said = w.does("return Boolean(" + expression + ")"); said == "true" {
			return
		}
	}
	require.FailNow(w.t, what, "%s; the page says: %s", said, w.does("return location.pathname + ' ' + document.body.innerText"))
}

func (w *webkit) says(selector, words string) {
	w.t.Helper()
	quoted, err := json.Marshal([]string{selector, words})
	require.NoError(w.t, err)
	w.until(selector+" says "+words, `((s, w) => [...document.querySelectorAll(s)].some(e => (e.innerText + " " + (e.getAttribute("aria-label") ?? "")).includes(w)))(...`+string(quoted)+`)`)
}

func (w *webkit) press(selector, words string) {
	w.t.Helper()
	w.says(selector, words)
	w.does(fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => e.innerText.includes(%q)).click()`, selector, words))
}

func (w *webkit) fill(selector, text string) {
	w.t.Helper()
	w.until("there is "+selector, fmt.Sprintf("document.querySelector(%q)", selector))
	w.does(fmt.Sprintf(`const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("input", {bubbles: true}))`, selector, text))
}

// visit opens an address of the app; the page that asks next is the new one.
func (w *webkit) visit(path string) {
	w.t.Helper()
	w.does(fmt.Sprintf(`window.isOver = true; setTimeout(() => location.assign(%q), 0)`, "/field"+path))
	w.until("the page", `!window.isOver && document.readyState === "complete"`)
}

// takesAway has the server be out of reach, and only it.
func (w *webkit) takesAway(is bool) {
	w.mu.Lock()
	w.away = is
	w.mu.Unlock()
}

// items are the photos that were taken here.
func (w *webkit) items() (items []rig.JSON) {
	w.t.Helper()
	said := w.does(`return new Promise((ok, no) => {
		const asked = indexedDB.open("fieldproof");
		asked.onerror = () => no(asked.error);
		asked.onsuccess = () => {
			const all = asked.result.transaction("items").objectStore("items").getAll();
			all.onerror = () => no(all.error);
			all.onsuccess = () => { asked.result.close(); ok(all.result); };
		};
	})`)
	require.NoError(w.t, json.Unmarshal([]byte(said), &items), said)
	return items
}

// TestFieldInWebKit walks queue, restart and service worker in WebKit itself.
func TestFieldInWebKit(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, nil)
	id := order.Text("id")
	w := newWebkit(t, in)
	w.fill(`input[autocomplete=username]`, crew.Username)
	w.fill(`input[autocomplete=current-password]`, rig.Password)
	w.press(`.Welcome form button.primary`, "Sign in")
	w.says("h1", "What the app needs")
	w.visit("/")
	w.says(".Row", "12 Oak Street")
	w.until("the app is on the phone", `navigator.serviceWorker?.controller`)

	// Without a network: by the phone's own camera, as this browser gives the app none.
	w.takesAway(true)
	w.visit("/orders/" + id + "/camera")
	w.until("the camera's screen", `document.querySelector("input[type=file]")`)
	const photos = 3
	for n := range photos {
		w.does(`const input = document.querySelector("input[type=file]"), files = new DataTransfer();
			files.items.add(new File([await (await fetch("/field/remote/photo.jpg?" + Date.now())).arrayBuffer()], "photo.jpg", {type: "image/jpeg"}));
			input.files = files.files; input.dispatchEvent(new Event("change", {bubbles: true}))`)
		office.Await("the photo to be on the phone", func() bool { return len(w.items()) == n+1 })
	}
	w.visit("/queue")
	w.says(".big-n", "3")
	w.says(".Banner", "No network. It goes on by itself.")

	// The browser is killed and opened again, without a network still: the worker has the app, and the photos are there.
	w.stop()
	w.open()
	w.says(".Row", "12 Oak Street")
	w.visit("/queue")
	w.says(".big-n", "3")
	kept := w.items()
	require.Len(t, kept, photos)

	// It sends under the eyes of its person, and says so where it does not by itself.
	w.takesAway(false)
	w.does(`dispatchEvent(new Event("online"))`)
	w.says(".Sum", "Everything is safe")
	require.ElementsMatch(t, shas(kept), arrivedAt(office, id))
	for _, i := range w.items() {
		require.Equal(t, "safe", i["state"])
	}
}

// asWebKit is what Chromium lacks of WebKit's ways: no background sync, no word of the network, no vibration, connections to
// the database that the system closed, and pages that resume without an event.
const asWebKit = `(() => {
	delete ServiceWorkerRegistration.prototype.sync;
	delete globalThis.SyncManager;
	for (const name of ["connection", "vibrate"]) delete Navigator.prototype[name];
	const open = new Set();
	const real = IDBFactory.prototype.open;
	IDBFactory.prototype.open = function (...args) {
		const asked = real.apply(this, args);
		asked.addEventListener("success", () => open.add(asked.result));
		return asked;
	};
	globalThis.closeDatabases = () => { const n = open.size; for (const db of open) db.close(); open.clear(); return n; };
	const silent = ["visibilitychange", "pageshow", "focus", "online", "resume"];
	const listens = EventTarget.prototype.addEventListener;
	EventTarget.prototype.addEventListener = function (name, ...rest) {
		if ((this === globalThis || this === document) && silent.includes(name)) return;
		return listens.call(this ?? globalThis, name, ...rest);
	};
})()`

func TestFieldWebKitsWaysInChromium(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, nil)
	id := order.Text("id")
	p := newPhone(t, in, running(asWebKit))
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()
	p.line.Away(true)
	p.visit("/orders/" + id + "/camera")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)

	// The system closed the database of a page in the background: the next write opens it again, and so do the screens.
	for range 2 {
		p.until("it was open", `closeDatabases() > 0`)
		p.fire(1)
	}
	p.visit("/queue")
	p.says(".big-n", "2")
	p.until("it was open", `closeDatabases() > 0`)
	p.tap(`.AppBar button`, "Pause")
	p.says(".Banner", "Sending is paused")
	p.tap(`.AppBar button`, "Go on")
	p.until("it goes on", `!document.querySelector("main").innerText.includes("Sending is paused")`)

	// It slept, and resumes without a word: a timer that is late tells that it did.
	p.run(page.SetWebLifecycleState(page.SetWebLifecycleStateStateFrozen))
	p.line.Slow(30_000)
	p.line.Away(false)
	time.Sleep(time.Second) // asleep
	p.run(page.SetWebLifecycleState(page.SetWebLifecycleStateStateActive), emulation.SetFocusEmulationEnabled(true))
	p.says(".Banner", "Keep the app open.")
	p.seen("queue-keep-open")
	p.line.Slow(0)
	require.ElementsMatch(t, shas(p.awaitItems(2, "safe")), arrivedAt(office, id))
	p.until("nobody vibrates", `!("vibrate" in navigator) && !("connection" in navigator) && !("sync" in ServiceWorkerRegistration.prototype)`)
}
