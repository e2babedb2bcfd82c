package share_test

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/activities/clients"
	"fieldproof/activities/share"
	"fieldproof/guard"
	"fieldproof/intake"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
	"fieldproof/wording"
	"fieldproof/workflows/protocol"
)

var fieldStatus = regexp.MustCompile(`"fieldStatus":"([^"]*)"`)

// recipient is an account linked to a delegator that speaks the wire format alone.
type recipient struct {
	*house.House
	share *share.Share
	peer  *rig.Peer
	link  string

	mu    sync.Mutex
	tried []string // uuids and field statuses, in the order in which they came
	bad   map[string]int
	down  bool
}

func newRecipient(t *testing.T, networks string) *recipient {
	r := &recipient{House: house.New(t), peer: rig.NewPeer("open sesame"), bad: map[string]int{}}
	t.Cleanup(r.peer.Close)
	allowed, err := guard.ParseNetworks(networks)
	require.NoError(t, err)
	log, network := slog.New(slog.DiscardHandler), guard.NewNetwork(allowed, "https://example.com")
	r.share = &share.Share{Store: r.Store, Intake: &intake.Intake{Store: r.Store, Blobs: r.Blobs, Limits: intake.DefaultLimits},
		Links:   peers.NewLinks(r.Store, r.Store.Sealer, network, "https://example.com"),
		Clients: clients.New(r.Store, r.Blobs, media.New(r.Store, r.Blobs, log, 256<<20), r.Store.Sealer, network, "https://example.com", log)}
	i := &models.Integration{ID: models.NewID(), AccountID: r.Account.ID, ClientCode: "ACME", ClientKey: "acme", Name: "Acme", Kind: models.ShareIntegration, Enabled: true, AutoAdmin: true,
		Settings: models.IntegrationSettings{URL: r.peer.URL, Username: "vendor"}, Status: models.IntegrationIdle, CreatedAt: models.Now(), UpdatedAt: models.Now()}
	i.Secrets, err = r.Store.Sealer.Seal("integration/"+i.ID, models.IntegrationSecrets{Password: "open sesame", PushKey: "key"})
	require.NoError(t, err)
	r.Write(func(tx *models.Tx) error {
		if err := tx.Create(i).Error; err != nil {
			return err
		}
		l, err := tx.MakeLinkIn(i, "")
		if err == nil {
			r.link = l.ID
		}
		return err
	})
	r.peer.Orders(`{"workOrders":[],"error":""}`)
	r.peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) { r.told(w, payload["uuid"].(string)) })
	r.peer.On("status", func(w http.ResponseWriter, _ rig.JSON) {
		calls := r.peer.Calls("status")
		r.told(w, fieldStatus.FindStringSubmatch(calls[len(calls)-1].Raw)[1])
	})
	return r
}

// told answers what the delegator was told of: with 502 while it is down, or as that message always is.
func (r *recipient) told(w http.ResponseWriter, what string) {
	r.mu.Lock()
	r.tried = append(r.tried, what)
	status := r.bad[what]
	if r.down {
		status = http.StatusBadGateway
	}
	r.mu.Unlock()
	switch status {
	case 0:
		rig.Say(w, `{"status":true,"error":""}`)
	case http.StatusOK:
		rig.Say(w, `{"status":false,"error":"no, not this one"}`)
	default:
		w.WriteHeader(status)
	}
}

// fall takes the delegator down as a whole, or brings it back.
func (r *recipient) fall(down bool) {
	r.mu.Lock()
	r.down = down
	r.mu.Unlock()
	answer := func(ok string) func(http.ResponseWriter, rig.JSON) {
		return func(w http.ResponseWriter, _ rig.JSON) {
			if down {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			rig.Say(w, ok)
		}
	}
	r.peer.On("validate", answer(`{"error":"","validated":true}`))
	r.peer.On("getWorkOrders", answer(`{"workOrders":[],"error":""}`))
}

// told since the last look.
func (r *recipient) news() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	tried := r.tried
	r.tried = nil
	return tried
}

