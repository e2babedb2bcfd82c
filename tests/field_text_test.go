package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
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
		if (!node.data.trim() || parent.closest(".sr, script, style, [aria-hidden=true], option, .Toasts, .brief") || !parent.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
		const range = document.createRange();
		range.selectNodeContents(node);
		let room = parent;
		while (room && !scrolls(room)) room = room.parentElement;
		parent.scrollIntoView({block: "center", inline: "nearest", behavior: "instant"});
		for (const word of node.data.matchAll(/(?<![-:\w])\p{L}{2,9}(?![-:\w])/gu)) {
			const letters = document.createRange();
			letters.setStart(node, word.index), letters.setEnd(node, word.index + word[0].length);
			if (new Set([...letters.getClientRects()].map(r => Math.round(r.top))).size > 1) found.push("torn: " + word[0]);
		}
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
			const x = r.left + r.width / 2, y = r.top + r.height / 2, within = room?.getBoundingClientRect();
			if (y < 0 || y > innerHeight || within && (y < within.top || y > within.bottom)) continue; // a line further it is in sight
			const top = document.elementFromPoint(x, y);
			const related = top && (top.contains(parent) || parent.contains(top) || top.closest("label, button, a, li") === parent.closest("label, button, a, li") && parent.closest("label, button, a"));
			if (top && !related) found.push("under " + top.tagName + "." + top.className + ": " + says);
		}
	}
	return [...new Set(found)];
})()`

// unreachable is what a finger can't have whole: it is cut, or something lies over it, wherever the page is scrolled to.
const unreachable = `(() => {
	const found = [];
	for (const e of (document.querySelector("dialog[open]") ?? document).querySelectorAll("a[href], button, input, select, textarea, label, canvas")) {
		if (e.closest(".sr, .Toasts, [aria-hidden=true]") || !e.checkVisibility({checkOpacity: true, checkVisibilityCSS: true})) continue;
		e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
		const says = e.tagName + "." + e.className + " " + (e.innerText || e.ariaLabel || e.id).slice(0, 40);
		for (const {left, right, top, bottom} of e.getClientRects()) {
			const x = (left + right) / 2, y = (top + bottom) / 2, tall = bottom - top > innerHeight / 2;
			if (left < -1 || right > innerWidth + 1 || !tall && (top < -1 || bottom > innerHeight + 1)) found.push("beside the screen: " + says);
			else for (const [px, py] of tall ? [[x, y]] : [[x, y], [left + 3, y], [right - 3, y], [x, top + 3], [x, bottom - 3]]) {
				const on = document.elementFromPoint(px, py);
				if (on?.contains(e) && getComputedStyle(e).pointerEvents === "none") continue; // a long list takes no finger while it scrolls
				if (!on || !e.contains(on) && on.closest("label, button, a") !== e.closest("label, button, a") && !(e.matches("input") && e.parentElement.contains(on))) { found.push("covered by " + on?.tagName + "." + on?.className + ": " + says); break; }
			}
		}
	}
	return [...new Set(found)];
})()`

// crowded is how little of the screen's height is left for what it is about, of what is longer than that.
const crowded = `(() => {
	const main = document.querySelector("main:not(.Camera)"), dialog = document.querySelector("dialog[open]");
	if (!main || dialog) return [];
	main.lastElementChild?.scrollIntoView({block: "end", behavior: "instant"});
	if (main.getBoundingClientRect().top >= 0 && main.scrollTop === 0) return []; // all of it is to be seen
	let left = 0;
	for (let y = 0; y < innerHeight; y++) if (document.elementFromPoint(innerWidth / 2, y)?.closest("main")) left++;
	return left * 2 < innerHeight ? ["only " + Math.round(100 * left / innerHeight) + " % of the screen is left"] : [];
})()`

// wider is what scrolls sideways, but what one leafs through so.
const wider = `[...document.querySelectorAll("html, body, .Screen, main, main > :not(.sr), dialog[open], .next, .trouble, .controls")].filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline").map(e => "scrolls sideways: " + e.tagName + "." + e.className)`

// sizes are those of the usual phone and of the smallest, upright and turned.
var sizes = []struct {
	name          string
	width, height int64
}{{"", 390, 844}, {"-turned", 844, 390}, {"-small", 320, 568}, {"-small-turned", 568, 320}}

