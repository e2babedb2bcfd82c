package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// invited is an account that took an invitation of another.
type invited struct {
	office, vendor *rig.User
	out, in, url   string
}

// invite has an office invite, and a vendor take it.
func invite(office, vendor *rig.User, code string) *invited {
	made := office.Want(201, "POST", "/share-links", rig.JSON{"name": "Lone Star Lawns"})
	i := &invited{office: office, vendor: vendor, out: made.Text("id"), url: made.Text("invitation_url")}
	i.in = vendor.Want(201, "POST", "/share-links/accept", rig.JSON{"invitation_url": i.url, "client_code": code}).Text("id")
	return i
}

func stateOf(u *rig.User, link string) string {
	return u.Want(200, "GET", "/share-links/"+link, nil).Text("state")
}

func awaitState(u *rig.User, link, state string) (shown rig.Answer) {
	u.T.Helper()
	u.Await("the link to be "+state, func() bool {
		shown = u.Want(200, "GET", "/share-links/"+link, nil)
		return shown.Text("state") == state
	})
	return shown
}

// knock calls a service of the external-integration API.
func knock(t *testing.T, base, service string, payload rig.JSON) rig.Answer {
	t.Helper()
	return (&caller{t, base + "/integration/v2", nil}).call(service, payload)
}

func TestAnInvitationLinksTwoAccounts(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		made := office.Want(201, "POST", "/share-links", rig.JSON{"name": "Lone Star Lawns"})
		id, address := made.Text("id"), made.Text("invitation_url")
		require.Equal(t, []any{"out", "invited", nil}, []any{made.Get("direction"), made.Get("state"), made.Get("username")})
		require.NotEmpty(t, made.Text("expires_at"))
		require.True(t, strings.HasPrefix(address, in.URL+"/share-invitation#"), address)
		_, secret, _ := strings.Cut(address, "#")
		shown := office.Want(200, "GET", "/share-links/"+id, nil)
		require.NotContains(t, string(shown.Body), secret, "it is shown once")

		// A look takes nothing, however often.
		for range 3 {
			preview := vendor.Want(200, "POST", "/share-links/preview", rig.JSON{"invitation_url": address})
			require.Equal(t, []any{office.Want(200, "GET", "/account", nil).Text("name"), strings.TrimPrefix(in.URL, "http://"), made.Get("expires_at")},
				[]any{preview.Get("account"), preview.Get("host"), preview.Get("expires_at")})
		}

		accepted := vendor.Want(201, "POST", "/share-links/accept", rig.JSON{"invitation_url": address, "client_code": "ACME"})
		require.Equal(t, []any{"in", "waiting", true}, []any{accepted.Get("direction"), accepted.Get("state"), accepted.Get("peer", "fieldproof")})
		require.Equal(t, accepted.Text("id"), vendor.Want(201, "POST", "/share-links/accept", rig.JSON{"invitation_url": address, "client_code": "ACME"}).Text("id"), "the same again is the same link")
		require.Len(t, vendor.Want(200, "GET", "/integrations", nil).List("items"), 1)

		// The delegator sees who took it, and may give orders already: they wait.
		asks := awaitState(office, id, "waiting")
		require.Equal(t, vendor.Want(200, "GET", "/account", nil).Text("name"), asks.Text("asks", "admit"))
		require.Equal(t, strings.TrimPrefix(in.URL, "http://"), asks.Text("asks", "host"))
		require.Equal(t, asks.Text("peer", "name"), asks.Text("asks", "admit"))
		login := asks.Text("username")
		number := uuid.NewString()[:12]
		order := office.Order(rig.JSON{"work_order_number": number})
		office.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": login})
		vendor.Want(200, "POST", "/share-links/"+accepted.Text("id")+"/test", nil)
		waits := vendor.Want(200, "GET", "/share-links/"+accepted.Text("id"), nil)
		require.Equal(t, "waiting", waits.Text("state"))
		require.Contains(t, waits.Text("last_error"), "has not let this account in yet")
		require.Empty(t, vendor.Want(200, "GET", "/work-orders?q="+number, nil).List("items"))

		admitted := office.Want(200, "POST", "/share-links/"+id+"/admit", nil)
		require.Nil(t, admitted.Get("asks"))
		awaitState(office, id, "ok")
		awaitState(vendor, accepted.Text("id"), "ok")
		require.Equal(t, "ACME", at(vendor, number).Text("client_code"))
		require.Equal(t, 409, office.Do("POST", "/share-links/"+id+"/admit", nil).Status, "nobody waits any more")

		// Nothing secret stands anywhere.
		for _, u := range []*rig.User{office, vendor} {
			for _, path := range []string{"/share-links", "/integrations", "/users", "/alerts"} {
				body := string(u.Want(200, "GET", path, nil).Body)
				require.NotContains(t, body, secret, path)
				require.NotContains(t, body, "fp_", path)
				require.NotContains(t, body, "/push/", path)
			}
		}
		require.NotContains(t, in.Output(), secret, "nor in the log")
	})
}

func TestAnInvitationIsTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor, late := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		i := invite(office, vendor, "ACME")
		_, secret, _ := strings.Cut(i.url, "#")
		for _, path := range []string{"/share-links/preview", "/share-links/accept"} {
			body := rig.JSON{"invitation_url": i.url}
			if path == "/share-links/accept" {
				body["client_code"] = "ACME"
			}
			a := late.Want(410, "POST", path, body)
			require.Contains(t, a.Text("detail"), "was used")
		}
		require.Empty(t, late.Want(200, "GET", "/integrations", nil).List("items"), "what was refused leaves nothing")

		// Over the wire: the same to the same name, nothing to another.
		again := office.Want(201, "POST", "/share-links", rig.JSON{"name": "B"})
		_, other, _ := strings.Cut(again.Text("invitation_url"), "#")
		take := func(name string) rig.Answer {
			return knock(t, in.URL, "invitation", rig.JSON{"fieldproof": "share1", "invitation": other, "account": name, "accountName": "Vendor B", "keys": "[]", "pushkey": "https://vendor.example/push/secret"})
		}
		first, second := take("a-random-name-of-theirs"), take("a-random-name-of-theirs")
		require.NotEmpty(t, first.Text("token"))
		require.Equal(t, first.JSON, second.JSON)
		refused := take("somebody else")
		require.Contains(t, refused.Text("error"), "was used")
		require.Empty(t, refused.Text("token"))
		shown := office.Want(200, "GET", "/share-links/"+again.Text("id"), nil)
		require.Equal(t, []any{"Vendor B", "vendor.example"}, []any{shown.Get("asks", "admit"), shown.Get("asks", "host")})
		require.NotContains(t, string(shown.Body), "push/secret")

		// Before they are let in the token is good for validate alone.
		who := rig.JSON{"fieldproof": "share1", "account": "a-random-name-of-theirs", "username": first.Text("username"), "token": first.Text("token"), "accountName": "Vendor B", "keys": "[]"}
		for _, service := range []string{"getWorkOrders", "uploadPictures", "status"} {
			a := knock(t, in.URL, service, who)
			require.Contains(t, a.Text("error"), "has not let you in yet", service)
		}
		curious := &rig.User{T: t, URL: in.URL, Token: first.Text("token")}
		require.Equal(t, 401, curious.Do("GET", "/work-orders", nil).Status, "nobody signs in by it")
		require.Equal(t, true, knock(t, in.URL, "validate", who).Get("validated"))
		require.Equal(t, "waiting", knock(t, in.URL, "validate", who).Get("linkState"))
		bare := rig.JSON{"username": first.Text("username"), "token": first.Text("token")}
		require.NotEqual(t, true, knock(t, in.URL, "validate", bare).Get("validated"), "nobody but who took it")

		// An ended one is over, one that nobody made too, and guesses are counted.
		gone := office.Want(201, "POST", "/share-links", rig.JSON{"name": "C"})
		office.Want(204, "DELETE", "/share-links/"+gone.Text("id"), nil)
		late.Want(410, "POST", "/share-links/accept", rig.JSON{"invitation_url": gone.Text("invitation_url"), "client_code": "ACME"})
		late.Want(410, "POST", "/share-links/preview", rig.JSON{"invitation_url": in.URL + "/share-invitation#si_nonsense"})
		require.Equal(t, "ended", stateOf(office, gone.Text("id")))
		require.NotContains(t, in.Output(), secret)

		// Without the word that one is a Fieldproof there is no such service.
		require.NotContains(t, string(knock(t, in.URL, "invitation", rig.JSON{"invitation": other}).Body), "accountName")
	})
}

