package tests

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestPortalPublishesAndShowsWhatArrives(t *testing.T) {
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
	accessible(t, ctx, "before it is published")
	shots(t, ctx, "publish")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Publish .Segments button:nth-child(2)`), chromedp.WaitVisible(`.pub-choice img`)))
	accessible(t, ctx, "a choice of photos")
	shots(t, ctx, "publish-choice")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Publish .Segments button:nth-child(1)`), chromedp.Click(`.pub-foot .Button.primary`)))
	until(t, ctx, "what arrived is shown", `document.querySelector(".DeliveryList .Mark.good")`)
	require.NotEmpty(t, receiver.OfOrder(order, "item.published"))
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`//button[normalize-space(.)="Make a link"]`, chromedp.BySearch), chromedp.WaitVisible(`.Secret code`), chromedp.WaitVisible(`svg.QR`)))
	accessible(t, ctx, "published, with a link")
	shots(t, ctx, "published")

	// What happened at the address is found there.
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.Rail a[href="/properties"]`), chromedp.WaitVisible(`.prop-body .set-table a`)))
	accessible(t, ctx, "the properties")
	shots(t, ctx, "properties")
	require.NoError(t, chromedp.Run(ctx, chromedp.Click(`.prop-body .set-table a`), chromedp.WaitVisible(`.prop-visits button`), chromedp.Click(`.prop-visits button`), chromedp.WaitVisible(`.prop-photos img`)))
	accessible(t, ctx, "a property")
	shots(t, ctx, "property")

	phone := signedIn(t, in, office, true)
	for _, at := range []string{"/settings/users", "/orders/" + order + "/publish", "/properties"} {
		require.NoError(t, chromedp.Run(phone, chromedp.Navigate(in.URL+at), chromedp.WaitVisible(`h1`)))
		until(t, phone, at+" is here", `!document.querySelector(".set-wait") && document.querySelector(".set-table, .dest")`)
		until(t, phone, "nothing is wider than the phone", `document.documentElement.scrollWidth <= 390`)
		accessible(t, phone, at+" on a phone")
		shots(t, phone, "phone"+map[string]string{"/settings/users": "-users", "/properties": "-properties"}[at])
	}
}
