package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"fieldproof/models"
)

// outer is a route outside of /api/v1: a page, or an address that other systems' words decide. Like the rows of [route]
// it is served and documented from one place. Without handle it is only documented: another row serves it.
type outer struct {
	method, path string // with :name for a part
	id, summary  string
	takes        []content
	answers      []answer
	query        []string
	tells        []string // headers of its answers
	ranges       bool     // answers with bytes that have an ETag
	handle       gin.HandlerFunc
}

// content is a body of one content type; without a type and a schema its bytes are not described.
type content struct {
	media  string
	of     reflect.Type
	or     reflect.Type // where an answer is one of two
	schema *huma.Schema
}

// answer is what a status means.
type answer struct {
	status  int
	says    string // "": the status in words
	content []content
}

func jsonOf[T any]() content { return content{media: "application/json", of: reflect.TypeFor[T]()} }

func html(status int) answer { return answer{status: status, content: []content{{media: "text/html"}}} }

func file(media string) answer {
	return answer{status: http.StatusOK, content: []content{{media: media}}}
}

// pageProblems are refusals of pages: pages too, unless JSON is asked for.
func pageProblems(statuses ...int) []answer {
	var all []answer
	for _, status := range append(statuses, http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable) {
		all = append(all, answer{status: status, content: []content{{media: "text/html"}, {media: "application/problem+json", of: reflect.TypeFor[Problem]()}}})
	}
	return all
}

// outers lists the routes outside of /api/v1 that are documented.
func (s *Server) outers() []outer {
	return slices.Concat(s.pushRoutes(), s.peerRoutes(), s.sharedRoutes(), s.shareInvitationRoutes(), s.verifyRoutes(), s.operatorRoutes())
}

func (s *Server) operatorRoutes() []outer {
	ready := content{media: "application/json", schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: text()}}
	return []outer{
		{method: http.MethodGet, path: "/healthz", id: "isAlive", summary: "Whether the process answers", answers: []answer{file("text/plain")},
			handle: func(g *gin.Context) { g.String(http.StatusOK, "ok\n") }},
		{method: http.MethodGet, path: "/readyz", id: "isReady", summary: "Whether uploads can be taken", handle: s.ready,
			answers: []answer{{status: http.StatusOK, content: []content{ready}}, {status: http.StatusServiceUnavailable, content: []content{ready}}}},
	}
}

var pathPart = regexp.MustCompile(`:(\w+)`)

// Document is the OpenAPI document of the API, as /api/openapi.json shows it.
func Document() ([]byte, error) { return (&Server{}).document() }

// document writes the OpenAPI 3.1 document from the tables of routes and the Go types of bodies, so they can't differ.
func (s *Server) document() ([]byte, error) {
	d := &documentation{shapes: newShapes(), paths: map[string]*huma.PathItem{}, ids: map[string]string{}}
	problem := d.of(reflect.TypeFor[Problem](), inAnswer)
	routes, outers := s.table(), s.outers()
	for i := range routes { // the types of answers have the first choice of names
		if routes[i].out != nil {
			d.of(routes[i].out, inAnswer)
		}
	}
	for _, o := range outers {
		for _, a := range o.answers {
			for _, c := range a.content {
				d.schemaOf(c, inAnswer)
			}
		}
	}
	webhooks := d.webhooks()
	for i := range routes {
		d.add(routes[i].method, routes[i].pathOf(), d.operation(&routes[i]))
	}
	for _, o := range outers {
		d.add(o.method, braced(o.path), d.outer(&o))
	}
	return json.MarshalIndent(&huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Fieldproof", Version: "1",
			Description: "Field work orders and their proof. Lists page by cursor; every POST with a JSON body honours Idempotency-Key; errors are RFC 9457 problems, each with a stable code. " +
				"Requests are closed: what is not described is refused. Answers are open: members are added as Fieldproof grows, so let them pass."},
		Servers:  []*huma.Server{{URL: "/"}},
		Paths:    d.paths,
		Webhooks: webhooks,
		Components: &huma.Components{Responses: problems(problem), SecuritySchemes: map[string]*huma.SecurityScheme{
			"bearer": {Type: "http", Scheme: "bearer"}, "cookie": {Type: "apiKey", In: "cookie", Name: cookieName}},
			Extensions: map[string]any{"schemas": d.named}}, // huma's own registry of schemas is not used
	}, "", " ")
}

