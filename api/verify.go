package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"fieldproof/models"
	"fieldproof/wording"
)

// Vouched is what the public may know of a published item (contract: /verify/{uuid}).
type Vouched struct {
	// Account, Proof and PublicKey tell whose the item is: to who has its code only, where it came from another account.
	Account       string               `json:"account,omitempty"`
	SHA256        string               `json:"sha256"`
	Kind          models.ItemKind      `json:"kind"`
	TakenAt       *models.Time         `json:"taken_at"`
	ReceivedAt    models.Time          `json:"received_at"`
	PublishedAt   models.Time          `json:"published_at"`
	Certification models.Certification `json:"certification"`
	Proof         *models.ProofHead    `json:"proof,omitempty"`
	PublicKey     string               `json:"public_key,omitempty"`
	// Original is there for who gave the item's code.
	Original string `json:"original,omitempty"`

	item    *models.Item
	account *models.Account
}

// VouchedPage is the answer of the verification page as JSON.
type VouchedPage struct {
	UUID  string    `json:"uuid"`
	Items []Vouched `json:"items"`
}

func (s *Server) verifyRoutes() []outer {
	return []outer{
		{method: http.MethodGet, path: "/verify/:uuid", id: "verifyItem", summary: "What the house vouches for about a published item", query: []string{"code"}, handle: func(g *gin.Context) {
			s.page(g, func(c *call) error { return s.verify(c, c.Param("uuid"), c.Query("code")) })
		},
			answers: append(pageProblems(), answer{status: http.StatusOK, content: []content{{media: "text/html"}, jsonOf[VouchedPage]()}})},
		{method: http.MethodGet, path: "/V/:code", id: "verifyByCode", summary: "The same, by the short code of a caption", handle: func(g *gin.Context) { s.page(g, s.verifyByCode) },
			answers: append(pageProblems(), answer{status: http.StatusOK, content: []content{{media: "text/html"}, jsonOf[VouchedPage]()}})},
		{method: http.MethodGet, path: "/verify/:uuid/original", id: "getVerifiedOriginal", summary: "A published item as it was taken, for who has its code", query: []string{"code"}, ranges: true,
			answers: append(pageProblems(), file("application/octet-stream")), handle: func(g *gin.Context) { s.page(g, s.verifiedOriginal) }},
	}
}

// vouched lists the published items with a uuid, one an account: a uuid is made on a phone and travels with what is
// shared. With a code only the one that it names.
func (s *Server) vouched(c *call, uuid, code string) ([]Vouched, error) {
	ctx := models.AcrossAccounts(c.Request.Context())
	db := s.Store.Read(ctx)
	var items []*models.Item
	err := models.OfUUID(models.PublishedItems(db), uuid).Limit(100).Find(&items).Error
	if err != nil {
		return nil, err
	}
	linkID, _, ofLink := strings.Cut(code, ".")
	var short *models.ShortCode
	if models.IsShortCode(code) {
		if short, err = models.CodeAt(db, code); err != nil && models.KindOf(err) != models.NotFound {
			return nil, err
		}
		if short != nil {
			linkID, ofLink = short.LinkID, short.LinkID != ""
		}
	}
	var link *models.Link // whose code it is
	if ofLink {
		if link, err = models.One[models.Link](db.Where("id = ? AND revoked_at IS NULL", linkID), "link"); err != nil && models.KindOf(err) != models.NotFound {
			return nil, err
		}
	}
	opens := func(signer *models.Signer, item *models.Item) bool {
		byLink := link != nil && link.Shows(item)
		switch {
		case short != nil:
			return short.ItemID == item.ID && (!ofLink || byLink)
		case ofLink:
			return byLink && signer.OpensByLink(linkID, item.ID, code)
		}
		return signer.Opens(item.ID, code)
	}
	var found []Vouched
	for _, item := range items {
		var entries []models.ChainEntry
		err := db.Select("chain_entries.*").Joins("JOIN publication_items ON publication_items.account_id = chain_entries.account_id AND publication_items.sequence = chain_entries.sequence AND publication_items.item_id = ?", item.ID).
			Joins("JOIN publications ON publications.id = publication_items.publication_id AND publications.work_order_id = ?", item.WorkOrderID).
			Where("chain_entries.account_id = ?", item.AccountID).Order("chain_entries.sequence DESC").Limit(1).Find(&entries).Error
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			continue
		}
		e := entries[0]
		account, err := s.Store.AccountByID(ctx, item.AccountID)
		if err != nil {
			return nil, err
		}
		order, err := models.One[models.WorkOrder](db.Where("id = ?", item.WorkOrderID), "work order")
		if err != nil {
			return nil, err
		}
		key, err := models.One[models.SigningKey](db.Where("account_id = ? AND id = ?", item.AccountID, e.KeyID), "key")
		if err != nil {
			return nil, err
		}
		v := Vouched{Account: account.Name, SHA256: item.ContentHash(), Kind: item.Kind, TakenAt: item.TakenAt, ReceivedAt: item.ReceivedAt, PublishedAt: e.SignedAt,
			Certification: item.Certification, PublicKey: key.Public, item: item, account: account.ToClient(order.ClientCode),
			Proof: &models.ProofHead{Account: e.AccountID, Sequence: e.Sequence, Head: e.Head, KeyID: e.KeyID, SignedAt: e.SignedAt}}
		if code != "" {
			signer, err := s.Store.Signer(models.InAccount(ctx, item.AccountID), item.AccountID)
			if err != nil {
				return nil, err
			}
			if !opens(signer, item) {
				continue
			}
			if item.BlobKey != "" {
				v.Original = item.VerifyPath() + "/original?code=" + code
			}
			return []Vouched{v}, nil
		}
		shared, err := cameByShare(db, item)
		if err != nil {
			return nil, err
		}
		if shared {
			v.Account, v.Proof, v.PublicKey = "", nil, ""
		}
		found = append(found, v)
	}
	if len(found) == 0 {
		return nil, refused(models.NotFound, "problem_verify")
	}
	return found, nil
}

