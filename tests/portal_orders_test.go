package tests

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

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

func TestAViewOfThePortalsOrdersIsKeptAndFollowed(t *testing.T) {
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
	accessible(t, ctx, "the list on a phone")
	shots(t, ctx, "orders-phone")
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".List").scrollTop = 1e6; 0`, nil)))
	until(t, ctx, "the last row, of another page", `document.querySelector("[aria-rowindex='131'] .p-address") !== null`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`[aria-rowindex="131"] .Check`), chromedp.WaitVisible(`.SelectionBar`)))
	accessible(t, ctx, "one is chosen on a phone")
	shots(t, ctx, "orders-phone-chosen")
}
