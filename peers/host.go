package peers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/wire"
)

// Host answers the external-integration API for logins with the subcontractor role (domain 8). Its answers have the shapes
// and words that systems in the field look for.
type Host struct {
	Store  *models.Store
	Intake *intake.Intake
	Sealer *models.Sealer

	memory    *memory
	comparing chan struct{}
}

// NewHost makes a Host that remembers nobody yet.
func NewHost(store *models.Store, in *intake.Intake, sealer *models.Sealer) *Host {
	return &Host{Store: store, Intake: in, Sealer: sealer, memory: newMemory(), comparing: make(chan struct{}, comparing)}
}

// Answer is the members of an answer.
type Answer map[string]any

// Service is one thing that callers ask for.
type Service struct {
	name   string // as callers write it, in any case
	answer func(*Host, context.Context, *Call) (Answer, error)
	refuse func(text string) Answer
	// between says that there is such a service only for a Fieldproof that names itself, and whose credentials are good.
	between bool
	// open is for who brings the secret of an invitation, and has no credentials yet.
	open bool
}

// services are all that callers may ask for, a row each.
var services = []*Service{
	{name: "validate", answer: (*Host).validate, refuse: func(text string) Answer { return Answer{"error": text, "validated": false, "status": false} }},
	{name: "getWorkOrders", answer: (*Host).getWorkOrders, refuse: failed},
	{name: "uploadPictures", answer: (*Host).uploadPictures, refuse: refused},
	{name: "status", answer: (*Host).status, refuse: refused},
	{name: "compare", answer: (*Host).compare, refuse: failed, between: true},
	{name: "item", answer: (*Host).item, refuse: failed, between: true},
	{name: "invitation", answer: (*Host).invitation, refuse: failed, between: true, open: true},
}

// done is the answer to who brought something that was taken, refused to who brought what was not.
func done() Answer { return Answer{"status": true, "error": nil} }

func refused(what string) Answer { return Answer{"status": false, "error": what} }

func failed(what string) Answer { return Answer{"error": what} }

// ServiceOf finds the service of an address, however it is spelt: ValidatE.php is validate. [models.NotFound] for others.
func ServiceOf(address string) (*Service, error) {
	name, _, _ := strings.Cut(address, ".")
	for _, s := range services {
		if strings.EqualFold(s.name, name) {
			return s, nil
		}
	}
	return nil, noService()
}

// ErrNoService tells that there is no such service, for this caller at least.
type ErrNoService struct{ error }

// Unwrap is what is answered.
func (e *ErrNoService) Unwrap() error { return e.error }

// noService names the services that everybody may ask for.
func noService() error {
	var names []string
	for _, s := range services {
		if !s.between {
			names = append(names, s.name)
		}
	}
	last := len(names) - 1
	return &ErrNoService{models.Errorf(models.NotFound, "The services are %s and %s.", strings.Join(names[:last], ", "), names[last])}
}

// Unread is why a call whose payload can't be read is not answered: who does not name itself may not ask for all services.
func (s *Service) Unread(err error) error {
	if s.between && models.KindOf(err) == models.Malformed {
		return noService()
	}
	return err
}

// Name is the service's name.
func (s *Service) Name() string { return s.name }

// Refusal is an answer that says what is wrong, in the form in which callers of the service look for it. What is no fault
// of theirs is told in no detail.
func (s *Service) Refusal(err error) Answer {
	switch models.KindOf(err) {
	case "":
		return s.refuse("The server can't answer now: send it again.")
	case models.Unauthorized:
		return s.refuse(badLogin)
	}
	answer := s.refuse(err.Error())
	if state := models.BarOf(err); state != "" {
		answer["linkState"] = state
	}
	return answer
}

// Call is one call of a service, made by [Host.Admit].
type Call struct {
	// File is what is brought beside the payload; nil when nothing is.
	File io.Reader
	// Out takes an answer that is written piece by piece: JSON, unless As said otherwise before.
	Out io.Writer
	As  func(contentType string)

	service *Service
	payload map[string]json.RawMessage
	by      *models.Member // whom its credentials are good for; nil by an invitation
	account *models.Account
	link    *models.ShareLink // of the login; nil while it has none
	named   bool              // the caller named itself a Fieldproof
}

// Answer does what a call asks for. It is nil without an error when the answer has gone to [Call.Out]; with one, what has
// gone there is cut short.
func (h *Host) Answer(ctx context.Context, c *Call) (Answer, error) {
	answer, err := c.service.answer(h, models.InAccount(ctx, c.account.ID), c)
	return answer, c.heard(err)
}

