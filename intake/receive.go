package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"fieldproof/models"
)

// Source is where incoming orders come from: an integration, or a file that a person brings.
type Source struct {
	Account     *models.Account
	Integration *models.Integration // nil: a person
	By          *models.Member      // nil: an integration
	// File says that rows of a spreadsheet come in: finished ones are history, and the account's default work type does
	// not apply.
	File   bool
	DryRun bool
	// Numbers are those of a spreadsheet that comes in some rows at a time, each with the row in which it stood first; nil
	// where all come at once.
	Numbers map[string]int64
	// Bulk lets the workflows of what is made wait behind those for which somebody waits.
	Bulk bool
}

// number completes an order's number as the source means it, and returns the key by which it is known; "" without one.
func (s *Source) number(in *models.Incoming) string {
	if s.Integration != nil {
		in.ClientCode = s.Integration.ClientCode
	}
	in.Number, in.ClientCode = models.Composed(in.Number), models.Composed(in.ClientCode)
	if in.Number == "" {
		return ""
	}
	return keyOf(in.ClientCode, in.Number)
}

// Pass notes the number of a row that came in before.
func (s *Source) Pass(in *models.Incoming) {
	if key := s.number(in); key != "" && s.Numbers[key] == 0 {
		s.Numbers[key] = in.Line
	}
}

// Actor is the name under which history shows what the source does.
func (s *Source) Actor() string {
	if s.By != nil {
		return s.By.Username
	}
	if s.Integration.Name != "" {
		return s.Integration.Name
	}
	return s.Integration.ClientCode
}

func (s *Source) actorID() string {
	if s.By != nil {
		return s.By.ID
	}
	return ""
}

// hand is by whom what the source changes is changed: everything it brings is news to whoever is assigned.
func (s *Source) hand() hand { return hand{s.actorID(), s.Actor(), true} }

// autoAdmin tells whether shared fields of orders that exist may be written.
func (s *Source) autoAdmin() bool { return s.Integration == nil || s.Integration.AutoAdmin }

// tries of a transaction that met another one.
const receiveTries = 8

// Taken is what one transaction of a [Intake.Receive] takes. The transaction may be tried again: who adds up does so after
// its commit.
type Taken struct {
	Orders  []models.Incoming
	Results []models.Received // of each order
	Last    bool              // none of the orders given is left
}

// Receive takes incoming orders: a number that exists is updated, one that does not is made, in one transaction for all
// of them, in which also is called with the results. When the database refuses a value each order goes for itself. An order that can't be taken is rejected with its reasons and stops
// no other; the same content again changes nothing. In a dry run nothing but what also writes is written.
func (in *Intake) Receive(ctx context.Context, src Source, orders []models.Incoming, also func(*models.Tx, Taken) error) ([]models.Received, error) {
	ctx = models.InAccount(ctx, src.Account.ID)
	results, err := in.receiveAll(ctx, src, orders, true, also)
	if err == nil || models.KindOf(err) != "" || ctx.Err() != nil || !ofTheData(err) {
		return results, err
	}
	// One of them is more than the database takes: each for itself, so that it stops no other.
	results = nil
	for i := range orders {
		last := i == len(orders)-1
		some, err := in.receiveAll(ctx, src, orders[i:i+1], last, also)
		if err != nil {
			if !ofTheData(err) {
				return results, err
			}
			rejected := []models.Received{{Line: orders[i].Line, Number: orders[i].Number, Result: models.ResultRejected,
				Errors: []models.FieldError{{Field: "workOrderNumber", Message: "The database can't keep this order: it holds a text or a number that no column takes."}}, Warnings: []models.FieldError{}}}
			if err := in.tellUnkept(ctx, src, orders[i:i+1], rejected[0].Errors); err != nil {
				return results, err
			}
			if also != nil {
				if err := in.Store.Write(ctx, func(tx *models.Tx) error { return also(tx, Taken{orders[i : i+1], rejected, last}) }); err != nil {
					return results, err
				}
			}
			some = rejected
		}
		results = append(results, some...)
	}
	return results, nil
}

// ofTheData tells whether the database refused a value, which no repeat mends.
func ofTheData(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "22") || pg.Code == "54000")
}

// tellUnkept has the delegator of a Share link told that the database can't keep an order; unless it can't keep that either.
func (in *Intake) tellUnkept(ctx context.Context, src Source, one []models.Incoming, why models.Problems) error {
	if !src.shared() || src.DryRun {
		return nil
	}
	err := in.Store.Write(ctx, func(tx *models.Tx) error {
		r := &receiver{tx: tx, src: src}
		if err := r.prepare(one); err != nil {
			return err
		}
		t := &taking{receiver: r, in: &one[0], problems: why}
		return t.untaken()
	})
	if ofTheData(err) {
		return nil
	}
	return err
}

