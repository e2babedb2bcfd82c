package intake

import (
	"fmt"
	"slices"

	"fieldproof/models"
)

// What the delegator of a Share link says of an order beside its fields (domain 9).

// shared tells whether the order comes by a Share link.
func (s *Source) shared() bool {
	return s.Integration != nil && s.Integration.Kind == models.ShareIntegration
}

// whole tells whether the order is told with all that makes one, and not only its client status.
func (t *taking) whole() bool { return t.in.Says("address.address1") || t.in.Tasks != nil }

// end is how the order ended for us, as the delegator says; "" while it lives.
func (t *taking) end() string {
	if !t.src.shared() || !t.in.Says("client_status") {
		return ""
	}
	return models.EndOf(t.in.Fields.ClientStatus)
}

// ended are the words with which history tells of an end.
var ended = map[string]string{models.EndCancelled: "taken back", models.EndDeleted: "deleted"}

// because is why what came changes an order, where there is more to say than who did it.
func (t *taking) because(memory *models.ReceivedOrder) string {
	end := t.end()
	switch {
	case end != "" && (memory == nil || memory.Ended != end):
		return fmt.Sprintf("The order was %s by %s: %s", ended[end], t.src.Actor(), end)
	case t.revived(memory):
		return "Assigned again by " + t.src.Actor()
	}
	return ""
}

// revived tells whether the delegator assigns again what had ended.
func (t *taking) revived(memory *models.ReceivedOrder) bool {
	return t.src.shared() && memory != nil && memory.Ended != "" && t.whole() && t.in.Says("client_status") && t.end() == ""
}

// revive has an order live again: reopened, as often as it takes, where it was cancelled or closed here; with auto-admin off the
// office is told. It returns the state to which that leads.
func (t *taking) revive(o *models.WorkOrder, shared bool) ([]act, models.State, error) {
	l := o.Lifecycle
	var acts []act
	for l.State == models.Cancelled || l.State == models.Closed {
		next, err := l.After(models.Reopen, models.Facts{})
		if err != nil {
			return nil, l.State, err
		}
		l = next
		acts = append(acts, act{models.Reopen, models.ActionParameters{Reason: "Assigned again by " + t.src.Actor()}})
	}
	if len(acts) == 0 || shared {
		return acts, l.State, nil
	}
	t.warn("client_status", "Auto-admin is off: the order was assigned again and stays %s.", o.Lifecycle.State)
	return nil, o.Lifecycle.State, t.alert(&models.Alert{AccountID: o.AccountID, Kind: models.AlertStatusIgnored, WorkOrderID: &o.ID, Subject: o.ID + "/assigned again",
		Says: "assigned_again", Args: []any{"who", t.src.Actor(), "order", o.DisplayNumber(), "state", models.Word{Key: "state_" + string(o.Lifecycle.State)}}})
}

func (t *taking) alert(a *models.Alert) error {
	if t.src.DryRun {
		return nil
	}
	return t.tx.Raise(a)
}

// info is the field that is blanked when an order ends.
const info = "work_order_info"

// blank takes the door codes of an order that ended away, as far as they still are what came by the link.
func blank(o *models.WorkOrderFields, memory *models.ReceivedOrder) bool {
	if o.WorkOrderInfo == "" || memory == nil {
		return false
	}
	came := memory.Brought[info] == o.WorkOrderInfo || memory.Differs[info] == o.WorkOrderInfo
	if memory.Brought == nil { // from before that was kept
		came = memory.Fields[models.FieldNamed(info).PrintName()] == models.Print(o.WorkOrderInfo)
	}
	if came {
		o.WorkOrderInfo = ""
	}
	return came
}

// blankHidden is blank for an order that was deleted here and may be restored.
func (t *taking) blankHidden(memory *models.ReceivedOrder) error {
	if t.src.DryRun || t.end() == "" {
		return nil
	}
	o, err := t.tx.OrderForUpdate(memory.WorkOrderID)
	if err != nil {
		return err
	}
	made := edited{before: *o, by: t.src.hand()}
	if !blank(&o.WorkOrderFields, memory) {
		return nil
	}
	if err := made.keepChanges(t.tx, o); err != nil {
		return err
	}
	return t.tx.SaveOrder(o)
}

