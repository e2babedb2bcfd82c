package tests

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// told is what the audit log says, newest first: who, what, kind, name and the fields.
func told(u *rig.User, query string) (lines []string) {
	u.T.Helper()
	for cursor := ""; ; {
		page := u.Want(200, "GET", "/audit?limit=4"+query+cursor, nil)
		for _, i := range page.List("items") {
			e := i.(map[string]any)
			line := fmt.Sprint(e["who"], " ", e["what"], " ", e["kind"], " ", e["name"])
			if e["what"] == "changed" {
				for _, c := range e["changes"].([]any) {
					f := c.(map[string]any)
					line += fmt.Sprint(" ", f["field"], "=", f["old"], ">", f["new"])
				}
			}
			lines = append(lines, line)
		}
		if page.Get("next_cursor") == nil {
			return lines
		}
		cursor = "&cursor=" + page.Text("next_cursor")
	}
}

func TestTheAuditLogTellsWhoChangedWhat(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		admin, other := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		me := admin.Username
		before := len(told(admin, ""))

		admin.Want(200, "PATCH", "/account", rig.JSON{"zone": "America/Denver"})
		admin.Want(200, "PATCH", "/account", rig.JSON{"zone": "America/Denver"}) // changes nothing
		admin.Want(201, "POST", "/roles", rig.JSON{"name": "night", "privileges": []string{"view_all_orders"}})
		admin.Want(200, "PATCH", "/roles/night", rig.JSON{"privileges": []string{}})
		name := "maria-" + me
		user := admin.Want(201, "POST", "/users", rig.JSON{"username": name, "name": "Maria", "role": "crew", "password": "SECRET horse battery"}).Text("id")
		admin.Want(200, "PATCH", "/users/"+user, rig.JSON{"role": "night", "password": "SECRET other battery"})
		admin.Want(201, "POST", "/users/"+user+"/invite", nil)
		token := admin.Want(201, "POST", "/tokens", rig.JSON{"name": "nightly"})
		admin.Want(200, "PATCH", "/tokens/"+token.Text("id"), rig.JSON{"expires_at": "2099-01-01T00:00:00Z"})
		admin.Want(204, "DELETE", "/tokens/"+token.Text("id"), nil)
		hook := admin.Want(201, "POST", "/destinations", rig.JSON{"name": "Hook", "kind": "webhook", "settings": rig.JSON{"url": "http://127.0.0.1:9/", "authorization": "Bearer SECRET-one"}})
		admin.Want(200, "PATCH", "/destinations/"+hook.Text("id"), rig.JSON{"name": "Hook two", "settings": rig.JSON{"authorization": "Bearer SECRET-two"}})
		admin.Want(204, "DELETE", "/destinations/"+hook.Text("id"), nil)
		push := admin.Want(201, "POST", "/integrations", rig.JSON{"client_code": "PUSH", "kind": "push"})
		admin.Want(200, "POST", "/integrations/"+push.Text("id")+"/rotate-key", rig.JSON{})
		admin.Want(200, "PATCH", "/integrations/"+push.Text("id"), rig.JSON{"enabled": false})
		admin.Want(204, "DELETE", "/integrations/"+push.Text("id"), nil)
		admin.Want(204, "DELETE", "/users/"+user, nil)

		want := []string{
			"changed account Account of " + me + " zone=UTC>America/Denver",
			"created role night",
			"changed role night privileges=[view_all_orders]>[]",
			"created user " + name,
			"changed user " + name + " role=crew>night password=<nil>><nil>",
			"invited user " + name,
			"created token nightly",
			"changed token nightly expires_at=<nil>>2099-01-01T00:00:00Z",
			"deleted token nightly",
			"created destination Hook",
			"changed destination Hook two name=Hook>Hook two secrets=<nil>><nil>",
			"deleted destination Hook two",
			"created integration PUSH",
			"changed integration PUSH push_key=<nil>><nil>",
			"changed integration PUSH enabled=true>false",
			"deleted integration PUSH",
			"deleted user " + name,
		}
		got := told(admin, "")
		got = got[:len(got)-before]
		for i, line := range want {
			want[i] = me + " " + line
		}
		slices.Reverse(got)
		require.Equal(t, want, got)
		require.NotContains(t, string(admin.Want(200, "GET", "/audit?limit=200", nil).Body), "SECRET")
		require.Equal(t, []string{me + " deleted token nightly", me + " changed token nightly expires_at=<nil>>2099-01-01T00:00:00Z", me + " created token nightly"}, told(admin, "&kind=token"))
		require.Empty(t, told(admin, "&who=somebody"))
		require.Equal(t, 400, admin.Do("GET", "/audit?kind=nothing", nil).Status)
		for _, line := range told(other, "") {
			require.NotContains(t, line, me)
		}
	})
}
