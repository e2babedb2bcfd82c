package tests

import (
	"cmp"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestPeopleAreCalledByTheirFullNames: a username only where no name is set, and beside the name, which others may bear too.
func TestPeopleAreCalledByTheirFullNames(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		called := func(name string) {
			t.Helper()
			id := order.Text("id")
			at := "/work-orders/" + id
			for path, member := range map[string][]any{
				at:                {"assignee", "assignee_name"},
				at + "/photos":    {"items", 0, "uploaded_by", "uploaded_by_name"},
				at + "/check-ins": {"items", 0, "uploaded_by", "uploaded_by_name"},
			} {
				last := len(member) - 1
				shown := office.Want(200, "GET", path, nil)
				require.Equal(t, crew.Username, shown.Get(member[:last]...), path)
				require.Equal(t, name, shown.Get(append(member[:last-1:last-1], member[last])...), path)
			}
		}
		crew.Upload(order.Text("id"), rig.JPEG(60, 40, 1))
		crew.Want(201, "POST", "/work-orders/"+order.Text("id")+"/check-ins", rig.JSON{"uuid": uuid.NewString(), "at": now(), "latitude": 30.5, "longitude": -97.6, "accuracy": 5})
		called(crew.Username)
		office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"name": "Dana Reyes"})
		called("Dana Reyes")
	})
}

// TestClientsAreCalledByTheirNames: as the integration with an order's client code says, on every screen, and to those who are told the code.
func TestClientsAreCalledByTheirNames(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"client_code": "Meridian"})
		other := rig.SignUp(t, in.URL)
		other.Want(201, "POST", "/integrations", rig.JSON{"client_code": "MERIDIAN", "name": "Of another account", "kind": "push"})
		unnamed := office.Order(rig.JSON{"client_code": "Halberd", "assignee": crew.Username})
		id, at := order.Text("id"), "/work-orders/"+order.Text("id")
		called := func(name string) {
			t.Helper()
			for _, who := range []*rig.User{office, crew} {
				require.Equal(t, name, who.Want(200, "GET", at, nil).Text("client_name"))
				shown := map[string]string{}
				for _, o := range who.Want(200, "GET", "/work-orders?ids="+id+","+unnamed.Text("id"), nil).List("items") {
					o := o.(map[string]any)
					shown[o["id"].(string)] = o["client_name"].(string)
				}
				require.Equal(t, map[string]string{id: name, unnamed.Text("id"): ""}, shown)
				names, _ := who.Want(200, "GET", "/work-orders/counts?by=client_code", nil).Get("names").(map[string]any)
				require.Equal(t, name, cmp.Or(names["Meridian"], any("")))
				require.NotContains(t, names, "Halberd")
			}
			visits := office.Want(200, "GET", "/properties/"+order.Text("property_id")+"/visits", nil)
			require.Contains(t, string(visits.Body), fmt.Sprintf(`"client_name":%q`, name))
		}
		called("")
		integration := func(name string) string {
			return "/integrations/" + office.Want(201, "POST", "/integrations", rig.JSON{"client_code": "meridian", "name": name, "kind": "push"}).Text("id")
		}
		first := integration("Meridian Servicing")
		called("Meridian Servicing")
		office.Want(200, "PATCH", first, rig.JSON{"name": "Meridian and Sons"})
		called("Meridian and Sons")
		office.Want(204, "DELETE", first, nil)
		called("Meridian and Sons") // its orders are still there
		second := integration("Meridian of Texas")
		called("Meridian of Texas")
		office.Want(200, "PATCH", second, rig.JSON{"enabled": false})
		called("Meridian of Texas")
		office.Want(200, "PATCH", second, rig.JSON{"name": ""})
		called("") // who takes the name away means it, whatever another was called before

		// Whoever worked on it is told the code, and what that is called; nobody else is told of either.
		office.Want(200, "PATCH", second, rig.JSON{"name": "Meridian of Texas"})
		crew.Upload(id, rig.JPEG(60, 40, 1))
		office.Want(200, "POST", at+"/unassign", nil)
		past := crew.Want(200, "GET", "/work-orders?worked_on=me", nil)
		require.Equal(t, []any{"Meridian", "Meridian of Texas"}, []any{past.Get("items", 0, "client_code"), past.Get("items", 0, "client_name")})
		require.NotContains(t, string(crew.Want(200, "GET", "/work-orders/counts?by=client_code", nil).Body), "Meridian")
	})
}
