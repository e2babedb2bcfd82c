package intake

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

func itemBell(order, n string) models.Bell {
	return models.Bell{Bell: string(models.OrderBell) + "/" + order + "/" + n, Kind: models.OrderBell, Subject: order}
}

func orderBell(order string) models.Bell {
	return models.Bell{Bell: string(models.OrderBell) + "/" + order, Kind: models.OrderBell, Subject: order}
}

// TestABurstOfPhotosWakesItsOrderOnceInAWhile holds that the bells of side by side uploads are one ring, that more photos a
// moment later wait, and that nothing else of the order waits with them.
func TestABurstOfPhotosWakesItsOrderOnceInAWhile(t *testing.T) {
	b := &Bells{}
	first := b.rested(bySubject([]models.Bell{itemBell("a", "0"), itemBell("a", "5"), itemBell("b", "1"), itemBell("a", "7")}))
	require.Equal(t, [][]models.Bell{{itemBell("a", "0"), itemBell("a", "5"), itemBell("a", "7")}, {itemBell("b", "1")}}, first)
	require.Empty(t, b.rested(bySubject([]models.Bell{itemBell("a", "2")})), "woken a moment ago")
	decision := []models.Bell{itemBell("a", "2"), orderBell("a")}
	require.Equal(t, [][]models.Bell{decision}, b.rested(bySubject(decision)), "what is no photo waits for nothing")
	b.woken["a"] = time.Now().Add(-itemsRest)
	require.Len(t, b.rested(bySubject([]models.Bell{itemBell("a", "2")})), 1)
	b.woken["a"] = time.Now().Add(-itemsRest)
	require.Empty(t, b.rested(nil))
	require.NotContains(t, b.woken, "a", "nothing is kept of orders that rest")
}

// TestAnImportComesInWhilePhotosStreamIn has an order rest between its photos, whose bell lies there all the time.
func TestAnImportComesInWhilePhotosStreamIn(t *testing.T) {
	ctx := models.AcrossAccounts(context.Background())
	store, err := models.Open(ctx, "sqlite://"+filepath.Join(t.TempDir(), "bells.db"))
	require.NoError(t, err)
	defer func() { _ = store.Close() }()
	_, err = store.Migrate(ctx)
	require.NoError(t, err)
	require.NoError(t, store.Write(ctx, func(tx *models.Tx) error {
		if err := tx.RingForItem("photographed"); err != nil {
			return err
		}
		return tx.RingInBulk(models.OrderBell, "imported")
	}))
	b := &Bells{Store: store, woken: map[string]time.Time{"photographed": time.Now().Add(time.Hour)}}
	due, err := b.due(ctx)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.Equal(t, "imported", due[0][0].Subject)
}
