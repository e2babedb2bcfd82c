package tests

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// tusOf speaks tus 1.0 for somebody.
func tusOf(u *rig.User) *tus { return &tus{u} }

type tus struct{ *rig.User }

// send sends a request with the headers of tus; others come in pairs, and take the place of those when they have their name.
func (p *tus) send(method, path string, body []byte, headers ...string) rig.Answer {
	p.T.Helper()
	a, err := p.try(method, path, body, headers...)
	require.NoError(p.T, err)
	return a
}

func (p *tus) try(method, path string, body []byte, headers ...string) (rig.Answer, error) {
	if body == nil {
		body = []byte{}
	}
	all := []string{"Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream"}
	return p.Try(method, path, body, append(all, headers...)...)
}

// metadata writes names and texts in pairs as tus does.
func metadata(pairs ...string) string {
	var all []string
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(all, ",")
}

// creates begins an upload, with its first bytes when there are some.
func (p *tus) creates(order, id string, photo, first []byte, pairs ...string) rig.Answer {
	p.T.Helper()
	said := metadata(append([]string{"work_order_id", order, "uuid", id, "sha256", sha(photo)}, pairs...)...)
	return p.send("POST", "/uploads/", first, "Upload-Length", strconv.Itoa(len(photo)), "Upload-Metadata", said)
}

// begin begins an upload and returns its id.
func (p *tus) begin(order string, photo, first []byte) string {
	p.T.Helper()
	a := p.creates(order, uuid.NewString(), photo, first)
	require.Equal(p.T, 201, a.Status, string(a.Body))
	return strings.TrimPrefix(a.Header.Get("Location"), "/api/v1/uploads/")
}

func (p *tus) moves(id string, from int, piece []byte, headers ...string) rig.Answer {
	p.T.Helper()
	return p.send("PATCH", "/uploads/"+id, piece, append(headers, "Upload-Offset", strconv.Itoa(from))...)
}

func (p *tus) stands(id string) rig.Answer {
	p.T.Helper()
	return p.send("HEAD", "/uploads/"+id, nil)
}

// longPhoto is a photo of so many bytes, no two alike: behind the picture is what makers of phones write there.
func longPhoto(size int) []byte {
	photo := rig.JPEG(200, 100, rand.Uint64())
	for len(photo) < size {
		photo = append(photo, byte(rand.IntN(255))) // no marker
	}
	return photo
}

