package tests

import (
	"reflect"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestPortalSettingsBringPeopleIn(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	ctx := signedIn(t, in, office, false)
	button := func(text string) string { return `//button[contains(normalize-space(.), "` + text + `")]` }

	require.NoError(t, chromedp.Run(ctx, press("g"), press("s"), chromedp.WaitVisible(button("New user"), chromedp.BySearch)))
	until(t, ctx, "the users stand there", `document.querySelector(".set-table tbody tr")`)
	accessible(t, ctx, "the users")
	shots(t, ctx, "settings-users")

	// A name that is taken is refused beside its field, and nothing typed is lost.

	require.NoError(t, chromedp.Run(ctx, chromedp.Click(button("New user"), chromedp.BySearch), chromedp.WaitVisible(`.Sheet form`),
		chromedp.SendKeys(`.Sheet form .Field:nth-child(1) input`, "Dana <b>Okafor</b>"), chromedp.SendKeys(`.Sheet form .Field:nth-child(2) input`, office.Username+kb.Enter),
		chromedp.WaitVisible(`.Sheet .Field:nth-child(2) .wrong`)))
	accessible(t, ctx, "a username that is taken")
	shots(t, ctx, "settings-user-refused")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.Sheet form .Field:nth-child(2) input`, "-crew"+kb.Enter),
		chromedp.WaitVisible(`.Sheet .Secret code`), chromedp.WaitVisible(`.Sheet svg.QR`)))
	until(t, ctx, "a crew's invitation leads to the field app", `document.querySelector(".Sheet .Secret code").textContent.includes("/field/invitation#")`)
	accessible(t, ctx, "an invitation")
	shots(t, ctx, "settings-invitation")
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Sheet`)))
	until(t, ctx, "who was invited stands in the list", `document.querySelector(".set-table").textContent.includes("Dana <b>Okafor</b>")`)

	// What a role may do changes by a tick, and U takes it back.
	box := `input[aria-label="Crew: Assign orders"]`
	may := func() bool {
		for _, p := range office.Want(200, "GET", "/roles/crew", nil).List("privileges") {
			if p == "assign_orders" {
				return true
			}
		}
		return false
	}
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`a[href="/settings/roles"]`), chromedp.WaitVisible(box)))
	accessible(t, ctx, "the roles")
	shots(t, ctx, "settings-roles")
	require.NoError(t, chromedp.Run(ctx, chromedp.Focus(box), press(" ")))
	office.Await("the crew may assign", may)
	until(t, ctx, "it is said, with Undo", `document.querySelector("[data-sonner-toast]")?.textContent.includes("Undo")`)
	require.NoError(t, chromedp.Run(ctx, press("u")))
	office.Await("and no longer", func() bool { return !may() })

	for _, section := range []string{"account", "policy", "audit", "work-types", "surveys", "reasons", "integrations", "share", "destinations", "downloader", "tokens"} {
		require.NoError(t, chromedp.Run(ctx, chromedp.Click(`a[href="/settings/`+section+`"]`), chromedp.WaitVisible(`a[href="/settings/`+section+`"][aria-current]`), chromedp.WaitVisible(`.set-main h2`)))
		until(t, ctx, section+" is here", `!document.querySelector(".set-wait")`)
		accessible(t, ctx, section)
		shots(t, ctx, "settings-"+section)
	}
}

