package tests

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// hostile is a text of some length that wants to be more than text.
func hostile(length int) string {
	const begins = `<img src=x onerror="window.taken=1">=HYPERLINK("http://example.com/x","y")<script>window.taken=2</script>{{7*7}}${window.taken=3}'"` +
		" مرحبا بالعالم שלום 👩🏽‍🚒🏚️ "
	letters := []rune(begins)
	for len(letters) < length {
		letters = append(letters, []rune(strings.Repeat("W", min(60, length-len(letters))))...)
		if len(letters) < length {
			letters = append(letters, ' ')
		}
	}
	return strings.TrimSpace(string(letters[:length]))
}

const tracking = `<p onclick="window.taken=4" style="color:red">Close the gate.<script>window.taken=5</script></p>` +
	`<img src="https://example.com/spy.gif" alt="spy"><iframe src="https://example.com"></iframe>` +
	`<a href="javascript:window.taken=6">here</a><svg onload="window.taken=7"></svg><style>body{display:none}</style>` +
	`<table><tr><td>Every room</td></tr></table>`

// unharmed asserts that no text has become anything else.
func unharmed(t *testing.T, ctx context.Context, where string) {
	t.Helper()
	until(t, ctx, "nothing was run or loaded at "+where,
		`window.taken === undefined && !document.querySelector(
		'img[src="x"], img[src*="example.com"], iframe, [onerror], [onclick], [onload], [style*="display"], main script, a[href^="javascript"]')`)
}

func TestPortalHostileTextsStayTexts(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	long := hostile(300)
	crew := "crew-" + uuid.NewString()[:8]
	office.Want(201, "POST", "/users", rig.JSON{"username": crew, "password": rig.Password, "role": "crew", "name": hostile(200)})
	office.Want(200, "PATCH", "/account", rig.JSON{"name": hostile(200), "address": long, "review_reasons": []string{hostile(100), "Wrong place"}})
	o := office.Order(rig.JSON{
		"work_order_number": hostile(180) + uuid.NewString()[:8], "assignee": crew, "client_code": hostile(60), "client_status": long, "reference": long,
		"description": long, "work_order_info": long,
		"address": rig.JSON{"address1": long, "address2": long, "city": long, "state": "TX", "zip": "78664"}, "instructions": tracking,
		"attributes": rig.JSON{hostile(100): tracking},
		"tasks":      []rig.JSON{{"name": hostile(200), "instructions": tracking, "required_photos": rig.JSON{"after": 2}}, {"name": "=cmd|' /C calc'!A0"}},
	})
	order, task := o.Text("id"), o.Text("tasks", 0, "id")
	worker := rig.SignIn(t, in.URL, crew, rig.Password)
	form := rig.PhotoForm(rig.JPEG(640, 480, 61), uuid.NewString(), "task_id", task, "evidence_type", "after", "taken_at", now(), "notes", long, "device",
		hostile(100))
	form.Parts[len(form.Parts)-1].FileName = `<img src=x onerror=alert(1)>=1+1 مرحبا.jpg`
	photo := worker.Want(201, "POST", "/work-orders/"+order+"/photos", form).Text("id")
	worker.AwaitState(order, "in_progress")
	office.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": long})
	office.Want(200, "PATCH", "/photos/"+photo, rig.JSON{"review": "rejected", "reason": long})
	office.Want(201, "POST", "/destinations", rig.JSON{"name": hostile(190), "kind": "folder",
		"settings": rig.JSON{"path": "hostile-" + uuid.NewString()[:8]}})
	integration := office.Want(201, "POST", "/integrations", rig.JSON{"client_code": hostile(60), "name": hostile(200), "kind": "push"}).Text("id")
	office.Want(201, "POST", "/views", rig.JSON{"name": hostile(190), "query": "state=in_progress"})
	office.Want(201, "POST", "/work-types", rig.JSON{"name": hostile(190), "instructions": tracking, "tasks": []rig.JSON{{"name": hostile(200)}}})
	office.Want(201, "POST", "/tokens", rig.JSON{"name": hostile(190)})
	office.Want(201, "POST", "/share-links", rig.JSON{"name": hostile(190)})
	imported := ended(office, office.Want(202, "POST", "/imports", rig.FileForm("<b>orders</b> مرحبا.csv", table([]string{"WO #", "Address 1", hostile(80)},
		[]string{"", long, long}, []string{long, "", "=1+1"}))).Text("id"))

	b := newBetween(t, in)
	ctx := signedIn(t, &rig.Installation{URL: b.URL}, office, false)
	screens := map[string]string{"home": "/", "orders": "/orders", "found": "/orders?q=W", "order": "/orders/" + order,
		"review": "/orders/" + order + "/review", "viewer": "/orders/" + order + "/review?photo=" + photo,
		"publish": "/orders/" + order + "/publish", "queue": "/review", "create": "/orders/new", "properties": "/properties",
		"property": "/properties/" + o.Text("property_id"),
		"photos":   "/photos?user=" + crew, "imports": "/imports", "import": "/imports/" + imported.Text("id"), "users": "/settings/users",
		"account": "/settings/account", "reasons": "/settings/reasons",
		"work-types": "/settings/work-types", "integrations": "/settings/integrations", "integration": "/settings/integrations/" + integration,
		"destinations": "/settings/destinations",
		"share":        "/settings/share", "tokens": "/settings/tokens", "policy": "/settings/policy", "roles": "/settings/roles"}
	for _, phone := range []bool{false, true} {
		width := 1280
		if phone {
			width = 390
			require.NoError(t, chromedp.Run(ctx, onPhone()))
		}
		for name, path := range screens {
			b.visit(t, ctx, path)
			unharmed(t, ctx, path)
			until(t, ctx, fmt.Sprintf("%s is not wider than %d", path, width), fmt.Sprintf(`document.documentElement.scrollWidth <= %d`, width))
			if !phone {
				accessible(t, ctx, path)
			}
			shots(t, ctx, "hostile-"+name+map[bool]string{true: "-phone"}[phone])
		}
	}
	require.NoError(t, chromedp.Run(ctx, emulation.ClearDeviceMetricsOverride()))

	// What is found, chosen and typed is text too.
	b.visit(t, ctx, "/orders/"+order)
	require.NoError(t, chromedp.Run(ctx, press("s"), chromedp.WaitVisible(`.Assign [role=option]`)))
	unharmed(t, ctx, "whom to assign")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Assign`), chromedp.Evaluate(`document.activeElement?.blur()`, nil),
		chromedp.Click(`.Rail .ask-box`), chromedp.WaitVisible(`.Palette input`),
		chromedp.SendKeys(`.Palette input`, `<img src=x onerror="window.taken=8">`)))
	until(t, ctx, "it was looked for", `document.querySelector(".Palette .none, .Palette [role=option]")`)
	unharmed(t, ctx, "the palette")
}
