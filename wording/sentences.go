package wording

import (
	"strings"

	"fieldproof/models"
)

// Documented says what was done in a sentence made from data: who documented so many tasks, surveys and photos, and when. That
// they documented it, for no more is known.
func (r *Reader) Documented(record models.ServiceRecord, tasks, surveys, photos int) string {
	first, last := record.First, record.Last
	if first == nil {
		return r.Say("link_nothing")
	}
	var what []string
	if tasks > 0 {
		what = append(what, r.Say("link_tasks", "n", tasks))
	}
	if surveys > 0 {
		what = append(what, r.Say("link_surveys", "n", surveys))
	}
	who := r.Together(record.People)
	said := r.Say("link_documented", "people", len(record.People), "who", who, "what", r.Together(what), "photos", r.Say("link_photos", "n", photos))
	if len(what) == 0 || photos == 0 {
		said = r.Say("link_was_here", "people", len(record.People), "who", who)
	}
	switch {
	case r.SeveralDays(record):
		return r.Say("link_between", "first", r.Date(first.Time), "last", r.Date(last.Time), "said", said)
	case last.Sub(first.Time).Minutes() < 1:
		return r.Say("link_at", "day", r.Date(first.Time), "time", r.Clock(first.Time)+" "+r.Zone(first.Time), "said", said)
	}
	return r.Say("link_from", "day", r.Date(first.Time), "first", r.Clock(first.Time), "last", r.Clock(last.Time)+" "+r.Zone(last.Time), "said", said)
}

// Evidence is an evidence type as it is read: the usual ones in the reader's language, those of an account as they are.
func (r *Reader) Evidence(kind string) string {
	switch k := strings.ToLower(kind); k {
	case "before", "during", "after":
		return r.Say("doc_" + k)
	case "":
		return r.Say("doc_photo")
	}
	return First(kind)
}
