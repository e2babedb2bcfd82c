// Package tests drives Fieldproof from outside, over HTTP, as its users do: the embedded shape on SQLite, and the
// production shape, server and worker as processes of their own, on PostgreSQL. Both run one suite.
package tests

import (
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"fieldproof/tests/postbox"
	"fieldproof/tests/rig"
)

var record = flag.Bool("record", false, "record histories for the replay test of package workflows")

// suite is what the tests share. Each part is started when a test first asks for it, so that one test by name costs what
// it uses alone.
var suite struct {
	dir      string
	product  func() (string, error)
	postgres func() (*rig.Postgres, error)
	shapes   map[string]func() (*rig.Installation, error)
	mails    *postbox.Postbox

	mu      sync.Mutex
	cluster *rig.Postgres
	running []*rig.Installation
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fieldproof-tests-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	suite.dir = dir
	if suite.mails, err = postbox.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = os.Setenv("FIELDPROOF_SMTP_URL", "smtp://"+suite.mails.Addr().String()+"?from=fieldproof@example.com") // of every installation
	rig.HoldToContract()
	suite.product = sync.OnceValues(func() (string, error) { return rig.Build(dir, false) })
	suite.postgres = sync.OnceValues(func() (*rig.Postgres, error) {
		pg, err := rig.StartPostgres()
		suite.mu.Lock()
		defer suite.mu.Unlock()
		suite.cluster = pg
		return pg, err
	})
	suite.shapes = map[string]func() (*rig.Installation, error){
		"sqlite": sync.OnceValues(func() (*rig.Installation, error) {
			binary, err := suite.product()
			if err != nil {
				return nil, err
			}
			return started(rig.Dev(binary, filepath.Join(dir, "sqlite")))
		}),
		"postgres": sync.OnceValues(func() (*rig.Installation, error) {
			binary, err := suite.product()
			if err != nil {
				return nil, err
			}
			pg, err := suite.postgres()
			if err != nil {
				return nil, err
			}
			return started(rig.Production(binary, filepath.Join(dir, "postgres"), pg))
		}),
	}
	code := m.Run()
	for _, broken := range rig.ContractBroken() {
		fmt.Fprintln(os.Stderr, "against the OpenAPI document:", broken)
		code = 1
	}
	for _, i := range suite.running {
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
		i.Stop()
	}
	if suite.cluster != nil {
		suite.cluster.Stop()
	}
	return code
}

// started notes an installation that the suite has to stop.
func started(in *rig.Installation, err error) (*rig.Installation, error) {
	if in != nil {
		suite.mu.Lock()
		defer suite.mu.Unlock()
		suite.running = append(suite.running, in)
	}
	return in, err
}

// product is the program under test.
func product(t testing.TB) string { return must(t, suite.product) }

// postgres is the suite's cluster.
func postgres(t testing.TB) *rig.Postgres { return must(t, suite.postgres) }

// shape is the installation of that name that the tests share: "sqlite" or "postgres".
func shape(t testing.TB, name string) *rig.Installation { return must(t, suite.shapes[name]) }

func must[T any](t testing.TB, start func() (T, error)) T {
	t.Helper()
	what, err := start()
	if err != nil {
		t.Fatal(err)
	}
	return what
}

// shapeNames are the shapes to test; FIELDPROOF_TEST_SHAPES=sqlite leaves out PostgreSQL while one works on something.
func shapeNames() []string {
	if chosen := os.Getenv(shapesVariable); chosen != "" && chosen != inTurn {
		return strings.Split(chosen, ",")
	}
	return []string{"sqlite", "postgres"}
}

const (
	shapesVariable = "FIELDPROOF_TEST_SHAPES"
	// inTurn is what make test asks for, which has no time for more: each test runs on one of the shapes.
	inTurn = "turns"
)

// turn is on which shapes a test runs.
func turn(t *testing.T) []string {
	names := shapeNames()
	if os.Getenv(shapesVariable) != inTurn {
		return names
	}
	test, _, _ := strings.Cut(t.Name(), "/")
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(test))
	n := hash.Sum32() % uint32(len(names))
	return names[n : n+1]
}

// each runs a test on both shapes, on one of them where they take turns.
func each(t *testing.T, test func(t *testing.T, in *rig.Installation)) {
	onShapes(t, turn(t), test)
}

// onBoth runs a test on both shapes, however little time there is: what decides in it is the database's own, such as locks,
// transactions and indexes.
func onBoth(t *testing.T, test func(t *testing.T, in *rig.Installation)) {
	onShapes(t, shapeNames(), test)
}

func onShapes(t *testing.T, names []string, test func(t *testing.T, in *rig.Installation)) {
	t.Parallel()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, shape(t, name))
		})
	}
}

// eachOwn runs a test on an installation of its own in each shape: one that it may stop, kill or freeze.
func eachOwn(t *testing.T, test func(t *testing.T, start func(dir string) (*rig.Installation, error))) {
	for _, name := range turn(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := product(t)
			test(t, func(dir string) (*rig.Installation, error) {
				if name == "sqlite" {
					return rig.Dev(binary, dir)
				}
				return rig.Production(binary, dir, postgres(t))
			})
		})
	}
}

// onOwnCluster is the production shape on a PostgreSQL that the test may freeze or kill.
func onOwnCluster(t *testing.T) (*rig.Postgres, *rig.Installation) {
	t.Helper()
	return on(t, must(t, rig.StartPostgres))
}

// on is an installation of its own on a cluster that stops with the test.
func on(t *testing.T, pg *rig.Postgres) (*rig.Postgres, *rig.Installation) {
	t.Helper()
	t.Cleanup(pg.Stop)
	in := must(t, func() (*rig.Installation, error) {
		return rig.Production(product(t), filepath.Join(t.TempDir(), "installation"), pg)
	})
	t.Cleanup(in.Stop)
	return pg, in
}

// soaks tells that make soak runs the tests.
var soaks bool

// longer leaves a test to make soak, which finds by this call what make test, for all its length, has no time for: screens without
// number, and what waits for minutes.
func longer(t *testing.T) {
	t.Helper()
	if !soaks {
		t.Skip("make soak has the time for it, and make test-one SOAK=1")
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
