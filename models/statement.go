package models

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Statement is what the account whose phone delivered an item says of it, signed with its key (contract: between two
// Fieldproofs). It is made when the item first leaves that account, and travels over every hop as it is.
type Statement struct {
	ItemID    string `gorm:"primaryKey"`
	AccountID string
	Text      string
	Signature string     // Ed25519, Base64
	PublicKey string     // Base64
	Source    ItemSource // as it says
	SaidBy    string     // the link by which it came; "" for our own
	Verified  *bool      // nil: a key that nobody introduced, or one of somebody behind the neighbour
	CreatedAt Time
}

// StatementView is a statement as the outside sees it.
type StatementView struct {
	By       *string `json:"by"` // the neighbour whose word it is, null where it was handed on
	Verified *bool   `json:"verified"`
}

// Stated is what a statement says.
type Stated struct {
	Key        string // see [KeyID]
	UUID       string
	Kind       ItemKind
	SHA256     string
	TakenAt    *Time
	ReceivedAt Time // when it first reached a server
	Position   Position
	Source     ItemSource
	Item       *bool
	Time       *bool
	SignedAt   Time
}

const (
	statementTitle = "fieldproof statement 1"
	// unsaid stands where there is nothing to say.
	unsaid = "null"
	// longestStatement is more than any that is made.
	longestStatement = 4 << 10
)

// statedLine is one line of a statement.
type statedLine struct {
	name  string
	write func(*Stated) string
	read  func(*Stated, string) error
}

// statedLines are the lines in their order.
var statedLines = []statedLine{
	{"key", func(s *Stated) string { return s.Key }, func(s *Stated, text string) error { s.Key = text; return nil }},
	{"uuid", func(s *Stated) string { return s.UUID }, func(s *Stated, text string) error { s.UUID = text; return nil }},
	{"kind", func(s *Stated) string { return string(s.Kind) }, func(s *Stated, text string) error { s.Kind = ItemKind(text); return nil }},
	{"sha256", func(s *Stated) string { return s.SHA256 }, func(s *Stated, text string) error { s.SHA256 = strings.ToLower(text); return nil }},
	{"taken-at", func(s *Stated) string { return statedTime(s.TakenAt) }, func(s *Stated, text string) (err error) { s.TakenAt, err = readStated(text, ParseTime); return err }},
	{"received-at", func(s *Stated) string { return statedTime(&s.ReceivedAt) }, func(s *Stated, text string) (err error) { s.ReceivedAt, err = ParseTime(text); return err }},
	{"latitude", func(s *Stated) string { return statedNumber(s.Position.Latitude) }, func(s *Stated, text string) (err error) {
		s.Position.Latitude, err = readStated(text, numberStated)
		return err
	}},
	{"longitude", func(s *Stated) string { return statedNumber(s.Position.Longitude) }, func(s *Stated, text string) (err error) {
		s.Position.Longitude, err = readStated(text, numberStated)
		return err
	}},
	{"accuracy", func(s *Stated) string { return statedNumber(s.Position.Accuracy) }, func(s *Stated, text string) (err error) {
		s.Position.Accuracy, err = readStated(text, numberStated)
		return err
	}},
	{"source", func(s *Stated) string { return string(s.Source) }, func(s *Stated, text string) error { s.Source = ItemSource(text); return nil }},
	{"item", func(s *Stated) string { return statedVerdict(s.Item) }, func(s *Stated, text string) (err error) {
		s.Item, err = readStated(text, strconv.ParseBool)
		return err
	}},
	{"time", func(s *Stated) string { return statedVerdict(s.Time) }, func(s *Stated, text string) (err error) {
		s.Time, err = readStated(text, strconv.ParseBool)
		return err
	}},
	{"signed-at", func(s *Stated) string { return statedTime(&s.SignedAt) }, func(s *Stated, text string) (err error) { s.SignedAt, err = ParseTime(text); return err }},
}

func statedTime(t *Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func statedNumber(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}

func statedVerdict(b *bool) string {
	if b == nil {
		return ""
	}
	return strconv.FormatBool(*b)
}

func readStated[T any](text string, read func(string) (T, error)) (*T, error) {
	if text == "" {
		return nil, nil
	}
	v, err := read(text)
	return &v, err
}

func numberStated(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err == nil && f-f != 0 {
		err = errors.New("it is no number on a map")
	}
	return f, err
}

// Text is the text that is signed: a title, then one line a thing said, each ended by a line feed.
func (s *Stated) Text() string {
	var b strings.Builder
	b.WriteString(statementTitle + "\n")
	for _, line := range statedLines {
		value := line.write(s)
		if value == "" {
			value = unsaid
		}
		b.WriteString(line.name + ": " + value + "\n")
	}
	return b.String()
}

// ParseStatement reads what [Stated.Text] wrote.
func ParseStatement(text string) (*Stated, error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(text) > longestStatement || len(lines) != len(statedLines)+1 || lines[0] != statementTitle {
		return nil, errors.New("it is no statement of an item")
	}
	s := &Stated{}
	for i, line := range statedLines {
		value, named := strings.CutPrefix(lines[i+1], line.name+":")
		if !named {
			return nil, fmt.Errorf("it lacks the line %s", line.name)
		}
		if value = strings.TrimPrefix(value, " "); value == unsaid {
			value = ""
		}
		if err := line.read(s, value); err != nil {
			return nil, fmt.Errorf("its line %s can't be read", line.name)
		}
	}
	if s.Position.Latitude == nil || s.Position.Longitude == nil {
		s.Position = Position{}
	}
	var p Problems
	if s.Position.Check(&p); p.Err() != nil {
		return nil, errors.New("its position is none")
	}
	return s, nil
}

// Read is what the statement says, if it was signed by the key beside it, and names that.
func (s *Statement) Read() (*Stated, error) {
	stated, err := ParseStatement(s.Text)
	if err != nil {
		return nil, err
	}
	public, err := base64.StdEncoding.DecodeString(s.PublicKey)
	if err != nil || len(public) != ed25519.PublicKeySize || KeyID(public) != stated.Key {
		return nil, errors.New("the key beside it is not the one that it names")
	}
	signature, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil || !ed25519.Verify(public, []byte(s.Text), signature) {
		return nil, errors.New("its signature is wrong")
	}
	return stated, nil
}

// About tells why the statement is none of an item of this uuid, kind and hash; nil when it is.
func (s *Stated) About(uuid string, kind ItemKind, sha256 string) error {
	switch {
	case UUIDKey(s.UUID) != UUIDKey(uuid):
		return fmt.Errorf("it is about another item, %s", s.UUID)
	case s.Kind != kind:
		return fmt.Errorf("it is about a %s", s.Kind)
	case s.SHA256 != sha256:
		return fmt.Errorf("it is about other bytes, SHA-256 %s", s.SHA256)
	}
	return nil
}

// StatementFor is the statement that goes with an item along a Share link. One of the account's own is made the first time,
// and never again; nil for an item that none is known of, or of which the one that came was refused.
func (tx *Tx) StatementFor(i *Item) (*Statement, error) {
	have, err := One[Statement](tx.Where("item_id = ?", i.ID), "statement")
	switch {
	case err == nil && have.Verified != nil && !*have.Verified:
		return nil, nil
	case KindOf(err) != NotFound:
		return have, err
	case i.ShareLinkID != "" || !slices.Contains(UploadSources, i.Source):
		return nil, nil // nobody's phone delivered it here
	}
	_, secrets, err := tx.chain(i.AccountID)
	if err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(secrets.Seed)
	public := private.Public().(ed25519.PublicKey)
	said := Stated{Key: KeyID(public), UUID: i.UUID, Kind: i.Kind, SHA256: i.ContentHash(), TakenAt: i.TakenAt, ReceivedAt: i.ReceivedAt, Position: i.Position,
		Source: i.Source, Item: i.Certification.Item, Time: i.Certification.Time, SignedAt: Now()}
	yes := true
	s := &Statement{ItemID: i.ID, AccountID: i.AccountID, Text: said.Text(), PublicKey: base64.StdEncoding.EncodeToString(public), Source: i.Source, Verified: &yes, CreatedAt: Now()}
	s.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(s.Text)))
	return s, tx.Create(s).Error
}

