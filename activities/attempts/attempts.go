// Package attempts is the one machine for tries at something outside: backups, mails, web-hooks, clients, fetches. A use
// brings its policy (a [models.Policy]) and how to try once; the machine judges what came of it, keeps the attempt's row and
// where the thing stands, rests, gives up, and tells people.
package attempts

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"gorm.io/gorm"

	"fieldproof/models"
)

// Outcome is what came of one try.
type Outcome struct {
	At      models.Time
	Took    time.Duration
	Err     error         // nil: it arrived
	Note    string        // of what arrived: kept where its error would stand
	Refused bool          // the other side answered, and did not take it
	Status  int           // of HTTP, 0 when there was no answer
	Answer  string        // the beginning of what the other side said
	Request string        // the head of what was sent, without secrets
	Rest    time.Duration // the least that the other side asked for
}

type final struct{ error }

func (f *final) Unwrap() error { return f.error }

// Final marks a failure that no other try mends: somebody must change something first.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &final{err}
}

// IsFinal tells whether a failure was marked by [Final].
func IsFinal(err error) bool {
	var f *final
	return errors.As(err, &f)
}

type ours struct{ error }

func (o *ours) Unwrap() error { return o.error }

// Ours marks a failure of our own database or storage: nobody's try is counted for it.
func Ours(err error) error {
	if err == nil {
		return nil
	}
	return &ours{err}
}

// IsOurs tells whether a failure was marked by [Ours].
func IsOurs(err error) bool {
	var o *ours
	return errors.As(err, &o)
}

// Do tries once. Its error says that there was no try to speak of: the activity was ended, or the failure is ours.
func Do(ctx context.Context, try func(context.Context) Outcome) (Outcome, error) {
	began := models.Now()
	o := try(ctx)
	o.At, o.Took = began, time.Since(began.Time)
	if ctx.Err() != nil {
		return o, ctx.Err()
	}
	if IsOurs(o.Err) {
		return o, o.Err
	}
	return o, nil
}

// Beat gives signs of life of an activity until stop is called, while it waits for others: a worker that was killed is
// noticed soon, a slow peer or store is not taken for one.
func Beat(ctx context.Context) (stop func()) {
	if !activity.IsActivity(ctx) {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(2 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

// Until is in how many whole seconds a time comes, at least one; 0 for none.
func Until(t *models.Time) int64 {
	if t == nil {
		return 0
	}
	return max(1, int64(time.Until(t.Time).Seconds()+0.999))
}

// Verdict is where something stands after a try.
type Verdict int

// The verdicts.
const (
	Arrived Verdict = iota
	Rests           // it is tried again by itself
	Warned          // so too, and people are told now
	GivenUp
)

// Judge says where something stands after a try, and notes it.
func Judge(p models.Policy, t *models.Tries, o Outcome) Verdict {
	now := models.Now()
	t.Attempts++
	t.NextAttemptAt = nil
	if o.Err == nil {
		t.State, t.LastError, t.DeliveredAt = models.DeliveryDelivered, o.Note, &now
		return Arrived
	}
	t.LastError = models.ErrorText(o.Err)
	if gaveUp(p, t, o, now) {
		t.State = models.DeliveryFailed
		return GivenUp
	}
	next := models.At(now.Add(max(p.Rest(t.Attempts), o.Rest)))
	t.State, t.NextAttemptAt = models.DeliveryRetrying, &next
	if t.Attempts == p.WarnsAfter {
		return Warned
	}
	return Rests
}

func gaveUp(p models.Policy, t *models.Tries, o Outcome, now models.Time) bool {
	switch {
	case IsFinal(o.Err), p.Most > 0 && t.Attempts >= p.Most:
		return true
	case o.Refused && p.Refusals > 0:
		return t.Attempts >= p.Refusals
	}
	return p.Lasts > 0 && now.After(t.GiveUpAt.Time)
}

// Row is what is tried: a delivery, a message.
type Row[T any] interface {
	*T
	Standing() *models.Tries
	Attempt() models.Attempt
}

// Use is one use of the machine, for rows of one kind.
type Use[T any, R Row[T]] struct {
	Policy models.Policy
	// Alert makes what people are told when a row is given up or warned of; nil when nobody is.
	Alert func(row R, v Verdict) *models.Alert
}

// Try is one try of a row.
type Try[T any, R Row[T]] struct {
	Row     R
	Outcome Outcome
}

// Judge judges a try.
func (u Use[T, R]) Judge(t Try[T, R]) Verdict { return Judge(u.Policy, t.Row.Standing(), t.Outcome) }

// Keep judges tries and writes down what became of them, in few statements however many there are.
func (u Use[T, R]) Keep(tx *models.Tx, tries ...Try[T, R]) error {
	return u.KeepAmended(tx, nil, tries...)
}

// KeepAmended is Keep where what was tried may stand elsewhere than the try alone says: amend is asked behind the verdict.
func (u Use[T, R]) KeepAmended(tx *models.Tx, amend func(R) error, tries ...Try[T, R]) error {
	if len(tries) == 0 {
		return nil
	}
	rows := make([]models.Attempt, len(tries))
	var arrived []string
	var at *models.Time
	for i, t := range tries {
		verdict := u.Judge(t)
		stands := t.Row.Standing()
		rows[i] = t.Row.Attempt()
		id := rows[i].MessageID
		if id == nil {
			id = rows[i].DeliveryID
		}
		rows[i].At, rows[i].Milliseconds = t.Outcome.At, t.Outcome.Took.Milliseconds()
		rows[i].Status, rows[i].Answer, rows[i].Request = int64(t.Outcome.Status), t.Outcome.Answer, t.Outcome.Request
		if t.Outcome.Err != nil {
			rows[i].Error = stands.LastError
		}
		if amend != nil {
			if err := amend(t.Row); err != nil {
				return err
			}
		}
		if verdict == Arrived && amend == nil && stands.LastError == "" {
			arrived, at = append(arrived, *id), stands.DeliveredAt
			continue
		}
		if err := tx.Select("state", "attempts", "last_error", "next_attempt_at", "delivered_at").Updates(t.Row).Error; err != nil {
			return err
		}
		if verdict != GivenUp && verdict != Warned {
			continue
		}
		if alert := u.Alert(t.Row, verdict); alert != nil {
			alert.Detail = stands.LastError
			if err := tx.Raise(alert); err != nil {
				return err
			}
		}
	}
	if len(arrived) > 0 {
		err := tx.Model(R(new(T))).Where("id IN ?", arrived).
			Updates(map[string]any{"state": models.DeliveryDelivered, "attempts": gorm.Expr("attempts + 1"), "last_error": "", "next_attempt_at": nil, "delivered_at": at}).Error
		if err != nil {
			return err
		}
	}
	return tx.Create(&rows).Error
}
