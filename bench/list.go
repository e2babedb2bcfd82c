package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

const (
	manyOrders   = 200_000
	fewOrders    = 2_000
	listRequests = 300
	deepPage     = 1000
)

// lists times list pages at 200,000 orders against the same at 2,000, on both databases.
func lists(dir string) error {
	pg, err := rig.StartPostgres()
	if err != nil {
		return err
	}
	defer pg.Stop()
	for _, shape := range []struct {
		name  string
		start func(dir string) (*rig.Installation, error)
	}{
		{"sqlite", func(dir string) (*rig.Installation, error) { return rig.Dev(product(), dir) }},
		{"postgres", func(dir string) (*rig.Installation, error) { return rig.ServerOnly(product(), dir, pg) }},
	} {
		if err := listsOf(shape.name, func(n string) (*rig.Installation, error) { return shape.start(filepath.Join(dir, shape.name+n)) }); err != nil {
			return fmt.Errorf("%s: %w", shape.name, err)
		}
	}
	return nil
}

// seeded is an installation with a number of orders.
type seeded struct {
	in   *rig.Installation
	u    *rig.User
	crew string
}

func listsOf(name string, start func(string) (*rig.Installation, error)) error {
	var sides [2]*seeded
	for i, n := range []int{manyOrders, fewOrders} {
		in, err := start(fmt.Sprint(n))
		if err != nil {
			return err
		}
		defer in.Stop()
		if sides[i], err = seed(in, n); err != nil {
			return err
		}
	}
	many, few := sides[0], sides[1]
	for _, c := range []struct{ name, query string }{
		{"no filter", ""},
		{"state and assignee", "state=assigned&assignee=CREW"},
		{"q", "q=order17+oak"},
		{"the thousandth page by cursor", "deep"},
	} {
		a, b, err := race(many, few, c.query)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Printf("list on %s, %s: %.2f ms at %d orders, %.2f ms at %d (medians of %d)\n", name, c.name, ms(a), manyOrders, ms(b), fewOrders, listRequests)
		verdict("list page on "+name+", "+c.name, a.Seconds()/b.Seconds(), false, 1.5)
	}
	return nil
}

// race times a request on both installations, one beside the other.
func race(many, few *seeded, query string) (a, b time.Duration, err error) {
	paths := [2]string{}
	for i, s := range []*seeded{many, few} {
		if paths[i], err = s.path(query); err != nil {
			return 0, 0, err
		}
	}
	var times [2][]time.Duration
	for n := range listRequests + 20 {
		for i, s := range []*seeded{many, few} {
			began := time.Now()
			if err := caught(func() { s.u.Want(200, "GET", paths[i], nil) }); err != nil {
				return 0, 0, err
			}
			if n >= 20 {
				times[i] = append(times[i], time.Since(began))
			}
		}
	}
	return median(times[0]), median(times[1]), nil
}

func (s *seeded) path(query string) (path string, err error) {
	if query != "deep" {
		values, err := url.ParseQuery(query)
		if err != nil {
			return "", err
		}
		if values.Get("assignee") != "" {
			values.Set("assignee", s.crew)
		}
		return "/work-orders?limit=50&" + values.Encode(), nil
	}
	err = caught(func() {
		cursor := ""
		for range deepPage - 1 {
			a := s.u.Want(200, "GET", "/work-orders?limit=50"+cursor, nil)
			if a.Text("next_cursor") == "" { // few orders have no such page: their last full one is compared
				break
			}
			path = "/work-orders?limit=50" + cursor
			cursor = "&cursor=" + a.Text("next_cursor")
		}
	})
	return path, err
}

// seed fills an installation with copies of one order.
func seed(in *rig.Installation, n int) (*seeded, error) {
	s := &seeded{in: in}
	var template string
	err := caught(func() {
		s.u = rig.SignUp(fataler{}, in.URL)
		s.crew = s.u.Colleague("crew").Username
		template = s.u.Want(201, "POST", "/work-orders", rig.NewOrder(rig.JSON{"work_order_number": "order1"})).Text("id")
	})
	if err != nil {
		return nil, err
	}
	ctx := models.AcrossAccounts(context.Background())
	store, err := models.Open(ctx, in.DatabaseURL)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	series := "generate_series(2, ?) AS n(i)"
	if store.Dialect() == models.SQLite {
		series = "(WITH RECURSIVE s(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM s WHERE i < ?) SELECT i FROM s) AS n"
	}
	return s, store.Write(ctx, func(tx *models.Tx) error {
		columns, err := tx.Migrator().ColumnTypes(&models.WorkOrder{})
		if err != nil {
			return err
		}
		into, from := "", ""
		for _, c := range columns {
			value := "w." + c.Name()
			switch c.Name() {
			case "seq":
				continue
			case "id":
				value = "w.id || '-' || n.i"
			case "number":
				value = "'order' || n.i"
			case "number_key":
				value = "'order' || length(CAST(n.i AS TEXT)) || n.i"
			case "due_key":
				value = "'2030-' || (10 + n.i % 3) || '-' || (10 + n.i % 19) || ' ~'"
			case "completed_at":
				value = "CASE WHEN n.i % 2 = 1 THEN w.created_at ELSE w.completed_at END"
			case "search_text":
				value = "replace(w.search_text, 'order1', 'order' || n.i)"
			case "state":
				value = "CASE n.i % 4 WHEN 0 THEN 'assigned' WHEN 1 THEN 'published' WHEN 2 THEN 'created' ELSE 'closed' END"
			case "assignee_id":
				value = "CASE WHEN n.i % 8 = 0 THEN (SELECT id FROM users WHERE username = '" + s.crew + "') END"
			}
			into, from = into+", "+c.Name(), from+", "+value
		}
		err = tx.Exec("INSERT INTO work_orders ("+into[2:]+") SELECT "+from[2:]+" FROM work_orders AS w, "+series+" WHERE w.id = ?", n, template).Error
		if err != nil {
			return err
		}
		err = tx.Exec("INSERT INTO tasks (id, account_id, work_order_id, position, name, clean_name, kind, instructions, required_photos, options) "+
			"SELECT t.id || '-' || w.id, t.account_id, w.id, t.position, t.name, t.clean_name, t.kind, t.instructions, t.required_photos, t.options "+
			"FROM tasks AS t, work_orders AS w WHERE t.work_order_id = ? AND w.id LIKE ?", template, template+"-%").Error
		if err != nil {
			return err
		}
		return tx.Exec("ANALYZE").Error
	})
}

