package models_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/archives"
	"fieldproof/models"
	"fieldproof/tests/house"
)

// checked is what verify says of the archive of a proof.
func checked(t *testing.T, h *house.House, p *models.Proof) *archives.Report {
	t.Helper()
	file, err := (&archives.Archives{Store: h.Store, Blobs: h.Blobs}).Of(h.Ctx, p, "")
	require.NoError(t, err)
	defer file.Close()
	archive, err := io.ReadAll(file)
	require.NoError(t, err)
	r, err := archives.Verify(bytes.NewReader(archive), int64(len(archive)), archives.Held{})
	require.NoError(t, err)
	return r
}

// TestAnEntryWithAListGoesWholeOnlyToWhoMaySeeAllOfIt makes the entry what it was before entries committed by a root.
func TestAnEntryWithAListGoesWholeOnlyToWhoMaySeeAllOfIt(t *testing.T) {
	h := house.New(t)
	items := []*models.Item{h.Photo(h.Order, 1), h.Photo(h.Order, 2), h.Photo(h.Order, 3)}
	h.Write(func(tx *models.Tx) error { return tx.ReleaseWithList(h.Order, items) })
	notesOf := func(p *models.Proof, err error) string {
		require.NoError(t, err)
		r := checked(t, h, p)
		require.Empty(t, r.Problems)
		return strings.Join(append(r.Checked, r.Notes...), "\n")
	}
	db := h.Store.Read(h.Ctx)
	require.Contains(t, notesOf(models.PublishedProof(db, h.Order.ID, nil)), "all 3 items of publication 1", "a link that shows all has the list")
	part := notesOf(models.PublishedProof(db, h.Order.ID, []string{items[0].ID}))
	require.Contains(t, part, "1 items were published by entries of the chain whose lists are not in this archive")
	require.NotContains(t, part, "not published yet")
	h.Write(func(tx *models.Tx) error { return tx.Model(items[2]).Update("deleted_at", models.Now()).Error })
	office := notesOf(models.ProofOf(db, h.Order.ID, nil, models.ForOffice))
	require.Contains(t, office, "released 3 items: 2 of them")
	require.Contains(t, office, "1 items were withdrawn since, and 0 moved")
	require.Contains(t, office, items[2].UUID+" was published once, and deleted or rejected since")
	client := notesOf(models.PublishedProof(db, h.Order.ID, nil))
	require.Contains(t, client, "2 items were published by entries of the chain whose lists are not in this archive")
	require.NotContains(t, client, items[2].UUID)
}

// TestPublicationsFromBeforeKeepTheWordsOfTheUpgrade takes the schema back to where publications kept no words, and up.
func TestPublicationsFromBeforeKeepTheWordsOfTheUpgrade(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector sees nothing here: nothing runs side by side")
	}
	h := house.New(t)
	var task models.Task
	require.NoError(t, h.Store.Read(h.Ctx).Take(&task, "work_order_id = ?", h.Order.ID).Error)
	worded, bare := h.Photo(h.Order, 1), h.Photo(h.Order, 2)
	h.Write(func(tx *models.Tx) error { return tx.ReleaseWithList(h.Order, []*models.Item{worded, bare}) })
	h.Write(func(tx *models.Tx) error {
		return tx.Model(worded).Updates(map[string]any{"notes": "of the upgrade", "evidence_type": "after", "task_id": task.ID}).Error
	})
	require.NoError(t, h.Store.MigrateDown(h.Ctx, 10))
	_, err := h.Store.Migrate(h.Ctx)
	require.NoError(t, err)
	h.Write(func(tx *models.Tx) error {
		if err := tx.Model(&task).Update("name", "Renamed since").Error; err != nil {
			return err
		}
		return tx.Model(worded).Updates(map[string]any{"notes": "edited since", "evidence_type": "before", "task_id": nil}).Error
	})
	var rows []models.PublicationItem
	require.NoError(t, h.Store.Read(h.Ctx).Order("leaf_index, notes DESC").Find(&rows).Error)
	require.Len(t, rows, 2)
	for _, r := range rows {
		require.Empty(t, r.Leaf)
		require.EqualValues(t, 1, r.Revision)
		require.Positive(t, r.Sequence)
		if r.ItemID == bare.ID {
			require.Nil(t, r.TaskID)
			require.Equal(t, []string{"", "", ""}, []string{r.TaskName, r.EvidenceType, r.Notes})
			continue
		}
		require.Equal(t, &task.ID, r.TaskID)
		require.Equal(t, []string{"Lawn", "after", "of the upgrade"}, []string{r.TaskName, r.EvidenceType, r.Notes})
	}
	p, err := models.PublishedProof(h.Store.Read(h.Ctx), h.Order.ID, []string{worded.ID})
	require.NoError(t, err)
	require.Equal(t, "of the upgrade", p.Items[0].Notes)
	require.Equal(t, "Lawn", p.TaskName(p.Items[0]))
	require.Empty(t, checked(t, h, p).Problems)
}

// TestAShortCodeNamesOneItem holds codes to what they are: alone, always the same, and found however they are cased.
func TestAShortCodeNamesOneItem(t *testing.T) {
	h := house.New(t)
	var items []*models.Item
	for n := range 3 {
		items = append(items, h.Photo(h.Order, n+1))
	}
	seen := map[string]bool{}
	for _, link := range []string{"", "a-link", "another"} {
		codes, err := h.Store.Codes(h.Ctx, h.Account.ID, link, items)
		require.NoError(t, err)
		again, err := h.Store.Codes(h.Ctx, h.Account.ID, link, items)
		require.NoError(t, err)
		require.Equal(t, codes, again)
		for id, code := range codes {
			require.True(t, models.IsShortCode(code), code)
			require.False(t, seen[code])
			seen[code] = true
			named, err := models.CodeAt(h.Store.Read(h.Ctx), strings.ToLower(code))
			require.NoError(t, err)
			require.Equal(t, [2]string{id, link}, [2]string{named.ItemID, named.LinkID})
		}
	}
	for _, none := range []string{"", "AAAA", strings.Repeat("A", 27), strings.Repeat("1", 26), strings.Repeat("é", 13)} {
		require.False(t, models.IsShortCode(none), none)
	}
	_, err := models.CodeAt(h.Store.Read(h.Ctx), strings.Repeat("A", 26))
	require.Equal(t, models.NotFound, models.KindOf(err))
}
