package tests

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

func TestASecureLinkShowsWhatIsPublished(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 2)
		office.Want(200, "PATCH", "/work-orders/"+order, rig.JSON{"work_order_info": "door code 4711", "description": "office only"})
		made := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true, "allow_comments": true})
		link := made.Text("url")
		require.Empty(t, office.Want(200, "GET", "/links/"+made.Text("id"), nil).Text("url"), "shown once")
		nobody := &rig.User{T: t, URL: in.URL}
		page := nobody.Want(200, "GET", link, nil)
		require.Contains(t, page.Header.Get("X-Robots-Tag"), "noindex")
		require.Equal(t, "no-referrer", page.Header.Get("Referrer-Policy"))
		for _, i := range items {
			require.Contains(t, string(page.Body), i.Text("id"))
			require.Equal(t, 200, nobody.Do("GET", link+"/items/"+i.Text("id")+"/thumbnail", nil).Status)
		}
		archive := nobody.Want(200, "GET", link+"/archive.zip", nil).Body
		_, good := check(t, archive)
		require.True(t, good)
		for _, secret := range []string{"door code", "office only"} {
			require.NotContains(t, string(page.Body), secret)
			require.NotContains(t, string(archive), secret)
		}
		require.True(t, bytes.HasPrefix(nobody.Want(200, "GET", link+"/report.pdf", nil).Body, []byte("%PDF-")))
		later := office.Upload(order, rig.JPEG(90, 60, 9))
		require.NotContains(t, string(nobody.Want(200, "GET", link, nil).Body), later.Text("id"), "not published yet")
		require.Equal(t, 404, nobody.Do("GET", link+"/items/"+later.Text("id")+"/display", nil).Status)

		require.Equal(t, 303, rig.SendForm(t, link+"/comments", url.Values{"author": {"Client"}, "text": {"<b>Well done</b>"}}).Status)
		require.Equal(t, 422, rig.SendForm(t, link+"/comments", url.Values{"author": {"Client"}}).Status)
		require.Contains(t, string(nobody.Want(200, "GET", link, nil).Body), "&lt;b&gt;Well done")
		require.Equal(t, "Client", office.Want(200, "GET", "/work-orders/"+order+"/comments", nil).Text("items", 0, "author"))
		for name, shown := range map[string]string{strings.Repeat("Dana Okafor ", 12) + "Dana": strings.Repeat("Dana Okafor ", 12) + "Dana", "": office.Username} {
			office.Want(200, "PATCH", "/users/"+office.ID, rig.JSON{"name": name})
			office.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": "Thank you"})
			require.Contains(t, string(nobody.Want(200, "GET", link, nil).Body), "<bdi>"+shown+"</bdi>", "a person's full name, a username where none is set")
		}
		views := office.Want(200, "GET", "/links/"+made.Text("id")+"/views", nil)
		require.GreaterOrEqual(t, len(views.List("items")), 5)

		office.Want(204, "DELETE", "/links/"+made.Text("id"), nil)
		require.Equal(t, 410, nobody.Do("GET", link, nil).Status)
		require.Equal(t, 410, nobody.Do("GET", link+"/archive.zip", nil).Status)
		require.Equal(t, 404, nobody.Do("GET", link+"x", nil).Status)
		office.WantField(422, "expires_at", "POST", "/work-orders/"+order+"/links", rig.JSON{"expires_at": "2001-01-01T00:00:00Z"})
	})
}

