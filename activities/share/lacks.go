package share

import (
	"context"
	"errors"
	"strconv"
	"time"

	"fieldproof/activities/attempts"
	"fieldproof/models"
	"fieldproof/peers"
	"fieldproof/wire"
)

// there tells whether the other side has an item already that was tried before, so that its bytes need not go again. It is
// asked about all that were tried with it, a thousand at a time, and what it holds is noted.
func (s *sending) there(ctx context.Context, m *models.ClientMessage) (bool, error) {
	if m.Kind != models.ClientItem || m.Attempts == 0 || !s.link.Fieldproof {
		return false, nil
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	if !s.asked[m.ID] {
		if err := s.ask(ctx, m); err != nil {
			return false, err
		}
	}
	return s.holds[m.ID], nil
}

// ask asks which of the items that were tried before the other side lacks. Who does not say gets the bytes.
func (s *sending) ask(ctx context.Context, m *models.ClientMessage) error {
	var some []*models.ClientMessage
	err := s.waiting(ctx).Where("kind = ? AND attempts > 0 AND id <> ?", models.ClientItem, m.ID).Order("seq").Limit(peers.MostHeld - 1).Find(&some).Error
	if err != nil {
		return err
	}
	some = append(some, m)
	ids := make([]string, len(some))
	for n, w := range some {
		ids[n] = w.ItemID
	}
	var items []*models.Item
	if err := s.Store.Read(ctx).Where("id IN ?", ids).Find(&items).Error; err != nil {
		return err
	}
	byID := map[string]*models.Item{}
	for _, i := range items {
		byID[i.ID] = i
	}
	var held []wire.Held
	var about []*models.ClientMessage
	for _, w := range some {
		s.asked[w.ID] = true
		if i := byID[w.ItemID]; i != nil && i.BlobKey != "" {
			held = append(held, wire.Held{UUID: i.UUID, SHA256: i.ContentHash(), Revision: strconv.FormatInt(w.Revision, 10)})
			about = append(about, w)
		}
	}
	if len(held) == 0 {
		return nil
	}
	lacking, err := s.peer.Lacks(ctx, held)
	if err != nil {
		return ctx.Err()
	}
	lacks := map[string]bool{}
	for _, uuid := range lacking {
		lacks[models.UUIDKey(uuid)] = true
	}
	for n, w := range about {
		if lacks[models.UUIDKey(held[n].UUID)] {
			continue
		}
		s.holds[w.ID] = true
		if err := s.arrived(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// arrived notes that a message has arrived, although its answer was lost.
func (s *sending) arrived(ctx context.Context, m *models.ClientMessage) error {
	use := attempts.Use[models.ClientMessage, *models.ClientMessage]{Policy: models.SharePolicy, Alert: s.alert}
	o := attempts.Outcome{At: models.Now(), Request: m.Kind + " " + m.ItemID, Answer: "They have it already: only the answer was lost."}
	o.Took = time.Since(o.At.Time)
	err := s.Store.Write(ctx, func(tx *models.Tx) error {
		if err := use.Keep(tx, attempts.Try[models.ClientMessage, *models.ClientMessage]{Row: m, Outcome: o}); err != nil {
			return err
		}
		if m.DeliveryID != nil {
			return tx.Announce(m.AccountID, "delivery."+m.State, *m.DeliveryID, m.WorkOrderID)
		}
		return nil
	})
	return errors.Join(err, ctx.Err())
}

// introduceKey tells the other side the keys of our chain again where there may be one that it does not know: statements
// signed by it would be nobody's word there.
func (s *sending) introduceKey(ctx context.Context, m *models.ClientMessage) error {
	if m.Kind != models.ClientItem || !s.link.Fieldproof {
		return nil
	}
	c, err := models.One[models.Chain](s.Store.Read(ctx).Where("account_id = ?", m.AccountID), "chain")
	if models.KindOf(err) == models.NotFound {
		return nil // it begins with the first statement, and the keys follow
	}
	if err != nil {
		return err
	}
	s.asking.Lock()
	defer s.asking.Unlock()
	if known, told := s.introduced.Load(s.id); told && known == c.KeyID {
		return nil
	}
	if err := s.introduce(ctx); err != nil {
		if attempts.IsOurs(err) {
			return err
		}
		return ctx.Err() // the statement is judged once the key is known
	}
	s.introduced.Store(s.id, c.KeyID)
	return nil
}
