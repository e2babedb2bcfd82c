package models

import (
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
	o.refreshKeys()
}

// terms are the words that the filter looks for, as far as the index knows them.
func (f *OrderFilter) terms() []string {
	terms := searchTerms(f.Query)
	terms = terms[:min(len(terms), 10)]
	for i, t := range terms {
		runes := []rune(t)
		terms[i] = string(runes[:min(len(runes), longestTerm)])
	}
	return terms
}

// hits is the query of the orders that the words and the filter find, in the order of their arrival: of those that scan, a way
// in which the viewer sees orders, lets through. Beside where they stand it reads what else is asked for. It ends at the limit,
// if there is one.
func (a *OrderQuery) hits(db *gorm.DB, accountID string, scan func(*gorm.DB) *gorm.DB, limit int, more ...string) *gorm.DB {
	matching := scan(a.apply(db.Model(&WorkOrder{})))
	columns := strings.Join(append([]string{"work_orders.seq AS seq"}, more...), ", ")
	if db.Name() == "postgres" {
		return a.searchPostgres(db, matching, accountID, limit, columns)
	}
	return a.searchSQLite(matching, accountID, limit, columns)
}

// searchSQLite joins the full-text table, whose rows come in their order and stop at the limit: CROSS JOIN keeps it outermost.
func (a *OrderQuery) searchSQLite(matching *gorm.DB, accountID string, limit int, columns string) *gorm.DB {
	words := []string{"\"\uE000" + accountID + "\""}
	for _, t := range a.terms() {
		words = append(words, `"`+t+`"*`)
	}
	q := matching.Table("work_order_search CROSS JOIN work_orders").Select(columns).
		Where("work_orders.seq = work_order_search.rowid AND work_order_search MATCH ?", strings.Join(words, " AND "))
	q = a.after(q, "work_order_search.rowid").Order("work_order_search.rowid" + a.direction())
	if limit > 0 {
		q = q.Limit(limit)
	}
	return q
}

// The function order_terms of PostgreSQL's schema indexes beginnings of words up to longestTerm characters, in buckets of
// 1<<searchBucketBits orders.
const (
	searchBucketBits = 10
	longestTerm      = 16
)

// searchPostgres looks into the account's buckets one after another and ends where it has enough: the index knows which
// orders match, but not which of them are new.
func (a *OrderQuery) searchPostgres(db, matching *gorm.DB, accountID string, limit int, columns string) *gorm.DB {
	var span struct{ Oldest, Newest int64 }
	err := db.Model(&WorkOrder{}).Where("NOT hidden").Select("COALESCE(min(seq), 0) AS oldest, COALESCE(max(seq), 0) AS newest").Scan(&span).Error
	if a.From != nil && a.direction() == "" {
		span.Oldest = a.From.Seq + 1
	} else if a.From != nil {
		span.Newest = a.From.Seq - 1
	}
	terms := a.terms()
	for i, t := range terms {
		terms[i] = "'%1$s@" + accountID[len(accountID)-8:] + " " + t + "'"
	}
	// The account stands in the bucket's own query too, or its limit would count the orders of others.
	bucket := a.after(matching.Session(&gorm.Session{}), "work_orders.seq").Where("work_orders.account_id = ?", accountID).Select(columns).
		Where("order_terms(work_orders.account_id, work_orders.seq, work_orders.search_text) @@ format(?::text, bucket.n)::tsquery", strings.Join(terms, " & "))
	first, last, step := span.Oldest>>searchBucketBits, span.Newest>>searchBucketBits, 1
	if a.direction() != "" {
		first, last, step = last, first, -1
	}
	series := "SELECT hit.* FROM generate_series(?::bigint, ?::bigint, ?) AS bucket(n) CROSS JOIN LATERAL (?) AS hit"
	found := db.Raw(series, first, last, step, bucket)
	if limit > 0 {
		// A limited LATERAL can only be a nested loop in the order of the series, so the limit outside ends it early.
		found = db.Raw(series+" LIMIT ?", first, last, step, bucket.Order("work_orders.seq"+a.direction()).Limit(limit), limit)
	}
	q := db.Table("(?) AS found", found).Select("found.*").Order("found.seq" + a.direction())
	_ = q.AddError(err)
	return q
}
