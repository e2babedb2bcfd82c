package pdf

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"image/color"
	"image/jpeg"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Info is what a document says of itself.
type Info struct {
	Title, Author, Subject, Creator string
	Language                        string // of its texts: en
	Created                         time.Time
}

// Writer writes one document. Its first error ends the writing and is told by [Writer.Close].
type Writer struct {
	info    Info
	out     *bufio.Writer
	written int64
	offsets []int64 // by object, from 1; 0 while it is not written
	err     error

	catalog, tree, root int
	pages               []int // the objects of pages, known before they are drawn
	drawn               int
	parents             [][]int // by structural parent: the elements of a page's content, or a link's own
	document            *Element
	elements            []*Element
	bookmarks           []Bookmark
	fonts               map[*Face]*used
	faces               []*Face
	height              float64 // of a page
	squeeze             *zlib.Writer
	squeezed            bytes.Buffer
}

// Bookmark names a place of the document; what is deeper lies below what stands before it.
type Bookmark struct {
	Title string
	Depth int     // from 1
	Page  int     // from 0
	Y     float64 // from the page's upper edge
}

// used is what a document uses of a face.
type used struct {
	object int
	codes  map[rune]uint16
	low    [0x250]uint16     // the same, of the letters that most texts are of
	shaped map[string]uint16 // by drawing and letters
	drawn  []drawing         // by code
	texts  []string          // that the codes stand for
}

