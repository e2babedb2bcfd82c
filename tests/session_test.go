package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// from is a client whose connections come from an address of its own, as those of another network do.
func from(t *testing.T, address string) *http.Client {
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext, MaxIdleConnsPerHost: 200}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func signInFrom(t *testing.T, client *http.Client, in *rig.Installation, username, password string) int {
	body, err := json.Marshal(rig.JSON{"username": username, "password": password})
	require.NoError(t, err)
	response, err := client.Post(in.URL+"/api/v1/sessions", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// atOnce counts the answers of n tries side by side.
func atOnce(n int, try func() int) map[int]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	answers := map[int]int{}
	for range n {
		all.Go(func() {
			status := try()
			mu.Lock()
			defer mu.Unlock()
			answers[status]++
		})
	}
	all.Wait()
	return answers
}

// TestWhatAUserSetsForThemselvesFollowsThem changes keys and language on one machine, beside another that changes others.
func TestWhatAUserSetsForThemselvesFollowsThem(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		require.Equal(t, map[string]any{"keys": map[string]any{}, "language": nil}, crew.Want(200, "GET", "/sessions/current", nil).Get("own"))
		crew.Want(200, "PATCH", "/sessions/current", rig.JSON{"keys": rig.JSON{"approve": "G", "flag": ""}})
		crew.Want(200, "PATCH", "/sessions/current", rig.JSON{"keys": rig.JSON{"approve": nil, "next": "N"}, "language": "es"})
		own := map[string]any{"keys": map[string]any{"flag": "", "next": "N"}, "language": "es"}
		require.Equal(t, own, rig.SignIn(t, in.URL, crew.Username, rig.Password).Want(200, "GET", "/sessions/current", nil).Get("own"))
		require.Equal(t, map[string]any{}, office.Want(200, "GET", "/sessions/current", nil).Get("own", "keys"))
		require.NotContains(t, string(office.Want(200, "GET", "/users/"+crew.ID, nil).Body), `"keys"`, "nobody else's business")
		crew.WantField(422, "language", "PATCH", "/sessions/current", rig.JSON{"language": "xx"})
		crew.WantField(422, "keys", "PATCH", "/sessions/current", rig.JSON{"keys": rig.JSON{"approve": strings.Repeat("x", 21)}})
		crew.WantField(422, "token", "PATCH", "/sessions/current", rig.JSON{"token": "mine"})
		require.Equal(t, own, crew.Want(200, "GET", "/sessions/current", nil).Get("own"))
	})
}

func TestPasswordsAreNotGuessedSideBySide(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		vendor := office.Colleague("subcontractor")
		order, _ := released(t, office, 1)
		link := office.Want(201, "POST", "/work-orders/"+order+"/links", rig.JSON{"password": "open sesame"}).Text("url")
		n := uuid.New()
		attacker := from(t, net.IPv4(127, 9, n[0], n[1]).String())
		form := func(address string, values url.Values) int {
			response, err := attacker.PostForm(address, values)
			if err != nil {
				t.Error(err)
				return 0
			}
			defer response.Body.Close()
			_, _ = io.Copy(io.Discard, response.Body)
			return response.StatusCode
		}
		for door, try := range map[string]func() int{
			"login": func() int { return signInFrom(t, attacker, in, office.Username, "wrong "+uuid.NewString()) },
			"peer": func() int {
				payload, _ := json.Marshal(rig.JSON{"username": vendor.Username, "password": uuid.NewString(), "token": ""})
				return form(in.URL+"/integration/v2/getWorkOrders", url.Values{"payload": {string(payload)}})
			},
			"link": func() int { return form(link+"/password", url.Values{"password": {uuid.NewString()}}) },
		} {
			answers := atOnce(150, try)
			judged := 0
			for status, count := range answers {
				if status != 429 {
					judged += count
				}
			}
			require.LessOrEqual(t, judged, 10, "%s: %v", door, answers)
			require.Equal(t, 150, judged+answers[429], "%s: %v", door, answers)
		}
		// Whoever tries from one network, the owner gets in from every other.
		require.Equal(t, 201, signInFrom(t, from(t, net.IPv4(127, 8, n[2], n[3]).String()), in, office.Username, "correct horse"))
		require.Equal(t, 429, signInFrom(t, attacker, in, office.Username, "correct horse"))
	})
}

func TestManyAttackersLockNobodyOutFromWhereTheyWere(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		n := uuid.New()
		home, elsewhere := from(t, net.IPv4(127, 7, n[0], n[1]).String()), from(t, net.IPv4(127, 7, n[2], n[3]).String())
		require.Equal(t, 201, signInFrom(t, home, in, office.Username, "correct horse"))
		refused := false
		for network := byte(1); network <= 12; network++ {
			attacker := from(t, net.IPv4(127, 6, n[4], network).String())
			answers := atOnce(10, func() int { return signInFrom(t, attacker, in, office.Username, "wrong") })
			refused = refused || answers[429] > 0
		}
		require.True(t, refused, "a name has its limit over all networks")
		require.Equal(t, 429, signInFrom(t, elsewhere, in, office.Username, "correct horse"), "a network from which the owner never came")
		require.Equal(t, 201, signInFrom(t, home, in, office.Username, "correct horse"), "the owner's own")
	})
}

