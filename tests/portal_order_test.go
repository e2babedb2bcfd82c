package tests

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// click clicks what a selector finds, by the page itself: what is under a toast is clicked too.
func click(t *testing.T, ctx context.Context, selector string) {
	t.Helper()
	quoted, err := json.Marshal(selector)
	require.NoError(t, err)
	until(t, ctx, "there is "+selector, `document.querySelector(`+string(quoted)+`)`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(`+string(quoted)+`).click()`, nil)))
}

// says waits until a part of the page holds some words.
func says(t *testing.T, ctx context.Context, selector, words string) {
	t.Helper()
	quoted, err := json.Marshal([]string{selector, words})
	require.NoError(t, err)
	until(t, ctx, selector+" says "+words, `((s, w) => [...document.querySelectorAll(s)].some(e => (e.innerText + " " + (e.getAttribute("aria-label") ?? "")).includes(w)))(...`+string(quoted)+`)`)
}

// photoFiles are photos in a folder, as a camera's card has them.
func photoFiles(t *testing.T, n int) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		path := filepath.Join(dir, string(rune('a'+i))+".jpg")
		require.NoError(t, os.WriteFile(path, rig.JPEG(640, 480, uint64(700+i)), 0o600))
		paths = append(paths, path)
	}
	return paths
}

func TestPortalAnOrderIsDoneOnItsScreen(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	o := office.Order(rig.JSON{
		"due_date": "2026-12-04", "client_code": "Tarrow <b>&</b>", "work_order_info": "Key box on the meter, code 0417",
		"instructions": `<p>Close the gate.</p><img src="https://example.com/spy.gif" alt="spy"><script>document.title = "taken"</script><ul><li>Every room</li></ul>`,
		"tasks":        []rig.JSON{{"name": "Grass cut, front and back", "required_photos": rig.JSON{"before": 1, "after": 2}}, {"name": "Change lock"}},
	})
	id := o.Text("id")
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.OrderPage .Course`)))
	says(t, ctx, "h1", "12 Oak Street, Round Rock")
	says(t, ctx, ".Task", "3 missing")
	until(t, ctx, "rich text brings no picture and no script", `!document.querySelector(".rich img, .rich script") && document.title !== "taken"`)
	accessible(t, ctx, "a new order")
	shots(t, ctx, "order-new")

	// Assigned by keys, taken back, and done again.
	require.NoError(t, chromedp.Run(ctx, press("s"), // its character arrives in the field too, as no keyboard's would
		chromedp.WaitVisible(`.Assign input`), chromedp.Evaluate(`document.querySelector(".Assign input").select()`, nil), chromedp.SendKeys(`.Assign input`, crew.Username)))
	until(t, ctx, "the crew is found", `document.querySelectorAll(".Assign [role=option]").length === 1`)
	accessible(t, ctx, "whom to assign")
	shots(t, ctx, "order-assign")
	require.NoError(t, chromedp.Run(ctx, press(kb.Enter)))
	says(t, ctx, ".Order-head .Mark", "Assigned")
	require.Equal(t, crew.Username, office.AwaitState(id, "assigned").Text("assignee"))
	require.NoError(t, chromedp.Run(ctx, press("u")))
	says(t, ctx, ".Order-head .Mark", "Created")
	require.NoError(t, chromedp.Run(ctx, press("U")))
	says(t, ctx, ".Order-head .Mark", "Assigned")

	// What is missing is said in the server's words.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[contains(., "Complete, 3 missing")]`)))
	says(t, ctx, ".problem [role=alert]", "needs 2 after photos")
	accessible(t, ctx, "what is missing")
	shots(t, ctx, "order-missing")

	// Photos from the desk: chosen, said what they show, sent; each arrives once.
	files := photoFiles(t, 3)
	send := func(evidence string, paths ...string) {
		click(t, ctx, `.Task .ends button[aria-label^="Add photos to Grass"]`)
		require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`#add-photos`), chromedp.SetUploadFiles(`#add-photos input[type=file]`, paths, chromedp.ByQuery),
			chromedp.SetValue(`#add-photos .Field:last-of-type select`, evidence, chromedp.ByQuery),
			chromedp.Evaluate(`document.querySelector("#add-photos .Field:last-of-type select").dispatchEvent(new Event("change", {bubbles: true})); 0`, nil)))
		until(t, ctx, "the files are chosen", `!document.querySelector("button[form=add-photos]").disabled`)
		if evidence == "before" {
			accessible(t, ctx, "photos to add")
			shots(t, ctx, "order-upload")
		}
		click(t, ctx, `button[form=add-photos]`)
	}
	send("before", files[0])
	says(t, ctx, ".Task", "2 missing")
	send("after", files[1], files[2])
	until(t, ctx, "all photos are there", `document.querySelectorAll(".Task .strip .Photo img").length === 3 && !document.querySelector(".Task .lack")`)
	until(t, ctx, "the first upload moved the order", `document.querySelector(".Order-head .Mark").innerText.includes("In progress") || document.querySelector(".Order-head .Mark").innerText.includes("Assigned")`)

	// A photo tells where it is.
	click(t, ctx, `.Task .strip .Photo`)
	says(t, ctx, ".Sheet .History", "Arrived here")
	until(t, ctx, "the picture shows", `document.querySelector(".Sheet .Room img")?.naturalWidth > 0`)
	accessible(t, ctx, "a photo")
	shots(t, ctx, "order-photo")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Sheet`)))

	// A field is changed where it stands; what somebody else did meanwhile is shown beside it.
	require.NoError(t, chromedp.Run(ctx, press("d"), chromedp.WaitVisible(`[data-fact=due_date] input[type=date]`)))
	office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"due_date": "2026-12-11"})
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`(i => { i.value = "2026-12-09"; i.dispatchEvent(new Event("input", {bubbles: true})); })(document.querySelector("[data-fact=due_date] input")); 0`, nil),
		chromedp.Focus(`[data-fact=due_date] input`), press(kb.Enter)))
	says(t, ctx, "[data-fact=due_date] [role=alert]", office.Username+" changed")
	accessible(t, ctx, "two changes of one field")
	shots(t, ctx, "order-meanwhile")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//*[@data-fact="due_date"]//button[.="Put mine"]`)))
	says(t, ctx, ".Order-head", "Dec 9")
	says(t, ctx, ".History", "changed Due")
	require.Equal(t, "2026-12-09", office.Want(200, "GET", "/work-orders/"+id, nil).Text("due_date"))

	// Completed, approved, taken back by one key, approved again, sent back with words.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//div[@class="head"]//button[contains(., "Complete")]`)))
	says(t, ctx, ".Order-head .Mark", "Completed")
	require.NoError(t, chromedp.Run(ctx, press("a")))
	says(t, ctx, ".Order-head .Mark", "Approved")
	require.NoError(t, chromedp.Run(ctx, press("u")))
	says(t, ctx, ".Order-head .Mark", "Completed")
	shots(t, ctx, "order-completed")
	require.NoError(t, chromedp.Run(ctx, press("r"), chromedp.WaitVisible(`#send-back textarea`)))
	says(t, ctx, ".Sheet", crew.Username)
	accessible(t, ctx, "sending back")
	shots(t, ctx, "order-send-back")
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector("#send-back textarea").select()`, nil), chromedp.SendKeys(`#send-back textarea`, "The back gate is missing.")))
	click(t, ctx, `button[form=send-back]`)
	says(t, ctx, ".Order-head .Mark", "Assigned")
	says(t, ctx, ".History", "The back gate is missing.")

	// A note; and in Spanish.
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.note textarea`, "Called the client <i>twice</i>"), chromedp.Click(`.note button`)))
	says(t, ctx, ".notes", "Called the client <i>twice</i>")
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`localStorage.setItem("PARAGLIDE_LOCALE", "es"); document.cookie = "PARAGLIDE_LOCALE=es; path=/"; 0`, nil), chromedp.Reload(), chromedp.WaitVisible(`.OrderPage .Course`)))
	says(t, ctx, ".sec h2", "¿Lo recibió el cliente?")
	shots(t, ctx, "order-es")
}

func TestPortalAnOrderSaysWhetherTheClientGotIt(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	crew := office.Colleague("crew")
	o := office.Order(rig.JSON{"work_order_info": "Key box, code 0417", "description": "Call Tarrow first"})
	id, task := o.Text("id"), o.Text("tasks", 0, "id")
	office.Upload(id, rig.JPEG(640, 480, 31), "task_id", task, "evidence_type", "before", "taken_at", now())
	office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": crew.Username})
	office.AwaitState(id, "in_progress")

	// The crew on a phone: theirs alone, and nothing of the office.
	phone := signedIn(t, in, crew, true)
	require.NoError(t, chromedp.Run(phone, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.OrderPage .Course`)))
	until(t, phone, "the photo is there or said not to be theirs", `document.querySelector(".Task")`)
	until(t, phone, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	until(t, phone, "nothing of the office", `!document.querySelector(".got, .notes, .edit") && !document.body.innerText.includes("Call Tarrow first")`)
	accessible(t, phone, "the order on a phone")
	shots(t, phone, "order-phone")

	// The office completes it elsewhere: the screen of the crew follows by itself.
	for _, step := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+id+"/"+step, nil)
	}
	says(t, phone, ".Order-head .Mark", "Published")

	link := office.Want(201, "POST", "/work-orders/"+id+"/links", rig.JSON{}).Text("url")
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.OrderPage .Course`)))
	says(t, ctx, ".got", "Opened by no one yet")
	visitor := browse(t, false)
	require.NoError(t, chromedp.Run(visitor, chromedp.Navigate(link), chromedp.WaitVisible(`a[data-photo]`)))
	require.NoError(t, chromedp.Run(ctx, chromedp.Reload()))
	says(t, ctx, ".got", "opened once")
	accessible(t, ctx, "a published order")
	shots(t, ctx, "order-published")

	// An order that is not there says so.
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/nowhere"), chromedp.WaitVisible(`.Empty`)))
	accessible(t, ctx, "no order")
}
