package models

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// What reports and secure links show of a proof: the certified service record, the photos by task, the surveys with
// their answers, and the places where things happened.

// TaskShare is how much of a task's proof is certified, in photos.
type TaskShare struct {
	Task     string
	Photos   int
	Time     int
	Location int
	Both     int
}

// ServiceRecord is the certified service record of a proof (domain: CSR).
type ServiceRecord struct {
	First, Last *Time // the window, by when things were taken
	Performers  []string
	Tasks       []TaskShare
	Total       TaskShare
}

func isTrue(b *bool) bool { return b != nil && *b }

// ServiceRecord makes the certified service record.
func (p *Proof) ServiceRecord() ServiceRecord {
	var r ServiceRecord
	who := map[string]bool{}
	for _, i := range p.Items {
		who[p.Users[i.UploadedBy]] = true
		at := i.moment()
		if r.First == nil || at.Before(r.First.Time) {
			r.First = &at
		}
		if r.Last == nil || at.After(r.Last.Time) {
			r.Last = &at
		}
	}
	r.Performers = slices.Sorted(maps.Keys(who))
	for _, g := range p.ByTask() {
		s := TaskShare{Task: g.Task, Photos: len(g.Photos)}
		for _, i := range g.Photos {
			inTime, inPlace := isTrue(i.Certification.Time), isTrue(i.Certification.Location)
			if inTime {
				s.Time++
			}
			if inPlace {
				s.Location++
			}
			if inTime && inPlace {
				s.Both++
			}
		}
		r.Tasks = append(r.Tasks, s)
		r.Total.Photos += s.Photos
		r.Total.Time += s.Time
		r.Total.Location += s.Location
		r.Total.Both += s.Both
	}
	return r
}

// Share is n of the photos in whole per cent.
func (s TaskShare) Share(n int) int {
	if s.Photos == 0 {
		return 0
	}
	return n * 100 / s.Photos
}

// TaskPhotos are the photos of one task.
type TaskPhotos struct {
	Task   string
	Photos []*Item
}

// ByTask groups the photos by task, in the order's sequence; those without one come last.
func (p *Proof) ByTask() []TaskPhotos {
	// What was published bears the names of then: a task may have several, and may be gone.
	type named struct {
		place int
		name  string
	}
	without := named{len(p.View.Tasks) + 1, "Without a task"}
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
	rank := func(name string) string {
		if i := slices.Index([]string{"before", "during", "after"}, strings.ToLower(name)); i >= 0 {
			return string(rune('0' + i))
		}
		return "9" + name
	}
	names := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	groups := make([]TypePhotos, len(names))
	for n, name := range names {
		groups[n] = TypePhotos{name, by[name]}
	}
	return groups
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
			t.words(q.label(), q.Questions, into)
			continue
		}
		into[q.ID] = [2]string{section, q.label()}
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
