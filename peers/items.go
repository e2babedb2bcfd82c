package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/wire"
)

// longestEvidenceType is where an item's word for what it shows is cut.
const longestEvidenceType = 60

// uploadPictures takes one item: a photo, a survey, or another file; from a Fieldproof also a check-in.
func (h *Host) uploadPictures(ctx context.Context, c *Call) (Answer, error) {
	in := wire.DecodeItem(c.payload, c.account.Location())
	if !c.named {
		in.OrderID = ""
	}
	o, err := OrderMeant(ctx, h.Store, c.by, in.OrderID, in.Number)
	if err != nil {
		return c.refuses(err)
	}
	if in.UUID == "" {
		return nil, models.InvalidField("uuid", "Give the item a uuid, so that a repeat is known.")
	}
	if len(in.UUID) < 8 { // a number of the peer's own
		in.UUID = models.DerivedID("peer item", c.by.ID, in.Number, in.UUID)
	}
	n := intake.NewItem{OrderID: o.ID, Kind: models.Photo, UUID: in.UUID, EvidenceType: in.EvidenceType, TakenAt: in.TakenAt, Position: in.Position, Source: models.FromPeer,
		Notes: in.Notes, Device: in.Device, SHA256: in.SHA256, Claims: in.Claims, Origin: in.Origin, By: c.by}
	if word := []rune(n.EvidenceType); len(word) > longestEvidenceType {
		n.EvidenceType = string(word[:longestEvidenceType])
	}
	if err := h.brought(ctx, c, &n, &in); err != nil {
		return nil, err
	}
	tasks, err := models.TasksOf(h.Store.Read(ctx), o.ID)
	if err != nil {
		return nil, err
	}
	if t := models.TaskNamed(tasks[o.ID], &models.ItemWords{Task: in.Task}); t != nil {
		n.TaskID = t.ID
	} else if in.Task != "" && n.Brought == nil {
		n.Notes = strings.TrimSpace(n.Notes + "\nTask: " + in.Task) // nothing that was said is lost
	}
	stored, err := h.store(ctx, c, &n, in)
	if err != nil {
		return nil, err
	}
	item, _, err := h.Intake.AcceptItem(ctx, n, stored)
	if err != nil {
		return c.refuses(errors.Join(err, h.otherBytes(ctx, c, o, in.UUID, err)))
	}
	answer := done()
	if c.named {
		answer["fieldproof"], answer["revision"] = Words, strconv.FormatInt(item.PeerRevision, 10)
	}
	return answer, nil
}

// refuses answers a Fieldproof why something is not taken, in a word too; it reads on, so that the answer reaches it.
func (c *Call) refuses(err error) (Answer, error) {
	var known *models.Error
	if !c.named || !errors.As(err, &known) || !slices.Contains([]models.Kind{models.NotFound, models.Conflict, models.Invalid}, known.Kind) {
		return nil, err
	}
	if c.File != nil {
		_, _ = io.CopyN(io.Discard, c.File, drained)
	}
	answer := refused(known.Error())
	answer["fieldproof"], answer["code"] = Words, codeOf(known)
	return answer, nil
}

// drained is how much of a file that is not taken is read to its end.
const drained = 16 << 20

func codeOf(e *models.Error) string {
	if e.Code != "" {
		return e.Code
	}
	return string(e.Kind)
}

// brought notes what a Fieldproof says of an item along the Share link of its login.
func (h *Host) brought(ctx context.Context, c *Call, n *intake.NewItem, in *wire.Item) error {
	if !c.named {
		return nil
	}
	if c.link == nil {
		err := h.write(ctx, c, func(tx *models.Tx) (err error) {
			c.link, err = tx.MakeLinkOut(&c.by.User)
			return err
		})
		if err != nil {
			return err
		}
	}
	n.Source = models.FromShare
	n.Brought = &intake.Brought{Link: c.link, Task: in.Task, Revision: max(in.Revision, 1), Withdrawn: in.Withdrawn}
	if in.Statement.Text != "" {
		n.Brought.Statement = &in.Statement
	}
	return nil
}

// otherBytes raises an alert when a peer brings other bytes under the uuid of an item that is here.
func (h *Host) otherBytes(ctx context.Context, c *Call, o *models.WorkOrder, uuid string, why error) error {
	var known *models.Error
	if !errors.As(why, &known) || known.Code != models.CodeOtherBytes {
		return nil
	}
	return h.write(ctx, c, func(tx *models.Tx) error {
		return tx.Raise(&models.Alert{AccountID: c.by.AccountID, Kind: models.AlertPeerTrouble, Subject: "uuid/" + c.by.ID + "/" + models.UUIDKey(uuid), WorkOrderID: &o.ID,
			Says: "other_bytes", Args: []any{"who", c.link.Called(), "order", o.DisplayNumber()}, Detail: known.Message})
	})
}

