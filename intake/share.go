package intake

import (
	"context"

	"fieldproof/models"
)

// CreateLink makes a secure web link to an order, and gives its token.
func (in *Intake) CreateLink(ctx context.Context, by *models.Member, o *models.WorkOrder, fields models.LinkFields) (l *models.Link, token string, err error) {
	hash, err := models.HashLinkPassword(ctx, fields.Password)
	if err != nil {
		return nil, "", err
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		l, token, err = tx.MakeLink(models.NewID(), o, fields, hash, by.ID)
		return err
	})
	return l, token, err
}

// RevokeLink ends a link at once.
func (in *Intake) RevokeLink(ctx context.Context, by *models.Member, id string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		return tx.Model(&models.Link{}).Where("id = ? AND revoked_at IS NULL", id).Update("revoked_at", models.Now()).Error
	})
}

// KeepComment keeps what a member or the holder of a link says of an order, or of one of its items. The same id again is the
// same comment.
func (in *Intake) KeepComment(ctx context.Context, comment *models.Comment) error {
	if err := comment.Check(); err != nil {
		return err
	}
	return in.Store.Write(models.InAccount(ctx, comment.AccountID), func(tx *models.Tx) error {
		if comment.ItemID != "" {
			if _, err := models.One[models.Item](tx.Where("id = ? AND work_order_id = ?", comment.ItemID, comment.WorkOrderID), "item"); err != nil {
				return models.InvalidField("item_id", "The order has no item %s.", comment.ItemID).Coded(models.CodeNoSuch)
			}
		}
		have, err := models.One[models.Comment](tx.Where("id = ?", comment.ID), "comment")
		if err == nil {
			*comment = *have // the same request again, weeks later
			return nil
		}
		if models.KindOf(err) != models.NotFound {
			return err
		}
		if err := tx.Create(comment).Error; err != nil {
			return err
		}
		return tx.Announce(comment.AccountID, "comment.created", comment.ID, comment.WorkOrderID)
	})
}

// RetryDelivery asks for a delivery to be tried now.
func (in *Intake) RetryDelivery(ctx context.Context, by *models.Member, d *models.Delivery) error {
	err := in.write(ctx, by, func(tx *models.Tx) error { return tx.RetryDelivery(d) })
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// RotateKey has the account sign with a new key from now on.
func (in *Intake) RotateKey(ctx context.Context, by *models.Member) (key *models.SigningKey, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if key, err = tx.RotateKey(by.AccountID); err != nil {
			return err
		}
		return tx.Noted(&by.User, &models.AuditEntry{Kind: models.AuditProofKey, SubjectID: key.ID, Subject: key.ID, What: models.AuditCreated})
	})
	return key, err
}

// DismissAlert notes that a member has seen to an alert.
func (in *Intake) DismissAlert(ctx context.Context, by *models.Member, id string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		return tx.Model(&models.Alert{}).Where("id = ? AND dismissed_at IS NULL", id).Updates(map[string]any{"dismissed_at": models.Now(), "dismissed_by": by.ID}).Error
	})
}
