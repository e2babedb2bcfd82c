package wording

import (
	"strings"
	"time"

	"fieldproof/models"
)

// Verdict is what can be vouched for of an item, as one word.
type Verdict string

// The verdicts.
const (
	Certified    Verdict = "certified" // camera, time and location
	NotCertified Verdict = "not"       // one of them is not
	Unjudged     Verdict = "unjudged"  // nothing speaks against it, and of one there is nothing to judge by
)

// VerdictOf is the verdict of a certification.
func VerdictOf(c models.Certification) Verdict {
	verdict := Certified
	for _, b := range []*bool{c.Item, c.Time, c.Location} {
		switch {
		case b == nil:
			if verdict == Certified {
				verdict = Unjudged
			}
		case !*b:
			return NotCertified
		}
	}
	return verdict
}

// dimensions are what is judged of an item, by the keys of their names.
var dimensions = []string{"doc_camera", "doc_time", "doc_location"}

// Certification says what can be vouched for of an item, and why no more can, judged at a property within a radius in metres:
// “Certified.”, “Location not certified: 6.6 km from the property, the limit is 250 m.”, “Certified in camera and time. Location
// can’t be judged: no position.”
func (r *Reader) Certification(i *models.Item, at *models.Property, radius float64) string {
	judged := []*bool{i.Certification.Item, i.Certification.Time, i.Certification.Location}
	reasons := []string{r.cameraReason(i), r.timeReason(i), r.locationReason(i, at, radius)}
	var yes, said []string
	for n, b := range judged {
		name := r.Say(dimensions[n])
		switch {
		case b == nil:
			said = append(said, r.Say("doc_unjudged", "what", First(name), "why", reasons[n]))
		case *b:
			yes = append(yes, name)
		default:
			said = append(said, r.Say("doc_not_certified", "what", First(name), "why", reasons[n]))
		}
	}
	switch {
	case len(said) == 0:
		return r.Say("doc_certified")
	case len(yes) > 0:
		said = append([]string{r.Say("doc_certified_in", "what", r.Together(yes))}, said...)
	}
	return strings.Join(said, " ")
}

// Checked says what can be vouched for of where somebody checked in.
func (r *Reader) Checked(i *models.Item, at *models.Property, radius float64) string {
	name := First(r.Say("doc_location"))
	switch b := i.Certification.Location; {
	case b == nil:
		return r.Say("doc_unjudged", "what", name, "why", r.locationReason(i, at, radius))
	case *b:
		return r.Say("doc_certified_in", "what", r.Say("doc_location"))
	}
	return r.Say("doc_not_certified", "what", name, "why", r.locationReason(i, at, radius))
}

func (r *Reader) cameraReason(i *models.Item) string {
	switch i.Source {
	case models.MobileGallery:
		return r.Say("doc_why_gallery")
	case models.WebUpload:
		return r.Say("doc_why_upload")
	case models.FromPeer, models.FromShare:
		return r.Say("doc_why_system")
	}
	return r.Say("doc_why_unknown_camera")
}

func (r *Reader) timeReason(i *models.Item) string {
	if i.TakenAt == nil {
		return r.Say("doc_why_no_time")
	}
	if i.Source == models.FromPeer || i.Source == models.FromShare {
		return r.Say("doc_why_system")
	}
	if !models.ClocksAgree(i.OffsetMS) {
		ahead := time.Duration(*i.OffsetMS) * time.Millisecond
		if ahead > 0 { // ours was ahead
			return r.Say("doc_why_clock_behind", "much", r.Lasting(ahead))
		}
		return r.Say("doc_why_clock_ahead", "much", r.Lasting(ahead))
	}
	known := i.ReceivedAt.Time
	if i.AnnouncedAt != nil {
		known = i.AnnouncedAt.Time
	}
	if late := known.Sub(i.TakenAt.Time); late > 0 {
		return r.Say("doc_why_late", "much", r.Lasting(late), "limit", r.Lasting(models.CertifiedWithin))
	}
	return r.Say("doc_why_future")
}

func (r *Reader) locationReason(i *models.Item, at *models.Property, radius float64) string {
	switch {
	case i.Position.Latitude == nil:
		return r.Say("doc_why_no_position")
	case at == nil || at.Latitude == nil:
		return r.Say("doc_why_no_property")
	}
	far := models.Distance(*i.Position.Latitude, *i.Position.Longitude, *at.Latitude, *at.Longitude)
	return r.Say("doc_why_far", "far", r.Distance(far), "limit", r.Distance(radius))
}

// Share counts what is certified among what can be judged: “22 of 23”, and “can’t be judged” where nothing can.
func (r *Reader) Share(certified, judged int) string {
	if judged == 0 {
		return r.Say("doc_cant_be_judged")
	}
	return r.Say("doc_of", "some", certified, "all", judged)
}

// First begins a text with a capital.
func First(s string) string {
	for at, letter := range s {
		return strings.ToUpper(string(letter)) + s[at+len(string(letter)):]
	}
	return s
}
