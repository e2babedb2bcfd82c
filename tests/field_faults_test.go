package tests

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// photosAtOnce is how many photos go through all that can befall a phone; make soak takes a hundred.
var photosAtOnce = 12

// TestFieldPhotosOutliveWhateverBefallsThePhone: photos are taken without a network while tabs crash and the browser ends, and
// sent while the network comes and goes and the server is killed. Each is at the server, bit for bit, once.
func TestFieldPhotosOutliveWhateverBefallsThePhone(t *testing.T) {
	longer(t)
	t.Parallel()
	in, err := rig.Dev(product(t), filepath.Join(t.TempDir(), "installation"))
	require.NoError(t, err)
	t.Cleanup(in.Stop)
	office, crew, order := crewWithOrder(t, in, nil)
	id := order.Text("id")
	p := newPhone(t, in)
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()
	p.line.Away(true)
	for range 3 {
		p.shoot(id, photosAtOnce/4)
		p.crash()
	}
	p.shoot(id, photosAtOnce-3*(photosAtOnce/4))
	p.stop()
	p.open()
	p.visit("/queue")
	p.says(".Sum", "only on this phone")
	taken := p.items()
	require.Len(t, taken, photosAtOnce)

	// The line is there for two seconds and away for two, until all is safe; meanwhile the server is killed twice.
	kills := 0
	for away := false; ; away = !away {
		p.line.Away(away)
		time.Sleep(2 * time.Second)
		safe := 0
		for _, i := range p.items() {
			if i["state"] == "safe" {
				safe++
			}
		}
		if kills < 2 && safe >= (kills+1)*photosAtOnce/4 {
			kills++
			in.KillAll()
			require.NoError(t, in.Restart())
		}
		if safe == photosAtOnce && kills == 2 {
			break
		}
	}
	p.line.Away(false)
	require.ElementsMatch(t, shas(taken), arrivedAt(office, id), "each is there, and none twice")
}

// TestFieldCompleteDoesNotWaitForBytes has a line of 5 kB/s: the office hears at once that the order is completed and what it
// awaits, and nothing is published or called late without it.
func TestFieldCompleteDoesNotWaitForBytes(t *testing.T) {
	longer(t)
	t.Parallel()
	const photos = 40
	p, office, _, order := atWork(t, rig.JSON{"tasks": []rig.JSON{{"name": "Lawn", "required_photos": rig.JSON{"before": photos}}}, "qa_policy": "auto_publish"})
	id := order.Text("id")
	p.line.Away(true)
	p.shoot(id, photos)
	p.visit("/orders/" + id)
	p.tap(`.Dock button`, "Publish")
	p.says(".Dock", "Completed on this phone")
	p.line.Slow(5000)
	p.line.Away(false)
	back := time.Now()
	office.AwaitState(id, "completed")
	require.Less(t, time.Since(back), time.Minute)
	require.Equal(t, photos, int(awaitedOf(office, order.Text("id")).(float64))+len(arrivedAt(office, id)), "what is not here is awaited")
	p.visit("/queue")
	p.until("what is on its way says how far it is", `[...document.querySelectorAll(".Queue .state")].some(e => e.innerText.includes("%"))`)
	p.seen("queue-sending")
	require.Empty(t, office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).List("items"), "never without them")
	require.Equal(t, "completed", office.Want(200, "GET", "/work-orders/"+id, nil).Text("state"))
	p.line.Slow(0)
	require.ElementsMatch(t, shas(p.awaitItems(photos, "safe")), arrivedAt(office, id))
	office.AwaitState(id, "published")
	published := office.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
	require.Equal(t, []any{1, float64(photos)}, []any{len(published.List("items")), published.Get("items", 0, "items")})
	require.Zero(t, alertsOf(office, "late_items"))
}

// nextVersion answers as an installation does whose field app was built anew: each of its parts has another name, and what had
// the old one is there no more.
func nextVersion(t *testing.T, in *rig.Installation) func(w http.ResponseWriter, r *http.Request) bool {
	t.Helper()
	ask := func(path string) rig.Answer { return (&rig.User{T: t, URL: in.URL}).Do("GET", in.URL+path, nil) }
	var anew, asWas []string
	for _, found := range regexp.MustCompile(`"url":"assets/([^"]+)(\.\w+)"`).FindAllSubmatch(ask("/field/sw.js").Body, -1) {
		was, is := string(found[1])+string(found[2]), string(found[1])+"-next"+string(found[2])
		anew, asWas = append(anew, was, is), append(asWas, is, was)
	}
	require.Greater(t, len(anew), 40, "the parts of the app")
	renamed, named := strings.NewReplacer(append(anew, `"revision":"`, `"revision":"next-`)...), strings.NewReplacer(asWas...)
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/field/") {
			return false
		}
		was := named.Replace(r.URL.Path)
		if strings.HasPrefix(was, "/field/assets/") && was == r.URL.Path {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		there := ask(was)
		for _, name := range []string{"Content-Type", "Content-Security-Policy", "Permissions-Policy", "Cache-Control"} {
			w.Header().Set(name, there.Header.Get(name))
		}
		w.WriteHeader(there.Status)
		_, _ = io.WriteString(w, renamed.Replace(string(there.Body)))
		return true
	}
}

