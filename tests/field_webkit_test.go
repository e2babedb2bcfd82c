package tests

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/stretchr/testify/require"
)

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
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, nil, running(asWebKit))
	id := order.Text("id")
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
	for range 3 { // while it sends, too
		p.until("it was open", `closeDatabases() > 0`)
	}
	p.line.Slow(0)
	require.ElementsMatch(t, shas(p.awaitItems(2, "safe")), arrivedAt(office, id))
	p.until("nobody vibrates", `!("vibrate" in navigator) && !("connection" in navigator) && !("sync" in ServiceWorkerRegistration.prototype)`)
}

// TestFieldAPageThatSleptGoesOnAtOnce: iOS resumes a page without an event, and its timers stood still. That one of them is late by
// the clock is the only sign.
func TestFieldAPageThatSleptGoesOnAtOnce(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, nil)
	id := order.Text("id")
	busy := newBetween(t, in)
	p := newPhone(t, in, running(asWebKit), running(clockSet), func(p *phone) { p.over(busy.URL) })
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()
	busy.answers(tooBusy(10 * time.Minute))
	p.shoot(id, 1)
	office.Await("it to rest", func() bool {
		next, rests := p.items()[0]["next_try"].(float64)
		return rests && next > float64(time.Now().Add(9*time.Minute).UnixMilli())
	})
	busy.answers(nil)
	time.Sleep(3 * time.Second) // asleep
	p.setClock(time.Hour)
	resumed := time.Now()
	require.Equal(t, shas(p.awaitItems(1, "safe")), arrivedAt(office, id))
	require.Less(t, time.Since(resumed), 30*time.Second, "and not when its own rest is over")
}
