package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
	"fieldproof/workflows/protocol"
)

func TestASecureLinkShowsWhatIsPublished(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 2)
		office.Want(200, "PATCH", "/work-orders/"+order, rig.JSON{"work_order_info": "door code 4711", "description": "office only"})
		made := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true, "allow_comments": true})
		link := made.Text("url")
		require.Empty(t, office.Want(200, "GET", "/links/"+made.Text("id"), nil).Text("url"), "shown once")
		nobody := &rig.User{T: t, URL: in.URL}
		page := nobody.Want(200, "GET", link, nil)
		require.Contains(t, page.Header.Get("X-Robots-Tag"), "noindex")
		require.Equal(t, "no-referrer", page.Header.Get("Referrer-Policy"))
		for _, i := range items {
			require.Contains(t, string(page.Body), i.Text("id"))
			require.Equal(t, 200, nobody.Do("GET", link+"/items/"+i.Text("id")+"/thumbnail", nil).Status)
		}
		archive := nobody.Want(200, "GET", link+"/archive.zip", nil).Body
		_, good := check(t, archive)
		require.True(t, good)
		for _, secret := range []string{"door code", "office only"} {
			require.NotContains(t, string(page.Body), secret)
			require.NotContains(t, string(archive), secret)
		}
		require.True(t, bytes.HasPrefix(nobody.Want(200, "GET", link+"/report.pdf", nil).Body, []byte("%PDF-")))
		later := office.Upload(order, rig.JPEG(90, 60, 9))
		require.NotContains(t, string(nobody.Want(200, "GET", link, nil).Body), later.Text("id"), "not published yet")
		require.Equal(t, 404, nobody.Do("GET", link+"/items/"+later.Text("id")+"/display", nil).Status)

		require.Equal(t, 303, rig.SendForm(t, link+"/comments", url.Values{"author": {"Client"}, "text": {"<b>Well done</b>"}}).Status)
		require.Equal(t, 422, rig.SendForm(t, link+"/comments", url.Values{"author": {"Client"}}).Status)
		require.Contains(t, string(nobody.Want(200, "GET", link, nil).Body), "&lt;b&gt;Well done")
		require.Equal(t, "Client", office.Want(200, "GET", "/work-orders/"+order+"/comments", nil).Text("items", 0, "author"))
		views := office.Want(200, "GET", "/links/"+made.Text("id")+"/views", nil)
		require.GreaterOrEqual(t, len(views.List("items")), 5)

		office.Want(204, "DELETE", "/links/"+made.Text("id"), nil)
		require.Equal(t, 410, nobody.Do("GET", link, nil).Status)
		require.Equal(t, 410, nobody.Do("GET", link+"/archive.zip", nil).Status)
		require.Equal(t, 404, nobody.Do("GET", link+"x", nil).Status)
		office.WantField(422, "expires_at", "POST", "/work-orders/"+order+"/links", rig.JSON{"expires_at": "2001-01-01T00:00:00Z"})
	})
}

func TestALinkAsksForItsPassword(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 2)
		made := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"password": "open sesame", "item_ids": []string{items[0].Text("id")}})
		link := made.Text("url")
		nobody := &rig.User{T: t, URL: in.URL}
		require.NotContains(t, string(nobody.Want(200, "GET", link, nil).Body), items[0].Text("id"))
		require.Equal(t, 401, nobody.Do("GET", link+"/items/"+items[0].Text("id")+"/display", nil).Status)
		require.Equal(t, 403, rig.SendForm(t, link+"/password", url.Values{"password": {"wrong"}}).Status)
		in1 := rig.SendForm(t, link+"/password", url.Values{"password": {"open sesame"}})
		require.Equal(t, 303, in1.Status)
		cookie := strings.Split(in1.Header.Get("Set-Cookie"), ";")[0]
		page := nobody.Want(200, "GET", link, nil, "Cookie", cookie)
		require.Contains(t, string(page.Body), items[0].Text("id"))
		require.NotContains(t, string(page.Body), items[1].Text("id"), "an item that the link does not name")
		require.Equal(t, 403, nobody.Do("GET", link+"/archive.zip", nil, "Cookie", cookie).Status, "downloads are not allowed")
		require.Contains(t, string(page.Body), "/verify/"+items[0].Text("uuid"))
		require.NotContains(t, string(page.Body), "code=", "nor by the code that opens originals")
		require.Equal(t, 200, nobody.Do("GET", link+"/items/"+items[0].Text("id")+"/display", nil, "Cookie", cookie).Status)
		require.Equal(t, 404, nobody.Do("GET", link+"/items/"+items[1].Text("id")+"/display", nil, "Cookie", cookie).Status)
		require.Equal(t, 404, nobody.Do("GET", link+"/items/"+items[0].Text("id")+"/original", nil, "Cookie", cookie).Status)
		require.Equal(t, 403, nobody.Do("POST", link+"/comments", nil, "Cookie", cookie).Status)
	})
}

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

