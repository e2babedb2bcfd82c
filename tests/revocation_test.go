package tests

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// resources are what can be changed and ended, each with two changes that touch nothing in common.
var resources = map[string]struct {
	make          func(office *rig.User) (path string)
	first, second rig.JSON
	stands        func(a rig.Answer) bool // both changes are in the answer
}{
	"user": {func(o *rig.User) string {
		return "/users/" + o.Want(201, "POST", "/users", rig.JSON{"username": "u" + uuid.NewString()[:12], "password": "correct horse", "role": "crew"}).Text("id")
	}, rig.JSON{"name": "One"}, rig.JSON{"email": "two@example.com"}, func(a rig.Answer) bool { return a.Text("name") == "One" && a.Text("email") == "two@example.com" }},
	"user's password beside their role": {func(o *rig.User) string {
		return "/users/" + o.Want(201, "POST", "/users", rig.JSON{"username": "u" + uuid.NewString()[:12], "password": "correct horse", "role": "crew"}).Text("id")
	}, rig.JSON{"password": "another horse"}, rig.JSON{"active": false}, func(a rig.Answer) bool { return a.Get("active") == false }},
	"token": {func(o *rig.User) string {
		return "/tokens/" + o.Want(201, "POST", "/tokens", rig.JSON{"name": "t"}).Text("id")
	}, rig.JSON{"name": "One"}, rig.JSON{"expires_at": "2090-01-01T00:00:00Z"}, func(a rig.Answer) bool { return a.Text("name") == "One" && a.Text("expires_at") != "" }},
	"integration": {func(o *rig.User) string {
		return "/integrations/" + o.Want(201, "POST", "/integrations", rig.JSON{"name": "i", "kind": "push", "client_code": "C" + uuid.NewString()[:8]}).Text("id")
	}, rig.JSON{"name": "One"}, rig.JSON{"auto_admin": false}, func(a rig.Answer) bool { return a.Text("name") == "One" && a.Get("auto_admin") == false }},
	"destination": {func(o *rig.User) string {
		return "/destinations/" + o.Want(201, "POST", "/destinations", rig.JSON{"name": "d", "kind": "webhook", "settings": rig.JSON{"url": "https://example.com/"}}).Text("id")
	}, rig.JSON{"name": "One"}, rig.JSON{"settings": rig.JSON{"include_file": true}}, func(a rig.Answer) bool { return a.Text("name") == "One" && a.Get("settings", "include_file") == true }},
	"work type": {func(o *rig.User) string {
		return "/work-types/" + o.Want(201, "POST", "/work-types", rig.JSON{"name": "w" + uuid.NewString()[:8]}).Text("id")
	}, rig.JSON{"work_order_info": "One"}, rig.JSON{"priority": "rush"}, func(a rig.Answer) bool { return a.Text("work_order_info") == "One" && a.Text("priority") == "rush" }},
	"property": {func(o *rig.User) string {
		return "/properties/" + o.Want(201, "POST", "/properties", rig.JSON{"address": rig.JSON{"address1": uuid.NewString()[:8] + " St", "city": "Austin", "state": "TX", "zip": "78701"}}).Text("id")
	}, rig.JSON{"notes": "One"}, rig.JSON{"latitude": 30.5, "longitude": -97.5}, func(a rig.Answer) bool { return a.Text("notes") == "One" && a.Get("latitude") == 30.5 }},
}

// besides does two things at once.
func besides(first, second func()) {
	var both sync.WaitGroup
	both.Go(first)
	both.Go(second)
	both.Wait()
}

func TestChangesAtOnceBothStandAndNoneUndoesAnEnd(t *testing.T) {
	longer(t)
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for name, r := range resources {
			t.Run(name, func(t *testing.T) {
				for range 8 {
					path := r.make(office)
					besides(func() { office.Want(200, "PATCH", path, r.first) }, func() { office.Want(200, "PATCH", path, r.second) })
					a := office.Want(200, "GET", path, nil)
					require.True(t, r.stands(a), "%s", a.Body)

					path = r.make(office)
					besides(func() {
						a := office.Do("PATCH", path, r.first)
						require.Contains(t, []int{200, 404}, a.Status, "%s", a.Body)
					}, func() { office.Want(204, "DELETE", path, nil) })
					require.Equal(t, 404, office.Do("GET", path, nil).Status, "what was deleted stays deleted")
				}
			})
		}
	})
}

