package intake

import (
	"context"
	"time"

	"fieldproof/models"
)

// longestRotation is how long an old push key may live on.
const longestRotation = 24 * time.Hour

// IntegrationSecrets opens what is sealed of an integration.
func (in *Intake) IntegrationSecrets(i *models.Integration) (s models.IntegrationSecrets, err error) {
	return s, in.Store.Sealer.Open("integration/"+i.ID, i.Secrets, &s)
}

// SealIntegration seals the secrets of an integration into its row.
func (in *Intake) SealIntegration(i *models.Integration, s models.IntegrationSecrets) (err error) {
	i.Secrets, err = in.Store.Sealer.Seal("integration/"+i.ID, s)
	return err
}

// draws refuses a work type or an assignee that the account lacks, and claims the local folder that an integration reads.
func draws(tx *models.Tx, i *models.Integration) error {
	if i.DefaultWorkType != "" {
		if _, err := models.WorkTypeNamed(tx.DB, i.DefaultWorkType); err != nil {
			if models.KindOf(err) == models.Invalid {
				return models.InvalidField("default_work_type", "The account has no work type %q.", i.DefaultWorkType).Coded(models.CodeNoSuch)
			}
			return err
		}
	}
	if i.DefaultAssignee != "" && i.DefaultAssignee != models.AssignToAll {
		if _, err := tx.UserByName(i.DefaultAssignee); err != nil {
			if models.KindOf(err) == models.NotFound {
				return models.InvalidField("default_assignee", "The account has no active user %q.", i.DefaultAssignee).Coded(models.CodeNoSuch)
			}
			return err
		}
	}
	for _, folder := range i.LocalFolders() {
		if err := tx.ClaimFolder(i.AccountID, folder, "settings.path"); err != nil {
			return err
		}
	}
	return nil
}

