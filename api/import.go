package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"gorm.io/gorm"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/sheets"
	"fieldproof/wire"
)

// ImportProblem says what is wrong with a row, or a column, of a file.
type ImportProblem struct {
	Row     int64  `json:"row,omitempty"` // as a spreadsheet counts; 0 for the whole file
	Field   string `json:"field"`
	Message string `json:"message"`
	Warning bool   `json:"warning"` // the row is taken all the same
}

// ImportPreview shows how a file would be read (contract: imports).
type ImportPreview struct {
	Columns  []string          `json:"columns"`
	Mapping  map[string]string `json:"mapping"`
	Rows     [][]string        `json:"rows"` // the first 20, cell by cell
	Problems []ImportProblem   `json:"problems"`
	Fields   []string          `json:"fields"` // what a column can be mapped to
}

const previewRows = 20

func (s *Server) importRoutes() []route {
	bring := with(models.CreateOrders)
	spreadsheet := formOf("The spreadsheet: CSV or XLSX", sheetParts)
	preview := stream(http.MethodPost, "/imports/preview", bring, "How a spreadsheet would be read", "", s.previewImport).fills(spreadsheet).gives(reflect.TypeFor[ImportPreview]())
	start := stream(http.MethodPost, "/imports", bring, "Import a spreadsheet", "", s.startImport).fills(spreadsheet).gives(reflect.TypeFor[models.ImportView]())
	start.status = http.StatusAccepted
	return []route{
		preview, start,
		get("/imports", bring, "The imports of the account, newest first", s.listImports),
		get("/imports/:id", bring, "An import and how far it is", func(c *call) (models.ImportView, error) {
			i, err := c.importOf()
			if err != nil {
				return models.ImportView{}, err
			}
			return i.View(), nil
		}),
		stream(http.MethodGet, "/imports/:id/results.csv", bring, "What became of each row, as a spreadsheet", "text/csv", s.importResults),
		get("/imports/:id/rows", bring, "The rows of an import with their cells, and what became of them", s.listImportRows, "result"),
		define(http.MethodPost, "/imports/:id/cancel", bring, http.StatusOK, "Stop an import; the rows that are in stay", s.cancelImport),
	}
}

func (c *call) importOf() (*models.Import, error) {
	return models.One[models.Import](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "import")
}

// upload is a spreadsheet that came with a request, on the disk.
type upload struct {
	path, name string
	mapping    map[string]string
	clientCode string
	dryRun     bool
}

func (u *upload) remove() {
	if u.path != "" {
		_ = os.Remove(u.path)
	}
}

// readUpload reads the parts of a request in any order, the file to the disk.
func (c *call) readUpload() (*upload, error) {
	c.Request.Body = &patientReader{r: c.Request.Body, control: http.NewResponseController(c.Writer)}
	parts, err := c.Request.MultipartReader()
	if err != nil {
		return nil, models.Errorf(models.Malformed, "Send the spreadsheet as multipart/form-data, in a part named file.")
	}
	u := &upload{}
	var problems models.Problems
	for count := 0; ; count++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil && count < maxParts {
			err = u.take(part, &problems)
		} else {
			err = &models.Error{Kind: models.Malformed, Message: "The upload broke off or is no multipart/form-data: send it again.", Cause: err}
		}
		if err != nil {
			u.remove()
			return nil, err
		}
	}
	if u.path == "" {
		problems.Add("file", "Send the spreadsheet in a part named file.")
	}
	if err := problems.Err(); err != nil {
		u.remove()
		return nil, err
	}
	return u, nil
}

func (u *upload) take(part *multipart.Part, problems *models.Problems) error {
	if part.FormName() == "file" {
		if u.path != "" {
			return models.InvalidField("file", "Send one file an import.")
		}
		file, err := os.CreateTemp("", "fieldproof-sheet-")
		if err != nil {
			return err
		}
		u.path, u.name = file.Name(), part.FileName()
		n, err := io.Copy(file, io.LimitReader(part, intake.MaxImport+1))
		if err = errors.Join(err, file.Close()); err != nil {
			return brokenOff(err)
		}
		if n > intake.MaxImport {
			return models.Errorf(models.TooLarge, "The file is larger than %d MB, the most that is imported.", intake.MaxImport>>20)
		}
		return nil
	}
	text, err := readPart(part)
	if err != nil {
		return err
	}
	setPart(sheetParts, u, part.FormName(), text, problems)
	return nil
}

