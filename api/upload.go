package api

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fieldproof/intake"
	"fieldproof/models"
)

// What of tus is spoken (https://tus.io/protocols/resumable-upload, version 1.0.0).
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,termination,expiration"
	tusBytes      = "application/offset+octet-stream"
	// maxMetadata is the most that may be said of an upload.
	maxMetadata = 128 << 10
)

func (s *Server) uploadRoutes() []route {
	tus := func(r route) route { return r.asked("Tus-Resumable", "Upload-Connection").heads("Tus-Resumable") }
	begin := tus(stream(http.MethodPost, "/uploads/", with(models.UploadItems), "Begin to upload a photo in pieces, or go on with it: tus 1.0", "", s.beginUpload)).named("beginUpload").
		takes(tusBytes).asked("Upload-Length", "Upload-Metadata").heads("Upload-Offset", "Upload-Expires", "Item-Id")
	begin.status, begin.bare = http.StatusCreated, true
	more := tus(stream(http.MethodPatch, "/uploads/:id", with(models.UploadItems), "Bring more of a photo, from where its upload stands on", "", s.moveUpload)).named("moveUpload").
		takes(tusBytes).asked("Upload-Offset", "Upload-Overlap").heads("Upload-Offset", "Upload-Overlap", "Upload-Expires", "Item-Id")
	more.status = http.StatusNoContent
	end := tus(stream(http.MethodDelete, "/uploads/:id", with(models.UploadItems), "End an upload; what came of it is deleted", "", s.endUpload)).named("endUpload")
	end.status = http.StatusNoContent
	can := stream(http.MethodOptions, "/uploads/", anybody, "What of tus is spoken", "", s.tusOptions).named("showUploadOptions").heads("Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size")
	can.status = http.StatusNoContent
	return []route{
		can, begin,
		tus(stream(http.MethodHead, "/uploads/:id", with(models.UploadItems), "Where an upload stands", "", s.showUpload)).named("showUpload").
			heads("Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires", "Item-Id"),
		more, end,
	}
}

// empty answers with headers alone.
func (c *call) empty(status int) (any, error) {
	c.written = true
	c.Status(status)
	c.Writer.WriteHeaderNow()
	return nil, nil
}

func (s *Server) tusOptions(c *call) (any, error) {
	c.Header("Tus-Resumable", tusVersion)
	c.Header("Tus-Version", tusVersion)
	c.Header("Tus-Extension", tusExtensions)
	c.Header("Tus-Max-Size", strconv.FormatInt(intake.DefaultLimits.MaxBytes, 10))
	return c.empty(http.StatusNoContent)
}

// speaksTus refuses another version than ours, and ends the connection behind its answer for who asks so: no browser can say
// Connection: close itself.
func (c *call) speaksTus() error {
	if c.GetHeader("Upload-Connection") == "close" && c.Request.ProtoMajor == 1 { // in HTTP/2 others share it
		c.Header("Connection", "close")
	}
	c.Header("Tus-Resumable", tusVersion)
	if v := c.GetHeader("Tus-Resumable"); v != tusVersion {
		c.Header("Tus-Version", tusVersion)
		return models.Errorf(models.Stale, "Speak tus %s, and say so in the header Tus-Resumable.", tusVersion)
	}
	return nil
}

// upload is that of the address, if it is the member's own.
func (c *call) upload() (*models.Upload, error) {
	defer c.within(asksAtMost)()
	up, err := c.server.Uploads.Find(c.ctx(), c.Param("id"), c.member)
	if err == nil && c.Request.Method == http.MethodHead {
		up, err = c.server.Uploads.Stands(c.ctx(), up.ID, c.member, nil)
	}
	if err != nil {
		return nil, err
	}
	return up, c.speaksTus()
}

// stands says where an upload stands.
func (c *call) stands(up *models.Upload) {
	c.Header("Upload-Offset", strconv.FormatInt(up.Received, 10))
	c.Header("Upload-Expires", up.Ends().UTC().Format(http.TimeFormat))
	if up.ItemID != "" {
		c.Header("Item-Id", up.ItemID)
	}
}

