package clients_test

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/activities/clients"
	"fieldproof/guard"
	"fieldproof/media"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
	"fieldproof/wire"
)

// client is an account whose order is published to one client's system.
type client struct {
	*house.House
	clients *clients.Clients
	peer    *rig.Peer
	place   *models.Destination
}

func newClient(t *testing.T) *client {
	c := &client{House: house.New(t), peer: rig.NewPeer("open sesame")}
	t.Cleanup(c.peer.Close)
	networks, err := guard.ParseNetworks("127.0.0.0/8")
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	c.clients = clients.New(c.Store, c.Blobs, media.New(c.Store, c.Blobs, log, 256<<20), c.Store.Sealer, guard.NewNetwork(networks, "https://example.com"), "https://example.com", log)
	c.place = &models.Destination{Kind: models.ClientDestination, Settings: models.DestinationSettings{URL: c.peer.URL + "/api", Extension: ".php", Username: "me"}}
	c.Destination(c.place, models.DestinationSecrets{Password: "open sesame"})
	c.peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":null}`) })
	return c
}

// pass sends what is due, as if every rest had passed.
func (c *client) pass() {
	c.T.Helper()
	c.Write(func(tx *models.Tx) error {
		if err := tx.Model(&models.Destination{}).Where("id = ? AND probe_at IS NOT NULL", c.place.ID).Update("probe_at", models.Now()).Error; err != nil {
			return err
		}
		return tx.Model(&models.ClientMessage{}).Where("destination_id = ? AND next_attempt_at IS NOT NULL", c.place.ID).Update("next_attempt_at", models.Now()).Error
	})
	_, err := c.clients.SendToClient(c.Ctx, models.ClientSubject(c.place.ID, c.Order.ID))
	require.NoError(c.T, err)
}

func (c *client) messages() []models.ClientMessage {
	var rows []models.ClientMessage
	require.NoError(c.T, c.Store.Read(c.Ctx).Where("destination_id = ?", c.place.ID).Order("seq").Find(&rows).Error)
	return rows
}

func states(rows []models.ClientMessage) string {
	var all []string
	for _, m := range rows {
		all = append(all, m.Kind+" "+m.State)
	}
	return strings.Join(all, ", ")
}

func TestWhatFailsForGoodHoldsBackNothing(t *testing.T) {
	c := newClient(t)
	bad := c.Photo(c.Order, 1)
	c.Photo(c.Order, 2)
	c.Publish(c.Order)
	c.peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) {
		if payload["uuid"] == bad.UUID {
			rig.Say(w, `{"status":false,"error":"no such order here"}`)
			return
		}
		rig.Say(w, `{"status":true,"error":""}`)
	})
	c.pass()
	require.Equal(t, "item retrying, item delivered, status delivered", states(c.messages()), "what is refused rests by its own clock")
	alerted := func() []models.Alert {
		var alerts []models.Alert
		require.NoError(t, c.Store.Read(c.Ctx).Find(&alerts).Error)
		return alerts
	}
	for n := range 5 {
		require.Equal(t, n >= 2, len(alerted()) == 1, "somebody is told after the third try")
		c.pass()
	}
	require.Equal(t, "item failed, item delivered, status delivered", states(c.messages()))
	require.Equal(t, "The peer said: no such order here", c.messages()[0].LastError)
	require.EqualValues(t, 6, c.messages()[0].Attempts, "bounded")
	alerts := alerted()
	require.Len(t, alerts, 1)
	require.Contains(t, alerts[0].Detail, "no such order here")

	// By hand it goes again, and what has arrived does not.
	before := len(c.peer.Calls("uploadPictures"))
	c.peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":""}`) })
	d, err := models.One[models.Delivery](c.Store.Read(c.Ctx).Where("destination_id = ?", c.place.ID), "delivery")
	require.NoError(t, err)
	c.Write(func(tx *models.Tx) error { return tx.RetryDelivery(d) })
	c.pass()
	require.Equal(t, "item delivered, item delivered, status delivered", states(c.messages()))
	require.Len(t, c.peer.Calls("uploadPictures"), before+1)
}

func TestALostAnswerRepeatsTheSame(t *testing.T) {
	c := newClient(t)
	c.Photo(c.Order, 1)
	c.Photo(c.Order, 2)
	c.Publish(c.Order)
	filed := map[any]int{} // as a peer that knows its files by name
	var cut atomic.Bool
	c.peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) {
		filed[payload["fileName"]]++
		if cut.CompareAndSwap(false, true) {
			panic(http.ErrAbortHandler) // taken, and then the line breaks
		}
		rig.Say(w, `{"status":true,"error":""}`)
	})
	c.pass()
	require.Equal(t, "item retrying, item delivered, status delivered", states(c.messages()), "another went through: the failure was the first one's own")
	c.pass()
	require.Equal(t, "item delivered, item delivered, status delivered", states(c.messages()))
	calls := c.peer.Calls("uploadPictures")
	require.Len(t, calls, 3)
	require.Equal(t, calls[0].Raw, calls[2].Raw, "the retry is the same, so that the peer can tell")
	require.Len(t, filed, 2, "two files, whatever was said twice")
}

