package rig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"fieldproof/workflows/protocol"
)

// Root is the folder of the repository, in which the process runs or somewhere below.
func Root() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(dir, "go.mod")); missing == nil {
			return dir
		}
		if filepath.Dir(dir) == dir {
			err = errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	panic(err)
}

// TemporalBinary is temporal-dev as make builds it.
func TemporalBinary() (string, error) {
	binary := filepath.Join(Root(), "bin", "temporal-dev")
	if _, err := os.Stat(binary); err != nil {
		return "", fmt.Errorf("%s is missing: run `make bin/temporal-dev`", binary)
	}
	return binary, nil
}

// Build builds the product into dir, with the race detector when race is set.
func Build(dir string, race bool) (string, error) {
	binary := filepath.Join(dir, "fieldproof")
	args := []string{"build", "-o", binary}
	if race {
		args = append(args, "-race")
	}
	c := exec.Command("go", append(args, "./cmd/fieldproof")...)
	c.Dir = Root()
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return binary, nil
}

// Process is a child whose output is kept.
type Process struct {
	Cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer
}

// Start starts a program. It dies with the test.
func Start(env []string, name string, args ...string) (*Process, error) {
	p := &Process{Cmd: exec.Command(name, args...)}
	p.Cmd.Env = append(os.Environ(), env...)
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.Cmd.Stdout, p.Cmd.Stderr = p, p
	// Pdeathsig follows the thread that started the child. Nothing here may lock a goroutine to its thread and leave: the
	// thread would end with it, and with the thread whatever it had started.
	return p, p.Cmd.Start()
}

func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Output is what the program has printed so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// Stop asks the program to end and waits for it.
func (p *Process) Stop() error {
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	stuck := time.AfterFunc(30*time.Second, func() { _ = p.Cmd.Process.Kill() })
	defer stuck.Stop()
	return p.Cmd.Wait()
}

// Kill ends the program without a warning.
func (p *Process) Kill() {
	_ = p.Cmd.Process.Kill()
	_ = p.Cmd.Wait()
}

// Installation is a running Fieldproof.
type Installation struct {
	Name        string
	URL         string
	TemporalURL string // host:port
	DatabaseURL string
	Folders     string // root of folder destinations
	Blobs       string // folder of the blob store
	Dir         string
	outside     *Process // a Temporal of its own, which outlives ours
	parts       []*Process
	start       func() error
	startPart   map[Role]func() (*Process, error)
	extra       []string // of the environment
	cluster     *Postgres
}

// Role is one process of the production shape.
type Role string

// The roles.
const (
	Server   Role = "server"
	Worker   Role = "worker"
	Temporal Role = "temporal"
)

func (i *Installation) process(role Role) **Process {
	switch role {
	case Server:
		return &i.parts[0]
	case Worker:
		return &i.parts[1]
	}
	return &i.outside
}

// FreezePart stops one process where it stands; the function that it returns lets it go on.
func (i *Installation) FreezePart(role Role) (thaw func()) {
	pid := (*i.process(role)).Cmd.Process.Pid
	signalTree(pid, syscall.SIGSTOP)
	return func() { signalTree(pid, syscall.SIGCONT) }
}

// KillPart ends one process without a warning; the function that it returns starts it again and waits for it.
func (i *Installation) KillPart(role Role) (again func() error) {
	killed := i.process(role)
	(*killed).Kill()
	return func() (err error) {
		before := (*killed).Output()
		if *killed, err = i.startPart[role](); err != nil {
			return err
		}
		_, _ = (*killed).Write([]byte(before))
		return i.AwaitReady(60 * time.Second)
	}
}

// AwaitReady waits until the installation answers that every part of it is there, Temporal too.
func (i *Installation) AwaitReady(patience time.Duration) error {
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if r, err := http.Get(i.URL + "/readyz"); err == nil {
			body, _ := io.ReadAll(r.Body)
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK && !bytes.Contains(body, []byte("does not answer")) {
				return nil
			}
		}
		if time.Now().After(until) {
			out := i.Output()
			return fmt.Errorf("%s is not ready:\n%s", i.Name, out[max(0, len(out)-4000):])
		}
	}
}

// Output is what all parts have printed.
func (i *Installation) Output() string {
	var b strings.Builder
	for _, p := range i.parts {
		b.WriteString(p.Output())
	}
	return b.String()
}

// Stop ends every part, the newest first.
func (i *Installation) Stop() {
	for n := len(i.parts) - 1; n >= 0; n-- {
		_ = i.parts[n].Stop()
	}
	i.parts = nil
	if i.outside != nil {
		_ = i.outside.Stop()
		i.outside = nil
	}
}

