package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// files lists what a mirrored folder holds, path → content, without the mirror's own.
func files(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a part that was renamed this moment
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(folder, path)
		if strings.HasPrefix(name, ".fieldproof") || strings.HasPrefix(d.Name(), ".part-") {
			return nil
		}
		content, err := os.ReadFile(path)
		found[filepath.ToSlash(name)] = string(content)
		return err
	}))
	return found
}

// downloads is fieldproof download into a folder.
func downloads(t testing.TB, server, token, folder string, more ...string) *exec.Cmd {
	cmd := exec.Command(product(t), append([]string{"download", "--server", server, "--to", folder}, more...)...)
	cmd.Env = append(os.Environ(), "FIELDPROOF_TOKEN="+token)
	return cmd
}

func download(t *testing.T, server, token, folder string, more ...string) string {
	t.Helper()
	out, err := downloads(t, server, token, folder, more...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// hasAll asserts that each photo lies in the folder exactly once.
func hasAll(t *testing.T, found map[string]string, photos ...[]byte) {
	t.Helper()
	for _, photo := range photos {
		n := 0
		for _, content := range found {
			if content == string(photo) {
				n++
			}
		}
		require.Equal(t, 1, n)
	}
}

func TestTheDownloaderMirrorsWhatIsPublished(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		token := office.Want(201, "POST", "/tokens", rig.JSON{"name": "mirror"}).Text("token")
		folder := t.TempDir()
		require.Contains(t, download(t, in.URL, token, folder), "0 fetched", "nothing is published yet")
		first, items := released(t, office, 3)
		second, _ := released(t, office, 2)
		unpublished := rig.JPEG(70, 50, 99)
		office.Upload(second, unpublished)
		var photos [][]byte
		for n := range uint64(3) {
			photos = append(photos, rig.JPEG(200, 150, n+1))
		}
		require.Contains(t, download(t, in.URL, token, folder), "5 fetched")
		found := files(t, folder)
		require.Len(t, found, 5)
		for _, photo := range photos { // of which each order has its own
			require.Contains(t, slices.Collect(maps.Values(found)), string(photo))
		}
		for _, content := range found {
			require.NotEqual(t, string(unpublished), content)
		}
		require.Contains(t, download(t, in.URL, token, folder), "0 fetched", "a second run finds everything")

		// What is published later comes; what moves, moves; what was deleted here comes again.
		o := office.Want(200, "GET", "/work-orders/"+first, nil)
		office.Want(200, "PATCH", "/photos/"+items[0].Text("id"), rig.JSON{"evidence_type": "before"})
		office.Want(200, "PATCH", "/photos/"+items[0].Text("id"), rig.JSON{"review": "approved"})
		late := rig.JPEG(80, 60, 77)
		office.Want(200, "PATCH", "/photos/"+office.Upload(first, late, "task_id", o.Text("tasks", 0, "id")).Text("id"), rig.JSON{"review": "approved"})
		office.Want(200, "POST", "/work-orders/"+first+"/publish", nil)
		gone := ""
		for name := range found {
			if strings.Contains(name, items[1].Text("uuid")) {
				gone = name
			}
		}
		require.NoError(t, os.Remove(filepath.Join(folder, gone)))
		require.Contains(t, download(t, in.URL, token, folder), "2 fetched", "the late one, and the one that was deleted")
		after := files(t, folder)
		require.Len(t, after, 6)
		hasAll(t, after, late)
		require.Contains(t, after, gone)
		for name := range after {
			if strings.Contains(name, items[0].Text("uuid")) {
				require.Contains(t, name, "before")
			}
		}

		// A changed byte shows with --check; a withdrawn item never reaches a new mirror.
		broken := filepath.Join(folder, gone)
		content := []byte(after[gone])
		content[len(content)/2] ^= 1
		require.NoError(t, os.WriteFile(broken, content, 0o600))
		require.Contains(t, download(t, in.URL, token, folder), "0 fetched")
		require.Contains(t, download(t, in.URL, token, folder, "--check"), "1 fetched")
		require.Equal(t, after, files(t, folder))
		require.Contains(t, download(t, in.URL, token, folder, "--metadata"), "6 there already")
		require.Len(t, files(t, folder), 12, "the data of what was there already, too")
		office.Want(204, "DELETE", "/photos/"+items[2].Text("id"), nil)
		other := t.TempDir()
		require.Contains(t, download(t, in.URL, token, other, "--template", "Project/Photo Type", "--metadata"), "5 fetched")
		require.Len(t, files(t, other), 10, "each with its data beside it")
		require.Contains(t, download(t, in.URL, token, other, "--template", "City/Project", "--metadata"), "5 moved")
		require.Len(t, files(t, other), 10)

		// Two accounts never share a folder, and a wrong token is told.
		stranger := rig.SignUp(t, in.URL)
		out, err := downloads(t, in.URL, stranger.Want(201, "POST", "/tokens", rig.JSON{"name": "x"}).Text("token"), folder).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "another account")
		out, err = downloads(t, in.URL, "fp_wrong", t.TempDir()).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "does not know the token")
		require.Empty(t, stranger.Want(200, "GET", "/published", nil).List("items"))
		office.Want(400, "GET", "/published?after=x", nil)
		office.Want(400, "GET", "/published?template=Nonsense", nil)
	})
}