// sheetParts are the parts beside a spreadsheet.
var sheetParts = []part[upload]{
	{name: "mapping", holds: huma.Schema{Type: huma.TypeString, Description: "A JSON object of column header and field; without it, the one used last for these headers, or a guess."}, set: func(u *upload, text string) string {
		if strings.TrimSpace(text) == "" {
			return ""
		}
		if err := wire.Inner(text, &u.mapping); err != nil {
			return fmt.Sprintf("Want a JSON object of column header → field: %v.", err)
		}
		return ""
	}},
	{name: "client_code", holds: *text(), set: func(u *upload, text string) string {
		if u.clientCode = strings.TrimSpace(text); utf8.RuneCountInString(u.clientCode) > 60 {
			return "At most 60 characters."
		}
		return ""
	}},
	{name: "dry_run", holds: huma.Schema{Type: huma.TypeBoolean}, set: func(u *upload, text string) string {
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "true", "1", "yes", "on":
			u.dryRun = true
		case "", "false", "0", "no", "off":
		default:
			return "Give true or false."
		}
		return ""
	}},
}

// planOf opens the file and finds its mapping: the one given, else the one that the account used last for files with these
// headers, else a guess. When the file can be read but not mapped, the error comes with the file.
func (c *call) planOf(u *upload) (*sheets.File, map[string]string, *sheets.Plan, error) {
	account, err := c.server.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, nil, nil, err
	}
	f, err := sheets.Open(u.path)
	if err != nil {
		return nil, nil, nil, err
	}
	mapping := u.mapping
	if len(mapping) == 0 {
		remembered, err := models.One[models.ImportMapping](c.server.Store.Read(c.ctx()).Where("headers = ?", sheets.Key(f.Columns)), "mapping")
		if err != nil && models.KindOf(err) != models.NotFound {
			return nil, nil, nil, errors.Join(err, f.Close())
		}
		if mapping = sheets.Guess(f.Columns); remembered != nil {
			mapping = sheets.ForColumns(remembered.Mapping, f.Columns)
		}
	}
	plan, err := sheets.NewPlan(f, mapping, account.Location(), u.clientCode)
	return f, mapping, plan, err
}

func (s *Server) previewImport(c *call) (any, error) {
	u, err := c.readUpload()
	if err != nil {
		return nil, err
	}
	defer u.remove()
	ctx, cancel := context.WithTimeout(c.ctx(), waitsForRoom)
	defer cancel()
	release, err := models.TakeMemory(ctx, sheets.Memory(u.path))
	if err != nil {
		return nil, err
	}
	defer release()
	f, mapping, plan, err := c.planOf(u)
	if f == nil {
		return nil, err
	}
	defer f.Close()
	p := &ImportPreview{Columns: f.Columns, Mapping: mapping, Rows: [][]string{}, Problems: []ImportProblem{}, Fields: sheets.Fields}
	var unmapped *models.Error
	if errors.As(err, &unmapped) && unmapped.Kind == models.Invalid {
		for _, e := range unmapped.Fields {
			p.Problems = append(p.Problems, ImportProblem{Field: e.Field, Message: e.Message})
		}
	} else if err != nil {
		return nil, err
	} else {
		for _, column := range plan.Unused {
			p.Problems = append(p.Problems, ImportProblem{Field: "mapping." + column, Message: fmt.Sprintf("The column %q is not used: map it to a field, to attributes.{name} to keep it with the order, or to %s.", column, sheets.Ignore), Warning: true})
		}
	}
	var orders []models.Incoming
	for len(p.Rows) < previewRows {
		row, err := f.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		cells := make([]string, len(f.Columns))
		copy(cells, row.Cells)
		p.Rows = append(p.Rows, cells)
		if unmapped == nil {
			orders = append(orders, plan.Order(row))
		}
	}
	return p, c.tryRows(p, orders)
}

