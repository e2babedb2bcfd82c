package tests

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// withPhone signs somebody in on a phone.
func withPhone(t *testing.T, in *rig.Installation, u *rig.User, device string) *rig.User {
	t.Helper()
	a := (&rig.User{T: t, URL: in.URL}).Want(201, "POST", "/sessions", rig.JSON{"username": u.Username, "password": rig.Password, "cookie": false, "device": device})
	return &rig.User{T: t, URL: in.URL, Token: a.Text("token"), Username: u.Username, Account: u.Account, ID: u.ID}
}

func reportOf(photos int, since any) rig.JSON {
	return rig.JSON{"name": "Pixel 8", "app": "1.4.0", "platform": "Android", "installed": true, "persisted": true, "paused": false, "quota": 1 << 33, "used": 1 << 20, "offset_ms": -300,
		"waiting": rig.JSON{"photos": photos, "actions": 0, "bytes": photos << 20, "since": since}}
}

func TestAPhoneTellsOfItselfAndIsWrittenOff(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		order := office.Order(rig.JSON{"assignee": crew.Username}).Text("id")
		device := uuid.NewString()
		phone := withPhone(t, in, crew, device)
		told := phone.Want(200, "PUT", "/devices/"+device, reportOf(23, "2026-05-04T13:30:00Z"))
		require.Equal(t, []any{device, crew.Username, 23.0, true}, []any{told.Get("id"), told.Get("user"), told.Get("waiting", "photos"), told.Get("persisted")})
		phone.WantField(422, "id", "PUT", "/devices/x", reportOf(1, nil))
		phone.Want(403, "GET", "/devices", nil)
		id, photo := uuid.NewString(), rig.JPEG(60, 40, 1)
		phone.Want(200, "POST", "/announcements", announcement(device, announced(order, id, photo), announced(order, uuid.NewString(), rig.JPEG(60, 40, 2))))
		list := office.Want(200, "GET", "/devices", nil)
		require.Equal(t, []any{device, 2.0, nil}, []any{list.Get("items", 0, "id"), list.Get("items", 0, "announced"), list.Get("items", 0, "written_off_at")})

		// What it keeps, since when, and what of it was refused.
		require.Equal(t, 422, bring(phone, order, id, rig.JPEG(60, 40, 3)).Status)
		list = office.Want(200, "GET", "/devices?waiting_to="+time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339), nil)
		require.Equal(t, []any{device, 1.0}, []any{list.Get("items", 0, "id"), list.Get("items", 0, "refused")})
		require.NotEmpty(t, list.Text("items", 0, "awaited_since"))
		require.Empty(t, office.Want(200, "GET", "/devices?waiting_to=2026-05-03", nil).List("items"))
		office.WantField(400, "waiting_to", "GET", "/devices?waiting_to=yesterday", nil)
		for stands, n := range map[string]int{"refused": 1, "announced": 1, "announced,refused": 2, "lost": 0, "here": 0} {
			require.Len(t, office.Want(200, "GET", "/photos?device="+device+"&stands="+stands, nil).List("items"), n, stands)
		}
		office.WantField(400, "stands", "GET", "/photos?stands=somewhere", nil)

		off := office.Want(200, "POST", "/devices/"+device+"/write-off", nil)
		require.Equal(t, []any{office.Username, 0.0}, []any{off.Get("written_off_by"), off.Get("announced")})
		require.Equal(t, off.Text("written_off_at"), office.Want(200, "POST", "/devices/"+device+"/write-off", nil).Text("written_off_at"))
		phone.Want(401, "GET", "/sync", nil)
		crew.Want(200, "GET", "/sync", nil) // signed in elsewhere
		require.Equal(t, 0.0, awaitedOf(office, order))
		require.Len(t, office.Want(200, "GET", "/photos?device="+device+"&stands=lost", nil).List("items"), 2)
		require.Empty(t, office.Want(200, "GET", "/devices?waiting_to="+time.Now().UTC().Format(time.RFC3339), nil).List("items"))
		events := office.Want(200, "GET", "/work-orders/"+order+"/events", nil)
		last := len(events.List("items")) - 1
		require.Equal(t, []any{2.0, office.Username}, []any{events.Get("items", last, "details", "lost"), events.Get("items", last, "actor")})
		require.Contains(t, events.Text("items", last, "reason"), "written off")

		// It is found again: what it has is taken all the same.
		phone = withPhone(t, in, crew, device)
		require.Equal(t, []string{"announced"}, resultsOf(phone.Want(200, "POST", "/announcements", announcement(device, announced(order, id, photo)))))
		require.Nil(t, phone.Want(200, "PUT", "/devices/"+device, reportOf(1, nil)).Get("written_off_at"))
		require.Equal(t, 201, bring(phone, order, id, photo).Status)
	})
}

