package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"fieldproof/mirror"
)

type downloadCommand struct {
	Server   string        `required:"" help:"The installation, such as https://fieldproof.example.com." placeholder:"URL"`
	Token    string        `required:"" env:"FIELDPROOF_TOKEN" help:"A token for scripts of an office user." placeholder:"TOKEN"`
	To       string        `required:"" help:"The folder." type:"path" placeholder:"FOLDER"`
	Template string        `help:"Folder levels with / between them, such as 'Client/Project/Task'; what is there already moves when it changes." placeholder:"LEVELS"`
	Metadata bool          `help:"Write each item's data as JSON beside it."`
	Check    bool          `help:"Hash every file that is there, and fetch again what was changed."`
	Parallel int           `help:"Files at once." default:"4"`
	Watch    bool          `help:"Go on until stopped, and fetch what is published meanwhile."`
	Every    time.Duration `help:"How often to ask, with --watch." default:"20s"`
	Quiet    bool          `short:"q" help:"Show no progress."`
}

// Validate checks what the flags alone can tell.
func (d downloadCommand) Validate() error {
	u, err := url.Parse(d.Server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("--server: %q is no address; write one such as https://fieldproof.example.com", d.Server)
	}
	if d.Parallel < 1 || d.Parallel > 64 {
		return errors.New("--parallel: choose between 1 and 64")
	}
	if d.Every < time.Second {
		return errors.New("--every: at least 1s")
	}
	return nil
}

// Run mirrors until the folder is up to date, or with --watch until it is stopped.
func (d downloadCommand) Run(ctx context.Context) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = d.Parallel
	transport.ResponseHeaderTimeout = time.Minute
	server := &mirror.Server{URL: d.Server, Token: d.Token, HTTP: &http.Client{Transport: transport}}
	for pass := 0; ; pass++ {
		shown := newProgress(d.Quiet)
		m := &mirror.Mirror{Server: server, Folder: d.To, Template: d.Template, Metadata: d.Metadata, Check: d.Check && pass == 0, Parallel: d.Parallel,
			Progress: shown, Warn: shown.warn}
		sum, err := m.Pass(ctx)
		shown.end()
		if ctx.Err() != nil {
			fmt.Fprintln(os.Stderr, "Stopped; the same command goes on where it was.")
			return ctx.Err()
		}
		if err != nil && (!d.Watch || pass == 0) {
			return err
		}
		switch {
		case err != nil:
			fmt.Fprintf(os.Stderr, "%s: %v; asked again in %s\n", time.Now().Format(time.DateTime), err, d.Every)
		case pass == 0 || sum.Fetched+sum.Moved > 0:
			fmt.Printf("%d fetched (%.1f MB), %d moved, %d there already, %d withdrawn: %s is up to date.\n", sum.Fetched, float64(sum.Bytes)/1e6, sum.Moved, sum.Kept, sum.Withdrawn, d.To)
		}
		if !d.Watch {
			return nil
		}
		select {
		case <-time.After(d.Every):
		case <-ctx.Done():
			return nil
		}
	}
}

// progress is a bar on a terminal, and nothing elsewhere.
type progress struct {
	bar   *progressbar.ProgressBar
	mu    sync.Mutex
	total int64
}

func newProgress(quiet bool) *progress {
	p := &progress{}
	if !quiet && term.IsTerminal(int(os.Stderr.Fd())) {
		p.bar = progressbar.NewOptions64(0, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("downloading"))
	}
	return p
}

// Plan adds bytes that are to be fetched.
func (p *progress) Plan(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total += bytes
	if p.bar != nil && bytes > 0 {
		p.bar.ChangeMax64(p.total)
	}
}

// Add notes bytes that arrived.
func (p *progress) Add(bytes int64) {
	if p.bar != nil {
		_ = p.bar.Add64(bytes) // a bar that can't be drawn stops nothing
	}
}

func (p *progress) warn(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
