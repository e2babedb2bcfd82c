package intake_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/tests/house"
)

func rowsOf(t *testing.T, h *house.House, b *models.Bulk) (rows []*models.BulkRow) {
	t.Helper()
	require.NoError(t, h.Store.Read(h.Ctx).Where("bulk_id = ?", b.ID).Order("position").Find(&rows).Error)
	return rows
}

func number(n int64) *int64 { return &n }

// rush asks for a change of orders.
func rush(by *models.Member, ids ...string) intake.NewBulk {
	return intake.NewBulk{ID: models.NewID(), By: by, Action: models.BulkUpdate, Parameters: models.BulkParameters{Patch: json.RawMessage(`{"priority": "rush"}`)}, IDs: ids}
}

func TestABulkIsForTheOrdersThatWereShown(t *testing.T) {
	h := house.New(t)
	in, by := intakeOf(h), office(t, h)
	second, third := h.NewOrder("W-2"), h.NewOrder("W-3")
	h.Write(func(tx *models.Tx) error {
		third.Priority = models.PriorityRework
		return tx.SaveOrder(third)
	})
	all := rush(by)
	all.Filter, all.Expected = &models.OrderFilter{Priority: models.PriorityNormal}, number(3)
	_, err := in.StartBulk(h.Ctx, all)
	require.Equal(t, models.Conflict, models.KindOf(err))
	require.ErrorContains(t, err, "2 work orders match now, not 3")
	var none int64
	require.NoError(t, h.Store.Read(h.Ctx).Model(&models.BulkRow{}).Count(&none).Error)
	require.Zero(t, none, "nothing was begun")

	all.Expected = number(2)
	b, err := in.StartBulk(h.Ctx, all)
	require.NoError(t, err)
	rows := rowsOf(t, h, b)
	require.Equal(t, []string{"W-2", "W-1"}, []string{rows[0].Number, rows[1].Number}, "as the list has them")
	again, err := in.StartBulk(h.Ctx, all)
	require.NoError(t, err)
	require.Equal(t, b.ID, again.ID, "the same request is the same bulk")
	require.Len(t, rowsOf(t, h, b), 2)

	all.ID, all.Filter = models.NewID(), &models.OrderFilter{Query: "w 3"}
	all.Expected = number(1)
	b, err = in.StartBulk(h.Ctx, all)
	require.NoError(t, err)
	require.Equal(t, third.ID, rowsOf(t, h, b)[0].WorkOrderID, "words find what the list finds by them")

	named := rush(by, second.ID, "nobody's")
	b, err = in.StartBulk(h.Ctx, named)
	require.NoError(t, err)
	rows = rowsOf(t, h, b)
	require.Equal(t, []string{models.RowWaiting, models.RowRefused}, []string{rows[0].Result, rows[1].Result})
	require.Equal(t, string(models.NotFound), rows[1].Code)
	named.ID, named.Expected = models.NewID(), number(2)
	_, err = in.StartBulk(h.Ctx, named)
	require.Equal(t, models.Conflict, models.KindOf(err), "one of the two is gone")
}

func TestABulkThatNoOrderCouldTakeIsRefusedAtOnce(t *testing.T) {
	h := house.New(t)
	in, by := intakeOf(h), office(t, h)
	_, crew := seen(t, h, "W-2")
	ask := func(by *models.Member, action string, p models.BulkParameters) models.Kind {
		_, err := in.StartBulk(h.Ctx, intake.NewBulk{ID: models.NewID(), By: by, Action: action, Parameters: p, IDs: []string{h.Order.ID}})
		return models.KindOf(err)
	}
	patch := func(text string) models.BulkParameters { return models.BulkParameters{Patch: json.RawMessage(text)} }
	for action, p := range map[string]models.BulkParameters{"restore": {}, "assign": {Assignee: "nobody"}, "reject": {Reason: " "}, models.BulkUpdate: {}} {
		require.Equal(t, models.Invalid, ask(by, action, p), action)
	}
	for _, text := range []string{`{}`, `{"work_order_number": "1"}`, `{"tasks": []}`, `{"client_code": "X"}`, `{"due_date": "soon"}`, `{"address": {"zip": ""}}`, `{"priority": 5}`} {
		require.Equal(t, models.Invalid, ask(by, models.BulkUpdate, patch(text)), text)
	}
	require.Equal(t, models.Forbidden, ask(crew, models.BulkUpdate, patch(`{"priority": "rush"}`)))
	_, err := in.StartBulk(h.Ctx, intake.NewBulk{ID: models.NewID(), By: by, Action: "approve", Filter: &models.OrderFilter{}})
	require.ErrorContains(t, err, "expected", "who gives a filter says what it showed")
	_, err = in.StartBulk(h.Ctx, intake.NewBulk{ID: models.NewID(), By: by, Action: "approve"})
	require.Equal(t, models.Invalid, models.KindOf(err))
}

