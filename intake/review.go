package intake

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fieldproof/models"
)

// ReviewPhotos says what the office thinks of some photos, in one transaction and with one event an order. A review that
// can't be taken, or that would overwrite what the asker has not seen, is left alone and says so; the others are done.
// Errors: [models.Forbidden], [models.Invalid].
func (in *Intake) ReviewPhotos(ctx context.Context, by *models.Member, reviews []models.PhotoReview) (results []models.ReviewedPhoto, err error) {
	if err := by.Need(models.ReviewOrders); err != nil {
		return nil, err
	}
	if len(reviews) == 0 || len(reviews) > models.PhotosAtOnce {
		return nil, models.InvalidField("reviews", "Give 1 to %d reviews at once.", models.PhotosAtOnce)
	}
	err = errItemMoved
	for range movedTries {
		if !errors.Is(err, errItemMoved) {
			break
		}
		err = in.write(ctx, by, func(tx *models.Tx) error {
			r := &reviewing{tx: tx, by: by, orders: map[string]*models.WorkOrder{}, photos: map[string]*models.Item{}, of: map[string][]*models.Item{}}
			results, err = r.all(reviews)
			return err
		})
	}
	if err == nil {
		in.Bells.Poke()
	}
	return results, err
}

// reviewing is some photos under their locks, with their orders.
type reviewing struct {
	tx      *models.Tx
	by      *models.Member
	orders  map[string]*models.WorkOrder
	photos  map[string]*models.Item // those that by sees
	touched []string                // orders of which photos changed
	of      map[string][]*models.Item
	late    []*models.Item // that became approved
}

func (r *reviewing) all(reviews []models.PhotoReview) ([]models.ReviewedPhoto, error) {
	if err := r.lock(reviews); err != nil {
		return nil, err
	}
	results := make([]models.ReviewedPhoto, len(reviews))
	for n, v := range reviews {
		var err error
		if results[n], err = r.one(v); err != nil {
			return nil, err
		}
	}
	users, err := models.UsersOf(r.tx.DB, photosIn(r.photos)...)
	if err != nil {
		return nil, err
	}
	for n := range results {
		p := r.photos[results[n].ID]
		if p == nil {
			continue
		}
		review := p.Review
		results[n].Review, results[n].Reason = &review, p.ReviewReason
		if by, there := users[p.ReviewedBy]; there {
			results[n].ReviewedBy, results[n].ReviewedByName = &by.Username, &by.Name
		}
	}
	return results, r.tell()
}

func photosIn(byID map[string]*models.Item) (photos []*models.Item) {
	for _, p := range byID {
		photos = append(photos, p)
	}
	return photos
}

// lock locks the orders of the photos first, in one order, as whoever adds an item does.
func (r *reviewing) lock(reviews []models.PhotoReview) error {
	var ids []string
	for _, v := range reviews {
		ids = append(ids, v.ID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	var before, photos []*models.Item
	if err := r.tx.Where("id IN ? AND kind = ?", ids, models.Photo).Find(&before).Error; err != nil {
		return err
	}
	where := map[string]string{}
	var orders []string
	for _, p := range before {
		where[p.ID] = p.WorkOrderID
		orders = append(orders, p.WorkOrderID)
	}
	slices.Sort(orders)
	for _, id := range slices.Compact(orders) {
		o, err := r.tx.OrderForUpdate(id)
		if err != nil {
			return err
		}
		r.orders[id] = o
	}
	if err := r.tx.Locked().Where("id IN ? AND kind = ?", ids, models.Photo).Order("id").Find(&photos).Error; err != nil {
		return err
	}
	for _, p := range photos {
		if where[p.ID] != p.WorkOrderID {
			return errItemMoved
		}
		if r.by.SeesItem(r.orders[p.WorkOrderID], p) {
			r.photos[p.ID] = p
		}
	}
	return nil
}

// one takes one review; the error is that of the transaction alone.
func (r *reviewing) one(v models.PhotoReview) (models.ReviewedPhoto, error) {
	refused := func(err error) (models.ReviewedPhoto, error) {
		var known *models.Error
		if !errors.As(err, &known) {
			return models.ReviewedPhoto{}, err
		}
		result := models.ReviewedPhoto{ID: v.ID, Result: models.ReviewRefused, Code: string(known.Kind), Message: known.Message}
		if known.Code != "" {
			result.Code = known.Code
		}
		for _, f := range known.Fields {
			if result.Message = f.Message; f.Code != "" {
				result.Code = f.Code
			}
		}
		return result, nil
	}
	p := r.photos[v.ID]
	if p == nil {
		return refused(models.Errorf(models.NotFound, "There is no such photo."))
	}
	wanted := fieldsOf(p)
	wanted.Review, wanted.Reason = v.Review, v.Reason
	if err := wanted.check(); err != nil {
		return refused(err)
	}
	switch {
	case wanted.Review == p.Review && wanted.Reason == p.ReviewReason:
		return models.ReviewedPhoto{ID: v.ID, Result: models.ReviewUnchanged}, nil
	case v.Was != nil && *v.Was != p.Review:
		return models.ReviewedPhoto{ID: v.ID, Result: models.ReviewChangedMeanwhile}, nil
	}
	o, withdrawn, was := r.orders[p.WorkOrderID], p.Withdrawn(), p.Review
	judged(p, r.by)
	p.Review, p.ReviewReason = wanted.Review, wanted.Reason
	if p.Withdrawn() != withdrawn {
		if err := newsBelow(r.tx, o, p); err != nil {
			return models.ReviewedPhoto{}, err
		}
	}
	err := r.tx.Select("review", "review_reason", "approved_with", "reviewed_by", "reviewed_at", "revision").Updates(p).Error
	if err != nil {
		return models.ReviewedPhoto{}, fmt.Errorf("intake: review a photo: %w", err)
	}
	if !slices.Contains(r.of[o.ID], p) {
		if r.of[o.ID] == nil {
			r.touched = append(r.touched, o.ID)
		}
		r.of[o.ID] = append(r.of[o.ID], p)
	}
	if was != models.ReviewApproved && p.Review == models.ReviewApproved {
		r.late = append(r.late, p)
	}
	return models.ReviewedPhoto{ID: v.ID, Result: models.ReviewDone}, nil
}

// tell writes one event an order, and what follows from its photos.
func (r *reviewing) tell() error {
	for _, id := range r.touched {
		o, photos := r.orders[id], r.of[id]
		e := handOf(r.by).event(models.TypeUpdated)
		e.Details = models.EventDetails{Fields: []string{"photos"}, Reviews: map[string]models.Review{}}
		for _, p := range photos {
			e.Details.ItemIDs = append(e.Details.ItemIDs, p.ID)
			e.Details.Reviews[p.ID] = p.Review
		}
		if err := r.tx.Record(o, e); err != nil {
			return err
		}
		if err := r.tx.AnnounceItems(models.FeedItemChanged, photos...); err != nil {
			return err
		}
		if err := r.tx.Retell(o, photos...); err != nil {
			return err
		}
		if err := r.tx.SaveOrder(o); err != nil {
			return err
		}
	}
	for _, p := range r.late {
		if err := r.tx.ReleaseLate(r.orders[p.WorkOrderID], p); err != nil {
			return err
		}
	}
	return nil
}
