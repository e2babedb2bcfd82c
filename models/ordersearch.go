package models

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
)

// searchTerms folds s into the words by which orders are found: lower case, without accents.
func searchTerms(s string) []string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s))
	return strings.FieldsFunc(strings.ToLower(plain), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func (o *WorkOrder) refreshSearchText() {
	a := o.Address
	var words []string
	for _, s := range []string{o.ClientCode, o.WorkOrderNumber, a.Address1, a.Address2, a.City, a.State, a.Zip, o.Source.WorkOrderNumber} {
		words = append(words, searchTerms(s)...)
	}
	slices.Sort(words)
	o.SearchText = strings.Join(slices.Compact(words), " ")
}

// OrderFilter selects orders for a list.
type OrderFilter struct {
	States     []State
	AssigneeID *string
	Unassigned bool
	ToAll      bool // assigned to everybody
	ClientCode *string
	Priority   string
	DueFrom    *Date
	DueTo      *Date
	PropertyID string
	Query      string // words that begin words of number, client code, address or source number
	// Before pages: only orders that arrived before this one, newest first. 0 is the first page.
	Before int64
	Limit  int
}

// ListOrders reads the orders that viewer may see, newest first, at most Limit of them.
func ListOrders(db *gorm.DB, f OrderFilter, viewer *Member) ([]*WorkOrder, error) {
	list := func(narrow func(*gorm.DB) *gorm.DB) ([]*WorkOrder, error) {
		return f.find(db, viewer.AccountID, narrow)
	}
	both := map[int64]*WorkOrder{}
	for _, scan := range viewer.scans() {
		found, err := list(scan)
		if err != nil {
			return nil, err
		}
		if viewer.Office() {
			return found, nil
		}
		for _, o := range found {
			both[o.Seq] = o
		}
	}
	seqs := slices.Sorted(maps.Keys(both))
	slices.Reverse(seqs)
	var orders []*WorkOrder
	for _, seq := range seqs[:min(len(seqs), f.Limit)] {
		orders = append(orders, both[seq])
	}
	return orders, nil
}

// find reads the orders that pass the filter and narrow.
func (f OrderFilter) find(db *gorm.DB, accountID string, narrow func(*gorm.DB) *gorm.DB) ([]*WorkOrder, error) {
	matching := narrow(f.apply(db))
	terms := searchTerms(f.Query)
	terms = terms[:min(len(terms), 10)]
	for i, t := range terms {
		runes := []rune(t)
		terms[i] = string(runes[:min(len(runes), longestTerm)])
	}
	switch {
	case len(terms) == 0:
		var orders []*WorkOrder
		err := matching.Order("work_orders.seq DESC").Limit(f.Limit).Find(&orders).Error
		return orders, err
	case db.Name() == "postgres":
		return f.searchPostgres(db, matching, accountID, terms)
	}
	return f.searchSQLite(matching, accountID, terms)
}

// searchSQLite joins the full-text table, whose rows come newest first and stop at the limit: CROSS JOIN keeps it
// outermost.
func (f OrderFilter) searchSQLite(matching *gorm.DB, accountID string, terms []string) ([]*WorkOrder, error) {
	words := []string{"\"\uE000" + accountID + "\""}
	for _, t := range terms {
		words = append(words, `"`+t+`"*`)
	}
	q := matching.Table("work_order_search CROSS JOIN work_orders").Select("work_orders.*").
		Where("work_orders.seq = work_order_search.rowid AND work_order_search MATCH ?", strings.Join(words, " AND "))
	if f.Before > 0 {
		q = q.Where("work_order_search.rowid < ?", f.Before)
	}
	var orders []*WorkOrder
	err := q.Order("work_order_search.rowid DESC").Limit(f.Limit).Find(&orders).Error
	return orders, err
}

// The function order_terms of PostgreSQL's schema indexes beginnings of words up to longestTerm characters, in buckets of
// 1<<searchBucketBits orders.
const (
	searchBucketBits = 10
	longestTerm      = 16
)

// searchPostgres looks into the account's buckets one after another, the newest first, and ends where it has enough: the
// index knows which orders match, but not which of them are new.
func (f OrderFilter) searchPostgres(db, matching *gorm.DB, accountID string, terms []string) ([]*WorkOrder, error) {
	var span struct{ Oldest, Newest int64 }
	if err := db.Model(&WorkOrder{}).Where("NOT hidden").Select("COALESCE(min(seq), 0) AS oldest, COALESCE(max(seq), 0) AS newest").Scan(&span).Error; err != nil {
		return nil, err
	}
	if f.Before > 0 {
		span.Newest = f.Before - 1
	}
	bucketTerms := make([]string, len(terms))
	for i, t := range terms {
		bucketTerms[i] = "'%1$s@" + accountID[len(accountID)-8:] + " " + t + "'"
	}
	// The account stands in the bucket's own query too, or its limit would count the orders of others.
	bucket := matching.Session(&gorm.Session{}).Where("work_orders.account_id = ?", accountID).
		Where("order_terms(work_orders.account_id, work_orders.seq, work_orders.search_text) @@ format(?::text, bucket.n)::tsquery", strings.Join(bucketTerms, " & ")).
		Order("work_orders.seq DESC").Limit(f.Limit)
	// A limited LATERAL can only be a nested loop in the order of the series, so the limit outside ends it early.
	found := db.Raw("SELECT hit.* FROM generate_series(?::bigint, ?::bigint, -1) AS bucket(n) CROSS JOIN LATERAL (?) AS hit LIMIT ?",
		span.Newest>>searchBucketBits, span.Oldest>>searchBucketBits, bucket, f.Limit)
	var orders []*WorkOrder
	err := db.Table("(?) AS work_orders", found).Order("work_orders.seq DESC").Find(&orders).Error
	return orders, err
}

// apply is the filter without its words.
func (f OrderFilter) apply(db *gorm.DB) *gorm.DB {
	q := db.Model(&WorkOrder{}).Where("NOT work_orders.hidden")
	if len(f.States) == 1 {
		q = q.Where("work_orders.state = ?", f.States[0])
	} else if len(f.States) > 1 {
		q = q.Where("work_orders.state IN ?", f.States)
	}
	if f.AssigneeID != nil {
		q = q.Where("work_orders.assignee_id = ?", *f.AssigneeID)
	}
	if f.Unassigned {
		q = q.Where("work_orders.assignee_id IS NULL AND NOT work_orders.assigned_to_all")
	}
	if f.ToAll {
		q = q.Where("work_orders.assigned_to_all")
	}
	if f.ClientCode != nil {
		q = q.Where("work_orders.client_code = ?", *f.ClientCode)
	}
	if f.Priority != "" {
		q = q.Where("work_orders.priority = ?", f.Priority)
	}
	if f.DueFrom != nil {
		q = q.Where("work_orders.due_date >= ?", *f.DueFrom)
	}
	if f.DueTo != nil {
		q = q.Where("work_orders.due_date <= ?", *f.DueTo)
	}
	if f.PropertyID != "" {
		q = q.Where("work_orders.property_id = ?", f.PropertyID)
	}
	if f.Before > 0 {
		q = q.Where("work_orders.seq < ?", f.Before)
	}
	return q
}
