package intake

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"fieldproof/models"
	"fieldproof/storage"
)

// What a rescue file may hold (docs/field.md). A phone writes at most 40 MB into one.
const (
	MaxRescue     = 48 << 20
	rescueEntries = 2_000
	rescueItems   = 1_000
	rescueActions = 1_000
	maxManifest   = 8 << 20
	// A photo is packed already: what grows much more than this when it is unpacked is none.
	rescueUnpacked = 2 * MaxRescue
	// rescueMemory is how many times its length the directory of a file takes.
	rescueMemory = 6
)

// How long a rescue file is kept after all in it was looked at, and how long one that a crash left is left alone.
const (
	rescueKept  = 30 * 24 * time.Hour
	rescueWaits = time.Minute
)

// rescueManifest is manifest.json of a rescue file, as the phone writes it. Members that are not known are let pass.
type rescueManifest struct {
	Version int    `json:"version"`
	Device  string `json:"device"`
	Owner   struct {
		ID string `json:"id"`
	} `json:"owner"`
	MadeAt  string            `json:"made_at"`
	Items   []json.RawMessage `json:"items"`
	Actions []json.RawMessage `json:"actions"`
}

// rescuedItem is an item as the manifest lists it; times are Unix milliseconds of the phone's clock.
type rescuedItem struct {
	UUID         string   `json:"uuid"`
	OrderID      string   `json:"order_id"`
	TaskID       *string  `json:"task_id"`
	EvidenceType string   `json:"evidence_type"`
	TakenAt      *float64 `json:"taken_at"`
	Zone         string   `json:"zone"`
	Latitude     *float64 `json:"latitude"`
	Longitude    *float64 `json:"longitude"`
	Accuracy     *float64 `json:"accuracy"`
	PositionAt   *float64 `json:"position_at"`
	Source       string   `json:"source"`
	Notes        string   `json:"notes"`
	SHA256       string   `json:"sha256"`
	Path         string   `json:"path"`
}

type rescuedAction struct {
	Kind    string         `json:"kind"`
	OrderID string         `json:"order_id"`
	DoneAt  *float64       `json:"done_at"`
	Body    map[string]any `json:"body"`
}

// RescueFile is a rescue file that was brought, on the disk.
type RescueFile struct {
	Path, Name string
	// OrderID is of the order to which items go whose own is not known here: it was made on the phone. "" for none.
	OrderID string
}

