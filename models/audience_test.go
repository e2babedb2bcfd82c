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
	hidden := map[models.Audience][]string{
		models.ForOffice: nil,
		models.ForField:  {"description", "reference"},
		models.ForClient: {"description", "instructions", "options", "publish_to", "qa_policy", "reference", "work_order_info"},
	}
	for audience, least := range hidden {
		seen := view.For(audience)
		var empty []string
		for _, f := range models.Fields {
			if f.Kept() {
				require.Equal(t, f.SeenBy(audience), f.Text(&seen.WorkOrderFields) != "", "%s for %s", f.Name, audience)
				if !f.SeenBy(audience) {
					empty = append(empty, f.Name)
				}
			}
		}
		require.Subset(t, empty, least, audience)
		seen.WorkOrderFields = view.WorkOrderFields
		require.Equal(t, map[models.Audience][]string{models.ForField: {"KeyPhotos", "Share"},
			models.ForClient: {"AssignedName", "AssignedToAll", "Assignee", "AssigneeName", "Awaited", "ClientName", "HasNewItems", "IntegrationID", "Invoiced", "KeyPhotos", "Policy", "Progress", "Share"}}[audience], cleared(reflect.ValueOf(seen)), audience)
	}
	require.Equal(t, []string{"Instructions", "Options"}, cleared(reflect.ValueOf(view.For(models.ForClient).Tasks[0])))
	require.NotEmpty(t, view.Tasks[0].Instructions, "the view itself stays as it was")
	// What is new beside the fields stands here, and above unless a client may see it.
	beside := models.WorkOrderView{WorkOrderFields: view.WorkOrderFields}
	require.ElementsMatch(t, []string{"AssignedName", "AssignedToAll", "Assignee", "AssigneeName", "Awaited", "ClientName", "CompletedAt", "CreatedAt", "FieldStatus", "HasNewItems", "ID", "IntegrationID", "Invoiced", "ItemCounts", "KeyPhotos", "Policy", "Progress", "PropertyID", "PublishedAt", "Share", "State",
		"Tasks", "UpdatedAt", "Version", "WorkType"}, cleared(reflect.ValueOf(beside)))
}
