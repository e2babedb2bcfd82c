package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// The options that complete asks for. Those of a task win over those of its order.
const (
	// OptionCheckIn makes a check-in a condition of completing.
	OptionCheckIn = "check_in_required"
	// OptionPhotos holds required photos, evidence type → count; of an order it counts for each photo task without its own.
	OptionPhotos = "required_photos"
	// OptionSources lists the sources from which required photos count, such as ["mobile_camera"].
	OptionSources = "allowed_sources"
	// OptionSurvey, when it is false, leaves it to the crew whether a survey task is answered.
	OptionSurvey = "survey_required"
)

// SignatureEvidence is the evidence type of a signature that was drawn in answer to a survey.
const SignatureEvidence = "signature"

// evidenceOf reads required photos of options: required_photos, or before_min and the like.
func evidenceOf(options map[string]any) map[string]int {
	wanted := map[string]int{}
	if m, ok := options[OptionPhotos].(map[string]any); ok {
		for evidence, n := range m {
			wanted[strings.ToLower(strings.TrimSpace(evidence))] = intOf(n)
		}
	}
	for name, n := range options {
		if evidence, ok := strings.CutSuffix(name, "_min"); ok && slices.Contains([]string{"before", "during", "after"}, evidence) {
			wanted[evidence] = intOf(n)
		}
	}
	return wanted
}

// WantedPhotos is what a task needs of each evidence type: its own requirement, else its options', else the order's.
func (t *Task) WantedPhotos(order map[string]any) map[string]int {
	if t.Kind == SurveyTask && len(t.RequiredPhotos) == 0 {
		order = nil // an order's requirement is about photo tasks
	}
	wanted := evidenceOf(order)
	maps.Copy(wanted, evidenceOf(t.Options))
	maps.Copy(wanted, t.RequiredPhotos)
	return wanted
}

// AskedPhotos is how many photos the task itself asks for: what its options ask for is the office's own.
func (t *Task) AskedPhotos() (n int) {
	for _, wanted := range t.RequiredPhotos {
		n += wanted
	}
	return n
}

// allowedSources lists the sources that count; nil is every one.
func (t *Task) allowedSources(order map[string]any) []string {
	for _, options := range []map[string]any{t.Options, order} {
		if v, there := options[OptionSources]; there {
			return textsOf(v)
		}
		if v, there := options["gallery_allowed"]; there && !truthy(v) {
			return []string{string(MobileCamera), string(FromShare), string(FromPeer)}
		}
	}
	return nil
}

func (t *Task) surveyRequired(order map[string]any) bool {
	for _, options := range []map[string]any{t.Options, order} {
		if v, there := options[OptionSurvey]; there {
			return truthy(v)
		}
	}
	return true
}

// gathered is what an order has of proof, by task.
type gathered struct {
	photos    map[string]map[string]map[string]int // task → evidence type → source → count
	answered  map[string]bool                      // tasks with a survey response
	responses map[string]*Item                     // task → the latest survey response
	checkIns  int
}

// announced adds the photos that a member has announced and that are not here yet: they count for a completion of theirs.
func (tx *Tx) announced(g *gathered, o *WorkOrder, userID string) error {
	var rows []struct {
		TaskID       string
		EvidenceType string
		Source       string
		N            int
	}
	err := openOf(tx.DB, o.ID).Where("user_id = ? AND task_id IS NOT NULL", userID).Select("task_id, evidence_type, source, COUNT(*) AS n").Group("task_id, evidence_type, source").Scan(&rows).Error
	for _, r := range rows {
		g.add(r.TaskID, r.EvidenceType, r.Source, r.N)
	}
	return err
}

func (g *gathered) add(taskID, evidenceType, source string, n int) {
	task := g.photos[taskID]
	if task == nil {
		task = map[string]map[string]int{}
		g.photos[taskID] = task
	}
	if task[evidenceType] == nil {
		task[evidenceType] = map[string]int{}
	}
	task[evidenceType][source] += n
}

