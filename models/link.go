package models

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"gorm.io/gorm"
)

// Link is a secure web link: who holds its address sees what was published of one order.
type Link struct {
	ID             string `gorm:"primaryKey"`
	AccountID      string
	WorkOrderID    string
	TokenHash      string
	PasswordHash   string // "" without one
	AllowDownloads bool
	AllowComments  bool
	ItemIDs        []string `gorm:"serializer:json"` // empty: all that is published, also later
	ExpiresAt      *Time
	RevokedAt      *Time
	CreatedBy      string
	CreatedAt      Time
	Views          int64
	LastViewedAt   *Time
}

// LinkFields are what may be asked of a link (contract: links).
type LinkFields struct {
	ExpiresAt      *Time    `json:"expires_at,omitempty"`
	Password       string   `json:"password,omitempty"`
	AllowDownloads bool     `json:"allow_downloads"`
	AllowComments  bool     `json:"allow_comments"`
	ItemIDs        []string `json:"item_ids,omitempty"`
	// MailTo are addresses to which the link is mailed, with a message; never its password.
	MailTo  []string `json:"mail_to,omitempty"`
	Message string   `json:"message,omitempty"`
}

// LinkView is a link as the API shows it. URL is there in the answer to its creation only.
type LinkView struct {
	ID             string   `json:"id"`
	WorkOrderID    string   `json:"work_order_id"`
	URL            string   `json:"url,omitempty"`
	HasPassword    bool     `json:"has_password"`
	AllowDownloads bool     `json:"allow_downloads"`
	AllowComments  bool     `json:"allow_comments"`
	ItemIDs        []string `json:"item_ids"`
	ExpiresAt      *Time    `json:"expires_at"`
	RevokedAt      *Time    `json:"revoked_at"`
	CreatedBy      string   `json:"created_by"`
	CreatedByName  string   `json:"created_by_name"` // what they are called
	CreatedAt      Time     `json:"created_at"`
	Views          int64    `json:"views"`
	LastViewedAt   *Time    `json:"last_viewed_at"`
	Mailed         *bool    `json:"mailed,omitempty"` // in the answer to its creation, where it was to be mailed
}

// View makes the link's view; by is whoever made it.
func (l *Link) View(by Person, url string) LinkView {
	items := l.ItemIDs
	if items == nil {
		items = []string{}
	}
	return LinkView{ID: l.ID, WorkOrderID: l.WorkOrderID, URL: url, HasPassword: l.PasswordHash != "", AllowDownloads: l.AllowDownloads, AllowComments: l.AllowComments,
		ItemIDs: items, ExpiresAt: l.ExpiresAt, RevokedAt: l.RevokedAt, CreatedBy: by.Username, CreatedByName: by.Name, CreatedAt: l.CreatedAt, Views: l.Views, LastViewedAt: l.LastViewedAt}
}

// LinkViewRow is one look at a link.
type LinkViewRow struct {
	ID        int64  `gorm:"primaryKey;autoIncrement" json:"-"`
	AccountID string `json:"-"`
	LinkID    string `json:"-"`
	At        Time   `json:"at"`
	What      string `json:"what" words:"link_look"`
	Address   string `json:"address"`
	Agent     string `json:"agent"`
}

// TableName names the table.
func (LinkViewRow) TableName() string { return "link_views" }

// Comment is what somebody says about an order or one of its items: a client on a secure link, or the office.
type Comment struct {
	ID          string `gorm:"primaryKey" json:"id"`
	AccountID   string `json:"-"`
	WorkOrderID string `json:"work_order_id"`
	LinkID      string `json:"link_id,omitempty"` // the link on which it was made, "" by the office
	ItemID      string `json:"item_id,omitempty"`
	Author      string `json:"author"`
	Text        string `json:"text"`
	Inside      bool   `json:"inside"` // for the account alone, as notes from the field are: no link shows it
	At          Time   `json:"at"`
}

// Check returns an [Invalid] error that names each wrong field.
func (c *Comment) Check() error {
	var p Problems
	c.Author, c.Text = strings.TrimSpace(Undirected(c.Author)), strings.TrimSpace(Undirected(c.Text))
	most := 100
	if c.LinkID == "" {
		most = MostOfAName // of whoever is signed in
	}
	if !Visible(c.Author) || !OneLine(c.Author, most) {
		p.Add("author", "Give your name, of at most 100 characters.")
	}
	switch {
	case !Visible(c.Text) || utf8.RuneCountInString(c.Text) > 5000:
		p.Add("text", "Write something, of at most 5000 characters.")
	case !PlainText(c.Text):
		p.Add("text", "The text holds a character that can't be kept: write it anew.")
	}
	return p.Err()
}

