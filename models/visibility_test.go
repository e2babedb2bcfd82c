package models_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"pgregory.net/rapid"

	"fieldproof/models"
)

// TestWhoMaySeeIsOneQuestion asks in Go and in SQL, on random orders, items and people of two accounts.
func TestWhoMaySeeIsOneQuestion(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		round := 0
		rapid.Check(t, func(r *rapid.T) {
			if round++; round > 30 { // each is a world of its own in a real database
				return
			}
			var accounts []*models.Account
			var members []*models.Member
			for range 2 {
				name := "v" + models.NewID()
				a, admin := account(t, store, name)
				accounts, members = append(accounts, a), append(members, admin)
				for _, privileges := range [][]models.Privilege{nil, {models.EditOwnItems}, {models.EditAllItems}} {
					members = append(members, &models.Member{User: models.User{ID: models.NewID(), AccountID: a.ID, Username: models.NewID()}, Privileges: privileges})
				}
			}
			var orders []*models.WorkOrder
			var items []*models.Item
			ever := map[[2]string]bool{}
			anybody := func(of string) *models.Member {
				theirs := slices.DeleteFunc(slices.Clone(members), func(m *models.Member) bool { return m.AccountID != of })
				return rapid.SampledFrom(theirs).Draw(r, "who")
			}
			for n := range rapid.IntRange(1, 6).Draw(r, "orders") {
				a := rapid.SampledFrom(accounts).Draw(r, "account")
				scoped := models.InAccount(ctx, a.ID)
				o := &models.WorkOrder{ID: models.NewID(), AccountID: a.ID, WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: models.NewID(),
					Address: models.Address{Address1: "1 A", City: "B", State: "TX", Zip: "78701"}}}
				o.Normalise()
				tasks := []models.TaskFields{{Name: "T"}}
				tasks[0].Normalise()
				require.NoError(t, store.Write(scoped, func(tx *models.Tx) error {
					if err := tx.CreateOrder(o, tasks, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, Actor: "x"}); err != nil {
						return err
					}
					o.Lifecycle.Hidden = rapid.Bool().Draw(r, "hidden") && n%2 == 0
					switch rapid.IntRange(0, 2).Draw(r, "assigned") {
					case 1:
						o.AssigneeID = &anybody(a.ID).ID
					case 2:
						o.AssignedToAll = rapid.Bool().Draw(r, "all")
					}
					if rapid.Bool().Draw(r, "assigned once") {
						row := &models.Assignment{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, AssignedAt: models.Now()}
						if rapid.Bool().Draw(r, "to one") {
							who := anybody(a.ID)
							row.UserID = &who.ID
							ever[[2]string{o.ID, who.ID}] = true
						} else {
							for _, m := range members {
								ever[[2]string{o.ID, m.ID}] = true
							}
						}
						if err := tx.Create(row).Error; err != nil {
							return err
						}
					}
					for range rapid.IntRange(0, 3).Draw(r, "items") {
						i := &models.Item{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, Kind: models.Photo, UUID: models.NewID(), ReceivedAt: models.Now(),
							UploadedBy: anybody(a.ID).ID, Review: models.ReviewPending, Source: rapid.SampledFrom([]models.ItemSource{models.MobileCamera, models.WebUpload}).Draw(r, "source")}
						i.Origin.Author = anybody(a.ID).Username // as of a rescue file
						if rapid.Bool().Draw(r, "deleted") {
							now := models.Now()
							i.DeletedAt = &now
						}
						items = append(items, i)
						if err := tx.Create(i).Error; err != nil {
							return err
						}
					}
					return tx.SaveOrder(o)
				}))
				orders = append(orders, o)
			}
			var all []string
			byID := map[string]*models.WorkOrder{}
			for _, o := range orders {
				all, byID[o.ID] = append(all, o.ID), o
			}
			ids := func(m *models.Member, model any, key string, twin func(*gorm.DB) *gorm.DB) []string {
				var found []string
				db := store.Read(models.InAccount(ctx, m.AccountID))
				require.NoError(t, twin(db.Model(model).Where(key+" IN ?", all)).Order("id").Pluck("id", &found).Error)
				return found
			}
			for _, m := range members {
				var sees, adds, seesItems, knowsDevices, worked []string
				for _, o := range orders {
					own := slices.ContainsFunc(items, func(i *models.Item) bool { return i.WorkOrderID == o.ID && i.UploadedBy == m.ID && i.DeletedAt == nil })
					if m.WorkedOn(o, own) {
						worked = append(worked, o.ID)
					}
					if m.Sees(o) {
						sees = append(sees, o.ID)
					}
					if m.MayAdd(o, ever[[2]string{o.ID, m.ID}]) {
						adds = append(adds, o.ID)
					}
				}
				for _, i := range items {
					if m.SeesItem(byID[i.WorkOrderID], i) {
						seesItems = append(seesItems, i.ID)
						if m.KnowsDevice(i) {
							knowsDevices = append(knowsDevices, i.ID)
						}
					}
				}
				require.ElementsMatch(t, sees, ids(m, &models.WorkOrder{}, "work_orders.id", m.OrdersSeen))
				require.ElementsMatch(t, adds, ids(m, &models.WorkOrder{}, "work_orders.id", m.OrdersAddable))
				require.ElementsMatch(t, worked, ids(m, &models.WorkOrder{}, "work_orders.id", m.OrdersWorkedOn))
				require.ElementsMatch(t, seesItems, ids(m, &models.Item{}, "items.work_order_id", m.ItemsSeen))
				require.ElementsMatch(t, knowsDevices, ids(m, &models.Item{}, "items.work_order_id", func(q *gorm.DB) *gorm.DB { return m.DevicesKnown(m.ItemsSeen(q)) }))
				var seesOfEach []string
				for _, o := range orders {
					seesOfEach = append(seesOfEach, ids(m, &models.Item{}, "items.work_order_id", func(q *gorm.DB) *gorm.DB { return m.ItemsSeenOf(q, o) })...)
				}
				require.ElementsMatch(t, seesItems, seesOfEach)
				listed, err := models.ListOrders(store.Read(models.InAccount(ctx, m.AccountID)), models.OrderQuery{Limit: 100}, m)
				require.NoError(t, err)
				var list []string
				for _, o := range listed.Orders {
					if slices.Contains(all, o.ID) {
						list = append(list, o.ID)
					}
				}
				require.ElementsMatch(t, sees, list)
			}
		})
	})
}
