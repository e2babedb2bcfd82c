package models

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// AnswerType is the kind of answer that a question takes. The first six are the incumbent's.
type AnswerType string

// The answer types.
const (
	YesNoAnswer     AnswerType = "yesNo"
	TextAnswer      AnswerType = "text"
	NumberAnswer    AnswerType = "number"
	DateAnswer      AnswerType = "date"
	SelectAnswer    AnswerType = "select"
	MultiAnswer     AnswerType = "multiSelect"
	SignatureAnswer AnswerType = "signature"
	BarcodeAnswer   AnswerType = "barcode"
	PictureAnswer   AnswerType = "picture"
)

// answerTypes maps each spelling that templates use, in lower case, to its type.
var answerTypes = map[string]AnswerType{
	"yesno": YesNoAnswer, "text": TextAnswer, "textarea": TextAnswer, "longtext": TextAnswer, "number": NumberAnswer, "integer": NumberAnswer, "date": DateAnswer,
	"select": SelectAnswer, "single": SelectAnswer, "singlechoice": SelectAnswer, "single choice": SelectAnswer, "radio": SelectAnswer,
	"multiselect": MultiAnswer, "multiple": MultiAnswer, "multiplechoice": MultiAnswer, "multiple choice": MultiAnswer, "checkbox": MultiAnswer,
	"signature": SignatureAnswer, "barcode": BarcodeAnswer, "picture": PictureAnswer, "photo": PictureAnswer,
}

// AnswerTypes lists the types as templates should write them.
var AnswerTypes = []AnswerType{YesNoAnswer, TextAnswer, NumberAnswer, DateAnswer, SelectAnswer, MultiAnswer, SignatureAnswer, BarcodeAnswer, PictureAnswer}

// SurveyMeta names a template.
type SurveyMeta struct {
	SurveyTemplateID string      `json:"surveyTemplateId" required:"true" example:"lawn_check"`
	Version          json.Number `json:"version,omitempty"`
	Name             string      `json:"name" required:"true"`
}

// SurveyTemplate is a form as its JSON describes it (domain: surveys; wire format of the incumbent's survey builder). What
// we do not know of it is kept as it came.
type SurveyTemplate struct {
	Meta      SurveyMeta       `json:"meta"`
	Questions []SurveyQuestion `json:"questions"`
}

// SurveyQuestion is one question, or a section of questions when Type is "section".
type SurveyQuestion struct {
	ID            string           `json:"id"`
	Type          string           `json:"type"`
	Question      string           `json:"question"`
	AnswerType    string           `json:"answerType"`
	AnswerOptions []string         `json:"-"`
	Required      bool             `json:"-"`
	PictureMin    int              `json:"-"`
	PictureMax    int              `json:"-"` // 0: any number
	Triggers      []SurveyTrigger  `json:"-"`
	Validation    SurveyValidation `json:"-"`
	Questions     []SurveyQuestion `json:"questions"`
}

// SurveyTrigger enables questions, or asks for photos, when the answer is one of its own.
type SurveyTrigger struct {
	Answers    []string
	Enable     []string
	PictureMin int
}

// SurveyValidation bounds an answer. Of a text Min and Max count characters.
type SurveyValidation struct {
	Min, Max *float64
	Pattern  *regexp.Regexp
}

// Limits of a template: far above real ones, far below what would hurt.
const (
	maxTemplate  = 1 << 20
	maxQuestions = 2000
	maxObjects   = 10 * maxQuestions // triggers, options and answers among them
	maxDepth     = 8
)

var templateIDPattern = regexp.MustCompile(`^[\pL\pN_.]{1,100}$`)

