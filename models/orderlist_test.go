package models_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

// listedOrders are orders of many kinds, of an account with an office and a crew, beside those of another account.
func listedOrders(t *testing.T, store *models.Store) (office, crew *models.Member, orders []*models.WorkOrder) {
	r := rand.New(rand.NewPCG(3, 14))
	mow := models.TaskFields{Name: "Mow"}
	mow.Normalise()
	for _, name := range []string{"mine", "theirs"} {
		a, admin := account(t, store, name)
		in := models.InAccount(ctx, a.ID)
		field := &models.User{ID: models.NewID(), AccountID: a.ID, Username: "Crew" + name, Role: models.Crew, Active: true}
		require.NoError(t, store.Write(in, func(tx *models.Tx) error { return tx.NewUser(field) }))
		var kept []*models.WorkOrder
		for i := range 80 {
			o := &models.WorkOrder{ID: models.NewID(), AccountID: a.ID, CreatedBy: admin.ID}
			o.WorkOrderNumber, o.ClientCode = fmt.Sprintf("%s-%d", []string{"A", "b", "É"}[r.IntN(3)], i*i), []string{"", "ACME", "zeta"}[r.IntN(3)]
			o.Address = models.Address{Address1: fmt.Sprintf("%d %s", i, []string{"Oak Street", "Mill Road"}[r.IntN(2)]), City: []string{"Austin", "boston", "Round Rock"}[r.IntN(3)], State: "TX", Zip: "78664"}
			o.Priority = models.Priorities[r.IntN(3)]
			if r.IntN(4) > 0 {
				day := models.Date("2026-05-01").AddDays(r.IntN(9))
				o.DueDate = &day
				if r.IntN(2) > 0 {
					at := "13:0" + strconv.Itoa(r.IntN(4))
					o.DueTime = &at
				}
			}
			o.Normalise()
			require.NoError(t, store.Write(in, func(tx *models.Tx) error {
				if err := tx.CreateOrder(o, []models.TaskFields{mow}, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, Actor: "x"}); err != nil {
					return err
				}
				o.Lifecycle.State = models.States[r.IntN(len(models.States))]
				o.Invoiced, o.Lifecycle.Hidden = r.IntN(3) == 0, r.IntN(12) == 0
				switch r.IntN(4) {
				case 0:
					o.AssigneeID = &field.ID
				case 1:
					o.AssigneeID = &admin.ID
				case 2:
					o.AssignedToAll = true
				}
				if r.IntN(2) == 0 {
					o.CompletedAt = models.At(time.Date(2026, 4, 28, 0, 0, r.IntN(20*24*3600), 0, time.UTC))
				}
				return tx.SaveOrder(o)
			}))
			kept = append(kept, o)
		}
		if orders == nil {
			orders, office = kept, admin
			crew = &models.Member{User: *field}
		}
	}
	return office, crew, orders
}

// sortedBy is what going through all orders would sort by.
func sortedBy(key string, crewID, officeID string) func(o *models.WorkOrder) string {
	return map[string]func(o *models.WorkOrder) string{
		"arrived":   func(*models.WorkOrder) string { return "" },
		"due":       func(o *models.WorkOrder) string { return o.DueKey },
		"updated":   func(o *models.WorkOrder) string { return o.UpdatedAt.Format(time.RFC3339Nano) },
		"number":    func(o *models.WorkOrder) string { return o.NumberKey },
		"completed": func(o *models.WorkOrder) string { return o.CompletedAt.Format(time.DateTime) },
		"state":     func(o *models.WorkOrder) string { return strconv.Itoa(slices.Index(models.States, o.Lifecycle.State)) },
		"priority":  func(o *models.WorkOrder) string { return strconv.Itoa(slices.Index(models.Priorities, o.Priority)) },
		"assignee": func(o *models.WorkOrder) string {
			switch {
			case o.AssignedToAll:
				return "1"
			case o.AssigneeID == nil:
				return "2"
			}
			return "0" + map[string]string{crewID: "crewmine", officeID: "mine"}[*o.AssigneeID]
		},
		"client_code": func(o *models.WorkOrder) string { return strings.ToLower(o.ClientCode) },
		"city":        func(o *models.WorkOrder) string { return strings.ToLower(o.Address.City) },
	}[key]
}

