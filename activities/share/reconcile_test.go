package share_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

func TestWhoIsNoFieldproofIsAskedForAllOnceANight(t *testing.T) {
	r := newRecipient(t, loopback)
	r.turn()
	next := r.shown().CompareAt
	require.NotNil(t, next, "a night is chosen with what came first")
	local := next.In(r.Account.Location())
	require.True(t, local.Hour() >= 1 && local.Hour() < 5, "%s is at night", local)
	require.Greater(t, time.Until(next.Time), 30*time.Minute)
	require.Less(t, time.Until(next.Time), 30*time.Hour)

	require.NoError(t, r.share.Links.Edit(r.Ctx, r.link, func(l *models.ShareLink) { l.CompareAt = new(models.Now()) }))
	before := len(r.peer.Calls("getWorkOrders"))
	r.turn()
	calls := r.peer.Calls("getWorkOrders")
	require.Len(t, calls, before+1)
	require.Nil(t, calls[before].Payload["timestamp"], "everything")
	require.Empty(t, r.peer.Calls("compare"))
	require.Greater(t, time.Until(r.shown().CompareAt.Time), 30*time.Minute, "and then the next night")
	r.turn()
	require.Len(t, r.peer.Calls("getWorkOrders"), before+1)
}
