package models_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

// rotations are the keys of a chain that was rotated n times.
func rotations(t *testing.T, n int) []models.ShareKey {
	keys := make([]models.ShareKey, n)
	var by ed25519.PrivateKey
	for i := range keys {
		public, private, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		if by == nil {
			by = private
		}
		manifest, err := json.Marshal(models.KeyManifest{KeyID: models.KeyID(public), Public: base64.StdEncoding.EncodeToString(public)})
		require.NoError(t, err)
		e := models.ChainEntry{AccountID: "theirs", Sequence: int64(i), Kind: models.KeyEntry, ManifestHash: models.HashText(string(manifest)), SignedAt: models.At(time.Now()),
			KeyID: models.KeyID(by.Public().(ed25519.PublicKey))}
		keys[i] = models.ShareKey{ID: models.KeyID(public), Public: base64.StdEncoding.EncodeToString(public), Header: e.Header(), Manifest: string(manifest),
			Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(by, []byte(e.Header())))}
		by = private
	}
	return keys
}

func TestKeysWithoutEndAreNotFollowed(t *testing.T) {
	keys := rotations(t, 350)
	text, err := json.Marshal(keys[:150])
	require.NoError(t, err)
	read, err := models.ReadShareKeys(text)
	require.NoError(t, err)
	l := &models.ShareLink{}
	l.FollowKeys(read)
	l.FollowKeys(keys[150:])
	require.True(t, l.KnowsKey(keys[199].ID))
	require.Len(t, l.PeerKeys, 200, "a link's row has an end")
	require.Len(t, l.Offered.Keys, 150, "the rest waits for an admin")

	keys[0].Manifest = strings.TrimSuffix(keys[0].Manifest, "}") + `,"more":"` + strings.Repeat("a", 5000) + `"}`
	text, err = json.Marshal(keys[:1])
	require.NoError(t, err)
	_, err = models.ReadShareKeys(text)
	require.ErrorContains(t, err, "longer than")
}
