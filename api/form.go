package api

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"fieldproof/models"
)

// part is a field of a multipart form beside its file: the handler reads forms by it, and the documentation shows it.
type part[T any] struct {
	name     string
	holds    huma.Schema
	required bool
	// set puts the text into what the form is about; what it returns says what is wrong, "" when nothing is.
	set func(to *T, text string) (wrong string)
}

// needed marks a part without which the form is refused.
func (p part[T]) needed(example string) part[T] {
	p.required, p.holds.Examples = true, []any{example}
	return p
}

// saying describes a part in the documentation.
func (p part[T]) saying(what string) part[T] {
	p.holds.Description = what
	return p
}

func textPart[T any](name string, of func(*T) *string) part[T] {
	return part[T]{name: name, holds: huma.Schema{Type: huma.TypeString}, set: func(to *T, text string) string {
		*of(to) = text
		return ""
	}}
}

func numberPart[T any](name string, of func(*T) **float64) part[T] {
	return part[T]{name: name, holds: huma.Schema{Type: huma.TypeNumber, Format: "double"}, set: func(to *T, text string) string {
		if text == "" {
			return ""
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Sprintf("%q is no number.", text)
		}
		*of(to) = &v
		return ""
	}}
}

// setPart puts a field of a form where it goes.
func setPart[T any](parts []part[T], to *T, name, text string, problems *models.Problems) {
	at := slices.IndexFunc(parts, func(p part[T]) bool { return p.name == name })
	if at < 0 {
		problems.Add(name, "There is no such part here: leave it out.").Code = models.CodeUnknown
		return
	}
	if wrong := parts[at].set(to, text); wrong != "" {
		problems.Add(name, "%s", wrong)
	}
}

// form is a multipart body as the documentation shows it.
type form struct{ schema *huma.Schema }

// formOf is a form of a file and parts.
func formOf[T any](file string, parts []part[T]) form {
	schema := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"file"},
		Properties: map[string]*huma.Schema{"file": {Type: huma.TypeString, Format: "binary", Description: file}}}
	for _, p := range parts {
		holds := p.holds
		schema.Properties[p.name] = &holds
		if p.required {
			schema.Required = append(schema.Required, p.name)
		}
	}
	return form{schema}
}
