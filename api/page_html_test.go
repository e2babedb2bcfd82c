package api

import (
	"html/template"
	"io/fs"
	"regexp"
	"strings"
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
	for kind := range statusOf {
		require.NotEqual(t, "problem_"+string(kind), titleOf(kind))
	}
}

// TestTheAttributesOfThePagesHoldPlainText: html/template takes data-on… for a script and data-style for a style, and writes what
// stands there as such.
func TestTheAttributesOfThePagesHoldPlainText(t *testing.T) {
	t.Parallel()
	attribute := regexp.MustCompile(`\s(data-[a-z-]+)=`)
	files, err := fs.Glob(pageFiles, "pages/*.html")
	require.NoError(t, err)
	found := 0
	for _, f := range files {
		text, err := pageFiles.ReadFile(f)
		require.NoError(t, err)
		for _, m := range attribute.FindAllStringSubmatch(string(text), -1) {
			const words = `It’s 1 "new" photo.`
			var b strings.Builder
			require.NoError(t, template.Must(template.New("").Parse(`<p `+m[1]+`="{{.}}">`)).Execute(&b, words))
			require.Equal(t, `<p `+m[1]+`="`+template.HTMLEscapeString(words)+`">`, b.String(), "%s in %s", m[1], f)
			found++
		}
	}
	require.Greater(t, found, 15)
}