// tryRows adds what would become of the first rows to a preview.
func (c *call) tryRows(p *ImportPreview, orders []models.Incoming) error {
	if len(orders) == 0 {
		return nil
	}
	account, err := c.server.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return err
	}
	results, err := c.server.Intake.Receive(c.ctx(), intake.Source{Account: account, By: c.member, File: true, DryRun: true}, orders, nil)
	for _, r := range results {
		for _, e := range r.Errors {
			p.Problems = append(p.Problems, ImportProblem{Row: r.Line, Field: e.Field, Message: e.Message})
		}
		for _, e := range r.Warnings {
			p.Problems = append(p.Problems, ImportProblem{Row: r.Line, Field: e.Field, Message: e.Message, Warning: true})
		}
	}
	return err
}

func (s *Server) startImport(c *call) (any, error) {
	if err := c.may(models.EditOrders); err != nil {
		return nil, err
	}
	u, err := c.readUpload()
	if err != nil {
		return nil, err
	}
	defer u.remove()
	ctx, cancel := context.WithTimeout(c.ctx(), waitsForRoom)
	defer cancel()
	release, err := models.TakeMemory(ctx, sheets.Memory(u.path))
	if err != nil {
		return nil, err
	}
	defer release()
	f, mapping, _, err := c.planOf(u)
	if f != nil {
		defer f.Close()
	}
	if err != nil {
		return nil, err
	}
	account, err := s.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(u.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	n := intake.NewImport{Account: account, By: c.member, Format: f.Format, FileName: u.name, Mapping: mapping, ClientCode: u.clientCode, DryRun: u.dryRun, Remember: sheets.Key(f.Columns)}
	i, err := s.Intake.StartImport(c.ctx(), n, file)
	if err != nil {
		return nil, err
	}
	c.Header("Location", "/api/v1/imports/"+i.ID)
	return i.View(), nil
}

func (s *Server) listImports(c *call) (list[models.ImportView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.ImportView]{}, err
	}
	q := s.Store.Read(c.ctx()).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []*models.Import
	err = q.Find(&rows).Error
	return pageByID(rows, limit, at, func(i *models.Import) string { return i.ID }, (*models.Import).View), err
}

func (s *Server) importResults(c *call) (any, error) {
	i, err := c.importOf()
	if err != nil {
		return nil, err
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", fmt.Sprintf(`attachment; filename="%s_results.csv"`, models.SafeName(strings.TrimSuffix(i.FileName, path.Ext(i.FileName)))))
	return nil, sheets.WriteResults(c.ctx(), s.Store, i, c.started())
}

func (s *Server) listImportRows(c *call) (list[models.ImportRowView], error) {
	page := list[models.ImportRowView]{Items: []models.ImportRowView{}}
	i, err := c.importOf()
	if err != nil {
		return page, err
	}
	q, err := c.withResult(s.Store.Read(c.ctx()).Where("import_id = ?", i.ID), models.Results)
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	var rows []models.ImportRow
	err = q.Where("line > ?", at.Before).Order("line").Limit(limit + 1).Find(&rows).Error
	for n := range rows {
		if n == limit {
			at.Before = rows[limit-1].Line
			page.NextCursor = at.text()
			break
		}
		page.Items = append(page.Items, rows[n].View())
	}
	return page, err
}

// withResult narrows rows to those with a result, or one of some.
func (c *call) withResult(q *gorm.DB, results []string) (*gorm.DB, error) {
	asked := models.ListOf(c.QueryArray("result"))
	for _, r := range asked {
		if !slices.Contains(results, r) {
			return nil, badParameter("result", fmt.Sprintf("%q is no result; choose from %v.", r, results))
		}
	}
	if len(asked) == 0 {
		return q, nil
	}
	return q.Where("result IN ?", asked), nil
}

// cancelImport stops an import at its next rows. One that has not begun never does.
func (s *Server) cancelImport(c *call, _ nothing) (models.ImportView, error) {
	i, err := c.importOf()
	if err != nil {
		return models.ImportView{}, err
	}
	i, err = s.Intake.CancelImport(c.ctx(), c.member, i.ID)
	if err != nil {
		return models.ImportView{}, err
	}
	return i.View(), nil
}
