package tests

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
)

// columnsOf are the columns of a photo index.
var columnsOf = []string{"id", "task", "evidence", "user", "taken", "size", "width", "height", "review", "reviewer", "certification", "rotation", "flagged", "viewable", "elsewhere", "placeholder"}

func TestThePhotoIndexHoldsEveryPhotoInColumns(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id := order.Text("id")
		path := "/work-orders/" + id + "/photo-index"
		require.Empty(t, crew.Want(200, "GET", path, nil).List("id"))
		same := rig.JPEG(200, 150, 9)
		older := crew.Upload(id, rig.Turned(rig.JPEG(200, 120, 1), 6), "evidence_type", "before", "task_id", order.Text("tasks", 0, "id"), "taken_at", now())
		newer := crew.Upload(id, same, "evidence_type", "after")
		office.Upload(office.Order(nil).Text("id"), same)
		office.Await("the renditions", func() bool {
			x := office.Want(200, "GET", path, nil)
			return x.Text("placeholder", 0) != "" && x.Text("placeholder", 1) != ""
		})
		a := office.Want(200, "GET", path, nil)
		for _, column := range columnsOf {
			require.Len(t, a.List(column), 2, column)
		}
		require.Equal(t, []any{newer.Text("id"), older.Text("id")}, a.List("id"), "newest first")
		require.Equal(t, []any{nil, 0.0}, a.List("task"))
		require.Equal(t, []any{order.Text("tasks", 0, "id")}, a.List("tasks"))
		require.Equal(t, []any{"after", "before"}, a.List("evidence_types"))
		require.Equal(t, []any{crew.Username}, a.List("users"))
		require.Equal(t, []any{nil, older.Text("taken_at")}, a.List("taken"))
		require.Equal(t, []any{[]any{200.0, 120.0}, []any{150.0, 200.0}}, []any{a.List("width"), a.List("height")}, "upright")
		require.Equal(t, []any{true, false}, a.List("elsewhere"))
		require.Equal(t, older.Get("certification"), a.Get("certification", 1))
		raw, err := base64.StdEncoding.DecodeString(a.Text("placeholder", 0))
		require.NoError(t, err)
		require.Len(t, raw, 25)
		require.Equal(t, []any{false, false}, crew.Want(200, "GET", path, nil).List("elsewhere"), "nobody learns of orders that they don't see")

		tag := a.Header.Get("ETag")
		require.NotEmpty(t, tag)
		require.Empty(t, office.Want(304, "GET", path, nil, "If-None-Match", tag).Body)
		office.Want(200, "PATCH", "/photos/"+newer.Text("id"), rig.JSON{"flagged": true, "review": "approved"})
		a = office.Want(200, "GET", path, nil, "If-None-Match", tag)
		require.Equal(t, []any{true, "approved", office.Username}, []any{a.Get("flagged", 0), a.Get("review", 0), a.List("users")[int(a.Get("reviewer", 0).(float64))]})
		office.Want(204, "DELETE", "/photos/"+newer.Text("id"), nil)
		require.Equal(t, []any{older.Text("id")}, office.Want(200, "GET", path, nil).List("id"))
		rig.SignUp(t, in.URL).Want(404, "GET", path, nil)
		office.Want(200, "POST", "/work-orders/"+id+"/unassign", nil)
		office.Upload(id, rig.JPEG(40, 30, 3))
		require.Equal(t, []any{older.Text("id")}, crew.Want(200, "GET", path, nil).List("id"), "their own alone")
	})
}

