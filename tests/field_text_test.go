package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// twiceAsLarge has each page's text at 200 %.
const twiceAsLarge = `(() => { const set = () => document.documentElement ? document.documentElement.style.fontSize = "200%" : requestAnimationFrame(set); set(); })()`

// illegible are the words on the page that lie under something else, or are cut off.
const illegible = `(() => {
	const found = [], scrolls = e => /auto|scroll/.test(getComputedStyle(e).overflowX + getComputedStyle(e).overflowY);
	const dialog = document.querySelector("dialog[open]");
	const walker = document.createTreeWalker(dialog ?? document.body, NodeFilter.SHOW_TEXT);
	for (let node; (node = walker.nextNode());) {
		const parent = node.parentElement;
		if (!node.data.trim() || parent.closest(".sr, script, style, [aria-hidden=true], option, .Toasts") || !parent.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
		const range = document.createRange();
		range.selectNodeContents(node);
		const box = parent.getBoundingClientRect(), room = (parent.closest("main, dialog") ?? document.body).getBoundingClientRect();
		if (box.top < room.top || box.bottom > room.bottom) parent.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
		for (const r of range.getClientRects()) {
			if (r.width < 2 || r.height < 2) continue;
			const says = node.data.trim().slice(0, 40);
			for (let e = parent; e && e !== document.documentElement; e = e.parentElement) {
				const style = getComputedStyle(e), box = e.getBoundingClientRect();
				if (scrolls(e)) break;
				if (/hidden|clip/.test(style.overflowX) && (r.left < box.left - 1 || r.right > box.right + 1)) found.push("cut off: " + says);
				if (/hidden|clip/.test(style.overflowY) && (r.top < box.top - 1 || r.bottom > box.bottom + 1)) found.push("cut off below: " + says);
			}
			if (r.left < -1 || r.right > innerWidth + 1) { if (!parent.closest(".Shots, .Kinds")) found.push("beside the screen: " + says); continue; }
			const x = r.left + r.width / 2, y = r.top + r.height / 2;
			if (y < 0 || y > innerHeight) continue;
			const top = document.elementFromPoint(x, y);
			const related = top && (top.contains(parent) || parent.contains(top) || top.closest("label, button, a, li") === parent.closest("label, button, a, li") && parent.closest("label, button, a"));
			if (top && !related) found.push("under " + top.tagName + "." + top.className + ": " + says);
		}
	}
	return [...new Set(found)];
})()`

// large judges a screen with its text at 200 %: light, dark and in the sun.
func (p *phone) large(name string) {
	p.t.Helper()
	for _, look := range []string{"light", "dark", "sun"} {
		p.run(dark(look == "dark"), chromedp.Evaluate(fmt.Sprintf(`(d => { if (%v) d.contrast = "more"; else delete d.contrast; })(document.documentElement.dataset)`, look == "sun"), nil))
		accessible(p.t, p.ctx, name+", "+look)
		screenshot(p.t, p.ctx, "field-large-"+name+"-"+look)
	}
	p.run(dark(false), chromedp.Evaluate(`delete document.documentElement.dataset.contrast`, nil))
	var wrong []string
	p.run(chromedp.Evaluate(illegible, &wrong))
	var wide bool
	p.run(chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &wide))
	if wide {
		wrong = append(wrong, "wider than the phone")
	}
	if len(wrong) > 0 {
		p.t.Errorf("%s: %s", name, strings.Join(wrong, "; "))
	}
}

