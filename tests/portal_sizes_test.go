package tests

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestPortalShowsAnOrderWithoutPhotoTasksAndOneOfFiveHundred(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	office.WantField(422, "tasks", "POST", "/work-orders", rig.NewOrder(rig.JSON{"tasks": []rig.JSON{}})) // nobody makes one without a task
	none := office.Order(rig.JSON{"tasks": []rig.JSON{{"name": "Condition report", "kind": "survey", "survey_id": "sampleInspection"}}}).Text("id")
	loose := office.Upload(none, rig.JPEG(320, 240, 3), "taken_at", now()).Text("id")
	// A picture whose size can be read and nothing else: none can be made of it.
	broken := rig.JPEG(640, 480, 9)
	lost := office.Upload(none, append(bytes.Clone(broken[:len(broken)/8]), 0xFF, 0xD9), "taken_at", now()).Text("id")
	tasks := make([]rig.JSON, 500)
	for n := range tasks {
		tasks[n] = rig.JSON{"name": fmt.Sprintf("Room %d", n+1), "required_photos": rig.JSON{"before": 1, "after": 1}}
	}
	big := office.Order(rig.JSON{"tasks": tasks})
	office.Upload(big.Text("id"), rig.JPEG(320, 240, 4), "task_id", big.Text("tasks", 499, "id"), "evidence_type", "after", "taken_at", now())
	b := newBetween(t, in)
	ctx := signedIn(t, &rig.Installation{URL: b.URL}, office, false)

	for _, at := range []string{"/orders/" + none, "/orders/" + none + "/review", "/orders/" + none + "/publish"} {
		b.visit(t, ctx, at)
		accessible(t, ctx, at)
		shots(t, ctx, "no-tasks"+strings.ReplaceAll(strings.TrimPrefix(at, "/orders/"+none), "/", "-"))
	}
	office.Await("what can't be shown is known", func() bool { return office.Want(200, "GET", "/photos/"+lost, nil).Get("viewable") == false })
	b.visit(t, ctx, "/orders/"+none+"/review")
	until(t, ctx, "what can't be shown is noticed",
		`document.querySelector("#photo-`+lost+` .tells").textContent.includes("Can’t be shown") && [...document.querySelectorAll(".Noticed button")].some(b => b.textContent.includes("Can’t be shown 1"))`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`#photo-`+lost), chromedp.WaitVisible(`.Viewer .r-blank a`)))
	says(t, ctx, ".r-blank", "Its bytes are safe.")
	accessible(t, ctx, "a photo that can't be shown")
	shots(t, ctx, "unviewable")
	require.NoError(t, chromedp.Run(ctx, press("z"), press("v"), press("j"), press("k")))
	until(t, ctx, "one gets away from it", `document.querySelector(".Viewer")`)
	b.visit(t, ctx, "/orders/"+none+"/review?photo="+loose)
	until(t, ctx, "its neighbour shows", `document.querySelector(".r-main img")?.naturalWidth > 0`)

	b.visit(t, ctx, "/orders/"+big.Text("id"))
	until(t, ctx, "all tasks stand there", `document.querySelectorAll(".Task").length === 500`)
	accessible(t, ctx, "five hundred tasks")
	b.visit(t, ctx, "/orders/"+big.Text("id")+"/review")
	until(t, ctx, "what is in sight alone is drawn", `document.querySelectorAll(".r-row").length < 80 && document.querySelector(".r-task")`)
	accessible(t, ctx, "the review of five hundred tasks")
	shots(t, ctx, "many-tasks-review")
	require.NoError(t, chromedp.Run(ctx, press(kb.End)))
	until(t, ctx, "the last is reached",
		`document.querySelector(".Tile.at") && [...document.querySelectorAll(".r-task h2")].some(h => h.textContent === "Room 500")`)
}
