package peers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"fieldproof/models"
	"fieldproof/wire"
)

// Two Fieldproofs find out what one of them lacks by digests (contract: between two Fieldproofs), in up to three rounds: of
// 256 buckets of orders, of the orders of the buckets that differ, and then the lines themselves of the orders that differ.
// Where nothing is missing the first round is all, however many orders there are.

// Told is what was told of one order over a Share link, as one end has it: the delegator's word of the order, and the
// recipient's of its status and its items.
type Told struct {
	OrderID   string     `json:"orderId"`         // the delegator's
	Version   int64      `json:"orderVersion"`    // 0 of one that was taken away, or not told yet
	Status    string     `json:"status"`          // the recipient's newest, in lower case; "" for none
	Number    int64      `json:"number"`          // of that status
	Taken     bool       `json:"taken,omitempty"` // the order is the recipient's no more: it counts for its items alone
	Items     []ToldItem `json:"items,omitempty"`
	Withdrawn []string   `json:"withdrawn,omitempty"` // uuids of items that were withdrawn: they stand in no line

	gone map[string]int64 // at the recipient: of those, by their keys, the revisions that were told
}

// ToldItem is an item that was told.
type ToldItem struct {
	UUID     string `json:"uuid"`
	SHA256   string `json:"sha256"` // of its bytes; "" of what has none
	Revision int64  `json:"revision"`

	waits bool // at the recipient
}

// Gone is, at the recipient, the revision in which an item was told that is withdrawn here; false of one that is not.
func (t *Told) Gone(key string) (revision int64, is bool) {
	revision, is = t.gone[key]
	return revision, is
}

// Waits tells, at the recipient, that the item is on its way.
func (i *ToldItem) Waits() bool { return i.waits }

// statusTaken stands in the lines of an order that was taken away.
const statusTaken = "taken"

// Lines are what is digested of an order, sorted: one an item, `orderId orderVersion status uuid sha256 revision`, or
// `orderId orderVersion status` for an order without items. What is empty is written as -, a uuid as uuids are compared.
func (t *Told) Lines() []string {
	or := func(text string) string {
		if text == "" {
			return "-"
		}
		return text
	}
	head := fmt.Sprintf("%s %d %s", t.OrderID, t.Version, or(t.Status))
	if len(t.Items) == 0 {
		return []string{head}
	}
	lines := make([]string, len(t.Items))
	for n, i := range t.Items {
		lines[n] = fmt.Sprintf("%s %s %s %d", head, models.UUIDKey(i.UUID), or(i.SHA256), i.Revision)
	}
	slices.Sort(lines)
	return lines
}

// digested is how many bytes of a SHA-256 a digest keeps.
const digested = 16

// Digest is the digest of the order's lines.
func (t *Told) Digest() string {
	h := sha256.New()
	t.writeTo(h)
	return hex.EncodeToString(h.Sum(nil)[:digested])
}

func (t *Told) writeTo(w io.Writer) {
	for _, line := range t.Lines() {
		_, _ = io.WriteString(w, line+"\n") // a hash fails never
	}
}

// Bucket is the bucket of an order: the first byte of the SHA-256 of its id, in hex.
func Bucket(orderID string) string {
	sum := sha256.Sum256([]byte(orderID))
	return hex.EncodeToString(sum[:1])
}

// Digests are what a caller of compare asks about: the digests of its buckets, or of its orders in some buckets, or the lines
// of some orders.
type Digests struct {
	Buckets map[string]string `json:"buckets,omitempty"`
	Of      []string          `json:"of,omitempty"` // buckets
	Orders  map[string]string `json:"orders,omitempty"`
	Lines   []string          `json:"lines,omitempty"` // orders
}

// Differs is the answer: the buckets or the orders whose digests differ, or that only one of the two has; or lines.
type Differs struct {
	Buckets []string `json:"buckets,omitempty"`
	Orders  []string `json:"orders,omitempty"`
	Lines   []*Told  `json:"lines,omitempty"`   // those that are asked for and not there are nothing that was told
	Answers int      `json:"answers,omitempty"` // of how many of the orders: what is behind them is to be asked again
}

