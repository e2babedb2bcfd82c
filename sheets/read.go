// Package sheets reads and writes spreadsheets of work orders, CSV and XLSX, row by row: any column order, headers
// mapped to fields, the incumbent's own files without mapping by hand.
package sheets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"fieldproof/models"
)

// Limits of a file: far above what offices have, and what is needed to stay bounded.
const (
	MaxColumns = 1000
	maxRow     = 8 << 20  // bytes of one row
	maxCell    = 1 << 20  // bytes of one cell
	maxReread  = 32 << 20 // bytes of a CSV that are read again, after quotation marks that are never closed
)

// Row is one row of a file.
type Row struct {
	Line  int64 // as a spreadsheet counts them: the first row is 1, blank ones count
	Cells []string
	// Problem is why the row can't be taken, "" when it can.
	Problem string
}

// File is an open spreadsheet; its rows come one after another.
type File struct {
	Columns []string
	Format  string
	epoch04 bool // dates count from 1904, as in files of old Macs
	next    func() ([]string, error)
	close   func() error
	line    int64
}

func wrong(format string, args ...any) error { return models.InvalidField("file", format, args...) }

// Open opens a spreadsheet on the disk and reads its headers. Errors are [models.Invalid] with what to do about the file.
func Open(path string) (*File, error) {
	head, err := headOf(path, 8)
	if err != nil {
		return nil, err
	}
	var f *File
	switch {
	case len(head) == 0:
		return nil, wrong("The file is empty.")
	case bytes.HasPrefix(head, []byte("PK")):
		f, err = openXLSX(path)
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0")):
		return nil, wrong("This is a file of an old Excel (.xls) or one with a password: save it as .xlsx or CSV without a password.")
	case bytes.HasPrefix(head, []byte("%PDF")):
		return nil, wrong("This is a PDF, no spreadsheet: save the list as .xlsx or CSV.")
	default:
		f, err = openCSV(path)
	}
	if err != nil {
		return nil, err
	}
	if err := f.readHeaders(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Memory is what reading a spreadsheet of the disk takes at most, whatever its size: an XLSX's shared texts and parts, or
// rows of a CSV.
func Memory(path string) int64 {
	if head, err := headOf(path, 2); err == nil && string(head) == "PK" {
		return 96 << 20
	}
	return 2 * maxRow
}

func headOf(path string, n int) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head := make([]byte, n)
	k, err := io.ReadFull(file, head)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return head[:k], err
}

// Close lets go of the file.
func (f *File) Close() error { return f.close() }

// cells are those of the next row; a [*badRow] for one that no database keeps.
func (f *File) cells() ([]string, error) {
	cells, err := f.next()
	if at := slices.IndexFunc(cells, func(cell string) bool { return !models.PlainText(cell) }); at >= 0 {
		return nil, &badRow{fmt.Sprintf("The cell in column %d holds the character NUL, which can't be kept: leave it out.", at+1)}
	}
	return cells, err
}

func (f *File) readHeaders() error {
	for {
		cells, err := f.cells()
		if errors.Is(err, io.EOF) {
			return wrong("The file has no rows: its first row names the columns.")
		}
		var bad *badRow
		if errors.As(err, &bad) {
			return wrong("The first row, which names the columns, can't be read. %s", bad.message)
		}
		if err != nil {
			return err
		}
		f.line++
		if blank(cells) {
			continue
		}
		for len(cells) > 0 && strings.TrimSpace(cells[len(cells)-1]) == "" {
			cells = cells[:len(cells)-1]
		}
		if len(cells) > MaxColumns {
			return wrong("The file has %d columns; at most %d are read.", len(cells), MaxColumns)
		}
		f.Columns = make([]string, len(cells))
		for i, c := range cells {
			f.Columns[i] = strings.TrimSpace(c)
		}
		return nil
	}
}

func blank(cells []string) bool {
	for _, c := range cells {
		if strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}

// Next returns the next row that is not blank; io.EOF after the last. Its cells are valid until the next call.
func (f *File) Next() (Row, error) {
	for {
		cells, err := f.cells()
		var bad *badRow
		if err != nil && !errors.As(err, &bad) {
			return Row{}, err
		}
		f.line++
		if bad != nil {
			return Row{Line: f.line, Problem: bad.message}, nil
		}
		if !blank(cells) {
			return Row{Line: f.line, Cells: cells}, nil
		}
	}
}

var (
	errRow    = fmt.Errorf("a row is larger than %d MB", maxRow>>20)
	errQuotes = errors.New("too many quotation marks are never closed")
)

func openCSV(path string) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	decoded, err := decodeText(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	buffered := bufio.NewReaderSize(decoded, 64<<10)
	delimiter, skip, err := sniffDelimiter(buffered)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, err := buffered.Discard(skip); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	head, err := buffered.Peek(buffered.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, file.Close())
	}
	rows := &csvReader{r: buffered, delimiter: string(delimiter), cr: bytes.IndexByte(head, '\n') < 0 && bytes.IndexByte(head, '\r') >= 0}
	f := &File{Format: models.FormatCSV, close: file.Close}
	f.next = func() ([]string, error) {
		cells, err := rows.row()
		if errors.Is(err, errRow) {
			return nil, wrong("Row %d is larger than %d MB.", f.line+1, maxRow>>20)
		}
		if errors.Is(err, errQuotes) {
			return nil, wrong("From row %d on too many quotation marks are missing or too many: save the file anew, or as .xlsx.", f.line+1)
		}
		for i := range cells {
			cells[i] = unguard(cells[i])
		}
		return cells, err
	}
	return f, nil
}

// decodeText finds out how a text is encoded: UTF-8 with or without a mark, UTF-16 of either order, else Windows-1252, of
// which every byte is a character.
func decodeText(file *os.File) (io.Reader, error) {
	head := make([]byte, 4096)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	head = head[:n]
	rewind := func() error { _, err := file.Seek(0, io.SeekStart); return err }
	if err := rewind(); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		_, err := file.Seek(3, io.SeekStart)
		return file, err
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")):
		return transform.NewReader(file, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()), nil
	}
	even, odd := 0, 0
	for i, b := range head {
		if b == 0 && i%2 == 0 {
			even++
		} else if b == 0 {
			odd++
		}
	}
	switch {
	case odd > len(head)/4 && even < odd/4:
		return transform.NewReader(file, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()), nil
	case even > len(head)/4 && odd < even/4:
		return transform.NewReader(file, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()), nil
	case even+odd > 0:
		return nil, wrong("The file holds bytes that no text has: it is no CSV. Save the list as .xlsx or CSV.")
	}
	valid, err := isUTF8(file)
	if err != nil {
		return nil, err
	}
	if err := rewind(); err != nil {
		return nil, err
	}
	if valid {
		return file, nil
	}
	return transform.NewReader(file, charmap.Windows1252.NewDecoder()), nil
}

