package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fieldproof/models"
	"fieldproof/remotes"
)

// use is what a shape is used for; the same Go type reads differently in each.
type use int

const (
	// inAnswer: every member is there but those with omitempty; others may come later.
	inAnswer use = iota
	// inRequest: no other members; needed are those alone that the tag required names.
	inRequest
	// inPatch (RFC 7396): no other members, and none is needed; null sets back what may be lacking.
	inPatch
)

// shapes makes JSON schemas of Go types, by their JSON tags and these:
//
//	required:"true"   a request needs it; required:"mail" so too, of a destination of this kind
//	words:"priority"  one of a set of [models.Vocabulary]; blank:"true" allows "" too
//	merged:"true"     a list that a patch changes element by element
//	as:"answers"      what a json.RawMessage holds: see raw
//	of:"webhook"      a setting of these kinds alone: see [models.DestinationKind.Has]
//	example:"FP-1001" shown in the documentation
//
// huma makes schemas of types too, but one a type: it knows neither answers that stay open nor patches.
type shapes struct {
	named map[string]*huma.Schema // by name: the document's components
	names map[key]string          // of what has one
}

func newShapes() *shapes { return &shapes{named: map[string]*huma.Schema{}, names: map[key]string{}} }

// fixed are types that are written in a way of their own.
var fixed = map[reflect.Type]huma.Schema{
	reflect.TypeFor[models.Time](): {Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-05-04T13:30:00Z"}},
	reflect.TypeFor[time.Time]():   {Type: huma.TypeString, Format: "date-time"},
	reflect.TypeFor[models.Date](): {Type: huma.TypeString, Format: "date", Examples: []any{"2026-05-04"}},
	reflect.TypeFor[[]byte]():      {Type: huma.TypeString, ContentEncoding: "base64"},
	reflect.TypeFor[json.Number](): {},
}

// called are names that the document has for types with other names in Go.
var called = map[reflect.Type]string{
	reflect.TypeFor[models.Event](): "Action", // an event of the document is one of a history
}

// anything is an object of whatever members.
func anything() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// raw is what a json.RawMessage holds, by the tag as.
func (s *shapes) raw(as string, u use) *huma.Schema {
	switch as {
	case "object":
		return anything()
	case "survey": // what is not known of a template is kept as it came
		question := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{"id": {}, "type": text(), "question": text(), "answerType": text()}}
		meta := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Required: []string{"name", "surveyTemplateId"},
			Properties: map[string]*huma.Schema{"surveyTemplateId": text("lawn_check"), "name": text("Lawn check")}}
		if u == inPatch {
			meta.Required = nil
		}
		template := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{"meta": meta, "questions": {Type: huma.TypeArray, Items: question}}}
		if u != inPatch {
			template.Required = []string{"meta", "questions"}
		}
		return s.component(map[use]string{inAnswer: "SurveyTemplate", inRequest: "SurveyTemplate", inPatch: "SurveyTemplatePatch"}[u], template)
	case "new survey": // the template itself, or under template
		wrapped := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Required: []string{"template"}, Properties: map[string]*huma.Schema{"template": s.raw("survey", u)}}
		return &huma.Schema{AnyOf: []*huma.Schema{s.raw("survey", u), wrapped}}
	case "answers":
		if u == inAnswer {
			return s.of(reflect.TypeFor[[]models.SurveyAnswer](), u)
		}
		one := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Properties: map[string]*huma.Schema{"id": {}, "answer": {}}}
		return &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeArray, Items: one}, anything(), {Type: "null"}},
			Description: "A list of {id, answer, pictures}, or an object of id and answer."}
	case "destination":
		return s.of(reflect.TypeFor[models.DestinationSettings](), u)
	case "integration":
		return s.of(reflect.TypeFor[models.IntegrationSettings](), u)
	}
	return &huma.Schema{}
}

func text(example ...string) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, e := range example {
		s.Examples = append(s.Examples, e)
	}
	return s
}

// component gives a schema a name in the document.
func (s *shapes) component(name string, schema *huma.Schema) *huma.Schema {
	if s.named[name] == nil {
		s.named[name] = schema
	}
	return reference(name)
}

const componentPrefix = "#/components/schemas/"

func reference(name string) *huma.Schema { return &huma.Schema{Ref: componentPrefix + name} }

// key is what one component describes.
type key struct {
	t    reflect.Type
	u    use
	kind string // of a shape that depends on its kind
}

// name finds a name for a struct: that of its type, without what says how it is used.
func (s *shapes) name(k key) string {
	name := k.t.Name()
	if inner, ok := strings.CutPrefix(name, "list["); ok {
		inner = strings.TrimSuffix(inner[strings.LastIndexAny(inner, "./")+1:], "]")
		return strings.TrimSuffix(inner, "View") + "List"
	}
	name = camel(k.kind) + strings.ToUpper(name[:1]) + name[1:]
	bare := strings.TrimSuffix(strings.TrimSuffix(name, "Fields"), "Patch")
	switch {
	case k.u == inPatch:
		name = bare + "Patch"
	case k.u == inRequest && bare != name:
		name = "New" + bare
	default:
		name = strings.TrimSuffix(name, "View")
	}
	if s.named[name] != nil && k.u == inRequest { // answers come first
		name += "Input"
	}
	if s.named[name] != nil {
		panic(fmt.Sprintf("two shapes are called %s; the later is %v", name, k.t))
	}
	return name
}

