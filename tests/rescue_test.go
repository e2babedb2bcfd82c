package tests

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/rig"
)

// rescueFile is a rescue file as a phone writes it (docs/field.md); files are by their paths.
func rescueFile(t testing.TB, manifest rig.JSON, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name string, content []byte) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		require.NoError(t, err)
		_, err = f.Write(content)
		require.NoError(t, err)
	}
	if manifest != nil {
		text, err := json.Marshal(manifest)
		require.NoError(t, err)
		add("manifest.json", text)
	}
	for name, content := range files {
		add(name, content)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// rescued is an item as a manifest lists it.
func rescued(order, id, path string, photo []byte, fields rig.JSON) rig.JSON {
	item := rig.JSON{"uuid": id, "order_id": order, "task_id": nil, "evidence_type": "after", "taken_at": time.Now().UnixMilli(), "zone": "America/Chicago", "source": "mobile_camera",
		"latitude": 30.5, "longitude": -97.6, "accuracy": 8, "notes": "saved", "sha256": sha(photo), "path": path, "kind": "photo", "state": "kept"}
	for name, value := range fields {
		item[name] = value
	}
	return item
}

func TestARescueFileBringsWhatAPhoneCouldNotSend(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		id, seed := order.Text("id"), uint64(time.Now().UnixNano())
		first, second, here, local := rig.JPEG(200, 100, seed), rig.JPEG(200, 100, seed+1), rig.JPEG(200, 100, seed+2), rig.JPEG(200, 100, seed+3)
		known := crew.Upload(id, here)
		ids := []string{uuid.NewString(), uuid.NewString(), known.Text("uuid"), uuid.NewString(), uuid.NewString()}
		manifest := rig.JSON{"version": 1, "device": "phone-1", "owner": rig.JSON{"id": crew.ID, "username": crew.Username}, "made_at": now(), "part": 1, "parts": 1,
			"items": []any{rescued(id, ids[0], "photos/1.jpg", first, rig.JSON{"task_id": order.Text("tasks", 0, "id")}),
				rescued(id, ids[1], "photos/2.jpg", second, rig.JSON{"sha256": sha(first)}),
				rescued(id, ids[2], "photos/3.jpg", here, nil),
				rescued(uuid.NewString(), ids[3], "photos/4.jpg", local, rig.JSON{"task_id": "made on the phone"}),
				rescued(id, ids[4], "photos/5.jpg", nil, nil),
				"no item at all"},
			"actions": []any{rig.JSON{"key": "k", "kind": "complete", "order_id": id, "done_at": time.Now().UnixMilli(), "body": rig.JSON{"done_at": now()}}}}
		file := rescueFile(t, manifest, map[string][]byte{"photos/1.jpg": first, "photos/2.jpg": second, "photos/3.jpg": here, "photos/4.jpg": local})
		brought := office.Want(202, "POST", "/rescues", rig.FileForm("rescue.zip", file, "work_order_id", id))
		path := brought.Header.Get("Location")
		office.Await("all of it", func() bool { return office.Want(200, "GET", path, nil).Text("state") == "done" })
		done := office.Want(200, "GET", path, nil)
		var results, codes []string
		for i := range done.List("items") {
			results, codes = append(results, done.Text("items", i, "result")), append(codes, done.Text("items", i, "code"))
		}
		require.Equal(t, []string{"taken", "refused", "known", "taken", "refused", "refused"}, results, string(done.Body))
		require.Equal(t, []string{"", "damaged", "", "", "bytes_needed", "invalid"}, codes)
		require.Equal(t, known.Text("id"), done.Text("items", 2, "item_id"))
		require.Equal(t, []any{crew.Username, office.Username, "complete", id}, []any{done.Text("claimed_by"), done.Text("brought_by"), done.Text("actions", 0, "kind"), done.Text("actions", 0, "work_order_id")})

		photo := office.Want(200, "GET", "/photos/"+done.Text("items", 0, "item_id"), nil)
		require.Equal(t, []any{office.Username, crew.Username, "web_upload", nil, nil, "after", "saved", "phone-1"},
			[]any{photo.Text("uploaded_by"), photo.Text("claimed_by"), photo.Text("source"), photo.Get("certification", "item"), photo.Get("certification", "time"), photo.Text("evidence_type"), photo.Text("notes"), photo.Text("device")})
		require.Equal(t, first, office.Want(200, "GET", "/photos/"+photo.Text("id")+"/original", nil).Body)
		require.Equal(t, id, office.Want(200, "GET", "/photos/"+done.Text("items", 3, "item_id"), nil).Text("work_order_id"), "an order that was made on the phone")
		require.Equal(t, "in_progress", office.AwaitState(id, "in_progress").Text("state"), "nobody does the actions by themselves")

		again := office.Want(202, "POST", "/rescues", rig.FileForm("rescue.zip", file, "work_order_id", id))
		office.Await("all of it again", func() bool { return office.Want(200, "GET", again.Header.Get("Location"), nil).Text("state") == "done" })
		require.Equal(t, "known", office.Want(200, "GET", again.Header.Get("Location"), nil).Text("items", 0, "result"))
		require.Len(t, office.Want(200, "GET", "/work-orders/"+id+"/photos", nil).List("items"), 3)
		crew.Want(404, "GET", path, nil)
	})
}

