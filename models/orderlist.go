package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
)

const (
	// mostSorted is how many orders are sorted by a key that no index carries.
	mostSorted = 50_000
	// mostHits is how many orders that a search found, the newest, are sorted by anything but their arrival.
	mostHits = 10_000
	// neverDue sorts behind every day.
	neverDue = "~"
)

// OrderSort is what a list of orders is sorted by. The zero value is their arrival, the first first.
type OrderSort struct {
	Key  string
	Down bool
}

// orderKey is one thing by which orders are sorted, as the database compares it. All but those of indexes are small sets of
// words or cost what the orders are many.
type orderKey struct {
	name, of string
	index    string // that carries it
	time     bool
}

var orderKeys = []orderKey{
	{name: "arrived", index: "work_orders_list"},
	{name: "due", of: "work_orders.due_key", index: "work_orders_by_due"},
	{name: "updated", of: "work_orders.updated_at", index: "work_orders_by_updated", time: true},
	{name: "number", of: "work_orders.number_key", index: "work_orders_by_number"},
	{name: "completed", of: "work_orders.completed_at", index: "work_orders_by_completed", time: true},
	{name: "state", of: ranked("work_orders.state", wordsOf(States))},
	{name: "priority", of: ranked("work_orders.priority", Priorities)},
	// By their names, then what is everybody's, then what is nobody's.
	{name: "assignee", of: "CASE WHEN work_orders.assigned_to_all THEN '1' WHEN work_orders.assignee_id IS NULL THEN '2' " +
		"ELSE '0' || COALESCE((SELECT users.username_key FROM users WHERE users.id = work_orders.assignee_id), '') END"},
	{name: "client_code", of: "lower(work_orders.client_code)"},
	{name: "city", of: "lower(work_orders.city)"},
}

func ranked(column string, words []string) string {
	var b strings.Builder
	b.WriteString("CASE " + column)
	for n, w := range words {
		fmt.Fprintf(&b, " WHEN '%s' THEN '%d'", w, n)
	}
	return b.String() + " ELSE '~' END"
}

// OrderSorts are the words that [ReadOrderSort] knows.
var OrderSorts = func() []string {
	var words []string
	for _, k := range orderKeys {
		words = append(words, k.name, "-"+k.name)
	}
	return words
}()

// ReadOrderSort reads a sort as lists take it: a key, after a minus the highest first; "" is the newest first.
func ReadOrderSort(text string) (OrderSort, error) {
	if text == "" {
		text = "-arrived"
	}
	if !slices.Contains(OrderSorts, text) {
		return OrderSort{}, &Error{Kind: Malformed, Message: "The list can't be sorted so.",
			Fields: []FieldError{{Field: "sort", Message: "Choose one of " + strings.Join(OrderSorts, ", ") + "."}}}
	}
	key, down := strings.CutPrefix(text, "-")
	return OrderSort{key, down}, nil
}

func (s OrderSort) key() orderKey {
	for _, k := range orderKeys {
		if k.name == s.Key {
			return k
		}
	}
	return orderKeys[0]
}

// OrderPosition is where an order stands in a sorted list.
type OrderPosition struct {
	Seq  int64
	Word string // what it is sorted by,
	At   Time   // or when
}

// OrderQuery asks for a page of a list of orders.
type OrderQuery struct {
	OrderFilter
	Sort  OrderSort
	Limit int
	Place int64          // how many are left out first
	From  *OrderPosition // the page begins behind it
	Back  bool           // it ends before From, or with the list
}

// OrderPage is a page of a list of orders.
type OrderPage struct {
	Orders []*WorkOrder
	// First and Last are where the page's ends stand.
	First, Last OrderPosition
	// More tells whether the list goes on: behind the page, before it where it was read backwards.
	More bool
}

// ListOrders reads a page of the orders that viewer may see. Where they stand is found in an index, and only the page's own
// rows are read. A list that is too long to be sorted so is [Malformed].
func ListOrders(db *gorm.DB, a OrderQuery, viewer *Member) (*OrderPage, error) {
	page := &OrderPage{}
	if a.nothing {
		return page, nil
	}
	if key := a.Sort.key(); key.index == "" && len(a.terms()) == 0 {
		many, err := a.moreThan(db, viewer, mostSorted)
		if err != nil {
			return nil, err
		}
		if many {
			return nil, &Error{Kind: Malformed, Message: "The list is too long to be sorted so.", Fields: []FieldError{{Field: "sort",
				Message: fmt.Sprintf("More than %d orders match: narrow the list, or sort by arrived, due, updated, number or completed.", mostSorted)}}}
		}
	}
	places, err := a.places(db, viewer)
	if err != nil {
		return nil, err
	}
	if page.More = len(places) > a.Limit; page.More {
		places = places[:a.Limit]
	}
	if len(places) == 0 {
		return page, nil
	}
	if a.Back {
		slices.Reverse(places)
	}
	page.First, page.Last = places[0], places[len(places)-1]
	seqs := make([]int64, len(places))
	for i, p := range places {
		seqs[i] = p.Seq
	}
	var rows []*WorkOrder
	if err := a.seen(db.Where("work_orders.seq IN ?", seqs), viewer).Find(&rows).Error; err != nil {
		return nil, err
	}
	bySeq := map[int64]*WorkOrder{}
	for _, o := range rows {
		bySeq[o.Seq] = o
	}
	for _, seq := range seqs {
		if o := bySeq[seq]; o != nil { // or it has gone meanwhile
			page.Orders = append(page.Orders, o)
		}
	}
	return page, nil
}

