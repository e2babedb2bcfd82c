package peers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/tests/house"
	"fieldproof/tests/rig"
)

// hosting is a host without an edge, and a vendor who signs in.
type hosting struct {
	*house.House
	host   *peers.Host
	vendor *models.Member
}

func newHosting(t *testing.T) *hosting {
	h := house.New(t)
	in := &intake.Intake{Store: h.Store, Blobs: h.Blobs, Limits: intake.DefaultLimits, Bells: &intake.Bells{}}
	v := &hosting{House: h, host: peers.NewHost(h.Store, in, h.Store.Sealer), vendor: login(h, "vendor")}
	v.change(func(u *models.User) {
		password, err := models.HashPassword(h.Ctx, "open sesame")
		require.NoError(t, err)
		u.SetPassword(password)
	})
	return v
}

// change changes the vendor.
func (v *hosting) change(how func(*models.User)) {
	v.T.Helper()
	v.Write(func(tx *models.Tx) error {
		how(&v.vendor.User)
		return tx.Save(&v.vendor.User).Error
	})
}

func (v *hosting) begin(address string, members map[string]any) (*peers.Call, *peers.Service, error) {
	v.T.Helper()
	said := map[string]json.RawMessage{"username": json.RawMessage(`"vendor"`), "password": json.RawMessage(`"open sesame"`)}
	for name, value := range members {
		text, err := json.Marshal(value)
		require.NoError(v.T, err)
		said[name] = text
	}
	service, err := peers.ServiceOf(address)
	require.NoError(v.T, err)
	c, err := v.host.Admit(v.Ctx, service, said, "192.0.2.7")
	return c, service, err
}

// ask is what a service answers, as text.
func (v *hosting) ask(address string, file io.Reader, members map[string]any) string {
	v.T.Helper()
	c, service, err := v.begin(address, members)
	var out bytes.Buffer
	var answer peers.Answer
	if err == nil {
		c.File, c.Out, c.As = file, &out, func(string) {}
		answer, err = v.host.Answer(v.Ctx, c)
	}
	if err != nil {
		answer = service.Refusal(err)
	}
	if answer != nil {
		text, err := json.Marshal(answer)
		require.NoError(v.T, err)
		out.Write(text)
	}
	return out.String()
}