// TestPortalAClientGetsALanguage names a client and a language in the account's settings, and takes the client away again; then
// it chooses how distances are read.
func TestPortalAClientGetsALanguage(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	ctx := signedIn(t, in, office, false)
	have := func(what string, languages map[string]any) {
		t.Helper()
		office.Await(what, func() bool {
			return reflect.DeepEqual(office.Want(200, "GET", "/account", nil).Get("client_languages"), languages)
		})
	}
	add, save := `//button[normalize-space(.)="Another client"]`, `.set-form button[type=submit]`
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/settings/account"), chromedp.WaitVisible(add, chromedp.BySearch), chromedp.Click(add, chromedp.BySearch),
		chromedp.SendKeys(`.Paths input`, " ACME"), chromedp.Click(add, chromedp.BySearch), chromedp.SendKeys(`.Paths li:nth-child(2) input`, "acme"), chromedp.Click(save)))
	says(t, ctx, ".Paths li:nth-child(2) .wrong", "twice")
	accessible(t, ctx, "a client that is there twice")
	shots(t, ctx, "settings-client-twice")
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(`.Paths li:nth-child(2) input`, " West"), chromedp.Click(save)))
	have("both clients", map[string]any{"ACME": "es", "acme West": "es"})
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`button[aria-label="Take the client ACME away"]`), chromedp.Click(save)))
	have("one is left", map[string]any{"acme West": "es"})
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.activeElement.blur()`, nil), press("u")))
	have("and both again", map[string]any{"ACME": "es", "acme West": "es"})

	units := `//label[.="Distances"]/following-sibling::select`
	require.NoError(t, chromedp.Run(ctx, chromedp.SendKeys(units, "Feet", chromedp.BySearch), chromedp.Click(save)))
	office.Await("feet and miles", func() bool { return office.Want(200, "GET", "/account", nil).Text("units") == "imperial" })
}

func TestPortalSettingsOfWhatIsOutside(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	receiver := rig.NewReceiver()
	t.Cleanup(receiver.Close)
	ctx := signedIn(t, in, office, false)

	// A push integration: its address is shown once, and another one on demand.
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/settings/integrations"), chromedp.WaitVisible(`.set-title .Button.primary`), chromedp.Click(`.set-title .Button.primary`),
		chromedp.WaitVisible(`.Sheet form`), chromedp.SendKeys(`.Sheet form .Field:nth-child(2) input`, "MSV"), chromedp.SendKeys(`.Sheet form .Field:nth-child(3) input`, "Meridian"+kb.Enter),
		chromedp.WaitVisible(`.Secret code`)))
	var first, second string
	require.NoError(t, chromedp.Run(ctx, chromedp.Text(`.Secret code`, &first)))
	accessible(t, ctx, "an integration")
	shots(t, ctx, "settings-integration")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[normalize-space(.)="New push key"]`, chromedp.BySearch), chromedp.WaitVisible(`[role=alertdialog]`)))
	accessible(t, ctx, "the question before a new key")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`[role=alertdialog] .Button.danger`), chromedp.WaitNotPresent(`[role=alertdialog]`)))
	require.NoError(t, chromedp.Run(ctx, chromedp.Text(`.Secret code`, &second)))
	require.NotEqual(t, first, second)

	// A web-hook: its secret, its test, and what was sent, sent again.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`a[href="/settings/destinations"]`), chromedp.WaitVisible(`a[href="/settings/destinations"][aria-current]`),
		chromedp.Click(`.set-title .Button.primary`), chromedp.WaitVisible(`.Sheet form`),
		chromedp.SendKeys(`.Sheet form .Field:nth-child(2) input`, "Results"), chromedp.SendKeys(`.Sheet form .Field:nth-child(4) input`, receiver.URL+kb.Enter), chromedp.WaitVisible(`.Secret code`)))
	until(t, ctx, "the secret is shown", `document.querySelector(".Secret code").textContent.startsWith("whsec_")`)
	accessible(t, ctx, "a destination")
	shots(t, ctx, "settings-destination")
	office.Order(nil)
	office.Await("the order is told", func() bool { return len(receiver.Events()) > 0 })
	require.NoError(t, chromedp.Run(ctx, chromedp.Reload(), chromedp.WaitVisible(`table.Log tbody button`)))
	until(t, ctx, "the secret is not shown again", `!document.querySelector(".Secret")`)
	before := len(receiver.Events())
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`table.Log tbody button`)))
	office.Await("it is sent again", func() bool { return len(receiver.Events()) > before })
	until(t, ctx, "the toast stands still", `[...document.querySelectorAll("[data-sonner-toast]")].every(e => getComputedStyle(e).opacity === "1")`)
	accessible(t, ctx, "what was sent")
	shots(t, ctx, "settings-sent")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`table.Log summary`), chromedp.WaitVisible(`table.Log details[open] pre`)))
	accessible(t, ctx, "one message with what it held")

	// A place: for one integration, in two folders, with where a real order's photos will lie.
	o := office.Order(nil)
	office.Upload(o.Text("id"), rig.JPEG(640, 480, 3), "task_id", o.Text("tasks", 0, "id"), "evidence_type", "after")
	integration := office.Want(200, "GET", "/integrations", nil).Text("items", 0, "id")
	path := "desk-" + uuid.NewString()[:8]
	place := office.Want(201, "POST", "/destinations", rig.JSON{"kind": "folder", "name": "Results on disk", "settings": rig.JSON{"path": path}}).Text("id")
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/settings/destinations/"+place), chromedp.WaitVisible(`.set-files li`),
		chromedp.SetValue(`.set-form select`, integration), chromedp.Evaluate(`document.querySelector(".set-form select").dispatchEvent(new Event("change", {bubbles: true})); 0`, nil),
		chromedp.Click(`//button[normalize-space(.)="Another folder"]`, chromedp.BySearch), chromedp.WaitVisible(`.Paths input`), chromedp.SendKeys(`.Paths input`, path+"-by-client"), chromedp.SendKeys(`.Paths .Field:nth-child(2) input`, "Client/Project")))
	accessible(t, ctx, "a place")
	shots(t, ctx, "settings-place")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.set-form button[type=submit]`)))
	says(t, ctx, ".set-files", path+"-by-client/")
	kept := office.Want(200, "GET", "/destinations/"+place, nil)
	require.Equal(t, []any{integration, "Client/Project"}, []any{kept.Text("scope", "integration_id"), kept.Text("settings", "more_paths", 0, "template")})

	// The downloader's command bears its token once.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`a[href="/settings/downloader"]`), chromedp.WaitVisible(`.Secret code`)))
	says(t, ctx, ".Secret code", "--token TOKEN --to results --watch")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.set-form button[type=submit]`)))
	until(t, ctx, "the token stands in the command", `!document.querySelector(".Secret code").textContent.includes("TOKEN")`)
	accessible(t, ctx, "the downloader")
	shots(t, ctx, "settings-downloader")
}

