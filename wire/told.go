package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldproof/models"
)

// uploader is what sends our items, as their receivers read it.
const uploader = "fieldproof"

// member is one member of the payload of uploadPictures (domain 8) in both directions.
type member struct {
	name  string
	also  []string // other names by which peers say it, read where the first says nothing
	write func(ItemOut) string
	read  func(i *Item, text string, zone *time.Location) bool // whether it could be read; nil: it is nothing of the item
	share bool                                                 // between two Fieldproofs alone
}

// told are the members in their order.
var told = slices.Concat([]member{
	{name: "clientCode", write: ofOrder(func(o *models.WorkOrder) string { return o.ClientCode })},
	{name: "pictureId", write: itemUUID},
	{name: "uuId", write: itemUUID},
	{name: "uuid", also: []string{"uuId", "UUID", "pictureId"}, write: itemUUID, read: trimmed(func(i *Item) *string { return &i.UUID })},
	{name: "parentUuid", write: func(o ItemOut) string { return o.Item.Origin.ParentUUID }, read: trimmed(func(i *Item) *string { return &i.Origin.ParentUUID })},
	{name: "batchId", write: func(o ItemOut) string { return o.PublicationID }},
	{name: "key1", write: ofOrder(func(o *models.WorkOrder) string { return o.ClientCode })},
	{name: "key2", write: func(o ItemOut) string { return o.Number }, read: trimmed(func(i *Item) *string { return &i.Number })},
	{name: "key3", write: func(o ItemOut) string { return o.Item.EvidenceType }},
	{name: "key4", write: func(o ItemOut) string { return o.Proof.TaskName(o.Item) }, read: trimmed(func(i *Item) *string { return &i.Task })},
	{name: "key5", write: nothing},
	{name: "attribute1", write: ofOrder(func(o *models.WorkOrder) string { return o.Address.Address1 })},
	{name: "attribute2", write: ofOrder(func(o *models.WorkOrder) string { return o.Address.Address2 })},
	{name: "attribute3", write: ofOrder(func(o *models.WorkOrder) string { return o.Address.City })},
	{name: "attribute4", write: ofOrder(func(o *models.WorkOrder) string { return o.Address.State })},
	{name: "attribute5", write: ofOrder(func(o *models.WorkOrder) string { return o.Address.Zip })},
	{name: "attribute6", write: ofOrder(func(o *models.WorkOrder) string { return o.Address.Country })},
}, attributes(), []member{
	{name: "fileName", write: func(o ItemOut) string { return o.FileName }, read: verbatim(func(i *Item) *string { return &i.FileName })},
	{name: "fileExt", write: extension},
	{name: "fileType", write: func(o ItemOut) string { return fileTypes[o.Item.Kind] }, read: lower(func(i *Item) *string { return &i.FileType })},
	{name: "evidenceType", write: func(o ItemOut) string { return o.Item.EvidenceType }, read: lower(func(i *Item) *string { return &i.EvidenceType })},
	{name: "notes", write: notes, read: verbatim(func(i *Item) *string { return &i.Notes })},
	{name: "timestamp", also: []string{"gpsTimestamp", "creationDate"}, write: unixTime, read: moment(func(i *Item) **models.Time { return &i.TakenAt })},
	{name: "creationDate", write: func(o ItemOut) string { return o.local().Format(time.DateTime) }},
	{name: "createdBy", write: func(o ItemOut) string { return o.Proof.Account.Name }},
	{name: "createdBySubUser", write: author, read: trimmed(func(i *Item) *string { return &i.Origin.Author })},
	{name: "lastUpdatedBy", write: author},
	{name: "deviceId", write: func(o ItemOut) string { return o.Item.Device }, read: verbatim(func(i *Item) *string { return &i.Device })},
	{name: "phoneNumber", write: nothing},
	{name: "uploaderVersion", write: func(ItemOut) string { return uploader }},
	{name: "workDay", write: func(o ItemOut) string { return o.local().Format(time.DateOnly) }},
	{name: "gpsLatitude", write: func(o ItemOut) string { return number(o.Item.Position.Latitude) }, read: decimal(func(i *Item) **float64 { return &i.Position.Latitude })},
	{name: "gpsLongitude", write: func(o ItemOut) string { return number(o.Item.Position.Longitude) }, read: decimal(func(i *Item) **float64 { return &i.Position.Longitude })},
	{name: "gpsAccuracy", write: func(o ItemOut) string { return number(o.Item.Position.Accuracy) }, read: decimal(func(i *Item) **float64 { return &i.Position.Accuracy })},
	{name: "gpsTimestamp", write: unixTime},
	{name: "locationDifference", write: difference},
	{name: "csrLocationSource", write: func(o ItemOut) string { return sourceOf(o.Item.Position.Latitude != nil, "gps") }},
	{name: "csrTimeStampSource", write: func(o ItemOut) string { return sourceOf(o.Item.TakenAt != nil, "device") }},
	{name: "csrPictureCount", write: pictures},
	{name: "source_wo_id", write: ofOrder(func(o *models.WorkOrder) string { return o.Source.WorkOrderID })},
	{name: "source_wo_number", write: ofOrder(func(o *models.WorkOrder) string { return o.Source.WorkOrderNumber })},
	{name: "source_wo_provider", write: ofOrder(func(o *models.WorkOrder) string { return o.Source.Provider })},
	{name: "sha256", write: hash, read: func(i *Item, text string, _ *time.Location) bool {
		if text = strings.TrimSpace(text); hashPattern.MatchString(text) {
			i.SHA256 = strings.ToLower(text)
		}
		return i.SHA256 != ""
	}},
	{name: "firstReceivedAt", write: firstReceived, read: moment(func(i *Item) **models.Time { return &i.Origin.FirstReceivedAt })},
	{name: "authenticated", write: func(o ItemOut) string { return flag(o.Item.Certification.Item) }, read: flagged(func(i *Item) **bool { return &i.Claims.Item })},
	{name: "csrCertifiedTime", write: func(o ItemOut) string { return flag(o.Item.Certification.Time) }, read: flagged(func(i *Item) **bool { return &i.Claims.Time })},
	{name: "csrCertifiedLocation", write: func(o ItemOut) string { return flag(o.Item.Certification.Location) }, read: flagged(func(i *Item) **bool { return &i.Claims.Location })},
	{name: "survey", write: ofSurvey(func(o ItemOut) string { return surveyText(o.Item) })}, // DecodeItem reads it whole
	{name: "surveyId", write: func(o ItemOut) string { return o.Item.SurveyID }},
	{name: "template", write: ofSurvey(func(o ItemOut) string { return templateOf(o.Proof, o.Item) }), read: func(i *Item, text string, _ *time.Location) bool {
		i.SurveyID = text
		if _, named, owned := strings.Cut(text, "::"); owned { // {owner}::{survey}
			i.SurveyID = named
		}
		return true
	}},
	{name: "status", write: ofOrder(func(o *models.WorkOrder) string { return string(o.WireStatus()) })},
	{name: "parameters", write: nothing},
}, share([]member{
	{name: "orderId", write: func(o ItemOut) string { return o.Share.OrderID }, read: trimmed(func(i *Item) *string { return &i.OrderID })},
	{name: "revision", write: func(o ItemOut) string { return strconv.FormatInt(o.Share.Revision, 10) }, read: func(i *Item, text string, _ *time.Location) bool {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		i.Revision = max(n, 0)
		return err == nil
	}},
	{name: "withdrawn", write: func(o ItemOut) string { return strconv.FormatBool(o.Share.Withdrawn) }, read: func(i *Item, text string, zone *time.Location) bool {
		var said *bool
		known := flagged(func(*Item) **bool { return &said })(i, text, zone)
		i.Withdrawn = known && *said
		return known
	}},
	{name: "answers", write: func(o ItemOut) string { return o.Item.Answers }, read: verbatim(func(i *Item) *string { return &i.Kept })}, // as they are kept, and hashed
	{name: "receivedAt", write: firstReceived, read: moment(func(i *Item) **models.Time { return &i.Origin.FirstReceivedAt })},
	{name: "statement", write: ofStatement(func(s *models.Statement) string { return s.Text }), read: verbatim(func(i *Item) *string { return &i.Statement.Text })},
	{name: "statementSignature", write: ofStatement(func(s *models.Statement) string { return s.Signature }), read: trimmed(func(i *Item) *string { return &i.Statement.Signature })},
	{name: "statementKey", write: ofStatement(func(s *models.Statement) string { return s.PublicKey }), read: trimmed(func(i *Item) *string { return &i.Statement.PublicKey })},
}))

