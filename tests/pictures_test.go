package tests

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// pictureBytes is how large a picture of the README may be.
const pictureBytes = 150_000

// TestThePicturesOfTheReadme: each is there and small. PICTURES=1 takes them anew, of the sample order and some more.
func TestThePicturesOfTheReadme(t *testing.T) {
	t.Parallel()
	if os.Getenv("PICTURES") != "" {
		takePictures(t, filepath.Join(rig.Root(), "docs", "pictures"))
	}
	text, err := os.ReadFile(filepath.Join(rig.Root(), "README.md"))
	require.NoError(t, err)
	shown := regexp.MustCompile(`src="(docs/pictures/[^"]+)"`).FindAllStringSubmatch(string(text), -1)
	require.GreaterOrEqual(t, len(shown), 5)
	for _, m := range shown {
		info, err := os.Stat(filepath.Join(rig.Root(), m[1]))
		require.NoError(t, err)
		require.Less(t, info.Size(), int64(pictureBytes), m[1])
	}
}

// takePictures shows what people see: the office's list and review, the field app, the client's page and report.
func takePictures(t *testing.T, folder string) {
	require.NoError(t, os.MkdirAll(folder, 0o755))
	in, dir, said := walk(t)
	office := rig.SignIn(t, in.URL, "demo-office", demoPassword(t, filepath.Join(dir, "data")))
	var crew string
	for _, u := range office.Want(200, "GET", "/users", nil).List("items") {
		if u := u.(map[string]any); u["username"] == "demo-crew" {
			crew = u["id"].(string)
		}
	}
	office.Want(200, "PATCH", "/users/"+crew, rig.JSON{"password": rig.Password})
	worker := rig.SignIn(t, in.URL, "demo-crew", rig.Password)
	review := moreOrders(t, office, worker)

	keep := func(name string, picture []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name+".webp"), picture, 0o644))
	}
	ctx := browse(t, false)
	shoot := func(name string, actions ...chromedp.Action) {
		t.Helper()
		var picture []byte
		require.NoError(t, chromedp.Run(ctx, append(actions, chromedp.WaitReady("body"), loaded, chromedp.ActionFunc(webp(&picture)))...), name)
		keep(name, picture)
	}
	require.NoError(t, chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(1280, 800, 1, false)))
	shoot("link", chromedp.Navigate(strings.TrimSpace(said[strings.LastIndex(said, in.URL+"/s/"):])), chromedp.WaitVisible(`.Pair`))
	require.NoError(t, exec.Command("pdftoppm", "-r", "80", "-l", "3", "-png", filepath.Join(dir, "report.pdf"), filepath.Join(dir, "page")).Run())
	pages, err := filepath.Glob(filepath.Join(dir, "page*.png"))
	require.NoError(t, err)
	var sheet strings.Builder
	sheet.WriteString(`<body style="margin:0;padding:20px;background:#d4dae0;display:flex;gap:20px;justify-content:center">`)
	for _, p := range pages {
		b, err := os.ReadFile(p)
		require.NoError(t, err)
		fmt.Fprintf(&sheet, `<img style="height:760px;box-shadow:0 2px 8px #0003" src="data:image/png;base64,%s">`, base64.StdEncoding.EncodeToString(b))
	}
	file := filepath.Join(dir, "report.html")
	require.NoError(t, os.WriteFile(file, []byte(sheet.String()), 0o600))
	shoot("report", emulation.SetDeviceMetricsOverride(1840, 800, 1, false), chromedp.Navigate("file://"+file))

	office.Want(200, "PATCH", "/users/"+office.ID, rig.JSON{"password": rig.Password})
	ctx = signedIn(t, in, &rig.User{T: t, URL: in.URL, Username: "demo-office"}, false)
	require.NoError(t, chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(1280, 800, 1, false)))
	shoot("orders", chromedp.Navigate(in.URL+"/orders"), chromedp.WaitVisible(`main a[href^="/orders/"]`))
	shoot("review", chromedp.Navigate(in.URL+"/orders/"+review+"/review"), chromedp.WaitVisible(`.Tile.at`))

	p := newPhone(t, in)
	p.enter(&rig.User{T: t, URL: in.URL, Username: "demo-crew"})
	p.until("an order", `document.body.innerText.includes("Cypress")`)
	var picture []byte
	p.run(loaded, chromedp.ActionFunc(webp(&picture)))
	keep("field", picture)
}