// CreateIntegration keeps a new integration with its secrets and a push key, and claims its folder: [models.Conflict] when
// it belongs to another account, or the client code is taken. The same id again is the same integration.
func (in *Intake) CreateIntegration(ctx context.Context, by *models.Member, i *models.Integration, secrets models.IntegrationSecrets) (*models.Integration, error) {
	err := in.write(ctx, by, func(tx *models.Tx) error {
		if have, err := models.One[models.Integration](tx.Where("id = ?", i.ID), "integration"); err == nil {
			i = have // the same request again
			return nil
		}
		secrets.PushKey = models.FreshPushKey()
		_, err := in.keepIntegration(tx, by, i, secrets)
		return err
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return i, nil
}

// keepIntegration keeps a new integration with its secrets, and the link that one of kind share is.
func (in *Intake) keepIntegration(tx *models.Tx, by *models.Member, i *models.Integration, secrets models.IntegrationSecrets) (l *models.ShareLink, err error) {
	if err := draws(tx, i); err != nil {
		return nil, err
	}
	if i.Kind == models.ShareIntegration && i.PublishTo == nil {
		i.PublishTo = new("both") // what is published goes back to who gave the work
	}
	if err := tx.SaveIntegration(i); err != nil {
		return nil, err
	}
	if err := tx.KeepPushKey(i, secrets.PushKey, nil); err != nil {
		return nil, err
	}
	if err := in.SealIntegration(i, secrets); err != nil {
		return nil, err
	}
	if i.Kind == models.ShareIntegration {
		if l, err = tx.MakeLinkIn(i, by.ID); err != nil {
			return nil, err
		}
	}
	if err := tx.Select("secrets").Updates(i).Error; err != nil {
		return nil, err
	}
	return l, made(tx, by, i.Audited(secrets))
}

// editIntegration is [models.Edit] of an integration by somebody, which the audit log tells.
func (in *Intake) editIntegration(tx *models.Tx, by *models.Member, id string, apply func(*models.Integration) error) (*models.Integration, error) {
	var before models.AuditFacts
	i, err := models.Edit(tx, "integration", func(i *models.Integration) error {
		secrets, err := in.IntegrationSecrets(i)
		if err != nil {
			return err
		}
		before = i.Audited(secrets)
		return apply(i)
	}, stands, id)
	if err != nil {
		return nil, err
	}
	secrets, err := in.IntegrationSecrets(i)
	if err != nil {
		return nil, err
	}
	return i, changed(tx, by, before, i.Audited(secrets))
}

// EditIntegration changes an integration and claims its folder, as [Intake.CreateIntegration] does.
func (in *Intake) EditIntegration(ctx context.Context, by *models.Member, id string, change Change[models.Integration]) (i *models.Integration, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		l, err := tx.LockLinkOf(id)
		if err != nil {
			return err
		}
		was := false
		i, err = in.editIntegration(tx, by, id, func(i *models.Integration) error {
			was = i.Enabled
			if err := change(i); err != nil {
				return err
			}
			i.UpdatedAt = models.Now()
			return draws(tx, i)
		})
		if err != nil {
			return err
		}
		if i.Kind == models.ShareIntegration {
			return followIntegration(tx, l, i, was)
		}
		return tx.Ring(models.IntegrationBell, i.ID)
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return i, nil
}

// DeleteIntegration ends an integration with its push keys; its orders stay, and its folder stays the account's.
func (in *Intake) DeleteIntegration(ctx context.Context, by *models.Member, id string) error {
	err := in.write(ctx, by, func(tx *models.Tx) error {
		// The link, the integration, its keys: as whoever makes a new key takes them.
		l, err := tx.LockLinkOf(id)
		if err != nil {
			return err
		}
		i, err := models.One[models.Integration](tx.Where(stands, id), "integration")
		if err != nil {
			return err
		}
		secrets, err := in.IntegrationSecrets(i)
		if err != nil {
			return err
		}
		if err := taken(tx, by, i.Audited(secrets)); err != nil {
			return err
		}
		gone := map[string]any{"deleted_at": models.Now(), "enabled": false, "asked": "", "fetching": "", "retry_at": nil}
		if l == nil || l.EndedAt != nil {
			gone["secrets"] = "" // a link forgets them once the other side is told
		}
		if err := tx.Model(&models.Integration{}).Where("id = ?", id).Updates(gone).Error; err != nil {
			return err
		}
		if err := tx.Where("integration_id = ?", id).Delete(&models.PushKey{}).Error; err != nil {
			return err
		}
		if l != nil {
			return tx.EndLink(l.ID, models.LinkEnd{Why: "The integration was deleted here.", Tells: true})
		}
		return tx.Ring(models.IntegrationBell, id)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// RotatePushKey gives an integration a new push key; the old one ends, or lives on for some seconds.
func (in *Intake) RotatePushKey(ctx context.Context, by *models.Member, id string, keepOldFor int) (i *models.Integration, err error) {
	longest := int(longestRotation / time.Second)
	if keepOldFor < 0 || keepOldFor > longest {
		return nil, models.InvalidField("keep_old_for", "Give seconds from 0 to %d.", longest)
	}
	var ends *models.Time
	if keepOldFor > 0 {
		at := models.At(time.Now().Add(time.Duration(keepOldFor) * time.Second))
		ends = &at
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		l, err := tx.LockLinkOf(id)
		if err != nil {
			return err
		}
		i, err = in.editIntegration(tx, by, id, func(i *models.Integration) error {
			secrets, err := in.IntegrationSecrets(i)
			if err != nil {
				return err
			}
			if secrets.PushKey, err = tx.NewPushKey(i, ends); err != nil {
				return err
			}
			i.UpdatedAt = models.Now()
			return in.SealIntegration(i, secrets)
		})
		if err != nil || l == nil || l.EndedAt != nil {
			return err
		}
		if _, err := tx.EditLink(l.ID, func(l *models.ShareLink) error { // the delegator is told by validating anew
			now := models.Now()
			l.DueAt, l.ProbeAt = &now, nil
			l.Settle(models.LinkWaiting)
			return nil
		}); err != nil {
			return err
		}
		return tx.Ring(models.ShareBell, l.ID)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return i, err
}

// Refresh has an integration fetch what changed, or everything, unless it fetches nothing or is switched off.
func (in *Intake) Refresh(ctx context.Context, i *models.Integration, full bool) error {
	switch {
	case !i.Fetches():
		return models.Errorf(models.Conflict, "This integration fetches nothing: orders come to its push key.")
	case !i.Enabled:
		return models.Errorf(models.Conflict, "The integration is switched off: switch it on first.").Coded(models.CodeSwitchedOff)
	}
	return in.AskRefresh(ctx, i, full)
}

// AskRefresh notes that an integration is to fetch when it can.
func (in *Intake) AskRefresh(ctx context.Context, i *models.Integration, full bool) error {
	what := models.AskedChanges
	if full {
		what = models.AskedAll
	}
	err := in.Store.Write(models.InAccount(ctx, i.AccountID), func(tx *models.Tx) error { return tx.AskRefresh(i.ID, what) })
	in.Bells.Poke()
	return err
}
