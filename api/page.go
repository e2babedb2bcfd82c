package api

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strconv"

	"gorm.io/gorm"

	"fieldproof/models"
)

// list is a page of a list (contract: list).
type list[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

// cursor says where the next page begins, and of which list: it does not fit another.
type cursor struct {
	List   string       `json:"l"`
	After  string       `json:"a,omitempty"`
	Before int64        `json:"b,omitempty"`
	At     *models.Time `json:"t,omitempty"`
	Back   bool         `json:"r,omitempty"` // the page before, not the one behind
}

// page reads limit and cursor.
func (c *call) page() (limit int, at cursor, err error) {
	limit = defaultLimit
	if text := c.Query("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxLimit {
			return 0, at, badParameter("limit", "Give a number from 1 to 200.")
		}
	}
	name := c.listName()
	text := c.Query("cursor")
	if text == "" {
		return limit, cursor{List: name}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &at) != nil {
		return 0, at, badParameter("cursor", "This is no cursor: give next_cursor of the page before, unchanged, or leave it out to begin anew.")
	}
	if at.List != name {
		return 0, at, badParameter("cursor", "The cursor belongs to another list or other filters: leave it out to begin anew.")
	}
	return limit, at, nil
}

// listName is the same for every page of one list: its path, filters and sort.
func (c *call) listName() string {
	q := url.Values{}
	for key, values := range c.Request.URL.Query() {
		if key != "cursor" && key != "limit" && key != "place" {
			q[key] = values
		}
	}
	return models.DerivedID(c.Request.URL.Path, q.Encode())[:8]
}

func (at cursor) text() *string {
	raw, _ := json.Marshal(at)
	text := base64.RawURLEncoding.EncodeToString(raw)
	return &text
}

func badParameter(name, message string) error {
	return &models.Error{Kind: models.Malformed, Message: "A parameter of the address can't be taken.", Fields: []models.FieldError{{Field: name, Message: message}}}
}

// pageByID makes a page of rows that were read newest first by id, one more than limit.
func pageByID[Row, View any](rows []Row, limit int, at cursor, id func(Row) string, view func(Row) View) list[View] {
	l := list[View]{Items: []View{}}
	for i, row := range rows {
		if i == limit {
			at.After = id(rows[limit-1])
			l.NextCursor = at.text()
			break
		}
		l.Items = append(l.Items, view(row))
	}
	return l
}

// newest reads a page of the rows that q finds, those of the highest column first, and the cursor of the next page.
func newest[Row any](q *gorm.DB, column string, limit int, at cursor, number func(*Row) int64) (rows []Row, next *string, err error) {
	if q = q.Order(column + " DESC").Limit(limit + 1); at.Before > 0 {
		q = q.Where(column+" < ?", at.Before)
	}
	if err := q.Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		at.Before = number(&rows[limit-1])
		next = at.text()
	}
	return rows, next, nil
}

// knownQuery refuses query parameters that the route does not know: a filter with a typing error would show too much.
func (c *call) knownQuery() error {
	for name := range c.Request.URL.Query() {
		known := name == "limit" || name == "cursor"
		for _, q := range c.route.query {
			known = known || q == name
		}
		if !known {
			return badParameter(name, "There is no such parameter here; the parameters are listed in /api/docs.")
		}
	}
	return nil
}

// number is a whole number among the parameters of the address.
func (c *call) number(name string, otherwise int64) (int64, error) {
	text := c.Query(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, badParameter(name, "Give a whole number.")
	}
	return n, nil
}
