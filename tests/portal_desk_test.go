package tests

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// everyQuestion is a survey with a question of each kind, a section, a trigger and photos.
func everyQuestion() rig.JSON {
	return rig.JSON{"meta": rig.JSON{"surveyTemplateId": "occupancy", "version": 1, "name": "Occupancy"}, "questions": []rig.JSON{
		{"id": "vacant", "question": "Is it vacant?", "answerType": "yesNo", "required": true, "triggers": []rig.JSON{{"answer": "No", "enable": []string{"who"}}}},
		{"id": "who", "question": "Who lives there?", "answerType": "text", "required": true, "validation": rig.JSON{"min": 3, "max": 40}},
		{"type": "section", "question": "Rooms", "questions": []rig.JSON{
			{"id": "rooms", "question": "How many rooms?", "answerType": "number", "validation": rig.JSON{"min": 1, "max": 20}},
			{"id": "seen", "question": "Seen on", "answerType": "date"},
			{"id": "condition", "question": "Condition", "answerType": "select", "answerOptions": []string{"Good", "Bad"}},
			{"id": "systems", "question": "What works?", "answerType": "multiSelect", "answerOptions": []string{"Water", "Gas", "Power"}},
			{"id": "meter", "question": "Code of the meter", "answerType": "barcode"},
			{"id": "front", "question": "The front", "answerType": "picture", "pictureMin": 2, "required": true},
			{"id": "signed", "question": "Signature", "answerType": "signature", "required": true},
		}},
	}}
}

// draw draws a stroke with the mouse across what a selector finds.
func draw(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	var at struct{ X, Y, Width, Height float64 }
	quoted, err := json.Marshal(selector)
	require.NoError(t, err)
	require.NoError(t, chromedp.Run(ctx, chromedp.ScrollIntoView(selector), chromedp.WaitVisible(selector+`[data-ready]`),
		chromedp.Evaluate(`(({x, y, width, height}) => ({x, y, width, height}))(document.querySelector(`+string(quoted)+`).getBoundingClientRect())`, &at)))
	move := func(kind input.MouseType, part float64) chromedp.Action {
		return input.DispatchMouseEvent(kind, at.X+at.Width*part, at.Y+at.Height*(0.3+part/3)).WithButton(input.Left).WithButtons(1).WithPointerType(input.Mouse)
	}
	steps := chromedp.Tasks{move(input.MousePressed, 0.2)}
	for part := 0.25; part < 0.7; part += 0.05 {
		steps = append(steps, move(input.MouseMoved, part))
	}
	require.NoError(t, chromedp.Run(ctx, append(steps, move(input.MouseReleased, 0.7))))
}

