package api

import (
	"maps"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// peerService is a service of the external-integration API as it is documented. What its callers say is described and not
// held to types: they are read as they are.
type peerService struct {
	name, summary string
	asks          map[string]string // beside the credentials
	answers       map[string]*huma.Schema
	between       bool     // there is such a service only for a Fieldproof that names itself
	form          *content // what it answers to who gets no JSON
}

// betweenTwo begins what is said of members that go between two Fieldproofs alone.
const betweenTwo = "Between two Fieldproofs: "

// credentialsOf is how every caller says who it is.
var credentialsOf = map[string]string{
	"username": "A user with the role subcontractor.", "password": "The SHA-1 of the password in hex, or empty.", "token": "An API token, or the password.",
	"fieldproof": betweenTwo + "the words that the caller knows, now share1. Who does not say it hears nothing of what is told to a Fieldproof alone.",
	"account":    betweenTwo + "the random name of the caller's account for this link.",
}

func peerServices() []peerService {
	truth := &huma.Schema{Type: huma.TypeBoolean}
	says := func(what string) *huma.Schema {
		return &huma.Schema{Type: huma.TypeString, Description: betweenTwo + what}
	}
	refusal := &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeString}, {Type: "null"}, {Type: huma.TypeObject, Required: []string{"error", "workOrderNumber"},
		Properties: map[string]*huma.Schema{"workOrderNumber": text(), "error": text()}}}}
	order := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Required: []string{"workOrderNumber"}, Properties: map[string]*huma.Schema{"workOrderNumber": text(), "clientStatus": text(),
		"orderId": says("what the delegator calls the order for itself."), "orderVersion": says("its version there."),
		"path":      says("JSON {salt, marks}: a mark of each account that the order went through, which that account alone recognises."),
		"rejection": says("JSON {id, reason, uuids}: the last one, which acts once.")}}
	code := says("what kind of refusal it is.")
	keys := says("JSON: the key entries of the account's chain, oldest first.")
	form := &content{media: "multipart/form-data", schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"payload"}, Properties: map[string]*huma.Schema{
		"payload": {Type: huma.TypeString, Description: "The item's members as uploadPictures takes them, as JSON."}, "file": {Type: huma.TypeString, Format: "binary"}}}}
	return []peerService{
		{name: "validate", summary: "Whether the credentials of a subcontractor are good", asks: map[string]string{"pushkey": "Where the caller wants to be told that something changed.",
			"accountName": betweenTwo + "the name of the caller's account.", "keys": betweenTwo + "JSON: the key entries of its chain, oldest first.",
			"linkState": betweenTwo + "ended, from a caller that has ended the link."},
			answers: map[string]*huma.Schema{"error": text(), "validated": truth, "status": truth, "account": says("the random name of the host's account for this link."),
				"accountName": says("the name of the host's account."), "keys": keys}},
		{name: "getWorkOrders", summary: "The orders that are assigned to a subcontractor", asks: map[string]string{"timestamp": "Unix seconds since which changes are told; null for all.",
			"cursor": betweenTwo + "as it was last answered, instead of timestamp.", "orders": betweenTwo + "JSON: a list of orderIds, of which alone is told."},
			answers: map[string]*huma.Schema{"error": text(), "workOrders": {Type: huma.TypeArray, Items: order}, "cursor": says("by which the caller asks the next time.")}},
		{name: "uploadPictures", summary: "Bring one photo, survey or file", asks: map[string]string{"uuid": "The item's own, by which a repeat is known.", "key2": "The order's number.", "key4": "The task's name.",
			"fileType": "picture, survey or file; between two Fieldproofs also check_in.", "orderId": betweenTwo + "the delegator's.", "revision": betweenTwo + "of the item, counted by its sender.",
			"withdrawn": betweenTwo + "true when its sender has withdrawn it.", "receivedAt": betweenTwo + "when the item first reached a server.",
			"statement": betweenTwo + "what the account whose phone delivered the item says of it.", "statementSignature": betweenTwo + "Ed25519, Base64.", "statementKey": betweenTwo + "the public key, Base64."},
			answers: map[string]*huma.Schema{"status": truth, "error": refusal, "revision": says("which is held."), "code": code}},
		{name: "status", summary: "Tell how far orders are", asks: map[string]string{"workOrders": "A list of {workOrderNumber, status, fieldStatus, clientStatus}; between two Fieldproofs also orderId, number, reason, and refused: why the order is not taken."},
			answers: map[string]*huma.Schema{"status": truth, "error": refusal, "number": says("the highest that was said of the order."), "code": code}},
		{name: "lacks", summary: "Which of some items the host lacks", between: true, asks: map[string]string{"items": "JSON: a list of {uuid, sha256, revision}, at most 1,000."},
			answers: map[string]*huma.Schema{"status": truth, "error": refusal, "lacks": says("JSON: a list of uuids.")}},
		{name: "compare", summary: "What the host has otherwise of what was told", between: true, asks: map[string]string{"digests": "JSON: the digests of buckets of orders, or of the orders of some buckets, or orders whose lines are asked for.",
			"mended": "JSON: what was mended since, as counts."},
			answers: map[string]*huma.Schema{"error": text(), "differs": says("JSON: the buckets, the orders or the lines.")}},
		{name: "item", summary: "An item that came by the caller's login, with its bytes", between: true, form: form, asks: map[string]string{"uuid": "The item's."}, answers: map[string]*huma.Schema{"error": text()}},
		{name: "invitation", summary: "Who invites to a Share link; with a name of the caller's it is taken", between: true, asks: map[string]string{"invitation": "The invitation's secret: no other credentials are asked for.",
			"account": "A random name of the caller's account for this link: with it the invitation is taken, and the same again is the same link.", "accountName": "The name of the caller's account.",
			"keys": "JSON: the key entries of its chain, oldest first.", "pushkey": "Where the caller wants to be told that something changed."},
			answers: map[string]*huma.Schema{"error": text(), "accountName": says("the name of the host's account."), "expiresAt": says("until when the invitation stands."), "token": says("for the link that is made."),
				"username": says("for the link that is made."), "account": says("the random name of the host's account for this link."), "keys": keys}},
	}
}

