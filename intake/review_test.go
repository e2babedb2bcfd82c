package intake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
)

func TestReviewsOfOneCallAreOneEventAnOrder(t *testing.T) {
	h := house.New(t)
	in, office := intakeOf(h), office(t, h)
	other := h.NewOrder("W-2")
	var photos []*models.Item
	for n := range 6 {
		photos = append(photos, h.Photo(map[bool]*models.WorkOrder{true: h.Order, false: other}[n < 4], n))
	}
	pending, approved := models.ReviewPending, models.ReviewApproved
	h.Write(func(tx *models.Tx) error {
		return tx.Model(&models.Item{}).Where("id <> ''").Update("review", models.ReviewPending).Error
	})
	of := func(o *models.WorkOrder) (events []models.HistoryEvent) {
		require.NoError(t, h.Store.Read(h.Ctx).Where("work_order_id = ? AND type = ?", o.ID, models.TypeUpdated).Order("sequence").Find(&events).Error)
		return events
	}
	say := func(reviews ...models.PhotoReview) (said []string) {
		results, err := in.ReviewPhotos(h.Ctx, office, reviews)
		require.NoError(t, err)
		for _, r := range results {
			said = append(said, r.Result)
		}
		return said
	}
	require.Equal(t, []string{"done", "done", "refused", "done", "refused", "done"}, say(
		models.PhotoReview{ID: photos[0].ID, Review: approved}, models.PhotoReview{ID: photos[1].ID, Review: models.ReviewRejected, Reason: "blurred"},
		models.PhotoReview{ID: photos[2].ID, Review: models.ReviewRejected}, models.PhotoReview{ID: photos[4].ID, Review: approved, Was: &pending},
		models.PhotoReview{ID: "nothing", Review: approved}, models.PhotoReview{ID: photos[3].ID, Review: approved}))
	require.Len(t, of(h.Order), 1)
	require.Len(t, of(other), 1)
	require.ElementsMatch(t, []string{photos[0].ID, photos[1].ID, photos[3].ID}, of(h.Order)[0].Details.ItemIDs)
	require.Equal(t, models.ReviewRejected, of(h.Order)[0].Details.Reviews[photos[1].ID])

	require.Equal(t, []string{"unchanged", "changed_meanwhile", "unchanged"}, say(models.PhotoReview{ID: photos[0].ID, Review: approved, Was: &pending},
		models.PhotoReview{ID: photos[1].ID, Review: approved, Was: &pending}, models.PhotoReview{ID: photos[4].ID, Review: approved}))
	require.Len(t, of(h.Order), 1, "nothing changed, so nothing is told")
	stands, err := models.One[models.Item](h.Store.Read(h.Ctx).Where("id = ?", photos[1].ID), "photo")
	require.NoError(t, err)
	require.Equal(t, []string{"rejected", "blurred", office.ID}, []string{string(stands.Review), stands.ReviewReason, stands.ReviewedBy})
	var told int64
	require.NoError(t, h.Store.Read(h.Ctx).Model(&models.FeedEntry{}).Where("type = ?", models.FeedItemChanged).Count(&told).Error)
	require.EqualValues(t, 4, told)

	_, crew := seen(t, h, "W-3")
	_, err = in.ReviewPhotos(h.Ctx, crew, []models.PhotoReview{{ID: photos[0].ID, Review: approved}})
	require.Equal(t, models.Forbidden, models.KindOf(err))
	_, err = in.ReviewPhotos(h.Ctx, office, make([]models.PhotoReview, models.PhotosAtOnce+1))
	require.Equal(t, models.Invalid, models.KindOf(err))
}