// UnmarshalJSON reads a question leniently, as templates in the field are written: booleans and numbers may be text.
func (q *SurveyQuestion) UnmarshalJSON(b []byte) error {
	type plain struct {
		ID               any              `json:"id"`
		Type             string           `json:"type"`
		Question         string           `json:"question"`
		AnswerType       string           `json:"answerType"`
		AnswerOptions    []any            `json:"answerOptions"`
		Required         any              `json:"required"`
		PictureMin       any              `json:"pictureMin"`
		PictureMax       any              `json:"pictureMax"`
		PhotoRequired    any              `json:"photoRequired"`
		PhotoRequirement any              `json:"photoRequirement"`
		Triggers         []rawTrigger     `json:"triggers"`
		Validation       rawValidation    `json:"validation"`
		Questions        []SurveyQuestion `json:"questions"`
	}
	var p plain
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&p); err != nil {
		return err
	}
	*q = SurveyQuestion{ID: textOf(p.ID), Type: p.Type, Question: p.Question, AnswerType: p.AnswerType, Required: truthy(p.Required),
		PictureMin: intOf(p.PictureMin), PictureMax: intOf(p.PictureMax), Questions: p.Questions}
	if truthy(p.PhotoRequired) {
		q.PictureMin = max(q.PictureMin, 1)
	}
	switch r := p.PhotoRequirement.(type) {
	case map[string]any:
		q.PictureMin, q.PictureMax = max(q.PictureMin, intOf(r["min"])), max(q.PictureMax, intOf(r["max"]))
	default:
		if n := intOf(r); n > 0 || truthy(r) {
			q.PictureMin = max(q.PictureMin, n, 1)
		}
	}
	for _, o := range p.AnswerOptions {
		if m, ok := o.(map[string]any); ok { // {"value": …} or {"text": …}
			for _, key := range []string{"value", "answer", "text", "label"} {
				if m[key] != nil {
					o = m[key]
					break
				}
			}
		}
		q.AnswerOptions = append(q.AnswerOptions, textOf(o))
	}
	for _, t := range p.Triggers {
		trigger := SurveyTrigger{Answers: textsOf(t.Answer), PictureMin: intOf(t.PictureMin)}
		for _, key := range []any{t.Enable, t.Enables, t.Questions} {
			trigger.Enable = append(trigger.Enable, textsOf(key)...)
		}
		q.Triggers = append(q.Triggers, trigger)
	}
	if p.Validation.Min != nil {
		q.Validation.Min = floatOf(p.Validation.Min)
	}
	if p.Validation.Max != nil {
		q.Validation.Max = floatOf(p.Validation.Max)
	}
	if p.Validation.Pattern != "" {
		re, err := regexp.Compile(p.Validation.Pattern)
		if err != nil {
			return fmt.Errorf("question %q: validation.pattern %q is no regular expression: %w", q.ID, p.Validation.Pattern, err)
		}
		q.Validation.Pattern = re
	}
	return nil
}

type rawTrigger struct {
	Answer     any `json:"answer"`
	Enable     any `json:"enable"`
	Enables    any `json:"enables"`
	Questions  any `json:"questions"`
	PictureMin any `json:"pictureMin"`
}

type rawValidation struct {
	Min     any    `json:"min"`
	Max     any    `json:"max"`
	Pattern string `json:"pattern"`
}

// IsSection tells whether q is a section.
func (q *SurveyQuestion) IsSection() bool { return strings.EqualFold(q.Type, "section") }

// Kind is the type of answer.
func (q *SurveyQuestion) Kind() AnswerType {
	return answerTypes[strings.ToLower(strings.TrimSpace(q.AnswerType))]
}

