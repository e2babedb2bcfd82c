package models

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/sync/semaphore"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// User is a person's login in one account, with one role. Usernames are unique over the installation.
type User struct {
	ID                string `gorm:"primaryKey" json:"id"`
	AccountID         string `json:"-"`
	Username          string `json:"username"`
	UsernameKey       string `json:"-"` // the username as it is compared: in lower case
	Name              string `json:"name"`
	Email             string `json:"email"`
	Role              string `json:"role"`
	Active            bool   `json:"active"`
	PasswordHash      string `json:"-"`
	WireHash          string `json:"-"` // argon2id over the SHA-1 hex, for subcontractors: good for /integration/v2 alone. In another role it tells them why it is not
	CredentialVersion int64  `json:"-"` // every session and token made under an older one is dead
	Own               `gorm:"embedded" json:"-"`
	CreatedAt         Time  `json:"created_at"`
	UpdatedAt         Time  `json:"updated_at"`
	DeletedAt         *Time `json:"-"`
}

// Own is what a user sets for themselves, on whatever machine they sign in.
type Own struct {
	Keys     map[string]string `gorm:"serializer:json" json:"keys"` // name of an action of the portal → its key, "" when it is off; those that are as usual are not in it
	Language *string           `json:"language" words:"language"`   // of the mails to them; null: the account's
}

// MostOfAName is of how many characters a person's full name may be.
const MostOfAName = 200

// Check returns an [Invalid] error that names each wrong field.
func (o *Own) Check() error {
	var p Problems
	if len(o.Keys) > mostKeys {
		p.Add("keys", "At most %d keys of your own.", mostKeys)
	}
	for name, key := range o.Keys {
		if !OneLine(name, 60) || !OneLine(key, 20) {
			p.Add("keys", "A name has at most 60 characters, a key 20.")
			break
		}
	}
	if o.Language != nil && !slices.Contains(Languages, *o.Language) {
		p.Add("language", "Choose %s.", strings.Join(Languages, " or "))
	}
	return p.Err()
}

const mostKeys = 300

var usernamePattern = regexp.MustCompile(`^[\pL\pN][\pL\pN._@+-]{1,63}$`)

// Check returns an [Invalid] error that names each wrong field.
func (u *User) Check() error {
	var p Problems
	if !usernamePattern.MatchString(u.Username) {
		p.Add("username", "Give a username of 2 to 64 letters, digits and . _ @ + -, beginning with a letter or digit.")
	}
	if u.Email != "" {
		if _, err := mail.ParseAddress(u.Email); err != nil {
			p.Add("email", "%q is no e-mail address.", u.Email)
		}
	}
	u.Name = Undirected(u.Name)
	switch {
	case !OneLine(u.Name, MostOfAName):
		p.Add("name", "A name has at most %d characters, in one line.", MostOfAName)
	case u.Name != "" && !Visible(u.Name):
		p.Add("name", "Nothing of the name is seen: write it anew, or leave it out.")
	}
	if u.Role == "" {
		p.Add("role", "Give the user a role, such as crew.")
	}
	return p.Err()
}

// UsernameKey returns the form in which usernames are compared.
func UsernameKey(username string) string { return strings.ToLower(strings.TrimSpace(username)) }

// passwordParams follow OWASP's advice for argon2id; hashing is limited to a few at once, because each takes its
// memory whoever asks.
var (
	passwordParams = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	passwordRoom   = semaphore.NewWeighted(4)
)

// MinPasswordLength is the least number of characters of a password.
const MinPasswordLength = 8

// CheckPassword returns an [Invalid] error when a new password can't be taken.
func CheckPassword(password string) error {
	if n := utf8.RuneCountInString(password); n < MinPasswordLength || n > 256 {
		return InvalidField("password", "Give a password of %d to 256 characters.", MinPasswordLength)
	}
	return nil
}

func hashPassword(ctx context.Context, password string) (string, error) {
	if err := passwordRoom.Acquire(ctx, 1); err != nil {
		return "", err
	}
	defer passwordRoom.Release(1)
	return argon2id.CreateHash(password, passwordParams)
}

// Password is a password as it is kept: hashed, and hashed once more as the wire carries it. See [User.SetPassword].
type Password struct{ hash, wire string }

// HashPassword checks and hashes a new password. It takes tens of milliseconds: call it outside a transaction. [Invalid]
// when it can't be taken.
func HashPassword(ctx context.Context, password string) (*Password, error) {
	if err := CheckPassword(password); err != nil {
		return nil, err
	}
	hash, err := hashPassword(ctx, password)
	if err != nil {
		return nil, fmt.Errorf("models: hash a password: %w", err)
	}
	digest := sha1.Sum([]byte(password))
	wire, err := hashPassword(ctx, hex.EncodeToString(digest[:]))
	if err != nil {
		return nil, fmt.Errorf("models: hash a wire password: %w", err)
	}
	return &Password{hash, wire}, nil
}

