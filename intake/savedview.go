package intake

import (
	"context"

	"fieldproof/models"
)

// CreateView keeps a view for a member; the same id again is the same view. Only the office shares its own.
func (in *Intake) CreateView(ctx context.Context, by *models.Member, v *models.SavedView) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		if have, err := models.One[models.SavedView](tx.Where("id = ?", v.ID), "view"); err == nil {
			*v = *have // the same request again
			return nil
		}
		var n int64
		if err := tx.Model(&models.SavedView{}).Where("user_id = ?", by.ID).Count(&n).Error; err != nil {
			return err
		}
		if n >= models.MostViews {
			return models.Errorf(models.Conflict, "You keep %d views, the most there are: delete one first.", models.MostViews)
		}
		v.AccountID, v.UserID, v.CreatedAt, v.UpdatedAt = by.AccountID, by.ID, models.Now(), models.Now()
		if err := checkView(v, by); err != nil {
			return err
		}
		return tx.Create(v).Error
	})
}

func checkView(v *models.SavedView, by *models.Member) error {
	if v.Columns == nil {
		v.Columns = []string{}
	}
	if v.Shared {
		if err := by.Need(models.ViewAllOrders); err != nil {
			return err
		}
	}
	return v.Check()
}

// viewToChange locks a view that the member may change: their own. Those that others share are changed by who manages the
// account.
func viewToChange(tx *models.Tx, by *models.Member, id string) (*models.SavedView, error) {
	v, err := models.One[models.SavedView](by.ViewsSeen(tx.Locked()).Where("id = ?", id), "view")
	if err == nil && v.UserID != by.ID {
		err = by.Need(models.ManageAccount)
	}
	return v, err
}

// EditView changes a view.
func (in *Intake) EditView(ctx context.Context, by *models.Member, id string, change Change[models.ViewFields]) (v *models.SavedView, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if v, err = viewToChange(tx, by, id); err != nil {
			return err
		}
		if err := change(&v.ViewFields); err != nil {
			return err
		}
		v.UpdatedAt = models.Now()
		if err := checkView(v, by); err != nil {
			return err
		}
		return tx.Select("*").Updates(v).Error
	})
	return v, err
}

// DeleteView forgets a view.
func (in *Intake) DeleteView(ctx context.Context, by *models.Member, id string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		v, err := viewToChange(tx, by, id)
		if err != nil {
			return err
		}
		return tx.Where("id = ?", v.ID).Delete(&models.SavedView{}).Error
	})
}
