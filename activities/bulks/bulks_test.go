package bulks

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/workflows/protocol"
)

func TestTheBulksOfAnAccountShareItsPlaces(t *testing.T) {
	for bulks := 1; bulks < 40; bulks++ {
		all := 0
		for at := range bulks {
			places := placesOf(at, bulks)
			require.True(t, places > 0 || at >= AtOnce, "bulk %d of %d", at, bulks)
			all += places
		}
		require.Equal(t, AtOnce, all, "%d bulks", bulks)
	}
}

// begun is a house with an office user, and a bulk of some orders that is pending.
func begun(t *testing.T, orders int) (*house.House, *Bulks, *models.Member, *models.Bulk) {
	h := house.New(t)
	u := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "office", Role: models.Admin, Active: true}
	h.Write(func(tx *models.Tx) error { return tx.NewUser(u) })
	by, err := h.Store.MemberByID(h.Ctx, u.ID)
	require.NoError(t, err)
	in := &intake.Intake{Store: h.Store, Blobs: h.Blobs}
	for n := range orders - 1 {
		h.NewOrder(fmt.Sprintf("W-%d", n+2))
	}
	b := &Bulks{Store: h.Store, Intake: &intake.Bulks{Intake: in}, Log: slog.New(slog.DiscardHandler)}
	return h, b, by, asked(t, h, b, by, int64(orders))
}

func asked(t *testing.T, h *house.House, b *Bulks, by *models.Member, expected int64) *models.Bulk {
	bulk, err := b.Intake.StartBulk(h.Ctx, intake.NewBulk{ID: models.NewID(), By: by, Action: models.BulkUpdate,
		Parameters: models.BulkParameters{Patch: json.RawMessage(`{"reference": "` + models.NewID() + `"}`)}, Filter: &models.OrderFilter{}, Expected: &expected})
	require.NoError(t, err)
	return bulk
}

func now(t *testing.T, h *house.House, b *models.Bulk) *models.Bulk {
	bulk, err := models.One[models.Bulk](h.Store.Read(h.Ctx).Where("id = ?", b.ID), "bulk")
	require.NoError(t, err)
	return bulk
}

func TestABulkRunsUntilNothingIsLeft(t *testing.T) {
	h, b, by, bulk := begun(t, 60)
	result, err := b.RunBulk(h.Ctx, protocol.BulkInput{BulkID: bulk.ID})
	require.NoError(t, err)
	require.Equal(t, protocol.BulkResult{Action: models.BulkUpdate, State: models.BulkDone, Rows: 60, Over: true}, result)
	after := now(t, h, bulk)
	require.EqualValues(t, 60, after.Done)
	require.NotNil(t, after.EndedAt)
	var told int64
	require.NoError(t, h.Store.Read(h.Ctx).Model(&models.FeedEntry{}).Where("type = 'bulk.changed' AND subject = ?", bulk.ID).Count(&told).Error)
	require.GreaterOrEqual(t, told, int64(3), "asked for, begun, ended")
	require.Less(t, told, int64(60), "not once a row")

	_, err = b.Intake.RepeatBulk(h.Ctx, by, models.NewID(), bulk.ID)
	require.Equal(t, models.Conflict, models.KindOf(err), "nothing was refused")
	_, err = b.Intake.CancelBulk(h.Ctx, by, bulk.ID)
	require.Equal(t, models.Conflict, models.KindOf(err), "it has ended")
}

func TestACancelledBulkLeavesTheRest(t *testing.T) {
	h, b, by, bulk := begun(t, 3)
	pending, err := b.Intake.CancelBulk(h.Ctx, by, bulk.ID)
	require.NoError(t, err)
	require.Equal(t, models.BulkCancelled, pending.State, "one that has not begun never does")
	require.EqualValues(t, 3, now(t, h, bulk).Cancelled)

	bulk = asked(t, h, b, by, 3)
	h.Write(func(tx *models.Tx) error { return tx.Model(bulk).Update("state", models.BulkRunning).Error })
	_, err = b.Intake.CancelBulk(h.Ctx, by, bulk.ID)
	require.NoError(t, err)
	result, err := b.RunBulk(h.Ctx, protocol.BulkInput{BulkID: bulk.ID})
	require.NoError(t, err)
	require.True(t, result.Over)
	after := now(t, h, bulk)
	require.Equal(t, []any{models.BulkCancelled, int64(0), int64(3)}, []any{after.State, after.Done, after.Cancelled})
}

func TestAFullAccountLetsALaterBulkWait(t *testing.T) {
	h, b, by, first := begun(t, 2)
	for range AtOnce {
		asked(t, h, b, by, 2)
	}
	var last models.Bulk
	require.NoError(t, h.Store.Read(h.Ctx).Order("id DESC").First(&last).Error)
	result, err := b.RunBulk(h.Ctx, protocol.BulkInput{BulkID: last.ID})
	require.NoError(t, err)
	require.EqualValues(t, rests, result.PauseSeconds)
	require.EqualValues(t, 2, result.Waiting)
	result, err = b.RunBulk(h.Ctx, protocol.BulkInput{BulkID: first.ID})
	require.NoError(t, err)
	require.True(t, result.Over)
	result, err = b.RunBulk(h.Ctx, protocol.BulkInput{BulkID: last.ID})
	require.NoError(t, err)
	require.True(t, result.Over, "a place is free")
}