func TestAPhotoComesInPiecesAndIsAnItemLikeAnyOther(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		phone, photo, id := tusOf(crew), longPhoto(40_000), uuid.NewString()
		task := order.Text("tasks", 0, "id")
		can := crew.Want(204, "OPTIONS", "/uploads/", nil)
		require.Equal(t, []string{"1.0.0", "creation,creation-with-upload,termination,expiration"}, []string{can.Header.Get("Tus-Version"), can.Header.Get("Tus-Extension")})

		said := []string{"task_id", task, "evidence_type", "Before", "taken_at", now(), "latitude", "30.5", "longitude", "-97.6", "accuracy", "8", "position_at", strconv.FormatInt(time.Now().UnixMilli(), 10),
			"zone", "America/Chicago", "source", "mobile_camera", "notes", "north side", "filename", "IMG_1.jpg", "shot", "front", "offset_ms", "1200"}
		begun := phone.creates(order.Text("id"), id, photo, photo[:1000], said...)
		require.Equal(t, []any{201, "1000", "1.0.0"}, []any{begun.Status, begun.Header.Get("Upload-Offset"), begun.Header.Get("Tus-Resumable")})
		at := strings.TrimPrefix(begun.Header.Get("Location"), "/api/v1/uploads/")
		ends, err := http.ParseTime(begun.Header.Get("Upload-Expires"))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(14*24*time.Hour), ends, time.Minute)
		stands := phone.stands(at)
		require.Equal(t, []string{"1000", strconv.Itoa(len(photo)), "", "no-store"}, []string{stands.Header.Get("Upload-Offset"), stands.Header.Get("Upload-Length"), stands.Header.Get("Item-Id"), stands.Header.Get("Cache-Control")})
		require.Contains(t, stands.Header.Get("Upload-Metadata"), "evidence_type "+base64.StdEncoding.EncodeToString([]byte("Before")))

		moved := phone.moves(at, 1000, photo[1000:9000])
		require.Equal(t, []any{204, "9000", ""}, []any{moved.Status, moved.Header.Get("Upload-Offset"), moved.Header.Get("Item-Id")})
		again := phone.creates(order.Text("id"), id, photo, nil, said...)
		require.Equal(t, []any{201, "9000", begun.Header.Get("Location")}, []any{again.Status, again.Header.Get("Upload-Offset"), again.Header.Get("Location")}, "the same photo is the same upload")
		again = phone.creates(order.Text("id"), id, photo, photo[:10_000], said...)
		require.Equal(t, "10000", again.Header.Get("Upload-Offset"), "what of it is here already is passed over")

		last := phone.moves(at, 10_000, photo[10_000:])
		require.Equal(t, 204, last.Status, string(last.Body))
		item := last.Header.Get("Item-Id")
		require.NotEmpty(t, item)
		require.Equal(t, item, phone.stands(at).Header.Get("Item-Id"), "for a phone that never heard the answer")
		require.Equal(t, item, phone.moves(at, len(photo), nil).Header.Get("Item-Id"))
		view := crew.Want(200, "GET", "/photos/"+item, nil)
		require.Equal(t, []any{"front", 1200.0}, []any{view.Text("shot"), view.Get("offset_ms")})
		require.Equal(t, []any{id, sha(photo), "before", "north side", "mobile_camera", "IMG_1.jpg", task, true},
			[]any{view.Text("uuid"), view.Text("sha256"), view.Text("evidence_type"), view.Text("notes"), view.Text("source"), view.Text("file_name"), view.Text("task_id"), view.Get("certification", "item")})
		require.Equal(t, photo, crew.Want(200, "GET", "/photos/"+item+"/original", nil).Body)
		crew.AwaitState(order.Text("id"), "in_progress")
		require.Equal(t, item, crew.Want(200, "POST", "/work-orders/"+order.Text("id")+"/photos", rig.PhotoForm(photo, id)).Text("id"))

		there := phone.creates(order.Text("id"), strings.ToUpper(id), photo, nil)
		require.Equal(t, []any{201, strconv.Itoa(len(photo)), item}, []any{there.Status, there.Header.Get("Upload-Offset"), there.Header.Get("Item-Id")}, "what is here is not sent again")
	})
}

