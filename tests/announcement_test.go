package tests

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// announced is a photo as its phone tells of it, with more said of it in pairs.
func announced(order, id string, photo []byte, more ...any) rig.JSON {
	sum := sha256.Sum256(photo)
	row := rig.JSON{"uuid": id, "work_order_id": order, "sha256": base64.RawURLEncoding.EncodeToString(sum[:]), "size": len(photo), "taken_at": time.Now().UnixMilli()}
	for i := 0; i+1 < len(more); i += 2 {
		row[more[i].(string)] = more[i+1]
	}
	return row
}

// announcement is the body that announces photos.
func announcement(device string, photos ...rig.JSON) rig.JSON {
	named := map[string]bool{}
	for _, p := range photos {
		for name := range p {
			named[name] = true
		}
	}
	columns := slices.Sorted(maps.Keys(named))
	rows := make([][]any, len(photos))
	for i, p := range photos {
		for _, name := range columns {
			rows[i] = append(rows[i], p[name])
		}
	}
	return rig.JSON{"device": device, "columns": columns, "rows": rows}
}

// resultsOf are the answers to the rows of an announcement.
func resultsOf(a rig.Answer) (results []string) {
	for i := range a.List("results") {
		result := a.Text("results", i, "result")
		if code := a.Text("results", i, "code"); code != "" {
			result += " " + code
		}
		results = append(results, result)
	}
	return results
}

// bring sends an announced photo.
func bring(u *rig.User, order, id string, photo []byte, fields ...string) rig.Answer {
	return u.Do("POST", "/work-orders/"+order+"/photos", rig.PhotoForm(photo, id, fields...))
}

func awaitedOf(u *rig.User, order string) any {
	return u.Want(200, "GET", "/work-orders/"+order, nil).Get("awaited")
}

func alertsOf(u *rig.User, kind string) int {
	return bytes.Count(u.Want(200, "GET", "/alerts", nil).Body, []byte(`"`+kind+`"`))
}