// gatherOrders counts what orders have of proof that counts; responses are left out.
func gatherOrders(db *gorm.DB, orderIDs ...string) (map[string]*gathered, error) {
	all := map[string]*gathered{}
	for _, id := range orderIDs {
		all[id] = &gathered{photos: map[string]map[string]map[string]int{}, answered: map[string]bool{}, responses: map[string]*Item{}}
	}
	var rows []struct {
		WorkOrderID  string
		TaskID       *string
		Kind         ItemKind
		EvidenceType string
		Source       string
		N            int
	}
	live := db.Model(&Item{}).Where("work_order_id IN ? AND deleted_at IS NULL AND withdrawn_at IS NULL AND review <> ?", orderIDs, ReviewRejected)
	// What a statement vouches for counts by its own source.
	const source = "COALESCE(statements.source, items.source)"
	live = live.Joins("LEFT JOIN statements ON statements.item_id = items.id AND statements.verified")
	err := live.Select("work_order_id, task_id, kind, evidence_type, " + source + " AS source, COUNT(*) AS n").Group("work_order_id, task_id, kind, evidence_type, " + source).Scan(&rows).Error
	for _, r := range rows {
		g := all[r.WorkOrderID]
		switch {
		case r.Kind == CheckIn:
			g.checkIns += r.N
		case r.Kind == SurveyResponse && r.TaskID != nil:
			g.answered[*r.TaskID] = true
		case r.Kind == Photo && r.TaskID != nil:
			g.add(*r.TaskID, r.EvidenceType, r.Source, r.N)
		}
	}
	return all, err
}

func (tx *Tx) gather(o *WorkOrder) (*gathered, error) {
	all, err := gatherOrders(tx.DB, o.ID)
	g := all[o.ID]
	if err != nil || len(g.answered) == 0 {
		return g, err
	}
	var responses []*Item
	err = tx.Where("work_order_id = ? AND kind = ? AND deleted_at IS NULL AND withdrawn_at IS NULL AND review <> ? AND task_id IS NOT NULL", o.ID, SurveyResponse, ReviewRejected).
		Order("received_at, id").Find(&responses).Error
	for _, r := range responses {
		g.responses[*r.TaskID] = r
	}
	return g, err
}

// missingProof lists what the order still needs before a user can complete it: what counts is what is here now, and what that
// user has announced.
func (tx *Tx) missingProof(o *WorkOrder, userID string) ([]FieldError, error) {
	all, err := TasksOf(tx.DB, o.ID)
	if err != nil {
		return nil, err
	}
	g, err := tx.gather(o)
	if err == nil && userID != "" {
		err = tx.announced(g, o, userID)
	}
	if err != nil {
		return nil, err
	}
	var missing Problems
	checkIn := optionOn(o.Options, OptionCheckIn)
	for i := range all[o.ID] {
		t := &all[o.ID][i]
		checkIn = checkIn || optionOn(t.Options, OptionCheckIn)
		t.missingPhotos(&missing, fmt.Sprintf("tasks[%d]", i), o.Options, g.photos[t.ID])
		if t.Kind == SurveyTask && t.surveyRequired(o.Options) {
			if err := tx.missingAnswers(&missing, fmt.Sprintf("tasks[%d].survey", i), t, g.responses[t.ID], userID); err != nil {
				return nil, err
			}
		}
	}
	if checkIn && g.checkIns == 0 {
		missing.Add("check_ins", "The order needs a check-in at the property.").Code = CodeMissingCheck
	}
	return missing, nil
}

func (t *Task) missingPhotos(missing *Problems, field string, options map[string]any, have map[string]map[string]int) {
	sources := t.allowedSources(options)
	count := func(bySource map[string]int) (counted, all int) {
		for source, n := range bySource {
			all += n
			if sources == nil || slices.Contains(sources, source) {
				counted += n
			}
		}
		return counted, all
	}
	from := ""
	if sources != nil {
		from = " from " + strings.Join(sources, " or ")
	}
	wanted := t.WantedPhotos(options)
	for _, evidence := range slices.Sorted(maps.Keys(wanted)) {
		if n, _ := count(have[evidence]); n < wanted[evidence] {
			missing.Add(field+".required_photos."+evidence, "The task %q needs %d %s photos%s and has %d.", t.Name, wanted[evidence], evidence, from, n).Code = CodeMissingPhotos
		}
	}
	counted, all := 0, 0
	for evidence, bySource := range have {
		if evidence == SignatureEvidence {
			continue // it is drawn, whatever the sources of photos
		}
		c, a := count(bySource)
		counted, all = counted+c, all+a
	}
	if all > 0 && counted == 0 {
		missing.Add(field+".options."+OptionSources, "The task %q takes photos%s only, and none of its %d is: take them with the app.", t.Name, from, all).Code = CodeWrongSource
	}
}