func TestUploadsAreRefusedForAReason(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		phone, photo := tusOf(crew), rig.JPEG(300, 200, uint64(time.Now().UnixNano()))
		said := func(pairs ...string) string {
			return metadata(append([]string{"work_order_id", order.Text("id"), "uuid", uuid.NewString(), "sha256", sha(photo)}, pairs...)...)
		}
		create := func(headers ...string) rig.Answer { return phone.send("POST", "/uploads/", nil, headers...) }
		for what, refused := range map[string]struct {
			want int
			got  rig.Answer
		}{
			"another version":      {412, create("Tus-Resumable", "0.2.2", "Upload-Length", "10", "Upload-Metadata", said())},
			"no length":            {400, create("Upload-Metadata", said())},
			"no number":            {400, create("Upload-Length", "ten", "Upload-Metadata", said())},
			"less than nothing":    {400, create("Upload-Length", "-1", "Upload-Metadata", said())},
			"nothing":              {422, create("Upload-Length", "0", "Upload-Metadata", said())},
			"too much":             {413, create("Upload-Length", strconv.Itoa(101<<20), "Upload-Metadata", said())},
			"no metadata":          {422, create("Upload-Length", "10")},
			"no base64":            {400, create("Upload-Length", "10", "Upload-Metadata", "uuid ***")},
			"twice":                {400, create("Upload-Length", "10", "Upload-Metadata", said("uuid", uuid.NewString()))},
			"an unknown name":      {422, create("Upload-Length", "10", "Upload-Metadata", said("colour", "red"))},
			"no hash":              {422, create("Upload-Length", "10", "Upload-Metadata", metadata("work_order_id", order.Text("id"), "uuid", uuid.NewString()))},
			"an unknown task":      {422, create("Upload-Length", "10", "Upload-Metadata", said("task_id", "unknown"))},
			"another's order":      {404, tusOf(office.Colleague("crew")).creates(order.Text("id"), uuid.NewString(), photo, nil)},
			"a stranger's order":   {404, tusOf(rig.SignUp(t, in.URL)).creates(order.Text("id"), uuid.NewString(), photo, nil)},
			"more than its length": {413, phone.send("POST", "/uploads/", photo, "Upload-Length", "10", "Upload-Metadata", said())},
			"another kind of body": {415, phone.send("POST", "/uploads/", photo, "Upload-Length", strconv.Itoa(len(photo)), "Upload-Metadata", said(), "Content-Type", "image/jpeg")},
		} {
			require.Equal(t, refused.want, refused.got.Status, "%s: %s", what, refused.got.Body)
			require.Empty(t, refused.got.Header.Get("Location"), what)
		}

		at := phone.begin(order.Text("id"), photo, nil)
		wrong := phone.moves(at, 5, photo[5:])
		require.Equal(t, []any{409, "0", "elsewhere"}, []any{wrong.Status, wrong.Header.Get("Upload-Offset"), wrong.Text("code")})
		require.Equal(t, 400, phone.send("PATCH", "/uploads/"+at, photo).Status, "without an offset")
		for offset, want := range map[string]int{"-1": 400, "1e3": 400, "9223372036854775808": 400, "9223372036854775807": 409, strconv.Itoa(len(photo)): 409, strconv.Itoa(len(photo) + 1): 409} {
			for _, overlap := range []string{"", "skip"} {
				require.Equal(t, want, phone.send("PATCH", "/uploads/"+at, photo, "Upload-Offset", offset, "Upload-Overlap", overlap).Status, "from %s %s", offset, overlap)
			}
		}
		require.Equal(t, 413, phone.moves(at, 0, append(bytes.Clone(photo), 1)).Status, "more than its length")
		require.Equal(t, 415, phone.send("PATCH", "/uploads/"+at, photo, "Upload-Offset", "0", "Content-Type", "image/jpeg").Status)
		require.Equal(t, 412, phone.send("PATCH", "/uploads/"+at, photo, "Upload-Offset", "0", "Tus-Resumable", "2.0").Status)
		require.Equal(t, "0", phone.stands(at).Header.Get("Upload-Offset"), "nothing of it is kept")
		for _, other := range []*rig.User{office, office.Colleague("crew"), rig.SignUp(t, in.URL)} {
			require.Equal(t, 404, tusOf(other).stands(at).Status, "an upload is its phone's own")
			require.Equal(t, 404, tusOf(other).moves(at, 0, photo).Status)
			require.Equal(t, 404, tusOf(other).send("DELETE", "/uploads/"+at, nil).Status)
		}
		require.Equal(t, 204, phone.send("DELETE", "/uploads/"+at, nil).Status)
		require.Equal(t, 404, phone.stands(at).Status)
		require.Equal(t, 404, phone.moves(at, 0, photo).Status)

		// What is refused for its bytes is gone.
		notIt := rig.JPEG(300, 200, 77)
		copy(notIt[len(notIt)-100:], bytes.Repeat([]byte{7}, 50))
		for what, c := range map[string]struct {
			sent, declared []byte
			want           int
			code           string
		}{
			"another hash":    {notIt, append(bytes.Clone(notIt[:len(notIt)-1]), 0), 422, "damaged"},
			"no image":        {[]byte("%PDF-1.7 is no photo at all, however it is called"), nil, 415, ""},
			"a truncated one": {photo[:len(photo)-40], nil, 422, ""},
			"a bomb":          {bomb(), nil, 422, ""},
		} {
			if c.declared == nil {
				c.declared = c.sent
			}
			id := phone.begin(order.Text("id"), c.declared, nil)
			got := phone.moves(id, 0, c.sent)
			require.Equal(t, c.want, got.Status, "%s: %s", what, got.Body)
			if c.code != "" {
				require.Equal(t, c.code, got.Text("code"), what)
			}
			require.Equal(t, 404, phone.stands(id).Status, "%s: it is gone", what)
		}
		mine := crew.Upload(order.Text("id"), photo).Text("uuid")
		require.Equal(t, 409, phone.creates(order.Text("id"), mine, rig.JPEG(30, 20, 5), nil).Status, "the uuid of a photo with other bytes")
		require.Len(t, crew.Want(200, "GET", "/work-orders/"+order.Text("id")+"/photos", nil).List("items"), 1)
	})
}

