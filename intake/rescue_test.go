package intake_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
)

func TestAnItemThatAlwaysFailsKeepsNothingElseOfItsRescueFile(t *testing.T) {
	h := house.New(t)
	in, staff := intakeOf(h), office(t, h)
	in.Limits = intake.DefaultLimits
	uuids := make([]string, 3)
	var items []any
	path := filepath.Join(t.TempDir(), "rescue.zip")
	file, err := os.Create(path)
	require.NoError(t, err)
	w := zip.NewWriter(file)
	add := func(name string, content []byte) {
		f, err := w.Create(name)
		require.NoError(t, err)
		_, err = f.Write(content)
		require.NoError(t, err)
	}
	for i := range uuids {
		uuids[i] = fmt.Sprintf("0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b1%d", i)
		photo := rig.JPEG(300, 200, uint64(i))
		sum := sha256.Sum256(photo)
		add(uuids[i]+".jpg", photo)
		items = append(items, map[string]any{"uuid": uuids[i], "order_id": h.Order.ID, "evidence_type": "after", "sha256": hex.EncodeToString(sum[:]), "path": uuids[i] + ".jpg"})
	}
	manifest, err := json.Marshal(map[string]any{"version": 1, "owner": map[string]any{"id": staff.ID}, "items": items})
	require.NoError(t, err)
	add("manifest.json", manifest)
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
	h.Write(func(tx *models.Tx) error {
		return tx.Exec("CREATE TRIGGER poison BEFORE INSERT ON items WHEN NEW.uuid = '" + uuids[0] + "' BEGIN SELECT RAISE(ABORT, 'it always fails'); END").Error
	})
	r, err := in.Rescue(h.Ctx, intake.RescueFile{Path: path, Name: "rescue.zip"}, staff)
	require.NoError(t, err)
	results := func() (all []string) {
		require.NoError(t, h.Store.Read(h.Ctx).Model(&models.RescueItem{}).Where("rescue_id = ?", r.ID).Order("position").Pluck("result", &all).Error)
		return all
	}
	require.Equal(t, []string{"waiting", "taken", "taken"}, results())
	require.Nil(t, r.EndedAt)

	// It is tried for days, seldom, and no more.
	now, failed := time.Now().Add(2*time.Minute), int64(0)
	for ; results()[0] == models.RescueWaiting; now = now.Add(10 * time.Minute) {
		require.Less(t, now, time.Now().Add(5*24*time.Hour))
		if in.GoOnRescuing(h.Ctx, now) != nil {
			failed++
		}
	}
	require.Equal(t, models.SweepPolicy.Most, failed+1, "the last try refuses it")
	require.Greater(t, now, time.Now().Add(2*24*time.Hour))
	require.Equal(t, []string{"refused", "taken", "taken"}, results())
}
