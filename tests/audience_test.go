package tests

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// words are the texts of an order, by their place in its shape, and who may read them. Those without a word are no text
// that somebody writes. The sender is whoever of the field sent the item that is told of. A field of the table of fields joins by its row; anything else that is in neither list fails the test:
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
	"client_name":              {"Wclientname", "office field"},
	"tasks.name":               {"Wtask", "office field client"},
	"tasks.source_service":     {"Wservice", "office field client"},
	"tasks.source_service_id":  {"Wserviceid", "office field client"},
	"address.address2":         {"Waddress", "office field client"},

	// What is no field of the order itself.
	"item.notes":               {"Wcaption", "office field client"},
	"item.evidence_type":       {"Wpicture", "office field client"},
	"item.device":              {"Wdevice", "office sender client"},
	"item.shot":                {"Wshot", "office field client"},
	"item.file_name":           {"Wfilename", "office field"},
	"item.review_reason":       {"Wblurred", "office field"},
	"event.reason":             {"Wsentback", "office field"},
	"survey.name":              {"Wsurvey", "office field client"},
	"survey.question":          {"Wquestion", "office field client"},
	"survey.hint":              {"Whint", "office field"},
	"survey.answer":            {"Wanswer", "office field client"},
	"comment.text":             {"Wcomment", "office client"},
	"comment.author":           {"Wauthor", "office client"},
	"account.name":             {"Waccount", "office field client"},
	"account.alert_email":      {"walertmail", "office"},
	"account.branding":         {"Wbranding", "office field client"},
	"account.address":          {"Wletterhead", "office field client"},
	"account.phone":            {"Wtelephone", "office field client"},
	"account.email":            {"woffice", "office field client"},
	"account.review_reasons":   {"Wtoodark", "office"},
	"account.client_languages": {"Wclientcode", "office"},
	"user.username":            {"wcrew", "office field client"},
	"user.name":                {"Wusername", "office field client"},
	"user.email":               {"wusermail", "office field"},
	"destination.name":         {"Wdestination", "office"},
	"destination.to":           {"wresults", "office client"},
	"destination.subject":      {"Wsubject", "office client"},
	"destination.message":      {"Wmessage", "office client"},
}

// aside are the words that are no fields of an order: its answer does not hold them.
func aside(place string) bool {
	return slices.ContainsFunc([]string{"item.", "event.", "survey.", "comment.", "account.", "user.", "destination."}, func(p string) bool { return strings.HasPrefix(place, p) })
}

// modelTexts are the fields of the models in which somebody writes, by the word that stands for them above; "" is what nobody
// writes, or what goes nowhere. A new field fails the test: say here which word it has.
var modelTexts = map[string]map[string]string{
	"Item": {"TaskID": "", "EvidenceType": "item.evidence_type", "ReviewReason": "item.review_reason", "Notes": "item.notes", "Device": "item.device", "Answers": "survey.answer",
		"ID": "", "AccountID": "", "WorkOrderID": "", "Kind": "", "UUID": "", "Source": "", "Review": "", "ApprovedWith": "", "UUIDKey": "", "UploadedBy": "", "SHA256": "", "ContentType": "", "BlobKey": "",
		"Renditions": "", "RenditionError": "", "SurveyID": "", "ShareLinkID": "", "ReviewedBy": "", "Placeholder": "", "FileName": "item.file_name",
		"Shot": "item.shot", "Zone": ""},
	"Origin": {"Author": "user.username", "ParentUUID": ""},
	"TaskFields": {"Name": "tasks.name", "Instructions": "tasks.instructions", "Options": "tasks.options.note", "SourceService": "tasks.source_service",
		"SourceServiceID": "tasks.source_service_id", "RequiredPhotos": "item.evidence_type", "Kind": "", "SurveyID": "", "Survey": "survey.name", "SurveyNamed": "survey.name"},
	"Comment": {"Author": "comment.author", "Text": "comment.text", "ID": "", "AccountID": "", "WorkOrderID": "", "LinkID": "", "ItemID": ""},
	"Account": {"Name": "account.name", "AlertEmail": "account.alert_email", "Branding": "account.branding", "ReviewReasons": "account.review_reasons", "Colour": "", "Address": "account.address", "Phone": "account.phone", "Email": "account.email", "Language": "", "ClientLanguages": "account.client_languages", "Region": "", "Units": "", "ID": "", "Zone": "", "QAPolicy": "", "LogoKey": "", "Defaults": ""},
	"User": {"Username": "user.username", "Name": "user.name", "Email": "user.email", "ID": "", "AccountID": "", "UsernameKey": "user.username", "Role": "", "PasswordHash": "",
		"WireHash": "", "Keys": "", "Language": ""},
	"HistoryEvent": {"Reason": "event.reason", "AccountID": "", "WorkOrderID": "", "Type": "", "FromState": "", "ToState": "", "ActorID": "", "Actor": "user.username", "MessageID": ""},
	"Publication":  {"ID": "", "AccountID": "", "WorkOrderID": "", "CreatedBy": "", "ReportKey": "", "KeyPhotos": ""},
	"PublicationItem": {"PublicationID": "", "ItemID": "", "AccountID": "", "Leaf": "", "TaskID": "", "TaskName": "tasks.name", "EvidenceType": "item.evidence_type",
		"Notes": "item.notes", "Shot": "item.shot"},
}

