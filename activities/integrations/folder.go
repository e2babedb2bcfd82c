package integrations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/rclone/rclone/fs"
	"github.com/rclone/rclone/fs/object"
	"github.com/rclone/rclone/fs/operations"

	"fieldproof/activities/attempts"
	"fieldproof/intake"
	"fieldproof/models"
	"fieldproof/remotes"
	"fieldproof/sheets"
)

// Folders beside a watched one, into which its files go.
const (
	doneFolder   = "done"
	failedFolder = "failed"
)

const (
	defaultSettle = 10 // seconds
	maxFiles      = 1000
	folderTime    = 10 * time.Minute
)

func (a *Integrations) spec(i *models.Integration, secrets models.IntegrationSecrets) remotes.Spec {
	options := map[string]string{}
	for k, v := range i.Settings.Options {
		options[k] = v
	}
	for k, v := range secrets.Options {
		options[k] = v
	}
	return remotes.Spec{Backend: i.Settings.Backend, Path: i.Settings.Path, Options: options}
}

func (a *Integrations) testFolder(ctx context.Context, i *models.Integration, secrets models.IntegrationSecrets) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	spec := a.spec(i, secrets)
	f, err := a.Remotes.Open(ctx, spec)
	if err != nil {
		return err
	}
	_, err = f.List(ctx, "")
	return a.Remotes.Explain(spec, err)
}

func settle(i *models.Integration) time.Duration {
	seconds := i.Settings.SettleSeconds
	if seconds == 0 {
		seconds = defaultSettle
	}
	return time.Duration(seconds) * time.Second
}

// watching is one look at a watched folder.
type watching struct {
	*Integrations
	account *models.Account
	i       *models.Integration
	f       fs.Fs
}

// watch looks at the folder: files that have settled are imported, each once by its content; those whose import has ended
// are moved to done or failed, with a result file beside them. It returns when to look again at what has not settled, 0
// when nothing waits.
func (a *Integrations) watch(ctx context.Context, account *models.Account, i *models.Integration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, folderTime)
	defer cancel()
	secrets, err := a.SecretsOf(i)
	if err != nil {
		return 0, err
	}
	spec := a.spec(i, secrets)
	f, err := a.Remotes.Open(ctx, spec)
	if err != nil {
		return 0, err
	}
	again, err := (&watching{a, account, i, f}).look(ctx)
	if !attempts.IsOurs(err) {
		err = a.Remotes.Explain(spec, err)
	}
	return again, err
}

func (w *watching) look(ctx context.Context) (time.Duration, error) {
	entries, err := w.f.List(ctx, "")
	if err != nil && !errors.Is(err, fs.ErrorDirNotFound) {
		return 0, err
	}
	known, err := w.known(ctx)
	if err != nil {
		return 0, attempts.Ours(err)
	}
	again := time.Duration(0)
	count := 0
	for _, e := range entries {
		o, isFile := e.(fs.Object)
		if !isFile || !isSheet(o.Remote()) {
			continue
		}
		if count++; count > maxFiles {
			return settle(w.i), nil // the rest at the next look
		}
		wait, err := w.file(ctx, o, known[o.Remote()])
		if err != nil {
			return again, err
		}
		if wait > 0 && (again == 0 || wait < again) {
			again = wait
		}
	}
	return again, nil
}

// isSheet tells whether a file is one to import. Those that are being written under names of their own are none.
func isSheet(name string) bool {
	base := path.Base(name)
	switch strings.ToLower(path.Ext(base)) {
	case ".csv", ".xlsx", ".txt", ".tsv":
		return !strings.HasPrefix(base, ".") && !strings.HasPrefix(base, "~")
	}
	return false
}

func (w *watching) known(ctx context.Context) (map[string]*models.WatchedFile, error) {
	var rows []*models.WatchedFile
	err := w.Store.Read(ctx).Where("integration_id = ?", w.i.ID).Find(&rows).Error
	known := map[string]*models.WatchedFile{}
	for _, r := range rows {
		known[r.Path] = r
	}
	return known, err
}

// file deals with one file and returns when to look at it again, 0 when it is seen to.
func (w *watching) file(ctx context.Context, o fs.Object, have *models.WatchedFile) (time.Duration, error) {
	size, modified := o.Size(), models.At(o.ModTime(ctx))
	if have == nil || have.Size != size || !have.Modified.Equal(modified.Time) {
		row := &models.WatchedFile{IntegrationID: w.i.ID, Path: o.Remote(), AccountID: w.i.AccountID, Size: size, Modified: modified, SeenAt: models.Now()}
		return settle(w.i), attempts.Ours(w.Store.Write(ctx, func(tx *models.Tx) error { return tx.Save(row).Error }))
	}
	if have.ImportID != "" {
		return 0, w.finish(ctx, o, have)
	}
	if rest := settle(w.i) - time.Since(have.SeenAt.Time); rest > 0 {
		return rest, nil
	}
	return 0, w.bring(ctx, o)
}