func TestAPhotoWhoseTaskWasRemovedIsNotSentTwice(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, rig.JSON{"tasks": []rig.JSON{{"name": "Roof"}, {"name": "Garden"}}})
		phone, photo, id, path := tusOf(crew), rig.JPEG(200, 100, 3), uuid.NewString(), "/work-orders/"+order.Text("id")
		gone, left := order.Text("tasks", 0, "id"), order.Text("tasks", 1, "id")
		begun := phone.creates(order.Text("id"), id, photo, photo[:50], "task_id", gone)
		at := strings.TrimPrefix(begun.Header.Get("Location"), "/api/v1/uploads/")
		office.Want(200, "PATCH", path, rig.JSON{"tasks": []rig.JSON{{"id": gone, "remove": true}, {"id": left}}})
		refused := phone.moves(at, 50, photo[50:])
		require.Equal(t, []any{422, "no_such"}, []any{refused.Status, refused.Text("code")}, string(refused.Body))
		require.Equal(t, strconv.Itoa(len(photo)), phone.stands(at).Header.Get("Upload-Offset"), "what came stays")
		again := phone.creates(order.Text("id"), id, photo, nil, "task_id", left)
		require.NotEmpty(t, again.Header.Get("Item-Id"), "said anew, and no byte again")
		require.Equal(t, left, crew.Want(200, "GET", "/photos/"+again.Header.Get("Item-Id"), nil).Text("task_id"))
	})
}

func TestAnAnnouncedPhotoComesInPiecesAsItWasAnnounced(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		phone, photo, other, id, at := tusOf(crew), longPhoto(5000), longPhoto(5000), uuid.NewString(), order.Text("id")
		crew.Want(200, "POST", "/announcements", announcement("phone-1", announced(at, id, photo, "taken_at", time.Now().Add(-11*time.Hour).UnixMilli())))
		refused := phone.creates(at, id, other, nil)
		require.Equal(t, []any{422, "other_bytes"}, []any{refused.Status, refused.Text("code")}, "before a byte of it comes")
		require.Equal(t, "refused", office.Want(200, "GET", "/photos?uuid="+id, nil).Text("items", 0, "stands"), "and the office can see why")
		require.Equal(t, 409, tusOf(office).creates(at, id, photo, nil).Status, "somebody else's")
		item := phone.creates(at, id, photo, photo).Header.Get("Item-Id")
		view := office.Want(200, "GET", "/photos/"+item, nil)
		require.Equal(t, []any{"mobile_camera", true, true}, []any{view.Text("source"), view.Get("certification", "time"), view.Text("announced_at") != ""})
		require.Equal(t, 0.0, awaitedOf(office, at))

		// Announced with another hash while its pieces came.
		late := uuid.NewString()
		begun := phone.creates(at, late, other, other[:100])
		crew.Want(200, "POST", "/announcements", announcement("phone-1", announced(at, late, photo)))
		upload := strings.TrimPrefix(begun.Header.Get("Location"), "/api/v1/uploads/")
		require.Equal(t, "other_bytes", phone.moves(upload, 100, other[100:]).Text("code"))
		require.Equal(t, 404, phone.stands(upload).Status, "it is gone")
	})
}

