package tests

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		below, last := l.vendor, rig.SignUp(t, in.URL)
		onward := link(t, below, last, "VENDOR", "")
		crew := last.Colleague("crew")
		last.Want(200, "PATCH", "/integrations/"+onward.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": crew.Username})
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": onward.login})
		own := "W" + strings.ToUpper(uuid.NewString()[:7]) // with a letter, or its two cases are one number
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

// moody is a delegator that answers as it ought to until it is told to answer otherwise.
type moody struct {
	*httptest.Server
	only string // the service that is answered otherwise; "": all but validate
	mood atomic.Pointer[http.HandlerFunc]
}

// newMoody stands before an installation.
func newMoody(t *testing.T, at string) *moody {
	to, err := url.Parse(at)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &http.Transport{} // what two installations say to each other is held to no document of ours
	m := &moody{}
	m.Server = strange(t, func(w http.ResponseWriter, r *http.Request) {
		service := path.Base(r.URL.Path)
		if mood := m.mood.Load(); mood != nil && service != "validate" && (m.only == "" || m.only == service) {
			(*mood)(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	return m
}

// forever writes more than anybody should read.
func forever(w io.Writer, head string) {
	_, _ = io.WriteString(w, head)
	chunk := strings.Repeat("x", 1<<20)
	for range 1024 {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

// TestAPeerThatGoesMadHurtsNothing has a delegator that is linked answer nonsense to everything but validate, whatever it is
// asked: the link shows it, other links go on, and nothing is lost when it has come to its senses.
func TestAPeerThatGoesMadHurtsNothing(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		var followed atomic.Int64
		inside := strange(t, func(w http.ResponseWriter, _ *http.Request) {
			followed.Add(1)
			rig.Say(w, `{"workOrders":[],"error":"","status":true,"differs":"{}"}`)
		})
		for name, mood := range map[string]http.HandlerFunc{
			"HTML": func(w http.ResponseWriter, _ *http.Request) { rig.Say(w, "<html>It works!</html>") },
			"half a JSON": func(w http.ResponseWriter, _ *http.Request) {
				rig.Say(w, `{"workOrders":[{"workOrderNumber":"HALF","address1":"1 Elm`)
			},
			"a redirect": func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, inside.URL+r.URL.Path, http.StatusTemporaryRedirect)
			},
			"nothing": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"a gigabyte": func(w http.ResponseWriter, _ *http.Request) {
				forever(w, `{"workOrders":[],"status":true,"error":"`)
			},
		} {
			t.Run(name, func(t *testing.T) {
				office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
				peer := newMoody(t, in.URL)
				mad := link(t, office, vendor, "MAD", peer.URL)
				crew := vendor.Colleague("crew")
				vendor.Want(200, "PATCH", "/integrations/"+mad.integration, rig.JSON{"qa_policy": "auto_relay", "default_assignee": crew.Username})
				order, theirs := mad.sent(t, nil)
				vendor.AwaitState(theirs.Text("id"), "assigned")
				first := crew.Upload(theirs.Text("id"), rig.JPEG(64, 48, 1), "source", "mobile_camera")
				office.Await("the first photo", func() bool { return len(photosOf(office, order.Text("id"))) == 1 })

				// It is asked everything: for orders, by items and statuses, to compare.
				peer.mood.Store(&mood)
				second := crew.Upload(theirs.Text("id"), rig.JPEG(64, 48, 2), "source", "mobile_camera")
				do(crew, theirs.Text("id"), "complete")
				lose(t, in, first.Text("id"))
				vendor.Want(200, "POST", "/share-links/"+mad.in+"/resync", nil)
				var shown rig.Answer
				vendor.Await("the link to show it", func() bool {
					shown = vendor.Want(200, "GET", "/share-links/"+mad.in, nil)
					return shown.Text("last_error") != "" && shown.Text("state") == "down"
				})
				t.Logf("%s: %s", shown.Text("state"), shown.Text("last_error"))
				require.Less(t, len(shown.Text("last_error")), 3000)
				require.Equal(t, "in_progress", office.Want(200, "GET", "/work-orders/"+order.Text("id"), nil).Text("state"))

				// Another link of both goes on meanwhile.
				sane := link(t, office, rig.SignUp(t, in.URL), "SANE", "")
				at(sane.vendor, sane.given())

				peer.mood.Store(nil)
				number := mad.given()
				vendor.AwaitFor(3*time.Minute, "what waited", func() bool {
					vendor.Want(200, "POST", "/share-links/"+mad.in+"/test", nil) // or it rests for a while
					vendor.Want(200, "POST", "/share-links/"+mad.in+"/resync", nil)
					return len(photosOf(office, order.Text("id"))) == 2 && len(photosOf(vendor, theirs.Text("id"))) == 2 &&
						office.Want(200, "GET", "/work-orders/"+order.Text("id"), nil).Text("state") == "completed"
				})
				require.Equal(t, photosOf(vendor, theirs.Text("id")), photosOf(office, order.Text("id")))
				require.Contains(t, photosOf(office, order.Text("id")), strings.ToLower(second.Text("uuid")))
				at(vendor, number)
				require.Empty(t, vendor.Want(200, "GET", "/work-orders?q=HALF", nil).List("items"))
			})
		}
		require.Zero(t, followed.Load(), "no redirect is followed")
	})
}

// TestAnItemThatNeverEndsIsNotTakenBack has a delegator give an item back whose bytes never end, and then right.
func TestAnItemThatNeverEndsIsNotTakenBack(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		peer := newMoody(t, in.URL)
		l := link(t, office, vendor, "ACME", peer.URL)
		crew := vendor.Colleague("crew")
		_, above, below := l.assigned()
		do(vendor, below, "assign", rig.JSON{"assignee": crew.Username})
		l.released(crew, above, below, 1, 2)
		before := photosOf(vendor, below)
		var lost string
		for lost = range before {
			break
		}
		lose(t, in, photoID(vendor, below, lost))
		mood := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "multipart/form-data; boundary=b")
			part := "--b\r\nContent-Disposition: form-data; name="
			forever(w, part+"\"payload\"\r\n\r\n{\"fileType\":\"picture\",\"uuid\":\""+lost+"\"}\r\n"+part+"\"file\"; filename=\"x.jpg\"\r\n\r\n\xff\xd8\xff")
		})
		peer.only = "item" // seen before the mood is
		peer.mood.Store(&mood)
		shown := l.resync()
		require.Equal(t, []any{1.0, 0.0, "ok"}, []any{shown.Get("mended", "unfetchable"), shown.Get("mended", "items_back"), shown.Get("state")}, "%s", shown.Body)
		require.Len(t, photosOf(vendor, below), 1)
		at(vendor, l.given()) // nothing else of the link stops

		peer.mood.Store(nil)
		require.Equal(t, 1.0, l.resync().Get("mended", "items_back"))
		require.Equal(t, before, photosOf(vendor, below))
	})
}

