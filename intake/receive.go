package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm/clause"

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
	// Bulk lets the workflows of what is made wait behind those for which somebody waits.
	Bulk bool
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

// autoAdmin tells whether shared fields of orders that exist may be written.
func (s *Source) autoAdmin() bool { return s.Integration == nil || s.Integration.AutoAdmin }

// tries of a transaction that met another one.
const receiveTries = 8

// Receive takes incoming orders: a number that exists is updated, one that does not is made, in one transaction for all
// of them, in which also is called with the results. An order that can't be taken is rejected with its reasons and stops
// no other; the same content again changes nothing. In a dry run nothing but what also writes is written.
func (in *Intake) Receive(ctx context.Context, src Source, orders []models.Incoming, also func(*models.Tx, []models.Received) error) ([]models.Received, error) {
	ctx = models.InAccount(ctx, src.Account.ID)
	results, err := in.receiveAll(ctx, src, orders, also)
	if err == nil || len(orders) < 2 || models.KindOf(err) != "" || ctx.Err() != nil || !ofTheData(err) {
		return results, err
	}
	// One of them is more than the database takes: each for itself, so that it stops no other.
	results = nil
	for i := range orders {
		some, err := in.receiveAll(ctx, src, orders[i:i+1], also)
		if err != nil {
			if !ofTheData(err) {
				return results, err
			}
			rejected := []models.Received{{Line: orders[i].Line, Number: orders[i].Number, Result: models.ResultRejected,
				Errors: []models.FieldError{{Field: "workOrderNumber", Message: "The database can't keep this order: it holds a text or a number that no column takes."}}, Warnings: []models.FieldError{}}}
			if err := in.Store.Write(ctx, func(tx *models.Tx) error { return also(tx, rejected) }); err != nil {
				return results, err
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

func (in *Intake) receiveAll(ctx context.Context, src Source, orders []models.Incoming, also func(*models.Tx, []models.Received) error) (results []models.Received, err error) {
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
				return also(tx, results)
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
	hidden map[string]bool // ids of deleted orders that the source made
	seen   map[string]int64
	types  []*models.WorkType
	named  map[string]*models.WorkType
	users  map[string]*models.User
	rang   bool
}

func keyOf(clientCode, number string) string { return clientCode + "\x00" + number }

// prepare reads what the orders may meet, in a handful of queries however many they are.
func (r *receiver) prepare(orders []models.Incoming) error {
	byCode := map[string][]string{}
	var numbers []string
	for i := range orders {
		o := &orders[i]
		if r.src.Integration != nil {
			o.ClientCode = r.src.Integration.ClientCode
		}
		if o.Number != "" {
			byCode[o.ClientCode] = append(byCode[o.ClientCode], o.Number)
			numbers = append(numbers, o.Number)
		}
	}
	r.have, r.tasks, r.memory, r.hidden, r.seen = map[string]*models.WorkOrder{}, map[string][]models.Task{}, map[string]*models.ReceivedOrder{}, map[string]bool{}, map[string]int64{}
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
	if len(ids) > 0 {
		if r.tasks, err = models.TasksOf(r.tx.DB, ids...); err != nil {
			return err
		}
	}
	if r.src.Integration != nil && len(numbers) > 0 {
		if err := r.remember(numbers); err != nil {
			return err
		}
	}
	r.types, err = models.MatchingWorkTypes(r.tx.DB)
	return err
}

func (r *receiver) remember(numbers []string) error {
	var rows []*models.ReceivedOrder
	if err := r.tx.Where("integration_id = ? AND number IN ?", r.src.Integration.ID, numbers).Find(&rows).Error; err != nil {
		return err
	}
	var gone []string
	for _, m := range rows {
		r.memory[m.Number] = m
		if r.have[keyOf(r.src.Integration.ClientCode, m.Number)] == nil {
			gone = append(gone, m.WorkOrderID)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	var hidden []string
	err := r.tx.Model(&models.WorkOrder{}).Where("id IN ? AND hidden", gone).Pluck("id", &hidden).Error
	for _, id := range hidden {
		r.hidden[id] = true
	}
	return err
}

// taking is one incoming order on its way in.
type taking struct {
	*receiver
	in       *models.Incoming
	result   models.Received
	problems models.Problems
	warnings models.Problems
	repeated bool // its number stood in the file before
}

func (t *taking) warn(field, format string, args ...any) { t.warnings.Add(field, format, args...) }

func (r *receiver) receive(in *models.Incoming) (models.Received, error) {
	t := &taking{receiver: r, in: in, result: models.Received{Line: in.Line, Number: in.Number}, problems: in.Problems, warnings: in.Warnings}
	err := t.take()
	if refused := (*models.Error)(nil); errors.As(err, &refused) && refused.Kind == models.Invalid {
		t.problems = append(t.problems, refused.Fields...)
		err = nil
	}
	if len(t.problems) > 0 {
		t.result.Result, t.result.ID = models.ResultRejected, ""
	}
	t.result.Errors, t.result.Warnings = t.outward(t.problems), t.outward(t.warnings)
	return t.result, err
}

func (t *taking) take() error {
	in := t.in
	if in.Number == "" {
		t.problems.Add("work_order_number", "Give the order a number.")
	} else if first, again := t.seen[keyOf(in.ClientCode, in.Number)]; again && t.src.File {
		t.repeated = true
		if len(t.problems) == 0 {
			t.problems.Add("work_order_number", "The number stands in row %d already: one row a number.", first)
		}
	} else {
		t.seen[keyOf(in.ClientCode, in.Number)] = in.Line
	}
	if in.Number == "" || t.repeated {
		return nil
	}
	// What can't be read is told together with what is missing, so that one look mends it all.
	t.dropRepeatedTasks()
	prints := in.Fingerprint()
	memory := t.memory[in.Number]
	if o := t.have[keyOf(in.ClientCode, in.Number)]; o != nil {
		return t.update(o, memory, prints)
	}
	if memory != nil && t.hidden[memory.WorkOrderID] && memory.Knows(prints) {
		t.result.Result = models.ResultUnchanged
		t.warn("work_order_number", "The order was deleted here, and this says nothing new of it: it stays deleted.")
		return nil
	}
	if t.takenAway() {
		t.result.Result = models.ResultUnchanged
		return nil
	}
	return t.create(prints)
}

// takenAway tells whether a delegator says of an order that it was taken from us, and it never was here.
func (t *taking) takenAway() bool {
	in := t.in
	return t.src.Integration != nil && t.src.Integration.Peer() && in.ClientStatus != nil && in.Address1 == nil && in.Tasks == nil &&
		(strings.EqualFold(*in.ClientStatus, "Cancelled") || strings.EqualFold(*in.ClientStatus, "Deleted"))
}

func (t *taking) dropRepeatedTasks() {
	seen := map[string]bool{}
	kept := t.in.Tasks[:0:0]
	for i, task := range t.in.Tasks {
		name := strings.ToLower(models.CleanTaskName(task.Name))
		if seen[name] {
			t.warn(fmt.Sprintf("tasks[%d].name", i), "The order has the task %q already: this one is left out.", task.Name)
			continue
		}
		seen[name] = true
		kept = append(kept, task)
	}
	if len(kept) < len(t.in.Tasks) {
		t.in.Tasks = kept
	}
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

// assignee is whom the order says it is for, if they exist; said is false when it says nothing.
func (t *taking) assignee() (name string, said bool, err error) {
	if t.in.Assignee == nil || strings.TrimSpace(*t.in.Assignee) == "" {
		return "", false, nil
	}
	if t.src.Integration != nil && t.src.Integration.Kind == models.ShareIntegration {
		return "", false, nil // a delegator's users are not ours
	}
	name = strings.TrimSpace(*t.in.Assignee)
	if strings.EqualFold(name, models.AssignToAll) {
		return models.AssignToAll, true, nil
	}
	u, err := t.user(name)
	if err != nil {
		return "", true, err
	}
	if u == nil {
		t.warn("assignee", "The account has no active user %q: the order is not assigned by this.", name)
		return "", true, nil
	}
	return u.Username, true, nil
}

// workType is the work type that fills a new order; nil for none.
func (t *taking) workType(fields *models.WorkOrderFields) (*models.WorkType, error) {
	find := func(name string) (*models.WorkType, error) {
		if w, known := t.named[name]; known {
			return w, nil
		}
		w, err := models.WorkTypeNamed(t.tx.DB, name)
		if models.KindOf(err) == models.Invalid {
			t.named[name] = nil
			return nil, nil
		}
		if err == nil {
			t.named[name] = w
		}
		return w, err
	}
	if t.in.WorkType != nil && *t.in.WorkType != "" {
		w, err := find(*t.in.WorkType)
		if err != nil || w != nil {
			return w, err
		}
		t.warn("work_type", "The account has no work type %q.", *t.in.WorkType)
	}
	if t.src.Integration != nil && t.src.Integration.DefaultWorkType != "" {
		w, err := find(t.src.Integration.DefaultWorkType)
		if err != nil || w != nil {
			return w, err
		}
		t.warn("work_type", "The integration's default work type %q is no more.", t.src.Integration.DefaultWorkType)
	}
	return models.BestWorkType(t.types, fields, !t.src.File), nil
}

func (t *taking) create(prints map[string]string) error {
	in := t.in
	fields := models.WorkOrderFields{WorkOrderNumber: in.Number, ClientCode: in.ClientCode}
	fields.Take(in, models.Rights{Owned: true, Shared: true})
	tasks := make([]models.TaskFields, len(in.Tasks))
	for i := range in.Tasks {
		tasks[i] = in.Tasks[i].Fields()
		t.knownSurvey(&tasks[i], i)
	}
	assignee, said, err := t.assignee()
	if err != nil {
		return err
	}
	today := models.Date(models.Now().In(t.src.Account.Location()).Format(time.DateOnly))
	w, err := t.workType(&fields)
	if err != nil {
		return err
	}
	filledBy, fallback := "", assignee
	if w != nil {
		filledBy = w.Name
		tasks, fallback = w.Fill(&fields, tasks, assignee, today)
	}
	if !said && fallback == "" && t.src.Integration != nil {
		fallback = t.src.Integration.DefaultAssignee
	}
	if !said && fallback != "" {
		if assignee, err = t.defaultAssignee(fallback); err != nil {
			return err
		}
	}
	if fields.DueDate == nil && !t.src.File {
		fields.DueDate = &today
	}
	status := t.statusAtCreation(&fields)
	fields.Normalise()
	fields.Check(&t.problems)
	for i := range tasks {
		tasks[i].Normalise()
	}
	models.CheckTasks(&t.problems, tasks)
	if len(t.problems) > 0 {
		return nil
	}
	t.result.Result = models.ResultCreated
	o := &models.WorkOrder{ID: models.NewID(), AccountID: t.src.Account.ID, WorkOrderFields: fields, WorkType: filledBy, CreatedBy: t.src.actorID(), Invoiced: status == models.WireInvoiced}
	if t.src.Integration != nil {
		o.IntegrationID = &t.src.Integration.ID
	}
	history := t.src.File && status.Finished()
	if history {
		t.asHistory(o, status)
	}
	if t.src.DryRun {
		return t.checkSurveys(tasks)
	}
	if err := t.insert(o, tasks, prints, history, assignee); err != nil {
		return err
	}
	if status == models.WireCanceled && !history {
		return t.wish(o, models.Cancel, models.ActionParameters{Reason: "Cancelled by " + t.src.Actor()})
	}
	return nil
}

// asHistory makes an order that was finished elsewhere: closed, and reopening leads to where it was.
func (t *taking) asHistory(o *models.WorkOrder, status models.WireStatus) {
	o.ImportedStatus = string(status)
	o.Lifecycle = models.Lifecycle{State: models.Closed, Version: 1, BeforeClosed: status.Before()}
	if status == models.WireCanceled {
		o.Lifecycle.BeforeCancelled = models.Created
	}
	if t.in.FieldStatus != nil {
		if s, ok := models.ParseFieldStatus(*t.in.FieldStatus); ok {
			o.FieldStatus = s
		}
	}
}

// knownSurvey lets a task go without a template that the account lacks, and says so.
func (t *taking) knownSurvey(f *models.TaskFields, i int) {
	if f.SurveyID == "" || len(f.Survey) > 0 {
		return
	}
	_, _, exact, err := models.FindSurvey(t.tx.DB, f.SurveyID)
	switch {
	case models.KindOf(err) == models.NotFound:
		t.warn(fmt.Sprintf("tasks[%d].survey_id", i), "The account has no survey %q: the task %q is kept as a survey task without questions. Make the survey, or import its template.", f.SurveyID, f.Name)
		if f.Options == nil {
			f.Options = map[string]any{}
		}
		f.Options["missing_survey"] = f.SurveyID
		f.SurveyID = ""
	case err == nil && !exact:
		t.warn(fmt.Sprintf("tasks[%d].survey_id", i), "The account lacks that revision of the survey %q: its newest stands in.", f.SurveyID)
	}
}

// checkSurveys finds in a dry run what keeping the templates would find.
func (t *taking) checkSurveys(tasks []models.TaskFields) error {
	for i, f := range tasks {
		if len(f.Survey) > 0 {
			if err := models.CheckInlineSurvey(f.Survey, fmt.Sprintf("tasks[%d].", i)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *taking) defaultAssignee(name string) (string, error) {
	if name == models.AssignToAll {
		return name, nil
	}
	u, err := t.user(name)
	if err != nil {
		return "", err
	}
	if u == nil {
		t.warn("assignee", "The default assignee %q is no active user: the order is not assigned.", name)
		return "", nil
	}
	return u.Username, nil
}

// statusAtCreation reads the status of an order that is new: what it may mean depends on where it comes from.
func (t *taking) statusAtCreation(fields *models.WorkOrderFields) models.WireStatus {
	status, known := t.status()
	if !known {
		return ""
	}
	switch status {
	case models.WireRush:
		fields.Priority = models.PriorityRush
	case models.WireRework:
		fields.Priority = models.PriorityRework
	case models.WireCanceled, models.WireInvoiced:
	case models.WireUnassigned, models.WireAssigned:
		if !t.src.File {
			t.ineffective(status)
		}
	default:
		if !t.src.File {
			t.ineffective(status)
		}
	}
	return status
}

func (t *taking) ineffective(status models.WireStatus) {
	t.warn("status", "The status %s changes nothing here: only RUSH, REWORK and CANCELED do.", status)
}

// status reads what the order says of its status; false when it says nothing that is known.
func (t *taking) status() (models.WireStatus, bool) {
	if t.in.Status == nil || strings.TrimSpace(*t.in.Status) == "" {
		return "", false
	}
	status, known := models.ParseWireStatus(*t.in.Status)
	if !known {
		t.warn("status", "%q is no status that is known here: it changes nothing.", *t.in.Status)
	}
	return status, known
}

func (t *taking) insert(o *models.WorkOrder, tasks []models.TaskFields, prints map[string]string, history bool, assignee string) error {
	e := &models.HistoryEvent{Type: models.TypeCreated, ToState: models.Created, ActorID: t.src.actorID(), Actor: t.src.Actor()}
	if history {
		e.ToState, e.Reason = models.Closed, "Imported as history, with the status "+o.ImportedStatus
	}
	if err := t.tx.CreateOrder(o, tasks, e); err != nil {
		return err
	}
	t.result.ID = o.ID
	t.have[keyOf(o.ClientCode, o.WorkOrderNumber)] = o
	if err := t.keepMemory(nil, o.ID, prints); err != nil || history {
		return err
	}
	if assignee != "" {
		if err := t.wish(o, models.Assign, models.ActionParameters{Assignee: assignee}); err != nil {
			return err
		}
	}
	return t.ring(o.ID)
}

func (t *taking) ring(orderID string) error {
	t.rang = true
	if t.src.Bulk {
		return t.tx.RingInBulk(models.OrderBell, orderID)
	}
	return t.tx.Ring(models.OrderBell, orderID)
}

// wish puts an action into the order's inbox.
func (t *taking) wish(o *models.WorkOrder, event models.Event, p models.ActionParameters) error {
	p.Actor = t.src.Actor()
	a := &models.Action{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, Event: event, ActorID: t.src.actorID(), Inbox: true, Parameters: p}
	if err := t.tx.SaveAction(a); err != nil {
		return err
	}
	return t.ring(o.ID)
}

// keepMemory keeps what the source said, over what it said before.
func (t *taking) keepMemory(before *models.ReceivedOrder, orderID string, prints map[string]string) error {
	if t.src.Integration == nil || t.src.DryRun {
		return nil
	}
	m := &models.ReceivedOrder{IntegrationID: t.src.Integration.ID, Number: t.in.Number, AccountID: t.src.Account.ID, Fields: map[string]string{}, WorkOrderID: orderID, At: models.Now()}
	if before != nil {
		if before.WorkOrderID == orderID && before.Knows(prints) {
			return nil
		}
		if before.WorkOrderID == orderID {
			maps.Copy(m.Fields, before.Fields)
			m.Status, m.Assignee = before.Status, before.Assignee
		}
	}
	maps.Copy(m.Fields, prints)
	if t.in.Status != nil {
		m.Status = strings.ToLower(strings.TrimSpace(*t.in.Status))
	}
	if t.in.Assignee != nil {
		m.Assignee = models.UsernameKey(*t.in.Assignee)
	}
	t.memory[t.in.Number] = m
	return t.tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(m).Error
}

// update changes an order that exists, as far as the source may.
func (t *taking) update(o *models.WorkOrder, memory *models.ReceivedOrder, prints map[string]string) error {
	in := t.in
	t.result.ID = o.ID
	rights := models.Rights{Owned: t.src.Integration != nil || o.IntegrationID == nil, Shared: t.src.autoAdmin()}
	copied := *o
	before := copied.Address
	changed := copied.WorkOrderFields.Take(in, rights)
	if !rights.Owned {
		probe := o.WorkOrderFields
		if len(probe.Take(&models.Incoming{ClientStatus: in.ClientStatus, ClientDueDate: in.ClientDueDate, ClientInstructions: in.ClientInstructions}, models.Rights{Owned: true})) > 0 {
			t.warn("client_status", "Client status, client due date and client instructions belong to the integration of this order and stay.")
		}
	}
	adopts := t.src.Integration != nil && (o.IntegrationID == nil || *o.IntegrationID != t.src.Integration.ID)
	if adopts {
		copied.IntegrationID = &t.src.Integration.ID
	}
	copied.Normalise()
	copied.Check(&t.problems)
	if len(t.problems) > 0 {
		return nil
	}
	acts, err := t.takeStatus(&copied, memory, rights.Shared)
	if err != nil {
		return err
	}
	if copied.Priority != o.Priority {
		changed = append(changed, "priority")
	}
	if copied.Invoiced != o.Invoiced {
		changed = append(changed, "invoiced")
	}
	tasks, err := t.takeTasks(o, rights.Shared)
	if err != nil || len(t.problems) > 0 {
		return err
	}
	if len(tasks) > 0 {
		changed = append(changed, "tasks")
	}
	reassign, err := t.takeAssignee(o, memory)
	if err != nil {
		return err
	}
	t.result.Result = models.ResultUnchanged
	if len(changed) > 0 || len(acts) > 0 || reassign != "" {
		t.result.Result = models.ResultUpdated
	}
	if t.src.DryRun {
		return nil
	}
	if err := t.keepMemory(memory, o.ID, prints); err != nil {
		return err
	}
	if t.result.Result == models.ResultUnchanged && !adopts {
		return nil
	}
	*o = copied
	if err := t.saveUpdate(o, before, changed, tasks); err != nil {
		return err
	}
	if reassign != "" {
		acts = append(acts, act{models.Assign, models.ActionParameters{Assignee: reassign}})
	}
	for _, a := range acts {
		if err := t.wish(o, a.event, a.parameters); err != nil {
			return err
		}
	}
	return nil
}

func (t *taking) saveUpdate(o *models.WorkOrder, before models.Address, changed []string, tasks []models.Task) error {
	if o.Address != before {
		property, err := t.tx.PropertyAt(o.AccountID, o.Address, o.Latitude, o.Longitude)
		if err != nil {
			return err
		}
		o.PropertyID = property.ID
	}
	for i := range tasks {
		if err := t.tx.Save(&tasks[i]).Error; err != nil {
			return err
		}
	}
	if len(tasks) > 0 {
		all, err := models.TasksOf(t.tx.DB, o.ID)
		if err != nil {
			return err
		}
		t.tasks[o.ID] = all[o.ID]
	}
	if o.HasAssignee() && len(changed) > 0 && (o.FieldStatus == models.FieldViewed || o.FieldStatus == models.FieldNew) {
		o.FieldStatus = models.FieldUpdated
	}
	if len(changed) > 0 {
		e := &models.HistoryEvent{Type: models.TypeUpdated, ActorID: t.src.actorID(), Actor: t.src.Actor(), Details: models.EventDetails{Fields: changed}}
		if err := t.tx.Record(o, e); err != nil {
			return err
		}
	}
	return t.tx.SaveOrder(o)
}

// act is an action that a status asks for.
type act struct {
	event      models.Event
	parameters models.ActionParameters
}

// takeStatus finds out what a status does: it acts only when it differs from the one that the source sent last, so that a
// pull which says REWORK every night reopens nothing.
func (t *taking) takeStatus(o *models.WorkOrder, memory *models.ReceivedOrder, shared bool) ([]act, error) {
	status, known := t.status()
	if !known {
		return nil, nil
	}
	if memory != nil {
		last, _ := models.ParseWireStatus(memory.Status)
		if last == status {
			return nil, nil
		}
	}
	if t.src.Integration == nil && status == o.WireStatus() {
		return nil, nil
	}
	state := o.Lifecycle.State
	switch status {
	case models.WireInvoiced:
		if !o.Invoiced && shared {
			o.Invoiced = true
		}
		if t.src.Integration != nil {
			t.warn("status", "Invoiced is kept as a mark and changes no state.")
		}
		return nil, nil
	case models.WireRush, models.WireRework, models.WireCanceled:
	default:
		t.ineffective(status)
		return nil, nil
	}
	if state == models.Closed || state == models.Cancelled {
		if status != models.WireCanceled {
			t.warn("status", "The order is %s: its fields are updated, its state is not.", state)
		}
		return nil, nil
	}
	if !shared {
		t.warn("status", "Auto-admin is off: the status %s is not applied.", status)
		if t.src.DryRun {
			return nil, nil
		}
		return nil, t.tx.Raise(&models.Alert{AccountID: o.AccountID, Kind: models.AlertStatusIgnored, WorkOrderID: &o.ID, Subject: o.ID + "/" + string(status),
			Title:  fmt.Sprintf("%s wants %s to be %s", t.src.Actor(), o.DisplayNumber(), status),
			Detail: "Auto-admin of the integration is off, so the status was not applied.",
			Remedy: "Apply it by hand if it is right, or switch auto-admin on."})
	}
	if status == models.WireCanceled {
		return []act{{models.Cancel, models.ActionParameters{Reason: "Cancelled by " + t.src.Actor()}}}, nil
	}
	if status == models.WireRush {
		o.Priority = models.PriorityRush
		return nil, nil
	}
	if state == models.Completed || state == models.Approved || state == models.Published {
		return []act{{models.Reject, models.ActionParameters{Reason: "Sent back for rework by " + t.src.Actor()}}}, nil
	}
	o.Priority = models.PriorityRework
	return nil, nil
}

// takeAssignee is whom to assign now, "" for nobody new: an assignee, too, acts only when the source changes it.
func (t *taking) takeAssignee(o *models.WorkOrder, memory *models.ReceivedOrder) (string, error) {
	if t.in.Assignee == nil || (memory != nil && memory.Assignee == models.UsernameKey(*t.in.Assignee)) {
		return "", nil
	}
	name, said, err := t.assignee()
	if err != nil || !said || name == "" {
		return "", err
	}
	if !t.src.autoAdmin() {
		t.warn("assignee", "Auto-admin is off: the order stays with whom the office assigned.")
		return "", nil
	}
	if name == models.AssignToAll && o.AssignedToAll {
		return "", nil
	}
	if u := t.users[models.UsernameKey(name)]; u != nil && o.AssigneeID != nil && *o.AssigneeID == u.ID {
		return "", nil
	}
	switch o.Lifecycle.State {
	case models.Created, models.Assigned, models.InProgress:
		return name, nil
	}
	t.warn("assignee", "The order is %s: its assignee stays.", o.Lifecycle.State)
	return "", nil
}

// takeTasks merges the tasks by their cleaned names and returns those that are to be written. None is ever taken away.
func (t *taking) takeTasks(o *models.WorkOrder, shared bool) ([]models.Task, error) {
	if len(t.in.Tasks) == 0 {
		return nil, nil
	}
	byName := map[string]*models.Task{}
	have := t.tasks[o.ID]
	next := int64(0)
	for i := range have {
		byName[strings.ToLower(have[i].CleanName)] = &have[i]
		next = max(next, have[i].Position+1)
	}
	var save []models.Task
	for i := range t.in.Tasks {
		said := &t.in.Tasks[i]
		prefix := fmt.Sprintf("tasks[%d].", i)
		task := models.Task{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, Position: next}
		if known := byName[strings.ToLower(models.CleanTaskName(said.Name))]; known != nil {
			task = *known
			task.RequiredPhotos = maps.Clone(known.RequiredPhotos)
		} else {
			next++
		}
		wasHash, wasAnswers := task.SurveyHash, task.SurveyAnswers
		changed, survey := task.Take(said)
		if !changed {
			continue
		}
		if survey {
			t.knownSurvey(&task.TaskFields, i)
		}
		task.Normalise()
		task.CleanName = models.CleanTaskName(task.Name)
		task.Check(&t.problems, prefix)
		if survey && len(t.problems) == 0 {
			if t.src.DryRun {
				if err := t.checkSurveys([]models.TaskFields{task.TaskFields}); err != nil {
					return nil, err
				}
			} else if err := t.tx.SetSurvey(&task, prefix); err != nil {
				return nil, err
			}
			if known := byName[strings.ToLower(task.CleanName)]; known != nil && task.SurveyHash == wasHash && task.SurveyAnswers == wasAnswers && onlySurvey(known, &task) {
				continue // the same form again
			}
		}
		save = append(save, task)
	}
	if len(save) > 0 && !shared {
		t.warn("tasks", "Auto-admin is off: the tasks stay as they are.")
		return nil, nil
	}
	return save, nil
}

// onlySurvey tells whether two tasks are the same apart from their surveys.
func onlySurvey(a, b *models.Task) bool {
	return a.Name == b.Name && a.Instructions == b.Instructions && a.SourceService == b.SourceService && a.SourceServiceID == b.SourceServiceID &&
		maps.Equal(a.RequiredPhotos, b.RequiredPhotos) && fmt.Sprint(a.Options) == fmt.Sprint(b.Options)
}

// wireNames are the names of fields as remote systems write them.
var wireNames = map[string]string{
	"work_order_number": "workOrderNumber", "work_order_info": "workOrderInfo", "due_date": "dueDate", "due_time": "dueDate", "start_date": "startDate",
	"client_due_date": "clientDueDate", "client_status": "clientStatus", "client_instructions": "clientInstructions", "assignee": "assignedTo", "tasks": "services",
	"latitude": "gpsLatitude", "longitude": "gpsLongitude", "work_type": "workType", "source.work_order_id": "source_wo_id", "source.work_order_number": "source_wo_number",
	"source.provider": "source_wo_provider",
}

var taskField = regexp.MustCompile(`^tasks\[(\d+)\](?:\.(.*))?$`)

// outward renames fields to what the sender calls them.
func (t *taking) outward(problems models.Problems) []models.FieldError {
	out := make([]models.FieldError, 0, len(problems))
	for _, p := range problems {
		p.Field = strings.TrimPrefix(strings.TrimPrefix(p.Field, "address."), "attributes.")
		if !t.src.File {
			if name, ok := wireNames[p.Field]; ok {
				p.Field = name
			} else if m := taskField.FindStringSubmatch(p.Field); m != nil {
				inner := map[string]string{"name": "serviceName", "survey_id": "survey", "kind": "survey"}[m[2]]
				if inner == "" {
					inner = m[2]
				}
				if rest, ok := strings.CutPrefix(m[2], "survey."); ok {
					inner = "surveyDynamic." + rest
				}
				p.Field = strings.TrimSuffix(fmt.Sprintf("services[%s].%s", m[1], inner), ".")
			}
		}
		out = append(out, p)
	}
	return out
}
