package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
		photos = append(photos, crew.Upload(order, rig.JPEG(640, 480, uint64(n+1)), "task_id", o.Text("tasks", n/4, "id"), "evidence_type",
			[]string{"before", "after"}[n%2], "taken_at", taken).Text("id"))
	}
	crew.AwaitState(order, "in_progress")
	crew.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
	office.Want(200, "PATCH", "/work-orders/"+order, rig.JSON{"tasks": []rig.JSON{{"id": o.Text("tasks", 0, "id")}, {"id": o.Text("tasks", 1, "id"),
		"required_photos": rig.JSON{"after": 2}}}})
	office.Await("the renditions", func() bool {
		return office.Want(200, "GET", "/work-orders/"+order+"/photo-index", nil).Text("placeholder", 5) != ""
	})
	return office, crew, order, photos
}

func verdict(office *rig.User, photo string) string {
	return office.Want(200, "GET", "/photos/"+photo, nil).Text("review")
}

func TestPortalReviewsAnOrderByKeys(t *testing.T) {
	longer(t)
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
	until(t, ctx, "what was noticed stands first",
		`[...document.querySelectorAll(".Noticed button")].map(b => b.textContent).join().includes("Seen before 1")`)
	accessible(t, ctx, "the grid")
	shots(t, ctx, "review-grid")

	// A and a digit judge and go on; the verdicts are on the server, and U takes the last back.
	run(chromedp.Focus(`.Tile.at`), press("a"), press("1"))
	until(t, ctx, "both are judged on the screen",
		`document.querySelectorAll(".verdict.ok").length === 1 && document.querySelectorAll(".verdict.no").length === 1`)
	office.Await("and on the server", func() bool {
		return verdict(office, photos[0]) == "approved" && verdict(office, photos[2]) == "rejected"
	})
	require.Equal(t, "Blurred or too dark", office.Want(200, "GET", "/photos/"+photos[2], nil).Text("review_reason"))
	run(press("u"))
	office.Await("the step is taken back", func() bool { return verdict(office, photos[2]) == "pending" })
	until(t, ctx, "and the eye is there again",
		`document.activeElement.id === "photo-`+photos[2]+`" || document.querySelector(".Tile.at").id === "photo-`+photos[2]+`"`)

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
	until(t, ctx, "it says what goes to whom",
		`document.querySelector(".Sheet").innerText.includes("`+crew.Username+`") && document.querySelectorAll(".r-back li").length === 1`)
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
	longer(t)
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
		chromedp.SendKeys(`input[autocomplete=username]`, colleague.Username), chromedp.SendKeys(`input[autocomplete=current-password]`,
			rig.Password+kb.Enter), chromedp.WaitVisible(`.Tile.at`)))
	office.Want(200, "PATCH", "/photos/"+photos[0], rig.JSON{"review": "rejected", "reason": "The wrong house"})
	require.NoError(t, chromedp.Run(ctx, press("a")))
	until(t, ctx, "who judged it is said", `document.body.innerText.includes("`+office.Username+` judged this photo meanwhile")`)
	until(t, ctx, "and it stands so", `document.querySelector("#photo-`+photos[0]+`").classList.contains("no")`)
	require.Equal(t, "rejected", verdict(office, photos[0]))

	// The session ends in the middle: the verdict waits until somebody is signed in again.
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`fetch("/api/v1/sessions/current", {method: "DELETE"}).then(() => 0)`, nil, awaitPromise),
		press("a"), chromedp.WaitVisible(`.Dialog input[autocomplete=current-password]`)))
	require.Equal(t, "pending", verdict(office, photos[2]))
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.Dialog input[autocomplete=current-password]`, rig.Password+kb.Enter)))
	office.Await("it is taken then", func() bool { return verdict(office, photos[2]) == "approved" })
}

func TestPortalFindsAPhotoAndTellsItsLife(t *testing.T) {
	longer(t)
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

// keyed presses a key of the page as often as a script can: once a frame.
func keyed(t *testing.T, ctx context.Context, key string, times int) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(fmt.Sprintf(`(async () => {
		for (let n = 0; n < %d; n++) {
			dispatchEvent(new KeyboardEvent("keydown", {key: %q, cancelable: true}));
			await new Promise(requestAnimationFrame);
		}
		return 0;
	})()`, times, key), nil, awaitPromise)))
}

// timesJudged is how often each photo of an order was judged, by its history.
func timesJudged(office *rig.User, order string) map[string]int {
	times := map[string]int{}
	for cursor := ""; ; {
		page := office.Want(200, "GET", "/work-orders/"+order+"/events?limit=200"+cursor, nil)
		for n := range page.List("items") {
			reviews, _ := page.Get("items", n, "details", "reviews").(map[string]any)
			for id := range reviews {
				times[id]++
			}
		}
		if page.Text("next_cursor") == "" {
			return times
		}
		cursor = "&cursor=" + page.Text("next_cursor")
	}
}

func TestPortalJudgesThreeHundredPhotosAsFastAsKeysCome(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	office.Want(200, "PATCH", "/account", rig.JSON{"review_reasons": []string{"Too dark"}})
	order := office.Order(nil).Text("id")
	const many = 300
	photos := make([]string, many)
	someAtOnce(many, 4, func(n int) {
		photos[n] = office.Upload(order, rig.JPEG(48, 36, uint64(9000+n)), "evidence_type", "after", "taken_at", fmt.Sprintf("2026-05-04T13:%02d:%02dZ",
			n/60, n%60)).Text("id")
	})
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+order+"/review"), chromedp.WaitVisible(`.Tile.at`), chromedp.Focus(`.Tile.at`),
		press(kb.Enter), chromedp.WaitVisible(`.Viewer`)))
	keyed(t, ctx, "a", many-1)
	keyed(t, ctx, "1", 1)
	until(t, ctx, "every photo is judged on the screen", fmt.Sprintf(`document.querySelector(".head [role=status]").textContent.startsWith("%d of %d")`,
		many, many))
	office.Await("and on the server", func() bool {
		for _, r := range office.Want(200, "GET", "/work-orders/"+order+"/photo-index", nil).List("review") {
			if r == "pending" {
				return false
			}
		}
		return true
	})
	last := office.Want(200, "GET", "/photos/"+photos[many-1], nil)
	require.Equal(t, []string{"rejected", "Too dark"}, []string{last.Text("review"), last.Text("review_reason")})
	times := timesJudged(office, order)
	require.Len(t, times, many)
	for id, n := range times {
		require.Equal(t, 1, n, "photo %s is judged once", id)
	}
}

// TestPortalPhotosBelongTogetherByTheirShot gives two photos one shot, which makes them a set on all that clients see, and takes
// it back.
func TestPortalPhotosBelongTogetherByTheirShot(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, _, order, photos := toReview(t, in)
	office.Want(200, "PATCH", "/photos/"+photos[2], rig.JSON{"shot": "Back"})
	stand := func() (all []string) {
		for _, p := range photos[:4] {
			all = append(all, office.Want(200, "GET", "/photos/"+p, nil).Text("shot"))
		}
		return all
	}
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	run(chromedp.Navigate(in.URL+"/orders/"+order+"/review"), chromedp.WaitVisible(`.Tile.at`), chromedp.Focus(`.Tile.at`), press("x"), press("j"), press("x"), press("T"),
		chromedp.WaitVisible(`.Sheet .Input`))
	says(t, ctx, ".Sheet", "Photos that get it: 2.")
	accessible(t, ctx, "the shot")
	before := stand()
	until(t, ctx, "what it is", `document.querySelector(".Sheet .Input").value === "Back"`)
	over(t, ctx, ".Sheet .Input", "Front")
	after := []string{"Front", before[1], "Front", before[3]} // the first two in the grid are both before
	screenshot(t, ctx, "review-shot")
	run(press(kb.Enter), chromedp.WaitNotPresent(`.Sheet`))
	require.Equal(t, after, stand())
	run(press("u"))
	office.Await("it to be taken back", func() bool { return slices.Equal(stand(), before) })
	run(press("T"), chromedp.WaitVisible(`.Sheet .Input`))
	until(t, ctx, "what it is again", `document.querySelector(".Sheet .Input").value === "Back"`)
	over(t, ctx, ".Sheet .Input", strings.Repeat("x", 301))
	run(press(kb.Enter))
	says(t, ctx, ".Sheet .wrong", "characters")
	require.Equal(t, before, stand())
}

// TestPortalChoosesTheCover chooses by key and in the viewer what stands on the cover, and the client sees it there.
func TestPortalChoosesTheCover(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, _, order, photos := toReview(t, in)
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	chosen := func(what string, want ...any) {
		t.Helper()
		office.Await(what, func() bool {
			return slices.Equal(office.Want(200, "GET", "/work-orders/"+order, nil).List("key_photos"), want)
		})
	}
	marked := func(what string, want ...int) {
		t.Helper()
		all := make([]string, len(want))
		for n, p := range want {
			all[n] = "photo-" + photos[p]
		}
		until(t, ctx, what, `[...document.querySelectorAll(".Tile")].filter(e => e.innerText.includes("On the cover")).map(e => e.id).join() === "`+strings.Join(all, ",")+`"`)
	}
	// The grid has the two before, then the two after.
	run(chromedp.Navigate(in.URL+"/orders/"+order+"/review"), chromedp.WaitVisible(`.Tile.at`), chromedp.Focus(`.Tile.at`), press("C"))
	says(t, ctx, "[data-sonner-toast]", "Shown on the cover")
	chosen("one", photos[0])
	marked("it bears the mark", 0)
	run(press("j"), press("C"), press("j"), press("j"), press("C"))
	chosen("another before in its place, and an after", photos[2], photos[3])
	marked("both bear it", 2, 3)
	accessible(t, ctx, "the marks")
	screenshot(t, ctx, "review-cover")
	run(press(kb.Enter), chromedp.WaitVisible(`.Viewer [aria-label="Show on the cover"][aria-pressed=true]`))
	says(t, ctx, ".v-side", "On the cover")
	accessible(t, ctx, "the viewer of a cover")
	screenshot(t, ctx, "review-cover-viewer")
	run(chromedp.Click(`.Viewer [aria-label="Show on the cover"]`), chromedp.WaitVisible(`.Viewer [aria-label="Show on the cover"][aria-pressed=false]`))
	says(t, ctx, "[data-sonner-toast]", "No longer on the cover")
	chosen("the other alone", photos[2])
	run(press("u"))
	chosen("both again", photos[2], photos[3])
	run(press(kb.Escape), chromedp.WaitNotPresent(`.Viewer`), press("1"))
	marked("what is rejected is on no cover, and its pair neither")
	run(press("k"), press("C"))
	says(t, ctx, "[data-sonner-toast]", "can’t stand on the cover")
	run(press("u"))
	marked("both once it is none", 2, 3)
	office.Await("the office to have it", func() bool { return verdict(office, photos[3]) == "pending" })

	for _, step := range []string{"approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
	}
	link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{}).Text("url")
	require.Equal(t, []string{photos[2], photos[3]}, coverOf(t, in.URL, link))
}

func TestPortalShowsAtOnceWhatAnotherJudges(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order, photos := toReview(t, in)
	colleague := office.Colleague("staff")
	ctx := signedIn(t, in, colleague, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+order+"/review"), chromedp.WaitVisible(`.Tile.at`)))
	// The stream tells only what happens once it is open: what is judged is told till it shows.
	words := []string{"approved", "rejected"}
	n := 0
	office.Await("the first verdict of another to show", func() bool {
		n++
		office.Want(200, "PATCH", "/photos/"+photos[0], rig.JSON{"review": words[n%2], "reason": map[bool]string{true: "", false: "Too dark"}[n%2 == 0]})
		return holds(t, ctx, `document.querySelector("#photo-`+photos[0]+` .verdict")`)
	})
	began := time.Now()
	office.Want(200, "POST", "/photos/reviews", rig.JSON{"reviews": []rig.JSON{{"id": photos[2], "review": "rejected", "reason": "The wrong house"},
		{"id": photos[4], "review": "approved"}}})
	until(t, ctx, "both show, with who judged", `["`+photos[2]+`", "`+photos[4]+`"].every(id => document.querySelector("#photo-" + id + " .verdict .r-by"))`)
	require.Less(t, time.Since(began), 3*time.Second)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`#photo-`+photos[2]), chromedp.WaitVisible(`.Viewer`)))
	says(t, ctx, ".v-side", "The wrong house")
	// While one judges, what another does is not left behind: each sees the other's, none is overwritten.
	keyed(t, ctx, "a", 3)
	office.Want(200, "PATCH", "/photos/"+photos[5], rig.JSON{"review": "rejected", "reason": "Not the lock"})
	until(t, ctx, "it shows in the midst of the others", `document.querySelector("#photo-`+photos[5]+`").classList.contains("no")`)
	office.Want(200, "PATCH", "/photos/"+photos[4], rig.JSON{"flagged": true, "evidence_type": "during"})
	until(t, ctx, "a mark of another too", `document.querySelector("#photo-`+photos[4]+` .tells")?.textContent.includes("Flagged")`)
	crew.Upload(order, rig.JPEG(640, 480, 77), "evidence_type", "after", "taken_at", now())
	until(t, ctx, "what arrives waits behind its number", `document.querySelector(".NewRows")?.textContent.includes("1 new")`)
	office.Want(204, "DELETE", "/photos/"+photos[1], nil)
	until(t, ctx, "what is gone is said to be", `document.querySelector("#photo-`+photos[1]+`").classList.contains("gone")`)
}