func TestSomebodyWhomTheDelegatorDoesNotLetIn(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		i := invite(office, vendor, "ACME")
		awaitState(office, i.out, "waiting")
		require.Equal(t, "ended", office.Want(200, "POST", "/share-links/"+i.out+"/refuse", nil).Text("state"))
		over := awaitState(vendor, i.in, "ended")
		require.Contains(t, over.Text("last_error"), "did not let you in")
		require.Equal(t, 404, office.Do("POST", "/share-links/"+i.out+"/refuse", nil).Status, "a link that is over is not judged again")
	})
}

func TestALinkLeadsToAnotherAccount(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		made := office.Want(201, "POST", "/share-links", rig.JSON{"name": "Us"})
		own := office.Want(409, "POST", "/share-links/accept", rig.JSON{"invitation_url": made.Text("invitation_url"), "client_code": "US"})
		require.Contains(t, own.Text("detail"), "itself")
		require.Equal(t, "invited", stateOf(office, made.Text("id")), "it is not used up")

		login := "vendor-" + uuid.NewString()[:12]
		office.Want(201, "POST", "/users", rig.JSON{"username": login, "password": "correct horse battery", "role": "subcontractor"})
		office.Want(201, "POST", "/integrations", rig.JSON{"client_code": "US", "kind": "share", "settings": rig.JSON{"username": login, "password": "correct horse battery"}})
		id := office.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		require.Contains(t, awaitState(office, id, "refused").Text("last_error"), "itself")
	})
}

func TestAnInvitationIsNotSpentOnWhatCannotBeKept(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		vendor.Want(201, "POST", "/integrations", rig.JSON{"client_code": "ACME", "kind": "push"})
		made := office.Want(201, "POST", "/share-links", rig.JSON{"name": "V"})
		address := made.Text("invitation_url")
		vendor.WantField(409, "client_code", "POST", "/share-links/accept", rig.JSON{"invitation_url": address, "client_code": "acme"})
		vendor.WantField(422, "default_work_type", "POST", "/share-links/accept", rig.JSON{"invitation_url": address, "client_code": "B", "default_work_type": "none"})
		vendor.WantField(422, "default_assignee", "POST", "/share-links/accept", rig.JSON{"invitation_url": address, "client_code": "B", "default_assignee": "nobody"})
		vendor.WantField(422, "client_code", "POST", "/share-links/accept", rig.JSON{"invitation_url": address, "client_code": "B::C"})
		for _, bad := range []string{"", "nonsense", in.URL + "/share-invitation", in.URL + "/s/abc#si_x", "ftp://example.com/share-invitation#si_x", "https://user@example.com/share-invitation#si_x"} {
			vendor.WantField(422, "invitation_url", "POST", "/share-links/preview", rig.JSON{"invitation_url": bad})
		}
		require.Equal(t, "invited", stateOf(office, made.Text("id")))
		crew := vendor.Colleague("crew")
		vendor.Want(201, "POST", "/share-links/accept", rig.JSON{"invitation_url": address, "client_code": "B", "name": "Our client", "default_assignee": crew.Username})
		shown := vendor.Want(200, "GET", "/integrations", nil)
		require.Equal(t, []any{"Our client", crew.Username, "share"}, []any{shown.Get("items", 0, "name"), shown.Get("items", 0, "default_assignee"), shown.Get("items", 0, "kind")})
	})
}