// seen narrows a query to the orders that the list may hold of the viewer's.
func (f *OrderFilter) seen(q *gorm.DB, viewer *Member) *gorm.DB {
	if f.WorkedOn {
		return viewer.OrdersWorkedOn(q)
	}
	return viewer.OrdersSeen(q)
}

// places finds where the orders of a page stand, and one more.
func (a *OrderQuery) places(db *gorm.DB, viewer *Member) ([]OrderPosition, error) {
	scans := viewer.scans()
	if a.WorkedOn {
		scans = []func(*gorm.DB) *gorm.DB{viewer.OrdersWorkedOn}
	}
	var found []OrderPosition
	if len(scans) == 1 {
		return found, a.scan(db, viewer, scans[0]).Limit(a.Limit + 1).Offset(int(a.Place)).Scan(&found).Error
	}
	// Each scan has an index of its own, and none reads more of it than the page may need.
	arms := make([]any, len(scans))
	for i, s := range scans {
		arms[i] = a.scan(db, viewer, s).Limit(int(a.Place) + a.Limit + 1)
	}
	union := strings.Repeat(" UNION SELECT * FROM (?) AS part", len(arms))[len(" UNION "):]
	by := "seq" + a.direction()
	if key := a.Sort.key(); key.of != "" {
		by = key.alias() + a.direction() + ", " + by
	}
	return found, db.Raw("SELECT * FROM ("+union+") AS seen ORDER BY "+by+" LIMIT ? OFFSET ?", append(arms, a.Limit+1, a.Place)...).Scan(&found).Error
}

func (a *OrderQuery) direction() string {
	if a.Sort.Down != a.Back {
		return " DESC"
	}
	return ""
}

func (k orderKey) alias() string {
	if k.time {
		return "at"
	}
	return "word"
}

// expression is what the database sorts by. What no index carries is compared by its bytes on either.
func (k orderKey) expression(db *gorm.DB) string {
	if k.index == "" && db.Name() == "postgres" {
		return "(" + k.of + `) COLLATE "C"`
	}
	return k.of
}

// scan is the query of the places of one way in which the viewer sees orders, in order.
func (a *OrderQuery) scan(db *gorm.DB, viewer *Member, narrow func(*gorm.DB) *gorm.DB) *gorm.DB {
	key := a.Sort.key()
	if len(a.terms()) > 0 && key.of == "" {
		return a.hits(db, viewer.AccountID, narrow, int(a.Place)+a.Limit+1)
	}
	of := key.expression(db)
	column, seq := of, "work_orders.seq"
	var q *gorm.DB
	if len(a.terms()) > 0 {
		// The key is read with the hits: to go to their rows a second time costs more than to sort them.
		newest := OrderQuery{OrderFilter: a.OrderFilter, Sort: OrderSort{Down: true}}
		q = db.Table("(?) AS hits", newest.hits(db, viewer.AccountID, narrow, mostHits, of+" AS "+key.alias()))
		column, seq = "hits."+key.alias(), "hits.seq"
	} else {
		q = narrow(a.apply(db.Model(&WorkOrder{})))
		if viewer.Office() && (key.of != "" || a.Place > 0) {
			q = a.walking(db, q, key)
		}
	}
	if key.of == "" {
		return a.after(q, seq).Select(seq + " AS seq").Order(seq + a.direction())
	}
	q = q.Select(seq + " AS seq, " + column + " AS " + key.alias()).Order(column + a.direction() + ", " + seq + a.direction())
	if a.From == nil {
		return q
	}
	var value any = a.From.Word
	if key.time {
		value = a.From.At
	}
	return q.Where("("+column+", "+seq+") "+a.beyond()+" (?, ?)", value, a.From.Seq)
}

func (a *OrderQuery) beyond() string {
	if a.direction() == "" {
		return ">"
	}
	return "<"
}