func TestFieldANewVersionWaitsUntilNobodyIsInTheMiddleOfSomething(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, nil)
	id := order.Text("id")
	deployed := newBetween(t, in)
	p := newPhone(t, in, func(p *phone) { p.over(deployed.URL) })
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()
	p.visit("/queue")
	p.tap(`.AppBar button`, "Pause")
	p.says(".Banner", "Sending is paused")
	old, _ := chromedp.NewContext(p.ctx)
	first := p.ctx
	p.tab(old)
	p.visit("/orders/" + id + "/camera") // another tab, which stays open
	p.until("the camera runs", `document.querySelector("video").videoWidth > 0`)
	p.turnsTo(first)
	p.shoot(id, 3)

	deployed.answers(nextVersion(t, in))
	p.run(chromedp.Evaluate(`navigator.serviceWorker.getRegistration().then(r => r.update()).then(() => 0)`, nil, awaitPromise))
	p.settles("it waits", `navigator.serviceWorker.getRegistration().then(r => r.waiting !== null)`)
	p.fire(1)
	p.until("the camera is not interrupted", `document.querySelector("video").videoWidth > 0`)
	p.tap(`.cbtn`, "Close the camera")
	p.says(".Banner", "There is a new version.")
	p.seen("new-version")
	p.run(chromedp.Evaluate(`window.before = true; 0`, nil))
	p.tap(`.Banner button`, "Take it now")
	p.until("it is taken", `!window.before && document.querySelector("h2")`)
	p.settles("by its worker", `navigator.serviceWorker.getRegistration().then(r => r.waiting === null && r.active?.state === "activated")`)
	require.Len(t, p.items(), 4)

	// The old tab shoots on, though nothing of its version is left anywhere; where it leads next is the new one. Nothing is doubled.
	p.turnsTo(old)
	p.run(network.ClearBrowserCache())
	p.until("the camera runs", `document.querySelector("video").videoWidth > 0`)
	p.fire(1)
	p.run(chromedp.Evaluate(`window.before = true; 0`, nil))
	p.tap(`.cbtn`, "Close the camera")
	p.until("it is the next version", `!window.before && document.querySelector("h2") && document.querySelector("script[src*=-next]")`)
	p.tap(`.Dock a`, "Take more photos")
	p.until("the camera runs", `document.querySelector("video").videoWidth > 0`)
	p.fire(1)
	p.turnsTo(first)
	p.visit("/queue")
	p.tap(`.AppBar button`, "Go on")
	require.ElementsMatch(t, shas(p.awaitItems(6, "safe")), arrivedAt(office, id))
}

func TestFieldStorageThatIsFullClosesTheShutterAndKeepsThePhotoInHand(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, nil)
	id := order.Text("id")
	p.line.Away(true)
	p.shoot(id, 1)
	p.run(storage.OverrideQuotaForOrigin(p.at).WithQuotaSize(1))
	kept := 1 // the browser's own quota acts late: it remembers for a while how much room there was
	for full := false; !full; {
		p.tap(`.shutter`)
		office.Await("what became of the photo", func() bool {
			full = holds(t, p.ctx, `document.querySelector(".trouble")`)
			return full || len(p.items()) > kept
		})
		kept = len(p.items())
	}
	p.says(".trouble", "No room on this phone")
	p.until("the photo in hand is shown", `document.querySelector(".trouble img")?.naturalWidth > 0`)
	p.until("the shutter is closed", `document.querySelector(".shutter").getAttribute("aria-disabled") === "true"`)
	p.seen("storage-full")
	p.tap(`.trouble button`, "Try again")
	p.says(".trouble", "No room on this phone")
	require.Len(t, p.items(), kept)
	p.until("it can be saved as a file", `document.querySelector(".trouble a[download]").href.startsWith("blob:")`)

	// Room was made: it is kept, and the shutter is open.
	p.run(storage.OverrideQuotaForOrigin(p.at))
	office.Await("it to be kept", func() bool {
		p.run(chromedp.Evaluate(`document.querySelector(".trouble button.primary")?.click(); 0`, nil))
		return len(p.items()) == kept+1
	})
	p.until("it is said", `!document.querySelector(".trouble")`)
	p.fire(1)
	p.line.Away(false)
	require.ElementsMatch(t, shas(p.awaitItems(kept+2, "safe")), arrivedAt(office, id))
}