// strange answers every service in one way.
func strange(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

func TestAPeerThatTalksNonsenseAtSetUp(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		vendor := rig.SignUp(t, in.URL)
		for name, how := range map[string]struct {
			answer http.HandlerFunc
			says   string
			state  string
		}{
			"HTML":        {func(w http.ResponseWriter, _ *http.Request) { rig.Say(w, "<html>It works!</html>") }, "It works!", "refused"},
			"half a JSON": {func(w http.ResponseWriter, _ *http.Request) { rig.Say(w, `{"error":"","validated":tr`) }, "no answer", "refused"},
			"a redirect": {func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
			}, "302", "refused"},
			"a gigabyte": {func(w http.ResponseWriter, _ *http.Request) {
				chunk := strings.Repeat("x", 1<<20)
				_, _ = io.WriteString(w, `{"error":"`)
				for range 1024 {
					if _, err := io.WriteString(w, chunk); err != nil {
						return
					}
				}
			}, "no answer", "refused"},
			"nothing": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "does not answer", "down"},
		} {
			t.Run(name, func(t *testing.T) {
				peer := strange(t, how.answer)
				u, _ := url.Parse(peer.URL)
				status := 422
				if how.state == "down" {
					status = 503
				}
				for _, path := range []string{"preview", "accept"} {
					body := rig.JSON{"invitation_url": peer.URL + "/share-invitation#si_x"}
					if path == "accept" {
						body["client_code"] = "X"
					}
					a := vendor.Do("POST", "/share-links/"+path, body)
					require.Equal(t, status, a.Status, "%s", a.Body)
					require.Contains(t, string(a.Body), u.Host)
					require.NotContains(t, string(a.Body), "si_x")
				}
				integration := vendor.Want(201, "POST", "/integrations", rig.JSON{"client_code": "N" + uuid.NewString()[:8], "kind": "share", "settings": rig.JSON{"url": peer.URL, "username": "v", "password": "p"}})
				link := ""
				for _, l := range vendor.Want(200, "GET", "/share-links", nil).List("items") {
					if m := l.(map[string]any); m["integration_id"] == integration.Text("id") {
						link = m["id"].(string)
					}
				}
				require.Contains(t, awaitState(vendor, link, how.state).Text("last_error"), how.says)
			})
		}
		vendor.WantField(422, "invitation_url", "POST", "/share-links/preview", rig.JSON{"invitation_url": "http://10.255.255.1/share-invitation#si_x"})

		// Nothing else stops.
		office := rig.SignUp(t, in.URL)
		i := invite(office, vendor, "OK")
		office.Want(200, "POST", "/share-links/"+i.out+"/admit", nil)
		awaitState(vendor, i.in, "ok")
	})
}

func TestASecondAccountWithTheSameLoginWaits(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor, other := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		number := uuid.NewString()[:12]
		order := office.Order(rig.JSON{"work_order_number": number})
		office.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": l.login})
		at(vendor, number)

		settings := rig.JSON{"username": l.login, "password": "correct horse battery"}
		other.Want(201, "POST", "/integrations", rig.JSON{"client_code": "ACME", "kind": "share", "settings": settings})
		second := other.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		require.Contains(t, awaitStateWith(other, second, "waiting", "Another account is linked").Text("last_error"), "Another account is linked")
		shown := office.Want(200, "GET", "/share-links/"+l.out, nil)
		require.Equal(t, []any{"ok", other.Want(200, "GET", "/account", nil).Text("name")}, []any{shown.Get("state"), shown.Get("asks", "admit")})
		require.Empty(t, other.Want(200, "GET", "/work-orders?q="+number, nil).List("items"))

		// Refused, it hears so; and asks no more.
		require.Nil(t, office.Want(200, "POST", "/share-links/"+l.out+"/refuse", nil).Get("asks"))
		other.Want(200, "POST", "/share-links/"+second+"/test", nil)
		require.Equal(t, "refused", stateOf(other, second))
		require.Nil(t, office.Want(200, "GET", "/share-links/"+l.out, nil).Get("asks"))
		require.Equal(t, "ok", stateOf(vendor, l.in))

		// A third is let in in the place of the first.
		third := rig.SignUp(t, in.URL)
		third.Want(201, "POST", "/integrations", rig.JSON{"client_code": "ACME", "kind": "share", "settings": settings})
		id := third.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		awaitStateWith(third, id, "waiting", "Another account is linked")
		office.Want(200, "POST", "/share-links/"+l.out+"/admit", nil)
		awaitState(third, id, "ok")
		at(third, number)
		vendor.Want(200, "POST", "/share-links/"+l.in+"/test", nil)
		require.Equal(t, "refused", stateOf(vendor, l.in), "the first has lost its place")
		require.NotEmpty(t, vendor.Want(200, "GET", "/work-orders?q="+number, nil).List("items"), "and keeps what it has")
	})
}

func awaitStateWith(u *rig.User, link, state, words string) (shown rig.Answer) {
	u.T.Helper()
	u.Await(fmt.Sprintf("the link to be %s with %q", state, words), func() bool {
		shown = u.Want(200, "GET", "/share-links/"+link, nil)
		return shown.Text("state") == state && strings.Contains(shown.Text("last_error"), words)
	})
	return shown
}

// given assigns a new order to the login of a link, and returns its number.
func (l *linked) given() string {
	l.office.T.Helper()
	number := uuid.NewString()[:12]
	order := l.office.Order(rig.JSON{"work_order_number": number})
	l.office.Want(200, "POST", "/work-orders/"+order.Text("id")+"/assign", rig.JSON{"assignee": l.login})
	return number
}