func TestTemplatesOfWebhooksGiveTheIncumbentsBody(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		ready, own := rig.NewReceiver(), rig.NewReceiver()
		defer ready.Close()
		defer own.Close()
		hookAt(office, "ready", ready.URL, rig.JSON{"template": "pruvan", "include_file": true, "events": []string{"item.published"}})
		hookAt(office, "own", own.URL, rig.JSON{"events": []string{"item.published"},
			"template": `{"order":"{{workorder.workOrderNumber}}","where":"{{{workorder.address1}}}","uuid":"{{item.uuid}}","notes":"{{item.notes}}","tasks":[{{#each workorder.services}}{{#unless @first}},{{/unless}}"{{serviceName}}"{{/each}}]}`})
		for _, bad := range []string{`{"a":{{workorder.workOrderNumber}}`, `{"a":"{{#if}"}`, `{{> other}}`, `plain`} {
			office.WantField(422, "settings.template", "POST", "/destinations", rig.JSON{"name": "x", "kind": "webhook", "settings": rig.JSON{"url": own.URL, "template": bad}})
		}
		o := office.Order(rig.JSON{"address": rig.JSON{"address1": `12 "Oak" & <Elm>`, "city": "c", "state": "TX", "zip": "1"}})
		photo := rig.JPEG(90, 60, 1)
		item := office.Upload(o.Text("id"), photo, "notes", "two\nlines \"quoted\"")
		office.Want(200, "POST", "/work-orders/"+o.Text("id")+"/assign", rig.JSON{"assignee": office.Username})
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+o.Text("id")+"/"+step, nil)
		}
		office.Await("both", func() bool { return len(ready.Events()) == 1 && len(own.Events()) == 1 })
		var body rig.Answer
		require.NoError(t, json.Unmarshal(ready.Events()[0].Body, &body.JSON))
		require.Equal(t, o.Text("work_order_number"), body.Text("workorder", "workOrderNumber"))
		require.Equal(t, item.Text("uuid"), body.Text("item", "uuid"))
		require.NotEmpty(t, body.Text("item", "file"))
		require.NoError(t, json.Unmarshal(own.Events()[0].Body, &body.JSON))
		require.Equal(t, `12 "Oak" & <Elm>`, body.Text("where"))
		require.Equal(t, "two\nlines \"quoted\"", body.Text("notes"))
		require.Equal(t, []any{"Inspection"}, body.List("tasks"))
	})
}

func TestEveryKindOfPlaceGetsWhatIsPublished(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		places := map[string]*rig.Place{"s3": rig.S3Place(t), "sftp": rig.SFTPPlace(t), "webdav": rig.WebDAVPlace(t)}
		for kind, p := range places {
			d := office.Want(201, "POST", "/destinations", rig.JSON{"name": kind, "kind": kind,
				"settings": rig.JSON{"path": p.Settings["path"], "options": p.Settings["options"], "template": "Project", "save_metadata": true}})
			require.NotContains(t, string(d.Body), "secret\"", "secrets are write only")
			tested := office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil)
			require.Equal(t, true, tested.Get("ok"), "%s: %s", kind, tested.Body)
		}
		order, items := released(t, office, 2)
		office.Await("every place", func() bool {
			all := office.Want(200, "GET", "/work-orders/"+order+"/publications", nil).List("items", 0, "deliveries")
			for _, d := range all {
				if m := d.(map[string]any); m["state"] != "delivered" {
					return false
				}
			}
			return len(all) == len(places)
		})
		number := office.Want(200, "GET", "/work-orders/"+order, nil).Text("work_order_number")
		for kind, p := range places {
			names := p.Names(number)
			require.Len(t, names, 5, "%s: two photos with their metadata, and the report: %v", kind, names)
			for _, i := range items {
				for _, name := range names {
					if strings.Contains(name, i.Text("uuid")) && strings.HasSuffix(name, ".jpg") {
						require.Equal(t, i.Text("sha256"), sha(p.Read(number+"/"+name)), kind)
					}
				}
			}
		}
		office.WantField(422, "settings.options.ssh", "POST", "/destinations", rig.JSON{"name": "x", "kind": "sftp", "settings": rig.JSON{"path": "x", "options": rig.JSON{"host": "h", "user": "u", "ssh": "sh -c id"}}})
		// A server that has another key than it should gets nothing, its own is believed.
		for _, other := range []bool{false, true} {
			p, key := rig.SFTPPlace(t), ""
			if key = p.HostKey; other {
				key = rig.SFTPPlace(t).HostKey
			}
			options := rig.JSON{"host_key": key}
			for name, value := range p.Settings["options"].(rig.JSON) {
				options[name] = value
			}
			d := office.Want(201, "POST", "/destinations", rig.JSON{"name": "keyed", "kind": "sftp", "settings": rig.JSON{"path": "keyed", "options": options}})
			tested := office.Want(200, "POST", "/destinations/"+d.Text("id")+"/test", nil)
			require.Equal(t, !other, tested.Get("ok"), "%s", tested.Body)
		}
		office.WantField(422, "settings.options.host_key", "POST", "/destinations", rig.JSON{"name": "x", "kind": "sftp", "settings": rig.JSON{"path": "x", "options": rig.JSON{"host": "h", "user": "u", "host_key": "rubbish"}}})

		// Folders are shown on a real order before anything goes there.
		d := office.Want(200, "GET", "/destinations?limit=200", nil)
		for n := range d.List("items") {
			if d.Text("items", n, "name") == "webdav" {
				preview := office.Want(200, "GET", "/destinations/"+d.Text("items", n, "id")+"/preview?work_order_id="+order, nil)
				require.Len(t, preview.List("files"), 2)
				require.Contains(t, preview.Text("files", 0), "/"+number+"/")
			}
		}
		office.Want(409, "POST", "/destinations/"+d.Text("items", 0, "id")+"/connect", nil)
		drive := office.Want(201, "POST", "/destinations", rig.JSON{"name": "drive", "kind": "drive", "settings": rig.JSON{"path": "results"}})
		require.Equal(t, false, drive.Get("settings", "connected"))
		unregistered := office.Want(409, "POST", "/destinations/"+drive.Text("id")+"/connect", nil)
		require.Contains(t, unregistered.Text("detail"), "FIELDPROOF_DRIVE_APP")
		office.Want(200, "PATCH", "/destinations/"+drive.Text("id"), rig.JSON{"settings": rig.JSON{"options": rig.JSON{"client_id": "own-id", "client_secret": "own-secret"}}})
		begun := office.Want(200, "POST", "/destinations/"+drive.Text("id")+"/connect", nil)
		require.Contains(t, begun.Text("url"), "code_challenge_method=S256")
		require.Contains(t, begun.Text("url"), "client_id=own-id")
		require.Contains(t, begun.Header.Get("Set-Cookie"), "HttpOnly")
		private := office.Want(201, "POST", "/destinations", rig.JSON{"name": "x", "kind": "webdav", "settings": rig.JSON{"path": "x" + uuid.NewString(), "options": rig.JSON{"url": "http://10.0.0.1/"}}})
		require.Contains(t, office.Want(200, "POST", "/destinations/"+private.Text("id")+"/test", nil).Text("error"), "FIELDPROOF_ALLOWED_NETWORKS")
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

