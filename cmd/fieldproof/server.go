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

// Run answers HTTP until it is told to stop.
func (serverCommand) Run(ctx context.Context) error {
	c, err := readConfig(production)
	if err != nil {
		return err
	}
	log := newLog(slog.LevelInfo)
	s, err := assemble(ctx, c, log)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.store.CheckSchema(ctx); err != nil {
		return err
	}
	if err := s.serveMetrics(ctx); err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return fmt.Errorf("FIELDPROOF_ADDR: %w", err)
	}
	log.Info("the API listens", "addr", l.Addr().String(), "public_url", c.PublicURL)
	return s.serve(ctx, l)
}