func TestNothingReachesARevokedUser(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		for name, revoke := range map[string]func(office *rig.User, id string){
			"switched off": func(office *rig.User, id string) { office.Want(200, "PATCH", "/users/"+id, rig.JSON{"active": false}) },
			"deleted":      func(office *rig.User, id string) { office.Want(204, "DELETE", "/users/"+id, nil) },
			"new password": func(office *rig.User, id string) {
				office.Want(200, "PATCH", "/users/"+id, rig.JSON{"password": "another horse"})
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				office, crew, order := crewWithOrder(t, in, nil)
				id := order.Text("id")
				// A download and an upload under way, and a stream.
				large := padded(rig.JPEG(800, 600, 1), 20<<20)
				photo := crew.Upload(id, large).Text("id")
				get := func(path string) *http.Response {
					request, err := http.NewRequestWithContext(t.Context(), "GET", in.URL+"/api/v1"+path, nil)
					require.NoError(t, err)
					request.Header.Set("Authorization", "Bearer "+crew.Token)
					response, err := (&http.Client{}).Do(request)
					require.NoError(t, err)
					require.Equal(t, 200, response.StatusCode)
					return response
				}
				download, events := get("/photos/"+photo+"/original"), get("/stream")
				defer download.Body.Close()
				defer events.Body.Close()
				begun, err := io.CopyN(io.Discard, download.Body, 64<<10)
				require.NoError(t, err)

				body, upload := io.Pipe()
				status := make(chan int, 1)
				late := uuid.NewString()
				form := rig.PhotoForm(rig.JPEG(80, 60, 2), late)
				go func() {
					request, _ := http.NewRequest("POST", in.URL+"/api/v1/work-orders/"+id+"/photos", body)
					request.Header.Set("Authorization", "Bearer "+crew.Token)
					request.Header.Set("Content-Type", form.Type())
					response, err := (&http.Client{}).Do(request)
					if err != nil {
						status <- 0
						return
					}
					_ = response.Body.Close()
					status <- response.StatusCode
				}()
				content := form.Bytes()
				_, err = upload.Write(content[:len(content)/2])
				require.NoError(t, err)

				revoke(office, crew.ID)
				after := office.Order(rig.JSON{"assignee": "~all~"}).Text("id")
				_, _ = upload.Write(content[len(content)/2:])
				_ = upload.Close()
				require.Equal(t, 401, <-status, "an upload that began before is not taken")
				require.NotContains(t, string(office.Want(200, "GET", "/work-orders/"+id+"/photos", nil).Body), late)

				told := bufio.NewScanner(events.Body)
				for told.Scan() { // until the stream ends
					require.NotContains(t, told.Text(), after, "the stream tells of what came after")
				}
				// The download is slow: what the connection holds already arrives, and no more.
				time.Sleep(1100 * time.Millisecond) // slower than the server asks again
				rest, err := io.Copy(io.Discard, download.Body)
				require.Error(t, err, "%d of %d bytes came", begun+rest, len(large))
				require.Equal(t, 401, crew.Do("GET", "/sessions/current", nil).Status)
			})
		}
	})
}

// padded is a JPEG of about so many bytes: comments stand before its picture.
func padded(photo []byte, size int) []byte {
	comment := append([]byte{0xff, 0xfe, 0xff, 0xff}, bytes.Repeat([]byte{' '}, 0xffff-2)...)
	out := append([]byte{}, photo[:2]...)
	for len(out)+len(photo) < size {
		out = append(out, comment...)
	}
	return append(out, photo[2:]...)
}

func TestAnInvitationOpensNoAccountThatWasSwitchedOff(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for range 8 {
			user := office.Want(201, "POST", "/users", rig.JSON{"username": "u" + uuid.NewString()[:12], "role": "crew"}).Text("id")
			_, token, _ := strings.Cut(office.Want(201, "POST", "/users/"+user+"/invite", nil).Text("url"), "#")
			nobody := &rig.User{T: t, URL: in.URL}
			var session rig.Answer
			besides(func() {
				session = nobody.Do("POST", "/invitations/accept", rig.JSON{"token": token, "password": "correct horse"})
			},
				func() { office.Want(200, "PATCH", "/users/"+user, rig.JSON{"active": false}) })
			require.Contains(t, []int{201, 410}, session.Status, "%s", session.Body)
			require.Equal(t, false, office.Want(200, "GET", "/users/"+user, nil).Get("active"))
			if session.Status == 201 {
				who := &rig.User{T: t, URL: in.URL, Token: session.Text("token")}
				require.Equal(t, 401, who.Do("GET", "/sessions/current", nil).Status, "a session of somebody who is switched off")
			}
		}
	})
}

