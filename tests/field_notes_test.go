package tests

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestANoteFromTheFieldStaysInTheAccount(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, o := crewWithOrder(t, in, nil)
		order := o.Text("id")
		key := uuid.NewString()
		note := crew.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": "Dog in the yard", "inside": false}, "Idempotency-Key", key)
		require.Equal(t, true, note.Get("inside"))
		office.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": "Call the owner", "inside": true})
		office.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": "Thank you"})
		crew.Upload(order, rig.JPEG(80, 60, 1))
		office.AwaitState(order, "in_progress")
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
		}
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_comments": true}).Text("url")
		nobody := &rig.User{T: t, URL: in.URL}
		page := string(nobody.Want(200, "GET", link, nil).Body)
		require.Contains(t, page, "Thank you")
		require.NotContains(t, page, "Dog in the yard")
		require.NotContains(t, page, "Call the owner")

		// A phone that was offline meanwhile: the order is another's now, the answer to the first try was lost.
		office.Want(200, "POST", "/work-orders/"+order+"/reject", rig.JSON{"reason": "Again"})
		office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": office.Colleague("crew").Username})
		require.Equal(t, note.Text("id"), crew.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": "Dog in the yard", "inside": false}, "Idempotency-Key", key).Text("id"))
		crew.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": "The key is under the mat"})
		require.Len(t, office.Want(200, "GET", "/work-orders/"+order+"/comments", nil).List("items"), 4)
		crew.Want(403, "GET", "/work-orders/"+order+"/comments", nil)
	})
}

func TestWhoMakesAnOrderMayKeepItForThemselves(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, other := office.Colleague("crew"), office.Colleague("crew")
		order := func(number, assignee string) rig.JSON {
			return rig.JSON{"work_order_number": number, "assignee": assignee, "address": rig.JSON{"address1": "1 Elm St", "city": "Austin", "state": "TX", "zip": "78701"},
				"tasks": []rig.JSON{{"name": "Look"}}}
		}
		crew.Want(403, "POST", "/work-orders", order("F-1", crew.Username))
		role := office.Want(200, "GET", "/roles/crew", nil)
		office.Want(200, "PATCH", "/roles/crew", rig.JSON{"privileges": append(role.List("privileges"), "create_orders")})
		crew.Want(403, "POST", "/work-orders", order("F-1", other.Username))
		made := crew.Want(201, "POST", "/work-orders", order("F-1", crew.Username)).Text("id")
		crew.AwaitState(made, "assigned")
		other.Want(404, "GET", "/work-orders/"+made, nil)
	})
}