// documentation collects the document.
type documentation struct {
	*shapes
	paths map[string]*huma.PathItem
	ids   map[string]string // operation id → where
}

func (d *documentation) add(method, path string, o *huma.Operation) {
	if other, taken := d.ids[o.OperationID]; taken {
		panic(fmt.Sprintf("%s %s and %s are both called %s", method, path, other, o.OperationID))
	}
	d.ids[o.OperationID] = method + " " + path
	if d.paths[path] == nil {
		d.paths[path] = &huma.PathItem{}
	}
	item := d.paths[path]
	*map[string]**huma.Operation{http.MethodGet: &item.Get, http.MethodHead: &item.Head, http.MethodPost: &item.Post, http.MethodPut: &item.Put, http.MethodPatch: &item.Patch,
		http.MethodDelete: &item.Delete, http.MethodOptions: &item.Options}[method] = o
}

// braced is a path as OpenAPI writes it.
func braced(path string) string { return pathPart.ReplaceAllString(path, "{$1}") }

// operation documents a route.
func (d *documentation) operation(r *route) *huma.Operation {
	o := &huma.Operation{Summary: r.summary, OperationID: operationID(r), Tags: []string{strings.Split(strings.TrimPrefix(r.path, "/"), "/")[0]}, Responses: map[string]*huma.Response{}}
	o.Tags[0], _, _ = strings.Cut(o.Tags[0], ".")
	d.pathParameters(o, r.path)
	query := r.query
	if r.out != nil && strings.HasPrefix(r.out.Name(), "list[") {
		query = append([]string{"limit", "cursor"}, query...)
	}
	d.query(o, r.path, query)
	if !r.access.public {
		o.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
		if p := r.access.privilege; p != "" {
			o.Description = "Needs the privilege " + string(p) + "."
		}
	}
	if r.method == http.MethodPost && !r.raw {
		o.Parameters = append(o.Parameters, header("Idempotency-Key", "Of your own making, one a request: the same key and body again give the same answer.", &huma.Schema{Type: huma.TypeString, MaxLength: ptr(maxKeyLength)}))
	}
	if r.ifMatch {
		o.Parameters = append(o.Parameters, header("If-Match", "The ETag of the work order as you read it; 412 when it has changed since.", text(`"7"`)))
	}
	for _, name := range r.asks {
		h := askedHeaders[name]
		o.Parameters = append(o.Parameters, header(name, h.says, &h.schema))
	}
	if r.path == "/stream" {
		o.Parameters = append(o.Parameters, header("Last-Event-ID", "The id of the last event that you got: what came after it follows.", &huma.Schema{Type: huma.TypeInteger}))
	}
	d.body(o, r)
	d.success(o, r)
	for _, status := range r.refusals() {
		o.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + problemName(status)}
	}
	if r.ranges {
		ranged(o)
	}
	if r.tag {
		o.Parameters = append(o.Parameters, header("If-None-Match", "An ETag: 304 when it is still the same.", text()))
		tell(o.Responses["200"], []string{"ETag"})
		o.Responses["304"] = &huma.Response{Description: "Still the same"}
	}
	o.Responses["default"] = &huma.Response{Ref: "#/components/responses/Problem"}
	return o
}

func header(name, says string, schema *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: says, Schema: schema}
}

func (d *documentation) pathParameters(o *huma.Operation, path string) {
	for _, m := range pathPart.FindAllStringSubmatch(path, -1) {
		schema := text()
		if m[1] == "rendition" {
			schema = enumOf([]string{"original", models.Display.Name, models.Thumbnail.Name})
		}
		o.Parameters = append(o.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: schema})
	}
}

