package mails_test

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fieldproof/mails"
	"fieldproof/models"
)

var write = flag.Bool("write", false, "write what docs/ has from the code")

func at(t *testing.T, clock string) models.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	when, err := time.ParseInLocation("2006-01-02 15:04", "2026-11-24 "+clock, zone)
	require.NoError(t, err)
	return models.At(when)
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return b
}

func account(language string) *models.Account {
	return &models.Account{ID: "a", Name: "Cedarline Services", Zone: "America/Chicago", CertificationRadius: 250, Language: language, Region: "US", Colour: "#0f5866", LogoKey: "logo",
		Address: "402 Quarry Road, Georgetown, TX 78626", Phone: "+1 512 555 0142", Email: "office@cedarline.example", AlertEmail: "alerts@cedarline.example"}
}

// proof is an order with photos of two people.
func proof(t *testing.T, a *models.Account) *models.Proof {
	order := &models.WorkOrder{ID: "o"}
	order.WorkOrderNumber, order.ClientCode = "204118", "MSV"
	order.Address = models.Address{Address1: "1187 Larkspur Ln", City: "Round Rock", State: "TX", Zip: "78664"}
	task := "t"
	yes, no := true, false
	p := &models.Proof{Account: a, Order: order, Users: map[string]string{"1": "dana.okafor", "2": "luis.prado"}, Names: map[string]string{"1": "Dana Okafor", "2": "Luis Prado"},
		View: models.WorkOrderView{Tasks: []models.Task{{ID: task, TaskFields: models.TaskFields{Name: "Lawn cut"}}}}}
	for n := range 6 {
		when := at(t, fmt.Sprintf("10:%02d", 2+7*n))
		i := &models.Item{ID: fmt.Sprint(n), UUID: fmt.Sprint(n), Kind: models.Photo, TaskID: &task, TakenAt: &when, ReceivedAt: when, UploadedBy: fmt.Sprint(1 + n%2),
			EvidenceType: []string{"before", "after"}[n%2], Certification: models.Certification{Item: &yes, Time: &yes, Location: &yes}}
		if n == 5 {
			i.Certification.Location = &no
		}
		p.Items = append(p.Items, i)
	}
	return p
}

// every is one mail of each kind in a language, by its name.
func every(t *testing.T, language string) map[string]*mails.Message {
	a, logo := account(language), read(t, "testdata/logo.png")
	alts := map[string][2]string{"en": {"Front of house, before", "Front of house, after"}, "es": {"Frente de la casa, antes", "Frente de la casa, después"}}[language]
	tags := map[string][2]string{"en": {"Before, 10:02 AM", "After, 10:09 AM"}, "es": {"Antes, 10:02 a.m.", "Después, 10:09 a.m."}}[language]
	p := proof(t, a)
	until := at(t, "17:00")
	teo := &models.User{Username: "teo.lindqvist", Name: "Teo Lindqvist"}
	order := models.WorkOrder{ID: "204118", WorkOrderFields: p.Order.WorkOrderFields}
	alert := models.Alert{Says: "publication_failed", Args: []any{"where", "Dropbox"}, Detail: "Dropbox answers: insufficient_space.", WorkOrderID: &order.ID}
	return map[string]*mails.Message{
		"report-ready": mails.Ready{Proof: p, Surveys: 1, Logo: logo, Link: "https://proof.cedarline.example/s/Vq3nK8sT2mXw7LrB", Report: 1_900_000, Entry: "41:" + strings.Repeat("9f3c", 16),
			Pair: []mails.Picture{{JPEG: read(t, "../docs/sample/front-before.jpg"), Tag: tags[0], Alt: alts[0]}, {JPEG: read(t, "../docs/sample/front-after.jpg"), Tag: tags[1], Alt: alts[1]}}}.Mail(),
		"link-shared": mails.Shared{Account: a, Logo: logo, By: "Ines Marlow", Order: p.Order, Link: "https://proof.cedarline.example/s/Vq3nK8sT2mXw7LrB", Password: true,
			Fields: models.LinkFields{ExpiresAt: &until, AllowComments: true, AllowDownloads: true}, Message: "Rosa, here is the front of the house.\nPlease look at photo 4."}.Mail(),
		"invitation": mails.Invited{Account: a, Logo: logo, By: "Kari Voss", User: teo, Link: "https://proof.cedarline.example/field/invitation#8FJ2QK7M3XTA", Expires: until, Field: true}.Mail(),
		"reset":      mails.Reset{Account: a, By: "Kari Voss", User: teo, Link: "https://proof.cedarline.example/field/invitation#4TQN9WXE72LC", Asked: at(t, "14:40").Time, Expires: until}.Mail(),
		"alert":      mails.Alerts{Account: a, Alerts: []models.Alert{alert}, Orders: map[string]*models.WorkOrder{order.ID: &order}, Portal: "https://proof.cedarline.example"}.Mail(),
		"alerts":     mails.Alerts{Account: a, Alerts: []models.Alert{alert, {Says: "orders_rejected", Args: []any{"client", "MSV", "rejected", 3, "orders", 40, "named", ""}}}, Portal: "https://proof.cedarline.example", Entry: "41:" + strings.Repeat("9f3c", 16)}.Mail(),
		"test":       mails.Tried(a, "Results"),
	}
}

