package tests

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// toBeInvited makes a crew member who has no password yet, and the address by which they choose one.
func toBeInvited(office *rig.User) (u *rig.User, link string) {
	office.T.Helper()
	u = &rig.User{T: office.T, URL: office.URL, Username: "crew-" + uuid.NewString()[:12]}
	u.ID = office.Want(201, "POST", "/users", rig.JSON{"username": u.Username, "role": "crew", "name": "Ada Ruiz"}).Text("id")
	return u, office.Want(201, "POST", "/users/"+u.ID+"/invite", nil).Text("url")
}

// pathIn is an address of the installation without what stands before it.
func pathIn(t *testing.T, link string) string {
	t.Helper()
	u, err := url.Parse(link)
	require.NoError(t, err)
	return u.Path + "#" + u.Fragment
}

func TestFieldAnInvitationLeadsInAndTheAppOpensWithoutANetwork(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew, link := toBeInvited(office)
	order := office.Order(rig.JSON{"assignee": crew.Username, "work_order_info": "Key box, code 0417", "due_date": "2026-12-04"})
	p := newPhone(t, in)
	p.goes(fmt.Sprintf("location.assign(%q)", p.at+pathIn(t, link)))
	p.says("h1", "Welcome")
	p.seen("invited")

	// What is too short is refused where it was typed, and uses up nothing.
	p.fill(`input[autocomplete=new-password]`, "short")
	p.tap(`.Welcome form button`, "Start")
	p.until("the browser says that it is too short", `document.querySelector("input[autocomplete=new-password]:invalid")`)
	p.fill(`input[autocomplete=new-password]`, rig.Password)
	p.tap(`.Welcome form button`, "Start")
	p.says("h1", "What the app needs")
	p.until("no secret is left in the address", `location.hash === "" && location.pathname === "/field/welcome"`)
	p.says(".needs", "Allowed")
	p.seen("needs")
	p.tap(`.needs li:last-child button`, "Allow")
	p.until("what the browser said of storage is shown", `document.querySelector(".needs li:last-child .Mark")`)
	p.tap(`.Welcome button.primary`, "Go on")
	p.says("h1", "Put it on your home screen")
	p.seen("install")
	p.tap(`.Welcome button`, "Not now")
	p.says(".Row", "12 Oak Street")
	p.kept()
	p.seen("orders")

	// The link holds once.
	again := (&rig.User{T: t, URL: in.URL}).Do("POST", "/invitations/accept", rig.JSON{"token": strings.SplitN(link, "#", 2)[1], "password": rig.Password, "cookie": false})
	require.Equal(t, 410, again.Status, string(again.Body))
	require.NotEmpty(t, rig.SignIn(t, in.URL, crew.Username, rig.Password).Token)

	// Without a network it opens all the same, says as of when, and the order is there with its code.
	p.line.Away(true)
	p.reload()
	p.says(".Row", "12 Oak Street")
	p.says(".Banner", "No network. You see what was known at")
	p.seen("offline")
	p.tap(`.Row`, "12 Oak Street")
	p.says("h2", "12 Oak Street")
	p.tap(`.place button`, "Show code")
	p.says(".codes", "0417")
	p.seen("order-offline")
	p.visit("/orders/" + order.Text("id"))
	p.says("h2", "12 Oak Street")
	p.line.Away(false)
	p.visit("/menu")
	p.says(".place", "Ada Ruiz")
	p.says(".facts", "Last asked the server")
	p.seen("menu")
	p.visit("/nowhere")
	p.says("main", "There is nothing at this address.")
	p.seen("nowhere")
}

func TestFieldATabThatForgetsSaysSo(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	_, crew, order := crewWithOrder(t, in, nil)
	// Browsers that tell an installed app by navigator.standalone keep its data apart from a tab's.
	p := newPhone(t, in, running(`Object.defineProperty(Navigator.prototype, "standalone", {get: () => false})`))
	p.visit("/")
	p.says("h1", "Put it on your home screen")
	p.says(".Welcome", "forgets photos after a week")
	p.says(".Banner", "Nothing waits in this tab")
	p.seen("tab-forgets")
	p.tap(`.Welcome button`, "work in this tab")
	p.signIn(crew)
	p.tap(`.Welcome button.primary`, "Go on")
	p.visit("/")
	p.says(".Row", "12 Oak Street")
	p.until("what was waved away stays away", `!document.querySelector(".Banner.warn")`)

	// Whoever came in by another way is given no camera before that either.
	other := newPhone(t, in, running(`Object.defineProperty(Navigator.prototype, "standalone", {get: () => false})`))
	office := rig.SignUp(t, in.URL)
	invitee, link := toBeInvited(office)
	theirs := office.Order(rig.JSON{"assignee": invitee.Username})
	other.goes(fmt.Sprintf("location.assign(%q)", other.at+pathIn(t, link)))
	other.fill(`input[autocomplete=new-password]`, rig.Password)
	other.tap(`.Welcome form button`, "Start")
	other.says(".Welcome", "There you sign in anew, as "+invitee.Username)
	other.visit("/orders/" + theirs.Text("id"))
	other.says(".Banner", "Work belongs into the installed app")
	other.visit("/orders/" + theirs.Text("id") + "/camera")
	other.says(".trouble", "Work belongs into the installed app")
	other.until("the camera is off", `!document.querySelector("video").srcObject`)
	other.seen("camera-tab")
	other.tap(`.trouble button`, "Work in this tab all the same")
	other.until("then it is on", `document.querySelector("video").videoWidth > 0 && !document.querySelector(".trouble")`)
	_ = order
}

