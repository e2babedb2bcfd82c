// Package imports holds the activity that brings the rows of a file in.
package imports

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"go.temporal.io/sdk/temporal"

	"fieldproof/activities/attempts"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/sheets"
	"fieldproof/storage"
	"fieldproof/wire"
	"fieldproof/workflows/protocol"
)

// Imports runs imports.
type Imports struct {
	Store  *models.Store
	Blobs  *storage.Store
	Intake *intake.Intake
	Log    *slog.Logger
}

// RunImport brings in the rows of an import that are not in yet, some in each transaction, which notes them as done: a
// run that is killed goes on where it was, and no row comes in twice. It ends when all are in, when somebody cancels, or
// when the file can't be read.
func (im *Imports) RunImport(ctx context.Context, in protocol.ImportInput) (protocol.ImportResult, error) {
	i, err := models.One[models.Import](im.Store.Read(models.AcrossAccounts(ctx)).Where("id = ?", in.ImportID), "import")
	if models.KindOf(err) == models.NotFound {
		return protocol.ImportResult{}, temporal.NewNonRetryableApplicationError("the import's row is missing", "missing", err)
	}
	if err != nil {
		return protocol.ImportResult{}, err
	}
	if i.Over() {
		return protocol.ImportResult{State: i.State, Processed: i.Processed}, nil
	}
	defer attempts.Beat(ctx)()
	r := &run{Imports: im, i: i, cells: map[int64][]string{}}
	if err := r.all(models.InAccount(ctx, i.AccountID)); err != nil {
		return protocol.ImportResult{State: i.State, Processed: i.Processed}, err
	}
	return protocol.ImportResult{State: i.State, Processed: i.Processed}, nil
}

// run is one run of an import.
type run struct {
	*Imports
	i       *models.Import
	account *models.Account
	src     intake.Source
	tally   *intake.Tally
	batch   []models.Incoming
	cells   map[int64][]string // of the batch, by line
	done    int64              // rows that an earlier run has brought in
	passed  int64              // of those, the ones that this run has passed
}

var errCancelled = errors.New("imports: cancelled")

func (r *run) all(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	file, err := r.fetch(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file) }()
	err = r.read(ctx, file)
	if err == nil {
		err = r.flush(ctx)
	}
	var no *wire.ErrNotOrders
	switch kind := models.KindOf(err); {
	case errors.Is(err, errCancelled):
		return r.end(ctx, models.ImportCancelled, "")
	case errors.As(err, &no):
		return r.end(ctx, models.ImportFailed, no.Reason)
	case kind == models.Invalid || kind == models.TooLarge:
		return r.end(ctx, models.ImportFailed, reason(err))
	case err != nil:
		return err
	}
	return r.end(ctx, models.ImportDone, "")
}

func reason(err error) string {
	var e *models.Error
	if errors.As(err, &e) && len(e.Fields) > 0 {
		return e.Fields[0].Message
	}
	return err.Error()
}

func (r *run) begin(ctx context.Context) error {
	var err error
	if r.account, err = r.Store.AccountByID(ctx, r.i.AccountID); err != nil {
		return err
	}
	r.src = intake.Source{Account: r.account, File: r.i.Format != models.FormatPush, DryRun: r.i.DryRun, Bulk: true, Numbers: map[string]int64{}}
	r.done = r.i.Processed
	if r.i.IntegrationID != nil {
		if r.src.Integration, err = models.One[models.Integration](r.Store.Read(ctx).Where("id = ?", *r.i.IntegrationID), "integration"); err != nil {
			return err
		}
		r.tally = &intake.Tally{Account: r.account, Integration: r.src.Integration, Kind: models.LogFile, KeepFew: true}
		if r.i.Format == models.FormatPush {
			r.tally.Kind = models.LogPush
		}
	} else if r.src.By, err = r.Store.MemberByID(ctx, r.i.CreatedBy); err != nil {
		return err
	}
	r.i.State = models.ImportRunning
	return r.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.Model(&models.Import{}).Where("id = ? AND ended_at IS NULL", r.i.ID).Updates(map[string]any{"state": r.i.State, "updated_at": models.Now()}).Error
	})
}

// fetch brings the file to the disk.
func (r *run) fetch(ctx context.Context) (string, error) {
	from, err := r.Blobs.Get(ctx, r.i.BlobKey)
	if err != nil {
		return "", err
	}
	defer from.Close()
	file, err := os.CreateTemp("", "fieldproof-import-")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(file, from)
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
	}
	return file.Name(), err
}

func (r *run) read(ctx context.Context, path string) error {
	if r.i.Format == models.FormatPush {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		line := int64(0)
		_, err = wire.EachOrder(file, false, func(raw json.RawMessage) error {
			line++
			return r.add(ctx, nil, func() models.Incoming { return wire.DecodeOrder(raw, line, r.account.Location()) })
		})
		return err
	}
	release, err := models.TakeMemory(ctx, sheets.Memory(path))
	if err != nil {
		return err
	}
	defer release()
	f, err := sheets.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := r.Store.Write(ctx, func(tx *models.Tx) error {
		r.i.Headers = f.Columns
		return tx.Select("headers").Updates(r.i).Error
	}); err != nil {
		return err
	}
	mapping := r.i.Mapping
	if len(mapping) == 0 {
		mapping = sheets.Guess(f.Columns)
	}
	plan, err := sheets.NewPlan(f, mapping, r.account.Location(), r.i.ClientCode)
	if err != nil {
		return err
	}
	for {
		row, err := f.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.add(ctx, row.Cells, func() models.Incoming { return plan.Order(row) }); err != nil {
			return err
		}
	}
}

