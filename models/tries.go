package models

import (
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
)

// Tries is what a row keeps of the tries at bringing something outside. Rows that are tried embed it: deliveries,
// messages.
type Tries struct {
	State         string
	Attempts      int64
	LastError     string
	NextAttemptAt *Time
	DeliveredAt   *Time
	GiveUpAt      Time
}

// Standing is what the row keeps.
func (t *Tries) Standing() *Tries { return t }

// Policy says how often, and for how long, one use tries something outside, and when people are told.
type Policy struct {
	// Rests follow each failed try; the last one repeats.
	Rests []time.Duration
	// Lasts is for how long something is tried since it was wanted; 0: the count alone ends it.
	Lasts time.Duration
	// Most is how many tries it has; 0: as many as go into the time.
	Most int64
	// Refusals is how many tries it has where the other side answers and does not take it: time alone seldom mends that. 0: a
	// refusal is like silence. What is refused is not given up for its age, because it may have waited behind silence.
	Refusals int64
	// WarnsAfter is the failed try after which people are told although it goes on; 0: only once it is given up.
	WarnsAfter int64
	// Probes are the rests of the other side as a whole, when it takes nothing; none: everything goes by its own rests.
	Probes []time.Duration
}

// triedFor is for how long a result is tried.
const triedFor = 3 * 24 * time.Hour

// The policies, one a use.
var (
	PlacePolicy = Policy{Lasts: triedFor,
		Rests: []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour}}
	// Mail servers that have never heard of a sender want it to come again after minutes.
	MailPolicy = Policy{Lasts: triedFor,
		Rests: []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour}}
	WebhookPolicy = Policy{Lasts: triedFor, Rests: webhookRests, Probes: webhookRests}
	// Some clients' systems answer an error although they acted.
	ClientPolicy = Policy{Lasts: triedFor, Refusals: 6, WarnsAfter: 3,
		Rests: []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour},
		Probes: []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second,
			320 * time.Second, 640 * time.Second, 15 * time.Minute}}
	// Along a Share link nothing is given up before thirty days, and what the other side refuses is tried seldom.
	SharePolicy = Policy{Lasts: 30 * 24 * time.Hour, WarnsAfter: 4,
		Rests:  []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 4 * time.Hour},
		Probes: ClientPolicy.Probes}
	// What the sweeper goes on with by itself; in all some three days.
	SweepPolicy = Policy{Most: 72, Rests: []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}}
	// A fetch that was given up waits for its schedule, or for somebody who asks.
	FetchPolicy = Policy{Most: 5, Refusals: 2, Rests: []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}}
)

var webhookRests = []time.Duration{5 * time.Second, 20 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour,
	2 * time.Hour, 4 * time.Hour, 8 * time.Hour}

// Rest is the pause after a number of failed tries in a row.
func (p Policy) Rest(failures int64) time.Duration { return restOf(p.Rests, failures) }

// Swept is what a row keeps of how often the sweeper went on with it. Rows that it goes on with embed it.
type Swept struct {
	Attempts      int64
	NextAttemptAt *Time // nil: it was not tried
}

// DueForSweep are the rows of q whose next try is due by now, those first that wait the longest for one: what failed stands
// behind what did not. since is the column that says since when a row waits that was not tried.
func DueForSweep(q *gorm.DB, since string, now time.Time) *gorm.DB {
	return q.Where("next_attempt_at IS NULL OR next_attempt_at <= ?", At(now)).Order("COALESCE(next_attempt_at, " + since + "), id")
}

// Sweep notes a try at a row before it is made, so that also one that ends its process stands behind the others. False: another
// replica was first.
func Sweep[T any](tx *Tx, id string, kept *Swept, now time.Time) (mine bool, err error) {
	next := At(now.Add(SweepPolicy.Rest(kept.Attempts + 1)))
	noted := tx.Model(new(T)).Where("id = ? AND ended_at IS NULL AND attempts = ?", id, kept.Attempts).Updates(map[string]any{"attempts": kept.Attempts + 1, "next_attempt_at": next})
	if noted.Error != nil || noted.RowsAffected == 0 {
		return false, noted.Error
	}
	kept.Attempts, kept.NextAttemptAt = kept.Attempts+1, &next
	return true, nil
}

// restOf is up to a fifth longer than the table says, so that what failed together does not come back together.
func restOf(rests []time.Duration, failures int64) time.Duration {
	rest := rests[min(max(failures, 1), int64(len(rests)))-1]
	return rest + rand.N(rest/5)
}

// Begin is what a row keeps that was not tried yet: it is due at once.
func (p Policy) Begin() Tries {
	now := Now()
	return Tries{State: DeliveryPending, NextAttemptAt: &now, GiveUpAt: At(now.Add(p.Lasts))}
}

// Again are the columns of rows that are tried from now on, for the whole time. Where a count ends them it begins anew.
func (p Policy) Again() map[string]any {
	t := p.Begin()
	again := map[string]any{"state": t.State, "next_attempt_at": t.NextAttemptAt, "give_up_at": t.GiveUpAt}
	if p.Most > 0 || p.Refusals > 0 {
		again["attempts"] = 0
	}
	return again
}

// Fails notes that the destination takes nothing: by a policy with probes it rests as a whole, longer each time.
func (d *Destination) Fails(p Policy, why string) {
	now := Now()
	if d.FailingSince == nil {
		d.FailingSince = &now
	}
	d.LastError = why
	if len(p.Probes) > 0 {
		d.Failures++
		probe := At(now.Add(restOf(p.Probes, d.Failures)))
		d.ProbeAt = &probe
	}
}

// Works notes that the destination takes things.
func (d *Destination) Works() {
	d.FailingSince, d.Failures, d.ProbeAt, d.Probed, d.LastError = nil, 0, nil, "", ""
}

// Attempt begins the row of one try.
func (d *Delivery) Attempt() Attempt { return Attempt{AccountID: d.AccountID, DeliveryID: &d.ID} }

// Attempt begins the row of one try.
func (m *WebhookMessage) Attempt() Attempt {
	return Attempt{AccountID: m.AccountID, DeliveryID: m.DeliveryID, MessageID: &m.ID}
}

// Attempt begins the row of one try.
func (m *ClientMessage) Attempt() Attempt {
	return Attempt{AccountID: m.AccountID, DeliveryID: m.DeliveryID, MessageID: &m.ID}
}
