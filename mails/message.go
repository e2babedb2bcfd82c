package mails

import (
	"bytes"
	"embed"
	"html/template"
	"image"
	_ "image/png" // what a logo is
	"regexp"
	"strings"
	texts "text/template"
	"unicode"
	"unicode/utf8"

	"fieldproof/models"
	"fieldproof/web"
	"fieldproof/wording"
)

// Message is what a mail says, of which both of its forms are made: the one of tables and inline styles that mail programs show,
// and the plain one with the same words.
type Message struct {
	R       *wording.Reader
	Account *models.Account // whose head it bears; nil: Fieldproof's own
	Logo    []byte          // the account's, a PNG; nil: its name

	Subject string
	Preview string // what mail programs show beside the subject
	Title   string
	Lead    []Block
	Pair    []Picture
	Body    []Block
	Button  string // what it says; "" for none
	Link    string // where it leads
	Facts   []Fact
	After   []Block
	Foot    []string
}

// Block is a paragraph. Strong is how it begins.
type Block struct {
	Tone         Tone
	Strong, Text string
}

// Tone is how a paragraph stands out.
type Tone string

// The tones.
const (
	Plain  Tone = ""
	Good   Tone = "good-mark"
	Warn   Tone = "warn-mark"
	Idle   Tone = "edge"
	Quoted Tone = "brand" // in the colour of the account, what a person wrote
)

// Fact is a line of a table.
type Fact struct{ Name, Value string }

// Picture is one that is shown beside another. It is part of the mail: nothing is ever fetched.
type Picture struct {
	JPEG []byte
	Alt  string
	Tag  string
}

// subjectLetters are as many as mail programs on phones show of a subject.
const subjectLetters = 60

// Letter makes the mail; whom it goes to is left open.
func (m *Message) Letter() (Letter, error) {
	l := Letter{Subject: Line(m.Subject), Sender: m.Head()}
	if m.Account != nil {
		l.ReplyTo = m.Account.Email
	}
	if len(m.Logo) > 0 {
		l.Pictures = append(l.Pictures, File{Name: "logo.png", ContentType: "image/png", Content: bytes.NewReader(m.Logo)})
	}
	for n, p := range m.Pair {
		l.Pictures = append(l.Pictures, File{Name: pictureName(n), ContentType: "image/jpeg", Content: bytes.NewReader(p.JPEG)})
	}
	var html, plain bytes.Buffer
	if err := htmlForm.Execute(&html, m); err != nil {
		return l, err
	}
	if err := textForm.Execute(&plain, m); err != nil {
		return l, err
	}
	l.HTML, l.Text = html.String(), plainSpaces.Replace(strings.TrimLeft(plain.String(), "\n"))
	return l, nil
}

func pictureName(n int) string { return []string{"first.jpg", "second.jpg"}[n] }

// Brand is the colour of the mail's bar.
func (m *Message) Brand() template.CSS {
	if m.Account != nil && m.Account.Colour != "" {
		return template.CSS(m.Account.Colour) // checked when it was set
	}
	return template.CSS(light["accent"])
}

// Head is the name that the mail bears, and comes from.
func (m *Message) Head() string {
	if m.Account != nil {
		return Line(m.Account.Name)
	}
	return "Fieldproof"
}

// House is who writes, and where they are reached.
func (m *Message) House() string {
	if m.Account == nil {
		return ""
	}
	parts := []string{Line(m.Account.Name)}
	for _, part := range []string{m.Account.Address, m.Account.Phone} {
		if part = Line(part); part != "" {
			parts = append(parts, part)
		}
	}
	said := strings.Join(parts, ", ") + "."
	if m.Account.Email != "" {
		said += " " + m.R.Say("mail_replies", "to", m.Account.Email)
	}
	return said
}

// LogoWide is how wide the logo is shown.
func (m *Message) LogoWide() int {
	c, _, err := image.DecodeConfig(bytes.NewReader(m.Logo))
	if err != nil || c.Height == 0 {
		return logoHigh
	}
	return min(logoWide, max(1, c.Width*logoHigh/c.Height))
}

const (
	logoHigh = 36
	logoWide = 240
)

//go:embed templates
var files embed.FS

