package api

import (
	"io"
	"net/http"
	"slices"
	"strconv"

	"fieldproof/models"
	"fieldproof/sheets"
)

func (s *Server) exportRoutes() []route {
	// All but the orders on which somebody once worked: of these they see little.
	filters := slices.DeleteFunc(slices.Clone(models.OrderFilterNames), func(name string) bool { return name == "worked_on" })
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
	filter, err := c.filter()
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
	for ask := (models.OrderQuery{OrderFilter: filter, Sort: models.OrderSort{Down: true}, Limit: maxLimit}); ; {
		page, err := models.ListOrders(c.server.Store.Read(c.ctx()), ask, c.member)
		if err != nil {
			return nil, err
		}
		if err := c.exportPage(w, page.Orders); err != nil {
			return nil, err
		}
		if !page.More {
			break
		}
		ask.From = &page.Last
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

// exportCounts writes what [Server.countOrders] counts, a line a group.
func (s *Server) exportCounts(c *call) (any, error) {
	counts, err := s.countOrders(c)
	if err != nil {
		return nil, err
	}
	by := c.Query("by")
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="work-order-counts.csv"`)
	w, err := sheets.NewCSV(c.started())
	if err != nil {
		return nil, err
	}
	lines := [][]string{{"Count"}, {strconv.FormatInt(counts.Total, 10)}}
	if by != "" {
		lines = [][]string{{by, "Count"}}
		for _, name := range counts.Groups(by) {
			lines = append(lines, []string{name, strconv.FormatInt(counts.By[name], 10)})
		}
	}
	for _, line := range lines {
		if err := w.Write(line); err != nil {
			return nil, err
		}
	}
	return nil, w.Close()
}