// count is a whole number of a header.
func (c *call) count(name string) (int64, error) {
	n, err := strconv.ParseInt(c.GetHeader(name), 10, 64)
	if err != nil || n < 0 {
		return 0, models.Errorf(models.Malformed, "Give a number of bytes in the header %s.", name)
	}
	return n, nil
}

// bringsBytes tells whether the request has a body; it is refused when that is said to be something else than bytes.
func (c *call) bringsBytes() (bool, error) {
	if c.Request.ContentLength == 0 {
		return false, nil
	}
	if kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type")); kind != tusBytes {
		return false, models.Errorf(models.Unsupported, "Send the bytes as %s.", tusBytes)
	}
	return true, nil
}

func (s *Server) beginUpload(c *call) (any, error) {
	if err := c.speaksTus(); err != nil {
		return nil, err
	}
	n, metadata, err := c.readMetadata()
	if err != nil {
		return nil, err
	}
	length, err := c.count("Upload-Length")
	if err != nil {
		return nil, err
	}
	if length == 0 {
		return nil, models.InvalidField("Upload-Length", "A photo has bytes: this one is empty.")
	}
	brings, err := c.bringsBytes()
	if err != nil {
		return nil, err
	}
	if c.Request.ContentLength > length {
		return nil, models.Errorf(models.TooLarge, "More bytes came than Upload-Length says.")
	}
	asked := c.within(answersWithin)
	up, err := s.Uploads.Begin(c.ctx(), *n, length, metadata)
	asked()
	if err != nil {
		s.noteRefusal(c, n.UUID, err)
		return nil, err
	}
	c.Header("Location", "/api/v1/uploads/"+up.ID)
	if brings && up.EndedAt == nil {
		// What of it is here already is passed over.
		if err := c.bring(up, up.Received); err != nil {
			return nil, err
		}
	} else if err := c.finish(up, time.Now()); err != nil {
		return nil, err
	}
	c.stands(up)
	return c.empty(http.StatusCreated)
}

func (s *Server) showUpload(c *call) (any, error) {
	up, err := c.upload()
	if err != nil {
		return nil, err
	}
	if up.Whole() && up.EndedAt == nil {
		// A crash left it so. Why it is refused, if it is, an answer to HEAD can't say: a PATCH without bytes tells.
		defer c.within(answersWithin)()
		if err := s.Uploads.Look(c.ctx(), up, c.member); err != nil {
			s.Log.Info("an upload that is whole was not finished", "upload", up.ID, "error", err)
		}
	}
	c.Header("Upload-Length", strconv.FormatInt(up.Length, 10))
	c.Header("Upload-Metadata", up.Metadata)
	c.stands(up)
	return c.empty(http.StatusOK)
}

func (s *Server) moveUpload(c *call) (any, error) {
	body := s.Uploads.Comes(c.Param("id"))
	defer body.End()
	up, err := c.upload()
	if err != nil {
		return nil, err
	}
	brings, err := c.bringsBytes()
	if err != nil {
		return nil, err
	}
	offset, err := c.count("Upload-Offset")
	if err != nil {
		return nil, err
	}
	// A browser sends a request again by itself when the line broke in it; what was kept of the first need not come a third time.
	skips := c.Request.Header.Get("Upload-Overlap") == "skip"
	if skips {
		if up, err = c.server.Uploads.Stands(c.ctx(), up.ID, c.member, body); err != nil {
			return nil, err
		}
	}
	known := up.Received - offset
	if known > 0 {
		c.Header("Upload-Overlap", strconv.FormatInt(known, 10))
	}
	if known != 0 && (!skips || known < 0) {
		c.stands(up)
		return nil, models.Errorf(models.Conflict, "The upload stands at byte %d: go on from there.", up.Received).Coded(models.CodeElsewhere)
	}
	if c.Request.ContentLength > up.Length-offset {
		c.stands(up)
		return nil, models.Errorf(models.TooLarge, "The upload lacks %d bytes, and more came.", up.Length-offset)
	}
	if brings && up.EndedAt == nil {
		err = c.bring(up, known)
	} else {
		err = c.finish(up, time.Now())
	}
	if err != nil {
		return nil, err
	}
	c.stands(up)
	return c.empty(http.StatusNoContent)
}

