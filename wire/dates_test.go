package wire_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fieldproof/wire"
)

func TestAnInstantThatCannotBeKeptIsNone(t *testing.T) {
	require.NotNil(t, wire.ParseInstant("9999-12-31T23:59:59Z", time.UTC))
	require.Nil(t, wire.ParseInstant("9999-12-31T23:59:59-23:59", time.UTC), "in UTC the year has five digits")
}