// parameter says what a query parameter holds.
type parameter struct {
	says   string
	schema huma.Schema
}

var (
	whole = huma.Schema{Type: huma.TypeInteger, Format: "int64", Minimum: ptr(0.0)}
	truth = huma.Schema{Type: huma.TypeBoolean}
)

// parameters are the query parameters by name, or by path and name where a name means something else. What is not here
// is a text.
var parameters = map[string]parameter{
	"limit":    {"How many at most.", huma.Schema{Type: huma.TypeInteger, Minimum: ptr(1.0), Maximum: ptr(float64(maxLimit)), Default: defaultLimit}},
	"cursor":   {"next_cursor of the page before.", huma.Schema{Type: huma.TypeString}},
	"state":    {"In one of these states.", huma.Schema{Type: huma.TypeArray, Items: reference("State")}},
	"priority": {"", *reference("Priority")},
	"assignee": {"A username, ~all~, or nothing: of nobody.", huma.Schema{Type: huma.TypeString}},
	"q":        {"Words of number, address, instructions and the like.", huma.Schema{Type: huma.TypeString}},
	"sort": {"What the list is sorted by, after a minus the highest first; newest first without. The words behind completed sort at most 50,000 orders.",
		huma.Schema{Type: huma.TypeString, Enum: anyOf(models.OrderSorts)}},
	"place":          {"The page begins there, from 0: instead of a cursor.", whole},
	"ids":            {"Those of these work orders, at most 200, that pass the other filters.", huma.Schema{Type: huma.TypeArray, Items: text()}},
	"by":             {"What they are counted by; those that have none of it stand under an empty name.", huma.Schema{Type: huma.TypeString, Enum: anyOf(models.OrderGroups)}},
	"completed_from": {"Completed on this day of the account's zone, or at this time, or later.", *text("2026-05-04", "today-6")},
	"completed_to":   {"Completed on this day of the account's zone, or at this time, or earlier.", *text("2026-05-04", "today-6")},
	"published_from": {"Published on this day of the account's zone, or at this time, or later.", *text("2026-05-04", "today-6")},
	"published_to":   {"Published on this day of the account's zone, or at this time, or earlier.", *text("2026-05-04", "today-6")},
	"invoiced":       {"Whether they bear the mark.", truth},
	"awaited":        {"Whether items of them are awaited.", truth},
	"worked_on":      {"On which you have worked, whoever has them now: of those that you do not see any more there is the number, and how many items of them are yours.", *enumOf([]string{"me"})},
	"due_from":       {"Due on this day or later: a date, or how far it is from today in the account's zone.", *text("2026-05-04", "today", "today+6")},
	"due_to":         {"Due on this day or earlier: as due_from.", *text("2026-05-04", "today-1")},
	"deleted":        {"Deleted ones too.", truth},
	"dismissed":      {"Dismissed ones too.", truth},
	"layout":         {"How many photos a page holds; 0 is the account's own.", huma.Schema{Type: huma.TypeInteger, Enum: []any{0, 2, 4, 6, 12}}},
	"part":           {"Which part of a long report: " + PartsHeader + " says how many there are.", whole},
	"from":           {"The first entry.", whole},
	"to":             {"The last entry.", whole},
	"taken_from":     {"Taken on this day of the account's zone, or at this time, or later.", *text("2026-05-04")},
	"taken_to":       {"Taken on this day of the account's zone, or at this time, or earlier.", *text("2026-05-04")},
	"uuid":           {"As the phone made it, whatever its case or hyphens.", *text()},
	"name":           {"The name of the file, as it was sent or as it was delivered.", *text()},
	"user":           {"The username of who sent it.", *text()},
	"device":         {"By which phone, by the id that its app made; others than the office find their own.", *text()},
	"stands":         {"That stand so, wherever they are; all without.", huma.Schema{Type: huma.TypeArray, Items: reference("PhotoStands")}},
	"waiting_to":     {"On which something has waited since this day of the account's zone, or this time, or earlier.", *text("2026-05-04")},
	"rotation":       {"By which the photo is turned, as it is known: the answer may then be kept for good.", huma.Schema{Type: huma.TypeInteger, Enum: []any{0, 90, 180, 270}}},
	"last_event_id":  {"As the header Last-Event-ID, for who can't send one.", whole},
	"template":       {"Folder levels, such as Date/City.", huma.Schema{Type: huma.TypeString}},
	"item_ids":       {"Of these items alone, at most 200.", huma.Schema{Type: huma.TypeArray, Items: text()}},

	"/audit kind":                          {"Of this kind alone.", *reference("AuditKind")},
	"who":                                  {"By this user alone: a username.", *text()},
	"/properties q":                        {"Words of the address, in any order.", huma.Schema{Type: huma.TypeString}},
	"/imports/:id/rows result":             {"With one of these results.", huma.Schema{Type: huma.TypeArray, Items: reference("Result")}},
	"/bulk/:id/rows result":                {"With one of these results.", huma.Schema{Type: huma.TypeArray, Items: reference("BulkResult")}},
	"/destinations/:id/messages state":     {"In this state.", *reference("DeliveryState")},
	"/published limit":                     {"How many at most.", huma.Schema{Type: huma.TypeInteger, Minimum: ptr(1.0), Maximum: ptr(200.0), Default: 200}},
	"/published after":                     {"position of an answer before; nothing to begin.", huma.Schema{Type: huma.TypeString}},
	"/push/:key/imports/:id after":         {"next_after of the page before.", whole},
	"/sync cursor":                         {"That of the answer before, of whatever age.", huma.Schema{Type: huma.TypeString}},
	"/work-orders/:id/announcements state": {"In one of these states; announced and lost without.", huma.Schema{Type: huma.TypeArray, Items: reference("AnnouncementState")}},
}

