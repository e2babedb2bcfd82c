package tests

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// shared is an order that a delegator handed to a vendor, at both ends.
type shared struct {
	*linked
	crew        *rig.User
	above, here string // the order's ids
	task        string // of the vendor's order
}

// hand has a delegator hand an order to a vendor whose own crew gets it; qa is what it is released by there.
func hand(t *testing.T, l *linked, qa string) *shared {
	t.Helper()
	number := uuid.NewString()[:12]
	order := l.office.Order(rig.JSON{"work_order_number": number, "latitude": 30.2672, "longitude": -97.7431, "tasks": []rig.JSON{{"name": "Front"}}})
	l.office.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": l.login})
	theirs := at(l.vendor, number)
	s := &shared{linked: l, crew: l.vendor.Colleague("crew"), above: order.Text("id"), here: theirs.Text("id"), task: theirs.Text("tasks", 0, "id")}
	l.vendor.Want(200, "PATCH", "/work-orders/"+s.here, rig.JSON{"qa_policy": qa})
	l.vendor.Want(200, "POST", "/work-orders/"+s.here+"/assign", rig.JSON{"assignee": s.crew.Username})
	return s
}

// photo has the crew take a photo where the order is.
func (s *shared) photo(n uint64, fields ...string) rig.Answer {
	return s.crew.Upload(s.here, rig.JPEG(64, 48, n), append([]string{"evidence_type", "before", "source", "mobile_camera", "taken_at", now(),
		"latitude", "30.2672", "longitude", "-97.7431", "accuracy", "5"}, fields...)...)
}

// arrived is an item as the delegator has it, once it is so.
func (s *shared) arrived(uuid string, so func(rig.Answer) bool) (found rig.Answer) {
	s.office.Await("the photo "+uuid, func() bool {
		for _, item := range s.office.Want(200, "GET", "/work-orders/"+s.above+"/photos", nil).List("items") {
			if found = (rig.Answer{JSON: item.(map[string]any)}); found.Text("uuid") == uuid {
				return so == nil || so(found)
			}
		}
		return false
	})
	return found
}

func TestProofSurvivesTheHop(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		s := hand(t, link(t, office, vendor, "ACME", ""), "auto_relay")
		office.Want(200, "PATCH", "/work-orders/"+s.above, rig.JSON{"options": rig.JSON{"allowed_sources": []string{"mobile_camera"}, "required_photos": rig.JSON{"before": 1}}})
		own := s.photo(1, "task_id", s.task, "notes", "the lawn")
		name := vendor.Want(200, "GET", "/account", nil).Text("name")

		came := s.arrived(own.Text("uuid"), nil)
		require.Equal(t, []any{own.Text("sha256"), own.Text("taken_at"), own.Text("received_at"), "share", "the lawn", false},
			[]any{came.Text("sha256"), came.Text("taken_at"), came.Text("first_received_at"), came.Text("source"), came.Text("notes"), came.Get("withdrawn")})
		require.Equal(t, []any{name, true}, []any{came.Get("statement", "by"), came.Get("statement", "verified")})
		require.Equal(t, []any{true, true, true}, []any{came.Get("certification", "item"), came.Get("certification", "time"), came.Get("certification", "location")})
		require.Nil(t, own.Get("statement"))
		original := office.Want(200, "GET", "/photos/"+came.Text("id")+"/original", nil)
		require.Equal(t, rig.JPEG(64, 48, 1), original.Body, "the bytes are those that were taken")

		// A rotated key is followed, and what it signs is the neighbour's word too.
		vendor.Want(200, "POST", "/proof/rotate-key", nil)
		second := s.photo(2, "task_id", s.task)
		came = s.arrived(second.Text("uuid"), func(p rig.Answer) bool { return p.Get("statement", "verified") == true })
		require.Equal(t, true, came.Get("certification", "item"))

		// It counts by its original source, and stands in the archive, which says whose word it is.
		office.Want(200, "POST", "/work-orders/"+s.above+"/complete", rig.JSON{})
		archive := office.Want(200, "GET", "/work-orders/"+s.above+"/archive.zip", nil)
		report, good := check(t, archive.Body)
		require.True(t, good, report)
		text := strings.Join(wordsOf(report.List("checked")), "\n")
		require.Contains(t, text, "the word of "+name)
		forged, good := check(t, remade(t, archive.Body, func(name string, content []byte) []byte {
			return []byte(strings.ReplaceAll(string(content), "source: mobile_camera", "source: web_upload"))
		}))
		require.False(t, good, forged)
	})
}

