package models

import (
	"fmt"
	"slices"
	"strings"
)

// State is where a work order stands.
type State string

// The states of a work order.
const (
	Created    State = "created"
	Assigned   State = "assigned"
	InProgress State = "in_progress"
	Completed  State = "completed"
	Approved   State = "approved"
	Published  State = "published"
	Cancelled  State = "cancelled"
	Closed     State = "closed"
)

// States lists every state in the order of an order's life.
var States = []State{Created, Assigned, InProgress, Completed, Approved, Published, Cancelled, Closed}

// Event is what happens to a work order.
type Event string

// The events of a work order that the transition table knows.
const (
	Assign   Event = "assign"
	Unassign Event = "unassign"
	Start    Event = "start" // the first photo, survey response or check-in
	Complete Event = "complete"
	Reject   Event = "reject"
	Approve  Event = "approve"
	// Unapprove takes an approval back while nothing of it was published.
	Unapprove Event = "unapprove"
	Publish   Event = "publish"
	Cancel    Event = "cancel"
	Reopen    Event = "reopen"
	Close     Event = "close"
	Delete    Event = "delete"
	Restore   Event = "restore"
)

// Guard is a condition on the facts of an order under which a transition applies.
type Guard string

// The guards.
const (
	Always      Guard = ""
	IfAssigned  Guard = "somebody is assigned"
	IfNobody    Guard = "nobody is assigned"
	IfOffice    Guard = "an office user uploads"
	IfAutomatic Guard = "the policy is auto_publish or auto_relay"
)

// Target is where a transition leads: a state, or one that the order remembers.
type Target string

// The remembered targets.
const (
	BeforeCancelled Target = "the state before it was cancelled"
	BeforeClosed    Target = "the state before it was closed"
	BeforeHidden    Target = "the state before it was deleted"
	SameState       Target = "the same state"
)

// To is the target that is a state.
func To(s State) Target { return Target(s) }

// Transition is one row of the table.
type Transition struct {
	Event Event
	From  []State
	To    Target
	When  Guard
	// Hidden tells whether the row applies to deleted orders (only restore does) or to the others.
	Hidden bool
	// By says who may cause it, for the documentation.
	By string
}

// Transitions is the whole lifecycle. Code, documentation (docs/lifecycle.md) and property tests come from it. Of
// several rows of one event and state, the first whose guard holds applies.
var Transitions = []Transition{
	{Event: Assign, From: []State{Created, Assigned}, To: To(Assigned), By: "office; an integration's default; a Share recipient"},
	{Event: Assign, From: []State{InProgress}, To: SameState, By: "office; an integration's default; a Share recipient"},
	{Event: Unassign, From: []State{Assigned, InProgress}, To: To(Created), By: "office"},
	{Event: Start, From: []State{Assigned}, To: To(InProgress), By: "field, by its first photo, survey response or check-in"},
	{Event: Start, From: []State{Created}, To: To(InProgress), When: IfOffice, By: "office, by uploading"},
	{Event: Complete, From: []State{Assigned, InProgress}, To: To(Completed), By: "field or office"},
	{Event: Reject, From: []State{Completed, Approved, Published}, To: To(Assigned), When: IfAssigned, By: "office; an integration's REWORK; the delegator"},
	{Event: Reject, From: []State{Completed, Approved, Published}, To: To(Created), When: IfNobody, By: "office; an integration's REWORK; the delegator"},
	{Event: Approve, From: []State{Completed}, To: To(Approved), By: "office"},
	{Event: Unapprove, From: []State{Approved}, To: To(Completed), By: "office, while nothing of this approval was published"},
	{Event: Publish, From: []State{Approved, Published}, To: To(Published), By: "office, or automatically"},
	{Event: Publish, From: []State{Completed}, To: To(Published), When: IfAutomatic, By: "office, or automatically"},
	{Event: Cancel, From: []State{Created, Assigned, InProgress, Completed, Approved, Published}, To: To(Cancelled), By: "office; integration"},
	{Event: Reopen, From: []State{Cancelled}, To: BeforeCancelled, By: "office; a Share link that assigns again"},
	{Event: Reopen, From: []State{Closed}, To: BeforeClosed, By: "office; a Share link that assigns again"},
	{Event: Close, From: []State{Published, Cancelled}, To: To(Closed), By: "office, or automatically after the retention time"},
	{Event: Delete, From: []State{Created, Assigned, InProgress, Completed, Approved, Published}, To: To(Cancelled), By: "admin"},
	{Event: Delete, From: []State{Cancelled, Closed}, To: SameState, By: "admin"},
	{Event: Restore, From: []State{Cancelled, Closed}, To: BeforeHidden, Hidden: true, By: "admin, while the number is free"},
}

