package api

import (
	"io"
	"net/http"

	"fieldproof/models"
	"fieldproof/sheets"
)

func (s *Server) exportRoutes() []route {
	filters := []string{"state", "assignee", "client_code", "priority", "due_from", "due_to", "property_id", "q"}
	return []route{
		stream(http.MethodGet, "/work-orders.csv", anyMember, "The work orders that you may see, by the same filters, as CSV", "text/csv", func(c *call) (any, error) {
			return c.export("text/csv; charset=utf-8", "work-orders.csv", sheets.NewCSV)
		}, filters...).named("exportWorkOrdersAsCSV"),
		stream(http.MethodGet, "/work-orders.xlsx", anyMember, "The work orders that you may see, by the same filters, as XLSX", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", func(c *call) (any, error) {
			return c.export("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "work-orders.xlsx", sheets.NewXLSX)
		}, filters...).named("exportWorkOrdersAsXLSX"),
	}
}

// export streams the orders that the filters select, page by page, newest first.
func (c *call) export(contentType, name string, open func(io.Writer) (sheets.Writer, error)) (any, error) {
	if err := c.knownQuery(); err != nil {
		return nil, err
	}
	filter, none, err := c.filter()
	if err != nil {
		return nil, err
	}
	c.Header("Content-Type", contentType)
	c.Header("Content-Disposition", `attachment; filename="`+name+`"`)
	w, err := open(c.started())
	if err != nil {
		return nil, err
	}
	if err := w.Write(sheets.Columns); err != nil {
		return nil, err
	}
	for filter.Limit = maxLimit; !none; {
		orders, err := models.ListOrders(c.server.Store.Read(c.ctx()), filter, c.member)
		if err != nil {
			return nil, err
		}
		if err := c.exportPage(w, orders); err != nil {
			return nil, err
		}
		if len(orders) < filter.Limit {
			break
		}
		filter.Before = orders[len(orders)-1].Seq
	}
	return nil, w.Close()
}

func (c *call) exportPage(w sheets.Writer, orders []*models.WorkOrder) error {
	if len(orders) == 0 {
		return nil
	}
	db := c.server.Store.Read(c.ctx())
	ids := make([]string, len(orders))
	var assignees []string
	for i, o := range orders {
		ids[i] = o.ID
		if o.AssigneeID != nil {
			assignees = append(assignees, *o.AssigneeID)
		}
	}
	tasks, err := models.TasksOf(db, ids...)
	if err != nil {
		return err
	}
	users, err := models.Usernames(db, assignees)
	if err != nil {
		return err
	}
	for _, o := range orders {
		assignee := ""
		switch {
		case o.AssignedToAll:
			assignee = models.AssignToAll
		case o.AssigneeID != nil:
			assignee = users[*o.AssigneeID]
		}
		line, err := sheets.Line(o.For(c.member.Audience()), assignee, tasks[o.ID])
		if err != nil {
			return err
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}