func TestCodesOpenOnlyWhatIsPublicNow(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 3)
		nobody := &rig.User{T: t, URL: in.URL}
		code := regexp.MustCompile(`/verify/([0-9a-fA-F-]+)\?code=([A-Za-z0-9._-]+)`)
		codesOf := func(page string) map[string]string {
			found := map[string]string{}
			for _, m := range code.FindAllStringSubmatch(page, -1) {
				found[strings.ToLower(m[1])] = m[2]
			}
			return found
		}
		opens := func(uuid, code string) int {
			return nobody.Do("GET", in.URL+"/verify/"+uuid+"/original?code="+code, nil).Status
		}
		made := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true})
		soon := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true, "expires_at": time.Now().Add(3 * time.Second)})
		codes := codesOf(string(nobody.Want(200, "GET", made.Text("url"), nil).Body))
		printed := codesOf(string(nobody.Want(200, "GET", soon.Text("url"), nil).Body))
		first, second := strings.ToLower(items[0].Text("uuid")), strings.ToLower(items[1].Text("uuid"))
		require.Equal(t, 200, opens(first, codes[first]))
		require.Equal(t, 404, opens(second, codes[first]), "a code names one item")
		require.Equal(t, 404, opens(first, codes[first]+"x"))

		office.Want(204, "DELETE", "/photos/"+items[0].Text("id"), nil)
		require.Equal(t, 404, opens(first, codes[first]), "withdrawn")
		require.Equal(t, 200, opens(second, codes[second]))
		office.Want(204, "DELETE", "/links/"+made.Text("id"), nil)
		require.Equal(t, 404, opens(second, codes[second]), "the link was revoked")
		office.Await("the link's end", func() bool { return nobody.Do("GET", soon.Text("url"), nil).Status == 410 })
		require.Equal(t, 200, opens(second, printed[second]), "it merely ended, and stands in reports that were printed")

		// What is moved elsewhere is not served by the link of where it went.
		other, _ := released(t, office, 1)
		elsewhere := office.Want(201, "POST", "/work-orders/"+other+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		office.Want(200, "PATCH", "/photos/"+items[2].Text("id"), rig.JSON{"work_order_id": other})
		require.Equal(t, 404, nobody.Do("GET", elsewhere+"/items/"+items[2].Text("id")+"/display", nil).Status)

		office.Want(204, "DELETE", "/work-orders/"+order, nil)
		require.Equal(t, 404, opens(second, printed[second]), "the order was deleted")
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+second, nil).Status)
	})
}
