package tests

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// words are the texts of an order, by their place in its shape, and who may read them. Those without a word are no text
// that somebody writes. A field of the table of fields joins by its row; anything else that is in neither list fails the test:
// say here who may see it.
var words = map[string]struct {
	word      string
	audiences string
}{
	"description":              {"Wdescription", "office"},
	"reference":                {"Wreference", "office"},
	"work_order_info":          {"Winfo", "office field"},
	"instructions":             {"Winstructions", "office field"},
	"options.note":             {"Woptions", "office field"},
	"tasks.instructions":       {"Wtaskinstructions", "office field"},
	"tasks.options.note":       {"Wtaskoptions", "office field"},
	"client_instructions":      {"Wclientinstructions", "office field client"},
	"client_status":            {"Wclientstatus", "office field client"},
	"attributes.attribute7":    {"Wattribute", "office field client"},
	"source.provider":          {"Wprovider", "office field client"},
	"source.work_order_id":     {"Wsourceid", "office field client"},
	"source.work_order_number": {"Wsourcenumber", "office field client"},
	"tasks.name":               {"Wtask", "office field client"},
	"tasks.source_service":     {"Wservice", "office field client"},
	"tasks.source_service_id":  {"Wserviceid", "office field client"},
	"address.address2":         {"Waddress", "office field client"},
}

var noWords = []string{"id", "version", "state", "work_order_number", "client_code", "priority", "publish_to", "qa_policy", "latitude", "longitude", "due_date", "due_time",
	"start_date", "client_due_date", "client_due_time", "assigned_name", "field_status", "assignee", "assigned_to_all", "property_id", "work_type", "integration_id", "invoiced", "has_new_items", "created_at",
	"updated_at", "address.address1", "address.city", "address.state", "address.zip", "address.country", "item_counts.total", "item_counts.photos", "item_counts.check_ins",
	"item_counts.survey_responses", "tasks.id", "tasks.kind", "tasks.survey_id", "tasks.required_photos.wpicture"}

// texts are the order's own fields that hold text, with their words; those of the table that nobody named above join.
var texts = func() rig.JSON {
	said := rig.JSON{}
	for _, f := range models.Fields {
		_, listed := words[f.Name]
		isText := f.Kind == models.Text || f.Kind == models.RichText
		switch {
		case !f.Kept() || (!listed && slices.Contains(noWords, f.Name)):
		case !listed && isText:
			w := words[f.Name]
			w.word = "W" + models.PlainHeader(f.Name)
			w.audiences = map[models.Audience]string{models.ForOffice: "office", models.ForField: "office field", models.ForClient: "office field client"}[f.Seen]
			words[f.Name] = w
		case !listed:
			noWords = append(noWords, f.Name)
		}
		if isText && f.Kept() && !strings.Contains(f.Name, ".") {
			said[f.Name] = words[f.Name].word
		}
	}
	return said
}()

// places are the leaves of an answer: their path without indices, and the text that stands there.
func places(v any, at string, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			places(inner, strings.TrimPrefix(at+"."+name, "."), into)
		}
	case []any:
		for _, inner := range v {
			places(inner, at, into)
		}
	default:
		into[at] = fmt.Sprint(v)
	}
}

// wordsIn are the words that an output says, whatever its form.
func wordsIn(t *testing.T, output []byte) []string {
	t.Helper()
	var text strings.Builder
	switch {
	case bytes.HasPrefix(output, []byte("%PDF")):
		file := filepath.Join(t.TempDir(), "a.pdf")
		require.NoError(t, os.WriteFile(file, output, 0o600))
		out, err := exec.Command("pdftotext", "-layout", file, "-").Output()
		require.NoError(t, err)
		text.Write(out)
	case bytes.HasPrefix(output, []byte("PK\x03\x04")):
		archive, err := zip.NewReader(bytes.NewReader(output), int64(len(output)))
		require.NoError(t, err)
		for _, f := range archive.File {
			text.WriteString(f.Name + "\n")
			r, err := f.Open()
			require.NoError(t, err)
			content, err := io.ReadAll(r)
			require.NoError(t, err)
			text.Write(content)
		}
	default:
		text.Write(output)
	}
	var said []string
	for _, w := range words {
		if strings.Contains(text.String(), w.word) {
			said = append(said, w.word)
		}
	}
	slices.Sort(said)
	return said
}

