package models

import (
	"context"
	"encoding/json"
)

// sealedColumns are where lasting secrets lie, with what binds them there. Sign-ins under way and kept outcomes of
// requests end by themselves within a day.
var sealedColumns = []struct{ table, key, column, context string }{
	{"destinations", "id", "secrets", "destination/"},
	{"integrations", "id", "secrets", "integration/"},
	{"chains", "account_id", "secrets", "chain/"},
	{"share_links", "id", "secrets", "share link/"},
	{"peer_push_keys", "user_id", "sealed", "peer push key/"},
}

// Reseal seals every lasting secret with the newest key, so that the older ones can be taken off the list a day later.
// It returns how many it sealed anew; a second call finds nothing to do.
func (s *Store) Reseal(ctx context.Context) (int, error) {
	ctx = AcrossAccounts(ctx)
	resealed := 0
	for _, c := range sealedColumns {
		after := ""
		for {
			var keys []string
			err := s.Read(ctx).Table(c.table).Where(c.key+" > ? AND "+c.column+" <> ''", after).Order(c.key).Limit(200).Pluck(c.key, &keys).Error
			if err != nil {
				return resealed, err
			}
			if len(keys) == 0 {
				break
			}
			after = keys[len(keys)-1]
			for _, key := range keys {
				changed, err := s.resealOne(ctx, c.table, c.key, c.column, key, c.context+key)
				if err != nil {
					return resealed, err
				}
				if changed {
					resealed++
				}
			}
		}
	}
	return resealed, nil
}

func (s *Store) resealOne(ctx context.Context, table, keyColumn, column, key, binding string) (changed bool, err error) {
	return changed, s.Write(ctx, func(tx *Tx) error {
		var sealed []string
		if err := tx.Locked().Table(table).Where(keyColumn+" = ?", key).Pluck(column, &sealed).Error; err != nil {
			return err
		}
		changed = false
		if len(sealed) == 0 || sealed[0] == "" || s.Sealer.newest(binding, sealed[0]) {
			return nil
		}
		var plain json.RawMessage
		if err := s.Sealer.Open(binding, sealed[0], &plain); err != nil {
			return err
		}
		fresh, err := s.Sealer.Seal(binding, plain)
		if err != nil {
			return err
		}
		changed = true
		return tx.Table(table).Where(keyColumn+" = ?", key).Update(column, fresh).Error
	})
}

// newest tells whether a value is sealed with the first key.
func (s *Sealer) newest(context, sealed string) bool {
	var plain json.RawMessage
	return (&Sealer{keys: s.keys[:1]}).Open(context, sealed, &plain) == nil
}