// kinds are the kinds of destination, and for whom what they bring is. A new one fails the test: say here who gets it, and
// hear it below unless it goes through what is heard.
var kinds = map[models.DestinationKind]string{models.WebhookDestination: "office", models.FolderDestination: "client", models.ClientDestination: "client", models.ShareDestination: "client", models.MailDestination: "client",
	// As a folder, by the same code.
	models.DriveDestination: "client", models.DropboxDestination: "client", models.S3Destination: "client", models.SFTPDestination: "client", models.WebDAVDestination: "client"}

func TestEveryTextHasItsAudience(t *testing.T) {
	for _, model := range []any{models.Item{}, models.Origin{}, models.TaskFields{}, models.Comment{}, models.Account{}, models.User{}, models.HistoryEvent{}, models.Publication{}, models.PublicationItem{}} {
		kind := reflect.TypeOf(model)
		have := map[string]bool{}
		for _, f := range reflect.VisibleFields(kind) {
			of := f.Type
			if of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			switch of.Kind() {
			case reflect.String, reflect.Map, reflect.Slice, reflect.Interface:
				place, listed := modelTexts[kind.Name()][f.Name]
				require.True(t, listed, "%s.%s is new: say who may see it", kind.Name(), f.Name)
				require.True(t, place == "" || words[place].word != "", "%s.%s has no word", kind.Name(), f.Name)
				have[f.Name] = true
			}
		}
		for name := range modelTexts[kind.Name()] {
			require.True(t, have[name], "%s.%s is no more", kind.Name(), name)
		}
	}
	for _, kind := range models.DestinationKinds {
		require.NotEmpty(t, kinds[kind], "%s is a new kind of destination: say who gets what it brings", kind)
	}
	require.Len(t, kinds, len(models.DestinationKinds))
	farthest := map[models.Audience]string{models.ForOffice: "office", models.ForField: "office field", models.ForClient: "office field client"}
	for _, f := range models.Fields {
		for place, w := range words {
			if place == f.Name || (strings.HasPrefix(place, f.Name+".") && !strings.HasPrefix(place, "tasks.")) {
				require.Equal(t, farthest[f.Seen], w.audiences, "the table of fields says otherwise of %s", place)
			}
		}
		_, worded := words[f.Name]
		known := worded || slices.Contains(noWords, f.Name) || slices.Contains([]string{"status", "options", "attributes", "attributes.coordinator", "tasks"}, f.Name)
		require.True(t, known, "%s is new: give it a word, or say that nobody writes in it", f.Name)
	}
}

var noWords = []string{"id", "version", "state", "work_order_number", "client_code", "priority", "publish_to", "qa_policy", "latitude", "longitude", "due_date", "due_time",
	"start_date", "client_due_date", "client_due_time", "awaited", "policy.qa", "policy.from", "assigned_name", "field_status", "assignee", "assignee_name", "assigned_to_all", "property_id", "work_type", "integration_id", "invoiced", "has_new_items", "completed_at", "published_at", "created_at",
	"updated_at", "address.address1", "address.city", "address.state", "address.zip", "address.country", "item_counts.total", "item_counts.photos", "item_counts.check_ins",
	"item_counts.survey_responses", "tasks.id", "tasks.kind", "tasks.survey_id", "tasks.required_photos.wpicture", "client_due_time", "share.from", "key_photos"}

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
		into[at] += " " + fmt.Sprint(v)
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
	whole := strings.ToLower(text.String())
	for _, w := range words {
		if strings.Contains(whole, strings.ToLower(w.word)) {
			said = append(said, w.word)
		}
	}
	slices.Sort(said)
	return said
}