// TestABellThatGoesMadHurtsNothing has a recipient whose push key answers nonsense.
func TestABellThatGoesMadHurtsNothing(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		var followed atomic.Int64
		inside := strange(t, func(http.ResponseWriter, *http.Request) { followed.Add(1) })
		office := rig.SignUp(t, in.URL)
		for name, how := range map[string]struct {
			answer http.HandlerFunc
			state  string
		}{
			"HTML":       {func(w http.ResponseWriter, _ *http.Request) { rig.Say(w, "<html>It works!</html>") }, "ok"},
			"a redirect": {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, http.StatusFound) }, "down"},
			"nothing":    {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "down"},
			"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) { forever(w, `{"response":true,"error":"`) }, "ok"},
		} {
			t.Run(name, func(t *testing.T) {
				var rung atomic.Int64
				bell := strange(t, func(w http.ResponseWriter, r *http.Request) {
					rung.Add(1)
					how.answer(w, r)
				})
				login := office.Colleague("subcontractor")
				vendor := &caller{t, in.URL + "/integration/v2", rig.JSON{"username": login.Username, "password": digest("correct horse"), "token": ""}}
				require.Equal(t, true, vendor.call("validate", rig.JSON{"pushkey": bell.URL + "/secret"}).Get("validated"))
				id := office.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
				order := office.Order(rig.JSON{"assignee": login.Username})
				office.Await("the bell", func() bool { return rung.Load() > 0 })
				shown := awaitState(office, id, how.state)
				require.NotContains(t, string(shown.Body), "/secret", "the rest of the address is a secret")
				require.Equal(t, []string{order.Text("work_order_number")}, vendor.orders(nil), "who asks by itself is answered")
			})
		}
		require.Zero(t, followed.Load(), "no redirect is followed")
	})
}
