package intake

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"fieldproof/models"
)

// ItemFields are what may be changed of an item.
type ItemFields struct {
	WorkOrderID  string
	TaskID       *string
	EvidenceType string
	Notes        string
	Review       models.Review
	Reason       string
	Rotation     int64
	Flagged      bool
	Shot         string
}

func fieldsOf(i *models.Item) ItemFields {
	return ItemFields{i.WorkOrderID, i.TaskID, i.EvidenceType, i.Notes, i.Review, i.ReviewReason, i.Rotation, i.Flagged, i.Shot}
}

func same(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

// relabelled tells whether anything but the office's judgement differs.
func (f *ItemFields) relabelled(before *ItemFields) bool {
	return f.EvidenceType != before.EvidenceType || f.Notes != before.Notes || f.Shot != before.Shot || f.WorkOrderID != before.WorkOrderID || !same(f.TaskID, before.TaskID)
}

func (f *ItemFields) reviewed(before *ItemFields) bool {
	return f.Review != before.Review || f.Reason != before.Reason
}

func (f *ItemFields) check() error {
	f.EvidenceType, f.Shot = strings.ToLower(strings.TrimSpace(f.EvidenceType)), strings.TrimSpace(f.Shot)
	var problems models.Problems
	if !models.OneLine(f.Shot, 300) {
		problems.Add("shot", "At most 300 characters, in one line.")
	}
	switch f.Review {
	case models.ReviewPending, models.ReviewApproved:
		f.Reason = ""
	case models.ReviewRejected:
		if strings.TrimSpace(f.Reason) == "" {
			problems.Add("reason", "Say why: the crew reads it.").Code = models.CodeRequired
		}
	default:
		problems.Add("review", "Choose pending, approved or rejected.")
	}
	if utf8.RuneCountInString(f.Reason) > 10_000 {
		problems.Add("reason", "At most 10000 characters.")
	}
	if f.Rotation%90 != 0 || f.Rotation < 0 || f.Rotation > 270 {
		problems.Add("rotation", "Choose 0, 90, 180 or 270 degrees.")
	}
	checkLabels(&problems, f.EvidenceType, f.Notes)
	return problems.Err()
}

// checkLabels checks what people write on an item, whether it comes or is there.
func checkLabels(p *models.Problems, evidenceType, notes string) {
	if utf8.RuneCountInString(evidenceType) > 60 {
		p.Add("evidence_type", "At most 60 characters.")
	}
	if utf8.RuneCountInString(notes) > 20_000 {
		p.Add("notes", "At most 20000 characters.")
	}
}

// mayEdit tells who may change an item: the office every one, the crew their own.
func mayEdit(item *models.Item, by *models.Member) error {
	if item.UploadedBy == by.ID && by.May(models.EditOwnItems) {
		return nil
	}
	return by.Need(models.EditAllItems)
}

// errItemMoved says that an item went to another order while its order was being locked.
var errItemMoved = errors.New("the item went to another order meanwhile")

// movedTries is how often an item that moves about is looked for.
const movedTries = 10

// held is an item under its lock, with the locked orders from which and to which an edit takes it: most often the same.
type held struct {
	tx       *models.Tx
	by       *models.Member
	item     *models.Item
	from, to *models.WorkOrder
	was      models.Review // before it was edited
	fields   ItemFields    // as the edit wants them
}

// withItem locks an item that by sees, and the orders that a change of it touches: those first, in one order, as whoever
// adds an item does.
func (in *Intake) withItem(ctx context.Context, id string, by *models.Member, change Change[ItemFields], fn func(*held) error) error {
	err := errItemMoved
	for range movedTries {
		if !errors.Is(err, errItemMoved) {
			break
		}
		err = in.write(ctx, by, func(tx *models.Tx) error {
			h, err := hold(tx, id, by, change)
			if err != nil {
				return err
			}
			return fn(h)
		})
	}
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

func hold(tx *models.Tx, id string, by *models.Member, change Change[ItemFields]) (*held, error) {
	look := func(q *gorm.DB) (item *models.Item, fields ItemFields, err error) {
		if item, err = models.One[models.Item](q.Where("id = ?", id), "item"); err != nil {
			return nil, fields, err
		}
		fields = fieldsOf(item)
		if change != nil {
			err = change(&fields)
		}
		return item, fields, err
	}
	before, wanted, err := look(tx.DB)
	if err != nil {
		return nil, err
	}
	ids := []string{before.WorkOrderID, wanted.WorkOrderID}
	slices.Sort(ids)
	orders := map[string]*models.WorkOrder{}
	for _, id := range slices.Compact(ids) {
		if orders[id], err = tx.OrderForUpdate(id); err != nil && (models.KindOf(err) != models.NotFound || id == before.WorkOrderID) {
			return nil, err
		}
	}
	h := &held{tx: tx, by: by, from: orders[before.WorkOrderID], to: orders[wanted.WorkOrderID]}
	if h.item, h.fields, err = look(tx.Locked()); err != nil {
		return nil, err
	}
	h.was = h.item.Review
	if h.item.WorkOrderID != before.WorkOrderID || h.fields.WorkOrderID != wanted.WorkOrderID {
		return nil, errItemMoved
	}
	if !by.SeesItem(h.from, h.item) {
		return nil, models.Errorf(models.NotFound, "There is no such %s.", h.item.Kind)
	}
	return h, nil
}

// tell writes into an order's history that an item of it changed.
func (h *held) tell(o *models.WorkOrder, reason string) error {
	e := handOf(h.by).event(models.TypeUpdated)
	e.Reason, e.Details = reason, models.EventDetails{Fields: []string{"photos"}, ItemIDs: []string{h.item.ID}}
	if o.ID == h.to.ID && o.ID != h.from.ID {
		e.Details.FromOrder = h.from.ID
	}
	if h.was != h.item.Review {
		e.Details.Reviews = map[string]models.Review{h.item.ID: h.item.Review}
	}
	if err := h.tx.Record(o, e); err != nil {
		return err
	}
	if err := h.tx.AnnounceItems(models.FeedItemChanged, h.item); err != nil {
		return err
	}
	if err := h.tx.Retell(o, h.item); err != nil {
		return err
	}
	return h.tx.SaveOrder(o)
}

// EditItem re-labels, moves, turns, reviews or flags an item, as it stands under its lock: who may what is asked of what
// differs. A flag is the office's own mark, of which no history tells. Errors: [models.NotFound] for whom does not see it,
// [models.Forbidden], [models.Invalid].
func (in *Intake) EditItem(ctx context.Context, id string, by *models.Member, change Change[ItemFields]) (item *models.Item, err error) {
	err = in.withItem(ctx, id, by, change, func(h *held) error {
		item = h.item
		before := fieldsOf(h.item)
		relabelled, reviewed := h.fields.relabelled(&before), h.fields.reviewed(&before)
		turned, flagged := h.fields.Rotation != before.Rotation, h.fields.Flagged != before.Flagged
		if relabelled || turned || (!reviewed && !flagged) {
			if err := mayEdit(h.item, by); err != nil {
				return err
			}
		}
		if reviewed || flagged {
			if err := by.Need(models.ReviewOrders); err != nil {
				return err
			}
		}
		switch {
		case relabelled || reviewed || turned:
			return h.save(relabelled)
		case flagged:
			h.item.Flagged = h.fields.Flagged
			if err := h.tx.Select("flagged").Updates(h.item).Error; err != nil {
				return err
			}
			return h.tx.AnnounceItems(models.FeedItemChanged, h.item)
		}
		return nil
	})
	return item, err
}

// save writes an item as it was edited. What the crew re-labels the office judges anew.
func (h *held) save(relabelled bool) error {
	moved := h.fields.WorkOrderID != h.item.WorkOrderID
	if h.to == nil || !h.by.Sees(h.to) {
		return models.InvalidField("work_order_id", "There is no such work order.").Coded(models.CodeNoSuch)
	}
	if err := h.fields.check(); err != nil {
		return err
	}
	if moved && same(h.fields.TaskID, h.item.TaskID) {
		h.fields.TaskID = nil // its task belongs to the order that it leaves
	}
	if h.fields.TaskID != nil {
		if err := hasTask(h.tx.DB, h.to, *h.fields.TaskID); err != nil {
			return err
		}
	}
	item := h.item
	withdrawn, was := item.Withdrawn(), item.Review
	if h.fields.Review != item.Review || h.fields.Reason != item.ReviewReason {
		judged(item, h.by)
	}
	item.Rotation, item.Flagged = h.fields.Rotation, h.fields.Flagged
	item.WorkOrderID, item.TaskID, item.EvidenceType, item.Notes, item.Shot = h.to.ID, h.fields.TaskID, h.fields.EvidenceType, h.fields.Notes, h.fields.Shot
	item.Review, item.ReviewReason = h.fields.Review, h.fields.Reason
	if relabelled {
		item.Revision++
		if !h.by.Office() && item.Review == models.ReviewApproved {
			item.Review = models.ReviewPending // the office has not seen it so
		}
	}
	if item.Withdrawn() != withdrawn && !relabelled {
		if err := newsBelow(h.tx, h.from, item); err != nil {
			return err
		}
	}
	err := h.tx.Select("work_order_id", "task_id", "evidence_type", "notes", "shot", "review", "review_reason", "approved_with", "reviewed_by", "reviewed_at", "rotation", "flagged", "revision").
		Updates(item).Error
	if err != nil {
		return err
	}
	if moved {
		if err := h.tell(h.from, "moved away"); err != nil {
			return err
		}
	}
	if err := h.tell(h.to, ""); err != nil || was == item.Review || item.Review != models.ReviewApproved {
		return err
	}
	return h.tx.ReleaseLate(h.to, item)
}

// judged notes who judged an item, for itself.
func judged(item *models.Item, by *models.Member) {
	now := models.Now()
	item.ApprovedWith, item.ReviewedBy, item.ReviewedAt = "", by.ID, &now
}

// newsBelow counts a revision of an item that was withdrawn, or is back: where it was told along a Share link that is news.
func newsBelow(tx *models.Tx, o *models.WorkOrder, item *models.Item) error {
	told, err := tx.Told(o, item)
	if told {
		item.Revision++
	}
	return err
}

// hasTask refuses a task that the order lacks.
func hasTask(db *gorm.DB, o *models.WorkOrder, taskID string) error {
	_, err := models.One[models.Task](db.Where("id = ? AND work_order_id = ?", taskID, o.ID), "task")
	if models.KindOf(err) == models.NotFound {
		return models.InvalidField("task_id", "The order has no task %s.", taskID).Coded(models.CodeNoSuch)
	}
	return err
}

// DeleteItem takes an item out of its order; it can be restored. A second time is none. Errors: as of [Intake.EditItem].
func (in *Intake) DeleteItem(ctx context.Context, id string, by *models.Member) error {
	now := models.Now()
	return in.setDeleted(ctx, id, by, &now)
}

// RestoreItem brings a deleted item back. Errors: as of [Intake.EditItem].
func (in *Intake) RestoreItem(ctx context.Context, id string, by *models.Member) error {
	return in.setDeleted(ctx, id, by, nil)
}

func (in *Intake) setDeleted(ctx context.Context, id string, by *models.Member, at *models.Time) error {
	return in.withItem(ctx, id, by, nil, func(h *held) error {
		if err := mayEdit(h.item, by); err != nil || (h.item.DeletedAt != nil) == (at != nil) {
			return err
		}
		h.item.DeletedAt = at
		h.item.Revision++
		if err := h.tx.Select("deleted_at", "revision").Updates(h.item).Error; err != nil {
			return err
		}
		reason := string(h.item.Kind) + " restored"
		if at != nil {
			reason = string(h.item.Kind) + " deleted"
		}
		return h.tell(h.from, reason)
	})
}