// Rescue takes a rescue file: it is kept, and what is in it goes the way of every item, one by one, for as long as ctx lasts;
// the sweeper goes on with the rest. A file that is none, or may not be one, is refused as a whole: [models.Invalid].
func (in *Intake) Rescue(ctx context.Context, f RescueFile, by *models.Member) (*models.Rescue, error) {
	ctx = models.InAccount(ctx, by.AccountID)
	archive, manifest, closed, err := openRescue(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	defer closed()
	now := models.Now()
	r := &models.Rescue{ID: models.NewID(), AccountID: by.AccountID, BroughtBy: by.ID, Device: bounded(manifest.Device, 300), FileName: fileName(f.Name),
		Actions: rescuedActions(manifest), CreatedAt: now}
	if made, err := models.ParseTime(manifest.MadeAt); err == nil {
		r.MadeAt = &made
	}
	if !models.PlainText(manifest.Owner.ID) {
		manifest.Owner.ID = ""
	}
	owner, err := models.One[models.User](in.Store.Read(ctx).Where("id = ?", manifest.Owner.ID), "user")
	switch {
	case models.KindOf(err) == models.NotFound:
		return nil, models.InvalidField("file", "The file is from the phone of somebody whom this account does not have: bring it where they work.").Coded(models.CodeNoSuch)
	case err != nil:
		return nil, err
	}
	r.ClaimedBy = owner.ID
	items := rescueItemsOf(r, manifest, archive, f.OrderID)
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	r.BlobKey = "rescues/" + now.UTC().Format("2006/01/02/") + r.ID
	if r.SHA256, r.Size, err = in.keep(ctx, r.BlobKey, file, MaxRescue); err != nil {
		return nil, err
	}
	err = in.write(ctx, by, func(tx *models.Tx) error {
		if err := tx.Create(r).Error; err != nil || len(items) == 0 {
			return err
		}
		return tx.CreateInBatches(&items, 100).Error
	})
	if err != nil {
		if models.KindOf(err) != "" {
			_ = in.Blobs.Delete(ctx, r.BlobKey)
		}
		return nil, err
	}
	_ = in.rescue(ctx, r, archive, refusal) // the file is kept: what fails here the sweeper tries again, and tells of it
	return r, nil
}

// openRescue opens a rescue file and reads its manifest. Whatever could lead out of it, or unpack to more than photos do, is
// refused before anything of it is read.
func openRescue(ctx context.Context, path string) (archive *zip.Reader, m *rescueManifest, closed func(), err error) {
	wrong := func(format string, args ...any) error {
		return models.InvalidField("file", "This is no rescue file: "+format, args...)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, nil, err
	}
	release, err := models.TakeMemory(ctx, rescueMemory*info.Size())
	if err != nil {
		return nil, nil, nil, err
	}
	defer release()
	if archive, err = zip.NewReader(file, info.Size()); err != nil {
		return nil, nil, nil, wrong("it can't be read as ZIP.")
	}
	if len(archive.File) > rescueEntries {
		return nil, nil, nil, wrong("it holds more than %d files.", rescueEntries)
	}
	names, unpacked := map[string]bool{}, uint64(0)
	for _, f := range archive.File {
		name := strings.TrimSuffix(f.Name, "/")
		if !fs.ValidPath(name) || strings.ContainsAny(name, "\\:\x00") {
			return nil, nil, nil, wrong("the path %q leads out of it.", bounded(f.Name, 100))
		}
		if names[name] {
			return nil, nil, nil, wrong("the path %q is there twice.", bounded(f.Name, 100))
		}
		names[name] = true
		if f.UncompressedSize64 > rescueUnpacked {
			return nil, nil, nil, wrong("%q is larger than %d MB.", bounded(f.Name, 100), rescueUnpacked>>20)
		}
		unpacked += f.UncompressedSize64
	}
	if unpacked > rescueUnpacked {
		return nil, nil, nil, wrong("what it holds is larger than %d MB.", rescueUnpacked>>20)
	}
	text, err := readEntry(archive, "manifest.json", maxManifest)
	if err != nil {
		return nil, nil, nil, wrong("its manifest.json is not there, or can't be read.")
	}
	if err := models.CheckJSON(text); err != nil {
		return nil, nil, nil, wrong("its manifest.json is larger or nested deeper than any of ours.")
	}
	m = &rescueManifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, nil, nil, wrong("its manifest.json is no manifest of ours.")
	}
	switch {
	case m.Version != 1:
		return nil, nil, nil, wrong("it is of version %d; this Fieldproof reads 1.", m.Version)
	case len(m.Items) > rescueItems:
		return nil, nil, nil, wrong("it lists more than %d items.", rescueItems)
	case len(m.Actions) > rescueActions:
		return nil, nil, nil, wrong("it lists more than %d actions.", rescueActions)
	}
	return archive, m, func() { _ = file.Close() }, nil
}

// readEntry reads a small file of an archive.
func readEntry(archive *zip.Reader, name string, most int64) ([]byte, error) {
	f, err := archive.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(&limitedReader{r: f, left: most})
}

// rescueItemsOf are the rows of a rescue file's items. What can't be read of one refuses that one.
func rescueItemsOf(r *models.Rescue, m *rescueManifest, archive *zip.Reader, orderID string) []*models.RescueItem {
	rows := make([]*models.RescueItem, len(m.Items))
	used := map[string]bool{}
	for i, raw := range m.Items {
		row := &models.RescueItem{RescueID: r.ID, Position: int64(i + 1), AccountID: r.AccountID, Result: models.RescueWaiting}
		rows[i] = row
		var said rescuedItem
		if err := json.Unmarshal(raw, &said); err != nil || !said.plain() {
			row.Refuse(models.InvalidField("items", "Item %d of the manifest can't be read.", i+1))
			continue
		}
		row.UUID, row.WorkOrderID, row.Path = bounded(said.UUID, 100), bounded(said.OrderID, 100), bounded(said.Path, 300)
		at := slices.IndexFunc(archive.File, func(f *zip.File) bool { return f.Name == said.Path })
		switch {
		case at < 0 || !archive.File[at].Mode().IsRegular():
			row.Refuse(models.InvalidField("path", "The file does not hold %s.", row.Path).Coded(models.CodeNoBytes))
			continue
		case used[said.Path]:
			row.Refuse(models.InvalidField("path", "Another item has the bytes of %s.", row.Path))
			continue
		}
		used[said.Path] = true
		n := said.item(r)
		if n.OrderID == "" {
			n.OrderID = orderID
		}
		text, err := json.Marshal(rescueSays{n, orderID})
		if err != nil {
			row.Refuse(models.InvalidField("items", "Item %d of the manifest can't be read.", i+1))
			continue
		}
		row.Said = string(text)
	}
	return rows
}

