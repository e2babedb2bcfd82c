package pdf

import (
	"fmt"
	"strings"
)

// Element is a part of a document as it is read aloud: a heading, a paragraph, a table, a figure.
type Element struct {
	object int
	parent *Element
	kind   string
	says   string // what its dictionary says beside
	kids   []string
}

// Document is the element that holds all others.
func (d *Writer) Document() *Element { return d.document }

// Element adds an element to one, behind those it has. Kind is a standard type: H1, P, Table, TR, TH, TD, Figure, Link, L, LI, LBody.
func (d *Writer) Element(parent *Element, kind string) *Element {
	e := &Element{object: d.object(), parent: parent, kind: kind}
	parent.kids = append(parent.kids, fmt.Sprintf("%d 0 R", e.object))
	d.elements = append(d.elements, e)
	return e
}

// Says gives an element the words for those who do not see it.
func (e *Element) Says(alternate string) *Element {
	e.says += " /Alt " + text(alternate)
	return e
}

// Heads makes a TH the head of its column or row.
func (e *Element) Heads(scope string) *Element {
	e.says += " /A << /O /Table /Scope /" + scope + " >>"
	return e
}

// Box is where a figure lies on its page, which readers ask of figures.
func (e *Element) Box(p *Page, x, y, w, h float64) *Element {
	e.says += fmt.Sprintf(" /A << /O /Layout /BBox [ %s %s %s %s ] /Placement /Block >>", number(x), number(p.height-y-h), number(x+w), number(p.height-y))
	return e
}

// Mark draws what belongs to an element.
func (p *Page) Mark(e *Element, draw func()) {
	kind := e.kind
	p.content = append(p.content, fmt.Sprintf("/%s << /MCID %d >> BDC\n", kind, len(p.marked))...)
	e.kids = append(e.kids, fmt.Sprintf("<< /Type /MCR /Pg %d 0 R /MCID %d >>", p.object, len(p.marked)))
	p.marked = append(p.marked, e.object)
	draw()
	p.content = append(p.content, "EMC\n"...)
}

// Artifact draws what is not read aloud: rules, page numbers, what stands on every page.
func (p *Page) Artifact(draw func()) {
	p.content = append(p.content, "/Artifact BMC\n"...)
	draw()
	p.content = append(p.content, "EMC\n"...)
}

// Open makes a place of the page, which belongs to a Link, open an address; says is for those who do not see it.
func (p *Page) Open(link *Element, x, y, w, h float64, url, says string) {
	p.annotate(link, x, y, w, h, "/A << /S /URI /URI ("+literal(url)+") >>", says)
}

// Jump makes a place of the page, which belongs to a Link, lead to a place on another page, counted from 0.
func (p *Page) Jump(link *Element, x, y, w, h float64, page int, top float64, says string) {
	if page < 0 || page >= len(p.d.pages) {
		return
	}
	p.annotate(link, x, y, w, h, fmt.Sprintf("/Dest [ %d 0 R /XYZ null %s null ]", p.d.pages[page], number(p.height-top)), says)
}

func (p *Page) annotate(link *Element, x, y, w, h float64, leads, says string) {
	d := p.d
	object := d.object()
	d.write(object, fmt.Sprintf("<< /Type /Annot /Subtype /Link /Rect [ %s %s %s %s ] /Border [ 0 0 0 ] /F 4 /Contents %s /StructParent %d %s >>",
		number(x), number(p.height-y-h), number(x+w), number(p.height-y), text(says), len(d.parents), leads))
	d.parents = append(d.parents, []int{-link.object})
	p.annotations = append(p.annotations, object)
	link.kids = append(link.kids, fmt.Sprintf("<< /Type /OBJR /Pg %d 0 R /Obj %d 0 R >>", p.object, object))
}

func literal(s string) string {
	return strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`, "\n", "", "\r", "").Replace(s)
}

// structure writes the tree of elements, and which of them each piece of content belongs to.
func (d *Writer) structure() {
	for _, e := range d.elements {
		above := d.root
		if e.parent != nil {
			above = e.parent.object
		} else if e != d.document {
			above = d.document.object
		}
		d.write(e.object, fmt.Sprintf("<< /Type /StructElem /S /%s /P %d 0 R%s /K [ %s ] >>", e.kind, above, e.says, strings.Join(e.kids, " ")))
	}
	var numbers strings.Builder
	for n, elements := range d.parents {
		if len(elements) == 1 && elements[0] < 0 {
			fmt.Fprintf(&numbers, "%d %d 0 R\n", n, -elements[0])
			continue
		}
		fmt.Fprintf(&numbers, "%d [ ", n)
		for _, e := range elements {
			fmt.Fprintf(&numbers, "%d 0 R ", e)
		}
		numbers.WriteString("]\n")
	}
	tree := d.object()
	d.write(tree, "<< /Nums [ "+numbers.String()+" ] >>")
	d.write(d.root, fmt.Sprintf("<< /Type /StructTreeRoot /K [ %d 0 R ] /ParentTree %d 0 R /ParentTreeNextKey %d >>", d.document.object, tree, len(d.parents)))
}