// TestMailsDocument keeps docs/mails as the code writes them.
func TestMailsDocument(t *testing.T) {
	for _, language := range models.Languages {
		for name, m := range every(t, language) {
			l, err := m.Letter()
			require.NoError(t, err)
			files := map[string]string{name + "." + language + ".html": strings.ReplaceAll(l.HTML, "cid:", ""), name + "." + language + ".txt": "Subject: " + l.Subject + "\n\n" + l.Text}
			for _, p := range l.Pictures {
				content, err := io.ReadAll(p.Content)
				require.NoError(t, err)
				files[p.Name] = string(content)
			}
			for file, content := range files {
				file = filepath.Join("..", "docs", "mails", file)
				if *write {
					require.NoError(t, os.WriteFile(file, []byte(content), 0o644))
				}
				require.Equal(t, content, string(read(t, file)), "run `make docs`: %s", file)
			}
		}
	}
}

var (
	hidden   = regexp.MustCompile(`(?s)<head>.*</head>|<div class="hide".*?</div>|<p class="second"[^>]*>[^<]*<br><a class="link".*?</p>`)
	pictures = regexp.MustCompile(`(?s)<td valign="top" width="50%".*?</td>|<img [^>]*>`)
	tags     = regexp.MustCompile(`<[^>]*>`)
)

// said are the words of the HTML that people read, without those about the button and beside the pictures.
func said(page string) []string {
	page = pictures.ReplaceAllString(hidden.ReplaceAllString(page, ""), "")
	return strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " ")))
}

func TestBothFormsSayTheSame(t *testing.T) {
	for _, language := range models.Languages {
		for name, m := range every(t, language) {
			l, err := m.Letter()
			require.NoError(t, err)
			for _, line := range strings.Split(l.Text, "\n") {
				assert.True(t, utf8.RuneCountInString(line) <= 72 || len(strings.Fields(line)) < 3, "%s: a line breaks at 72 letters: %q", name, line)
			}
			plain := l.Text
			if m.Link != "" {
				require.Equal(t, 2, strings.Count(l.HTML, `href="`), "%s: one button, and its address once more", name)
				require.Contains(t, plain, m.Button+":\n"+m.Link+"\n", "%s: its address stands alone on a line", name)
				plain = strings.Replace(plain, m.Button+":\n"+m.Link+"\n", m.Button+"\n", 1)
			}
			for _, f := range m.Facts {
				plain = strings.Replace(plain, "\n"+f.Name+": ", "\n"+f.Name+" ", 1)
			}
			plain = strings.Replace(plain, "\n-- \n", "\n", 1)
			head := m.Account != nil && m.Logo == nil || m.Account == nil // the head's name is a word too
			words := said(l.HTML)
			if head {
				words = words[len(strings.Fields(l.Sender)):]
			}
			assert.Equal(t, words, strings.Fields(plain), "%s in %s", name, language)
		}
	}
}

// TestNothingOfAMailIsFetched: a mail tells nobody that it was read.
func TestNothingOfAMailIsFetched(t *testing.T) {
	for name, m := range every(t, "en") {
		l, err := m.Letter()
		require.NoError(t, err)
		links := regexp.MustCompile(`(?i)(src|href|background|srcset|action|url)\s*[=(]\s*"?([^"\s)>]+)`).FindAllStringSubmatch(l.HTML, -1)
		for _, link := range links {
			switch strings.ToLower(link[1]) {
			case "href":
				assert.Equal(t, m.Link, html.UnescapeString(link[2]), "%s: it leads where the button does", name)
			case "src":
				assert.Regexp(t, `^cid:(logo\.png|first\.jpg|second\.jpg)$`, link[2], name)
			default:
				assert.Fail(t, "something is fetched", "%s: %s", name, link[0])
			}
		}
		assert.NotRegexp(t, `(?i)<(script|link|iframe|object|form|video|audio|base)\b|@import|@font-face`, l.HTML, name)
		assert.Less(t, len(l.HTML), 20_000, "%s: some programs cut longer mails", name)
		cids := map[string]bool{}
		for _, p := range l.Pictures {
			cids[p.Name] = true
		}
		for _, shown := range regexp.MustCompile(`cid:([a-z.]+)`).FindAllStringSubmatch(l.HTML, -1) {
			assert.True(t, cids[shown[1]], "%s shows %s, which it does not hold", name, shown[1])
		}
		if name == "link-shared" {
			assert.Equal(t, map[string]bool{"logo.png": true}, cids, "a mail of a link with a password shows nothing of the property")
		}
	}
}

