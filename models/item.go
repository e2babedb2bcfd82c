package models

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ItemKind is what an item is.
type ItemKind string

// The kinds of item.
const (
	Photo          ItemKind = "photo"
	CheckIn        ItemKind = "check_in"
	SurveyResponse ItemKind = "survey_response"
	File           ItemKind = "file" // what a peer sends beside photos and surveys
)

// ItemSource is how an item came to be.
type ItemSource string

// The sources.
const (
	MobileCamera  ItemSource = "mobile_camera"
	MobileGallery ItemSource = "mobile_gallery"
	WebUpload     ItemSource = "web_upload"
	FromShare     ItemSource = "share"
	FromPeer      ItemSource = "integration"
)

// Review is what the office thinks of one item.
type Review string

// The reviews.
const (
	ReviewPending  Review = "pending"
	ReviewApproved Review = "approved"
	ReviewRejected Review = "rejected"
)

// The states of a photo's renditions.
const (
	RenditionsDue    = ""
	RenditionsMade   = "made"
	RenditionsFailed = "failed"
)

// Certification is what we can vouch for about an item. Null: there is nothing to judge by. False never means that the
// claim is wrong, only that we can't vouch for it.
type Certification struct {
	Item     *bool `gorm:"column:certified_item" json:"item"`
	Time     *bool `gorm:"column:certified_time" json:"time"`
	Location *bool `gorm:"column:certified_location" json:"location"`
}

// Claims are what is said of an item that we can't judge: by its file, where time or place were read from it (of photos that
// people sent), or by the peer that brought it. Null: nothing is claimed.
type Claims struct {
	Item     *bool `gorm:"column:claimed_item" json:"item"`
	Time     *bool `gorm:"column:claimed_time" json:"time"`
	Location *bool `gorm:"column:claimed_location" json:"location"`
}

// View is nil when nothing is claimed.
func (c Claims) View() *Claims {
	if c.Item == nil && c.Time == nil && c.Location == nil {
		return nil
	}
	return &c
}

// Origin is what the peer that brought an item says of its past: claims, as [Claims] are.
type Origin struct {
	Author          string // who made it, as the peer names them
	ParentUUID      string `gorm:"column:parent_uuid"` // of the item that it was made from
	FirstReceivedAt *Time  // when it first reached a server
}

// Bounded is what is kept of it.
func (o Origin) Bounded() Origin {
	o.Author = Undirected(o.Author)
	if words := []rune(o.Author); len(words) > 200 {
		o.Author = string(words[:200])
	}
	if !uuidPattern.MatchString(o.ParentUUID) {
		o.ParentUUID = ""
	}
	return o
}

// Position is a place on earth in degrees, with its accuracy in metres.
type Position struct {
	Latitude  *float64 `json:"latitude"`
	Longitude *float64 `json:"longitude"`
	Accuracy  *float64 `json:"accuracy"`
}

// Item is one piece of proof on an order.
type Item struct {
	ID             string `gorm:"primaryKey"`
	AccountID      string
	WorkOrderID    string
	TaskID         *string
	Kind           ItemKind
	UUID           string `gorm:"column:uuid"` // made on the device, as it first came; an account has it once
	UUIDKey        string `gorm:"column:uuid_key"`
	Revision       int64  // counts the changes that a destination must hear of
	EvidenceType   string
	TakenAt        *Time
	ReceivedAt     Time
	Position       Position `gorm:"embedded"`
	PositionAt     *Time    // when the phone measured it; nil where it did not say
	Zone           string   // of the clock by which it was taken; "" where the phone did not say
	Source         ItemSource
	Certification  Certification `gorm:"embedded"`
	Claims         Claims        `gorm:"embedded"`
	Origin         Origin        `gorm:"embedded"`
	Review         Review
	ReviewReason   string
	ReviewedBy     string // the user who judged it last; "" for nobody
	ReviewedAt     *Time
	Flagged        bool   // the office put it aside
	Rotation       int64  // by how many degrees the office turned it clockwise: in all that is drawn of it, never in the original
	ApprovedWith   string // the approval of the whole order that approved it; "" when the office looked at it alone
	UploadedBy     string // user id
	ByOffice       bool   // the uploader was an office user then
	Notes          string
	Device         string
	FileName       string // what its file was called by who sent it; "" where that is not known
	Noticed        bool   // the order's workflow has seen it
	SHA256         string `gorm:"column:sha256"` // of the bytes as taken, lower-case hex
	Size           int64
	CRC32          int64 `gorm:"column:crc32"`
	ContentType    string
	BlobKey        string
	Width          int64
	Height         int64
	Renditions     string
	RenditionError string
	Placeholder    string     // a tiny picture of it before it was rotated, base64; "" until its renditions are made
	Turned         bool       // upright it is as wide as its file is high
	SurveyID       string     // of a survey response: the template that it answers
	Answers        string     // of a survey response: JSON
	ShareLinkID    string     // the Share link by which it came; "" for none
	PeerRevision   int64      // in which revision of the sender's
	Brought        *ItemWords `gorm:"serializer:json"` // with which words
	AnnouncedAt    *Time      // when its phone first told of it, where it did before it came
	Awaited        bool       // the completion of its order counted on it
	Shot           string     // which of the shots of its task it is, in the words of the app
	OffsetMS       *int64     `gorm:"column:offset_ms"` // by how much the server's clock was ahead of the phone's, as the phone last measured
	WithdrawnAt    *Time      // when its sender withdrew it: what came stays
	DeletedAt      *Time

	Said *StatementView `gorm:"-"` // see [ShowStatements]
}

