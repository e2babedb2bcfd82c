package intake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
)

// photoOf makes an approved photo of a crew's.
func photoOf(t *testing.T, h *house.House, o *models.WorkOrder, by *models.Member, n int) *models.Item {
	t.Helper()
	item := h.Photo(o, n)
	h.Write(func(tx *models.Tx) error {
		item.UploadedBy = by.ID
		return tx.Select("uploaded_by").Updates(item).Error
	})
	return item
}

func TestWhatTheCrewRelabelsTheOfficeJudgesAnew(t *testing.T) {
	h := house.New(t)
	in, staff := intakeOf(h), office(t, h)
	o, crew := seen(t, h, "W-2")
	item := photoOf(t, h, o, crew, 1)
	relabel := func(to string) intake.Change[intake.ItemFields] {
		return func(f *intake.ItemFields) error { f.EvidenceType = to; return nil }
	}

	edited, err := in.EditItem(h.Ctx, item.ID, staff, relabel("Before"))
	require.NoError(t, err)
	require.Equal(t, models.ReviewApproved, edited.Review)
	require.Equal(t, "before", edited.EvidenceType)
	edited, err = in.EditItem(h.Ctx, item.ID, crew, relabel("after"))
	require.NoError(t, err)
	require.Equal(t, models.ReviewPending, edited.Review)
	require.Equal(t, item.Revision+2, edited.Revision)

	_, err = in.EditItem(h.Ctx, item.ID, crew, func(f *intake.ItemFields) error { f.Review = models.ReviewApproved; return nil })
	require.Equal(t, models.Forbidden, models.KindOf(err), "nobody of the crew approves their own")
	_, err = in.EditItem(h.Ctx, item.ID, staff, func(f *intake.ItemFields) error { f.Review = models.ReviewRejected; return nil })
	require.Equal(t, models.Invalid, models.KindOf(err), "whoever rejects says why")
}

func TestAnItemMovesToAnOrderThatIsSeenAndLeavesItsTask(t *testing.T) {
	h := house.New(t)
	in, staff := intakeOf(h), office(t, h)
	o, crew := seen(t, h, "W-2")
	item := photoOf(t, h, o, crew, 1)
	tasks, err := models.TasksOf(h.Store.Read(h.Ctx), o.ID)
	require.NoError(t, err)
	task := tasks[o.ID][0].ID
	_, err = in.EditItem(h.Ctx, item.ID, staff, func(f *intake.ItemFields) error { f.TaskID = &task; return nil })
	require.NoError(t, err)

	move := func(f *intake.ItemFields) error { f.WorkOrderID = h.Order.ID; return nil }
	_, err = in.EditItem(h.Ctx, item.ID, crew, move)
	require.Equal(t, models.Invalid, models.KindOf(err), "the crew does not see where it would go")
	moved, err := in.EditItem(h.Ctx, item.ID, staff, move)
	require.NoError(t, err)
	require.Equal(t, h.Order.ID, moved.WorkOrderID)
	require.Nil(t, moved.TaskID)
	for _, id := range []string{o.ID, h.Order.ID} {
		var told int64
		require.NoError(t, h.Store.Read(h.Ctx).Model(&models.HistoryEvent{}).Where("work_order_id = ? AND type = ?", id, models.TypeUpdated).Count(&told).Error)
		require.NotZero(t, told, "both orders tell of it")
	}
}

func TestADeletedItemIsDeletedOnceAndComesBack(t *testing.T) {
	h := house.New(t)
	in, staff := intakeOf(h), office(t, h)
	o, crew := seen(t, h, "W-2")
	item := photoOf(t, h, o, staff, 1)
	require.Equal(t, models.Forbidden, models.KindOf(in.DeleteItem(h.Ctx, item.ID, crew)), "it is not their own")
	version := func() int64 { return orderNow(t, h, o.ID).Version }
	before := version()
	for range 2 {
		require.NoError(t, in.DeleteItem(h.Ctx, item.ID, staff))
	}
	require.Equal(t, before+1, version())
	require.Equal(t, models.NotFound, models.KindOf(in.RestoreItem(h.Ctx, item.ID, crew)))
	for range 2 {
		require.NoError(t, in.RestoreItem(h.Ctx, item.ID, staff))
	}
	require.Equal(t, before+2, version())
}
