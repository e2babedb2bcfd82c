package models

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// The words by which a delegator tells that an order ended for its recipient (domain 9).
const (
	EndCancelled = "Cancelled" // taken from the login, or cancelled
	EndDeleted   = "Deleted"
)

// EndOf is the end that a client status tells; "" for none.
func EndOf(clientStatus string) string {
	switch strings.ToLower(strings.TrimSpace(clientStatus)) {
	case "cancelled", "canceled":
		return EndCancelled
	case "deleted":
		return EndDeleted
	}
	return ""
}

// ToldTo is the order as a login of the wire is told of it: with the client status that it has for the login and, once the
// order ended for it, without door codes.
func (o *WorkOrder) ToldTo(userID string) *WorkOrder {
	told := *o
	if told.ClientStatus = o.statusFor(userID); EndOf(told.ClientStatus) != "" {
		told.WorkOrderInfo = ""
	}
	return &told
}

// statusFor is the client status of the order towards a login: our own word or the one from above, whichever came last, but
// an end comes first while it holds.
func (o *WorkOrder) statusFor(userID string) string {
	l := o.Lifecycle
	switch {
	case l.Hidden:
		return EndDeleted
	case !o.IsAssignedTo(userID), l.State == Cancelled, l.State == Closed && l.BeforeClosed == Cancelled:
		return EndCancelled
	case EndOf(o.ClientStatus) != "" || o.StatusBelow == "":
		return o.ClientStatus
	}
	return o.StatusBelow
}

// sayBelow keeps the word that those below are told of an event: that their work was approved or published, until that is
// taken back.
func (o *WorkOrder) sayBelow(e Event) {
	switch e {
	case Approve:
		o.StatusBelow = "Approved"
	case Publish:
		o.StatusBelow = "Published"
	case Unapprove, Reject, Complete:
		o.StatusBelow = ""
	}
}

// RejectBelow has the logins to which an order is assigned told of a rejection, with the items of theirs that it is about:
// those named or, when none is, all that stand rejected.
func (tx *Tx) RejectBelow(o *WorkOrder, id, reason string, itemIDs []string) error {
	var rows []*PeerNumber
	if err := tx.Where("work_order_id = ?", o.ID).Order("user_id").Find(&rows).Error; err != nil {
		return err
	}
	for _, row := range rows {
		if !o.IsAssignedTo(row.UserID) {
			continue
		}
		uuids := []string{}
		q := tx.Model(&Item{}).Where("work_order_id = ? AND uploaded_by = ? AND deleted_at IS NULL", o.ID, row.UserID)
		if len(itemIDs) > 0 {
			q = q.Where("id IN ?", itemIDs)
		} else {
			q = q.Where("review = ?", ReviewRejected)
		}
		if err := q.Order("received_at, id").Pluck("uuid", &uuids).Error; err != nil {
			return err
		}
		row.Rejection = &ShareRejection{ID: id, Reason: reason, UUIDs: uuids}
		if err := tx.Select("rejection").Updates(row).Error; err != nil {
			return err
		}
	}
	return nil
}

// MostHops is how many links an order may go over, one after the other.
const MostHops = 10

// MarkOf is the mark of an account on the path of an order: the first 16 bytes of the SHA-256 of the salt's text followed by
// the account's id, in hex. The account finds itself by it, and nobody finds another.
func MarkOf(salt, accountID string) string {
	sum := sha256.Sum256([]byte(salt + accountID))
	return hex.EncodeToString(sum[:16])
}

// MarksBelow are the marks that a recipient of the order is told: of the accounts that it came through, and ours.
func (o *WorkOrder) MarksBelow() []string {
	return append(slices.Clone(o.PathMarks), MarkOf(o.PathSalt, o.AccountID))
}

