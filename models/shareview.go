package models

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// ShareView is where an order came from and went to over Share links (contract: work order).
type ShareView struct {
	From    *ShareFrom     `json:"from"`
	To      []ShareTo      `json:"to"`
	Differs []ShareDiffers `json:"differs"`
}

// ShareFrom is the link by which an order came, with the number that its delegator gave it.
type ShareFrom struct {
	LinkID string `json:"link_id"`
	Name   string `json:"name"` // of the other side
	Number string `json:"number"`
}

// ShareTo is a link to which an order went, and where it stands there.
type ShareTo struct {
	LinkID      string `json:"link_id"`
	Name        string `json:"name"`         // of the other side
	Number      string `json:"number"`       // by which the other side knows it, "" until it was told
	FieldStatus string `json:"field_status"` // as the other side said last, "" until it did
	Waiting     int64  `json:"waiting"`      // how many changes of the order the other side has not fetched
	LastError   string `json:"last_error"`   // why it is not taken there, or why the other side is not reached
}

// ShareDiffers is a field of which the delegator says something else than stands here, with auto-admin off: for the office to
// take, by an edit to the same.
type ShareDiffers struct {
	Field  string `json:"field"`
	Theirs any    `json:"theirs"`
}

// shareOf makes the share views of orders, by their ids, in a handful of queries.
func shareOf(db *gorm.DB, orders []*WorkOrder, tasks map[string][]Task) (map[string]*ShareView, error) {
	views, byID := map[string]*ShareView{}, map[string]*WorkOrder{}
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i], byID[o.ID] = o.ID, o
		views[o.ID] = &ShareView{To: []ShareTo{}, Differs: []ShareDiffers{}}
	}
	var came []struct {
		ReceivedOrder
		LinkID   string
		Name     string
		PeerName string
	}
	err := db.Model(&ReceivedOrder{}).Select("received_orders.*, share_links.id AS link_id, share_links.name, share_links.peer_name").Joins("JOIN share_links ON share_links.integration_id = received_orders.integration_id").
		Where("received_orders.work_order_id IN ?", ids).Order("received_orders.at, received_orders.number").Find(&came).Error
	if err != nil {
		return nil, err
	}
	for i := range came {
		m := &came[i]
		o := byID[m.WorkOrderID]
		if o.IntegrationID == nil || *o.IntegrationID != m.IntegrationID {
			continue
		}
		if v := views[o.ID]; v.From == nil {
			v.From, v.Differs = &ShareFrom{m.LinkID, cmp.Or(m.PeerName, m.Name), m.Number}, o.differsFrom(m.Differs, tasks[o.ID])
		}
	}
	return views, wentTo(db, orders, ids, views)
}

// wentTo fills in to which links orders went.
func wentTo(db *gorm.DB, orders []*WorkOrder, ids []string, views map[string]*ShareView) error {
	var told []*PeerNumber
	if err := db.Where("work_order_id IN ?", ids).Order("number_key").Find(&told).Error; err != nil {
		return err
	}
	users := map[string]bool{}
	known := map[string][]*PeerNumber{}
	for _, row := range told {
		users[row.UserID] = true
		known[row.WorkOrderID] = append(known[row.WorkOrderID], row)
	}
	for _, o := range orders { // assigned, and not told yet
		if o.AssigneeID != nil && !slices.ContainsFunc(known[o.ID], func(row *PeerNumber) bool { return row.UserID == *o.AssigneeID }) {
			users[*o.AssigneeID] = true
			known[o.ID] = append(known[o.ID], &PeerNumber{UserID: *o.AssigneeID, WorkOrderID: o.ID})
		}
	}
	if len(users) == 0 {
		return nil
	}
	var links []*ShareLink
	// The one that lives stands for those before it.
	if err := db.Where("direction = ? AND user_id IN ?", LinkOut, slices.Sorted(maps.Keys(users))).Order("ended_at IS NOT NULL, created_at DESC").Find(&links).Error; err != nil || len(links) == 0 {
		return err
	}
	byUser := map[string]*ShareLink{}
	for _, l := range links {
		if byUser[*l.UserID] == nil {
			byUser[*l.UserID] = l
		}
	}
	waiting, err := changesUnfetched(db, orders, known, byUser)
	if err != nil {
		return err
	}
	for _, o := range orders {
		for _, row := range known[o.ID] {
			l := byUser[row.UserID]
			if l == nil {
				continue
			}
			to := ShareTo{LinkID: l.ID, Name: cmp.Or(l.PeerName, l.Name), Number: row.Number, FieldStatus: row.FieldStatus, Waiting: waiting[[2]string{o.ID, l.ID}], LastError: row.Refused}
			if to.LastError == "" && l.Condition != LinkOK {
				to.LastError = l.LastError
			}
			views[o.ID].To = append(views[o.ID].To, to)
		}
	}
	return nil
}

