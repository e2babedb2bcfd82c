package models

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// MergeJSON applies a merge patch (RFC 7396) to an object, in time linear in both: members keep their order, new ones come
// last. A patch that is no JSON object is [Malformed]. It is our own because evanphx/json-patch, 5.9.11 being its newest,
// looks for each member among all others: 2 MB of them took minutes of a processor.
func MergeJSON(text, patch []byte) ([]byte, error) {
	have, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	change, err := readJSON(patch)
	if err == nil && change.members == nil {
		err = errors.New("it is another JSON value")
	}
	if err != nil {
		return nil, &Error{Kind: Malformed, Message: "The body is not a JSON object: " + err.Error() + "."}
	}
	return have.merge(change).append(make([]byte, 0, len(text)+len(patch))), nil
}

// jsonValue is an object, or the text of anything else.
type jsonValue struct {
	text    []byte
	names   []string // of the members, as they came; some may be gone
	members map[string]*jsonValue
}

func readJSON(text []byte) (*jsonValue, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := readJSONValue(d, text)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something comes after it")
	}
	return v, nil
}

func readJSONValue(d *json.Decoder, text []byte) (*jsonValue, error) {
	before := d.InputOffset()
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	if token != json.Delim('{') {
		for depth := opens(token); depth > 0; depth += opens(token) {
			if token, err = d.Token(); err != nil {
				return nil, err
			}
		}
		return &jsonValue{text: bytes.TrimLeft(text[before:d.InputOffset()], " \t\r\n:")}, nil
	}
	v := &jsonValue{members: map[string]*jsonValue{}}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		member, err := readJSONValue(d, text)
		if err != nil {
			return nil, err
		}
		v.set(name.(string), member) // the decoder takes nothing else for a name
	}
	_, err = d.Token()
	return v, err
}

func opens(token json.Token) int {
	switch token {
	case json.Delim('{'), json.Delim('['):
		return 1
	case json.Delim('}'), json.Delim(']'):
		return -1
	}
	return 0
}

func (v *jsonValue) set(name string, member *jsonValue) {
	if _, there := v.members[name]; !there {
		v.names = append(v.names, name)
	}
	v.members[name] = member
}

func (v *jsonValue) merge(patch *jsonValue) *jsonValue {
	if patch.members == nil {
		return patch
	}
	if v == nil || v.members == nil {
		v = &jsonValue{members: map[string]*jsonValue{}}
	}
	for _, name := range patch.names {
		if change := patch.members[name]; string(change.text) == "null" {
			delete(v.members, name)
		} else {
			v.set(name, v.members[name].merge(change))
		}
	}
	return v
}

func (v *jsonValue) append(to []byte) []byte {
	if v.members == nil {
		return append(to, v.text...)
	}
	to = append(to, '{')
	for _, name := range v.names {
		member, there := v.members[name]
		if !there {
			continue
		}
		if to[len(to)-1] != '{' {
			to = append(to, ',')
		}
		quoted, _ := json.Marshal(name) // a text always can be
		to = append(append(to, quoted...), ':')
		to = member.append(to)
	}
	return append(to, '}')
}