// SetPassword gives u a password, and ends what was signed in with the old one.
func (u *User) SetPassword(p *Password) {
	u.PasswordHash, u.WireHash = p.hash, ""
	u.CredentialVersion++
	if u.Role == Subcontractor {
		u.WireHash = p.wire
	}
}

// nobodysHash is compared when there is no such user, so that the time of the answer tells nothing.
var nobodysHash, _ = argon2id.CreateHash("nobody", passwordParams)

// UserByPassword returns the active user of that username and password, or an [Unauthorized] error that does not tell
// which of the two is wrong.
func (s *Store) UserByPassword(ctx context.Context, username, password string) (*User, error) {
	user, err := One[User](s.Read(AcrossAccounts(ctx)).Where("username_key = ? AND deleted_at IS NULL", UsernameKey(username)), "user")
	if err != nil && KindOf(err) != NotFound {
		return nil, err
	}
	hash := nobodysHash
	if user != nil && user.PasswordHash != "" {
		hash = user.PasswordHash
	}
	if err := passwordRoom.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer passwordRoom.Release(1)
	match, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return nil, fmt.Errorf("models: compare a password: %w", err)
	}
	if !match || user == nil || user.PasswordHash == "" || !user.Active {
		return nil, Errorf(Unauthorized, "The username or the password is wrong.")
	}
	return user, nil
}

// NewUser inserts a user whose password is already set. A taken username is a [Conflict], a role that the account
// lacks is [Invalid].
func (tx *Tx) NewUser(u *User) error {
	u.UsernameKey = UsernameKey(u.Username)
	u.CreatedAt, u.UpdatedAt = Now(), Now()
	if err := u.Check(); err != nil {
		return err
	}
	if err := tx.checkRole(u.Role); err != nil {
		return err
	}
	err := tx.Create(u).Error
	if IsUnique(err) {
		return &Error{Kind: Conflict, Message: fmt.Sprintf("The username %s is taken.", u.Username),
			Fields: []FieldError{{Field: "username", Message: "Choose another: usernames are unique over the whole installation.", Code: CodeUsernameTaken}}}
	}
	return err
}

// EditUser changes a user that is not deleted, as the row stands: see [Edit]. What is signed in ends with a change of
// role and with switching off. Errors: as of [Tx.NewUser], and [NotFound].
func (tx *Tx) EditUser(id string, apply func(*User) error) (*User, error) {
	user, err := Edit(tx, "user", func(u *User) error {
		before := *u
		if err := apply(u); err != nil {
			return err
		}
		u.UsernameKey, u.UpdatedAt = UsernameKey(u.Username), Now()
		if u.CredentialVersion == before.CredentialVersion && (u.Role != before.Role || (before.Active && !u.Active)) {
			u.CredentialVersion++
		}
		if err := u.Check(); err != nil {
			return err
		}
		if u.Role == before.Role {
			return nil
		}
		return tx.checkRole(u.Role)
	}, "id = ? AND deleted_at IS NULL", id)
	if IsUnique(err) {
		return nil, &Error{Kind: Conflict, Message: "The username is taken.",
			Fields: []FieldError{{Field: "username", Message: "Choose another: usernames are unique over the whole installation.", Code: CodeUsernameTaken}}}
	}
	return user, err
}

func (tx *Tx) checkRole(name string) error {
	var n int64
	if err := tx.Model(&Role{}).Where("name = ?", name).Count(&n).Error; err != nil {
		return err
	}
	if n == 0 {
		return InvalidField("role", "The account has no role %q.", name)
	}
	return nil
}

// Member is a user together with what their role lets them do.
type Member struct {
	User
	Privileges []Privilege
}

// May tells whether the member has the privilege.
func (m *Member) May(p Privilege) bool { return slices.Contains(m.Privileges, p) }

// Need refuses a member who lacks the privilege: a [Forbidden] error.
func (m *Member) Need(p Privilege) error {
	if m.May(p) {
		return nil
	}
	return Errorf(Forbidden, "Your role, %s, lacks the privilege %s. An admin can give it.", m.Role, p)
}

// Office tells whether the member works on every order of the account, not only on those assigned to them.
func (m *Member) Office() bool { return m.May(ViewAllOrders) }

// TokenKind tells what a token is for.
type TokenKind string

// The kinds of token.
const (
	SessionToken TokenKind = "session" // from signing in
	APIToken     TokenKind = "api"     // made by hand, for scripts
	InviteToken  TokenKind = "invite"  // sets a password, once
	LinkToken    TokenKind = "link"    // of a Share link: good for the services of the wire, and for nothing else
)

