package models_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

// filled sets everything that a value holds to something that is not nothing.
func filled(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		filled(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		filled(value)
		v.SetMapIndex(reflect.ValueOf("x"), value)
	case reflect.Interface:
		v.Set(reflect.ValueOf("x"))
	case reflect.Struct:
		if at, is := v.Addr().Interface().(*models.Time); is {
			*at = models.Now()
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				filled(v.Field(i))
			}
		}
	}
}

// cleared are the fields, by their names, that hold nothing.
func cleared(v reflect.Value) []string {
	var names []string
	for i := range v.NumField() {
		switch f := v.Type().Field(i); {
		case f.Anonymous:
			names = append(names, cleared(v.Field(i))...)
		case v.Field(i).IsZero():
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	return names
}

// TestWhatAnAudienceMayNotSeeIsNotThere holds what is taken out of an order, a new field included, to a table.
func TestWhatAnAudienceMayNotSeeIsNotThere(t *testing.T) {
	var view models.WorkOrderView
	filled(reflect.ValueOf(&view).Elem())
	for audience, want := range map[models.Audience][]string{
		models.ForOffice: nil,
		models.ForField:  {"Description", "Reference"},
		models.ForClient: {"AssignedName", "Assignee", "Description", "Instructions", "Options", "Reference", "WorkOrderInfo"},
	} {
		require.Equal(t, want, cleared(reflect.ValueOf(view.For(audience))), audience)
	}
	require.Equal(t, []string{"Instructions", "Options"}, cleared(reflect.ValueOf(view.For(models.ForClient).Tasks[0])))
	require.NotEmpty(t, view.Tasks[0].Instructions, "the view itself stays as it was")
	// A new field stands here, and above unless a client may see it.
	require.ElementsMatch(t, []string{"Address", "AssignedName", "AssignedToAll", "Assignee", "Attributes", "ClientCode", "ClientDueDate", "ClientDueTime", "ClientInstructions", "ClientStatus",
		"CreatedAt", "Description", "DueDate", "DueTime", "FieldStatus", "HasNewItems", "ID", "Instructions", "IntegrationID", "Invoiced", "ItemCounts", "Latitude", "Longitude", "Options", "Priority",
		"PropertyID", "PublishTo", "QAPolicy", "Reference", "Source", "StartDate", "State", "Tasks", "UpdatedAt", "Version", "WorkOrderInfo", "WorkOrderNumber", "WorkType"},
		cleared(reflect.ValueOf(models.WorkOrderView{})))
}