// ParseSurvey reads a template and checks it. Errors are [Invalid] and name the question.
func ParseSurvey(raw []byte) (*SurveyTemplate, error) {
	if len(raw) > maxTemplate {
		return nil, Errorf(TooLarge, "A survey template has at most %d KB.", maxTemplate>>10)
	}
	if err := CheckJSON(raw); err != nil {
		return nil, err
	}
	if Objects(raw) > maxObjects {
		return nil, InvalidField("questions", "A template has at most %d questions.", maxQuestions)
	}
	t := &SurveyTemplate{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(t); err != nil {
		return nil, InvalidField("questions", "The template can't be read: %v.", err)
	}
	var p Problems
	if !templateIDPattern.MatchString(t.Meta.SurveyTemplateID) {
		p.Add("meta.surveyTemplateId", "Give the template an id of letters, digits and _, without spaces or hyphens.")
	}
	if strings.TrimSpace(t.Meta.Name) == "" || !OneLine(t.Meta.Name, 200) {
		p.Add("meta.name", "Give the template a name of 1 to 200 characters.")
	}
	t.check(&p)
	return t, p.Err()
}

// check notes what is wrong with the questions: each needs an id of its own and a known answer type, and no question may
// enable itself, not even through others.
func (t *SurveyTemplate) check(p *Problems) {
	known := map[string]string{} // id → path
	edges := map[string][]string{}
	count, deep := 0, false
	var walk func(path string, questions []SurveyQuestion, depth int)
	walk = func(path string, questions []SurveyQuestion, depth int) {
		if depth > maxDepth {
			deep = true
			return
		}
		for i := range questions {
			q := &questions[i]
			at := fmt.Sprintf("%squestions[%d]", path, i)
			count++
			if q.IsSection() {
				walk(at+".", q.Questions, depth+1)
				continue
			}
			if q.Type != "" && !strings.EqualFold(q.Type, "question") {
				p.Add(at+".type", "%q is no type of question: leave it out, or write section.", q.Type)
			}
			name := q.ID
			if name == "" || utf8.RuneCountInString(name) > 200 {
				p.Add(at+".id", "Give the question an id of 1 to 200 characters.")
			} else if first, again := known[name]; again {
				p.Add(at+".id", "The id %q is taken by %s: ids are unique in a template.", name, first)
			} else {
				known[name] = at
			}
			switch q.Kind() {
			case "":
				p.Add(at+".answerType", "Question %q has the answer type %q; choose one of %v.", name, q.AnswerType, AnswerTypes)
			case SelectAnswer, MultiAnswer:
				if len(q.AnswerOptions) == 0 {
					p.Add(at+".answerOptions", "Question %q is a choice and needs answerOptions.", name)
				}
			}
			if q.PictureMax > 0 && q.PictureMin > q.PictureMax {
				p.Add(at+".pictureMin", "Question %q asks for at least %d photos and at most %d.", name, q.PictureMin, q.PictureMax)
			}
			for _, trigger := range q.Triggers {
				edges[name] = append(edges[name], trigger.Enable...)
			}
			if len(q.Questions) > 0 {
				walk(at+".", q.Questions, depth+1)
			}
		}
	}
	walk("", t.Questions, 1)
	switch {
	case deep:
		p.Add("questions", "Sections lie at most %d deep in each other.", maxDepth)
	case count == 0:
		p.Add("questions", "A template has at least one question.")
	case count > maxQuestions:
		p.Add("questions", "A template has at most %d questions.", maxQuestions)
	}
	for from, targets := range edges {
		for _, to := range targets {
			if known[to] == "" {
				p.Add(known[from]+".triggers", "Question %q enables %q, which is no question of the template.", from, to)
			}
		}
	}
	if cycle := findCycle(edges); len(cycle) > 0 {
		p.Add(known[cycle[0]]+".triggers", "The triggers go in a circle: %s.", strings.Join(cycle, " enables "))
	}
}

// findCycle returns the ids of a circle in a graph, its first again at its end; nil when there is none.
func findCycle(edges map[string][]string) []string {
	const open, done = 1, 2
	state := map[string]int{}
	var path []string
	var visit func(id string) []string
	visit = func(id string) []string {
		switch state[id] {
		case done:
			return nil
		case open:
			return append(slices.Clone(path[slices.Index(path, id):]), id)
		}
		state[id] = open
		path = append(path, id)
		for _, to := range edges[id] {
			if c := visit(to); c != nil {
				return c
			}
		}
		path = path[:len(path)-1]
		state[id] = done
		return nil
	}
	ids := make([]string, 0, len(edges))
	for id := range edges {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if c := visit(id); c != nil {
			return c
		}
	}
	return nil
}

// flat lists the questions without their sections.
func (t *SurveyTemplate) flat() []*SurveyQuestion {
	var all []*SurveyQuestion
	var walk func(questions []SurveyQuestion)
	walk = func(questions []SurveyQuestion) {
		for i := range questions {
			if !questions[i].IsSection() {
				all = append(all, &questions[i])
			}
			walk(questions[i].Questions)
		}
	}
	walk(t.Questions)
	return all
}

// SurveyAnswer is the answer to one question. Pictures are the uuids of its photos.
type SurveyAnswer struct {
	ID            string          `json:"id"`
	Question      string          `json:"question,omitempty"`
	AnswerType    string          `json:"answerType,omitempty"`
	Answer        json.RawMessage `json:"answer"`
	AnswerOptions json.RawMessage `json:"answerOptions,omitempty"`
	Hint          string          `json:"hint,omitempty"`
	Pictures      []string        `json:"pictures,omitempty"`
}

// UnmarshalJSON reads an answer leniently: ids may be numbers, photos may be called pictures or photos.
func (a *SurveyAnswer) UnmarshalJSON(b []byte) error {
	var p struct {
		ID            any             `json:"id"`
		Question      string          `json:"question"`
		AnswerType    string          `json:"answerType"`
		Answer        json.RawMessage `json:"answer"`
		AnswerOptions json.RawMessage `json:"answerOptions"`
		Hint          any             `json:"hint"`
		Pictures      []any           `json:"pictures"`
		Photos        []any           `json:"photos"`
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	*a = SurveyAnswer{ID: textOf(p.ID), Question: p.Question, AnswerType: p.AnswerType, Answer: p.Answer, AnswerOptions: p.AnswerOptions, Hint: textOf(p.Hint)}
	for _, id := range append(p.Pictures, p.Photos...) {
		a.Pictures = append(a.Pictures, textOf(id))
	}
	return nil
}

// Texts are the answer's values as text: none when it is blank.
func (a *SurveyAnswer) Texts() []string {
	if len(a.Answer) == 0 {
		return nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(a.Answer))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return slices.DeleteFunc(textsOf(v), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// ParseAnswers reads the answers of a response: a list of {id, answer, …}, or an object of id → answer.
func ParseAnswers(raw json.RawMessage) ([]SurveyAnswer, error) {
	if len(raw) > maxTemplate {
		return nil, Errorf(TooLarge, "The answers have at most %d KB.", maxTemplate>>10)
	}
	if err := CheckJSON(raw); err != nil {
		return nil, err
	}
	if Objects(raw) > maxObjects {
		return nil, InvalidField("answers", "At most %d answers.", maxQuestions)
	}
	var list []SurveyAnswer
	trimmed := bytes.TrimSpace(raw)
	if len(trimmed) == 0 || string(trimmed) == "null" {
		return []SurveyAnswer{}, nil
	}
	if trimmed[0] == '{' {
		var byID map[string]json.RawMessage
		if err := json.Unmarshal(raw, &byID); err != nil {
			return nil, InvalidField("answers", "Want a list of {id, answer}: %v.", err)
		}
		for id, answer := range byID {
			list = append(list, SurveyAnswer{ID: id, Answer: answer})
		}
		slices.SortFunc(list, func(a, b SurveyAnswer) int { return strings.Compare(a.ID, b.ID) })
		return list, nil
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, InvalidField("answers", "Want a list of {id, answer}: %v.", err)
	}
	return list, nil
}

func yes(text string) bool {
	switch strings.ToLower(text) {
	case "y", "yes", "true", "1":
		return true
	}
	return false
}

func no(text string) bool {
	switch strings.ToLower(text) {
	case "n", "no", "false", "0":
		return true
	}
	return false
}

// sameAnswer compares an answer with that of a trigger: yes is yes however it is written.
func sameAnswer(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b)) || (yes(a) && yes(b)) || (no(a) && no(b))
}

// CheckAnswers validates answers against the template: required questions, types, triggers and photos. Each problem names
// its question as answers.{id}.
func (t *SurveyTemplate) CheckAnswers(answers []SurveyAnswer) error {
	var p Problems
	given := map[string]*SurveyAnswer{}
	for i := range answers {
		a := &answers[i]
		if a.ID == "" {
			p.Add(fmt.Sprintf("answers[%d].id", i), "Every answer names its question by id.")
			continue
		}
		if given[a.ID] != nil {
			p.Add("answers."+a.ID, "The question is answered twice.")
		}
		given[a.ID] = a
	}
	questions := t.flat()
	known, gated := map[string]bool{}, map[string]bool{}
	for _, q := range questions {
		known[q.ID] = true
		for _, trigger := range q.Triggers {
			for _, id := range trigger.Enable {
				gated[id] = true
			}
		}
	}
	for id := range given {
		if !known[id] {
			p.Add("answers."+id, "The survey %s has no question %q.", t.Meta.SurveyTemplateID, id).Code = CodeNoSuch
		}
	}
	enabled := t.enabled(questions, gated, given)
	for _, q := range questions {
		if enabled[q.ID] {
			q.checkAnswer(&p, given[q.ID])
		}
	}
	slices.SortStableFunc(p, func(a, b FieldError) int { return strings.Compare(a.Field, b.Field) })
	return p.Err()
}

// enabled tells which questions are to be answered: those that no trigger enables, and those that one does by an answer
// to a question that is itself enabled.
func (t *SurveyTemplate) enabled(questions []*SurveyQuestion, gated map[string]bool, given map[string]*SurveyAnswer) map[string]bool {
	byID, on := map[string]*SurveyQuestion{}, map[string]bool{}
	for _, q := range questions {
		byID[q.ID] = q
	}
	var enable func(q *SurveyQuestion)
	enable = func(q *SurveyQuestion) {
		if q == nil || on[q.ID] {
			return
		}
		on[q.ID] = true
		for _, trigger := range q.Triggers {
			if trigger.fires(given[q.ID]) {
				for _, id := range trigger.Enable {
					enable(byID[id])
				}
			}
		}
	}
	for _, q := range questions {
		if !gated[q.ID] {
			enable(q)
		}
	}
	return on
}

func (t *SurveyTrigger) fires(a *SurveyAnswer) bool {
	if a == nil {
		return false
	}
	return slices.ContainsFunc(a.Texts(), func(have string) bool {
		return slices.ContainsFunc(t.Answers, func(want string) bool { return sameAnswer(have, want) })
	})
}

func (q *SurveyQuestion) checkAnswer(p *Problems, a *SurveyAnswer) {
	field := "answers." + q.ID
	var texts, pictures []string
	if a != nil {
		texts, pictures = a.Texts(), a.Pictures
	}
	wanted := q.PictureMin
	for i := range q.Triggers {
		if q.Triggers[i].fires(a) {
			wanted = max(wanted, q.Triggers[i].PictureMin)
		}
	}
	if q.Required && len(texts) == 0 && q.Kind() != PictureAnswer {
		p.Add(field, "%s needs an answer.", q.label()).Code = CodeRequired
	}
	if q.Required && q.Kind() == PictureAnswer {
		wanted = max(wanted, 1)
	}
	if len(pictures) < wanted && (q.Required || len(texts) > 0 || q.Kind() == PictureAnswer || q.PictureMin > 0) {
		p.Add(field, "%s needs %d photos and has %d.", q.label(), wanted, len(pictures)).Code = CodeMissingPhotos
	}
	if q.PictureMax > 0 && len(pictures) > q.PictureMax {
		p.Add(field, "%s takes at most %d photos and has %d.", q.label(), q.PictureMax, len(pictures))
	}
	if len(texts) > 1 && q.Kind() != MultiAnswer {
		p.Add(field, "%s takes one answer and has %d.", q.label(), len(texts))
		return
	}
	for _, text := range texts {
		q.checkText(p, field, text)
	}
}

// label is how a problem names the question.
func (q *SurveyQuestion) label() string {
	if q.Question != "" {
		return fmt.Sprintf("%q", q.Question)
	}
	return fmt.Sprintf("Question %q", q.ID)
}

func (q *SurveyQuestion) checkText(p *Problems, field, text string) {
	v := q.Validation
	outside := func(n float64) bool { return (v.Min != nil && n < *v.Min) || (v.Max != nil && n > *v.Max) }
	switch q.Kind() {
	case YesNoAnswer:
		if !yes(text) && !no(text) && !slices.ContainsFunc(q.AnswerOptions, func(o string) bool { return strings.EqualFold(o, text) }) {
			p.Add(field, "%s takes Yes or No, not %q.", q.label(), text)
		}
	case NumberAnswer:
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || n != n {
			p.Add(field, "%s takes a number, not %q.", q.label(), text)
		} else if outside(n) {
			p.Add(field, "%s: %s lies outside of what is allowed.", q.label(), text)
		}
	case DateAnswer:
		if !isDate(text) {
			p.Add(field, "%s takes a date such as 2026-05-04, not %q.", q.label(), text)
		}
	case SelectAnswer, MultiAnswer:
		if !slices.ContainsFunc(q.AnswerOptions, func(o string) bool { return strings.EqualFold(strings.TrimSpace(o), strings.TrimSpace(text)) }) {
			p.Add(field, "%s takes one of %q, not %q.", q.label(), q.AnswerOptions, text)
		}
	case TextAnswer:
		if outside(float64(len([]rune(text)))) {
			p.Add(field, "%s: a text of %d characters lies outside of what is allowed.", q.label(), len([]rune(text)))
		}
	}
	if v.Pattern != nil && !v.Pattern.MatchString(text) {
		p.Add(field, "%s: %q does not have the form that is asked for.", q.label(), text)
	}
}

func isDate(text string) bool {
	for _, layout := range []string{time.DateOnly, time.RFC3339Nano, "1/2/2006", "2006-01-02 15:04", "1/2/2006 15:04"} {
		if _, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return true
		}
	}
	return false
}

// Survey is a template that an account keeps. Orders refer to it as {template id}-v{revision}, and keep the revision that
// they were made with.
type Survey struct {
	ID          string `gorm:"primaryKey"`
	AccountID   string
	TemplateID  string
	TemplateKey string
	Name        string
	Revision    int64
	Hash        string // of the template of this revision
	CreatedAt   Time
	UpdatedAt   Time
	DeletedAt   *Time
}

// Reference is how orders name the survey's present revision.
func (s *Survey) Reference() string { return fmt.Sprintf("%s-v%d", s.TemplateID, s.Revision) }

// SurveyRevision is one revision of a survey.
type SurveyRevision struct {
	SurveyID  string `gorm:"primaryKey"`
	Revision  int64  `gorm:"primaryKey"`
	AccountID string
	Hash      string
}

// SurveyContent is a template's JSON, kept once however many orders use it.
type SurveyContent struct {
	AccountID string `gorm:"primaryKey"`
	Hash      string `gorm:"primaryKey"`
	Template  string
}

// TableName names the table.
func (SurveyContent) TableName() string { return "survey_templates" }

// SurveyView is a survey as the API shows it.
type SurveyView struct {
	ID               string          `json:"id"`
	SurveyTemplateID string          `json:"survey_template_id"`
	Reference        string          `json:"reference"` // what tasks name in survey_id
	Name             string          `json:"name"`
	Revision         int64           `json:"revision"`
	Template         json.RawMessage `json:"template" as:"survey"`
	CreatedAt        Time            `json:"created_at"`
	UpdatedAt        Time            `json:"updated_at"`
}

// KeepTemplate keeps a template's JSON and returns its hash.
func (tx *Tx) KeepTemplate(accountID string, raw []byte) (string, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return "", err
	}
	sum := sha256.Sum256(compact.Bytes())
	c := &SurveyContent{AccountID: accountID, Hash: hex.EncodeToString(sum[:16]), Template: compact.String()}
	return c.Hash, tx.Clauses(clause.OnConflict{DoNothing: true}).Create(c).Error
}

