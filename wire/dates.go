package wire

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fieldproof/models"
)

// Moment is a day with, perhaps, a time of day, both in the account's zone.
type Moment struct {
	Date models.Date
	Time string // "13:00", "" when there is none
}

// layouts that hold an instant, with their zone in them, and layouts of the account's own zone.
var (
	zoned = []string{time.RFC3339Nano, "2006-01-02T15:04:05-0700", "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04 -0700",
		"2006-01-02 1504 -0700", time.RFC1123Z, time.RFC1123}
	local = []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02 1504", "2006-01-02 3:04:05 PM", "2006-01-02 3:04 PM",
		"1/2/2006 3:04:05 PM", "1/2/2006 3:04 PM", "1/2/2006 15:04:05", "1/2/2006 15:04", "1/2/06 15:04", "1/2/06 3:04 PM", "1/2/06 3:04:05 PM",
		"2006/01/02 15:04:05", "2006/01/02 15:04", "1-2-2006 15:04", "Jan 2, 2006 3:04 PM", "2 Jan 2006 15:04"}
	days = []string{time.DateOnly, "1/2/2006", "1/2/06", "2006/1/2", "1-2-2006", "20060102", "Jan 2, 2006", "January 2, 2006", "2 Jan 2006", "2-Jan-2006", "2-Jan-06"}
	// offset is a zone as some senders write it: +5, -06, +5:30.
	offset = regexp.MustCompile(`^(.*\d)\s*([+-])(\d{1,2})(?::?(\d{2}))?$`)
)

// nothing are the dates that senders write for none: an empty one, and the epoch seen from a western zone.
func isNothing(text string) bool {
	switch {
	case text == "", text == "0", strings.EqualFold(text, "null"), strings.EqualFold(text, "n/a"), strings.HasPrefix(text, "0000-00-00"), strings.HasPrefix(text, "0001-01-01"), strings.HasPrefix(text, "1/1/0001"),
		strings.HasPrefix(text, "1969-12-31"), strings.HasPrefix(text, "1970-01-01"), strings.HasPrefix(text, "12/31/1969"), strings.HasPrefix(text, "1/1/1970"):
		return true
	}
	return false
}

// ParseMoment reads a date in the forms that real senders use: Unix seconds, ISO 8601, YYYY-MM-DD HHMM +Z, M/D/YYYY with
// or without a time. What has no zone is in the given one. nil for a date that says none; an error that quotes the text
// for what is no date. Midnight without a zone is a day without a time.
func ParseMoment(text string, zone *time.Location) (*Moment, error) {
	text = strings.TrimSpace(text)
	if isNothing(text) {
		return nil, nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && !isCompactDay(text) {
		if n < 86400*366 || n > 1e13 { // before 1971 nobody ordered anything
			return nil, fmt.Errorf("%q is no date", text)
		}
		if n > 1e11 {
			n /= 1000 // milliseconds
		}
		return momentOf(time.Unix(int64(n), 0).In(zone), false)
	}
	for _, layout := range days {
		if t, err := time.Parse(layout, text); err == nil {
			return momentOf(t, true)
		}
	}
	for _, layout := range zoned {
		if t, err := time.Parse(layout, text); err == nil {
			return momentOf(t.In(zone), false)
		}
	}
	upper := strings.ToUpper(text)
	for _, layout := range local {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return momentOf(t, true)
		}
		if t, err := time.ParseInLocation(layout, upper, zone); err == nil {
			return momentOf(t, true)
		}
	}
	if m := offset.FindStringSubmatch(text); m != nil {
		hours, _ := strconv.Atoi(m[3])
		minutes, _ := strconv.Atoi(m[4])
		seconds := hours*3600 + minutes*60
		if m[2] == "-" {
			seconds = -seconds
		}
		there := time.FixedZone("", seconds)
		for _, layout := range local {
			if t, err := time.ParseInLocation(layout, strings.TrimSpace(m[1]), there); err == nil && hours <= 14 {
				return momentOf(t.In(zone), false)
			}
		}
	}
	return nil, fmt.Errorf("%q is no date such as 2026-05-04, 2026-05-04 1300 -6, 5/4/2026 1:00 PM or Unix seconds", text)
}

func isCompactDay(text string) bool {
	_, err := time.Parse("20060102", text)
	return len(text) == 8 && err == nil
}

func momentOf(t time.Time, midnightIsNone bool) (*Moment, error) {
	if t.Year() < 1900 || t.Year() > 9999 {
		return nil, fmt.Errorf("the year %d is out of range", t.Year())
	}
	m := &Moment{Date: models.Date(t.Format(time.DateOnly))}
	if !midnightIsNone || t.Hour() != 0 || t.Minute() != 0 {
		m.Time = t.Format("15:04")
	}
	if m.Time == "00:00" {
		m.Time = ""
	}
	return m, nil
}

// ParseInstant reads when something happened: Unix seconds, or a date with a time; nil when it says nothing.
func ParseInstant(text string, zone *time.Location) *models.Time {
	text = strings.TrimSpace(text)
	if isNothing(text) {
		return nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 1e8 && n < 1e13 {
		if n > 1e11 {
			n /= 1000
		}
		at := models.At(time.UnixMicro(int64(n * 1e6)))
		return &at
	}
	for _, layout := range append(zoned, local...) {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil && t.Year() > 1970 && models.Keepable(t) {
			at := models.At(t)
			return &at
		}
	}
	return nil
}

// writeMoment writes a due date as the outside reads it: YYYY-MM-DD, and HHMM +Z behind it when it has a time of day.
func writeMoment(d *models.Date, at *string, zone *time.Location) string {
	if d == nil {
		return ""
	}
	if at == nil {
		return string(*d)
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", string(*d)+" "+*at, zone)
	if err != nil {
		return string(*d)
	}
	return t.Format("2006-01-02 1504 -0700")
}