func isUTF8(r io.Reader) (bool, error) {
	buf := make([]byte, 64<<10)
	kept := 0
	for {
		n, err := r.Read(buf[kept:])
		chunk := buf[:kept+n]
		for len(chunk) >= utf8.UTFMax || (err != nil && len(chunk) > 0) {
			if chunk[0] < utf8.RuneSelf {
				chunk = chunk[1:]
				continue
			}
			c, size := utf8.DecodeRune(chunk)
			if c == utf8.RuneError && size == 1 {
				return false, nil
			}
			chunk = chunk[size:]
		}
		kept = copy(buf, chunk)
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// sniffDelimiter finds the delimiter of the first row: the candidate that stands most often outside of quotes. A line
// sep=; before it, as Excel writes, decides and is skipped.
func sniffDelimiter(r *bufio.Reader) (delimiter rune, skip int, err error) {
	head, err := r.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return 0, 0, err
	}
	if len(head) >= 6 && strings.EqualFold(string(head[:4]), "sep=") {
		if end := bytes.IndexByte(head, '\n'); end >= 5 && end <= 7 {
			return rune(head[4]), end + 1, nil
		}
	}
	counts := map[byte]int{}
	quoted, seen := false, false
	for _, b := range head {
		switch {
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '\n' || b == '\r':
			if seen {
				return most(counts), 0, nil
			}
		default:
			seen = true
			counts[b]++
		}
	}
	return most(counts), 0, nil
}

func most(counts map[byte]int) rune {
	best := byte(',')
	for _, c := range []byte{';', '\t', '|'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return rune(best)
}

var guarded = regexp.MustCompile(`^'+[=+\-@\t\r]`)

// unguard takes away the apostrophe that [Guard] put before a cell which looks like a formula.
func unguard(cell string) string {
	if len(cell) > 1 && cell[0] == '\'' && guarded.MatchString(cell) {
		return cell[1:]
	}
	return cell
}

func openXLSX(path string) (*File, error) {
	if err := checkParts(path); err != nil {
		return nil, err
	}
	book, err := excelize.OpenFile(path, excelize.Options{RawCellValue: true, UnzipSizeLimit: maxUnzipped, UnzipXMLSizeLimit: inMemory})
	if err != nil {
		return nil, wrong("The file can't be read as .xlsx: %v. Save it anew, or as CSV.", err)
	}
	book.Pkg.Range(func(name, _ any) bool {
		// A workbook may name a picture as its sheet.
		if name, _ := name.(string); !isXML(name) && !strings.HasPrefix(strings.ToLower(name), "xl/worksheets/sheet") {
			book.Pkg.Delete(name)
		}
		return true
	})
	sheet := firstVisible(book)
	rows, err := book.Rows(sheet)
	if err != nil {
		return nil, errors.Join(wrong("The sheet %q can't be read: %v.", sheet, err), book.Close())
	}
	f := &File{Format: models.FormatXLSX}
	if props, err := book.GetWorkbookProps(); err == nil && props.Date1904 != nil {
		f.epoch04 = *props.Date1904
	}
	f.close = func() error { return errors.Join(rows.Close(), book.Close()) }
	f.next = func() ([]string, error) {
		if !rows.Next() {
			if err := rows.Error(); err != nil {
				return nil, wrong("Row %d can't be read: %v.", f.line+1, err)
			}
			return nil, io.EOF
		}
		cells, err := rows.Columns()
		if err != nil {
			return nil, wrong("Row %d can't be read: %v.", f.line+1, err)
		}
		if len(cells) > 20*MaxColumns {
			return nil, wrong("Row %d has %d columns; at most %d are read.", f.line+1, len(cells), MaxColumns)
		}
		return cells, nil
	}
	return f, nil
}

func firstVisible(book *excelize.File) string {
	names := book.GetSheetList()
	for _, name := range names {
		if visible, err := book.GetSheetVisible(name); err == nil && visible {
			return name
		}
	}
	if len(names) > 0 {
		return names[0]
	}
	return ""
}
