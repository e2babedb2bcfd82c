package tests

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// released makes an order with photos and publishes it.
func released(t *testing.T, office *rig.User, photos int) (order string, items []rig.Answer) {
	t.Helper()
	o := office.Order(nil)
	order = o.Text("id")
	for n := range uint64(photos) {
		items = append(items, office.Upload(order, rig.JPEG(200, 150, n+1), "task_id", o.Text("tasks", 0, "id"), "evidence_type", "after", "taken_at", now(), "source", "mobile_camera"))
	}
	office.Want(200, "POST", "/work-orders/"+order+"/assign", rig.JSON{"assignee": office.Username})
	office.AwaitState(order, "in_progress")
	for _, step := range []string{"complete", "approve", "publish"} {
		office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
	}
	return order, items
}

// check runs fieldproof verify on an archive and returns its findings.
func check(t *testing.T, archive []byte, args ...string) (report rig.Answer, good bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.zip")
	require.NoError(t, os.WriteFile(file, archive, 0o600))
	out, err := exec.Command(product(t), append([]string{"verify", "--json", file}, args...)...).Output()
	require.NoError(t, json.Unmarshal(out, &report.JSON), "%s %v", out, err)
	return report, err == nil
}

// remade writes an archive again, each file as change wants it; nil takes it out.
func remade(t *testing.T, archive []byte, change func(name string, content []byte) []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range r.File {
		reader, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(reader)
		require.NoError(t, err)
		if content = change(f.Name, content); content == nil {
			continue
		}
		entry, err := w.Create(f.Name)
		require.NoError(t, err)
		_, err = entry.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestAnArchiveIsCheckedOffline(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 3)
		archive := office.Want(200, "GET", "/work-orders/"+order+"/archive.zip", nil).Body
		report, good := check(t, archive)
		require.True(t, good, "%v", report.JSON)
		require.EqualValues(t, 3, report.Get("items"))

		state := office.Want(200, "GET", "/proof", nil)
		held := fmt.Sprintf("%v:%s", state.Get("head", "sequence"), state.Text("head", "head"))
		key := state.Text("keys", 0, "public_key")
		_, good = check(t, archive, "--key", key, "--head", held)
		require.True(t, good)

		stranger := rig.SignUp(t, in.URL)
		released(t, stranger, 1)
		theirs := stranger.Want(200, "GET", "/proof", nil).Text("keys", 0, "public_key")
		_, good = check(t, archive, "--key", theirs)
		require.False(t, good, "somebody else's key")

		// A second publication, under a new key: the old head is still in the chain, and the old archive stays good.
		office.Want(200, "POST", "/proof/rotate-key", nil)
		later, _ := released(t, office, 1)
		newer := office.Want(200, "GET", "/work-orders/"+later+"/archive.zip", nil).Body
		report, good = check(t, newer, "--head", held, "--key", key)
		require.True(t, good, "the chain leads from the held key to the new one: %v", report.JSON)
		_, good = check(t, archive, "--key", key)
		require.True(t, good)
		now := office.Want(200, "GET", "/proof", nil)
		ahead := fmt.Sprintf("%v:%s", now.Get("head", "sequence"), now.Text("head", "head"))
		_, good = check(t, archive, "--head", ahead)
		require.False(t, good, "a head that is not at hand is not believed")
		chain := filepath.Join(t.TempDir(), "chain.jsonl")
		require.NoError(t, os.WriteFile(chain, office.Want(200, "GET", "/proof/chain.jsonl", nil).Body, 0o600))
		_, good = check(t, archive, "--head", ahead, "--chain", chain)
		require.True(t, good)

		// A withdrawn item is said to be, and the rest stands.
		office.Want(204, "DELETE", "/photos/"+items[0].Text("id"), nil)
		report, good = check(t, office.Want(200, "GET", "/work-orders/"+order+"/archive.zip", nil).Body)
		require.True(t, good, "%v", report.JSON)
		require.EqualValues(t, 2, report.Get("items"))
		require.Contains(t, fmt.Sprint(report.List("notes")), items[0].Text("uuid"))
	})
}

