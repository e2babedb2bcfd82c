package sheets_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"fieldproof/models"
	"fieldproof/sheets"
)

// rowsOf reads a file as an import does, and returns the orders or why it can't be read.
func rowsOf(path string) (orders []models.Incoming, err error) {
	f, err := sheets.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plan, err := sheets.NewPlan(f, sheets.Guess(f.Columns), time.UTC, "")
	if err != nil {
		return nil, err
	}
	for {
		row, err := f.Next()
		if errors.Is(err, io.EOF) {
			return orders, nil
		}
		if err != nil {
			return orders, err
		}
		orders = append(orders, plan.Order(row))
	}
}

func written(t testing.TB, content []byte) string {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// TestAnyTextComesBackThroughBothFormats writes orders of any text and reads them again.
func TestAnyTextComesBackThroughBothFormats(t *testing.T) {
	printable := rapid.StringOfN(rapid.SampledFrom([]rune("=+-@'\"\t;,| aé漢\nzZ09{}[]\\")), 0, 12, -1)
	rapid.Check(t, func(r *rapid.T) {
		description, city, info := printable.Draw(r, "description"), printable.Draw(r, "city"), printable.Draw(r, "info")
		o := &models.WorkOrder{WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: "N-1", ClientCode: "C", Description: &description, WorkOrderInfo: info, Address: models.Address{City: city}}}
		line, err := sheets.Line(o, "", []models.Task{{TaskFields: models.TaskFields{Name: "T"}}})
		require.NoError(t, err)
		for name, open := range map[string]func(io.Writer) (sheets.Writer, error){"csv": sheets.NewCSV, "xlsx": sheets.NewXLSX} {
			var b bytes.Buffer
			w, err := open(&b)
			require.NoError(t, err)
			require.NoError(t, w.Write(sheets.Columns))
			require.NoError(t, w.Write(line))
			require.NoError(t, w.Close())
			orders, err := rowsOf(written(t, b.Bytes()))
			require.NoError(t, err)
			require.Len(t, orders, 1)
			said := orders[0].Fields
			var got models.WorkOrderFields
			got.Take(&orders[0], models.OfAnyone, models.Shared)
			got.Normalise()
			require.Equal(t, []string{description, city, info}, []string{*got.Description, said.Address.City, said.WorkOrderInfo}, name)
			require.Equal(t, []any{"N-1", "C", "T"}, []any{orders[0].Number, orders[0].ClientCode, orders[0].Tasks[0].Name})
		}
	})
}

// TestTextThatNoDatabaseTakesIsRefused: the row it stands in, and in the first row the file.
func TestTextThatNoDatabaseTakesIsRefused(t *testing.T) {
	const rows = "number,city,options,attributes,tasks\nA,Austin,,,\n"
	encoded := func(e encoding.Encoding, text string) []byte {
		b, err := e.NewEncoder().Bytes([]byte(text))
		require.NoError(t, err)
		return b
	}
	utf16 := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	// Excel writes a character that XML has not as _x0000_.
	book := workbook(t, []any{"number", "city"}, []any{"A", "Austin"}, []any{"B", "a_x0000_b"}, []any{"C", "Austin"})
	for what, file := range map[string][]byte{
		"a cell of UTF-16":     encoded(utf16, rows+"B,a\x00b,,,\nC,,,,\n"),
		"a number of UTF-16":   encoded(utf16, rows+"B\x00,,,,\nC,,,,\n"),
		"a cell of no header":  encoded(utf16, rows+"B,,,,,\x00\nC,,,,\n"),
		"far behind the begin": []byte(rows + strings.Repeat("A,Austin,,,\n", 1000) + "B,a\x00b,,,\nC,,,,\n"),
		"a cell of XLSX":       book,
		"a member of JSON":     []byte(rows + `B,,"{""a"":""\u0000""}",,` + "\nC,,,,\n"),
		"a member's name":      []byte(rows + `B,,"{""a\u0000"":1}",,` + "\nC,,,,\n"),
		"an attribute":         []byte(rows + `B,,,"{""attribute1"":""\u0000""}",` + "\nC,,,,\n"),
		"an attribute's name":  []byte(rows + `B,,,"{""a\u0000"":""x""}",` + "\nC,,,,\n"),
		"a task's survey":      []byte(rows + `B,,,,"[{""serviceName"":""T"",""surveyDynamic"":{""a"":""\u0000""}}]"` + "\nC,,,,\n"),
	} {
		orders, err := rowsOf(written(t, file))
		require.NoError(t, err, what)
		refused := []string{}
		for _, o := range orders {
			kept, err := json.Marshal(o)
			require.NoError(t, err)
			require.NotContains(t, string(kept), `\u0000`, what)
			for _, p := range o.Problems {
				refused = append(refused, p.Message)
			}
		}
		require.Len(t, refused, 1, what)
	}
	for what, file := range map[string][]byte{
		"UTF-16": encoded(utf16, "number,ci\x00ty\nA,Austin\n"),
		"UTF-32": []byte("\xFF\xFE\x00\x00n\x00\x00\x00,\x00\x00\x00c\x00\x00\x00\n\x00\x00\x00A\x00\x00\x00,\x00\x00\x00B\x00\x00\x00"),
		"XLSX":   workbook(t, []any{"number", "a_x0000_b"}, []any{"A", "Austin"}),
	} {
		_, err := sheets.Open(written(t, file))
		require.Equal(t, models.Invalid, models.KindOf(err), "%s: %v", what, err)
	}
}

func workbook(t testing.TB, rows ...[]any) []byte {
	book := excelize.NewFile()
	for n, row := range rows {
		require.NoError(t, book.SetSheetRow("Sheet1", "A"+string(rune('1'+n)), &row))
	}
	var b bytes.Buffer
	require.NoError(t, book.Write(&b))
	return b.Bytes()
}

func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"number,address1\nX,Y\n", "Project Number;Tasks\r\nA::1;\"[{\"\"serviceName\"\":\"\"x\"\"}]\"\r\n", "sep=|\nnumber|due date\n1|45000.5\n", "number\n'=1\n", "\xFF\xFEn\x00\n\x00", "\"", "a,a\n", "\n\n\n", ",,,\nnumber\n",
		"number,latitude,options,attributes\n1,NaN,{,[]\n", "number,due time,zip\n1,25:00,7.8664E4\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) { read(t, content) })
}

func FuzzXLSX(f *testing.F) {
	f.Add(workbook(f, []any{"number", "address1"}, []any{1, "x"}))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, content []byte) {
		read(t, append([]byte("PK"), bytes.TrimPrefix(content, []byte("PK"))...))
	})
}

// read wants every file read, or refused for a reason that a person can act on, and neither to take much.
func read(t *testing.T, content []byte) {
	orders, spent, err := reading(t, content)
	spent.Within(t, 256<<20+64*uint64(len(content)))
	if err != nil && models.KindOf(err) != models.Invalid {
		t.Fatalf("no reason for a person: %v", err)
	}
	for i := range orders {
		if strings.ContainsRune(orders[i].Number, 0) {
			t.Fatalf("a number with NUL")
		}
		orders[i].Fingerprint()
	}
}
