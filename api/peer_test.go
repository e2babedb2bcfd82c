package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/api"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
	"fieldproof/wire"
)

// highest follows the heap until it is asked. The collector is made to keep up meanwhile: what it has not come to yet is
// nobody's, and depends on the machine.
func highest() (peak func() uint64) {
	lazily := debug.SetGCPercent(10)
	var most atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var now runtime.MemStats
			runtime.ReadMemStats(&now)
			most.Store(max(most.Load(), now.HeapAlloc))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-stopped
		debug.SetGCPercent(lazily)
		return most.Load()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestAPhotoOf100MBTravelsBothWays sends it to us as a peer does, and on to a peer as we do, over HTTP: neither way holds it
// in memory.
func TestAPhotoOf100MBTravelsBothWays(t *testing.T) {
	const size = 100 << 20
	const most = 32 << 20 // of the heap beside what stands on it before, buffers of both ends
	h := house.New(t)
	vendor := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "vendor", Role: models.Subcontractor, Active: true}
	password, err := models.HashPassword(h.Ctx, "correct horse")
	require.NoError(t, err)
	vendor.SetPassword(password)
	o := h.NewOrder("77")
	h.Write(func(tx *models.Tx) error {
		if err := tx.NewUser(vendor); err != nil {
			return err
		}
		o.AssigneeID = &vendor.ID
		assigned := &models.Assignment{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, UserID: &vendor.ID, AssignedAt: models.Now()}
		if err := tx.Create(assigned).Error; err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	in := &intake.Intake{Store: h.Store, Blobs: h.Blobs, Limits: intake.DefaultLimits, Bells: &intake.Bells{}}
	handler, err := (&api.Server{Store: h.Store, Blobs: h.Blobs, Sealer: h.Store.Sealer, Intake: in, Log: slog.New(slog.DiscardHandler)}).Handler(context.Background())
	require.NoError(t, err)
	ours := httptest.NewServer(handler)
	defer ours.Close()

	head := rig.JPEG(80, 60, 1)
	photo := func() io.Reader {
		return io.MultiReader(bytes.NewReader(head), io.LimitReader(zeros{}, size-int64(len(head))))
	}
	digest := sha256.New()
	_, err = io.Copy(digest, photo())
	require.NoError(t, err)
	hash := hex.EncodeToString(digest.Sum(nil))

	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	peak := highest()
	there := peers.At(ours.URL+"/integration/v2", "php", "vendor", "correct horse", "", ours.Client())
	upload := &peers.Upload{Name: "p.jpg", ContentType: "image/jpeg", Size: size, Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(photo()), nil }}
	said, _, err := there.Tell(t.Context(), "uploadPictures", upload, wire.Member{Name: "uuid", Value: "photo-of-100-mb"}, wire.Member{Name: "key2", Value: "77"},
		wire.Member{Name: "fileType", Value: "picture"}, wire.Member{Name: "sha256", Value: hash})
	require.NoError(t, err, said)
	require.Less(t, peak(), before.HeapAlloc+most, "towards us")
	item, err := models.One[models.Item](models.OfUUID(h.Store.Read(h.Ctx), "photo-of-100-mb"), "item")
	require.NoError(t, err)
	require.Equal(t, []any{int64(size), hash}, []any{item.Size, item.SHA256})

	arrived := sha256.New()
	theirs := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
		for parts := multipart.NewReader(r.Body, params["boundary"]); ; {
			part, err := parts.NextPart()
			if err != nil {
				break
			}
			if part.FileName() != "" {
				_, _ = io.Copy(arrived, part)
			}
		}
		if r.ContentLength > size {
			_, _ = io.WriteString(w, `{"status":true,"error":null}`)
		}
	}))
	defer theirs.Close()
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak = highest()
	upload.Open = func(ctx context.Context) (io.ReadCloser, error) { return h.Blobs.Get(ctx, item.BlobKey) }
	said, _, err = peers.At(theirs.URL, "", "u", "x", "", theirs.Client()).Tell(t.Context(), "uploadPictures", upload)
	require.NoError(t, err, said)
	require.Less(t, peak(), before.HeapAlloc+most, "towards them")
	require.Equal(t, hash, hex.EncodeToString(arrived.Sum(nil)), "byte for byte")
}