func anyOf(words []string) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = w
	}
	return all
}

func (d *documentation) query(o *huma.Operation, path string, names []string) {
	for _, name := range names {
		p, there := parameters[path+" "+name]
		if !there {
			p, there = parameters[name]
		}
		if !there {
			p.schema = huma.Schema{Type: huma.TypeString}
		}
		param := &huma.Param{Name: name, In: "query", Description: p.says, Schema: &p.schema}
		if p.schema.Type == huma.TypeArray {
			param.Explode = ptr(false) // state=created,assigned
		}
		o.Parameters = append(o.Parameters, param)
	}
}

func (d *documentation) body(o *huma.Operation, r *route) {
	media := map[string]*huma.MediaType{}
	u, kind := inRequest, "application/json"
	if r.method == http.MethodPatch {
		u, kind = inPatch, "application/merge-patch+json"
	}
	var schema *huma.Schema
	switch {
	case r.form != nil:
		media["multipart/form-data"] = &huma.MediaType{Schema: r.form.schema}
	case len(r.bodies) > 0:
		for _, m := range r.bodies {
			media[m] = &huma.MediaType{}
		}
	case r.in != nil && r.holds[0] != "":
		schema = d.raw(r.holds[0], u)
	case r.in != nil:
		schema = d.of(r.in, u)
	default:
		return
	}
	required := !r.bare
	if schema != nil {
		media[kind] = &huma.MediaType{Schema: schema}
		if u == inPatch { // both are taken
			media["application/json"] = media[kind]
		} else if named := d.named[strings.TrimPrefix(schema.Ref, componentPrefix)]; named != nil && len(named.Required) == 0 && len(named.OneOf) == 0 {
			required = false
		}
	}
	o.RequestBody = &huma.RequestBody{Required: required, Content: media}
}

var versionedType = reflect.TypeFor[versioned]()