// rescueSays is what is kept of an item until it is taken.
type rescueSays struct {
	Item  NewItem `json:"item"`
	Other string  `json:"other"` // the order to which it goes when its own is not known
}

// plain tells whether its texts can be kept by any database.
func (i *rescuedItem) plain() bool {
	return models.PlainText(i.UUID, i.OrderID, i.EvidenceType, i.Zone, i.Notes, i.SHA256, i.Path) && (i.TaskID == nil || models.PlainText(*i.TaskID))
}

// item is the item as the file says it, under the name of whoever brings it: the file may have been written by anybody.
func (i *rescuedItem) item(r *models.Rescue) NewItem {
	n := NewItem{OrderID: i.OrderID, Kind: models.Photo, UUID: i.UUID, EvidenceType: i.EvidenceType, TakenAt: phoneTime(i.TakenAt),
		Position: models.Position{Latitude: i.Latitude, Longitude: i.Longitude, Accuracy: i.Accuracy}, PositionAt: phoneTime(i.PositionAt), Zone: i.Zone,
		SHA256: strings.ToLower(i.SHA256), Source: models.WebUpload, Notes: i.Notes, Device: r.Device, FileName: fileName(i.Path), Rescued: true}
	if i.TaskID != nil {
		n.TaskID = *i.TaskID
	}
	return n
}

// rescueFailures is how many items of a file fail in a row, for reasons of ours, before the rest waits for its next turn.
const rescueFailures = 3

