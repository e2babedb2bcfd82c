package archives_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/archives"
	"fieldproof/models"
	"fieldproof/tests/budget"
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

func verifying(archive []byte) (report *archives.Report, spent budget.Spent, err error) {
	spent = budget.Of(func() { report, err = archives.Verify(bytes.NewReader(archive), int64(len(archive)), archives.Held{}) })
	return report, spent, err
}

func TestASmallArchiveTakesLittleToVerify(t *testing.T) {
	budget.Alone(t)
	for name, archive := range map[string][]byte{
		"a manifest of nothing":     manifestOf(t, " ", 2<<30>>4),
		"a manifest of empty items": manifestOf(t, `{},`, 20<<20),
		"a manifest of empty lists": manifestOf(t, `[],`, 20<<20),
		"a manifest that is nested": manifestOf(t, `[`, 60<<20),
		"a manifest of one name":    manifestOf(t, `{"items":`, 6<<20),
		"a manifest of ones":        manifestOf(t, `1,`, 30<<20),
		"a manifest of members":     manifestOf(t, `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1},`, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			require.Less(t, len(archive), 2<<20)
			report, spent, err := verifying(archive)
			require.NoError(t, err)
			require.NotEmpty(t, report.Problems)
			spent.Within(t, 512<<20)
		})
	}
}

