// Package protocol holds what others need to reach a workflow: names, ids, inputs and answers. Payloads carry ids and
// states, never photo bytes, secrets, door codes or what people write.
package protocol

import "strings"

// Workflow types.
const (
	WorkOrder       = "WorkOrder"
	Publication     = "Publication"
	WebhookEndpoint = "WebhookEndpoint"
	Integration     = "Integration"
	Import          = "Import"
	ScheduledFetch  = "ScheduledFetch"
	ClientLink      = "ClientLink"
	Share           = "Share"
	Bulk            = "Bulk"
)

// Task queues. An activity of the main queue can start on the worker that asked for it, without a trip through
// matching; the others hold work that is slow or heavy.
const (
	MainQueue     = "fieldproof"
	MediaQueue    = "fieldproof-media"
	ReportQueue   = "fieldproof-reports"
	DeliveryQueue = "fieldproof-deliveries"
	ImportQueue   = "fieldproof-imports"
	ShareQueue    = "fieldproof-share"
	BulkQueue     = "fieldproof-bulk"
)

// Queues lists every task queue.
var Queues = []string{MainQueue, MediaQueue, ReportQueue, DeliveryQueue, ImportQueue, ShareQueue, BulkQueue}

const (
	// Bell is the one signal of every workflow: look at your rows again.
	Bell = "bell"
	// Act is the update by which an action reaches an order.
	Act = "act"
)

// Activities.
const (
	ApplyAction     = "ApplyAction"
	CatchUp         = "CatchUp"
	MakeRenditions  = "MakeRenditions"
	PlanPublication = "PlanPublication"
	RenderReport    = "RenderReport"
	Deliver         = "Deliver"
	EndPublication  = "EndPublication"
	SendWebhooks    = "SendWebhooks"
	SendToClient    = "SendToClient"
	PlanIntegration = "PlanIntegration"
	Fetch           = "Fetch"
	AskFetch        = "AskFetch"
	RunImport       = "RunImport"
	ShareTurn       = "ShareTurn"
	RunBulk         = "RunBulk"
)

// Search attributes with their types.
const (
	AttributeAccount  = "FieldproofAccount"
	AttributeState    = "FieldproofState"
	AttributeNumber   = "FieldproofNumber"
	AttributeAssignee = "FieldproofAssignee"
	AttributeDue      = "FieldproofDue"
)

// SearchAttributes maps each search attribute to its type, as Temporal's tools write it.
var SearchAttributes = map[string]string{
	AttributeAccount: "Keyword", AttributeState: "Keyword", AttributeNumber: "Keyword", AttributeAssignee: "Keyword", AttributeDue: "Datetime",
}

// WorkOrderID is the workflow id of an order.
func WorkOrderID(orderID string) string { return "work-order/" + orderID }

// PublicationID is the workflow id of a publication.
func PublicationID(publicationID string) string { return "publication/" + publicationID }

// WebhookID is the workflow id of a web-hook endpoint.
func WebhookID(destinationID string) string { return "webhook/" + destinationID }

// ClientID is the workflow id of one order's way to one client; see [models.ClientSubject].
func ClientID(subject string) string { return "client/" + subject }

// ShareID is the workflow id of a Share link.
func ShareID(linkID string) string { return "share/" + linkID }

// IntegrationID is the workflow id of an integration.
func IntegrationID(integrationID string) string { return "integration/" + integrationID }

// ImportID is the workflow id of an import.
func ImportID(importID string) string { return "import/" + importID }

// BulkID is the workflow id of a bulk.
func BulkID(bulkID string) string { return "bulk/" + bulkID }

// ScheduleID is the id of the schedule by which an integration fetches.
func ScheduleID(integrationID string) string { return "fetch/" + integrationID }

// Parse splits a workflow id into its kind and the id of its subject.
func Parse(workflowID string) (kind, subject string, ok bool) { return strings.Cut(workflowID, "/") }
