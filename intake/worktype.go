package intake

import (
	"context"
	"fmt"

	"fieldproof/models"
)

// mostDuplicates is how many numbers are tried for a copy's name.
const mostDuplicates = 1000

// CreateWorkType keeps a new work type; [models.Conflict] when its name is taken.
func (in *Intake) CreateWorkType(ctx context.Context, by *models.Member, w *models.WorkType) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		if err := tx.SaveWorkType(w); err != nil {
			return err
		}
		return made(tx, by, w.Audited())
	})
}

// EditWorkType changes a work type; orders that it filled stay as they are.
func (in *Intake) EditWorkType(ctx context.Context, by *models.Member, id string, change Change[models.WorkTypeFields]) (w *models.WorkType, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if w, err = models.One[models.WorkType](tx.Locked().Where("id = ?", id), "work type"); err != nil {
			return err
		}
		before := w.Audited()
		if err := change(&w.WorkTypeFields); err != nil {
			return err
		}
		if err := tx.SaveWorkType(w); err != nil {
			return err
		}
		return changed(tx, by, before, w.Audited())
	})
	return w, err
}

// DeleteWorkType deletes a work type; orders that it filled stay as they are.
func (in *Intake) DeleteWorkType(ctx context.Context, by *models.Member, id string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		w, err := models.One[models.WorkType](tx.Locked().Where("id = ?", id), "work type")
		if err != nil {
			return err
		}
		if err := tx.Where("id = ?", id).Delete(&models.WorkType{}).Error; err != nil {
			return err
		}
		return taken(tx, by, w.Audited())
	})
}

// DuplicateWorkType makes of w a new one with its fields and tasks, under the first free name; it is not the default.
func (in *Intake) DuplicateWorkType(ctx context.Context, by *models.Member, id string, w *models.WorkType) (*models.WorkType, error) {
	copied := &models.WorkType{ID: id, AccountID: w.AccountID, WorkTypeFields: w.WorkTypeFields}
	copied.Default = false
	for n := 1; ; n++ {
		copied.Name = fmt.Sprintf("%s__%d", w.Name, n)
		err := in.CreateWorkType(ctx, by, copied)
		if models.KindOf(err) != models.Conflict || n == mostDuplicates {
			return copied, err
		}
		copied.CreatedAt = models.Time{}
	}
}
