package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// webkit is the field app in WebKitGTK's own small browser, with a profile that outlasts it. A browser that is automated keeps
// nothing, so a script on the page itself does what the test asks: it imports step after step, which the app's policy allows.
type webkit struct {
	t       *testing.T
	URL     string
	dir     string // what the browser keeps
	display string
	stop    func()

	mu      sync.Mutex
	away    bool
	steps   []string
	answers map[string]chan webkitAnswer
	due     chan int
}

type webkitAnswer struct {
	Value json.RawMessage
	Error string
}

const webkitDriver = `const next = () => fetch("/test/next").then(r => r.status === 200 ? r.text() : "");
for (;;) {
	const n = await next().catch(() => new Promise(r => setTimeout(r, 200, "")));
	if (!n) continue;
	const said = await import("/test/step/" + n + ".js").then(step => step.default()).then(Value => ({Value: Value ?? null}), e => ({Error: String(e)}));
	await fetch("/test/said/" + n, {method: "POST", body: JSON.stringify(said)}).catch(() => {});
}`

// newWebKit opens the app in WebKit, on a screen of its own.
func newWebKit(t *testing.T, in *rig.Installation) *webkit {
	t.Helper()
	atScreen(t)
	w := &webkit{t: t, dir: profile(t), answers: map[string]chan webkitAnswer{}, due: make(chan int)}
	to, err := url.Parse(in.URL)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(to)
			p.Out.Host = p.In.Host
			p.Out.Header.Del("Accept-Encoding")
		},
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
				return nil
			}
			page, err := io.ReadAll(r.Body)
			page = bytes.Replace(page, []byte("</head>"), []byte(`<script type="module" src="/test/driver.js"></script></head>`), 1)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(page)), int64(len(page))
			r.Header.Set("Content-Length", fmt.Sprint(len(page)))
			return err
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /test/driver.js", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(rw, webkitDriver)
	})
	mux.HandleFunc("GET /test/next", func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Cache-Control", "no-store")
		select {
		case n := <-w.due:
			_, _ = fmt.Fprint(rw, n)
		case <-time.After(5 * time.Second):
			rw.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /test/step/{name}", func(rw http.ResponseWriter, r *http.Request) {
		var n int
		_, _ = fmt.Sscanf(r.PathValue("name"), "%d.js", &n)
		w.mu.Lock()
		defer w.mu.Unlock()
		rw.Header().Set("Content-Type", "text/javascript")
		_, _ = fmt.Fprintf(rw, "export default async () => %s;", w.steps[n])
	})
	mux.HandleFunc("POST /test/said/{n}", func(_ http.ResponseWriter, r *http.Request) {
		var said webkitAnswer
		if json.NewDecoder(r.Body).Decode(&said) != nil {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if heard := w.answers[r.PathValue("n")]; heard != nil {
			heard <- said
			delete(w.answers, r.PathValue("n"))
		}
	})
	mux.HandleFunc("GET /test/photo/{n}", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "image/jpeg")
		_, _ = rw.Write(longPhoto(300_000))
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		away := w.away
		w.mu.Unlock()
		if away {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(rw, r)
	})
	server := httptest.NewServer(mux)
	w.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.screen()
	return w
}

// screen starts an X server that is shown nowhere.
func (w *webkit) screen() {
	w.t.Helper()
	path, err := exec.LookPath("Xvfb")
	require.NoError(w.t, err, "install the Debian package xvfb")
	read, write, err := os.Pipe()
	require.NoError(w.t, err)
	x := exec.Command(path, "-displayfd", "3", "-screen", "0", "500x900x24", "-nolisten", "tcp")
	x.ExtraFiles = []*os.File{write}
	require.NoError(w.t, x.Start())
	w.t.Cleanup(func() {
		_ = x.Process.Kill()
		_ = x.Wait()
	})
	_ = write.Close()
	var n int
	_, err = fmt.Fscan(read, &n)
	require.NoError(w.t, err, "no screen")
	w.display = fmt.Sprintf(":%d", n)
}

// open starts the browser at a path of the app, with what it kept when it was open before.
func (w *webkit) open(path string) {
	w.t.Helper()
	found, err := filepath.Glob("/usr/lib/*/webkit2gtk-4.1/MiniBrowser")
	require.NoError(w.t, err)
	require.NotEmpty(w.t, found, "install the Debian package libwebkit2gtk-4.1-0")
	b := exec.Command(found[0], "--geometry=400x844", w.URL+"/field"+path)
	b.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b.Env = append(os.Environ(), "DISPLAY="+w.display, "GDK_BACKEND=x11", "NO_AT_BRIDGE=1", "LIBGL_ALWAYS_SOFTWARE=1", "WEBKIT_DISABLE_COMPOSITING_MODE=1", "DBUS_SESSION_BUS_ADDRESS=disabled:", "LANG=C.UTF-8",
		"HOME="+w.dir, "XDG_DATA_HOME="+filepath.Join(w.dir, "data"), "XDG_CACHE_HOME="+filepath.Join(w.dir, "cache"), "XDG_CONFIG_HOME="+filepath.Join(w.dir, "config"))
	var said bytes.Buffer
	b.Stdout, b.Stderr = &said, &said
	require.NoError(w.t, b.Start())
	var once sync.Once
	w.stop = func() {
		once.Do(func() {
			_ = syscall.Kill(-b.Process.Pid, syscall.SIGKILL) // with the processes of its pages, as a system does that wants its memory
			_ = b.Wait()
			if w.t.Failed() {
				w.t.Logf("WebKit said: %s", said.Bytes())
			}
		})
	}
	w.t.Cleanup(w.stop)
}

