package models

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// The kinds of chain entry.
const (
	PublicationEntry = "publication" // what one publication released
	KeyEntry         = "key"         // a signing key begins; the one before it signs
)

// NoHead is what the first entry of a chain has before it.
const NoHead = "0000000000000000000000000000000000000000000000000000000000000000"

// ChainEntry is one link of an account's chain of proof: the hash of a manifest, signed, with the head of the entry
// before it. Whoever holds one head can tell whether anything up to it was changed since.
type ChainEntry struct {
	AccountID     string `gorm:"primaryKey"`
	Sequence      int64  `gorm:"primaryKey;autoIncrement:false"` // counts the entries of an account from 1
	Kind          string
	WorkOrderID   string
	PublicationID string
	Manifest      string // JSON, byte for byte as it was hashed: an [EntryManifest] or a [KeyManifest]
	ManifestHash  string // SHA-256, lower-case hex
	Previous      string // the head before, [NoHead] for the first
	SignedAt      Time
	KeyID         string
	Signature     string // Ed25519 over [ChainEntry.Header], Base64
	Head          string // see [ChainEntry.HeadOf]
	Stamp         string // an RFC 3161 time-stamp token over the head, DER in Base64; "" without one
}

// Header is the text that is signed: one line a field, each ended by a line feed.
func (e *ChainEntry) Header() string {
	return fmt.Sprintf("fieldproof chain 1\naccount: %s\nsequence: %d\nkind: %s\nmanifest: %s\nprevious: %s\nsigned-at: %s\nkey: %s\n",
		e.AccountID, e.Sequence, e.Kind, e.ManifestHash, e.Previous, e.SignedAt.UTC().Format(time.RFC3339Nano), e.KeyID)
}

// ParseHeader reads what [ChainEntry.Header] wrote.
func ParseHeader(header string) (*ChainEntry, error) {
	e := &ChainEntry{}
	wrong := errors.New("it is no header of a chain entry")
	lines := strings.Split(header, "\n")
	names := []string{"account: ", "sequence: ", "kind: ", "manifest: ", "previous: ", "signed-at: ", "key: "}
	if len(lines) != len(names)+2 || lines[0] != "fieldproof chain 1" || lines[len(lines)-1] != "" {
		return nil, wrong
	}
	values := make([]string, len(names))
	for i, name := range names {
		value, ok := strings.CutPrefix(lines[i+1], name)
		if !ok {
			return nil, wrong
		}
		values[i] = value
	}
	sequence, err := strconv.ParseInt(values[1], 10, 64)
	if err != nil {
		return nil, wrong
	}
	at, err := time.Parse(time.RFC3339Nano, values[5])
	if err != nil {
		return nil, wrong
	}
	e.AccountID, e.Sequence, e.Kind, e.ManifestHash, e.Previous, e.SignedAt, e.KeyID = values[0], sequence, values[2], values[3], values[4], At(at), values[6]
	if e.Header() != header {
		return nil, wrong
	}
	return e, nil
}

// HeadOf is the head of the chain at the entry: SHA-256 over header and signature bytes, in hex.
func (e *ChainEntry) HeadOf() (string, error) {
	signature, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil {
		return "", errors.New("the signature is no Base64")
	}
	sum := sha256.Sum256(append([]byte(e.Header()), signature...))
	return hex.EncodeToString(sum[:]), nil
}

// SigningKey is a public key of an account.
type SigningKey struct {
	AccountID string `gorm:"primaryKey" json:"-"`
	ID        string `gorm:"primaryKey" json:"id"` // see [KeyID]
	Public    string `json:"public_key"`           // Ed25519, 32 bytes in Base64
	CreatedAt Time   `json:"created_at"`
	RetiredAt *Time  `json:"retired_at"`
}

// KeyID names a public key by the first 16 bytes of its SHA-256, in hex.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:16])
}

// Chain is where an account's chain stands.
type Chain struct {
	AccountID     string `gorm:"primaryKey"`
	Sequence      int64
	Head          string
	KeyID         string
	SignedAt      Time
	Secrets       string // sealed: [ChainSecrets]
	Stamped       int64  // the last entry that has a time stamp
	StampDueAt    *Time
	StampFailures int64
}

// ChainSecrets are kept sealed.
type ChainSecrets struct {
	Seed []byte `json:"seed"` // of the Ed25519 key
	Code []byte `json:"code"` // of the codes that open originals on the verification page
}

