package uploads_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
	"fieldproof/uploads"
)

// desk is a house with somebody who sends photos.
type desk struct {
	*house.House
	u     *uploads.Uploads
	by    *models.Member
	photo []byte
	item  intake.NewItem
}

func newDesk(t *testing.T) *desk {
	h := house.New(t)
	user := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "ada-" + models.NewID()[:8], Role: models.Admin, Active: true}
	h.Write(func(tx *models.Tx) error { return tx.NewUser(user) })
	by, err := h.Store.MemberByID(h.Ctx, user.ID)
	require.NoError(t, err)
	in := &intake.Intake{Store: h.Store, Blobs: h.Blobs, Bells: &intake.Bells{}, Limits: intake.DefaultLimits}
	photo := append(rig.JPEG(300, 200, 1), bytes.Repeat([]byte("a trailer of its maker "), 10_000)...)
	sum := sha256.Sum256(photo)
	return &desk{h, &uploads.Uploads{Store: h.Store, Blobs: h.Blobs, Intake: in}, by, photo,
		intake.NewItem{OrderID: h.Order.ID, Kind: models.Photo, UUID: "0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11", SHA256: hex.EncodeToString(sum[:]), Source: models.MobileCamera, By: by}}
}

func (d *desk) begin() *models.Upload {
	up, err := d.u.Begin(d.Ctx, d.item, int64(len(d.photo)), "")
	require.NoError(d.T, err)
	return up
}

func (d *desk) takes(up *models.Upload, body io.Reader) error {
	return d.u.Take(d.Ctx, up, body, func() {})
}

// keys are those of all pieces that lie in the store.
func (d *desk) keys() (all []string) {
	require.NoError(d.T, d.Blobs.Keys(d.Ctx, uploads.Prefix(time.Now())[:len("uploads/")], func(key string) error { all = append(all, key); return nil }))
	return all
}

func TestWhatCameBeforeALineBrokeIsKeptToTheLastByte(t *testing.T) {
	d := newDesk(t)
	up, broke := d.begin(), errors.New("the line broke")
	require.ErrorIs(t, d.takes(up, io.MultiReader(bytes.NewReader(d.photo[:70_000]), iotest.ErrReader(broke))), broke)
	require.EqualValues(t, 70_000, d.begin().Received, "the same photo is the same upload")
	require.NoError(t, d.takes(up, bytes.NewReader(d.photo[70_000:])))
	require.NoError(t, d.u.Finish(d.Ctx, up, d.by))
	require.NotEmpty(t, up.ItemID)
	require.Empty(t, d.keys(), "the pieces are let go of")
	item, err := models.One[models.Item](d.Store.Read(d.Ctx).Where("id = ?", up.ItemID), "item")
	require.NoError(t, err)
	kept, err := d.Blobs.Get(d.Ctx, item.BlobKey)
	require.NoError(t, err)
	defer kept.Close()
	have, err := io.ReadAll(kept)
	require.NoError(t, err)
	require.Equal(t, d.photo, have)
}

func TestOfTwoWhoMoveAnUploadOneMovesIt(t *testing.T) {
	d := newDesk(t)
	mine := d.begin()
	theirs := *mine
	require.NoError(t, d.takes(mine, bytes.NewReader(d.photo[:50_000])))
	err := d.takes(&theirs, bytes.NewReader(d.photo[:90_000]))
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.EqualValues(t, 50_000, d.begin().Received)
	require.Len(t, d.keys(), 1, "what was not taken is let go of")
}

func TestABodyThatIsTooLongDoesNotEndAPhoto(t *testing.T) {
	d := newDesk(t)
	up := d.begin()
	err := d.takes(up, strings.NewReader(string(d.photo)+"more"))
	require.Equal(t, models.TooLarge, models.KindOf(err))
	require.Less(t, d.begin().Received, int64(len(d.photo)))
}

// A database that was restored tells of pieces that its uploads let go of since.
func TestAnUploadWhosePiecesAreNoMoreGoesBackToThem(t *testing.T) {
	d := newDesk(t)
	up := d.begin()
	for _, some := range [][]byte{d.photo[:40_000], d.photo[40_000:80_000], d.photo[80_000:]} {
		require.NoError(t, d.takes(up, bytes.NewReader(some)))
	}
	var second models.UploadPiece
	require.NoError(t, d.Store.Read(d.Ctx).Where("start = ?", 40_000).Take(&second).Error)
	require.NoError(t, d.Blobs.Delete(d.Ctx, second.BlobKey))
	require.Equal(t, models.Conflict, models.KindOf(d.u.Finish(d.Ctx, up, d.by)))
	up = d.begin()
	require.EqualValues(t, 40_000, up.Received)
	require.NoError(t, d.takes(up, bytes.NewReader(d.photo[40_000:])))
	require.NoError(t, d.u.Finish(d.Ctx, up, d.by))
}