// TestPortalASurveyIsAnsweredAtTheDesk completes an order without a phone: answers of every kind, photos out of files, a visit
// that is recorded, and nothing typed is lost on the way.
func TestPortalASurveyIsAnsweredAtTheDesk(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	office.Want(201, "POST", "/surveys", everyQuestion())
	o := office.Order(rig.JSON{"assignee": crew.Username, "options": rig.JSON{"check_in_required": true}, "tasks": []rig.JSON{{"name": "Occupancy check", "kind": "survey", "survey_id": "occupancy"}}})
	id, path := o.Text("id"), "/work-orders/"+o.Text("id")
	ctx := signedIn(t, in, office, false)
	question := func(name string) string { return `.AnswerSurvey .Q[id$="-` + name + `"]` }
	begin := func(says string) {
		require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.OrderPage .Course`)))
		until(t, ctx, "the survey can be answered", `document.querySelector(".Task .answer")?.innerText.startsWith("`+says+`")`)
		click(t, ctx, `.Task .answer`)
		require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(question("vacant"))))
	}
	begin("Answer")
	until(t, ctx, "what no trigger asks is not asked", `!document.querySelector('`+question("who")+`')`)
	accessible(t, ctx, "a survey to answer")
	shots(t, ctx, "survey-desk")

	// Handed in too early: each question says what it lacks, and the first has the focus.
	click(t, ctx, `.Sheet .foot .Button.primary`)
	says(t, ctx, question("vacant"), "Needs an answer")
	says(t, ctx, question("front"), "Needs 2 photos and has 0")
	until(t, ctx, "the first has the focus", `document.querySelector('`+question("vacant")+`').contains(document.activeElement)`)
	says(t, ctx, ".Sheet .foot", "3 questions are left")
	accessible(t, ctx, "what a survey lacks")
	shots(t, ctx, "survey-desk-lacks")

	// Typed, closed, and the tab loaded anew: it goes on where it was.
	click(t, ctx, question("vacant")+` .Opt:nth-child(2) input`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(question("who")+` input`), chromedp.SendKeys(question("who")+` input`, "Mr. <b>Ñandú</b>"), chromedp.SendKeys(question("rooms")+` input`, "40"+kb.Tab)))
	says(t, ctx, question("rooms"), "At most 20")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Sheet`)))
	begin("Go on answering")
	until(t, ctx, "what was typed is there", `document.querySelector('`+question("who")+` input').value === "Mr. <b>Ñandú</b>" && document.querySelector('`+question("rooms")+` input').value === "40"`)

	// The rest of it, photos out of files.
	fill := func(name, value string) {
		require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`(i => { i.value = "`+value+`"; i.dispatchEvent(new Event("input", {bubbles: true})); })(document.querySelector('`+question(name)+` input')); 0`, nil)))
	}
	fill("rooms", "4")
	fill("seen", "2026-11-20")
	fill("meter", "0417-A")
	click(t, ctx, question("condition")+` .Opt:nth-child(2) input`)
	click(t, ctx, question("systems")+` .Opt:nth-child(1) input`)
	click(t, ctx, question("systems")+` .Opt:nth-child(3) input`)
	require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles(question("front")+` input[type=file]`, photoFiles(t, 3), chromedp.ByQuery)))
	until(t, ctx, "the photos are shown", `document.querySelectorAll('`+question("front")+` .Photo img').length === 3`)
	click(t, ctx, question("front")+` button[aria-label^="Take photo 3"]`)
	until(t, ctx, "one is taken away", `document.querySelectorAll('`+question("front")+` .Photo img').length === 2`)
	draw(t, ctx, question("signed")+` canvas`)
	says(t, ctx, ".Sheet .foot", "All 9 answered")
	accessible(t, ctx, "an answered survey")
	shots(t, ctx, "survey-desk-answered")
	require.Empty(t, office.Want(200, "GET", path+"/photos", nil).List("items"), "nothing goes before it is handed in")
	click(t, ctx, `.Sheet .foot .Button.primary`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitNotPresent(`.Sheet`)))
	says(t, ctx, ".Task .answer", "Answer again")

	// As it is on the server, once, and not said to come from a phone.
	handed := office.Want(200, "GET", path+"/survey-responses", nil)
	require.Len(t, handed.List("items"), 1)
	require.Equal(t, "web_upload", handed.Text("items", 0, "source"))
	got := map[string]any{}
	for i := range handed.List("items", 0, "answers") {
		got[handed.Text("items", 0, "answers", i, "id")] = handed.Get("items", 0, "answers", i, "answer")
	}
	require.Equal(t, map[string]any{"vacant": "No", "who": "Mr. <b>Ñandú</b>", "rooms": "4", "seen": "2026-11-20", "condition": "Bad", "systems": []any{"Water", "Power"},
		"meter": "0417-A", "front": nil, "signed": "Signed"}, got)
	photos := office.Want(200, "GET", path+"/photos", nil)
	kinds := map[string]int{}
	for i := range photos.List("items") {
		kinds[photos.Text("items", i, "evidence_type")+"/"+photos.Text("items", i, "notes")]++
	}
	require.Equal(t, map[string]int{"/The front": 2, "signature/Signature": 1}, kinds)

	// As it stands on the order, with the photos of its answers.
	click(t, ctx, `.Task details summary`)
	says(t, ctx, ".answers", "Mr. <b>Ñandú</b>")
	until(t, ctx, "its photos are shown", `document.querySelectorAll(".answers .SurveyPhotos img").length === 3`)
	accessible(t, ctx, "what was answered")
	shots(t, ctx, "survey-desk-order")

	// A visit is wanted too: recorded with its time, and vouched for by nobody.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//div[@class="head"]//button[contains(., "Complete")]`)))
	says(t, ctx, ".problem [role=alert]", "check-in")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[normalize-space(.)="Record a check-in"]`, chromedp.BySearch), chromedp.WaitVisible(`#check-in input`)))
	accessible(t, ctx, "a visit to record")
	shots(t, ctx, "check-in-desk")
	click(t, ctx, `button[form=check-in]`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitNotPresent(`.Sheet`)))
	says(t, ctx, ".Task", "Check-in")
	require.Equal(t, false, office.Want(200, "GET", path+"/check-ins", nil).Get("items", 0, "certification", "item"))
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//div[@class="head"]//button[contains(., "Complete")]`)))
	says(t, ctx, ".Order-head .Mark", "Completed")
}

