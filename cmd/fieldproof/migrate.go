package main

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"fieldproof/worker"
)

type migrateCommand struct {
	Up     migrateUp     `cmd:"" default:"1" help:"Bring the schema up to date, and register Temporal's search attributes."`
	Status migrateStatus `cmd:"" help:"List the versions of the schema."`
}

type (
	migrateUp     struct{}
	migrateStatus struct{}
)

// Run migrates the database and, when one is named, Temporal's namespace.
func (migrateUp) Run(ctx context.Context) error {
	c, err := readConfig(need{sqlite: true})
	if err != nil {
		return err
	}
	store, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	steps, err := store.Migrate(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("The schema is up to date (%d steps taken).\n", steps)
	if c.TemporalAddress == "" {
		return nil
	}
	temporal, err := client.Dial(client.Options{HostPort: c.TemporalAddress, Namespace: c.TemporalNamespace})
	if err != nil {
		return fmt.Errorf("FIELDPROOF_TEMPORAL_ADDRESS: %w", err)
	}
	defer temporal.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := worker.RegisterSearchAttributes(ctx, temporal, c.TemporalNamespace); err != nil {
		return fmt.Errorf("register search attributes: %w", err)
	}
	fmt.Printf("Temporal's namespace %s knows our search attributes.\n", c.TemporalNamespace)
	return nil
}

// Run lists the versions.
func (migrateStatus) Run(ctx context.Context) error {
	c, err := readConfig(need{sqlite: true})
	if err != nil {
		return err
	}
	store, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	list, err := store.Migrations(ctx)
	for _, m := range list {
		state := "waiting"
		if m.Applied {
			state = "applied " + m.At.UTC().Format(time.RFC3339)
		}
		fmt.Printf("%5d  %-40s %s\n", m.Version, m.Name, state)
	}
	return err
}
