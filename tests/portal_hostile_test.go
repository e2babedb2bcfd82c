package tests

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// hostile is a text of some length that wants to be more than text, runs from right to left, and ends in one long word.
func hostile(length int) string {
	const begins = `<img src=x onerror="window.taken=1">=HYPERLINK("http://example.com/x","y")<script>window.taken=2</script>{{7*7}}${window.taken=3}'"` +
		" \u202eمرحبا بالعالم שלום\u202c 👩🏽‍🚒🏚️ "
	letters := []rune(begins)
	if len(letters) < length {
		letters = append(letters, []rune(strings.Repeat("W", length-len(letters)))...)
	}
	return strings.TrimSpace(string(letters[:length]))
}

// tracking are the instructions of a customer who wants to know who reads them, and more.
const tracking = `<p onclick="window.taken=4" style="color:red;position:fixed">Close the gate.<script>window.taken=5</script></p>` +
	`<img src="https://example.com/spy.gif" alt="spy" srcset="https://example.com/spy2.gif 2x" onerror="window.taken=6"><iframe src="https://example.com"></iframe>` +
	`<a href="javascript:window.taken=7">here</a><svg onload="window.taken=8"><image href="https://example.com/spy.svg"/></svg><style>body{display:none;background:url(https://example.com/spy.css)}</style>` +
	`<video poster="https://example.com/spy.jpg"></video><link rel="stylesheet" href="https://example.com/spy.css"><meta http-equiv="refresh" content="0;url=https://example.com"><base href="https://example.com/">` +
	`<form action="https://example.com"><input name="password"><button>Sign in</button></form><table background="https://example.com/spy.gif"><tr><td>Every room</td></tr></table>`

// unharmed asserts that no text has become anything else.
func unharmed(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	until(t, ctx, "nothing was run or loaded at "+where,
		`window.taken === undefined && !document.querySelector(
		'img[src="x"], [src*="example.com"], [srcset], iframe, base, meta[http-equiv=refresh], .rich form, .rich input, [onerror], [onclick], [onload], [style*="fixed"], main script, a[href^="javascript"]')`)
}

// tooWide names what makes a page wider than its screen, and what lies beyond its edge where nobody can scroll to; "" for nothing.
const tooWide = `((width) => {
	const beyond = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > width + 1);
	const cut = e => { for (let a = e.parentElement; a && a.matches("main *"); a = a.parentElement) if (getComputedStyle(a).overflowX !== "visible") return true; };
	const lost = beyond.filter(e => e.matches("main :is(a, button, input, select, textarea)") && e.offsetWidth > 1 && !cut(e));
	const wide = document.documentElement.scrollWidth > width ? beyond : lost;
	return wide.slice(0, 12).map(e => e.tagName + "." + e.className + " " + e.textContent.slice(0, 20)).join(", ");
})(%d)`

