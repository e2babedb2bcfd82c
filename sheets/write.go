package sheets

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"fieldproof/models"
	"fieldproof/wire"
)

// Columns are the columns of an export: the incumbent's in its own order, so that its users' files and ours are
// interchangeable, then ours.
var Columns = []string{"Project Number", "Due Date", "Start Date", "Client Due Date", "Address 1", "Address 2", "City", "State", "ZIP", "Info", "Status", "Field Status", "Client Status",
	"Tasks", "Assigned To", "Coordinator", "Client Code", "Reference", "Description", "Src. Project Provider", "Src. Project ID", "Src. Project Number", "Options",
	"Due Time", "Country", "Latitude", "Longitude", "Priority", "Instructions", "Client Instructions", "Publish To", "QA Policy", "Attributes"}

// coordinator is the attribute that keeps the incumbent's column of that name.
const coordinator = "coordinator"

// Line writes one order as an export has it, what its audience may see: see [models.WorkOrder.For].
func Line(o *models.WorkOrder, assignee string, tasks []models.Task) ([]string, error) {
	number, priority := o.DisplayNumber(), o.Priority
	listed := wire.Services(tasks)
	for i, t := range tasks {
		listed[i].Survey = cmp.Or(t.SurveyNamed, t.SurveyID) // as it came, for whoever it came from
	}
	services, err := json.Marshal(listed)
	if err != nil {
		return nil, err
	}
	attributes := map[string]string{}
	for k, v := range o.Attributes {
		if k != coordinator {
			attributes[k] = v
		}
	}
	policy := ""
	if o.QAPolicy != nil {
		policy = string(*o.QAPolicy)
	}
	return []string{number, day(o.DueDate, o.DueTime), day(o.StartDate, nil), day(o.ClientDueDate, o.ClientDueTime), o.Address.Address1, o.Address.Address2, o.Address.City, o.Address.State, o.Address.Zip,
		o.WorkOrderInfo, string(o.WireStatus()), models.WireFieldStatus(o.FieldStatus), o.ClientStatus, string(services), cmp.Or(assignee, o.AssignedName), o.Attributes[coordinator], o.ClientCode, text(o.Reference), text(o.Description),
		o.Source.Provider, o.Source.WorkOrderID, o.Source.WorkOrderNumber, object(o.Options), text(o.DueTime), o.Address.Country, float(o.Latitude), float(o.Longitude), priority,
		o.Instructions, o.ClientInstructions, text(o.PublishTo), policy, object(attributes)}, nil
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func float(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func object[V any](m map[string]V) string {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	return string(b)
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
