package pdf

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"
	"github.com/go-text/typesetting/font/opentype/tables"
)

// Installed finds faces among the fonts of this machine, for letters that no face of a document's own has: those of Chinese,
// Japanese and Korean are too large to be in a binary. It reads a font when a letter asks for it, and keeps what it found.
type Installed struct {
	Folders []string

	mu    sync.Mutex
	fonts []*installed // the likeliest first
	found map[wanted]*Face
}

type wanted struct {
	letter rune
	strong bool
}

// installed is a font of the machine.
type installed struct {
	path   string
	rank   int
	bold   bool
	opened bool
	at     int       // in a collection
	cmap   font.Cmap // nil: not to be used
	face   *Face
}

// Folders is where fonts are installed.
func Folders() []string {
	home, _ := os.UserHomeDir() // without one, nothing is installed there
	return []string{"/usr/share/fonts", "/usr/local/share/fonts", filepath.Join(home, ".local/share/fonts"), filepath.Join(home, ".fonts"),
		"/System/Library/Fonts", "/Library/Fonts", filepath.Join(home, "Library/Fonts"), filepath.Join(os.Getenv("WINDIR"), "Fonts")}
}

// Face is the face that has a letter, a strong one where there is; nil where none has it.
func (i *Installed) Face(r rune, strong bool) *Face {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.found == nil {
		i.found = map[wanted]*Face{}
		for _, folder := range i.Folders {
			i.search(folder)
		}
		slices.SortStableFunc(i.fonts, func(a, b *installed) int { return cmp.Compare(a.rank, b.rank) })
	}
	want := wanted{r, strong}
	if f, known := i.found[want]; known {
		return f
	}
	i.found[want] = i.look(r, strong)
	return i.found[want]
}

// look finds a letter in a font that is named after its script, or else in any: words stay in one face.
func (i *Installed) look(r rune, strong bool) *Face {
	script := scriptOf(r)
	for _, named := range []bool{true, false} {
		for _, bold := range []bool{strong, !strong} {
			for _, one := range i.fonts {
				if one.bold == bold && strings.Contains(filepath.Base(one.path), script) == named && one.has(r) {
					return one.face
				}
			}
		}
	}
	return nil
}

// scriptOf is the name of a letter's script as fonts are named after it.
func scriptOf(r rune) string {
	for name, letters := range unicode.Scripts {
		if unicode.Is(letters, r) {
			return strings.ReplaceAll(name, "_", "")
		}
	}
	return ""
}

// search notes the fonts of a folder. What can't be read is not there.
func (i *Installed) search(folder string) {
	const most, largest = 2000, 64 << 20
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || len(i.fonts) >= most {
			return nil
		}
		name := strings.ToLower(entry.Name())
		info, err := entry.Info()
		if err != nil || entry.IsDir() || info.Size() > largest || !slices.Contains([]string{".ttf", ".otf", ".ttc", ".otc"}, filepath.Ext(name)) {
			return nil
		}
		one := &installed{path: path, bold: strings.Contains(name, "bold")}
		for _, other := range []string{"italic", "oblique", "mono", "serif", "light", "thin", "black", "heavy", "medium", "semi", "demi", "extra", "cond"} {
			if strings.Contains(name, other) {
				one.rank++
			}
		}
		if strings.Contains(name, "sans") {
			one.rank--
		}
		i.fonts = append(i.fonts, one)
		return nil
	})
}

// has tells whether a font has a letter, and reads its face if it has.
func (one *installed) has(r rune) bool {
	if !one.opened {
		one.opened = true
		one.read(func(fonts []*opentype.Loader) {
			// Of a collection for Chinese, Japanese and Korean the first is Japanese: most read Chinese.
			one.at = max(0, slices.IndexFunc(fonts, func(f *opentype.Loader) bool { return strings.HasSuffix(nameOf(f, family), " SC") }))
			one.cmap = lettersOf(fonts[one.at])
		})
	}
	if one.cmap == nil {
		return false
	}
	if _, there := one.cmap.Lookup(r); !there {
		return false
	}
	if one.face == nil {
		one.read(func(fonts []*opentype.Loader) {
			if f, err := parse(fonts[one.at]); err == nil {
				one.face = f
			}
		})
	}
	if one.face == nil { // not to be used
		one.cmap = nil
		return false
	}
	return one.face.Has(r)
}

func (one *installed) read(do func(fonts []*opentype.Loader)) {
	file, err := os.Open(one.path)
	if err != nil {
		return
	}
	defer file.Close()
	if fonts, err := opentype.NewLoaders(file); err == nil && len(fonts) > 0 {
		do(fonts)
	}
}

// lettersOf is what letters a font has, nil for one without outlines.
func lettersOf(f *opentype.Loader) font.Cmap {
	if !slices.ContainsFunc([]string{"glyf", "CFF ", "CFF2"}, func(name string) bool { return f.HasTable(opentype.MustNewTag(name)) }) {
		return nil
	}
	raw, err := f.RawTable(opentype.MustNewTag("cmap"))
	if err != nil {
		return nil
	}
	table, _, err := tables.ParseCmap(raw)
	if err != nil {
		return nil
	}
	letters, _, err := font.ProcessCmap(table, tables.FPNone)
	if err != nil {
		return nil
	}
	return letters
}
