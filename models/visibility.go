package models

import "gorm.io/gorm"

// Who may see what, once: each question in Go, for a row at hand, and beside it its twin in SQL, for lists. A test compares
// the two on random rows. Whatever else asks who may see an order or a thing of it calls these.

// Sees tells whether the member may see an order: office users every one of their account, others those that are assigned
// to them now. Nobody sees a deleted one.
func (m *Member) Sees(o *WorkOrder) bool {
	return o.AccountID == m.AccountID && !o.Lifecycle.Hidden && (m.Office() || o.IsAssignedTo(m.ID))
}

// OrdersSeen is the twin of [Member.Sees], for queries on work_orders.
func (m *Member) OrdersSeen(q *gorm.DB) *gorm.DB {
	q = q.Where("work_orders.account_id = ? AND NOT work_orders.hidden", m.AccountID)
	if m.Office() {
		return q
	}
	return q.Where("work_orders.assignee_id = ? OR work_orders.assigned_to_all", m.ID)
}

// scans are queries that together find what [Member.OrdersSeen] finds: one OR over both would scan every order of an
// account, where each alone has an index.
func (m *Member) scans() []func(*gorm.DB) *gorm.DB {
	if m.Office() {
		return []func(*gorm.DB) *gorm.DB{func(q *gorm.DB) *gorm.DB { return q }}
	}
	return []func(*gorm.DB) *gorm.DB{
		func(q *gorm.DB) *gorm.DB { return q.Where("work_orders.assignee_id = ?", m.ID) },
		func(q *gorm.DB) *gorm.DB { return q.Where("work_orders.assigned_to_all") },
	}
}

// SeesItem tells whether the member may see an item of an order: all that lie on orders which they see, and their own also
// after the order was taken from them. A deleted item is seen by whoever may bring it back.
func (m *Member) SeesItem(o *WorkOrder, i *Item) bool {
	own := i.UploadedBy == m.ID
	if o.ID != i.WorkOrderID || o.AccountID != m.AccountID || o.Lifecycle.Hidden || (!own && !m.Sees(o)) {
		return false
	}
	return i.DeletedAt == nil || own || m.May(EditAllItems)
}

// ItemsSeen is the twin of [Member.SeesItem], for queries on items.
func (m *Member) ItemsSeen(q *gorm.DB) *gorm.DB {
	orders := q.Session(&gorm.Session{NewDB: true, Context: q.Statement.Context}).Model(&WorkOrder{}).Select("work_orders.id")
	q = q.Where("items.work_order_id IN (?) OR (items.uploaded_by = ? AND items.work_order_id IN (?))", m.OrdersSeen(orders.Session(&gorm.Session{})), m.ID,
		orders.Session(&gorm.Session{}).Where("work_orders.account_id = ? AND NOT work_orders.hidden", m.AccountID))
	if m.May(EditAllItems) {
		return q
	}
	return q.Where("items.deleted_at IS NULL OR items.uploaded_by = ?", m.ID)
}

// ItemsSeenOf is [Member.ItemsSeen] for the items of one order at hand, which spares asking of every other order.
func (m *Member) ItemsSeenOf(q *gorm.DB, o *WorkOrder) *gorm.DB {
	q = q.Where("items.work_order_id = ?", o.ID)
	switch {
	case o.AccountID != m.AccountID || o.Lifecycle.Hidden:
		return q.Where("1 = 0")
	case !m.Sees(o):
		return q.Where("items.uploaded_by = ?", m.ID)
	case m.May(EditAllItems):
		return q
	}
	return q.Where("items.deleted_at IS NULL OR items.uploaded_by = ?", m.ID)
}

// Sent tells whether an item is the member's own: they sent it, or a rescue file of their phone brought it.
func (m *Member) Sent(i *Item) bool {
	return i.UploadedBy == m.ID || (i.AccountID == m.AccountID && i.Source == WebUpload && i.Origin.Author == m.Username)
}