// What a link or a code gives ends with the link, as a download ends with its session.
func TestADownloadEndsWithTheLinkThatGaveIt(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, _ := released(t, office, 1)
		large := padded(rig.JPEG(800, 600, 1), 20<<20)
		photo := office.Upload(order, large)
		office.Want(200, "PATCH", "/photos/"+photo.Text("id"), rig.JSON{"review": "approved"})
		office.Want(200, "POST", "/work-orders/"+order+"/publish", nil)
		nobody := &rig.User{T: t, URL: in.URL}
		coded := regexp.MustCompile(`/verify/` + photo.Text("uuid") + `\?code=([^"&]+)`)
		for name, pathOf := range map[string]func(link string) string{
			"archive":  func(link string) string { return link + "/archive.zip" },
			"original": func(link string) string { return link + "/items/" + photo.Text("id") + "/original" },
			"by a code of it": func(link string) string {
				code := coded.FindStringSubmatch(string(nobody.Want(200, "GET", link, nil).Body))
				require.Len(t, code, 2)
				return in.URL + "/verify/" + photo.Text("uuid") + "/original?code=" + code[1]
			},
		} {
			t.Run(name, func(t *testing.T) {
				made := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true})
				request, err := http.NewRequestWithContext(t.Context(), "GET", pathOf(made.Text("url")), nil)
				require.NoError(t, err)
				download, err := (&http.Client{}).Do(request)
				require.NoError(t, err)
				defer download.Body.Close()
				require.Equal(t, 200, download.StatusCode)
				begun, err := io.CopyN(io.Discard, download.Body, 64<<10)
				require.NoError(t, err)
				office.Want(204, "DELETE", "/links/"+made.Text("id"), nil)
				time.Sleep(1100 * time.Millisecond) // slower than the server asks again
				rest, err := io.Copy(io.Discard, download.Body)
				require.Error(t, err, "%d of %d bytes came", begun+rest, len(large))
			})
		}
	})
}

func TestALinkAsksForItsPassword(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 2)
		made := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"password": "open sesame", "item_ids": []string{items[0].Text("id")}})
		link := made.Text("url")
		nobody := &rig.User{T: t, URL: in.URL}
		require.NotContains(t, string(nobody.Want(200, "GET", link, nil).Body), items[0].Text("id"))
		require.Equal(t, 401, nobody.Do("GET", link+"/items/"+items[0].Text("id")+"/display", nil).Status)
		require.Equal(t, 403, rig.SendForm(t, link+"/password", url.Values{"password": {"wrong"}}).Status)
		in1 := rig.SendForm(t, link+"/password", url.Values{"password": {"open sesame"}})
		require.Equal(t, 303, in1.Status)
		cookie := strings.Split(in1.Header.Get("Set-Cookie"), ";")[0]
		page := nobody.Want(200, "GET", link, nil, "Cookie", cookie)
		require.Contains(t, string(page.Body), items[0].Text("id"))
		require.NotContains(t, string(page.Body), items[1].Text("id"), "an item that the link does not name")
		require.Equal(t, 403, nobody.Do("GET", link+"/archive.zip", nil, "Cookie", cookie).Status, "downloads are not allowed")
		require.Contains(t, string(page.Body), "/verify/"+items[0].Text("uuid"))
		require.NotContains(t, string(page.Body), "code=", "nor by the code that opens originals")
		require.Equal(t, 200, nobody.Do("GET", link+"/items/"+items[0].Text("id")+"/display", nil, "Cookie", cookie).Status)
		require.Equal(t, 404, nobody.Do("GET", link+"/items/"+items[1].Text("id")+"/display", nil, "Cookie", cookie).Status)
		require.Equal(t, 404, nobody.Do("GET", link+"/items/"+items[0].Text("id")+"/original", nil, "Cookie", cookie).Status)
		require.Equal(t, 403, nobody.Do("POST", link+"/comments", nil, "Cookie", cookie).Status)
	})
}