func (d *documentation) success(o *huma.Operation, r *route) {
	success := &huma.Response{Description: statusText(r.status), Headers: map[string]*huma.Param{}}
	switch {
	case r.media != "":
		success.Content = map[string]*huma.MediaType{r.media: {}}
	case r.holds[1] != "":
		success.Content = map[string]*huma.MediaType{"application/json": {Schema: d.raw(r.holds[1], inAnswer)}}
	case r.out != nil:
		success.Content = map[string]*huma.MediaType{"application/json": {Schema: d.of(r.out, inAnswer)}}
	}
	tells := r.tells
	if r.out != nil && r.out.Implements(versionedType) {
		tells = append(tells, "ETag")
	}
	if r.status == http.StatusCreated || r.status == http.StatusAccepted {
		tells = append(tells, "Location")
	}
	if r.method == http.MethodPost && !r.raw {
		tells = append(tells, "Idempotent-Replayed")
	}
	tell(success, tells)
	o.Responses[strconv.Itoa(r.status)] = success
	if r.repeats {
		again := *success
		again.Description = "It was there already: the same uuid with the same content"
		o.Responses["200"] = &again
	}
}

// answerHeaders says what the headers of answers hold.
var answerHeaders = map[string]parameter{
	"ETag":                {"Of this version: for If-Match or If-None-Match.", huma.Schema{Type: huma.TypeString}},
	"Location":            {"Where it is to be read.", huma.Schema{Type: huma.TypeString}},
	"Idempotent-Replayed": {"true, when the answer is that to the first request under this Idempotency-Key.", huma.Schema{Type: huma.TypeString, Enum: []any{"true"}}},
	"Retry-After":         {"Seconds to wait.", whole},
	"Content-Range":       {"Which bytes these are.", huma.Schema{Type: huma.TypeString}},
	PartsHeader:           {"In how many parts the report comes: ?part=2 is the second.", whole},
	"Tus-Resumable":       {"The version of tus that is spoken.", *text(tusVersion)},
	"Tus-Version":         {"The versions of tus that are known.", *text(tusVersion)},
	"Tus-Extension":       {"The extensions of tus that are known.", *text(tusExtensions)},
	"Tus-Max-Size":        {"The most bytes of a photo.", whole},
	"Upload-Offset":       {"How much of the photo is kept: go on from there.", whole},
	"Upload-Overlap":      {"How many bytes of the body were kept already: they are counted once.", whole},
	"Upload-Length":       {"How long the photo is.", whole},
	"Upload-Metadata":     {"As it was sent.", huma.Schema{Type: huma.TypeString}},
	"Upload-Expires":      {"Until when the upload is kept if nothing more comes.", huma.Schema{Type: huma.TypeString}},
	"Item-Id":             {"The item, once it is made.", huma.Schema{Type: huma.TypeString}},
}

// askedHeaders are headers of requests, beside those that every route of a kind has.
var askedHeaders = map[string]parameter{
	"Accept-Language":   {"The language of the sentences; English without it.", huma.Schema{Type: huma.TypeString}},
	"Tus-Resumable":     {"The version of tus that you speak: 412 if it is another than ours.", *text(tusVersion)},
	"Upload-Length":     {"How long the photo is.", whole},
	"Upload-Metadata":   {"Pairs of a name and a base64 text, as tus writes them: the parts of the photo form, and work_order_id. uuid, sha256 and work_order_id are needed.", huma.Schema{Type: huma.TypeString}},
	"Upload-Offset":     {"From which byte on the body is: 409 if the upload stands at another.", whole},
	"Upload-Connection": {"close: in HTTP/1.1 the connection ends behind the answer.", *enumOf([]string{"close"})},
	"Upload-Overlap":    {"skip: a body that begins before where the upload stands is taken from there on, where it is 409 without.", *enumOf([]string{"skip"})},
}

func tell(r *huma.Response, names []string) {
	for _, name := range names {
		if r.Headers == nil {
			r.Headers = map[string]*huma.Param{}
		}
		h := answerHeaders[name]
		r.Headers[name] = &huma.Param{Description: h.says, Schema: &h.schema}
	}
}

