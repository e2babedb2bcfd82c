package tests

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// everyKind is a survey with a question of each kind, in sections, with a trigger and required photos.
func everyKind(id string) rig.JSON {
	return rig.JSON{"meta": rig.JSON{"surveyTemplateId": id, "name": "Inspection"}, "questions": []rig.JSON{
		{"type": "section", "question": "Occupancy", "questions": []rig.JSON{
			{"id": "vacant", "question": "Is it vacant?", "answerType": "yesNo", "required": true, "triggers": []rig.JSON{{"answer": "No", "enable": []string{"who"}}}},
			{"id": "who", "question": "Who lives there?", "answerType": "text", "required": true, "hint": "As on the letter box"}}},
		{"type": "section", "question": "Building", "questions": []rig.JSON{
			{"id": "rooms", "question": "How many rooms?", "answerType": "number", "required": true, "unit": "rooms", "validation": rig.JSON{"min": 1, "max": 20}},
			{"id": "seen", "question": "Seen on", "answerType": "date", "required": true},
			{"id": "roof", "question": "The roof is", "answerType": "select", "answerOptions": []string{"Good", "Bad"}, "required": true},
			{"id": "systems", "question": "What is on?", "answerType": "multiSelect", "answerOptions": []string{"Water", "Gas", "Power"}},
			{"id": "words", "question": "Anything else", "answerType": "longText"},
			{"id": "meter", "question": "The meter's number", "answerType": "barcode"},
			{"id": "front", "question": "The front", "answerType": "picture", "pictureMin": 2, "required": true},
			{"id": "signed", "question": "Signature", "answerType": "signature", "required": true}}},
	}}
}

// question is the selector of a survey's question.
func question(id string) string { return fmt.Sprintf(`.Q[id$="-%s"]`, id) }

// draw draws on what a selector finds with a finger.
func (p *phone) draw(selector string) {
	p.t.Helper()
	p.until("there is paper", fmt.Sprintf(`document.querySelector(%q)?.dataset.ready !== undefined`, selector))
	var at []float64
	p.run(chromedp.Evaluate(fmt.Sprintf(`(e => { e.scrollIntoView({block: "center", behavior: "instant"}); const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })(document.querySelector(%q))`, selector), &at))
	spot := func(x, y float64) []*input.TouchPoint {
		return []*input.TouchPoint{{X: at[0] + at[2]*x, Y: at[1] + at[3]*y}}
	}
	p.run(input.DispatchTouchEvent(input.TouchStart, spot(0.2, 0.6)), input.DispatchTouchEvent(input.TouchMove, spot(0.4, 0.3)),
		input.DispatchTouchEvent(input.TouchMove, spot(0.6, 0.7)), input.DispatchTouchEvent(input.TouchMove, spot(0.8, 0.4)), input.DispatchTouchEvent(input.TouchEnd, []*input.TouchPoint{}))
}

