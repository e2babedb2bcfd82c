package archives_test

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"fieldproof/archives"
	"fieldproof/models"
	"fieldproof/tests/house"
)

func archiveOf(t *testing.T, h *house.House, p *models.Proof) []byte {
	t.Helper()
	file, err := (&archives.Archives{Store: h.Store, Blobs: h.Blobs}).Of(h.Ctx, p, "")
	require.NoError(t, err)
	defer file.Close()
	b, err := io.ReadAll(file)
	require.NoError(t, err)
	return b
}

func verified(t *testing.T, archive []byte) *archives.Report {
	t.Helper()
	r, err := archives.Verify(bytes.NewReader(archive), int64(len(archive)), archives.Held{})
	require.NoError(t, err)
	return r
}

// TestArchivesWhoseEntriesHaveListsStillVerify reads an archive of the time before entries committed by a root.
func TestArchivesWhoseEntriesHaveListsStillVerify(t *testing.T) {
	old, err := os.ReadFile("testdata/entry-with-list.zip")
	require.NoError(t, err)
	r := verified(t, old)
	require.Empty(t, r.Problems)
	require.Equal(t, 2, r.Items)
}

func TestTreesProveEachLeaf(t *testing.T) {
	for size := range 70 {
		leaves := make([]string, size)
		for i := range leaves {
			leaves[i] = "leaf " + strconv.Itoa(i)
		}
		tree := models.NewTree(leaves)
		root, err := hex.DecodeString(tree.Root)
		require.NoError(t, err)
		for i, leaf := range leaves {
			var path [][]byte
			for _, step := range tree.Paths[i] {
				b, err := hex.DecodeString(step)
				require.NoError(t, err)
				path = append(path, b)
			}
			require.NoError(t, proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(size), rfc6962.DefaultHasher.HashLeaf([]byte(leaf)), path, root))
		}
	}
}

func TestAPartProvesItselfWithoutTheRest(t *testing.T) {
	h := house.New(t)
	var items []*models.Item
	for n := range 5 {
		item := h.Photo(h.Order, n+1)
		h.Write(func(tx *models.Tx) error {
			return tx.Model(item).Updates(map[string]any{"device": "phone of somebody", "notes": "caption " + item.UUID}).Error
		})
		items = append(items, item)
	}
	h.Publish(h.Order)
	part, err := models.PublishedProof(h.Store.Read(h.Ctx), h.Order.ID, []string{items[2].ID})
	require.NoError(t, err)
	archive := archiveOf(t, h, part)
	r := verified(t, archive)
	require.Empty(t, r.Problems)
	require.Contains(t, strings.Join(r.Notes, "\n"), "released 5 items: 1 of them")
	require.NotContains(t, strings.Join(r.Notes, "\n"), "deleted or rejected")
	for n, item := range items {
		require.Equal(t, n == 2, bytes.Contains(unpacked(t, archive), []byte(item.UUID)), "item %d", n)
	}
	require.NotContains(t, string(unpacked(t, archive)), "phone of somebody")

	h.Write(func(tx *models.Tx) error { return tx.Model(items[0]).Update("deleted_at", models.Now()).Error })
	whole, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, nil, models.ForOffice)
	require.NoError(t, err)
	r = verified(t, archiveOf(t, h, whole))
	require.Empty(t, r.Problems)
	require.Contains(t, strings.Join(r.Notes, "\n"), items[0].UUID, "the office is told what was withdrawn")
	client, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, &models.Publication{Number: 1}, models.ForClient)
	require.NoError(t, err)
	require.NotContains(t, string(unpacked(t, archiveOf(t, h, client))), items[0].UUID, "nobody else is")
}

// TestWhatTheChainSaysOfAnItemIsHeldAgainstTheArchive changes rows behind the publication, as whoever has the database can.
func TestWhatTheChainSaysOfAnItemIsHeldAgainstTheArchive(t *testing.T) {
	h := house.New(t)
	item := h.Photo(h.Order, 1)
	h.Publish(h.Order)
	with := func(column string, value any) *archives.Report {
		h.Write(func(tx *models.Tx) error { return tx.Model(item).Update(column, value).Error })
		whole, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, nil, models.ForOffice)
		require.NoError(t, err)
		return verified(t, archiveOf(t, h, whole))
	}
	r := with("evidence_type", "another")
	require.Empty(t, r.Problems, "the office may name it anew")
	require.Contains(t, strings.Join(r.Notes, "\n"), "1 items of publication 1 bear another task, type, name or judgement")
	require.Contains(t, strings.Join(with("latitude", 12.5).Problems, "\n"), "another kind, size, source or position")
}

