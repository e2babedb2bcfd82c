package tests

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// toReview is an order that waits for review: two tasks, of which the second lacks a photo, and photos of one crew.
func toReview(t *testing.T, in *rig.Installation) (office, crew *rig.User, order string, photos []string) {
	t.Helper()
	office, crew, o := crewWithOrder(t, in, rig.JSON{"tasks": []rig.JSON{{"name": "Grass cut, front and back"}, {"name": "Change lock"}}})
	office.Want(200, "PATCH", "/account", rig.JSON{"review_reasons": []string{"Blurred or too dark", "Wrong place"}})
	order = o.Text("id")
	for n := range 6 {
		taken := fmt.Sprintf("2026-05-04T13:3%d:00Z", n)
		photos = append(photos, crew.Upload(order, rig.JPEG(640, 480, uint64(n+1)), "task_id", o.Text("tasks", n/4, "id"), "evidence_type", []string{"before", "after"}[n%2], "taken_at", taken).Text("id"))
	}
	crew.AwaitState(order, "in_progress")
	crew.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
	office.Want(200, "PATCH", "/work-orders/"+order, rig.JSON{"tasks": []rig.JSON{{"id": o.Text("tasks", 0, "id")}, {"id": o.Text("tasks", 1, "id"), "required_photos": rig.JSON{"after": 2}}}})
	office.Await("the renditions", func() bool {
		return office.Want(200, "GET", "/work-orders/"+order+"/photo-index", nil).Text("placeholder", 5) != ""
	})
	return office, crew, order, photos
}

func verdict(office *rig.User, photo string) string {
	return office.Want(200, "GET", "/photos/"+photo, nil).Text("review")
}

func TestPortalReviewsAnOrderByKeys(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order, photos := toReview(t, in)
	twin := office.Order(nil).Text("id")
	office.Upload(twin, rig.JPEG(640, 480, 1))
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }

	run(press("g"), press("r"), chromedp.WaitVisible(`[role=grid] [aria-rowindex="2"] .code`))
	accessible(t, ctx, "the orders that wait")
	shots(t, ctx, "review-queue")
	run(press("j"), press(kb.Enter), chromedp.WaitVisible(`.Tile img`))
	until(t, ctx, "the order that waited is open", `location.pathname === "/orders/`+order+`/review"`)
	until(t, ctx, "all its photos stand in their boxes", `document.querySelectorAll(".Tile[id]").length === 6 && document.querySelector(".Tile.lack")`)
	until(t, ctx, "what was noticed stands first", `[...document.querySelectorAll(".Noticed button")].map(b => b.textContent).join().includes("Seen before 1")`)
	accessible(t, ctx, "the grid")
	shots(t, ctx, "review-grid")

	// A and a digit judge and go on; the verdicts are on the server, and U takes the last back.
	run(chromedp.Focus(`.Tile.at`), press("a"), press("1"))
	until(t, ctx, "both are judged on the screen", `document.querySelectorAll(".verdict.ok").length === 1 && document.querySelectorAll(".verdict.no").length === 1`)
	office.Await("and on the server", func() bool {
		return verdict(office, photos[0]) == "approved" && verdict(office, photos[2]) == "rejected"
	})
	require.Equal(t, "Blurred or too dark", office.Want(200, "GET", "/photos/"+photos[2], nil).Text("review_reason"))
	run(press("u"))
	office.Await("the step is taken back", func() bool { return verdict(office, photos[2]) == "pending" })
	until(t, ctx, "and the eye is there again", `document.activeElement.id === "photo-`+photos[2]+`" || document.querySelector(".Tile.at").id === "photo-`+photos[2]+`"`)

	// In the dark room: whole, 1:1 that stays, facts, another type, turned.
	run(press(kb.Enter), chromedp.WaitVisible(`.Viewer .r-fit img`))
	until(t, ctx, "the photo shows", `document.querySelector(".r-fit img").complete && document.querySelector(".r-fit img").naturalWidth > 0`)
	until(t, ctx, "with its hash", `/[0-9a-f]{64}/.test(document.querySelector(".v-side").innerText)`)
	accessible(t, ctx, "the viewer")
	shots(t, ctx, "review-viewer")
	run(press("z"))
	until(t, ctx, "at its own size", `document.querySelector(".r-real img")`)
	run(press("j"))
	until(t, ctx, "the next one too", `document.querySelector(".v-count b").innerText === "3" && document.querySelector(".r-real img")`)
	run(press("z"), press("w"), press("L"), press("b"))
	office.Await("type, turn and flag are on the server", func() bool {
		p := office.Want(200, "GET", "/photos/"+photos[1], nil)
		return p.Text("evidence_type") == "during" && p.Get("rotation") == 90.0 && p.Get("flagged") == true
	})
	run(press("u"), press("u"), press("u"))
	office.Await("and taken back", func() bool {
		p := office.Want(200, "GET", "/photos/"+photos[1], nil)
		return p.Text("evidence_type") == "after" && p.Get("rotation") == 0.0 && p.Get("flagged") == false
	})
	run(press("r"), chromedp.WaitVisible(`.Sheet textarea`))
	accessible(t, ctx, "words for a rejection")
	run(chromedp.SendKeys(`.Sheet textarea`, "The gate stands open"), chromedp.Click(`.Sheet .foot .primary`), chromedp.WaitNotPresent(`.Sheet`))
	office.Await("the words arrive", func() bool {
		return office.Want(200, "GET", "/photos/"+photos[1], nil).Text("review_reason") == "The gate stands open"
	})
	run(press(kb.Escape), chromedp.WaitNotPresent(`.Viewer`))

	// All that is left of the task, then what was rejected goes back as one rework.
	run(press("A"))
	office.Await("the rest of the task", func() bool {
		return verdict(office, photos[2]) == "approved" && verdict(office, photos[3]) == "approved"
	})
	run(press("R"), chromedp.WaitVisible(`.r-back li`))
	until(t, ctx, "it says what goes to whom", `document.querySelector(".Sheet").innerText.includes("`+crew.Username+`") && document.querySelectorAll(".r-back li").length === 1`)
	accessible(t, ctx, "the rework")
	shots(t, ctx, "review-rework")
	run(chromedp.Click(`.Sheet .foot .primary`))
	o := office.AwaitState(order, "assigned")
	require.Equal(t, "rework", o.Text("priority"))
	until(t, ctx, "nothing waits any more", `location.pathname === "/review" && document.body.innerText.includes("Nothing waits for review.")`)
	accessible(t, ctx, "an empty queue")
	shots(t, ctx, "review-empty")
}

