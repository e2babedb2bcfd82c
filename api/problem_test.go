package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhoLeavesBeforeTheAnswerMakesNoFaultOfOurs(t *testing.T) {
	var text bytes.Buffer
	s := &Server{Log: slog.New(slog.NewTextHandler(&text, nil))}
	left, leave := context.WithCancel(t.Context())
	leave()
	s.fault(left, "a call failed", "error", errors.New("models: read an account: context canceled"))
	require.NotContains(t, text.String(), "level=ERROR")
	s.fault(t.Context(), "a call failed", "error", errors.New("no such table"))
	require.Contains(t, text.String(), `level=ERROR msg="a call failed" error="no such table"`)
}
