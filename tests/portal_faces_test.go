package tests

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestPortalFormsSayWhatWasRefused: whatever form is sent, what the server says stands on the screen in its own words, what was
// typed stays, and what the server has no time for is sent again by itself.
func TestPortalFormsSayWhatWasRefused(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	order := func() string { return office.Order(rig.JSON{"assignee": crew.Username}).Text("id") }
	plain := order()
	waits := order()
	office.Want(200, "POST", "/work-orders/"+waits+"/complete", nil)
	judged := order()
	photo := office.Upload(judged, rig.JPEG(320, 240, 1), "taken_at", now()).Text("id")
	approved := order()
	for _, step := range []string{"complete", "approve"} {
		office.Want(200, "POST", "/work-orders/"+approved+"/"+step, nil)
	}
	b := newBetween(t, in)
	ctx := signedIn(t, &rig.Installation{URL: b.URL}, office, false)
	js := func(script string) chromedp.Action { return chromedp.Evaluate("(() => {"+script+"})(); 0", nil) }
	button := func(text string) chromedp.Action {
		return js(fmt.Sprintf(`[...document.querySelectorAll("button, a.Button")].find(b => b.textContent.trim().startsWith(%q)).click()`, text))
	}
	typed := func(selector, text string) chromedp.Action {
		return js(fmt.Sprintf(`const e = document.querySelector(%q); e.focus(); e.value = %q;
			e.dispatchEvent(new Event("input", {bubbles: true})); e.dispatchEvent(new Event("change", {bubbles: true}))`, selector, text))
	}
	// name, where, how the form opens, what is typed where, how it is sent, and how one sees that it was taken.
	forms := []struct {
		name, at string
		opens    []chromedp.Action
		field    string
		text     string
		more     []chromedp.Action
		sends    chromedp.Action
		taken    string
	}{
		{name: "a new order", at: "/orders/new", field: `#new-order .pair input`, text: "FACE-" + office.Username,
			more: []chromedp.Action{typed(`#new-order select`, "Sample: lawn cut"), typed(`#new-order [role=combobox]`, "1 Elm"),
				typed(`#new-order .three .Field:nth-child(1) input`, "Austin"), typed(`#new-order .three .Field:nth-child(2) input`, "TX"),
				typed(`#new-order .three .Field:nth-child(3) input`, "78701")}, sends: ctrlEnter(),
			taken: `location.pathname.match(/^\/orders\/(?!new)/)`},
		{name: "a note", at: "/orders/" + plain, field: `.note textarea`, text: "Called twice", sends: button("Add note"),
			taken: `document.querySelector(".notes").textContent.includes("Called twice")`},
		{name: "a fact", at: "/orders/" + plain, opens: []chromedp.Action{js(`document.querySelector("[data-fact=reference] .edit").click()`)},
			field: `[data-fact=reference] input`, text: "R-77",
			sends: js(`document.querySelector("[data-fact=reference] .primary").click()`),
			taken: `document.querySelector("[data-fact=reference]").textContent.includes("R-77") && !document.querySelector("[data-fact=reference] input")`},
		{name: "a task", at: "/orders/" + plain, opens: []chromedp.Action{button("Add task")}, field: `.Sheet input`, text: "Gutters",
			sends: js(`document.querySelector(".Sheet .foot .primary").click()`),
			taken: `[...document.querySelectorAll(".Task h3")].some(h => h.textContent === "Gutters")`},
		{name: "completion", at: "/orders/" + plain, sends: button("Complete"),
			taken: `document.querySelector(".Order-head .Mark").textContent.includes("Completed")`},
		{name: "approval", at: "/orders/" + waits, sends: press("a"), taken: `document.querySelector(".Order-head .Mark").textContent.includes("Approved")`},
		{name: "a rework", at: "/orders/" + waits, opens: []chromedp.Action{press("r"), chromedp.WaitVisible(`#send-back textarea`)},
			field: `#send-back textarea`, text: "Once more", sends: js(`document.querySelector("button[form=send-back]").click()`),
			taken: `!document.querySelector("#send-back") && document.querySelector(".Order-head .Mark").textContent.includes("Assigned")`},
		{name: "a caption", at: "/orders/" + judged + "/review?photo=" + photo, opens: []chromedp.Action{press("t"),
			chromedp.WaitVisible(`.Sheet textarea`)}, field: `.Sheet textarea`, text: "The gate",
			sends: js(`document.querySelector(".Sheet .foot .primary").click()`), taken: `!document.querySelector(".Sheet")`},
		{name: "a publication", at: "/orders/" + approved + "/publish", sends: js(`document.querySelector(".pub-foot .primary").click()`),
			taken: `document.body.innerText.includes("Publication 1")`},
		{name: "a user", at: "/settings/users", opens: []chromedp.Action{button("New user"), chromedp.WaitVisible(`.Sheet form`)},
			field: `.Sheet form .Field:nth-child(2) input`, text: "face-" + office.Username,
			sends: js(`document.querySelector(".Sheet form").requestSubmit()`), taken: `document.querySelector(".Sheet .Secret code")`},
		{name: "the account", at: "/settings/account", field: `.set-main form input[type=tel]`, text: "+1 512 555 0100",
			sends: js(`document.querySelector(".set-main form").requestSubmit()`), taken: `document.querySelector("[data-sonner-toast]")`},
		{name: "a work type", at: "/settings/work-types", opens: []chromedp.Action{button("New work type"), chromedp.WaitVisible(`.Sheet form`)},
			field: `.Sheet form input`, text: "Gutters",
			sends: js(`document.querySelector(".Sheet form").requestSubmit()`),
			taken: `!document.querySelector(".Sheet") && document.querySelector(".set-table").textContent.includes("Gutters")`},
		{name: "a destination", at: "/settings/destinations", opens: []chromedp.Action{js(`document.querySelector(".set-title .primary").click()`),
			chromedp.WaitVisible(`.Sheet form`)}, field: `.Sheet form .Field:nth-child(2) input`, text: "Results",
			more:  []chromedp.Action{typed(`.Sheet form .Field:nth-child(4) input`, in.URL)},
			sends: js(`document.querySelector(".Sheet form").requestSubmit()`), taken: `location.pathname.match(/destinations\/./)`},
		{name: "an integration", at: "/settings/integrations", opens: []chromedp.Action{js(`document.querySelector(".set-title .primary").click()`),
			chromedp.WaitVisible(`.Sheet form`)}, field: `.Sheet form .Field:nth-child(2) input`, text: "FACE",
			sends: js(`document.querySelector(".Sheet form").requestSubmit()`), taken: `location.pathname.match(/integrations\/./)`},
		{name: "an invitation", at: "/settings/share", field: `.set-main form input`, text: "Lone Star",
			sends: js(`document.querySelector(".set-main form").requestSubmit()`), taken: `document.querySelector(".Secret code")`},
		{name: "a view", at: "/orders?state=created", opens: []chromedp.Action{button("Save view"), chromedp.WaitVisible(`.Dialog form`)},
			field: `.Dialog form input[required]`, text: "Mine", sends: js(`document.querySelector(".Dialog form").requestSubmit()`),
			taken: `!document.querySelector(".Dialog") && document.querySelector(".Rail .views")`},
	}
	refusals := []int{409, 412, 422}
	for _, f := range forms {
		refuse := func(status int, again *int) {
			b.answers(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method == http.MethodGet || !strings.HasPrefix(r.URL.Path, "/api/v1/") || strings.HasSuffix(r.URL.Path, "/view") {
					return false
				}
				if again != nil {
					if *again--; *again < 0 {
						return false
					}
					w.Header().Set("Retry-After", "1")
				}
				w.Header().Set("Content-Type", "application/problem+json")
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"type":"about:blank","title":"No","status":%d,"detail":"These are the words of %d for %s.","code":"illegal"}`,
					status, status, f.name)
				return true
			})
		}
		open := func() {
			t.Helper()
			b.answers(nil)
			b.visit(t, ctx, f.at)
			require.NoError(t, chromedp.Run(ctx, f.opens...), f.name)
			if f.field != "" {
				until(t, ctx, "the form of "+f.name, fmt.Sprintf(`document.querySelector(%q)`, f.field))
				require.NoError(t, chromedp.Run(ctx, typed(f.field, f.text)), f.name)
			}
			require.NoError(t, chromedp.Run(ctx, f.more...), f.name)
		}
		open()
		for _, status := range refusals {
			if status == 412 && f.name == "a fact" {
				continue // compared with what stands: a test of its own
			}
			refuse(status, nil)
			require.NoError(t, chromedp.Run(ctx, f.sends), f.name)
			says(t, ctx, "[role=alert], .wrong, .Banner, [data-sonner-toast]", fmt.Sprintf("These are the words of %d for %s.", status, f.name))
			if f.field != "" {
				require.True(t, holds(t, ctx, fmt.Sprintf(`document.querySelector(%q).value === %q`, f.field, f.text)), "%s: what was typed stays after %d",
					f.name, status)
			}
			if status == 422 {
				accessible(t, ctx, f.name+", refused")
			}
		}
		left := 2
		status := map[bool]int{true: 429, false: 503}[len(f.name)%2 == 0]
		refuse(status, &left)
		require.NoError(t, chromedp.Run(ctx, f.sends), f.name)
		until(t, ctx, fmt.Sprintf("%s waits and says so (%d)", f.name, status), `document.querySelector(".Work > .Banner")`)
		until(t, ctx, f.name+" is taken once there is time", f.taken)
		require.False(t, holds(t, ctx, `document.querySelector(".Work > .Banner.warn")`), "and the line is well again")
	}
	b.answers(nil)

	// A photo's verdict that is refused goes back, is marked, and says why for as long as it takes.
	b.visit(t, ctx, "/orders/"+judged+"/review")
	b.answers(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/api/v1/photos/reviews" {
			return false
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(409)
		_, _ = fmt.Fprint(w, `{"type":"about:blank","title":"No","status":409,"detail":"The order is closed."}`)
		return true
	})
	require.NoError(t, chromedp.Run(ctx, chromedp.Focus(`.Tile.at`), press("a")))
	says(t, ctx, "[data-sonner-toast]", "The order is closed.")
	until(t, ctx, "it stands as before, marked",
		`!document.querySelector(".Tile .verdict") && document.querySelector(".Tile .tells").textContent.includes("Not taken")`)
	accessible(t, ctx, "a verdict that was not taken")
	shots(t, ctx, "faces-verdict")
	b.answers(nil)
	require.NoError(t, chromedp.Run(ctx, press("a")))
	office.Await("and it is given again", func() bool { return verdict(office, photo) == "approved" })
}
