package models

import (
	"slices"
	"unicode/utf8"
)

// ViewFields are what people keep of a list of orders.
type ViewFields struct {
	Name    string   `json:"name" required:"true" example:"Late and unassigned"`
	Query   string   `json:"query" example:"state=created&sort=due"` // filters and sort, as the query of an address
	Columns []string `gorm:"serializer:json" json:"columns"`
	Shared  bool     `json:"shared"` // with the office
}

// SavedView is a list of orders that somebody keeps under a name.
type SavedView struct {
	ID         string `gorm:"primaryKey" json:"id"`
	AccountID  string `json:"-"`
	UserID     string `json:"-"`
	ViewFields `gorm:"embedded"`
	Owner      string `gorm:"-" json:"owner"` // the username
	CreatedAt  Time   `json:"created_at"`
	UpdatedAt  Time   `json:"updated_at"`
}

// MostViews is how many views somebody keeps.
const MostViews = 200

// Check returns an [Invalid] error that names each wrong field.
func (f *ViewFields) Check() error {
	var p Problems
	if f.Name == "" || !OneLine(f.Name, 200) {
		p.Add("name", "Give the view a name of 1 to 200 characters.").Code = CodeRequired
	}
	if utf8.RuneCountInString(f.Query) > 10_000 {
		p.Add("query", "At most 10000 characters.")
	}
	if len(f.Columns) > 100 || slices.ContainsFunc(f.Columns, func(c string) bool { return utf8.RuneCountInString(c) > 200 }) {
		p.Add("columns", "At most 100 columns, of 200 characters each.")
	}
	return p.Err()
}
