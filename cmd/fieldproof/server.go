package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
)

type serverCommand struct{}

var production = need{temporal: true, blobs: true, secrets: true}

func newLog(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
}

// begin assembles a process of the production shape, on a schema that is up to date.
func begin(ctx context.Context) (*services, error) {
	c, err := readConfig(production)
	if err != nil {
		return nil, err
	}
	s, err := assemble(ctx, c, newLog(slog.LevelInfo))
	if err != nil {
		return nil, err
	}
	if err = s.store.CheckSchema(ctx); err == nil {
		err = s.serveMetrics(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// Run answers HTTP until it is told to stop.
func (serverCommand) Run(ctx context.Context) error {
	s, err := begin(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	l, err := net.Listen("tcp", s.config.Addr)
	if err != nil {
		return fmt.Errorf("FIELDPROOF_ADDR: %w", err)
	}
	s.log.Info("the API listens", "addr", l.Addr().String(), "public_url", s.config.PublicURL)
	return s.serve(ctx, l)
}
