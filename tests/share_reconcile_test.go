package tests

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// counter stands before a delegator and counts what a recipient asks of it.
type counter struct {
	*httptest.Server
	requests, bytes atomic.Int64
	mu              sync.Mutex
	services        []string
}

func newCounter(t *testing.T, at string) *counter {
	to, err := url.Parse(at)
	require.NoError(t, err)
	c := &counter{}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.Transport = &http.Transport{} // what two installations say to each other is held to no document of ours
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		c.mu.Lock()
		c.services = append(c.services, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		c.mu.Unlock()
		r.Body = io.NopCloser(io.TeeReader(r.Body, c))
		proxy.ServeHTTP(&counted{w, c}, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *counter) Write(b []byte) (int, error) {
	c.bytes.Add(int64(len(b)))
	return len(b), nil
}

func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services = nil
	c.requests.Store(0)
	c.bytes.Store(0)
}

// asked are the services that were asked for since the reset, but the ordinary pulls.
func (c *counter) asked(service string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.services {
		if s == service {
			n++
		}
	}
	return n
}

type counted struct {
	http.ResponseWriter
	c *counter
}

func (w *counted) Write(b []byte) (int, error) {
	_, _ = w.c.Write(b)
	return w.ResponseWriter.Write(b)
}

// resync has both ends compared, and waits until they were.
func (l *linked) resync() rig.Answer {
	before := l.vendor.Want(200, "GET", "/share-links/"+l.in, nil).Get("compared_at")
	l.vendor.Want(200, "POST", "/share-links/"+l.in+"/resync", rig.JSON{})
	var shown rig.Answer
	l.vendor.AwaitFor(90*time.Second, "both ends to be compared", func() bool {
		shown = l.vendor.Want(200, "GET", "/share-links/"+l.in, nil)
		return shown.Get("compared_at") != nil && shown.Get("compared_at") != before
	})
	return shown
}

// assigned makes an order of the delegator's that is the recipient's, and returns both ends' ids of it.
func (l *linked) assigned() (number, above, below string) {
	number = uuid.NewString()[:12]
	above = l.office.Order(rig.JSON{"work_order_number": number, "tasks": []rig.JSON{{"name": "Front"}}, "assignee": l.login}).Text("id")
	return number, above, at(l.vendor, number).Text("id")
}

// released uploads photos to a recipient's order, and has them at the delegator.
func (l *linked) released(crew *rig.User, above, below string, seeds ...uint64) {
	taken := time.Now().UTC().Truncate(time.Second).Add(-time.Minute).Format(time.RFC3339)
	for _, seed := range seeds {
		crew.Upload(below, rig.JPEG(64, 48, seed), "evidence_type", "before", "source", "mobile_camera", "taken_at", taken, "notes", fmt.Sprint("photo ", seed))
	}
	before := len(l.office.Want(200, "GET", "/work-orders/"+above+"/photos", nil).List("items"))
	l.vendor.Await("a look", func() bool {
		return l.vendor.Want(200, "GET", "/work-orders/"+below, nil).Text("state") == "in_progress"
	})
	crew.Want(200, "POST", "/work-orders/"+below+"/complete", rig.JSON{})
	l.vendor.Want(200, "POST", "/work-orders/"+below+"/approve", rig.JSON{})
	l.vendor.Want(200, "POST", "/work-orders/"+below+"/publish", rig.JSON{})
	l.office.Await("the photos", func() bool {
		return len(l.office.Want(200, "GET", "/work-orders/"+above+"/photos", nil).List("items")) == before+len(seeds)
	})
}

// proof is what is told of an order's photos, by their uuids.
func proof(u *rig.User, order string, members ...string) map[string][]any {
	all := map[string][]any{}
	for _, p := range u.Want(200, "GET", "/work-orders/"+order+"/photos?limit=200", nil).List("items") {
		photo := p.(map[string]any)
		var said []any
		for _, m := range members {
			said = append(said, photo[m])
		}
		all[photo["uuid"].(string)] = said
	}
	return all
}

// inDatabase runs statements in an installation's database, behind its back; ? stands for each argument.
func inDatabase(t *testing.T, in *rig.Installation, args []any, statements ...string) {
	t.Helper()
	ctx := models.AcrossAccounts(context.Background())
	store, err := models.Open(ctx, in.DatabaseURL)
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.Write(ctx, func(tx *models.Tx) error {
		for _, s := range statements {
			if err := tx.Exec(s, args...).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

// lose takes a photo out of the database of an account, as if it had been restored from before.
func lose(t *testing.T, in *rig.Installation, photo string) {
	t.Helper()
	var statements []string
	for _, table := range []string{"publication_items", "delivery_items", "client_messages", "statements"} {
		statements = append(statements, "DELETE FROM "+table+" WHERE item_id = ?")
	}
	inDatabase(t, in, []any{photo}, append(statements, "DELETE FROM items WHERE id = ?")...)
}

// photoID is the id that a photo has in an account.
func photoID(u *rig.User, order, uuid string) string { return proof(u, order, "id")[uuid][0].(string) }

func TestWhatOneEndOfALinkHasLostComesFromTheOther(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		between := newCounter(t, in.URL)
		l := link(t, office, vendor, "ACME", between.URL)
		crew := vendor.Colleague("crew")
		_, above, below := l.assigned()
		vendor.Want(200, "POST", "/work-orders/"+below+"/assign", rig.JSON{"assignee": crew.Username})
		l.released(crew, above, below, 1, 2, 3)
		lostNumber, lost, lostBelow := l.assigned()
		l.resync() // what the delegator counted since is known now

		members := []string{"sha256", "taken_at", "received_at", "evidence_type", "notes", "uploaded_by", "source", "certification"}
		before, beforeThere := proof(vendor, below, members...), proof(office, above, members[:2]...)
		var uuids []string
		for id := range before {
			uuids = append(uuids, id)
		}
		require.Len(t, uuids, 3)
		lose(t, in, photoID(office, above, uuids[0]))
		lose(t, in, photoID(vendor, below, uuids[1]))
		inDatabase(t, in, []any{lostBelow}, "DELETE FROM received_orders WHERE work_order_id = ?")
		office.Want(200, "PATCH", "/work-orders/"+lost, rig.JSON{"instructions": "Mind the dog."})

		between.reset()
		shown := l.resync()
		t.Logf("%d requests, %d bytes: %v", between.requests.Load(), between.bytes.Load(), between.services)
		require.Equal(t, []any{1.0, 1.0, 0.0, 0.0}, []any{shown.Get("mended", "items_sent"), shown.Get("mended", "items_back"), shown.Get("mended", "other_bytes"), shown.Get("mended", "unfetchable")})
		require.Equal(t, before, proof(vendor, below, members...), "the recipient has its own back as it was")
		office.Await("the photo that the delegator lost", func() bool { return len(proof(office, above)) == 3 })
		require.Equal(t, beforeThere, proof(office, above, members[:2]...))
		require.Contains(t, vendor.Want(200, "GET", "/work-orders/"+at(vendor, lostNumber).Text("id"), nil).Text("instructions"), "Mind the dog.")

		// Both ends are told, and the log of the integration.
		office.Await("the delegator to be told", func() bool {
			return office.Want(200, "GET", "/share-links/"+l.out, nil).Get("mended", "items_back") == 1.0
		})
		require.NotEmpty(t, office.Want(200, "GET", "/share-links/"+l.out, nil).Get("compared_at"))
		require.Contains(t, string(vendor.Want(200, "GET", "/integrations/"+l.integration+"/log", nil).Body), "1 items sent again, 1 items fetched back")

		// Once more there is nothing to mend: what came back is not published back, and nothing is twice.
		vendor.Want(200, "POST", "/work-orders/"+below+"/publish", rig.JSON{})
		at := shown.Get("mended", "at")
		l.resync()
		between.reset()
		shown = l.resync()
		require.Equal(t, at, shown.Get("mended", "at"), "nothing was mended since")
		require.Zero(t, between.asked("uploadPictures")+between.asked("item"))
		require.Equal(t, 1, between.asked("compare"), "one round is all where nothing differs")
		require.Len(t, proof(office, above), 3)
		require.Len(t, proof(vendor, below), 3)
	})
}

func TestWhatWaitsForItsReleaseOrWasWithdrawnIsNotMissing(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		between := newCounter(t, in.URL)
		l := link(t, office, vendor, "ACME", between.URL)
		crew := vendor.Colleague("crew")
		_, above, below := l.assigned()
		vendor.Want(200, "POST", "/work-orders/"+below+"/assign", rig.JSON{"assignee": crew.Username})
		l.released(crew, above, below, 1, 2)
		crew.Upload(below, rig.JPEG(64, 48, 3), "evidence_type", "after", "source", "mobile_camera") // nobody has released it
		var withdrawn string
		for id := range proof(vendor, below) {
			if withdrawn = id; proof(vendor, below, "review")[id][0] == "approved" {
				break
			}
		}
		gone := photoID(vendor, below, withdrawn)
		vendor.Want(204, "DELETE", "/photos/"+gone, nil)
		lose(t, in, photoID(office, above, withdrawn))
		l.resync()
		between.reset()
		l.resync()
		require.Zero(t, between.asked("item"))
		require.Len(t, proof(office, above), 1, "what was withdrawn is not sent again, and what waits is not missing")
	})
}

// TestAResyncThatFindsNothingCostsLittle counts what a resync of 100 orders with 1,000 photos costs of which nothing is
// missing: at most 256 kB and 20 requests.
func TestAResyncThatFindsNothingCostsLittle(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		between := newCounter(t, in.URL)
		l := link(t, office, vendor, "ACME", between.URL)
		for n := range 100 {
			office.Order(rig.JSON{"work_order_number": fmt.Sprintf("W-%03d", n), "assignee": l.login, "tasks": []rig.JSON{{"name": "Front"}}})
		}
		vendor.AwaitFor(2*time.Minute, "the orders", func() bool {
			return len(vendor.Want(200, "GET", "/work-orders?limit=200", nil).List("items")) == 100
		})
		photos(t, in, l, 10)
		l.resync()
		between.reset()
		l.resync()
		requests, bytes := between.requests.Load(), between.bytes.Load()
		t.Logf("100 orders with 1,000 photos: %d requests, %d bytes: %v", requests, bytes, between.services)
		require.LessOrEqual(t, requests, int64(20))
		require.LessOrEqual(t, bytes, int64(256<<10))
		require.Equal(t, 1, between.asked("compare"), "nothing differs")
	})
}

