package models

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// What reports and secure links show of a proof: the certified service record, the photos by task, the surveys with
// their answers, and the places where things happened.

// TaskShare is how much of a task's proof is certified, in photos. Of what can't be judged nothing is counted.
type TaskShare struct {
	Task         string
	Photos       int
	Camera, Time Judged
	Location     Judged
	Both         Judged // time and location
	Certified    int    // in camera, time and location
	NotCertified int    // in one of them
}

// Judged counts what is certified among what can be judged.
type Judged struct{ Certified, Of int }

func (j *Judged) count(b *bool) {
	if b != nil {
		j.Of++
	}
	if isTrue(b) {
		j.Certified++
	}
}

func (j *Judged) add(other Judged) {
	j.Certified += other.Certified
	j.Of += other.Of
}

// and is whether both hold; nil where one of them can't be judged and the other holds or can't be either.
func and(a, b *bool) *bool {
	switch {
	case a != nil && !*a || b != nil && !*b:
		return new(bool)
	case a == nil || b == nil:
		return nil
	}
	return a
}

// ServiceRecord is the certified service record of a proof (domain: CSR).
type ServiceRecord struct {
	First, Last *Time    // the window, by when things were taken
	Performers  []string // usernames
	People      []string // the same by their full names
	Tasks       []TaskShare
	Total       TaskShare
}

func isTrue(b *bool) bool { return b != nil && *b }

// ServiceRecord makes the certified service record.
func (p *Proof) ServiceRecord() ServiceRecord {
	var r ServiceRecord
	who, people := map[string]bool{}, map[string]bool{}
	for _, i := range p.Items {
		who[p.Users[i.UploadedBy]] = true
		people[p.Names[i.UploadedBy]] = true
		at := i.moment()
		if r.First == nil || at.Before(r.First.Time) {
			r.First = &at
		}
		if r.Last == nil || at.After(r.Last.Time) {
			r.Last = &at
		}
	}
	r.Performers, r.People = slices.AppendSeq([]string{}, maps.Keys(who)), slices.AppendSeq([]string{}, maps.Keys(people)) // [] and not null
	slices.Sort(r.Performers)
	slices.Sort(r.People)
	for _, g := range p.ByTask() {
		s := TaskShare{Task: g.Task, Photos: len(g.Photos)}
		for _, i := range g.Photos {
			is := i.Certification
			s.Camera.count(is.Item)
			s.Time.count(is.Time)
			s.Location.count(is.Location)
			s.Both.count(and(is.Time, is.Location))
			switch all := and(is.Item, and(is.Time, is.Location)); {
			case isTrue(all):
				s.Certified++
			case all != nil:
				s.NotCertified++
			}
		}
		r.Tasks = append(r.Tasks, s)
		r.Total.add(s)
	}
	return r
}

func (s *TaskShare) add(other TaskShare) {
	s.Photos += other.Photos
	s.Camera.add(other.Camera)
	s.Time.add(other.Time)
	s.Location.add(other.Location)
	s.Both.add(other.Both)
	s.Certified += other.Certified
	s.NotCertified += other.NotCertified
}

// TaskPhotos are the photos of one task.
type TaskPhotos struct {
	Task   string
	Photos []*Item
}

// WithoutTask is the name under which photos of no task stand; documents have a word of the reader's language for it.
const WithoutTask = "Without a task"

// ByTask groups the photos by task, in the order's sequence; those without one come last.
func (p *Proof) ByTask() []TaskPhotos {
	// What was published bears the names of then: a task may have several, and may be gone.
	type named struct {
		place int
		name  string
	}
	without := named{len(p.View.Tasks) + 1, WithoutTask}
	places := map[string]int{}
	for n, t := range p.View.Tasks {
		places[t.ID] = n
	}
	byTask := map[named][]*Item{}
	var tasks []named
	for _, i := range p.Photos() {
		task := without
		if name := p.TaskName(i); i.TaskID != nil && name != "" {
			task = named{len(p.View.Tasks), name}
			if place, there := places[*i.TaskID]; there {
				task.place = place
			}
		}
		if byTask[task] == nil {
			tasks = append(tasks, task)
		}
		byTask[task] = append(byTask[task], i)
	}
	slices.SortStableFunc(tasks, func(a, b named) int { return a.place - b.place })
	var groups []TaskPhotos
	for _, task := range tasks {
		groups = append(groups, TaskPhotos{task.name, byTask[task]})
	}
	return groups
}

