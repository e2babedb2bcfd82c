package intake_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
	"fieldproof/wording"
)

// decides has the vendor's office decide over what comes.
func (v *vendor) decides() {
	v.integration.AutoAdmin = false
	v.Write(func(tx *models.Tx) error {
		_, err := tx.MakeLinkIn(v.integration, "")
		return err
	})
}

// differs are the fields in which an order's delegator says something else than stands here.
func (v *vendor) differs(id string) map[string]any {
	v.t.Helper()
	views, err := models.ViewOrders(v.Store.Read(v.Ctx), orderNow(v.t, v.House, id))
	require.NoError(v.t, err)
	all := map[string]any{}
	for _, d := range views[0].Share.Differs {
		text, err := json.Marshal(d.Theirs)
		require.NoError(v.t, err)
		all[d.Field] = string(text)
	}
	return all
}

// everything is what a delegator may say of an order and take back.
func everything() map[string]any {
	return map[string]any{"startDate": "2030-01-01", "gpsLatitude": 30.5, "gpsLongitude": -97.5, "options": map[string]any{"check_in_required": true, "colour": "red"}, "attribute7": "x",
		"dueDate": "2030-01-02 1300 +0000", "path": `{"salt":"s","marks":[]}`,
		"services": []map[string]any{{"serviceName": "Lawn", "options": map[string]any{"gallery_allowed": false}, "requiredPhotos": map[string]int{"before": 2, "after": 1}}}}
}

// little is the same order with all of that taken back but one option and one required photo.
func little() map[string]any {
	return map[string]any{"options": map[string]any{"colour": "red"}, "dueDate": "", "path": `{"salt":"s","marks":[]}`,
		"services": []map[string]any{{"serviceName": "Lawn", "requiredPhotos": map[string]int{"after": 1}}}}
}

