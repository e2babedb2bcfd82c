// Package tests drives Fieldproof from outside, over HTTP, as its users do: the embedded shape on SQLite, and the
// production shape, server and worker as processes of their own, on PostgreSQL. Both run one suite.
package tests

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"fieldproof/tests/rig"
)

var (
	shapes  []*rig.Installation
	product string
	record  = flag.Bool("record", false, "record histories for the replay test of package workflows")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "fieldproof-tests-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if product, err = rig.Build(dir, false); err != nil {
		return fail(err)
	}
	pg, err := rig.StartPostgres()
	if err != nil {
		return fail(err)
	}
	defer pg.Stop()
	postgres = pg
	dev, err := rig.Dev(product, filepath.Join(dir, "sqlite"))
	if err != nil {
		return fail(err)
	}
	defer dev.Stop()
	production, err := rig.Production(product, filepath.Join(dir, "postgres"), pg)
	if err != nil {
		return fail(err)
	}
	defer production.Stop()
	shapes = []*rig.Installation{dev, production}
	code := m.Run()
	for _, i := range shapes {
		if code != 0 {
			warnings := slices.DeleteFunc(strings.Split(i.Output(), "\n"), func(line string) bool { return !strings.Contains(line, "level=WARN") })
			for _, line := range warnings[max(0, len(warnings)-50):] {
				fmt.Fprintf(os.Stderr, "%s warned: %s\n", i.Name, line)
			}
		}
		for line := range strings.Lines(i.Output()) {
			if strings.Contains(line, "panicked") || strings.Contains(line, "level=ERROR") {
				fmt.Fprintf(os.Stderr, "%s logged an error: %s", i.Name, line)
				code = 1
			}
		}
	}
	return code
}

var postgres *rig.Postgres

// each runs a test on both shapes.
func each(t *testing.T, test func(t *testing.T, in *rig.Installation)) {
	t.Parallel()
	for _, in := range shapes {
		t.Run(in.Name, func(t *testing.T) {
			t.Parallel()
			test(t, in)
		})
	}
}

func temporalOf(t *testing.T, in *rig.Installation) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: in.TemporalURL, Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// crewWithOrder makes an account with a crew member and an order assigned to them.
func crewWithOrder(t *testing.T, in *rig.Installation, fields rig.JSON) (office, crew *rig.User, order rig.Answer) {
	t.Helper()
	office = rig.SignUp(t, in.URL)
	crew = office.Colleague("crew")
	if fields == nil {
		fields = rig.JSON{}
	}
	fields["assignee"] = crew.Username
	return office, crew, office.Order(fields)
}

func now() string { return time.Now().UTC().Format(time.RFC3339Nano) }