func colleagueNamed(office *rig.User, name, role string) *rig.User {
	office.Want(201, "POST", "/users", rig.JSON{"username": name, "password": "correct horse", "role": role})
	return rig.SignIn(office.T, office.URL, name, "correct horse")
}

// overhear keeps all that a user's stream says.
func overhear(t *testing.T, u *rig.User) func() []byte {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", u.URL+"/api/v1/stream", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+u.Token)
	response, err := http.DefaultClient.Do(r) //nolint:bodyclose // closed by the reader below
	require.NoError(t, err)
	require.Equal(t, 200, response.StatusCode)
	var mu sync.Mutex
	var said []byte
	go func() {
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			mu.Lock()
			said = append(append(said, lines.Bytes()...), '\n')
			mu.Unlock()
		}
	}()
	return func() []byte {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(said)
	}
}

// partsOf are the head of a mail and its parts, decoded.
func partsOf(t *testing.T, text string) [][]byte {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	require.NoError(t, err)
	head, _ := new(mime.WordDecoder).DecodeHeader(fmt.Sprint(m.Header))
	parts := [][]byte{[]byte(head)}
	var read func(header func(string) string, body io.Reader)
	read = func(header func(string) string, body io.Reader) {
		kind, parameters, err := mime.ParseMediaType(header("Content-Type"))
		require.NoError(t, err)
		if !strings.HasPrefix(kind, "multipart/") {
			if strings.EqualFold(header("Content-Transfer-Encoding"), "base64") {
				body = base64.NewDecoder(base64.StdEncoding, body)
			}
			content, err := io.ReadAll(body)
			require.NoError(t, err)
			parts = append(parts, content)
			return
		}
		for inner := multipart.NewReader(body, parameters["boundary"]); ; {
			part, err := inner.NextPart()
			if err == io.EOF {
				return
			}
			require.NoError(t, err)
			read(part.Header.Get, part)
		}
	}
	read(m.Header.Get, m.Body)
	return parts
}