// told notes in what is remembered of an order what the link said of it beside its fields. o is the order as it stands after.
func (t *taking) told(m *models.ReceivedOrder, o *models.WorkOrder) {
	in := t.in
	if s := in.Share; s != nil {
		m.PeerOrderID, m.PeerVersion = s.OrderID, s.Version
		if s.Rejection != nil {
			m.Rejection = s.Rejection.ID
		}
	}
	m.Refused = ""
	if known := t.memory[m.Number]; known != nil {
		m.RefusalTold = known.RefusalTold // where a refusal was told, it is told that it is over
	}
	if !t.src.shared() {
		return
	}
	if in.Says("client_status") && (t.end() != "" || t.whole()) {
		m.Ended = t.end()
	}
	before := m.Differs
	m.Differs = t.differs(before)
	if m.Ended != "" {
		m.Brought = map[string]string{}
		return
	}
	switch said := in.Fields.WorkOrderInfo; {
	case in.Says(info) && o.WorkOrderInfo == said:
		m.Brought = map[string]string{info: said}
	case before[info] == o.WorkOrderInfo && o.WorkOrderInfo != "": // the office took what came before
		m.Brought = map[string]string{info: o.WorkOrderInfo}
	}
}

// differs is what came last of each shared field while auto-admin is off. A blank counts where something else came before.
func (t *taking) differs(before map[string]any) map[string]any {
	if t.src.autoAdmin() {
		return nil
	}
	theirs := map[string]any{}
	for name, value := range before {
		theirs[name] = value
	}
	for name, value := range t.in.Theirs() {
		if _, came := before[name]; came || value != "" {
			theirs[name] = value
		}
	}
	if t.end() != "" {
		delete(theirs, info)
	}
	return theirs
}

// takePath keeps the way that an order came, and tells whether that is news.
func (t *taking) takePath(o *models.WorkOrder) bool {
	s := t.in.Share
	if s == nil || s.PathSalt == "" || (o.PathSalt == s.PathSalt && slices.Equal(o.PathMarks, s.PathMarks)) {
		return false
	}
	o.PathSalt, o.PathMarks = s.PathSalt, s.PathMarks
	return true
}

// refuse refuses an order that was here before, or went too far. The delegator is told once.
func (t *taking) refuse(memory *models.ReceivedOrder) (bool, error) {
	s := t.in.Share
	if !t.src.shared() || s == nil || !t.whole() {
		return false, nil
	}
	why := s.Refusal(t.src.Account.ID)
	if why == "" {
		return false, nil
	}
	if memory != nil && memory.Refused == why {
		t.warn("path", "%s", why)
		return true, t.refusedAgain(memory)
	}
	t.refused = true
	t.problems.Add("path", "%s", why)
	if t.src.DryRun {
		return true, nil
	}
	return true, t.tellRefused(memory, why)
}

// tellRefused keeps why an order of a Share link, or what changed of it, is not taken. Its delegator is told, and ours is.
func (t *taking) tellRefused(memory *models.ReceivedOrder, why string) error {
	s := t.in.Share
	m := &models.ReceivedOrder{IntegrationID: t.src.Integration.ID, Number: t.in.Number, AccountID: t.src.Account.ID, Fields: map[string]string{}}
	if memory != nil {
		*m = *memory
	}
	m.PeerOrderID, m.PeerVersion, m.Refused, m.RefusalTold, m.At = s.OrderID, s.Version, why, "", models.Now()
	if err := t.keep(m); err != nil {
		return err
	}
	if err := t.takenAfterAll(memory); err != nil { // an alert that says otherwise
		return err
	}
	return t.tx.Raise(&models.Alert{AccountID: t.src.Account.ID, Kind: models.AlertPeerTrouble, Subject: refusedOf(t.src.Integration, s.OrderID),
		Says: "not_taken", Args: []any{"order", t.in.Number, "who", t.src.Actor()}, Detail: why})
}

// refusedOf is the subject of the alert that an order of a Share link is not taken.
func refusedOf(i *models.Integration, orderID string) string { return i.ID + "/" + orderID }

// longestRefusal is how much is told of why an order is not taken, in characters.
const longestRefusal = 1000

