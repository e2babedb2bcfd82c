package rig

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	"github.com/pb33f/libopenapi-validator/content"
	validation "github.com/pb33f/libopenapi-validator/errors"
)

// contract is the OpenAPI document that the product itself serves, held against everything that tests exchange with it.
type contract struct {
	mu        sync.Mutex
	validator validator.Validator
	broken    []string // outside of any test
}

var agreed contract

// HoldToContract has every exchange of [Client], and of clients that use Go's usual transport, checked: requests that are
// taken and all answers must be as the document says. Answers are closed here, so a member that it does not know is wrong.
func HoldToContract() {
	usual := http.DefaultTransport
	http.DefaultTransport = &checked{usual}
	Client.Transport = &checked{Client.Transport}
}

// ContractBroken lists what was wrong with exchanges that belong to no test.
func ContractBroken() []string {
	agreed.mu.Lock()
	defer agreed.mu.Unlock()
	return slices.Clone(agreed.broken)
}

type testKey struct{}

// during says to which test a request belongs.
func during(t testing.TB) context.Context {
	return context.WithValue(context.Background(), testKey{}, t)
}

// checked is a transport that holds what passes to the contract.
type checked struct{ http.RoundTripper }

// documented are the beginnings of addresses that the document describes.
var documented = []string{"/api/v1/", "/push/", "/integration/v2/", "/s/", "/verify/", "/V/", "/readyz", "/healthz"}

// checkedAtMost is the largest body that is looked into.
const checkedAtMost = 32 << 20

func (c *checked) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.RoundTripper.RoundTrip(r)
	if err != nil || !slices.ContainsFunc(documented, func(p string) bool { return strings.HasPrefix(r.URL.Path, p) }) {
		return response, err
	}
	document := agreed.document(c.RoundTripper, r)
	if document == nil {
		return response, nil
	}
	for _, wrong := range check(document, r, response) {
		agreed.breaks(r, fmt.Sprintf("%s %s, answered %d: %s", r.Method, r.URL.Path, response.StatusCode, wrong))
	}
	return response, nil
}

func (c *contract) breaks(r *http.Request, what string) {
	if t, there := r.Context().Value(testKey{}).(testing.TB); there {
		t.Errorf("against the OpenAPI document: %s", what)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, what)
}

// document reads the document of whoever answered, once for all: every installation of a run is the same product.
func (c *contract) document(transport http.RoundTripper, r *http.Request) validator.Validator {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.validator != nil {
		return c.validator
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL.Scheme+"://"+r.URL.Host+"/api/openapi.json", nil)
	if err != nil {
		return nil
	}
	answer, err := transport.RoundTrip(ask)
	if err != nil {
		return nil // another exchange asks again
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return nil
	}
	if c.validator, err = validatorOf(text); err != nil {
		c.broken = append(c.broken, "the OpenAPI document can't be read: "+err.Error())
		return nil
	}
	return c.validator
}

// validatorOf makes a validator of a document in which every shape is closed and every status must be named.
func validatorOf(text []byte) (validator.Validator, error) {
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	closed(document)
	text, err := json.Marshal(document)
	if err != nil {
		return nil, err
	}
	read, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, err
	}
	model, err := read.BuildV3Model()
	if err != nil {
		return nil, err
	}
	return validator.NewValidatorFromV3Model(&model.Model, config.WithoutSecurityValidation(), config.WithFormatAssertions(), config.WithRejectUndeclaredRequestBody(),
		config.WithBodyDecoder("multipart/form-data", formDecoder{})), nil
}

// closed closes objects that name their members and leave open whether there are more, and takes away what stands for
// statuses that are not named.
func closed(v any) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			closed(e)
		}
	case map[string]any:
		if _, object := v["properties"].(map[string]any); object && v["type"] != nil {
			if _, said := v["additionalProperties"]; !said {
				v["additionalProperties"] = false
			}
		}
		if responses, there := v["responses"].(map[string]any); there {
			delete(responses, "default")
		}
		for _, member := range v {
			closed(member)
		}
	}
}

