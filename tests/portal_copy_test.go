package tests

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestPortalCopiesByHandWhereBrowsersLendNoClipboard: at an address without TLS every button that copies shows its text, chosen.
func TestPortalCopiesByHandWhereBrowsersLendNoClipboard(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	o := office.Order(nil)
	photo := office.Upload(o.Text("id"), rig.JPEG(320, 240, 5))
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		_, err := page.AddScriptToEvaluateOnNewDocument(`Object.defineProperty(Navigator.prototype, "clipboard", {get: () => undefined})`).Do(ctx)
		return err
	})))
	shown := func(what, text string) {
		t.Helper()
		until(t, ctx, what+" is shown, chosen", `(f => f && f === document.activeElement && f.value === `+text+` && f.selectionStart === 0 && f.selectionEnd === f.value.length)(document.querySelector(".CopyByHand textarea"))`)
		accessible(t, ctx, what)
		require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.CopyByHand`)))
	}
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+o.Text("id")), chromedp.WaitVisible(`.Task .strip .Photo`), press("y")))
	shown("the address of the screen", `location.href`)
	click(t, ctx, `.Task .strip .Photo`)
	until(t, ctx, "the photo's sheet", `[...document.querySelectorAll(".Sheet button")].some(b => b.textContent === "Copy its UUID")`)
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`[...document.querySelectorAll(".Sheet button")].find(b => b.textContent === "Copy its UUID").click()`, nil)))
	shots(t, ctx, "copy-by-hand")
	shown("the photo's uuid", `"`+photo.Text("uuid")+`"`)
	until(t, ctx, "the sheet stays", `document.querySelector(".Sheet")`)
}