func TestALargeFileThatIsRefusedGoesSmaller(t *testing.T) {
	c := newClient(t)
	photo := rig.JPEG(2400, 1800, 3)
	photo = append(photo, make([]byte, 5<<20)...) // a maker's note behind the picture
	sum := sha256.Sum256(photo)
	item := c.Photo(c.Order, 1)
	item.SHA256, item.Size, item.CRC32, item.BlobKey = hex.EncodeToString(sum[:]), int64(len(photo)), int64(crc32.ChecksumIEEE(photo)), "originals/large"
	item.Width, item.Height = 2400, 1800
	require.NoError(t, c.Blobs.Put(c.Ctx, item.BlobKey, "image/jpeg", strings.NewReader(string(photo))))
	c.Write(func(tx *models.Tx) error { return tx.Save(item).Error })
	c.Publish(c.Order)
	var sizes []int64
	c.peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) {
		calls := c.peer.Calls("uploadPictures")
		sizes = append(sizes, int64(calls[len(calls)-1].Size))
		if sizes[len(sizes)-1] > 4<<20 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		rig.Say(w, `{"status":true,"error":""}`)
	})
	c.pass()
	require.Equal(t, "item delivered, status delivered", states(c.messages()))
	require.Len(t, sizes, 2)
	require.Contains(t, c.messages()[0].LastError, "smaller copy", "and says so")
	calls := c.peer.Calls("uploadPictures")
	require.Contains(t, calls[1].Raw, item.SHA256, "with the original's hash")
	require.Equal(t, calls[0].Payload["fileName"], calls[1].Payload["fileName"])
}

func TestAStatusThatIsRefusedHoldsNoPhotoBack(t *testing.T) {
	c := newClient(t)
	c.peer.On("status", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":false,"error":"always"}`) })
	c.peer.On("uploadPictures", func(w http.ResponseWriter, _ rig.JSON) { rig.Say(w, `{"status":true,"error":""}`) })
	c.Write(func(tx *models.Tx) error { // that work began was told, and is refused
		return tx.Create(&models.ClientMessage{ID: models.NewID(), AccountID: c.Account.ID, DestinationID: c.place.ID, WorkOrderID: c.Order.ID, Kind: models.ClientStatus,
			Data: `{"status":"Assigned","fieldStatus":"In Process","clientStatus":""}`, Tries: models.ClientPolicy.Begin(), CreatedAt: models.Now()}).Error
	})
	c.pass()
	c.Photo(c.Order, 1)
	c.Photo(c.Order, 2)
	c.Publish(c.Order)
	c.pass()
	require.Equal(t, "status delivered, item delivered, item delivered, status retrying", states(c.messages()), "of the statuses the newest is tried alone")
	require.Len(t, c.peer.Calls("uploadPictures"), 2)
	d, err := models.One[models.Delivery](c.Store.Read(c.Ctx).Where("destination_id = ?", c.place.ID), "delivery")
	require.NoError(t, err)
	views, err := models.ViewDeliveries(c.Store.Read(c.Ctx), []models.Delivery{*d})
	require.NoError(t, err)
	require.Equal(t, "The peer said: always", views[0].LastError, "what waits shows, with the peer's words")
}

func TestASystemThatIsDownRestsBehindOneProbeThatChanges(t *testing.T) {
	c := newClient(t)
	var tried []any
	down := true
	c.peer.On("uploadPictures", func(w http.ResponseWriter, payload rig.JSON) {
		tried = append(tried, payload["uuid"])
		if down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		rig.Say(w, `{"status":true,"error":""}`)
	})
	for n := range 5 {
		c.Photo(c.Order, n+1)
	}
	c.Publish(c.Order)
	c.pass()
	require.Len(t, tried, 2, "one, and another to see whether it was the first one's own")
	for range 3 {
		before := len(tried)
		c.pass()
		require.Len(t, tried, before+1, "one probe a rest")
		require.NotEqual(t, tried[before-1], tried[before], "never the same twice running")
	}
	_, err := c.clients.SendToClient(c.Ctx, models.ClientSubject(c.place.ID, c.Order.ID))
	require.NoError(t, err)
	require.Len(t, tried, 5, "it rests")
	down = false
	c.pass()
	require.Equal(t, "item delivered, item delivered, item delivered, item delivered, item delivered, status delivered", states(c.messages()))
}

// TestOneItemNeedsNoOtherAndIsToldTheSame has an order say of each item what it says of it with all the others.
func TestOneItemNeedsNoOtherAndIsToldTheSame(t *testing.T) {
	c := newClient(t)
	tasks, err := models.TasksOf(c.Store.Read(c.Ctx), c.Order.ID)
	require.NoError(t, err)
	task := tasks[c.Order.ID][0]
	for n := range 3 {
		i := c.Photo(c.Order, n+1)
		c.Write(func(tx *models.Tx) error {
			return tx.Model(&models.Item{}).Where("id = ?", i.ID).Updates(map[string]any{"task_id": task.ID, "notes": "as published"}).Error
		})
	}
	gone := c.Photo(c.Order, 4)
	c.Publish(c.Order)
	c.Photo(c.Order, 5) // not published yet
	c.Write(func(tx *models.Tx) error {
		if err := tx.Model(&models.Item{}).Where("notes = ?", "as published").Update("notes", "edited since").Error; err != nil {
			return err
		}
		return tx.Model(&models.Item{}).Where("id = ?", gone.ID).Update("review", models.ReviewRejected).Error
	})
	db := c.Store.Read(c.Ctx)
	whole, err := models.ProofOf(db, c.Order.ID, nil, models.ForClient)
	require.NoError(t, err)
	require.Len(t, whole.Items, 4)
	members := func(p *models.Proof, i *models.Item) []wire.Member {
		return wire.ItemMembers(wire.ItemOut{Proof: p, Item: i, Number: "W-1", FileName: i.UUID})
	}
	for _, i := range whole.Items {
		alone, err := models.ProofWith(db, c.Order.ID, i.ID)
		require.NoError(t, err)
		require.Len(t, alone.Items, 1)
		require.Equal(t, members(whole, i), members(alone, alone.Items[0]))
	}
	alone, err := models.ProofWith(db, c.Order.ID, gone.ID)
	require.NoError(t, err)
	require.Empty(t, alone.Items)
}