// ProofHead is a head as it goes out with everything: whoever keeps one can check the chain against it.
type ProofHead struct {
	Account  string `json:"account"`
	Sequence int64  `json:"sequence"`
	Head     string `json:"head"`
	KeyID    string `json:"key"`
	SignedAt Time   `json:"signed_at"`
}

// Text is a head in one line, as it is printed: sequence, colon, hash.
func (h *ProofHead) Text() string { return fmt.Sprintf("%d:%s", h.Sequence, h.Head) }

func (e *ChainEntry) proofHead() *ProofHead {
	return &ProofHead{Account: e.AccountID, Sequence: e.Sequence, Head: e.Head, KeyID: e.KeyID, SignedAt: e.SignedAt}
}

// KeyManifest is the manifest of a [KeyEntry].
type KeyManifest struct {
	KeyID  string `json:"key"`
	Public string `json:"public_key"`
}

// EntryManifest is the manifest of a [PublicationEntry]: it commits to what was released by the root of a [Tree], so that a
// part can be proved without the rest. Entries from before have a list instead, which names everything.
type EntryManifest struct {
	Account     EntryAccount     `json:"account"`
	WorkOrder   EntryOrder       `json:"work_order"`
	Publication EntryPublication `json:"publication"`
	ItemCount   int64            `json:"item_count,omitempty"`
	ItemsRoot   string           `json:"items_root,omitempty"` // hex
	Items       []EntryItem      `json:"items,omitempty"`
}

// EntryAccount names who vouches.
type EntryAccount struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// EntryOrder names the order. Its door codes are nobody's proof.
type EntryOrder struct {
	ID      string  `json:"id"`
	Number  string  `json:"number"` // as shown, with the client code
	Address Address `json:"address"`
}

// EntryPublication names the publication.
type EntryPublication struct {
	ID        string `json:"id"`
	Number    int64  `json:"number"`
	CreatedAt Time   `json:"created_at"`
	By        string `json:"by"`
}

// EntryItem is one released item.
type EntryItem struct {
	UUID          string        `json:"uuid"`
	Kind          ItemKind      `json:"kind"`
	Revision      int64         `json:"revision"`
	SHA256        string        `json:"sha256"` // of the bytes as taken; of the answers of a survey response
	Size          int64         `json:"size"`
	Task          string        `json:"task"`
	EvidenceType  string        `json:"evidence_type"`
	TakenAt       *Time         `json:"taken_at"`
	ReceivedAt    Time          `json:"received_at"`
	Position      Position      `json:"position"`
	Source        ItemSource    `json:"source"`
	Device        string        `json:"device,omitempty"` // of entries with a list
	Certification Certification `json:"certification"`
	UploadedBy    string        `json:"uploaded_by"`
}

// ContentHash is the SHA-256 by which an item is known: of its bytes, or of its answers when it has none.
func (i *Item) ContentHash() string {
	if i.SHA256 != "" || i.Answers == "" {
		return i.SHA256
	}
	return hashText(i.Answers)
}

// HashText is the SHA-256 of a text, in hex.
func HashText(text string) string { return hashText(text) }

