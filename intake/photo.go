package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"

	"fieldproof/models"
	"fieldproof/storage"
)

// Bytes are a photo's bytes that are durable, but belong to no item yet.
type Bytes struct {
	Key         string
	SHA256      string // lower-case hex
	Size        int64
	CRC32       uint32
	ContentType string
	Width       int64
	Height      int64

	says fileSays
}

// originals is the prefix of photos' keys. The hour follows, so that those which no row names can be found without
// looking through all that was ever stored.
const originals = "originals/"

// OriginalsPrefix begins the keys of all photos that came in within the hour of at.
func OriginalsPrefix(at time.Time) string { return originals + at.UTC().Format("2006/01/02/15/") }

func originalKey(at time.Time) string { return OriginalsPrefix(at) + models.NewID() }

// StoreBytes streams a photo into the blob store while it is hashed and inspected. Nothing is left when it fails:
// [models.Unsupported] for what is no photo, [models.Invalid] for a truncated image or one with too many pixels,
// [models.TooLarge], and [models.NoRoom] when the disk is full.
func (in *Intake) StoreBytes(ctx context.Context, r io.Reader) (*Bytes, error) {
	b := &Bytes{Key: originalKey(time.Now())}
	look := &inspector{maxPixels: in.Limits.MaxPixels}
	digest, crc := sha256.New(), crc32.NewIEEE()
	limited := &limitedReader{r: r, left: in.Limits.MaxBytes}
	counted := &countingWriter{}
	source := &finishingReader{
		r:      io.TeeReader(limited, io.MultiWriter(look, digest, crc, counted)),
		finish: func() error { return look.finish(counted.n) },
	}
	if err := in.Blobs.Put(ctx, b.Key, "application/octet-stream", source); err != nil {
		var known *models.Error
		switch {
		case errors.As(err, &known):
			return nil, known
		case errors.Is(err, errTooLarge):
			return nil, models.Errorf(models.TooLarge, "The photo is larger than %d MB, the most that is taken.", in.Limits.MaxBytes>>20)
		case storage.IsFull(err):
			return nil, models.Errorf(models.NoRoom, "The server has no room left; nothing was taken. Keep the photo and send it again later.")
		}
		return nil, err
	}
	b.SHA256, b.Size, b.CRC32 = hex.EncodeToString(digest.Sum(nil)), counted.n, crc.Sum32()
	b.ContentType, b.Width, b.Height, b.says = look.contentType, look.width, look.height, look.says()
	return b, nil
}

// StoreFile streams bytes of any kind into the blob store: what a peer sends beside photos. [models.TooLarge] and
// [models.NoRoom] as for photos.
func (in *Intake) StoreFile(ctx context.Context, contentType string, r io.Reader) (*Bytes, error) {
	b := &Bytes{Key: originalKey(time.Now()), ContentType: contentType}
	crc := crc32.NewIEEE()
	var err error
	b.SHA256, b.Size, err = in.keep(ctx, b.Key, io.TeeReader(r, crc), in.Limits.MaxBytes)
	b.CRC32 = crc.Sum32()
	return b, err
}

// discards is how long letting go of bytes may hold up an answer.
const discards = time.Second

// Discard lets go of bytes that no item took.
func (in *Intake) Discard(ctx context.Context, b *Bytes) {
	if b != nil {
		// What a crash, an error or a storage that stalls leaves here the sweeper finds.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discards)
		defer cancel()
		_ = in.Blobs.Delete(ctx, b.Key)
	}
}

