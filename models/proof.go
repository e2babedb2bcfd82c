package models

import (
	"slices"

	"gorm.io/gorm"
)

// Proof is an order with the items that a report, an archive or a delivery shows, as its audience may see it.
type Proof struct {
	Audience Audience
	Account  *Account // as it speaks to the order's client
	Order    *WorkOrder
	View     WorkOrderView
	Items    []*Item
	Property *Property         // as its items are judged by
	Users    map[string]string // user id → username
	Names    map[string]string // user id → full name, the username where no name is set

	keyPhotos []string          // item ids of what the office chose for the cover
	published map[string]string // item id → the name of its task as it was published; nil where the present ones are shown
	photos    *int64            // how many there are, where not all items were read
}

// ProofOf reads an order with its items that are neither deleted nor rejected, oldest first. With a publication only
// those that it or an earlier one released.
func ProofOf(db *gorm.DB, orderID string, upTo *Publication, audience Audience) (*Proof, error) {
	return proofOf(db, orderID, upTo, audience, "")
}

// ProofWith is [ProofOf] for a client with one item alone, none if that is deleted or rejected: what is told item by item
// costs no order of thousands each time.
func ProofWith(db *gorm.DB, orderID, itemID string) (*Proof, error) {
	p, err := proofOf(db, orderID, nil, ForClient, itemID)
	if err != nil {
		return nil, err
	}
	var photos int64
	err = shown(db, orderID).Model(&Item{}).Where("kind = ?", Photo).Count(&photos).Error
	p.photos = &photos
	return p, err
}

// TextsOf is how many bytes the texts of an order's items and comments have: what it takes to show it whole goes with them.
func TextsOf(db *gorm.DB, orderID string) (int64, error) {
	var items, comments int64
	if err := db.Model(&Item{}).Where("work_order_id = ?", orderID).Select("COALESCE(SUM(OCTET_LENGTH(notes) + OCTET_LENGTH(answers)), 0)").Scan(&items).Error; err != nil {
		return 0, err
	}
	err := db.Model(&Comment{}).Where("work_order_id = ?", orderID).Select("COALESCE(SUM(OCTET_LENGTH(text)), 0)").Scan(&comments).Error
	return items + comments, err
}

// shown are the items of an order that are neither deleted nor rejected.
func shown(db *gorm.DB, orderID string) *gorm.DB {
	return db.Where("work_order_id = ? AND deleted_at IS NULL AND review <> ?", orderID, ReviewRejected)
}

// proofOf reads a proof; only, unless empty, is the one item that it has.
func proofOf(db *gorm.DB, orderID string, upTo *Publication, audience Audience, only string) (*Proof, error) {
	order, err := One[WorkOrder](db.Where("id = ?", orderID), "work order")
	if err != nil {
		return nil, err
	}
	account, err := One[Account](db.Where("id = ?", order.AccountID), "account")
	if err != nil {
		return nil, err
	}
	views, err := ViewOrders(db, order)
	if err != nil {
		return nil, err
	}
	p := &Proof{Audience: audience, Account: account.ToClient(order.ClientCode), Order: order.For(audience), View: views[0].For(audience)}
	p.keyPhotos = order.KeyPhotos
	if upTo != nil {
		p.keyPhotos = upTo.KeyPhotos
	}
	if p.Property, err = PropertyOf(db, order); err != nil {
		return nil, err
	}
	q := shown(db, orderID)
	if only != "" {
		q = q.Where("id = ?", only)
	}
	if upTo != nil {
		q = q.Where("id IN (?)", db.Session(&gorm.Session{NewDB: true, Context: db.Statement.Context}).Model(&PublicationItem{}).Select("item_id").
			Joins("JOIN publications ON publications.id = publication_items.publication_id").
			Where("publications.work_order_id = ? AND publications.number <= ?", orderID, upTo.Number))
	}
	if err := q.Order("received_at, id").Find(&p.Items).Error; err != nil {
		return nil, err
	}
	if audience == ForClient {
		if err := p.publishedWords(db, upTo, only); err != nil {
			return nil, err
		}
		p.showOnlyItems()
	}
	uploaders := make([]string, len(p.Items))
	for i, item := range p.Items {
		uploaders[i] = item.UploadedBy
	}
	return p, p.name(db, uploaders)
}