// store stores the bytes of an item by its kind, and completes the item.
func (h *Host) store(ctx context.Context, c *Call, n *intake.NewItem, in wire.Item) (*intake.Bytes, error) {
	switch {
	case in.FileType == "survey":
		answers, err := models.ParseAnswers(in.Answers)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(answers)
		if err != nil {
			return nil, err
		}
		n.Kind, n.SurveyID, n.Answers = models.SurveyResponse, in.SurveyID, string(text)
		if _, err := models.ParseAnswers(json.RawMessage(in.Kept)); err == nil && n.Brought != nil && models.HashText(in.Kept) == in.SHA256 {
			n.Answers = in.Kept // to the byte, so that its hash stays
		}
		return nil, nil
	case strings.HasPrefix(in.FileType, "check"):
		n.Kind = models.CheckIn
		return nil, nil
	}
	photo := in.FileType == "picture" || in.FileType == "photo"
	if !photo {
		n.Kind = models.File
	}
	var head *bufio.Reader
	none := c.File == nil
	if !none {
		head = bufio.NewReaderSize(c.File, 64<<10)
		_, err := head.Peek(1)
		none = errors.Is(err, io.EOF)
	}
	if none {
		if n.Brought != nil && in.SHA256 != "" {
			return nil, nil // said anew of one that is here, or it is asked for
		}
		return nil, models.InvalidField("file", "Send the file in a part named file, as multipart/form-data.")
	}
	if photo {
		return h.Intake.StoreBytes(ctx, head)
	}
	return h.Intake.StoreFile(ctx, in.ContentType(), head)
}

// MostHeld is about how many items a Fieldproof may ask at a time.
const MostHeld = 1000

// lacks answers which of some items we lack, by what the caller's login brought: those that are not here, with other bytes,
// or in a lower revision.
func (h *Host) lacks(ctx context.Context, c *Call) (Answer, error) {
	asked, err := wire.DecodeHeld(c.payload)
	if err != nil {
		return nil, models.Errorf(models.Malformed, "This request is not properly formatted: items is no list of objects.")
	}
	if len(asked) > MostHeld {
		return nil, models.InvalidField("items", "At most %d at a time.", MostHeld)
	}
	link := "none"
	if c.link != nil {
		link = c.link.ID
	}
	held := map[string]*models.Item{}
	for some := range slices.Chunk(asked, 500) {
		keys := make([]string, len(some))
		for i, a := range some {
			keys[i] = models.UUIDKey(a.UUID)
		}
		var items []*models.Item
		err := h.Store.Read(ctx).Where("uuid_key IN ? AND (uploaded_by = ? OR share_link_id = ?)", keys, c.by.ID, link).Find(&items).Error
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			if c.link == nil || !c.link.Before(i.ReceivedAt) {
				held[i.UUIDKey] = i
			}
		}
	}
	lacking := []string{}
	for _, a := range asked {
		i := held[models.UUIDKey(a.UUID)]
		if i == nil || (a.SHA256 != "" && a.SHA256 != i.ContentHash()) || i.PeerRevision < a.Revision {
			lacking = append(lacking, a.UUID)
		}
	}
	text, err := json.Marshal(lacking)
	answer := done()
	answer["fieldproof"], answer["lacks"] = Words, string(text)
	return answer, err
}

// status takes what a caller reports of orders: viewed, begun, completed. Each is taken for itself; the first that can't be
// is told.
func (h *Host) status(ctx context.Context, c *Call) (Answer, error) {
	updates, err := wire.DecodeStatus(c.payload)
	if err != nil {
		return nil, models.Errorf(models.Malformed, "This request is not properly formatted: workOrders is no list of objects.")
	}
	defer h.Intake.Bells.Poke()
	answer := done()
	for _, u := range updates {
		seen, err := h.takeStatus(ctx, c, u)
		switch kind := models.KindOf(err); {
		case err == nil && c.named && answer["error"] == nil:
			answer["fieldproof"], answer["number"] = Words, strconv.FormatInt(seen, 10)
		case err == nil:
		case kind == "" || kind == models.Unauthorized:
			return nil, err
		case answer["error"] == nil:
			answer = Answer{"status": false, "error": map[string]any{"workOrderNumber": u.Number, "error": err.Error()}}
			var known *models.Error
			if c.named && errors.As(err, &known) {
				answer["fieldproof"], answer["code"] = Words, codeOf(known)
			}
		}
	}
	return answer, nil
}

// takeStatus takes what a caller reports of one order; seen is the highest number of what a Fieldproof said of it.
func (h *Host) takeStatus(ctx context.Context, c *Call, u wire.StatusUpdate) (seen int64, err error) {
	said := intake.PeerReport{FieldStatus: u.FieldStatus, Cancelled: u.Cancelled}
	if c.named {
		said.Number, said.Reason = u.Share.Number, u.Share.Reason
	} else {
		u.Share.OrderID = ""
	}
	o, err := OrderMeant(ctx, h.Store, c.by, u.Share.OrderID, u.Number)
	if err != nil {
		return 0, err
	}
	if !c.by.Sees(o) {
		return 0, models.Errorf(models.NotFound, "The work order %s is not assigned to you any more.", u.Number)
	}
	if u.Share.Judged && c.named {
		return said.Number, h.Intake.RefusedBelow(ctx, c.by, o.ID, u.Share.Refused)
	}
	return h.Intake.Report(ctx, c.by, o.ID, said)
}