// cameByShare tells whether an item came by a Share link: its uuid is known along the chain, in which only neighbours know
// each other.
func cameByShare(db *gorm.DB, item *models.Item) (bool, error) {
	if item.Source == models.FromShare {
		return true, nil
	}
	var links int64
	err := db.Model(&models.Integration{}).Joins("JOIN work_orders ON work_orders.integration_id = integrations.id").
		Where("work_orders.id = ? AND integrations.kind = ?", item.WorkOrderID, models.ShareIntegration).Count(&links).Error
	return links > 0, err
}

// verifyByCode shows the item that a short code names, as the code on the long address does.
func (s *Server) verifyByCode(c *call) error {
	unknown := refused(models.NotFound, "problem_code")
	if !models.IsShortCode(c.Param("code")) {
		return unknown
	}
	db := s.Store.Read(models.AcrossAccounts(c.Request.Context()))
	code, err := models.CodeAt(db, c.Param("code"))
	if err != nil {
		if models.KindOf(err) == models.NotFound {
			return unknown
		}
		return err
	}
	item, err := models.One[models.Item](db.Where("id = ?", code.ItemID), "item")
	if err != nil {
		return err
	}
	return s.verify(c, item.UUID, c.Param("code"))
}

func (s *Server) verify(c *call, uuid, code string) error {
	found, err := s.vouched(c, uuid, code)
	if err != nil {
		return err
	}
	page := VouchedPage{UUID: uuid, Items: found}
	if strings.Contains(c.GetHeader("Accept"), "application/json") {
		c.JSON(http.StatusOK, page)
		return nil
	}
	v := checkView{UUID: uuid}
	if len(found) != 1 || found[0].Account == "" {
		v.house = c.plain()
	} else {
		account := found[0].account
		v.house = house{R: wording.For(account), Account: account}
		if account.Colour != "" {
			v.Brand = "/pages/brand-" + strings.TrimPrefix(account.Colour, "#") + ".css"
		}
	}
	for _, one := range found {
		shown := checked{Vouched: one}
		if code != "" {
			proof, err := models.ProofWith(s.Store.Read(models.AcrossAccounts(c.Request.Context())), one.item.WorkOrderID, one.item.ID)
			if err != nil {
				return err
			}
			shown.tell(v.R, proof)
		}
		v.Items = append(v.Items, shown)
	}
	return c.html(http.StatusOK, "verify.html", v)
}

// checkView is what the check page shows.
type checkView struct {
	house
	UUID  string
	Items []checked
}

// checked is an item with what is told of it to who has its code alone.
type checked struct {
	Vouched
	Shows string // what it shows, and of which order
	Alt   string
	Place string // how far from the property it was taken, where that was measured
}

func (v *checked) tell(r *wording.Reader, p *models.Proof) {
	i := p.Item(v.item.ID)
	if i == nil { // rejected or deleted at this moment
		return
	}
	said := r.Caption(p, i, false)
	v.Shows, v.Alt = said.Alone+" "+r.Say("link_order", "number", p.Order.DisplayNumber())+".", said.Alt("")
	if v.Certification.Location != nil && i.Position.Latitude != nil {
		where := r.Where(p, i)
		if i.Position.Accuracy != nil {
			where += " (±" + r.Distance(*i.Position.Accuracy) + ")"
		}
		v.Place = r.Say("verify_location_far", "where", where, "limit", r.Distance(p.Account.CertificationRadius))
	}
}

func (s *Server) verifiedOriginal(c *call) error {
	if c.Query("code") == "" {
		return refused(models.NotFound, "problem_original")
	}
	found, err := s.vouched(c, c.Param("uuid"), c.Query("code"))
	if err != nil {
		return err
	}
	item := found[0].item
	if item.BlobKey == "" {
		return refused(models.NotFound, "problem_no_file")
	}
	reader, err := s.Blobs.Get(c.Request.Context(), item.BlobKey)
	if err != nil {
		return err
	}
	defer reader.Close()
	c.Writer = &watchedWriter{ResponseWriter: c.Writer, c: c, asked: time.Now(), still: func() error {
		_, err := s.vouched(c, c.Param("uuid"), c.Query("code"))
		return err
	}}
	c.serveBytes(item, reader, item.ContentType, item.SHA256, item.UUID+item.Extension(), true)
	return nil
}
