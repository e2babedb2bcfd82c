package tests

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestAStolenPushKeyOfALinkOnlyRings has a thief of a recipient's push key make orders, change some and cancel them.
func TestAStolenPushKeyOfALinkOnlyRings(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		order, theirs := l.sent(t, nil)
		rotated := vendor.Want(200, "POST", "/integrations/"+l.integration+"/rotate-key", rig.JSON{})
		awaitState(vendor, l.in, "ok")
		key := rotated.Text("push_url")
		number := order.Text("work_order_number")
		forged := `{"workOrders":[{"workOrderNumber":"FORGED","address1":"1 Elm Street","city":"Austin","state":"TX","zip":"78701","services":[{"serviceName":"Lawn"}]},
			{"workOrderNumber":"` + number + `","orderId":"` + order.Text("id") + `","orderVersion":"999","status":"CANCELED","address1":"1 Wrong Street","city":"Austin","state":"TX","zip":"78701","workOrderInfo":"","services":[{"serviceName":"Lawn"}]}]}`
		before := vendor.Want(200, "GET", "/work-orders/"+theirs.Text("id"), nil)
		for _, body := range []string{forged, strings.Repeat(" ", 3<<20) + forged} { // a long one would be an import
			a := rig.Send(t, rig.Client, http.MethodPost, key, "application/json", strings.NewReader(body))
			require.Equal(t, []any{200, false, nil}, []any{a.Status, a.Get("response"), a.Get("results")}, "%s", a.Body)
			require.Contains(t, a.Text("error"), "only asks for a fetch")
		}
		require.Empty(t, vendor.Want(200, "GET", "/work-orders?q=FORGED", nil).List("items"))
		require.Empty(t, vendor.Want(200, "GET", "/imports", nil).List("items"))
		require.Contains(t, alerts(vendor), "Somebody tried to push orders by the push key of")
		require.Equal(t, true, rig.Send(t, rig.Client, http.MethodGet, key, "", nil).Get("response"), "all it does is to ring")
		l.resync()
		after := vendor.Want(200, "GET", "/work-orders/"+theirs.Text("id"), nil)
		require.Equal(t, before.JSON, after.JSON)

		// A new key ends it, and the delegator rings by that.
		vendor.Want(200, "POST", "/integrations/"+l.integration+"/rotate-key", rig.JSON{})
		awaitState(vendor, l.in, "ok")
		require.Equal(t, false, rig.Send(t, rig.Client, http.MethodGet, key, "", nil).Get("response"))
		at(vendor, l.given())
	})
}

// TestAnOrderThatCannotBeTakenIsToldToItsDelegator has orders with data that the recipient can't take: whatever it is, both ends
// show why, nothing else of the link stops, and what is put right is taken.
func TestAnOrderThatCannotBeTakenIsToldToItsDelegator(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		refusal := func(order string) func(rig.Answer) bool {
			return func(o rig.Answer) bool { return strings.Contains(o.Text("share", "to", 0, "last_error"), order) }
		}
		taken := func(o rig.Answer) bool { return o.Text("share", "to", 0, "last_error") == "" }

		// One that never came: made by a delegator that asks for less than we do.
		number := uuid.NewString()[:12]
		id := office.Order(rig.JSON{"work_order_number": number}).Text("id")
		inDatabase(t, in, []any{id}, "UPDATE work_orders SET city = '' WHERE id = ?")
		l.assign(id)
		o := awaitAt(office, id, "the refusal", refusal("address.city"))
		require.Equal(t, l.out, o.Text("share", "to", 0, "link_id"))
		require.Contains(t, alerts(office), "does not take "+number)
		require.Contains(t, reasons(office, id), "Not taken: The order can't be taken as it is. address.city")
		require.Contains(t, alerts(vendor), "The order "+number+" of Acme was not taken")
		require.Empty(t, vendor.Want(200, "GET", "/work-orders?q="+number, nil).List("items"))
		at(vendor, l.given()) // nothing else stops

		// The same again is told to nobody; what was forgotten is told again; and what is put right comes.
		shown := l.resync()
		require.Nil(t, shown.Get("mended"), "%s", shown.Body)
		require.Equal(t, 1, strings.Count(reasons(office, id), "Not taken"))
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"address": rig.JSON{"city": "Austin"}})
		theirs := at(vendor, number)
		awaitAt(office, id, "that it is taken after all", taken)
		require.Contains(t, reasons(office, id), "Taken after all")
		require.NotContains(t, alerts(office), "does not take")
		require.NotContains(t, alerts(vendor), "was not taken")

		// A change that can't be taken, of one that is here.
		inDatabase(t, in, []any{id}, "UPDATE tasks SET name = '' WHERE work_order_id = ?")
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"instructions": "<p>Mind the cat.</p>"})
		awaitAt(office, id, "the refusal of the change", refusal("here it stays as it was. tasks[0].name"))
		require.NotContains(t, vendor.Want(200, "GET", "/work-orders/"+theirs.Text("id"), nil).Text("instructions"), "cat")
		office.Want(200, "POST", "/work-orders/"+id+"/unassign", nil)
		awaitAt(vendor, theirs.Text("id"), "that it was taken back", clientStatus("Cancelled"))
		require.NotContains(t, alerts(office), "does not take", "who gives it to nobody needs no alert")
	})
}

