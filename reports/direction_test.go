package reports

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/bidi"
	"pgregory.net/rapid"
)

// seen is a text from left to right, as it is seen.
func seen(text string, base uint8) string {
	letters := []rune(text)
	var b strings.Builder
	for _, n := range visual(levels(letters, base)) {
		b.WriteRune(letters[n])
	}
	return b.String()
}

func TestDirectionsOfATextAreInTheirSequence(t *testing.T) {
	for text, want := range map[string]string{
		"key 12 (left), ok.":   "key 12 (left), ok.",
		"see אבג 123 def":      "see 123 גבא def", // a number behind Hebrew is read after it, the English behind both
		"see אבג 12:30 - 45 %": "see 45 - 12:30 גבא %",
		"see ابج 1,234 def":    "see 1,234 جبا def",
		"see אב (גד) x":        "see )דג( בא x", // the shapes of brackets turn too
		"see אב (x) גד":        "see בא (x) דג",
		"see א (x) y":          "see א (x) y",
		"אבג MSV 204118.":      ".MSV 204118 גבא",
		"אבג (MSV) דה":         "הד )MSV( גבא",
		"ابج +12":              "12+ جبا",
		"see (אב) גד":          "see (בא) דג", // what stands before a bracket decides, where what it holds reads against the text
		"גד x [x]\u0301":       "x [x]\u0301 דג",
	} {
		require.Equal(t, want, seen(text, direction([]rune(text))), text)
	}
	require.Equal(t, uint8(1), direction([]rune("“12 שלום” at noon")))
	require.Equal(t, uint8(0), direction([]rune("12:05")))
}

// anyText is of letters of every kind that the rules name but embeddings; accents stand behind letters.
func anyText(most int) *rapid.Generator[string] {
	return rapid.Map(rapid.StringOfN(rapid.SampledFrom([]rune("ab xאבابلا١٢34+-$%,./:!“” ()[]\u200e\u200f北のกक🧨\u0301\u05b7\u064b\u093f\u200d")), 0, most, -1), func(s string) string {
		return loose.ReplaceAllString(s, "$1")
	})
}

var loose = regexp.MustCompile(`(^|[ \x{200c}-\x{200f}])[\pM\x{200d}]+`)

// TestDirectionsAreThoseOfAnotherImplementation, which tells directions alone, and takes brackets otherwise than the annex.
func TestDirectionsAreThoseOfAnotherImplementation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []rune(strings.NewReplacer("\u200d", "", "(", "", ")", "", "[", "", "]", "").Replace(anyText(24).Draw(t, "text")))
		base := direction(text)
		way := bidi.DefaultDirection(bidi.LeftToRight)
		if base == 1 {
			way = bidi.DefaultDirection(bidi.RightToLeft)
		}
		var theirs bidi.Paragraph
		_, err := theirs.SetString(string(text), way)
		require.NoError(t, err)
		order, err := theirs.Order()
		require.NoError(t, err)
		var want []uint8
		for n := range order.NumRuns() {
			run := order.Run(n)
			deep := uint8(0)
			if run.Direction() == bidi.RightToLeft {
				deep = 1
			}
			want = append(want, slices.Repeat([]uint8{deep}, utf8.RuneCountInString(run.String()))...)
		}
		var got []uint8
		for _, level := range levels(text, base) {
			got = append(got, level%2)
		}
		require.Equal(t, want, got, "%q", string(text))
	})
}

// TestNoLetterVanishesAndNoLineIsTooWide of texts of any scripts in any column.
func TestNoLetterVanishesAndNoLineIsTooWide(t *testing.T) {
	all, err := faces()
	require.NoError(t, err)
	d := &document{faces: all}
	rapid.Check(t, func(t *rapid.T) {
		var spans []span
		for _, s := range []style{captions, captions.bold(), title} {
			spans = append(spans, span{anyText(40).Draw(t, "text"), s})
		}
		width := rapid.Float64Range(1, 300).Draw(t, "width")
		want, got := "", ""
		for _, s := range spans {
			want += clean(s.text)
		}
		for _, l := range d.wrap(width, spans...) {
			clusters, places := 0, []piece{}
			for _, p := range l.pieces {
				for _, c := range p.shaped {
					got += c.Text
					if c.Width > 0 {
						clusters++
					}
				}
				got += p.text
				clusters += len([]rune(strings.TrimSpace(p.text)))
				if p.width > 0 {
					places = append(places, p)
				}
			}
			if clusters > 1 {
				require.LessOrEqual(t, l.width, width+0.02)
			}
			slices.SortStableFunc(places, func(a, b piece) int { return cmp.Compare(a.x, b.x) })
			at := 0.0
			for _, p := range places {
				require.InDelta(t, at, p.x, 0.001, "the pieces of a line stand beside each other")
				at += p.width
			}
			require.InDelta(t, at, l.width, 0.001)
		}
		require.Equal(t, drawnOf(want), drawnOf(got))
	})
}

// drawnOf is the letters of a text that are drawn.
func drawnOf(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

func TestANoteStandsWhereItsWritingBegins(t *testing.T) {
	all, err := faces()
	require.NoError(t, err)
	d := &document{faces: all}
	left := d.note(100, span{"ok, שלום", captions})[0]
	require.Zero(t, left.pieces[0].x)
	right := d.note(100, span{"שלום, ok", captions})[0]
	first := right.pieces[0]
	require.InDelta(t, 100, first.x+first.width, 0.01, "the first letter is the rightmost")
	require.InDelta(t, right.width, d.width(captions, "שלום, ok"), 0.01)
}