// NewItem is an item to be accepted.
type NewItem struct {
	OrderID      string
	Kind         models.ItemKind
	UUID         string
	TaskID       string
	EvidenceType string
	TakenAt      *models.Time
	Position     models.Position
	PositionAt   *models.Time // when the phone measured it
	Zone         string       // of the phone's clock
	SHA256       string       // as the sender computed it; "" to skip the comparison
	Source       models.ItemSource
	Claims       models.Claims // of the peer that brings it
	Origin       models.Origin // as that peer tells it
	Notes        string
	Device       string
	FileName     string         // what its file was called
	SurveyID     string         // of a survey response
	Answers      string         // of a survey response: JSON
	By           *models.Member `json:"-"`
	// Again reads By anew under lock, where they came with a token that may have died while the bytes came; nil for none.
	Again    func(*models.Tx) (*models.Member, error) `json:"-"`
	Brought  *Brought                                 `json:"-"` // along a Share link
	Rescued  bool                                     // out of a rescue file, which anybody may have written: neither camera nor clock is vouched for
	Shot     string                                   // which of the shots of its task it is
	OffsetMS *int64                                   // by how much our clock was ahead of the phone's, as the phone measured
}

// Brought is what another account says of an item that it brings along a Share link.
type Brought struct {
	Link      *models.ShareLink
	Task      string // the name of its task, whether the order has it or not
	Revision  int64  // of theirs
	Withdrawn bool
	Statement *models.Statement // nil for none
}

// words are what is remembered of what was said of an item.
func (n *NewItem) words() *models.ItemWords {
	return &models.ItemWords{Order: n.OrderID, Task: n.Brought.Task, EvidenceType: n.EvidenceType, Notes: n.Notes}
}

func (n *NewItem) check(p *models.Problems) {
	models.CheckUUID(p, n.UUID)
	n.Position.Check(p)
	switch n.Source {
	case models.MobileCamera, models.MobileGallery, models.WebUpload, models.FromShare, models.FromPeer:
	default:
		p.Add("source", "Choose mobile_camera, mobile_gallery or web_upload.")
	}
	checkLabels(p, n.EvidenceType, n.Notes)
	if utf8.RuneCountInString(n.Device) > 300 {
		p.Add("device", "At most 300 characters.")
	}
	if len(n.Zone) > 60 {
		p.Add("zone", "At most 60 characters, such as America/Chicago.")
	}
	if !models.OneLine(n.Shot, 300) {
		p.Add("shot", "At most 300 characters, in one line.")
	}
}

// MayUpload returns the order when by may add items to it: office users to every order of the account, others to those
// to which they are or ever were assigned, whatever its state. Else [models.NotFound].
func (in *Intake) MayUpload(ctx context.Context, orderID string, by *models.Member) (*models.WorkOrder, error) {
	db := in.Store.Read(ctx)
	order, err := models.One[models.WorkOrder](db.Where("id = ?", orderID), "work order")
	if err != nil {
		return nil, err
	}
	if by.MayAdd(order, false) {
		return order, nil
	}
	ever, err := models.EverAssigned(db, orderID, by.ID)
	if err != nil {
		return nil, err
	}
	if !by.MayAdd(order, ever) {
		return nil, models.Errorf(models.NotFound, "There is no such work order.")
	}
	return order, nil
}

