package models

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"
)

// timeLayout is fixed in width, so that text sorts as time does.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// Time is an instant in UTC to the microsecond, kept in one sortable form on every database and written as RFC 3339.
type Time struct{ time.Time }

// Now returns the present instant.
func Now() Time { return At(time.Now()) }

// At returns t as it is kept.
func At(t time.Time) Time { return Time{t.UTC().Truncate(time.Microsecond)} }

// Value writes the sortable form.
func (t Time) Value() (driver.Value, error) { return t.UTC().Format(timeLayout), nil }

// Scan reads what either database returns.
func (t *Time) Scan(v any) error {
	switch v := v.(type) {
	case time.Time:
		*t = At(v)
		return nil
	case string:
		parsed, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return fmt.Errorf("models: a stored time %q: %w", v, err)
		}
		*t = At(parsed)
		return nil
	case []byte:
		return t.Scan(string(v))
	}
	return fmt.Errorf("models: a stored time of type %T", v)
}

// GormDataType names the kind of column. It is not "time", or GORM would write times of its own, in another form.
func (Time) GormDataType() string { return "instant" }

// MarshalJSON writes RFC 3339 in UTC.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.UTC().Format(time.RFC3339Nano)) }

// UnmarshalJSON reads RFC 3339.
func (t *Time) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	parsed, err := ParseTime(s)
	if err == nil {
		*t = parsed
	}
	return err
}

// ParseTime reads an RFC 3339 time that can be kept.
func ParseTime(text string) (Time, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || !Keepable(t) {
		return Time{}, fmt.Errorf("%q is not an RFC 3339 time such as 2026-05-04T13:30:00Z", text)
	}
	return At(t), nil
}

// Keepable tells whether a time can be kept, and read again: in UTC, where a year ends and begins hours before or after that
// of whoever wrote it, its year is one from 1 to 9999.
func Keepable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9999
}

// Date is a day without a zone, as YYYY-MM-DD.
type Date string

// AddDays returns the date n days later; d itself when it is no date.
func (d Date) AddDays(n int) Date {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return d
	}
	return Date(t.AddDate(0, 0, n).Format(time.DateOnly))
}

// ParseDate reads YYYY-MM-DD.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return "", fmt.Errorf("%q is not a date such as 2026-05-04", s)
	}
	return Date(s), nil
}