// TestListsSortAndPageAsGoingThroughAllWould pages every sort of some filters for the office and a crew: behind and before
// cursors, and from places; and counts what they hold.
func TestListsSortAndPageAsGoingThroughAllWould(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		office, crew, orders := listedOrders(t, store)
		filters := map[string]func(o *models.WorkOrder) bool{
			"": func(*models.WorkOrder) bool { return true },
			"state=created,closed,approved&client_code=ACME": func(o *models.WorkOrder) bool {
				return slices.Contains([]models.State{models.Created, models.Closed, models.Approved}, o.Lifecycle.State) && o.ClientCode == "ACME"
			},
			"assignee=CREWMINE&invoiced=false": func(o *models.WorkOrder) bool { return o.AssigneeID != nil && *o.AssigneeID == crew.ID && !o.Invoiced },
			"assignee=":                        func(o *models.WorkOrder) bool { return o.AssigneeID == nil && !o.AssignedToAll },
			"due_from=2026-05-03&due_to=2026-05-06": func(o *models.WorkOrder) bool {
				return o.DueDate != nil && *o.DueDate >= "2026-05-03" && *o.DueDate <= "2026-05-06"
			},
			"due_from=2026-05-05": func(o *models.WorkOrder) bool { return o.DueDate != nil && *o.DueDate >= "2026-05-05" },
			"completed_from=2026-05-01&completed_to=2026-05-08": func(o *models.WorkOrder) bool {
				return !o.CompletedAt.Before(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)) && o.CompletedAt.Before(time.Date(2026, 5, 9, 0, 0, 0, 0, time.UTC))
			},
			"completed_to=2026-05-02T12:00:00Z": func(o *models.WorkOrder) bool {
				return !o.CompletedAt.IsZero() && !o.CompletedAt.After(time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC))
			},
			"q=oak+78664":          func(o *models.WorkOrder) bool { return strings.Contains(o.Address.Address1, "Oak") },
			"awaited=true":         func(*models.WorkOrder) bool { return false },
			"assignee=nobody-such": func(*models.WorkOrder) bool { return false },
			"ids=" + orders[3].ID + "," + orders[9].ID + ",nothing": func(o *models.WorkOrder) bool { return o == orders[3] || o == orders[9] },
		}
		for query, passes := range filters {
			values, err := url.ParseQuery(query)
			require.NoError(t, err)
			for _, viewer := range []*models.Member{office, crew} {
				db := store.Read(models.InAccount(ctx, viewer.AccountID))
				filter, err := models.ReadOrderFilter(db, viewer, values)
				require.NoError(t, err)
				matching := slices.DeleteFunc(slices.Clone(orders), func(o *models.WorkOrder) bool { return !viewer.Sees(o) || !passes(o) })
				for _, group := range append(models.OrderGroups, "") {
					counts, err := models.CountOrders(db, filter, group, viewer)
					require.NoError(t, err, "%s by %s", query, group)
					require.EqualValues(t, len(matching), counts.Total, "%s by %s", query, group)
					sum := int64(0)
					for _, n := range counts.By {
						sum += n
					}
					require.True(t, group == "" || sum == counts.Total, "%s by %s: %v", query, group, counts.By)
				}
				for _, sort := range models.OrderSorts {
					key, down := strings.CutPrefix(sort, "-")
					word := sortedBy(key, crew.ID, office.ID)
					slices.SortFunc(matching, func(a, b *models.WorkOrder) int {
						c := cmp.Or(strings.Compare(word(a), word(b)), cmp.Compare(a.Seq, b.Seq))
						if down {
							return -c
						}
						return c
					})
					pagesOf(t, store, viewer, models.OrderQuery{OrderFilter: filter, Sort: models.OrderSort{Key: key, Down: down}, Limit: 7}, numbers(matching), query+" by "+sort)
				}
			}
		}
	})
}

func TestADayFromTodayIsADayOfTheAccount(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		a, admin := account(t, store, "days")
		db := store.Read(models.InAccount(ctx, a.ID))
		for _, name := range []string{"Pacific/Kiritimati", "Pacific/Pago_Pago"} { // never on the same day
			require.NoError(t, store.Write(models.InAccount(ctx, a.ID), func(tx *models.Tx) error { return tx.Model(a).Update("zone", name).Error }))
			zone, err := time.LoadLocation(name)
			require.NoError(t, err)
			for text, days := range map[string]int{"today": 0, "today-1": -1, "today+6": 6, "today 6": 6} {
				before := time.Now().In(zone)
				f, err := models.ReadOrderFilter(db, admin, url.Values{"due_from": {text}, "due_to": {text}, "completed_from": {text}})
				require.NoError(t, err)
				if time.Now().In(zone).Day() != before.Day() {
					continue // midnight came between
				}
				want := before.AddDate(0, 0, days)
				require.Equal(t, []string{want.Format(time.DateOnly), want.Format(time.DateOnly)}, []string{string(*f.DueFrom), string(*f.DueTo)}, "%s in %s", text, name)
				require.Equal(t, want.Format(time.DateOnly)+" 00:00:00", f.CompletedFrom.In(zone).Format(time.DateTime), "%s in %s", text, name)
			}
		}
		for _, text := range []string{"today+", "today+x", "today*1", "yesterday", "today+1000000"} {
			_, err := models.ReadOrderFilter(db, admin, url.Values{"due_to": {text}})
			require.Equal(t, models.Malformed, models.KindOf(err), text)
			_, err = models.ReadOrderFilter(db, admin, url.Values{"published_to": {text}})
			require.Equal(t, models.Malformed, models.KindOf(err), text)
		}
	})
}

