package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"fieldproof/models"
)

// maxBody is the largest JSON body that is read, in bytes.
const maxBody = 2 << 20

// readBody reads a JSON body once, bounded.
func readBody(r *http.Request) ([]byte, error) {
	if t := r.Header.Get("Content-Type"); t != "" && !strings.HasPrefix(t, "application/json") && !strings.HasPrefix(t, "application/merge-patch+json") {
		return nil, models.Errorf(models.Unsupported, "Send JSON, with the header Content-Type: application/json.")
	}
	var from io.Reader = r.Body
	switch packed := r.Header.Get("Content-Encoding"); packed {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, &models.Error{Kind: models.Malformed, Message: "The body is not gzip, as its Content-Encoding says.", Cause: err}
		}
		from = unpacked
	default:
		return nil, models.Errorf(models.Unsupported, "Send the body as it is, or with Content-Encoding: gzip.")
	}
	body, err := io.ReadAll(io.LimitReader(from, maxBody+1))
	if large := tooLarge(err); large != nil {
		return nil, large
	}
	if models.KindOf(err) == models.Unavailable {
		return nil, err
	}
	if err != nil {
		return nil, &models.Error{Kind: models.Malformed, Message: "The request broke off before it was whole: send it again.", Cause: err}
	}
	if len(body) > maxBody {
		return nil, models.Errorf(models.TooLarge, "The request is larger than %d MB, the most that is taken.", maxBody>>20)
	}
	models.MendJSON(body)
	if bytes.Contains(body, []byte(`\u0000`)) {
		return nil, models.InvalidField("", "A text holds the character NUL, which can't be kept: leave it out.")
	}
	return body, models.CheckJSON(body)
}

var (
	unknownField = regexp.MustCompile(`^json: unknown field "(.*)"$`)
	tooDeep      = "exceeded max depth"
)

// decode reads JSON strictly into v: unknown fields and anything after the value are refused. An empty body is {}.
func decode(body []byte, v any) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			return models.Errorf(models.Malformed, "The body has something after its JSON value.")
		}
		return nil
	}
	var wrongType *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrongType):
		return models.InvalidField(wrongType.Field, "Want %s, not a JSON %s.", kindName(wrongType.Type.String()), wrongType.Value).Coded(models.CodeWrongType)
	case errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), strings.Contains(err.Error(), tooDeep):
		return &models.Error{Kind: models.Malformed, Message: "The body is not JSON: " + err.Error() + "."}
	}
	if m := unknownField.FindStringSubmatch(err.Error()); m != nil {
		return models.InvalidField(m[1], "There is no such field here: leave it out, or look at its name in /api/docs.").Coded(models.CodeUnknown)
	}
	return models.InvalidField(fieldOf(body, err.Error()), "%s", err.Error())
}

func kindName(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "map"), strings.Contains(goType, "."):
		return "an object"
	case strings.Contains(goType, "int"), strings.Contains(goType, "float"):
		return "a number"
	case goType == "bool":
		return "true or false"
	}
	return "a text"
}

// fieldOf finds the field whose text a decoding error quotes.
func fieldOf(body []byte, message string) string {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	var find func(path string, v any) string
	find = func(path string, v any) string {
		switch v := v.(type) {
		case string:
			if strings.HasPrefix(message, fmt.Sprintf("%q", v)) {
				return path
			}
		case map[string]any:
			for key, member := range v {
				if found := find(strings.TrimPrefix(path+"."+key, "."), member); found != "" {
					return found
				}
			}
		case []any:
			for i, element := range v {
				if found := find(fmt.Sprintf("%s[%d]", path, i), element); found != "" {
					return found
				}
			}
		}
		return ""
	}
	return find("", v)
}

// members returns the top-level members of a JSON object, sorted.
func members(body []byte) ([]string, error) {
	var object map[string]json.RawMessage
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(body, &object); err != nil {
		return nil, &models.Error{Kind: models.Malformed, Message: "The body is not a JSON object: " + err.Error() + "."}
	}
	var names []string
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}
