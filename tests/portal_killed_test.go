package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestPortalTellsTheTruthWhenTheServerIsKilled: killed in the middle of a bulk, of a review and of an import, nothing is lost,
// nothing is done twice, and the screen ends with what is so.
func TestPortalTellsTheTruthWhenTheServerIsKilled(t *testing.T) {
	longer(t)
	t.Parallel()
	in, err := rig.Dev(product(t), filepath.Join(t.TempDir(), "installation"))
	require.NoError(t, err)
	defer in.Stop()
	office := rig.SignUp(t, in.URL)
	ctx := browse(t, false)
	enters(t, ctx, in.URL+"/", office)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	away := func() {
		t.Helper()
		in.KillAll()
		until(t, ctx, "it is said that the server is away", `document.querySelector(".Work > .Banner.warn")?.innerText.includes("No connection")`)
	}
	again := func() {
		t.Helper()
		require.NoError(t, in.Restart())
		until(t, ctx, "and that it is back", `!document.querySelector(".Work > .Banner.warn")`)
	}

	// A bulk.
	const many = 60
	ids := completed(office, "KILLED", many)
	run(chromedp.Navigate(in.URL+"/orders?state=completed"), chromedp.WaitVisible(`[role=grid] [aria-rowindex="2"] .code`))
	until(t, ctx, "all are counted", fmt.Sprintf(`document.querySelector(".head .count")?.textContent.includes("%d")`, many))
	run(chromedp.Focus(`[role=grid] [aria-rowindex="2"]`), chromedp.KeyEvent("a", chromedp.KeyModifiers(input.ModifierCtrl)),
		chromedp.WaitVisible(`.SelectionBar`), press("a"), chromedp.WaitVisible(`.Toasts .Toast`))
	office.Await("some to be done", func() bool {
		done, _ := office.Want(200, "GET", "/bulk", nil).Get("items", 0, "done").(float64)
		return done >= 5
	})
	away()
	shots(t, ctx, "killed-bulk")
	again()
	says(t, ctx, "[data-sonner-toast], .Toasts .Toast", fmt.Sprintf("%d orders", many))
	b := overBulk(office, office.Want(200, "GET", "/bulk", nil).Text("items", 0, "id"))
	require.Equal(t, []any{float64(many), 0.0, 0.0, 0.0}, become(b))
	for _, id := range ids {
		n := 0
		for _, what := range events(office, id) {
			if what == "approved" {
				n++
			}
		}
		require.Equal(t, 1, n, "approved once")
	}
	until(t, ctx, "the rows say so too",
		`[...document.querySelectorAll("[role=grid] .c-state")].filter(c => c.textContent.includes("Completed")).length === 0`)

	// A review.
	const photos = 40
	order := office.Order(nil).Text("id")
	for n := range uint64(photos) {
		office.Upload(order, rig.JPEG(64, 48, 300+n), "evidence_type", "after", "taken_at", now())
	}
	run(chromedp.Navigate(in.URL+"/orders/"+order+"/review"), chromedp.WaitVisible(`.Tile.at`))
	keyed(t, ctx, "a", photos/2)
	in.KillAll()
	keyed(t, ctx, "a", photos/2)
	until(t, ctx, "what is judged waits, and says so", `document.querySelector(".head").innerText.includes("on their way")`)
	until(t, ctx, "the server is said to be away", `document.querySelector(".Work > .Banner.warn")`)
	shots(t, ctx, "killed-review")
	again()
	until(t, ctx, "all arrive by themselves", `!document.querySelector(".head").innerText.includes("on their way") && !document.querySelector(".tells .bad")`)
	times := timesJudged(office, order)
	require.Len(t, times, photos)
	for id, n := range times {
		require.Equal(t, 1, n, "photo %s is judged once", id)
	}

	// An import.
	const rows = 600
	file := filepath.Join(t.TempDir(), "many.csv")
	require.NoError(t, os.WriteFile(file, orderRows(rows), 0o600))
	run(chromedp.Navigate(in.URL+"/imports/new"), chromedp.WaitVisible(`.Drop`), chromedp.SetUploadFiles(`main input[type=file]`, []string{file}),
		chromedp.WaitVisible(`.Map`))
	until(t, ctx, "it was tried whole", fmt.Sprintf(`document.querySelector(".Outcome")?.innerText.replace(/\s+/g, " ").includes("%d new")`, rows))
	run(ctrlEnter())
	until(t, ctx, "it begins", `location.pathname.match(/^\/imports\/(?!new)/)`)
	path, err := pathOf(ctx)
	require.NoError(t, err)
	office.Await("some rows", func() bool {
		done, _ := office.Want(200, "GET", path, nil).Get("processed").(float64)
		return done >= 50
	})
	in.KillAll()
	require.NoError(t, in.Restart())
	until(t, ctx, "the screen ends with all rows",
		fmt.Sprintf(`document.querySelector(".Outcome")?.innerText.replace(/\s+/g, " ").includes("%d new 0 change 0 same 0 rejected") && document.querySelector(".calm")`, rows))
	shots(t, ctx, "killed-import")
	require.Equal(t, float64(rows), office.Want(200, "GET", "/work-orders/counts?client_code=MANY", nil).Get("total"))
}

func TestPortalOfWhoIsSwitchedOffInTheMiddleOfABulk(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	admin := rig.SignUp(t, in.URL)
	staff := admin.Colleague("staff")
	const many = 80
	completed(admin, "OFF", many)
	ctx := browse(t, false)
	enters(t, ctx, in.URL+"/orders?state=completed", staff)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`[role=grid] [aria-rowindex="2"] .code`)))
	until(t, ctx, "all are counted", fmt.Sprintf(`document.querySelector(".head .count")?.textContent.includes("%d")`, many))
	require.NoError(t, chromedp.Run(ctx, chromedp.Focus(`[role=grid] [aria-rowindex="2"]`), chromedp.KeyEvent("a",
		chromedp.KeyModifiers(input.ModifierCtrl)), chromedp.WaitVisible(`.SelectionBar`), press("a"), chromedp.WaitVisible(`.Toasts .Toast`)))
	admin.Want(200, "PATCH", "/users/"+staff.ID, rig.JSON{"active": false})
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.Dialog input[autocomplete=current-password]`)))
	accessible(t, ctx, "a session that has ended")
	shots(t, ctx, "switched-off")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.Dialog input[autocomplete=current-password]`, rig.Password+"\r")))
	until(t, ctx, "and they don't come in again", `document.querySelector(".Dialog .wrong")`)

	b := overBulk(admin, admin.Want(200, "GET", "/bulk", nil).Text("items", 0, "id"))
	done, _ := b.Get("done").(float64)
	refused, _ := b.Get("refused").(float64)
	require.EqualValues(t, many, done+refused, "%s", b.Body)
	require.EqualValues(t, done, admin.Want(200, "GET", "/work-orders/counts?state=approved", nil).Get("total"))
	if refused == 0 {
		return // all was done before
	}
	// Whoever goes on for them sees which were refused and why, and does them.
	other := signedIn(t, in, admin, false)
	require.NoError(t, chromedp.Run(other, chromedp.Navigate(in.URL+"/orders?refused="+b.Text("id")), chromedp.WaitVisible(`[role=grid] .why`)))
	accessible(t, other, "what was refused")
	shots(t, other, "refused")
	require.NoError(t, chromedp.Run(other, chromedp.Click(`//button[contains(., "Repeat with these")]`, chromedp.BySearch)))
	admin.Await("the rest to be done", func() bool {
		return admin.Want(200, "GET", "/work-orders/counts?state=approved", nil).Get("total") == float64(many)
	})
}