// TestAPhoneIsEachPersonsOwn lets two people use one phone, or one claim the id of another's: what either tells of it, announces
// from it and loses with it is theirs alone.
func TestAPhoneIsEachPersonsOwn(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		ann, bob := office.Colleague("crew"), office.Colleague("crew")
		order := office.Order(rig.JSON{"assignee": "~all~"}).Text("id")
		device := uuid.NewString()
		annsPhone, bobsPhone := withPhone(t, in, ann, device), withPhone(t, in, bob, device)
		annsPhone.Want(200, "PUT", "/devices/"+device, reportOf(2, nil))
		annsPhone.Want(200, "POST", "/announcements", announcement(device, announced(order, uuid.NewString(), rig.JPEG(60, 40, 1)), announced(order, uuid.NewString(), rig.JPEG(60, 40, 2))))
		told := bobsPhone.Want(200, "PUT", "/devices/"+device, reportOf(1, nil))
		require.Equal(t, []any{bob.Username, 1.0, 0.0}, []any{told.Get("user"), told.Get("waiting", "photos"), told.Get("announced")})
		bobsPhone.Want(200, "POST", "/announcements", announcement(device, announced(order, uuid.NewString(), rig.JPEG(60, 40, 3))))
		listed := func(query string) map[string][]any {
			found, cursor := map[string][]any{}, ""
			for {
				page := office.Want(200, "GET", "/devices?limit=1"+query+cursor, nil)
				for n := range page.List("items") {
					of := page.Text("items", n, "user")
					require.NotContains(t, found, of)
					found[of] = []any{page.Get("items", n, "id"), page.Get("items", n, "waiting", "photos"), page.Get("items", n, "announced"), page.Get("items", n, "written_off_at") != nil}
				}
				next, more := page.Get("next_cursor").(string)
				if !more {
					return found
				}
				cursor = "&cursor=" + next
			}
		}
		both := map[string][]any{ann.Username: {device, 2.0, 2.0, false}, bob.Username: {device, 1.0, 1.0, false}}
		require.Equal(t, both, listed(""))
		require.Equal(t, both, listed("&waiting_to="+time.Now().UTC().Add(time.Second).Format(time.RFC3339)))

		// The id alone does not say whose is given up.
		office.WantField(422, "user", "POST", "/devices/"+device+"/write-off", nil)
		office.Want(404, "POST", "/devices/"+device+"/write-off", rig.JSON{"user": office.Username})
		office.Want(200, "POST", "/devices/"+device+"/write-off", rig.JSON{"user": strings.ToUpper(bob.Username)})
		require.Equal(t, map[string][]any{ann.Username: {device, 2.0, 2.0, false}, bob.Username: {device, 0.0, 0.0, true}}, listed(""))
		require.Equal(t, map[string][]any{ann.Username: {device, 2.0, 2.0, false}}, listed("&waiting_to="+time.Now().UTC().Add(time.Second).Format(time.RFC3339)))
		bobsPhone.Want(401, "GET", "/sync", nil)
		annsPhone.Want(200, "GET", "/sync", nil)
		require.Equal(t, 2.0, awaitedOf(office, order))
		for who, stands := range map[*rig.User]map[string]int{ann: {"announced": 2, "lost": 0}, bob: {"announced": 0, "lost": 1}} {
			for word, n := range stands {
				require.Len(t, office.Want(200, "GET", "/photos?device="+device+"&user="+who.Username+"&stands="+word, nil).List("items"), n, word)
			}
		}

		// What waits for a day is told of each of them.
		bobsPhone = withPhone(t, in, bob, device)
		for _, phone := range []*rig.User{annsPhone, bobsPhone} {
			phone.Want(200, "PUT", "/devices/"+device, reportOf(1, time.Now().Add(-25*time.Hour).UTC().Format(time.RFC3339)))
		}
		require.NoError(t, sweeperOf(t, in).Announced(context.Background(), time.Now()))
		var subjects []any
		for _, a := range office.Want(200, "GET", "/alerts", nil).List("items") {
			subjects = append(subjects, a.(map[string]any)["subject"])
		}
		require.ElementsMatch(t, []any{"device/" + device + "/" + ann.Username, "device/" + device + "/" + bob.Username}, subjects)
	})
}

// TestAPhoneThatSendsNothingForADayIsTold raises one alert for what waits, and another when that is here and more waits.
func TestAPhoneThatSendsNothingForADayIsTold(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office := rig.SignUp(t, in.URL)
		crew := office.Colleague("crew")
		device, sweeper := uuid.NewString(), sweeperOf(t, in)
		tell := func(photos int, age time.Duration) {
			crew.Want(200, "PUT", "/devices/"+device, reportOf(photos, time.Now().Add(-age).UTC().Format(time.RFC3339)))
			require.NoError(t, sweeper.Announced(context.Background(), time.Now()))
		}
		tell(5, 23*time.Hour)
		require.Zero(t, alertsOf(office, "photos_waiting"))
		tell(5, 25*time.Hour)
		require.Equal(t, 1, alertsOf(office, "photos_waiting"))
		alert := office.Want(200, "GET", "/alerts", nil).Text("items", 0, "id")
		office.Want(204, "DELETE", "/alerts/"+alert, nil)
		tell(6, 26*time.Hour)
		require.Zero(t, alertsOf(office, "photos_waiting"), "told once")
		tell(0, 0)
		tell(2, 30*time.Hour)
		require.Equal(t, 1, alertsOf(office, "photos_waiting"))
		var kept models.Device
		require.NoError(t, storeOf(t, in).Read(models.AcrossAccounts(context.Background())).Where("id = ?", device).Take(&kept).Error)
		require.NotNil(t, kept.AlertedAt)
	})
}
