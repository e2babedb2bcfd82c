package models

import "context"

// MigrateDown takes the schema back to a version, for tests of what an upgrade makes of older rows.
func (s *Store) MigrateDown(ctx context.Context, version int64) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, version)
	return err
}

// ReleaseWithList publishes items as it was done before the chain's entries committed by a root.
func (tx *Tx) ReleaseWithList(o *WorkOrder, items []*Item) error {
	p := &Publication{ID: NewID(), AccountID: o.AccountID, WorkOrderID: o.ID, Number: 1, Items: int64(len(items)), CreatedAt: Now()}
	m := EntryManifest{WorkOrder: EntryOrder{ID: o.ID}, Publication: EntryPublication{ID: p.ID, Number: p.Number, CreatedAt: p.CreatedAt}}
	for _, i := range items {
		m.Items = append(m.Items, EntryItem{UUID: i.UUID, Kind: i.Kind, Revision: i.Revision, SHA256: i.ContentHash(), Size: i.Size, TakenAt: i.TakenAt, ReceivedAt: i.ReceivedAt})
	}
	c, secrets, err := tx.chain(o.AccountID)
	if err != nil {
		return err
	}
	entry, err := tx.append(c, secrets, &ChainEntry{Kind: PublicationEntry, WorkOrderID: o.ID, PublicationID: p.ID}, m)
	if err != nil {
		return err
	}
	if err := tx.Create(p).Error; err != nil {
		return err
	}
	for _, i := range items {
		if err := tx.Create(&PublicationItem{PublicationID: p.ID, ItemID: i.ID, AccountID: o.AccountID, Revision: i.Revision, Sequence: entry.Sequence}).Error; err != nil {
			return err
		}
	}
	return nil
}

// BeginChain is the chain of an account, begun where there is none.
func (tx *Tx) BeginChain(accountID string) (*Chain, error) {
	c, _, err := tx.chain(accountID)
	return c, err
}

// CloseRelay closes the order's open publication.
func (tx *Tx) CloseRelay(o *WorkOrder) error { return tx.closeRelay(o) }
