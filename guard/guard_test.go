package guard

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestRequestsReachOnlyAllowedNetworks(t *testing.T) {
	peer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		}
	}))
	defer peer.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(peer.URL, "http://"), ":")
	for _, c := range []struct {
		name, networks, public, path string
		allowed                      bool
	}{
		{"nothing allowed", "", "https://proof.example", "/", false},
		{"another network", "10.0.0.0/8", "https://proof.example", "/", false},
		{"loopback allowed", "127.0.0.0/8", "https://proof.example", "/", true},
		{"the installation's own address", "", "http://localhost:" + port, "/", true},
		{"another port of the own host", "", "http://localhost:1", "/", false},
		{"a redirect is not followed", "127.0.0.0/8", "", "/away", true},
	} {
		networks, err := ParseNetworks(c.networks)
		if err != nil {
			t.Fatal(err)
		}
		response, err := NewNetwork(networks, c.public).Client(5 * time.Second).Get(peer.URL + c.path)
		if err == nil {
			_ = response.Body.Close()
		}
		if c.allowed != (err == nil) || (!c.allowed && !errors.Is(err, ErrAddress)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.path == "/away" && err == nil && response.StatusCode != http.StatusFound {
			t.Errorf("%s: %s", c.name, response.Status)
		}
	}
}

func TestPrivateAddressesInEveryDisguise(t *testing.T) {
	client := NewNetwork(nil, "").Client(2 * time.Second)
	for _, address := range []string{"http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9", "http://[::ffff:127.0.0.1]:9", "http://0.0.0.0:9",
		"http://10.1.2.3:9", "http://192.168.0.1:9", "http://169.254.169.254", "http://[fd00::1]:9", "http://[fe80::1]:9", "http://100.64.0.1:9", "http://[64:ff9b::7f00:1]:9"} {
		response, err := client.Get(address)
		if err == nil {
			_ = response.Body.Close()
		}
		if !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestNetworksThatAreNone(t *testing.T) {
	for _, list := range []string{"10.0.0.0", "10.0.0.0/33", "private"} {
		if _, err := ParseNetworks(list); err == nil || !strings.Contains(err.Error(), list) {
			t.Errorf("%q: %v", list, err)
		}
	}
}

func TestFoldersStayBelowTheirRoot(t *testing.T) {
	if _, err := NewFolders("relative"); err == nil {
		t.Error("a relative root is taken")
	}
	none, err := NewFolders("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := none.Root(); err == nil {
		t.Error("without a named root there is one")
	}
	dir := t.TempDir()
	folders, err := NewFolders(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := folders.Root()
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := os.Symlink(dir, filepath.Join(dir, "root", "link")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../file", "link/file", "/etc/fieldproof"} {
		if f, err := root.Create(path); err == nil {
			_ = f.Close()
			t.Errorf("%s leads out of the root", path)
		}
	}
}
