package api

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"fieldproof/intake"
	"fieldproof/models"
)

// PhotoFields are what may be changed of a photo.
type PhotoFields struct {
	WorkOrderID  string        `json:"work_order_id"`
	TaskID       *string       `json:"task_id"`
	EvidenceType string        `json:"evidence_type"`
	Notes        string        `json:"notes"`
	Review       models.Review `json:"review"`
	Reason       string        `json:"reason"`
	Rotation     int64         `json:"rotation"` // clockwise, in degrees: 0, 90, 180 or 270
	Flagged      bool          `json:"flagged"`
	// Shot is what of its task it shows: photos of one task and shot are shown side by side, as before and after.
	Shot string `json:"shot"`
}

// PhotoReviews are what the office thinks of some photos.
type PhotoReviews struct {
	Reviews []models.PhotoReview `json:"reviews" required:"true"` // at most 200
}

// PhotoReviewed says what became of each, in the order of the request.
type PhotoReviewed struct {
	Results []models.ReviewedPhoto `json:"results"`
}

func (s *Server) photoRoutes() []route {
	upload := stream(http.MethodPost, "/work-orders/:id/photos", with(models.UploadItems), "Upload a photo: multipart, parts in any order", "", s.uploadPhoto).
		named("uploadPhoto").fills(formOf("The photo as it was taken: JPEG, PNG, HEIC, AVIF, WebP and more", photoParts)).gives(reflect.TypeFor[models.PhotoView]()).repeatable()
	upload.status = http.StatusCreated
	return []route{
		get("/work-orders/:id/photos", anyMember, "The photos of a work order, newest first", s.listPhotos, "deleted"),
		upload,
		stream(http.MethodGet, "/work-orders/:id/photo-index", anyMember, "All photos of a work order at once, in columns; If-None-Match spares it when nothing changed", "", s.photoIndex).
			gives(reflect.TypeFor[models.PhotoIndex]()).tagged(),
		define(http.MethodPost, "/photos/reviews", with(models.ReviewOrders), http.StatusOK, "Review some photos at once: one event an order", func(c *call, in PhotoReviews) (PhotoReviewed, error) {
			results, err := s.Intake.ReviewPhotos(c.ctx(), c.member, in.Reviews)
			return PhotoReviewed{results}, err
		}).named("reviewPhotos"),
		get("/photos", anyMember, "Photos of the whole account, newest first, also those that are announced and not here: by uuid, name of the file, time, phone, or who sent them", s.findPhotos, "uuid", "name", "taken_from", "taken_to", "user", "device", "stands"),
		get("/photos/:id/life", anyMember, "All that happened to a photo, oldest first", func(c *call) (*models.PhotoLife, error) {
			item, err := c.photo()
			if err != nil {
				return nil, err
			}
			return models.LifeOf(s.Store.Read(c.ctx()), item, c.member)
		}),
		get("/photos/:id", anyMember, "A photo", func(c *call) (models.PhotoView, error) {
			item, err := c.photo()
			if err != nil {
				return models.PhotoView{}, err
			}
			return c.showPhoto(item)
		}),
		patch[PhotoFields]("/photos/:id", anyMember, "Re-label, move, caption or review a photo", s.patchPhoto),
		remove("/photos/:id", anyMember, "Delete a photo; it can be restored", func(c *call) error {
			item, err := c.photo()
			if err != nil {
				return err
			}
			return s.Intake.DeleteItem(c.ctx(), item.ID, c.member)
		}),
		define(http.MethodPost, "/photos/:id/restore", anyMember, http.StatusOK, "Bring a deleted photo back", func(c *call, _ nothing) (models.PhotoView, error) {
			item, err := c.photo()
			if err != nil {
				return models.PhotoView{}, err
			}
			if err := s.Intake.RestoreItem(c.ctx(), item.ID, c.member); err != nil {
				return models.PhotoView{}, err
			}
			if item, err = c.photo(); err != nil {
				return models.PhotoView{}, err
			}
			return c.showPhoto(item)
		}),
		stream(http.MethodGet, "/photos/:id/original", anyMember, "The photo as it was taken", "image/*", s.original).ranged(),
		stream(http.MethodGet, "/photos/:id/display", anyMember, "The photo upright, its longest side at most 1280 pixels", "image/jpeg", func(c *call) (any, error) { return c.rendition(models.Display) }, "rotation").ranged().draws(),
		stream(http.MethodGet, "/photos/:id/thumbnail", anyMember, "The photo upright, its longest side at most 320 pixels", "image/jpeg", func(c *call) (any, error) { return c.rendition(models.Thumbnail) }, "rotation").ranged().draws(),
	}
}

