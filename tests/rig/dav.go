package rig

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/net/webdav"
)

// DAV is a WebDAV server whose troubles a test decides.
type DAV struct {
	*httptest.Server
	Dir  string
	mu   sync.Mutex
	puts map[string]int
	// before answers a request in place of the server when it returns true.
	before func(w http.ResponseWriter, r *http.Request) bool
}

// NewDAV starts a server on a folder of its own.
func NewDAV(t testing.TB) *DAV {
	d := &DAV{Dir: t.TempDir(), puts: map[string]int{}}
	handler := &webdav.Handler{FileSystem: webdav.Dir(d.Dir), LockSystem: webdav.NewMemLS()}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		before := d.before
		d.mu.Unlock()
		if before != nil && before(w, r) {
			return
		}
		handler.ServeHTTP(w, r)
		if r.Method == http.MethodPut {
			d.mu.Lock()
			d.puts[r.URL.Path]++
			d.mu.Unlock()
		}
	}))
	t.Cleanup(d.Close)
	return d
}

// Before decides what comes before each request.
func (d *DAV) Before(before func(w http.ResponseWriter, r *http.Request) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = before
}

// Puts counts the files that arrived, and how often all of them were sent.
func (d *DAV) Puts() (files, sent int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.puts {
		files++
		sent += n
	}
	return files, sent
}

// Settings are those of a destination in a folder of the server.
func (d *DAV) Settings(path string) JSON {
	return JSON{"path": path, "template": "Project", "no_report": true, "options": JSON{"url": d.URL, "vendor": "other"}}
}

// Files lists what lies there, path → content.
func (d *DAV) Files(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.Walk(d.Dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		name, _ := filepath.Rel(d.Dir, path)
		found[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Full is a server without room, as RFC 4918 says it.
func Full(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPut {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusInsufficientStorage)
	return true
}
