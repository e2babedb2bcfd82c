package intake

import (
	"context"

	"fieldproof/models"
)

// NewAccount is an account to be made, with its first admin.
type NewAccount struct {
	Name     string
	Username string
	Password string
	Email    string
}

// CreateAccount makes an account with its admin and its sample order. The same id again with the same username is the
// same account. A taken username is a [models.Conflict], and then nothing is made.
func (in *Intake) CreateAccount(ctx context.Context, id string, n NewAccount) (*models.Account, *models.User, error) {
	user := &models.User{ID: models.DerivedID("first user", id), AccountID: id, Username: n.Username, Name: n.Name, Email: n.Email, Role: models.Admin, Active: true}
	if err := user.Check(); err != nil {
		return nil, nil, err
	}
	password, err := models.HashPassword(ctx, n.Password)
	if err != nil {
		return nil, nil, err
	}
	user.SetPassword(password)
	var account *models.Account
	scoped := models.InAccount(ctx, id)
	err = in.Store.Write(scoped, func(tx *models.Tx) error {
		have, err := models.One[models.Account](tx.Where("id = ?", id), "account")
		if err == nil {
			account = have
			user, err = models.One[models.User](tx.Where("id = ?", user.ID), "user")
			return err
		}
		if models.KindOf(err) != models.NotFound {
			return err
		}
		if account, err = tx.NewAccount(id, n.Name); err != nil {
			return err
		}
		if err := tx.NewUser(user); err != nil {
			return err
		}
		return makeSamples(tx, id)
	})
	if err != nil {
		return nil, nil, err
	}
	member, err := in.Store.MemberByID(ctx, user.ID)
	if err != nil {
		return nil, nil, err
	}
	_, _, err = in.CreateOrder(scoped, newSampleOrder(member))
	return account, user, err
}

// EditAccount changes the member's account.
func (in *Intake) EditAccount(ctx context.Context, by *models.Member, change Change[models.Account]) (account *models.Account, err error) {
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if account, err = models.One[models.Account](tx.Locked().Where("id = ?", by.AccountID), "account"); err != nil {
			return err
		}
		before := account.Audited()
		if err := change(account); err != nil {
			return err
		}
		account.UpdatedAt = models.Now()
		if err := account.Check(); err != nil {
			return err
		}
		if err := tx.Select("*").Updates(account).Error; err != nil {
			return err
		}
		return changed(tx, by, before, account.Audited())
	})
	return account, err
}

// SetLogo names the bytes that are the account's logo, "" for none.
func (in *Intake) SetLogo(ctx context.Context, by *models.Member, key string) error {
	return in.write(ctx, by, func(tx *models.Tx) error {
		account, err := models.One[models.Account](tx.Locked().Where("id = ?", by.AccountID), "account")
		if err != nil {
			return err
		}
		before := account.Audited()
		account.LogoKey, account.UpdatedAt = key, models.Now()
		if err := tx.Select("logo_key", "updated_at").Updates(account).Error; err != nil {
			return err
		}
		return changed(tx, by, before, account.Audited())
	})
}
