package models

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ShortCode is a short code that was given out: it names one item, and alone leads to it.
type ShortCode struct {
	Hash      string `gorm:"primaryKey"`
	AccountID string
	ItemID    string
	LinkID    string // the link that gave it, "" for the account's own
}

// codeLetters are 130 bits in Base32: capitals and digits, which pack well in a QR code.
const codeLetters = 26

// shortCode is the code of an item alone in an address; linkID is "" for the account's own.
func (s *Signer) shortCode(linkID, itemID string) string {
	mac := hmac.New(sha256.New, s.code)
	mac.Write([]byte("short/" + linkID + "/" + itemID))
	return base32.StdEncoding.EncodeToString(mac.Sum(nil))[:codeLetters]
}

// Codes gives out the short codes of items, by their ids. The same items always have the same codes.
func (s *Store) Codes(ctx context.Context, accountID, linkID string, items []*Item) (map[string]string, error) {
	signer, err := s.Signer(ctx, accountID)
	if err != nil {
		return nil, err
	}
	codes := make(map[string]string, len(items))
	rows := make([]ShortCode, len(items))
	for n, i := range items {
		code := signer.shortCode(linkID, i.ID)
		codes[i.ID], rows[n] = code, ShortCode{Hash: hashText(code), AccountID: accountID, ItemID: i.ID, LinkID: linkID}
	}
	for some := range slices.Chunk(rows, 500) {
		hashes := make([]string, len(some))
		for n, r := range some {
			hashes[n] = r.Hash
		}
		var known []string
		if err := s.Read(ctx).Model(&ShortCode{}).Where("hash IN ?", hashes).Pluck("hash", &known).Error; err != nil {
			return nil, err
		}
		fresh := slices.DeleteFunc(some, func(r ShortCode) bool { return slices.Contains(known, r.Hash) })
		if len(fresh) == 0 {
			continue
		}
		err := s.Write(ctx, func(tx *Tx) error { return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh).Error })
		if err != nil {
			return nil, err
		}
	}
	return codes, nil
}

// CodeAt is what a short code names, however it is cased: [NotFound] when none like it was given out.
func CodeAt(db *gorm.DB, text string) (*ShortCode, error) {
	return One[ShortCode](db.Where("hash = ?", hashText(strings.ToUpper(text))), "code")
}

// IsShortCode tells whether a text has the form of a short code.
func IsShortCode(text string) bool {
	return len(text) == codeLetters && !strings.ContainsFunc(strings.ToUpper(text), func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '7') })
}