func TestEachWordReachesItsAudienceAlone(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		heard := map[string]bool{}
		hear := func(t *testing.T, audience, output string, content []byte) {
			t.Helper()
			for _, said := range wordsIn(t, content) {
				for place, w := range words {
					if w.word == said {
						of := audience
						if of == "sender" && !strings.Contains(w.audiences, of) {
							of = "field" // which they are too
						}
						require.Contains(t, w.audiences, of, "%s says %s", output, place)
						heard[of+" "+place] = true
					}
				}
			}
		}
		hook, filled, pruvan, peer := rig.NewReceiver(), rig.NewReceiver(), rig.NewReceiver(), rig.NewPeer("open sesame")
		defer hook.Close()
		defer filled.Close()
		defer pruvan.Close()
		defer peer.Close()
		peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":""}`) })
		peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
		office := rig.SignUp(t, in.URL)
		tag := uuid.NewString()[:8]
		office.Want(200, "PATCH", "/account", rig.JSON{"name": "Waccount " + tag, "alert_email": "walertmail-" + tag + "@example.com", "branding": rig.JSON{"note": "Wbranding"},
			"address": "Wletterhead", "phone": "Wtelephone", "email": "woffice-" + tag + "@example.com", "review_reasons": []string{"Wtoodark"},
			"client_languages": rig.JSON{"Wclientcode": "es"}})
		crew, vendor := colleagueNamed(office, "wcrew-"+tag, "crew"), office.Colleague("subcontractor")
		office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"name": "Wusername", "email": "wusermail@example.com"})
		streams := map[string]func() []byte{"office": overhear(t, office), "field": overhear(t, crew)}
		office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": "audience", "version": 1, "name": "Wsurvey"},
			"questions": []rig.JSON{{"id": "q", "question": "Wquestion?", "hint": "Whint", "answerType": "text"}}})
		folder := "audience-" + uuid.NewString()[:8]
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "Folder", "kind": "folder", "settings": rig.JSON{"path": folder, "save_metadata": true, "archive": true,
			"template": "Client/Project/Task/Photo Type/Phone Number/Sub-user Account/Vendor Account/Address 2"}})
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "Wdestination", "kind": "mail", "settings": rig.JSON{"to": []string{"wresults-" + tag + "@example.com"}, "subject": "Wsubject",
			"message": "Wmessage", "attach": "both"}})
		office.Want(201, "POST", "/destinations", rig.JSON{"name": "Client", "kind": "client", "settings": rig.JSON{"url": peer.URL + "/api", "extension": "php", "username": "me", "password": "open sesame"}})
		hookAt(office, "hook", hook.URL, nil)
		hookAt(office, "filled", filled.URL, rig.JSON{"template": `{"order":{{json workorder}},"item":{{json item}},"number":"{{workorder.workOrderNumber}}"}`})
		hookAt(office, "pruvan", pruvan.URL, rig.JSON{"template": "pruvan"})

		w := func(place string) string { return words[place].word }
		code := "C-" + tag
		office.Want(201, "POST", "/integrations", rig.JSON{"client_code": code, "name": w("client_name"), "kind": "push"})
		written := maps.Clone(texts)
		maps.Copy(written, rig.JSON{"client_code": code, "options": rig.JSON{"note": w("options.note")},
			"attributes": rig.JSON{"attribute7": w("attributes.attribute7")}, "assignee": "~all~",
			"source":  rig.JSON{"provider": w("source.provider"), "work_order_id": w("source.work_order_id"), "work_order_number": w("source.work_order_number")},
			"address": rig.JSON{"address1": "1 A St", "address2": w("address.address2"), "city": "Austin", "state": "TX", "zip": "78701"},
			"tasks": []rig.JSON{{"name": w("tasks.name"), "instructions": w("tasks.instructions"), "options": rig.JSON{"note": w("tasks.options.note")},
				"source_service": w("tasks.source_service"), "source_service_id": w("tasks.source_service_id"), "required_photos": rig.JSON{"wpicture": 1}},
				{"name": "Asked", "kind": "survey", "survey_id": "audience"}}})
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
			require.True(t, aside(place) || found[place] != "", "%s is no more", place)
		}
		photo := crew.Upload(id, rig.JPEG(80, 60, 1), "task_id", order.Text("tasks", 0, "id"), "evidence_type", "wpicture", "notes", "Wcaption", "device", "Wdevice", "shot", "Wshot", "taken_at", now()).Text("id")
		blurred := crew.Want(201, "POST", "/work-orders/"+id+"/photos", &rig.Form{Parts: []rig.Part{{Name: "uuid", Value: uuid.NewString()}, {Name: "task_id", Value: order.Text("tasks", 0, "id")},
			{Name: "evidence_type", Value: "wpicture"}, {Name: "file", File: rig.JPEG(80, 60, 2), FileName: "Wfilename.jpg"}}}).Text("id")
		office.Want(200, "PATCH", "/photos/"+blurred, rig.JSON{"review": "rejected", "reason": "Wblurred"})
		crew.Want(201, "POST", "/work-orders/"+id+"/check-ins", rig.JSON{"uuid": uuid.NewString(), "at": now(), "latitude": 30.0001, "longitude": -97.0, "accuracy": 5})
		crew.Want(201, "POST", "/work-orders/"+id+"/survey-responses", rig.JSON{"uuid": uuid.NewString(), "task_id": order.Text("tasks", 1, "id"), "answers": []rig.JSON{answer("q", "Wanswer")}})
		crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		office.Want(200, "POST", "/work-orders/"+id+"/reject", rig.JSON{"reason": "Wsentback"})
		for _, action := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+id+"/"+action, nil)
		}
		crew.Upload(id, rig.JPEG(80, 60, 3)) // late: an alert, and a mail of it
		office.Await("the deliveries", func() bool {
			p := office.Want(200, "GET", "/work-orders/"+id+"/publications", nil)
			return len(p.List("items", 0, "deliveries")) == 6 && strings.Count(string(p.Body), `"delivered"`) == 6
		})

		// Every route that reads, for everybody of the account.
		ids := map[string]string{"work-orders": id, "photos": photo, "properties": order.Text("property_id"), "users": crew.ID, "published": photo}
		made := office.Want(201, "POST", "/work-orders/"+id+"/links", rig.JSON{"allow_downloads": true, "allow_comments": true})
		ids["links"] = made.Text("id")
		ids["deliveries"] = office.Want(200, "GET", "/work-orders/"+id+"/publications", nil).Text("items", 0, "deliveries", 0, "id")
		ids["destinations"] = office.Want(200, "GET", "/destinations", nil).Text("items", 0, "id")
		link := made.Text("url")
		nobody := &rig.User{T: t, URL: in.URL}
		require.Equal(t, 303, rig.SendForm(t, link+"/comments", url.Values{"author": {"Wauthor"}, "text": {"Wcomment"}}).Status)
		ofNoOrder := []string{"imports", "views", "integrations", "share-links", "tokens", "stream", "oauth", "rescues"}
		ids["bulk"] = office.Want(202, "POST", "/bulk", rig.JSON{"action": "update", "ids": []string{id},
			"parameters": rig.JSON{"reference": w("reference") + " again", "work_order_info": w("work_order_info") + " again"}}).Text("id")
		overBulk(office, ids["bulk"])
		require.Len(t, office.Want(200, "GET", "/work-orders/"+id+"/changes", nil).List("items"), 3, "the two, and rework before")
		ids["surveys"] = office.Want(200, "GET", "/surveys", nil).Text("items", 0, "id")
		ids["alerts"] = id
		ids["roles"], ids["work-types"] = "office", "none"
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
			for who, audience := range map[*rig.User]string{office: "office", crew: "sender", vendor: "field"} {
				if a := who.Do("GET", "/"+route, nil); a.Status < 300 {
					hear(t, audience, path, a.Body)
					walked++
				}
			}
		}
		require.Greater(t, walked, 20)
		for who, n := range map[*rig.User]int{office: 1, crew: 1, vendor: 0} {
			require.Len(t, who.Want(200, "GET", "/photos?device="+w("item.device"), nil).List("items"), n, "whoever is not told of a phone finds nothing by it")
		}

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
			hear(t, "client", "the name "+path, []byte(path))
			return err
		}))
		require.GreaterOrEqual(t, files, 4, "photo, its metadata, report and archive")
		for _, service := range []string{"uploadPictures", "status"} {
			require.NotEmpty(t, peer.Calls(service))
			for _, c := range peer.Calls(service) {
				hear(t, "client", service, []byte(c.Raw))
			}
		}
		for name, r := range map[string]*rig.Receiver{"the web-hook": hook, "the filled template": filled, "the ready template": pruvan} {
			require.NotEmpty(t, r.Events(), name)
			for _, e := range r.Events() {
				hear(t, "office", name, e.Body)
			}
		}
		for audience, to := range map[string]string{"client": "wresults-" + tag, "office": "walertmail-" + tag} {
			var mails []string
			office.Await("a mail to "+to, func() bool {
				mails = slices.DeleteFunc(suite.mails.Mails(), func(m string) bool { return !strings.Contains(m, to) })
				return len(mails) > 0
			})
			for _, m := range mails {
				for _, part := range partsOf(t, m) {
					hear(t, audience, "the mail to "+to, part)
				}
			}
		}
		for audience, said := range streams {
			office.Await("what the stream says of the order", func() bool { return bytes.Contains(said(), []byte(id)) })
			hear(t, audience, "the stream", said())
		}
		pulled := (&caller{t, in.URL + "/integration/v2", rig.JSON{"username": vendor.Username, "token": "correct horse"}}).call("getWorkOrders", rig.JSON{"timestamp": nil})
		require.Contains(t, string(pulled.Body), w("tasks.name"))
		hear(t, "field", "getWorkOrders", pulled.Body)

		for place, word := range words {
			for _, audience := range strings.Fields(word.audiences) {
				mute := []string{"client item.review_reason"}
				if audience == "client" {
					// Nothing that goes to clients shows these today: they may, no more.
					mute = append(mute, "client account.branding", "client client_instructions", "client client_status")
				}
				if audience == "field" {
					mute = append(mute, "field user.name", "field user.email")
				}
				if !slices.Contains(mute, audience+" "+place) {
					require.True(t, heard[audience+" "+place], "%s is nowhere heard by %s: the test hears nothing", place, audience)
				}
			}
		}
	})
}
