package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// RateLimit counts what one source did in a window of time. It is a row, so that every replica counts together.
type RateLimit struct {
	ID     string `gorm:"primaryKey"`
	Count  int64
	EndsAt Time
}

// Limit is how often something may be done in a window that begins with its first time.
type Limit struct {
	Key    string
	Most   int64
	Window time.Duration
}

// errSpent takes back what a try counted.
var errSpent = errors.New("a limit is spent")

// Try counts one for each limit, all or none. wait is how long to wait when one of them is spent, and then nothing is
// counted: so what is refused by one limit wears out no other. It is called before what it limits is done, or tries at
// once would all be judged before any is counted.
func (s *Store) Try(ctx context.Context, limits ...Limit) (wait time.Duration, err error) {
	err = s.Write(ctx, func(tx *Tx) error {
		now := Now()
		for _, l := range limits {
			ends := At(now.Add(l.Window))
			err := tx.Clauses(clause.OnConflict{
				Columns: []clause.Column{{Name: "id"}},
				DoUpdates: clause.Assignments(map[string]any{
					"count":   gorm.Expr("CASE WHEN rate_limits.ends_at > ? THEN rate_limits.count + 1 ELSE 1 END", now),
					"ends_at": gorm.Expr("CASE WHEN rate_limits.ends_at > ? THEN rate_limits.ends_at ELSE ? END", now, ends),
				}),
			}).Create(&RateLimit{ID: l.Key, Count: 1, EndsAt: ends}).Error
			if err != nil {
				return err
			}
			row, err := One[RateLimit](tx.Where("id = ?", l.Key), "limit") // our own write holds it until the end
			if err != nil {
				return err
			}
			if row.Count > l.Most {
				wait = max(time.Until(row.EndsAt.Time), time.Second)
				return errSpent
			}
		}
		return nil
	})
	if errors.Is(err, errSpent) {
		return wait, nil
	}
	return 0, err
}

// TooManyTries refuses a try whose limit is spent: a [TooMany] error that says how long to wait.
func TooManyTries(wait time.Duration) *Error {
	e := Errorf(TooMany, "Too many tries: wait %d seconds.", int(math.Ceil(wait.Seconds())))
	e.Wait = wait
	return e
}

// Forgive takes a try back that was none: a right password counts for nobody.
func (s *Store) Forgive(ctx context.Context, limits ...Limit) error {
	return s.Write(ctx, func(tx *Tx) error {
		for _, l := range limits { // in the sequence in which tries take them, or two could wait for each other
			if err := tx.Model(&RateLimit{}).Where("id = ? AND count > 0 AND ends_at > ?", l.Key, Now()).Update("count", gorm.Expr("count - 1")).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// Network is what an address is counted as: an IPv4 address, or the /64 that a line is given of IPv6.
func Network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	p, _ := a.Prefix(64)
	return p.String()
}

// How many tries of passwords are judged in PasswordWindow.
const (
	PasswordWindow   = 5 * time.Minute
	triesOfBoth      = 10  // of one name from one network
	triesOfNetwork   = 50  // of any names from one network
	triesOfName      = 100 // of one name from all networks from which it never signed in
	signedInFromDays = 90
)

// SignedInFrom is a network from which a user has signed in: tries from elsewhere do not lock it out.
type SignedInFrom struct {
	UserID    string `gorm:"primaryKey"`
	Network   string `gorm:"primaryKey"`
	AccountID string
	At        Time
}

// TableName is the table of networks.
func (SignedInFrom) TableName() string { return "signed_in_from" }

// PasswordLimits are what a try of a user's password counts against. kind keeps the doors apart: login, peer.
func (s *Store) PasswordLimits(ctx context.Context, kind, name, address string) ([]Limit, error) {
	network := Network(address)
	sum := sha256.Sum256([]byte(UsernameKey(name))) // however long what was typed
	who := hex.EncodeToString(sum[:16])
	var known int64
	err := s.Read(AcrossAccounts(ctx)).Model(&SignedInFrom{}).Joins("JOIN users ON users.id = signed_in_from.user_id AND users.deleted_at IS NULL").
		Where("users.username_key = ? AND signed_in_from.network = ?", UsernameKey(name), network).Limit(1).Count(&known).Error
	return passwordLimits(kind, who, network, known > 0), err
}

// LinkPasswordLimits are what a try of a link's password counts against: the link is the name, and whoever has looked at
// its page is known there.
func (s *Store) LinkPasswordLimits(ctx context.Context, l *Link, address string) ([]Limit, error) {
	var from []string
	err := s.Read(InAccount(ctx, l.AccountID)).Model(&LinkViewRow{}).Where("link_id = ? AND what = ?", l.ID, "page").
		Distinct("address").Limit(10_000).Pluck("address", &from).Error
	network := Network(address)
	known := slices.ContainsFunc(from, func(a string) bool { return Network(a) == network })
	return passwordLimits("link", l.ID, network, known), err
}

// passwordLimits are those of who is tried from a network; known says that it got in from there before.
func passwordLimits(kind, who, network string, known bool) []Limit {
	limits := []Limit{{kind + "/" + network + "/" + who, triesOfBoth, PasswordWindow}, {kind + "/" + network, triesOfNetwork, PasswordWindow}}
	if !known {
		limits = append(limits, Limit{kind + "-name/" + who, triesOfName, PasswordWindow})
	}
	return limits
}

// RememberNetwork notes from where a user signed in.
func (tx *Tx) RememberNetwork(u *User, address string) error {
	return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "user_id"}, {Name: "network"}}, DoUpdates: clause.AssignmentColumns([]string{"at"})}).
		Create(&SignedInFrom{UserID: u.ID, AccountID: u.AccountID, Network: Network(address), At: Now()}).Error
}
