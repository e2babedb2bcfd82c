package tests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// small is one of the small inputs that once failed.
func small(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(rig.Root(), "tests", "cases", name))
	require.NoError(t, err)
	return content
}

// onlyTexts are all texts of the account's orders.
func onlyTexts(office *rig.User) string {
	return string(office.Want(200, "GET", "/work-orders?limit=200", nil).Body)
}

func TestNoCellOfACSVSwallowsOrders(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		for name, want := range map[string]struct {
			counts  []any
			refused map[string]string // line → words of the reason
			made    []string
		}{
			"unclosed-quote.csv": {[]any{"done", 4.0, 3.0, 0.0, 0.0, 1.0}, map[string]string{"3": "quot"}, []string{"CU-1", "CU-3", "CU-4"}},
			"inch-marks.csv":     {[]any{"done", 4.0, 2.0, 0.0, 0.0, 2.0}, map[string]string{"2": "write a mark", "4": "write a mark"}, []string{"W-2", "W-4"}},
			"cr-only.csv":        {[]any{"done", 2.0, 2.0, 0.0, 0.0, 0.0}, nil, []string{"C-1", "C-2"}},
			"numbers-with-e.csv": {[]any{"done", 3.0, 3.0, 0.0, 0.0, 0.0}, nil, []string{"12E3", "12000", "0012.0"}},
		} {
			office := rig.SignUp(t, in.URL)
			i := imported(office, name, small(t, name))
			require.Equal(t, want.counts, counts(i), name)
			results := string(office.Want(200, "GET", "/imports/"+i.Text("id")+"/results.csv", nil).Body)
			for line, words := range want.refused {
				found := false
				for row := range strings.Lines(results) {
					found = found || (strings.HasPrefix(row, line+",") && strings.Contains(row, words))
				}
				require.True(t, found, "%s, line %s: %s", name, line, results)
			}
			for _, number := range want.made {
				require.Equal(t, number, byNumber(office, number).Text("work_order_number"), name)
			}
			if name == "unclosed-quote.csv" {
				require.NotContains(t, onlyTexts(office), "key under mat")
			}
		}
	})
}

func TestSmallFilesThatOnceFailed(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for _, name := range []string{"headers-1.csv", "headers-2.csv"} {
			require.Equal(t, []any{"done", 1.0, 1.0, 0.0, 0.0, 0.0}, counts(imported(office, name, small(t, name))), name)
		}
		imported(office, "end-of-day.xlsx", small(t, "end-of-day.xlsx"))
		late := office.Want(200, "GET", "/work-orders?due_from=2026-05-04&due_to=2026-05-04", nil)
		times := []string{}
		for n := range late.List("items") {
			times = append(times, late.Text("items", n, "due_time"))
		}
		require.Equal(t, []string{"12:59", "23:59", "23:59"}, times, "a minute that has not begun is not told")
		imported(office, "zip-nsw.csv", small(t, "zip-nsw.csv"))
		require.Equal(t, "2000", byNumber(office, "Z-1").Text("address", "zip"))
	})
}

func TestOneNameHoweverItIsComposed(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		push, _ := integrate(t, office, nil)
		require.Equal(t, 200, push.form(string(small(t, "push-nfd.json"))).Status)
		orders := office.Want(200, "GET", "/work-orders?client_code=ACME", nil)
		require.Len(t, orders.List("items"), 1, "%s", orders.Body)
		require.Len(t, orders.List("items", 0, "tasks"), 1)
		require.Equal(t, "Texas", orders.Text("items", 0, "address", "state"), "the second order of the push updates the first")
		require.Equal(t, "Café", orders.Text("items", 0, "tasks", 0, "name"))
		places := 0
		for _, p := range office.Want(200, "GET", "/properties", nil).List("items") {
			if p.(map[string]any)["address"].(map[string]any)["address1"] == "1 Oak" {
				places++
			}
		}
		require.Equal(t, 1, places)
	})
}

func TestPhotosThatSayWhetherTheyAreWhole(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		_, crew, order := crewWithOrder(t, in, nil)
		path := "/work-orders/" + order.Text("id") + "/photos"
		for name, status := range map[string]int{"damaged-idat.png": 422, "no-image-data.heic": 422, "avif-as-mif1.avif": 415, "brand-mif1.heic": 201} {
			a := crew.Do("POST", path, rig.PhotoForm(small(t, name), uuid.NewString()))
			require.Equal(t, status, a.Status, "%s: %s", name, a.Body)
			if status == 201 {
				shown := crew.Want(200, "GET", "/photos/"+a.Text("id")+"/display", nil)
				require.Equal(t, "image/jpeg", shown.Header.Get("Content-Type"))
			}
		}
	})
}

func TestWhatAFileSaysOfItselfIsItsClaim(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, crew, order := crewWithOrder(t, in, nil)
		office.Want(200, "PATCH", "/account", rig.JSON{"zone": "America/Chicago"})
		path, photo := "/work-orders/"+order.Text("id")+"/photos", small(t, "exif-time-and-place.jpg")
		said := crew.Want(201, "POST", path, rig.PhotoForm(photo, uuid.NewString()))
		require.Equal(t, "2026-11-20T16:11:12Z", said.Text("taken_at"), "the zone is the account's where the file names none")
		require.Equal(t, true, said.Get("claims", "time"))
		require.Nil(t, said.Get("certification", "time"), "nobody judges what a file says")
		told := crew.Want(201, "POST", path, rig.PhotoForm(photo, uuid.NewString(), "taken_at", "2026-11-20T10:00:00Z"))
		require.Equal(t, "2026-11-20T10:00:00Z", told.Text("taken_at"), "what the sender says goes before")
		require.Nil(t, told.Get("claims"))
		require.NotNil(t, told.Get("certification", "time"))
	})
}
