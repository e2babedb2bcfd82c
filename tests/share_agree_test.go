package tests

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

func TestAnInvitationBetweenTwoInstallations(t *testing.T) {
	t.Parallel()
	a, b := two(t)
	office, vendor, other := rig.SignUp(t, a.URL), rig.SignUp(t, b.URL), rig.SignUp(t, b.URL)
	made := office.Want(201, "POST", "/share-links", rig.JSON{"name": "Lone Star Lawns"})
	out, address := made.Text("id"), made.Text("invitation_url")
	shown := vendor.Want(200, "POST", "/share-links/preview", rig.JSON{"invitation_url": address})
	require.Equal(t, []any{office.Want(200, "GET", "/account", nil).Text("name"), strings.TrimPrefix(a.URL, "http://")}, []any{shown.Get("account"), shown.Get("host")})

	// Taken once; the same again, when the answer was lost, is the same link; and the delegator's people learn of it.
	accept := rig.JSON{"invitation_url": address, "client_code": "ACME"}
	in := vendor.Want(201, "POST", "/share-links/accept", accept).Text("id")
	require.Equal(t, in, vendor.Want(201, "POST", "/share-links/accept", accept).Text("id"))
	require.Contains(t, other.Want(410, "POST", "/share-links/accept", accept).Text("detail"), "was used")
	asks := awaitState(office, out, "waiting")
	name := vendor.Want(200, "GET", "/account", nil).Text("name")
	require.Equal(t, []any{name, strings.TrimPrefix(b.URL, "http://")}, []any{asks.Get("asks", "admit"), asks.Get("asks", "host")})
	require.Contains(t, alerts(office), name+" took the invitation Lone Star Lawns and waits to be let in")
	number := uuid.NewString()[:12]
	order := office.Order(rig.JSON{"work_order_number": number, "tasks": []rig.JSON{{"name": "Front"}}}).Text("id")
	do(office, order, "assign", rig.JSON{"assignee": asks.Text("username")})
	require.Equal(t, "waiting", vendor.Want(200, "POST", "/share-links/"+in+"/test", nil).Text("state"))
	require.Empty(t, vendor.Want(200, "GET", "/work-orders?q="+number, nil).List("items"), "nothing flows before they are let in")

	office.Want(200, "POST", "/share-links/"+out+"/admit", nil)
	awaitState(office, out, "ok")
	require.Equal(t, strings.TrimPrefix(a.URL, "http://"), awaitState(vendor, in, "ok").Text("peer", "host"))
	require.NotContains(t, alerts(office), "waits to be let in")
	theirs := at(vendor, number).Text("id")
	vendor.Want(200, "PATCH", "/work-orders/"+theirs, rig.JSON{"qa_policy": "auto_relay"})
	crew := vendor.Colleague("crew")
	do(vendor, theirs, "assign", rig.JSON{"assignee": crew.Username})
	photo := crew.Upload(theirs, rig.JPEG(64, 48, 1), "source", "mobile_camera")
	office.Await("the photo", func() bool { return photosOf(office, order)[photo.Text("uuid")] == photo.Text("sha256") })

	// Too late, or ended: nothing is taken, and nothing is kept.
	past := models.At(time.Now().Add(-time.Minute))
	late, gone := office.Want(201, "POST", "/share-links", rig.JSON{"name": "Late"}), office.Want(201, "POST", "/share-links", rig.JSON{"name": "Gone"})
	inDatabase(t, a, []any{past, late.Text("id")}, "UPDATE share_links SET invitation_until = ? WHERE id = ?")
	office.Want(204, "DELETE", "/share-links/"+gone.Text("id"), nil)
	for says, invitation := range map[string]rig.Answer{"has expired": late, "was ended": gone} {
		body := rig.JSON{"invitation_url": invitation.Text("invitation_url")}
		require.Contains(t, other.Want(410, "POST", "/share-links/preview", body).Text("detail"), says)
		body["client_code"] = "ACME"
		require.Contains(t, other.Want(410, "POST", "/share-links/accept", body).Text("detail"), says)
		require.Equal(t, "ended", stateOf(office, invitation.Text("id")))
	}
	require.Empty(t, other.Want(200, "GET", "/share-links", nil).List("items"))
	require.Empty(t, other.Want(200, "GET", "/integrations", nil).List("items"))
}

