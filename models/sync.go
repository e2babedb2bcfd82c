package models

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// SyncPoint is what a phone was told by one of its calls: the cursor names it. A point says nothing but digests, so what changed
// is known whatever clocks say and however long ago it was; one that is not known, as after a restore, tells everything.
type SyncPoint struct {
	ID        string `gorm:"primaryKey"`
	AccountID string
	UserID    string
	TokenID   string            // the session of the phone
	Orders    map[string]string `gorm:"serializer:json"` // digests of orders by their ids
	Photos    map[string]string `gorm:"serializer:json"` // and of the own photos on them
	Surveys   []string          `gorm:"serializer:json"` // the ids of surveys that it has
	CreatedAt Time
	UsedAt    Time
}

const (
	// pointsKept is how many points of a session are kept, those that were used last.
	pointsKept = 5
	// doneFor is how long a completed order stays on the phone, and how far back own photos are told of.
	doneFor = 30 * 24 * time.Hour
	// mostSynced is how many orders a phone holds, those that are due first.
	mostSynced = 1000
	// mostSyncedPhotos is of how many of one's photos beside those of these orders a phone hears, the newest.
	mostSyncedPhotos = 5000
)

// SyncChanges is what changed for a phone since a point.
type SyncChanges struct {
	Now        Time         `json:"now"` // by our clock
	Cursor     string       `json:"cursor"`
	Everything bool         `json:"everything"` // nothing is known of the cursor: what is not here is no more, and what the phone keeps is to be announced again
	Orders     []SyncOrder  `json:"orders"`     // whole
	Gone       []string     `json:"gone"`       // the ids of orders that are no longer yours, or no longer work
	Surveys    []SyncSurvey `json:"surveys"`    // templates that the phone does not have
	Photos     []SyncPhoto  `json:"photos"`     // yours: of each order of whose something changed all
}

// SyncOrder is an order with all that a phone without a network needs of it.
type SyncOrder struct {
	WorkOrderView
	Surveys  []SyncTask                `json:"surveys"`  // of its tasks
	Taken    map[string]map[string]int `json:"taken"`    // task → evidence type → how many photos are here and not rejected, whoever took them
	Answered []string                  `json:"answered"` // the tasks whose survey has a response that counts
	CheckIns int                       `json:"check_ins"`
	Rework   *SyncRework               `json:"rework"` // why it was sent back last, null when it was not
}

// SyncTask is the survey of a task, with answers to begin from.
type SyncTask struct {
	TaskID  string          `json:"task_id"`
	Survey  string          `json:"survey"` // the id of a survey
	Answers json.RawMessage `json:"answers" as:"answers"`
	Review  *Review         `json:"review"` // of the response that they are from, null when they came with the order
	Reason  string          `json:"reason"`
}

// SyncRework says why an order was sent back.
type SyncRework struct {
	Reason  string   `json:"reason"`
	By      string   `json:"by"`
	ByName  string   `json:"by_name"` // what they are called
	At      Time     `json:"at"`
	ItemIDs []string `json:"item_ids"`
}

// SyncSurvey is a template.
type SyncSurvey struct {
	ID       string          `json:"id"`
	SurveyID string          `json:"survey_id"` // as tasks name it
	Template json.RawMessage `json:"template" as:"survey"`
}

// SyncPhoto is what the server has of one's own photo.
type SyncPhoto struct {
	ID           string  `json:"id"`
	UUID         string  `json:"uuid"`
	WorkOrderID  string  `json:"work_order_id"`
	TaskID       *string `json:"task_id"`
	EvidenceType string  `json:"evidence_type"`
	TakenAt      *Time   `json:"taken_at"`
	Notes        string  `json:"notes"`
	SHA256       string  `json:"sha256"`
	Review       Review  `json:"review"`
	Reason       string  `json:"reason"`
	Deleted      bool    `json:"deleted"`
}

// digestOf is short, and differs where what it is of does.
func digestOf(v any) (string, error) {
	text, err := json.Marshal(v)
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:9]), err
}