// moreOrders makes the account look as on a working day, and returns the order that waits for review.
func moreOrders(t *testing.T, office, crew *rig.User) (review string) {
	t.Helper()
	sample := func(name string) []byte {
		photo, err := os.ReadFile(filepath.Join(rig.Root(), "docs", "sample", name+".jpg"))
		require.NoError(t, err)
		return photo
	}
	for n, o := range []struct {
		number, client, street, task, priority string
		due                                    int
		until                                  string
	}{
		{"204131", "MSV", "310 Cypress Bend", "Lawn cut", "rush", 0, "assigned"}, {"204127", "MSV", "1187 Cypress Creek Drive", "Lock change", "normal", 0, "completed"},
		{"88-2041", "BRIO", "42 Sagebrush Court", "Winterize", "normal", -1, "assigned"}, {"88-2043", "BRIO", "905 Bluebonnet Way", "Initial secure", "normal", 1, "in_progress"},
		{"204135", "MSV", "77 Pecan Hollow", "Lawn cut", "normal", 2, "created"}, {"204136", "MSV", "78 Pecan Hollow", "Lawn cut", "normal", 2, "created"},
		{"88-2050", "BRIO", "6 Heron Pond Lane", "Debris removal", "normal", 3, "assigned"}, {"88-2051", "BRIO", "2209 Old Mill Road", "Occupancy check", "normal", 4, "created"},
	} {
		at := [2]float64{30.51 + float64(n)/100, -97.68}
		made := office.Want(201, "POST", "/work-orders", rig.JSON{"work_order_number": o.number, "client_code": o.client, "priority": o.priority, "due_date": time.Now().AddDate(0, 0, o.due).Format(time.DateOnly),
			"latitude": at[0], "longitude": at[1], "address": rig.JSON{"address1": o.street, "city": "Round Rock", "state": "TX", "zip": "78664"},
			"tasks": []rig.JSON{{"name": o.task, "required_photos": rig.JSON{"before": 1, "after": 1}}}})
		id, task := made.Text("id"), made.Text("tasks", 0, "id")
		if o.until == "created" {
			continue
		}
		office.Want(200, "POST", "/work-orders/"+id+"/assign", rig.JSON{"assignee": "demo-crew"})
		photos := map[string]int{"in_progress": 1, "completed": 6}[o.until]
		for i, p := range [][3]string{{"front-before", "before", "Front of house"}, {"lock-before", "before", "Front door"}, {"yard-before", "before", "Back yard"},
			{"front-after", "after", "Front of house"}, {"lock-after", "after", "Front door"}, {"yard-after", "after", "Back yard"}} {
			if i < photos {
				photo := sample(p[0])
				photo = slices.Concat(photo[:2], []byte{0xff, 0xfe, 0, 4, byte(n), byte(i)}, photo[2:]) // a comment: no photo is there twice
				crew.Upload(id, photo, "task_id", task, "evidence_type", p[1], "shot", p[2], "source", "mobile_camera",
					"taken_at", time.Now().Add(time.Duration(6*i-40)*time.Minute).UTC().Format(time.RFC3339), "latitude", fmt.Sprint(at[0]+0.0001), "longitude", fmt.Sprint(at[1]), "accuracy", "8")
			}
		}
		if photos > 0 {
			office.AwaitState(id, "in_progress")
		}
		if o.until == "completed" {
			crew.Want(200, "POST", "/work-orders/"+id+"/complete", nil)
			review = id
		}
	}
	return review
}

// loaded waits for fonts, and for each picture that is to be seen.
var loaded = chromedp.Evaluate(`Promise.all([document.fonts.ready, ...[...document.images].filter(i => i.getBoundingClientRect().top < innerHeight).map(i => i.decode().catch(() => 0))])
	.then(() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(0)))))`, nil, awaitPromise)

// webp takes the page as it is seen.
func webp(into *[]byte) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		*into, err = page.CaptureScreenshot().WithFormat(page.CaptureScreenshotFormatWebp).WithQuality(80).Do(ctx)
		return err
	}
}
