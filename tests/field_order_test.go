package tests

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestFieldAnOrderIsWorkedOnWithoutANetworkAndComesBack(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, rig.JSON{"latitude": property[0], "longitude": property[1], "options": rig.JSON{"check_in_required": true},
		"work_order_info": "Key box, code 0417", "due_date": "2020-05-04", "instructions": "<p>Close the gate. <b>Every room.</b></p><script>document.title = 'taken'</script>",
		"tasks": []rig.JSON{{"name": "Lawn", "instructions": "Front and back.", "required_photos": rig.JSON{"before": 1, "after": 1}}}})
	id := order.Text("id")
	p.says(".Row", "days late")
	p.kept()
	p.line.Away(true)
	p.tap(`.Row`, "12 Oak Street")
	p.says("h2", "12 Oak Street")
	p.says(".rows .Row", "Before 0 of 1")
	p.says(".rich", "Every room.")
	p.until("rich text brings no script", `document.title !== "taken"`)
	p.seen("order")

	// Complete names what is missing, and leads there.
	p.tap(`.Dock button`, "Complete, 3 things missing")
	p.says("dialog", "Lawn: 1 photo more, Before")
	p.says("dialog", "Check in at the property")
	p.seen("order-missing")
	p.tap(`dialog a`, "Before")
	p.until("the camera stands at what is missing", `document.querySelector("[name=kind]:checked")?.value === "before" && document.querySelector("video").videoWidth > 0`)
	p.fire(1)
	p.tap(`.cbtn`, "Close the camera")
	p.tap(`.Dock a`, "Next: After, Lawn")
	p.until("the camera stands at the next", `document.querySelector("[name=kind]:checked")?.value === "after" && document.querySelector("video").videoWidth > 0`)
	p.fire(1)
	p.tap(`.cbtn`, "Close the camera")
	p.says(".rows .Row", "After 1 of 1")
	p.tap(`.Dock button`, "Complete, 1 thing missing")
	p.tap(`dialog button`, "Check in at the property")
	p.says("#check-in", "±")
	p.fill(`.CreateNote textarea`, "The gate was locked.")
	p.tap(`.CreateNote button`, "Keep the note")
	p.says(".Notes li", "on this phone")
	p.tap(`.Dock button`, "Complete")
	p.says(".Dock", "Completed on this phone. The office hears of it as soon as there is a network.")
	p.seen("order-completed-offline")
	p.visit("/queue")
	p.says(".big-n", "5") // two photos, a check-in, a note, that it is complete
	p.says(".Sum", "Photos of today: 0 of 2 safe")
	p.says(".Banner", "No network. It goes on by itself.")
	p.until("it says so once", `document.body.innerText.split("No network").length === 2`)
	p.seen("queue-offline")
	require.Equal(t, "assigned", office.Want(200, "GET", "/work-orders/"+id, nil).Text("state"))

	// The network comes back, and all goes home by itself, each thing with the time at which it was done.
	var did any
	for _, a := range p.rows("actions") {
		if a["kind"] == "check_in" {
			did = a["done_at"]
		}
	}
	p.line.Away(false)
	p.says(".Sum", "Everything is safe")
	p.seen("queue-safe")
	office.AwaitState(id, "completed")
	require.ElementsMatch(t, shas(p.awaitItems(2, "safe")), arrivedAt(office, id))
	checkIn := office.Want(200, "GET", "/work-orders/"+id+"/check-ins", nil)
	require.Len(t, checkIn.List("items"), 1)
	require.InDelta(t, property[0], checkIn.Get("items", 0, "latitude"), 1e-5)
	at, err := time.Parse(time.RFC3339Nano, checkIn.Text("items", 0, "at"))
	require.NoError(t, err)
	require.InDelta(t, did, float64(at.UnixMilli()), 10_000) // the position may take some seconds
	require.Contains(t, string(office.Want(200, "GET", "/work-orders/"+id+"/comments", nil).Body), "The gate was locked.")
	p.visit("/")
	p.says(".group-head", "Completed")
	p.seen("orders-done")

	// Sent back: with picture and reason, a tap from taking it again.
	var rejected string
	for _, photo := range photosAt(office, id) {
		if photo["evidence_type"] == "after" {
			rejected = fmt.Sprint(photo["id"])
		}
	}
	office.Want(200, "PATCH", "/users/"+office.ID, rig.JSON{"name": "Dana Reyes"})
	office.Want(200, "POST", "/work-orders/"+id+"/reject", rig.JSON{"reason": "The gate is blurred.", "item_ids": []string{rejected}})
	p.says(".group-head", "Rework")
	p.tap(`.Row`, "12 Oak Street")
	p.says(".Back", "The gate is blurred.")
	p.says(".Banner.rework", "Sent back by Dana Reyes")
	p.until("with its picture", `document.querySelector(".Back img")?.naturalWidth > 0`)
	p.until("it is told once", `!document.querySelector("main .Banner.ask") && document.querySelector("main").innerText.split("The gate is blurred.").length === 2`)
	p.seen("rework")
	p.tap(`.Back a`, "Take it again")
	p.until("the camera stands there", `document.querySelector("[name=kind]:checked")?.value === "after" && document.querySelector("video").videoWidth > 0`)
	p.fire(1)
	p.tap(`.cbtn`, "Close the camera")
	p.tap(`.Dock button`, "Complete")
	office.AwaitState(id, "completed")
	require.ElementsMatch(t, shas(p.awaitItems(3, "safe")), arrivedAt(office, id)) // the order is complete before its bytes are there
	p.says(".Mark", "Completed")
}