func TestFieldASessionThatEndedKeepsEverything(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, crew, order := atWork(t, rig.JSON{"work_order_info": "Key box, code 0417"})
	id := order.Text("id")
	p.tap(`.Row`, "12 Oak Street")
	p.line.Away(true)
	p.shoot(id, 2)
	p.visit("/orders/" + id)
	p.fill(`.CreateNote textarea`, "The gate was locked.")
	p.tap(`.CreateNote button`, "Keep the note")
	p.says(".Notes li", "on this phone")

	// The office takes the password back meanwhile.
	office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"password": "another password"})
	p.line.Away(false)
	p.says(".Banner[role=alert], .Banner", "Your session has ended. Nothing is lost")
	p.says(".place", "Access codes show again when you have signed in.")
	p.until("no code can be shown", `!document.querySelector(".codes") && document.querySelector(".two-up button").disabled`)
	p.says(".QueueBadge", "3 only here") // two photos and the note
	p.seen("session-ended")
	require.Len(t, p.items(), 2)
	p.visit("/find")
	p.fill(`#field-find`, "0417")
	p.says("[role=status]", "Nothing on this phone matches.")
	p.visit("/queue")
	p.says(".Banner", "Your session has ended. Nothing is lost")
	p.seen("queue-ended")

	// Without a network, with the session over, it opens all the same; then it goes on after signing in.
	p.line.Away(true)
	p.visit("/orders/" + id)
	p.says("h2", "12 Oak Street")
	p.line.Away(false)
	p.tap(`.Banner a`, "Sign in")
	p.says("h1", "Sign in again")
	p.until("the name is there", `document.querySelector("input[autocomplete=username]").value !== ""`)
	p.seen("sign-in-again")
	p.fill(`input[autocomplete=current-password]`, "wrong password")
	p.tap(`.Welcome form button.primary`)
	p.says(".Banner[role=alert], .Banner", "assword")
	p.fill(`input[autocomplete=current-password]`, "another password")
	p.tap(`.Welcome form button.primary`)
	p.says(".Tabs", "Orders")
	sent := p.awaitItems(2, "safe")
	require.ElementsMatch(t, shas(sent), arrivedAt(office, id))
	office.Await("the note", func() bool {
		return strings.Contains(string(office.Want(200, "GET", "/work-orders/"+id+"/comments", nil).Body), "The gate was locked.")
	})
	p.visit("/orders/" + id)
	p.tap(`.place button`, "Show code")
	p.says(".codes", "0417")
}

func TestFieldWithoutHTTPSSaysThatCamerasNeedIt(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	_, crew, order := crewWithOrder(t, in, nil)
	p := newPhone(t, in, func(p *phone) {
		p.flags = append(p.flags, chromedp.Flag("host-resolver-rules", "MAP phone.example 127.0.0.1"))
		p.at = strings.Replace(p.at, "127.0.0.1", "phone.example", 1)
	})
	p.visit("/")
	p.says(".Banner", "This address is not secure (no HTTPS)")
	p.seen("no-https")
	p.signIn(crew)
	p.tap(`.Welcome button.primary`, "Go on")
	p.visit("/")
	p.says(".Row", "12 Oak Street")
	p.says(".Banner", "This address is not secure")
	p.visit("/orders/" + order.Text("id") + "/camera")
	p.says(".trouble", "This address has no HTTPS")
	p.until("nothing is offered that can't help", `[...document.querySelectorAll(".trouble .Button")].map(b => b.innerText.trim()).join() === "Use the phone's own camera" && document.querySelector(".trouble label.primary")`)
	p.seen("camera-no-https")

	// The phone's own camera works all the same, hashed without the browser's help.
	p.run(chromedp.SetUploadFiles(`.trouble input[type=file]`, photoFiles(t, 1)))
	p.awaitItems(1, "safe")
}