func TestPortalNeverOverwritesAVerdictUnseen(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office, _, order, photos := toReview(t, in)
	colleague := office.Colleague("staff")
	ctx := browse(t, false)
	uncomplaining(t, ctx)
	deaf := chromedp.ActionFunc(func(ctx context.Context) error { // this window hears nothing of the other
		_, err := page.AddScriptToEvaluateOnNewDocument(`window.EventSource = class { addEventListener() {} close() {} }`).Do(ctx)
		return err
	})
	require.NoError(t, chromedp.Run(ctx, deaf, chromedp.Navigate(in.URL+"/orders/"+order+"/review"), chromedp.WaitVisible(`input[autocomplete=username]`),
		chromedp.SendKeys(`input[autocomplete=username]`, colleague.Username), chromedp.SendKeys(`input[autocomplete=current-password]`, rig.Password+kb.Enter), chromedp.WaitVisible(`.Tile.at`)))
	office.Want(200, "PATCH", "/photos/"+photos[0], rig.JSON{"review": "rejected", "reason": "The wrong house"})
	require.NoError(t, chromedp.Run(ctx, press("a")))
	until(t, ctx, "who judged it is said", `document.body.innerText.includes("`+office.Username+` judged this photo meanwhile")`)
	until(t, ctx, "and it stands so", `document.querySelector("#photo-`+photos[0]+`").classList.contains("no")`)
	require.Equal(t, "rejected", verdict(office, photos[0]))

	// The session ends in the middle: the verdict waits until somebody is signed in again.
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`fetch("/api/v1/sessions/current", {method: "DELETE"}).then(() => 0)`, nil, awaitPromise), press("a"), chromedp.WaitVisible(`.Dialog input[autocomplete=current-password]`)))
	require.Equal(t, "pending", verdict(office, photos[2]))
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.Dialog input[autocomplete=current-password]`, rig.Password+kb.Enter)))
	office.Await("it is taken then", func() bool { return verdict(office, photos[2]) == "approved" })
}

func TestPortalFindsAPhotoAndTellsItsLife(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office, _, _, photos := toReview(t, in)
	office.Want(200, "PATCH", "/photos/"+photos[0], rig.JSON{"review": "rejected", "reason": "Too dark"})
	ctx := signedIn(t, in, office, true)
	uuid := office.Want(200, "GET", "/photos/"+photos[0], nil).Text("uuid")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/photos"), chromedp.WaitVisible(`.r-find input`)))
	accessible(t, ctx, "the search")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.r-find input`, uuid+kb.Enter), chromedp.WaitVisible(`.r-life li`)))
	until(t, ctx, "its life is told in sentences", `document.querySelector(".r-life").innerText.includes("`+office.Username+` judged it: Rejected: Too dark")`)
	until(t, ctx, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	accessible(t, ctx, "a life")
	shots(t, ctx, "review-find-phone")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.r-story .Button`), chromedp.WaitVisible(`.Viewer .r-fit img`)))
	accessible(t, ctx, "the viewer on a phone")
	shots(t, ctx, "review-viewer-phone")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.v-top > .Button`)))
	until(t, ctx, "back to the grid", `!document.querySelector(".Viewer") && document.querySelector(".Tile.at")`)
	until(t, ctx, "the grid is no wider either", `document.documentElement.scrollWidth <= 390`)
	accessible(t, ctx, "the grid on a phone")
	shots(t, ctx, "review-grid-phone")
}
