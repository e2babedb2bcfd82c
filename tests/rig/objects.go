package rig

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Objects is an S3 server whose troubles a test decides.
type Objects struct {
	*httptest.Server
	mu     sync.Mutex
	before func(w http.ResponseWriter, r *http.Request) bool
}

// NewObjects starts a server with a bucket.
func NewObjects(t testing.TB) *Objects {
	backend := s3mem.New()
	if err := backend.CreateBucket("photos"); err != nil {
		t.Fatal(err)
	}
	o := &Objects{}
	handler := gofakes3.New(backend).Server()
	o.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		before := o.before
		o.mu.Unlock()
		if before == nil || !before(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(o.Close)
	return o
}

// Before decides what comes before each request: it answers in place of the server when it returns true.
func (o *Objects) Before(before func(w http.ResponseWriter, r *http.Request) bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.before = before
}

// Environment makes an installation keep its bytes here.
func (o *Objects) Environment() []string {
	return []string{"FIELDPROOF_BLOB_URL=s3://photos?endpoint=" + o.URL + "&use_path_style=true&region=us-east-1",
		"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}
}
