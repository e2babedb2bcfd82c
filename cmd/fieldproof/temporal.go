package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"fieldproof/workflows/protocol"
)

// temporalChild is the embedded Temporal: a child process that is started again when it dies, and that dies with us,
// because it watches its standard input, which we hold.
type temporalChild struct {
	binary  string
	args    []string
	logFile string
	log     *slog.Logger

	cancel context.CancelFunc
	ended  chan struct{}
	mu     sync.Mutex
	stdin  io.Closer
}

// startTemporal starts the embedded Temporal and watches it.
func (d devCommand) startTemporal(ctx context.Context, dir string, log *slog.Logger) (*temporalChild, error) {
	binary, err := d.findTemporal()
	if err != nil {
		return nil, err
	}
	for flag, address := range map[string]string{"--temporal-addr": d.TemporalAddr, "--temporal-ui-addr": d.TemporalUIAddr} {
		l, err := listen(ctx, flag, address)
		if err != nil {
			return nil, err
		}
		_ = l.Close()
	}
	t := &temporalChild{binary: binary, logFile: filepath.Join(dir, "temporal.log"), log: log, ended: make(chan struct{})}
	t.args = []string{"--db", filepath.Join(dir, "temporal.db"), "--addr", d.TemporalAddr, "--ui-addr", d.TemporalUIAddr, "--synchronous", d.TemporalSync, "--watch-stdin"}
	for name, kind := range protocol.SearchAttributes {
		t.args = append(t.args, "--search-attribute", name+"="+kind)
	}
	// Our end comes first: the child is told to stop only once nobody needs it.
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t.cancel = cancel
	command, err := t.start()
	if err != nil {
		cancel()
		return nil, err
	}
	go t.watch(watching, command)
	return t, nil
}

func (d devCommand) findTemporal() (string, error) {
	if d.TemporalBinary != "" {
		if _, err := os.Stat(d.TemporalBinary); err != nil {
			return "", fmt.Errorf("--temporal-binary: %w", err)
		}
		return d.TemporalBinary, nil
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), "temporal-dev")
		if _, err := os.Stat(beside); err == nil {
			return beside, nil
		}
	}
	found, err := exec.LookPath("temporal-dev")
	if err != nil {
		return "", errors.New("temporal-dev is neither beside this program nor in the PATH: build it with `make bin/temporal-dev`, or name it with --temporal-binary")
	}
	return found, nil
}

func (t *temporalChild) start() (*exec.Cmd, error) {
	out, err := os.OpenFile(t.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	command := exec.Command(t.binary, t.args...)
	command.Stdout, command.Stderr = out, out
	detach(command)
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start temporal-dev: %w", err)
	}
	t.mu.Lock()
	t.stdin = stdin
	t.mu.Unlock()
	return command, nil
}

// watch starts the child again whenever it dies, until it is meant to.
func (t *temporalChild) watch(ctx context.Context, command *exec.Cmd) {
	defer close(t.ended)
	for {
		began := time.Now()
		err := command.Wait()
		if time.Since(began) < time.Second {
			time.Sleep(250 * time.Millisecond) // what dies at once is not helped by haste
		}
		for {
			if ctx.Err() != nil {
				return
			}
			t.log.Error("temporal-dev died and is started again", "error", err, "log", t.logFile)
			if command, err = t.start(); err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	}
}

// stop lets the child end: it sees that its standard input is closed.
func (t *temporalChild) stop() {
	t.cancel()
	for {
		t.mu.Lock()
		_ = t.stdin.Close()
		t.mu.Unlock()
		select {
		case <-t.ended:
			return
		case <-time.After(100 * time.Millisecond): // it may just have been started again
		}
	}
}
