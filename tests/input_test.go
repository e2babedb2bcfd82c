package tests

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"

	"fieldproof/tests/rig"
)

func TestBadInputIsRefusedByFieldAndRemedy(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		count := func() int { return len(office.Want(200, "GET", "/work-orders", nil).List("items")) }
		before := count()
		office.Want(400, "POST", "/work-orders", []byte(`{"work_order_number": `))
		office.Want(400, "POST", "/work-orders", []byte(`not json`))
		office.Want(400, "POST", "/work-orders", []byte(`{} {}`))
		office.Want(400, "PATCH", "/account", []byte(`[1]`))
		office.Want(400, "POST", "/work-orders", []byte(strings.Repeat(`{"options":`, 20000)))
		office.Want(413, "POST", "/work-orders", []byte(`{"reference":"`+strings.Repeat("x", 3<<20)+`"}`))
		office.Want(415, "POST", "/work-orders", []byte(`a=b`), "Content-Type", "application/x-www-form-urlencoded")
		for field, change := range map[string]rig.JSON{
			"colour":                   {"colour": "red"},
			"work_order_number":        {"work_order_number": "  "},
			"address.zip":              {"address": rig.JSON{"address1": "a", "city": "c", "state": "TX"}},
			"tasks":                    {"tasks": []rig.JSON{}},
			"tasks[1].name":            {"tasks": []rig.JSON{{"name": "A b"}, {"name": "a B"}}},
			"due_date":                 {"due_date": "tomorrow"},
			"due_time":                 {"due_time": "25:00"},
			"priority":                 {"priority": "high"},
			"latitude":                 {"latitude": 91, "longitude": 0},
			"qa_policy":                {"qa_policy": "none"},
			"publish_to":               {"publish_to": "everyone"},
			"assignee":                 {"assignee": "nobody-of-that-name"},
			"work_type":                {"work_type": "unknown"},
			"tasks[0].required_photos": {"tasks": []rig.JSON{{"name": "A", "required_photos": rig.JSON{"before": -1}}}},
		} {
			office.WantField(422, field, "POST", "/work-orders", rig.NewOrder(change))
		}
		office.Want(422, "POST", "/work-orders", rig.NewOrder(rig.JSON{"latitude": "north"}))
		require.Equal(t, before, count(), "nothing half-written")

		o := office.Order(rig.JSON{"client_code": "A"})
		office.WantField(409, "work_order_number", "POST", "/work-orders", rig.NewOrder(rig.JSON{"client_code": "A", "work_order_number": o.Text("work_order_number")}))
		office.Order(rig.JSON{"client_code": "B", "work_order_number": o.Text("work_order_number")})
		for _, path := range []string{"/work-orders/unknown", "/work-orders/%00", "/work-orders/" + strings.Repeat("x", 3000), "/photos/x/original", "/deliveries/x", "/nothing"} {
			office.Want(404, "GET", path, nil)
		}
		office.Want(405, "PUT", "/work-orders", rig.JSON{})
		for field, query := range map[string]string{"cursor": "cursor=xyz", "limit": "limit=1000", "state": "state=lost", "due_from": "due_from=x", "colour": "colour=red", "priority": "priority=high"} {
			office.WantField(400, field, "GET", "/work-orders?"+query, nil)
		}
		first := office.Want(200, "GET", "/work-orders?limit=1", nil)
		cursor := first.Text("next_cursor")
		require.NotEmpty(t, cursor)
		office.WantField(400, "cursor", "GET", "/work-orders?limit=1&state=created&cursor="+cursor, nil)
		office.WantField(400, "cursor", "GET", "/users?cursor="+cursor, nil)
	})
}

func TestListsPageByCursorNewestFirst(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, _ := crewWithOrder(t, in, rig.JSON{"client_code": "Page"})
		var want []string
		for range 7 {
			want = append([]string{office.Order(rig.JSON{"client_code": "Page", "address": rig.JSON{"address1": "7 Élan Way", "city": "Austin", "state": "TX", "zip": "1"}}).Text("id")}, want...)
		}
		for _, query := range []string{"client_code=Page&state=created", "q=élan+aus", "assignee=&client_code=Page", "state=created&q=PAGE+elan"} {
			var got []string
			for cursor := ""; ; {
				page := office.Want(200, "GET", "/work-orders?limit=3&"+query+cursor, nil)
				for n := range page.List("items") {
					got = append(got, page.Text("items", n, "id"))
				}
				if page.Text("next_cursor") == "" {
					break
				}
				if len(got) == 3 {
					office.Order(rig.JSON{"client_code": "Later"}) // what comes meanwhile moves no page
				}
				cursor = "&cursor=" + page.Text("next_cursor")
			}
			require.Equal(t, want, got, query)
		}
		require.Len(t, office.Want(200, "GET", "/work-orders?assignee="+crew.Username, nil).List("items"), 1)
		require.Len(t, crew.Want(200, "GET", "/work-orders", nil).List("items"), 1)
		require.Empty(t, office.Want(200, "GET", "/work-orders?assignee=unknown", nil).List("items"))
	})
}

func TestTextThatNoDatabaseTakesIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(422, "POST", "/work-orders", []byte(`{"reference":"a\u0000b"}`))
		half := office.Order(nil).Text("id")
		require.Equal(t, "a\ufffdb", office.Want(200, "PATCH", "/work-orders/"+half, []byte(`{"reference":"a\ud800b"}`)).Text("reference"), "half a character")
		office.Want(200, "PATCH", "/work-orders/"+half, []byte(`{"attributes":{"gate":"\udc00"}}`))
		office.Want(400, "GET", "/work-orders?q=%00", nil)
		office.Want(400, "GET", "/work-orders?client_code=%ff", nil)
		order := office.Order(nil).Text("id")
		office.WantField(422, "notes", "POST", "/work-orders/"+order+"/photos", rig.PhotoForm(rig.JPEG(20, 20, 1), uuid.NewString(), "notes", "a\x00b"))

		published, _ := released(t, office, 1)
		link := office.Want(201, "POST", "/work-orders/"+published+"/links", rig.JSON{"allow_comments": true}).Text("url")
		for _, field := range []string{"author", "text", "item_id"} {
			form := url.Values{"author": {"Bob"}, "text": {"Well done"}}
			form.Set(field, "a\x00b")
			status := 422
			if field == "item_id" {
				status = 404
			}
			require.Equal(t, status, rig.SendForm(t, link+"/comments", form).Status, field)
		}
		require.Empty(t, office.Want(200, "GET", "/work-orders/"+published+"/comments", nil).List("items"))
		unseen := rig.SendForm(t, link+"/comments", url.Values{"author": {"\u200b\u2060"}, "text": {"Well done"}})
		require.Equal(t, 422, unseen.Status)
		require.Contains(t, string(unseen.Body), "Give your name")
		require.Equal(t, 303, rig.SendForm(t, link+"/comments", url.Values{"author": {"\u202eBob\u2069"}, "text": {"Well \u2067done"}}).Status)
		said := office.Want(200, "GET", "/work-orders/"+published+"/comments", nil)
		require.Equal(t, []string{"Bob", "Well done"}, []string{said.Text("items", 0, "author"), said.Text("items", 0, "text")}, "what turns the direction is left out")
		locked := office.Want(201, "POST", "/work-orders/"+published+"/links", rig.JSON{"password": rig.Password}).Text("url")
		require.Equal(t, 403, rig.SendForm(t, locked+"/password", url.Values{"password": {"a\x00b"}}).Status)

		rows := "number,address1,city,state,zip,tasks\nNUL-1,1 Oak,Austin,TX,78664,Lawn\nNUL-2,1 Oak,a\x00b,TX,78664,Lawn\nNUL\x00-3,1 Oak,Austin,TX,78664,Lawn\n"
		utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(rows)
		require.NoError(t, err)
		require.Equal(t, "done", imported(office, "nul.csv", []byte(utf16)).Text("state"))
		nobody := &rig.User{T: t, URL: in.URL}
		nobody.Want(200, "GET", link, nil, "User-Agent", "a browser\xff")
	})
}

// TestATimeThatNoDatabaseKeepsIsRefused by whoever sends it: kept, it could not be read again, and neither could the list that it is in.
func TestATimeThatNoDatabaseKeepsIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office, crew, o := crewWithOrder(t, in, nil)
		order, device := "/work-orders/"+o.Text("id"), "/devices/"+uuid.NewString()
		for _, at := range []string{"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z"} {
			for path, body := range map[string]rig.JSON{device: reportOf(1, at), order + "/check-ins": {"uuid": uuid.NewString(), "at": at, "latitude": 30.5, "longitude": -97.6, "accuracy": 5}, order + "/complete": {"done_at": at}} {
				method := "POST"
				if path == device {
					method = "PUT"
				}
				crew.Want(422, method, path, body)
			}
			crew.WantField(422, "taken_at", "POST", order+"/photos", rig.PhotoForm(rig.JPEG(20, 20, 1), uuid.NewString(), "taken_at", at))
			office.WantField(400, "waiting_to", "GET", "/devices?waiting_to="+url.QueryEscape(at), nil)
			office.WantField(400, "completed_from", "GET", "/work-orders?completed_from="+url.QueryEscape(at), nil)
		}
		crew.Want(200, "PUT", device, reportOf(1, "2026-05-04T13:30:00Z"))
		for _, path := range []string{"/devices", order + "/photos", order + "/check-ins"} {
			office.Want(200, "GET", path, nil)
		}
		require.NoError(t, sweeperOf(t, in).Announced(context.Background(), time.Now()), "of all accounts")
	})
}