// Expect says of an item whose bytes are to come what [Intake.AcceptItem] would say, so that nobody sends bytes in vain. It
// returns the item when it is here already, and nil when it is awaited.
func (in *Intake) Expect(ctx context.Context, n NewItem) (*models.Item, error) {
	n.EvidenceType = strings.ToLower(strings.TrimSpace(n.EvidenceType))
	var problems models.Problems
	n.check(&problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	order, err := in.MayUpload(ctx, n.OrderID, n.By)
	if err != nil {
		return nil, err
	}
	db := in.Store.Read(ctx)
	if have, err := sameItem(db, n, nil); err != nil || have != nil {
		return have, err
	}
	if !n.Rescued { // what a rescue file claims its bytes tell
		a, err := models.AnnouncementOf(db, n.UUID)
		if err == nil && a != nil {
			err = n.fits(a, n.SHA256)
		}
		if err != nil {
			return nil, err
		}
	}
	if n.TaskID == "" {
		return nil, nil
	}
	return nil, hasTask(db, order, n.TaskID)
}

// AcceptItem makes the row of an item whose bytes, if it has any, are durable. The same uuid with the same bytes is the
// same item, wherever it lies now, and is returned with made=false; with other bytes it is a [models.Conflict], as it is when
// the item is neither of who asks nor seen by them. Bytes that are not taken are discarded.
func (in *Intake) AcceptItem(ctx context.Context, n NewItem, b *Bytes) (item *models.Item, made bool, err error) {
	defer func() {
		// When a commit fails without a word its row may be there all the same: then the sweeper decides over the bytes.
		if refused := models.KindOf(err) != ""; refused || (err == nil && !made) {
			in.Discard(ctx, b)
		}
	}()
	n.EvidenceType = strings.ToLower(strings.TrimSpace(n.EvidenceType))
	var problems models.Problems
	n.check(&problems)
	if b != nil && n.SHA256 != "" && !strings.EqualFold(n.SHA256, b.SHA256) {
		problems.Add("sha256", "The bytes that arrived have the hash %s: the file was damaged on its way, send it again.", b.SHA256).Code = models.CodeDamaged
	}
	if err := problems.Err(); err != nil {
		return nil, false, err
	}
	ring := false
	// A photo from a phone is nearly always new: whether it is, its row's key tells.
	likelyNew := b != nil && n.Brought == nil
	accept := func(tx *models.Tx, n NewItem, alone bool) error {
		if !likelyNew {
			item, err = sameItem(tx.DB, n, b)
			if err == nil && item != nil && n.Brought != nil {
				err = in.revise(tx, item, n)
			}
			if err == nil && item != nil {
				err = hasArrived(tx, item)
			}
			if err != nil || item != nil {
				return err
			}
		}
		if b == nil && (n.Kind == models.Photo || n.Kind == models.File) {
			return errNoBytes
		}
		if err := n.stands(tx); err != nil {
			return err
		}
		lock := tx.OrderForItem
		if alone {
			lock = tx.OrderForUpdate
		}
		order, err := lock(n.OrderID)
		if err != nil {
			return err
		}
		announced, err := n.announced(tx, b)
		if err != nil {
			return err
		}
		awaited := order.AwaitsPeer == n.By.ID && order.Lifecycle.State == models.Completed
		expected := announced != nil && announced.Awaited && (order.Lifecycle.State == models.Completed || order.Lifecycle.State == models.Published)
		awaited = awaited || expected
		news := !order.HasNewItems && !awaited
		if !alone && (news || order.Lifecycle.Over()) {
			return errNotAlone
		}
		if n.TaskID != "" {
			if err := hasTask(tx.DB, order, n.TaskID); err != nil {
				return err
			}
		}
		account, property, err := tx.PlaceOf(order)
		if err != nil {
			return err
		}
		item = newItem(n, b, account, property, announced)
		item.Awaited = expected
		if err := tx.Create(item).Error; err != nil {
			return fmt.Errorf("intake: insert an item: %w", err)
		}
		if announced != nil {
			if err := tx.Arrive(announced, item); err != nil {
				return err
			}
		}
		if n.Brought != nil && n.Brought.Statement != nil {
			if err := tx.KeepStatement(item, n.Brought.Link, *n.Brought.Statement, property, account.CertificationRadius); err != nil {
				return err
			}
			if err := tx.Save(item).Error; err != nil {
				return err
			}
		}
		if news {
			order.HasNewItems = true
			if err := tx.SaveOrder(order); err != nil {
				return err
			}
		}
		if err := tx.Announce(account.ID, models.FeedItemReceived, item.ID, order.ID); err != nil {
			return err
		}
		made = true
		if ring = !order.Lifecycle.Over(); !ring {
			if order.Lifecycle.Hidden {
				return nil // noticed when it is restored
			}
			_, err := tx.NoticeItems(order) // a closed order has no run that would
			return err
		}
		return tx.RingForItem(order.ID)
	}
	// Most items change nothing of their order's row, and come side by side; the first after a decision does, and comes alone.
	for _, alone := range []bool{false, true} {
		err = in.Store.Write(models.InAccount(ctx, n.By.AccountID), func(tx *models.Tx) error { return accept(tx, n, alone) })
		if !errors.Is(err, errNotAlone) {
			break
		}
	}
	if models.IsUnique(err) || (likelyNew && models.KindOf(err) != "" && models.KindOf(err) != models.Unauthorized) {
		// Another upload of the uuid was first, now or long ago: then whatever else stands in the way now is no matter.
		refused := err
		err = in.Store.Write(models.InAccount(ctx, n.By.AccountID), func(tx *models.Tx) error {
			if item, err = sameItem(tx.DB, n, b); err == nil && item == nil {
				err = refused
			}
			if err == nil {
				err = hasArrived(tx, item)
			}
			return err
		})
		made = false
	}
	if err != nil {
		return nil, false, err
	}
	if ring {
		in.Bells.Poke()
	}
	return item, made, nil
}

// stands refuses who was revoked while the bytes came. Who came with a token is read anew with it, and what they may.
func (n *NewItem) stands(tx *models.Tx) error {
	if n.Again == nil {
		return tx.Stands(n.By)
	}
	by, err := n.Again(tx)
	if err == nil {
		n.By = by
	}
	return err
}

// errNotAlone says that an item changes its order's row, which its transaction shares with others.
var errNotAlone = errors.New("intake: the item must come alone")

// errNoBytes says that bytes are needed after all: the item is not here.
var errNoBytes = models.InvalidField("file", "Send the file in a part named file, as multipart/form-data.").Coded(models.CodeNoBytes)

// sameItem returns the item that already bears n's uuid, nil when there is none. Who neither sent it nor sees it learns no more
// than that the uuid is taken: whoever knows a uuid could else ask where its item lies, and what is said of it.
func sameItem(db *gorm.DB, n NewItem, b *Bytes) (*models.Item, error) {
	have, err := models.One[models.Item](models.OfUUID(db, n.UUID), "item")
	if models.KindOf(err) == models.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	brought := ""
	switch {
	case b != nil:
		brought = b.SHA256
	case n.Answers != "":
		brought = sumOf(n.Answers)
	default:
		brought = n.SHA256 // its bytes are to come
	}
	same := have.Kind == n.Kind && (brought == "" || strings.EqualFold(have.SHA256, brought))
	known, err := n.knows(db, have)
	if err != nil {
		return nil, err
	}
	if !known {
		if n.Rescued && b == nil {
			return nil, nil // its bytes tell
		}
		same = same && (n.Rescued || n.byPeer()) // they are told that it is here, and nothing else of it
	}
	if !same {
		if n.Brought != nil && known {
			return nil, models.Errorf(models.Conflict, "The uuid %s belongs to an item with other bytes: SHA-256 %s is here, %s was brought. Give yours a uuid of its own.", n.UUID, have.SHA256, brought).
				Coded(models.CodeOtherBytes)
		}
		return nil, n.taken()
	}
	return have, nil
}

// taken refuses an item whose uuid is another's.
func (n *NewItem) taken() error {
	e := &models.Error{Kind: models.Conflict, Message: "Another item has this uuid.", Fields: []models.FieldError{{Field: "uuid", Message: uuidTaken}}}
	if n.Brought != nil {
		e.Code = models.CodeOtherBytes
	}
	return e
}

// uuidTaken is what to do about a uuid that is another item's, whether its bytes are others or not for who asks to know.
const uuidTaken = "The uuid belongs to another item: give this one a uuid of its own."

// byPeer tells whether an item comes by the external-integration API.
func (n *NewItem) byPeer() bool { return n.Source == models.FromPeer || n.Source == models.FromShare }

// knows tells whether who brings an item may be told of the one that is here under its uuid. What is taken back is nobody's.
func (n *NewItem) knows(db *gorm.DB, have *models.Item) (bool, error) {
	if n.By == nil || (n.Brought != nil && have.ShareLinkID == n.Brought.Link.ID) {
		return true, nil
	}
	known, err := n.By.Knows(db, have)
	return known[have.ID], err
}

// newItem makes the row of an item. What its phone had announced of it existed by then, and is judged by that time.
func newItem(n NewItem, b *Bytes, account *models.Account, property *models.Property, announced *models.Announcement) *models.Item {
	now := models.Now()
	known := now
	if announced != nil {
		known = announced.AnnouncedAt
	}
	item := &models.Item{ID: models.NewID(), AccountID: account.ID, WorkOrderID: n.OrderID, Kind: n.Kind, UUID: n.UUID, Revision: 1,
		EvidenceType: n.EvidenceType, TakenAt: n.TakenAt, ReceivedAt: now, Position: n.Position, PositionAt: n.PositionAt, Zone: n.Zone, Source: n.Source, Review: models.ReviewPending,
		UploadedBy: n.By.ID, ByOffice: n.By.Office(), Notes: n.Notes, Device: n.Device, FileName: fileName(n.FileName), Claims: n.Claims, Origin: n.Origin.Bounded(),
		Certification: models.Certify(n.Source, n.TakenAt, known, n.Position, property, account.CertificationRadius),
		Shot:          n.Shot, OffsetMS: n.OffsetMS}
	if announced != nil {
		item.AnnouncedAt = &announced.AnnouncedAt
	}
	if item.Certification.Time != nil && !models.ClocksAgree(n.OffsetMS) {
		item.Certification.Time = new(bool)
	}
	if n.TaskID != "" {
		item.TaskID = &n.TaskID
	}
	if n.Rescued {
		item.Certification.Item, item.Certification.Time = nil, nil
	}
	if s := n.Brought; s != nil {
		item.ShareLinkID, item.PeerRevision, item.Brought = s.Link.ID, s.Revision, n.words()
		if s.Withdrawn {
			item.WithdrawnAt = &now
		}
		if n.Source == models.FromShare {
			item.Certification.Item, item.Certification.Time = nil, nil // a statement says it, or nobody
		}
	}
	if n.Answers != "" {
		item.Answers, item.SurveyID, item.SHA256, item.Size = n.Answers, n.SurveyID, sumOf(n.Answers), int64(len(n.Answers))
	}
	if b != nil {
		item.SHA256, item.Size, item.CRC32, item.ContentType = b.SHA256, b.Size, int64(b.CRC32), b.ContentType
		item.BlobKey, item.Width, item.Height = b.Key, b.Width, b.Height
		b.says.claim(item, account.Location()) // what is certified was judged without it
	}
	return item
}

// fileName is what is kept of a file's name: its last part, as far as it is text.
func fileName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", ""), "")
	if letters := []rune(name); len(letters) > 200 {
		name = string(letters[len(letters)-200:]) // what tells it from others stands at its end
	}
	return name
}

