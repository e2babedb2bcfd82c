package remotes_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/guard"
	"fieldproof/models"
	"fieldproof/remotes"
)

// TestNoBackendReachesWhatTheGuardForbids opens every backend that takes an address on a server of a private network.
func TestNoBackendReachesWhatTheGuardForbids(t *testing.T) {
	var reached atomic.Int64
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer private.Close()
	root := t.TempDir()
	folders, err := guard.NewFolders(root)
	require.NoError(t, err)
	proxy, err := guard.StartProxy(guard.NewNetwork(nil, "https://example.com"))
	require.NoError(t, err)
	defer proxy.Close()
	r := remotes.New(folders, proxy)
	host, port, _ := strings.Cut(strings.TrimPrefix(private.URL, "http://"), ":")
	// What goes around the proxy takes the default transport.
	direct := http.DefaultTransport.(*http.Transport)
	dial := direct.DialContext
	direct.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
		t.Errorf("%s is asked around the guard", address)
		return nil, errors.New("around the guard")
	}
	defer func() { direct.DialContext = dial }()
	for _, vendor := range append(remotes.Choices("webdav", "vendor"), "sharepoint", "sharepoint-ntlm", "rclone", "x") {
		offered(t, r, remotes.Spec{Backend: "webdav", Options: map[string]string{"url": private.URL + "/remote.php/dav/files/u", "vendor": vendor, "user": "u@example.com", "pass": "p"}},
			slices.Contains(remotes.Choices("webdav", "vendor"), vendor))
	}
	for _, provider := range append(remotes.Choices("s3", "provider"), "IDrive", "IBMCOS", "Rclone", "x") {
		offered(t, r, remotes.Spec{Backend: "s3", Path: "b/c", Options: map[string]string{"endpoint": private.URL, "access_key_id": "a", "secret_access_key": "b", "provider": provider}},
			slices.Contains(remotes.Choices("s3", "provider"), provider))
	}
	for name, s := range map[string]remotes.Spec{
		"webdav":         {Backend: "webdav", Options: map[string]string{"url": private.URL}},
		"webdav by name": {Backend: "webdav", Options: map[string]string{"url": "http://localhost:" + port}},
		"s3":             {Backend: "s3", Path: "b/c", Options: map[string]string{"endpoint": private.URL, "access_key_id": "a", "secret_access_key": "b"}},
		"sftp":           {Backend: "sftp", Options: map[string]string{"host": host, "port": port, "user": "u", "pass": "p"}},
	} {
		f, err := r.Open(context.Background(), s)
		if err == nil {
			_, err = f.List(context.Background(), "")
			err = r.Explain(s, err)
		}
		require.ErrorIs(t, err, guard.ErrAddress, name)
	}
	require.Zero(t, reached.Load(), "nothing arrived")
	direct.DialContext = dial

	response, err := http.Get(strings.Replace(proxy.URL, "fieldproof:", "other:", 1))
	require.NoError(t, err)
	require.Equal(t, http.StatusProxyAuthRequired, response.StatusCode)
	_ = response.Body.Close()

	require.NoError(t, os.Symlink("/", filepath.Join(root, "out")))
	for _, path := range []string{"out/etc", "../etc", "/", ""} {
		_, err := r.Open(context.Background(), remotes.Spec{Backend: "local", Path: path})
		require.Error(t, err, path)
	}
	_, err = r.Open(context.Background(), remotes.Spec{Backend: "local", Path: "in/here"})
	require.NoError(t, err)
}

// offered opens a folder on a private network, and sees that the guard refuses it, or that it is not offered at all.
func offered(t *testing.T, r *remotes.Remotes, s remotes.Spec, is bool) {
	t.Helper()
	f, err := r.Open(context.Background(), s)
	if !is {
		require.Equal(t, models.Invalid, models.KindOf(err), "%v", s.Options)
		return
	}
	if err == nil {
		_, err = f.List(context.Background(), "")
		err = r.Explain(s, err)
	}
	require.ErrorIs(t, err, guard.ErrAddress, "%v", s.Options)
}

func TestOnlyOptionsOfTheListAreTaken(t *testing.T) {
	for _, kind := range remotes.Kinds() {
		for _, option := range []string{"ssh", "key_file", "known_hosts_file", "bearer_token_command", "service_account_file", "env_auth", "http_proxy", "socks_proxy", "shared_credentials_file", "encoding", "auth_url", "token_url", "x"} {
			err := remotes.Spec{Backend: kind, Path: "a", Options: map[string]string{option: "v"}}.Check("")
			require.Equal(t, models.Invalid, models.KindOf(err), "%s %s", kind, option)
			require.ErrorContains(t, err, "options."+option)
		}
	}
	require.Error(t, remotes.Spec{Backend: "alias", Path: "/"}.Check(""))
	require.Error(t, remotes.Spec{Backend: "webdav", Options: map[string]string{"url": "file:///etc"}}.Check(""))
}

// TestEveryKindOfPlaceHasItsBackend holds the table of kinds of destinations against that of backends.
func TestEveryKindOfPlaceHasItsBackend(t *testing.T) {
	var reached []string
	for _, kind := range models.DestinationKinds {
		if kind.Has("remote") {
			reached = append(reached, string(kind))
		}
	}
	require.ElementsMatch(t, slices.DeleteFunc(remotes.Kinds(), func(k string) bool { return k == "local" }), reached)
}