// TestWhateverItsNumberAnOrderIsOneOverTwoHops hands orders on whose numbers look alike, or like another's, and has them done.
func TestWhateverItsNumberAnOrderIsOneOverTwoHops(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		below, last := l.vendor, rig.SignUp(t, in.URL)
		onward := link(t, below, last, "VENDOR", "")
		crew := last.Colleague("crew")
		last.Want(200, "PATCH", "/integrations/"+onward.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": crew.Username})
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": onward.login})
		own := strings.ToUpper(uuid.NewString()[:8])
		long := strings.Repeat("N", 192) + own
		type order struct{ number, above string }
		var orders []order
		for _, number := range []string{own, strings.ToLower(own), "ACME::" + own, "acme::" + own, "::" + own, own + "::", "A::B::" + own, own + "__2", long, strings.ToLower(long), long[:197] + "__2", own + " / ü"} {
			made := office.Do("POST", "/work-orders", rig.NewOrder(rig.JSON{"work_order_number": number, "work_order_info": "of " + number, "assignee": l.login}))
			if made.Status == 422 {
				t.Logf("%q: %s", number, made.Body)
				continue
			}
			require.Equal(t, 201, made.Status, "%q: %s", number, made.Body)
			orders = append(orders, order{number, made.Text("id")})
		}
		require.GreaterOrEqual(t, len(orders), 8)
		var came []any
		last.Await("all of them two hops below", func() bool {
			came = last.Want(200, "GET", "/work-orders?limit=200&client_code=VENDOR", nil).List("items")
			return len(came) == len(orders)
		})
		byInfo := map[string]string{}
		for _, o := range came {
			one := rig.Answer{JSON: o.(map[string]any)}
			byInfo[last.Want(200, "GET", "/work-orders/"+one.Text("id"), nil).Text("work_order_info")] = one.Text("id")
		}
		for n, o := range orders {
			id := byInfo["of "+o.number]
			require.NotEmpty(t, id, "%q has its own order below: %v", o.number, byInfo)
			last.AwaitState(id, "assigned")
			photo := crew.Upload(id, rig.JPEG(64, 48, uint64(n)+1), "source", "mobile_camera")
			do(crew, id, "complete")
			office.AwaitState(o.above, "completed")
			office.Await("its photo", func() bool { return len(proof(office, o.above, "sha256")) == 1 })
			require.Equal(t, photo.Get("sha256"), proof(office, o.above, "sha256")[photo.Text("uuid")][0], "%q", o.number)
		}
		for _, u := range []*rig.User{office, vendor, last} {
			require.NotContains(t, alerts(u), "rejected")
		}
	})
}