func hashText(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// chain locks the account's chain; the first use begins it.
func (tx *Tx) chain(accountID string) (*Chain, *ChainSecrets, error) {
	if tx.store.Sealer == nil {
		return nil, nil, errors.New("models: the store has no sealer")
	}
	c, err := One[Chain](tx.Locked().Where("account_id = ?", accountID), "chain")
	if KindOf(err) == NotFound {
		return tx.beginChain(accountID)
	}
	if err != nil {
		return nil, nil, err
	}
	var secrets ChainSecrets
	return c, &secrets, tx.store.Sealer.Open("chain/"+accountID, c.Secrets, &secrets)
}

func (tx *Tx) beginChain(accountID string) (*Chain, *ChainSecrets, error) {
	secrets := &ChainSecrets{Seed: make([]byte, ed25519.SeedSize), Code: make([]byte, 32)}
	_, _ = rand.Read(secrets.Seed)
	_, _ = rand.Read(secrets.Code)
	c := &Chain{AccountID: accountID, Head: NoHead, SignedAt: Now()}
	sealed, err := tx.store.Sealer.Seal("chain/"+accountID, secrets)
	if err != nil {
		return nil, nil, err
	}
	c.Secrets = sealed
	made := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(c)
	if made.Error != nil {
		return nil, nil, made.Error
	}
	if made.RowsAffected == 0 { // another order's first publication began it meanwhile
		return tx.chain(accountID)
	}
	return c, secrets, tx.introduce(c, secrets, secrets)
}

// introduce chains the key of next, signed by that of by; from then on next signs.
func (tx *Tx) introduce(c *Chain, by, next *ChainSecrets) error {
	public := ed25519.NewKeyFromSeed(next.Seed).Public().(ed25519.PublicKey)
	key := SigningKey{AccountID: c.AccountID, ID: KeyID(public), Public: base64.StdEncoding.EncodeToString(public), CreatedAt: Now()}
	if err := tx.Create(&key).Error; err != nil {
		return err
	}
	if _, err := tx.append(c, by, &ChainEntry{Kind: KeyEntry}, KeyManifest{KeyID: key.ID, Public: key.Public}); err != nil {
		return err
	}
	c.KeyID = key.ID
	return tx.Model(c).Select("key_id").Updates(c).Error
}

// append signs a manifest as the next entry of the chain.
func (tx *Tx) append(c *Chain, secrets *ChainSecrets, e *ChainEntry, manifest any) (*ChainEntry, error) {
	text, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(secrets.Seed)
	at := Now()
	if at.Before(c.SignedAt.Time) {
		at = c.SignedAt // a clock that was set back never makes the chain look backdated
	}
	e.AccountID, e.Sequence, e.Previous, e.SignedAt = c.AccountID, c.Sequence+1, c.Head, at
	e.Manifest, e.ManifestHash = string(text), hashText(string(text))
	e.KeyID = KeyID(private.Public().(ed25519.PublicKey))
	e.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(e.Header())))
	if e.Head, err = e.HeadOf(); err != nil {
		return nil, err
	}
	if err := tx.Create(e).Error; err != nil {
		return nil, err
	}
	now := Now()
	c.Sequence, c.Head, c.SignedAt, c.StampDueAt = e.Sequence, e.Head, at, &now
	return e, tx.Model(c).Select("sequence", "head", "signed_at", "stamp_due_at").Updates(c).Error
}

// prove signs what a publication releases, as the next entry of the account's chain, and returns the leaves of the items.
func (tx *Tx) prove(o *WorkOrder, p *Publication, by string, items []*Item, taskNames map[string]string) (*ProofHead, []string, error) {
	account, err := One[Account](tx.Where("id = ?", o.AccountID), "account")
	if err != nil {
		return nil, nil, err
	}
	var uploaders []string
	for _, i := range items {
		uploaders = append(uploaders, i.UploadedBy)
	}
	users, err := Usernames(tx.DB, uploaders)
	if err != nil {
		return nil, nil, err
	}
	m := EntryManifest{Account: EntryAccount{account.ID, account.Name}, WorkOrder: EntryOrder{o.ID, o.DisplayNumber(), o.Address},
		Publication: EntryPublication{p.ID, p.Number, p.CreatedAt, by}, ItemCount: int64(len(items))}
	leaves := make([]string, len(items))
	for n, i := range items {
		e := EntryItem{UUID: i.UUID, Kind: i.Kind, Revision: i.Revision, SHA256: i.ContentHash(), Size: i.Size, EvidenceType: i.EvidenceType, TakenAt: i.TakenAt,
			ReceivedAt: i.ReceivedAt, Position: i.Position, Source: i.Source, Certification: i.Certification, UploadedBy: users[i.UploadedBy]}
		if i.TaskID != nil {
			e.Task = taskNames[*i.TaskID]
		}
		if leaves[n], err = newLeaf(e); err != nil {
			return nil, nil, err
		}
	}
	m.ItemsRoot = NewTree(leaves).Root
	c, secrets, err := tx.chain(o.AccountID)
	if err != nil {
		return nil, nil, err
	}
	entry, err := tx.append(c, secrets, &ChainEntry{Kind: PublicationEntry, WorkOrderID: o.ID, PublicationID: p.ID}, m)
	if err != nil {
		return nil, nil, err
	}
	return entry.proofHead(), leaves, nil
}

