package tests

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// held presses a key with Control or Shift held.
func held(modifiers input.Modifier, key string) chromedp.Action {
	return chromedp.KeyEvent(key, chromedp.KeyModifiers(modifiers))
}

// rowsSay waits for the rows of the list that are drawn, by what stands in their column.
func rowsSay(t *testing.T, ctx context.Context, what, column, want string) {
	t.Helper()
	until(t, ctx, what, fmt.Sprintf(`[...document.querySelectorAll(".Canvas [role=row]")].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).map(r => r.querySelector(".c-%s")?.innerText.trim()).join() === %q`, column, want))
}

// bare signs up an account and deletes the sample order that every account begins with.
func bare(t *testing.T, in *rig.Installation) *rig.User {
	t.Helper()
	office := rig.SignUp(t, in.URL)
	for _, o := range office.Want(200, "GET", "/work-orders", nil).List("items") {
		office.Want(204, "DELETE", "/work-orders/"+o.(map[string]any)["id"].(string), nil)
	}
	return office
}

func TestThePortalsOrdersFromAKeyboard(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := bare(t, in)
	colleague := office.Colleague("crew")
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, press("g"), press("o"), chromedp.WaitVisible(`.Orders .Empty`)))
	until(t, ctx, "an account without orders is told how they come", `document.querySelector(".Orders .Empty").innerText.includes("drop a spreadsheet here")`)
	accessible(t, ctx, "no orders yet")
	shots(t, ctx, "orders-none")

	for n := range 9 {
		fields := rig.JSON{"work_order_number": fmt.Sprintf("KEY-%d", n+1), "client_code": []string{"TARROW", "HALBERD"}[n%2], "due_date": fmt.Sprintf("2030-05-0%d", n+1)}
		if n == 0 {
			fields["due_date"], fields["priority"] = "2020-05-04", "rush"
		}
		office.Order(fields)
	}
	office.Want(201, "POST", "/integrations", rig.JSON{"client_code": "Tarrow", "name": "Tarrow Housing", "kind": "push"})
	ready := completed(office, "READY", 2)
	until(t, ctx, "what arrives waits behind a button", `document.querySelector(".NewRows")?.innerText.includes("11 new orders")`)
	require.NoError(t, chromedp.Run(ctx, press("."), chromedp.WaitNotPresent(`.NewRows`)))
	until(t, ctx, "and then is there", `document.querySelector("[role=grid]")?.ariaRowCount === "12"`)
	until(t, ctx, "counted by state", `document.querySelector(".StateStrip .ask .n")?.innerText === "2"`)
	accessible(t, ctx, "the list")
	shots(t, ctx, "orders")
	until(t, ctx, "nothing of a date is cut, however late it is", `[...document.querySelectorAll(".Canvas .c-due")].some(c => c.innerText.includes("d late") && c.innerText.includes("Rush")) &&
		[...document.querySelectorAll(".Canvas .c-due")].every(c => c.scrollWidth <= c.clientWidth)`)
	until(t, ctx, "photos are figures below each other", `new Set([...document.querySelectorAll(".Canvas .c-photos .figure")].map(f => Math.round(f.getBoundingClientRect().right))).size === 1`)

	// Filters are chips and an address; sorts too.
	require.NoError(t, chromedp.Run(ctx, press("f"), chromedp.WaitVisible(`.FilterMenu .opt`)))
	accessible(t, ctx, "the filters")
	require.NoError(t, chromedp.Run(ctx, press(kb.ArrowDown), press(kb.Enter), chromedp.WaitVisible(`.FilterMenu .values .opt`)))
	until(t, ctx, "clients are counted", `document.querySelector(".FilterMenu .values").innerText.replace(/\s+/g, " ").includes("Tarrow Housing TARROW 5")`)
	shots(t, ctx, "orders-filter")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//*[contains(@class, "values")]//button[contains(., "TARROW")]`)))
	until(t, ctx, "the filter is in the address", `location.search === "?client_code=TARROW"`)
	until(t, ctx, "and called by the client's name, as in each row", `document.querySelector(".Chip b").innerText === "Tarrow Housing" &&
		[...document.querySelectorAll(".Canvas .c-client")].every(c => c.innerText === "Tarrow Housing" && c.querySelector("[title='Tarrow Housing TARROW']"))`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//*[@role="columnheader"]//button[contains(., "Due")]`)))
	rowsSay(t, ctx, "by due date", "number", "KEY-1,KEY-3,KEY-5,KEY-7,KEY-9")
	require.NoError(t, chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(1440, 900, 1, false)))
	rowsSay(t, ctx, "nothing is done of their one task", "tasks", "0/1,0/1,0/1,0/1,0/1")
	accessible(t, ctx, "the list on a wide screen")
	shots(t, ctx, "orders-wide")
	require.NoError(t, chromedp.Run(ctx, emulation.ClearDeviceMetricsOverride()))
	until(t, ctx, "as the head says", `document.querySelector("[aria-sort=ascending]").innerText.trim() === "Due"`)

	// Into an order and back to the same row.
	require.NoError(t, chromedp.Run(ctx, press("j"), press("j"), press("j"), press(kb.Enter)))
	until(t, ctx, "into the order", `/^\/orders\/[^/]+$/.test(location.pathname)`)
	require.NoError(t, chromedp.Run(ctx, chromedp.NavigateBack()))
	until(t, ctx, "back at the same row", `document.activeElement.role === "row" && document.activeElement.innerText.includes("KEY-5")`)
	require.NoError(t, chromedp.Run(ctx, press(" "), chromedp.WaitVisible(`.Peek`)))
	until(t, ctx, "a look beside the list", `document.querySelector(".Peek").innerText.includes("KEY-5")`)
	accessible(t, ctx, "a look")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Peek`)))

	// Many at once, and back.
	require.NoError(t, chromedp.Run(ctx, press("x"), held(input.ModifierShift, "J"), chromedp.WaitVisible(`.SelectionBar`)))
	until(t, ctx, "two are chosen", `document.querySelector(".SelectionBar .how").innerText === "2 selected"`)
	accessible(t, ctx, "some are chosen")
	shots(t, ctx, "orders-chosen")
	require.NoError(t, chromedp.Run(ctx, press("s"), chromedp.WaitVisible(`.Dialog input`)))
	over(t, ctx, `.Dialog input`, colleague.Username) // the key's character arrives in the field too, as no keyboard's would
	until(t, ctx, "one is found", `document.querySelectorAll(".People .opt").length === 1`)
	accessible(t, ctx, "whom to assign")
	require.NoError(t, chromedp.Run(ctx, press(kb.Enter)))
	until(t, ctx, "both change in place", `[...document.querySelectorAll(".Canvas .c-state")].filter(c => c.innerText.includes("Assigned")).length === 2`)
	until(t, ctx, "and it is said", `[...document.querySelectorAll("[data-sonner-toast]")].some(e => e.innerText.includes("Assigned: 2 orders"))`)
	require.NoError(t, chromedp.Run(ctx, press("u")))
	until(t, ctx, "taken back", `[...document.querySelectorAll(".Canvas .c-state")].filter(c => c.innerText.includes("Created")).length === 5`)

	// Everything that matches, of which some is refused.
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".Rail a[href='/orders']").click()`, nil)))
	until(t, ctx, "all orders", `location.search === "" && document.querySelector("[role=grid]")?.ariaRowCount === "12"`)
	until(t, ctx, "counted", `document.querySelector(".Orders .head .count")?.innerText === "11 orders"`)
	require.NoError(t, chromedp.Run(ctx, press("j"), held(input.ModifierCtrl, "a"), chromedp.WaitVisible(`.SelectionBar`)))
	until(t, ctx, "all are chosen", `document.querySelector(".SelectionBar .how").innerText === "11 selected"`)
	require.NoError(t, chromedp.Run(ctx, press("a"), chromedp.WaitVisible(`.Toasts a`)))
	until(t, ctx, "what became of it", `document.querySelector(".Toasts").innerText.includes("2 done, 9 refused")`)
	until(t, ctx, "and a way back for what was done",
		`[...document.querySelectorAll("[data-sonner-toast]")].some(e => e.innerText.includes("Approved: 2 orders") && getComputedStyle(e).opacity === "1")`)
	until(t, ctx, "one does not lie on the other", `[...document.querySelectorAll("[data-sonner-toast]")].every(e => e.getBoundingClientRect().bottom <= document.querySelector(".Toasts .Toast").getBoundingClientRect().top)`)
	accessible(t, ctx, "an outcome")
	shots(t, ctx, "orders-outcome")
	for _, id := range ready {
		require.Equal(t, "approved", office.Want(200, "GET", "/work-orders/"+id, nil).Text("state"))
	}
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Toasts a`)))
	until(t, ctx, "the refused, and why", `document.querySelectorAll(".Canvas .why").length === 9 && document.querySelector(".Canvas .why").innerText.length > 10`)
	accessible(t, ctx, "the refused")
	shots(t, ctx, "orders-refused")
}

func TestAViewOfThePortalsOrdersIsKeptAndFollowed(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := bare(t, in)
	var orders []string
	for n := range 3 {
		orders = append(orders, office.Order(rig.JSON{"work_order_number": fmt.Sprintf("VIEW-%d", n+1)}).Text("id"))
	}
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, press("g"), press("o"), chromedp.WaitVisible(`.Canvas .c-number`)))
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.StateStrip button:nth-child(2)`)))
	until(t, ctx, "the state is in the address", `location.search === "?state=created"`)
	until(t, ctx, "three rows", `document.querySelectorAll(".Canvas .c-number").length === 3`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//*[contains(@class, "FilterBar")]//button[contains(., "Save view")]`), chromedp.WaitVisible(`.Dialog .Input`)))
	accessible(t, ctx, "saving a view")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.Dialog .Input`, "To be given away"), chromedp.Click(`.Dialog .Check`), press(kb.Enter), chromedp.WaitNotPresent(`.Dialog`)))
	until(t, ctx, "the view has its name", `document.querySelector("h1").innerText === "To be given away"`)
	require.Equal(t, "state=created", office.Want(200, "GET", "/views", nil).Text("items", 0, "query"))

	// Columns belong to the view.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//*[contains(@class, "head")]//button[contains(., "Columns")]`), chromedp.WaitVisible(`.ColumnMenu`)))
	accessible(t, ctx, "the columns")
	shots(t, ctx, "orders-columns")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//*[contains(@class, "ColumnMenu")]//label[contains(., "Reference")]`)))
	until(t, ctx, "a column more", `[...document.querySelectorAll("[role=columnheader]")].some(h => h.innerText.includes("Reference"))`)
	office.Await("the view keeps it", func() bool {
		columns := office.Want(200, "GET", "/views", nil).List("items", 0, "columns")
		return len(columns) > 0 && columns[len(columns)-1] == "reference"
	})
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.ColumnMenu`)))

	// What leaves the view stays where it is until the view is asked for again.
	office.Want(200, "POST", "/work-orders/"+orders[1]+"/assign", rig.JSON{"assignee": "~all~"})
	until(t, ctx, "it left, in its place", `document.querySelector(".Canvas .Row.left")?.innerText.includes("VIEW-2") && document.querySelectorAll(".Canvas .c-number").length === 3`)
	accessible(t, ctx, "one left the view")
	shots(t, ctx, "orders-left")
	require.NoError(t, chromedp.Run(ctx, press(".")))
	rowsSay(t, ctx, "asked for again", "number", "VIEW-3,VIEW-1")

	require.NoError(t, chromedp.Run(ctx, press("/"), press("nowhere")))
	until(t, ctx, "nothing matches, and what hides the most", `document.querySelector(".Empty")?.innerText.includes("would be 2")`)
	accessible(t, ctx, "nothing matches")
	shots(t, ctx, "orders-nothing")
}

func TestThePortalsOrdersOnAPhone(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := bare(t, in)
	for n := range 130 {
		office.Order(rig.JSON{"work_order_number": fmt.Sprintf("PHONE-%d", n+1), "due_date": "2020-05-04"})
	}
	ctx := signedIn(t, in, office, true)
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".Rail a[href='/orders']").click()`, nil), chromedp.WaitVisible(`.Canvas .p-address`)))
	until(t, ctx, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	until(t, ctx, "all are counted, few are drawn", `document.querySelector("[role=grid]").ariaRowCount === "131" && document.querySelectorAll(".Canvas [role=row]").length < 40`)
	until(t, ctx, "a row names its order and counts in words", `[...document.querySelectorAll(".Canvas [role=row]")].every(r => /PHONE-\d+/.test(r.querySelector(".p-number").innerText) && r.querySelector(".p-photos").innerText === "0 photos")`)
	accessible(t, ctx, "the list on a phone")
	shots(t, ctx, "orders-phone")
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".List").scrollTop = 1e6; 0`, nil)))
	until(t, ctx, "the last row, of another page", `document.querySelector("[aria-rowindex='131'] .p-address") !== null`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`[aria-rowindex="131"] .Check`), chromedp.WaitVisible(`.SelectionBar`)))
	accessible(t, ctx, "one is chosen on a phone")
	shots(t, ctx, "orders-phone-chosen")
}