// TestFieldTextAtTwiceItsSizeIsWhole walks the screens with large text: nothing is cut, nothing lies over another.
func TestFieldTextAtTwiceItsSizeIsWhole(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("staff") // who may make orders
	template := office.Want(201, "POST", "/surveys", everyKind("all"+strings.ReplaceAll(uuid.NewString(), "-", ""))).Text("reference")
	order := office.Order(rig.JSON{"assignee": crew.Username, "due_date": "2020-05-04", "client_code": "Meridian", "latitude": property[0], "longitude": property[1], "work_order_info": "Key box, code 0417",
		"options": rig.JSON{"check_in_required": true}, "instructions": "<p>Close the gate. <b>Every room.</b></p>",
		"tasks": []rig.JSON{{"name": "Grass cut, front and back", "required_photos": rig.JSON{"before": 1, "after": 2}}, {"name": "Debris"}, {"name": "Condition", "kind": "survey", "survey_id": template}}})
	id, grass, survey := order.Text("id"), order.Text("tasks", 0, "id"), order.Text("tasks", 2, "id")
	p := newPhone(t, in, running(twiceAsLarge))
	p.visit("/")
	p.says("h1", "Sign in")
	p.large("sign-in")
	p.signIn(crew)
	p.says("h1", "What the app needs")
	p.large("needs")
	p.tap(`.Welcome button.primary`, "Go on")
	p.says("h1", "Put it on your home screen")
	p.large("install")
	p.tap(`.Welcome button`, "Not now")
	p.says(".Row", "12 Oak Street")
	p.kept()
	p.large("orders")
	p.visit("/today")
	p.says(".Row", "12 Oak Street")
	p.large("today")
	p.visit("/find")
	p.fill(`#field-find`, "oak")
	p.says(".Row", "12 Oak Street")
	p.large("find")
	p.visit("/orders/new")
	p.says(".Dock", "Create the order")
	p.large("create")
	p.line.Away(true)
	p.visit("/orders/" + id + "/camera?task=" + grass)
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(1)
	p.says(".stamp", "±")
	p.large("camera")
	p.visit("/orders/" + id)
	p.says("h2", "12 Oak Street")
	p.large("order")
	p.tap(`.Dock button`, "missing")
	p.says("dialog", "Check in at the property")
	p.large("order-missing")
	p.visit("/orders/" + id + "/survey/" + survey)
	p.says(".meter", "answered")
	p.tap(`.Dock button`, "missing")
	p.large("survey")
	p.visit("/queue")
	p.says(".big-n", "1")
	p.says(".Queue .state", "On this phone")
	p.large("queue")
	p.visit("/photo/" + fmt.Sprint(p.items()[0]["uuid"]))
	p.until("the picture shows", `document.querySelector(".Looked img")?.naturalWidth > 0`)
	p.large("photo")
	p.visit("/menu")
	p.says(".facts", "Last asked the server")
	p.large("menu")
	p.tap(`.out button.danger`, "Sign out")
	p.says("dialog h2", "only on this phone")
	p.large("leaving")
}

// shifts has a page note what moved on it by itself: of what can be touched, from where to where.
const shifts = `(() => {
	globalThis.moved = [];
	const touched = "a, button, input, select, textarea, label";
	new PerformanceObserver(list => {
		for (const entry of list.getEntries())
			for (const s of entry.sources) {
				const e = s.node?.nodeType === 1 ? s.node : s.node?.parentElement;
				if (!entry.hadRecentInput && e && (e.matches(touched) || e.closest(touched) || e.querySelector?.(touched)))
					moved.push(e.tagName + "." + e.className + " " + e.innerText?.slice(0, 30) + ": " + [s.previousRect, s.currentRect].map(r => [r.x, r.y, r.width, r.height].map(Math.round)).join(" to "));
			}
	}).observe({type: "layout-shift", buffered: true});
})()`

// TestFieldNothingMovesUnderAThumb opens screens anew: what can be touched stays where it appeared.
func TestFieldNothingMovesUnderAThumb(t *testing.T) {
	t.Parallel()
	p, _, _, order := atWork(t, rig.JSON{"due_date": "2026-12-04", "work_order_info": "Key box, code 0417"}, running(shifts))
	p.shoot(order.Text("id"), 1)
	p.awaitItems(1, "safe")
	p.visit("/queue")
	p.says(".Sum", "Everything is safe")
	p.visit("/") // what it knew before it opened
	p.says(".Row", "12 Oak Street")
	for path, shows := range map[string][2]string{
		"/":                           {".Row", "12 Oak Street"},
		"/queue":                      {".Sum", "Everything is safe"},
		"/menu":                       {".facts", "Today"},
		"/orders/" + order.Text("id"): {".Dock", "Complete"},
		"/photo/" + fmt.Sprint(p.items()[0]["uuid"]): {".Looked .state", "Safe"},
	} {
		p.still(path, shows[0], shows[1])
	}
}

// still opens a screen and waits until it shows all that it has: nothing that can be touched has moved meanwhile.
func (p *phone) still(path, selector, words string) {
	p.t.Helper()
	p.visit(path)
	p.says(selector, words)
	p.until("its pictures are there", `[...document.querySelectorAll("img")].every(i => i.complete) && (!location.pathname.includes("/photo/") || document.querySelector(".Looked img")?.naturalWidth > 0)`)
	p.run(chromedp.Evaluate(`new Promise(r => requestAnimationFrame(() => setTimeout(r, 100)))`, nil, awaitPromise)) // what was moved is told with the next frame
	var moved []string
	p.run(chromedp.Evaluate(`moved`, &moved))
	require.Empty(p.t, moved, path)
}