// camel joins words: work_order and work-order are WorkOrder.
func camel(words string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(words, func(c rune) bool { return c == '_' || c == '-' || c == ' ' || c == '.' }) {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// worded is a type of a closed set of words.
type worded interface{ Words() []string }

// of is the schema of a type; structs and sets of words are components.
func (s *shapes) of(t reflect.Type, u use) *huma.Schema {
	if f, there := fixed[t]; there {
		return &f
	}
	if w, ok := reflect.Zero(t).Interface().(worded); ok && t.Kind() == reflect.String {
		return s.component(cmp.Or(called[t], t.Name()), enumOf(w.Words()))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem(), u)
	case reflect.String:
		return text()
	case reflect.Bool:
		return &huma.Schema{Type: huma.TypeBoolean}
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint, reflect.Uint64:
		return &huma.Schema{Type: huma.TypeInteger, Format: "int64"}
	case reflect.Float64, reflect.Float32:
		return &huma.Schema{Type: huma.TypeNumber, Format: "double"}
	case reflect.Slice, reflect.Array:
		if t == reflect.TypeFor[json.RawMessage]() {
			return &huma.Schema{}
		}
		if u == inPatch {
			u = inRequest // a list is replaced as a whole
		}
		items := s.of(t.Elem(), u)
		if one := t.Elem(); one.Kind() == reflect.Pointer && (one.Elem().Kind() != reflect.Struct || one.Elem() == reflect.TypeFor[models.Time]()) {
			items = nullable(items)
		}
		return &huma.Schema{Type: huma.TypeArray, Items: items}
	case reflect.Map:
		if t.Elem().Kind() == reflect.Interface {
			return anything()
		}
		return s.mapOf(s.of(t.Elem(), u), u)
	case reflect.Struct:
		return s.structOf(t, u)
	}
	return &huma.Schema{}
}

// mapOf is the schema of names that each have one of these.
func (s *shapes) mapOf(of *huma.Schema, u use) *huma.Schema {
	if u == inPatch {
		of = nullable(of) // null takes one away
	}
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: of}
}

func enumOf[T ~string](values []T) *huma.Schema {
	e := &huma.Schema{Type: huma.TypeString}
	for _, v := range values {
		e.Enum = append(e.Enum, string(v))
	}
	return e
}

func (s *shapes) structOf(t reflect.Type, u use) *huma.Schema {
	if t.NumField() == 1 && t.Field(0).Anonymous { // another name for what it embeds
		return s.of(t.Field(0).Type, u)
	}
	k := key{t: t, u: u}
	if name, there := s.names[k]; there {
		return reference(name)
	}
	if v, there := byKind[t]; there && u != inPatch {
		return s.oneOfKinds(k, v)
	}
	return s.object(k, nil)
}

// object makes a component of a struct.
func (s *shapes) object(k key, change func(*huma.Schema)) *huma.Schema {
	name := s.name(k)
	s.names[k] = name
	o := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	if k.u != inAnswer {
		o.AdditionalProperties = false
	}
	s.named[name] = o // before its members, which may lead back to it
	s.members(o, k)
	slices.Sort(o.Required)
	if change != nil {
		change(o)
	}
	return reference(name)
}

func (s *shapes) members(o *huma.Schema, k key) {
	for f := range fieldsOf(k.t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if k.kind != "" && (name == "settings" || !models.DestinationKind(k.kind).Has(f.Tag.Get("of"))) {
			continue // settings are those of the kind: see oneOfKinds
		}
		optional := strings.Contains(options, "omitempty")
		needs := f.Tag.Get("required")
		required := needs == "true" || (needs != "" && k.kind != "" && models.DestinationKind(k.kind).Has(needs))
		m := s.member(f, k)
		switch {
		case k.u == inAnswer:
			if f.Type.Kind() == reflect.Pointer && !optional {
				m = nullable(m)
			}
			required = !optional
		case k.u == inPatch:
			if !required {
				m = nullable(m)
			}
			required = false
		case !required && (f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Map || f.Type.Kind() == reflect.Slice):
			m = nullable(m)
		}
		if required {
			o.Required = append(o.Required, name)
		}
		o.Properties[name] = m
	}
}