// large judges a screen with its text at 200 %: light, dark and in the sun; and whether it is whole on phones of all sizes, with the
// usual text too.
func (p *phone) large(name string) {
	p.t.Helper()
	for _, look := range []string{"light", "dark", "sun"} {
		p.run(dark(look == "dark"), chromedp.Evaluate(fmt.Sprintf(`(d => { if (%v) d.contrast = "more"; else delete d.contrast; })(document.documentElement.dataset)`, look == "sun"), nil))
		accessible(p.t, p.ctx, name+", "+look)
		screenshot(p.t, p.ctx, "field-large-"+name+"-"+look)
	}
	p.run(dark(false), chromedp.Evaluate(`delete document.documentElement.dataset.contrast`, nil))
	for _, text := range []string{"100%", "200%"} {
		p.run(chromedp.Evaluate(fmt.Sprintf(`document.documentElement.style.fontSize = %q`, text), nil))
		for _, size := range sizes {
			p.whole(name+size.name+"-"+strings.TrimSuffix(text, "%"), size.width, size.height)
		}
	}
	p.run(emulation.SetDeviceMetricsOverride(390, 844, 2, true))
}

// whole judges whether a screen of a size has all that it says, and all of it within a finger's reach.
func (p *phone) whole(name string, width, height int64) {
	p.t.Helper()
	p.run(emulation.SetDeviceMetricsOverride(width, height, 2, true))
	p.until("it is that large", fmt.Sprintf(`innerHeight === %d`, height))
	screenshot(p.t, p.ctx, "field-large-"+name)
	for _, judge := range []string{illegible, unreachable, crowded, wider} {
		var wrong []string
		p.run(chromedp.Evaluate(judge, &wrong))
		if len(wrong) > 0 {
			p.t.Errorf("%s, %d x %d: %s", name, width, height, strings.Join(wrong, "; "))
		}
	}
}

// TestFieldTextAtTwiceItsSizeIsWhole walks the screens with large text: nothing is cut, nothing lies over another, and the larger
// half of the screen is for what it is about.
func TestFieldTextAtTwiceItsSizeIsWhole(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("staff") // who may make orders
	template := office.Want(201, "POST", "/surveys", everyKind("all"+strings.ReplaceAll(uuid.NewString(), "-", ""))).Text("reference")
	office.Want(201, "POST", "/integrations", rig.JSON{"client_code": "Meridian", "name": "Meridian Property Preservation and Field Services of Central Texas", "kind": "push"})
	order := office.Order(rig.JSON{"assignee": crew.Username, "due_date": "2020-05-04", "client_code": "Meridian", "latitude": property[0], "longitude": property[1], "work_order_info": "Key box, code 0417",
		"options": rig.JSON{"check_in_required": true}, "instructions": "<p>Close the gate. <b>Every room.</b></p>",
		"tasks": []rig.JSON{{"name": "Grass cut, front and back, trimmed along every fence and wall, with the clippings carried away and each side of the house in the picture", "required_photos": rig.JSON{"before": 1, "after": 2}}, {"name": "Debris"}, {"name": "Condition", "kind": "survey", "survey_id": template}}})
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
	p.says(".Row", "Meridian Property Preservation and Field Services of Central Texas")
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
	p.until("a long name takes two lines", `(b => b.scrollHeight > b.clientHeight && b.clientHeight < 2.5 * parseFloat(getComputedStyle(b).lineHeight))(document.querySelector(".what b"))`)
	p.tap(`.Finder .what`, "Next")
	p.until("a tap tells all of it", `(b => b.scrollHeight === b.clientHeight && b.innerText.endsWith("in the picture, After"))(document.querySelector(".what b"))`)
	p.large("camera-told")
	p.tap(`.Finder .what`, "Next")
	p.allow(asCamera, false)
	p.reload()
	p.says(".trouble", "The camera is not allowed")
	p.large("camera-denied")
	p.allow(asCamera, true)
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
	p.run(emulation.SetDeviceMetricsOverride(320, 568, 2, true), chromedp.Evaluate(`document.querySelector(".Queue .items").scrollIntoView({behavior: "instant"})`, nil))
	p.until("its rows are drawn, however far down they begin", `(r => r && r.top >= -1 && r.top < innerHeight / 2)(document.querySelector(".Queue .Row.item")?.getBoundingClientRect())`)
	p.run(emulation.SetDeviceMetricsOverride(390, 844, 2, true))
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
	longer(t)
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
