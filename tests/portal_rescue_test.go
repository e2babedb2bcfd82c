package tests

import (
	"encoding/base64"
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

// drop has the page get files as if a hand had let go of them over what a selector finds.
func drop(t *testing.T, selector string, files map[string][]byte) chromedp.Action {
	t.Helper()
	texts := map[string]string{}
	for name, bytes := range files {
		texts[name] = base64.StdEncoding.EncodeToString(bytes)
	}
	said, err := json.Marshal([]any{selector, texts})
	require.NoError(t, err)
	return chromedp.Evaluate(`((selector, files) => {
		const data = new DataTransfer();
		for (const [name, text] of Object.entries(files))
			data.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name, {type: name.endsWith(".zip") ? "application/zip" : "image/jpeg"}));
		const at = document.querySelector(selector);
		for (const kind of ["dragenter", "dragover", "drop"]) at.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
	})(...`+string(said)+`); 0`, nil)
}

func TestPortalAPhonesRescueFileIsTakenWhereverItIsDropped(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, crew, order := crewWithOrder(t, in, rig.JSON{"work_order_number": "HOME-1"})
	id, seed := order.Text("id"), uint64(time.Now().UnixNano())
	photos := make([][]byte, 4)
	for n := range photos {
		photos[n] = rig.JPEG(640, 480, seed+uint64(n))
	}
	here := crew.Upload(id, photos[2])
	items := []any{
		rescued(id, uuid.NewString(), "photos/1.jpg", photos[0], nil),
		rescued(id, uuid.NewString(), "photos/2.jpg", photos[1], rig.JSON{"sha256": sha(photos[0])}),
		rescued(id, here.Text("uuid"), "photos/3.jpg", photos[2], nil),
		rescued(uuid.NewString(), uuid.NewString(), "photos/4.jpg", photos[3], nil), // of an order that was made on the phone
	}
	actions := []any{rig.JSON{"key": "k", "kind": "complete", "order_id": id, "done_at": time.Now().UnixMilli(), "body": rig.JSON{}}}
	file := func(items, actions []any, files map[string][]byte) []byte {
		return rescueFile(t, rig.JSON{"version": 1, "device": "phone-1", "owner": rig.JSON{"id": crew.ID, "username": crew.Username}, "made_at": now(), "items": items, "actions": actions}, files)
	}
	whole := file(items, actions, map[string][]byte{"photos/1.jpg": photos[0], "photos/2.jpg": photos[1], "photos/3.jpg": photos[2], "photos/4.jpg": photos[3]})

	// On the order, over its drop area: what came in, what was here, what was refused and why.
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.Task`), drop(t, ".Task", map[string][]byte{"phone.zip": whole})))
	says(t, ctx, ".Rescue .Banner", "1 photo came in. 1 was here already. 2 were refused.")
	says(t, ctx, ".Rescue .file", "From the phone of "+crew.Username)
	says(t, ctx, ".Rescue .items .bad", "the file was damaged on its way")
	says(t, ctx, ".Rescue .items li", "An order that is not known here")
	says(t, ctx, ".Rescue .file h4", "Done on the phone, and not told")
	until(t, ctx, "each photo says what became of it", `[...document.querySelectorAll(".Rescue .items .Mark")].map(m => m.innerText.trim()).join() === "Refused,Refused,Came in,Was here"`)
	until(t, ctx, "what is here is shown", `[...document.querySelectorAll(".Rescue .items img")].every(i => i.complete && i.naturalWidth > 0)`)
	until(t, ctx, "nothing is lit any more", `!document.querySelector(".Task.over")`)
	accessible(t, ctx, "what became of a rescue file")
	shots(t, ctx, "rescue")
	require.Len(t, office.Want(200, "GET", "/work-orders/"+id+"/photos", nil).List("items"), 2)

	// Photos of an order that was made on the phone go to the one that is named.
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".Rescue form input").select()`, nil), chromedp.SendKeys(`.Rescue form input`, "NOWHERE-9"+kb.Enter)))
	says(t, ctx, ".Rescue form .wrong", "There is no order NOWHERE-9.")
	accessible(t, ctx, "an order that is not there")
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".Rescue form input").select()`, nil), chromedp.SendKeys(`.Rescue form input`, "home-1"+kb.Enter)))
	says(t, ctx, ".Rescue .Banner", "1 photo came in. 2 were here already. 1 was refused.")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Rescue`)))
	until(t, ctx, "the order shows them by itself", `document.querySelectorAll(".Task .strip .Photo").length === 3`)

	// Brought once more, elsewhere: nothing new. What lies beside it is not taken for photos.
	good := file(items[:1], []any{}, map[string][]byte{"photos/1.jpg": photos[0]})
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/imports"), chromedp.WaitVisible(`main h1`),
		drop(t, "main", map[string][]byte{"phone.zip": good, "beside.jpg": photos[1]})))
	says(t, ctx, ".Rescue .Banner", "Nothing new: its photo was here already.")
	says(t, ctx, ".Rescue .Banner", "1 file is no rescue file and was left out")
	until(t, ctx, "nobody was led away", `location.pathname === "/imports"`)
	shots(t, ctx, "rescue-nothing-new")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Rescue`)))

	// From the list of imports and from the palette, chosen; one that is none is refused in the server's words.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//div[@class="head"]//button[contains(., "rescue file")]`, chromedp.BySearch), chromedp.WaitVisible(`.Rescue .Drop`)))
	accessible(t, ctx, "bringing a rescue file")
	shots(t, ctx, "rescue-empty")
	none := filepath.Join(t.TempDir(), "none.zip")
	require.NoError(t, os.WriteFile(none, []byte("PK\x03\x04 and nothing else"), 0o600))
	require.NoError(t, chromedp.Run(ctx, chromedp.SetUploadFiles(`.Rescue input[type=file]`, []string{none}, chromedp.ByQuery)))
	says(t, ctx, ".Rescue [role=alert]", "This is no rescue file")
	accessible(t, ctx, "a rescue file that is none")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape)))
	until(t, ctx, "the sheet is gone", `!document.querySelector(".Rescue, .scrim")`)
	require.NoError(t, chromedp.Run(ctx, held(input.ModifierCtrl, "k")))
	until(t, ctx, "the palette asks", `document.activeElement.matches(".Palette input")`)
	require.NoError(t, chromedp.Run(ctx, press("rescue")))
	says(t, ctx, ".Palette [role=option]", "Bring in a phone’s rescue file")
	require.NoError(t, chromedp.Run(ctx, press(kb.Enter)))
	until(t, ctx, "the sheet is back", `document.querySelector(".Rescue .Drop")`)

	// The crew, on a phone of theirs that works: theirs alone comes in.
	phone := signedIn(t, in, crew, true)
	mine := rig.JPEG(640, 480, seed+9)
	require.NoError(t, chromedp.Run(phone, chromedp.Navigate(in.URL+"/orders/"+id), chromedp.WaitVisible(`.Task`), chromedp.Evaluate(`document.querySelector(".Task .ends button, .sec button").click()`, nil),
		chromedp.WaitVisible(`#add-photos`), chromedp.Evaluate(`0`, nil)))
	bring := filepath.Join(t.TempDir(), "mine.zip")
	require.NoError(t, os.WriteFile(bring, file([]any{rescued(id, uuid.NewString(), "1.jpg", mine, nil)}, []any{}, map[string][]byte{"1.jpg": mine}), 0o600))
	require.NoError(t, chromedp.Run(phone, chromedp.SetUploadFiles(`#add-photos input[type=file]`, []string{bring}, chromedp.ByQuery)))
	says(t, phone, ".Rescue .Banner", "1 photo came in.")
	until(t, phone, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
	accessible(t, phone, "a rescue file on a phone")
	shots(t, phone, "rescue-phone")
}
