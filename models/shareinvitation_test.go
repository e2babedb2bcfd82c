package models_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

func TestAnInvitationStandsForWhomItWasMade(t *testing.T) {
	later, before := models.At(time.Now().Add(time.Hour)), models.At(time.Now().Add(-time.Hour))
	for name, c := range map[string]struct {
		link    models.ShareLink
		account string
		says    string // "" for who may take it
	}{
		"nobody took it":             {models.ShareLink{InvitationUntil: &later}, "a", ""},
		"they took it themselves":    {models.ShareLink{InvitationUntil: &later, Redeemer: "a"}, "a", ""},
		"another took it":            {models.ShareLink{InvitationUntil: &later, Redeemer: "b"}, "a", "was used"},
		"a look at one that is used": {models.ShareLink{InvitationUntil: &later, Redeemer: "b"}, "", "was used"},
		"it is too late":             {models.ShareLink{InvitationUntil: &before}, "a", "has expired"},
		"too late for a repeat":      {models.ShareLink{InvitationUntil: &before, Redeemer: "a"}, "a", "has expired"},
		"it was ended":               {models.ShareLink{InvitationUntil: &later, EndedAt: &before}, "a", "was ended"},
	} {
		err := c.link.Invites(c.account)
		if c.says == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorContains(t, err, c.says, name)
		require.Equal(t, models.Gone, models.KindOf(err), name)
		require.Equal(t, models.LinkEnded, models.BarOf(err), name)
	}
}

func TestKeysThatNobodyIntroducedAreTrustedByAnAdminAlone(t *testing.T) {
	l := &models.ShareLink{PeerKeys: []models.ShareKey{{ID: "old"}}}
	l.FollowKeys([]models.ShareKey{{ID: "old"}, {ID: "strange"}})
	require.False(t, l.KnowsKey("strange"))
	require.NoError(t, l.TrustKeys())
	require.True(t, l.KnowsKey("strange"))
	require.Equal(t, models.Conflict, models.KindOf(l.TrustKeys()), "there is nothing left to trust")
}