// zipOf is a ZIP of texts by their paths.
func zipOf(t *testing.T, entries map[string]string, method uint16) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		require.NoError(t, err)
		_, err = io.WriteString(f, content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestARescueFileThatMayBeNoneIsRefusedAsAWhole(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		stranger := rig.SignUp(t, in.URL)
		good := `{"version":1,"owner":{"id":"` + crew.ID + `"},"items":[],"actions":[]}`
		for what, file := range map[string][]byte{
			"no ZIP":               []byte("PK\x03\x04 and nothing else"),
			"no manifest":          zipOf(t, map[string]string{"photos/1.jpg": "x"}, zip.Store),
			"no JSON":              zipOf(t, map[string]string{"manifest.json": "{"}, zip.Store),
			"another version":      zipOf(t, map[string]string{"manifest.json": `{"version":9,"owner":{"id":"` + crew.ID + `"}}`}, zip.Store),
			"deep":                 zipOf(t, map[string]string{"manifest.json": string(bytes.Repeat([]byte("["), 100_000))}, zip.Deflate),
			"climbs":               zipOf(t, map[string]string{"manifest.json": good, "../../etc/passwd": "x"}, zip.Store),
			"absolute":             zipOf(t, map[string]string{"manifest.json": good, "/etc/passwd": "x"}, zip.Store),
			"climbs on Windows":    zipOf(t, map[string]string{"manifest.json": good, `..\..\x.jpg`: "x"}, zip.Store),
			"climbs in the middle": zipOf(t, map[string]string{"manifest.json": good, "photos/../../x.jpg": "x"}, zip.Store),
			"a bomb":               zipOf(t, map[string]string{"manifest.json": good, "photos/1.jpg": string(make([]byte, 100<<20))}, zip.Deflate),
			"bombs":                zipOf(t, map[string]string{"manifest.json": good, "1": string(make([]byte, 50<<20)), "2": string(make([]byte, 50<<20))}, zip.Deflate),
			"a manifest too large": zipOf(t, map[string]string{"manifest.json": good + string(bytes.Repeat([]byte(" "), 9<<20))}, zip.Deflate),
			"nobody's":             zipOf(t, map[string]string{"manifest.json": `{"version":1,"owner":{"id":"nobody\u0000"}}`}, zip.Store),
			"a stranger's":         zipOf(t, map[string]string{"manifest.json": `{"version":1,"owner":{"id":"` + stranger.ID + `"}}`}, zip.Store),
		} {
			a := crew.Do("POST", "/rescues", rig.FileForm("rescue.zip", file))
			require.Equal(t, 422, a.Status, "%s: %s", what, a.Body)
			require.Equal(t, "file", a.Text("errors", 0, "field"), what)
		}
		crew.WantField(422, "file", "POST", "/rescues", &rig.Form{Parts: []rig.Part{{Name: "work_order_id", Value: order.Text("id")}}})
		crew.Want(413, "POST", "/rescues", rig.FileForm("rescue.zip", make([]byte, 50<<20)))
		require.Empty(t, crew.Want(200, "GET", "/work-orders/"+order.Text("id")+"/photos", nil).List("items"))
	})
}