// End is one end of a link, as it is compared.
type End interface {
	// Orders are the ids of the orders that may have been told, the delegator's, sorted.
	Orders(ctx context.Context) ([]string, error)
	// Told is what was told of some of them; none of one that counts for nothing.
	Told(ctx context.Context, ids []string) (map[string]*Told, error)
}

// toldAtOnce is of how many orders what was told is held at a time.
const toldAtOnce = 100

// EachTold goes through what was told of an end's orders, those of some buckets alone where some are given.
func EachTold(ctx context.Context, e End, of []string, each func(*Told)) error {
	ids, err := e.Orders(ctx)
	if err != nil {
		return err
	}
	if of != nil {
		wanted := map[string]bool{}
		for _, b := range of {
			wanted[b] = true
		}
		ids = slices.DeleteFunc(ids, func(id string) bool { return !wanted[Bucket(id)] })
	}
	for some := range slices.Chunk(ids, toldAtOnce) {
		told, err := e.Told(ctx, some)
		if err != nil {
			return err
		}
		for _, id := range some {
			if t := told[id]; t != nil {
				each(t)
			}
		}
	}
	return nil
}

// BucketDigests are the digests of the buckets in which an end has orders.
func BucketDigests(ctx context.Context, e End) (map[string]string, error) {
	sums := buckets{}
	if err := EachTold(ctx, e, nil, sums.add); err != nil {
		return nil, err
	}
	return sums.digests(), nil
}

// OrderDigests are the digests of an end's orders in some buckets.
func OrderDigests(ctx context.Context, e End, of []string) (map[string]string, error) {
	digests := map[string]string{}
	return digests, EachTold(ctx, e, of, func(t *Told) { digests[t.OrderID] = t.Digest() })
}

// buckets are the digests of buckets while orders come in, in the sequence of their ids: so their lines come sorted, and none
// has to be kept.
type buckets map[string]hash.Hash

func (b buckets) add(t *Told) {
	name := Bucket(t.OrderID)
	if b[name] == nil {
		b[name] = sha256.New()
	}
	t.writeTo(b[name])
}

func (b buckets) digests() map[string]string {
	digests := make(map[string]string, len(b))
	for name, h := range b {
		digests[name] = hex.EncodeToString(h.Sum(nil)[:digested])
	}
	return digests
}

