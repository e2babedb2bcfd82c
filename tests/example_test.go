package tests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"fieldproof/tests/rig"
)

// What programs around Fieldproof do, as they would write it: runnable, and held against what they print.

// call asks the JSON API and decodes its answer.
func call(method, address, token string, body, answer any) {
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	request, _ := http.NewRequest(method, address, bytes.NewReader(text))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Idempotency-Key", uuid.NewString()) // the same at a retry
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		problem, _ := io.ReadAll(response.Body)
		panic(fmt.Sprintf("%s %s: %s", method, address, problem))
	}
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		panic(err)
	}
}

// office is a running Fieldproof and a token of an admin.
func office() (server, token string) {
	in, err := suite.shapes["sqlite"]()
	if err != nil {
		panic(err)
	}
	var account struct{ Token string }
	call("POST", in.URL+"/api/v1/accounts", "", map[string]string{"name": "Acme", "username": "boss-" + uuid.NewString()[:8], "password": "correct horse"}, &account)
	return in.URL, account.Token
}

// A remote system pushes an order to the secret address of an integration. The same push again changes nothing.
func Example_pushAnOrder() {
	server, token := office()
	var integration struct {
		PushURL string `json:"push_url"` // shown once: keep it
	}
	call("POST", server+"/api/v1/integrations", token, map[string]any{"name": "Maintenance", "kind": "push", "client_code": "ACME"}, &integration)

	orders := `{"workOrders": [{"workOrderNumber": "1001", "address1": "110 East Main Street", "city": "Round Rock", "state": "TX",
		"zip": "78664", "services": [{"serviceName": "Lawn cut"}]}]}`
	for range 2 {
		response, err := http.PostForm(integration.PushURL, url.Values{"workOrders": {orders}})
		if err != nil {
			panic(err)
		}
		var answer struct {
			Response bool
			Results  []struct{ WorkOrderNumber, Result string }
		}
		_ = json.NewDecoder(response.Body).Decode(&answer)
		_ = response.Body.Close()
		fmt.Println(answer.Response, answer.Results[0].WorkOrderNumber, answer.Results[0].Result)
	}
	// Output:
	// true 1001 created
	// true 1001 unchanged
}

// A web-hook is checked with the secret that creating its destination showed, and dropped if it came before.
func Example_verifyAWebhook() {
	server, token := office()
	var secret string
	kinds := make(chan string, 10)
	seen := map[string]bool{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			panic(err)
		}
		if err := hook.Verify(body, r.Header); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if id := r.Header.Get("webhook-id"); !seen[id] {
			seen[id] = true
			var event struct{ Type string }
			_ = json.Unmarshal(body, &event)
			kinds <- event.Type
		}
	}))
	defer receiver.Close()
	var destination struct{ Settings struct{ Secret string } }
	call("POST", server+"/api/v1/destinations", token, map[string]any{"name": "Ours", "kind": "webhook", "settings": map[string]any{"url": receiver.URL}}, &destination)
	secret = destination.Settings.Secret

	var order struct{ ID string }
	call("POST", server+"/api/v1/work-orders", token, anOrder, &order)
	fmt.Println(<-kinds)
	// Output: work_order.created
}

// What is published is mirrored by a position: each call asks for what came after the one before.
func Example_mirrorResults() {
	server, token := office()
	publishOnePhoto(server, token)

	position := ""
	for { // forever, in a program that stays
		var page struct {
			Items []struct {
				ID       string
				Path     string
				Metadata struct{ SHA256 string }
			}
			Position string
			More     bool
		}
		call("GET", server+"/api/v1/published?after="+url.QueryEscape(position), token, nil, &page)
		for _, item := range page.Items {
			request, _ := http.NewRequest("GET", server+"/api/v1/published/"+item.ID+"/content", nil)
			request.Header.Set("Authorization", "Bearer "+token)
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				panic(err)
			}
			hash := sha256.New()
			_, _ = io.Copy(hash, response.Body) // into a file below your folder, at item.Path
			_ = response.Body.Close()
			fmt.Println(path.Dir(item.Path), hex.EncodeToString(hash.Sum(nil)) == item.Metadata.SHA256)
		}
		position = page.Position // keep it: a later start goes on here
		if !page.More {
			break
		}
	}
	// Output: 110 East Main Street/1001/Lawn cut/before true
}

func publishOnePhoto(server, token string) {
	var order struct {
		ID    string
		Tasks []struct{ ID string }
	}
	call("POST", server+"/api/v1/work-orders", token, anOrder, &order)
	var form bytes.Buffer
	fields := multipart.NewWriter(&form)
	for name, value := range map[string]string{"uuid": uuid.NewString(), "task_id": order.Tasks[0].ID, "evidence_type": "before"} {
		_ = fields.WriteField(name, value)
	}
	file, _ := fields.CreateFormFile("file", "photo.jpg")
	_, _ = file.Write(rig.JPEG(80, 60, 1))
	_ = fields.Close()
	upload, _ := http.NewRequest("POST", server+"/api/v1/work-orders/"+order.ID+"/photos", &form)
	upload.Header.Set("Content-Type", fields.FormDataContentType())
	upload.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(upload)
	if err != nil {
		panic(err)
	}
	_ = response.Body.Close()
	for _, action := range []string{"assign", "complete", "approve", "publish"} {
		particulars := map[string]string{}
		if action == "assign" {
			particulars["assignee"] = "~all~"
		}
		call("POST", server+"/api/v1/work-orders/"+order.ID+"/"+action, token, particulars, &order)
	}
}

// anOrder is the smallest order.
var anOrder = map[string]any{"work_order_number": "1001", "tasks": []map[string]string{{"name": "Lawn cut"}},
	"address": map[string]string{"address1": "110 East Main Street", "city": "Round Rock", "state": "TX", "zip": "78664"}}
