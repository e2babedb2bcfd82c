package tests

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestFieldSigningOutWarnsByCountAndWhatOnePersonTookGoesUnderTheirName has two people share a phone.
func TestFieldSigningOutWarnsByCountAndWhatOnePersonTookGoesUnderTheirName(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, crew, order := atWork(t, rig.JSON{"work_order_info": "Key box, code 0417", "tasks": []rig.JSON{{"name": "Lawn"}}}, running(shifts))
	other := office.Colleague("crew")
	id := order.Text("id")
	theirs := office.Order(rig.JSON{"assignee": other.Username, "tasks": []rig.JSON{{"name": "Roof"}}, "address": rig.JSON{"address1": "7 Elm Street", "city": "Round Rock", "state": "TX", "zip": "78664"}}).Text("id")

	// With nothing unsent nobody is warned: see below. With two photos and a note it says how much stays behind.
	p.line.Away(true)
	p.shoot(id, 2)
	p.visit("/orders/" + id)
	p.fill(`.CreateNote textarea`, "The gate was locked.")
	p.tap(`.CreateNote button`, "Keep the note")
	p.says(".Notes li", "on this phone")
	p.visit("/menu")
	p.tap(`.out button.danger`, "Sign out")
	p.says("dialog h2", "3 things are only on this phone")
	p.seen("leaving")
	p.tap(`dialog a`, "See what waits")
	p.says(".big-n", "3")
	p.visit("/menu")
	p.tap(`.out button.danger`, "Sign out")
	p.tap(`dialog button`, "Cancel")
	p.until("one is still in", `!document.querySelector("dialog[open]") && document.querySelector(".out button.danger")`)
	p.tap(`.out button.danger`, "Sign out")
	p.tap(`dialog button.danger`, "Sign out all the same")
	p.says("h1", "Sign in")
	require.Len(t, p.items(), 2)
	require.NotContains(t, asText(t, p.rows("orders")), "0417")
	require.NotContains(t, asText(t, p.rows("orders")), "12 Oak Street")

	// Somebody else on that phone sees how much waits, and nothing of what. Their own goes under their name.
	p.line.Away(false)
	taken := p.items()
	p.signIn(other)
	p.says(".Row", "7 Elm Street")
	p.visit("/queue")
	p.says(".Banner", "2 of other people wait on this phone")
	p.says(".Sum", "All of yours is safe")
	p.until("nothing of what it is", `!document.querySelector("main").innerText.includes("Lawn") && !document.querySelector("main img")`)
	p.seen("queue-of-others")
	p.still("/menu", ".facts", "2 photos wait here until their person signs in")
	p.visit("/photo/" + fmt.Sprint(taken[0]["uuid"]))
	p.says("main", "This photo is not on this phone any more.")
	p.shoot(theirs, 1)
	own := p.awaitItems(1, "safe")
	require.Equal(t, shas(own), arrivedAt(office, theirs))
	require.Empty(t, arrivedAt(office, id), "nobody sends it for another")

	// With nothing unsent of one's own nobody is warned.
	p.visit("/menu")
	p.tap(`.out button.danger`, "Sign out")
	p.says("h1", "Sign in")
	p.signIn(crew)
	p.says(".Row", "12 Oak Street")
	p.awaitItems(3, "safe")
	require.ElementsMatch(t, shas(taken), arrivedAt(office, id))
	for _, photo := range photosAt(office, id) {
		require.Equal(t, crew.Username, photo["uploaded_by"])
	}
	require.Len(t, photosAt(office, theirs), 1)
	office.Await("the note", func() bool {
		return len(office.Want(200, "GET", "/work-orders/"+id+"/comments", nil).List("items")) == 1
	})
}