// photo reads the photo of the address when the member may see it: with its order, or because it is their own.
func (c *call) photo() (*models.Item, error) {
	none := models.Errorf(models.NotFound, "There is no such photo.")
	db := c.server.Store.Read(c.ctx())
	item, err := models.One[models.Item](db.Where("id = ? AND kind = ?", c.Param("id"), models.Photo), "photo")
	if err != nil {
		return nil, err
	}
	o, err := models.One[models.WorkOrder](db.Where("id = ?", item.WorkOrderID), "work order")
	if err != nil {
		return nil, err
	}
	if !c.member.SeesItem(o, item) {
		return nil, none
	}
	return item, nil
}

func (c *call) showPhoto(item *models.Item) (models.PhotoView, error) {
	if err := models.ShowStatements(c.server.Store.Read(c.ctx()), item); err != nil {
		return models.PhotoView{}, err
	}
	users, err := models.UsersOf(c.server.Store.Read(c.ctx()), item)
	return item.ViewFor(c.member, users), err
}

// itemsOfOrder begins a query on the items of the address's order that the member may see: all of them with the order,
// else only their own, as long as they were ever assigned.
func (c *call) itemsOfOrder(kind models.ItemKind) (items func() ([]*models.Item, error), limit int, at cursor, err error) {
	if limit, at, err = c.page(); err != nil {
		return nil, 0, at, err
	}
	o, err := c.server.Intake.MayUpload(c.ctx(), c.Param("id"), c.member)
	if err != nil {
		return nil, 0, at, err
	}
	if o.Lifecycle.Hidden {
		return nil, 0, at, models.Errorf(models.NotFound, "There is no such work order.")
	}
	q := c.member.ItemsSeenOf(c.server.Store.Read(c.ctx()).Where("kind = ?", kind), o).Order("id DESC").Limit(limit + 1)
	if at.After != "" {
		q = q.Where("id < ?", at.After)
	}
	if c.Query("deleted") != "true" || !c.member.May(models.EditAllItems) {
		q = q.Where("deleted_at IS NULL")
	}
	return func() (rows []*models.Item, err error) { return rows, q.Find(&rows).Error }, limit, at, nil
}

// listItems lists the items of one kind of the address's order.
func listItems[View any](c *call, kind models.ItemKind, view func(i *models.Item, users models.People) View) (list[View], error) {
	empty := list[View]{Items: []View{}}
	find, limit, at, err := c.itemsOfOrder(kind)
	if err != nil {
		return empty, err
	}
	items, err := find()
	if err == nil {
		err = models.ShowStatements(c.server.Store.Read(c.ctx()), items...)
	}
	if err != nil {
		return empty, err
	}
	users, err := models.UsersOf(c.server.Store.Read(c.ctx()), items...)
	return pageByID(items, limit, at, func(i *models.Item) string { return i.ID }, func(i *models.Item) View { return view(i, users) }), err
}

func (s *Server) listPhotos(c *call) (list[models.PhotoView], error) {
	return listItems(c, models.Photo, func(i *models.Item, users models.People) models.PhotoView { return i.ViewFor(c.member, users) })
}

// findPhotos answers where a photo is.
func (s *Server) findPhotos(c *call) (list[models.FoundPhoto], error) {
	page := list[models.FoundPhoto]{Items: []models.FoundPhoto{}}
	if err := c.knownQuery(); err != nil {
		return page, err
	}
	limit, at, err := c.page()
	if err != nil {
		return page, err
	}
	db := s.Store.Read(c.ctx())
	f := models.PhotoFilter{UUID: c.Query("uuid"), Name: c.Query("name"), Device: c.Query("device"), Stands: models.ListOf(c.Request.URL.Query()["stands"]), After: at.After, Limit: limit + 1}
	for _, stands := range f.Stands {
		if !slices.Contains(models.PhotoStands, stands) {
			return page, badParameter("stands", fmt.Sprintf("Choose from %v.", models.PhotoStands))
		}
	}
	if f.From, err = c.moment("taken_from", 0); err != nil {
		return page, err
	}
	if f.To, err = c.moment("taken_to", 1); err != nil {
		return page, err
	}
	if name := c.Query("user"); name != "" {
		user, err := models.One[models.User](db.Where("username_key = ?", models.UsernameKey(name)), "user")
		if models.KindOf(err) == models.NotFound {
			return page, nil
		}
		if err != nil {
			return page, err
		}
		f.UserID = user.ID
	}
	photos, err := models.FindPhotos(db, f, c.member)
	if err != nil {
		return page, err
	}
	announced, err := models.FindAnnounced(db, f, c.member)
	if err != nil {
		return page, err
	}
	found, err := models.ViewFound(db, photos, announced, c.member)
	return pageByID(found, limit, at, func(p models.FoundPhoto) string { return p.ID }, func(p models.FoundPhoto) models.FoundPhoto { return p }), err
}

