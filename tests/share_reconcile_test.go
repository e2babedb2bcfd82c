package tests

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

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

func TestTheDelegatorTooHasBothEndsCompared(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		l := link(t, office, vendor, "ACME", "")
		crew := vendor.Colleague("crew")
		_, above, below := l.assigned()
		vendor.Want(200, "POST", "/work-orders/"+below+"/assign", rig.JSON{"assignee": crew.Username})
		l.released(crew, above, below, 1)
		for uuid := range proof(office, above) {
			lose(t, in, photoID(office, above, uuid))
		}
		require.Empty(t, proof(office, above))
		require.Nil(t, office.Want(200, "GET", "/share-links/"+l.out, nil).Get("compared_at"), "nothing was compared yet")

		office.Want(200, "POST", "/share-links/"+l.out+"/resync", rig.JSON{})
		office.AwaitFor(90*time.Second, "what the delegator had lost", func() bool {
			shown := office.Want(200, "GET", "/share-links/"+l.out, nil)
			return len(proof(office, above)) == 1 && shown.Get("mended", "items_sent") == 1.0
		})
		require.NotNil(t, vendor.Want(200, "GET", "/share-links/"+l.in, nil).Get("compared_at"))
	})
}

func TestWhatOneEndOfALinkHasLostComesFromTheOther(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		between := rig.NewCounter(t, in.URL)
		defer between.Close()
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

		between.Reset()
		shown := l.resync()
		t.Logf("%d requests, %d bytes: %v", between.Requests(), between.Bytes(), between.Services())
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
		between.Reset()
		shown = l.resync()
		require.Equal(t, at, shown.Get("mended", "at"), "nothing was mended since")
		require.Zero(t, between.Asked("uploadPictures")+between.Asked("item"))
		require.Equal(t, 1, between.Asked("compare"), "one round is all where nothing differs")
		require.Len(t, proof(office, above), 3)
		require.Len(t, proof(vendor, below), 3)
	})
}

func TestWhatWaitsForItsReleaseOrWasWithdrawnIsNotMissing(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		between := rig.NewCounter(t, in.URL)
		defer between.Close()
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
		between.Reset()
		l.resync()
		require.Zero(t, between.Asked("item"))
		require.Len(t, proof(office, above), 1, "what was withdrawn is not sent again, and what waits is not missing")
	})
}

func TestWhatTheDelegatorSentBackIsNotWithdrawn(t *testing.T) {
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		between := rig.NewCounter(t, in.URL)
		defer between.Close()
		l := link(t, office, vendor, "ACME", between.URL)
		crew := vendor.Colleague("crew")
		_, above, below := l.assigned()
		do(vendor, below, "assign", rig.JSON{"assignee": crew.Username})
		l.released(crew, above, below, 1, 2)
		var dark string
		for dark = range proof(office, above) {
			break
		}
		do(office, above, "reject", rig.JSON{"reason": "Too dark", "item_ids": []string{photoID(office, above, dark)}})
		review := func(u *rig.User, order string) any { return proof(u, order, "review")[dark][0] }
		vendor.Await("the mark on the photo", func() bool { return review(vendor, below) == "rejected" })

		// Both ends have it as before, so there is nothing to mend, in whatever night.
		shown := l.resync()
		require.Nil(t, shown.Get("mended"), "%s", shown.Body)
		between.Reset()
		shown = l.resync()
		require.Nil(t, shown.Get("mended"))
		require.Equal(t, 1, between.Asked("compare"), "one round is all where nothing differs")

		// New words of it are no withdrawal; the vendor's own rejection is.
		photo := "/photos/" + photoID(vendor, below, dark)
		vendor.Want(200, "PATCH", photo, rig.JSON{"notes": "The sun had set."})
		vendor.Want(200, "PATCH", photo, rig.JSON{"review": "approved"})
		office.Await("the words", func() bool { return proof(office, above, "notes")[dark][0] == "The sun had set." })
		require.Equal(t, false, proof(office, above, "withdrawn")[dark][0])
		vendor.Want(200, "PATCH", photo, rig.JSON{"review": "rejected", "reason": "We take another."})
		office.Await("the withdrawal", func() bool { return proof(office, above, "withdrawn")[dark][0] == true })
	})
}