func TestFieldAnOrderThatWasChangedMeanwhileLosesNothing(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, crew, order := atWork(t, rig.JSON{"due_date": "2026-12-04", "tasks": []rig.JSON{{"name": "Lawn", "required_photos": rig.JSON{"after": 1}}}})
	other := office.Colleague("crew")
	cancelled := office.Order(rig.JSON{"assignee": crew.Username, "address": rig.JSON{"address1": "7 Elm Street", "city": "Round Rock", "state": "TX", "zip": "78664"}})
	id := order.Text("id")
	p.says(".Row", "7 Elm Street")
	p.kept()
	p.tap(`.Row`, "12 Oak Street")
	p.says("h2", "12 Oak Street")
	p.until("the first look is told", `!document.querySelector("main .Banner.ask")`)

	// What changed since one last looked is said, until somebody says that they saw it.
	office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"due_date": "2026-12-11", "instructions": "<p>Ring twice.</p>"})
	p.says(".Banner.ask", "Changed since you last looked")
	p.says(".Banner.ask", "New instructions")
	p.seen("changed")
	p.tap(`.Banner.ask button`, "Got it")
	p.until("it is gone", `!document.querySelector(".Banner.ask")`)

	// Two orders are done offline; meanwhile one goes to somebody else, one is cancelled.
	p.line.Away(true)
	for _, one := range []string{id, cancelled.Text("id")} {
		p.shoot(one, 1)
		p.visit("/orders/" + one)
		p.tap(`.Dock button`, "Complete")
		p.says(".Dock", "Completed on this phone")
	}
	office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": other.Username})
	office.Want(200, "POST", "/work-orders/"+cancelled.Text("id")+"/cancel", rig.JSON{"reason": "sold"})
	p.line.Away(false)
	p.visit("/queue")
	p.says(".did.bad", "Complete")
	p.says(".did.bad", "Refused")
	p.seen("queue-conflict")
	p.visit("/orders/" + id)
	p.says("dialog h2", "This order is not yours any more")
	p.says("dialog", "1 photo, taken")
	p.seen("conflict")
	p.tap(`dialog button`, "Send my work")
	p.until("it is settled", `!document.querySelector("dialog[open]") && !document.querySelector("main .Banner.ask")`)
	p.says(".place", "This order is not yours any more")
	p.says(".Dock", "To the orders")
	p.seen("taken-away")
	require.NotContains(t, asText(t, p.rows("orders")), "12 Oak Street")
	p.visit("/orders/" + cancelled.Text("id"))
	p.says("dialog", "be done now")
	p.tap(`dialog button`, "Send my work")
	p.until("it is settled", `!document.querySelector("dialog[open]")`)
	sent := p.awaitItems(2, "safe")
	for _, i := range sent {
		require.Equal(t, []string{fmt.Sprint(i["sha256"])}, arrivedAt(office, fmt.Sprint(i["order_id"])))
	}
	require.Equal(t, "in_progress", office.AwaitState(id, "in_progress").Text("state"), "photos of the first count, their completion does not")
	p.visit("/")
	p.says("main", "No orders for you")
	p.seen("no-orders")
}