// fills leaves no room on the phone. The browser's own quota acts late: it remembers for a while how much room there was.
func (p *phone) fills() {
	p.t.Helper()
	p.run(storage.OverrideQuotaForOrigin(p.at).WithQuotaSize(1))
	p.settles("nothing can be written", `new Promise((ok, no) => {
		const asked = indexedDB.open("fieldproof");
		asked.onerror = () => no(asked.error);
		asked.onsuccess = () => {
			const writing = asked.result.transaction("meta", "readwrite");
			writing.objectStore("meta").put({key: "probe", value: 1});
			writing.oncomplete = () => { asked.result.close(); ok(false); };
			writing.onabort = () => { asked.result.close(); ok(writing.error.name === "QuotaExceededError"); };
		};
	})`)
}

// TestFieldAPhoneThatIsFullSendsAllTheSame: nothing can be written any more, not even where a photo stands; sending is what makes
// room, so it goes on.
func TestFieldAPhoneThatIsFullSendsAllTheSame(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, nil)
	id := order.Text("id")
	p.line.Away(true)
	p.shoot(id, 3)
	p.visit("/orders/" + id)
	p.tap(`.Dock button`, "Complete")
	p.says(".Dock", "Completed on this phone")
	p.visit("/queue")
	p.says(".big-n", "4")
	p.fills()

	// What would be done now is not done, and says so.
	p.visit("/photo/" + fmt.Sprint(p.items()[0]["uuid"]))
	p.fill(`.Looked textarea`, "The gate, closed")
	p.tap(`.Looked form button`, "Save")
	p.says(".Toast", "No room on this phone")
	p.visit("/orders/" + id)
	p.fill(`.CreateNote textarea`, "The gate was locked.")
	p.tap(`.CreateNote button`, "Keep the note")
	p.says(".CreateNote", "No room on this phone")
	p.until("it is still there to be kept", `document.querySelector(".CreateNote textarea").value === "The gate was locked."`)
	p.seen("note-full")
	p.line.Away(false)
	office.Await("the photos", func() bool { return len(arrivedAt(office, id)) == 3 })
	office.AwaitState(id, "completed")
	require.ElementsMatch(t, shas(p.items()), arrivedAt(office, id))

	// With room again it is written down, also by whoever opens the app anew.
	p.visit("/queue")
	p.run(storage.OverrideQuotaForOrigin(p.at))
	p.says(".Sum", "Everything is safe")
	require.ElementsMatch(t, shas(p.awaitItems(3, "safe")), arrivedAt(office, id))
	require.Zero(t, alertsOf(office, "late_items"))
}

// clockSet lets a test set the phone's clock, by ms that it is ahead.
const clockSet = `(() => {
	const Real = Date, ahead = () => { try { return Number(localStorage.getItem("test-clock") ?? 0); } catch { return 0; } };
	globalThis.Date = new Proxy(Real, {
		construct: (_, args, as) => Reflect.construct(Real, args.length ? args : [Real.now() + ahead()], as),
		get: (of, name) => name === "now" ? () => Real.now() + ahead() : Reflect.get(of, name),
	});
})()`

func (p *phone) setClock(ahead time.Duration) {
	p.t.Helper()
	p.run(chromedp.Evaluate(fmt.Sprintf(`localStorage.setItem("test-clock", %d); 0`, ahead.Milliseconds()), nil))
}

// tooBusy is a server that takes no bytes for so long.
func tooBusy(rest time.Duration) func(w http.ResponseWriter, r *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.URL.Path, "/api/v1/uploads/") {
			return false
		}
		w.Header().Set("Retry-After", fmt.Sprint(rest.Seconds()))
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
}

