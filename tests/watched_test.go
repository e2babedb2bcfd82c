package tests

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// watch makes an integration that watches a place.
func watch(office *rig.User, code string, place *rig.Place) string {
	settings := rig.JSON{"settle_seconds": 1}
	maps.Copy(settings, place.Settings)
	return office.Want(201, "POST", "/integrations", rig.JSON{"client_code": code, "kind": "watched_folder", "settings": settings}).Text("id")
}

func TestFilesOfWatchedFoldersComeInOnce(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		for name, place := range map[string]func() *rig.Place{"local": func() *rig.Place { return rig.LocalPlace(t, in, "watched-"+uuid.NewString()[:8]) },
			"sftp": func() *rig.Place { return rig.SFTPPlace(t) }, "webdav": func() *rig.Place { return rig.WebDAVPlace(t) }, "s3": func() *rig.Place { return rig.S3Place(t) }} {
			t.Run(name, func(t *testing.T) {
				p := place()
				office := rig.SignUp(t, in.URL)
				rows := strings.Split(string(orderRows(4)), "\n")
				good := []byte(strings.Join(rows[:3], "\n") + "\n")
				half := []byte(strings.Join(rows[:1], "\n") + "\n" + strings.Join(rows[3:4], "\n")[:20])
				p.Put("good.csv", good)
				p.Put("same.csv", good)
				p.Put("bad.csv", []byte("number,city\nB-1,x\n"))
				p.Put("nonsense.xlsx", []byte("this is no spreadsheet,at all\n"))
				p.Put("readme.pdf", []byte("%PDF"))
				p.Put(".hidden.csv", good)
				id := watch(office, "W", p)
				require.Equal(t, true, office.Want(200, "POST", "/integrations/"+id+"/test", nil).Get("ok"))
				office.Want(202, "POST", "/integrations/"+id+"/refresh", nil)
				gone := func(names ...string) func() bool {
					return func() bool {
						left := p.Names("")
						return !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(left, n) })
					}
				}
				defer func() {
					if t.Failed() {
						t.Logf("%s %v %s", office.Want(200, "GET", "/integrations/"+id, nil).Body, p.Names(""), office.Want(200, "GET", "/integrations/"+id+"/log", nil).Body)
					}
				}()
				office.Await("the files to be moved", gone("good.csv", "same.csv", "bad.csv", "nonsense.xlsx"))
				require.ElementsMatch(t, []string{"readme.pdf", ".hidden.csv"}, p.Names(""), "what is no list stays")
				done, failed := strings.Join(p.Names("done"), " "), strings.Join(p.Names("failed"), " ")
				for _, n := range []string{"good_", "same_", ".result.csv"} {
					require.Contains(t, done, n)
				}
				for _, n := range []string{"bad_", "nonsense_"} {
					require.Contains(t, failed, n)
				}
				for _, n := range p.Names("failed") {
					if strings.HasPrefix(n, "bad_") && strings.HasSuffix(n, ".result.csv") {
						require.Contains(t, string(p.Read("failed/"+n)), "2,B-1,rejected,address1,")
					}
				}
				require.Len(t, office.Want(200, "GET", "/work-orders?client_code=W", nil).List("items"), 2)
				files := 0
				for _, e := range office.Want(200, "GET", "/integrations/"+id+"/log", nil).List("items") {
					if e.(map[string]any)["kind"] == "file" {
						files++
					}
				}
				require.Equal(t, 3, files, "each content once")

				p.Put("late.csv", half) // it is still being written
				office.Want(202, "POST", "/integrations/"+id+"/refresh", nil)
				office.Await("a first look", func() bool { return office.Want(200, "GET", "/integrations/"+id, nil).Get("next_try_at") != nil })
				p.Put("late.csv", []byte(rows[0]+"\n"+rows[3]+"\n"))
				office.Await("the whole file", gone("late.csv"))
				require.Len(t, office.Want(200, "GET", "/work-orders?client_code=W", nil).List("items"), 3)
				office.Await("idle", func() bool { return office.Want(200, "GET", "/integrations/"+id, nil).Text("status") == "idle" })
				view := string(office.Want(200, "GET", "/integrations/"+id, nil).Body)
				require.NotContains(t, view, "secret\"")
			})
		}
	})
}

func TestAWatchedFolderThatIsNotToBeReachedSaysSo(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		place := rig.SFTPPlace(t)
		place.Settings["options"].(rig.JSON)["pass"] = "wrong"
		id := watch(office, "W", place)
		test := office.Want(200, "POST", "/integrations/"+id+"/test", nil)
		require.Equal(t, false, test.Get("ok"))
		require.NotEmpty(t, test.Text("error"))
		require.Equal(t, "error", refreshed(office, id, nil).Text("status"))
		private := watch(office, "P", &rig.Place{Settings: rig.JSON{"backend": "webdav", "options": rig.JSON{"url": "http://10.255.255.1/dav"}}})
		require.Contains(t, office.Want(200, "POST", "/integrations/"+private+"/test", nil).Text("error"), "private network")
		foreign := rig.SignUp(t, in.URL)
		mine := rig.LocalPlace(t, in, "mine-"+uuid.NewString()[:8])
		watch(office, "L", mine)
		foreign.WantField(409, "settings.path", "POST", "/integrations", rig.JSON{"client_code": "L", "kind": "watched_folder", "settings": rig.JSON{"backend": "local", "path": mine.Settings["path"].(string) + "/below"}})
		foreign.WantField(409, "settings.path", "POST", "/destinations", rig.JSON{"name": "F", "kind": "folder", "settings": rig.JSON{"path": mine.Settings["path"]}})
	})
}