func TestARescuedPhotoThatWasAnnouncedIsAsIfItsPhoneHadSentIt(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		other := office.Colleague("crew")
		office.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": "~all~"})
		id, seed := order.Text("id"), uint64(time.Now().UnixNano())
		mine, theirs, forged := rig.JPEG(200, 100, seed), rig.JPEG(200, 100, seed+1), rig.JPEG(200, 100, seed+2)
		ids := []string{uuid.NewString(), uuid.NewString(), uuid.NewString()}
		crew.Want(200, "POST", "/announcements", announcement("phone-1", announced(id, ids[0], mine), announced(id, ids[2], theirs)))
		other.Want(200, "POST", "/announcements", announcement("phone-2", announced(id, ids[1], theirs)))
		file := rescueFile(t, rig.JSON{"version": 1, "owner": rig.JSON{"id": crew.ID}, "items": []any{
			rescued(id, ids[0], "1.jpg", mine, nil),
			rescued(id, ids[1], "2.jpg", theirs, nil), // announced by somebody else
			rescued(id, ids[2], "3.jpg", forged, nil), // not what was announced
		}}, map[string][]byte{"1.jpg": mine, "2.jpg": theirs, "3.jpg": forged})
		path := office.Want(202, "POST", "/rescues", rig.FileForm("rescue.zip", file)).Header.Get("Location")
		office.Await("all of it", func() bool { return office.Want(200, "GET", path, nil).Text("state") == "done" })
		done := office.Want(200, "GET", path, nil)
		require.Equal(t, []string{"taken", "refused", "refused"}, []string{done.Text("items", 0, "result"), done.Text("items", 1, "result"), done.Text("items", 2, "result")}, string(done.Body))
		view := office.Want(200, "GET", "/photos/"+done.Text("items", 0, "item_id"), nil)
		require.Equal(t, []any{crew.Username, nil, "mobile_camera", true, true}, []any{view.Text("uploaded_by"), view.Get("claimed_by"), view.Text("source"), view.Get("certification", "item"), view.Get("certification", "time")})
		require.Equal(t, 2.0, awaitedOf(office, id))
	})
}

func TestARescueFileNeverSpeaksForAnother(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		other := office.Colleague("crew")
		theirs, deleted := office.Order(rig.JSON{"assignee": other.Username}).Text("id"), office.Order(rig.JSON{"assignee": other.Username}).Text("id")
		office.Want(204, "DELETE", "/work-orders/"+deleted, nil)
		photo := rig.JPEG(200, 100, uint64(time.Now().UnixNano()))
		taken := other.Upload(theirs, rig.JPEG(200, 100, 5))
		file := rescueFile(t, rig.JSON{"version": 1, "owner": rig.JSON{"id": other.ID}, "items": []any{
			rescued(order.Text("id"), uuid.NewString(), "1.jpg", photo, nil),
			rescued(theirs, uuid.NewString(), "2.jpg", photo, nil),
			rescued(order.Text("id"), taken.Text("uuid"), "3.jpg", photo, nil),
			rescued(deleted, uuid.NewString(), "4.jpg", photo, nil),
		}}, map[string][]byte{"1.jpg": photo, "2.jpg": photo, "3.jpg": photo, "4.jpg": photo})
		path := crew.Want(202, "POST", "/rescues", rig.FileForm("rescue.zip", file, "work_order_id", order.Text("id"))).Header.Get("Location")
		crew.Await("all of it", func() bool { return crew.Want(200, "GET", path, nil).Text("state") == "done" })
		done := crew.Want(200, "GET", path, nil)
		require.Equal(t, []string{"taken", "refused", "refused", "refused"}, []string{done.Text("items", 0, "result"), done.Text("items", 1, "result"), done.Text("items", 2, "result"), done.Text("items", 3, "result")}, string(done.Body))
		view := crew.Want(200, "GET", "/photos/"+done.Text("items", 0, "item_id"), nil)
		require.Equal(t, []any{crew.Username, other.Username, nil, nil}, []any{view.Text("uploaded_by"), view.Text("claimed_by"), view.Get("certification", "item"), view.Get("certification", "time")})
		require.Equal(t, []string{"not_found", "conflict", "not_found"}, []string{done.Text("items", 1, "code"), done.Text("items", 2, "code"), done.Text("items", 3, "code")})
		require.Len(t, office.Want(200, "GET", "/work-orders/"+theirs+"/photos", nil).List("items"), 1)
	})
}

