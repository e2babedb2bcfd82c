package intake_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/wire"
	"fieldproof/wording"
)

// vendor is the recipient of a Share link, told of orders by hand.
type vendor struct {
	*house.House
	t           *testing.T
	in          *intake.Intake
	integration *models.Integration
}

func newVendor(t *testing.T) *vendor {
	h := house.New(t)
	i := &models.Integration{ID: models.NewID(), AccountID: h.Account.ID, ClientCode: "ACME", ClientKey: "acme", Name: "Acme", Kind: models.ShareIntegration, Enabled: true, AutoAdmin: true,
		Status: models.IntegrationIdle, CreatedAt: models.Now(), UpdatedAt: models.Now()}
	in := intakeOf(h)
	h.Write(func(tx *models.Tx) error { return tx.Create(i).Error })
	return &vendor{h, t, in, i}
}

// told takes in an order as a delegator tells it.
func (v *vendor) told(fields map[string]any) models.Received {
	v.t.Helper()
	said := map[string]any{"workOrderNumber": "N-1", "address1": "12 Oak Street", "city": "Austin", "state": "TX", "zip": "78701", "dueDate": "2030-01-02", "clientStatus": "", "workOrderInfo": "4711",
		"services": []map[string]any{{"serviceName": "Lawn"}}, "orderId": "a", "orderVersion": "1"}
	for name, value := range fields {
		if said[name] = value; value == nil {
			delete(said, name)
		}
	}
	raw, err := json.Marshal(said)
	require.NoError(v.t, err)
	results, err := v.in.Receive(v.Ctx, intake.Source{Account: v.Account, Integration: v.integration}, []models.Incoming{wire.DecodeOrder(raw, 1, time.UTC)}, nil)
	require.NoError(v.t, err)
	return results[0]
}

// finish puts an order into a state.
func (v *vendor) finish(id string, state models.State) {
	v.t.Helper()
	v.Write(func(tx *models.Tx) error {
		o, err := tx.OrderForUpdate(id)
		if err != nil {
			return err
		}
		o.Lifecycle.State = state
		return tx.SaveOrder(o)
	})
}

// wishes are what waits in the inboxes of orders.
func (v *vendor) wishes() (all []models.Action) {
	v.t.Helper()
	require.NoError(v.t, v.Store.Read(v.Ctx).Where("inbox AND outcome = ''").Order("number").Find(&all).Error)
	return all
}

func (v *vendor) alerts() []string {
	v.t.Helper()
	var alerts []models.Alert
	require.NoError(v.t, v.Store.Read(v.Ctx).Model(&models.Alert{}).Where("dismissed_at IS NULL").Order("created_at, id").Find(&alerts).Error)
	return titlesOf(alerts)
}

// titlesOf are the titles of alerts in English, in their order.
func titlesOf(alerts []models.Alert) (titles []string) {
	for _, a := range alerts {
		titles = append(titles, wording.In("en", "US", time.UTC).Alert(a).Title)
	}
	return titles
}