// photos gives every order of a link photos that both ends have.
func photos(t *testing.T, in *rig.Installation, l *linked, each int) {
	t.Helper()
	ctx := models.AcrossAccounts(context.Background())
	store, err := models.Open(ctx, in.DatabaseURL)
	require.NoError(t, err)
	defer store.Close()
	var rows []models.ReceivedOrder
	require.NoError(t, store.Read(ctx).Where("integration_id = ?", l.integration).Find(&rows).Error)
	require.NotEmpty(t, rows)
	above, err := models.One[models.ShareLink](store.Read(ctx).Where("id = ?", l.out), "share link")
	require.NoError(t, err)
	require.NoError(t, store.Write(ctx, func(tx *models.Tx) error {
		for _, r := range rows {
			for n := range each {
				photo := func(account, order, by string) *models.Item {
					return &models.Item{ID: models.NewID(), AccountID: account, WorkOrderID: order, Kind: models.Photo, UUID: models.DerivedID(r.PeerOrderID, fmt.Sprint(n)), Revision: 1,
						ReceivedAt: models.Now(), Review: models.ReviewApproved, UploadedBy: by, SHA256: strings.Repeat(fmt.Sprint(n), 64), BlobKey: "originals/none", Noticed: true,
						Renditions: models.RenditionsMade, PeerRevision: 1}
				}
				there, here := photo(above.AccountID, r.PeerOrderID, l.loginID), photo(r.AccountID, r.WorkOrderID, "")
				if err := tx.Create([]*models.Item{there, here}).Error; err != nil {
					return err
				}
				if err := tx.HeldThere(l.in, here); err != nil {
					return err
				}
			}
		}
		return nil
	}))
}

