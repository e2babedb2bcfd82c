package models_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

// Orders of two accounts, spread over so many that a search meets several of its buckets and what lies before them, are
// found by every page of every query as going through all of them would find them.
func TestSearchFindsWhatGoingThroughAllFinds(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		r := rand.New(rand.NewPCG(8, 15))
		streets := []string{"Oak Street", "Oakland Avenue", "Old Mill Road", "Ångström Way", "Straße des 17. Juni", "Averyveryverylongstreetname Lane"}
		mow := models.TaskFields{Name: "Mow"}
		mow.Normalise()
		type order struct {
			seq    int64
			number string
			words  string
			state  models.State
		}
		var members []*models.Member
		kept := map[string][]order{}
		for _, name := range []string{"mine", "theirs"} {
			a, member := account(t, store, name)
			members = append(members, member)
			in := models.InAccount(ctx, a.ID)
			for i := range 120 {
				o := &models.WorkOrder{ID: models.NewID(), AccountID: a.ID, CreatedBy: member.ID}
				o.WorkOrderNumber, o.ClientCode = fmt.Sprintf("Order%d", i), []string{"", "ACME"}[r.IntN(2)]
				o.Address = models.Address{Address1: fmt.Sprintf("%d %s", 1+r.IntN(30), streets[r.IntN(len(streets))]), City: "Round Rock", State: "TX", Zip: "78664"}
				o.Normalise()
				require.NoError(t, store.Write(in, func(tx *models.Tx) error {
					return tx.CreateOrder(o, []models.TaskFields{mow}, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, Actor: member.Username})
				}))
				kept[a.ID] = append(kept[a.ID], order{o.Seq, o.WorkOrderNumber, o.SearchText, o.Lifecycle.State})
			}
		}
		if store.Dialect() == models.Postgres { // where the search goes by buckets of 1,024
			require.NoError(t, store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error {
				return tx.Exec("UPDATE work_orders SET seq = seq * 700").Error
			}))
			for _, orders := range kept {
				for i := range orders {
					orders[i].seq *= 700
				}
			}
		}
		for _, query := range []string{"o", "oak", "OAK STREET", "order1", "order11", "order1 oak", "angstrom", "strasse", "straße", "17", "acme 7", "averyveryverylongstreet", "averyveryverylongx",
			"round rock tx", "nothing", "mine", "'; DROP TABLE work_orders", "account", "#0", "@"} {
			for i, member := range members {
				var want []string
				for n := len(kept[member.AccountID]) - 1; n >= 0; n-- {
					if o := kept[member.AccountID][n]; matches(o.words, query) {
						want = append(want, o.number)
					}
				}
				got, pages := []string{}, 0
				for before := int64(0); ; pages++ {
					ask := models.OrderQuery{OrderFilter: models.OrderFilter{Query: query}, Sort: models.OrderSort{Down: true}, Limit: 7}
					if before > 0 {
						ask.From = &models.OrderPosition{Seq: before}
					}
					list, err := models.ListOrders(store.Read(models.InAccount(ctx, member.AccountID)), ask, member)
					require.NoError(t, err, query)
					for _, o := range list.Orders {
						require.Equal(t, member.AccountID, o.AccountID)
						got, before = append(got, o.WorkOrderNumber), o.Seq
					}
					if !list.More {
						break
					}
				}
				require.Equal(t, strings.Join(want, " "), strings.Join(got, " "), "query %q of account %d, %d pages", query, i, pages)
			}
		}
	})
}

// matches tells whether each word of the query begins one of the words.
func matches(words, query string) bool {
	for _, term := range strings.FieldsFunc(strings.ToLower(query), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		term = term[:min(len(term), 16)]
		found := false
		for _, w := range strings.Fields(words) {
			found = found || strings.HasPrefix(w, term)
		}
		if !found {
			return false
		}
	}
	return true
}