func TestEachOrderOfABulkAsksAnewWhetherItMay(t *testing.T) {
	ends := map[string]struct {
		end  func(h *house.House, by *models.Member) error
		code string
	}{
		"switched off": {func(h *house.House, by *models.Member) error {
			return h.Store.Write(h.Ctx, func(tx *models.Tx) error {
				_, err := tx.EditUser(by.ID, func(u *models.User) error { u.Active = false; return nil })
				return err
			})
		}, models.CodeSwitchedOff},
		"another role": {func(h *house.House, by *models.Member) error {
			return h.Store.Write(h.Ctx, func(tx *models.Tx) error {
				_, err := tx.EditUser(by.ID, func(u *models.User) error { u.Role = models.Crew; return nil })
				return err
			})
		}, string(models.Forbidden)},
	}
	for name, e := range ends {
		t.Run(name, func(t *testing.T) {
			h := house.New(t)
			in, by := intakeOf(h), office(t, h)
			bulks := &intake.Bulks{Intake: in}
			for _, parameters := range []intake.NewBulk{rush(by), {ID: models.NewID(), By: by, Action: models.BulkInvoiced}} {
				first, second := h.NewOrder("W-a"+parameters.Action), h.NewOrder("W-b"+parameters.Action)
				parameters.IDs = []string{first.ID, second.ID}
				b, err := in.StartBulk(h.Ctx, parameters)
				require.NoError(t, err)
				rows := rowsOf(t, h, b)
				kept, err := bulks.Do(h.Ctx, b, rows[0])
				require.NoError(t, err)
				require.True(t, kept)
				if parameters.Action != models.BulkInvoiced {
					continue
				}
				require.NoError(t, e.end(h, by))
				kept, err = bulks.Do(h.Ctx, b, rows[1])
				require.NoError(t, err)
				require.False(t, kept)
				require.Equal(t, []string{models.RowRefused, e.code}, []string{rows[1].Result, rows[1].Code})
				require.True(t, orderNow(t, h, first.ID).Invoiced)
				require.False(t, orderNow(t, h, second.ID).Invoiced)
			}
		})
	}
}

// A run may be killed between any two steps, and another may begin while it still is at work.
func TestABulkEditsEachOrderOnce(t *testing.T) {
	h := house.New(t)
	in, by := intakeOf(h), office(t, h)
	bulks := &intake.Bulks{Intake: in}
	b, err := in.StartBulk(h.Ctx, rush(by, h.Order.ID))
	require.NoError(t, err)
	row, late := rowsOf(t, h, b)[0], rowsOf(t, h, b)[0]
	kept, err := bulks.Do(h.Ctx, b, row)
	require.NoError(t, err)
	require.True(t, kept)
	_, err = in.EditOrder(h.Ctx, intake.OrderEdit{ID: h.Order.ID, By: by, Fields: func(f *models.WorkOrderFields) error { f.Priority = models.PriorityNormal; return nil }})
	require.NoError(t, err)
	version := orderNow(t, h, h.Order.ID).Version
	kept, err = bulks.Do(h.Ctx, b, late)
	require.NoError(t, err)
	require.True(t, kept)
	after := orderNow(t, h, h.Order.ID)
	require.Equal(t, models.PriorityNormal, after.Priority, "what somebody did since stands")
	require.Equal(t, version, after.Version)
	now, err := models.One[models.Bulk](h.Store.Read(h.Ctx).Where("id = ?", b.ID), "bulk")
	require.NoError(t, err)
	require.EqualValues(t, 1, now.Done)

	b, err = in.StartBulk(h.Ctx, intake.NewBulk{ID: models.NewID(), By: by, Action: models.BulkInvoiced, IDs: []string{h.Order.ID, h.Order.ID}, Parameters: models.BulkParameters{Invoiced: new(bool)}})
	require.NoError(t, err)
	require.EqualValues(t, 1, b.Total, "an order is named once")
	row = rowsOf(t, h, b)[0]
	_, err = bulks.Do(h.Ctx, b, row)
	require.NoError(t, err)
	require.Equal(t, models.RowUnchanged, row.Result, "it had no mark")
}