func TestEachWordReachesItsAudienceAlone(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		heard := map[string]bool{}
		hear := func(t *testing.T, audience, output string, content []byte) {
			t.Helper()
			for _, said := range wordsIn(t, content) {
				for place, w := range words {
					if w.word == said {
						require.Contains(t, w.audiences, audience, "%s says %s", output, place)
						heard[audience+" "+place] = true
					}
				}
			}
		}
		hook, peer := rig.NewReceiver(), rig.NewPeer("open sesame")
		defer hook.Close()
		defer peer.Close()
		peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":""}`) })
		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		office := rig.SignUp(t, in.URL)
		crew, vendor := office.Colleague("crew"), office.Colleague("subcontractor")
		folder := "audience-" + uuid.NewString()[:8]
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "Folder", "kind": "folder", "settings": rig.JSON{"path": folder, "save_metadata": true, "archive": true}})
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "Client", "kind": "client", "settings": rig.JSON{"url": peer.URL + "/api", "extension": "php", "username": "me", "password": "open sesame"}})
		hookAt(office, "hook", hook.URL, nil)

		w := func(place string) string { return words[place].word }
		written := maps.Clone(texts)
		maps.Copy(written, rig.JSON{"options": rig.JSON{"note": w("options.note")},
			"attributes": rig.JSON{"attribute7": w("attributes.attribute7")}, "assignee": "~all~",
			"source":  rig.JSON{"provider": w("source.provider"), "work_order_id": w("source.work_order_id"), "work_order_number": w("source.work_order_number")},
			"address": rig.JSON{"address1": "1 A St", "address2": w("address.address2"), "city": "Austin", "state": "TX", "zip": "78701"},
			"tasks": []rig.JSON{{"name": w("tasks.name"), "instructions": w("tasks.instructions"), "options": rig.JSON{"note": w("tasks.options.note")},
				"source_service": w("tasks.source_service"), "source_service_id": w("tasks.source_service_id"), "required_photos": rig.JSON{"wpicture": 1}}}})
		order := office.Order(written)
		id := order.Text("id")
		found := map[string]string{}
		places(map[string]any(order.JSON), "", found)
		for place, text := range found {
			if word, listed := words[place]; listed {
				require.Contains(t, text, word.word, place)
			} else {
				require.Contains(t, noWords, place, "a new member: say in this test who may see it")
			}
		}
		for place := range words {
			require.Contains(t, found, place, "a field that is no more")
		}
		photo := crew.Upload(id, rig.JPEG(80, 60, 1), "task_id", order.Text("tasks", 0, "id"), "evidence_type", "wpicture").Text("id")
		for _, action := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+id+"/"+action, nil)
		}
		office.Await("the deliveries", func() bool {
			p := office.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
			return len(p.List("items", 0, "deliveries")) == 3 && strings.Count(string(p.Body), `"delivered"`) == 3
		})

		// Every route that reads, for everybody of the account.
		ids := map[string]string{"work-orders": id, "photos": photo, "properties": order.Text("property_id"), "users": crew.ID, "published": photo}
		made := office.Want(201, "POST", "/work-orders/"+id+"/links", rig.JSON{"allow_downloads": true, "allow_comments": true})
		ids["links"] = made.Text("id")
		ids["deliveries"] = office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).Text("items", 0, "deliveries", 0, "id")
		ids["destinations"] = office.Want(200, "GET", "/destinations", nil).Text("items", 0, "id")
		ofNoOrder := []string{"imports", "integrations", "roles", "surveys", "tokens", "work-types", "alerts", "account", "proof", "sessions", "stream", "oauth"}
		document := office.Want(200, "GET", in.URL+"/api/openapi.json", nil)
		walked := 0
		for path, operations := range document.Get("paths").(map[string]any) {
			route, ours := strings.CutPrefix(path, "/api/v1/")
			if _, reads := operations.(map[string]any)["get"]; !reads || !ours {
				continue
			}
			collection, _, _ := strings.Cut(route, "/")
			if slices.Contains(ofNoOrder, collection) {
				continue
			}
			if strings.Contains(route, "{") {
				require.Contains(t, ids, collection, "%s is a new route: say in this test what its {id} is, or that it tells of no order", path)
				before, after, _ := strings.Cut(route, "{")
				_, after, _ = strings.Cut(after, "}")
				route = before + ids[collection] + after
			}
			for who, audience := range map[*rig.User]string{office: "office", crew: "field", vendor: "field"} {
				if a := who.Do("GET", "/"+route, nil); a.Status < 300 {
					hear(t, audience, path, a.Body)
					walked++
				}
			}
		}
		require.Greater(t, walked, 20)

		nobody := &rig.User{T: t, URL: in.URL}
		link := made.Text("url")
		for _, part := range []string{"", "/report.pdf", "/archive.zip"} {
			hear(t, "client", "the link's "+part, nobody.Want(200, "GET", link+part, nil).Body)
		}
		hear(t, "client", "the validator", nobody.Want(200, "GET", in.URL+"/verify/"+office.Want(200, "GET", "/photos/"+photo, nil).Text("uuid"), nil).Body)
		files := 0
		require.NoError(t, filepath.WalkDir(filepath.Join(in.Folders, folder), func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			content, err := os.ReadFile(path)
			hear(t, "client", path, content)
			return err
		}))
		require.GreaterOrEqual(t, files, 4, "photo, its metadata, report and archive")
		for _, service := range []string{"uploadPictures", "status"} {
			require.NotEmpty(t, peer.Calls(service))
			for _, c := range peer.Calls(service) {
				hear(t, "client", service, []byte(c.Raw))
			}
		}
		for _, e := range hook.OfOrder(id, "") {
			hear(t, "office", "the web-hook", e.Body)
		}
		pulled := (&caller{t, in.URL + "/integration/v2", rig.JSON{"username": vendor.Username, "token": "correct horse"}}).call("getWorkOrders", rig.JSON{"timestamp": nil})
		require.Contains(t, string(pulled.Body), w("tasks.name"))
		hear(t, "field", "getWorkOrders", pulled.Body)

		for place, word := range words {
			for _, audience := range strings.Fields(word.audiences) {
				if audience != "client" || strings.HasPrefix(place, "source.") || place == "tasks.name" {
					require.True(t, heard[audience+" "+place], "%s is nowhere heard by %s: the test hears nothing", place, audience)
				}
			}
		}
	})
}
