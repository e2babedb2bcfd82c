// Command temporal-dev is a whole Temporal in one process: the server on a SQLite file, and its web UI.
//
// It exists for machines without a Temporal cluster. It is a Go module of its own because the server's dependencies
// can't be resolved together with those of the programs that use it. It knows nothing of them either: what is
// particular (addresses, namespace, search attributes) comes in by flags.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "temporal-dev:", err)
		os.Exit(1)
	}
}

// options are the program's flags.
type options struct {
	db               string
	addr             hostPort
	uiAddr           hostPort
	namespace        string
	searchAttributes searchAttributes
	synchronous      string
	retention        time.Duration
	logLevel         string
	watchStdin       bool
}

func parseFlags() options {
	o := options{addr: hostPort{"127.0.0.1", 7233}, searchAttributes: searchAttributes{}}
	flag.StringVar(&o.db, "db", "temporal.db", "SQLite `file`, made when missing")
	flag.Var(&o.addr, "addr", "`host:port` of the gRPC frontend")
	flag.Var(&o.uiAddr, "ui-addr", "`host:port` of the web UI; empty: no UI")
	flag.StringVar(&o.namespace, "namespace", "default", "namespace made when missing")
	flag.Var(o.searchAttributes, "search-attribute", "`Name=Type` registered with a new namespace (Keyword, Text, Int, Double, Bool, Datetime, KeywordList); repeatable")
	flag.StringVar(&o.synchronous, "synchronous", "FULL", "SQLite's synchronous: FULL survives a power cut, NORMAL is faster")
	flag.DurationVar(&o.retention, "retention", 30*24*time.Hour, "how long a new namespace keeps closed workflows")
	flag.StringVar(&o.logLevel, "log-level", "error", "debug, info, warn, error")
	flag.BoolVar(&o.watchStdin, "watch-stdin", false, "stop when standard input ends, so that this process never outlives the one that holds the other end")
	flag.Parse()
	return o
}

func run() error {
	o := parseFlags()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if o.watchStdin {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
			// An orphan has nobody left to wait for a graceful end.
			time.Sleep(3 * time.Second)
			os.Exit(1)
		}()
	}

	server, err := newServer(o)
	if err != nil {
		return err
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	if o.uiAddr.port != 0 {
		ui, err := startUI(o)
		if err != nil {
			_ = server.Stop()
			return err
		}
		defer ui.Stop()
	}
	<-ctx.Done()
	return server.Stop()
}

// hostPort is an address flag.
type hostPort struct {
	host string
	port int
}

func (h hostPort) String() string {
	if h.port == 0 {
		return ""
	}
	return net.JoinHostPort(h.host, strconv.Itoa(h.port))
}

func (h *hostPort) Set(s string) error {
	if s == "" {
		*h = hostPort{}
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("port %q is not between 1 and 65535", port)
	}
	*h = hostPort{host, n}
	return nil
}

// searchAttributes is a repeatable Name=Type flag.
type searchAttributes map[string]enumspb.IndexedValueType

func (s searchAttributes) String() string { return "" }

func (s searchAttributes) Set(v string) error {
	name, kind, ok := strings.Cut(v, "=")
	if !ok || name == "" {
		return errors.New("want Name=Type")
	}
	t, err := enumspb.IndexedValueTypeFromString(kind)
	if err != nil {
		return err
	}
	s[name] = t
	return nil
}
