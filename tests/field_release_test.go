package tests

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// said is a request that a phone of a release sent. What differs from installation to installation stands in braces.
type said struct {
	Method   string            `json:"method"`
	Path     string            `json:"path"`
	Header   map[string]string `json:"header"`
	Metadata map[string]string `json:"metadata,omitempty"` // of an upload
	Text     string            `json:"text,omitempty"`
	Bytes    []byte            `json:"bytes,omitempty"`
}

// What phones of earlier releases send is taken: one may come home with a full queue after weeks, and is told the new version
// only then. RECORD=tests/released/N.json writes what this release's sends; a file is kept for a year.
func TestWhatAPhoneOfAReleaseSendsIsTaken(t *testing.T) {
	t.Parallel()
	order := rig.JSON{"tasks": []rig.JSON{{"name": "Lawn", "required_photos": rig.JSON{"before": 1}}}}
	if file := os.Getenv("RECORD"); file != "" {
		recordRelease(t, order, file)
	}
	files, err := filepath.Glob("released/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	in := shape(t, "sqlite")
	for _, file := range files {
		office, crew, made := crewWithOrder(t, in, order)
		id := made.Text("id")
		here := strings.NewReplacer("{order}", id, "{task}", made.Text("tasks", 0, "id"), "{user}", crew.ID)
		var all []said
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &all))
		upload := ""
		for _, s := range all {
			body := s.Bytes
			if s.Text != "" {
				body = []byte(here.Replace(s.Text))
			}
			if s.Header["Content-Encoding"] == "gzip" {
				var packed bytes.Buffer
				w := gzip.NewWriter(&packed)
				_, _ = w.Write(body)
				require.NoError(t, w.Close())
				body = packed.Bytes()
			}
			r, err := http.NewRequest(s.Method, in.URL+strings.ReplaceAll(here.Replace(s.Path), "{upload}", upload), bytes.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+crew.Token)
			for name, value := range s.Header {
				r.Header.Set(name, value)
			}
			var pairs []string
			for name, value := range s.Metadata {
				pairs = append(pairs, name+" "+base64.StdEncoding.EncodeToString([]byte(here.Replace(value))))
			}
			if pairs != nil {
				r.Header.Set("Upload-Metadata", strings.Join(pairs, ","))
			}
			a, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			answer, err := io.ReadAll(a.Body)
			require.NoError(t, err)
			require.NoError(t, a.Body.Close())
			require.Less(t, a.StatusCode, 300, "%s: %s %s: %s", file, s.Method, s.Path, answer)
			require.NotContains(t, string(answer), `"refused"`, "%s: %s %s", file, s.Method, s.Path)
			if at := a.Header.Get("Location"); at != "" {
				upload = at[strings.LastIndex(at, "/")+1:]
			}
		}
		office.AwaitState(id, "completed")
		office.Await("the photo", func() bool { return len(arrivedAt(office, id)) == 1 })
		require.NotEmpty(t, office.Want(200, "GET", "/work-orders/"+id+"/comments", nil).List("items"), "the note")
	}
}

// recordRelease has this release's app work without a network, and writes what it sends when there is one again.
func recordRelease(t *testing.T, fields rig.JSON, file string) {
	p, office, crew, order := atWork(t, fields)
	id := order.Text("id")
	p.line.Away(true)
	p.shoot(id, 1)
	p.visit("/orders/" + id)
	p.fill(`.Notes textarea`, "The gate sticks.")
	p.tap(`.Notes button`)
	p.tap(`.Dock button`, "Complete")
	p.line.Tap()
	p.line.Away(false)
	p.awaitItems(1, "safe")
	office.AwaitState(id, "completed")
	there := strings.NewReplacer(id, "{order}", order.Text("tasks", 0, "id"), "{task}", crew.ID, "{user}")
	var all []said
	for _, carried := range p.line.Carried() {
		for in := bufio.NewReader(bytes.NewReader(carried)); ; {
			r, err := http.ReadRequest(in)
			if err != nil {
				break
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || r.Method == http.MethodGet || r.Method == http.MethodHead || !strings.HasPrefix(r.URL.Path, "/api/") {
				continue
			}
			s := said{Method: r.Method, Path: there.Replace(r.URL.RequestURI()), Header: map[string]string{}}
			for name, values := range r.Header {
				if strings.HasPrefix(name, "Upload-") || slices.Contains([]string{"Content-Type", "Content-Encoding", "Idempotency-Key", "Tus-Resumable"}, name) {
					s.Header[name] = values[0]
				}
			}
			if at, rest, is := strings.Cut(s.Path, "/uploads/"); is && rest != "" {
				s.Path = at + "/uploads/{upload}"
			}
			if s.Header["Upload-Metadata"] != "" {
				s.Metadata = map[string]string{}
				for _, pair := range strings.Split(s.Header["Upload-Metadata"], ",") {
					name, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
					text, err := base64.StdEncoding.DecodeString(value)
					require.NoError(t, err)
					s.Metadata[name] = there.Replace(string(text))
				}
				delete(s.Header, "Upload-Metadata")
			}
			if s.Header["Content-Encoding"] == "gzip" {
				unpacked, err := gzip.NewReader(bytes.NewReader(body))
				require.NoError(t, err)
				body, err = io.ReadAll(unpacked)
				require.NoError(t, err)
			}
			if s.Metadata != nil || strings.Contains(s.Path, "/uploads") {
				s.Bytes = body
			} else {
				s.Text = there.Replace(string(body))
			}
			all = append(all, s)
		}
	}
	// Connections stand side by side: it is put in the sequence in which the app sends.
	rank := func(s said) int {
		return slices.IndexFunc([]string{"/announcements", "/work-orders/", "/uploads", "/"}, func(part string) bool { return strings.Contains(s.Path, part) })
	}
	slices.SortStableFunc(all, func(a, b said) int { return rank(a) - rank(b) })
	text, err := json.MarshalIndent(all, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(rig.Root(), file), append(text, '\n'), 0o600))
}
