package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/worker"
	"fieldproof/workflows/protocol"
)

type devCommand struct {
	DataDir        string `default:"./data" help:"Where everything is kept."`
	Addr           string `default:"127.0.0.1:8080" help:"Where the API listens."`
	TemporalAddr   string `default:"127.0.0.1:7233" help:"Where the embedded Temporal listens."`
	TemporalUIAddr string `default:"127.0.0.1:8233" name:"temporal-ui-addr" help:"Where Temporal's web UI listens."`
	TLS            bool   `name:"tls" help:"Serve HTTPS, as phones need it, by a certificate authority of this data directory's own; the next port explains how to trust it."`
	NoDemo         bool   `help:"Make no demo account."`
	TemporalBinary string `help:"The temporal-dev binary; by default the one beside this program, or in the PATH."`
	TemporalSync   string `default:"FULL" enum:"FULL,NORMAL" hidden:"" help:"SQLite's synchronous of the embedded Temporal."`
	Verbose        bool   `short:"v" help:"Log more."`
}

// predecessorGoes is how long a predecessor on the same data directory or ports may take to go down.
const predecessorGoes = 5 * time.Second

// Run runs everything until it is told to stop.
func (d devCommand) Run(ctx context.Context) error {
	dir, err := filepath.Abs(d.DataDir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	l, err := listen(ctx, "--addr", d.Addr)
	if err != nil {
		return err
	}
	defer l.Close()
	level := slog.LevelError
	if d.Verbose {
		level = slog.LevelInfo
	}
	log := newLog(level)
	c, err := d.config(dir)
	if err != nil {
		return err
	}
	served, trust := l, ""
	if d.TLS {
		own, err := secure(dir, d.Addr)
		if err != nil {
			return err
		}
		c.PublicURL, c.authority = own.address(d.Addr), own.authority.certificate
		if served, trust, err = own.listenSecurely(ctx, l, d.Addr, c.PublicURL); err != nil {
			return err
		}
	}
	child, err := d.startTemporal(ctx, dir, log)
	if err != nil {
		return err
	}
	defer child.stop()
	s, err := assemble(ctx, c, log)
	if err != nil {
		return err
	}
	defer s.close()
	if _, err := s.store.Migrate(ctx); err != nil {
		return err
	}
	if err := s.reachTemporal(ctx, 30*time.Second); err != nil {
		return fmt.Errorf("%w; see %s", err, child.logFile)
	}
	if err := worker.RegisterSearchAttributes(ctx, s.temporal, c.TemporalNamespace); err != nil {
		return fmt.Errorf("register search attributes: %w", err)
	}
	logins := ""
	if !d.NoDemo {
		if logins, err = makeDemo(ctx, s, dir); err != nil {
			return fmt.Errorf("make the demo account: %w", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.work(ctx, protocol.Queues) })
	group.Go(func() error { return s.serve(ctx, served) })
	d.greet(c.PublicURL, dir, logins, trust)
	return group.Wait()
}

func (d devCommand) greet(address, dir, logins, trust string) {
	if logins == "" {
		logins = "No demo account: sign up with POST " + address + "/api/v1/accounts"
	}
	fmt.Printf("Fieldproof   %s  (API: %s/api/docs)\n", address, address)
	fmt.Printf("Field app    %s/field/\n", address)
	if trust != "" {
		fmt.Printf("Phones       trust it first: open %s\n", trust)
	}
	fmt.Printf("Logins       %s\n", logins)
	fmt.Printf("Temporal UI  http://%s\n", d.TemporalUIAddr)
	fmt.Printf("Data         %s\n", dir)
	fmt.Println("Stop with Ctrl-C; start again to go on where it was.")
}

// config is that of one machine: everything below the data directory.
func (d devCommand) config(dir string) (*parsed, error) {
	key, err := secretKey(filepath.Join(dir, "secret.key"))
	if err != nil {
		return nil, err
	}
	c := &parsed{config: config{
		DatabaseURL:       "sqlite://" + filepath.Join(dir, "fieldproof.db"),
		TemporalAddress:   d.TemporalAddr,
		TemporalNamespace: "default",
		BlobURL:           "file://" + filepath.ToSlash(filepath.Join(dir, "blobs")),
		PublicURL:         "http://" + d.Addr,
		SignUp:            "open",
		FolderRoots:       filepath.Join(dir, "folders"),
		MetricsAddr:       "",
	}}
	c.SMTPURL, c.TimestampURL = os.Getenv("FIELDPROOF_SMTP_URL"), os.Getenv("FIELDPROOF_TIMESTAMP_URL")
	c.DriveApp, c.DropboxApp = os.Getenv("FIELDPROOF_DRIVE_APP"), os.Getenv("FIELDPROOF_DROPBOX_APP")
	var problems []error
	c.readServices(func(variable, format string, args ...any) {
		problems = append(problems, fmt.Errorf("%s: %s", variable, fmt.Sprintf(format, args...)))
	})
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if extra := os.Getenv("FIELDPROOF_ALLOWED_NETWORKS"); extra != "" {
		c.AllowedNetworks = "," + extra
	}
	if c.networks, err = guard.ParseNetworks("127.0.0.0/8,::1/128" + c.AllowedNetworks); err != nil {
		return nil, fmt.Errorf("FIELDPROOF_ALLOWED_NETWORKS: %w", err)
	}
	if c.sealer, err = models.NewSealer(key); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "secret.key"), err)
	}
	return c, nil
}

// secretKey reads the key, made when there is none. It is durable before anything is sealed with it.
func secretKey(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return strings.TrimSpace(string(text)), err
	}
	key := models.NewSecretKey()
	return key, writeDurably(file, []byte(key+"\n"))
}

func writeDurably(file string, content []byte) error {
	f, err := os.OpenFile(file+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// lock keeps two processes off one data directory.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	held := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	waits, stop := context.WithTimeout(ctx, predecessorGoes)
	defer stop()
	locked, err := held.TryLockContext(waits, 50*time.Millisecond)
	if locked {
		return func() { _ = held.Unlock() }, nil
	}
	if err != nil && waits.Err() == nil {
		return nil, err
	}
	return nil, fmt.Errorf("another `fieldproof dev` works on %s: stop it, or choose another --data-dir", dir)
}

// listen takes an address; a predecessor that is still going down is waited for.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	for until := time.Now().Add(predecessorGoes); ; {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		if time.Now().After(until) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %s is in use, perhaps by another `fieldproof dev` or a Temporal of your own (`ss -ltnp` tells): stop it, or choose another %s", flag, address, flag)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