// BeginPaths gives orders that began here, and were never told to another account, the salt of their path.
func (tx *Tx) BeginPaths(orders []*WorkOrder) error {
	for _, o := range orders {
		salt := rand.Text()
		set := tx.Model(&WorkOrder{}).Where("id = ? AND path_salt = ''", o.ID).UpdateColumn("path_salt", salt)
		if set.Error != nil {
			return set.Error
		}
		if o.PathSalt = salt; set.RowsAffected == 0 { // another call was first
			if err := tx.Model(&WorkOrder{}).Where("id = ?", o.ID).Select("path_salt").Scan(&o.PathSalt).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

// tooFar refuses to hand an order on by a link when it came over as many as an order may; user is nil for everybody.
func (tx *Tx) tooFar(o *WorkOrder, user *User) error {
	if len(o.PathMarks) < MostHops {
		return nil
	}
	q := tx.Model(&ShareLink{}).Where("direction = ? AND ended_at IS NULL AND user_id IS NOT NULL", LinkOut)
	instead := "do it yourselves, or give it to somebody without an account of their own"
	if user == nil {
		instead = "somebody among everybody has an account of their own, so give it to one of yours by name"
	} else {
		q = q.Where("user_id = ?", user.ID)
	}
	var linked int64
	if err := q.Count(&linked).Error; err != nil || linked == 0 {
		return err
	}
	return Errorf(Conflict, "The work order %s came over %d Share links, as many as there may be: %s.", o.DisplayNumber(), len(o.PathMarks), instead)
}

// refusalSubject is the subject of the alert that an order was refused by who is to do it.
func refusalSubject(o *WorkOrder) string { return "refused/" + o.ID }

// RefusedBelow notes on a locked order that the account of a login does not take it, and why: its office sees it until it is
// assigned elsewhere. The same again changes nothing.
func (tx *Tx) RefusedBelow(o *WorkOrder, by *Member, why string) error {
	set := tx.Model(&PeerNumber{}).Where("user_id = ? AND work_order_id = ? AND refused <> ?", by.ID, o.ID, why).Update("refused", why)
	if set.Error != nil || set.RowsAffected == 0 {
		return set.Error
	}
	if err := tx.EndAlerts(AlertPeerTrouble, refusalSubject(o)); err != nil { // what they said before
		return err
	}
	err := tx.Raise(&Alert{AccountID: o.AccountID, Kind: AlertPeerTrouble, WorkOrderID: &o.ID, Subject: refusalSubject(o), Detail: why,
		Says: "refused_below", Args: []any{"who", by.Called(), "order", o.DisplayNumber()}})
	if err != nil {
		return err
	}
	if err := tx.Record(o, &HistoryEvent{Type: TypeUpdated, ActorID: by.ID, Actor: by.Username, Reason: "Not taken: " + why}); err != nil {
		return err
	}
	return tx.SaveOrder(o)
}

// TakenBelow notes on a locked order that the account of a login takes it after all. The same again changes nothing.
func (tx *Tx) TakenBelow(o *WorkOrder, by *Member) error {
	set := tx.Model(&PeerNumber{}).Where("user_id = ? AND work_order_id = ? AND refused <> ''", by.ID, o.ID).Update("refused", "")
	if set.Error != nil || set.RowsAffected == 0 {
		return set.Error
	}
	var others int64
	if err := tx.Model(&PeerNumber{}).Where("work_order_id = ? AND refused <> ''", o.ID).Count(&others).Error; err != nil {
		return err
	}
	if others == 0 {
		if err := tx.EndAlerts(AlertPeerTrouble, refusalSubject(o)); err != nil {
			return err
		}
	}
	if err := tx.Record(o, &HistoryEvent{Type: TypeUpdated, ActorID: by.ID, Actor: by.Username, Reason: "Taken after all"}); err != nil {
		return err
	}
	return tx.SaveOrder(o)
}

// endRefusals ends what is shown of those that did not take an order: it goes elsewhere.
func (tx *Tx) endRefusals(o *WorkOrder) error {
	ended := tx.Model(&PeerNumber{}).Where("work_order_id = ? AND refused <> ''", o.ID).Update("refused", "")
	if ended.Error != nil || ended.RowsAffected == 0 {
		return ended.Error
	}
	return tx.EndAlerts(AlertPeerTrouble, refusalSubject(o))
}