func TestFieldASurveyIsAnsweredLeftAndComesBack(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	template := office.Want(201, "POST", "/surveys", everyKind("all"+strings.ReplaceAll(uuid.NewString(), "-", ""))).Text("reference")
	order := office.Order(rig.JSON{"assignee": crew.Username, "tasks": []rig.JSON{{"name": "Condition", "kind": "survey", "survey_id": template}}})
	id, task := order.Text("id"), order.Text("tasks", 0, "id")
	p := newPhone(t, in)
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()
	p.line.Away(true)
	p.tap(`.Row`, "12 Oak Street")
	p.tap(`.Dock a`, "Next: Condition")
	p.says(".meter", "0 of 9 answered")
	p.until("what no trigger opened is not asked", `!document.querySelector('`+question("who")+`')`)
	p.seen("survey")

	// Validation as one goes, saved at every keystroke.
	p.tap(question("vacant")+` label`, "No")
	p.until("the trigger opens its question", `document.querySelector('`+question("who")+`')`)
	p.fill(question("rooms")+` input`, "99")
	p.tap(question("systems")+` label`, "Gas")
	p.says(question("rooms"), "At most 20")
	p.seen("survey-wrong")
	p.fill(question("rooms")+` input`, "12")
	p.fill(question("who")+` input`, "The owner's so")
	p.saved()

	// Killed in the middle of a word: it is where one was, to the letter.
	p.crash()
	p.visit("/orders/" + id + "/survey/" + task)
	p.until("to the letter", `document.querySelector('`+question("who")+` input')?.value === "The owner's so"`)
	p.until("all of it", `document.querySelector('`+question("rooms")+` input').value === "12" && document.querySelector('`+question("systems")+` input:checked')`)
	p.fill(question("who")+` input`, "The owner's son")
	p.fill(question("words")+` textarea`, "Ring twice.\nThe dog is old.")
	p.run(chromedp.Evaluate(`(i => { i.value = "2026-05-04"; i.dispatchEvent(new Event("input", {bubbles: true})); })(document.querySelector('`+question("seen")+` input')); 0`, nil))
	p.tap(question("roof")+` label`, "Bad")
	p.fill(question("meter")+` input`, "0417-22")

	// What is missing is named, and one is led there; photos are taken for their question, and one is back at it.
	p.tap(`.Dock button`, "missing")
	p.says(question("front"), "Needs 2 photos and has 0")
	p.seen("survey-missing")
	p.tap(question("front")+` a`, "Take 2 photos")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(2)
	p.tap(`.cbtn`, "Close the camera")
	p.until("back at the question with its photos", `document.querySelectorAll('`+question("front")+` img').length === 2`)
	p.until("which is in sight", `(r => r.top < innerHeight && r.bottom > 0)(document.querySelector('`+question("front")+`').getBoundingClientRect())`)
	p.draw(question("signed") + ` canvas`)
	p.until("it is signed", `document.querySelector('`+question("signed")+` canvas').getAttribute("aria-label") === "Signature: signed"`)
	p.says(".meter", "10 of 10 answered")
	p.seen("survey-done")
	p.saved()
	p.reload()
	p.says(".meter", "10 of 10 answered")
	p.until("also what was drawn", `document.querySelector('`+question("signed")+` canvas')?.getAttribute("aria-label") === "Signature: signed"`)
	p.tap(`.Dock button`, "Hand in")
	p.says(".rows .Row", "Answered")
	p.tap(`.Dock button`, "Complete")
	p.says(".Dock", "Completed on this phone")
	p.line.Away(false)
	office.AwaitState(id, "completed")
	p.awaitItems(3, "safe")
	response := office.Want(200, "GET", "/work-orders/"+id+"/survey-responses", nil)
	require.Len(t, response.List("items"), 1)
	given := map[string]any{}
	for _, a := range response.List("items", 0, "answers") {
		is := a.(map[string]any)
		given[fmt.Sprint(is["id"])] = is["answer"]
	}
	require.Equal(t, map[string]any{"vacant": "No", "who": "The owner's son", "rooms": "12", "seen": "2026-05-04", "roof": "Bad", "systems": []any{"Gas"},
		"words": "Ring twice.\nThe dog is old.", "meter": "0417-22", "front": nil, "signed": "Signed"}, given)

	// Sent back, it comes with its answers, and is answered anew.
	office.Want(200, "POST", "/work-orders/"+id+"/reject", rig.JSON{"reason": "Count the rooms again."})
	p.visit("/")
	p.says(".group-head", "Rework")
	p.tap(`.Row`, "12 Oak Street")
	p.says(".Banner.rework", "Count the rooms again.")
	p.tap(`.rows .Row`, "Condition")
	p.until("its answers came back", `document.querySelector('`+question("rooms")+` input')?.value === "12" && document.querySelectorAll('`+question("front")+` img').length === 2`)
	p.seen("survey-rework")
	p.fill(question("rooms")+` input`, "13")
	p.tap(`.Dock button`, "Hand in")
	p.tap(`.Dock button`, "Complete")
	office.AwaitState(id, "completed")
	office.Await("the answers anew", func() bool {
		return strings.Contains(string(office.Want(200, "GET", "/work-orders/"+id+"/survey-responses", nil).Body), `"13"`)
	})
}

// saved waits until the survey says that it is on the phone.
func (p *phone) saved() {
	p.t.Helper()
	p.until("it is saved", `document.querySelector("[data-saved=true]")`)
}
