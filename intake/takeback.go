package intake

import (
	"context"
	"strings"

	"fieldproof/models"
)

// ComesBack is an item of the account's own that the other side of a Share link still has, and the account has lost: it was
// restored from a backup.
type ComesBack struct {
	NewItem
	Task      string // the name of its task
	Revision  int64
	Withdrawn bool
	Link      *models.ShareLink
	Statement models.Statement // that went with it; without a text none did
}

// TakeBack takes an item back as it was: with its uuid and its bytes, and as received when it was first. It is known to be
// released, and to be at the other side. False when the account has it, or when its uuid is another's by now.
func (in *Intake) TakeBack(ctx context.Context, c ComesBack, b *Bytes) (made bool, err error) {
	defer func() {
		if refused := models.KindOf(err) != ""; refused || (err == nil && !made) {
			in.Discard(ctx, b)
		}
	}()
	c.EvidenceType, c.Source = strings.ToLower(strings.TrimSpace(c.EvidenceType)), models.FromShare
	var problems models.Problems
	c.check(&problems)
	if b != nil && c.SHA256 != "" && !strings.EqualFold(c.SHA256, b.SHA256) {
		problems.Add("sha256", "The bytes that arrived have the hash %s: the file was damaged on its way.", b.SHA256).Code = models.CodeDamaged
	}
	if err := problems.Err(); err != nil {
		return false, err
	}
	ctx = models.InAccount(ctx, c.Link.AccountID)
	account, err := in.Store.AccountByID(ctx, c.Link.AccountID)
	if err != nil {
		return false, err
	}
	ring := false
	err = in.Store.Write(ctx, func(tx *models.Tx) error {
		made = false
		have, err := sameItem(tx.DB, c.NewItem, b)
		if err != nil || have != nil {
			return err
		}
		order, err := tx.OrderForUpdate(c.OrderID)
		if err != nil {
			return err
		}
		item, err := c.item(tx, b, account, order)
		if err != nil {
			return err
		}
		if err := tx.Create(item).Error; err != nil {
			return err
		}
		if c.Statement.Text != "" {
			if err := c.recognise(tx, item, order); err != nil {
				return err
			}
		}
		if err := tx.HeldThere(c.Link.ID, item); err != nil {
			return err
		}
		if err := tx.Announce(account.ID, models.FeedItemReceived, item.ID, order.ID); err != nil {
			return err
		}
		made = true
		if ring = !order.Lifecycle.Over(); !ring {
			if order.Lifecycle.Hidden {
				return nil
			}
			_, err := tx.NoticeItems(order)
			return err
		}
		return tx.Ring(models.OrderBell, order.ID)
	})
	if models.IsUnique(err) { // it came another way at the same moment
		made, err = false, nil
	}
	if err == nil && ring {
		in.Bells.Poke()
	}
	return made, err
}

// TakeWords takes back what was last said of an item that the account has, but as it was at its backup: task, label and notes,
// as the other side heard them, whether it was withdrawn, and in which revision. False when something was said of it since.
func (in *Intake) TakeWords(ctx context.Context, c ComesBack) (taken bool, err error) {
	err = in.Store.Write(models.InAccount(ctx, c.Link.AccountID), func(tx *models.Tx) error {
		taken = false
		order, err := tx.OrderForUpdate(c.OrderID)
		if err != nil {
			return err
		}
		item, err := models.One[models.Item](models.OfUUID(tx.Locked().Where("work_order_id = ?", c.OrderID), c.UUID), "item")
		if models.KindOf(err) == models.NotFound || (err == nil && (item.Revision > c.Revision || (item.Revision == c.Revision && item.Withdrawn() == c.Withdrawn))) {
			return nil
		}
		if err != nil {
			return err
		}
		tasks, err := models.TasksOf(tx.DB, order.ID)
		if err != nil {
			return err
		}
		switch t := models.TaskNamed(tasks[order.ID], &models.ItemWords{Task: c.Task}); {
		case t != nil:
			item.TaskID = &t.ID
		case c.Task == "":
			item.TaskID = nil
		}
		item.EvidenceType, item.Notes, item.Revision = strings.ToLower(strings.TrimSpace(c.EvidenceType)), c.Notes, c.Revision
		reason := c.withdraw(item)
		if err := tx.Select("task_id", "evidence_type", "notes", "revision", "deleted_at", "withdrawn_at", "review", "review_reason").Updates(item).Error; err != nil {
			return err
		}
		if taken = true; reason != "" {
			e := hand{name: c.Link.Called(), news: true}.event(models.TypeUpdated)
			e.Reason, e.Details = reason, models.EventDetails{Fields: []string{"photos"}, ItemIDs: []string{item.ID}}
			if err := tx.Record(order, e); err != nil {
				return err
			}
			if err := tx.AnnounceItems(models.FeedItemChanged, item); err != nil {
				return err
			}
			if err := tx.SaveOrder(order); err != nil {
				return err
			}
		}
		return tx.HeldThere(c.Link.ID, item)
	})
	return taken, err
}

