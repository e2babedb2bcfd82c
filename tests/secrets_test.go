package tests

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/prototext"

	"fieldproof/models"
	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

// TestSecretsAndTypedTextsStayWhereTheyBelong puts a mark into every secret and text that can get into an error, makes
// things fail, and searches what operators, logs and others of the account see.
func TestSecretsAndTypedTextsStayWhereTheyBelong(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		mark := "Mark" + strings.ReplaceAll(uuid.NewString(), "-", "")
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		hook := rig.NewReceiver()
		hook.Close() // it does not answer
		refusing := rig.NewReceiver()
		defer refusing.Close()
		refusing.Answer(func(int) int { return http.StatusInternalServerError })
		peer := rig.NewPeer(mark + "password")
		defer peer.Close()
		peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) {
			rig.Say(w, `{"status":false,"error":"`+mark+` says the peer"}`)
		})
		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		var destinations []string
		for _, d := range []rig.JSON{
			{"name": "down", "kind": "webhook", "settings": rig.JSON{"url": hook.URL + "/" + mark + "url?token=" + mark, "authorization": "Bearer " + mark}},
			{"name": "refusing", "kind": "webhook", "settings": rig.JSON{"url": refusing.URL + "/" + mark + "url", "authorization": "Bearer " + mark}},
			{"name": "client", "kind": "client", "settings": rig.JSON{"url": peer.URL + "/" + mark + "api", "extension": "php", "username": mark + "user", "password": mark + "password"}},
			{"name": "dav", "kind": "webdav", "settings": rig.JSON{"path": "a", "options": rig.JSON{"url": hook.URL + "/" + mark + "dav", "user": mark + "user", "pass": mark + "pass"}}},
		} {
			destinations = append(destinations, office.Want(201, "POST", "/destinations", d).Text("id"))
		}
		order := office.Order(rig.JSON{"assignee": crew.Username, "work_order_info": mark + "code", "instructions": mark + "said"})
		id := order.Text("id")
		refused := office.Do("POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": mark + "nobody"})
		require.Equal(t, 422, refused.Status)
		require.Contains(t, string(refused.Body), mark+"nobody", "whoever typed it reads it")
		require.Equal(t, 422, office.Do("POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": mark + "nobody"}, "Idempotency-Key", uuid.NewString()).Status)
		crew.Upload(id, rig.JPEG(60, 40, 1), "notes", mark+"note")
		for _, action := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+id+"/"+action, nil)
		}
		publication := ""
		office.Await("all to fail", func() bool {
			p := office.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
			publication = p.Text("items", 0, "id")
			failing := 0
			for n := range p.List("items", 0, "deliveries") {
				if p.Text("items", 0, "deliveries", n, "last_error") != "" {
					failing++
				}
			}
			return failing == len(destinations)
		})

		c := temporalOf(t, in)
		histories := map[string]string{"the order": protocol.WorkOrderID(id), "the publication": protocol.PublicationID(publication), "the client": protocol.ClientID(models.ClientSubject(destinations[2], id))}
		for n, name := range []string{"down", "refusing"} {
			histories["the web-hook "+name] = protocol.WebhookID(destinations[n])
		}
		for name, workflow := range histories {
			require.NotContains(t, prototext.Format(historyOf(t, c, workflow)), mark, "the history of %s", name)
			d, err := c.DescribeWorkflowExecution(context.Background(), workflow, "")
			require.NoError(t, err)
			require.NotContains(t, prototext.Format(d), mark, "what is pending of %s", name)
		}
		require.NotContains(t, in.Output(), mark, "the log")
		alerts := string(office.Want(200, "GET", "/alerts", nil).Body)
		require.NotContains(t, alerts, mark+"url")
		// Errors name the destination and its host, and a peer's own words.
		p := office.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
		require.NotContains(t, string(p.Body), mark+"url")
		require.NotContains(t, string(p.Body), mark+"pass")
		require.Contains(t, string(p.Body), mark+" says the peer")
		for n := range p.List("items", 0, "deliveries") {
			a := string(office.Want(200, "GET", "/deliveries/"+p.Text("items", 0, "deliveries", n, "id"), nil).Body)
			for _, secret := range []string{"url", "pass", "api", "dav", "user"} {
				require.NotContains(t, a, mark+secret)
			}
		}
		for _, path := range []string{"/work-orders/" + id, "/work-orders/" + id + "/events", "/work-orders/" + id + "/photos", "/account"} {
			a := crew.Want(200, "GET", path, nil)
			for _, secret := range []string{"url", "pass", "api", "dav", "user", " says"} {
				require.NotContains(t, string(a.Body), mark+secret, path)
			}
		}
	})
}
