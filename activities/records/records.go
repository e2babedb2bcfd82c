// Package records holds the activities by which the workflow of an order reads and moves its row.
package records

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/workflows/protocol"
)

// Records are the activities.
type Records struct {
	Store *models.Store
	Bells *intake.Bells
}

// transactionTime is the deadline of a transaction: shorter than that of the activity, so that a slow database is told
// to stop before the activity is tried again.
const transactionTime = 4 * time.Second

// ApplyAction performs one action in one transaction and answers applied or refused. It may run any number of times:
// an action that is already in the history is applied.
func (r *Records) ApplyAction(ctx context.Context, in protocol.ApplyInput) (protocol.ApplyResult, error) {
	order, refused, err := r.apply(ctx, in.AccountID, in.OrderID, in.ActionID, in.Lifecycle)
	if err != nil {
		return protocol.ApplyResult{}, lasting(err)
	}
	card, err := intake.Card(ctx, r.Store, order)
	if err != nil {
		return protocol.ApplyResult{}, err
	}
	result := protocol.ApplyResult{Card: card, Outcome: protocol.Outcome{Applied: refused == nil}}
	if refused != nil {
		// What a refusal says may hold what people typed: it stays in the row, where whoever asked reads it.
		if err := r.keepRefusal(ctx, in, refused); err != nil {
			return protocol.ApplyResult{}, err
		}
		result.Outcome.Refusal = &protocol.Refusal{Kind: refused.Kind, State: refused.State, Allowed: refused.Allowed}
	}
	return result, nil
}

func (r *Records) keepRefusal(ctx context.Context, in protocol.ApplyInput, refused *models.Error) error {
	text, err := json.Marshal(protocol.Refuse(refused))
	if err != nil {
		return err
	}
	return r.Store.Write(models.InAccount(ctx, in.AccountID), func(tx *models.Tx) error {
		return tx.Model(&models.Action{}).Where("id = ?", in.ActionID).Update("refusal", string(text)).Error
	})
}

// apply returns the order as it stands after the action, or before it when it is refused.
func (r *Records) apply(ctx context.Context, accountID, orderID, actionID string, known models.Lifecycle) (*models.WorkOrder, *models.Error, error) {
	ctx, cancel := context.WithTimeout(ctx, transactionTime)
	defer cancel()
	var order, before *models.WorkOrder
	behind := false
	err := r.Store.Write(models.InAccount(ctx, accountID), func(tx *models.Tx) error {
		var err error
		if order, err = tx.OrderForUpdate(orderID); err != nil {
			return temporal.NewNonRetryableApplicationError("the order's row is missing", "missing", err)
		}
		if behind, err = tx.Reconcile(order, known); err != nil {
			return err
		}
		copied := *order
		before = &copied
		action, err := models.One[models.Action](tx.Where("id = ? AND work_order_id = ?", actionID, orderID), "action")
		if err != nil {
			return err
		}
		return tx.Apply(order, action)
	})
	var refused *models.Error
	if errors.As(err, &refused) && before != nil {
		if behind {
			// The refusal took back what brought the two together: that stays, or the row would say another state than the refusal.
			err := r.Store.Write(models.InAccount(ctx, accountID), func(tx *models.Tx) (err error) {
				if before, err = tx.OrderForUpdate(orderID); err == nil {
					_, err = tx.Reconcile(before, known)
				}
				return err
			})
			if err != nil {
				return nil, nil, err
			}
		}
		return before, refused, nil
	}
	if err == nil {
		r.Bells.Poke()
	}
	return order, nil, err
}

// lasting marks errors that no retry can mend.
func lasting(err error) error {
	if kind := models.KindOf(err); kind != "" && kind != models.Unavailable {
		return temporal.NewNonRetryableApplicationError(err.Error(), string(kind), err)
	}
	return err
}