func numbers(orders []*models.WorkOrder) []string {
	names := []string{}
	for _, o := range orders {
		names = append(names, o.WorkOrderNumber)
	}
	return names
}

// pagesOf holds a list to what it should be: page by page, page by page from its end, and from some places.
func pagesOf(t *testing.T, store *models.Store, viewer *models.Member, ask models.OrderQuery, want []string, what string) {
	db := store.Read(models.InAccount(ctx, viewer.AccountID))
	page := func(ask models.OrderQuery) *models.OrderPage {
		p, err := models.ListOrders(db, ask, viewer)
		require.NoError(t, err, what)
		return p
	}
	got := []string{}
	for next, more := ask, true; more; {
		p := page(next)
		got = append(got, numbers(p.Orders)...)
		next.From, more = &p.Last, p.More
	}
	require.Equal(t, want, got, what)
	got = []string{}
	back := ask
	for more := true; more; {
		back.Back = true
		p := page(back)
		got = append(numbers(p.Orders), got...)
		back.From, more = &p.First, p.More
	}
	require.Equal(t, want, got, "%s, from its end", what)
	for _, place := range []int{1, 7, 20, 500} {
		at := ask
		at.Place = int64(place)
		p := page(at)
		from := min(place, len(want))
		require.Equal(t, want[from:min(from+ask.Limit, len(want))], numbers(p.Orders), "%s, from place %d", what, place)
		require.Equal(t, from+ask.Limit < len(want), p.More)
	}
}

func TestNumbersSortAsPeopleSortThem(t *testing.T) {
	want := []string{"", "0", "7", "007", "12", "100", "999999999", "1000000000", "A-2", "a-10", "A-10b", "B", "É-1", "WO 2.9", "wo 2.10"}
	got := slices.Clone(want)
	rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
	slices.SortStableFunc(got, func(a, b string) int { return strings.Compare(models.NaturalKey(a), models.NaturalKey(b)) })
	rank := map[string]int{}
	for i, n := range got {
		rank[n] = i
	}
	require.Less(t, rank["0"], min(rank["7"], rank["007"]))
	for _, ordered := range [][]string{{"7", "12", "100", "999999999", "1000000000", "A-2", "a-10", "A-10b", "B", "WO 2.9", "wo 2.10", "É-1"}} {
		for i := range ordered[1:] {
			require.Less(t, rank[ordered[i]], rank[ordered[i+1]], "%s before %s", ordered[i], ordered[i+1])
		}
	}
	require.Equal(t, models.NaturalKey("wo-7"), models.NaturalKey(" WO-007 "))
	require.NotEmpty(t, models.NaturalKey(""), "an order with no key would be given one at each start")
	long := models.NaturalKey(strings.Repeat("é", 200))
	require.LessOrEqual(t, len(long), 240)
}

// TestAnUpgradeGivesOldOrdersWhatListsSortBy takes the schema back to before there were keys, and up.
func TestAnUpgradeGivesOldOrdersWhatListsSortBy(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		office, _, orders := listedOrders(t, store)
		in := models.InAccount(ctx, office.AccountID)
		at := models.At(time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC))
		again := slices.IndexFunc(orders, func(o *models.WorkOrder) bool { return o.Lifecycle.State == models.Completed })
		out := slices.IndexFunc(orders, func(o *models.WorkOrder) bool { return o.Lifecycle.State == models.Published })
		require.NoError(t, store.Write(in, func(tx *models.Tx) error {
			for n, e := range []*models.HistoryEvent{{WorkOrderID: orders[again].ID, Type: models.TypeCompleted}, {WorkOrderID: orders[again].ID, Type: models.TypeRejected},
				{WorkOrderID: orders[again].ID, Type: models.TypeCompleted}, {WorkOrderID: orders[out].ID, Type: models.TypePublished}, {WorkOrderID: orders[out].ID, Type: models.TypePublished}} {
				e.Sequence, e.At = int64(10+n), models.At(at.Add(time.Duration(n)*time.Hour))
				if err := tx.Create(e).Error; err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, store.MigrateDown(ctx, 23))
		_, err := store.Migrate(ctx)
		require.NoError(t, err)
		var rows []*models.WorkOrder
		require.NoError(t, store.Read(in).Order("seq").Find(&rows).Error)
		require.Len(t, rows, len(orders))
		for i, o := range rows {
			require.Equal(t, [2]string{orders[i].NumberKey, orders[i].DueKey}, [2]string{o.NumberKey, o.DueKey})
			require.Equal(t, i == again, !o.CompletedAt.IsZero())
			require.Equal(t, i == out, !o.PublishedAt.IsZero())
		}
		require.Equal(t, at.Add(2*time.Hour), rows[again].CompletedAt.Time, "not when it was first, and sent back")
		require.Equal(t, at.Add(3*time.Hour), rows[out].PublishedAt.Time, "since when")
	})
}