func TestAPublicationKeepsItsWords(t *testing.T) {
	h := house.New(t)
	item := h.Photo(h.Order, 1)
	h.Write(func(tx *models.Tx) error { return tx.Model(item).Update("notes", "as published").Error })
	h.Publish(h.Order)
	h.Write(func(tx *models.Tx) error {
		return tx.Model(item).Updates(map[string]any{"notes": "edited since", "evidence_type": "after", "revision": 2}).Error
	})
	shown := func() *models.Item {
		p, err := models.PublishedProof(h.Store.Read(h.Ctx), h.Order.ID, nil)
		require.NoError(t, err)
		return p.Items[0]
	}
	require.Equal(t, "as published", shown().Notes)
	require.NotEqual(t, "after", shown().EvidenceType)
	office, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, nil, models.ForOffice)
	require.NoError(t, err)
	require.Equal(t, "edited since", office.Items[0].Notes)
	h.Publish(h.Order)
	require.Equal(t, "edited since", shown().Notes)
}

// TestAPublicationKeepsTheNamesOfItsTasks renames a task, and takes one away: what is public says what it said.
func TestAPublicationKeepsTheNamesOfItsTasks(t *testing.T) {
	h := house.New(t)
	var task models.Task
	require.NoError(t, h.Store.Read(h.Ctx).Take(&task, "work_order_id = ?", h.Order.ID).Error)
	mowed, bare := h.Photo(h.Order, 1), h.Photo(h.Order, 2)
	h.Write(func(tx *models.Tx) error { return tx.Model(mowed).Update("task_id", task.ID).Error })
	h.Publish(h.Order)
	said := func(audience models.Audience) (all []string) {
		p, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, nil, audience)
		require.NoError(t, err)
		for _, g := range p.ByTask() {
			all = append(all, g.Task)
		}
		for _, i := range p.Items {
			require.Equal(t, p.TaskName(i), archives.Describe(p, i, "").Task)
			if i.ID == mowed.ID {
				all = append(all, p.TaskName(i), p.FolderOf("Task", i))
			}
		}
		return all
	}
	require.Equal(t, []string{"Lawn", "Without a task", "Lawn", "Lawn"}, said(models.ForClient))
	h.Write(func(tx *models.Tx) error { return tx.Model(&task).Update("name", "Garden").Error })
	require.Equal(t, []string{"Garden", "Without a task", "Garden", "Garden"}, said(models.ForOffice))
	require.Equal(t, []string{"Lawn", "Without a task", "Lawn", "Lawn"}, said(models.ForClient))

	// What is published later bears the new name, beside the old.
	newer := h.Photo(h.Order, 3)
	h.Write(func(tx *models.Tx) error { return tx.Model(newer).Update("task_id", task.ID).Error })
	h.Publish(h.Order)
	require.Equal(t, []string{"Lawn", "Garden", "Without a task", "Lawn", "Lawn"}, said(models.ForClient))

	h.Write(func(tx *models.Tx) error {
		if err := tx.Model(&models.Item{}).Where("work_order_id = ?", h.Order.ID).Update("task_id", nil).Error; err != nil {
			return err
		}
		return tx.Delete(&task).Error
	})
	require.Equal(t, []string{"Lawn", "Garden", "Without a task", "Lawn", "Lawn"}, said(models.ForClient), "%s", bare.ID)
}

// TestWhatWasMovedIsNotCalledWithdrawn has the office's archive tell where each published item went.
func TestWhatWasMovedIsNotCalledWithdrawn(t *testing.T) {
	h := house.New(t)
	stays, moved, deleted, rejected := h.Photo(h.Order, 1), h.Photo(h.Order, 2), h.Photo(h.Order, 3), h.Photo(h.Order, 4)
	h.Publish(h.Order)
	other := h.NewOrder("W-2")
	h.Write(func(tx *models.Tx) error {
		return errors.Join(tx.Model(moved).Update("work_order_id", other.ID).Error, tx.Model(deleted).Update("deleted_at", models.Now()).Error,
			tx.Model(rejected).Update("review", models.ReviewRejected).Error)
	})
	for audience, names := range map[models.Audience]bool{models.ForOffice: true, models.ForField: false, models.ForClient: false} {
		p, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, nil, audience)
		require.NoError(t, err)
		r := verified(t, archiveOf(t, h, p))
		require.Empty(t, r.Problems)
		notes := strings.Join(r.Notes, "\n")
		require.Contains(t, notes, "released 4 items: 1 of them")
		require.Contains(t, notes, "The other 3 are not in this archive")
		require.Equal(t, names, strings.Contains(notes, deleted.UUID+" was published once, and deleted or rejected since"), "%s %s", audience, notes)
		require.Equal(t, names, strings.Contains(notes, rejected.UUID+" was published once, and deleted or rejected since"), "%s %s", audience, notes)
		require.Equal(t, names, strings.Contains(notes, moved.UUID+" was published with this work order once, and lies on another now"), "%s %s", audience, notes)
		require.NotContains(t, notes, moved.UUID+" was published once, and deleted")
		require.NotContains(t, notes, stays.UUID)
	}
	_, err := models.PublishedItem(h.Store.Read(h.Ctx), moved.ID)
	require.Equal(t, models.NotFound, models.KindOf(err), "it was never published where it lies now")
	there, err := models.PublishedProof(h.Store.Read(h.Ctx), other.ID, nil)
	require.NoError(t, err)
	require.Empty(t, there.Items)
}