// TestPortalAPhotoThatASurveyLostIsAskedForAgain loads the tab anew when files are chosen and not handed in.
func TestPortalAPhotoThatASurveyLostIsAskedForAgain(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	office.Want(201, "POST", "/surveys", everyQuestion())
	id := office.Order(rig.JSON{"tasks": []rig.JSON{{"name": "Occupancy check", "kind": "survey", "survey_id": "occupancy"}}}).Text("id")
	ctx := signedIn(t, in, office, true)
	open := func() {
		require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.OrderPage .Course`)))
		click(t, ctx, `.Task .answer`)
		require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.AnswerSurvey .Q`)))
	}
	open()
	require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles(`.AnswerSurvey .SurveyPhotos input[type=file]`, photoFiles(t, 1), chromedp.ByQuery)))
	until(t, ctx, "the photo is shown", `document.querySelector('.AnswerSurvey .Photo img')?.naturalWidth > 0`)
	until(t, ctx, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	shots(t, ctx, "survey-desk-phone")
	until(t, ctx, "a thumb finds how it is closed", `(r => r.width >= 44 && r.height >= 44 && r.right <= 390)(document.querySelector('.Sheet .head [aria-label="Close"]').getBoundingClientRect())`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Sheet .head [aria-label="Close"]`), chromedp.WaitNotPresent(`.Sheet`)))
	open()
	says(t, ctx, ".AnswerSurvey [role=status]", "1 photo was chosen before this tab was closed")
	until(t, ctx, "it is asked for again", `!document.querySelector('.AnswerSurvey .Photo')`)
	accessible(t, ctx, "a photo that is gone")
}

// TestPortalWhatIsOnPhonesIsSaid shows photos that are announced, by phone and task, as they come, and lets the office go on without them.
func TestPortalWhatIsOnPhonesIsSaid(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	o := office.Order(rig.JSON{"assignee": crew.Username, "tasks": []rig.JSON{{"name": "Grass cut"}, {"name": "Change lock"}}})
	id, path := o.Text("id"), "/work-orders/"+o.Text("id")
	grass, lock, device := o.Text("tasks", 0, "id"), o.Text("tasks", 1, "id"), uuid.NewString()
	phone := withPhone(t, in, crew, device)
	var uuids []string
	var photos [][]byte
	var rows []rig.JSON
	for n := range uint64(6) {
		uuids, photos = append(uuids, uuid.NewString()), append(photos, rig.JPEG(320, 240, 900+n))
		task, evidence := grass, "before"
		if n >= 2 {
			evidence = "after"
		}
		if n == 5 {
			task = lock
		}
		rows = append(rows, announced(id, uuids[n], photos[n], "task_id", task, "evidence_type", evidence))
	}
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.OrderPage .Course`)))
	until(t, ctx, "nothing is on phones yet", `!document.querySelector(".OnPhone")`)

	// Told of while the screen is looked at, and here one by one; what was refused says why.
	phone.Want(200, "PUT", "/devices/"+device, reportOf(6, nil))
	phone.Want(200, "POST", "/announcements", announcement(device, rows...))
	says(t, ctx, ".OnPhone", "6 photos taken, on the phone of "+crew.Username)
	says(t, ctx, ".OnPhone .of", "2 before, 3 after")
	says(t, ctx, ".Task", "5 still on a phone")
	require.Equal(t, 422, bring(phone, id, uuids[0], photos[1]).Status)
	says(t, ctx, ".OnPhone", "was refused")
	require.Equal(t, 201, bring(phone, id, uuids[0], photos[0]).Status)
	says(t, ctx, ".OnPhone", "5 photos taken")
	says(t, ctx, ".sec .quiet", "1 photo here, 5 still on a phone")
	accessible(t, ctx, "photos on a phone")
	shots(t, ctx, "order-on-phones")

	// Completed by the crew: the office is told what approving without them means, and takes it back by one key.
	phone.Want(200, "POST", path+"/complete", nil)
	says(t, ctx, ".Awaited", "5 photos are still on phones.")
	says(t, ctx, ".Awaited", "what comes then waits for a look")
	until(t, ctx, "the button says so", `[...document.querySelectorAll(".OrderPage > .head button")].some(b => b.innerText.includes("Approve without them"))`)
	accessible(t, ctx, "an order that awaits photos")
	shots(t, ctx, "order-awaits")
	require.NoError(t, chromedp.Run(ctx, press("a")))
	says(t, ctx, ".Order-head .Mark", "Approved")
	require.NoError(t, chromedp.Run(ctx, press("u")))
	says(t, ctx, ".Order-head .Mark", "Completed")

	// In the review the server refuses to forget them, and the way on stands beside it.
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id+"/review"), chromedp.WaitVisible(`.PhotoGrid .Tile, .Tile`), chromedp.Click(`//div[@class="head"]//button[contains(., "Approve the order")]`, chromedp.BySearch)))
	says(t, ctx, ".Banner[role=alert]", "5 photos of this work order are still on phones")
	accessible(t, ctx, "a review that awaits photos")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[normalize-space(.)="Approve without them"]`, chromedp.BySearch)))
	office.AwaitState(id, "approved")

	// Published without them: said before, and what comes then waits.
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id+"/publish"), chromedp.WaitVisible(`.Publish .Awaited`)))
	says(t, ctx, ".Awaited", "what comes then waits for a look")
	accessible(t, ctx, "publishing without what is on phones")
	shots(t, ctx, "publish-awaits")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[contains(., "Publish without them")]`, chromedp.BySearch)))
	office.AwaitState(id, "published")

	// The phone is given up: the order says what is lost.
	office.Want(200, "POST", "/devices/"+device+"/write-off", nil)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.OnPhone[data-lost]`)))
	says(t, ctx, ".OnPhone", "5 photos are lost")
	until(t, ctx, "nothing is awaited", `!document.querySelector(".Awaited")`)
	accessible(t, ctx, "photos that are lost")
	shots(t, ctx, "order-lost")
}

// TestPortalAPhoneThatKeepsPhotosIsLookedAtAndWrittenOff goes from what the home screen says to the phone, and gives it up.
func TestPortalAPhoneThatKeepsPhotosIsLookedAtAndWrittenOff(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/settings/phones"), chromedp.WaitVisible(`.set-main .Empty`)))
	accessible(t, ctx, "no phone yet")
	shots(t, ctx, "settings-phones-none")

	crew, fresh := office.Colleague("crew"), office.Colleague("crew")
	order := office.Order(rig.JSON{"assignee": crew.Username}).Text("id")
	device := uuid.NewString()
	phone := withPhone(t, in, crew, device)
	fresh.Want(200, "PUT", "/devices/"+device, reportOf(2, now())) // on the same phone
	phone.Want(200, "PUT", "/devices/"+device, reportOf(3, time.Now().Add(-26*time.Hour).UTC().Format(time.RFC3339)))
	first, photo := uuid.NewString(), rig.JPEG(60, 40, 1)
	phone.Want(200, "POST", "/announcements", announcement(device, announced(order, first, photo), announced(order, uuid.NewString(), rig.JPEG(60, 40, 2)), announced(order, uuid.NewString(), rig.JPEG(60, 40, 3))))
	require.Equal(t, 422, bring(phone, order, first, rig.JPEG(60, 40, 4)).Status)
	says(t, ctx, ".phones", "3 photos")
	says(t, ctx, ".phones", "1 was refused")

	// What has waited for a day stands on the home screen, with the way to it.
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/"), chromedp.WaitVisible(`a[href="/settings/phones/`+device+`?user=`+crew.Username+`"]`)))
	says(t, ctx, ".Needs", "phone has kept something for a day or longer")
	says(t, ctx, ".Needs", crew.Username+" since")
	accessible(t, ctx, "home, with a phone that keeps photos")
	shots(t, ctx, "home-phone")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`a[href="/settings/phones/`+device+`?user=`+crew.Username+`"]`), chromedp.WaitVisible(`.Sheet .DeliveryList`)))
	says(t, ctx, ".Sheet", "Pixel 8")
	says(t, ctx, ".Sheet .DeliveryList", "3 photos on it")
	says(t, ctx, ".Sheet .DeliveryList", "was refused")
	accessible(t, ctx, "a phone")
	shots(t, ctx, "settings-phone")

	// Written off: said before what it does, and done.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Sheet .foot .danger`), chromedp.WaitVisible(`[role=alertdialog]`)))
	says(t, ctx, "[role=alertdialog]", "3 photos that are on it count as lost, and each order says so.")
	says(t, ctx, "[role=alertdialog]", crew.Username+" is signed out on it.")
	accessible(t, ctx, "the question before a phone is written off")
	shots(t, ctx, "settings-phone-write-off")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`[role=alertdialog] .danger`), chromedp.WaitNotPresent(`[role=alertdialog]`)))
	says(t, ctx, ".Sheet .Banner", office.Username+" wrote this phone off")
	says(t, ctx, ".Sheet .DeliveryList", "3 lost")
	phone.Want(401, "GET", "/sync", nil)
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Sheet`)))
	says(t, ctx, ".phones tr.off", "Written off")
	shots(t, ctx, "settings-phones")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/"), chromedp.WaitVisible(`.Home .calm`)))
	until(t, ctx, "home has forgotten it", `!document.body.innerText.includes("for a day or longer")`)
}

// TestPortalOrdersWhosePhotosAreOnAPhoneAreApprovedWithoutThem has two orders await more photos than a page of them holds.
func TestPortalOrdersWhosePhotosAreOnAPhoneAreApprovedWithoutThem(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	device := uuid.NewString()
	phone := withPhone(t, in, crew, device)
	phone.Want(200, "PUT", "/devices/"+device, reportOf(260, now()))
	var orders []string
	for n, photos := range []int{60, 200} {
		order := office.Order(rig.JSON{"assignee": crew.Username}).Text("id")
		var rows []rig.JSON
		for i := range photos {
			rows = append(rows, announced(order, uuid.NewString(), []byte{byte(n), byte(i)}))
		}
		phone.Want(200, "POST", "/announcements", announcement(device, rows...))
		do(crew, order, "complete")
		orders = append(orders, order)
	}
	still := office.Order(nil).Text("id")
	ctx := signedIn(t, in, office, false)
	run := func(actions ...chromedp.Action) { t.Helper(); require.NoError(t, chromedp.Run(ctx, actions...)) }
	run(chromedp.Navigate(in.URL+"/settings/phones/"+device), chromedp.WaitVisible(`.Sheet .DeliveryList`))
	says(t, ctx, ".Sheet .DeliveryList", "200 photos on it")
	run(chromedp.Click(`//*[contains(@class, "Sheet")]//button[normalize-space(.) = "More"]`, chromedp.BySearch))
	says(t, ctx, ".Sheet .DeliveryList", "60 photos on it")
	until(t, ctx, "that is all", `![...document.querySelectorAll(".Sheet button")].some(b => b.innerText.trim() === "More")`)

	run(chromedp.Navigate(in.URL+"/orders?state=completed"), chromedp.WaitVisible(`[role=grid] [aria-rowindex="3"] .code`), chromedp.Focus(`[role=grid] [aria-rowindex="2"]`),
		chromedp.KeyEvent("a", chromedp.KeyModifiers(input.ModifierCtrl)), chromedp.WaitVisible(`.SelectionBar`), press("a"))
	says(t, ctx, ".Toast", "2 refused")
	run(chromedp.Click(`.Toast a[href^="/orders?refused="]`), chromedp.WaitVisible(`[role=grid] .why`))
	says(t, ctx, "[role=grid] .why", "still on phones")
	accessible(t, ctx, "orders that await photos")
	shots(t, ctx, "orders-refused-awaited")
	run(chromedp.Click(`//button[contains(., "Approve 2 orders without what is on phones")]`, chromedp.BySearch))
	for _, order := range orders {
		office.AwaitState(order, "approved")
	}
	require.Equal(t, "created", office.Want(200, "GET", "/work-orders/"+still, nil).Text("state"))
}

