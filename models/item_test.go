package models_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

// orderOf makes an order of an account.
func orderOf(t *testing.T, tx *models.Tx, accountID string) *models.WorkOrder {
	t.Helper()
	o := &models.WorkOrder{ID: models.NewID(), AccountID: accountID, CreatedAt: models.Now(), UpdatedAt: models.Now(), Lifecycle: models.Lifecycle{State: models.Created}}
	o.WorkOrderNumber, o.Address = "1", models.Address{Address1: "1 Oak", City: "Austin", State: "TX", Zip: "78701"}
	property, err := tx.PropertyAt(accountID, o.Address, nil, nil)
	require.NoError(t, err)
	o.PropertyID = property.ID
	o.Normalise()
	lawn := []models.TaskFields{{Name: "Lawn"}}
	lawn[0].Normalise()
	require.NoError(t, tx.CreateOrder(o, lawn, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, Actor: "x"}))
	return o
}

func TestAUUIDIsOneWhateverItsCaseHyphensOrBraces(t *testing.T) {
	const uuid = "0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11"
	for _, same := range []string{uuid, strings.ToUpper(uuid), strings.ReplaceAll(uuid, "-", ""), "{" + uuid + "}", "{" + strings.ToUpper(uuid) + "}"} {
		require.Equal(t, models.UUIDKey(uuid), models.UUIDKey(same), same)
		var p models.Problems
		models.CheckUUID(&p, same)
		require.Empty(t, p, same)
	}
	require.NotEqual(t, models.UUIDKey("order-1-10"), models.UUIDKey("order-11-0"), "a number of a peer's own is no uuid: its hyphens may be all that tells two apart")
	for _, no := range []string{"{order-1-10}", "{" + uuid, "}" + uuid, "short", "a b c d e f"} {
		var p models.Problems
		models.CheckUUID(&p, no)
		require.NotEmpty(t, p, no)
	}
}

func TestTheUpgradeLeavesItemsThatCameAsSeveral(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		a, _ := account(t, store, "upgraded")
		scoped := models.InAccount(ctx, a.ID)
		const uuid = "0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11"
		spelled := []string{strings.ToUpper(uuid), "order-1-10"}
		require.NoError(t, store.Write(scoped, func(tx *models.Tx) error {
			o := orderOf(t, tx, a.ID)
			for _, s := range spelled {
				require.NoError(t, tx.Create(&models.Item{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, Kind: models.Photo, UUID: s, ReceivedAt: models.Now()}).Error)
			}
			return nil
		}))
		first, err := models.One[models.Item](models.OfUUID(store.Read(scoped), uuid), "item")
		require.NoError(t, err)
		require.Equal(t, spelled[0], first.UUID, "shown as it first came")
		require.NoError(t, store.MigrateDown(ctx, 16))
		require.NoError(t, store.Write(models.AcrossAccounts(ctx), func(tx *models.Tx) error {
			var row map[string]any
			if err := tx.Table("items").Where("uuid = ?", spelled[0]).Take(&row).Error; err != nil {
				return err
			}
			row["id"], row["uuid"] = models.NewID(), uuid
			return tx.Table("items").Create(row).Error
		}))
		_, err = store.Migrate(ctx)
		require.NoError(t, err)
		var items []models.Item
		require.NoError(t, store.Read(scoped).Order("id").Find(&items).Error)
		require.Len(t, items, 3, "nothing is lost")
		for _, s := range append(spelled, uuid) {
			i, err := models.One[models.Item](models.OfUUID(store.Read(scoped), s), "item")
			require.NoError(t, err)
			require.Equal(t, s, i.UUID)
		}
		i, err := models.One[models.Item](models.OfUUID(store.Read(scoped), "{"+uuid+"}"), "item")
		require.NoError(t, err)
		require.Equal(t, first.ID, i.ID, "the first is what a repeat means")
	})
}

// TestTheUpgradeTakesBackWhatNobodyCouldJudge puts verdicts on items as they were given before, by their source.
func TestTheUpgradeTakesBackWhatNobodyCouldJudge(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		a, _ := account(t, store, "upgraded")
		scoped := models.InAccount(ctx, a.ID)
		sources := []models.ItemSource{models.FromPeer, models.FromShare, models.MobileCamera}
		require.NoError(t, store.Write(scoped, func(tx *models.Tx) error {
			o := orderOf(t, tx, a.ID)
			for _, source := range sources {
				for _, verdict := range []bool{false, true} {
					require.NoError(t, tx.Create(&models.Item{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, Kind: models.Photo, UUID: fmt.Sprintf("%s-%v-1", source, verdict), Source: source,
						ReceivedAt: models.Now(), Certification: models.Certification{Item: &verdict, Time: &verdict, Location: &verdict}}).Error)
				}
			}
			return nil
		}))
		require.NoError(t, store.MigrateDown(ctx, 20))
		_, err := store.Migrate(ctx)
		require.NoError(t, err)
		yes, no := ptr(true), ptr(false)
		for _, source := range sources {
			want := map[bool]models.Certification{false: {}, true: {Time: yes, Location: yes}}
			if source == models.MobileCamera {
				want = map[bool]models.Certification{false: {Item: no, Time: no, Location: no}, true: {Item: yes, Time: yes, Location: yes}}
			}
			for verdict, left := range want {
				i, err := models.One[models.Item](models.OfUUID(store.Read(scoped), fmt.Sprintf("%s-%v-1", source, verdict)), "item")
				require.NoError(t, err)
				require.Equal(t, left, i.Certification, "%s, judged %v", source, verdict)
			}
		}
	})
}
