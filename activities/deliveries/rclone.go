package deliveries

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/fserrors"
	"github.com/rclone/rclone/fs/hash"
	"github.com/rclone/rclone/fs/object"
	"golang.org/x/oauth2"

	"fieldproof/activities/attempts"
	"fieldproof/guard"
	"fieldproof/remotes"
)

// remote is a place that rclone reaches.
type remote struct {
	remotes *remotes.Remotes
	spec    remotes.Spec
	fs      fs.Fs

	mu      sync.Mutex
	folders map[string]*listing
}

// listing is what a folder held when it was first looked at: asking for each of a thousand files would take as long as
// sending them.
type listing struct {
	once  sync.Once
	files map[string]fs.Object
	err   error
}

func openRemote(ctx context.Context, r *remotes.Remotes, spec remotes.Spec) (*remote, error) {
	p := &remote{remotes: r, spec: spec, folders: map[string]*listing{}}
	opened, err := r.Open(ctx, spec)
	if err != nil {
		return nil, p.explain(err)
	}
	p.fs = opened
	return p, nil
}

// expire notes that the access token is of no use, whatever its time says.
func (r *remote) expire() {
	token := &oauth2.Token{}
	if r.spec.Refreshed == nil || json.Unmarshal([]byte(r.spec.Options["token"]), token) != nil {
		return
	}
	token.Expiry = time.Now().Add(-time.Hour)
	if text, err := json.Marshal(token); err == nil {
		r.spec.Refreshed(string(text))
	}
}

func (r *remote) close() error {
	if s, ok := r.fs.(fs.Shutdowner); ok {
		return s.Shutdown(context.Background())
	}
	return nil
}

// there finds a file of the place, nil when there is none.
func (r *remote) there(ctx context.Context, name string) (fs.Object, error) {
	dir := path.Dir(name)
	if dir == "." {
		dir = ""
	}
	r.mu.Lock()
	l := r.folders[dir]
	if l == nil {
		l = &listing{files: map[string]fs.Object{}}
		r.folders[dir] = l
	}
	r.mu.Unlock()
	l.once.Do(func() {
		entries, err := r.fs.List(ctx, dir)
		if errors.Is(err, fs.ErrorDirNotFound) {
			return
		}
		l.err = err
		for _, e := range entries {
			if o, ok := e.(fs.Object); ok {
				l.files[o.Remote()] = o
			}
		}
	})
	return l.files[name], l.err
}

// put brings a file to its name. A file of this name that is not as it should be is half of one, from a try that was
// killed: it is replaced.
func (r *remote) put(ctx context.Context, s source) error {
	old, err := r.there(ctx, s.name)
	if err != nil {
		return err
	}
	if old != nil && s.sha != "" && old.Size() == s.size {
		same, err := r.same(ctx, old, s)
		if err != nil || same {
			return err
		}
	}
	reader, err := s.open()
	if err != nil {
		return err
	}
	defer reader.Close()
	size := s.size
	if sized, ok := reader.(interface{ Size() int64 }); ok && size < 0 {
		size = sized.Size()
	}
	hasher, err := hash.NewMultiHasherTypes(r.verified())
	if err != nil {
		return err
	}
	info := object.NewStaticObjectInfo(s.name, time.Now(), size, true, nil, r.fs)
	in := io.TeeReader(reader, hasher)
	var stored fs.Object
	if old != nil {
		stored, err = old, old.Update(ctx, in, info)
	} else {
		stored, err = r.create(ctx, in, info)
	}
	if err != nil {
		return err
	}
	if got := stored.Size(); got >= 0 && size >= 0 && got != size {
		return fmt.Errorf("%d of %d bytes arrived", got, size)
	}
	for kind, want := range hasher.Sums() {
		got, err := stored.Hash(ctx, kind)
		if err != nil && !errors.Is(err, hash.ErrUnsupported) {
			return err
		}
		if got != "" && got != want {
			return fmt.Errorf("what arrived is not what was sent: its %s is %s, not %s", kind, got, want)
		}
	}
	return nil
}

// create sends a file that is known not to be there; a place that would look again is told not to.
func (r *remote) create(ctx context.Context, in io.Reader, info fs.ObjectInfo) (fs.Object, error) {
	if unchecked := r.fs.Features().PutUnchecked; unchecked != nil {
		return unchecked(ctx, in, info)
	}
	return r.fs.Put(ctx, in, info)
}

// verified are the kinds of checksum by which the place tells what it holds; one is enough.
func (r *remote) verified() hash.Set { return hash.NewHashSet(r.fs.Hashes().GetOne()) }

// same compares a file that is there already. A place without checksums is believed by the size.
func (r *remote) same(ctx context.Context, o fs.Object, s source) (bool, error) {
	kind := r.fs.Hashes().GetOne()
	if kind == hash.None {
		return true, nil
	}
	have, err := o.Hash(ctx, kind)
	if err != nil || have == "" {
		return err == nil, err
	}
	reader, err := s.open()
	if err != nil {
		return false, err
	}
	defer reader.Close()
	sums, err := hash.StreamTypes(reader, hash.NewHashSet(kind))
	return err == nil && sums[kind] == have, err
}

func (r *remote) probe(ctx context.Context) error {
	s, content := probeSource()
	reader, err := s.open()
	if err != nil {
		return err
	}
	stored, err := r.fs.Put(ctx, reader, object.NewStaticObjectInfo(s.name, time.Now(), s.size, true, nil, r.fs))
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	back, err := stored.Open(ctx)
	if err == nil {
		var got []byte
		got, err = io.ReadAll(io.LimitReader(back, 1000))
		_ = back.Close()
		if err == nil && !bytes.Equal(got, content) {
			err = errors.New("what was written can't be read back")
		}
	}
	if err != nil {
		return errors.Join(fmt.Errorf("reading: %w", err), stored.Remove(ctx))
	}
	if err := stored.Remove(ctx); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	return nil
}

// revoked are the words by which services say that their permission was taken back.
var revoked = []string{"invalid_grant", "token has been expired or revoked", "invalid_client", "there's no refresh token", "empty token"}

// outdated are the words by which services refuse an access token: a new one may do, and if there is none, it is said
// then.
var outdated = []string{"expired_access_token", "invalid_access_token", "autherror", "invalid credentials"}

func containsAny(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

func (r *remote) explain(err error) error {
	if err == nil {
		return nil
	}
	err = r.remotes.Explain(r.spec, err)
	text := strings.ToLower(err.Error())
	switch {
	case containsAny(text, revoked):
		return attempts.Final(fmt.Errorf("the permission was revoked or has ended: connect the destination again (%w)", err))
	case containsAny(text, outdated):
		r.expire()
		return fmt.Errorf("the access token was not taken, the next try gets a new one: %w", err)
	case errors.Is(err, guard.ErrAddress):
		return attempts.Final(err)
	case strings.Contains(text, "insufficient_space") || strings.Contains(text, "storagequotaexceeded") || strings.Contains(text, "507 insufficient storage"):
		return fmt.Errorf("the destination is full: %w", err)
	case fserrors.IsFatalError(err):
		return attempts.Final(err)
	}
	return err
}