// rescue takes the items of a rescue file that wait. One that fails for a reason of ours, by what refused makes of it, waits on.
func (in *Intake) rescue(ctx context.Context, r *models.Rescue, archive *zip.Reader, refused func(error) *models.Error) error {
	by, err := in.Store.MemberByID(ctx, r.BroughtBy)
	if err != nil && models.KindOf(err) != models.NotFound {
		return err
	}
	owner, err := models.One[models.User](in.Store.Read(ctx).Where("id = ?", r.ClaimedBy), "user") // who is no more is claimed all the same
	if err != nil {
		return err
	}
	rows, err := in.waitingOf(ctx, r)
	if err != nil {
		return err
	}
	var failed error
	failures := 0
	for _, row := range rows {
		err := error(models.Errorf(models.Forbidden, "Whoever brought the file may not sign in any more: let somebody else bring it."))
		if by != nil && by.Active {
			err = in.rescueItem(ctx, archive, row, by, owner)
		}
		if err != nil {
			why := refused(err)
			if why == nil || ctx.Err() != nil {
				failed = errors.Join(failed, fmt.Errorf("item %d: %w", row.Position, err))
				if failures++; failures == rescueFailures || ctx.Err() != nil {
					return failed
				}
				continue
			}
			row.Refuse(why)
		}
		failures = 0
		if err := in.Store.Write(ctx, func(tx *models.Tx) error { return looked(tx, row) }); err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	return in.Store.Write(ctx, func(tx *models.Tx) error { return endRescue(tx, r) })
}

func (in *Intake) waitingOf(ctx context.Context, r *models.Rescue) (rows []*models.RescueItem, err error) {
	err = in.Store.Read(ctx).Where("rescue_id = ? AND result = ?", r.ID, models.RescueWaiting).Order("position").Find(&rows).Error
	return rows, err
}

// looked keeps what became of an item that waited.
func looked(tx *models.Tx, row *models.RescueItem) error {
	return tx.Select("work_order_id", "result", "item_id", "code", "message").Where("result = ?", models.RescueWaiting).Updates(row).Error
}

// endRescue notes that all of a rescue file was looked at.
func endRescue(tx *models.Tx, r *models.Rescue) error {
	now := models.Now()
	r.EndedAt = &now
	return tx.Model(&models.Rescue{}).Where("id = ? AND ended_at IS NULL", r.ID).Update("ended_at", now).Error
}

// refusal is why something is refused for good; nil for what may be taken at another time.
func refusal(err error) *models.Error {
	var known *models.Error
	if errors.As(err, &known) && !slices.Contains([]models.Kind{models.Unauthorized, models.Unavailable, models.NoRoom, models.TooMany}, known.Kind) {
		return known
	}
	return nil
}

// lastRefusal is the refusal of a last try: what fails in it is not tried again.
func lastRefusal(err error) *models.Error {
	var known *models.Error
	if errors.As(err, &known) {
		return known
	}
	return models.Errorf(models.Unavailable, "The server could not take it for days, for a reason of its own: ask whoever runs it, then bring the file again.")
}

// rescueItem takes one item.
func (in *Intake) rescueItem(ctx context.Context, archive *zip.Reader, row *models.RescueItem, by *models.Member, owner *models.User) error {
	var says rescueSays
	if err := json.Unmarshal([]byte(row.Said), &says); err != nil {
		return &models.Error{Kind: models.Invalid, Message: "What was kept of it can't be read: bring the file again.", Cause: err}
	}
	n := says.Item
	n.By, n.Origin = by, models.Origin{Author: owner.Username}
	if says.Other != "" {
		// Asked of the account, not of whoever brings the file: an order that they may not see is no order made on the phone.
		_, err := models.One[models.WorkOrder](in.Store.Read(ctx).Where("id = ?", n.OrderID), "work order")
		switch {
		case models.KindOf(err) == models.NotFound:
			n.OrderID, n.TaskID = says.Other, "" // nor is its task known here
		case err != nil:
			return err
		}
	}
	have, err := in.Expect(ctx, n)
	if err != nil {
		return err
	}
	row.WorkOrderID = n.OrderID
	if have != nil {
		row.Result, row.ItemID = models.RescueKnown, have.ID
		return nil
	}
	f, err := archive.Open(row.Path)
	if err != nil {
		return models.InvalidField("path", "%s can't be read.", row.Path).Coded(models.CodeDamaged)
	}
	defer f.Close()
	stored, err := in.StoreBytes(ctx, &entryReader{f, row.Path})
	if err != nil {
		return err
	}
	item, made, err := in.AcceptItem(ctx, n, stored)
	if err != nil {
		return err
	}
	row.Result, row.ItemID = models.RescueKnown, item.ID
	if made {
		row.Result = models.RescueTaken
	}
	return nil
}

// entryReader tells bytes of an archive that are damaged from a failure of ours.
type entryReader struct {
	r    io.Reader
	path string
}

func (e *entryReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = models.InvalidField("path", "%s can't be unpacked: the file was damaged.", e.path).Coded(models.CodeDamaged)
	}
	return n, err
}

// GoOnRescuing goes on with rescue files that wait: a crash, an outage or their size ended the request that brought them. One
// that fails waits longer each time, behind the others; what fails for days is refused.
func (in *Intake) GoOnRescuing(ctx context.Context, now time.Time) error {
	var due []*models.Rescue
	q := in.Store.Read(models.AcrossAccounts(ctx)).Where("ended_at IS NULL AND created_at < ?", models.At(now.Add(-rescueWaits)))
	if err := models.DueForSweep(q, "created_at", now).Limit(20).Find(&due).Error; err != nil {
		return err
	}
	var failed error
	for _, r := range due {
		if err := in.goOnRescuing(models.InAccount(ctx, r.AccountID), r, now); err != nil {
			failed = errors.Join(failed, fmt.Errorf("intake: rescue %s: %w", r.ID, err))
		}
	}
	return failed
}

