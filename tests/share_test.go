package tests

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// linked is a delegator, its login for a vendor, and the vendor's own account.
type linked struct {
	office, vendor *rig.User
	login          string // of the vendor, in the delegator's account
	loginID        string
	in, out        string // the two ends of the link
	integration    string
}

// link links two accounts by hand, as the quick start does: a subcontractor user at the delegator, an integration of kind
// share at the recipient.
func link(t *testing.T, office, vendor *rig.User, code, at string) *linked {
	t.Helper()
	l := &linked{office: office, vendor: vendor, login: "vendor-" + uuid.NewString()[:12]}
	l.loginID = office.Want(201, "POST", "/users", rig.JSON{"username": l.login, "password": "correct horse battery", "name": "Lone Star Lawns", "role": "subcontractor"}).Text("id")
	settings := rig.JSON{"username": l.login, "password": "correct horse battery"}
	if at != "" {
		settings["url"] = at
	}
	l.integration = vendor.Want(201, "POST", "/integrations", rig.JSON{"client_code": code, "name": "Acme", "kind": "share", "settings": settings}).Text("id")
	l.in = vendor.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
	vendor.Await("the link", func() bool { return vendor.Want(200, "GET", "/share-links/"+l.in, nil).Text("state") == "ok" })
	for _, item := range office.Want(200, "GET", "/share-links", nil).List("items") {
		if one := item.(map[string]any); one["username"] == l.login {
			l.out = one["id"].(string)
		}
	}
	require.NotEmpty(t, l.out, "the delegator sees the link too")
	return l
}

// at finds an order by its number, once it is there.
func at(u *rig.User, number string) (order rig.Answer) {
	u.Await("order "+number, func() bool {
		found := u.Want(200, "GET", "/work-orders?q="+number, nil).List("items")
		if len(found) == 0 {
			return false
		}
		order = u.Want(200, "GET", "/work-orders/"+found[0].(map[string]any)["id"].(string), nil)
		return true
	})
	return order
}

func TestTwoAccountsWorkAsOne(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		shown := vendor.Want(200, "GET", "/share-links/"+l.in, nil)
		require.Equal(t, []any{"in", true}, []any{shown.Get("direction"), shown.Get("peer", "fieldproof")})
		require.NotEmpty(t, shown.Text("peer", "name"))
		require.NotEmpty(t, shown.Get("last_contact_at"))

		// An order that is assigned to the login appears in the vendor's account.
		number := uuid.NewString()[:12]
		order := office.Order(rig.JSON{"work_order_number": number, "work_order_info": "Lock box 4711", "reference": "margin 40", "description": "pays late",
			"tasks": []rig.JSON{{"name": "Front", "required_photos": rig.JSON{"before": 1}}}})
		office.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": l.login})
		theirs := at(vendor, number)
		require.Equal(t, []any{"ACME", "Lock box 4711", 1.0}, []any{theirs.Get("client_code"), theirs.Get("work_order_info"), theirs.Get("tasks", 0, "required_photos", "before")})
		require.Empty(t, theirs.Text("reference"), "what the office alone may see does not travel")
		require.Empty(t, theirs.Text("description"))

		// The first photo there is seen here, then the completion.
		crew := vendor.Colleague("crew")
		id := theirs.Text("id")
		vendor.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": crew.Username})
		crew.Upload(id, rig.JPEG(64, 48, 1), "task_id", theirs.Text("tasks", 0, "id"), "evidence_type", "before", "source", "mobile_camera")
		office.AwaitState(order.Text("id"), "in_progress")
		crew.Want(200, "POST", "/work-orders/"+id+"/complete", rig.JSON{})
		office.AwaitState(order.Text("id"), "completed")

		// What the vendor's office releases comes back with its bytes.
		vendor.Want(200, "POST", "/work-orders/"+id+"/approve", rig.JSON{})
		vendor.Want(200, "POST", "/work-orders/"+id+"/publish", rig.JSON{})
		var photos rig.Answer
		office.Await("the photo", func() bool {
			photos = office.Want(200, "GET", "/work-orders/"+order.Text("id")+"/photos", nil)
			return len(photos.List("items")) == 1
		})
		own := vendor.Want(200, "GET", "/work-orders/"+id+"/photos", nil)
		require.Equal(t, []any{own.Get("items", 0, "uuid"), own.Get("items", 0, "sha256")}, []any{photos.Get("items", 0, "uuid"), photos.Get("items", 0, "sha256")})
		published := vendor.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
		require.Equal(t, "share", published.Text("items", 0, "deliveries", 0, "destination", "kind"))
	})
}