// member is the schema of a member, by its type and its tags.
func (s *shapes) member(f reflect.StructField, k key) *huma.Schema {
	t := f.Type
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	var m *huma.Schema
	words, list := f.Tag.Get("words"), t.Kind() == reflect.Slice
	switch {
	case words != "":
		set, there := models.Vocabulary[words]
		if !there {
			panic(fmt.Sprintf("%v.%s: there is no vocabulary %q", k.t, f.Name, words))
		}
		if f.Tag.Get("blank") == "true" {
			m = enumOf(append([]string{""}, set...))
		} else {
			m = s.component(camel(words), enumOf(set))
		}
		switch {
		case list:
			m = &huma.Schema{Type: huma.TypeArray, Items: m}
		case t.Kind() == reflect.Map:
			m = s.mapOf(m, k.u)
		}
	case f.Tag.Get("as") == "role": // an account may make others
		m = text()
		m.Description = "A role of the account, by its name; built in are " + strings.Join(models.BuiltInRoles, ", ") + "."
		m.Extensions = map[string]any{"x-extensible-enum": models.BuiltInRoles}
	case t == reflect.TypeFor[json.RawMessage]():
		m = s.raw(f.Tag.Get("as"), k.u)
	case f.Tag.Get("merged") == "true" && k.u == inPatch: // a list whose elements are patches
		m = &huma.Schema{Type: huma.TypeArray, Items: s.of(t.Elem(), inPatch)}
	default:
		m = s.of(t, k.u)
	}
	if example := f.Tag.Get("example"); example != "" && m.Ref == "" {
		m.Examples = []any{example}
		var v any
		if m.Type != huma.TypeString && json.Unmarshal([]byte(example), &v) == nil {
			m.Examples = []any{v}
		}
	}
	return m
}

// fieldsOf are the members that encoding/json writes of a struct.
func fieldsOf(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for _, f := range reflect.VisibleFields(t) {
			tag, tagged := f.Tag.Lookup("json")
			if f.Anonymous || !f.IsExported() || !tagged || tag == "-" || !flat(t, f.Index) {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

// flat tells whether what leads to a field is embedded without a name of its own in the JSON.
func flat(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		f := t.Field(i)
		if f.Tag.Get("json") != "" {
			return false
		}
		t = f.Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	return true
}

func nullable(m *huma.Schema) *huma.Schema {
	switch {
	case m.Type != "" && m.Type != "null":
		m.Nullable = true
		if len(m.Enum) > 0 {
			m.Enum = append(slices.Clone(m.Enum), nil)
		}
		return m
	case m.Ref != "":
		return &huma.Schema{AnyOf: []*huma.Schema{m, {Type: "null"}}}
	case len(m.AnyOf) > 0:
		if !slices.ContainsFunc(m.AnyOf, func(a *huma.Schema) bool { return a.Type == "null" }) {
			m.AnyOf = append(m.AnyOf, &huma.Schema{Type: "null"})
		}
	}
	return m // anything takes null too
}

// kinds says how the shape of a struct with the members kind and settings depends on its kind.
type kinds struct {
	all      []models.DestinationKind
	settings func(models.DestinationKind) reflect.Type
}

var byKind = map[reflect.Type]kinds{
	reflect.TypeFor[DestinationFields](): {models.MadeKinds, func(models.DestinationKind) reflect.Type { return reflect.TypeFor[models.DestinationSettings]() }},
	reflect.TypeFor[models.DestinationView](): {models.DestinationKinds, func(k models.DestinationKind) reflect.Type {
		return reflect.TypeOf((&models.Destination{Kind: k}).View(models.DestinationSecrets{}, "").Settings)
	}},
}

// oneOfKinds makes a shape a kind, each with its own settings.
func (s *shapes) oneOfKinds(k key, v kinds) *huma.Schema {
	name := s.name(k)
	s.names[k] = name
	union := &huma.Schema{Discriminator: &huma.Discriminator{PropertyName: "kind", Mapping: map[string]string{}}}
	s.named[name] = union
	for _, kind := range v.all {
		word := string(kind)
		settings := s.settings(key{v.settings(kind), k.u, word})
		ref := s.object(key{k.t, k.u, word}, func(o *huma.Schema) {
			o.Properties["kind"] = enumOf([]string{word})
			o.Properties["settings"] = settings
			if k.u == inRequest && len(s.named[strings.TrimPrefix(settings.Ref, componentPrefix)].Required) > 0 {
				o.Required = append(o.Required, "settings")
			}
		})
		union.OneOf = append(union.OneOf, ref)
		union.Discriminator.Mapping[word] = ref.Ref
	}
	return reference(name)
}

// settings are those of one kind; the options of a place are those of its backend.
func (s *shapes) settings(k key) *huma.Schema {
	named := camel(k.kind) + "Settings"
	if k.u == inRequest {
		named = "New" + named
	}
	if s.named[named] != nil {
		return reference(named)
	}
	o := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	if k.u != inAnswer {
		o.AdditionalProperties = false
	}
	s.members(o, k)
	slices.Sort(o.Required)
	if _, there := o.Properties["options"]; there {
		options := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
		if k.u != inAnswer {
			options.AdditionalProperties = false
		}
		for _, option := range remotes.Options(k.kind) {
			if option.Secret && k.u == inAnswer {
				continue
			}
			p := text()
			if len(option.Choices) > 0 {
				p = enumOf(option.Choices)
			}
			options.Properties[option.Name] = p
			if option.Required && k.u == inRequest {
				options.Required = append(options.Required, option.Name)
			}
		}
		o.Properties["options"] = options
		if len(options.Required) > 0 {
			o.Required = append(o.Required, "options")
		}
	}
	return s.component(named, o)
}