// bring keeps what comes of the body, but for what lies before skip, and makes the item when that was the last.
func (c *call) bring(up *models.Upload, skip int64) error {
	control := http.NewResponseController(c.Writer)
	patient := &patientReader{r: c.Request.Body, control: control}
	body := bufio.NewReaderSize(patient, 64<<10)
	if _, err := body.Discard(int(skip)); err != nil {
		return nil //nolint:nilerr // it ends before what is lacking begins: where the upload stands is the answer
	}
	err := c.server.Uploads.Take(c.ctx(), up, body, func() { _ = control.SetReadDeadline(time.Now()) })
	if err == nil {
		last := patient.last
		if last.IsZero() { // nothing came
			last = time.Now()
		}
		err = c.finish(up, last)
	}
	if models.KindOf(err) == models.Conflict {
		// Somebody else moved it: where it stands now is news to who asked.
		defer c.within(asksAtMost)()
		if now, found := c.server.Uploads.Find(c.ctx(), up.ID, c.member); found == nil {
			c.stands(now)
		}
	}
	return brokenOff(err)
}

// finish makes the item of an upload that is whole, in what is left of the time since the newest byte came.
func (c *call) finish(up *models.Upload, last time.Time) error {
	if !up.Whole() || up.EndedAt != nil {
		return nil
	}
	left := answersWithin - time.Since(last)
	defer c.within(left)()
	if err := c.authorise(); err != nil {
		return err // the session ended while the bytes came
	}
	err := c.server.Uploads.Finish(c.ctx(), up, c.member)
	c.server.noteRefusal(c, up.UUID, err)
	return err
}

// noteRefusal notes why a photo that was announced is not taken, for whoever looks for it.
func (s *Server) noteRefusal(c *call, uuid string, err error) {
	var known *models.Error
	if errors.As(err, &known) && known.Code == models.CodeElsewhere {
		return // it goes on from there
	}
	if noted := s.Intake.RefuseAnnounced(detached(c.ctx()), c.member, uuid, err); noted != nil {
		s.Log.Warn("why a photo was refused was not noted", "error", noted)
	}
}

func (s *Server) endUpload(c *call) (any, error) {
	up, err := c.upload()
	if err != nil {
		return nil, err
	}
	if err := s.Uploads.Drop(c.ctx(), up); err != nil {
		return nil, err
	}
	return c.empty(http.StatusNoContent)
}

// readMetadata reads what is said of an upload: the parts of the photo form, and of which order it is.
func (c *call) readMetadata() (*intake.NewItem, string, error) {
	text := c.GetHeader("Upload-Metadata")
	if len(text) > maxMetadata || !models.PlainText(text) {
		return nil, "", models.Errorf(models.Malformed, "Upload-Metadata is at most %d KB of names and base64.", maxMetadata>>10)
	}
	n := &intake.NewItem{Kind: models.Photo, By: c.member, Source: models.WebUpload}
	var problems models.Problems
	seen := map[string]bool{}
	for _, pair := range strings.Split(text, ",") {
		name, coded, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if name == "" {
			continue
		}
		value, err := base64.StdEncoding.DecodeString(strings.TrimSpace(coded))
		if err != nil || seen[name] || !models.PlainText(string(value)) {
			return nil, "", models.Errorf(models.Malformed, "Upload-Metadata is a list of names, each once, with their texts in base64: %s is not.", name)
		}
		seen[name] = true
		switch name {
		case "work_order_id":
			n.OrderID = string(value)
		case "filename": // as tus clients call it
			n.FileName = string(value)
		case "filetype":
		default:
			setPart(photoParts, n, name, string(value), &problems)
		}
	}
	if n.OrderID == "" {
		problems.Add("work_order_id", "Say of which work order the photo is.").Code = models.CodeRequired
	}
	if n.UUID == "" {
		problems.Add("uuid", "Send a uuid, made on the device, so that a repeat is known.").Code = models.CodeRequired
	}
	if raw, err := hex.DecodeString(n.SHA256); err != nil || len(raw) != 32 {
		problems.Add("sha256", "Send the SHA-256 of the photo: what comes in pieces is put together by it.").Code = models.CodeRequired
	}
	return n, text, problems.Err()
}