// Judge says what a statement that came by a link with an item is worth: signed by a key of the neighbour it is their word;
// by any other it was handed on. One with a wrong signature, or of something else, is refused, and why is told.
func (s *Statement) Judge(i *Item, l *ShareLink) (stated *Stated, refused error) {
	s.ItemID, s.AccountID, s.SaidBy, s.CreatedAt, s.Verified = i.ID, i.AccountID, l.ID, Now(), nil
	if len(s.Text) > longestStatement {
		s.Text = s.Text[:longestStatement]
	}
	stated, refused = s.Read()
	if refused == nil {
		refused = stated.About(i.UUID, i.Kind, i.ContentHash())
	}
	known := refused == nil && l.KnowsKey(stated.Key)
	if refused != nil || known {
		s.Verified = &known
	}
	if refused == nil {
		s.Source = stated.Source
	}
	return stated, refused
}

// Believe takes into the item what a statement of it says. The verdicts of one that verifies are the item's own, but where
// it was is judged anew, at the property where the account has it; of one that was handed on they are a claim.
func (i *Item) Believe(s *Stated, verified *bool, at *Property, radius float64) {
	switch {
	case verified != nil && !*verified:
		i.Certification.Item, i.Certification.Time = nil, nil
	case verified == nil:
		i.Certification.Item, i.Certification.Time = nil, nil
		i.Claims.Item, i.Claims.Time = s.Item, s.Time
		i.Origin.FirstReceivedAt = &s.ReceivedAt
	default:
		i.TakenAt, i.Position, i.Origin.FirstReceivedAt = s.TakenAt, s.Position, &s.ReceivedAt
		where := Certify(s.Source, s.TakenAt, s.ReceivedAt, s.Position, at, radius)
		i.Certification = Certification{Item: s.Item, Time: s.Time, Location: where.Location}
	}
}