// TestWhatARevokedAdminAskedForGivesNobodyAccess asks for what would outlive its maker, and revokes them meanwhile.
func TestWhatARevokedAdminAskedForGivesNobodyAccess(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		order, _ := released(t, office, 1)
		for kind, made := range map[string]struct {
			list, path string
			body       func() rig.JSON
		}{
			"user": {"/users", "/users", func() rig.JSON {
				return rig.JSON{"username": "u" + uuid.NewString()[:12], "password": "correct horse", "role": "admin"}
			}},
			"role": {"/roles", "/roles", func() rig.JSON { return rig.JSON{"name": "r" + uuid.NewString()[:8], "privileges": []string{}} }},
			"link with a password": {"/work-orders/" + order + "/links", "/work-orders/" + order + "/links", func() rig.JSON {
				return rig.JSON{"password": "open sesame"}
			}},
			"integration": {"/integrations", "/integrations", func() rig.JSON {
				return rig.JSON{"name": "i", "kind": "push", "client_code": "C" + uuid.NewString()[:8]}
			}},
			"destination": {"/destinations", "/destinations", func() rig.JSON {
				return rig.JSON{"name": "d", "kind": "webhook", "settings": rig.JSON{"url": "https://example.com/"}}
			}},
		} {
			t.Run(kind, func(t *testing.T) {
				for n := range 8 {
					admin := office.Colleague("admin")
					asked := make(chan rig.Answer, 1)
					go func() { asked <- admin.Do("POST", made.path, made.body()) }()
					time.Sleep(time.Duration(n) * 2 * time.Millisecond) // now before it, now while it is under way
					office.Want(200, "PATCH", "/users/"+admin.ID, rig.JSON{"active": false})
					before := office.Want(200, "GET", made.list+"?limit=100", nil).List("items")
					a := <-asked
					require.Contains(t, []int{201, 401}, a.Status, "%s", a.Body)
					after := office.Want(200, "GET", made.list+"?limit=100", nil).List("items")
					require.Len(t, after, len(before), "answered %d: made after the revocation's answer", a.Status)
				}
			})
		}
	})
}

func TestTwoAdminsAtOnceLeaveSomebodyWhoManages(t *testing.T) {
	longer(t)
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		for range 20 {
			one := rig.SignUp(t, in.URL)
			other := one.Colleague("admin")
			besides(func() { one.Do("PATCH", "/users/"+other.ID, rig.JSON{"active": false}) },
				func() { other.Do("PATCH", "/users/"+one.ID, rig.JSON{"active": false}) })
			in := 0
			for _, admin := range []*rig.User{one, other} {
				if admin.Do("GET", "/sessions/current", nil).Status == 200 {
					in++
				}
			}
			require.Equal(t, 1, in, "one of the two is off, and the other manages the account")
		}
	})
}

func TestAnInvitationBesideADeletionOrANewOneEndsOneWay(t *testing.T) {
	onBoth(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		for name, beside := range map[string]func(user string){
			"deleted":       func(user string) { office.Want(204, "DELETE", "/users/"+user, nil) },
			"invited again": func(user string) { office.Want(201, "POST", "/users/"+user+"/invite", nil) },
		} {
			t.Run(name, func(t *testing.T) {
				for n := range 8 {
					user := office.Want(201, "POST", "/users", rig.JSON{"username": "u" + uuid.NewString()[:12], "role": "crew"}).Text("id")
					_, token, _ := strings.Cut(office.Want(201, "POST", "/users/"+user+"/invite", nil).Text("url"), "#")
					nobody := &rig.User{T: t, URL: in.URL}
					besides(func() {
						a := nobody.Do("POST", "/invitations/accept", rig.JSON{"token": token, "password": "correct horse"})
						require.Contains(t, []int{201, 404, 410}, a.Status, "%s", a.Body)
					}, func() {
						time.Sleep(time.Duration(n) * 8 * time.Millisecond) // the password is hashed first
						beside(user)
					})
				}
			})
		}
	})
}
