package peers

import (
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
	{name: "lacks", answer: (*Host).lacks, refuse: refused, between: true},
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

// ServiceNames are the services that there are for anybody.
func ServiceNames() (names []string) {
	for _, s := range services {
		names = append(names, s.name)
	}
	return names
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
	began := models.Now()
	var since *models.Time
	if text := wire.Text(c.payload, "timestamp"); text != "" && text != "0" {
		at := wire.ParseInstant(text, time.UTC)
		if at == nil {
			return nil, models.Errorf(models.Malformed, "This request is not properly formatted: timestamp %q is neither Unix seconds nor null.", text)
		}
		before := models.At(at.Add(-overlap))
		since = &before
	}
	out := &orders{w: c.Out, compare: c.link != nil && c.link.CompareAt != nil}
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
	if err := out.end(); err != nil || c.link == nil {
		return nil, err
	}
	// Up to here they have what changed.
	return nil, h.Store.Write(ctx, func(tx *models.Tx) error {
		_, err := tx.EditLink(c.link.ID, func(l *models.ShareLink) error {
			l.FetchedAt = &began
			return nil
		})
		return err
	})
}

// orders writes {"workOrders":[…],"error":""}, to a Fieldproof with the cursor by which it asks the next time, and whether it
// is to compare both ends.
type orders struct {
	w       io.Writer
	begun   bool
	cursor  string
	compare bool
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
		compare := ""
		if o.compare {
			compare = `,"compare":true`
		}
		tail = fmt.Sprintf(`],"error":"","fieldproof":%q,"cursor":%q%s}`, Words, o.cursor, compare)
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
	var rejections map[string]*models.ShareRejection
	if c.named {
		if rejections, err = h.forLink(ctx, c, some); err != nil {
			return err
		}
	}
	for _, o := range some {
		w, err := wire.OrderOf(o.ToldTo(c.by.ID), numbers[o.ID], tasks[o.ID], zone, func(t *models.Task) (json.RawMessage, error) { return models.TemplateOf(db, t.SurveyHash) })
		if err != nil {
			return err
		}
		if c.named {
			members, err := wire.ShareMembers(o, rejections[o.ID])
			if err != nil {
				return err
			}
			w = append(w, members...)
		}
		if err := each(w); err != nil {
			return err
		}
	}
	return nil
}

// forLink begins the paths of orders that have none, and reads the rejections that the caller is told of.
func (h *Host) forLink(ctx context.Context, c *Call, orders []*models.WorkOrder) (map[string]*models.ShareRejection, error) {
	var unmarked []*models.WorkOrder
	ids := make([]string, len(orders))
	for i, o := range orders {
		if ids[i] = o.ID; o.PathSalt == "" {
			unmarked = append(unmarked, o)
		}
	}
	if len(unmarked) > 0 {
		if err := h.Store.Write(ctx, func(tx *models.Tx) error { return tx.BeginPaths(unmarked) }); err != nil {
			return nil, err
		}
	}
	return models.RejectionsFor(h.Store.Read(ctx), c.by.ID, ids)
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
		w := wire.Order{{Name: "workOrderNumber", Value: numbers[o.ID]}, {Name: "clientStatus", Value: o.ToldTo(c.by.ID).ClientStatus}}
		if c.named {
			w = append(w, wire.ShareTaken(o)...)
		}
		if err := each(w); err != nil {
			return err
		}
	}
	return nil
}
