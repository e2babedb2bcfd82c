package models

import (
	"slices"

	"gorm.io/gorm"
)

// Publishable is what a publication of an order would release now, and what each destination that takes the order in lacks
// of it: what [Tx.PublishItems] would do, without doing it.
type Publishable struct {
	Items           int             `json:"items"` // that may go out
	Photos          int             `json:"photos"`
	SurveyResponses int             `json:"survey_responses"`
	CheckIns        int             `json:"check_ins"`
	Unseen          int             `json:"unseen"`   // that wait for a look: under office review nothing goes out unseen
	Rejected        int             `json:"rejected"` // that stay here
	Destinations    []PublishableTo `json:"destinations"`
}

// PublishableTo is what one destination would get.
type PublishableTo struct {
	DestinationRef
	Admitted     bool   `json:"admitted"` // gets publications that name no destination
	Has          int    `json:"has"`      // of what may go out, in its present words
	Lacks        int    `json:"lacks"`
	Report       bool   `json:"report"` // gets the PDF too
	FailingSince *Time  `json:"failing_since"`
	LastError    string `json:"last_error"`
}

// ShowPublishable says what a publication of o would release: of itemIDs alone, when there are any.
func ShowPublishable(db *gorm.DB, o *WorkOrder, terms Terms, itemIDs []string) (*Publishable, error) {
	tx := &Tx{DB: db}
	items, err := tx.publishable(o, terms.QAPolicy, nil)
	if err != nil {
		return nil, err
	}
	if len(itemIDs) > 0 {
		items = slices.DeleteFunc(items, func(i *Item) bool { return !slices.Contains(itemIDs, i.ID) })
	}
	p := &Publishable{Items: len(items), Destinations: []PublishableTo{}}
	for _, item := range items {
		switch item.Kind {
		case Photo:
			p.Photos++
		case SurveyResponse:
			p.SurveyResponses++
		case CheckIn:
			p.CheckIns++
		}
	}
	if err := p.countHeld(db, o, terms); err != nil {
		return nil, err
	}
	var all []Destination
	if err := db.Where("enabled AND deleted_at IS NULL").Order("id").Find(&all).Error; err != nil {
		return nil, err
	}
	for _, d := range all {
		if !d.Covers(o) {
			continue
		}
		lacking, err := tx.lackedBy(d.ID, items)
		if err != nil {
			return nil, err
		}
		p.Destinations = append(p.Destinations, PublishableTo{DestinationRef: DestinationRef{d.ID, d.Name, d.Kind}, Admitted: d.Admits(terms.PublishTo),
			Has: len(items) - len(lacking), Lacks: len(lacking), Report: d.TakesReport(), FailingSince: d.FailingSince, LastError: d.LastError})
	}
	return p, nil
}

// countHeld counts what a publication leaves here.
func (p *Publishable) countHeld(db *gorm.DB, o *WorkOrder, terms Terms) error {
	var held []struct {
		Review Review
		N      int
	}
	err := db.Model(&Item{}).Select("review, COUNT(*) AS n").Where("work_order_id = ? AND deleted_at IS NULL AND withdrawn_at IS NULL", o.ID).Group("review").Scan(&held).Error
	for _, h := range held {
		switch {
		case h.Review == ReviewRejected:
			p.Rejected = h.N
		case h.Review == ReviewPending && !terms.QAPolicy.Automatic():
			p.Unseen = h.N
		}
	}
	return err
}
