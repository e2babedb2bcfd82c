package models_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

func TestWhatParsesWaitsForTheMemoryOfTheProcess(t *testing.T) {
	all, err := models.TakeMemory(t.Context(), models.MemoryBudget)
	require.NoError(t, err)
	none, err := models.TakeMemory(t.Context(), 64<<10)
	require.NoError(t, err, "a request of some KB waits for nobody")
	none()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = models.TakeMemory(ctx, 2<<20)
	require.Equal(t, models.Unavailable, models.KindOf(err))
	came := make(chan func())
	go func() {
		release, err := models.TakeMemory(context.Background(), 2<<20)
		if err != nil {
			release = nil
		}
		came <- release
	}()
	all()
	release := <-came
	require.NotNil(t, release, "who waits comes in when there is room")
	release()
	all, err = models.TakeMemory(t.Context(), 100*models.MemoryBudget)
	require.NoError(t, err, "more than there is waits for all of it")
	all()
}