// changesUnfetched counts, by order and link, what happened to orders since the other side fetched last, but for what it did
// itself.
func changesUnfetched(db *gorm.DB, orders []*WorkOrder, known map[string][]*PeerNumber, byUser map[string]*ShareLink) (map[[2]string]int64, error) {
	waiting := map[[2]string]int64{}
	var since *Time
	var ids []string
	for _, o := range orders {
		for _, row := range known[o.ID] {
			l := byUser[row.UserID]
			if l == nil || l.EndedAt != nil || (l.FetchedAt != nil && o.UpdatedAt.Before(l.FetchedAt.Time)) {
				continue
			}
			ids = append(ids, o.ID)
			at := l.CreatedAt
			if l.FetchedAt != nil {
				at = *l.FetchedAt
			}
			if since == nil || at.Before(since.Time) {
				since = &at
			}
		}
	}
	if len(ids) == 0 {
		return waiting, nil
	}
	var events []struct {
		WorkOrderID string
		ActorID     string
		At          Time
	}
	if err := db.Model(&HistoryEvent{}).Select("work_order_id, actor_id, at").Where("work_order_id IN ? AND at >= ?", ids, *since).Scan(&events).Error; err != nil {
		return nil, err
	}
	for _, e := range events {
		for _, row := range known[e.WorkOrderID] {
			if l := byUser[row.UserID]; l != nil && l.EndedAt == nil && e.ActorID != row.UserID && (l.FetchedAt == nil || !e.At.Before(l.FetchedAt.Time)) {
				waiting[[2]string{e.WorkOrderID, l.ID}]++
			}
		}
	}
	return waiting, nil
}

// differsFrom lists the fields of which the delegator says something else than stands here.
func (o *WorkOrder) differsFrom(theirs map[string]any, tasks []Task) []ShareDiffers {
	differs := []ShareDiffers{}
	if said := theirs[theirsState]; said == string(Cancelled) && o.Lifecycle.State != Cancelled && o.Lifecycle.State != Closed {
		differs = append(differs, ShareDiffers{theirsState, said})
	}
	if theirs[theirsInvoiced] == true && !o.Invoiced {
		differs = append(differs, ShareDiffers{theirsInvoiced, true})
	}
	for _, f := range Fields {
		said, there := theirs[f.Name]
		if f.Name == theirsPriority && said == "" {
			said = PriorityNormal
		}
		switch {
		case !there:
		case f.Name == "tasks":
			if some := tasksDiffering(said, tasks); len(some) > 0 {
				differs = append(differs, ShareDiffers{f.Name, some})
			}
		case f.Kind == Object:
			members, _ := said.(map[string]any)
			if _, changed := mergeOptions(o.Options, members); changed {
				differs = append(differs, ShareDiffers{f.Name, said})
			}
		case said == "" && f.Text(&o.WorkOrderFields) == "", sameJSON(said, f.Value(&o.WorkOrderFields)):
		default:
			differs = append(differs, ShareDiffers{f.Name, said})
		}
	}
	return differs
}

// asks tells whether a task asks a survey that its sender names so; every task does what is not named.
func (f *TaskFields) asks(survey string) bool {
	if survey == "" || strings.EqualFold(survey, f.SurveyID) || strings.EqualFold(survey, f.SurveyNamed) {
		return true
	}
	m := revisionSuffix.FindStringSubmatch(f.SurveyID)
	return m != nil && strings.EqualFold(m[1], survey)
}

// tasksDiffering are the delegator's tasks that are not here as they came.
func tasksDiffering(said any, tasks []Task) []TaskFields {
	text, err := json.Marshal(said)
	if err != nil {
		return nil
	}
	var theirs, some []TaskFields
	if json.Unmarshal(text, &theirs) != nil {
		return nil
	}
	for _, t := range theirs {
		at := slices.IndexFunc(tasks, func(own Task) bool { return strings.EqualFold(own.CleanName, CleanTaskName(t.Name)) })
		if at < 0 {
			some = append(some, t)
			continue
		}
		own := tasks[at].TaskFields
		_, options := mergeOptions(own.Options, t.Options)
		required := slices.ContainsFunc(slices.Collect(maps.Keys(t.RequiredPhotos)), func(evidence string) bool { return own.RequiredPhotos[evidence] != t.RequiredPhotos[evidence] })
		if options || required || own.Instructions != t.Instructions || !own.asks(t.SurveyID) {
			some = append(some, t)
		}
	}
	return some
}