// TypePhotos are the photos of one evidence type.
type TypePhotos struct {
	Type   string
	Photos []*Item
}

// ByType groups the photos by evidence type, the usual ones in the order of the work.
func (t TaskPhotos) ByType() []TypePhotos {
	by := map[string][]*Item{}
	for _, i := range t.Photos {
		by[i.EvidenceType] = append(by[i.EvidenceType], i)
	}
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return strings.Compare(evidenceRank(a), evidenceRank(b)) })
	groups := make([]TypePhotos, len(names))
	for n, name := range names {
		groups[n] = TypePhotos{name, by[name]}
	}
	return groups
}

// evidenceRank sorts evidence types in the order of the work, those of its own behind.
func evidenceRank(name string) string {
	if i := slices.Index([]string{"before", "during", "after"}, strings.ToLower(name)); i >= 0 {
		return string(rune('0' + i))
	}
	return "9" + name
}

func byEvidence(a, b *Item) int {
	return strings.Compare(evidenceRank(a.EvidenceType), evidenceRank(b.EvidenceType))
}

// ShotSet is what was taken of one shot of a task: its photos belong side by side, those before first.
type ShotSet struct {
	Shot   string
	Photos []*Item
}

// Sets are the photos of a task that were taken of one shot, under its name or the one as a parent of the other, and those that
// stand alone, oldest first. Photos that merely follow each other are no set.
func (t TaskPhotos) Sets() (sets []ShotSet, single []*Item) {
	of := map[string]string{} // uuid → what it is a set under
	under := func(i *Item) string {
		if i.Shot != "" {
			return "shot\x00" + strings.ToLower(i.Shot)
		}
		if parent := i.Origin.ParentUUID; parent != "" {
			if root, there := of[UUIDKey(parent)]; there {
				return root
			}
			return "uuid\x00" + UUIDKey(parent)
		}
		return "uuid\x00" + UUIDKey(i.UUID)
	}
	by := map[string][]*Item{}
	var keys []string
	photos := slices.Clone(t.Photos)
	slices.SortStableFunc(photos, func(a, b *Item) int { return a.moment().Compare(b.moment().Time) })
	for _, i := range photos {
		key := under(i)
		of[UUIDKey(i.UUID)] = key
		if by[key] == nil {
			keys = append(keys, key)
		}
		by[key] = append(by[key], i)
	}
	for _, key := range keys {
		set := by[key]
		if len(set) == 1 {
			single = append(single, set[0])
			continue
		}
		slices.SortStableFunc(set, byEvidence)
		sets = append(sets, ShotSet{set[0].Shot, set})
	}
	return sets, single
}

// KeyPair are the photos by which an order is known at a glance, that before first: those that the office chose, else before
// and after of its first set that has both, else the first after, else the first photo. Nothing of which no picture can be made.
func (p *Proof) KeyPair() []*Item {
	if chosen := p.chosen(); len(chosen) > 0 {
		return chosen
	}
	var first, only *Item
	for _, t := range p.ByTask() {
		sets, _ := t.Sets()
		for _, s := range sets {
			var before, after *Item
			for _, i := range s.Photos {
				switch kind := strings.ToLower(i.EvidenceType); {
				case !i.Viewable():
				case kind == "before" && before == nil:
					before = i
				case kind == "after":
					after = i
				}
			}
			if before != nil && after != nil {
				return []*Item{before, after}
			}
		}
		for _, i := range t.Photos {
			if i.Viewable() && first == nil {
				first = i
			}
			if i.Viewable() && only == nil && strings.EqualFold(i.EvidenceType, "after") {
				only = i
			}
		}
	}
	if one := cmp.Or(only, first); one != nil {
		return []*Item{one}
	}
	return nil
}

