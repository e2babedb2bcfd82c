package models

import (
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// OrderCounts are how many orders a filter selects, in all and by what they have. Those that have none of it stand under "".
type OrderCounts struct {
	Total int64             `json:"total"`
	By    map[string]int64  `json:"by"`
	Names map[string]string `json:"names,omitempty"` // what the usernames or the client codes of by are called, where that is another word
}

// The words by which [CountOrders] groups.
const (
	ByState          = "state"
	ByPriority       = "priority"
	ByClientCode     = "client_code"
	ByAssignee       = "assignee"
	ByDueDate        = "due_date"
	ByCompletedMonth = "completed_month"
)

// OrderGroups lists them.
var OrderGroups = []string{ByState, ByPriority, ByClientCode, ByAssignee, ByDueDate, ByCompletedMonth}

// CountOrders counts the orders that the filter selects of those that viewer may see; by "" groups them by nothing. It reads an
// index alone, unless words are looked for.
func CountOrders(db *gorm.DB, f OrderFilter, by string, viewer *Member) (*OrderCounts, error) {
	counts := &OrderCounts{By: map[string]int64{}}
	if f.nothing {
		return counts, nil
	}
	matching := f.matching(db, viewer)
	if by == "" {
		return counts, matching.Count(&counts.Total).Error
	}
	group, values, err := groupOf(db, by, viewer)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Name string
		N    int64
	}
	if err := matching.Select(group+" AS name, COUNT(*) AS n", values...).Group("name").Scan(&rows).Error; err != nil {
		return nil, err
	}
	usernames := map[string]string{AssignToAll: AssignToAll}
	if by == ByAssignee {
		var ids []string
		for _, r := range rows {
			ids = append(ids, r.Name)
		}
		users, err := PeopleOf(db, ids)
		if err != nil {
			return nil, err
		}
		counts.Names = map[string]string{}
		for id, u := range users {
			usernames[id], counts.Names[u.Username] = u.Username, u.Name
		}
	}
	if by == ByClientCode {
		codes := make([]string, len(rows))
		for i, r := range rows {
			codes[i] = r.Name
		}
		clients, err := clientsOf(db, map[string][]string{viewer.AccountID: codes})
		if err != nil {
			return nil, err
		}
		counts.Names = map[string]string{}
		for _, code := range codes {
			if name := clients.Called(viewer.AccountID, code); name != "" {
				counts.Names[code] = name
			}
		}
	}
	for _, r := range rows {
		if by == ByAssignee {
			r.Name = usernames[r.Name]
		}
		counts.By[r.Name] += r.N
		counts.Total += r.N
	}
	return counts, nil
}

// Groups are the words of the counts in the order in which people read them.
func (c *OrderCounts) Groups(by string) []string {
	words := slices.Sorted(maps.Keys(c.By))
	order := map[string][]string{ByState: wordsOf(States), ByPriority: Priorities}[by]
	if order != nil {
		slices.SortFunc(words, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	}
	return words
}

// groupOf is the expression of what orders are grouped by.
func groupOf(db *gorm.DB, by string, viewer *Member) (expression string, values []any, err error) {
	switch by {
	case ByAssignee:
		return "CASE WHEN work_orders.assigned_to_all THEN '~all~' ELSE COALESCE(work_orders.assignee_id, '') END", nil, nil
	case ByDueDate:
		return "CASE WHEN work_orders.due_key = '~' THEN '' ELSE substr(work_orders.due_key, 1, 10) END", nil, nil
	case ByCompletedMonth:
		return monthOf(db, viewer)
	case ByState, ByPriority, ByClientCode:
		return "work_orders." + by, nil, nil
	}
	return "", nil, &Error{Kind: Malformed, Message: "Orders are not counted so.", Fields: []FieldError{{Field: "by", Message: "Choose one of " + strings.Join(OrderGroups, ", ") + "."}}}
}

// mostMonths is as far as months are told apart: what was completed before them counts as the first.
const mostMonths = 600

// monthOf finds the month of completion in the account's zone by where months begin: SQLite knows no zones.
func monthOf(db *gorm.DB, viewer *Member) (expression string, values []any, err error) {
	account, err := One[Account](db.Where("id = ?", viewer.AccountID), "account")
	if err != nil {
		return "", nil, err
	}
	ends := [2]struct{ CompletedAt Time }{}
	for i, direction := range []string{"", " DESC"} {
		err := db.Model(&WorkOrder{}).Select("completed_at").Where("NOT hidden AND completed_at > ?", Time{}).Order("completed_at" + direction).Limit(1).Scan(&ends[i]).Error
		if err != nil {
			return "", nil, err
		}
	}
	if ends[0].CompletedAt.IsZero() {
		return "''", nil, nil
	}
	var b strings.Builder
	b.WriteString("CASE")
	last := ends[1].CompletedAt.In(account.Location())
	for n := range mostMonths {
		begins := time.Date(last.Year(), last.Month()-time.Month(n), 1, 0, 0, 0, 0, account.Location())
		over := n+1 == mostMonths || !begins.After(ends[0].CompletedAt.Time)
		if over {
			begins = time.Time{}.Add(time.Microsecond)
		}
		b.WriteString(" WHEN work_orders.completed_at >= ? THEN '" + last.AddDate(0, 0, 1-last.Day()).AddDate(0, -n, 0).Format("2006-01") + "'")
		values = append(values, At(begins))
		if over {
			break
		}
	}
	return b.String() + " ELSE '' END", values, nil
}
