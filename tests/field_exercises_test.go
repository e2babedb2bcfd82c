package tests

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestFieldTheFirstExerciseOnScreen: a few pictures are taken in the app, and the office has them under its eyes at once.
func TestFieldTheFirstExerciseOnScreen(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	desk := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(desk, actions...)) }
	run(chromedp.WaitVisible(`.First li.now a`), chromedp.Click(`.First li.now a`), chromedp.WaitVisible(`.OrderPage .Course`), press("s"), chromedp.WaitVisible(`.Assign input`),
		chromedp.Evaluate(`document.querySelector(".Assign input").select()`, nil), chromedp.SendKeys(`.Assign input`, crew.Username))
	until(t, desk, "the crew is found", `document.querySelectorAll(".Assign [role=option]").length === 1`)
	run(press(kb.Enter))
	says(t, desk, ".Order-head .Mark", "Assigned")

	p := newPhone(t, in)
	p.enter(crew)
	p.tap(`.rows .Row`)
	p.tap(`.Dock a`, "Next: Before")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(1)
	until(t, desk, "the first is seen", `document.querySelectorAll(".Task .strip .Photo img").length === 1`)
	p.tap(`.Kinds label`, "After")
	p.fire(2)
	until(t, desk, "and the others", `document.querySelectorAll(".Task .strip .Photo img").length === 3`)
	says(t, desk, ".Order-head .Mark", "In progress")
	var phones rig.Answer
	office.Await("the phone among the office's", func() bool {
		phones = office.Want(200, "GET", "/devices", nil)
		return len(phones.List("items")) == 1
	})
	require.Equal(t, crew.Username, phones.Text("items", 0, "user"))
	require.Contains(t, p.rows("meta"), rig.JSON{"key": "device", "value": phones.Get("items", 0, "id")})
	shots(t, desk, "field-exercise-office")
}

// TestFieldTheSecondExerciseOnScreen: an assigned order is completed on the phone; under auto-publish its button says Publish.
func TestFieldTheSecondExerciseOnScreen(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	order := office.Order(nil).Text("id")
	desk := signedIn(t, in, office, false)
	p := newPhone(t, in)
	p.enter(crew)
	p.says("main", "No orders for you")
	office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": crew.Username})
	p.says(".Row", "12 Oak Street")
	p.tap(`.Row`, "12 Oak Street")
	p.tap(`.Dock a`, "Take more photos")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(2)
	p.tap(`.cbtn`, "Close the camera")
	p.tap(`.Dock button`, "Complete")
	require.NoError(t, chromedp.Run(desk, chromedp.Navigate(in.URL+"/orders/"+order), chromedp.WaitVisible(`.OrderPage .Course`)))
	says(t, desk, ".Order-head .Mark", "Completed")
	until(t, desk, "with its photos", `document.querySelectorAll(".Task .strip .Photo img").length === 2`)

	office.Want(200, "PATCH", "/account", rig.JSON{"qa_policy": "auto_publish"})
	next := office.Order(rig.JSON{"assignee": crew.Username, "address": rig.JSON{"address1": "7 Elm Street", "city": "Round Rock", "state": "TX", "zip": "78664"}}).Text("id")
	p.visit("/")
	p.tap(`.Row`, "7 Elm Street")
	p.tap(`.Dock a`, "Take more photos")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(1)
	p.tap(`.cbtn`, "Close the camera")
	p.says(".Dock button", "Publish")
	p.seen("publish")
	p.tap(`.Dock button`, "Publish")
	office.AwaitState(next, "published")
	p.says(".place .Mark", "Published")
}
