package intake_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
)

// office makes the account's admin.
func office(t *testing.T, h *house.House) *models.Member {
	t.Helper()
	u := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "office", Name: "Office", Role: models.Admin, Active: true}
	h.Write(func(tx *models.Tx) error { return tx.NewUser(u) })
	return member(t, h, u.ID)
}

func member(t *testing.T, h *house.House, id string) *models.Member {
	t.Helper()
	m, err := h.Store.MemberByID(h.Ctx, id)
	require.NoError(t, err)
	return m
}

func intakeOf(h *house.House) *intake.Intake {
	return &intake.Intake{Store: h.Store, Blobs: h.Blobs}
}

// seen makes an order that a crew has looked at, with a crew that has it.
func seen(t *testing.T, h *house.House, number string) (*models.WorkOrder, *models.Member) {
	t.Helper()
	u := &models.User{ID: models.NewID(), AccountID: h.Account.ID, Username: "crew-" + number, Name: "Crew", Role: models.Crew, Active: true}
	o := h.NewOrder(number)
	h.Write(func(tx *models.Tx) error {
		if err := tx.NewUser(u); err != nil {
			return err
		}
		o.AssigneeID, o.FieldStatus = &u.ID, models.FieldViewed
		return tx.SaveOrder(o)
	})
	return o, member(t, h, u.ID)
}

func orderNow(t *testing.T, h *house.House, id string) *models.WorkOrder {
	t.Helper()
	o, err := models.One[models.WorkOrder](h.Store.Read(h.Ctx).Where("id = ?", id), "work order")
	require.NoError(t, err)
	return o
}

// Whoever edits an order, the office by the API or a file, the same happens to it.
func TestAnEditIsOneWhicheverEdgeItComesBy(t *testing.T) {
	h := house.New(t)
	in, by := intakeOf(h), office(t, h)
	street := "98 Elm Street"
	edges := map[string]func(o *models.WorkOrder){
		"W-API": func(o *models.WorkOrder) {
			_, err := in.EditOrder(h.Ctx, intake.OrderEdit{ID: o.ID, By: by, Fields: func(f *models.WorkOrderFields) error { f.Address.Address1 = street; return nil }})
			require.NoError(t, err)
		},
		"W-FILE": func(o *models.WorkOrder) {
			said := models.Incoming{Number: o.WorkOrderNumber}
			said.Say(models.FieldNamed("address.address1"), street)
			results, err := in.Receive(h.Ctx, intake.Source{Account: h.Account, By: by, File: true}, []models.Incoming{said}, nil)
			require.NoError(t, err)
			require.Equal(t, models.ResultUpdated, results[0].Result)
		},
	}
	properties := map[string]string{}
	for number, edit := range edges {
		before, _ := seen(t, h, number)
		edit(before)
		after := orderNow(t, h, before.ID)
		require.Equal(t, street, after.Address.Address1, number)
		require.NotEqual(t, before.PropertyID, after.PropertyID, "%s: a new address finds its property", number)
		require.Equal(t, models.FieldUpdated, after.FieldStatus, "%s: the crew sees that something changed", number)
		require.Equal(t, before.Version+1, after.Version, number)
		last, err := models.One[models.HistoryEvent](h.Store.Read(h.Ctx).Where("work_order_id = ? AND type = ?", after.ID, models.TypeUpdated), "event")
		require.NoError(t, err)
		require.Equal(t, by.Username, last.Actor, number)
		require.NotEmpty(t, last.Details.Fields, number)
		properties[number] = after.PropertyID
	}
	require.Equal(t, properties["W-API"], properties["W-FILE"])
}

func TestAnOrderIsEditedByWhomItMay(t *testing.T) {
	h := house.New(t)
	in, by := intakeOf(h), office(t, h)
	o, crew := seen(t, h, "W-2")
	reword := func(f *models.WorkOrderFields) error { f.WorkOrderInfo = "Gate 7"; return nil }

	_, err := in.EditOrder(h.Ctx, intake.OrderEdit{ID: o.ID, By: crew, Fields: reword})
	require.Equal(t, models.Forbidden, models.KindOf(err))
	_, err = in.EditOrder(h.Ctx, intake.OrderEdit{ID: h.Order.ID, By: crew, Fields: reword})
	require.Equal(t, models.NotFound, models.KindOf(err), "an order of somebody else")

	stale := o.Version - 1
	_, err = in.EditOrder(h.Ctx, intake.OrderEdit{ID: o.ID, By: by, Version: &stale, Fields: reword})
	require.Equal(t, models.Stale, models.KindOf(err))

	h.Write(func(tx *models.Tx) error {
		_, err := tx.EditUser(by.ID, func(u *models.User) error { u.Active = false; return nil })
		return err
	})
	_, err = in.EditOrder(h.Ctx, intake.OrderEdit{ID: o.ID, By: by, Fields: reword})
	require.Equal(t, models.Unauthorized, models.KindOf(err), "what was asked for before a revocation is not done after it")
	require.NotEqual(t, "Gate 7", orderNow(t, h, o.ID).WorkOrderInfo)
}

func TestADuplicateTakesTheNextFreeNumberAndNothingThatTheClientSaid(t *testing.T) {
	h := house.New(t)
	in, by := intakeOf(h), office(t, h)
	h.Write(func(tx *models.Tx) error {
		h.Order.ClientStatus, h.Order.Priority = "On hold", models.PriorityRush
		return tx.SaveOrder(h.Order)
	})
	for _, number := range []string{"W-1__1", "W-1__2"} {
		made, err := in.DuplicateOrder(h.Ctx, models.NewID(), h.Order, by)
		require.NoError(t, err)
		require.Equal(t, number, made.WorkOrderNumber)
		require.Empty(t, made.ClientStatus)
		require.Equal(t, models.PriorityNormal, made.Priority)
		tasks, err := models.TasksOf(h.Store.Read(h.Ctx), made.ID)
		require.NoError(t, err)
		require.Len(t, tasks[made.ID], 1)
	}
}
