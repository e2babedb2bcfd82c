package models

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"

	"gorm.io/gorm"
)

const (
	// mostShareKeys is how many keys of another account are kept.
	mostShareKeys = 200
	// longestShareKey is how long the entry of one is: more than any that is made.
	longestShareKey = 4 << 10
)

// ShareKeysOf are the keys of an account as it introduces itself by them, oldest first. Its chain begins when it has none.
func (tx *Tx) ShareKeysOf(accountID string) ([]ShareKey, error) {
	if _, _, err := tx.chain(accountID); err != nil {
		return nil, err
	}
	return shareKeys(tx.DB, accountID)
}

func shareKeys(db *gorm.DB, accountID string) ([]ShareKey, error) {
	var entries []ChainEntry
	if err := db.Where("account_id = ? AND kind = ?", accountID, KeyEntry).Order("sequence").Find(&entries).Error; err != nil {
		return nil, err
	}
	keys := make([]ShareKey, len(entries))
	for i, e := range entries {
		keys[i] = ShareKey{Header: e.Header(), Manifest: e.Manifest, Signature: e.Signature}
		if err := keys[i].read(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// read takes the key out of its entry.
func (k *ShareKey) read() error {
	var m KeyManifest
	if err := json.Unmarshal([]byte(k.Manifest), &m); err != nil {
		return errors.New("a key's manifest can't be read")
	}
	public, err := base64.StdEncoding.DecodeString(m.Public)
	if err != nil || len(public) != ed25519.PublicKeySize || KeyID(public) != m.KeyID {
		return errors.New("a key's manifest names no Ed25519 key, or another than it holds")
	}
	e, err := ParseHeader(k.Header)
	if err != nil || e.Kind != KeyEntry || e.ManifestHash != hashText(k.Manifest) {
		return errors.New("a key's entry is none of a chain, or is about another manifest")
	}
	k.ID, k.Public = m.KeyID, m.Public
	return nil
}

// introducedBy tells whether the entry of the key was signed by another: by the one before it, or by itself for the first.
func (k *ShareKey) introducedBy(by *ShareKey) bool {
	e, err := ParseHeader(k.Header)
	if err != nil || e.KeyID != by.ID {
		return false
	}
	public, err := base64.StdEncoding.DecodeString(by.Public)
	if err != nil {
		return false
	}
	signature, err := base64.StdEncoding.DecodeString(k.Signature)
	return err == nil && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, []byte(k.Header), signature)
}

// ReadShareKeys reads the key entries by which another account introduces itself. Nothing of what they say of themselves but
// their signed parts is believed.
func ReadShareKeys(text []byte) ([]ShareKey, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var keys []ShareKey
	if err := json.Unmarshal(text, &keys); err != nil || len(keys) > mostShareKeys {
		return nil, InvalidField("keys", "These are no key entries of a chain.")
	}
	for i := range keys {
		if len(keys[i].Header)+len(keys[i].Manifest)+len(keys[i].Signature) > longestShareKey {
			return nil, InvalidField("keys", "A key's entry is longer than %d bytes.", longestShareKey)
		}
		if err := keys[i].read(); err != nil {
			return nil, InvalidField("keys", "%s.", err)
		}
	}
	return keys, nil
}

// FollowKeys takes the keys that the other account of the link introduces: all when the link knows none, else those that a
// pinned one introduced, over any number of rotations. What nobody introduced waits for an admin, and so does what is more than
// is kept: whoever makes keys without end has none of them followed.
func (l *ShareLink) FollowKeys(keys []ShareKey) {
	if len(l.PeerKeys) == 0 {
		l.PeerKeys = keys
		return
	}
	var strange []ShareKey
	for _, k := range keys {
		if l.KnowsKey(k.ID) {
			continue
		}
		if len(l.PeerKeys) < mostShareKeys && slices.ContainsFunc(l.PeerKeys, func(by ShareKey) bool { return k.introducedBy(&by) }) {
			l.PeerKeys = append(l.PeerKeys, k)
			continue
		}
		strange = append(strange, k)
	}
	l.Offered.Keys = strange
}