// signed is an archive of anybody's, signed with a key of their own.
func signed(t testing.TB, chain string, items []archives.ManifestItem, files map[string]string) []byte {
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	sum := sha256.Sum256([]byte(chain))
	text, err := json.Marshal(map[string]any{"items": items, "proof": map[string]any{"chain_sha256": hex.EncodeToString(sum[:]), "keys": []string{}}})
	require.NoError(t, err)
	text = text[:len(text)-1]
	signature, err := json.Marshal(models.Signature{Algorithm: "Ed25519", KeyID: models.KeyID(public), Public: base64.StdEncoding.EncodeToString(public),
		Value: base64.StdEncoding.EncodeToString(ed25519.Sign(private, text))})
	require.NoError(t, err)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range map[string]string{archives.ManifestName: string(text) + `,"signature":` + string(signature) + "}\n", archives.ChainName: chain} {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
	}
	for name, content := range files {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// counted counts what is read of an archive.
type counted struct {
	*bytes.Reader
	read int64
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(p, off)
	c.read += int64(n)
	return n, err
}

func TestAnEntryIsReadOnceHoweverManyItemsNameIt(t *testing.T) {
	big := strings.Repeat("\x00", 8<<20)
	sum := sha256.Sum256([]byte(big))
	items := make([]archives.ManifestItem, 5000)
	for i := range items {
		items[i] = archives.ManifestItem{Path: "a", UUID: fmt.Sprint(i), Kind: models.Photo, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(big))}
	}
	archive := signed(t, "", items, map[string]string{"a": big})
	r := &counted{Reader: bytes.NewReader(archive)}
	report, err := archives.Verify(r, int64(len(archive)), archives.Held{})
	require.NoError(t, err)
	require.Contains(t, report.Problems, "a is named twice: item 4999 has no file of its own.")
	require.Less(t, r.read, int64(2*len(archive)+1<<20))
}

func TestAnEntryIsReadNoFurtherThanItsItemIsLarge(t *testing.T) {
	noise := make([]byte, 4<<20)
	_, _ = rand.Read(noise) // does not pack
	archive := signed(t, "", []archives.ManifestItem{{Path: "a", UUID: "u", Kind: models.Photo, SHA256: strings.Repeat("0", 64), Size: 5}}, map[string]string{"a": string(noise)})
	r := &counted{Reader: bytes.NewReader(archive)}
	report, err := archives.Verify(r, int64(len(archive)), archives.Held{})
	require.NoError(t, err)
	require.NotEmpty(t, report.Problems)
	require.Less(t, r.read, int64(1<<20))
}

func TestAnItemIsNamedOnce(t *testing.T) {
	sum := sha256.Sum256([]byte("photo"))
	item := archives.ManifestItem{Path: "a", UUID: "u", Kind: models.Photo, SHA256: hex.EncodeToString(sum[:]), Size: 5}
	again := item
	again.Path = "b"
	require.Equal(t, []string{"Item u is named twice."}, problemsOf(t, signed(t, "", []archives.ManifestItem{item, again}, map[string]string{"a": "photo", "b": "photo"})))
}

func TestAnItemWithBytesHasAFile(t *testing.T) {
	archive := signed(t, "", []archives.ManifestItem{{UUID: "u", Kind: models.Photo, SHA256: strings.Repeat("0", 64), Size: 123456}}, nil)
	report, err := archives.Verify(bytes.NewReader(archive), int64(len(archive)), archives.Held{})
	require.NoError(t, err)
	require.Contains(t, report.Problems, "Item u has 123456 bytes, and the manifest names no file for them.")
}

func TestAnswersAreCheckedAsBytesAre(t *testing.T) {
	hash := func(text string) string { sum := sha256.Sum256([]byte(text)); return hex.EncodeToString(sum[:]) }
	const given = `[{"id":"q","answer":"yes"}]`
	item := func(answers, sum string, size int) archives.ManifestItem {
		return archives.ManifestItem{UUID: "u", Kind: models.SurveyResponse, SHA256: sum, Size: int64(size), Answers: json.RawMessage(answers)}
	}
	file := item(given, hash("photo"), 5)
	file.Path = "a"
	for name, c := range map[string]struct {
		item     archives.ManifestItem
		problems []string
	}{
		"as given":            {item(given, hash(given), len(given)), nil},
		"of an older archive": {item(given, hash(given), 0), nil},
		"a check-in":          {item("", "", 0), nil},
		"others":              {item(`[{"id":"q","answer":"no"}]`, hash(given), len(given)), []string{"The answers of item u were changed: they are not those that were given."}},
		"without a hash":      {item(given, "", 0), []string{"The answers of item u were changed: they are not those that were given."}},
		"taken out":           {item("", hash(given), 0), []string{"Item u lacks the answers that were given."}},
		"beside a file":       {file, []string{"Item u has answers beside its file: nobody vouches for them."}},
	} {
		files := map[string]string{}
		if c.item.Path != "" {
			files[c.item.Path] = "photo"
		}
		require.ElementsMatch(t, c.problems, problemsOf(t, signed(t, "", []archives.ManifestItem{c.item}, files)), name)
	}
}

// retold is an archive whose manifest was rewritten by somebody without its key.
func retold(t testing.TB, archive []byte, rewrite func(manifest string) string) []byte {
	from, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range from.File {
		reader, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(reader)
		require.NoError(t, err)
		if f.Name == archives.ManifestName {
			text = []byte(rewrite(string(text)))
		}
		w, err := z.Create(f.Name)
		require.NoError(t, err)
		_, err = w.Write(text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// archiveOfOne is an archive that stands the check.
func archiveOfOne(t testing.TB) []byte {
	sum := sha256.Sum256([]byte("photo"))
	return signed(t, "", []archives.ManifestItem{{Path: "a/photo.jpg", UUID: "u", Kind: models.Photo, SHA256: hex.EncodeToString(sum[:]), Size: 5}},
		map[string]string{"a/photo.jpg": "photo"})
}

func problemsOf(t testing.TB, archive []byte) []string {
	report, err := archives.Verify(bytes.NewReader(archive), int64(len(archive)), archives.Held{})
	require.NoError(t, err)
	return report.Problems
}

func TestWhatStandsBesideTheSignatureCountsForNothing(t *testing.T) {
	archive := archiveOfOne(t)
	require.Empty(t, problemsOf(t, archive))
	for name, rewrite := range map[string]func(string) string{
		"a member behind":           func(m string) string { return strings.TrimSuffix(m, "}\n") + `,"items":[]}` },
		"a member in another case":  func(m string) string { return strings.TrimSuffix(m, "}\n") + `,"ITEMS":[]}` },
		"a member in the signature": func(m string) string { return strings.TrimSuffix(m, "}}\n") + `,"items":[]}}` },
		"another document":          func(m string) string { return m + `{"items":[]}` },
		"rubbish":                   func(m string) string { return m + `x` },
		"another signature":         func(m string) string { return strings.TrimSuffix(m, "}\n") + m[strings.LastIndex(m, `,"signature"`):] },
	} {
		require.NotEmpty(t, problemsOf(t, retold(t, archive, rewrite)), name)
	}
}

func TestEveryByteOfAManifestIsVouchedFor(t *testing.T) {
	archive := archiveOfOne(t)
	var manifest string
	retold(t, archive, func(m string) string { manifest = m; return m })
	for i := range strings.TrimSpace(manifest) {
		changed := manifest[:i] + string(manifest[i]^1) + manifest[i+1:]
		require.NotEmpty(t, problemsOf(t, retold(t, archive, func(string) string { return changed })), "byte %d: %s", i, changed)
	}
}

func TestNothingHidesBetweenTheEntriesOfAnArchive(t *testing.T) {
	archive := archiveOfOne(t)
	var hidden bytes.Buffer
	z := zip.NewWriter(&hidden)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "a/photo.jpg", Method: zip.Store})
	require.NoError(t, err)
	_, err = io.WriteString(w, "forged")
	require.NoError(t, err)
	require.NoError(t, z.Flush())
	require.NotEmpty(t, problemsOf(t, append(hidden.Bytes(), archive...)))
	require.NotEmpty(t, problemsOf(t, append([]byte("x"), archive...)))
}

func TestANameThatLeavesTheFolderIsTold(t *testing.T) {
	sum := sha256.Sum256([]byte("photo"))
	for _, name := range []string{"../photo.jpg", "/photo.jpg", `a\..\..\photo.jpg`} {
		require.NotEmpty(t, problemsOf(t, signed(t, "", []archives.ManifestItem{{Path: name, UUID: "u", Kind: models.Photo, SHA256: hex.EncodeToString(sum[:]), Size: 5}},
			map[string]string{name: "photo"})), name)
	}
}

func TestAChainOfBlankLinesTakesLittleToVerify(t *testing.T) {
	budget.Alone(t)
	archive := signed(t, "x"+strings.Repeat("\n", 63<<20)+"x", nil, nil)
	report, spent, err := verifying(archive)
	require.NoError(t, err)
	require.NotEmpty(t, report.Problems)
	spent.Within(t, 512<<20)
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
		report, spent, err := verifying(archive)
		if err != nil || report == nil {
			t.Fatalf("no verdict: %v", err)
		}
		spent.Within(t, 1<<30)
	})
}
