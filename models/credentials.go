package models

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/argon2id"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var sha1Hex = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)

// EndedToken is a token that somebody ended: whoever still has it is told so.
type EndedToken struct {
	TokenHash string `gorm:"primaryKey"`
	AccountID string
	UserID    string
	EndedAt   Time
}

// EndTokens ends tokens of ctx's account that q selects, and how many they were.
func (tx *Tx) EndTokens(where string, args ...any) (int64, error) {
	var tokens []Token
	if err := tx.Where(where, args...).Find(&tokens).Error; err != nil {
		return 0, err
	}
	for _, t := range tokens {
		if t.Kind != APIToken && t.Kind != LinkToken {
			continue
		}
		ended := &EndedToken{TokenHash: t.TokenHash, AccountID: t.AccountID, UserID: t.UserID, EndedAt: Now()}
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(ended).Error; err != nil {
			return 0, err
		}
	}
	done := tx.Where(where, args...).Delete(&Token{})
	return done.RowsAffected, done.Error
}

// barred says why a login whose credentials are right may not call; nil when it may.
func (u *User) barred() error {
	switch {
	case u.DeletedAt != nil:
		return Barred(LinkEnded, "The login %s was deleted: this link is over, and both sides keep what they have. Ask for a new login or an invitation.", u.Username)
	case !u.Active:
		return Barred(LinkRefused, "The login %s is switched off. Ask whoever made it to switch it on again.", u.Username)
	case u.Role != Subcontractor:
		return Barred(LinkRefused, "The login %s has the role %s, and only a %s is let in here. Ask whoever made it to give it its role back.", u.Username, u.Role, Subcontractor)
	}
	return nil
}

// PeerByToken returns the active subcontractor of a token of ours; nil when it is none, or of somebody else. To who has a
// right one a [Barred] error says why it lets nobody in: its login may not, or the token was ended.
func (s *Store) PeerByToken(ctx context.Context, username, token string) (*User, error) {
	if !strings.HasPrefix(token, "fp_") {
		return nil, nil
	}
	db := s.Read(AcrossAccounts(ctx))
	t, err := One[Token](db.Where("token_hash = ? AND kind IN ?", hashToken(token), []TokenKind{APIToken, LinkToken}), "token")
	over := false
	if KindOf(err) == NotFound {
		var ended *EndedToken
		if ended, err = One[EndedToken](db.Where("token_hash = ?", hashToken(token)), "token"); err == nil {
			over, t = true, &Token{UserID: ended.UserID}
		}
	}
	var user *User
	if err == nil {
		user, err = One[User](db.Where("id = ?", t.UserID), "user")
	}
	if KindOf(err) == NotFound || (err == nil && username != "" && UsernameKey(username) != user.UsernameKey) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := user.barred(); err != nil {
		return nil, err
	}
	if over || t.CredentialVersion != user.CredentialVersion || (t.ExpiresAt != nil && t.ExpiresAt.Before(time.Now())) {
		return nil, Barred(LinkRefused, "The token of the login %s was ended. Ask for another token or a new invitation, and give it to your integration.", user.Username)
	}
	return user, nil
}

// PeerByPassword returns the active subcontractor that credentials of the wire are good for: the SHA-1 of the password in
// hex, the password itself, or, as some peers send it, the password as token. It may be remembered for a while as long as
// the credential version stays. An [Unauthorized] error does not tell what is wrong; to who has the right ones of a login
// that was one of the wire, a [Barred] error says why it may not call. Both take as long.
func (s *Store) PeerByPassword(ctx context.Context, username, password, token string) (*User, error) {
	refused := Errorf(Unauthorized, "The username, the password or the token is wrong.")
	if username == "" {
		return nil, refused
	}
	var users []*User
	err := s.Read(AcrossAccounts(ctx)).Where("username_key = ?", UsernameKey(username)).Order("CASE WHEN deleted_at IS NULL THEN 0 ELSE 1 END, deleted_at DESC").Limit(1).Find(&users).Error
	if err != nil {
		return nil, err
	}
	user := &User{}
	if len(users) > 0 {
		user = users[0]
	}
	known := user.WireHash != "" || (user.Role == Subcontractor && user.PasswordHash != "" && user.DeletedAt == nil)
	type candidate struct{ text, hash string }
	tries := []candidate{}
	if password != "" {
		c := candidate{password, nobodysHash}
		if sha1Hex.MatchString(password) {
			c.text = strings.ToLower(password)
		}
		if known && sha1Hex.MatchString(password) && user.WireHash != "" {
			c.hash = user.WireHash
		} else if known && user.PasswordHash != "" {
			c.hash = user.PasswordHash
		}
		tries = append(tries, c)
	}
	if token != "" && !strings.HasPrefix(token, "fp_") && !slices.ContainsFunc(tries, func(c candidate) bool { return c.text == token }) {
		c := candidate{token, nobodysHash}
		if known && user.PasswordHash != "" {
			c.hash = user.PasswordHash
		}
		tries = append(tries, c)
	}
	for _, c := range tries {
		match, err := comparePassword(ctx, c.text, c.hash)
		if err != nil {
			return nil, err
		}
		if match && c.hash != nobodysHash {
			if err := user.barred(); err != nil {
				return nil, err
			}
			return user, nil
		}
	}
	return nil, refused
}

func comparePassword(ctx context.Context, text, hash string) (bool, error) {
	if err := passwordRoom.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer passwordRoom.Release(1)
	match, err := argon2id.ComparePasswordAndHash(text, hash)
	if err != nil {
		return false, fmt.Errorf("models: compare a password: %w", err)
	}
	return match, nil
}

// AssignedTo lists orders that are assigned to a user, newest first: without a time those that are not closed, with one
// those that changed since. before pages by seq; 0 is the first page.
func AssignedTo(db *gorm.DB, userID string, since *Time, before int64, limit int) ([]*WorkOrder, error) {
	// What came in as history was done long ago: nobody is told of it until it is reopened.
	q := db.Where("(assignee_id = ? OR assigned_to_all) AND NOT hidden AND NOT (imported_status <> '' AND state = ?)", userID, Closed).Order("seq DESC").Limit(limit)
	if since == nil {
		q = q.Where("state <> ?", Closed)
	} else {
		q = q.Where("updated_at >= ?", *since)
	}
	if before > 0 {
		q = q.Where("seq < ?", before)
	}
	var orders []*WorkOrder
	err := q.Find(&orders).Error
	return orders, err
}

// TakenSince lists orders that were taken from a user since a time: assigned to another, to nobody, or deleted.
func TakenSince(db *gorm.DB, userID string, since Time) ([]*WorkOrder, error) {
	assigned := db.Session(&gorm.Session{NewDB: true, Context: db.Statement.Context}).Model(&Assignment{}).Select("work_order_id").Where("user_id = ? OR user_id IS NULL", userID)
	ended := assigned.Session(&gorm.Session{}).Where("ended_at >= ?", since)
	var orders []*WorkOrder
	err := db.Where("((hidden AND updated_at >= ? AND id IN (?)) OR (NOT hidden AND id IN (?) AND NOT assigned_to_all AND (assignee_id IS NULL OR assignee_id <> ?)))", since, assigned, ended, userID).
		Order("seq DESC").Limit(10_000).Find(&orders).Error
	return orders, err
}
