// Package archives makes the ZIP of work orders: their items as they were taken, a signed manifest, and the chain of
// proof behind it; and checks such a ZIP offline.
package archives

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"path"
	"slices"

	"gorm.io/gorm"

	"fieldproof/models"
	"fieldproof/storage"
)

// The entries of an archive that are no items.
const (
	ManifestName = "manifest.json"
	ChainName    = "proof/chain.jsonl"
	ReadmeName   = "proof/README.txt"
)

// Manifest is manifest.json (contract: archive). Its last member, signature, is a [models.Signature] over every byte
// of the file before the text `,"signature":`.
type Manifest struct {
	WorkOrder   *models.WorkOrderView  `json:"work_order,omitempty"`
	Property    *models.Property       `json:"property,omitempty"`    // of the archive of a property,
	WorkOrders  []models.WorkOrderView `json:"work_orders,omitempty"` // which has several orders
	GeneratedAt models.Time            `json:"generated_at"`
	Items       []ManifestItem         `json:"items"`
	// Withdrawn are the uuids of items that were published once and are deleted or rejected since, Moved those that lie on
	// another order now: the chain still names them, the archive does not hold them.
	Withdrawn []string      `json:"withdrawn"`
	Moved     []string      `json:"moved,omitempty"`
	Proof     ManifestProof `json:"proof"`
}

// ManifestProof ties a manifest to the account's chain.
type ManifestProof struct {
	Head  *models.ProofHead   `json:"head"` // at the last publication of these orders, or a later key; null when nothing was published
	Keys  []models.SigningKey `json:"keys"`
	Chain string              `json:"chain_sha256"` // of proof/chain.jsonl
}

// ManifestItem is one item of an archive. Path is "" for an item without bytes, such as a check-in.
type ManifestItem struct {
	Path            string               `json:"path"`
	UUID            string               `json:"uuid"`
	Kind            models.ItemKind      `json:"kind"`
	WorkOrderNumber string               `json:"work_order_number"`
	SHA256          string               `json:"sha256"`
	Size            int64                `json:"size"`
	Task            string               `json:"task"`
	EvidenceType    string               `json:"evidence_type"`
	TakenAt         *models.Time         `json:"taken_at"`
	ReceivedAt      models.Time          `json:"received_at"`
	AnnouncedAt     *models.Time         `json:"announced_at,omitempty"` // when its phone first told of it
	OffsetMS        *int64               `json:"offset_ms,omitempty"`    // by how much the server's clock was ahead of the phone's
	Latitude        *float64             `json:"latitude"`
	Longitude       *float64             `json:"longitude"`
	Accuracy        *float64             `json:"accuracy"`
	Source          models.ItemSource    `json:"source"`
	Certification   models.Certification `json:"certification"`
	Doubts          *models.Doubts       `json:"doubts,omitempty"` // why it is not certified, where it is not
	Claims          *models.Claims       `json:"claims,omitempty"` // of the file or the peer
	UploadedBy      string               `json:"uploaded_by"`
	Notes           string               `json:"notes"`
	SurveyID        string               `json:"survey_id,omitempty"`
	Answers         json.RawMessage      `json:"answers,omitempty" as:"answers"` // of a survey response
	// Leaf is what the chain commits to of the item, and Proof where: absent before it is published. Without a leaf the entry
	// has a list.
	Leaf  string     `json:"leaf,omitempty"`
	Proof *ItemProof `json:"proof,omitempty"`
	// Statement is what the account whose phone delivered the item says of it, where it came or went by a Share link.
	Statement *ItemStatement `json:"statement,omitempty"`
}

// ItemStatement is a [models.Statement] with whose word it is to who made the archive.
type ItemStatement struct {
	Text      string `json:"text"`
	Signature string `json:"signature"`
	Public    string `json:"public_key"`
	By        string `json:"by,omitempty"` // the neighbour, told to the office alone; "" where it was handed on, or is our own
	Verified  *bool  `json:"verified"`     // null where it was handed on
}

// ItemProof is the way from a leaf to the root that an entry of the chain names (RFC 6962, 2.1.1).
type ItemProof struct {
	Entry int64    `json:"entry"`
	Index int64    `json:"index"`
	Path  []string `json:"path"` // hex, from the sibling up
}

