package tests

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestPortalTheThirdExerciseOnScreen: work is given to another firm, done there, and seen here, by two offices at their desks.
func TestPortalTheThirdExerciseOnScreen(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
	here, there := signedIn(t, in, office, false), signedIn(t, in, vendor, false)
	run := func(ctx context.Context, actions ...chromedp.Action) {
		t.Helper()
		require.NoError(t, chromedp.Run(ctx, actions...))
	}
	fill := func(ctx context.Context, selector, text string) {
		t.Helper()
		over(t, ctx, selector, text)
	}
	button := func(ctx context.Context, text string) {
		t.Helper()
		find := fmt.Sprintf(`[...document.querySelectorAll("button")].find(b => b.textContent.includes(%q) || b.getAttribute("aria-label")?.includes(%q))`,
			text, text)
		until(t, ctx, "there is a button "+text, find)
		run(ctx, chromedp.Evaluate(find+".click(); 0", nil))
	}

	// One firm invites, the other takes the invitation, the first lets it in.
	var address string
	run(here, chromedp.Navigate(in.URL+"/settings/share"), chromedp.WaitVisible(`.set-main form input`))
	fill(here, `.set-main form input`, "Lone Star Lawns")
	button(here, "Make an invitation")
	run(here, chromedp.WaitVisible(`.Secret code`), chromedp.Text(`.Secret code`, &address))
	run(there, chromedp.Navigate(in.URL+"/settings/share"), chromedp.WaitVisible(`.set-main form ~ .sec + form input`))
	fill(there, `.set-main form ~ .sec + form input`, address)
	button(there, "See who invites")
	says(t, there, ".set-main form .Banner", "Account of "+office.Username)
	accessible(t, there, "who invites")
	shots(t, there, "share-invited")
	fill(there, `.set-main form ~ .sec + form .Field ~ .Field input`, "ACME")
	button(there, "Accept the link")
	says(t, there, ".set-table", "Waits to be admitted")
	run(here, chromedp.Reload())
	button(here, "Admit")
	link := office.Want(200, "GET", "/share-links", nil)
	awaitState(office, link.Text("items", 0, "id"), "ok")
	login := office.Want(200, "GET", "/share-links/"+link.Text("items", 0, "id"), nil).Text("username")
	run(there, chromedp.Reload())
	says(t, there, ".set-table", "Working")
	shots(t, there, "share-linked")

	vendor.Want(200, "PATCH", "/integrations/"+vendor.Want(200, "GET", "/integrations", nil).Text("items", 0, "id"), rig.JSON{"qa_policy": "auto_relay"})

	// An order is given to them, and stands on their screen: nobody pressed Import.
	number := "Q-" + uuid.NewString()[:8]
	mine := office.Order(rig.JSON{"work_order_number": number, "instructions": "<p>Mow the lawn.</p>",
		"tasks": []rig.JSON{{"name": "Lawn: front"}}}).Text("id")
	run(there, chromedp.Navigate(in.URL+"/orders"), chromedp.WaitVisible(`[role=grid] [aria-rowindex="2"]`))
	run(here, chromedp.Navigate(in.URL+"/orders/"+mine), chromedp.WaitVisible(`.OrderPage .Course`), press("s"), chromedp.WaitVisible(`.Assign input`),
		chromedp.Evaluate(`document.querySelector(".Assign input").select()`, nil), chromedp.SendKeys(`.Assign input`, login))
	until(t, here, "the other firm is found", `document.querySelectorAll(".Assign [role=option]").length === 1`)
	run(here, press(kb.Enter))
	says(t, here, ".Order-head .Mark", "Assigned")
	until(t, there, "the order waits behind its number", `document.querySelector(".NewRows")`)
	run(there, press("."))
	until(t, there, "and stands in the list", `document.querySelector("[role=grid]").textContent.includes("`+number+`")`)
	theirs := at(vendor, number).Text("id")
	run(there, chromedp.Navigate(in.URL+"/orders/"+theirs), chromedp.WaitVisible(`.OrderPage .Course`))
	says(t, there, ".rich", "Mow the lawn.")
	says(t, there, ".Order-side", "Share")

	// What changes here changes there, under their eyes.
	click(t, here, `[data-fact=instructions] .edit, [data-fact=due_date] .edit`)
	run(here, chromedp.Evaluate(`(i => { i.value = "2030-06-09"; i.dispatchEvent(new Event("input", {bubbles: true})); })(document.querySelector("[data-fact=due_date] input")); 0`, nil),
		chromedp.Focus(`[data-fact=due_date] input`), press(kb.Enter))
	says(t, there, "[data-fact=due_date]", "Jun")

	// They do it: a photo from their desk, complete; both are seen here.
	crew := vendor.Colleague("crew")
	vendor.Want(200, "POST", "/work-orders/"+theirs+"/assign", rig.JSON{"assignee": crew.Username})
	crew.Upload(theirs, rig.JPEG(640, 480, 71), "task_id", vendor.Want(200, "GET", "/work-orders/"+theirs, nil).Text("tasks", 0, "id"), "evidence_type",
		"before", "taken_at", now())
	says(t, here, ".Order-head .Mark", "In progress")
	until(t, here, "the photo of the other firm is here", `document.querySelectorAll(".Task .strip .Photo img").length === 1`)
	until(t, there, "and there", `document.querySelectorAll(".Task .strip .Photo img").length === 1`)
	button(there, "Complete")
	says(t, there, ".Order-head .Mark", "Completed")
	says(t, here, ".Order-head .Mark", "Completed")
	for name, ctx := range map[string]context.Context{"here": here, "there": there} {
		accessible(t, ctx, "the order "+name)
		shots(t, ctx, "share-order-"+name)
	}
}