// RotateKey gives the account a new signing key. The old one signs its introduction, so that who trusts the old one
// can follow, and is then destroyed; what it signed stays valid.
func (tx *Tx) RotateKey(accountID string) (*SigningKey, error) {
	c, old, err := tx.chain(accountID)
	if err != nil {
		return nil, err
	}
	next := &ChainSecrets{Seed: make([]byte, ed25519.SeedSize), Code: old.Code}
	_, _ = rand.Read(next.Seed)
	if err := tx.Model(&SigningKey{}).Where("account_id = ? AND id = ?", accountID, c.KeyID).Update("retired_at", Now()).Error; err != nil {
		return nil, err
	}
	if err := tx.introduce(c, old, next); err != nil {
		return nil, err
	}
	if c.Secrets, err = tx.store.Sealer.Seal("chain/"+accountID, next); err != nil {
		return nil, err
	}
	if err := tx.Model(c).Select("secrets").Updates(c).Error; err != nil {
		return nil, err
	}
	return One[SigningKey](tx.Where("account_id = ? AND id = ?", accountID, c.KeyID), "key")
}

// headOf is where the account's chain stands, nil before it has begun.
func headOf(db *gorm.DB, accountID string) (*ProofHead, error) {
	c, err := One[Chain](db.Where("account_id = ?", accountID), "chain")
	if KindOf(err) == NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &ProofHead{Account: c.AccountID, Sequence: c.Sequence, Head: c.Head, KeyID: c.KeyID, SignedAt: c.SignedAt}, nil
}

// Head is where the account's chain stands, nil before it has begun.
func (s *Store) Head(ctx context.Context, accountID string) (*ProofHead, error) {
	return headOf(s.Read(ctx), accountID)
}

// Signer signs for an account, and makes the codes of its verification pages.
type Signer struct {
	Head   ProofHead // where the chain stood
	public string
	key    ed25519.PrivateKey
	code   []byte
}

// Signer opens the account's key; the account's chain begins when it has none.
func (s *Store) Signer(ctx context.Context, accountID string) (*Signer, error) {
	if s.Sealer == nil {
		return nil, errors.New("models: the store has no sealer")
	}
	var secrets ChainSecrets
	c, err := One[Chain](s.Read(ctx).Where("account_id = ?", accountID), "chain")
	switch {
	case KindOf(err) == NotFound:
		err = s.Write(ctx, func(tx *Tx) error {
			var opened *ChainSecrets
			var err error
			if c, opened, err = tx.chain(accountID); err == nil {
				secrets = *opened
			}
			return err
		})
		if IsUnique(err) { // somebody began it at the same moment
			return s.Signer(ctx, accountID)
		}
	case err == nil:
		err = s.Sealer.Open("chain/"+accountID, c.Secrets, &secrets)
	}
	if err != nil {
		return nil, err
	}
	key := ed25519.NewKeyFromSeed(secrets.Seed)
	return &Signer{Head: ProofHead{Account: c.AccountID, Sequence: c.Sequence, Head: c.Head, KeyID: c.KeyID, SignedAt: c.SignedAt},
		public: base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), key: key, code: secrets.Code}, nil
}

// Signature is a detached Ed25519 signature with the key that made it.
type Signature struct {
	Algorithm string `json:"algorithm"`
	KeyID     string `json:"key"`
	Public    string `json:"public_key"`
	Value     string `json:"value"` // Base64
}

// Sign signs b.
func (s *Signer) Sign(b []byte) Signature {
	return Signature{Algorithm: "Ed25519", KeyID: KeyID(s.key.Public().(ed25519.PublicKey)), Public: s.public, Value: base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, b))}
}

// Code opens the original of one item of the account on its verification page. It can't be guessed, and names exactly
// this item.
func (s *Signer) Code(itemID string) string {
	mac := hmac.New(sha256.New, s.code)
	mac.Write([]byte("verify/" + itemID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// Opens tells whether code is that of an item.
func (s *Signer) Opens(itemID, code string) bool {
	return subtle.ConstantTimeCompare([]byte(s.Code(itemID)), []byte(code)) == 1
}

// LinkCode is the code of an item on a secure link: it dies when the link is revoked, and not when it merely ends, because
// it stands in reports that were printed.
func (s *Signer) LinkCode(linkID, itemID string) string {
	mac := hmac.New(sha256.New, s.code)
	mac.Write([]byte("verify/" + linkID + "/" + itemID))
	return linkID + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// OpensByLink tells whether code is that of an item on a link.
func (s *Signer) OpensByLink(linkID, itemID, code string) bool {
	return subtle.ConstantTimeCompare([]byte(s.LinkCode(linkID, itemID)), []byte(code)) == 1
}