// ItemWords are what may be said anew of an item.
type ItemWords struct {
	Order        string `json:"order"` // on which it was said
	Task         string `json:"task"`
	EvidenceType string `json:"evidence_type"`
	Notes        string `json:"notes"`
}

var (
	uuidPattern = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._:-]{7,99}|\{[0-9A-Fa-f-]{32,36}\})$`)
	properUUID  = regexp.MustCompile(`^[0-9a-f]{32}$`)
	bareUUID    = strings.NewReplacer("-", "", "{", "", "}", "")
)

// UUIDKey is a uuid as uuids are compared: one whatever its case, hyphens or braces. What is made otherwise, such as a
// number of a peer's own, is compared as it stands: its hyphens may be all that tells two apart.
func UUIDKey(uuid string) string {
	if bare := strings.ToLower(bareUUID.Replace(uuid)); properUUID.MatchString(bare) {
		return bare
	}
	return uuid
}

// OfUUID selects items by a uuid, the one that came under just this spelling first.
func OfUUID(db *gorm.DB, uuid string) *gorm.DB {
	return db.Where("items.uuid_key = ? OR items.uuid = ?", UUIDKey(uuid), uuid).
		Order(clause.OrderBy{Expression: clause.Expr{SQL: "CASE WHEN items.uuid = ? THEN 0 ELSE 1 END, items.id", Vars: []any{uuid}}})
}

// BeforeCreate gives a new item the key of its uuid.
func (i *Item) BeforeCreate(*gorm.DB) error {
	i.UUIDKey = UUIDKey(i.UUID)
	return nil
}

// VerifyPath is where the validator shows the item.
func (i *Item) VerifyPath() string { return "/verify/" + url.PathEscape(i.UUID) }

// CheckUUID notes a uuid that can't be a key: it is made on devices of every kind, so 8 to 100 plain characters do.
func CheckUUID(p *Problems, uuid string) {
	if !uuidPattern.MatchString(uuid) {
		p.Add("uuid", "Give the item a uuid, made on the device, such as 0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11.").Code = CodeRequired
	}
}

// Check notes a position that is not one.
func (pos Position) Check(p *Problems) {
	checkPosition(p, pos.Latitude, pos.Longitude)
	if pos.Accuracy != nil && (*pos.Accuracy < 0 || *pos.Accuracy > 1e6 || *pos.Accuracy != *pos.Accuracy) {
		p.Add("accuracy", "An accuracy lies between 0 and 1000000 metres.")
	}
}

const (
	// CertifiedWithin is how long before its arrival a certified item was taken.
	CertifiedWithin = 12 * time.Hour
	// clockTolerance is how far two clocks that agree may differ.
	clockTolerance = 5 * time.Minute
)

// Certify judges an item that was received just now, at a property whose position may be unknown. The accuracy of the
// item's position is allowed for, but never by more than the radius itself: a position that is vague proves nothing. Of what
// a peer brings the clock and the position are the peer's word: what fits is certified by our own property and radius, and
// what does not is no judgement, because we can't know when and where it was taken.
func Certify(source ItemSource, taken *Time, received Time, at Position, property *Property, radius float64) Certification {
	yes := func(b bool) *bool { return &b }
	c := Certification{Item: yes(source == MobileCamera)}
	brought := source == FromPeer || source == FromShare
	if brought {
		c.Item = nil // whose camera took it only the peer can know
	}
	if taken != nil {
		age := received.Sub(taken.Time)
		c.Time = yes(age <= CertifiedWithin && age >= -clockTolerance)
		if brought && !*c.Time {
			c.Time = nil // when it reached the peer only the peer can know
		}
	}
	if at.Latitude != nil && property != nil && property.Latitude != nil {
		allowance := 0.0
		if at.Accuracy != nil {
			allowance = min(*at.Accuracy, radius)
		}
		c.Location = yes(Distance(*at.Latitude, *at.Longitude, *property.Latitude, *property.Longitude) <= radius+allowance)
		if brought && !*c.Location {
			c.Location = nil
		}
	}
	return c
}

// ClocksAgree tells whether a phone's clock, by what it measured against ours, may be believed. Who measured nothing says nothing.
func ClocksAgree(offsetMS *int64) bool {
	return offsetMS == nil || time.Duration(*offsetMS).Abs() <= clockTolerance/time.Millisecond
}

// Why an item is not vouched for, in a word that screens translate.
const (
	DoubtCamera     = "other_camera"  // it was not taken with the app's own camera
	DoubtClock      = "clock_off"     // the phone's clock and ours did not agree
	DoubtLate       = "told_late"     // it was taken longer before we knew of it than we vouch for
	DoubtFuture     = "in_the_future" // it was taken, by its clock, after we knew of it
	DoubtFar        = "too_far"       // from the property
	DoubtNoTime     = "no_time"
	DoubtNoPosition = "no_position" // of its own
	DoubtUnplaced   = "unplaced"    // nobody knows where the property is
)

// Doubts are why an item is not certified: "" where it is, or where another account judged it.
type Doubts struct {
	Item     string `json:"item"`
	Time     string `json:"time"`
	Location string `json:"location"`
}

// Doubts says why [Certify] judged as it did.
func (i *Item) Doubts() (d Doubts) {
	no := func(b *bool) bool { return b != nil && !*b }
	if no(i.Certification.Item) {
		d.Item = DoubtCamera
	}
	brought := i.Source == FromPeer || i.Source == FromShare
	known := i.ReceivedAt
	if i.AnnouncedAt != nil {
		known = *i.AnnouncedAt
	}
	switch {
	case i.TakenAt == nil:
		d.Time = DoubtNoTime
	case !no(i.Certification.Time) || brought:
	case !ClocksAgree(i.OffsetMS):
		d.Time = DoubtClock
	case i.TakenAt.After(known.Time):
		d.Time = DoubtFuture
	default:
		d.Time = DoubtLate
	}
	switch {
	case no(i.Certification.Location):
		d.Location = DoubtFar
	case i.Certification.Location != nil || brought:
	case i.Position.Latitude == nil:
		d.Location = DoubtNoPosition
	default:
		d.Location = DoubtUnplaced
	}
	return d
}

// Distance is the great-circle distance in metres between two positions in degrees.
func Distance(lat1, lon1, lat2, lon2 float64) float64 {
	const earthRadius = 6_371_000
	rad := func(deg float64) float64 { return deg * math.Pi / 180 }
	dLat, dLon := rad(lat2-lat1), rad(lon2-lon1)
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(rad(lat1))*math.Cos(rad(lat2))*math.Pow(math.Sin(dLon/2), 2)
	return 2 * earthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// PhotoView is a photo as the outside sees it.
type PhotoView struct {
	ID           string  `json:"id"`
	WorkOrderID  string  `json:"work_order_id"`
	UUID         string  `json:"uuid"`
	SHA256       string  `json:"sha256"`
	Size         int64   `json:"size"`
	ContentType  string  `json:"content_type"`
	Width        int64   `json:"width"`
	Height       int64   `json:"height"`
	TaskID       *string `json:"task_id"`
	EvidenceType string  `json:"evidence_type"`
	TakenAt      *Time   `json:"taken_at"`
	ReceivedAt   Time    `json:"received_at"`
	Position
	Source         ItemSource     `json:"source"`
	Certification  Certification  `json:"certification"`
	Doubts         Doubts         `json:"doubts"`       // why it is not certified
	Claims         *Claims        `json:"claims"`       // of the file or the peer, null when there are none
	Statement      *StatementView `json:"statement"`    // of the account whose phone delivered it, null where none came
	Withdrawn      bool           `json:"withdrawn"`    // by who brought it: what came stays
	BroughtTask    *string        `json:"brought_task"` // the name of a task that the order lacks, as it was brought
	Review         Review         `json:"review"`
	ReviewReason   string         `json:"review_reason"`
	ReviewedBy     *string        `json:"reviewed_by"`      // a username; null for nobody
	ReviewedByName *string        `json:"reviewed_by_name"` // what they are called
	ReviewedAt     *Time          `json:"reviewed_at"`
	Rotation       int64          `json:"rotation"` // clockwise: 0, 90, 180 or 270
	Flagged        bool           `json:"flagged"`
	Viewable       bool           `json:"viewable"` // false where no picture can be made of it: its original alone is there
	FileName       *string        `json:"file_name"`
	UploadedBy     string         `json:"uploaded_by"`       // a username
	UploadedByName string         `json:"uploaded_by_name"`  // what they are called
	ClaimedBy      *string        `json:"claimed_by"`        // who made it, as the peer that brought it says
	ParentUUID     *string        `json:"parent_uuid"`       // as the peer says
	FirstReceived  *Time          `json:"first_received_at"` // as the peer says
	AnnouncedAt    *Time          `json:"announced_at"`      // when its phone first told of it, null when it came unannounced
	Shot           string         `json:"shot"`
	OffsetMS       *int64         `json:"offset_ms"` // by how much our clock was ahead of the phone's, as the phone measured
	Notes          string         `json:"notes"`
	Device         string         `json:"device"` // told to the office and to who sent it, else ""
	Deleted        bool           `json:"deleted"`
}

// Viewable tells whether a picture can be made of a photo, or may be: none has failed yet.
func (i *Item) Viewable() bool { return i.Renditions != RenditionsFailed }

// View makes the view of a photo; users are at least those who sent and judged it.
func (i *Item) View(users People) PhotoView {
	task := ""
	if i.TaskID == nil && i.Brought != nil {
		task = i.Brought.Task
	}
	return PhotoView{Statement: i.Said, Withdrawn: i.WithdrawnAt != nil, BroughtTask: orNil(task), ID: i.ID, WorkOrderID: i.WorkOrderID, UUID: i.UUID, SHA256: i.SHA256, Size: i.Size, ContentType: i.ContentType,
		Width: i.Width, Height: i.Height, TaskID: i.TaskID, EvidenceType: i.EvidenceType, TakenAt: i.TakenAt, ReceivedAt: i.ReceivedAt,
		Position: i.Position, Source: i.Source, Certification: i.Certification, Doubts: i.Doubts(), Claims: i.Claims.View(), Review: i.Review, ReviewReason: i.ReviewReason,
		ReviewedBy: orNil(users[i.ReviewedBy].Username), ReviewedByName: orNil(users[i.ReviewedBy].Name), ReviewedAt: i.ReviewedAt, Rotation: i.Rotation, Flagged: i.Flagged, Viewable: i.Viewable(), FileName: orNil(i.FileName),
		UploadedBy: users[i.UploadedBy].Username, UploadedByName: users[i.UploadedBy].Name, ClaimedBy: orNil(i.Origin.Author), ParentUUID: orNil(i.Origin.ParentUUID), FirstReceived: i.Origin.FirstReceivedAt,
		AnnouncedAt: i.AnnouncedAt, Shot: i.Shot, OffsetMS: i.OffsetMS, Notes: i.Notes, Device: i.Device, Deleted: i.DeletedAt != nil}
}

// ViewFor is the view as a member may see it.
func (i *Item) ViewFor(m *Member, users People) PhotoView {
	v := i.View(users)
	if !m.KnowsDevice(i) {
		v.Device = ""
	}
	return v
}

// CheckInView is a check-in as the outside sees it.
type CheckInView struct {
	ID          string `json:"id"`
	WorkOrderID string `json:"work_order_id"`
	UUID        string `json:"uuid"`
	At          *Time  `json:"at"`
	ReceivedAt  Time   `json:"received_at"`
	Position
	Certification  Certification `json:"certification"`
	UploadedBy     string        `json:"uploaded_by"`      // a username
	UploadedByName string        `json:"uploaded_by_name"` // what they are called
}

// CheckInView makes the view of a check-in; users are at least whoever sent it.
func (i *Item) CheckInView(users People) CheckInView {
	return CheckInView{ID: i.ID, WorkOrderID: i.WorkOrderID, UUID: i.UUID, At: i.TakenAt, ReceivedAt: i.ReceivedAt,
		Position: i.Position, Certification: i.Certification, UploadedBy: users[i.UploadedBy].Username, UploadedByName: users[i.UploadedBy].Name}
}

// Rendition is a smaller, upright copy of a photo.
type Rendition struct {
	Name string
	// LongestSide in pixels; a smaller photo is not blown up.
	LongestSide int
}

// The renditions of every photo.
var (
	Thumbnail = Rendition{"thumbnail", 320}
	Display   = Rendition{"display", 1280}
)

// RenditionKey is where a rendition of the photo lies in the blob store.
func (i *Item) RenditionKey(r Rendition) string {
	if i.Rotation != 0 {
		return fmt.Sprintf("%s.%s.%d.jpg", i.BlobKey, r.Name, i.Rotation)
	}
	return i.BlobKey + "." + r.Name + ".jpg"
}