// CatchUp brings the order up to what its rows tell: remote and automatic wishes in its inbox, then items that came in.
// When nothing did it only reads.
func (r *Records) CatchUp(ctx context.Context, in protocol.CatchUpInput) (protocol.OrderCard, error) {
	across := models.AcrossAccounts(ctx)
	order, err := models.One[models.WorkOrder](r.Store.Read(across).Where("id = ?", in.OrderID), "work order")
	if err != nil {
		return protocol.OrderCard{}, lasting(err)
	}
	known := order.Lifecycle
	if in.Lifecycle != nil && in.Lifecycle.Version > known.Version {
		known = *in.Lifecycle
	}
	scoped := models.InAccount(ctx, order.AccountID)
	if err := r.emptyInbox(scoped, order, known); err != nil {
		return protocol.OrderCard{}, lasting(err)
	}
	more, err := r.notice(scoped, order, known)
	if err != nil {
		return protocol.OrderCard{}, lasting(err)
	}
	if order, err = models.One[models.WorkOrder](r.Store.Read(scoped).Where("id = ?", in.OrderID), "work order"); err != nil {
		return protocol.OrderCard{}, lasting(err)
	}
	card, err := intake.Card(ctx, r.Store, order)
	if err != nil {
		return card, err
	}
	card.More = more
	card.Unrendered, err = r.unrendered(scoped, order.ID)
	return card, err
}

func (r *Records) emptyInbox(ctx context.Context, order *models.WorkOrder, known models.Lifecycle) error {
	var waiting []models.Action
	err := r.Store.Read(ctx).Where("work_order_id = ? AND inbox AND outcome = ''", order.ID).Order("number, id").Find(&waiting).Error
	if err != nil {
		return err
	}
	for _, a := range waiting {
		_, refused, err := r.apply(ctx, order.AccountID, order.ID, a.ID, known)
		if err != nil {
			return err
		}
		if refused == nil {
			continue
		}
		err = r.Store.Write(ctx, func(tx *models.Tx) error {
			if err := tx.Model(&models.Action{}).Where("id = ?", a.ID).Updates(map[string]any{"outcome": models.ActionRefused, "refusal": refused.Error()}).Error; err != nil {
				return err
			}
			return tellRefused(tx, order, &a, refused)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tellRefused raises an alert when what a remote system wished was not applied: nobody waits there for the answer.
func tellRefused(tx *models.Tx, o *models.WorkOrder, a *models.Action, refused *models.Error) error {
	if a.Parameters.Actor == "" {
		return nil
	}
	return tx.Raise(&models.Alert{AccountID: o.AccountID, Kind: models.AlertStatusIgnored, WorkOrderID: &o.ID, Subject: o.ID + "/" + string(a.Event),
		Says: "not_done", Args: []any{"who", a.Parameters.Actor, "order", o.DisplayNumber(), "event", models.Word{Key: "alert_do_" + string(a.Event)}}, Detail: refused.Message})
}

func (r *Records) notice(ctx context.Context, order *models.WorkOrder, known models.Lifecycle) (more bool, err error) {
	var unnoticed int64
	if err := r.Store.Read(ctx).Model(&models.Item{}).Where("work_order_id = ? AND NOT noticed", order.ID).Count(&unnoticed).Error; err != nil {
		return false, err
	}
	if unnoticed == 0 && known.Version <= order.Lifecycle.Version {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, transactionTime)
	defer cancel()
	err = r.Store.Write(ctx, func(tx *models.Tx) error {
		locked, err := tx.OrderForUpdate(order.ID)
		if err != nil {
			return err
		}
		if _, err := tx.Reconcile(locked, known); err != nil {
			return err
		}
		more, err = tx.NoticeItems(locked)
		return err
	})
	if err == nil {
		r.Bells.Poke()
	}
	return more, err
}

// unrendered tells whether a photo of the order waits for its renditions.
func (r *Records) unrendered(ctx context.Context, orderID string) (bool, error) {
	var found []string
	err := r.Store.Read(ctx).Model(&models.Item{}).Where("work_order_id = ? AND kind = ? AND renditions = ?", orderID, models.Photo, models.RenditionsDue).
		Limit(1).Pluck("id", &found).Error
	return len(found) > 0, err
}