func TestAKeyThatNobodyIntroducedIsTrustedByAnAdmin(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		s := hand(t, link(t, office, vendor, "ACME", ""), "auto_relay")
		name := vendor.Want(200, "GET", "/account", nil).Text("name")
		known := s.photo(1, "task_id", s.task)
		require.Equal(t, true, s.arrived(known.Text("uuid"), nil).Get("statement", "verified"))
		require.Equal(t, 409, office.Do("POST", "/share-links/"+s.out+"/trust-key", nil).Status, "there is none")

		// The vendor has lost its keys, and begins anew.
		var lost []string
		for _, table := range []string{"chain_entries", "signing_keys", "chains"} {
			lost = append(lost, "DELETE FROM "+table+" WHERE account_id = (SELECT account_id FROM share_links WHERE id = ?)")
		}
		inDatabase(t, in, []any{s.in}, lost...)
		vendor.Want(200, "POST", "/share-links/"+s.in+"/test", nil)
		shown := office.Want(200, "GET", "/share-links/"+s.out, nil)
		require.Len(t, shown.List("asks", "keys"), 1)
		require.Equal(t, []any{nil, "ok"}, []any{shown.Get("asks", "admit"), shown.Get("state")}, "work goes on")
		require.Contains(t, alerts(office), name+" signs with a key that none known here introduced")
		strange := s.photo(2, "task_id", s.task)
		came := s.arrived(strange.Text("uuid"), nil)
		require.Equal(t, []any{nil, nil, true}, []any{came.Get("statement", "verified"), came.Get("certification", "item"), came.Get("claims", "item")}, "a claim, and not false")

		require.Equal(t, 403, office.Colleague("crew").Do("POST", "/share-links/"+s.out+"/trust-key", nil).Status)
		require.Nil(t, office.Want(200, "POST", "/share-links/"+s.out+"/trust-key", nil).Get("asks"))
		came = s.arrived(strange.Text("uuid"), func(p rig.Answer) bool { return p.Get("statement", "verified") == true })
		require.Equal(t, []any{name, true}, []any{came.Get("statement", "by"), came.Get("certification", "item")})
		require.NotContains(t, alerts(office), "none known here introduced")
		require.Equal(t, 409, office.Do("POST", "/share-links/"+s.out+"/trust-key", nil).Status)
	})
}

func TestWhatTheOfficeTakesBackGoesAtTheVendorToo(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		order, theirs := l.sent(t, rig.JSON{"options": rig.JSON{"check_in_required": true, "colour": "red"}, "start_date": "2030-01-01", "due_date": "2030-02-01", "due_time": "13:00", "latitude": 30.5,
			"longitude": -97.6, "tasks": []rig.JSON{{"name": "Front", "required_photos": rig.JSON{"before": 2, "after": 1}, "options": rig.JSON{"gallery_allowed": false}}}})
		id, own := order.Text("id"), theirs.Text("id")
		below, last := l.hands(t, own)
		require.Equal(t, []any{"2030-01-01", true, 30.5}, []any{last.Get("start_date"), last.Get("options", "check_in_required"), last.Get("latitude")})
		vendor.Want(200, "PATCH", "/work-orders/"+own, rig.JSON{"options": rig.JSON{"ours": "stays"}})
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"options": rig.JSON{"check_in_required": nil}, "start_date": nil, "due_time": nil, "latitude": nil, "longitude": nil,
			"tasks": []rig.JSON{{"id": order.Text("tasks", 0, "id"), "required_photos": rig.JSON{"before": nil}, "options": rig.JSON{"gallery_allowed": nil}}}})
		for u, order := range map[*rig.User]string{vendor: own, below.vendor: last.Text("id")} {
			o := awaitAt(u, order, "what is gone", func(o rig.Answer) bool { return o.Get("start_date") == nil })
			require.Equal(t, []any{map[string]any{"colour": "red", "ours": "stays"}, "2030-02-01", nil, nil, nil, map[string]any{"after": 1.0}, map[string]any{}},
				[]any{o.Get("options"), o.Get("due_date"), o.Get("due_time"), o.Get("latitude"), o.Get("longitude"), o.Get("tasks", 0, "required_photos"), o.Get("tasks", 0, "options")})
		}

		// Where the vendor's office decides, what is urgent is shown beside what stands.
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"auto_admin": false})
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"priority": "rush"})
		o := awaitAt(vendor, own, "what differs", func(o rig.Answer) bool { return len(o.List("share", "differs")) > 0 })
		require.Equal(t, []any{[]any{map[string]any{"field": "priority", "theirs": "rush"}}, "normal"}, []any{o.Get("share", "differs"), o.Get("priority")})
		require.Empty(t, vendor.Want(200, "PATCH", "/work-orders/"+own, rig.JSON{"priority": "rush"}).List("share", "differs"), "taken by an edit")
	})
}