func TestEveryForgeryIsCaught(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 3)
		released(t, office, 1)
		archive := office.Want(200, "GET", "/work-orders/"+order+"/archive.zip", nil).Body
		photo := func(name string) bool {
			return strings.HasSuffix(name, ".jpg") && strings.Contains(name, items[1].Text("uuid"))
		}
		for what, change := range map[string]func(name string, content []byte) []byte{
			"a changed byte": func(name string, content []byte) []byte {
				if photo(name) {
					content[len(content)/2] ^= 1
				}
				return content
			},
			"a removed photo": func(name string, content []byte) []byte {
				if photo(name) {
					return nil
				}
				return content
			},
			"a photo taken out of the manifest too": func(name string, content []byte) []byte {
				if photo(name) {
					return nil
				}
				if name == "manifest.json" {
					return bytes.ReplaceAll(content, []byte(items[1].Text("uuid")), []byte("x"))
				}
				return content
			},
			"another time": func(name string, content []byte) []byte {
				if name == "manifest.json" {
					return bytes.Replace(content, []byte(`"taken_at":"20`), []byte(`"taken_at":"19`), 1)
				}
				return content
			},
			"a forged signature": func(name string, content []byte) []byte {
				if name == "manifest.json" {
					at := bytes.LastIndex(content, []byte(`"value":"`)) + len(`"value":"`)
					if content[at] == 'A' {
						content[at] = 'B'
					} else {
						content[at] = 'A'
					}
				}
				return content
			},
			"a reordered chain": func(name string, content []byte) []byte {
				if name == "proof/chain.jsonl" {
					lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
					lines[0], lines[1] = lines[1], lines[0]
					return append(bytes.Join(lines, []byte("\n")), '\n')
				}
				return content
			},
			"a shortened chain": func(name string, content []byte) []byte {
				if name == "proof/chain.jsonl" {
					return content[bytes.IndexByte(content, '\n')+1:]
				}
				return content
			},
		} {
			report, good := check(t, remade(t, archive, change))
			require.False(t, good, "%s: %v", what, report.JSON)
			require.NotEmpty(t, report.List("problems"), what)
		}
		added := remade(t, archive, func(_ string, content []byte) []byte { return content })
		r, err := zip.NewReader(bytes.NewReader(added), int64(len(added)))
		require.NoError(t, err)
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, f := range r.File {
			require.NoError(t, w.Copy(f))
		}
		_, err = w.Create("extra.jpg")
		require.NoError(t, err)
		require.NoError(t, w.Close())
		_, good := check(t, b.Bytes())
		require.False(t, good, "a file put in later")
		_, good = check(t, archive[:len(archive)-100])
		require.False(t, good, "half of an archive")
	})
}