// TestThePhotoIndexOf5000PhotosIsSmall holds its size with photos as phones make them, whose every number is another one.
func TestThePhotoIndexOf5000PhotosIsSmall(t *testing.T) {
	h := house.New(t)
	r := rand.New(rand.NewPCG(1, 2))
	yes := true
	at := time.Date(2026, 3, 4, 8, 0, 0, 0, time.UTC)
	var photos []*models.Item
	for range 5000 {
		at = at.Add(time.Duration(r.IntN(20_000)) * time.Millisecond)
		taken := models.At(at)
		hash := make([]byte, 25)
		for i := range 21 { // of a photo of 4:3
			hash[i] = byte(r.IntN(256))
		}
		review := []models.Review{models.ReviewPending, models.ReviewApproved, models.ReviewRejected}[r.IntN(3)]
		photos = append(photos, &models.Item{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: h.Order.ID, Kind: models.Photo, UUID: uuid.NewString(), ReceivedAt: taken, TakenAt: &taken,
			EvidenceType: []string{"before", "during", "after"}[r.IntN(3)], Review: review, SHA256: fmt.Sprintf("%064x", r.Uint64()), Size: 1_500_000 + r.Int64N(4_000_000), Width: 4000, Height: 3000,
			Certification: models.Certification{Item: &yes, Time: &yes}, Placeholder: base64.StdEncoding.EncodeToString(hash), Renditions: models.RenditionsMade, UploadedBy: fmt.Sprint("crew", r.IntN(4))})
	}
	h.Write(func(tx *models.Tx) error { return tx.CreateInBatches(photos, 200).Error })
	began := time.Now()
	index, err := models.PhotoIndexOf(h.Store.Read(h.Ctx), h.Order, &models.Member{User: models.User{ID: "o", AccountID: h.Account.ID}, Privileges: models.Privileges})
	require.NoError(t, err)
	text, err := json.Marshal(index)
	require.NoError(t, err)
	took := time.Since(began)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	t.Logf("%d kB, gzipped %d kB, made in %s", len(text)/1000, zipped.Len()/1000, took)
	require.Len(t, index.ID, 5000)
	require.Less(t, zipped.Len(), 250_000)
}

func TestAPhotoIsTurnedInAllThatIsDrawnOfItAndNeverInItself(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		photo := rig.JPEG(400, 300, 5)
		id := crew.Upload(order.Text("id"), photo).Text("id")
		box := func(from, query string) (size image.Point, caching string) {
			a := office.Want(200, "GET", from+query, nil)
			img, _, err := image.Decode(bytes.NewReader(a.Body))
			require.NoError(t, err)
			return img.Bounds().Size(), a.Header.Get("Cache-Control")
		}
		before := office.Want(200, "GET", "/photos/"+id+"/display", nil).Header.Get("ETag")
		office.WantField(422, "rotation", "PATCH", "/photos/"+id, rig.JSON{"rotation": 45})
		turned := crew.Want(200, "PATCH", "/photos/"+id, rig.JSON{"rotation": 90})
		require.Equal(t, 90.0, turned.Get("rotation"))
		require.Equal(t, 403, crew.Do("PATCH", "/photos/"+id, rig.JSON{"flagged": true}).Status, "a flag is the office's")
		size, caching := box("/photos/"+id+"/display", "")
		require.Equal(t, image.Pt(300, 400), size)
		require.NotContains(t, caching, "immutable")
		require.NotEqual(t, before, office.Want(200, "GET", "/photos/"+id+"/display", nil, "If-None-Match", before).Header.Get("ETag"))
		size, caching = box("/photos/"+id+"/thumbnail", "?rotation=90")
		require.Equal(t, image.Pt(240, 320), size)
		require.Contains(t, caching, "immutable")
		_, caching = box("/photos/"+id+"/thumbnail", "?rotation=0")
		require.NotContains(t, caching, "immutable", "what is asked for is not what came")
		require.Equal(t, photo, office.Want(200, "GET", "/photos/"+id+"/original", nil).Body)
		office.Want(200, "PATCH", "/photos/"+id, rig.JSON{"rotation": 0})
		size, _ = box("/photos/"+id+"/display", "?rotation=0")
		require.Equal(t, image.Pt(400, 300), size)
		require.Equal(t, before, office.Want(200, "GET", "/photos/"+id+"/display", nil).Header.Get("ETag"))
	})
}