func TestACrewBehindOneRouterSignsIn(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		n := uuid.New()
		router := from(t, net.IPv4(127, 5, n[0], n[1]).String())
		names := make(chan string, 30)
		for range cap(names) {
			names <- office.Colleague("crew").Username
		}
		for range 3 {
			again := make(chan string, cap(names))
			answers := atOnce(cap(names), func() int {
				name := <-names
				again <- name
				return signInFrom(t, router, in, name, "correct horse")
			})
			require.Equal(t, map[int]int{201: cap(names)}, answers, "right passwords wear nothing out")
			names = again
		}
		long := strings.Repeat("n", 200_000)
		require.Contains(t, []int{401, 413, 422}, signInFrom(t, router, in, long, "x"))
	})
}

func TestPasswordsAreGuardedAndRevokingActsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		anonymous := &rig.User{T: t, URL: in.URL}
		cookie := office.Do("POST", "/sessions", rig.JSON{"username": office.Username, "password": "correct horse"}).Header.Get("Set-Cookie")
		require.True(t, strings.Contains(cookie, "HttpOnly") && strings.Contains(cookie, "SameSite=Lax"))
		pair, _, _ := strings.Cut(cookie, ";")
		anonymous.Want(200, "GET", "/sessions/current", nil, "Cookie", pair)
		anonymous.Want(403, "POST", "/tokens", rig.JSON{"name": "x"}, "Cookie", pair, "Origin", "https://evil.example")
		anonymous.Want(201, "POST", "/tokens", rig.JSON{"name": "x"}, "Cookie", pair, "Origin", in.URL)

		invited := office.Want(201, "POST", "/users", rig.JSON{"username": "i-" + uuid.NewString()[:8], "role": "crew"})
		link := office.Want(201, "POST", "/users/"+invited.Text("id")+"/invite", nil).Text("url")
		_, secret, _ := strings.Cut(link, "#")
		anonymous.WantField(422, "password", "POST", "/invitations/accept", rig.JSON{"token": secret, "password": "short"})
		anonymous.Want(201, "POST", "/invitations/accept", rig.JSON{"token": secret, "password": "long enough"})
		anonymous.Want(410, "POST", "/invitations/accept", rig.JSON{"token": secret, "password": "long enough"})

		script := crew.Want(201, "POST", "/tokens", rig.JSON{"name": "script"}).Text("token")
		office.Want(200, "PATCH", "/users/"+crew.ID, rig.JSON{"active": false})
		crew.Want(401, "GET", "/sessions/current", nil)
		(&rig.User{T: t, URL: in.URL, Token: script}).Want(401, "GET", "/sessions/current", nil)
		anonymous.Want(401, "POST", "/sessions", rig.JSON{"username": crew.Username, "password": "correct horse"})
		office.Want(409, "DELETE", "/users/"+office.ID, nil)
		anonymous.WantField(409, "username", "POST", "/accounts", rig.JSON{"name": "x", "username": strings.ToUpper(office.Username), "password": "correct horse"})
		require.NotContains(t, string(office.Want(200, "GET", "/users", nil).Body), "hash")

		status, tries := 0, 0
		for ; status != 429 && tries < 30; tries++ {
			a := anonymous.Do("POST", "/sessions", rig.JSON{"username": office.Username, "password": "wrong"}, "X-Forwarded-For", uuid.NewString())
			if status = a.Status; status == 429 {
				require.NotEmpty(t, a.Header.Get("Retry-After"))
			}
		}
		require.Equal(t, 429, status)
		require.Less(t, tries, 15)
	})
}

func TestAnOperatorMayCloseSignUp(t *testing.T) {
	t.Parallel()
	in := shape(t, "postgres") // dev is always open
	beside := &rig.Installation{Name: in.Name, URL: fmt.Sprintf("http://127.0.0.1:%d", rig.FreePort())}
	server, err := rig.Start(append(in.Environment(), "FIELDPROOF_SIGNUP=closed", "FIELDPROOF_ADDR="+strings.TrimPrefix(beside.URL, "http://")), product(t), "server")
	require.NoError(t, err)
	require.NoError(t, beside.AwaitReady(30*time.Second), server.Output())
	stranger := &rig.User{T: t, URL: beside.URL}
	refused := stranger.Want(403, "POST", "/accounts", rig.JSON{"name": "Late", "username": "latecomer", "password": "correct horse"})
	require.Contains(t, string(refused.Body), "ask its operator")
	require.NoError(t, server.Stop(), server.Output())
}

// TestAPhoneSignsInWithoutACookie has a token of its own, which ends alone.
func TestAPhoneSignsInWithoutACookie(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		nobody := &rig.User{T: t, URL: in.URL}
		signIn := rig.JSON{"username": crew.Username, "password": rig.Password}
		require.NotEmpty(t, nobody.Want(201, "POST", "/sessions", signIn).Header.Get("Set-Cookie"))
		signIn["cookie"], signIn["device"] = false, "0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11"
		phone := nobody.Want(201, "POST", "/sessions", signIn)
		require.Empty(t, phone.Header.Get("Set-Cookie"))
		signIn["device"] = "no id"
		nobody.WantField(422, "device", "POST", "/sessions", signIn)
		invitation := office.Want(201, "POST", "/users/"+crew.ID+"/invite", nil).Text("url")
		secret := invitation[strings.LastIndexAny(invitation, "#/=")+1:]
		accepted := nobody.Want(201, "POST", "/invitations/accept", rig.JSON{"token": secret, "password": rig.Password, "cookie": false, "device": "0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11"})
		require.Empty(t, accepted.Header.Get("Set-Cookie"))
		asks := &rig.User{T: t, URL: in.URL, Token: accepted.Text("token")}
		require.Empty(t, asks.Want(204, "DELETE", "/sessions/current", nil).Header.Get("Set-Cookie"), "the portal's stays")
		asks.Want(401, "GET", "/sessions/current", nil)
	})
}
