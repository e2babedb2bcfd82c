package tests

import (
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// published takes an order with one photo to published and returns its deliveries by the name of their destination.
func published(office *rig.User, photo []byte) (order string, deliveries func() map[string]rig.Answer) {
	order = office.Order(rig.JSON{"assignee": "~all~"}).Text("id")
	office.Upload(order, photo)
	for _, event := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+order+"/"+event, nil)
	}
	return order, func() map[string]rig.Answer {
		found := map[string]rig.Answer{}
		a := office.Want(200, "GET", "/work-orders/"+order+"/publications", nil)
		for n := range a.List("items", 0, "deliveries") {
			d := rig.Answer{JSON: a.Get("items", 0, "deliveries", n).(map[string]any)}
			found[d.Text("destination", "name")] = d
		}
		return found
	}
}

func hookAt(office *rig.User, name, url string, more rig.JSON) rig.Answer {
	settings := rig.JSON{"url": url}
	for k, v := range more {
		settings[k] = v
	}
	return office.Want(201, "POST", "/destinations", rig.JSON{"name": name, "kind": "webhook", "settings": settings})
}

func TestADestinationThatIsDownBlocksNoOther(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		down, up := rig.NewReceiver(), rig.NewReceiver()
		defer down.Close()
		defer up.Close()
		down.Answer(func(int) int { return http.StatusInternalServerError })
		hookAt(office, "down", down.URL, nil)
		hookAt(office, "up", up.URL, rig.JSON{"events": []string{"work_order.published"}})
		base := "blocked-" + uuid.NewString()[:8]
		require.NoError(t, os.MkdirAll(in.Folders, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(in.Folders, base), nil, 0o644), "a file where the folder should be")
		folder := office.Want(201, "POST", "/destinations", rig.JSON{"name": "folder", "kind": "folder", "settings": rig.JSON{"path": base}})
		require.Equal(t, false, office.Want(200, "POST", "/destinations/"+folder.Text("id")+"/test", nil).Get("ok"))
		_, deliveries := published(office, rig.JPEG(200, 150, 1))
		office.Await("the one that is up", func() bool { return deliveries()["up"].Text("state") == "delivered" })
		require.Len(t, up.Events(), 1, "it asked for one type of event only")
		office.Await("attempts and errors of the others", func() bool {
			d := deliveries()
			return d["down"].Text("state") == "retrying" && d["down"].Text("last_error") == "the endpoint answered 500 Internal Server Error" &&
				d["folder"].Text("state") == "retrying" && d["folder"].Text("last_error") != "" && d["folder"].Get("next_attempt_at") != nil
		})
		require.NoError(t, os.Remove(filepath.Join(in.Folders, base)))
		office.Want(202, "POST", "/deliveries/"+deliveries()["folder"].Text("id")+"/retry", nil)
		down.Answer(func(int) int { return http.StatusNoContent })
		office.Want(202, "POST", "/deliveries/"+deliveries()["down"].Text("id")+"/retry", nil)
		office.Await("both after a retry by hand", func() bool {
			d := deliveries()
			return d["down"].Text("state") == "delivered" && d["folder"].Text("state") == "delivered"
		})
		detail := office.Want(200, "GET", "/deliveries/"+deliveries()["folder"].Text("id"), nil)
		require.GreaterOrEqual(t, len(detail.List("attempt_log")), 2)
		require.NotEmpty(t, detail.Text("attempt_log", 0, "error"))
		office.Want(409, "POST", "/deliveries/"+detail.Text("id")+"/retry", nil)
		ids := map[string]string{}
		for _, e := range down.Events() {
			if before, again := ids[e.ID]; again {
				require.Equal(t, before, string(e.Body), "a repeat is the same message")
			}
			ids[e.ID] = string(e.Body)
		}
	})
}