// chosen are the photos that the office chose for the cover, none while one of them can't be shown: what is left of a pair
// nobody chose.
func (p *Proof) chosen() []*Item {
	var photos []*Item
	for _, id := range p.keyPhotos {
		i := p.Item(id)
		if i == nil || !i.Viewable() {
			return nil
		}
		photos = append(photos, i)
	}
	slices.SortStableFunc(photos, byEvidence)
	return photos
}

// FilledSurvey is a survey response with the words of its questions.
type FilledSurvey struct {
	Item    *Item
	Name    string
	Task    string
	Answers []FilledAnswer
}

// FilledAnswer is one answered question. Photos are those of the proof that it names.
type FilledAnswer struct {
	Section  string
	Question string
	Answers  []string
	Photos   []*Item
}

// Surveys are the proof's survey responses, the latest of each task and template, with the words of the templates.
func (p *Proof) Surveys(db *gorm.DB) ([]FilledSurvey, error) {
	byUUID := map[string]*Item{}
	for _, i := range p.Items {
		byUUID[UUIDKey(i.UUID)] = i
	}
	var surveys []FilledSurvey
	latest := map[string]int{}
	for _, i := range p.Items {
		if i.Kind != SurveyResponse {
			continue
		}
		template, err := p.templateOf(db, i)
		if err != nil {
			return nil, err
		}
		answers, err := ParseAnswers(json.RawMessage(i.Answers))
		if err != nil {
			answers = nil // what a peer sent and we can't read is in the archive as it came
		}
		f := FilledSurvey{Item: i, Name: template.Meta.Name, Task: p.TaskName(i)}
		if f.Name == "" {
			f.Name = i.SurveyID
		}
		words := map[string][2]string{}
		template.words("", template.Questions, words)
		for _, a := range answers {
			w, known := words[a.ID]
			if !known {
				w[1] = a.ID
			}
			filled := FilledAnswer{Section: w[0], Question: w[1], Answers: a.Texts()}
			for _, uuid := range a.Pictures {
				if photo := byUUID[UUIDKey(uuid)]; photo != nil {
					filled.Photos = append(filled.Photos, photo)
				}
			}
			f.Answers = append(f.Answers, filled)
		}
		key := f.Task + "\x00" + f.Name
		if at, there := latest[key]; there {
			surveys[at] = f
			continue
		}
		latest[key] = len(surveys)
		surveys = append(surveys, f)
	}
	return surveys, nil
}

func (t *SurveyTemplate) words(section string, questions []SurveyQuestion, into map[string][2]string) {
	for i := range questions {
		q := &questions[i]
		if q.IsSection() {
			t.words(cmp.Or(q.Question, q.ID), q.Questions, into)
			continue
		}
		into[q.ID] = [2]string{section, cmp.Or(q.Question, q.ID)}
	}
}

// templateOf is the template that a response answers: the one that its task keeps, else the account's own.
func (p *Proof) templateOf(db *gorm.DB, i *Item) (*SurveyTemplate, error) {
	hash := ""
	for _, t := range p.View.Tasks {
		if i.TaskID != nil && t.ID == *i.TaskID {
			hash = t.SurveyHash
		}
	}
	if hash == "" && i.SurveyID != "" {
		if _, found, _, err := FindSurvey(db, i.SurveyID); err == nil {
			hash = found
		} else if KindOf(err) != NotFound {
			return nil, err
		}
	}
	none := &SurveyTemplate{}
	if hash == "" {
		return none, nil
	}
	raw, err := TemplateOf(db, hash)
	if err != nil {
		return nil, err
	}
	if template, err := ParseSurvey(raw); err == nil {
		return template, nil
	}
	return none, nil
}