func TestWhatAPhoneAnnouncesIsAwaitedUntilItIsHere(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, other := office.Colleague("crew"), office.Colleague("crew")
		order := office.Order(rig.JSON{"assignee": crew.Username})
		id, task := order.Text("id"), order.Text("tasks", 0, "id")
		photos, ids := [][]byte{rig.JPEG(60, 40, 1), rig.JPEG(60, 40, 2), rig.JPEG(60, 40, 3)}, []string{uuid.NewString(), uuid.NewString(), uuid.NewString()}
		old := time.Now().Add(-11 * time.Hour).UnixMilli()
		told := announcement("phone-1", announced(id, ids[0], photos[0], "task_id", task, "evidence_type", "Before", "taken_at", old, "shot", "front", "offset_ms", 1200),
			announced(id, ids[1], photos[1], "latitude", 30.5, "longitude", -97.6, "accuracy", 5), announced(id, ids[2], photos[2]))
		require.Equal(t, []string{"announced", "announced", "announced"}, resultsOf(crew.Want(200, "POST", "/announcements", told)))
		first := crew.Want(200, "POST", "/announcements", told)
		require.Equal(t, []string{"announced", "announced", "announced"}, resultsOf(first), "the same again is the same")

		seen := office.Want(200, "GET", "/work-orders/"+id, nil)
		require.Equal(t, []any{3.0, 0.0, "assigned", false}, []any{seen.Get("awaited"), seen.Get("item_counts", "total"), seen.Get("state"), seen.Get("has_new_items")}, "it is no item yet")
		list := office.Want(200, "GET", "/work-orders/"+id+"/announcements", nil)
		require.Len(t, list.List("items"), 3)
		require.Equal(t, []any{crew.Username, "phone-1", "announced"}, []any{list.Get("items", 0, "user"), list.Get("items", 0, "device"), list.Get("items", 0, "state")})
		require.Len(t, crew.Want(200, "GET", "/work-orders/"+id+"/announcements", nil).List("items"), 3)
		other.Want(404, "GET", "/work-orders/"+id+"/announcements", nil)
		for filter, holds := range map[string]bool{"true": true, "false": false} {
			require.Equal(t, holds, strings.Contains(string(office.Want(200, "GET", "/work-orders?awaited="+filter, nil).Body), id))
		}
		require.Equal(t, "announced", office.Want(200, "GET", "/photos?uuid="+ids[0], nil).Text("items", 0, "stands"))
		require.Empty(t, other.Want(200, "GET", "/photos?uuid="+ids[0], nil).List("items"))

		refused := bring(crew, id, ids[0], photos[1])
		require.Equal(t, []any{422, "other_bytes"}, []any{refused.Status, refused.Text("code")}, "not the bytes that were announced: %s", refused.Body)
		require.Equal(t, 409, bring(office, id, ids[0], photos[0]).Status, "somebody else's")
		found := office.Want(200, "GET", "/photos?uuid="+strings.ToUpper(ids[0]), nil)
		require.Equal(t, []any{"refused", "other_bytes", nil}, []any{found.Get("items", 0, "stands"), found.Get("items", 0, "refusal", "code"), found.Get("items", 0, "received_at")})

		// The phone's clock is wrong by now, and says another time; what was fixed stays, words follow.
		arrived := bring(crew, id, ids[0], photos[0], "taken_at", now(), "source", "mobile_gallery", "notes", "the gate")
		require.Equal(t, 201, arrived.Status, "%s", arrived.Body)
		require.Equal(t, []any{"mobile_camera", task, "before", "the gate", "front", 1200.0, true},
			[]any{arrived.Get("source"), arrived.Get("task_id"), arrived.Get("evidence_type"), arrived.Get("notes"), arrived.Get("shot"), arrived.Get("offset_ms"), arrived.Get("certification", "time")})
		require.Equal(t, first.Text("results", 0, "announced_at"), arrived.Text("announced_at"))
		at, err := time.Parse(time.RFC3339Nano, arrived.Text("taken_at"))
		require.NoError(t, err)
		require.Equal(t, old, at.UnixMilli())
		require.Equal(t, 2.0, awaitedOf(office, id))
		again := crew.Want(200, "POST", "/announcements", told)
		require.Equal(t, []string{"arrived", "announced", "announced"}, resultsOf(again))
		require.Equal(t, arrived.Text("id"), again.Text("results", 0, "id"))
		require.Equal(t, "here", office.Want(200, "GET", "/photos?uuid="+ids[0], nil).Text("items", 0, "stands"))

		other.Want(404, "DELETE", "/announcements/"+ids[1], nil)
		crew.Want(204, "DELETE", "/announcements/"+ids[1], nil)
		crew.Want(204, "DELETE", "/announcements/"+ids[1], nil)
		crew.Want(409, "DELETE", "/announcements/"+ids[0], nil)
		require.Equal(t, 1.0, awaitedOf(office, id))
		require.Equal(t, 201, bring(crew, id, ids[1], photos[1]).Status, "never lost")
		require.Equal(t, 200, bring(crew, id, ids[1], photos[1]).Status)
	})
}

// TestAPhotoIsCertifiedByTheTimeOfItsAnnouncement brings home at night what was announced in the morning.
func TestAPhotoIsCertifiedByTheTimeOfItsAnnouncement(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id := order.Text("id")
		taken := time.Now().Add(-30 * time.Hour)
		doubts := map[string]string{} // by uuid
		certified := func(announcedAgo time.Duration, offset any) any {
			photo, of := rig.JPEG(60, 40, uint64(announcedAgo)), uuid.NewString()
			crew.Want(200, "POST", "/announcements", announcement("", announced(id, of, photo, "taken_at", taken.UnixMilli(), "offset_ms", offset)))
			backdate(t, in, &models.Announcement{}, "announced_at", time.Now().Add(-announcedAgo), "uuid = ?", of)
			arrived := bring(crew, id, of, photo)
			doubts[of] = arrived.Text("doubts", "time")
			return arrived.Get("certification", "time")
		}
		require.Equal(t, []any{true, false, false, true}, []any{certified(20*time.Hour, nil), certified(time.Hour, nil), certified(19*time.Hour, 24*3600*1000), certified(21*time.Hour, -60_000)},
			"within 12 hours of the announcement; too late; a clock that is wrong by a day; one that is right")

		// The archive says the same: when it was announced, what the clock was off by, and why its time is not vouched for.
		var reasons, offsets []any
		for _, i := range manifestIn(t, office.Want(200, "GET", "/work-orders/"+id+"/archive.zip", nil).Body).List("items") {
			is := rig.JSON(i.(map[string]any))
			require.NotNil(t, is["announced_at"])
			require.Equal(t, doubts[fmt.Sprint(is["uuid"])], is["doubts"].(map[string]any)["time"])
			reasons, offsets = append(reasons, is["doubts"].(map[string]any)["time"]), append(offsets, is["offset_ms"])
		}
		require.ElementsMatch(t, []any{"", "told_late", "clock_off", ""}, reasons)
		require.ElementsMatch(t, []any{nil, nil, 86_400_000.0, -60_000.0}, offsets)
	})
}

