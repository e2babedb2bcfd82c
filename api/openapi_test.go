package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fieldproof/models"
	"fieldproof/peers"
)

func documented(t *testing.T) map[string]any {
	t.Helper()
	text, err := (&Server{}).document()
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(text, &document))
	return document
}

// at walks the document.
func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for i, step := range path {
		object, ok := v.(map[string]any)
		require.True(t, ok, "%v has no %s", path[:i], step)
		require.Contains(t, object, step, "%v", path[:i])
		v = object[step]
	}
	return v
}

// walk visits every object of a document.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			walk(v[name], visit)
		}
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	}
}

func operations(t *testing.T, document map[string]any, visit func(where string, operation map[string]any)) {
	for path, item := range at(t, document, "paths").(map[string]any) {
		for method, operation := range item.(map[string]any) {
			visit(strings.ToUpper(method)+" "+path, operation.(map[string]any))
		}
	}
}

func TestOperationsAreNamedAfterWhatTheyDo(t *testing.T) {
	document := documented(t)
	name := regexp.MustCompile(`^[a-z]+([A-Z][a-z0-9]*|CSV|XLSX)*$`)
	operations(t, document, func(where string, operation map[string]any) {
		require.Regexp(t, name, operation["operationId"], where)
	})
	for where, want := range map[string]string{
		"POST /api/v1/work-orders/{id}/approve":        "approveWorkOrder",
		"GET /api/v1/work-orders/{id}/photos":          "listWorkOrderPhotos",
		"POST /api/v1/work-orders/{id}/photos":         "uploadPhoto",
		"POST /api/v1/integrations/{id}/rotate-key":    "rotateIntegrationKey",
		"PATCH /api/v1/properties/{id}":                "updateProperty",
		"DELETE /api/v1/sessions/current":              "signOut",
		"POST /push/{key}":                             "pushOrders",
		"POST /integration/v2/uploadPictures":          "uploadPictures",
		"GET /s/{token}":                               "showLink",
		"GET /verify/{uuid}":                           "verifyItem",
		"GET /api/v1/work-orders.csv":                  "exportWorkOrdersAsCSV",
		"POST /api/v1/destinations/{id}/rotate-secret": "rotateDestinationSecret",
	} {
		method, path, _ := strings.Cut(where, " ")
		require.Equal(t, want, at(t, document, "paths", path, strings.ToLower(method), "operationId"), where)
	}
}