func TestCodesOpenOnlyWhatIsPublicNow(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 3)
		nobody := &rig.User{T: t, URL: in.URL}
		code := regexp.MustCompile(`/verify/([0-9a-fA-F-]+)\?code=([A-Za-z0-9._-]+)`)
		codesOf := func(page string) map[string]string {
			found := map[string]string{}
			for _, m := range code.FindAllStringSubmatch(page, -1) {
				found[strings.ToLower(m[1])] = m[2]
			}
			return found
		}
		opens := func(uuid, code string) int {
			return nobody.Do("GET", in.URL+"/verify/"+uuid+"/original?code="+code, nil).Status
		}
		made := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true})
		soon := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true, "expires_at": time.Now().Add(3 * time.Second)})
		codes := codesOf(string(nobody.Want(200, "GET", made.Text("url"), nil).Body))
		printed := codesOf(string(nobody.Want(200, "GET", soon.Text("url"), nil).Body))
		first, second := strings.ToLower(items[0].Text("uuid")), strings.ToLower(items[1].Text("uuid"))
		require.Equal(t, 200, opens(first, codes[first]))
		require.Equal(t, 404, opens(second, codes[first]), "a code names one item")
		require.Equal(t, 404, opens(first, codes[first]+"x"))

		office.Want(204, "DELETE", "/photos/"+items[0].Text("id"), nil)
		require.Equal(t, 404, opens(first, codes[first]), "withdrawn")
		require.Equal(t, 200, opens(second, codes[second]))
		office.Want(204, "DELETE", "/links/"+made.Text("id"), nil)
		require.Equal(t, 404, opens(second, codes[second]), "the link was revoked")
		office.Await("the link's end", func() bool { return nobody.Do("GET", soon.Text("url"), nil).Status == 410 })
		require.Equal(t, 200, opens(second, printed[second]), "it merely ended, and stands in reports that were printed")

		// What is moved elsewhere is not served by the link of where it went.
		other, _ := released(t, office, 1)
		elsewhere := office.Want(201, "POST", "/work-orders/"+other+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		office.Want(200, "PATCH", "/photos/"+items[2].Text("id"), rig.JSON{"work_order_id": other})
		require.Equal(t, 404, nobody.Do("GET", elsewhere+"/items/"+items[2].Text("id")+"/display", nil).Status)
		third := strings.ToLower(items[2].Text("uuid"))
		require.Equal(t, 404, opens(third, printed[third]), "where it lies now it is not public")
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+third, nil).Status)
		office.Want(200, "PATCH", "/photos/"+items[2].Text("id"), rig.JSON{"work_order_id": order})
		require.Equal(t, 200, opens(third, printed[third]), "it came back")

		office.Want(204, "DELETE", "/work-orders/"+order, nil)
		require.Equal(t, 404, opens(second, printed[second]), "the order was deleted")
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+second, nil).Status)
	})
}

func TestALinkShowsNoCommentsOnItemsThatItDoesNotShow(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 2)
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_comments": true, "item_ids": []string{items[0].Text("id")}}).Text("url")
		nobody := &rig.User{T: t, URL: in.URL}
		state := func() string { return nobody.Want(200, "GET", link+"/state", nil).Text("state") }
		before := state()
		say := func(item, text string) {
			office.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"item_id": item, "text": text})
		}
		say(items[1].Text("id"), "the neighbour owes us")
		require.NotContains(t, string(nobody.Want(200, "GET", link, nil).Body), "the neighbour owes us")
		require.Equal(t, before, state(), "nothing that it shows has changed")
		say(items[0].Text("id"), "this one is done")
		require.Contains(t, string(nobody.Want(200, "GET", link, nil).Body), "this one is done")
		require.NotEqual(t, before, state())
	})
}