// ranged documents what [http.ServeContent] can do.
func ranged(o *huma.Operation) {
	o.Parameters = append(o.Parameters, header("Range", "Some of the bytes alone.", text("bytes=0-1023")), header("If-None-Match", "An ETag: 304 when it is still the same.", text()),
		header("If-Range", "An ETag: the range only when it is still the same.", text()))
	whole := o.Responses["200"]
	tell(whole, []string{"ETag"})
	o.Responses["206"] = &huma.Response{Description: "The bytes that were asked for", Content: whole.Content}
	tell(o.Responses["206"], []string{"ETag", "Content-Range"})
	o.Responses["304"] = &huma.Response{Description: "Still the same"}
	o.Responses["416"] = &huma.Response{Description: "There are no such bytes", Content: map[string]*huma.MediaType{"text/plain": {Schema: text()}}}
	tell(o.Responses["416"], []string{"Content-Range"})
}

// refusals are the statuses by which a route may refuse.
func (r *route) refusals() []int {
	named := strings.Contains(r.path, ":")
	writes := !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, r.method)
	body := r.in != nil || r.form != nil || len(r.bodies) > 0
	var all []int
	for status, may := range map[int]bool{
		400: true, 401: !r.access.public || r.path == "/sessions", 403: true, 404: true, 409: writes || named, 410: r.access.public || r.ends, 412: r.ifMatch || slices.Contains(r.asks, "Tus-Resumable"),
		413: writes, 415: writes, 422: body || writes || len(r.query) > 0 || r.drawn, 429: true, 503: true, 507: writes || r.media != "",
	} {
		if may {
			all = append(all, status)
		}
	}
	if !body && !r.idempotent() {
		all = slices.DeleteFunc(all, func(status int) bool { return status == 413 || status == 415 })
	}
	if r.drawn {
		all = append(all, http.StatusUnsupportedMediaType)
	}
	return all
}

func (r *route) idempotent() bool { return r.method == http.MethodPost && !r.raw }

func statusText(status int) string {
	return map[int]string{http.StatusAccepted: "Accepted, and going on", http.StatusNoContent: "Done"}[status] + map[bool]string{true: "", false: http.StatusText(status)}[status == http.StatusAccepted || status == http.StatusNoContent]
}

func problemName(status int) string { return camel(http.StatusText(status)) }

// problems are the answers by which every route refuses: one a status, and Problem for whatever else may come.
func problems(problem *huma.Schema) map[string]*huma.Response {
	body := map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}
	all := map[string]*huma.Response{"Problem": {Description: "A problem: what happened, to what, and what to do", Content: body}}
	for _, kind := range slices.Sorted(maps.Keys(statusOf)) {
		status := statusOf[kind]
		name := problemName(status)
		if all[name] == nil {
			all[name] = &huma.Response{Description: titleOf(kind), Content: body}
		}
		switch status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInsufficientStorage:
			tell(all[name], []string{"Retry-After"})
		}
	}
	return all
}

// outer documents a route outside of /api/v1.
func (d *documentation) outer(r *outer) *huma.Operation {
	o := &huma.Operation{Summary: r.summary, OperationID: r.id, Tags: []string{strings.Split(r.path, "/")[1]}, Responses: map[string]*huma.Response{}}
	d.pathParameters(o, r.path)
	d.query(o, r.path, r.query)
	if len(r.takes) > 0 {
		o.RequestBody = &huma.RequestBody{Content: d.media(r.takes, inRequest)}
	}
	for _, a := range r.answers {
		response := &huma.Response{Description: cmp.Or(a.says, statusText(a.status)), Content: d.media(a.content, inAnswer)}
		if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
			tell(response, []string{"Retry-After"})
		}
		if a.status < 300 {
			tell(response, r.tells)
		}
		o.Responses[strconv.Itoa(a.status)] = response
	}
	if r.ranges {
		ranged(o)
	}
	return o
}

func (d *documentation) media(contents []content, u use) map[string]*huma.MediaType {
	media := map[string]*huma.MediaType{}
	for _, c := range contents {
		media[c.media] = &huma.MediaType{Schema: d.schemaOf(c, u)}
	}
	return media
}

func (d *documentation) schemaOf(c content, u use) *huma.Schema {
	switch {
	case c.of == nil:
		return c.schema
	case c.or == nil:
		return d.of(c.of, u)
	}
	return &huma.Schema{AnyOf: []*huma.Schema{d.of(c.of, u), d.of(c.or, u)}}
}

