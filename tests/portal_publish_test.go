package tests

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestPortalPublishesAndShowsWhatArrives(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	office := rig.SignUp(t, in.URL)
	receiver := rig.NewReceiver()
	t.Cleanup(receiver.Close)
	office.Want(201, "POST", "/destinations", rig.JSON{"kind": "webhook", "name": "Meridian's system", "settings": rig.JSON{"url": receiver.URL}})
	o := office.Order(nil)
	order, task := o.Text("id"), o.Text("tasks", 0, "id")
	for n := range uint64(2) {
		office.Upload(order, rig.JPEG(800, 600, n+1), "task_id", task, "evidence_type", "after", "taken_at", now())
	}
	office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": office.Username})
	office.AwaitState(order, "in_progress")
	for _, step := range []string{"complete", "approve"} {
		office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
	}
	ctx := signedIn(t, in, office, false)
	require.NoError(t, chromedp.Run(ctx, chromedp.Navigate(in.URL+"/orders/"+order+"/publish"), chromedp.WaitVisible(`.dest`)))
	says(t, ctx, ".dest .get", "gets 2 of 2")
	accessible(t, ctx, "before it is published")
	shots(t, ctx, "publish")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Publish .Segments button:nth-child(2)`), chromedp.WaitVisible(`.PhotoChoice img`), chromedp.Click(`.PhotoChoice .shot`)))
	says(t, ctx, ".dest .get", "gets 1 of 1")
	accessible(t, ctx, "a choice of photos")
	shots(t, ctx, "publish-choice")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Publish .Segments button:nth-child(1)`), chromedp.Click(`.pub-foot .Button.primary`)))
	until(t, ctx, "what arrived is shown", `document.querySelector(".DeliveryList .Mark.good")`)
	require.NotEmpty(t, receiver.OfOrder(order, "item.published"))
	says(t, ctx, ".dest .get", "has everything")
	until(t, ctx, "the toast lies above the button", `((a, b) => a && b && a.getBoundingClientRect().bottom <= b.getBoundingClientRect().top)(document.querySelector("[data-sonner-toast]"), document.querySelector(".pub-foot .Button"))`)
	shots(t, ctx, "published")

	// A link of a chosen photo, with a password and an end, by a code too; what it shows is what was chosen.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[normalize-space(.)="Make a link"]`, chromedp.BySearch), chromedp.WaitVisible(`#make-link`),
		chromedp.Click(`#make-link .Segments button:nth-child(2)`), chromedp.WaitVisible(`#make-link .PhotoChoice img`), chromedp.Click(`#make-link .shot`),
		chromedp.SendKeys(`#make-link input[type=text]`, "open sesame"), chromedp.Evaluate(`(i => { i.value = "2099-12-31"; i.dispatchEvent(new Event("input", {bubbles: true})); })(document.querySelector("#make-link input[type=date]")); 0`, nil)))
	accessible(t, ctx, "a link to be made")
	shots(t, ctx, "publish-link")
	click(t, ctx, `button[form=make-link]`)
	require.NoError(t, chromedp.Run(ctx, chromedp.WaitVisible(`.Sheet .Secret code`), chromedp.WaitVisible(`.Sheet svg.QR`)))
	accessible(t, ctx, "a link that was made")
	shots(t, ctx, "publish-link-made")
	made := office.Want(200, "GET", "/work-orders/"+order+"/links", nil)
	require.Len(t, made.List("items", 0, "item_ids"), 1)
	require.Equal(t, true, made.Get("items", 0, "has_password"))
	require.NoError(t, chromedp.Run(ctx, press(kb.Escape), chromedp.WaitNotPresent(`.Sheet`)))
	says(t, ctx, ".DeliveryList", "1 chosen item")

	// What happened at the address is found there.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Rail a[href="/properties"]`), chromedp.WaitVisible(`.prop-body .set-table a`)))
	accessible(t, ctx, "the properties")
	shots(t, ctx, "properties")
	require.NoError(t, chromedp.Run(ctx, press("/"), chromedp.SendKeys(`.prop-body input`, "nowhere")))
	says(t, ctx, ".Empty", "nowhere")
	require.NoError(t, chromedp.Run(ctx, chromedp.Evaluate(`document.querySelector(".prop-body input").select()`, nil), chromedp.SendKeys(`.prop-body input`, "oak round"), chromedp.WaitVisible(`.prop-body .set-table a`)))
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.prop-body .set-table a`), chromedp.WaitVisible(`.prop-visits button`), chromedp.Click(`.prop-visits button`), chromedp.WaitVisible(`.prop-photos img`)))
	accessible(t, ctx, "a property")
	shots(t, ctx, "property")

	phone := signedIn(t, in, office, true)
	for _, at := range []string{"/settings/users", "/orders/" + order + "/publish", "/properties"} {
		require.NoError(t, chromedp.Run(phone, chromedp.Navigate(in.URL+at), chromedp.WaitVisible(`h1`)))
		until(t, phone, at+" is here", `!document.querySelector(".set-wait") && document.querySelector(".set-table, .dest")`)
		until(t, phone, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
		until(t, phone, "no word is broken", `[...document.querySelectorAll(".set-table :is(td, th)")].every(c => !c.offsetParent || c.scrollWidth <= c.clientWidth + 1)`)
		accessible(t, phone, at+" on a phone")
		shots(t, phone, "phone"+map[string]string{"/settings/users": "-users", "/properties": "-properties"}[at])
	}
}
