package uploads

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"fieldproof/models"
	"fieldproof/storage"
)

const (
	// largestPiece is the most that is held in memory of a body.
	largestPiece = 1 << 20
	// keepsEvery is how much of what came a dead line may cost, in time.
	keepsEvery = time.Second
	// keepsWithin is how long keeping a piece may take: whoever sent it waits for an answer.
	keepsWithin = 8 * time.Second
)

// Prefix begins the keys of all pieces that came in within the hour of at, so that those which no row names can be found.
func Prefix(at time.Time) string { return "uploads/" + at.UTC().Format("2006/01/02/15/") }

// errTooLong says that a body holds more than its upload lacks.
func errTooLong() error {
	return models.Errorf(models.TooLarge, "More bytes came than Upload-Length says.")
}

// Take keeps what comes of body, from where the upload stands on, and moves it forward: also when the body breaks off, which
// is the error then. Interrupt ends a read that waits. It is [models.Conflict] when somebody else moved the upload meanwhile.
func (u *Uploads) Take(ctx context.Context, up *models.Upload, body io.Reader, interrupt func()) error {
	k := &keeper{uploads: u, ctx: models.InAccount(context.WithoutCancel(ctx), up.AccountID), up: up, ended: make(chan struct{})}
	u.underWay.Store(up.ID, k)
	defer func() {
		u.underWay.CompareAndDelete(up.ID, k)
		close(k.ended)
	}()
	read := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		tick := time.NewTicker(keepsEvery)
		defer tick.Stop()
		for {
			select {
			case <-read:
				return
			case <-tick.C:
				if k.keep() != nil {
					interrupt()
					return
				}
			}
		}
	})
	broke := k.read(body)
	close(read)
	ticking.Wait()
	if err := k.keep(); err != nil {
		return err
	}
	return broke
}

// keeper gathers what comes of a body, and keeps it in pieces.
type keeper struct {
	uploads *Uploads
	ctx     context.Context
	up      *models.Upload
	ended   chan struct{} // closed once all that came is kept

	mu     sync.Mutex
	came   []byte // and is not kept yet
	failed error
}

func (k *keeper) read(body io.Reader) error {
	left := k.up.Length - k.up.Received
	for some := make([]byte, 32<<10); ; {
		n, err := body.Read(some[:min(int64(len(some)), left+1)])
		if left -= int64(n); left < 0 {
			k.forget()
			return errTooLong()
		}
		if failed := k.add(some[:n]); failed != nil {
			return failed
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// forget lets go of what came last: a body that is too long is not trusted with the end of a photo.
func (k *keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.came = nil
}

func (k *keeper) add(some []byte) error {
	k.mu.Lock()
	full := len(k.came)+len(some) > largestPiece
	k.mu.Unlock()
	if full {
		if err := k.keep(); err != nil {
			return err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.came = append(k.came, some...)
	return k.failed
}

// keep makes a piece of what came. Once it has failed nothing more is kept.
func (k *keeper) keep() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil && len(k.came) > 0 {
		k.failed = k.uploads.keep(k.ctx, k.up, k.came)
		k.came = k.came[:0]
	}
	return k.failed
}

// keep makes a piece durable: its bytes, then its row, in the transaction that moves the upload from where it stands.
func (u *Uploads) keep(ctx context.Context, up *models.Upload, piece []byte) error {
	ctx, cancel := context.WithTimeout(ctx, keepsWithin)
	defer cancel()
	key := Prefix(time.Now()) + models.NewID()
	err := u.Blobs.Put(ctx, key, "application/octet-stream", bytes.NewReader(piece))
	if storage.IsFull(err) {
		return models.Errorf(models.NoRoom, "The server has no room left: what came before is kept. Keep the photo and go on later.")
	}
	if err != nil {
		return err
	}
	size := int64(len(piece))
	err = u.Store.Write(ctx, func(tx *models.Tx) error {
		moved := tx.Model(&models.Upload{}).Where("id = ? AND received = ? AND ended_at IS NULL", up.ID, up.Received).
			Updates(map[string]any{"received": up.Received + size, "moved_at": models.Now()})
		if moved.Error != nil {
			return moved.Error
		}
		if moved.RowsAffected == 0 {
			return errElsewhere()
		}
		return tx.Create(&models.UploadPiece{UploadID: up.ID, Start: up.Received, AccountID: up.AccountID, Size: size, BlobKey: key}).Error
	})
	if isElsewhere(err) {
		u.delete(ctx, []string{key})
	}
	if err != nil {
		return err
	}
	up.Received += size
	up.MovedAt = models.Now()
	return nil
}

// wholeReader reads pieces one after another as one file; it ends with [storage.ErrNotFound] where bytes of the file are no more.
type wholeReader struct {
	ctx    context.Context
	blobs  *storage.Store
	pieces []models.UploadPiece
	open   storage.Reader
	at     int64 // where the piece begins that is read
	length int64 // of the file
}

func (w *wholeReader) Read(p []byte) (int, error) {
	for {
		if w.open == nil {
			switch {
			case len(w.pieces) == 0 && w.at >= w.length:
				return 0, io.EOF
			case len(w.pieces) == 0 || w.pieces[0].Start != w.at: // whoever made the item meanwhile let go of them
				return 0, storage.ErrNotFound
			}
			var err error
			if w.open, err = w.blobs.Get(w.ctx, w.pieces[0].BlobKey); err != nil {
				return 0, err
			}
		}
		n, err := w.open.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		w.close()
		w.at += w.pieces[0].Size
		w.pieces = w.pieces[1:]
		if n > 0 {
			return n, nil
		}
	}
}

func (w *wholeReader) close() {
	if w.open != nil {
		_ = w.open.Close()
		w.open = nil
	}
}