// Token is a secret that stands for a user. Only its hash is kept.
type Token struct {
	ID                string    `gorm:"primaryKey" json:"id"`
	AccountID         string    `json:"-"`
	UserID            string    `json:"user_id"`
	Kind              TokenKind `json:"kind"`
	Name              string    `json:"name"`
	Device            string    `json:"-"` // the phone of a session, by the id that its app made; "" for none
	TokenHash         string    `json:"-"`
	CredentialVersion int64     `json:"-"`
	CreatedAt         Time      `json:"created_at"`
	ExpiresAt         *Time     `json:"expires_at"`
}

func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// NewToken inserts a token for u and returns its secret, which nothing can show again.
func (tx *Tx) NewToken(u *User, kind TokenKind, name string, expires *Time) (*Token, string, error) {
	var raw [32]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, "", err
	}
	secret := "fp_" + base64.RawURLEncoding.EncodeToString(raw[:])
	t := &Token{ID: NewID(), AccountID: u.AccountID, UserID: u.ID, Kind: kind, Name: name, TokenHash: hashToken(secret),
		CredentialVersion: u.CredentialVersion, CreatedAt: Now(), ExpiresAt: expires}
	return t, secret, tx.Create(t).Error
}

// signedIn is a token with its user, and what their role allows.
type signedIn struct {
	Token      Token       `gorm:"embedded;embeddedPrefix:token_"`
	User       User        `gorm:"embedded;embeddedPrefix:user_"`
	Privileges []Privilege `gorm:"serializer:json"` // none where there is no such role any more
}

// signedInColumns are the columns of a signedIn, by the names that it has for them.
var signedInColumns = sync.OnceValue(func() []string {
	return slices.Concat(columnsOf(&Token{}, "tokens", "token_"), columnsOf(&User{}, "users", "user_"), []string{"roles.privileges AS privileges"})
})

// columnsOf are the columns of a row, each under a name with a prefix: one question may ask for some rows.
func columnsOf(row any, table, prefix string) []string {
	parsed, err := schema.Parse(row, &schemas, schema.NamingStrategy{})
	if err != nil {
		panic(err) // no row of ours
	}
	columns := make([]string, len(parsed.DBNames))
	for n, name := range parsed.DBNames {
		columns[n] = table + "." + name + " AS " + prefix + name
	}
	return columns
}

// schemas are the rows that columnsOf has read.
var schemas sync.Map

// MemberByToken returns who a secret stands for. User, role and token are read anew each time, so that revoking any of
// them acts at once on every replica. An [Unauthorized] error when the token is unknown, expired or dead.
func (s *Store) MemberByToken(ctx context.Context, secret string, kinds ...TokenKind) (*Member, *Token, error) {
	return memberByToken(s.Read(AcrossAccounts(ctx)), secret, kinds)
}

// MemberByToken is [Store.MemberByToken] for what is done now: the rows of user and token are held until the transaction ends,
// so that a revocation's answer comes after it.
func (tx *Tx) MemberByToken(secret string, kinds ...TokenKind) (*Member, error) {
	db := tx.WithContext(AcrossAccounts(tx.Statement.Context))
	if tx.Dialect() == Postgres {
		db = db.Clauses(clause.Locking{Strength: "SHARE", Table: clause.Table{Name: "users, tokens", Raw: true}})
	}
	member, _, err := memberByToken(db, secret, kinds)
	return member, err
}

func memberByToken(db *gorm.DB, secret string, kinds []TokenKind) (*Member, *Token, error) {
	dead := Errorf(Unauthorized, "The session is not valid any more: sign in again.")
	var found signedIn
	// Each request asks this, an upload twice: it is one question.
	err := db.Table("tokens").Select(signedInColumns()).
		Joins("JOIN users ON users.id = tokens.user_id AND users.deleted_at IS NULL").
		Joins("LEFT JOIN roles ON roles.account_id = users.account_id AND roles.name = users.role").
		Where("tokens.token_hash = ?", hashToken(secret)).Take(&found).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil, dead
	}
	if err != nil {
		return nil, nil, fmt.Errorf("models: read a token: %w", err)
	}
	token, member := &found.Token, &Member{User: found.User, Privileges: found.Privileges}
	if !slices.Contains(kinds, token.Kind) || (token.ExpiresAt != nil && token.ExpiresAt.Before(Now().Time)) ||
		member.CredentialVersion != token.CredentialVersion || !member.Active {
		return nil, nil, dead
	}
	return member, token, nil
}