func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(int64(len(p)), l.left+1)])
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

type countingWriter struct{ n int64 }

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// finishingReader asks finish before it reports the end, so that a file found wanting is never completed.
type finishingReader struct {
	r      io.Reader
	finish func() error
}

func (f *finishingReader) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if errors.Is(err, io.EOF) {
		if wrong := f.finish(); wrong != nil {
			return n, wrong
		}
	}
	return n, err
}

// importKey is where the file of an import lies.
func importKey(at time.Time, id string) string {
	return "imports/" + at.UTC().Format("2006/01/02/") + id
}

// keep streams bytes of any kind into the blob store and returns their hash and number. [models.TooLarge] beyond most.
func (in *Intake) keep(ctx context.Context, key string, r io.Reader, most int64) (sum string, size int64, err error) {
	digest, counted := sha256.New(), &countingWriter{}
	err = in.Blobs.Put(ctx, key, "application/octet-stream", io.TeeReader(&limitedReader{r: r, left: most}, io.MultiWriter(digest, counted)))
	switch {
	case errors.Is(err, errTooLarge):
		return "", 0, models.Errorf(models.TooLarge, "The file is larger than %d MB, the most that is taken.", most>>20)
	case storage.IsFull(err):
		return "", 0, models.Errorf(models.NoRoom, "The server has no room left; nothing was taken. Send it again later.")
	}
	return hex.EncodeToString(digest.Sum(nil)), counted.n, err
}