// backdate sets a time in the rows of one's own.
func backdate(t *testing.T, in *rig.Installation, model any, column string, at time.Time, where string, args ...any) {
	t.Helper()
	require.NoError(t, storeOf(t, in).Write(models.AcrossAccounts(context.Background()), func(tx *models.Tx) error {
		done := tx.Model(model).Where(where, args...).UpdateColumn(column, models.At(at))
		require.Positive(t, done.RowsAffected)
		return done.Error
	}))
}

func TestBadAnnouncementsAreRefusedRowByRow(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id, mine := order.Text("id"), uuid.NewString()
		foreign, elsewhere := office.Order(nil), rig.SignUp(t, in.URL).Order(nil)
		photo, another := rig.JPEG(60, 40, 1), rig.JPEG(60, 40, 2)
		taken := crew.Upload(id, photo)
		results := resultsOf(crew.Want(200, "POST", "/announcements", announcement("",
			announced(id, mine, photo), announced(id, mine, another), announced(id, strings.ToUpper(mine), photo), announced(foreign.Text("id"), uuid.NewString(), photo),
			announced(elsewhere.Text("id"), uuid.NewString(), photo), announced(id, taken.Text("uuid"), photo), announced(id, taken.Text("uuid"), another),
			announced(id, uuid.NewString(), photo, "task_id", foreign.Text("tasks", 0, "id")), announced(id, "x", photo), announced(id, uuid.NewString(), photo, "sha256", "short"),
			announced(id, uuid.NewString(), photo, "size", "large"), announced(id, uuid.NewString(), photo, "size", 1e12), announced(id, uuid.NewString(), photo, "source", "share"),
			announced(id, uuid.NewString(), photo, "latitude", 91.0, "longitude", 0.0), announced(id, uuid.NewString(), photo, "taken_at", 1e18))))
		require.Equal(t, []string{"announced", "refused other_bytes", "announced", "refused no_such", "refused no_such", "arrived", "refused other_bytes", "refused no_such", "refused required",
			"refused wrong_type", "refused wrong_type", "refused invalid", "refused invalid", "refused invalid", "refused wrong_type"}, results)
		require.Equal(t, 1.0, awaitedOf(office, id))
		require.Equal(t, []string{"refused announced"}, resultsOf(office.Want(200, "POST", "/announcements", announcement("", announced(id, mine, photo)))), "another person's")

		office.WantField(422, "columns[0]", "POST", "/announcements", rig.JSON{"columns": []string{"secret"}, "rows": [][]any{{1}}})
		office.WantField(422, "rows", "POST", "/announcements", rig.JSON{"columns": []string{"uuid"}, "rows": [][]any{}})
		require.Equal(t, []string{"refused invalid"}, resultsOf(crew.Want(200, "POST", "/announcements", rig.JSON{"columns": []string{"uuid"}, "rows": [][]any{{mine, id}}})))
		short := rig.JSON{"columns": []string{"uuid"}, "rows": slices.Repeat([][]any{{"u"}}, 100_000)}
		crew.WantField(422, "rows", "POST", "/announcements", short)
		crew.Want(413, "POST", "/announcements", []byte(`{"columns":["uuid"],"rows":[`+strings.Repeat(`["`+mine+`"],`, 100_000)+`["x"]]}`))
		require.Equal(t, 1.0, awaitedOf(office, id))
	})
}

