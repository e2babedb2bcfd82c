package models_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"fieldproof/models"
)

// onward is the step of an order that is worked on, from each state to closed: nobody gives it up on the way.
var onward = map[models.State]models.Event{models.Created: models.Assign, models.Assigned: models.Complete, models.InProgress: models.Complete,
	models.Completed: models.Approve, models.Approved: models.Publish, models.Published: models.Close, models.Cancelled: models.Close}

func onwardOf(l models.Lifecycle) models.Event {
	if l.Hidden {
		return models.Restore
	}
	return onward[l.State]
}

// TestClosedIsReachedFromWhereverAnOrderCanBe explores everything that the table allows, and goes on from each place.
func TestClosedIsReachedFromWhereverAnOrderCanBe(t *testing.T) {
	seen := map[models.Lifecycle]bool{}
	queue := []models.Lifecycle{{State: models.Created}}
	for len(queue) > 0 {
		l := queue[0]
		queue = queue[1:]
		l.Version = 0
		if seen[l] {
			continue
		}
		seen[l] = true
		for bits := range 8 {
			facts := models.Facts{Assigned: bits&1 > 0, Office: bits&2 > 0, Automatic: bits&4 > 0}
			for _, event := range events {
				if next, err := l.After(event, facts); err == nil {
					queue = append(queue, next)
				}
			}
			for at, steps := l, 0; at.State != models.Closed || at.Hidden; steps++ {
				require.Less(t, steps, 10, "from %+v with %+v", l, facts)
				next, err := at.After(onwardOf(at), facts)
				require.NoError(t, err, "from %+v with %+v, at %+v", l, facts, at)
				at = next
			}
		}
	}
}

