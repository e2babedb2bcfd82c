package tests

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
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
	onBoth(t, func(t *testing.T, in *rig.Installation) {
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

func TestPhotosStandUprightInTheirRenditions(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		for orientation, corner := range map[byte]image.Point{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}} {
			photo := rig.Turned(rig.JPEG(1600, 1000, uint64(orientation)), orientation)
			a := crew.Upload(order.Text("id"), photo)
			require.Equal(t, photo, crew.Want(200, "GET", "/photos/"+a.Text("id")+"/original", nil).Body)
			for name, longest := range map[string]int{"display": 1280, "thumbnail": 320} {
				got := crew.Want(200, "GET", "/photos/"+a.Text("id")+"/"+name, nil)
				require.Equal(t, "image/jpeg", got.Header.Get("Content-Type"))
				require.Contains(t, got.Header.Get("Cache-Control"), "max-age")
				img, _, err := image.Decode(bytes.NewReader(got.Body))
				require.NoError(t, err)
				size := img.Bounds().Size()
				require.Equal(t, longest, max(size.X, size.Y))
				require.Equal(t, orientation >= 5, size.Y > size.X, "orientation %d", orientation)
				r, g, _, _ := img.At(size.X/8+corner.X*size.X*3/4, size.Y/8+corner.Y*size.Y*3/4).RGBA()
				require.True(t, r > 0xE000 && g < 0x3000, "orientation %d: the red corner of the %s", orientation, name)
			}
			part := crew.Want(206, "GET", "/photos/"+a.Text("id")+"/original", nil, "Range", "bytes=2-5")
			require.Equal(t, photo[2:6], part.Body)
		}
	})
}

// TestAUUIDTellsNothingOfSomebodyElsesItem sends, as somebody who neither sent an item nor sees its order but knows its uuid and its
// bytes, what would be answered with the item to who sent it.
func TestAUUIDTellsNothingOfSomebodyElsesItem(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, other, joined := office.Colleague("crew"), office.Colleague("subcontractor"), office.Colleague("crew")
		office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": "knows", "version": 1, "name": "Survey"}, "questions": []rig.JSON{{"id": "q", "question": "Why?", "answerType": "text"}}})
		tasks := []rig.JSON{{"name": "Roof"}, {"name": "Asked", "kind": "survey", "survey_id": "knows"}}
		order := office.Order(rig.JSON{"assignee": crew.Username, "tasks": tasks})
		theirs := office.Order(rig.JSON{"assignee": other.Username, "tasks": tasks})
		id, there, photo := order.Text("id"), theirs.Text("id"), rig.JPEG(200, 100, uint64(time.Now().UnixNano()))
		uuids := map[string]string{"photos": uuid.NewString(), "check-ins": uuid.NewString(), "survey-responses": uuid.NewString()}
		bodies := func(o rig.Answer) map[string]any {
			return map[string]any{
				"photos":           rig.PhotoForm(photo, uuids["photos"], "notes", "key under the mat", "latitude", "30.123", "longitude", "-97.123"),
				"check-ins":        rig.JSON{"uuid": uuids["check-ins"], "at": now(), "latitude": 30.123, "longitude": -97.123},
				"survey-responses": rig.JSON{"uuid": uuids["survey-responses"], "task_id": o.Text("tasks", 1, "id"), "answers": []rig.JSON{answer("q", "nobody there")}},
			}
		}
		secrets := []string{id, "key under the mat", "30.123", "nobody there", crew.Username}
		for kind, body := range bodies(order) {
			secrets = append(secrets, crew.Want(201, "POST", "/work-orders/"+id+"/"+kind, body).Text("id"))
		}
		silent := func(what string, a rig.Answer) {
			t.Helper()
			for _, secret := range secrets {
				require.NotContains(t, string(a.Body)+fmt.Sprint(a.Header), secret, what)
			}
		}
		for kind := range uuids {
			for asked, id := range uuids {
				body := bodies(theirs)[kind]
				if form, is := body.(*rig.Form); is {
					form.Parts = rig.PhotoForm(photo, id).Parts
				} else {
					body = rig.JSON{"uuid": id, "task_id": theirs.Text("tasks", 1, "id"), "answers": []rig.JSON{answer("q", "nobody there")}}
					if kind == "check-ins" {
						body = rig.JSON{"uuid": id}
					}
				}
				silent(asked+" as "+kind, other.WantField(409, "uuid", "POST", "/work-orders/"+there+"/"+kind, body))
			}
		}
		told := other.Want(200, "POST", "/announcements", announcement("phone", announced(there, uuids["photos"], photo)))
		require.Equal(t, []any{"refused", nil, nil}, []any{told.Get("results", 0, "result"), told.Get("results", 0, "id"), told.Get("results", 0, "announced_at")})
		silent("an announcement", told)
		begun := tusOf(other).creates(there, uuids["photos"], photo, nil)
		require.Equal(t, 409, begun.Status, string(begun.Body))
		silent("an upload", begun)
		rescue := func(bytes []byte) rig.Answer {
			file := rescueFile(t, rig.JSON{"version": 1, "device": "phone-1", "owner": rig.JSON{"id": other.ID, "username": other.Username}, "made_at": now(), "part": 1, "parts": 1,
				"items": []any{rescued(there, uuids["photos"], "photos/1.jpg", photo, rig.JSON{"sha256": sha(bytes), "notes": ""})}}, map[string][]byte{"photos/1.jpg": bytes})
			path := other.Want(202, "POST", "/rescues", rig.FileForm("rescue.zip", file)).Header.Get("Location")
			other.Await("all of it", func() bool { return other.Want(200, "GET", path, nil).Text("state") == "done" })
			return other.Want(200, "GET", path, nil)
		}
		unlike := rescue(rig.JPEG(200, 100, uint64(time.Now().UnixNano())))
		require.Equal(t, "refused", unlike.Text("items", 0, "result"))
		silent("a rescue file", unlike)
		require.Equal(t, "known", rescue(photo).Text("items", 0, "result"), "whoever has the very bytes need not fear for them")

		// Its sender hears of it wherever it lies; who sees its order too.
		office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": joined.Username})
		for kind, body := range bodies(order) {
			for _, who := range []*rig.User{crew, joined, office} {
				require.Equal(t, id, who.Want(200, "POST", "/work-orders/"+id+"/"+kind, body).Text("work_order_id"), kind)
			}
		}
		office.Want(204, "DELETE", "/work-orders/"+id, nil)
		crew.Want(200, "POST", "/work-orders/"+id+"/photos", bodies(order)["photos"])
	})
}