// placed is a property with the account that judges by it.
type placed struct {
	Property Property `gorm:"embedded;embeddedPrefix:property_"`
	Account  Account  `gorm:"embedded;embeddedPrefix:account_"`
}

var placeColumns = sync.OnceValue(func() []string {
	return slices.Concat(columnsOf(&Property{}, "properties", "property_"), columnsOf(&Account{}, "accounts", "account_"))
})

// PlaceOf is the account of an order and its property as its items are judged by: at the order's own position, where that
// has one.
func (tx *Tx) PlaceOf(o *WorkOrder) (*Account, *Property, error) {
	var found placed // each photo asks this: it is one question
	err := tx.WithContext(AcrossAccounts(tx.Statement.Context)).Table("properties").Select(placeColumns()).Joins("JOIN accounts ON accounts.id = properties.account_id").
		Where("properties.id = ? AND properties.account_id = ?", o.PropertyID, o.AccountID).Take(&found).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, nil, Errorf(NotFound, "There is no such property.")
	}
	if err == nil && o.Latitude != nil {
		found.Property.Latitude, found.Property.Longitude = o.Latitude, o.Longitude
	}
	return &found.Account, &found.Property, err
}

// PropertyOf is the property of an order as its items are judged by: at the order's own position, where that has one.
func PropertyOf(db *gorm.DB, o *WorkOrder) (*Property, error) {
	property, err := One[Property](db.Where("id = ?", o.PropertyID), "property")
	if err == nil && o.Latitude != nil {
		property.Latitude, property.Longitude = o.Latitude, o.Longitude
	}
	return property, err
}

