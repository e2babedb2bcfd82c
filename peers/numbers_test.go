package peers_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/tests/house"
)

// login makes a user with the subcontractor role.
func login(h *house.House, name string) *models.Member {
	h.T.Helper()
	u := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: name, Role: models.Subcontractor, Active: true}
	h.Write(func(tx *models.Tx) error { return tx.NewUser(u) })
	m, err := h.Store.MemberByID(h.Ctx, u.ID)
	require.NoError(h.T, err)
	return m
}

// given makes an order of a client that is assigned to somebody.
func given(h *house.House, code, number string, to *models.Member) *models.WorkOrder {
	h.T.Helper()
	o := h.NewOrder(models.NewID())
	o.ClientCode, o.WorkOrderNumber, o.AssigneeID = code, number, &to.ID
	h.Write(func(tx *models.Tx) error {
		if err := tx.Create(&models.Assignment{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, UserID: &to.ID, AssignedAt: models.Now()}).Error; err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	return o
}

func told(h *house.House, to *models.Member, o *models.WorkOrder) string {
	h.T.Helper()
	numbers, err := peers.Numbers(h.Ctx, h.Store, to, []*models.WorkOrder{o})
	require.NoError(h.T, err)
	found, err := peers.OrderNumbered(h.Ctx, h.Store, to, numbers[o.ID])
	require.NoError(h.T, err)
	require.Equal(h.T, o.ID, found.ID, "what was told leads back")
	return numbers[o.ID]
}

func TestANumberIsFixedWhenALoginIsFirstToldOfIt(t *testing.T) {
	h := house.New(t)
	vendor, rival := login(h, "vendor"), login(h, "rival")
	first := given(h, "ACME", "77a", vendor)
	require.Equal(t, "77a", told(h, vendor, first))
	second := given(h, "BETA", "77A", vendor)
	require.Equal(t, "BETA::77A", told(h, vendor, second), "unique for the login whatever the case")
	require.Equal(t, "77a", told(h, vendor, first), "another client's number changes nothing")

	first.ClientCode, first.WorkOrderNumber = "GAMMA", "78"
	h.Write(func(tx *models.Tx) error { return tx.SaveOrder(first) })
	require.Equal(t, "77a", told(h, vendor, first), "nor do a number and a client code of its own")
	theirs, err := peers.Numbers(h.Ctx, h.Store, rival, []*models.WorkOrder{first})
	require.NoError(t, err)
	require.Equal(t, "78", theirs[first.ID], "another login is told for itself")
	require.Equal(t, "78", told(h, vendor, given(h, "ACME", "78", vendor)), "the number that it lost was never told")

	second.Lifecycle.Hidden = true
	h.Write(func(tx *models.Tx) error { return tx.SaveOrder(second) })
	require.Equal(t, "BETA::77A__2", told(h, vendor, given(h, "BETA", "77A", vendor)), "a deleted order keeps its number")
	again, err := peers.OrderNumbered(h.Ctx, h.Store, vendor, "beta::77a")
	require.NoError(t, err)
	require.Equal(t, second.ID, again.ID)
}

func TestANumberThatWasNeverToldIsFoundAsItStands(t *testing.T) {
	h := house.New(t)
	vendor := login(h, "vendor")
	o := given(h, "ACME", "77", vendor)
	for _, number := range []string{"77", "ACME::77"} {
		found, err := peers.OrderNumbered(h.Ctx, h.Store, vendor, number)
		require.NoError(t, err)
		require.Equal(t, o.ID, found.ID)
	}
	_, err := peers.OrderNumbered(h.Ctx, h.Store, login(h, "rival"), "77")
	require.Equal(t, models.NotFound, models.KindOf(err), "what was never theirs is not found")
}

func TestCallsAtOnceTellTheSameNumbers(t *testing.T) {
	h := house.New(t)
	vendor := login(h, "vendor")
	var orders []*models.WorkOrder
	for n := range 6 {
		orders = append(orders, given(h, fmt.Sprint("C", n%3), fmt.Sprint(n/3), vendor))
	}
	answers := make([]map[string]string, 8)
	var calls sync.WaitGroup
	for i := range answers {
		calls.Go(func() {
			var err error
			answers[i], err = peers.Numbers(h.Ctx, h.Store, vendor, orders)
			require.NoError(t, err)
		})
	}
	calls.Wait()
	for _, a := range answers {
		require.Equal(t, answers[0], a)
	}
	require.Equal(t, []string{"0", "C1::0", "C2::0", "1"}, []string{answers[0][orders[0].ID], answers[0][orders[1].ID], answers[0][orders[2].ID], answers[0][orders[3].ID]})
}
