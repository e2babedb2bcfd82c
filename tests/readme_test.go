package tests

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// commandsOf are the shell commands that a section of a document shows.
func commandsOf(t *testing.T, document, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(rig.Root(), document))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	require.True(t, found, "%s has no section %q", document, heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var commands strings.Builder
	for {
		_, rest, more := strings.Cut(section, "```sh\n")
		if !more {
			return commands.String()
		}
		block, after, _ := strings.Cut(rest, "```")
		commands.WriteString(block)
		section = after
	}
}

// walk makes a new installation in a folder, types there what the README says, and returns what it printed.
func walk(t *testing.T) (in *rig.Installation, dir, said string) {
	t.Helper()
	hook := rig.NewReceiver()
	t.Cleanup(hook.Close)
	dir = t.TempDir()
	in, err := rig.Dev(product(t), filepath.Join(dir, "data"))
	require.NoError(t, err)
	t.Cleanup(in.Stop)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	require.NoError(t, os.Symlink(product(t), filepath.Join(dir, "bin", "fieldproof")))
	require.NoError(t, os.Symlink(filepath.Join(rig.Root(), "docs"), filepath.Join(dir, "docs")))

	commands := commandsOf(t, "README.md", "One order, from created to published")
	for address, ours := range map[string]string{"http://127.0.0.1:8080": in.URL, "http://127.0.0.1:9000/": hook.URL} {
		require.Contains(t, commands, address)
		commands = strings.ReplaceAll(commands, address, ours)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	typed := exec.CommandContext(ctx, "bash", "-eo", "pipefail", "-c", commands)
	typed.Dir = dir
	out, err := typed.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return in, dir, string(out)
}

// TestTheWalkOfTheReadme types what the README says, as a newcomer would.
func TestTheWalkOfTheReadme(t *testing.T) {
	t.Parallel()
	in, dir, said := walk(t)
	for _, word := range []string{"needs 1 before photos", "completed\napproved\npublished\n", `"delivered"`, "published by demo-office", "10 fetched",
		`{"shot":"Front door","evidence_type":"after","certification":{"item":true,"time":true,"location":true}}`, in.URL + "/s/"} {
		require.Contains(t, said, word)
	}
	require.NotContains(t, said, `"failed"`)
	report, err := os.ReadFile(filepath.Join(dir, "report.pdf"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(report), "%PDF-"))
	mirrored, err := filepath.Glob(filepath.Join(dir, "data", "mirror", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, mirrored)
	require.NotContains(t, in.Output(), "level=ERROR")
	nobody := &rig.User{T: t, URL: in.URL}
	page := string(nobody.Want(200, "GET", strings.TrimSpace(said[strings.LastIndex(said, in.URL+"/s/"):]), nil).Body)
	require.Contains(t, page, "8 of 8 photos are certified")
	require.Equal(t, 3, strings.Count(page, "data-compare>"), "front, yard and door, before and after")
	require.Contains(t, page, `<th scope="row">Is somebody living there?</th>`, "a question stands as it was asked")
}

// TestTheWalkOfSharing types what the page about Share says, inside one installation and between two.
func TestTheWalkOfSharing(t *testing.T) {
	t.Parallel()
	theirs := must(t, func() (*rig.Installation, error) { return another(t, "sqlite", "theirs") })
	t.Cleanup(theirs.Stop)
	ours := must(t, func() (*rig.Installation, error) { return another(t, "sqlite", "ours") })
	t.Cleanup(ours.Stop)
	for name, where := range map[string]*rig.Installation{"one installation": theirs, "two installations": ours} {
		t.Run(name, func(t *testing.T) {
			boss, unique := rig.SignUp(t, theirs.URL), uuid.NewString()[:8]
			commands := commandsOf(t, "docs/sharing.md", "Making a link")
			for word, is := range map[string]string{"THEIRS=http://127.0.0.1:8080": "THEIRS=" + theirs.URL, "OURS=http://127.0.0.1:8080": "OURS=" + where.URL,
				"$THEIRS USERNAME PASSWORD": "$THEIRS " + boss.Username + " '" + rig.Password + "'", "RECIPIENT=$(token $OURS USERNAME PASSWORD)": "",
				`"lonestar-boss"`: `"boss-` + unique + `"`, `"lonestar"`: `"lonestar-` + unique + `"`} {
				require.Contains(t, commands, word)
				commands = strings.ReplaceAll(commands, word, is)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, "bash", "-eo", "pipefail", "-c", commands).CombinedOutput()
			require.NoError(t, err, "%s", out)
			for _, word := range []string{`"waiting"`, `"admit": "Lone Star Lawns"`, `"client_code": "AC`, `"work_order_number": "L-1"`, `"number": "L-1"`} {
				require.Contains(t, string(out), word)
			}
			require.NotContains(t, string(out), "urn:fieldproof:problem")
		})
	}
}
