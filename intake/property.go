package intake

import (
	"context"

	"fieldproof/models"
)

var errSameAddress = &models.Error{Kind: models.Conflict, Code: models.CodeTaken, Message: "The account already has a property at this address.",
	Fields: []models.FieldError{{Field: "address", Message: "Use that property, or give another address."}}}

// CreateProperty keeps a new property; [models.Conflict] when its address has one.
func (in *Intake) CreateProperty(ctx context.Context, by *models.Member, p *models.Property) error {
	p.AddressKey = p.Address.Key()
	if err := p.Check(); err != nil {
		return err
	}
	err := in.write(ctx, by, func(tx *models.Tx) error { return tx.Create(p).Error })
	if models.IsUnique(err) {
		return errSameAddress
	}
	return err
}

// EditProperty changes a property.
func (in *Intake) EditProperty(ctx context.Context, by *models.Member, id string, change Change[models.Property]) (p *models.Property, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		p, err = models.Edit(tx, "property", func(p *models.Property) error {
			if err := change(p); err != nil {
				return err
			}
			p.AddressKey, p.UpdatedAt = p.Address.Key(), models.Now()
			return p.Check()
		}, "id = ?", id)
		return err
	})
	if models.IsUnique(err) {
		return nil, errSameAddress
	}
	return p, err
}

// DeleteProperty deletes a property without work orders; else [models.Conflict].
func (in *Intake) DeleteProperty(ctx context.Context, by *models.Member, id string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		var n int64
		if err := tx.Model(&models.WorkOrder{}).Where("property_id = ?", id).Count(&n).Error; err != nil {
			return err
		}
		if n > 0 {
			return models.Errorf(models.Conflict, "%d work orders are at this property, so it stays.", n).Coded(models.CodeNeeded)
		}
		return tx.Where("id = ?", id).Delete(&models.Property{}).Error
	})
}
