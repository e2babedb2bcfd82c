package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

func TestAnApprovalTakenBackTakesItsItemsBack(t *testing.T) {
	both(t, func(t *testing.T, store *models.Store) {
		var err error
		store.Sealer, err = models.NewSealer(models.NewSecretKey())
		require.NoError(t, err)
		a, admin := account(t, store, "u"+models.NewID())
		scoped := models.InAccount(ctx, a.ID)
		o := &models.WorkOrder{ID: models.NewID(), AccountID: a.ID, WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: models.NewID(),
			Address: models.Address{Address1: "1 A", City: "B", State: "TX", Zip: "78701"}}}
		o.Normalise()
		tasks := []models.TaskFields{{Name: "T"}}
		tasks[0].Normalise()
		require.NoError(t, store.Write(scoped, func(tx *models.Tx) error {
			return tx.CreateOrder(o, tasks, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, Actor: "x"})
		}))
		item := func(review models.Review) string {
			i := &models.Item{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, Kind: models.Photo, UUID: models.NewID(), Revision: 1, ReceivedAt: models.Now(),
				UploadedBy: admin.ID, ByOffice: true, Review: review}
			require.NoError(t, store.Write(scoped, func(tx *models.Tx) error { return tx.Create(i).Error }))
			return i.ID
		}
		reviews := func(ids ...string) (found []models.Review) {
			for _, id := range ids {
				i, err := models.One[models.Item](store.Read(scoped).Where("id = ?", id), "item")
				require.NoError(t, err)
				found = append(found, i.Review)
			}
			return found
		}
		act := func(events ...models.Event) {
			t.Helper()
			for _, event := range events {
				action := &models.Action{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, ActorID: admin.ID, Event: event,
					Parameters: models.ActionParameters{Reason: "Again."}}
				if event == models.Assign {
					action.Parameters.Assignee = models.AssignToAll
				}
				require.NoError(t, store.Write(scoped, func(tx *models.Tx) error {
					if err := tx.SaveAction(action); err != nil {
						return err
					}
					row, err := tx.OrderForUpdate(o.ID)
					if err != nil {
						return err
					}
					return tx.Apply(row, action)
				}), "%s", event)
			}
		}
		const pending, approved, rejected = models.ReviewPending, models.ReviewApproved, models.ReviewRejected
		first, singly, refused := item(pending), item(approved), item(rejected)
		act(models.Assign, models.Complete, models.Approve)
		require.Equal(t, []models.Review{approved, approved, rejected}, reviews(first, singly, refused))
		act(models.Unapprove)
		require.Equal(t, []models.Review{pending, approved, rejected}, reviews(first, singly, refused), "what was approved singly stays")
		act(models.Approve, models.Cancel, models.Reopen, models.Unapprove)
		require.Equal(t, []models.Review{pending, approved, rejected}, reviews(first, singly, refused), "whatever came between")
		act(models.Approve, models.Publish, models.Reject)
		second := item(pending)
		act(models.Complete, models.Approve, models.Unapprove)
		require.Equal(t, []models.Review{approved, approved, rejected, pending}, reviews(first, singly, refused, second), "an earlier approval stays")
		act(models.Approve, models.Publish)
	})
}
