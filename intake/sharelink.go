package intake

import (
	"context"

	"fieldproof/models"
)

// livingLink is a link that is not over.
const livingLink = "id = ? AND ended_at IS NULL"

// EditShareLink changes a link of the account that is not over, and has it looked at.
func (in *Intake) EditShareLink(ctx context.Context, by *models.Member, id string, change Change[models.ShareLink]) (l *models.ShareLink, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if _, err := models.One[models.ShareLink](tx.Where(livingLink, id), "share link"); err != nil {
			return err
		}
		if l, err = tx.EditLink(id, change); err != nil {
			return err
		}
		return tx.Ring(models.ShareBell, l.ID)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return l, err
}

// PauseLink holds a link: what is to be told waits.
func (in *Intake) PauseLink(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.EditShareLink(ctx, by, id, func(l *models.ShareLink) error {
		if l.Condition == models.LinkInvited {
			return models.Errorf(models.Conflict, "Nobody has taken the invitation yet: end the link instead.")
		}
		if l.PausedAt == nil {
			now := models.Now()
			l.PausedAt = &now
		}
		return nil
	})
}

// ResumeLink lets a link go on, at once: also one whose other side rests.
func (in *Intake) ResumeLink(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.EditShareLink(ctx, by, id, func(l *models.ShareLink) error {
		now := models.Now()
		l.PausedAt, l.ProbeAt, l.DueAt = nil, nil, &now
		return nil
	})
}

// ResyncLink has both sides compared, and what differs mended.
func (in *Intake) ResyncLink(ctx context.Context, by *models.Member, id string) (*models.ShareLink, error) {
	return in.EditShareLink(ctx, by, id, func(l *models.ShareLink) error {
		if !l.Live() {
			return models.Errorf(models.Conflict, "The link is paused, or nobody has taken its invitation yet: nothing flows by it.")
		}
		now := models.Now()
		l.Asked, l.DueAt, l.ProbeAt = models.AskedAll, &now, nil
		return nil
	})
}

// EndLink ends a link at once: no data of an order moves by it any more, and both sides keep what they have.
func (in *Intake) EndLink(ctx context.Context, by *models.Member, id string) error {
	err := in.write(ctx, by, func(tx *models.Tx) error {
		l, err := models.One[models.ShareLink](tx.Locked().Where("id = ?", id), "share link")
		if err != nil || l.EndedAt != nil {
			return err
		}
		return endLink(tx, l, "")
	})
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// endLink ends a link with what it stands for: an integration is switched off.
func endLink(tx *models.Tx, l *models.ShareLink, why string) error {
	if err := tx.EndLink(l.ID, why); err != nil {
		return err
	}
	if l.Direction == models.LinkIn {
		gone := map[string]any{"enabled": false, "deleted_at": models.Now(), "updated_at": models.Now()}
		if err := tx.Model(&models.Destination{}).Where("id = ?", l.ID).Updates(gone).Error; err != nil {
			return err
		}
		if err := tx.Model(&models.Integration{}).Where("id = ?", *l.IntegrationID).Updates(map[string]any{"enabled": false, "updated_at": models.Now()}).Error; err != nil {
			return err
		}
	}
	return tx.Ring(models.ShareBell, l.ID)
}

// followIntegration brings a link up to the integration that it stands for: one that is switched off is paused, and new
// credentials are tried at once.
func followIntegration(tx *models.Tx, i *models.Integration) error {
	l, err := models.LinkOfIntegration(tx.DB, i.ID)
	if err != nil || l == nil || l.EndedAt != nil {
		return err
	}
	now := models.Now()
	if _, err := tx.EditLink(l.ID, func(l *models.ShareLink) error {
		l.Name, l.ProbeAt, l.DueAt = i.Name, nil, &now
		switch {
		case !i.Enabled && l.PausedAt == nil:
			l.PausedAt = &now
		case i.Enabled:
			l.PausedAt = nil
		}
		return nil
	}); err != nil {
		return err
	}
	if err := tx.Model(&models.Destination{}).Where("id = ?", l.ID).Updates(map[string]any{"name": i.Name, "updated_at": now}).Error; err != nil {
		return err
	}
	return tx.Ring(models.ShareBell, l.ID)
}
