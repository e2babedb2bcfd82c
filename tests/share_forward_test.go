package tests

import (
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// sent makes an order at the delegator, assigns it to the vendor's login, and waits until it is there.
func (l *linked) sent(t *testing.T, fields rig.JSON) (order, theirs rig.Answer) {
	t.Helper()
	body := rig.JSON{"work_order_number": uuid.NewString()[:12], "work_order_info": "Lock box 4711"}
	for name, value := range fields {
		body[name] = value
	}
	order = l.office.Order(body)
	l.assign(order.Text("id"))
	return order, at(l.vendor, body["work_order_number"].(string))
}

func (l *linked) assign(id string) {
	l.office.T.Helper()
	l.office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": l.login})
}

// do performs a transition.
func do(u *rig.User, id, action string, body ...rig.JSON) {
	u.T.Helper()
	body = append(body, rig.JSON{})
	u.Want(200, "POST", "/work-orders/"+id+"/"+action, body[0])
}

// awaitAt waits until an order shows what is wanted of it.
func awaitAt(u *rig.User, id, what string, fits func(o rig.Answer) bool) (o rig.Answer) {
	u.T.Helper()
	met := false
	u.T.Cleanup(func() {
		if !met {
			u.T.Logf("waited for %s, and had %s\nhistory: %s\nalerts: %s", what, o.Body, u.Do("GET", "/work-orders/"+id+"/events?limit=200", nil).Body, alerts(u))
		}
	})
	u.Await(what, func() bool {
		o = u.Want(200, "GET", "/work-orders/"+id, nil)
		return fits(o)
	})
	met = true
	return o
}

func clientStatus(want string) func(rig.Answer) bool {
	return func(o rig.Answer) bool { return o.Text("client_status") == want }
}

// hands is a chain: the vendor hands its order on to a firm of its own.
func (l *linked) hands(t *testing.T, theirs string) (below *linked, order rig.Answer) {
	t.Helper()
	below = link(t, l.vendor, rig.SignUp(t, l.office.URL), "VENDOR", "")
	below.assign(theirs)
	return below, at(below.vendor, l.vendor.Want(200, "GET", "/work-orders/"+theirs, nil).Text("work_order_number"))
}

// reasons are what the history of an order gives as reasons.
func reasons(u *rig.User, id string) string {
	u.T.Helper()
	var all []string
	for _, e := range u.Want(200, "GET", "/work-orders/"+id+"/events?limit=200", nil).List("items") {
		if why := e.(map[string]any)["reason"].(string); why != "" {
			all = append(all, why)
		}
	}
	return strings.Join(all, "\n")
}

func alerts(u *rig.User) string { return string(u.Want(200, "GET", "/alerts?limit=200", nil).Body) }

func TestWhatIsTakenFromAVendorEndsThereAndBelowAndLivesAgain(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		order, theirs := l.sent(t, nil)
		id, own := order.Text("id"), theirs.Text("id")
		below, last := l.hands(t, own)
		require.Equal(t, "Lock box 4711", last.Text("work_order_info"))

		// Unassigned: cancelled at the vendor and below, and nobody reads the door codes any more.
		do(office, id, "unassign")
		gone := awaitAt(vendor, own, "the end at the vendor", clientStatus("Cancelled"))
		require.Equal(t, []any{"", "assigned"}, []any{gone.Get("work_order_info"), gone.Get("state")}, "the vendor's order stays")
		require.Contains(t, reasons(vendor, own), "taken back by Acme: Cancelled")
		gone = awaitAt(below.vendor, last.Text("id"), "the end below", clientStatus("Cancelled"))
		require.Empty(t, gone.Text("work_order_info"))

		// Closed there, and assigned again: the same order, live, with its codes.
		do(vendor, own, "cancel", rig.JSON{"reason": "taken back"})
		do(vendor, own, "close")
		l.assign(id)
		again := awaitAt(vendor, own, "the order to live again", func(o rig.Answer) bool { return o.Text("state") == "assigned" })
		require.Equal(t, []any{"", "Lock box 4711"}, []any{again.Get("client_status"), again.Get("work_order_info")})
		require.Contains(t, reasons(vendor, own), "Assigned again by Acme")
		awaitAt(below.vendor, last.Text("id"), "life below", func(o rig.Answer) bool {
			return o.Text("client_status") == "" && o.Text("work_order_info") == "Lock box 4711"
		})

		// Cancelled while it is assigned: cancelled there too.
		do(office, id, "cancel", rig.JSON{"reason": "sold"})
		gone = awaitAt(vendor, own, "the cancellation", func(o rig.Answer) bool { return o.Text("state") == "cancelled" })
		require.Equal(t, []any{"Cancelled", ""}, []any{gone.Get("client_status"), gone.Get("work_order_info")})
		do(office, id, "reopen")
		awaitAt(vendor, own, "life after the cancellation", func(o rig.Answer) bool {
			return o.Text("state") == "assigned" && o.Text("work_order_info") == "Lock box 4711"
		})

		// What the vendor wrote itself stays.
		vendor.Want(200, "PATCH", "/work-orders/"+own, rig.JSON{"work_order_info": "Our key is under the mat"})
		office.Want(204, "DELETE", "/work-orders/"+id, nil)
		gone = awaitAt(vendor, own, "the deletion", clientStatus("Deleted"))
		require.Equal(t, "Our key is under the mat", gone.Text("work_order_info"))

		// A vendor that decides itself is told, and nothing moves.
		order, theirs = l.sent(t, nil)
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"auto_admin": false})
		do(office, order.Text("id"), "unassign")
		gone = awaitAt(vendor, theirs.Text("id"), "the end", clientStatus("Cancelled"))
		require.Empty(t, gone.Text("work_order_info"), "codes are blanked whoever decides over the rest")
		do(vendor, theirs.Text("id"), "cancel", rig.JSON{"reason": "taken back"})
		l.assign(order.Text("id"))
		awaitAt(vendor, theirs.Text("id"), "the word", clientStatus(""))
		require.Equal(t, "cancelled", vendor.Want(200, "GET", "/work-orders/"+theirs.Text("id"), nil).Text("state"))
		require.Contains(t, alerts(vendor), "has assigned ACME::"+order.Text("work_order_number")+" again")
	})
}

