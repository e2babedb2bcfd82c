package tests

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestAWorkTypeFillsANewOrder(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		office.Want(200, "PATCH", "/account", rig.JSON{"zone": "Pacific/Kiritimati"})
		zone, err := time.LoadLocation("Pacific/Kiritimati")
		require.NoError(t, err)
		made := office.Want(201, "POST", "/work-types", rig.JSON{"name": "Grass Cut", "reference": "GC", "options": rig.JSON{"check_in_required": true},
			"instructions": "<p>Edges too.</p><script>x</script>", "work_order_info": "Ask for the key", "assignee": crew.Username, "due_in_days": 3,
			"address": rig.JSON{"country": "US"}, "tasks": []rig.JSON{{"name": "Front yard", "required_photos": rig.JSON{"Before": 1}}, {"name": "Back/yard"}}})
		require.Equal(t, "<p>Edges too.</p>", made.Text("instructions"))

		soon := time.Now().In(zone).AddDate(0, 0, 3).Format(time.DateOnly)
		order := office.Want(201, "POST", "/work-orders", rig.NewOrder(rig.JSON{"work_type": "GRASS cut", "reference": "mine", "description": "kept", "instructions": "Mine.",
			"options": rig.JSON{"check_in_required": false, "other": "stays"}, "tasks": []rig.JSON{{"name": "back_yard", "instructions": "mine"}}}))
		require.Equal(t, "Grass Cut", order.Text("work_type"))
		require.Equal(t, "GC", order.Text("reference"), "always overwritten")
		require.Equal(t, "kept", order.Text("description"), "the work type sets none")
		require.Equal(t, map[string]any{"check_in_required": true, "other": "stays"}, order.Get("options"))
		require.Equal(t, "Mine.", order.Text("instructions"), "only filled when blank")
		require.Equal(t, "Ask for the key", order.Text("work_order_info"))
		require.Equal(t, "US", order.Text("address", "country"))
		require.Equal(t, crew.Username, order.Text("assignee"))
		require.Contains(t, []string{soon, time.Now().In(zone).AddDate(0, 0, 3).Format(time.DateOnly)}, order.Text("due_date"))
		require.Len(t, order.List("tasks"), 2, "a task of the same cleaned name is never replaced")
		require.Equal(t, "mine", order.Text("tasks", 0, "instructions"))
		require.EqualValues(t, 1, order.Get("tasks", 1, "required_photos", "before"))
		require.Equal(t, "check_ins", crew.Want(409, "POST", "/work-orders/"+order.Text("id")+"/complete", nil).Text("errors", 1, "field"), "its options are enforced")

		byID := office.Want(201, "POST", "/work-orders", rig.NewOrder(rig.JSON{"work_type": made.Text("id"), "tasks": []rig.JSON{}}))
		require.Len(t, byID.List("tasks"), 2, "its tasks are enough")
		office.WantField(422, "work_type", "POST", "/work-orders", rig.NewOrder(rig.JSON{"work_type": "Planet"}))
		foreigner := rig.SignUp(t, in.URL)
		foreigner.WantField(422, "work_type", "POST", "/work-orders", rig.NewOrder(rig.JSON{"work_type": made.Text("id")}))

		office.Want(200, "PATCH", "/work-types/"+made.Text("id"), rig.JSON{"reference": "NEW", "tasks": []rig.JSON{}})
		copied := office.Want(201, "POST", "/work-orders/"+order.Text("id")+"/duplicate", nil)
		require.Equal(t, "GC", copied.Text("reference"), "a duplicate is what it was")
		require.Equal(t, "Grass Cut", copied.Text("work_type"))
		office.Want(204, "DELETE", "/work-types/"+made.Text("id"), nil)
		require.Equal(t, "Grass Cut", office.Want(200, "GET", "/work-orders/"+order.Text("id"), nil).Text("work_type"))
	})
}

func TestTheBestMatchingWorkTypeFillsByItselfElseTheDefault(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		workType := func(fields rig.JSON) string { return office.Want(201, "POST", "/work-types", fields).Text("id") }
		filledBy := func(fields rig.JSON) string {
			return office.Want(201, "POST", "/work-orders", rig.NewOrder(fields)).Text("work_type")
		}
		require.Equal(t, "", filledBy(rig.JSON{}))
		first := workType(rig.JSON{"name": "First", "default": true})
		second := workType(rig.JSON{"name": "Second", "default": true})
		require.Equal(t, false, office.Want(200, "GET", "/work-types/"+first, nil).Get("default"), "there is one default")
		workType(rig.JSON{"name": "Texas", "matches": []rig.JSON{{"state": "tx"}, {"state": "OK"}}})
		workType(rig.JSON{"name": "Client", "matches": []rig.JSON{{"client_code": "ACME"}}})
		workType(rig.JSON{"name": "Both", "matches": []rig.JSON{{"client_code": "acme", "state": "TX"}}})
		workType(rig.JSON{"name": "Reference", "matches": []rig.JSON{{"reference": "R1"}}})
		elsewhere := rig.JSON{"address1": "1 A", "city": "B", "state": "CA", "zip": "1"}
		require.Equal(t, "Second", filledBy(rig.JSON{"address": elsewhere}))
		require.Equal(t, "Texas", filledBy(rig.JSON{}))
		require.Equal(t, "Client", filledBy(rig.JSON{"client_code": "ACME", "address": elsewhere}))
		require.Equal(t, "Both", filledBy(rig.JSON{"client_code": "ACME"}))
		require.Equal(t, "Reference", filledBy(rig.JSON{"client_code": "ACME", "reference": "r1"}))
		require.Equal(t, "First", filledBy(rig.JSON{"client_code": "ACME", "work_type": "first"}), "a named one goes first")

		require.Equal(t, "Second__1", office.Want(201, "POST", "/work-types/"+second+"/duplicate", nil).Text("name"))
		again := office.Want(201, "POST", "/work-types/"+second+"/duplicate", nil)
		require.Equal(t, "Second__2", again.Text("name"))
		require.Equal(t, false, again.Get("default"))
		require.Len(t, office.Want(200, "GET", "/work-types", nil).List("items"), 9, "and the sample's")
		office.WantField(409, "name", "POST", "/work-types", rig.JSON{"name": " FIRST "})
		for field, bad := range map[string]rig.JSON{
			"name": {"name": ""}, "matches[0]": {"name": "x", "matches": []rig.JSON{{}}}, "due_in_days": {"name": "x", "due_in_days": -1},
			"priority": {"name": "x", "priority": "soon"}, "tasks[1].name": {"name": "x", "tasks": []rig.JSON{{"name": "a/b"}, {"name": "A_B"}}},
		} {
			office.WantField(422, field, "POST", "/work-types", bad)
		}
	})
}