// Describe makes an item's manifest entry.
func Describe(proof *models.Proof, item *models.Item, at string) ManifestItem {
	return ManifestItem{Path: at, UUID: item.UUID, Kind: item.Kind, WorkOrderNumber: proof.Order.DisplayNumber(), SHA256: item.ContentHash(), Size: item.Size,
		Task: proof.TaskName(item), EvidenceType: item.EvidenceType,
		TakenAt: item.TakenAt, ReceivedAt: item.ReceivedAt, AnnouncedAt: item.AnnouncedAt, OffsetMS: item.OffsetMS, Latitude: item.Position.Latitude, Longitude: item.Position.Longitude, Accuracy: item.Position.Accuracy,
		Source: item.Source, Certification: item.Certification, Doubts: doubtsOf(item), Claims: item.Claims.View(), UploadedBy: proof.Users[item.UploadedBy], Notes: item.Notes,
		SurveyID: item.SurveyID, Answers: json.RawMessage(item.Answers)}
}

// doubtsOf is nil where there are none: a manifest has room for what is said.
func doubtsOf(item *models.Item) *models.Doubts {
	if d := item.Doubts(); d != (models.Doubts{}) {
		return &d
	}
	return nil
}

// ChainLine is one line of proof/chain.jsonl: an entry of the account's chain. The manifest is there for entries of
// the archive's own orders and for keys; of the others only its hash, in the header.
type ChainLine struct {
	Header    string `json:"header"`
	Signature string `json:"signature"`
	Head      string `json:"head"`
	Manifest  string `json:"manifest,omitempty"`
	Stamp     string `json:"stamp,omitempty"`
}

// LineOf makes a line of an entry.
func LineOf(e *models.ChainEntry, whole bool) ChainLine {
	l := ChainLine{Header: e.Header(), Signature: e.Signature, Head: e.Head, Stamp: e.Stamp}
	if whole || e.Kind == models.KeyEntry {
		l.Manifest = e.Manifest
	}
	return l
}

const readme = `This folder proves what manifest.json says.

manifest.json ends with a signature (Ed25519) over every byte of the file before the text ,"signature":
chain.jsonl holds the account's chain of proof, one entry a line: "header" is the signed text, "signature" its
Ed25519 signature in Base64, and "head" the SHA-256 of header and signature bytes together. Each header names the head
before it, so nothing can be changed, taken out or put in without changing every head that follows.
"manifest" is the text whose SHA-256 the header names. "stamp" is an RFC 3161 time stamp over the head.

fieldproof verify FILE.zip checks all of it, without a network.
`

// chainAtMost is how many entries before the newest an archive holds.
const chainAtMost = 20_000

// Archives makes archives.
type Archives struct {
	Store *models.Store
	Blobs *storage.Store
}

// Of plans the archive of one order.
func (a *Archives) Of(ctx context.Context, proof *models.Proof, template string) (*File, error) {
	return a.plan(ctx, proof.Account.ID, nil, []*models.Proof{proof}, template)
}

// OfProperty plans the archive of every visit to a property.
func (a *Archives) OfProperty(ctx context.Context, accountID string, property *models.Property, proofs []*models.Proof) (*File, error) {
	return a.plan(ctx, accountID, property, proofs, "Project/Task/Photo Type")
}

