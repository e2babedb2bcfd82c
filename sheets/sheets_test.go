package sheets_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
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
