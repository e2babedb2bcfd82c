package sheets_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/budget"
)

// repeated is a text many times over, of any length, without being held.
type repeated struct {
	text string
	left int
	rest string
}

func (r *repeated) Read(p []byte) (int, error) {
	for r.rest == "" {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left--
		r.rest = r.text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func many(text string, times int) io.Reader {
	block := max(1, min(times, 64<<10/len(text)))
	return io.MultiReader(&repeated{text: strings.Repeat(text, block), left: times / block}, strings.NewReader(strings.Repeat(text, times%block)))
}

const (
	spreadsheet = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	firstRow    = `<row r="1"><c r="A1" t="inlineStr"><is><t>number</t></is></c></row>`
)

// bookOf is an XLSX of the parts given, beside those that every one has.
func bookOf(t testing.TB, parts map[string]io.Reader) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>`,
		"xl/workbook.xml": `<workbook ` + spreadsheet + ` xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>` +
			`<sheet name="a" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"_rels/.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" ` +
			`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/_rels/workbook.xml.rels": `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" ` +
			`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet ` + spreadsheet + `><sheetData>` + firstRow + `<row r="2"><c r="A2" t="s"><v>0</v></c></row></sheetData></worksheet>`,
	} {
		if parts[name] == nil {
			parts[name] = strings.NewReader(text)
		}
	}
	for name, text := range parts {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = io.Copy(w, text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

// TestSmallFilesTakeLittle reads files of at most some MB that unpack, or are read, to very much: each is refused for a
// reason, or read, within the budget.
func TestSmallFilesTakeLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	sheet := func(before, open, text string, times int, end string) map[string]io.Reader {
		return map[string]io.Reader{"xl/worksheets/sheet1.xml": io.MultiReader(
			strings.NewReader(`<worksheet `+spreadsheet+`>`+before+open), many(text, times), strings.NewReader(end+`</worksheet>`))}
	}
	rows, texts := `<sheetData>`+firstRow, `<sst `+spreadsheet+`>`
	shared := func(open, text string, times int, end string) map[string]io.Reader {
		return map[string]io.Reader{"xl/sharedStrings.xml": io.MultiReader(strings.NewReader(texts+open), many(text, times), strings.NewReader(end+`</sst>`))}
	}
	for name, parts := range map[string]map[string]io.Reader{
		"many shared texts":          shared(``, `<si/>`, 10_000_000, ``),
		"a million shared texts":     shared(``, `<si><t>x</t></si>`, 1_000_000, ``),
		"many texts, little packed":  shared(``, `<si><t>x</t></si>`, 400_000, ``),
		"many runs in a shared text": shared(`<si>`, `<r/>`, 10_000_000, `</si>`),
		"a long shared text":         shared(`<si><t>`, `x`, 48<<20, `</t></si>`),
		"a long marked text":         shared(`<si><t><![CDATA[`, `x`, 48<<20, `]]></t></si>`),
		"many marked texts":          shared(`<si><t>`, `<![CDATA[xxxxxxxx]]>`, 5<<20, `</t></si>`),
		"a long comment":             shared(`<!--`, `x`, 48<<20, `-->`),
		"a long tag":                 shared(`<si a="`, `x`, 48<<20, `"/>`),
		"many attributes":            shared(`<si `, `a="" `, 10<<20, `/>`),
		"deep shared texts":          shared(``, `<a>`, 5<<20, ``),
		"deep behind a mark":         shared(``, `<a b="/>">`, 6<<20, ``),
		"a long inline cell":         sheet(rows, `<row><c t="inlineStr"><is><t>`, `x`, 48<<20, `</t></is></c></row></sheetData>`),
		"many runs in a cell":        sheet(rows, `<row><c t="inlineStr"><is>`, `<r/>`, 10_000_000, `</is></c></row></sheetData>`),
		"many cells in a row":        sheet(rows, `<row>`, `<c><v>1</v></c>`, 3_000_000, `</row></sheetData>`),
		"many empty rows":            sheet(rows, ``, `<row/>`, 10_000_000, `</sheetData>`),
		"much before the rows":       sheet(``, ``, `<cols><col/></cols>`, 2_000_000, rows+`</sheetData>`),
		"a sheet by another name": {
			"xl/_rels/workbook.xml.rels": strings.NewReader(`<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" ` +
				`Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="media/a.png"/></Relationships>`),
			"xl/media/a.png": io.MultiReader(strings.NewReader(`<worksheet `+spreadsheet+`><sheetData><row>`), many(`<c><f/></c>`, 4_000_000), strings.NewReader(`</row></sheetData></worksheet>`)),
		},
		"a large picture": {"xl/media/a.png": many("x", 80<<20)},
		"many sheets": {"xl/workbook.xml": io.MultiReader(strings.NewReader(`<workbook `+spreadsheet+`><sheets>`),
			many(`<sheet name="a"/>`, 900_000), strings.NewReader(`</sheets></workbook>`))},
		"many styles": {"xl/styles.xml": io.MultiReader(strings.NewReader(`<styleSheet `+spreadsheet+`><cellXfs>`), many(`<xf/>`, 3_000_000), strings.NewReader(`</cellXfs></styleSheet>`))},
		"another encoding": {"xl/sharedStrings.xml": io.MultiReader(strings.NewReader(`<?xml version="1.0" encoding="utf-16"?>`+texts),
			many("<\x00s\x00i\x00/\x00>\x00", 4_000_000))},
		"a type of document": {"xl/sharedStrings.xml": strings.NewReader(`<!DOCTYPE a [<!ENTITY b "c">]>` + texts + `<si><t>&b;</t></si></sst>`)},
	} {
		t.Run(name, func(t *testing.T) {
			content := bookOf(t, parts)
			require.Less(t, len(content), 4<<20)
			_, spent, err := reading(t, content)
			require.Equal(t, models.Invalid, models.KindOf(err), "%v", err)
			spent.Within(t, 256<<20)
		})
	}
	quotes := map[string]string{
		"lines in a quoted cell":       "number,a\n1,\"" + strings.Repeat("\n", 1<<20) + "\"\n",
		"lines of closed marks":        "number\n\"\n" + strings.Repeat("\"\"x\n", 200_000),
		"lines of open marks":          "number,a,b,c\n" + strings.Repeat("\"x\n", 400_000),
		"rows that go on and on":       "number,a\n" + strings.Repeat("x\",\"\n", 400_000),
		"rows that go on, few columns": "number\n" + strings.Repeat("x\",\"\n", 400_000),
	}
	for name, text := range quotes {
		t.Run(name, func(t *testing.T) {
			_, spent, err := reading(t, []byte(text))
			if err != nil {
				require.Equal(t, models.Invalid, models.KindOf(err), "%v", err)
			}
			spent.Within(t, 2<<30)
		})
	}
}

func reading(t *testing.T, content []byte) (orders []models.Incoming, spent budget.Spent, err error) {
	file := written(t, content)
	spent = budget.Of(func() { orders, err = rowsOf(file) })
	return orders, spent, err
}

// TestAnXLSXAsOthersWriteThemIsRead holds the budget to files as they are: text in runs, marks in attributes, comments.
func TestAnXLSXAsOthersWriteThemIsRead(t *testing.T) {
	content := bookOf(t, map[string]io.Reader{
		"xl/sharedStrings.xml": strings.NewReader(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?><!-- by hand --><sst ` + spreadsheet + ` uniqueCount='1' note="a > b />">` +
			`<si><r><t>A</t></r><r><rPr><b/></rPr><t xml:space="preserve">-<![CDATA[7>]]></t></r></si></sst>`),
	})
	orders, err := rowsOf(written(t, content))
	require.NoError(t, err)
	require.Len(t, orders, 1)
	require.Equal(t, "A-7>", orders[0].Number)
}
