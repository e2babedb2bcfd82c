package tests

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

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

// bomb is a PNG of a few bytes that claims to be 60000 × 60000 pixels.
func bomb() []byte {
	b := []byte("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		body := append([]byte(kind), data...)
		b = binary.BigEndian.AppendUint32(append(b, body...), crc32.ChecksumIEEE(body))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 60000), 60000)
	chunk("IHDR", append(header, 8, 2, 0, 0, 0))
	chunk("IDAT", []byte{0x78, 0x9c, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01})
	chunk("IEND", nil)
	return b
}

func TestPhotosAreRefusedForAReason(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		path := "/work-orders/" + order.Text("id") + "/photos"
		photo := rig.JPEG(200, 150, uint64(time.Now().UnixNano()))
		id := func() string { return uuid.NewString() }
		crew.WantField(422, "sha256", "POST", path, rig.PhotoForm(photo, id(), "sha256", strings.Repeat("0", 64)))
		crew.WantField(422, "file", "POST", path, rig.PhotoForm(photo[:len(photo)-40], id()))
		crew.WantField(422, "file", "POST", path, rig.PhotoForm(rig.PNG(40, 40, 1)[:150], id()))
		crew.WantField(422, "file", "POST", path, rig.PhotoForm(bomb(), id()))
		crew.WantField(422, "file", "POST", path, rig.PhotoForm([]byte{}, id()))
		crew.Want(415, "POST", path, rig.PhotoForm([]byte("%PDF-1.7 is no photo at all"), id()))
		crew.WantField(422, "uuid", "POST", path, &rig.Form{Parts: []rig.Part{{Name: "file", File: photo}}})
		crew.WantField(422, "file", "POST", path, &rig.Form{Parts: []rig.Part{{Name: "uuid", Value: id()}}})
		crew.WantField(422, "task_id", "POST", path, rig.PhotoForm(photo, id(), "task_id", "unknown"))
		crew.WantField(422, "taken_at", "POST", path, rig.PhotoForm(photo, id(), "taken_at", "yesterday"))
		crew.WantField(422, "latitude", "POST", path, rig.PhotoForm(photo, id(), "latitude", "north"))
		crew.WantField(422, "source", "POST", path, rig.PhotoForm(photo, id(), "source", "share"))
		crew.WantField(422, "colour", "POST", path, rig.PhotoForm(photo, id(), "colour", "red"))
		crew.Want(400, "POST", path, []byte(`{}`))
		rig.SignUp(t, in.URL).Want(404, "POST", path, rig.PhotoForm(photo, id()))
		office.Colleague("crew").Want(404, "POST", path, rig.PhotoForm(photo, id()))
		require.False(t, kept(t, in, photo), "refused bytes are not kept")
		crew.Upload(order.Text("id"), photo)
		require.True(t, kept(t, in, photo), "or this test could not fail")
		require.Len(t, crew.Want(200, "GET", path, nil).List("items"), 1)
	})
}

// kept tells whether the blob store holds bytes that begin as these do.
func kept(t *testing.T, in *rig.Installation, photo []byte) bool {
	found := false
	require.NoError(t, filepath.WalkDir(filepath.Join(in.Blobs, "originals"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // others come and go meanwhile
		}
		have, err := os.ReadFile(path)
		found = found || err == nil && len(have) >= 1000 && bytes.HasPrefix(photo, have[:1000])
		return nil
	}))
	return found
}

func TestAPhotoIsOneItemHoweverOftenItIsSent(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		path := "/work-orders/" + order.Text("id") + "/photos"
		photo, id := rig.JPEG(200, 150, 1), uuid.NewString()
		last := &rig.Form{Parts: []rig.Part{{Name: "file", File: photo}, {Name: "evidence_type", Value: "after"}, {Name: "uuid", Value: id}}}
		first := crew.Want(201, "POST", path, last) // parts in any order
		require.Equal(t, "after", first.Text("evidence_type"))
		require.Equal(t, first.Text("id"), crew.Want(200, "POST", path, rig.PhotoForm(photo, id)).Text("id"))
		crew.WantField(409, "uuid", "POST", path, rig.PhotoForm(rig.JPEG(200, 150, 2), id))
		other := office.Order(nil).Text("id")
		office.Want(200, "PATCH", "/photos/"+first.Text("id"), rig.JSON{"work_order_id": other})
		require.Equal(t, other, office.Want(200, "POST", path, rig.PhotoForm(photo, id)).Text("work_order_id"), "wherever the item lies now")
		office.Want(204, "DELETE", "/photos/"+first.Text("id"), nil)
		require.Equal(t, true, office.Want(200, "POST", path, rig.PhotoForm(photo, id)).Get("deleted"))
		office.Want(200, "POST", "/photos/"+first.Text("id")+"/restore", nil)
		require.Len(t, office.Want(200, "GET", "/work-orders/"+other+"/photos", nil).List("items"), 1)

		results := make(chan rig.Answer, 8)
		together := uuid.NewString()
		for range 8 {
			go func() { results <- crew.Do("POST", path, rig.PhotoForm(photo, together)) }()
		}
		made := 0
		for range 8 {
			a := <-results
			require.Contains(t, []int{200, 201}, a.Status, string(a.Body))
			if a.Status == 201 {
				made++
			}
		}
		require.Equal(t, 1, made)
	})
}