// TestALinkThatHasEndedTellsWhomToAsk: who holds it sees the account's own head, and nothing of what it showed; who holds none
// learns nothing.
func TestALinkThatHasEndedTellsWhomToAsk(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(200, "PATCH", "/account", rig.JSON{"name": "Cedarline <Services>", "phone": "+1 512 555 0142", "email": "office@cedarline.example", "colour": "#0f5866"})
		office.Want(200, "PUT", "/account/logo", rig.PNG(300, 90, 5), "Content-Type", "image/png")
		order, photos := released(t, office, 1)
		number := office.Want(200, "GET", "/work-orders/"+order, nil).Text("work_order_number")
		make := func(fields rig.JSON) rig.Answer {
			return office.Want(201, "POST", "/work-orders/"+order+"/links", fields)
		}
		nobody := &rig.User{T: t, URL: in.URL}
		over := make(rig.JSON{"password": "open sesame", "expires_at": time.Now().Add(3 * time.Second).UTC().Format(time.RFC3339Nano)}).Text("url")
		office.Await("the link's end", func() bool { return nobody.Do("GET", over, nil).Status == 410 })
		revoked, taken := make(rig.JSON{}), make(rig.JSON{}).Text("url")
		office.Want(204, "DELETE", "/links/"+revoked.Text("id"), nil)
		office.Want(204, "DELETE", "/work-orders/"+order, nil)
		for link, says := range map[string]string{over: "It was open until", revoked.Text("url"): "has ended it.", taken: "has taken back"} {
			page := nobody.Do("GET", link, nil)
			require.Equal(t, 410, page.Status)
			for _, said := range []string{"This link has ended", says, "Cedarline &lt;Services&gt;", "1 512 555 0142", "office@cedarline.example", `/logo"`, `/brand.css"`} {
				require.Contains(t, string(page.Body), said)
			}
			for _, secret := range []string{number, photos[0].Text("id"), photos[0].Text("uuid"), "Oak Street", "open sesame", "is noted"} {
				require.NotContains(t, string(page.Body), secret)
			}
			require.Equal(t, 200, nobody.Do("GET", link+"/logo", nil).Status)
			require.Contains(t, string(nobody.Want(200, "GET", link+"/brand.css", nil).Body), "#0f5866")
			for _, path := range []string{"/state", "/archive.zip", "/report.pdf", "/items/" + photos[0].Text("id") + "/display"} {
				require.Contains(t, []int{401, 403, 404, 410}, nobody.Do("GET", link+path, nil).Status, path)
			}
			require.Equal(t, "application/problem+json", nobody.Do("GET", link, nil, "Accept", "application/json").Header.Get("Content-Type"))
			for _, path := range []string{"", "/logo", "/brand.css"} {
				wrong := nobody.Do("GET", link[:len(link)-3]+"AAA"+path, nil)
				require.Equal(t, 404, wrong.Status)
				require.NotContains(t, string(wrong.Body), "Cedarline", "a wrong token gives nothing")
			}
		}
	})
}

// TestWhatALinkRefusesIsSaidInItsReadersLanguage: by the account's head in its client's language where the link is known, else in
// the language that the browser asks for.
func TestWhatALinkRefusesIsSaidInItsReadersLanguage(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(200, "PATCH", "/account", rig.JSON{"name": "Cedarline", "language": "es"})
		order, photos := released(t, office, 1)
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{}).Text("url")
		locked := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"password": "open sesame"}).Text("url")
		nobody := &rig.User{T: t, URL: in.URL}
		photo := "/items/" + photos[0].Text("id")
		for path, status := range map[string]int{link + "/archive.zip": 403, link + photo + "/original": 404, link + "/items/none/display": 404, locked + photo + "/display": 401} {
			page := nobody.Do("GET", path, nil, "Accept-Language", "en")
			require.Equal(t, status, page.Status, path)
			for _, said := range []string{`<html lang="es">`, "Cedarline", "nlace"} {
				require.Contains(t, string(page.Body), said, path)
			}
			require.NotContains(t, string(page.Body), "se anota", path)
			require.NotContains(t, page.Header.Get("Vary"), "Accept-Language", path)
		}
		uuid := photos[0].Text("uuid")
		for path, says := range map[string][2]string{
			link + "x": {"No page has this address.", "Ninguna página tiene esta dirección."}, link + "x/logo": {"No page has this address.", "Ninguna página tiene esta dirección."},
			in.URL + "/V/AAAAAAAAAAAAAAAAAAAAAAAAAA":                {"No item has this code.", "Ningún elemento tiene este código."},
			in.URL + "/V/short":                                     {"No item has this code.", "Ningún elemento tiene este código."},
			in.URL + "/verify/00000000-0000-4000-8000-000000000000": {"Nobody here has published", "Nadie aquí ha publicado"},
			in.URL + "/verify/" + uuid + "/original":                {"The original needs the code", "Para el original hace falta el código"},
		} {
			for i, asked := range []string{"de, en-GB;q=0.8, es;q=0.2", "es-MX,en;q=0.5"} {
				page := nobody.Do("GET", path, nil, "Accept-Language", asked)
				require.Equal(t, 404, page.Status, path)
				require.Contains(t, string(page.Body), `<html lang="`+[]string{"en", "es"}[i]+`">`, path)
				require.Contains(t, string(page.Body), says[i], path)
				require.NotContains(t, string(page.Body), "Cedarline", path)
				require.Contains(t, page.Header.Values("Vary"), "Accept-Language", path)
			}
			require.Contains(t, nobody.Do("GET", path, nil, "Accept", "application/json", "Accept-Language", "es").Text("detail"), says[0], path)
		}
	})
}