// KeepStatement keeps what came of an item by a link. What was refused before may be said rightly now; whatever else stands
// is never replaced. The caller saves the item.
func (tx *Tx) KeepStatement(i *Item, l *ShareLink, s Statement, at *Property, radius float64) error {
	have, err := One[Statement](tx.Where("item_id = ?", i.ID), "statement")
	if err == nil && (have.Verified == nil || *have.Verified || have.Text == s.Text && have.Signature == s.Signature) {
		return nil
	}
	if err != nil && KindOf(err) != NotFound {
		return err
	}
	stated, refused := s.Judge(i, l)
	i.Believe(stated, s.Verified, at, radius)
	if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&s).Error; err != nil || refused == nil {
		return err
	}
	return tx.Raise(&Alert{AccountID: i.AccountID, Kind: AlertPeerTrouble, Subject: "statement/" + i.ID, WorkOrderID: &i.WorkOrderID,
		Says: "statement_refused", Args: []any{"who", l.Called(), "uuid", i.UUID, "why", refused.Error()}})
}

// judgeAgain judges what was handed on by a link whose other side has introduced another key since.
func (tx *Tx) judgeAgain(l *ShareLink) error {
	var open []Statement
	if err := tx.Where("said_by = ? AND verified IS NULL", l.ID).Find(&open).Error; err != nil || len(open) == 0 {
		return err
	}
	for _, s := range open {
		stated, err := s.Read()
		if err != nil || !l.KnowsKey(stated.Key) {
			continue
		}
		i, err := One[Item](tx.Where("id = ?", s.ItemID), "item")
		if err != nil {
			return err
		}
		o, err := One[WorkOrder](tx.Where("id = ?", i.WorkOrderID), "work order")
		if err != nil {
			return err
		}
		account, at, err := tx.PlaceOf(o)
		if err != nil {
			return err
		}
		yes := true
		i.Believe(stated, &yes, at, account.CertificationRadius)
		if err := tx.Select("taken_at", "latitude", "longitude", "accuracy", "first_received_at", "certified_item", "certified_time", "certified_location").Updates(i).Error; err != nil {
			return err
		}
		if err := tx.Model(&Statement{}).Where("item_id = ?", s.ItemID).Update("verified", true).Error; err != nil {
			return err
		}
	}
	return nil
}

// StatementsOf are the statements of items by their ids.
func StatementsOf(db *gorm.DB, items []*Item) (map[string]*Statement, error) {
	ids := make([]string, len(items))
	for n, i := range items {
		ids[n] = i.ID
	}
	all := map[string]*Statement{}
	for some := range slices.Chunk(ids, 500) {
		var rows []*Statement
		if err := db.Where("item_id IN ?", some).Find(&rows).Error; err != nil {
			return nil, err
		}
		for _, s := range rows {
			all[s.ItemID] = s
		}
	}
	return all, nil
}

// ShowStatements gives each item what its view shows of whose word it is.
func ShowStatements(db *gorm.DB, items ...*Item) error {
	said, err := StatementsOf(db, items)
	if err != nil || len(said) == 0 {
		return err
	}
	names, err := Neighbours(db, said)
	if err != nil {
		return err
	}
	for _, i := range items {
		if s := said[i.ID]; s != nil && s.SaidBy != "" {
			i.Said = &StatementView{By: orNil(names[i.ID]), Verified: s.Verified}
		}
	}
	return nil
}

// Neighbours are the names of those whose word the statements of items are, by the items' ids; none where it was handed on.
func Neighbours(db *gorm.DB, said map[string]*Statement) (map[string]string, error) {
	links := map[string]string{}
	for _, s := range said {
		links[s.SaidBy] = ""
	}
	var ids []string
	for id := range links {
		if id != "" {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*ShareLink
	if err := db.Where("id IN ?", ids).Find(&rows).Error; err != nil {
		return nil, err
	}
	for _, l := range rows {
		links[l.ID] = l.Called()
	}
	names := map[string]string{}
	for id, s := range said {
		if s.Verified != nil && *s.Verified {
			names[id] = links[s.SaidBy]
		}
	}
	return names, nil
}

// Called is the name of the other side: its own, else that of the link.
func (l *ShareLink) Called() string {
	if l.PeerName != "" {
		return l.PeerName
	}
	return l.Name
}