func wordsOf(all []any) (words []string) {
	for _, one := range all {
		words = append(words, one.(string))
	}
	return words
}

func TestWhatIsSaidAnewOfAnItemIsARevisionOfIt(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		s := hand(t, link(t, office, vendor, "ACME", ""), "auto_relay")
		own := s.photo(1, "task_id", s.task)
		came := s.arrived(own.Text("uuid"), nil)
		require.Equal(t, "before", came.Text("evidence_type"))

		vendor.Want(200, "PATCH", "/photos/"+own.Text("id"), rig.JSON{"evidence_type": "after", "notes": "theirs"})
		came = s.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Text("evidence_type") == "after" && p.Text("notes") == "theirs" })
		office.Want(200, "PATCH", "/photos/"+came.Text("id"), rig.JSON{"notes": "ours"})
		vendor.Want(200, "PATCH", "/photos/"+own.Text("id"), rig.JSON{"evidence_type": "during", "notes": "theirs again"})
		came = s.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Text("evidence_type") == "during" })
		require.Equal(t, "ours", came.Text("notes"), "what the delegator's office set stays")

		// A withdrawal is shown, and taken back; nothing is deleted.
		vendor.Want(204, "DELETE", "/photos/"+own.Text("id"), nil)
		s.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Get("withdrawn") == true })
		vendor.Want(200, "POST", "/photos/"+own.Text("id")+"/restore", nil)
		s.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Get("withdrawn") == false })
		vendor.Want(200, "PATCH", "/photos/"+own.Text("id"), rig.JSON{"review": "rejected", "reason": "blurred"})
		s.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Get("withdrawn") == true })
		vendor.Want(200, "PATCH", "/photos/"+own.Text("id"), rig.JSON{"review": "approved"})
		s.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Get("withdrawn") == false })

		// An item for a task that the delegator lacks keeps its name, until a task of that name is made.
		more := vendor.Want(200, "PATCH", "/work-orders/"+s.here, rig.JSON{"tasks": []rig.JSON{{"name": "Back yard"}}})
		extra := s.photo(2, "task_id", more.Text("tasks", 1, "id"))
		came = s.arrived(extra.Text("uuid"), nil)
		require.Equal(t, []any{nil, "Back yard"}, []any{came.Get("task_id"), came.Get("brought_task")})
		tasks := office.Want(200, "PATCH", "/work-orders/"+s.above, rig.JSON{"tasks": []rig.JSON{{"name": "back YARD"}}})
		came = s.arrived(extra.Text("uuid"), func(p rig.Answer) bool { return p.Get("task_id") != nil })
		require.Equal(t, []any{tasks.Text("tasks", 1, "id"), nil}, []any{came.Text("task_id"), came.Get("brought_task")})

		// Check-ins travel too.
		check := uuid.NewString()
		s.crew.Want(201, "POST", "/work-orders/"+s.here+"/check-ins", rig.JSON{"uuid": check, "at": now(), "latitude": 30.2672, "longitude": -97.7431, "accuracy": 5})
		office.Await("the check-in", func() bool {
			found := office.Want(200, "GET", "/work-orders/"+s.above+"/check-ins", nil)
			return len(found.List("items")) == 1 && found.Text("items", 0, "uuid") == check && found.Get("items", 0, "latitude") == 30.2672
		})
	})
}

func TestARecipientsCancellationMovesNothingAndLateItemsTravel(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		s := hand(t, l, "auto_relay")
		first := s.photo(1, "task_id", s.task)
		s.arrived(first.Text("uuid"), nil)
		office.AwaitState(s.above, "in_progress")
		vendor.Want(200, "POST", "/work-orders/"+s.here+"/cancel", rig.JSON{"reason": "the gate is locked"})
		office.Await("the alert", func() bool {
			for _, a := range office.Want(200, "GET", "/alerts", nil).List("items") {
				if a := a.(map[string]any); a["work_order_id"] == s.above && strings.Contains(a["detail"].(string), "the gate is locked") {
					return true
				}
			}
			return false
		})
		require.Equal(t, "in_progress", office.Want(200, "GET", "/work-orders/"+s.above, nil).Text("state"))
		late := s.photo(2, "task_id", s.task)
		s.arrived(late.Text("uuid"), nil)

		// Under office review what is late goes once the office has looked at it.
		s = hand(t, l, "office_review")
		vendor.Want(200, "POST", "/work-orders/"+s.here+"/cancel", rig.JSON{"reason": "no time"})
		late = s.photo(3, "task_id", s.task)
		time.Sleep(time.Second)
		require.Empty(t, office.Want(200, "GET", "/work-orders/"+s.above+"/photos", nil).List("items"))
		vendor.Want(200, "PATCH", "/photos/"+late.Text("id"), rig.JSON{"review": "approved"})
		s.arrived(late.Text("uuid"), nil)
	})
}

