package archives_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/archives"
)

// manifestOf packs a manifest of one text, many times over.
func manifestOf(t testing.TB, text string, times int) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(archives.ManifestName)
	require.NoError(t, err)
	block := strings.Repeat(text, 1+(64<<10)/len(text))
	for range times * len(text) / len(block) {
		_, err = io.WriteString(w, block)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// verifying tells what checking an archive allocates in all.
func verifying(archive []byte) (report *archives.Report, allocated uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report, err = archives.Verify(bytes.NewReader(archive), int64(len(archive)), archives.Held{})
	runtime.ReadMemStats(&after)
	return report, after.TotalAlloc - before.TotalAlloc, err
}

func TestASmallArchiveTakesLittleToVerify(t *testing.T) {
	for name, archive := range map[string][]byte{
		"a manifest of nothing":     manifestOf(t, " ", 2<<30>>4),
		"a manifest of empty items": manifestOf(t, `{},`, 20<<20),
		"a manifest of empty lists": manifestOf(t, `[],`, 20<<20),
		"a manifest that is nested": manifestOf(t, `[`, 60<<20),
		"a manifest of one name":    manifestOf(t, `{"items":`, 6<<20),
		"a manifest of ones":        manifestOf(t, `1,`, 30<<20),
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, len(archive), 2<<20)
			report, allocated, err := verifying(archive)
			require.NoError(t, err)
			require.NotEmpty(t, report.Problems)
			require.Less(t, allocated, uint64(512<<20))
		})
	}
}

// FuzzVerify checks what anybody may send as an archive: a verdict, in bounded memory.
func FuzzVerify(f *testing.F) {
	if whole, err := os.ReadFile("testdata/entry-with-list.zip"); err == nil {
		f.Add(whole)
		f.Add(whole[:len(whole)/2])
	}
	for _, text := range []string{`{},`, `[],`, `[`, `{"items":`, `{"items":[{"path":"\u001b[2K"}]}`} {
		f.Add(manifestOf(f, text, 1<<20/len(text)))
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		report, allocated, err := verifying(archive)
		if err != nil || report == nil {
			t.Fatalf("no verdict: %v", err)
		}
		if allocated > 1<<30 {
			t.Fatalf("an archive of %d bytes took %d", len(archive), allocated)
		}
	})
}