// TestAnnouncing300PhotosIsOneSmallCall holds what a phone sends to its budget.
func TestAnnouncing300PhotosIsOneSmallCall(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id, task := order.Text("id"), order.Text("tasks", 0, "id")
		columns := []string{"uuid", "work_order_id", "task_id", "evidence_type", "sha256", "size", "taken_at"}
		var rows [][]any
		for n := range 300 {
			p := announced(id, uuid.NewString(), fmt.Appendf(nil, "photo %d", n), "task_id", task, "evidence_type", "before")
			row := make([]any, len(columns))
			for i, name := range columns {
				row[i] = p[name]
			}
			rows = append(rows, row)
		}
		body := rig.JSON{"device": "phone", "columns": columns, "rows": rows}
		sent, err := json.Marshal(body)
		require.NoError(t, err)
		require.Less(t, len(sent), 60_000)
		require.Len(t, crew.Want(200, "POST", "/announcements", body).List("results"), 300)
		require.Equal(t, 300.0, awaitedOf(office, id))
	})
}

// TestACompletionCountsOnWhatIsAnnounced completes from a basement: the photos follow, and are not late.
func TestACompletionCountsOnWhatIsAnnounced(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, other := office.Colleague("crew"), office.Colleague("crew")
		order := office.Order(rig.JSON{"assignee": "~all~", "tasks": []rig.JSON{{"name": "Lawn", "required_photos": rig.JSON{"before": 1, "after": 1}}}})
		id, task := order.Text("id"), order.Text("tasks", 0, "id")
		photos, ids := [][]byte{rig.JPEG(60, 40, 1), rig.JPEG(60, 40, 2), rig.JPEG(60, 40, 3)}, []string{uuid.NewString(), uuid.NewString(), uuid.NewString()}
		complete := "/work-orders/" + id + "/complete"
		require.Equal(t, "incomplete", crew.Want(409, "POST", complete, nil).Text("code"))
		crew.Want(200, "POST", "/announcements", announcement("", announced(id, ids[0], photos[0], "task_id", task, "evidence_type", "before"), announced(id, ids[1], photos[1], "task_id", task, "evidence_type", "after")))
		require.Equal(t, "incomplete", other.Want(409, "POST", complete, nil).Text("code"), "what another has on their phone counts for them alone")
		done := crew.Want(200, "POST", complete, rig.JSON{"done_at": "2026-05-04T13:30:00Z"}, "Idempotency-Key", "complete-"+id)
		require.Equal(t, []any{"completed", 2.0}, []any{done.Get("state"), done.Get("awaited")})
		events := office.Want(200, "GET", "/work-orders/"+id+"/events", nil)
		last := len(events.List("items")) - 1
		require.Equal(t, []any{"completed", 2.0, "2026-05-04T13:30:00Z"}, []any{events.Get("items", last, "type"), events.Get("items", last, "details", "awaited"), events.Get("items", last, "details", "done_at")})

		approve := "/work-orders/" + id + "/approve"
		refused := office.Want(409, "POST", approve, nil)
		require.Equal(t, "awaited", refused.Text("code"))
		require.Len(t, refused.List("errors"), 2)
		require.Contains(t, refused.Text("errors", 0, "message"), crew.Username)
		require.Equal(t, 201, bring(crew, id, ids[0], photos[0]).Status)
		noticed(t, in, office, id)
		require.Equal(t, []any{false, 0, 1.0}, []any{office.Want(200, "GET", "/work-orders/"+id, nil).Get("has_new_items"), alertsOf(office, "late_items"), awaitedOf(office, id)}, "awaited, not late")
		office.Want(409, "POST", approve, nil)
		require.Equal(t, 1.0, office.Want(200, "POST", approve, rig.JSON{"without_awaited": true}).Get("awaited"))
		require.Equal(t, 201, bring(crew, id, ids[1], photos[1]).Status)
		office.Await("an alert of what comes now", func() bool { return alertsOf(office, "late_items") == 1 })
		require.Equal(t, true, office.Want(200, "GET", "/work-orders/"+id, nil).Get("has_new_items"))

		// Announced after the completion is late, and sent back nothing is.
		office.Want(200, "POST", "/work-orders/"+id+"/reject", rig.JSON{"reason": "blurred"})
		crew.Want(200, "POST", complete, nil)
		crew.Want(200, "POST", "/announcements", announcement("", announced(id, ids[2], photos[2])))
		office.Want(409, "POST", approve, nil)
		require.Equal(t, 201, bring(crew, id, ids[2], photos[2]).Status)
		require.Equal(t, true, office.Want(200, "GET", "/work-orders/"+id, nil).Get("has_new_items"))
		require.NoError(t, storeOf(t, in).Write(models.AcrossAccounts(context.Background()), func(tx *models.Tx) error {
			forgotten := tx.Where("id = ?", models.DerivedID("idempotency key", crew.ID, "/api/v1"+complete, "complete-"+id)).Delete(&models.IdempotencyKey{})
			require.EqualValues(t, 1, forgotten.RowsAffected)
			return forgotten.Error
		}))
		crew.Want(200, "POST", complete, rig.JSON{"done_at": "2026-05-04T13:30:00Z"}, "Idempotency-Key", "complete-"+id) // the same, weeks later
		office.Want(200, "POST", approve, nil)
	})
}

