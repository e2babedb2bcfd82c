package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"fieldproof/archives"
	"fieldproof/models"
)

// PublishedItem is an item as it was published, for programs that mirror what is published.
type PublishedItem struct {
	ID            string `json:"id"`
	PublicationID string `json:"publication_id"`
	WorkOrderID   string `json:"work_order_id"`
	// Path is where the item belongs below the mirror's folder, of names that are safe on every system, with / between
	// them. It can change when the item is published again.
	Path        string `json:"path"`
	ContentType string `json:"content_type"`
	// HasContent tells whether GET /published/{id}/content has bytes; a check-in has none.
	HasContent bool                  `json:"has_content"`
	Metadata   archives.ManifestItem `json:"metadata"`
}

// PublishedPage is a page of what was published, oldest first.
type PublishedPage struct {
	Items []PublishedItem `json:"items"`
	// Position is where the page ends: ?after= asks for what follows, now or at any later time.
	Position string `json:"position"`
	More     bool   `json:"more"`
}

func (s *Server) publishedRoutes() []route {
	view := with(models.ViewPublications)
	return []route{
		get("/published", view, "What was published, oldest first, from a position on", s.listPublished, "after", "limit", "template").named("listPublished"),
		stream(http.MethodGet, "/published/:id/content", view, "A published item's bytes as they were taken; ranges work", "*/*", s.publishedContent).ranged(),
	}
}

// position is behind an item of an entry of the account's chain.
type position struct {
	sequence int64
	itemID   string
}

func (p position) text() string { return fmt.Sprintf("%d.%s", p.sequence, p.itemID) }

func parsePosition(text string) (position, error) {
	if text == "" {
		return position{}, nil
	}
	first, item, found := strings.Cut(text, ".")
	sequence, err := strconv.ParseInt(first, 10, 64)
	if err != nil || !found || sequence < 0 {
		return position{}, badParameter("after", "This is no position: give one that an answer of this route had, or none to begin.")
	}
	return position{sequence, item}, nil
}

// listPublished walks what was published in the sequence of the account's chain of proof, which is that of the commits:
// who asks for what follows a position misses nothing.
func (s *Server) listPublished(c *call) (PublishedPage, error) {
	page := PublishedPage{Items: []PublishedItem{}}
	limit, err := c.number("limit", 200)
	if err != nil {
		return page, err
	}
	if limit < 1 || limit > 200 {
		return page, badParameter("limit", "Choose between 1 and 200.")
	}
	at, err := parsePosition(c.Query("after"))
	if err != nil {
		return page, err
	}
	template := c.Query("template")
	if err := models.CheckFolderTemplate(template); err != nil {
		return page, badParameter("template", err.Error()+".")
	}
	db := s.Store.Read(c.ctx())
	var rows []struct {
		PublicationID, ItemID, WorkOrderID string
		Sequence                           int64
	}
	err = db.Model(&models.PublicationItem{}).Select("publication_items.publication_id, publication_items.item_id, publication_items.sequence, publications.work_order_id").
		Joins("JOIN publications ON publications.id = publication_items.publication_id").
		Where("publication_items.account_id = ? AND publication_items.sequence > 0 AND (publication_items.sequence, publication_items.item_id) > (?, ?)", c.member.AccountID, at.sequence, at.itemID).
		Order("publication_items.sequence, publication_items.item_id").Limit(int(limit) + 1).Scan(&rows).Error
	if err != nil {
		return page, err
	}
	proofs := map[string]*models.Proof{}
	for i, r := range rows {
		if i == int(limit) {
			page.More = true
			break
		}
		at = position{r.Sequence, r.ItemID}
		proof, there := proofs[r.WorkOrderID]
		if !there {
			if proof, err = publishedOf(db, r.WorkOrderID); err != nil {
				return page, err
			}
			proofs[r.WorkOrderID] = proof
		}
		if item := proof.Item(r.ItemID); item != nil {
			page.Items = append(page.Items, published(proof, item, r.PublicationID, template))
		}
	}
	if at != (position{}) {
		page.Position = at.text()
	}
	return page, nil
}

// publishedOf is what was published of an order; without items when the order was deleted.
func publishedOf(db *gorm.DB, orderID string) (*models.Proof, error) {
	proof, err := models.PublishedProof(db, orderID, nil)
	if err == nil && proof.Order.Lifecycle.Hidden {
		proof.Items = nil
	}
	return proof, err
}

func published(proof *models.Proof, item *models.Item, publicationID, template string) PublishedItem {
	at := proof.FolderOf(template, item) + "/" + proof.FileName(item)
	return PublishedItem{ID: item.ID, PublicationID: publicationID, WorkOrderID: item.WorkOrderID, Path: at, ContentType: item.ContentType, HasContent: item.BlobKey != "",
		Metadata: archives.Describe(proof, item, at)}
}

func (s *Server) publishedContent(c *call) (any, error) {
	item, err := models.PublishedItem(s.Store.Read(c.ctx()), c.Param("id"))
	if err != nil {
		return nil, err
	}
	if item.BlobKey == "" {
		return nil, models.Errorf(models.NotFound, "This item has no file.")
	}
	reader, err := s.Blobs.Get(c.ctx(), item.BlobKey)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	c.serveBytes(item, reader, item.ContentType, item.SHA256, item.UUID+item.Extension(), true)
	return nil, nil
}
