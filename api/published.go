package api

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"fieldproof/activities/archives"
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
		get("/published", view, "What was published, oldest first, from a position on", s.listPublished, "after", "limit", "template"),
		stream(http.MethodGet, "/published/:id/content", view, "A published item's bytes as they were taken; ranges work", "application/octet-stream", s.publishedContent),
	}
}

// place is a place in the account's chain: behind so many items of an entry.
type place struct{ sequence, items int64 }

func (p place) text() string { return fmt.Sprintf("%d.%d", p.sequence, p.items) }

func parsePlace(text string) (place, error) {
	if text == "" {
		return place{}, nil
	}
	first, second, _ := strings.Cut(text, ".")
	sequence, err := strconv.ParseInt(first, 10, 64)
	items, err2 := strconv.ParseInt(second, 10, 64)
	if err != nil || err2 != nil || sequence < 0 || items < 0 {
		return place{}, badParameter("after", "This is no position: give one that an answer of this route had, or none to begin.")
	}
	return place{sequence, items}, nil
}

// listPublished walks the account's chain of proof, which has every publication in the sequence of their commits: who
// asks for what follows a position misses nothing.
func (s *Server) listPublished(c *call) (PublishedPage, error) {
	page := PublishedPage{Items: []PublishedItem{}}
	limit, err := c.number("limit", 200)
	if err != nil {
		return page, err
	}
	if limit < 1 || limit > 200 {
		return page, badParameter("limit", "Choose between 1 and 200.")
	}
	at, err := parsePlace(c.Query("after"))
	if err != nil {
		return page, err
	}
	template := c.Query("template")
	if err := models.CheckFolderTemplate(template); err != nil {
		return page, badParameter("template", err.Error()+".")
	}
	db := s.Store.Read(c.ctx())
	proofs := map[string]*models.Proof{}
	for {
		var entries []models.ChainEntry
		err := db.Select("sequence", "publication_id", "work_order_id").Where("kind = ? AND (sequence > ? OR (sequence = ? AND ? > 0))", models.PublicationEntry, at.sequence, at.sequence, at.items).
			Order("sequence").Limit(50).Find(&entries).Error
		if err != nil {
			return page, err
		}
		for _, e := range entries {
			before := at
			if e.Sequence != at.sequence {
				at = place{sequence: e.Sequence}
			}
			var ids []string
			err := db.Model(&models.PublicationItem{}).Where("publication_id = ?", e.PublicationID).Order("item_id").
				Offset(int(at.items)).Limit(int(limit)-len(page.Items)+1).Pluck("item_id", &ids).Error
			if err != nil {
				return page, err
			}
			proof, there := proofs[e.WorkOrderID]
			if !there {
				if proof, err = publishedOf(db, e.WorkOrderID); err != nil {
					return page, err
				}
				proofs[e.WorkOrderID] = proof
			}
			for _, id := range ids {
				if len(page.Items) == int(limit) {
					if at.items == 0 { // which would say that the entry is done
						at = before
					}
					page.Position, page.More = at.text(), true
					return page, nil
				}
				at.items++
				if item := proof.Item(id); item != nil {
					page.Items = append(page.Items, published(proof, item, e.PublicationID, template))
				}
			}
			at.items = 0 // the entry is done
		}
		if len(entries) < 50 {
			page.Position = at.text()
			return page, nil
		}
	}
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
	db := s.Store.Read(c.ctx())
	item, err := models.One[models.Item](db.Where("id = ? AND deleted_at IS NULL", c.Param("id")), "item")
	if err != nil {
		return nil, err
	}
	none := models.Errorf(models.NotFound, "There is no such published item; it may have been withdrawn.")
	proof, err := publishedOf(db, item.WorkOrderID)
	if err != nil {
		return nil, err
	}
	if proof.Item(item.ID) == nil || item.BlobKey == "" {
		return nil, none
	}
	reader, err := s.Blobs.Get(c.ctx(), item.BlobKey)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	c.serveBytes(item, reader, item.ContentType, item.SHA256, item.UUID+item.Extension())
	return nil, nil
}