// goAway takes the line away, or brings it back.
func (w *webkit) goAway(away bool) {
	w.mu.Lock()
	w.away = away
	w.mu.Unlock()
}

// ask runs a script on the page. A page that is left before it answers gives none.
func (w *webkit) ask(script string) (json.RawMessage, error) {
	heard := make(chan webkitAnswer, 1)
	w.mu.Lock()
	n := len(w.steps)
	w.steps = append(w.steps, script)
	w.answers[fmt.Sprint(n)] = heard
	w.mu.Unlock()
	patience := time.After(20 * time.Second)
	select {
	case w.due <- n:
	case <-patience:
		return nil, fmt.Errorf("no page asked for it: %s", script)
	}
	select {
	case said := <-heard:
		if said.Error != "" {
			return nil, fmt.Errorf("%s: %s", script, said.Error)
		}
		return said.Value, nil
	case <-patience:
		return nil, fmt.Errorf("the page did not answer: %s", script)
	}
}

// until waits for something to be true on the page.
func (w *webkit) until(what, expression string) {
	w.t.Helper()
	var err error
	for end := time.Now().Add(rig.Patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var said json.RawMessage
		if said, err = w.ask("Boolean(await (" + expression + "))"); string(said) == "true" {
			return
		}
	}
	text, _ := w.ask(`location.href + " says " + document.body.innerText`)
	require.FailNow(w.t, what, "%v; the page %s", err, text)
}

func (w *webkit) says(selector, words string) {
	w.t.Helper()
	w.until(words, fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.innerText.includes(%q))`, selector, words))
}

// tap clicks what a selector finds that says so, once it is there.
func (w *webkit) tap(selector, words string) {
	w.t.Helper()
	w.until("a tap on "+selector+" "+words, fmt.Sprintf(`(e => e && (e.click(), true))([...document.querySelectorAll(%q)].find(e => e.innerText.includes(%q) && !e.disabled))`, selector, words))
}

func (w *webkit) fill(selector, text string) {
	w.t.Helper()
	w.until("a field", fmt.Sprintf(`(e => e && (e.value = %q, e.dispatchEvent(new Event("input", {bubbles: true})), true))(document.querySelector(%q))`, text, selector))
}

func (w *webkit) visit(path string) {
	w.t.Helper()
	_, _ = w.ask(fmt.Sprintf(`(window.isOver = true, setTimeout(() => location.assign(%q)), 0)`, "/field"+path))
	w.until("the page "+path, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete" && !window.isOver`, "/field"+path))
}

// items are the photos that are on the phone, by their state.
func (w *webkit) items() (all []rig.JSON) {
	w.t.Helper()
	(&rig.User{T: w.t}).Await("the phone's database", func() bool {
		said, err := w.ask(`new Promise((ok, no) => {
			const asked = indexedDB.open("fieldproof");
			asked.onerror = () => no(asked.error);
			asked.onsuccess = () => {
				const all = asked.result.transaction("items").objectStore("items").getAll();
				all.onerror = () => no(all.error);
				all.onsuccess = () => { asked.result.close(); ok(all.result); };
			};
		})`)
		return err == nil && json.Unmarshal(said, &all) == nil
	})
	return all
}

// TestFieldInWebKit has the app in a real WebKit: it opens without a network and after the browser was killed, and what was
// taken gets home once.
func TestFieldInWebKit(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, nil)
	id := order.Text("id")
	w := newWebKit(t, in)
	w.open("/")
	w.fill(`input[autocomplete=username]`, crew.Username)
	w.fill(`input[autocomplete=current-password]`, rig.Password)
	w.tap(`.Welcome form button.primary`, "")
	w.tap(`.Welcome button.primary`, "Go on")
	w.tap(`.Welcome button`, "Not now")
	w.says(".Row", "12 Oak Street")
	w.until("the app is on the phone", `navigator.serviceWorker.controller`)

	// Without a network, and without a camera, which this WebKit has not: two photos come from its gallery.
	w.goAway(true)
	w.visit("/orders/" + id + "/camera")
	w.until("there is a way to bring photos", `document.querySelector("input[type=file]")`)
	w.until("two photos", `(async () => {
		const brought = new DataTransfer();
		for (const n of [1, 2]) brought.items.add(new File([await (await fetch("/test/photo/" + n)).blob()], n + ".jpg", {type: "image/jpeg"}));
		const input = document.querySelector("input[type=file][multiple]") ?? document.querySelector("input[type=file]");
		input.files = brought.files;
		input.dispatchEvent(new Event("change", {bubbles: true}));
		return true;
	})()`)
	office.Await("them to be kept", func() bool { return len(w.items()) == 2 })
	taken := w.items()

	// The system ends it; it opens again without a network, with all that was taken.
	w.stop()
	w.open("/queue")
	w.says(".big-n", "2")
	require.ElementsMatch(t, shas(taken), shas(w.items()))
	w.visit("/orders/" + id)
	w.tap(`.Dock button`, "Complete")
	w.says(".Dock", "Completed on this phone")

	// A page that is left while it sends leaves the rest to the next.
	w.goAway(false)
	for _, path := range []string{"/", "/queue", "/menu", "/queue"} {
		w.visit(path)
	}
	w.says(".Sum", "Everything is safe")
	require.ElementsMatch(t, shas(taken), arrivedAt(office, id), "each is there, and none twice")
	office.AwaitState(id, "completed")
}