// TemplateOf reads a template by its hash.
func TemplateOf(db *gorm.DB, hash string) (json.RawMessage, error) {
	c, err := One[SurveyContent](db.Where("hash = ?", hash), "survey template")
	if err != nil {
		return nil, err
	}
	return json.RawMessage(c.Template), nil
}

// SaveSurvey writes a new survey, or a new revision of one when the template differs. A template id that is taken is a
// [Conflict].
func (tx *Tx) SaveSurvey(s *Survey, raw []byte) error {
	t, err := ParseSurvey(raw)
	if err != nil {
		return err
	}
	hash, err := tx.KeepTemplate(s.AccountID, raw)
	if err != nil {
		return err
	}
	isNew := s.CreatedAt.IsZero()
	if !isNew && hash == s.Hash {
		return nil
	}
	s.TemplateID, s.TemplateKey, s.Name, s.Hash, s.UpdatedAt = t.Meta.SurveyTemplateID, strings.ToLower(t.Meta.SurveyTemplateID), t.Meta.Name, hash, Now()
	s.Revision++
	if isNew {
		s.CreatedAt = s.UpdatedAt
		err = tx.Create(s).Error
	} else {
		err = tx.Select("*").Updates(s).Error
	}
	if IsUnique(err) {
		return &Error{Kind: Conflict, Message: "The account already has a survey with this template id.",
			Fields: []FieldError{{Field: "meta.surveyTemplateId", Message: "Choose another id, or change that survey.", Code: CodeTaken}}}
	}
	if err != nil {
		return err
	}
	return tx.Create(&SurveyRevision{SurveyID: s.ID, Revision: s.Revision, AccountID: s.AccountID, Hash: hash}).Error
}