// moment is a time among the parameters of the address, nil for none: of a day, in the account's zone, its beginning. days 1
// is what comes behind that day, or behind that time.
func (c *call) moment(name string, days int) (*models.Time, error) {
	text := c.Query(name)
	if text == "" {
		return nil, nil
	}
	if at, err := models.ParseTime(text); err == nil {
		return ptr(models.At(at.Add(time.Duration(days) * time.Microsecond))), nil
	}
	if _, err := models.ParseDate(text); err != nil {
		return nil, badParameter(name, "Give a day such as 2026-05-04, or a time such as 2026-05-04T13:30:00Z.")
	}
	account, err := c.server.Store.AccountByID(c.ctx(), c.member.AccountID)
	if err != nil {
		return nil, err
	}
	at, err := time.ParseInLocation(time.DateOnly, text, account.Location())
	return ptr(models.At(at.AddDate(0, 0, days))), err
}

const (
	maxPart  = 64 << 10 // of a field beside the file
	maxParts = 40
	// stallsFor is how long a slow phone may send nothing at all.
	stallsFor = 90 * time.Second
	// drains is how much of a refused upload is read to its end, so that the answer reaches the phone.
	drains = 16 << 20
)

// uploadPhoto streams a multipart upload: the file to the blob store as it comes, the other parts into the item.
func (s *Server) uploadPhoto(c *call) (any, error) {
	body := &patientReader{r: c.Request.Body, control: http.NewResponseController(c.Writer)}
	// Parts are parsed in pieces of 4 KB; the connection is read in larger ones.
	buffer := uploadBuffers.Get().(*bufio.Reader)
	buffer.Reset(body)
	defer func() {
		buffer.Reset(nil)
		uploadBuffers.Put(buffer)
	}()
	c.Request.Body = &bufferedBody{buffer, body}
	uuid := ""
	view, err := s.takePhoto(c, body, &uuid)
	if err != nil {
		s.noteRefusal(c, uuid, err)
		_, _ = io.CopyN(io.Discard, c.Request.Body, drains)
	}
	return view, err
}

// takePhoto tells the uuid of what it takes or refuses, as soon as it is known.
func (s *Server) takePhoto(c *call, body *patientReader, uuid *string) (any, error) {
	asked := c.within(asksAtMost)
	o, err := s.Intake.MayUpload(c.ctx(), c.Param("id"), c.member)
	asked()
	ctx := c.ctx()
	if err != nil {
		return nil, err
	}
	parts, err := c.Request.MultipartReader()
	if err != nil {
		return nil, models.Errorf(models.Malformed, "Send the photo as multipart/form-data, with the parts file and uuid.")
	}
	n := intake.NewItem{OrderID: o.ID, Kind: models.Photo, By: c.member, Source: models.WebUpload}
	var stored *intake.Bytes
	accepted := false
	defer func() {
		if !accepted {
			s.Intake.Discard(ctx, stored)
		}
	}()
	var problems models.Problems
	for count := 0; ; count++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || count == maxParts {
			return nil, &models.Error{Kind: models.Malformed, Message: "The upload broke off or is no multipart/form-data: send it again.", Cause: err}
		}
		if part.FormName() == "file" {
			if stored != nil {
				return nil, models.InvalidField("file", "Send one file an upload.")
			}
			n.FileName = part.FileName()
			if stored, err = s.Intake.StoreBytes(ctx, part); err != nil {
				return nil, brokenOff(err)
			}
			continue
		}
		text, err := readPart(part)
		if err != nil {
			return nil, err
		}
		setPart(photoParts, &n, part.FormName(), text, &problems)
		*uuid = n.UUID
	}
	if stored == nil {
		problems.Add("file", "Send the photo's bytes in a part named file.")
	}
	if n.UUID == "" {
		problems.Add("uuid", "Send a uuid, made on the device, so that a repeat is known.")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	left := answersWithin - time.Since(body.last)
	defer c.within(left)()
	ctx = c.ctx()
	n.Again = c.again // the session may have ended while the bytes came
	accepted = true   // from here on AcceptItem looks after the bytes
	item, made, err := s.Intake.AcceptItem(ctx, n, stored)
	if err != nil {
		return nil, err
	}
	c.Header("Location", "/api/v1/photos/"+item.ID)
	if !made {
		c.status = http.StatusOK
		return c.showPhoto(item)
	}
	return item.View(c.member.Alone()), nil // nobody but its sender knows of it yet
}