func TestManyReviewsGoInOneCall(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id := order.Text("id")
		one, two := crew.Upload(id, rig.JPEG(40, 30, 1)).Text("id"), crew.Upload(id, rig.JPEG(40, 30, 2)).Text("id")
		crew.AwaitState(id, "in_progress")
		events, _ := listen(t, office, "")
		results := func(reviews ...rig.JSON) (said []any) {
			a := office.Want(200, "POST", "/photos/reviews", rig.JSON{"reviews": reviews})
			for n := range reviews {
				said = append(said, a.Text("results", n, "result"))
			}
			return said
		}
		require.Equal(t, []any{"done", "done", "refused"}, results(rig.JSON{"id": one, "review": "approved", "was": "pending"}, rig.JSON{"id": two, "review": "rejected", "reason": "too dark"},
			rig.JSON{"id": "unknown", "review": "approved"}))
		changed := map[string]bool{}
		updates := 0
		for len(changed) < 2 || updates < 1 {
			switch e := next(t, events); e.kind {
			case "item.changed":
				changed[e.id] = true
			case "work_order.updated":
				updates++
			}
		}
		require.Equal(t, map[string]bool{one: true, two: true}, changed, "the stream names the items")
		require.Equal(t, []any{"unchanged", "changed_meanwhile"}, results(rig.JSON{"id": one, "review": "approved", "was": "pending"}, rig.JSON{"id": two, "review": "approved", "was": "pending"}))
		reviewed := 0
		for _, e := range office.Want(200, "GET", "/work-orders/"+id+"/events", nil).List("items") {
			if details, _ := e.(map[string]any)["details"].(map[string]any); details["reviews"] != nil {
				reviewed++
			}
		}
		require.Equal(t, 1, reviewed, "one event an order and call")
		office.WantField(422, "reviews", "POST", "/photos/reviews", rig.JSON{"reviews": []rig.JSON{}})
		a := rig.SignUp(t, in.URL).Want(200, "POST", "/photos/reviews", rig.JSON{"reviews": []rig.JSON{{"id": one, "review": "approved"}}})
		require.Equal(t, []any{"refused", "not_found", nil}, []any{a.Text("results", 0, "result"), a.Text("results", 0, "code"), a.Get("results", 0, "review")})
	})
}

func TestAStreamThatCanNotCatchUpSaysSo(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		events, _ := listen(t, office, "")
		office.Order(nil)
		known := next(t, events)
		ahead, _ := listen(t, office, known.lastID+"000000")
		require.Equal(t, "reset", next(t, ahead).kind, "an id that was never given is not known")
		later := office.Order(nil).Text("id")
		require.Equal(t, later, next(t, ahead).order, "what comes after it is told")
		resumed, _ := listen(t, office, known.lastID)
		require.NotEqual(t, "reset", next(t, resumed).kind)
	})
}

func TestWhatIsNoLongerKeptOfTheFeedIsKnown(t *testing.T) {
	h := house.New(t)
	first, err := h.Store.NewestFeedID(h.Ctx)
	require.NoError(t, err)
	h.Write(func(tx *models.Tx) error { return tx.Announce(h.Account.ID, "x", "", "") })
	kept := func(after int64) bool {
		kept, err := h.Store.FeedKept(h.Ctx, after)
		require.NoError(t, err)
		return kept
	}
	require.True(t, kept(0))
	require.True(t, kept(first))
	old := models.At(time.Now().Add(-49 * time.Hour))
	h.Write(func(tx *models.Tx) error {
		return tx.Model(&models.FeedEntry{}).Where("id <= ?", first).Update("at", old).Error
	})
	require.NoError(t, h.Store.ForgetOld(context.Background()))
	require.True(t, kept(first), "all that came after it is there")
	require.False(t, kept(0))
	require.False(t, kept(first+5))
}