// waitingRescues are rescue files as crashes leave them: kept under their keys, with one item each that waits.
func waitingRescues(t *testing.T, store *models.Store, by *models.Member, order string, photo []byte, keys ...string) (ids []string) {
	t.Helper()
	taken := models.Now()
	require.NoError(t, store.Write(models.InAccount(context.Background(), by.AccountID), func(tx *models.Tx) error {
		for i, key := range keys {
			r := &models.Rescue{ID: models.NewID(), AccountID: by.AccountID, BroughtBy: by.ID, ClaimedBy: by.ID, FileName: "rescue.zip", BlobKey: key, Actions: []models.RescueAction{}, CreatedAt: models.At(taken.Add(time.Duration(i) * time.Millisecond))}
			says, err := json.Marshal(map[string]any{"item": intake.NewItem{OrderID: order, Kind: models.Photo, UUID: uuid.NewString(), SHA256: sha(photo), Source: models.WebUpload, TakenAt: &taken, Rescued: true}})
			require.NoError(t, err)
			require.NoError(t, tx.Create(r).Error)
			require.NoError(t, tx.Create(&models.RescueItem{RescueID: r.ID, Position: 1, AccountID: by.AccountID, Path: "1.jpg", Said: string(says), Result: models.RescueWaiting}).Error)
			ids = append(ids, r.ID)
		}
		return nil
	}))
	t.Cleanup(func() {
		_ = store.Write(models.InAccount(context.Background(), by.AccountID), func(tx *models.Tx) error {
			return tx.Model(&models.Rescue{}).Where("id IN ? AND ended_at IS NULL", ids).Update("ended_at", models.Now()).Error
		})
	})
	return ids
}

func TestRescueFilesThatFailStandBehindAndEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office, _, order := crewWithOrder(t, in, nil)
		s, ctx := sweeperOf(t, in), context.Background()
		by, err := s.Store.MemberByID(ctx, office.ID)
		require.NoError(t, err)
		photo := rig.JPEG(200, 100, uint64(time.Now().UnixNano()))
		folder := "rescues/" + models.NewID() + "/"
		good, none, gone, broken := folder+"good", folder+"none", folder+"gone", folder+"broken"
		file := rescueFile(t, rig.JSON{"version": 1, "owner": rig.JSON{"id": office.ID}}, map[string][]byte{"1.jpg": photo})
		require.NoError(t, s.Blobs.Put(ctx, good, "", bytes.NewReader(file)))
		require.NoError(t, s.Blobs.Put(ctx, none, "", strings.NewReader("no ZIP")))
		require.NoError(t, os.Symlink("broken", filepath.Join(in.Blobs, broken))) // it can't be opened, and is there
		keys := make([]string, 25)
		for i := range keys {
			keys[i] = broken
		}
		ids := waitingRescues(t, s.Store, by, order.Text("id"), photo, append(keys, none, gone, good)...)
		item := func(id string) (state, result, code string) {
			r := office.Want(200, "GET", "/rescues/"+id, nil)
			return r.Text("state"), r.Text("items", 0, "result"), r.Text("items", 0, "code")
		}
		soon := time.Now().Add(2 * time.Minute)
		office.Await("the file behind those that fail", func() bool {
			require.Error(t, s.Uploads.Intake.GoOnRescuing(ctx, soon))
			_, result, _ := item(ids[27])
			return result == "taken"
		})
		for n, wanted := range map[int][3]string{24: {"working", "waiting", ""}, 25: {"done", "refused", "invalid"}, 26: {"done", "refused", "bytes_needed"}, 27: {"done", "taken", ""}} {
			state, result, code := item(ids[n])
			require.Equal(t, wanted, [3]string{state, result, code}, n)
		}
		require.NoError(t, s.Store.Write(models.InAccount(ctx, by.AccountID), func(tx *models.Tx) error {
			return tx.Model(&models.Rescue{}).Where("id IN ? AND ended_at IS NULL", ids).Updates(map[string]any{"attempts": models.SweepPolicy.Most - 1, "next_attempt_at": nil}).Error
		}))
		for range 2 {
			require.NoError(t, s.Uploads.Intake.GoOnRescuing(ctx, soon))
		}
		for _, id := range ids[:25] {
			state, result, code := item(id)
			require.Equal(t, [3]string{"done", "refused", "unavailable"}, [3]string{state, result, code})
		}
	})
}