// share marks what goes between two Fieldproofs alone.
func share(members []member) []member {
	for n := range members {
		members[n].share = true
	}
	return members
}

func ofStatement(of func(*models.Statement) string) func(ItemOut) string {
	return func(o ItemOut) string {
		if o.Share.Statement == nil {
			return ""
		}
		return of(o.Share.Statement)
	}
}

var fileTypes = map[models.ItemKind]string{models.Photo: "picture", models.SurveyResponse: "survey", models.File: "file", models.CheckIn: "check_in"}

// attributes are the order's own texts, returned as they came.
func attributes() []member {
	var all []member
	for n := 7; n <= 30; n++ {
		name := fmt.Sprintf("attribute%d", n)
		all = append(all, member{name: name, write: ofOrder(func(o *models.WorkOrder) string { return o.Attributes[name] })})
	}
	return all
}

func nothing(ItemOut) string { return "" }

func ofOrder(of func(*models.WorkOrder) string) func(ItemOut) string {
	return func(o ItemOut) string { return of(o.Proof.Order) }
}

func ofSurvey(of func(ItemOut) string) func(ItemOut) string {
	return func(o ItemOut) string {
		if o.Item.Kind != models.SurveyResponse {
			return ""
		}
		return of(o)
	}
}

func pictures(o ItemOut) string {
	if o.Share != nil {
		return strconv.FormatInt(o.Share.Pictures, 10)
	}
	return strconv.FormatInt(o.Proof.PhotoCount(), 10)
}