var revisionSuffix = regexp.MustCompile(`^(.*)-v(\d+)$`)

// FindSurvey finds what a reference names: an id of ours, a template id for its newest revision, or {template id}-v{n}.
// exact is false when that revision is not there and the newest stands in. [NotFound] when there is none.
func FindSurvey(db *gorm.DB, reference string) (s *Survey, hash string, exact bool, err error) {
	find := func(key string) (*Survey, error) {
		return One[Survey](db.Where("deleted_at IS NULL AND (template_key = ? OR id = ?)", strings.ToLower(strings.TrimSpace(key)), key), "survey")
	}
	if s, err = find(reference); err == nil {
		return s, s.Hash, true, nil
	}
	m := revisionSuffix.FindStringSubmatch(reference)
	if m == nil || KindOf(err) != NotFound {
		return nil, "", false, err
	}
	if s, err = find(m[1]); err != nil {
		return nil, "", false, err
	}
	n, _ := strconv.ParseInt(m[2], 10, 64)
	r, err := One[SurveyRevision](db.Where("survey_id = ? AND revision = ?", s.ID, n), "revision")
	if KindOf(err) == NotFound {
		return s, s.Hash, false, nil
	}
	if err != nil {
		return nil, "", false, err
	}
	return s, r.Hash, true, nil
}