func (tx *Tx) missingAnswers(missing *Problems, field string, t *Task, response *Item, userID string) error {
	if response == nil {
		missing.Add(field, "The survey of the task %q is not answered.", t.Name).Code = CodeMissingSurvey
		return nil
	}
	if t.SurveyHash == "" {
		return nil
	}
	raw, err := TemplateOf(tx.DB, t.SurveyHash)
	if err != nil {
		return err
	}
	template, err := ParseSurvey(raw)
	if err != nil {
		return nil //nolint:nilerr // a template that was taken once does not stop the crew
	}
	answers, err := ParseAnswers(json.RawMessage(response.Answers))
	if err != nil {
		return nil //nolint:nilerr // so too
	}
	asked := map[string]bool{}
	for _, q := range template.flat() {
		asked[q.ID] = q.PictureMin > 0 || q.Kind() == PictureAnswer
	}
	for _, a := range answers {
		if !asked[a.ID] || len(a.Pictures) == 0 {
			continue
		}
		keys := map[string]bool{}
		for _, uuid := range a.Pictures {
			keys[UUIDKey(uuid)] = true
		}
		var there int64
		if err := tx.Model(&Item{}).Where("work_order_id = ? AND uuid_key IN ? AND kind = ? AND deleted_at IS NULL AND withdrawn_at IS NULL", response.WorkOrderID, slices.Collect(maps.Keys(keys)), Photo).Count(&there).Error; err != nil {
			return err
		}
		var announced int64
		if err := tx.Model(&Announcement{}).Where("work_order_id = ? AND uuid_key IN ? AND user_id = ? AND state = ?", response.WorkOrderID, slices.Collect(maps.Keys(keys)), userID, AnnouncementOpen).Count(&announced).Error; err != nil {
			return err
		}
		if n := len(keys) - int(there+announced); n > 0 {
			missing.Add(field+"."+a.ID, "The survey of the task %q names %d photos that have not arrived.", t.Name, n).Code = CodeMissingPhotos
		}
	}
	return nil
}

// SetSurvey freezes the template of a survey task: the one in line, else the one that it names. prefix names the task in
// errors. A photo task keeps none.
func (tx *Tx) SetSurvey(t *Task, prefix string) error {
	switch {
	case len(t.Survey) > 0 && string(t.Survey) != "null":
		t.SurveyNamed = t.SurveyID
		return tx.setInlineSurvey(t, prefix)
	case t.SurveyID == "":
		t.SurveyHash, t.SurveyAnswers = "", ""
		return nil
	}
	s, hash, _, err := FindSurvey(tx.DB, t.SurveyID)
	if KindOf(err) == NotFound {
		return InvalidField(prefix+"survey_id", "The account has no survey %q.", t.SurveyID).Coded(CodeNoSuch)
	}
	if err != nil {
		return err
	}
	if t.Kind != SurveyTask {
		return InvalidField(prefix+"kind", "A task with a survey is of kind survey.")
	}
	if hash != t.SurveyHash || t.SurveyNamed == "" {
		t.SurveyNamed = t.SurveyID
	}
	if hash == s.Hash {
		t.SurveyID = s.Reference()
	}
	t.SurveyHash = hash
	return nil
}