// KillAll ends every part of Fieldproof without a warning; what it left behind is as after a crash.
func (i *Installation) KillAll() {
	for _, p := range i.parts {
		p.Kill()
	}
	i.parts = nil
}

// Restart starts what was stopped or killed, on the same data.
func (i *Installation) Restart() (err error) {
	if again, outside := i.startPart[Temporal]; outside && i.outside == nil {
		if i.outside, err = again(); err != nil {
			return err
		}
	}
	if err := i.start(); err != nil {
		return err
	}
	return i.AwaitReady(60 * time.Second)
}

// secretKey seals in tests.
const secretKey = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

// Dev is the embedded shape, `fieldproof dev` in dir, with a Temporal that spares the disk.
func Dev(binary, dir string) (*Installation, error) { return dev(binary, dir, "NORMAL") }

// DevDurable is the embedded shape as people run it.
func DevDurable(binary, dir string) (*Installation, error) { return dev(binary, dir, "FULL") }

func dev(binary, dir, synchronous string) (*Installation, error) {
	temporal, err := TemporalBinary()
	if err != nil {
		return nil, err
	}
	port, temporalPort, uiPort := FreePort(), FreePort(), FreePort()
	i := &Installation{Name: "sqlite", URL: fmt.Sprintf("http://127.0.0.1:%d", port), TemporalURL: fmt.Sprintf("127.0.0.1:%d", temporalPort),
		DatabaseURL: "sqlite://" + filepath.Join(dir, "fieldproof.db"), Folders: filepath.Join(dir, "folders"), Blobs: filepath.Join(dir, "blobs"), Dir: dir}
	i.start = func() error {
		p, err := Start(nil, binary, "dev", "--data-dir", dir, "--addr", strings.TrimPrefix(i.URL, "http://"), "--temporal-addr", i.TemporalURL,
			"--temporal-ui-addr", fmt.Sprintf("127.0.0.1:%d", uiPort), "--temporal-binary", temporal, "--temporal-sync", synchronous, "-v")
		i.parts = []*Process{p}
		return err
	}
	return i, i.Restart()
}

// Production is the production shape: server and worker as processes of their own, PostgreSQL, and a Temporal outside.
func Production(binary, dir string, pg *Postgres) (*Installation, error) {
	return production(binary, dir, pg, true)
}

// ProductionWith is Production with more in its environment, such as another storage.
func ProductionWith(binary, dir string, pg *Postgres, environment ...string) (*Installation, error) {
	return production(binary, dir, pg, true, environment...)
}

func production(binary, dir string, pg *Postgres, withWorker bool, extra ...string) (*Installation, error) {
	temporal, err := TemporalBinary()
	if err != nil {
		return nil, err
	}
	database, err := pg.Database()
	if err != nil {
		return nil, err
	}
	port, temporalPort := FreePort(), FreePort()
	i := &Installation{Name: "postgres", URL: fmt.Sprintf("http://127.0.0.1:%d", port), TemporalURL: fmt.Sprintf("127.0.0.1:%d", temporalPort),
		DatabaseURL: database, Folders: filepath.Join(dir, "folders"), Blobs: filepath.Join(dir, "blobs"), Dir: dir, extra: extra, cluster: pg}
	env := i.Environment()
	args := []string{"--db", filepath.Join(dir, "temporal.db"), "--addr", i.TemporalURL, "--ui-addr", "", "--synchronous", "NORMAL"}
	for name, kind := range protocol.SearchAttributes {
		args = append(args, "--search-attribute", name+"="+kind) // or a cluster takes a minute to know them
	}
	i.startPart = map[Role]func() (*Process, error){
		Server:   func() (*Process, error) { return Start(env, binary, "server") },
		Worker:   func() (*Process, error) { return Start(env, binary, "worker") },
		Temporal: func() (*Process, error) { return Start(nil, temporal, args...) },
	}
	if i.outside, err = i.startPart[Temporal](); err != nil {
		return nil, err
	}
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		c := exec.Command(binary, "migrate")
		c.Env = append(os.Environ(), env...)
		out, err := c.CombinedOutput()
		if err == nil {
			break
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("migrate: %w: %s", err, out)
		}
	}
	i.start = func() error {
		server, err := i.startPart[Server]()
		if err != nil {
			return err
		}
		i.parts = []*Process{server}
		if !withWorker {
			return nil
		}
		worker, err := i.startPart[Worker]()
		i.parts = append(i.parts, worker)
		return err
	}
	if err := i.Restart(); err != nil {
		return nil, err
	}
	return i, nil
}