func TestAHostAnswersWhateverEdgeThePayloadCameBy(t *testing.T) {
	v := newHosting(t)
	require.Equal(t, `{"workOrders":[],"error":""}`, v.ask("getWorkOrders", nil, nil))
	o := given(v.House, "ACME", "77", v.vendor)
	o.Lifecycle.State = models.Assigned
	v.Write(func(tx *models.Tx) error { return tx.SaveOrder(o) })

	require.Equal(t, `{"error":"","validated":true}`, v.ask("ValidatE.php", nil, map[string]any{"pushkey": "https://vendor.example/push/key"}))
	key, err := models.One[models.PeerPushKey](v.Store.Read(v.Ctx).Where("user_id = ?", v.vendor.ID), "push key")
	require.NoError(t, err)
	require.NotContains(t, key.Sealed, "vendor.example")

	orders := v.ask("getworkorders", nil, map[string]any{"timestamp": 0})
	require.True(t, strings.HasPrefix(orders, `{"workOrders":[{"workOrderNumber":"77",`), orders)
	require.True(t, strings.HasSuffix(orders, `}],"error":""}`), orders)

	photo := map[string]any{"uuid": "a-photo-of-theirs", "key2": "77", "key4": "Lawn", "fileType": "picture", "evidenceType": strings.Repeat("ä", 90)}
	require.Equal(t, `{"error":"The request has a field that can't be taken; file: Send the file in a part named file, as multipart/form-data.","status":false}`, v.ask("uploadPictures", nil, photo))
	require.Equal(t, `{"error":null,"status":true}`, v.ask("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 1)), photo))
	item, err := models.One[models.Item](models.OfUUID(v.Store.Read(v.Ctx), "a-photo-of-theirs"), "item")
	require.NoError(t, err)
	require.Equal(t, []any{o.ID, models.FromPeer, v.vendor.ID}, []any{item.WorkOrderID, item.Source, item.UploadedBy})
	require.NotNil(t, item.TaskID)

	report := []map[string]any{{"workOrderNumber": "78", "fieldStatus": "complete"}, {"workOrderNumber": "79"}, {"workOrderNumber": "77", "fieldStatus": "complete"}}
	require.Equal(t, `{"error":{"error":"There is no work order 78 for you.","workOrderNumber":"78"},"status":false}`, v.ask("status", nil, map[string]any{"workOrders": report}))
	wishes := v.wishes()
	require.Len(t, wishes, 1, "the others count for themselves")
	require.Equal(t, []any{o.ID, models.Complete, v.vendor.ID, true}, []any{wishes[0].WorkOrderID, wishes[0].Event, wishes[0].ActorID, wishes[0].Parameters.FromPeer})
	require.Equal(t, `{"error":null,"status":true}`, v.ask("status", nil, map[string]any{"workOrders": report[2]}))
	require.Len(t, v.wishes(), 1, "a repeat is the same wish")
}

func (v *hosting) wishes() (all []models.Action) {
	v.T.Helper()
	require.NoError(v.T, v.Store.Read(v.Ctx).Where("inbox").Find(&all).Error)
	return all
}

func TestEveryServiceRefusesInTheFormOfItsCallers(t *testing.T) {
	v := newHosting(t)
	const words = `"error":"invalid username, password, or token"`
	for address, answer := range map[string]string{
		"validate": `{` + words + `,"status":false,"validated":false}`, "getWorkOrders": `{` + words + `}`, "uploadPictures": `{` + words + `,"status":false}`, "status": `{` + words + `,"status":false}`,
	} {
		require.Equal(t, answer, v.ask(address, nil, map[string]any{"password": "wrong"}), address)
		service, err := peers.ServiceOf(address)
		require.NoError(t, err)
		require.NotContains(t, service.Refusal(io.ErrClosedPipe)["error"], "pipe", "what is ours stays with us")
	}
	_, err := peers.ServiceOf("nothing.php")
	require.EqualError(t, err, "The services are validate, getWorkOrders, uploadPictures and status.")
}

func TestCredentialsAreRememberedAsLongAsTheyStand(t *testing.T) {
	v := newHosting(t)
	for range 20 {
		_, _, err := v.begin("validate", nil)
		require.NoError(t, err, "who is known is not counted as trying")
	}
	for name, end := range map[string]struct {
		how  func(*models.User)
		says string
	}{
		"switched off":           {func(u *models.User) { u.Active = false }, "The login vendor is switched off"},
		"in another role":        {func(u *models.User) { u.Role = models.Crew }, "The login vendor has the role crew"},
		"deleted":                {func(u *models.User) { u.Active, u.DeletedAt = false, new(models.Now()) }, "The login vendor was deleted"},
		"with other credentials": {func(u *models.User) { u.WireHash, u.PasswordHash = "", ""; u.CredentialVersion++ }, "invalid username, password, or token"},
	} {
		was := v.vendor.User
		v.change(end.how)
		_, service, err := v.begin("validate", nil)
		require.Error(t, err, name)
		require.Contains(t, service.Refusal(err)["error"], end.says, name)
		require.NotContains(t, service.Refusal(err), "linkState", "who does not name itself a Fieldproof hears its words alone")
		_, service, err = v.begin("validate", map[string]any{"password": "guessed" + name})
		require.Equal(t, models.Unauthorized, models.KindOf(err), "who has not the right credentials learns nothing: %s", name)
		require.Equal(t, "invalid username, password, or token", service.Refusal(err)["error"], name)
		v.change(func(u *models.User) { *u = was })
	}
	var spent *models.Error
	for range 20 {
		if _, _, err := v.begin("validate", map[string]any{"password": "guessed"}); models.KindOf(err) == models.TooMany {
			require.ErrorAs(t, err, &spent)
		}
	}
	require.NotNil(t, spent, "guesses are counted")
	require.Positive(t, spent.Wait)
	_, _, err := v.begin("validate", nil)
	require.NoError(t, err, "whose credentials are remembered does not wait for them")
}

// TestACallThatMeetsARevocationDoesNothing has credentials end between a call's beginning and its end.
func TestACallThatMeetsARevocationDoesNothing(t *testing.T) {
	v := newHosting(t)
	o := given(v.House, "ACME", "77", v.vendor)
	o.Lifecycle.State = models.Assigned
	v.Write(func(tx *models.Tx) error { return tx.SaveOrder(o) })
	for address, members := range map[string]map[string]any{
		"validate":       {"pushkey": "https://vendor.example/push/key"},
		"status":         {"workOrders": []map[string]any{{"workOrderNumber": "77", "fieldStatus": "complete"}}},
		"uploadPictures": {"uuid": "a-photo-of-theirs", "key2": "77", "fileType": "picture"},
	} {
		c, service, err := v.begin(address, members)
		require.NoError(t, err)
		v.change(func(u *models.User) { u.CredentialVersion++ })
		c.File, c.Out = bytes.NewReader(rig.JPEG(80, 60, 1)), io.Discard
		_, err = v.host.Answer(v.Ctx, c)
		require.Equal(t, models.Unauthorized, models.KindOf(err), address)
		require.Equal(t, "invalid username, password, or token", service.Refusal(err)["error"], address)
	}
	require.Empty(t, v.wishes())
	for _, kept := range []any{&models.PeerPushKey{}, &models.Item{}} {
		var n int64
		require.NoError(t, v.Store.Read(v.Ctx).Model(kept).Count(&n).Error)
		require.Zero(t, n)
	}
}

func TestALoginThatNeverValidatedIsServedAsAnyOther(t *testing.T) {
	for _, words := range []string{"", peers.Words} {
		v := newHosting(t)
		o := given(v.House, "ACME", "77", v.vendor)
		o.Lifecycle.State = models.Assigned
		v.Write(func(tx *models.Tx) error { return tx.SaveOrder(o) })
		call := func(members map[string]any) map[string]any {
			if words != "" {
				members["fieldproof"] = words
			}
			return members
		}
		photo := map[string]any{"uuid": "a-photo-of-theirs", "key2": "77", "fileType": "picture"}
		require.Contains(t, v.ask("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 1)), call(photo)), `"status":true`)
		refusal := v.ask("uploadPictures", bytes.NewReader(rig.JPEG(80, 60, 2)), call(photo))
		require.Contains(t, refusal, `"status":false`)
		if words != "" { // by its first item it has a link, and its name is that of the login
			alert, err := models.One[models.Alert](v.Store.Read(v.Ctx).Where("kind = ?", models.AlertPeerTrouble), "alert")
			require.NoError(t, err)
			require.Contains(t, alert.Says, "other_bytes")
		}
		require.Contains(t, v.ask("getWorkOrders", nil, call(map[string]any{})), `"workOrderNumber":"77"`)
		require.Contains(t, v.ask("status", nil, call(map[string]any{"workOrders": []map[string]any{{"workOrderNumber": "77", "fieldStatus": "Viewed"}}})), `"status":true`)
		if words != "" {
			require.Contains(t, v.ask("lacks", nil, call(map[string]any{"items": `[{"uuid":"another"}]`})), `"status":true`)
		}
	}
}
