package intake

import (
	"slices"

	"fieldproof/models"
)

// revise takes what is said anew of an item by the Share link that it came by, in a higher revision: task, evidence type and
// note, where the office has not set them itself, and whether it was withdrawn. Its bytes, times and position never change.
func (in *Intake) revise(tx *models.Tx, item *models.Item, n NewItem) error {
	link := n.Brought.Link.ID
	byLogin := item.ShareLinkID == "" && item.Source == models.FromPeer && item.UploadedBy == n.By.ID // before there was the link
	if item.ShareLinkID != link && !byLogin || n.Brought.Link.Before(item.ReceivedAt) {
		return nil // it came otherwise: the same item
	}
	if err := tx.Stands(n.By); err != nil {
		return err
	}
	ids := []string{item.WorkOrderID, n.OrderID}
	slices.Sort(ids)
	orders := map[string]*models.WorkOrder{}
	for _, id := range slices.Compact(ids) {
		o, err := tx.OrderForUpdate(id)
		if err != nil {
			return err
		}
		orders[id] = o
	}
	locked, err := models.One[models.Item](tx.Locked().Where("id = ?", item.ID), "item")
	if err != nil {
		return err
	}
	if locked.WorkOrderID != item.WorkOrderID {
		return models.Errorf(models.Unavailable, "The item %s was moved just now: send it again.", item.UUID)
	}
	*item = *locked
	if err := in.restated(tx, item, orders[item.WorkOrderID], n); err != nil {
		return err
	}
	if n.Brought.Revision <= item.PeerRevision {
		return nil // it is known, or late
	}
	from, to := orders[item.WorkOrderID], orders[item.WorkOrderID]
	was := item.Brought
	if was != nil && was.Order == from.ID && n.OrderID != from.ID {
		to = orders[n.OrderID]
	}
	before := *item
	if err := n.relabel(tx, item, from, to, was); err != nil {
		return err
	}
	words := !same(item.TaskID, before.TaskID) || item.EvidenceType != before.EvidenceType || item.Notes != before.Notes || item.WorkOrderID != before.WorkOrderID
	reason := ""
	switch {
	case n.Brought.Withdrawn && item.WithdrawnAt == nil:
		now := models.Now()
		item.WithdrawnAt, reason = &now, string(item.Kind)+" withdrawn by who brought it"
	case !n.Brought.Withdrawn && item.WithdrawnAt != nil:
		item.WithdrawnAt, reason = nil, string(item.Kind)+" no longer withdrawn"
	case words:
		reason = "said anew by who brought it"
	}
	item.ShareLinkID, item.PeerRevision, item.Brought = link, n.Brought.Revision, n.words()
	if reason != "" {
		item.Revision++
	}
	if words && item.Review == models.ReviewApproved {
		item.Review, item.ApprovedWith, item.ReviewedBy, item.ReviewedAt = models.ReviewPending, "", "", nil // the office has not seen it so
	}
	if err := tx.Save(item).Error; err != nil || reason == "" {
		return err
	}
	h := &held{tx: tx, by: n.By, item: item, was: before.Review, from: from, to: to}
	if from.ID != to.ID {
		if err := h.tell(from, "moved away"); err != nil {
			return err
		}
	}
	return h.tell(to, reason)
}

// relabel gives an item the words that were brought, where those stand that were brought before.
func (n *NewItem) relabel(tx *models.Tx, item *models.Item, from, to *models.WorkOrder, was *models.ItemWords) error {
	tasks, err := models.TasksOf(tx.DB, from.ID, to.ID)
	if err != nil {
		return err
	}
	idIn := func(o *models.WorkOrder, w *models.ItemWords) *string {
		if t := models.TaskNamed(tasks[o.ID], w); t != nil {
			return &t.ID
		}
		return nil
	}
	if was == nil || same(item.TaskID, idIn(from, was)) {
		item.TaskID = idIn(to, n.words())
	} else if from.ID != to.ID {
		item.TaskID = nil // its task belongs to the order that it leaves
	}
	item.WorkOrderID = to.ID
	if was == nil || item.EvidenceType == was.EvidenceType {
		item.EvidenceType = n.EvidenceType
	}
	if was == nil || item.Notes == was.Notes {
		item.Notes = n.Notes
	}
	return nil
}

// restated keeps a statement that comes with an item which had none, or none that held.
func (in *Intake) restated(tx *models.Tx, item *models.Item, o *models.WorkOrder, n NewItem) error {
	if n.Brought.Statement == nil {
		return nil
	}
	account, property, err := tx.PlaceOf(o)
	if err != nil {
		return err
	}
	if err := tx.KeepStatement(item, n.Brought.Link, *n.Brought.Statement, property, account.CertificationRadius); err != nil {
		return err
	}
	return tx.Save(item).Error
}