func TestARejectionActsOnceAndASecondIsNotTakenForTheFirst(t *testing.T) {
	v := newVendor(t)
	id := v.told(nil).ID
	o := orderNow(t, v.House, id)
	photo := v.Photo(o, 1)
	reject := func(rejection string) map[string]any {
		return map[string]any{"status": "Rework", "rejection": fmt.Sprintf(`{"id":%q,"reason":"Blurred","uuids":[%q,"nobody-has-it"]}`, rejection, photo.UUID)}
	}
	for n, rejection := range []string{"r1", "r1", "r2", "r2"} {
		v.finish(id, models.Completed)
		v.told(reject(rejection))
		wishes := v.wishes()
		require.Len(t, wishes, 1+n/2, "%d", n)
		require.Equal(t, []any{models.Reject, "Blurred", []string{photo.ID}}, []any{wishes[0].Event, wishes[0].Parameters.Reason, wishes[0].Parameters.ItemIDs})
	}
	// What is finished there again wants nothing done again, also when it is heard of late.
	v.told(map[string]any{"status": "Complete", "rejection": `{"id":"r3","reason":"Blurred","uuids":[]}`})
	require.Len(t, v.wishes(), 2)
	// While the vendor works, the item alone is marked, and the order for rework.
	v.finish(id, models.InProgress)
	v.told(reject("r4"))
	require.Len(t, v.wishes(), 2)
	require.Equal(t, models.PriorityRework, orderNow(t, v.House, id).Priority)
	marked, err := models.One[models.Item](v.Store.Read(v.Ctx).Where("id = ?", photo.ID), "item")
	require.NoError(t, err)
	require.Equal(t, []any{models.ReviewRejected, "Blurred"}, []any{marked.Review, marked.ReviewReason})
	// What is closed stays so, and the office hears of it; so where it decides itself.
	v.finish(id, models.Closed)
	v.told(reject("r5"))
	v.finish(id, models.Completed)
	v.integration.AutoAdmin = false
	v.told(reject("r6"))
	require.Len(t, v.wishes(), 2)
	require.Equal(t, []string{"Acme wants ACME::N-1 to be done again", "Acme wants ACME::N-1 to be done again"}, v.alerts())
}

func TestAnotherOrderUnderATakenNumberOverwritesNothing(t *testing.T) {
	v := newVendor(t)
	first := v.told(nil)
	second := v.told(map[string]any{"orderId": "b", "workOrderInfo": "the second"})
	require.Equal(t, []any{models.ResultCreated, "N-1__2"}, []any{second.Result, second.Number})
	require.Equal(t, second.ID, v.told(map[string]any{"orderId": "b", "workOrderInfo": "anew"}).ID, "it is found again by what the delegator calls it")
	require.Equal(t, first.ID, v.told(map[string]any{"workOrderNumber": "N-77", "workOrderInfo": "first"}).ID, "whatever number it is told under")
	require.Equal(t, []string{"first", "anew"}, []string{orderNow(t, v.House, first.ID).WorkOrderInfo, orderNow(t, v.House, second.ID).WorkOrderInfo})
	// The office gives the number of one to another: what comes under it is neither.
	v.Write(func(tx *models.Tx) error {
		o, err := tx.OrderForUpdate(first.ID)
		if err != nil {
			return err
		}
		o.WorkOrderNumber = "N-9"
		return tx.SaveOrder(o)
	})
	third := v.told(map[string]any{"orderId": "c", "workOrderNumber": "N-9"})
	require.Equal(t, models.ResultCreated, third.Result)
	require.Equal(t, "N-9__2", orderNow(t, v.House, third.ID).WorkOrderNumber)
	require.Equal(t, third.ID, v.told(map[string]any{"orderId": "c", "workOrderNumber": "N-9", "workOrderInfo": "x"}).ID)
}

