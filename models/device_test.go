package models_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

func TestAPhoneCountsOnlyWhatTheOfficeCanBeTold(t *testing.T) {
	for n, right := range map[int64]bool{-1: false, 0: true, 1<<53 - 1: true, 1 << 53: false, math.MaxInt64: false} {
		var p models.Problems
		(&models.DeviceReport{Waiting: models.DeviceWaiting{Photos: n}}).Check(&p)
		require.Equal(t, right, p.Err() == nil, n)
	}
}