func TestTwoWhoSendTheSameUploadDoubleNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		photo, id := longPhoto(60_000), uuid.NewString()
		items := make(chan string, 4)
		for range cap(items) { // as many phones of one person, or tabs
			go func() {
				phone := tusOf(crew)
				at := strings.TrimPrefix(phone.creates(order.Text("id"), id, photo, nil).Header.Get("Location"), "/api/v1/uploads/")
				for from := 0; ; {
					a := phone.moves(at, from, photo[from:min(len(photo), from+7000)])
					if item := a.Header.Get("Item-Id"); item != "" {
						items <- item
						return
					}
					var err error
					if from, err = strconv.Atoi(a.Header.Get("Upload-Offset")); err != nil || (a.Status != 204 && a.Status != 409) {
						items <- fmt.Sprintf("%d %s", a.Status, a.Body)
						return
					}
				}
			}()
		}
		first := <-items
		for range cap(items) - 1 {
			require.Equal(t, first, <-items)
		}
		require.Equal(t, photo, crew.Want(200, "GET", "/photos/"+first+"/original", nil).Body)
		require.Len(t, crew.Want(200, "GET", "/work-orders/"+order.Text("id")+"/photos", nil).List("items"), 1)
	})
}

// TestAPieceThatComesAgainIsTakenFromWhereTheUploadStands is what a browser does by itself where the line broke in a request.
func TestAPieceThatComesAgainIsTakenFromWhereTheUploadStands(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		phone, photo := tusOf(crew), longPhoto(60_000)
		at := phone.begin(order.Text("id"), photo, nil)
		require.Equal(t, "20000", phone.moves(at, 0, photo[:20_000]).Header.Get("Upload-Offset"))
		again := func(from, to int) rig.Answer {
			return phone.moves(at, from, photo[from:to], "Upload-Overlap", "skip")
		}
		a := again(10_000, 30_000)
		require.Equal(t, []any{204, "30000"}, []any{a.Status, a.Header.Get("Upload-Offset")})
		a = again(0, 30_000)
		require.Equal(t, []any{204, "30000"}, []any{a.Status, a.Header.Get("Upload-Offset")}, "all of it is here")
		require.False(t, a.Closes)
		require.True(t, phone.moves(at, 0, photo[:20_000], "Upload-Overlap", "skip", "Upload-Connection", "close").Closes, "who asks for it has a connection of its own for what comes next")
		a = again(40_000, 60_000)
		require.Equal(t, []any{409, "30000"}, []any{a.Status, a.Header.Get("Upload-Offset")}, "what lies between is lacking")
		a = phone.moves(at, 0, photo[:40_000])
		require.Equal(t, []any{409, "30000"}, []any{a.Status, a.Header.Get("Upload-Offset")}, "who did not ask for it")
		item := again(5000, 60_000).Header.Get("Item-Id")
		require.Equal(t, photo, crew.Want(200, "GET", "/photos/"+item+"/original", nil).Body)
	})
}

// sentOver counts how often each byte of a photo went over a line, in whatever piece, also in one that broke off.
func sentOver(t *testing.T, line *rig.Line, length int) []int {
	times := make([]int, length)
	for _, carried := range line.Carried() {
		for stream := bufio.NewReader(bytes.NewReader(carried)); ; {
			r, err := http.ReadRequest(stream)
			if err != nil {
				break // it broke in the middle of a request's head, or after the last
			}
			body, _ := io.ReadAll(r.Body) // as much as came
			if r.Method != http.MethodPatch {
				continue
			}
			from, err := strconv.Atoi(r.Header.Get("Upload-Offset"))
			require.NoError(t, err)
			for i := range body {
				times[from+i]++
			}
		}
	}
	return times
}