// TestNoFactOfAnOrderEndsItsWay walks orders at random through a real database, with items that come, go and are refused,
// under every policy; from wherever a walk ends the office brings the order to closed, and does so again after
// it was sent back and nothing new came.
func TestNoFactOfAnOrderEndsItsWay(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	both(t, func(t *testing.T, store *models.Store) {
		var err error
		store.Sealer, err = models.NewSealer(models.NewSecretKey())
		require.NoError(t, err)
		a, admin := account(t, store, "w"+models.NewID())
		scoped := models.InAccount(ctx, a.ID)
		round := 0
		rapid.Check(t, func(r *rapid.T) {
			if round++; round > 20 { // each is an order in a real database
				return
			}
			policy := rapid.SampledFrom([]models.QAPolicy{models.OfficeReview, models.AutoPublish, models.AutoRelay}).Draw(r, "policy")
			o := &models.WorkOrder{ID: models.NewID(), AccountID: a.ID, WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: models.NewID(), QAPolicy: &policy,
				Address: models.Address{Address1: "1 A", City: "B", State: "TX", Zip: "78701"}}}
			o.Normalise()
			tasks := []models.TaskFields{{Name: "T"}}
			tasks[0].Normalise()
			require.NoError(r, store.Write(scoped, func(tx *models.Tx) error {
				return tx.CreateOrder(o, tasks, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, Actor: "x"})
			}))
			stands := func() *models.WorkOrder {
				row, err := models.One[models.WorkOrder](store.Read(scoped).Where("id = ?", o.ID), "work order")
				require.NoError(r, err)
				return row
			}
			apply := func(action *models.Action) error {
				if action.ID == "" {
					action.ID, action.AccountID, action.WorkOrderID, action.ActorID = models.NewID(), a.ID, o.ID, admin.ID
					require.NoError(r, store.Write(scoped, func(tx *models.Tx) error { return tx.SaveAction(action) }))
				}
				return store.Write(scoped, func(tx *models.Tx) error {
					row, err := tx.OrderForUpdate(o.ID)
					if err != nil {
						return err
					}
					return tx.Apply(row, action)
				})
			}
			act := func(event models.Event, p models.ActionParameters) error {
				if event == models.Assign {
					p.Assignee = models.AssignToAll
				}
				return apply(&models.Action{Event: event, Parameters: p})
			}
			ready := func() { // what the order wishes by itself, as its workflow reads it
				var waiting []models.Action
				require.NoError(r, store.Read(scoped).Where("work_order_id = ? AND inbox AND outcome = ''", o.ID).Order("number, id").Find(&waiting).Error)
				for _, w := range waiting {
					err := apply(&w)
					if err != nil {
						require.NotEmpty(r, models.KindOf(err), "%v", err)
						require.NoError(r, store.Write(scoped, func(tx *models.Tx) error {
							return tx.Model(&models.Action{}).Where("id = ?", w.ID).Update("outcome", models.ActionRefused).Error
						}))
					}
				}
			}
			var items []string
			for range rapid.IntRange(0, 40).Draw(r, "steps") {
				switch rapid.IntRange(0, 5).Draw(r, "what") {
				case 0:
					i := &models.Item{ID: models.NewID(), AccountID: a.ID, WorkOrderID: o.ID, Kind: models.Photo, UUID: models.NewID(), Revision: 1, ReceivedAt: models.Now(),
						UploadedBy: admin.ID, ByOffice: rapid.Bool().Draw(r, "by the office"), Review: models.ReviewPending}
					require.NoError(r, store.Write(scoped, func(tx *models.Tx) error { return tx.Create(i).Error }))
					items = append(items, i.ID)
				case 1:
					if len(items) > 0 {
						now := models.Now()
						require.NoError(r, store.Write(scoped, func(tx *models.Tx) error {
							return tx.Model(&models.Item{}).Where("id = ?", rapid.SampledFrom(items).Draw(r, "item")).Update("deleted_at", &now).Error
						}))
					}
				default:
					// Mostly onward, or few walks would come far; backwards next, and now and then what is not allowed.
					event, p := rapid.SampledFrom(events).Draw(r, "event"), models.ActionParameters{}
					switch at := stands(); rapid.IntRange(0, 6).Draw(r, "whither") {
					case 0:
					case 1, 2:
						event = rapid.SampledFrom(at.Lifecycle.Allowed(models.Facts{Assigned: at.HasAssignee()})).Draw(r, "allowed")
					default:
						if event = onwardOf(at.Lifecycle); event == "" {
							event = models.Reopen
						}
					}
					if event == models.Start {
						continue // by items
					}
					if event == models.Reject {
						p.Reason = "Again."
						if len(items) > 0 && rapid.Bool().Draw(r, "one item") {
							p.ItemIDs = []string{rapid.SampledFrom(items).Draw(r, "rejected")}
						}
					}
					if event == models.Complete {
						p.FromPeer = rapid.Bool().Draw(r, "by a peer")
					}
					if err := act(event, p); err != nil {
						require.NotEmpty(r, models.KindOf(err), "%s is done or refused: %v", event, err)
					}
				}
				if rapid.Bool().Draw(r, "the workflow looks") {
					ready()
				}
			}
			from := stands().Lifecycle
			must := func(event models.Event) {
				at := stands().Lifecycle
				require.NoError(r, act(event, models.ActionParameters{Reason: "Again."}), "%s from %+v; the walk ended at %+v", event, at, from)
			}
			finish := func() {
				for steps := 0; ; steps++ {
					ready()
					at := stands().Lifecycle
					if at.State == models.Closed && !at.Hidden {
						return
					}
					require.Less(r, steps, 12, "from %+v, at %+v", from, at)
					must(onwardOf(at))
				}
			}
			finish()
			for range 2 { // taken up again, sent back, and done again with nothing new
				for slices.Contains([]models.State{models.Closed, models.Cancelled}, stands().Lifecycle.State) {
					must(models.Reopen)
				}
				if slices.Contains([]models.State{models.Completed, models.Approved, models.Published}, stands().Lifecycle.State) {
					must(models.Reject)
				}
				finish()
			}
		})
	})
}
