package rig

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
)

// Receiver is a web-hook receiver that keeps what it got.
type Receiver struct {
	*httptest.Server
	mu     sync.Mutex
	events []Event
	answer func(n int) int
}

// NewReceiver starts a receiver.
func NewReceiver() *Receiver {
	r := &Receiver{answer: func(int) int { return http.StatusOK }}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		e := Event{ID: q.Header.Get("webhook-id"), Signature: q.Header.Get("webhook-signature"), Timestamp: q.Header.Get("webhook-timestamp"),
			Authorization: q.Header.Get("Authorization"), Body: body}
		_ = json.Unmarshal(body, &e.JSON.JSON)
		r.mu.Lock()
		status := r.answer(len(r.events))
		r.events = append(r.events, e)
		r.mu.Unlock()
		w.WriteHeader(status)
	}))
	return r
}

// Answer decides the status of the answers to come; n counts what came before.
func (r *Receiver) Answer(status func(n int) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = status
}

// Events are those that came so far.
func (r *Receiver) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// OfOrder are those of one order and, unless type is "", of one type.
func (r *Receiver) OfOrder(id, kind string) []Event {
	var some []Event
	for _, e := range r.Events() {
		if e.JSON.Text("data", "work_order", "id") == id && (kind == "" || e.JSON.Text("type") == kind) {
			some = append(some, e)
		}
	}
	return some
}
