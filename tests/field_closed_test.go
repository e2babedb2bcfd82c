package tests

import (
	"testing"

	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestFieldWhatWaitsIsSentWithTheAppClosed: the browser wakes the service worker when the line is back, and that one reads its
// sender from what was installed.
func TestFieldWhatWaitsIsSentWithTheAppClosed(t *testing.T) {
	longer(t)
	t.Parallel()
	p, office, _, order := atWork(t, nil)
	id := order.Text("id")
	registered := make(chan serviceworker.RegistrationID, 16)
	chromedp.ListenTarget(p.ctx, func(e any) {
		if told, is := e.(*serviceworker.EventWorkerRegistrationUpdated); is {
			for _, r := range told.Registrations {
				select {
				case registered <- r.RegistrationID:
				default:
				}
			}
		}
	})
	p.run(serviceworker.Enable())
	registration := <-registered
	p.line.Away(true)
	p.shoot(id, 2)
	taken := p.items()
	require.Len(t, taken, 2)
	p.run(chromedp.Navigate("about:blank"), serviceworker.StopAllWorkers())
	p.line.Away(false)
	seen := office.Want(200, "GET", "/devices", nil).Text("items", 0, "seen_at")
	p.run(serviceworker.DispatchSyncEvent(p.at, registration, "send", false))
	office.Await("the photos", func() bool { return len(arrivedAt(office, id)) == 2 })
	require.ElementsMatch(t, shas(taken), arrivedAt(office, id))
	office.Await("the worker's word of it", func() bool {
		phone := office.Want(200, "GET", "/devices", nil)
		return phone.Text("items", 0, "seen_at") > seen && phone.Get("items", 0, "waiting", "photos") == 0.0
	})
	p.visit("/queue")
	p.says(".Sum", "Everything is safe")
}