// TestPortalASurveyIsTriedAsOnThePhone imports a survey, tries it, gives it a new revision, and refuses what is none.
func TestPortalASurveyIsTriedAsOnThePhone(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	ctx := signedIn(t, in, office, false)
	file := func(name string, content any) string {
		path := filepath.Join(t.TempDir(), name)
		text, err := json.Marshal(content)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		return path
	}
	office.Want(204, "DELETE", "/surveys/"+office.Want(200, "GET", "/surveys", nil).Text("items", 0, "id"), nil) // the sample of a new account
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/settings/surveys"), chromedp.WaitVisible(`.set-main .Empty`)))
	says(t, ctx, ".set-main .Empty", "Import a template")
	accessible(t, ctx, "no survey yet")
	shots(t, ctx, "settings-surveys-none")
	require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles(`.set-title input[type=file]`, []string{file("no-survey.json", rig.JSON{"meta": rig.JSON{}}), file("occupancy.json", everyQuestion())}, chromedp.ByQuery)))
	says(t, ctx, ".set-main [role=alert]", "no-survey.json: meta.surveyTemplateId")
	says(t, ctx, ".set-table td:nth-child(2)", "9")
	accessible(t, ctx, "the surveys")
	shots(t, ctx, "settings-surveys-one")

	// Tried: triggers open, what is left is shown, nothing is sent.
	question := func(name string) string { return `.Phone .Q[id$="-` + name + `"]` }
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.set-table .open`), chromedp.WaitVisible(question("vacant"))))
	until(t, ctx, "it has the sizes of a phone", `document.querySelector('`+question("vacant")+` .Opt').getBoundingClientRect().height >= 48`)
	click(t, ctx, question("vacant")+` .Opt:nth-child(2) input`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(question("who"))))
	click(t, ctx, question("front")+` .shots .Button`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[normalize-space(.)="What is left"]`, chromedp.BySearch)))
	says(t, ctx, question("who"), "Needs an answer")
	says(t, ctx, question("front"), "Needs 2 photos and has 1")
	accessible(t, ctx, "a survey as on the phone")
	shots(t, ctx, "settings-survey")

	changed := everyQuestion()
	changed["questions"] = append(changed["questions"].([]rig.JSON), rig.JSON{"id": "gate", "question": "Is the gate closed?", "answerType": "yesNo"})
	require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles(`.Sheet .foot input[type=file]`, []string{file("next.json", changed)}, chromedp.ByQuery), chromedp.WaitVisible(question("gate"))))
	require.Equal(t, 2.0, office.Want(200, "GET", "/surveys", nil).Get("items", 0, "revision"))

	// Where which policy wins.
	office.Want(201, "POST", "/work-types", rig.JSON{"name": "Winterizing", "qa_policy": "auto_publish"})
	office.Want(201, "POST", "/integrations", rig.JSON{"client_code": "MSV", "name": "Meridian", "kind": "push", "qa_policy": "auto_relay"})
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Sheet`), chromedp.Click(`a[href="/settings/policy"]`), chromedp.WaitVisible(`table.levels a`)))
	says(t, ctx, "table.levels", "Publish on completion on the orders that it makes")
	says(t, ctx, "table.levels", "Pass on each item at once wins over the account")
	says(t, ctx, "table.levels", "Office review, then publish, for all the others")
	accessible(t, ctx, "which policy wins")
	shots(t, ctx, "settings-policy-levels")
}