// TestWhatEndsALink ends links, or holds them, in every way: within seconds nothing moves, and the other side hears which it
// was. What is put right goes on where it stopped.
func TestWhatEndsALink(t *testing.T) {
	for name, way := range map[string]struct {
		end    func(*linked)
		state  string // at the recipient
		says   string
		mend   func(*linked) // nil for what is over
		office string        // its state at the delegator meanwhile; "" for whatever
	}{
		"the login is switched off": {func(l *linked) { l.office.Want(200, "PATCH", "/users/"+l.loginID, rig.JSON{"active": false}) }, "refused", "is switched off",
			func(l *linked) { l.office.Want(200, "PATCH", "/users/"+l.loginID, rig.JSON{"active": true}) }, "refused"},
		"its role is changed": {func(l *linked) { l.office.Want(200, "PATCH", "/users/"+l.loginID, rig.JSON{"role": "crew"}) }, "refused", "has the role crew",
			func(l *linked) { l.office.Want(200, "PATCH", "/users/"+l.loginID, rig.JSON{"role": "subcontractor"}) }, "refused"},
		"its password is changed": {func(l *linked) {
			l.office.Want(200, "PATCH", "/users/"+l.loginID, rig.JSON{"password": "another horse battery"})
		}, "refused", "invalid username, password, or token", func(l *linked) {
			l.vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"settings": rig.JSON{"password": "another horse battery"}})
		}, "waiting"},
		"the delegator pauses it": {func(l *linked) { l.office.Want(200, "POST", "/share-links/"+l.out+"/pause", nil) }, "refused", "has paused this link",
			func(l *linked) { l.office.Want(200, "POST", "/share-links/"+l.out+"/resume", nil) }, "paused"},
		"the recipient pauses it": {func(l *linked) { l.vendor.Want(200, "POST", "/share-links/"+l.in+"/pause", nil) }, "paused", "",
			func(l *linked) { l.vendor.Want(200, "POST", "/share-links/"+l.in+"/resume", nil) }, ""},
		"the integration is switched off": {func(l *linked) {
			l.vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"enabled": false})
		}, "paused", "",
			func(l *linked) {
				l.vendor.Want(200, "PATCH", "/integrations/"+l.integration, rig.JSON{"enabled": true})
			}, ""},
		"the login is deleted":    {func(l *linked) { l.office.Want(204, "DELETE", "/users/"+l.loginID, nil) }, "ended", "was deleted", nil, "ended"},
		"the delegator ends it":   {func(l *linked) { l.office.Want(204, "DELETE", "/share-links/"+l.out, nil) }, "ended", "has ended this link", nil, "ended"},
		"the recipient ends it":   {func(l *linked) { l.vendor.Want(204, "DELETE", "/share-links/"+l.in, nil) }, "ended", "ended here", nil, "ended"},
		"its integration is gone": {func(l *linked) { l.vendor.Want(204, "DELETE", "/integrations/"+l.integration, nil) }, "ended", "deleted here", nil, "ended"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, in *rig.Installation) {
				office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
				l := link(t, office, vendor, "ACME", "")
				before := l.given()
				at(vendor, before)

				way.end(l)
				require.Contains(t, awaitState(vendor, l.in, way.state).Text("last_error"), way.says)
				if way.office != "" {
					awaitState(office, l.out, way.office)
				}
				later := ""
				if name != "the login is deleted" && name != "its role is changed" && name != "the login is switched off" {
					later = l.given()
				}
				if a := vendor.Do("POST", "/share-links/"+l.in+"/test", nil); a.Status == 200 {
					require.Equal(t, way.state, a.Text("state"))
				}
				require.NotEmpty(t, vendor.Want(200, "GET", "/work-orders?q="+before, nil).List("items"), "both keep what they have")
				require.NotEmpty(t, office.Want(200, "GET", "/work-orders?q="+before, nil).List("items"))
				if later != "" {
					require.Empty(t, vendor.Want(200, "GET", "/work-orders?q="+later, nil).List("items"), "nothing moves any more")
				}
				if way.mend == nil {
					require.Equal(t, 404, office.Do("POST", "/share-links/"+l.out+"/resume", nil).Status, "what is over stays so")
					return
				}
				way.mend(l)
				awaitState(vendor, l.in, "ok")
				awaitState(office, l.out, "ok")
				if later == "" {
					later = l.given()
				}
				at(vendor, later)
			})
		})
	}
}

