package wording

import (
	"cmp"
	"slices"
	"strings"

	"fieldproof/models"
)

// SeveralDays tells whether a record's window spans more than a day of the reader's clock: times then need their day.
func (r *Reader) SeveralDays(record models.ServiceRecord) bool {
	return record.First != nil && r.Year(record.First.Time) != r.Year(record.Last.Time)
}

// Judgement is what can be vouched for of photos, in a few words, and whether there was anything to judge by.
func (r *Reader) Judgement(all models.TaskShare) (head string, judged bool) {
	if all.Camera.Of+all.Time.Of+all.Location.Of == 0 {
		return r.Say("link_unjudged"), false
	}
	if all.Certified+all.NotCertified == 0 { // of each photo something can't be judged, and nothing speaks against any
		var whole []string
		for n, j := range []models.Judged{all.Camera, all.Time, all.Location} {
			if j.Certified == all.Photos {
				whole = append(whole, r.Say(dimensions[n]))
			}
		}
		if len(whole) > 0 {
			return r.Say("link_certified_but", "some", all.Photos, "all", all.Photos, "what", r.Together(whole)), true
		}
	}
	return r.Say("link_certified", "some", all.Certified, "all", all.Photos), true
}

// Caption is what is said of a photo.
type Caption struct {
	Kind      string // its evidence type
	When      string // the time of day, with its day where the proof spans several
	Alone     string // what it shows, where no heading tells: Right side, after.
	By        string // who took it and where
	Taken     string // who took it, when and where
	Certified string
	Verdict   Verdict

	shot, notes string
}

// Caption says of a photo what is known. Several: the proof spans days, and a time needs its own.
func (r *Reader) Caption(p *models.Proof, i *models.Item, several bool) Caption {
	c := Caption{Kind: r.Evidence(i.EvidenceType), Verdict: VerdictOf(i.Certification), Certified: r.Certification(i, p.Property, p.Account.CertificationRadius),
		shot: i.Shot, notes: i.Notes}
	when := i.ReceivedAt.Time
	if i.TakenAt != nil {
		when = i.TakenAt.Time
	}
	c.When = r.Clock(when)
	if several {
		c.When = r.Day(when) + ", " + c.When
	}
	where, who := r.Where(p, i), cmp.Or(p.Names[i.UploadedBy], r.Say("doc_nobody"))
	c.By = r.Say("link_by", "who", who, "where", where)
	said := "doc_taken"
	if i.TakenAt == nil {
		said = "doc_received"
	}
	c.Taken = r.Say(said, "who", who, "when", c.When) + ", " + where + "."
	c.Alone = c.Kind + "."
	switch {
	case i.Shot != "" && i.EvidenceType == "":
		c.Alone = i.Shot + "."
	case i.Shot != "":
		c.Alone = i.Shot + ", " + strings.ToLower(c.Kind) + "."
	}
	return c
}

// Where is how far from the property an item was made, its position where the property has none.
func (r *Reader) Where(p *models.Proof, i *models.Item) string {
	switch at := p.Property; {
	case i.Position.Latitude == nil:
		return r.Say("doc_no_position")
	case at == nil || at.Latitude == nil:
		return r.Position(*i.Position.Latitude, *i.Position.Longitude)
	default:
		return r.Say("doc_at_distance", "far", r.Distance(models.Distance(*i.Position.Latitude, *i.Position.Longitude, *at.Latitude, *at.Longitude)))
	}
}

// Alt is what a photo shows, for those who do not see it; task is what it belongs to where it has no name of its own.
func (c Caption) Alt(task string) string {
	return strings.Join(slices.DeleteFunc([]string{cmp.Or(c.shot, task), strings.ToLower(c.Kind), c.When, c.notes}, func(s string) bool { return s == "" }), ", ")
}

// Grouped sets a number as people compare it.
func Grouped(s string, by int) string {
	var groups []string
	for part := range slices.Chunk([]byte(s), by) {
		groups = append(groups, string(part))
	}
	return strings.Join(groups, " ")
}

// Task is a task's name; photos that belong to none have one too.
func (r *Reader) Task(name string) string {
	if name == models.WithoutTask {
		return r.Say("doc_no_task")
	}
	return name
}
