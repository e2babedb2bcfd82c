package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"fieldproof/intake"
	"fieldproof/models"
)

// NewBulk asks for one action on many work orders (contract: bulk).
type NewBulk struct {
	Action string `json:"action" required:"true" words:"bulk_action"`
	// Parameters are those of the action's own route; of update the fields that change, of invoiced {"invoiced": false} to take
	// the mark away.
	Parameters json.RawMessage `json:"parameters,omitempty" as:"object"`
	IDs        []string        `json:"ids,omitempty"`
	// Filter is that of the list: its parameters by their names.
	Filter map[string]any `json:"filter,omitempty"`
	// Expected is how many orders the filter showed; another number is refused.
	Expected *int64 `json:"expected,omitempty"`
}

// Invoicing are the parameters of invoiced.
type Invoicing struct {
	Invoiced *bool `json:"invoiced,omitempty"`
}

func (s *Server) bulkRoutes() []route {
	office := with(models.ViewAllOrders)
	return []route{
		define(http.MethodPost, "/bulk", office, http.StatusAccepted, "One action on many work orders: by ids, or all that a filter shows", s.startBulk),
		get("/bulk", office, "The bulks of the account, newest first", s.listBulks),
		get("/bulk/:id", office, "A bulk and how far it is", func(c *call) (models.BulkView, error) {
			b, err := c.bulk()
			if err != nil {
				return models.BulkView{}, err
			}
			return c.showBulk(b)
		}),
		get("/bulk/:id/rows", office, "What became of each work order", s.listBulkRows, "result"),
		define(http.MethodPost, "/bulk/:id/cancel", office, http.StatusOK, "Stop a bulk; what is done stays", func(c *call, _ nothing) (models.BulkView, error) {
			b, err := s.Intake.CancelBulk(c.ctx(), c.member, c.Param("id"))
			if err != nil {
				return models.BulkView{}, err
			}
			return c.showBulk(b)
		}),
		define(http.MethodPost, "/bulk/:id/repeat", office, http.StatusAccepted, "The same again, on the work orders that refused it", func(c *call, _ nothing) (models.BulkView, error) {
			b, err := s.Intake.RepeatBulk(c.ctx(), c.member, c.newID("bulk"), c.Param("id"))
			if err != nil {
				return models.BulkView{}, err
			}
			return c.begun(b)
		}),
	}
}

func (c *call) bulk() (*models.Bulk, error) {
	return models.One[models.Bulk](c.server.Store.Read(c.ctx()).Where("id = ?", c.Param("id")), "bulk")
}

func (c *call) showBulk(b *models.Bulk) (models.BulkView, error) {
	views, err := models.ViewBulks(c.server.Store.Read(c.ctx()), b)
	if err != nil {
		return models.BulkView{}, err
	}
	return views[0], nil
}

func (c *call) begun(b *models.Bulk) (models.BulkView, error) {
	c.Header("Location", "/api/v1/bulk/"+b.ID)
	return c.showBulk(b)
}

func (s *Server) startBulk(c *call, in NewBulk) (models.BulkView, error) {
	n := intake.NewBulk{ID: c.newID("bulk"), By: c.member, Action: in.Action, IDs: in.IDs, Expected: in.Expected}
	var err error
	if n.Parameters, err = bulkParameters(in.Action, in.Parameters); err != nil {
		return models.BulkView{}, intake.Within("parameters", err)
	}
	if in.Filter != nil {
		asked, err := queryOf(in.Filter)
		if err != nil {
			return models.BulkView{}, err
		}
		filter, err := c.listing(asked)
		if err != nil {
			return models.BulkView{}, inBody(err)
		}
		n.Asked, n.Filter = asked, &filter
	}
	b, err := s.Intake.StartBulk(c.ctx(), n)
	if err != nil {
		return models.BulkView{}, err
	}
	return c.begun(b)
}