// ProofOfItem is an order with one item as it stands now, whatever became of it, as a client may see them.
func ProofOfItem(db *gorm.DB, o *WorkOrder, item *Item) (*Proof, error) {
	account, err := One[Account](db.Where("id = ?", o.AccountID), "account")
	if err != nil {
		return nil, err
	}
	views, err := ViewOrders(db, o)
	if err != nil {
		return nil, err
	}
	p := &Proof{Audience: ForClient, Account: account.ToClient(o.ClientCode), Order: o.For(ForClient), View: views[0].For(ForClient), Items: []*Item{item}}
	return p, p.name(db, []string{item.UploadedBy})
}

// name keeps who the people of a proof are.
func (p *Proof) name(db *gorm.DB, ids []string) error {
	people, err := PeopleOf(db, ids)
	p.Users, p.Names = map[string]string{}, map[string]string{}
	for id, known := range people {
		p.Users[id], p.Names[id] = known.Username, known.Name
	}
	return err
}

// Photos lists the proof's photos.
func (p *Proof) Photos() []*Item {
	return slices.DeleteFunc(slices.Clone(p.Items), func(i *Item) bool { return i.Kind != Photo })
}

// PhotoCount is how many photos of the order its audience may see.
func (p *Proof) PhotoCount() int64 {
	if p.photos != nil {
		return *p.photos
	}
	return int64(len(p.Photos()))
}

// TaskName names the task of an item, "" when it has none.
func (p *Proof) TaskName(item *Item) string {
	if name, published := p.published[item.ID]; published {
		return name
	}
	if item.TaskID != nil {
		for _, t := range p.View.Tasks {
			if t.ID == *item.TaskID {
				return t.Name
			}
		}
	}
	return ""
}

// Says has the proof name the task of an item otherwise.
func (p *Proof) Says(itemID, task string) {
	if p.published == nil {
		p.published = map[string]string{}
	}
	p.published[itemID] = task
}

// Item is the proof's item of an id, nil when it has none.
func (p *Proof) Item(id string) *Item {
	if at := slices.IndexFunc(p.Items, func(i *Item) bool { return i.ID == id }); at >= 0 {
		return p.Items[at]
	}
	return nil
}

// publishedWords gives each item the words that it was published with: what was edited since is shown once it is published
// again.
func (p *Proof) publishedWords(db *gorm.DB, upTo *Publication, only string) error {
	var rows []PublicationItem
	q := db.Joins("JOIN publications ON publications.id = publication_items.publication_id").Where("publications.work_order_id = ?", p.Order.ID)
	if upTo != nil {
		q = q.Where("publications.number <= ?", upTo.Number)
	}
	if only != "" {
		q = q.Where("publication_items.item_id = ?", only)
	}
	if err := q.Select("publication_items.*").Order("publication_items.sequence").Find(&rows).Error; err != nil {
		return err
	}
	words := map[string]PublicationItem{}
	for _, r := range rows {
		words[r.ItemID] = r
	}
	p.published = map[string]string{}
	for _, i := range p.Items {
		if w, published := words[i.ID]; published {
			i.TaskID, i.EvidenceType, i.Notes, i.Shot, p.published[i.ID] = w.TaskID, w.EvidenceType, w.Notes, w.Shot, w.TaskName
		}
	}
	return nil
}

// showOnlyItems leaves of the view what the proof's items show: their tasks, by the names that they were published with, and
// how many they are. What else the order holds is not for a client.
func (p *Proof) showOnlyItems() {
	names := map[string]string{} // task id → the newest of its published names
	var counts ItemCounts
	for _, i := range p.Items {
		counts.add(i.Kind, 1)
		if i.TaskID != nil {
			if name := p.TaskName(i); name != "" {
				names[*i.TaskID] = name
			}
		}
	}
	tasks := []Task{}
	for _, t := range p.View.Tasks {
		if name, shown := names[t.ID]; shown {
			t.Name = name
			tasks = append(tasks, t)
		}
	}
	p.View.Tasks, p.View.ItemCounts = tasks, counts
}
