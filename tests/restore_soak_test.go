//go:build soak

package tests

import "fieldproof/tests/rig"

func init() {
	all := []rig.Restored{rig.WithTemporal, rig.WithoutTemporal, rig.TemporalLost}
	restores = map[string][]rig.Restored{"sqlite": all, "postgres": all}
}
