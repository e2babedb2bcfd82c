package main

import (
	"context"
	"time"

	"fieldproof/workflows/protocol"
)

type workerCommand struct {
	Queues []string `help:"Task queues to work on: fieldproof, fieldproof-media, fieldproof-reports, fieldproof-deliveries, fieldproof-imports, fieldproof-share, fieldproof-bulk (all of them by default)."`
}

// Run works until it is told to stop.
func (w workerCommand) Run(ctx context.Context) error {
	s, err := begin(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.reachTemporal(ctx, time.Minute); err != nil {
		return err
	}
	queues := w.Queues
	if len(queues) == 0 {
		queues = protocol.Queues
	}
	s.log.Info("the worker works", "queues", queues)
	return s.work(ctx, queues)
}