// Lifecycle is what the workflow of an order owns: the state, how often it changed, and what it must remember to find
// back. The row keeps a copy. The zero value with State [Created] is a new order.
type Lifecycle struct {
	State State `json:"state" gorm:"column:state"`
	// Version counts the changes of the lifecycle; the higher of two copies is the truth.
	Version         int64 `json:"version" gorm:"column:state_version"`
	Hidden          bool  `json:"hidden,omitempty" gorm:"column:hidden"`
	BeforeCancelled State `json:"before_cancelled,omitempty" gorm:"column:before_cancelled"`
	BeforeClosed    State `json:"before_closed,omitempty" gorm:"column:before_closed"`
	BeforeHidden    State `json:"before_hidden,omitempty" gorm:"column:before_hidden"`
}

// Facts are what a guard may ask.
type Facts struct {
	Assigned  bool // somebody is assigned
	Office    bool // who acts is an office user
	Automatic bool // the order's policy publishes by itself
}

func (g Guard) holds(f Facts) bool {
	switch g {
	case IfAssigned:
		return f.Assigned
	case IfNobody:
		return !f.Assigned
	case IfOffice:
		return f.Office
	case IfAutomatic:
		return f.Automatic
	}
	return true
}

// After returns the lifecycle after event, or a [Conflict] error that names the state and what is allowed from it.
func (l Lifecycle) After(event Event, facts Facts) (Lifecycle, error) {
	for _, t := range Transitions {
		if t.Event == event && t.Hidden == l.Hidden && slices.Contains(t.From, l.State) && t.When.holds(facts) {
			return l.follow(t), nil
		}
	}
	return l, l.illegal(event, facts)
}

func (l Lifecycle) follow(t Transition) Lifecycle {
	next := l
	next.Version++
	switch t.To {
	case SameState:
	case BeforeCancelled:
		next.State = orCreated(l.BeforeCancelled)
	case BeforeClosed:
		next.State = orCreated(l.BeforeClosed)
	case BeforeHidden:
		next.State = orCreated(l.BeforeHidden)
	default:
		next.State = State(t.To)
	}
	switch t.Event {
	case Cancel:
		next.BeforeCancelled = l.State
	case Close:
		next.BeforeClosed = l.State
	case Delete:
		next.BeforeHidden, next.Hidden = l.State, true
	case Restore:
		next.BeforeHidden, next.Hidden = "", false
	case Reopen:
		if l.State == Closed {
			next.BeforeClosed = ""
		} else {
			next.BeforeCancelled = ""
		}
	}
	return next
}

func orCreated(s State) State {
	if s == "" {
		return Created
	}
	return s
}

// MayBeLegal tells whether any facts could make event legal: the question of a validator that has no database.
func (l Lifecycle) MayBeLegal(event Event) bool {
	return slices.ContainsFunc(Transitions, func(t Transition) bool {
		return t.Event == event && t.Hidden == l.Hidden && slices.Contains(t.From, l.State)
	})
}

// Allowed lists the events that are legal now, in the table's order, each once.
func (l Lifecycle) Allowed(facts Facts) []Event {
	var allowed []Event
	for _, t := range Transitions {
		if t.Hidden == l.Hidden && slices.Contains(t.From, l.State) && t.When.holds(facts) && !slices.Contains(allowed, t.Event) {
			allowed = append(allowed, t.Event)
		}
	}
	return allowed
}

// Over tells whether nothing is left to do for the order's workflow: it is closed or deleted.
func (l Lifecycle) Over() bool { return l.State == Closed || l.Hidden }

func (l Lifecycle) illegal(event Event, facts Facts) error {
	allowed := l.Allowed(facts)
	names := make([]string, len(allowed))
	for i, e := range allowed {
		names[i] = happened[e]
	}
	message := fmt.Sprintf("An order that is %s can't be %s.", strings.ReplaceAll(string(l.State), "_", " "), happened[event])
	if event == Publish && l.State == Completed {
		message = "A completed order is approved before it is published, unless its policy publishes by itself."
	}
	if len(names) > 0 {
		message += " It can be " + anyOf(names) + "."
	}
	return &Error{Kind: Conflict, Code: CodeIllegal, Message: message, State: l.State, Allowed: allowed}
}

