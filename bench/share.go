package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/tests/rig"
)

const (
	hopOrders   = 24 // with some photos each
	hopPhotos   = 10
	hopAtOnce   = 8
	linkTimes   = 15
	chainTimes  = 7
	downOrders  = 5000 // with two messages each
	besideTimes = 25

	batch        = 500 // orders made in a transaction
	importRows   = 10_000
	resyncOrders = 100_000
	chainOrders  = 100
)

// joined is an account's end and its vendor's, linked over HTTP.
type joined struct {
	office, vendor *rig.User
	login, link    string // in the delegator's account; the recipient's end
	integration    string
}

// join links two accounts as people do by hand. What comes in is given to a user at once, and what is done goes back at once.
func join(from, to *rig.User, code, url string) (j *joined, err error) {
	j = &joined{office: from, vendor: to, login: "vendor-" + uuid.NewString()[:12]}
	err = caught(func() {
		from.Want(201, "POST", "/users", rig.JSON{"username": j.login, "password": "correct horse battery", "role": "subcontractor"})
		j.integration = to.Want(201, "POST", "/integrations", rig.JSON{"client_code": code, "name": code, "kind": "share", "qa_policy": "auto_relay", "default_assignee": to.Username,
			"settings": rig.JSON{"url": url, "username": j.login, "password": "correct horse battery"}}).Text("id")
		j.link = to.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		to.Await("the link", func() bool { return to.Want(200, "GET", "/share-links/"+j.link, nil).Text("state") == "ok" })
	})
	return j, err
}

// pair is an account on each of two installations, linked: work goes from the first to the second. at is where the recipient
// reaches the delegator.
func pair(a, b *rig.Installation, code, at string) (from, to *rig.User, j *joined, err error) {
	if from, err = office(a.URL); err != nil {
		return nil, nil, nil, err
	}
	if to, err = office(b.URL); err != nil {
		return nil, nil, nil, err
	}
	j, err = join(from, to, code, at)
	return from, to, j, err
}

// timesOneWay is the median of what an order takes there and its completion back, over some times.
func (j *joined) timesOneWay(times int) (time.Duration, error) {
	var all []time.Duration
	for range times {
		took, err := oneWay(j.office, j.vendor, j.login)
		if err != nil {
			return 0, err
		}
		all = append(all, took[0]+took[1])
	}
	return median(all), nil
}

// found is the id of an order in an account, as soon as it is there.
func found(u *rig.User, number string) (id string, err error) {
	err = caught(func() {
		u.Await("order "+number, func() bool {
			id = u.Want(200, "GET", "/work-orders?q="+number, nil).Text("items", 0, "id")
			return id != ""
		})
	})
	return id, err
}

// linkedUp is a figure of Share links between two installations with separate data.
func linkedUp(measure func(a, b *rig.Installation) error) func(dir string) error {
	return func(dir string) error {
		a, err := rig.DevDurable(product(), filepath.Join(dir, "a"))
		if err != nil {
			return err
		}
		defer a.Stop()
		b, err := rig.DevDurable(product(), filepath.Join(dir, "b"))
		if err != nil {
			return err
		}
		defer b.Stop()
		return measure(a, b)
	}
}

