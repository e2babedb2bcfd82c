package models

// The closed sets of words that requests and answers are written in. Types that are such a set know their words by the
// method Words; a member of type string names its set in the tag words. The API's document is made of both, so a word that
// is missing here is missing there, and the tests from outside notice.

// Words lists the states.
func (State) Words() []string { return wordsOf(States) }

// Events lists every event, in the order of an order's life.
var Events = []Event{Assign, Unassign, Start, Complete, Reject, Approve, Unapprove, Publish, Cancel, Reopen, Close, Delete, Restore}

// Words lists the events.
func (Event) Words() []string { return wordsOf(Events) }

// EventTypes lists the words that a history keeps.
var EventTypes = []EventType{TypeCreated, TypeUpdated, TypeViewed, TypeAssigned, TypeUnassigned, TypeInProgress, TypeCompleted, TypeRejected, TypeApproved,
	TypeUnapproved, TypePublished, TypeCancelled, TypeRelayed, TypeReopened, TypeClosed, TypeDeleted, TypeRestored}

// Words lists the types of event.
func (EventType) Words() []string { return wordsOf(EventTypes) }

// ItemKinds lists the kinds of item.
var ItemKinds = []ItemKind{Photo, CheckIn, SurveyResponse, File}

// Words lists the kinds of item.
func (ItemKind) Words() []string { return wordsOf(ItemKinds) }

// ItemSources lists the sources of items.
var ItemSources = []ItemSource{MobileCamera, MobileGallery, WebUpload, FromShare, FromPeer}

// UploadSources lists the sources that an upload may name.
var UploadSources = []ItemSource{MobileCamera, MobileGallery, WebUpload}

// Words lists the sources.
func (ItemSource) Words() []string { return wordsOf(ItemSources) }

// Reviews lists the reviews.
var Reviews = []Review{ReviewPending, ReviewApproved, ReviewRejected}

// Words lists the reviews.
func (Review) Words() []string { return wordsOf(Reviews) }

// QAPolicies lists the policies.
var QAPolicies = []QAPolicy{OfficeReview, AutoPublish, AutoRelay}

// Words lists the policies.
func (QAPolicy) Words() []string { return wordsOf(QAPolicies) }

// Words lists the privileges.
func (Privilege) Words() []string { return wordsOf(Privileges) }

// Words lists the kinds of destination.
func (DestinationKind) Words() []string { return wordsOf(DestinationKinds) }

// Words lists the kinds of what the audit log tells of.
func (AuditKind) Words() []string { return wordsOf(AuditKinds) }

// Words lists the kinds of integration.
func (IntegrationKind) Words() []string { return wordsOf(IntegrationKinds) }

var (
	// Priorities lists the priorities of an order.
	Priorities = []string{PriorityNormal, PriorityRush, PriorityRework}
	// FieldStatuses lists where an order stands on the phone.
	FieldStatuses = []string{FieldNew, FieldViewed, FieldUpdated, FieldInProcess, FieldCompleted}
	// PublishTargets lists what publish_to may say.
	PublishTargets = []string{"none", "storage", "client", "both"}
	// TaskKinds lists the kinds of task.
	TaskKinds = []string{PhotoTask, SurveyTask}
	// DeliveryStates lists the states of a delivery and of a message.
	DeliveryStates = []string{DeliveryPending, DeliveryRetrying, DeliveryDelivered, DeliveryFailed}
	// ImportStates lists the states of an import.
	ImportStates = []string{ImportPending, ImportRunning, ImportDone, ImportFailed, ImportCancelled}
	// BulkStates lists the states of a bulk.
	BulkStates = []string{BulkPending, BulkRunning, BulkDone, BulkCancelled}
	// BulkResults lists what becomes of an order of a bulk.
	BulkResults = []string{RowWaiting, RowDone, RowUnchanged, RowRefused, RowCancelled}
	// Results lists what becomes of an incoming order.
	Results = []string{ResultCreated, ResultUpdated, ResultUnchanged, ResultRejected}
	// IntegrationStatuses lists what an integration's refresh does.
	IntegrationStatuses = []string{IntegrationIdle, IntegrationPending, IntegrationRunning, IntegrationError}
	// LogKinds lists what an integration's log tells of.
	LogKinds = []string{LogPush, LogRefresh, LogValidate, LogFile}
	// LogOutcomes lists how what the log tells of went.
	LogOutcomes = []string{"ok", "partly", "failed"}
	// AlertKinds lists the kinds of alert.
	AlertKinds = []string{AlertLateItems, AlertFailedDelivery, AlertWebhookFailing, AlertFailedImport, AlertPeerTrouble, AlertStatusIgnored, AlertAwaited, AlertWaiting}
	// AnnouncementStates lists the states of an announcement.
	AnnouncementStates = []string{AnnouncementOpen, AnnouncementArrived, AnnouncementWithdrawn, AnnouncementLost}
	// AnnouncementColumns lists what may be said of a photo that is announced.
	AnnouncementColumns = []string{"uuid", "work_order_id", "task_id", "evidence_type", "sha256", "size", "taken_at", "latitude", "longitude", "accuracy", "source", "notes", "shot", "offset_ms"}
	// AnnouncedWords lists what a row of an announcement is answered.
	AnnouncedWords = []string{AnnouncementOpen, AnnouncementArrived, AnnouncementRefused}
	// PhotoStands lists where a photo may be that is looked for.
	PhotoStands = []string{PhotoHere, AnnouncementOpen, AnnouncementRefused, AnnouncementWithdrawn, AnnouncementLost}
	// PolicySources lists from where an order may have its policy.
	PolicySources = []string{PolicyOfOrder, PolicyOfIntegration, PolicyOfAccount}
	// LinkLooks lists what is noted of a secure link.
	LinkLooks = []string{"page", "wrong_password", "report", "archive", "original", "comment"}
	// MailAttachments lists what a mail may bring.
	MailAttachments = []string{MailReport, MailLink, MailBoth}
	// AuditWords lists what the audit log says was done.
	AuditWords = []string{AuditCreated, AuditChanged, AuditDeleted, AuditInvited}
	// ClientMessageKinds lists what goes to a client's system.
	ClientMessageKinds = []string{ClientItem, ClientStatus}
)

// Vocabulary maps the names that tags give to sets of words.
var Vocabulary = map[string][]string{
	"priority": Priorities, "field_status": FieldStatuses, "publish_to": PublishTargets, "task_kind": TaskKinds, "delivery_state": DeliveryStates,
	"import_state": ImportStates, "result": Results, "integration_status": IntegrationStatuses, "log_kind": LogKinds, "log_outcome": LogOutcomes,
	"alert_kind": AlertKinds, "link_look": LinkLooks, "mail_attachment": MailAttachments, "client_message_kind": ClientMessageKinds, "webhook_type": WebhookTypes,
	"bulk_state": BulkStates, "bulk_result": BulkResults, "bulk_action": BulkActions, "review_result": ReviewResults, "language": Languages, "units": Units, "life": LifeWords,
	"rescue_state": RescueStates, "rescue_result": RescueResults,
	"announcement_state": AnnouncementStates, "announcement_column": AnnouncementColumns, "announced_result": AnnouncedWords, "photo_stands": PhotoStands, "policy_from": PolicySources,
	"upload_source": wordsOf(UploadSources), "audit_what": AuditWords,
}

func wordsOf[T ~string](values []T) []string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = string(v)
	}
	return words
}