// plan lays an archive out: every size and checksum is known before the first byte is read, because both were kept
// when the items came in. The same items give the same bytes, so that a broken download goes on where it ended.
func (a *Archives) plan(ctx context.Context, accountID string, property *models.Property, proofs []*models.Proof, template string) (*File, error) {
	m := Manifest{Property: property, Items: []ManifestItem{}, Withdrawn: []string{}}
	if property == nil {
		m.WorkOrder = &proofs[0].View
	} else {
		m.GeneratedAt = property.UpdatedAt
	}
	f := newFile(ctx, a.Blobs)
	taken := map[string]bool{ManifestName: true, ChainName: true, ReadmeName: true}
	for _, proof := range proofs {
		if property != nil {
			m.WorkOrders = append(m.WorkOrders, proof.View)
		}
		m.GeneratedAt = later(m.GeneratedAt, proof.Order.UpdatedAt)
		for _, item := range proof.Items {
			at := ""
			if item.BlobKey != "" {
				at = path.Join(proof.FolderOf(template, item), proof.FileName(item))
				if taken[at] {
					return nil, fmt.Errorf("archives: two items want the name %s", at)
				}
				taken[at] = true
				if err := f.stored(at, item.ReceivedAt, item.BlobKey, item.Size, uint32(item.CRC32)); err != nil {
					return nil, err
				}
			}
			m.GeneratedAt = later(m.GeneratedAt, item.ReceivedAt)
			m.Items = append(m.Items, Describe(proof, item, at))
		}
	}
	if err := a.state(ctx, &m, proofs); err != nil {
		return nil, err
	}
	if err := a.prove(ctx, &m, proofs); err != nil {
		return nil, err
	}
	signer, err := a.Store.Signer(ctx, accountID)
	if err != nil {
		return nil, err
	}
	chain, err := a.chain(ctx, accountID, &m, proofs)
	if err != nil {
		return nil, err
	}
	manifest, err := signed(&m, signer)
	if err != nil {
		return nil, err
	}
	for _, own := range []struct {
		name    string
		content []byte
	}{{ReadmeName, []byte(readme)}, {ChainName, chain}, {ManifestName, manifest}} {
		if err := f.literal(own.name, m.GeneratedAt, own.content); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256(manifest)
	f.ETag = `"` + hex.EncodeToString(sum[:12]) + `"`
	f.Modified = m.GeneratedAt.Time
	f.Manifest = m
	return f, f.end()
}

// state gives each item the statement that there is of it.
func (a *Archives) state(ctx context.Context, m *Manifest, proofs []*models.Proof) error {
	db := a.Store.Read(ctx)
	n := 0
	for _, p := range proofs {
		said, err := models.StatementsOf(db, p.Items)
		if err != nil {
			return err
		}
		var names map[string]string
		if p.Audience == models.ForOffice && len(said) > 0 {
			if names, err = models.Neighbours(db, said); err != nil {
				return err
			}
		}
		for _, i := range p.Items {
			if s := said[i.ID]; s != nil {
				m.Items[n].Statement = &ItemStatement{Text: s.Text, Signature: s.Signature, Public: s.PublicKey, By: names[i.ID], Verified: s.Verified}
			}
			n++
		}
	}
	return nil
}

// prove gives each published item its leaf and path.
func (a *Archives) prove(ctx context.Context, m *Manifest, proofs []*models.Proof) error {
	db := a.Store.Read(ctx)
	ids := map[string]int{} // item id → its place in the manifest
	var orders []string
	n := 0
	for _, p := range proofs {
		orders = append(orders, p.Order.ID)
		for _, i := range p.Items {
			ids[i.ID] = n
			n++
		}
	}
	for some := range slices.Chunk(orders, 200) {
		var rows []models.PublicationItem
		err := db.Select("publication_items.*").Joins("JOIN publications ON publications.id = publication_items.publication_id").
			Where("publications.work_order_id IN ?", some).Order("publication_items.sequence, publication_items.leaf_index").Find(&rows).Error
		if err != nil {
			return err
		}
		for len(rows) > 0 {
			end := slices.IndexFunc(rows, func(r models.PublicationItem) bool { return r.Sequence != rows[0].Sequence })
			if end < 0 {
				end = len(rows)
			}
			entry := rows[:end]
			rows = rows[end:]
			leaves := make([]string, len(entry))
			for i, r := range entry {
				leaves[i] = r.Leaf
			}
			if slices.Contains(leaves, "") { // an entry with a list
				for _, r := range entry {
					if at, here := ids[r.ItemID]; here && r.Sequence > 0 {
						m.Items[at].Leaf, m.Items[at].Proof = "", &ItemProof{Entry: r.Sequence, Path: []string{}}
					}
				}
				continue
			}
			tree := models.NewTree(leaves)
			for i, r := range entry {
				if at, here := ids[r.ItemID]; here {
					m.Items[at].Leaf, m.Items[at].Proof = r.Leaf, &ItemProof{r.Sequence, int64(i), tree.Paths[i]}
				}
			}
		}
	}
	return nil
}

func later(a, b models.Time) models.Time {
	if b.After(a.Time) {
		return b
	}
	return a
}

func signed(m *Manifest, signer *models.Signer) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	covered := text[:len(text)-1]
	signature, err := json.Marshal(signer.Sign(covered))
	if err != nil {
		return nil, err
	}
	return slices.Concat(covered, []byte(signatureMember), signature, []byte("}\n")), nil
}