// KnowsDevice tells whether the member may be told by which phone an item came: the office, and whoever sent it.
func (m *Member) KnowsDevice(i *Item) bool {
	return i.AccountID == m.AccountID && (m.Office() || m.Sent(i))
}

// DevicesKnown is the twin of [Member.KnowsDevice], for queries on items.
func (m *Member) DevicesKnown(q *gorm.DB) *gorm.DB {
	q = q.Where("items.account_id = ?", m.AccountID)
	if m.Office() {
		return q
	}
	return q.Where("items.uploaded_by = ? OR (items.source = ? AND items.author = ?)", m.ID, WebUpload, m.Username)
}

// Knows are the ids of those of some items that the member may be told are here: what they sent, wherever it lies now, and
// what they see.
func (m *Member) Knows(db *gorm.DB, items ...*Item) (map[string]bool, error) {
	known := map[string]bool{}
	var others []string
	for _, i := range items {
		if m.Sent(i) {
			known[i.ID] = true
		} else {
			others = append(others, i.ID)
		}
	}
	if len(others) == 0 {
		return known, nil
	}
	var seen []string
	if err := m.ItemsSeen(db.Model(&Item{}).Where("items.id IN ?", others)).Pluck("items.id", &seen).Error; err != nil {
		return nil, err
	}
	for _, id := range seen {
		known[id] = true
	}
	return known, nil
}

// MayAdd tells whether the member may add items to an order: office users to every one that is not deleted, others to those
// to which they are or ever were assigned, whatever became of them since, for a phone may have been offline.
func (m *Member) MayAdd(o *WorkOrder, everAssigned bool) bool {
	return o.AccountID == m.AccountID && ((m.Office() && !o.Lifecycle.Hidden) || everAssigned)
}

// OrdersAddable is the twin of [Member.MayAdd], for queries on work_orders.
func (m *Member) OrdersAddable(q *gorm.DB) *gorm.DB {
	ever := q.Session(&gorm.Session{NewDB: true, Context: q.Statement.Context}).Model(&Assignment{}).Select("work_order_id").Where("user_id = ? OR user_id IS NULL", m.ID)
	q = q.Where("work_orders.account_id = ?", m.AccountID)
	if m.Office() {
		return q.Where("NOT work_orders.hidden OR work_orders.id IN (?)", ever)
	}
	return q.Where("work_orders.id IN (?)", ever)
}

// WorkedOn tells whether the member may find an order among those on which they have worked: own says that an item of it is
// theirs. Whose it is now does not matter, but who does not see it any more is told little of it: see [ViewOrdersFor].
func (m *Member) WorkedOn(o *WorkOrder, own bool) bool {
	return o.AccountID == m.AccountID && !o.Lifecycle.Hidden && own
}

// OrdersWorkedOn is the twin of [Member.WorkedOn], for queries on work_orders.
func (m *Member) OrdersWorkedOn(q *gorm.DB) *gorm.DB {
	own := q.Session(&gorm.Session{NewDB: true, Context: q.Statement.Context}).Model(&Item{}).Select("work_order_id").Where("uploaded_by = ? AND deleted_at IS NULL", m.ID)
	return q.Where("work_orders.account_id = ? AND NOT work_orders.hidden AND work_orders.id IN (?)", m.AccountID, own)
}

// SeesView tells whether the member may see a saved view: their own, and in the office those that others share.
func (m *Member) SeesView(v *SavedView) bool {
	return v.AccountID == m.AccountID && (v.UserID == m.ID || (v.Shared && m.Office()))
}

// ViewsSeen is the twin of [Member.SeesView], for queries on saved_views.
func (m *Member) ViewsSeen(q *gorm.DB) *gorm.DB {
	q = q.Where("saved_views.account_id = ?", m.AccountID)
	if m.Office() {
		return q.Where("saved_views.user_id = ? OR saved_views.shared", m.ID)
	}
	return q.Where("saved_views.user_id = ?", m.ID)
}