// TestTheOfficeLinksTwoPhotos: photos are shown side by side when they are of one task and shot, which the office can say later;
// never for merely following each other, and to clients once it is published.
func TestTheOfficeLinksTwoPhotos(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		o := office.Order(nil)
		order, task := o.Text("id"), o.Text("tasks", 0, "id")
		var photos []string
		for n, kind := range []string{"before", "after", "after"} {
			photos = append(photos, office.Upload(order, rig.JPEG(90, 60, uint64(n)), "task_id", task, "evidence_type", kind, "source", "mobile_camera", "taken_at", now()).Text("id"))
		}
		office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": office.Username})
		office.AwaitState(order, "in_progress")
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
		}
		nobody := &rig.User{T: t, URL: in.URL}
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{}).Text("url")
		sets := func() int { return strings.Count(string(nobody.Want(200, "GET", link, nil).Body), "data-compare>") }
		require.Zero(t, sets(), "they merely follow each other")
		for _, id := range []string{photos[0], photos[2]} {
			require.Equal(t, "Back door", office.Want(200, "PATCH", "/photos/"+id, rig.JSON{"shot": " Back door "}).Text("shot"))
		}
		require.Zero(t, sets(), "not published so yet")
		office.Want(200, "POST", "/work-orders/"+order+"/publish", nil)
		require.Equal(t, 1, sets())
		page := string(nobody.Want(200, "GET", link, nil).Body)
		require.Contains(t, page, "<h3>Back door</h3>")
		require.Less(t, strings.Index(page, photos[2]), strings.LastIndex(page, photos[1]), "the third belongs to the first, the second stands alone")
		office.WantField(422, "shot", "PATCH", "/photos/"+photos[0], rig.JSON{"shot": strings.Repeat("ä", 301)})
	})
}

