package models

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alexedwards/argon2id"
	"gorm.io/gorm"
)

var sha1Hex = regexp.MustCompile(`^[0-9a-fA-F]{40}$`)

// PeerByToken returns the active subcontractor of a token of ours; nil when it is none, or of somebody else.
func (s *Store) PeerByToken(ctx context.Context, username, token string) (*User, error) {
	if !strings.HasPrefix(token, "fp_") {
		return nil, nil
	}
	m, _, err := s.MemberByToken(ctx, token, APIToken)
	if KindOf(err) == Unauthorized {
		return nil, nil
	}
	if err != nil || m.Role != Subcontractor || (username != "" && UsernameKey(username) != m.UsernameKey) {
		return nil, err
	}
	return &m.User, nil
}

// PeerByPassword returns the active subcontractor that credentials of the wire are good for: the SHA-1 of the password in
// hex, the password itself, or, as some peers send it, the password as token. It may be remembered for a while as long as
// the credential version stays. An [Unauthorized] error does not tell what is wrong.
func (s *Store) PeerByPassword(ctx context.Context, username, password, token string) (*User, error) {
	refused := Errorf(Unauthorized, "The username, the password or the token is wrong.")
	if username == "" {
		return nil, refused
	}
	user, err := One[User](s.Read(AcrossAccounts(ctx)).Where("username_key = ? AND deleted_at IS NULL", UsernameKey(username)), "user")
	if err != nil && KindOf(err) != NotFound {
		return nil, err
	}
	good := user != nil && user.Active && user.Role == Subcontractor
	type candidate struct{ text, hash string }
	tries := []candidate{}
	if password != "" {
		c := candidate{password, nobodysHash}
		if sha1Hex.MatchString(password) {
			c.text = strings.ToLower(password)
		}
		if good && sha1Hex.MatchString(password) && user.WireHash != "" {
			c.hash = user.WireHash
		} else if good && user.PasswordHash != "" {
			c.hash = user.PasswordHash
		}
		tries = append(tries, c)
	}
	if token != "" && !strings.HasPrefix(token, "fp_") && !slices.ContainsFunc(tries, func(c candidate) bool { return c.text == token }) {
		c := candidate{token, nobodysHash}
		if good && user.PasswordHash != "" {
			c.hash = user.PasswordHash
		}
		tries = append(tries, c)
	}
	for _, c := range tries {
		match, err := comparePassword(ctx, c.text, c.hash)
		if err != nil {
			return nil, err
		}
		if match && good && c.hash != nobodysHash {
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
