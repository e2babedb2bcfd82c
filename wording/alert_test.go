package wording_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/wording"
)

var (
	alertIsWritten = regexp.MustCompile(`(?:Says: |Says = |a.Says, a.Args = |alertOf\(d, |says := |says, why := |says, why = )"(\w+)"`)
	brace          = regexp.MustCompile(`{(\w+)}`)
)

// TestEachAlertHasItsSentencesInEachLanguage: whoever writes an alert in the code names sentences that are there, with values for
// all that stands in braces; and no sentence is left of an alert that nobody writes.
func TestEachAlertHasItsSentencesInEachLanguage(t *testing.T) {
	written := map[string]string{} // the source that writes it
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "web" || d.Name() == "tests") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, found := range alertIsWritten.FindAllStringSubmatch(string(source), -1) {
			written[found[1]] += string(source)
		}
		return err
	}))
	require.Greater(t, len(written), 25)
	for _, language := range models.Languages {
		raw, err := os.ReadFile("messages/" + language + ".json")
		require.NoError(t, err)
		var words map[string]string
		require.NoError(t, json.Unmarshal(raw, &words))
		for says, source := range written {
			for _, part := range []string{"_title", "_title_one", "_detail", "_detail_one", "_remedy"} {
				text, there := words["alert_"+says+part]
				assert.True(t, there || strings.HasPrefix(part, "_detail") || strings.HasSuffix(part, "_one"), "alert_%s%s in %s", says, part, language)
				for _, name := range brace.FindAllStringSubmatch(text, -1) {
					assert.True(t, strings.Contains(source, `"`+name[1]+`", `), "{%s} of alert_%s%s in %s", name[1], says, part, language)
				}
			}
		}
		for key := range words {
			if says, is := strings.CutSuffix(strings.TrimPrefix(key, "alert_"), "_title"); is && strings.HasPrefix(key, "alert_") {
				assert.NotEmpty(t, written[says], "nobody writes %s", key)
			}
		}
	}
}

// TestAnAlertIsReadInTheLanguageOfItsReader also when it was kept, and what others said stays as they said it.
func TestAnAlertIsReadInTheLanguageOfItsReader(t *testing.T) {
	var args []any
	kept, err := json.Marshal([]any{"n", 1200, "who", "Ada", "order", "A-1", "state", models.Word{Key: "state_completed"}})
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(kept, &args))
	es := wording.In("es", "ES", time.UTC)
	assert.Equal(t, "1200 fotos llevan un día esperando en el teléfono de Ada", es.Alert(models.Alert{Says: "photos_wait", Args: args}).Title)
	assert.Equal(t, "Una foto lleva un día esperando en el teléfono de Ada", es.Alert(models.Alert{Says: "photos_wait", Args: []any{"n", 1, "who", "Ada"}}).Title)
	assert.Contains(t, es.Alert(models.Alert{Says: "late_items", Args: args}).Detail, "«Completada»")
	assert.Equal(t, "no room", es.Alert(models.Alert{Says: "import_failed", Args: args, Detail: "no room"}).Detail)
	before := models.Alert{Title: "Late items on A-1", Detail: "Look.", Remedy: "Do."}
	assert.Equal(t, before, es.Alert(before))
}
