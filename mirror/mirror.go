// Package mirror keeps a folder on the customer's own machine equal to what an account has published.
package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"
)

// The mirror's own files, below the folder.
const (
	own       = ".fieldproof"
	stateName = own + "/mirror.json" // what is mirrored, and up to where
	indexName = own + "/index.jsonl" // one line a file that arrived
	lockName  = own + "/lock"
	partsName = own + "/parts"
)

// Mirror is one folder and the account that it mirrors.
type Mirror struct {
	Server   *Server
	Folder   string
	Template string // of folders, levels with / between them; "" is the server's default
	Metadata bool   // a JSON file beside each file
	Check    bool   // hash every file that is there already, and fetch again what was changed
	Parallel int
	Progress Progress
	Warn     func(format string, args ...any) // what a person should know and needs no stop

	root  *os.Root
	state state
	index map[string]entry // item id → what lies in the folder
	log   *os.File
	mu    sync.Mutex
}

// Progress shows how far a pass is.
type Progress interface {
	// Plan adds bytes that are to be fetched.
	Plan(bytes int64)
	// Add notes bytes that arrived; a try that starts over takes its bytes back.
	Add(bytes int64)
}

// state is mirror.json.
type state struct {
	Server   string `json:"server"`
	Account  string `json:"account"`
	Template string `json:"template"`
	Metadata bool   `json:"metadata"`
	Position string `json:"position"`
}

