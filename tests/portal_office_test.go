package tests

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// onPhone has the page as a phone shows it.
func onPhone() chromedp.Action { return emulation.SetDeviceMetricsOverride(390, 844, 2, true) }

// over writes text in place of what a field holds, key by key.
func over(t *testing.T, ctx context.Context, selector, text string) {
	t.Helper()
	until(t, ctx, "there is "+selector, fmt.Sprintf(`document.querySelector(%q)`, selector))
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(fmt.Sprintf(`(e => { e.focus(); e.select?.(); })(document.querySelector(%q))`, selector), nil), chromedp.KeyEvent(text)))
}

// picked chooses an option of a select, as its own menu would.
func picked(t *testing.T, ctx context.Context, selector, value string) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(
		fmt.Sprintf(`(e => { e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); })(document.querySelector(%q))`, value, selector), nil)))
}

// ctrlEnter sends a form from wherever the focus is.
func ctrlEnter() chromedp.Action {
	return chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(input.ModifierCtrl))
}

func TestTheHomeScreenSaysWhatNeedsAPerson(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	office.Order(rig.JSON{"due_date": "2020-01-02"})
	late := office.Order(rig.JSON{"due_date": "2020-01-03", "assignee": crew.Username})
	ctx := signedIn(t, in, office, false)
	until(t, ctx, "both are late", `[...document.querySelectorAll(".Needs li.bad")].some(l => l.innerText.match(/^2\s+are overdue/))`)
	until(t, ctx, "the sample order and the one that nobody has", `[...document.querySelectorAll(".Needs li")].some(l => l.innerText.match(/^2\s+have nobody assigned/))`)
	until(t, ctx, "the first steps", `document.querySelector(".First li.now")?.innerText.includes("Complete the sample order")`)
	until(t, ctx, "who has how much", fmt.Sprintf(`document.querySelector(".Crews")?.innerText.includes(%q)`, crew.Username))
	accessible(t, ctx, "home")
	shots(t, ctx, "home")

	office.Want(200, "POST", "/work-orders/"+late.Text("id")+"/complete", nil)
	until(t, ctx, "what was completed elsewhere waits for review", `[...document.querySelectorAll(".Needs li.ask")].some(l => l.innerText.match(/^1\s+waits for review/))`)
	until(t, ctx, "and is late no more", `[...document.querySelectorAll(".Needs li.bad")].some(l => l.innerText.match(/^1\s+is overdue/))`)
	require.NoError(t, chromedp.Run(ctx, onPhone()))
	accessible(t, ctx, "home on a phone")
	shots(t, ctx, "home-phone")
	require.NoError(t, chromedp.Run(ctx, emulation.ClearDeviceMetricsOverride(), press("j")))
	until(t, ctx, "J goes to the gravest first", `document.activeElement.matches(".Needs li.bad a")`)
	require.NoError(t, chromedp.Run(ctx, press(kb.Enter)))
	until(t, ctx, "and Enter shows them", `location.pathname === "/orders" && location.search.includes("due_to=")`)
}

func TestTheCrewsHomeShowsTheirsAlone(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	office.Order(rig.JSON{"assignee": crew.Username})
	office.Order(nil)
	ctx := signedIn(t, in, crew, true)
	until(t, ctx, "the one that they have", `[...document.querySelectorAll(".Needs li")].some(l => l.innerText.match(/^1\s+is assigned to you/))`)
	until(t, ctx, "nothing of the office", `!document.querySelector(".Charts") && !document.querySelector(".First") && !document.body.innerText.includes("nobody assigned")`)
	accessible(t, ctx, "the crew's home on a phone")
	shots(t, ctx, "home-crew")
}