// SecretKey is the one that seals in the installation: that of `fieldproof dev` lies with its data.
func (i *Installation) SecretKey() string {
	if own, err := os.ReadFile(filepath.Join(i.Dir, "secret.key")); err == nil {
		return strings.TrimSpace(string(own))
	}
	return secretKey
}

// Environment is the configuration of the production shape.
func (i *Installation) Environment() []string {
	return append([]string{
		"FIELDPROOF_DATABASE_URL=" + i.DatabaseURL, "FIELDPROOF_TEMPORAL_ADDRESS=" + i.TemporalURL, "FIELDPROOF_BLOB_URL=file://" + i.Blobs,
		"FIELDPROOF_ADDR=" + strings.TrimPrefix(i.URL, "http://"), "FIELDPROOF_PUBLIC_URL=" + i.URL, "FIELDPROOF_SECRET_KEY=" + secretKey,
		"FIELDPROOF_SIGNUP=open", "FIELDPROOF_ALLOWED_NETWORKS=127.0.0.0/8", "FIELDPROOF_FOLDER_ROOTS=" + i.Folders,
	}, i.extra...)
}

// ServerOnly is the production shape without a worker: its Temporal keeps what is asked of it.
func ServerOnly(binary, dir string, pg *Postgres) (*Installation, error) {
	return production(binary, dir, pg, false)
}

// ServerPID is the process of the server.
func (i *Installation) ServerPID() int { return i.parts[0].Cmd.Process.Pid }

// signalTree signals a process and all that it started, directly or not.
func signalTree(pid int, signal syscall.Signal) {
	eachBelow(pid, func(pid int) { _ = syscall.Kill(pid, signal) })
}

func children(pid int) (found []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, child := range strings.Fields(string(text)) {
			if id, err := strconv.Atoi(child); err == nil {
				found = append(found, id)
			}
		}
	}
	return found
}

// Parts are the processes of the installation, each before those that it started.
func (i *Installation) Parts() (pids []int) {
	for _, p := range i.parts {
		eachBelow(p.Cmd.Process.Pid, func(pid int) { pids = append(pids, pid) })
	}
	return pids
}

// eachBelow visits a process and then all that it started, directly or not. One that ends meanwhile has none.
func eachBelow(pid int, visit func(pid int)) {
	visit(pid)
	for _, child := range children(pid) {
		eachBelow(child, visit)
	}
}

// Freeze stops all processes of the installation and its Temporal where they stand, as a machine does that sleeps.
func (i *Installation) Freeze() { i.signal(syscall.SIGSTOP) }

// Thaw ends a Freeze.
func (i *Installation) Thaw() { i.signal(syscall.SIGCONT) }

func (i *Installation) signal(signal syscall.Signal) {
	for _, p := range i.parts {
		signalTree(p.Cmd.Process.Pid, signal)
	}
	if i.outside != nil {
		signalTree(i.outside.Cmd.Process.Pid, signal)
	}
}

// FreezeTemporal stops Temporal alone; the function that it returns lets it go on.
func (i *Installation) FreezeTemporal() (thaw func()) {
	if i.outside != nil {
		signalTree(i.outside.Cmd.Process.Pid, syscall.SIGSTOP)
		return func() { signalTree(i.outside.Cmd.Process.Pid, syscall.SIGCONT) }
	}
	_ = syscall.Kill(i.parts[0].Cmd.Process.Pid, syscall.SIGSTOP) // with its child, and goes on at once
	signalTree(i.parts[0].Cmd.Process.Pid, syscall.SIGSTOP)
	_ = syscall.Kill(i.parts[0].Cmd.Process.Pid, syscall.SIGCONT)
	return func() { signalTree(i.parts[0].Cmd.Process.Pid, syscall.SIGCONT) }
}

// LoseTemporal takes Temporal away, with whatever is on its way to it; the function that it returns brings it back.
func (i *Installation) LoseTemporal() (again func() error) {
	if i.outside != nil {
		thaw := i.FreezePart(Temporal)
		return func() error {
			again := i.KillPart(Temporal)
			thaw()
			return again()
		}
	}
	i.FreezeTemporal()
	return func() error {
		for _, child := range children(i.parts[0].Cmd.Process.Pid) {
			_ = syscall.Kill(child, syscall.SIGKILL) // dev starts another
		}
		return i.AwaitReady(60 * time.Second)
	}
}

// Processes are those of Fieldproof itself.
func (i *Installation) Processes() map[int]bool {
	all := map[int]bool{}
	for _, p := range i.parts {
		all[p.Cmd.Process.Pid] = true
	}
	return all
}