// noticed waits until an order's workflow has seen what came in.
func noticed(t *testing.T, in *rig.Installation, u *rig.User, order string) {
	t.Helper()
	store := storeOf(t, in)
	u.Await("the workflow to look", func() bool {
		var waiting int64
		require.NoError(t, store.Read(models.AcrossAccounts(context.Background())).Model(&models.Item{}).Where("work_order_id = ? AND NOT noticed", order).Count(&waiting).Error)
		return waiting == 0
	})
}

// TestWhatPublishesByItselfWaitsForWhatIsAwaited completes orders under auto-publish while photos are on the phone.
func TestWhatPublishesByItselfWaitsForWhatIsAwaited(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		office.Want(200, "PATCH", "/account", rig.JSON{"qa_policy": "auto_publish"})
		sweeper := sweeperOf(t, in)
		begin := func(photos int) (order string, ids []string) {
			made := office.Order(rig.JSON{"assignee": crew.Username})
			require.Equal(t, "account", made.Get("policy", "from"))
			order = made.Text("id")
			var rows []rig.JSON
			for n := range photos {
				ids = append(ids, uuid.NewString())
				rows = append(rows, announced(order, ids[n], rig.JPEG(60, 40, uint64(n+1))))
			}
			crew.Want(200, "POST", "/announcements", announcement("", rows...))
			crew.Want(200, "POST", "/work-orders/"+order+"/complete", nil)
			return order, ids
		}
		published := func(order string, publications int, items float64) {
			t.Helper()
			var list rig.Answer
			office.Await("the publication", func() bool {
				list = office.Want(200, "GET", "/work-orders/"+order+"/publications", nil)
				return len(list.List("items")) == publications
			})
			require.Equal(t, items, list.Get("items", 0, "items"))
		}
		state := func(order string) string { return office.Want(200, "GET", "/work-orders/"+order, nil).Text("state") }

		order, ids := begin(3)
		require.Equal(t, 201, bring(crew, order, ids[0], rig.JPEG(60, 40, 1)).Status)
		noticed(t, in, office, order)
		require.Equal(t, "completed", state(order), "never without them")
		require.Equal(t, 201, bring(crew, order, ids[1], rig.JPEG(60, 40, 2)).Status)
		crew.Want(204, "DELETE", "/announcements/"+ids[2], nil)
		published(order, 1, 2)
		require.Equal(t, []any{"published", 0}, []any{state(order), alertsOf(office, "late_items")})

		// Twelve hours later with what is here; the rest follows, gathered.
		order, ids = begin(3)
		require.Equal(t, 201, bring(crew, order, ids[0], rig.JPEG(60, 40, 1)).Status)
		noticed(t, in, office, order)
		past := time.Now().Add(-time.Second)
		backdate(t, in, &models.WorkOrder{}, "publish_due_at", past, "id = ?", order)
		require.NoError(t, sweeper.Awaited(context.Background(), time.Now()))
		published(order, 1, 1)
		require.Equal(t, 1, alertsOf(office, "photos_awaited"))
		office.AwaitState(order, "published")
		require.Equal(t, 201, bring(crew, order, ids[1], rig.JPEG(60, 40, 2)).Status)
		noticed(t, in, office, order)
		require.Len(t, office.Want(200, "GET", "/work-orders/"+order+"/publications", nil).List("items"), 1)
		backdate(t, in, &models.WorkOrder{}, "publish_due_at", past, "id = ?", order)
		require.NoError(t, sweeper.Awaited(context.Background(), time.Now()))
		published(order, 2, 1)
		require.Equal(t, 201, bring(crew, order, ids[2], rig.JPEG(60, 40, 3)).Status)
		published(order, 3, 1)
		require.Equal(t, 0, alertsOf(office, "late_items"))

		office.Want(200, "PATCH", "/account", rig.JSON{"qa_policy": "auto_relay"})
		order, ids = begin(1)
		office.AwaitState(order, "published")
		require.Equal(t, 201, bring(crew, order, ids[0], rig.JPEG(60, 40, 1)).Status, "auto-relay goes on item by item")
		office.Await("the item to go out", func() bool {
			return strings.Contains(string(office.Want(200, "GET", "/work-orders/"+order+"/publications", nil).Body), `"items":1,`)
		})
	})
}

