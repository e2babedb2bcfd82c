package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"fieldproof/models"
)

var pathPart = regexp.MustCompile(`\{(\w+)\}`)

// document writes the OpenAPI 3.1 document from the table of routes, so the two can't differ.
func (s *Server) document() ([]byte, error) {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	for from, to := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[models.Time]():     reflect.TypeFor[time.Time](),
		reflect.TypeFor[models.Date]():     reflect.TypeFor[string](),
		reflect.TypeFor[json.RawMessage](): reflect.TypeFor[map[string]any](),
	} {
		registry.RegisterTypeAlias(from, to)
	}
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Fieldproof", Version: "1",
			Description: "Field work orders and their proof. Lists page by cursor; every POST with a JSON body honours Idempotency-Key; errors are RFC 9457 problems."},
		Paths: map[string]*huma.PathItem{},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{
			"bearer": {Type: "http", Scheme: "bearer"}, "cookie": {Type: "apiKey", In: "cookie", Name: cookieName}}},
	}
	problem := registry.Schema(reflect.TypeFor[Problem](), true, "Problem")
	for i := range s.routes {
		r := &s.routes[i]
		path := r.pathOf()
		if doc.Paths[path] == nil {
			doc.Paths[path] = &huma.PathItem{}
		}
		setOperation(doc.Paths[path], r.method, s.operation(r, registry, problem))
	}
	return json.MarshalIndent(doc, "", " ")
}

// schemaName names a schema after its Go type, a page after what it lists.
func schemaName(t reflect.Type, hint string) string {
	if inner, ok := strings.CutPrefix(t.Name(), "list["); ok {
		inner = strings.TrimSuffix(inner, "]")
		return inner[strings.LastIndexAny(inner, "./")+1:] + "List"
	}
	name := huma.DefaultSchemaNamer(t, hint)
	return strings.ToUpper(name[:1]) + name[1:]
}

func setOperation(item *huma.PathItem, method string, o *huma.Operation) {
	switch method {
	case http.MethodGet:
		item.Get = o
	case http.MethodPost:
		item.Post = o
	case http.MethodPut:
		item.Put = o
	case http.MethodPatch:
		item.Patch = o
	case http.MethodDelete:
		item.Delete = o
	}
}

func (s *Server) operation(r *route, registry huma.Registry, problem *huma.Schema) *huma.Operation {
	path := r.pathOf()
	text := &huma.Schema{Type: huma.TypeString}
	o := &huma.Operation{Summary: r.summary, OperationID: operationID(r), Tags: []string{strings.Split(strings.TrimPrefix(r.path, "/"), "/")[0]}, Responses: map[string]*huma.Response{}}
	for _, m := range pathPart.FindAllStringSubmatch(path, -1) {
		o.Parameters = append(o.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: text})
	}
	query := r.query
	if r.out != nil && strings.HasPrefix(r.out.Name(), "list[") {
		query = append([]string{"limit", "cursor"}, query...)
	}
	for _, name := range query {
		o.Parameters = append(o.Parameters, &huma.Param{Name: name, In: "query", Schema: text})
	}
	if !r.access.public {
		o.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
		if p := r.access.privilege; p != "" {
			o.Description = "Needs the privilege " + string(p) + "."
		}
	}
	switch {
	case strings.HasPrefix(r.path, "/imports") && r.raw && r.method == http.MethodPost:
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: importForm()}}}
	case r.path == "/work-orders/:id/photos" && r.method == http.MethodPost:
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {Schema: photoForm()}}}
	case r.raw && r.method == http.MethodPut:
		image := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"image/png": image, "image/jpeg": image}}
	case r.in != nil && r.method == http.MethodPatch:
		o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/merge-patch+json": {Schema: registry.Schema(r.in, true, operationID(r))}}}
	case r.in != nil:
		o.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(r.in, true, operationID(r))}}}
	}
	success := &huma.Response{Description: http.StatusText(r.status)}
	switch {
	case r.media != "":
		success.Content = map[string]*huma.MediaType{r.media: {}}
	case r.out != nil:
		success.Content = map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(r.out, true, operationID(r))}}
	case r.raw:
		success.Content = map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(reflect.TypeFor[models.PhotoView](), true, "Photo")}}
	}
	o.Responses[fmt.Sprint(r.status)] = success
	o.Responses["default"] = &huma.Response{Description: "A problem: what happened, to what, and what to do", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}}
	return o
}

func operationID(r *route) string {
	words := []string{strings.ToLower(r.method)}
	for _, p := range strings.FieldsFunc(r.path, func(c rune) bool { return c == '/' || c == '-' || c == '.' }) {
		words = append(words, strings.TrimPrefix(p, ":"))
	}
	return strings.Join(words, "-")
}

func importForm() *huma.Schema {
	text := func(format string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: format} }
	return &huma.Schema{Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{
		"file": text("binary"), "mapping": text(""), "client_code": text(""), "dry_run": {Type: huma.TypeBoolean}}}
}

func photoForm() *huma.Schema {
	field := func(kind, format string) *huma.Schema { return &huma.Schema{Type: kind, Format: format} }
	return &huma.Schema{Type: huma.TypeObject, Required: []string{"file", "uuid"}, Properties: map[string]*huma.Schema{
		"file": field("string", "binary"), "uuid": field("string", ""), "task_id": field("string", ""), "evidence_type": field("string", ""),
		"taken_at": field("string", "date-time"), "latitude": field("number", ""), "longitude": field("number", ""), "accuracy": field("number", ""),
		"sha256": field("string", ""), "source": field("string", ""), "notes": field("string", ""), "device": field("string", "")}}
}

var docsPage = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Fieldproof API</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h2{margin-top:2rem;border-bottom:1px solid #ccc}li{margin:.3rem 0}code{background:#f2f2f2;padding:.1rem .3rem}a{color:#0645ad}
@media (prefers-color-scheme:dark){body{color:#eee;background:#161616}code{background:#2a2a2a}a{color:#9cc4ff}}</style></head>
<body><main><h1>Fieldproof API</h1>
<p>Field work orders and their proof. The whole description, with every shape, is <a href="/api/openapi.json">OpenAPI 3.1</a>.
Sign in at <code>POST /api/v1/sessions</code> and send the token as <code>Authorization: Bearer …</code>.</p>
{{range .}}<section><h2>{{.Name}}</h2><ul>{{range .Routes}}<li><code>{{.Method}} {{.Path}}</code> {{.Summary}}{{if .Needs}} <small>(needs {{.Needs}})</small>{{end}}</li>{{end}}</ul></section>{{end}}
</main></body></html>`))

// docs is the readable list of routes.
func (s *Server) docs(g *gin.Context) {
	type row struct{ Method, Path, Summary, Needs string }
	type group struct {
		Name   string
		Routes []row
	}
	var groups []group
	for i := range s.routes {
		r := &s.routes[i]
		name := strings.Split(strings.TrimPrefix(r.path, "/"), "/")[0]
		if len(groups) == 0 || groups[len(groups)-1].Name != name {
			groups = append(groups, group{Name: name})
		}
		last := &groups[len(groups)-1]
		last.Routes = append(last.Routes, row{r.method, r.pathOf(), r.summary, string(r.access.privilege)})
	}
	var page bytes.Buffer
	if err := docsPage.Execute(&page, groups); err != nil {
		s.refuse("", "")(g)
		return
	}
	g.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	g.Data(http.StatusOK, "text/html; charset=utf-8", page.Bytes())
}