// Stands refuses what a member asked for before they were switched off, deleted or given other credentials: an
// [Unauthorized] error. Their row is held until the transaction ends, so that a revocation's answer comes after it.
func (tx *Tx) Stands(m *Member) error {
	q := tx.Select("id").Where("id = ? AND deleted_at IS NULL AND active AND credential_version = ?", m.ID, m.CredentialVersion)
	if tx.Dialect() == Postgres {
		q = q.Clauses(clause.Locking{Strength: "SHARE"})
	}
	_, err := One[User](q, "user")
	if KindOf(err) == NotFound {
		return Errorf(Unauthorized, "The session is not valid any more: sign in again.")
	}
	return err
}

// Administer begins a change of who may do what in the member's account: one at a time, or two at once would each count on
// the admin whom the other takes away. It takes its locks before any other. Errors: as of [Tx.Stands].
func (tx *Tx) Administer(m *Member) error {
	q := tx.Select("id").Where("id = ?", m.AccountID)
	if tx.Dialect() == Postgres { // no stronger: whoever inserts a row of the account, its maker's row held, would wait for us, and we for them
		q = q.Clauses(clause.Locking{Strength: "NO KEY UPDATE"})
	}
	if _, err := One[Account](q, "account"); err != nil {
		return err
	}
	return tx.Stands(m)
}

// MemberByID returns an undeleted user with their privileges.
func (s *Store) MemberByID(ctx context.Context, userID string) (*Member, error) {
	return memberByID(s.Read(AcrossAccounts(ctx)), userID)
}

func memberByID(db *gorm.DB, userID string) (*Member, error) {
	user, err := One[User](db.Where("id = ? AND deleted_at IS NULL", userID), "user")
	if err != nil {
		return nil, err
	}
	role, err := One[Role](db.Where("account_id = ? AND name = ?", user.AccountID, user.Role), "role")
	if err != nil && KindOf(err) != NotFound {
		return nil, err
	}
	m := &Member{User: *user}
	if role != nil {
		m.Privileges = role.Privileges
	}
	return m, nil
}

// UserByName finds an active user of ctx's account by username, whatever its case; [NotFound] when there is none.
func (tx *Tx) UserByName(username string) (*User, error) {
	return One[User](tx.Where("username_key = ? AND deleted_at IS NULL AND active", UsernameKey(username)), "user")
}

// Called is what people call the user: by the full name, by the username only where no name is set.
func (u *User) Called() string {
	if !Visible(u.Name) {
		return u.Username
	}
	return strings.TrimSpace(u.Name)
}

// Person is how a user is known: by the username, and by what they are called, see [User.Called]. The zero Person is nobody.
type Person struct{ Username, Name string }

// People are users by their ids. Whoever is not among them is nobody.
type People map[string]Person

// Called is what a user is called, and otherwise where that is nobody: an integration, or the server itself.
func (p People) Called(id, otherwise string) string { return cmp.Or(p[id].Name, otherwise) }

// Alone are the people that the user is.
func (u *User) Alone() People { return People{u.ID: {u.Username, u.Called()}} }

// UsersOf finds whoever sent or judged some items.
func UsersOf(db *gorm.DB, items ...*Item) (People, error) {
	ids := make([]string, 0, 2*len(items))
	for _, i := range items {
		ids = append(ids, i.UploadedBy, i.ReviewedBy)
	}
	return PeopleOf(db, ids)
}

// Usernames maps the ids of users of ctx's account to their usernames. Deleted users keep theirs.
func Usernames(db *gorm.DB, ids []string) (map[string]string, error) {
	people, err := PeopleOf(db, ids)
	names := make(map[string]string, len(people))
	for id, p := range people {
		names[id] = p.Username
	}
	return names, err
}

// PeopleOfRows finds the people whom rows name, one each by who.
func PeopleOfRows[Row any](db *gorm.DB, rows []Row, who func(*Row) string) (People, error) {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = who(&rows[i])
	}
	return PeopleOf(db, ids)
}

// PeopleOf finds users of ctx's account by their ids, in one query. Deleted users are known as before.
func PeopleOf(db *gorm.DB, ids []string) (People, error) {
	people := People{}
	ids = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(ids))), func(id string) bool { return id == "" })
	if len(ids) == 0 {
		return people, nil
	}
	var users []User
	if err := db.Select("id", "username", "name").Where("id IN ?", ids).Find(&users).Error; err != nil {
		return nil, err
	}
	for _, u := range users {
		people[u.ID] = Person{u.Username, u.Called()}
	}
	return people, nil
}

// CheckDevice notes an id that no app made.
func CheckDevice(p *Problems, field, id string) {
	if !uuidPattern.MatchString(id) {
		p.Add(field, "A phone is known by an id that its app made: 8 to 100 letters, digits and . _ : -.")
	}
}
