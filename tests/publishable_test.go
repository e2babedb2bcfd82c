package tests

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestWhatAPublicationWouldSendIsToldBefore(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		staff, crew := office.Colleague("staff"), office.Colleague("crew")
		up, down := rig.NewReceiver(), rig.NewReceiver()
		defer up.Close()
		defer down.Close()
		hookAt(office, "up", up.URL, nil)
		down.Answer(func(int) int { return http.StatusInternalServerError })
		late := hookAt(office, "late", down.URL, nil)
		office.Want(200, "PATCH", "/destinations/"+late.Text("id"), rig.JSON{"enabled": false})
		o := office.Order(rig.JSON{"assignee": crew.Username})
		id := o.Text("id")
		elsewhere := office.Order(nil).Text("id")
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "of another order", "kind": "webhook", "scope": rig.JSON{"work_order_id": elsewhere}, "settings": rig.JSON{"url": up.URL}})
		var photos []string
		for n := range uint64(3) {
			photos = append(photos, crew.Upload(id, rig.JPEG(60, 40, n+1)).Text("id"))
		}
		told := func(query string) rig.Answer {
			return staff.Want(200, "GET", "/work-orders/"+id+"/publishable"+query, nil)
		}
		office.AwaitState(id, "in_progress")
		require.EqualValues(t, 0, told("").Get("items"), "nothing goes out unseen")
		require.EqualValues(t, 3, told("").Get("unseen"))
		require.Equal(t, "up", told("").Text("destinations", 0, "name"))
		require.Len(t, told("").List("destinations"), 1, "neither what is switched off nor what is another order's")

		office.Want(200, "PATCH", "/photos/"+photos[2], rig.JSON{"review": "rejected", "reason": "Blurred"})
		for _, step := range []string{"complete", "approve"} {
			office.Want(200, "POST", "/work-orders/"+id+"/"+step, nil)
		}
		a := told("")
		require.EqualValues(t, []any{2.0, 2.0, 1.0, 0.0}, []any{a.Get("items"), a.Get("photos"), a.Get("rejected"), a.Get("unseen")})
		require.EqualValues(t, []any{2.0, 0.0, true}, []any{a.Get("destinations", 0, "lacks"), a.Get("destinations", 0, "has"), a.Get("destinations", 0, "admitted")})
		require.EqualValues(t, 1, told("?item_ids="+photos[0]+","+photos[2]).Get("destinations", 0, "lacks"), "a rejected one goes nowhere, asked for or not")

		office.Want(200, "POST", "/work-orders/"+id+"/publish", rig.JSON{"item_ids": []string{photos[0]}})
		a = told("")
		require.EqualValues(t, []any{1.0, 1.0}, []any{a.Get("destinations", 0, "lacks"), a.Get("destinations", 0, "has")}, "what is on its way is not lacking")
		office.Want(200, "PATCH", "/destinations/"+late.Text("id"), rig.JSON{"enabled": true})
		office.Want(200, "PATCH", "/photos/"+photos[0], rig.JSON{"notes": "Other words"})
		for n := range told("").List("destinations") {
			require.EqualValues(t, 2, told("").Get("destinations", n, "lacks"), "new words go out again, and a new place lacks all")
		}
		crew.Want(403, "GET", "/work-orders/"+id+"/publishable", nil)
		office.Want(400, "GET", "/work-orders/"+id+"/publishable?items=x", nil)
	})
}

func TestAPropertyIsFoundByItsAddress(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for _, address := range []rig.JSON{
			{"address1": "118 Quartz Street", "city": "Round Rock", "state": "TX", "zip": "78664"},
			{"address1": "9 Éclair Way", "address2": "Unit %_", "city": "San Marcos", "state": "TX", "zip": "78666-1234"},
			{"address1": "118 Elm Street", "city": "Albany", "state": "NY", "zip": "12207"},
		} {
			office.Want(201, "POST", "/properties", rig.JSON{"address": address})
		}
		for query, want := range map[string]int{
			"": 4, "118": 2, "street 118 round": 1, "éclair": 1, "ÉCLAIR texas": 1, "TX": 3, "78666": 1, "%": 4, "nowhere": 0, "118 quartz albany": 0, // the sample order's too
		} {
			require.Len(t, office.Want(200, "GET", "/properties?q="+url.QueryEscape(query), nil).List("items"), want, query)
		}
		page := office.Want(200, "GET", "/properties?q=street&limit=1", nil)
		require.Len(t, office.Want(200, "GET", "/properties?q=street&limit=1&cursor="+page.Text("next_cursor"), nil).List("items"), 1)
		office.Want(400, "GET", "/properties?q=elm&limit=1&cursor="+page.Text("next_cursor"), nil)
		office.Want(400, "GET", "/properties?find=elm", nil)
		require.Empty(t, rig.SignUp(t, in.URL).Want(200, "GET", "/properties?q=118", nil).List("items"), "those of others are not found")
	})
}
