package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"go.temporal.io/api/serviceerror"

	"fieldproof/models"
	"fieldproof/storage"
	"fieldproof/wording"
)

// Problem is the body of every refusal (RFC 9457).
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	// Code is a stable word for programs: a kind of [models.Kind], or one of its own such as incomplete or number_taken.
	Code   string              `json:"code"`
	Errors []models.FieldError `json:"errors,omitempty"`
	// State and Allowed are there when a transition was illegal.
	State   models.State   `json:"state,omitempty"`
	Allowed []models.Event `json:"allowed,omitempty"`
}

var statusOf = map[models.Kind]int{
	models.Invalid: 422, models.NotFound: 404, models.Forbidden: 403, models.Unauthorized: 401, models.Conflict: 409, models.Stale: 412,
	models.Malformed: 400, models.TooLarge: 413, models.Unsupported: 415, models.TooMany: 429, models.Unavailable: 503, models.NoRoom: 507, models.Gone: 410, models.Overtaken: 409,
}

func titleOf(kind models.Kind) string { return english.Say("problem_" + string(kind)) }

// english is who reads the answers of the API.
var english = wording.In("en", "US", time.UTC)

// retryAfter is what a client waits after an answer that did not come in time, in seconds.
const retryAfter = 2

// problemOf makes the problem of any error. What has no kind is ours to mend: the person is told no more than that.
func problemOf(err error) Problem {
	var known *models.Error
	if errors.As(err, &known) {
		return Problem{Type: "urn:fieldproof:problem:" + string(known.Kind), Title: titleOf(known.Kind), Status: statusOf[known.Kind],
			Detail: known.Message, Code: known.Word(), Errors: known.CodedFields(), State: known.State, Allowed: known.Allowed}
	}
	var temporal serviceerror.ServiceError
	switch {
	case models.IsFull(err) || storage.IsFull(err):
		return problemOf(models.Errorf(models.NoRoom, "The server has no room left; nothing was taken. Send it again later."))
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
		return problemOf(models.Errorf(models.Unavailable, "The answer took too long. The request is safe to repeat with the same Idempotency-Key."))
	case models.IsAway(err) || storage.IsAway(err) || errors.As(err, &temporal):
		return problemOf(models.Errorf(models.Unavailable, "A part of the server does not answer now. The request is safe to repeat with the same Idempotency-Key."))
	}
	return Problem{Type: "urn:fieldproof:problem:internal", Title: "Something went wrong on our side", Status: http.StatusInternalServerError,
		Code: "internal", Detail: "The request could not be completed. The log of the server says why; try again, and tell the operator if it stays so."}
}

// fail answers with a problem.
func (c *call) fail(err error) {
	p := problemOf(err)
	if over := c.Request.Context().Err(); p.Status == http.StatusInternalServerError && over != nil {
		// Whatever it says of it: a transaction that is rolled back because its time is over has ended already, say.
		p = problemOf(over)
	}
	switch {
	case p.Status == http.StatusServiceUnavailable || p.Status == http.StatusInsufficientStorage:
		c.server.Log.Warn("a request can't be answered now", "method", c.Request.Method, "route", c.FullPath(), "error", err)
	case p.Status >= 500:
		c.server.fault(c.Request.Context(), "a request failed", "method", c.Request.Method, "route", c.FullPath(), "error", err)
	}
	switch p.Status {
	case http.StatusServiceUnavailable, http.StatusInsufficientStorage:
		c.Header("Retry-After", strconv.Itoa(retryAfter))
	case http.StatusUnauthorized:
		c.Header("WWW-Authenticate", `Bearer realm="fieldproof"`)
	}
	body, _ := json.Marshal(p)
	c.Header("Content-Type", "application/problem+json") // whatever was begun before
	c.Data(p.Status, "application/problem+json", body)
	c.Abort()
}

// fault logs a failure of ours. Who left before the answer was there broke it off themselves: that is none.
func (s *Server) fault(ctx context.Context, message string, args ...any) {
	level := slog.LevelError
	if ctx.Err() != nil {
		level = slog.LevelInfo
	}
	s.Log.Log(context.WithoutCancel(ctx), level, message, args...)
}