func TestTheDocumentNamesNothingThatItLacks(t *testing.T) {
	document := documented(t)
	used := map[string]bool{}
	walk(document, func(object map[string]any) {
		if ref, ok := object["$ref"].(string); ok {
			used[ref] = true
			at(t, document, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	})
	for name := range at(t, document, "components", "schemas").(map[string]any) {
		require.True(t, used[componentPrefix+name], "nothing uses the shape %s", name)
	}
}

func TestPatchesRequireNothingAndRequestsOnlyWhatIsNeeded(t *testing.T) {
	document := documented(t)
	shapes := at(t, document, "components", "schemas").(map[string]any)
	for name, shape := range shapes {
		if strings.HasSuffix(name, "Patch") {
			require.NotContains(t, shape, "required", name)
		}
	}
	for name, required := range map[string][]any{
		"NewWorkOrder": {"work_order_number"}, "NewTask": {"name"}, "NewUser": {"role", "username"}, "Credentials": {"password", "username"},
		"Assignment": {"assignee"}, "Rejection": {"reason"}, "NewWebhookDestination": {"kind", "name", "settings"}, "NewWebhookSettings": {"url"},
		"NewFolderSettings": {"path"}, "NewMailSettings": {"to"}, "NewIntegration": {"client_code", "kind"},
	} {
		require.Equal(t, required, at(t, shapes, name, "required"), name)
	}
	for _, name := range []string{"Reason", "Publishing", "NewLink"} {
		require.NotContains(t, shapes[name], "required", name)
	}
	operations(t, document, func(where string, operation map[string]any) {
		if strings.HasPrefix(where, "PATCH") && where != "PATCH /api/v1/uploads/{id}" { // which brings bytes
			content := at(t, operation, "requestBody", "content")
			require.Contains(t, content, "application/merge-patch+json", where)
		}
	})
}

func TestClosedSetsOfWordsAreEnums(t *testing.T) {
	shapes := at(t, documented(t), "components", "schemas")
	for name, words := range map[string][]string{
		"State": wordsIn(models.States), "Priority": models.Priorities, "ItemSource": wordsIn(models.ItemSources), "QAPolicy": wordsIn(models.QAPolicies),
		"DestinationKind": wordsIn(models.DestinationKinds), "IntegrationKind": wordsIn(models.IntegrationKinds), "Privilege": wordsIn(models.Privileges),
		"Review": wordsIn(models.Reviews), "DeliveryState": models.DeliveryStates, "PublishTo": models.PublishTargets,
	} {
		var enum []string
		for _, word := range at(t, shapes, name, "enum").([]any) {
			enum = append(enum, word.(string))
		}
		require.Equal(t, words, enum, name)
	}
}

func wordsIn[T ~string](values []T) (words []string) {
	for _, v := range values {
		words = append(words, string(v))
	}
	return words
}

func TestAKindOfDestinationHasItsOwnSettings(t *testing.T) {
	shapes := at(t, documented(t), "components", "schemas")
	for _, kind := range models.DestinationKinds {
		for _, union := range []string{"Destination", "NewDestination"} {
			if union == "NewDestination" && !slices.Contains(models.MadeKinds, kind) {
				require.NotContains(t, at(t, shapes, union, "discriminator", "mapping"), string(kind), "nobody makes it by hand")
				continue
			}
			of := strings.TrimPrefix(at(t, shapes, union, "discriminator", "mapping", string(kind)).(string), componentPrefix)
			require.Equal(t, []any{string(kind)}, at(t, shapes, of, "properties", "kind", "enum"))
			settings := strings.TrimPrefix(at(t, shapes, of, "properties", "settings", "$ref").(string), componentPrefix)
			at(t, shapes, settings, "properties")
		}
	}
	require.NotContains(t, at(t, shapes, "NewMailSettings", "properties"), "url")
	require.Contains(t, at(t, shapes, "NewSftpSettings", "properties", "options", "properties"), "host_key")
	require.NotContains(t, at(t, shapes, "SftpSettings", "properties", "options", "properties"), "pass", "a secret is write only")
}

func TestAnswersStayOpenAndRequestsClosed(t *testing.T) {
	shapes := at(t, documented(t), "components", "schemas")
	require.NotContains(t, at(t, shapes, "WorkOrder"), "additionalProperties")
	require.Equal(t, false, at(t, shapes, "NewWorkOrder", "additionalProperties"))
	require.Equal(t, false, at(t, shapes, "WorkOrderPatch", "additionalProperties"))
	require.Equal(t, []any{"string", "null"}, at(t, shapes, "WorkOrder", "properties", "assignee", "type"))
}

func TestHeadersAndStatusesAreSaid(t *testing.T) {
	document := documented(t)
	bytes := at(t, document, "paths", "/api/v1/photos/{id}/original", "get", "responses")
	for _, status := range []string{"200", "206", "304", "404", "416", "503"} {
		require.Contains(t, bytes, status)
	}
	for _, drawn := range []string{"/api/v1/photos/{id}/display", "/api/v1/photos/{id}/thumbnail", "/s/{token}/items/{item}/{rendition}"} {
		responses := at(t, document, "paths", drawn, "get", "responses")
		require.Contains(t, responses, "415", "%s: a file that is no picture", drawn)
		require.Contains(t, responses, "422", "%s: a picture too large to draw", drawn)
	}
	require.Contains(t, at(t, document, "paths", "/api/v1/work-orders/{id}/check-ins", "post", "responses"), "200", "a repeat")
	at(t, document, "paths", "/api/v1/work-orders/{id}", "get", "responses", "200", "headers", "ETag")
	names := func(path, method string) (all []string) {
		for _, p := range at(t, document, "paths", path, method, "parameters").([]any) {
			all = append(all, p.(map[string]any)["name"].(string))
		}
		return all
	}
	require.Subset(t, names("/api/v1/work-orders/{id}/approve", "post"), []string{"If-Match", "Idempotency-Key"})
	operations(t, document, func(where string, operation map[string]any) {
		parameters, _ := operation["parameters"].([]any)
		for _, p := range parameters {
			schema := at(t, p, "schema").(map[string]any)
			require.True(t, schema["type"] != nil || schema["$ref"] != nil, "%s: %v has no type", where, p)
		}
	})
	hooks := at(t, document, "webhooks").(map[string]any)
	require.Len(t, hooks, len(models.WebhookTypes))
	at(t, hooks, "itemPublished", "post", "requestBody", "content", "application/json", "schema")
}

// TestTheDocumentationIsShownByAPinnedRapiDoc: the built file of npm's rapidoc 9.3.8, unchanged, with the licences that it
// must not go without.
func TestTheDocumentationIsShownByAPinnedRapiDoc(t *testing.T) {
	script, err := pageFiles.ReadFile("pages/rapidoc-min.js")
	require.NoError(t, err)
	sum := sha256.Sum256(script)
	require.Equal(t, "affbd173a65e870e18f392cca963113bcdafb6e50e88cd2f6a834a65b22db94d", hex.EncodeToString(sum[:]))
	require.True(t, strings.HasPrefix(string(script), "/*! RapiDoc 9.3.8 "))
	for _, name := range []string{"rapidoc-LICENSE.txt", "rapidoc-min.js.LICENSE.txt"} {
		licence, err := pageFiles.ReadFile("pages/" + name)
		require.NoError(t, err)
		require.Contains(t, string(licence), "MIT", name)
	}
}

// TestEveryServiceOfPeersIsDocumented: also those for a Fieldproof alone, and what it may say and hears beside others.
func TestEveryServiceOfPeersIsDocumented(t *testing.T) {
	document := documented(t)
	for _, name := range peers.ServiceNames() {
		operation := at(t, document, "paths", "/integration/v2/"+name, "post")
		asks := at(t, operation, "requestBody", "content", "application/json", "schema", "properties").(map[string]any)
		hears := at(t, operation, "responses", "200", "content", "application/json", "schema", "properties").(map[string]any)
		for _, member := range []string{"fieldproof", "username", "token"} {
			require.Contains(t, asks, member, name)
		}
		require.Contains(t, hears, "fieldproof", name)
		for _, members := range []struct {
			names map[string][]string
			in    map[string]any
		}{{map[string][]string{"validate": {"account", "accountName", "keys", "pushkey"}, "getWorkOrders": {"cursor", "timestamp", "orders"}, "status": {"workOrders"},
			"uploadPictures": {"orderId", "revision", "withdrawn", "receivedAt", "statement", "statementSignature", "statementKey"}, "lacks": {"items"}, "compare": {"digests", "mended"}, "item": {"uuid"},
			"invitation": {"invitation", "account", "accountName", "keys", "pushkey"}}, asks},
			{map[string][]string{"validate": {"account", "accountName", "keys", "linkState"}, "getWorkOrders": {"cursor"}, "uploadPictures": {"revision", "code"}, "status": {"number", "code"},
				"lacks": {"lacks"}, "compare": {"differs"}, "invitation": {"token", "username", "account", "accountName", "keys", "expiresAt"}}, hears}} {
			for _, member := range members.names[name] {
				require.Contains(t, members.in, member, name)
			}
		}
	}
	order := at(t, document, "paths", "/integration/v2/getWorkOrders", "post", "responses", "200", "content", "application/json", "schema", "properties", "workOrders", "items", "properties")
	for _, member := range []string{"orderId", "orderVersion", "path", "rejection"} {
		require.Contains(t, order, member)
	}
	at(t, document, "paths", "/integration/v2/item", "post", "responses", "200", "content", "multipart/form-data")
}