func (in *Intake) receiveAll(ctx context.Context, src Source, orders []models.Incoming, last bool, also func(*models.Tx, Taken) error) (results []models.Received, err error) {
	rang := false
	for try := range receiveTries {
		err = in.Store.Write(ctx, func(tx *models.Tx) error {
			r := &receiver{tx: tx, src: src, users: map[string]*models.User{}, named: map[string]*models.WorkType{}}
			if err := r.prepare(orders); err != nil {
				return err
			}
			results = make([]models.Received, len(orders))
			for i := range orders {
				if results[i], err = r.receive(&orders[i]); err != nil {
					return fmt.Errorf("intake: receive order %q: %w", orders[i].Number, err)
				}
			}
			rang = r.rang
			if also != nil {
				return also(tx, Taken{orders, results, last})
			}
			return nil
		})
		if err == nil || !metAnother(err) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(1+rand.IntN(20<<try)) * time.Millisecond):
		}
	}
	if err == nil && rang {
		in.Bells.Poke()
	}
	return results, err
}

// metAnother tells whether a transaction failed because of another one at the same rows.
func metAnother(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "40P01" || pg.Code == "40001") {
		return true
	}
	return models.IsUnique(err) || models.KindOf(err) == models.Conflict
}

// receiver takes orders in one transaction.
type receiver struct {
	tx     *models.Tx
	src    Source
	have   map[string]*models.WorkOrder // by display number
	tasks  map[string][]models.Task
	memory map[string]*models.ReceivedOrder
	hidden map[string]bool   // ids of deleted orders that the source made
	others map[string]string // by display number: the number by which the source knows the order that bears it now
	seen   map[string]int64  // by display number: the row in which it stood first
	types  []*models.WorkType
	named  map[string]*models.WorkType
	users  map[string]*models.User
	rang   bool
}

func keyOf(clientCode, number string) string { return clientCode + "\x00" + number }

// prepare reads what the orders may meet, in a handful of queries however many they are.
func (r *receiver) prepare(orders []models.Incoming) error {
	if r.src.shared() {
		if err := r.numberByPeer(orders); err != nil {
			return err
		}
	}
	byCode := map[string][]string{}
	var numbers []string
	for i := range orders {
		o := &orders[i]
		if r.src.number(o) != "" {
			byCode[o.ClientCode] = append(byCode[o.ClientCode], o.Number)
			numbers = append(numbers, o.Number)
		}
	}
	r.have, r.tasks, r.memory = map[string]*models.WorkOrder{}, map[string][]models.Task{}, map[string]*models.ReceivedOrder{}
	r.hidden, r.others, r.seen = map[string]bool{}, map[string]string{}, r.src.Numbers
	if r.seen == nil {
		r.seen = map[string]int64{}
	}
	var ids []string
	for code, some := range byCode {
		q := r.tx.DB
		if !r.src.DryRun {
			q = r.tx.Locked()
		}
		var found []*models.WorkOrder
		if err := q.Where("client_code = ? AND number IN ? AND NOT hidden", code, some).Order("id").Find(&found).Error; err != nil {
			return err
		}
		for _, o := range found {
			r.have[keyOf(code, o.WorkOrderNumber)] = o
			ids = append(ids, o.ID)
		}
	}
	var err error
	if r.src.Integration != nil && len(numbers) > 0 {
		if ids, err = r.remember(numbers, ids); err != nil {
			return err
		}
	}
	if len(ids) > 0 {
		if r.tasks, err = models.TasksOf(r.tx.DB, ids...); err != nil {
			return err
		}
	}
	r.types, err = models.MatchingWorkTypes(r.tx.DB)
	return err
}