// TestAResyncThatFindsNothingCostsLittle counts what a resync of 100 orders with 1,000 photos costs of which nothing is
// missing: at most 256 kB and 20 requests.
func TestAResyncThatFindsNothingCostsLittle(t *testing.T) {
	longer(t)
	each(t, func(t *testing.T, in *rig.Installation) {
		office, vendor := rig.SignUp(t, in.URL), rig.SignUp(t, in.URL)
		between := rig.NewCounter(t, in.URL)
		defer between.Close()
		l := link(t, office, vendor, "ACME", between.URL)
		vendor.Want(200, "POST", "/share-links/"+l.in+"/pause", nil) // so that all come at once
		for n := range 100 {
			office.Order(rig.JSON{"work_order_number": fmt.Sprintf("W-%03d", n), "assignee": l.login, "tasks": []rig.JSON{{"name": "Front"}}})
		}
		vendor.Want(200, "POST", "/share-links/"+l.in+"/resume", nil)
		var came []string
		vendor.AwaitFor(2*time.Minute, "the orders", func() bool {
			came = nil
			for _, o := range vendor.Want(200, "GET", "/work-orders?limit=200&q=W-", nil).List("items") {
				came = append(came, o.(map[string]any)["work_order_number"].(string))
			}
			return len(came) >= 100
		})
		slices.Sort(came)
		require.Len(t, came, 100, "%v", came)
		photos(t, in, l, 10)
		l.resync()
		between.Reset()
		l.resync()
		requests, bytes := between.Requests(), between.Bytes()
		t.Logf("100 orders with 1,000 photos: %d requests, %d bytes: %v", requests, bytes, between.Services())
		require.LessOrEqual(t, requests, 20)
		require.LessOrEqual(t, bytes, int64(256<<10))
		require.Equal(t, 1, between.Asked("compare"), "nothing differs")
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

// restores are the ways in which both ends are restored, by shape; make soak has them all.
var restores = map[string][]rig.Restored{"sqlite": {rig.WithTemporal}, "postgres": {rig.TemporalLost}}

// TestEitherEndThatIsRestoredFromABackupIsWholeAgain restores an installation that is the recipient of one link and the
// delegator of another, while much has happened since the backup.
func TestEitherEndThatIsRestoredFromABackupIsWholeAgain(t *testing.T) {
	longer(t)
	t.Parallel()
	for _, name := range turn(t) {
		for _, as := range restores[name] {
			t.Run(name+" "+string(as), func(t *testing.T) {
				t.Parallel()
				own := must(t, func() (*rig.Installation, error) { return another(t, name, "own") })
				t.Cleanup(own.Stop)
				there := shape(t, name)
				restored(t, own, as, link(t, rig.SignUp(t, there.URL), rig.SignUp(t, own.URL), "ACME", there.URL), link(t, rig.SignUp(t, own.URL), rig.SignUp(t, there.URL), "ACME", own.URL))
			})
		}
	}
}

// restored restores an installation that has an end of each of two links.
func restored(t *testing.T, own *rig.Installation, as rig.Restored, recipient, delegator *linked) {
	type order struct{ number, above, below string }
	crews := map[*linked]*rig.User{}
	hand := func(l *linked) (o order) {
		o.number, o.above, o.below = l.assigned()
		l.vendor.Want(200, "POST", "/work-orders/"+o.below+"/assign", rig.JSON{"assignee": crews[l].Username})
		return o
	}
	old := map[*linked]order{}
	for _, l := range []*linked{recipient, delegator} {
		crews[l] = l.vendor.Colleague("crew")
		old[l] = hand(l)
	}
	vendor, office := recipient.vendor, delegator.office
	reworded := hand(recipient)
	recipient.released(crews[recipient], reworded.above, reworded.below, 9)
	unsaid := hand(recipient)
	recipient.released(crews[recipient], unsaid.above, unsaid.below, 10, 11)
	var ids []string // of a photo that is withdrawn after the backup, and of one that is brought back
	for id := range proof(vendor, unsaid.below) {
		ids = append(ids, id)
	}
	withdrawn := func(u *rig.User, order string) map[string][]any { return proof(u, order, "withdrawn") }
	awaitWithdrawn := func(id string, is bool) {
		recipient.office.Await("whether a photo is withdrawn", func() bool { return withdrawn(recipient.office, unsaid.above)[id][0] == is })
	}
	back, gone := photoID(vendor, unsaid.below, ids[1]), photoID(vendor, unsaid.below, ids[0])
	vendor.Want(204, "DELETE", "/photos/"+back, nil)
	awaitWithdrawn(ids[1], true)
	backup, err := own.BackUp(filepath.Join(t.TempDir(), "backup"))
	require.NoError(t, err)

	fresh := hand(recipient)
	recipient.released(crews[recipient], old[recipient].above, old[recipient].below, 1, 2)
	recipient.released(crews[recipient], fresh.above, fresh.below, 3)
	delegator.released(crews[delegator], old[delegator].above, old[delegator].below, 4, 5)
	members := []string{"sha256", "taken_at", "received_at", "evidence_type", "notes", "uploaded_by", "source", "certification"}
	above := []string{"sha256", "taken_at", "first_received_at"}
	beforeOld, beforeNew := proof(vendor, old[recipient].below, members...), proof(vendor, fresh.below, members...)
	thereOld, thereNew := proof(recipient.office, old[recipient].above, "sha256"), proof(recipient.office, fresh.above, "sha256")
	for id := range proof(vendor, reworded.below) {
		vendor.Want(200, "PATCH", "/photos/"+photoID(vendor, reworded.below, id), rig.JSON{"notes": "Said since.", "evidence_type": "during"})
	}
	words := func(u *rig.User, order string) map[string][]any { return proof(u, order, "notes", "evidence_type") }
	said := words(vendor, reworded.below)
	recipient.office.Await("the new words", func() bool { return fmt.Sprint(words(recipient.office, reworded.above)) == fmt.Sprint(said) })
	for id := range said { // the delegator's own words are no matter of the vendor's
		recipient.office.Want(200, "PATCH", "/photos/"+photoID(recipient.office, reworded.above, id), rig.JSON{"notes": "Ours."})
	}
	vendor.Want(204, "DELETE", "/photos/"+gone, nil)
	vendor.Want(200, "POST", "/photos/"+back+"/restore", nil)
	awaitWithdrawn(ids[0], true)
	awaitWithdrawn(ids[1], false)
	came := proof(office, old[delegator].above, above...)

	require.NoError(t, backup.Restore(as))
	require.Empty(t, proof(office, old[delegator].above))
	shown := recipient.resync()
	require.Equal(t, old[recipient].below, at(vendor, old[recipient].number).Text("id"))
	require.Equal(t, beforeOld, proof(vendor, old[recipient].below, members...), "its own items with their bytes")
	lost := at(vendor, fresh.number).Text("id")
	require.Equal(t, beforeNew, proof(vendor, lost, members...), "on an order that it had lost, too")
	require.Equal(t, said, words(vendor, reworded.below), "in the words that were said since")
	require.Equal(t, 6.0, shown.Get("mended", "items_back"))
	require.Equal(t, map[string][]any{ids[1]: {back}}, proof(vendor, unsaid.below, "id"), "what was withdrawn since is not shown again, and what was brought back is")
	require.Contains(t, reasons(vendor, unsaid.below), "withdrawn again")
	for id := range beforeNew {
		require.NotEmpty(t, vendor.Want(200, "GET", "/photos/"+photoID(vendor, lost, id)+"/original", nil).Body)
	}
	require.Equal(t, shown.Get("mended", "at"), recipient.resync().Get("mended", "at"), "nothing is left to mend")
	require.Equal(t, map[string][]any{ids[0]: {true}, ids[1]: {false}}, withdrawn(recipient.office, unsaid.above))
	require.Equal(t, thereOld, proof(recipient.office, old[recipient].above, "sha256"), "the delegator has each once, as before")
	require.Equal(t, thereNew, proof(recipient.office, fresh.above, "sha256"))
	require.NotEqual(t, "assigned", recipient.office.Want(200, "GET", "/work-orders/"+fresh.above, nil).Text("state"), "no status went backwards")

	require.Equal(t, 2.0, delegator.resync().Get("mended", "items_sent"))
	office.Await("its photos", func() bool { return len(proof(office, old[delegator].above)) == 2 })
	require.Equal(t, came, proof(office, old[delegator].above, above...))
	office.AwaitState(old[delegator].above, "completed")

	// What changes from now on goes both ways as before.
	for _, l := range []*linked{recipient, delegator} {
		o := hand(l)
		do(crews[l], o.below, "complete")
		l.office.AwaitState(o.above, "completed")
	}
}