func (r *recipient) turn() protocol.ShareResult {
	r.T.Helper()
	result, err := r.share.Turn(r.Ctx, protocol.ShareInput{LinkID: r.link})
	require.NoError(r.T, err)
	return result
}

// rested has the link's rest pass, and with messages set also theirs.
func (r *recipient) rested(messages bool) {
	r.Write(func(tx *models.Tx) error {
		if err := tx.Model(&models.ShareLink{}).Where("id = ? AND probe_at IS NOT NULL", r.link).Update("probe_at", models.Now()).Error; err != nil || !messages {
			return err
		}
		return tx.Model(&models.ClientMessage{}).Where("destination_id = ? AND next_attempt_at IS NOT NULL", r.link).Update("next_attempt_at", models.Now()).Error
	})
}

func (r *recipient) shown() *models.ShareLink {
	l, err := models.One[models.ShareLink](r.Store.Read(r.Ctx).Where("id = ?", r.link), "share link")
	require.NoError(r.T, err)
	return l
}

func (r *recipient) queue(m models.ClientMessage) {
	m.ID, m.AccountID, m.DestinationID, m.Tries, m.CreatedAt = models.NewID(), r.Account.ID, r.link, models.SharePolicy.Begin(), models.Now()
	r.Write(func(tx *models.Tx) error { return tx.Create(&m).Error })
}

// item queues a photo, and says its uuid.
func (r *recipient) item(o *models.WorkOrder, n int) string {
	photo := r.Photo(o, n)
	r.queue(models.ClientMessage{WorkOrderID: o.ID, Kind: models.ClientItem, ItemID: photo.ID, Revision: 1})
	return photo.UUID
}

func (r *recipient) status(o *models.WorkOrder, field string) {
	r.queue(models.ClientMessage{WorkOrderID: o.ID, Kind: models.ClientStatus, Data: `{"status":"Assigned","fieldStatus":"` + field + `","clientStatus":""}`})
}

// states are those of the messages, oldest first.
func (r *recipient) states() string {
	var rows []models.ClientMessage
	require.NoError(r.T, r.Store.Read(r.Ctx).Where("destination_id = ?", r.link).Order("seq").Find(&rows).Error)
	var all []string
	for _, m := range rows {
		all = append(all, m.State)
	}
	return strings.Join(all, " ")
}

const loopback = "127.0.0.0/8"

func TestALinkThatIsDownRestsBehindOneProbeThatChanges(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	require.Equal(t, models.LinkOK, r.shown().Condition)
	r.fall(true)
	for n := range 4 {
		r.item(r.NewOrder("D-"+string(rune('1'+n))), n+1)
	}
	r.turn()
	tried := r.news()
	require.GreaterOrEqual(t, len(tried), 2, "another one, to see whether it was the first one's own")
	require.Equal(t, models.LinkDown, r.shown().Condition)
	require.NotEmpty(t, r.shown().LastError)
	last := "" // those that found it down went side by side: none of them is the last
	var rest time.Duration
	for range 4 {
		before := len(r.peer.Calls("uploadPictures"))
		r.turn()
		require.Len(t, r.peer.Calls("uploadPictures"), before, "it rests")
		r.rested(false)
		r.turn()
		probe := r.news()
		require.Len(t, probe, 1, "one probe a rest")
		require.NotEqual(t, last, probe[0], "never the same twice running")
		last = probe[0]
		next := time.Until(r.shown().ProbeAt.Time)
		require.Greater(t, next, rest, "growing pauses")
		rest = next
	}
	r.fall(false)
	r.rested(false)
	result := r.turn()
	require.Equal(t, "delivered delivered delivered delivered", r.states(), "what had no answer waits for no clock of its own")
	require.Equal(t, "ok", result.State)
	require.Zero(t, r.shown().Failures)
}