func TestWhoWasAssignedKeepsTheirOwnItemsAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"description": "office only", "reference": "R-1", "work_order_info": "door code 4711"})
		id := order.Text("id")
		seen := crew.Want(200, "GET", "/work-orders/"+id, nil)
		require.Contains(t, string(seen.Body), "4711")
		for _, a := range []rig.Answer{seen, crew.Want(200, "GET", "/work-orders", nil), crew.Want(200, "POST", "/work-orders/"+id+"/view", nil)} {
			require.NotContains(t, string(a.Body), "office only")
			require.NotContains(t, string(a.Body), "R-1")
		}
		own := crew.Upload(id, rig.JPEG(60, 40, 1))
		crew.AwaitState(id, "in_progress")
		others := office.Upload(id, rig.JPEG(60, 40, 2))
		next := office.Colleague("crew")
		office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": next.Username})
		crew.Want(404, "GET", "/work-orders/"+id, nil)
		crew.Want(404, "GET", "/work-orders/"+id+"/report.pdf", nil)
		crew.Want(200, "GET", "/photos/"+own.Text("id")+"/original", nil)
		crew.Want(404, "GET", "/photos/"+others.Text("id"), nil)
		office.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
		late := crew.Upload(id, rig.JPEG(60, 40, 3))
		listed := string(crew.Want(200, "GET", "/work-orders/"+id+"/photos", nil).Body)
		require.True(t, strings.Contains(listed, late.Text("uuid")) && strings.Contains(listed, own.Text("uuid")) && !strings.Contains(listed, others.Text("uuid")))
		after := office.Want(200, "GET", "/work-orders/"+id, nil)
		require.Equal(t, []any{"completed", true}, []any{after.Text("state"), after.Get("has_new_items")})
	})
}

func TestPasswordsAreGuardedAndRevokingActsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		anonymous := &rig.User{T: t, URL: in.URL}
		cookie := office.Do("POST", "/sessions", rig.JSON{"username": office.Username, "password": "correct horse"}).Header.Get("Set-Cookie")
		require.True(t, strings.Contains(cookie, "HttpOnly") && strings.Contains(cookie, "SameSite=Lax"))
		pair, _, _ := strings.Cut(cookie, ";")
		anonymous.Want(200, "GET", "/sessions/current", nil, "Cookie", pair)
		anonymous.Want(403, "POST", "/tokens", rig.JSON{"name": "x"}, "Cookie", pair, "Origin", "https://evil.example")
		anonymous.Want(201, "POST", "/tokens", rig.JSON{"name": "x"}, "Cookie", pair, "Origin", in.URL)

		invited := office.Want(201, "POST", "/users", rig.JSON{"username": "i-" + uuid.NewString()[:8], "role": "crew"})
		link := office.Want(201, "POST", "/users/"+invited.Text("id")+"/invite", nil).Text("url")
		_, secret, _ := strings.Cut(link, "#")
		anonymous.WantField(422, "password", "POST", "/invitations/accept", rig.JSON{"token": secret, "password": "short"})
		anonymous.Want(201, "POST", "/invitations/accept", rig.JSON{"token": secret, "password": "long enough"})
		anonymous.Want(410, "POST", "/invitations/accept", rig.JSON{"token": secret, "password": "long enough"})

		script := crew.Want(201, "POST", "/tokens", rig.JSON{"name": "script"}).Text("token")
		office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"active": false})
		crew.Want(401, "GET", "/sessions/current", nil)
		(&rig.User{T: t, URL: in.URL, Token: script}).Want(401, "GET", "/sessions/current", nil)
		anonymous.Want(401, "POST", "/sessions", rig.JSON{"username": crew.Username, "password": "correct horse"})
		office.Want(409, "DELETE", "/users/"+office.ID, nil)
		anonymous.WantField(409, "username", "POST", "/accounts", rig.JSON{"name": "x", "username": strings.ToUpper(office.Username), "password": "correct horse"})
		require.NotContains(t, string(office.Want(200, "GET", "/users", nil).Body), "hash")

		status, tries := 0, 0
		for ; status != 429 && tries < 30; tries++ {
			a := anonymous.Do("POST", "/sessions", rig.JSON{"username": office.Username, "password": "wrong"}, "X-Forwarded-For", uuid.NewString())
			if status = a.Status; status == 429 {
				require.NotEmpty(t, a.Header.Get("Retry-After"))
			}
		}
		require.Equal(t, 429, status)
		require.Less(t, tries, 15)
	})
}

func TestAnOperatorMayCloseSignUp(t *testing.T) {
	t.Parallel()
	in := shape(t, "postgres") // dev is always open
	beside := &rig.Installation{Name: in.Name, URL: fmt.Sprintf("http://127.0.0.1:%d", rig.FreePort())}
	server, err := rig.Start(append(in.Environment(), "FIELDPROOF_SIGNUP=closed", "FIELDPROOF_ADDR="+strings.TrimPrefix(beside.URL, "http://")), product(t), "server")
	require.NoError(t, err)
	require.NoError(t, beside.AwaitReady(30*time.Second), server.Output())
	stranger := &rig.User{T: t, URL: beside.URL}
	refused := stranger.Want(403, "POST", "/accounts", rig.JSON{"name": "Late", "username": "latecomer", "password": "correct horse"})
	require.Contains(t, string(refused.Body), "ask its operator")
	require.NoError(t, server.Stop(), server.Output())
}

func TestTextThatNoDatabaseTakesIsRefused(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(422, "POST", "/work-orders", []byte(`{"reference":"a\u0000b"}`))
		office.Want(400, "GET", "/work-orders?q=%00", nil)
		office.Want(400, "GET", "/work-orders?client_code=%ff", nil)
		order := office.Order(nil).Text("id")
		office.WantField(422, "notes", "POST", "/work-orders/"+order+"/photos", rig.PhotoForm(rig.JPEG(20, 20, 1), uuid.NewString(), "notes", "a\x00b"))
	})
}
