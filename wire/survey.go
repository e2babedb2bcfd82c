package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"fieldproof/models"
)

// InlineSurvey reads a survey that comes in line: an object, or JSON text of one; nil when there is none.
func InlineSurvey(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	if raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		if raw = []byte(strings.TrimSpace(s)); len(raw) == 0 {
			return nil, nil
		}
	}
	if !json.Valid(raw) || raw[0] != '{' {
		return nil, errors.New("want a survey template as an object, or as JSON text of one")
	}
	if bytes.Contains(raw, []byte(`\u0000`)) {
		return nil, errors.New("the survey holds the character NUL, which can't be kept")
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, raw)
	models.MendJSON(compact.Bytes())
	return compact.Bytes(), err
}
