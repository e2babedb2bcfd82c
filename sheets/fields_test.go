package sheets_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/sheets"
	"fieldproof/tests/house"
)

// TestEveryColumnIsReadAgain exports an order that has everything, and imports it.
func TestEveryColumnIsReadAgain(t *testing.T) {
	o := &models.WorkOrder{WorkOrderFields: models.WorkOrderFields{WorkOrderNumber: "N-1", ClientCode: "C"}, FieldStatus: models.FieldViewed,
		Lifecycle: models.Lifecycle{State: models.Assigned}}
	o.Take(house.Everything(), models.OfAnyone, models.OfIntegration, models.Shared)
	line, err := sheets.Line(o, "crew", []models.Task{{TaskFields: models.TaskFields{Name: "Lawn cut"}}})
	require.NoError(t, err)
	require.NotContains(t, line, "", "a column that nothing is written into")
	for kind, open := range map[string]func(io.Writer) (sheets.Writer, error){"csv": sheets.NewCSV, "xlsx": sheets.NewXLSX} {
		var b bytes.Buffer
		w, err := open(&b)
		require.NoError(t, err)
		require.NoError(t, w.Write(sheets.Columns))
		require.NoError(t, w.Write(line))
		require.NoError(t, w.Close())
		orders, err := rowsOf(written(t, b.Bytes()))
		require.NoError(t, err)
		require.Len(t, orders, 1)
		in := &orders[0]
		require.Empty(t, in.Problems, kind)
		require.Equal(t, []any{"N-1", "C", "Lawn cut", "Rush", "Viewed", "crew"}, []any{in.Number, in.ClientCode, in.Tasks[0].Name, *in.Status,
			*in.FieldStatus, *in.Assignee})
		var read models.WorkOrderFields
		read.Take(in, models.OfAnyone, models.OfIntegration, models.Shared)
		for _, f := range models.Fields {
			if f.Kept() && f.Kind != models.Code {
				require.NotEmpty(t, f.Text(&read), "%s of %s", f.Name, kind)
				require.Equal(t, f.Value(&o.WorkOrderFields), f.Value(&read), "%s of %s", f.Name, kind)
			}
		}
	}
}

// TestAColumnIsMappedByEveryNameOfItsField maps columns by what each interface calls a field.
func TestAColumnIsMappedByEveryNameOfItsField(t *testing.T) {
	for _, f := range models.Fields {
		names := append([]string{f.Name, f.SheetName()}, f.Headers...)
		if f.WireName() != "" && f.Of == "" && f.Kind != models.Texts {
			names = append(names, f.WireName())
		}
		for _, name := range names {
			require.Equal(t, map[string]string{name: f.SheetName()}, sheets.Guess([]string{name}), f.Name)
			file, err := sheets.Open(written(t, []byte("a,b\n1,2\n")))
			require.NoError(t, err)
			mapping := map[string]string{"a": "work_order_number", "b": name}
			if f.Name == "work_order_number" {
				mapping = map[string]string{"a": name, "b": sheets.Ignore}
			}
			_, err = sheets.NewPlan(file, mapping, time.UTC, "")
			require.NoError(t, err, name)
			require.NoError(t, file.Close())
		}
	}
}
