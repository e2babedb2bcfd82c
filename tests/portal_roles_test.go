package tests

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestPortalShowsEachRoleItsOwnAlone: whoever works outside sees and completes what is theirs, at a desk and on a phone; what
// they must not see is in no page, no answer and no address.
func TestPortalShowsEachRoleItsOwnAlone(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	for role, phone := range map[string]bool{"crew": true, "restricted_crew": false, "subcontractor": false} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			const secret = "Bluebell"
			office := rig.SignUp(t, in.URL)
			outside, other := office.Colleague(role), office.Colleague("crew")
			theirs := office.Order(rig.JSON{"work_order_number": "Mine-" + office.Username, "assignee": outside.Username,
				"description": secret + " pays late", "reference": secret + " margin",
				"tasks": []rig.JSON{{"name": "Grass cut", "required_photos": rig.JSON{"after": 1}}}})
			theirsID := theirs.Text("id")
			office.Want(201, "POST", "/work-orders/"+theirsID+"/comments", rig.JSON{"text": secret + " note of the office"})
			hidden := office.Order(rig.JSON{"work_order_number": secret + "-1", "assignee": other.Username, "client_code": secret,
				"instructions": "<p>" + secret + "</p>",
				"address":      rig.JSON{"address1": "9 " + secret + " Road", "city": secret, "state": "TX", "zip": "78664"}, "work_order_info": secret + " 4711"})
			hiddenID := hidden.Text("id")
			photo := other.Upload(hiddenID, rig.JPEG(320, 240, 5), "notes", secret, "taken_at", now()).Text("id")
			office.Want(201, "POST", "/destinations", rig.JSON{"name": secret + " system", "kind": "folder",
				"settings": rig.JSON{"path": "roles-" + office.Username}})
			office.Want(201, "POST", "/integrations", rig.JSON{"client_code": "RB", "name": secret, "kind": "push"})
			office.Want(201, "POST", "/views", rig.JSON{"name": secret + " view", "query": "state=created", "shared": true})
			office.Want(200, "PATCH", "/account", rig.JSON{"review_reasons": []string{"Too dark"}})
			property := hidden.Text("property_id")

			b := newBetween(t, in)
			ctx := signedIn(t, &rig.Installation{URL: b.URL}, outside, phone)
			silent := func(where string) {
				t.Helper()
				answers, addresses := b.told()
				require.NotContains(t, answers, secret, "answers at %s", where)
				require.NotContains(t, strings.Join(addresses, "\n"), secret, "addresses at %s", where)
				require.False(t, holds(t, ctx, `(document.documentElement.outerHTML + location.href).includes("`+secret+`")`), "the page at %s", where)
			}
			for _, path := range []string{"/", "/orders", "/orders?worked_on=me", "/orders?q=Road", "/orders/" + theirsID, "/orders/" + theirsID + "/review",
				"/orders/" + theirsID + "/publish", "/orders/" + hiddenID,
				"/orders/" + hiddenID + "/review?photo=" + photo, "/orders/" + hiddenID + "/publish", "/orders/new", "/review", "/imports", "/imports/new",
				"/properties", "/properties/" + property,
				"/photos?q=photo.jpg", "/settings", "/settings/users", "/settings/roles", "/settings/destinations", "/settings/integrations",
				"/settings/share", "/settings/tokens", "/settings/account"} {
				b.visit(t, ctx, path)
				silent(path)
			}
			office.Want(200, "PATCH", "/work-orders/"+hiddenID, rig.JSON{"description": secret + " again"}) // the stream tells of others' orders to nobody
			b.visit(t, ctx, "/orders")
			silent("the list, after something happened to another's order")
			until(t, ctx, "theirs is there, alone", `document.body.innerText.includes("Mine-") || document.body.innerText.includes("12 Oak Street")`)
			require.Equal(t, 1.0, outside.Want(200, "GET", "/work-orders/counts", nil).Get("total"))
			require.False(t, holds(t, ctx, `document.querySelector("main .Check")`), "nobody outside chooses many at once")
			shots(t, ctx, "roles-"+role+"-orders")

			// They do it: what is asked for is said, the photo comes, it is complete.
			b.visit(t, ctx, "/orders/"+theirsID)
			complete := func() {
				t.Helper()
				require.NoError(t, chromedp.Run(ctx,
					chromedp.Evaluate(`[...document.querySelectorAll(".head button")].find(b => b.textContent.includes("Complete")).click(); 0`, nil)))
			}
			complete()
			says(t, ctx, ".problem [role=alert]", "needs 1 after photos")
			click(t, ctx, `.Task .ends button[aria-label^="Add photos to Grass"]`)
			require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`#add-photos`), chromedp.SetUploadFiles(`#add-photos input[type=file]`, photoFiles(t,
				1), chromedp.ByQuery)))
			picked(t, ctx, "#add-photos .Field:last-of-type select", "after")
			until(t, ctx, "the file is chosen", `!document.querySelector("button[form=add-photos]").disabled`)
			click(t, ctx, `button[form=add-photos]`)
			until(t, ctx, "the photo is there", `document.querySelectorAll(".Task .strip .Photo img").length === 1 && !document.querySelector(".Task .lack")`)
			complete()
			says(t, ctx, ".Order-head .Mark", "Completed")
			accessible(t, ctx, "an order that they completed")
			shots(t, ctx, "roles-"+role+"-done")
			if phone {
				until(t, ctx, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
			}
			silent("their own order")
			require.Equal(t, "completed", office.Want(200, "GET", "/work-orders/"+theirsID, nil).Text("state"))

			// What they once worked on they find again, also when it went to somebody else.
			office.Want(200, "POST", "/work-orders/"+theirsID+"/reject", rig.JSON{"reason": "The gate stands open."})
			office.Want(200, "POST", "/work-orders/"+theirsID+"/assign", rig.JSON{"assignee": other.Username})
			b.visit(t, ctx, "/orders")
			require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[normalize-space(.)="I worked on it"]`, chromedp.BySearch)))
			until(t, ctx, "it stands there",
				`document.querySelector("[role=grid] [aria-rowindex='2']")?.textContent.includes("Mine-") || document.querySelector("[role=grid] .p-state")`)
			silent("what they once worked on")
			b.visit(t, ctx, "/orders/"+theirsID)
			silent("an order that is theirs no more")
			says(t, ctx, ".past", "This order is with somebody else now")
			until(t, ctx, "no more than their own photo, and nothing to do",
				`document.querySelectorAll(".past img").length === 1 && !document.querySelector(".head .primary, .notes")`)
			accessible(t, ctx, "an order that is theirs no more")
			shots(t, ctx, "roles-"+role+"-past")
		})
	}
}
