package intake

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"fieldproof/models"
)

const (
	// oldSecretSigns is how long the old secret of a web-hook signs along after a rotation.
	oldSecretSigns = 24 * time.Hour
	// stands finds a row unless it is deleted.
	stands = "id = ? AND deleted_at IS NULL"
)

// DestinationSecrets opens what is sealed of a destination.
func (in *Intake) DestinationSecrets(d *models.Destination) (s models.DestinationSecrets, err error) {
	return s, in.Store.Sealer.Open("destination/"+d.ID, d.Secrets, &s)
}

// auditedDestination are what the audit log may say of a destination as it stands.
func (in *Intake) auditedDestination(d *models.Destination) (models.AuditFacts, error) {
	secrets, err := in.DestinationSecrets(d)
	return d.Audited(secrets), err
}

// editDestination is [models.Edit] of a destination by somebody, which the audit log tells.
func (in *Intake) editDestination(tx *models.Tx, by *models.Member, id string, apply func(*models.Destination) error) (*models.Destination, error) {
	var before models.AuditFacts
	d, err := models.Edit(tx, "destination", func(d *models.Destination) (err error) {
		if before, err = in.auditedDestination(d); err != nil {
			return err
		}
		return apply(d)
	}, stands, id)
	if err != nil {
		return nil, err
	}
	if d.DeletedAt != nil {
		return d, taken(tx, by, before)
	}
	after, err := in.auditedDestination(d)
	if err != nil {
		return nil, err
	}
	return d, changed(tx, by, before, after)
}

// SealDestination seals the secrets of a destination into its row.
func (in *Intake) SealDestination(d *models.Destination, s models.DestinationSecrets) (err error) {
	d.Secrets, err = in.Store.Sealer.Seal("destination/"+d.ID, s)
	return err
}

func newSigningSecret() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	return models.NewSigningSecret(random)
}

// reaches refuses an order or an integration of somebody else, and claims the folders that a destination writes to.
func reaches(tx *models.Tx, d *models.Destination) error {
	if d.IntegrationID != nil {
		i, err := models.One[models.Integration](tx.Where(stands, *d.IntegrationID), "integration")
		if err != nil {
			return models.InvalidField("scope.integration_id", "The account has no integration %s.", *d.IntegrationID).Coded(models.CodeNoSuch)
		}
		if d.Kind == models.ClientDestination && d.Settings.URL == "" && i.Settings.URL == "" {
			return models.InvalidField("settings.url", "The integration %s names no system: give its address here.", i.ClientCode)
		}
	}
	if d.WorkOrderID != nil {
		if _, err := models.One[models.WorkOrder](tx.Where("id = ?", *d.WorkOrderID), "work order"); err != nil {
			return models.InvalidField("scope.work_order_id", "The account has no work order %s.", *d.WorkOrderID).Coded(models.CodeNoSuch)
		}
	}
	for i, folder := range d.LocalFolders() {
		field := "settings.path"
		if i > 0 {
			field = fmt.Sprintf("settings.more_paths[%d].path", i-1)
		}
		if err := tx.ClaimFolder(d.AccountID, folder, field); err != nil {
			return err
		}
	}
	return nil
}

// CreateDestination keeps a new destination with its secrets, and claims its folders: [models.Conflict] when one belongs to
// another account. A web-hook gets a secret to sign with. The same id again is the same destination.
func (in *Intake) CreateDestination(ctx context.Context, by *models.Member, d *models.Destination, secrets models.DestinationSecrets) (*models.Destination, error) {
	if d.Kind == models.WebhookDestination {
		secrets.Signing = newSigningSecret()
	}
	if err := in.SealDestination(d, secrets); err != nil {
		return nil, err
	}
	err := in.write(ctx, by, func(tx *models.Tx) error {
		if have, err := models.One[models.Destination](tx.Where("id = ?", d.ID), "destination"); err == nil {
			d = have // the same request again
			return nil
		}
		if err := reaches(tx, d); err != nil {
			return err
		}
		if err := tx.Create(d).Error; err != nil {
			return err
		}
		return made(tx, by, d.Audited(secrets))
	})
	return d, err
}