// ownInstallation is an installation of the embedded shape that a test may stop and restore.
func ownInstallation(t *testing.T) *rig.Installation {
	t.Helper()
	in := must(t, func() (*rig.Installation, error) { return rig.Dev(product(t), filepath.Join(t.TempDir(), "own")) })
	t.Cleanup(in.Stop)
	return in
}

// backUp stops an installation, copies all that it has, and starts it again; the function that it returns puts it back.
func backUp(t *testing.T, in *rig.Installation) (restore func()) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "backup")
	in.Stop()
	require.NoError(t, os.CopyFS(copied, os.DirFS(in.Dir)))
	require.NoError(t, in.Restart())
	return func() {
		in.Stop()
		require.NoError(t, os.RemoveAll(in.Dir))
		require.NoError(t, os.CopyFS(in.Dir, os.DirFS(copied)))
		require.NoError(t, in.Restart())
	}
}

func TestARecipientThatIsRestoredFromABackupIsWholeAgain(t *testing.T) {
	t.Parallel()
	there := shape(t, shapeNames()[0])
	own := ownInstallation(t)
	office, vendor := rig.SignUp(t, there.URL), rig.SignUp(t, own.URL)
	l := link(t, office, vendor, "ACME", there.URL)
	crew := vendor.Colleague("crew")
	oldNumber, oldAbove, old := l.assigned()
	vendor.Want(200, "POST", "/work-orders/"+old+"/assign", rig.JSON{"assignee": crew.Username})
	restore := backUp(t, own)

	newNumber, newAbove, fresh := l.assigned()
	vendor.Want(200, "POST", "/work-orders/"+fresh+"/assign", rig.JSON{"assignee": crew.Username})
	l.released(crew, oldAbove, old, 1, 2)
	l.released(crew, newAbove, fresh, 3)
	members := []string{"sha256", "taken_at", "received_at", "evidence_type", "notes", "uploaded_by", "source", "certification"}
	beforeOld, beforeNew := proof(vendor, old, members...), proof(vendor, fresh, members...)
	thereOld, thereNew := proof(office, oldAbove, "sha256"), proof(office, newAbove, "sha256")

	restore()
	shown := l.resync()
	require.Equal(t, old, at(vendor, oldNumber).Text("id"))
	require.Equal(t, beforeOld, proof(vendor, old, members...), "its own items with their bytes")
	fresh = at(vendor, newNumber).Text("id")
	require.Equal(t, beforeNew, proof(vendor, fresh, members...), "on an order that it had lost, too")
	require.Equal(t, 3.0, shown.Get("mended", "items_back"))
	for id := range beforeNew {
		r := vendor.Want(200, "GET", "/photos/"+photoID(vendor, fresh, id)+"/original", nil)
		require.NotEmpty(t, r.Body)
	}
	l.resync()
	require.Equal(t, thereOld, proof(office, oldAbove, "sha256"), "the delegator has each once, as before")
	require.Equal(t, thereNew, proof(office, newAbove, "sha256"))
	require.NotEqual(t, "assigned", office.Want(200, "GET", "/work-orders/"+newAbove, nil).Text("state"), "no status went backwards")
}

func TestADelegatorThatIsRestoredFromABackupIsWholeAgain(t *testing.T) {
	t.Parallel()
	here := shape(t, shapeNames()[0])
	own := ownInstallation(t)
	office, vendor := rig.SignUp(t, own.URL), rig.SignUp(t, here.URL)
	l := link(t, office, vendor, "ACME", own.URL)
	crew := vendor.Colleague("crew")
	_, above, below := l.assigned()
	vendor.Want(200, "POST", "/work-orders/"+below+"/assign", rig.JSON{"assignee": crew.Username})
	restore := backUp(t, own)
	l.released(crew, above, below, 1, 2)
	before := proof(office, above, "sha256", "taken_at", "first_received_at")
	restore()
	require.Empty(t, proof(office, above))
	shown := l.resync()
	require.Equal(t, 2.0, shown.Get("mended", "items_sent"))
	office.AwaitFor(60*time.Second, "its photos", func() bool { return len(proof(office, above)) == 2 })
	require.Equal(t, before, proof(office, above, "sha256", "taken_at", "first_received_at"))
	office.AwaitState(above, "completed")
}