func TestWhereIsMyPhoto(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id, other := order.Text("id"), office.Order(nil).Text("id")
		bytes := rig.JPEG(60, 40, 4)
		one := uuid.NewString()
		photo := crew.Want(201, "POST", "/work-orders/"+id+"/photos", &rig.Form{Parts: []rig.Part{{Name: "uuid", Value: one}, {Name: "taken_at", Value: "2026-02-28T23:30:00Z"},
			{Name: "file", File: bytes, FileName: "IMG_2041.JPG"}}}).Text("id")
		office.Upload(other, bytes)
		found := func(u *rig.User, query string) (ids []any) {
			for _, p := range u.Want(200, "GET", "/photos?"+query, nil).List("items") {
				ids = append(ids, p.(map[string]any)["id"])
			}
			return ids
		}
		for _, query := range []string{"uuid=" + strings.ToUpper(one), "name=img_2041.jpg", "name=20260228-233000_" + one + ".jpg", "taken_from=2026-02-28&taken_to=2026-02-28",
			"taken_from=2026-02-28T23:30:00Z", "user=" + crew.Username} {
			require.Equal(t, []any{photo}, found(office, query), query)
			require.Equal(t, []any{photo}, found(crew, query), query)
			require.Empty(t, found(office.Colleague("crew"), query), query)
			require.Empty(t, found(rig.SignUp(t, in.URL), query), query)
		}
		require.Len(t, found(office, ""), 2)
		require.Empty(t, found(office, "taken_to=2026-02-27"))
		office.Want(400, "GET", "/photos?taken_from=soon", nil)
		office.Want(400, "GET", "/photos?colour=red", nil)

		second := office.Order(rig.JSON{"assignee": office.Colleague("crew").Username}).Text("id")
		office.Want(200, "PATCH", "/photos/"+photo, rig.JSON{"work_order_id": second})
		office.Want(200, "POST", "/photos/reviews", rig.JSON{"reviews": []rig.JSON{{"id": photo, "review": "rejected", "reason": "too dark"}}})
		office.Want(204, "DELETE", "/photos/"+photo, nil)
		office.Want(200, "POST", "/photos/"+photo+"/restore", nil)
		office.Want(200, "PATCH", "/photos/"+photo, rig.JSON{"review": "pending"})
		folder := office.Want(201, "POST", "/destinations", rig.JSON{"name": "Results", "kind": "folder", "settings": rig.JSON{"path": "life-" + uuid.NewString()[:8]}}).Text("id")
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+second+"/"+step, nil)
		}
		link := office.Want(201, "POST", "/work-orders/"+second+"/links", rig.JSON{}).Text("url")
		(&rig.User{T: t, URL: in.URL}).Want(200, "GET", link, nil)
		var a rig.Answer
		happened := func(u *rig.User) (words []any) {
			a = u.Want(200, "GET", "/photos/"+photo+"/life", nil)
			for n := range a.List("items") {
				word := a.Get("items", n, "what")
				if word == "judged" {
					word = a.Text("items", n, "review")
				}
				words = append(words, word)
			}
			return words
		}
		office.Await("the delivery", func() bool { return slices.Contains(happened(office), any("delivered")) })
		require.Subset(t, happened(office), []any{"opened"})
		require.Equal(t, []any{"taken", "received", "moved", "rejected", "deleted", "restored", "pending", "approved", "published"}, happened(office)[:9])
		require.Equal(t, office.Username, a.Text("items", 3, "by"))
		require.Equal(t, []any{other}, []any{a.Text("elsewhere", 0, "work_order_id")})
		for n, word := range happened(office) {
			if word == "delivered" {
				require.Equal(t, folder, a.Text("items", n, "destination", "id"))
			}
		}
		require.Equal(t, []any{"taken", "received"}, happened(crew), "of orders that they don't see they hear nothing")
		require.Empty(t, a.List("elsewhere"))
	})
}

func TestTheAccountSaysHowItPresentsItself(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		a := office.Want(200, "GET", "/account", nil)
		require.Equal(t, []any{[]any{}, 2048.0, "", "en", "US"}, []any{a.List("review_reasons"), a.Get("photo_size"), a.Text("colour"), a.Text("language"), a.Text("region")})
		said := rig.JSON{"review_reasons": []string{"Too dark", "Wrong side"}, "photo_size": 2048, "colour": "#1A4F7A", "address": "1 Main Street", "phone": "+1 512 555 0100", "language": "es", "region": "MX"}
		a = office.Want(200, "PATCH", "/account", said)
		require.Equal(t, []any{[]any{"Too dark", "Wrong side"}, 2048.0, "#1a4f7a", "1 Main Street", "+1 512 555 0100", "es", "MX"},
			[]any{a.List("review_reasons"), a.Get("photo_size"), a.Text("colour"), a.Text("address"), a.Text("phone"), a.Text("language"), a.Text("region")})
		for field, wrong := range map[string]any{"review_reasons[1]": []string{"a", "a"}, "photo_size": 5, "colour": "red", "language": "xx", "region": "Mexico", "phone": strings.Repeat("1", 60), "email": "Office <office@example.com>"} {
			name, _, _ := strings.Cut(field, "[")
			office.WantField(422, field, "PATCH", "/account", rig.JSON{name: wrong})
		}
		require.Empty(t, office.Colleague("crew").Want(200, "GET", "/account", nil).List("review_reasons"), "the office's own words")
	})
}