// add puts an order into the batch, unless an earlier run has brought it in: then only its number is noted.
func (r *run) add(ctx context.Context, cells []string, order func() models.Incoming) error {
	in := order()
	if r.passed < r.done {
		r.passed++
		r.src.Pass(&in)
		return nil
	}
	r.batch = append(r.batch, in)
	if cells != nil {
		r.cells[in.Line] = slices.Clone(cells)
	}
	if len(r.batch) < r.atOnce() {
		return nil
	}
	return r.flush(ctx)
}

// atOnce is how many rows go at once: a dry run writes next to nothing, so it may take more.
func (r *run) atOnce() int {
	if r.i.DryRun {
		return 4 * intake.ReceiveAtOnce
	}
	return intake.ReceiveAtOnce
}

func (r *run) flush(ctx context.Context) error {
	batch := r.batch
	r.batch = r.batch[:0]
	defer clear(r.cells)
	if len(batch) == 0 {
		return nil
	}
	_, err := r.Intake.Receive(ctx, r.src, batch, func(tx *models.Tx, taken intake.Taken) error {
		counted := *r.i
		counted.Count(taken.Results)
		if err := r.keep(tx, &counted, taken.Results); err != nil {
			return err
		}
		tx.AfterCommit(func() { *r.i = counted })
		return nil
	})
	return err
}

// keep writes the results of some rows and the import's progress, in the transaction that writes the orders.
func (r *run) keep(tx *models.Tx, i *models.Import, results []models.Received) error {
	now, err := models.One[models.Import](tx.Locked().Where("id = ?", i.ID), "import")
	if err != nil {
		return err
	}
	if now.CancelAsked || now.Over() {
		return errCancelled
	}
	if now.Processed != i.Processed-int64(len(results)) {
		return fmt.Errorf("imports: another run of %s is at work", i.ID)
	}
	rows := make([]models.ImportRow, len(results))
	for n, res := range results {
		rows[n] = models.ImportRow{ImportID: i.ID, Line: res.Line, AccountID: i.AccountID, Number: res.Number, Result: res.Result, WorkOrderID: res.ID, Messages: res.Messages(), Cells: r.cells[res.Line]}
	}
	if err := tx.CreateInBatches(rows, 200).Error; err != nil {
		return err
	}
	i.UpdatedAt = models.Now()
	if err := tx.Select("processed", "created", "updated", "unchanged", "rejected", "updated_at").Updates(i).Error; err != nil {
		return err
	}
	return tx.Announce(i.AccountID, "import.progress", i.ID, "")
}

// end writes how the import ended, the log entry of its integration and, when something was rejected, an alert.
func (r *run) end(ctx context.Context, state, cause string) error {
	now := models.Now()
	i := r.i
	i.State, i.Error, i.EndedAt, i.UpdatedAt, i.Total = state, cause, &now, now, i.Processed
	return r.Store.Write(ctx, func(tx *models.Tx) error {
		done := tx.Model(&models.Import{}).Where("id = ? AND ended_at IS NULL", i.ID).
			Updates(map[string]any{"state": i.State, "error": i.Error, "ended_at": now, "updated_at": now, "total": i.Total})
		if done.Error != nil || done.RowsAffected == 0 {
			return done.Error
		}
		if err := tx.Announce(i.AccountID, "import."+state, i.ID, ""); err != nil {
			return err
		}
		if r.src.Integration != nil {
			if err := r.log(tx); err != nil {
				return err
			}
		}
		if i.DryRun || (state != models.ImportFailed && i.Rejected == 0) {
			return nil
		}
		return tx.Raise(&models.Alert{AccountID: i.AccountID, Kind: models.AlertFailedImport, Subject: i.ID, Detail: cause,
			Says: "import_failed", Args: []any{"file", i.FileName, "rejected", i.Rejected, "rows", i.Processed}})
	})
}

func (r *run) log(tx *models.Tx) error {
	i := r.i
	e := &models.LogEntry{AccountID: i.AccountID, IntegrationID: *i.IntegrationID, Kind: r.tally.Kind, Outcome: "ok", ImportID: i.ID, Created: i.Created, Updated: i.Updated, Unchanged: i.Unchanged, Rejected: i.Rejected,
		Summary: fmt.Sprintf("%s: %d rows: %d created, %d updated, %d unchanged, %d rejected", i.FileName, i.Processed, i.Created, i.Updated, i.Unchanged, i.Rejected)}
	switch {
	case i.State != models.ImportDone:
		e.Outcome, e.Summary = "failed", i.FileName+": "+i.State+". "+i.Error
	case i.Rejected > 0 && i.Rejected == i.Processed:
		e.Outcome = "failed"
	case i.Rejected > 0:
		e.Outcome = "partly"
	}
	if err := tx.Log(e, nil); err != nil {
		return err
	}
	if r.src.Integration.Kind == models.WatchedFolder { // its file is to be moved
		return tx.Ring(models.IntegrationBell, r.src.Integration.ID)
	}
	return nil
}