var (
	htmlForm = template.Must(template.New("mail.html").Funcs(template.FuncMap{
		"lines":   func(s string) []string { return strings.Split(s, "\n") },
		"picture": func(n int) template.URL { return template.URL("cid:" + pictureName(n)) },
		"ink":     func(name string) template.CSS { return template.CSS(light[name]) },
		"dark":    func(name string) template.CSS { return template.CSS(dark[name]) },
		"font": func(how string) template.CSS {
			return template.CSS("font:" + how + " -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif")
		},
		"tone": func(m *Message, t Tone) template.CSS {
			if t == Quoted {
				return m.Brand()
			}
			return template.CSS(light[string(t)])
		},
		"within": func(m *Message, b Block) []any { return []any{m, b} },
	}).ParseFS(files, "templates/mail.html"))
	textForm = texts.Must(texts.New("mail.txt").Funcs(texts.FuncMap{
		"wrap": wrap, "facts": factLines, "paragraph": blockText,
	}).ParseFS(files, "templates/mail.txt"))
)

// light and dark are the colours of every page of ours, which mails need as literals.
var light, dark = colours()

func colours() (light, dark map[string]string) {
	sheet := string(web.Tokens)
	block := func(head string) map[string]string {
		found := map[string]string{}
		_, rest, _ := strings.Cut(sheet, head)
		rules, _, _ := strings.Cut(rest, "}")
		for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(rules, -1) {
			found[m[1]] = m[2]
		}
		return found
	}
	return block(`:root, [data-theme="light"] {`), block(`[data-theme="dark"] {`)
}

// Line makes one line of what people wrote: no word of theirs becomes a header, hides others, or turns them around.
func Line(s string) string {
	fields := strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool { return unicode.IsSpace(r) && r != '\u00a0' || unicode.IsControl(r) })
	return strings.Map(shown, strings.Join(fields, " "))
}

// words are what people wrote in several lines.
func words(s string) string {
	lines := strings.Split(strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = Line(l)
	}
	return strings.Join(lines, "\n")
}

// shown leaves out what turns the direction of what follows.
func shown(r rune) rune {
	if r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
		return -1
	}
	return r
}

// name is a name within a sentence: one that is written from right to left keeps that to itself.
func name(s string) string {
	s = Line(s)
	if strings.IndexFunc(s, func(r rune) bool {
		return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana)
	}) >= 0 {
		return "\u2068" + s + "\u2069"
	}
	return s
}

// subject is the first of some subjects that is short enough, else the last cut at a word.
func subject(some ...string) string {
	for _, s := range some {
		if utf8.RuneCountInString(s) <= subjectLetters {
			return s
		}
	}
	return shortened(some[len(some)-1], subjectLetters)
}

// shortened is a text of at most so many letters, cut at a word where there is one.
func shortened(s string, letters int) string {
	if utf8.RuneCountInString(s) <= letters {
		return s
	}
	cut := string([]rune(s)[:letters-1])
	if at := strings.LastIndex(cut, " "); at > len(cut)/2 {
		cut = cut[:at]
	}
	cut = strings.TrimRight(cut, " ,:;")
	if strings.Count(cut, "\u2068") > strings.Count(cut, "\u2069") {
		return cut + "…\u2069"
	}
	return cut + "…"
}

// plainSpaces are what a plain mail has for the spaces at which no line breaks, which old programs show as signs.
var plainSpaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ")

// wide is how many letters a line of a plain mail has.
const wide = 72

// wrap breaks a text into lines behind an indent. A word that is longer stays whole: it may be an address.
func wrap(indent, s string) string { return wrapped(indent, indent, s) }

func wrapped(first, indent, s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		line, letters := first, utf8.RuneCountInString(first)
		empty := true
		for _, word := range strings.FieldsFunc(l, func(r rune) bool { return r == ' ' }) {
			n := utf8.RuneCountInString(word)
			if !empty && letters+1+n > wide {
				out = append(out, line)
				line, letters, empty = indent, utf8.RuneCountInString(indent), true
			}
			if !empty {
				line += " "
				letters++
			}
			line, letters, empty = line+word, letters+n, false
		}
		out = append(out, strings.TrimRight(line, " "))
		first = indent
	}
	return strings.Join(out, "\n")
}

func factLines(facts []Fact) string {
	room := 0
	for _, f := range facts {
		room = max(room, utf8.RuneCountInString(f.Name)+3)
	}
	lines := make([]string, len(facts))
	for i, f := range facts {
		lines[i] = wrapped(f.Name+":"+strings.Repeat(" ", room-1-utf8.RuneCountInString(f.Name)), strings.Repeat(" ", room), f.Value)
	}
	return strings.Join(lines, "\n")
}

func blockText(b Block) string {
	text := b.Text
	if b.Strong != "" {
		text = b.Strong + " " + text
	}
	if b.Tone == Quoted {
		return wrap("  ", text)
	}
	return wrap("", text)
}