func TestOnePoisonedPhotoKeepsNoLinkDown(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	poisoned := r.item(r.Order, 1)
	r.bad[poisoned] = http.StatusInternalServerError
	r.turn()
	require.Equal(t, models.LinkOK, r.shown().Condition, "the other side answers, to everything else")
	require.Equal(t, []string{poisoned}, r.news())
	require.Equal(t, "retrying", r.states())

	// Of one order alone: what is due behind it goes.
	r.rested(true)
	second, third := r.item(r.Order, 2), r.item(r.Order, 3)
	r.turn()
	require.Equal(t, []string{poisoned, second, third}, r.news())
	require.Equal(t, "retrying delivered delivered", r.states())
	require.Equal(t, models.LinkOK, r.shown().Condition)

	// As the probe of a link that was down it goes once, and then another does.
	r.Write(func(tx *models.Tx) error {
		_, err := tx.EditLink(r.link, func(l *models.ShareLink) error {
			var m models.ClientMessage
			err := tx.Where("state = 'retrying'").First(&m).Error
			l.Fails("down", m.ID)
			return err
		})
		return err
	})
	fourth := r.item(r.Order, 4)
	r.rested(true)
	r.turn()
	require.Equal(t, fourth, r.news()[0])
	require.Equal(t, models.LinkOK, r.shown().Condition)
}

func TestOnItsReturnOfStatusesTheNewestGoesAndOfItemsAll(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	r.fall(true)
	other := r.NewOrder("W-2")
	r.status(r.Order, "Viewed")
	r.status(other, "Viewed")
	r.turn()
	r.news()
	first, second := r.item(r.Order, 1), r.item(r.Order, 2)
	r.status(r.Order, "In Process")
	r.status(r.Order, "complete")
	r.fall(false)
	r.rested(false)
	r.turn()
	told := r.news()
	require.ElementsMatch(t, []string{first, second, "complete", "Viewed"}, told)
	require.Equal(t, "delivered delivered delivered delivered delivered delivered", r.states())
	var own []string
	for _, what := range told {
		if what != "Viewed" {
			own = append(own, what)
		}
	}
	require.Equal(t, []string{first, second, "complete"}, own, "oldest first, and the end behind one try of each item")
}

func TestWhatIsRefusedHoldsBackNothing(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	bad := r.item(r.Order, 1)
	r.bad[bad] = http.StatusOK
	r.item(r.Order, 2)
	r.status(r.Order, "complete")
	r.turn()
	require.Equal(t, "retrying delivered delivered", r.states())
	require.Equal(t, models.LinkOK, r.shown().Condition)
	for range 3 {
		r.rested(true)
		r.turn()
	}
	var alerts []models.Alert
	require.NoError(t, r.Store.Read(r.Ctx).Find(&alerts).Error)
	require.Len(t, alerts, 1)
	require.Contains(t, alerts[0].Detail, "no, not this one")
}

func TestWhoLetsUsInNoMoreIsToldNothing(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	for n := range 30 {
		r.bad[r.item(r.NewOrder("N-"+string(rune('A'+n))), n+1)] = http.StatusOK
	}
	r.peer.On("validate", func(w http.ResponseWriter, _ rig.JSON) {
		rig.Say(w, `{"error":"invalid username or password","validated":false}`)
	})
	r.turn()
	require.LessOrEqual(t, len(r.news()), 8, "those that were under way")
	require.Equal(t, models.LinkRefused, r.shown().Condition)
	require.Contains(t, r.shown().LastError, "invalid username or password")
	var counted int64
	require.NoError(t, r.Store.Read(r.Ctx).Model(&models.ClientMessage{}).Where("attempts > 0").Count(&counted).Error)
	require.Zero(t, counted, "no message has failed of itself")
	r.rested(false)
	r.turn()
	require.Empty(t, r.news())
	r.fall(false)
	r.bad = map[string]int{}
	r.rested(false)
	r.turn()
	require.Len(t, r.news(), 30, "a password put right resumes where it stopped")
}