// TestAnswersAreProvedAsPhotosAre plays the account itself, which signs anew what it changed since it was published.
func TestAnswersAreProvedAsPhotosAre(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		office.Want(201, "POST", "/surveys", rig.JSON{"meta": rig.JSON{"surveyTemplateId": "asked", "version": 1, "name": "Asked"},
			"questions": []rig.JSON{{"id": "q", "question": "Vacant?", "answerType": "text", "required": true}}})
		o := office.Order(rig.JSON{"assignee": office.Username, "tasks": []rig.JSON{{"name": "Asked", "kind": "survey", "survey_id": "asked"}}})
		order := o.Text("id")
		office.Want(201, "POST", "/work-orders/"+order+"/survey-responses", rig.JSON{"uuid": uuid.NewString(), "task_id": o.Text("tasks", 0, "id"),
			"answers": []rig.JSON{answer("q", "It is <vacant> & open")}})
		office.Upload(order, rig.JPEG(90, 60, 1))
		for _, step := range []string{"complete", "approve", "publish"} {
			office.Want(200, "POST", "/work-orders/"+order+"/"+step, nil)
		}
		store := storeOf(t, in)
		var err error
		store.Sealer, err = models.NewSealer(in.SecretKey())
		require.NoError(t, err)
		signer, err := store.Signer(models.InAccount(t.Context(), office.Account), office.Account)
		require.NoError(t, err)
		archive := office.Want(200, "GET", "/work-orders/"+order+"/archive.zip", nil).Body
		retold := func(change func(manifest map[string]any)) (report rig.Answer, good bool) {
			return check(t, remade(t, archive, func(name string, content []byte) []byte {
				if name != "manifest.json" {
					return content
				}
				var manifest map[string]any
				d := json.NewDecoder(bytes.NewReader(content))
				d.UseNumber()
				require.NoError(t, d.Decode(&manifest))
				delete(manifest, "signature")
				change(manifest)
				text, err := json.Marshal(manifest)
				require.NoError(t, err)
				text = text[:len(text)-1]
				signature, err := json.Marshal(signer.Sign(text))
				require.NoError(t, err)
				return fmt.Appendf(text, `,"signature":%s}`, signature)
			}))
		}
		of := func(manifest map[string]any, kind string) map[string]any {
			for _, i := range manifest["items"].([]any) {
				if item := i.(map[string]any); item["kind"] == kind {
					return item
				}
			}
			require.Fail(t, "no such item", kind)
			return nil
		}
		report, good := check(t, archive)
		require.True(t, good, "%v", report.JSON)
		require.EqualValues(t, 2, report.Get("items"))
		answered := func(text string) []any { return []any{map[string]any{"id": "q", "answer": text}} }
		for what, change := range map[string]func(manifest map[string]any){
			"other answers": func(m map[string]any) { of(m, "survey_response")["answers"] = answered("It was locked") },
			"other answers under their own hash": func(m map[string]any) {
				text, err := json.Marshal(answered("It was locked"))
				require.NoError(t, err)
				item := of(m, "survey_response")
				item["answers"], item["sha256"], item["size"] = answered("It was locked"), sha(text), len(text)
			},
			"answers taken out":     func(m map[string]any) { delete(of(m, "survey_response"), "answers") },
			"answers that are null": func(m map[string]any) { of(m, "survey_response")["answers"] = nil },
			"answers of a photo":    func(m map[string]any) { of(m, "photo")["answers"] = answered("It was locked") },
		} {
			report, good := retold(change)
			require.False(t, good, "%s: %v", what, report.JSON)
		}
	})
}

func TestARangeOfAnArchiveRestarts(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, _ := released(t, office, 3)
		path := "/work-orders/" + order + "/archive.zip"
		whole := office.Want(200, "GET", path, nil)
		require.Equal(t, fmt.Sprint(len(whole.Body)), whole.Header.Get("Content-Length"))
		for _, at := range []int{0, 1, 1000, len(whole.Body) / 2, len(whole.Body) - 1} {
			rest := office.Want(206, "GET", path, nil, "Range", fmt.Sprintf("bytes=%d-", at), "If-Range", whole.Header.Get("ETag"))
			require.True(t, bytes.Equal(whole.Body[at:], rest.Body), "from %d", at)
		}
		office.Upload(order, rig.JPEG(90, 60, 9))
		changed := office.Want(200, "GET", path, nil, "Range", "bytes=100-", "If-Range", whole.Header.Get("ETag"))
		require.NotEqual(t, whole.Header.Get("ETag"), changed.Header.Get("ETag"), "another archive begins anew")
	})
}

func TestTheVerificationPageTellsWhatIsPublished(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 1)
		nobody := &rig.User{T: t, URL: in.URL}
		uuid := items[0].Text("uuid")
		page := nobody.Want(200, "GET", in.URL+"/verify/"+uuid, nil)
		for _, text := range []string{items[0].Text("sha256"), "Account of " + office.Username} {
			require.Contains(t, string(page.Body), text)
		}
		require.NotContains(t, string(page.Body), "12 Oak Street", "no address without a code")
		require.Contains(t, page.Header.Get("X-Robots-Tag"), "noindex")
		require.Equal(t, "no-referrer", page.Header.Get("Referrer-Policy"))
		require.Equal(t, items[0].Text("sha256"), nobody.Want(200, "GET", in.URL+"/verify/"+uuid, nil, "Accept", "application/json").Text("items", 0, "sha256"))
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+uuid+"/original", nil).Status)
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+uuid+"?code=wrong", nil).Status)
		later := office.Upload(order, rig.JPEG(90, 60, 9))
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+later.Text("uuid"), nil).Status, "not published yet")
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		shown := string(nobody.Want(200, "GET", link, nil).Body)
		at := strings.Index(shown, "/verify/"+uuid+"?code=")
		require.Positive(t, at)
		address := shown[at : at+strings.IndexByte(shown[at:], '"')]
		require.Contains(t, string(nobody.Want(200, "GET", in.URL+address, nil).Body), "/original?code=")
		original := nobody.Want(200, "GET", in.URL+strings.Replace(address, "?", "/original?", 1), nil)
		require.Equal(t, items[0].Text("sha256"), sha(original.Body))
	})
}