// signatureMember ends what the signature of a manifest covers.
const signatureMember = `,"signature":`

// chain writes the chain up to the last publication of the orders, and what the manifest says of it.
func (a *Archives) chain(ctx context.Context, accountID string, m *Manifest, proofs []*models.Proof) ([]byte, error) {
	db := a.Store.Read(ctx)
	ids := make([]string, len(proofs))
	own := map[string]bool{}
	for i, p := range proofs {
		ids[i], own[p.Order.ID] = p.Order.ID, true
	}
	var last []models.ChainEntry
	for chunk := range slices.Chunk(ids, 500) {
		var some []models.ChainEntry
		if err := db.Select("sequence").Where("work_order_id IN ?", chunk).Order("sequence DESC").Limit(1).Find(&some).Error; err != nil {
			return nil, err
		}
		last = append(last, some...)
	}
	upTo := int64(0)
	for _, e := range last {
		upTo = max(upTo, e.Sequence)
	}
	// The key that signs the archive may have been introduced since.
	var key []models.ChainEntry
	if err := db.Select("sequence").Where("account_id = ? AND kind = ?", accountID, models.KeyEntry).Order("sequence DESC").Limit(1).Find(&key).Error; err != nil {
		return nil, err
	}
	if upTo > 0 && len(key) > 0 {
		upTo = max(upTo, key[0].Sequence)
	}
	m.Proof.Keys = []models.SigningKey{}
	if err := db.Where("account_id = ?", accountID).Order("created_at, id").Find(&m.Proof.Keys).Error; err != nil {
		return nil, err
	}
	var text bytes.Buffer
	held := map[string]bool{}
	for _, i := range m.Items {
		held[i.UUID] = true
	}
	office := !slices.ContainsFunc(proofs, func(p *models.Proof) bool { return p.Audience != models.ForOffice })
	if office {
		// Only the office is told what was published once and is not here.
		for chunk := range slices.Chunk(ids, 500) {
			var gone []*models.Item
			err := db.Model(&models.PublicationItem{}).Select("items.*").Joins("JOIN publications ON publications.id = publication_items.publication_id").
				Joins("JOIN items ON items.id = publication_items.item_id").Where("publications.work_order_id IN ?", chunk).
				Order("publication_items.sequence, publication_items.leaf_index").Find(&gone).Error
			if err != nil {
				return nil, err
			}
			for _, i := range gone {
				if held[i.UUID] {
					continue
				}
				held[i.UUID] = true
				if i.DeletedAt == nil && i.Review != models.ReviewRejected {
					m.Moved = append(m.Moved, i.UUID)
				} else {
					m.Withdrawn = append(m.Withdrawn, i.UUID)
				}
			}
		}
	}
	var rows []models.ChainEntry
	err := db.Where("account_id = ? AND sequence > ? AND sequence <= ?", accountID, upTo-chainAtMost, upTo).Order("sequence").
		FindInBatches(&rows, 500, func(*gorm.DB, int) error {
			for i := range rows {
				e := &rows[i]
				whole := own[e.WorkOrderID]
				if whole {
					var released models.EntryManifest
					if err := json.Unmarshal([]byte(e.Manifest), &released); err != nil {
						return err
					}
					// An entry with a list goes whole only to who may see all that it names.
					whole = office || !slices.ContainsFunc(released.Items, func(i models.EntryItem) bool { return !held[i.UUID] })
					m.GeneratedAt = later(m.GeneratedAt, e.SignedAt)
				}
				line, err := json.Marshal(LineOf(e, whole))
				if err != nil {
					return err
				}
				text.Write(append(line, '\n'))
				if e.Sequence == upTo {
					m.Proof.Head = &models.ProofHead{Account: e.AccountID, Sequence: e.Sequence, Head: e.Head, KeyID: e.KeyID, SignedAt: e.SignedAt}
				}
			}
			return nil
		}).Error
	sum := sha256.Sum256(text.Bytes())
	m.Proof.Chain = hex.EncodeToString(sum[:])
	return text.Bytes(), err
}

func crcOf(b []byte) uint32 { return crc32.ChecksumIEEE(b) }

func decode64(s string) ([]byte, error) { return base64.StdEncoding.Strict().DecodeString(s) }