func TestAskingInVainHoldsNothingBackThatWaits(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	r.peer.On("getWorkOrders", func(w http.ResponseWriter, _ rig.JSON) { w.WriteHeader(http.StatusInternalServerError) })
	require.NoError(t, r.share.Links.Edit(r.Ctx, r.link, func(l *models.ShareLink) { l.DueAt = new(models.Now()) }))
	for n := range 3 {
		r.item(r.Order, n+1)
	}
	for range 3 {
		r.turn()
		r.rested(false)
	}
	require.Equal(t, "delivered delivered delivered", r.states())
}

func TestWhatWasAskedOutlivesAWorkerThatDies(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	require.NoError(t, r.share.Links.Edit(r.Ctx, r.link, func(l *models.ShareLink) { l.Asked, l.DueAt = models.AskedAll, new(models.Now()) }))
	ctx, kill := context.WithCancel(r.Ctx)
	r.peer.On("getWorkOrders", func(w http.ResponseWriter, _ rig.JSON) {
		kill()
		panic(http.ErrAbortHandler)
	})
	_, err := r.share.Turn(ctx, protocol.ShareInput{LinkID: r.link})
	require.Error(t, err)
	require.Equal(t, models.AskedAll, r.shown().Asked)
	require.Zero(t, r.shown().Failures, "a worker that stops is no fault of the other side")

	// And what is asked while it is answered is asked again.
	asked := 0
	r.peer.On("getWorkOrders", func(w http.ResponseWriter, payload rig.JSON) {
		if asked++; asked == 1 {
			require.Nil(t, payload["timestamp"], "everything")
			require.NoError(t, r.share.Links.Edit(r.Ctx, r.link, func(l *models.ShareLink) { l.DueAt = new(models.Now()) }))
		}
		rig.Say(w, `{"workOrders":[],"error":""}`)
	})
	r.turn()
	require.Equal(t, 2, asked)
	require.Empty(t, r.shown().Asked)
	require.Greater(t, time.Until(r.shown().DueAt.Time), 4*time.Minute)
}

func TestAMessageUnderWayIsToldAgainByTheNextWorker(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	uuid := r.item(r.Order, 1)
	ctx, kill := context.WithCancel(r.Ctx)
	r.peer.On("uploadPictures", func(http.ResponseWriter, rig.JSON) {
		kill()
		panic(http.ErrAbortHandler)
	})
	_, err := r.share.Turn(ctx, protocol.ShareInput{LinkID: r.link})
	require.Error(t, err)
	require.Equal(t, "pending", r.states(), "no try was counted")
	require.Equal(t, models.LinkOK, r.shown().Condition)
	r.peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) { r.told(w, payload["uuid"].(string)) })
	r.turn()
	require.Equal(t, []string{uuid}, r.news())
}

func TestATurnHoldsNoTransactionWhileItTalks(t *testing.T) {
	r := newRecipient(t, loopback)
	written := 0
	write := func() {
		ctx, cancel := context.WithTimeout(r.Ctx, 3*time.Second)
		defer cancel()
		if r.Store.Write(ctx, func(tx *models.Tx) error {
			return tx.Model(&models.Account{}).Where("id = ?", r.Account.ID).Update("name", "Acme").Error
		}) == nil {
			written++
		}
	}
	for service, answer := range map[string]string{"validate": `{"error":"","validated":true}`, "getWorkOrders": `{"workOrders":[],"error":""}`, "uploadPictures": `{"status":true,"error":""}`} {
		r.peer.On(service, func(w http.ResponseWriter, _ rig.JSON) {
			write()
			rig.Say(w, answer)
		})
	}
	r.item(r.Order, 1)
	r.turn()
	require.Equal(t, 3, written)
	require.Equal(t, "delivered", r.states())
}