// differing are the names whose digests differ, or that only one of the two has, sorted.
func differing(a, b map[string]string) []string {
	var names []string
	for name, digest := range a {
		if b[name] != digest {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, there := a[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// wordOf is a field status as it stands in lines, however either end keeps it.
func wordOf(fieldStatus string) string {
	if known, ok := models.ParseFieldStatus(fieldStatus); ok && fieldStatus != "" {
		fieldStatus = known
	}
	word := strings.ToLower(strings.ReplaceAll(fieldStatus, " ", "_"))
	if word == "canceled" {
		return string(models.Cancelled)
	}
	return word
}

// Delegator is the end of a link from which work goes: the orders that were told to its login.
type Delegator struct {
	Store *models.Store
	Login string            // the user's id
	Link  *models.ShareLink // nil while the login has none
}

// Orders are those of which the login was told, and those that are assigned to it and still to be told. What was imported as
// history long done is told to nobody.
func (d *Delegator) Orders(ctx context.Context) ([]string, error) {
	var told, assigned []string
	if err := d.Store.Read(ctx).Model(&models.PeerNumber{}).Where("user_id = ?", d.Login).Pluck("work_order_id", &told).Error; err != nil {
		return nil, err
	}
	err := d.Store.Read(ctx).Model(&models.WorkOrder{}).Where("(assignee_id = ? OR assigned_to_all) AND NOT hidden AND state <> ?", d.Login, models.Closed).Pluck("id", &assigned).Error
	ids := append(told, assigned...)
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// Told is what the login was told of orders, and what came by it. Orders that were taken from it count for the items that
// came, and so does nothing of an account that the login linked before.
func (d *Delegator) Told(ctx context.Context, ids []string) (map[string]*Told, error) {
	db := d.Store.Read(ctx)
	var orders []*models.WorkOrder
	err := db.Select("id", "version", "state", "hidden", "before_closed", "imported_status", "assignee_id", "assigned_to_all", "client_status", "status_below", "updated_at").Where("id IN ?", ids).Find(&orders).Error
	if err != nil {
		return nil, err
	}
	var numbers []models.PeerNumber
	if err := db.Where("user_id = ? AND work_order_id IN ?", d.Login, ids).Find(&numbers).Error; err != nil {
		return nil, err
	}
	said := make(map[string]models.PeerNumber, len(numbers))
	for _, n := range numbers {
		said[n.WorkOrderID] = n
	}
	var items []models.Item
	q := db.Select("work_order_id", "uuid", "sha256", "blob_key", "peer_revision", "withdrawn_at").Where("work_order_id IN ? AND uploaded_by = ?", ids, d.Login)
	if d.Link != nil && d.Link.PeerSince != nil {
		q = q.Where("received_at >= ?", *d.Link.PeerSince)
	}
	if err := q.Find(&items).Error; err != nil {
		return nil, err
	}
	came := map[string]*Told{}
	for _, i := range items {
		t := came[i.WorkOrderID]
		if t == nil {
			t = &Told{}
			came[i.WorkOrderID] = t
		}
		if i.WithdrawnAt != nil {
			t.Withdrawn = append(t.Withdrawn, i.UUID)
			continue
		}
		t.Items = append(t.Items, ToldItem{UUID: i.UUID, SHA256: hashOf(&i), Revision: max(i.PeerRevision, 1)})
	}
	all := map[string]*Told{}
	for _, o := range orders {
		t := came[o.ID]
		if t == nil {
			t = &Told{}
		}
		t.OrderID = o.ID
		t.Number = said[o.ID].StatusNumber
		switch {
		case !d.has(o):
			t.Status, t.Taken = statusTaken, true
			if len(t.Items) == 0 && len(t.Withdrawn) == 0 {
				continue
			}
		case o.Lifecycle.State == models.Closed && d.Link != nil && d.Link.PeerSince != nil && o.UpdatedAt.Before(d.Link.PeerSince.Time):
			continue
		default:
			t.Status = wordOf(said[o.ID].FieldStatus)
			if _, told := said[o.ID]; told {
				t.Version = o.Version
			}
		}
		all[o.ID] = t
	}
	return all, nil
}

// has tells whether an order is the login's.
func (d *Delegator) has(o *models.WorkOrder) bool {
	return models.EndOf(o.ToldTo(d.Login).ClientStatus) == "" && (o.ImportedStatus == "" || o.Lifecycle.State != models.Closed)
}

// hashOf is the hash of an item's bytes; "" of what has none.
func hashOf(i *models.Item) string {
	if i.BlobKey == "" {
		return ""
	}
	return i.SHA256
}

// Recipient is the end of a link by which work comes: the orders that came, and what is told of them.
type Recipient struct {
	Store *models.Store
	Link  *models.ShareLink
}

// Orders are the orders that came, by what the delegator calls them for itself.
func (r *Recipient) Orders(ctx context.Context) ([]string, error) {
	var ids []string
	err := r.Store.Read(ctx).Model(&models.ReceivedOrder{}).Where("integration_id = ? AND peer_order_id <> ''", *r.Link.IntegrationID).Pluck("peer_order_id", &ids).Error
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// Told is what came of orders, and the newest status and the items that were released to the link, those apart that were
// withdrawn since.
func (r *Recipient) Told(ctx context.Context, ids []string) (map[string]*Told, error) {
	db := r.Store.Read(ctx)
	rows, err := r.Received(ctx, ids)
	if err != nil {
		return nil, err
	}
	all, byOwn := map[string]*Told{}, map[string]*Told{}
	var own []string
	for id, row := range rows {
		t := &Told{OrderID: id, Version: row.PeerVersion, Taken: row.Ended != ""}
		all[id], byOwn[row.WorkOrderID] = t, t
		own = append(own, row.WorkOrderID)
	}
	var said []models.ClientMessage
	mine := db.Session(&gorm.Session{}).Where("client_messages.destination_id = ? AND client_messages.work_order_id IN ?", r.Link.ID, own)
	if err := mine.Session(&gorm.Session{}).Select("work_order_id", "data", "number").Where("kind = ?", models.ClientStatus).Order("seq").Find(&said).Error; err != nil {
		return nil, err
	}
	for _, m := range said { // the newest is the last; what bears no number was told before there were any
		var data models.ClientStatusData
		if m.Number > 0 && json.Unmarshal([]byte(m.Data), &data) == nil {
			byOwn[m.WorkOrderID].Status, byOwn[m.WorkOrderID].Number = wordOf(data.FieldStatus), m.Number
		}
	}
	var items []released
	err = mine.Session(&gorm.Session{}).Model(&models.ClientMessage{}).
		Select("client_messages.work_order_id, client_messages.item_id, client_messages.revision, client_messages.state, items.uuid, items.sha256, items.blob_key, items.review, items.reviewed_by, items.deleted_at, items.withdrawn_at").
		Joins("JOIN items ON items.id = client_messages.item_id").Where("client_messages.kind = ?", models.ClientItem).
		Order("client_messages.work_order_id, client_messages.item_id, client_messages.revision").Scan(&items).Error
	if err != nil {
		return nil, err
	}
	for n, i := range items {
		newest := n == len(items)-1 || items[n+1].ItemID != i.ItemID || items[n+1].WorkOrderID != i.WorkOrderID
		t := byOwn[i.WorkOrderID]
		switch {
		case !newest:
		case i.item().Withdrawn():
			if t.gone == nil {
				t.gone = map[string]int64{}
			}
			t.Withdrawn, t.gone[models.UUIDKey(i.UUID)] = append(t.Withdrawn, i.UUID), i.Revision
		default:
			t.Items = append(t.Items, ToldItem{UUID: i.UUID, SHA256: hashOf(i.item()), Revision: i.Revision,
				waits: i.State == models.DeliveryPending || i.State == models.DeliveryRetrying})
		}
	}
	for id, t := range all {
		if t.Taken {
			t.Version, t.Status = 0, statusTaken
			if len(t.Items) == 0 && len(t.Withdrawn) == 0 {
				delete(all, id)
			}
		}
	}
	return all, nil
}

// released is an item with a message that tells it.
type released struct {
	WorkOrderID, ItemID, State, UUID, BlobKey string
	ReviewedBy                                string
	SHA256                                    string `gorm:"column:sha256"`
	Revision                                  int64
	Review                                    models.Review
	DeletedAt, WithdrawnAt                    *models.Time
}

// item is what is read of the item.
func (r *released) item() *models.Item {
	return &models.Item{BlobKey: r.BlobKey, SHA256: r.SHA256, Review: r.Review, ReviewedBy: r.ReviewedBy, DeletedAt: r.DeletedAt, WithdrawnAt: r.WithdrawnAt}
}

// Received are the rows of orders that came, by what the delegator calls them.
func (r *Recipient) Received(ctx context.Context, ids []string) (map[string]*models.ReceivedOrder, error) {
	var rows []*models.ReceivedOrder
	err := r.Store.Read(ctx).Select("integration_id", "number", "work_order_id", "peer_order_id", "peer_version", "ended", "status_number").
		Where("integration_id = ? AND peer_order_id IN ?", *r.Link.IntegrationID, ids).Order("at").Find(&rows).Error
	byID := make(map[string]*models.ReceivedOrder, len(rows))
	for _, row := range rows {
		byID[row.PeerOrderID] = row
	}
	return byID, err
}

const (
	// mostAsked is of how many orders a call may ask the lines, or the orders themselves.
	mostAsked = 1000
	// mostLines is after how many items no other order is begun in an answer.
	mostLines = 5000
	// comparing is how many calls compare at a time; the others wait.
	comparing = 2
)

// compare answers what the caller's end of its link has otherwise than ours.
func (h *Host) compare(ctx context.Context, c *Call) (Answer, error) {
	var asked Digests
	if text := wire.Text(c.payload, "digests"); text != "" && wire.Inner(text, &asked) != nil {
		return nil, models.Errorf(models.Malformed, "This request is not properly formatted: digests is no JSON of buckets, of orders of some buckets, or of lines.")
	}
	if len(asked.Lines) > mostAsked {
		return nil, models.Errorf(models.Malformed, "Ask for the lines of at most %d orders a call.", mostAsked)
	}
	if told, err := h.noteCompared(ctx, c, len(asked.Of)+len(asked.Lines) == 0); err != nil || told {
		return Answer{"error": "", "differs": "{}"}, err
	}
	select {
	case h.comparing <- struct{}{}:
		defer func() { <-h.comparing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	ours := &Delegator{Store: h.Store, Login: c.by.ID, Link: c.link}
	var differs Differs
	switch {
	case len(asked.Lines) > 0:
		if err := tellLines(ctx, ours, asked.Lines, &differs); err != nil {
			return nil, err
		}
	case len(asked.Of) > 0:
		have, err := OrderDigests(ctx, ours, asked.Of)
		if err != nil {
			return nil, err
		}
		differs.Orders = differing(asked.Orders, have)
	default:
		have, err := BucketDigests(ctx, ours)
		if err != nil {
			return nil, err
		}
		differs.Buckets = differing(asked.Buckets, have)
	}
	text, err := json.Marshal(differs)
	return Answer{"error": "", "differs": string(text)}, err
}

// noteCompared keeps that the two ends are compared, and what the caller tells that it mended: then it asks for nothing. A
// comparison that begins is the one that our end has asked for.
func (h *Host) noteCompared(ctx context.Context, c *Call, begins bool) (told bool, err error) {
	var mended *models.ShareMended
	if text := wire.Text(c.payload, "mended"); text != "" {
		mended = &models.ShareMended{}
		if wire.Inner(text, mended) != nil {
			return false, models.Errorf(models.Malformed, "This request is not properly formatted: mended is no JSON of counts.")
		}
	}
	if told = mended != nil; c.link == nil {
		return told, nil
	}
	asked := begins && !told && c.link.CompareAt != nil
	if !told && !asked && c.link.ComparedAt != nil && time.Since(c.link.ComparedAt.Time) < time.Minute {
		return false, nil
	}
	return told, h.write(ctx, c, func(tx *models.Tx) error {
		_, err := tx.EditLink(c.link.ID, func(l *models.ShareLink) error {
			l.ComparedAt = new(models.Now())
			if asked {
				l.CompareAt = nil
			}
			if told {
				mended.At = *l.ComparedAt
				l.Mended = mended
			}
			return nil
		})
		return err
	})
}

// tellLines puts the lines of orders into an answer, as long as it is of a bearable length.
func tellLines(ctx context.Context, e End, ids []string, into *Differs) error {
	known, err := e.Orders(ctx)
	if err != nil {
		return err
	}
	items := 0
	for some := range slices.Chunk(ids, toldAtOnce) {
		theirs := slices.DeleteFunc(slices.Clone(some), func(id string) bool {
			_, there := slices.BinarySearch(known, id)
			return !there
		})
		told, err := e.Told(ctx, theirs)
		if err != nil {
			return err
		}
		for _, id := range some {
			if items > mostLines {
				return nil
			}
			into.Answers++
			if t := told[id]; t != nil {
				items += 1 + len(t.Items) + len(t.Withdrawn)
				into.Lines = append(into.Lines, t)
			}
		}
	}
	return nil
}

// eachAsked tells orders that a Fieldproof asks for by what we call them: as they are while they are assigned to it, and of
// those that were taken from it what became of them.
func (h *Host) eachAsked(ctx context.Context, c *Call, asked string, each func(any) error) error {
	var ids []string
	if wire.Inner(asked, &ids) != nil || len(ids) > mostAsked {
		return models.Errorf(models.Malformed, "This request is not properly formatted: orders is no list of the ids of at most %d orders.", mostAsked)
	}
	for some := range slices.Chunk(ids, ordersAtOnce) {
		var found []*models.WorkOrder
		if err := h.Store.Read(ctx).Where("id IN ?", some).Order("seq DESC").Find(&found).Error; err != nil {
			return err
		}
		var assigned, taken []*models.WorkOrder
		for _, o := range found {
			ever, err := models.EverAssigned(h.Store.Read(ctx), o.ID, c.by.ID)
			if err != nil {
				return err
			}
			switch {
			case o.IsAssignedTo(c.by.ID) && !o.Lifecycle.Hidden:
				assigned = append(assigned, o)
			case ever:
				taken = append(taken, o)
			}
		}
		if err := h.tellAssigned(ctx, c, assigned, each); err != nil {
			return err
		}
		if err := h.tellTaken(ctx, c, taken, each); err != nil {
			return err
		}
	}
	return nil
}

// item gives an item back that came by the caller's login: as the form by which uploadPictures brings one.
func (h *Host) item(ctx context.Context, c *Call) (Answer, error) {
	uuid := wire.Text(c.payload, "uuid")
	db := h.Store.Read(ctx)
	i, err := models.One[models.Item](models.OfUUID(db.Where("uploaded_by = ?", c.by.ID), uuid), "item")
	if models.KindOf(err) == models.NotFound || (err == nil && c.link != nil && c.link.Before(i.ReceivedAt)) {
		return nil, models.Errorf(models.NotFound, "No item %q came from you.", uuid)
	}
	if err != nil {
		return nil, err
	}
	out, err := h.returned(ctx, c, i)
	if err != nil {
		return nil, err
	}
	payload, err := wire.Payload(wire.ItemMembers(out)...)
	if err != nil {
		return nil, err
	}
	var file io.ReadCloser
	if i.BlobKey != "" {
		if file, err = h.Intake.Blobs.Get(ctx, i.BlobKey); err != nil {
			return nil, err
		}
		defer file.Close()
	}
	form := multipart.NewWriter(c.Out)
	c.As(form.FormDataContentType())
	if err := form.WriteField("payload", payload); err != nil {
		return nil, err
	}
	if file != nil {
		part, err := form.CreateFormFile("file", out.FileName)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(part, file); err != nil {
			return nil, err
		}
	}
	return nil, form.Close()
}

// returned is an item as it came: under the number by which the caller knows its order, with the author and the claims that
// were told.
func (h *Host) returned(ctx context.Context, c *Call, i *models.Item) (wire.ItemOut, error) {
	db := h.Store.Read(ctx)
	o, err := models.One[models.WorkOrder](db.Where("id = ?", i.WorkOrderID), "work order")
	if err != nil {
		return wire.ItemOut{}, err
	}
	views, err := models.ViewOrders(db, o)
	if err != nil {
		return wire.ItemOut{}, err
	}
	numbers, err := Numbers(ctx, h.Store, c.by, []*models.WorkOrder{o})
	if err != nil {
		return wire.ItemOut{}, err
	}
	said, err := models.StatementsOf(db, []*models.Item{i})
	if err != nil {
		return wire.ItemOut{}, err
	}
	as := *i
	as.Certification = models.Certification(i.Claims)
	if i.Brought != nil { // what the office says of it since is nobody else's
		as.EvidenceType, as.Notes = i.Brought.EvidenceType, i.Brought.Notes
	}
	proof := &models.Proof{Audience: models.ForClient, Account: c.account, Order: o.For(models.ForClient), View: views[0].For(models.ForClient), Items: []*models.Item{&as},
		Users: map[string]string{i.UploadedBy: i.Origin.Author}}
	if w := i.Brought; w != nil { // in their own words, whatever ours say of it
		as.EvidenceType, as.Notes = w.EvidenceType, w.Notes
		proof.Says(as.ID, w.Task)
	}
	return wire.ItemOut{Proof: proof, Item: &as, Number: numbers[o.ID], FileName: i.UUID + i.Extension(),
		Share: &wire.ItemShare{OrderID: o.ID, Revision: max(i.PeerRevision, 1), Withdrawn: i.WithdrawnAt != nil, Pictures: views[0].ItemCounts.Photos, Statement: said[i.ID]}}, nil
}

// mostDiffers is how long an answer of compare may be.
const mostDiffers = 16 << 20

// Compare asks a Fieldproof what it has otherwise; mended is what was done about it since, nil for nothing to tell.
func (p *Peer) Compare(ctx context.Context, digests Digests, mended *models.ShareMended) (differs Differs, err error) {
	ctx, cancel := context.WithTimeout(ctx, FetchTime)
	defer cancel()
	text, err := json.Marshal(digests)
	if err != nil {
		return differs, err
	}
	members := []wire.Member{{Name: "digests", Value: string(text)}}
	if mended != nil {
		if text, err = json.Marshal(mended); err != nil {
			return differs, err
		}
		members = append(members, wire.Member{Name: "mended", Value: string(text)})
	}
	response, err := p.call(ctx, "compare", members...)
	if err != nil {
		return differs, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, mostDiffers+1))
	if err != nil {
		return differs, fmt.Errorf("the peer's answer broke off: %w", err)
	}
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Differs string          `json:"differs"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode/100 != 2 || len(body) > mostDiffers {
		return differs, &Refused{Status: response.StatusCode, Message: fmt.Sprintf("The peer answered %s, which is no answer to compare: %s", response.Status, said(body))}
	}
	if text := errorText(answer.Error); text != "" {
		return differs, &Refused{Status: response.StatusCode, Message: "The peer said: " + text}
	}
	if wire.Inner(answer.Differs, &differs) != nil {
		return differs, &Refused{Status: response.StatusCode, Message: "What the peer says that differs can't be read: " + said(body)}
	}
	return differs, nil
}

// Returned is an item that a Fieldproof gives back.
type Returned struct {
	wire.Item
	File io.Reader // nil of what has none
}

// Item fetches an item that went to a Fieldproof. What take makes of it is done while its bytes come.
func (p *Peer) Item(ctx context.Context, uuid string, zone *time.Location, take func(Returned) error) error {
	ctx, cancel := context.WithTimeout(ctx, FetchTime)
	defer cancel()
	response, err := p.call(ctx, "item", wire.Member{Name: "uuid", Value: uuid})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	kind, params, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind != "multipart/form-data" || response.StatusCode/100 != 2 {
		body, err := io.ReadAll(io.LimitReader(response.Body, mostSaid))
		if err != nil {
			return fmt.Errorf("the peer's answer broke off: %w", err)
		}
		var answer struct {
			Error json.RawMessage `json:"error"`
		}
		if json.Unmarshal(body, &answer) == nil && errorText(answer.Error) != "" {
			return &Refused{Status: response.StatusCode, Message: "The peer said: " + errorText(answer.Error)}
		}
		return &Refused{Status: response.StatusCode, Message: fmt.Sprintf("The peer answered %s, which is no item: %s", response.Status, said(body))}
	}
	parts := multipart.NewReader(response.Body, params["boundary"])
	part, err := parts.NextPart()
	if err != nil {
		return fmt.Errorf("the peer's answer broke off: %w", err)
	}
	payload, err := io.ReadAll(io.LimitReader(part, mostPayload+1))
	if err != nil {
		return fmt.Errorf("the peer's answer broke off: %w", err)
	}
	members, err := wire.Members(payload)
	if part.FormName() != "payload" || err != nil || len(payload) > mostPayload {
		return &Refused{Status: http.StatusOK, Message: "The peer's item has no payload that can be read: " + said(payload)}
	}
	r := Returned{Item: wire.DecodeItem(members, zone)}
	switch part, err = parts.NextPart(); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return fmt.Errorf("the peer's answer broke off: %w", err)
	default:
		r.File = part
	}
	return take(r)
}

// mostPayload is how long the members of an item may be: a survey's answers are among them.
const mostPayload = 8 << 20
