package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"fieldproof/models"
)

// TestAnAnswerThatCantBeKeptLeavesNothingOfItself has a database refuse to keep what was to be answered: what is answered
// instead is a problem, with no header of the other.
func TestAnAnswerThatCantBeKeptLeavesNothingOfItself(t *testing.T) {
	store, err := models.Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "empty.db")) // without a table
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	sealer, err := models.NewSealer(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)))
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	g, _ := gin.CreateTestContext(answer)
	g.Request = httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	g.Header("X-Content-Type-Options", "nosniff")
	made := define(http.MethodPost, "/", anybody, http.StatusCreated, "", func(c *call, _ nothing) (AccountRef, error) {
		c.Header("ETag", `"1"`)
		c.Header("Location", "/api/v1/accounts/1")
		return AccountRef{ID: "1"}, nil
	})
	c := &call{Context: g, server: &Server{Store: store, Sealer: sealer, Log: slog.New(slog.DiscardHandler)}, route: &made, repeatable: "key"}
	c.runAndKeep()
	head := answer.Result().Header
	require.Equal(t, []string{"application/problem+json", "", "", "nosniff"}, []string{head.Get("Content-Type"), head.Get("ETag"), head.Get("Location"), head.Get("X-Content-Type-Options")})
	require.Equal(t, http.StatusInternalServerError, answer.Code)
}

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
