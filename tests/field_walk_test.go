package tests

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestFieldTheWalkWithAPhone does what the README says of a phone in the same Wi-Fi: trust this machine, open the app, sign in as
// the demo crew, shoot; the office has the photo.
func TestFieldTheWalkWithAPhone(t *testing.T) {
	longer(t)
	t.Parallel()
	require.Contains(t, string(must(t, func() ([]byte, error) { return os.ReadFile(filepath.Join(rig.Root(), "README.md")) })), "bin/fieldproof dev --tls --addr 0.0.0.0:8443")
	dir, port := t.TempDir(), rig.FreePort()
	for beside := rig.FreePort(); beside != port+1; beside = rig.FreePort() { // where the page about trust lies
		port = beside
	}
	temporal, err := rig.TemporalBinary()
	require.NoError(t, err)
	program, err := rig.Start(nil, product(t), "dev", "--tls", "--addr", fmt.Sprintf("0.0.0.0:%d", port), "--data-dir", dir, "--temporal-binary", temporal, "--temporal-sync", "NORMAL",
		"--temporal-addr", fmt.Sprintf("127.0.0.1:%d", rig.FreePort()), "--temporal-ui-addr", fmt.Sprintf("127.0.0.1:%d", rig.FreePort()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = program.Stop() })
	printed := func(what string) (found string) {
		(&rig.User{T: t}).Await(what, func() bool {
			at := regexp.MustCompile(what).FindStringSubmatch(program.Output())
			if at != nil {
				found = at[1]
			}
			return at != nil
		})
		return found
	}
	trust, fingerprint, app := printed(`trust it first: open (\S+)`), printed(`SHA-256 of its authority: (\S+)\)`), printed(`Field app +(\S+)`)
	var logins []struct{ Username, Password string }
	require.NoError(t, json.Unmarshal(must(t, func() ([]byte, error) { return os.ReadFile(filepath.Join(dir, "demo.json")) }), &logins))
	passwordOf := map[string]string{}
	for _, l := range logins {
		passwordOf[l.Username] = l.Password
	}

	// The browser of the test is told which key it may trust; that the certificate vouches for it is looked at here.
	seen, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is looked at below
	require.NoError(t, err)
	server := seen.ConnectionState().PeerCertificates[0]
	_ = seen.Close()
	key := sha256.Sum256(server.RawSubjectPublicKeyInfo)
	p := newPhone(t, &rig.Installation{URL: app}, func(p *phone) {
		p.at = app[:len(app)-len("/field/")]
		p.flags = append(p.flags, chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])))
	})
	p.run(chromedp.Navigate(trust))
	p.says("h1", "Let this phone trust Fieldproof")
	p.says(".fingerprint", fingerprint)
	p.seen("trust")
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(p.download(`a.button`)), "it is a certificate")
	desk := &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(desk.CloseIdleConnections)
	office := func(method, path, token string, body any) (said rig.JSON) {
		b, err := json.Marshal(body)
		require.NoError(t, err)
		r, err := http.NewRequest(method, p.at+"/api/v1"+path, bytes.NewReader(b))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		a, err := desk.Do(r)
		require.NoError(t, err, "the certificate vouches for the address")
		defer a.Body.Close()
		require.Less(t, a.StatusCode, 300, path)
		require.NoError(t, json.NewDecoder(a.Body).Decode(&said))
		return said
	}
	token := fmt.Sprint(office("POST", "/sessions", "", rig.JSON{"username": "demo-office", "password": passwordOf["demo-office"]})["token"])
	order := office("GET", "/work-orders", token, nil)["items"].([]any)[0].(map[string]any)
	office("POST", fmt.Sprint("/work-orders/", order["id"], "/assign"), token, rig.JSON{"assignee": "demo-crew"})

	p.tap(`a[href="` + app + `"]`)
	p.says("h1", "Sign in")
	p.allow(asCamera, true)
	p.allow(asPosition, true)
	p.fill(`input[autocomplete=username]`, "demo-crew")
	p.fill(`input[autocomplete=current-password]`, passwordOf["demo-crew"])
	p.tap(`.Welcome form button.primary`)
	p.tap(`.Welcome button.primary`, "Go on")
	p.tap(`.Welcome button`, "Not now")
	p.kept() // which takes a connection that is trusted
	p.tap(`.rows .Row`)
	p.tap(`.Dock a`)
	p.until("the camera runs", `document.querySelector("video")?.videoWidth > 0`)
	p.fire(1)
	taken := p.awaitItems(1, "safe")[0]
	photos := office("GET", fmt.Sprint("/work-orders/", order["id"], "/photos"), token, nil)["items"].([]any)
	require.Len(t, photos, 1)
	require.Equal(t, taken["sha256"], photos[0].(map[string]any)["sha256"])
}
