package api

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/wording"
)

// TestEachSentenceOfThePagesIsThere finds the keys by which templates and code name sentences, and says each.
func TestEachSentenceOfThePagesIsThere(t *testing.T) {
	t.Parallel()
	key := regexp.MustCompile(`Say "([a-z_]+)"`)
	files, err := pageFiles.ReadDir("pages")
	require.NoError(t, err)
	found := 0
	for _, f := range files {
		text, err := pageFiles.ReadFile("pages/" + f.Name())
		require.NoError(t, err)
		for _, m := range key.FindAllStringSubmatch(string(text), -1) {
			for _, language := range []string{"en", "es"} {
				require.NotEqual(t, m[1], wording.In(language, "US", nil).Say(m[1]), "%s in %s", m[1], f.Name())
			}
			found++
		}
	}
	require.Greater(t, found, 50)
}