// TestACodeOpensOnlyWhatIsPublicNow follows short codes to their death.
func TestACodeOpensOnlyWhatIsPublicNow(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 3)
		nobody := &rig.User{T: t, URL: in.URL}
		store := storeOf(t, in)
		var err error
		store.Sealer, err = models.NewSealer(in.SecretKey())
		require.NoError(t, err)
		account := models.InAccount(context.Background(), office.Account)
		rows := make([]*models.Item, len(items))
		for n, i := range items {
			rows[n] = &models.Item{ID: i.Text("id")}
		}
		codesOf := func(link string) (codes []string) {
			given, err := store.Codes(account, office.Account, link, rows)
			require.NoError(t, err)
			for _, i := range items {
				codes = append(codes, given[i.Text("id")])
			}
			return codes
		}
		answer := func(code string) int { return nobody.Do("GET", in.URL+"/V/"+code, nil).Status }

		// A report gives them out: as many rows as photos are there before this test asks for any.
		office.Want(200, "GET", "/work-orders/"+order+"/report.pdf", nil)
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true})
		nobody.Want(200, "GET", link.Text("url")+"/report.pdf", nil)
		var given int64
		require.NoError(t, store.Read(account).Model(&models.ShortCode{}).Where("link_id IN ?", []string{"", link.Text("id")}).Count(&given).Error)
		require.EqualValues(t, 6, given)

		own, ofLink := codesOf(""), codesOf(link.Text("id"))
		page := nobody.Want(200, "GET", in.URL+"/V/"+own[0], nil)
		for _, said := range []string{items[0].Text("sha256"), "Account of " + office.Username, "/original?code=" + own[0]} {
			require.Contains(t, string(page.Body), said)
		}
		require.NotContains(t, string(page.Body), items[1].Text("sha256"))
		require.Contains(t, page.Header.Get("X-Robots-Tag"), "noindex")
		require.Equal(t, 200, answer(strings.ToLower(own[0])))
		original := nobody.Want(200, "GET", in.URL+"/verify/"+items[0].Text("uuid")+"/original?code="+ofLink[0], nil)
		require.Equal(t, items[0].Text("sha256"), sha(original.Body))
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+items[1].Text("uuid")+"/original?code="+own[0], nil).Status, "it names one item")
		for _, wrong := range []string{strings.Repeat("A", 26), own[0][1:], own[0] + "A", "0" + own[0][1:]} {
			require.Equal(t, 404, answer(wrong), wrong)
		}

		// The link merely ends: what was printed stays good. It is revoked: its own codes die, no others.
		require.NoError(t, store.Write(account, func(tx *models.Tx) error {
			return tx.Model(&models.Link{}).Where("id = ?", link.Text("id")).Update("expires_at", models.At(time.Now().Add(-time.Hour))).Error
		}))
		require.Equal(t, 410, nobody.Do("GET", link.Text("url"), nil).Status)
		require.Equal(t, 200, answer(ofLink[0]))
		office.Want(204, "DELETE", "/links/"+link.Text("id"), nil)
		require.Equal(t, 404, answer(ofLink[0]))
		require.Equal(t, 200, answer(own[0]))

		// An item that goes elsewhere leaves the link, and the link of where it went does not serve it.
		second := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		other, _ := released(t, office, 1)
		there := office.Want(201, "POST", "/work-orders/"+other+"/links", rig.JSON{"allow_downloads": true}).Text("url")
		office.Want(200, "PATCH", "/photos/"+items[1].Text("id"), rig.JSON{"work_order_id": other})
		for _, url := range []string{second, there} {
			require.NotContains(t, string(nobody.Want(200, "GET", url, nil).Body), items[1].Text("uuid"))
			require.Equal(t, 404, nobody.Do("GET", url+"/items/"+items[1].Text("id")+"/original", nil).Status)
		}

		// Withdrawn, and back; then the order is deleted, and restored.
		office.Want(204, "DELETE", "/photos/"+items[2].Text("id"), nil)
		require.Equal(t, 404, answer(own[2]))
		office.Want(200, "POST", "/photos/"+items[2].Text("id")+"/restore", nil)
		require.Equal(t, 200, answer(own[2]))
		office.Want(200, "PATCH", "/photos/"+items[2].Text("id"), rig.JSON{"review": "rejected", "reason": "blurred"})
		require.Equal(t, 404, answer(own[2]))
		office.Want(204, "DELETE", "/work-orders/"+order, nil)
		require.Equal(t, 404, answer(own[0]))
		require.Equal(t, 404, nobody.Do("GET", in.URL+"/verify/"+items[0].Text("uuid"), nil).Status)
		office.Want(200, "POST", "/work-orders/"+order+"/restore", nil)
		require.Equal(t, 200, answer(own[0]))

		// What came by a Share link is not told whose it is by uuid alone.
		require.NoError(t, store.Write(account, func(tx *models.Tx) error {
			return tx.Model(&models.Item{}).Where("id = ?", items[0].Text("id")).Update("source", models.FromShare).Error
		}))
		state := office.Want(200, "GET", "/proof", nil)
		for _, accept := range []string{"text/html", "application/json"} {
			byUUID := string(nobody.Want(200, "GET", in.URL+"/verify/"+items[0].Text("uuid"), nil, "Accept", accept).Body)
			require.Contains(t, byUUID, items[0].Text("sha256"))
			for _, whose := range []string{"Account of " + office.Username, office.Account, state.Text("head", "head"), state.Text("keys", 0, "public_key")} {
				require.NotContains(t, byUUID, whose)
			}
			require.Contains(t, string(nobody.Want(200, "GET", in.URL+"/V/"+own[0], nil, "Accept", accept).Body), "Account of "+office.Username)
		}
	})
}

