package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"fieldproof/intake"
	"fieldproof/models"
)

type accountCommand struct {
	Create accountCreate `cmd:"" help:"Make an account with its first admin; prints the account's id."`
}

type accountCreate struct {
	Name          string `required:"" help:"The company's name."`
	Admin         string `required:"" help:"Username of its first user, an admin."`
	PasswordStdin bool   `required:"" help:"Read the password from standard input."`
}

// openStore opens the database for a command that is run by hand.
func openStore(ctx context.Context) (*models.Store, error) {
	c, err := readConfig(need{sqlite: true})
	if err != nil {
		return nil, err
	}
	store, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	return store, store.CheckSchema(ctx)
}

// readPassword reads one line.
func readPassword() (string, error) {
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	password := strings.TrimRight(line, "\r\n")
	if password == "" {
		return "", errors.New("give the password on standard input")
	}
	return password, nil
}

// Run makes an account.
func (a accountCreate) Run(ctx context.Context) error {
	store, err := openStore(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	password, err := readPassword()
	if err != nil {
		return err
	}
	// The sample order's workflow is started by the sweeper of a server or worker.
	account, _, err := (&intake.Intake{Store: store}).CreateAccount(ctx, models.NewID(), intake.NewAccount{Name: a.Name, Username: a.Admin, Password: password})
	if err != nil {
		return err
	}
	fmt.Println(account.ID)
	return nil
}
