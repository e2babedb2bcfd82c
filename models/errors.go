package models

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
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

// Codes are stable words by which screens translate. An error, or a wrong field, without one of its own has its kind's.
const (
	CodeUnknown       = "unknown_field"   // there is no such field, setting or part
	CodeWrongType     = "wrong_type"      // the JSON of a field is of another type
	CodeRequired      = "required"        // something that is needed was not given
	CodeNoSuch        = "no_such"         // a field names something that is not there
	CodeNoBytes       = "bytes_needed"    // the bytes of an item that is not here must come with it
	CodeOtherBytes    = "other_bytes"     // a uuid belongs to an item with other bytes
	CodeTaken         = "taken"           // a name or code that is used already
	CodeNumberTaken   = "number_taken"    // so too, of an order's number
	CodeUsernameTaken = "username_taken"  // so too, of a username
	CodeFolderTaken   = "folder_taken"    // so too, of a folder
	CodeFixed         = "fixed"           // a field that is not changed, or not here
	CodeDamaged       = "damaged"         // bytes that are not what they should be
	CodeIllegal       = "illegal"         // an action that the state does not allow
	CodeAlready       = "already"         // an action that was done already
	CodeClosed        = "closed"          // an edit of a closed order
	CodeIncomplete    = "incomplete"      // something is missing for an order to be completed:
	CodeMissingPhotos = "missing_photos"  // photos
	CodeWrongSource   = "wrong_source"    // photos from a source that counts
	CodeMissingSurvey = "missing_survey"  // an answered survey
	CodeMissingCheck  = "missing_checkin" // a check-in
	CodeNothingNew    = "nothing_new"     // everybody has everything
	CodeKeyReused     = "key_reused"      // an Idempotency-Key with another body
	CodeNeeded        = "needed"          // something else stands on it, so it stays
	CodeSwitchedOff   = "switched_off"    // of what is not enabled
	CodeLastAdmin     = "last_admin"      // nobody would be left to manage the account
	CodeElsewhere     = "elsewhere"       // an upload stands at another byte than a piece begins
	CodeAwaited       = "awaited"         // photos that are announced and not here
	CodeTooManyOpen   = "too_many_open"   // more announced than one person may have open
	CodeAnnounced     = "announced"       // a uuid under which somebody else announced a photo
	CodeOtherCount    = "other_count"     // another number of orders matches than who asked was shown
)

// FieldError says what is wrong with one field of the input and what to do about it.
type FieldError struct {
	// Field is the path of the field in the input, such as "tasks[1].name".
	Field string `json:"field"`
	// Message is for a person: what happened, and the remedy.
	Message string `json:"message"`
	// Code is a stable word for programs, see [CodeRequired] and its like.
	Code string `json:"code"`
}

// Error is a failure with a kind and a message that a person can act on. The cause is for the log.
type Error struct {
	Kind    Kind
	Message string
	Code    string // "": the kind's
	Fields  []FieldError
	// State and Allowed are set when a transition is illegal from State.
	State   State
	Allowed []Event
	// Wait is how long to wait before the next try, where that is known.
	Wait  time.Duration
	Cause error
}

func (e *Error) Error() string {
	var b strings.Builder
	message := e.Message
	if len(e.Fields) > 0 {
		message = strings.TrimSuffix(message, ".") // the sentence goes on
	}
	b.WriteString(message)
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

// Barred refuses somebody whose credentials are right: it says where their link stands, which nobody else is told.
func Barred(state LinkState, format string, args ...any) *Error {
	return Errorf(Forbidden, format, args...).Coded(barred + string(state))
}

const barred = "link_"

// BarOf is where the link of somebody stands who was barred; "" for whoever was not.
func BarOf(err error) LinkState {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	state, _ := strings.CutPrefix(e.Code, barred)
	if state == e.Code {
		return ""
	}
	return LinkState(state)
}

// Coded gives the error, and its fields that have none of their own, a code.
func (e *Error) Coded(code string) *Error {
	e.Code = code
	for i := range e.Fields {
		if c := e.Fields[i].Code; c == "" || c == string(Invalid) {
			e.Fields[i].Code = code
		}
	}
	return e
}

// Word is the stable word by which programs know the error: its own code, else that of its only field, else its kind.
func (e *Error) Word() string {
	only := ""
	if len(e.Fields) == 1 {
		only = e.Fields[0].Code
	}
	return cmp.Or(e.Code, only, string(e.Kind))
}

// CodedFields are the wrong fields of the error, each with a code.
func (e *Error) CodedFields() []FieldError {
	fields := slices.Clone(e.Fields)
	for i := range fields {
		fields[i].Code = cmp.Or(fields[i].Code, e.Code, string(e.Kind))
	}
	return fields
}

// InvalidField makes the error for one wrong field.
func InvalidField(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Message: "The request has a field that can't be taken.",
		Fields: []FieldError{{Field: field, Message: fmt.Sprintf(format, args...), Code: string(Invalid)}}}
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

// PlainText tells whether every database keeps the texts: they are UTF-8 without NUL.
func PlainText(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) })
}

// OneLine tells whether a text can stand in a line of a mail, a report and a list: no more characters than most, and none that
// breaks it or is not seen.
func OneLine(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && !strings.ContainsFunc(text, unicode.IsControl)
}

// Visible tells whether anything of a text is seen: it is more than spaces, joiners, fillers and marks of direction.
func Visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return r != brailleBlank && unicode.IsGraphic(r) && !unicode.IsSpace(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
	})
}

const brailleBlank = '\u2800'

// Undirected is a text of somebody outside without what turns the direction of others: with it a name could be read as another.
// A phone pastes such signs unseen, so they are left out, and refuse nothing.
func Undirected(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) && r != '\u200e' && r != '\u200f' && r != '\u061c' {
			return -1
		}
		return r
	}, text)
}

// Add notes that field is wrong; what it returns takes a code.
func (p *Problems) Add(field, format string, args ...any) *FieldError {
	if len(*p) == mostProblems {
		return &FieldError{} // beyond what is kept
	}
	*p = append(*p, FieldError{Field: field, Message: fmt.Sprintf(format, args...), Code: string(Invalid)})
	return &(*p)[len(*p)-1]
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
