package api_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/api"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
)

// linked is a handler with a link to an order whose photos have notes of so many letters.
func linked(t *testing.T, photos, letters int) (http.Handler, string) {
	h := house.New(t)
	h.Write(func(tx *models.Tx) error {
		for n := range photos {
			at := models.At(time.Date(2026, 3, 4, 5, n/60, n%60, 0, time.UTC))
			item := &models.Item{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: h.Order.ID, Kind: models.Photo, UUID: fmt.Sprintf("uuid-%06d", n), Revision: 1, ReceivedAt: at, TakenAt: &at,
				Review: models.ReviewApproved, ContentType: "image/jpeg", BlobKey: fmt.Sprintf("originals/%d", n), Noticed: true, Notes: strings.Repeat("The gate was locked. ", letters/21)}
			if err := tx.Create(item).Error; err != nil {
				return err
			}
		}
		return nil
	})
	h.Publish(h.Order)
	var token string
	h.Write(func(tx *models.Tx) (err error) {
		_, token, err = tx.MakeLink(models.NewID(), h.Order, models.LinkFields{}, "", "")
		return err
	})
	server := &api.Server{Store: h.Store, Sealer: h.Store.Sealer, Intake: &intake.Intake{Store: h.Store}, Log: slog.New(slog.DiscardHandler), PublicURL: "https://fieldproof.example.com"}
	handler, err := server.Handler(context.Background())
	require.NoError(t, err)
	return handler, "/s/" + token
}

// TestAPageOfLongTextsWaitsForRoom: ten readers of a thousand long notes took a gigabyte. Who finds no room is told so in their
// language, and to come back; the page of a usual order waits for nobody.
func TestAPageOfLongTextsWaitsForRoom(t *testing.T) {
	long, heavy := linked(t, 20, 20_000)
	short, usual := linked(t, 20, 100)
	shown := func(handler http.Handler, path, coding string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", coding)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	release, err := models.TakeMemory(t.Context(), models.MemoryBudget)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, shown(short, usual, "").Code)
	busy := shown(long, heavy, "")
	require.Equal(t, http.StatusServiceUnavailable, busy.Code)
	require.NotEmpty(t, busy.Header().Get("Retry-After"))
	require.Contains(t, busy.Body.String(), "Many read at this moment.")
	release()

	whole := shown(long, heavy, "")
	require.Equal(t, http.StatusOK, whole.Code)
	require.Greater(t, whole.Body.Len(), 20*20_000)
	packed := shown(long, heavy, "gzip")
	require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
	require.Less(t, packed.Body.Len(), whole.Body.Len()/10, "who reads slowly holds what is sent")
	unpacked, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	text, err := io.ReadAll(unpacked)
	require.NoError(t, err)
	require.Equal(t, whole.Body.String(), string(text))
	all, err := models.TakeMemory(t.Context(), models.MemoryBudget)
	require.NoError(t, err, "what was taken was given back")
	all()
}
