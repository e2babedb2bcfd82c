package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
)

func TestNothingIsDoneLateOverNewerDecisions(t *testing.T) {
	h := house.New(t)
	keep := func(event models.Event) *models.Action {
		a := &models.Action{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: h.Order.ID, Event: event}
		h.Write(func(tx *models.Tx) error { return tx.SaveAction(a) })
		return a
	}
	apply := func(a *models.Action) error {
		return h.Store.Write(h.Ctx, func(tx *models.Tx) error {
			o, err := tx.OrderForUpdate(h.Order.ID)
			if err != nil {
				return err
			}
			return tx.Apply(o, a)
		})
	}
	forgotten, cancel, reopen := keep(models.Delete), keep(models.Cancel), keep(models.Reopen)
	require.Less(t, forgotten.Number, cancel.Number)
	require.NoError(t, apply(cancel))
	require.NoError(t, apply(reopen))
	require.Equal(t, models.Overtaken, models.KindOf(apply(forgotten)), "whoever asked for it has stopped waiting")
	require.NoError(t, apply(cancel), "what was done is done")

	h.Write(func(tx *models.Tx) error { return tx.TryAgain(forgotten) })
	require.NoError(t, apply(forgotten), "asked again")
	require.EqualValues(t, 1, forgotten.Tries)
}