// withdraw has an item withdrawn, or not, as it was last told, and says why; "" where it is so.
func (c *ComesBack) withdraw(item *models.Item) (reason string) {
	now := models.Now()
	switch {
	case c.Withdrawn == item.Withdrawn():
		return ""
	case !c.Withdrawn:
		item.DeletedAt, item.WithdrawnAt = nil, nil
		if item.Review == models.ReviewRejected {
			item.Review, item.ReviewReason = models.ReviewApproved, "" // it was released
		}
		return string(item.Kind) + " brought back: that was told after the backup from which the account was restored"
	case item.Brought != nil:
		item.WithdrawnAt = &now // by who brought it
	default:
		item.DeletedAt = &now
	}
	return string(item.Kind) + " withdrawn again: that was told after the backup from which the account was restored"
}

// item is the row of an item that comes back.
func (c *ComesBack) item(tx *models.Tx, b *Bytes, account *models.Account, order *models.WorkOrder) (*models.Item, error) {
	tasks, err := models.TasksOf(tx.DB, order.ID)
	if err != nil {
		return nil, err
	}
	n := c.NewItem
	if t := models.TaskNamed(tasks[order.ID], &models.ItemWords{Task: c.Task}); t != nil {
		n.TaskID = t.ID
	}
	property, err := models.One[models.Property](tx.Where("id = ?", order.PropertyID), "property")
	if err != nil {
		return nil, err
	}
	if order.Latitude != nil {
		property.Latitude, property.Longitude = order.Latitude, order.Longitude
	}
	by, err := whoMade(tx, c.Link, c.Origin.Author)
	if err != nil {
		return nil, err
	}
	n.By = by
	item := newItem(n, b, account, property, nil)
	item.Revision = max(c.Revision, 1)
	item.Review = models.ReviewApproved // it was released
	if first := c.Origin.FirstReceivedAt; first != nil {
		item.ReceivedAt = *first
	}
	item.Certification = models.Certify(item.Source, item.TakenAt, item.ReceivedAt, item.Position, property, account.CertificationRadius)
	if strings.EqualFold(by.Username, c.Origin.Author) {
		item.Origin.Author, item.Origin.FirstReceivedAt = "", nil
	}
	return item, nil
}

// recognise gives the item back what the account itself signed of it. What another account signed came here once by a link, and
// is believed as then: when it comes by that again.
func (c *ComesBack) recognise(tx *models.Tx, item *models.Item, order *models.WorkOrder) error {
	account, at, err := tx.PlaceOf(order)
	if err != nil {
		return err
	}
	own, err := tx.Recognise(item, c.Statement, at, account.CertificationRadius)
	if err != nil || !own {
		return err
	}
	return tx.Save(item).Error
}

// whoMade is the user who made an item, by the name under which it was told; where they are no more, who made the link, and
// else the account's first admin.
func whoMade(tx *models.Tx, l *models.ShareLink, name string) (*models.Member, error) {
	var users []models.User
	err := tx.Where("username_key = ? OR id = ? OR role = ?", models.UsernameKey(name), l.CreatedBy, models.Admin).Order("created_at").Find(&users).Error
	if err != nil {
		return nil, err
	}
	rank := func(u *models.User) int {
		switch {
		case name != "" && u.UsernameKey == models.UsernameKey(name) && u.DeletedAt == nil:
			return 0
		case u.ID == l.CreatedBy:
			return 1
		case u.DeletedAt == nil:
			return 2
		}
		return 3
	}
	best := &models.Member{User: models.User{AccountID: l.AccountID}}
	for n := range users {
		if best.ID == "" || rank(&users[n]) < rank(&best.User) {
			best.User = users[n]
		}
	}
	return best, nil
}
