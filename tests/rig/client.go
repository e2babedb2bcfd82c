package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

// JSON is a decoded answer.
type JSON map[string]any

// Answer is what a request got.
type Answer struct {
	Status int
	Header http.Header
	Closes bool // the connection, behind it
	Body   []byte
	JSON   JSON
}

// Get walks the answer: Get("items", 0, "state").
func (a Answer) Get(path ...any) any {
	var v any = map[string]any(a.JSON)
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[s]
		case int:
			l, ok := v.([]any)
			if !ok || s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

// Text is the text at a path, "" when there is none.
func (a Answer) Text(path ...any) string {
	s, _ := a.Get(path...).(string)
	return s
}

// List is the list at a path.
func (a Answer) List(path ...any) []any {
	l, _ := a.Get(path...).([]any)
	return l
}

// User is somebody signed in.
type User struct {
	T        testing.TB
	URL      string
	Token    string
	Username string
	Account  string
	ID       string

	client *http.Client // nil: Client
}

// Password is that of everybody whom the rig makes.
const Password = "correct horse"

// Client keeps connections open.
var Client = &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

const fromOneAddress = 200

var made atomic.Int64

// from is a client whose requests come from another address of the loopback network: 127.0.0.last.
func from(last byte) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, last)}}
	return &http.Client{Timeout: Client.Timeout, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
}

// SignUp makes an account of its own and returns its admin.
func SignUp(t testing.TB, url string) *User {
	t.Helper()
	anonymous := &User{T: t, URL: url}
	name := "admin-" + uuid.NewString()[:12]
	body := JSON{"name": "Account of " + name, "username": name, "password": Password}
	// An address makes so many accounts an hour, and the suite more: later ones come from others of this machine.
	if n := made.Add(1); n > fromOneAddress {
		anonymous.client = from(byte(2 + n/fromOneAddress))
	}
	key := uuid.NewString()
	a := anonymous.Do("POST", "/accounts", body, "Idempotency-Key", key)
	for n := 0; n < 5 && a.Status == http.StatusServiceUnavailable; n++ { // as everybody does whom a busy server asks for it
		a = anonymous.Do("POST", "/accounts", body, "Idempotency-Key", key)
	}
	if a.Status != http.StatusCreated {
		t.Fatalf("POST /accounts: %d %s", a.Status, a.Body)
	}
	return &User{T: t, URL: url, Token: a.Text("token"), Username: name, Account: a.Text("account", "id"), ID: a.Text("user", "id")}
}

// SignIn signs in.
func SignIn(t testing.TB, url, username, password string) *User {
	t.Helper()
	a := (&User{T: t, URL: url}).Want(201, "POST", "/sessions", JSON{"username": username, "password": password})
	return &User{T: t, URL: url, Token: a.Text("token"), Username: username, Account: a.Text("account", "id"), ID: a.Text("user", "id")}
}

// Colleague makes another user of the account and signs them in.
func (u *User) Colleague(role string) *User {
	u.T.Helper()
	name := role + "-" + uuid.NewString()[:12]
	u.Want(201, "POST", "/users", JSON{"username": name, "password": Password, "role": role})
	return SignIn(u.T, u.URL, name, "correct horse")
}

