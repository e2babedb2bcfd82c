package tests

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// wanted asks for folders in every way in which an account can.
var wanted = map[string]func(u *rig.User, path string) rig.Answer{
	"path": func(u *rig.User, path string) rig.Answer {
		return u.Do("POST", "/destinations", rig.JSON{"name": "d", "kind": "folder", "settings": rig.JSON{"path": path}})
	},
	"more_paths": func(u *rig.User, path string) rig.Answer {
		return u.Do("POST", "/destinations", rig.JSON{"name": "d", "kind": "folder", "settings": rig.JSON{"path": "own-" + uuid.NewString()[:8], "more_paths": []rig.JSON{{"path": path}}}})
	},
	"an edit": func(u *rig.User, path string) rig.Answer {
		d := u.Want(201, "POST", "/destinations", rig.JSON{"name": "d", "kind": "folder", "settings": rig.JSON{"path": "own-" + uuid.NewString()[:8]}})
		a := u.Do("PATCH", "/destinations/"+d.Text("id"), rig.JSON{"settings": rig.JSON{"path": path}})
		if a.Status == 200 {
			a.Status = 201
		}
		return a
	},
	"a watched folder": func(u *rig.User, path string) rig.Answer {
		return u.Do("POST", "/integrations", rig.JSON{"name": "w", "kind": "watched_folder", "client_code": "W" + uuid.NewString()[:8], "settings": rig.JSON{"backend": "local", "path": path}})
	},
}

func TestAFolderBelongsToOneAccountForEver(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		first, second := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		refusals := map[string]bool{}
		for by, claim := range wanted {
			path := "claimed-" + uuid.NewString()[:8]
			claimed := claim(first, path+"/inner")
			require.Equal(t, 201, claimed.Status, "%s: %s", by, claimed.Body)
			for again, other := range wanted {
				for _, overlapping := range []string{path + "/inner", path, path + "/inner/done", path + "/INNER/failed/x"} {
					a := other(second, overlapping)
					require.Equal(t, 409, a.Status, "%s against %s: %s", again, by, a.Body)
					refusals[a.Text("errors", 0, "message")] = true
				}
			}
			// Deleted, it stays the first account's, for there may be files in it.
			if id := claimed.Text("id"); by == "a watched folder" {
				first.Want(204, "DELETE", "/integrations/"+id, nil)
			} else {
				first.Want(204, "DELETE", "/destinations/"+id, nil)
			}
			require.Equal(t, 409, wanted["path"](second, path+"/inner").Status)
			require.Equal(t, 201, wanted["path"](first, path+"/inner").Status)
			require.Equal(t, 201, wanted["path"](second, path+"-beside").Status)
		}
		require.Len(t, refusals, 1, "the refusal tells nothing of who holds it: %v", refusals)
	})
}

func TestTwoClaimsAtOnceGiveAFolderToOne(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		first, second := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		for n := range 10 {
			path := fmt.Sprintf("at-once-%s-%d", uuid.NewString()[:8], n)
			var a, b rig.Answer
			besides(func() { a = wanted["path"](first, path) }, func() { b = wanted["more_paths"](second, path+"/below") })
			require.ElementsMatch(t, []int{201, 409}, []int{a.Status, b.Status}, "%s %s", a.Body, b.Body)
		}
	})
}