// TestALinkKnowsWhenItShowsSomethingElse asks its page's state after everything that changes the page.
func TestALinkKnowsWhenItShowsSomethingElse(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, items := released(t, office, 2)
		nobody := &rig.User{T: t, URL: in.URL}
		part := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"allow_comments": true, "item_ids": []string{items[0].Text("id")}}).Text("url")
		state := func() string { return nobody.Want(200, "GET", part+"/state", nil).Text("state") }
		at := state()
		same := func(what string) { t.Helper(); require.Equal(t, at, state(), what) }
		other := func(what string) {
			t.Helper()
			now := state()
			require.NotEqual(t, at, now, what)
			at = now
		}
		same("nothing happened")
		office.Want(200, "PATCH", "/photos/"+items[0].Text("id"), rig.JSON{"notes": "a caption"})
		same("a caption that is not published yet")
		office.Want(200, "POST", "/work-orders/"+order+"/publish", nil)
		other("a caption that was published")
		office.Want(200, "PATCH", "/photos/"+items[1].Text("id"), rig.JSON{"notes": "of what it does not show"})
		office.Want(200, "POST", "/work-orders/"+order+"/publish", nil)
		same("an item that it does not show")
		office.Want(200, "PATCH", "/work-orders/"+order, rig.JSON{"address": rig.JSON{"address1": "13 Oak Street"}})
		other("the address")
		office.Want(200, "PATCH", "/account", rig.JSON{"name": "Another name of " + office.Username})
		other("the account's name")
		office.Want(200, "PUT", "/account/logo", rig.PNG(300, 90, 5), "Content-Type", "image/png")
		other("the logo")
		office.Want(201, "POST", "/work-orders/"+order+"/comments", rig.JSON{"text": "said by the office"})
		other("a comment")
		office.Want(204, "DELETE", "/photos/"+items[0].Text("id"), nil)
		other("what it showed was withdrawn")
	})
}