func TestAVendorSeesWhatItsWorkCameTo(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		order, theirs := l.sent(t, nil)
		id, own := order.Text("id"), theirs.Text("id")
		_, last := l.hands(t, own)
		do(vendor, own, "complete")
		office.AwaitState(id, "completed")
		do(office, id, "approve")
		awaitAt(vendor, own, "the thanks", clientStatus("Approved"))
		do(office, id, "unapprove")
		awaitAt(vendor, own, "the thanks to be taken back", clientStatus(""))
		do(office, id, "approve")
		do(office, id, "publish")
		awaitAt(vendor, own, "the end", clientStatus("Published"))
		_ = last
	})
}

func TestAVendorThatDecidesItselfSeesWhatTheDelegatorSays(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"auto_admin": false})
		order, theirs := l.sent(t, rig.JSON{"due_date": "2030-05-01"})
		id, own := order.Text("id"), theirs.Text("id")
		require.Empty(t, theirs.List("share", "differs"))
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"due_date": "2030-06-02", "tasks": []rig.JSON{{"name": "Gutters"}}})
		differing := func(names ...string) func(rig.Answer) bool {
			return func(o rig.Answer) bool {
				have := []string{}
				for _, d := range o.List("share", "differs") {
					have = append(have, d.(map[string]any)["field"].(string))
				}
				return slices.Equal(have, names)
			}
		}
		o := awaitAt(vendor, own, "what differs", differing("due_date", "tasks"))
		require.Equal(t, []any{"2030-05-01", "2030-06-02", "Gutters"}, []any{o.Get("due_date"), o.Get("share", "differs", 0, "theirs"), o.Get("share", "differs", 1, "theirs", 0, "name")})
		crew := vendor.Colleague("crew")
		do(vendor, own, "assign", rig.JSON{"assignee": crew.Username})
		require.Nil(t, crew.Want(200, "GET", "/work-orders/"+own, nil).Get("share"), "the office alone sees it")
		vendor.Want(200, "PATCH", "/work-orders/"+own, rig.JSON{"due_date": "2030-06-02"})
		awaitAt(vendor, own, "the day to be taken", differing("tasks"))
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"instructions": "<p>Mind the dog.</p>"})
		awaitAt(vendor, own, "new words", differing("tasks", "instructions"))
		office.Want(200, "PATCH", "/work-orders/"+id, rig.JSON{"instructions": ""})
		awaitAt(vendor, own, "the words to be taken back", differing("tasks"))
	})
}

