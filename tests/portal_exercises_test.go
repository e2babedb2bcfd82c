package tests

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

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
	until(t, ctx, "the first steps are behind them", `!document.querySelector(".First li.now")`)
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