// coverOf are the photos of the pair that a link's page begins with, by id.
func coverOf(t *testing.T, url, link string) (ids []string) {
	page := string((&rig.User{T: t, URL: url}).Want(200, "GET", link, nil).Body)
	glance, _, _ := strings.Cut(page[strings.Index(page, `class="glance`):], `class="aside"`)
	for _, m := range regexp.MustCompile(`/items/([^/]+)/display`).FindAllStringSubmatch(glance, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// TestTheOfficeChoosesTheCover: who reviews says which photos a client sees first, of that order alone; the choice itself is the
// office's matter.
func TestTheOfficeChoosesTheCover(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew, stranger := office.Colleague("crew"), rig.SignUp(t, in.URL)
		o := office.Order(rig.JSON{"assignee": crew.Username})
		order, task := o.Text("id"), o.Text("tasks", 0, "id")
		var photos []string
		for n, p := range [][2]string{{"before", "Front"}, {"after", "Front"}, {"before", "Back"}, {"after", "Back"}} {
			photos = append(photos, crew.Upload(order, rig.JPEG(90, 60, uint64(n)), "task_id", task, "evidence_type", p[0], "shot", p[1], "taken_at", now()).Text("id"))
		}
		office.AwaitState(order, "in_progress")
		elsewhere := office.Upload(office.Order(nil).Text("id"), rig.JPEG(90, 60, 9)).Text("id")
		checkIn := crew.Want(201, "POST", "/work-orders/"+order+"/check-ins", rig.JSON{"uuid": uuid.NewString(), "at": now(), "latitude": 30.0, "longitude": -97.0, "accuracy": 5}).Text("id")
		path := "/work-orders/" + order
		choose := func(ids ...string) rig.JSON { return rig.JSON{"key_photos": ids} }

		stranger.Want(404, "PATCH", path, choose(photos[2]))
		crew.Want(403, "PATCH", path, choose(photos[2]))
		office.Want(201, "POST", "/roles", rig.JSON{"name": "desk", "privileges": []string{"view_all_orders", "view_office_fields", "edit_orders"}})
		office.Want(201, "POST", "/roles", rig.JSON{"name": "judge", "privileges": []string{"view_all_orders", "view_office_fields", "review_orders"}})
		desk, judge := office.Colleague("desk"), office.Colleague("judge")
		desk.Want(403, "PATCH", path, choose(photos[2]))
		judge.Want(403, "PATCH", path, rig.JSON{"key_photos": photos[2:3], "reference": "R"})
		office.WantField(422, "key_photos[1]", "PATCH", path, choose(photos[2], elsewhere))
		office.WantField(422, "key_photos[0]", "PATCH", path, choose(checkIn))
		office.WantField(422, "key_photos[1]", "PATCH", path, choose(photos[2], photos[2]))
		office.WantField(422, "key_photos", "PATCH", path, choose(photos[0], photos[1], photos[2]))
		office.WantField(422, "key_photos", "PATCH", path, rig.JSON{"key_photos": photos[2]})
		require.Nil(t, office.Want(200, "GET", path, nil).Get("key_photos"), "nothing of it was kept")

		status := crew.Want(200, "POST", path+"/view", nil).Text("field_status")
		require.Equal(t, []any{photos[3], photos[2]}, judge.Want(200, "PATCH", path, choose(photos[3], photos[2])).List("key_photos"))
		seen := crew.Want(200, "GET", path, nil)
		require.Nil(t, seen.Get("key_photos"), "crews")
		require.Equal(t, status, seen.Text("field_status"), "it is no news to them")
		events := office.Want(200, "GET", path+"/events?limit=200", nil).List("items")
		require.Equal(t, []any{"key_photos"}, rig.JSON(events[len(events)-1].(map[string]any))["details"].(map[string]any)["fields"])

		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", path+"/"+step, nil)
		}
		link := office.Want(201, "POST", path+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		require.Equal(t, []string{photos[2], photos[3]}, coverOf(t, in.URL, link))
		cover, _, _ := strings.Cut(pdfText(t, office.Want(200, "GET", path+"/report.pdf", nil).Body), "\f")
		require.Contains(t, cover, "Back")
		require.NotContains(t, cover, "Front")
		nobody := &rig.User{T: t, URL: in.URL}
		state := nobody.Want(200, "GET", link+"/state", nil).Text("state")
		require.Nil(t, office.Want(200, "PATCH", path, rig.JSON{"key_photos": nil}).Get("key_photos"))
		require.Equal(t, []string{photos[0], photos[1]}, coverOf(t, in.URL, link), "else the first pair")
		require.NotEqual(t, state, nobody.Want(200, "GET", link+"/state", nil).Text("state"), "whoever looks is told")
		office.Want(200, "POST", path+"/close", nil)
		office.Want(409, "PATCH", path, choose(photos[2]))
	})
}