// SurveyResponseView is a filled survey as the outside sees it.
type SurveyResponseView struct {
	ID             string          `json:"id"`
	WorkOrderID    string          `json:"work_order_id"`
	UUID           string          `json:"uuid"`
	TaskID         *string         `json:"task_id"`
	SurveyID       string          `json:"survey_id"`
	Answers        json.RawMessage `json:"answers" as:"answers"`
	SHA256         string          `json:"sha256"` // of the answers as kept
	TakenAt        *Time           `json:"taken_at"`
	ReceivedAt     Time            `json:"received_at"`
	Review         Review          `json:"review"`
	Source         ItemSource      `json:"source"`
	UploadedBy     string          `json:"uploaded_by"`      // a username
	UploadedByName string          `json:"uploaded_by_name"` // what they are called
}

// ResponseView makes the view of a survey response; users are at least whoever sent it.
func (i *Item) ResponseView(users People) SurveyResponseView {
	answers := json.RawMessage(i.Answers)
	if len(answers) == 0 {
		answers = json.RawMessage("[]")
	}
	return SurveyResponseView{ID: i.ID, WorkOrderID: i.WorkOrderID, UUID: i.UUID, TaskID: i.TaskID, SurveyID: i.SurveyID, Answers: answers, SHA256: i.SHA256,
		TakenAt: i.TakenAt, ReceivedAt: i.ReceivedAt, Review: i.Review, Source: i.Source, UploadedBy: users[i.UploadedBy].Username, UploadedByName: users[i.UploadedBy].Name}
}