// TestAClientsManifestTellsOnlyOfWhatIsShown makes the archive of a link of one chosen item.
func TestAClientsManifestTellsOnlyOfWhatIsShown(t *testing.T) {
	h := house.New(t)
	var lawn models.Task
	require.NoError(t, h.Store.Read(h.Ctx).Take(&lawn, "work_order_id = ?", h.Order.ID).Error)
	roof := lawn
	roof.ID, roof.Name, roof.CleanName, roof.Position = models.NewID(), "Roof of the neighbour", "roof of the neighbour", 2
	shown, other := h.Photo(h.Order, 1), h.Photo(h.Order, 2)
	h.Write(func(tx *models.Tx) error {
		policy := models.OfficeReview
		return errors.Join(tx.Create(&roof).Error, tx.Model(shown).Update("task_id", lawn.ID).Error, tx.Model(other).Update("task_id", roof.ID).Error,
			tx.Model(h.Order).Updates(map[string]any{"qa_policy": policy, "publish_to": "the-office's-folder", "invoiced": true}).Error)
	})
	h.Publish(h.Order)
	h.Photo(h.Order, 3)
	h.Write(func(tx *models.Tx) error {
		return errors.Join(tx.Model(&lawn).Update("name", "What the office calls it now").Error, tx.Model(h.Order).Update("has_new_items", true).Error)
	})
	p, err := models.PublishedProof(h.Store.Read(h.Ctx), h.Order.ID, []string{shown.ID})
	require.NoError(t, err)
	manifest := entriesOf(t, archiveOf(t, h, p))["manifest.json"]
	var m archives.Manifest
	require.NoError(t, json.Unmarshal(manifest, &m))
	require.Len(t, m.WorkOrder.Tasks, 1)
	require.Equal(t, "Lawn", m.WorkOrder.Tasks[0].Name, "as it was published")
	require.Equal(t, models.ItemCounts{Total: 1, Photos: 1}, m.WorkOrder.ItemCounts)
	require.Nil(t, m.WorkOrder.IntegrationID)
	require.False(t, m.WorkOrder.HasNewItems || m.WorkOrder.Invoiced)
	for _, word := range []string{"neighbour", "calls it now", "the-office's-folder", string(models.OfficeReview)} {
		require.NotContains(t, string(manifest), word)
	}
	whole, err := models.PublishedProof(h.Store.Read(h.Ctx), h.Order.ID, nil)
	require.NoError(t, err)
	require.Len(t, whole.View.Tasks, 2)
	require.EqualValues(t, 2, whole.View.ItemCounts.Total, "the third is not published")
	office, err := models.ProofOf(h.Store.Read(h.Ctx), h.Order.ID, nil, models.ForOffice)
	require.NoError(t, err)
	require.EqualValues(t, 3, office.View.ItemCounts.Total)
	require.True(t, office.View.HasNewItems)
}

// TestALinkShowsOnlyTheCommentsOnWhatItShows has the office and two links speak of an order and of its items.
func TestALinkShowsOnlyTheCommentsOnWhatItShows(t *testing.T) {
	h := house.New(t)
	chosen, other, hidden := h.Photo(h.Order, 1), h.Photo(h.Order, 2), h.Photo(h.Order, 3)
	h.Publish(h.Order)
	link, elsewhere := &models.Link{ID: models.NewID(), WorkOrderID: h.Order.ID, ItemIDs: []string{chosen.ID, hidden.ID}}, models.NewID()
	say := func(linkID, itemID, text string) {
		h.Write(func(tx *models.Tx) error {
			return tx.Create(&models.Comment{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: h.Order.ID, LinkID: linkID, ItemID: itemID, Author: "x", Text: text, At: models.Now()}).Error
		})
	}
	say("", "", "of the order")
	for range 1001 { // more than are read at once
		say("", other.ID, "of another item")
	}
	say("", chosen.ID, "of a chosen item")
	say(link.ID, hidden.ID, "of an item that was withdrawn")
	say(elsewhere, "", "on another link")
	say(link.ID, "", "of its holder")
	h.Write(func(tx *models.Tx) error { return tx.Model(hidden).Update("deleted_at", models.Now()).Error })
	p, err := models.PublishedProof(h.Store.Read(h.Ctx), h.Order.ID, link.ItemIDs)
	require.NoError(t, err)
	comments, err := link.Comments(h.Store.Read(h.Ctx), p)
	require.NoError(t, err)
	var said []string
	for _, c := range comments {
		said = append(said, c.Text)
	}
	require.Equal(t, []string{"of the order", "of a chosen item", "of its holder"}, said)
}

// unpacked is every name and byte of an archive.
func unpacked(t *testing.T, archive []byte) []byte {
	t.Helper()
	var all bytes.Buffer
	for name, content := range entriesOf(t, archive) {
		all.WriteString(name + "\n")
		all.Write(content)
	}
	return all.Bytes()
}

func entriesOf(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	entries := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		entries[f.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
	return entries
}
