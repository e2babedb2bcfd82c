package peers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/rig"
)

// theirPhoto brings a photo by the vendor's link.
func (v *hosting) theirPhoto(o *models.WorkOrder, uuid, revision, evidence string) map[string]any {
	v.T.Helper()
	return v.named("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 1)), map[string]any{"uuid": uuid, "orderId": o.ID, "fileType": "picture",
		"evidenceType": evidence, "notes": "as they said it", "revision": revision})
}

func (v *hosting) linkOf() *models.ShareLink {
	v.T.Helper()
	l, err := models.LastLinkOfUser(v.Store.Read(v.Ctx), v.vendor.ID)
	require.NoError(v.T, err)
	return l
}

func TestTheTokenOfAnInvitationIsGoodForTheWireAlone(t *testing.T) {
	v := newHosting(t)
	secret := ""
	v.Write(func(tx *models.Tx) (err error) {
		_, secret, err = tx.MakeInvitation(v.vendor.AccountID, "Lone Star Lawns", v.vendor.ID)
		return err
	})
	var got struct{ Token, Username, Error string }
	require.NoError(t, json.Unmarshal([]byte(v.ask("invitation", nil, map[string]any{"fieldproof": "share1", "invitation": secret, "account": "who-took-it", "accountName": "Curious", "keys": "[]"})), &got))
	require.NotEmpty(t, got.Token, got.Error)

	_, _, err := v.Store.MemberByToken(v.Ctx, got.Token, models.SessionToken, models.APIToken)
	require.Equal(t, models.Unauthorized, models.KindOf(err), "nobody signs in by it: they would see what everybody may do before anybody let them in, and after the end")
	who := map[string]any{"fieldproof": "share1", "account": "who-took-it", "accountName": "Curious", "keys": "[]", "username": got.Username, "password": "", "token": got.Token}
	require.Contains(t, v.ask("validate", nil, who), `"linkState":"waiting"`)
	require.Contains(t, v.ask("getWorkOrders", nil, who), "has not let you in yet")

	v.Write(func(tx *models.Tx) error {
		_, err := tx.EndTokens("kind = ?", models.LinkToken)
		return err
	})
	require.Contains(t, v.ask("getWorkOrders", nil, who), "was ended", "whoever has it is told so")
}

func TestOnlyTheLinkedAccountEndsALink(t *testing.T) {
	v, _ := newShared(t)
	for _, who := range []map[string]any{{}, {"account": "another"}} {
		who["fieldproof"], who["linkState"] = "share1", "ended"
		require.NotContains(t, v.ask("validate", nil, who), `"validated":true`, who)
		require.Nil(t, v.linkOf().EndedAt, who)
	}
	require.Equal(t, true, v.named("validate", nil, map[string]any{"linkState": "ended"})["validated"])
	require.NotNil(t, v.linkOf().EndedAt)
}

func TestACursorThatIsMadeUpHidesNothing(t *testing.T) {
	v, o := newShared(t)
	for _, cursor := range []string{fmt.Sprint(time.Now().Add(24 * time.Hour).UnixMilli()), "9223372036854775807", "-9223372036854775808", "0"} {
		require.Contains(t, v.ask("getWorkOrders", nil, map[string]any{"fieldproof": "share1", "account": "the-vendor", "cursor": cursor}), o.ID, cursor)
	}
}

func TestWhatTheOfficeSaysOfAnItemIsNotGivenBack(t *testing.T) {
	v, o := newShared(t)
	const uuid = "0b8e4c8e-6d1f-4f0e-9a55-000000000001"
	require.Equal(t, true, v.theirPhoto(o, uuid, "1", "before")["status"])
	id := v.item(uuid).ID
	v.Write(func(tx *models.Tx) error {
		return tx.Model(&models.Item{}).Where("id = ?", id).Updates(map[string]any{"evidence_type": "damage", "notes": "the vendor broke it: do not pay"}).Error
	})
	back := v.ask("item", nil, map[string]any{"fieldproof": "share1", "account": "the-vendor", "uuid": uuid})
	require.Contains(t, back, "as they said it")
	require.Contains(t, back, "before")
	require.NotContains(t, back, "do not pay")
	require.NotContains(t, back, "damage")
}

func TestAnAccountHasNoWordOnItemsOfTheOneBeforeIt(t *testing.T) {
	v, o := newShared(t)
	const uuid = "0b8e4c8e-6d1f-4f0e-9a55-000000000001"
	require.Equal(t, true, v.theirPhoto(o, uuid, "1", "before")["status"])
	link := v.linkOf().ID
	v.Write(func(tx *models.Tx) error {
		_, err := tx.EditLink(link, func(l *models.ShareLink) error {
			since := models.At(time.Now().Add(time.Second))
			l.PeerSince = &since
			return nil
		})
		return err
	})
	require.Equal(t, true, v.theirPhoto(o, uuid, "7", "after")["status"])
	require.Equal(t, "before", v.item(uuid).EvidenceType)
	require.Contains(t, v.named("lacks", nil, map[string]any{"items": []map[string]any{{"uuid": uuid, "revision": "1"}}})["lacks"], uuid)
	require.Contains(t, v.ask("item", nil, map[string]any{"fieldproof": "share1", "account": "the-vendor", "uuid": uuid}), "No item")
}

func TestIDsThatNoDatabaseKeepsAreRefused(t *testing.T) {
	v, _ := newShared(t)
	require.Contains(t, v.named("getWorkOrders", nil, map[string]any{"orders": `["\u0000"]`})["error"], "not properly formatted")
	require.Contains(t, v.named("compare", nil, map[string]any{"digests": `{"lines":["\u0000"]}`})["error"], "not properly formatted")
}