// TestFieldAClockThatIsWrongCertifiesNoTimeAndHoldsUpNothing has a clock a day ahead, and set right in between.
func TestFieldAClockThatIsWrongCertifiesNoTimeAndHoldsUpNothing(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, nil)
	id := order.Text("id")
	busy := newBetween(t, in)
	p := newPhone(t, in, running(clockSet), func(p *phone) { p.over(busy.URL) })
	p.visit("/")
	p.setClock(24 * time.Hour)
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()

	// The server is too busy for bytes: what was tried rests until a time by a clock that is a day ahead.
	busy.answers(tooBusy(time.Minute))
	p.shoot(id, 1)
	office.Await("it to rest", func() bool {
		next, rests := p.items()[0]["next_try"].(float64)
		return rests && next > float64(time.Now().Add(23*time.Hour).UnixMilli())
	})
	p.setClock(0)
	p.visit("/queue")
	busy.answers(nil)
	p.awaitItems(1, "safe")
	p.shoot(id, 1)
	all := p.awaitItems(2, "safe")
	there := photosAt(office, id)
	certified := func(i rig.JSON) any { return there[fmt.Sprint(i["uuid"])]["certification"].(map[string]any)["time"] }
	slices.SortFunc(all, func(a, b rig.JSON) int { return int(b["taken_at"].(float64) - a["taken_at"].(float64)) })
	require.Less(t, all[0]["offset_ms"].(float64), -86_000_000.0, "it was measured")
	require.Equal(t, false, certified(all[0]))
	require.InDelta(t, 0, all[1]["offset_ms"].(float64), 5000)
	require.Equal(t, true, certified(all[1]), "set right, it is believed again")

	// What was done by a wrong clock is done all the same.
	p.setClock(-24 * time.Hour)
	p.visit("/orders/" + id)
	p.tap(`.Dock button`, "Complete")
	office.AwaitState(id, "completed")
}

// TestFieldWhoWasSwitchedOffLosesNothing: what is unsent leaves the phone as a rescue file, which the office takes.
func TestFieldWhoWasSwitchedOffLosesNothing(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, crew, order := atWork(t, nil)
	id := order.Text("id")
	p.line.Away(true)
	p.shoot(id, 2)
	office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"active": false})
	p.line.Away(false)
	p.visit("/queue")
	p.says(".Banner", "Your session has ended. Nothing is lost")
	p.tap(`.Banner a`, "Sign in")
	p.fill(`input[autocomplete=current-password]`, rig.Password)
	p.tap(`.Welcome form button.primary`)
	p.until("and they don't come in again", `document.querySelector(".Banner.bad")`)
	p.seen("switched-off")
	p.tap(`.Welcome a`, "Go on without signing in")
	p.visit("/queue")
	p.tap(`.out button`, "2")
	p.until("it is made", `document.querySelector(".out a[download]")`)
	p.seen("way-out")
	file := p.download(`.out a[download]`)
	brought := office.Want(202, "POST", "/rescues", rig.FileForm("rescue.zip", file))
	office.Await("all of it", func() bool {
		return office.Want(200, "GET", brought.Header.Get("Location"), nil).Text("state") == "done"
	})
	require.ElementsMatch(t, shas(p.items()), arrivedAt(office, id))

	// Let in again, their phone hears that all of it is there.
	office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"active": true})
	p.visit("/sign-in")
	p.fill(`input[autocomplete=current-password]`, rig.Password)
	p.tap(`.Welcome form button.primary`)
	p.says(".Tabs", "Orders")
	require.ElementsMatch(t, shas(p.awaitItems(2, "safe")), arrivedAt(office, id))
}

func TestFieldATaskThatWasRemovedLeavesThePhotoToBeMoved(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, rig.JSON{"tasks": []rig.JSON{{"name": "Lawn"}, {"name": "Debris"}}})
	id, lawn, debris := order.Text("id"), order.Text("tasks", 0, "id"), order.Text("tasks", 1, "id")
	p.line.Away(true)
	p.visit("/orders/" + id + "/camera?task=" + debris)
	p.fire(1)
	p.visit("/orders/" + id + "/camera?task=" + lawn)
	p.fire(1)
	office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"tasks": []rig.JSON{{"id": debris, "remove": true}, {"id": lawn}}})
	p.line.Away(false)
	p.visit("/queue")
	p.awaitItems(1, "safe")
	p.says(".why-box", "The task was removed. Move the photo to another one.")
	p.seen("queue-refused")
	p.tap(`.why-box a`, "Look")
	p.says(".Looked", "The task was removed.")
	p.until("it can be moved", `document.querySelectorAll(".Looked select").length === 2`)
	picked(t, p.ctx, `.Looked select`, lawn)
	p.tap(`.Looked form button`, "Save")
	require.ElementsMatch(t, shas(p.awaitItems(2, "safe")), arrivedAt(office, id))
	for _, photo := range photosAt(office, id) {
		require.Equal(t, lawn, photo["task_id"])
	}
}