// TestACharacterIsOneHoweverManyBytesItHas: where so many characters are allowed, so many are taken in every script.
func TestACharacterIsOneHoweverManyBytesItHas(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		name := func(n int) string { return strings.Repeat("ش", n) }
		order := office.Order(nil)
		path := "/work-orders/" + order.Text("id")
		photo := "/photos/" + office.Upload(order.Text("id"), rig.JPEG(60, 40, 1)).Text("id")
		for _, c := range []struct {
			most                 int
			field, method, route string
			body                 func(text string) rig.JSON
		}{
			{200, "name", "POST", "/users", func(s string) rig.JSON {
				return rig.JSON{"username": "u-" + uuid.NewString()[:8], "role": "crew", "password": rig.Password, "name": s}
			}},
			{256, "password", "POST", "/users", func(s string) rig.JSON {
				return rig.JSON{"username": "u-" + uuid.NewString()[:8], "role": "crew", "password": s}
			}},
			{200, "name", "PATCH", "/account", func(s string) rig.JSON { return rig.JSON{"name": s} }},
			{500, "address", "PATCH", "/account", func(s string) rig.JSON { return rig.JSON{"address": s} }},
			{60, "name", "POST", "/roles", func(s string) rig.JSON { return rig.JSON{"name": s, "privileges": []string{}} }},
			{200, "name", "POST", "/work-types", func(s string) rig.JSON { return rig.JSON{"name": s} }},
			{200, "name", "POST", "/views", func(s string) rig.JSON { return rig.JSON{"name": s, "query": "state=created"} }},
			{200, "name", "POST", "/tokens", func(s string) rig.JSON { return rig.JSON{"name": s} }},
			{200, "name", "POST", "/share-links", func(s string) rig.JSON { return rig.JSON{"name": s} }},
			{200, "name", "POST", "/destinations", func(s string) rig.JSON {
				return rig.JSON{"name": s, "kind": "folder", "settings": rig.JSON{"path": "characters-" + uuid.NewString()[:8]}}
			}},
			{200, "name", "POST", "/integrations", func(s string) rig.JSON {
				return rig.JSON{"client_code": uuid.NewString()[:8], "kind": "push", "name": s}
			}},
			{60, "client_code", "POST", "/integrations", func(s string) rig.JSON { return rig.JSON{"client_code": s, "kind": "push"} }},
			{60, "client_code", "PATCH", path, func(s string) rig.JSON { return rig.JSON{"client_code": s} }},
			{200, "work_order_number", "PATCH", path, func(s string) rig.JSON { return rig.JSON{"work_order_number": s} }},
			{300, "address.address1", "PATCH", path, func(s string) rig.JSON { return rig.JSON{"address": rig.JSON{"address1": s}} }},
			{200, "tasks[0].name", "PATCH", path, func(s string) rig.JSON { return rig.JSON{"tasks": []rig.JSON{{"name": s}}} }},
			{60, "evidence_type", "PATCH", photo, func(s string) rig.JSON { return rig.JSON{"evidence_type": s} }},
			{20_000, "notes", "PATCH", photo, func(s string) rig.JSON { return rig.JSON{"notes": s} }},
			{10_000, "reason", "PATCH", photo, func(s string) rig.JSON { return rig.JSON{"review": "rejected", "reason": s} }},
			{5000, "text", "POST", path + "/comments", func(s string) rig.JSON { return rig.JSON{"text": s} }},
		} {
			what := c.method + " " + c.route + " " + c.field
			refused := office.Want(422, c.method, c.route, c.body(name(c.most+1)))
			require.NotEmpty(t, refused.List("errors"), what)
			taken := office.Do(c.method, c.route, c.body(name(c.most)))
			require.Less(t, taken.Status, 300, "%s: %s", what, taken.Body)
		}
	})
}