func TestANumberNamesOneOrderAtBothEnds(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		long := strings.ToUpper(rand.Text()) + strings.Repeat("x", 174)
		numbers := []string{"A::" + uuid.NewString()[:8], long, strings.ToLower(long), "é" + uuid.NewString()[:8]}
		seen := map[string]bool{}
		crew := vendor.Colleague("crew")
		for _, number := range numbers {
			order, theirs := l.sent(t, rig.JSON{"work_order_number": number})
			require.False(t, seen[theirs.Text("id")], "each is one order")
			seen[theirs.Text("id")] = true
			from := theirs.Get("share", "from").(map[string]any)
			require.Equal(t, l.in, from["link_id"])
			to := awaitAt(office, order.Text("id"), "nothing to wait", func(o rig.Answer) bool { return o.Get("share", "to", 0, "waiting") == 0.0 })
			require.Equal(t, []any{l.out, from["number"], ""}, []any{to.Get("share", "to", 0, "link_id"), to.Get("share", "to", 0, "number"), to.Get("share", "to", 0, "last_error")})
			require.Nil(t, to.Get("share", "from"))

			// Whatever number or client code it gets later, at either end, the two are the same.
			office.Want(200, "PATCH", "/work-orders/"+order.Text("id"), rig.JSON{"work_order_number": "R-" + uuid.NewString()[:12], "client_code": "OTHER"})
			vendor.Want(200, "PATCH", "/work-orders/"+theirs.Text("id"), rig.JSON{"work_order_number": "V-" + uuid.NewString()[:12], "client_code": "MINE"})
			office.Want(200, "PATCH", "/work-orders/"+order.Text("id"), rig.JSON{"instructions": "<p>" + number[:1] + " again</p>"})
			o := awaitAt(vendor, theirs.Text("id"), "the words", func(o rig.Answer) bool { return strings.Contains(o.Text("instructions"), "again") })
			require.Equal(t, "MINE", o.Text("client_code"))
			do(vendor, theirs.Text("id"), "assign", rig.JSON{"assignee": crew.Username})
			do(vendor, theirs.Text("id"), "complete")
			office.AwaitState(order.Text("id"), "completed")
		}

		// A number that was freed and used again is another order.
		number := uuid.NewString()[:12]
		first, theirs := l.sent(t, rig.JSON{"work_order_number": number})
		office.Want(204, "DELETE", "/work-orders/"+first.Text("id"), nil)
		awaitAt(vendor, theirs.Text("id"), "the deletion", clientStatus("Deleted"))
		second := office.Order(rig.JSON{"work_order_number": number, "work_order_info": "the second"})
		l.assign(second.Text("id"))
		awaitAt(office, second.Text("id"), "the second to be fetched", func(o rig.Answer) bool {
			return o.Get("share", "to", 0, "waiting") == 0.0 && o.Text("share", "to", 0, "number") == number+"__2"
		})
		vendor.Await("the second order of the number", func() bool { return at(vendor, number+"__2").Text("work_order_info") == "the second" }) // the search finds the first too
		require.Equal(t, "Deleted", vendor.Want(200, "GET", "/work-orders/"+theirs.Text("id"), nil).Text("client_status"))
	})
}

// shot has a crew of an account take a photo for an order, complete it, and the office release it.
func shot(crew *rig.User, office *rig.User, id string, n uint64) (photo rig.Answer) {
	crew.T.Helper()
	photo = crew.Upload(id, rig.JPEG(64, 48, n), "source", "mobile_camera")
	do(crew, id, "complete")
	do(office, id, "approve")
	do(office, id, "publish")
	return photo
}

func TestARejectionGoesDownTheChainToWhoTookTheItemEachOnce(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		order, theirs := l.sent(t, nil)
		id, own := order.Text("id"), theirs.Text("id")
		below, last := l.hands(t, own)
		lowest := last.Text("id")
		crew := below.vendor.Colleague("crew")
		do(below.vendor, lowest, "assign", rig.JSON{"assignee": crew.Username})

		work := func(n uint64) (uuid string) {
			uuid = shot(crew, below.vendor, lowest, n).Text("uuid")
			vendor.AwaitState(own, "completed")
			has := func(u *rig.User, order string) {
				u.Await("the photo", func() bool {
					return strings.Contains(string(u.Want(200, "GET", "/work-orders/"+order+"/photos", nil).Body), uuid)
				})
			}
			has(vendor, own)
			do(vendor, own, "approve")
			do(vendor, own, "publish")
			has(office, id)
			office.AwaitState(id, "completed")
			return uuid
		}
		itemOf := func(u *rig.User, order, uuid string) map[string]any {
			for _, item := range u.Want(200, "GET", "/work-orders/"+order+"/photos", nil).List("items") {
				if one := item.(map[string]any); one["uuid"] == uuid {
					return one
				}
			}
			return map[string]any{}
		}
		for n, reason := range []string{"The gate is missing", "It is still missing"} {
			uuid := work(uint64(n) + 1)
			do(office, id, "reject", rig.JSON{"reason": reason, "item_ids": []any{itemOf(office, id, uuid)["id"]}})
			for u, order := range map[*rig.User]string{vendor: own, below.vendor: lowest} {
				o := awaitAt(u, order, "the rework", func(o rig.Answer) bool { return o.Text("state") == "assigned" })
				require.Equal(t, "rework", o.Text("priority"))
				require.Contains(t, reasons(u, order), reason)
				u.Await("the mark on the item", func() bool { return itemOf(u, order, uuid)["review"] == "rejected" })
			}
			require.Equal(t, n+1, strings.Count(reasons(vendor, own), "missing"), "each acts once")
		}

		// What was sent back does not come again: only what is new does.
		uuid := work(3)
		require.Len(t, office.Want(200, "GET", "/work-orders/"+id+"/photos", nil).List("items"), 3)
		require.Equal(t, "pending", itemOf(office, id, uuid)["review"])
	})
}