// webhooks documents the messages that destinations of kind webhook get, without a template of their own.
func (d *documentation) webhooks() map[string]*huma.PathItem {
	data := d.of(reflect.TypeFor[models.WebhookData](), inAnswer)
	item := *d.named["Photo"]
	item.Properties = maps.Clone(item.Properties)
	item.Properties["file"] = &huma.Schema{Type: huma.TypeString, ContentEncoding: "base64", Description: "The photo, for a web-hook with include_file."}
	d.named["WebhookData"].Properties["item"] = d.component("WebhookItem", &item)
	all := map[string]*huma.PathItem{}
	for _, name := range models.WebhookTypes {
		message := d.component(camel(name)+"Message", &huma.Schema{Type: huma.TypeObject, Required: []string{"data", "timestamp", "type"},
			Properties: map[string]*huma.Schema{"type": enumOf([]string{name}), "timestamp": {Type: huma.TypeString, Format: "date-time"}, "data": data}})
		id := camel(name)
		all[strings.ToLower(id[:1])+id[1:]] = &huma.PathItem{Post: &huma.Operation{OperationID: "on" + id, Summary: "A web-hook of type " + name, Tags: []string{"webhooks"},
			Description: "Signed as standardwebhooks.com says, by the secret that creating the destination showed.",
			Parameters: []*huma.Param{
				{Name: "webhook-id", In: "header", Required: true, Schema: text(), Description: "One an event and endpoint, the same over retries and replays."},
				{Name: "webhook-timestamp", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeInteger}, Description: "When this try was sent, in Unix seconds."},
				{Name: "webhook-signature", In: "header", Required: true, Schema: text()}},
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: message}}},
			Responses:   map[string]*huma.Response{"2XX": {Description: "Taken. Anything else is tried again, for three days."}}}}
	}
	return all
}

// operationID names an operation after what it does: approveWorkOrder, listWorkOrderPhotos.
func operationID(r *route) string {
	if r.id != "" {
		return r.id
	}
	var fixed []string
	segments := strings.Split(strings.TrimPrefix(r.path, "/"), "/")
	for i, p := range segments {
		if strings.HasPrefix(p, ":") {
			continue
		}
		if i > 0 {
			p, _, _ = strings.Cut(p, ".")
		}
		fixed = append(fixed, p)
	}
	last := fixed[len(fixed)-1]
	one := func(names []string) (all string) {
		for _, n := range names {
			all += camel(singular(n))
		}
		return all
	}
	ofOne := strings.HasPrefix(segments[len(segments)-1], ":")
	if r.method == http.MethodPost && !ofOne && len(fixed) > 1 && singular(last) == last {
		verb, rest, _ := strings.Cut(last, "-") // rotate-key of an integration is rotateIntegrationKey
		return verb + one(fixed[:len(fixed)-1]) + camel(rest)
	}
	if r.method == http.MethodGet && r.out != nil && strings.HasPrefix(r.out.Name(), "list[") {
		return "list" + one(fixed[:len(fixed)-1]) + camel(last)
	}
	return map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPatch: "update", http.MethodPut: "set", http.MethodDelete: "delete"}[r.method] + one(fixed)
}

func singular(name string) string {
	if stem, ies := strings.CutSuffix(name, "ies"); ies {
		return stem + "y"
	}
	return strings.TrimSuffix(name, "s")
}

// docsPolicy lets RapiDoc, which writes style attributes, do so; everything that is loaded is ours.
var docsPolicy = strings.Replace(pagePolicy, "style-src 'self'", "style-src 'self' 'unsafe-inline'", 1)

// docs shows the document by RapiDoc 9.3.8 (pages/rapidoc-min.js, as npm has it, with its licences beside it).
func (s *Server) docs(g *gin.Context) {
	s.page(g, func(c *call) error {
		c.Header("Content-Security-Policy", docsPolicy)
		return c.html(http.StatusOK, "docs.html", nil)
	})
}