// TestAPhotoArrivesOverALineThatDrops sends 5 MB over a line that breaks after every 200 kB: as a phone does, in pieces as
// large as get through, going on from where the server stands.
func TestAPhotoArrivesOverALineThatDrops(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		line := rig.NewLine(t, in.URL)
		line.On(func() rig.Fault { return rig.Fault{Up: 200_000, Down: -1} })
		line.Tap()
		photo := longPhoto(5_000_000)
		phone := tusOf(&rig.User{T: t, URL: line.URL, Token: crew.Token})
		client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}}
		at := phone.begin(order.Text("id"), photo, nil)
		item, piece := "", 16<<10
		for from := 0; item == ""; {
			r, err := http.NewRequest(http.MethodPatch, line.URL+"/api/v1/uploads/"+at, io.NopCloser(bytes.NewReader(photo[from:min(len(photo), from+piece)])))
			require.NoError(t, err)
			r.ContentLength = int64(min(len(photo)-from, piece))
			r.Header.Set("Authorization", "Bearer "+crew.Token)
			r.Header.Set("Tus-Resumable", "1.0.0")
			r.Header.Set("Content-Type", "application/offset+octet-stream")
			r.Header.Set("Upload-Offset", strconv.Itoa(from))
			a, err := client.Do(r)
			if err == nil {
				_, _ = io.Copy(io.Discard, a.Body)
				_ = a.Body.Close()
				require.Contains(t, []int{204, 409}, a.StatusCode)
				item = a.Header.Get("Item-Id")
				if a.StatusCode == 204 {
					from, piece = from+int(r.ContentLength), min(piece*2, 128<<10)
					continue
				}
			}
			piece = max(piece/2, 16<<10)
			var stands rig.Answer
			crew.Await("the line to answer", func() bool {
				var err error
				stands, err = phone.try("HEAD", "/uploads/"+at, nil)
				return err == nil
			})
			require.Equal(t, 200, stands.Status)
			item = stands.Header.Get("Item-Id")
			from, err = strconv.Atoi(stands.Header.Get("Upload-Offset"))
			require.NoError(t, err)
		}
		require.GreaterOrEqual(t, line.Broken(), 20, "or the line was none")
		require.Equal(t, sha(photo), sha(crew.Want(200, "GET", "/photos/"+item+"/original", nil).Body))
		client.CloseIdleConnections()
		most, twice := 0, 0
		for _, n := range sentOver(t, line, len(photo)) {
			most = max(most, n)
			if n > 1 {
				twice++
			}
		}
		require.LessOrEqual(t, most, 2, "no byte goes over the line more than twice")
		t.Logf("the line broke %d times; %.1f %% of the bytes went over it twice, none more often", line.Broken(), 100*float64(twice)/float64(len(photo)))
	})
}

// TestWhatASlowLineBroughtIsKeptWithinASecond holds what a dead line may cost: nothing but its last second.
func TestWhatASlowLineBroughtIsKeptWithinASecond(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		phone, photo := tusOf(crew), rig.JPEG(300, 200, uint64(time.Now().UnixNano()))
		at := phone.begin(order.Text("id"), photo, nil)
		body, sends := io.Pipe()
		r, err := http.NewRequest(http.MethodPatch, in.URL+"/api/v1/uploads/"+at, body)
		require.NoError(t, err)
		for name, value := range map[string]string{"Authorization": "Bearer " + crew.Token, "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"} {
			r.Header.Set(name, value)
		}
		ended := make(chan error, 1)
		go func() {
			a, err := (&http.Client{Transport: &http.Transport{}}).Do(r)
			if err == nil {
				_ = a.Body.Close()
			}
			ended <- err
		}()
		_, err = sends.Write(photo[:500])
		require.NoError(t, err)
		crew.Await("the beginning to be kept while the rest is on its way", func() bool { return phone.stands(at).Header.Get("Upload-Offset") == "500" })
		require.NoError(t, sends.CloseWithError(errors.New("out of reach")))
		require.Error(t, <-ended)
		require.NotEmpty(t, phone.moves(at, 500, photo[500:]).Header.Get("Item-Id"))
	})
}

// TestAnUploadGoesOnAfterAKill kills the server while pieces come: what it said it had it has.
func TestAnUploadGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	eachOwn(t, func(t *testing.T, start func(dir string) (*rig.Installation, error)) {
		in, err := start(filepath.Join(t.TempDir(), "installation"))
		require.NoError(t, err)
		defer in.Stop()
		_, crew, order := crewWithOrder(t, in, nil)
		phone, photo := tusOf(crew), rig.JPEG(1500, 1100, uint64(time.Now().UnixNano()))
		at := phone.begin(order.Text("id"), photo, nil)
		item, said := "", 0
		for n := 0; item == ""; n++ {
			if n == 3 || n == 6 {
				in.KillAll()
				require.NoError(t, in.Restart())
			}
			stands := phone.stands(at)
			from, err := strconv.Atoi(stands.Header.Get("Upload-Offset"))
			require.NoError(t, err)
			require.GreaterOrEqual(t, from, said, "what was said to be here")
			a := phone.moves(at, from, photo[from:min(len(photo), from+len(photo)/8)])
			require.Equal(t, 204, a.Status, string(a.Body))
			item = a.Header.Get("Item-Id")
			said, _ = strconv.Atoi(a.Header.Get("Upload-Offset"))
		}
		require.Equal(t, photo, crew.Want(200, "GET", "/photos/"+item+"/original", nil).Body)
		forgets(t, in, crew, order.Text("id"))
	})
}

