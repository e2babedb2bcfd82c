package reports_test

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/reports"
)

// labels reads a picture as a browser does: all that its labels say, in sequence. It may hold no style in line, no script, no address.
func labels(t *testing.T, p *reports.Picture) (said []string) {
	for in := xml.NewDecoder(strings.NewReader("<svg>" + string(p.Drawn) + "</svg>")); ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			return said
		}
		require.NoError(t, err)
		switch at := token.(type) {
		case xml.StartElement:
			require.Contains(t, []string{"svg", "path", "rect", "text"}, at.Name.Local)
			for _, a := range at.Attr {
				require.NotContains(t, []string{"style", "href", "class", "id"}, a.Name.Local)
				require.NotContains(t, a.Value, "NaN")
				require.NotContains(t, a.Value, "Inf")
			}
		case xml.CharData:
			said = append(said, string(at))
		}
	}
}

func TestTheMapsOfAPageAreThoseOfTheReport(t *testing.T) {
	content, _ := sample(t, sampleAccount, sampleTaken(), func(name string, w, h int) []byte { return scene(t, name, w, h) })
	maps, err := content.Maps()
	require.NoError(t, err)
	require.NotNil(t, maps.Overview)
	overview, near, narrow := labels(t, maps.Overview), labels(t, maps.CloseUp), labels(t, maps.Narrow)
	require.Contains(t, overview, "250\u00a0m: the limit")
	require.Contains(t, overview, "6.4\u00a0km", "what lies far away is named at the edge")
	require.Contains(t, maps.Overview.Alt, "6.4\u00a0km")
	for _, panel := range [][]string{near, narrow} {
		require.Contains(t, panel, "N")
		require.NotContains(t, panel, "6.4\u00a0km")
		require.True(t, slices.ContainsFunc(panel, func(s string) bool { return strings.Contains(s, "1–3") }), "%v", panel)
	}
	require.Contains(t, maps.Words, "no position")
	require.Contains(t, maps.Words, "the small frame is the close-up")

	// Far apart, all lie on one map, which has the radius too.
	spread := sampleTaken()[:6]
	for n := range spread {
		spread[n].east = float64(n * 40)
	}
	content, _ = sample(t, sampleAccount, spread, func(name string, w, h int) []byte { return scene(t, name, w, h) })
	maps, err = content.Maps()
	require.NoError(t, err)
	require.Nil(t, maps.Overview)
	require.NotEmpty(t, labels(t, maps.CloseUp))
	require.Greater(t, maps.CloseUp.Width, 500.0)

	// One place needs no map, and a photo without a position was not taken there.
	one := sampleTaken()[:3]
	for n := range one {
		one[n].east, one[n].north, one[n].noPlace = 0, 0, n == 2
	}
	content, _ = sample(t, sampleAccount, one, func(name string, w, h int) []byte { return scene(t, name, w, h) })
	proof := content.Visits[0].Proof
	proof.Property, proof.Items = nil, slices.DeleteFunc(proof.Items, func(i *models.Item) bool { return i.Kind != models.Photo })
	maps, err = content.Maps()
	require.NoError(t, err)
	require.Nil(t, maps.CloseUp)
	require.Contains(t, maps.Words, "2 photos, taken at one place")
	require.Contains(t, maps.Words, "Photo 3")

	// Without a position there is no map, and that is said.
	nowhere := sampleTaken()[:2]
	for n := range nowhere {
		nowhere[n].noPlace = true
	}
	content, _ = sample(t, sampleAccount, nowhere, func(name string, w, h int) []byte { return scene(t, name, w, h) })
	maps, err = content.Maps()
	require.NoError(t, err)
	require.Equal(t, &reports.Maps{Words: "No photo carries a position."}, maps)
}
