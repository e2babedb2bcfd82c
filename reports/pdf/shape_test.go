package pdf

import (
	"testing"

	"github.com/go-fonts/dejavu/dejavusans"
	"github.com/stretchr/testify/require"
)

func TestLettersJoinAsTheirScriptAsks(t *testing.T) {
	f, err := Parse(dejavusans.TTF)
	require.NoError(t, err)
	var s Shaper
	shaped := func(text string, leftward bool) []Cluster {
		letters := []rune(text)
		return s.Shape(f, letters, 0, len(letters), leftward)
	}
	forms := map[uint16]bool{}
	for _, c := range shaped("ببب ب", true) {
		forms[c.glyphs[0].number] = true
	}
	require.Len(t, forms, 5, "a letter at the beginning, in the middle, at the end and alone, and a blank")

	ligature := shaped("سلام", true)
	require.Len(t, ligature, 3)
	require.Equal(t, "لا", ligature[1].Text, "two letters, one shape")

	accented := shaped("بَ", true)
	require.Len(t, accented, 1)
	require.Len(t, accented[0].glyphs, 2)
	require.Equal(t, f.glyph('ب'), accented[0].glyphs[0].number, "the letter before its accent, as it is read")

	mirrored := shaped("(", true)
	require.Equal(t, f.glyph(')'), mirrored[0].glyphs[0].number)

	both := shaped("שב", true)
	require.Equal(t, []int{0, 1}, []int{both[0].At, both[1].At}, "in the sequence of the text")
	require.Equal(t, uint16(0), shaped("\U0001F9E8", false)[0].glyphs[0].number, "what the face has not is a box")
}
