package main

import (
	"context"
	"fmt"

	"fieldproof/models"
)

type userCommand struct {
	Create   userCreate   `cmd:"" help:"Make a user; prints its id."`
	Password userPassword `cmd:"" help:"Set a user's password; ends every session and token of theirs. Prints the user's id."`
}

type userCreate struct {
	Account       string `required:"" help:"The account's name or id."`
	Username      string `required:"" help:"Unique over the whole installation."`
	Role          string `required:"" help:"admin, staff, crew, restricted_crew, subcontractor, or a role of the account's own."`
	PasswordStdin bool   `required:"" help:"Read the password from standard input."`
}

type userPassword struct {
	Username      string `required:"" help:"Whose password."`
	PasswordStdin bool   `required:"" help:"Read the password from standard input."`
}

func accountNamed(ctx context.Context, store *models.Store, name string) (*models.Account, error) {
	var found []models.Account
	if err := store.Read(ctx).Where("id = ? OR name = ?", name, name).Limit(2).Find(&found).Error; err != nil {
		return nil, err
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("--account: there is no account %q", name)
	case 2:
		return nil, fmt.Errorf("--account: several accounts are named %q; give the id", name)
	}
	return &found[0], nil
}

// Run makes a user.
func (u userCreate) Run(ctx context.Context) error {
	store, err := openStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	account, err := accountNamed(ctx, store, u.Account)
	if err != nil {
		return err
	}
	password, err := readPassword()
	if err != nil {
		return err
	}
	user := &models.User{ID: models.NewID(), AccountID: account.ID, Username: u.Username, Role: u.Role, Active: true}
	hashed, err := models.HashPassword(ctx, password)
	if err != nil {
		return err
	}
	user.SetPassword(hashed)
	if err := store.Write(models.InAccount(ctx, account.ID), func(tx *models.Tx) error { return tx.NewUser(user) }); err != nil {
		return err
	}
	fmt.Println(user.ID)
	return nil
}

// Run sets a password.
func (u userPassword) Run(ctx context.Context) error {
	store, err := openStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	password, err := readPassword()
	if err != nil {
		return err
	}
	user, err := models.One[models.User](store.Read(models.AcrossAccounts(ctx)).Where("username_key = ? AND deleted_at IS NULL", models.UsernameKey(u.Username)), "user")
	if err != nil {
		return err
	}
	hashed, err := models.HashPassword(ctx, password)
	if err != nil {
		return err
	}
	err = store.Write(models.InAccount(ctx, user.AccountID), func(tx *models.Tx) error {
		before := user.Audited()
		changed, err := tx.EditUser(user.ID, func(u *models.User) error { u.SetPassword(hashed); return nil })
		if err != nil {
			return err
		}
		after := changed.Audited()
		return tx.Audit(&models.User{AccountID: user.AccountID}, &before, &after) // by who runs the server
	})
	if err != nil {
		return err
	}
	fmt.Println(user.ID)
	return nil
}
