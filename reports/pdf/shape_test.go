package pdf

import (
	"compress/gzip"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func face(t *testing.T, name string) *Face {
	f, err := Parse(unpacked(t, name))
	require.NoError(t, err)
	return f
}

func unpacked(t *testing.T, name string) []byte {
	packed, err := os.Open("../fonts/" + name + ".ttf.gz")
	require.NoError(t, err)
	defer packed.Close()
	file, err := gzip.NewReader(packed)
	require.NoError(t, err)
	ttf, err := io.ReadAll(file)
	require.NoError(t, err)
	return ttf
}

// TestEveryLetterThatJoinsHasItsForms: a release of the shaper left some letters of Noto as they stand alone.
func TestEveryLetterThatJoinsHasItsForms(t *testing.T) {
	for _, name := range []string{"dejavu-regular", "dejavu-strong", "noto-arabic-regular", "noto-arabic-strong"} {
		f := face(t, name)
		var s Shaper
		for _, letter := range "بتثجحخسشصضطظعغفقكلمنهيئپچگ" {
			alone := s.Shape(f, []rune{letter}, 0, 1, true)[0]
			first := s.Shape(f, []rune{letter, 'ر'}, 0, 2, true)[0]
			last := s.Shape(f, []rune{'ب', letter}, 0, 2, true)[1]
			require.NotEqual(t, alone.drawn, first.drawn, "%s: %c", name, letter)
			require.NotEqual(t, alone.drawn, last.drawn, "%s: %c", name, letter)
			require.NotEqual(t, first.drawn, last.drawn, "%s: %c", name, letter)
		}
	}
}

func TestLettersJoinAsTheirScriptAsks(t *testing.T) {
	f := face(t, "dejavu-regular")
	var s Shaper
	shaped := func(text string, leftward bool) []Cluster {
		letters := []rune(text)
		return s.Shape(f, letters, 0, len(letters), leftward)
	}
	forms := map[uint16]bool{}
	for _, c := range shaped("ببب ب", true) {
		forms[c.drawn.glyphs[0].number] = true
	}
	require.Len(t, forms, 5, "a letter at the beginning, in the middle, at the end and alone, and a blank")

	ligature := shaped("سلام", true)
	require.Len(t, ligature, 3)
	require.Equal(t, "لا", ligature[1].Text, "two letters, one shape")

	accented := shaped("بَ", true)
	require.Len(t, accented, 1)
	require.Len(t, accented[0].drawn.glyphs, 2)

	mirrored := shaped("(", true)
	require.Equal(t, f.glyph(')'), mirrored[0].drawn.glyphs[0].number)

	both := shaped("שב", true)
	require.Equal(t, []int{0, 1}, []int{both[0].At, both[1].At}, "in the sequence of the text")
	require.Equal(t, uint16(0), shaped("\U0001F9E8", false)[0].drawn.glyphs[0].number, "what the face has not is a box")
}
