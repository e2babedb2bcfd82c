package tests

import (
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheFieldAppsWorkerFindsAllItsFiles asks the server for each file that the service worker names: one that is not there,
// and it never installs, silently.
func TestTheFieldAppsWorkerFindsAllItsFiles(t *testing.T) {
	t.Parallel()
	in := shape(t, "sqlite")
	get := func(path string) (int, string, http.Header) {
		r, err := http.Get(in.URL + "/field/" + path) //nolint:noctx // it ends with the installation
		require.NoError(t, err)
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		return r.StatusCode, string(b), r.Header
	}
	status, worker, header := get("sw.js")
	require.Equal(t, 200, status)
	require.Equal(t, "no-cache", header.Get("Cache-Control"))
	named := regexp.MustCompile(`"?url"?:\s*"([^"]+)"`).FindAllStringSubmatch(worker, -1)
	require.Greater(t, len(named), 5)
	for _, n := range named {
		status, content, _ := get(n[1])
		require.Equal(t, 200, status, n[1])
		require.NotEmpty(t, content, n[1])
	}
}