// numberByPeer gives orders of a Share link the numbers by which they are known here: first by what the delegator calls an
// order for itself, then by its number. A number that another order of the delegator's has here gets a number behind it.
func (r *receiver) numberByPeer(orders []models.Incoming) error {
	var ids, numbers []string
	for i := range orders {
		o := &orders[i]
		if o.Number = models.Composed(o.Number); o.Share != nil && o.Number != "" {
			ids, numbers = append(ids, o.Share.OrderID), append(numbers, o.Number)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var rows []*models.ReceivedOrder
	err := r.tx.Select("number", "peer_order_id").Where("integration_id = ? AND (peer_order_id IN ? OR number IN ?)", r.src.Integration.ID, ids, numbers).Order("at, number").Find(&rows).Error
	if err != nil {
		return err
	}
	byID, byNumber := map[string]string{}, map[string]string{}
	for _, m := range rows {
		if byNumber[m.Number] = m.PeerOrderID; m.PeerOrderID != "" && byID[m.PeerOrderID] == "" {
			byID[m.PeerOrderID] = m.Number
		}
	}
	for i := range orders {
		o := &orders[i]
		if o.Share == nil || o.Number == "" {
			continue
		}
		id := o.Share.OrderID
		if byID[id] == "" {
			if byID[id], err = r.freeNumber(o.Number, id, byNumber); err != nil {
				return err
			}
			byNumber[byID[id]] = id
		}
		o.Number = byID[id]
	}
	return nil
}

// freeNumber is a number by which the source knows no other order.
func (r *receiver) freeNumber(number, id string, known map[string]string) (string, error) {
	for n := 1; ; n++ {
		free := models.Numbered(number, n)
		if of, there := known[free]; there && of != "" && of != id {
			continue
		}
		if n == 1 {
			return free, nil
		}
		var taken int64
		err := r.tx.Model(&models.ReceivedOrder{}).Where("integration_id = ? AND number = ?", r.src.Integration.ID, free).Count(&taken).Error
		if err != nil || taken == 0 {
			return free, err
		}
	}
}

// remember reads what the source said before. An order is the one that the source knows by the number, whatever number or
// client code it got since; one that got the number since is another. It returns the ids of all orders that are met.
func (r *receiver) remember(numbers, ids []string) ([]string, error) {
	var rows []*models.ReceivedOrder
	if err := r.tx.Where("integration_id = ? AND (number IN ? OR work_order_id IN ?)", r.src.Integration.ID, numbers, ids).Find(&rows).Error; err != nil {
		return nil, err
	}
	code := r.src.Integration.ClientCode
	known := map[string][]string{} // order → the numbers by which the source knows it
	for _, m := range rows {
		known[m.WorkOrderID] = append(known[m.WorkOrderID], m.Number)
		if slices.Contains(numbers, m.Number) {
			r.memory[m.Number] = m
		}
	}
	for key, o := range r.have {
		if as := known[o.ID]; len(as) > 0 && !slices.Contains(as, o.WorkOrderNumber) {
			r.others[key] = as[0]
			delete(r.have, key)
		}
	}
	gone := map[string]*models.ReceivedOrder{}
	for _, m := range r.memory {
		if r.have[keyOf(code, m.Number)] == nil {
			gone[m.WorkOrderID] = m
		}
	}
	if len(gone) == 0 {
		return ids, nil
	}
	q := r.tx.DB
	if !r.src.DryRun {
		q = r.tx.Locked()
	}
	var found []*models.WorkOrder
	if err := q.Where("id IN ?", slices.Sorted(maps.Keys(gone))).Order("id").Find(&found).Error; err != nil {
		return nil, err
	}
	for _, o := range found {
		if o.Lifecycle.Hidden {
			r.hidden[o.ID] = true
			continue
		}
		r.have[keyOf(code, gone[o.ID].Number)] = o
		ids = append(ids, o.ID)
	}
	return ids, nil
}

func (r *receiver) receive(in *models.Incoming) (models.Received, error) {
	t := &taking{receiver: r, in: in, result: models.Received{Line: in.Line, Number: in.Number}, problems: in.Problems, warnings: in.Warnings}
	err := t.take()
	if refused := (*models.Error)(nil); errors.As(err, &refused) && refused.Kind == models.Invalid {
		t.problems = append(t.problems, refused.Fields...)
		err = nil
	}
	if len(t.problems) > 0 {
		t.result.Result, t.result.ID = models.ResultRejected, ""
		if err == nil {
			err = t.untaken()
		}
	}
	t.result.Errors, t.result.Warnings = t.outward(t.problems), t.outward(t.warnings)
	return t.result, err
}

// user finds an active user by name, whatever its case; nil when there is none.
func (r *receiver) user(name string) (*models.User, error) {
	key := models.UsernameKey(name)
	if u, known := r.users[key]; known {
		return u, nil
	}
	u, err := r.tx.UserByName(name)
	if err != nil && models.KindOf(err) != models.NotFound {
		return nil, err
	}
	r.users[key] = u
	return u, nil
}