// SyncSince finds what changed for a member since a point, nil for everything, and the point at which they are then.
func SyncSince(db *gorm.DB, m *Member, since *SyncPoint) (*SyncChanges, *SyncPoint, error) {
	told := &SyncChanges{Now: Now(), Everything: since == nil, Orders: []SyncOrder{}, Gone: []string{}, Surveys: []SyncSurvey{}, Photos: []SyncPhoto{}}
	next := &SyncPoint{AccountID: m.AccountID, UserID: m.ID, Orders: map[string]string{}, Photos: map[string]string{}, Surveys: []string{}}
	had := &SyncPoint{}
	if since != nil {
		had = since
	}
	rows, err := ordersToSync(db, m, told.Now)
	if err != nil {
		return nil, nil, err
	}
	orders, surveys, err := syncOrders(db, m, rows)
	if err != nil {
		return nil, nil, err
	}
	for i := range orders {
		o := &orders[i]
		if next.Orders[o.ID], err = digestOf(o); err != nil {
			return nil, nil, err
		}
		if had.Orders[o.ID] != next.Orders[o.ID] {
			told.Orders = append(told.Orders, *o)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(had.Orders)) {
		if next.Orders[id] == "" {
			told.Gone = append(told.Gone, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(surveys)) {
		next.Surveys = append(next.Surveys, id)
		if slices.Contains(had.Surveys, id) {
			continue
		}
		template, err := TemplateOf(db, id)
		if err != nil {
			return nil, nil, err
		}
		told.Surveys = append(told.Surveys, SyncSurvey{ID: id, SurveyID: surveys[id], Template: template})
	}
	photos, err := photosToSync(db, m, rows, told.Now)
	if err != nil {
		return nil, nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(photos)) {
		if next.Photos[id], err = digestOf(photos[id]); err != nil {
			return nil, nil, err
		}
		if had.Photos[id] != next.Photos[id] {
			told.Photos = append(told.Photos, photos[id]...)
		}
	}
	if since != nil && maps.Equal(had.Orders, next.Orders) && maps.Equal(had.Photos, next.Photos) && slices.Equal(had.Surveys, next.Surveys) {
		next = since
	}
	return told, next, nil
}

// ordersToSync are the orders that belong on a member's phone: what is theirs, or everybody's, and is work or was until lately.
func ordersToSync(db *gorm.DB, m *Member, now Time) ([]*WorkOrder, error) {
	var all []*WorkOrder
	for _, theirs := range []func(*gorm.DB) *gorm.DB{
		func(q *gorm.DB) *gorm.DB { return q.Where("work_orders.assignee_id = ?", m.ID) },
		func(q *gorm.DB) *gorm.DB { return q.Where("work_orders.assigned_to_all") },
	} {
		var some []*WorkOrder
		err := m.OrdersSeen(theirs(db)).Where("work_orders.state IN ? OR (work_orders.state IN ? AND work_orders.completed_at > ?)", []State{Created, Assigned, InProgress}, []State{Completed, Approved, Published}, At(now.Add(-doneFor))).
			Order("work_orders.due_key, work_orders.seq").Limit(mostSynced).Find(&some).Error
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b *WorkOrder) int { return strings.Compare(a.DueKey, b.DueKey) })
	return all[:min(len(all), mostSynced)], nil
}

// syncOrders makes what a phone is told of orders, and which surveys they ask for: their ids, with a name for each.
func syncOrders(db *gorm.DB, m *Member, rows []*WorkOrder) ([]SyncOrder, map[string]string, error) {
	views, err := ViewOrders(db, rows...)
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	surveys := map[string]string{}
	for i := range views {
		views[i] = views[i].For(m.Audience())
		ids = append(ids, views[i].ID)
		for _, t := range views[i].Tasks {
			if t.SurveyHash != "" && surveys[t.SurveyHash] == "" {
				surveys[t.SurveyHash] = t.SurveyID
			}
		}
	}
	responses, err := latestResponses(db, ids)
	if err != nil {
		return nil, nil, err
	}
	rework, err := reworkOf(db, ids)
	if err != nil {
		return nil, nil, err
	}
	have, err := haveOf(db, ids)
	if err != nil {
		return nil, nil, err
	}
	orders := make([]SyncOrder, len(views))
	for i, v := range views {
		orders[i] = SyncOrder{WorkOrderView: v, Surveys: []SyncTask{}, Taken: map[string]map[string]int{}, Answered: []string{}, Rework: rework[v.ID]}
		if g := have[v.ID]; g != nil {
			orders[i].Taken, orders[i].CheckIns = g.taken(), g.checkIns
		}
		for _, t := range v.Tasks {
			if t.SurveyHash == "" {
				continue
			}
			task := SyncTask{TaskID: t.ID, Survey: t.SurveyHash, Answers: json.RawMessage(t.SurveyAnswers)}
			if r := responses[t.ID]; r != nil {
				task.Answers, task.Review, task.Reason = json.RawMessage(r.Answers), &r.Review, r.ReviewReason
				if r.Review != ReviewRejected {
					orders[i].Answered = append(orders[i].Answered, t.ID)
				}
			}
			if len(task.Answers) == 0 {
				task.Answers = json.RawMessage("[]")
			}
			orders[i].Surveys = append(orders[i].Surveys, task)
		}
	}
	return orders, surveys, nil
}

// haveOf is what orders have of photos and check-ins, as a completion counts them.
func haveOf(db *gorm.DB, orderIDs []string) (map[string]*gathered, error) {
	var rows []struct {
		WorkOrderID  string
		TaskID       *string
		Kind         ItemKind
		EvidenceType string
		N            int
	}
	err := db.Model(&Item{}).Select("work_order_id, task_id, kind, evidence_type, COUNT(*) AS n").
		Where("work_order_id IN ? AND kind IN ? AND deleted_at IS NULL AND withdrawn_at IS NULL AND review <> ?", orderIDs, []ItemKind{Photo, CheckIn}, ReviewRejected).
		Group("work_order_id, task_id, kind, evidence_type").Scan(&rows).Error
	have := map[string]*gathered{}
	for _, r := range rows {
		g := have[r.WorkOrderID]
		if g == nil {
			g = &gathered{photos: map[string]map[string]map[string]int{}}
			have[r.WorkOrderID] = g
		}
		switch {
		case r.Kind == CheckIn:
			g.checkIns += r.N
		case r.TaskID != nil:
			g.add(*r.TaskID, r.EvidenceType, "", r.N)
		}
	}
	return have, err
}

// taken counts photos whatever their sources.
func (g *gathered) taken() map[string]map[string]int {
	taken := map[string]map[string]int{}
	for task, types := range g.photos {
		taken[task] = map[string]int{}
		for evidence, sources := range types {
			for _, n := range sources {
				taken[task][evidence] += n
			}
		}
	}
	return taken
}

// latestResponses are the latest survey responses of the tasks of orders.
func latestResponses(db *gorm.DB, orderIDs []string) (map[string]*Item, error) {
	var responses []*Item
	err := db.Where("work_order_id IN ? AND kind = ? AND deleted_at IS NULL AND withdrawn_at IS NULL AND task_id IS NOT NULL", orderIDs, SurveyResponse).
		Select("id", "task_id", "answers", "review", "review_reason").Order("received_at, id").Find(&responses).Error
	latest := map[string]*Item{}
	for _, r := range responses {
		latest[*r.TaskID] = r
	}
	return latest, err
}

// reworkOf says why orders that are rework were sent back last.
func reworkOf(db *gorm.DB, orderIDs []string) (map[string]*SyncRework, error) {
	rework := db.Session(&gorm.Session{NewDB: true, Context: db.Statement.Context}).Model(&WorkOrder{}).Select("id").Where("id IN ? AND priority = ?", orderIDs, PriorityRework)
	var events []*HistoryEvent
	err := db.Where("work_order_id IN (?) AND type = ?", rework, TypeRejected).Order("work_order_id, sequence").Find(&events).Error
	if err != nil {
		return nil, err
	}
	users, err := PeopleOfRows(db, events, func(e **HistoryEvent) string { return (*e).ActorID })
	last := map[string]*SyncRework{}
	for _, e := range events {
		r := &SyncRework{Reason: e.Reason, By: e.Actor, ByName: users.Called(e.ActorID, e.Actor), At: e.At, ItemIDs: e.Details.ItemIDs}
		if r.ItemIDs == nil {
			r.ItemIDs = []string{}
		}
		last[e.WorkOrderID] = r
	}
	return last, err
}

// photosToSync are a member's own photos, by their orders: of those on the phone all, else of late.
func photosToSync(db *gorm.DB, m *Member, rows []*WorkOrder, now Time) (map[string][]SyncPhoto, error) {
	ids := make([]string, len(rows))
	for i, o := range rows {
		ids[i] = o.ID
	}
	columns := []string{"id", "uuid", "work_order_id", "task_id", "evidence_type", "taken_at", "notes", "sha256", "review", "review_reason", "deleted_at"}
	var there, late []*Item
	if err := db.Select(columns).Where("work_order_id IN ? AND uploaded_by = ? AND kind = ?", ids, m.ID, Photo).Order("id").Find(&there).Error; err != nil {
		return nil, err
	}
	err := db.Select(columns).Where("uploaded_by = ? AND received_at > ? AND kind = ? AND work_order_id NOT IN ?", m.ID, At(now.Add(-doneFor)), Photo, append(ids, "")).
		Order("received_at DESC").Limit(mostSyncedPhotos).Find(&late).Error
	if err != nil {
		return nil, err
	}
	slices.SortFunc(late, func(a, b *Item) int { return strings.Compare(a.ID, b.ID) })
	photos := map[string][]SyncPhoto{}
	for _, i := range append(there, late...) {
		photos[i.WorkOrderID] = append(photos[i.WorkOrderID], SyncPhoto{ID: i.ID, UUID: i.UUID, WorkOrderID: i.WorkOrderID, TaskID: i.TaskID, EvidenceType: i.EvidenceType, TakenAt: i.TakenAt, Notes: i.Notes, SHA256: i.SHA256, Review: i.Review, Reason: i.ReviewReason, Deleted: i.DeletedAt != nil})
	}
	return photos, nil
}

// SyncPointOf finds the point that a cursor of a member names; nil for one that is not known.
func SyncPointOf(db *gorm.DB, m *Member, cursor string) (*SyncPoint, error) {
	if cursor == "" {
		return nil, nil
	}
	p, err := One[SyncPoint](db.Where("id = ? AND user_id = ?", cursor, m.ID), "cursor")
	if KindOf(err) == NotFound {
		return nil, nil
	}
	return p, err
}

// KeepSyncPoint keeps where a session's phone is now, and gives the point its id. The one from which it was asked stays, should
// the answer get lost, and is only noted as used where nothing changed, once a day.
func (tx *Tx) KeepSyncPoint(p, since *SyncPoint, tokenID string) error {
	now := Now()
	if since != nil {
		if err := tx.Model(&SyncPoint{}).Where("id = ?", since.ID).Update("used_at", now).Error; err != nil {
			return err
		}
	}
	if p == since {
		return nil
	}
	p.ID, p.TokenID, p.CreatedAt, p.UsedAt = NewID(), tokenID, now, now
	if err := tx.Create(p).Error; err != nil {
		return err
	}
	var old []string
	if err := tx.Model(&SyncPoint{}).Where("token_id = ?", tokenID).Order("used_at DESC, id DESC").Offset(pointsKept).Limit(100).Pluck("id", &old).Error; err != nil || len(old) == 0 {
		return err
	}
	return tx.Where("id IN ?", old).Delete(&SyncPoint{}).Error
}
