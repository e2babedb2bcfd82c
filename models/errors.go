package models

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is the small closed set of ways in which a request can fail. The HTTP edge maps each to one status.
type Kind string

// The kinds.
const (
	Invalid      Kind = "invalid"      // a field is wrong: 422
	NotFound     Kind = "not_found"    // unknown, foreign or invisible: 404
	Forbidden    Kind = "forbidden"    // seen, but not allowed: 403
	Unauthorized Kind = "unauthorized" // no valid session: 401
	Conflict     Kind = "conflict"     // illegal transition, taken name, other bytes: 409
	Stale        Kind = "stale"        // If-Match does not fit: 412
	Malformed    Kind = "malformed"    // not JSON, bad cursor, bad parameter: 400
	TooLarge     Kind = "too_large"    // 413
	Unsupported  Kind = "unsupported"  // a kind of file we don't take: 415
	TooMany      Kind = "too_many"     // slow down: 429
	Unavailable  Kind = "unavailable"  // no answer in time, safe to repeat: 503
	NoRoom       Kind = "no_room"      // the disk is full, nothing was taken: 507
	Gone         Kind = "gone"         // was there, is revoked or expired: 410
	Overtaken    Kind = "overtaken"    // a newer action of the order was applied first: 409, or asked again by whoever still waits
)

// FieldError says what is wrong with one field of the input and what to do about it.
type FieldError struct {
	// Field is the path of the field in the input, such as "tasks[1].name".
	Field string `json:"field"`
	// Message is for a person: what happened, and the remedy.
	Message string `json:"message"`
}

// Error is a failure with a kind and a message that a person can act on. The cause is for the log.
type Error struct {
	Kind    Kind
	Message string
	Fields  []FieldError
	// State and Allowed are set when a transition is illegal from State.
	State   State
	Allowed []Event
	Cause   error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "; %s: %s", f.Field, f.Message)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an error of a kind with a message for people.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// InvalidField makes the error for one wrong field.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Message: "The request has a field that can't be taken.", Fields: []FieldError{{field, fmt.Sprintf(format, args...)}}}
}

// KindOf returns the kind of err, or "" when err is nil or not one of ours.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// Problems collects field errors while an input is checked.
type Problems []FieldError

// mostProblems is how many are kept: nobody reads more, and who sends rubbish makes one of every byte.
const mostProblems = 1000

// Add notes that field is wrong.
func (p *Problems) Add(field, format string, args ...any) {
	if len(*p) == mostProblems {
		return
	}
	*p = append(*p, FieldError{field, fmt.Sprintf(format, args...)})
}

// Err returns nil when nothing was noted, else one [Invalid] error with all of it.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	message := "A field can't be taken."
	if len(p) > 1 {
		message = fmt.Sprintf("%d fields can't be taken.", len(p))
	}
	return &Error{Kind: Invalid, Message: message, Fields: p}
}
