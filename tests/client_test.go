package tests

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

func TestAClientGetsItemsInSequence(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("open sesame")
		defer peer.Close()
		failed := map[string]bool{}
		peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) {
			if id, _ := payload["uuid"].(string); !failed[id] && len(failed) == 0 {
				failed[id] = true
				rig.Say(w, `{"status":false,"error":"busy, come back"}`)
				return
			}
			rig.Say(w, `{"status":true,"error":""}`)
		})
		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		office := rig.SignUp(t, in.URL)
		d := office.Want(201, "POST", "/destinations", rig.JSON{"name": "client", "kind": "client", "settings": rig.JSON{"url": peer.URL + "/api", "extension": "php", "username": "me", "password": "open sesame"}})
		require.NotContains(t, string(d.Body), "open sesame")
		require.Equal(t, true, office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil).Get("ok"))
		order, items := released(t, office, 3)
		delivery := func() rig.Answer {
			p := office.Want(200, "GET", "/work-orders/"+order+"/publications", nil)
			return office.Want(200, "GET", "/deliveries/"+p.Text("items", 0, "deliveries", 0, "id"), nil)
		}
		office.Await("the peer's words", func() bool { return delivery().Text("last_error") == "The peer said: busy, come back" })
		office.Await("the delivery", func() bool { return delivery().Text("state") == "delivered" })
		calls := peer.Calls("uploadPictures")
		require.Len(t, calls, 4, "three items, one of them twice")
		for _, c := range calls {
			require.Equal(t, []string{"payload", "file"}, c.Parts)
			require.Equal(t, c.Payload["uuid"], c.Payload["uuId"])
			for n := 7; n <= 30; n++ {
				require.Equal(t, "", c.Payload[fmt.Sprintf("attribute%d", n)])
			}
		}
		require.Equal(t, items[0].Text("uuid"), calls[0].Payload["uuid"])
		require.Equal(t, calls[0].Raw, calls[3].Raw, "a retry is the same")
		statuses := peer.Calls("status")
		require.NotEmpty(t, statuses)
		require.Contains(t, statuses[len(statuses)-1].Raw, `"complete"`)
		if *record {
			recordHistory(t, in, protocol.ClientID(models.ClientSubject(d.Text("id"), order)), "client-"+in.Name)
		}
	})
}

func TestASurveyGoesBackUnderTheNameThatItsSenderGave(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		peer := rig.NewPeer("open sesame")
		defer peer.Close()
		peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":""}`) })
		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		office := rig.SignUp(t, in.URL)
		office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": "hpirFull", "version": 1, "name": "PCR"}, "questions": []rig.JSON{{"id": "vacant", "answerType": "text"}}})
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "client", "kind": "client", "settings": rig.JSON{"url": peer.URL + "/api", "extension": "php", "username": "me", "password": "open sesame"}})
		push, _ := integrate(t, office, nil)
		for number, named := range map[string]string{"S-1": "hpirFull", "S-2": "hpirFull-v1"} {
			push.one(rig.JSON{"workOrderNumber": number, "address1": "1 Oak", "city": "Austin", "state": "TX", "zip": "78701", "services": []rig.JSON{{"serviceName": "PCR", "survey": named}}})
			order := byNumber(office, number)
			id := order.Text("id")
			require.Equal(t, "hpirFull-v1", order.Text("tasks", 0, "survey_id"))
			office.Want(201, "POST", "/work-orders/"+id+"/survey-responses", rig.JSON{"uuid": uuid.NewString(), "task_id": order.Text("tasks", 0, "id"), "answers": []rig.JSON{answer("vacant", "yes")}})
			office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": "~all~"})
			for _, action := range []string{"complete", "approve", "publish"} {
				office.Want(200, "POST", "/work-orders/"+id+"/"+action, nil)
			}
			owner := office.Want(200, "GET", "/account", nil).Text("name")
			office.Await("the survey", func() bool {
				for _, c := range peer.Calls("uploadPictures") {
					if c.Payload["key2"] == number {
						require.Equal(t, owner+"::"+named, c.Payload["template"])
						return true
					}
				}
				return false
			})
		}
	})
}
