// Package peers speaks the external-integration API (domain 8) on both sides, over decoded payloads: it calls systems that
// host it, and hosts it for those that call us.
package peers

import (
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"fieldproof/models"
)

// Numbers are the numbers by which a login knows orders, by their ids. Of those that it was never told of they are fixed
// now, and stay.
func Numbers(ctx context.Context, store *models.Store, login *models.Member, orders []*models.WorkOrder) (map[string]string, error) {
	ctx = models.InAccount(ctx, login.AccountID)
	known, err := numbersKnown(store.Read(ctx), login, orders)
	if err != nil || len(known) == len(orders) {
		return known, err
	}
	return known, store.Write(ctx, func(tx *models.Tx) error {
		if known, err = numbersKnown(tx.DB, login, orders); err != nil {
			return err
		}
		oldest := slices.SortedFunc(slices.Values(orders), func(a, b *models.WorkOrder) int { return int(a.Seq - b.Seq) })
		for _, o := range oldest {
			if known[o.ID] == "" {
				if known[o.ID], err = firstTold(tx, login, o); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func numbersKnown(db *gorm.DB, login *models.Member, orders []*models.WorkOrder) (map[string]string, error) {
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	var rows []models.PeerNumber
	err := db.Where("user_id = ? AND work_order_id IN ?", login.ID, ids).Find(&rows).Error
	known := make(map[string]string, len(rows))
	for _, r := range rows {
		known[r.WorkOrderID] = r.Number
	}
	return known, err
}

// firstTold fixes the number of an order that a login was never told of: the plain one; with the client code before it if
// the login knows another order by that; with __2, __3, … behind it if that is taken too.
func firstTold(tx *models.Tx, login *models.Member, o *models.WorkOrder) (string, error) {
	for n := 0; ; n++ {
		number := o.WorkOrderNumber
		if n > 0 {
			number = o.DisplayNumber()
		}
		number = models.Numbered(number, n)
		fixed, err := tx.FixNumber(login.ID, o, number)
		if err != nil || fixed {
			return number, err
		}
		// Another call may have told it at the same moment.
		known, err := numbersKnown(tx.DB, login, []*models.WorkOrder{o})
		if err != nil || known[o.ID] != "" {
			return known[o.ID], err
		}
	}
}

// OrderNumbered finds the order that a login means by a number: the one that it was told by it, else one that is, or ever
// was, assigned to it and bears the number, those assigned now first.
func OrderNumbered(ctx context.Context, store *models.Store, login *models.Member, number string) (*models.WorkOrder, error) {
	if number == "" {
		return nil, models.InvalidField("key2", "Name the work order.")
	}
	return numbered(store.Read(models.InAccount(ctx, login.AccountID)), login, number)
}

// OrderMeant finds the order that the Fieldproof of a login means: by our own id of it, which it was told, before the number.
func OrderMeant(ctx context.Context, store *models.Store, login *models.Member, id, number string) (*models.WorkOrder, error) {
	if id == "" {
		return OrderNumbered(ctx, store, login, number)
	}
	db := store.Read(models.InAccount(ctx, login.AccountID))
	o, err := models.One[models.WorkOrder](db.Where("id = ?", id), "work order")
	if err == nil {
		var ever bool
		if ever, err = models.EverAssigned(db, o.ID, login.ID); err == nil && (login.Sees(o) || login.MayAdd(o, ever)) {
			return o, nil
		}
	}
	if err != nil && models.KindOf(err) != models.NotFound {
		return nil, err
	}
	return OrderNumbered(ctx, store, login, number)
}

func numbered(db *gorm.DB, login *models.Member, number string) (*models.WorkOrder, error) {
	told := db.Session(&gorm.Session{NewDB: true, Context: db.Statement.Context}).Model(&models.PeerNumber{}).Select("work_order_id").
		Where("user_id = ? AND number_key = ?", login.ID, models.NumberKey(number))
	var found []*models.WorkOrder
	if err := db.Where("id IN (?)", told).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		q := db.Where("number = ?", number)
		if code, rest, coded := strings.Cut(number, "::"); coded {
			q = db.Where("(client_code = ? AND number = ?) OR number = ?", code, rest, number)
		}
		if err := q.Order("hidden, seq DESC").Limit(100).Find(&found).Error; err != nil {
			return nil, err
		}
	}
	var once *models.WorkOrder
	for _, o := range found {
		if login.Sees(o) {
			return o, nil
		}
		ever, err := models.EverAssigned(db, o.ID, login.ID)
		if err != nil {
			return nil, err
		}
		if once == nil && login.MayAdd(o, ever) {
			once = o
		}
	}
	if once == nil {
		return nil, models.Errorf(models.NotFound, "There is no work order %s for you.", number)
	}
	return once, nil
}