func TestAStatementFromFurtherDownIsHandedOn(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		bank, office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		upper, lower := link(t, bank, office, "BANK", ""), link(t, office, vendor, "ACME", "")
		number := uuid.NewString()[:12]
		order := bank.Order(rig.JSON{"work_order_number": number, "tasks": []rig.JSON{{"name": "Front"}}})
		bank.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": upper.login})
		middle := at(office, number)
		office.Want(200, "PATCH", "/work-orders/"+middle.Text("id"), rig.JSON{"qa_policy": "auto_relay"})
		office.Want(200, "POST", "/work-orders/"+middle.Text("id")+"/assign", rig.JSON{"assignee": lower.login})
		theirs := at(vendor, number)
		vendor.Want(200, "PATCH", "/work-orders/"+theirs.Text("id"), rig.JSON{"qa_policy": "auto_relay"})
		crew := vendor.Colleague("crew")
		vendor.Want(200, "POST", "/work-orders/"+theirs.Text("id")+"/assign", rig.JSON{"assignee": crew.Username})
		own := crew.Upload(theirs.Text("id"), rig.JPEG(64, 48, 1), "evidence_type", "before", "source", "mobile_camera", "taken_at", now(), "task_id", theirs.Text("tasks", 0, "id"))

		top := &shared{linked: upper, above: order.Text("id")}
		came := top.arrived(own.Text("uuid"), nil)
		require.Equal(t, []any{map[string]any{"by": nil, "verified": nil}, nil, nil, true, true, own.Text("received_at"), own.Text("sha256")},
			[]any{came.Get("statement"), came.Get("certification", "item"), came.Get("certification", "time"), came.Get("claims", "item"), came.Get("claims", "time"),
				came.Text("first_received_at"), came.Text("sha256")}, "it is worth what the neighbour is")
		between := &shared{linked: lower, above: middle.Text("id")}
		require.Equal(t, true, between.arrived(own.Text("uuid"), nil).Get("statement", "verified"))

		// What is said anew and withdrawn goes all the way up.
		vendor.Want(204, "DELETE", "/photos/"+own.Text("id"), nil)
		top.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Get("withdrawn") == true })
		vendor.Want(200, "POST", "/photos/"+own.Text("id")+"/restore", nil)
		vendor.Want(200, "PATCH", "/photos/"+own.Text("id"), rig.JSON{"evidence_type": "after"})
		top.arrived(own.Text("uuid"), func(p rig.Answer) bool { return p.Get("withdrawn") == false && p.Text("evidence_type") == "after" })
		require.Len(t, bank.Want(200, "GET", "/work-orders/"+order.Text("id")+"/photos", nil).List("items"), 1)
		report, good := check(t, bank.Want(200, "GET", "/work-orders/"+order.Text("id")+"/archive.zip", nil).Body)
		require.True(t, good, report)
		require.Contains(t, strings.Join(wordsOf(report.List("checked")), "\n"), "handed on by a neighbour")
	})
}

func TestWhatIsTakenBackStillGetsItsItemsAndNoStatuses(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		s := hand(t, link(t, office, vendor, "ACME", ""), "auto_relay")
		office.Want(200, "POST", "/work-orders/"+s.above+"/unassign", rig.JSON{})
		own := s.photo(1, "task_id", s.task)
		s.arrived(own.Text("uuid"), nil)
		s.crew.Want(200, "POST", "/work-orders/"+s.here+"/complete", rig.JSON{})
		vendor.Await("nothing that waits", func() bool {
			waiting := vendor.Want(200, "GET", "/share-links/"+s.in, nil)
			return waiting.Get("waiting", "items") == 0.0 && waiting.Get("waiting", "statuses") == 0.0
		})
		require.Equal(t, "created", office.Want(200, "GET", "/work-orders/"+s.above, nil).Text("state"))
		require.Empty(t, vendor.Want(200, "GET", "/alerts", nil).List("items"), "nobody is alarmed by what is in order")
		deliveries := vendor.Want(200, "GET", "/work-orders/"+s.here+"/publications", nil)
		require.Equal(t, []any{"share", "delivered"}, []any{deliveries.Text("items", 0, "deliveries", 0, "destination", "kind"), deliveries.Text("items", 0, "deliveries", 0, "state")})
	})
}