// brokenOff tells an upload that ended early from a failure of ours.
func brokenOff(err error) error {
	if large := tooLarge(err); large != nil {
		return large
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, multipart.ErrMessageTooLarge) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, syscall.ECONNRESET) {
		return &models.Error{Kind: models.Malformed, Message: "The upload broke off before it was whole: send it again.", Cause: err}
	}
	return err
}

func readPart(part *multipart.Part) (string, error) {
	text, err := io.ReadAll(io.LimitReader(part, maxPart+1))
	if err != nil {
		return "", brokenOff(err)
	}
	if len(text) > maxPart {
		return "", models.InvalidField(part.FormName(), "At most %d bytes.", maxPart)
	}
	if !models.PlainText(string(text)) {
		return "", models.InvalidField(part.FormName(), "Give plain UTF-8 text.")
	}
	return string(text), nil
}

// photoParts are the parts beside the photo (contract: POST /work-orders/{id}/photos).
var photoParts = []part[intake.NewItem]{
	textPart("uuid", func(n *intake.NewItem) *string { return &n.UUID }).needed("0b8e4c8e-6d1f-4f0e-9a55-3d8f2f1f9b11"),
	textPart("task_id", func(n *intake.NewItem) *string { return &n.TaskID }),
	textPart("evidence_type", func(n *intake.NewItem) *string { return &n.EvidenceType }),
	{name: "taken_at", holds: huma.Schema{Type: huma.TypeString, Format: "date-time"}, set: func(n *intake.NewItem, text string) (wrong string) {
		if text == "" {
			return ""
		}
		at, err := models.ParseTime(text)
		if err != nil {
			return err.Error() + "."
		}
		n.TakenAt = &at
		return ""
	}},
	numberPart("latitude", func(n *intake.NewItem) **float64 { return &n.Position.Latitude }),
	numberPart("longitude", func(n *intake.NewItem) **float64 { return &n.Position.Longitude }),
	numberPart("accuracy", func(n *intake.NewItem) **float64 { return &n.Position.Accuracy }),
	{name: "position_at", holds: huma.Schema{Type: huma.TypeInteger, Format: "int64", Description: "When the phone measured the position, in Unix milliseconds."}, set: func(n *intake.NewItem, text string) string {
		if text == "" {
			return ""
		}
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil || ms < 0 || ms > 253402300799999 {
			return fmt.Sprintf("%q is no time in Unix milliseconds.", text)
		}
		n.PositionAt = ptr(models.At(time.UnixMilli(ms)))
		return ""
	}},
	textPart("zone", func(n *intake.NewItem) *string { return &n.Zone }),
	{name: "sha256", holds: huma.Schema{Type: huma.TypeString, Description: "Of the file, in hex or base64url: what arrives otherwise is refused."}, set: func(n *intake.NewItem, text string) string {
		n.SHA256 = strings.ToLower(strings.TrimSpace(text))
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(text), "=")); err == nil && len(raw) == sha256.Size {
			n.SHA256 = hex.EncodeToString(raw)
		}
		return ""
	}},
	{name: "source", holds: *enumOf(models.UploadSources), set: func(n *intake.NewItem, text string) string {
		n.Source = models.ItemSource(text)
		if !slices.Contains(models.UploadSources, n.Source) {
			return "Choose mobile_camera, mobile_gallery or web_upload."
		}
		return ""
	}},
	textPart("notes", func(n *intake.NewItem) *string { return &n.Notes }),
	textPart("device", func(n *intake.NewItem) *string { return &n.Device }),
	textPart("shot", func(n *intake.NewItem) *string { return &n.Shot }),
	wholePart("offset_ms", func(n *intake.NewItem) **int64 { return &n.OffsetMS }),
}

// uploadBuffers are lent to uploads under way.
var uploadBuffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 128<<10) }}

