package models_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

// TestEveryKindOfDestinationIsWhole names what was forgotten of a kind or a setting.
func TestEveryKindOfDestinationIsWhole(t *testing.T) {
	settings := reflect.TypeOf(models.DestinationSettings{})
	known := []string{"place", "remote", "cloud"}
	for _, kind := range models.DestinationKinds {
		known = append(known, string(kind))
	}
	require.Len(t, known, len(models.DestinationKinds)+3)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(known))), len(known), "a kind stands in the table once")
	for i := range settings.NumField() {
		f := settings.Field(i)
		of := strings.Fields(f.Tag.Get("of"))
		require.NotEmpty(t, of, "%s: say which kinds have it", f.Name)
		for _, name := range of {
			require.Contains(t, known, name, f.Name)
		}
	}
	for _, kind := range models.DestinationKinds {
		p := kind.Policy()
		require.NotEmpty(t, p.Rests, kind)
		require.Positive(t, p.Lasts, "%s is tried for some time", kind)
		d := models.Destination{Name: "d", Kind: kind}
		require.NotNil(t, d.View(models.DestinationSecrets{}, "").Settings, "%s has a view", kind)
		require.Equal(t, slices.Contains(models.QueuedKinds, kind), d.Queued())
		if d.Queued() {
			require.NotEmpty(t, p.Probes, "%s: what sends many messages to one system lets it rest", kind)
			require.False(t, d.TakesReport(), kind)
		}

		// Settings that the kind has are taken or judged; others are refused by name.
		for i := range settings.NumField() {
			f := settings.Field(i)
			set := models.Destination{Name: "d", Kind: kind}
			field := reflect.ValueOf(&set.Settings).Elem().Field(i)
			switch field.Kind() {
			case reflect.String:
				field.SetString("x")
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Slice:
				field.Set(reflect.MakeSlice(f.Type, 1, 1))
			case reflect.Map:
				field.Set(reflect.ValueOf(map[string]string{"x": "y"}))
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			err := fmt.Sprint(set.Check())
			refused := strings.Contains(err, "settings."+name+": A destination of kind "+string(kind)+" has no such setting")
			require.Equal(t, !kind.Has(f.Tag.Get("of")), refused, "%s %s: %s", kind, name, err)
		}
	}
	require.Error(t, (&models.Destination{Name: "d", Kind: "pigeon"}).Check())
	require.Nil(t, (&models.Destination{Kind: "pigeon"}).View(models.DestinationSecrets{}, "").Settings)
}

func TestNoViewOfADestinationShowsASecret(t *testing.T) {
	secrets := models.DestinationSecrets{Signing: "hidden", OldSigning: "hidden", Authorization: "hidden", Options: map[string]string{"pass": "hidden", "token": "hidden"}, Password: "hidden", Token: "hidden"}
	for _, kind := range models.DestinationKinds {
		text, err := json.Marshal((&models.Destination{Kind: kind}).View(secrets, ""))
		require.NoError(t, err)
		require.NotContains(t, string(text), "hidden", kind)
	}
}
