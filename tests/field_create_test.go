package tests

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestFieldAnOrderAndATaskAreMadeWithoutANetwork(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("staff") // a crew makes no orders
	office.Want(201, "POST", "/work-types", rig.JSON{"name": "Grass cut", "tasks": []rig.JSON{{"name": "Lawn", "required_photos": rig.JSON{"after": 1}}}})
	assigned := office.Order(rig.JSON{"assignee": crew.Username})
	there := assigned.Text("id")
	p := newPhone(t, in)
	p.enter(crew)
	p.says(".Row", "12 Oak Street")
	p.kept()
	p.visit("/orders/new") // work types are asked for with their tasks here
	p.until("they are on the phone", `document.querySelector("#create-order select option[value='Grass cut']")`)
	p.seen("create")
	p.line.Away(true)
	p.reload()
	p.until("also without a network", `document.querySelector("#create-order select option[value='Grass cut']")`)

	// What is missing is named where it is missing.
	p.tap(`.Dock button`, "Create the order")
	p.says(".Field .wrong", "This is needed")
	p.seen("create-missing")
	number := "F-" + uuid.NewString()[:8]
	inputs := `#create-order .Field:nth-of-type(%d) input`
	p.fill(fmt.Sprintf(inputs, 1), number)
	picked(t, p.ctx, `#create-order select`, "Grass cut")
	p.says(".Field .help", "Brings: Lawn")
	for n, text := range map[int]string{3: "7 Elm Street", 5: "Round Rock"} {
		p.fill(fmt.Sprintf(inputs, n), text)
	}
	p.fill(`#create-order .pair .Field:nth-child(1) input`, "TX")
	p.fill(`#create-order .pair .Field:nth-child(2) input`, "78664")
	p.tap(`.Dock button`, "Create the order")
	p.says("h2", "7 Elm Street")
	p.says(".said", "Created on this phone; the office does not know it yet.")
	p.seen("order-local")

	// It is worked on at once; a task is added to it, and to one of the office's.
	p.tap(`.Dock a`, "Next: After, Lawn")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(1)
	p.tap(`.cbtn`, "Close the camera")
	p.addTask("Debris")
	p.tap(`.rows .Row`, "Debris")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(1)
	p.visit("/orders/" + there)
	p.says("h2", "12 Oak Street")
	p.addTask("Debris")
	p.tap(`.rows .Row`, "Debris")
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(1)
	p.tap(`.Shots label`, "Inspection")
	p.fire(1)
	p.visit("/queue")
	p.says(".Queue .state", "Waits for its order")
	p.seen("queue-hangs")

	// Its number is taken meanwhile: what hangs on it waits for it alone, and goes with its new number.
	office.Order(rig.JSON{"work_order_number": number})
	p.line.Away(false)
	p.awaitItems(2, "safe")
	require.Len(t, p.awaitItems(2, "kept"), 2)
	p.says(".did.bad", "number")
	p.seen("queue-number-taken")
	p.tap(`.did.bad a`)
	p.says("dialog h2", "The number "+number+" is taken")
	p.seen("number-taken")
	p.fill(`dialog input`, number+"-B")
	p.tap(`dialog button`, "Send again")
	p.awaitItems(4, "safe")
	made := at(office, number+"-B")
	require.Equal(t, []any{crew.Username, "Grass cut"}, []any{made.Get("assignee"), made.Get("work_type")})
	names := map[string]string{}
	for n := range made.List("tasks") {
		names[made.Text("tasks", n, "name")] = made.Text("tasks", n, "id")
	}
	require.Len(t, names, 2)
	var of []any
	for _, photo := range photosAt(office, made.Text("id")) {
		of = append(of, photo["task_id"])
	}
	require.ElementsMatch(t, []any{names["Lawn"], names["Debris"]}, of)
	require.Len(t, photosAt(office, there), 2)
	p.visit("/")
	p.says(".Row", "7 Elm Street")
	p.tap(`.Row`, "7 Elm Street")
	p.until("it is known to the server", `!document.querySelector(".said")`)
}

// addTask adds a task to the order that is open.
func (p *phone) addTask(name string) {
	p.t.Helper()
	p.tap(`.Forms button`, "Add a task")
	p.tap(`dialog button`, "Add a task")
	p.says("dialog .wrong", "Give the task a name")
	p.fill(`dialog input`, name)
	p.seen("add-task")
	p.tap(`dialog button`, "Add a task")
	p.says(".rows .Row", name)
}
