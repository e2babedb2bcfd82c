package tests

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func numbersOf(a rig.Answer) (numbers []string) {
	for _, item := range a.List("items") {
		numbers = append(numbers, item.(map[string]any)["work_order_number"].(string))
	}
	return numbers
}

func TestAListGoesOnBothWaysFromAnyPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		ids := map[string]string{}
		for _, n := range []string{"N-10", "n-9", "N-100", "N-2", "N-1"} {
			ids[n] = office.Order(rig.JSON{"work_order_number": n, "client_code": "LIST"}).Text("id")
		}
		list := func(query string) rig.Answer {
			return office.Want(200, "GET", "/work-orders?client_code=LIST&"+query, nil)
		}
		require.Equal(t, []string{"N-1", "N-2", "n-9", "N-10", "N-100"}, numbersOf(list("sort=number")))
		require.Equal(t, []string{"N-100", "N-10", "n-9", "N-2", "N-1"}, numbersOf(list("sort=-number")))
		require.Equal(t, []string{"N-1", "N-2", "N-100", "n-9", "N-10"}, numbersOf(list("")), "newest first unless said")

		page := list("sort=number&limit=2&place=1")
		require.Equal(t, []string{"N-2", "n-9"}, numbersOf(page))
		next := list("sort=number&limit=2&cursor=" + page.Text("next_cursor"))
		require.Equal(t, []string{"N-10", "N-100"}, numbersOf(next))
		require.Nil(t, next.Get("next_cursor"))
		require.Equal(t, []string{"N-2", "n-9"}, numbersOf(list("sort=number&limit=2&cursor="+next.Text("prev_cursor"))))
		before := list("sort=number&limit=2&cursor=" + page.Text("prev_cursor"))
		require.Equal(t, []string{"N-1"}, numbersOf(before))
		require.Nil(t, before.Get("prev_cursor"))
		require.Equal(t, []string{"N-2", "n-9"}, numbersOf(list("sort=number&limit=2&cursor="+before.Text("next_cursor"))))
		beyond := list("sort=number&limit=2&place=77")
		require.Empty(t, beyond.List("items"))
		require.Equal(t, []string{"N-10", "N-100"}, numbersOf(list("sort=number&limit=2&cursor="+beyond.Text("prev_cursor"))))
		first := list("sort=number&limit=2")
		require.Nil(t, first.Get("prev_cursor"))

		some := list("sort=-number&ids=" + strings.Join([]string{ids["N-1"], ids["N-10"], uuid.NewString()}, ","))
		require.Equal(t, []string{"N-10", "N-1"}, numbersOf(some), "of those that were named, those that pass")
		require.Empty(t, office.Want(200, "GET", "/work-orders?client_code=OTHER&ids="+ids["N-1"], nil).List("items"))
		require.Equal(t, []string{"N-2"}, numbersOf(list("q=n+2&sort=-due")))
		for _, wrong := range []string{"sort=colour", "place=-1", "place=x", "invoiced=perhaps", "worked_on=them", "completed_from=soon", "cursor=" + first.Text("next_cursor") + "&place=1", "ids=" + strings.Repeat("a,", 201)} {
			office.Want(400, "GET", "/work-orders?"+wrong, nil)
		}
		office.Want(400, "GET", "/work-orders/counts?by=colour", nil)
		office.Want(400, "GET", "/work-orders/counts?sort=due", nil)
	})
}

