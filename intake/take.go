package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"

	"gorm.io/gorm/clause"

	"fieldproof/models"
)

// taking is one incoming order on its way in.
type taking struct {
	*receiver
	in       *models.Incoming
	result   models.Received
	problems models.Problems
	warnings models.Problems
	repeated bool // its number stood in the file before
	refused  bool // for the way that it came
}

func (t *taking) warn(field, format string, args ...any) { t.warnings.Add(field, format, args...) }

func (t *taking) take() error {
	in := t.in
	if in.Number == "" {
		if len(t.problems) > 0 {
			return nil // it could not be read, its number neither
		}
		t.problems.Add("work_order_number", "Give the order a number.")
	} else if first, again := t.seen[keyOf(in.ClientCode, in.Number)]; again && t.src.File && first != in.Line {
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
	memory := t.memory[in.Number]
	t.unsaid(memory)
	prints := in.Fingerprint()
	if refused, err := t.refuse(memory); err != nil || refused {
		return err
	}
	if t.end() != "" {
		in.Unsay(info) // what ended has no door codes any more, whatever else is said of it
	}
	if o := t.have[keyOf(in.ClientCode, in.Number)]; o != nil {
		if _, read := t.tasks[o.ID]; !read { // made a moment ago, by an order of the same batch
			all, err := models.TasksOf(t.tx.DB, o.ID)
			if err != nil {
				return err
			}
			t.tasks[o.ID] = all[o.ID]
		}
		return t.update(o, memory, prints)
	}
	if known := t.others[keyOf(in.ClientCode, in.Number)]; known != "" && !t.src.shared() {
		t.problems.Add("work_order_number", "Here another order got the number %s, which came as %s: give that one another number, then this one comes in.", in.Number, known)
		return nil
	}
	if memory != nil && t.hidden[memory.WorkOrderID] {
		if err := t.blankHidden(memory); err != nil {
			return err
		}
	}
	if memory != nil && t.hidden[memory.WorkOrderID] && memory.Knows(prints) {
		t.result.Result = models.ResultUnchanged
		t.warn("work_order_number", "The order was deleted here, and this says nothing new of it: it stays deleted.")
		return nil
	}
	if t.takenAway() {
		t.result.Result = models.ResultUnchanged
		if memory == nil || memory.Refused == "" || t.src.DryRun {
			return nil
		}
		delete(t.memory, in.Number) // refused, and taken back: if it comes again, that is told again
		if err := t.takenAfterAll(memory); err != nil {
			return err
		}
		return t.tx.Where("integration_id = ? AND number = ?", memory.IntegrationID, memory.Number).Delete(&models.ReceivedOrder{}).Error
	}
	return t.create(prints)
}

// takenAway tells whether a delegator says of an order that it was taken from us, and it never was here.
func (t *taking) takenAway() bool {
	in := t.in
	return t.src.Integration != nil && t.src.Integration.Peer() && in.Says("client_status") && !in.Says("address.address1") && in.Tasks == nil &&
		(strings.EqualFold(in.Fields.ClientStatus, "Cancelled") || strings.EqualFold(in.Fields.ClientStatus, "Deleted"))
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
	if u == nil && t.finished() {
		return "", true, nil // kept as written: who did it may be gone
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
	number, err := t.ownNumber()
	if err != nil {
		return err
	}
	fields := models.WorkOrderFields{WorkOrderNumber: number, ClientCode: in.ClientCode}
	fields.Take(in, models.OfAnyone, models.OfIntegration, models.Shared)
	tasks := make([]models.TaskFields, len(in.Tasks))
	for i := range in.Tasks {
		tasks[i] = in.Tasks[i].Fields()
		t.knownSurvey(&tasks[i], i)
	}
	assignee, said, err := t.assignee()
	if err != nil {
		return err
	}
	w, err := t.workType(&fields)
	if err != nil {
		return err
	}
	f := fresh{fields: fields, tasks: tasks, assignee: assignee, today: today(t.src.Account)}
	f.fill(w)
	fallback := f.assignee
	if !said && fallback == "" && t.src.Integration != nil {
		fallback = t.src.Integration.DefaultAssignee
	}
	if !said && fallback != "" {
		if assignee, err = t.defaultAssignee(fallback); err != nil {
			return err
		}
	}
	if !t.src.File {
		f.dueToday()
	}
	status := t.statusAtCreation(&f.fields)
	f.check(&t.problems)
	if len(t.problems) > 0 {
		return nil
	}
	t.result.Result = models.ResultCreated
	o := &models.WorkOrder{ID: models.NewID(), AccountID: t.src.Account.ID, WorkOrderFields: f.fields, WorkType: f.filledBy, CreatedBy: t.src.actorID(), Invoiced: status == models.WireInvoiced}
	if t.src.Integration != nil {
		o.IntegrationID = &t.src.Integration.ID
	}
	t.takePath(o)
	history := t.src.File && status.Finished()
	if history {
		if err := t.asHistory(o, status, assignee); err != nil {
			return err
		}
	}
	if t.src.DryRun {
		err = t.checkSurveys(f.tasks)
	} else {
		err = t.insert(o, f.tasks, prints, history, assignee)
	}
	if err == nil && f.left > 0 {
		err = t.noRoom(o, f.left, "the work type "+f.filledBy)
	}
	if err != nil || t.src.DryRun {
		return err
	}
	if status == models.WireCanceled && !history {
		return t.wish(o, models.Cancel, models.ActionParameters{Reason: "Cancelled by " + t.src.Actor()})
	}
	return nil
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
		f.SurveyNamed, f.SurveyID = f.SurveyID, ""
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

func (t *taking) insert(o *models.WorkOrder, tasks []models.TaskFields, prints map[string]string, history bool, assignee string) error {
	e := t.src.hand().event(models.TypeCreated)
	e.ToState = models.Created
	if history {
		e.ToState, e.Reason = models.Closed, "Imported as history, with the status "+o.ImportedStatus
	}
	if err := t.tx.CreateOrder(o, tasks, e); err != nil {
		return err
	}
	t.result.ID = o.ID
	t.have[keyOf(o.ClientCode, t.in.Number)] = o
	if history && o.HasAssignee() {
		// Whoever did it has it again when it is reopened. Until then no event tells anybody of it.
		row := &models.Assignment{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, UserID: o.AssigneeID, AssignedAt: models.Now()}
		if err := t.tx.Create(row).Error; err != nil {
			return err
		}
	}
	if err := t.keepMemory(nil, o, prints); err != nil || history {
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
	if err := t.src.hand().wish(t.tx, o, models.NewID(), event, p); err != nil {
		return err
	}
	return t.ring(o.ID)
}

// keepMemory keeps what the source said, over what it said before. o is the order as it stands after.
func (t *taking) keepMemory(before *models.ReceivedOrder, o *models.WorkOrder, prints map[string]string) error {
	if t.src.Integration == nil || t.src.DryRun {
		return nil
	}
	m := &models.ReceivedOrder{IntegrationID: t.src.Integration.ID, Number: t.in.Number, AccountID: t.src.Account.ID, Fields: map[string]string{}, WorkOrderID: o.ID}
	same := before != nil && before.WorkOrderID == o.ID
	if same {
		*m = *before
		m.Fields = maps.Clone(before.Fields)
	}
	t.told(m, o)
	maps.Copy(m.Fields, prints)
	t.keepParts(m)
	if t.in.Status != nil {
		m.Status = strings.ToLower(strings.TrimSpace(*t.in.Status))
	}
	if t.in.Assignee != nil {
		m.Assignee = models.UsernameKey(*t.in.Assignee)
	}
	if same && sameMemory(before, m) {
		return nil
	}
	if err := t.takenAfterAll(t.memory[m.Number]); err != nil {
		return err
	}
	m.At = models.Now()
	return t.keep(m)
}

// sameMemory tells whether nothing new was said. It compares as rows are kept, for what came back from one has lost its types.
func sameMemory(a, b *models.ReceivedOrder) bool {
	x, err := json.Marshal(a)
	y, failed := json.Marshal(b)
	return err == nil && failed == nil && bytes.Equal(x, y)
}

func (t *taking) keep(m *models.ReceivedOrder) error {
	t.memory[m.Number] = m
	return t.tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(m).Error
}

// ownNumber is the number that a new order gets here: the source's, unless another order of its got that since.
func (t *taking) ownNumber() (string, error) {
	number := t.in.Number
	if t.others[keyOf(t.in.ClientCode, number)] == "" {
		return number, nil
	}
	for n := 2; ; n++ {
		free := models.Numbered(number, n)
		var taken int64
		err := t.tx.Model(&models.WorkOrder{}).Where("client_code = ? AND number = ? AND NOT hidden", t.in.ClientCode, free).Count(&taken).Error
		if err != nil || taken == 0 {
			return free, err
		}
	}
}

// update changes an order that exists, as far as the source may.
func (t *taking) update(o *models.WorkOrder, memory *models.ReceivedOrder, prints map[string]string) error {
	in := t.in
	t.result.ID = o.ID
	shared := t.src.autoAdmin()
	owners := []models.Owner{models.OfAnyone}
	if shared {
		owners = append(owners, models.Shared)
	}
	owned := t.src.Integration != nil || o.IntegrationID == nil
	if owned {
		owners = append(owners, models.OfIntegration)
	}
	copied := *o
	before := *o
	changed := copied.WorkOrderFields.Take(in, owners...)
	if !owned {
		probe := o.WorkOrderFields
		for _, name := range probe.Take(in, models.OfIntegration) {
			t.warn(name, "This belongs to the integration of the order and stays.")
		}
	}
	adopts := t.src.Integration != nil && (o.IntegrationID == nil || *o.IntegrationID != t.src.Integration.ID)
	if adopts {
		copied.IntegrationID = &t.src.Integration.ID
	}
	if t.end() != "" && blank(&copied.WorkOrderFields, memory) {
		changed = append(changed, info)
	}
	moved := t.takePath(&copied)
	copied.Normalise()
	copied.Check(&t.problems)
	if len(t.problems) > 0 {
		return nil
	}
	acts, err := t.takeStatus(&copied, memory, shared)
	if err != nil {
		return err
	}
	if copied.Priority != o.Priority {
		changed = append(changed, "priority")
	}
	if copied.Invoiced != o.Invoiced {
		changed = append(changed, "invoiced")
	}
	tasks, err := t.takeTasks(o, shared)
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
	if err := t.keepMemory(memory, &copied, prints); err != nil {
		return err
	}
	if t.result.Result == models.ResultUnchanged && !adopts && !moved {
		return nil
	}
	*o = copied
	made := edited{before: before, changed: changed, tasks: tasks, by: t.src.hand(), reason: t.because(memory)}
	if err := made.save(t.tx, o); err != nil {
		return err
	}
	if len(tasks) > 0 {
		all, err := models.TasksOf(t.tx.DB, o.ID)
		if err != nil {
			return err
		}
		t.tasks[o.ID] = all[o.ID]
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
	count, left := len(have), 0
	for i := range t.in.Tasks {
		said := &t.in.Tasks[i]
		prefix := fmt.Sprintf("tasks[%d].", i)
		task := models.Task{ID: models.NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, Position: next}
		if known := byName[strings.ToLower(models.CleanTaskName(said.Name))]; known != nil {
			task = *known
			task.RequiredPhotos = maps.Clone(known.RequiredPhotos)
		} else if count >= models.MostTasks {
			left++
			continue
		} else {
			next++
			count++
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
	if len(save)+left > 0 && !shared {
		t.warn("tasks", "Auto-admin is off: the tasks stay as they are.")
		return nil, nil
	}
	if left > 0 {
		return save, t.noRoom(o, left, t.src.Actor())
	}
	return save, nil
}

// noRoom tells that an order has as many tasks as it may, and what more there is for it stays out.
func (t *taking) noRoom(o *models.WorkOrder, left int, whose string) error {
	text := fmt.Sprintf("%s has %d tasks, as many as an order may have: %d of %s are left out.", o.DisplayNumber(), models.MostTasks, left, whose)
	t.warn("tasks", "%s", text)
	if !t.src.shared() {
		return nil
	}
	return t.alert(&models.Alert{AccountID: o.AccountID, Kind: models.AlertPeerTrouble, WorkOrderID: &o.ID, Subject: "tasks/" + o.ID,
		Says: "too_many_tasks", Args: []any{"order", o.DisplayNumber(), "who", t.src.Actor(), "most", models.MostTasks, "left", left, "whose", whose}})
}

// onlySurvey tells whether two tasks are the same apart from their surveys.
func onlySurvey(a, b *models.Task) bool {
	return a.Name == b.Name && a.Instructions == b.Instructions && a.SourceService == b.SourceService && a.SourceServiceID == b.SourceServiceID &&
		maps.Equal(a.RequiredPhotos, b.RequiredPhotos) && fmt.Sprint(a.Options) == fmt.Sprint(b.Options)
}

var taskField = regexp.MustCompile(`^tasks\[(\d+)\](?:\.(.*))?$`)

// outward renames fields to what the sender calls them.
func (t *taking) outward(problems models.Problems) []models.FieldError {
	out := make([]models.FieldError, 0, len(problems))
	for _, p := range problems {
		field := models.FieldNamed(p.Field)
		p.Field = strings.TrimPrefix(strings.TrimPrefix(p.Field, "address."), "attributes.")
		if !t.src.File {
			if field != nil && field.WireName() != "" {
				p.Field = field.WireName()
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