func TestThePortalMakesAnOrderByHand(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	before := office.Order(rig.JSON{"address": rig.JSON{"address1": "77 Bluestem Drive", "city": "Leander", "state": "TX", "zip": "78641"}})
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, press("c"), chromedp.WaitVisible(`#new-order`)))
	over(t, ctx, `#new-order .pair input`, before.Text("work_order_number"))
	over(t, ctx, `#new-order [role=combobox]`, "77 Blue")
	until(t, ctx, "the property is suggested", `document.querySelector(".known [role=option]")?.innerText.includes("77 Bluestem Drive, Leander")`)
	accessible(t, ctx, "a suggestion")
	require.NoError(t, chromedp.Run(ctx, press(kb.ArrowDown, kb.Enter)))
	until(t, ctx, "taking it fills in the rest", `[...document.querySelectorAll("#new-order .three input")].map(i => i.value).join() === "Leander,TX,78641"`)
	picked(t, ctx, "#new-order select", "Sample: lawn cut")
	until(t, ctx, "what the work type fills in is shown", `document.querySelector(".Create aside").innerText.includes("Exterior inspection")`)
	require.NoError(t, chromedp.Run(ctx, ctrlEnter()))
	until(t, ctx, "the number is taken: it says so at the field", `document.querySelector("#new-order .pair input[aria-invalid=true]") || document.querySelector("#new-order [role=alert]")`)
	accessible(t, ctx, "a refused order")
	shots(t, ctx, "create")
	require.NoError(t, chromedp.Run(ctx, onPhone()))
	accessible(t, ctx, "a new order on a phone")
	shots(t, ctx, "create-phone")
	number := "H-" + uuid.NewString()[:8]
	require.NoError(t, chromedp.Run(ctx, emulation.ClearDeviceMetricsOverride()))
	over(t, ctx, `#new-order .pair input`, number)
	require.NoError(t, chromedp.Run(ctx, ctrlEnter()))
	until(t, ctx, "it opens", `location.pathname.match(/^\/orders\/(?!new)/)`)
	made := byNumber(office, number)
	require.Equal(t, []any{"Leander", 3}, []any{made.Get("address", "city"), len(made.List("tasks"))}, "the address was taken over, the work type gave its tasks")
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.activeElement?.blur()`, nil), press("u")))
	office.Await("U takes it back", func() bool { return office.Do("GET", "/work-orders/"+made.Text("id"), nil).Status == 404 })
}

func TestThePortalImportsASpreadsheet(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	run := uuid.NewString()[:6]
	file := filepath.Join(t.TempDir(), "orders.csv")
	require.NoError(t, os.WriteFile(file, table(
		[]string{"WO #", "Address 1", "City", "State", "ZIP", "Due Date", "Tasks", "Gate"},
		[]string{run + "-1", "1 Elm Street", "Round Rock", "TX", "78664", "6/1/2030", "Inspection", "=1+1"},
		[]string{run + "-2", "2 Elm Street", "Round Rock", "TX", "78664", "soon", "Inspection", "<b>east</b>"},
		[]string{run + "-3", "3 Elm Street", "Round Rock", "TX", "78664", "6/3/2030", "Inspection", "مرحبا"}), 0o600))
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, press("g"), press("i")))
	until(t, ctx, "nothing was imported yet", `document.querySelector("main .Empty")`)
	accessible(t, ctx, "no imports")
	shots(t, ctx, "imports-none")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`main .head .primary`), chromedp.WaitVisible(`.Drop`)))
	accessible(t, ctx, "where a file is dropped")
	shots(t, ctx, "import-file")
	require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles(`main input[type=file]`, []string{file}), chromedp.WaitVisible(`.Map`)))
	if mapped := `document.querySelector('select[aria-label^="WO #"]').value`; !holds(t, ctx, mapped+` === "work_order_number"`) {
		picked(t, ctx, `select[aria-label^="WO #"]`, "work_order_number")
	}
	until(t, ctx, "the whole file was tried", `document.querySelector(".Outcome")?.innerText.replace(/\s+/g, " ").includes("2 new 0 change 0 same 1 rejected") && document.querySelector(".Mend")`)
	require.Len(t, office.Want(200, "GET", "/work-orders", nil).List("items"), 1, "and nothing is saved")
	accessible(t, ctx, "before the import")
	shots(t, ctx, "import-check")
	require.NoError(t, chromedp.Run(ctx, onPhone()))
	accessible(t, ctx, "before the import, on a phone")
	shots(t, ctx, "import-check-phone")
	require.NoError(t, chromedp.Run(ctx, emulation.ClearDeviceMetricsOverride()))
	over(t, ctx, `.Mend [aria-invalid=true]`, "6/2/2030")
	require.NoError(t, chromedp.Run(ctx, ctrlEnter()))
	until(t, ctx, "it is imported", `location.pathname.match(/^\/imports\/(?!new)/) && document.querySelector(".Outcome")?.innerText.replace(/\s+/g, " ").includes("2 new 0 change 0 same 1 rejected")`)
	until(t, ctx, "what was mended before came along", `[...document.querySelectorAll(".Mend input")].some(i => i.value === "6/2/2030")`)
	accessible(t, ctx, "what became of it")
	shots(t, ctx, "import-done")
	first, err := pathOf(ctx)
	require.NoError(t, err)
	require.NoError(t, chromedp.Run(ctx, ctrlEnter()))
	until(t, ctx, "the mended row comes in", fmt.Sprintf(`location.pathname !== %q && document.querySelector(".calm")?.innerText.startsWith("Every row is in.")`, first))
	require.Equal(t, "2030-06-02", byNumber(office, run+"-2").Text("due_date"))
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape)))
	until(t, ctx, "both stand in the list", `document.querySelectorAll(".Imports tbody tr").length === 2`)
	accessible(t, ctx, "the imports")
	shots(t, ctx, "imports")
}

func TestThePortalSignsUpAndTakesAnInvitation(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	ctx := browse(t, true)
	uncomplaining(t, ctx)
	name := "owner-" + uuid.NewString()[:8]
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/sign-up"), chromedp.WaitVisible(`input[autocomplete=organization]`)))
	accessible(t, ctx, "the sign-up")
	shots(t, ctx, "sign-up")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`input[autocomplete=organization]`, "Bluestem & Söhne"), chromedp.SendKeys(`input[autocomplete=username]`, name),
		chromedp.SendKeys(`input[autocomplete=new-password]`, rig.Password+kb.Enter), chromedp.WaitVisible(`.First`)))
	until(t, ctx, "they are at home, in their own account", `location.pathname === "/" && document.querySelector(".First li.now")`)

	owner := rig.SignIn(t, in.URL, name, rig.Password)
	guest := "staff-" + uuid.NewString()[:8]
	id := owner.Want(201, "POST", "/users", rig.JSON{"username": guest, "password": rig.Password, "role": "staff"}).Text("id")
	url := owner.Want(201, "POST", "/users/"+id+"/invite", nil).Text("url")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url), chromedp.WaitVisible(`input[autocomplete=new-password]`)))
	accessible(t, ctx, "an invitation")
	shots(t, ctx, "invitation")
	over(t, ctx, `.Entry .Field:nth-of-type(1) input`, "a better password")
	over(t, ctx, `.Entry .Field:nth-of-type(2) input`, "a better password"+kb.Enter)
	until(t, ctx, "who was invited is in, whoever was before", `location.pathname === "/" && !location.hash && document.querySelector(".Needs")`)
	rig.SignIn(t, in.URL, guest, "a better password")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate("about:blank"), chromedp.Navigate(url), chromedp.WaitVisible(`.Entry`)))
	over(t, ctx, `.Entry .Field:nth-of-type(1) input`, "another password")
	over(t, ctx, `.Entry .Field:nth-of-type(2) input`, "another password"+kb.Enter)
	until(t, ctx, "an invitation holds once", `document.querySelector(".Entry [role=alert]")?.innerText.includes("ask the office for a new one")`)
}

// holds tells whether something is true on the page now.
func holds(t *testing.T, ctx context.Context, expression string) (is bool) {
	t.Helper()
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate("Boolean("+expression+")", &is)))
	return is
}

func pathOf(ctx context.Context) (path string, err error) {
	err = chromedp.Run(ctx, chromedp.Evaluate(`location.pathname`, &path))
	return path, err
}