func TestADeliveryAlongALinkIsRetriedByHand(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("open sesame")
		defer peer.Close()
		var good atomic.Bool
		peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) {
			if good.Load() {
				rig.Say(w, `{"status":true,"error":null}`)
				return
			}
			rig.Say(w, `{"status":false,"error":"the disk is full"}`)
		})
		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		number := uuid.NewString()[:8]
		peer.Orders(`{"workOrders":[{"workOrderNumber":"` + number + `","address1":"1 Elm Street","city":"Austin","state":"TX","zip":"78701","services":[{"serviceName":"Lawn"}]}],"error":""}`)
		vendor := rig.SignUp(t, in.URL)
		vendor.Want(201, "POST", "/integrations", rig.JSON{"client_code": "WIRE", "name": "Wire & Sons", "kind": "share", "qa_policy": "auto_relay",
			"settings": rig.JSON{"url": peer.URL, "username": "lone-star", "password": "open sesame"}})
		link := vendor.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		order := at(vendor, number).Text("id")
		crew := vendor.Colleague("crew")
		do(vendor, order, "assign", rig.JSON{"assignee": crew.Username})
		var delivery rig.Answer
		await := func(state string) {
			t.Helper()
			vendor.Await("the delivery to be "+state, func() bool {
				deliveries := vendor.Want(200, "GET", "/work-orders/"+order+"/publications", nil).List("items")
				if len(deliveries) == 0 {
					return false
				}
				delivery = rig.Answer{JSON: deliveries[0].(map[string]any)["deliveries"].([]any)[0].(map[string]any)}
				return delivery.Text("state") == state
			})
		}
		tomorrow := models.At(time.Now().Add(24 * time.Hour))
		for n, as := range []string{"retrying", "failed"} { // what rests, and what was given up
			good.Store(false)
			before := len(peer.Calls("uploadPictures"))
			crew.Upload(order, rig.JPEG(64, 48, uint64(n)+1), "source", "mobile_camera")
			vendor.Await("the refusal", func() bool { return len(peer.Calls("uploadPictures")) > before })
			await("retrying")
			require.Contains(t, delivery.Text("last_error"), "the disk is full")
			inDatabase(t, in, []any{as, tomorrow, link}, "UPDATE client_messages SET state = ?, next_attempt_at = ? WHERE destination_id = ? AND kind = 'item' AND state <> 'delivered'")
			await(as)
			good.Store(true)
			vendor.Want(202, "POST", "/deliveries/"+delivery.Text("id")+"/retry", nil)
			await("delivered")
		}
		require.Equal(t, 409, vendor.Do("POST", "/deliveries/"+delivery.Text("id")+"/retry", nil).Status, "everything has arrived")
		require.Equal(t, "ok", stateOf(vendor, link))
	})
}