// hop compares photos that go from one account to another with the same put straight into the delegator's, eight at once both
// times. Their renditions at the recipient are made before.
func hop(a, b *rig.Installation) error {
	from, to, j, err := pair(a, b, "HOP", a.URL)
	if err != nil {
		return err
	}
	var here, there, straight [hopOrders]string
	if err := caught(func() {
		for n := range hopOrders {
			here[n] = from.Order(rig.JSON{"work_order_number": fmt.Sprintf("H-%02d-%s", n, uuid.NewString()[:6]), "assignee": j.login}).Text("work_order_number")
			straight[n] = from.Order(rig.JSON{"assignee": "~all~"}).Text("id")
		}
	}); err != nil {
		return err
	}
	for n := range there {
		if there[n], err = found(to, here[n]); err != nil {
			return err
		}
	}
	if err := caught(func() { to.Want(200, "POST", "/share-links/"+j.link+"/pause", nil) }); err != nil {
		return err
	}
	photos := make([][]byte, hopAtOnce)
	for n := range photos {
		photos[n] = rig.JPEG(1600, 1200, uint64(n+1))
	}
	put := func(u *rig.User, orders []string) (time.Duration, error) {
		return atOnceDo(hopOrders*hopPhotos, hopAtOnce, func(i int) error {
			return caught(func() {
				u.Upload(orders[i%hopOrders], photos[i%len(photos)], "taken_at", time.Now().UTC().Format(time.RFC3339))
			})
		})
	}
	if _, err := put(to, there[:]); err != nil {
		return err
	}
	servers := []int{a.ServerPID(), b.ServerPID()}
	if err := atRest(servers, time.Second, 5*time.Minute); err != nil {
		return err
	}
	alone, err := put(from, straight[:])
	if err != nil {
		return err
	}
	if err := atRest(servers, time.Second, 5*time.Minute); err != nil {
		return err
	}
	began := time.Now()
	if err := caught(func() {
		to.Want(200, "POST", "/share-links/"+j.link+"/resume", nil)
		to.AwaitFor(10*time.Minute, "all photos", func() bool {
			return to.Want(200, "GET", "/share-links/"+j.link, nil).Get("waiting", "items") == 0.0
		})
	}); err != nil {
		return err
	}
	took := time.Since(began)
	rate := func(t time.Duration) float64 { return hopOrders * hopPhotos / t.Seconds() }
	fmt.Printf("%d photos of %d orders: over one hop %.1f/s; straight into the delegator %.1f/s, %d at once\n", hopOrders*hopPhotos, hopOrders, rate(took), rate(alone), hopAtOnce)
	verdict("photos over one hop against straight into the delegator", alone.Seconds()/took.Seconds(), true, 0.4)
	return nil
}

// idleLinks measures, with nothing else to do, what it takes from an assignment to the order at the recipient, and from the
// completion there to the one here: over one link, and over three.
func idleLinks(a, b *rig.Installation) error {
	accounts := make([]*rig.User, 4)
	for n := range accounts {
		var err error
		if accounts[n], err = office([]string{a.URL, b.URL}[n%2]); err != nil {
			return err
		}
	}
	links := make([]*joined, 3)
	for n := range links {
		var err error
		if links[n], err = join(accounts[n], accounts[n+1], fmt.Sprint("HOP", n), accounts[n].URL); err != nil {
			return err
		}
		if n > 0 {
			if err := caught(func() {
				accounts[n].Want(200, "PATCH", "/integrations/"+links[n-1].integration, rig.JSON{"default_assignee": links[n].login})
			}); err != nil {
				return err
			}
		}
	}
	for _, way := range []struct {
		name   string
		from   int // the first account of the way; the last is its end
		times  int
		atMost float64
	}{{"one hop", 2, linkTimes, 2}, {"three hops", 0, chainTimes, 6}} {
		first, last := accounts[way.from], accounts[len(accounts)-1]
		var there, back []time.Duration
		for n := range way.times + 1 {
			order, err := oneWay(first, last, links[way.from].login)
			if err != nil {
				return err
			}
			if n > 0 { // the first one warms
				there, back = append(there, order[0]), append(back, order[1])
			}
		}
		t, c := median(there), median(back)
		fmt.Printf("%s, %d times: assignment to the order there %.2f s, completion there to here %.2f s (medians)\n", way.name, way.times, t.Seconds(), c.Seconds())
		verdict("assignment over "+way.name+", s", t.Seconds(), false, way.atMost)
		verdict("completion back over "+way.name+", s", c.Seconds(), false, way.atMost)
	}
	return nil
}

// oneWay sends an order from one account to another at the end of links, and its completion back.
func oneWay(first, last *rig.User, login string) (took [2]time.Duration, err error) {
	var here string
	number := "L-" + uuid.NewString()[:12]
	if err := caught(func() { here = first.Order(rig.JSON{"work_order_number": number}).Text("id") }); err != nil {
		return took, err
	}
	began := time.Now()
	if err := caught(func() { first.Want(200, "POST", "/work-orders/"+here+"/assign", rig.JSON{"assignee": login}) }); err != nil {
		return took, err
	}
	there, err := found(last, number)
	if err != nil {
		return took, err
	}
	took[0] = time.Since(began)
	if err := caught(func() { last.AwaitState(there, "assigned") }); err != nil {
		return took, err
	}
	began = time.Now()
	err = caught(func() {
		last.Want(200, "POST", "/work-orders/"+there+"/complete", nil)
		first.AwaitState(here, "completed")
	})
	took[1] = time.Since(began)
	return took, err
}