func (in *Intake) goOnRescuing(ctx context.Context, r *models.Rescue, now time.Time) error {
	spent, mine := r.Attempts >= models.SweepPolicy.Most, false // spent: the last try ended with its process
	err := in.Store.Write(ctx, func(tx *models.Tx) (err error) {
		mine, err = models.Sweep[models.Rescue](tx, r.ID, &r.Swept, now)
		return err
	})
	if err != nil || !mine {
		return err
	}
	refused := refusal
	if r.Attempts >= models.SweepPolicy.Most {
		refused = lastRefusal
	}
	if err = errors.New("its last try did not end"); !spent {
		err = in.rescueKept(ctx, r, refused)
	}
	if err == nil {
		return nil
	}
	why := refused(err)
	if why == nil || ctx.Err() != nil {
		return err
	}
	rows, wrong := in.waitingOf(ctx, r)
	if wrong != nil {
		return errors.Join(err, wrong)
	}
	return in.Store.Write(ctx, func(tx *models.Tx) error {
		for _, row := range rows {
			row.Refuse(why)
			if err := looked(tx, row); err != nil {
				return err
			}
		}
		return endRescue(tx, r)
	})
}

// rescueKept takes what waits in a rescue file, from the bytes that were kept of it.
func (in *Intake) rescueKept(ctx context.Context, r *models.Rescue, refused func(error) *models.Error) error {
	kept, err := in.Blobs.Get(ctx, r.BlobKey)
	if errors.Is(err, storage.ErrNotFound) {
		return &models.Error{Kind: models.Gone, Code: models.CodeNoBytes, Message: "The file is not here any more: bring it again.", Cause: err}
	}
	if err != nil {
		return err
	}
	defer kept.Close()
	file, err := os.CreateTemp("", "fieldproof-rescue-")
	if err != nil {
		return err
	}
	defer func() { _, _ = file.Close(), os.Remove(file.Name()) }()
	if _, err := io.Copy(file, kept); err != nil {
		return err
	}
	archive, _, closed, err := openRescue(ctx, file.Name())
	if err != nil {
		return err
	}
	defer closed()
	return in.rescue(ctx, r, archive, refused)
}

// ForgetRescues deletes rescue files whose time is over by now, with what is known of them.
func (in *Intake) ForgetRescues(ctx context.Context, now time.Time) error {
	ctx = models.AcrossAccounts(ctx)
	var old []*models.Rescue
	if err := in.Store.Read(ctx).Where("ended_at < ?", models.At(now.Add(-rescueKept))).Limit(200).Find(&old).Error; err != nil {
		return err
	}
	var failed error
	for _, r := range old {
		if err := in.Blobs.Delete(ctx, r.BlobKey); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		err := in.Store.Write(ctx, func(tx *models.Tx) error {
			if err := tx.Where("rescue_id = ?", r.ID).Delete(&models.RescueItem{}).Error; err != nil {
				return err
			}
			return tx.Where("id = ?", r.ID).Delete(&models.Rescue{}).Error
		})
		if err != nil {
			return err
		}
	}
	return failed
}

// rescuedActions are the actions of a manifest that can be read.
func rescuedActions(m *rescueManifest) []models.RescueAction {
	all := []models.RescueAction{}
	for _, raw := range m.Actions {
		var a rescuedAction
		if json.Unmarshal(raw, &a) != nil || !models.PlainText(a.Kind, a.OrderID) {
			continue
		}
		if text, err := json.Marshal(a.Body); err != nil || !models.PlainText(string(text)) || strings.Contains(string(text), `\u0000`) {
			a.Body = nil // no database keeps it
		}
		if a.Body == nil {
			a.Body = map[string]any{}
		}
		all = append(all, models.RescueAction{Kind: bounded(a.Kind, 40), WorkOrderID: bounded(a.OrderID, 100), DoneAt: phoneTime(a.DoneAt), Body: a.Body})
	}
	return all
}

// phoneTime is a time as phones write it, nil where it is none.
func phoneTime(ms *float64) *models.Time {
	if ms == nil || *ms < 0 || *ms > 253402300799999 {
		return nil
	}
	at := models.At(time.UnixMicro(int64(*ms * 1000)))
	return &at
}

// bounded is the beginning of a text, as much as is kept.
func bounded(s string, most int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if letters := []rune(s); len(letters) > most {
		s = string(letters[:most])
	}
	return s
}
