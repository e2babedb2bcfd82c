// Package bulks holds the activity that does one action to many orders.
package bulks

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"

	"fieldproof/activities/attempts"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/workflows/protocol"
)

// Bulks runs bulks.
type Bulks struct {
	Store  *models.Store
	Intake *intake.Bulks
	Log    *slog.Logger
}

const (
	// AtOnce is how many rows of an account are at work at a time, of all its bulks together.
	AtOnce = 8
	// turnLasts is how long one turn takes; then the workflow shows how far it is, and the next begins.
	turnLasts = 30 * time.Second
	// tellsEvery is how often results are written and those who watch are told.
	tellsEvery = 300 * time.Millisecond
	// keptAtOnce is how many results wait for that at most.
	keptAtOnce = 50
	// mostTries is how often a row without an answer is tried. What keeps every row from its answer is an outage, and ends none.
	mostTries = 5
	rests     = 5 // seconds, until those rows are tried again, or a turn among many bulks is free
)

// RunBulk does some of what is left of a bulk. Each row acts under an id of its own, and its result is written with what it
// does or after it: a run that is killed goes on where it was, and nothing is done twice.
func (b *Bulks) RunBulk(ctx context.Context, in protocol.BulkInput) (protocol.BulkResult, error) {
	bulk, err := models.One[models.Bulk](b.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", in.BulkID), "bulk")
	if models.KindOf(err) == models.NotFound {
		return protocol.BulkResult{}, temporal.NewNonRetryableApplicationError("the bulk's row is missing", "missing", err)
	}
	if err != nil {
		return protocol.BulkResult{}, err
	}
	defer attempts.Beat(ctx)()
	t := &turn{Bulks: b, bulk: bulk, finished: make(chan finished, AtOnce), tick: time.NewTicker(tellsEvery)}
	defer t.tick.Stop()
	pause, err := int64(0), error(nil)
	if !bulk.Over() {
		pause, err = t.run(models.InAccount(ctx, bulk.AccountID))
	}
	return protocol.BulkResult{Action: bulk.Action, State: bulk.State, Rows: bulk.Total, Waiting: bulk.Waiting(), Over: bulk.Over(), PauseSeconds: pause}, err
}

// turn is one run of a bulk.
type turn struct {
	*Bulks
	bulk     *models.Bulk
	rows     []*models.BulkRow // read ahead
	last     int64             // the position of the last of them
	running  int
	finished chan finished
	results  []*models.BulkRow // that are to be written
	tried    []*models.BulkRow // without an answer
	failures int               // in a row
	answered bool              // some row was
	changed  bool              // since those who watch were told
	tick     *time.Ticker
}

type finished struct {
	row  *models.BulkRow
	kept bool
	err  error
}

// run does rows until none is left, the time of the turn is over, somebody cancels, or nothing answers. pause says for how
// many seconds the next turn is to wait.
func (t *turn) run(ctx context.Context) (pause int64, err error) {
	if err := t.begin(ctx); err != nil || t.bulk.Over() {
		return 0, err
	}
	defer func() { // whoever is still at work is waited for: nothing works on after its turn
		for ; t.running > 0; t.running-- {
			<-t.finished
		}
	}()
	ends := time.Now().Add(turnLasts)
	drained, cancelled := false, false
	for {
		share, asked, err := t.share(ctx)
		if err != nil {
			return 0, err
		}
		cancelled = cancelled || asked
		for t.running < share && !drained && !cancelled && t.failures < AtOnce && time.Now().Before(ends) && ctx.Err() == nil {
			row, err := t.next(ctx)
			if err != nil {
				return 0, err
			}
			if drained = row == nil; !drained {
				t.start(ctx, row)
			}
		}
		if t.running == 0 {
			break
		}
		select {
		case f := <-t.finished:
			t.running--
			t.take(f)
			if len(t.results) < keptAtOnce {
				continue
			}
		case <-t.tick.C:
		}
		if err := t.keep(ctx); err != nil {
			return 0, err
		}
	}
	return t.end(ctx, drained, cancelled)
}

func (t *turn) begin(ctx context.Context) error {
	if t.bulk.State != models.BulkPending {
		return nil
	}
	return t.Store.Write(ctx, func(tx *models.Tx) error {
		now, err := models.One[models.Bulk](tx.Locked().Where("id = ?", t.bulk.ID), "bulk")
		if err != nil {
			return err
		}
		if *t.bulk = *now; now.State != models.BulkPending {
			return nil
		}
		now.State, now.UpdatedAt = models.BulkRunning, models.Now()
		*t.bulk = *now
		if err := tx.Select("state", "updated_at").Updates(now).Error; err != nil {
			return err
		}
		return tx.AnnounceBulk(now)
	})
}

// share is how many rows may be at work now: the bulks of an account divide its places, the oldest first. cancelled tells
// whether somebody asked to stop.
func (t *turn) share(ctx context.Context) (places int, cancelled bool, err error) {
	var open []models.Bulk
	if err := t.Store.Read(ctx).Select("id", "cancel_asked").Where("ended_at IS NULL").Order("id").Limit(4 * AtOnce).Find(&open).Error; err != nil {
		return 0, false, err
	}
	at := slices.IndexFunc(open, func(b models.Bulk) bool { return b.ID == t.bulk.ID })
	if at < 0 {
		return 0, false, nil
	}
	return placesOf(at, len(open)), open[at].CancelAsked, nil
}

// placesOf divides the places of an account among its bulks.
func placesOf(at, bulks int) int {
	places := AtOnce / bulks
	if at < AtOnce%bulks {
		places++
	}
	return places
}

// next is the next row that waits; nil when there is none.
func (t *turn) next(ctx context.Context) (*models.BulkRow, error) {
	if len(t.rows) == 0 {
		err := t.Store.Read(ctx).Where("bulk_id = ? AND result = ? AND position > ?", t.bulk.ID, models.RowWaiting, t.last).Order("position").Limit(4 * keptAtOnce).Find(&t.rows).Error
		if err != nil || len(t.rows) == 0 {
			return nil, err
		}
	}
	row := t.rows[0]
	t.rows, t.last = t.rows[1:], row.Position
	return row, nil
}

func (t *turn) start(ctx context.Context, row *models.BulkRow) {
	t.running++
	go func() {
		kept, err := t.Intake.Do(ctx, t.bulk, row)
		t.finished <- finished{row, kept, err}
	}()
}

func (t *turn) take(f finished) {
	if f.err != nil {
		t.failures++
		t.tried = append(t.tried, f.row)
		t.Log.Warn("a row of a bulk had no answer", "bulk", t.bulk.ID, "order", f.row.WorkOrderID, "tries", f.row.Tries+1, "error", models.ErrorText(f.err))
		return
	}
	t.failures, t.answered, t.changed = 0, true, true
	if !f.kept {
		t.results = append(t.results, f.row)
	}
}

// keep writes what became of rows, and tells those who watch.
func (t *turn) keep(ctx context.Context) error {
	if !t.changed && len(t.results) == 0 {
		return nil
	}
	err := t.Store.Write(ctx, func(tx *models.Tx) error {
		if _, err := tx.KeepRows(t.bulk.ID, t.results...); err != nil {
			return err
		}
		return tx.AnnounceBulk(t.bulk)
	})
	if err == nil {
		t.results, t.changed = t.results[:0], false
	}
	return err
}

// end closes the turn, and the bulk when nothing is left of it.
func (t *turn) end(ctx context.Context, drained, cancelled bool) (pause int64, err error) {
	outage := t.failures >= AtOnce || !t.answered
	if !outage {
		for _, row := range t.tried {
			if row.Tries++; row.Tries >= mostTries {
				row.Refuse(models.Errorf(models.Unavailable, "The work order did not answer, %d times. Look at it, and repeat the bulk.", row.Tries))
				t.changed = true
			}
			t.results = append(t.results, row)
		}
	}
	if err := t.keep(ctx); err != nil {
		return 0, err
	}
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	var waiting []int64
	if err := t.Store.Read(ctx).Model(&models.BulkRow{}).Where("bulk_id = ? AND result = ?", t.bulk.ID, models.RowWaiting).Limit(1).Pluck("position", &waiting).Error; err != nil {
		return 0, err
	}
	if len(waiting) > 0 && !cancelled {
		now, err := models.One[models.Bulk](t.Store.Read(ctx).Where("id = ?", t.bulk.ID), "bulk")
		if err != nil {
			return 0, err
		}
		*t.bulk = *now
		if drained || outage { // what had no answer, or no place
			pause = rests
		}
		return pause, nil
	}
	state := models.BulkDone
	if cancelled && len(waiting) > 0 {
		state = models.BulkCancelled
	}
	return 0, t.Store.Write(ctx, func(tx *models.Tx) error { return tx.EndBulk(t.bulk, state) })
}