// EditDestination changes a destination and claims its folders, as [Intake.CreateDestination] does. What rests tries at
// once.
func (in *Intake) EditDestination(ctx context.Context, by *models.Member, id string, change Change[models.Destination]) (d *models.Destination, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		d, err = in.editDestination(tx, by, id, func(d *models.Destination) error {
			if err := givenByLink(d); err != nil {
				return err
			}
			if err := change(d); err != nil {
				return err
			}
			d.UpdatedAt = models.Now()
			d.ProbeAt = nil // whoever mended it does not want to wait for the next probe
			return reaches(tx, d)
		})
		return ringWebhook(tx, d, err)
	})
	if err != nil {
		return nil, err
	}
	in.Bells.Poke()
	return d, nil
}

// givenByLink refuses to change a Share link where it stands among the destinations.
func givenByLink(d *models.Destination) error {
	if !d.Given() {
		return nil
	}
	return models.Errorf(models.Conflict, "This destination is the Share link %s, which stands here by itself: pause it, rename it or end it under the Share links.", d.Name)
}

// ringWebhook rings for a web-hook that changed.
func ringWebhook(tx *models.Tx, d *models.Destination, err error) error {
	if err != nil || d.Kind != models.WebhookDestination {
		return err
	}
	return tx.Ring(models.WebhookBell, d.ID)
}

// DeleteDestination ends a destination and forgets its secrets; its folders stay the account's.
func (in *Intake) DeleteDestination(ctx context.Context, by *models.Member, id string) error {
	err := in.write(ctx, by, func(tx *models.Tx) error {
		d, err := in.editDestination(tx, by, id, func(d *models.Destination) error {
			if err := givenByLink(d); err != nil {
				return err
			}
			now := models.Now()
			d.DeletedAt, d.Enabled, d.Secrets = &now, false, ""
			return nil
		})
		return ringWebhook(tx, d, err)
	})
	if err == nil {
		in.Bells.Poke()
	}
	return err
}

// RotateSecret gives a web-hook a new secret; the old one signs along for a day.
func (in *Intake) RotateSecret(ctx context.Context, by *models.Member, id string) (d *models.Destination, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		d, err = in.editDestination(tx, by, id, func(d *models.Destination) error {
			secrets, err := in.DestinationSecrets(d)
			if err != nil {
				return err
			}
			until := models.At(time.Now().Add(oldSecretSigns))
			secrets.OldSigning, secrets.OldUntil, secrets.Signing = secrets.Signing, &until, newSigningSecret()
			d.UpdatedAt = models.Now()
			return in.SealDestination(d, secrets)
		})
		return err
	})
	return d, err
}

// Again chooses messages of a web-hook that are to be sent again, under the same ids.
type Again struct {
	Since      *models.Time
	OnlyFailed bool   // those that have not arrived
	MessageID  string // this one alone
}

// SendAgain has messages of a web-hook sent again, and says how many.
func (in *Intake) SendAgain(ctx context.Context, by *models.Member, d *models.Destination, a Again) (n int64, err error) {
	if !d.Enabled {
		return 0, models.Errorf(models.Conflict, "%s is switched off: switch it on first.", d.Name).Coded(models.CodeSwitchedOff)
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		q := tx.Model(&models.WebhookMessage{}).Where("destination_id = ?", d.ID)
		if a.Since != nil {
			q = q.Where("at >= ?", *a.Since)
		}
		if a.OnlyFailed {
			q = q.Where("state <> ?", models.DeliveryDelivered)
		}
		if a.MessageID != "" {
			if _, err := models.One[models.WebhookMessage](tx.Where("destination_id = ? AND id = ?", d.ID, a.MessageID), "message"); err != nil {
				return models.InvalidField("message_id", "The web-hook has no message %s.", a.MessageID)
			}
			q = q.Where("id = ?", a.MessageID)
		}
		done := q.Updates(d.Kind.Policy().Again())
		if n = done.RowsAffected; done.Error != nil {
			return done.Error
		}
		if err := tx.Model(&models.Destination{}).Where("id = ?", d.ID).Update("probe_at", nil).Error; err != nil {
			return err
		}
		return tx.Ring(models.WebhookBell, d.ID)
	})
	in.Bells.Poke()
	return n, err
}