func (a *OrderQuery) after(q *gorm.DB, column string) *gorm.DB {
	if a.From == nil {
		return q
	}
	return q.Where(column+" "+a.beyond()+" ?", a.From.Seq)
}

// walking has SQLite go through the index of the key: it does not know how much cheaper that is than the rows of another,
// and their sorting. What names few orders by itself is left to it.
func (f *OrderFilter) walking(db, q *gorm.DB, key orderKey) *gorm.DB {
	if key.index == "" || db.Name() == "postgres" || f.PropertyID != "" || f.IDs != nil || f.WorkedOn {
		return q
	}
	return q.Table("work_orders INDEXED BY " + key.index)
}

// matching are the orders that the filter selects of those that the viewer may see.
func (f *OrderFilter) matching(db *gorm.DB, viewer *Member) *gorm.DB {
	q := f.seen(f.apply(db.Model(&WorkOrder{})), viewer)
	if len(f.terms()) > 0 {
		all := OrderQuery{OrderFilter: OrderFilter{Query: f.Query}, Sort: OrderSort{Down: true}}
		return q.Where("work_orders.seq IN (?)", all.hits(db, viewer.AccountID, func(q *gorm.DB) *gorm.DB { return q }, 0))
	}
	return f.walking(db, q, orderKeys[0])
}

// moreThan tells whether more than n orders match.
func (f *OrderFilter) moreThan(db *gorm.DB, viewer *Member, n int) (bool, error) {
	var counted int64
	err := db.Table("(?) AS matching", f.matching(db, viewer).Select("1 AS one").Limit(n+1)).Count(&counted).Error
	return counted > int64(n), err
}

// NaturalKey is a text that sorts, by its bytes, as people sort what it is made of: A-2 before A-10, whatever the case.
func NaturalKey(s string) string {
	var b strings.Builder
	runes := []rune(strings.ToLower(norm.NFC.String(strings.TrimSpace(s))))
	for i := 0; i < len(runes); {
		end := i
		for end < len(runes) && runes[end] >= '0' && runes[end] <= '9' {
			end++
		}
		if end == i {
			if !unicode.IsControl(runes[i]) {
				b.WriteRune(runes[i])
			}
			i++
			continue
		}
		// How many digits comes first, so that more of them are more.
		digits := strings.TrimLeft(string(runes[i:end]), "0")
		if n := len(digits); n < 9 {
			fmt.Fprintf(&b, "%d%s", n, digits)
		} else {
			fmt.Fprintf(&b, "9%03d%s", n, digits)
		}
		i = end
	}
	key := b.String()
	if len(key) > longestKey {
		key = key[:longestKey]
		for !utf8.ValidString(key) {
			key = key[:len(key)-1]
		}
	}
	if key == "" {
		return "~"
	}
	return key
}

// longestKey is as much of a number as an index takes beside all else.
const longestKey = 240

// refreshKeys sets what the order is sorted by.
func (o *WorkOrder) refreshKeys() {
	o.NumberKey, o.DueKey = NaturalKey(o.WorkOrderNumber), neverDue
	if o.DueDate != nil {
		at := neverDue
		if o.DueTime != nil {
			at = *o.DueTime
		}
		o.DueKey = string(*o.DueDate) + " " + at
	}
}

// date keeps since when the order is completed, and since when it is published: both end when it is work again.
func (o *WorkOrder) date(at Time) {
	switch o.Lifecycle.State {
	case Created, Assigned, InProgress:
		o.CompletedAt, o.PublishedAt = Time{}, Time{}
	case Completed, Approved, Published:
		if o.CompletedAt.IsZero() {
			o.CompletedAt = at
		}
		if o.PublishedAt.IsZero() && o.Lifecycle.State == Published {
			o.PublishedAt = at
		}
	}
}

// keyedAtOnce is how many orders one transaction gives their keys.
const keyedAtOnce = 1000

// keyNumbers gives orders from before there were keys of numbers theirs.
func (s *Store) keyNumbers(ctx context.Context) error {
	ctx = AcrossAccounts(ctx)
	for done := false; !done; {
		err := s.Write(ctx, func(tx *Tx) error {
			var orders []*WorkOrder
			if err := tx.Select("seq", "number").Where("number_key = ''").Order("seq").Limit(keyedAtOnce).Find(&orders).Error; err != nil {
				return err
			}
			for _, o := range orders {
				if err := tx.Model(&WorkOrder{}).Where("seq = ?", o.Seq).UpdateColumn("number_key", NaturalKey(o.WorkOrderNumber)).Error; err != nil {
					return err
				}
			}
			done = len(orders) < keyedAtOnce
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
