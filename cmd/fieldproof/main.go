// Command fieldproof is the product: everything in one process with dev, or server and worker as processes of their
// own in production.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"fieldproof/models"
)

// commands is the command line. Each command is one file.
type commands struct {
	Dev      devCommand      `cmd:"" help:"Everything on this machine, with an embedded database and Temporal."`
	Server   serverCommand   `cmd:"" help:"The API."`
	Worker   workerCommand   `cmd:"" help:"The Temporal workers."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the database schema up to date."`
	Account  accountCommand  `cmd:"" help:"Accounts."`
	Secrets  secretsCommand  `cmd:"" help:"Kept secrets."`
	User     userCommand     `cmd:"" help:"Users."`
	Download downloadCommand `cmd:"" help:"Mirror what an account has published into a folder of this machine."`
	Verify   verifyCommand   `cmd:"" help:"Check an archive offline: every byte, every signature, the chain."`
	OpenAPI  openAPICommand  `cmd:"" name:"openapi" help:"Print the OpenAPI document of the API."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// heapLimit is where the runtime collects more eagerly, rather than let the heap grow to twice what lives: what decodes at once
// ([models.MemoryBudget]) and what everything else holds have room below it. GOMEMLIMIT sets another.
const heapLimit = models.MemoryBudget + 128<<20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var c commands
	parser := kong.Must(&c, kong.Name("fieldproof"),
		kong.Description("Field work orders and their proof.\n\n`fieldproof dev` needs no configuration, and takes FIELDPROOF_SMTP_URL, FIELDPROOF_TIMESTAMP_URL, FIELDPROOF_DRIVE_APP, FIELDPROOF_DROPBOX_APP and FIELDPROOF_ALLOWED_NETWORKS where they are set. The other commands read it from the environment:\n\n"+describeEnvironment()),
		kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)))
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	if err := command.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "fieldproof:", err)
		os.Exit(1)
	}
}
