//go:build soak

package tests

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/tests/rig"
)

// TestClocksAnHourApartChangeNothing links accounts of two installations of which one's clock is an hour behind, either way
// round. The first time it builds everything again: every package knows package time.
func TestClocksAnHourApartChangeNothing(t *testing.T) {
	t.Parallel()
	const apart = -time.Hour
	binary := must(t, func() (string, error) { return rig.BuildApart(t.TempDir(), apart) })
	late := must(t, func() (*rig.Installation, error) { return rig.Dev(binary, filepath.Join(t.TempDir(), "late")) })
	t.Cleanup(late.Stop)
	here := shape(t, shapeNames()[0])
	for _, way := range []struct {
		name           string
		office, vendor *rig.Installation
	}{{"of the vendor", here, late}, {"of the delegator", late, here}} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			office, vendor := rig.SignUp(t, way.office.URL), rig.SignUp(t, way.vendor.URL)
			began := office.Order(nil)
			clock := vendor
			if way.office == late {
				clock = office
			}
			made, err := time.Parse(time.RFC3339Nano, clock.Order(nil).Text("created_at"))
			require.NoError(t, err)
			require.InDelta(t, apart.Seconds(), time.Until(made).Seconds(), 60, "its clock is an hour behind")
			l := exercise(t, office, vendor, way.office.URL)
			shown := l.resync()
			require.Nil(t, shown.Get("mended"), "nothing differs")
			for _, u := range []*rig.User{office, vendor} {
				require.Empty(t, u.Want(200, "GET", "/alerts", nil).List("items"))
			}
			require.Equal(t, "created", office.Want(200, "GET", "/work-orders/"+began.Text("id"), nil).Text("state"))
		})
	}
}