// Whoever makes the item lets go of the pieces, which another may be about to read.
func TestAnUploadWhosePiecesWereJustLetGoOfIsNotRefused(t *testing.T) {
	for from, left := range map[int64]int64{0: 0, 40_000: 40_000} {
		d := newDesk(t)
		up := d.begin()
		for _, some := range [][]byte{d.photo[:40_000], d.photo[40_000:]} {
			require.NoError(t, d.takes(up, bytes.NewReader(some)))
		}
		d.Write(func(tx *models.Tx) error {
			return tx.Where("upload_id = ? AND start >= ?", up.ID, from).Delete(&models.UploadPiece{}).Error
		})
		err := d.u.Finish(d.Ctx, up, d.by)
		require.Equal(t, models.Conflict, models.KindOf(err), "%v", err)
		up = d.begin()
		require.Equal(t, left, up.Received)
		require.NoError(t, d.takes(up, bytes.NewReader(d.photo[left:])))
		require.NoError(t, d.u.Finish(d.Ctx, up, d.by))
	}
}

func TestWhoeverAsksTwiceForTheEndGetsOneItem(t *testing.T) {
	d := newDesk(t)
	up := d.begin()
	require.NoError(t, d.takes(up, bytes.NewReader(d.photo)))
	other := *up
	require.NoError(t, d.u.Finish(d.Ctx, up, d.by))
	require.NoError(t, d.u.Finish(d.Ctx, &other, d.by))
	require.Equal(t, up.ItemID, other.ItemID)
	var n int64
	require.NoError(t, d.Store.Read(d.Ctx).Model(&models.Item{}).Count(&n).Error)
	require.EqualValues(t, 1, n)
	require.Equal(t, up.ItemID, d.begin().ItemID, "and whoever begins anew")
}

func TestPiecesThatNoRowNamesAreSwept(t *testing.T) {
	d := newDesk(t)
	up := d.begin()
	require.NoError(t, d.takes(up, bytes.NewReader(d.photo[:1000])))
	orphan := uploads.Prefix(time.Now()) + models.NewID()
	require.NoError(t, d.Blobs.Put(d.Ctx, orphan, "", strings.NewReader("left by a crash")))
	require.NoError(t, d.u.OrphanedPieces(d.Ctx, time.Now().Add(-time.Hour)))
	require.Len(t, d.keys(), 2, "young ones may be about to be named")
	require.NoError(t, d.u.OrphanedPieces(d.Ctx, time.Now().Add(time.Hour)))
	require.NotContains(t, d.keys(), orphan)
	require.Len(t, d.keys(), 1)
}

// Whatever of ours fails for some photos, the others come in.
func TestUploadsThatAlwaysFailStandBehind(t *testing.T) {
	d := newDesk(t)
	moved := func(up *models.Upload, by time.Duration, more map[string]any) {
		more["moved_at"] = models.At(time.Now().Add(by))
		d.Write(func(tx *models.Tx) error {
			return tx.Model(&models.Upload{}).Where("id = ?", up.ID).Updates(more).Error
		})
	}
	for i, by := range []time.Duration{-time.Minute, time.Minute} {
		d.item.UUID = []string{"an-older-photo", "a-newer-photo"}[i]
		moved(d.begin(), by, map[string]any{"received": len(d.photo), "said": "{"})
	}
	d.item.UUID = "a-good-photo"
	good := d.begin()
	require.NoError(t, d.takes(good, bytes.NewReader(d.photo)))
	done := 0
	for range 3 {
		n, err := d.u.FinishWhole(d.Ctx, time.Now().Add(3*time.Minute))
		if err != nil {
			require.ErrorContains(t, err, "what is said of upload")
		}
		done += n
	}
	require.Equal(t, 1, done)
	require.NotEmpty(t, d.begin().ItemID)
}

func TestNobodyKeepsMoreUploadsThanTheyMay(t *testing.T) {
	for says, had := range map[string]struct {
		column string
		bytes  int64
	}{"You have begun": {"length", 5<<30 - 5}, "this account": {"received", 21 << 30}} {
		d := newDesk(t)
		up := d.begin()
		d.Write(func(tx *models.Tx) error {
			return tx.Model(&models.Upload{}).Where("id = ?", up.ID).Update(had.column, had.bytes).Error
		})
		d.item.UUID = "another-photo"
		_, err := d.u.Begin(d.Ctx, d.item, 10, "")
		require.Equal(t, models.TooMany, models.KindOf(err), says)
		require.ErrorContains(t, err, says)
	}
}