type bufferedBody struct {
	*bufio.Reader
	io.Closer
}

// patientReader gives a slow phone time as long as something comes.
type patientReader struct {
	r       io.ReadCloser
	control *http.ResponseController
	until   time.Time
	came    int64     // since the deadline was last moved
	last    time.Time // when the newest byte came
}

func (p *patientReader) Read(b []byte) (int, error) {
	if now := time.Now(); p.until.IsZero() || (p.until.Sub(now) < stallsFor/2 && p.came >= movesAtLeast) {
		p.until, p.came = now.Add(stallsFor), 0
		_ = p.control.SetReadDeadline(p.until)
	}
	n, err := p.r.Read(b)
	if p.came += int64(n); n > 0 {
		p.last = time.Now()
	}
	return n, err
}

func (p *patientReader) Close() error { return p.r.Close() }

func (s *Server) patchPhoto(c *call, patch mergePatch) (models.PhotoView, error) {
	item, err := c.photo()
	if err != nil {
		return models.PhotoView{}, err
	}
	item, err = s.Intake.EditItem(c.ctx(), item.ID, c.member, func(f *intake.ItemFields) error {
		fields := PhotoFields(*f)
		err := merge(&fields, patch)
		*f = intake.ItemFields(fields)
		return err
	})
	if err != nil {
		return models.PhotoView{}, err
	}
	return c.showPhoto(item)
}

// original answers with the bytes as they were taken: they never change, so a browser may keep them.
func (s *Server) original(c *call) (any, error) {
	item, err := c.photo()
	if err != nil {
		return nil, err
	}
	reader, err := s.Blobs.Get(c.ctx(), item.BlobKey)
	if err != nil {
		return nil, fmt.Errorf("the bytes of item %s: %w", item.ID, err)
	}
	defer reader.Close()
	c.serveBytes(item, reader, item.ContentType, item.SHA256, item.UUID+item.Extension(), true)
	return nil, nil
}

// photoIndex answers with the index in one piece; its ETag is that of what it says.
func (s *Server) photoIndex(c *call) (any, error) {
	o, err := s.Intake.MayUpload(c.ctx(), c.Param("id"), c.member)
	if err != nil {
		return nil, err
	}
	if o.Lifecycle.Hidden {
		return nil, models.Errorf(models.NotFound, "There is no such work order.")
	}
	index, err := models.PhotoIndexOf(s.Store.Read(c.ctx()), o, c.member)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	c.written = true
	c.Header("ETag", tag)
	c.Header("Cache-Control", "private, no-cache")
	if c.has(tag) {
		c.Status(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return nil, nil
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", body)
	return nil, nil
}

// has tells whether the asker has what bears an ETag (RFC 9110, 13.1.2).
func (c *call) has(tag string) bool {
	for _, one := range strings.Split(c.GetHeader("If-None-Match"), ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

func (c *call) rendition(r models.Rendition) (any, error) {
	item, err := c.photo()
	if err != nil {
		return nil, err
	}
	reader, err := c.server.Media.Open(c.ctx(), item, r)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	c.serveRendition(item, r, reader)
	return nil, nil
}

// serveRendition answers with a rendition. It changes when the office turns the photo: who asks for the rotation that they
// know may keep it for good, others ask whether theirs is still the same.
func (c *call) serveRendition(item *models.Item, r models.Rendition, reader io.ReadSeeker) {
	tag := item.SHA256 + "-" + r.Name
	if item.Rotation != 0 {
		tag = fmt.Sprintf("%s-%d", tag, item.Rotation)
	}
	c.serveBytes(item, reader, "image/jpeg", tag, item.UUID+"-"+r.Name+".jpg", c.Query("rotation") == strconv.FormatInt(item.Rotation, 10))
}

func (c *call) serveBytes(item *models.Item, content io.ReadSeeker, contentType, tag, name string, forever bool) {
	c.written = true
	c.Header("Content-Type", contentType)
	c.Header("ETag", `"`+tag+`"`)
	if forever {
		c.Header("Cache-Control", "private, max-age=31536000, immutable")
	} else {
		c.Header("Cache-Control", "private, max-age=0, must-revalidate")
	}
	c.Header("Content-Disposition", `inline; filename="`+models.SafeName(strings.TrimSuffix(name, item.Extension()))+item.Extension()+`"`)
	c.Header("Content-Security-Policy", "default-src 'none'; sandbox")
	http.ServeContent(c.Writer, c.Request, "", item.ReceivedAt.Time, content)
}