func TestAnOrderThatWentTooFarOrCameBackIsRefusedOnce(t *testing.T) {
	v := newVendor(t)
	path := func(marks ...string) map[string]any {
		text, err := json.Marshal(map[string]any{"salt": "s", "marks": marks})
		require.NoError(t, err)
		return map[string]any{"path": string(text)}
	}
	other := models.MarkOf("s", "somebody")
	long := strings.Split(strings.Repeat(other+" ", models.MostHops+1), " ")[:models.MostHops+1]
	for _, refused := range []map[string]any{path(other, models.MarkOf("s", v.Account.ID)), path(long...)} {
		require.Equal(t, models.ResultRejected, v.told(refused).Result)
		again := v.told(refused)
		require.Equal(t, models.ResultUnchanged, again.Result, "it is not told again with every pull")
		require.NotEmpty(t, again.Warnings)
	}
	require.Equal(t, []string{"The order N-1 of Acme was not taken"}, v.alerts())
	m, err := models.One[models.ReceivedOrder](v.Store.Read(v.Ctx).Where("integration_id = ?", v.integration.ID), "row")
	require.NoError(t, err)
	require.Equal(t, []any{"a", "", ""}, []any{m.PeerOrderID, m.WorkOrderID, m.RefusalTold})
	require.Contains(t, m.Refused, "11 accounts")

	for _, forged := range []any{`{"salt":"s","marks":["short"]}`, `{"salt":"","marks":[]}`, `{"salt":`, "x", `{"salt":"s","marks":"` + strings.Repeat("0", 100_000) + `"}`} {
		require.Empty(t, v.told(map[string]any{"path": forged}).ID, "what is no path")
	}
	m, err = models.One[models.ReceivedOrder](v.Store.Read(v.Ctx).Where("integration_id = ?", v.integration.ID), "row")
	require.NoError(t, err)
	require.Contains(t, m.Refused, "path: Want {salt, marks}", "its delegator is told that, as of whatever can't be taken")
	// Taken back, and told again: refused again.
	whole := []string{"address1", "city", "state", "zip", "services", "workOrderInfo", "dueDate"}
	taken := map[string]any{"clientStatus": "Cancelled"}
	for _, name := range whole {
		taken[name] = nil
	}
	require.Equal(t, models.ResultUnchanged, v.told(taken).Result)
	require.Equal(t, models.ResultRejected, v.told(path(long...)).Result)
	// By another way it is taken, and remembers its way as text or object.
	require.Equal(t, models.ResultCreated, v.told(path(long[1:]...)).Result)
	o := orderNow(t, v.House, v.told(map[string]any{"path": map[string]any{"salt": "s", "marks": []string{other}}}).ID)
	require.Equal(t, []any{"s", []string{other}}, []any{o.PathSalt, o.PathMarks})
	require.Equal(t, []string{other, models.MarkOf("s", v.Account.ID)}, o.MarksBelow())
}

func TestCodesThatCameByTheLinkGoWithTheOrder(t *testing.T) {
	for name, c := range map[string]struct {
		own  string // what the vendor wrote over it
		left string
	}{"as it came": {"", ""}, "the vendor's own": {"Under the mat", "Under the mat"}} {
		v := newVendor(t)
		id := v.told(nil).ID
		if c.own != "" {
			v.Write(func(tx *models.Tx) error {
				o, err := tx.OrderForUpdate(id)
				if err != nil {
					return err
				}
				o.WorkOrderInfo = c.own
				return tx.SaveOrder(o)
			})
		}
		// A peer of the wire tells the codes with the end.
		v.told(map[string]any{"clientStatus": "CANCELED"})
		require.Equal(t, c.left, orderNow(t, v.House, id).WorkOrderInfo, name)
		v.told(map[string]any{"clientStatus": "Deleted"})
		require.Equal(t, c.left, orderNow(t, v.House, id).WorkOrderInfo, name)
	}
}

func TestAnEleventhHopIsRefusedAtTheAssignment(t *testing.T) {
	h := house.New(t)
	o := h.NewOrder("W-11")
	u := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "linked", Name: "Linked", Role: models.Subcontractor, Active: true}
	crew := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "crew", Name: "Crew", Role: models.Crew, Active: true}
	h.Write(func(tx *models.Tx) error {
		for _, one := range []*models.User{u, crew} {
			if err := tx.NewUser(one); err != nil {
				return err
			}
		}
		o.Lifecycle.State = models.Created
		for range models.MostHops {
			o.PathMarks = append(o.PathMarks, models.MarkOf("s", "x"))
		}
		o.PathSalt = "s"
		if _, err := tx.MakeLinkOut(u); err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	assign := func(name string) error {
		return h.Store.Write(h.Ctx, func(tx *models.Tx) error {
			a := &models.Action{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: o.ID, Event: models.Assign, Parameters: models.ActionParameters{Assignee: name}}
			if err := tx.SaveAction(a); err != nil {
				return err
			}
			locked, err := tx.OrderForUpdate(o.ID)
			if err != nil {
				return err
			}
			return tx.Apply(locked, a)
		})
	}
	err := assign("linked")
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Contains(t, err.Error(), "10 Share links")
	require.NoError(t, assign("crew"))
}