// check lists what is wrong with an exchange.
func check(document validator.Validator, r *http.Request, response *http.Response) (wrong []string) {
	request, whole := again(r)
	if response.StatusCode < 300 && whole {
		_, errs := document.ValidateHttpRequestSync(request)
		wrong = append(wrong, words("the request", errs)...)
	}
	request, _ = again(r)
	seen := *response
	seen.Body = http.NoBody
	if kind := response.Header.Get("Content-Type"); strings.HasPrefix(kind, "application/json") || strings.HasPrefix(kind, "application/problem+json") {
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		if err != nil {
			return wrong // broken off: whoever asked sees it
		}
		if seen.Header, body, err = asWritten(response.Header, body); err != nil {
			return append(wrong, "the answer: "+err.Error())
		}
		seen.Body = io.NopCloser(bytes.NewReader(body))
	} else if response.StatusCode == http.StatusOK && !strings.HasPrefix(kind, "application/") { // bytes are not looked into
		return wrong
	}
	_, errs := document.ValidateHttpResponse(request, &seen)
	if len(errs) > 0 && errs[0].ValidationType == "path" {
		if response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusMethodNotAllowed {
			return nil
		}
		return []string{"the document does not know this address"}
	}
	return append(wrong, words("the answer", errs)...)
}

// asWritten is an answer before it was compressed for who asked for that, as what passes through a peer in between is.
func asWritten(head http.Header, body []byte) (http.Header, []byte, error) {
	if head.Get("Content-Encoding") != "gzip" {
		return head, body, nil
	}
	packed, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return head, nil, err
	}
	head = head.Clone()
	head.Del("Content-Encoding")
	body, err = io.ReadAll(io.LimitReader(packed, checkedAtMost))
	return head, body, err
}

// failing ends a body as the real one ended.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// again is the request with a body that can be read once more; not whole when it can't.
func again(r *http.Request) (request *http.Request, whole bool) {
	request = r.Clone(context.Background())
	request.Body = http.NoBody
	if r.Body == nil || r.Body == http.NoBody {
		return request, true
	}
	if r.GetBody == nil || r.ContentLength > checkedAtMost {
		return request, false
	}
	body, err := r.GetBody()
	if err != nil {
		return request, false
	}
	request.Body = body
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return request, true
	}
	text, err := io.ReadAll(body)
	_ = body.Close()
	if err != nil {
		return request, false
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // taken, and no JSON
	request.Body = io.NopCloser(bytes.NewReader(text))
	if r.Method == http.MethodPost && string(bytes.TrimSpace(text)) == "{}" { // says as much as no body
		request.Body, request.ContentLength = http.NoBody, 0
		request.Header.Del("Content-Type")
	}
	return request, json.Valid(text) || !refusesWith200(r)
}

// refusesWith200 tells whether the address belongs to the external-integration API, whose refusals are told by the body.
func refusesWith200(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/integration/v2/") }

func words(what string, errs []*validation.ValidationError) (all []string) {
	for _, e := range errs {
		text := what + ": " + e.Message + ": " + e.Reason
		for _, f := range e.SchemaValidationErrors {
			text += "; " + f.FieldPath + " " + f.Reason
		}
		all = append(all, text)
	}
	return all
}

// formDecoder reads a form as the object that its schema describes: files as empty texts, numbers and truths as such.
type formDecoder struct{}

// Decode reads a form.
func (formDecoder) Decode(in *content.DecodeInput) (any, error) {
	parts := multipart.NewReader(in.Body, in.Parameters["boundary"])
	form := map[string]any{}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, err
		}
		if part.FileName() != "" {
			form[part.FormName()] = ""
			continue
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		form[part.FormName()] = string(text)
		if in.Schema == nil || in.Schema.Properties == nil {
			continue
		}
		property, there := in.Schema.Properties.Get(part.FormName())
		if !there {
			continue
		}
		kinds := property.Schema().Type
		if n, err := strconv.ParseFloat(string(text), 64); err == nil && slices.Contains(kinds, "number") {
			form[part.FormName()] = n
		}
		if b, err := strconv.ParseBool(string(text)); err == nil && slices.Contains(kinds, "boolean") {
			form[part.FormName()] = b
		}
	}
}