// TestPortalTheFirstExerciseOnScreen: the sample order of a new account becomes a report that somebody opens, at one desk.
func TestPortalTheFirstExerciseOnScreen(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	head := func(text string) {
		t.Helper()
		find := fmt.Sprintf(`[...document.querySelectorAll(".head button, .head a")].find(b => b.textContent.includes(%q))`, text)
		until(t, ctx, "there is "+text, find)
		run(chromedp.Evaluate(find+".click(); 0", nil))
	}
	run(chromedp.WaitVisible(`.First li.now a`), chromedp.Click(`.First li.now a`), chromedp.WaitVisible(`.OrderPage .Course`))
	sample, err := pathOf(ctx)
	require.NoError(t, err)
	head("Assign")
	run(chromedp.WaitVisible(`.Assign [role=option]`), chromedp.SendKeys(`.Assign input`, office.Username))
	until(t, ctx, "it is found", `document.querySelectorAll(".Assign [role=option]").length === 1`)
	run(press(kb.Enter))
	says(t, ctx, ".Order-head .Mark", "Assigned")
	for n, evidence := range []string{"before", "after"} {
		click(t, ctx, `.Task .ends button[aria-label^="Add photos to Lawn"]`)
		run(chromedp.WaitVisible(`#add-photos`), chromedp.SetUploadFiles(`#add-photos input[type=file]`, photoFiles(t, 2)[n:n+1], chromedp.ByQuery))
		picked(t, ctx, "#add-photos .Field:last-of-type select", evidence)
		until(t, ctx, "the file is chosen", `!document.querySelector("button[form=add-photos]").disabled`)
		click(t, ctx, `button[form=add-photos]`)
		until(t, ctx, "the photo is there", fmt.Sprintf(`document.querySelectorAll(".Task .strip .Photo img").length === %d`, n+1))
	}
	head("Complete")
	says(t, ctx, ".Order-head .Mark", "Completed")
	head("2 photos")
	run(chromedp.WaitVisible(`.Tile.at`), chromedp.Focus(`.Tile.at`), press("a"), press("a"))
	until(t, ctx, "both are judged", `document.querySelector(".head [role=status]").textContent.startsWith("2 of 2")`)
	run(ctrlEnter())
	until(t, ctx, "no other order waits", `location.pathname === "/review"`)
	run(chromedp.Navigate(in.URL+sample), chromedp.WaitVisible(`.OrderPage .Course`))
	says(t, ctx, ".Order-head .Mark", "Approved")
	run(press("p"), chromedp.WaitVisible(`.pub-foot .primary`), chromedp.Click(`.pub-foot .primary`))
	says(t, ctx, ".Publish h3", "Publication 1")
	run(chromedp.Click(`//button[normalize-space(.)="Make a link"]`, chromedp.BySearch), chromedp.WaitVisible(`#make-link`))
	click(t, ctx, `button[form=make-link]`)
	run(chromedp.WaitVisible(`.Secret code`))
	var link string
	run(chromedp.Text(`.Secret code`, &link))
	run(chromedp.Navigate(link), chromedp.WaitVisible(`a[data-photo]`))
	run(chromedp.Navigate(in.URL+"/"), chromedp.WaitVisible(`.Needs`))
	says(t, ctx, ".First li.now", "Bring your own orders")
}

// TestPortalTheSecondExerciseOnScreen: a client's system pushes an order to the address that the screen showed; it stands in the
// list under the office's eyes, changes there, and what both sides changed is shown beside each other.
func TestPortalTheSecondExerciseOnScreen(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	run(chromedp.Navigate(in.URL+"/settings/integrations"), chromedp.WaitVisible(`.set-title .Button.primary`),
		chromedp.Click(`.set-title .Button.primary`), chromedp.WaitVisible(`.Sheet form`),
		chromedp.SendKeys(`.Sheet form .Field:nth-child(2) input`, "MSV"), chromedp.SendKeys(`.Sheet form .Field:nth-child(3) input`, "Meridian"+kb.Enter),
		chromedp.WaitVisible(`.Secret code`))
	var address string
	run(chromedp.Text(`.Secret code`, &address), chromedp.Navigate(in.URL+"/orders"), chromedp.WaitVisible(`[role=grid] [aria-rowindex="2"]`))
	client := &sender{t, address}
	number := "P-" + uuid.NewString()[:8]
	client.one(smallest(number, rig.JSON{"dueDate": "06/09/2030", "instructions": "<p>Mow the lawn.</p>"}))
	until(t, ctx, "it waits behind its number", `document.querySelector(".NewRows")`)
	run(press("."))
	row := `[...document.querySelectorAll("[role=grid] [role=row]")].find(r => r.textContent.includes("` + number + `"))`
	until(t, ctx, "and stands in the list", row)
	client.one(smallest(number, rig.JSON{"dueDate": "06/11/2030", "instructions": "<p>Mow it short.</p>"}))
	until(t, ctx, "it changes in place", row+`.textContent.includes("11")`)
	run(chromedp.Evaluate(row+".querySelector('a').click(); 0", nil), chromedp.WaitVisible(`.OrderPage .Course`))
	says(t, ctx, ".rich", "Mow it short.")
	says(t, ctx, ".Order-head", "MSV")
	shots(t, ctx, "pushed-order")
}
