package main

import (
	"context"
	"fmt"
)

type secretsCommand struct {
	Reseal secretsReseal `cmd:"" help:"Seal every kept secret with the first key of FIELDPROOF_SECRET_KEY. Run it once all processes know the new key; a day later the old one can go."`
}

type secretsReseal struct{}

// Run reseals.
func (secretsReseal) Run(ctx context.Context) error {
	c, err := readConfig(need{sqlite: true, secrets: true})
	if err != nil {
		return err
	}
	store, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.CheckSchema(ctx); err != nil {
		return err
	}
	store.Sealer = c.sealer
	n, err := store.Reseal(ctx)
	fmt.Printf("%d secrets sealed with the newest key.\n", n)
	return err
}
