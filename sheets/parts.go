package sheets

import (
	"archive/zip"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Limits of an XLSX, held before the library unpacks it, which keeps what it reads as objects many times as large.
const (
	maxUnzipped = 512 << 20 // in all
	maxPart     = 16 << 20  // of a part that is read whole: everything but sheets and shared texts
	maxParts    = 64 << 20  // of those parts together
	maxZipped   = 128 << 20
	maxFiles    = 10_000
	inMemory    = 4 << 20 // sheets and shared texts that are larger go through the disk
	maxPacking  = 50      // how many times its packed size shared texts, each of which is there once, may have; some MB aside
)

// budget is what the XML of a part may hold.
type budget struct {
	unit     string // the element of which each is decoded by itself
	units    int
	inUnit   int // elements of one
	elements int // in all
	outside  int // those outside of units
}

const (
	maxTag   = 64 << 10 // bytes of a tag or a comment
	maxDepth = 64
)

var (
	// Excel writes at most 1,048,576 rows, and cells of a value, a formula and runs of text.
	ofSheet = budget{unit: "row", units: 1 << 20, inUnit: 20 * MaxColumns * 4, elements: 40_000_000, outside: 200_000}
	ofTexts = budget{unit: "si", units: 500_000, inUnit: 10_000, elements: 5_000_000, outside: 1000}
	ofStyle = budget{elements: 400_000, outside: 400_000}
	ofOther = budget{elements: 20_000, outside: 20_000} // the workbook and what ties its parts together
)

// checkParts refuses, before anything is unpacked, what would take more memory or time than any list of orders.
func checkParts(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Size() > maxZipped {
		return wrong("The file is larger than %d MB: save it as CSV, or in parts.", maxZipped>>20)
	}
	archive, err := zip.OpenReader(file)
	if err != nil {
		return wrong("The file can't be read as .xlsx: it is damaged, or something else with the beginning of a ZIP.")
	}
	defer archive.Close()
	if len(archive.File) > maxFiles {
		return wrong("The file has %d parts: it is no spreadsheet that is read here.", len(archive.File))
	}
	total, whole := uint64(0), uint64(0)
	for _, part := range archive.File {
		if total += part.UncompressedSize64; total > maxUnzipped || part.UncompressedSize64 > maxUnzipped {
			return wrong("The file unpacks to more than %d MB: save it as CSV, or in parts.", maxUnzipped>>20)
		}
		if name := partName(part); strings.HasPrefix(name, "xl/worksheets/sheet") || name == "xl/sharedstrings.xml" {
			continue
		}
		if whole += part.UncompressedSize64; whole > maxParts {
			return wrong("What is in the file beside its rows unpacks to more than %d MB, which no list of orders needs: save it as CSV.", maxParts>>20)
		}
		if isXML(part.Name) && part.UncompressedSize64 > maxPart {
			return wrong("The part %s of the file unpacks to more than %d MB, which no list of orders needs: save it as CSV.", shown(part), maxPart>>20)
		}
	}
	for _, part := range archive.File {
		b := ofOther
		switch name := partName(part); {
		case name == "xl/sharedstrings.xml":
			if part.UncompressedSize64 > inMemory && part.UncompressedSize64/maxPacking > part.CompressedSize64 {
				return wrong("The shared texts of the file unpack to more than %d times their size, which those of no list of orders do: save it anew, or as CSV.", maxPacking)
			}
			b = ofTexts
		case strings.HasPrefix(name, "xl/worksheets/sheet"):
			b = ofSheet
		case name == "xl/styles.xml" || strings.HasPrefix(name, "xl/theme/"):
			b = ofStyle
		case name == "xl/workbook.xml" || name == "[content_types].xml" || path.Ext(name) == ".rels":
		case isXML(name):
			b = ofSheet // a workbook may name any part as its sheet
		default:
			continue
		}
		if err := checkPart(part, b); err != nil {
			return err
		}
	}
	return nil
}

// partName is how the library knows a part.
func partName(part *zip.File) string {
	return strings.TrimPrefix(strings.ToLower(strings.ReplaceAll(part.Name, `\`, "/")), "/")
}

// isXML tells by a part's name whether it may be read.
func isXML(name string) bool {
	ext := path.Ext(strings.ToLower(name))
	return ext == ".xml" || ext == ".rels"
}

func shown(part *zip.File) string { return strings.ToValidUTF8(part.Name, "?") }

func checkPart(part *zip.File, b budget) error {
	r, err := part.Open()
	if err != nil {
		return wrong("The part %s of the file can't be unpacked: %v. Save it anew, or as CSV.", shown(part), err)
	}
	defer r.Close()
	s := &scanner{r: bufio.NewReaderSize(r, 64<<10), budget: b}
	err = s.scan()
	var over *overBudget
	if errors.As(err, &over) {
		return wrong("The part %s of the file holds %s, which no list of orders needs: save it as CSV.", shown(part), over.what)
	}
	if err != nil {
		return wrong("The part %s of the file can't be unpacked: %v. Save it anew, or as CSV.", shown(part), err)
	}
	return nil
}

// overBudget is what there is too much of.
type overBudget struct{ what string }

func (o *overBudget) Error() string { return o.what }

func over(format string, args ...any) error { return &overBudget{fmt.Sprintf(format, args...)} }

// scanner counts the elements and texts of an XML as they stream by, without ever holding more than a tag's name. Whether
// it is well-formed is not its question: whoever decodes it stops where it is not.
type scanner struct {
	r *bufio.Reader
	budget
	seen   struct{ elements, units, inUnit, outside int }
	within bool // a unit
	size   int  // bytes of the unit so far
	depth  int
	text   int // bytes since the last tag
}

func (s *scanner) scan() error {
	for first := true; ; first = false {
		if err := s.toMarkup(); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := s.markup(first); err != nil {
			if errors.Is(err, io.EOF) {
				return nil // cut short: the decoder says so
			}
			return err
		}
	}
}

// toMarkup reads the text up to the next tag.
func (s *scanner) toMarkup() error {
	for {
		part, err := s.r.ReadSlice('<')
		if err := s.bytes(len(part)); err != nil {
			return err
		}
		if s.text += len(part); s.text > maxCell {
			return over("a text of more than %d MB", maxCell>>20)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// bytes counts what belongs to a unit.
func (s *scanner) bytes(n int) error {
	if s.size += n; s.within && s.size > maxRow {
		return over("a row or a text of more than %d MB", maxRow>>20)
	}
	return nil
}

var (
	cdata = []byte("![CDATA[")
	note  = []byte("!--")
)

// markup reads one tag, comment, declaration or marked text, from behind its <.
func (s *scanner) markup(first bool) error {
	head, err := s.r.Peek(len(cdata))
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, cdata):
		return s.until("]]>", func(n int) error {
			if s.text += n; s.text > maxCell {
				return over("a text of more than %d MB", maxCell>>20)
			}
			return s.bytes(n)
		})
	case bytes.HasPrefix(head, note):
		length := 0
		return s.until("-->", func(n int) error {
			length += n
			return s.tag(length)
		})
	case bytes.HasPrefix(head, []byte("!")):
		return over("a declaration of a document type")
	case bytes.HasPrefix(head, []byte("?")):
		return s.declaration(first)
	}
	s.text = 0
	return s.element()
}

func (s *scanner) tag(n int) error {
	if n > maxTag {
		return over("a tag of more than %d KB", maxTag>>10)
	}
	return nil
}

// until reads up to an end, telling how much there is; the end's last byte closes nothing else.
func (s *scanner) until(end string, count func(int) error) error {
	var last [3]byte
	for n := 1; ; n++ {
		c, err := s.r.ReadByte()
		if err != nil {
			return err
		}
		last[0], last[1], last[2] = last[1], last[2], c
		if string(last[:]) == end {
			return count(n % 1024)
		}
		if n%1024 == 0 {
			if err := count(1024); err != nil {
				return err
			}
		}
	}
}

// declaration refuses any way to write the part but the one in which a tag's bytes are those that are counted here.
func (s *scanner) declaration(first bool) error {
	text := make([]byte, 0, 128)
	for !bytes.HasSuffix(text, []byte("?>")) {
		c, err := s.r.ReadByte()
		if err != nil {
			return err
		}
		if text = append(text, c); len(text) > 1024 {
			return over("a declaration of more than 1 KB")
		}
	}
	lower := bytes.ToLower(text)
	if !bytes.HasPrefix(lower, []byte("?xml")) {
		return nil
	}
	if !first {
		return over("a second declaration of XML")
	}
	if bytes.Contains(lower, []byte("encoding")) && !bytes.Contains(lower, []byte("utf-8")) {
		return over("XML that is not UTF-8")
	}
	return nil
}

// element reads one tag.
func (s *scanner) element() error {
	var name []byte
	var quote, last byte
	named, closing := false, false
	n := 0
	for ; ; n++ {
		c, err := s.r.ReadByte()
		if err != nil {
			return err
		}
		if err := s.tag(n); err != nil {
			return err
		}
		if quote != 0 {
			if c == quote {
				quote = 0
			}
			last = c
			continue
		}
		if c == '>' {
			break
		}
		switch {
		case n == 0 && c == '/':
			closing = true
		case c == '"' || c == '\'':
			quote = c
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '/':
			named = named || len(name) > 0
		case c == ':' && !named:
			name = name[:0]
		case !named && len(name) < 64:
			name = append(name, c)
		}
		last = c
	}
	if err := s.bytes(n + 1); err != nil {
		return err
	}
	isUnit := s.budget.unit != "" && string(name) == s.budget.unit
	if closing {
		s.depth--
		if isUnit {
			s.within = false
		}
		return nil
	}
	if err := s.opened(isUnit); err != nil {
		return err
	}
	if last == '/' {
		if isUnit {
			s.within = false
		}
		return nil
	}
	if s.depth++; s.depth > maxDepth {
		return over("elements nested more than %d deep", maxDepth)
	}
	return nil
}

// opened counts an element.
func (s *scanner) opened(isUnit bool) error {
	if s.seen.elements++; s.seen.elements > s.elements {
		return over("more than %d elements", s.elements)
	}
	switch {
	case isUnit:
		if s.seen.units++; s.seen.units > s.units {
			return over("more than %d rows or texts", s.units)
		}
		s.seen.inUnit, s.within, s.size = 0, true, 0
	case s.within:
		if s.seen.inUnit++; s.seen.inUnit > s.inUnit {
			return over("more than %d elements in a row or a text", s.inUnit)
		}
	default:
		if s.seen.outside++; s.seen.outside > s.outside {
			return over("more than %d elements beside its rows", s.outside)
		}
	}
	return nil
}
