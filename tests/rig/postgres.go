// Package rig starts the real parts that tests need: a private PostgreSQL, temporal-dev, and Fieldproof in both shapes.
package rig

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Postgres is a private cluster, gone when it is stopped.
type Postgres struct {
	port int
	dir  string
	cmd  *exec.Cmd
	run  func(name string, args ...string) *exec.Cmd
	next atomic.Int64
	// ended is closed when cmd has.
	ended chan struct{}
}

// StartPostgres makes a cluster from the installed binaries. PostgreSQL refuses root, so as root it runs as nobody.
func StartPostgres() (*Postgres, error) {
	dir, err := os.MkdirTemp("", "fieldproof-pg-")
	if err != nil {
		return nil, err
	}
	return StartPostgresIn(dir)
}

// StartPostgresIn is [StartPostgres] in a folder that is there, which it removes when it stops.
func StartPostgresIn(dir string) (*Postgres, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	var as *syscall.Credential
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir = dir
		c.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGKILL}
		return c
	}
	if out, err := run("initdb", "-D", filepath.Join(dir, "data"), "-U", "fieldproof", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	p := &Postgres{port: FreePort(), dir: dir, run: run}
	if err := p.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return p, nil
}

// Start starts the cluster, also again after a Kill, and returns once it answers.
func (p *Postgres) Start() error {
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if p.gone() { // what a killed one left behind goes in a moment
			c := p.run("postgres", "-D", filepath.Join(p.dir, "data"), "-p", strconv.Itoa(p.port), "-k", p.dir, "-c", "listen_addresses=127.0.0.1",
				"-c", "max_connections=200", "-c", "shared_buffers=128MB")
			c.Stdout, c.Stderr = log, log
			if err := c.Start(); err != nil {
				return err
			}
			p.cmd = c
			p.ended = make(chan struct{})
			go func(ended chan struct{}) { _ = c.Wait(); close(ended) }(p.ended)
		}
		if p.run("pg_isready", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port)).Run() == nil {
			return nil
		}
	}
	text, _ := os.ReadFile(log.Name())
	p.Kill()
	return fmt.Errorf("PostgreSQL did not start: %s", text)
}

func (p *Postgres) gone() bool {
	if p.ended == nil {
		return true
	}
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Kill ends the cluster without a warning.
func (p *Postgres) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Database makes a database of its own and returns its URL.
func (p *Postgres) Database() (string, error) { return p.database() }

// Copy makes a database that holds what another holds, which nobody is connected to, and returns its URL.
func (p *Postgres) Copy(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return p.database("-T", strings.Trim(u.Path, "/"))
}

// PutBack has a database hold what a [Postgres.Copy] holds, whoever is connected to it.
func (p *Postgres) PutBack(address, kept string) error {
	to, err := url.Parse(address)
	if err != nil {
		return err
	}
	from, err := url.Parse(kept)
	if err != nil {
		return err
	}
	name := strings.Trim(to.Path, "/")
	if err := p.tool("dropdb", "--force", name); err != nil {
		return err
	}
	return p.tool("createdb", "-T", strings.Trim(from.Path, "/"), name)
}

func (p *Postgres) database(options ...string) (string, error) {
	name := fmt.Sprintf("test%d", p.next.Add(1))
	if err := p.tool("createdb", append(options, name)...); err != nil {
		return "", err
	}
	return fmt.Sprintf("postgres://fieldproof@127.0.0.1:%d/%s?sslmode=disable", p.port, name), nil
}

// tool runs a client program of PostgreSQL's.
func (p *Postgres) tool(name string, args ...string) error {
	bin, err := postgresBinaries()
	if err != nil {
		return err
	}
	out, err := exec.Command(filepath.Join(bin, name), append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-U", "fieldproof"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// Freeze stops every process of the cluster where it stands, as a machine does that sleeps; Thaw lets them go on.
func (p *Postgres) Freeze() { signalTree(p.cmd.Process.Pid, syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (p *Postgres) Thaw() { signalTree(p.cmd.Process.Pid, syscall.SIGCONT) }

// Stop ends the cluster and removes it.
func (p *Postgres) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	<-p.ended
	_ = os.RemoveAll(p.dir)
}

func postgresBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		if path, err := exec.LookPath("initdb"); err == nil {
			return filepath.Dir(path), nil
		}
		return "", fmt.Errorf("the tests need PostgreSQL's binaries: install the Debian package postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// FreePort returns a loopback port that nobody holds, below those that the system hands out to clients.
func FreePort() int {
	ports.Lock()
	defer ports.Unlock()
	for port := 20000 + os.Getpid()%8000; ; port++ {
		if ports.taken[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = l.Close()
			ports.taken[port] = true
			return port
		}
	}
}

var ports = struct {
	sync.Mutex
	taken map[int]bool
}{taken: map[int]bool{}}
