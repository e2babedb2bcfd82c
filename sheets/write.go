package sheets

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"fieldproof/models"
	"fieldproof/wire"
)

// Columns are the columns of an export: see [models.Fields].
var Columns = func() (columns []string) {
	for _, f := range models.Fields {
		if f.Column != models.Nowhere {
			columns = append(columns, f.Column)
		}
	}
	return columns
}()

// Line writes one order as an export has it, what its audience may see: see [models.WorkOrder.For].
func Line(o *models.WorkOrder, assignee string, tasks []models.Task) ([]string, error) {
	listed := wire.Services(tasks)
	for i, t := range tasks {
		listed[i].Survey = cmp.Or(t.SurveyNamed, t.SurveyID) // as it came, for whoever it came from
	}
	services, err := json.Marshal(listed)
	if err != nil {
		return nil, err
	}
	cells := make([]string, 0, len(Columns))
	for _, f := range models.Fields {
		if f.Column == models.Nowhere {
			continue
		}
		cell := ""
		switch {
		case f.Name == "work_order_number":
			cell = o.DisplayNumber()
		case f.Name == "status":
			cell = string(o.WireStatus())
		case f.Name == "field_status":
			cell = models.WireFieldStatus(o.FieldStatus)
		case f.Name == "tasks":
			cell = string(services)
		case f.Name == "assignee":
			cell = cmp.Or(assignee, o.AssignedName)
		case f.Kind == models.OneText:
			cell = o.Attributes[attributeOf(f)]
		case f.Kind == models.Texts:
			cell = otherAttributes(o)
		case f.Kind == models.Day:
			cell = day(f.Moment(&o.WorkOrderFields))
		default:
			cell = f.Text(&o.WorkOrderFields)
		}
		cells = append(cells, cell)
	}
	return cells, nil
}

func attributeOf(f *models.Field) string { return strings.TrimPrefix(f.Name, "attributes.") }

// otherAttributes are those that have no column of their own, as JSON.
func otherAttributes(o *models.WorkOrder) string {
	rest := models.WorkOrderFields{Attributes: maps.Clone(o.Attributes)}
	for _, f := range models.Fields {
		if f.Kind == models.OneText {
			delete(rest.Attributes, attributeOf(f))
		}
	}
	return models.FieldNamed("attributes").Text(&rest)
}

// day writes a date as the incumbent does: 1/2/2018, with 23:00 behind it when it has a time.
func day(d *models.Date, at *string) string {
	if d == nil {
		return ""
	}
	t, err := time.Parse(time.DateOnly, string(*d))
	if err != nil {
		return string(*d)
	}
	s := t.Format("1/2/2006")
	if at != nil {
		s += " " + strings.TrimPrefix(*at, "0")
	}
	return s
}

// Guard puts an apostrophe before a cell that a spreadsheet would run as a formula; reading takes it away again. A plain
// number is none.
func Guard(cell string) string {
	if cell == "" {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil && cell[0] != '+' {
		return cell
	}
	if strings.ContainsRune("=+-@\t\r", rune(cell[0])) || guarded.MatchString(cell) {
		return "'" + cell
	}
	return cell
}

// Writer writes a spreadsheet row by row.
type Writer interface {
	Write(cells []string) error
	// Close ends the file; without it the file is not whole.
	Close() error
}

type csvWriter struct {
	w     *csv.Writer
	cells []string
}

// NewCSV writes CSV in UTF-8 with a byte order mark, by which Excel knows it.
func NewCSV(w io.Writer) (Writer, error) {
	if _, err := io.WriteString(w, "\uFEFF"); err != nil {
		return nil, err
	}
	c := csv.NewWriter(w)
	c.UseCRLF = true
	return &csvWriter{w: c}, nil
}

func (c *csvWriter) Write(cells []string) error {
	c.cells = c.cells[:0]
	for _, cell := range cells {
		c.cells = append(c.cells, Guard(cell))
	}
	return c.w.Write(c.cells)
}

func (c *csvWriter) Close() error {
	c.w.Flush()
	return c.w.Error()
}

type xlsxWriter struct {
	w    io.Writer
	book *excelize.File
	rows *excelize.StreamWriter
	line int
}

// NewXLSX writes XLSX. Rows go to the disk as they come; w gets the file at its close. Every cell is text, so none is
// run as a formula.
func NewXLSX(w io.Writer) (Writer, error) {
	book := excelize.NewFile()
	if err := book.SetSheetName("Sheet1", "Work orders"); err != nil {
		return nil, err
	}
	rows, err := book.NewStreamWriter("Work orders")
	return &xlsxWriter{w: w, book: book, rows: rows}, err
}

// longestCell is what a cell of Excel holds, in characters.
const longestCell = 32_767

func (x *xlsxWriter) Write(cells []string) error {
	x.line++
	values := make([]any, len(cells))
	for i, c := range cells {
		if r := []rune(c); len(c) > longestCell && len(r) > longestCell {
			c = string(r[:longestCell])
		}
		values[i] = c
	}
	at, err := excelize.CoordinatesToCellName(1, x.line)
	if err != nil {
		return err
	}
	return x.rows.SetRow(at, values)
}

func (x *xlsxWriter) Close() error {
	defer x.book.Close()
	if err := x.rows.Flush(); err != nil {
		return err
	}
	return x.book.Write(x.w)
}
