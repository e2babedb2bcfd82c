package reports_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// written are notes as people write them, with numbers, brackets and Latin letters in between.
var written = []string{
	"تم قص العشب (أمام المنزل) في الساعة 10:05، الرقم 204118 من MSV.",
	"الآن مُكْتَمِلٌ",
	"چمن جلوی خانه کوتاه می\u200cشود، ۲۰۴۱۱۸",
	"הדשא נקצר (בחזית הבית) בשעה 10:05, מספר 204118 של MSV.",
	"Трава скошена перед домом, №204118.",
	"Το γρασίδι κόπηκε μπροστά στο σπίτι, 204118.",
	"घर के सामने की घास काटी गई, क्रम 204118.",
	"房前的草坪已于 10:05 修剪完毕，编号 204118。",
	"Cỏ trước nhà đã được cắt lúc 10:05.",
	"The sign says ממתינים 3 דקות and شارع 12 (خلف) ok 👍🏽.",
}

// TestNotesInEveryScriptAreReadAsTheyWereWritten, aloud: where letters join, and where they read to the left.
func TestNotesInEveryScriptAreReadAsTheyWereWritten(t *testing.T) {
	c, r := sample(t, sampleAccount, sampleTaken(), drawnScene(t))
	for n, note := range written {
		c.Visits[0].Proof.Items[n].Notes = note
	}
	c.Visits[0].Surveys[0].Answers[0].Question, c.Visits[0].Surveys[0].Answers[0].Answers = "האם הבית מאוכלס?", []string{"לא, מאז 2024"}
	_, raw := read(t, r, c)
	keepsTheRules(t, raw, len(c.Visits[0].Proof.Photos()), headingsOfSample)
	aloud := run(t, raw, "pdfinfo", "-struct-text")
	for _, want := range append([]string{"האם הבית מאוכלס?", "לא, מאז 2024"}, written...) {
		require.Contains(t, aloud, want)
	}
	seen := strings.Join(readPages(t, raw), "\n") // poppler turns what reads to the left by rules of its own
	for _, want := range []string{"تم قص العشب", "בחזית הבית", "Трава скошена", "Το γρασίδι κόπηκε", "घर के सामने", "草坪", "Cỏ trước nhà"} {
		require.Contains(t, seen, want)
	}
}