// TestTheLineOfProofStandsWhereSomethingWasPublished, in groups that people can compare, and whole.
func TestTheLineOfProofStandsWhereSomethingWasPublished(t *testing.T) {
	head := strings.Repeat("9f3c", 16)
	proofOf := func(m *mails.Message) (lines []string) {
		for _, f := range m.Facts {
			if f.Name == m.R.Say("mail_proof") {
				lines = append(lines, f.Value)
			}
		}
		return lines
	}
	all := every(t, "en")
	want := []string{"41: " + strings.TrimSpace(strings.Repeat("9f3c9f3c ", 8))}
	require.Equal(t, want, proofOf(all["report-ready"]))
	require.Equal(t, want, proofOf(all["alerts"]))
	rejected := mails.Alerts{Account: account("en"), Alerts: []models.Alert{{Title: "Orders of MSV were rejected"}}, Entry: "41:" + head}.Mail()
	require.Empty(t, proofOf(rejected), "it is about no order")
	require.Len(t, rejected.Foot, 1)
}

func TestSubjectsAreShortAndNameThePlace(t *testing.T) {
	for _, language := range models.Languages {
		for name, m := range every(t, language) {
			assert.LessOrEqual(t, utf8.RuneCountInString(m.Subject), 60, "%s: %s", name, m.Subject)
			assert.NotContains(t, m.Subject, "…", name)
		}
	}
	a := account("en")
	p := proof(t, a)
	require.Equal(t, "1187 Larkspur Ln: results of Nov\u00a024, 2026 (MSV::204118)", mails.Ready{Proof: p}.Mail().Subject)
	p.Order.Address.Address1 = "20145 North Scottsdale Thompson Peak Parkway Loop"
	require.Equal(t, "20145 North Scottsdale Thompson Peak Parkway… (MSV::204118)", mails.Ready{Proof: p}.Mail().Subject)
	require.Equal(t, "Yours", mails.Ready{Proof: p, Subject: "Yours"}.Mail().Subject)
}

// TestHostileNames: what people are called stays what it is: text, in its place.
func TestHostileNames(t *testing.T) {
	long := strings.Repeat("Abcdefghi ", 30)
	for _, hostile := range []string{`<script>alert(1)</script>`, `"><img src=https://evil.example/x onerror=x>`, "Acme\r\nBcc: everybody@example.com", "Acme\nX-Evil: 1\n\nBody", long, strings.Repeat("x", 300),
		"\u202eמרחבא evil\u202c", "شركة النخبة", "{{.Account}} %s {n} {who}", "A\u2066\u2067\u0000\u0007B", "'; --"} {
		a := account("en")
		a.Name, a.Address, a.Phone = hostile, hostile, hostile
		p := proof(t, a)
		p.Names["1"], p.Order.WorkOrderNumber, p.Order.Address.Address1 = hostile, hostile, hostile
		user := &models.User{Username: "teo", Name: hostile}
		id := "o"
		for name, m := range map[string]*mails.Message{
			"ready":   mails.Ready{Proof: p, Message: hostile, Subject: hostile, Link: "https://x.example/s/1"}.Mail(),
			"ours":    mails.Ready{Proof: p}.Mail(),
			"shared":  mails.Shared{Account: a, By: hostile, Order: p.Order, Link: "https://x.example/s/1", Message: hostile}.Mail(),
			"invited": mails.Invited{Account: a, By: hostile, User: user, Link: "https://x.example/i"}.Mail(),
			"reset":   mails.Reset{Account: a, By: hostile, User: user, Link: "https://x.example/i"}.Mail(),
			"alerts":  mails.Alerts{Account: a, Alerts: []models.Alert{{Title: hostile, Detail: hostile, Remedy: hostile, WorkOrderID: &id}}, Orders: map[string]*models.WorkOrder{id: p.Order}, Portal: "https://x.example"}.Mail(),
			"tried":   mails.Tried(a, hostile),
		} {
			l, err := m.Letter()
			require.NoError(t, err)
			if name != "ready" { // whose subject is the account's own
				require.LessOrEqual(t, utf8.RuneCountInString(l.Subject), 60, "%s: %s", name, l.Subject)
			}
			for _, line := range []string{l.Subject, l.Sender} {
				require.NotRegexp(t, `[\r\n\x00-\x1f]`, line, name)
			}
			require.NotContains(t, l.HTML, "<script", name)
			require.NotContains(t, l.HTML, "<img", name)
			for _, turning := range []string{"\u202e", "\u2066", "\u2067"} {
				require.NotContains(t, l.HTML+l.Text+l.Subject+l.Sender, turning, name)
			}
			require.Equal(t, strings.Count(l.Text, "\u2068"), strings.Count(l.Text, "\u2069"), "%s: what is kept apart ends", name)
			require.True(t, utf8.ValidString(l.HTML), name)
			require.Len(t, bytes.Split([]byte(l.Text), []byte("\n-- \n")), 2, "%s: nobody ends the mail early", name)
		}
	}
}