// elsewhere keeps the addresses outside of a host that a browser asks for.
func elsewhere(ctx context.Context, host string) func() []string {
	var mu sync.Mutex
	var asked []string
	chromedp.ListenTarget(ctx, func(e any) {
		if sent, is := e.(*network.EventRequestWillBeSent); is && strings.HasPrefix(sent.Request.URL, "http") && !strings.HasPrefix(sent.Request.URL, host) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, sent.Request.URL)
		}
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

// TestPortalHostileTexts: whatever people, customers and other systems write, in every field that they can fill, stays text on
// every screen: nothing of it runs, asks for anything, or bursts the page.
func TestPortalHostileTexts(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	long := hostile(300)
	crew := "crew-" + uuid.NewString()[:8]
	office.Want(201, "POST", "/users", rig.JSON{"username": crew, "password": rig.Password, "role": "crew", "name": hostile(200)})
	office.Want(200, "PATCH", "/account", rig.JSON{"name": hostile(200), "address": long, "review_reasons": []string{hostile(100), "Wrong place"}})
	office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": "hostile", "version": 1, "name": hostile(190)},
		"questions": []rig.JSON{{"id": "q", "question": long, "answerType": "text"}, {"id": "s", "question": "Which?", "answerType": "select", "answerOptions": []string{long, "=1+1"}}}})
	o := office.Order(rig.JSON{
		"work_order_number": hostile(180) + uuid.NewString()[:8], "assignee": crew, "client_code": hostile(60), "client_status": long, "reference": long,
		"description": long, "work_order_info": long, "due_date": "2020-02-03", "priority": "rush",
		"address": rig.JSON{"address1": long, "address2": long, "city": long, "state": "TX", "zip": "78664"}, "instructions": tracking, "client_instructions": tracking,
		"attributes": rig.JSON{hostile(100): tracking},
		"tasks": []rig.JSON{{"name": hostile(200), "instructions": tracking, "required_photos": rig.JSON{"after": 2}}, {"name": "=cmd|' /C calc'!A0"},
			{"name": hostile(190), "kind": "survey", "survey_id": "hostile"}},
	})
	order, task := o.Text("id"), o.Text("tasks", 0, "id")
	worker := rig.SignIn(t, in.URL, crew, rig.Password)
	form := rig.PhotoForm(rig.JPEG(640, 480, 61), uuid.NewString(), "task_id", task, "evidence_type", "after", "taken_at", now(), "notes", long, "device",
		hostile(100))
	form.Parts[len(form.Parts)-1].FileName = `<img src=x onerror=alert(1)>=1+1 مرحبا.jpg`
	photo := worker.Want(201, "POST", "/work-orders/"+order+"/photos", form).Text("id")
	worker.AwaitState(order, "in_progress")
	worker.Want(201, "POST", "/work-orders/"+order+"/survey-responses", rig.JSON{"uuid": uuid.NewString(), "task_id": o.Text("tasks", 2, "id"), "answers": []rig.JSON{answer("q", long), answer("s", "=1+1")}})
	office.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": long})
	office.Want(200, "PATCH", "/photos/"+photo, rig.JSON{"review": "rejected", "reason": long})
	office.Want(200, "PATCH", "/work-orders/"+order, rig.JSON{"reference": hostile(290)})
	worker.Want(200, "PUT", "/devices/"+uuid.NewString(), rig.JSON{"name": hostile(100)})

	// What went out: to a place that answers with a page of its own, and under a link that a visitor wrote to.
	place := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, tracking+hostile(2000))
	}))
	defer place.Close()
	hook := hookAt(office, hostile(190), place.URL, nil).Text("id")
	sent := office.Order(rig.JSON{"assignee": "~all~", "address": rig.JSON{"address1": long, "city": "Austin", "state": "TX", "zip": "78701"}}).Text("id")
	office.Upload(sent, rig.JPEG(320, 240, 62), "notes", long)
	for _, step := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+sent+"/"+step, nil)
	}
	link := office.Want(201, "POST", "/work-orders/"+sent+"/links", rig.JSON{"allow_comments": true}).Text("url")
	require.Equal(t, 303, rig.SendForm(t, link+"/comments", url.Values{"author": {hostile(60)}, "text": {long}}).Status)
	office.Await("the place to have answered", func() bool {
		return office.Want(200, "GET", "/work-orders/"+sent+"/publications", nil).Text("items", 0, "deliveries", 0, "last_error") != ""
	})

	integration := office.Want(201, "POST", "/integrations", rig.JSON{"client_code": hostile(60), "name": hostile(200), "kind": "push"}).Text("id")
	office.Want(201, "POST", "/views", rig.JSON{"name": hostile(190), "query": "state=in_progress"})
	office.Want(201, "POST", "/work-types", rig.JSON{"name": hostile(190), "instructions": tracking, "tasks": []rig.JSON{{"name": hostile(200)}}})
	office.Want(201, "POST", "/tokens", rig.JSON{"name": hostile(190)})
	office.Want(201, "POST", "/share-links", rig.JSON{"name": hostile(190)})
	property := o.Text("property_id")
	office.Want(200, "PATCH", "/properties/"+property, rig.JSON{"notes": tracking + long})
	imported := ended(office, office.Want(202, "POST", "/imports", rig.FileForm("<b>orders</b> مرحبا"+strings.Repeat("W", 150)+".csv", table([]string{"WO #", "Address 1", hostile(80)},
		[]string{"", long, long}, []string{long, "", "=1+1"}))).Text("id"))

	b := newBetween(t, in)
	ctx := signedIn(t, &rig.Installation{URL: b.URL}, office, false)
	asked := elsewhere(ctx, b.URL)
	screens := [][2]string{{"home", "/"}, {"orders", "/orders"}, {"found", "/orders?q=W"}, {"filtered", "/orders?" + url.Values{"client_code": {o.Text("client_code")}, "assignee": {crew}}.Encode()}, {"order", "/orders/" + order}, {"sent", "/orders/" + sent},
		{"review", "/orders/" + order + "/review"}, {"viewer", "/orders/" + order + "/review?photo=" + photo},
		{"publish", "/orders/" + sent + "/publish"}, {"queue", "/review"}, {"create", "/orders/new"}, {"properties", "/properties"},
		{"property", "/properties/" + property}, {"photos", "/photos?user=" + crew}, {"imports", "/imports"}, {"import", "/imports/" + imported.Text("id")},
		{"users", "/settings/users"}, {"account", "/settings/account"}, {"reasons", "/settings/reasons"}, {"surveys", "/settings/surveys"}, {"phones", "/settings/phones"},
		{"work-types", "/settings/work-types"}, {"integrations", "/settings/integrations"}, {"integration", "/settings/integrations/" + integration},
		{"destinations", "/settings/destinations"}, {"destination", "/settings/destinations/" + hook},
		{"share", "/settings/share"}, {"tokens", "/settings/tokens"}, {"policy", "/settings/policy"}, {"audit", "/settings/audit"}, {"roles", "/settings/roles"}}
	for _, phone := range []bool{false, true} {
		width := 1280
		if phone {
			width = 390
			require.NoError(t, chromedp.Run(ctx, onPhone()))
		}
		for _, s := range screens {
			name, path := s[0]+map[bool]string{true: "-phone"}[phone], s[1]
			t.Run(name, func(t *testing.T) {
				b.visit(t, ctx, path)
				unharmed(t, ctx, path)
				wide := ""
				require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(fmt.Sprintf(tooWide, width), &wide)))
				require.Empty(t, wide, "%s is wider than %d", path, width)
				accessible(t, ctx, fmt.Sprintf("%s at %d", path, width))
				shots(t, ctx, "hostile-"+name)
			})
		}
	}
	require.NoError(t, chromedp.Run(ctx, emulation.ClearDeviceMetricsOverride()))

	// What is found, chosen and typed is text too.
	b.visit(t, ctx, "/orders/"+order)
	require.NoError(t, chromedp.Run(ctx, press("s"), chromedp.WaitVisible(`.Assign [role=option]`)))
	unharmed(t, ctx, "whom to assign")
	accessible(t, ctx, "whom to assign")
	shots(t, ctx, "hostile-assign")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Assign`), chromedp.Evaluate(`document.activeElement?.blur()`, nil),
		chromedp.Click(`.Rail .ask-box`), chromedp.WaitVisible(`.Palette input`),
		chromedp.SendKeys(`.Palette input`, `<img src=x onerror="window.taken=8">`)))
	until(t, ctx, "it was looked for", `document.querySelector(".Palette .none, .Palette [role=option]")`)
	unharmed(t, ctx, "the palette")
	require.Empty(t, asked(), "nobody elsewhere heard of it")
}
