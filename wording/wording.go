// Package wording is how people read what we know: dates, times, numbers and distances as a language and a region write
// them, and the sentences of reports, pages and mails. The browser apps write the same forms from the same CLDR, and take their
// words from the same files.
package wording

import (
	"embed"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	tags "golang.org/x/text/language"
	"golang.org/x/text/unicode/bidi"

	"fieldproof/models"
)

//go:embed forms.json messages/*.json
var files embed.FS

// form is how one language in one region writes things. In a pattern, {day} and the like stand for its parts.
type form struct {
	Moment, Date, Day, Year, Clock string
	Twelve                         bool // hours to twelve, with a period
	Two                            bool // hours of two digits
	Periods                        []string
	Months                         []string
	Weekdays                       []string // from Sunday
	Decimal, Group                 string
	Groups                         int // digits before the first group, at least
}

var known = func() (all struct {
	Forms    []form
	Where    map[string]int
	messages map[string]map[string]string
}) {
	read := func(name string, into any) {
		raw, err := files.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			panic(fmt.Errorf("wording: %s: %w", name, err)) // no file of ours
		}
	}
	read("forms.json", &all)
	all.messages = map[string]map[string]string{}
	for _, language := range models.Languages {
		words := map[string]string{}
		read("messages/"+language+".json", &words)
		all.messages[language] = words
	}
	return all
}()

// Reader is for whom something is written: in which language, by the habits of which region, by the clock of which zone.
type Reader struct {
	language string
	form     form
	zone     *time.Location
	imperial bool // feet and miles
}

// For is who reads the documents of an account.
func For(a *models.Account) *Reader {
	r := In(a.Language, a.Region, a.Location())
	r.imperial = a.Units == models.Imperial
	return r
}

// In is who reads a language in a region, by the clock of a zone, and distances in metres. What we have no words or forms for is English.
func In(language, region string, zone *time.Location) *Reader {
	if known.messages[language] == nil {
		language = "en"
	}
	where, there := known.Where[language+"-"+region]
	if !there {
		where = known.Where[language]
	}
	return &Reader{language: language, form: known.Forms[where], zone: zone}
}

// longestAsked is how long a list of languages is read, in bytes: no browser's is longer, and one of a MB takes a second to read.
const longestAsked = 1000

// Asking is who reads a page that is nobody's: in the first of the languages that they ask for, as Accept-Language does, in which
// we have words.
func Asking(accept string) *Reader {
	if len(accept) > longestAsked {
		accept = ""
	}
	asked, _, err := tags.ParseAcceptLanguage(accept)
	if err != nil {
		asked = nil
	}
	for _, tag := range asked {
		language, _ := tag.Base()
		region, _ := tag.Region()
		if slices.Contains(models.Languages, language.String()) {
			return In(language.String(), region.String(), time.UTC)
		}
	}
	return In("en", "US", time.UTC)
}

// Language is the reader's language, as HTML and PDF name it: en.
func (r *Reader) Language() string { return r.language }

