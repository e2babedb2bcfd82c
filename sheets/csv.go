package sheets

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// csvReader reads rows of a CSV. No cell ever holds another row: a quoted cell that is ill-formed, never closed, or holds
// a line with as many delimiters as the header rejects the line where it begins, and reading goes on at the next line.
// encoding/csv has no such way back. Quotation marks inside of an unquoted cell are text.
type csvReader struct {
	r         *bufio.Reader
	delimiter string
	cr        bool     // lines end with \r alone, as of old Macs
	waiting   []string // lines that were read already, the next one last
	reread    int      // bytes of those so far
	width     int      // delimiters of the header, 0 until it is known
	err       error    // what ended the reading
}

// badRow is a row that can't be taken, while those after it can.
type badRow struct{ message string }

func (b *badRow) Error() string { return b.message }

// line returns the next line without its end.
func (c *csvReader) line() (string, error) {
	if len(c.waiting) > 0 {
		last := len(c.waiting) - 1
		l := c.waiting[last]
		c.waiting = c.waiting[:last]
		return l, nil
	}
	if c.err != nil {
		return "", c.err
	}
	end := byte('\n')
	if c.cr {
		end = '\r'
	}
	var long []byte
	for {
		part, err := c.r.ReadSlice(end)
		if len(long)+len(part) > maxRow {
			c.err = errRow
			return "", errRow
		}
		long = append(long, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			c.err = err
			if !errors.Is(err, io.EOF) || len(long) == 0 {
				return "", err
			}
		}
		return string(bytes.TrimSuffix(bytes.TrimSuffix(long, []byte{end}), []byte{'\r'})), nil
	}
}

// row returns the cells of the next row; a [*badRow] for one that can't be taken.
func (c *csvReader) row() ([]string, error) {
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	var cells []string
	var held []string // the lines after the first that the row has taken
	size := len(line)
	refuse := func(format string, args ...any) ([]string, error) {
		for _, l := range slices.Backward(held) {
			c.waiting = append(c.waiting, l)
			c.reread += len(l) + 1
		}
		if c.reread > maxReread {
			c.err, c.waiting = errQuotes, nil
			return nil, errQuotes
		}
		return nil, &badRow{fmt.Sprintf(format, args...)}
	}
	for {
		if !strings.HasPrefix(line, `"`) {
			cell, rest, more := strings.Cut(line, c.delimiter)
			cells = append(cells, cell)
			if !more {
				break
			}
			line = rest
			continue
		}
		var cell strings.Builder
		rest := line[1:]
		for closed := false; !closed; {
			text, after, found := cutQuote(rest)
			if len(held) > 0 && c.width > 0 && strings.Count(text, c.delimiter) >= c.width {
				return refuse("The quoted cell in column %d holds a whole other row: a quotation mark is missing or too many. Write one inside of a quoted cell twice.", len(cells)+1)
			}
			cell.WriteString(text)
			if cell.Len() > maxCell {
				return refuse("The quoted cell in column %d is larger than %d MB: perhaps its quotation mark is never closed.", len(cells)+1, maxCell>>20)
			}
			if found {
				rest, closed = after, true
				continue
			}
			next, err := c.line()
			if errors.Is(err, io.EOF) {
				return refuse("The quotation mark in column %d is never closed.", len(cells)+1)
			}
			if err != nil {
				return nil, err
			}
			held = append(held, next)
			if size += len(next) + 1; size > maxRow {
				return refuse("The row is larger than %d MB: perhaps a quotation mark is missing or too many.", maxRow>>20)
			}
			cell.WriteByte('\n')
			rest = next
		}
		cells = append(cells, cell.String())
		if rest == "" {
			break
		}
		if !strings.HasPrefix(rest, c.delimiter) {
			return refuse("The quoted cell in column %d goes on behind its quotation mark: write a mark that belongs to the text twice.", len(cells))
		}
		line = rest[len(c.delimiter):]
	}
	if c.width == 0 && !blank(cells) {
		c.width = len(cells) - 1
	}
	return cells, nil
}

// cutQuote cuts a text at the quotation mark that closes it; doubled marks are one of the text.
func cutQuote(s string) (text, after string, found bool) {
	var b strings.Builder
	for {
		before, rest, marked := strings.Cut(s, `"`)
		b.WriteString(before)
		if !marked {
			return b.String(), "", false
		}
		if !strings.HasPrefix(rest, `"`) {
			return b.String(), rest, true
		}
		b.WriteByte('"')
		s = rest[1:]
	}
}
