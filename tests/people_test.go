package tests

import (
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