// Say is a sentence by its key. Args are names and values of what stands in braces, in turn: a value is a text or a whole number.
// A sentence that counts has a form for one, under its key and _one, which the first number of args chooses.
func (r *Reader) Say(key string, args ...any) string {
	words := known.messages[r.language]
	text, there := words[key]
	counted := false
	var pairs []string
	for i := 0; i+1 < len(args); i += 2 {
		value, is := whole(args[i+1])
		if is && !counted {
			counted = true
			if one, has := words[key+"_one"]; has && value == 1 {
				text = one
			}
		}
		said := fmt.Sprint(args[i+1])
		if is {
			said = r.Number(float64(value), 0)
		} else if strings.ContainsFunc(said, leftward) && strings.ContainsFunc(blanks.ReplaceAllString(text, ""), unicode.IsLetter) {
			said = leftToRight + said + leftToRight
		}
		pairs = append(pairs, "{"+args[i].(string)+"}", said)
	}
	if !there {
		return key // a test finds it
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// A name in Hebrew or Arabic stands in a sentence between these marks: it turns neither the sentence that begins with it nor the
// number beside it. What stands in quotes alone has its own direction.
const leftToRight = "\u200e"

func leftward(r rune) bool {
	p, _ := bidi.LookupRune(r)
	return p.Class() == bidi.R || p.Class() == bidi.AL
}

// blanks are what values take the place of.
var blanks = regexp.MustCompile(`{\w+}`)

func whole(v any) (int, bool) {
	switch n := v.(type) {
	case int:
		return n, true
	case int64:
		return int(n), true
	case float64: // as JSON has it
		return int(n), n == math.Trunc(n)
	}
	return 0, false
}

// Moment is a moment in full, as when a page names it first: Tue, Nov 24, 2026, 10:05 AM CST.
func (r *Reader) Moment(t time.Time) string { return r.written(r.form.Moment, t.In(r.zone)) }

// Window is from when to when, day and zone said once where they are one.
func (r *Reader) Window(first, last time.Time) string {
	switch {
	case r.Moment(first) == r.Moment(last):
		return r.Moment(first)
	case r.Date(first) == r.Date(last):
		return r.Date(first) + ", " + r.Clock(first) + " – " + r.Clock(last) + " " + r.Zone(last)
	}
	return r.Moment(first) + " – " + r.Moment(last)
}

// Clock is the time of day, where day and zone have been said: 10:05 AM.
func (r *Reader) Clock(t time.Time) string { return r.written(r.form.Clock, t.In(r.zone)) }

// Day is the day of a moment, where the year is plain: Nov 24.
func (r *Reader) Day(t time.Time) string { return r.written(r.form.Day, t.In(r.zone)) }

// Year is the day of a moment with its year: Nov 24, 2026.
func (r *Reader) Year(t time.Time) string { return r.written(r.form.Year, t.In(r.zone)) }

// Date is the day of a moment with weekday and year: Tue, Nov 24, 2026.
func (r *Reader) Date(t time.Time) string { return r.written(r.form.Date, t.In(r.zone)) }

// Due is a day of the calendar, written as 2026-11-24, and the time of day on it, written as 17:00, as they are said: Tue, Nov 24,
// 2026, 5:00 PM. What is no such day is said as it stands.
func (r *Reader) Due(day, clock string) string {
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return strings.TrimSpace(day + " " + clock)
	}
	said := r.written(r.form.Date, d)
	if clock == "" {
		return said
	}
	c, err := time.Parse("15:04", clock)
	if err != nil {
		return said + ", " + clock
	}
	return said + ", " + r.written(r.form.Clock, c)
}

// Zone is what the account's clock is called at a moment: CST.
func (r *Reader) Zone(t time.Time) string {
	name, offset := t.In(r.zone).Zone()
	if strings.ContainsAny(name, "+-") { // a zone without a name
		name = fmt.Sprintf("UTC%+d", offset/3600)
		if minutes := offset / 60 % 60; minutes != 0 {
			name += fmt.Sprintf(":%02d", max(minutes, -minutes))
		}
	}
	return name
}

// held is a space at which no line breaks.
const held = "\u00a0"

func (r *Reader) written(pattern string, t time.Time) string {
	hour, period := t.Hour(), ""
	if r.form.Twelve {
		period = r.form.Periods[hour/12]
		if hour %= 12; hour == 0 {
			hour = 12
		}
	}
	digits := strconv.Itoa(hour)
	if r.form.Two && hour < 10 {
		digits = "0" + digits
	}
	// What belongs together is never torn apart at a line's end.
	pattern = strings.NewReplacer("{month} {day}", "{month}"+held+"{day}", "{day} {month}", "{day}"+held+"{month}", "{minute} {dayPeriod}", "{minute}"+held+"{dayPeriod}").Replace(pattern)
	return strings.NewReplacer("{weekday}", r.form.Weekdays[t.Weekday()], "{month}", r.form.Months[t.Month()-1], "{day}", strconv.Itoa(t.Day()),
		"{year}", strconv.Itoa(t.Year()), "{hour}", digits, "{minute}", fmt.Sprintf("%02d", t.Minute()), "{dayPeriod}", strings.ReplaceAll(period, " ", held),
		"{timeZoneName}", r.Zone(t)).Replace(pattern)
}

// Number is a number with so many decimals: 1,234.5.
func (r *Reader) Number(n float64, decimals int) string {
	digits := strconv.FormatFloat(math.Abs(n), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(digits, ".")
	if r.form.Group != "" && len(whole) >= 3+r.form.Groups {
		for at := len(whole) - 3; at > 0; at -= 3 {
			whole = whole[:at] + r.form.Group + whole[at:]
		}
	}
	if fraction != "" {
		whole += r.form.Decimal + fraction
	}
	if n < 0 && strings.Trim(digits, "0.") != "" {
		whole = "−" + whole
	}
	return whole
}

// Distance says a distance that is given in metres: 250 m, 1.4 km; or 820 ft, 0.9 mi.
func (r *Reader) Distance(metres float64) string {
	near, far, one, many := "m", "km", 1.0, 1000.0
	if r.imperial {
		near, far, one, many = "ft", "mi", models.Foot, models.Mile
	}
	if n := math.Round(math.Abs(metres) / one); n < 1000 {
		return r.Number(n, 0) + held + near
	}
	return r.rounded(math.Abs(metres)/many) + held + far
}

// Size is how many bytes something has: 38 kB, 1.9 MB.
func (r *Reader) Size(bytes int64) string {
	if bytes < 1000 {
		return r.Number(float64(bytes), 0) + held + "B"
	}
	n, unit := float64(bytes)/1000, 0
	for units := "MGT"; n >= 999.5 && unit < len(units); unit++ {
		n /= 1000
	}
	if unit == 0 {
		return r.Number(n, 0) + held + "kB"
	}
	return r.rounded(n) + held + "kMGT"[unit:unit+1] + "B"
}

// rounded has one decimal, none where it is a zero.
func (r *Reader) rounded(n float64) string {
	n = math.Round(n*10) / 10
	if n == math.Trunc(n) {
		return r.Number(n, 0)
	}
	return r.Number(n, 1)
}

// Position is a position in degrees: 30.51000, −97.68000.
func (r *Reader) Position(latitude, longitude float64) string {
	between := ", "
	if r.form.Decimal == "," {
		between = "; "
	}
	return r.Number(latitude, 5) + between + r.Number(longitude, 5)
}

// Lasting is how long something took, to the largest whole unit that says something: 14 hours, 3 days.
func (r *Reader) Lasting(d time.Duration) string {
	switch d = d.Abs(); {
	case d < time.Hour:
		return r.Say("doc_minutes", "n", int(d.Minutes()))
	case d < 48*time.Hour:
		return r.Say("doc_hours", "n", int(d.Hours()))
	}
	return r.Say("doc_days", "n", int(d.Hours()/24))
}

// Together lists names as a sentence does: of four and more the first two, and how many others.
func (r *Reader) Together(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	case 2, 3:
		last := len(names) - 1
		return r.Say("doc_and", "some", strings.Join(names[:last], ", "), "last", names[last])
	}
	return r.Say("doc_others", "some", names[0]+", "+names[1], "n", len(names)-2)
}
