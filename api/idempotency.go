package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"fieldproof/models"
)

// answerOutcome is an answer as it is kept for a repeat.
type answerOutcome struct {
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
	// Audience is for whom it was made, "" of who has no session.
	Audience models.Audience `json:"audience,omitempty"`
}

// keptHeaders are those of an answer that a repeat shows again.
var keptHeaders = []string{"Content-Type", "ETag", "Location"}

const (
	holdKey      = 30 * time.Second // how long a request may be at work under a key
	awaitKey     = 8 * time.Second  // how long a repeat waits for the first
	keepsWithin  = 2 * time.Second  // how long keeping an outcome may take
	maxKeyLength = 255
)

// once answers a POST under an Idempotency-Key: the first request does the work and its outcome, refusals included, is
// stored before it is answered; a repeat with the same body gets it again.
func (c *call) once(key string) {
	if len(key) > maxKeyLength {
		c.fail(models.Errorf(models.Malformed, "An Idempotency-Key has at most %d characters.", maxKeyLength))
		return
	}
	sum := sha256.Sum256(c.body)
	hash := hex.EncodeToString(sum[:])
	// Strangers share no keys: without a session a key is known together with its body.
	who := "body " + hash
	if c.member != nil {
		who = c.member.ID
	}
	c.repeatable = models.DerivedID("idempotency key", who, c.Request.URL.Path, key)
	deadline := time.Now().Add(awaitKey)
	for {
		claimed, have, err := c.server.Store.ClaimKey(c.Request.Context(), c.repeatable, hash, holdKey)
		switch {
		case err != nil:
			c.fail(err)
			return
		case claimed:
			c.seed = have.Seed
			c.runAndKeep()
			return
		case have.RequestHash != hash:
			c.fail(&models.Error{Kind: models.Invalid, Code: models.CodeKeyReused, Message: "This Idempotency-Key was used with another body.",
				Fields: []models.FieldError{{Field: "Idempotency-Key", Message: "Give each request a key of its own, and repeat a request with the same body."}}})
			return
		case have.Status != 0:
			c.replay(have)
			return
		case time.Now().After(deadline):
			c.fail(models.Errorf(models.Unavailable, "The first request under this Idempotency-Key is still at work: repeat it in a moment."))
			return
		}
		select {
		case <-c.Request.Context().Done():
			c.fail(c.Request.Context().Err())
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (c *call) replay(have *models.IdempotencyKey) {
	var outcome answerOutcome
	if err := c.server.Sealer.Open("idempotency/"+have.ID, have.Outcome, &outcome); err != nil {
		c.fail(err)
		return
	}
	if err := c.stillSees(have.Status, &outcome); err != nil {
		c.fail(err)
		return
	}
	for name, value := range outcome.Header {
		c.Header(name, value)
	}
	c.Header("Idempotent-Replayed", "true")
	c.Status(int(have.Status))
	_, _ = c.Writer.Write(outcome.Body)
}

// stillSees is nil when who asks again may be given what was answered: as any read, an answer is there only for who may
// see its subject now, and holds only what is for them now.
func (c *call) stillSees(status int64, outcome *answerOutcome) error {
	if c.member == nil || status >= http.StatusMultipleChoices {
		return nil // refusals tell of nothing but the request
	}
	if p := c.route.access.privilege; p != "" {
		if err := c.may(p); err != nil {
			return err
		}
	}
	var subject struct {
		ID string `json:"id"`
	}
	switch c.route.out {
	case reflect.TypeFor[Order]():
		if err := json.Unmarshal(outcome.Body, &subject); err != nil {
			return err
		}
		o, err := c.orderOf(subject.ID)
		if err != nil || outcome.Audience == c.member.Audience() {
			return err
		}
		now, err := c.show(o)
		if err != nil {
			return err
		}
		outcome.Header["ETag"] = now.etag()
		outcome.Body, err = json.Marshal(now)
		return err
	case reflect.TypeFor[models.PhotoView](), reflect.TypeFor[models.CheckInView](), reflect.TypeFor[models.SurveyResponseView]():
		if err := json.Unmarshal(outcome.Body, &subject); err != nil {
			return err
		}
		return c.seesItem(subject.ID)
	case reflect.TypeFor[models.Comment]():
		return nil // their own words, also after the order was given to somebody else
	}
	if strings.HasPrefix(c.route.path, "/work-orders/:id/") {
		_, err := c.order()
		return err
	}
	return nil
}

// seesItem is nil when the member may see an item now, or handed it in: a phone that asks again hears that it is there,
// whatever became of its order.
func (c *call) seesItem(id string) error {
	db := c.server.Store.Read(c.ctx())
	item, err := models.One[models.Item](db.Where("id = ?", id), "item")
	if err != nil || item.UploadedBy == c.member.ID {
		return err
	}
	o, err := models.One[models.WorkOrder](db.Where("id = ?", item.WorkOrderID), "work order")
	if err == nil && !c.member.SeesItem(o, item) {
		err = models.Errorf(models.NotFound, "There is no such item.")
	}
	return err
}

// runAndKeep holds the answer back until it is stored.
func (c *call) runAndKeep() {
	real := c.Writer
	before := real.Header().Clone()
	held := &heldWriter{ResponseWriter: real, status: http.StatusOK}
	c.Writer = held
	c.run()
	c.Writer = real
	status := held.status
	// Kept whether or not whoever asked still waits, and told even when the database does not answer.
	ctx, cancel := context.WithTimeout(detached(c.Request.Context()), keepsWithin)
	defer cancel()
	switch {
	case c.member == nil && status >= http.StatusBadRequest && !c.seeded:
		// A stranger's refusal is found again by asking again, and nothing was made: anybody could fill the disk with such rows.
		if err := c.server.Store.ForgetKey(ctx, c.repeatable); err != nil {
			c.server.Log.Warn("an idempotency key was not forgotten", "error", err)
		}
	case !keeps(status):
		if err := c.server.Store.FreeKey(ctx, c.repeatable); err != nil {
			c.server.Log.Warn("an idempotency key was not freed", "error", err)
		}
	default:
		outcome := answerOutcome{Header: map[string]string{}, Body: held.body.Bytes()}
		if c.member != nil {
			outcome.Audience = c.member.Audience()
		}
		for _, name := range keptHeaders {
			if v := real.Header().Get(name); v != "" {
				outcome.Header[name] = v
			}
		}
		sealed, err := c.server.Sealer.Seal("idempotency/"+c.repeatable, outcome)
		if err == nil {
			err = c.server.Store.AnswerKey(ctx, c.repeatable, status, sealed)
		}
		if err != nil {
			// What is told now is another answer: it has no header of the one that could not be kept.
			clear(real.Header())
			maps.Copy(real.Header(), before)
			c.fail(err)
			return
		}
	}
	real.WriteHeader(status)
	_, _ = real.Write(held.body.Bytes())
}

// keeps tells whether an answer is an outcome: what may differ in a moment is not.
func keeps(status int) bool {
	return status < 500 && status != http.StatusTooManyRequests && status != http.StatusUnauthorized
}

// heldWriter keeps an answer instead of sending it.
type heldWriter struct {
	gin.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *heldWriter) WriteHeader(status int) { h.status = status }
func (h *heldWriter) WriteHeaderNow()        {}
func (h *heldWriter) Write(b []byte) (int, error) {
	return h.body.Write(b)
}
func (h *heldWriter) WriteString(s string) (int, error) { return h.body.WriteString(s) }
func (h *heldWriter) Status() int                       { return h.status }
func (h *heldWriter) Size() int                         { return h.body.Len() }
func (h *heldWriter) Written() bool                     { return false }
