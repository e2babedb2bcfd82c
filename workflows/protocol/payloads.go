package protocol

import (
	"go.temporal.io/sdk/temporal"

	"fieldproof/models"
)

// WorkOrderInput starts a run of an order.
type WorkOrderInput struct {
	OrderID string `json:"order_id"`
	// Carried is what the run before this one knew; nil on a first run.
	Carried *OrderCard `json:"carried,omitempty"`
	// Seen is what whoever starts the run has just read of the rows, when nothing lies there that the run would have to act
	// upon: it does not look again. A bell tells of everything later.
	Seen *OrderCard `json:"seen,omitempty"`
}

// OrderCard is what a workflow knows of its order.
type OrderCard struct {
	AccountID string           `json:"account_id"`
	Number    string           `json:"number"`
	Address   string           `json:"address"`
	Assignee  string           `json:"assignee,omitempty"`
	Due       *models.Time     `json:"due,omitempty"`
	Lifecycle models.Lifecycle `json:"lifecycle"`
	// Unrendered tells that photos wait for their renditions.
	Unrendered bool `json:"unrendered,omitempty"`
	// More tells that rows were left for the next look.
	More bool `json:"more,omitempty"`
}

// SearchAttributes are what an operator finds the order by.
func (c OrderCard) SearchAttributes() []temporal.SearchAttributeUpdate {
	all := []temporal.SearchAttributeUpdate{
		temporal.NewSearchAttributeKeyKeyword(AttributeAccount).ValueSet(c.AccountID),
		temporal.NewSearchAttributeKeyKeyword(AttributeState).ValueSet(string(c.Lifecycle.State)),
		temporal.NewSearchAttributeKeyKeyword(AttributeNumber).ValueSet(c.Number),
	}
	if c.Assignee != "" {
		all = append(all, temporal.NewSearchAttributeKeyKeyword(AttributeAssignee).ValueSet(c.Assignee))
	}
	if c.Due != nil {
		all = append(all, temporal.NewSearchAttributeKeyTime(AttributeDue).ValueSet(c.Due.Time))
	}
	return all
}

// ActInput is one action on its way to an order.
type ActInput struct {
	ActionID string       `json:"action_id"`
	Event    models.Event `json:"event"`
	// Version is that of the row when the action was sent: a workflow that knows less can't judge by itself.
	Version int64 `json:"version"`
}

// Outcome is the answer to an action.
type Outcome struct {
	Applied bool     `json:"applied"`
	Refusal *Refusal `json:"refusal,omitempty"`
}

// Refusal says why an action was not applied: a [models.Error] as a payload.
type Refusal struct {
	Kind    models.Kind         `json:"kind"`
	Message string              `json:"message"`
	Fields  []models.FieldError `json:"fields,omitempty"`
	State   models.State        `json:"state,omitempty"`
	Allowed []models.Event      `json:"allowed,omitempty"`
	Code    string              `json:"code,omitempty"`
}

// Refuse makes a refusal of an error that has a kind.
func Refuse(e *models.Error) *Refusal {
	return &Refusal{Kind: e.Kind, Message: e.Message, Fields: e.Fields, State: e.State, Allowed: e.Allowed, Code: e.Code}
}

// Err is the refusal as the error it was.
func (r *Refusal) Err() *models.Error {
	return &models.Error{Kind: r.Kind, Message: r.Message, Fields: r.Fields, State: r.State, Allowed: r.Allowed, Code: r.Code}
}

// RefusedType is the type of the application error by which the validator refuses; its detail is a [Refusal].
const RefusedType = "refused"

// ApplyInput asks for an action to be applied to the order as the workflow knows it.
type ApplyInput struct {
	AccountID string           `json:"account_id"`
	OrderID   string           `json:"order_id"`
	ActionID  string           `json:"action_id"`
	Lifecycle models.Lifecycle `json:"lifecycle"`
}

// ApplyResult is what became of it, and the order after it.
type ApplyResult struct {
	Outcome Outcome   `json:"outcome"`
	Card    OrderCard `json:"card"`
}

// CatchUpInput asks what came in for an order. A nil lifecycle: the run knows nothing yet.
type CatchUpInput struct {
	OrderID   string            `json:"order_id"`
	Lifecycle *models.Lifecycle `json:"lifecycle,omitempty"`
}

// PublicationInput starts a run of a publication.
type PublicationInput struct {
	PublicationID string `json:"publication_id"`
}

// PublicationPlan is what a run of a publication has to do.
type PublicationPlan struct {
	Number     string         `json:"number"`
	Deliveries []DeliveryPlan `json:"deliveries"`
}

// DeliveryPlan is one delivery that is not done.
type DeliveryPlan struct {
	DeliveryID  string `json:"delivery_id"`
	Destination string `json:"destination"`
	NeedsReport bool   `json:"needs_report"`
	// WaitSeconds until the next try is due.
	WaitSeconds int64 `json:"wait_seconds"`
}

// PublicationEnd tells how many deliveries of a publication are open after all, because somebody asked for another try.
type PublicationEnd struct {
	Open int64 `json:"open"`
}

// DeliverResult is the outcome of one try. RetrySeconds is 0 when there is nothing left to try.
type DeliverResult struct {
	State        string `json:"state"`
	RetrySeconds int64  `json:"retry_seconds"`
}

// WebhookInput starts a run of an endpoint.
type WebhookInput struct {
	DestinationID string `json:"destination_id"`
}

// ClientInput starts a run of an order's way to a client.
type ClientInput struct {
	Subject string `json:"subject"`
}

// WebhookResult is the outcome of a pass over an endpoint's, or a client's, messages. NextSeconds is 0 when nothing waits.
type WebhookResult struct {
	Sent        int    `json:"sent"`
	NextSeconds int64  `json:"next_seconds"`
	LastError   string `json:"last_error,omitempty"`
}

// ShareInput starts a run of a Share link.
type ShareInput struct {
	LinkID string `json:"link_id"`
}

// ShareResult is where a link stands after a turn. Over says that nothing is left to do for good.
type ShareResult struct {
	Name        string `json:"name"`
	State       string `json:"state"`
	Items       int64  `json:"items"` // that wait
	Statuses    int64  `json:"statuses"`
	NextSeconds int64  `json:"next_seconds"`
	Over        bool   `json:"over,omitempty"`
}

// IntegrationInput starts a run of an integration.
type IntegrationInput struct {
	IntegrationID string `json:"integration_id"`
}

// IntegrationPlan is what a run of an integration has to do.
type IntegrationPlan struct {
	Name  string `json:"name"`
	Fetch bool   `json:"fetch"` // now
	// WaitSeconds until a failed fetch is tried again; 0 when nothing waits.
	WaitSeconds int64 `json:"wait_seconds"`
}

// ImportInput starts a run of an import.
type ImportInput struct {
	ImportID string `json:"import_id"`
}

// ImportResult is where an import stands after a pass.
type ImportResult struct {
	State     string `json:"state"`
	Processed int64  `json:"processed"`
}

// BulkInput starts a run of a bulk.
type BulkInput struct {
	BulkID string `json:"bulk_id"`
}

// BulkResult is where a bulk stands after a turn. PauseSeconds is how long the next one waits.
type BulkResult struct {
	Action       string `json:"action"`
	State        string `json:"state"`
	Rows         int64  `json:"rows"`
	Waiting      int64  `json:"waiting"`
	Over         bool   `json:"over,omitempty"`
	PauseSeconds int64  `json:"pause_seconds,omitempty"`
}
