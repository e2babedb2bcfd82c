package clients

import (
	"time"

	"fieldproof/models"
)

// lanes are what waits for one order and client: statuses and items, in a lane each (domain: 8).
type lanes struct {
	destination, order string
	but                string // a message that was just tried

	next    *models.ClientMessage // what is to be tried now
	probing bool                  // the client's system rests, and next is its probe
	due     *models.Time          // when something is, if nothing is now
	trouble string
}

// read finds what is to be tried next. A client's system that rests is probed by one message of all its orders.
func (l *lanes) read(tx *models.Tx) error {
	d, err := models.One[models.Destination](tx.Locked().Where("id = ?", l.destination), "destination")
	if err != nil {
		return err
	}
	var waiting []*models.ClientMessage
	err = tx.Where("destination_id = ? AND work_order_id = ? AND state IN ('pending', 'retrying')", l.destination, l.order).Order("seq").Find(&waiting).Error
	if err != nil || len(waiting) == 0 {
		return err
	}
	if waiting, err = onlyNewestStatus(tx, waiting); err != nil {
		return err
	}
	now := time.Now()
	resting := d.ProbeAt != nil
	if resting && d.ProbeAt.After(now) {
		l.due, l.trouble = d.ProbeAt, d.LastError
		return nil
	}
	for _, m := range waiting {
		if m.ID == l.but || l.holdsBack(m, waiting) {
			continue
		}
		// A probe asks whoever waits, its own rest or not; and never the same entry twice running while there are others.
		if m.NextAttemptAt != nil && m.NextAttemptAt.After(now) && !resting {
			if l.due == nil || m.NextAttemptAt.Before(l.due.Time) {
				l.due, l.trouble = m.NextAttemptAt, m.LastError
			}
			continue
		}
		if resting && m.ID == d.Probed {
			var others int64
			err := tx.Model(&models.ClientMessage{}).Where("destination_id = ? AND id <> ? AND state IN ('pending', 'retrying')", l.destination, m.ID).Count(&others).Error
			if err != nil {
				return err
			}
			if others > 0 {
				soon := models.At(now.Add(5 * time.Second))
				l.due, l.trouble = &soon, d.LastError
				continue
			}
		}
		l.next, l.probing = m, resting
		if !resting {
			return nil
		}
		// Whoever is first probes; the others wait for what it finds.
		return tx.Model(&models.Destination{}).Where("id = ?", d.ID).Updates(map[string]any{"probe_at": models.At(now.Add(probeTakes)), "probed": m.ID}).Error
	}
	return nil
}

// probeTakes is how long a probe may take before another order's probe goes.
const probeTakes = 2 * time.Minute

// holdsBack tells whether a message waits for others: the word that the order is complete, for one try of each item that
// was released before it.
func (l *lanes) holdsBack(m *models.ClientMessage, waiting []*models.ClientMessage) bool {
	if m.Kind != models.ClientStatus || m.DeliveryID == nil {
		return false
	}
	for _, other := range waiting {
		if other.Kind == models.ClientItem && other.Seq < m.Seq && other.Attempts == 0 {
			return true
		}
	}
	return false
}

// onlyNewestStatus drops the statuses that a newer one has made pointless.
func onlyNewestStatus(tx *models.Tx, waiting []*models.ClientMessage) ([]*models.ClientMessage, error) {
	var newest *models.ClientMessage
	for _, m := range waiting {
		if m.Kind == models.ClientStatus {
			newest = m
		}
	}
	kept := waiting[:0:0]
	for _, m := range waiting {
		if m.Kind != models.ClientStatus || m == newest {
			kept = append(kept, m)
			continue
		}
		if err := m.Supersede(tx); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// judge lets a client's system rest that answered nobody, with growing pauses behind one probe, and wakes one that does.
func judge(tx *models.Tx, destinationID string, tried *models.ClientMessage, answered bool) error {
	_, err := models.Edit(tx, "destination", func(d *models.Destination) error {
		if answered {
			d.Works()
			return nil
		}
		d.Fails(d.Kind.Policy(), tried.LastError)
		d.Probed = tried.ID
		return nil
	}, "id = ?", destinationID)
	return err
}