// Whichever edge changes a field, the office finds what stood there before, and nobody else anything of it.
func TestWhatAFieldWasIsKeptForTheOffice(t *testing.T) {
	h := house.New(t)
	in, by := intakeOf(h), office(t, h)
	o, _ := seen(t, h, "W-2")
	edit := func(change intake.Change[models.WorkOrderFields], tasks ...intake.TaskEdit) {
		_, err := in.EditOrder(h.Ctx, intake.OrderEdit{ID: o.ID, By: by, Fields: change, Tasks: tasks})
		require.NoError(t, err)
	}
	edit(func(f *models.WorkOrderFields) error { f.WorkOrderInfo = "Lockbox 1234"; return nil })
	said := models.Incoming{Number: o.WorkOrderNumber}
	said.Say(models.FieldNamed("work_order_info"), "Lockbox 9876")
	_, err := in.Receive(h.Ctx, intake.Source{Account: h.Account, By: by, File: true}, []models.Incoming{said}, nil)
	require.NoError(t, err)
	invoiced := true
	_, err = in.EditOrder(h.Ctx, intake.OrderEdit{ID: o.ID, By: by, Invoiced: &invoiced})
	require.NoError(t, err)
	edit(nil, intake.TaskEdit{Change: func(f *models.TaskFields) error { f.Name = "Gate"; return nil }})
	tasks, err := models.TasksOf(h.Store.Read(h.Ctx), o.ID)
	require.NoError(t, err)
	gate := tasks[o.ID][1].ID
	edit(nil, intake.TaskEdit{ID: gate, Change: func(f *models.TaskFields) error { f.Instructions = "Twice"; return nil }})
	edit(nil, intake.TaskEdit{ID: gate, Remove: true})
	edit(func(f *models.WorkOrderFields) error { f.WorkOrderInfo = "Lockbox 9876"; return nil }) // as it is

	var changes []models.FieldChange
	require.NoError(t, h.Store.Read(h.Ctx).Where("work_order_id = ?", o.ID).Order("id").Find(&changes).Error)
	var fields []string
	for _, c := range changes {
		require.Equal(t, by.Username, c.Actor)
		fields = append(fields, c.Field)
	}
	require.Equal(t, []string{"work_order_info", "work_order_info", "invoiced", "tasks", "tasks", "tasks"}, fields)
	require.Equal(t, []string{`"Lockbox 1234"`, `"Lockbox 9876"`}, []string{changes[1].Was, changes[1].Became})
	require.Equal(t, []string{"false", "true"}, []string{changes[2].Was, changes[2].Became})
	require.Equal(t, "null", changes[3].Was)
	require.Contains(t, changes[3].Became, `"Gate"`)
	require.Contains(t, changes[4].Was, `"instructions":""`)
	require.Contains(t, changes[4].Became, "Twice")
	require.Contains(t, changes[5].Was, "Twice")
	require.Equal(t, "null", changes[5].Became)

	var events []models.HistoryEvent
	require.NoError(t, h.Store.Read(h.Ctx).Where("work_order_id = ?", o.ID).Find(&events).Error)
	text, err := json.Marshal(events)
	require.NoError(t, err)
	require.NotContains(t, string(text), "Lockbox")
	require.True(t, slices.ContainsFunc(events, func(e models.HistoryEvent) bool { return slices.Equal(e.Details.Fields, []string{"invoiced"}) }))
}