// TestFieldAnOrderThatWasDeletedKeepsItsPhotos: what was taken for an order that the office deleted meanwhile is there when the
// office brings it back.
func TestFieldAnOrderThatWasDeletedKeepsItsPhotos(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, nil)
	id := order.Text("id")
	p.line.Away(true)
	p.shoot(id, 2)
	p.visit("/orders/" + id)
	p.tap(`.Dock button`, "Complete")
	p.says(".Dock", "Completed on this phone")
	office.Want(204, "DELETE", "/work-orders/"+id, nil)
	p.line.Away(false)
	p.visit("/queue")
	taken := p.awaitItems(2, "safe")
	p.says(".did.bad", "Complete")
	p.says(".did.bad", "This order is not yours any more")
	p.says(".big-n", "1")
	p.seen("queue-deleted")
	p.tap(`.did.bad a`)
	p.says("dialog h2", "This order")
	p.seen("conflict-deleted")
	p.tap(`dialog button`, "Send my work")
	p.until("it is settled", `!document.querySelector("dialog[open]")`)
	p.visit("/queue")
	p.says(".Sum", "Everything is safe")
	office.Want(200, "POST", "/work-orders/"+id+"/restore", nil)
	require.ElementsMatch(t, shas(taken), arrivedAt(office, id))
}

// TestFieldTheSameUploadFromTwoPhones has one phone be the copy of the other, as one that was set up from a backup is.
func TestFieldTheSameUploadFromTwoPhones(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, nil)
	id := order.Text("id")
	p.line.Away(true)
	p.shoot(id, 3)
	p.visit("/orders/" + id)
	p.tap(`.Dock button`, "Complete")
	p.says(".Dock", "Completed on this phone")
	p.stop()
	other := &phone{t: t, line: p.line, at: p.at, dir: profile(t)}
	require.NoError(t, os.CopyFS(other.dir, os.DirFS(p.dir)))
	p.open()
	other.open()
	t.Cleanup(func() { other.stop() })
	p.visit("/queue")
	other.visit("/queue")
	p.line.Away(false)
	p.awaitItems(3, "safe")
	other.awaitItems(3, "safe")
	require.ElementsMatch(t, shas(p.items()), arrivedAt(office, id))
	office.AwaitState(id, "completed")
	for _, one := range []*phone{p, other} {
		one.says(".Sum", "Everything is safe")
		for _, a := range one.rows("actions") {
			require.Equal(t, "done", a["state"], "%v", a)
		}
	}
}

// TestFieldAPhotoArrivesOverALineThatDrops sends 5 MB from the app itself, over connections that each break after 200 kB, and over
// a line that does so whichever connection carries them: pieces shrink to what gets through, and go on where the server stands.
func TestFieldAPhotoArrivesOverALineThatDrops(t *testing.T) {
	longer(t)
	t.Parallel()
	for what, line := range map[string]struct {
		drops   func(*rig.Line)
		atLeast int // times, or the line was none
	}{
		"each connection": {func(l *rig.Line) { l.On(func() rig.Fault { return rig.Fault{Up: 200_000, Down: -1} }) }, 1},
		"the whole line":  {func(l *rig.Line) { l.Drops(200_000) }, 24},
	} {
		t.Run(what, func(t *testing.T) {
			p, office, _, order := atWork(t, nil)
			id := order.Text("id")
			p.line.Away(true)
			file := filepath.Join(t.TempDir(), "large.jpg")
			require.NoError(t, os.WriteFile(file, longPhoto(5_000_000), 0o600))
			p.visit("/orders/" + id + "/camera")
			p.until("the camera runs", `document.querySelector("video").videoWidth > 0`)
			p.run(chromedp.SetUploadFiles(`.side input[type=file]`, []string{file}))
			p.says("[role=status]", "1 saved from the gallery")
			p.visit("/queue")
			p.says(".big-n", "1")
			line.drops(p.line)
			p.line.Tap()
			p.line.Away(false)
			kept := p.awaitItems(1, "safe")[0]
			require.Equal(t, shas([]rig.JSON{kept}), arrivedAt(office, id))
			require.GreaterOrEqual(t, p.line.Broken(), line.atLeast)
			most, twice := 0, 0
			times := sentOver(t, p.line, int(kept["size"].(float64)))
			for _, n := range times {
				most = max(most, n)
				if n > 1 {
					twice++
				}
			}
			t.Logf("the line broke %d times; %.1f %% of the bytes went over it twice or more, the worst %d times", p.line.Broken(), 100*float64(twice)/float64(len(times)), most)
			require.LessOrEqual(t, most, 2, "no byte goes over the line more than twice")
		})
	}
}