// HashLinkPassword hashes the password of a link, "" for none. It takes tens of milliseconds: call it outside a transaction.
func HashLinkPassword(ctx context.Context, password string) (string, error) {
	if password == "" {
		return "", nil
	}
	return hashPassword(ctx, password)
}

// MakeLink inserts a link under a given id and returns its token, which nothing can show again.
func (tx *Tx) MakeLink(id string, o *WorkOrder, f LinkFields, passwordHash string, by string) (*Link, string, error) {
	var p Problems
	if f.ExpiresAt != nil && f.ExpiresAt.Before(time.Now()) {
		p.Add("expires_at", "The link would have expired already: give a time to come.")
	}
	if n := utf8.RuneCountInString(f.Password); n > 200 {
		p.Add("password", "At most 200 characters.")
	}
	f.checkMail(&p)
	if len(f.ItemIDs) > 5000 {
		p.Add("item_ids", "At most 5000 items.")
	}
	if err := p.Err(); err != nil {
		return nil, "", err
	}
	var have []string
	for chunk := range slices.Chunk(f.ItemIDs, 500) {
		var some []string
		if err := tx.Model(&Item{}).Where("work_order_id = ? AND deleted_at IS NULL AND id IN ?", o.ID, chunk).Pluck("id", &some).Error; err != nil {
			return nil, "", err
		}
		have = append(have, some...)
	}
	for i, item := range f.ItemIDs {
		if !slices.Contains(have, item) {
			return nil, "", InvalidField(fmt.Sprintf("item_ids[%d]", i), "The order has no item %s.", item)
		}
	}
	var raw [24]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return nil, "", err
	}
	token := base64.RawURLEncoding.EncodeToString(raw[:])
	l, err := tx.keepLink(id, token, o, f, passwordHash, by)
	return l, token, err
}

// mostMailed is to how many addresses a link is mailed.
const mostMailed = 20

func (f *LinkFields) checkMail(p *Problems) {
	if len(f.MailTo) > mostMailed {
		p.Add("mail_to", "At most %d addresses.", mostMailed)
	}
	for i, to := range f.MailTo {
		if a, err := mail.ParseAddress(to); err != nil || strings.ContainsAny(to, "\r\n") || a.Address == "" {
			p.Add(fmt.Sprintf("mail_to[%d]", i), "%q is no e-mail address.", to)
		}
	}
	if utf8.RuneCountInString(f.Message) > 5000 {
		p.Add("message", "At most 5000 characters.")
	}
	if f.Password != "" && strings.Contains(f.Message, f.Password) {
		p.Add("message", "The password is in the message: who reads the mail on its way would have both. Tell it another way.")
	}
}

// KeepLink makes sure that there is a link with a token that somebody derived: one that exists stays as it is.
func (tx *Tx) KeepLink(token string, o *WorkOrder, f LinkFields, by string) error {
	var have int64
	if err := tx.Model(&Link{}).Where("token_hash = ?", hashToken(token)).Count(&have).Error; err != nil || have > 0 {
		return err
	}
	_, err := tx.keepLink(NewID(), token, o, f, "", by)
	return err
}

func (tx *Tx) keepLink(id, token string, o *WorkOrder, f LinkFields, passwordHash, by string) (*Link, error) {
	l := &Link{ID: id, AccountID: o.AccountID, WorkOrderID: o.ID, TokenHash: hashToken(token), AllowDownloads: f.AllowDownloads, AllowComments: f.AllowComments,
		ItemIDs: f.ItemIDs, ExpiresAt: f.ExpiresAt, CreatedBy: by, CreatedAt: Now()}
	l.PasswordHash = passwordHash
	if l.ItemIDs == nil {
		l.ItemIDs = []string{}
	}
	return l, tx.Create(l).Error
}

// LinkByToken finds the link of a token: [NotFound] when there is none. With a link that was revoked or has expired comes [Gone].
func (s *Store) LinkByToken(ctx context.Context, token string) (*Link, error) {
	l, err := One[Link](s.Read(AcrossAccounts(ctx)).Where("token_hash = ?", hashToken(token)), "link")
	if err != nil {
		return nil, err
	}
	if l.RevokedAt != nil {
		return l, Errorf(Gone, "This link was revoked. Ask whoever sent it for a new one.")
	}
	if l.ExpiresAt != nil && l.ExpiresAt.Before(time.Now()) {
		return l, Errorf(Gone, "This link has expired. Ask whoever sent it for a new one.")
	}
	return l, nil
}