func TestADeliveryIsRetriedAfterItsPublicationEnded(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		path := "escape-" + uuid.NewString()[:8]
		require.NoError(t, os.MkdirAll(in.Folders, 0o755))
		require.NoError(t, os.Symlink("/etc", filepath.Join(in.Folders, path)))
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "folder", "kind": "folder", "settings": rig.JSON{"path": path}})
		_, deliveries := published(office, rig.JPEG(80, 60, 1))
		office.Await("a way out of the root to be refused for good", func() bool { return deliveries()["folder"].Text("state") == "failed" })
		require.Contains(t, deliveries()["folder"].Text("last_error"), "out of the root")
		require.Equal(t, "failed_delivery", office.Want(200, "GET", "/alerts", nil).Text("items", 0, "kind"))
		require.NoError(t, os.Remove(filepath.Join(in.Folders, path)))
		office.Want(202, "POST", "/deliveries/"+deliveries()["folder"].Text("id")+"/retry", nil)
		office.Await("the delivery", func() bool { return deliveries()["folder"].Text("state") == "delivered" })
		for _, bad := range []string{"../x", "/../x", "a/../../b", ""} {
			office.WantField(422, "settings.path", "POST", "/destinations", rig.JSON{"name": "f", "kind": "folder", "settings": rig.JSON{"path": bad}})
		}
		office.WantField(422, "settings.template", "POST", "/destinations", rig.JSON{"name": "f", "kind": "folder", "settings": rig.JSON{"path": "a", "template": "Planet"}})
		rig.SignUp(t, in.URL).WantField(409, "settings.path", "POST", "/destinations", rig.JSON{"name": "f", "kind": "folder", "settings": rig.JSON{"path": path + "/below"}})
	})
}

func TestWebhooksRotateReplayAndEnd(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		hook := rig.NewReceiver()
		defer hook.Close()
		d := hookAt(office, "hook", hook.URL, rig.JSON{"include_file": true})
		path := "/destinations/" + d.Text("id")
		old := d.Text("settings", "secret")
		require.Empty(t, office.Want(200, "GET", path, nil).Text("settings", "secret"), "shown once")
		fresh := office.Want(200, "POST", path+"/rotate-secret", nil).Text("settings", "secret")
		require.NotEqual(t, old, fresh)
		photo := rig.JPEG(120, 90, 1)
		order, deliveries := published(office, photo)
		office.Await("the delivery", func() bool { return deliveries()["hook"].Text("state") == "delivered" })
		item := hook.OfOrder(order, "item.published")[0]
		sent, err := base64.StdEncoding.DecodeString(item.JSON.Text("data", "item", "file"))
		require.NoError(t, err)
		require.Equal(t, photo, sent)
		for _, secret := range []string{old, fresh} { // the old one signs along for a day
			verifier, err := standardwebhooks.NewWebhook(secret)
			require.NoError(t, err)
			require.NoError(t, verifier.Verify(item.Body, http.Header{"Webhook-Id": {item.ID}, "Webhook-Timestamp": {item.Timestamp}, "Webhook-Signature": {item.Signature}}))
		}
		before := len(hook.Events())
		require.EqualValues(t, before, office.Want(202, "POST", path+"/replay", nil).Get("messages"))
		office.Await("the replay", func() bool { return len(hook.Events()) == 2*before })
		bodies := map[string]string{}
		for _, e := range hook.Events() {
			if first, again := bodies[e.ID]; again {
				require.Equal(t, first, string(e.Body))
			}
			bodies[e.ID] = string(e.Body)
		}
		require.Len(t, bodies, before, "replays keep their ids")
		require.Equal(t, true, office.Want(200, "POST", path+"/test", nil).Get("ok"))
		hook.Answer(func(int) int { return http.StatusGone })
		office.Order(nil)
		office.Await("410 to switch it off", func() bool { return office.Want(200, "GET", path, nil).Get("enabled") == false })
		require.Equal(t, "webhook_failing", office.Want(200, "GET", "/alerts", nil).Text("items", 0, "kind"))
		office.Want(409, "POST", path+"/replay", nil)
	})
}

func TestRequestsOfOursReachOnlyWhatTheOperatorAllowed(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for _, url := range []string{"http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[fd00::1]/", "http://0.0.0.0:1/"} {
			d := hookAt(office, url, url, nil)
			a := office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil)
			require.Equal(t, false, a.Get("ok"))
			require.Contains(t, a.Text("error"), "FIELDPROOF_ALLOWED_NETWORKS", url)
		}
		for _, url := range []string{"ftp://example.com", "http://user:pass@example.com", "file:///etc/passwd", "example.com"} {
			office.WantField(422, "settings.url", "POST", "/destinations", rig.JSON{"name": "x", "kind": "webhook", "settings": rig.JSON{"url": url}})
		}
		away := rig.NewReceiver()
		defer away.Close()
		redirect := rig.NewReceiver()
		defer redirect.Close()
		redirect.Config.Handler = http.RedirectHandler(away.URL, http.StatusTemporaryRedirect)
		d := hookAt(office, "redirect", redirect.URL, nil)
		require.Equal(t, false, office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil).Get("ok"))
		require.Empty(t, away.Events(), "a redirect is not followed")
	})
}