// bulkParameters reads the parameters of an action, as its own route reads them.
func bulkParameters(action string, text json.RawMessage) (p models.BulkParameters, err error) {
	if string(text) == "null" {
		text = nil
	}
	switch action {
	case string(models.Assign):
		var given Assignment
		err = decode(text, &given)
		p.Assignee = given.Assignee
	case string(models.Publish):
		var given struct {
			DestinationIDs []string `json:"destination_ids"`
			Reason         string   `json:"reason"`
		}
		err = decode(text, &given)
		p.DestinationIDs, p.Reason = given.DestinationIDs, given.Reason
	case string(models.Approve):
		var given Approval
		err = decode(text, &given)
		p.Reason, p.WithoutAwaited = given.Reason, given.WithoutAwaited
	case models.BulkInvoiced:
		var given Invoicing
		err = decode(text, &given)
		p.Invoiced = given.Invoiced
	case models.BulkUpdate:
		if _, _, err = splitPatch(mergePatch(text)); err != nil {
			return p, err
		}
		p.Patch = text
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) == nil {
			delete(members, "tasks") // refused by name
			fields, _ := json.Marshal(members)
			var blank models.WorkOrderFields // what fits no order is refused before anything is done
			err = merge(&blank, fields)
		}
	default:
		var given Reason
		err = decode(text, &given)
		p.Reason = given.Reason
	}
	return p, err
}

// queryOf is a filter as the address of the list has it.
func queryOf(filter map[string]any) (url.Values, error) {
	values := url.Values{}
	for name, v := range filter {
		all, list := v.([]any)
		if !list {
			all = []any{v}
		}
		for _, one := range all {
			switch one := one.(type) {
			case string:
				values.Add(name, one)
			case bool, float64:
				values.Add(name, fmt.Sprint(one))
			default:
				return nil, models.InvalidField("filter."+name, "Give a text, true or false, or a list of texts, as the list of work orders takes it.").Coded(models.CodeWrongType)
			}
		}
	}
	return values, nil
}

// listing reads a filter of work orders that stands elsewhere than in the address, as the list itself reads it.
func (c *call) listing(query url.Values) (f models.OrderFilter, err error) {
	for name, values := range query {
		for _, v := range values {
			if !models.PlainText(v, name) {
				return f, badParameter(name, "Give plain UTF-8 text.")
			}
		}
		if !slices.Contains(models.OrderFilterNames, name) {
			return f, badParameter(name, "There is no such filter: a filter says which work orders, not which page of them or in which order.")
		}
	}
	return models.ReadOrderFilter(c.server.Store.Read(c.ctx()), c.member, query)
}

// inBody makes a refusal of the address one of a field of the body.
func inBody(err error) error {
	var bad *models.Error
	if !errors.As(err, &bad) || bad.Kind != models.Malformed {
		return err
	}
	field := *bad
	field.Kind, field.Message = models.Invalid, "The filter can't be taken."
	return intake.Within("filter", &field)
}

func (s *Server) listBulks(c *call) (list[models.BulkView], error) {
	limit, at, err := c.page()
	if err != nil {
		return list[models.BulkView]{}, err
	}
	db := s.Store.Read(c.ctx())
	q := db.Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	var rows []*models.Bulk
	if err := q.Find(&rows).Error; err != nil {
		return list[models.BulkView]{}, err
	}
	views, err := models.ViewBulks(s.Store.Read(c.ctx()), rows...)
	return pageByID(views, limit, at, func(v models.BulkView) string { return v.ID }, func(v models.BulkView) models.BulkView { return v }), err
}

func (s *Server) listBulkRows(c *call) (list[models.BulkRowView], error) {
	page := list[models.BulkRowView]{Items: []models.BulkRowView{}}
	b, err := c.bulk()
	if err != nil {
		return page, err
	}
	q, err := c.withResult(s.Store.Read(c.ctx()).Where("bulk_id = ?", b.ID), models.BulkResults)
	if err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	var rows []models.BulkRow
	err = q.Where("position > ?", at.Before).Order("position").Limit(limit + 1).Find(&rows).Error
	for n := range rows {
		if n == limit {
			at.Before = rows[limit-1].Position
			page.NextCursor = at.text()
			break
		}
		page.Items = append(page.Items, rows[n].View())
	}
	return page, err
}
