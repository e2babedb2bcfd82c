package models

import (
	"slices"

	"gorm.io/gorm"
)

// OrderProgress is how far a listed order is.
type OrderProgress struct {
	TasksDone int64 `json:"tasks_done"` // of whose proof something is there and nothing is missing
	// Deliveries are how many destinations stand how, each by what went to it last. Only who sees publications is told.
	Deliveries map[string]int64 `json:"deliveries,omitempty"`
}

// progressOf finds out how far orders are that viewer sees, in a handful of queries however many they are.
func progressOf(db *gorm.DB, viewer *Member, orders []*WorkOrder, tasks func(i int) []Task) ([]OrderProgress, error) {
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	proof, err := gatherOrders(db, ids...)
	if err != nil {
		return nil, err
	}
	deliveries := map[string]map[string]int64{}
	if viewer.May(ViewPublications) {
		if deliveries, err = standingOf(db, ids); err != nil {
			return nil, err
		}
	}
	progress := make([]OrderProgress, len(orders))
	for i, o := range orders {
		for _, t := range tasks(i) {
			if t.done(o, proof[o.ID]) {
				progress[i].TasksDone++
			}
		}
		progress[i].Deliveries = deliveries[o.ID]
	}
	return progress, nil
}

// done tells whether a task has the proof that it asks for, and any at all.
func (t *Task) done(o *WorkOrder, g *gathered) bool {
	var missing Problems
	t.missingPhotos(&missing, "", o.Options, g.photos[t.ID])
	if len(missing) > 0 {
		return false
	}
	return g.answered[t.ID] || (t.Kind != SurveyTask && len(g.photos[t.ID]) > 0)
}

// standingOf counts of each order the destinations by how the newest delivery to each of them stands, as [ViewDeliveries]
// shows it. What was deleted meanwhile gets nothing any more.
func standingOf(db *gorm.DB, orderIDs []string) (map[string]map[string]int64, error) {
	type row struct {
		ID, WorkOrderID, DestinationID, State string
		Kind                                  DestinationKind
		Rests                                 bool
	}
	var rows []row
	err := db.Model(&Delivery{}).Joins("JOIN publications ON publications.id = deliveries.publication_id").
		Joins("JOIN destinations ON destinations.id = deliveries.destination_id AND destinations.deleted_at IS NULL").
		Select("deliveries.id, publications.work_order_id, deliveries.destination_id, deliveries.state, destinations.kind, "+
			"destinations.probe_at IS NOT NULL AND destinations.failing_since IS NOT NULL AS rests").
		Where("publications.work_order_id IN ?", orderIDs).Order("publications.work_order_id, publications.number DESC").Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	type to struct{ order, destination string }
	seen := map[to]bool{}
	rows = slices.DeleteFunc(rows, func(r row) bool {
		older := seen[to{r.WorkOrderID, r.DestinationID}]
		seen[to{r.WorkOrderID, r.DestinationID}] = true
		return older
	})
	// Those that are messages stand as their messages do.
	queued, linked := map[DestinationKind][]string{}, []string{}
	for _, r := range rows {
		if r.Kind.row().queue != nil {
			queued[r.Kind] = append(queued[r.Kind], r.ID)
		}
		if r.Kind == ShareDestination {
			linked = append(linked, r.DestinationID)
		}
	}
	states := map[string]string{}
	for kind, ids := range queued {
		var messages []struct{ DeliveryID, State string }
		if err := db.Model(kind.row().queue.table()).Distinct("delivery_id", "state").Where("delivery_id IN ?", ids).Scan(&messages).Error; err != nil {
			return nil, err
		}
		for _, m := range messages {
			if worse(m.State, states[m.DeliveryID]) {
				states[m.DeliveryID] = m.State
			}
		}
	}
	rests := map[string]bool{}
	if len(linked) > 0 {
		var links []string
		if err := db.Model(&ShareLink{}).Where("id IN ? AND probe_at IS NOT NULL", linked).Pluck("id", &links).Error; err != nil {
			return nil, err
		}
		for _, id := range links {
			rests[id] = true
		}
	}
	standing := map[string]map[string]int64{}
	for _, r := range rows {
		state := r.State
		if r.Kind.row().queue != nil {
			if state = states[r.ID]; state == "" {
				state = DeliveryDelivered
			}
			if (state == DeliveryPending || state == DeliveryRetrying) && (r.Rests || rests[r.DestinationID]) {
				state = DeliveryRetrying
			}
		}
		if standing[r.WorkOrderID] == nil {
			standing[r.WorkOrderID] = map[string]int64{}
		}
		standing[r.WorkOrderID][state]++
	}
	return standing, nil
}