func itemUUID(o ItemOut) string { return o.Item.UUID }

func author(o ItemOut) string { return o.Proof.Users[o.Item.UploadedBy] }

func extension(o ItemOut) string {
	if o.Item.Kind == models.SurveyResponse {
		return "json"
	}
	return strings.TrimPrefix(o.Item.Extension(), ".")
}

func notes(o ItemOut) string {
	if o.Note == "" {
		return o.Item.Notes
	}
	return strings.TrimSpace(o.Item.Notes + " " + o.Note)
}

// taken is when the item was taken, else when it was received: naive peers want a moment.
func (o ItemOut) taken() models.Time {
	if o.Item.TakenAt != nil {
		return *o.Item.TakenAt
	}
	return o.Item.ReceivedAt
}

func (o ItemOut) local() time.Time { return o.taken().In(o.Proof.Account.Location()) }

func unixTime(o ItemOut) string { return strconv.FormatInt(o.taken().Unix(), 10) }

func firstReceived(o ItemOut) string {
	first := o.Item.ReceivedAt
	if o.Item.Origin.FirstReceivedAt != nil {
		first = *o.Item.Origin.FirstReceivedAt
	}
	return first.UTC().Format(time.RFC3339Nano)
}

func difference(o ItemOut) string {
	at, order := o.Item.Position, o.Proof.Order
	if at.Latitude == nil || order.Latitude == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", models.Distance(*at.Latitude, *at.Longitude, *order.Latitude, *order.Longitude))
}

func hash(o ItemOut) string {
	if o.Note != "" {
		return "" // the file is not the item's own; the note tells the hash of that
	}
	return o.Item.ContentHash()
}

var hashPattern = regexp.MustCompile(`^[0-9A-Fa-f]{64}$`)

func number(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

// flag writes a judgement; empty where there was nothing to judge by.
func flag(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "1"
	}
	return "0"
}

type reader = func(*Item, string, *time.Location) bool

func verbatim(of func(*Item) *string) reader {
	return func(i *Item, text string, _ *time.Location) bool { *of(i) = text; return true }
}

func trimmed(of func(*Item) *string) reader {
	return func(i *Item, text string, _ *time.Location) bool {
		*of(i) = strings.TrimSpace(text)
		return *of(i) != ""
	}
}

func lower(of func(*Item) *string) reader {
	return func(i *Item, text string, _ *time.Location) bool {
		*of(i) = strings.ToLower(strings.TrimSpace(text))
		return true
	}
}

func decimal(of func(*Item) **float64) reader {
	return func(i *Item, text string, _ *time.Location) bool {
		f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err == nil && f == f {
			*of(i) = &f
		}
		return true
	}
}

func moment(of func(*Item) **models.Time) reader {
	return func(i *Item, text string, zone *time.Location) bool {
		*of(i) = ParseInstant(text, zone)
		return *of(i) != nil
	}
}

// flagged reads what flag writes, and how else peers write it; what is neither is not said.
func flagged(of func(*Item) **bool) reader {
	return func(i *Item, text string, _ *time.Location) bool {
		yes := false
		switch strings.ToLower(strings.TrimSpace(text)) {
		case "1", "true", "yes":
			yes = true
		case "0", "false", "no":
		default:
			return false
		}
		*of(i) = &yes
		return true
	}
}