func TestAnOrderThatComesBackIsRefusedAndBothSeeWhy(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		third := rig.SignUp(t, in.URL)
		onward, back := link(t, vendor, third, "VENDOR", ""), link(t, third, office, "BACK", "")
		_, theirs := l.sent(t, nil)
		number := theirs.Text("work_order_number")
		onward.assign(theirs.Text("id"))
		farther := at(third, number)
		back.assign(farther.Text("id"))
		o := awaitAt(third, farther.Text("id"), "the refusal", func(o rig.Answer) bool { return strings.Contains(o.Text("share", "to", 0, "last_error"), "circle") })
		require.Equal(t, back.out, o.Text("share", "to", 0, "link_id"))
		require.Contains(t, alerts(third), "does not take VENDOR::"+number)
		require.Contains(t, alerts(office), "The order "+number+" of Acme was not taken")
		require.Empty(t, office.Want(200, "GET", "/work-orders?client_code=BACK", nil).List("items"), "nothing is made of it")
		require.Contains(t, reasons(third, farther.Text("id")), "Not taken")

		// It is not told again with every pull, and ends when the office gives it to somebody else.
		office.Want(200, "POST", "/share-links/"+back.in+"/resync", nil)
		crew := third.Colleague("crew")
		do(third, farther.Text("id"), "assign", rig.JSON{"assignee": crew.Username})
		require.NotContains(t, alerts(third), "does not take")
		o = third.Want(200, "GET", "/work-orders/"+farther.Text("id"), nil)
		require.Empty(t, o.Text("share", "to", 0, "last_error"))
		require.Equal(t, 1, strings.Count(reasons(third, farther.Text("id")), "Not taken"))
	})
}

func TestALargeOrderAndItsSurveysTravelWhole(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		template := rig.JSON{"meta": rig.JSON{"surveyTemplateId": "lawn", "name": "Lawn"}, "questions": []rig.JSON{{"id": "q1", "question": "Cut?", "answerType": "yesNo"}}}
		office.Want(201, "POST", "/surveys", template)
		tasks := []rig.JSON{{"name": "Form", "kind": "survey", "survey_id": "lawn"}}
		for n := range 499 {
			tasks = append(tasks, rig.JSON{"name": "Task " + uuid.NewString()[:8], "instructions": strings.Repeat("x", n), "required_photos": rig.JSON{"before": 1 + n%3}})
		}
		work := vendor.Colleague("crew")
		vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"default_assignee": work.Username})
		order, theirs := l.sent(t, rig.JSON{"tasks": tasks, "options": rig.JSON{"check_in_required": true}, "due_time": "13:00", "due_date": "2030-01-02", "latitude": 30.5, "longitude": -97.6,
			"instructions": "<p>Mind the dog.</p>"})
		require.Len(t, theirs.List("tasks"), 500)
		for _, path := range [][]any{{"tasks", 0, "survey_id"}, {"tasks", 0, "kind"}, {"tasks", 499, "name"}, {"tasks", 499, "required_photos", "before"}, {"options", "check_in_required"}, {"due_date"},
			{"due_time"}, {"latitude"}, {"longitude"}, {"instructions"}} {
			require.Equal(t, order.Get(path...), theirs.Get(path...), path)
		}
		awaitAt(vendor, theirs.Text("id"), "the default assignee", func(o rig.Answer) bool { return o.Text("assignee") == work.Username })
	})
}