// besideOneThatIsDown measures a link alone, and beside one whose other side is down while much waits for it.
func besideOneThatIsDown(a, b *rig.Installation) error {
	from, to, good, err := pair(a, b, "GOOD", a.URL)
	if err != nil {
		return err
	}
	var down atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case strings.HasSuffix(r.URL.Path, "validate"):
			rig.Say(w, `{"error":"","validated":true}`)
		case strings.HasSuffix(r.URL.Path, "getWorkOrders"):
			rig.Say(w, `{"workOrders":[],"error":""}`)
		default:
			rig.Say(w, `{"status":true,"error":null}`)
		}
	}))
	defer front.Close()
	bad := ""
	if err := caught(func() {
		to.Want(201, "POST", "/integrations", rig.JSON{"client_code": "BAD", "name": "Bad", "kind": "share", "settings": rig.JSON{"url": front.URL, "username": "x", "password": "y"}})
		bad = to.Want(200, "GET", "/share-links", nil).Text("items", 0, "id")
		to.Await("the link", func() bool { return to.Want(200, "GET", "/share-links/"+bad, nil).Text("state") == "ok" })
	}); err != nil {
		return err
	}
	down.Store(true)
	// The account has as many orders both times: what they cost is no matter of the link.
	wait, err := queueFor(b, to, bad)
	if err != nil {
		return err
	}
	if _, err := oneWay(from, to, good.login); err != nil { // warm
		return err
	}
	alone, err := good.timesOneWay(besideTimes)
	if err != nil {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	shown := rig.Answer{}
	if err := caught(func() {
		to.Want(200, "POST", "/share-links/"+bad+"/resume", nil)
		to.Await("that it is down", func() bool {
			shown = to.Want(200, "GET", "/share-links/"+bad, nil)
			return shown.Text("state") == "down"
		})
	}); err != nil {
		return err
	}
	if err := atRest([]int{a.ServerPID(), b.ServerPID()}, time.Second, 3*time.Minute); err != nil {
		return err
	}
	beside, err := good.timesOneWay(besideTimes)
	if err != nil {
		return err
	}
	fmt.Printf("an order there and back: alone %.3f s; while %v items and %v statuses wait for another link that is down %.3f s\n", alone.Seconds(), shown.Get("waiting", "items"), shown.Get("waiting", "statuses"), beside.Seconds())
	verdict("a link beside one that is down against alone", beside.Seconds()/alone.Seconds(), false, 1.2)
	return nil
}

// queueFor makes 10,000 messages of 5,000 orders, an item and a status each, in the rows in which the product keeps them; the
// function that it returns has them wait for a link. The orders are closed, so that they are none of Temporal's.
func queueFor(in *rig.Installation, u *rig.User, link string) (wait func() error, err error) {
	ctx := models.InAccount(context.Background(), u.Account)
	store, err := models.Open(ctx, in.DatabaseURL)
	if err != nil {
		return nil, err
	}
	blobs, err := storage.Open(ctx, "file://"+in.Blobs)
	if err != nil {
		return nil, err
	}
	defer blobs.Close()
	const key, content = "originals/bench-share", "a photo"
	if err := blobs.Put(ctx, key, "image/jpeg", strings.NewReader(content)); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(content))
	one := func(tx *models.Tx, n int) error {
		o, err := closedOrder(tx, u.Account, fmt.Sprintf("DOWN-%05d", n), nil)
		if err != nil {
			return err
		}
		item := &models.Item{ID: models.NewID(), AccountID: u.Account, WorkOrderID: o.ID, Kind: models.Photo, UUID: uuid.NewString(), Revision: 1, ReceivedAt: models.Now(), Review: models.ReviewApproved,
			SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content)), CRC32: int64(crc32.ChecksumIEEE([]byte(content))), ContentType: "image/jpeg", BlobKey: key, Noticed: true}
		if err := tx.Create(item).Error; err != nil {
			return err
		}
		for _, m := range []models.ClientMessage{{Kind: models.ClientItem, ItemID: item.ID, Revision: 1}, {Kind: models.ClientStatus, Data: `{"status":"Complete","fieldStatus":"complete","clientStatus":""}`}} {
			m.ID, m.AccountID, m.DestinationID, m.WorkOrderID, m.Tries, m.CreatedAt = models.NewID(), u.Account, link, o.ID, models.SharePolicy.Begin(), models.Now()
			m.State = models.DeliveryDelivered
			if err := tx.Create(&m).Error; err != nil {
				return err
			}
		}
		return nil
	}
	if err := inBatches(ctx, store, downOrders, one); err != nil {
		return nil, err
	}
	return func() error {
		defer store.Close()
		return store.Write(ctx, func(tx *models.Tx) error {
			return tx.Model(&models.ClientMessage{}).Where("destination_id = ?", link).Update("state", models.DeliveryPending).Error
		})
	}, nil
}

