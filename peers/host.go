package peers

import (
	"context"
	"encoding/json"
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
}

// services are all that callers may ask for, a row each.
var services = []*Service{
	{"validate", (*Host).validate, func(text string) Answer { return Answer{"error": text, "validated": false, "status": false} }, false},
	{"getWorkOrders", (*Host).getWorkOrders, failed, false},
	{"uploadPictures", (*Host).uploadPictures, refused, false},
	{"status", (*Host).status, refused, false},
	{"lacks", (*Host).lacks, refused, true},
	{"compare", (*Host).compare, failed, true},
	{"item", (*Host).item, failed, true},
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
	return s.refuse(err.Error())
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
	by      *models.Member // whom its credentials are good for
	account *models.Account
	link    *models.ShareLink // of the login; nil while it has none
	named   bool              // the caller named itself a Fieldproof
}

// Answer does what a call asks for. It is nil without an error when the answer has gone to [Call.Out]; with one, what has
// gone there is cut short.
func (h *Host) Answer(ctx context.Context, c *Call) (Answer, error) {
	return c.service.answer(h, models.InAccount(ctx, c.by.AccountID), c)
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
	them, err := c.introduction()
	if err != nil {
		return nil, err
	}
	var key *models.PeerPushKey
	if them.PushURL != "" {
		sealed, err := h.Sealer.Seal("peer push key/"+c.by.ID, them.PushURL)
		if err != nil {
			return nil, err
		}
		key = &models.PeerPushKey{UserID: c.by.ID, AccountID: c.by.AccountID, Sealed: sealed, UpdatedAt: models.Now()}
	}
	answer := Answer{"error": "", "validated": true}
	waits := false
	err = h.write(ctx, c, func(tx *models.Tx) error {
		l, err := tx.MakeLinkOut(&c.by.User)
		if err != nil {
			return err
		}
		if l, err = tx.EditLink(l.ID, func(l *models.ShareLink) error {
			waits = !meet(l, them, c.named)
			return nil
		}); err != nil || waits {
			return err
		}
		if key != nil {
			if err := tx.Save(key).Error; err != nil {
				return err
			}
		}
		if !c.named {
			return nil
		}
		return introduce(tx, l, c.account, answer)
	})
	if err == nil && waits {
		err = models.Errorf(models.Forbidden, "Another account is linked by this login. An admin of %s must let yours in first.", c.account.Name)
	}
	return answer, err
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