// Pass is what a browser keeps once it has given the link's password; another password makes another pass.
func (l *Link) Pass() string {
	mac := hmac.New(sha256.New, []byte(l.PasswordHash))
	mac.Write([]byte("link/" + l.ID))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Admits tells whether a pass lets somebody in.
func (l *Link) Admits(pass string) bool {
	return l.PasswordHash == "" || subtle.ConstantTimeCompare([]byte(l.Pass()), []byte(pass)) == 1
}

// PasswordFits compares a password.
func (l *Link) PasswordFits(ctx context.Context, password string) (bool, error) {
	if err := passwordRoom.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer passwordRoom.Release(1)
	return argon2id.ComparePasswordAndHash(password, l.PasswordHash)
}

// Looked records a look at a link; the count is of pages.
func (s *Store) Looked(ctx context.Context, l *Link, what, address, agent string) error {
	if len(agent) > 300 {
		agent = agent[:300]
	}
	return s.Write(InAccount(ctx, l.AccountID), func(tx *Tx) error {
		now := Now()
		if err := tx.Create(&LinkViewRow{AccountID: l.AccountID, LinkID: l.ID, At: now, What: what, Address: address, Agent: strings.ToValidUTF8(agent, "�")}).Error; err != nil {
			return err
		}
		if what != "page" {
			return nil
		}
		return tx.Model(&Link{}).Where("id = ?", l.ID).Updates(map[string]any{"views": gorm.Expr("views + 1"), "last_viewed_at": now}).Error
	})
}

// PublishedProof is what a link shows: the published items of its order, less those that were deleted or rejected since,
// and nothing that is only for the office or the crew. Which of them stand on top the office may choose at any time.
func PublishedProof(db *gorm.DB, orderID string, itemIDs []string) (*Proof, error) {
	p, err := ProofOf(db, orderID, &Publication{Number: 1 << 62}, ForClient)
	if err != nil {
		return nil, err
	}
	p.keyPhotos = p.Order.KeyPhotos
	if len(itemIDs) > 0 {
		p.Items = slices.DeleteFunc(p.Items, func(i *Item) bool { return !slices.Contains(itemIDs, i.ID) })
		p.showOnlyItems()
	}
	return p, nil
}

// PublishedItems narrows a query on items to what is public now: published with the order in which it lies, of one that
// is not deleted, and neither deleted nor rejected since. What was moved elsewhere is public again once it is published
// there.
func PublishedItems(db *gorm.DB) *gorm.DB {
	return db.Select("items.*").Joins("JOIN work_orders ON work_orders.id = items.work_order_id AND NOT work_orders.hidden").
		Where("items.deleted_at IS NULL AND items.review <> ?", ReviewRejected).
		Where("EXISTS (SELECT 1 FROM publication_items JOIN publications ON publications.id = publication_items.publication_id WHERE publication_items.item_id = items.id AND publications.work_order_id = items.work_order_id)")
}

// PublishedItem is an item that is public now; else [NotFound]. It costs the same however many items its order has.
func PublishedItem(db *gorm.DB, id string) (*Item, error) {
	return One[Item](PublishedItems(db).Where("items.id = ?", id), "published item")
}

// commentsShown is how many comments a link shows at most.
const commentsShown = 1000

// Comments lists what the link shows of what was said, oldest first: its holders' words and the office's, of the order as
// a whole or of an item of the proof that the link shows.
func (l *Link) Comments(db *gorm.DB, shown *Proof) ([]Comment, error) {
	items := map[string]bool{"": true}
	for _, i := range shown.Items {
		items[i.ID] = true
	}
	var comments []Comment
	for after := ""; ; {
		var some []Comment
		err := db.Where("work_order_id = ? AND (link_id = ? OR link_id = '') AND NOT inside AND id > ?", l.WorkOrderID, l.ID, after).Order("id").Limit(commentsShown).Find(&some).Error
		if err != nil {
			return nil, err
		}
		for _, c := range some {
			if items[c.ItemID] {
				comments = append(comments, c)
			}
		}
		if len(some) < commentsShown || len(comments) >= commentsShown {
			return comments[:min(len(comments), commentsShown)], nil
		}
		after = some[len(some)-1].ID
	}
}

// Shows tells whether the link shows an item of its order, when that is published.
func (l *Link) Shows(i *Item) bool {
	return i.WorkOrderID == l.WorkOrderID && (len(l.ItemIDs) == 0 || slices.Contains(l.ItemIDs, i.ID))
}
