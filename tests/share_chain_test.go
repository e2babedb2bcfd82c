package tests

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestAChainOfFourAccountsOverTwoInstallationsWorksAsOne hands an order from account to account, each on the other installation
// than the one before, and brings back what was done at its end.
func TestAChainOfFourAccountsOverTwoInstallationsWorksAsOne(t *testing.T) {
	t.Parallel()
	a, b := two(t)
	c := chainOf(t, a, b, a, b)
	number := "C-" + uuid.NewString()[:8]
	c.top().Order(rig.JSON{"work_order_number": number, "work_order_info": "Lock box 4711", "reference": "margin 40", "assignee": c.links[0].login,
		"tasks": []rig.JSON{{"name": "Front", "required_photos": rig.JSON{"before": 1}}}})
	ids := make([]string, len(c.accounts))
	for n, u := range c.accounts {
		o := at(u, number)
		ids[n] = o.Text("id")
		require.Equal(t, []any{"Lock box 4711", 1.0}, []any{o.Get("work_order_info"), o.Get("tasks", 0, "required_photos", "before")})
		o = awaitAt(u, ids[n], "the hand that it is in", func(o rig.Answer) bool { return o.Text("assignee") == c.by(n) })
		if n > 0 {
			require.Equal(t, []string{c.links[n-1].in, "Account of " + c.accounts[n-1].Username}, []string{o.Text("share", "from", "link_id"), o.Text("share", "from", "name")})
			require.Empty(t, o.Text("reference"))
		}
		if n < len(c.links) {
			require.Equal(t, []string{c.links[n].out, "Account of " + c.accounts[n+1].Username}, []string{o.Text("share", "to", 0, "link_id"), o.Text("share", "to", 0, "name")}, "the neighbour alone is named")
		}
	}
	last := len(ids) - 1
	eachHop := func(what string, fits func(o rig.Answer) bool) {
		t.Helper()
		for n, u := range c.accounts {
			awaitAt(u, ids[n], what, fits)
		}
	}

	// Each step of the work is seen in every account.
	do(c.crew, ids[last], "view")
	eachHop("that it was viewed", func(o rig.Answer) bool { return o.Text("field_status") == "viewed" })
	taken := map[string]string{}
	take := func(seed uint64) (uuid string) {
		photo := rig.JPEG(64, 48, seed)
		uuid = c.crew.Upload(ids[last], photo, "task_id", c.crew.Want(200, "GET", "/work-orders/"+ids[last], nil).Text("tasks", 0, "id"), "evidence_type", "before",
			"source", "mobile_camera", "taken_at", now()).Text("uuid")
		taken[uuid] = sha(photo)
		return uuid
	}
	dark := take(1)
	take(2)
	eachHop("that work began", func(o rig.Answer) bool { return o.Text("state") == "in_progress" })
	do(c.crew, ids[last], "complete")
	c.whole(number, taken)

	// What is sent back reaches who took it, with the item and the reason; and only what is new comes back.
	photo := func(n int, uuid string) rig.Answer {
		for _, p := range c.accounts[n].Want(200, "GET", "/work-orders/"+ids[n]+"/photos", nil).List("items") {
			if found := (rig.Answer{JSON: p.(map[string]any)}); found.Text("uuid") == uuid {
				return found
			}
		}
		return rig.Answer{}
	}
	do(c.top(), ids[0], "reject", rig.JSON{"reason": "Too dark.", "item_ids": []string{photo(0, dark).Text("id")}})
	for n := 1; n <= last; n++ {
		u := c.accounts[n]
		o := awaitAt(u, ids[n], "the rework", func(o rig.Answer) bool { return o.Text("priority") == "rework" && o.Text("state") == "assigned" })
		require.Equal(t, c.by(n), o.Text("assignee"))
		u.Await("the mark on the photo", func() bool { return photo(n, dark).Text("review") == "rejected" })
		require.Equal(t, 1, strings.Count(reasons(u, ids[n]), "Too dark."), "account %d", n)
	}
	bright := take(3)
	do(c.crew, ids[last], "complete")
	eachHop("that it is complete again", func(o rig.Answer) bool { return o.Text("field_status") == "completed" && o.Text("state") != "assigned" })
	for n, u := range c.accounts {
		u.Await("the new photo", func() bool { return photo(n, bright).Text("uuid") != "" })
		require.Equal(t, taken, photosOf(u, ids[n]))
		require.Equal(t, "rejected", photo(n, dark).Text("review"), "account %d", n)
	}

	// The thanks are told all the way down.
	for _, thanks := range []struct{ action, status string }{{"approve", "Approved"}, {"publish", "Published"}} {
		do(c.top(), ids[0], thanks.action)
		for n := 1; n <= last; n++ {
			awaitAt(c.accounts[n], ids[n], "the thanks", clientStatus(thanks.status))
		}
	}
}