// New begins a document of so many pages.
func New(w io.Writer, pages int, info Info) *Writer {
	d := &Writer{info: info, out: bufio.NewWriterSize(w, 1<<16), fonts: map[*Face]*used{}}
	d.print("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	d.catalog, d.tree, d.root = d.object(), d.object(), d.object()
	for range pages {
		d.pages = append(d.pages, d.object())
	}
	d.document = &Element{object: d.object(), kind: "Document"}
	d.elements = append(d.elements, d.document)
	d.squeeze, _ = zlib.NewWriterLevel(&d.squeezed, zlib.BestSpeed) // a level that there is
	return d
}

// object is the number of a new object.
func (d *Writer) object() int {
	d.offsets = append(d.offsets, 0)
	return len(d.offsets)
}

func (d *Writer) print(s string) {
	if d.err == nil {
		var n int
		n, d.err = d.out.WriteString(s)
		d.written += int64(n)
	}
}

func (d *Writer) put(b []byte) {
	if d.err == nil {
		var n int
		n, d.err = d.out.Write(b)
		d.written += int64(n)
	}
}

func (d *Writer) begin(object int) {
	d.offsets[object-1] = d.written
	d.print(strconv.Itoa(object) + " 0 obj\n")
}

func (d *Writer) write(object int, body string) {
	d.begin(object)
	d.print(body + "\nendobj\n")
}

// stream writes a stream object; dictionary is what it says beside its length.
func (d *Writer) stream(object int, dictionary string, content []byte) {
	d.begin(object)
	d.print("<< " + dictionary + " /Length " + strconv.Itoa(len(content)) + " >>\nstream\n")
	d.put(content)
	d.print("\nendstream\nendobj\n")
}

func (d *Writer) compressed(object int, dictionary string, content []byte) {
	d.squeezed.Reset()
	d.squeeze.Reset(&d.squeezed)
	_, err := d.squeeze.Write(content)
	if err == nil {
		err = d.squeeze.Close()
	}
	d.fail(err)
	d.stream(object, strings.TrimSpace(dictionary+" /Filter /FlateDecode"), d.squeezed.Bytes())
}

func (d *Writer) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

// Err is the first error.
func (d *Writer) Err() error { return d.err }

// Image is a picture that was written and can be drawn on any page.
type Image struct {
	object        int
	Width, Height int // in pixels
}

// JPEG writes a photo, byte for byte; nil for what is none that can be drawn.
func (d *Writer) JPEG(photo []byte) *Image {
	c, err := jpeg.DecodeConfig(bytes.NewReader(photo))
	if err != nil {
		return nil
	}
	space := "/DeviceRGB"
	switch c.ColorModel {
	case color.GrayModel:
		space = "/DeviceGray"
	case color.CMYKModel:
		return nil
	}
	i := &Image{object: d.object(), Width: c.Width, Height: c.Height}
	d.stream(i.object, fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace %s /BitsPerComponent 8 /Filter /DCTDecode", c.Width, c.Height, space), photo)
	return i
}

// RGB writes a picture of three bytes a pixel.
func (d *Writer) RGB(width, height int, pixels []byte) *Image {
	i := &Image{object: d.object(), Width: width, Height: height}
	d.compressed(i.object, fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB /BitsPerComponent 8", width, height), pixels)
	return i
}

// Dots writes a picture of black and white: a row is whole bytes, a bit that is set is white.
func (d *Writer) Dots(width, height int, rows []byte) *Image {
	i := &Image{object: d.object(), Width: width, Height: height}
	d.stream(i.object, fmt.Sprintf("/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 1", width, height), rows)
	return i
}

// Bookmark adds a bookmark behind those there are.
func (d *Writer) Bookmark(b Bookmark) { d.bookmarks = append(d.bookmarks, b) }

// Close writes what the pages need: fonts, bookmarks, the tree of what there is, and what the document says of itself.
func (d *Writer) Close() error {
	for _, f := range d.faces {
		d.font(f, d.fonts[f])
	}
	var kids strings.Builder
	for _, p := range d.pages[:d.drawn] {
		fmt.Fprintf(&kids, "%d 0 R ", p)
	}
	if d.drawn != len(d.pages) {
		d.fail(fmt.Errorf("pdf: %d of %d pages were drawn", d.drawn, len(d.pages)))
	}
	d.write(d.tree, fmt.Sprintf("<< /Type /Pages /Count %d /Kids [ %s] >>", len(d.pages), kids.String()))
	d.structure()
	outlines := d.outlines()
	described := d.object()
	d.stream(described, "/Type /Metadata /Subtype /XML", []byte(d.xmp()))
	d.write(d.catalog, fmt.Sprintf("<< /Type /Catalog /Pages %d 0 R /Lang %s /MarkInfo << /Marked true >> /StructTreeRoot %d 0 R /ViewerPreferences << /DisplayDocTitle true >> /Metadata %d 0 R%s >>",
		d.tree, text(d.info.Language), d.root, described, outlines))
	about := d.object()
	d.write(about, fmt.Sprintf("<< /Title %s /Author %s /Subject %s /Creator %s /Producer %s /CreationDate (%s) >>", text(d.info.Title), text(d.info.Author), text(d.info.Subject),
		text(d.info.Creator), text(d.info.Creator), d.info.Created.UTC().Format("D:20060102150405Z")))
	began := d.written
	d.print(fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", len(d.offsets)+1))
	for object, at := range d.offsets {
		if at == 0 {
			d.fail(fmt.Errorf("pdf: the object %d was not written", object+1))
		}
		d.print(fmt.Sprintf("%010d 00000 n \n", at))
	}
	id := sha256.Sum256([]byte(d.info.Title + d.info.Subject + d.info.Created.String()))
	d.print(fmt.Sprintf("trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R /ID [ <%x> <%x> ] >>\nstartxref\n%d\n%%%%EOF\n", len(d.offsets)+1, d.catalog, about, id[:16], id[:16], began))
	if d.err == nil {
		d.err = d.out.Flush()
	}
	return d.err
}

func (d *Writer) xmp() string {
	safe := func(s string) string {
		var b strings.Builder
		d.fail(xml.EscapeText(&b, []byte(s)))
		return b.String()
	}
	return `<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">` + safe(d.info.Title) + `</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>` + safe(d.info.Author) + `</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">` + safe(d.info.Subject) + `</rdf:li></rdf:Alt></dc:description>
<dc:language><rdf:Bag><rdf:li>` + safe(d.info.Language) + `</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>` + safe(d.info.Creator) + `</xmp:CreatorTool><xmp:CreateDate>` + d.info.Created.UTC().Format(time.RFC3339) + `</xmp:CreateDate><pdf:Producer>` + safe(d.info.Creator) + `</pdf:Producer>
<pdfuaid:part>1</pdfuaid:part>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>`
}

// outlines writes the bookmarks, and is what the catalog says of them.
func (d *Writer) outlines() string {
	if len(d.bookmarks) == 0 {
		return ""
	}
	type node struct {
		object, parent, previous, next, first, last, count int
	}
	top := node{object: d.object()}
	nodes := make([]node, len(d.bookmarks))
	above := []*node{&top}
	for n := range d.bookmarks {
		depth := max(1, min(d.bookmarks[n].Depth, len(above)))
		above = above[:depth]
		parent := above[depth-1]
		nodes[n].object, nodes[n].parent, nodes[n].previous = d.object(), parent.object, parent.last
		if parent.last != 0 {
			for m := range nodes[:n] {
				if nodes[m].object == parent.last {
					nodes[m].next = nodes[n].object
				}
			}
		} else {
			parent.first = nodes[n].object
		}
		parent.last = nodes[n].object
		parent.count++
		above = append(above, &nodes[n])
	}
	for n, b := range d.bookmarks {
		x := nodes[n]
		s := fmt.Sprintf("<< /Title %s /Parent %d 0 R /Dest [ %d 0 R /XYZ null %s null ]", text(b.Title), x.parent, d.pages[b.Page], number(d.height-b.Y))
		for name, to := range map[string]int{"Prev": x.previous, "Next": x.next, "First": x.first, "Last": x.last} {
			if to != 0 {
				s += fmt.Sprintf(" /%s %d 0 R", name, to)
			}
		}
		if x.count > 0 {
			s += fmt.Sprintf(" /Count %d", -x.count) // shut
		}
		d.write(x.object, s+" >>")
	}
	d.write(top.object, fmt.Sprintf("<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>", top.first, top.last, top.count))
	return fmt.Sprintf(" /Outlines %d 0 R", top.object)
}

// font writes what a document uses of a face.
func (d *Writer) font(f *Face, u *used) {
	file, descriptor, descendant, unicode := d.object(), d.object(), d.object(), d.object()
	cut := f.cut(u.drawn)
	d.compressed(file, fmt.Sprintf("/Length1 %d", len(cut)), cut)
	name := fmt.Sprintf("FP%04X+%s", len(u.drawn), f.name) // a tag of six capitals
	name = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return 'G' + r - '0'
		}
		return r
	}, name[:6]) + name[6:]
	per := func(n float64) int { return int(n*1000 + 0.5) }
	box := [4]int{}
	for n, at := range []int{36, 38, 40, 42} {
		box[n] = int(f.signed("head", at) * 1000)
	}
	d.write(descriptor, fmt.Sprintf("<< /Type /FontDescriptor /FontName /%s /Flags 4 /FontBBox [ %d %d %d %d ] /ItalicAngle 0 /Ascent %d /Descent %d /CapHeight %d /StemV 80 /FontFile2 %d 0 R >>",
		name, box[0], box[1], box[2], box[3], per(f.Ascent()), -per(f.Descent()), per(f.Ascent()*0.7), file))
	var widths strings.Builder
	for _, drawn := range u.drawn {
		fmt.Fprintf(&widths, "%d ", f.thousandths(drawn.width))
	}
	d.write(descendant, fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R /CIDToGIDMap /Identity /DW 1000 /W [ 0 [ %s] ] >>",
		name, descriptor, widths.String()))
	d.compressed(unicode, "", []byte(u.unicode()))
	d.write(u.object, fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [ %d 0 R ] /ToUnicode %d 0 R >>", name, descendant, unicode))
}

// unicode says which letters the codes are, so that texts can be searched, copied and read aloud.
func (u *used) unicode() string {
	var s strings.Builder
	s.WriteString("/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n")
	const atOnce = 100
	for from := 1; from < len(u.texts); from += atOnce {
		to := min(from+atOnce, len(u.texts))
		fmt.Fprintf(&s, "%d beginbfchar\n", to-from)
		for code := from; code < to; code++ {
			fmt.Fprintf(&s, "<%04X> <", code)
			for _, unit := range utf16.Encode([]rune(u.texts[code])) {
				fmt.Fprintf(&s, "%04X", unit)
			}
			s.WriteString(">\n")
		}
		s.WriteString("endbfchar\n")
	}
	s.WriteString("endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n")
	return s.String()
}

func (d *Writer) use(f *Face) *used {
	u := d.fonts[f]
	if u == nil {
		u = &used{object: d.object(), codes: map[rune]uint16{}, shaped: map[string]uint16{}, drawn: []drawing{f.alone(0)}, texts: []string{""}}
		d.fonts[f] = u
		d.faces = append(d.faces, f)
	}
	return u
}

func (u *used) code(f *Face, r rune) uint16 {
	low := r >= 0 && int(r) < len(u.low)
	if low && u.low[r] != 0 {
		return u.low[r]
	}
	if c, there := u.codes[r]; there {
		return c
	}
	c := u.draw(f.alone(f.glyph(r)), string(r))
	u.codes[r] = c
	if low {
		u.low[r] = c
	}
	return c
}

// draw is the code of a drawing where it stands for these letters.
func (u *used) draw(d drawing, letters string) uint16 {
	letters = strings.ReplaceAll(letters, "\u00a0", " ") // whoever searches types this one
	key := fmt.Sprint(d, letters)
	c, there := u.shaped[key]
	if !there {
		c = uint16(len(u.drawn))
		u.drawn, u.texts, u.shaped[key] = append(u.drawn, d), append(u.texts, letters), c
	}
	return c
}

// text is a text of the document's own, outside of pages.
func text(s string) string {
	var b strings.Builder
	b.WriteString("<FEFF")
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, "%04X", unit)
	}
	b.WriteByte('>')
	return b.String()
}

// number writes a number as short as a printer needs it.
func number(n float64) string { return string(appendNumber(nil, n)) }

func appendNumber(to []byte, n float64) []byte {
	at := len(to)
	to = strconv.AppendFloat(to, n, 'f', 2, 64)
	for to[len(to)-1] == '0' {
		to = to[:len(to)-1]
	}
	if to[len(to)-1] == '.' {
		to = to[:len(to)-1]
	}
	if string(to[at:]) == "-0" {
		return append(to[:at], '0')
	}
	return to
}