// closedOrder makes an order that is over, in the rows in which the product keeps it, and so none of Temporal's.
func closedOrder(tx *models.Tx, account, number string, assignee *string) (*models.WorkOrder, error) {
	address := models.Address{Address1: "12 Oak Street", City: "Austin", State: "TX", Zip: "78701"}
	property, err := tx.PropertyAt(account, address, nil, nil)
	if err != nil {
		return nil, err
	}
	yesterday := models.At(time.Now().AddDate(0, 0, -1)) // what changed a moment ago is told again, and none of these did
	o := &models.WorkOrder{ID: models.NewID(), AccountID: account, CreatedAt: yesterday, UpdatedAt: yesterday, PropertyID: property.ID, Lifecycle: models.Lifecycle{State: models.Closed}}
	o.WorkOrderNumber, o.Address, o.AssigneeID = number, address, assignee
	o.Normalise()
	lawn := models.TaskFields{Name: "Lawn"}
	lawn.Normalise()
	return o, tx.CreateOrder(o, []models.TaskFields{lawn}, &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Closed, Actor: "bench"})
}

// inBatches makes n things, some in each transaction.
func inBatches(ctx context.Context, store *models.Store, n int, one func(tx *models.Tx, n int) error) error {
	for at := 0; at < n; {
		if err := store.Write(ctx, func(tx *models.Tx) error {
			for end := min(at+batch, n); at < end; at++ {
				if err := one(tx, at); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// besideAnImport measures a link alone, and while the recipient's own account imports a large file.
func besideAnImport(a, b *rig.Installation) error {
	_, to, j, err := pair(a, b, "HOP", a.URL)
	if err != nil {
		return err
	}
	if _, err := j.timesOneWay(1); err != nil { // warm
		return err
	}
	alone, err := j.timesOneWay(linkTimes)
	if err != nil {
		return err
	}
	var file strings.Builder
	file.WriteString("Project Number,Address 1,City,State,ZIP,Tasks\n")
	for n := range importRows {
		fmt.Fprintf(&file, "I-%05d,%d Elm Street,Round Rock,TX,78664,Lawn cut\n", n, n)
	}
	id := ""
	rows := func() (n float64, over bool, err error) {
		err = caught(func() {
			i := to.Want(200, "GET", "/imports/"+id, nil)
			n, _ = i.Get("created").(float64)
			over = i.Text("state") != models.ImportPending && i.Text("state") != models.ImportRunning
		})
		return n, over, err
	}
	if err := caught(func() {
		id = to.Want(202, "POST", "/imports", rig.FileForm("rows.csv", []byte(file.String()))).Text("id")
		to.Await("the first rows", func() bool { n, _, err := rows(); return err == nil && n > 0 })
	}); err != nil {
		return err
	}
	var all []time.Duration
	for {
		took, err := j.timesOneWay(1)
		if err != nil {
			return err
		}
		_, over, err := rows()
		if err != nil {
			return err
		}
		if over {
			break // the last one was not beside it to its end
		}
		all = append(all, took)
	}
	if len(all) == 0 {
		return fmt.Errorf("the import of %d rows was over before an order had gone there and back", importRows)
	}
	beside := median(all)
	fmt.Printf("an order there and back: alone %.2f s; %d times while the recipient imports %d rows %.2f s\n", alone.Seconds(), len(all), importRows, beside.Seconds())
	verdict("an order there and back beside an import, s", beside.Seconds(), false, 4)
	return nil
}

// resyncs measures what it costs to find that two ends with 100,000 orders differ in nothing.
func resyncs(a, b *rig.Installation) error {
	between := rig.NewCounter(fataler{}, a.URL)
	defer between.Close()
	from, to, j, err := pair(a, b, "HOP", between.URL)
	if err != nil {
		return err
	}
	compared := func() (at any, err error) {
		err = caught(func() { at = to.Want(200, "GET", "/share-links/"+j.link, nil).Get("compared_at") })
		return at, err
	}
	began := time.Now()
	if err := longLinked(a, b, from, to, j); err != nil {
		return err
	}
	fmt.Printf("  %d orders of a link made at both ends in %.0f s\n", resyncOrders, time.Since(began).Seconds())
	servers := []int{a.ServerPID(), b.ServerPID()}
	var took []time.Duration
	for range 2 { // the first one warms
		if err := atRest(servers, time.Second, 5*time.Minute); err != nil {
			return err
		}
		between.Reset()
		before, err := compared()
		if err != nil {
			return err
		}
		began := time.Now()
		if err := caught(func() {
			to.Want(200, "POST", "/share-links/"+j.link+"/resync", rig.JSON{})
			to.AwaitFor(10*time.Minute, "both ends to be compared", func() bool {
				at, err := compared()
				return err == nil && at != nil && at != before
			})
		}); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	mended := any(nil)
	if err := caught(func() { mended = to.Want(200, "GET", "/share-links/"+j.link, nil).Get("mended") }); err != nil {
		return err
	}
	if mended != nil {
		return fmt.Errorf("the two ends of %d orders differed: %v", resyncOrders, mended)
	}
	fmt.Printf("resync of %d orders of which nothing is missing: %d requests, %.0f kB, %.1f s: %v\n", resyncOrders, between.Requests(), float64(between.Bytes())/1000, took[1].Seconds(), between.Services())
	verdict("resync of 100,000 orders, MB", float64(between.Bytes())/1e6, false, 1)
	return nil
}

// longLinked gives both ends of a link orders that went over it, in the rows in which the product keeps them.
func longLinked(a, b *rig.Installation, from, to *rig.User, j *joined) error {
	ids, versions := make([]string, resyncOrders), make([]int64, resyncOrders)
	end := func(in *rig.Installation, u *rig.User, one func(tx *models.Tx, login string, n int) error) error {
		ctx := models.InAccount(context.Background(), u.Account)
		store, err := models.Open(ctx, in.DatabaseURL)
		if err != nil {
			return err
		}
		defer store.Close()
		var logins []string
		if err := store.Read(ctx).Model(&models.User{}).Where("username_key = ?", models.UsernameKey(j.login)).Pluck("id", &logins).Error; err != nil {
			return err
		}
		login := strings.Join(logins, "")
		return inBatches(ctx, store, resyncOrders, func(tx *models.Tx, n int) error { return one(tx, login, n) })
	}
	number := func(n int) string { return fmt.Sprintf("R-%06d", n) }
	if err := end(a, from, func(tx *models.Tx, login string, n int) error {
		o, err := closedOrder(tx, from.Account, number(n), &login)
		if err != nil {
			return err
		}
		ids[n], versions[n] = o.ID, o.Version
		return tx.Create(&models.PeerNumber{UserID: login, WorkOrderID: o.ID, AccountID: from.Account, Number: number(n), NumberKey: strings.ToLower(number(n)), StatusNumber: 1, FieldStatus: "completed"}).Error
	}); err != nil {
		return err
	}
	return end(b, to, func(tx *models.Tx, _ string, n int) error {
		o, err := closedOrder(tx, to.Account, "HOP::"+number(n), nil)
		if err != nil {
			return err
		}
		r := &models.ReceivedOrder{IntegrationID: j.integration, Number: number(n), AccountID: to.Account, WorkOrderID: o.ID, PeerOrderID: ids[n], PeerVersion: versions[n], StatusNumber: 1,
			Fields: map[string]string{}, At: models.Now()}
		if err := tx.Create(r).Error; err != nil {
			return err
		}
		m := &models.ClientMessage{ID: models.NewID(), AccountID: to.Account, DestinationID: j.link, WorkOrderID: o.ID, Kind: models.ClientStatus, Number: 1, CreatedAt: models.Now(), Tries: models.SharePolicy.Begin(),
			Data: `{"status":"Complete","fieldStatus":"complete","clientStatus":""}`}
		m.State = models.DeliveryDelivered
		return tx.Create(m).Error
	})
}

// chainKilled is the test of a chain whose processes die, with more orders: it ends well, or it does not.
func chainKilled(string) error {
	c := exec.Command("go", "test", "./tests", "-count=1", "-timeout=40m", "-run", "^TestAChainSurvivesTheDeathOfItsProcesses$")
	c.Dir = rig.Root()
	c.Env = append(os.Environ(), fmt.Sprint("FIELDPROOF_TEST_CHAIN=", chainOrders), "FIELDPROOF_TEST_SHAPES=sqlite")
	began := time.Now()
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("a chain of %d orders did not survive: %w\n%s", chainOrders, err, out)
	}
	fmt.Printf("%d orders with 10 photos each are whole at all hops of a chain whose processes were killed %d times, in %.0f s\n", chainOrders, chainOrders/5, time.Since(began).Seconds())
	return nil
}
