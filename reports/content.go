package reports

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"fieldproof/models"
	"fieldproof/wording"
)

// Content is what a report shows: one work order, or every visit to a property.
type Content struct {
	Account  *models.Account
	Property *models.Property // nil for the report of one order
	Visits   []Visit
	Logo     []byte // an opaque PNG, empty without one
	Layout   int    // photos a page, one of [models.ReportLayouts]
	Part     int    // counted from 1, of [Content.Parts]
	// Head is where the account's chain of proof stood, nil before it has begun.
	Head *models.ProofHead
	// Verify makes the address of an item's verification page, with the code that opens its original; nil leaves the QR codes out.
	Verify func(*models.Item) string
	// Short makes the address that stands in the QR code, where it is another than that of Verify.
	Short func(*models.Item) string
	// At is when the report was asked for.
	At models.Time
}

// Visit is one work order of a report.
type Visit struct {
	Proof   *models.Proof
	Surveys []models.FilledSurvey
}

// photosAPart is how many photos a part holds when a report has several: those above mostPhotos.
const (
	mostPhotos  = 1000
	photosAPart = 500
)

func (c *Content) photos() int {
	n := 0
	for _, v := range c.Visits {
		n += len(v.Proof.Photos())
	}
	return n
}

// words is how many bytes people wrote about the photos.
func (c *Content) words() (n int) {
	for _, v := range c.Visits {
		for _, i := range v.Proof.Items {
			n += len(i.Notes)
		}
	}
	return n
}

// Parts is in how many documents the report comes: a document of thousands of photos opens on no phone.
func (c *Content) Parts() int {
	n := c.photos()
	if n <= mostPhotos {
		return 1
	}
	return (n + photosAPart - 1) / photosAPart
}

// Number names what the report is about.
func (c *Content) Number() string {
	if c.Property != nil {
		return c.Property.Address.Line()
	}
	return c.Visits[0].Proof.Order.DisplayNumber()
}

// Title is the report's title.
func (c *Content) Title() string {
	says := wording.For(c.Account)
	if c.Property != nil {
		return says.Say("pdf_property_report") + ", " + c.Number()
	}
	return says.Say("link_order", "number", c.Number()) + ", " + c.Visits[0].Proof.Order.Address.Line()
}

// Of gathers the content of the report of one order. Publication is the one whose proof the report carries; nil: the
// chain as it stands.
func (r *Reports) Of(ctx context.Context, proof *models.Proof, publication *models.Publication) (*Content, error) {
	c := &Content{Account: proof.Account}
	return c, r.fill(ctx, c, []*models.Proof{proof}, publication, "")
}

// OfLink gathers the content of the report that a link shows: its codes die with the link's revocation.
func (r *Reports) OfLink(ctx context.Context, proof *models.Proof, link *models.Link) (*Content, error) {
	c := &Content{Account: proof.Account}
	return c, r.fill(ctx, c, []*models.Proof{proof}, nil, link.ID)
}

// OfProperty gathers the content of the report of a property: its visits, in the sequence in which they are given. It speaks to
// their client where they are all of one.
func (r *Reports) OfProperty(ctx context.Context, account *models.Account, property *models.Property, visits []*models.Proof) (*Content, error) {
	var codes []string
	for _, p := range visits {
		codes = append(codes, p.Order.ClientCode)
	}
	c := &Content{Account: account.ToClient(codes...), Property: property}
	return c, r.fill(ctx, c, visits, nil, "")
}

func (r *Reports) fill(ctx context.Context, c *Content, proofs []*models.Proof, publication *models.Publication, linkID string) error {
	db := r.Store.Read(ctx)
	var photos []*models.Item
	for _, p := range proofs {
		photos = append(photos, p.Photos()...)
		surveys, err := p.Surveys(db)
		if err != nil {
			return err
		}
		c.Visits = append(c.Visits, Visit{p, surveys})
	}
	c.Layout, c.Part, c.At = c.Account.ReportLayout, 1, models.Now()
	signer, err := r.Store.Signer(ctx, c.Account.ID)
	if err != nil {
		return err
	}
	code := signer.Code
	if linkID != "" {
		code = func(itemID string) string { return signer.LinkCode(linkID, itemID) }
	}
	c.Verify = func(i *models.Item) string { return r.PublicURL + i.VerifyPath() + "?code=" + code(i.ID) }
	codes, err := r.Store.Codes(ctx, c.Account.ID, linkID, photos)
	if err != nil {
		return err
	}
	c.Short = func(i *models.Item) string { return shortAddress(r.PublicURL, codes[i.ID]) }
	if publication == nil {
		c.Head = &signer.Head
	} else {
		entry, err := models.One[models.ChainEntry](db.Where("publication_id = ?", publication.ID).Order("sequence DESC"), "proof")
		switch {
		case err == nil:
			c.Head, c.At = &models.ProofHead{Account: entry.AccountID, Sequence: entry.Sequence, Head: entry.Head, KeyID: entry.KeyID, SignedAt: entry.SignedAt}, publication.CreatedAt
		case models.KindOf(err) != models.NotFound: // those published before there was a chain have none
			return err
		}
	}
	c.Logo, err = r.Media.LogoOf(ctx, c.Account)
	return err
}

// shortAddress is that of a short code, in capitals where the installation's address allows it: a QR code packs them.
func shortAddress(publicURL, code string) string {
	if u, err := url.Parse(publicURL); err == nil && strings.Trim(u.Path, "/") == "" {
		publicURL = strings.ToUpper(publicURL)
	}
	return publicURL + "/V/" + code
}

// Choose sets layout and part as an address asks for them; 0 leaves what is set. [models.Malformed] for what there is not.
func (c *Content) Choose(layout, part int) error {
	if layout != 0 && !slices.Contains(models.ReportLayouts, layout) {
		return malformed("layout", "Choose 2, 4, 6 or 12 photos a page.")
	}
	if part < 0 || part > c.Parts() {
		return malformed("part", fmt.Sprintf("The report has the parts 1 to %d.", c.Parts()))
	}
	c.Layout, c.Part = cmp.Or(layout, c.Layout), cmp.Or(part, c.Part)
	return nil
}

func malformed(name, message string) error {
	return &models.Error{Kind: models.Malformed, Message: "A parameter of the address can't be taken.", Fields: []models.FieldError{{Field: name, Message: message}}}
}