func TestWhatWasCompletedPublishedAndInvoicedIsFoundAndCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, other := office.Colleague("crew"), office.Colleague("crew")
		made := func(number string, assignee any) string {
			return office.Order(rig.JSON{"work_order_number": number, "client_code": "DONE", "assignee": assignee}).Text("id")
		}
		do := func(id string, steps ...string) (a rig.Answer) {
			for _, step := range steps {
				a = office.Want(200, "POST", "/work-orders/"+id+"/"+step, rig.JSON{"reason": "again"})
			}
			return a
		}
		count := func(query string) rig.Answer {
			return office.Want(200, "GET", "/work-orders/counts?client_code=DONE&"+query, nil)
		}
		open, out, back := made("open", crew.Username), made("out", crew.Username), made("back", other.Username)
		require.Nil(t, office.Want(200, "GET", "/work-orders/"+open, nil).Get("completed_at"))
		completed := office.Want(200, "POST", "/work-orders/"+out+"/complete", nil)
		since := completed.Text("completed_at")
		require.NotEmpty(t, since)
		require.Nil(t, completed.Get("published_at"))
		office.Want(200, "POST", "/work-orders/"+out+"/approve", nil)
		published := office.Want(200, "POST", "/work-orders/"+out+"/publish", nil)
		require.NotEmpty(t, published.Text("published_at"))
		require.Equal(t, since, published.Text("completed_at"))
		office.Want(200, "POST", "/work-orders/"+back+"/complete", nil)
		rejected := do(back, "reject")
		require.Nil(t, rejected.Get("completed_at"), "it is work again")

		list := func(query string) []string {
			return numbersOf(office.Want(200, "GET", "/work-orders?client_code=DONE&"+query, nil))
		}
		day := now()[:10]
		require.Equal(t, []string{"out"}, list("completed_from="+day+"&completed_to="+day))
		require.Equal(t, []string{"out"}, list("published_from="+url.QueryEscape(published.Text("published_at"))+"&published_to="+url.QueryEscape(published.Text("published_at"))))
		require.Empty(t, list("completed_to=2020-01-01"))
		require.Equal(t, []string{"out"}, list("state=published&invoiced=false"))
		require.Equal(t, []string{"out", "back", "open"}, list("sort=-completed"))

		require.Equal(t, map[string]any{"": 2.0, day[:7]: 1.0}, count("by=completed_month").Get("by"))
		require.Equal(t, map[string]any{crew.Username: 2.0, other.Username: 1.0}, count("by=assignee").Get("by"))
		require.Equal(t, map[string]any{"assigned": 2.0, "published": 1.0}, count("by=state").Get("by"))
		require.EqualValues(t, 3, count("").Get("total"))
		require.EqualValues(t, 1, count("q=back").Get("total"))
		crewCounts := crew.Want(200, "GET", "/work-orders/counts?by=assignee", nil)
		require.Equal(t, map[string]any{crew.Username: 2.0}, crewCounts.Get("by"), "of what they see")
		lines := strings.Split(strings.TrimSpace(string(office.Want(200, "GET", "/work-orders/counts.csv?client_code=DONE&by=state", nil).Body)), "\r\n")
		require.Equal(t, []string{"\uFEFFstate,Count", "assigned,2", "published,1"}, lines)

		do(out, "close")
		office.Want(409, "PATCH", "/work-orders/"+out, rig.JSON{"reference": "R"})
		office.Want(409, "PATCH", "/work-orders/"+out, rig.JSON{"reference": "R", "invoiced": true})
		crew.Want(403, "PATCH", "/work-orders/"+out, rig.JSON{"invoiced": true})
		office.Want(422, "PATCH", "/work-orders/"+out, rig.JSON{"invoiced": "yes"})
		require.Equal(t, true, office.Want(200, "PATCH", "/work-orders/"+out, rig.JSON{"invoiced": true}).Get("invoiced"), "also of what is closed")
		require.Equal(t, []string{"out"}, list("invoiced=true"))
		require.Equal(t, "closed", office.Want(200, "GET", "/work-orders/"+out, nil).Text("state"), "it changes no state")
		require.Equal(t, false, office.Want(200, "PATCH", "/work-orders/"+out, rig.JSON{"invoiced": nil}).Get("invoiced"))
	})
}

func TestWhoOnceWorkedOnAnOrderFindsItsNumber(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, next := office.Colleague("crew"), office.Colleague("crew")
		id := office.Order(rig.JSON{"work_order_number": "gone", "work_order_info": "Lockbox 1234", "assignee": crew.Username}).Text("id")
		mine := office.Order(rig.JSON{"work_order_number": "mine", "assignee": crew.Username}).Text("id")
		office.Order(rig.JSON{"work_order_number": "untouched", "assignee": crew.Username})
		crew.Upload(id, rig.JPEG(60, 40, 1))
		crew.Upload(mine, rig.JPEG(60, 40, 2))
		office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": next.Username})
		next.Upload(id, rig.JPEG(60, 40, 3))
		list := crew.Want(200, "GET", "/work-orders?worked_on=me&sort=number", nil)
		require.Equal(t, []string{"gone", "mine"}, numbersOf(list))
		require.NotContains(t, string(list.Body[:strings.Index(string(list.Body), `"mine"`)]), "12 Oak Street", "of what was taken from them, no address")
		require.NotContains(t, string(list.Body), "1234")
		require.EqualValues(t, 1, list.Get("items", 0, "item_counts", "photos"), "their own")
		require.Equal(t, "12 Oak Street", list.Get("items", 1, "address", "address1"))
		require.EqualValues(t, 2, crew.Want(200, "GET", "/work-orders/counts?worked_on=me", nil).Get("total"))
		require.Equal(t, []string{"gone"}, numbersOf(next.Want(200, "GET", "/work-orders?worked_on=me", nil)))
		require.Empty(t, office.Want(200, "GET", "/work-orders?worked_on=me", nil).List("items"))
	})
}

