package tests

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// walked is what the walk says, whoever makes it.
const walked = `destinations: true true
listed: WALK-1,SAMPLE-1
assigned
too early: 409 The task "Lawn cut" needs 1 after photos and has 0. The task "Lawn cut" needs 1 before photos and has 0.
before 201 true
before 200 true
after 201 true
after 200 true
completed
approved
published
delivered: Hook,Results
published by the office: true
%PDF- PK
shown once: true true
`

// TestGeneratedClientsMakeTheWalk: clients are generated from the document that the product serves, compile, and take an
// order from created to published as the README does by hand.
func TestGeneratedClientsMakeTheWalk(t *testing.T) {
	longer(t)
	t.Parallel()
	for language, client := range map[string]struct {
		generate [][]string
		walk     []string
	}{
		"typescript": {[][]string{{"node", "generate.js"}, {filepath.Join("node_modules", ".bin", "tsc")}}, []string{"node", "generated/js/walk.js"}},
		"go": {[][]string{{"go", "tool", "oapi-codegen", "-config", "oapi-codegen.yaml", "generated/openapi.json"},
			{"go", "build", "-trimpath", "-o", "generated/walk", "."}}, []string{"generated/walk"}},
	} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			in := shape(t, "sqlite")
			dir := filepath.Join(rig.Root(), "tests", "clients", language)
			if language == "typescript" {
				require.NoError(t, rig.NodeModules(dir))
			}
			generate(t, dir, documentOf(t, in), client.generate)

			office := rig.SignUp(t, in.URL)
			crew := office.Colleague("crew")
			hook := rig.NewReceiver()
			defer hook.Close()
			said := execute(t, dir, []string{"SERVER=" + in.URL, "OFFICE=" + office.Username, "CREW=" + crew.Username, "PASSWORD=correct horse", "HOOK=" + hook.URL,
				"FOLDER=" + office.Username, "PHOTO=" + filepath.Join(rig.Root(), "docs", "sample", "front-before.jpg")}, client.walk...)
			require.Equal(t, walked, said)
		})
	}
}

func documentOf(t *testing.T, in *rig.Installation) []byte {
	t.Helper()
	answer, err := http.Get(in.URL + "/api/openapi.json")
	require.NoError(t, err)
	defer answer.Body.Close()
	document, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	return document
}

// generate makes a client of the document anew, unless it was made of the very same.
func generate(t *testing.T, dir string, document []byte, commands [][]string) {
	t.Helper()
	hash := sha256.New()
	_, _ = hash.Write(document)
	sources, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range sources {
		if f.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		_, _ = hash.Write(text)
	}
	into := filepath.Join(dir, "generated")
	madeOf, sum := filepath.Join(into, "made-of"), hex.EncodeToString(hash.Sum(nil))
	if before, err := os.ReadFile(madeOf); err == nil && string(before) == sum {
		return
	}
	require.NoError(t, os.RemoveAll(into))
	require.NoError(t, os.MkdirAll(into, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(into, "openapi.json"), document, 0o600))
	for _, c := range commands {
		execute(t, dir, nil, c...)
	}
	require.NoError(t, os.WriteFile(madeOf, []byte(sum), 0o600))
}

// execute runs a command in dir and returns what it printed.
func execute(t *testing.T, dir string, environment []string, command ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	if strings.Contains(command[0], "/") {
		command[0] = filepath.Join(dir, command[0])
	}
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Dir, c.Env = dir, append(os.Environ(), environment...)
	var complaints strings.Builder
	c.Stderr = &complaints
	out, err := c.Output()
	require.NoError(t, err, "%s: %s%s", strings.Join(command, " "), out, &complaints)
	return string(out)
}

// TestTheDocumentationInABrowser: an operation shows its parameters, shapes and examples, and nothing comes from elsewhere.
func TestTheDocumentationInABrowser(t *testing.T) {
	longer(t)
	t.Parallel()
	in := shape(t, "sqlite")
	answer, err := http.Get(in.URL + "/api/docs")
	require.NoError(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NotContains(t, string(page), "//", "no address of another host")
	policy := answer.Header.Get("Content-Security-Policy")
	require.True(t, strings.HasPrefix(policy, "default-src 'none'; "))
	for directive := range strings.SplitSeq(policy, "; ") {
		for _, source := range strings.Fields(directive)[1:] {
			require.Contains(t, []string{"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}, source, directive)
			require.False(t, strings.HasPrefix(directive, "script-src") && source != "'self'", directive)
		}
	}

	ctx := browse(t, false)
	asked, complaints := make(chan string, 1000), make(chan string, 1000)
	chromedp.ListenTarget(ctx, func(e any) {
		if r, ok := e.(*network.EventRequestWillBeSent); ok {
			asked <- r.Request.URL
		}
		for _, c := range complaint(e) {
			complaints <- c
		}
	})
	require.NoError(t, chromedp.Run(ctx, network.Enable(), chromedp.Navigate(in.URL+"/api/docs#post-/api/v1/work-orders")))
	shown := `document.querySelector("rapi-doc").shadowRoot`
	operation := shown + `.querySelector("[id='post-/api/v1/work-orders']")`
	until(t, ctx, "the operation", operation+` && `+operation+`.textContent.includes("Make a work order")`)
	until(t, ctx, "its parameters", `[...`+shown+`.querySelectorAll("api-request")].some(r => r.shadowRoot.textContent.includes("Idempotency-Key"))`)
	until(t, ctx, "its example", `[...`+shown+`.querySelectorAll("api-request")].some(r => [...r.shadowRoot.querySelectorAll("textarea")].some(e => e.value.includes("110 East Main Street")))`)
	until(t, ctx, "its answers", `[...`+shown+`.querySelectorAll("api-response")].some(r => r.shadowRoot.textContent.includes("507"))`)
	screenshot(t, ctx, "docs")
	require.NotEmpty(t, asked)
	for len(asked) > 0 {
		address := <-asked
		require.True(t, strings.HasPrefix(address, in.URL+"/") || strings.HasPrefix(address, "data:") || strings.HasPrefix(address, "blob:"), address)
	}
	require.Empty(t, complaints, "the console is silent")
}