func TestTheListOfWhatIsPublishedPagesWithoutGaps(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		_, first := released(t, office, 3)
		_, second := released(t, office, 2)
		want := map[string]bool{}
		for _, i := range append(first, second...) {
			want[i.Text("id")] = true
		}
		for limit := 1; limit <= 5; limit++ {
			seen, after, more := map[string]bool{}, "", true
			for more {
				page := office.Want(200, "GET", fmt.Sprintf("/published?limit=%d&after=%s", limit, after), nil)
				for n := range page.List("items") {
					require.False(t, seen[page.Text("items", n, "id")], "twice")
					seen[page.Text("items", n, "id")] = true
				}
				after, more = page.Text("position"), page.Get("more").(bool)
			}
			require.Equal(t, want, seen)
			require.Empty(t, office.Want(200, "GET", "/published?after="+after, nil).List("items"))
		}
	})
}

// badLine is a proxy whose answers to content break off after so many bytes.
func badLine(t *testing.T, to string, after int64, breaks int32) (address string, ranges *atomic.Int32) {
	target, err := url.Parse(to)
	require.NoError(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	ranges = &atomic.Int32{}
	var broken atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") != "" {
			ranges.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, "/content") && broken.Add(1) <= breaks {
			w = &cutWriter{ResponseWriter: w, left: after}
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, ranges
}

type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (c *cutWriter) Write(b []byte) (int, error) {
	if int64(len(b)) > c.left {
		_, _ = c.ResponseWriter.Write(b[:c.left])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= int64(len(b))
	return c.ResponseWriter.Write(b)
}

func (c *cutWriter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func TestTheDownloaderGoesOnWhereItBroke(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		token := office.Want(201, "POST", "/tokens", rig.JSON{"name": "mirror"}).Text("token")
		released(t, office, 8)
		line, ranges := badLine(t, in.URL, 1000, 6)
		folder := t.TempDir()
		require.Contains(t, download(t, line, token, folder), "8 fetched")
		require.Len(t, files(t, folder), 8)
		require.Positive(t, ranges.Load(), "what had arrived was not fetched again")

		// Two at once, on one new folder.
		both := t.TempDir()
		var running sync.WaitGroup
		outs := make([]string, 2)
		for n := range outs {
			running.Go(func() {
				out, err := downloads(t, in.URL, token, both).CombinedOutput()
				outs[n] = fmt.Sprint(string(out), err)
			})
		}
		running.Wait()
		for _, out := range outs {
			require.Contains(t, out, "is up to date.\n<nil>")
		}
		require.Equal(t, files(t, folder), files(t, both))

		// Killed in the middle: what lies there is whole, and the next run goes on.
		killed := t.TempDir()
		reached := make(chan struct{})
		target, err := url.Parse(in.URL)
		require.NoError(t, err)
		proxy := httputil.NewSingleHostReverseProxy(target)
		var contents atomic.Int32
		hung := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/content") && contents.Add(1) == 5 {
				close(reached)
				<-r.Context().Done()
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		defer hung.Close()
		cmd := downloads(t, hung.URL, token, killed, "--parallel", "1")
		require.NoError(t, cmd.Start())
		<-reached
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		for name, content := range files(t, killed) {
			require.Equal(t, files(t, folder)[name], content)
		}
		out := download(t, in.URL, token, killed)
		require.Contains(t, out, "4 fetched")
		require.Contains(t, out, "4 there already")
		require.Equal(t, files(t, folder), files(t, killed))
	})
}

func TestAWatchingDownloaderFetchesWhatComes(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		token := office.Want(201, "POST", "/tokens", rig.JSON{"name": "mirror"}).Text("token")
		folder := t.TempDir()
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		cmd := downloads(t, in.URL, token, folder, "--watch", "--every", "1s")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, cmd.Start())
		context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(os.Interrupt) })
		released(t, office, 2)
		office.Await("both photos", func() bool { return len(files(t, folder)) == 2 })
		stop()
		require.NoError(t, cmd.Wait(), "an interrupt ends it well: %s", &out)
	})
}

func TestAServerCannotWriteElsewhere(t *testing.T) {
	for _, path := range []string{"../evil.jpg", "/etc/evil.jpg", "a/../../evil.jpg", ".fieldproof/mirror.json", `a\..\evil.jpg`, "con:stream"} {
		fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/account") {
				_, _ = io.WriteString(w, `{"id":"a"}`)
				return
			}
			_, _ = fmt.Fprintf(w, `{"items":[{"id":"1","path":%q,"has_content":true,"metadata":{"kind":"photo","sha256":%q,"size":3}}],"position":"1.0","more":false}`, path, sha([]byte("abc")))
		}))
		out, err := downloads(t, fake.URL, "x", t.TempDir()).CombinedOutput()
		require.Error(t, err, path)
		require.Contains(t, string(out), "no path below the folder")
		fake.Close()
	}
}
