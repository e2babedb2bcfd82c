package models_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/tests/house"
)

func TestFieldsDocument(t *testing.T) {
	const file, begin, end = "../docs/integrating.md", "<!-- fields -->\n", "<!-- /fields -->\n"
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	require.True(t, found, "%s lacks the mark %s", file, begin)
	have, after, found := strings.Cut(rest, end)
	require.True(t, found, "%s lacks the mark %s", file, end)
	if *write {
		have = models.FieldsDocument()
		require.NoError(t, os.WriteFile(file, []byte(before+begin+have+end+after), 0o644))
	}
	require.Equal(t, models.FieldsDocument(), have, "run `make docs`")
}

// members are the members of a struct and of the structs in it, by their names in JSON.
func members(t reflect.Type, prefix string) map[string]reflect.Type {
	all := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() != reflect.Struct {
			all[prefix+name] = f.Type
			continue
		}
		for inner, kind := range members(f.Type, prefix+name+".") {
			all[inner] = kind
		}
	}
	return all
}

// TestNothingOfAFieldIsForgotten names what is missing of a field: its row, its member, or something in its row.
func TestNothingOfAFieldIsForgotten(t *testing.T) {
	order, workType := members(reflect.TypeFor[models.WorkOrderFields](), ""), members(reflect.TypeFor[models.WorkTypeFields](), "")
	for name := range order {
		assert.NotNil(t, models.FieldNamed(name), "%s of WorkOrderFields has no row in Fields: say who writes it, who sees it, and where it goes", name)
	}
	for name := range workType {
		if !slices.Contains([]string{"name", "default", "due_in_days", "matches"}, name) {
			f := models.FieldNamed(name)
			assert.True(t, f != nil && f.Rule != models.Left, "%s of WorkTypeFields: no row of Fields says what a work type does with it", name)
		}
	}
	kinds := map[models.FieldKind][]string{
		models.Code: {"string"}, models.Text: {"string", "*string"}, models.RichText: {"string"}, models.Choice: {"string", "*string", "*models.QAPolicy"},
		models.ZipCode: {"string"},
		models.Day:     {"*models.Date"}, models.TimeOfDay: {"*string"}, models.Coordinate: {"*float64"}, models.Object: {"map[string]interface {}"},
		models.Texts:   {"map[string]string"},
		models.OneText: nil, models.Beside: nil,
	}
	headers, columns := map[string]string{}, map[string]bool{}
	for _, f := range models.Fields {
		member, is := order[f.Name]
		types, known := kinds[f.Kind]
		assert.True(t, known, "%s: %q is no kind of field", f.Name, f.Kind)
		assert.Equal(t, is, types != nil, "%s: WorkOrderFields has no such member, or its kind is none of a member", f.Name)
		if is {
			assert.Contains(t, types, member.String(), "%s: a %s has another type", f.Name, f.Kind)
		}
		assert.NotEmpty(t, f.Wire, "%s: its name on the wire, or Nowhere", f.Name)
		assert.NotEmpty(t, f.Column, "%s: its column in exports, or Nowhere", f.Name)
		assert.False(t, f.Column != models.Nowhere && columns[f.Column], "%s: another field has the column %s", f.Name, f.Column)
		columns[f.Column] = true
		assert.Contains(t, []models.Sending{models.NotSent, models.SentAlways, models.SentIfAny}, f.Sent, "%s: whether it is sent", f.Name)
		assert.Contains(t, []models.Owner{models.OfNobody, models.OfAnyone, models.OfIntegration, models.Shared, models.OfPhone}, f.Owner,
			"%s: who writes it", f.Name)
		assert.Contains(t, []models.Audience{models.ForOffice, models.ForField, models.ForClient}, f.Seen, "%s: who sees it", f.Name)
		assert.Contains(t, []models.WorkTypeRule{models.Left, models.Filled, models.Replaced, models.Merged, models.Added}, f.Rule,
			"%s: what a work type does with it", f.Name)
		_, set := workType[f.Name]
		assert.Equal(t, f.Rule != models.Left && f.Name != "due_date", set, "%s: its rule and WorkTypeFields disagree", f.Name)
		if f.Sent != models.NotSent {
			assert.NotEmpty(t, f.WireName(), "%s: it is sent without a name", f.Name)
			assert.True(t, f.SeenBy(models.ForField), "%s: peers are of the field, which may not see it", f.Name)
		}
		if f.Kind == models.TimeOfDay {
			of := models.FieldNamed(f.Of)
			assert.True(t, of != nil && of.Kind == models.Day && of.Owner == f.Owner && of.Seen == f.Seen,
				"%s: the day that it belongs to, of the same owner and audience", f.Name)
		}
		for _, h := range f.EveryHeader() {
			assert.Equal(t, models.PlainHeader(h), h, "%s: a header in letters and digits", f.Name)
			assert.Empty(t, headers[h], "%s: the header %s means two fields", f.Name, h)
			headers[h] = f.Name
		}
	}
}

// TestAWorkTypeDoesWithAFieldWhatItsRowSays fills an order that says nothing, and one that says everything.
func TestAWorkTypeDoesWithAFieldWhatItsRowSays(t *testing.T) {
	var w models.WorkType
	filled(reflect.ValueOf(&w).Elem())
	for _, said := range []bool{false, true} {
		var o, before models.WorkOrderFields
		if said {
			filled(reflect.ValueOf(&o).Elem())
			filled(reflect.ValueOf(&before).Elem())
			setTexts(reflect.ValueOf(&o).Elem(), "said")
			setTexts(reflect.ValueOf(&before).Elem(), "said")
		}
		w.Fill(&o, nil, "", "2026-05-04")
		for _, f := range models.Fields {
			if !f.Kept() {
				continue
			}
			changes := f.Rule == models.Replaced || f.Rule == models.Merged || (f.Rule == models.Filled && !said)
			require.Equal(t, changes, f.Differs(&before, &o), "%s, said: %v", f.Name, said)
		}
	}
}

// setTexts writes every text of a value anew.
func setTexts(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Pointer:
		setTexts(v.Elem(), text)
	case reflect.Map:
		v.SetMapIndex(reflect.ValueOf("x"), reflect.ValueOf(text))
	case reflect.Struct:
		for i := range v.NumField() {
			setTexts(v.Field(i), text)
		}
	}
}

// TestASourceWritesOnlyWhatItMay lets a source write all that it may by one right at a time.
func TestASourceWritesOnlyWhatItMay(t *testing.T) {
	in := house.Everything()
	for _, owner := range []models.Owner{models.OfAnyone, models.OfIntegration, models.Shared} {
		var o, empty models.WorkOrderFields
		changed := o.Take(in, owner)
		for _, f := range models.Fields {
			if f.Kept() {
				require.Equal(t, f.Owner == owner, f.Differs(&empty, &o), "%s, as %s", f.Name, owner)
				require.Equal(t, f.Owner == owner, slices.Contains(changed, f.Name), "%s, as %s", f.Name, owner)
			}
		}
		require.Empty(t, o.Take(in, owner), "a repeat changes nothing")
	}
}