// forgets holds for how long uploads are kept.
func forgets(t *testing.T, in *rig.Installation, crew *rig.User, order string) {
	phone, s, photo := tusOf(crew), sweeperOf(t, in), longPhoto(3000)
	other := longPhoto(3000)
	abandoned := phone.begin(order, other, other[:100])
	done := phone.begin(order, photo, photo)
	item := phone.stands(done).Header.Get("Item-Id")
	require.NotEmpty(t, item)
	ctx, days := models.AcrossAccounts(t.Context()), func(n int) time.Time { return time.Now().AddDate(0, 0, n) }
	require.NoError(t, s.Uploads.Forget(ctx, days(6)))
	require.Equal(t, 200, phone.stands(done).Status)
	require.NoError(t, s.Uploads.Forget(ctx, days(8)))
	require.Equal(t, []int{404, 200}, []int{phone.stands(done).Status, phone.stands(abandoned).Status})
	require.NoError(t, s.Uploads.Forget(ctx, days(15)))
	require.Equal(t, 404, phone.stands(abandoned).Status)
	crew.Want(200, "GET", "/photos/"+item, nil)
}

func TestAWholeUploadThatACrashLeftIsFinished(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		phone, s := tusOf(crew), sweeperOf(t, in)
		ctx := models.AcrossAccounts(t.Context())
		// A crash between the last piece and its item.
		second := rig.JPEG(200, 100, uint64(time.Now().UnixNano()))
		left := phone.begin(order.Text("id"), second, second[:len(second)-10])
		require.NoError(t, s.Blobs.Put(ctx, "uploads/last-"+left, "", bytes.NewReader(second[len(second)-10:])))
		require.NoError(t, s.Store.Write(ctx, func(tx *models.Tx) error {
			up, err := models.One[models.Upload](tx.Where("id = ?", left), "upload")
			if err != nil {
				return err
			}
			up.Received = up.Length
			if err := tx.Save(up).Error; err != nil {
				return err
			}
			return tx.Create(&models.UploadPiece{UploadID: left, Start: up.Length - 10, AccountID: up.AccountID, Size: 10, BlobKey: "uploads/last-" + left}).Error
		}))
		_, err := s.Uploads.FinishWhole(ctx, time.Now().Add(2*time.Minute))
		require.NoError(t, err)
		up, err := models.One[models.Upload](s.Store.Read(ctx).Where("id = ?", left), "upload")
		require.NoError(t, err)
		require.NotNil(t, up.EndedAt, "without its phone")
		item := phone.stands(left).Header.Get("Item-Id")
		require.Equal(t, second, crew.Want(200, "GET", "/photos/"+item+"/original", nil).Body)
	})
}

func TestOnePersonsUploadsLeaveRoomForTheOthers(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		office.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": "~all~"})
		store, ctx, photo := storeOf(t, in), models.AcrossAccounts(t.Context()), rig.JPEG(200, 100, uint64(time.Now().UnixNano()))
		full, other := tusOf(crew), tusOf(office.Colleague("crew"))
		left := full.begin(order.Text("id"), photo, nil)
		require.NoError(t, store.Write(ctx, func(tx *models.Tx) error {
			return tx.Model(&models.Upload{}).Where("id = ?", left).Update("length", 5<<30).Error
		}))
		refused := full.creates(order.Text("id"), uuid.NewString(), photo, nil)
		require.Equal(t, 429, refused.Status)
		require.Contains(t, string(refused.Body), "one person has at most")
		other.begin(order.Text("id"), photo, nil)
	})
}