func TestAViewIsKeptAndSharedWithTheOffice(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		staff, crew := office.Colleague("staff"), office.Colleague("crew")
		late := staff.Want(201, "POST", "/views", rig.JSON{"name": "Late", "query": "state=created&sort=due", "columns": []string{"number", "due"}})
		id := late.Text("id")
		require.Equal(t, []any{"number", "due"}, late.Get("columns"))
		require.Equal(t, staff.Username, late.Text("owner"))
		office.Want(404, "GET", "/views/"+id, nil)
		require.Empty(t, office.Want(200, "GET", "/views", nil).List("items"))
		require.Equal(t, true, staff.Want(200, "PATCH", "/views/"+id, rig.JSON{"shared": true}).Get("shared"))
		require.Equal(t, "Late", office.Want(200, "GET", "/views", nil).Text("items", 0, "name"))
		office.Colleague("staff").Want(403, "PATCH", "/views/"+id, rig.JSON{"name": "Mine"})
		crew.Want(404, "GET", "/views/"+id, nil)
		crew.Want(403, "POST", "/views", rig.JSON{"name": "For all", "shared": true})
		staff.Want(422, "POST", "/views", rig.JSON{"name": "", "query": "a"})
		office.Want(204, "DELETE", "/views/"+id, nil)
		staff.Want(404, "GET", "/views/"+id, nil)
	})
}

func TestAListSaysHowFarOrdersAre(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		hook := rig.NewReceiver()
		defer hook.Close()
		office, crew, o := crewWithOrder(t, in, rig.JSON{"tasks": []rig.JSON{{"name": "Grass cut", "required_photos": rig.JSON{"after": 2}}, {"name": "Change lock"}}})
		hookAt(office, "hook", hook.URL, nil)
		id := o.Text("id")
		progress := func(u *rig.User) any {
			return u.Want(200, "GET", "/work-orders?ids="+id, nil).Get("items", 0, "progress")
		}
		require.Equal(t, map[string]any{"tasks_done": 0.0}, progress(office))
		grass, lock := o.Text("tasks", 0, "id"), o.Text("tasks", 1, "id")
		crew.Upload(id, rig.JPEG(60, 40, 1), "task_id", grass, "evidence_type", "after")
		require.Equal(t, map[string]any{"tasks_done": 0.0}, progress(crew), "one of two photos")
		second := crew.Upload(id, rig.JPEG(60, 40, 2), "task_id", grass, "evidence_type", "after").Text("id")
		crew.Upload(id, rig.JPEG(60, 40, 3), "task_id", lock, "evidence_type", "after")
		require.Equal(t, map[string]any{"tasks_done": 2.0}, progress(crew))
		office.Want(200, "PATCH", "/photos/"+second, rig.JSON{"review": "rejected", "reason": "Blurred"})
		require.Equal(t, map[string]any{"tasks_done": 1.0}, progress(office), "what was rejected is not proof")
		office.Want(200, "PATCH", "/photos/"+second, rig.JSON{"review": "pending"})
		crew.AwaitState(id, "in_progress")
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+id+"/"+step, nil)
		}
		office.Await("everything arrived", func() bool {
			return reflect.DeepEqual(map[string]any{"tasks_done": 2.0, "deliveries": map[string]any{"delivered": 1.0}}, progress(office))
		})
		require.Equal(t, map[string]any{"tasks_done": 2.0}, progress(crew), "the field is not told where results go")
		require.Nil(t, office.Want(200, "GET", "/work-orders/"+id, nil).Get("progress"))
	})
}

func TestAFilterTakesDaysFromToday(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(200, "PATCH", "/account", rig.JSON{"zone": "Pacific/Kiritimati"})
		zone, err := time.LoadLocation("Pacific/Kiritimati")
		require.NoError(t, err)
		for name, days := range map[string]int{"late": -1, "soon": 6, "later": 8} {
			office.Order(rig.JSON{"work_order_number": name, "client_code": "DAYS", "due_date": time.Now().In(zone).AddDate(0, 0, days).Format(time.DateOnly)})
		}
		list := func(query string) []string {
			return numbersOf(office.Want(200, "GET", "/work-orders?client_code=DAYS&sort=due&"+query, nil))
		}
		require.Equal(t, []string{"late"}, list("due_to=today-1"))
		require.Equal(t, []string{"soon"}, list("due_from=today&due_to=today%2B6"))
		require.Equal(t, []string{"soon", "later"}, list("due_from=today+2"))
		require.EqualValues(t, 1, office.Want(200, "GET", "/work-orders/counts?client_code=DAYS&due_to=today-1", nil).Get("total"))
		office.Want(400, "GET", "/work-orders?due_to=tomorrow", nil)
	})
}