func TestAnAddressThatIsNotAllowedCostsNoMessage(t *testing.T) {
	r := newRecipient(t, "10.0.0.0/8")
	require.NoError(t, r.share.Links.Edit(r.Ctx, r.link, func(l *models.ShareLink) {
		l.Works()
		l.DueAt = new(models.At(time.Now().Add(time.Hour)))
	}))
	r.item(r.Order, 1)
	r.item(r.NewOrder("W-2"), 2)
	r.turn()
	require.Equal(t, "retrying retrying", r.states(), "nothing is given up for it")
	require.Equal(t, models.LinkDown, r.shown().Condition)
	require.Contains(t, r.shown().LastError, "private network")
}

func TestWhoGaveNoPushKeyIsNotHeardOfByABell(t *testing.T) {
	r := newRecipient(t, loopback)
	var out string
	r.Write(func(tx *models.Tx) error {
		u := &models.User{ID: models.NewID(), AccountID: r.Account.ID, Username: "lone-star", Role: models.Subcontractor, Active: true}
		if err := tx.NewUser(u); err != nil {
			return err
		}
		l, err := tx.MakeLinkOut(u)
		if err == nil {
			out = l.ID
			_, err = tx.EditLink(out, func(l *models.ShareLink) error {
				l.Settle(models.LinkOK)
				l.DueAt = new(models.Now())
				return nil
			})
		}
		return err
	})
	_, err := r.share.Turn(r.Ctx, protocol.ShareInput{LinkID: out})
	require.NoError(t, err)
	l, err := models.One[models.ShareLink](r.Store.Read(r.Ctx).Where("id = ?", out), "share link")
	require.NoError(t, err)
	require.Nil(t, l.LastContactAt, "its silence would never be noticed")
	require.Greater(t, time.Until(l.DueAt.Time), 50*time.Minute)
}

// TestThreeDaysOfSilenceAreToldOnceAtBothEnds moves the last word of the other side three days back.
func TestThreeDaysOfSilenceAreToldOnceAtBothEnds(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	in, out := r.link, ""
	r.Write(func(tx *models.Tx) error {
		u := &models.User{ID: models.NewID(), AccountID: r.Account.ID, Username: "lone-star", Name: "Lone Star", Role: models.Subcontractor, Active: true}
		if err := tx.NewUser(u); err != nil {
			return err
		}
		l, err := tx.MakeLinkOut(u)
		if err != nil {
			return err
		}
		out = l.ID
		if err := tx.KeepPeerPushKey(u.AccountID, u.ID, "http://127.0.0.1:1/"); err != nil { // where nobody answers
			return err
		}
		_, err = tx.EditLink(out, func(l *models.ShareLink) error { l.Works(); return nil })
		return err
	})
	r.fall(true)
	silent := func(link string, since time.Duration) {
		r.Write(func(tx *models.Tx) error {
			return tx.Model(&models.ShareLink{}).Where("id = ?", link).Updates(map[string]any{"last_contact_at": models.At(time.Now().Add(-since)), "due_at": models.Now(), "probe_at": nil}).Error
		})
		_, err := r.share.Turn(r.Ctx, protocol.ShareInput{LinkID: link})
		require.NoError(t, err)
	}
	told := func() (said []string) {
		var alerts []models.Alert
		require.NoError(t, r.Store.Read(r.Ctx).Order("args").Find(&alerts).Error)
		for _, a := range alerts {
			require.Contains(t, []string{in, out}, a.Subject)
			said = append(said, wording.In("en", "US", time.UTC).Alert(a).Title)
		}
		return said
	}
	for _, link := range []string{in, out} {
		silent(link, 3*24*time.Hour-time.Minute)
	}
	require.Empty(t, told())
	for range 2 {
		for _, link := range []string{in, out} {
			silent(link, 3*24*time.Hour)
		}
		require.Equal(t, []string{"Nothing was heard of Acme for three days", "Nothing was heard of Lone Star for three days"}, told())
	}
	r.fall(false)
	silent(in, 3*24*time.Hour)
	require.Nil(t, r.shown().SilenceToldAt, "the next silence is told again")
}