// TestPortalANewKeyOfAnotherFirmIsTrusted has a firm sign with a key that none of its known ones vouches for.
func TestPortalANewKeyOfAnotherFirmIsTrusted(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
	l := link(t, office, vendor, "ACME", "")
	var lost []string
	for _, table := range []string{"chain_entries", "signing_keys", "chains"} {
		lost = append(lost, "DELETE FROM "+table+" WHERE account_id = (SELECT account_id FROM share_links WHERE id = ?)")
	}
	inDatabase(t, in, []any{l.in}, lost...)
	vendor.Want(200, "POST", "/share-links/"+l.in+"/test", nil)
	key, _ := office.Want(200, "GET", "/share-links/"+l.out, nil).Get("asks", "keys", 0).(string)
	require.NotEmpty(t, key)
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/settings/share"), chromedp.WaitVisible(`.set-table`)))
	says(t, ctx, ".set-table", "a key that none of its known keys vouches for")
	accessible(t, ctx, "a key that is new")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[contains(., "Trust the new key")]`, chromedp.BySearch), chromedp.WaitVisible(`[role=alertdialog]`)))
	says(t, ctx, "[role=alertdialog]", key)
	accessible(t, ctx, "the question before a key is trusted")
	shots(t, ctx, "settings-share-key")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`[role=alertdialog] .primary`), chromedp.WaitNotPresent(`[role=alertdialog]`)))
	until(t, ctx, "nothing is asked any more", `!document.querySelector(".set-table").innerText.includes("vouches")`)
	require.Nil(t, office.Want(200, "GET", "/share-links/"+l.out, nil).Get("asks"))
}