func TestALinkThatIsOverIsMadeAnewOnlyByWhoeverEndedIt(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		anew := func(code, password string) string {
			vendor.Want(201, "POST", "/integrations", rig.JSON{"client_code": code, "kind": "share", "settings": rig.JSON{"username": l.login, "password": password}})
			return vendor.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		}
		// The recipient may come back by the login that it left.
		vendor.Want(204, "DELETE", "/integrations/"+l.integration, nil)
		awaitState(office, l.out, "ended")
		awaitState(vendor, anew("ACME", "correct horse battery"), "ok")

		// A link that the delegator ended stays ended, until the login has a new password.
		out := office.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		office.Want(204, "DELETE", "/share-links/"+out, nil)
		require.Contains(t, awaitState(vendor, anew("B", "correct horse battery"), "ended").Text("last_error"), "has ended this link")
		wrong := knock(t, in.URL, "validate", rig.JSON{"username": l.login, "password": digest("wrong"), "fieldproof": "share1", "account": "somebody"})
		require.Equal(t, rig.JSON{"error": "invalid username, password, or token", "validated": false, "status": false}, wrong.JSON, "only who has the right password hears of it")
		office.Want(200, "PATCH", "/users/"+l.loginID, rig.JSON{"password": "another horse battery"})
		awaitState(vendor, anew("C", "another horse battery"), "ok")

		// An integration whose link is over is not switched on again, and fetches nothing.
		over := ""
		for _, i := range vendor.Want(200, "GET", "/integrations", nil).List("items") {
			if m := i.(map[string]any); m["client_code"] == "B" {
				over = m["id"].(string)
			}
		}
		require.Equal(t, 409, vendor.Do("PATCH", "/integrations/"+over, rig.JSON{"enabled": true}).Status)
		require.Equal(t, 409, vendor.Do("POST", "/integrations/"+over+"/refresh", nil).Status)
	})
}

func TestATokenThatWasEndedIsToldSo(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		login := office.Colleague("subcontractor")
		token := login.Want(201, "POST", "/tokens", rig.JSON{"name": "Share"})
		vendor.Want(201, "POST", "/integrations", rig.JSON{"client_code": "ACME", "kind": "share", "settings": rig.JSON{"username": login.Username, "token": token.Text("token")}})
		id := vendor.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		awaitState(vendor, id, "ok")
		login.Want(204, "DELETE", "/tokens/"+token.Text("id"), nil)
		require.Contains(t, awaitState(vendor, id, "refused").Text("last_error"), "was ended")
		for name, who := range map[string]rig.JSON{
			"a guess": {"username": login.Username, "token": "fp_guess"}, "of another": {"username": office.Username, "token": token.Text("token")},
		} {
			require.Equal(t, rig.JSON{"error": "invalid username, password, or token"}, knock(t, in.URL, "getWorkOrders", who).JSON, name)
		}
	})
}

func TestARotatedPushKeyIsToldToTheDelegator(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		vendor.Want(200, "POST", "/integrations/"+l.integration+"/rotate-key", rig.JSON{})
		awaitState(vendor, l.in, "ok")
		at(vendor, l.given())
		awaitState(office, l.out, "ok")
	})
}

func TestThePageOfAnInvitationIsOneForAll(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		for language, says := range map[string][]string{"en": {"Settings, Share", "seven days"}, "es": {"Ajustes, Share", "siete días"}} {
			ask, err := http.NewRequest(http.MethodGet, in.URL+"/share-invitation", nil)
			require.NoError(t, err)
			ask.Header.Set("Accept-Language", language)
			response, err := http.DefaultClient.Do(ask)
			require.NoError(t, err)
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			require.NoError(t, err)
			require.Equal(t, 200, response.StatusCode)
			require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
			require.Equal(t, []string{"no-referrer", "noindex, nofollow, noarchive"}, []string{response.Header.Get("Referrer-Policy"), response.Header.Get("X-Robots-Tag")})
			require.NotContains(t, string(body), "<script", "it is read without scripts")
			for _, said := range append(says, `<html lang="`+language, "/api/v1/share-links/preview", "/api/v1/share-links/accept") {
				require.Contains(t, string(body), said)
			}
		}
	})
}