const (
	placedOrders   = 100_000
	placedRequests = 60
	// rowsWithin and countsWithin are what the portal's list promises, in milliseconds.
	rowsWithin, countsWithin = 200, 1000
)

// placesIn times rows at any place, sorts and counts at 100,000 orders, on both databases; and a place in the middle beside the
// same rows by an OFFSET.
func placesIn(dir string) error {
	pg, err := rig.StartPostgres()
	if err != nil {
		return err
	}
	defer pg.Stop()
	for name, start := range map[string]func(dir string) (*rig.Installation, error){
		"sqlite":   func(dir string) (*rig.Installation, error) { return rig.Dev(product(), dir) },
		"postgres": func(dir string) (*rig.Installation, error) { return rig.ServerOnly(product(), dir, pg) },
	} {
		in, err := start(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		s, err := seed(in, placedOrders)
		if err == nil {
			err = s.placesOf(name)
		}
		in.Stop()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (s *seeded) placesOf(name string) error {
	ctx := models.AcrossAccounts(context.Background())
	store, err := models.Open(ctx, s.in.DatabaseURL)
	if err != nil {
		return err
	}
	defer store.Close()
	if store.Dialect() == models.Postgres { // as autovacuum does once rows rest
		if err := store.Read(ctx).Exec("VACUUM ANALYZE work_orders").Error; err != nil {
			return err
		}
	}
	for _, c := range []struct {
		path   string
		within float64
	}{
		{"/work-orders?limit=50&place=50000", rowsWithin},
		{"/work-orders?limit=50&sort=number&place=50000", rowsWithin},
		{"/work-orders?limit=50&sort=-due&place=99000", rowsWithin},
		{"/work-orders?limit=50&sort=due&state=assigned,created&assignee=" + s.crew, rowsWithin},
		{"/work-orders?limit=50&sort=-completed&state=published", rowsWithin},
		{"/work-orders?limit=50&sort=city&state=closed", rowsWithin},
		{"/work-orders?limit=50&sort=number&q=oak", rowsWithin},
		{"/work-orders/counts?by=state", countsWithin},
		{"/work-orders/counts?by=assignee&state=assigned,published", countsWithin},
		{"/work-orders/counts?by=completed_month&invoiced=false", countsWithin},
		{"/work-orders/counts?by=client_code&q=oak", countsWithin},
	} {
		var times []time.Duration
		for range placedRequests {
			began := time.Now()
			if err := caught(func() { s.u.Want(200, "GET", c.path, nil) }); err != nil {
				return err
			}
			times = append(times, time.Since(began))
		}
		what := name + ", " + c.path[len("/work-orders"):]
		fmt.Printf("%s: %.2f ms of %.0f (median of %d at %d orders)\n", what, ms(median(times)), c.within, placedRequests, placedOrders)
		if ratio := ms(median(times)) / c.within; ratio > 1 {
			verdict(what, ratio, false, 1)
		}
	}
	return s.besideOffset(name, store)
}

// besideOffset compares a place in the middle of a filtered list with the same rows by an OFFSET whose filter no index holds, so
// that it goes over whole rows: all orders pass either.
func (s *seeded) besideOffset(name string, store *models.Store) error {
	ctx := context.Background()
	user, err := models.One[models.User](store.Read(models.AcrossAccounts(ctx)).Where("username_key = ?", models.UsernameKey(s.u.Username)), "user")
	if err != nil {
		return err
	}
	member, err := store.MemberByID(models.AcrossAccounts(ctx), user.ID)
	if err != nil {
		return err
	}
	db := store.Read(models.InAccount(ctx, user.AccountID))
	var place, offset []time.Duration
	for range placedRequests {
		began := time.Now()
		page, err := models.ListOrders(db, models.OrderQuery{OrderFilter: models.OrderFilter{Priority: models.PriorityNormal}, Sort: models.OrderSort{Key: "due"}, Place: placedOrders / 2, Limit: 50}, member)
		if err != nil {
			return err
		}
		place, began = append(place, time.Since(began)), time.Now()
		var rows []*models.WorkOrder
		if err := db.Where("NOT hidden AND field_status = ?", models.FieldNew).Order("due_key, seq").Limit(50).Offset(placedOrders / 2).Find(&rows).Error; err != nil {
			return err
		}
		offset = append(offset, time.Since(began))
		if rows[0].ID != page.Orders[0].ID {
			return fmt.Errorf("the place %d is another order by an OFFSET", placedOrders/2)
		}
	}
	fmt.Printf("a place in the middle on %s: %.2f ms, by an OFFSET over rows %.2f ms (medians of %d)\n", name, ms(median(place)), ms(median(offset)), placedRequests)
	verdict("an OFFSET over rows costs, of a place on "+name, median(offset).Seconds()/median(place).Seconds(), true, 3)
	return nil
}
