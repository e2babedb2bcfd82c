package api_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/api"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/remotes"
	"fieldproof/tests/clouds"
	"fieldproof/tests/house"
)

// TestWhoComesBackFromACloudConnects plays the sign-in at both services to its end, and what may go wrong on the way.
func TestWhoComesBackFromACloudConnects(t *testing.T) {
	sky, err := clouds.Start(t.TempDir())
	require.NoError(t, err)
	defer sky.Close()
	h := house.New(t)
	store, in, account := h.Store, h.Ctx, h.Account.ID
	const public = "https://fieldproof.example.com"
	app := remotes.App{ID: "app-id", Secret: "app-secret"}
	links := &remotes.Clouds{Apps: map[string]remotes.App{"drive": app, "dropbox": app}, HTTP: sky.Client(), Back: public + api.ConnectedPath}
	server := &api.Server{Store: store, Sealer: store.Sealer, Intake: &intake.Intake{Store: store}, Clouds: links, Log: slog.New(slog.DiscardHandler), PublicURL: public}
	handler, err := server.Handler(context.Background())
	require.NoError(t, err)
	begin := func(kind models.DestinationKind) (id, state, address string) {
		d := &models.Destination{ID: models.NewID(), AccountID: account, Name: "Our " + string(kind), Kind: kind, Enabled: true, CreatedAt: models.Now(), UpdatedAt: models.Now()}
		d.Secrets, err = store.Sealer.Seal("destination/"+d.ID, models.DestinationSecrets{})
		require.NoError(t, err)
		state = models.NewConnectionState()
		address, verifier, err := links.Begin(string(kind), nil, state)
		require.NoError(t, err)
		require.NotContains(t, address, verifier)
		require.NoError(t, store.Write(in, func(tx *models.Tx) error {
			if err := tx.Create(d).Error; err != nil {
				return err
			}
			return tx.BeginConnection(state, d, verifier)
		}))
		return d.ID, state, address
	}
	back := func(path, cookie string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if cookie != "" {
			r.AddCookie(&http.Cookie{Name: "fieldproof_connect", Value: cookie})
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	consent := func(address string) string {
		answer, err := sky.Client().Get(address)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.True(t, strings.HasPrefix(answer.Header.Get("Location"), public+api.ConnectedPath+"?"))
		return strings.TrimPrefix(answer.Header.Get("Location"), public)
	}
	secrets := func(id string) (s models.DestinationSecrets) {
		d, err := models.One[models.Destination](store.Read(in).Where("id = ?", id), "destination")
		require.NoError(t, err)
		require.NoError(t, store.Sealer.Open("destination/"+id, d.Secrets, &s))
		return s
	}
	for _, kind := range []models.DestinationKind{models.DriveDestination, models.DropboxDestination} {
		id, state, address := begin(kind)
		path := consent(address)
		require.Equal(t, http.StatusForbidden, back(path, "").Code, "another browser")
		require.Equal(t, http.StatusForbidden, back(path, "other").Code)
		require.Empty(t, secrets(id).Options)
		done := back(path, state)
		require.Equal(t, http.StatusOK, done.Code, done.Body.String())
		require.Contains(t, done.Body.String(), "Our "+string(kind))
		require.Contains(t, secrets(id).Options["token"], "refresh-")
		require.NotContains(t, done.Body.String(), "refresh-")
		require.Equal(t, http.StatusGone, back(path, state).Code, "a sign-in works once")

		id, state, _ = begin(kind)
		refused := back(api.ConnectedPath+"?"+url.Values{"state": {state}, "error": {"access_denied"}}.Encode(), state)
		require.Equal(t, http.StatusForbidden, refused.Code)
		require.Contains(t, refused.Body.String(), "refused")
		require.Contains(t, done.Body.String(), "may now be written to")
		require.Empty(t, secrets(id).Options)

		_, state, _ = begin(kind)
		require.Equal(t, http.StatusBadGateway, back(api.ConnectedPath+"?"+url.Values{"state": {state}, "code": {"wrong"}}.Encode(), state).Code)
	}
}

// TestSecretsMoveToTheNewestKey rotates the installation's key.
func TestSecretsMoveToTheNewestKey(t *testing.T) {
	h := house.New(t)
	old, fresh := models.NewSecretKey(), models.NewSecretKey()
	rekey := func(list string) {
		var err error
		h.Store.Sealer, err = models.NewSealer(list)
		require.NoError(t, err)
	}
	rekey(old)
	destinations := make([]*models.Destination, 3)
	for n := range destinations {
		destinations[n] = &models.Destination{Kind: models.WebhookDestination}
		h.Destination(destinations[n], models.DestinationSecrets{Signing: fmt.Sprint(n)})
	}
	_, err := h.Store.Signer(h.Ctx, h.Account.ID)
	require.NoError(t, err)
	rekey(fresh + "," + old)
	n, err := h.Store.Reseal(context.Background())
	require.NoError(t, err)
	require.Equal(t, 4, n, "three destinations and the chain")
	n, err = h.Store.Reseal(context.Background())
	require.NoError(t, err)
	require.Zero(t, n)
	rekey(fresh)
	for n, d := range destinations {
		d, err := models.One[models.Destination](h.Store.Read(h.Ctx).Where("id = ?", d.ID), "destination")
		require.NoError(t, err)
		var secrets models.DestinationSecrets
		require.NoError(t, h.Store.Sealer.Open("destination/"+d.ID, d.Secrets, &secrets))
		require.Equal(t, fmt.Sprint(n), secrets.Signing)
	}
	_, err = h.Store.Signer(h.Ctx, h.Account.ID)
	require.NoError(t, err)
	rekey(old)
	_, err = h.Store.Signer(h.Ctx, h.Account.ID)
	require.Error(t, err, "the old key opens nothing any more")
}