// untaken has the delegator of a Share link told that an order, or what changed of it, can't be taken as it is, and why.
func (t *taking) untaken() error {
	s, memory := t.in.Share, t.memory[t.in.Number]
	if !t.src.shared() || s == nil || !t.whole() || t.in.Number == "" || t.src.DryRun || t.refused {
		return nil
	}
	why := "The order can't be taken as it is."
	if t.have[keyOf(t.in.ClientCode, t.in.Number)] != nil {
		why = "What changed of the order can't be taken, and here it stays as it was."
	}
	for _, p := range t.problems {
		why += " " + p.Field + ": " + p.Message
	}
	if words := []rune(why); len(words) > longestRefusal {
		why = string(words[:longestRefusal]) + "…"
	}
	if memory == nil || memory.Refused != why {
		return t.tellRefused(memory, why)
	}
	t.warnings, t.problems = append(t.warnings, t.problems...), nil
	return t.refusedAgain(memory)
}

// refusedAgain keeps that an order came again, for whatever reason, that is not taken as before: the delegator is told once more,
// who may have forgotten it, and nobody else is.
func (t *taking) refusedAgain(memory *models.ReceivedOrder) error {
	t.result.Result = models.ResultUnchanged
	if t.src.DryRun || memory.PeerVersion == t.in.Share.Version {
		return nil
	}
	m := *memory
	m.PeerVersion, m.RefusalTold = t.in.Share.Version, ""
	return t.keep(&m)
}

// takenAfterAll ends the alert of an order that was refused.
func (t *taking) takenAfterAll(memory *models.ReceivedOrder) error {
	if memory == nil || memory.Refused == "" {
		return nil
	}
	return t.tx.EndAlerts(models.AlertPeerTrouble, refusedOf(t.src.Integration, memory.PeerOrderID))
}

// rejection is the delegator's rejection that is still to be acted upon; nil for none. What is finished there again needs none.
func (t *taking) rejection(memory *models.ReceivedOrder, status models.WireStatus) *models.ShareRejection {
	s := t.in.Share
	if !t.src.shared() || s == nil || s.Rejection == nil || (memory != nil && memory.Rejection == s.Rejection.ID) {
		return nil
	}
	switch status {
	case models.WireRework, models.WireRush, models.WireAssigned, models.WireUnassigned:
		return s.Rejection
	}
	return nil
}

// reject sends an order back for rework as its delegator did, and those below learn of it. state is where it stands, or will
// when it was reopened.
func (t *taking) reject(o *models.WorkOrder, r *models.ShareRejection, state models.State, shared bool) ([]act, error) {
	reason := r.Reason
	if reason == "" {
		reason = "Sent back for rework by " + t.src.Actor()
	}
	if done := state == models.Closed || state == models.Cancelled; done || !shared {
		says, why := "again_off", "Auto-admin of the integration is off, so it was not sent back."
		if done {
			says, why = "again_over", fmt.Sprintf("It is %s here, so it was not sent back.", state)
		}
		t.warn("status", "The order was rejected with the words: %s. %s", reason, why)
		return nil, t.alert(&models.Alert{AccountID: o.AccountID, Kind: models.AlertStatusIgnored, WorkOrderID: &o.ID, Subject: o.ID + "/" + r.ID,
			Says: says, Args: []any{"who", t.src.Actor(), "order", o.DisplayNumber(), "reason", reason, "state", models.Word{Key: "state_" + string(state)}}})
	}
	ids := []string{}
	for some := range slices.Chunk(r.UUIDs, 500) {
		keys := make([]string, len(some))
		for i, uuid := range some {
			keys[i] = models.UUIDKey(uuid)
		}
		var found []string
		if err := t.tx.Model(&models.Item{}).Where("work_order_id = ? AND uuid_key IN ? AND deleted_at IS NULL", o.ID, keys).Order("id").Pluck("id", &found).Error; err != nil {
			return nil, err
		}
		ids = append(ids, found...)
	}
	p := models.ActionParameters{Reason: reason, ItemIDs: ids, FromPeer: true}
	switch state {
	case models.Completed, models.Approved, models.Published:
		return []act{{models.Reject, p}}, nil
	}
	o.Priority = models.PriorityRework
	if t.src.DryRun {
		return nil, nil
	}
	if err := t.tx.RejectItems(o, "", p); err != nil {
		return nil, err
	}
	return nil, t.tx.RejectBelow(o, r.ID, reason, ids)
}