func TestLateItemsTravelAfterClosing(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		over := func(s *shared) {
			do(s.crew, s.here, "complete")
			office.AwaitState(s.above, "completed")
			if vendor.Want(200, "GET", "/work-orders/"+s.here, nil).Text("qa_policy") == "office_review" {
				do(vendor, s.here, "approve")
				do(vendor, s.here, "publish")
			}
			vendor.AwaitState(s.here, "published")
			do(vendor, s.here, "close")
			do(office, s.above, "approve")
			do(office, s.above, "publish")
			do(office, s.above, "close")
		}
		closed := func(s *shared) {
			t.Helper()
			for u, order := range map[*rig.User]string{office: s.above, vendor: s.here} {
				require.Equal(t, "closed", u.Want(200, "GET", "/work-orders/"+order, nil).Text("state"), "a late item moves nothing")
				u.Await("the alert", func() bool {
					for _, a := range u.Want(200, "GET", "/alerts?limit=200", nil).List("items") {
						if a := a.(map[string]any); a["kind"] == "late_items" && a["work_order_id"] == order {
							return true
						}
					}
					return false
				})
			}
		}
		s := hand(t, l, "auto_relay")
		s.arrived(s.photo(1, "task_id", s.task).Text("uuid"), nil)
		over(s)
		late := s.photo(2, "task_id", s.task)
		came := s.arrived(late.Text("uuid"), nil)
		require.Equal(t, []any{late.Text("sha256"), true}, []any{came.Text("sha256"), came.Get("statement", "verified")})
		closed(s)

		// Under office review it goes once the vendor's office has looked at it.
		s = hand(t, l, "office_review")
		s.photo(3, "task_id", s.task)
		over(s)
		late = s.photo(4, "task_id", s.task)
		require.Equal(t, 0.0, vendor.Want(200, "GET", "/share-links/"+s.in, nil).Get("waiting", "items"), "it waits for the office, not for the link")
		vendor.Want(200, "PATCH", "/photos/"+late.Text("id"), rig.JSON{"review": "approved"})
		s.arrived(late.Text("uuid"), nil)
		closed(s)
	})
}

func TestASurveyKeepsItsRevisionOverTheHop(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"qa_policy": "auto_relay"})
		template := func(question string) rig.JSON {
			return rig.JSON{"meta": rig.JSON{"surveyTemplateId": "lawn", "name": "Lawn"}, "questions": []rig.JSON{{"id": question, "question": "Cut?", "answerType": "yesNo"}}}
		}
		// The vendor has a survey of that name too: it is another one.
		vendor.Want(201, "POST", "/surveys", template("theirs"))
		made := office.Want(201, "POST", "/surveys", template("first"))
		crew := vendor.Colleague("crew")
		type told struct{ above, here, task string }
		send := func(reference, question string) told {
			order, theirs := l.sent(t, rig.JSON{"tasks": []rig.JSON{{"name": "Form", "kind": "survey", "survey_id": "lawn"}}})
			do(vendor, theirs.Text("id"), "assign", rig.JSON{"assignee": crew.Username})
			asked := crew.Want(200, "GET", "/work-orders/"+theirs.Text("id")+"/surveys", nil)
			require.Equal(t, []any{reference, reference, question}, []any{order.Text("tasks", 0, "survey_id"), theirs.Text("tasks", 0, "survey_id"), asked.Text("items", 0, "template", "questions", 0, "id")})
			return told{order.Text("id"), theirs.Text("id"), theirs.Text("tasks", 0, "id")}
		}
		first := send("lawn-v1", "first")
		require.EqualValues(t, 2, office.Want(200, "PATCH", "/surveys/"+made.Text("id"), template("second")).Get("revision"))
		second := send("lawn-v2", "second")
		for _, o := range []struct {
			told
			reference, question string
		}{{first, "lawn-v1", "first"}, {second, "lawn-v2", "second"}} {
			own := crew.Want(201, "POST", "/work-orders/"+o.here+"/survey-responses", rig.JSON{"uuid": uuid.NewString(), "task_id": o.task, "answers": []rig.JSON{answer(o.question, "Yes")}})
			var came rig.Answer
			office.Await("the answers", func() bool {
				came = office.Want(200, "GET", "/work-orders/"+o.above+"/survey-responses", nil)
				return len(came.List("items")) == 1
			})
			require.Equal(t, []any{own.Get("uuid"), own.Get("sha256"), own.Get("answers"), o.reference, o.reference},
				[]any{came.Get("items", 0, "uuid"), came.Get("items", 0, "sha256"), came.Get("items", 0, "answers"), own.Get("survey_id"), came.Get("items", 0, "survey_id")})
		}
	})
}