func TestPortalComparesTurnsAndSaysWhereAPhotoWasTaken(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	o := office.Order(rig.JSON{"latitude": 30.5083, "longitude": -97.6789})
	order, task := o.Text("id"), o.Text("tasks", 0, "id")
	file, err := os.ReadFile(filepath.Join("cases", "exif-time-and-place.jpg"))
	require.NoError(t, err)
	send := func(photo []byte, fields ...string) string {
		return office.Upload(order, photo, append(fields, "task_id", task)...).Text("id")
	}
	first := send(rig.JPEG(900, 600, 1), "evidence_type", "before", "taken_at", "2026-05-04T13:00:00Z")
	second := send(rig.JPEG(900, 600, 2), "evidence_type", "before", "taken_at", "2026-05-04T13:01:00Z")
	after := send(rig.JPEG(900, 600, 3), "evidence_type", "after", "taken_at", "2026-05-04T14:00:00Z", "latitude", "30.5103", "longitude", "-97.6789",
		"accuracy", "6")
	second2 := send(rig.JPEG(900, 600, 4), "evidence_type", "after", "taken_at", "2026-05-04T14:01:00Z", "latitude", "30.50835", "longitude", "-97.6789",
		"accuracy", "12")
	exif := send(file, "evidence_type", "during")
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	shows := func(id string) string {
		return `[...document.querySelectorAll(".r-frame img")].some(i => i.src.includes("` + id + `"))`
	}

	run(chromedp.Navigate(in.URL+"/orders/"+order+"/review?photo="+after), chromedp.WaitVisible(`.Viewer .r-main img`))
	until(t, ctx, "how far from the property it was taken",
		`document.querySelector(".r-map figcaption")?.innerText.match(/^(222|223|22[0-9])\u00a0m from the property, ±6\u00a0m/)`)
	run(press("v"))
	until(t, ctx, "the before in the same place stands beside it", shows(first)+" && "+shows(after))
	accessible(t, ctx, "two that are compared")
	shots(t, ctx, "review-compare")
	run(press("j"))
	until(t, ctx, "and the next pair", shows(second)+" && "+shows(second2))
	run(press("z"))
	until(t, ctx, "both at their own size", `document.querySelectorAll(".r-real").length === 2`)
	run(chromedp.Evaluate(`document.querySelector(".r-main").scrollTo(0, 9999); 0`, nil))
	until(t, ctx, "in the same place",
		`(([a, b]) => a.scrollTop > 0 ? a.scrollTop === b.scrollTop : a.scrollHeight <= a.clientHeight)([...document.querySelectorAll(".r-frame")])`)
	run(press("z"), press(kb.Escape))
	until(t, ctx, "Esc ends the comparison, not more", `document.querySelectorAll(".r-frame").length === 1`)
	run(press(kb.Escape), chromedp.WaitNotPresent(`.Viewer`))
	// Two that are chosen are compared wherever they stand.
	run(chromedp.Evaluate(`document.getElementById("photo-`+first+`").dispatchEvent(new MouseEvent("click", {bubbles: true, ctrlKey: true})); 0`, nil),
		chromedp.Evaluate(`document.getElementById("photo-`+second2+`").dispatchEvent(new MouseEvent("click", {bubbles: true, ctrlKey: true})); 0`, nil),
		press("v"), chromedp.WaitVisible(`.Viewer`))
	until(t, ctx, "the two", shows(first)+" && "+shows(second2))
	run(press(kb.Escape), press(kb.Escape), chromedp.WaitNotPresent(`.Viewer`))

	// What the file itself says, and where it was taken.
	run(chromedp.Navigate(in.URL+"/orders/"+order+"/review?photo="+exif), chromedp.WaitVisible(`.r-exif summary`), chromedp.Click(`.r-exif summary`),
		chromedp.WaitVisible(`.r-exif dl`))
	says(t, ctx, ".r-exif dl", "2026:11:20 10:11:12")
	accessible(t, ctx, "the EXIF")
	shots(t, ctx, "review-exif")

	// Turned by buttons too, as a phone has no keys.
	run(press("i"), chromedp.WaitNotPresent(`.v-side`), onPhone(), chromedp.Click(`.r-tools [aria-label="Turn right"]`))
	office.Await("it is turned", func() bool { return office.Want(200, "GET", "/photos/"+exif, nil).Get("rotation") == 90.0 })
	until(t, ctx, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	accessible(t, ctx, "the tools on a phone")
	shots(t, ctx, "review-tools-phone")
}

func TestPortalKeysAreEachUsersOwn(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, _, order, photos := toReview(t, in)
	colleague := office.Colleague("staff")
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	review := in.URL + "/orders/" + order + "/review"
	run(chromedp.Navigate(review), chromedp.WaitVisible(`.Tile.at`), press("?"), chromedp.WaitVisible(`.KeyList`))
	change := func(what, key string) {
		t.Helper()
		run(chromedp.Click(`//li[contains(., "`+what+`")]//button`, chromedp.BySearch), chromedp.WaitVisible(`.KeyList [aria-describedby=key-clash]`),
			chromedp.Focus(`.KeyList [aria-describedby=key-clash]`), press(key))
	}
	change("Approve and go on", "g")
	says(t, ctx, "#key-clash", "is the key of")
	run(press("y"))
	says(t, ctx, "#key-clash", "Copy")
	run(press("5"))
	says(t, ctx, "#key-clash", "Reject for reason 5")
	run(press(","))
	until(t, ctx, "a free key is taken", `document.querySelector("#key-clash").textContent === ""`)
	change("Flag", kb.Delete)
	until(t, ctx, "and one is switched off",
		`[...document.querySelectorAll(".KeyList li")].some(l => l.innerText.startsWith("Flag") && l.innerText.includes("off"))`)
	accessible(t, ctx, "keys that were changed")
	// They are the user's, not this browser's.
	office.Await("the keys are kept", func() bool {
		kept, _ := office.Want(200, "GET", "/sessions/current", nil).Get("own", "keys").(map[string]any)
		return len(kept) == 2
	})
	run(chromedp.Evaluate(`localStorage.clear()`, nil), chromedp.Navigate(review), chromedp.WaitVisible(`.Tile.at`), chromedp.Focus(`.Tile.at`), press("a"), press("b"), press(","))
	office.Await("the new key judges", func() bool { return verdict(office, photos[0]) == "approved" })
	require.Equal(t, []any{"pending", false}, []any{verdict(office, photos[2]), office.Want(200, "GET", "/photos/"+photos[0], nil).Get("flagged")},
		"the old ones do nothing")

	// Whoever comes after them at this desk has the keys as delivered.
	run(chromedp.Evaluate(`fetch("/api/v1/sessions/current", {method: "DELETE"}).then(() => 0)`, nil, awaitPromise), chromedp.Navigate(review),
		chromedp.WaitVisible(`input[autocomplete=username]`),
		chromedp.SendKeys(`input[autocomplete=username]`, colleague.Username), chromedp.SendKeys(`input[autocomplete=current-password]`,
			rig.Password+kb.Enter), chromedp.WaitVisible(`.Tile.at`),
		chromedp.Focus(`.Tile.at`), press("j"), press("a"))
	office.Await("the usual key judges", func() bool { return verdict(office, photos[2]) == "approved" })
}