// bring keeps the content of a settled file and has it imported. The same content under another name is the same import.
func (w *watching) bring(ctx context.Context, o fs.Object) error {
	content, err := o.Open(ctx)
	if err != nil {
		return err
	}
	defer content.Close()
	staged, sum, err := stage(content)
	if err != nil {
		return err
	}
	defer staged.remove()
	id := models.DerivedID("watched file", w.i.ID, sum)
	format := models.FormatCSV
	if strings.EqualFold(path.Ext(o.Remote()), ".xlsx") {
		format = models.FormatXLSX
	}
	reader, err := staged.open()
	if err != nil {
		return err
	}
	defer reader.Close()
	_, err = w.Intake.StartImport(ctx, intake.NewImport{ID: id, Account: w.account, Integration: w.i, Format: format, FileName: path.Base(o.Remote()), Mapping: w.i.Settings.Mapping}, reader)
	if models.KindOf(err) == models.TooLarge {
		return err
	}
	if err != nil {
		return attempts.Ours(err)
	}
	err = w.Store.Write(ctx, func(tx *models.Tx) error {
		done := tx.Model(&models.WatchedFile{}).Where("integration_id = ? AND path = ?", w.i.ID, o.Remote()).Updates(map[string]any{"sha256": sum, "import_id": id})
		if done.Error != nil {
			return done.Error
		}
		return tx.Ring(models.IntegrationBell, w.i.ID) // its import may have ended long ago
	})
	w.Intake.Bells.Poke()
	return attempts.Ours(err)
}

// finish moves a file whose import has ended: the result file first, then the file itself, so that a kill between the two
// repeats both.
func (w *watching) finish(ctx context.Context, o fs.Object, have *models.WatchedFile) error {
	i, err := models.One[models.Import](w.Store.Read(ctx).Where("id = ?", have.ImportID), "import")
	if err != nil {
		return attempts.Ours(err)
	}
	if !i.Over() {
		return nil // its end rings
	}
	folder := doneFolder
	if i.State != models.ImportDone || (i.Processed > 0 && i.Rejected == i.Processed) {
		folder = failedFolder
	}
	stamp := have.SeenAt.UTC().Format("20060102-150405")
	name := path.Base(o.Remote())
	stem := strings.TrimSuffix(name, path.Ext(name))
	target := path.Join(folder, fmt.Sprintf("%s_%s%s", stem, stamp, path.Ext(name)))
	results, err := w.results(ctx, i)
	if err != nil {
		return attempts.Ours(err)
	}
	info := object.NewStaticObjectInfo(path.Join(folder, fmt.Sprintf("%s_%s.result.csv", stem, stamp)), time.Now(), int64(len(results)), true, nil, nil)
	old, err := w.f.NewObject(ctx, info.Remote())
	if err == nil {
		err = old.Update(ctx, bytes.NewReader(results), info)
	} else if errors.Is(err, fs.ErrorObjectNotFound) || errors.Is(err, fs.ErrorDirNotFound) {
		if err = operations.Mkdir(ctx, w.f, folder); err == nil {
			_, err = w.f.Put(ctx, bytes.NewReader(results), info)
		}
	}
	if err != nil {
		return err
	}
	if _, err := operations.Move(ctx, w.f, nil, target, o); err != nil {
		return err
	}
	return attempts.Ours(w.Store.Write(ctx, func(tx *models.Tx) error {
		return tx.Where("integration_id = ? AND path = ?", w.i.ID, o.Remote()).Delete(&models.WatchedFile{}).Error
	}))
}

// results writes the result file of an import.
func (w *watching) results(ctx context.Context, i *models.Import) ([]byte, error) {
	var b bytes.Buffer
	err := sheets.WriteResults(ctx, w.Store, i, &b)
	return b.Bytes(), err
}

// unmoved tells whether a file of a watched folder waits to be moved because its import has ended.
func (a *Integrations) unmoved(ctx context.Context, i *models.Integration) (bool, error) {
	var n int64
	err := a.Store.Read(models.InAccount(ctx, i.AccountID)).Model(&models.WatchedFile{}).Joins("JOIN imports ON imports.id = watched_files.import_id AND imports.ended_at IS NOT NULL").
		Where("watched_files.integration_id = ?", i.ID).Count(&n).Error
	return n > 0, err
}
