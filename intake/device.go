package intake

import (
	"context"
	"slices"

	"fieldproof/models"
)

// TellDevice keeps what a member's phone says of itself. [models.Invalid] names what is wrong with it.
func (in *Intake) TellDevice(ctx context.Context, by *models.Member, id string, r models.DeviceReport) (d *models.Device, err error) {
	var p models.Problems
	models.CheckDevice(&p, "id", id)
	r.Check(&p)
	if err := p.Err(); err != nil {
		return nil, err
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		d, err = tx.KeepDevice(by, id, r)
		return err
	})
	return d, err
}

// WriteOff gives a person's phone up: their sessions on it end, and what they announced from it is lost, as each order says. A
// second time is none. Whose it is needs no saying where only one person has a phone of this id.
func (in *Intake) WriteOff(ctx context.Context, by *models.Member, id, username string) (d *models.Device, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if d, err = tx.DeviceForUpdate(id, username); err != nil || d.WrittenOffAt != nil {
			return err
		}
		var orderIDs []string
		if err := tx.Model(&models.Announcement{}).Distinct("work_order_id").Where("device = ? AND user_id = ? AND state = ?", id, d.UserID, models.AnnouncementOpen).Pluck("work_order_id", &orderIDs).Error; err != nil {
			return err
		}
		slices.Sort(orderIDs)
		for _, orderID := range orderIDs {
			o, err := tx.OrderForUpdate(orderID)
			if err != nil {
				return err
			}
			if _, err := tx.Lose(o, "their phone was written off", by.ID, "device = ? AND user_id = ?", id, d.UserID); err != nil {
				return err
			}
		}
		if _, err := tx.EndTokens("device = ? AND user_id = ? AND kind = ?", id, d.UserID, models.SessionToken); err != nil {
			return err
		}
		now := models.Now()
		d.WrittenOffAt, d.WrittenOffBy, d.WaitingSince, d.Report.Waiting = &now, by.ID, nil, models.DeviceWaiting{}
		if err := tx.Save(d).Error; err != nil {
			return err
		}
		return tx.Announce(by.AccountID, models.FeedDevice, d.ID, "")
	})
	if err == nil {
		in.Bells.Poke()
	}
	return d, err
}