// happened is what is said of an order after an event.
var happened = map[Event]string{Assign: "assigned", Unassign: "taken from its assignee", Start: "begun", Complete: "completed", Reject: "sent back", Approve: "approved",
	Unapprove: "opened for review again", Publish: "published", Cancel: "cancelled", Reopen: "reopened", Close: "closed", Delete: "deleted", Restore: "restored"}

// anyOf joins words as people name a choice: a, b or c.
func anyOf(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// EventType is the word that the order's history keeps for an event: "assigned" for [Assign].
type EventType string

// The event types of a history. Those without a transition of their own come first.
const (
	TypeCreated    EventType = "created"
	TypeUpdated    EventType = "updated"
	TypeViewed     EventType = "viewed"
	TypeAssigned   EventType = "assigned"
	TypeUnassigned EventType = "unassigned"
	TypeInProgress EventType = "in_progress"
	TypeCompleted  EventType = "completed"
	TypeRejected   EventType = "rejected"
	TypeApproved   EventType = "approved"
	TypeUnapproved EventType = "unapproved"
	TypePublished  EventType = "published"
	TypeCancelled  EventType = "cancelled"
	TypeRelayed    EventType = "relayed" // items go out as they come, from here on
	TypeReopened   EventType = "reopened"
	TypeClosed     EventType = "closed"
	TypeDeleted    EventType = "deleted"
	TypeRestored   EventType = "restored"
)

var eventTypes = map[Event]EventType{
	Assign: TypeAssigned, Unassign: TypeUnassigned, Start: TypeInProgress, Complete: TypeCompleted, Reject: TypeRejected,
	Approve: TypeApproved, Unapprove: TypeUnapproved, Publish: TypePublished, Cancel: TypeCancelled, Reopen: TypeReopened, Close: TypeClosed,
	Delete: TypeDeleted, Restore: TypeRestored,
}

// privileges are what somebody needs who asks for an event.
var privileges = map[Event]Privilege{
	Assign: AssignOrders, Unassign: AssignOrders, Complete: CompleteOrders, Reject: ReviewOrders, Approve: ReviewOrders, Unapprove: ReviewOrders,
	Publish: PublishOrders, Cancel: CancelOrders, Reopen: CancelOrders, Close: CancelOrders, Delete: DeleteOrders, Restore: DeleteOrders,
}

// Needs is the privilege that whoever asks for e needs.
func (e Event) Needs() Privilege { return privileges[e] }

// LeadsTo tells whether an order is in state s once e has happened to it.
func (e Event) LeadsTo(s State) bool {
	return slices.ContainsFunc(Transitions, func(t Transition) bool { return t.Event == e && t.To == To(s) })
}

// Type returns the word that the history keeps for e.
func (e Event) Type() EventType { return eventTypes[e] }

// LifecycleDocument writes the table as Markdown, for docs/lifecycle.md.
func LifecycleDocument() string {
	var b strings.Builder
	b.WriteString("# The lifecycle of a work order\n\nMade from `models/lifecycle.go` by `make docs`; a test compares the two.\n\n")
	b.WriteString("| event | from | to | when | by |\n|---|---|---|---|---|\n")
	for _, t := range Transitions {
		from := make([]string, len(t.From))
		for i, s := range t.From {
			from[i] = string(s)
		}
		if t.Hidden {
			from = append(from, "(deleted)")
		}
		to := string(t.To)
		if t.Event == Delete {
			to += ", deleted"
		}
		when := string(t.When)
		if when == "" {
			when = "always"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", t.Event, strings.Join(from, ", "), to, when, t.By)
	}
	b.WriteString("\n```mermaid\nstateDiagram-v2\n    [*] --> created\n")
	for _, t := range Transitions {
		if !slices.Contains(States, State(t.To)) {
			continue
		}
		for _, from := range t.From {
			fmt.Fprintf(&b, "    %s --> %s: %s\n", from, t.To, t.Event)
		}
	}
	b.WriteString("    closed --> [*]\n```\n")
	return b.String()
}