// setInlineSurvey takes a template in line, or a returned response: its questions are asked again with its answers to
// begin from, in the words of the account's template of that id if it has one.
func (tx *Tx) setInlineSurvey(t *Task, prefix string) error {
	var given struct {
		Meta      SurveyMeta      `json:"meta"`
		Questions json.RawMessage `json:"questions"`
		Answers   json.RawMessage `json:"answers"`
	}
	if err := json.Unmarshal(t.Survey, &given); err != nil {
		return InvalidField(prefix+"survey", "Want a survey template as an object: %v.", err)
	}
	if t.SurveyNamed == "" {
		t.SurveyNamed = given.Meta.SurveyTemplateID
	}
	raw := []byte(t.Survey)
	t.Survey, t.SurveyAnswers, t.Kind = nil, "", SurveyTask
	if len(given.Answers) > 0 {
		answers, err := ParseAnswers(given.Answers)
		if err != nil {
			return prefixFields(prefix+"survey.", err)
		}
		kept, err := json.Marshal(answers)
		if err != nil {
			return err
		}
		t.SurveyAnswers = string(kept)
		if len(given.Questions) == 0 {
			reference := t.SurveyID
			if reference == "" {
				reference = given.Meta.SurveyTemplateID
			}
			s, hash, _, err := FindSurvey(tx.DB, reference)
			if err == nil {
				t.SurveyID, t.SurveyHash = s.Reference(), hash
				return nil
			}
			if KindOf(err) != NotFound {
				return err
			}
			if raw, err = templateOfAnswers(reference, given.Meta.Name, answers); err != nil {
				return err
			}
		}
	}
	template, err := ParseSurvey(raw)
	if err != nil {
		return prefixFields(prefix+"survey.", err)
	}
	if t.SurveyID == "" {
		t.SurveyID = template.Meta.SurveyTemplateID
	}
	t.SurveyHash, err = tx.KeepTemplate(t.AccountID, raw)
	return err
}

// CheckInlineSurvey returns the [Invalid] error that keeping a template or a returned response would meet.
func CheckInlineSurvey(raw json.RawMessage, prefix string) error {
	var given struct {
		Answers   json.RawMessage `json:"answers"`
		Questions json.RawMessage `json:"questions"`
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		return InvalidField(prefix+"survey", "Want a survey template as an object: %v.", err)
	}
	if len(given.Answers) > 0 {
		if _, err := ParseAnswers(given.Answers); err != nil {
			return prefixFields(prefix+"survey.", err)
		}
		if len(given.Questions) == 0 {
			return nil
		}
	}
	if _, err := ParseSurvey(raw); err != nil {
		return prefixFields(prefix+"survey.", err)
	}
	return nil
}

// templateOfAnswers makes a template that asks again what a response answers.
func templateOfAnswers(id, name string, answers []SurveyAnswer) ([]byte, error) {
	if m := revisionSuffix.FindStringSubmatch(id); m != nil {
		id = m[1]
	}
	id = strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == ':' {
			return '_'
		}
		return r
	}, id)
	if id == "" {
		id = "returned"
	}
	if name == "" {
		name = id
	}
	questions := make([]map[string]any, len(answers))
	for i, a := range answers {
		kind := a.AnswerType
		if answerTypes[strings.ToLower(kind)] == "" {
			kind = string(TextAnswer)
		}
		questions[i] = map[string]any{"id": a.ID, "question": a.Question, "answerType": kind, "hint": a.Hint}
		if len(a.AnswerOptions) > 0 && string(a.AnswerOptions) != "null" && string(a.AnswerOptions) != "[]" {
			questions[i]["answerOptions"] = a.AnswerOptions
		} else if k := answerTypes[strings.ToLower(kind)]; k == SelectAnswer || k == MultiAnswer {
			questions[i]["answerType"] = TextAnswer
		}
	}
	return json.Marshal(map[string]any{"meta": map[string]any{"surveyTemplateId": id, "name": name}, "questions": questions})
}

// prefixFields puts prefix before the fields that an error names.
func prefixFields(prefix string, err error) error {
	e, ok := err.(*Error) //nolint:errorlint // made just now
	if !ok {
		return err
	}
	copied := *e
	copied.Fields = slices.Clone(e.Fields)
	for i := range copied.Fields {
		copied.Fields[i].Field = prefix + copied.Fields[i].Field
	}
	return &copied
}