// write is a transaction of who calls, as long as their credentials stand.
func (h *Host) write(ctx context.Context, c *Call, fn func(*models.Tx) error) error {
	return h.Store.Write(ctx, func(tx *models.Tx) error {
		if err := tx.Stands(c.by); err != nil {
			return err
		}
		return fn(tx)
	})
}

// validate answers that the credentials are good, keeps where the caller wants to be told of changes, and who they are.
func (h *Host) validate(ctx context.Context, c *Call) (Answer, error) {
	if c.ends() {
		return h.farewell(ctx, c)
	}
	them, err := c.introduction()
	if err != nil {
		return nil, err
	}
	answer := Answer{"error": "", "validated": true}
	var waits error
	err = h.write(ctx, c, func(tx *models.Tx) error {
		if err := c.isAnother(tx, them); err != nil {
			return err
		}
		l, err := tx.MakeLinkOut(&c.by.User)
		if err != nil {
			return err
		}
		if l, err = tx.EditLink(l.ID, func(l *models.ShareLink) (err error) {
			waits, err = h.meet(l, them, c)
			return err
		}); err != nil {
			return err
		}
		switch {
		case waits != nil && !l.Locked():
			return nil
		case waits != nil:
			answer["linkState"] = models.LinkWaiting
		case them.PushURL != "":
			if err := tx.KeepPeerPushKey(c.by.AccountID, c.by.ID, them.PushURL); err != nil {
				return err
			}
		}
		waits = nil
		if !c.named {
			return nil
		}
		return introduce(tx, l, c.account, answer)
	})
	return answer, errors.Join(err, waits)
}

const (
	// overlap is how far before the time that a caller asks from changes are told again: rows commit late, and what is told
	// twice changes nothing.
	overlap = 2 * time.Minute
	// ordersAtOnce is how many orders are held while they are told.
	ordersAtOnce = 200
)

// getWorkOrders tells the orders that are assigned to the caller, and of those that were taken away what became of them.
func (h *Host) getWorkOrders(ctx context.Context, c *Call) (Answer, error) {
	var since *models.Time
	if text := wire.Text(c.payload, "timestamp"); text != "" && text != "0" {
		at := wire.ParseInstant(text, time.UTC)
		if at == nil {
			return nil, models.Errorf(models.Malformed, "This request is not properly formatted: timestamp %q is neither Unix seconds nor null.", text)
		}
		before := models.At(at.Add(-overlap))
		since = &before
	}
	out := &orders{w: c.Out}
	if c.named {
		if asked := wire.Text(c.payload, "orders"); asked != "" {
			if err := h.eachAsked(ctx, c, asked, out.add); err != nil {
				return nil, err
			}
			return nil, out.end()
		}
		var err error
		if since, out.cursor, err = sinceCursor(c, since); err != nil {
			return nil, err
		}
	}
	if err := h.eachAssigned(ctx, c, since, out.add); err != nil {
		return nil, err
	}
	if since != nil {
		if err := h.eachTaken(ctx, c, *since, out.add); err != nil {
			return nil, err
		}
	}
	return nil, out.end()
}

// orders writes {"workOrders":[…],"error":""}, to a Fieldproof with the cursor by which it asks the next time.
type orders struct {
	w      io.Writer
	begun  bool
	cursor string
}

func (o *orders) add(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	lead := ","
	if !o.begun {
		lead, o.begun = `{"workOrders":[`, true
	}
	_, err = o.w.Write(slices.Concat([]byte(lead), text))
	return err
}

func (o *orders) end() error {
	tail := `],"error":""}`
	if o.cursor != "" {
		tail = fmt.Sprintf(`],"error":"","fieldproof":%q,"cursor":%q}`, Words, o.cursor)
	}
	if !o.begun {
		tail = `{"workOrders":[` + tail
	}
	_, err := io.WriteString(o.w, tail)
	return err
}

// eachAssigned goes through the orders that are assigned to the caller, some at a time.
func (h *Host) eachAssigned(ctx context.Context, c *Call, since *models.Time, each func(any) error) error {
	for before := int64(0); ; {
		some, err := models.AssignedTo(h.Store.Read(ctx), c.by.ID, since, before, ordersAtOnce)
		if err != nil || len(some) == 0 {
			return err
		}
		if err := h.tellAssigned(ctx, c, some, each); err != nil {
			return err
		}
		before = some[len(some)-1].Seq
	}
}