func TestWhatADelegatorTellsNoMoreIsTakenAway(t *testing.T) {
	v := newVendor(t)
	id := v.told(everything()).ID
	o := orderNow(t, v.House, id)
	require.NotNil(t, o.StartDate)
	require.NotNil(t, o.Latitude)
	require.NotNil(t, o.DueTime)
	// The vendor adds an option of its own, to the order and to the task.
	v.Write(func(tx *models.Tx) error {
		o, err := tx.OrderForUpdate(id)
		if err != nil {
			return err
		}
		o.Options["ours"] = true
		tasks, err := models.TasksOf(tx.DB, id)
		if err != nil {
			return err
		}
		lawn := tasks[id][0]
		lawn.Options["ours"] = true
		if err := tx.Save(&lawn).Error; err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	require.Equal(t, models.ResultUpdated, v.told(little()).Result)
	o = orderNow(t, v.House, id)
	require.Equal(t, []any{true, true, true, true}, []any{o.StartDate == nil, o.Latitude == nil && o.Longitude == nil, o.DueDate == nil, o.DueTime == nil})
	require.Equal(t, map[string]any{"colour": "red", "ours": true}, o.Options)
	require.Empty(t, o.Attributes["attribute7"])
	tasks, err := models.TasksOf(v.Store.Read(v.Ctx), id)
	require.NoError(t, err)
	require.Equal(t, map[string]any{"ours": true}, tasks[id][0].Options)
	require.Equal(t, map[string]int{"after": 1}, tasks[id][0].RequiredPhotos)
	require.Equal(t, models.ResultUnchanged, v.told(little()).Result)

	// A position that the vendor finds out itself stays; what is told again is there again.
	v.Write(func(tx *models.Tx) error {
		o, err := tx.OrderForUpdate(id)
		if err != nil {
			return err
		}
		at := 31.0
		o.Latitude, o.Longitude = &at, &at
		return tx.SaveOrder(o)
	})
	require.Equal(t, models.ResultUnchanged, v.told(little()).Result)
	require.Equal(t, 31.0, *orderNow(t, v.House, id).Latitude)
	v.told(everything())
	require.Equal(t, 30.5, *orderNow(t, v.House, id).Latitude)
	require.Equal(t, true, orderNow(t, v.House, id).Options["check_in_required"])

	// Of a peer of the wire, which tells what changes, silence says nothing.
	wire := little()
	wire["orderId"], wire["orderVersion"], wire["path"], wire["dueDate"] = nil, nil, nil, nil
	require.Equal(t, models.ResultUnchanged, v.told(wire).Result)
	require.NotNil(t, orderNow(t, v.House, id).StartDate)
}

func TestWhatWasTakenAwayIsShownWhereTheOfficeDecides(t *testing.T) {
	v := newVendor(t)
	v.decides()
	id := v.told(everything()).ID
	require.Empty(t, v.differs(id))
	for range 2 { // it stays so, however often it is told
		v.told(little())
		o := orderNow(t, v.House, id)
		require.Equal(t, []any{true, false, true}, []any{o.Options["check_in_required"], o.DueDate == nil, o.StartDate == nil}, "what anybody may write is written")
		differs := v.differs(id)
		require.Equal(t, []any{`""`, `""`}, []any{differs["due_date"], differs["due_time"]})
		require.JSONEq(t, `{"check_in_required":null,"colour":"red"}`, differs["options"].(string))
		require.Contains(t, differs["tasks"], `"gallery_allowed":null`)
		require.Contains(t, differs["tasks"], `"before":0`)
	}
	v.told(everything())
	require.Empty(t, v.differs(id))
}

func TestWhatAStatusSaysIsKeptWhereTheOfficeDecides(t *testing.T) {
	v := newVendor(t)
	v.decides()
	id := v.told(map[string]any{"status": "Assigned"}).ID
	for _, c := range []struct {
		status string
		want   map[string]any
	}{
		{"Assigned", map[string]any{}}, {"RUSH", map[string]any{"priority": `"rush"`}}, {"Rework", map[string]any{"priority": `"rework"`}}, {"Complete", map[string]any{"priority": `"rework"`}},
		{"Canceled", map[string]any{"priority": `"rework"`, "state": `"cancelled"`}}, {"Assigned", map[string]any{}}, {"Invoiced", map[string]any{"invoiced": "true"}},
	} {
		v.told(map[string]any{"status": c.status})
		require.Equal(t, c.want, v.differs(id), c.status)
		require.Equal(t, models.PriorityNormal, orderNow(t, v.House, id).Priority)
	}
	// What the office does itself differs from nothing that was never said.
	v.told(map[string]any{"orderId": "b", "workOrderNumber": "N-2", "status": "Assigned"})
	other := v.told(map[string]any{"orderId": "b", "workOrderNumber": "N-2", "status": "Assigned", "workOrderInfo": "4712"}).ID
	v.Write(func(tx *models.Tx) error {
		o, err := tx.OrderForUpdate(other)
		if err != nil {
			return err
		}
		o.Priority, o.WorkOrderInfo = models.PriorityRush, "4712"
		return tx.SaveOrder(o)
	})
	require.Empty(t, v.differs(other))
}

func TestAWorkTypeKeepsNoOrderOut(t *testing.T) {
	v := newVendor(t)
	v.Write(func(tx *models.Tx) error {
		return tx.SaveWorkType(&models.WorkType{ID: models.NewID(), AccountID: v.Account.ID, WorkTypeFields: models.WorkTypeFields{Name: "Ours", Tasks: []models.TaskFields{{Name: "Lawn"}, {Name: "Selfie"}, {Name: "Gate"}}}})
	})
	v.integration.DefaultWorkType = "Ours"
	services := func(from, n int) (all []map[string]any) {
		for i := range n {
			all = append(all, map[string]any{"serviceName": fmt.Sprintf("S %d", from+i)})
		}
		return all
	}
	tasksOf := func(id string) int {
		all, err := models.TasksOf(v.Store.Read(v.Ctx), id)
		require.NoError(t, err)
		return len(all[id])
	}
	made := v.told(map[string]any{"services": services(0, 499)})
	require.Equal(t, []any{models.ResultCreated, models.MostTasks}, []any{made.Result, tasksOf(made.ID)})
	require.Equal(t, []string{"ACME::N-1, which came from Acme, has more tasks than fit"}, v.alerts())
	a, err := models.One[models.Alert](v.Store.Read(v.Ctx).Where("work_order_id = ?", made.ID), "alert")
	require.NoError(t, err)
	require.Equal(t, "ACME::N-1 has 500 tasks, as many as an order may have. Left out of the work type Ours: 2.", wording.In("en", "US", time.UTC).Alert(*a).Detail)

	// So with what comes later.
	more := v.told(map[string]any{"services": services(490, 30), "workOrderInfo": "the rest is taken"})
	require.Equal(t, []any{models.ResultUpdated, models.MostTasks}, []any{more.Result, tasksOf(made.ID)})
	require.Equal(t, "the rest is taken", orderNow(t, v.House, made.ID).WorkOrderInfo)
	require.Contains(t, more.Warnings[0].Message, "21 of Acme are left out")

	// More than an order may have is rejected, and stops no other.
	require.Equal(t, models.ResultRejected, v.told(map[string]any{"orderId": "b", "workOrderNumber": "N-2", "services": services(0, 501)}).Result)
	require.Equal(t, models.ResultCreated, v.told(map[string]any{"orderId": "c", "workOrderNumber": "N-3"}).Result)
}

func TestEverybodyIsNotGivenAnOrderThatWentAsFarAsItMay(t *testing.T) {
	h := house.New(t)
	o := h.NewOrder("W-11")
	vendor := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "linked", Name: "Linked", Role: models.Subcontractor, Active: true}
	var link *models.ShareLink
	h.Write(func(tx *models.Tx) (err error) {
		if err := tx.NewUser(vendor); err != nil {
			return err
		}
		o.Lifecycle.State, o.PathSalt = models.Created, "s"
		for range models.MostHops {
			o.PathMarks = append(o.PathMarks, models.MarkOf("s", "x"))
		}
		if link, err = tx.MakeLinkOut(vendor); err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	assign := func() error {
		return h.Store.Write(h.Ctx, func(tx *models.Tx) error {
			a := &models.Action{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: o.ID, Event: models.Assign, Parameters: models.ActionParameters{Assignee: models.AssignToAll}}
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
	err := assign()
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.Contains(t, err.Error(), "W-11 came over 10 Share links")
	h.Write(func(tx *models.Tx) error { return tx.EndLink(link.ID, models.LinkEnd{Why: "Over."}) })
	require.NoError(t, assign(), "nobody is linked any more")
}

func TestWhatItsSenderWithdrewIsNoProofThatWasAskedFor(t *testing.T) {
	h := house.New(t)
	o := h.NewOrder("W-12")
	photo := h.Photo(o, 1)
	tasks, err := models.TasksOf(h.Store.Read(h.Ctx), o.ID)
	require.NoError(t, err)
	h.Write(func(tx *models.Tx) error {
		o.Lifecycle.State = models.InProgress
		task := tasks[o.ID][0]
		task.RequiredPhotos = map[string]int{"before": 1}
		if err := tx.Save(&task).Error; err != nil {
			return err
		}
		now := models.Now()
		photo.TaskID, photo.EvidenceType, photo.WithdrawnAt = &task.ID, "before", &now
		if err := tx.Save(photo).Error; err != nil {
			return err
		}
		return tx.SaveOrder(o)
	})
	complete := func() error {
		return h.Store.Write(h.Ctx, func(tx *models.Tx) error {
			a := &models.Action{ID: models.NewID(), AccountID: h.Account.ID, WorkOrderID: o.ID, Event: models.Complete}
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
	require.ErrorContains(t, complete(), "something is missing")
	h.Write(func(tx *models.Tx) error { return tx.Model(photo).Update("withdrawn_at", nil).Error })
	require.NoError(t, complete())
}

func TestWhoWaitsForAWordIsAnAlertUntilItIsGiven(t *testing.T) {
	h := house.New(t)
	var link *models.ShareLink
	h.Write(func(tx *models.Tx) (err error) {
		link, _, err = tx.MakeInvitation(h.Account.ID, "Lone Star", "")
		return err
	})
	open := func(change func(l *models.ShareLink) error) []string {
		var alerts []models.Alert
		h.Write(func(tx *models.Tx) error {
			_, err := tx.EditLink(link.ID, change)
			return err
		})
		require.NoError(t, h.Store.Read(h.Ctx).Model(&models.Alert{}).Where("dismissed_at IS NULL").Find(&alerts).Error)
		return titlesOf(alerts)
	}
	wants := func(account, name string) func(*models.ShareLink) error {
		return func(l *models.ShareLink) error {
			l.Redeemer, l.Offered.Peer = "a", &models.SharePeer{Account: account, Name: name, Host: "vendor.example"}
			return nil
		}
	}
	for range 2 {
		require.Equal(t, []string{"Lone Star Lawns took the invitation Lone Star and waits to be let in"}, open(wants("a", "Lone Star Lawns")))
	}
	require.Empty(t, open((*models.ShareLink).Admit))
	require.Equal(t, []string{"Others wants in by the login of the Share link Lone Star"}, open(wants("b", "Others")))
	require.Equal(t, []string{"Third wants in by the login of the Share link Lone Star"}, open(wants("c", "Third")), "the one who waits now")
	require.Empty(t, open((*models.ShareLink).Refuse))
	require.Equal(t, []string{"Lone Star Lawns signs with a key that none known here introduced"}, open(func(l *models.ShareLink) error {
		l.Offered.Keys = []models.ShareKey{{ID: "k"}}
		return nil
	}))
	require.Empty(t, open((*models.ShareLink).TrustKeys))
}
