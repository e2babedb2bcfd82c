package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/stretchr/testify/require"
)

// TestTheComposeFileNamesEveryVariable loads docker-compose.yml as Docker would, and compares its variables with those
// that --help lists.
func TestTheComposeFileNamesEveryVariable(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: a program of its own is asked")
	}
	file, err := filepath.Abs("../../docker-compose.yml")
	require.NoError(t, err)
	given := []string{"POSTGRES_PASSWORD=a", "OBJECTS_USER=b", "OBJECTS_PASSWORD=c", "FIELDPROOF_SECRET_KEY=d", "FIELDPROOF_PUBLIC_URL=https://example.com"}
	options, err := cli.NewProjectOptions([]string{file}, cli.WithEnv(given))
	require.NoError(t, err)
	project, err := options.LoadProject(context.Background())
	require.NoError(t, err)

	binary := filepath.Join(t.TempDir(), "fieldproof")
	out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	help, err := exec.Command(binary, "--help").CombinedOutput()
	require.NoError(t, err, string(help))
	for _, role := range []string{"server", "worker", "migrate"} {
		service := project.Services[role]
		require.Equal(t, role, service.Command[0])
		for name := range service.Environment {
			if strings.HasPrefix(name, "FIELDPROOF_") {
				require.Contains(t, string(help), name)
			}
		}
		fields := reflect.TypeFor[config]()
		for i := range fields.NumField() {
			name := fields.Field(i).Tag.Get("env")
			require.Contains(t, service.Environment, name)
			require.Contains(t, string(help), name)
			require.NotEmpty(t, fields.Field(i).Tag.Get("example"), name)
		}
	}
	for _, name := range []string{"postgres", "temporal", "objects", "server", "worker", "proxy"} {
		require.NotNil(t, project.Services[name].HealthCheck, name)
	}
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, line := range strings.Split(string(text), "\n") {
		name, value, found := strings.Cut(strings.TrimSpace(line), ": ")
		if found && (strings.Contains(name, "PASSWORD") || strings.Contains(name, "SECRET") || strings.HasSuffix(name, "_PWD")) {
			require.Regexp(t, `^\$\{\w+:\?`, value, "no secret in the file: %s", line)
		}
	}
	_, err = cli.NewProjectOptions([]string{file}, cli.WithEnv(nil))
	require.NoError(t, err)
}

func TestConfigurationErrorsNameTheVariable(t *testing.T) {
	for _, name := range os.Environ() {
		if key, _, _ := strings.Cut(name, "="); strings.HasPrefix(key, "FIELDPROOF_") {
			t.Setenv(key, "")
		}
	}
	good := map[string]string{
		"FIELDPROOF_DATABASE_URL": "postgres://db/fieldproof", "FIELDPROOF_TEMPORAL_ADDRESS": "temporal:7233", "FIELDPROOF_BLOB_URL": "file:///photos",
		"FIELDPROOF_PUBLIC_URL": "https://example.com/", "FIELDPROOF_SECRET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
	}
	set := func(t *testing.T, but, value string) {
		for name, v := range good {
			t.Setenv(name, v)
		}
		if but != "" {
			t.Setenv(but, value)
		}
	}
	t.Run("good", func(t *testing.T) {
		set(t, "", "")
		c, err := readConfig(production)
		require.NoError(t, err)
		require.Equal(t, "https://example.com", c.PublicURL)
	})
	for name, values := range map[string][]string{
		"FIELDPROOF_DATABASE_URL": {"", "sqlite:///x.db", "mysql://x"}, "FIELDPROOF_TEMPORAL_ADDRESS": {""}, "FIELDPROOF_BLOB_URL": {"", "photos"},
		"FIELDPROOF_PUBLIC_URL": {"", "example.com"}, "FIELDPROOF_SECRET_KEY": {"", "short"}, "FIELDPROOF_SIGNUP": {"perhaps"},
		"FIELDPROOF_ALLOWED_NETWORKS": {"10.0.0.1"}, "FIELDPROOF_TRUSTED_PROXIES": {"x"}, "FIELDPROOF_SMTP_URL": {"http://x", "smtp:"}, "FIELDPROOF_TIMESTAMP_URL": {"tsa"}, "FIELDPROOF_DRIVE_APP": {"x"},
	} {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				set(t, name, value)
				_, err := readConfig(production)
				require.ErrorContains(t, err, name)
			})
		}
	}
	for name, value := range map[string]string{"FIELDPROOF_ALLOWED_NETWORKS": "10.0.0.1", "FIELDPROOF_SMTP_URL": "smtp:", "FIELDPROOF_TIMESTAMP_URL": "tsa", "FIELDPROOF_DROPBOX_APP": "x"} {
		t.Run("dev "+name, func(t *testing.T) {
			t.Setenv(name, value)
			_, err := devCommand{}.config(t.TempDir())
			require.ErrorContains(t, err, name)
		})
	}
	t.Run("migrate takes SQLite", func(t *testing.T) {
		t.Setenv("FIELDPROOF_DATABASE_URL", "sqlite:///x.db")
		_, err := readConfig(need{sqlite: true})
		require.NoError(t, err)
	})
}