// takes is what a service reads.
func (p *peerService) takes() []content {
	payload := &huma.Schema{Type: huma.TypeObject, Required: []string{"payload"}, Properties: map[string]*huma.Schema{
		"payload": {Type: huma.TypeString, Description: "What is said, as JSON, the credentials in it."}, "file": {Type: huma.TypeString, Format: "binary"}}}
	body := anything()
	body.Properties = map[string]*huma.Schema{}
	said := maps.Clone(credentialsOf)
	maps.Copy(said, p.asks)
	for name, what := range said {
		body.Properties[name] = &huma.Schema{Description: what}
	}
	return []content{{media: "application/json", schema: body}, {media: "application/x-www-form-urlencoded", schema: payload}, {media: "multipart/form-data", schema: payload}}
}

// refusesWith are the statuses with which the services refuse beside 200.
var refusesWith = []int{http.StatusRequestEntityTooLarge, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInsufficientStorage}

// noSuch is how whoever may not ask for a service is answered, and who asks for none.
func noSuch() answer {
	return answer{status: http.StatusNotFound, content: []content{{media: "application/problem+json", of: reflect.TypeFor[Problem]()}}}
}

func (p *peerService) outer() outer {
	members := maps.Clone(p.answers)
	members["fieldproof"] = &huma.Schema{Type: huma.TypeString, Description: betweenTwo + "the words that the host knows, to a caller that named itself and whose credentials are good."}
	members["linkState"] = &huma.Schema{Type: huma.TypeString, Description: betweenTwo + "where the link stands, to who may not: waiting, paused, refused or ended."}
	body := content{media: "application/json", schema: &huma.Schema{Type: huma.TypeObject, Properties: members, Required: []string{"error"}}}
	o := outer{method: http.MethodPost, path: "/integration/v2/" + p.name, id: p.name, summary: p.summary, takes: p.takes()}
	good := answer{status: http.StatusOK, says: "What is wrong stands in error", content: []content{body}}
	if p.form != nil {
		good.content = append(good.content, *p.form)
	}
	o.answers = []answer{good}
	for _, status := range refusesWith {
		o.answers = append(o.answers, answer{status: status, content: []content{body}})
	}
	if p.between {
		o.answers = append(o.answers, noSuch())
	}
	return o
}

func (s *Server) peerRoutes() []outer {
	some := content{media: "application/json", schema: anything()}
	spelt := outer{method: http.MethodPost, path: "/integration/v2/:service", id: "callService", summary: "A service of the external-integration API by another spelling, such as validate.php",
		takes: (&peerService{}).takes(), handle: s.callPeerService}
	for _, status := range append([]int{http.StatusOK}, refusesWith...) {
		spelt.answers = append(spelt.answers, answer{status: status, content: []content{some}})
	}
	spelt.answers = append(spelt.answers, noSuch())
	all := []outer{spelt}
	for _, p := range peerServices() {
		all = append(all, p.outer())
	}
	return all
}