// TestWhatWaitsOnAPhoneForLongIsTold has the office hear of it after a day, once, and lose it after thirty.
func TestWhatWaitsOnAPhoneForLongIsTold(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, made := crewWithOrder(t, in, nil)
		order, id, photo := made.Text("id"), uuid.NewString(), rig.JPEG(60, 40, 1)
		sweeper := sweeperOf(t, in)
		crew.Want(200, "POST", "/announcements", announcement("", announced(order, id, photo)))
		sweep := func(age time.Duration) {
			backdate(t, in, &models.Announcement{}, "announced_at", time.Now().Add(-age), "uuid = ?", id)
			require.NoError(t, sweeper.Announced(context.Background(), time.Now()))
		}
		sweep(23 * time.Hour)
		require.Zero(t, alertsOf(office, "photos_waiting"))
		sweep(25 * time.Hour)
		require.Equal(t, 1, alertsOf(office, "photos_waiting"))
		alert := office.Want(200, "GET", "/alerts", nil)
		require.Contains(t, alert.Text("items", 0, "title"), crew.Username)
		require.Contains(t, office.Do("GET", "/alerts", nil, "Accept-Language", "es-MX,es;q=0.9").Text("items", 0, "remedy"), "abran la aplicación", "in the language of who asks")
		office.Want(204, "DELETE", "/alerts/"+alert.Text("items", 0, "id"), nil)
		sweep(26 * time.Hour)
		require.Zero(t, alertsOf(office, "photos_waiting"), "told once")
		sweep(31 * 24 * time.Hour)
		require.Equal(t, []any{1, 0.0}, []any{alertsOf(office, "photos_awaited"), awaitedOf(office, order)})
		require.Equal(t, "lost", office.Want(200, "GET", "/work-orders/"+order+"/announcements", nil).Text("items", 0, "state"))
		require.Contains(t, string(office.Want(200, "GET", "/work-orders/"+order+"/events", nil).Body), "1 photos are lost")
		require.Equal(t, "lost", office.Want(200, "GET", "/photos?uuid="+id, nil).Text("items", 0, "stands"))
		require.Equal(t, 201, bring(crew, order, id, photo).Status, "should it come after all, it is taken")
	})
}

func TestAnOrderSaysWhichPolicyCounts(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		policy := func(u *rig.User) any { return u.Want(200, "GET", "/work-orders/"+order.Text("id"), nil).Get("policy") }
		require.Equal(t, map[string]any{"qa": "office_review", "from": "account"}, policy(crew))
		office.Want(200, "PATCH", "/account", rig.JSON{"qa_policy": "auto_publish"})
		require.Equal(t, map[string]any{"qa": "auto_publish", "from": "account"}, policy(crew))
		office.Want(200, "PATCH", "/work-orders/"+order.Text("id"), rig.JSON{"qa_policy": "auto_relay"})
		require.Equal(t, map[string]any{"qa": "auto_relay", "from": "order"}, policy(crew))
		require.Equal(t, map[string]any{"qa": "auto_relay", "from": "order"}, policy(office))
	})
}

// manifestIn is the manifest of an archive.
func manifestIn(t *testing.T, archive []byte) rig.Answer {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	f, err := r.Open("manifest.json")
	require.NoError(t, err)
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	var m rig.JSON
	require.NoError(t, json.Unmarshal(text, &m))
	return rig.Answer{JSON: m}
}