// tellAssigned tells orders that are assigned to the caller.
func (h *Host) tellAssigned(ctx context.Context, c *Call, some []*models.WorkOrder, each func(any) error) error {
	db := h.Store.Read(ctx)
	ids := make([]string, len(some))
	for i, o := range some {
		ids[i] = o.ID
	}
	tasks, err := models.TasksOf(db, ids...)
	if err != nil {
		return err
	}
	numbers, err := Numbers(ctx, h.Store, c.by, some)
	if err != nil {
		return err
	}
	zone := c.account.Location()
	for _, o := range some {
		w, err := wire.OrderOf(o, numbers[o.ID], tasks[o.ID], zone, func(t *models.Task) (json.RawMessage, error) { return models.TemplateOf(db, t.SurveyHash) })
		if err != nil {
			return err
		}
		if c.named {
			w = append(w, wire.ShareMembers(o)...)
		}
		if err := each(w); err != nil {
			return err
		}
	}
	return nil
}

// eachTaken goes through the orders that were taken from the caller.
func (h *Host) eachTaken(ctx context.Context, c *Call, since models.Time, each func(any) error) error {
	taken, err := models.TakenSince(h.Store.Read(ctx), c.by.ID, since)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(taken, ordersAtOnce) {
		if err := h.tellTaken(ctx, c, some, each); err != nil {
			return err
		}
	}
	return nil
}

// tellTaken tells of orders that they were taken from the caller.
func (h *Host) tellTaken(ctx context.Context, c *Call, some []*models.WorkOrder, each func(any) error) error {
	numbers, err := Numbers(ctx, h.Store, c.by, some)
	if err != nil {
		return err
	}
	for _, o := range some {
		status := "Cancelled"
		if o.Lifecycle.Hidden {
			status = "Deleted"
		}
		w := wire.Order{{Name: "workOrderNumber", Value: numbers[o.ID]}, {Name: "clientStatus", Value: status}}
		if c.named {
			w = append(w, wire.ShareMembers(o)...)
		}
		if err := each(w); err != nil {
			return err
		}
	}
	return nil
}

// longestEvidenceType is where an item's word for what it shows is cut.
const longestEvidenceType = 60

// uploadPictures takes one item: a photo, a survey, or another file.
func (h *Host) uploadPictures(ctx context.Context, c *Call) (Answer, error) {
	in := wire.DecodeItem(c.payload, c.account.Location())
	o, err := OrderNumbered(ctx, h.Store, c.by, in.Number)
	if err != nil {
		return nil, err
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
	tasks, err := models.TasksOf(h.Store.Read(ctx), o.ID)
	if err != nil {
		return nil, err
	}
	for _, t := range tasks[o.ID] {
		if in.Task != "" && strings.EqualFold(t.CleanName, models.CleanTaskName(in.Task)) {
			n.TaskID = t.ID
		}
	}
	if n.TaskID == "" && in.Task != "" {
		n.Notes = strings.TrimSpace(n.Notes + "\nTask: " + in.Task) // nothing that was said is lost
	}
	stored, err := h.store(ctx, c, &n, in)
	if err != nil {
		return nil, err
	}
	if _, _, err := h.Intake.AcceptItem(ctx, n, stored); err != nil {
		return nil, err
	}
	return done(), nil
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
		return nil, nil
	case strings.HasPrefix(in.FileType, "check"):
		n.Kind = models.CheckIn
		return nil, nil
	}
	noFile := models.InvalidField("file", "Send the file in a part named file, as multipart/form-data.")
	if c.File == nil {
		return nil, noFile
	}
	head := bufio.NewReaderSize(c.File, 64<<10)
	if _, err := head.Peek(1); errors.Is(err, io.EOF) {
		return nil, noFile
	}
	if in.FileType == "picture" || in.FileType == "photo" {
		return h.Intake.StoreBytes(ctx, head)
	}
	n.Kind = models.File
	return h.Intake.StoreFile(ctx, in.ContentType(), head)
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
		err := h.takeStatus(ctx, c, u)
		switch kind := models.KindOf(err); {
		case err == nil:
		case kind == "" || kind == models.Unauthorized:
			return nil, err
		case answer["error"] == nil:
			answer = Answer{"status": false, "error": map[string]any{"workOrderNumber": u.Number, "error": err.Error()}}
		}
	}
	return answer, nil
}

func (h *Host) takeStatus(ctx context.Context, c *Call, u wire.StatusUpdate) error {
	o, err := OrderNumbered(ctx, h.Store, c.by, u.Number)
	if err != nil {
		return err
	}
	if !c.by.Sees(o) {
		return models.Errorf(models.NotFound, "The work order %s is not assigned to you any more.", u.Number)
	}
	return h.Intake.Report(ctx, c.by, o.ID, u.FieldStatus)
}