// Do sends a request. body is nil, a JSON value, a []byte sent as it is, or a *Form.
func (u *User) Do(method, path string, body any, headers ...string) Answer {
	u.T.Helper()
	a, err := u.Try(method, path, body, headers...)
	if err != nil {
		u.T.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

// Try is Do for requests that may get no answer.
func (u *User) Try(method, path string, body any, headers ...string) (Answer, error) {
	var reader io.Reader
	contentType := ""
	switch b := body.(type) {
	case nil:
		if method == "POST" {
			reader, contentType = strings.NewReader("{}"), "application/json"
		}
	case []byte:
		reader, contentType = bytes.NewReader(b), "application/json"
	case *Form:
		reader, contentType = bytes.NewReader(b.Bytes()), b.Type()
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return Answer{}, err
		}
		reader, contentType = bytes.NewReader(text), "application/json"
	}
	if !strings.HasPrefix(path, "http") && !strings.HasPrefix(path, "/api") {
		path = "/api/v1" + path
	}
	if !strings.HasPrefix(path, "http") {
		path = u.URL + path
	}
	r, err := http.NewRequestWithContext(during(u.T), method, path, reader)
	if err != nil {
		return Answer{}, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if u.Token != "" {
		r.Header.Set("Authorization", "Bearer "+u.Token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := Client
	if u.client != nil {
		client = u.client
	}
	response, err := client.Do(r)
	if err != nil {
		return Answer{}, err
	}
	return read(response)
}

func read(response *http.Response) (a Answer, err error) {
	defer response.Body.Close()
	a = Answer{Status: response.StatusCode, Header: response.Header, Closes: response.Close}
	if a.Body, err = io.ReadAll(response.Body); err != nil {
		return a, err
	}
	_ = json.Unmarshal(a.Body, &a.JSON)
	return a, nil
}

// Send sends a request by a client of its own kind, without a session.
func Send(t testing.TB, client *http.Client, method, url, contentType string, body io.Reader) Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(during(t), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a, err := read(response)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// SendForm sends a url-encoded form.
func SendForm(t testing.TB, url string, values url.Values) Answer {
	t.Helper()
	return Send(t, Client, http.MethodPost, url, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
}

// Want sends a request and fails the test when the status is another.
func (u *User) Want(status int, method, path string, body any, headers ...string) Answer {
	u.T.Helper()
	a := u.Do(method, path, body, headers...)
	if a.Status != status {
		u.T.Fatalf("%s %s as %s: want %d, got %d: %s", method, path, u.Username, status, a.Status, a.Body)
	}
	if status >= 400 && !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") {
		u.T.Fatalf("%s %s: %d is no problem+json: %s", method, path, status, a.Body)
	}
	return a
}

// WantField wants a refusal that names a field and says what to do.
func (u *User) WantField(status int, field, method, path string, body any, headers ...string) Answer {
	u.T.Helper()
	a := u.Want(status, method, path, body, headers...)
	for _, e := range a.List("errors") {
		if m, ok := e.(map[string]any); ok && m["field"] == field && m["message"] != "" {
			return a
		}
	}
	u.T.Fatalf("%s %s: want an error of field %q: %s", method, path, field, a.Body)
	return a
}

// Order makes a work order with the given fields over the usual ones.
func (u *User) Order(fields JSON) Answer {
	u.T.Helper()
	return u.Want(201, "POST", "/work-orders", NewOrder(fields))
}

// NewOrder is the body of a usual new order, with fields over it.
func NewOrder(fields JSON) JSON {
	body := JSON{"work_order_number": "T-" + uuid.NewString()[:13],
		"address": JSON{"address1": "12 Oak Street", "city": "Round Rock", "state": "TX", "zip": "78664"}, "tasks": []JSON{{"name": "Inspection"}}}
	for k, v := range fields {
		body[k] = v
	}
	return body
}

// AwaitState waits until an order reaches a state.
func (u *User) AwaitState(id, state string) Answer {
	u.T.Helper()
	var a Answer
	u.Await("order "+id+" in state "+state, func() bool {
		a = u.Do("GET", "/work-orders/"+id, nil)
		return a.Text("state") == state
	})
	return a
}

// Patience is for how long something that should happen is waited for. It outlasts what Temporal needs to notice that an
// activity went lost on its way to a worker (30 seconds), and to have it done again on a slow machine.
const Patience = 90 * time.Second

// Await waits for something to become true.
func (u *User) Await(what string, true func() bool) {
	u.T.Helper()
	u.AwaitFor(Patience, what, true)
}

// AwaitFor is Await for what takes its time.
func (u *User) AwaitFor(patience time.Duration, what string, true func() bool) {
	u.T.Helper()
	for until := time.Now().Add(patience); !true(); time.Sleep(25 * time.Millisecond) {
		if time.Now().After(until) {
			u.T.Fatalf("waited in vain for %s", what)
		}
	}
}

// Form is a multipart body. Parts are sent in their order.
type Form struct{ Parts []Part }

// Part is one part: a field, or a file when File is set.
type Part struct {
	Name     string
	Value    string
	File     []byte
	FileName string // photo.jpg unless said
}

const boundary = "fieldproof-test-boundary"

// Type is the content type of the form.
func (f *Form) Type() string { return "multipart/form-data; boundary=" + boundary }

// Bytes is the form as it is sent.
func (f *Form) Bytes() []byte {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary(boundary)
	for _, p := range f.Parts {
		if p.File != nil {
			name := p.FileName
			if name == "" {
				name = "photo.jpg"
			}
			part, _ := w.CreateFormFile(p.Name, name)
			_, _ = part.Write(p.File)
			continue
		}
		_ = w.WriteField(p.Name, p.Value)
	}
	_ = w.Close()
	return b.Bytes()
}

// PhotoForm is an upload of a photo with fields in pairs.
func PhotoForm(photo []byte, id string, fields ...string) *Form {
	f := &Form{Parts: []Part{{Name: "uuid", Value: id}}}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Parts = append(f.Parts, Part{Name: fields[i], Value: fields[i+1]})
	}
	f.Parts = append(f.Parts, Part{Name: "file", File: photo})
	return f
}

// FileForm is a file with fields in pairs.
func FileForm(name string, file []byte, fields ...string) *Form {
	f := &Form{Parts: []Part{{Name: "file", File: file, FileName: name}}}
	for i := 0; i+1 < len(fields); i += 2 {
		f.Parts = append(f.Parts, Part{Name: fields[i], Value: fields[i+1]})
	}
	return f
}

// Upload uploads a photo and returns its answer.
func (u *User) Upload(order string, photo []byte, fields ...string) Answer {
	u.T.Helper()
	a := u.Do("POST", "/work-orders/"+order+"/photos", PhotoForm(photo, uuid.NewString(), fields...))
	if a.Status != 201 {
		u.T.Fatalf("upload: %d %s", a.Status, a.Body)
	}
	return a
}

// Event is a message that a web-hook receiver got.
type Event struct {
	ID, Signature, Timestamp, Authorization string
	Body                                    []byte
	JSON                                    Answer
}

func (e Event) String() string { return fmt.Sprintf("%s %s", e.ID, e.JSON.Text("type")) }
