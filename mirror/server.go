package mirror

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Server is the installation that is mirrored, as the bearer of a token sees it.
type Server struct {
	URL   string // such as https://fieldproof.example.com
	Token string
	HTTP  *http.Client
	// Patience is for how long a server that does not answer is asked again; 0 is ten minutes.
	Patience time.Duration
}

// item is one of GET /api/v1/published.
type item struct {
	ID         string          `json:"id"`
	Path       string          `json:"path"`
	HasContent bool            `json:"has_content"`
	Metadata   json.RawMessage `json:"metadata"`

	known known
}

// known is what the mirror needs of an item's metadata.
type known struct {
	Kind   string `json:"kind"`
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// read takes an item apart, and refuses one whose path would lead elsewhere.
func (it *item) read() error {
	if string(it.Metadata) != "null" {
		if err := json.Unmarshal(it.Metadata, &it.known); err != nil {
			return fmt.Errorf("the server's listing: %w", err)
		}
	}
	local := filepath.FromSlash(it.Path)
	if !filepath.IsLocal(local) || strings.ContainsAny(it.Path, `\:*?"<>|`) || it.Path == own || strings.HasPrefix(it.Path, own+"/") {
		return fmt.Errorf("the server names a file %q, which is no path below the folder", it.Path)
	}
	if it.HasContent {
		if raw, err := hex.DecodeString(it.known.SHA256); err != nil || len(raw) != sha256.Size {
			return fmt.Errorf("the server's listing has no hash for %s", it.Path)
		}
	}
	return nil
}

type publishedPage struct {
	Items    []item `json:"items"`
	Position string `json:"position"`
	More     bool   `json:"more"`
}

// errGone says that an item was withdrawn.
var errGone = errors.New("it was withdrawn")

// refusal is an answer that no retry changes.
type refusal struct{ message string }

func (r *refusal) Error() string { return r.message }

func (s *Server) published(ctx context.Context, after, template string) (*publishedPage, error) {
	query := url.Values{"limit": {"200"}}
	if after != "" {
		query.Set("after", after)
	}
	if template != "" {
		query.Set("template", template)
	}
	page := &publishedPage{}
	return page, s.json(ctx, "/api/v1/published?"+query.Encode(), page)
}

func (s *Server) account(ctx context.Context) (string, error) {
	var account struct {
		ID string `json:"id"`
	}
	err := s.json(ctx, "/api/v1/account", &account)
	return account.ID, err
}

func (s *Server) json(ctx context.Context, path string, into any) error {
	return s.patiently(ctx, func() error {
		answer, err := s.get(ctx, path, nil)
		if errors.Is(err, errGone) {
			return &refusal{"there is no Fieldproof at " + s.URL + " that lists what is published: check the address"}
		}
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		return json.NewDecoder(answer.Body).Decode(into)
	})
}

// patiently repeats what failed for now, with growing rests.
func (s *Server) patiently(ctx context.Context, try func() error) error {
	patience := s.Patience
	if patience == 0 {
		patience = 10 * time.Minute
	}
	until := time.Now().Add(patience)
	rest := 500 * time.Millisecond
	for {
		err := try()
		var final *refusal
		var wait *busy
		if err == nil || errors.As(err, &final) || errors.Is(err, errGone) || ctx.Err() != nil || isLocal(err) {
			return err
		}
		pause := rest
		if errors.As(err, &wait) && wait.after > 0 {
			pause = wait.after
		}
		if time.Now().Add(pause).After(until) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		rest = min(rest*2, 30*time.Second)
	}
}

// isLocal tells whether the trouble is on this machine: the disk is full, a file may not be written.
func isLocal(err error) bool {
	var local *os.PathError
	return errors.As(err, &local)
}

// busy is a server that wants to be asked later.
type busy struct {
	status string
	after  time.Duration
}

func (b *busy) Error() string { return "the server answers " + b.status }

func (s *Server) get(ctx context.Context, path string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(s.URL, "/")+path, nil)
	if err != nil {
		return nil, &refusal{err.Error()}
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Authorization", "Bearer "+s.Token)
	answer, err := s.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	switch answer.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		return answer, nil
	}
	defer answer.Body.Close()
	var problem struct{ Title, Detail string }
	_ = json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&problem) // who is no Fieldproof says nothing that helps
	switch {
	case answer.StatusCode == http.StatusUnauthorized:
		return nil, &refusal{"the server does not know the token: make one by POST /api/v1/tokens, and give it with --token or FIELDPROOF_TOKEN"}
	case answer.StatusCode == http.StatusForbidden:
		return nil, &refusal{"the token's user may not see publications: " + problem.Detail}
	case answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusGone:
		return nil, fmt.Errorf("%w (%s)", errGone, path)
	case answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode >= 500:
		seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
		return nil, &busy{answer.Status, time.Duration(min(seconds, 300)) * time.Second}
	}
	return nil, &refusal{fmt.Sprintf("the server answers %s: %s", answer.Status, problem.Detail)}
}

// content brings an item's bytes into f, behind those of an earlier try, and checks them.
func (s *Server) content(ctx context.Context, it item, f *os.File, progress Progress) error {
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	progress.Add(have)
	broken := 0
	return s.patiently(ctx, func() error {
		have, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		startOver := func() error {
			progress.Add(-have)
			have = 0
			_, err := f.Seek(0, io.SeekStart)
			return errors.Join(err, f.Truncate(0))
		}
		if have > it.known.Size {
			if err := startOver(); err != nil {
				return err
			}
		}
		if have < it.known.Size || it.known.Size == 0 {
			header := http.Header{}
			if have > 0 {
				header.Set("Range", fmt.Sprintf("bytes=%d-", have))
				header.Set("If-Range", `"`+it.known.SHA256+`"`)
			}
			flowing, stop := context.WithCancelCause(ctx)
			defer stop(nil)
			stalled := time.AfterFunc(stallsFor, func() { stop(errStalled) })
			defer stalled.Stop()
			answer, err := s.get(flowing, "/api/v1/published/"+url.PathEscape(it.ID)+"/content", header)
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if have > 0 && answer.StatusCode != http.StatusPartialContent {
				if err := startOver(); err != nil {
					return err
				}
			}
			if _, err := io.Copy(&watched{f, progress, stalled}, io.LimitReader(answer.Body, it.known.Size-have+1)); err != nil {
				if cause := context.Cause(flowing); cause != nil && ctx.Err() == nil {
					return cause
				}
				return err
			}
		}
		sum := sha256.New()
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		n, err := io.Copy(sum, f)
		if err != nil {
			return err
		}
		if n < it.known.Size {
			return io.ErrUnexpectedEOF // the next try goes on behind it
		}
		if hex.EncodeToString(sum.Sum(nil)) == it.known.SHA256 {
			return nil
		}
		have = n
		if err := startOver(); err != nil {
			return err
		}
		if broken++; broken == 3 {
			return &refusal{"what arrives does not fit its hash, three times over"}
		}
		return errors.New("what arrived does not fit its hash")
	})
}

// A connection over which nothing comes for stallsFor is given up, and the file asked for again from where it stands.
const stallsFor = time.Minute

var errStalled = errors.New("nothing came for a minute")

type watched struct {
	f        *os.File
	progress Progress
	stalled  *time.Timer
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	w.progress.Add(int64(n))
	w.stalled.Reset(stallsFor)
	return n, err
}