// entry is a line of index.jsonl; the last one of an item counts.
type entry struct {
	ID     string `json:"id"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
	Text   bool   `json:"text,omitempty"` // metadata or answers, which the index can't fetch again
}

// Summary is what a pass did.
type Summary struct {
	Fetched, Kept, Moved, Withdrawn int
	Bytes                           int64
}

// batch is how many items are planned before they are fetched: what a kill costs in listing.
const batch = 5000

// Pass brings the folder up to date once. While another pass on the folder goes on, in this process or another, it
// waits for its end.
func (m *Mirror) Pass(ctx context.Context) (sum Summary, err error) {
	if err := os.MkdirAll(filepath.Join(m.Folder, own), 0o755); err != nil {
		return sum, err
	}
	lock := flock.New(filepath.Join(m.Folder, filepath.FromSlash(lockName)))
	locked, err := lock.TryLock()
	if err != nil {
		return sum, fmt.Errorf("lock the folder: %w", err)
	}
	if !locked {
		m.Warn("another download works on %s: waiting for its end", m.Folder)
		if _, err := lock.TryLockContext(ctx, 300*time.Millisecond); err != nil {
			return sum, err
		}
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if m.root, err = os.OpenRoot(m.Folder); err != nil {
		return sum, err
	}
	defer m.root.Close()
	if err := m.load(ctx); err != nil {
		return sum, err
	}
	defer m.log.Close()
	again, err := m.lost()
	if err != nil {
		return sum, err
	}
	if err := m.fetchAll(ctx, again, &sum); err != nil {
		return sum, err
	}
	for more := true; more; {
		var items []item
		at := m.state.Position
		for more && len(items) < batch {
			page, err := m.Server.published(ctx, at, m.Template)
			if err != nil {
				return sum, err
			}
			items = append(items, page.Items...)
			at, more = page.Position, page.More
		}
		if err := m.fetchAll(ctx, items, &sum); err != nil {
			return sum, err
		}
		m.state.Position = at
		if err := m.save(); err != nil {
			return sum, err
		}
	}
	return sum, m.compact()
}

// load reads the folder's state, or begins it.
func (m *Mirror) load(ctx context.Context) error {
	account, err := m.Server.account(ctx)
	if err != nil {
		return err
	}
	fresh := state{Server: m.Server.URL, Account: account, Template: m.Template, Metadata: m.Metadata}
	switch b, err := m.root.ReadFile(stateName); {
	case errors.Is(err, fs.ErrNotExist):
		m.state = fresh
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(b, &m.state); err != nil {
			return fmt.Errorf("%s is damaged: delete it, and everything is compared again: %w", stateName, err)
		}
		if m.state.Account != account {
			return fmt.Errorf("the folder %s mirrors another account: choose another folder", m.Folder)
		}
		if m.state.Template != m.Template || (m.Metadata && !m.state.Metadata) {
			m.state.Position = "" // everything is listed again: it moves, or gets its data
		}
		m.state.Template, m.state.Metadata = m.Template, m.Metadata
		m.state.Server = m.Server.URL
	}
	m.index = map[string]entry{}
	switch b, err := m.root.ReadFile(indexName); {
	case errors.Is(err, fs.ErrNotExist):
		m.state.Position = ""
	case err != nil:
		return err
	default:
		for line := range strings.Lines(string(b)) {
			var e entry
			if json.Unmarshal([]byte(line), &e) == nil { // the last line of a killed run may be torn
				m.index[e.ID] = e
			}
		}
	}
	if err := m.save(); err != nil {
		return err
	}
	m.log, err = m.root.OpenFile(indexName, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = m.log.WriteString("\n") // ends a torn line
	return err
}

func (m *Mirror) save() error {
	b, err := json.MarshalIndent(m.state, "", "  ")
	if err != nil {
		return err
	}
	return m.replace(stateName, b)
}

// compact rewrites the index with one line an item.
func (m *Mirror) compact() error {
	var b strings.Builder
	for _, e := range m.index {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return m.replace(indexName, []byte(b.String()))
}

// replace writes a file so that a kill leaves the old one or the new one.
func (m *Mirror) replace(name string, content []byte) error {
	f, err := m.root.OpenFile(name+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return m.root.Rename(name+".new", name)
}

// lost lists what the folder should hold and does not.
func (m *Mirror) lost() ([]item, error) {
	var lost []item
	for _, e := range m.index {
		if e.Text {
			if _, err := m.root.Stat(e.Path); errors.Is(err, fs.ErrNotExist) {
				m.state.Position = "" // the listing has it
			}
			continue
		}
		fits, err := m.holds(e, m.Check)
		if err != nil {
			return nil, err
		}
		if !fits {
			lost = append(lost, item{ID: e.ID, Path: e.Path, HasContent: true, Metadata: json.RawMessage("null"), known: known{SHA256: e.SHA256, Size: e.Size}})
		}
	}
	return lost, nil
}

// holds tells whether a file is there as it should be: by its size, and by its hash when it is to be hashed.
func (m *Mirror) holds(e entry, hashed bool) (bool, error) {
	info, err := m.root.Stat(e.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() != e.Size {
		return false, nil
	}
	if !hashed {
		return true, nil
	}
	f, err := m.root.Open(e.Path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return false, err
	}
	return hex.EncodeToString(sum.Sum(nil)) == e.SHA256, nil
}

// fetchAll brings items to their places, some at once.
func (m *Mirror) fetchAll(ctx context.Context, items []item, sum *Summary) error {
	newest := map[string]int{} // an item that was published twice comes twice
	for i := range items {
		if err := items[i].read(); err != nil {
			return err
		}
		newest[items[i].ID] = i
	}
	var due []item
	var size int64
	for i, it := range items {
		if newest[it.ID] != i {
			continue
		}
		there, err := m.settled(it, sum)
		if err != nil {
			return err
		}
		if !there {
			due = append(due, it)
			size += it.known.Size
		}
	}
	m.Progress.Plan(size)
	group, together := errgroup.WithContext(ctx)
	group.SetLimit(max(1, m.Parallel))
	for _, it := range due {
		group.Go(func() error {
			err := m.fetch(together, it)
			if errors.Is(err, errGone) {
				m.Warn("%s was withdrawn meanwhile", it.Path)
				m.mu.Lock()
				sum.Withdrawn++
				m.mu.Unlock()
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", it.Path, err)
			}
			m.mu.Lock()
			sum.Fetched++
			sum.Bytes += it.known.Size
			m.mu.Unlock()
			return nil
		})
	}
	return group.Wait()
}

// settled brings an item to its place that needs nothing from the server: it lies there, or elsewhere in the folder.
func (m *Mirror) settled(it item, sum *Summary) (bool, error) {
	if !it.HasContent {
		return false, nil
	}
	have, known := m.index[it.ID]
	if !known || have.SHA256 != it.known.SHA256 {
		have = entry{ID: it.ID, Path: it.Path, SHA256: it.known.SHA256, Size: it.known.Size} // a folder that lost its index
		if _, err := m.root.Stat(it.Path); err != nil {
			return false, nil
		}
		if fits, err := m.holds(have, true); err != nil || !fits {
			return false, err
		}
	} else if fits, err := m.holds(have, m.Check); err != nil || !fits {
		return false, err
	}
	if have.Path != it.Path {
		if err := m.root.MkdirAll(path.Dir(it.Path), 0o755); err != nil {
			return false, err
		}
		if err := m.root.Rename(have.Path, it.Path); err != nil {
			return false, err
		}
		if m.Metadata {
			if err := m.root.Remove(have.Path + ".json"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return false, err
			}
		}
		m.tidy(path.Dir(have.Path))
		sum.Moved++
	} else {
		sum.Kept++
	}
	if err := m.metadata(it); err != nil {
		return false, err
	}
	have.Path = it.Path
	return true, m.arrived(have)
}

// tidy removes folders that a move left empty.
func (m *Mirror) tidy(folder string) {
	for folder != "." && folder != own {
		if m.root.Remove(folder) != nil {
			return // it holds something
		}
		folder = path.Dir(folder)
	}
}

// arrived notes in the index what lies in the folder.
func (m *Mirror) arrived(e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.index[e.ID] = e
	_, err = m.log.Write(append(line, '\n'))
	return err
}

func (m *Mirror) metadata(it item) error {
	if !m.Metadata && it.known.Kind != "survey_response" || string(it.Metadata) == "null" {
		return nil
	}
	if err := m.root.MkdirAll(path.Dir(it.Path), 0o755); err != nil {
		return err
	}
	return m.replace(it.Path+".json", it.Metadata)
}

// fetch brings one item to its place.
func (m *Mirror) fetch(ctx context.Context, it item) error {
	if err := m.metadata(it); err != nil {
		return err
	}
	if !it.HasContent {
		if !m.Metadata && it.known.Kind != "survey_response" {
			return nil
		}
		return m.arrived(entry{ID: it.ID, Path: it.Path + ".json", Text: true})
	}
	name := sha256.Sum256([]byte(it.ID + it.known.SHA256)) // two items may have the same bytes
	part := partsName + "/" + hex.EncodeToString(name[:16])
	if err := m.root.MkdirAll(partsName, 0o755); err != nil {
		return err
	}
	f, err := m.root.OpenFile(part, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	err = m.Server.content(ctx, it, f, m.Progress)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := m.root.MkdirAll(path.Dir(it.Path), 0o755); err != nil {
		return err
	}
	if err := m.root.Rename(part, it.Path); err != nil {
		return err
	}
	return m.arrived(entry{ID: it.ID, Path: it.Path, SHA256: it.known.SHA256, Size: it.known.Size})
}
